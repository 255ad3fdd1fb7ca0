//! The outputs that are crashed: how each is asked for, and how its records are read by others.

use std::collections::BTreeMap;
use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field as Cell, Row};
use serde_json::Value;

/// An output, as a row of the table.
pub(crate) struct SinkCase {
    /// Its name in `--sinks` and in what is told.
    pub(crate) name: &'static str,
    /// The flags that ask for it, in the directory of the run.
    pub(crate) flags: &'static [&'static str],
    /// Reads what it holds, in a way that shares nothing with the writer.
    pub(crate) read: fn(&Path) -> Vec<Entry>,
    /// The file that is to be full, or fails to sync, in tests of that.
    pub(crate) file: &'static str,
}

/// What a record is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) n: u64,
    pub(crate) input: String,
    pub(crate) outcome: String,
}

/// One row for each kind of output.
pub(crate) const SINKS: &[SinkCase] = &[
    SinkCase { name: "jsonl", flags: &["-o", "r.jsonl"], read: jsonl, file: "r.jsonl" },
    SinkCase {
        name: "csv",
        flags: &["-o", "r.csv", "--fields", "n,input,outcome"],
        read: csv,
        file: "r.csv",
    },
    SinkCase {
        name: "several",
        flags: &["-o", "a.jsonl", "-o", "b.csv", "-o", "c.txt", "--template", TEXT_LINE],
        read: several,
        file: "b.csv",
    },
    SinkCase {
        name: "parquet",
        flags: &["-o", "r.parquet"],
        read: parquet,
        // What it is built of at the end.
        file: "r.parquet.spool",
    },
];

/// A line of text as these tests read it.
const TEXT_LINE: &str = "{n} {input} {outcome}";

/// The row of this name.
pub(crate) fn case(name: &str) -> &'static SinkCase {
    SINKS.iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no sink {name}"))
}

fn jsonl(dir: &Path) -> Vec<Entry> {
    jsonl_of(&dir.join("r.jsonl"))
}

fn jsonl_of(path: &Path) -> Vec<Entry> {
    let entry = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        Entry {
            n: record["n"].as_u64().unwrap_or_else(|| panic!("no n: {line}")),
            input: text("input"),
            outcome: text("outcome"),
        }
    };
    let whole = whole_lines(path);
    whole.lines().map(entry).collect()
}

fn csv(dir: &Path) -> Vec<Entry> {
    csv_of(&dir.join("r.csv"))
}

/// No cell of these tests needs quotes, so that a line is split at its commas.
fn csv_of(path: &Path) -> Vec<Entry> {
    let text = whole_lines(path);
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let at = |name: &str| header.iter().position(|column| *column == name);
    let (Some(n), Some(input), Some(outcome)) = (at("n"), at("input"), at("outcome")) else {
        panic!("no header: {header:?}");
    };
    let entry = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells.len(), header.len(), "{line}");
        entry_of(cells[n], cells[input], cells[outcome])
    };
    lines.map(entry).collect()
}

/// By the reader of the library; what the file was built of is gone.
fn parquet(dir: &Path) -> Vec<Entry> {
    assert!(!dir.join("r.parquet.spool").exists(), "the spool is left");
    let file = std::fs::File::open(dir.join("r.parquet")).expect("it was built");
    let reader = SerializedFileReader::new(file).expect("a whole file");
    let entry = |row: Row| {
        let cells: BTreeMap<&str, &Cell> =
            row.get_column_iter().map(|(name, cell)| (name.as_str(), cell)).collect();
        match (cells["n"], cells["input"], cells["outcome"]) {
            (Cell::Long(n), Cell::Str(input), Cell::Str(outcome)) => {
                entry_of(&n.to_string(), input, outcome)
            }
            other => panic!("of other types: {other:?}"),
        }
    };
    reader.get_row_iter(None).expect("rows").map(|row| entry(row.expect("a row"))).collect()
}

fn text_of(path: &Path) -> Vec<Entry> {
    let entry = |line: &str| match line.split(' ').collect::<Vec<_>>()[..] {
        [n, input, outcome] => entry_of(n, input, outcome),
        _ => panic!("torn: {line}"),
    };
    whole_lines(path).lines().map(entry).collect()
}

/// All outputs hold the same.
fn several(dir: &Path) -> Vec<Entry> {
    let sorted = |mut entries: Vec<Entry>| {
        entries.sort_by_key(|entry| entry.n);
        entries
    };
    let all = jsonl_of(&dir.join("a.jsonl"));
    for other in [csv_of(&dir.join("b.csv")), text_of(&dir.join("c.txt"))] {
        assert_eq!(sorted(all.clone()), sorted(other), "the outputs differ");
    }
    all
}

fn entry_of(n: &str, input: &str, outcome: &str) -> Entry {
    let n = n.parse().unwrap_or_else(|e| panic!("{e}: {n}"));
    Entry { n, input: input.to_owned(), outcome: outcome.to_owned() }
}

fn whole_lines(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert!(text.is_empty() || text.ends_with('\n'), "{} is torn", path.display());
    text
}
