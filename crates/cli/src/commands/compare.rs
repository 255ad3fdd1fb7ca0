//! `gather compare`: the first targets one by one, then concurrently, side by side.

use std::fmt::Write;
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::time::Duration;

use gather::Summary;
use gather::core::config::{Config, HostConcurrency};
use gather::source::InputPath;
use gather::summary::Ended;
use serde::Serialize;

use crate::commands::fetch::SummaryFile;
use crate::error::CliError;
use crate::human;
use crate::outcome;
use crate::resolve::RunSettings;
use crate::run::{self, Failures};
use crate::settings::Settings;
use crate::signals::Signals;
use crate::talk::Talk;

/// How many targets are compared where `--limit` says nothing.
const LIMIT_DEFAULT: u64 = 10;
/// The longest that one by one may take; the rest is extrapolated.
const ONE_BY_ONE_MAX: Duration = Duration::from_secs(60);

/// Both runs, as `--summary` writes them.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    /// One request at a time.
    pub(crate) one_by_one: Summary,
    /// As the settings say.
    pub(crate) concurrent: Summary,
}

/// Compares, and prints both sides.
///
/// # Errors
/// What keeps it from being done.
pub(crate) fn compare(settings: &Settings) -> Result<(ExitCode, Option<String>), CliError> {
    let run = checked(settings)?;
    let talk = Talk::new(&run.talk);
    let summary_file = SummaryFile::reserve(&run.talk)?;
    let signals = Signals::watch(talk.clone())?;
    let Some(comparison) = both(run.clone(), &talk, &signals)? else {
        return Ok((ExitCode::from(signals.exit_code().unwrap_or_default()), None));
    };
    summary_file.write(&comparison)?;
    let code = outcome::exit_code(&comparison.concurrent, run.allow_failures, signals.exit_code());
    Ok((ExitCode::from(code), Some(text(&comparison))))
}

/// Both runs, one after the other; `None` if a signal came in between.
///
/// # Errors
/// When one of them cannot be started or brought to its end.
pub(crate) fn both(
    mut run: RunSettings,
    talk: &Talk,
    signals: &Signals,
) -> Result<Option<Comparison>, CliError> {
    run.outputs.clear();
    run.bodies = None;
    run.journal = None;
    run.cache = None;
    let limit = run.source.limit.get_or_insert(LIMIT_DEFAULT);
    talk.note(&format!("one by one first: {}", human::counted(*limit, "target")));
    let serial = RunSettings { config: one_by_one(&run.config), ..run.clone() };
    let one_by_one = run::to_end(&serial, talk, signals, Failures::Unsaid)?;
    if signals.exit_code().is_some() {
        return Ok(None);
    }
    talk.note(&format!("now {} at once", run.config.concurrency));
    let concurrent = run::to_end(&run, talk, signals, Failures::Named)?;
    Ok(signals.exit_code().is_none().then_some(Comparison { one_by_one, concurrent }))
}

/// The settings, if they can be run twice without harm.
fn checked(settings: &Settings) -> Result<RunSettings, CliError> {
    for flag in ["output", "bodies", "cache", "template", "fields", "format"] {
        if settings.is_given(flag) {
            let message = format!("--{flag}: compare writes no records");
            return Err(CliError::usage(message, "gather fetch does"));
        }
    }
    let run = RunSettings::try_new(settings)?;
    let method = run.client.method.as_str();
    if !matches!(method, "GET" | "HEAD") {
        let message =
            format!("compare sends every request twice, and {method} may change something");
        return Err(CliError::usage(message, "compare with GET or HEAD (-I)"));
    }
    if run.source.files.iter().any(|file| file.path == InputPath::Stdin) {
        let hint = "save the list to a file, and name it with -i";
        return Err(CliError::usage(
            "compare reads its list twice, standard input only once",
            hint,
        ));
    }
    Ok(run)
}

fn one_by_one(config: &Config) -> Config {
    let one = NonZeroU32::MIN;
    let deadline = config.deadline.map_or(ONE_BY_ONE_MAX, |own| own.min(ONE_BY_ONE_MAX));
    Config {
        concurrency: one,
        host_concurrency: HostConcurrency::Fixed(one),
        deadline: Some(deadline),
        ..config.clone()
    }
}

/// Both sides and the ideal, for people.
pub(crate) fn text(comparison: &Comparison) -> String {
    let Comparison { one_by_one: serial, concurrent } = comparison;
    let targets = concurrent.inputs.max(1);
    let done = serial.ok + serial.failed + serial.skipped;
    let is_whole = serial.ended == Ended::Finished;
    // What was measured, carried on to all targets at the same pace.
    let serial_wall = match is_whole {
        true => serial.wall,
        false => serial.wall / done.max(1) as f64 * targets as f64,
    };
    let at_once = concurrent.concurrency.allowed.max(1);
    let rounds = targets.div_ceil(at_once.into());
    let ideal = rounds as f64 * serial_wall / targets as f64;
    let seconds = human::seconds;
    let rate = |wall: f64| human::figures(targets as f64 / wall.max(1e-9));
    let about = if is_whole { "" } else { "about " };
    let rows = [
        ["".into(), "one by one".into(), format!("{at_once} at once"), "ideal".into()],
        [
            "time".into(),
            format!("{about}{}", seconds(serial_wall)),
            seconds(concurrent.wall),
            seconds(ideal),
        ],
        ["targets a second".into(), rate(serial_wall), rate(concurrent.wall), rate(ideal)],
        ["ok".into(), human::count(serial.ok), human::count(concurrent.ok), String::new()],
        [
            "failed".into(),
            human::count(serial.failed),
            human::count(concurrent.failed),
            String::new(),
        ],
        [
            "median answer".into(),
            seconds(serial.time_total.p50),
            seconds(concurrent.time_total.p50),
            String::new(),
        ],
        [
            "in flight, mean".into(),
            human::figures(serial.concurrency.mean),
            human::figures(concurrent.concurrency.mean),
            String::new(),
        ],
    ];
    let mut text = table(&rows);
    let speedup = human::figures(serial_wall / concurrent.wall.max(1e-9));
    write!(
        text,
        "\n{} in {} instead of {about}{}: {speedup} times as fast.\nideal: {} of {at_once}, each \
         as long as one target one by one.",
        human::counted(concurrent.inputs, "target"),
        seconds(concurrent.wall),
        seconds(serial_wall),
        human::counted(rounds, "round"),
    )
    .expect("a string takes everything");
    if !is_whole {
        let line = format!(
            "\none by one was ended after {} with {} done; its time is extrapolated from these.",
            seconds(serial.wall),
            human::counted(done, "target"),
        );
        text.push_str(&line);
    }
    text
}

/// Rows of four columns, the first flush left, the others flush right.
fn table(rows: &[[String; 4]]) -> String {
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths: [usize; 4] = std::array::from_fn(width);
    let mut text = String::new();
    for [name, a, b, c] in rows {
        let [w, wa, wb, wc] = widths;
        let line = format!("{name:w$}  {a:>wa$}  {b:>wb$}  {c:>wc$}");
        writeln!(text, "{}", line.trim_end()).expect("a string takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(ended: Ended, ok: u64, wall: f64, at_once: u32) -> Summary {
        let mut summary = Summary::default();
        summary.ended = ended;
        (summary.inputs, summary.ok, summary.wall) = (ok, ok, wall);
        summary.concurrency.allowed = at_once;
        summary.concurrency.mean = ok as f64 / wall;
        summary.time_total.p50 = 1.0;
        summary
    }

    #[test]
    fn both_sides_and_the_ideal() {
        let whole = Comparison {
            one_by_one: summary(Ended::Finished, 50, 50.3, 1),
            concurrent: summary(Ended::Finished, 50, 3.02, 20),
        };
        let cut = Comparison {
            one_by_one: summary(Ended::Deadline, 40, 60.0, 1),
            concurrent: summary(Ended::Finished, 200, 10.2, 30),
        };
        insta::assert_snapshot!(format!("{}\n\n{}", text(&whole), text(&cut)));
    }
}
