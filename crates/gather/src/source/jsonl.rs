//! A JSON object a line: targets with their request, or the records of an earlier run.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use gather_core::ErrorKind;
use gather_core::target::{Method, RequestSpec};
use gather_core::time::Duration;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::inputs::Context;
use super::lines::{Line, Lines};
use super::parse::Reject;
use super::rows::{Row, RowRead, RowSource, Wanted, url_column};
use super::{OnlyFailed, SourceError, own_rules::OwnRules};

/// Reads JSON lines.
pub(super) struct JsonRows {
    pub(super) name: Arc<str>,
    pub(super) lines: Lines,
    pub(super) url_field: Option<String>,
    pub(super) only: Option<OnlyFailed>,
    pub(super) columns: Columns,
    pub(super) own_rules: OwnRules,
}

/// Which members become columns of the row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    /// All but the URL: they are its tags.
    Others,
    /// All: they fill templates.
    All,
}

/// Members that say something of the request, and are no tags.
const REQUEST_MEMBERS: &[&str] = &["method", "headers", "body", "timeout", "extract", "tags"];

impl RowSource for JsonRows {
    fn may_have_rules(&self) -> bool {
        true
    }

    fn next_row(
        &mut self,
        context: &Context,
        wanted: Wanted,
    ) -> Result<Option<RowRead>, SourceError> {
        loop {
            let line = self.lines.number() + 1;
            let read = self.lines.next().map_err(|error| SourceError::Read {
                file: self.name.to_string(),
                line: line - 1,
                error,
            })?;
            let raw = match read {
                None => return Ok(None),
                Some(Line::TooLong(head)) => {
                    let row = Err(context.line_too_long());
                    return Ok(Some(RowRead { row, raw: head.to_vec(), line }));
                }
                Some(Line::Whole(raw)) => raw.trim_ascii(),
            };
            if raw.is_empty() {
                continue;
            }
            let raw = raw.to_vec();
            if wanted == Wanted::No && self.only.is_none() {
                return Ok(Some(RowRead { row: Ok(Row::default()), raw, line }));
            }
            match self.row(&raw) {
                Ok(None) => {}
                Ok(Some(row)) => return Ok(Some(RowRead { row: Ok(row), raw, line })),
                Err(reject) => return Ok(Some(RowRead { row: Err(reject), raw, line })),
            }
        }
    }

    fn has_row(&self) -> bool {
        self.lines.has_line()
    }

    fn columns(&mut self) -> Result<Option<&[Arc<str>]>, SourceError> {
        Ok(None)
    }
}

impl JsonRows {
    /// The row of a line; `None` if `--only` leaves it out.
    fn row(&mut self, raw: &[u8]) -> Result<Option<Row>, Reject> {
        let text = std::str::from_utf8(raw)
            .map_err(|error| Reject::invalid(format!("the line is not UTF-8: {error}")))?;
        let members: Members<'_> = serde_json::from_str(text)
            .map_err(|error| Reject::invalid(format!("not a JSON object: {error}")))?;
        let outcome = members.text("outcome");
        if let Some(only) = &self.only {
            let kind = members.get("error").and_then(|error| {
                serde_json::from_str::<Members<'_>>(error.get()).ok()?.text("kind")
            });
            if !only.matches(outcome.as_deref(), kind.as_deref()) {
                return Ok(None);
            }
        }
        // A record of an earlier run: what its other members say is that run's, not ours.
        let is_record = outcome.is_some() && members.get("n").is_some();
        let url_at = self.url_at(&members, is_record)?;
        let url = url_at.and_then(|at| scalar(members.0[at].1)).map(String::into_boxed_str);
        let mut row = Row { url, ..Row::default() };
        if is_record {
            row.request = method_of(&members)?
                .map(|method| RequestSpec { method: Some(method), ..RequestSpec::default() });
        } else {
            row.request = request_of(&members)?;
            if let Some(rules) = members.get("extract") {
                let request = row.request.get_or_insert_default();
                request.extract = Some(self.own_rules.checked(rules.get())?);
            }
            for (at, (name, value)) in members.0.iter().enumerate() {
                let is_column = match self.columns {
                    Columns::All => true,
                    Columns::Others => url_at != Some(at),
                };
                if is_column
                    && !REQUEST_MEMBERS.contains(&name.as_str())
                    && let Some(value) = scalar(value).or_else(|| expected(name, value))
                {
                    row.columns.push((name.as_str().into(), value.into()));
                }
            }
        }
        if let Some(tags) = members.get("tags") {
            let tags: Members<'_> = serde_json::from_str(tags.get())
                .map_err(|_| Reject::invalid("tags must be an object"))?;
            let tags = tags.0.iter().filter_map(|(name, value)| Some((name, scalar(value)?)));
            row.columns.extend(tags.map(|(name, value)| (name.as_str().into(), value.into())));
        }
        Ok(Some(row))
    }

    fn url_at(&self, members: &Members<'_>, is_record: bool) -> Result<Option<usize>, Reject> {
        let position = |wanted: &str| members.0.iter().position(|(name, _)| name == wanted);
        let found = match &self.url_field {
            Some(field) => position(field),
            // The input names what was asked for; `url` may have been guessed from it.
            None if is_record => position("input").or_else(|| position("url")),
            None => url_column(members.0.iter().map(|(name, _)| name.as_str())),
        };
        if found.is_none() && self.columns == Columns::Others {
            let field = self.url_field.as_deref().unwrap_or("url");
            return Err(Reject::invalid(format!("the object has no member {field:?}")));
        }
        Ok(found)
    }
}

impl OnlyFailed {
    /// Whether a record with this outcome and kind is to be fetched again.
    pub(crate) fn matches(&self, outcome: Option<&str>, kind: Option<&str>) -> bool {
        let kind = kind.and_then(ErrorKind::from_name);
        match (&self.kind, outcome, kind) {
            (Some(wanted), Some("failed" | "skipped"), Some(kind)) => {
                wanted == kind.as_str() || wanted == kind.family()
            }
            (None, Some("failed"), _) => true,
            (None, Some("skipped"), Some(kind)) => matches!(
                kind,
                ErrorKind::Cancelled | ErrorKind::HostParked | ErrorKind::Interrupted
            ),
            _ => false,
        }
    }
}

/// The members of an object in their order, not yet understood.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Members<'a> {
    /// The last member of this name, as JSON has it; none if it is null.
    fn get(&self, name: &str) -> Option<&'a RawValue> {
        let found = self.0.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| *value).filter(|value| value.get() != "null")
    }

    fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(8);
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// A string's text, or a number or boolean as written.
fn scalar(value: &RawValue) -> Option<String> {
    match value.get().as_bytes().first()? {
        b'"' => serde_json::from_str(value.get()).ok(),
        b'{' | b'[' | b'n' => None,
        _ => Some(value.get().to_owned()),
    }
}

/// What is expected of the target: read by whoever checks it, and may be a list.
fn expected(name: &str, value: &RawValue) -> Option<String> {
    (name == "expect" && value.get().starts_with('[')).then(|| value.get().to_owned())
}

fn method_of(members: &Members<'_>) -> Result<Option<Method>, Reject> {
    let Some(value) = members.get("method") else { return Ok(None) };
    let name = scalar(value).unwrap_or_default();
    match Method::from_name(&name) {
        Some(method) => Ok(Some(method)),
        None => Err(Reject::invalid(format!("{} is no method", value.get()))),
    }
}

fn request_of(members: &Members<'_>) -> Result<Option<RequestSpec>, Reject> {
    let mut spec = RequestSpec { method: method_of(members)?, ..RequestSpec::default() };
    if let Some(headers) = members.get("headers") {
        spec.headers = headers_of(headers)?;
    }
    if let Some(body) = members.get("body") {
        spec.body = Some(match scalar(body) {
            Some(text) if body.get().starts_with('"') => Bytes::from(text),
            // An object, or any other JSON: sent as it is written.
            _ => {
                if !spec.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                    spec.headers.push(("content-type".into(), "application/json".into()));
                }
                Bytes::copy_from_slice(body.get().as_bytes())
            }
        });
        // As curl does it: data without a method is posted.
        spec.method =
            spec.method.or_else(|| members.get("method").is_none().then_some(Method::POST));
    }
    if let Some(timeout) = members.get("timeout") {
        spec.timeout = Some(timeout_of(timeout)?);
    }
    Ok((spec != RequestSpec::default()).then_some(spec))
}

fn headers_of(headers: &RawValue) -> Result<Vec<(String, String)>, Reject> {
    let wrong = || Reject::invalid("headers must be an object of strings, or of lists of strings");
    let members: Members<'_> = serde_json::from_str(headers.get()).map_err(|_| wrong())?;
    let mut found = Vec::new();
    for (name, value) in &members.0 {
        if let Some(value) = scalar(value) {
            found.push((name.clone(), value));
        } else {
            let values: Vec<String> = serde_json::from_str(value.get()).map_err(|_| wrong())?;
            found.extend(values.into_iter().map(|value| (name.clone(), value)));
        }
    }
    Ok(found)
}

/// Seconds as a number, or a text such as `500ms`, `5s`, `2m`.
fn timeout_of(value: &RawValue) -> Result<Duration, Reject> {
    let text = scalar(value).unwrap_or_default();
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let scale = match unit {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3600.0,
        _ => f64::NAN,
    };
    let seconds = number.trim().parse().unwrap_or(f64::NAN) * scale;
    match Duration::try_from_secs_f64(seconds) {
        Ok(timeout) if !timeout.is_zero() => Ok(timeout),
        _ => Err(Reject::invalid(format!("timeout {} is no time", value.get()))),
    }
}
