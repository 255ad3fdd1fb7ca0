//! `gather.toml`: defaults, hosts and jobs, each value with its place in the file.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(crate) use crate::config_file::items::Item;
pub(crate) use crate::config_file::place::Source;
use crate::error::CliError;
use crate::keys::{Key, Keys, Takes};
use crate::nearest::nearest;
use crate::reference;

pub(crate) mod items;
mod place;

/// The file that is read where none is named.
pub(crate) const DEFAULT_NAME: &str = "gather.toml";

/// Larger files are no configuration.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// A configuration file, read and checked.
#[derive(Clone, Debug)]
pub(crate) struct ConfigFile {
    /// Where it was read from.
    pub(crate) path: PathBuf,
    /// What `[defaults]` says.
    pub(crate) defaults: Vec<Entry>,
    /// What each `[job.NAME]` says.
    pub(crate) jobs: BTreeMap<String, JobTable>,
    /// What each `[hosts."NAME"]` says.
    pub(crate) hosts: Vec<HostEntry>,
    /// What `[store]`, `[web]` and `[watch]` say, by table.
    pub(crate) tables: BTreeMap<&'static str, Vec<Item>>,
    /// What each `[notify.NAME]` says.
    pub(crate) channels: BTreeMap<String, Vec<Item>>,
    source: Source,
}

/// `[job.NAME]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct JobTable {
    /// Flags of a fetch.
    pub(crate) entries: Vec<Entry>,
    /// What is no flag: schedule, expectations, notices; for a crawl, its own flags.
    pub(crate) items: Vec<Item>,
    /// Where its name stands, in bytes.
    pub(crate) span: Range<usize>,
}

impl JobTable {
    /// What it says under this key.
    pub(crate) fn item(&self, key: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.key == key)
    }
}

/// One key and what it is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The key's canonical name.
    pub(crate) key: String,
    /// As written: `${env:…}` is still a reference.
    pub(crate) values: Vec<String>,
    /// The table it stands in: `defaults`, `job.prices`.
    pub(crate) table: String,
    /// Where, in bytes.
    pub(crate) span: Range<usize>,
}

/// `[hosts."NAME"]`.
#[derive(Clone, Debug)]
pub(crate) struct HostEntry {
    /// Host, or host and port.
    pub(crate) name: String,
    /// `concurrency`, `rate` as written.
    pub(crate) concurrency: Option<std::num::NonZeroU32>,
    /// Requests in a time.
    pub(crate) rate: Option<gather::core::config::Rate>,
    /// Headers for this host alone; values may be references.
    pub(crate) headers: Vec<(String, String)>,
    /// Where, in bytes.
    pub(crate) span: Range<usize>,
}

impl ConfigFile {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// One line with file, line and column, and what to write instead.
    pub(crate) fn read(path: &Path) -> Result<Self, CliError> {
        let cannot = |error: &dyn std::fmt::Display| {
            CliError::usage(
                format!("cannot read the configuration file {}: {error}", path.display()),
                "gather init writes one to start from",
            )
        };
        let about = std::fs::metadata(path).map_err(|error| cannot(&error))?;
        if about.len() > FILE_BYTES_MAX {
            return Err(cannot(&"it is larger than 4M"));
        }
        let text = std::fs::read_to_string(path).map_err(|error| cannot(&error))?;
        Self::parse(path, text)
    }

    /// As [`read`](Self::read), from a text.
    pub(crate) fn parse(path: &Path, text: String) -> Result<Self, CliError> {
        let mut file = Self {
            path: path.to_owned(),
            defaults: Vec::new(),
            jobs: BTreeMap::new(),
            hosts: Vec::new(),
            tables: BTreeMap::new(),
            channels: BTreeMap::new(),
            source: Source::new(path, text.clone()),
        };
        let root = DeTable::parse(&text).map_err(|error| {
            let span = error.span().unwrap_or_default();
            file.source.error(span, one_line(error.message()), String::new())
        })?;
        let keys = Keys::of_fetch();
        for (name, value) in root.get_ref() {
            file.top_level(&keys, name, value)?;
        }
        Ok(file)
    }

    /// An error at an entry's place.
    pub(crate) fn error_at(&self, span: &Range<usize>, error: CliError) -> CliError {
        self.source.error(span.clone(), error.message, error.hint.unwrap_or_default())
    }

    /// `gather.toml:3:1`.
    pub(crate) fn place(&self, span: &Range<usize>) -> String {
        self.source.place(span.start)
    }

    /// A job.
    ///
    /// # Errors
    /// Where there is no such job: the nearest one, or all.
    pub(crate) fn job(&self, name: &str) -> Result<&JobTable, CliError> {
        if let Some(job) = self.jobs.get(name) {
            return Ok(job);
        }
        let names: Vec<&str> = self.jobs.keys().map(String::as_str).collect();
        let hint = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None if names.is_empty() => format!("write one as [job.{name}]"),
            None => format!("it has: {}", names.join(", ")),
        };
        let message = format!("{} has no job '{name}'", self.path.display());
        Err(CliError::usage(message, hint))
    }

    fn top_level(
        &mut self,
        keys: &Keys,
        name: &Spanned<toml::de::DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), CliError> {
        const TABLES: &[&str] = &["defaults", "hosts", "job", "store", "web", "watch", "notify"];
        match name.get_ref().as_ref() {
            "defaults" => {
                let job = self.entries(keys, "defaults", self.table("defaults", value)?)?;
                if let Some(item) = job.items.first() {
                    return Err(self.not_for_all(item));
                }
                self.defaults = job.entries;
            }
            "job" => {
                for (job, table) in self.table("job", value)? {
                    let path = format!("job.{}", job.get_ref());
                    let mut read = self.entries(keys, &path, self.table(&path, table)?)?;
                    read.span = job.span();
                    self.jobs.insert(job.get_ref().to_string(), read);
                }
            }
            "hosts" => {
                for (host, table) in self.table("hosts", value)? {
                    let entry = self.host(host, table)?;
                    self.hosts.push(entry);
                }
            }
            "store" => drop(self.tables.insert("store", items::items(self.table("store", value)?))),
            "web" => drop(self.tables.insert("web", items::items(self.table("web", value)?))),
            "watch" => drop(self.tables.insert("watch", items::items(self.table("watch", value)?))),
            "notify" => {
                for (channel, table) in self.table("notify", value)? {
                    let path = format!("notify.{}", channel.get_ref());
                    let items = items::items(self.table(&path, table)?);
                    self.channels.insert(channel.get_ref().to_string(), items);
                }
            }
            other => {
                let hint = match nearest(other, TABLES.iter().copied()) {
                    Some(near) => format!("did you mean [{near}]?"),
                    None if keys.find(other).is_some() => {
                        format!("put it under [defaults]:  {other} = …")
                    }
                    None => "there are [defaults], [hosts.\"name\"], [job.name], [store], [web], \
                             [watch] and [notify.name]"
                        .to_owned(),
                };
                let message = format!("there is no table [{other}]");
                return Err(self.source.error(name.span(), message, hint));
            }
        }
        Ok(())
    }

    fn entries(
        &self,
        keys: &Keys,
        table: &str,
        entries: &DeTable<'_>,
    ) -> Result<JobTable, CliError> {
        let mut job = JobTable::default();
        for (name, value) in entries {
            let written = name.get_ref().as_ref();
            let is_list = matches!((written, value.get_ref()), ("input", DeValue::Table(_)));
            if is_list || self.is_item(keys, written) {
                job.items.push(self.item(name, value)?);
                continue;
            }
            let found = &mut job.entries;
            if let ("report", DeValue::Table(report)) = (written, value.get_ref()) {
                found.extend(self.report(keys, table, report)?);
                continue;
            }
            let span = name.span().start..value.span().end;
            let entry = match keys.find(written) {
                Some(key) => {
                    let values = self.values(key, value)?;
                    if !values.iter().any(|value| reference::is_in(value)) {
                        crate::keys::check(key, &values)
                            .map_err(|error| self.error_at(&value.span(), error))?;
                    }
                    let key = key.name.clone();
                    Entry { key, values, table: table.to_owned(), span }
                }
                None => return Err(self.unknown_key(keys, table, name)),
            };
            if let Some(twice) = found.iter().find(|earlier| earlier.key == entry.key) {
                let first = self.source.place(twice.span.start);
                let message = format!("{} is given twice in [{table}]", entry.key);
                return Err(self.source.error(
                    name.span(),
                    message,
                    format!("it is at {first}, too"),
                ));
            }
            found.push(entry);
        }
        Ok(job)
    }

    /// Whether this key is none of the flags of a fetch, and may stand in a job.
    fn is_item(&self, keys: &Keys, written: &str) -> bool {
        let is_crawls = || keys.find(written).is_none() && Keys::of_crawl().find(written).is_some();
        items::is_job_key(written) || is_crawls()
    }

    fn item(
        &self,
        name: &Spanned<toml::de::DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Item, CliError> {
        let item = Item::new(name, value);
        let fault = |message: &str, hint: &str| {
            Err(self.source.error(value.span(), message.to_owned(), hint.to_owned()))
        };
        match item.key.as_str() {
            "kind"
                if !matches!(
                    item.value.as_str(),
                    Some("fetch" | "liveness" | "check" | "crawl")
                ) =>
            {
                fault(
                    "there is no such kind of job",
                    "write kind = \"liveness\", \"fetch\" or \"crawl\"",
                )
            }
            "target" => match items::targets(&item.value) {
                Ok(_) => Ok(item),
                Err(hint) => fault("target is no list of targets", hint),
            },
            _ => Ok(item),
        }
    }

    fn not_for_all(&self, item: &Item) -> CliError {
        let message = format!("{} belongs to one job", item.key);
        self.source.error(item.span.clone(), message, "put it under [job.NAME]".to_owned())
    }

    /// `report = { file = "report.html", title = "…", group_by = "host", agg = ["count()"] }`: the
    /// same as the keys, which are written beside each other elsewhere.
    fn report(
        &self,
        keys: &Keys,
        table: &str,
        report: &DeTable<'_>,
    ) -> Result<Vec<Entry>, CliError> {
        const MEMBERS: &[(&str, &str)] = &[
            ("file", "report"),
            ("title", "report-title"),
            ("sort", "report-sort"),
            ("group_by", "group-by"),
            ("agg", "agg"),
        ];
        let entry = |(name, value): (&Spanned<toml::de::DeString<'_>>, &Spanned<DeValue<'_>>)| {
            let written = name.get_ref().as_ref();
            let Some((_, key)) = MEMBERS.iter().find(|(member, _)| *member == written) else {
                let message = format!("there is no '{written}' in a report");
                let hint = "a report has file, title, sort, group_by and agg".to_owned();
                return Err(self.source.error(name.span(), message, hint));
            };
            let key = keys.find(key).expect("a report's members are keys");
            let span = name.span().start..value.span().end;
            let values = self.values(key, value)?;
            let key = key.name.clone();
            Ok(Entry { key, values, table: table.to_owned(), span })
        };
        report.iter().map(entry).collect()
    }

    fn unknown_key(
        &self,
        keys: &Keys,
        table: &str,
        name: &Spanned<toml::de::DeString<'_>>,
    ) -> CliError {
        let written = name.get_ref();
        let hint = match keys.nearest(written) {
            Some(near) => format!("did you mean {near}?"),
            None => "the keys are the long flags of gather fetch --help".to_owned(),
        };
        self.source.error(name.span(), format!("there is no key '{written}' in [{table}]"), hint)
    }

    /// A value as the texts the command line would take.
    fn values(&self, key: &Key, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, CliError> {
        let wrong = |hint: &str| {
            let found = value.get_ref().type_str();
            let message = format!("{}: a value of type {found} does not fit", key.name);
            self.source.error(value.span(), message, hint.to_owned())
        };
        match (key.takes, value.get_ref()) {
            (Takes::Nothing, DeValue::Boolean(on)) => Ok(vec![on.to_string()]),
            (Takes::Nothing, _) => Err(wrong("write true or false")),
            (Takes::Many, DeValue::Array(items)) => items
                .iter()
                .map(|item| scalar(item.get_ref()).ok_or_else(|| wrong("write a list of texts")))
                .collect(),
            (Takes::Many, DeValue::Table(table)) if key.name == "header" => {
                Ok(self.headers(table)?.into_iter().map(|(n, v)| format!("{n}: {v}")).collect())
            }
            (Takes::Many, DeValue::Table(rules)) if key.name == "extract" => Ok(rules
                .iter()
                .map(|(name, rule)| rule_line(name.get_ref(), rule.get_ref()))
                .collect()),
            (Takes::One, DeValue::Array(items)) => {
                let items: Option<Vec<String>> =
                    items.iter().map(|item| scalar(item.get_ref())).collect();
                Ok(vec![items.ok_or_else(|| wrong("write a list of texts"))?.join(",")])
            }
            (_, value) => match scalar(value) {
                Some(text) => Ok(vec![text]),
                None => Err(wrong("write a text or a number")),
            },
        }
    }

    fn headers(&self, table: &DeTable<'_>) -> Result<Vec<(String, String)>, CliError> {
        let mut headers = Vec::new();
        for (name, value) in table {
            let text = scalar(value.get_ref()).ok_or_else(|| {
                let message = format!("the header {} is no text", name.get_ref());
                self.source.error(value.span(), message, "write name = \"value\"".to_owned())
            })?;
            headers.push((name.get_ref().to_string(), text));
        }
        Ok(headers)
    }

    fn host(
        &self,
        name: &Spanned<toml::de::DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<HostEntry, CliError> {
        const KEYS: &[&str] = &["concurrency", "rate", "headers"];
        let path = format!("hosts.\"{}\"", name.get_ref());
        let mut entry = HostEntry {
            name: name.get_ref().to_string(),
            concurrency: None,
            rate: None,
            headers: Vec::new(),
            span: name.span(),
        };
        for (key, value) in self.table(&path, value)? {
            let at = |error: crate::values::ValueError| {
                let message = format!("{}: {error}", key.get_ref());
                self.source.error(value.span(), message, error.hint)
            };
            let text = scalar(value.get_ref()).unwrap_or_default();
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("concurrency", _) => {
                    entry.concurrency = Some(crate::values::count_above_zero(&text).map_err(at)?);
                }
                ("rate", _) => entry.rate = Some(crate::values::rate(&text).map_err(at)?),
                ("headers" | "header", DeValue::Table(table)) => {
                    entry.headers = self.headers(table)?;
                }
                (other, _) => {
                    let hint = match nearest(other, KEYS.iter().copied()) {
                        Some(near) if near != other => format!("did you mean {near}?"),
                        _ => {
                            "a host has concurrency, rate and headers = { name = \"value\" }".into()
                        }
                    };
                    let message = format!("there is no key '{other}' in [{path}]");
                    return Err(self.source.error(key.span(), message, hint));
                }
            }
        }
        Ok(entry)
    }

    fn table<'v, 'i>(
        &self,
        name: &str,
        value: &'v Spanned<DeValue<'i>>,
    ) -> Result<&'v DeTable<'i>, CliError> {
        value.get_ref().as_table().ok_or_else(|| {
            let message = format!("{name} is no table");
            self.source.error(value.span(), message, format!("write [{name}]"))
        })
    }
}

/// A single value as text, as it would be typed.
fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n.to_string())
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(on) => Some(on.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// A rule as it would be typed; one that is a table is typed as JSON.
fn rule_line(name: &str, rule: &DeValue<'_>) -> String {
    match rule {
        DeValue::String(text) => format!("{name}={text}"),
        rule => format!("{name}={}", json(rule)),
    }
}

fn json(value: &DeValue<'_>) -> serde_json::Value {
    match value {
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(table) => {
            let members = table.iter();
            members
                .map(|(name, value)| (name.get_ref().to_string(), json(value.get_ref())))
                .collect()
        }
        DeValue::Boolean(on) => (*on).into(),
        DeValue::Integer(_) => {
            let number = scalar(value).and_then(|text| text.parse::<i64>().ok());
            number.map_or(serde_json::Value::Null, Into::into)
        }
        DeValue::Float(number) => {
            number.as_str().parse::<f64>().map_or(serde_json::Value::Null, Into::into)
        }
        DeValue::String(text) => text.to_string().into(),
        DeValue::Datetime(moment) => moment.to_string().into(),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod anything;
#[cfg(test)]
mod tests;
