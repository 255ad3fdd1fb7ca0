//! What a request costs, beside what it costs other clients, in turn and in the same rounds.

use anyhow::Result;

use super::client::Cost;
use super::nginx::{Nginx, Speaks};
use super::peers::{self, Peer};
use super::report::Sample;
use super::seeds::{complete, fetch};
use super::{Bench, Case};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "1k-1-host",
        rounds: 5,
        run: |bench| compare(bench, &Variant { limits: LIMITS, ..ONE_HOST }),
    },
    Case {
        name: "1k-200-hosts",
        rounds: 5,
        run: |bench| compare(bench, &Variant { hosts: 200, peers: MANY_HOSTS, ..ONE_HOST }),
    },
    Case {
        name: "16k-1-host",
        rounds: 5,
        run: |bench| compare(bench, &Variant { path: "/16k", peers: FEW, ..ONE_HOST }),
    },
    Case {
        name: "16k-200-hosts",
        rounds: 5,
        run: |bench| {
            compare(bench, &Variant { path: "/16k", hosts: 200, peers: MANY_HOSTS, ..ONE_HOST })
        },
    },
    Case {
        name: "1k-tls",
        rounds: 5,
        run: |bench| compare(bench, &Variant { speaks: Speaks::Tls, peers: FEW, ..ONE_HOST }),
    },
    Case {
        name: "1k-http2",
        rounds: 5,
        run: |bench| {
            let peers = &["curl", "oha"];
            compare(bench, &Variant { speaks: Speaks::Http2, peers, ..ONE_HOST })
        },
    },
    Case { name: "syscalls", rounds: 3, run: syscalls },
];

/// What is fetched, and beside whom.
struct Variant {
    hosts: usize,
    path: &'static str,
    speaks: Speaks,
    peers: &'static [&'static str],
    /// Our CPU over theirs, at most.
    limits: &'static [(&'static str, f64)],
}

const ONE_HOST: Variant =
    Variant { hosts: 1, path: "/1k", speaks: Speaks::Plain, peers: ALL, limits: &[] };
const ALL: &[&str] =
    &["wrk", "curl", "wget2", "aria2", "aiohttp", "aiohttp-workers", "scrapy", "oha", "lychee"];
const FEW: &[&str] = &["wrk", "curl", "aiohttp-workers", "oha"];
/// wrk and oha know one host.
const MANY_HOSTS: &[&str] = &["curl", "wget2", "aiohttp-workers", "lychee"];
const LIMITS: &[(&str, f64)] = &[("wrk", 1.3), ("aiohttp", 0.1), ("curl", 0.334)];

const TARGETS: usize = 100_000;
const CONNECTIONS: usize = 100;
/// User time of a request, in us.
const USER_US_MAX: f64 = 6.0;

fn compare(bench: &mut Bench, variant: &Variant) -> Result<Vec<Sample>> {
    let hosts = bench.args.hosts.unwrap_or(variant.hosts);
    let mut nginx = Nginx::start_speaking(hosts, variant.speaks)?;
    let path = |i: usize| format!("{}/{i}", variant.path);
    let size = (bench.args.requests.unwrap_or(TARGETS), CONNECTIONS);
    let we = |bench: &mut Bench, nginx: &mut Nginx| fetch(bench, nginx, size, path);
    let they = |bench: &Bench, nginx: &mut Nginx, peer: &Peer| {
        peers::run(bench, nginx, peer, size, |nginx, i| nginx.url(i, &path(i)))
    };
    let round = peers::take_turns(bench, &mut nginx, variant.peers, we, they)?;
    let fetched = round.ours;
    let (cost, requests) = (fetched.0.cost, size.0 as f64);
    let ours_us = us(cost, requests);
    let mut samples = vec![
        Sample::new("CPU", "us/request", ours_us),
        Sample::new("user CPU", "us/request", cost.user_s * 1e6 / requests),
        Sample::new("requests a second", "/s", requests / cost.wall_s),
        Sample::new("peak memory", "MB", cost.peak_mb()),
    ];
    if !variant.limits.is_empty() {
        samples[1] = samples[1].clone().at_most(USER_US_MAX);
    }
    samples.extend(complete("", size.0, &fetched));
    for (peer, ran) in round.theirs {
        let name = peer.name;
        let peer_us = us(ran.cost, ran.claimed);
        let ratio = Sample::new(format!("CPU / {name}'s"), "x", ours_us / peer_us);
        let limit = variant.limits.iter().find(|(limited, _)| *limited == name);
        samples.extend([
            match limit {
                Some((_, limit)) => ratio.at_most(*limit),
                None => ratio.beside(),
            },
            Sample::new(format!("CPU of {name}"), "us/request", peer_us),
            Sample::new(
                format!("requests a second of {name}"),
                "/s",
                ran.claimed / ran.cost.wall_s,
            ),
            Sample::new(format!("peak memory of {name}"), "MB", ran.cost.peak_mb()),
            Sample::new(format!("requests of {name} at the server"), "", ran.served),
        ]);
    }
    Ok(samples)
}

fn us(cost: Cost, requests: f64) -> f64 {
    cost.cpu_s() * 1e6 / requests
}

/// System calls of a request, counted by the kernel: strace would distort them.
fn syscalls(bench: &mut Bench) -> Result<Vec<Sample>> {
    let nginx = Nginx::start(bench.args.hosts.unwrap_or(1))?;
    let targets = bench.args.requests.unwrap_or(TARGETS);
    let list = bench.write_list((0..targets).map(|i| nginx.url(i, &format!("/1k/{i}"))))?;
    let in_flight = CONNECTIONS.to_string();
    let counted = bench.client.count_events(&list, &["-c", &in_flight], EVENTS)?;
    let each = |event: &str| {
        let events = counted.iter().filter(|(name, _)| name.contains(event));
        events.map(|(_, count)| count).sum::<f64>() / targets as f64
    };
    let moved = ["sendto", "recvfrom", "sys_enter_read", "sys_enter_write"].map(each);
    Ok(vec![
        Sample::new("system calls", "/request", each("raw_syscalls")).at_most(2.8),
        Sample::new("sends and receives", "/request", moved[0] + moved[1]).at_most(2.02),
        Sample::new("reads and writes of files", "/request", moved[2] + moved[3]),
        Sample::new("waits for events", "/request", each("epoll_wait")),
    ])
}

/// What perf counts.
const EVENTS: &[&str] = &[
    "raw_syscalls:sys_enter",
    "syscalls:sys_enter_sendto",
    "syscalls:sys_enter_recvfrom",
    "syscalls:sys_enter_read",
    "syscalls:sys_enter_write",
    "syscalls:sys_enter_epoll_wait",
];
