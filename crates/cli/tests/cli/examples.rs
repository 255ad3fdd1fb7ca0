//! The examples of the repository, run as their pages say, against the demo's site.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Child;

use serde_json::Value;

use crate::bench::{Bench, until};

/// The port that the examples name.
const PORT: &str = ":8099";
/// Pages that are fetched of the 3,000.
const PAGES: usize = 1_000;

/// The demo's site, on a free port.
struct Site {
    process: Child,
    port: String,
}

impl Site {
    fn start(bench: &Bench) -> Self {
        let mut process = bench.command(&["demo", "--serve"]).spawn().expect("it starts");
        let mut first = String::new();
        let listed = process.stdout.as_mut().expect("its output is caught");
        BufReader::new(listed).read_line(&mut first).expect("a list of URLs");
        let port = first.split([':', '/']).nth(4).expect("a URL with a port").to_owned();
        Self { process, port: format!(":{port}") }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.process.kill().expect("it was running");
        self.process.wait().expect("it is gone");
    }
}

/// A bench with the files of an example, which fetch from this site.
fn example(name: &str) -> (Bench, Site) {
    let bench = Bench::new();
    let site = Site::start(&bench);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
    for file in fs::read_dir(folder).expect("the example is there") {
        let path = file.expect("a file").path();
        let text = fs::read_to_string(&path).expect("text");
        let name = path.file_name().expect("a name");
        fs::write(
            bench.path(name),
            text.replace(PORT, &site.port).replace("..3000}", &format!("..{PAGES}}}")),
        )
        .expect("written");
    }
    (bench, site)
}

/// The rows of JSON lines, as the generator writes them: each as one text.
fn rows(bench: &Bench, name: &str) -> Vec<String> {
    let mut rows: Vec<(u64, u64, String)> = bench
        .read(name)
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).expect("a row");
            let fields = &line["fields"];
            let (n, row) = (line["n"].as_u64().expect("n"), line["row"].as_u64().expect("row"));
            let link = fields["link"].as_str().expect("a link");
            let path = &link[link.find("/offer/").expect("of an offer")..];
            let made = format!(
                "{{\"page\":{},\"row\":{row},\"sku\":{},\"name\":{},\"price\":{},\"currency\":{},\
                 \"was\":{},\"rating\":{},\"stock\":{},\"path\":{}}}",
                n + 1,
                fields["sku"],
                fields["name"],
                fields["price"],
                fields["currency"],
                fields["was"],
                fields["rating"],
                fields["stock"],
                Value::from(path),
            );
            (n, row, made)
        })
        .collect();
    rows.sort_unstable();
    rows.into_iter().map(|(.., made)| made).collect()
}

fn assert_equal(found: &[String], made: &str, what: &str) {
    let made: Vec<&str> = made.lines().collect();
    if let Some((is, wanted)) = found.iter().zip(&made).find(|(is, wanted)| is != wanted) {
        panic!("{what}: {is} should be {wanted}");
    }
    assert_eq!(found.len(), made.len(), "{what}: rows");
}

#[test]
fn the_shop_is_scraped_killed_and_searched_again() {
    let (bench, _site) = example("shop");
    let made = bench.line(&format!("demo --market {PAGES}")).stdout;
    let words = ["run", "shop", "-q", "--rows", "rows.jsonl", "-o", "shop.db"];
    let written = || fs::metadata(bench.path("rows.jsonl")).map_or(0, |about| about.len());
    for kill in 1..=2_u64 {
        let resume = ["--resume"];
        let words = [&words[..], &resume[..usize::from(kill > 1)]].concat();
        let mut child = bench.command(&words).spawn().expect("it starts");
        // A row takes some 330 bytes, and a page has ten.
        until("enough rows", || written() > kill * PAGES as u64 * 1_000);
        child.kill().expect("it was running");
        child.wait().expect("it is gone");
    }
    let ran = bench.line(&format!("{} --resume", words.join(" ")));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_equal(&rows(&bench, "rows.jsonl"), &made, "rows");
    assert!(bench.path("shop.html").exists());
    let verified = bench.line("verify shop.db");
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);

    let again = "extract shop.db --rules rules.toml -o found.jsonl --rows again.jsonl -q";
    let ran = bench.line(again);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_equal(&rows(&bench, "again.jsonl"), &made, "extracted again");
    assert_eq!(bench.read("found.jsonl").lines().count(), PAGES);
}

#[test]
fn fifty_apis_are_reported_by_one_command() {
    let (bench, _site) = example("apis");
    let ran = bench.line("run apis --report offers.json");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report: Value = serde_json::from_str(&bench.read("offers.json")).expect("a report");
    let groups = report.to_string();
    for partner in 1..=10 {
        assert!(groups.contains(&format!("\"partner-{partner}\"")), "{partner}");
    }
    let offers = bench.read("offers.jsonl");
    let priced = offers.lines().filter(|line| line.contains("\"price\":\""));
    assert_eq!(priced.count(), 50);
    assert!(ran.stderr.contains("50 peak"), "all at once: {}", ran.stderr);
}
