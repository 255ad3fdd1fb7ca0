//! Rows 15, 24, 25 and 27: addresses that must not, cannot, or can no longer be dialled.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::Command;

use gather_testkit::{Server, Site, Unreachable, fault_row};

use super::{case, check, kind, records, run};
use crate::bench::Bench;

/// Set where this process runs in the network that its test made.
const INSIDE: &str = "GATHER_TEST_NETWORK";
/// Set by the test command where no such network can be made.
const NOT_TESTED: &str = "GATHER_TEST_WITHOUT_NETWORKS";

/// Where a test stands that needs a network of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In it.
    Inside,
    /// Outside; it has passed inside.
    Passed,
    /// Outside, and there is no way in.
    Outside,
}

/// Runs the test of this name in a network and a tree of mounts of its own, after these commands of
/// a shell; in there it is `Inside`.
pub(crate) fn enter(test: &str, setup: &str) -> Place {
    if std::env::var_os(INSIDE).is_some() {
        return Place::Inside;
    }
    if std::env::var_os(NOT_TESTED).is_some() {
        return Place::Outside;
    }
    let script = format!("ip link set lo up && {setup} exec \"$0\" \"$@\"");
    let status = Command::new("unshare")
        .args(["--map-root-user", "--net", "--mount", "sh", "-c", &script])
        .arg(std::env::current_exe().expect("this test has a file"))
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .expect("unshare starts");
    assert!(status.success(), "in the network of its own (needs unshare and ip): {status}");
    Place::Passed
}

/// Packets that have left on `lo`, the only device of that network.
fn packets() -> u64 {
    let devices = std::fs::read_to_string("/proc/self/net/dev").expect("Linux tells");
    let line =
        devices.lines().find_map(|line| line.trim().strip_prefix("lo:")).expect("there is lo");
    line.split_whitespace().nth(9).and_then(|sent| sent.parse().ok()).expect("a number")
}

#[test]
fn not_a_packet_goes_to_an_address_that_is_denied() {
    let row = fault_row!(15);
    let setup = "ip addr add 10.0.0.5/32 dev lo && ip addr add 169.254.169.254/32 dev lo && \
                 ip addr add 198.41.0.4/32 dev lo && ip route add local 64:ff9b::/96 dev lo && \
                 ip route add local 2002::/16 dev lo && ip route add local 2001::/32 dev lo &&";
    match enter("faults::network::not_a_packet_goes_to_an_address_that_is_denied", setup) {
        Place::Inside => {}
        Place::Passed => return,
        Place::Outside => return row.untested("needs a network of its own"),
    }
    let port = 8080;
    for address in [
        "10.0.0.5",
        "127.0.0.1",
        "0.0.0.0",
        "169.254.169.254",
        "[::1]",
        "[::ffff:10.0.0.5]",
        "[::ffff:169.254.169.254]",
        "[::10.0.0.5]",
        "[::ffff:0:10.0.0.5]",
        "[64:ff9b::10.0.0.5]",
        "[64:ff9b::169.254.169.254]",
        "[64:ff9b:1::a00:5]",
        "[2002:a00:5::1]",
        "[2002:a9fe:a9fe::1]",
        "[2001:0:4136:e378:8000:63bf:f5ff:fffa]",
        "[fe80::1]",
        "[fd00:ec2::254]",
    ] {
        let line = format!("http://{address}:{port}/ -q --retries 0 -t 2s --addresses public");
        let before = packets();
        let ran = run(&Bench::new(), &line);
        assert_eq!(packets(), before, "{address}: packets were sent");
        let record = &records(&ran, 1)[0];
        assert_eq!(kind(record), "blocked.address", "{address}: {record}");
        row.kind("blocked.address", false);
    }
    // The same count sees packets where there are some.
    let before = packets();
    run(&Bench::new(), &format!("http://198.41.0.4:{port}/ -q --retries 0 --addresses public"));
    assert!(packets() > before);
    row.shown();
}

#[test]
fn what_ipv6_swallows_ipv4_answers() {
    let row = fault_row!(24);
    let server = Server::start(Site::default());
    let port = server.addr().port();
    let _black_hole = Unreachable::start_on(SocketAddr::from((Ipv6Addr::LOCALHOST, port)));
    let both = case("both", format!("http://dual.test:{port}/ok"), "ok", 1);
    let resolve =
        format!("--resolve dual.test:{port}:[::1],127.0.0.1 --connect-timeout 20s -t 30s");
    let record = check(&row, &both.with(resolve));
    assert_eq!(record["remote_ip"], Ipv4Addr::LOCALHOST.to_string(), "{record}");
    // Not after the time that a dead address has, but after a moment (RFC 8305 section 5).
    let connected = record["time_connect"].as_f64().expect("it is told");
    assert!(connected < 10.0, "{connected} s");
    row.comes("the other family is tried after a quarter of a second");
    row.shown();
}

#[test]
fn a_port_that_swallows_what_it_gets() {
    let row = fault_row!(25);
    let unreachable = Unreachable::start();
    let url = format!("http://{}/", unreachable.addr());
    check(&row, &case("SYN dropped", url, "timeout.connect", 2).with("--connect-timeout 500ms"));
    row.shown();
}

#[test]
fn a_lack_of_ports_is_waited_out() {
    let row = fault_row!(27);
    let setup = "echo 40000 40010 > /proc/sys/net/ipv4/ip_local_port_range &&";
    match enter("faults::network::a_lack_of_ports_is_waited_out", setup) {
        Place::Inside => {}
        Place::Passed => return,
        Place::Outside => return row.untested("needs a network of its own"),
    }
    let server = Server::start(Site {
        hosts: vec!["127.0.0.1:8080".parse().expect("an address")],
        ..Site::default()
    });
    let list: String = (0..100).map(|n| server.url(&format!("/delay/20ms?n={n}\n"))).collect();
    let bench = Bench::new().with_file("urls.txt", &list);
    let ran = run(&bench, "-i urls.txt -c 40 --host-concurrency 40 --retries 0");
    for record in records(&ran, 100) {
        assert_eq!(kind(&record), "ok", "{record}\n{}", ran.stderr);
    }
    assert!(server.stats().connections_open_max <= 11);
    row.comes("requests wait for a port, and no target fails");
    row.shown();
}
