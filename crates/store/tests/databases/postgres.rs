//! What holds for PostgreSQL alone: servers that restart, refuse, or ask for TLS.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use gather_store::{DatabaseUrl, Existing, Format, OutputTarget, SinkError, SinkErrorKind};
use gather_testkit::{Ca, Identity, Postgres, PostgresSync, Validity};

use crate::both;
use crate::cut::Cutter;
use crate::records::{Database, page, run, with_tags};

/// A server, and what follows its URL.
struct Place<'a> {
    server: &'a Postgres,
    url: String,
}

impl<'a> Place<'a> {
    fn new(server: &'a Postgres, rest: &str) -> Self {
        Self { server, url: format!("{}{rest}", server.url()) }
    }
}

impl Database for Place<'_> {
    fn target(&self) -> (OutputTarget, Format) {
        (OutputTarget::Postgres(DatabaseUrl::new(self.url.as_str())), Format::Postgres)
    }

    fn ask(&self, sql: &str) -> String {
        self.server.query(sql)
    }
}

/// A server; `None` where PostgreSQL is not installed, after having said so.
fn start(identity: Option<&Identity>) -> Option<Postgres> {
    let server = Postgres::start(identity, PostgresSync::Off);
    if server.is_none() {
        eprintln!("NOT TESTED: what needs postgresql, which is not installed");
    }
    server
}

/// An error without the port, which is another one each time.
fn said(error: &SinkError, server: &Postgres) -> String {
    let text = error.to_string();
    assert!(!text.contains(server.password()), "{text}");
    text.replace(&format!("localhost:{}", server.addr().port()), "HOST")
}

#[test]
fn a_database_is_what_both_promise() {
    let Some(server) = start(None) else { return };
    let place = Place::new(&server, "");
    both::all(&place);
    let typed = [
        (
            "SELECT started_at = '2026-11-21T10:00:00.123456Z' FROM record WHERE run = 1 AND n = 0",
            "t",
        ),
        (
            "SELECT host(remote_ip), tags->>'sku' FROM record WHERE n = 2 AND tags ? 'sku' LIMIT 1",
            "203.0.113.217|A17",
        ),
        ("SELECT price FROM shop_prices WHERE n = 0 ORDER BY run LIMIT 1", "1299.00"),
        (
            "SELECT tags FROM record WHERE tags::text LIKE '%quote%'",
            "{\"a\u{fffd}b\": \"x\u{fffd}y\", \"quote\\\"'\": \"\\\\u0000\"}",
        ),
        ("SELECT content_type FROM record WHERE json IS NOT NULL", "a\u{fffd}b"),
        ("SELECT count(*) FROM run WHERE finished_at IS NULL", "0"),
    ];
    for (sql, expected) in typed {
        assert_eq!(place.ask(sql), expected, "{sql}");
    }
    // Who runs inside an event loop may open it, and drop it.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { drop(place.open(Existing::Refuse, &run(51, None)).unwrap()) });
    // `--overwrite` is for files: others may have their runs here.
    let runs = place.ask("SELECT count(*) FROM run");
    place.open(Existing::Overwrite, &run(50, None)).unwrap().finish().unwrap();
    assert_eq!(
        place.ask("SELECT count(*) FROM run"),
        (runs.parse::<u32>().unwrap() + 1).to_string()
    );
    assert!(!server.log().contains("unexpected EOF"), "{}", server.log());
}

#[test]
fn schemas_are_apart_and_what_is_not_ours_is_refused() {
    let Some(server) = start(None) else { return };
    let (mine, other) = (Place::new(&server, "?schema=my%20data"), Place::new(&server, ""));
    mine.write(&run(1, None), &[page(0, "http://a.example/", 1)]);
    other.write(&run(1, None), &[]);
    assert_eq!(server.query("SELECT count(*) FROM \"my data\".record"), "1");
    assert_eq!(server.query("SELECT count(*) FROM record"), "0");
    server.query("CREATE SCHEMA theirs; CREATE TABLE theirs.host (x int)");
    server.query(
        "CREATE SCHEMA newer; CREATE TABLE newer.gather AS SELECT 99::bigint AS schema_version",
    );
    server.query("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0");
    server.query("CREATE ROLE reader LOGIN PASSWORD 'x'");
    let port = server.addr().port();
    let cases = [
        (
            format!("{}?schema=theirs", server.url()),
            "postgres://HOST/postgres has a table that gather did not make: host; \
             hint: name another database (PostgreSQL: add ?schema=NAME)",
        ),
        (
            format!("{}?schema=newer", server.url()),
            "postgres://HOST/postgres was written by a later version of gather; \
             hint: use that version, or name another database",
        ),
        (
            format!("{}latin", server.url().trim_end_matches("postgres")),
            "postgres://HOST/latin refuses: its encoding is LATIN1, and URLs and pages need UTF8; \
             hint: see user, password, permissions and pg_hba.conf",
        ),
        (
            server.url().replace(server.password(), "wr0ng"),
            "postgres://HOST/postgres refuses: password authentication failed for user \"postgres\"; \
             hint: see user, password, permissions and pg_hba.conf",
        ),
        (
            format!("postgres://reader:x@localhost:{port}/postgres"),
            "postgres://HOST/postgres refuses: permission denied for table gather; \
             hint: see user, password, permissions and pg_hba.conf",
        ),
        (
            format!("{}x", server.url()),
            "postgres://HOST/postgresx refuses: database \"postgresx\" does not exist; \
             hint: see user, password, permissions and pg_hba.conf",
        ),
        (
            format!("{}?sslmode=require", server.url()),
            "postgres://HOST/postgres refuses: error performing TLS handshake: server does not \
             support TLS; hint: see user, password, permissions and pg_hba.conf",
        ),
        (
            format!("{}?sslmode=perhaps", server.url()),
            "postgres://HOST/postgres cannot be read as the URL of a database: there is no sslmode \
             perhaps; there are disable, prefer, require, verify-ca and verify-full; \
             hint: write postgres://user@host/database?sslmode=require",
        ),
    ];
    for (url, expected) in cases {
        let place = Place { server: &server, url };
        let error = place.open(Existing::Refuse, &run(1, None)).err().unwrap();
        assert!(!error.to_string().contains("wr0ng"), "{error}");
        assert_eq!(said(&error, &server), expected);
    }
}

#[test]
fn a_server_that_is_gone_is_named() {
    let Some(mut server) = start(None) else { return };
    server.pause();
    let error = Place::new(&server, "").open(Existing::Refuse, &run(1, None)).err().unwrap();
    assert_eq!(error.kind, SinkErrorKind::Unreachable);
    let text = said(&error, &server);
    assert!(text.starts_with("cannot reach postgres://HOST/postgres: error connecting"), "{text}");
    assert!(text.ends_with("hint: see that it runs and that host and port are right"), "{text}");
}

#[test]
fn a_broken_connection_loses_and_doubles_nothing() {
    let Some(mut server) = start(None) else { return };
    let url = server.url();
    let spec = Place { server: &server, url: url.clone() }.spec("", Existing::Refuse);
    let mut sink = gather_store::open(&spec, &run(1, None)).unwrap();
    let mut n = 0;
    let mut write = |sink: &mut Box<dyn gather_store::Sink>, count: u64| {
        for _ in 0..count {
            sink.write(&with_tags(page(n, "http://a.example/", 1), &[("sku", "A17")])).unwrap();
            n += 1;
        }
    };
    write(&mut sink, 10);
    sink.commit().unwrap();
    // An operator ends the connection, with records in hand and without.
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                WHERE application_name = 'gather'";
    write(&mut sink, 10);
    assert_eq!(server.query(kill), "1");
    assert_eq!(sink.commit().unwrap().records, 20);
    assert_eq!(server.query(kill), "1");
    write(&mut sink, 10);
    sink.commit().unwrap();
    // The server is restarted while records wait; the writer waits with them.
    write(&mut sink, 10);
    server.pause();
    let waiting = thread::spawn(move || {
        let position = sink.commit();
        (sink, position)
    });
    server.resume();
    let (sink, position) = waiting.join().unwrap();
    assert_eq!(position.unwrap().records, 40);
    sink.finish().unwrap();
    let counts = "SELECT count(*), count(DISTINCT n), max(n) FROM record";
    assert_eq!(server.query(counts), "40|40|39");
    assert_eq!(server.query("SELECT records FROM run WHERE finished_at IS NOT NULL"), "40");
    assert_eq!(server.query("SELECT count(*) FROM result WHERE sku = 'A17'"), "40");
}

#[test]
fn a_commit_whose_answer_was_lost_is_not_doubled() {
    let Some(server) = start(None) else { return };
    let lose = Arc::new(AtomicBool::new(false));
    let cutter = Cutter::start(server.addr(), Arc::clone(&lose));
    let url = server.url().replace(
        &format!("localhost:{}", server.addr().port()),
        &format!("localhost:{}", cutter.port()),
    );
    let place = Place { server: &server, url: format!("{url}?sslmode=disable") };
    let mut sink = place.open(Existing::Refuse, &run(1, None)).unwrap();
    for n in 0..3 {
        sink.write(&with_tags(page(n, "http://a.example/", 1), &[("sku", "A17")])).unwrap();
    }
    lose.store(true, Ordering::SeqCst);
    assert_eq!(sink.commit().unwrap().records, 3);
    assert!(!lose.load(Ordering::SeqCst), "the answer was cut off");
    sink.write(&page(3, "http://a.example/", 1)).unwrap();
    assert_eq!(sink.finish().unwrap().records, 4);
    assert_eq!(server.query("SELECT count(*), count(DISTINCT n) FROM record"), "4|4");
    assert_eq!(server.query("SELECT records, ok FROM run"), "4|4");
}

#[test]
fn tls_is_spoken_and_certificates_are_checked_as_asked() {
    let ca = Ca::new();
    let good = ca.issue(&["localhost"], Validity::For(Duration::from_secs(86_400)));
    let Some(server) = start(Some(&good)) else { return };
    let directory = tempfile::tempdir().unwrap();
    let roots = directory.path().join("ca.pem");
    std::fs::write(&roots, ca.pem()).unwrap();
    let strange = directory.path().join("strange.pem");
    std::fs::write(&strange, Ca::new().pem()).unwrap();
    let empty = directory.path().join("empty.pem");
    std::fs::write(&empty, "nothing\n").unwrap();
    let (roots, strange, empty) = (roots.display(), strange.display(), empty.display());
    let plain = "no pg_hba.conf entry for host";
    let by_address = |url: &str| url.replace("localhost", "127.0.0.1");
    let cases = [
        (String::new(), ""),
        ("?sslmode=require".to_owned(), ""),
        ("?sslmode=disable".to_owned(), plain),
        (format!("?sslmode=verify-full&sslrootcert={roots}"), ""),
        (format!("?sslmode=require&sslrootcert={roots}"), ""),
        (format!("?sslmode=verify-ca&sslrootcert={strange}"), "UnknownIssuer"),
        ("?sslmode=verify-full".to_owned(), "UnknownIssuer"),
        (format!("?sslmode=verify-full&sslrootcert={empty}"), "no certificate in it"),
        ("?sslmode=verify-full&sslrootcert=/nonexistent".to_owned(), "sslrootcert /nonexistent: "),
        // It is for the name, and asked for by its address.
        (format!("127?sslmode=verify-full&sslrootcert={roots}"), "not valid for name"),
        (format!("127?sslmode=verify-ca&sslrootcert={roots}"), ""),
    ];
    for (number, (rest, expected)) in (0..).zip(cases) {
        let mut place = Place::new(&server, rest.trim_start_matches("127"));
        if rest.starts_with("127") {
            place.url = by_address(&place.url);
        }
        match place.open(Existing::Refuse, &run(number, None)) {
            Ok(sink) => {
                assert_eq!(expected, "", "{rest}");
                sink.finish().unwrap();
            }
            Err(error) => {
                let text = said(&error, &server);
                assert!(!expected.is_empty() && text.contains(expected), "{rest}: {text}");
            }
        }
    }
}
