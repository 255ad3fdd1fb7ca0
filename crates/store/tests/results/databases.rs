//! Runs read back out of databases: the one asked for, its bodies, and what is not there.

use gather_core::{Outcome, Record};
use gather_store::read::{
    self, Bodies, ReadError, ReadErrorKind, ResultPlace, ResultSpec, Results, Survey,
};
use gather_store::{DatabaseUrl, Fields, Format, OutputSpec, OutputTarget, RunInfo};
use gather_testkit::{Postgres, PostgresSync};

use crate::records::{LINES, file, read_all, run, spec, values};

/// A database, and how a run in it is named as a result.
struct Place {
    output: OutputSpec,
    result: ResultPlace,
}

impl Place {
    fn write(&self, run: &RunInfo, fields: &Fields, records: &[Record]) {
        let output = OutputSpec { fields: fields.clone(), ..self.output.clone() };
        let mut sink = gather_store::open(&output, run).unwrap();
        records.iter().for_each(|record| sink.write(record).unwrap());
        sink.finish().unwrap();
    }

    fn open(&self, run: Option<&str>, bodies: Bodies) -> Result<Box<dyn Results>, ReadError> {
        let place = self.result.clone();
        read::open(&ResultSpec { place, run: run.map(Box::from), bodies })
    }

    fn read(&self, run: Option<&str>, bodies: Bodies) -> (RunInfo, Vec<Record>) {
        let mut results = self.open(run, bodies).unwrap();
        let mut records = Vec::new();
        while let Some(record) = results.next().unwrap() {
            records.push(record);
        }
        (results.run().unwrap().clone(), records)
    }
}

fn lines(records: &[Record]) -> String {
    let encoder = gather_store::Encoder::new(&Fields::held());
    let mut text = Vec::new();
    for record in records {
        encoder.encode(record, &mut text);
        text.push(b'\n');
    }
    String::from_utf8(text).unwrap()
}

/// What holds for both.
fn check(place: &Place) {
    let dir = tempfile::tempdir().unwrap();
    // Unknown members have no column, and a number no more than 63 bits.
    let known = LINES.replace(",\"from_a_later_version\":\"kept\"", "");
    let known = known.replace("18446744073709551614", "3");
    let records = read_all(&file(dir.path(), "known.jsonl", &known)).0;
    let mut survey = Survey::default();
    records.iter().for_each(|record| survey.add(record));
    place.write(&run(), &survey.fields(), &records);

    // Enough for several pages, of a run that began later.
    let body = |n: u64| format!("body {n} \u{e9}");
    let many: Vec<Record> = (0..1_234)
        .map(|n| Record {
            url: format!("http://a.example/{n}"),
            status_code: 200,
            body: Some(body(n).into()),
            ..Record::new(n, Outcome::Ok)
        })
        .collect();
    let later = RunInfo::new(run().started_unix_us + 1_000_000, 7);
    place.write(&later, &Fields::parse("+body").unwrap(), &many);

    let (named, found) = place.read(Some(&*run().id), Bodies::Leave);
    assert_eq!(values(&lines(&found)), values(&known));
    // To the millisecond, as a database has it.
    assert_eq!((named.id, named.started_unix_us / 1000), (run().id, run().started_unix_us / 1000));

    let (named, found) = place.read(None, Bodies::Read);
    assert_eq!(named.id, later.id);
    assert_eq!(found.len(), many.len());
    for (n, record) in (0..).zip(&found) {
        assert_eq!((record.n, record.body.as_deref()), (n, Some(body(n).as_bytes())));
    }
    assert_eq!(place.read(None, Bodies::Leave).1[0].body, None);

    let missing = place.open(Some("2001-01-01"), Bodies::Leave).map(drop).unwrap_err();
    assert_eq!(missing.kind, ReadErrorKind::Missing);
    let expected =
        format!("holds no run 2001-01-01; hint: the last ones are {}, {}", later.id, run().id);
    assert_eq!(missing.message, expected);
}

#[test]
fn a_run_comes_back_out_of_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("runs.db");
    let output = spec(&path, Format::Sqlite, Fields::default());
    check(&Place { output, result: ResultPlace::File(path) });
}

#[test]
fn a_run_comes_back_out_of_postgresql() {
    let Some(server) = Postgres::start(None, PostgresSync::Off) else {
        eprintln!("NOT TESTED: what needs postgresql, which is not installed");
        return;
    };
    let url = DatabaseUrl::new(server.url());
    let result = ResultPlace::Postgres(url.clone());
    let output = OutputSpec {
        target: OutputTarget::Postgres(url),
        ..spec("unused".as_ref(), Format::Postgres, Fields::default())
    };
    let place = Place { output, result };
    let empty = place.open(None, Bodies::Leave).map(drop).unwrap_err();
    assert_eq!(
        (empty.kind, empty.message.as_str()),
        (ReadErrorKind::Form, "holds no results of gather")
    );
    assert!(!empty.to_string().contains(server.password()), "{empty}");
    check(&place);
}
