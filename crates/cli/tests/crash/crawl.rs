//! A crawl killed at durable system calls: it goes on, and ends with exactly the pages of its site.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use gather_testkit::crawled::{self, Bounds, Fate};
use gather_testkit::{Server, Site};

use crate::bed::{directory, ended, program};
use crate::calls::has_strace;

const PAGES: u64 = 80;
/// As the flags below have it.
const BOUNDS: Bounds = Bounds { repeats_max: 3, alike_max: 80, depth_max: None };
/// The calls that make something durable, or let it vanish.
const CALLS: &[&str] =
    &["write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "unlink"];
/// Calls of one name at which a crawl is killed: the first, and some drawn behind it.
const KILLS: usize = 4;

/// The program on this site, under a strace that kills it at a call.
fn crawl(server: &Server, dir: &Path, depth: &str, kill_at: Option<(&str, u64)>) -> Command {
    let mut command = match kill_at {
        None => Command::new(program()),
        Some((name, at)) => {
            let mut strace = Command::new("strace");
            strace.args(["-f", "-qq", "-o", "/dev/null"]);
            strace.arg(format!("-etrace={name}"));
            strace.arg(format!("-einject={name}:signal=KILL:when={at}"));
            strace.arg(program());
            strace
        }
    };
    let start = server.url("/site/aa/0");
    command
        .args(["crawl", &start, "--strip-sessions", "--max-alike", "80", "-c", "20", "-q"])
        .args(["-o", "r.jsonl", "--resume"])
        .args(depth.split_whitespace())
        .current_dir(dir)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("TMPDIR", dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// What became of each page, each of which has one record.
fn fates(dir: &Path) -> BTreeMap<String, Fate> {
    let text = std::fs::read_to_string(dir.join("r.jsonl")).expect("read");
    let mut fates = BTreeMap::new();
    for line in text.lines() {
        let record: serde_json::Value = serde_json::from_str(line).expect("a whole record");
        let fate = match record["error"]["kind"].as_str() {
            None => Fate::Fetched,
            Some("blocked.robots") => Fate::Forbidden,
            Some("redirect.loop") => Fate::Lost,
            Some(_) => panic!("{record}"),
        };
        let (_, path) =
            record["url"].as_str().and_then(|url| url.split_once("/site/")).expect("a URL");
        assert_eq!(fates.insert(format!("/site/{path}"), fate), None, "twice: {record}");
    }
    fates
}

#[test]
fn a_crawl_killed_at_durable_calls_ends_with_the_same_pages() {
    if !has_strace() {
        return;
    }
    let server =
        Server::start(Site { crawled_pages: PAGES, log_requests_max: 0, ..Site::default() });
    let mut kills = 0;
    for depth_max in [None, Some(4)] {
        let depth = depth_max.map(|depth| format!("--depth {depth}")).unwrap_or_default();
        let expected = crawled::expected(PAGES, Bounds { depth_max, ..BOUNDS });
        for name in CALLS {
            let mut at = 1;
            for _ in 0..KILLS {
                let what = format!("killed at {name} {at}, {depth}");
                let dir = directory();
                let killed = crawl(&server, dir.path(), &depth, Some((name, at))).spawn();
                // strace ends as what it traces does.
                if ended(killed.expect("strace starts")).status.code().is_some() {
                    assert_eq!(fates(dir.path()), expected, "{what}: not killed");
                    break;
                }
                kills += 1;
                let resumed = crawl(&server, dir.path(), &depth, None).spawn().expect("it starts");
                let output = ended(resumed);
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(matches!(output.status.code(), Some(0 | 2)), "{what}: {said}");
                assert_eq!(fates(dir.path()), expected, "{what}");
                at += fastrand::u64(1..=3);
            }
        }
    }
    assert!(kills > 15, "{kills} kills");
}
