//! Reports of runs: what is in them, and what is refused.

use std::time::Duration;

use gather_testkit::{Server, Site};
use serde_json::Value;

use crate::bench::{Bench, until};

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

/// Lines as a run writes them: targets 0 to 4 of two hosts, the last one failed.
fn lines() -> String {
    let line = |n: u64| {
        let host = ["a", "b"][usize::try_from(n % 2).unwrap()];
        let url = format!("https://{host}.example/{n}");
        let end = match n {
            4 => r#""outcome":"failed","error":{"kind":"timeout.connect","message":"no","retryable":true}"#
                .to_owned(),
            _ => format!(r#""outcome":"ok","status_code":200,"fields":{{"price":"{}.50"}}"#, 10 - n),
        };
        let times = r#""attempts":1,"started_at":"2026-11-24T10:00:00.000Z","time_connect":0.1,"time_total":0.5"#;
        format!(r#"{{"n":{n},"input":"{url}","url":"{url}",{end},{times}}}"#)
    };
    (0..5).map(|n| line(n) + "\n").collect()
}

fn page_of(bench: &Bench, line: &str) -> Value {
    let ran = bench.line(&format!("report {line} --format json"));
    assert_eq!(ran.code, 0, "{line}: {}", ran.stderr);
    serde_json::from_str(&ran.stdout).expect("JSON")
}

#[test]
fn results_of_every_form_are_told_alike() {
    let bench = Bench::new().with_file("r.jsonl", &lines());
    let flags = "--group-by host --agg 'count(),avg(price)' --sort -price --title T --target 3";
    let told = |result: &str| {
        let mut page = page_of(&bench, &format!("{result} {flags}"));
        assert_eq!(page["results"][0]["records"], 5, "{page}");
        assert_eq!(page["results"][0]["standing"], "ended", "{page}");
        for (member, of_this) in [("generated_at", Value::Null), ("results", Value::Null)] {
            page[member] = of_this;
        }
        page["targets"][0]["members"] = Value::Null;
        page
    };
    let page = told("r.jsonl");
    assert_eq!(page["outcomes"], serde_json::json!({ "ok": 4, "failed": 1, "skipped": 0 }));
    let prices: Vec<&Value> =
        page["rows"].as_array().unwrap().iter().map(|r| &r["cells"][0]).collect();
    assert_eq!(prices, ["10.50", "9.50", "8.50", "7.50"]);
    assert_eq!(page["table"]["rows"][0], serde_json::json!(["a.example", "3", "9.5"]));
    assert_eq!(page["targets"][0]["waterfall"]["url"], "https://b.example/3");
    for other in ["r.csv", "r.db", "r.parquet"] {
        assert_eq!(bench.line(&format!("export r.jsonl -o {other}")).code, 0);
        assert_eq!(told(other), page, "{other}");
    }
    let both = page_of(&bench, "r.jsonl r.db");
    assert_eq!((both["outcomes"]["ok"].clone(), both["rows_all"].clone()), (8.into(), 8.into()));
    assert_eq!(both["rows"][4]["result"], 1, "the second result's rows come behind");
}

#[test]
fn a_run_that_is_not_at_its_end_is_told_so_far() {
    let torn = lines() + r#"{"n":5,"input":"https://a.exa"#;
    let bench = Bench::new().with_file("r.jsonl", &torn);
    let ran = bench.line("report r.jsonl --format json -q");
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let page: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(page["results"][0]["left_out"], 1);

    let held = std::fs::File::open(bench.path("r.jsonl")).expect("the results");
    held.lock().expect("nobody else has it");
    let page = page_of(&bench, "r.jsonl");
    assert_eq!(page["results"][0]["standing"], "going");
    assert_eq!(page["results"][0]["records"], 5);
    let ran = bench.line("report r.jsonl -o r.html -q");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(bench.read("r.html").contains("the run is still going"));
}

#[test]
fn what_cannot_be_told_of_results_leaves_no_file() {
    let bench = Bench::new().with_file("r.jsonl", &lines()).with_file("there.md", "mine");
    for (flags, code, part) in [
        ("nowhere.jsonl -o r.html", 3, "nowhere.jsonl does not exist"),
        ("r.jsonl -o r.html --target 99", 3, "--target 99: no record is of it"),
        ("r.jsonl -o r.html --sort 'max(price)'", 3, "--sort: 'max(price)' is no column"),
        ("r.jsonl -o r.xls", 3, "-o r.xls: the name does not say the form"),
        ("r.jsonl -o there.md", 3, "there.md exists and is not empty"),
        ("- -", 3, "standard input is named twice"),
    ] {
        let ran = bench.line(&format!("report {flags}"));
        assert_eq!(ran.code, code, "{flags}: {}", ran.stderr);
        assert!(ran.stderr.contains(part), "{flags}: {}", ran.stderr);
        assert!(!bench.path("r.html").exists(), "{flags}");
    }
    assert_eq!(bench.read("there.md"), "mine");
    let ran = bench.line("report r.jsonl");
    assert!(ran.stdout.starts_with("# r.jsonl\n"), "{}", ran.stdout);
}

/// Until so many records have been read back from the output of a run that goes on.
fn until_records(bench: &Bench, name: &str, count: u64) {
    until("enough records in a report", || {
        // Before its first commit there is nothing that could be read.
        let ran = bench.line(&format!("report {name} --format json -q"));
        let page: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
        let has_enough = page["results"][0]["records"].as_u64().unwrap_or_default() >= count;
        assert!(!has_enough || page["results"][0]["standing"] != "ended", "{page}");
        has_enough
    });
}

#[test]
fn the_report_of_a_run_that_went_on_is_of_the_whole_run() {
    for output in ["r.jsonl", "r.db", "r.csv", "r.parquet"] {
        let server = Server::start(Site { delay: Duration::from_millis(2), ..Site::default() });
        let list: String = (0..3_000).map(|n| server.url(&format!("/ok?n={n}\n"))).collect();
        let bench = Bench::new().with_file("urls.txt", &list);
        let args = ["-i", "urls.txt", "-c", "5", "-o", output, "-q"];
        let mut child = bench.command(&args).spawn().expect("it starts");
        until_records(&bench, output, 1_200);
        child.kill().expect("it was running");
        child.wait().expect("it is gone");

        // Killed, it is told so far, and that it did not end.
        let page = page_of(&bench, output);
        assert_eq!(page["results"][0]["standing"], "unfinished", "{output}");
        let on = format!("-i urls.txt -c 50 -o {output} --resume");
        let resumed = bench.line(&format!("{on} --report whole.json --summary s.json"));
        assert_eq!(resumed.code, 0, "{output}: {}", resumed.stderr);
        let summary: Value = serde_json::from_str(&bench.read("s.json")).expect("JSON");
        assert!(summary["done_before"].as_u64() > Some(0), "{output}: {summary}");
        let page: Value = serde_json::from_str(&bench.read("whole.json")).expect("JSON");
        assert_eq!(page["outcomes"]["ok"], 3_000, "{output}: {}", resumed.stderr);

        // Finished before, it is the same once more.
        let again = bench.line(&format!("{on} --report again.json"));
        assert_eq!(again.code, 0, "{output}: {}", again.stderr);
        let again: Value = serde_json::from_str(&bench.read("again.json")).expect("JSON");
        assert_eq!(again["outcomes"]["ok"], 3_000, "{output}");
        assert_eq!(page_of(&bench, output)["results"][0]["standing"], "ended", "{output}");
    }
}
