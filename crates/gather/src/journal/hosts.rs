//! Clocks of hosts as rows of the journal: moments of a run become moments of the calendar.

use gather_core::frontier::{GateClock, HostClock};
use gather_core::time::Duration;
use gather_core::{ErrorKind, Failure, HostKey};
use gather_store::journal::HostRow;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::clock::Clock;

/// The state of a host. Its names are part of the journal's format; moments are microseconds
/// since 1970.
#[derive(Serialize, Deserialize)]
struct State {
    next_us: u64,
    until_us: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    parked: bool,
    #[serde(default)]
    silences: u8,
    #[serde(default)]
    probes_failed: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gate: Option<Gate>,
    /// Kind and message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ending: Option<(String, String)>,
}

#[derive(Serialize, Deserialize)]
struct Gate {
    per_second: f64,
    refusals: u32,
    hold_s: f64,
    hold_until_us: u64,
    burst: Option<(f64, f64)>,
    ramp_per_second: f64,
    doubling_s: f64,
}

/// The clocks of these rows, for a run with this clock.
pub(crate) fn clocks(rows: &[HostRow], run: &Clock) -> Vec<HostClock> {
    rows.iter().filter_map(|row| from_row(row, run)).collect()
}

/// The row of a host; without a state if nothing is owed to it any more.
pub(super) fn to_row(clock: &HostClock, run: &Clock) -> HostRow {
    let host = clock.host.as_str().into();
    if clock.is_stale(run.now()) {
        return HostRow { host, state: None };
    }
    let state = State {
        next_us: run.unix_us_of(clock.next_at),
        until_us: run.unix_us_of(clock.until),
        parked: clock.parked,
        silences: clock.silences,
        probes_failed: clock.probes_failed,
        gate: clock.gate.as_ref().map(|gate| Gate {
            per_second: gate.rate,
            refusals: gate.refusals,
            hold_s: gate.hold.as_secs_f64(),
            hold_until_us: run.unix_us_of(gate.hold_until),
            burst: gate.burst,
            ramp_per_second: gate.ramp_per_second,
            doubling_s: gate.doubling_s,
        }),
        ending: clock
            .ending
            .as_ref()
            .map(|failure| (failure.kind.as_str().to_owned(), failure.message.to_string())),
    };
    let state = serde_json::to_string(&state).expect("numbers and text become JSON");
    HostRow { host, state: Some(state.into()) }
}

/// The clock of a row; `None` if it is stale, or not understood: politeness then begins anew.
fn from_row(row: &HostRow, run: &Clock) -> Option<HostClock> {
    let host = HostKey::of(&Url::parse(&row.host).ok()?)?;
    let state: State = serde_json::from_str(row.state.as_deref()?).ok()?;
    let hold_until_us = state.gate.as_ref().map_or(0, |gate| gate.hold_until_us);
    let last_us = state.next_us.max(state.until_us).max(hold_until_us);
    let forgotten_us = u64::try_from(HostClock::FORGOTTEN_AFTER.as_micros()).unwrap_or(u64::MAX);
    if last_us.saturating_add(forgotten_us) < run.unix_us_of(run.now()) {
        return None;
    }
    let gate = match state.gate {
        None => None,
        Some(gate) => Some(GateClock {
            rate: gate.per_second,
            refusals: gate.refusals,
            hold: Duration::try_from_secs_f64(gate.hold_s).ok()?,
            hold_until: run.time_of(gate.hold_until_us),
            burst: gate.burst,
            ramp_per_second: gate.ramp_per_second,
            doubling_s: gate.doubling_s,
        }),
    };
    let ending = match state.ending {
        None => None,
        Some((kind, message)) => Some(Failure::new(ErrorKind::from_name(&kind)?, message)),
    };
    Some(HostClock {
        host,
        next_at: run.time_of(state.next_us),
        until: run.time_of(state.until_us),
        parked: state.parked,
        silences: state.silences,
        probes_failed: state.probes_failed,
        gate,
        ending,
    })
}

#[cfg(test)]
mod tests {
    use gather_core::Time;

    use super::*;

    #[test]
    fn a_clock_goes_on_in_a_run_that_starts_later() {
        let run = Clock::start();
        let at = |seconds| Time::ZERO + Duration::from_secs(seconds);
        let clock = HostClock {
            host: HostKey::new(gather_core::Scheme::Http, "[::1]", 8080),
            next_at: at(1),
            until: at(60),
            parked: false,
            silences: 0,
            probes_failed: 0,
            gate: Some(GateClock {
                rate: 48.2,
                refusals: 1,
                hold: Duration::from_millis(4_500),
                hold_until: at(64),
                burst: Some((5.0, 0.2)),
                ramp_per_second: 8.0,
                doubling_s: 0.4,
            }),
            ending: Some(Failure::new(ErrorKind::HostParked, "it is \"dead\"")),
        };
        let row = to_row(&clock, &run);
        assert_eq!(from_row(&row, &run), Some(clock.clone()));
        let later = Clock::start_at(run.unix_us_of(at(40)));
        let moved = from_row(&row, &later).expect("20 s are left");
        assert_eq!((moved.next_at, moved.until), (Time::ZERO, at(20)));
        assert_eq!(moved.gate.expect("kept").hold_until, at(24));
        let long_after = Clock::start_at(run.unix_us_of(at(10_000)));
        assert_eq!(from_row(&row, &long_after), None);
        let rubbish = HostRow { state: Some("{".into()), ..row };
        assert_eq!(from_row(&rubbish, &run), None);
    }
}
