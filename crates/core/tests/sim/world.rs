//! A discrete-event world: servers on one side, the real frontier and `classify` on the other.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};

use fastrand::Rng;
use gather_core::attempt::{BodySummary, Head, RetryAfter};
use gather_core::classify::{Budget, Context, Step, classify, conclude, signal};
use gather_core::frontier::{
    Finishing, HostEvent, HostTrust, Lease, LeaseId, NameNeeded, Next, Reading as Input, Role,
    Spends, Withdraw,
};
use gather_core::robots::{self, Reading};
use gather_core::{
    Attempt, Config, Duration, End, ErrorKind, Failure, Frontier, HostKey, Method, Outcome, Scheme,
    Sent, Time, Timings,
};
use url::Url;

use crate::server::{Reply, Server};

/// One host of the world.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) server: Server,
    /// To the server and back, in milliseconds: from and to.
    pub(crate) latency: (f64, f64),
    /// The part of the latency before the server decides; the rest comes after it.
    pub(crate) way: f64,
    /// Its name is looked up, which takes so long and fails so.
    pub(crate) name: Option<(Duration, Option<ErrorKind>)>,
    /// The site that its robots.txt is redirected to.
    pub(crate) robots_at: Option<usize>,
}

impl Site {
    pub(crate) fn new(server: Server, latency_ms: f64) -> Self {
        let latency = (latency_ms, latency_ms);
        Self { server, latency, way: 0.5, name: None, robots_at: None }
    }
}

/// What happens in the world.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrival(LeaseId, usize),
    Response(LeaseId),
    Named(usize),
    Recorded(usize),
}

/// What a run came to.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) outcomes: Vec<Option<(String, Time)>>,
    pub(crate) requests: u64,
    pub(crate) host_requests: Vec<u64>,
    pub(crate) given_up: u64,
    pub(crate) events: Vec<HostEvent>,
    pub(crate) ended_at: Time,
    pub(crate) host_in_flight_max: Vec<u32>,
    pub(crate) host_gap_min: Vec<Duration>,
}

impl Report {
    pub(crate) fn seconds(&self) -> f64 {
        self.ended_at.as_nanos() as f64 / 1e9
    }

    /// When the last (or first) of these targets ended, in seconds.
    pub(crate) fn last(&self, range: impl Iterator<Item = usize>) -> f64 {
        range.map(|n| self.at(n)).fold(0.0, f64::max)
    }

    pub(crate) fn first(&self, range: impl Iterator<Item = usize>) -> f64 {
        range.map(|n| self.at(n)).fold(f64::INFINITY, f64::min)
    }

    pub(crate) fn count(&self, outcome: &str) -> usize {
        self.outcomes.iter().flatten().filter(|(told, _)| told == outcome).count()
    }

    pub(crate) fn told(&self) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (outcome, _) in self.outcomes.iter().flatten() {
            *counts.entry(outcome).or_default() += 1;
        }
        counts.iter().map(|(k, v)| format!("{k} {v}")).collect::<Vec<_>>().join(", ")
    }

    fn at(&self, n: usize) -> f64 {
        self.outcomes[n].as_ref().expect("every target ended").1.as_nanos() as f64 / 1e9
    }
}

/// A run to be simulated.
pub(crate) struct World {
    pub(crate) config: Config,
    pub(crate) sites: Vec<Site>,
    /// Targets, by their site.
    pub(crate) targets: Vec<usize>,
    /// At most so many wait in the frontier before more are read.
    pub(crate) window: usize,
    /// Records take up to this long to be written.
    pub(crate) record_ms_max: u64,
    /// Permits change at random.
    pub(crate) shaky_permits: bool,
    pub(crate) trust: HostTrust,
    pub(crate) seed: u64,
}

impl World {
    pub(crate) fn new(config: Config, seed: u64) -> Self {
        let config = Config { seed, ..config };
        Self {
            config,
            sites: Vec::new(),
            targets: Vec::new(),
            window: usize::MAX,
            record_ms_max: 0,
            shaky_permits: false,
            trust: HostTrust::Earned,
            seed,
        }
    }

    /// Adds `hosts` alike and returns their numbers.
    pub(crate) fn add(&mut self, hosts: usize, site: &Site) -> std::ops::Range<usize> {
        let first = self.sites.len();
        self.sites.resize(first + hosts, site.clone());
        first..first + hosts
    }

    pub(crate) fn run(self) -> Report {
        let mut run = Run::new(self);
        run.go_on_to_the_end();
        run.report
    }
}

struct Run {
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
    rules_settled: usize,
    permits: u32,
    report: Report,
}

impl Run {
    fn new(world: World) -> Self {
        let keys: Vec<HostKey> = (0..world.sites.len())
            .map(|i| HostKey::new(Scheme::Http, &format!("h{i}.example"), 80))
            .collect();
        let numbers = keys.iter().cloned().enumerate().map(|(i, key)| (key, i)).collect();
        let mut frontier = Frontier::new(&world.config);
        frontier.set_withdraw(|_| Withdraw::Allowed);
        frontier.set_trust(world.trust);
        Self {
            keys,
            numbers,
            frontier,
            rng: Rng::with_seed(world.seed ^ 0x5eed),
            now: Time::ZERO,
            order: 0,
            events: BinaryHeap::new(),
            leases: HashMap::new(),
            finishing: HashMap::new(),
            unread: (0..world.targets.len()).collect(),
            in_flight: vec![0; world.sites.len()],
            sent_at: vec![None; world.sites.len()],
            rules: vec![(world.config.robots.is_none(), 0); world.sites.len()],
            rules_settled: 0,
            permits: world.config.concurrency.get(),
            report: Report {
                outcomes: vec![None; world.targets.len()],
                host_requests: vec![0; world.sites.len()],
                host_in_flight_max: vec![0; world.sites.len()],
                host_gap_min: vec![Duration::MAX; world.sites.len()],
                ..Report::default()
            },
            world,
        }
    }

    fn go_on_to_the_end(&mut self) {
        let mut steps = 0_u64;
        loop {
            let wake = self.work();
            steps += 1;
            assert!(steps < 20_000_000, "no end in sight at {:?}", self.now);
            let event = self.events.peek().map_or(Time::NEVER, |Reverse((at, ..))| *at);
            let next = event.min(wake);
            if next == Time::NEVER {
                break;
            }
            assert!(next > self.now || event <= self.now, "time stands still at {:?}", self.now);
            self.now = next;
            assert!(self.now < Time::from_millis(86_400_000), "more than a day");
            while let Some(Reverse((at, ..))) = self.events.peek() {
                if *at > self.now {
                    break;
                }
                let Reverse((_, _, event)) = self.events.pop().expect("peeked");
                self.happen(event);
                self.check();
            }
        }
        let counts = self.frontier.counts();
        let ended = self.world.targets.len() + self.rules_settled;
        assert_eq!(counts.settled as usize, ended, "{counts:?}");
        assert!(self.report.outcomes.iter().all(Option::is_some));
        self.report.ended_at = self.now;
    }

    fn check(&self) {
        let counts = self.frontier.counts();
        assert!(counts.balanced(), "{counts:?}");
        assert_eq!(counts.leased as usize, self.leases.len());
        assert_eq!(counts.finishing as usize, self.finishing.len());
    }

    fn schedule(&mut self, after: Duration, event: Event) {
        self.order += 1;
        self.events.push(Reverse((self.now + after, self.order, event)));
    }

    /// What an engine does between two events; returns when it wants to be woken.
    fn work(&mut self) -> Time {
        self.read();
        while let Some(host) = self.frontier.next_name(self.now) {
            let site = self.numbers[&host];
            let took = self.world.sites[site].name.expect("was said to need it").0;
            self.schedule(took, Event::Named(site));
        }
        loop {
            while let Some((finishing, failure)) = self.frontier.next_ended() {
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
            self.read();
            if let Some(id) = self.frontier.give_up(self.now) {
                let (lease, _) = self.leases.remove(&id).expect("only a lease is given up");
                self.in_flight[self.numbers[lease.host()]] -= 1;
                self.frontier.put_back(lease, self.now);
                self.report.given_up += 1;
                continue;
            }
            match self.frontier.next(self.now) {
                Next::Lease(lease) => self.send(lease),
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

    fn read(&mut self) {
        while (self.frontier.counts().waiting as usize) < self.world.window {
            let Some(n) = self.unread.pop_front() else {
                self.frontier.set_reading(Input::Done);
                return;
            };
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

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrival(id, site) => {
                let reply = self.world.sites[site].server.reply(self.now, &mut self.rng);
                let Some((lease, slot)) = self.leases.get_mut(&id) else { return };
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
            Event::Response(id) => {
                if let Some((lease, reply)) = self.leases.remove(&id) {
                    self.judge(lease, reply.expect("it arrived"));
                }
            }
            Event::Named(site) => {
                let failed = self.world.sites[site].name.expect("was looked up").1;
                match failed {
                    None => self.frontier.name_resolved(&self.keys[site], self.now),
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
    }

    fn judge(&mut self, mut lease: Lease<usize>, reply: Reply) {
        let attempt = attempt(reply);
        self.in_flight[self.numbers[lease.host()]] -= 1;
        if let Some(site) = self.site_of_rules(*lease.payload()) {
            return self.judge_rules(lease, site, attempt);
        }
        let budget = if self.frontier.may_retry(&lease) { Budget::Left } else { Budget::Spent };
        let context = Context {
            config: &self.world.config,
            method: &Method::GET,
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
            Step::Hop => unreachable!("no server here redirects"),
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
            Reading::Hop => unreachable!("a hop was taken above"),
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
        let told = match outcome.error() {
            None => "ok".to_owned(),
            Some(error) => error.kind.as_str().to_owned(),
        };
        let takes = self.rng.u64(0..=self.world.record_ms_max);
        self.finishing.insert(n, (finishing, told));
        self.schedule(Duration::from_millis(takes), Event::Recorded(n));
    }
}

fn ms(ms: f64) -> Duration {
    Duration::from_secs_f64(ms / 1e3)
}

fn attempt(reply: Reply) -> Attempt {
    let failed = |kind| End::Failed(Failure::new(kind, "simulated"));
    let (end, head) = match reply {
        Reply::Status(status, retry_after) => {
            let retry_after = retry_after.map(|delay| RetryAfter { delay });
            (End::Complete, Some(Head { status, retry_after, ..Head::default() }))
        }
        Reply::Silence => (failed(ErrorKind::TimeoutFirstByte), None),
        Reply::Refused => (failed(ErrorKind::ConnectRefused), None),
        Reply::Reset => (failed(ErrorKind::ConnectReset), None),
    };
    Attempt {
        url: None,
        end,
        head,
        body: BodySummary::default(),
        timings: Timings::default(),
        chain: Vec::new(),
        connection: None,
        sent: Sent::Maybe,
        exchanges: Vec::new(),
    }
}
