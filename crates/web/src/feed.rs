//! The feed of incidents (RFC 4287).

use askama::Template;
use gather_core::time::Time;
use gather_store::history::{HistoryError, HistoryReader, IncidentBrief, IncidentsOf};

use crate::load::incident_name;
use crate::say::{self, Clock};

/// Incidents of a feed.
const ENTRIES_MAX: u32 = 50;

#[derive(Template)]
#[template(path = "feed.xml", whitespace = "minimize")]
struct Feed<'a> {
    title: &'a str,
    id: String,
    updated: String,
    base: &'a str,
    entries: Vec<Entry>,
}

struct Entry {
    id: String,
    title: String,
    published: String,
    updated: String,
    link: String,
    text: String,
}

/// The last incidents. `base` is the site's address with a slash at its end; `host` names the site
/// in the entries' identities, which have to stay the same however it is asked for.
///
/// # Errors
/// When the history cannot be read.
pub(crate) fn atom(
    reader: &mut HistoryReader,
    clock: &Clock,
    title: &str,
    base: &str,
    host: Option<&str>,
) -> Result<String, HistoryError> {
    let page = reader.incidents(IncidentsOf::Everything, None, ENTRIES_MAX)?;
    let authority = host.unwrap_or("localhost");
    // RFC 4151: a name, a date on which it was ours, and what we call it.
    let tag = |what: &str| format!("tag:{authority},2026:gather/{what}");
    let changed = |one: &IncidentBrief| one.closed.unwrap_or(one.opened);
    let updated = page.incidents.iter().map(changed).max().unwrap_or(Time::ZERO);
    let entries = page.incidents.iter().map(|incident| Entry {
        id: tag(&format!("incident/{}", incident.id)),
        title: match incident.closed {
            Some(_) => format!("Over: {}", incident_name(incident)),
            None => incident_name(incident),
        },
        published: say::rfc3339(incident.opened),
        updated: say::rfc3339(changed(incident)),
        link: format!("{base}incidents/{}", incident.id),
        text: text(incident, clock),
    });
    let feed = Feed {
        title,
        id: tag("incidents"),
        updated: say::rfc3339(updated),
        base,
        entries: entries.collect(),
    };
    Ok(feed.render().expect("a string takes everything"))
}

fn text(incident: &IncidentBrief, clock: &Clock) -> String {
    let zone = clock.zone_name();
    let began = format!("Began {} {zone}", clock.moment(incident.opened));
    let ended = match incident.closed {
        Some(closed) => format!(", lasted {}", say::span(closed.since(incident.opened))),
        None => String::new(),
    };
    let reason = match incident.reason.is_empty() {
        true => String::new(),
        false => format!(" {}", say::printable(&incident.reason)),
    };
    let targets = say::counted(incident.targets.into(), "target");
    format!("{began}{ended}. {targets}.{reason}")
}
