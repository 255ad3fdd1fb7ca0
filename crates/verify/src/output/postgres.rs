//! Reads a PostgreSQL database: the tables are those of SQLite.

use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls, Row as Cells, Transaction};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Columns, Extent, OutputSpec, Row, Rows};
use crate::bodies::hex;
use crate::error::VerifyError;
use crate::report::{Fault, Problem};

/// Rows that are asked for at once.
const BATCH_ROWS: i32 = 10_000;
/// Bodies that are asked for at once: each may be large.
const BATCH_BODIES: i32 = 8;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

const RECORDS: &str = "SELECT n::int8, status_code::int8, attempts::int8, content_length::int8, \
                       input::text, outcome::text, error_kind::text, sha256::text, body_path::text, \
                       url::text, final_url::text, coalesce(truncated, false) \
                       FROM record WHERE run = $1 ORDER BY n";
const SUMS: &str =
    "SELECT records::int8, ok::int8, failed::int8, skipped::int8 FROM run WHERE id = $1";
const BODIES: &str = "SELECT sha256::text, bytes::int8, body FROM body \
                      WHERE sha256 IN (SELECT sha256 FROM record WHERE run = $1)";

/// Reads the records of this run, or of the newest.
pub(super) fn read(
    output: &OutputSpec,
    run: Option<&str>,
    rows: &mut dyn Rows,
) -> Result<Extent, VerifyError> {
    let failed =
        |why: String| VerifyError::Read { path: output.path(), source: std::io::Error::other(why) };
    let target = Target::of(output.database_url()).map_err(|why| {
        let hint = "write postgres://user@host/database?schema=NAME&sslmode=verify-full";
        VerifyError::usage(format!("{}: {why}", output.name), hint)
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed(error.to_string()))?;
    runtime.block_on(async {
        let mut client = target.connect().await.map_err(failed)?;
        read_run(&mut client, output, run, rows).await.map_err(|error| match error {
            Error::Database(error) => failed(said(&error)),
            Error::Verify(error) => error,
        })
    })?;
    Ok(Extent { bytes: 0, files: 1 })
}

/// Where to connect to, and how.
struct Target {
    config: Config,
    schema: Option<String>,
}

impl Target {
    /// Reads a URL. Of `sslmode` it knows `disable`, `prefer` (no TLS here), and `require`,
    /// `verify-ca` and `verify-full`, which all ask for a certificate that is good for the host.
    fn of(url: &str) -> Result<Self, String> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut tls, mut schema, mut rest) = (SslMode::Disable, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", "require" | "verify-ca" | "verify-full")) => {
                    tls = SslMode::Require
                }
                Some(("sslmode", "disable" | "allow" | "prefer")) => {}
                Some(("schema", name)) if !name.is_empty() => schema = Some(name.to_owned()),
                Some(("schema", _)) => {}
                Some(("sslmode" | "sslrootcert", value)) => {
                    return Err(format!("{value}: this cannot be asked for when verifying"));
                }
                _ => rest.push(pair),
            }
        }
        let plain = format!("{base}?{}", rest.join("&"));
        let config = plain.trim_end_matches('?').parse::<Config>();
        let mut config = config.map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            cause.unwrap_or_else(|| error.to_string())
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err("it names no host".to_owned());
        }
        config.ssl_mode(tls).application_name("gather verify").connect_timeout(CONNECT_TIMEOUT);
        if config.get_password().is_none()
            && let Some(password) = std::env::var_os("PGPASSWORD")
        {
            config.password(password.as_encoded_bytes());
        }
        Ok(Self { config, schema })
    }

    async fn connect(&self) -> Result<Client, String> {
        let client = if self.config.get_ssl_mode() == SslMode::Disable {
            let (client, connection) =
                self.config.connect(NoTls).await.map_err(|error| said(&error))?;
            tokio::spawn(connection);
            client
        } else {
            let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            let provider = Arc::new(ring::default_provider());
            let tls = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|error| error.to_string())?
                .with_root_certificates(roots)
                .with_no_client_auth();
            let tls = MakeRustlsConnect::new(tls);
            let (client, connection) =
                self.config.connect(tls).await.map_err(|error| said(&error))?;
            tokio::spawn(connection);
            client
        };
        let mut prepare = "SET default_transaction_read_only = on".to_owned();
        if let Some(schema) = &self.schema {
            let quoted = schema.replace('"', "\"\"");
            prepare.push_str(&format!("; SET search_path TO \"{quoted}\""));
        }
        client.batch_execute(&prepare).await.map_err(|error| said(&error))?;
        Ok(client)
    }
}

/// What a database says is wrong, in one line; it holds no secret.
fn said(error: &tokio_postgres::Error) -> String {
    if let Some(error) = error.as_db_error() {
        return error.message().to_owned();
    }
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}

enum Error {
    Database(tokio_postgres::Error),
    Verify(VerifyError),
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl From<VerifyError> for Error {
    fn from(error: VerifyError) -> Self {
        Self::Verify(error)
    }
}

async fn read_run(
    client: &mut Client,
    output: &OutputSpec,
    run: Option<&str>,
    rows: &mut dyn Rows,
) -> Result<(), Error> {
    // One transaction: what is counted is what is read.
    let tx = client.build_transaction().read_only(true).start().await?;
    let tables = "SELECT count(*) FROM (VALUES ('gather'), ('run'), ('record')) AS wanted (name) \
                  WHERE to_regclass(quote_ident(name)) IS NOT NULL";
    let tables: i64 = tx.query_one(tables, &[]).await?.get(0);
    if tables < 3 {
        let message = format!("{} has no records of gather", output.name);
        let hint = "name a database that a run wrote with -o, with ?schema=NAME if it had one";
        return Err(VerifyError::usage(message, hint).into());
    }
    let found = match run {
        Some(name) => tx.query_opt("SELECT id::int8 FROM run WHERE name = $1", &[&name]).await?,
        None => tx.query_opt("SELECT id::int8 FROM run ORDER BY id DESC LIMIT 1", &[]).await?,
    };
    let Some(found) = found else {
        let message = match run {
            Some(name) => format!("the run {name} is not in the database"),
            None => "there is no run in the database".to_owned(),
        };
        rows.fault(Fault::new(Problem::OtherRun, "", message));
        return Ok(());
    };
    let run: i64 = found.get(0);
    let sums = read_records(&tx, run, rows).await?;
    check_sums(&tx, run, sums, rows).await?;
    check_bodies(&tx, run, rows).await?;
    check_rows(&tx, run, rows).await
}

async fn read_records(
    tx: &Transaction<'_>,
    run: i64,
    rows: &mut dyn Rows,
) -> Result<[i64; 4], Error> {
    rows.columns(Columns { outcome: true, status: true, sha256: true, kind: true });
    let portal = tx.bind(RECORDS, &[&run]).await?;
    let mut sums = [0; 4];
    loop {
        let batch = tx.query_portal(&portal, BATCH_ROWS).await?;
        if batch.is_empty() {
            return Ok(sums);
        }
        for cells in &batch {
            let row = record(cells)?;
            let outcomes = [None, Some("ok"), Some("failed"), Some("skipped")];
            sums[0] += 1;
            if let Some(at) = outcomes.iter().skip(1).position(|known| *known == row.outcome) {
                sums[at + 1] += 1;
            }
            rows.row(&row)?;
        }
    }
}

fn record(cells: &Cells) -> Result<Row<'_>, tokio_postgres::Error> {
    let number = |at: usize| -> Result<Option<u64>, tokio_postgres::Error> {
        // A negative one becomes a number that nothing has.
        Ok(cells.try_get::<_, Option<i64>>(at)?.map(i64::cast_unsigned))
    };
    let text = |at: usize| cells.try_get::<_, Option<&str>>(at);
    let n = number(0)?;
    Ok(Row {
        at: n.unwrap_or_default(),
        n,
        status: number(1)?,
        attempts: number(2)?,
        content_length: number(3)?,
        input: text(4)?,
        outcome: text(5)?,
        kind: text(6)?,
        sha256: text(7)?,
        body_path: text(8)?,
        url: text(9)?,
        final_url: text(10)?,
        is_truncated: cells.try_get(11)?,
        ..Row::default()
    })
}

/// The row of the run counts what its records are.
async fn check_sums(
    tx: &Transaction<'_>,
    run: i64,
    found: [i64; 4],
    rows: &mut dyn Rows,
) -> Result<(), Error> {
    let cells = tx.query_one(SUMS, &[&run]).await?;
    for (at, what) in ["records", "ok", "failed", "skipped"].into_iter().enumerate() {
        let said: i64 = cells.try_get(at)?;
        super::check_run_sum(what, said, found[at], rows);
    }
    Ok(())
}

/// The rows of each page are counted from 1 without a gap, and the page has a record.
async fn check_rows(tx: &Transaction<'_>, run: i64, rows: &mut dyn Rows) -> Result<(), Error> {
    let Some(found) = tx.query_opt(super::ROWS_TABLE, &[&run]).await? else { return Ok(()) };
    let table: &str = found.try_get(0)?;
    for page in tx.query(&super::wrong_rows(table), &[&run]).await? {
        let cells = [page.try_get(0)?, page.try_get(1)?, page.try_get(2)?];
        super::check_page_rows(table, cells, rows);
    }
    Ok(())
}

/// Each body of the run's records that is in the table `body` is what its hash says.
async fn check_bodies(tx: &Transaction<'_>, run: i64, rows: &mut dyn Rows) -> Result<(), Error> {
    use sha2::Digest;
    let portal = tx.bind(BODIES, &[&run]).await?;
    loop {
        let batch = tx.query_portal(&portal, BATCH_BODIES).await?;
        if batch.is_empty() {
            return Ok(());
        }
        for cells in &batch {
            let (sha256, bytes): (&str, i64) = (cells.try_get(0)?, cells.try_get(1)?);
            let body: &[u8] = cells.try_get(2)?;
            let hash = hex(&sha2::Sha256::digest(body));
            super::check_stored_body(sha256, bytes, &hash, body.len(), rows);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_how() {
        for (url, expected) in [
            ("postgres://u:pw@h/d", Ok((SslMode::Disable, None))),
            ("postgres://u@h/d?sslmode=prefer&schema=a", Ok((SslMode::Disable, Some("a")))),
            ("postgres://u@h/d?sslmode=verify-full", Ok((SslMode::Require, None))),
            ("postgres://u@h/d?sslmode=what", Err("what: this cannot be asked for")),
            ("postgres://u@h/d?sslrootcert=f", Err("f: this cannot be asked for")),
            ("postgres:///d", Err("it names no host")),
        ] {
            let found = Target::of(url);
            match (&found, expected) {
                (Ok(target), Ok((tls, schema))) => {
                    assert_eq!(
                        (target.config.get_ssl_mode(), target.schema.as_deref()),
                        (tls, schema)
                    );
                }
                (Err(why), Err(part)) => assert!(why.contains(part), "{url}: {why}"),
                _ => panic!("{url}: {:?}", found.err()),
            }
        }
    }
}
