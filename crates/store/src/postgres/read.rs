//! Records of one run of a PostgreSQL database, read back.
//!
//! Every cell is asked for as text, so that what is read does not depend on how the server stores
//! it. All of it is read in one transaction: a run that goes on meanwhile changes nothing of it.

use std::collections::VecDeque;

use gather_core::Record;
use tokio_postgres::{Client, Row};

use super::fault::Fault;
use super::url::Target;
use super::{Reactor, tls};
use crate::database::quoted;
use crate::fields::Field;
use crate::read::{
    Bodies, Decimals, Draft, Given, ReadError, ReadErrorKind, ResultSpec, Results, RunAbout, Shape,
    Standing, column_member, moment_us, no_run,
};
use crate::sink::{DatabaseUrl, RunInfo};

/// Records read at once.
const PAGE_RECORDS: i64 = 500;
/// The same where bodies come with them.
const PAGE_BODIES: i64 = 32;

/// Records of a run.
pub(crate) struct PostgresRows {
    name: Box<str>,
    run: RunInfo,
    /// The key of the run.
    id: i64,
    standing: Standing,
    /// The members of the selected columns, in their order; a body follows them.
    members: Vec<String>,
    records: String,
    /// The number of the last record read.
    after: i64,
    page: VecDeque<Result<Record, ReadError>>,
    client: Client,
    reactor: Reactor,
}

/// What is there, and how it is asked for.
struct Found {
    id: i64,
    run: RunInfo,
    standing: Standing,
    members: Vec<String>,
    records: String,
}

impl PostgresRows {
    /// Connects and finds the run.
    ///
    /// # Errors
    /// When the server does not answer or refuses, or the database does not hold the run.
    pub(crate) fn open(url: &DatabaseUrl, spec: &ResultSpec) -> Result<Self, ReadError> {
        let name = url.to_string();
        let (reactor, client) = connect(url, &name)?;
        let found = reactor.get().block_on(find(&client, &name, spec));
        let found = found.map_err(|wrong| wrong.at(&name))?;
        let Found { id, run, standing, members, records } = found;
        Ok(Self {
            name: name.into(),
            run,
            id,
            standing,
            members,
            records,
            after: -1,
            page: VecDeque::new(),
            client,
            reactor,
        })
    }

    fn read_page(&mut self) -> Result<(), ReadError> {
        let Self { reactor, client, records, id, after, .. } = self;
        let read = reactor.get().block_on(async {
            let rows = client.query(records.as_str(), &[id, after]).await?;
            let last = rows.last().map_or(*after, |row| row.get("n"));
            let fields = "SELECT n, name, type, value FROM field
                          WHERE run = $1 AND n > $2 AND n <= $3 ORDER BY n";
            let fields = client.query(fields, &[id, after, &last]).await?;
            Ok((rows, fields, last))
        });
        let (rows, fields, last) = read.map_err(|wrong: Wrong| wrong.at(&self.name))?;
        let mut fields = fields.iter().peekable();
        for row in &rows {
            let n: i64 = row.get("n");
            let mut draft = self.draft(row);
            while let Some(field) = fields.next_if(|field| field.get::<_, i64>(0) <= n) {
                draft = draft.and_then(|mut draft| add_field(&mut draft, field).map(|()| draft));
            }
            let record = draft.and_then(Draft::finish);
            self.page.push_back(record.map_err(|wrong| {
                let message = format!("record n = {n}: {wrong}");
                ReadError::new(ReadErrorKind::Row, &self.name, message)
            }));
        }
        self.after = last;
        Ok(())
    }

    fn draft(&self, row: &Row) -> Result<Draft, String> {
        let mut draft = Draft::new(Shape::Row, Decimals::Text);
        draft.set(&Field::N, Given::Text(&row.get::<_, i64>("n").to_string()))?;
        for (at, member) in self.members.iter().enumerate() {
            if let Some(text) = row.get::<_, Option<&str>>(at) {
                draft.member(member, Given::Text(text))?;
            }
        }
        if let Ok(Some(body)) = row.try_get::<_, Option<&[u8]>>("body") {
            draft.body(body);
        }
        Ok(draft)
    }
}

impl Results for PostgresRows {
    fn next(&mut self) -> Result<Option<Record>, ReadError> {
        if self.page.is_empty() {
            self.read_page()?;
        }
        self.page.pop_front().transpose()
    }

    fn run(&self) -> Option<&RunInfo> {
        Some(&self.run)
    }

    fn standing(&self) -> Standing {
        self.standing
    }
}

/// Connects to a database of ours, and begins to read.
fn connect(url: &DatabaseUrl, name: &str) -> Result<(Reactor, Client), ReadError> {
    let said = |message: String| ReadError::new(ReadErrorKind::Io, name, message);
    let target = Target::new(url).map_err(said)?;
    let tls = tls::connector(target.verify, target.roots.as_deref()).map_err(said)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| said(error.to_string()))?;
    let opened = runtime.block_on(async {
        let (client, connection) = target.config.connect(tls).await?;
        tokio::spawn(async move {
            // Its end is seen by the next statement.
            let _ended = connection.await;
        });
        begin(&client, &target, name).await?;
        Ok(client)
    });
    let reactor = Reactor(Some(runtime));
    let client = opened.map_err(|wrong: Wrong| wrong.at(name))?;
    Ok((reactor, client))
}

async fn begin(client: &Client, target: &Target, name: &str) -> Result<(), Wrong> {
    if let Some(schema) = &target.schema {
        client.batch_execute(&format!("SET search_path TO {}", quoted(schema))).await?;
    }
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let ours = "SELECT to_regclass('gather') IS NOT NULL AND to_regclass('record') IS NOT NULL";
    if !client.query_one(ours, &[]).await?.get::<_, bool>(0) {
        let message = "holds no results of gather";
        return Err(Wrong::Found(ReadError::new(ReadErrorKind::Form, name, message)));
    }
    Ok(())
}

/// The runs it holds, the earliest first.
///
/// # Errors
/// When the server does not answer or refuses, or there are no results.
pub(crate) fn runs(url: &DatabaseUrl) -> Result<Vec<RunAbout>, ReadError> {
    let name = url.to_string();
    let (reactor, client) = connect(url, &name)?;
    let list = "SELECT name, job,
                to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),
                finished_at IS NULL FROM run ORDER BY started_at, id";
    let rows = reactor.get().block_on(client.query(list, &[]));
    let rows = rows.map_err(|error| Wrong::from(error).at(&name))?;
    let about = |row: &Row| RunAbout {
        id: row.get::<_, &str>(0).into(),
        job: row.get::<_, Option<&str>>(1).map(Into::into),
        started_unix_us: moment_us(row.get(2)).unwrap_or(0),
        standing: if row.get(3) { Standing::Unfinished } else { Standing::Ended },
    };
    Ok(rows.iter().map(about).collect())
}

async fn find(client: &Client, name: &str, spec: &ResultSpec) -> Result<Found, Wrong> {
    let wanted = spec.run.as_deref();
    let run = "SELECT id, name, to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),
               finished_at IS NULL FROM run WHERE $1::text IS NULL OR name = $1
               ORDER BY started_at DESC, id DESC LIMIT 1";
    let Some(run) = client.query_opt(run, &[&wanted]).await? else {
        let last = client.query("SELECT name FROM run ORDER BY id DESC LIMIT 5", &[]).await?;
        let last: Vec<String> = last.iter().map(|row| row.get(0)).collect();
        return Err(Wrong::Found(no_run(name, wanted, &last)));
    };
    let started = moment_us(run.get(2)).unwrap_or(0);
    let standing = if run.get(3) { Standing::Unfinished } else { Standing::Ended };
    let info = RunInfo { id: run.get::<_, &str>(1).into(), ..RunInfo::new(started, 0) };
    let columns = "SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute
                   WHERE attrelid = to_regclass('record') AND attnum > 0 AND NOT attisdropped
                   AND attname NOT IN ('run', 'n', 'host') ORDER BY attnum";
    let columns = client.query(columns, &[]).await?;
    let (mut members, mut select) = (Vec::new(), String::new());
    for column in &columns {
        let (name, kind): (&str, &str) = (column.get(0), column.get(1));
        select.push_str(&as_text(&quoted(name), kind));
        select.push_str(", ");
        members.push(column_member(name));
    }
    let (body, most) = match spec.bodies {
        Bodies::Read => {
            (", (SELECT body FROM body WHERE body.sha256 = record.sha256) AS body", PAGE_BODIES)
        }
        Bodies::Leave => ("", PAGE_RECORDS),
    };
    let records = format!(
        "SELECT {select}n{body} FROM record WHERE run = $1 AND n > $2 ORDER BY n LIMIT {most}"
    );
    Ok(Found { id: run.get(0), run: info, standing, members, records })
}

/// A column as the text that a record has.
fn as_text(column: &str, kind: &str) -> String {
    match kind {
        "timestamp with time zone" => {
            format!("to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')")
        }
        "inet" => format!("host({column})"),
        _ => format!("{column}::text"),
    }
}

/// Adds an extracted field: n, name, type, value.
fn add_field(draft: &mut Draft, row: &Row) -> Result<(), String> {
    let (name, kind): (&str, &str) = (row.get(1), row.get(2));
    draft.extracted(name, kind, row.get::<_, Option<&str>>(3))
}

/// Why the run cannot be read.
enum Wrong {
    Fault(Fault),
    Found(ReadError),
}

impl From<tokio_postgres::Error> for Wrong {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Fault(error.into())
    }
}

impl Wrong {
    fn at(self, name: &str) -> ReadError {
        match self {
            Self::Found(error) => error,
            Self::Fault(fault) => {
                let message = format!("cannot be read: {}", fault.message);
                ReadError::new(ReadErrorKind::Io, name, message)
            }
        }
    }
}
