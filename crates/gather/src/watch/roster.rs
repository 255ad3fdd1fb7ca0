//! The targets of a job: read from files, a command or a URL, each under a key that lasts.

use std::collections::HashSet;
use std::fmt;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};

use gather_core::target::Target;
use gather_core::time::Duration;
use gather_fetch::{ClientOptions, KeepBody};
use xxhash_rust::xxh3::Xxh3Default;

use super::spec::Liveness;
use crate::engine::{Engine, EngineOptions};
use crate::source::{self, Broken, Format, InputFile, InputPath, Item, Progress, SourceSpec};

/// Where the targets of a job come from.
#[derive(Clone, Debug)]
pub struct ListSpec {
    /// How they are read, and the files they are read from.
    pub source: SourceSpec,
    /// What prints further ones, if anything.
    pub from: Option<ListFrom>,
    /// How often they are read again; only when the configuration is, if `None`.
    pub refresh: Option<Duration>,
}

/// What a list is made by each time it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListFrom {
    /// The standard output of a program; the first is its path, no shell in between.
    Command(Vec<String>),
    /// The body of an answer.
    Url(String),
}

/// A list may be so long.
const LIST_BYTES_MAX: u64 = 64 << 20;
/// The program that prints a list may take so long.
const LIST_TIME_MAX: Duration = Duration::from_secs(120);
/// Broken lines that are named one by one.
const BROKEN_NAMED_MAX: usize = 5;

/// A target of a job.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    /// The same as long as the job names it: its history hangs on it.
    pub(crate) key: u64,
    /// What is asked for.
    pub(crate) target: Target,
}

impl Listed {
    /// The value of a tag.
    pub(crate) fn tag(&self, name: &str) -> Option<&str> {
        let tags = self.target.tags.as_deref()?;
        tags.iter().find(|(known, _)| &**known == name).map(|(_, value)| &**value)
    }

    /// What it is called where it has a name of its own.
    pub(crate) fn name(&self) -> Option<&str> {
        self.tag("name")
    }
}

/// What a list held when it was read.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    /// Each once.
    pub(crate) listed: Vec<Listed>,
    /// What the operator should know: lines that are no targets, targets that are there twice.
    pub(crate) notes: Vec<String>,
}

/// Why a list could not be read. The list of before stays in force.
#[derive(Debug)]
pub struct ListError {
    message: String,
    hint: &'static str,
}

impl ListError {
    fn new(message: String, hint: &'static str) -> Self {
        Self { message, hint }
    }

    /// The targets could not be written into the history.
    pub(crate) fn of_history(job: &str, why: &dyn fmt::Display) -> Self {
        Self::new(
            format!("job {job}: the history does not take its targets: {why}"),
            "the list of before stays in force, and is read again",
        )
    }
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; hint: {}", self.message, self.hint)
    }
}

impl std::error::Error for ListError {}

impl Roster {
    /// Reads the list of a job, which may take as long as its command or URL does.
    ///
    /// # Errors
    /// A file that cannot be read, a command that fails, a URL without a good answer.
    pub(crate) fn read(
        job: &str,
        list: &ListSpec,
        client: &ClientOptions,
    ) -> Result<Self, ListError> {
        let mut spec = list.source.clone();
        if let Some(from) = &list.from {
            let (name, text) = fetch(from, client)?;
            let path = InputPath::Text { name: name.into(), text: text.into() };
            spec.files.push(InputFile { path, format: Format::Auto });
        }
        let mut source = source::open(&spec).map_err(|error| {
            ListError::new(format!("job {job}: {error}"), "the list of before stays in force")
        })?;
        let mut roster = Self::default();
        let (mut seen, mut broken, mut twice) = (HashSet::new(), 0_u64, 0_u64);
        let mut items = Vec::new();
        loop {
            let progress = source.read(&mut items, 4096).map_err(|error| {
                ListError::new(format!("job {job}: {error}"), "the list of before stays in force")
            })?;
            for item in items.drain(..) {
                match item {
                    Item::Target(target) => {
                        let listed = Listed { key: key(job, &target), target };
                        match seen.insert(listed.key) {
                            true => roster.listed.push(listed),
                            false => twice += 1,
                        }
                    }
                    Item::Broken(line) => {
                        broken += 1;
                        if broken <= BROKEN_NAMED_MAX as u64 {
                            roster.notes.push(no_target(job, &line));
                        }
                    }
                }
            }
            if progress == Progress::End {
                break;
            }
        }
        if broken > BROKEN_NAMED_MAX as u64 {
            roster.notes.push(format!("job {job}: {broken} lines of its list are no targets"));
        }
        if twice > 0 {
            roster.notes.push(format!("job {job}: {twice} targets are in its list twice"));
        }
        Ok(roster)
    }
}

/// How many targets a list has now, and what the operator should know of it.
///
/// # Errors
/// When it cannot be read.
pub fn count(job: &str, liveness: &Liveness) -> Result<(u64, Vec<String>), ListError> {
    let roster = Roster::read(job, &liveness.list, &liveness.engine.client)?;
    Ok((roster.listed.len() as u64, roster.notes))
}

fn no_target(job: &str, line: &Broken) -> String {
    let source = line.place.source.as_deref().unwrap_or("its URLs");
    format!("job {job}: {source}:{}: {} ({})", line.place.line, line.message, line.input)
}

fn key(job: &str, target: &Target) -> u64 {
    let name = target.tags.as_deref().and_then(|tags| tags.iter().find(|(n, _)| &**n == "name"));
    let request = target.request.as_ref();
    let sent = request.map(|request| (target.method().as_str(), request.body.as_deref()));
    key_of(job, name.map(|(_, name)| &**name), target.url.as_str(), sent)
}

/// Job, and name or URL with what is sent: what makes a target the same one tomorrow.
pub(crate) fn key_of(
    job: &str,
    name: Option<&str>,
    url: &str,
    sent: Option<(&str, Option<&[u8]>)>,
) -> u64 {
    let mut hash = Xxh3Default::new();
    hash.update(job.as_bytes());
    hash.update(&[0]);
    if let Some(name) = name {
        hash.update(b"name\0");
        hash.update(name.as_bytes());
        return hash.digest();
    }
    hash.update(url.as_bytes());
    if let Some((method, body)) = sent {
        hash.update(&[0]);
        hash.update(method.as_bytes());
        hash.update(&[0]);
        hash.update(body.unwrap_or_default());
    }
    hash.digest()
}

/// The name and the text of a list that is made when it is asked for.
fn fetch(from: &ListFrom, client: &ClientOptions) -> Result<(String, String), ListError> {
    match from {
        ListFrom::Command(argv) => printed(argv, LIST_TIME_MAX),
        ListFrom::Url(url) => answered(url, client),
    }
}

/// Runs a program and takes what it prints. After `time_max` it and what it started are killed.
fn printed(argv: &[String], time_max: Duration) -> Result<(String, String), ListError> {
    let (program, arguments) = argv.split_first().ok_or_else(|| {
        ListError::new(
            "the command of a list is empty".to_owned(),
            "write [\"program\", \"argument\"]",
        )
    })?;
    let fault = |why: &dyn fmt::Display| {
        ListError::new(format!("the list of {program}: {why}"), "run it by hand to see")
    };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = command.process_group(0).spawn().map_err(|error| fault(&error))?;
    let group = child.id();
    let (ended, is_ended) = sync_channel::<()>(0);
    let guard = std::thread::spawn(move || {
        let is_late = is_ended.recv_timeout(time_max) == Err(RecvTimeoutError::Timeout);
        if is_late {
            kill(group);
        }
        is_late
    });
    let mut text = Vec::new();
    let read = child.stdout.take().map(|out| out.take(LIST_BYTES_MAX + 1).read_to_end(&mut text));
    let is_long = text.len() as u64 > LIST_BYTES_MAX;
    if is_long {
        kill(group);
    }
    let status = child.wait();
    drop(ended);
    if guard.join().unwrap_or(false) {
        return Err(fault(&format!("it did not end within {:.0} s", time_max.as_secs_f64())));
    }
    if is_long {
        return Err(fault(&"it is longer than 64M"));
    }
    read.transpose().map_err(|error| fault(&error))?;
    let status = status.map_err(|error| fault(&error))?;
    if !status.success() {
        return Err(fault(&status));
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok((program.clone(), text))
}

/// Kills a program and what it started, which are a group of their own.
fn kill(group: u32) {
    if let Some(pid) = rustix::process::Pid::from_raw(group.cast_signed()) {
        // It may have ended in this moment.
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
}

fn answered(url: &str, client: &ClientOptions) -> Result<(String, String), ListError> {
    let mut shown = crate::redact::input(url).into_owned();
    crate::redact::text(&mut shown, &client.redact_query);
    let fault = |why: &dyn fmt::Display| {
        ListError::new(format!("the list at {shown}: {why}"), "the list of before stays in force")
    };
    let mut options = EngineOptions { client: client.clone(), ..EngineOptions::default() };
    options.client.keep.body = KeepBody::All;
    options.config.caps.decoded_bytes_max = LIST_BYTES_MAX;
    let engine = Engine::start(options).map_err(|error| fault(&error))?;
    let answer = engine.try_submit(url).map_err(|error| fault(&error))?.wait();
    let record = answer.map_err(|error| fault(&error))?;
    if let Some(error) = record.outcome.error() {
        return Err(fault(&error.message));
    }
    let name = Arc::from(record.content_type.as_deref().unwrap_or_default());
    let body = record.body.unwrap_or_default();
    Ok((named(&shown, &name), String::from_utf8_lossy(&body).into_owned()))
}

/// A list is read by the extension of its name; one with another content type is named after it.
fn named(url: &str, content_type: &str) -> String {
    let bare = url.split(['?', '#']).next().unwrap_or(url);
    let says = |part: &str| content_type.contains(part) && !bare.ends_with(part);
    match () {
        () if says("csv") => format!("{bare}.csv"),
        () if says("jsonl") || says("ndjson") => format!("{bare}.jsonl"),
        () => bare.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(arguments: &[&str], text: &str) -> ListSpec {
        let path = InputPath::Text { name: "targets.jsonl".into(), text: text.into() };
        ListSpec {
            source: SourceSpec {
                arguments: arguments.iter().map(ToString::to_string).collect(),
                files: vec![InputFile { path, format: Format::Auto }],
                ..SourceSpec::default()
            },
            from: None,
            refresh: None,
        }
    }

    #[test]
    fn a_target_keeps_its_key_as_long_as_it_is_the_same() {
        let read = |job: &str, text: &str| {
            let roster = Roster::read(job, &list(&[], text), &ClientOptions::default());
            roster.expect("a list").listed.remove(0).key
        };
        let url = r#"{"url":"https://a.example/"}"#;
        let named = r#"{"url":"https://a.example/","name":"acme"}"#;
        for (left, right, same) in [
            (("j", url), ("j", url), true),
            (("j", url), ("k", url), false),
            (("j", url), ("j", named), false),
            (("j", named), ("j", r#"{"url":"https://b.example/","name":"acme"}"#), true),
            (("j", url), ("j", r#"{"url":"https://a.example/","method":"HEAD"}"#), false),
            (("j", url), ("j", r#"{"url":"https://a.example/","tags":{"x":"y"}}"#), true),
        ] {
            let keys = (read(left.0, left.1), read(right.0, right.1));
            assert_eq!(keys.0 == keys.1, same, "{left:?} {right:?}");
        }
    }

    #[test]
    fn a_list_has_each_target_once_and_says_what_it_leaves_out() {
        let text = "{\"url\":\"https://a.example/\"}\n{\"url\":\"mailto:x\"}\n";
        let roster =
            Roster::read("j", &list(&["https://a.example/"], text), &ClientOptions::default());
        let roster = roster.expect("a list");
        assert_eq!(roster.listed.len(), 1);
        assert_eq!(roster.notes.len(), 2, "{:?}", roster.notes);
        assert!(roster.notes[0].contains("targets.jsonl:2"), "{:?}", roster.notes);
    }

    #[test]
    fn a_command_gives_a_list_or_says_why_not() {
        let read = |argv: &[&str]| {
            let argv = argv.iter().map(ToString::to_string).collect();
            let spec = ListSpec { from: Some(ListFrom::Command(argv)), ..list(&[], "") };
            Roster::read("j", &spec, &ClientOptions::default())
        };
        let read_two = read(&["printf", "https://a.example/\\nhttps://b.example/\\n"]);
        assert_eq!(read_two.expect("a list").listed.len(), 2);
        let failed = read(&["false"]).expect_err("it fails").to_string();
        assert!(failed.contains("exit status: 1"), "{failed}");
        read(&["/nonexistent/program"]).expect_err("there is none");
        let endless = read(&["yes", "https://a.example/"]).expect_err("too long").to_string();
        assert!(endless.contains("longer than 64M"), "{endless}");
        // What it started holds its output open.
        let argv = ["sh", "-c", "sleep 600 & echo https://a.example/; wait"].map(ToOwned::to_owned);
        let late = printed(&argv, Duration::from_millis(20)).expect_err("too slow").to_string();
        assert!(late.contains("did not end within"), "{late}");
    }
}
