//! What is still to do: targets in the queues of their hosts, handed out when politeness allows.
//!
//! A target is admitted, leased, and released; or goes back to its host's queue, where it holds
//! no permit. Every host with work is in exactly one place: ready, in the timer heap until it may
//! be asked, blocked by its own limit, or waiting for its name. A decision costs O(log hosts).

mod choose;
mod clocks;
mod host;
mod lease;
mod look;
mod names;
mod place;
mod rules;
mod signals;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use fastrand::Rng;

use self::choose::Ready;
pub use self::clocks::HostClock;
use self::host::{Delayed, Host, Name, Rules, Standing};
use self::lease::{Clocks, Job};
pub use self::lease::{
    CloseCause, Counts, Finishing, HostEvent, HostTrust, Lease, LeaseId, NameNeeded, Next, Reading,
    Role, Signal, Spends, Withdraw,
};
pub use self::look::HostWork;
use crate::attempt::Failure;
use crate::config::{Config, HostConcurrency, HostConfig, RetryConfig};
pub use crate::politeness::GateClock;
use crate::retry;
use crate::target::{HostKey, HostMap};
use crate::time::{Duration, Time};

/// Events kept for somebody who asks late.
const EVENTS_MAX: usize = 1024;

/// The queues of one shard. See the module.
#[derive(Debug)]
pub struct Frontier<P> {
    concurrency: u32,
    host_concurrency: HostConcurrency,
    host_interval: Duration,
    overrides: HashMap<String, HostConfig>,
    retry: RetryConfig,
    interval: Duration,
    next_at: Time,
    trust: HostTrust,
    withdraw: fn(&P) -> Withdraw,
    /// What is known of the robots.txt of a new host.
    rules: Rules,
    crawl_delay_max: Duration,
    permits: u32,
    reading: Reading,
    hosts_elsewhere: u32,
    rng: Rng,

    hosts: Vec<Option<Host<P>>>,
    vacant: Vec<u32>,
    index: HostMap<u32>,
    stamp: u64,
    order: u64,
    ready: Ready,
    timers: BinaryHeap<Reverse<(Time, u64, u32)>>,
    blocked: Vec<(u32, u64)>,
    idle: VecDeque<(u32, u64)>,
    ending: VecDeque<u32>,
    names: VecDeque<u32>,
    name_timers: BinaryHeap<Reverse<(Time, u32)>>,
    unruled: VecDeque<u32>,
    cancel_cursor: usize,

    slots: Vec<Slot>,
    slots_free: Vec<u32>,
    /// Leases of hosts without an answer, oldest first, to be given up for others.
    unproven: VecDeque<LeaseId>,
    /// Leases, and hosts with work, by standing; unproven hosts that have a lease.
    leased_by: [u32; Standing::COUNT],
    working: [u32; Standing::COUNT],
    unproven_busy: u32,
    share: u32,
    limits_rose: bool,
    first_answer: FirstAnswer,

    counts: Counts,
    events: VecDeque<HostEvent>,
    events_dropped: u64,

    clocks: Clocks,
    /// Hosts whose clocks have changed and were not told of.
    touched: Vec<u32>,
    /// What is owed to hosts that have not come in yet.
    restored: HashMap<HostKey, HostClock>,
}

/// Who has a permit.
#[derive(Debug)]
struct Slot {
    turn: u32,
    host: u32,
    leased_at: Time,
    live: bool,
    withdraw: Withdraw,
}

/// What is left of a lease that was given back.
struct Given<P> {
    index: u32,
    job: Job<P>,
    host: HostKey,
}

/// How long hosts take to answer for the first time, smoothed, in seconds.
#[derive(Debug, Default)]
struct FirstAnswer {
    hosts: u32,
    mean_s: f64,
    deviation_s: f64,
}

impl FirstAnswer {
    fn add(&mut self, took: Duration) {
        let took_s = took.as_secs_f64();
        self.hosts = self.hosts.saturating_add(1);
        let weight = (1.0 / f64::from(self.hosts)).max(0.1);
        self.deviation_s += weight * ((took_s - self.mean_s).abs() - self.deviation_s);
        self.mean_s += weight * (took_s - self.mean_s);
    }
}

impl<P> Frontier<P> {
    /// An empty frontier with all permits of `config`.
    pub fn new(config: &Config) -> Self {
        Self {
            concurrency: config.concurrency.get(),
            host_concurrency: config.host_concurrency,
            host_interval: config.host_rate.map_or(Duration::ZERO, |rate| rate.interval()),
            overrides: config.hosts.clone(),
            retry: config.retry.clone(),
            interval: config.rate.map_or(Duration::ZERO, |rate| rate.interval()),
            next_at: Time::ZERO,
            trust: config.trust,
            withdraw: |_| Withdraw::Never,
            rules: if config.robots.is_some() { Rules::Unasked } else { Rules::Known },
            crawl_delay_max: config.robots.as_ref().map_or(Duration::ZERO, |r| r.crawl_delay_max),
            permits: config.concurrency.get(),
            reading: Reading::More,
            hosts_elsewhere: 0,
            rng: Rng::with_seed(config.seed),
            hosts: Vec::new(),
            vacant: Vec::new(),
            index: HostMap::default(),
            stamp: 0,
            order: 0,
            ready: Ready::default(),
            timers: BinaryHeap::new(),
            blocked: Vec::new(),
            idle: VecDeque::new(),
            ending: VecDeque::new(),
            names: VecDeque::new(),
            name_timers: BinaryHeap::new(),
            unruled: VecDeque::new(),
            cancel_cursor: 0,
            slots: Vec::new(),
            slots_free: Vec::new(),
            unproven: VecDeque::new(),
            leased_by: [0; Standing::COUNT],
            working: [0; Standing::COUNT],
            unproven_busy: 0,
            share: config.concurrency.get(),
            limits_rose: false,
            first_answer: FirstAnswer::default(),
            counts: Counts::default(),
            events: VecDeque::new(),
            events_dropped: 0,
            clocks: Clocks::Ignored,
            touched: Vec::new(),
            restored: HashMap::new(),
        }
    }

    /// This shard's part of the concurrency. Leases above it are not taken back.
    pub fn set_permits(&mut self, permits: u32) {
        self.limits_rose |= permits > self.permits;
        self.permits = permits;
    }

    /// Hosts with work in other shards: they have a share of the concurrency, too.
    pub fn set_hosts_elsewhere(&mut self, hosts: u32) {
        self.hosts_elsewhere = hosts;
        self.update_share();
    }

    /// Whether more targets may come.
    pub fn set_reading(&mut self, reading: Reading) {
        self.limits_rose |= self.reading != reading;
        self.reading = reading;
    }

    /// Whether hosts must earn their permits; they must unless this says otherwise.
    pub fn set_trust(&mut self, trust: HostTrust) {
        self.trust = trust;
    }

    /// The rule by which a target's tries may be given up; without one, none is.
    pub fn set_withdraw(&mut self, rule: fn(&P) -> Withdraw) {
        self.withdraw = rule;
    }

    /// Takes a target in. `name` counts for a host that is not known yet.
    pub fn admit(&mut self, host: &HostKey, payload: P, name: NameNeeded, now: Time) {
        self.counts.admitted += 1;
        self.enqueue(host, Job::new(payload, now), Role::Target, name, now);
    }

    /// The next target to fetch, or when to ask again.
    pub fn next(&mut self, now: Time) -> Next<P> {
        self.catch_up(now);
        if self.counts.waiting == 0 {
            return Next::Empty;
        }
        let has_permit = self.leased() < self.permits;
        if has_permit
            && self.next_at <= now
            && let Some(index) = self.choose()
        {
            return Next::Lease(self.lease(index, now));
        }
        let mut wake = self.next_name_at().min(self.give_up_at());
        if has_permit {
            let host = self.timers.peek().map_or(Time::NEVER, |Reverse((at, ..))| *at);
            // A ready host that had to wait for the rate of all.
            let rate = if self.next_at > now && !self.ready.is_empty() {
                self.next_at
            } else {
                Time::NEVER
            };
            wake = wake.min(host.max(self.next_at)).min(rate);
        }
        if wake == Time::NEVER { Next::Full } else { Next::At(wake.max(now)) }
    }

    /// Puts a target back to be tried again, not before `at`. Its slot and permit are free.
    pub fn retry(&mut self, lease: Lease<P>, signal: Signal, at: Time, spends: Spends, now: Time) {
        let (cause, role) = (lease.job.last_failure.clone(), lease.role);
        let Given { index, mut job, .. } = self.give_back(lease, signal, cause.as_deref(), now);
        let order = self.next_order();
        let host = self.host_mut(index);
        if spends == Spends::Retry {
            job.retries_spent += 1;
            host.budget_spent += u32::from(role == Role::Target);
        }
        match role {
            Role::Rules => host.first.push(Delayed { at, order, job }),
            Role::Target if at <= now => host.queue.push_front(job),
            Role::Target => host.retries.push(Delayed { at, order, job }),
        }
        self.counts.waiting += 1;
        self.queued(index, now);
    }

    /// Whether the host's budget still allows a try that spends a retry.
    pub fn may_retry(&self, lease: &Lease<P>) -> bool {
        let host = self.host(lease.index);
        host.budget_spent < retry::budget(host.admitted)
    }

    /// Sends a target on to another host: a redirect. It waits there like any other.
    pub fn hop(
        &mut self,
        lease: Lease<P>,
        signal: Signal,
        to: &HostKey,
        name: NameNeeded,
        now: Time,
    ) {
        let role = lease.role;
        let Given { index, job, .. } = self.give_back(lease, signal, None, now);
        self.place(index, now);
        self.enqueue(to, job, role, name, now);
    }

    /// The last try of a target is over. Its slot and permit are free.
    pub fn release(&mut self, lease: Lease<P>, signal: Signal, now: Time) -> Finishing<P> {
        let cause = lease.job.last_failure.clone();
        let Given { index, job, host } = self.give_back(lease, signal, cause.as_deref(), now);
        self.place(index, now);
        self.counts.finishing += 1;
        Finishing { job, host }
    }

    /// A try was withdrawn before it came to anything. It counts as never made.
    pub fn put_back(&mut self, lease: Lease<P>, now: Time) {
        let role = lease.role;
        let Given { index, mut job, .. } = self.give_back(lease, Signal::Nothing, None, now);
        job.attempts -= 1;
        let order = self.next_order();
        match role {
            Role::Rules => self.host_mut(index).first.push(Delayed { at: now, order, job }),
            Role::Target => self.host_mut(index).queue.push_back(job),
        }
        self.counts.waiting += 1;
        self.queued(index, now);
    }

    /// The target is recorded and leaves.
    pub fn settle<Q>(&mut self, finishing: Finishing<Q>) -> Q {
        self.counts.finishing -= 1;
        self.counts.settled += 1;
        finishing.job.payload
    }

    /// A target that ends without a further try, and why: its name or its host failed.
    pub fn next_ended(&mut self) -> Option<(Finishing<P>, Failure)> {
        while let Some(&index) = self.ending.front() {
            let ended = self.hosts[index as usize].as_mut().and_then(|host| {
                let (job, failure) = host.pop_ended()?;
                Some((job, failure, host.key.clone()))
            });
            let Some((mut job, failure, host)) = ended else {
                self.ending.pop_front();
                if self.hosts[index as usize].is_some() {
                    self.place(index, Time::ZERO);
                }
                continue;
            };
            self.counts.waiting -= 1;
            self.counts.finishing += 1;
            let failure = match job.last_failure.take() {
                Some(own) if !failure.kind.as_str().starts_with("http.") => *own,
                _ => failure,
            };
            return Some((Finishing { job, host }, failure));
        }
        None
    }

    /// Takes out one waiting target, whatever it waits for; `None` when none is left.
    pub fn cancel_waiting(&mut self) -> Option<Finishing<P>> {
        if self.counts.waiting == 0 {
            return None;
        }
        loop {
            if self.cancel_cursor >= self.hosts.len() {
                self.cancel_cursor = 0;
            }
            let index = self.cancel_cursor as u32;
            let job = self.hosts[self.cancel_cursor].as_mut().and_then(Host::pop_any);
            let Some(job) = job else {
                self.cancel_cursor += 1;
                continue;
            };
            let host = self.host(index).key.clone();
            self.counts.waiting -= 1;
            self.counts.finishing += 1;
            if self.host(index).waiting() == 0 {
                self.place(index, Time::ZERO);
            }
            return Some(Finishing { job, host });
        }
    }

    /// Takes out every waiting target that `is_taken` says. O(waiting).
    pub fn take_waiting(&mut self, is_taken: impl Fn(&P) -> bool, now: Time) -> Vec<Finishing<P>> {
        let mut taken = Vec::new();
        for index in 0..self.hosts.len() {
            let Some(host) = self.hosts[index].as_mut() else { continue };
            if host.waiting() == 0 {
                continue;
            }
            let (jobs, key) = (host.take_waiting(&is_taken), host.key.clone());
            self.counts.waiting -= jobs.len() as u64;
            self.counts.finishing += jobs.len() as u64;
            taken.extend(jobs.into_iter().map(|job| Finishing { job, host: key.clone() }));
            self.place(u32::try_from(index).expect("fewer than 2^32 hosts at a time"), now);
        }
        taken
    }

    /// What happened to the hosts, oldest first.
    pub fn next_event(&mut self) -> Option<HostEvent> {
        self.events.pop_front()
    }

    /// Events nobody took before there were too many.
    pub fn events_dropped(&self) -> u64 {
        self.events_dropped
    }

    /// Where the targets are.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Targets waiting for this host.
    pub fn host_waiting(&self, host: &HostKey) -> usize {
        self.index.get(host).map_or(0, |&index| self.host(index).waiting())
    }

    /// Hosts that have a target waiting or in flight and are not parked.
    pub fn hosts_with_work(&self) -> u32 {
        self.working.iter().sum()
    }

    fn leased(&self) -> u32 {
        u32::try_from(self.counts.leased).expect("at most the permits, which are u32")
    }

    fn host(&self, index: u32) -> &Host<P> {
        self.hosts[index as usize].as_ref().expect("a host with work is in the slab")
    }

    fn host_mut(&mut self, index: u32) -> &mut Host<P> {
        self.hosts[index as usize].as_mut().expect("a host with work is in the slab")
    }

    fn next_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    fn note(&mut self, event: HostEvent) {
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
            self.events_dropped += 1;
        }
        self.events.push_back(event);
    }

    fn enqueue(&mut self, key: &HostKey, job: Job<P>, role: Role, name: NameNeeded, now: Time) {
        let index = match self.index.get(key) {
            Some(&index) => index,
            None => self.enter(key, name),
        };
        let host = self.host_mut(index);
        host.admitted = host.admitted.saturating_add(1);
        if host.ending.is_some() && host.waiting() == 0 && host.until <= now {
            host.ending = None;
            if host.name != Name::Known {
                host.name = Name::Needed;
                host.name_tries = 0;
                self.names.push_back(index);
            }
        }
        let host = self.host_mut(index);
        if host.targets_waiting() == 0 {
            host.barred.take_if(|barred| barred.until <= now);
        }
        let order = self.next_order();
        match role {
            Role::Rules => self.host_mut(index).first.push(Delayed { at: now, order, job }),
            Role::Target => {
                self.host_mut(index).queue.push_back(job);
                self.want_rules(index);
            }
        }
        self.counts.waiting += 1;
        self.queued(index, now);
    }

    /// A target was added to this host's queue.
    fn queued(&mut self, index: u32, now: Time) {
        let host = self.host(index);
        if host.waiting_to_end() == 1 {
            self.ending.push_back(index);
        }
        self.place(index, now);
    }

    fn enter(&mut self, key: &HostKey, name: NameNeeded) -> u32 {
        let own = if self.overrides.is_empty() {
            None
        } else {
            let with_port = self.overrides.get(&format!("{}:{}", key.host(), key.port()));
            with_port.or_else(|| self.overrides.get(key.host()))
        };
        let rate = own.and_then(|own| own.rate);
        let interval = rate.map_or(self.host_interval, |rate| rate.interval());
        let mut host = Host::new(key.clone(), interval, own.and_then(|own| own.concurrency));
        host.rules = self.rules;
        if self.trust != HostTrust::Earned {
            host.standing = Standing::Proven;
        }
        if !self.restored.is_empty() {
            self.restore(&mut host);
        }
        let index = match self.vacant.pop() {
            Some(index) => index,
            None => {
                self.hosts.push(None);
                u32::try_from(self.hosts.len() - 1).expect("fewer than 2^32 hosts at a time")
            }
        };
        if name == NameNeeded::Yes {
            host.name = Name::Needed;
            self.names.push_back(index);
        }
        self.hosts[index as usize] = Some(host);
        self.index.insert(key.clone(), index);
        index
    }

    /// Hands out the next target of this host.
    fn lease(&mut self, index: u32, now: Time) -> Lease<P> {
        let withdraw = self.withdraw;
        let host = self.host_mut(index);
        let (mut job, role) = host.pop(now).expect("a ready host has a target that is due");
        job.attempts += 1;
        let (pace, reopens) = host.gate.as_mut().map_or((Duration::ZERO, false), |g| g.sent(now));
        let spacing = pace.max(host.interval);
        let strict = host.gate.as_ref().is_some_and(|gate| !gate.bears_bursts());
        let late = if strict { Duration::ZERO } else { slack(spacing) };
        host.next_at = after(host.next_at, spacing, late, now);
        host.in_flight += 1;
        host.born_at = host.born_at.min(now);
        let (first, standing, key) = (host.in_flight == 1, host.standing, host.key.clone());
        if first {
            host.kept_slot = u32::MAX;
        }
        self.next_at = after(self.next_at, self.interval, slack(self.interval), now);
        self.leased_by[standing as usize] += 1;
        self.counts.waiting -= 1;
        self.counts.leased += 1;
        let may_withdraw = withdraw(&job.payload);
        let id = self.take_slot(index, now, may_withdraw);
        if standing != Standing::Proven {
            self.unproven_busy += u32::from(first);
            if may_withdraw == Withdraw::Allowed {
                self.watch(id);
            }
        }
        if reopens {
            self.note(HostEvent::Reopened { host: key.clone() });
        }
        self.touch_slow(index, spacing);
        self.place(index, now);
        Lease { job, host: key, index, id, leased_at: now, role }
    }

    fn take_slot(&mut self, host: u32, leased_at: Time, withdraw: Withdraw) -> LeaseId {
        let slot = match self.slots_free.pop() {
            Some(slot) => slot,
            None => {
                let vacant =
                    Slot { turn: 0, host, leased_at, live: false, withdraw: Withdraw::Never };
                self.slots.push(vacant);
                u32::try_from(self.slots.len() - 1).expect("as many as permits, which are u32")
            }
        };
        let entry = &mut self.slots[slot as usize];
        let turn = entry.turn.wrapping_add(1);
        *entry = Slot { turn, host, leased_at, live: true, withdraw };
        LeaseId { slot, turn }
    }

    /// Frees the slot and the permit of a lease and hears what it says about the host.
    fn give_back(
        &mut self,
        lease: Lease<P>,
        signal: Signal,
        cause: Option<&Failure>,
        now: Time,
    ) -> Given<P> {
        let Lease { job, host: key, index, id, leased_at, .. } = lease;
        debug_assert!(self.slots[id.slot as usize].turn == id.turn, "a lease of this frontier");
        self.slots[id.slot as usize].live = false;
        self.slots_free.push(id.slot);
        self.counts.leased -= 1;
        let host = self.host_mut(index);
        host.in_flight -= 1;
        let (last, standing) = (host.in_flight == 0, host.standing);
        self.leased_by[standing as usize] -= 1;
        if last && standing != Standing::Proven {
            self.unproven_busy -= 1;
        }
        self.hear(index, signal, cause, leased_at, now);
        Given { index, job, host: key }
    }
}

/// The clock of something that goes out every `spacing`, after one went at `now`. What a late timer
/// lost is caught up by the next one, if it is at most `slack`.
fn after(clock: Time, spacing: Duration, slack: Duration, now: Time) -> Time {
    if spacing.is_zero() {
        return clock;
    }
    if clock + slack >= now { clock + spacing } else { now + spacing }
}

/// A quarter of the spacing, at most 5 ms: what coarse timers lose.
fn slack(spacing: Duration) -> Duration {
    (spacing / 4).min(Duration::from_millis(5))
}
