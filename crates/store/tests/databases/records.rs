//! Records to write, and how they are written.

use std::time::Duration;

use gather_core::attempt::Timings;
use gather_core::{ErrorKind, Failure, FieldValue, FieldValues, Outcome, Record, RecordError};
use gather_store::{
    Durability, Existing, Fields, Format, OutputSpec, OutputTarget, Position, RunInfo, Sink,
    SinkError,
};

/// 2026-11-21T10:00:00.123456Z.
const STARTED_UNIX_US: u64 = 1_795_255_200_123_456;

/// A page that was fetched in so many milliseconds.
pub(crate) fn page(n: u64, url: &str, ms: u64) -> Record {
    Record {
        url: url.into(),
        status_code: 200,
        remote_ip: Some([203, 0, 113, 217].into()),
        content_type: Some("text/html".into()),
        content_length: 1000 + n,
        body_bytes: 500,
        attempts: 1,
        timings: Timings {
            started_unix_us: STARTED_UNIX_US + n * 1000,
            total: Duration::from_millis(ms),
            ..Timings::default()
        },
        ..Record::new(n, Outcome::Ok)
    }
}

/// A target that never answered.
pub(crate) fn failed(n: u64, url: &str, kind: ErrorKind) -> Record {
    let outcome = Outcome::Failed(RecordError::new(Failure::new(kind, "it is gone"), true));
    Record { url: url.into(), attempts: 3, ..Record::new(n, outcome) }
}

/// The same with what extraction found.
pub(crate) fn with_fields(record: Record, fields: &[(&str, FieldValue)]) -> Record {
    let fields: FieldValues =
        fields.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
    Record { fields: Some(Box::new(fields)), ..record }
}

/// The same with what the input brought along.
pub(crate) fn with_tags(record: Record, tags: &[(&str, &str)]) -> Record {
    let tags = tags.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Record { tags: Some(Box::new(tags)), ..record }
}

pub(crate) fn decimal(digits: &str) -> FieldValue {
    FieldValue::Decimal(digits.into())
}

pub(crate) fn text(text: &str) -> FieldValue {
    FieldValue::Text(text.into())
}

/// A run of this number, of this job.
pub(crate) fn run(number: u64, job: Option<&str>) -> RunInfo {
    let mut run = RunInfo::new(STARTED_UNIX_US + number * 60_000_000, number);
    run.job = job.map(Box::from);
    run.settings = Some(r#"{"concurrency":"50"}"#.into());
    run
}

/// A database, as a test sees it.
pub(crate) trait Database {
    fn target(&self) -> (OutputTarget, Format);

    /// What it answers: one line a row, columns parted by `|`.
    fn ask(&self, sql: &str) -> String;

    fn spec(&self, fields: &str, existing: Existing) -> OutputSpec {
        let (target, format) = self.target();
        let fields = match fields {
            "" => Fields::default(),
            list => Fields::parse(list).unwrap(),
        };
        OutputSpec { target, format, fields, existing, durability: Durability::Disk }
    }

    fn open(&self, existing: Existing, run: &RunInfo) -> Result<Box<dyn Sink>, SinkError> {
        gather_store::open(&self.spec("", existing), run)
    }

    /// A whole run of these records.
    fn write(&self, run: &RunInfo, records: &[Record]) -> Position {
        self.write_members("", run, records)
    }

    /// The same with these members.
    fn write_members(&self, fields: &str, run: &RunInfo, records: &[Record]) -> Position {
        let spec = self.spec(fields, Existing::Refuse);
        let mut sink = gather_store::open(&spec, run).unwrap();
        records.iter().for_each(|record| sink.write(record).unwrap());
        sink.finish().unwrap()
    }
}
