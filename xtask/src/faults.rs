//! The fault matrix: a page of what comes of each fault, made of the tests that passed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::repo;

/// The page.
const PAGE: &str = "docs/faults.md";

/// The faults, by their number.
const FAULTS: &[&str] = &[
    "accepts a connection and says nothing",
    "sends a head and falls silent",
    "closes within the status line or the head",
    "resets within head or body",
    "closes within the body, or within what is compressed",
    "sends a byte now and then",
    "sends a body without end",
    "sends a bomb: gzip, br, zstd, deflate, several of them; on a redirect; many at once",
    "bad, repeated, contradicting or huge lengths; unknown transfer codings",
    "chunks that are none, sizes and trailers without end",
    "a header of 1 MB, 10,000 headers, folded lines, interim answers without end",
    "more content codings than are undone",
    "redirects in a loop, or 10,000 of them",
    "redirects to `file:`, `gopher:` and others",
    "an address that must not be dialled",
    "a redirect to another origin, or down from https, with secrets",
    "a redirect that names no place, or two",
    "a certificate that has expired, is not valid yet, is self-signed, unknown, for another host, named by its CN only, without its intermediate; a client certificate wanted",
    "a handshake that breaks: another SNI, no common protocol, an end, no TLS",
    "HTTP/2: streams refused or reset, GOAWAY, floods, no HTTP/2 at all",
    "names that do not exist, servers that fail, refuse, say nothing useful or go in circles",
    "name servers that are silent, and thousands of names at once",
    "a name that changes its address between two looks",
    "IPv6 that swallows everything, IPv4 alive",
    "a port that swallows everything",
    "too few descriptors",
    "no free local port",
    "429 with a `Retry-After` of every form",
    "a storm of errors",
    "a full disk",
    "a sync that fails",
    "kill -9 at every durable system call",
    "a power cut",
    "SIGTERM, and a second one",
    "a reader that has gone, a full device",
    "a clock that jumps by an hour, another time zone",
    "lines that are broken: not UTF-8, NUL, a byte order mark, no URL",
    "a line of a gigabyte",
    "the same URL again and again",
    "URLs written oddly: names beyond ASCII, addresses in octal, fullwidth or as a number, tabs",
    "a hostile robots.txt: 5 MB, wildcards by the thousand, loops, HTML, 500",
    "a database that is locked",
    "a journal that is damaged or torn",
    "a reader that does not read",
    "killed for its memory",
];

/// Runs the tests that show faults, and writes the page.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Does not run the tests again: the page is made of those that passed last.
    #[arg(long)]
    no_run: bool,
}

/// What a test has left behind.
#[derive(Debug, Deserialize)]
struct Shown {
    row: usize,
    test: String,
    #[serde(default)]
    kinds: Vec<(String, bool)>,
    #[serde(default)]
    says: Vec<String>,
    untested: Option<String>,
}

/// What comes of one fault.
#[derive(Debug, Default)]
struct Row {
    kinds: BTreeMap<String, bool>,
    says: BTreeSet<String>,
    tests: BTreeSet<String>,
    untested: BTreeSet<String>,
}

/// Runs the tests and writes the page; fails where a row has no test that passed.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if !args.no_run {
        forget()?;
        // All that name a row, and few that do not.
        let chosen = "test(faults) | binary(crash) | test(/^fetch::|^addresses::/)";
        let mut tests = repo::cargo();
        tests.args(["nextest", "run", "--no-fail-fast", "-p", "gather-cli"]);
        tests.args(["--test", "cli", "--test", "crash", "-E", chosen]);
        if !tests.status().context("cannot run the tests")?.success() {
            return Ok(ExitCode::FAILURE);
        }
    }
    let rows = rows()?;
    let gaps = gaps(&rows);
    if gaps.is_empty() {
        fs::write(repo::root().join(PAGE), page(&rows)).with_context(|| PAGE.to_owned())?;
        eprintln!("{PAGE}: written");
        return Ok(ExitCode::SUCCESS);
    }
    gaps.iter().for_each(|gap| eprintln!("{gap}"));
    Ok(ExitCode::FAILURE)
}

/// Forgets what earlier tests have shown.
pub(crate) fn forget() -> Result<()> {
    match fs::remove_dir_all(directory()?) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Whether every row was shown by the tests that just ran, and the page says so; else what is wrong
/// is printed. What cannot be tested on this machine is printed, and no fault.
pub(crate) fn check() -> Result<bool> {
    let rows = rows()?;
    let gaps = gaps(&rows);
    gaps.iter().for_each(|gap| eprintln!("FAILED: {gap}"));
    let mut untested = 0;
    for (number, row) in &rows {
        for reason in &row.untested {
            untested += 1;
            eprintln!("NOT TESTED: row {number} of the fault matrix: {reason}");
        }
    }
    if !gaps.is_empty() || untested > 0 {
        return Ok(gaps.is_empty());
    }
    let is_page = fs::read_to_string(repo::root().join(PAGE)).is_ok_and(|old| old == page(&rows));
    if !is_page {
        eprintln!("FAILED: {PAGE} is not what the tests show; run `cargo xtask faults --no-run`");
    }
    Ok(is_page)
}

fn directory() -> Result<PathBuf> {
    Ok(repo::target_dir()?.join("faults"))
}

fn rows() -> Result<BTreeMap<usize, Row>> {
    let mut rows: BTreeMap<usize, Row> = BTreeMap::new();
    let Ok(entries) = fs::read_dir(directory()?) else { return Ok(rows) };
    for entry in entries {
        let path = entry?.path();
        let said = || path.display().to_string();
        let text = fs::read_to_string(&path).with_context(said)?;
        let shown: Shown = serde_json::from_str(&text).with_context(said)?;
        let row = rows.entry(shown.row).or_default();
        match shown.untested {
            Some(reason) => drop(row.untested.insert(reason)),
            None => drop(row.tests.insert(shown.test)),
        }
        row.kinds.extend(shown.kinds);
        row.says.extend(shown.says);
    }
    Ok(rows)
}

/// Rows that no test has shown, and none has said why.
fn gaps(rows: &BTreeMap<usize, Row>) -> Vec<String> {
    let is_shown = |number: &usize| {
        rows.get(number).is_some_and(|row| !row.tests.is_empty() || !row.untested.is_empty())
    };
    let missing = (1..=FAULTS.len()).filter(|number| !is_shown(number));
    let missing = missing.map(|number| format!("row {number} has no test: {}", FAULTS[number - 1]));
    let unknown = rows.keys().filter(|number| !(1..=FAULTS.len()).contains(*number));
    missing.chain(unknown.map(|number| format!("row {number} is none of the matrix"))).collect()
}

/// What stands before the table.
const HEAD: &str = "\
# Faults

What a server, a name server, a certificate, a disk or a list can do to a run, and what comes of it. Each
row is shown by tests against the built program, among targets that are good: the fault ends as its
kind, within its time, its slot is free for the others, memory stays flat, and every input has its
record. This page is made of the tests that passed (`cargo xtask faults`); `cargo xtask test` fails if
a row has none.

- **what comes of it**: the [kind](errors.md) in `error.kind`, or what the run does.
- **retryable**: `error.retryable`, whether the same request may succeed later.
- **not injected**: packets that are lost, delayed or reordered (it takes a kernel with netem; row 25 drops
  them all), and a disk that reorders what was not synced (it takes device-mapper; row 33 copies the disk,
  and `cargo xtask sim` tears what was not synced at any byte).

| # | fault | what comes of it | retryable | shown by |
|---|---|---|---|---|
";

fn page(rows: &BTreeMap<usize, Row>) -> String {
    let mut page = HEAD.to_owned();
    for (number, fault) in (1..).zip(FAULTS) {
        let Some(row) = rows.get(&number) else { continue };
        let kinds = row.kinds.keys().map(|kind| format!("`{kind}`"));
        let comes: Vec<String> = kinds.chain(row.says.iter().cloned()).collect();
        let words = |retryable: &bool| if *retryable { "yes" } else { "no" };
        let again: BTreeSet<&str> = row.kinds.values().map(words).collect();
        let again = match again.len() {
            0 => "-".to_owned(),
            1 => again.into_iter().collect(),
            _ => row.kinds.values().map(words).collect::<Vec<_>>().join(", "),
        };
        let untested = row.untested.iter().map(|reason| format!("not tested here: {reason}"));
        let tests = row.tests.iter().map(|test| format!("`{test}`")).chain(untested);
        let tests: Vec<String> = tests.collect();
        page.push_str(&format!(
            "| {number} | {fault} | {} | {again} | {} |\n",
            comes.join("; "),
            tests.join(" ")
        ));
    }
    page
}
