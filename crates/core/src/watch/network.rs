//! Whether our own network is gone: then failures say nothing of the targets.

use std::collections::{HashMap, VecDeque};

use super::words::WatchedNo;
use crate::health::Health;
use crate::kind::ErrorKind;
use crate::target::HostKey;
use crate::time::{Duration, Time};

/// Without canaries: the checks of so long are looked at.
pub const WINDOW: Duration = Duration::from_secs(30);
/// Without canaries: so many hosts must have been asked in that time.
pub const HOSTS_MIN: usize = 5;
/// Without canaries: at least so many of a hundred hosts must fail.
pub const FAILING_PERCENT: usize = 90;
/// Checks that are remembered at most.
const CHECKS_MAX: usize = 100_000;

/// A change of what is known of our own network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkChange {
    /// It is gone, as far as can be told.
    Gone,
    /// It is back.
    Back {
        /// Since when it was gone.
        since: Time,
    },
}

/// Judges by canaries, if there are any, else by how many unrelated hosts fail at once.
#[derive(Debug, Default)]
pub struct Network {
    /// Whether the last check of each canary failed on the way.
    canaries: HashMap<WatchedNo, bool>,
    checks: VecDeque<(Time, HostKey, bool)>,
    /// By host: checks in the window, and how many of them failed on the way.
    hosts: HashMap<HostKey, (u32, u32)>,
    gone_since: Option<Time>,
}

impl Network {
    /// A target is a canary from here on.
    pub fn add_canary(&mut self, target: WatchedNo) {
        self.canaries.entry(target).or_insert(false);
    }

    /// A target is none any more.
    pub fn remove_canary(&mut self, target: WatchedNo) {
        self.canaries.remove(&target);
    }

    /// Whether it is gone.
    pub fn is_gone(&self) -> bool {
        self.gone_since.is_some()
    }

    /// Takes in a check; tells what changed by it.
    pub fn observe(
        &mut self,
        target: WatchedNo,
        host: &HostKey,
        health: Health,
        kind: Option<ErrorKind>,
        now: Time,
    ) -> Option<NetworkChange> {
        let failed = health == Health::Down && kind.is_some_and(is_of_the_way);
        if let Some(last) = self.canaries.get_mut(&target) {
            *last = failed;
        }
        self.remember(host, failed, now);
        let is_gone = match self.canaries.is_empty() {
            false => self.canaries.values().all(|failed| *failed),
            true => self.is_lost(failed),
        };
        match (self.gone_since, is_gone) {
            (None, true) => {
                self.gone_since = Some(now);
                Some(NetworkChange::Gone)
            }
            (Some(since), false) => {
                self.gone_since = None;
                // What failed meanwhile must not say the same again.
                self.checks.clear();
                self.hosts.clear();
                Some(NetworkChange::Back { since })
            }
            _ => None,
        }
    }

    fn remember(&mut self, host: &HostKey, failed: bool, now: Time) {
        let oldest = now - WINDOW;
        while self.checks.len() >= CHECKS_MAX
            || self.checks.front().is_some_and(|(at, ..)| *at < oldest)
        {
            let Some((_, host, failed)) = self.checks.pop_front() else { break };
            if let Some(seen) = self.hosts.get_mut(&host) {
                *seen = (seen.0 - 1, seen.1 - u32::from(failed));
                if seen.0 == 0 {
                    self.hosts.remove(&host);
                }
            }
        }
        self.checks.push_back((now, host.clone(), failed));
        let seen = self.hosts.entry(host.clone()).or_default();
        *seen = (seen.0 + 1, seen.1 + u32::from(failed));
    }

    /// An answer that came proves that there is a network, once it was said to be gone.
    fn is_lost(&self, failed: bool) -> bool {
        if self.is_gone() || !failed {
            return self.is_gone() && failed;
        }
        if self.hosts.len() < HOSTS_MIN {
            return false;
        }
        let failing = self.hosts.values().filter(|(all, failed)| all == failed).count();
        failing * 100 >= self.hosts.len() * FAILING_PERCENT
    }
}

/// A failure that happened on the way, before anybody answered.
fn is_of_the_way(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::DnsTemporary
            | ErrorKind::TimeoutDns
            | ErrorKind::TimeoutConnect
            | ErrorKind::TimeoutTls
            | ErrorKind::TimeoutFirstByte
            | ErrorKind::TimeoutTotal
            | ErrorKind::ConnectUnreachable
            | ErrorKind::ConnectReset
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Scheme;

    fn host(n: u32) -> HostKey {
        HostKey::new(Scheme::Https, &format!("h{n}.example"), 443)
    }

    fn at(seconds: u64) -> Time {
        Time::from_millis(seconds * 1_000)
    }

    const UNREACHABLE: Option<ErrorKind> = Some(ErrorKind::ConnectUnreachable);

    /// Checks: host, whether it fails, when, and what is to be told.
    fn check(network: &mut Network, checks: &[(u32, bool, u64, Option<NetworkChange>)]) {
        for &(n, fails, second, expected) in checks {
            let (health, kind) = match fails {
                true => (Health::Down, UNREACHABLE),
                false => (Health::Up, None),
            };
            let told = network.observe(WatchedNo(n), &host(n), health, kind, at(second));
            assert_eq!(told, expected, "host {n} at {second} s of {checks:?}");
        }
    }

    #[test]
    fn many_unrelated_hosts_that_fail_at_once_are_our_own_fault() {
        use NetworkChange::{Back, Gone};
        let back = Some(Back { since: at(4) });
        check(
            &mut Network::default(),
            &[
                (0, true, 0, None),
                (1, true, 1, None),
                (2, true, 2, None),
                (3, true, 3, None),
                (4, true, 4, Some(Gone)),
                (5, true, 60, None),
                (6, false, 61, back),
                (0, false, 62, None),
            ],
        );
        // One host, however often, or some of many.
        let one: Vec<_> = (0..50).map(|second| (0, true, second, None)).collect();
        check(&mut Network::default(), &one);
        let half: Vec<_> = (0..50).map(|n| (n, n % 2 == 0, u64::from(n) / 2, None)).collect();
        check(&mut Network::default(), &half);
        // What failed long ago does not count.
        let slow: Vec<_> = (0..10).map(|n| (n, true, u64::from(n) * 20, None)).collect();
        check(&mut Network::default(), &slow);
    }

    #[test]
    fn canaries_decide_alone() {
        use NetworkChange::{Back, Gone};
        let mut network = Network::default();
        network.add_canary(WatchedNo(100));
        network.add_canary(WatchedNo(101));
        let many: Vec<_> = (0..20).map(|n| (n, true, 1, None)).collect();
        check(&mut network, &many);
        check(
            &mut network,
            &[
                (100, true, 2, None),
                (101, true, 3, Some(Gone)),
                (5, false, 4, None),
                (101, false, 5, Some(Back { since: at(3) })),
            ],
        );
    }

    #[test]
    fn an_answer_that_is_wrong_is_an_answer() {
        let mut network = Network::default();
        for n in 0..50 {
            let kind = Some(ErrorKind::HttpStatus);
            let told = network.observe(WatchedNo(n), &host(n), Health::Down, kind, at(1));
            assert_eq!(told, None);
        }
    }
}
