//! The columns of the table `record`, and which of them a run fills.

use std::borrow::Cow;
use std::sync::Arc;

use gather_core::Record;
use gather_core::attempt::Headers;
use gather_core::target::Tags;

use crate::fields::{Field, Fields, Repeats};
use crate::value::{Value, value_of};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A whole number.
    Int,
    /// Seconds.
    Seconds,
    /// True or false.
    Flag,
    /// Text.
    Text,
    /// An address.
    Ip,
    /// A moment in UTC.
    Moment,
    /// JSON that this crate wrote.
    Json,
    /// JSON as a server sent it: valid, but with any escapes and numbers.
    ForeignJson,
}

/// One column of `record`, beside its key (run, n).
pub(crate) struct Column {
    /// Its name.
    pub(crate) name: &'static str,
    /// Which member it is; `None` for `host`, which only databases have.
    field: Option<Field>,
    /// What it holds.
    pub(crate) kind: Kind,
    /// What the schema says about it.
    pub(crate) about: &'static str,
}

const fn column(name: &'static str, field: Field, kind: Kind, about: &'static str) -> Column {
    Column { name, field: Some(field), kind, about }
}

/// Every column, in the order of the record.
pub(crate) static COLUMNS: &[Column] = &[
    column("source", Field::Source, Kind::Text, "where the input stands, if there are several"),
    column("line", Field::Line, Kind::Int, ""),
    column("input", Field::Input, Kind::Text, "as given"),
    column("url", Field::Url, Kind::Text, "what was asked for first"),
    Column {
        name: "host",
        field: None,
        kind: Kind::Text,
        about: "of url; with its port if it names one",
    },
    column("final_url", Field::FinalUrl, Kind::Text, "where the answer came from"),
    column("method", Field::Method, Kind::Text, ""),
    column("outcome", Field::Outcome, Kind::Text, "ok, failed, skipped"),
    column("health", Field::Health, Kind::Text, "of a check: up, degraded, limited, unknown, down"),
    column("health_reason", Field::HealthReason, Kind::Text, ""),
    column("status_code", Field::StatusCode, Kind::Int, ""),
    column("http_version", Field::HttpVersion, Kind::Text, ""),
    column("remote_ip", Field::RemoteIp, Kind::Ip, "the address dialled"),
    column("content_type", Field::ContentType, Kind::Text, ""),
    column("content_length", Field::ContentLength, Kind::Int, "bytes of the body, decoded"),
    column("body_bytes", Field::BodyBytes, Kind::Int, "bytes of the body, as received"),
    column("attempts", Field::Attempts, Kind::Int, "tries made"),
    column("error_kind", Field::ErrorKind, Kind::Text, "unless ok"),
    column("error_message", Field::ErrorMessage, Kind::Text, ""),
    column("error_retryable", Field::ErrorRetryable, Kind::Flag, ""),
    column("started_at", Field::StartedAt, Kind::Moment, "the last try, UTC"),
    column("time_queue", Field::TimeQueue, Kind::Seconds, "seconds, as all times"),
    column(
        "time_namelookup",
        Field::TimeNamelookup,
        Kind::Seconds,
        "of the last try, from its start",
    ),
    column("time_connect", Field::TimeConnect, Kind::Seconds, ""),
    column("time_appconnect", Field::TimeAppconnect, Kind::Seconds, ""),
    column("time_starttransfer", Field::TimeStarttransfer, Kind::Seconds, ""),
    column("time_total", Field::TimeTotal, Kind::Seconds, ""),
    column("tls_version", Field::TlsVersion, Kind::Text, ""),
    column("tls_not_after", Field::TlsNotAfter, Kind::Moment, "when the certificate ends"),
    column("tls_san", Field::TlsSan, Kind::Json, "its names; only if asked for"),
    column("num_redirects", Field::NumRedirects, Kind::Int, "only if asked for"),
    column("chain", Field::Chain, Kind::Json, "redirects followed"),
    column("tags", Field::Tags, Kind::Json, "what the input brought along"),
    column("sha256", Field::Sha256, Kind::Text, "of the body, where it was computed"),
    column("body_path", Field::BodyPath, Kind::Text, ""),
    column("warc_file", Field::WarcFile, Kind::Text, "the archive that holds the response"),
    column("warc_offset", Field::WarcOffset, Kind::Int, "where in it, in bytes"),
    column("warc_length", Field::WarcLength, Kind::Int, ""),
    column("truncated", Field::Truncated, Kind::Flag, "if only a beginning of the body was kept"),
    column("cache", Field::Cache, Kind::Text, "what the cache did"),
    column("unchanged", Field::Unchanged, Kind::Flag, "if the body is the one of last time"),
    column("same_as", Field::SameAs, Kind::Int, "the n whose answer it is, of an equal request"),
    column("headers", Field::Headers, Kind::Json, "this and what follows: only if asked for"),
    column("title", Field::Title, Kind::Text, ""),
    column("preview", Field::Preview, Kind::Text, ""),
    column("json", Field::Json, Kind::ForeignJson, "the body, if it is JSON"),
];

/// Whether bodies are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bodies {
    /// They are not.
    No,
    /// Each once, by its SHA-256.
    Stored,
}

/// Which names of an open set are written.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Which {
    All,
    Only(Vec<Arc<str>>),
}

impl Which {
    fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|known| **known == *name),
        }
    }

    /// `None` where nothing of the set is asked for.
    fn of(
        list: &[Field],
        whole: &Field,
        name: impl Fn(&Field) -> Option<&Arc<str>>,
    ) -> Option<Self> {
        if list.contains(whole) {
            return Some(Self::All);
        }
        let names: Vec<Arc<str>> = list.iter().filter_map(name).cloned().collect();
        (!names.is_empty()).then_some(Self::Only(names))
    }
}

/// What a run writes of each record: `--fields`, as a database understands it.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    chosen: Vec<usize>,
    fields: Option<Which>,
    tags: Option<Which>,
    headers: Option<Which>,
    /// Whether bodies are stored.
    pub(crate) bodies: Bodies,
}

impl Plan {
    /// The plan for these members.
    pub(crate) fn new(fields: &Fields) -> Self {
        let list = fields.list();
        let tags = Which::of(list, &Field::Tags, |field| match field {
            Field::Tag(name) => Some(name),
            _ => None,
        });
        let headers = Which::of(list, &Field::Headers, |field| match field {
            Field::Header(name) => Some(name),
            _ => None,
        });
        let extracted = Which::of(list, &Field::Fields, |field| match field {
            Field::Extracted(name) => Some(name),
            _ => None,
        });
        let bodies = if list.contains(&Field::Body) { Bodies::Stored } else { Bodies::No };
        let is_chosen = |column: &Column| match &column.field {
            None => list.contains(&Field::Url),
            // Counts are of it.
            Some(Field::Outcome) => true,
            Some(Field::Tags) => tags.is_some(),
            Some(Field::Headers) => headers.is_some(),
            Some(Field::Sha256) => bodies == Bodies::Stored || list.contains(&Field::Sha256),
            Some(field) => list.contains(field),
        };
        let chosen = (0..COLUMNS.len()).filter(|at| is_chosen(&COLUMNS[*at])).collect();
        Self { chosen, fields: extracted, tags, headers, bodies }
    }

    /// The columns it fills, beside run and n.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &'static Column> {
        self.chosen.iter().map(|at| &COLUMNS[*at])
    }

    /// Whether this extracted field is written.
    pub(crate) fn has_field(&self, name: &str) -> bool {
        self.fields.as_ref().is_some_and(|which| which.has(name))
    }

    /// Whether this tag is written.
    pub(crate) fn has_tag(&self, name: &str) -> bool {
        self.tags.as_ref().is_some_and(|which| which.has(name))
    }

    /// The value of a column that this plan fills, shown to `take`.
    pub(crate) fn value(
        &self,
        column: &Column,
        record: &Record,
        take: &mut dyn FnMut(Option<Value<'_>>),
    ) {
        match (&column.field, &self.tags, &self.headers) {
            (None, ..) => {
                take(host_of(&record.url).map(|host| Value::Text(Cow::Borrowed(host))));
            }
            (Some(Field::Tags), Some(which @ Which::Only(_)), _) => {
                let of_record = record.tags.iter().flat_map(|tags| tags.iter());
                let tags: Tags = of_record.filter(|(name, _)| which.has(name)).cloned().collect();
                take((!tags.is_empty()).then_some(Value::Tags(&tags)));
            }
            (Some(Field::Headers), _, Some(which @ Which::Only(_))) => {
                let is_chosen = |name: &str| which.has(&name.to_ascii_lowercase());
                let of_record = record.headers.iter().flat_map(|headers| headers.iter());
                let headers: Headers =
                    of_record.filter(|(name, _)| is_chosen(name)).cloned().collect();
                take((!headers.is_empty()).then_some(Value::Headers(&headers)));
            }
            // A column means the same in every row: what JSON leaves out as a repetition stands.
            (Some(field), ..) => take(value_of(field, record, Repeats::Write)),
        }
    }
}

/// The host of a URL, with its port where one is named: what stands between `//` and the path,
/// without credentials.
fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = &rest[..end];
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_has_its_column() {
        let elsewhere = ["n", "fields", "body", "body_encoding"];
        for name in Field::known_names().split(", ") {
            let Some(field) = Field::from_name(name).filter(|_| !name.ends_with("NAME")) else {
                continue;
            };
            let has = COLUMNS.iter().any(|column| {
                column.field.as_ref() == Some(&field) && column.name == name.replace('.', "_")
            });
            assert_eq!(has, !elsewhere.contains(&name), "{name}");
        }
    }

    #[test]
    fn lists_choose_columns() {
        let names = |list: &str| {
            let plan = Plan::new(&Fields::parse(list).unwrap());
            let names: Vec<&str> = plan.columns().map(|column| column.name).collect();
            names.join(" ")
        };
        let cases = [
            ("url,status_code", "url host outcome status_code"),
            ("n,body", "outcome sha256"),
            ("headers.etag,tags.sku,fields.price", "outcome tags headers"),
            ("error", "outcome error_kind error_message error_retryable"),
        ];
        for (list, expected) in cases {
            assert_eq!(names(list), expected, "{list}");
        }
        let plan = Plan::new(&Fields::parse("tags.sku,fields.price").unwrap());
        assert!(plan.has_tag("sku") && !plan.has_tag("x") && plan.has_field("price"));
        assert!(!plan.has_field("x") && Plan::new(&Fields::default()).has_field("x"));
    }

    #[test]
    fn hosts_are_found() {
        let cases = [
            ("https://a.example/p", Some("a.example")),
            ("http://a.example:8080", Some("a.example:8080")),
            ("http://u:p@[::1]:80?x=/", Some("[::1]:80")),
            ("http:///x", None),
            ("not a url", None),
            ("", None),
        ];
        for (url, expected) in cases {
            assert_eq!(host_of(url), expected, "{url}");
        }
    }
}
