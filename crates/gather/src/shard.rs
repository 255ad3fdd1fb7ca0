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

use gather_core::frontier::{Finishing, Frontier, Lease, NameNeeded, Next, Reading, Withdraw};
use gather_core::{Duration, Failure, HostKey, Outcome, Record, RecordError, Time};
use gather_fetch::Client;
use tokio::sync::{Notify, mpsc};
use tokio::task::spawn_local;

use crate::feed::{Feed, Fed};
use crate::finish::{self, Ending};
use crate::outbox::Outbox;
use crate::pending::{Credit, Pending};
use crate::report::ShardReport;
use crate::seat::{Interrupt, Seats};
use crate::shared::{Failed, Shared};
use crate::stall::{BEAT, Heartbeat};
use crate::stop::Cause;
use crate::tally::{Tally, Troubles, add};
use crate::writer::Written;

/// Lookups a shard has under way; the resolver keeps its own, tighter limit on sockets.
const LOOKUPS_MAX: u32 = 256;
/// Requests in flight get so long to end after a first signal.
const DRAIN_GRACE: Duration = Duration::from_secs(10);
/// How long nothing is started after the system refused a descriptor or a port.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(50);
/// Beats between two reports for progress.
const REPORT_BEATS: u32 = 10;

pub(crate) struct Shard {
    pub(crate) index: usize,
    pub(crate) run: Arc<Shared>,
    pub(crate) frontier: RefCell<Frontier<Pending>>,
    pub(crate) client: Client,
    pub(crate) seats: Seats,
    pub(crate) tally: Tally,
    pub(crate) feed: Feed,
    outbox: Outbox,
    written: Arc<Written>,
    report: Arc<ShardReport>,
    /// Released and not yet committed, oldest first.
    finishing: RefCell<VecDeque<Finishing<()>>>,
    settled: Cell<u64>,
    troubles: RefCell<Troubles>,
    /// Permits this shard holds, in flight or not; and how many more it asked for.
    held: Cell<u32>,
    wanted: Cell<u32>,
    lookups: Cell<u32>,
    /// Nothing is started before this moment.
    paused_until: Cell<Time>,
    /// When the loop has to look again, whatever happens.
    due: Cell<Time>,
    /// Rung on this thread when the loop should look again.
    bell: Notify,
}

impl Shard {
    pub(crate) fn new(
        index: usize,
        run: Arc<Shared>,
        client: Client,
        feed: Feed,
        batches: mpsc::Sender<crate::writer::Batch>,
        written: Arc<Written>,
        report: Arc<ShardReport>,
    ) -> Self {
        let mut frontier = Frontier::new(&run.config);
        let held = run.permits.take(run.permits.fair_share());
        frontier.set_permits(held);
        Self {
            index,
            frontier: RefCell::new(frontier),
            client,
            seats: Seats::default(),
            tally: Tally::default(),
            feed,
            outbox: Outbox::new(index, batches),
            written,
            report,
            finishing: RefCell::default(),
            settled: Cell::new(0),
            troubles: RefCell::default(),
            held: Cell::new(held),
            wanted: Cell::new(0),
            lookups: Cell::new(0),
            paused_until: Cell::new(Time::ZERO),
            due: Cell::new(Time::NEVER),
            bell: Notify::new(),
            run,
        }
    }

    /// Turns until everything handed to the run has its record, or the run is stopped.
    pub(crate) async fn run(self: Rc<Self>) {
        let mut heartbeat = Heartbeat::start();
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut beats = 0;
        let mut stopping = Stopping::default();
        loop {
            let stop_changed = self.run.stop.changed();
            let mut stop_changed = std::pin::pin!(stop_changed);
            stop_changed.as_mut().enable();
            if self.follow_stop(&mut stopping) {
                break;
            }
            self.turn();
            if self.run.is_done() && self.outbox.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                _ = beat.tick() => {
                    heartbeat.beat();
                    beats += 1;
                    self.beat(beats, &heartbeat);
                }
                () = &mut stop_changed => {}
                () = self.outbox.send(), if self.outbox.is_behind() => {}
                fed = self.feed.next(), if self.admits() => self.admit(fed),
                () = self.bell.notified() => {}
                () = self.run.wake(self.index).notified() => {}
                () = tokio::time::sleep_until(self.run.clock.instant(self.due.get())),
                    if self.due.get() < Time::NEVER => {}
            }
        }
        self.close(&heartbeat).await;
    }

    /// What the shard does whenever something has changed.
    fn turn(self: &Rc<Self>) {
        self.due.set(Time::NEVER);
        self.end_refused();
        if self.run.stop.cause().is_some() {
            return;
        }
        self.look_up_names();
        while let Some(lease) = self.next_lease() {
            spawn_local(Rc::clone(self).slot(lease));
        }
        self.end_refused();
    }

    /// The next target to fetch, unless nothing may be fetched now; then the loop is told when to
    /// look again.
    pub(crate) fn next_lease(&self) -> Option<Lease<Pending>> {
        if self.outbox.is_behind() || self.run.stop.cause().is_some() {
            return None;
        }
        let now = self.run.clock.now();
        if now < self.paused_until.get() {
            self.look_again_at(self.paused_until.get());
            return None;
        }
        self.lend_permits();
        loop {
            if let Some(rate) = &self.run.rate
                && !rate.take(now)
            {
                self.look_again_at(rate.next_at());
                return None;
            }
            let next = self.frontier.borrow_mut().next(now);
            match next {
                Next::Lease(mut lease) => {
                    self.feed.took(&mut lease);
                    return Some(lease);
                }
                other => {
                    if let Some(rate) = &self.run.rate {
                        rate.untake();
                    }
                    match other {
                        Next::Full if self.borrow_permits() => continue,
                        Next::At(at) => self.look_again_at(at),
                        Next::Full | Next::Empty | Next::Lease(_) => {}
                    }
                    return None;
                }
            }
        }
    }

    /// Has the loop look again at `at`, if it would not do so before.
    fn look_again_at(&self, at: Time) {
        if at < self.due.get() {
            self.due.set(at);
            self.bell.notify_one();
        }
    }

    /// Whether more targets may be taken from the feed.
    fn admits(&self) -> bool {
        !self.outbox.is_behind() && self.run.stop.cause().is_none()
    }

    fn admit(&self, fed: Fed) {
        let now = self.run.clock.now();
        match fed {
            Fed::Targets(targets) => {
                for pending in targets {
                    self.admit_one(pending, now);
                }
            }
            Fed::Broken(broken) => {
                for broken in broken {
                    self.outbox.push(finish::broken(broken));
                    self.run.count_finished(Failed::No);
                }
            }
            Fed::End => self.run.wake_all(),
        }
        self.frontier.borrow_mut().set_reading(match self.feed.is_read_to_end() {
            true => Reading::Done,
            false => Reading::More,
        });
        let hosts = self.frontier.borrow().hosts_with_work();
        self.run.hosts[self.index].store(hosts, Ordering::Relaxed);
    }

    fn admit_one(&self, pending: Pending, now: Time) {
        let host = pending.target.host.clone();
        let name = self.name_needed(&host);
        let withdraw = match pending.target.method().is_safe() {
            true => Withdraw::Allowed,
            false => Withdraw::Never,
        };
        self.frontier.borrow_mut().admit(&host, pending, name, withdraw, now);
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
            let shard = Rc::clone(self);
            spawn_local(async move {
                let looked_up = shard.client.resolve(&host).await;
                let now = shard.run.clock.now();
                let mut frontier = shard.frontier.borrow_mut();
                match looked_up {
                    Ok(_) => frontier.name_resolved(&host, now),
                    Err(failure) => frontier.name_failed(&host, failure, now),
                }
                drop(frontier);
                shard.lookups.set(shard.lookups.get() - 1);
                shard.bell.notify_one();
            });
        }
    }

    /// The system refused a descriptor or a port: nothing is started for a moment, and with too
    /// few descriptors no more than what is in flight from then on. No target fails for it.
    pub(crate) fn bear_shortage(&self, shortage: gather_fetch::LocalShortage) {
        add(&self.tally.descriptor_refusals, 1);
        let now = self.run.clock.now();
        self.paused_until.set(now + SHORTAGE_PAUSE);
        self.look_again_at(now + SHORTAGE_PAUSE);
        if shortage == gather_fetch::LocalShortage::Descriptors {
            let bearable = self.tally.in_flight.get().max(1);
            let surplus = self.held.get().saturating_sub(bearable);
            self.run.permits.retire(surplus);
            self.set_held(self.held.get() - surplus);
        }
    }

    /// Every [`BEAT`]: what need not happen at once.
    fn beat(&self, beats: u32, heartbeat: &Heartbeat) {
        self.client.tick(std::time::Instant::now());
        self.outbox.flush();
        self.settle_committed();
        let now = self.run.clock.now();
        loop {
            let given_up = self.frontier.borrow_mut().give_up(now);
            let Some(lease) = given_up else { break };
            self.seats.interrupt(lease, Interrupt::Withdraw);
        }
        let elsewhere = self.run.hosts_elsewhere(self.index);
        self.frontier.borrow_mut().set_hosts_elsewhere(elsewhere);
        let counts = self.frontier.borrow().counts();
        if counts.waiting == 0 && self.run.hosts.len() > 1 {
            self.want(0);
            self.give_permits(u32::MAX);
        }
        let idle = self.tally.in_flight.get() < self.held.get();
        self.feed.beat(idle);
        self.report.sample(self.sample(counts.waiting, idle));
        if beats % REPORT_BEATS == 0 {
            self.publish(heartbeat);
        }
    }
}
