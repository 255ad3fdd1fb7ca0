//! What can be typed: every command and flag, one struct per topic.
//!
//! This is the one list of names: help, completions, man pages, the keys of a job in
//! `gather.toml` and the `GATHER_*` variables all derive from it.

mod addresses;
mod changes;
mod concurrency;
mod crawl;
mod export;
mod extract;
mod extract_stored;
mod failing;
mod http;
mod input;
mod output;
mod report;
mod resume;
mod robots;
mod talk;
mod time;
mod verify;
mod view;
mod watch;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use addresses::{AddressArgs, AddressesArg};
pub(crate) use changes::ChangesArgs;
pub(crate) use concurrency::ConcurrencyArgs;
pub(crate) use crawl::{CrawlArgs, ScopeArg};
pub(crate) use export::{ExportArgs, SortArg};
pub(crate) use extract::ExtractArgs;
pub(crate) use extract_stored::ExtractStoredArgs;
pub(crate) use failing::FailingArgs;
pub(crate) use http::{CapsArgs, HttpArgs, RootsArg};
pub(crate) use input::{InputArgs, SchemeArg};
pub(crate) use output::{FormatArg, OutputArgs};
pub(crate) use report::{PageFormArg, ReportArgs, ReportOfArgs};
pub(crate) use resume::ResumeArgs;
pub(crate) use robots::RobotsArgs;
pub(crate) use talk::{LogFormat, TalkArgs};
pub(crate) use time::{RetryArgs, TimeArgs};
pub(crate) use verify::{FindingsArg, VerifyArgs};
pub(crate) use view::ViewArgs;
pub(crate) use watch::{
    NotifyArgs, NotifyCommand, NotifyTestArgs, SilenceArgs, StatusArgs, WatchArgs,
};

/// Fetch many URLs: fast, polite, every input accounted for.
#[derive(Debug, Parser)]
#[command(name = "gather", version, after_help = TOP_EXAMPLES, max_term_width = 100)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const TOP_EXAMPLES: &str = "\
Examples:
  gather https://example.com/                       one URL, at once
  gather -i urls.txt -c 50 -o results.jsonl         a list, 50 at once, records to a file
  gather compare -i urls.txt                        one by one against concurrently
  gather demo                                       see it work, offline, in under 30 s

`gather URL` is `gather fetch URL`; its flags: gather fetch --help
Exit codes: 0 all ok · 1 our own fault · 2 some targets failed · 3 usage · 4 stopped early";

const FETCH_EXAMPLES: &str = "\
Examples:
  gather -i urls.txt -c 50 -o results.jsonl
  gather 'https://api.example/items/{1..200}' --host-rate 10/s -o items.csv
  gather -i symbols.csv 'https://api.example/price/{symbol}' -H @headers.txt
  cat urls.txt | gather -i - --retries 5 --timeout 10s | jq .status_code
  gather -i results.jsonl --only failed:timeout -o again.jsonl

A bare number is seconds; K, M and G are powers of 1024. Every long flag is also a key of
[defaults] and [job.NAME] in gather.toml and, as GATHER_CONCURRENCY, an environment variable.
Exit codes: 0 all ok · 1 our own fault · 2 some targets failed · 3 usage · 4 stopped early";

const CHECK_EXAMPLES: &str = "\
Examples:
  gather check https://example.com/ https://example.org/
  gather check -i domains.txt --expect 'cert_days > 14' --expect 'time_total < 2s'
  gather check -i domains.txt -o health.jsonl

Where nothing else is said: 500 at once, 5 s a try, no retries. No answer, a TLS error or a 5xx is
down; another status that --accept does not name is degraded; 429 or a challenge is limited; unknown
is what our own side could not check. Standard output shows a table on a terminal or with --format
text, else records with `health` and `health_reason`.
Exit codes: 0 none is down or unknown · 2 some are · 1, 3, 4 as of fetch";

const WATCH_EXAMPLES: &str = "\
Examples:
  gather watch                          the jobs of ./gather.toml, page at http://127.0.0.1:8080/
  gather watch -K /etc/gather/gather.toml --log-format json
  gather watch --dry-run                read everything, say what would be watched

The file and its lists are read again when the file changes and on HUP; one that is not valid is
refused with its place, and what is in force stays so. INT and TERM end the watch: checks under way
may end, the history is written.
Exit codes: 0 stopped by a signal · 1 our own fault · 3 usage or configuration";

const SILENCE_EXAMPLES: &str = "\
Examples:
  gather silence https://shop.example/ --for 2h --why 'new database'
  gather silence --group shops --for 30m
  gather silence --list
  gather silence --end 3";

const CRAWL_EXAMPLES: &str = "\
Examples:
  gather crawl https://example.com/ -o pages.jsonl
  gather crawl https://example.com/docs/ --scope path --depth 3 -O bodies -o pages.jsonl
  gather crawl 'https://shop.example/list?page={1..50}' --include /item/ --max-pages 5000 -o items.csv
  gather crawl https://example.com/ -o pages.jsonl --resume

Each page has one record; its tags say how far it is from the start (depth) and which page led to it
(parent). The pages found are kept in OUTPUT.pages: gather verify pages.jsonl holds both against each
other. All flags of fetch apply; robots.txt is obeyed.
Exit codes: as of fetch";

const EXPORT_EXAMPLES: &str = "\
Examples:
  gather export results.jsonl -o results.xlsx
  gather export results.jsonl.gz -o results.parquet --sort n
  gather export results.parquet -o failed.csv --only failed:timeout --fields url,error
  gather export monday.jsonl tuesday.jsonl -o week.parquet

It reads a run's outputs while the run goes on. Without -o, JSON lines go to standard output.
Exit codes: 0 all read · 2 rows that are no records were left out · 1, 3 as of fetch";

const REPORT_EXAMPLES: &str = "\
Examples:
  gather report results.jsonl -o report.html
  gather report shops.db -o shops.html --group-by host --agg 'min(price),avg(price),count()'
  gather report results.jsonl --target https://example.com/ --sort -price
  gather report monday.jsonl tuesday.parquet --format json | jq .outcomes

It reads a run's outputs while the run goes on, and says that it does. Without -o, Markdown goes to
standard output.
Exit codes: 0 all read · 2 rows that are no records were left out · 1, 3 as of fetch";

const CHANGES_EXAMPLES: &str = "\
Examples:
  gather changes prices.db                          the last two runs of the last job
  gather changes prices.db --since 7d -o week.html
  gather changes monday.jsonl tuesday.jsonl --fields price,stock
  gather changes rows1.csv rows2.csv --key sku      rows of listing pages

A value is compared with the one recorded last, whatever failed in between; the first one is a
baseline and no change. A page that answers and does not match any more is 'lost'.
Exit codes: 0 all read · 2 rows that are no records were left out, or with --exit-code anything
changed · 1, 3 as of fetch";

const EXTRACT_EXAMPLES: &str = "\
Examples:
  gather extract results.jsonl --rules rules.toml -o found.jsonl --rows rows.csv
  gather extract pages.warc.gz --extract 'price=price:css:.price | required' -o prices.csv
  gather extract results.db --each css:.card --extract name=css:h3 -o found.db
  gather extract saved.html --url https://shop.example/ --extract all=links

Records and rows are those that a fetch with the same rules would have given. Bodies are looked for
in the records (--fields +body), in archives, and in the files of -O.
Exit codes: 0 all found · 2 pages failed (a required field, a body is gone) · 1, 3 as of fetch";

const VERIFY_EXAMPLES: &str = "\
Examples:
  gather verify results.jsonl -i urls.txt
  gather verify results.jsonl results.csv results.db -i urls.txt -O pages
  gather verify results.jsonl --format json | jq '.checks[] | select(.faults > 0)'

Exit codes: 0 nothing is wrong · 1 something is, and it is named · 3 usage";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fetch a list once; records to stdout or to files
    #[command(after_help = FETCH_EXAMPLES, disable_help_flag = true)]
    Fetch(FetchArgs),
    /// Check once that targets are up: failing first, exit 2 if any is down
    #[command(after_help = CHECK_EXAMPLES, disable_help_flag = true)]
    Check(CheckArgs),
    /// Follow the links and sitemaps of a site: each page once, robots.txt obeyed
    #[command(after_help = CRAWL_EXAMPLES, disable_help_flag = true)]
    Crawl(Box<CrawlArgs>),
    /// Run a job of gather.toml once; flags given here win
    #[command(disable_help_flag = true)]
    Run(RunArgs),
    /// Watch: all jobs of gather.toml on their schedules, with a status page, until stopped
    #[command(after_help = WATCH_EXAMPLES)]
    Watch(WatchArgs),
    /// Show how the targets of a watch are, the worst first; exit 2 if any is down
    Status(StatusArgs),
    /// Tell nobody of a target for a while, though it is checked
    #[command(after_help = SILENCE_EXAMPLES)]
    Silence(SilenceArgs),
    /// Try a channel of gather.toml
    Notify(NotifyArgs),
    /// Say what a run would do, without a single request
    #[command(disable_help_flag = true)]
    Plan(FetchArgs),
    /// Fetch the first targets one by one, then concurrently, and set both side by side
    #[command(disable_help_flag = true)]
    Compare(FetchArgs),
    /// Find fields and rows in bodies that are stored, without a request
    #[command(after_help = EXTRACT_EXAMPLES)]
    Extract(Box<ExtractStoredArgs>),
    /// Write results in another form, chosen and sorted
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(Box<ExportArgs>),
    /// Tell of results in one page to show around: HTML, Markdown or JSON
    #[command(after_help = REPORT_EXAMPLES)]
    Report(Box<ReportOfArgs>),
    /// Tell what changed between runs: prices and texts, statuses, targets that came and went
    #[command(after_help = CHANGES_EXAMPLES)]
    Changes(Box<ChangesArgs>),
    /// Prove that outputs hold one whole, right record for each input
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
    /// Fetch a small site that runs on this machine: works offline, shows everything
    Demo(DemoArgs),
    /// Write a commented gather.toml to start from
    Init(InitArgs),
    /// Show the settings in force and where each comes from
    #[command(subcommand_required = true, arg_required_else_help = false)]
    Config(ConfigArgs),
    /// Print shell completions
    Completions(CompletionsArgs),
    /// Print the manual page, or that of one command
    Man(ManArgs),
}

/// All flags of `fetch`.
#[derive(Clone, Debug, Args)]
pub(crate) struct FetchArgs {
    /// What to fetch.
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// How much at once.
    #[command(flatten)]
    pub(crate) concurrency: ConcurrencyArgs,
    /// How long.
    #[command(flatten)]
    pub(crate) time: TimeArgs,
    /// How often.
    #[command(flatten)]
    pub(crate) retry: RetryArgs,
    /// What sites ask of crawlers.
    #[command(flatten)]
    pub(crate) robots: RobotsArgs,
    /// What is sent, and over what.
    #[command(flatten)]
    pub(crate) http: HttpArgs,
    /// Where to.
    #[command(flatten)]
    pub(crate) addresses: AddressArgs,
    /// How large.
    #[command(flatten)]
    pub(crate) caps: CapsArgs,
    /// What a failure does.
    #[command(flatten)]
    pub(crate) failing: FailingArgs,
    /// What is looked for in pages.
    #[command(flatten)]
    pub(crate) extract: ExtractArgs,
    /// What stdout shows.
    #[command(flatten)]
    pub(crate) view: ViewArgs,
    /// Where records go.
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// What is told at the end.
    #[command(flatten)]
    pub(crate) report: ReportArgs,
    /// How it goes on after it was stopped.
    #[command(flatten)]
    pub(crate) resume: ResumeArgs,
    /// What is said on the way.
    #[command(flatten)]
    pub(crate) talk: TalkArgs,
    /// Where other settings come from.
    #[command(flatten)]
    pub(crate) file: FileArgs,
}

/// Where other settings come from.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Configuration and help")]
pub(crate) struct FileArgs {
    /// Read settings from FILE [default: ./gather.toml, if there is one]
    #[arg(short = 'K', long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print the typed flags as a job for gather.toml, and stop
    #[arg(long, value_name = "NAME")]
    pub(crate) print_job: Option<String>,
    /// Print this page
    #[arg(short, long, action = clap::ArgAction::Help)]
    pub(crate) help: Option<bool>,
}

/// Flags that are no key of a job: they choose the file, or do something else entirely.
pub(crate) const NOT_KEYS: &[&str] = &["config", "print-job", "help", "version"];

/// `gather run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The job's name, as in [job.NAME]
    #[arg(value_name = "JOB")]
    pub(crate) job: String,
    /// Flags that win over the job's.
    #[command(flatten)]
    pub(crate) fetch: FetchArgs,
}

/// `gather check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// What is expected of an answer, as 'status in 200..=399' (repeatable)
    #[arg(long, value_name = "CONDITION", help_heading = "Check")]
    pub(crate) expect: Vec<gather::check::Expect>,
    /// What is checked, and how.
    #[command(flatten)]
    pub(crate) fetch: FetchArgs,
}

/// `gather demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Keep the site up to play with, until Ctrl-C
    #[arg(long)]
    pub(crate) serve: bool,
    /// Where its hosts listen, each on a loopback address of its own [default: a free port]
    #[arg(long, value_name = "PORT", requires = "serve")]
    pub(crate) port: Option<u16>,
    /// Print what stands on the first N listing pages of its market, and stop: JSON lines
    #[arg(long, value_name = "N", conflicts_with = "serve")]
    pub(crate) market: Option<u32>,
    /// How it talks.
    #[command(flatten)]
    pub(crate) talk: TalkArgs,
}

/// `gather init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Where to write it
    #[arg(value_name = "FILE", default_value = "gather.toml")]
    pub(crate) path: PathBuf,
}

/// `gather config`.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// What about it.
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

/// `gather config …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every setting of a fetch, its value, and where it comes from
    #[command(disable_help_flag = true)]
    Show(Box<ConfigShowArgs>),
}

/// `gather config show`.
#[derive(Debug, Args)]
pub(crate) struct ConfigShowArgs {
    /// Show the settings of this job of the file
    #[arg(long, value_name = "NAME")]
    pub(crate) job: Option<String>,
    /// Flags to show the effect of.
    #[command(flatten)]
    pub(crate) fetch: FetchArgs,
}

/// `gather completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// `gather man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The command; the whole program without one
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Option<String>,
}
