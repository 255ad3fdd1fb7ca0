//! Percentiles over time as paths, with failures marked and gaps left open.

use std::fmt::Write;

use gather_core::time::Duration;

use crate::say;

/// A chart, 1000 wide and 100 high.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chart {
    /// `the last 24 hours`.
    pub(crate) period: String,
    /// Areas under the p95, one for each run of spans with data.
    pub(crate) p95: Vec<String>,
    pub(crate) p50: Vec<String>,
    /// Where there is no data.
    pub(crate) gone: String,
    /// Spans with failures: at the foot, and behind all.
    pub(crate) fails: String,
    pub(crate) failing: String,
    pub(crate) most: String,
    pub(crate) half: String,
    pub(crate) from: String,
    pub(crate) until: String,
    pub(crate) summary: String,
    /// Other periods.
    pub(crate) others: Vec<ChartLink>,
}

/// Another period.
#[derive(Clone, Debug)]
pub(crate) struct ChartLink {
    pub(crate) name: &'static str,
    pub(crate) href: String,
    pub(crate) is_here: bool,
}

/// A span of time in a chart.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ChartPoint {
    /// Half of the good answers, and 95 % of them, came within this; none without answers.
    pub(crate) times: Option<(Duration, Duration)>,
    pub(crate) failures: u64,
    pub(crate) checks: u64,
}

const WIDTH: f64 = 1000.0;
/// The height left free for failures.
const FOOT: f64 = 6.0;

impl Chart {
    /// The chart of these spans; `None` where nothing was measured.
    pub(crate) fn new(points: &[ChartPoint]) -> Option<Self> {
        let times = || points.iter().filter_map(|point| point.times);
        let worst = times().map(|(_, p95)| p95).max()?;
        let most = round_up(worst.as_secs_f64());
        let step = WIDTH / points.len() as f64;
        let y = |took: Duration| 100.0 - FOOT - took.as_secs_f64() / most * (100.0 - FOOT);
        let mut chart = Self {
            most: say::latency(Duration::from_secs_f64(most)),
            half: say::latency(Duration::from_secs_f64(most / 2.0)),
            ..Self::default()
        };
        let mut at = 0;
        for run in points.chunk_by(|a, b| a.times.is_some() == b.times.is_some()) {
            let (from, until) = (at as f64 * step, (at + run.len()) as f64 * step);
            if run[0].times.is_some() {
                let (p50, p95) = curves(run, from, step, y);
                chart.p50.push(p50);
                chart.p95.push(p95);
            } else if run.iter().all(|point| point.checks == 0) {
                path(&mut chart.gone, format_args!("M{from:.1},50H{until:.1}"));
            }
            at += run.len();
        }
        for (index, _) in points.iter().enumerate().filter(|(_, point)| point.failures > 0) {
            let (x, wide) = (index as f64 * step, step.max(3.0));
            path(&mut chart.fails, format_args!("M{x:.1},94h{wide:.1}v6h-{wide:.1}Z"));
            path(&mut chart.failing, format_args!("M{x:.1},0h{wide:.1}v100h-{wide:.1}Z"));
        }
        chart.summary = summary(points, worst);
        Some(chart)
    }
}

/// The line of the p50 and the area under the p95 of a run of spans with data.
fn curves(
    run: &[ChartPoint],
    from: f64,
    step: f64,
    y: impl Fn(Duration) -> f64,
) -> (String, String) {
    let times = run.iter().filter_map(|point| point.times).enumerate();
    let mut points: Vec<(f64, f64, f64)> =
        times.map(|(at, (p50, p95))| (from + (at as f64 + 0.5) * step, y(p50), y(p95))).collect();
    // A span alone is a line, not a dot that nobody sees.
    if let [(_, p50, p95)] = points[..] {
        points = vec![(from, p50, p95), (from + step, p50, p95)];
    }
    let (mut line, mut area) = (String::new(), String::new());
    for (at, (x, p50, p95)) in points.iter().enumerate() {
        if at == 0 {
            path(&mut area, format_args!("M{x:.1},100"));
        }
        path(&mut line, format_args!("{}{x:.1},{p50:.1}", if at == 0 { 'M' } else { 'L' }));
        path(&mut area, format_args!("L{x:.1},{p95:.1}"));
    }
    let end = points.last().map_or(from, |(x, ..)| *x);
    path(&mut area, format_args!("L{end:.1},100Z"));
    (line, area)
}

fn summary(points: &[ChartPoint], worst: Duration) -> String {
    let mut medians: Vec<_> =
        points.iter().filter_map(|point| point.times.map(|(p50, _)| p50)).collect();
    medians.sort_unstable();
    let median = medians.get(medians.len() / 2).copied().unwrap_or_default();
    let failures: u64 = points.iter().map(|point| point.failures).sum();
    let gaps = points.iter().filter(|point| point.checks == 0).count();
    format!(
        "p50 mostly {}, p95 at most {}; {}; {} of {} spans without data",
        say::latency(median),
        say::latency(worst),
        say::counted(failures, "failed check"),
        gaps,
        points.len()
    )
}

/// The next of 1, 2, 2.5 and 5 times a power of ten, so that the axis is easy to read.
fn round_up(number: f64) -> f64 {
    let power = 10_f64.powf(number.max(1e-6).log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    steps.iter().map(|step| step * power).find(|round| *round >= number).unwrap_or(number)
}

/// Numbers over time as one line: x in 0 to 1 of the time, to a path in 1000 by 100, and the
/// least and the greatest number. A value holds until the next. Empty for fewer than two.
pub(crate) fn spark(values: &[(f64, Option<f64>)]) -> (String, f64, f64) {
    let numbers = || values.iter().filter_map(|(_, number)| *number);
    let (least, most) =
        (numbers().fold(f64::INFINITY, f64::min), numbers().fold(f64::NEG_INFINITY, f64::max));
    if numbers().count() < 2 {
        return (String::new(), least, most);
    }
    let range = (most - least).max(f64::MIN_POSITIVE);
    let y = |number: f64| match most > least {
        true => 95.0 - (number - least) / range * 90.0,
        false => 50.0,
    };
    let mut line = String::new();
    let mut pen = 'M';
    for (index, (x, number)) in values.iter().enumerate() {
        let Some(number) = number else {
            pen = 'M';
            continue;
        };
        let until = values.get(index + 1).map_or(1.0, |(next, _)| *next);
        let (from, until) = (x * WIDTH, until * WIDTH);
        path(&mut line, format_args!("{pen}{from:.1},{:.1}H{until:.1}", y(*number)));
        pen = 'L';
    }
    (line, least, most)
}

fn path(to: &mut String, part: std::fmt::Arguments<'_>) {
    to.write_fmt(part).expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(ms: u64, failures: u64) -> ChartPoint {
        let times = (Duration::from_millis(ms), Duration::from_millis(2 * ms));
        ChartPoint { times: Some(times), failures, checks: 60 }
    }

    #[test]
    fn gaps_stay_open_and_failures_are_marked() {
        let gap = ChartPoint::default();
        let failed = ChartPoint { times: None, failures: 60, checks: 60 };
        let chart = Chart::new(&[point(10, 0), point(20, 1), gap, failed, point(40, 0)]).unwrap();
        assert_eq!(chart.p50.len(), 2, "one line before the gap, one behind it");
        assert!(chart.p95[0].starts_with("M100.0,100L100.0,"), "{}", chart.p95[0]);
        assert!(chart.p95[1].starts_with("M800.0,100L800.0,"), "{}", chart.p95[1]);
        assert_eq!(chart.gone, "M400.0,50H600.0");
        assert_eq!(chart.fails.matches('M').count(), 2);
        assert_eq!((chart.most.as_str(), chart.half.as_str()), ("100 ms", "50.0 ms"));
        assert!(chart.summary.contains("61 failed checks; 1 of 5 spans"), "{}", chart.summary);
        assert!(Chart::new(&[gap, failed]).is_none());
    }

    #[test]
    fn a_value_holds_until_the_next() {
        let (line, least, most) = spark(&[(0.0, Some(10.0)), (0.5, None), (0.75, Some(20.0))]);
        assert_eq!(line, "M0.0,95.0H500.0M750.0,5.0H1000.0");
        assert_eq!((least, most), (10.0, 20.0));
        assert_eq!(spark(&[(0.0, Some(10.0))]).0, "");
        assert_eq!(
            spark(&[(0.0, Some(7.0)), (0.5, Some(7.0))]).0,
            "M0.0,50.0H500.0L500.0,50.0H1000.0"
        );
    }
}
