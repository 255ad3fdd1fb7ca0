//! `gather status`: how the targets of a watch are, from its history; or the status page as files.

use std::process::ExitCode;

use gather::core::Time;
use gather::core::watch::State;
use gather::store::history::{HistoryReader, TargetBrief, TargetQuery, Upkeep};
use gather_web::{ExportOptions, export};

use crate::args::StatusArgs;
use crate::commands::silence::unix_ms;
use crate::error::{CliError, EXIT_FAILED, EXIT_FAULT};
use crate::human;
use crate::resolve::{jobs, tables};

/// What `--state` calls those for which a window is open.
const MAINTENANCE: &str = "maintenance";
/// Characters of a name in the table.
const NAME_CHARS_MAX: usize = 60;

/// Prints the targets, the worst first.
///
/// # Errors
/// When the history cannot be read, or the page not be written.
pub(crate) fn status(args: &StatusArgs) -> Result<ExitCode, CliError> {
    let file = jobs::read_file(args.history.config.as_deref())?;
    let place = tables::place(&file)?;
    let fault = |error: &dyn std::fmt::Display| CliError::of_library(EXIT_FAULT, error);
    if let Some(dir) = &args.export {
        let mut options = ExportOptions::new(place);
        options.site.zone = jiff::tz::TimeZone::system();
        let web = tables::web(&file)?;
        options.base = web.url;
        if let Some(title) = web.title {
            options.site.title = title;
        }
        let exported = export(&options, dir).map_err(|error| fault(&error))?;
        return super::print(&format!(
            "{} in {}: {}, pages of {}",
            human::counted(exported.files, "file"),
            dir.display(),
            human::bytes(exported.bytes),
            human::counted(exported.targets, "target"),
        ));
    }
    let wanted = args.state.as_deref().map(state_named).transpose()?;
    let mut reader = HistoryReader::open(&place).map_err(|error| fault(&error))?;
    let now = Time::from_millis(unix_ms());
    let overview = reader.overview(now).map_err(|error| fault(&error))?;
    let (states, maintenance) = match wanted {
        None => (Vec::new(), None),
        Some(Wanted::In(state)) => (vec![state], None),
        Some(Wanted::Maintained) => (Vec::new(), Some(Upkeep::Open)),
    };
    let query = TargetQuery {
        job: args.job.as_deref().map(Into::into),
        states,
        maintenance,
        limit: args.limit,
        ..TargetQuery::default()
    };
    let page = reader.targets(&query).map_err(|error| fault(&error))?;
    let mut lines: Vec<String> = page.targets.iter().map(|target| line(target, now)).collect();
    let states = State::ALL.iter().rev().map(|state| (state.as_str(), overview.counts.of(*state)));
    let maintained = ("in maintenance", overview.counts.maintenance());
    let counts: Vec<String> = states
        .chain([maintained])
        .filter(|(_, n)| *n > 0)
        .map(|(name, n)| format!("{} {name}", human::count(n)))
        .collect();
    let all = human::counted(overview.counts.total(), "target");
    lines.push(format!(
        "{all}: {}",
        if counts.is_empty() { "none".into() } else { counts.join(", ") }
    ));
    super::print(&lines.join("\n"))?;
    Ok(match overview.counts.of(State::Down) {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(EXIT_FAILED),
    })
}

/// A state, or that a maintenance window is open.
enum Wanted {
    In(State),
    Maintained,
}

fn state_named(name: &str) -> Result<Wanted, CliError> {
    if name == MAINTENANCE {
        return Ok(Wanted::Maintained);
    }
    State::from_name(name).map(Wanted::In).ok_or_else(|| {
        let states = State::ALL.iter().map(|state| state.as_str());
        let names: Vec<&str> = states.chain([MAINTENANCE]).collect();
        CliError::usage(format!("--state: there is no state '{name}'"), names.join(", "))
    })
}

fn line(target: &TargetBrief, now: Time) -> String {
    let since = human::seconds(now.since(target.since).as_secs_f64());
    let maintained = (target.maintenance == Upkeep::Open).then_some("in maintenance");
    let why: Vec<&str> = maintained.into_iter().chain(target.reason.as_deref()).collect();
    let line = format!(
        "{:8}  for {since:>8}  {:12}  {}  {}",
        target.state.as_str(),
        human::clipped(&target.job, 12),
        human::clipped(&target.name, NAME_CHARS_MAX),
        why.join(": "),
    );
    human::printable(line.trim_end())
}
