//! Results of the real binary exported: every form from a run and back, rows that are none, memory.

use std::fmt::Write as _;

use gather_testkit::{Server, Site};
use serde_json::Value;

use crate::bench::Bench;

/// Lines as values, by their number.
fn by_number(text: &str) -> Vec<Value> {
    let mut values: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    values.sort_by_key(|value| value["n"].as_u64());
    values
}

#[test]
fn a_run_writes_every_form_and_each_is_exported_to_the_same_records() {
    let server = Server::start(Site::default());
    let paths = ["/ok", "/ok?size=9", "/status/404", "/redirect/2"];
    let list: Vec<String> = paths.iter().map(|path| server.url(path)).collect();
    let bench = Bench::new().with_file("urls.txt", &(list.join("\n") + "\nnot a url\n"));
    let ran = bench.line(
        "-i urls.txt -q --fields +sha256,+title,+headers \
         -o r.jsonl -o r.csv -o r.parquet -o r.xlsx -o p-{part}.parquet",
    );
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let left = std::fs::read_dir(bench.path(".")).expect("a directory");
    let mut left: Vec<_> = left
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
        .collect();
    left.sort();
    let expected = [
        "p-0001.parquet",
        "r.csv",
        "r.jsonl",
        "r.jsonl.journal",
        "r.parquet",
        "r.xlsx",
        "urls.txt",
    ];
    assert_eq!(left, expected);

    let records = by_number(&bench.read("r.jsonl"));
    assert_eq!(records.len(), 5);
    for result in ["r.jsonl", "r.csv", "r.parquet", "p-0001.parquet"] {
        let ran = bench.line(&format!("export {result} --sort n -q"));
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{result}");
        assert_eq!(by_number(&ran.stdout), records, "{result}");
        let numbers: Vec<Value> =
            ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(numbers, records, "{result} in order");
    }
    let ran = bench.line("export r.parquet --only failed --template '{error.kind}' -q --sort n");
    assert_eq!(ran.stdout, "http.status\n");
    let ran = bench.line("export r.csv --mc 200 --fields url -o ok.jsonl --log-format json");
    let note = "\"event\":\"note\",\"message\":\"3 records of 5 written\"}\n";
    assert!(ran.stderr.ends_with(note), "{}", ran.stderr);
    assert_eq!(bench.read("ok.jsonl").lines().count(), 3);
}

#[test]
fn what_is_wrong_with_an_export_is_said_with_its_exit_code() {
    let bench = Bench::new()
        .with_file("some.jsonl", "{\"n\":0}\nbroken\n{\"n\":1}\n")
        .with_file("there.csv", "mine")
        .with_file("book.xlsx", "PK\u{3}\u{4}");
    let left_out = "some.jsonl line 2: not a JSON object: expected value at line 1 column 1\n\
                    1 row left out: no records\n2 records of 2 written\n";
    let cases = [
        ("some.jsonl -o out.csv", 2, left_out),
        ("some.jsonl --strict -o strict.csv", 1, "error: some.jsonl line 2: not a JSON object"),
        (
            "some.jsonl -o there.csv",
            3,
            "error: there.csv exists and is not empty\nhint: replace it",
        ),
        (
            "some.jsonl -o some.jsonl --overwrite",
            3,
            "error: some.jsonl is an input and an output\n",
        ),
        ("book.xlsx", 3, "error: book.xlsx is a spreadsheet, which is not read back\nhint: "),
        ("missing.jsonl", 3, "error: missing.jsonl does not exist\n"),
        ("some.jsonl -o - --format parquet", 3, "error: standard output is no file"),
        ("some.jsonl -o out.html", 3, "error: "),
        (
            "some.jsonl -o out.warc.gz",
            3,
            "error: results hold nothing of what passed over the wire",
        ),
        ("some.jsonl --sort url", 3, "error: "),
        ("- -", 3, "error: standard input is named twice"),
        ("", 3, "error: "),
    ];
    for (args, code, said) in cases {
        let ran = bench.line(&format!("export {args}"));
        assert_eq!(ran.code, code, "{args}: {}", ran.stderr);
        assert!(ran.stderr.starts_with(said), "{args}: {}", ran.stderr);
    }
    assert_eq!(bench.read("there.csv"), "mine");
    assert_eq!(bench.read("out.csv"), "n\n0\n1\n");
}

/// Every form is written within an address space smaller than the result: what the program takes before
/// it does anything, and 36 MiB.
#[cfg(target_os = "linux")]
#[test]
fn memory_is_flat_however_long_the_result() {
    const WORK_MIB: u64 = 36;
    let mut lines = String::new();
    let body = "x".repeat(16 << 10);
    for n in 0..8_000 {
        let line = format!("{{\"n\":{n},\"outcome\":\"ok\",\"preview\":\"{body}\"}}");
        writeln!(lines, "{line}").expect("a string takes everything");
    }
    let bench = Bench::new().with_file("long.jsonl", &lines);
    let own_mib = (16..512).find(|mib| within(&bench, *mib, "--version").status.success());
    let space_mib = own_mib.expect("it starts in half a gigabyte") + WORK_MIB;
    assert!(lines.len() as u64 > space_mib << 20, "{space_mib} MiB");
    drop(lines);
    for args in ["-o out.csv -o out.jsonl", "-o out.parquet", "-o out.xlsx"] {
        let ran = within(&bench, space_mib, &format!("export long.jsonl -q {args}"));
        let stderr = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{args} in {space_mib} MiB: {stderr}");
    }
}

/// Runs the program in an address space of so many MiB.
#[cfg(target_os = "linux")]
fn within(bench: &Bench, mib: u64, args: &str) -> std::process::Output {
    let program = env!("CARGO_BIN_EXE_gather");
    let script = format!("ulimit -c 0 && ulimit -v {} && exec {program} {args}", mib << 10);
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &script]).current_dir(bench.path(".")).output().expect("sh runs")
}
