//! Which members of a record are written: the default set, more of them, or a list of one's own.

use std::fmt;
use std::sync::Arc;

/// A member of a record that can be asked for by name.
#[expect(missing_docs, reason = "each is the member of its name, described in the reference")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    N,
    Source,
    Line,
    Input,
    Url,
    FinalUrl,
    Method,
    Outcome,
    Health,
    HealthReason,
    StatusCode,
    HttpVersion,
    RemoteIp,
    ContentType,
    ContentLength,
    BodyBytes,
    Attempts,
    ErrorKind,
    ErrorMessage,
    ErrorRetryable,
    StartedAt,
    TimeQueue,
    TimeNamelookup,
    TimeConnect,
    TimeAppconnect,
    TimeStarttransfer,
    TimeTotal,
    TlsVersion,
    TlsNotAfter,
    TlsSan,
    NumRedirects,
    Chain,
    Fields,
    /// `fields.NAME`
    Extracted(Arc<str>),
    Tags,
    /// `tags.NAME`
    Tag(Arc<str>),
    Sha256,
    BodyPath,
    WarcFile,
    WarcOffset,
    WarcLength,
    Truncated,
    Cache,
    Unchanged,
    SameAs,
    Headers,
    /// `headers.NAME`, the name in lower case
    Header(Arc<str>),
    Title,
    Preview,
    Json,
    Body,
    BodyEncoding,
    /// A member of a result that no version we know writes, or a column of somebody else's.
    Other(Arc<str>),
}

/// What a run may have that gives its records further members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// An archive: where in it a response is.
    Archive,
    /// A cache: what it did.
    Cache,
    /// Repeats of requests: whose answer it is.
    Repeats,
}

/// Whether a member is in the default set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum In {
    Default,
    /// If the run has this.
    Beside(Beside),
    Asked,
}

/// Every member with its name, in the order of the record.
static KNOWN: &[(Field, &str, In)] = &[
    (Field::N, "n", In::Default),
    (Field::Source, "source", In::Default),
    (Field::Line, "line", In::Default),
    (Field::Input, "input", In::Default),
    (Field::Url, "url", In::Default),
    (Field::FinalUrl, "final_url", In::Default),
    (Field::Method, "method", In::Default),
    (Field::Outcome, "outcome", In::Default),
    (Field::Health, "health", In::Default),
    (Field::HealthReason, "health_reason", In::Default),
    (Field::StatusCode, "status_code", In::Default),
    (Field::HttpVersion, "http_version", In::Default),
    (Field::RemoteIp, "remote_ip", In::Default),
    (Field::ContentType, "content_type", In::Default),
    (Field::ContentLength, "content_length", In::Default),
    (Field::BodyBytes, "body_bytes", In::Default),
    (Field::Attempts, "attempts", In::Default),
    (Field::ErrorKind, "error.kind", In::Default),
    (Field::ErrorMessage, "error.message", In::Default),
    (Field::ErrorRetryable, "error.retryable", In::Default),
    (Field::StartedAt, "started_at", In::Default),
    (Field::TimeQueue, "time_queue", In::Default),
    (Field::TimeNamelookup, "time_namelookup", In::Default),
    (Field::TimeConnect, "time_connect", In::Default),
    (Field::TimeAppconnect, "time_appconnect", In::Default),
    (Field::TimeStarttransfer, "time_starttransfer", In::Default),
    (Field::TimeTotal, "time_total", In::Default),
    (Field::TlsVersion, "tls.version", In::Default),
    (Field::TlsNotAfter, "tls.not_after", In::Default),
    (Field::TlsSan, "tls.san", In::Asked),
    (Field::NumRedirects, "num_redirects", In::Asked),
    (Field::Chain, "chain", In::Default),
    (Field::Fields, "fields", In::Default),
    (Field::Tags, "tags", In::Default),
    (Field::Sha256, "sha256", In::Default),
    (Field::BodyPath, "body_path", In::Default),
    (Field::WarcFile, "warc_file", In::Beside(Beside::Archive)),
    (Field::WarcOffset, "warc_offset", In::Beside(Beside::Archive)),
    (Field::WarcLength, "warc_length", In::Beside(Beside::Archive)),
    (Field::Truncated, "truncated", In::Default),
    (Field::Cache, "cache", In::Beside(Beside::Cache)),
    (Field::Unchanged, "unchanged", In::Beside(Beside::Cache)),
    (Field::SameAs, "same_as", In::Beside(Beside::Repeats)),
    (Field::Headers, "headers", In::Asked),
    (Field::Title, "title", In::Asked),
    (Field::Preview, "preview", In::Asked),
    (Field::Json, "json", In::Asked),
    (Field::Body, "body", In::Asked),
    (Field::BodyEncoding, "body_encoding", In::Asked),
];

impl Field {
    /// As written in `--fields`, CSV headers and templates: `error.kind`, `tags.sku`.
    pub fn name(&self) -> String {
        match self {
            Self::Extracted(name) => format!("fields.{name}"),
            Self::Tag(name) => format!("tags.{name}"),
            Self::Header(name) => format!("headers.{name}"),
            Self::Other(name) => name.to_string(),
            plain => {
                let known = KNOWN.iter().find(|(field, ..)| field == plain);
                known.expect("every other member is in the table").1.to_owned()
            }
        }
    }

    /// The member of this name; `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        if let Some((field, ..)) = KNOWN.iter().find(|(_, known, _)| *known == name) {
            return Some(field.clone());
        }
        match name.split_once('.')? {
            (_, "") => None,
            ("fields", name) => Some(Self::Extracted(name.into())),
            ("tags", tag) => Some(Self::Tag(tag.into())),
            ("headers", header) => Some(Self::Header(header.to_ascii_lowercase().into())),
            _ => None,
        }
    }

    /// All names, for a hint.
    pub(crate) fn known_names() -> String {
        let known: Vec<&str> = KNOWN.iter().map(|(_, name, _)| *name).collect();
        format!("{}, fields.NAME, tags.NAME, headers.NAME", known.join(", "))
    }

    /// Whether the headers must be kept for it.
    pub fn needs_headers(&self) -> bool {
        matches!(self, Self::Headers | Self::Header(_))
    }

    /// Where in the record it stands.
    fn rank(&self) -> usize {
        let like = match self {
            Self::Extracted(_) => &Self::Fields,
            Self::Tag(_) => &Self::Tags,
            Self::Header(_) => &Self::Headers,
            plain => plain,
        };
        KNOWN.iter().position(|(field, ..)| field == like).unwrap_or(KNOWN.len())
    }

    /// Its bit in [`Held::members`](gather_core::Held); that of the object it is a part of; 0 for
    /// one that is not known.
    pub(crate) fn bit(&self) -> u64 {
        1_u64.checked_shl(u32::try_from(self.rank()).unwrap_or(64)).unwrap_or(0)
            & ((1 << KNOWN.len()) - 1)
    }

    /// Whether it follows from other members where it does not stand itself.
    pub(crate) fn is_derived(&self) -> bool {
        let of_neighbour = matches!(self, Self::FinalUrl | Self::Method | Self::BodyBytes);
        let of_whole = matches!(self, Self::Extracted(_) | Self::Tag(_) | Self::Header(_));
        of_neighbour || of_whole || *self == Self::NumRedirects || self.needs_body()
    }

    /// The member with this name, and its place in the table. Looked for from `from` on, round:
    /// records name their members in the same order, so the next one is mostly the one asked for.
    pub(crate) fn known_from(name: &str, from: usize) -> Option<(&'static Self, usize)> {
        let mut places = (from..KNOWN.len()).chain(0..from.min(KNOWN.len()));
        let at = places.find(|at| KNOWN[*at].1 == name)?;
        Some((&KNOWN[at].0, at))
    }

    /// Whether the body must be kept for it.
    pub fn needs_body(&self) -> bool {
        matches!(self, Self::Body | Self::BodyEncoding | Self::Json | Self::Title | Self::Preview)
    }
}

/// Columns of a row before its fields.
pub(crate) const ROW_COLUMNS: [&str; 5] = ["run", "n", "row", "url", "fetched_at"];

/// The members to write, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    list: Vec<Field>,
    /// Those that were asked for by name.
    asked: Vec<Field>,
    choice: Choice,
    begun_from: In,
    /// The fields of a row, where rows are written and not records.
    rows: Option<Vec<Arc<str>>>,
}

/// Whether the list is all that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Listed,
    /// Of each record what it holds, in its own way.
    Held,
}

/// What becomes of a member that equals its neighbour (`final_url` that is `url`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeats {
    /// It is left out.
    Omit,
    /// It is written: it was asked for by name, or stands in a column.
    Write,
    /// It is written if the record was read back from a result where it stood.
    Keep,
}

impl Default for Fields {
    fn default() -> Self {
        let default = KNOWN.iter().filter(|(_, _, part)| *part == In::Default);
        let listed = Self::listed(default.map(|(field, ..)| field.clone()).collect());
        Self { begun_from: In::Default, ..listed }
    }
}

impl Fields {
    /// What extraction found in rows, each with these fields: run, number, row, address and moment
    /// of its page, then the fields.
    pub fn of_rows(names: Vec<Arc<str>>) -> Self {
        let fixed = [Field::Other("run".into()), Field::N, Field::Other("row".into())];
        let place = [Field::Url, Field::StartedAt];
        let own = names.iter().cloned().map(Field::Extracted);
        let list = fixed.into_iter().chain(place).chain(own).collect();
        Self { rows: Some(names), ..Self::listed(list) }
    }

    /// What stands above the column of a member.
    #[cfg(any(feature = "parquet", feature = "xlsx"))]
    pub(crate) fn heading(&self, field: &Field) -> String {
        match field {
            Field::StartedAt if self.is_rows() => "fetched_at".to_owned(),
            // A field of a row that is called as a column before it keeps its whole name.
            Field::Extracted(name) if self.is_rows() && !ROW_COLUMNS.contains(&&**name) => {
                name.to_string()
            }
            other => other.name(),
        }
    }

    /// Whether rows are written, and not records.
    pub fn is_rows(&self) -> bool {
        self.rows.is_some()
    }

    /// The fields of a row, where rows are written.
    pub(crate) fn rows(&self) -> Option<&[Arc<str>]> {
        self.rows.as_deref()
    }

    /// Reads `--fields`: either `+body,+title` (the default set and these) or
    /// `url,status_code,time_total` (these alone, in this order where order matters). `error`
    /// and `tls` stand for their parts.
    ///
    /// # Errors
    /// When a name is not known, the two forms are mixed, or nothing is named.
    pub fn parse(list: &str) -> Result<Self, FieldsError> {
        let names: Vec<&str> = list.split(',').map(str::trim).filter(|s| !s.is_empty()).collect();
        let added = names.iter().filter(|name| name.starts_with('+')).count();
        let mut fields = match added {
            _ if names.is_empty() => return Err(FieldsError::Empty),
            0 => Self::listed(Vec::new()),
            all if all == names.len() => Self::default(),
            _ => return Err(FieldsError::Mixed),
        };
        for name in names {
            for field in expand(name.trim_start_matches('+'))? {
                if !fields.list.contains(&field) {
                    fields.list.push(field.clone());
                }
                fields.asked.push(field);
            }
        }
        if added > 0 {
            fields.list.sort_by_key(Field::rank);
        }
        Ok(fields)
    }

    /// Of each record whatever it holds, unknown members included: for records that were read back
    /// from a result. Where there are columns, they are the members that any record holds.
    pub fn held() -> Self {
        let all = KNOWN.iter().map(|(field, ..)| field.clone()).collect();
        Self { choice: Choice::Held, ..Self::listed(all) }
    }

    /// These members, with those that spare the reader a question (`num_redirects` needs `chain`).
    pub(crate) fn for_spool(&self) -> Self {
        let mut list = Self::default().list;
        list.extend(
            self.list.iter().filter(|field| !list.contains(field)).cloned().collect::<Vec<_>>(),
        );
        Self { choice: Choice::Held, ..Self::listed(list) }
    }

    /// The members that any of these outputs has.
    pub(crate) fn of_all<'f>(outputs: impl Iterator<Item = &'f Self>) -> Self {
        let mut list: Vec<Field> = Vec::new();
        for field in outputs.flat_map(|fields| &fields.list) {
            if !list.contains(field) {
                list.push(field.clone());
            }
        }
        Self::listed(list)
    }

    /// These members as columns, in the order of the record.
    pub(crate) fn columns(mut list: Vec<Field>) -> Self {
        list.sort_by_key(Field::rank);
        Self::listed(list)
    }

    pub(crate) fn listed(list: Vec<Field>) -> Self {
        Self { list, asked: Vec::new(), choice: Choice::Listed, begun_from: In::Asked, rows: None }
    }

    /// These and one more.
    #[must_use]
    pub fn and(mut self, field: Field) -> Self {
        if !self.list.contains(&field) {
            self.list.push(field);
        }
        self
    }

    /// Whether each record is written with what it holds.
    pub fn is_held(&self) -> bool {
        self.choice == Choice::Held
    }

    /// The same for a run that has something beside its records: more members are then in the
    /// default set. A list of one's own stays as it is.
    #[must_use]
    pub fn beside(mut self, what: Beside) -> Self {
        if self.begun_from == In::Default {
            for (field, _, part) in KNOWN {
                if *part == In::Beside(what) && !self.list.contains(field) {
                    self.list.push(field.clone());
                }
            }
            self.list.sort_by_key(Field::rank);
        }
        self
    }

    /// The members, in the order they were asked for.
    pub fn list(&self) -> &[Field] {
        &self.list
    }

    /// Whether bodies must be kept for them.
    pub fn needs_body(&self) -> bool {
        self.list.iter().any(Field::needs_body)
    }

    /// Whether headers must be kept for them.
    pub fn needs_headers(&self) -> bool {
        self.list.iter().any(Field::needs_headers)
    }

    /// Whether the body's SHA-256 was asked for by name. The default set writes it where it is
    /// known anyway.
    pub fn needs_sha256(&self) -> bool {
        self.asked.contains(&Field::Sha256)
    }

    /// Whether source and line were asked for by name, be there one input or several.
    pub fn needs_place(&self) -> bool {
        self.asked.iter().any(|field| matches!(field, Field::Source | Field::Line))
    }

    /// What becomes of this member where it equals its neighbour.
    pub(crate) fn repeats(&self, field: &Field) -> Repeats {
        match self.choice {
            Choice::Held => Repeats::Keep,
            Choice::Listed if self.asked.contains(field) => Repeats::Write,
            Choice::Listed => Repeats::Omit,
        }
    }

    /// The members in the record's order, for forms where an object keeps its parts together.
    pub(crate) fn in_record_order(&self) -> Vec<Field> {
        let mut list = self.list.clone();
        list.sort_by_key(Field::rank);
        let whole = |field: &Field| list.contains(field);
        let (fields, tags) = (whole(&Field::Fields), whole(&Field::Tags));
        let headers = whole(&Field::Headers);
        list.retain(|field| match field {
            Field::Extracted(_) => !fields,
            Field::Tag(_) => !tags,
            Field::Header(_) => !headers,
            _ => true,
        });
        list
    }
}

fn expand(name: &str) -> Result<Vec<Field>, FieldsError> {
    Ok(match name {
        "error" => vec![Field::ErrorKind, Field::ErrorMessage, Field::ErrorRetryable],
        "tls" => vec![Field::TlsVersion, Field::TlsNotAfter],
        "body" => vec![Field::Body, Field::BodyEncoding],
        _ => vec![Field::from_name(name).ok_or_else(|| FieldsError::Unknown(name.to_owned()))?],
    })
}

/// Why a list of members cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldsError {
    /// No member has this name.
    Unknown(String),
    /// Some names with `+` and some without.
    Mixed,
    /// Nothing was named.
    Empty,
}

impl fmt::Display for FieldsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => {
                let known = Field::known_names();
                write!(f, "unknown field `{name}`; hint: the fields are {known}")
            }
            Self::Mixed => f.write_str(
                "fields with and without `+` are mixed; hint: `+title` adds to the default set, \
                 `url,title` is a list of its own",
            ),
            Self::Empty => f.write_str("no field is named; hint: for example url,status_code"),
        }
    }
}

impl std::error::Error for FieldsError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(fields: &Fields) -> String {
        let names: Vec<String> = fields.list().iter().map(Field::name).collect();
        names.join(",")
    }

    #[test]
    fn lists_are_read() {
        let cases = [
            ("url,status_code,time_total", "url,status_code,time_total"),
            (" time_total , url,", "time_total,url"),
            ("error,url,url", "error.kind,error.message,error.retryable,url"),
            ("tags.sku,headers.ETag", "tags.sku,headers.etag"),
            ("body", "body,body_encoding"),
        ];
        for (list, expected) in cases {
            assert_eq!(names(&Fields::parse(list).unwrap()), expected, "{list}");
        }
    }

    #[test]
    fn additions_come_in_the_order_of_the_record() {
        let default = names(&Fields::default());
        let more = names(&Fields::parse("+body,+tls.san,+title").unwrap());
        let expected =
            default.replace("tls.not_after", "tls.not_after,tls.san") + ",title,body,body_encoding";
        assert_eq!(more, expected);
    }

    #[test]
    fn an_archive_adds_where_a_response_is_to_the_default_set() {
        let beside = |list: &str| names(&Fields::parse(list).unwrap().beside(Beside::Archive));
        let more = names(&Fields::default())
            .replace("body_path", "body_path,warc_file,warc_offset,warc_length");
        assert_eq!(names(&Fields::default().beside(Beside::Archive)), more);
        assert_eq!(beside("+warc_offset"), more);
        assert_eq!(beside("url,warc_offset"), "url,warc_offset");
    }

    #[test]
    fn wrong_lists_are_refused() {
        let cases = [
            ("url,speed", "unknown field `speed`; hint: the fields are n, source, line, "),
            ("+Title", "unknown field `Title`"),
            ("tags.", "unknown field `tags.`"),
            ("url,+title", "fields with and without `+` are mixed; hint: "),
            (" , ", "no field is named; hint: "),
            ("", "no field is named"),
            ("+", "unknown field ``"),
        ];
        for (list, expected) in cases {
            let error = Fields::parse(list).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{list}: {error}");
        }
    }

    #[test]
    fn every_name_is_read_back() {
        // Each has a bit of its own in `Held::members`.
        assert!(KNOWN.len() < 64);
        for (field, name, _) in KNOWN {
            assert_eq!(Field::from_name(name).as_ref(), Some(field));
            assert_eq!(field.name(), *name);
        }
    }

    #[test]
    fn what_must_be_kept_is_known() {
        let needs = |list: &str| {
            let fields = Fields::parse(list).unwrap();
            let needs = [
                (fields.needs_body(), "body"),
                (fields.needs_headers(), "headers"),
                (fields.needs_sha256(), "sha256"),
                (fields.needs_place(), "place"),
            ];
            let named: Vec<&str> = needs.iter().filter(|(is, _)| *is).map(|(_, n)| *n).collect();
            named.join(" ")
        };
        let cases = [
            ("url", ""),
            ("+title", "body"),
            ("+headers", "headers"),
            ("headers.etag,json", "body headers"),
            ("+sha256", "sha256"),
            ("line,url", "place"),
        ];
        for (list, expected) in cases {
            assert_eq!(needs(list), expected, "{list}");
        }
    }
}
