//! Targets that take their time: how near a run comes to the least that they can take, what it holds
//! meanwhile, and whether its loops turn.

use anyhow::Result;

use super::nginx::Nginx;
use super::peers::{self, Peer, Ran};
use super::report::Sample;
use super::seeds::{complete, fetch};
use super::{Bench, Case};

/// Near to the ideal, beside others.
pub(super) const SCHEDULE: &[Case] = &[
    Case {
        name: "2000-at-100",
        rounds: 5,
        run: |bench| {
            let delays = Delays { targets: 2_000, in_flight: 100, seconds: 0.1, ..DELAYS };
            compare(bench, &delays, "schedule")
        },
    },
    Case {
        name: "50-at-20",
        rounds: 5,
        run: |bench| compare(bench, &Delays { targets: 50, in_flight: 20, ..DELAYS }, "schedule"),
    },
    Case {
        name: "1000-at-1000",
        rounds: 5,
        run: |bench| {
            let delays = Delays { targets: 1_000, in_flight: 1_000, beyond: 1.10, ..DELAYS };
            compare(bench, &delays, "schedule")
        },
    },
];

/// As many as descriptors allow on most machines.
pub(super) const INFLIGHT: &[Case] = &[Case {
    name: "10000-at-10000",
    rounds: 5,
    run: |bench| {
        let peers = &["aiohttp", "aiohttp-workers"];
        let delays = Delays { beyond: 1.6, memory_mb_max: Some(180.0), peers, ..MANY };
        compare(bench, &delays, "inflight")
    },
}];

/// The stalls of the program's loops. Its p99 is below its longest one.
pub(super) const STALL: &[Case] = &[
    Case { name: "1000-in-flight", rounds: 5, run: |bench| stall(bench, 1_000, 25.0) },
    Case { name: "10000-in-flight", rounds: 5, run: |bench| stall(bench, 10_000, 50.0) },
];

/// Targets that each take so long.
struct Delays {
    targets: usize,
    in_flight: usize,
    hosts: usize,
    seconds: f64,
    /// The most that the wall time may be of the least possible one.
    beyond: f64,
    memory_mb_max: Option<f64>,
    peers: &'static [&'static str],
}

const DELAYS: Delays = Delays {
    targets: 0,
    in_flight: 0,
    hosts: 1,
    seconds: 1.0,
    beyond: 1.03,
    memory_mb_max: None,
    peers: &["curl", "aiohttp", "aiohttp-workers", "scrapy"],
};

// 200 hosts: TIME_WAIT sockets of a single one would slow the next round.
const MANY: Delays = Delays { targets: 10_000, in_flight: 10_000, hosts: 200, ..DELAYS };

impl Delays {
    fn path(&self, target: usize) -> String {
        format!("/delay/{:.1}/{target}", self.seconds)
    }

    fn size(&self) -> (usize, usize) {
        (self.targets, self.in_flight)
    }

    /// The least time in which so many can be fetched.
    fn ideal_s(&self, targets: usize) -> f64 {
        targets.div_ceil(self.in_flight) as f64 * self.seconds
    }
}

fn compare(bench: &mut Bench, delays: &Delays, suite: &str) -> Result<Vec<Sample>> {
    let mut nginx = Nginx::start(bench.args.hosts.unwrap_or(delays.hosts))?;
    let we = |bench: &mut Bench, nginx: &mut Nginx| {
        fetch(bench, nginx, delays.size(), |i| delays.path(i))
    };
    // A part of such a list would take as long as the whole.
    let they = |bench: &Bench, nginx: &mut Nginx, peer: &Peer| {
        let url = |nginx: &Nginx, i: usize| nginx.url(i, &delays.path(i));
        peers::run_whole(bench, nginx, peer, delays.size(), url)
    };
    let round = peers::take_turns(bench, &mut nginx, delays.peers, we, they)?;
    let fetched = round.ours;
    let (run, ideal_s) = (&fetched.0, delays.ideal_s(delays.targets));
    let memory = Sample::new("peak memory", "MB", run.cost.peak_mb());
    let mut samples = vec![
        Sample::new("wall / the least possible", "x", run.cost.wall_s / ideal_s)
            .ideal(1.0)
            .at_most(delays.beyond),
        Sample::new("wall", "s", run.cost.wall_s).ideal(ideal_s),
        match delays.memory_mb_max {
            Some(most) => memory.each_at_most(most),
            None => memory,
        },
    ];
    samples.extend(complete("", delays.targets, &fetched));
    samples.extend(run.in_flight_max().map(|most| Sample::new("most in flight", "", most)));
    for (Peer { name, .. }, Ran { cost, served, .. }) in round.theirs {
        samples.extend([
            Sample::new(format!("wall / {name}'s"), "x", run.cost.wall_s / cost.wall_s).beside(),
            Sample::new(format!("wall of {name}"), "s", cost.wall_s),
            Sample::new(format!("requests of {name} at the server"), "", served),
        ]);
        if suite == "inflight" {
            samples.push(Sample::new(format!("peak memory of {name}"), "MB", cost.peak_mb()));
        }
    }
    Ok(samples)
}

fn stall(bench: &mut Bench, in_flight: usize, most_ms: f64) -> Result<Vec<Sample>> {
    let delays = Delays { targets: in_flight * 3, in_flight, ..MANY };
    let mut nginx = Nginx::start(bench.args.hosts.unwrap_or(delays.hosts))?;
    let fetched = fetch(bench, &mut nginx, delays.size(), |i| delays.path(i))?;
    // A program that does not tell has not shown that it keeps the limit.
    let cpu_ms = fetched.0.stall_cpu_ms().unwrap_or(f64::INFINITY);
    let mut samples =
        vec![Sample::new("longest loop stall, CPU", "ms", cpu_ms).each_at_most(most_ms)];
    let wall_ms = fetched.0.stall_wall_ms();
    samples.extend(wall_ms.map(|ms| Sample::new("longest loop stall, wall", "ms", ms)));
    samples.extend(complete("", delays.targets, &fetched));
    Ok(samples)
}
