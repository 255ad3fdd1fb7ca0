//! The open journal: begun or opened again, and committed to.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::db::Db;
use super::done::Done;
use super::error::{JournalError, JournalErrorKind};
use super::kept::{self, Kept};
use super::load::{Loaded, load};
use super::settings::{Change, Setting};
use super::{BLOCK_ITEMS, CHUNK_BITS, Commit, Memory};
use crate::sink::{Position, RunInfo};

/// The open journal of a run. It blocks, and is used by one thread.
pub struct Journal {
    path: PathBuf,
    db: Db,
    run: RunInfo,
    salt: Box<[u8]>,
    settings: Vec<Kept>,
    sinks: Vec<(Box<str>, Position)>,
    done: Done,
    state: State,
    begun: BTreeSet<u64>,
    failed: bool,
}

/// The one row that every commit replaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) commits: u64,
    pub(super) inputs: u64,
    pub(super) read_to_end: bool,
    pub(super) finished: bool,
    pub(super) sums: Box<str>,
}

impl Journal {
    /// Begins the journal of a new run, in place of an old one. The outputs are named as
    /// [`Sink::name`](crate::Sink::name) has them; they are open and empty, or stand at these
    /// positions.
    ///
    /// # Errors
    /// When another process has it open, or it cannot be written.
    pub fn create(
        path: &Path,
        run: &RunInfo,
        settings: &[Setting],
        sinks: Vec<(Box<str>, Position)>,
    ) -> Result<Self, JournalError> {
        create(path, run, settings, sinks)
    }

    /// Opens the journal of a run and checks all of it; `None` if there is none, or nothing in it.
    ///
    /// # Errors
    /// When another process has it open, it is damaged, or it is no journal of this format.
    pub fn open(path: &Path) -> Result<Option<(Self, Memory)>, JournalError> {
        open(path)
    }

    /// Removes a journal; one that is not there is no error.
    ///
    /// # Errors
    /// When another process has it open, it is no journal, or it cannot be removed.
    pub fn remove(path: &Path) -> Result<(), JournalError> {
        if !path.exists() {
            return Ok(());
        }
        match Db::connect(path) {
            Ok(db) => drop(db),
            // Damaged, it is a journal all the same.
            Err(JournalError { kind: JournalErrorKind::Damaged { .. }, .. }) => {}
            Err(error) => return Err(error),
        }
        remove(path).map_err(|error| failed(path, &error))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run it belongs to.
    pub fn run(&self) -> &RunInfo {
        &self.run
    }

    /// The committed position of an output; `None` if it is none of this run.
    pub fn position(&self, sink: &str) -> Option<Position> {
        self.sinks.iter().find(|(name, _)| **name == *sink).map(|(_, position)| *position)
    }

    /// The names of the outputs.
    pub fn sinks(&self) -> impl Iterator<Item = &str> {
        self.sinks.iter().map(|(name, _)| &**name)
    }

    /// The finished inputs.
    pub fn done(&self) -> &Done {
        &self.done
    }

    /// Whether every input has its record and all outputs are closed.
    pub fn is_finished(&self) -> bool {
        self.state.finished
    }

    /// What differs between the settings the run began with and these.
    pub fn changes(&self, now: &[Setting]) -> Vec<Change> {
        let now: Vec<_> = now.iter().map(|setting| Kept::of(setting, &self.salt)).collect();
        kept::changes(&self.settings, &now)
    }

    /// Puts these settings in place of those the run began with.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn replace_settings(&mut self, now: &[Setting]) -> Result<(), JournalError> {
        self.settings = now.iter().map(|setting| Kept::of(setting, &self.salt)).collect();
        let settings = &self.settings;
        self.db.write(&self.path, |tables| tables.settings(settings))
    }

    /// Says durably what has happened, all of it or nothing.
    ///
    /// # Errors
    /// When it cannot be written. It is then of no more use: a failed sync is never tried again.
    pub fn commit(&mut self, commit: &Commit<'_>) -> Result<(), JournalError> {
        self.commit_as(commit, false)
    }

    /// The last commit: every input has its record, and the outputs are closed at these positions.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn finish(&mut self, commit: &Commit<'_>) -> Result<(), JournalError> {
        self.commit_as(commit, true)
    }

    fn commit_as(&mut self, commit: &Commit<'_>, finished: bool) -> Result<(), JournalError> {
        if self.failed {
            let what = "an earlier commit failed".into();
            return Err(JournalError::new(&self.path, JournalErrorKind::Io { what }));
        }
        let changed = self.take_in(commit, finished);
        let Self { path, db, sinks, done, state, .. } = self;
        let written = db.write(path, |tables| {
            tables.state(state, done)?;
            if let Some(prefix) = changed.prefix {
                tables.drop_chunks_before(prefix)?;
            }
            for chunk in changed.chunks {
                tables.chunk(chunk, &done.bytes(chunk))?;
            }
            for (name, position) in sinks.iter() {
                tables.sink(name, position)?;
            }
            commit.blocks.iter().try_for_each(|block| tables.block(block))?;
            commit.hosts.iter().try_for_each(|host| tables.host(host))?;
            changed.begun.iter().try_for_each(|n| tables.begun(*n))?;
            changed.over.iter().try_for_each(|n| tables.over(*n))
        });
        if written.is_err() {
            self.failed = true;
            self.db.give_up();
        }
        written
    }

    /// Takes a commit into what is in memory, and says what it changes on the disk.
    fn take_in(&mut self, commit: &Commit<'_>, finished: bool) -> Changed {
        let mut changed = Changed::default();
        let before = self.done.prefix() / CHUNK_BITS;
        for &n in commit.finished {
            if self.done.insert(n) {
                changed.chunks.insert(n / CHUNK_BITS);
            }
            if self.begun.remove(&n) {
                changed.over.push(n);
            }
        }
        let prefix = self.done.prefix() / CHUNK_BITS;
        changed.chunks = changed.chunks.split_off(&prefix);
        changed.prefix = (prefix > before).then_some(prefix);
        for &n in commit.over {
            if self.begun.remove(&n) {
                changed.over.push(n);
            }
        }
        for &n in commit.begun {
            if self.begun.insert(n) {
                changed.begun.push(n);
            }
        }
        for (name, position) in commit.positions {
            if let Some(known) = self.sinks.iter_mut().find(|(known, _)| known == name) {
                known.1 = *position;
            }
        }
        if let Some(last) = commit.blocks.last() {
            self.state.inputs = last.block * BLOCK_ITEMS + last.items;
        }
        self.state.read_to_end |= commit.read_to_end;
        self.state.finished |= finished;
        self.state.commits += 1;
        if *self.state.sums != *commit.sums {
            self.state.sums = commit.sums.into();
        }
        changed
    }
}

/// What a commit changes on the disk.
#[derive(Default)]
struct Changed {
    chunks: BTreeSet<u64>,
    /// Chunks before this one are full, and some were not.
    prefix: Option<u64>,
    begun: Vec<u64>,
    over: Vec<u64>,
}

/// As [`Journal::create`].
fn create(
    path: &Path,
    run: &RunInfo,
    settings: &[Setting],
    sinks: Vec<(Box<str>, Position)>,
) -> Result<Journal, JournalError> {
    let said = |error: io::Error| failed(path, &error);
    Journal::remove(path)?;
    private(path).map_err(said)?;
    let mut db = Db::connect(path)?;
    let salt = db.salt(path)?;
    let settings: Vec<Kept> = settings.iter().map(|one| Kept::of(one, &salt)).collect();
    let (state, done) = (State::default(), Done::default());
    db.fill(path, run, &salt, |tables| {
        tables.settings(&settings)?;
        tables.state(&state, &done)?;
        sinks.iter().try_for_each(|(name, position)| tables.sink(name, position))
    })?;
    Ok(Journal {
        path: path.to_owned(),
        db,
        run: run.clone(),
        salt,
        settings,
        sinks,
        done,
        state,
        begun: BTreeSet::new(),
        failed: false,
    })
}

/// As [`Journal::open`].
fn open(path: &Path) -> Result<Option<(Journal, Memory)>, JournalError> {
    match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, &error)),
        Ok(about) if !about.is_file() => {
            return Err(JournalError::new(path, JournalErrorKind::NotAJournal));
        }
        Ok(_) => {}
    }
    let db = Db::connect(path)?;
    let Some(loaded) = load(path, db.connection())? else { return Ok(None) };
    let Loaded { run, salt, settings, sinks, done, state, memory } = loaded;
    let begun = memory.begun.clone();
    let path = path.to_owned();
    let journal =
        Journal { path, db, run, salt, settings, sinks, done, state, begun, failed: false };
    Ok(Some((journal, memory)))
}

/// Removes a file and what SQLite keeps beside it.
fn remove(path: &Path) -> io::Result<()> {
    for end in ["", "-journal", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        match fs::remove_file(PathBuf::from(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Makes the file, for the owner alone. SQLite gives what it keeps beside it the same rights.
fn private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn failed(path: &Path, error: &io::Error) -> JournalError {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => JournalErrorKind::DiskFull,
        _ => JournalErrorKind::Io { what: error.to_string() },
    };
    JournalError::new(path, kind)
}
