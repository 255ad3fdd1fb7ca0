//! robots.txt before a host's targets: whose is asked for next, and what waits for it.
//!
//! With [`Config::robots`](crate::Config::robots) the targets of a new host wait until its rules
//! are known. The request for them is admitted like a target, goes before all others of its host,
//! under the same politeness, and may be led to another host by a redirect.

use super::host::{Barred, Rules};
use super::lease::{Job, Role};
use super::{Finishing, Frontier, NameNeeded};
use crate::attempt::Failure;
use crate::target::HostKey;
use crate::time::{Duration, Time};

/// How long a robots.txt that could not be had is not asked for again.
const FAILED_FOR: Duration = Duration::from_secs(60);

impl<P> Frontier<P> {
    /// A host whose targets wait for its robots.txt. Answer with `rules_known` or `rules_failed`,
    /// at once or after a request that is admitted by `admit_rules`.
    pub fn next_unruled(&mut self) -> Option<HostKey> {
        while let Some(index) = self.unruled.pop_front() {
            if let Some(host) = &mut self.hosts[index as usize]
                && host.rules == Rules::Needed
            {
                host.rules = Rules::Asked;
                return Some(host.key.clone());
            }
        }
        None
    }

    /// Takes in the request for a robots.txt. It is counted, leased and settled like a target, but
    /// waits for no rules.
    pub fn admit_rules(&mut self, host: &HostKey, payload: P, name: NameNeeded, now: Time) {
        self.counts.admitted += 1;
        self.enqueue(host, Job::new(payload, now), Role::Rules, name, now);
    }

    /// The rules of a host are known: its targets may go. It is asked no more often than once in
    /// `delay`, as far as the configured limit allows a site to say so.
    pub fn rules_known(&mut self, host: &HostKey, delay: Option<Duration>, now: Time) {
        let Some(&index) = self.index.get(host) else { return };
        let delay = delay.unwrap_or_default().min(self.crawl_delay_max);
        let host = self.host_mut(index);
        (host.rules, host.barred) = (Rules::Known, None);
        host.interval = host.interval.max(delay);
        self.place(index, now);
    }

    /// The rules of a host cannot be had: its targets end with `failure`, unless they end anyway, and
    /// those that come within a minute. Whatever robots.txt is led there is still asked for: rules are
    /// for targets (RFC 9309 section 2.3.1.2).
    pub fn rules_failed(&mut self, host: &HostKey, failure: Failure, now: Time) {
        let Some(&index) = self.index.get(host) else { return };
        let host = self.host_mut(index);
        host.rules = Rules::Unasked;
        if host.ending.is_none() {
            host.barred = Some(Box::new(Barred { failure, until: now + FAILED_FOR }));
            if host.waiting_to_end() > 0 {
                self.ending.push_back(index);
            }
        }
        self.place(index, now);
    }

    /// What was known of the rules of a host was forgotten or is too old.
    pub fn rules_forgotten(&mut self, host: &HostKey, now: Time) {
        let Some(&index) = self.index.get(host) else { return };
        if self.host(index).rules == Rules::Known {
            self.host_mut(index).rules = Rules::Unasked;
            if self.host(index).waiting() > 0 {
                self.want_rules(index);
            }
            self.place(index, now);
        }
    }

    /// A target came that is not to be tried at all: it only leaves.
    pub fn refuse(&mut self, host: &HostKey, payload: P, now: Time) -> Finishing<P> {
        self.counts.admitted += 1;
        self.counts.finishing += 1;
        Finishing { job: Job::new(payload, now), host: host.clone() }
    }

    /// Takes out every waiting target of a host that `is_taken` says. O(waiting of this host).
    pub fn take_waiting_of(
        &mut self,
        host: &HostKey,
        is_taken: impl Fn(&P) -> bool,
        now: Time,
    ) -> Vec<Finishing<P>> {
        let Some(&index) = self.index.get(host) else { return Vec::new() };
        let jobs = self.host_mut(index).take_waiting(is_taken);
        self.counts.waiting -= jobs.len() as u64;
        self.counts.finishing += jobs.len() as u64;
        self.place(index, now);
        jobs.into_iter().map(|job| Finishing { job, host: host.clone() }).collect()
    }

    /// A target waits for the rules of this host: they are asked for, if nobody has.
    pub(super) fn want_rules(&mut self, index: u32) {
        let host = self.host_mut(index);
        if host.rules == Rules::Unasked && host.ending.is_none() && host.barred.is_none() {
            host.rules = Rules::Needed;
            self.unruled.push_back(index);
        }
    }
}
