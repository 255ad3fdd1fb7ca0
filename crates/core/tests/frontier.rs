//! The frontier, one rule at a time.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use gather_core::config::{HostConcurrency, HostConfig, Rate, RobotsConfig};
use gather_core::frontier::{
    Finishing, HostEvent, Lease, NameNeeded, Next, Reading, Role, Signal, Spends, Withdraw,
};
use gather_core::{Config, Duration, ErrorKind, Failure, Frontier, HostKey, Scheme, Time};

fn at(ms: u64) -> Time {
    Time::from_millis(ms)
}

fn key(name: &str) -> HostKey {
    HostKey::new(Scheme::Http, name, 80)
}

fn config(concurrency: u32, host_concurrency: HostConcurrency) -> Config {
    let concurrency = NonZeroU32::new(concurrency).expect("not zero");
    Config { concurrency, host_concurrency, ..Config::default() }
}

/// A frontier with these hosts, each with so many targets.
fn frontier(config: &Config, reading: Reading, hosts: &[(&str, u32)]) -> Frontier<u32> {
    let mut frontier = Frontier::new(config);
    frontier.set_withdraw(|_| Withdraw::Allowed);
    frontier.set_reading(reading);
    for (host, count) in hosts {
        for n in 0..*count {
            frontier.admit(&key(host), n, NameNeeded::No, Time::ZERO);
        }
    }
    frontier
}

/// All leases to be had at once.
fn leases(frontier: &mut Frontier<u32>, now: Time) -> Vec<Lease<u32>> {
    let mut leases = Vec::new();
    while let Next::Lease(lease) = frontier.next(now) {
        leases.push(lease);
    }
    assert!(frontier.counts().balanced());
    leases
}

/// How many leases each host gets at once.
fn granted(frontier: &mut Frontier<u32>, now: Time) -> String {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for lease in leases(frontier, now) {
        *counts.entry(lease.host().host().to_owned()).or_default() += 1;
    }
    counts.iter().map(|(host, n)| format!("{host} {n}")).collect::<Vec<_>>().join(", ")
}

fn finish(frontier: &mut Frontier<u32>, lease: Lease<u32>, signal: Signal, now: Time) {
    let finishing = frontier.release(lease, signal, now);
    frontier.settle(finishing);
}

fn ended(frontier: &mut Frontier<u32>) -> Vec<(u32, ErrorKind)> {
    let mut all = Vec::new();
    while let Some((finishing, failure)) = frontier.next_ended() {
        all.push((frontier.settle(finishing), failure.kind));
    }
    assert!(frontier.counts().balanced());
    all
}

#[test]
fn what_hosts_get_at_the_start() {
    let check = |config: &Config, reading, hosts: &[(&str, u32)], expected: &str| {
        let mut frontier = frontier(config, reading, hosts);
        assert_eq!(granted(&mut frontier, Time::ZERO), expected, "{hosts:?}");
    };
    let (base, share) = (HostConcurrency::Base, HostConcurrency::Share);
    let fixed = HostConcurrency::Fixed(NonZeroU32::new(2).expect("not zero"));
    let (done, more) = (Reading::Done, Reading::More);
    check(&config(50, base), done, &[("a", 100)], "a 4");
    check(&config(50, fixed), done, &[("a", 100)], "a 2");
    check(&config(50, share), done, &[("a", 100)], "a 50");
    check(&config(50, share), more, &[("a", 100)], "a 43");
    check(&config(1, share), more, &[("a", 100)], "a 1");
    check(&config(50, share), done, &[("a", 100), ("b", 100)], "a 25, b 25");
    check(&config(50, share), done, &[("a", 100), ("b", 3)], "a 25, b 3");
    check(&config(3, share), done, &[("a", 9), ("b", 9), ("c", 9)], "a 1, b 1, c 1");
    let mut own = config(50, share);
    let cap = |n| HostConfig { concurrency: NonZeroU32::new(n), rate: None };
    own.hosts.insert("a".to_owned(), cap(7));
    own.hosts.insert("b".to_owned(), cap(9));
    own.hosts.insert("b:80".to_owned(), cap(5));
    check(&own, done, &[("a", 100), ("b", 100)], "a 7, b 5");
}

#[test]
fn a_rate_spaces_requests_evenly() {
    let mut config = config(50, HostConcurrency::Share);
    config.host_rate = Rate::new(10.0, Duration::from_secs(1));
    let mut frontier = frontier(&config, Reading::Done, &[("a", 9)]);
    for n in 0..5 {
        assert_eq!(granted(&mut frontier, at(100 * n)), "a 1", "at {n}");
        let Next::At(next) = frontier.next(at(100 * n)) else { panic!("it has to wait") };
        assert_eq!(next, at(100 * (n + 1)));
    }
}

#[test]
fn names_come_before_permits() {
    let mut frontier: Frontier<u32> = Frontier::new(&config(50, HostConcurrency::Base));
    for (n, host) in ["good", "gone", "later"].iter().enumerate() {
        frontier.admit(&key(host), n as u32, NameNeeded::Yes, Time::ZERO);
    }
    assert!(matches!(frontier.next(Time::ZERO), Next::Full));
    let asked: Vec<HostKey> = std::iter::from_fn(|| frontier.next_name(Time::ZERO)).collect();
    assert_eq!(asked, [key("good"), key("gone"), key("later")]);
    frontier.name_resolved(&key("good"), at(1));
    assert_eq!(granted(&mut frontier, at(1)), "good 1");
    frontier.name_failed(&key("gone"), Failure::new(ErrorKind::DnsNotFound, "no"), at(1));
    assert_eq!(ended(&mut frontier), [(1, ErrorKind::DnsNotFound)]);
    // One that may come back is asked for again, as often as `retries` says.
    let mut now = at(1);
    for _ in 0..2 {
        frontier.name_failed(&key("later"), Failure::new(ErrorKind::TimeoutDns, "no"), now);
        assert_eq!(frontier.next_name(now), None);
        let Next::At(again) = frontier.next(now) else { panic!("its backoff ends") };
        now = again;
        assert_eq!(frontier.next_name(now), Some(key("later")));
    }
    frontier.name_failed(&key("later"), Failure::new(ErrorKind::TimeoutDns, "no"), now);
    assert_eq!(ended(&mut frontier), [(2, ErrorKind::TimeoutDns)]);
    // What comes for a failed name soon after ends at once.
    frontier.admit(&key("gone"), 3, NameNeeded::Yes, now);
    assert_eq!(ended(&mut frontier), [(3, ErrorKind::DnsNotFound)]);
}

#[test]
fn a_refusal_closes_the_host_for_all_and_its_target_goes_first() {
    let mut frontier = frontier(&config(2, HostConcurrency::Share), Reading::Done, &[("a", 5)]);
    let mut out = leases(&mut frontier, Time::ZERO);
    let late = out.pop().expect("two");
    let first = out.pop().expect("two");
    let refused = Signal::RateLimited { retry_after: Some(Duration::from_secs(2)) };
    frontier.retry(first, refused, at(10), Spends::Nothing, at(10));
    assert!(matches!(frontier.next(at(10)), Next::At(next) if next == at(2010)));
    // The later deadline counts, but it is the same closure.
    frontier.retry(late, refused, at(30), Spends::Nothing, at(30));
    assert!(matches!(frontier.next(at(30)), Next::At(next) if next == at(2030)));
    let events: Vec<HostEvent> = std::iter::from_fn(|| frontier.next_event()).collect();
    assert_eq!(events.len(), 1, "{events:?}");
    let probe = leases(&mut frontier, at(2030));
    assert_eq!(probe.len(), 1);
    assert_eq!((*probe[0].payload(), probe[0].attempts(), probe[0].retries_spent()), (1, 2, 0));
}

#[test]
fn a_pause_that_is_too_long_ends_the_targets() {
    let check = |max_s, asked_s: Option<u64>| {
        let mut config = config(1, HostConcurrency::Share);
        config.retry.retry_after_max = Duration::from_secs(max_s);
        let mut frontier = frontier(&config, Reading::Done, &[("a", 3)]);
        let lease = leases(&mut frontier, Time::ZERO).remove(0);
        let refused = Signal::RateLimited { retry_after: asked_s.map(Duration::from_secs) };
        finish(&mut frontier, lease, refused, at(1));
        let limited = ErrorKind::HttpRateLimited;
        assert_eq!(ended(&mut frontier), [(1, limited), (2, limited)], "{max_s} {asked_s:?}");
        assert!(matches!(frontier.next(at(2)), Next::Empty));
    };
    check(300, Some(301));
    // Zero: one that refuses is not waited for at all.
    check(0, Some(1));
    check(0, None);
}

#[test]
fn a_dead_host_is_given_up_and_each_target_keeps_its_own_reason() {
    let mut frontier = frontier(&config(1, HostConcurrency::Share), Reading::Done, &[("a", 3)]);
    let mut now = Time::ZERO;
    while frontier.counts().waiting > 0 {
        if let Some((finishing, failure)) = frontier.next_ended() {
            let expected = if finishing.attempts() == 0 {
                ErrorKind::HostParked
            } else {
                ErrorKind::ConnectRefused
            };
            assert_eq!(failure.kind, expected, "{}", failure.message);
            frontier.settle(finishing);
            continue;
        }
        match frontier.next(now) {
            Next::Lease(mut lease) => {
                lease.remember(Failure::new(ErrorKind::ConnectRefused, "nothing listens"));
                let later = now + Duration::from_secs(100);
                frontier.retry(lease, Signal::NoConnection, later, Spends::Retry, now);
            }
            Next::At(next) => now = next,
            other => panic!("{other:?}"),
        }
        assert!(frontier.counts().balanced());
    }
    assert_eq!(frontier.counts().settled, 3);
}

#[test]
fn hops_and_withdrawn_tries_are_not_lost() {
    let mut frontier = frontier(&config(4, HostConcurrency::Base), Reading::Done, &[("a", 2)]);
    let mut out = leases(&mut frontier, Time::ZERO);
    frontier.put_back(out.pop().expect("two"), at(1));
    frontier.hop(out.pop().expect("two"), Signal::Answered, &key("b"), NameNeeded::Yes, at(1));
    assert_eq!((frontier.host_waiting(&key("a")), frontier.host_waiting(&key("b"))), (1, 1));
    assert_eq!(frontier.next_name(at(1)), Some(key("b")));
    frontier.name_resolved(&key("b"), at(2));
    for lease in leases(&mut frontier, at(2)) {
        let expected = if lease.host() == &key("b") { 2 } else { 1 };
        assert_eq!(lease.attempts(), expected, "{}", lease.host());
        finish(&mut frontier, lease, Signal::Answered, at(3));
    }
    assert_eq!(frontier.counts().settled, 2);
}

#[test]
fn waiting_targets_can_be_cancelled_whatever_they_wait_for() {
    let mut frontier =
        frontier(&config(2, HostConcurrency::Base), Reading::More, &[("a", 3), ("b", 3)]);
    frontier.admit(&key("c"), 7, NameNeeded::Yes, Time::ZERO);
    for lease in leases(&mut frontier, Time::ZERO) {
        frontier.retry(lease, Signal::NoAnswer, at(5000), Spends::Retry, at(1));
    }
    let all: Vec<Finishing<u32>> = std::iter::from_fn(|| frontier.cancel_waiting()).collect();
    assert_eq!(all.len(), 7);
    assert!(matches!(frontier.next(at(1)), Next::Empty));
    for finishing in all {
        frontier.settle(finishing);
    }
    assert!(frontier.counts().balanced() && frontier.counts().settled == 7);
}

#[test]
fn the_retry_budget_of_a_host_is_twenty_and_a_tenth() {
    let mut frontier = frontier(&config(1, HostConcurrency::Share), Reading::Done, &[("a", 50)]);
    let mut spent = 0;
    loop {
        let lease = leases(&mut frontier, Time::ZERO).remove(0);
        if !frontier.may_retry(&lease) {
            break;
        }
        spent += 1;
        frontier.retry(lease, Signal::Broken, Time::ZERO, Spends::Retry, Time::ZERO);
    }
    assert_eq!(spent, 25);
}

#[test]
fn targets_that_nobody_wants_leave_their_queues() {
    let config = config(4, HostConcurrency::Base);
    let check = |name: &str, is_taken: fn(&u32) -> bool, want: &[u32]| {
        let mut frontier = frontier(&config, Reading::Done, &[("a", 5), ("b", 2)]);
        // One of them waits for its retry, one is in flight.
        let mut leased = leases(&mut frontier, Time::ZERO);
        let retried = leased.remove(0);
        frontier.retry(retried, Signal::Answered, at(5_000), Spends::Retry, at(1));
        let waiting = frontier.counts().waiting;
        let taken = frontier.take_waiting(is_taken, at(1));
        let mut numbers: Vec<_> = taken.iter().map(|finishing| *finishing.payload()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, want, "{name}");
        assert_eq!(frontier.counts().waiting, waiting - want.len() as u64, "{name}");
        assert!(frontier.counts().balanced(), "{name}");
        for finishing in taken {
            frontier.settle(finishing);
        }
        for lease in leased {
            finish(&mut frontier, lease, Signal::Answered, at(2));
        }
        while let Next::Lease(lease) = frontier.next(at(10_000)) {
            finish(&mut frontier, lease, Signal::Answered, at(10_000));
        }
        let counts = frontier.counts();
        assert_eq!(counts.settled, 7, "{name}: the others are still fetched: {counts:?}");
    };
    check("none", |_| false, &[]);
    check("all", |_| true, &[0, 2, 3, 4]);
    check("some", |n| *n == 3, &[3]);
}

/// The number under which these tests ask for a robots.txt.
const RULES: u32 = 1000;

/// As [`frontier`], where robots.txt is obeyed and those of all hosts were asked for.
fn obedient(hosts: &[(&str, u32)]) -> Frontier<u32> {
    let mut config = config(50, HostConcurrency::Base);
    config.robots = Some(RobotsConfig::of("gather"));
    let mut frontier = frontier(&config, Reading::Done, hosts);
    for (host, _) in hosts {
        assert_eq!(frontier.next_unruled(), Some(key(host)));
        frontier.admit_rules(&key(host), RULES, NameNeeded::No, Time::ZERO);
    }
    assert_eq!(frontier.next_unruled(), None);
    frontier
}

fn only(mut leases: Vec<Lease<u32>>) -> Lease<u32> {
    assert_eq!(leases.len(), 1, "{leases:?}");
    leases.remove(0)
}

#[test]
fn robots_txt_comes_before_the_targets_of_its_host() {
    let mut frontier = obedient(&[("a", 9)]);
    let lease = only(leases(&mut frontier, at(0)));
    assert_eq!((*lease.payload(), lease.role()), (RULES, Role::Rules));
    // Tried again, and put back: still nothing else goes.
    frontier.retry(lease, Signal::Broken, at(500), Spends::Retry, at(10));
    assert!(matches!(frontier.next(at(10)), Next::At(when) if when == at(500)));
    let lease = only(leases(&mut frontier, at(500)));
    frontier.put_back(lease, at(510));
    let lease = only(leases(&mut frontier, at(510)));
    assert_eq!(lease.role(), Role::Rules);
    finish(&mut frontier, lease, Signal::Answered, at(520));
    assert_eq!(granted(&mut frontier, at(520)), "");
    frontier.rules_known(&key("a"), None, at(520));
    assert_eq!(granted(&mut frontier, at(520)), "a 4");
    // A host is asked for its rules once.
    frontier.admit(&key("a"), 9, NameNeeded::No, at(530));
    assert_eq!(frontier.next_unruled(), None);
    frontier.rules_forgotten(&key("a"), at(540));
    assert_eq!(frontier.next_unruled(), Some(key("a")));
}

#[test]
fn a_crawl_delay_is_the_interval_of_its_host_within_a_limit() {
    let asked = Duration::from_secs;
    for (delay, expected_s) in [(asked(2), 2), (asked(3_600), 60)] {
        let mut frontier = obedient(&[("a", 9)]);
        let lease = only(leases(&mut frontier, at(0)));
        finish(&mut frontier, lease, Signal::Answered, at(10));
        frontier.rules_known(&key("a"), Some(delay), at(10));
        assert_eq!(granted(&mut frontier, at(10)), "a 1");
        let next = frontier.next(at(10));
        assert!(matches!(next, Next::At(when) if when == at(10 + 1000 * expected_s)), "{next:?}");
    }
}

#[test]
fn what_waits_for_a_robots_txt_that_cannot_be_had_ends() {
    let mut frontier = obedient(&[("a", 2)]);
    let lease = only(leases(&mut frontier, at(0)));
    finish(&mut frontier, lease, Signal::Answered, at(10));
    let kind = ErrorKind::BlockedRobotsUnreachable;
    frontier.rules_failed(&key("a"), Failure::new(kind, "status 500"), at(10));
    assert_eq!(ended(&mut frontier), [(0, kind), (1, kind)]);
    // What comes soon after ends, too; later it is asked for again.
    frontier.admit(&key("a"), 7, NameNeeded::No, at(1_000));
    assert_eq!(ended(&mut frontier), [(7, kind)]);
    assert_eq!(frontier.next_unruled(), None);
    frontier.admit(&key("a"), 8, NameNeeded::No, at(100_000));
    assert_eq!(ended(&mut frontier), []);
    assert_eq!(frontier.next_unruled(), Some(key("a")));
}

#[test]
fn redirected_robots_txt_wait_for_no_rules_but_for_politeness() {
    // Each is led to the other host: neither waits for the other one's rules.
    let mut frontier = obedient(&[("a", 1), ("b", 1)]);
    for lease in leases(&mut frontier, at(0)) {
        let to = if lease.host() == &key("a") { key("b") } else { key("a") };
        frontier.hop(lease, Signal::Answered, &to, NameNeeded::No, at(10));
    }
    let both = leases(&mut frontier, at(10));
    assert_eq!(both.iter().map(Lease::role).collect::<Vec<_>>(), [Role::Rules; 2]);
    for lease in both {
        finish(&mut frontier, lease, Signal::Answered, at(20));
    }
    frontier.rules_known(&key("a"), None, at(20));
    assert_eq!(granted(&mut frontier, at(20)), "a 1");
    frontier.rules_known(&key("b"), None, at(20));
    assert_eq!(granted(&mut frontier, at(20)), "b 1");
}

#[test]
fn what_is_led_to_a_host_without_rules_of_its_own_is_still_asked_for() {
    let mut frontier = obedient(&[("a", 1), ("b", 1)]);
    let kind = ErrorKind::BlockedRobotsUnreachable;
    let (its_own, led): (Vec<_>, Vec<_>) =
        leases(&mut frontier, at(0)).into_iter().partition(|lease| lease.host() == &key("b"));
    // One that waits there as its own cannot be had.
    frontier.hop(only(led), Signal::Answered, &key("b"), NameNeeded::No, at(5));
    finish(&mut frontier, only(its_own), Signal::Answered, at(10));
    frontier.rules_failed(&key("b"), Failure::new(kind, "status 500"), at(10));
    // Only the target of `b` ends; what waited there for `a` goes, and so does what comes later.
    let first = only(leases(&mut frontier, at(20)));
    assert_eq!((first.host(), first.role()), (&key("b"), Role::Rules));
    assert_eq!(ended(&mut frontier), [(0, kind)]);
    frontier.retry(first, Signal::Broken, at(30), Spends::Retry, at(20));
    frontier.admit(&key("b"), 7, NameNeeded::No, at(25));
    assert_eq!(ended(&mut frontier), [(7, kind)]);
    let again = only(leases(&mut frontier, at(30)));
    finish(&mut frontier, again, Signal::Answered, at(40));
    frontier.rules_known(&key("a"), None, at(40));
    assert_eq!(granted(&mut frontier, at(40)), "a 1");
    assert!(frontier.counts().balanced());
}

#[test]
fn a_refused_target_only_leaves() {
    let mut frontier = obedient(&[("a", 3)]);
    let taken = frontier.take_waiting_of(&key("a"), |n| *n == 1, at(0));
    let refused = frontier.refuse(&key("a"), 5, at(0));
    let settled: Vec<u32> =
        taken.into_iter().chain([refused]).map(|gone| frontier.settle(gone)).collect();
    assert_eq!(settled, [1, 5]);
    assert_eq!(frontier.host_waiting(&key("a")), 3);
    assert!(frontier.counts().balanced());
}
