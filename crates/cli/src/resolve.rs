//! Settings -> what a run is started with: contradictions are refused here, and nowhere later.

pub(crate) mod extract;
mod input;
pub(crate) mod jobs;
mod journal;
mod output;
mod request;
pub(crate) mod scheduled;
pub(crate) mod tables;
mod value;

use std::io::IsTerminal;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gather::core::Config;
use gather::core::config::{
    Caps, HostConfig, Redirects, RetryConfig, RobotsConfig, StopRule, UnsafeMethods,
};
use gather::core::frontier::HostTrust;
use gather::crawl::CrawlSpec;
use gather::{EqualRequests, JournalOptions};

use gather::extract::Rules;
use gather::fetch::ClientOptions;
use gather::source::SourceSpec;
use gather::store::OutputSpec;
use gather::watch::ListFrom;

pub(crate) use journal::is_fixed;
pub(crate) use output::{View, outputs_of};

use crate::args::{FetchArgs, LogFormat};
use crate::commands::config_show;
use crate::error::CliError;
use crate::reference;
use crate::report_file::ReportSettings;
use crate::settings::Settings;
use crate::values::{CountOrShare, Given};

/// Everything a run needs to know, free of contradictions.
#[derive(Clone, Debug)]
pub(crate) struct RunSettings {
    /// What decides.
    pub(crate) config: Config,
    /// What is read.
    pub(crate) source: SourceSpec,
    /// What is sent, and over what.
    pub(crate) client: ClientOptions,
    /// What is looked for in pages.
    pub(crate) extract: Option<Arc<Rules>>,
    /// Where records go; at least one.
    pub(crate) outputs: Vec<OutputSpec>,
    /// Which records stdout shows.
    pub(crate) view: View,
    /// What becomes of equal requests.
    pub(crate) equal_requests: EqualRequests,
    /// Where bodies go.
    pub(crate) bodies: Option<PathBuf>,
    /// Which links are followed; none if `None`.
    pub(crate) crawl: Option<CrawlSpec>,
    /// What is known of earlier answers.
    pub(crate) cache: Option<PathBuf>,
    /// What is told at the end.
    pub(crate) report: Option<ReportSettings>,
    /// Where the run keeps its journal; nowhere if `None`.
    pub(crate) journal: Option<JournalOptions>,
    /// How to go on with it, as it would be typed.
    pub(crate) resume_line: Option<String>,
    /// How many failures still exit 0.
    pub(crate) allow_failures: Option<CountOrShare>,
    /// The job it is a run of.
    pub(crate) job: Option<String>,
    /// The settings that were given, as JSON without secrets.
    pub(crate) given: Option<String>,
    /// What is said.
    pub(crate) talk: TalkSettings,
}

/// What is said on stderr.
#[derive(Clone, Debug)]
pub(crate) struct TalkSettings {
    /// How much.
    pub(crate) loudness: Loudness,
    /// In which form.
    pub(crate) format: LogFormat,
    /// Whether progress is drawn.
    pub(crate) progress: Progress,
    /// How often a line of progress is written where none is drawn.
    pub(crate) stats_interval: Option<Duration>,
    /// Where the summary goes as JSON.
    pub(crate) summary: Option<PathBuf>,
    /// Whether a summary file that exists is replaced.
    pub(crate) overwrite: Overwrite,
}

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Loudness {
    /// Errors alone.
    Quiet,
    /// What matters.
    Normal,
    /// Every failure, and what the engine decides.
    Verbose,
}

/// Whether progress is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// On a terminal.
    Drawn,
    /// Not at all.
    Off,
}

/// Whether files that exist are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overwrite {
    /// They are left alone, and it is an error.
    No,
    /// They are replaced.
    Yes,
}

impl RunSettings {
    /// The defaults, with nothing to read and nowhere to write.
    pub(crate) fn plain(talk: TalkSettings) -> Self {
        Self {
            config: Config::default(),
            source: SourceSpec::default(),
            client: ClientOptions::default(),
            extract: None,
            outputs: Vec::new(),
            view: View::default(),
            equal_requests: EqualRequests::Sent,
            bodies: None,
            crawl: None,
            cache: None,
            report: None,
            journal: None,
            resume_line: None,
            allow_failures: None,
            job: None,
            given: None,
            talk,
        }
    }

    /// What checks of single targets need: what is asked and how. Their list may also come from
    /// elsewhere.
    ///
    /// # Errors
    /// As [`Self::try_new`].
    pub(crate) fn for_list(settings: &Settings, from: Option<&ListFrom>) -> Result<Self, CliError> {
        refuse_contradictions(settings)?;
        let config = config(settings);
        let mut listed = input::listed(settings)?;
        if from.is_some() && listed.is_none() {
            listed = Some(String::new());
        }
        let source = input::source(&settings.args.input, config.caps, listed)?;
        let keep = gather::fetch::Keep::default();
        let request::Requests { client, by_row } = request::requests(settings, &config, keep)?;
        Ok(Self {
            config,
            source: SourceSpec { default_request: by_row, ..source },
            client,
            ..Self::plain(talk(settings))
        })
    }

    /// Checks the settings as a whole.
    ///
    /// # Errors
    /// The first contradiction, with what to do about it.
    pub(crate) fn try_new(settings: &Settings) -> Result<Self, CliError> {
        refuse_contradictions(settings)?;
        let args = &settings.args;
        let mut outputs = output::outputs(settings)?;
        let looked = extract::rules(&args.extract, &outputs)?;
        if let Some(looked) = &looked {
            outputs.extend(extract::rows(&args.extract, &args.output, &looked.rules)?);
            if args.http.head {
                let hint = "leave -I out: the rules read the body";
                return Err(CliError::usage("--head and --extract contradict each other", hint));
            }
        }
        let view = output::view(settings, &outputs)?;
        let config = config(settings);
        let source = input::source(&args.input, config.caps, input::listed(settings)?)?;
        let keep = output::keep(&outputs, &view);
        let request::Requests { client, by_row } = request::requests(settings, &config, keep)?;
        let journal = {
            let sent = journal::Sent { client: &client, by_row: by_row.as_deref() };
            journal::journal(settings, &outputs, &sent, looked.as_ref())?
        };
        Ok(Self {
            config,
            source: SourceSpec { default_request: by_row, ..source },
            client,
            extract: looked.map(|looked| looked.rules),
            outputs,
            view,
            equal_requests: match args.input.dedup {
                true => EqualRequests::SentOnce,
                false => EqualRequests::Sent,
            },
            bodies: args.output.bodies.clone(),
            crawl: None,
            cache: args.output.cache.clone(),
            report: ReportSettings::try_new(&args.report, title(settings), overwrite(settings))?,
            journal,
            resume_line: None,
            allow_failures: args.failing.allow_failures,
            job: settings.job.clone(),
            given: Some(config_show::as_json(settings)),
            talk: talk(settings),
        })
    }
}

/// How to talk, from the flags about it alone.
pub(crate) fn talk_of(args: &crate::args::TalkArgs) -> TalkSettings {
    TalkSettings {
        loudness: match (args.quiet, args.verbose) {
            (true, _) => Loudness::Quiet,
            (_, true) => Loudness::Verbose,
            _ => Loudness::Normal,
        },
        format: args.log_format,
        progress: if args.quiet
            || args.no_progress
            || args.log_format == LogFormat::Json
            || !std::io::stderr().is_terminal()
        {
            Progress::Off
        } else {
            Progress::Drawn
        },
        stats_interval: args.stats_interval,
        summary: args.summary.clone(),
        overwrite: Overwrite::No,
    }
}

fn talk(settings: &Settings) -> TalkSettings {
    TalkSettings { overwrite: overwrite(settings), ..talk_of(&settings.args.talk) }
}

/// Whether summary and report may be replaced. Those of a run that goes on are of the whole run.
fn overwrite(settings: &Settings) -> Overwrite {
    let resume = &settings.args.resume;
    match settings.args.output.overwrite || resume.resume || resume.resume_changed {
        true => Overwrite::Yes,
        false => Overwrite::No,
    }
}

/// The heading of a report where none is given.
fn title(settings: &Settings) -> &str {
    settings.job.as_deref().unwrap_or("Fetch")
}

/// Pairs of keys that cannot both be meant, and what to do.
const CONTRADICTIONS: &[(&str, &str, &str)] = &[
    ("fail-fast", "max-failures", "--fail-fast is --max-failures 0; keep one"),
    ("fail-fast", "allow-failures", "stop at the first failure, or allow some; keep one"),
    ("ipv4", "ipv6", "leave both out to use whichever connects first"),
    ("http1.1", "http2", "leave both out to let the server choose"),
    ("quiet", "verbose", "keep one"),
    ("head", "data", "-I sends no body; for another method write -X"),
    ("head", "method", "-I is -X HEAD; keep one"),
    ("insecure", "cacert", "with -k no certificate is looked at; keep one"),
    ("quiet", "stats-interval", "-q says nothing but errors; keep one"),
    ("resume", "overwrite", "go on with what is there, or replace it; keep one"),
    ("resume-changed", "overwrite", "go on with what is there, or replace it; keep one"),
    ("resume", "no-journal", "only a journal knows where to go on; keep one"),
    ("resume-changed", "no-journal", "only a journal knows where to go on; keep one"),
    ("journal", "no-journal", "keep one"),
];

fn refuse_contradictions(settings: &Settings) -> Result<(), CliError> {
    for (a, b, hint) in CONTRADICTIONS {
        if settings.is_on(a) && settings.is_on(b) {
            let message = format!("--{a} and --{b} contradict each other");
            return Err(CliError::usage(message, *hint));
        }
    }
    let http = &settings.args.http;
    if http.key.is_some() && http.cert.is_none() {
        return Err(CliError::usage("--key has no --cert to belong to", "add --cert FILE"));
    }
    if http.cacert.is_some() && settings.is_given("roots") {
        let hint = "--cacert replaces all other roots; keep one";
        return Err(CliError::usage("--cacert and --roots contradict each other", hint));
    }
    let retry = &settings.args.retry;
    let both = settings.is_given("backoff") && settings.is_given("backoff-max");
    if both && retry.backoff > retry.backoff_max {
        let hint = "--backoff is the first wait, --backoff-max the longest";
        return Err(CliError::usage("--backoff is longer than --backoff-max", hint));
    }
    Ok(())
}

fn config(settings: &Settings) -> Config {
    let args = &settings.args;
    let given = if settings.is_given("concurrency") { Given::Yes } else { Given::No };
    let caps = Caps {
        body_bytes_max: args.caps.max_body,
        decoded_bytes_max: args.caps.max_decoded,
        header_bytes_max: args.caps.max_headers,
        memory_bytes_max: args.caps.max_memory,
        ..Caps::default()
    };
    let hosts = settings.file.iter().flat_map(|file| &file.hosts);
    Config {
        concurrency: args.concurrency.concurrency,
        host_concurrency: args.concurrency.host_concurrency.resolve(given),
        rate: args.concurrency.rate,
        host_rate: args.concurrency.host_rate,
        hosts: hosts
            .filter(|host| host.concurrency.is_some() || host.rate.is_some())
            .map(|host| {
                let own = HostConfig { concurrency: host.concurrency, rate: host.rate };
                (host.name.to_ascii_lowercase(), own)
            })
            .collect(),
        timeout: args.time.timeout,
        connect_timeout: args.time.connect_timeout.min(args.time.timeout),
        min_speed: args.time.min_speed.0,
        deadline: args.time.deadline,
        retry: RetryConfig {
            retries: args.retry.retries,
            backoff: args.retry.backoff,
            backoff_max: args.retry.backoff_max.max(args.retry.backoff),
            on: args.retry.retry_on.clone(),
            retry_after_max: args.retry.max_retry_after,
            unsafe_methods: match args.retry.retry_unsafe {
                true => UnsafeMethods::Repeat,
                false => UnsafeMethods::OnlyUnsent,
            },
        },
        accept: args.failing.accept.clone(),
        caps,
        redirects: match args.http.max_redirects {
            0 => Redirects::Stop,
            max => Redirects::Follow { max },
        },
        robots: args.robots.robots.then(|| robots(args)),
        trust: HostTrust::Earned,
        stop: stop_rule(args.failing.fail_fast, args.failing.max_failures),
        seed: seed(),
    }
}

/// How robots.txt is obeyed.
pub(crate) fn robots(args: &FetchArgs) -> RobotsConfig {
    let default = ClientOptions::default().user_agent;
    let user_agent = args.http.user_agent.as_ref().unwrap_or(&default);
    let agent = args.robots.robots_agent.as_ref().unwrap_or(user_agent);
    RobotsConfig { crawl_delay_max: args.robots.max_crawl_delay, ..RobotsConfig::of(agent) }
}

fn stop_rule(fail_fast: bool, max_failures: Option<CountOrShare>) -> StopRule {
    match (fail_fast, max_failures) {
        (true, _) => StopRule::FirstFailure,
        (false, None) => StopRule::Never,
        (false, Some(CountOrShare::Count(most))) => StopRule::MoreThan(most),
        (false, Some(CountOrShare::Share(share))) => StopRule::MoreThanShare(share),
    }
}

/// A seed that differs from run to run, so that many machines do not retry in step.
fn seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

/// Names and values, in order.
type Headers = Vec<(String, String)>;

/// Headers of single hosts, references resolved.
pub(crate) fn host_headers(settings: &Settings) -> Result<Vec<(String, Headers)>, CliError> {
    let Some(file) = &settings.file else { return Ok(Vec::new()) };
    let resolve = |host: &crate::config_file::HostEntry| {
        let headers: Result<Vec<(String, String)>, CliError> = host
            .headers
            .iter()
            .map(|(name, value)| Ok((name.clone(), reference::resolve(value)?)))
            .collect();
        let headers = headers.map_err(|error| file.error_at(&host.span, error))?;
        Ok((host.name.to_ascii_lowercase(), headers))
    };
    file.hosts.iter().filter(|host| !host.headers.is_empty()).map(resolve).collect()
}

/// Requests in flight to a host at most, as far as it can be told beforehand.
pub(crate) fn host_cap(config: &Config, hosts: u64) -> NonZeroU32 {
    use gather::core::config::{HOST_CONCURRENCY_BASE, HostConcurrency};
    let cap = match config.host_concurrency {
        HostConcurrency::Fixed(cap) => return cap,
        HostConcurrency::Base => HOST_CONCURRENCY_BASE,
        HostConcurrency::Share => {
            let share = u64::from(config.concurrency.get()) / hosts.max(1);
            HOST_CONCURRENCY_BASE.max(u32::try_from(share).unwrap_or(u32::MAX))
        }
    };
    NonZeroU32::new(cap).expect("at least the base")
}

#[cfg(test)]
mod tests;
