//! Reads Parquet files, and the spool that they are built of while the run goes on.

use std::fs::File;
use std::path::{Path, PathBuf};

use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::{Field, Row as Cells};

use super::{Columns, Committed, Extent, OutputSpec, Row, Rows, jsonl};
use crate::error::VerifyError;
use crate::report::{Fault, Problem};

/// The spool of a file, to which records go until it is built.
pub(crate) fn spool(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".spool");
    PathBuf::from(name)
}

/// The files that a name with `{part}` stands for, in order, whether built or still a spool.
pub(crate) fn files(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if !name.contains("{part}") {
        return vec![path.to_owned()];
    }
    let part = |number: usize| path.with_file_name(name.replace("{part}", &format!("{number:04}")));
    (1..).map(part).take_while(|path| path.exists() || spool(path).exists()).collect()
}

/// Reads all files of an output. Of a run that is not finished the last is its spool, as far as it
/// is committed.
pub(super) fn read(
    output: &OutputSpec,
    end: Option<Committed>,
    rows: &mut dyn Rows,
) -> Result<Extent, VerifyError> {
    let mut files = files(&output.path());
    if let Some(end) = end {
        files.truncate(usize::try_from(end.parts).unwrap_or(usize::MAX).saturating_add(1));
    }
    let mut extent = Extent::default();
    let mut before = 0;
    for (number, path) in files.iter().enumerate() {
        let is_open = end.is_some() && number + 1 == files.len();
        if is_open && spool(path).exists() {
            extent = jsonl::read(&spool(path), end.map(|end| end.bytes), rows)?;
        } else {
            before = read_file(path, before, rows)?;
        }
        extent.files += 1;
    }
    Ok(extent)
}

/// Reads a file behind so many rows of others: how many there are now.
fn read_file(path: &Path, before: u64, rows: &mut dyn Rows) -> Result<u64, VerifyError> {
    let file = File::open(path).map_err(VerifyError::read(path))?;
    let torn = |what: &str, error: &ParquetError| {
        Fault::new(Problem::Torn, "", format!("{} {what}: {error}", path.display()))
    };
    let reader = match SerializedFileReader::new(file) {
        Ok(reader) => reader,
        Err(error) => {
            rows.fault(torn("is no whole Parquet file", &error));
            return Ok(before);
        }
    };
    let said = reader.metadata().file_metadata().num_rows().unsigned_abs();
    let schema = reader.metadata().file_metadata().schema().clone();
    let has = |member: &str| schema.get_fields().iter().any(|field| field.name() == member);
    rows.columns(Columns {
        outcome: has("outcome"),
        status: has("status_code"),
        sha256: has("sha256"),
        kind: has("error.kind"),
    });
    // All columns: what is damaged in one that is not compared is damaged all the same.
    let mut found = match reader.get_row_iter(None) {
        Ok(found) => found,
        Err(error) => {
            rows.fault(torn("cannot be read", &error));
            return Ok(before);
        }
    };
    let mut at = before;
    loop {
        match found.next() {
            None => break,
            Some(Ok(cells)) => {
                at += 1;
                match row(&cells, at) {
                    Ok(row) => rows.row(&row)?,
                    Err(why) => rows.fault(Fault::new(Problem::Torn, format!("row {at}"), why)),
                }
            }
            Some(Err(error)) => {
                let what = format!("cannot be read on behind row {at}");
                rows.fault(torn(&what, &error));
                return Ok(at);
            }
        }
    }
    if at - before != said {
        let message = format!("{} does not have the rows that its footer says", path.display());
        let fault = Fault::new(Problem::Count, "", message);
        rows.fault(fault.expected(said.to_string()).found((at - before).to_string()));
    }
    Ok(at)
}

fn row(cells: &Cells, at: u64) -> Result<Row<'_>, String> {
    let mut row = Row { at, ..Row::default() };
    for (name, cell) in cells.get_column_iter() {
        if matches!(cell, Field::Null) {
            continue;
        }
        let wrong = || format!("the column {name} holds {cell}");
        let text = || match cell {
            Field::Str(text) => Ok(Some(text.as_str())),
            _ => Err(wrong()),
        };
        let number = || {
            let number = match cell {
                Field::Int(number) => i64::from(*number),
                Field::Long(number) => *number,
                _ => return Err(wrong()),
            };
            u64::try_from(number).map(Some).map_err(|_| wrong())
        };
        match name.as_str() {
            "n" => row.n = number()?,
            "input" => row.input = text()?,
            "outcome" => row.outcome = text()?,
            "status_code" => row.status = number()?,
            "attempts" => row.attempts = number()?,
            "error.kind" => row.kind = text()?,
            "sha256" => row.sha256 = text()?,
            "body_path" => row.body_path = text()?,
            "content_length" => row.content_length = number()?,
            "truncated" => row.is_truncated = matches!(cell, Field::Bool(true)),
            "url" => row.url = text()?,
            "final_url" => row.final_url = text()?,
            "warc_file" => row.warc_file = text()?,
            "warc_offset" => row.warc_offset = number()?,
            "warc_length" => row.warc_length = number()?,
            _ => {}
        }
    }
    Ok(row)
}
