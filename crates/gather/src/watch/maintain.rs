//! Maintenance: windows of jobs that open and end.

use gather_core::time::{Duration, Time};
use gather_store::history::{Covers, MaintenanceSpan, Upkeep};

use super::jobs::JobNo;
use super::scheduler::Scheduler;

/// A window without an end that can be told is looked at again after so long.
const UNTIL_MAX: Duration = Duration::from_secs(7 * 86_400);

impl Scheduler {
    /// Opens and ends the windows whose moment has come.
    pub(super) fn maintain(&mut self, now: Time) {
        for no in self.jobs.numbers() {
            let Some(job) = self.jobs.get_mut(no) else { continue };
            let windows = &job.spec.maintenance;
            let since = windows.since(now);
            let is_open = since.is_some();
            let until = is_open.then(|| windows.next_change(now).unwrap_or(now + UNTIL_MAX));
            if job.maintained_until == until {
                continue;
            }
            let was_open = job.maintained_until.is_some();
            job.maintained_until = until;
            let name: Box<str> = (*job.spec.name).into();
            self.outages.set_maintenance(&name, until);
            if let Some(until) = until {
                let why = "a maintenance window of the job".into();
                let covers = Covers::Job(name);
                // The window's own moments: they are the same after a restart, and no second of it counts.
                let from = since.unwrap_or(now);
                self.batch.maintenance.push(MaintenanceSpan { covers, from, until, why });
            }
            if was_open != is_open {
                self.mark(no, if is_open { Upkeep::Open } else { Upkeep::None });
            }
        }
    }

    fn mark(&mut self, no: JobNo, maintenance: Upkeep) {
        let Some(job) = self.jobs.get(no) else { return };
        for target in job.targets.clone() {
            let watched = self.watched.get_mut(target.index()).and_then(Option::as_mut);
            if let Some(watched) = watched {
                watched.maintenance = maintenance;
                self.batch.states.push((target, watched.stored()));
            } else if let Some(stored) = self.whole.get_mut(&target) {
                stored.maintenance = maintenance;
                self.batch.states.push((target, stored.clone()));
            }
        }
    }
}
