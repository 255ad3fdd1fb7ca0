//! Changes, written: lines for a terminal, JSON lines, CSV, HTML, Markdown.

use std::io::{self, Write};

use super::page::percent;
use super::{CHANGES_SHOWN_MAX, Change, ChangesError, ChangesPage, ChangesSpec, Told, tell};
use crate::export::OnBroken;
use crate::human;

/// Characters of a value in a line.
const VALUE_CHARS_MAX: usize = 60;
/// Columns of CSV.
const COLUMNS: [&str; 15] = [
    "kind",
    "field",
    "before",
    "after",
    "delta",
    "percent",
    "diff",
    "n",
    "row",
    "url",
    "key",
    "before_run",
    "before_at",
    "run",
    "at",
];

/// How changes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangesForm {
    /// A line each, for people.
    Text,
    /// A JSON object each.
    Jsonl,
    /// A header, then a row each.
    Csv,
    /// One HTML file.
    Html,
    /// Markdown.
    Markdown,
}

/// Tells the changes in this form. `title` and `generated_unix_us`, microseconds since 1970, are
/// for pages.
///
/// # Errors
/// As [`tell`].
pub fn write(
    spec: &ChangesSpec,
    form: ChangesForm,
    (title, generated_unix_us): (&str, u64),
    on_broken: Option<OnBroken>,
    out: &mut dyn Write,
) -> Result<Told, ChangesError> {
    match form {
        ChangesForm::Text => {
            tell(spec, on_broken, &mut |change| writeln!(out, "{}", line(&change)))
        }
        ChangesForm::Jsonl => tell(spec, on_broken, &mut |change| {
            serde_json::to_writer(&mut *out, &change)?;
            out.write_all(b"\n")
        }),
        ChangesForm::Csv => {
            let mut rows = csv::Writer::from_writer(out);
            rows.write_record(COLUMNS).map_err(of_csv)?;
            let told = tell(spec, on_broken, &mut |change| {
                rows.write_record(cells(&change)).map_err(of_csv)
            })?;
            rows.flush()?;
            Ok(told)
        }
        ChangesForm::Html | ChangesForm::Markdown => {
            let mut changes = Vec::new();
            let told = tell(spec, on_broken, &mut |change| {
                if changes.len() < CHANGES_SHOWN_MAX {
                    changes.push(change);
                }
                Ok(())
            })?;
            let page = ChangesPage {
                title: title.to_owned(),
                generated_at: gather_store::moment_text(generated_unix_us),
                runs: spec.runs[spec.first - 1..].to_vec(),
                told: told.clone(),
                changes,
            };
            let text = match form {
                ChangesForm::Markdown => page.markdown(),
                _ => page.html(),
            };
            out.write_all(text.as_bytes())?;
            Ok(told)
        }
    }
}

/// Its kind is kept, so that a closed pipe is known as one.
fn of_csv(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        kind => io::Error::other(format!("{kind:?}")),
    }
}

/// `changed   -10.5%  price         1299.00 → 1162.60  https://…`.
fn line(change: &Change) -> String {
    let clip = |text: &str| human::printable(&human::clipped(text, VALUE_CHARS_MAX));
    let value = |text: &Option<String>| clip(text.as_deref().unwrap_or_default());
    let values = match (&change.diff, &change.before, &change.after) {
        (Some(diff), ..) => human::printable(&human::clipped(diff, 2 * VALUE_CHARS_MAX)),
        (None, None, None) => String::new(),
        (None, before, None) => format!("{} → -", value(before)),
        (None, before, after) => format!("{} → {}", value(before), value(after)),
    };
    let by = match change.percent {
        Some(_) => percent(change),
        None => change.delta.clone().unwrap_or_default(),
    };
    let target = human::printable(&change.target());
    let field = clip(change.field.as_deref().unwrap_or_default());
    let line = format!("{:<8} {by:>9}  {field:<12}  {values:<24}  {target}", change.kind.as_str());
    line.trim_end().to_owned()
}

fn cells(change: &Change) -> [String; 15] {
    let text = |text: &Option<String>| guarded(text.as_deref().unwrap_or_default());
    [
        change.kind.as_str().to_owned(),
        text(&change.field),
        text(&change.before),
        text(&change.after),
        // Made of digits by us.
        change.delta.clone().unwrap_or_default(),
        change.percent.map(|percent| percent.to_string()).unwrap_or_default(),
        text(&change.diff),
        change.n.to_string(),
        change.row.map(|row| row.to_string()).unwrap_or_default(),
        guarded(&change.url),
        text(&change.key),
        text(&change.before_run),
        text(&change.before_at),
        guarded(&change.run),
        text(&change.at),
    ]
}

/// What a spreadsheet would take for a formula gets a `'` in front; a negative number is none.
fn guarded(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    match is_formula && text.parse::<f64>().is_err() {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}
