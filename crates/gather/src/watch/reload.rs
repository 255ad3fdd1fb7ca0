//! Another configuration, taken over as a difference: what did not change goes on undisturbed.

use std::collections::HashSet;
use std::fmt;

use gather_core::Time;

use super::jobs::{JOBS_MAX, Job, JobNo};
use super::scheduler::Scheduler;
use super::spec::{Bodies, JobSpec, WatchOptions, Work};
use super::whole;

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// Jobs that are new.
    pub added: u32,
    /// Jobs that are there no more.
    pub removed: u32,
    /// Jobs that stayed; their lists are read again.
    pub kept: u32,
}

/// Why it was refused; what was in force stays so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// Whether a configuration can be taken over.
///
/// # Errors
/// When it cannot be.
pub(super) fn check(options: &WatchOptions) -> Result<(), Refused> {
    match options.jobs.len() > JOBS_MAX {
        true => Err(Refused(format!("there are more than {JOBS_MAX} jobs"))),
        false => Ok(()),
    }
}

impl Scheduler {
    /// Takes over a configuration.
    pub(super) fn reload(&mut self, options: WatchOptions, now: Time) -> Result<Reloaded, Refused> {
        check(&options)?;
        self.probes.want(options.target_metrics);
        let mut reloaded = Reloaded::default();
        let routes = options.routes_by_job();
        self.outages.planner_mut().set_routes(routes, options.routes, &options.channels);
        let names: HashSet<&str> = options.jobs.iter().map(|job| &*job.name).collect();
        for no in self.jobs.numbers() {
            let is_gone = self.jobs.get(no).is_some_and(|job| !names.contains(&*job.spec.name));
            if is_gone {
                self.remove_job(no);
                reloaded.removed += 1;
            }
        }
        let kept: Vec<String> = names.iter().map(ToString::to_string).collect();
        for spec in options.jobs {
            match self.jobs.find(&spec.name) {
                Some(no) => {
                    self.change_job(no, spec, now);
                    reloaded.kept += 1;
                }
                None => {
                    self.add_job(spec, now);
                    reloaded.added += 1;
                }
            }
        }
        self.jobs.drop_engines();
        self.retain_in_history(kept, now);
        Ok(reloaded)
    }

    fn add_job(&mut self, spec: JobSpec, now: Time) {
        let no = self.jobs.add(Job::new(spec, now));
        self.read_list(no, now);
    }

    /// Takes over what a job is now. Its targets stay; its list is read again, and where it is
    /// another one, that is a difference, too.
    fn change_job(&mut self, no: JobNo, spec: JobSpec, now: Time) {
        let to = self.to_self.clone();
        let Some(job) = self.jobs.get_mut(no) else { return };
        if std::mem::discriminant(&job.spec.work) != std::mem::discriminant(&spec.work) {
            // It does something else: only its name is the same.
            self.remove_job(no);
            self.add_job(spec, now);
            return;
        }
        let is_rescheduled = job.spec.schedule != spec.schedule;
        let mut spec = spec;
        // Its targets expect what they did until its list is read again.
        if let (Work::Liveness(before), Work::Liveness(now)) = (&job.spec.work, &mut spec.work)
            && before.engine.bodies == Bodies::Whole
        {
            now.engine.keep_bodies();
        }
        job.spec = spec;
        if is_rescheduled {
            let timings: Vec<_> = job.targets.clone();
            let fresh = Job::new_run_at(&job.spec, now);
            job.run_at = fresh;
            for target in timings {
                self.reschedule(no, target, now);
            }
        }
        let Some(job) = self.jobs.get(no) else { return };
        if let Work::Liveness(liveness) = &job.spec.work {
            let (engine, targets) = (liveness.engine.clone(), job.targets.len());
            let rate = self.checks_a_second(no, targets, now);
            if let Err(error) = self.jobs.start_engine(&engine, rate, &to) {
                (self.note)(&format!("the engine of a job cannot be started: {error}"));
            }
        }
        self.read_list(no, now);
    }

    fn remove_job(&mut self, no: JobNo) {
        let Some(job) = self.jobs.get_mut(no) else { return };
        if let Some(run) = &job.run {
            run.drain();
            let name = &job.spec.name;
            self.batch.runs.push(whole::taken_out(name, run.due, run.started, self.clock.now()));
        }
        for target in std::mem::take(&mut job.targets) {
            self.unwatch(target);
        }
        self.jobs.remove(no);
    }

    /// Jobs that run as a whole are there from here on; the targets of jobs that are gone are listed no
    /// more, and their history stays.
    fn retain_in_history(&self, kept: Vec<String>, now: Time) {
        let (asker, note) = (self.keeper.asker(), self.note.clone());
        let runs = self.jobs.whole().map(|job| job.row(now)).collect::<Vec<_>>();
        let retain = move || {
            let retained = asker.ask(move |history| {
                runs.iter().try_for_each(|row| history.register_job(row))?;
                let kept: Vec<&str> = kept.iter().map(String::as_str).collect();
                history.retain_jobs(&kept, now).map(drop)
            });
            if let Some(Err(error)) = retained {
                note(&format!("the history does not take over which jobs there are: {error}"));
            }
        };
        // Without a thread they are left out when the file is read next.
        let _ = std::thread::Builder::new().name("retain".to_owned()).spawn(retain);
    }
}
