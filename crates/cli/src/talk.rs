//! Everything that is said on stderr: as text for people, or as JSON lines.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gather::core::Record;
use gather::live::Snapshot;
use gather::summary::Summary;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use crate::args::LogFormat;
use crate::error::CliError;
use crate::resolve::{Loudness, Progress, TalkSettings};
use crate::{human, progress, summary};

/// Failures that are named before they are only counted.
const FAILURES_SHOWN_MAX: u64 = 20;
/// Redraws a second.
const REDRAWS_PER_SECOND: u8 = 10;
/// The width drawn to where the terminal does not tell its own.
const WIDTH_DEFAULT: u16 = 100;

/// The voice of a command. Cheap to clone; any thread may use it.
#[derive(Clone)]
pub(crate) struct Talk(Arc<Inner>);

struct Inner {
    loudness: Loudness,
    format: LogFormat,
    colour: Colour,
    said: Mutex<Said>,
}

struct Said {
    /// Drawn below all lines, where there is a terminal.
    bar: Option<ProgressBar>,
    failures: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Colour {
    Ansi,
    Plain,
}

/// What a line is about; its colour, and its `level` in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Note,
    Warning,
    Failure,
}

impl Talk {
    /// A voice for these settings.
    pub(crate) fn new(settings: &TalkSettings) -> Self {
        let bar = (settings.progress == Progress::Drawn).then(|| {
            let target = ProgressDrawTarget::stderr_with_hz(REDRAWS_PER_SECOND);
            let style = ProgressStyle::with_template("{msg}").expect("a template of one key");
            ProgressBar::with_draw_target(None, target).with_style(style)
        });
        Self(Arc::new(Inner {
            loudness: settings.loudness,
            format: settings.format,
            colour: colour(),
            said: Mutex::new(Said { bar, failures: 0 }),
        }))
    }

    /// Something worth knowing.
    pub(crate) fn note(&self, text: &str) {
        if self.0.loudness > Loudness::Quiet {
            self.line(Level::Note, text, || json!({ "event": "note", "message": text }));
        }
    }

    /// Something that should be changed.
    pub(crate) fn warn(&self, text: &str) {
        if self.0.loudness > Loudness::Quiet {
            self.line(Level::Warning, text, || json!({ "event": "warning", "message": text }));
        }
    }

    /// A target's failure, as it happens; after the first few they are only counted.
    pub(crate) fn failure(&self, record: &Record) {
        let Some(error) = record.outcome.error() else { return };
        if self.0.loudness == Loudness::Quiet {
            return;
        }
        let number = {
            let mut said = self.said();
            said.failures += 1;
            said.failures
        };
        let all = self.0.loudness == Loudness::Verbose;
        if !all && number > FAILURES_SHOWN_MAX {
            if number == FAILURES_SHOWN_MAX + 1 {
                self.note("more failures are counted, not shown; -v shows all");
            }
            return;
        }
        let url = record.input.as_deref().unwrap_or(record.url.as_ref());
        let outcome = record.outcome.as_str();
        let text = format!(
            "{}({}): {}: {}",
            outcome.to_ascii_uppercase(),
            human::clipped(url, 500),
            error.kind.as_str(),
            error.message
        );
        self.line(Level::Failure, &text, || {
            json!({
                "event": outcome,
                "n": record.n,
                "url": url,
                "kind": error.kind.as_str(),
                "message": error.message,
            })
        });
    }

    /// Redraws the progress, where there is a terminal.
    pub(crate) fn draw(&self, now: &Snapshot) {
        let said = self.said();
        let Some(bar) = &said.bar else { return };
        bar.set_message(progress::picture(now, usize::from(width()).saturating_sub(1)));
        bar.tick();
    }

    /// Whether progress is drawn.
    pub(crate) fn is_drawing(&self) -> bool {
        self.said().bar.is_some()
    }

    /// A line of progress.
    pub(crate) fn stats(&self, now: &Snapshot) {
        if self.0.loudness > Loudness::Quiet {
            self.line(Level::Note, &progress::line(now), || progress::json(now));
        }
    }

    /// Takes the progress away; lines may still be said.
    pub(crate) fn end_progress(&self) {
        if let Some(bar) = self.said().bar.take() {
            bar.finish_and_clear();
        }
    }

    /// The closing account.
    pub(crate) fn summary(&self, summary: &Summary) {
        if self.0.loudness > Loudness::Quiet {
            self.line(Level::Note, &summary::text(summary), || {
                let mut value = serde_json::to_value(summary).unwrap_or_default();
                if let Value::Object(members) = &mut value {
                    members.insert("event".to_owned(), "summary".into());
                }
                value
            });
        }
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.0.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, level: Level, text: &str, json: impl FnOnce() -> Value) {
        let line = match self.0.format {
            LogFormat::Json => json_line(json()),
            LogFormat::Text => coloured(self.0.colour, level, &human::printable_lines(text)),
        };
        let said = self.said();
        match &said.bar {
            Some(bar) => bar.suspend(|| to_stderr(&line)),
            None => to_stderr(&line),
        }
    }
}

/// Says why the program ends, in the form that was asked for.
pub(crate) fn error(error: &CliError, format: LogFormat) {
    to_stderr(&match format {
        LogFormat::Text => error.to_string(),
        LogFormat::Json => json_line(json!({
            "event": "error",
            "message": error.message,
            "hint": error.hint,
        })),
    });
}

/// The form in which errors are said before the arguments are understood.
pub(crate) fn format_of(argv: &[std::ffi::OsString]) -> LogFormat {
    let typed: Vec<_> = argv.iter().map(|arg| arg.to_string_lossy()).collect();
    let pair = typed.iter().zip(typed.iter().skip(1));
    let is_json = typed.iter().any(|arg| arg == "--log-format=json")
        || pair.clone().any(|(flag, value)| flag == "--log-format" && value == "json");
    if is_json { LogFormat::Json } else { LogFormat::Text }
}

/// A whole line at once, so that lines of several threads never mix. A closed stderr is no fault.
fn to_stderr(line: &str) {
    let _ = std::io::stderr().lock().write_all(format!("{line}\n").as_bytes());
}

fn json_line(mut value: Value) -> String {
    if let Value::Object(members) = &mut value {
        members.insert("at".to_owned(), jiff::Timestamp::now().to_string().into());
    }
    value.to_string()
}

fn coloured(colour: Colour, level: Level, text: &str) -> String {
    let code = match (colour, level) {
        (Colour::Plain, _) | (_, Level::Note) => return text.to_owned(),
        (Colour::Ansi, Level::Warning) => "33",
        (Colour::Ansi, Level::Failure) => "31",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// Colours on a terminal that knows them, unless `NO_COLOR` says no.
fn colour() -> Colour {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    if std::io::stderr().is_terminal() && !is_set("NO_COLOR") && !is_dumb {
        Colour::Ansi
    } else {
        Colour::Plain
    }
}

fn width() -> u16 {
    let (_, columns) = console_size().unwrap_or((0, WIDTH_DEFAULT));
    columns.max(20)
}

fn console_size() -> Option<(u16, u16)> {
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok()?;
    (size.ws_col > 0).then_some((size.ws_row, size.ws_col))
}
