//! Reading ahead: no order of the list starves a host, and nothing is lost on the way.

use gather::core::config::HostConcurrency;
use gather_testkit::{Server, Site};

use crate::bed::{bed, count, until};

#[test]
fn hosts_behind_a_long_run_of_a_slow_one_are_reached_at_once() {
    for shards in [1, 3] {
        let server = Server::start(Site::default().on_hosts(5));
        let slow = (0..20_000).map(|n| server.url_on(0, &format!("/delay/300ms?n={n}")));
        let fast = (0..200).map(|n| server.url_on(1 + n % 4, &format!("/ok?n={n}")));
        let bed = bed(slow.chain(fast)).concurrency(8).shards(shards);
        let done = bed
            .run_with(|run| {
                until("the fast hosts are done", || {
                    server.host_stats()[1..].iter().map(|host| host.hits).sum::<u64>() == 200
                });
                run.stop().now();
            })
            .expect("a stop is no error");
        let requests = server.requests();
        let last_fast = requests.iter().rposition(|request| request.host_index > 0);
        let before = requests[..last_fast.expect("200")].iter();
        let slow_before = before.filter(|request| request.host_index == 0).count();
        assert!(slow_before <= 3 * 8, "{slow_before} slow ones before the last fast one");
        assert!(done.summary.inputs >= 200);
    }
}

#[test]
fn hosts_beyond_a_window_full_of_slow_ones_get_the_idle_permits() {
    // Each slow host may have one request and holds as much of the window as one host can have.
    let (slow_hosts, quick_hosts) = (40, 4);
    for shards in [1, 3] {
        let server = Server::start(Site::default().on_hosts(slow_hosts + quick_hosts));
        let slow = (0..12_000).map(|n| server.url_on(n / 300, &format!("/crowd/9999?n={n}")));
        let quick =
            (0..200).map(|n| server.url_on(slow_hosts + n % quick_hosts, &format!("/ok?n={n}")));
        let bed = bed(slow.chain(quick))
            .concurrency(64)
            .config(|config| config.host_concurrency = HostConcurrency::Fixed(count(1)))
            .shards(shards);
        bed.run_with(|run| {
            until("the quick hosts are done", || {
                let quick = &server.host_stats()[slow_hosts..];
                quick.iter().map(|host| host.hits).sum::<u64>() == 200
            });
            run.stop().now();
        })
        .expect("a stop is no error");
    }
}

#[test]
fn every_order_of_a_list_beyond_what_is_read_ahead_arrives_whole() {
    let hosts = 20;
    for shards in [1, 3] {
        for order in ["by host", "in turn", "at random"] {
            let server = Server::start(Site::default().on_hosts(hosts));
            let seed = 4711;
            let mut rng = fastrand::Rng::with_seed(seed);
            let urls = (0..6_000).map(|n| {
                let host = match order {
                    "by host" => n / 300,
                    "in turn" => n % hosts,
                    _ => rng.usize(..hosts),
                };
                server.url_on(host, &format!("/ok?n={n}"))
            });
            let done = bed(urls).concurrency(20).shards(shards).run().all_ok(6_000);
            // On a busy machine, a probe may be given up for others, and asked again.
            let hits = server.hits();
            let once = 6_000..=6_000 + done.summary.given_up;
            assert!(once.contains(&hits), "{hits}: {order}, {shards} shards, seed {seed}");
            for record in &done.records {
                assert!(record.url.ends_with(&format!("n={}", record.n)), "{record:?}");
            }
        }
    }
}
