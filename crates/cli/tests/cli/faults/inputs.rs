//! Rows 37 to 40: lists with lines that are broken, endless, repeated, or written oddly.

use std::io::Write;
use std::process::{Command, Stdio};

use gather_testkit::{Server, Site, fault_row};
use serde_json::Value;

use super::{assert_flat, kind, measured, records, run};
use crate::bench::Bench;

#[test]
fn broken_lines_are_skipped_where_they_stand() {
    let row = fault_row!(37);
    let server = Server::start(Site::default());
    let ok = server.url("/ok");
    let lines: [(&[u8], &str); 10] = [
        (b"\xef\xbb\xbf", "ok"),
        (b"not a url at all", "input.invalid"),
        (b"http://a.example/\xff\xfe", "input.invalid"),
        (b"http://a.exa\0mple/", "input.invalid"),
        (b"http://", "input.invalid"),
        (b"http://a.example:99999/", "input.invalid"),
        (b"mailto:me@a.example", "blocked.scheme"),
        (b"file:///etc/passwd", "blocked.scheme"),
        (b"\x1b[2Jhttp", "input.invalid"),
        (b"", "ok"),
    ];
    let bench = Bench::new();
    let mut file = Vec::new();
    for (line, expected) in lines {
        file.extend_from_slice(line);
        if expected == "ok" {
            file.extend_from_slice(ok.as_bytes());
        }
        // Both ends of lines that there are.
        file.extend_from_slice(if expected == "ok" { b"\r\n" } else { b"\n" });
    }
    std::fs::write(bench.path("urls.txt"), file).expect("written");
    let ran = run(&bench, "-i urls.txt --fields +source,+line");
    for (n, (record, (line, expected))) in records(&ran, lines.len()).iter().zip(lines).enumerate()
    {
        assert_eq!(kind(record), expected, "{:?}: {record}", String::from_utf8_lossy(line));
        if let Some(kind) = record["error"]["kind"].as_str() {
            assert_eq!(record["line"], n + 1, "{record}");
            row.kind(kind, false);
        }
    }
    assert!(
        !ran.stderr.contains('\x1b'),
        "what a line holds reaches no terminal: {:?}",
        ran.stderr
    );
    row.shown();
}

#[test]
fn a_line_of_a_gigabyte_takes_no_memory() {
    let row = fault_row!(38);
    let server = Server::start(Site::default());
    let bench = Bench::new();
    let shell = "{ echo \"$0\"; yes | tr -d '\\n' | head -c 1000000000; echo; echo \"$0\"; } | \
                 exec \"$1\" -i - --limit 3 -c 1 > stdout";
    let gather = bench.command(&[]).get_program().to_owned();
    // The program is told apart from its shell by being measured as the last of the pipe.
    let mut command = Command::new("bash");
    command.args(["-c", &format!("shopt -s lastpipe; {shell}")]).arg(server.url("/ok")).arg(gather);
    command.current_dir(bench.path(".")).stdin(Stdio::null());
    let ran = measured(&bench, command);
    let ran = super::Measured { stdout: bench.read("stdout"), ..ran };
    let records = records(&ran, 3);
    let kinds: Vec<&str> = records.iter().map(kind).collect();
    assert_eq!(kinds, ["ok", "input.too_long", "ok"], "{}", ran.stderr);
    assert_flat("a line of a gigabyte", &ran);
    row.kind("input.too_long", false);
    row.shown();
}

#[test]
fn the_same_url_many_times_is_as_many_targets() {
    let row = fault_row!(39);
    let server = Server::start(Site::default());
    let list = format!("{}\n", server.url("/ok")).repeat(20);
    let ran = run(&Bench::new().with_file("urls.txt", &list), "-i urls.txt");
    assert!(records(&ran, 20).iter().all(|record| kind(record) == "ok"));
    assert_eq!(server.hits(), 20);
    row.comes("each is fetched and has its record");
    row.shown();
}

#[test]
fn equal_requests_are_sent_once_where_that_is_asked_for() {
    let row = fault_row!(39);
    let server = Server::start(Site::default());
    // Good, failing and slow ones by turns, each repeated before it can have ended and after.
    let urls = ["/ok?a", "/status/404", "/delay/1s", "/cut?at=80&size=1024"].map(|p| server.url(p));
    let list: String = (0..20_000).map(|n| format!("{}\n", urls[n % urls.len()])).collect();
    let bench = Bench::new().with_file("urls.txt", &list);
    let ran = run(&bench, "-i urls.txt --dedup --retries 1 --backoff 1ms");
    let records = records(&ran, 20_000);
    let kinds = ["ok", "http.status", "ok", "protocol.truncated"];
    for (n, record) in records.iter().enumerate() {
        let first = n % urls.len();
        assert_eq!(kind(record), kinds[first], "{record}");
        let same_as = (n != first).then(|| Value::from(first));
        assert_eq!(record.get("same_as"), same_as.as_ref(), "{record}");
        for member in ["url", "status_code", "error", "attempts", "started_at", "time_total"] {
            assert_eq!(record.get(member), records[first].get(member), "{member}: {record}");
        }
    }
    assert_eq!(server.hits(), 5, "one of them is tried twice");
    assert_flat("many repeats", &ran);
    row.comes("with --dedup: one is fetched, and its record told of all, a failed one too");
    row.shown();
}

#[test]
fn urls_are_read_as_browsers_read_them_and_then_judged() {
    let row = fault_row!(40);
    let server = Server::start(Site::default());
    let port = server.addr().port();
    let forms = [
        format!("http://2130706433:{port}/ok"),
        format!("http://0x7f000001:{port}/ok"),
        format!("http://0177.0.0.1:{port}/ok"),
        format!("http://127.1:{port}/ok"),
        format!("http://①②⑦.⓪.⓪.①:{port}/ok"),
        format!("http://１２７.０.０.１:{port}/ok"),
        format!("http://127。0。0。1:{port}/ok"),
        format!("http:127.0.0.1:{port}/ok"),
        format!("http:\\\\127.0.0.1:{port}\\ok"),
        format!("ht\ttp://127.0.0.1:{port}/o\tk"),
        format!("HTTP://127.0.0.1:{port}/x/../ok#fragment"),
        format!("http://[::ffff:127.0.0.1]:{port}/ok"),
    ];
    let list: String = forms.iter().map(|form| format!("{form}\n")).collect();
    let bench = Bench::new().with_file("urls.txt", &list);
    // What is meant is this machine; the policy sees that, however it is written.
    let ran = run(&bench, "-i urls.txt --addresses public --retries 0");
    for record in records(&ran, forms.len()) {
        assert_eq!(kind(&record), "blocked.address", "{record}");
    }
    assert_eq!(server.connections(), 0);
    let ran = run(&bench, "-i urls.txt --retries 0");
    let canonical: Value = format!("http://127.0.0.1:{port}/ok").into();
    for record in &records(&ran, forms.len())[..forms.len() - 2] {
        assert_eq!((kind(record), &record["url"]), ("ok", &canonical), "{record}");
    }
    let mut names = Command::new(bench.command(&[]).get_program());
    names.args(["-i", "-", "--retries", "0", "-c", "1", "--resolve"]);
    names.arg(format!("xn--bcher-kva.test:{port}:127.0.0.1"));
    names.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = names.spawn().expect("it starts");
    let idn = format!("http://BÜCHER.test:{port}/ok\n");
    child.stdin.take().expect("a pipe").write_all(idn.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let record: Value = serde_json::from_slice(&output.stdout).expect("a record");
    assert_eq!(record["url"], format!("http://xn--bcher-kva.test:{port}/ok"), "{record}");
    row.kind("blocked.address", false);
    row.comes("the address that is meant is judged, in every way to write it");
    row.shown();
}
