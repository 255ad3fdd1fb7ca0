//! `gather silence`: nobody is told of a target for a while, though checks go on.

use std::process::ExitCode;

use gather::core::Time;
use gather::store::history::{
    Ended, HistoryError, HistoryPlace, HistoryReader, Outbox, Silence, SilenceMatch, TargetBrief,
    TargetQuery,
};
use gather::store::moment_text;

use crate::args::SilenceArgs;
use crate::error::{CliError, EXIT_FAULT};
use crate::human;
use crate::resolve::{jobs, tables};

/// Targets that are looked at for the one that is meant.
const NAMED_LIKE_MAX: u32 = 1_000;

/// Silences what the arguments name, lists silences, or ends one.
///
/// # Errors
/// When the history cannot be opened or written.
pub(crate) fn silence(args: &SilenceArgs) -> Result<ExitCode, CliError> {
    let file = jobs::read_file(args.history.config.as_deref())?;
    let place = tables::place(&file)?;
    let fault = |error: HistoryError| CliError::of_library(EXIT_FAULT, &error);
    let mut outbox = Outbox::open(&place).map_err(fault)?;
    let now = Time::from_millis(unix_ms());
    if args.list {
        let silences = outbox.silences(now).map_err(fault)?;
        return super::print(&listed(&silences));
    }
    if let Some(id) = args.end {
        return match outbox.end_silence(id, now).map_err(fault)? {
            Ended::Yes => super::print(&format!("silence {id} has ended")),
            Ended::Missing => {
                let hint = "gather silence --list shows those in force";
                Err(CliError::usage(format!("there is no silence {id} in force"), hint))
            }
        };
    }
    if args.lasting.is_zero() {
        return Err(CliError::usage("--for: it would be over at once", "write --for 2h"));
    }
    let silence = Silence {
        id: 0,
        matches: matches(args)?,
        from: now,
        until: now + args.lasting,
        why: args.why.as_str().into(),
    };
    let is_watched = is_watched(&place, &silence.matches).map_err(fault)?;
    let id = outbox.silence(&silence).map_err(fault)?;
    let text = format!(
        "silence {id}: nobody is told of {} for {}, until {}",
        whom(&silence.matches),
        human::seconds(args.lasting.as_secs_f64()),
        moment(silence.until),
    );
    match is_watched {
        true => super::print(&text),
        // It may be for what is added to a list in a minute.
        false => super::print(&format!(
            "{text}\nnote: nothing that is watched now is meant by it; gather status lists the targets"
        )),
    }
}

/// Whether any target that is watched now is meant.
fn is_watched(place: &HistoryPlace, matches: &SilenceMatch) -> Result<bool, HistoryError> {
    let mut query = TargetQuery { limit: NAMED_LIKE_MAX, ..TargetQuery::default() };
    match matches {
        SilenceMatch::Everything => {}
        SilenceMatch::Target(name) => query.search = name.clone(),
        SilenceMatch::Job(name) => query.job = Some(name.clone()),
        SilenceMatch::Group(name) => query.group = Some(name.clone()),
        SilenceMatch::Tag(name, value) => query.tag = Some((name.clone(), value.clone())),
    }
    let found = HistoryReader::open(place)?.targets(&query)?.targets;
    // A search finds parts, too.
    let is_meant = |target: &TargetBrief| {
        matches.matches(&target.job, &target.name, &target.url, &target.group, &target.tags)
    };
    Ok(found.iter().any(is_meant))
}

fn matches(args: &SilenceArgs) -> Result<SilenceMatch, CliError> {
    Ok(match (&args.target, &args.job, &args.group, &args.tag) {
        (Some(target), ..) => SilenceMatch::Target(target.as_str().into()),
        (_, Some(job), ..) => SilenceMatch::Job(job.as_str().into()),
        (_, _, Some(group), _) => SilenceMatch::Group(group.as_str().into()),
        (_, _, _, Some(tag)) => {
            let (name, value) = tag.split_once('=').ok_or_else(|| {
                CliError::usage(format!("--tag: '{tag}' has no value"), "write --tag team=shop")
            })?;
            SilenceMatch::Tag(name.into(), value.into())
        }
        _ => SilenceMatch::Everything,
    })
}

fn whom(matches: &SilenceMatch) -> String {
    match matches {
        SilenceMatch::Everything => "any target".to_owned(),
        SilenceMatch::Target(name) => name.to_string(),
        SilenceMatch::Job(name) => format!("the job {name}"),
        SilenceMatch::Group(name) => format!("the group {name}"),
        SilenceMatch::Tag(name, value) => format!("targets with {name}={value}"),
    }
}

fn listed(silences: &[Silence]) -> String {
    if silences.is_empty() {
        return "no silence is in force".to_owned();
    }
    let line = |silence: &Silence| {
        let why = if silence.why.is_empty() { String::new() } else { format!(": {}", silence.why) };
        let (whom, until) = (whom(&silence.matches), moment(silence.until));
        human::printable(&format!("{:>4}  {whom}, until {until}{why}", silence.id))
    };
    silences.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn moment(at: Time) -> String {
    moment_text(at.as_nanos() / 1_000)
}

pub(crate) fn unix_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
