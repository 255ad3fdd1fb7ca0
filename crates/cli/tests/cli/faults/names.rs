//! Rows 21 to 23: name servers that deny, fail, are silent, go in circles, or change their mind.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gather_testkit::{Dns, DnsAnswer, DnsQuery, DnsTransport, FaultRow, Server, Site, fault_row};

use super::network::{Place, enter};
use super::{case, check, kind, records, run};
use crate::bench::Bench;

/// On `lo` of that network: not private by its form.
const PUBLIC: Ipv4Addr = Ipv4Addr::new(198, 41, 0, 4);
const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// In a network of its own, whose only name server is on this machine; says so if not there.
pub(crate) fn with_own_names(what: &str, test: &str) -> Place {
    let setup = format!(
        "ip addr add {PUBLIC}/32 dev lo && f=$(mktemp) && echo 'nameserver 127.0.0.1' > $f && \
         mount --bind $f /etc/resolv.conf && rm -f $f;"
    );
    let place = enter(test, &setup);
    if place == Place::Outside {
        eprintln!("NOT TESTED: {what}");
    }
    place
}

fn addrs(addrs: &[IpAddr]) -> DnsAnswer {
    DnsAnswer::Addrs(addrs.to_vec(), 60)
}

fn begin(row: FaultRow, test: &str) -> Option<FaultRow> {
    match with_own_names("a row of names", &format!("faults::names::{test}")) {
        Place::Inside => Some(row),
        Place::Passed => None,
        Place::Outside => {
            row.untested("needs a network of its own");
            None
        }
    }
}

#[test]
fn what_name_servers_say_has_its_kind() {
    let Some(row) = begin(fault_row!(21), "what_name_servers_say_has_its_kind") else { return };
    let server = Server::start(Site::default());
    let dns = Dns::start_on(53, |query: &DnsQuery| match query.name.as_str() {
        "good.test" => addrs(&[LOCAL]),
        "servfail.test" => DnsAnswer::ServFail,
        "refused.test" => DnsAnswer::Refused,
        "empty.test" => DnsAnswer::Empty,
        "garbage.test" => DnsAnswer::Garbage,
        "large.test" if query.transport == DnsTransport::Udp => DnsAnswer::Truncated,
        "large.test" => addrs(&[LOCAL]),
        "alias.test" => {
            DnsAnswer::Alias { to: "good.test".to_owned(), addrs: vec![LOCAL], ttl: 60 }
        }
        "loop-a.test" => DnsAnswer::Alias { to: "loop-b.test".to_owned(), addrs: vec![], ttl: 60 },
        "loop-b.test" => DnsAnswer::Alias { to: "loop-a.test".to_owned(), addrs: vec![], ttl: 60 },
        "self.test" => DnsAnswer::Alias { to: "self.test".to_owned(), addrs: vec![], ttl: 60 },
        _ => DnsAnswer::NxDomain,
    });
    let port = server.addr().port();
    let url = |name: &str| format!("http://{name}.test:{port}/ok");
    for (name, kind, tries) in [
        ("good", "ok", 1),
        ("alias", "ok", 1),
        ("large", "ok", 1),
        ("none", "dns.not_found", 0),
        ("empty", "dns.not_found", 0),
        ("servfail", "dns.temporary", 0),
        ("refused", "dns.temporary", 0),
        ("loop-a", "dns.not_found", 0),
        ("self", "dns.not_found", 0),
        ("garbage", "timeout.dns", 0),
    ] {
        check(&row, &case(name, url(name), kind, tries).with("-t 3s --retries 1"));
    }
    // What is not there is asked for once, however many want it.
    let before = dns.count("none.test");
    let list = format!("{}\n", url("none")).repeat(200);
    let ran = run(&Bench::new().with_file("urls.txt", &list), "-i urls.txt --retries 2");
    assert!(records(&ran, 200).iter().all(|record| kind(record) == "dns.not_found"));
    assert!(dns.count("none.test") - before <= 4, "{}", dns.count("none.test") - before);
    row.shown();
}

#[test]
fn a_silent_name_server_delays_nobody_else() {
    let test = "a_silent_name_server_delays_nobody_else";
    let Some(row) = begin(fault_row!(22), test) else { return };
    let server = Server::start(Site::default());
    let _dns = Dns::start_on(53, |query: &DnsQuery| match query.name.as_str() {
        name if name.starts_with("silent") => DnsAnswer::Silent,
        _ => addrs(&[LOCAL]),
    });
    let port = server.addr().port();
    let silent = (0..100).map(|n| format!("http://silent{n}.test:{port}/ok\n"));
    let good = (0..100).map(|n| format!("http://good{n}.test:{port}/ok\n"));
    let list: String = silent.chain(good).collect();
    let bench = Bench::new().with_file("urls.txt", &list);
    let ran = run(&bench, "-i urls.txt -c 4 -t 3s --retries 0");
    let first_lines: Vec<&str> = ran.stdout.lines().take(100).collect();
    for (n, record) in records(&ran, 200).iter().enumerate() {
        let expected = if n < 100 { "timeout.dns" } else { "ok" };
        assert_eq!(kind(record), expected, "{record}");
    }
    let good_first = first_lines.iter().filter(|line| line.contains("good")).count();
    assert_eq!(good_first, 100, "all good ones end before the first of the others does");
    row.kind("timeout.dns", true);
    row.shown();
}

/// UDP sockets of this network.
fn udp_sockets() -> usize {
    let lines = |path| std::fs::read_to_string(path).unwrap_or_default().lines().count();
    (lines("/proc/self/net/udp") + lines("/proc/self/net/udp6")).saturating_sub(2)
}

#[test]
fn thousands_of_names_share_few_sockets() {
    let Some(row) = begin(fault_row!(22), "thousands_of_names_share_few_sockets") else { return };
    let server = Server::start(Site::default());
    let port = server.addr().port();
    // Of a slow one nothing is asked twice meanwhile.
    for (names, answered_after) in [(2_000, 20), (300, 600)] {
        let most = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&most);
        let _dns = Dns::start_on(53, move |_: &DnsQuery| {
            seen.fetch_max(udp_sockets() as u64, Ordering::Relaxed);
            let answer = Box::new(addrs(&[LOCAL]));
            DnsAnswer::After(Duration::from_millis(answered_after), answer)
        });
        let list: String = (0..names).map(|n| format!("http://n{n}.test:{port}/ok\n")).collect();
        let bench = Bench::new().with_file("urls.txt", &list);
        let ran = run(&bench, "-i urls.txt -c 500");
        let records = records(&ran, names);
        assert!(records.iter().all(|record| kind(record) == "ok"), "{}", ran.stderr);
        // 128 lookups at once, for both families.
        let most = most.load(Ordering::Relaxed);
        assert!((1..=2 * 128 + 8).contains(&most), "{most} sockets after {answered_after} ms");
    }
    row.comes("2,000 names at once take at most 2 sockets for each of 128 lookups");
    row.shown();
}

#[test]
fn a_name_that_changes_its_mind_leads_to_no_private_address() {
    let test = "a_name_that_changes_its_mind_leads_to_no_private_address";
    let Some(row) = begin(fault_row!(23), test) else { return };
    let public =
        Server::start(Site { hosts: vec![SocketAddr::from((PUBLIC, 8080))], ..Site::default() });
    let private =
        Server::start(Site { hosts: vec![SocketAddr::new(LOCAL, 8080)], ..Site::default() });
    let turn = Mutex::new(0_u64);
    let _dns = Dns::start_on(53, move |query: &DnsQuery| {
        let mut turn = turn.lock().expect("nobody panics");
        *turn += 1;
        let both = [IpAddr::V4(PUBLIC), LOCAL];
        match query.name.as_str() {
            // One after the other, or both at once.
            "turns.test" => DnsAnswer::Addrs(vec![both[usize::from(*turn % 4 < 2)]], 0),
            _ => DnsAnswer::Addrs(both.to_vec(), 0),
        }
    });
    for name in ["turns", "both"] {
        // A new connection each time, and so a look at the name each time.
        let list: String =
            (0..40).map(|n| format!("http://{name}.test:8080/close?n={n}\n")).collect();
        let bench = Bench::new().with_file("urls.txt", &list);
        let ran = run(&bench, "-i urls.txt --addresses public --retries 1 --backoff 1ms -c 2");
        for record in records(&ran, 40) {
            let found = kind(&record);
            assert!(found == "ok" || found == "blocked.address", "{record}");
            if found == "ok" {
                assert_eq!(record["remote_ip"], PUBLIC.to_string(), "{record}");
            }
        }
    }
    assert!(public.hits() > 0);
    assert_eq!(private.connections(), 0);
    row.kind("blocked.address", false);
    row.shown();
}
