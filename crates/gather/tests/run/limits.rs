//! How much goes on at once, and how often: exact over all shards.

use gather::core::Record;
use gather::core::config::HostConcurrency;
use gather_testkit::{Server, Site};
use url::Url;

use crate::bed::{Pending, bed, count, per_second, until};

#[test]
fn the_concurrency_is_reached_and_never_passed() {
    // Concurrency, shards, hosts, targets.
    let cases = [
        (1, 1, 1, 5),
        (20, 1, 1, 200),
        (20, 1, 40, 400),
        (20, 3, 40, 400),
        (20, 3, 1, 200),
        (3, 3, 20, 60),
        (2, 3, 20, 40),
        (100, 3, 2, 500),
    ];
    for (concurrency, shards, hosts, targets) in cases {
        let server = Server::start(Site::default().on_hosts(hosts));
        // Each host answers once before it waits for the crowd: shards whose hosts are all silent
        // leave the others their share.
        let path = |n| match n < hosts {
            true => format!("/ok?n={n}"),
            false => format!("/crowd/{concurrency}?delay=60ms&n={n}"),
        };
        let urls = (0..targets).map(|n| server.url_on(n % hosts, &path(n)));
        let done = bed(urls).concurrency(concurrency).shards(shards).run().all_ok(targets);
        let reached = server.in_flight_max();
        let what = format!("{concurrency} in {shards} shards over {hosts} hosts");
        assert_eq!(reached, u64::from(concurrency), "{what}");
        assert_eq!(done.summary.concurrency.peak, concurrency, "{what}");
        assert_eq!(done.summary.concurrency.allowed, concurrency, "{what}");
    }
}

#[test]
fn permits_that_a_shard_cannot_use_go_to_the_others() {
    // Half of the hosts have long to wait for their next turn, the others could use everything.
    let server = Server::start(Site::default().on_hosts(24));
    let slow = (0..12).flat_map(|host| (0..3).map(move |n| (host, n)));
    let quick = (12..24).flat_map(|host| (0..40).map(move |n| (host, n)));
    let urls = slow
        .chain(quick)
        .map(|(host, n)| server.url_on(host, &format!("/crowd/24?delay=50ms&n={n}")));
    let mut bed = bed(urls).concurrency(24).shards(3);
    for host in 0..12 {
        let name = format!("{}", server.addrs()[host]);
        let own = gather::core::config::HostConfig { rate: per_second(1.0), concurrency: None };
        bed.options.config.hosts.insert(name, own);
    }
    bed.run().all_ok(36 + 480);
    assert_eq!(server.in_flight_max(), 24);
}

#[test]
fn one_host_gets_what_its_rule_allows() {
    use HostConcurrency::{Base, Fixed, Share};
    // The rule, hosts, and the most requests one host has at once (concurrency 24) while all of them
    // have work left: whoever remains has more to share.
    let cases = [
        (Base, 1, 4..=4),
        (Base, 8, 4..=4),
        (Fixed(count(2)), 3, 2..=2),
        (Fixed(count(7)), 1, 7..=7),
        (Share, 1, 24..=24),
        (Share, 3, 8..=12),
        (Share, 12, 4..=6),
    ];
    for (rule, hosts, allowed) in cases {
        let server = Server::start(Site::default().on_hosts(hosts));
        let urls =
            (0..400 * hosts).map(|n| server.url_on(n % hosts, &format!("/delay/40ms?n={n}")));
        let bed = bed(urls).concurrency(24).config(|c| c.host_concurrency = rule);
        let mut seen = Vec::new();
        let ended = bed.run_with(|run| {
            until("each host had more than one round", || {
                server.host_stats().iter().all(|host| host.hits >= 60)
            });
            seen = server.host_stats();
            run.stop().drain();
        });
        ended.expect("a stop is no error").accounts_for(400 * hosts, Pending::Some);
        for host in seen {
            assert!(allowed.contains(&host.in_flight_max), "{rule:?} of {hosts}: {host:?}");
        }
    }
}

/// The most requests sent within any one second, by the tries' own start: when they reach a busy
/// server says nothing of when they were sent.
fn busiest_second(records: &[Record], port: Option<u16>) -> usize {
    let url = |record: &Record| Url::parse(&record.url).expect("it was fetched");
    let of_host = |record: &&Record| port.is_none_or(|port| url(record).port() == Some(port));
    let sent = records.iter().filter(of_host).map(|record| record.timings.started_unix_us);
    let sent: Vec<u64> = sent.collect();
    let within = |start: u64| {
        let window = start..start + 1_000_000;
        sent.iter().filter(|at| window.contains(at)).count()
    };
    sent.iter().map(|start| within(*start)).max().unwrap_or(0)
}

#[test]
fn the_rate_of_all_requests_holds_in_any_second_and_is_used() {
    for shards in [1, 3] {
        let server = Server::start(Site::default().on_hosts(9));
        let urls = (0..150).map(|n| server.url_on(n % 9, &format!("/ok?n={n}")));
        let bed = bed(urls).shards(shards).config(|config| config.rate = per_second(50.0));
        let done = bed.run().all_ok(150);
        let busiest = busiest_second(&done.records, None);
        assert!((40..=53).contains(&busiest), "{busiest} in a second, {shards} shards");
        assert!(done.summary.wall >= 2.8, "150 at 50 a second: {}", done.summary.wall);
        assert_eq!(done.summary.bound.by, "rate", "{:?}", done.summary.bound);
    }
}

#[test]
fn the_rate_of_each_host_holds_in_any_second_and_is_used() {
    for shards in [1, 3] {
        let server = Server::start(Site::default().on_hosts(3));
        let urls = (0..90).map(|n| server.url_on(n % 3, &format!("/ok?n={n}")));
        let bed = bed(urls).shards(shards).config(|config| config.host_rate = per_second(20.0));
        let done = bed.run().all_ok(90);
        for host in 0..3 {
            let port = server.addrs()[host].port();
            let busiest = busiest_second(&done.records, Some(port));
            assert!((15..=22).contains(&busiest), "{busiest} in a second, {shards} shards");
        }
        assert!(done.summary.wall >= 1.4, "30 at 20 a second: {}", done.summary.wall);
        assert_eq!(done.summary.bound.by, "host_rate", "{:?}", done.summary.bound);
    }
}
