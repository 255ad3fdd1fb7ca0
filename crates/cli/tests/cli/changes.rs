//! What changed between runs: of databases, of files, of rows; in every form.

use serde_json::Value;

use crate::bench::{Bench, Ran};

/// Results of one run: a price or a kind of failure for each target.
fn results(day: u64, prices: &[(&str, &str)]) -> String {
    let line = |(n, (path, price)): (usize, &(&str, &str))| {
        let url = format!("https://shop.example/{path}");
        let end = match price.strip_prefix('!') {
            Some(kind) => format!(
                r#""outcome":"failed","error":{{"kind":"{kind}","message":"m","retryable":true}}"#
            ),
            None => format!(
                r#""outcome":"ok","status_code":200,"fields":{{"price":{price},"sku":"S-{path}"}}"#
            ),
        };
        format!(
            r#"{{"n":{n},"input":"{url}","url":"{url}","attempts":1,"started_at":"2026-11-{day:02}T10:00:00.000Z",{end}}}"#
        ) + "\n"
    };
    prices.iter().enumerate().map(line).collect()
}

/// Three runs, as files and as runs of one database.
fn bench() -> Bench {
    let runs = [
        results(1, &[("a", "\"10.00\""), ("b", "\"5\""), ("c", "\"1\""), ("d", "\"2\"")]),
        results(2, &[("a", "\"8.00\""), ("b", "!timeout.connect"), ("c", "null"), ("d", "\"2\"")]),
        results(3, &[("a", "\"8.00\""), ("b", "\"6\""), ("c", "\"1\""), ("e", "\"3\"")]),
    ];
    let bench = Bench::new();
    for (at, text) in runs.iter().enumerate() {
        std::fs::write(bench.path(format!("{at}.jsonl")), text).expect("written");
        let ran = bench.line(&format!("export {at}.jsonl -o runs.db -q"));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    bench
}

/// `changed a 10.00>8.00 -20`, one after the other.
fn told(ran: &Ran) -> String {
    let line = |line: &str| {
        let change: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let text = |name: &str| change[name].as_str().unwrap_or("-").to_owned();
        let path = text("url").replace("https://shop.example/", "");
        let mut told = format!("{} {path}", text("kind"));
        if !change["before"].is_null() {
            told += &format!(" {}>{}", text("before"), text("after"));
        }
        if let Some(percent) = change["percent"].as_f64() {
            told += &format!(" {percent}");
        }
        told
    };
    ran.stdout.lines().map(line).collect::<Vec<_>>().join("; ")
}

const FIRST: &str = "changed a 10.00>8.00 -20; status b 200>timeout.connect; lost c 1>-";
const LAST: &str =
    "status b timeout.connect>200; changed b 5>6 20; found c 1>1; added e; removed d";

#[test]
fn runs_of_a_database_are_compared() {
    let bench = bench();
    let all = bench.line("changes runs.db --since 1h");
    assert_eq!(told(&all), format!("{FIRST}; {LAST}"), "{}", all.stderr);
    let ids: Vec<String> = {
        let page: Vec<Value> =
            all.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let id = |name: &str, at: usize| page[at][name].as_str().expect("a run").to_owned();
        vec![id("before_run", 0), id("run", 0), id("run", 3)]
    };
    let check = |flags: &str, expected: &str| {
        let ran = bench.line(&format!("changes runs.db {flags}"));
        assert_eq!((ran.code, told(&ran).as_str()), (0, expected), "{flags}: {}", ran.stderr);
    };
    check("", LAST);
    check(&format!("--run {}", ids[2]), LAST);
    check(&format!("--run {}", ids[1]), FIRST);
    let pair = "changed a 10.00>8.00 -20; changed b 5>6 20; added e; removed d";
    check(&format!("--run {} --with {}", ids[0], ids[2]), pair);
    check("--only lost,added --since 1h", "lost c 1>-; added e");
    check("--fields sku", "status b timeout.connect>200; added e; removed d");
    check("--key sku --only changed", "changed b 5>6 20");
    let ran = bench.line("changes runs.db --since 2026-01-01 --exit-code");
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let line = "8 changes among 5 targets: 2 changed, 1 lost, 1 found, 2 status, 1 added, 1 removed; \
                2 values for the first time";
    assert!(ran.stderr.contains(line), "{}", ran.stderr);
}

#[test]
fn files_are_compared_in_the_order_they_are_named() {
    let bench = bench();
    let check = |flags: &str, expected: &str| {
        let ran = bench.line(&format!("changes {flags}"));
        assert_eq!((ran.code, told(&ran).as_str()), (0, expected), "{flags}: {}", ran.stderr);
    };
    check("0.jsonl 1.jsonl", FIRST);
    check("0.jsonl 1.jsonl 2.jsonl", &format!("{FIRST}; {LAST}"));
    check("0.jsonl 0.jsonl", "");
    assert_eq!(bench.line("export 1.jsonl -o 1.parquet -q").code, 0);
    assert_eq!(bench.line("export 0.jsonl -o 0.csv -q").code, 0);
    check("0.csv 1.parquet", FIRST);
    // Rows of a listing, which know no outcome: by their place, or by what tells them apart.
    let rows = |first: &str, second: &str| {
        format!(
            "run,n,row,url,fetched_at,sku,price\nr,0,1,https://shop.example/l,,{first}\n\
                 r,0,2,https://shop.example/l,,{second}\n"
        )
    };
    let bench = bench.with_file("rows0.csv", &rows("L1,10", "L2,20"));
    let bench = bench.with_file("rows1.csv", &rows("L2,18", "L3,30"));
    let ran = bench.line("changes rows0.csv rows1.csv --key sku");
    assert_eq!(told(&ran), "changed l 20>18 -10; added l; removed l", "{}", ran.stderr);
    assert!(ran.stdout.contains("\"key\":\"L2\""), "{}", ran.stdout);
}

#[test]
fn a_run_that_did_not_end_removes_nothing() {
    let bench = bench();
    let held = std::fs::File::open(bench.path("2.jsonl")).expect("the results");
    held.lock().expect("nobody else has it");
    let ran = bench.line("changes 1.jsonl 2.jsonl");
    assert_eq!(told(&ran), "status b timeout.connect>200; added e", "{}", ran.stderr);
    assert!(ran.stderr.contains("2.jsonl is still going"), "{}", ran.stderr);
}

#[test]
fn changes_are_written_in_every_form() {
    let bench = bench();
    for (name, part) in [
        ("c.jsonl", "{\"kind\":\"status\""),
        ("c.csv", "kind,field,before,after,delta,percent,diff,n,row,url,"),
        ("c.html", "<h1>Week</h1>"),
        ("c.md", "| changed | +20% | price | 5 | 6 | https://shop.example/b |"),
        ("c.txt", "changed       +20%  price         5 → 6"),
    ] {
        let ran = bench.line(&format!("changes runs.db -o {name} --title Week"));
        assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{name}: {}", ran.stderr);
        assert!(bench.read(name).contains(part), "{name}: {}", bench.read(name));
        let again = bench.line(&format!("changes runs.db -o {name}"));
        assert_eq!(again.code, 3, "{name}: {}", again.stderr);
        assert!(again.stderr.contains("exists and is not empty"), "{name}: {}", again.stderr);
    }
    let ran = bench.line("changes runs.db -o c.md --overwrite");
    assert!(ran.code == 0 && bench.read("c.md").starts_with("# Changes\n"), "{}", ran.stderr);
}

#[test]
fn what_cannot_be_compared_says_why() {
    let bench = bench();
    assert_eq!(bench.line("export 0.jsonl -o one.db -q").code, 0);
    for (flags, part) in [
        ("0.jsonl", "one result has nothing to be compared with"),
        ("one.db", "there is one run, and nothing to compare it with"),
        ("runs.db --run nope", "there is no run nope"),
        ("runs.db --job prices", "there is no run of job prices"),
        ("runs.db --since 2999-01-01", "there is no run since then"),
        ("runs.db --since sometime", "'sometime' is no moment"),
        ("0.jsonl 1.jsonl --since 1h", "runs are chosen of one database"),
        ("nowhere.db", "nowhere.db does not exist"),
        ("runs.db --only new", "'new' is no kind of change"),
        ("runs.db -o c.xls", "the name does not say the form"),
    ] {
        let ran = bench.line(&format!("changes {flags}"));
        assert_eq!(ran.code, 3, "{flags}: {}", ran.stderr);
        assert!(ran.stderr.contains(part), "{flags}: {}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{flags}: {}", ran.stderr);
    }
}
