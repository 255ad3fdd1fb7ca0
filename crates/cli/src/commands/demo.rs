//! `gather demo`: a small site on this machine and the main job on it, then the comparison.

use std::io::Write;
use std::num::NonZeroU32;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use gather::core::config::HostConcurrency;
use gather::source::{InputFile, InputPath, SourceSpec};
use gather::store::{Durability, Existing, Fields, Format, OutputSpec, OutputTarget};

use crate::args::DemoArgs;
use crate::commands::compare;
use crate::demo::{Site, market};
use crate::error::CliError;
use crate::outcome;
use crate::resolve::{self, RunSettings};
use crate::run::{self, Failures};
use crate::signals::Signals;
use crate::talk::Talk;

/// Requests in flight at once in the demo.
const CONCURRENCY: u32 = 50;
/// How many targets are compared: the partners, a second each.
const COMPARED: u64 = 10;

/// Shows the demo, or keeps its site up.
///
/// # Errors
/// When the site cannot be started or the run not be brought to its end.
pub(crate) fn demo(args: &DemoArgs) -> Result<(ExitCode, Option<String>), CliError> {
    if let Some(pages) = args.market {
        return market(pages);
    }
    let talk_settings = resolve::talk_of(&args.talk);
    let talk = Talk::new(&talk_settings);
    let fault = |what: &str, error: std::io::Error| CliError::fault(format!("{what}: {error}"));
    let site = Site::start(args.port.unwrap_or(0))
        .map_err(|error| fault("cannot start the demo site", error))?;
    let urls = site.target_list();
    if args.serve {
        return serve(&site, &urls, &talk);
    }
    let cannot = |error| fault("cannot write the demo's files", error);
    let directory = tempfile::Builder::new().prefix("gather-demo-").tempdir().map_err(cannot)?;
    let (list, results) =
        (directory.path().join("urls.txt"), directory.path().join("results.jsonl"));
    std::fs::write(&list, urls.join("\n")).map_err(cannot)?;
    talk.note(&format!("a site of loopback hosts, made for this:\n{}", site.describe().trim_end()));
    talk.note(&format!(
        "\n$ gather -i urls.txt -c {CONCURRENCY} -t 2s --retries 1 -o results.jsonl"
    ));
    let signals = Signals::watch(talk.clone())?;
    let settings = settings(&list, &results, resolve::talk_of(&args.talk));
    let summary = run::to_end(&settings, &talk, &signals, Failures::Named)?;
    talk.summary(&summary);
    talk.note(&format!("\n$ grep -m 1 … results.jsonl\n{}", samples(&results).map_err(cannot)?));
    if signals.exit_code().is_some() {
        let code = outcome::exit_code(&summary, None, signals.exit_code());
        return Ok((ExitCode::from(code), None));
    }
    let talk = Talk::new(&talk_settings);
    talk.note(&format!("\n$ gather compare -i urls.txt -c {CONCURRENCY} --limit {COMPARED}"));
    let mut compared = settings;
    compared.source.limit = Some(COMPARED);
    let comparison = compare::both(compared, &talk, &signals)?;
    // Hosts that fail are part of the show: only a signal or our own fault is a failure here.
    let code = signals.exit_code().unwrap_or_default();
    Ok((ExitCode::from(code), comparison.map(|comparison| compare::text(&comparison))))
}

/// Prints what stands on pages of the market, which no parser has seen.
fn market(pages: u32) -> Result<(ExitCode, Option<String>), CliError> {
    let mut stdout = std::io::BufWriter::new(std::io::stdout().lock());
    let mut offers = (1..=pages.min(market::PAGES)).flat_map(market::offers);
    let written = offers
        .try_for_each(|offer| writeln!(stdout, "{}", offer.json()))
        .and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(CliError::fault(format!("cannot write to standard output: {error}")))
        }
        Ok(()) | Err(_) => Ok((ExitCode::SUCCESS, None)),
    }
}

fn serve(
    site: &Site,
    urls: &[String],
    talk: &Talk,
) -> Result<(ExitCode, Option<String>), CliError> {
    talk.note(site.describe().trim_end());
    let mut stdout = std::io::stdout().lock();
    // The list is data: `gather demo --serve > urls.txt`. Who closes it has what they wanted.
    let _closed = writeln!(stdout, "{}", urls.join("\n")).and_then(|()| stdout.flush());
    drop(stdout);
    talk.note("serving until Ctrl-C; try: gather URL");
    Signals::wait()?;
    Ok((ExitCode::SUCCESS, None))
}

/// A record of each outcome, as they stand in the file.
fn samples(results: &Path) -> std::io::Result<String> {
    let text = std::fs::read_to_string(results)?;
    let first = |mark: &str| text.lines().find(|line| line.contains(mark));
    let samples = [first("/price/"), first("\"chain\""), first("\"outcome\":\"failed\"")];
    Ok(samples.into_iter().flatten().collect::<Vec<_>>().join("\n"))
}

/// The main job: a list, 50 at once, every fault of the site met within seconds.
fn settings(list: &Path, results: &Path, talk: resolve::TalkSettings) -> RunSettings {
    let mut settings = RunSettings::plain(talk);
    settings.source = SourceSpec {
        files: vec![InputFile {
            path: InputPath::File(list.into()),
            format: gather::source::Format::List,
        }],
        ..SourceSpec::default()
    };
    settings.outputs = vec![OutputSpec {
        target: OutputTarget::File(results.to_owned()),
        format: Format::Jsonl,
        fields: Fields::default(),
        existing: Existing::Refuse,
        durability: Durability::System,
    }];
    settings.config.concurrency = NonZeroU32::new(CONCURRENCY).expect("above zero");
    settings.config.host_concurrency = HostConcurrency::Share;
    settings.config.timeout = Duration::from_secs(2);
    settings.config.connect_timeout = Duration::from_secs(1);
    settings.config.retry.retries = 1;
    settings.config.retry.backoff = Duration::from_millis(200);
    settings
}
