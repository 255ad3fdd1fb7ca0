//! `gather check`: are these targets up? Failing first, and exit 2 if any is down.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::IsTerminal;
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gather::Summary;
use gather::check::{self, Expect};
use gather::core::{Health, Record};
use gather::store::{Format, OutputTarget};

use crate::commands::fetch::{SummaryFile, headline};
use crate::error::{CliError, EXIT_FAILED};
use crate::human;
use crate::outcome;
use crate::report_file::ReportFile;
use crate::resolve::{Loudness, RunSettings};
use crate::run;
use crate::settings::{Origin, Setting, Settings};
use crate::signals::Signals;
use crate::talk::Talk;

/// Targets that are up and listed one by one; more are counted, unless `-v` asks for all.
const UP_SHOWN_MAX: usize = 100;
/// Rows kept for the table, of each health.
const ROWS_MAX: usize = 100_000;
/// Characters of a URL in the table.
const URL_CHARS_MAX: usize = 80;

/// Checks what the settings name, and returns the table where one is to be shown.
///
/// # Errors
/// What keeps it from being done.
pub(crate) fn check(
    settings: &Settings,
    expected: &[Expect],
) -> Result<(ExitCode, Option<String>), CliError> {
    refuse_resume(settings)?;
    let mut run = RunSettings::try_new(settings)?;
    run.journal = None;
    prepare(&mut run, settings, expected);
    let shown = takes_table(&mut run, settings);
    let run = run::without_clash(run);
    let talk = Talk::new(&run.talk);
    talk.note(&headline(settings, &run));
    let summary_file = SummaryFile::reserve(&run.talk)?;
    let report = run.report.as_ref().map(ReportFile::reserve).transpose()?;
    let signals = Signals::watch(talk.clone())?;
    let up_max = match run.talk.loudness {
        Loudness::Verbose => ROWS_MAX,
        Loudness::Quiet => 0,
        Loudness::Normal => UP_SHOWN_MAX,
    };
    let board = Arc::new(Mutex::new(Board::new(up_max)));
    let seen = Arc::clone(&board);
    let summary = run::judged_to_end(
        &run,
        &talk,
        &signals,
        check::judge(expected.to_vec()),
        Box::new(move |record| locked(&seen).add(record)),
        report.as_ref(),
    )?;
    if let Some(report) = report {
        report.write()?;
        talk.note(&report.said());
    }
    summary_file.write(&summary)?;
    let board = locked(&board);
    let line = board.line(&summary);
    let text = match shown {
        Table::Shown => Some(format!("{}{line}", board.table())),
        Table::Hidden => {
            talk.note(&line);
            None
        }
    };
    Ok((ExitCode::from(code(&board, &summary, signals.exit_code())), text))
}

/// A check tells how things are now, all of them: it begins again.
fn refuse_resume(settings: &Settings) -> Result<(), CliError> {
    for flag in ["resume", "resume-changed", "journal"] {
        // One in the file is meant for runs that can.
        let is_typed = |one: &Setting| one.key.name == flag && one.origin == Origin::Flag;
        if settings.all.iter().any(is_typed) {
            let message = format!("--{flag}: a check is not gone on with, it begins again");
            return Err(CliError::usage(message, format!("leave --{flag} out")));
        }
    }
    Ok(())
}

/// Whether the table goes to standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    Shown,
    Hidden,
}

/// What a check does differently where nobody said otherwise.
fn prepare(run: &mut RunSettings, settings: &Settings, expected: &[Expect]) {
    if !settings.is_given("concurrency") {
        run.config.concurrency = NonZeroU32::new(check::CONCURRENCY).expect("not zero");
    }
    if !settings.is_given("timeout") {
        run.config.timeout = Duration::from_secs(check::TIMEOUT_S);
        run.config.connect_timeout = run.config.connect_timeout.min(run.config.timeout);
    }
    if !settings.is_given("retries") {
        run.config.retry.retries = 0;
    }
    // A host that limits us is told as limited at once, not when it would answer again.
    if !settings.is_given("max-retry-after") {
        run.config.retry.retry_after_max = Duration::ZERO;
    }
    check::prepare(&mut run.config, &mut run.client.keep, expected);
}

/// The table takes the place of records on standard output: on a terminal, with `--format text`,
/// and where all records go elsewhere.
fn takes_table(run: &mut RunSettings, settings: &Settings) -> Table {
    let has_template = settings.is_given("template") || settings.is_given("fields");
    if settings.is_given("output") {
        let to_stdout = run.outputs.iter().any(|output| output.target == OutputTarget::Stdout);
        return if to_stdout { Table::Hidden } else { Table::Shown };
    }
    let is_text = matches!(run.outputs.first().map(|output| &output.format), Some(Format::Text(_)));
    let wanted = is_text || (std::io::stdout().is_terminal() && !settings.is_given("format"));
    if has_template || !wanted {
        return Table::Hidden;
    }
    run.outputs.clear();
    Table::Shown
}

fn code(board: &Board, summary: &Summary, signal: Option<u8>) -> u8 {
    match outcome::exit_code(summary, None, signal) {
        // By health, not by outcome: a 404 is a failed fetch and a host that is up.
        0 | EXIT_FAILED => {
            let bad = board.count(Health::Down) + board.count(Health::Unknown);
            if bad == 0 { 0 } else { EXIT_FAILED }
        }
        code => code,
    }
}

fn locked(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was found, by health.
struct Board {
    up_max: usize,
    counts: BTreeMap<Health, u64>,
    /// At most so many of each health as are shown.
    rows: BTreeMap<Health, Vec<Row>>,
}

struct Row {
    url: String,
    status: u16,
    seconds: f64,
    reason: String,
}

impl Board {
    fn new(up_max: usize) -> Self {
        Self { up_max, counts: BTreeMap::new(), rows: BTreeMap::new() }
    }

    fn add(&mut self, record: &Record) {
        let Some(found) = &record.health else { return };
        *self.counts.entry(found.health).or_default() += 1;
        let max = if found.health == Health::Up { self.up_max } else { ROWS_MAX };
        let rows = self.rows.entry(found.health).or_default();
        if rows.len() < max {
            rows.push(Row {
                url: record.input().to_owned(),
                status: record.status_code,
                seconds: record.timings.total.as_secs_f64(),
                reason: found.reason.as_deref().unwrap_or_default().to_owned(),
            });
        }
    }

    fn count(&self, health: Health) -> u64 {
        self.counts.get(&health).copied().unwrap_or_default()
    }

    /// A line a target, the worst first.
    fn table(&self) -> String {
        let rows = || {
            self.rows
                .iter()
                .rev()
                .flat_map(|(health, rows)| rows.iter().map(move |row| (health, row)))
        };
        let url = |row: &Row| human::printable(&human::clipped(&row.url, URL_CHARS_MAX));
        let width = rows().map(|(_, row)| url(row).chars().count()).max().unwrap_or_default();
        let mut text = String::new();
        for (health, row) in rows() {
            let status = if row.status == 0 { "-".to_owned() } else { row.status.to_string() };
            let line = format!(
                "{:8}  {status:>3}  {:>8}  {:width$}  {}",
                health.as_str(),
                human::seconds(row.seconds),
                url(row),
                human::printable(&row.reason),
            );
            writeln!(text, "{}", line.trim_end()).expect("a string takes everything");
        }
        let (up, listed) = (self.count(Health::Up), self.rows.get(&Health::Up).map_or(0, Vec::len));
        if up > listed as u64 && self.up_max > 0 {
            let more = human::count(up - listed as u64);
            writeln!(text, "up        and {more} more; -v lists all")
                .expect("a string takes everything");
        }
        text
    }

    /// `1,000 targets checked in 5.02 s: 50 down, 3 degraded, 947 up`.
    fn line(&self, summary: &Summary) -> String {
        let counts: Vec<String> = Health::ALL
            .iter()
            .rev()
            .filter(|health| {
                matches!(health, Health::Up | Health::Down) || self.count(**health) > 0
            })
            .map(|health| format!("{} {}", human::count(self.count(*health)), health.as_str()))
            .collect();
        let all = self.counts.values().sum();
        let seconds = human::seconds(summary.wall);
        format!("{} checked in {seconds}: {}", human::counted(all, "target"), counts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use gather::core::{Finding, Outcome};

    use super::*;

    fn board(up_max: usize) -> Board {
        let mut board = Board::new(up_max);
        for (n, (url, status, finding)) in [
            ("https://a.example/", 200, Finding::UP),
            (
                "https://b.example/\u{1b}[2J",
                0,
                Finding::new(Health::Down, "timeout.first_byte: no byte within 5s"),
            ),
            ("https://c.example/", 200, Finding::UP),
            ("https://d.example/", 404, Finding::new(Health::Degraded, "http.status: 404")),
        ]
        .into_iter()
        .enumerate()
        {
            let mut record = Record::new(n as u64, Outcome::Ok);
            (record.url, record.status_code) = (url.into(), status);
            record.timings.total = Duration::from_millis(120);
            record.health = Some(Box::new(finding));
            board.add(&record);
        }
        board
    }

    #[test]
    fn the_worst_comes_first_and_nothing_moves_the_cursor() {
        let mut summary = Summary::default();
        summary.wall = 5.02;
        let text = |up_max| {
            let board = board(up_max);
            format!("{}{}", board.table(), board.line(&summary))
        };
        insta::assert_snapshot!(format!("{}\n\n{}\n\n{}", text(10), text(1), text(0)));
    }

    #[test]
    fn down_and_unknown_are_exit_2() {
        let check = |health, expected| {
            let mut board = Board::new(0);
            let mut record = Record::new(0, Outcome::Ok);
            record.health = Some(Box::new(Finding { health, reason: None }));
            board.add(&record);
            let mut summary = Summary::default();
            summary.failed = 1;
            assert_eq!(code(&board, &summary, None), expected, "{health:?}");
        };
        check(Health::Up, 0);
        check(Health::Degraded, 0);
        check(Health::Limited, 0);
        check(Health::Unknown, 2);
        check(Health::Down, 2);
    }
}
