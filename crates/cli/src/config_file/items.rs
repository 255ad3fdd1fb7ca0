//! What a table of the file says beside the flags of a fetch: when a job runs, what it expects.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::json;

/// Keys of a job that are no flags: its kind, its schedule, what is expected, who is told.
pub(crate) const JOB_KEYS: &[&str] = &[
    "kind",
    "every",
    "cron",
    "timezone",
    "expect",
    "notify",
    "maintenance",
    "group",
    "canary",
    "confirmations",
    "confirm-after",
    "down-after",
    "recoveries",
    "window",
    "refresh",
    "target",
];

/// One key, its value, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    /// The key, with dashes.
    pub(crate) key: String,
    /// The value; texts may hold references like `${env:NAME}`.
    pub(crate) value: serde_json::Value,
    /// Key and value, in bytes of the file.
    pub(crate) span: Range<usize>,
}

impl Item {
    /// A key of the file with its value.
    pub(super) fn new(name: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) -> Self {
        Self {
            key: dashed(name.get_ref()),
            value: json(value.get_ref()),
            span: name.span().start..value.span().end,
        }
    }
}

/// Whether a job may have this key beside the flags.
pub(super) fn is_job_key(written: &str) -> bool {
    JOB_KEYS.contains(&dashed(written).as_str())
}

/// A key as it is known: `confirm_after` is `confirm-after`.
pub(super) fn dashed(written: &str) -> String {
    written.replace('_', "-")
}

/// All of a table.
pub(super) fn items(table: &DeTable<'_>) -> Vec<Item> {
    table.iter().map(|(name, value)| Item::new(name, value)).collect()
}

/// `[[job.NAME.target]]` as JSON lines, as a list of targets is written. References are kept.
pub(crate) fn targets(value: &serde_json::Value) -> Result<String, &'static str> {
    const FORM: &str = "write [[job.NAME.target]] with url = \"…\"";
    let list = value.as_array().ok_or(FORM)?;
    let mut lines = String::new();
    for target in list {
        let members = target.as_object().ok_or(FORM)?;
        if !members.get("url").is_some_and(serde_json::Value::is_string) {
            return Err(FORM);
        }
        lines.push_str(&target.to_string());
        lines.push('\n');
    }
    Ok(lines)
}
