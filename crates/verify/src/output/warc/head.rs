//! Named fields (WARC 1.1, section 4): of a record, and of a block of `application/warc-fields`.

use crate::examine::sha256_of;

/// Fields in their order, names in lower case.
#[derive(Debug, Default)]
pub(super) struct Head(Vec<(String, String)>);

const IDENTICAL_PAYLOAD: &str = "/revisit/identical-payload-digest";

impl Head {
    /// The fields of a record, one a line; `None` if a line is none.
    pub(super) fn parse(lines: &str) -> Option<Self> {
        let field = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        lines
            .split("\r\n")
            .filter(|line| !line.is_empty())
            .map(field)
            .collect::<Option<_>>()
            .map(Self)
    }

    /// The members in a block, whose values stand as they are behind one space.
    pub(super) fn members(block: &[u8]) -> Option<Self> {
        let lines = std::str::from_utf8(block).ok()?;
        let member = |line: &str| {
            let (name, value) = line.split_once(": ").or_else(|| line.split_once(':'))?;
            Some((name.to_owned(), value.to_owned()))
        };
        let lines = lines.split("\r\n").filter(|line| !line.is_empty());
        lines.map(member).collect::<Option<_>>().map(Self)
    }

    pub(super) fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The field; empty if there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    pub(super) fn kind(&self) -> &str {
        self.text("warc-type")
    }

    pub(super) fn sha256(&self, name: &str) -> Option<[u8; 32]> {
        sha256_of(self.find(name)?.strip_prefix("sha256:")?)
    }

    /// Whether it stands for a body that is elsewhere in the archive (section 6.7.2).
    pub(super) fn is_identical_payload(&self) -> bool {
        self.kind() == "revisit" && self.text("warc-profile").ends_with(IDENTICAL_PAYLOAD)
    }
}
