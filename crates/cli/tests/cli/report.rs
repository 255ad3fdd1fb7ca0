//! Reports of runs: what is in them, and what is refused.

use gather_testkit::{Server, Site};
use serde_json::Value;

use crate::bench::Bench;

#[test]
fn a_run_tells_what_it_found_in_every_form() {
    let server = Server::start(Site::default());
    let paths = ["/ok", "/ok?size=9", "/status/404"];
    let list: Vec<String> = paths.iter().map(|path| server.url(path)).collect();
    let job = "[job.shops]\ninput = \"urls.txt\"\nreport = { file = \"job.html\", title = \"Shops\", \
               group_by = \"status_code\", agg = [\"count()\", \"max(content_length)\"] }\n";
    let bench = Bench::new().with_file("urls.txt", &list.join("\n")).with_file("gather.toml", job);

    let flags = "--group-by status_code --agg 'count(),max(content_length)'";
    let ran = bench.line(&format!("-i urls.txt -o r.jsonl --report r.json {flags}"));
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("report: r.json ("), "{}", ran.stderr);
    let page: Value = serde_json::from_str(&bench.read("r.json")).expect("JSON");
    assert_eq!(page["outcomes"], serde_json::json!({ "ok": 2, "failed": 1, "skipped": 0 }));
    let table = &page["table"];
    let names = ["status_code", "count()", "max(content_length)"];
    assert_eq!(table["columns"], serde_json::json!(names));
    assert_eq!(table["rows"][0][0], "200");
    assert_eq!(table["rows"][0][1], "2");
    assert_eq!(table["rows"][1][0], "404");

    let ran = bench.line("run shops -o - --format jsonl");
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let html = bench.read("job.html");
    assert!(html.contains("<h1>Shops</h1>") && html.contains("max(content_length)"), "{html}");

    let ran = bench.line("-i urls.txt --report r.md --report-title 'Two of three'");
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(bench.read("r.md").starts_with("# Two of three\n"));
}

#[test]
fn what_cannot_be_reported_is_refused_before_anything_is_fetched() {
    let server = Server::start(Site::default());
    let bench = Bench::new().with_file("there.html", "mine");
    let url = server.url("/ok");
    for (flags, part) in [
        ("--report there.html", "there.html exists and is not empty"),
        ("--report r.pdf", "the name does not say the form"),
        ("--report nowhere/r.html", "cannot write nowhere/r.html"),
        ("--group-by host", "--group-by belongs to a report, and there is none"),
        ("--report r.html --agg 'median(price)'", "'median(price)' is not known"),
    ] {
        let ran = bench.line(&format!("{url} {flags}"));
        assert_eq!(ran.code, 3, "{flags}: {}", ran.stderr);
        assert!(ran.stderr.contains(part), "{flags}: {}", ran.stderr);
    }
    assert_eq!(bench.read("there.html"), "mine");
    assert_eq!(server.hits(), 0);
}
