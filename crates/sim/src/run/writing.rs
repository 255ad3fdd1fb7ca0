//! Records on their way to the disk, and the moments at which a life ends before its time.

use std::ops::ControlFlow;

use fastrand::Rng;
use gather_core::frontier::Finishing;
use gather_core::{Duration, Outcome};

use super::Run;
use crate::disk::{Group, Point};
use crate::world::{Ended, Event};

/// Records in a group that are committed at once, and how long the first of them waits.
const GROUP_RECORDS: usize = 40;
const COMMIT_EVERY: Duration = Duration::from_millis(250);
/// So many records may wait for the disk before nothing more is asked for.
pub(super) const UNCOMMITTED_MAX: usize = 100;

/// A record on its way; of a target that was not admitted again it is all there is.
pub(super) struct Written {
    pub(super) n: usize,
    pub(super) finishing: Option<Finishing<usize>>,
    pub(super) outcome: Outcome,
}

/// How a life ends before its time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crash {
    pub(super) point: Option<Point>,
    pub(super) is_power_cut: bool,
}

impl Run {
    /// The machine stops here.
    pub(super) fn crash_now(&mut self, crash: Crash) -> Ended {
        let disk = self.world.disk.as_mut().expect("only a run on a disk is killed");
        disk.crash(crash.is_power_cut, &mut self.rng);
        Ended::Crashed
    }

    /// Hands all records to the disk that have come so far.
    pub(super) fn commit(&mut self) -> ControlFlow<Ended> {
        self.is_commit_due = false;
        self.committing = std::mem::take(&mut self.outbox);
        let crash = self.crash.filter(|(at, crash)| *at <= self.steps && crash.point.is_some());
        let records = self.committing.iter();
        let group = Group {
            records: records.map(|one| (one.n as u64, one.outcome.clone())).collect(),
            read: (self.inputs_read(), self.unread.is_empty()),
            clocks: self.frontier.changed_clocks(),
            begun: Vec::new(),
        };
        self.write(&group, crash.map(|(_, crash)| crash))?;
        self.watch.committed();
        let takes = Duration::from_millis(self.rng.u64(0..=self.world.record_ms_max));
        self.schedule(takes, Event::Committed);
        ControlFlow::Continue(())
    }

    /// Writes a group; goes on if it is on the disk.
    fn write(&mut self, group: &Group, crash: Option<Crash>) -> ControlFlow<Ended> {
        let disk = self.world.disk.as_mut().expect("there is one");
        let written = disk.commit(group, crash.and_then(|crash| crash.point), &mut self.rng);
        match (written, crash) {
            (true, None) => ControlFlow::Continue(()),
            (true, Some(crash)) => ControlFlow::Break(self.crash_now(crash)),
            // A failed sync is never tried again: the run ends, and what it wrote is anybody's guess.
            (false, _) => {
                ControlFlow::Break(self.crash_now(Crash { point: None, is_power_cut: true }))
            }
        }
    }

    /// Inputs that were read in any life.
    fn inputs_read(&self) -> u64 {
        let here = self.unread.front().map_or(self.world.targets.len(), |next| *next);
        self.read_before.max(here as u64)
    }

    /// Whether so much waits for the disk that nothing more is asked for.
    pub(super) fn awaits_commit(&self) -> bool {
        self.outbox.len() + self.committing.len() >= UNCOMMITTED_MAX
    }

    pub(super) fn write_later(
        &mut self,
        n: usize,
        finishing: Option<Finishing<usize>>,
        outcome: Outcome,
    ) {
        self.outbox.push(Written { n, finishing, outcome });
        self.commit_soon();
    }

    /// Something is to be committed: within a moment, or at once if it is much.
    pub(super) fn commit_soon(&mut self) {
        let is_much = self.outbox.len() == GROUP_RECORDS;
        if self.world.disk.is_some() && (is_much || !self.is_commit_due) {
            self.is_commit_due = true;
            self.schedule(if is_much { Duration::ZERO } else { COMMIT_EVERY }, Event::Commit);
        }
    }

    /// Says durably that a request is about to be sent that must not be repeated.
    pub(super) fn announce(&mut self, n: usize) -> ControlFlow<Ended> {
        if self.world.disk.is_none() || !self.world.is_post(n) {
            return ControlFlow::Continue(());
        }
        let crash = self.crash.filter(|(at, crash)| *at <= self.steps && crash.point.is_some());
        let group = Group {
            records: Vec::new(),
            read: (self.inputs_read(), self.unread.is_empty()),
            clocks: Vec::new(),
            begun: vec![n as u64],
        };
        self.write(&group, crash.map(|(_, crash)| crash))
    }
}

impl Crash {
    pub(super) fn random(rng: &mut Rng) -> Self {
        let point = match rng.u8(0..8) {
            0 => Some(Point::Written),
            1 => Some(Point::Synced),
            2 | 3 => Some(Point::Within),
            4 => Some(Point::Known),
            _ => None,
        };
        Self { point, is_power_cut: rng.bool() }
    }
}
