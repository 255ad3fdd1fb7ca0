//! Evidence as it is shown: phases, address, headers, first bytes.

use gather_core::time::Duration;
use gather_store::history::{Evidence, EvidenceKind};

use super::Loader;
use crate::say;
use crate::view::{Proof, steps};

/// Characters of a body on a page; what is kept is hardly more.
const BODY_CHARS_MAX: usize = 4_096;

impl Loader<'_> {
    pub(super) fn proof(&self, evidence: &Evidence) -> Proof {
        let answer = &evidence.answer;
        let phases = &answer.phases;
        let total = phases.total.unwrap_or_default();
        let ends = [
            ("name", phases.namelookup),
            ("connect", phases.connect),
            ("tls", phases.appconnect),
            ("wait", phases.starttransfer),
            // The body ends with the check, if it was begun.
            ("body", phases.starttransfer.and(phases.total)),
        ];
        let is_plain = answer.url.starts_with("http://");
        let ends: Vec<_> =
            ends.into_iter().filter(|(name, _)| !is_plain || *name != "tls").collect();
        let body = shown_body(&evidence.body);
        Proof {
            name: match evidence.which {
                EvidenceKind::FirstFailure => "First failure".into(),
                EvidenceKind::LastGood => "Last good answer".into(),
            },
            at: self.clock.moment(evidence.at),
            message: answer.message.as_deref().map(say::printable).unwrap_or_default(),
            total: say::latency(total),
            steps: if total.is_zero() { Vec::new() } else { steps(&ends, total) },
            members: self.members(evidence),
            headers: answer
                .headers
                .iter()
                .map(|(name, value)| (say::printable(name), say::printable(value)))
                .collect(),
            body_size: match body.is_empty() {
                true => String::new(),
                false => format!(
                    "First {} of the body",
                    say::counted(evidence.body.len() as u64, "byte")
                ),
            },
            body,
        }
    }

    fn members(&self, evidence: &Evidence) -> Vec<(&'static str, String)> {
        let answer = &evidence.answer;
        let mut members = Vec::new();
        if answer.status_code > 0 {
            let version = match answer.http_version.is_empty() {
                true => String::new(),
                false => format!(", HTTP/{}", say::printable(&answer.http_version)),
            };
            members.push(("status", format!("{}{version}", answer.status_code)));
        }
        if let Some(kind) = answer.kind {
            members.push(("error", kind.as_str().to_owned()));
        }
        if let Some(address) = answer.address {
            members.push(("address", address.to_string()));
        }
        if !answer.url.is_empty() {
            members.push(("URL", say::printable(&answer.url)));
        }
        if let Some(until) = answer.certificate_until {
            members.push(("certificate ends", self.until(until)));
        }
        members
    }

    /// A day to come, with how far it is.
    pub(super) fn until(&self, until: gather_core::time::Time) -> String {
        let moment = self.clock.format(until, "%-d %b %Y");
        match until > self.now {
            true => {
                let days = until.since(self.now).as_secs() / 86_400;
                let rest = Duration::from_secs(days.max(1) * 86_400);
                format!("{moment} (in\u{a0}{})", say::span(rest).replace(' ', "\u{a0}"))
            }
            false => format!("{moment} (over)"),
        }
    }
}

/// A body's first bytes as text: lines stay lines, anything else that cannot be seen is escaped.
fn shown_body(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let lines = text.lines().map(say::printable).collect::<Vec<_>>().join("\n");
    lines.chars().take(BODY_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_stays_text() {
        assert_eq!(shown_body(b"a\r\n<b>\x1b[2J\n\xff"), "a\n<b>\\u{1b}[2J\n\u{fffd}");
        assert_eq!(shown_body(b""), "");
    }
}
