//! An archive, its records made from the standard (ISO 28500:2017).

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::bed::{Bed, ENDS, INPUTS, assert_faults, faults, json_line, sha256};

/// Records one after the other, each with its own bytes.
struct Archive {
    is_gzip: bool,
    records: Vec<Vec<u8>>,
    /// Which record is the response of each input.
    responses: [Option<usize>; 5],
}

impl Archive {
    fn new(is_gzip: bool) -> Self {
        let mut archive = Self { is_gzip, records: Vec::new(), responses: [None; 5] };
        let info = "software: a test\r\n";
        archive.add("warcinfo", "", "<urn:uuid:0>", "application/warc-fields", info.as_bytes(), "");
        for (n, (outcome, status, kind, body)) in ENDS.into_iter().enumerate() {
            let url = INPUTS[n];
            let mut fields = format!("n: {n}\r\ninput: {url}\r\n");
            let mut about = String::new();
            if status > 0 {
                let id = format!("<urn:uuid:r{n}>");
                let block =
                    format!("HTTP/1.1 {status} So\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                let more = format!("WARC-Payload-Digest: sha256:{}\r\n", sha256(body.as_bytes()));
                archive.responses[n] = Some(archive.records.len());
                let form = "application/http;msgtype=response";
                archive.add("response", url, &id, form, block.as_bytes(), &more);
                write!(fields, "url: {url}\r\nstatus_code: {status}\r\n").expect("written");
                write!(fields, "content_length: {}\r\n", body.len()).expect("written");
                about = format!("WARC-Concurrent-To: {id}\r\n");
            }
            write!(fields, "outcome: {outcome}\r\nattempts: {}\r\n", u8::from(status > 0))
                .expect("written");
            if !kind.is_empty() {
                write!(fields, "error.kind: {kind}\r\n").expect("written");
            }
            if status > 0 {
                write!(fields, "sha256: {}\r\n", sha256(body.as_bytes())).expect("written");
            }
            let (id, form) = (format!("<urn:uuid:m{n}>"), "application/warc-fields");
            archive.add("metadata", url, &id, form, fields.as_bytes(), &about);
        }
        archive
    }

    fn add(&mut self, kind: &str, url: &str, id: &str, form: &str, block: &[u8], more: &str) {
        let mut record = format!("WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Record-ID: {id}\r\n");
        if !url.is_empty() {
            write!(record, "WARC-Target-URI: {url}\r\n").expect("written");
        }
        write!(
            record,
            "{more}Content-Type: {form}\r\nWARC-Block-Digest: sha256:{}\r\nContent-Length: {}\r\n\r\n",
            sha256(block),
            block.len(),
        )
        .expect("written");
        self.records.push([record.as_bytes(), block, b"\r\n\r\n"].concat());
    }

    /// A record as it stands in the file.
    fn packed(&self, at: usize) -> Vec<u8> {
        let record = &self.records[at];
        if !self.is_gzip {
            return record.clone();
        }
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(record).expect("packed");
        gzip.finish().expect("packed")
    }

    /// Writes the archive, and the records of all inputs, which point into it.
    fn write(&self, bed: &Bed, name: &str) {
        let mut file = Vec::new();
        let mut offsets = Vec::new();
        for at in 0..self.records.len() {
            let packed = self.packed(at);
            offsets.push((file.len(), packed.len()));
            file.extend_from_slice(&packed);
        }
        std::fs::write(bed.path(name), file).expect("written");
        let line = |n: usize| {
            let line = json_line(n);
            let Some((offset, length)) = self.responses[n].map(|at| offsets[at]) else {
                return line;
            };
            let place = format!(
                "\"warc_file\":\"{name}\",\"warc_offset\":{offset},\"warc_length\":{length}}}\n"
            );
            line.replace("}\n", &format!(",{place}"))
        };
        let lines: String = (0..5).map(line).collect();
        std::fs::write(bed.path("r.jsonl"), lines).expect("written");
    }

    fn replace(&mut self, at: usize, old: &str, new: &str) {
        let text = String::from_utf8(self.records[at].clone()).expect("text");
        assert!(text.contains(old), "{text}");
        self.records[at] = text.replacen(old, new, 1).into_bytes();
    }
}

const NAMES: [(&str, bool); 2] = [("a.warc", false), ("a.warc.gz", true)];

#[test]
fn what_is_planted_in_an_archive_is_named() {
    type Plant = fn(&mut Archive);
    // Records: 0 warcinfo, 1 and 2 of n 0, 3 and 4 of n 1, 5 and 6 of n 2, 7 of n 3, 8 and 9 of n 4.
    let cases: &[(&str, Plant, &[&str])] = &[
        ("nothing", |_| {}, &[]),
        (
            "a byte of a body",
            |archive| archive.replace(5, "world", "wOrld"),
            &[
                ": the block of the response record is not what its digest says; expected ",
                ": the payload of the response record is not what its digest says; expected ",
            ],
        ),
        (
            "a byte of metadata",
            |archive| archive.replace(6, "attempts: 1", "attempts: 2"),
            &[": the block of the metadata record is not what its digest says; expected "],
        ),
        (
            "another status",
            |archive| archive.replace(1, "HTTP/1.1 200", "HTTP/1.1 203"),
            &[
                ": the block of the response record is not what its digest says",
                "(n 0): the metadata has another status than the response before it; expected 203, found 200",
                "line 1: the response at offset ",
            ],
        ),
        (
            "another URL",
            |archive| archive.replace(5, "http://c", "http://d"),
            &[
                "(n 2): the metadata has another URL than the response before it; expected http://d",
                "of the archive has another URL; found that of http://d.example/y",
            ],
        ),
    ];
    for (name, is_gzip) in NAMES {
        for (what, plant, expected) in cases {
            let bed = Bed::new();
            let mut archive = Archive::new(is_gzip);
            plant(&mut archive);
            archive.write(&bed, name);
            assert_faults(&format!("{name}: {what}"), &bed.verify(&["r.jsonl", name]), expected);
        }
    }
}

#[test]
fn a_torn_archive_is_named_and_read_on() {
    for (name, is_gzip) in NAMES {
        let bed = Bed::new();
        let archive = Archive::new(is_gzip);
        archive.write(&bed, name);
        let bytes = std::fs::read(bed.path(name)).expect("read");
        let starts: Vec<usize> = (0..archive.records.len())
            .scan(0, |at, record| {
                *at += archive.packed(record).len();
                Some(*at)
            })
            .collect();
        let check = |what: &str, bytes: Vec<u8>, parts: &[&str]| {
            std::fs::write(bed.path(name), bytes).expect("written");
            let found = faults(&bed.verify(&[name]));
            for part in parts {
                assert!(found.contains(part), "{name} {what}: no {part:?} in\n{found}");
            }
            found
        };
        let cut = bytes[..bytes.len() - 7].to_vec();
        check("tail", cut, &["ends within a record", "(n 4): the input has no record"]);
        // The middle of the metadata of n 1 is lost: what follows is found again.
        let mut hole = bytes.clone();
        hole.drain(starts[3] + 40..starts[3] + 90);
        let found = check("hole", hole, &["offset ", "(n 1): the input has no record"]);
        assert!(!found.contains("(n 2): the input has no"), "{found}");
        let more = [&bytes[..], b"more"].concat();
        check(
            "more behind it",
            more,
            &[if is_gzip { "no gzip member begins here" } else { "no WARC/1.1 record" }],
        );
        let mut doubled = bytes.clone();
        doubled.extend_from_slice(&archive.packed(9));
        check("doubled", doubled, &["n 4: the input has 2 records, at offset "]);
        let mut dropped = bytes.clone();
        dropped.drain(starts[3]..starts[4]);
        check("dropped", dropped, &["(n 1): the input has no record"]);
    }
}

#[test]
fn a_byte_of_a_packed_archive_counts() {
    let bed = Bed::new();
    let archive = Archive::new(true);
    archive.write(&bed, "a.warc.gz");
    let bytes = std::fs::read(bed.path("a.warc.gz")).expect("read");
    let clean = bed.verify(&["r.jsonl", "a.warc.gz"]);
    assert_eq!(clean.faults(), 0, "{}", faults(&clean));
    let content = |bytes: &[u8]| {
        let mut content = Vec::new();
        let read = MultiGzDecoder::new(bytes).read_to_end(&mut content);
        read.is_ok().then_some(content)
    };
    let whole = content(&bytes);
    let mut unnoticed = 0;
    // Every third, to be done in a few seconds.
    for at in (0..bytes.len()).step_by(3) {
        let mut struck = bytes.clone();
        struck[at] ^= 0x10;
        std::fs::write(bed.path("a.warc.gz"), &struck).expect("written");
        if bed.verify(&["r.jsonl", "a.warc.gz"]).faults() == 0 {
            // Times in the header of a member, bits that pad its end: the content is the same.
            assert_eq!(content(&struck), whole, "byte {at}");
            unnoticed += 1;
        }
    }
    assert!(unnoticed < bytes.len() / 60, "{unnoticed} of {}", bytes.len());
}

#[test]
fn an_offset_that_is_wrong_is_named() {
    let bed = Bed::new();
    Archive::new(true).write(&bed, "a.warc.gz");
    let right = std::fs::read_to_string(bed.path("r.jsonl")).expect("read");
    let offset = |n: usize| {
        let record: serde_json::Value =
            serde_json::from_str(right.lines().nth(n).expect("a line")).expect("a record");
        record["warc_offset"].to_string()
    };
    let (first, second) = (offset(0), offset(2));
    let case = |old: &str, new: &str, expected: &str| {
        let text = right.replacen(old, new, 1);
        assert_ne!(text, right, "{old}");
        std::fs::write(bed.path("r.jsonl"), text).expect("written");
        assert_faults(new, &bed.verify(&["r.jsonl", "a.warc.gz"]), &[expected]);
    };
    let at = |offset: &str| format!("\"warc_offset\":{offset}");
    case(&at(&first), &at("7"), "line 1: no response begins at offset 7 of the archive");
    case(
        &at(&first),
        &at(&second),
        "of the archive has another URL; found that of http://c.example",
    );
    case(
        "a.warc.gz",
        "b.warc.gz",
        "line 1 (n 0): the record points at b.warc.gz, which is none of",
    );
    case("\"warc_length\":3", "\"warc_length\":4", "of the archive has another length");
    let report = bed.verify(&["r.jsonl"]);
    assert!(report.notes.iter().any(|note| note.contains("point at an archive")), "{report:?}");
}
