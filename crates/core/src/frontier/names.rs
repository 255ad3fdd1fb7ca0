//! Names are resolved before a permit is taken: which host's name is looked up next.

use std::cmp::Reverse;

use super::Frontier;
use super::host::Name;
use crate::attempt::Failure;
use crate::kind::ErrorKind;
use crate::retry;
use crate::target::HostKey;
use crate::time::{Duration, Time};

/// How long a name that failed is not asked for again.
const FAILED_FOR: Duration = Duration::from_secs(60);

impl<P> Frontier<P> {
    /// A host whose name is to be looked up now. Answer with `name_resolved` or `name_failed`.
    pub fn next_name(&mut self, now: Time) -> Option<HostKey> {
        while let Some(&Reverse((at, index))) = self.name_timers.peek() {
            if at > now {
                break;
            }
            self.name_timers.pop();
            if let Some(host) = &mut self.hosts[index as usize]
                && host.name == Name::Backoff
            {
                host.name = Name::Needed;
                self.names.push_back(index);
            }
        }
        while let Some(index) = self.names.pop_front() {
            if let Some(host) = &mut self.hosts[index as usize]
                && host.name == Name::Needed
            {
                host.name = Name::Asked;
                return Some(host.key.clone());
            }
        }
        None
    }

    /// The name of this host is known: it may be asked.
    pub fn name_resolved(&mut self, host: &HostKey, now: Time) {
        let Some(&index) = self.index.get(host) else { return };
        let host = self.host_mut(index);
        host.name = Name::Known;
        host.name_tries = 0;
        self.place(index, now);
    }

    /// The name could not be resolved. If it may be later, it is looked up again after a backoff,
    /// as often as `retries` says; then the host's targets end with `failure`.
    pub fn name_failed(&mut self, host: &HostKey, failure: Failure, now: Time) {
        let Some(&index) = self.index.get(host) else { return };
        let tries = u32::from(self.host(index).name_tries);
        let passing = matches!(failure.kind, ErrorKind::DnsTemporary | ErrorKind::TimeoutDns);
        if passing && tries < self.retry.retries {
            let pause = retry::backoff(tries, &self.retry, &mut self.rng);
            let host = self.host_mut(index);
            host.name = Name::Backoff;
            host.name_tries = host.name_tries.saturating_add(1);
            self.name_timers.push(Reverse((now + pause, index)));
        } else {
            self.host_mut(index).name = Name::Asked;
            self.end_waiting(index, failure, now + FAILED_FOR, now);
        }
    }

    /// When `next_name` will have one again.
    pub(super) fn next_name_at(&self) -> Time {
        self.name_timers.peek().map_or(Time::NEVER, |Reverse((at, _))| *at)
    }
}
