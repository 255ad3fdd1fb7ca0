//! What the shards of one run share: who owns which host, counters and signals, never a target.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gather_core::config::{StopRule, UnsafeMethods};
use gather_core::robots::Robots;
use gather_core::{Config, HostKey, TargetNo};
use gather_fetch::RedactQuery;
use tokio::sync::Notify;

use crate::account::Account;
use crate::clock::Clock;
use crate::journal::Notes;
use crate::permits::Permits;
use crate::rate::RateGate;
use crate::repeats::Waiting;
use crate::reroute::Credentials;
use crate::source::SourceError;
use crate::source::intake::Owners;
use crate::stop::{Cause, Stop};

/// Targets that may be finished and not committed, beside as many as may be in flight: those
/// that are finish, too.
const UNCOMMITTED_MAX: u64 = 1_000;
/// Finished targets that a shard counts for itself before it says so here.
const UNTOLD_MAX: u64 = 16;
/// Sitemaps told and not taken; they are taken with every record.
const SITEMAPS_MAX: usize = 65_536;
/// Finished targets before a share of failures is judged.
const SHARE_SAMPLE_MIN: u64 = 20;

/// Sitemaps as they stand in robots.txt, and whose that is.
pub(crate) type NamedSitemaps = Vec<(HostKey, Box<str>)>;

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) stop: Stop,
    pub(crate) permits: Permits,
    pub(crate) rate: Option<RateGate>,
    /// Whether every request carries something that only its server may see.
    pub(crate) credentials: Credentials,
    /// Keys of queries whose values no record tells.
    pub(crate) redact_query: RedactQuery,
    /// Handed to a shard, and without a record so far.
    pub(crate) unfinished: AtomicU64,
    /// Which shard owns which host.
    pub(crate) owners: Arc<Owners>,
    /// Hosts with work, by shard.
    pub(crate) hosts: Vec<AtomicU32>,
    /// Inputs that came in, broken ones included.
    inputs: AtomicU64,
    /// Inputs that no shard is handed, since they get the answer of another.
    waiting: Option<Arc<Waiting>>,
    /// Shards that are still being handed targets.
    feeding: AtomicUsize,
    finished: AtomicU64,
    failed: AtomicU64,
    /// Of the finished ones, those whose records are committed.
    committed: AtomicU64,
    /// How many may be finished and not committed before nothing more is started; a kill loses
    /// them.
    uncommitted_max: u64,
    untold_max: u64,
    /// Whether somebody waits for a commit, and the bell for whoever makes it.
    wants_commit: AtomicBool,
    /// Whether records are searched on their way to the outputs.
    pub(crate) extracts: AtomicBool,
    pub(crate) commit_wanted: Notify,
    /// What the journal is told beside records; none without a journal.
    pub(crate) notes: Option<Notes>,
    /// Inputs of a run that goes on whose request may not be repeated and may have been sent.
    begun: BTreeSet<u64>,
    /// Inputs that had their records before the run went on.
    done_before: u64,
    /// Targets whose askers stopped waiting.
    abandoned: AtomicU64,
    wants_names: AtomicBool,
    source_error: Mutex<Option<SourceError>>,
    wakes: Vec<Notify>,
    /// Whether records may lead to more inputs, so that none should wait.
    pub(crate) grows: AtomicBool,
    /// Sitemaps that robots.txt files name, and who named them; none where nobody asks.
    sitemaps: Mutex<Option<NamedSitemaps>>,
}

impl Shared {
    pub(crate) fn new(
        config: Config,
        (credentials, redact_query): (Credentials, RedactQuery),
        stop: Stop,
        permits: u32,
        shards: usize,
        past: &Past,
    ) -> Self {
        let all = (shards as u64).max(1);
        let untold_max = (UNCOMMITTED_MAX / 2 / all).clamp(1, UNTOLD_MAX);
        let uncommitted_max = match past.journal {
            // Less what the shards have not told yet.
            HasJournal::Yes => {
                u64::from(permits) + UNCOMMITTED_MAX.saturating_sub(untold_max * all)
            }
            HasJournal::No => u64::MAX,
        };
        Self {
            clock: Clock::start(),
            stop,
            credentials,
            redact_query,
            permits: Permits::new(permits, u32::try_from(shards).unwrap_or(u32::MAX)),
            rate: config.rate.map(RateGate::new),
            unfinished: AtomicU64::new(0),
            committed: AtomicU64::new(past.records),
            uncommitted_max,
            untold_max,
            wants_commit: AtomicBool::new(false),
            extracts: AtomicBool::new(false),
            commit_wanted: Notify::new(),
            notes: (past.journal == HasJournal::Yes).then(Notes::default),
            begun: match config.retry.unsafe_methods {
                UnsafeMethods::OnlyUnsent => past.begun.clone(),
                UnsafeMethods::Repeat => BTreeSet::new(),
            },
            done_before: past.records,
            waiting: past.waiting.clone(),
            owners: Arc::new(Owners::new(shards)),
            hosts: (0..shards).map(|_| AtomicU32::new(0)).collect(),
            inputs: AtomicU64::new(past.records),
            feeding: AtomicUsize::new(shards),
            wants_names: AtomicBool::new(false),
            source_error: Mutex::new(None),
            finished: AtomicU64::new(past.records),
            failed: AtomicU64::new(past.failed),
            abandoned: AtomicU64::new(0),
            wakes: (0..shards).map(|_| Notify::new()).collect(),
            grows: AtomicBool::new(false),
            sitemaps: Mutex::new(None),
            config,
        }
    }

    /// Has the sitemaps told that robots.txt files name.
    #[cfg(feature = "crawl")]
    pub(crate) fn want_sitemaps(&self) {
        self.sitemaps.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default();
    }

    /// The sitemaps told since the last look.
    #[cfg(feature = "crawl")]
    pub(crate) fn take_sitemaps(&self) -> NamedSitemaps {
        let mut sitemaps = self.sitemaps.lock().unwrap_or_else(PoisonError::into_inner);
        sitemaps.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The robots.txt of a host was read.
    pub(crate) fn tell_sitemaps(&self, host: &HostKey, robots: &Robots) {
        let mut sitemaps = self.sitemaps.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sitemaps) = sitemaps.as_mut() else { return };
        let room = SITEMAPS_MAX.saturating_sub(sitemaps.len());
        sitemaps.extend(robots.sitemaps().take(room).map(|text| (host.clone(), text.into())));
    }

    /// How many shards there are.
    pub(crate) fn shards(&self) -> usize {
        self.wakes.len()
    }

    /// Inputs that came in so far.
    pub(crate) fn inputs(&self) -> u64 {
        let repeats = self.waiting.as_ref().map_or(0, |waiting| waiting.found());
        self.inputs.load(Ordering::Acquire) + repeats
    }

    /// More inputs came in, each to get a record.
    pub(crate) fn count_inputs(&self, count: usize) {
        self.inputs.fetch_add(count as u64, Ordering::AcqRel);
        self.unfinished.fetch_add(count as u64, Ordering::AcqRel);
    }

    /// A shard was handed the last it will be handed.
    pub(crate) fn count_fed(&self) {
        if self.feeding.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.wake_all();
        }
    }

    /// The source cannot be read on: what came before it still gets its records.
    pub(crate) fn fail_source(&self, error: SourceError) {
        // A spill that fails leaves targets behind that nobody can fetch any more.
        if matches!(error, SourceError::Spill(_)) {
            self.stop.because(Cause::Fault);
        }
        self.source_error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    /// Whether everything the source had was handed to the shards.
    pub(crate) fn is_fed(&self) -> bool {
        self.feeding.load(Ordering::Acquire) == 0
    }

    /// Why the source ended early, if it did.
    pub(crate) fn take_source_error(&self) -> Option<SourceError> {
        self.source_error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Asks the shards to name the targets that have been in flight longest, or no longer.
    pub(crate) fn want_names(&self, want: bool) {
        self.wants_names.store(want, Ordering::Relaxed);
    }

    /// Whether somebody wants them named.
    pub(crate) fn wants_names(&self) -> bool {
        self.wants_names.load(Ordering::Relaxed)
    }

    /// The bell of one shard.
    pub(crate) fn wake(&self, shard: usize) -> &Notify {
        &self.wakes[shard]
    }

    /// Rings every shard's bell.
    pub(crate) fn wake_all(&self) {
        self.wakes.iter().for_each(Notify::notify_one);
    }

    /// Hosts with work in shards other than this one.
    pub(crate) fn hosts_elsewhere(&self, shard: usize) -> u32 {
        let others = self.hosts.iter().enumerate().filter(|(index, _)| *index != shard);
        others.map(|(_, hosts)| hosts.load(Ordering::Relaxed)).sum()
    }

    /// Counts a target that has its record; wakes everybody when it was the last one.
    pub(crate) fn count_finished(&self, failed: Failed) {
        let finished = self.finished.fetch_add(1, Ordering::Relaxed) + 1;
        if failed == Failed::Yes {
            let failures = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
            self.judge(failures, finished);
        }
        if self.unfinished.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.wake_all();
        }
    }

    /// Counts so many good ones at once: each time waits for all that the processor has not written
    /// to memory yet, the record above all.
    pub(crate) fn count_good(&self, count: u64) {
        self.finished.fetch_add(count, Ordering::Relaxed);
        if self.unfinished.fetch_sub(count, Ordering::AcqRel) == count {
            self.wake_all();
        }
    }

    /// How many good ones a shard may count for itself; none where a share of failures is judged, by
    /// all that have finished.
    pub(crate) fn untold_max(&self) -> u64 {
        if matches!(self.config.stop, StopRule::MoreThanShare(_)) { 1 } else { self.untold_max }
    }

    /// A target that had counted as finished turned out to be a failure.
    #[cfg(feature = "extract")]
    pub(crate) fn count_failed_late(&self) {
        let failures = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
        self.judge(failures, self.finished.load(Ordering::Relaxed));
    }

    /// Whoever asked for `count` targets has stopped waiting for them.
    pub(crate) fn count_abandoned(&self, count: usize) {
        self.abandoned.fetch_add(count as u64, Ordering::Release);
    }

    /// Targets nobody waits for any more, the ones that are gone included.
    pub(crate) fn abandoned(&self) -> u64 {
        self.abandoned.load(Ordering::Acquire)
    }

    /// A target left without a record, since nobody waits for it.
    pub(crate) fn count_forgotten(&self) {
        self.inputs.fetch_sub(1, Ordering::AcqRel);
        if self.unfinished.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.wake_all();
        }
    }

    fn judge(&self, failures: u64, finished: u64) {
        let share = || failures as f64 / finished as f64;
        match self.config.stop {
            StopRule::Never => {}
            StopRule::FirstFailure => self.stop.because(Cause::FailFast),
            StopRule::MoreThan(most) if failures > most => self.stop.because(Cause::MaxFailures),
            StopRule::MoreThanShare(most) if finished >= SHARE_SAMPLE_MIN && share() > most => {
                self.stop.because(Cause::MaxFailures);
            }
            StopRule::MoreThan(_) | StopRule::MoreThanShare(_) => {}
        }
    }

    /// Inputs that had their records before the run went on.
    pub(crate) fn done_before(&self) -> u64 {
        self.done_before
    }

    /// Whether so much is finished and not committed that nothing more may be started. If so, all
    /// are woken by the next commit.
    pub(crate) fn awaits_commit(&self) -> bool {
        let is_over = || {
            let finished = self.finished.load(Ordering::Acquire);
            finished.saturating_sub(self.committed.load(Ordering::Acquire)) >= self.uncommitted_max
        };
        if self.uncommitted_max == u64::MAX || !is_over() {
            return false;
        }
        self.wants_commit.store(true, Ordering::SeqCst);
        // The commit may have come in between, and seen nobody waiting.
        let awaits = is_over();
        if awaits {
            self.commit_wanted.notify_one();
        }
        awaits
    }

    /// Has the writer commit at once.
    pub(crate) fn want_commit(&self) {
        self.wants_commit.store(true, Ordering::SeqCst);
        self.commit_wanted.notify_one();
    }

    /// Whether the request of this input may have been sent by a run that was then killed, and may
    /// not be sent again.
    pub(crate) fn was_begun(&self, n: TargetNo) -> bool {
        self.begun.contains(&n.0)
    }

    /// Whether somebody waits for a commit.
    pub(crate) fn wants_commit(&self) -> bool {
        self.wants_commit.load(Ordering::SeqCst)
    }

    /// So many records of this run are committed by now.
    pub(crate) fn count_committed(&self, records: u64) {
        self.committed.store(self.done_before + records, Ordering::SeqCst);
        if self.wants_commit.swap(false, Ordering::SeqCst) {
            self.wake_all();
        }
    }

    /// Whether every input has its record, and there are no more.
    pub(crate) fn has_finished(&self) -> bool {
        let has_failed = matches!(self.stop.cause(), Some(Cause::OutputClosed | Cause::Fault));
        let read = self.source_error.lock().unwrap_or_else(PoisonError::into_inner).is_none();
        read && !has_failed && self.is_complete()
    }

    /// Whether nothing is left to do, and no repeat without its answer.
    pub(crate) fn is_complete(&self) -> bool {
        let unanswered = self.waiting.as_ref().map_or(0, |waiting| waiting.unanswered());
        self.is_done() && unanswered == 0
    }

    /// Whether nothing is left to do, in any shard.
    pub(crate) fn is_done(&self) -> bool {
        self.is_fed() && self.unfinished.load(Ordering::Acquire) == 0
    }
}

/// What a run that goes on has behind it.
#[derive(Clone)]
pub(crate) struct Past {
    pub(crate) records: u64,
    pub(crate) failed: u64,
    pub(crate) journal: HasJournal,
    /// Inputs whose request may not be repeated and may have been sent.
    pub(crate) begun: BTreeSet<u64>,
    /// Where repeats wait, where equal requests are sent once.
    pub(crate) waiting: Option<Arc<Waiting>>,
}

/// Whether what a kill loses has to be bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HasJournal {
    Yes,
    No,
}

impl Past {
    /// A run with these records behind it.
    pub(crate) fn of(account: &Account, journal: HasJournal) -> Self {
        let (records, failed) = (account.records(), account.failed);
        Self { records, failed, journal, begun: BTreeSet::new(), waiting: None }
    }

    /// A run that begins, and is not gone on with.
    pub(crate) const NONE: Self = Self {
        records: 0,
        failed: 0,
        journal: HasJournal::No,
        begun: BTreeSet::new(),
        waiting: None,
    };
}

/// Whether a finished target counts as a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    Yes,
    No,
}
