//! Row 16 and the canaries: credentials stay with their origin, and out of everything that is written.

use std::path::Path;

use gather_testkit::{Ca, ClientCert, Page, Server, Site, Tls, Validity, fault_row};

use super::{case, check, run};
use crate::bench::Bench;

/// A path that redirects to this.
fn to(location: &str) -> String {
    let encoded: String = location.bytes().map(|byte| format!("%{byte:02x}")).collect();
    format!("/redirect-to?url={encoded}")
}

/// What a server was sent, all heads in one text.
fn heads(server: &Server) -> String {
    let head = |request: gather_testkit::Request| {
        let lines: Vec<String> =
            request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        format!("{} {}\n{}\n", request.method, request.target, lines.join("\n"))
    };
    server.requests().into_iter().map(head).collect()
}

#[test]
fn no_secret_goes_to_another_origin() {
    let row = fault_row!(16);
    let tls = || {
        let ca = Ca::new();
        Tls::new(
            &ca.issue(&["127.0.0.1"], Validity::For(std::time::Duration::from_secs(9999))),
            &[],
            ClientCert::NotAsked,
        )
    };
    let secure = || Server::start(Site { tls: Some(tls()), ..Site::default() });
    let (first, https) = (Server::start(Site::default()), secure());
    let flags = "-H 'Authorization: Bearer canary' -H 'X-Api-Key: canary' -H 'Cookie: a=canary' \
                 -H 'X-Amz-Security-Token: canary' -H 'Proxy-Authorization: canary'";
    for (what, from, other) in [
        ("another port", &first, Server::start(Site::default())),
        ("http to https", &first, secure()),
        ("https to another https", &https, secure()),
    ] {
        let before = heads(from).matches("canary").count();
        let led = case(what, from.url(&to(&other.url("/ok"))), "ok", 1);
        check(&row, &led.with(format!("{flags} -k")));
        assert!(heads(from).matches("canary").count() >= before + 4, "{what}: not sent at all");
        assert!(!heads(&other).contains("canary"), "{what}: {}", heads(&other));
    }
    // Back at the first origin they are sent again.
    let other = Server::start(Site::default());
    let there_and_back = first.url(&to(&other.url(&to(&first.url("/ok?back")))));
    check(&row, &case("there and back", there_and_back, "ok", 1).with(flags));
    assert!(!heads(&other).contains("canary"), "{}", heads(&other));
    let last = first.requests().pop().expect("it was asked");
    assert_eq!(last.header("X-Api-Key"), Some("canary"), "{last:?}");
    // User and password of the URL, and of -u.
    let other = Server::start(Site::default());
    let with_user = first.url(&to(&other.url("/ok"))).replace("http://", "http://canary:canary@");
    check(&row, &case("of the URL", with_user, "ok", 1));
    let with_user = case("of -u", first.url(&to(&other.url("/ok"))), "ok", 1);
    check(&row, &with_user.with("-u canary:canary"));
    let sent = heads(&other);
    assert!(!sent.to_ascii_lowercase().contains("authorization"), "{sent}");
    // Down from https: not at all.
    let plain = Server::start(Site::default());
    let down = case("a downgrade", https.url(&to(&plain.url("/ok"))), "redirect.downgrade", 1);
    check(&row, &down.with(format!("{flags} -k")));
    assert_eq!(plain.hits(), 0);
    row.comes("the other origin gets no credential and no configured header");
    row.shown();
}

#[test]
fn headers_of_a_host_in_the_configuration_stay_with_it() {
    let row = fault_row!(16);
    let (first, other) = (Server::start(Site::default()), Server::start(Site::default()));
    let file = format!(
        "[hosts.\"{}\"]\nheaders = {{ x-token = \"${{env:TOKEN}}\", x-plain = \"canary\" }}\n\
         [job.mine]\nurl = \"{}\"\nheader = [\"x-job: canary\"]\n",
        first.addr(),
        first.url(&to(&other.url("/ok"))),
    );
    let bench = Bench::new().with_file("gather.toml", &file).with_env("TOKEN", "canary");
    let ran = run(&bench, "run mine -q");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(heads(&first).matches("canary").count(), 3, "{}", heads(&first));
    assert!(!heads(&other).contains("canary"), "{}", heads(&other));
    row.comes("the other origin gets no credential and no configured header");
    row.shown();
}

/// Every file below a directory that holds these bytes, in any of its forms: as they are, or within gzip.
fn files_with(directory: &Path, needle: &[u8], found: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files_with(&path, needle, found);
            continue;
        }
        let mut bytes = std::fs::read(&path).expect("readable");
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let unzipped = std::process::Command::new("gzip").arg("-dc").arg(&path).output();
            bytes.extend(unzipped.expect("gzip runs").stdout);
        }
        if path.extension().is_some_and(|name| name == "xlsx") {
            let unzipped = std::process::Command::new("python3")
                .args(["-c", "import sys,zipfile\nz=zipfile.ZipFile(sys.argv[1])\nfor n in z.namelist(): sys.stdout.buffer.write(z.read(n))"])
                .arg(&path)
                .output();
            bytes.extend(unzipped.expect("python3 runs").stdout);
        }
        if bytes.windows(needle.len()).any(|window| window == needle) {
            found.push(path.display().to_string());
        }
    }
}

const CANARY: &str = "c4n4ry";

/// A server that answers with the canary in a `Location` only, and a bench with a list and a file of
/// jobs that hold it: they are the user's own.
fn planted() -> (Server, Bench) {
    let led_on = Page {
        status: 302,
        headers: vec![("Location".to_owned(), format!("/ok?token={CANARY}"))],
        body: Vec::new(),
    };
    let made = Page { status: 201, ..led_on.clone() };
    let site = Site::default().page("/led-on", led_on).page("/made", made);
    let server = Server::start(site);
    let place = server.addr().to_string();
    let with_user = |path: &str| format!("http://me:{CANARY}@{place}{path}\n");
    // Answered, refused, led on, broken off, not tried, and no URL at all.
    let list = [
        with_user("/ok"),
        with_user(&format!("/ok?key={CANARY}")),
        with_user("/status/404"),
        with_user(&to("/ok?elsewhere")),
        with_user("/cut?at=9"),
        format!("http://{place}/ok?a=1&token={CANARY}&b=2\n"),
        format!("http://{place}/led-on?token={CANARY}\n"),
        format!("http://{place}/made\n"),
        format!("gopher://me:{CANARY}@{place}/\n"),
        format!("http://me:{CANARY}@[/\n"),
        format!("me:{CANARY}@{place}/ok\n"),
    ];
    let jobs = format!(
        "[hosts.\"{place}\"]\nheaders = {{ authorization = \"Bearer ${{env:TOKEN}}\" }}\n\
         [job.kept]\nurl = \"http://{place}/ok\"\nheader = [\"x-own: ${{env:TOKEN}}\"]\n"
    );
    (server, Bench::new().with_file("urls.txt", &list.concat()).with_file("gather.toml", &jobs))
}

#[test]
fn planted_secrets_are_in_nothing_that_is_written() {
    let (server, own) = planted();
    let (list, jobs) = (own.path("urls.txt"), own.path("gather.toml"));
    let bench = Bench::new().with_env("TOKEN", CANARY);
    let secrets = format!(
        "-i {} -H 'X-Api-Key: {CANARY}' -H 'Cookie: s={CANARY}' -u me:{CANARY} --redact-query token \
         --redact-query key --connect-timeout 300ms --retries 1 --backoff 1ms",
        list.display()
    );
    let mut said = String::new();
    let mut note = |what: &str, ran: super::Measured, codes: &[i32]| {
        assert!(codes.contains(&ran.code), "{what}: {}: {}", ran.code, ran.stderr);
        assert!(!ran.stdout.is_empty() || !ran.stderr.is_empty(), "{what}: nothing came");
        said.push_str(&format!("{what}\n{}{}\n", ran.stdout, ran.stderr));
    };
    for (what, line) in [
        (
            "files",
            "-o a.jsonl -o a.csv -o a.db -o a.parquet -o a.xlsx -o a.warc.gz -O bodies --cache c \
             --report a.html --summary a.json --fields +headers,+tls.san",
        ),
        (
            "talk as JSON",
            "-v --log-format json -o b.warc --report b.md --journal b.journal --stats-interval 1ms",
        ),
        ("text", "--format text -v --max-failures 1"),
        ("csv", "--format csv -v --addresses public"),
        ("a proxy", "-x http://me:c4n4ry@127.0.0.1:9 --format jsonl -v"),
    ] {
        note(what, run(&bench, &format!("{secrets} {line}")), &[2, 4]);
    }
    // Each target twice; finished, and cut off so that the records kept for the others stay.
    for line in ["-o e.jsonl", "-o f.jsonl --fields +headers --deadline 200ms"] {
        let twice = format!("{secrets} -i {} --dedup {line}", list.display());
        note("repeats", run(&bench, &twice), &[2, 4]);
    }
    // What a file refers to stays a reference.
    for line in ["config show", "run kept -v", "plan kept"] {
        note(line, run(&bench, &format!("{line} -K {}", jobs.display())), &[0]);
    }
    for line in [
        "report a.jsonl --report c.html",
        "export a.jsonl -o d.csv",
        "changes a.jsonl a.csv",
        "verify a.jsonl",
    ] {
        note(line, run(&bench, line), &[0, 1, 2, 3]);
    }
    let shown: Vec<&str> = said.lines().filter(|line| line.contains(CANARY)).collect();
    assert!(shown.is_empty(), "{}", shown.join("\n"));
    let mut found = Vec::new();
    // As it is, and as `-u` sends it.
    for needle in [CANARY, "bWU6YzRuNHJ5"] {
        files_with(&bench.path("."), needle.as_bytes(), &mut found);
    }
    assert!(found.is_empty(), "{found:?}");
    // They were sent, to whom they belong.
    assert!(heads(&server).contains(CANARY));
}
