//! What every test of a run needs: a list, a run of it, and the account of what came out.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Write as _;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gather::core::config::{HostConcurrency, Rate};
use gather::core::{Config, Outcome, Record};
use gather::source::{Format, InputFile, InputPath};
use gather::store::{Durability, Existing, Fields, OutputSpec, OutputTarget};
use gather::{Output, Run, RunError, RunOptions, Summary};
use tempfile::NamedTempFile;

/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A run to be: its options, and the files they name.
pub(crate) struct Bed {
    pub(crate) options: RunOptions,
    lists: Vec<NamedTempFile>,
}

/// What a run came to.
pub(crate) struct Done {
    /// In the order in which they were written.
    pub(crate) records: Vec<Record>,
    pub(crate) summary: Summary,
}

/// How many inputs have no record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pending {
    None,
    Some,
}

/// A run of these lines, with short pauses before retries.
pub(crate) fn bed(lines: impl IntoIterator<Item = impl Display>) -> Bed {
    let mut bed = Bed { options: RunOptions::default(), lists: Vec::new() };
    let config = &mut bed.options.config;
    config.timeout = Duration::from_secs(20);
    config.retry.backoff = Duration::from_millis(10);
    config.host_concurrency = HostConcurrency::Share;
    bed.file(lines)
}

impl Bed {
    /// One more input file.
    pub(crate) fn file(self, lines: impl IntoIterator<Item = impl Display>) -> Self {
        let mut text = Vec::new();
        for line in lines {
            writeln!(text, "{line}").expect("memory takes all");
        }
        self.raw_file(&text)
    }

    /// One more input file, of these bytes.
    pub(crate) fn raw_file(mut self, bytes: &[u8]) -> Self {
        let mut list = NamedTempFile::new().expect("a temporary file");
        list.write_all(bytes).expect("written");
        let path = InputPath::File(list.path().to_owned());
        self.options.source.files.push(InputFile { path, format: Format::List });
        self.lists.push(list);
        self
    }

    pub(crate) fn path_of_file(&self, index: usize) -> &Path {
        self.lists[index].path()
    }

    pub(crate) fn config(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.options.config);
        self
    }

    pub(crate) fn concurrency(self, most: u32) -> Self {
        self.config(|config| config.concurrency = count(most))
    }

    pub(crate) fn shards(mut self, shards: usize) -> Self {
        self.options.shards = NonZeroUsize::new(shards);
        self
    }

    pub(crate) fn output(mut self, spec: impl Into<Output>) -> Self {
        self.options.outputs.push(spec.into());
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Done {
        self.run_with(|_| {}).expect("the run ends well")
    }

    /// Runs it to its end; `meanwhile` may stop or watch it.
    pub(crate) fn run_with(mut self, meanwhile: impl FnOnce(&Run)) -> Result<Done, RunError> {
        let records = collect(&mut self.options);
        let run = Run::start(std::mem::take(&mut self.options))?;
        meanwhile(&run);
        let summary = wait(run)?;
        let records = std::mem::take(&mut *lock(&records));
        Ok(Done { records, summary })
    }
}

/// Has every record kept.
fn collect(options: &mut RunOptions) -> Arc<Mutex<Vec<Record>>> {
    let records = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&records);
    let mut before = options.on_record.take();
    options.on_record = Some(Box::new(move |record| {
        if let Some(before) = &mut before {
            before(record);
        }
        lock(&kept).push(record.clone());
    }));
    records
}

/// Waits for the end of a run, but not for ever.
pub(crate) fn wait(run: Run) -> Result<Summary, RunError> {
    let since = Instant::now();
    while !run.is_finished() {
        assert!(since.elapsed() < PATIENCE, "the run hangs: {:?}", run.live().snapshot());
        std::thread::sleep(Duration::from_millis(2));
    }
    run.wait()
}

impl Done {
    /// Every input has exactly one record, or is told to be pending; all sums agree.
    pub(crate) fn accounts_for(self, inputs: usize, pending: Pending) -> Self {
        let Self { records, summary } = &self;
        let mut numbers: Vec<u64> = records.iter().map(|record| record.n).collect();
        numbers.sort_unstable();
        let distinct = {
            let mut n = numbers.clone();
            n.dedup();
            n.len()
        };
        assert_eq!(distinct, numbers.len(), "an input has two records");
        assert!(numbers.last().is_none_or(|last| *last < inputs as u64), "{numbers:?}");
        let written = records.len() as u64;
        assert_eq!(summary.ok + summary.failed + summary.skipped, written);
        assert_eq!(written + summary.pending, summary.inputs);
        if pending == Pending::None {
            assert_eq!((written, summary.inputs), (inputs as u64, inputs as u64), "{summary:?}");
        }
        let mut by_kind: BTreeMap<&str, u64> = BTreeMap::new();
        for kind in records.iter().map(kind).filter(|kind| *kind != "ok") {
            *by_kind.entry(kind).or_default() += 1;
        }
        assert_eq!(by_kind, summary.by_kind);
        for record in records {
            assert!(record.attempts > 0 || !matches!(record.outcome, Outcome::Ok), "{record:?}");
        }
        assert!(summary.concurrency.peak <= summary.concurrency.allowed);
        self
    }

    /// Every input has exactly one record, and all are ok.
    pub(crate) fn all_ok(self, inputs: usize) -> Self {
        let done = self.accounts_for(inputs, Pending::None);
        let bad = done.records.iter().find(|record| kind(record) != "ok");
        assert!(bad.is_none(), "{bad:?} {:?}", done.summary.by_kind);
        done
    }

    pub(crate) fn record(&self, n: u64) -> &Record {
        self.records.iter().find(|record| record.n == n).expect("one record for each input")
    }

    /// How many records have this kind; `ok` is one.
    pub(crate) fn count(&self, wanted: &str) -> usize {
        self.records.iter().filter(|record| kind(record) == wanted).count()
    }
}

/// `ok`, or the kind of its error.
pub(crate) fn kind(record: &Record) -> &'static str {
    record.outcome.error().map_or("ok", |error| error.kind.as_str())
}

pub(crate) fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("not zero")
}

pub(crate) fn per_second(rate: f64) -> Option<Rate> {
    Rate::new(rate, Duration::from_secs(1))
}

/// JSON lines in a file.
pub(crate) fn jsonl(path: &Path) -> OutputSpec {
    OutputSpec {
        target: OutputTarget::File(path.to_owned()),
        format: gather::store::Format::Jsonl,
        fields: Fields::default(),
        existing: Existing::Overwrite,
        durability: Durability::System,
    }
}

/// A pipe with a name: what is written to it is read as it comes.
pub(crate) fn fifo(dir: &tempfile::TempDir) -> std::path::PathBuf {
    let path = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo runs");
    assert!(made.success());
    path
}

/// Waits until something is so, in a run that goes on.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "never came: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
