//! Rules over stored bodies: what a fetch with the same rules gives, from every form, without a request.

use std::fs;
use std::path::Path;

use gather_testkit::{Page, Server, Site};
use serde_json::Value;

use crate::bench::{Bench, Ran};

const RULES: &str = "each = \"css:.card\"\n\
                     [page]\ntitle = \"title\"\nnext = \"url:css:a.next@href\"\n\
                     [fields]\nname = \"css:h3 | required\"\nprice = \"price:css:b\"\n\
                     link = \"url:css:a@href\"\n";

/// Pages of every sort: listings, one in another encoding, one without a required field, one that
/// is compressed, redirects, and failures.
fn server() -> Server {
    let mut site = Site::default();
    for page in 0..200 {
        let cards: String = (0..page % 5)
            .map(|row| {
                format!("<li class=card><h3>{page} №{row}</h3><b>1.{row}99,00 €</b><a href={row}>")
            })
            .collect();
        let text = format!("<html lang=de><title>Page {page}</title>{cards}<a class=next href=?2>");
        site = site.page(&format!("/list/{page}"), Page::html(&text));
    }
    let mut old = Page::html("");
    old.headers[0].1 = "text/html; charset=windows-1252".into();
    old.body = b"<title>Caf\xe9</title><li class=card><h3>\x80 5</h3><b>5 \x80</b>".to_vec();
    let lacking = "<title>Lacking</title><li class=card><h3>A</h3><li class=card><b>5 €</b>";
    Server::start(site.page("/old", old).page("/lacking", Page::html(lacking)))
}

fn list(server: &Server) -> String {
    let others = ["/old", "/lacking", "/redirect-to?url=/list/4", "/status/404", "/ok?size=3000"];
    let lists = (0..200).map(|page| format!("/list/{page}"));
    let paths = lists.chain(others.map(str::to_owned));
    let lines: String = paths.map(|path| server.url(&path) + "\n").collect();
    lines + "not a url\n" + &server.url("/encoding/gzip?size=2000\n")
}

/// The lines of a file, by number, without what differs between two fetches.
fn told(bench: &Bench, name: &str) -> Vec<Value> {
    let mut all: Vec<Value> = bench
        .read(name)
        .lines()
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).expect("a line of JSON");
            let members = line.as_object_mut().expect("an object");
            members.retain(|name, _| {
                let differs = ["run", "started_at", "fetched_at", "sha256", "body_path"];
                !differs.contains(&&**name)
                    && !name.starts_with("time_")
                    && !name.starts_with("warc_")
            });
            line
        })
        .collect();
    all.sort_by_key(|line| (line["n"].as_u64(), line["row"].as_u64()));
    all
}

fn assert_code(ran: &Ran, code: i32, what: &str) {
    assert_eq!(ran.code, code, "{what}: {}{}", ran.stdout, ran.stderr);
}

#[test]
fn every_form_of_bodies_gives_what_a_fetch_with_the_rules_gives() {
    let server = server();
    let bench = Bench::new().with_file("urls.txt", &list(&server)).with_file("rules.toml", RULES);
    let fetch = "-i urls.txt --retries 0 -c 20 -q";
    let ran = bench.line(&format!("{fetch} -o ref.jsonl --rules rules.toml --rows ref-rows.jsonl"));
    assert_code(&ran, 2, "reference");
    let (records, rows) = (told(&bench, "ref.jsonl"), told(&bench, "ref-rows.jsonl"));
    assert!(records.len() == 207 && rows.len() == 405, "{} {}", records.len(), rows.len());

    // Found once with other rules, too: what they found is found anew.
    let other = "--extract 'x=css:.none | required'";
    for (outputs, input) in [
        ("-o a.jsonl -O pages".to_owned(), "a.jsonl"),
        (format!("-o again.jsonl -O pages {other}"), "again.jsonl"),
        ("-o p.warc.gz".to_owned(), "p.warc.gz"),
        ("-o q.warc".to_owned(), "q.warc"),
        ("-o q.jsonl -o q2.warc".to_owned(), "q.jsonl"),
        ("-o b.db --fields +body".to_owned(), "b.db"),
        ("-o c.jsonl --fields +body".to_owned(), "c.jsonl"),
        ("-o d.parquet -o d.csv -O pages".to_owned(), "d.parquet"),
        ("-o e.csv -O pages".to_owned(), "e.csv"),
    ] {
        assert_code(&bench.line(&format!("{fetch} {outputs}")), 2, input);
        let asked = server.hits();
        let line = format!("extract {input} --rules rules.toml --rows {input}-rows.jsonl -q");
        let ran = bench.line(&format!("{line} -o {input}-found.jsonl"));
        assert_code(&ran, 2, input);
        assert_eq!(server.hits(), asked, "{input}: no request is made");
        let found = told(&bench, &format!("{input}-found.jsonl"));
        for (is, wanted) in found.iter().zip(&records) {
            // A table repeats in each row what JSON lines leave out, and cannot tell null apart.
            assert_eq!(is, wanted, "{input}");
        }
        assert_eq!(found.len(), records.len(), "{input}");
        assert_eq!(told(&bench, &format!("{input}-rows.jsonl")), rows, "{input}");
    }

    // An archive of another make has no records beside its responses.
    let mut archive = fs::read(bench.path("q.warc")).expect("an archive");
    let (ours, others) = (b"software: gather/", b"software: others/");
    let at =
        archive.windows(ours.len()).position(|part| part == ours).expect("it says who wrote it");
    archive[at..at + ours.len()].copy_from_slice(others);
    fs::write(bench.path("other.warc"), archive).expect("written");
    let ran = bench.line("extract other.warc --rules rules.toml --rows o.jsonl -o o.db -q");
    assert_code(&ran, 2, "other.warc");
    let fields = |name: &str| -> Vec<String> {
        let mut all: Vec<String> =
            told(&bench, name).iter().map(|row| row["fields"].to_string()).collect();
        all.sort_unstable();
        all
    };
    assert_eq!(fields("o.jsonl"), fields("ref-rows.jsonl"));
    let exported = bench.line("export p.warc.gz -o -");
    assert_eq!(exported.stdout.lines().count(), records.len(), "{}", exported.stderr);

    // In every form of output, too.
    let ran = bench.line("extract a.jsonl --rules rules.toml -o x.db -o x.parquet --rows x.csv -q");
    assert_code(&ran, 2, "forms");
    let verified = bench.line("verify x.db");
    assert_code(&verified, 0, "verify");
    assert_eq!(bench.read("x.csv").lines().count(), 1 + rows.len());
}

#[test]
fn bodies_are_found_where_they_were_moved_to_and_what_is_gone_is_told() {
    let server = server();
    let list = list(&server);
    let bench = Bench::new().with_file("urls.txt", &list).with_file("rules.toml", RULES);
    let ran = bench.line("-i urls.txt --retries 0 -o a.jsonl -O pages -o p.warc.gz -q");
    assert_code(&ran, 2, "fetch");
    let found = |line: &str| {
        bench.line(&format!("extract {line} --rules rules.toml --rows - -o f.jsonl --overwrite"))
    };
    let all = found("a.jsonl").stdout.lines().count();
    assert_eq!(all, 405);
    // From another directory.
    fs::create_dir(bench.path("kept")).expect("made");
    let moved = |name: &str, to: &str| fs::rename(bench.path(name), bench.path(to)).expect("moved");
    for name in ["a.jsonl", "pages", "p.warc.gz"] {
        moved(name, &format!("kept/{name}"));
    }
    for line in ["kept/a.jsonl", "kept/p.warc.gz", "kept/a.jsonl -O kept/pages"] {
        let ran = found(line);
        assert_eq!(ran.stdout.lines().count(), all, "{line}: {}", ran.stderr);
    }
    moved("kept/pages", "bodies");
    fs::remove_file(bench.path("kept/p.warc.gz")).expect("it was there");
    assert_eq!(found("kept/a.jsonl -O bodies").stdout.lines().count(), all);
    let ran = found("kept/a.jsonl");
    assert_code(&ran, 2, "gone");
    assert!(ran.stderr.contains("extract.failed"), "{}", ran.stderr);
    assert!(ran.stderr.contains("the body is not in pages/"), "{}", ran.stderr);
    assert!(ran.stderr.contains("more failures are only counted"), "{}", ran.stderr);
    // A body that was changed is not taken for the one that was fetched.
    damage(&bench.path("bodies"));
    let ran = found("kept/a.jsonl -O bodies");
    assert!(ran.stderr.contains("holds another body by now"), "{}", ran.stderr);
}

/// Changes a byte of every file.
fn damage(dir: &Path) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            damage(&path);
            continue;
        }
        let mut body = fs::read(&path).expect("a body");
        if let Some(byte) = body.first_mut() {
            *byte ^= 1;
        }
        fs::write(&path, body).expect("written");
    }
}

#[test]
fn what_cannot_be_extracted_says_so() {
    let server = server();
    let bench = Bench::new()
        .with_file("urls.txt", &list(&server))
        .with_file("saved.html", "<title>Saved</title><a href=/b>")
        .with_file("there.jsonl", "mine\n")
        .with_file("rules.toml", RULES);
    let ran = bench.line("-i urls.txt --retries 0 -o a.jsonl -o t.parquet -q");
    assert_code(&ran, 2, "fetch");
    let cases = [
        (
            "a.jsonl --extract t=title",
            "the records of a.jsonl have no bodies\nhint: fetch with -O DIR",
        ),
        ("t.parquet --extract t=title -o r.db", "the records of t.parquet have no bodies"),
        ("a.jsonl", "nothing is looked for"),
        ("none.jsonl --extract t=title", "none.jsonl does not exist"),
        ("a.jsonl --extract t=header:etag", "a rule looks at headers, and the records of a.jsonl"),
        ("a.jsonl --extract t=title --url http://a.example/", "no saved page is named"),
        ("a.jsonl --rules rules.toml --rows -", "--rows and --output are the same"),
        ("a.jsonl --extract t=title -o a.jsonl", "a.jsonl is an input and an output"),
        ("saved.html --extract t=title -o there.jsonl", "there.jsonl exists and is not empty"),
        ("saved.html --extract 't=css:a['", "--extract: rule 't':"),
    ];
    for (line, told) in cases {
        let ran = bench.line(&format!("extract {line}"));
        assert_code(&ran, 3, line);
        assert!(ran.stderr.contains(told), "{line}: {}", ran.stderr);
    }
    assert!(!bench.path("r.db").exists(), "nothing is made in vain");
    let line =
        "extract saved.html --url https://a.example/x --extract t=title --extract l=links -q";
    let ran = bench.line(&format!("{line} --fields fields"));
    assert_eq!(ran.stdout, "{\"fields\":{\"t\":\"Saved\",\"l\":[\"https://a.example/b\"]}}\n");
    // A closed reader is no fault.
    assert_code(&bench.line("extract saved.html --extract t=title -o /dev/null -q"), 0, "device");
}
