//! Jobs that fetch a whole list at each slot: a run on threads of its own, whose records are told.

use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use gather_core::{Duration, ErrorKind, Finding, Health, Record, Time, health};

use super::happening::Happening;
use super::judged;
use super::outages::Wrong;
use super::roster;
use super::spec::{Begin, RunWork};
use crate::check::Expect;
use crate::run::{Run, RunOptions};
use crate::stop::Stop;
use crate::summary::Summary;

/// Records that are told at once.
const BATCH: usize = 256;

/// A record, as far as a watch needs it.
#[derive(Debug)]
pub(crate) struct Told {
    /// The URL that was asked for, redacted as records are.
    pub(crate) url: Box<str>,
    pub(crate) tags: Vec<(Box<str>, Box<str>)>,
    pub(crate) at: Time,
    pub(crate) took: Duration,
    pub(crate) finding: Finding,
    pub(crate) status_code: u16,
    pub(crate) kind: Option<ErrorKind>,
    pub(crate) certificate_until: Option<Time>,
    /// What rules found.
    pub(crate) values: Vec<Found>,
}

/// What a rule found: the field, the value as text, and as a number.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) field: Box<str>,
    pub(crate) value: Option<Box<str>>,
    pub(crate) number: Option<f64>,
}

impl Told {
    /// The value of a tag.
    pub(crate) fn tag(&self, name: &str) -> Option<&str> {
        self.tags.iter().find(|(known, _)| &**known == name).map(|(_, value)| &**value)
    }

    /// As people call it.
    pub(crate) fn name(&self) -> &str {
        self.tag("name").unwrap_or(&self.url)
    }

    /// What makes it the same target tomorrow.
    pub(crate) fn key(&self, job: &str) -> u64 {
        roster::key_of(job, self.tag("name"), &self.url, None)
    }

    /// What is wrong with it.
    pub(crate) fn wrong(&self) -> Wrong {
        Wrong {
            reason: self.finding.reason.clone().unwrap_or_default(),
            kind: self.kind,
            status_code: self.status_code,
        }
    }
}

/// A run under way.
pub(crate) struct UnderWay {
    /// Its slot.
    pub(crate) due: Time,
    /// When it began.
    pub(crate) started: Time,
    reach: Arc<Mutex<Reach>>,
    thread: Option<JoinHandle<()>>,
}

/// How a run can be asked to stop.
enum Reach {
    /// Not yet: it is being made.
    Starting,
    /// It was asked before it could be: it stops as soon as it has begun.
    Drained,
    Going(Stop),
}

impl UnderWay {
    /// Starts the run of a slot. Its end comes as [`Happening::RunEnded`].
    pub(crate) fn begin(
        job: &Arc<str>,
        work: &RunWork,
        due: Time,
        begin: Begin,
        started: Time,
        to: &SyncSender<Happening>,
    ) -> std::io::Result<Self> {
        let reach = Arc::new(Mutex::new(Reach::Starting));
        let (job, start, to) = (Arc::clone(job), Arc::clone(&work.start), to.clone());
        let (reached, expect) = (Arc::clone(&reach), work.expect.clone());
        let run = move || {
            let ended = start(due, begin).and_then(|prepared| {
                let ended = run_to_end(prepared.options, expect, (&job, due), &to, &reached);
                let summary = ended.map_err(|error| error.to_string())?;
                prepared.after.map_or(Ok(()), |after| after())?;
                Ok(summary)
            });
            // A watch that is gone needs no word.
            let _ = to.send(Happening::RunEnded { job, due, ended: Box::new(ended) });
        };
        let thread = std::thread::Builder::new().name("job".to_owned()).spawn(run)?;
        Ok(Self { due, started, reach, thread: Some(thread) })
    }

    /// Asks it to begin no further request. What it has not done it does when it goes on.
    pub(crate) fn drain(&self) {
        let mut reach = self.reach.lock().unwrap_or_else(PoisonError::into_inner);
        match &*reach {
            Reach::Going(stop) => stop.drain(),
            Reach::Starting | Reach::Drained => *reach = Reach::Drained,
        }
    }

    /// Waits for the end of its thread, once its end was told.
    pub(crate) fn join(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

fn run_to_end(
    mut options: RunOptions,
    expect: Vec<Expect>,
    (job, due): (&Arc<str>, Time),
    to: &SyncSender<Happening>,
    reach: &Mutex<Reach>,
) -> Result<Summary, crate::run::RunError> {
    let waiting = Arc::new(Mutex::new(Vec::with_capacity(BATCH)));
    options.judge = Some(crate::check::judge(expect));
    // The records of a run that goes on are those of before, too: its targets are all of them.
    for hook in [&mut options.on_record, &mut options.on_earlier] {
        let (filling, own_job, own_to) = (Arc::clone(&waiting), Arc::clone(job), to.clone());
        let mut shown = hook.take();
        *hook = Some(Box::new(move |record| {
            if let Some(shown) = &mut shown {
                shown(record);
            }
            let mut waiting = filling.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.push(told(record));
            if waiting.len() >= BATCH {
                tell(&own_job, due, std::mem::take(&mut waiting), &own_to);
            }
        }));
    }
    let run = Run::start(options)?;
    let stop = run.stop();
    let before = std::mem::replace(
        &mut *reach.lock().unwrap_or_else(PoisonError::into_inner),
        Reach::Going(stop.clone()),
    );
    if matches!(before, Reach::Drained) {
        stop.drain();
    }
    let ended = run.wait();
    let rest = std::mem::take(&mut *waiting.lock().unwrap_or_else(PoisonError::into_inner));
    tell(job, due, rest, to);
    ended
}

fn tell(job: &Arc<str>, due: Time, records: Vec<Told>, to: &SyncSender<Happening>) {
    if !records.is_empty() {
        // A watch that is gone needs no word.
        let _ = to.send(Happening::Told { job: Arc::clone(job), due, records });
    }
}

fn told(record: &Record) -> Told {
    let finding = match record.health.as_deref() {
        Some(found) => found.clone(),
        None => health::of(record),
    };
    let values = record.fields.iter().flat_map(|fields| fields.iter()).map(|(name, value)| {
        let text = value.as_text();
        let number = text.as_deref().and_then(|text| text.parse().ok());
        Found { field: Box::from(&**name), value: text.map(Into::into), number }
    });
    // A page without an answer says nothing of its values.
    let says = finding.health != Health::Down && finding.health != Health::Unknown;
    Told {
        url: record.url.as_str().into(),
        tags: record
            .tags
            .iter()
            .flat_map(|tags| tags.iter())
            .map(|(name, value)| ((**name).into(), value.clone()))
            .collect(),
        at: Time::from_nanos(record.timings.started_unix_us.saturating_mul(1_000)),
        took: record.timings.total,
        status_code: record.status_code,
        kind: record.outcome.error().map(|error| error.kind),
        certificate_until: judged::certificate_until(record),
        values: if says { values.collect() } else { Vec::new() },
        finding,
    }
}
