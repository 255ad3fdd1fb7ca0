//! Archives from the command line: what is written, and what a kill leaves.

use std::path::Path;
use std::process::Command;

use gather::store::WarcReader;
use gather::stored::{BodyPlace, StoredBodies};
use gather_testkit::{Server, Site};
use serde_json::Value;

use crate::bench::{Bench, until};

/// Where the last whole record of an archive ends, and how many there are.
fn whole(path: &Path) -> (u64, usize) {
    let Ok(mut reader) = WarcReader::open(path) else { return (0, 0) };
    let (mut end, mut count) = (0, 0);
    loop {
        match reader.at(end).and_then(|record| record.map(|record| record.skip()).transpose()) {
            Ok(Some(next)) => (end, count) = (next, count + 1),
            Ok(None) | Err(_) => return (end, count),
        }
    }
}

/// Every whole line of the records points to a body that is there; answers how many do.
fn pointed_to(bench: &Bench) -> usize {
    let text = std::fs::read_to_string(bench.path("r.jsonl")).unwrap_or_default();
    let mut bodies = StoredBodies::new(1 << 20);
    let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let mut count = 0;
    for line in lines {
        let record: Value = serde_json::from_str(line).expect("a whole line");
        let file = bench.path(record["warc_file"].as_str().expect("an archive"));
        let offset = record["warc_offset"].as_u64().expect("an offset");
        let read = bodies.read(BodyPlace::Archive { file: &file, offset }, &mut |_| {});
        let read = read.unwrap_or_else(|error| panic!("{line}: {error}"));
        let hash: String = read.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(record["sha256"], hash, "{line}");
        count += 1;
    }
    count
}

/// What warcio's checker says; nothing where it is not installed.
fn check(path: &Path) -> Option<String> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-python/bin/python");
    let out = Command::new(&python).args(["-m", "warcio.cli", "check"]).arg(path).output();
    let Ok(out) = out else {
        eprintln!("NOT TESTED: warcio is missing; cargo xtask test installs it");
        return None;
    };
    let said = [out.stdout, out.stderr].concat();
    let code = out.status.code();
    Some(format!("{code:?} {}", String::from_utf8_lossy(&said)))
}

#[test]
fn a_kill_tears_the_last_record_at_most_and_no_record_points_beyond() {
    let server = Server::start(Site::default());
    let urls: Vec<String> =
        (0..5_000).map(|n| server.url(&format!("/ok?size={}&n={n}", 2_000 + n % 500))).collect();
    for (name, bytes) in [("a.warc.gz", 1_000), ("b.warc.gz", 200_000), ("c.warc", 1_000_000)] {
        let bench = Bench::new().with_file("urls.txt", &urls.join("\n"));
        let path = bench.path(name);
        let args = ["-i", "urls.txt", "-c", "20", "-o", name, "-o", "r.jsonl", "-q"];
        let mut run = bench.command(&args).spawn().expect("the binary starts");
        until(name, || {
            assert!(run.try_wait().expect("asked").is_none(), "{name}: it ended before the kill");
            std::fs::metadata(&path).is_ok_and(|about| about.len() >= bytes)
        });
        run.kill().expect("killed");
        run.wait().expect("ended");
        let (end, records) = whole(&path);
        let length = std::fs::metadata(&path).expect("it is there").len();
        assert!(records > 3 && end <= length, "{name}: {records} records, {end} of {length}");
        // Of 5,000 only some; each of them has its body.
        let pointing = pointed_to(&bench);
        assert!(pointing * 3 < records, "{name}: {pointing} point into {records}");
        // Cut where a resumed run would cut it, it is whole.
        let archive = std::fs::OpenOptions::new().write(true).open(&path).expect("opened");
        archive.set_len(end).expect("cut");
        match check(&path) {
            None => return,
            Some(said) => assert!(said.starts_with("Some(0)"), "{name}: {said}"),
        }
    }
}

#[test]
fn a_full_disk_leaves_whole_records_and_no_record_points_beyond() {
    let server = Server::start(Site::default());
    let urls: Vec<String> =
        (0..2_000).map(|n| server.url(&format!("/ok?size={}&n={n}", 2_000 + n % 500))).collect();
    for name in ["a.warc", "a.warc.gz"] {
        let bench = Bench::new().with_file("urls.txt", &urls.join("\n"));
        // Files of at most 200 KiB, which no write may exceed.
        let mut run = Command::new("sh");
        run.args(["-c", "trap '' XFSZ; ulimit -f 400; exec \"$0\" \"$@\""])
            .arg(env!("CARGO_BIN_EXE_gather"))
            .args(["-i", "urls.txt", "-c", "20", "-o", name, "-o", "r.jsonl", "-q"])
            .current_dir(bench.path(""));
        let out = run.output().expect("sh runs");
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("cannot write {name}: no space left")), "{said}");
        let path = bench.path(name);
        let (end, records) = whole(&path);
        assert_eq!(end, std::fs::metadata(&path).expect("it is there").len(), "{name}");
        // A warcinfo, and three for each target.
        assert!(records > 4 && records % 3 == 1, "{name}: {records}");
        assert!(pointed_to(&bench) * 3 < records, "{name}");
        match check(&path) {
            None => return,
            Some(said) => assert!(said.starts_with("Some(0)"), "{name}: {said}"),
        }
    }
}

#[test]
fn a_second_run_with_a_cache_asks_only_for_what_has_changed() {
    let server = Server::start(Site::default());
    let urls = ["/validated?etag=a", "/validated?cc=max-age%3D600", "/validated?etag=a&changes=1"];
    let list = urls.map(|path| server.url(path)).join("\n");
    let bench = Bench::new().with_file("urls.txt", &list);
    let told = |line: &str| {
        let ran = bench.line(line);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let lines = ran.stdout.lines().map(|line| {
            let record: Value = serde_json::from_str(line).expect("JSON");
            let (cache, unchanged) = (&record["cache"], &record["unchanged"]);
            format!("{} {cache} {unchanged} {}", record["n"], record["body"])
        });
        let mut lines: Vec<String> = lines.collect();
        lines.sort_unstable();
        (lines, ran.stderr)
    };
    let line = "-i urls.txt --cache c.db -O bodies --fields +body -o -";
    let (first, _) = told(line);
    let stored = |n| format!("{n} \"stored\" null \"version 0\\n\"");
    assert_eq!(first, [stored(0), stored(1), stored(2)]);
    let (second, said) = told(line);
    let expected = [
        "0 \"revalidated\" true \"version 0\\n\"",
        "1 \"fresh\" true \"version 0\\n\"",
        "2 \"stored\" null \"version 1\\n\"",
    ];
    assert_eq!(second, expected);
    let summary = "1 confirmed by their servers, 1 fresh and not asked for, 1 stored; 2 unchanged";
    assert!(said.contains(summary), "{said}");
    let refused = bench.line("-i urls.txt --cache urls.txt");
    assert_eq!(refused.code, 3, "{}", refused.stderr);
}

#[test]
fn an_archive_alone_shows_nothing_on_stdout() {
    let server = Server::start(Site::default());
    let (url, token) = (server.url("/ok?size=600"), server.url("/ok?size=1&Key=canary"));
    for (line, code, stdout) in [
        (format!("{url} -o a.warc.gz -q"), 0, ""),
        (format!("{url} -o a.warc.gz -q"), 3, ""),
        (format!("{url} -o a.warc.gz -q --overwrite --redact-query key {token}"), 0, ""),
        (format!("{url} -o b.warc -o - --fields url -q"), 0, "{\"url\":"),
        (format!("{url} -o c --format warc -q"), 0, ""),
        (format!("{url} --format warc"), 3, ""),
        (format!("{url} -o d.warc -o e.warc.gz"), 3, ""),
        (format!("{url} -o none/a.warc"), 3, ""),
    ] {
        let bench = Bench::new();
        if line.contains("a.warc.gz") && (code == 3 || line.contains("overwrite")) {
            std::fs::write(bench.path("a.warc.gz"), "something").expect("written");
        }
        let ran = bench.line(&line);
        assert_eq!(ran.code, code, "gather {line}\n{}", ran.stderr);
        assert!(ran.stdout.starts_with(stdout) && ran.stdout.is_empty() == stdout.is_empty());
        if code == 0 {
            let name = line.split(' ').skip_while(|word| *word != "-o").nth(1).expect("an output");
            let (end, records) = whole(&bench.path(name));
            let count = if line.contains("canary") { 7 } else { 4 };
            assert_eq!(records, count, "{line}");
            assert_eq!(end, std::fs::metadata(bench.path(name)).expect("it is there").len());
        }
    }
}
