//! Records written, through the code that a run writes with.

use std::hint::black_box;
use std::sync::Arc;

use gather::core::attempt::{Timings, TlsInfo};
use gather::core::{Duration, ErrorKind, Failure, Outcome, Record, RecordError};
use gather::store::{
    CsvBom, Durability, Existing, Fields, Format, OutputSpec, OutputTarget, RunInfo, open,
};

use super::Step;

pub(super) const STEPS: &[Step] = &[
    Step { name: "record-jsonl", count: 10_000, run: |count| write(count, Format::Jsonl, ok()) },
    Step {
        name: "record-jsonl-failed",
        count: 10_000,
        run: |count| write(count, Format::Jsonl, failed()),
    },
    Step {
        name: "record-csv",
        count: 10_000,
        run: |count| write(count, Format::Csv(CsvBom::None), ok()),
    },
];

/// As the writer of a run does.
const COMMIT_RECORDS: u64 = 1_000;

fn write(count: u64, format: Format, mut record: Record) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spec = OutputSpec {
        target: OutputTarget::File(folder.path().join("out")),
        format,
        fields: Fields::default(),
        existing: Existing::Overwrite,
        durability: Durability::System,
    };
    let mut sink = open(&spec, &RunInfo::new(1, 1)).expect("an empty folder");
    for n in 0..count {
        record.n = 1_000_000 + n;
        sink.write(black_box(&record)).expect("the disk has room");
        if n % COMMIT_RECORDS == COMMIT_RECORDS - 1 {
            sink.commit().expect("the disk has room");
        }
    }
}

fn ok() -> Record {
    Record {
        url: "https://shop-117.example/catalogue/page-1795255.html".to_owned(),
        status_code: 200,
        remote_ip: Some([203, 0, 113, 217].into()),
        content_type: Some("text/html; charset=utf-8".into()),
        content_length: 18_234,
        body_bytes: 5_120,
        attempts: 1,
        time_queue: Duration::from_micros(2_100),
        timings: Timings {
            started_unix_us: 1_795_255_200_123_456,
            namelookup: Duration::from_micros(412),
            connect: Duration::from_micros(11_035),
            appconnect: Duration::from_micros(34_122),
            starttransfer: Duration::from_micros(120_417),
            total: Duration::from_micros(151_003),
        },
        tls: Some(Arc::new(TlsInfo {
            version: "1.3",
            not_after_unix_s: Some(1_800_000_000),
            san: Vec::new(),
            issuer: None,
        })),
        ..Record::new(0, Outcome::Ok)
    }
}

fn failed() -> Record {
    let failure = Failure::new(ErrorKind::TimeoutFirstByte, "no byte within 5 s");
    let outcome = Outcome::Failed(RecordError::new(failure, true));
    Record {
        url: "https://shop-117.example/catalogue/page-1795255.html".to_owned(),
        attempts: 3,
        timings: Timings {
            started_unix_us: 1_795_255_200_123_456,
            total: Duration::from_micros(5_001_003),
            ..Timings::default()
        },
        ..Record::new(0, outcome)
    }
}
