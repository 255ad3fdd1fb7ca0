//! Decisions of the frontier while up to a million hosts wait for their time.

use std::process::Command;

use anyhow::Result;
use serde::Deserialize;

use super::report::Sample;
use super::{Bench, Case};
use crate::repo;

pub(super) const CASES: &[Case] = &[Case { name: "decisions", rounds: 5, run: decisions }];

const HOSTS: &[usize] = &[1_000, 10_000, 100_000, 1_000_000];
/// A decision, in us, however many hosts wait.
const DECISION_US_MAX: f64 = 1.0;

/// What the example says of one number of hosts.
#[derive(Deserialize)]
struct Measured {
    decision_ns: f64,
    turn_ns: f64,
    host_bytes: f64,
}

fn decisions(_: &mut Bench) -> Result<Vec<Sample>> {
    let args = ["build", "--quiet", "--release", "-p", "gather-core", "--example", "decisions"];
    repo::output(repo::cargo().args(args))?;
    let program = repo::target_dir()?.join("release/examples/decisions");
    let mut samples = Vec::new();
    for hosts in HOSTS {
        let line = repo::output(Command::new(&program).arg(hosts.to_string()))?;
        let Measured { decision_ns, turn_ns, host_bytes } = serde_json::from_str(&line)?;
        let name = |what: &str| format!("{what}, {hosts} hosts");
        samples.extend([
            Sample::new(name("decision"), "us", decision_ns / 1000.0).at_most(DECISION_US_MAX),
            Sample::new(name("decisions a second"), "/s", 1e9 / decision_ns),
            Sample::new(name("decision, and what comes of it"), "us", turn_ns / 1000.0),
            Sample::new(name("memory of a host"), "B", host_bytes),
        ]);
    }
    Ok(samples)
}
