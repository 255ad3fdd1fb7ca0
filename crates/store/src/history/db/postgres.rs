//! A connection to a PostgreSQL database, made again when it breaks.

use std::collections::HashMap;
use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type as SqlType, to_sql_checked};
use tokio_postgres::{Client, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::super::error::HistoryErrorKind;
use super::{Bulk, Purpose, Row, Type, Value};
use crate::database::quoted;
use crate::error::SinkErrorKind;
use crate::postgres::Reactor;
use crate::postgres::fault::Fault;
use crate::postgres::url::Target;
use crate::postgres::{schema, tls};
use crate::sink::DatabaseUrl;

/// The first half of the advisory lock's key; the second is the schema's: "gthw".
const LOCK: i32 = 0x6774_6877;
const TAKE: &str = "SELECT pg_try_advisory_lock(CAST(CAST(?1 AS bigint) AS int),
    hashtext(current_schema()))";
/// How long the server may take to see that a killed watch has gone.
const LOCK_WAIT: Duration = Duration::from_secs(2);
const LOCK_RETRY: Duration = Duration::from_millis(50);
/// Rows that are put in one message.
const ROWS_A_MESSAGE: usize = 5_000;
/// Statements that are kept prepared.
const STATEMENTS_MAX: usize = 256;

pub(super) struct Postgres {
    target: Target,
    tls: MakeRustlsConnect,
    purpose: Purpose,
    session: Option<Session>,
    /// What must hold again after a new connection.
    keeps: Keeps,
    phase: Phase,
    reactor: Reactor,
}

struct Session {
    client: Client,
    statements: HashMap<String, Statement>,
}

/// Whether the connection keeps the lock of the one watch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeps {
    Nothing,
    Lock,
}

/// Whether a transaction is open: then a broken connection cannot be replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Between,
    Within,
}

impl Postgres {
    pub(super) fn open(url: &DatabaseUrl, purpose: Purpose) -> Result<Self, HistoryErrorKind> {
        let wrong = |what: String| HistoryErrorKind::Url { what: what.into() };
        let target = Target::new(url).map_err(wrong)?;
        let tls = tls::connector(target.verify, target.roots.as_deref()).map_err(wrong)?;
        let reactor = Reactor::new()
            .map_err(|error| HistoryErrorKind::Other { what: error.to_string().into() })?;
        let (session, keeps, phase) = (None, Keeps::Nothing, Phase::Between);
        let mut opened = Self { target, tls, purpose, session, keeps, phase, reactor };
        opened.connect()?;
        Ok(opened)
    }

    /// Makes the connection, if there is none.
    fn connect(&mut self) -> Result<(), HistoryErrorKind> {
        if self.session.is_some() {
            return Ok(());
        }
        if self.phase == Phase::Within {
            let what = "the connection broke".into();
            return Err(HistoryErrorKind::Unreachable { what });
        }
        let Self { target, tls, purpose, reactor, .. } = self;
        let client = reactor.get().block_on(async {
            let (client, connection) = target.config.connect(tls.clone()).await?;
            tokio::spawn(async move {
                // Its end is seen by the next statement.
                let _ended = connection.await;
            });
            client.batch_execute("SET lock_timeout = '60s'").await?;
            match (purpose, &target.schema) {
                (Purpose::Watch, schema) => schema::choose(&client, schema.as_deref()).await?,
                (_, Some(schema)) => {
                    let choose = format!("SET search_path TO {}", quoted(schema));
                    client.batch_execute(&choose).await?;
                }
                (_, None) => {}
            }
            Ok::<_, Fault>(client)
        });
        let client = client.map_err(said)?;
        self.session = Some(Session { client, statements: HashMap::new() });
        match self.keeps {
            Keeps::Lock => self.lock(),
            Keeps::Nothing => Ok(()),
        }
    }

    /// Forgets a connection that broke.
    fn failed<T>(&mut self, result: Result<T, Fault>) -> Result<T, HistoryErrorKind> {
        result.map_err(|fault| {
            if self.session.as_ref().is_none_or(|session| session.client.is_closed()) {
                self.session = None;
            }
            said(fault)
        })
    }

    pub(super) fn batch(&mut self, sql: &str) -> Result<(), HistoryErrorKind> {
        if matches!(sql, "COMMIT" | "ROLLBACK") {
            let done = self.simple(sql);
            self.phase = Phase::Between;
            return done;
        }
        self.simple(sql)?;
        if sql.starts_with("BEGIN") {
            self.phase = Phase::Within;
        }
        Ok(())
    }

    fn simple(&mut self, sql: &str) -> Result<(), HistoryErrorKind> {
        self.connect()?;
        let Self { session: Some(session), reactor, .. } = self else { return Ok(()) };
        let done = reactor.get().block_on(session.client.batch_execute(sql));
        self.failed(done.map_err(Fault::from))
    }

    pub(super) fn exec(&mut self, sql: &str, values: &[Value]) -> Result<u64, HistoryErrorKind> {
        self.connect()?;
        let Self { session: Some(session), reactor, .. } = self else { return Ok(0) };
        let done = reactor.get().block_on(async {
            let statement = session.prepare(sql).await?;
            Ok(session.client.execute(&statement, &parameters(values)).await?)
        });
        self.failed(done)
    }

    pub(super) fn query(
        &mut self,
        sql: &str,
        values: &[Value],
    ) -> Result<Vec<Row>, HistoryErrorKind> {
        self.connect()?;
        let Self { session: Some(session), reactor, .. } = self else { return Ok(Vec::new()) };
        let found = reactor.get().block_on(async {
            let statement = session.prepare(sql).await?;
            let rows = session.client.query(&statement, &parameters(values)).await?;
            rows.iter().map(row).collect::<Result<Vec<_>, _>>().map_err(Fault::from)
        });
        self.failed(found)
    }

    pub(super) fn put(&mut self, bulk: &Bulk, rows: &[Vec<Value>]) -> Result<(), HistoryErrorKind> {
        let names: Vec<_> = bulk.columns.iter().map(|(name, _)| *name).collect();
        let arrays = (1..).zip(bulk.columns).map(|(at, (_, kind))| {
            let kind = match kind {
                Type::Int => "bigint",
                Type::Text => "text",
                Type::Blob => "bytea",
            };
            format!("?{at}::{kind}[]")
        });
        let sql = format!(
            "INSERT INTO {} ({}) SELECT * FROM unnest({}) {}",
            bulk.table,
            names.join(", "),
            arrays.collect::<Vec<_>>().join(", "),
            bulk.conflict
        );
        for rows in rows.chunks(ROWS_A_MESSAGE) {
            self.connect()?;
            let Self { session: Some(session), reactor, .. } = self else { return Ok(()) };
            let columns = bulk.columns.iter().enumerate();
            let columns: Vec<_> = columns.map(|(at, (_, kind))| array(rows, at, *kind)).collect();
            let columns: Vec<&(dyn ToSql + Sync)> =
                columns.iter().map(|column| &**column as &(dyn ToSql + Sync)).collect();
            let done = reactor.get().block_on(async {
                let statement = session.prepare(&sql).await?;
                Ok(session.client.execute(&statement, &columns).await?)
            });
            self.failed(done)?;
        }
        Ok(())
    }

    /// Takes the lock that only one watch of a schema can have, for as long as it is connected.
    pub(super) fn lock(&mut self) -> Result<(), HistoryErrorKind> {
        self.keeps = Keeps::Nothing;
        let key = i64::from(LOCK);
        let start = Instant::now();
        loop {
            if self.query(TAKE, &[key.into()])?.first().is_some_and(|row| row.int(0) == 1) {
                self.keeps = Keeps::Lock;
                return Ok(());
            }
            if start.elapsed() > LOCK_WAIT {
                return Err(self.holder(key)?);
            }
            thread::sleep(LOCK_RETRY);
        }
    }

    /// Who has the lock.
    fn holder(&mut self, key: i64) -> Result<HistoryErrorKind, HistoryErrorKind> {
        let find = "SELECT lock.pid, coalesce(host(activity.client_addr), 'the same machine')
             FROM pg_locks AS lock LEFT JOIN pg_stat_activity AS activity ON activity.pid = lock.pid
             WHERE lock.locktype = 'advisory' AND lock.granted
                AND CAST(lock.classid AS bigint) = ?1
                AND CAST(lock.objid AS bigint) =
                    CAST(hashtext(current_schema()) AS bigint) & 4294967295";
        let holder = self.query(find, &[key.into()])?;
        let holder = holder.first().map(|row| {
            format!("process {} of the server, from {}", row.int(0), row.text(1)).into()
        });
        Ok(HistoryErrorKind::Busy { holder })
    }
}

impl Drop for Postgres {
    /// The server would see it only a moment later, and refuse who comes at once.
    fn drop(&mut self) {
        if self.keeps == Keeps::Lock && self.session.is_some() {
            let _freed = self.query("SELECT CAST(pg_advisory_unlock_all() AS text)", &[]);
        }
    }
}

impl Session {
    async fn prepare(&mut self, sql: &str) -> Result<Statement, Fault> {
        if let Some(known) = self.statements.get(sql) {
            return Ok(known.clone());
        }
        if self.statements.len() >= STATEMENTS_MAX {
            self.statements.clear();
        }
        let statement = self.client.prepare(&sql.replace('?', "$")).await?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

fn parameters(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

/// A column of rows as an array.
fn array<'a>(rows: &'a [Vec<Value>], at: usize, kind: Type) -> Box<dyn ToSql + Sync + 'a> {
    let cells = rows.iter().map(move |row| row.get(at).unwrap_or(&Value::Null));
    match kind {
        Type::Int => Box::new(
            cells
                .map(|cell| match cell {
                    Value::Int(number) => Some(*number),
                    _ => None,
                })
                .collect::<Vec<_>>(),
        ),
        Type::Text => Box::new(
            cells
                .map(|cell| match cell {
                    Value::Text(text) => Some(without_nul(text)),
                    _ => None,
                })
                .collect::<Vec<_>>(),
        ),
        Type::Blob => Box::new(
            cells
                .map(|cell| match cell {
                    Value::Blob(bytes) => Some(&bytes[..]),
                    _ => None,
                })
                .collect::<Vec<_>>(),
        ),
    }
}

/// PostgreSQL takes every text but one with a zero byte.
fn without_nul(text: &str) -> std::borrow::Cow<'_, str> {
    match text.contains('\0') {
        true => text.replace('\0', "\u{fffd}").into(),
        false => text.into(),
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        of: &SqlType,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(number) => number.to_sql(of, out),
            Self::Real(number) => number.to_sql(of, out),
            Self::Text(text) => without_nul(text).to_sql(of, out),
            Self::Blob(bytes) => bytes.to_sql(of, out),
        }
    }

    fn accepts(of: &SqlType) -> bool {
        matches!(*of, SqlType::INT8 | SqlType::FLOAT8 | SqlType::TEXT | SqlType::BYTEA)
    }

    to_sql_checked!();
}

fn row(row: &tokio_postgres::Row) -> Result<Row, tokio_postgres::Error> {
    let cells = row.columns().iter().enumerate().map(|(at, column)| {
        Ok(match *column.type_() {
            SqlType::INT8 => row.try_get::<_, Option<i64>>(at)?.into(),
            SqlType::INT4 => row.try_get::<_, Option<i32>>(at)?.map(i64::from).into(),
            SqlType::BOOL => row.try_get::<_, Option<bool>>(at)?.map(i64::from).into(),
            SqlType::FLOAT8 => row.try_get::<_, Option<f64>>(at)?.into(),
            SqlType::BYTEA => row.try_get::<_, Option<Vec<u8>>>(at)?.into(),
            _ => row.try_get::<_, Option<&str>>(at)?.into(),
        })
    });
    Ok(Row(cells.collect::<Result<_, tokio_postgres::Error>>()?))
}

fn said(fault: Fault) -> HistoryErrorKind {
    let what = fault.message.into();
    match fault.kind {
        SinkErrorKind::Unreachable => HistoryErrorKind::Unreachable { what },
        SinkErrorKind::Refused => HistoryErrorKind::Refused { what },
        SinkErrorKind::Locked => HistoryErrorKind::Locked,
        SinkErrorKind::DiskFull => HistoryErrorKind::DiskFull,
        SinkErrorKind::Corrupt => HistoryErrorKind::Damaged { what },
        _ => HistoryErrorKind::Other { what },
    }
}
