//! Reads a journal back, whole, and refuses what was not written so.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, Row};

use super::book::State;
use super::done::{CHUNK_BYTES, Done};
use super::error::{JournalError, JournalErrorKind};
use super::kept::Kept;
use super::sum::{Column, sum};
use super::{BLOCK_ITEMS, Block, CHUNK_BITS, FORMAT, HostRow, Memory, db};
use crate::sink::{Position, RunInfo};

/// All that a journal holds.
pub(super) struct Loaded {
    pub(super) run: RunInfo,
    pub(super) salt: Box<[u8]>,
    pub(super) settings: Vec<Kept>,
    pub(super) sinks: Vec<(Box<str>, Position)>,
    pub(super) done: Done,
    pub(super) state: State,
    pub(super) memory: Memory,
}

/// Why it was not read.
enum Refused {
    Sqlite(rusqlite::Error),
    Kind(JournalErrorKind),
}

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Reads all of it; `None` if nothing was ever written.
pub(super) fn load(path: &Path, connection: &Connection) -> Result<Option<Loaded>, JournalError> {
    load_from(connection).map_err(|refused| match refused {
        Refused::Sqlite(error) => as_damage(db::failed(path, &error)),
        Refused::Kind(kind) => JournalError::new(path, kind),
    })
}

/// What cannot be read as it was written is damaged, unless the machine could not read it at all.
fn as_damage(error: JournalError) -> JournalError {
    match error.kind {
        JournalErrorKind::Other { what } => {
            JournalError { kind: JournalErrorKind::Damaged { what }, ..error }
        }
        _ => error,
    }
}

fn load_from(connection: &Connection) -> Result<Option<Loaded>, Refused> {
    let pragma = |name: &str| connection.query_row(&format!("PRAGMA {name}"), (), |r| r.get(0));
    let (application, format): (i64, i64) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", (), |r| r.get(0))?;
    if (application, tables) == (0, 0) {
        return Ok(None);
    }
    if format != i64::from(FORMAT) {
        return Err(Refused::Kind(JournalErrorKind::Newer { format }));
    }
    let found: String = connection.query_row("PRAGMA quick_check(1)", (), |row| row.get(0))?;
    if found != "ok" {
        return Err(damaged(found));
    }
    let (run, salt) = run(connection)?;
    let (state, done) = state(connection)?;
    let blocks = blocks(connection, &state)?;
    if done.end() > state.inputs {
        return Err(damaged("it has finished more inputs than it has read"));
    }
    let memory = Memory {
        blocks,
        read_to_end: state.read_to_end,
        sums: state.sums.clone(),
        hosts: hosts(connection)?,
        begun: begun(connection)?,
    };
    let (settings, sinks) = (settings(connection)?, sinks(connection)?);
    Ok(Some(Loaded { run, salt, settings, sinks, done, state, memory }))
}

fn damaged(what: impl Into<String>) -> Refused {
    Refused::Kind(JournalErrorKind::Damaged { what: what.into() })
}

/// Reads the rows of a table, each of which gives its columns and their sum as it should be.
fn rows<T>(
    connection: &Connection,
    table: &str,
    columns: &str,
    mut read: impl FnMut(&Row<'_>) -> Result<(T, i64), Refused>,
) -> Result<Vec<T>, Refused> {
    let sql = format!("SELECT {columns}, sum FROM {table} ORDER BY 1");
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(())?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let (one, expected) = read(row)?;
        let found: i64 = row.get("sum")?;
        if found != expected {
            return Err(damaged(format!(
                "row {} of table {table} is not as written",
                all.len() + 1
            )));
        }
        all.push(one);
    }
    Ok(all)
}

fn run(connection: &Connection) -> Result<(RunInfo, Box<[u8]>), Refused> {
    let found = rows(connection, "run", "id, started_us, program, salt", |row| {
        let (id, started): (String, i64) = (row.get(0)?, row.get(1)?);
        let (program, salt): (String, Vec<u8>) = (row.get(2)?, row.get(3)?);
        let expected =
            sum(&[(*id).into(), started.into(), (*program).into(), Column::Bytes(&salt)]);
        let run = RunInfo {
            id: id.into(),
            started_unix_us: started.cast_unsigned(),
            job: None,
            settings: None,
        };
        Ok(((run, salt.into()), expected))
    })?;
    found.into_iter().next().ok_or_else(|| damaged("it names no run"))
}

fn settings(connection: &Connection) -> Result<Vec<Kept>, Refused> {
    rows(connection, "setting", "name, value, secret", |row| {
        let (name, value, secret): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let expected = sum(&[(*name).into(), (*value).into(), secret.into()]);
        Ok((Kept { name: name.into(), value: value.into(), is_secret: secret != 0 }, expected))
    })
}

fn sinks(connection: &Connection) -> Result<Vec<(Box<str>, Position)>, Refused> {
    rows(connection, "sink", "name, parts, bytes, records", |row| {
        let name: String = row.get(0)?;
        let [parts, bytes, records]: [i64; 3] = [row.get(1)?, row.get(2)?, row.get(3)?];
        let expected = sum(&[(*name).into(), parts.into(), bytes.into(), records.into()]);
        let position = Position {
            parts: u32::try_from(parts).map_err(|_| damaged("a sink has no such position"))?,
            bytes: bytes.cast_unsigned(),
            records: records.cast_unsigned(),
        };
        Ok(((name.into(), position), expected))
    })
}

fn state(connection: &Connection) -> Result<(State, Done), Refused> {
    let columns = "commits, prefix, done, inputs, read_to_end, finished, sums";
    let found = rows(connection, "state", columns, |row| {
        let mut numbers = [0_i64; 6];
        for (at, number) in numbers.iter_mut().enumerate() {
            *number = row.get(at)?;
        }
        let sums: String = row.get(6)?;
        let [a, b, c, d, e, f] = numbers.map(Into::into);
        let expected = sum(&[a, b, c, d, e, f, (*sums).into()]);
        let [commits, prefix, count, inputs, read_to_end, finished] =
            numbers.map(i64::cast_unsigned);
        let state = State {
            commits,
            inputs,
            read_to_end: read_to_end != 0,
            finished: finished != 0,
            sums: sums.into(),
        };
        Ok(((state, prefix, count), expected))
    })?;
    let Some((state, prefix, count)) = found.into_iter().next() else {
        return Err(damaged("it has no state"));
    };
    if !prefix.is_multiple_of(CHUNK_BITS) {
        return Err(damaged("its finished beginning ends within a chunk"));
    }
    let mut done = Done::before(prefix);
    rows(connection, "done", "chunk, bits", |row| {
        let (chunk, bits): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let expected = sum(&[chunk.into(), Column::Bytes(&bits)]);
        let fits = <&[u8; CHUNK_BYTES]>::try_from(&bits[..])
            .is_ok_and(|bits| done.put(chunk.cast_unsigned(), bits));
        if !fits {
            return Err(damaged(format!("chunk {chunk} of finished inputs does not fit")));
        }
        Ok(((), expected))
    })?;
    if done.count() != count {
        let what = format!("{} finished inputs are marked, and {count} counted", done.count());
        return Err(damaged(what));
    }
    Ok((state, done))
}

fn blocks(connection: &Connection, state: &State) -> Result<Vec<Block>, Refused> {
    let blocks = rows(connection, "input", "block, items, hash, source, line", |row| {
        let numbers: [i64; 4] = [row.get(0)?, row.get(1)?, row.get(2)?, row.get(4)?];
        let source: String = row.get(3)?;
        let [number, count, mark, at] = numbers.map(Into::into);
        let expected = sum(&[number, count, mark, (*source).into(), at]);
        let [block, items, hash, line] = numbers.map(i64::cast_unsigned);
        Ok((Block { block, items, hash, source: source.into(), line }, expected))
    })?;
    let mut inputs = 0;
    for (at, block) in blocks.iter().enumerate() {
        let follows = block.block == at as u64 && inputs == block.block * BLOCK_ITEMS;
        if !follows || block.items == 0 || block.items > BLOCK_ITEMS {
            return Err(damaged(format!("block {at} of the inputs does not fit")));
        }
        inputs += block.items;
    }
    match inputs == state.inputs {
        true => Ok(blocks),
        false => Err(damaged(format!("{inputs} inputs are known, and {} counted", state.inputs))),
    }
}

fn hosts(connection: &Connection) -> Result<Vec<HostRow>, Refused> {
    rows(connection, "host", "host, state", |row| {
        let (host, state): (String, String) = (row.get(0)?, row.get(1)?);
        let expected = sum(&[(*host).into(), (*state).into()]);
        Ok((HostRow { host: host.into(), state: Some(state.into()) }, expected))
    })
}

fn begun(connection: &Connection) -> Result<BTreeSet<u64>, Refused> {
    let found = rows(connection, "begun", "n", |row| {
        let n: i64 = row.get(0)?;
        Ok((n.cast_unsigned(), sum(&[n.into()])))
    })?;
    Ok(found.into_iter().collect())
}
