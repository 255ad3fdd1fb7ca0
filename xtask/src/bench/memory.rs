//! Peaks of lists of all lengths: they must not grow with the list, in whatever way it has hosts.

use anyhow::{Result, ensure};

use super::nginx::{HOSTS_MAX, Nginx};
use super::report::Sample;
use super::seeds::{complete, fetch_list};
use super::{Bench, Case};

pub(super) const CASES: &[Case] = &[
    Case { name: "1-host", rounds: 1, run: |bench| memory(bench, 1, Listed::InTurn) },
    Case { name: "1000-hosts", rounds: 1, run: |bench| memory(bench, 1_000, Listed::InTurn) },
    Case {
        name: "1000-hosts-sorted",
        rounds: 1,
        run: |bench| memory(bench, 1_000, Listed::ByHost),
    },
    Case { name: "own-hosts", rounds: 1, run: |bench| memory(bench, HOSTS_MAX, Listed::InTurn) },
];

/// In which order a list names its hosts.
#[derive(Clone, Copy)]
enum Listed {
    /// One target of each, and again.
    InTurn,
    /// All of one, then all of the next.
    ByHost,
}

impl Listed {
    fn host(self, i: usize, targets: usize, hosts: usize) -> usize {
        match self {
            Self::InTurn => i,
            Self::ByHost => i / targets.div_ceil(hosts),
        }
    }
}

const SHORTEST: usize = 10_000;
/// The peak of every list, and what it may be of that of the shortest.
const PEAK_MB_MAX: f64 = 24.0;
const GROWTH_MAX: f64 = 1.1;

/// Lists of 10,000 targets and ten times as many, until `--targets` are reached.
fn memory(bench: &mut Bench, hosts: usize, listed: Listed) -> Result<Vec<Sample>> {
    let longest = bench.args.targets;
    ensure!(longest <= HOSTS_MAX, "there are {HOSTS_MAX} hosts at most");
    let mut nginx = Nginx::start(bench.args.hosts.unwrap_or(hosts))?;
    let mut samples = Vec::new();
    let mut shortest_mb = None;
    let lengths = std::iter::successors(Some(SHORTEST.min(longest)), |length| Some(length * 10));
    for targets in lengths.take_while(|targets| *targets <= longest) {
        let url =
            |nginx: &Nginx, i| nginx.url(listed.host(i, targets, hosts), &format!("/page/{i}"));
        let fetched = fetch_list(bench, &mut nginx, (targets, 50), url)?;
        let (run, suffix) = (&fetched.0, format!(", {targets} targets"));
        let peak_mb = run.cost.peak_mb();
        let name = |what: &str| format!("{what}{suffix}");
        samples.push(Sample::new(name("peak"), "MB", peak_mb).each_at_most(PEAK_MB_MAX));
        let growth = peak_mb / *shortest_mb.get_or_insert(peak_mb);
        samples.push(
            Sample::new(name("peak / that of the shortest list"), "x", growth)
                .ideal(1.0)
                .each_at_most(GROWTH_MAX),
        );
        samples.push(Sample::new(
            name("requests a second"),
            "/s",
            targets as f64 / run.cost.wall_s,
        ));
        samples.extend(complete(&suffix, targets, &fetched));
        if hosts == HOSTS_MAX {
            // A host that is slow to answer for the first time may be given up and asked again.
            samples.pop();
            let served = Sample::new(name("requests at the server"), "", fetched.1 as f64);
            samples.push(served.ideal(targets as f64).each_at_most(targets as f64 * 1.02));
        }
    }
    Ok(samples)
}
