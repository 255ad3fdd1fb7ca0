//! The outputs that are crashed: how each is asked for, and how its records are read by others.

use std::collections::BTreeMap;
use std::path::Path;

use gather_testkit::Postgres;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::others;

/// An output, as a row of the table.
pub(crate) struct SinkCase {
    /// Its name in `--sinks` and in what is told.
    pub(crate) name: &'static str,
    /// The flags that ask for it, in the directory of the run.
    pub(crate) flags: &'static [&'static str],
    /// Reads what it holds, in a way that shares nothing with the writer.
    read: fn(Place<'_>) -> Vec<Entry>,
    reader: Reader,
    /// What of it is on this machine's disk.
    pub(crate) on_disk: Option<OnDisk>,
}

/// The files that a test makes fail.
#[derive(Clone, Copy)]
pub(crate) struct OnDisk {
    /// The file that its records go to before a commit, and the call.
    pub(crate) written: (&'static str, &'static str),
    /// The file that a commit syncs, and the call.
    pub(crate) synced: (&'static str, &'static str),
}

/// Where the output of one run is.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The directory of the run.
    pub(crate) dir: &'a Path,
    /// The server that has what is in a database, in a schema named by [`schema`].
    pub(crate) postgres: Option<&'a Postgres>,
}

/// Stands for the URL of the database in the flags.
pub(crate) const POSTGRES: &str = "{postgres}";

/// Has equal requests sent once.
const DEDUP: &str = "--dedup";

/// Who reads it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// These tests.
    Own,
    Sqlite3,
    Python,
    Psql,
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
    SinkCase {
        name: "jsonl",
        flags: &["-o", "r.jsonl"],
        read: jsonl,
        reader: Reader::Own,
        on_disk: Some(OnDisk { written: ("r.jsonl", "write"), synced: ("r.jsonl", "fdatasync") }),
    },
    SinkCase {
        name: "csv",
        flags: &["-o", "r.csv", "--fields", "n,input,outcome"],
        read: csv,
        reader: Reader::Own,
        on_disk: Some(OnDisk { written: ("r.csv", "write"), synced: ("r.csv", "fdatasync") }),
    },
    SinkCase {
        name: "several",
        flags: &["-o", "a.jsonl", "-o", "b.csv", "-o", "c.txt", "--template", TEXT_LINE],
        read: several,
        reader: Reader::Own,
        on_disk: Some(OnDisk { written: ("b.csv", "write"), synced: ("b.csv", "fdatasync") }),
    },
    SinkCase {
        name: "sqlite",
        flags: &["-o", "r.db"],
        read: sqlite,
        reader: Reader::Sqlite3,
        on_disk: Some(OnDisk { written: ("r.db-wal", "pwrite64"), synced: ("r.db-wal", "fsync") }),
    },
    SinkCase {
        name: "parquet",
        flags: &["-o", "r.parquet"],
        read: |at| from_python("parquet", &at.dir.join("r.parquet")),
        reader: Reader::Python,
        on_disk: Some(OnDisk {
            written: ("r.parquet.spool", "write"),
            synced: ("r.parquet.spool", "fdatasync"),
        }),
    },
    SinkCase {
        name: "xlsx",
        flags: &["-o", "r.xlsx"],
        read: |at| from_python("xlsx", &at.dir.join("r.xlsx")),
        reader: Reader::Python,
        on_disk: Some(OnDisk {
            written: ("r.xlsx.spool", "write"),
            synced: ("r.xlsx.spool", "fdatasync"),
        }),
    },
    SinkCase {
        name: "warc",
        flags: &["-o", "r.jsonl", "-o", "r.warc.gz"],
        read: warc,
        reader: Reader::Python,
        on_disk: Some(OnDisk {
            written: ("r.warc.gz", "write"),
            synced: ("r.warc.gz", "fdatasync"),
        }),
    },
    SinkCase {
        name: "folder",
        flags: &["-o", "r.jsonl", "-O", "pages", "--fields", "+sha256"],
        read: folder,
        reader: Reader::Own,
        on_disk: Some(OnDisk { written: ("r.jsonl", "write"), synced: ("r.jsonl", "fdatasync") }),
    },
    SinkCase {
        name: "dedup",
        flags: &["-o", "r.jsonl", DEDUP],
        read: jsonl,
        reader: Reader::Own,
        on_disk: Some(OnDisk {
            written: ("r.jsonl.journal.firsts", "write"),
            synced: ("r.jsonl.journal.firsts", "fdatasync"),
        }),
    },
    SinkCase {
        name: "postgres",
        flags: &["-o", POSTGRES, "--journal", "r.journal"],
        read: postgres,
        reader: Reader::Psql,
        on_disk: None,
    },
];

/// Those that can be read on this machine; of the others it is said that they are not tested.
pub(crate) fn sinks() -> impl Iterator<Item = &'static SinkCase> {
    SINKS.iter().filter(|case| case.is_readable())
}

impl SinkCase {
    /// Whether what reads it is there.
    pub(crate) fn is_readable(&self) -> bool {
        let (there, what) = match self.reader {
            Reader::Own => return true,
            Reader::Sqlite3 => (others::has_sqlite3(), "sqlite3"),
            Reader::Python => (others::has_python(), "pyarrow, openpyxl and warcio"),
            Reader::Psql => (Postgres::is_installed(), "PostgreSQL"),
        };
        if !there {
            eprintln!("NOT TESTED: {} after a kill, which needs {what}", self.name);
        }
        there
    }

    /// What it holds.
    pub(crate) fn entries(&self, place: Place<'_>) -> Vec<Entry> {
        (self.read)(place)
    }

    /// The file name of the journal.
    pub(crate) fn journal(&self) -> String {
        let named = self.flags.iter().skip_while(|flag| **flag != "--journal").nth(1);
        named.map_or_else(|| format!("{}.journal", self.flags[1]), |name| (*name).to_owned())
    }

    /// Whether equal requests are sent once.
    pub(crate) fn sends_once(&self) -> bool {
        self.flags.contains(&DEDUP)
    }

    /// Whether it is in a database server.
    pub(crate) fn is_postgres(&self) -> bool {
        self.flags.contains(&POSTGRES)
    }

    /// Its files: the first names the journal.
    pub(crate) fn files(&self) -> impl Iterator<Item = &'static str> {
        let is_file =
            |flag: &&&str| flag.contains('.') && !flag.contains('{') && !flag.contains("journal");
        self.flags.iter().filter(is_file).copied()
    }
}

/// A line of text as these tests read it.
const TEXT_LINE: &str = "{n} {input} {outcome}";

/// The row of this name.
pub(crate) fn case(name: &str) -> &'static SinkCase {
    SINKS.iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no sink {name}"))
}

fn jsonl(at: Place<'_>) -> Vec<Entry> {
    jsonl_of(&at.dir.join("r.jsonl"))
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

fn csv(at: Place<'_>) -> Vec<Entry> {
    csv_of(&at.dir.join("r.csv"))
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

fn text_of(path: &Path) -> Vec<Entry> {
    let entry = |line: &str| match line.split(' ').collect::<Vec<_>>()[..] {
        [n, input, outcome] => entry_of(n, input, outcome),
        _ => panic!("torn: {line}"),
    };
    whole_lines(path).lines().map(entry).collect()
}

/// All outputs hold the same.
fn several(at: Place<'_>) -> Vec<Entry> {
    let sorted = |mut entries: Vec<Entry>| {
        entries.sort_by_key(|entry| entry.n);
        entries
    };
    let all = jsonl_of(&at.dir.join("a.jsonl"));
    for other in [csv_of(&at.dir.join("b.csv")), text_of(&at.dir.join("c.txt"))] {
        assert_eq!(sorted(all.clone()), sorted(other), "the outputs differ");
    }
    all
}

fn sqlite(at: Place<'_>) -> Vec<Entry> {
    let path = at.dir.join("r.db");
    assert_eq!(others::sqlite3(&path, "PRAGMA integrity_check"), ["ok"]);
    // One that was killed before it had a journal leaves a run without records.
    let runs = others::sqlite3(&path, "SELECT count(DISTINCT run) FROM record");
    assert_eq!(runs, ["1"], "records of one run");
    let lines = others::sqlite3(&path, "SELECT n, input, outcome FROM record");
    lines.iter().map(|line| row_of(line)).collect()
}

/// What psql reads in the schema of the run.
fn postgres(at: Place<'_>) -> Vec<Entry> {
    let server = at.postgres.expect("it was written there");
    let schema = schema(at.dir);
    let runs = server.query(&format!("SELECT count(DISTINCT run) FROM {schema}.record"));
    assert_eq!(runs, "1", "records of one run");
    let lines = server.query(&format!("SELECT n, input, outcome FROM {schema}.record"));
    lines.lines().map(row_of).collect()
}

/// The schema that the run in this directory writes to.
pub(crate) fn schema(dir: &Path) -> String {
    let name = dir.file_name().and_then(|name| name.to_str()).expect("a name");
    let hex: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("run_{hex}")
}

fn row_of(line: &str) -> Entry {
    match line.split('|').collect::<Vec<_>>()[..] {
        [n, input, outcome] => entry_of(n, input, outcome),
        _ => panic!("{line}"),
    }
}

/// Each record names a file that holds the body it tells of, and no file is anything else.
fn folder(at: Place<'_>) -> Vec<Entry> {
    let mut whole = BTreeMap::new();
    for shelf in std::fs::read_dir(at.dir.join("pages")).expect("a directory").flatten() {
        // Beside the shelves are only bodies that were coming in at a kill.
        for file in std::fs::read_dir(shelf.path()).into_iter().flatten().flatten() {
            let body = std::fs::read(file.path()).expect("a file");
            let hash: String = Sha256::digest(&body).iter().map(|b| format!("{b:02x}")).collect();
            let name = file.path().strip_prefix(at.dir).expect("inside").display().to_string();
            let spelled = name.replace(['/', '.'], "");
            assert!(spelled.contains(&hash), "{name} holds {hash}");
            whole.insert(name, (hash, body.len() as u64));
        }
    }
    for line in whole_lines(&at.dir.join("r.jsonl")).lines() {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let file = record["body_path"].as_str().unwrap_or_default();
        let (hash, bytes) = whole.get(file).unwrap_or_else(|| panic!("no file: {line}"));
        let told = (record["sha256"].as_str(), record["content_length"].as_u64());
        assert_eq!(told, (Some(hash.as_str()), Some(*bytes)), "{line}");
    }
    jsonl(at)
}

fn from_python(what: &str, path: &Path) -> Vec<Entry> {
    let entry = |row: Value| {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let n = row["n"].as_f64().unwrap_or_else(|| panic!("no n: {row}"));
        entry_of(&n.to_string(), &text("input"), &text("outcome"))
    };
    others::read(what, path).into_iter().map(entry).collect()
}

/// The records point to their responses, and there are no others.
fn warc(at: Place<'_>) -> Vec<Entry> {
    let found = others::read("warc", &at.dir.join("r.warc.gz"));
    let mut responses: BTreeMap<u64, String> = BTreeMap::new();
    for record in found.iter().filter(|record| record["type"] == "response") {
        let uri = record["uri"].as_str().unwrap_or_default();
        responses.insert(record["offset"].as_u64().expect("a number"), uri.to_owned());
    }
    for line in whole_lines(&at.dir.join("r.jsonl")).lines() {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let uri = responses.remove(&record["warc_offset"].as_u64().unwrap_or(u64::MAX));
        assert_eq!(uri.as_deref(), record["input"].as_str(), "{line}");
    }
    assert!(responses.is_empty(), "responses of no record: {responses:?}");
    jsonl(at)
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
