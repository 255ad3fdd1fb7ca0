//! Archives written, cut, resumed and read back.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use bytes::Bytes;
use gather_core::attempt::HttpVersion;
use gather_core::exchange::{Coding, Cut, Exchange};
use gather_core::record::Archived;
use gather_core::{Outcome, Record};

use super::read::{WarcErrorReason, WarcReader};
use super::sink::{Warc, part_path};
use crate::sink::{
    Durability, Existing, Format, OutputSpec, OutputTarget, Position, RunInfo, Sink,
    WarcCompression,
};
use crate::{Fields, SinkErrorKind};

const ALL: [WarcCompression; 2] = [WarcCompression::Gzip, WarcCompression::None];

fn spec(path: &Path, existing: Existing, compression: WarcCompression) -> OutputSpec {
    OutputSpec {
        target: OutputTarget::File(path.to_owned()),
        format: Format::Warc(compression),
        fields: Fields::default(),
        existing,
        durability: Durability::Disk,
    }
}

fn opened(path: &Path, existing: Existing, compression: WarcCompression, part: u64) -> Box<Warc> {
    let run = RunInfo {
        id: "2026-11-21T10:00:00Z-000001".into(),
        started_unix_us: 0,
        job: None,
        settings: None,
    };
    Box::new(Warc::open(&spec(path, existing, compression), &run, compression, part).unwrap())
}

fn exchange(url: &str, body: &[u8]) -> Exchange {
    Exchange {
        url: url.into(),
        sent_unix_us: 1_800_000_000_000_000,
        remote_ip: [192, 0, 2, 1].into(),
        version: HttpVersion::Http11,
        tls: None,
        request_head: Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n"),
        request_body: Bytes::new(),
        response_head: Bytes::from_static(b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n"),
        body: Bytes::copy_from_slice(body),
        coding: Coding::None,
        cut: None,
    }
}

fn record(n: u64, body: &[u8]) -> Record {
    let url = format!("http://a.example/{n}");
    let mut record = Record::new(n, Outcome::Ok);
    record.timings.started_unix_us = 1_800_000_000_000_000;
    record.exchanges = vec![exchange(&url, body)];
    record.url = url;
    record
}

/// A body that does not compress to nothing.
fn noise(n: u64, len: usize) -> Vec<u8> {
    let mut state = n + 1;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
            (state >> 33) as u8
        })
        .collect()
}

fn body_at(archived: &Archived) -> Vec<u8> {
    let mut reader = WarcReader::open(Path::new(&*archived.file)).unwrap();
    let mut record = reader.at(archived.offset).unwrap().unwrap();
    record.message_head().unwrap();
    let mut body = Vec::new();
    record.read_to_end(&mut body).unwrap();
    assert_eq!(record.skip().unwrap(), archived.offset + archived.length);
    body
}

/// The types of the records in a file, in order.
fn kinds(path: &Path) -> Vec<String> {
    let mut reader = WarcReader::open(path).unwrap();
    let (mut at, mut kinds) = (0, Vec::new());
    while let Some(record) = reader.at(at).unwrap() {
        kinds.push(record.field("warc-type").unwrap().to_owned());
        at = record.skip().unwrap();
    }
    kinds
}

#[test]
fn every_body_is_found_by_its_offset() {
    let dir = tempfile::tempdir().unwrap();
    for compression in ALL {
        let path = dir.path().join(format!("{compression:?}.warc"));
        let mut warc = opened(&path, Existing::Refuse, compression, u64::MAX);
        let bodies: Vec<Vec<u8>> = [0, 1, 511, 70_000, 300_000, 65_536, 3]
            .iter()
            .zip(0..)
            .map(|(len, n)| noise(n, *len))
            .collect();
        let mut places = Vec::new();
        for (n, body) in (0..).zip(&bodies) {
            warc.write(&record(n, body)).unwrap();
            places.push(warc.archived().unwrap());
        }
        let position = warc.finish().unwrap();
        assert_eq!(position.bytes, fs::metadata(&path).unwrap().len());
        assert_eq!(position.records, 7);
        for (place, body) in places.iter().zip(&bodies) {
            assert_eq!(body_at(place), *body);
        }
        let each = ["request", "response", "metadata"];
        let expected: Vec<&str> = std::iter::once("warcinfo").chain(each.repeat(7)).collect();
        assert_eq!(kinds(&path), expected);
    }
}

#[test]
fn a_body_that_is_there_is_stored_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.warc.gz");
    let mut warc = opened(&path, Existing::Refuse, WarcCompression::Gzip, u64::MAX);
    let body = noise(1, 600);
    warc.write(&record(0, &body)).unwrap();
    let first = warc.archived().unwrap();
    let mut torn = record(1, &body);
    torn.exchanges[0].cut = Some(Cut::Time);
    warc.write(&torn).unwrap();
    warc.write(&record(2, b"short")).unwrap();
    warc.write(&record(3, b"short")).unwrap();
    warc.write(&record(4, &body)).unwrap();
    let again = warc.archived().unwrap();
    warc.write(&Record::new(5, Outcome::Ok)).unwrap();
    assert_eq!(warc.archived(), None);
    warc.finish().unwrap();
    let kinds = kinds(&path);
    let responses: Vec<&str> = kinds
        .iter()
        .map(String::as_str)
        .filter(|kind| matches!(*kind, "response" | "revisit"))
        .collect();
    assert_eq!(responses, ["response", "response", "response", "response", "revisit"]);
    let mut reader = WarcReader::open(&path).unwrap();
    let record = reader.at(again.offset).unwrap().unwrap();
    let field = |name| record.field(name).unwrap_or_default();
    assert_eq!(field("WARC-Refers-To-File-Offset"), first.offset.to_string());
    assert_eq!(field("WARC-Refers-To-Filename"), &*first.file);
    assert_eq!(field("WARC-Refers-To-Target-URI"), "http://a.example/0");
    assert_eq!(field("WARC-Refers-To-Date"), field("WARC-Date"));
    assert_eq!(body_at(&again), b"");
}

#[test]
fn a_resumed_archive_is_what_an_undisturbed_one_is() {
    let dir = tempfile::tempdir().unwrap();
    for compression in ALL {
        for part_bytes in [u64::MAX, 20_000] {
            let name = |which: &str| {
                let part = if part_bytes == u64::MAX { "" } else { "-{part}" };
                let dir = dir.path().join(which);
                fs::create_dir_all(&dir).unwrap();
                dir.join(format!("a{part}-{compression:?}.warc"))
            };
            let write = |warc: &mut Warc, from: u64, to: u64| {
                for n in from..to {
                    warc.write(&record(n, &noise(n, 9_000))).unwrap();
                }
                warc.commit().unwrap()
            };
            let whole = name("whole");
            let mut undisturbed = opened(&whole, Existing::Refuse, compression, part_bytes);
            let expected = write(&mut undisturbed, 0, 10);

            let cut = name("cut");
            let mut killed = opened(&cut, Existing::Refuse, compression, part_bytes);
            let position = write(&mut killed, 0, 4);
            let late = write(&mut killed, 4, 9);
            drop(killed);
            let torn = part_path(&cut, late.parts);
            let bytes = fs::read(&torn).unwrap();
            fs::write(&torn, &bytes[..bytes.len() - 1]).unwrap();

            let resume = Existing::Resume(position);
            let mut resumed = opened(&cut, resume, compression, part_bytes);
            assert_eq!(write(&mut resumed, 4, 10), expected);
            assert_eq!(expected.records, 10);
            for part in 0..=expected.parts {
                let (a, b) = (part_path(&whole, part), part_path(&cut, part));
                assert_eq!(kinds(&a)[0], "warcinfo");
                assert!(fs::read(&a).unwrap() == fs::read(&b).unwrap(), "{}", a.display());
            }
            assert!(!part_path(&cut, expected.parts + 1).exists() || part_bytes == u64::MAX);
            assert_eq!(expected.parts > 1, part_bytes != u64::MAX);
        }
    }
}

#[test]
fn what_cannot_be_opened_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.warc.gz");
    fs::write(&path, b"something").unwrap();
    let beyond = Position { parts: 0, bytes: 10, records: 1 };
    let cases = [
        (Existing::Refuse, SinkErrorKind::Exists),
        (Existing::Resume(beyond), SinkErrorKind::Changed),
    ];
    let run = RunInfo::new(0, 0);
    for (existing, kind) in cases {
        let spec = spec(&path, existing, WarcCompression::Gzip);
        let error = crate::open(&spec, &run).err().unwrap();
        assert_eq!(error.kind, kind, "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"something");
    }
    let stdout = OutputSpec {
        target: OutputTarget::Stdout,
        ..spec(&path, Existing::Refuse, WarcCompression::Gzip)
    };
    assert_eq!(crate::open(&stdout, &run).err().unwrap().kind, SinkErrorKind::NotAFile);
}

#[test]
fn broken_archives_say_where_they_are_broken() {
    let dir = tempfile::tempdir().unwrap();
    for compression in ALL {
        let path = dir.path().join(format!("{compression:?}.warc"));
        let mut warc = opened(&path, Existing::Refuse, compression, u64::MAX);
        warc.write(&record(0, &noise(0, 5_000))).unwrap();
        let place = warc.archived().unwrap();
        warc.finish().unwrap();
        let bytes = fs::read(&path).unwrap();

        let mut reader = WarcReader::open(&path).unwrap();
        assert!(reader.at(bytes.len() as u64).unwrap().is_none());
        let error = reader.at(place.offset + 1).unwrap_err();
        assert!(matches!(error.reason, WarcErrorReason::NoRecord), "{error}");

        // Torn anywhere in the record, it is never taken for whole.
        for len in (place.offset + 1..place.offset + place.length).step_by(97) {
            fs::write(&path, &bytes[..usize::try_from(len).unwrap()]).unwrap();
            let mut reader = WarcReader::open(&path).unwrap();
            let read = reader.at(place.offset).and_then(|record| record.unwrap().skip());
            assert!(read.is_err(), "{compression:?} torn at {len}");
        }
    }
}
