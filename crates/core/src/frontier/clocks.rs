//! What politeness owes to hosts, taken out of one run and into the next that goes on with it.

use super::Frontier;
use super::host::{Host, Standing};
use super::lease::Clocks;
use crate::attempt::Failure;
use crate::politeness::{Gate, GateClock};
use crate::target::HostKey;
use crate::time::{Duration, Time};

/// Hosts that are asked less often than this are told of at each request.
const SLOW: Duration = Duration::from_secs(1);
/// What politeness owes one host. Moments are the frontier's own, and may lie before its origin:
/// they are then [`Time::ZERO`].
#[derive(Clone, Debug, PartialEq)]
pub struct HostClock {
    /// The host.
    pub host: HostKey,
    /// When its interval lets the next request go.
    pub next_at: Time,
    /// Nothing is sent before this: it refused, or does not answer.
    pub until: Time,
    /// Whether it does not answer; tries without an answer; and probes that failed.
    pub parked: bool,
    /// Tries without an answer, one after the other.
    pub silences: u8,
    /// Probes of a parked host that failed.
    pub probes_failed: u8,
    /// What it was found to bear, if it ever refused.
    pub gate: Option<GateClock>,
    /// Why its targets end without a try until `until`, if they do.
    pub ending: Option<Failure>,
}

impl HostClock {
    /// What was owed is forgotten so long after the last moment of it, as by a run itself.
    pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(120);

    /// Whether nothing of it matters any more.
    pub fn is_stale(&self, now: Time) -> bool {
        let hold_until = self.gate.as_ref().map_or(Time::ZERO, |gate| gate.hold_until);
        now >= self.next_at.max(self.until).max(hold_until) + Self::FORGOTTEN_AFTER
    }
}

impl<P> Frontier<P> {
    /// Has changes of clocks remembered for [`changed_clocks`](Self::changed_clocks).
    pub fn keep_clocks(&mut self) {
        self.clocks = Clocks::Kept;
    }

    /// The clocks of hosts for which something has changed since the last call.
    pub fn changed_clocks(&mut self) -> Vec<HostClock> {
        let mut changed = Vec::with_capacity(self.touched.len());
        for index in std::mem::take(&mut self.touched) {
            let Some(host) = self.hosts[index as usize].as_mut() else { continue };
            // Another host may have its place by now.
            if std::mem::replace(&mut host.touched, false) {
                changed.push(host.clock());
            }
        }
        changed
    }

    /// What was owed to hosts before; it counts from when they are first admitted.
    pub fn restore_clocks(&mut self, clocks: impl IntoIterator<Item = HostClock>) {
        self.restored.extend(clocks.into_iter().map(|clock| (clock.host.clone(), clock)));
    }

    /// A clock of this host has changed.
    pub(super) fn touch(&mut self, index: u32) {
        if self.clocks == Clocks::Ignored {
            return;
        }
        let host = self.host_mut(index);
        if !std::mem::replace(&mut host.touched, true) {
            self.touched.push(index);
        }
    }

    /// A request went out to this host, and the next one may after `spacing`.
    pub(super) fn touch_slow(&mut self, index: u32, spacing: Duration) {
        if spacing >= SLOW {
            self.touch(index);
        }
    }

    /// Gives a host that comes in what was owed to it before.
    pub(super) fn restore(&mut self, host: &mut Host<P>) {
        let Some(clock) = self.restored.remove(&host.key) else { return };
        host.next_at = clock.next_at;
        host.until = clock.until;
        host.parked = clock.parked;
        host.silences = clock.silences;
        host.probes_failed = clock.probes_failed;
        if clock.parked {
            host.standing = Standing::Suspect;
        }
        host.gate = clock.gate.map(|gate| Box::new(Gate::restored(gate)));
        host.ending = clock.ending.map(Box::new);
    }
}

impl<P> Host<P> {
    fn clock(&self) -> HostClock {
        HostClock {
            host: self.key.clone(),
            next_at: self.next_at,
            until: self.until,
            parked: self.parked,
            silences: self.silences,
            probes_failed: self.probes_failed,
            gate: self.gate.as_ref().map(|gate| gate.clock()),
            ending: self.ending.as_deref().cloned(),
        }
    }
}
