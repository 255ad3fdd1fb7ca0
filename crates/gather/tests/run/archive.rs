//! Archives of runs, read by another program (warcio) and by our own reader.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use gather::fetch::{RedactQuery, Secret, Verify};
use gather::store::{Format, OutputSpec, WarcCompression};
use gather::stored::{BodyPlace, StoredBodies, StoredErrorKind};
use gather_testkit::{Ca, ClientCert, Page, Server, Site, Tls, Validity};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::bed::{Bed, Done, Pending, bed, jsonl};

/// A Python that has warcio; installed by `cargo xtask test`.
fn python() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-python/bin/python");
    let python = std::env::var_os("GATHER_TEST_PYTHON").map_or(default, PathBuf::from);
    let has = Command::new(&python).args(["-c", "import warcio"]).output();
    let has = has.is_ok_and(|out| out.status.success());
    if !has {
        eprintln!("NOT TESTED: {} has no warcio; cargo xtask test installs it", python.display());
    }
    has.then_some(python)
}

/// What warcio reads of an archive, and what its checker says of it; nothing without warcio.
fn by_warcio(path: &Path) -> Option<(Vec<Value>, Value)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run/archive.py");
    let out = Command::new(python()?).arg(script).arg(path).output().expect("python runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).expect("JSON");
    let mut lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let check = lines.pop().expect("the checker's last word");
    Some((lines, check))
}

fn archive(path: &Path, compression: WarcCompression) -> OutputSpec {
    OutputSpec { format: Format::Warc(compression), ..jsonl(path) }
}

/// As the test server fills bodies.
fn filler(size: usize) -> Vec<u8> {
    b"abcdefghijklmnopqrstuvwxyz0123456789\n".iter().copied().cycle().take(size).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The body where the record says it is, by our own reader.
fn stored(record: &Value) -> Vec<u8> {
    let file = PathBuf::from(record["warc_file"].as_str().expect("an archive"));
    let offset = record["warc_offset"].as_u64().expect("an offset");
    let mut body = Vec::new();
    let read = StoredBodies::new(64 << 20)
        .read(BodyPlace::Archive { file: &file, offset }, &mut |piece| body.extend(piece))
        .unwrap_or_else(|error| panic!("{record}: {error}"));
    assert_eq!(read.bytes, body.len() as u64);
    assert_eq!(read.sha256[..], Sha256::digest(&body)[..]);
    body
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("the output is there");
    let mut lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    lines.sort_by_key(|line| line["n"].as_u64());
    lines
}

/// Paths, and the decoded bodies that must come back.
fn cases() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("/ok?size=1048576", filler(1 << 20)),
        ("/ok?size=40000&chunked", filler(40_000)),
        ("/ok?size=0", Vec::new()),
        ("/ok?size=900&until_close", filler(900)),
        ("/encoding/gzip?size=5000", filler(5_000)),
        ("/encoding/gzip?size=6000&chunked", filler(6_000)),
        ("/encoding/br?size=7000", filler(7_000)),
        ("/encoding/zstd,gzip?size=8000", filler(8_000)),
        ("/redirect/3", b"arrived".to_vec()),
        ("/early-hints", filler(2)),
        ("/status/404", b"status 404\n".to_vec()),
        ("/status/304", Vec::new()),
        ("/cut?at=600&size=1024", filler(1024)[..600 - 41].to_vec()),
        // The same again: a revisit.
        ("/ok?size=40000", filler(40_000)),
    ]
}

struct Archived {
    dir: tempfile::TempDir,
    warc: PathBuf,
    records: Vec<Value>,
    done: Done,
}

/// Runs with an archive and JSON lines beside it.
fn archived(bed: Bed, compression: WarcCompression, inputs: usize) -> Archived {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let name = if compression == WarcCompression::Gzip { "a.warc.gz" } else { "a.warc" };
    let (warc, records) = (dir.path().join(name), dir.path().join("r.jsonl"));
    // In this order: the archive comes first all the same.
    let bed = bed.output(jsonl(&records)).output(archive(&warc, compression));
    let done = bed.run().accounts_for(inputs, Pending::None);
    Archived { records: lines(&records), dir, warc, done }
}

#[test]
fn every_body_comes_back_from_the_archive() {
    for compression in [WarcCompression::Gzip, WarcCompression::None] {
        let server = Server::start(Site::default());
        let cases = cases();
        let urls = cases.iter().map(|(path, _)| server.url(path));
        let bed = bed(urls).concurrency(1).config(|config| config.retry.retries = 0);
        let archived = archived(bed, compression, cases.len());
        for (record, (path, body)) in archived.records.iter().zip(&cases) {
            assert!(stored(record) == *body, "{path}: {record}");
        }
        let Some((read, check)) = by_warcio(&archived.warc) else { return };
        assert_eq!(check["check"], 0, "{check}");
        for (record, (path, body)) in archived.records.iter().zip(&cases) {
            let by_offset = |line: &&Value| line["offset"] == record["warc_offset"];
            let line = read.iter().find(by_offset).unwrap_or_else(|| panic!("{path}"));
            let last = record["final_url"].as_str().or(record["url"].as_str());
            assert_eq!(line["warc-target-uri"].as_str(), last);
            assert_eq!(line["warc-ip-address"], "127.0.0.1");
            assert_eq!(line["warc-protocol"], "http/1.1");
            let cut = record["truncated"].as_bool().is_some();
            assert!(!cut, "bodies that are not kept are not truncated");
            match line["warc-type"].as_str() {
                Some("revisit") => assert_eq!(*path, "/ok?size=40000"),
                // warcio decodes gzip alone.
                _ if path.contains("br") || path.contains("zstd") => {
                    assert_eq!(line["bytes"], record["body_bytes"], "{path}");
                }
                _ => assert_eq!(line["sha256"], hex(&Sha256::digest(body)), "{path}"),
            }
            let torn = path.starts_with("/cut");
            assert_eq!(line["warc-truncated"] == "disconnect", torn, "{line}");
        }
        let count = |kind: &str| read.iter().filter(|line| line["warc-type"] == kind).count();
        // Three redirects, and one body that was there.
        let exchanges = cases.len() + 3;
        assert_eq!(count("warcinfo"), 1);
        assert_eq!(count("request"), exchanges);
        assert_eq!((count("response"), count("revisit")), (exchanges - 1, 1));
        assert_eq!(count("metadata"), cases.len());
        drop(archived.dir);
    }
}

#[test]
fn redirects_to_other_hosts_and_targets_without_an_answer_have_their_records() {
    let server = Server::start(Site::default().on_hosts(3));
    let there = server.url_on(2, "/redirect/1");
    let via = server.url_on(1, &format!("/redirect-to?url={there}"));
    let first = server.url(&format!("/redirect-to?url={}", escaped(&via)));
    for shards in [1, 3] {
        let urls = [first.as_str(), "http://127.0.0.1:1/", "no url", "gopher://a.example/"];
        let bed = bed(urls).shards(shards).config(|config| config.retry.retries = 0);
        let archived = archived(bed, WarcCompression::Gzip, 4);
        assert_eq!(stored(&archived.records[0]), b"arrived");
        for record in &archived.records[1..] {
            assert_eq!(record["warc_offset"], Value::Null, "{record}");
        }
        let Some((read, check)) = by_warcio(&archived.warc) else { return };
        assert_eq!(check["check"], 0, "{check}");
        let of = |kind: &str| -> Vec<&str> {
            let of_kind = read.iter().filter(|line| line["warc-type"] == kind);
            of_kind.map(|line| line["warc-target-uri"].as_str().unwrap_or("")).collect()
        };
        let last = server.url_on(2, "/redirect/0");
        let expected = [&*first, &*via, &*there, &*last];
        assert_eq!((of("request"), of("response")), (expected.into(), expected.into()));
        let mut about = of("metadata");
        about.sort_unstable();
        assert_eq!(about, ["", "", "http://127.0.0.1:1/", &last]);
        let failed = read.iter().find(|line| line["warc-target-uri"] == "http://127.0.0.1:1/");
        let text = failed.and_then(|line| line["text"].as_str()).unwrap_or_default();
        for line in ["n: 1\r\n", "outcome: failed\r\n", "error.kind: connect.refused\r\n"] {
            assert!(text.contains(line), "{text}");
        }
        assert!(archived.done.records.iter().all(|record| record.exchanges.is_empty()));
    }
}

fn escaped(url: &str) -> String {
    url.replace(':', "%3A").replace('/', "%2F").replace('?', "%3F").replace('=', "%3D")
}

#[test]
fn what_comes_by_http2_is_written_in_the_form_of_http1() {
    let identity = Ca::new().issue(&["127.0.0.1"], Validity::For(Duration::from_secs(3600)));
    let site = Site {
        tls: Some(Tls::new(&identity, &["h2"], ClientCert::NotAsked)),
        ..Site::default().page("/page", Page::html("<p>hello</p>"))
    };
    let server = Server::start(site);
    let mut bed = bed([server.url("/page"), server.url("/encoding/gzip?size=3000")]);
    bed.options.client.net.tls.verify = Verify::Nothing;
    let archived = archived(bed, WarcCompression::Gzip, 2);
    assert_eq!(archived.records[0]["http_version"], "2");
    assert_eq!(stored(&archived.records[0]), b"<p>hello</p>");
    assert_eq!(stored(&archived.records[1]), filler(3_000));
    let Some((read, check)) = by_warcio(&archived.warc) else { return };
    assert_eq!(check["check"], 0, "{check}");
    let line = read.iter().find(|line| line["offset"] == archived.records[0]["warc_offset"]);
    let line = line.expect("its response");
    assert_eq!(line["status"], "200 OK");
    assert!(line["headers"].to_string().contains("[\"content-type\",\"text/html"), "{line}");
    let head = read.iter().find(|line| line["warc-type"] == "request").expect("a request");
    assert!(head["headers"].to_string().contains("[\"host\",\"127.0.0.1:"), "{head}");
}

#[test]
fn no_secret_of_ours_is_in_an_archive() {
    let server = Server::start(Site::default());
    let url = server.url("/redirect/1?token=canary-query");
    let mut bed = bed([url.replace("http://", "http://u:canary-user@")]);
    let client = &mut bed.options.client;
    client.headers = vec![("X-Key".into(), "canary-key".into())];
    client.cookies = Some(Secret::new("id=canary-cookie"));
    client.redact_query = RedactQuery::new(["token"]);
    let archived = archived(bed, WarcCompression::None, 1);
    let text =
        String::from_utf8_lossy(&std::fs::read(&archived.warc).expect("it is there")).into_owned();
    assert!(text.contains("x-key: ***") && text.contains("token=***"), "{text}");
    assert!(!text.contains("canary"), "{text}");
    let records = serde_json::to_string(&archived.records).expect("JSON");
    assert!(!records.contains("canary"), "{records}");
}

#[test]
fn bodies_within_an_archive_stay_within_their_memory_and_their_caps() {
    let server = Server::start(Site::default());
    let urls = (0..40).map(|n| server.url(&format!("/ok?size=1000000&n={n}")));
    let bed = bed(urls.chain([server.url("/ok?size=3000000")])).config(|config| {
        config.caps.memory_bytes_max = 4_000_000;
        config.caps.body_bytes_max = 2_000_000;
    });
    let archived = archived(bed, WarcCompression::Gzip, 41);
    // One read goes beyond it.
    assert!(archived.done.summary.bodies_bytes_max <= 5_000_000, "{:?}", archived.done.summary);
    let (last, whole) = archived.records.split_last().expect("all of them");
    assert!(whole.iter().all(|record| stored(record) == filler(1_000_000)));
    assert_eq!(last["error"]["kind"], "limit.body");
    let file = PathBuf::from(archived.records[0]["warc_file"].as_str().expect("an archive"));
    let offset = archived.records[0]["warc_offset"].as_u64().expect("an offset");
    let place = BodyPlace::Archive { file: &file, offset };
    let error = StoredBodies::new(999_999).read(place, &mut |_| {}).expect_err("too long");
    assert!(matches!(error.kind, StoredErrorKind::TooLong(999_999)), "{error}");
}
