//! Fields and rows of pages, by flags, by a file of rules and by a job.

use std::fs;
use std::time::Duration;

use gather_testkit::{Page, Server, Site};
use serde_json::{Value, json};

use crate::bench::{Bench, until};

const PAGE: &str = "<title>Lamps</title><li class=card><h3>A</h3><b>1.299,00 €</b>\
                    <li class=card><h3>B</h3><b>ab 5 €</b>";

fn server() -> Server {
    let mut api = Page::html(r#"{"items":[{"n":"x","p":1.5},{"n":"y"}]}"#);
    api.headers[0].1 = "application/json".into();
    Server::start(Site::default().page("/list", Page::html(PAGE)).page("/api", api))
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

#[test]
fn fields_are_members_of_the_record() {
    let server = server();
    let bench = Bench::new();
    let url = server.url("/list");
    let line = format!("{url} --extract t=title --extract 'price=price:css:b' --format jsonl");
    let ran = bench.line(&line);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let wanted = json!({ "t": "Lamps", "price": "1299.00", "currency": "EUR" });
    assert_eq!(lines(&ran.stdout)[0]["fields"], wanted);

    let ran = bench.line(&format!("{url} --extract 'x=int:css:h3 | required' --format jsonl"));
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let record = &lines(&ran.stdout)[0];
    assert_eq!(record["status_code"], 200);
    assert_eq!(record["error"]["kind"], "extract.failed");
    let message = "rule 'x' found \"A\", which is no whole number";
    assert_eq!(record["error"]["message"], message);

    let api = server.url("/api");
    let ran = bench.line(&format!("{api} --extract 'p=json:$.items[0].p' --fields fields.p"));
    assert_eq!(ran.stdout, "{\"fields\":{\"p\":\"1.5\"}}\n", "{}", ran.stderr);
}

#[test]
fn rows_have_a_file_of_their_own() {
    let server = server();
    let rules = "each = \"css:.card\"\n[page]\ntitle = \"title\"\n[fields]\nname = \"css:h3\"\n\
                 cost = { find = [\"css:i\", \"css:b\"], type = \"price\", required = true }\n";
    let job = "[job.shop]\nurl = \"URL\"\neach = \"css:.card\"\nrows = \"job.csv\"\n\
               [job.shop.extract]\nz = \"css:h3\"\na = { find = \"css:b\", steps = [\"replace ab ''\"] }\n";
    let bench = Bench::new()
        .with_file("rules.toml", rules)
        .with_file("gather.toml", &job.replace("URL", &server.url("/list")));
    let url = server.url("/list");

    let ran = bench.line(&format!("{url} --rules rules.toml --rows rows.jsonl --format jsonl"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(lines(&ran.stdout)[0]["fields"], json!({ "title": "Lamps" }));
    let rows = lines(&bench.read("rows.jsonl"));
    let fields: Vec<_> = rows.iter().map(|row| row["fields"].clone()).collect();
    assert_eq!(
        fields,
        [
            json!({ "name": "A", "cost": "1299.00", "cost_currency": "EUR" }),
            json!({ "name": "B", "cost": "5", "cost_currency": "EUR", "cost_from": true }),
        ]
    );
    assert_eq!(
        (&rows[1]["n"], &rows[1]["row"], &rows[1]["url"]),
        (&json!(0), &json!(2), &json!(url))
    );

    // The columns stand in the order of the job's rules.
    let ran = bench.line("run shop");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let table = bench.read("job.csv");
    let cells: Vec<_> = table.lines().map(|line| line.splitn(6, ',').nth(5).unwrap()).collect();
    assert_eq!(cells, ["z,a", "A,\"1.299,00 €\"", "B, 5 €"]);

    let api = server.url("/api");
    let line =
        "--each 'json:$.items[*]' --extract n=json:$.n --extract p=json:$.p --rows - -o r.jsonl";
    let ran = bench.line(&format!("{api} {line}"));
    let fields: Vec<_> = lines(&ran.stdout).iter().map(|row| row["fields"].clone()).collect();
    assert_eq!(fields, [json!({ "n": "x", "p": "1.5" }), json!({ "n": "y", "p": null })]);
}

#[test]
fn what_cannot_be_looked_for_is_refused_before_anything_is_fetched() {
    let server = server();
    let bench = Bench::new()
        .with_file("bad.toml", "[fields]\nname = \"css:h3[\"\n")
        .with_file("typo.toml", "[fields]\nname = { fnd = \"css:h3\" }\n")
        .with_file("there.jsonl", "mine\n");
    let url = server.url("/list");
    let cases = [
        ("--extract css:h1", "'css:h1': it has no name", "write NAME=css:h1"),
        ("--extract x=xpath://a", "rule 'x': there is no kind of rule 'xpath'", "css:SELECTOR"),
        ("--extract 'x=css:a::attr(href)'", "there is no ::attr(href) at column 6", "css:a@href"),
        ("--extract 'x={\"fnd\": 1}'", "rule 'x': unknown field `fnd`", "a table has find"),
        ("--rules bad.toml", "bad.toml: rule 'name': it ends too early", "CSS Selectors 4"),
        ("--rules typo.toml", "typo.toml:2:10: unknown field `fnd`", "[fields]"),
        ("--rules none.toml", "cannot read none.toml", "TOML"),
        ("--each css:li --rows r.jsonl", "--each: nothing is looked for", "--extract"),
        ("--extract x=title --rows r.jsonl", "--rows: nothing gives rows", "--each"),
        ("--extract x=title --each css:li", "--each: the rows go nowhere", "--rows FILE"),
        ("--extract x=title --each css:li --rows r.txt", "the name does not say a format", ".csv"),
        ("--extract x=title --each css:li --rows r.db", "a database holds rows", "write -o r.db"),
        ("--extract x=title -I", "--head and --extract contradict", "leave -I out"),
        (
            "--extract x=css:b --each css:li --rows there.jsonl",
            "there.jsonl exists and is not empty",
            "",
        ),
    ];
    for (flags, message, hint) in cases {
        let ran = bench.line(&format!("{url} {flags}"));
        assert_eq!(ran.code, 3, "{flags}: {}", ran.stderr);
        assert!(ran.stderr.contains(message), "{flags}: {}", ran.stderr);
        assert!(ran.stderr.contains(hint), "{flags}: {}", ran.stderr);
    }
    assert_eq!(server.hits(), 0);
}

/// Pages that take a moment each, with three rows in each.
fn slow_lists(count: usize) -> Server {
    let mut site = Site { delay: Duration::from_millis(2), ..Site::default() };
    for page in 0..count {
        let cards: String =
            (0..3).map(|row| format!("<li class=card><h3>{page}/{row}</h3>")).collect();
        site = site.page(&format!("/list/{page}"), Page::html(&cards));
    }
    Server::start(site)
}

#[test]
fn a_killed_run_goes_on_with_its_rows() {
    const PAGES: usize = 3_000;
    let server = slow_lists(PAGES);
    let list: String = (0..PAGES).map(|n| server.url(&format!("/list/{n}\n"))).collect();
    let rules = "each = \"css:.card\"\n[fields]\nname = \"css:h3 | required\"\n";
    for rows in ["rows.jsonl", "rows.csv"] {
        let bench = Bench::new().with_file("urls.txt", &list).with_file("rules.toml", rules);
        let line = format!("-i urls.txt -c 20 -o r.jsonl --rules rules.toml --rows {rows} -q");
        let words: Vec<&str> = line.split(' ').collect();
        let mut child = bench.command(&words).spawn().expect("it starts");
        let enough = || bench.path(rows).metadata().is_ok_and(|about| about.len() > 400_000);
        until("enough rows", enough);
        child.kill().expect("it was running");
        child.wait().expect("it is gone");

        // What is committed is right, and rules that are others are not gone on with.
        let verified = bench.line("verify r.jsonl");
        assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
        assert!(verified.stdout.contains("pages, each whole"), "{}", verified.stdout);
        fs::write(bench.path("rules.toml"), format!("{rules}more = \"css:i\"\n")).expect("written");
        let refused = bench.line(&format!("{line} --resume"));
        assert_eq!(refused.code, 3, "{}", refused.stderr);
        assert!(refused.stderr.contains("rules has changed"), "{}", refused.stderr);
        let form = bench.line(&format!("{line} --resume-changed"));
        match rows {
            // A table has its columns already.
            "rows.csv" => assert!(form.stderr.contains("columns of rows was"), "{}", form.stderr),
            _ => assert_eq!(form.code, 0, "{}", form.stderr),
        }
        fs::write(bench.path("rules.toml"), rules).expect("written");
        let resumed = bench.line(&format!("{line} --resume"));
        assert_eq!(resumed.code, 0, "{}", resumed.stderr);

        let verified = bench.line("verify r.jsonl -i urls.txt");
        assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
        let found = bench.read(rows);
        let mut names: Vec<String> = match rows {
            "rows.csv" => found.lines().skip(1).map(|line| last_cell(line).to_owned()).collect(),
            _ => lines(&found).iter().map(|row| text(&row["fields"]["name"])).collect(),
        };
        names.sort_unstable();
        let mut made: Vec<String> =
            (0..PAGES).flat_map(|page| (0..3).map(move |row| format!("{page}/{row}"))).collect();
        made.sort_unstable();
        assert!(names == made, "{rows}: {} rows of {}", names.len(), made.len());

        // Planted faults are named.
        let mut torn: Vec<&str> = found.lines().collect();
        torn.remove(torn.len() / 2 / 3 * 3 + 1);
        fs::write(bench.path(rows), torn.join("\n") + "\n").expect("written");
        let verified = bench.line("verify r.jsonl");
        assert_eq!(verified.code, 1, "{}", verified.stdout);
        let told = "the rows of a page are not counted without a gap";
        assert!(verified.stdout.contains(told), "{}", verified.stdout);
        assert!(verified.stdout.contains("shorter than what was committed"), "{}", verified.stdout);
    }
}

fn last_cell(line: &str) -> &str {
    line.rsplit(',').next().expect("cells")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[test]
fn every_form_of_output_has_the_rows() {
    let server = server();
    let rules = "each = \"css:.card\"\n[fields]\nname = \"css:h3\"\nprice = \"price:css:b\"\n";
    let bench = Bench::new().with_file("rules.toml", rules);
    let url = server.url("/list");
    for rows in ["rows.parquet", "rows.xlsx", "rows.jsonl"] {
        let ran = bench.line(&format!("{url} --rules rules.toml --rows {rows} -o {rows}.db -q"));
        assert_eq!(ran.code, 0, "{rows}: {}", ran.stderr);
        let select = "SELECT n, row, url, name, CAST(price * 100 AS int), currency FROM result_row \
                      WHERE fetched_at IS NOT NULL ORDER BY n, row";
        let wanted = format!("0|1|{url}|A|129900|EUR\n0|2|{url}|B|500|EUR\n");
        assert_eq!(sqlite(&bench, &format!("{rows}.db"), select), wanted);
        let verified = bench.line(&format!("verify {rows}.db"));
        assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
        sqlite(&bench, &format!("{rows}.db"), "DELETE FROM result_row WHERE row = 1");
        let verified = bench.line(&format!("verify {rows}.db"));
        let told = "table result_row (n 0): the rows of a page are not counted without a gap";
        assert_eq!(verified.code, 1, "{}", verified.stdout);
        assert!(verified.stdout.contains(told), "{}", verified.stdout);
    }
    let ran = bench.line("export rows.parquet -o - --format jsonl");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let found: Vec<_> = lines(&ran.stdout)
        .into_iter()
        .map(|line| {
            let name = |name: &str| line[name].clone();
            [name("n"), name("row"), name("url"), name("name"), name("price"), name("currency")]
        })
        .collect();
    let wanted = [
        [json!(0), json!(1), json!(url), json!("A"), json!("1299.00"), json!("EUR")],
        [json!(0), json!(2), json!(url), json!("B"), json!("5.00"), json!("EUR")],
    ];
    assert_eq!(found, wanted);
    assert!(bench.path("rows.xlsx").metadata().is_ok_and(|about| about.len() > 2_000));
}

/// What `sqlite3` answers.
fn sqlite(bench: &Bench, file: &str, select: &str) -> String {
    let asked = std::process::Command::new("sqlite3").arg(bench.path(file)).arg(select).output();
    let asked = asked.expect("sqlite3 is installed");
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    String::from_utf8(asked.stdout).expect("text")
}
