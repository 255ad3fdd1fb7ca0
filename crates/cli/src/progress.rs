//! What is drawn on a terminal, or written as a line, while a run goes on.

use gather::live::Snapshot;

use crate::human;

/// At most so many hosts, kinds and slow targets are named.
const LISTED_MAX: usize = 5;
const BAR_WIDTH: usize = 20;

/// The picture of a moment: a few lines, none wider than `width`.
pub(crate) fn picture(now: &Snapshot, width: usize) -> String {
    let mut lines = vec![format!("{} {}", bar(now), counts(now))];
    if !now.by_kind.is_empty() {
        lines.push(format!("  {}", kinds(now)));
    }
    for host in now.hosts.iter().take(LISTED_MAX) {
        let held = host.held.as_deref().map(|why| format!(", {why}")).unwrap_or_default();
        let waiting = human::count(host.waiting);
        lines.push(format!(
            "  {}  {waiting} waiting, {} in flight{held}",
            host.host, host.in_flight
        ));
    }
    for target in now.oldest.iter().take(LISTED_MAX) {
        let age = human::seconds(target.age.as_secs_f64());
        lines.push(format!("  in {} for {age}: {}", target.phase, target.url));
    }
    let lines: Vec<String> =
        lines.iter().map(|line| human::clipped(&human::printable(line), width)).collect();
    lines.join("\n")
}

/// The same in one line, for logs.
pub(crate) fn line(now: &Snapshot) -> String {
    let elapsed = human::seconds(now.elapsed.as_secs_f64());
    let mut line = format!("{elapsed}: {}", counts(now));
    if !now.by_kind.is_empty() {
        line = format!("{line} · {}", kinds(now));
    }
    if let Some(oldest) = now.oldest.first() {
        let age = human::seconds(oldest.age.as_secs_f64());
        line = format!("{line} · oldest: {age} in {}: {}", oldest.phase, oldest.url);
    }
    human::printable(&line)
}

/// The same as a JSON object.
pub(crate) fn json(now: &Snapshot) -> serde_json::Value {
    serde_json::json!({
        "event": "stats",
        "elapsed": now.elapsed.as_secs_f64(),
        "inputs": now.inputs,
        "read_to_end": now.read_to_end,
        "ok": now.ok,
        "failed": now.failed,
        "skipped": now.skipped,
        "by_kind": now.by_kind,
        "in_flight": now.in_flight,
        "per_second": now.per_second,
        "eta": now.eta.map(|eta| eta.as_secs_f64()),
        "oldest": now.oldest.iter().map(|target| serde_json::json!({
            "url": target.url, "phase": target.phase, "age": target.age.as_secs_f64(),
        })).collect::<Vec<_>>(),
    })
}

fn bar(now: &Snapshot) -> String {
    let done = finished(now);
    if !now.read_to_end || now.inputs == 0 {
        return format!("{:>width$}", human::count(done), width = BAR_WIDTH);
    }
    let full = (done as f64 / now.inputs as f64 * BAR_WIDTH as f64) as usize;
    let full = full.min(BAR_WIDTH);
    format!("[{}{}]", "█".repeat(full), "·".repeat(BAR_WIDTH - full))
}

fn counts(now: &Snapshot) -> String {
    let all = match now.read_to_end {
        true => human::count(now.inputs),
        false => format!("{}+", human::count(now.inputs)),
    };
    let eta = match now.eta {
        Some(eta) => format!(", {} left", human::seconds(eta.as_secs_f64().round())),
        None => String::new(),
    };
    format!(
        "{}/{all}, {}/s, {} in flight, {} ok, {} failed, {} skipped{eta}",
        human::count(finished(now)),
        human::figures(now.per_second),
        now.in_flight,
        human::count(now.ok),
        human::count(now.failed),
        human::count(now.skipped),
    )
}

/// The commonest kinds first.
fn kinds(now: &Snapshot) -> String {
    let mut kinds: Vec<(&&str, &u64)> = now.by_kind.iter().collect();
    kinds.sort_by(|(_, a), (_, b)| b.cmp(a));
    let named = kinds.iter().take(LISTED_MAX);
    let named: Vec<String> =
        named.map(|(kind, count)| format!("{kind} {}", human::count(**count))).collect();
    let more = kinds.len().saturating_sub(LISTED_MAX);
    let more = if more > 0 { format!(", {more} more kinds") } else { String::new() };
    format!("{}{more}", named.join(", "))
}

fn finished(now: &Snapshot) -> u64 {
    now.ok + now.failed + now.skipped
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gather::live::{HostLive, InFlight};

    use super::*;

    #[test]
    fn a_moment_is_drawn_and_fits_its_width() {
        let mut now = Snapshot::default();
        now.elapsed = Duration::from_millis(12_340);
        (now.inputs, now.read_to_end) = (10_000, true);
        (now.ok, now.failed, now.skipped, now.in_flight) = (4_900, 90, 10, 50);
        now.by_kind = [("http.status", 30), ("timeout.connect", 60), ("input.invalid", 10)].into();
        now.per_second = 412.34;
        now.eta = Some(Duration::from_millis(12_600));
        let mut host = HostLive::default();
        host.host = "https://slow.example:443".to_owned();
        (host.waiting, host.in_flight) = (4_000, 4);
        host.held = Some("closed for 2.0 s after 429".to_owned());
        now.hosts = vec![host];
        let mut target = InFlight::default();
        target.url = "https://silent.example/\u{1b}[2J".to_owned();
        (target.phase, target.age) = ("first_byte", Duration::from_secs(9));
        now.oldest = vec![target];
        insta::assert_snapshot!(picture(&now, 100));
        insta::assert_snapshot!(line(&now));
        assert!(picture(&now, 30).lines().all(|line| line.chars().count() <= 30));
        now.read_to_end = false;
        assert!(picture(&now, 100).contains("5,000/10,000+"), "{}", picture(&now, 100));
    }
}
