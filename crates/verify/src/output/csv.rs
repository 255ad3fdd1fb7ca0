//! Reads CSV: a header that names the members, and as many cells in each row.

use std::io::BufRead;
use std::path::Path;

use super::{Columns, Extent, RECORD_BYTES_MAX, Row, Rows, open};
use crate::error::VerifyError;
use crate::input::unguarded;
use crate::lines::Lines;
use crate::report::{Fault, Problem};
use crate::table::{End, Table};

/// The members that are looked at.
const MEMBERS: [&str; 15] = [
    "n",
    "input",
    "outcome",
    "status_code",
    "attempts",
    "error.kind",
    "sha256",
    "body_path",
    "content_length",
    "truncated",
    "url",
    "final_url",
    "warc_file",
    "warc_offset",
    "warc_length",
];

/// Which cell holds which member.
struct Header {
    width: usize,
    /// For each of [`MEMBERS`].
    at: [Option<usize>; MEMBERS.len()],
}

pub(super) fn read(
    path: &Path,
    end: Option<u64>,
    rows: &mut dyn Rows,
) -> Result<Extent, VerifyError> {
    let mut table = Table::new(Lines::new(open(path, end)?, RECORD_BYTES_MAX), RECORD_BYTES_MAX);
    let mut header: Option<Header> = None;
    while table.next().map_err(VerifyError::read(path))? {
        let at = table.first_line();
        if table.empty_lines() > 0 {
            let place = format!("line {}", at - 1);
            rows.fault(Fault::new(Problem::Torn, place, "an empty line between two rows"));
        }
        let torn = torn(&table, header.as_ref());
        match &header {
            None => {
                let found = Header::of(&table);
                rows.columns(found.columns());
                header = Some(found);
            }
            // Of a row with too few or too many cells nobody knows which are which.
            Some(header) if header.width != table.width() => {}
            Some(header) => match header.row(&table) {
                Ok(row) => rows.row(&row)?,
                Err(why) if torn.is_none() => {
                    rows.fault(Fault::new(Problem::Torn, format!("line {at}"), why));
                }
                Err(_) => {}
            },
        }
        if let Some(fault) = torn {
            rows.fault(fault);
        }
    }
    if table.empty_lines() > 0 {
        rows.fault(Fault::new(Problem::Torn, "", "an empty line at the end"));
    }
    Ok(Extent { bytes: table.read_bytes(), files: 1 })
}

/// What is wrong with the form of the row.
fn torn<R: BufRead>(table: &Table<R>, header: Option<&Header>) -> Option<Fault> {
    let place = format!("line {}", table.first_line());
    let fault = |message: &str| Some(Fault::new(Problem::Torn, place.clone(), message));
    match table.end() {
        End::Line => {}
        End::File => return fault("the file ends without the end of this row"),
        End::Quote => return fault("the file ends within a quoted cell of this row"),
        End::TooLong => return fault("the row is too long to be read"),
    }
    if let Err(error) = std::str::from_utf8(table.raw()) {
        let at = error.valid_up_to() + 1;
        return Some(Fault::new(
            Problem::Torn,
            place,
            format!("not UTF-8 at byte {at} of the row"),
        ));
    }
    let header = header.filter(|header| header.width != table.width())?;
    let message = "the row does not have as many cells as the header";
    let fault = Fault::new(Problem::Torn, place, message);
    Some(fault.expected(header.width.to_string()).found(table.width().to_string()))
}

impl Header {
    fn of<R: BufRead>(table: &Table<R>) -> Self {
        let mut at = [None; MEMBERS.len()];
        for (cell, name) in table.cells().enumerate() {
            let name = if cell == 0 { without_bom(name) } else { name };
            if let Some(member) = MEMBERS.iter().position(|member| member.as_bytes() == name) {
                at[member] = Some(cell);
            }
        }
        Self { width: table.width(), at }
    }

    /// Where this member is, if it has a column.
    fn find(&self, member: &str) -> Option<usize> {
        let known = MEMBERS.iter().position(|known| *known == member);
        self.at[known.expect("it is one of the members that are looked at")]
    }

    fn columns(&self) -> Columns {
        let has = |member| self.find(member).is_some();
        Columns {
            outcome: has("outcome"),
            status: has("status_code"),
            sha256: has("sha256"),
            kind: has("error.kind"),
        }
    }

    fn row<'a, R: BufRead>(&self, table: &'a Table<R>) -> Result<Row<'a>, String> {
        let cell = |member: &str| -> Result<Option<&'a str>, String> {
            let Some(at) = self.find(member) else { return Ok(None) };
            let text = std::str::from_utf8(table.cell(at));
            text.map(Some).map_err(|_| format!("the cell {member} is not UTF-8"))
        };
        let text = |member: &str| Ok::<_, String>(cell(member)?.filter(|text| !text.is_empty()));
        let number = |member: &str| -> Result<Option<u64>, String> {
            let Some(text) = text(member)? else { return Ok(None) };
            let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
            match text.parse() {
                Ok(number) if is_plain => Ok(Some(number)),
                _ => Err(format!("the cell {member} holds no number: {text:?}")),
            }
        };
        let path = |member: &str| Ok::<_, String>(text(member)?.map(unguarded));
        Ok(Row {
            at: table.first_line(),
            n: number("n")?,
            // An empty input has an empty cell.
            input: cell("input")?,
            outcome: text("outcome")?,
            status: number("status_code")?,
            attempts: number("attempts")?,
            kind: text("error.kind")?,
            sha256: text("sha256")?,
            body_path: path("body_path")?,
            content_length: number("content_length")?,
            is_truncated: text("truncated")? == Some("true"),
            url: text("url")?,
            final_url: text("final_url")?,
            warc_file: path("warc_file")?,
            warc_offset: number("warc_offset")?,
            warc_length: number("warc_length")?,
        })
    }
}

fn without_bom(name: &[u8]) -> &[u8] {
    name.strip_prefix(b"\xef\xbb\xbf").unwrap_or(name)
}
