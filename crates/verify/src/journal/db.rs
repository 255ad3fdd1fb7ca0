//! The tables of a journal, format 1, and the check sum at the end of each of their rows.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use xxhash_rust::xxh3::Xxh3;

use super::{Bitmap, Journal, PIECE_BITS, PIECE_BYTES, SaidSums, Sink};
use crate::error::VerifyError;
use crate::report::{Fault, Problem};

/// `PRAGMA application_id`: "gthr".
const APPLICATION_ID: i64 = 0x6774_6872;
const FORMAT: i64 = 1;

pub(super) fn read(path: &Path) -> Result<Journal, VerifyError> {
    let failed = |error: rusqlite::Error| unreadable(path, &error);
    std::fs::metadata(path).map_err(VerifyError::read(path))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(failed)?;
    let pragma = |name: &str| db.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0));
    let (application, format): (i64, i64) =
        (pragma("application_id").map_err(failed)?, pragma("user_version").map_err(failed)?);
    if application != APPLICATION_ID {
        let message = format!("{} is no journal of gather", path.display());
        return Err(VerifyError::usage(message, "name the run's journal with --journal"));
    }
    if format != FORMAT {
        let message = format!("{}: format {format} of the journal is not known", path.display());
        return Err(VerifyError::usage(message, "use the version of gather that wrote it"));
    }
    let mut journal = Journal { path: path.to_owned(), ..Journal::default() };
    fill(&db, &mut journal).map_err(failed)?;
    Ok(journal)
}

fn unreadable(path: &Path, error: &rusqlite::Error) -> VerifyError {
    let is_busy = matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    );
    if is_busy {
        let message = format!("{} is in use: the run is still going on", path.display());
        return VerifyError::usage(message, "wait for its end, or stop it with Ctrl-C");
    }
    VerifyError::Read { path: path.to_owned(), source: std::io::Error::other(error.to_string()) }
}

fn fill(db: &Connection, journal: &mut Journal) -> rusqlite::Result<()> {
    rows(db, journal, "run", "id, started_us, program, salt", |journal, row| {
        journal.run_id = row.get(0)?;
        Ok(())
    })?;
    rows(db, journal, "setting", "name, value, secret", |journal, row| {
        if row.get::<_, i64>(2)? == 0 {
            journal.settings.push((row.get(0)?, row.get(1)?));
        }
        Ok(())
    })?;
    rows(db, journal, "sink", "name, parts, bytes, records", |journal, row| {
        let number = |at| row.get::<_, i64>(at).map(i64::cast_unsigned);
        let (parts, bytes, records) = (number(1)?, number(2)?, number(3)?);
        journal.sinks.push(Sink { name: row.get(0)?, parts, bytes, records });
        Ok(())
    })?;
    let mut done = 0;
    let columns = "commits, prefix, done, inputs, read_to_end, finished, sums";
    rows(db, journal, "state", columns, |journal, row| {
        let number = |at| row.get::<_, i64>(at).map(i64::cast_unsigned);
        journal.bitmap.prefix = number(1)?;
        done = number(2)?;
        journal.inputs = number(3)?;
        journal.read_to_end = number(4)? != 0;
        journal.is_finished = number(5)? != 0;
        journal.sums = serde_json::from_str::<SaidSums>(&row.get::<_, String>(6)?).ok();
        Ok(())
    })?;
    rows(db, journal, "done", "chunk, bits", |journal, row| {
        let (piece, bits) = (row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, Vec<u8>>(1)?);
        match <[u8; PIECE_BYTES]>::try_from(bits) {
            Ok(bits) => {
                journal.bitmap.pieces.insert(piece, Box::new(bits));
            }
            Err(bits) => journal.own.fault(
                Fault::new(Problem::Torn, format!("table done, chunk {piece}"), "not 512 bytes")
                    .found(bits.len().to_string()),
            ),
        }
        Ok(())
    })?;
    check_input_blocks(db, journal)?;
    agree(journal, done);
    Ok(())
}

/// The blocks of inputs follow each other, and add up to the inputs read.
fn check_input_blocks(db: &Connection, journal: &mut Journal) -> rusqlite::Result<()> {
    let (mut next, mut items) = (0, 0);
    rows(db, journal, "input", "block, items, hash, source, line", |journal, row| {
        let (block, has) = (row.get::<_, i64>(0)?, row.get::<_, i64>(1)?.cast_unsigned());
        if block != next {
            let place = format!("table input, block {block}");
            let fault = Fault::new(Problem::Torn, place, "a block of inputs is missing before it");
            journal.own.fault(fault);
        }
        next = block + 1;
        items += has;
        let source: String = row.get(3)?;
        if journal.sources.last() != Some(&source) {
            journal.sources.push(source);
        }
        Ok(())
    })?;
    if items != journal.inputs {
        let message = "the blocks of inputs do not add up to the inputs read";
        let fault = Fault::new(Problem::Count, "table input", message);
        journal.own.fault(fault.expected(journal.inputs.to_string()).found(items.to_string()));
    }
    Ok(())
}

impl Bitmap {
    /// One past the last.
    pub(crate) fn end(&self) -> u64 {
        let last = self.pieces.iter().next_back();
        let end = last.and_then(|(piece, bits)| {
            let byte = bits.iter().rposition(|byte| *byte != 0)?;
            let bit = 8 - u64::from(bits[byte].leading_zeros());
            Some(piece * PIECE_BITS + byte as u64 * 8 + bit)
        });
        end.unwrap_or(self.prefix)
    }
}

/// Sums within the journal, which counts so many finished inputs.
fn agree(journal: &mut Journal, done: u64) {
    let counted = journal.bitmap.count();
    let mut unequal = |what: &str, expected: u64, found: u64| {
        if expected != found {
            let fault = Fault::new(Problem::Count, "", what);
            journal.own.fault(fault.expected(expected.to_string()).found(found.to_string()));
        }
    };
    unequal("the bits set are not as many as the journal counts", done, counted);
    if journal.is_finished {
        unequal("it says finished, and not every input read is", journal.inputs, counted);
    }
    if journal.bitmap.end() > journal.inputs {
        let message = "an input is finished that was never read";
        let fault = Fault::new(Problem::Journal, "", message).of(journal.bitmap.end() - 1);
        journal.own.fault(fault);
    }
}

/// Reads a table in the order of its first column, and checks the sum of each row.
fn rows(
    db: &Connection,
    journal: &mut Journal,
    table: &str,
    columns: &str,
    mut each: impl FnMut(&mut Journal, &rusqlite::Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut statement = db.prepare(&format!("SELECT {columns}, sum FROM {table} ORDER BY 1"))?;
    let last = statement.column_count() - 1;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        journal.own.examined += 1;
        let mut hash = Xxh3::new();
        for at in 0..last {
            let mut add = |bytes: &[u8]| {
                hash.update(&(bytes.len() as u64).to_le_bytes());
                hash.update(bytes);
            };
            match row.get_ref(at)? {
                ValueRef::Null => {}
                ValueRef::Integer(number) => add(&number.to_le_bytes()),
                ValueRef::Real(number) => add(&number.to_le_bytes()),
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => add(bytes),
            }
        }
        if row.get_ref(last)? != ValueRef::Integer(hash.digest().cast_signed()) {
            let place = format!("table {table}, row {}", journal.own.examined);
            let message = "the row is not what its check sum says";
            journal.own.fault(Fault::new(Problem::Digest, place, message));
        }
        if let Err(error) = each(journal, row) {
            let place = format!("table {table}, row {}", journal.own.examined);
            let message = format!("the row cannot be understood: {error}");
            journal.own.fault(Fault::new(Problem::Torn, place, message));
        }
    }
    Ok(())
}
