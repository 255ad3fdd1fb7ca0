//! Which ready host gets the next permit, and which silent one gives its own back.

use std::collections::VecDeque;

use fastrand::Rng;

use super::host::{Class, Host, Standing};
use super::lease::{HostTrust, LeaseId, Reading, Withdraw};
use super::place::is_crowded;
use super::{Frontier, HostEvent};
use crate::time::{Duration, Time};

/// How often a host's try may be given up for others.
const WITHDRAWALS_MAX: u8 = 2;
/// A first answer that takes this many times as long as usual is not waited for, if others wait.
const GRACE_FACTOR: f64 = 3.0;
const GRACE_MIN: Duration = Duration::from_millis(10);
const GRACE_MAX: Duration = Duration::from_secs(5);
/// As long as nobody has answered, so long is waited for a first answer.
const GRACE_UNKNOWN: Duration = Duration::from_secs(3);
/// After so many hosts have answered it is known what is usual.
const GRACE_HOSTS_MIN: u32 = 1;
/// Entries looked at for the one that is to be given up next.
const LOOK_MAX: usize = 16;

/// Hosts that may be asked, by class. Entries whose stamp is old are skipped.
#[derive(Debug, Default)]
pub(super) struct Ready {
    fresh: Vec<(u32, u64)>,
    proven_breadth: VecDeque<(u32, u64)>,
    proven_depth: VecDeque<(u32, u64)>,
    suspect_breadth: VecDeque<(u32, u64)>,
    unproven_depth: VecDeque<(u32, u64)>,
}

impl Ready {
    pub(super) fn push(&mut self, class: Class, index: u32, stamp: u64) {
        match self.queue(class) {
            None => self.fresh.push((index, stamp)),
            Some(queue) => queue.push_back((index, stamp)),
        }
    }

    /// Drops the old entries of a queue once they outnumber the hosts.
    pub(super) fn make_room<P>(&mut self, class: Class, hosts: &[Option<Host<P>>]) {
        let is_current = |&(index, stamp): &(u32, u64)| is_current(hosts, index, stamp);
        let Some(queue) = self.queue(class) else {
            if is_crowded(self.fresh.len(), hosts.len()) {
                self.fresh.retain(is_current);
            }
            return;
        };
        if is_crowded(queue.len(), hosts.len()) {
            queue.retain(is_current);
        }
    }

    /// All entries, old ones included.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let queues =
            [&self.proven_breadth, &self.proven_depth, &self.suspect_breadth, &self.unproven_depth];
        self.fresh.len() + queues.iter().map(|queue| queue.len()).sum::<usize>()
    }

    /// The queue of a class; that of hosts never asked is a draw, not a queue.
    fn queue(&mut self, class: Class) -> Option<&mut VecDeque<(u32, u64)>> {
        match class {
            Class::Fresh => None,
            Class::ProvenBreadth => Some(&mut self.proven_breadth),
            Class::ProvenDepth => Some(&mut self.proven_depth),
            Class::SuspectBreadth => Some(&mut self.suspect_breadth),
            Class::UnprovenDepth => Some(&mut self.unproven_depth),
        }
    }

    /// Whether there is no entry at all, old ones included.
    pub(super) fn is_empty(&self) -> bool {
        self.fresh.is_empty()
            && self.proven_breadth.is_empty()
            && self.proven_depth.is_empty()
            && self.suspect_breadth.is_empty()
            && self.unproven_depth.is_empty()
    }
}

/// The first host in a queue whose entry is valid; the old ones before it are dropped.
fn first<P>(queue: &mut VecDeque<(u32, u64)>, hosts: &[Option<Host<P>>]) -> Option<u32> {
    while let Some(&(index, stamp)) = queue.front() {
        if is_current(hosts, index, stamp) {
            return Some(index);
        }
        queue.pop_front();
    }
    None
}

/// Any of the hosts never asked: a seeded draw, so that the order of the list decides nothing.
fn any<P>(fresh: &mut Vec<(u32, u64)>, hosts: &[Option<Host<P>>], rng: &mut Rng) -> Option<u32> {
    while !fresh.is_empty() {
        let at = rng.usize(..fresh.len());
        let (index, stamp) = fresh[at];
        if is_current(hosts, index, stamp) {
            return Some(index);
        }
        fresh.swap_remove(at);
    }
    None
}

pub(super) fn is_current<P>(hosts: &[Option<Host<P>>], index: u32, stamp: u64) -> bool {
    hosts[index as usize].as_ref().is_some_and(|host| host.stamp == stamp)
}

impl<P> Frontier<P> {
    /// The host that gets a permit now. The caller leases from it, which moves it.
    ///
    /// Unproven hosts come first within their share, so that they are discovered, then proven
    /// ones, then whoever could use a permit that nobody else can.
    pub(super) fn choose(&mut self) -> Option<u32> {
        let fresh_share = self.unproven_busy < (self.permits / 4).max(1);
        let suspect_share = self.unproven_busy < (self.permits / 8).max(1);
        let suspects_bounded = self.leased_by[Standing::Suspect as usize] >= self.suspects_max();
        let (ready, hosts) = (&mut self.ready, &self.hosts);
        let fresh = any(&mut ready.fresh, hosts, &mut self.rng);
        let suspect = first(&mut ready.suspect_breadth, hosts);
        if fresh_share && fresh.is_some() {
            return fresh;
        }
        if suspect_share && suspect.is_some() {
            return suspect;
        }
        let proven = first(&mut ready.proven_breadth, hosts)
            .or_else(|| first(&mut ready.proven_depth, hosts));
        if proven.is_some() {
            return proven;
        }
        if fresh.is_some() {
            return fresh.filter(|_| self.strangers_may_have_more());
        }
        if !suspects_bounded && suspect.is_some() {
            return suspect;
        }
        let depth = first(&mut ready.unproven_depth, hosts)?;
        let bounded = suspects_bounded && self.host(depth).standing == Standing::Suspect;
        (!bounded).then_some(depth)
    }

    /// Whether hosts of which nothing is known may take another permit. Until the first of all
    /// has answered some permits are kept for hosts that are not read yet: those at the head of
    /// the list may all be dead.
    fn strangers_may_have_more(&self) -> bool {
        let kept = match self.reading {
            Reading::More if self.first_answer.hosts == 0 => self.permits.div_ceil(8),
            Reading::More | Reading::Done => 0,
        };
        self.leased() < (self.permits - kept).max(1)
    }

    /// Permits that silent hosts may hold: not all, while others have work or may turn up.
    fn suspects_max(&self) -> u32 {
        let others =
            self.working[Standing::Untried as usize] + self.working[Standing::Proven as usize];
        if self.reading == Reading::More || others > 0 {
            (self.permits - self.permits.div_ceil(8)).max(1)
        } else {
            u32::MAX
        }
    }

    /// A try to be cancelled because its host keeps silent while others wait for the permit. The
    /// caller cancels it and gives the lease to `put_back`; if it has just ended, to `release` or
    /// `retry` as always.
    pub fn give_up(&mut self, now: Time) -> Option<LeaseId> {
        self.catch_up(now);
        if !self.others_wait() {
            return None;
        }
        let (at, position) = self.next_given_up()?;
        if at > now {
            return None;
        }
        let id = self.unproven.remove(position)?;
        let index = self.slots[id.slot as usize].host;
        self.set_standing(index, Standing::Suspect);
        let host = self.host_mut(index);
        host.withdrawals = if host.in_flight > 1 { 1 } else { host.withdrawals + 1 };
        self.place(index, now);
        Some(id)
    }

    /// When `give_up` may have one; `Time::NEVER` while no others wait.
    pub(super) fn give_up_at(&mut self) -> Time {
        if !self.others_wait() {
            return Time::NEVER;
        }
        self.next_given_up().map_or(Time::NEVER, |(at, _)| at)
    }

    /// Notes a lease of an unproven host that may be given up.
    pub(super) fn watch(&mut self, id: LeaseId) {
        if self.trust != HostTrust::Earned {
            return;
        }
        self.unproven.push_back(id);
        if self.unproven.len() > 64 + 2 * self.slots.len() {
            let (slots, hosts) = (&self.slots, &self.hosts);
            self.unproven.retain(|id| is_watched(slots, hosts, *id));
        }
    }

    /// What a host showed of itself; its leases and its work count by that.
    pub(super) fn set_standing(&mut self, index: u32, standing: Standing) {
        let host = self.host_mut(index);
        let (was, in_flight) = (host.standing, host.in_flight);
        if was == standing {
            return;
        }
        host.standing = standing;
        self.leased_by[was as usize] -= in_flight;
        self.leased_by[standing as usize] += in_flight;
        if in_flight > 0 && was == Standing::Proven {
            self.unproven_busy += 1;
        } else if in_flight > 0 && standing == Standing::Proven {
            self.unproven_busy -= 1;
        }
    }

    /// Whether work that is entitled to a permit cannot have one.
    fn others_wait(&mut self) -> bool {
        if self.unproven.is_empty() {
            return false;
        }
        let quarter = (self.permits / 4).max(1);
        let is_full = self.leased() >= self.permits;
        let above = self.leased_by[Standing::Untried as usize]
            + self.leased_by[Standing::Suspect as usize]
            > quarter;
        let (ready, hosts) = (&mut self.ready, &self.hosts);
        let proven = first(&mut ready.proven_breadth, hosts).is_some()
            || first(&mut ready.proven_depth, hosts).is_some();
        let fresh = any(&mut ready.fresh, hosts, &mut self.rng).is_some();
        let share_used = self.unproven_busy >= quarter && (is_full || proven);
        (is_full && above && (proven || fresh)) || (fresh && share_used)
    }

    /// The try that may be given up first, among the oldest, and its place among them.
    fn next_given_up(&mut self) -> Option<(Time, usize)> {
        while let Some(&id) = self.unproven.front() {
            if is_watched(&self.slots, &self.hosts, id) {
                break;
            }
            self.unproven.pop_front();
        }
        let grace = self.grace();
        let mut earliest: Option<(Time, usize)> = None;
        for position in 0..self.unproven.len().min(LOOK_MAX) {
            let id = self.unproven[position];
            if !is_watched(&self.slots, &self.hosts, id) {
                continue;
            }
            let slot = &self.slots[id.slot as usize];
            let (index, leased_at) = (slot.host, slot.leased_at);
            let host = self.host_mut(index);
            if host.in_flight > 1 {
                // One try stays, so that a slow host can show that it is alive.
                if host.kept_slot == u32::MAX {
                    host.kept_slot = id.slot;
                }
                if host.kept_slot == id.slot {
                    continue;
                }
            }
            let at = leased_at + grace * if host.withdrawals == 0 { 1 } else { 4 };
            if earliest.is_none_or(|(least, _)| at < least) {
                earliest = Some((at, position));
            }
        }
        earliest
    }

    fn grace(&self) -> Duration {
        if self.first_answer.hosts < GRACE_HOSTS_MIN {
            return GRACE_UNKNOWN;
        }
        let usual_s = self.first_answer.mean_s + 2.0 * self.first_answer.deviation_s;
        Duration::from_secs_f64((GRACE_FACTOR * usual_s).min(GRACE_MAX.as_secs_f64()))
            .max(GRACE_MIN)
    }

    pub(super) fn note_given_up(&mut self, index: u32) {
        let host = self.host(index).key.clone();
        self.note(HostEvent::GivenUp { host });
    }
}

/// Whether this lease is still out, of a host without an answer that can be given up once more.
fn is_watched<P>(slots: &[super::Slot], hosts: &[Option<Host<P>>], id: LeaseId) -> bool {
    let slot = &slots[id.slot as usize];
    slot.live
        && slot.turn == id.turn
        && slot.withdraw == Withdraw::Allowed
        && hosts[slot.host as usize].as_ref().is_some_and(|host| {
            host.standing != Standing::Proven && host.withdrawals < WITHDRAWALS_MAX
        })
}
