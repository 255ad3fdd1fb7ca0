//! What is counted is written, in both forms.

use std::sync::Arc;

use gather_core::Time;
use gather_core::watch::WatchedNo;
use gather_core::{Health, Outcome, Record};

use super::*;
use crate::watch::spec::TargetMetrics;

fn metrics(probes: &Probes) -> Metrics {
    Metrics::new(Arc::default(), &Counts::default(), probes.seen())
}

fn text(metrics: &Metrics, format: MetricsFormat) -> String {
    let mut text = String::new();
    metrics.write(format, &mut text).expect("a string takes everything");
    text
}

fn check(health: Health, kind: Option<ErrorKind>, is_confirmation: bool) -> Check {
    Check {
        target: WatchedNo(0),
        due: Time::ZERO,
        lag: Duration::from_millis(3),
        took: Duration::from_millis(120),
        health,
        status_code: 200,
        kind,
        is_confirmation,
    }
}

#[test]
fn what_is_counted_is_written() {
    let metrics = metrics(&Probes::default());
    metrics.checked(&check(Health::Up, None, false));
    metrics.checked(&check(Health::Up, None, false));
    metrics.checked(&check(Health::Down, Some(ErrorKind::TimeoutConnect), false));
    metrics.checked(&check(Health::Down, Some(ErrorKind::TimeoutConnect), true));
    metrics.now(&[1, 2, 3, 4, 5, 6], 10, 7, 2);
    metrics.reloaded(1_790_000_000);
    let lines = [
        "gather_checks_total{outcome=\"up\",reason=\"ok\"} 2",
        "gather_checks_total{outcome=\"limited\",reason=\"challenge\"} 0",
        "gather_checks_total{outcome=\"down\",reason=\"timeout.connect\"} 2",
        "gather_check_duration_seconds_count 4",
        "gather_check_duration_seconds_sum 0.48",
        "gather_check_duration_seconds_bucket{le=\"0.1\"} 0",
        "gather_check_duration_seconds_bucket{le=\"0.2\"} 4",
        "gather_check_duration_seconds_bucket{le=\"+Inf\"} 4",
        "gather_schedule_lag_seconds_count 3",
        "gather_checks_missed_total{cause=\"overload\"} 0",
        "gather_targets{state=\"unknown\"} 1",
        "gather_targets{state=\"down\"} 6",
        "gather_in_flight 7",
        "gather_queue_depth 3",
        "gather_incidents_open 2",
        "gather_config_last_reload_successful 1",
        "gather_store_write_failures_total 0",
        concat!("gather_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
    ];
    for format in [MetricsFormat::Text, MetricsFormat::OpenMetrics] {
        let text = text(&metrics, format);
        for line in lines {
            assert!(text.lines().any(|known| known == line), "{line} is not in\n{text}");
        }
        assert_eq!(text.ends_with("# EOF\n"), format == MetricsFormat::OpenMetrics);
    }
}

/// Lines about targets, as text.
fn probes_of(probes: &Probes) -> Vec<String> {
    let text = text(&metrics(probes), MetricsFormat::Text);
    text.lines().filter(|line| line.starts_with("probe_")).map(str::to_owned).collect()
}

fn answered(status_code: u16) -> Record {
    let mut record = Record::new(0, Outcome::Ok);
    record.status_code = status_code;
    let ms = Duration::from_millis;
    let timings = &mut record.timings;
    (timings.namelookup, timings.connect) = (ms(1), ms(3));
    (timings.starttransfer, timings.total) = (ms(10), ms(15));
    record
}

#[test]
fn targets_have_series_where_they_are_wanted() {
    let mut probes = Probes::default();
    probes.want(TargetMetrics::Yes);
    probes.watch(WatchedNo(3), "shop", "web", "a \"quoted\" name");
    assert_eq!(probes_of(&probes), [""; 0], "it was not checked yet");
    probes.checked(WatchedNo(3), &answered(503), Health::Down);
    let labels = "job=\"shop\",group=\"web\",target=\"a \\\"quoted\\\" name\"";
    let expected = [
        format!("probe_success{{{labels}}} 0.0"),
        format!("probe_duration_seconds{{{labels}}} 0.015"),
        format!("probe_http_status_code{{{labels}}} 503.0"),
        format!("probe_http_duration_seconds{{{labels},phase=\"resolve\"}} 0.001"),
        format!("probe_http_duration_seconds{{{labels},phase=\"connect\"}} 0.002"),
        format!("probe_http_duration_seconds{{{labels},phase=\"tls\"}} 0.0"),
        format!("probe_http_duration_seconds{{{labels},phase=\"processing\"}} 0.007"),
        format!("probe_http_duration_seconds{{{labels},phase=\"transfer\"}} 0.005"),
    ];
    assert_eq!(probes_of(&probes), expected);
    for (health, success) in [
        (Health::Up, "1.0"),
        (Health::Degraded, "1.0"),
        (Health::Limited, "1.0"),
        (Health::Down, "0.0"),
    ] {
        probes.checked(WatchedNo(3), &answered(200), health);
        assert_eq!(probes_of(&probes)[0], format!("probe_success{{{labels}}} {success}"));
    }
    probes.checked(WatchedNo(3), &answered(0), Health::Unknown);
    let says = probes_of(&probes).iter().any(|line| line.starts_with("probe_success"));
    assert!(!says, "whether it answers is not known");
    probes.want(TargetMetrics::No);
    probes.watch(WatchedNo(3), "shop", "web", "x");
    assert_eq!(probes_of(&probes), [""; 0]);
}

#[test]
fn no_two_targets_have_the_same_series() {
    let mut probes = Probes::default();
    probes.want(TargetMetrics::Yes);
    let names = |probes: &Probes| {
        for number in 0..4 {
            probes.checked(WatchedNo(number), &answered(200), Health::Up);
        }
        let lines = probes_of(probes).into_iter().filter(|line| line.starts_with("probe_success"));
        lines.map(|line| line.split('"').nth(5).unwrap().to_owned()).collect::<Vec<_>>()
    };
    probes.watch(WatchedNo(0), "j", "", "a");
    probes.watch(WatchedNo(1), "j", "", "a");
    probes.watch(WatchedNo(2), "j", "g", "a");
    assert_eq!(names(&probes), ["a", "a #1", "a"]);
    // Nothing changes for who is told again.
    probes.watch(WatchedNo(1), "j", "", "a");
    probes.unwatch(WatchedNo(0));
    probes.watch(WatchedNo(3), "j", "", "a");
    assert_eq!(names(&probes), ["a #1", "a", "a #3"]);
    probes.unwatch(WatchedNo(1));
    probes.unwatch(WatchedNo(3));
    probes.watch(WatchedNo(0), "j", "", "a");
    assert_eq!(names(&probes), ["a", "a"]);
}
