//! Hosts that do not answer, beside hosts that do.

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use gather::Run;
use gather::source::{Format, InputFile, InputPath};
use gather_testkit::{Dns, DnsAnswer, Mute, Refusing, Server, Site};

use crate::bed::{Pending, bed, fifo, kind, until};

#[test]
fn dead_hosts_listed_first_do_not_hold_up_the_good_ones() {
    for shards in [1, 3] {
        let mute: Vec<_> = (0..10).map(|_| Mute::start()).collect();
        let refusing: Vec<_> = (0..10).map(|_| Refusing::start()).collect();
        let server = Server::start(Site::default().on_hosts(30));
        let dead = mute.iter().map(Mute::addr).chain(refusing.iter().map(Refusing::addr));
        let dead: Vec<SocketAddr> = dead.collect();
        let dead_urls =
            dead.iter().flat_map(|addr| (0..10).map(move |n| format!("http://{addr}/{n}")));
        let good_urls = (0..600).map(|n| server.url_on(n % 30, &format!("/ok?n={n}")));
        let done = bed(dead_urls.chain(good_urls))
            .concurrency(16)
            .shards(shards)
            .config(|config| config.timeout = Duration::from_millis(1500))
            .run()
            .accounts_for(800, Pending::None);
        assert_eq!(done.count("ok"), 600);
        for record in &done.records {
            let allowed: &[&str] = match record.n {
                0..100 => &["timeout.first_byte", "host.parked"],
                100..200 => &["connect.refused", "host.parked"],
                _ => &["ok"],
            };
            assert!(allowed.contains(&kind(record)), "{record:?}");
        }
        // A silent host takes a timeout for each try: nobody else may wait for the last of them.
        let last_good = done.records.iter().rposition(|record| record.n >= 200);
        let silent = |n: u64| n < 100;
        let first_silent = done.records.iter().position(|record| silent(record.n));
        assert!(last_good < first_silent, "good ones wait: {last_good:?} {first_silent:?}");
        let tries: u64 = mute.iter().map(Mute::connections).sum();
        assert!(tries < 100, "{tries} tries of 100 targets of silent hosts");
        assert!(done.count("host.parked") > 0);
        assert_eq!(done.summary.hosts_in_trouble, 20, "{:?}", done.summary.hosts);
        assert!(done.summary.hosts.iter().all(|host| host.parked > 0 && host.parked_for > 0.0));
    }
}

#[test]
fn a_silent_host_read_first_leaves_permits_to_those_read_later() {
    // Shards, and the most that a host without an answer may have of 24 permits while nobody has
    // answered: all but the eighth kept for what is not read yet, of those that are the shard's.
    for (shards, most) in [(1, 21), (3, 7)] {
        let server = Server::start(Site::default().on_hosts(9));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let list = fifo(&folder);
        let mut bed = bed([""; 0]).concurrency(24).shards(shards);
        bed.options.config.timeout = Duration::from_secs(120);
        let path = InputPath::File(list.clone());
        bed.options.source.files.push(InputFile { path, format: Format::List });
        // Opening a pipe for reading waits for whoever writes it.
        let writer = File::options().read(true).write(true).open(&list);
        let mut writer = writer.expect("it is there");
        let silent = || server.host_stats()[0].in_flight_max;
        let meanwhile = |run: &Run| {
            let mut write = |host: usize, count: usize| {
                let path = if host == 0 { "silent" } else { "crowd/9999" };
                for n in 0..count {
                    writeln!(writer, "{}", server.url_on(host, &format!("/{path}?n={n}")))
                        .expect("it is read");
                }
                writer.flush().expect("it is read");
            };
            write(0, 100);
            until("the silent host has nearly all it may have", || silent() >= 5);
            (1..9).for_each(|host| write(host, 5));
            let asked = || server.host_stats()[1..].iter().any(|host| host.hits > 0);
            until("another host is asked", asked);
            assert!(silent() <= most, "{} in {shards} shards", silent());
            server.let_go();
            until("all others have answered", || run.live().snapshot().ok == 40);
            assert!(silent() <= 21, "{} in {shards} shards", silent());
            run.stop().now();
        };
        let done = bed.run_with(meanwhile).expect("a stop is no error");
        assert_eq!(done.count("ok"), 40, "{shards} shards");
    }
}

#[test]
fn names_that_do_not_exist_or_time_out_hold_no_permit() {
    let server = Server::start(Site::default());
    let ip = server.addr().ip();
    let dns = Dns::start(move |query| match query.name.as_str() {
        name if name.starts_with("good") => DnsAnswer::Addrs(vec![ip], 60),
        name if name.starts_with("mute") => DnsAnswer::Silent,
        _ => DnsAnswer::NxDomain,
    });
    let port = server.addr().port();
    let names =
        |name: &'static str| (0..20).map(move |n| format!("http://{name}{n}.test:{port}/ok"));
    let urls = names("mute").chain(names("none")).chain(names("good"));
    let mut bed = bed(urls).concurrency(2).config(|config| config.retry.retries = 0);
    bed.options.client.net.dns_servers = vec![dns.addr()];
    let done = bed.run().accounts_for(60, Pending::None);
    for record in &done.records {
        let expected = match record.n {
            0..20 => "timeout.dns",
            20..40 => "dns.not_found",
            _ => "ok",
        };
        assert_eq!(kind(record), expected, "{record:?}");
        assert_eq!(record.attempts, u32::from(expected == "ok"), "{record:?}");
    }
    let last_good = done.records.iter().rposition(|record| record.n >= 40);
    let first_mute = done.records.iter().position(|record| record.n < 20);
    assert!(last_good < first_mute, "names that time out held others up");
}
