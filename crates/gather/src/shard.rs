//! One shard: an event loop that owns its hosts' frontier, connections and names.
//!
//! [`Shard::run`] admits what arrives, has names looked up, and seats a slot for every lease the
//! frontier hands out. A slot walks its lease to the end (`walk.rs`) and takes the next one itself,
//! so that a target costs no task, no channel hop and no timer of its own.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use gather_core::frontier::{
    Finishing, Frontier, HostClock, Lease, NameNeeded, Next, Reading, Withdraw,
};
use gather_core::robots::{Access, RobotsCache};
use gather_core::{Config, Duration, HostKey, Time};
use gather_fetch::{Client, DialError, LocalShortage, MemoryBudget};
use tokio::sync::{Notify, mpsc};
use tokio::task::spawn_local;

use crate::cache;
use crate::feed::{Appetite, Fed, Feed};
use crate::finish;
use crate::method::RunMethod;
use crate::outbox::Outbox;
use crate::pending::Pending;
use crate::report::{Brake, Brakes, ShardReport};
use crate::seat::{Interrupt, Seats};
use crate::shared::{Failed, Shared};
use crate::stall::{BEAT, Heartbeat};
use crate::stop::StopOnPanic;
use crate::stopping::{Stopping, Turn};
use crate::tally::{Tally, Troubles, add};
use crate::writer::{Batch, Written};

/// Lookups a shard has under way; the resolver keeps its own, tighter limit on sockets.
const LOOKUPS_MAX: u32 = 256;
/// Slots seated in one turn of the loop: more would hold up the tries already in flight.
const SEATS_PER_TURN: u32 = 256;
/// With so many targets in hand, or after so long, the first lease is handed out.
const OPENING_TARGETS: u64 = 4096;
const OPENING_TIME: Duration = Duration::from_millis(10);
/// Messages of the feed taken in before anything is leased.
const FED_PER_TURN: usize = 64;
/// Targets on their way to shards that are busy; beyond this nothing is started.
const LEAVING_TARGETS_MAX: usize = 1024;
/// How long nothing is started after the system refused a descriptor or a port.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(50);
/// The resolution of the runtime's timers.
const TIMER_STEP: Duration = Duration::from_millis(1);
/// How often a shard without work looks after its idle connections.
const REST: Duration = Duration::from_secs(1);
/// Beats between two reports for progress.
const REPORT_BEATS: u32 = 10;

/// What a shard is made of, from outside its thread.
pub(crate) struct ShardParts {
    pub(crate) index: usize,
    pub(crate) run: Arc<Shared>,
    pub(crate) feed: Feed,
    pub(crate) memory: Option<Arc<MemoryBudget>>,
    pub(crate) batches: mpsc::Sender<Batch>,
    pub(crate) written: Arc<Written>,
    pub(crate) report: Arc<ShardReport>,
    /// The inboxes of all shards, this one's included.
    pub(crate) neighbours: Vec<mpsc::WeakSender<Box<Pending>>>,
    /// What politeness owes to its hosts.
    pub(crate) clocks: Vec<HostClock>,
}

pub(crate) struct Shard {
    pub(crate) index: usize,
    pub(crate) run: Arc<Shared>,
    pub(crate) frontier: RefCell<Frontier<Box<Pending>>>,
    pub(crate) client: Client,
    method: RunMethod,
    /// The memory for bodies, which all shards share.
    memory: Option<Arc<MemoryBudget>>,
    pub(crate) feed: Feed,
    pub(crate) seats: Seats,
    pub(crate) tally: Tally,
    pub(crate) rng: RefCell<fastrand::Rng>,
    pub(crate) outbox: Outbox,
    pub(crate) written: Arc<Written>,
    /// The robots.txt of this shard's hosts.
    pub(crate) robots: RefCell<RobotsCache>,
    /// Released and not yet committed, oldest first.
    /// `None` for records of what the frontier never saw.
    pub(crate) finishing: RefCell<VecDeque<Option<Finishing<()>>>>,
    pub(crate) settled: Cell<u64>,
    /// Finished targets that the run was not told of.
    pub(crate) untold: Cell<u64>,
    pub(crate) troubles: RefCell<Troubles>,
    /// Targets on their way to another shard, and that shard.
    pub(crate) leaving: RefCell<VecDeque<(usize, Box<Pending>)>>,
    pub(crate) neighbours: Vec<mpsc::WeakSender<Box<Pending>>>,
    /// Permits this shard holds, in flight or not; and how many more it asked for.
    pub(crate) held: Cell<u32>,
    pub(crate) wanted: Cell<u32>,
    /// Rung on this thread when the loop should look again.
    pub(crate) bell: Notify,
    pub(crate) report: Arc<ShardReport>,
    pub(crate) brakes: Brakes,
    /// Abandoned targets when their queues were last looked through.
    pub(crate) swept: Cell<u64>,
    lookups: Cell<u32>,
    /// When leasing begins at the latest; `None` once it has begun.
    opens_at: Cell<Option<Time>>,
    /// Nothing is started before this moment.
    paused_until: Cell<Time>,
    /// When the loop has to look again, whatever happens.
    due: Cell<Time>,
    /// Whether it is the loop that looks, and not a slot while the loop sleeps.
    turning: Cell<bool>,
}

impl Shard {
    /// To be made on the thread that runs it.
    pub(crate) fn new(parts: ShardParts, client: Client, method: RunMethod) -> Self {
        let ShardParts { index, run, feed, memory, batches, written, report, neighbours, clocks } =
            parts;
        // The global rate has a gate of its own, which the shards share.
        let mut frontier: Frontier<Box<Pending>> =
            Frontier::new(&Config { rate: None, ..run.config.clone() });
        frontier.set_withdraw(|pending| match pending.target.method().is_safe() {
            true => Withdraw::Allowed,
            false => Withdraw::Never,
        });
        if run.notes.is_some() {
            frontier.keep_clocks();
            frontier.restore_clocks(clocks);
        }
        let held = run.permits.take(run.permits.fair_share());
        frontier.set_permits(held);
        let seed = run.config.seed.wrapping_add(index as u64);
        Self {
            index,
            frontier: RefCell::new(frontier),
            client,
            method,
            memory,
            feed,
            seats: Seats::default(),
            tally: Tally::default(),
            rng: RefCell::new(fastrand::Rng::with_seed(seed)),
            outbox: Outbox::new(index, batches),
            written,
            robots: RefCell::default(),
            finishing: RefCell::default(),
            settled: Cell::new(0),
            untold: Cell::new(0),
            troubles: RefCell::default(),
            leaving: RefCell::default(),
            neighbours,
            held: Cell::new(held),
            wanted: Cell::new(0),
            bell: Notify::new(),
            report,
            brakes: Brakes::default(),
            swept: Cell::new(0),
            lookups: Cell::new(0),
            opens_at: Cell::new(Some(run.clock.now() + OPENING_TIME)),
            paused_until: Cell::new(Time::ZERO),
            due: Cell::new(Time::NEVER),
            turning: Cell::new(false),
            run,
        }
    }

    /// Turns until everything handed to the run has its record, or the run is stopped.
    pub(crate) async fn run(self: Rc<Self>) {
        let mut heartbeat = Heartbeat::start();
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut stopping = Stopping::default();
        // A shard without work does not beat: an engine may wait for days.
        let mut beats = true;
        loop {
            let mut stop_changed = std::pin::pin!(self.run.stop.changed());
            stop_changed.as_mut().enable();
            self.due.set(Time::NEVER);
            self.turning.set(true);
            if self.follow_stop(&mut stopping) == Turn::Leave {
                break;
            }
            self.turn();
            self.tell_finished();
            self.turning.set(false);
            if self.run.is_done() && self.outbox.is_empty() {
                break;
            }
            if !beats && self.has_work() {
                beat.reset();
                heartbeat.resume();
                beats = true;
            }
            let rests = !beats && self.client.stats().idle > 0;
            tokio::select! {
                biased;
                _ = beat.tick(), if beats => {
                    self.beat(&mut heartbeat);
                    beats = self.has_work();
                    if !beats {
                        self.publish(&heartbeat);
                    }
                }
                () = &mut stop_changed => {}
                () = self.outbox.send(), if self.outbox.is_behind() => {}
                fed = self.feed.next(), if self.admits() => self.admit_all(fed),
                // Whoever rang wants the loop to look again, but the tries come first.
                () = self.bell.notified() => tokio::task::yield_now().await,
                () = self.run.wake(self.index).notified() => {}
                () = tokio::time::sleep_until(self.run.clock.instant(self.due.get()).into()),
                    if self.due.get() < Time::NEVER => {}
                () = tokio::time::sleep(REST), if rests => {
                    self.client.tick(std::time::Instant::now());
                }
            }
        }
        if !beats {
            heartbeat.resume();
        }
        self.tell_finished();
        self.tell_clocks();
        while !self.outbox.is_empty() {
            self.outbox.send().await;
        }
        self.note_events();
        self.troubles.borrow_mut().close(self.run.clock.now());
        heartbeat.beat();
        self.publish(&heartbeat);
    }

    /// Whether something is waiting, in flight, to be written or still to come from the intake.
    fn has_work(&self) -> bool {
        let counts = self.frontier.borrow().counts();
        counts.admitted != counts.settled
            || self.feed.has_intake()
            || self.lookups.get() > 0
            || !self.outbox.is_empty()
            || !self.leaving.borrow().is_empty()
    }

    /// What the shard does whenever something has changed.
    fn turn(self: &Rc<Self>) {
        self.end_refused();
        self.tell_finished();
        if self.run.is_done() {
            self.outbox.flush();
        }
        if self.run.stop.cause().is_some() {
            return;
        }
        self.look_up_names();
        self.ask_for_rules();
        if self.still_opens() {
            return;
        }
        self.give_up_probes();
        for _ in 0..SEATS_PER_TURN {
            let Some(lease) = self.next_lease(self.run.clock.now()) else {
                self.tell_what_waits();
                return self.end_refused();
            };
            spawn_local(Rc::clone(self).slot(lease));
        }
        self.bell.notify_one();
    }

    /// Where records lead to more targets, none waits while this shard has nothing else to do.
    fn tell_what_waits(&self) {
        let grows = self.run.grows.load(Ordering::Relaxed);
        if grows && !self.outbox.is_behind() && self.frontier.borrow().counts().waiting == 0 {
            self.outbox.flush();
        }
    }

    /// Whether the first lease should wait for more of the list: which hosts come first is to be
    /// decided among many of them, not among those at the head of the list.
    fn still_opens(&self) -> bool {
        let Some(until) = self.opens_at.get() else { return false };
        let now = self.run.clock.now();
        let is_open = self.feed.seems_read_to_end()
            || self.frontier.borrow().counts().waiting >= OPENING_TARGETS
            || now >= until;
        if is_open {
            self.opens_at.set(None);
        } else {
            // Nobody rings when the end of the list is reached.
            self.look_again_at(until.min(now + TIMER_STEP));
        }
        !is_open
    }

    /// Takes permits back from hosts that stay silent while others could use them.
    fn give_up_probes(&self) {
        let now = self.run.clock.now();
        loop {
            let given_up = self.frontier.borrow_mut().give_up(now);
            let Some(lease) = given_up else { return };
            self.seats.interrupt(lease, Interrupt::Withdraw);
        }
    }

    /// The next target to fetch, unless nothing may be fetched `now`; then the loop is told when to
    /// look again.
    pub(crate) fn next_lease(&self, now: Time) -> Option<Lease<Box<Pending>>> {
        let leaving_full = self.leaving.borrow().len() >= LEAVING_TARGETS_MAX;
        if self.outbox.is_behind() || leaving_full || self.run.stop.cause().is_some() {
            return None;
        }
        if self.run.awaits_commit() {
            self.outbox.flush();
            self.brakes.note(Brake::Output);
            return None;
        }
        if now < self.paused_until.get() {
            self.look_again_at(self.paused_until.get());
            return None;
        }
        if self.memory.as_ref().is_some_and(|memory| memory.is_full()) {
            self.brakes.note(Brake::Output);
            self.look_again_at(now + BEAT);
            return None;
        }
        self.lend_permits();
        loop {
            if let Some(rate) = &self.run.rate
                && !rate.take(now)
            {
                self.brakes.note(Brake::Rate);
                self.look_again_at(rate.next_at());
                return None;
            }
            let next = self.frontier.borrow_mut().next(now);
            if let Next::Lease(mut lease) = next {
                if !lease.payload().is_unwanted() {
                    self.feed.took(lease.payload_mut());
                    return Some(lease);
                }
                self.untake_rate();
                self.abandon(lease, now);
                continue;
            }
            self.untake_rate();
            if !self.goes_on_after(&next) {
                return None;
            }
        }
    }

    fn untake_rate(&self) {
        if let Some(rate) = &self.run.rate {
            rate.untake();
        }
    }

    /// Whether the frontier is to be asked again at once, since more permits could be had.
    fn goes_on_after(&self, next: &Next<Box<Pending>>) -> bool {
        let has_permits = self.unused_permits() > 0;
        if !has_permits && !matches!(next, Next::Empty) {
            self.brakes.note(Brake::Concurrency);
            if self.borrow_permits() {
                return true;
            }
        }
        match next {
            Next::At(at) => {
                if has_permits {
                    self.brakes.note(Brake::Hosts);
                }
                self.look_again_at(*at);
            }
            Next::Full if has_permits => self.brakes.note(Brake::HostConcurrency),
            Next::Empty if self.feed.is_all_handed() => self.brakes.note(Brake::Latency),
            Next::Empty => self.brakes.note(Brake::Input),
            Next::Full | Next::Lease(_) => {}
        }
        false
    }

    /// Has the loop look again at `at`, if it would not do so before.
    pub(crate) fn look_again_at(&self, at: Time) {
        // No sooner than a timer can tell: what is due at once was just looked at.
        let at = at.max(self.run.clock.now() + TIMER_STEP);
        if at < self.due.get() {
            self.due.set(at);
            // The loop itself looks at `due` before it sleeps: ringing would keep it awake.
            if !self.turning.get() {
                self.bell.notify_one();
            }
        }
    }

    /// Whether more targets may be taken from the feed.
    fn admits(&self) -> bool {
        !self.outbox.is_behind() && self.run.stop.cause().is_none_or(|cause| cause.cancels())
    }

    /// Admits what came, and what else has come by now: what is leased first should be chosen
    /// among all of it.
    fn admit_all(&self, first: Fed) {
        self.admit(first);
        for _ in 1..FED_PER_TURN {
            if !self.admits() {
                break;
            }
            let Some(fed) = self.feed.try_next() else { break };
            self.admit(fed);
        }
        self.follow_reading();
        self.compare_hosts();
    }

    /// Tells the frontier whether hosts it has not seen may still come.
    fn follow_reading(&self) {
        let reading = match self.feed.knows_all_hosts() {
            true => Reading::Done,
            false => Reading::More,
        };
        self.frontier.borrow_mut().set_reading(reading);
    }

    fn admit(&self, fed: Fed) {
        let now = self.run.clock.now();
        match fed {
            Fed::Listed(targets) => {
                self.run.count_inputs(targets.len());
                // Most often one host after the other, or one alone.
                let mut last: Option<(HostKey, NameNeeded)> = None;
                for mut target in targets {
                    self.method.say_in(&mut target);
                    if cache::is_fresh(&target) {
                        self.end_fresh(target);
                        continue;
                    }
                    if self.run.was_begun(target.n) {
                        self.end_interrupted(Pending::listed(target));
                        continue;
                    }
                    let name = match &last {
                        Some((host, name)) if *host == target.host => *name,
                        _ => {
                            let name = self.name_needed(&target.host);
                            last = Some((target.host.clone(), name));
                            name
                        }
                    };
                    self.admit_allowed(Pending::listed(target), name, now);
                }
            }
            Fed::Asked(mut pending) => {
                if pending.rules.is_none() {
                    self.method.say_in(&mut pending.target);
                }
                self.admit_one(pending, now);
            }
            Fed::Broken(broken) => {
                self.run.count_inputs(broken.len());
                for broken in broken {
                    self.push_untracked(finish::broken(broken));
                    self.run.count_finished(Failed::No);
                }
            }
            Fed::Failed(error) => self.run.fail_source(error),
            Fed::AllHanded => self.run.count_fed(),
        }
    }

    pub(crate) fn admit_one(&self, pending: Box<Pending>, now: Time) {
        if pending.rules.is_some() {
            return self.admit_rules(pending, now);
        }
        let name = self.name_needed(&pending.host());
        self.admit_allowed(pending, name, now);
    }

    /// Admits a target, unless its host's robots.txt is known to forbid it.
    fn admit_allowed(&self, pending: Box<Pending>, name: NameNeeded, now: Time) {
        let host = pending.host();
        if self.may_ask(&host, &pending, now) == Access::Disallowed {
            let finishing = self.frontier.borrow_mut().refuse(&host, pending, now);
            return self.end_forbidden(finishing);
        }
        self.frontier.borrow_mut().admit(&host, pending, name, now);
    }

    /// Whether a name server has to be asked before `host` can be.
    pub(crate) fn name_needed(&self, host: &HostKey) -> NameNeeded {
        match self.client.needs_lookup(host) {
            true => NameNeeded::Yes,
            false => NameNeeded::No,
        }
    }

    fn look_up_names(self: &Rc<Self>) {
        while self.lookups.get() < LOOKUPS_MAX {
            let now = self.run.clock.now();
            let Some(host) = self.frontier.borrow_mut().next_name(now) else { return };
            self.lookups.set(self.lookups.get() + 1);
            spawn_local(Rc::clone(self).look_up(host));
        }
    }

    async fn look_up(self: Rc<Self>, host: HostKey) {
        let _stop = StopOnPanic(self.run.stop.clone());
        let looked_up = loop {
            match self.client.resolve(&host).await {
                Ok(_) => break Ok(()),
                Err(DialError::Failed(failed)) => break Err(failed.failure),
                Err(DialError::Local(_)) => {
                    add(&self.tally.descriptor_refusals, 1);
                    tokio::time::sleep(SHORTAGE_PAUSE).await;
                }
            }
        };
        let now = self.run.clock.now();
        match looked_up {
            Ok(()) => self.frontier.borrow_mut().name_resolved(&host, now),
            Err(failure) => self.frontier.borrow_mut().name_failed(&host, failure, now),
        }
        self.lookups.set(self.lookups.get() - 1);
        self.bell.notify_one();
    }

    /// The system refused a descriptor or a port: nothing is started for a moment, and with too
    /// few descriptors no more than what is in flight from then on. No target fails for it.
    pub(crate) fn bear_shortage(&self, shortage: LocalShortage) {
        add(&self.tally.descriptor_refusals, 1);
        let until = self.run.clock.now() + SHORTAGE_PAUSE;
        self.paused_until.set(until);
        self.look_again_at(until);
        if shortage == LocalShortage::Descriptors {
            self.shrink_to(self.in_use().max(1));
        }
    }

    /// Every [`BEAT`]: what need not happen at once.
    fn beat(&self, heartbeat: &mut Heartbeat) {
        heartbeat.beat();
        self.client.tick(std::time::Instant::now());
        self.outbox.flush();
        self.tell_finished();
        self.settle_committed();
        self.tell_clocks();
        self.send_leaving();
        self.compare_hosts();
        self.give_idle_permits();
        // What this shard gave back is idle as well.
        let is_idle = self.unused_permits() > 0 || self.run.permits.has_free();
        let appetite = match is_idle && self.brakes.is_for_want_of_hosts() {
            true => Appetite::Hungry,
            false => Appetite::Sated,
        };
        self.feed.beat(appetite);
        self.follow_reading();
        self.brakes.count(self.outbox.is_behind());
        if self.brakes.counted().is_multiple_of(REPORT_BEATS) {
            self.forget_abandoned(self.run.clock.now());
            self.note_events();
            self.publish(heartbeat);
        }
    }
}
