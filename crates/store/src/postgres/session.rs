//! One connection: its staging tables, its prepared statements, and a group written through them.

use std::pin::pin;

use tokio::task::JoinHandle;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Statement, Transaction};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::database::{
    Body, Cell, Counts, Group, JobColumns, JobKind, Kind, RUN_COUNTS, Rows, TableOf, quoted, upsert,
};
use crate::postgres::encode::Encoded;
use crate::postgres::fault::Fault;
use crate::postgres::schema::{self, DIALECT};
use crate::postgres::url::Target;
use crate::postgres::{RunOrigin, State};
use crate::sink::Durability;

/// A connection that is ready to write.
pub(super) struct Session {
    pub(super) client: Client,
    connection: JoinHandle<()>,
    /// For what only needs the tables once they are there.
    statements: Option<Statements>,
    /// For the columns of the job's tables as they were; made again when there are more.
    pages: Option<Staged>,
    rows: Option<Staged>,
}

struct Statements {
    records: Staged,
    fields: Staged,
    forget_fields: Statement,
    forget_rows: Option<Statement>,
    body: Statement,
    counts: Statement,
}

/// Rows are copied into a temporary table, and from there put into the real one.
struct Staged {
    copy: Statement,
    insert: Statement,
    types: Vec<Type>,
}

impl Session {
    /// Connects, and chooses the schema.
    pub(super) async fn open(
        target: &Target,
        tls: &MakeRustlsConnect,
        durability: Durability,
    ) -> Result<Self, Fault> {
        let (client, connection) = target.config.connect(tls.clone()).await?;
        let connection = tokio::spawn(async move {
            // Its end is seen by the next statement.
            let _ended = connection.await;
        });
        // Not for ever behind somebody's LOCK TABLE.
        client.batch_execute("SET lock_timeout = '60s'").await?;
        if durability == Durability::Disk {
            let make_sure = "SELECT set_config('synchronous_commit', 'on', false)
                             WHERE current_setting('synchronous_commit') = 'off'";
            client.batch_execute(make_sure).await?;
        }
        schema::choose(&client, target.schema.as_deref()).await?;
        Ok(Self { client, connection, statements: None, pages: None, rows: None })
    }

    /// Says goodbye to the server.
    pub(super) async fn close(self) {
        drop(self.client);
        // It ends when the last words are sent; a broken one has ended already.
        let _ended = self.connection.await;
    }

    /// Writes a group in one transaction, or nothing of it. Written twice, it is there once.
    pub(super) async fn write(
        &mut self,
        state: &mut State,
        group: &Group,
    ) -> Result<Counts, Fault> {
        if self.statements.is_none() {
            self.statements = Some(Statements::prepare(&self.client, state).await?);
        }
        let Self { client, statements: Some(statements), pages, rows, .. } = self else {
            return Err(Fault::passing("no statements"));
        };
        let tx = client.transaction().await?;
        statements.records.write(&tx, state.run, group.records.iter()).await?;
        if state.origin == RunOrigin::Resumed {
            tx.execute(&statements.forget_fields, &[&state.run]).await?;
            if let Some(forget) = &statements.forget_rows {
                tx.execute(forget, &[&state.run]).await?;
            }
        }
        if group.fields.len() > 0 {
            statements.fields.write(&tx, state.run, group.fields.iter()).await?;
        }
        let (run, job) = (state.run, state.job.as_deref());
        write_typed(&tx, pages, (run, job), &mut state.pages, &group.job).await?;
        write_typed(&tx, rows, (run, job), &mut state.rows, &group.rows).await?;
        for body in &group.bodies {
            write_body(&tx, &statements.body, body).await?;
        }
        let counts = state.counts.and(group.counts);
        let [records, ok, failed, skipped] = counts.columns();
        tx.execute(&statements.counts, &[&records, &ok, &failed, &skipped, &state.run]).await?;
        tx.commit().await?;
        Ok(counts)
    }
}

async fn write_body(tx: &Transaction<'_>, insert: &Statement, body: &Body) -> Result<(), Fault> {
    let bytes = i64::try_from(body.bytes.len()).unwrap_or(i64::MAX);
    let content_type = body.content_type.as_deref().map(|text| text.replace('\0', "\u{fffd}"));
    tx.execute(insert, &[&body.sha256, &bytes, &content_type, &&body.bytes[..]]).await?;
    Ok(())
}

/// Writes to a typed table of the job, and makes or widens it first where it has to be.
async fn write_typed(
    tx: &Transaction<'_>,
    staged: &mut Option<Staged>,
    (run, job): (i64, Option<&str>),
    columns: &mut JobColumns,
    rows: &Rows,
) -> Result<(), Fault> {
    if rows.len() == 0 {
        return Ok(());
    }
    let lead = columns.table_of().lead();
    let mut ready = staged.take().filter(|_| !columns.has_new());
    if ready.is_none() {
        let table = schema::extend_job(tx, job, columns).await?;
        ready = Some(Staged::of_job(tx, &table, columns).await?);
    }
    let ready = staged.insert(ready.expect("just made"));
    let width = ready.types.len();
    let mut cells = Vec::with_capacity(width);
    let copy = tx.copy_in(&ready.copy).await?;
    let mut writer = pin!(BinaryCopyInWriter::new(copy, &ready.types));
    for mut row in rows.iter() {
        cells.clear();
        cells.extend(row.by_ref().take(lead));
        cells.resize(width, Cell::Null);
        for (at, cell) in row.job_cells() {
            cells[at + lead] = cell;
        }
        writer.as_mut().write_raw(cells.iter().copied().map(Encoded)).await?;
    }
    writer.finish().await?;
    tx.execute(&ready.insert, &[&run]).await?;
    Ok(())
}

impl Statements {
    async fn prepare(client: &Client, state: &State) -> Result<Self, Fault> {
        let plan = &state.plan;
        let chosen: Vec<(&str, &str, Type)> = plan
            .columns()
            .map(|column| (column.name, DIALECT.kind(column.kind), type_of(column.kind)))
            .collect();
        let (text, number) = (("text", Type::TEXT), ("numeric", Type::NUMERIC));
        let fields = [("name", &text), ("type", &text), ("value", &text), ("number", &number)]
            .map(|(name, (sql, kind))| (name, *sql, kind.clone()));
        let set: Vec<String> = RUN_COUNTS
            .iter()
            .enumerate()
            .map(|(at, name)| format!("{name} = ${}", at + 1))
            .collect();
        let records = Staged::make(client, "record", "gather_record", 2, &chosen).await?;
        let forget_rows = match &state.rows_before {
            None => None,
            Some(table) => {
                let delete = format!(
                    "DELETE FROM {} AS old USING gather_record
                     WHERE old.run = $1 AND old.n = gather_record.n",
                    quoted(table)
                );
                Some(client.prepare(&delete).await?)
            }
        };
        Ok(Self {
            records,
            forget_rows,
            fields: Staged::make(client, "field", "gather_field", 3, &fields).await?,
            forget_fields: client
                .prepare(
                    "DELETE FROM field USING gather_record
                     WHERE field.run = $1 AND field.n = gather_record.n",
                )
                .await?,
            body: client
                .prepare(
                    "INSERT INTO body (sha256, bytes, content_type, body)
                     VALUES ($1, $2, $3, $4) ON CONFLICT (sha256) DO NOTHING",
                )
                .await?,
            counts: client
                .prepare(&format!("UPDATE run SET {} WHERE id = $5", set.join(", ")))
                .await?,
        })
    }
}

impl Staged {
    /// Makes the temporary table and prepares what fills and empties it. The columns are those
    /// behind run and n.
    async fn make(
        client: &impl tokio_postgres::GenericClient,
        table: &str,
        stage: &str,
        keys: usize,
        columns: &[(&str, &str, Type)],
    ) -> Result<Self, Fault> {
        let made: Vec<String> =
            columns.iter().map(|(name, sql, _)| format!(", {} {sql}", quoted(name))).collect();
        let names: Vec<String> = columns.iter().map(|(name, ..)| quoted(name)).collect();
        let listed = std::iter::once("n".to_owned()).chain(names).collect::<Vec<_>>().join(", ");
        let create = format!(
            "DROP TABLE IF EXISTS pg_temp.{stage};
             CREATE TEMPORARY TABLE {stage} (n bigint{}) ON COMMIT DELETE ROWS",
            made.concat(),
        );
        client.batch_execute(&create).await?;
        let all: Vec<&str> =
            ["run", "n"].into_iter().chain(columns.iter().map(|(name, ..)| *name)).collect();
        let select = format!("SELECT $1::bigint, {listed} FROM pg_temp.{stage}");
        let copy = format!("COPY pg_temp.{stage} ({listed}) FROM STDIN (FORMAT binary)");
        let kinds = columns.iter().map(|(.., kind)| kind.clone());
        Ok(Self {
            copy: client.prepare(&copy).await?,
            insert: client.prepare(&upsert(table, &all, keys, &select)).await?,
            types: std::iter::once(Type::INT8).chain(kinds).collect(),
        })
    }

    async fn of_job(
        tx: &Transaction<'_>,
        table: &str,
        columns: &JobColumns,
    ) -> Result<Self, Fault> {
        let of = columns.table_of();
        let mut all =
            vec![("url", "text", Type::TEXT), ("fetched_at", "timestamptz", Type::TIMESTAMPTZ)];
        let stage = match of {
            TableOf::Pages => "gather_job",
            TableOf::Rows => {
                all.insert(0, ("row", "bigint", Type::INT8));
                "gather_row"
            }
        };
        for column in columns.list() {
            let name = column.column.as_deref().expect("all have been named");
            let kind = match column.kind {
                JobKind::Number => Type::NUMERIC,
                JobKind::Flag => Type::BOOL,
                JobKind::Text => Type::TEXT,
                JobKind::List => Type::JSONB,
            };
            all.push((name, DIALECT.job_kind(column.kind), kind));
        }
        Self::make(tx, table, stage, of.keys(), &all).await
    }

    async fn write<'g, R>(
        &self,
        tx: &Transaction<'_>,
        run: i64,
        rows: impl Iterator<Item = R>,
    ) -> Result<(), Fault>
    where
        R: Iterator<Item = Cell<'g>>,
    {
        let copy = tx.copy_in(&self.copy).await?;
        let mut writer = pin!(BinaryCopyInWriter::new(copy, &self.types));
        let mut cells = Vec::with_capacity(self.types.len());
        for row in rows {
            cells.clear();
            cells.extend(row.map(Encoded));
            writer.as_mut().write_raw(cells.iter()).await?;
        }
        writer.finish().await?;
        tx.execute(&self.insert, &[&run]).await?;
        Ok(())
    }
}

fn type_of(kind: Kind) -> Type {
    match kind {
        Kind::Int => Type::INT8,
        Kind::Seconds => Type::FLOAT8,
        Kind::Flag => Type::BOOL,
        Kind::Text => Type::TEXT,
        Kind::Ip => Type::INET,
        Kind::Moment => Type::TIMESTAMPTZ,
        Kind::Json => Type::JSONB,
        Kind::ForeignJson => Type::JSON,
    }
}
