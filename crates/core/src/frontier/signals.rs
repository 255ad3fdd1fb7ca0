//! What a try says about its host: the gate closes, the breaker parks, an answer proves.

use super::Frontier;
use super::host::Standing;
use super::lease::{CloseCause, HostEvent, HostTrust, Signal};
use crate::attempt::Failure;
use crate::kind::ErrorKind;
use crate::politeness::Gate;
use crate::time::{Duration, Time};

/// Silent tries in a row that park a host.
const SILENCES_MAX: u8 = 3;
/// 503s in a row, without Retry-After, that close a host.
const UNAVAILABLE_MAX: u8 = 3;
/// Failed probes after which a host is given up: as many as a target has retries, within this.
const PROBES_MAX: u32 = 3;
/// How long the targets of a host that was given up end at once.
const DEAD_FOR: Duration = Duration::from_secs(60);

impl<P> Frontier<P> {
    /// Takes in the signal of a try sent at `sent`. The host is placed by the caller.
    pub(super) fn hear(
        &mut self,
        index: u32,
        signal: Signal,
        cause: Option<&Failure>,
        sent: Time,
        now: Time,
    ) {
        let refusals_close = self.trust != HostTrust::Scheduled;
        let host = self.host_mut(index);
        // Sent before the host was closed or parked: its silence is nothing new.
        let is_late = host.closed_at != Time::NEVER && sent <= host.closed_at;
        match signal {
            Signal::RateLimited { .. } | Signal::Unavailable { .. } if !refusals_close => {
                self.prove(index, sent, now);
            }
            Signal::Answered => {
                host.answers = host.answers.saturating_add(1);
                host.unavailable = 0;
                match &mut host.gate {
                    Some(gate) if gate.is_late(sent) => gate.answered_late(),
                    Some(gate) => gate.answered(sent, now),
                    None => {}
                }
                self.prove(index, sent, now);
            }
            Signal::Broken => {
                self.lose_probe(index, sent);
                self.prove(index, sent, now);
            }
            Signal::RateLimited { retry_after } => {
                self.prove(index, sent, now);
                self.close(index, CloseCause::RateLimited, retry_after, sent, now);
            }
            Signal::Unavailable { retry_after } => {
                host.unavailable = host.unavailable.saturating_add(1);
                let closes = retry_after.is_some() || host.unavailable >= UNAVAILABLE_MAX;
                self.prove(index, sent, now);
                if closes {
                    self.close(index, CloseCause::Unavailable, retry_after, sent, now);
                } else {
                    self.lose_probe(index, sent);
                }
            }
            Signal::NoConnection | Signal::NoAnswer => {
                self.lose_probe(index, sent);
                if self.trust == HostTrust::Earned && !is_late {
                    self.silence(index, signal, cause, now);
                }
            }
            Signal::Nothing => self.lose_probe(index, sent),
        }
    }

    /// The host's waiting targets, and those that come before `until`, end with this.
    pub(super) fn end_waiting(&mut self, index: u32, failure: Failure, until: Time, now: Time) {
        let host = self.host_mut(index);
        host.ending = Some(Box::new(failure));
        host.until = host.until.max(until);
        self.touch(index);
        let host = self.host(index);
        if host.waiting() > 0 {
            self.ending.push_back(index);
        }
        self.place(index, now);
    }

    /// The host is alive.
    fn prove(&mut self, index: u32, sent: Time, now: Time) {
        let host = self.host_mut(index);
        host.silences = 0;
        host.probes_failed = 0;
        host.withdrawals = 0;
        let revived = std::mem::replace(&mut host.parked, false);
        if revived {
            host.until = now;
            host.ending = None;
        }
        if host.standing != Standing::Proven {
            self.first_answer.add(now.since(sent));
            self.set_standing(index, Standing::Proven);
        }
        if revived {
            if self.host(index).waiting() > 0 {
                self.want_rules(index);
            }
            self.touch(index);
            let host = self.host(index).key.clone();
            self.note(HostEvent::Revived { host });
        }
    }

    fn lose_probe(&mut self, index: u32, sent: Time) {
        if let Some(gate) = &mut self.host_mut(index).gate
            && !gate.is_late(sent)
        {
            gate.probe_lost();
        }
    }

    /// The host refused: nothing is sent until it wants to be asked again.
    fn close(
        &mut self,
        index: u32,
        cause: CloseCause,
        retry_after: Option<Duration>,
        sent: Time,
        now: Time,
    ) {
        let max = self.retry.retry_after_max;
        let too_long = retry_after.map_or(max.is_zero(), |asked| asked > max);
        let host = self.hosts[index as usize].as_mut().expect("a host with work is in the slab");
        if host.gate.as_ref().is_some_and(|gate| gate.is_late(sent)) {
            if let Some(asked) = retry_after {
                host.until = host.until.max(now + asked);
            }
        } else {
            let (answers, lasted) = (host.answers, sent.since(host.born_at));
            let gate = host.gate.get_or_insert_with(|| Box::new(Gate::new(answers, lasted)));
            let known = gate.learned();
            host.until = gate.close(sent, now, retry_after, &self.retry, &mut self.rng);
            host.closed_at = now;
            let (learned, until, key) = (gate.learned(), host.until, host.key.clone());
            self.note(HostEvent::Closed { host: key.clone(), until, cause });
            if let Some(per_second) = learned.filter(|_| learned != known) {
                self.note(HostEvent::RateLearned { host: key, per_second });
            }
        }
        self.touch(index);
        let host = self.host(index);
        let hopeless = host.gate.as_ref().is_some_and(|gate| gate.is_hopeless());
        if (too_long || hopeless) && host.ending.is_none() {
            let until = host.until.max(now + DEAD_FOR);
            let what = match (too_long, retry_after) {
                (true, Some(asked)) => format!("asks to wait {} s", asked.as_secs()),
                (true, None) => "is not waited for".to_owned(),
                (false, _) => "went on refusing".to_owned(),
            };
            let failure = match cause {
                CloseCause::RateLimited => Failure::new(
                    ErrorKind::HttpRateLimited,
                    format!("{} answered 429 and {what}", host.key),
                ),
                CloseCause::Unavailable => Failure::new(
                    ErrorKind::HostParked,
                    format!("{} answered 503 and {what}", host.key),
                ),
            };
            self.note_given_up(index);
            self.end_waiting(index, failure, until, now);
        }
    }

    /// One more try without an answer.
    fn silence(&mut self, index: u32, signal: Signal, cause: Option<&Failure>, now: Time) {
        self.set_standing(index, Standing::Suspect);
        let probes_max = self.retry.retries.clamp(1, PROBES_MAX);
        let host = self.hosts[index as usize].as_mut().expect("a host with work is in the slab");
        host.silences = host.silences.saturating_add(1);
        if host.parked {
            host.probes_failed = host.probes_failed.saturating_add(1);
        } else if host.silences < SILENCES_MAX {
            return;
        }
        host.parked = true;
        host.closed_at = now;
        if u32::from(host.probes_failed) >= probes_max {
            let why = match (cause, signal) {
                (Some(failure), _) => failure.message.to_string(),
                (None, Signal::NoAnswer) => "no answer in time".to_owned(),
                (None, _) => "no connection".to_owned(),
            };
            let message = format!("{} is dead after {} tries: {why}", host.key, host.silences);
            self.note_given_up(index);
            let failure = Failure::new(ErrorKind::HostParked, message);
            self.end_waiting(index, failure, now + DEAD_FOR, now);
        } else {
            let pause = self.retry.backoff.saturating_mul(1 << host.probes_failed.min(16));
            host.until = now + pause.min(self.retry.backoff_max).min(DEAD_FOR);
            let (host, until) = (host.key.clone(), host.until);
            self.touch(index);
            self.note(HostEvent::Parked { host, until });
        }
    }
}
