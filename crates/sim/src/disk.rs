//! The disk of a run: the real journal and the real output, and what a crash leaves of their files.
//!
//! Files lie in memory and are never synced by it; what was synced is remembered instead. A kill leaves
//! all that was written. A power cut leaves what was synced and any part of the rest, cut at any byte
//! and perhaps torn before that.

use std::fs;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use gather_core::frontier::HostClock;
use gather_core::{Outcome, Record};
use gather_store::journal::{BLOCK_ITEMS, Block, Commit, HostRow, Journal, Memory};
use gather_store::{
    Durability, Existing, Fields, Format, OutputSpec, OutputTarget, Position, RunInfo, Sink,
};
use tempfile::TempDir;

/// Where the files of the current life are, and what may happen to them.
pub(crate) struct Disk {
    dir: TempDir,
    sink: Option<Box<dyn Sink>>,
    journal: Option<Journal>,
    /// The length of the output, and of the log of the journal, when they were last synced.
    synced: Lengths,
    /// Every clock that was ever committed; a row of the journal says which.
    clocks: Vec<HostClock>,
    /// The probability that a sync fails.
    share_of_failures: f64,
}

/// Lengths of files, in bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Lengths {
    output: u64,
    log: u64,
}

/// Where in a commit a crash comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// The records are written and not synced.
    Written,
    /// The output is synced, the journal does not know.
    Synced,
    /// Within the journal's own writes.
    Within,
    /// The journal knows.
    Known,
}

/// What is committed at once.
pub(crate) struct Group {
    pub(crate) records: Vec<(u64, Outcome)>,
    /// Inputs read so far, and whether those are all.
    pub(crate) read: (u64, bool),
    pub(crate) clocks: Vec<HostClock>,
    /// An input that is about to be sent and must not be repeated.
    pub(crate) begun: Vec<u64>,
}

/// Where a disk in memory is, if there is one.
const MEMORY: &str = "/dev/shm";
const OUTPUT: &str = "r.jsonl";

impl Disk {
    /// An empty one; a sync of it fails with this probability.
    pub(crate) fn new(share_of_failures: f64) -> Self {
        let dir = tempfile::tempdir_in(MEMORY).or_else(|_| tempfile::tempdir());
        Self {
            dir: dir.expect("a directory"),
            sink: None,
            journal: None,
            synced: Lengths::default(),
            clocks: Vec::new(),
            share_of_failures,
        }
    }

    /// Begins a run, or goes on with it: what the journal knows of it. Asserts that the journal is not
    /// ahead of the output.
    pub(crate) fn open(&mut self) -> Memory {
        let (path, mut run) = (self.journal_path(), RunInfo::new(1_795_255_200_000_000, 7));
        let opened = Journal::open(&path).expect("a journal that a crash left is whole");
        let (journal, memory) = match opened {
            Some((journal, memory)) => (Some(journal), memory),
            None => (None, Memory::default()),
        };
        let name = self.path(OUTPUT).display().to_string();
        let position = journal.as_ref().map_or(Position::default(), |journal| {
            run = journal.run().clone();
            journal.position(&name_of(journal)).expect("it knows its output")
        });
        let length = length(&self.path(OUTPUT));
        assert!(length >= position.bytes, "the journal is ahead: {position:?}, {length} bytes");
        let done = journal.as_ref().map_or(0, |journal| journal.done().count());
        assert_eq!(position.records, done, "finished inputs and committed records");
        let spec = OutputSpec {
            target: OutputTarget::File(self.path(OUTPUT)),
            format: Format::Jsonl,
            fields: Fields::default(),
            existing: if journal.is_some() {
                Existing::Resume(position)
            } else {
                Existing::Overwrite
            },
            durability: Durability::System,
        };
        let sink = gather_store::open(&spec, &run).expect("an output");
        let journal = journal.unwrap_or_else(|| {
            let sinks = vec![(name.into_boxed_str(), Position::default())];
            Journal::create(&path, &run, &[], sinks).expect("a journal")
        });
        (self.sink, self.journal) = (Some(sink), Some(journal));
        self.synced = self.lengths();
        memory
    }

    /// Whether the journal says that the run is whole.
    pub(crate) fn is_finished(&self) -> bool {
        self.journal.as_ref().is_some_and(Journal::is_finished)
    }

    /// Whether the journal says that this input is finished.
    pub(crate) fn is_done(&self, n: u64) -> bool {
        self.journal.as_ref().is_some_and(|journal| journal.done().contains(n))
    }

    /// The clocks that the rows of a journal stand for.
    pub(crate) fn clocks(&self, rows: &[HostRow]) -> Vec<HostClock> {
        let of = |row: &HostRow| row.state.as_ref()?.parse::<usize>().ok();
        rows.iter().filter_map(of).map(|at| self.clocks[at].clone()).collect()
    }

    /// Commits a group, up to where a crash comes, if one does. False if the disk failed.
    pub(crate) fn commit(&mut self, group: &Group, crash: Option<Point>, rng: &mut Rng) -> bool {
        let sink = self.sink.as_mut().expect("it is open");
        for (n, outcome) in &group.records {
            let record = Record::new(*n, outcome.clone());
            sink.write(&record).expect("there is space");
        }
        if crash == Some(Point::Written) {
            sink.flush().expect("there is space");
            return true;
        }
        // What a failed sync leaves is unknown: that of a power cut.
        if rng.f64() < self.share_of_failures {
            sink.flush().expect("there is space");
            return false;
        }
        let position = sink.commit().expect("there is space");
        self.synced.output = position.bytes;
        if crash == Some(Point::Synced) {
            return true;
        }
        let finished: Vec<u64> = group.records.iter().map(|(n, _)| *n).collect();
        let (blocks, hosts) = (blocks(group.read.0), self.rows(&group.clocks));
        let journal = self.journal.as_mut().expect("it is open");
        let positions = [(name_of(journal), position)];
        let commit = Commit {
            finished: &finished,
            positions: &positions,
            blocks: &blocks,
            read_to_end: group.read.1,
            hosts: &hosts,
            begun: &group.begun,
            ..Commit::default()
        };
        journal.commit(&commit).expect("there is space");
        if crash != Some(Point::Within) {
            self.synced.log = self.lengths().log;
        }
        true
    }

    /// The last commit: all is done.
    pub(crate) fn finish(&mut self, inputs: u64) {
        let position = self.sink.take().expect("it is open").finish().expect("there is space");
        let mut journal = self.journal.take().expect("it is open");
        let (blocks, positions) = (blocks(inputs), [(name_of(&journal), position)]);
        let commit = Commit {
            positions: &positions,
            blocks: &blocks,
            read_to_end: true,
            ..Commit::default()
        };
        journal.finish(&commit).expect("there is space");
    }

    /// What a kill, or a power cut, leaves for the next life.
    pub(crate) fn crash(&mut self, is_power_cut: bool, rng: &mut Rng) {
        let left = tempfile::tempdir_in(self.dir.path().parent().expect("it is in a directory"));
        let left = left.expect("a directory");
        let (now, log) = (self.lengths(), format!("{OUTPUT}.journal-wal"));
        for (name, synced, length) in [
            (OUTPUT.to_owned(), self.synced.output, now.output),
            (log, self.synced.log, now.log),
            (format!("{OUTPUT}.journal"), u64::MAX, u64::MAX),
        ] {
            let Ok(mut bytes) = fs::read(self.path(&name)) else { continue };
            if is_power_cut && synced < length {
                tear(&mut bytes, synced as usize, rng);
            }
            fs::write(left.path().join(&name), bytes).expect("there is space");
        }
        (self.sink, self.journal) = (None, None);
        self.dir = left;
    }

    /// The numbers of the records in the output, each of which is a whole line.
    pub(crate) fn records(&self) -> Vec<u64> {
        let text = fs::read_to_string(self.path(OUTPUT)).expect("text");
        assert!(text.is_empty() || text.ends_with("}\n"), "the output ends within a record");
        text.lines()
            .map(|line| {
                let number = line.strip_prefix("{\"n\":").and_then(|rest| rest.split(',').next());
                number.and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("no record: {line}"))
            })
            .collect()
    }

    fn rows(&mut self, clocks: &[HostClock]) -> Vec<HostRow> {
        let row = |clock: &HostClock| {
            self.clocks.push(clock.clone());
            let state = (self.clocks.len() - 1).to_string();
            HostRow { host: clock.host.as_str().into(), state: Some(state.into()) }
        };
        clocks.iter().map(row).collect()
    }

    fn lengths(&self) -> Lengths {
        let log = self.path(&format!("{OUTPUT}.journal-wal"));
        Lengths { output: length(&self.path(OUTPUT)), log: length(&log) }
    }

    fn journal_path(&self) -> PathBuf {
        self.path(&format!("{OUTPUT}.journal"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// The only output of a journal, under the name it had in its first life.
fn name_of(journal: &Journal) -> Box<str> {
    journal.sinks().next().expect("it has an output").into()
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |about| about.len())
}

/// Leaves of what was written and not synced any part, perhaps overwritten by anything.
fn tear(bytes: &mut Vec<u8>, synced: usize, rng: &mut Rng) {
    bytes.truncate(rng.usize(synced..=bytes.len()));
    if rng.u8(..) < 64 && synced < bytes.len() {
        let from = rng.usize(synced..bytes.len());
        rng.fill(&mut bytes[from..]);
    }
}

/// The blocks of so many inputs, which are told apart by their number alone.
fn blocks(inputs: u64) -> Vec<Block> {
    let block = |block: u64| {
        let items = (inputs - block * BLOCK_ITEMS).min(BLOCK_ITEMS);
        Block { block, items, hash: block, source: "list".into(), line: block * BLOCK_ITEMS + 1 }
    };
    (0..inputs.div_ceil(BLOCK_ITEMS)).map(block).collect()
}
