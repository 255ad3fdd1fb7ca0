//! Where a host belongs: ready, waiting for its time, blocked by its limit, or without work.

use std::cmp::Reverse;

use super::Frontier;
use super::choose::is_current;
use super::host::{Host, Name, Place, Rules, Standing};
use super::lease::Reading;
use crate::config::{HOST_CONCURRENCY_BASE, HostConcurrency};
use crate::time::Time;

/// Whether a queue has so many entries that most of them must be old: a host has one valid entry
/// in all queues together. Old ones are dropped where they are met, but a queue that is not asked
/// for long meets none, and must not grow with the targets.
pub(super) const fn is_crowded(entries: usize, hosts: usize) -> bool {
    entries >= 64 + 2 * hosts
}

/// Hosts without work that are remembered for their standing, and at most for their clocks.
const IDLE_HOSTS: usize = 4096;
const IDLE_HOSTS_MAX: usize = 65_536;
/// Targets for which a host without work keeps room: that of long queues is given back.
const IDLE_QUEUE_TARGETS: usize = 4;

impl<P> Frontier<P> {
    /// Puts a host where it belongs now, after anything about it changed.
    pub(super) fn place(&mut self, index: u32, now: Time) {
        self.tally(index);
        let place = self.place_of(self.host(index), now);
        if self.host(index).place == place {
            return;
        }
        self.stamp += 1;
        let stamp = self.stamp;
        let host = self.host_mut(index);
        host.place = place;
        host.stamp = stamp;
        match place {
            Place::Nowhere | Place::Away | Place::Unready => {}
            Place::Idle => {
                host.queue.shrink_to(IDLE_QUEUE_TARGETS);
                self.idle.push_back((index, stamp));
                self.sweep_idle(now);
            }
            Place::Blocked => {
                if is_crowded(self.blocked.len(), self.hosts.len()) {
                    let hosts = &self.hosts;
                    self.blocked.retain(|&(index, stamp)| is_current(hosts, index, stamp));
                }
                self.blocked.push((index, stamp));
            }
            Place::Timer(at) => {
                if is_crowded(self.timers.len(), self.hosts.len()) {
                    let hosts = &self.hosts;
                    self.timers
                        .retain(|&Reverse((_, stamp, index))| is_current(hosts, index, stamp));
                }
                self.timers.push(Reverse((at, stamp, index)));
            }
            Place::Ready(class) => {
                self.ready.make_room(class, &self.hosts);
                self.ready.push(class, index, stamp);
            }
        }
    }

    fn place_of(&self, host: &Host<P>, now: Time) -> Place {
        if host.waiting() == 0 {
            return if host.in_flight == 0 { Place::Idle } else { Place::Away };
        }
        if host.waiting_to_end() == host.waiting() {
            return Place::Away;
        }
        if host.name != Name::Known || (host.rules != Rules::Known && host.first.is_empty()) {
            return Place::Unready;
        }
        let probing = host.gate.as_ref().is_some_and(|gate| gate.is_probing());
        if probing || host.in_flight >= self.limit(host) {
            return Place::Blocked;
        }
        let due = host.due();
        if due > now { Place::Timer(due) } else { Place::Ready(host.class()) }
    }

    /// How many requests this host may have in flight.
    fn limit(&self, host: &Host<P>) -> u32 {
        if host.parked || (host.withdrawals == 1 && host.standing != Standing::Proven) {
            return 1;
        }
        let granted = match (host.cap, self.host_concurrency) {
            (Some(cap), _) | (None, HostConcurrency::Fixed(cap)) => cap.get(),
            (None, HostConcurrency::Base) => HOST_CONCURRENCY_BASE,
            (None, HostConcurrency::Share) => self.share.max(HOST_CONCURRENCY_BASE),
        };
        let unread = match self.reading {
            // Some permits stay for hosts that are found behind a long run of this one.
            Reading::More => (self.permits - self.permits.div_ceil(8)).max(1),
            Reading::Done => u32::MAX,
        };
        granted.min(unread)
    }

    /// Counts the host among those with work, by its standing.
    fn tally(&mut self, index: u32) {
        let host = self.host_mut(index);
        let has_work = (host.waiting() > 0 || host.in_flight > 0) && !host.parked;
        let counts_as = has_work.then_some(host.standing);
        let counted = std::mem::replace(&mut host.counted, counts_as);
        if counted == counts_as {
            return;
        }
        if let Some(standing) = counted {
            self.working[standing as usize] -= 1;
        }
        if let Some(standing) = counts_as {
            self.working[standing as usize] += 1;
        }
        self.update_share();
    }

    pub(super) fn update_share(&mut self) {
        let hosts = self.hosts_with_work().saturating_add(self.hosts_elsewhere).max(1);
        let share = self.concurrency / hosts;
        self.limits_rose |= share > self.share && self.host_concurrency == HostConcurrency::Share;
        self.share = share;
    }

    /// Moves the hosts that time or a change of limits has made ready.
    pub(super) fn catch_up(&mut self, now: Time) {
        self.fire_timers(now);
        if self.limits_rose {
            self.unblock(now);
        }
    }

    fn unblock(&mut self, now: Time) {
        self.limits_rose = false;
        for (index, stamp) in std::mem::take(&mut self.blocked) {
            if self.is_current(index, stamp) {
                self.host_mut(index).place = Place::Nowhere;
                self.place(index, now);
            }
        }
    }

    /// Whether this entry of a queue is the valid one of its host.
    pub(super) fn is_current(&self, index: u32, stamp: u64) -> bool {
        self.hosts[index as usize].as_ref().is_some_and(|host| host.stamp == stamp)
    }

    /// Moves the hosts whose time has come, and leaves a valid entry on top.
    pub(super) fn fire_timers(&mut self, now: Time) {
        while let Some(&Reverse((at, stamp, index))) = self.timers.peek() {
            let current = self.is_current(index, stamp);
            if current && at > now {
                break;
            }
            self.timers.pop();
            if current {
                self.place(index, now);
            }
        }
    }

    /// Lets old hosts without work go, a few at a time.
    fn sweep_idle(&mut self, now: Time) {
        for _ in 0..2 {
            if self.idle.len() <= IDLE_HOSTS {
                return;
            }
            let Some((index, stamp)) = self.idle.pop_front() else { return };
            if !self.is_current(index, stamp) {
                continue;
            }
            if self.host(index).clocks_ran_out(now) || self.idle.len() >= IDLE_HOSTS_MAX {
                let host = self.hosts[index as usize].take().expect("checked to be current");
                self.index.remove(&host.key);
                self.vacant.push(index);
            } else {
                self.idle.push_back((index, stamp));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::num::NonZeroU32;

    use super::*;
    use crate::config::Config;
    use crate::frontier::{NameNeeded, Next, Reading, Signal};
    use crate::target::{HostKey, Scheme};

    /// Entries in all queues in the midst of a run with `targets` targets of each of `hosts` hosts,
    /// one answer coming after the other.
    fn entries_amid(hosts: u16, targets: u32, concurrency: u32) -> usize {
        let config = Config {
            concurrency: NonZeroU32::new(concurrency).expect("not zero"),
            host_concurrency: HostConcurrency::Share,
            ..Config::default()
        };
        let mut frontier: Frontier<u32> = Frontier::new(&config);
        frontier.set_reading(Reading::Done);
        for n in 0..targets {
            for port in 0..hosts {
                let key = HostKey::new(Scheme::Http, "a.example", port);
                frontier.admit(&key, n, NameNeeded::No, Time::ZERO);
            }
        }
        let mut leases = VecDeque::new();
        for ms in 0..u64::from(targets) * u64::from(hosts) / 2 {
            let now = Time::from_millis(ms);
            while let Next::Lease(lease) = frontier.next(now) {
                leases.push_back(lease);
            }
            let answered = leases.pop_front().expect("there is work for half of the run");
            let finishing = frontier.release(answered, Signal::Answered, now);
            frontier.settle(finishing);
        }
        frontier.ready.len() + frontier.blocked.len() + frontier.timers.len()
    }

    #[test]
    fn a_host_without_work_keeps_no_room_for_a_long_queue() {
        let mut frontier: Frontier<u32> = Frontier::new(&Config::default());
        frontier.set_reading(Reading::Done);
        let key = HostKey::new(Scheme::Http, "a.example", 80);
        for n in 0..256 {
            frontier.admit(&key, n, NameNeeded::No, Time::ZERO);
        }
        assert!(frontier.host(0).queue.capacity() >= 256);
        let mut ended = 0;
        while let Next::Lease(lease) = frontier.next(Time::ZERO) {
            let finishing = frontier.release(lease, Signal::Answered, Time::ZERO);
            frontier.settle(finishing);
            ended += 1;
        }
        assert_eq!(ended, 256);
        assert!(frontier.host(0).queue.capacity() <= IDLE_QUEUE_TARGETS);
    }

    #[test]
    fn queues_grow_with_the_hosts_and_not_with_the_targets() {
        for (hosts, concurrency) in [(1, 4), (1, 50), (20, 50), (200, 50), (200, 400)] {
            let entries = entries_amid(hosts, 4_000 / u32::from(hosts) + 100, concurrency);
            // Seven queues, each at most twice the hosts and a little.
            let most = 7 * (65 + 2 * usize::from(hosts));
            assert!(entries <= most, "{entries} entries for {hosts} hosts at {concurrency}");
        }
    }
}
