//! Runs into databases, read back with `sqlite3` and `psql` as a user would.

use std::io::{BufRead, BufReader};
use std::process::Command;

use gather_testkit::{Postgres, PostgresSync, Server, Site};

use crate::bench::{Bench, Ran};

/// What `sqlite3` answers; `None` where it is not installed, after having said so.
pub(crate) fn sqlite3(bench: &Bench, file: &str, sql: &str) -> Option<String> {
    let output = Command::new("sqlite3").arg(bench.path(file)).arg(sql).output();
    let Ok(output) = output else {
        eprintln!("NOT TESTED: what needs sqlite3, which is not installed");
        return None;
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{sql}: {stderr}");
    Some(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

fn check(bench: &Bench, file: &str, cases: &[(&str, &str)]) {
    for (sql, expected) in cases {
        match sqlite3(bench, file, sql) {
            Some(answer) => assert_eq!(answer, *expected, "{sql}"),
            None => return,
        }
    }
}

fn urls(server: &Server, paths: &[&str]) -> String {
    paths.iter().map(|path| server.url(path) + "\n").collect()
}

fn ended(ran: &Ran, code: i32) {
    assert_eq!(ran.code, code, "{}", ran.stderr);
}

#[test]
fn a_run_is_added_to_a_file_and_sqlite3_reads_it() {
    let server = Server::start(Site::default());
    let list = urls(&server, &["/ok", "/status/404", "/ok?size=9"]);
    let bench = Bench::new().with_file("urls.txt", &list);
    ended(&bench.line("-i urls.txt -q -o r.db"), 2);
    ended(&bench.line("-i urls.txt -q -o r.db -o r.jsonl --limit 1"), 0);
    let plain = [
        ("SELECT records, ok, failed FROM run", "3|2|1\n1|1|0"),
        (
            "SELECT n, outcome, status_code FROM record WHERE run = 1 ORDER BY n",
            "0|ok|200\n1|failed|404\n2|ok|200",
        ),
        ("SELECT run, error_kind, records FROM failure", "1|http.status|1"),
        ("SELECT count(*), sum(run = 2) FROM latest", "3|1"),
        ("SELECT json_extract(settings, '$.input') FROM run WHERE id = 1", "urls.txt"),
        ("SELECT count(*) FROM host WHERE time_p95 >= time_p50", "2"),
        ("SELECT count(*) FROM changed", "0"),
        ("PRAGMA integrity_check", "ok"),
    ];
    check(&bench, "r.db", &plain);
    // `--overwrite` begins anew; a file of something else stays what it is.
    ended(&bench.line("-i urls.txt -q -o r.db --overwrite --limit 1"), 0);
    check(&bench, "r.db", &[("SELECT count(*), max(id) FROM run", "1|1")]);
    let bench = bench.with_file("not.db", "precious\n");
    let ran = bench.line("-i urls.txt -q -o not.db --overwrite");
    let refused =
        "error: not.db is not a SQLite database\nhint: name another file, or move it away\n";
    assert_eq!((ran.code, ran.stderr.as_str()), (3, refused));
    assert_eq!(bench.read("not.db"), "precious\n");
}

#[test]
fn a_job_has_a_table_of_its_own() {
    let server = Server::start(Site::default());
    let rows =
        format!("symbol,url\nACME,{}\nGLOBEX,{}\n", server.url("/ok"), server.url("/ok?size=3"));
    let job = "[job.\"Daily prices\"]\ninput = \"list.csv\"\nuser = \"ann:s3cret\"\noutput = \"r.db\"\nquiet = true\n";
    let bench = Bench::new().with_file("list.csv", &rows).with_file("gather.toml", job);
    ended(&bench.run(&["run", "Daily prices"]), 0);
    let cases = [
        ("SELECT symbol, url LIKE '%/ok%' FROM daily_prices ORDER BY n", "ACME|1\nGLOBEX|1"),
        ("SELECT job FROM run", "Daily prices"),
        ("SELECT json_extract(settings, '$.user') FROM run", "ann:***"),
    ];
    check(&bench, "r.db", &cases);
}

#[test]
fn a_killed_run_leaves_what_it_committed() {
    let server = Server::start(Site::default());
    let mut paths = vec!["/ok"; 30];
    paths.push("/silent");
    let bench = Bench::new().with_file("urls.txt", &urls(&server, &paths));
    let mut child = bench
        .command(&["-i", "urls.txt", "-q", "-c", "100", "-o", "r.db", "-o", "-"])
        .spawn()
        .expect("the binary starts");
    // The database is committed before standard output is.
    let mut lines = BufReader::new(child.stdout.take().expect("it is caught")).lines();
    for _ in 0..30 {
        lines.next().expect("a record").expect("a line");
    }
    child.kill().expect("it still waits");
    child.wait().expect("it is our child");
    let cases = [
        ("PRAGMA integrity_check", "ok"),
        ("SELECT count(*), count(DISTINCT n) FROM record", "30|30"),
        ("SELECT records, finished_at IS NULL FROM run", "30|1"),
    ];
    check(&bench, "r.db", &cases);
    // The next run goes into the same file.
    let ok = server.url("/ok");
    ended(&bench.line(&format!("{ok} -q -o r.db")), 0);
    check(&bench, "r.db", &[("SELECT id, records FROM run", "1|30\n2|1")]);
}

#[test]
fn formats_that_do_not_fit_are_refused() {
    for (line, expected) in [
        (
            "a.example --format sqlite",
            "error: --format sqlite: a database cannot be written to standard output\n\
             hint: name a file: -o results.db\n",
        ),
        (
            "a.example --format postgres -o x.db",
            "error: --output x.db: --format postgres needs a server\n\
             hint: write -o postgres://user@host/database\n",
        ),
        (
            "a.example -o postgres://u:s3cret@h/d -o postgres://u:s3cret@h/d",
            "error: --output postgres://u:***@h/d is given twice\n\
             hint: two outputs need two names\n",
        ),
    ] {
        let ran = Bench::new().line(line);
        assert_eq!((ran.code, ran.stderr.as_str()), (3, expected), "{line}");
    }
}

#[test]
fn a_run_goes_to_postgres_and_its_password_nowhere_else() {
    let Some(postgres) = Postgres::start(None, PostgresSync::Off) else {
        eprintln!("NOT TESTED: what needs postgresql, which is not installed");
        return;
    };
    let server = Server::start(Site::default());
    let job = "[job.shop]\ninput = \"urls.txt\"\noutput = \"${env:DATABASE_URL}\"\n";
    let bench = Bench::new()
        .with_file("urls.txt", &urls(&server, &["/ok", "/status/404"]))
        .with_file("gather.toml", job)
        .with_env("DATABASE_URL", &postgres.url());
    let ran = bench.line("run shop -o all.jsonl");
    // The flag takes the place of the job's output.
    ended(&ran, 2);
    let runs = "SELECT count(*) FROM pg_tables WHERE tablename = 'run'";
    assert_eq!(postgres.query(runs), "0");
    let url = postgres.url();
    let wrong = url.replace(postgres.password(), "s3cret-and-wrong");
    let mut said = Vec::new();
    for (line, code) in [
        ("run shop".to_owned(), 2),
        ("run shop --format csv -v".to_owned(), 2),
        (format!("-i urls.txt -o {url} --log-format json"), 2),
        (format!("-i urls.txt -o {wrong}"), 3),
        (format!("config show -o {url}"), 0),
        ("config show --job shop".to_owned(), 0),
        (format!("-i urls.txt -o {url} --print-job x"), 0),
        (format!("-i urls.txt -o {url}?sslmode=perhaps"), 3),
        (format!("report {url} --format md"), 0),
        (format!("report {url} --format json"), 0),
        (format!("report {url} -o told.html"), 0),
        (format!("report {wrong}"), 1),
        (format!("changes {url} --job shop --format md"), 0),
        (format!("changes {url} --job shop -o told.jsonl"), 0),
        (format!("changes {wrong}"), 1),
        (format!("export {url} -o told.csv"), 0),
    ] {
        let ran = bench.line(&line);
        assert_eq!(ran.code, code, "{line}\n{}", ran.stderr);
        said.push(ran.stdout + &ran.stderr);
    }
    said.extend(["told.html", "told.jsonl", "told.csv"].map(|name| bench.read(name)));
    for text in &said {
        assert!(!text.contains("s3cret"), "{text}");
    }
    let place = format!("localhost:{}/postgres", postgres.addr().port());
    assert!(
        said[4].contains(&format!("output = \"postgres://postgres:***@{place}\"")),
        "{}",
        said[4]
    );
    assert!(said[5].contains("output = \"${env:DATABASE_URL}\""), "{}", said[5]);
    assert!(said[6].contains("export PGPASSWORD"), "{}", said[6]);
    assert_eq!(
        postgres.query("SELECT job, records, ok FROM run ORDER BY id"),
        "shop|2|1\nshop|2|1\n|2|1"
    );
    let settings = "SELECT count(*) FROM run WHERE settings::text LIKE '%s3cret%'";
    assert_eq!(postgres.query(settings), "0");
    // As for psql, the password may stand in the environment.
    let bare = url.replace(&format!(":{}", postgres.password()), "");
    let bench = bench.with_env("PGPASSWORD", postgres.password());
    ended(&bench.line(&format!("-i urls.txt -q -o {bare}?schema=other")), 2);
    assert_eq!(postgres.query("SELECT count(*) FROM other.latest"), "2");
}
