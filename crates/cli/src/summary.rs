//! The closing account of a run, for people.

use std::fmt::Write;

use gather::summary::{CacheCounts, Ended, HostTrouble, Summary};

use crate::human;

/// Hosts in trouble that are named.
const HOSTS_MAX: usize = 5;

/// The whole account, a line an item, zeros shown.
pub(crate) fn text(summary: &Summary) -> String {
    let mut text = headline(summary);
    for (name, value) in items(summary) {
        write!(text, "\n  {name:<12} {value}").expect("a string takes everything");
    }
    human::printable_lines(&text)
}

/// The first line: how it ended, and the counts.
fn headline(summary: &Summary) -> String {
    let how = match summary.ended {
        Ended::Finished | Ended::FinishedBefore => "finished",
        Ended::FailFast => "stopped at the first failure",
        Ended::MaxFailures => "stopped: too many failures",
        Ended::Deadline => "stopped by the deadline",
        Ended::OutputClosed => "stopped: its output was closed by its reader",
        Ended::Stopped => "stopped",
        _ => "ended",
    };
    let pending = match summary.pending {
        0 => String::new(),
        pending => format!(", {} without a record", human::count(pending)),
    };
    let before = match summary.done_before {
        0 => String::new(),
        before => format!(" ({} of them before)", human::count(before)),
    };
    format!(
        "{how}: {}{before} in {}: {} ok, {} failed, {} skipped{pending}",
        human::counted(summary.inputs, "target"),
        human::seconds(summary.wall),
        human::count(summary.ok),
        human::count(summary.failed),
        human::count(summary.skipped),
    )
}

fn items(summary: &Summary) -> Vec<(&'static str, String)> {
    let mut items = vec![
        ("failures", listed(summary.by_kind.iter().map(|(kind, count)| (*kind, *count)))),
        ("statuses", listed(summary.by_status.iter().map(|(status, count)| (*status, *count)))),
    ];
    items.extend(repeats(summary));
    items.extend(cache(summary));
    items.extend(crawl(summary));
    items.extend(pace(summary));
    items.extend(traffic(summary));
    items.extend(summary.hosts.iter().take(HOSTS_MAX).map(|host| ("", trouble(host))));
    items.extend(machine(summary));
    items
}

/// How much was not asked twice.
fn repeats(summary: &Summary) -> Option<(&'static str, String)> {
    let said = format!("{} of equal requests, each sent once", human::count(summary.repeats));
    (summary.repeats > 0).then_some(("repeats", said))
}

/// What the cache did, where there is one.
fn cache(summary: &Summary) -> Option<(&'static str, String)> {
    let CacheCounts { revalidated, fresh, stored, unchanged, .. } = summary.cache;
    let said = format!(
        "{revalidated} confirmed by their servers, {fresh} fresh and not asked for, {stored} \
         stored; {unchanged} unchanged"
    );
    (summary.cache != CacheCounts::default()).then_some(("cache", said))
}

/// What a crawl passed over.
fn crawl(summary: &Summary) -> Option<(&'static str, String)> {
    let n = human::count;
    summary.crawl.map(|crawl| {
        let said = format!(
            "{}; {} by their canonical URL; {} out of scope, {} nofollow; left out: {} as a trap, \
             {} for limits",
            human::counted(crawl.sitemaps, "sitemap"),
            human::counted(crawl.duplicates, "duplicate"),
            human::counted(crawl.links_outside, "link"),
            n(crawl.links_nofollow),
            human::counted(crawl.trapped, "page"),
            n(crawl.left_out),
        );
        ("crawl", said)
    })
}

/// How much ran at once, and how long targets took.
fn pace(summary: &Summary) -> [(&'static str, String); 3] {
    let c = &summary.concurrency;
    let t = &summary.time_total;
    let s = human::seconds;
    let n = human::count;
    [
        (
            "concurrency",
            format!(
                "{} asked, {} allowed, {} mean, {} peak",
                n(c.asked.into()),
                n(c.allowed.into()),
                human::figures(c.mean),
                n(c.peak.into())
            ),
        ),
        ("one by one", one_by_one(summary)),
        (
            "time_total",
            format!(
                "p50 {} · p90 {} · p95 {} · p99 {} · max {}",
                s(t.p50),
                s(t.p90),
                s(t.p95),
                s(t.p99),
                s(t.max)
            ),
        ),
    ]
}

/// What servers saw: requests, connections, and how many hosts were in trouble.
fn traffic(summary: &Summary) -> [(&'static str, String); 3] {
    let n = human::count;
    [
        (
            "requests",
            format!(
                "{} sent, {} retries, {} answered 429, {} given up for others",
                n(summary.requests),
                n(summary.retries),
                n(summary.rate_limited),
                n(summary.given_up)
            ),
        ),
        (
            "connections",
            format!(
                "{} opened, {} times reused, {} descriptor refusals",
                n(summary.connections_opened),
                n(summary.connections_reused),
                n(summary.descriptor_refusals)
            ),
        ),
        ("hosts", format!("{} closed or parked", n(summary.hosts_in_trouble))),
    ]
}

/// What held the run back, and what it cost this machine.
fn machine(summary: &Summary) -> [(&'static str, String); 3] {
    let s = human::seconds;
    [
        ("bound by", summary.bound.message.clone()),
        (
            "loop stall",
            format!("{} at most (wall {})", s(summary.loop_stall.cpu), s(summary.loop_stall.wall)),
        ),
        (
            "memory",
            format!(
                "{} at most, for {} of bodies",
                human::bytes(summary.peak_memory_bytes),
                human::bytes(summary.body_bytes)
            ),
        ),
    ]
}

fn one_by_one(summary: &Summary) -> String {
    let time = human::seconds(summary.one_by_one);
    match summary.speedup >= 1.0 {
        true => format!("{time}, so {} times as fast", human::figures(summary.speedup)),
        // Polite pauses outweigh the requests: one by one there would be as many of them.
        false => format!("{time} of requests; the rest of the time was waiting"),
    }
}

fn trouble(host: &HostTrouble) -> String {
    let mut text = host.host.clone();
    if host.closed > 0 {
        let times = human::counted(host.closed.into(), "time");
        write!(text, ", closed {times} for {}", human::seconds(host.closed_for)).expect(TAKES_ALL);
    }
    if host.parked > 0 {
        let times = human::counted(host.parked.into(), "time");
        write!(text, ", parked {times} for {}", human::seconds(host.parked_for)).expect(TAKES_ALL);
    }
    if let Some(rate) = host.learned_rate {
        write!(text, ", bears {}/s", human::figures(rate)).expect(TAKES_ALL);
    }
    text
}

const TAKES_ALL: &str = "a string takes everything";

/// `http.status 3, timeout.body 1`, the commonest first; `none`.
fn listed<N: std::fmt::Display>(counts: impl Iterator<Item = (N, u64)>) -> String {
    let mut counts: Vec<(N, u64)> = counts.collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let counts: Vec<String> =
        counts.iter().map(|(name, count)| format!("{name} × {}", human::count(*count))).collect();
    if counts.is_empty() { "none".to_owned() } else { counts.join(", ") }
}

#[cfg(test)]
mod tests {
    use gather::summary::{Bound, Concurrency, LoopStall, Percentiles};

    use super::*;

    #[test]
    fn every_item_is_told_and_zeros_are_shown() {
        insta::assert_snapshot!(text(&Summary::default()));
    }

    #[test]
    fn a_run_with_troubles() {
        let mut summary = Summary::default();
        summary.ended = Ended::Deadline;
        (summary.inputs, summary.ok, summary.failed) = (12_345, 12_000, 300);
        (summary.skipped, summary.pending) = (5, 40);
        summary.by_kind = [("http.status", 100), ("timeout.connect", 205)].into();
        summary.by_status = [(200, 12_000), (404, 100)].into();
        (summary.wall, summary.one_by_one, summary.speedup) = (65.4, 3_000.0, 45.9);
        let mut concurrency = Concurrency::default();
        (concurrency.asked, concurrency.allowed) = (1_000, 900);
        (concurrency.mean, concurrency.peak) = (45.87, 900);
        summary.concurrency = concurrency;
        let mut times = Percentiles::default();
        (times.p50, times.p90, times.p95, times.p99, times.max) = (0.2, 0.5, 1.1, 2.0, 29.9);
        summary.time_total = times;
        (summary.requests, summary.retries, summary.rate_limited) = (12_700, 300, 12);
        (summary.connections_opened, summary.connections_reused) = (400, 12_300);
        summary.hosts_in_trouble = 1;
        let mut host = HostTrouble::default();
        host.host = "https://a.example:443".to_owned();
        (host.closed, host.closed_for, host.parked, host.parked_for) = (2, 4.0, 1, 10.0);
        host.learned_rate = Some(48.2);
        summary.hosts = vec![host];
        let mut bound = Bound::default();
        bound.message = "concurrency: 1,000 at once; a higher -c would lift it".to_owned();
        summary.bound = bound;
        let mut stall = LoopStall::default();
        (stall.cpu, stall.wall) = (0.0031, 0.0123);
        summary.loop_stall = stall;
        (summary.peak_memory_bytes, summary.body_bytes) = (30 << 20, 1 << 30);
        insta::assert_snapshot!(text(&summary));
    }
}
