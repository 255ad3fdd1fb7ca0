//! Opening, writing and refusing outputs, on real files and pipes.

use std::fs;
use std::path::{Path, PathBuf};

use gather_core::{Outcome, Record};
use gather_store::{
    CsvBom, Durability, Existing, Fields, Format, OutputSpec, OutputTarget, Position, RunInfo,
    Sink, SinkError, SinkErrorKind, Template,
};

fn record(n: u64, url: &str) -> Record {
    Record {
        url: url.into(),
        status_code: 200,
        tags: Some(Box::new(vec![("sku".into(), "=A1,\"x\"".into())])),
        ..Record::new(n, Outcome::Ok)
    }
}

fn spec(path: &Path, format: Format, fields: &str) -> OutputSpec {
    OutputSpec {
        target: OutputTarget::File(path.to_owned()),
        format,
        fields: Fields::parse(fields).unwrap(),
        existing: Existing::Refuse,
        durability: Durability::Disk,
    }
}

fn open(spec: &OutputSpec) -> Result<Box<dyn Sink>, SinkError> {
    gather_store::open(spec, &RunInfo::new(0, 0))
}

fn open_all(specs: &[OutputSpec]) -> Result<Vec<Box<dyn Sink>>, SinkError> {
    gather_store::open_all(specs, &RunInfo::new(0, 0))
}

fn write_two(mut sink: Box<dyn Sink>) -> Position {
    sink.write(&record(0, "http://a.example/")).unwrap();
    sink.write(&record(1, "http://b.example/")).unwrap();
    sink.finish().unwrap()
}

#[test]
fn each_format_writes_what_was_asked() {
    let dir = tempfile::tempdir().unwrap();
    let cases = [
        (
            Format::Jsonl,
            "{\"n\":0,\"url\":\"http://a.example/\",\"tags\":{\"sku\":\"=A1,\\\"x\\\"\"}}\n\
             {\"n\":1,\"url\":\"http://b.example/\",\"tags\":{\"sku\":\"=A1,\\\"x\\\"\"}}\n",
        ),
        (
            Format::Csv(CsvBom::None),
            "url,n,tags.sku\nhttp://a.example/,0,\"'=A1,\"\"x\"\"\"\n\
             http://b.example/,1,\"'=A1,\"\"x\"\"\"\n",
        ),
        (
            Format::Csv(CsvBom::Utf8),
            "\u{feff}url,n,tags.sku\nhttp://a.example/,0,\"'=A1,\"\"x\"\"\"\n\
             http://b.example/,1,\"'=A1,\"\"x\"\"\"\n",
        ),
        (Format::Text(Template::parse("{n} {tags.sku}").unwrap()), "0 =A1,\"x\"\n1 =A1,\"x\"\n"),
    ];
    for (at, (format, expected)) in cases.into_iter().enumerate() {
        let path = dir.path().join(at.to_string());
        let sink = open(&spec(&path, format, "url,n,tags.sku")).unwrap();
        assert_eq!(sink.name(), path.display().to_string());
        let position = write_two(sink);
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        assert_eq!(position, Position { parts: 0, bytes: expected.len() as u64, records: 2 });
    }
}

#[test]
fn a_commit_shows_what_was_written_and_only_whole_records() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.jsonl");
    let mut sink = open(&spec(&path, Format::Jsonl, "n")).unwrap();
    for n in 0..100_000 {
        sink.write(&record(n, "http://a.example/")).unwrap();
    }
    let before = fs::read_to_string(&path).unwrap();
    assert!(before.is_empty() || before.ends_with("}\n"));
    let position = sink.commit().unwrap();
    let after = fs::read_to_string(&path).unwrap();
    assert_eq!((position.records, position.bytes), (100_000, after.len() as u64));
    assert_eq!(after.lines().last(), Some("{\"n\":99999}"));
}

/// What opening says for each state of the place, and that a refusal changes nothing.
#[test]
fn an_output_that_cannot_be_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| -> PathBuf { dir.path().join(name) };
    fs::write(at("full"), "precious").unwrap();
    fs::write(at("empty"), "").unwrap();
    let check = |name: &str, existing: Existing| {
        let said = |error: gather_store::SinkError| {
            error.to_string().replace(&dir.path().display().to_string(), "DIR")
        };
        let spec = OutputSpec { existing, ..spec(&at(name), Format::Jsonl, "n") };
        let all = open_all(std::slice::from_ref(&spec)).map(drop).map_err(said);
        assert_eq!(open(&spec).map(drop).map_err(said), all);
        all.err().unwrap_or_default()
    };
    let full = "DIR/full is not empty; \
                hint: replace it with --overwrite, or name another file";
    assert_eq!(check("full", Existing::Refuse), full);
    assert_eq!(fs::read_to_string(at("full")).unwrap(), "precious");
    let missing = "DIR/no/such does not exist; hint: create the directory first";
    assert_eq!(check("no/such/out", Existing::Refuse), missing);
    assert_eq!(check("", Existing::Overwrite), "DIR/ is a directory; hint: name a file in it");
    assert_eq!(check("empty", Existing::Refuse), "");
    assert_eq!(check("new", Existing::Refuse), "");
    assert_eq!(check("full", Existing::Overwrite), "");
    assert_eq!(fs::read_to_string(at("full")).unwrap(), "");
}

#[test]
fn two_runs_do_not_share_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.jsonl");
    let mut spec = spec(&path, Format::Jsonl, "n");
    let _first = open(&spec).unwrap();
    spec.existing = Existing::Overwrite;
    let kind = |result: Result<_, gather_store::SinkError>| result.map(drop).unwrap_err().kind;
    assert_eq!(kind(open(&spec).map(|_| ())), SinkErrorKind::Busy);
}

#[test]
fn where_one_of_several_is_refused_none_is_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("first"), dir.path().join("second"));
    fs::write(&first, "precious").unwrap();
    fs::write(&second, "precious").unwrap();
    let overwrite =
        OutputSpec { existing: Existing::Overwrite, ..spec(&first, Format::Jsonl, "n") };
    let cases = [
        (spec(&second, Format::Jsonl, "n"), SinkErrorKind::Exists),
        (overwrite.clone(), SinkErrorKind::Twice),
    ];
    for (other, expected) in cases {
        let error = open_all(&[overwrite.clone(), other]).map(drop).unwrap_err();
        assert_eq!(error.kind, expected);
        assert_eq!(fs::read_to_string(&first).unwrap(), "precious");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_is_named() {
    let mut sink = open(&spec(Path::new("/dev/full"), Format::Jsonl, "n")).unwrap();
    sink.write(&record(0, "http://a.example/")).unwrap();
    let error = sink.commit().unwrap_err();
    assert_eq!(error.kind, SinkErrorKind::DiskFull);
    assert_eq!(
        error.to_string(),
        "cannot write /dev/full: no space left; 0 whole records (0 bytes) are kept; \
         hint: free some space, then run it again"
    );
}

#[test]
fn a_run_that_goes_on_cuts_back_to_its_position() {
    let dir = tempfile::tempdir().unwrap();
    let text = Format::Text(Template::parse("{n} {url}").unwrap());
    let formats = [Format::Jsonl, Format::Csv(CsvBom::Utf8), text];
    for (at, format) in formats.into_iter().enumerate() {
        let path = dir.path().join(at.to_string());
        let fresh = spec(&path, format, "n,url");
        let expected = write_two(open(&fresh).unwrap());
        let whole = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let mut sink = open(&fresh).unwrap();
        sink.write(&record(0, "http://a.example/")).unwrap();
        let first = sink.commit().unwrap();
        sink.write(&record(7, "http://lost.example/")).unwrap();
        sink.finish().unwrap();
        // Half a record, as a kill leaves it.
        let long = fs::read(&path).unwrap();
        fs::write(&path, &long[..long.len() - 3]).unwrap();
        let again = OutputSpec { existing: Existing::Resume(first), ..fresh.clone() };
        let mut sink = open_all(std::slice::from_ref(&again)).unwrap().remove(0);
        assert_eq!(sink.commit().unwrap(), first);
        sink.write(&record(1, "http://b.example/")).unwrap();
        assert_eq!(sink.finish().unwrap(), expected);
        assert_eq!(fs::read_to_string(&path).unwrap(), whole);
        // Shorter than it was left, or gone.
        let is = fs::OpenOptions::new().write(true).open(&path).unwrap();
        is.set_len(first.bytes - 1).unwrap();
        drop(is);
        let refused = open_all(std::slice::from_ref(&again)).err().unwrap();
        assert_eq!(refused.kind, SinkErrorKind::Changed, "{refused}");
        assert_eq!(fs::metadata(&path).unwrap().len(), first.bytes - 1);
        fs::remove_file(&path).unwrap();
        assert_eq!(open_all(&[again]).err().unwrap().kind, SinkErrorKind::Changed);
        // Nothing was committed: it may be gone, and holds nothing of value.
        let nothing = Existing::Resume(Position::default());
        fs::write(&path, "rubbish").unwrap();
        let sink = open(&OutputSpec { existing: nothing, ..fresh }).unwrap();
        assert_eq!(write_two(sink), expected);
        assert_eq!(fs::read_to_string(&path).unwrap(), whole);
    }
}
