//! `gather verify` on real runs: clean ones pass, and whatever is planted is named.

use std::fs;
use std::path::PathBuf;

use gather_testkit::{Server, Site};
use serde_json::Value;

use crate::bench::{Bench, Ran};

/// Inputs of every sort: answers, failures, redirects, duplicates, and lines that are no URL.
fn list(server: &Server) -> Vec<u8> {
    let address = server.url("/").replace("http://", "").replace('/', "");
    let mut list = Vec::new();
    let mut line = |text: &[u8]| {
        list.extend_from_slice(text);
        list.push(b'\n');
    };
    line(b"# the list of a test");
    for path in ["/ok", "/status/404", "/ok?size=3000", "/redirect/2", "/ok", "/json/price/ACME"] {
        line(server.url(path).as_bytes());
    }
    line(b"");
    line(b"not a url");
    line(b"  http://no such host/ \r");
    line(b"\xff\xfe\xfd http://x/");
    line(format!("  {address}/ok?bare \r").as_bytes());
    line(format!("http://me:secret@{address}/ok?who").as_bytes());
    line(format!("me:secret@{address}/ok?who").as_bytes());
    line(b"ftp://a.example/");
    line(format!("http://{address}/{}", "x".repeat(9_000)).as_bytes());
    line("é".repeat(40_000).as_bytes());
    line(b"=1+1");
    line(server.url("/cut?at=80&size=1024").as_bytes());
    // Without an end.
    list.extend_from_slice(server.url("/ok?size=1").as_bytes());
    list
}

/// How many inputs [`list`] has.
const INPUTS: u64 = 18;

struct Planted {
    bench: Bench,
    _server: Server,
}

/// A bench with a run whose outputs are `r.jsonl`, `r.csv` and the directory `pages`.
fn run() -> Planted {
    let server = Server::start(Site::default());
    let bench = Bench::new();
    fs::write(bench.path("urls.txt"), list(&server)).expect("written");
    let ran = bench.line("-i urls.txt -o r.jsonl -o r.csv -O pages --retries 0 --scheme http");
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    Planted { bench, _server: server }
}

impl Planted {
    fn verify(&self, line: &str) -> Ran {
        self.bench.line(&format!("verify {line}"))
    }

    /// The lines of a file, each with its end.
    fn lines(&self, name: &str) -> Vec<String> {
        self.bench.read(name).split_inclusive('\n').map(str::to_owned).collect()
    }

    fn edit(&self, name: &str, edit: impl FnOnce(&mut Vec<String>)) {
        let mut lines = self.lines(name);
        edit(&mut lines);
        fs::write(self.bench.path(name), lines.concat()).expect("written");
    }

    /// Which body the record with this number has.
    fn body(&self, n: u64) -> PathBuf {
        let lines = self.lines("r.jsonl");
        let record: Value = serde_json::from_str(&lines[at(&lines, n)]).expect("a record");
        self.bench.path(record["body_path"].as_str().expect("a body"))
    }
}

/// Which line holds the record with this number.
fn at(lines: &[String], n: u64) -> usize {
    let is = |line: &String| {
        line.starts_with(&format!("{{\"n\":{n},")) || line.starts_with(&format!("{n},"))
    };
    lines.iter().position(is).unwrap_or_else(|| panic!("no record {n}"))
}

#[test]
fn a_clean_run_is_right() {
    let planted = run();
    let all = "r.jsonl r.csv -i urls.txt -O pages";
    for line in [all, "r.jsonl -i urls.txt", "r.csv -i urls.txt", "r.csv r.jsonl", "r.jsonl"] {
        let ran = planted.verify(line);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{line}\n{}", ran.stdout);
        assert!(!ran.stdout.contains("FAULT") && !ran.stdout.contains("secret"), "{}", ran.stdout);
    }
    let ran = planted.verify(&format!("{all} --format json"));
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(report["inputs"], INPUTS, "{report}");
    let checks = report["checks"].as_array().expect("checks");
    let names: Vec<&str> = checks.iter().filter_map(|check| check["what"].as_str()).collect();
    let each = ["whole", "once", "inputs", "counts", "bodies"];
    assert_eq!(names, [&each[..], &each[..], &["agree"]].concat());
    assert!(checks.iter().all(|check| check["examined"].as_u64() > Some(0)), "{report}");
}

/// Plants a fault in a file of a run.
type Plant = fn(&mut Vec<String>);

#[test]
fn a_fault_of_a_record_is_named_in_every_form() {
    let swap_numbers: Plant = |lines| {
        let (a, b) = (at(lines, 0), at(lines, 2));
        let (first, second) = (lines[a].replacen('0', "2", 1), lines[b].replacen('2', "0", 1));
        (lines[a], lines[b]) = (first, second);
    };
    let cases: &[(&str, Plant, &[&str])] = &[
        (
            "dropped",
            |lines| drop(lines.remove(at(lines, 3))),
            &[
                "urls.txt line 5 (n 3): the input has no record; expected a record of http://",
                "there are not as many records as inputs; expected 18, found 17",
            ],
        ),
        (
            "the last one dropped",
            |lines| drop(lines.remove(at(lines, 17))),
            &["urls.txt line 20 (n 17): the input has no record"],
        ),
        (
            "doubled",
            |lines| lines.push(lines[at(lines, 3)].clone()),
            &[
                "n 3: the input has 2 records, at line ",
                "there are not as many records as inputs; expected 18, found 19",
            ],
        ),
        (
            "its tail torn",
            |lines| {
                let last = lines.last_mut().expect("a line");
                last.truncate(last.len() - 6);
            },
            &["the file ends", "line 1"],
        ),
        (
            "its line end torn",
            |lines| {
                lines.last_mut().expect("a line").pop();
            },
            &["the file ends without the end of this "],
        ),
        (
            "torn amid",
            |lines| {
                let at = at(lines, 2);
                lines[at].truncate(30);
            },
            &["(n 2): the input has no record", "FAULT  r."],
        ),
        (
            "its numbers swapped",
            swap_numbers,
            &[
                "(n 0): the record is of another input than urls.txt line 2; expected http://",
                "(n 2): the record is of another input than urls.txt line 4; expected http://",
                "/ok?size=3000, found http://",
            ],
        ),
        (
            "its number changed",
            |lines| {
                let at = at(lines, 3);
                lines[at] = lines[at].replacen('3', "18", 1);
            },
            &["(n 18): there is no input of this number", "(n 3): the input has no record"],
        ),
        (
            "of another run",
            |lines| {
                let at = at(lines, 0);
                lines[at] = lines[at].replace("/ok", "/other");
            },
            &["(n 0): the record is of another input than urls.txt line 2", "/other"],
        ),
        (
            "ok called failed",
            |lines| {
                let at = at(lines, 0);
                lines[at] = lines[at].replace(":\"ok\"", ":\"failed\"").replace(",ok,", ",failed,");
            },
            &["(n 0): the record has no error.kind"],
        ),
        (
            "failed called ok",
            |lines| {
                let at = at(lines, 1);
                lines[at] = lines[at].replacen("failed", "ok", 1);
            },
            &["(n 1): outcome is ok, and error.kind is \"http.status\""],
        ),
        (
            "no such outcome",
            |lines| {
                let at = at(lines, 1);
                lines[at] = lines[at].replacen("failed", "fa1led", 1);
            },
            &["(n 1): outcome is \"fa1led\"", "(n 1): the input has no record"],
        ),
        ("an empty line", |lines| lines.insert(3, "\n".to_owned()), &["line 4: ", "empty"]),
    ];
    let planted = run();
    for name in ["r.jsonl", "r.csv"] {
        let whole = planted.bench.read(name);
        for (what, plant, expected) in cases {
            planted.edit(name, *plant);
            assert_ne!(planted.bench.read(name), whole, "{name} {what}");
            let ran = planted.verify(&format!("{name} -i urls.txt"));
            let said = &ran.stdout;
            assert_eq!((ran.code, ran.stderr.as_str()), (1, ""), "{name} {what}\n{said}");
            for part in *expected {
                assert!(said.contains(part), "{name} {what}: no {part:?} in\n{said}");
            }
            assert!(said.contains("\nwrong: "), "{said}");
            fs::write(planted.bench.path(name), &whole).expect("written");
        }
    }
}

#[test]
fn the_order_of_records_is_free() {
    let planted = run();
    planted.edit("r.jsonl", |lines| lines.reverse());
    planted.edit("r.csv", |lines| lines[1..].reverse());
    let ran = planted.verify("r.jsonl r.csv -i urls.txt");
    assert_eq!(ran.code, 0, "{}", ran.stdout);
}

#[test]
fn outputs_that_disagree_are_named() {
    let cases: &[(&str, &str, &str)] = &[
        ("\"status_code\":200", "\"status_code\":203", "status_code is not what r.jsonl says in "),
        ("\"sha256\":\"f", "\"sha256\":\"e", "sha256 is not what r.jsonl says in "),
        ("\"kind\":\"http.status\"", "\"kind\":\"timeout.tls\"", "error.kind is not what r.jsonl"),
    ];
    let planted = run();
    let whole = planted.bench.read("r.jsonl");
    for (old, new, expected) in cases {
        let text = whole.replacen(old, new, 1);
        assert_ne!(text, whole, "{old}");
        fs::write(planted.bench.path("r.jsonl"), text).expect("written");
        let ran = planted.verify("r.jsonl r.csv -i urls.txt");
        assert_eq!(ran.code, 1, "{new}\n{}", ran.stdout);
        assert!(ran.stdout.contains(expected), "{new}: {}", ran.stdout);
    }
}

#[test]
fn a_fault_of_a_body_is_named() {
    let plants: &[(&str, fn(&PathBuf), &str)] = &[
        ("removed", |body| fs::remove_file(body).expect("removed"), " is missing"),
        (
            "flipped",
            |body| {
                let mut bytes = fs::read(body).expect("read");
                bytes[7] ^= 1;
                fs::write(body, bytes).expect("written");
            },
            " does not have the SHA-256 it should; expected ",
        ),
        (
            "cut",
            |body| {
                let file = fs::File::options().write(true).open(body).expect("opened");
                file.set_len(2_000).expect("cut");
            },
            "does not have the length of its record; expected 3000 bytes, found 2000 bytes",
        ),
    ];
    let planted = run();
    let body = planted.body(2);
    let whole = fs::read(&body).expect("read");
    for (what, plant, expected) in plants {
        plant(&body);
        for line in ["r.jsonl", "r.csv -O pages -i urls.txt"] {
            let ran = planted.verify(line);
            assert_eq!(ran.code, 1, "{what} {line}\n{}", ran.stdout);
            let fault = ran.stdout.lines().find(|line| line.contains(expected));
            let fault = fault.unwrap_or_else(|| panic!("{what} {line}: {}", ran.stdout));
            assert!(fault.contains("(n 2)") && fault.contains("pages/"), "{fault}");
        }
        fs::write(&body, &whole).expect("written");
    }
    // A record that says another hash than its body has.
    planted.edit("r.jsonl", |lines| {
        let at = at(lines, 2);
        let place = lines[at].find("\"sha256\":\"").expect("a hash") + "\"sha256\":\"".len();
        lines[at].replace_range(place..=place + 1, "00");
    });
    let ran = planted.verify("r.jsonl");
    let expected = "is named for another hash than sha256; expected 00";
    assert!(ran.code == 1 && ran.stdout.contains(expected), "{}", ran.stdout);
}

#[test]
fn bodies_are_found_where_they_were_moved() {
    let planted = run();
    fs::rename(planted.bench.path("pages"), planted.bench.path("moved")).expect("moved");
    assert_eq!(planted.verify("r.jsonl -i urls.txt").code, 1);
    assert_eq!(planted.verify("r.jsonl -i urls.txt -O moved").code, 0);
}

#[test]
fn inputs_that_are_others_than_the_run_had_are_named() {
    type Edit = fn(String) -> String;
    let cases: &[(&str, Edit, &str)] = &[
        ("edited", |text| text.replacen("/status/404", "/status/405", 1), {
            "(n 1): the record is of another input than urls.txt line 3; expected http://"
        }),
        ("appended", |text| text + "\nhttp://a.example/\n", {
            "urls.txt line 21 (n 18): the input has no record"
        }),
        ("cut", |text| text.lines().take(18).collect::<Vec<_>>().join("\n"), {
            "(n 16): there is no input of this number"
        }),
        ("a line left out", |text| text.replacen("not a url\n", "", 1), {
            "(n 6): the record is of another input than urls.txt line 9"
        }),
    ];
    let server = Server::start(Site::default());
    let planted = Planted { bench: Bench::new(), _server: server };
    fs::write(planted.bench.path("urls.txt"), list(&planted._server)).expect("written");
    let ran = planted.bench.line("-i urls.txt -o r.jsonl --retries 0 --scheme http -q");
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    for (what, edit, expected) in cases {
        let list = list(&planted._server);
        // Byte for byte, as not all of it is UTF-8.
        let text: String = list.iter().map(|byte| char::from(*byte)).collect();
        let edited: Vec<u8> = edit(text).chars().map(|c| c as u8).collect();
        assert_ne!(edited, list, "{what}");
        fs::write(planted.bench.path("urls.txt"), edited).expect("written");
        let ran = planted.verify("r.jsonl -i urls.txt");
        assert_eq!(ran.code, 1, "{what}\n{}", ran.stdout);
        assert!(ran.stdout.contains(expected), "{what}: {}", ran.stdout);
    }
}

#[test]
fn inputs_of_every_form_are_read_as_the_run_read_them() {
    let server = Server::start(Site::default());
    let ok = server.url("/ok");
    let table = format!("name;URL\na;{ok}\n\"b\n\";\"{ok}?x=1;2\"\n;\n\"c;{ok}\nd;{ok}\n");
    let objects = format!(
        "\u{feff}{{\"url\":\"{ok}\",\"name\":\"a\"}}\n\n{{\"no\":1}}\nnot json\n\
         {{\"url\":17}}\n{{\"url\":\" {ok}?x \"}}\n"
    );
    let results = format!(
        "{{\"n\":0,\"input\":\"{ok}?0\",\"outcome\":\"ok\"}}\n\
         {{\"n\":1,\"input\":\"{ok}?1\",\"outcome\":\"failed\",\"error\":{{\"kind\":\"timeout.tls\"}}}}\n\
         {{\"n\":2,\"input\":\"{ok}?2\",\"outcome\":\"skipped\",\"error\":{{\"kind\":\"cancelled\"}}}}\n\
         {{\"n\":3,\"input\":\"{ok}?3\",\"outcome\":\"skipped\",\"error\":{{\"kind\":\"input.invalid\"}}}}\n"
    );
    let bench = Bench::new()
        .with_file("t.csv", &table)
        .with_file("o.jsonl", &objects)
        .with_file("results.jsonl", &results)
        .with_file("list.txt", &format!("{ok}?a\n#x\n{ok}?b\n"))
        .with_file("plain", &format!("u,link\n1,{ok}\n2,{ok}?2\n"));
    let zipped = std::process::Command::new("gzip")
        .args(["-k", "t.csv", "list.txt"])
        .current_dir(bench.path(""))
        .status()
        .expect("gzip runs");
    assert!(zipped.success());
    for (given, verified, inputs) in [
        ("-i t.csv", "-i t.csv", 4),
        ("-i t.csv.gz", "-i t.csv.gz", 4),
        ("-i o.jsonl", "-i o.jsonl", 5),
        ("-i list.txt.gz -i list.txt", "-i list.txt.gz -i list.txt", 4),
        ("-i list.txt -i t.csv --limit 3", "-i list.txt -i t.csv --limit 3", 3),
        ("-i plain --url-field link", "-i plain --url-field link", 2),
        ("-i results.jsonl", "-i results.jsonl", 4),
        ("-i results.jsonl --only failed", "-i results.jsonl --only failed", 2),
        ("-i results.jsonl --only failed:timeout", "-i results.jsonl --only failed:timeout", 1),
        ("http://x.invalid/ ftp://y", "--url http://x.invalid/ --url ftp://y", 2),
    ] {
        for name in ["r.jsonl", "r.csv"] {
            let ran = bench.line(&format!("fetch {given} -o {name} --overwrite --retries 0 -q"));
            assert!([0, 2].contains(&ran.code), "{given}: {}", ran.stderr);
            let ran = bench.line(&format!("verify {name} {verified}"));
            assert_eq!(ran.code, 0, "{given} {name}: {}{}", ran.stdout, ran.stderr);
            let says = format!("{inputs} inputs, one record each").replace("1 inputs", "1 input");
            assert!(ran.stdout.contains(&says), "{given}: {}", ran.stdout);
        }
    }
}

#[test]
fn what_cannot_be_verified_is_said() {
    let bench = Bench::new()
        .with_file("urls.txt", "http://a.example/\n")
        .with_file("r.txt", "200 http://a.example/\n")
        .with_file("bare.jsonl", "{\"url\":\"http://a.example/\",\"outcome\":\"ok\"}\n")
        .with_file("r.jsonl", "{\"n\":0,\"input\":\"http://a.example/\",\"outcome\":\"ok\"}\n");
    for (line, error, hint) in [
        ("r.txt", "r.txt: it is not known how to verify this", "verified are JSONL (.jsonl), CSV"),
        ("none.jsonl", "cannot read none.jsonl: ", ""),
        ("r.jsonl -i none.txt", "cannot read none.txt: ", ""),
        ("bare.jsonl", "the records of bare.jsonl have no member n", "only records with n can"),
        ("r.jsonl --journal urls.txt", "cannot read urls.txt: ", ""),
    ] {
        let ran = bench.line(&format!("verify {line}"));
        assert!(ran.stderr.starts_with(&format!("error: {error}")), "{line}: {}", ran.stderr);
        assert!(hint.is_empty() || ran.stderr.contains(&format!("hint: {hint}")), "{}", ran.stderr);
        assert_eq!(ran.stdout, "", "{line}");
        let expected = if line.contains("--journal") { 1 } else { 3 };
        assert_eq!(ran.code, expected, "{line}: {}", ran.stderr);
    }
    let ran = bench.line("verify r.jsonl");
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert!(ran.stdout.contains("note: there is no journal and no input"), "{}", ran.stdout);
}
