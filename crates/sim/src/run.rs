//! A run on virtual time: servers on one side, the real frontier, politeness, retries and journal on the
//! other. After every step the invariants are asserted.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::ops::ControlFlow;

use fastrand::Rng;
use gather_core::attempt::{BodySummary, Head, RetryAfter};
use gather_core::classify::{Budget, Context, Step, classify, conclude, signal};
use gather_core::frontier::{
    Finishing, Lease, LeaseId, NameNeeded, Next, Reading as Input, Role, Spends, Withdraw,
};
use gather_core::robots::{self, Reading};
use gather_core::{
    Attempt, Duration, End, ErrorKind, Failure, Frontier, HostKey, Method, Outcome, Scheme, Sent,
    Time, Timings,
};
use gather_store::journal::BLOCK_ITEMS;
use url::Url;

use crate::server::Reply;
use crate::watch::Watch;
use crate::world::{Ended, Event, Report, World, is_post};

mod writing;

use writing::{Crash, UNCOMMITTED_MAX, Written};

/// One life of a run.
pub(crate) struct Run {
    world: World,
    keys: Vec<HostKey>,
    numbers: HashMap<HostKey, usize>,
    frontier: Frontier<usize>,
    rng: Rng,
    now: Time,
    order: u64,
    events: BinaryHeap<Reverse<(Time, u64, Event)>>,
    leases: HashMap<LeaseId, (Lease<usize>, Option<Reply>)>,
    finishing: HashMap<usize, (Finishing<usize>, String)>,
    unread: VecDeque<usize>,
    in_flight: Vec<u32>,
    sent_at: Vec<Option<Time>>,
    /// Whether the robots.txt of a site was read, and how often it failed.
    rules: Vec<(bool, u32)>,
    /// Whether the name of a site was found.
    named: Vec<bool>,
    rules_settled: usize,
    permits: u32,
    report: Report,
    /// Records on their way to the disk; those it has not taken yet; and where it is with them.
    outbox: Vec<Written>,
    committing: Vec<Written>,
    is_commit_due: bool,
    /// A crash came while requests were handed out.
    ended: Option<Ended>,
    /// The event at which this life ends, and how.
    crash: Option<(u64, Crash)>,
    steps: u64,
    /// Inputs that earlier lives had read.
    read_before: u64,
    /// Targets that may have been sent by an earlier life and must not be again.
    interrupted: BTreeSet<u64>,
    watch: Watch,
}

impl Run {
    /// Its first life.
    pub(crate) fn new(world: World) -> Self {
        let report = Report {
            outcomes: vec![None; world.targets.len()],
            host_requests: vec![0; world.sites.len()],
            host_in_flight_max: vec![0; world.sites.len()],
            host_gap_min: vec![Duration::MAX; world.sites.len()],
            ..Report::default()
        };
        let rng = Rng::with_seed(world.seed ^ 0x5eed);
        let watch = Watch::new(&world);
        Self::begin(world, report, rng, Time::ZERO, watch)
    }

    /// Its next life, after a crash.
    pub(crate) fn again(self) -> Self {
        let again = self.leases.len() + self.outbox.len() + self.committing.len();
        let Self { world, mut report, mut rng, now, mut watch, .. } = self;
        report.crashes += 1;
        report.repeated += again as u64;
        watch.crashed();
        // A while later.
        let now = now + Duration::from_millis(rng.u64(0..5_000));
        Self::begin(world, report, rng, now, watch)
    }

    fn begin(
        mut world: World,
        mut report: Report,
        mut rng: Rng,
        now: Time,
        mut watch: Watch,
    ) -> Self {
        let keys: Vec<HostKey> = (0..world.sites.len())
            .map(|i| HostKey::new(Scheme::Http, &format!("h{i}.example"), 80))
            .collect();
        let numbers = keys.iter().cloned().enumerate().map(|(i, key)| (key, i)).collect();
        let mut frontier = Frontier::new(&world.config);
        frontier.set_withdraw(match world.has_posts {
            true => |n| if is_post(*n) { Withdraw::Never } else { Withdraw::Allowed },
            false => |_| Withdraw::Allowed,
        });
        frontier.set_trust(world.trust);
        let mut unread: VecDeque<usize> = (0..world.targets.len()).collect();
        let (mut interrupted, mut read_before) = (BTreeSet::new(), 0);
        if let Some(disk) = &mut world.disk {
            let memory = disk.open();
            frontier.keep_clocks();
            frontier.restore_clocks(disk.clocks(&memory.hosts));
            unread.retain(|&n| !disk.is_done(n as u64));
            watch.reopened(unread.iter().copied(), &mut report);
            interrupted = memory.begun;
            let last = memory.blocks.last();
            read_before = last.map_or(0, |last| last.block * BLOCK_ITEMS + last.items);
        }
        // A crash comes within the first few hundred events, if it does, and not for ever.
        let is_mortal = world.disk.is_some() && report.crashes < 6 && rng.u8(..) < 200;
        let crash = is_mortal.then(|| (rng.u64(0..600), Crash::random(&mut rng)));
        Self {
            keys,
            numbers,
            frontier,
            rng,
            now,
            order: 0,
            events: BinaryHeap::new(),
            leases: HashMap::new(),
            finishing: HashMap::new(),
            unread,
            in_flight: vec![0; world.sites.len()],
            sent_at: vec![None; world.sites.len()],
            rules: vec![(world.config.robots.is_none(), 0); world.sites.len()],
            named: vec![false; world.sites.len()],
            rules_settled: 0,
            permits: world.config.concurrency.get(),
            report,
            outbox: Vec::new(),
            committing: Vec::new(),
            is_commit_due: false,
            crash,
            steps: 0,
            ended: None,
            interrupted,
            read_before,
            watch,
            world,
        }
    }

    pub(crate) fn go_on_to_the_end(&mut self) -> Ended {
        loop {
            let wake = self.work();
            if let Some(ended) = self.ended {
                return ended;
            }
            assert!(self.steps < 20_000_000, "no end in sight at {:?}", self.now);
            let event = self.events.peek().map_or(Time::NEVER, |Reverse((at, ..))| *at);
            let next = event.min(wake);
            if next == Time::NEVER {
                return Ended::Whole;
            }
            assert!(next > self.now || event <= self.now, "time stands still at {:?}", self.now);
            self.now = next;
            assert!(self.now < Time::from_millis(7 * 86_400_000), "more than a week");
            while let Some(Reverse((at, ..))) = self.events.peek() {
                if *at > self.now {
                    break;
                }
                let Reverse((_, _, event)) = self.events.pop().expect("peeked");
                self.steps += 1;
                if let Some((_, crash)) = self.crash.filter(|(at, _)| *at <= self.steps) {
                    // Anywhere, or within the next commit.
                    if crash.point.is_none() {
                        return self.crash_now(crash);
                    }
                }
                if let ControlFlow::Break(ended) = self.happen(event) {
                    return ended;
                }
                self.check();
            }
        }
    }

    /// All is done; checks that it is.
    pub(crate) fn finish(mut self) -> Report {
        let counts = self.frontier.counts();
        let left = self.world.targets.len() - self.watch.done_before - self.interrupted.len();
        assert_eq!(counts.settled as usize, left + self.rules_settled, "{counts:?}");
        assert!(self.report.outcomes.iter().all(Option::is_some));
        self.report.ended_at = self.now;
        if let Some(mut disk) = self.world.disk.take() {
            disk.finish(self.world.targets.len() as u64);
            let mut records = disk.records();
            records.sort_unstable();
            let expected: Vec<u64> = (0..self.world.targets.len() as u64).collect();
            assert_eq!(records, expected, "lost, doubled or unexpected records");
            disk.open();
            assert!(disk.is_finished());
        }
        self.report
    }

    fn check(&self) {
        let counts = self.frontier.counts();
        assert!(counts.balanced(), "{counts:?}");
        assert_eq!(counts.leased as usize, self.leases.len());
        let written = || self.outbox.iter().chain(&self.committing);
        let finishing = written().filter(|one| one.finishing.is_some()).count();
        assert_eq!(counts.finishing as usize, self.finishing.len() + finishing);
        let on_their_way = written().count();
        let most = UNCOMMITTED_MAX + self.world.config.concurrency.get() as usize;
        assert!(on_their_way <= most, "{on_their_way} records are not committed");
    }

    fn schedule(&mut self, after: Duration, event: Event) {
        self.order += 1;
        self.events.push(Reverse((self.now + after, self.order, event)));
    }

    /// What an engine does between two events; returns when it wants to be woken.
    fn work(&mut self) -> Time {
        self.take_in();
        while let Some(host) = self.frontier.next_name(self.now) {
            let site = self.numbers[&host];
            let took = self.world.sites[site].name.expect("was said to need it").0;
            self.schedule(took, Event::Named(site));
        }
        loop {
            while !self.awaits_commit() {
                let Some((finishing, failure)) = self.frontier.next_ended() else { break };
                match self.site_of_rules(*finishing.payload()) {
                    None => self.record(finishing, conclude(failure)),
                    Some(site) => {
                        self.settle_rules(finishing);
                        self.frontier.rules_failed(&self.keys[site], failure, self.now);
                    }
                }
            }
            while let Some(host) = self.frontier.next_unruled() {
                let site = self.numbers[&host];
                let n = self.world.targets.len() + site;
                self.frontier.admit_rules(&host, n, self.name_needed(site), self.now);
            }
            self.take_in();
            if let Some(id) = self.frontier.give_up(self.now) {
                let (lease, _) = self.leases.remove(&id).expect("only a lease is given up");
                self.in_flight[self.numbers[lease.host()]] -= 1;
                self.frontier.put_back(lease, self.now);
                self.report.given_up += 1;
                continue;
            }
            if self.awaits_commit() {
                return Time::NEVER;
            }
            match self.frontier.next(self.now) {
                Next::Lease(lease) => {
                    if let ControlFlow::Break(ended) = self.announce(*lease.payload()) {
                        self.ended = Some(ended);
                        return Time::NEVER;
                    }
                    self.send(lease);
                }
                Next::At(at) => {
                    self.check();
                    assert!(at >= self.now);
                    return at;
                }
                Next::Full | Next::Empty => return Time::NEVER,
            }
            self.check();
        }
    }

    fn take_in(&mut self) {
        while (self.frontier.counts().waiting as usize) < self.world.window {
            let Some(n) = self.unread.pop_front() else {
                self.frontier.set_reading(Input::Done);
                return;
            };
            if self.interrupted.contains(&(n as u64)) {
                let failure = Failure::new(ErrorKind::Interrupted, "sent before a crash");
                self.write_later(n, None, conclude(failure));
                continue;
            }
            let site = self.world.targets[n];
            self.frontier.admit(&self.keys[site], n, self.name_needed(site), self.now);
        }
    }

    fn name_needed(&self, site: usize) -> NameNeeded {
        match self.world.sites[site].name {
            Some(_) => NameNeeded::Yes,
            None => NameNeeded::No,
        }
    }

    /// The site whose robots.txt this payload is.
    fn site_of_rules(&self, n: usize) -> Option<usize> {
        n.checked_sub(self.world.targets.len())
    }

    fn settle_rules(&mut self, finishing: Finishing<usize>) {
        self.frontier.settle(finishing);
        self.rules_settled += 1;
    }

    fn send(&mut self, lease: Lease<usize>) {
        let site = self.numbers[lease.host()];
        let is_rules = lease.role() == Role::Rules;
        assert!(is_rules || self.rules[site].0, "site {site} was asked before its robots.txt");
        let is_named = self.world.sites[site].name.is_none() || self.named[site];
        assert!(is_named, "site {site} took a permit before it had an address");
        self.watch.sent(site, *lease.payload(), self.now);
        self.in_flight[site] += 1;
        let most = &mut self.report.host_in_flight_max[site];
        *most = (*most).max(self.in_flight[site]);
        assert!(self.leases.len() < self.permits as usize, "more leases than permits");
        if let Some(before) = self.sent_at[site].replace(self.now) {
            let gap = &mut self.report.host_gap_min[site];
            *gap = (*gap).min(self.now.since(before));
        }
        self.report.requests += 1;
        self.report.host_requests[site] += 1;
        let (least, most) = self.world.sites[site].latency;
        let way_ms = (least + (most - least) * self.rng.f64()) * self.world.sites[site].way;
        self.schedule(ms(way_ms), Event::Arrival(lease.id(), site));
        assert!(self.leases.insert(lease.id(), (lease, None)).is_none());
    }

    fn happen(&mut self, event: Event) -> ControlFlow<Ended> {
        match event {
            Event::Arrival(id, site) => self.arrive(id, site),
            Event::Response(id) => {
                if let Some((lease, reply)) = self.leases.remove(&id) {
                    let held = self.now.since(lease.leased_at());
                    assert!(held <= self.world.config.timeout, "a slot was held for {held:?}");
                    self.judge(lease, reply.expect("it arrived"));
                }
            }
            Event::Named(site) => {
                let failed = self.world.sites[site].name.expect("was looked up").1;
                match failed {
                    None => {
                        self.named[site] = true;
                        self.frontier.name_resolved(&self.keys[site], self.now);
                    }
                    Some(kind) => {
                        let failure = Failure::new(kind, "no such name");
                        self.frontier.name_failed(&self.keys[site], failure, self.now);
                    }
                }
            }
            Event::Recorded(n) => {
                let (finishing, told) = self.finishing.remove(&n).expect("is being recorded");
                assert_eq!(self.frontier.settle(finishing), n);
                let entry = &mut self.report.outcomes[n];
                assert!(entry.is_none(), "target {n} ended twice");
                *entry = Some((told, self.now));
            }
            // What the disk is still busy with comes first; then it is asked again.
            Event::Commit if !self.committing.is_empty() => self.is_commit_due = false,
            Event::Commit => self.commit()?,
            Event::Committed => self.settle_committed(),
        }
        if self.world.shaky_permits && self.rng.u8(..) < 8 {
            let most = self.world.config.concurrency.get();
            self.permits = self.rng.u32(1..=most);
            self.frontier.set_permits(self.permits);
            self.permits = self.permits.max(self.leases.len() as u32);
        }
        while let Some(event) = self.frontier.next_event() {
            self.report.events.push(event);
        }
        ControlFlow::Continue(())
    }

    /// A request reaches its server.
    fn arrive(&mut self, id: LeaseId, site: usize) {
        let reply = self.world.sites[site].server.reply(self.now, &mut self.rng);
        let Some((lease, slot)) = self.leases.get_mut(&id) else {
            return;
        };
        *slot = Some(reply);
        let sent = lease.leased_at();
        let way = self.now.since(sent);
        let back = way.mul_f64(1.0 / self.world.sites[site].way - 1.0);
        let rest = self.world.config.timeout.saturating_sub(way);
        let after = match reply {
            Reply::Silence => rest,
            _ => (self.world.sites[site].server.takes() + back).min(rest),
        };
        if after == rest {
            *slot = Some(Reply::Silence);
        }
        self.schedule(after, Event::Response(id));
    }

    /// The disk has taken a group.
    fn settle_committed(&mut self) {
        for Written { n, finishing, outcome } in std::mem::take(&mut self.committing) {
            if let Some(finishing) = finishing {
                assert_eq!(self.frontier.settle(finishing), n);
            }
            let entry = &mut self.report.outcomes[n];
            assert!(entry.is_none(), "target {n} ended twice");
            *entry = Some((told(&outcome), self.now));
        }
        if !self.outbox.is_empty() {
            self.is_commit_due = true;
            self.schedule(Duration::ZERO, Event::Commit);
        }
    }

    fn judge(&mut self, mut lease: Lease<usize>, reply: Reply) {
        let attempt = self.attempt(reply);
        let at = self.numbers[lease.host()];
        self.in_flight[at] -= 1;
        let retry = &self.world.config.retry;
        self.watch.answered(at, *lease.payload(), &attempt, retry.retry_after_max, self.now);
        self.commit_soon();
        if let Some(site) = self.site_of_rules(*lease.payload()) {
            return self.judge_rules(lease, site, attempt);
        }
        let budget = if self.frontier.may_retry(&lease) { Budget::Left } else { Budget::Spent };
        let context = Context {
            config: &self.world.config,
            method: if self.world.is_post(*lease.payload()) { &Method::POST } else { &Method::GET },
            retries_spent: lease.retries_spent(),
            budget,
            now: self.now,
        };
        let verdict = classify(&attempt, &context, &mut self.rng);
        match verdict.step {
            Step::Retry { at, spends } => {
                if let End::Failed(failure) = attempt.end {
                    lease.remember(failure);
                }
                self.frontier.retry(lease, verdict.signal, at, spends, self.now);
            }
            Step::Hop => {
                let End::Hop(url) = &attempt.end else { unreachable!("only a hop hops") };
                let to = HostKey::of(url).expect("it is http");
                let name = self.name_needed(self.numbers[&to]);
                self.frontier.hop(lease, verdict.signal, &to, name, self.now);
            }
            Step::Final(outcome) => {
                let finishing = self.frontier.release(lease, verdict.signal, self.now);
                self.record(finishing, outcome);
            }
        }
    }

    fn judge_rules(&mut self, lease: Lease<usize>, site: usize, mut attempt: Attempt) {
        let config = self.world.config.robots.as_ref().expect("robots.txt is obeyed");
        let answered = matches!(&attempt.head, Some(head) if head.status == 200);
        let elsewhere = self.world.sites[site].robots_at.filter(|&to| answered && to != site);
        if let Some(to) = elsewhere.filter(|_| lease.host() == &self.keys[site]) {
            let url = Url::parse(self.keys[to].as_str()).expect("a host key begins a URL");
            attempt.end = End::Hop(Box::new(url));
            let signal = signal(&attempt);
            let name = self.name_needed(to);
            return self.frontier.hop(lease, signal, &self.keys[to], name, self.now);
        }
        let signal = signal(&attempt);
        let (retry, failed) = (&self.world.config.retry, self.rules[site].1);
        let read = robots::read(&attempt, failed, &config.agent, retry, self.now, &mut self.rng);
        match read {
            Reading::Again { at, spends } => {
                self.rules[site].1 += u32::from(spends == Spends::Retry);
                self.frontier.retry(lease, signal, at, spends, self.now);
            }
            Reading::Hop => {
                let End::Hop(url) = &attempt.end else { unreachable!("only a hop hops") };
                let to = HostKey::of(url).expect("it is http");
                let name = self.name_needed(self.numbers[&to]);
                self.frontier.hop(lease, signal, &to, name, self.now);
            }
            Reading::Known(_) => {
                let finishing = self.frontier.release(lease, signal, self.now);
                self.settle_rules(finishing);
                self.rules[site] = (true, 0);
                self.frontier.rules_known(&self.keys[site], None, self.now);
            }
            Reading::Unreachable(failure) => {
                let finishing = self.frontier.release(lease, signal, self.now);
                self.settle_rules(finishing);
                self.rules[site].1 = 0;
                self.frontier.rules_failed(&self.keys[site], failure, self.now);
            }
        }
    }

    fn record(&mut self, finishing: Finishing<usize>, outcome: Outcome) {
        let n = *finishing.payload();
        if self.world.disk.is_some() {
            return self.write_later(n, Some(finishing), outcome);
        }
        let takes = self.rng.u64(0..=self.world.record_ms_max);
        self.finishing.insert(n, (finishing, told(&outcome)));
        self.schedule(Duration::from_millis(takes), Event::Recorded(n));
    }

    fn attempt(&self, reply: Reply) -> Attempt {
        let failed = |kind| End::Failed(Failure::new(kind, "simulated"));
        let (end, head) = match reply {
            Reply::Status(status, retry_after) => {
                let retry_after = retry_after.map(|delay| RetryAfter { delay });
                (End::Complete, Some(Head { status, retry_after, ..Head::default() }))
            }
            Reply::Elsewhere(site) => {
                let url = Url::parse(self.keys[site].as_str()).expect("a host key begins a URL");
                (End::Hop(Box::new(url)), Some(Head { status: 302, ..Head::default() }))
            }
            Reply::Silence => (failed(ErrorKind::TimeoutFirstByte), None),
            Reply::Refused => (failed(ErrorKind::ConnectRefused), None),
            Reply::Reset => (failed(ErrorKind::ConnectReset), None),
        };
        // Where nothing listens nothing was sent.
        let sent = if matches!(reply, Reply::Refused) { Sent::No } else { Sent::Maybe };
        Attempt {
            url: None,
            end,
            head,
            body: BodySummary::default(),
            timings: Timings::default(),
            chain: Vec::new(),
            connection: None,
            sent,
            exchanges: Vec::new(),
        }
    }
}

/// An outcome in a word.
fn told(outcome: &Outcome) -> String {
    outcome.error().map_or("ok", |error| error.kind.as_str()).to_owned()
}

fn ms(ms: f64) -> Duration {
    Duration::from_secs_f64(ms / 1e3)
}
