//! The jobs of a configuration file -> what a watch is told: each fault at its place in the file.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::CommandFactory;
use gather::alerts::{Channel, ConfigError, Routes};
use gather::check::Expect;
use gather::core::watch::{Policy, Windows, Zones, parse_cron, parse_every, parse_window};
use gather::fetch::NetOptions;
use gather::watch::{
    Bodies, Canary, EngineSpec, Fitting, JobSchedule, JobSpec, ListFrom, ListSpec, Liveness,
    WatchOptions, Work,
};
use jiff::tz::TimeZone;

use crate::args::Cli;
use crate::config_file::{ConfigFile, Item, JobTable};
use crate::error::CliError;
use crate::resolve::tables::{self, WebSettings};
use crate::resolve::value::{plain, value};
use crate::resolve::{RunSettings, scheduled};
use crate::settings::{Origin, Settings, Typed};

/// Settings that say what is asked, and where its records go: jobs that differ in these alone share
/// an engine.
const OF_THE_LIST: &[&str] =
    &["url", "input", "limit", "url-field", "only", "output", "fields", "format", "bodies", "rows"];

/// Reads the jobs that have a schedule, those named alone if any are.
///
/// # Errors
/// The first fault, at its place in the file.
pub(crate) fn watch_options(
    file: &ConfigFile,
    only: &[String],
) -> Result<(WatchOptions, WebSettings), CliError> {
    let channels = channels(file)?;
    for name in only {
        file.job(name)?;
    }
    let wanted = |name: &String| only.is_empty() || only.contains(name);
    let mut jobs = Vec::new();
    for (name, table) in file.jobs.iter().filter(|(name, _)| wanted(name)) {
        if let Some(schedule) = schedule(file, table)? {
            jobs.push(Reading { file, name, table, channels: &channels }.job(schedule)?);
        } else if only.contains(name) {
            let message = format!("the job '{name}' has no schedule");
            let error = CliError::usage(message, "add every = \"5m\" or cron = \"0 6 * * *\"");
            return Err(file.error_at(&table.span, error));
        }
    }
    if jobs.is_empty() {
        let message = format!("{} has no job with a schedule", file.path.display());
        return Err(CliError::usage(message, "add every = \"1m\" to a [job.NAME]"));
    }
    let web = tables::web(file)?;
    let net = jobs.iter().find_map(|job| match &job.work {
        Work::Liveness(liveness) => Some(liveness.engine.client.net.clone()),
        Work::Run(_) => None,
    });
    let options = WatchOptions {
        place: tables::place(file)?,
        kept: tables::kept(file)?,
        routes: Routes::everything(&channels),
        jobs,
        channels,
        net: net.unwrap_or_else(NetOptions::default),
        page: web.url.as_deref().map(Into::into),
        target_metrics: tables::target_metrics(file)?,
    };
    Ok((options, web))
}

/// The channel of this name.
///
/// # Errors
/// When there is none, or its table is wrong.
pub(crate) fn channel(file: &ConfigFile, name: &str) -> Result<Channel, CliError> {
    let found = channels(file)?.into_iter().find(|channel| channel.name() == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = file.channels.keys().map(String::as_str).collect();
        let hint = match names.is_empty() {
            true => format!("write one as [notify.{name}]"),
            false => format!("it has: {}", names.join(", ")),
        };
        CliError::usage(format!("{} has no channel '{name}'", file.path.display()), hint)
    })
}

fn channels(file: &ConfigFile) -> Result<Vec<Channel>, CliError> {
    let channel = |(name, items): (&String, &Vec<Item>)| {
        let mut pairs = Vec::new();
        for item in items {
            let read = value(&item.value).map_err(|error| file.error_at(&item.span, error))?;
            pairs.push((item.key.replace('-', "_"), read));
        }
        Channel::parse(name, &pairs).map_err(|error| {
            let at = |item: &&Item| error.path.first().is_some_and(|step| names(step, &item.key));
            let item = items.iter().find(at).or(items.first());
            let span = item.map(|item| item.span.clone()).unwrap_or_default();
            file.error_at(&span, of_table(&format!("notify.{name}"), &error))
        })
    };
    file.channels.iter().map(channel).collect()
}

fn names(step: &gather::alerts::Step, key: &str) -> bool {
    matches!(step, gather::alerts::Step::Key(name) if name.replace('_', "-") == *key)
}

fn of_table(table: &str, error: &ConfigError) -> CliError {
    let text = error.to_string();
    let message = text.split("; hint: ").next().unwrap_or_default();
    CliError::usage(format!("[{table}] {message}"), error.hint.clone())
}

/// One job that is read.
struct Reading<'f> {
    file: &'f ConfigFile,
    name: &'f String,
    table: &'f JobTable,
    channels: &'f [Channel],
}

impl Reading<'_> {
    fn job(&self, schedule: JobSchedule) -> Result<JobSpec, CliError> {
        zones(self.file, self.table)?;
        let kind = self.table.item("kind").and_then(|item| item.value.as_str()).unwrap_or("fetch");
        let work = match kind {
            "liveness" | "check" => Work::Liveness(Box::new(self.liveness()?)),
            kind => {
                let expect = self.expect()?;
                let settings = self.settings(kind)?;
                Work::Run(scheduled::run_work(self.file, self.name, kind, settings, expect)?)
            }
        };
        self.refuse_foreign(kind)?;
        Ok(JobSpec {
            name: self.name.as_str().into(),
            schedule,
            maintenance: self.maintenance()?,
            group: self.item_text("group")?.map(Into::into),
            routes: self.routes()?,
            work,
        })
    }

    /// Keys that jobs of another kind have.
    fn refuse_foreign(&self, kind: &str) -> Result<(), CliError> {
        let is_of_liveness = |key: &str| {
            ["canary", "confirmations", "confirm-after", "down-after", "recoveries", "window"]
                .contains(&key)
        };
        let is_liveness = matches!(kind, "liveness" | "check");
        if is_liveness {
            self.refuse_results()?;
        }
        let known = crate::config_file::items::JOB_KEYS;
        for item in &self.table.items {
            let wrong = match item.key.as_str() {
                key if is_of_liveness(key) && !is_liveness => "jobs of the kind liveness have it",
                "refresh" if self.table.item("input").is_none() && !is_liveness => {
                    "a fetch reads its list at each slot"
                }
                key if !known.contains(&key) && key != "input" && kind != "crawl" => {
                    "jobs of the kind crawl have it"
                }
                _ => continue,
            };
            let error = CliError::usage(format!("{}: {wrong}", item.key), "take it out");
            return Err(self.file.error_at(&item.span, error));
        }
        Ok(())
    }

    /// What is made of records: a liveness job has checks instead.
    fn refuse_results(&self) -> Result<(), CliError> {
        const OF_RECORDS: &[&str] =
            &["extract", "each", "rows", "rules", "bodies", "cache", "report"];
        let of_targets = |item: &Item| {
            let targets = item.value.as_array().map(Vec::as_slice).unwrap_or_default();
            item.key == "target" && targets.iter().any(|target| target.get("extract").is_some())
        };
        let found = self.table.items.iter().find_map(|item| match of_targets(item) {
            true => Some((&item.span, "extract")),
            false => OF_RECORDS.iter().find(|key| **key == item.key).map(|key| (&item.span, *key)),
        });
        let entries = self.table.entries.iter();
        let mut given = entries.filter(|entry| OF_RECORDS.contains(&entry.key.as_str()));
        let found = found.or_else(|| given.next().map(|entry| (&entry.span, &*entry.key)));
        let Some((span, key)) = found else { return Ok(()) };
        let message = format!("{key}: a liveness job keeps no records to take it from");
        let hint = "make it another job, of kind = \"fetch\": its records are checks as well";
        Err(self.file.error_at(span, CliError::usage(message, hint)))
    }

    /// The flags of the job, as a fetch or a crawl of it would have them.
    fn settings(&self, kind: &str) -> Result<Settings, CliError> {
        let command = if kind == "crawl" { "crawl" } else { "fetch" };
        let mut argv: Vec<std::ffi::OsString> = vec!["gather".into(), command.into()];
        argv.extend(["-K".into(), self.file.path.clone().into_os_string()]);
        if kind == "crawl" {
            argv.extend(scheduled::crawl_tokens(self.file, self.table)?);
        }
        let matches = Cli::command().try_get_matches_from(&argv).map_err(|error| {
            crate::usage::from_clap(&error, &argv)
                .map_or_else(|| CliError::fault(error.to_string()), |error| self.here(error))
        })?;
        let typed = Typed { argv: &argv, command: &[command], job: Some(self.name) };
        Settings::load(typed, &matches)
    }

    fn here(&self, error: CliError) -> CliError {
        self.file.error_at(&self.table.span, error)
    }

    /// The conditions of `[[job.NAME.target]]`: a wrong one is known now, not when the list is read.
    fn check_targets(&self) -> Result<(), CliError> {
        let Some(item) = self.table.item("target") else { return Ok(()) };
        for target in item.value.as_array().into_iter().flatten() {
            let conditions = match target.get("expect") {
                Some(serde_json::Value::Array(several)) => several.iter().collect(),
                Some(one) => vec![one],
                None => continue,
            };
            for condition in conditions {
                let read = condition.as_str().unwrap_or_default().parse::<Expect>();
                read.map_err(|error| {
                    let url = target.get("url").and_then(|url| url.as_str()).unwrap_or_default();
                    let message = format!("target {url}: expect: {}", error.message);
                    self.file.error_at(&item.span, CliError::usage(message, error.hint))
                })?;
            }
        }
        Ok(())
    }

    fn liveness(&self) -> Result<Liveness, CliError> {
        self.check_targets()?;
        let settings = self.settings("liveness")?;
        let list_from = self.list_from()?;
        let run = RunSettings::for_list(&settings, list_from.as_ref())?;
        let expect = self.expect()?;
        let (mut config, client) = (run.config, run.client);
        if !settings.is_given("timeout") {
            config.timeout = Duration::from_secs(gather::check::TIMEOUT_S);
            config.connect_timeout = config.connect_timeout.min(config.timeout);
        }
        let fitting = match settings.is_given("concurrency") {
            true => Fitting::Given,
            false => Fitting::ToTargets,
        };
        if fitting == Fitting::ToTargets {
            config.concurrency = gather::check::CONCURRENCY.try_into().expect("not zero");
        }
        Ok(Liveness {
            list: ListSpec { source: run.source, from: list_from, refresh: self.refresh()? },
            engine: EngineSpec {
                config,
                client,
                expect: expect.clone(),
                fitting,
                text: engine_text(&settings, &expect).into(),
                bodies: Bodies::default(),
            },
            expect,
            policy: self.policy()?,
            canary: match self
                .table
                .item("canary")
                .map(|item| switch(self.file, item))
                .transpose()?
            {
                Some(true) => Canary::Yes,
                Some(false) | None => Canary::No,
            },
        })
    }

    fn expect(&self) -> Result<Vec<Expect>, CliError> {
        expect(self.file, self.table)
    }

    /// `input = { command = ["program", "argument"] }` or `{ url = "…" }`.
    fn list_from(&self) -> Result<Option<ListFrom>, CliError> {
        const HINT: &str = "write input = { command = [\"program\"] } or { url = \"https://…\" }";
        let Some(item) = self.table.item("input") else { return Ok(None) };
        let wrong = || self.file.error_at(&item.span, CliError::usage("input is no list", HINT));
        let members = item.value.as_object().ok_or_else(wrong)?;
        let known = |key: &&String| !matches!(key.as_str(), "command" | "url" | "refresh");
        if let Some(key) = members.keys().find(known) {
            let error = CliError::usage(format!("there is no '{key}' in input"), HINT);
            return Err(self.file.error_at(&item.span, error));
        }
        let from = match (members.get("command"), members.get("url")) {
            (Some(serde_json::Value::String(line)), None) => {
                ListFrom::Command(line.split_whitespace().map(str::to_owned).collect())
            }
            (Some(serde_json::Value::Array(words)), None) => {
                let words: Option<Vec<String>> =
                    words.iter().map(|word| word.as_str().map(str::to_owned)).collect();
                ListFrom::Command(words.ok_or_else(wrong)?)
            }
            (None, Some(serde_json::Value::String(url))) => {
                let url = crate::reference::resolve(url);
                ListFrom::Url(url.map_err(|error| self.file.error_at(&item.span, error))?)
            }
            _ => return Err(wrong()),
        };
        Ok(Some(from))
    }

    fn refresh(&self) -> Result<Option<Duration>, CliError> {
        let of_input = || {
            let item = self.table.item("input")?;
            Some((item, plain(item.value.get("refresh")?)))
        };
        let (item, text) = match (self.table.item("refresh"), of_input()) {
            (Some(item), _) => (item, text(self.file, item)?),
            (None, Some((item, found))) => {
                (item, found.map_err(|error| self.file.error_at(&item.span, error))?)
            }
            (None, None) => return Ok(None),
        };
        every(self.file, item, &text).map(Some)
    }

    fn policy(&self) -> Result<Policy, CliError> {
        let mut policy = Policy::default();
        if let Some(item) = self.table.item("confirmations") {
            policy.confirmations = small(self.file, item)?;
        }
        if let Some(item) = self.table.item("recoveries") {
            policy.recoveries = small(self.file, item)?;
        }
        for (key, into) in
            [("confirm-after", &mut policy.confirm_after), ("down-after", &mut policy.down_after)]
        {
            if let Some(item) = self.table.item(key) {
                let text = text(self.file, item)?;
                *into = crate::values::duration(&text).map_err(|error| {
                    let wrong = CliError::usage(format!("{key}: {error}"), error.hint);
                    self.file.error_at(&item.span, wrong)
                })?;
            }
        }
        if let Some(item) = self.table.item("window") {
            let text = text(self.file, item)?;
            let pair = text.split_once(" of ").and_then(|(least, of)| {
                Some((least.trim().parse::<u8>().ok()?, of.trim().parse::<u8>().ok()?))
            });
            let pair = pair.filter(|(least, of)| (1..=*of).contains(least) && *of <= 64);
            policy.window = Some(pair.ok_or_else(|| {
                let message = format!("window: '{text}' is no window");
                let error = CliError::usage(message, "write window = \"3 of 5\", of at most 64");
                self.file.error_at(&item.span, error)
            })?);
        }
        Ok(policy)
    }

    fn maintenance(&self) -> Result<Windows, CliError> {
        let Some(item) = self.table.item("maintenance") else { return Ok(Windows::default()) };
        let zones = zones(self.file, self.table)?;
        let read = |text: String| {
            parse_window(&text, &zones).map_err(|error| {
                let wrong = CliError::usage(format!("maintenance: {error}"), error.hint);
                self.file.error_at(&item.span, wrong)
            })
        };
        texts(self.file, item)?.into_iter().map(read).collect::<Result<_, _>>().map(Windows)
    }

    fn routes(&self) -> Result<Routes, CliError> {
        let Some(item) = self.table.item("notify") else {
            return Ok(Routes::everything(self.channels));
        };
        let value = value(&item.value).map_err(|error| self.file.error_at(&item.span, error))?;
        Routes::parse(&value, self.channels).map_err(|error| {
            let wrong = of_table(&format!("job.{}", self.name), &error.clone());
            self.file.error_at(&item.span, wrong)
        })
    }

    fn item_text(&self, key: &str) -> Result<Option<String>, CliError> {
        self.table.item(key).map(|item| text(self.file, item)).transpose()
    }
}

/// What a job expects of every answer.
///
/// # Errors
/// A condition that cannot be read.
pub(crate) fn expect(file: &ConfigFile, table: &JobTable) -> Result<Vec<Expect>, CliError> {
    let Some(item) = table.item("expect") else { return Ok(Vec::new()) };
    let read = |text: String| {
        text.parse::<Expect>().map_err(|error| {
            let wrong = CliError::usage(format!("expect: {}", error.message), error.hint);
            file.error_at(&item.span, wrong)
        })
    };
    texts(file, item)?.into_iter().map(read).collect()
}

/// When a job is due; `None` if it has no schedule.
fn schedule(file: &ConfigFile, table: &JobTable) -> Result<Option<JobSchedule>, CliError> {
    match (table.item("every"), table.item("cron")) {
        (None, None) => Ok(None),
        (Some(_), Some(cron)) => {
            let error = CliError::usage("a job has every or cron, not both", "keep one");
            Err(file.error_at(&cron.span, error))
        }
        (Some(item), None) => {
            every(file, item, &text(file, item)?).map(JobSchedule::Every).map(Some)
        }
        (None, Some(item)) => {
            let text = text(file, item)?;
            let zone = zones(file, table)?.local;
            let shown = match zone.iana_name() {
                Some(name) => format!("{text} {name}"),
                None => text.clone(),
            };
            let cron = parse_cron(&text, zone).map_err(|error| {
                file.error_at(&item.span, CliError::usage(format!("cron: {error}"), error.hint))
            })?;
            Ok(Some(JobSchedule::Cron(Arc::new(cron), shown.into())))
        }
    }
}

fn every(file: &ConfigFile, item: &Item, text: &str) -> Result<Duration, CliError> {
    parse_every(text).map_err(|error| {
        let wrong = CliError::usage(format!("{}: {error}", item.key), error.hint);
        file.error_at(&item.span, wrong)
    })
}

/// Zones by name, and the one of the job, else that of the machine.
pub(super) fn zones<'a>(file: &ConfigFile, table: &JobTable) -> Result<Zones<'a>, CliError> {
    let find: &dyn Fn(&str) -> Option<TimeZone> = &|name| TimeZone::get(name).ok();
    let zones = Zones { local: TimeZone::system(), find };
    let Some(item) = table.item("timezone") else { return Ok(zones) };
    let name = text(file, item)?;
    let local = zones.get(Some(&name)).map_err(|error| {
        file.error_at(&item.span, CliError::usage(format!("timezone: {error}"), error.hint))
    })?;
    Ok(Zones { local, find })
}

/// The settings that an engine is made of, as text without secrets.
fn engine_text(settings: &Settings, expect: &[Expect]) -> String {
    let of_engine = settings.all.iter().filter(|one| {
        one.origin != Origin::Default && !OF_THE_LIST.contains(&one.key.name.as_str())
    });
    let mut text: Vec<String> =
        of_engine.map(|one| format!("{}={}", one.key.name, one.values.join(","))).collect();
    // What is kept of an answer is the engine's, too.
    text.push(format!("body={}", expect.iter().any(Expect::needs_body)));
    text.join("\n")
}

/// The text of an item, its references resolved.
pub(crate) fn text(file: &ConfigFile, item: &Item) -> Result<String, CliError> {
    plain(&item.value).map_err(|error| {
        let message = format!("{}: {}", item.key, error.message);
        file.error_at(&item.span, CliError { message, ..error })
    })
}

/// One text, or a list of them.
pub(crate) fn texts(file: &ConfigFile, item: &Item) -> Result<Vec<String>, CliError> {
    let at = |error: CliError| {
        let message = format!("{}: {}", item.key, error.message);
        file.error_at(&item.span, CliError { message, ..error })
    };
    match &item.value {
        serde_json::Value::Array(items) => items.iter().map(|one| plain(one).map_err(at)).collect(),
        one => Ok(vec![plain(one).map_err(at)?]),
    }
}

pub(super) fn switch(file: &ConfigFile, item: &Item) -> Result<bool, CliError> {
    item.value.as_bool().ok_or_else(|| {
        let error = CliError::usage(format!("{} is on or off", item.key), "write true or false");
        file.error_at(&item.span, error)
    })
}

fn small(file: &ConfigFile, item: &Item) -> Result<u8, CliError> {
    let number = item.value.as_u64().filter(|number| *number <= 20);
    number.and_then(|number| u8::try_from(number).ok()).ok_or_else(|| {
        let error = CliError::usage(format!("{} is a small number", item.key), "write 0 to 20");
        file.error_at(&item.span, error)
    })
}

pub(super) fn unknown(file: &ConfigFile, item: &Item, table: &str, known: &[&str]) -> CliError {
    let hint = match crate::nearest::nearest(&item.key, known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are {}", known.join(", ")),
    };
    let message = format!("there is no key '{}' in [{table}]", item.key);
    file.error_at(&item.span, CliError::usage(message, hint))
}

/// Reads the file that is named, or the one that lies here.
///
/// # Errors
/// When there is none, or it cannot be read.
pub(crate) fn read_file(named: Option<&Path>) -> Result<ConfigFile, CliError> {
    let named = named.map(Path::to_owned);
    let named = named.or_else(|| std::env::var_os("GATHER_CONFIG").map(Into::into));
    let path = named.unwrap_or_else(|| crate::config_file::DEFAULT_NAME.into());
    if !path.exists() {
        let message = format!("there is no {}", path.display());
        return Err(CliError::usage(
            message,
            "write one with gather init, or name it with -K FILE",
        ));
    }
    ConfigFile::read(&path)
}
