//! The feed of incidents (RFC 4287).

use askama::Template;
use gather_core::time::Time;
use gather_store::history::{HistoryError, HistoryReader, IncidentBrief, IncidentsOf};
use sha2::{Digest, Sha256};

use crate::links::Links;
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
    page: String,
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

/// The last incidents. `base` is the site's address with a slash at its end, and `links` lead on
/// from there.
///
/// # Errors
/// When the history cannot be read.
pub(crate) fn atom(
    reader: &mut HistoryReader,
    clock: &Clock,
    title: &str,
    base: &str,
    links: Links<'_>,
) -> Result<String, HistoryError> {
    let page = reader.incidents(IncidentsOf::Everything, None, ENTRIES_MAX)?;
    let created = reader.created()?;
    let changed = |one: &IncidentBrief| one.closed.unwrap_or(one.opened);
    let updated = page.incidents.iter().map(changed).max().unwrap_or(created);
    let entries = page.incidents.iter().map(|incident| Entry {
        id: identity(created, &format!("incident {}", incident.id)),
        title: match incident.closed {
            Some(_) => format!("Over: {}", incident_name(incident)),
            None => incident_name(incident),
        },
        published: say::rfc3339(incident.opened),
        updated: say::rfc3339(changed(incident)),
        link: format!("{base}{}", links.incident(incident.id)),
        text: text(incident, clock),
    });
    let feed = Feed {
        title,
        id: identity(created, "incidents"),
        updated: say::rfc3339(updated),
        base,
        page: links.page("incidents"),
        entries: entries.collect(),
    };
    Ok(feed.render().expect("a string takes everything"))
}

/// The identity of something: the same however the site is called, and no other site's, since two
/// histories hardly began in the same millisecond. A UUID of version 8 (RFC 9562).
fn identity(created: Time, what: &str) -> String {
    let hash = Sha256::digest(format!("gather {} {what}", created.as_nanos()));
    let mut bytes: [u8; 16] = std::array::from_fn(|at| hash[at]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let [a, b, c, d, e] = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &hex[part]);
    format!("urn:uuid:{a}-{b}-{c}-{d}-{e}")
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
