//! One host's queues, clocks and standing.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::num::NonZeroU32;

use super::lease::{Job, Role};
use crate::attempt::Failure;
use crate::politeness::Gate;
use crate::target::HostKey;
use crate::time::{Duration, Time};

/// What a host has shown of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing came back yet, good or bad.
    Untried,
    /// Asked, and it kept silent.
    Suspect,
    /// It answered last.
    Proven,
}

impl Standing {
    pub(super) const COUNT: usize = 3;
}

/// Where a host is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Not placed yet.
    Nowhere,
    /// Without work; it leaves when its clocks have run out.
    Idle,
    /// Work in flight only, or its targets are ending.
    Away,
    /// Its name is being resolved, or its robots.txt read.
    Unready,
    /// As many requests in flight as it may have.
    Blocked,
    /// Not to be asked before this moment.
    Timer(Time),
    /// May be asked.
    Ready(Class),
}

/// Ready hosts, by what the next permit means to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Never asked.
    Fresh,
    /// Answers, and nothing in flight.
    ProvenBreadth,
    /// Answers, and has some in flight.
    ProvenDepth,
    /// Silent so far, and nothing in flight.
    SuspectBreadth,
    /// No answer yet, and has some in flight.
    UnprovenDepth,
}

/// What is known of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// Resolved, or not needed.
    Known,
    /// To be looked up.
    Needed,
    /// Being looked up.
    Asked,
    /// To be looked up again when its backoff is over.
    Backoff,
}

/// What is known of its robots.txt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    /// Read, or not obeyed.
    Known,
    /// No target has needed them yet.
    Unasked,
    /// To be asked for.
    Needed,
    /// Being asked for.
    Asked,
}

/// A target that is tried again, not before `at`.
#[derive(Debug)]
pub(super) struct Delayed<P> {
    pub(super) at: Time,
    pub(super) order: u64,
    pub(super) job: Job<P>,
}

impl<P> PartialEq for Delayed<P> {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl<P> Eq for Delayed<P> {}

impl<P> PartialOrd for Delayed<P> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<P> Ord for Delayed<P> {
    // Reversed: the heap's greatest is the earliest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

/// One host. At most 256 bytes; what only a host in trouble needs is boxed.
#[derive(Debug)]
pub(super) struct Host<P> {
    pub(super) key: HostKey,
    pub(super) queue: VecDeque<Job<P>>,
    pub(super) retries: BinaryHeap<Delayed<P>>,
    /// Requests for a robots.txt: they wait for nothing but the host's politeness.
    pub(super) first: BinaryHeap<Delayed<P>>,
    /// The place and the stamp of its one valid entry in the queues.
    pub(super) place: Place,
    pub(super) stamp: u64,
    /// When its interval lets the next request go.
    pub(super) next_at: Time,
    /// Nothing is sent before this: closed by the gate or parked by the breaker.
    pub(super) until: Time,
    /// When `until` was first set; tries sent before it say nothing new.
    pub(super) closed_at: Time,
    pub(super) interval: Duration,
    pub(super) cap: Option<NonZeroU32>,
    pub(super) in_flight: u32,
    pub(super) admitted: u32,
    pub(super) budget_spent: u32,
    /// Good answers so far, and when the first request went out.
    pub(super) answers: u32,
    pub(super) born_at: Time,
    pub(super) standing: Standing,
    pub(super) counted: Option<Standing>,
    pub(super) name: Name,
    pub(super) name_tries: u8,
    pub(super) rules: Rules,
    /// Tries without an answer, one after the other.
    pub(super) silences: u8,
    /// Probes of a parked host that failed.
    pub(super) probes_failed: u8,
    pub(super) parked: bool,
    /// Whether it is among those whose clocks have changed.
    pub(super) touched: bool,
    /// 503s, one after the other.
    pub(super) unavailable: u8,
    /// How often its tries were given up for others.
    pub(super) withdrawals: u8,
    /// The try that stays when others of this host are given up.
    pub(super) kept_slot: u32,
    pub(super) gate: Option<Box<Gate>>,
    /// Set when its waiting targets end without a further try, and those that come until `until`.
    pub(super) ending: Option<Box<Failure>>,
    /// Set when its robots.txt cannot be had.
    pub(super) barred: Option<Box<Barred>>,
}

/// A host's targets end, for want of its robots.txt. A robots.txt that another host keeps there is no
/// target: it is asked for all the same.
#[derive(Debug)]
pub(super) struct Barred {
    pub(super) failure: Failure,
    /// Until when those that come end as well.
    pub(super) until: Time,
}

impl<P> Host<P> {
    pub(super) fn new(key: HostKey, interval: Duration, cap: Option<NonZeroU32>) -> Self {
        Self {
            key,
            queue: VecDeque::new(),
            retries: BinaryHeap::new(),
            first: BinaryHeap::new(),
            place: Place::Nowhere,
            stamp: 0,
            next_at: Time::ZERO,
            until: Time::ZERO,
            closed_at: Time::NEVER,
            interval,
            cap,
            in_flight: 0,
            admitted: 0,
            budget_spent: 0,
            answers: 0,
            born_at: Time::NEVER,
            standing: Standing::Untried,
            counted: None,
            name: Name::Known,
            name_tries: 0,
            rules: Rules::Known,
            silences: 0,
            probes_failed: 0,
            parked: false,
            touched: false,
            unavailable: 0,
            withdrawals: 0,
            kept_slot: u32::MAX,
            gate: None,
            ending: None,
            barred: None,
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.targets_waiting() + self.first.len()
    }

    /// Of those that wait, all but requests for a robots.txt.
    pub(super) fn targets_waiting(&self) -> usize {
        self.queue.len() + self.retries.len()
    }

    /// How many wait that end without a further try.
    pub(super) fn waiting_to_end(&self) -> usize {
        match (&self.ending, &self.barred) {
            (Some(_), _) => self.waiting(),
            (None, Some(_)) => self.targets_waiting(),
            (None, None) => 0,
        }
    }

    /// One that ends without a further try, and why.
    pub(super) fn pop_ended(&mut self) -> Option<(Job<P>, Failure)> {
        if let Some(failure) = &self.ending {
            let failure = Failure::clone(failure);
            return Some((self.pop_any()?, failure));
        }
        let failure = self.barred.as_ref()?.failure.clone();
        Some((self.pop_target()?, failure))
    }

    /// The earliest moment it may be asked; `Time::NEVER` without waiting targets.
    pub(super) fn due(&self) -> Time {
        let first = self.first.peek().map_or(Time::NEVER, |first| first.at);
        let job = if self.rules != Rules::Known {
            first
        } else if self.queue.is_empty() {
            self.retries.peek().map_or(first, |retry| retry.at.min(first))
        } else {
            Time::ZERO
        };
        job.max(self.next_at).max(self.until)
    }

    /// The next target to try: a robots.txt goes first, and a retry that is due before a target
    /// never tried.
    pub(super) fn pop(&mut self, now: Time) -> Option<(Job<P>, Role)> {
        if self.first.peek().is_some_and(|first| first.at <= now) {
            return self.first.pop().map(|first| (first.job, Role::Rules));
        }
        let job = match self.retries.peek() {
            _ if self.rules != Rules::Known => None,
            Some(retry) if retry.at <= now => self.retries.pop().map(|retry| retry.job),
            _ => self.queue.pop_front(),
        };
        job.map(|job| (job, Role::Target))
    }

    /// Any waiting target, whatever it waits for; those never tried first.
    pub(super) fn pop_any(&mut self) -> Option<Job<P>> {
        self.pop_target().or_else(|| self.first.pop().map(|first| first.job))
    }

    fn pop_target(&mut self) -> Option<Job<P>> {
        self.queue.pop_front().or_else(|| self.retries.pop().map(|retry| retry.job))
    }

    /// Takes out the waiting targets that `is_taken` says; the others keep their order.
    pub(super) fn take_waiting(&mut self, is_taken: impl Fn(&P) -> bool) -> Vec<Job<P>> {
        let mut taken = Vec::new();
        for _ in 0..self.queue.len() {
            let Some(job) = self.queue.pop_front() else { break };
            match is_taken(&job.payload) {
                true => taken.push(job),
                false => self.queue.push_back(job),
            }
        }
        let (gone, kept): (Vec<_>, Vec<_>) =
            self.retries.drain().partition(|retry| is_taken(&retry.job.payload));
        self.retries = kept.into();
        taken.extend(gone.into_iter().map(|retry| retry.job));
        taken
    }

    pub(super) fn class(&self) -> Class {
        match (self.standing, self.in_flight) {
            (Standing::Proven, 0) => Class::ProvenBreadth,
            (Standing::Proven, _) => Class::ProvenDepth,
            (Standing::Untried, 0) => Class::Fresh,
            (Standing::Suspect, 0) => Class::SuspectBreadth,
            (Standing::Untried | Standing::Suspect, _) => Class::UnprovenDepth,
        }
    }

    /// Whether nothing is left of it that would be lost with it.
    pub(super) fn clocks_ran_out(&self, now: Time) -> bool {
        self.next_at <= now
            && self.until <= now
            && self.barred.as_ref().is_none_or(|barred| barred.until <= now)
            && self.gate.as_ref().is_none_or(|gate| gate.forgettable(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_small() {
        let bytes = size_of::<Host<u64>>();
        assert!(bytes <= 256, "{bytes} bytes");
    }
}
