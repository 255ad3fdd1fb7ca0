//! What can be seen of a frontier while it works.

use std::cmp::Reverse;

use super::Frontier;
use crate::target::HostKey;
use crate::time::{Duration, Time};

/// Hosts looked at for [`Frontier::busiest`]; a frontier with more shows the busiest of so many.
const LOOKED_AT_MAX: usize = 4096;

/// What one host still has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostWork {
    /// The host.
    pub host: HostKey,
    /// Targets in its queue.
    pub waiting: u64,
    /// Requests in flight.
    pub in_flight: u32,
    /// The least time between two of its requests; zero where there is none.
    pub interval: Duration,
    /// Until when it is closed or parked, if it is.
    pub held_until: Option<Time>,
}

impl<P> Frontier<P> {
    /// Whether any host has answered yet.
    pub fn has_answered(&self) -> bool {
        self.first_answer.hosts > 0
    }

    /// The hosts with most work left, at most `most`, the busiest first. It looks at a bounded
    /// number of hosts, so that a glance costs the same however many there are.
    pub fn busiest(&self, most: usize, now: Time) -> Vec<HostWork> {
        let mut hosts: Vec<_> = self
            .hosts
            .iter()
            .flatten()
            .take(LOOKED_AT_MAX)
            .map(|host| (host.waiting() as u64, host))
            .filter(|(waiting, host)| *waiting > 0 || host.in_flight > 0)
            .collect();
        hosts.sort_by_key(|(waiting, host)| Reverse(waiting + u64::from(host.in_flight)));
        hosts.truncate(most);
        let work = |(waiting, host): (u64, &super::host::Host<P>)| HostWork {
            host: host.key.clone(),
            waiting,
            in_flight: host.in_flight,
            interval: host.interval,
            held_until: (host.until > now).then_some(host.until),
        };
        hosts.into_iter().map(work).collect()
    }
}
