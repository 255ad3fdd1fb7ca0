//! Puts a run's account together: sums, hosts in trouble, and what bound its time.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gather_core::Time;

use crate::account::Account;
use crate::platform;
use crate::report::{Brake, ShardFacts};
use crate::shared::Shared;
use crate::summary::{Bound, Concurrency, Ended, HostTrouble, LoopStall, Summary};

/// Hosts in trouble that are told of one by one.
const HOSTS_MAX: usize = 20;
/// A loop that computed for so much of its time was bound by its processor.
const BUSY_SHARE: f64 = 0.85;

/// The closing account. `asked` is the concurrency that was configured.
pub(crate) fn summary(
    shared: &Shared,
    account: &Account,
    shards: &[ShardFacts],
    asked: u32,
    ended: Ended,
) -> Summary {
    let wall = shared.clock.now().since(Time::ZERO).as_secs_f64();
    let sum = |member: fn(&ShardFacts) -> u64| shards.iter().map(member).sum();
    let one_by_one: f64 = shards.iter().map(|facts| facts.trying.as_secs_f64()).sum();
    let allowed = shared.permits.total();
    let peak: u32 = shards.iter().map(|facts| facts.peak).sum();
    let over_wall = if wall > 0.0 { one_by_one / wall } else { 0.0 };
    let longest = |member: fn(&ShardFacts) -> Duration| {
        shards.iter().map(|facts| member(facts).as_secs_f64()).fold(0.0, f64::max)
    };
    let inputs = shared.inputs();
    Summary {
        ended,
        inputs,
        ok: account.ok,
        failed: account.failed,
        skipped: account.skipped,
        pending: inputs.saturating_sub(account.records()),
        done_before: shared.done_before(),
        by_kind: account.by_kind(),
        by_status: account.by_status.clone(),
        repeats: account.repeats,
        cache: account.cache,
        crawl: None,
        wall,
        concurrency: Concurrency { asked, allowed, mean: over_wall, peak: peak.min(allowed) },
        one_by_one,
        speedup: over_wall,
        time_total: account.time_total(),
        requests: sum(|facts| facts.requests),
        retries: sum(|facts| facts.retries),
        rate_limited: sum(|facts| facts.rate_limited),
        given_up: sum(|facts| facts.given_up),
        descriptor_refusals: sum(|facts| facts.descriptor_refusals),
        connections_opened: sum(|facts| facts.connections_opened),
        connections_reused: sum(|facts| facts.connections_reused),
        body_bytes: account.body_bytes,
        bodies_bytes_max: 0,
        hosts: troubles(shards),
        hosts_in_trouble: sum(|facts| facts.troubles.count()),
        bound: bound(shared, shards, wall),
        loop_stall: LoopStall {
            cpu: longest(|facts| facts.stall.cpu),
            wall: longest(|facts| facts.stall.wall),
        },
        peak_memory_bytes: platform::peak_memory_bytes(),
    }
}

/// Hosts that were closed or parked, the longest first.
fn troubles(shards: &[ShardFacts]) -> Vec<HostTrouble> {
    let mut hosts: Vec<HostTrouble> = shards
        .iter()
        .flat_map(|facts| facts.troubles.iter())
        .map(|(host, trouble)| HostTrouble {
            host: host.to_string(),
            closed: trouble.closed,
            closed_for: trouble.closed_for.as_secs_f64(),
            parked: trouble.parked,
            parked_for: trouble.parked_for.as_secs_f64(),
            learned_rate: trouble.learned_per_second,
        })
        .collect();
    let length = |host: &HostTrouble| host.closed_for + host.parked_for;
    hosts.sort_by(|a, b| length(b).total_cmp(&length(a)).then_with(|| a.host.cmp(&b.host)));
    hosts.truncate(HOSTS_MAX);
    hosts
}

/// What held requests back for most of the time.
fn bound(shared: &Shared, shards: &[ShardFacts], wall: f64) -> Bound {
    let busiest = shards.iter().map(|facts| facts.busy.as_secs_f64()).fold(0.0, f64::max);
    if wall > 0.1 && busiest > BUSY_SHARE * wall {
        let message = format!(
            "an event loop computed for {:.0}% of the time; more processors would lift it",
            100.0 * busiest / wall
        );
        return Bound { by: "cpu", message };
    }
    let mut beats: BTreeMap<Brake, u64> = BTreeMap::new();
    for (brake, count) in shards.iter().flat_map(|facts| &facts.brakes) {
        *beats.entry(*brake).or_default() += count;
    }
    let all: u64 = beats.values().sum();
    let Some((brake, count)) = beats.into_iter().max_by_key(|(_, count)| *count) else {
        return Bound { by: "latency", message: "the answers' own time".into() };
    };
    let share = 100 * count / all.max(1);
    let (by, what) = told(brake, shared, shards);
    Bound { by, message: format!("{what} ({share}% of the time)") }
}

fn told(brake: Brake, shared: &Shared, shards: &[ShardFacts]) -> (&'static str, String) {
    let permits = shared.permits.total();
    match brake {
        Brake::Concurrency => {
            ("concurrency", format!("all {permits} requests were in flight; raise --concurrency"))
        }
        Brake::HostConcurrency => (
            "host_concurrency",
            "hosts with work had all the requests one host may have; raise --host-concurrency \
             if they bear it"
                .into(),
        ),
        Brake::Rate => ("rate", "the rate of all requests; raise --rate".into()),
        Brake::Hosts => held_by_hosts(shared, shards),
        Brake::Input => ("input", "the input came more slowly than it was fetched".into()),
        Brake::Output => {
            let who = match shared.extracts.load(Ordering::Relaxed) {
                true => "extraction and outputs",
                false => "the outputs",
            };
            ("output", format!("{who} took records more slowly than they came"))
        }
        Brake::Latency => ("latency", "the last answers' own time".into()),
    }
}

fn held_by_hosts(shared: &Shared, shards: &[ShardFacts]) -> (&'static str, String) {
    let troubles = || shards.iter().flat_map(|facts| facts.troubles.iter());
    let closed = troubles().filter(|(_, trouble)| trouble.closed > 0).count();
    let parked = troubles().filter(|(_, trouble)| trouble.parked > 0).count();
    match (closed, parked) {
        (0, 0) if shared.config.host_rate.is_some() => {
            ("host_rate", "the rate of each host; raise --host-rate if they bear it".into())
        }
        (0, 0) => ("host_rate", "hosts' own rates, or the pauses before retries".into()),
        (closed, parked) if closed >= parked => (
            "host_refusals",
            format!("hosts that asked for less ({closed} said 429 or 503); they set the pace"),
        ),
        (_, parked) => {
            ("dead_hosts", format!("hosts that do not answer ({parked} parked); lower --timeout"))
        }
    }
}
