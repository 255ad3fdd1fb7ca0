//! The phases of an answer, one below the other.

use gather_core::time::Duration;

use crate::say;

/// A phase: where it lies in 0 to 1000 of the whole, and how long it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Its class in the style sheet, and its name.
    pub(crate) name: &'static str,
    pub(crate) took: String,
    pub(crate) x: String,
    pub(crate) width: String,
}

/// The phases that ended at these moments since the begin, and the last, which ended at `total`.
/// A phase that nobody reached is left out; the one it broke in lasts to the end.
pub(crate) fn steps(ends: &[(&'static str, Option<Duration>)], total: Duration) -> Vec<Step> {
    let all = total.as_secs_f64().max(1e-9);
    let mut from = Duration::ZERO;
    let mut steps = Vec::new();
    let reached = ends.iter().rposition(|(_, end)| end.is_some());
    let broke_at = reached.map_or(0, |at| at + 1);
    for (at, (name, end)) in ends.iter().enumerate() {
        let end = match end {
            Some(end) => (*end).clamp(from, total.max(from)),
            None if at == broke_at => total.max(from),
            None => continue,
        };
        let took = end - from;
        // Without TLS, or with a connection that stood, there is no such phase.
        if !took.is_zero() {
            let place = |part: Duration| format!("{:.1}", part.as_secs_f64() / all * 1000.0);
            let width = format!("{:.1}", (took.as_secs_f64() / all * 1000.0).max(2.0));
            steps.push(Step { name, took: say::latency(took), x: place(from), width });
        }
        from = end;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(ends: [Option<u64>; 5], total: u64) -> Vec<(&'static str, String, String)> {
        let names = ["name", "connect", "tls", "wait", "body"];
        let ends: Vec<_> =
            names.into_iter().zip(ends.map(|end| end.map(Duration::from_millis))).collect();
        let steps = steps(&ends, Duration::from_millis(total));
        steps.into_iter().map(|step| (step.name, step.x, step.took)).collect()
    }

    #[test]
    fn phases_follow_each_other() {
        let step = |name, x: &str, took: &str| (name, x.to_owned(), took.to_owned());
        let whole = told([Some(10), Some(30), Some(60), Some(90), Some(100)], 100);
        assert_eq!(whole[0], step("name", "0.0", "10.0 ms"));
        assert_eq!(whole[4], step("body", "900.0", "10.0 ms"));
        // No TLS, no name to look up.
        let plain = told([Some(0), Some(20), None, Some(90), Some(100)], 100);
        assert_eq!(plain.len(), 3);
        assert_eq!(plain[1], step("wait", "200.0", "70.0 ms"));
        // The first byte never came.
        let silent = told([Some(1), Some(2), None, None, None], 5_000);
        assert_eq!(silent[2], step("tls", "0.4", "5.00 s"));
        assert_eq!(told([None; 5], 0), []);
    }
}
