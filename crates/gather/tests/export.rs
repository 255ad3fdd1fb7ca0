//! Results exported: chosen, sorted, limited, from several inputs, and what is refused.

use std::fs;
use std::path::{Path, PathBuf};

use gather::core::config::StatusSet;
use gather::export::{BrokenRows, ExportError, ExportOptions, Exported, Pick, export};
use gather::source::OnlyFailed;
use gather::store::read::{Bodies, Order, ResultPlace, ResultSpec};
use gather::store::{
    CsvBom, Durability, Existing, Fields, Format, OutputSpec, OutputTarget, Template,
};

const LINES: &str = r#"{"n":2,"input":"http://c.example/","url":"http://c.example/","outcome":"ok","status_code":200,"attempts":1,"title":"Sold out"}
{"n":0,"input":"http://a.example/","url":"http://a.example/","outcome":"failed","status_code":404,"attempts":1,"error":{"kind":"http.status","message":"","retryable":false}}
{"n":1,"input":"http://b.example/","url":"http://b.example/","outcome":"failed","attempts":3,"error":{"kind":"timeout.total","message":"sold","retryable":true}}
{"n":3,"input":"http://d.example/","url":"http://d.example/","outcome":"skipped","attempts":0,"error":{"kind":"cancelled","message":"","retryable":false}}
"#;

struct Bed(tempfile::TempDir);

impl Bed {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, text: &str) -> ResultSpec {
        fs::write(self.path(name), text).unwrap();
        input(&self.path(name))
    }

    fn output(&self, name: &str, format: Format) -> OutputSpec {
        OutputSpec {
            target: OutputTarget::File(self.path(name)),
            format,
            fields: Fields::held(),
            existing: Existing::Refuse,
            durability: Durability::System,
        }
    }

    #[expect(clippy::disallowed_methods, reason = "no event loop runs here")]
    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

fn input(path: &Path) -> ResultSpec {
    ResultSpec { place: ResultPlace::File(path.into()), run: None, bodies: Bodies::Leave }
}

fn only(kind: Option<&str>) -> Pick {
    let kind = kind.map(str::to_owned);
    Pick { only: Some(OnlyFailed { kind }), ..Pick::default() }
}

#[test]
fn records_are_chosen_sorted_and_limited() {
    let codes =
        |list: &[u16]| Some(StatusSet::new(list.iter().map(|code| *code..=*code).collect()));
    let regex = |text: &str| Some(regex::Regex::new(text).unwrap());
    let all = Pick::default;
    let cases = [
        (all(), Order::AsFound, None, "2 0 1 3"),
        (all(), Order::ByNumber, None, "0 1 2 3"),
        (all(), Order::ByNumber, Some(3), "0 1 2"),
        (all(), Order::AsFound, Some(1), "2"),
        (Pick { match_code: codes(&[200, 404]), ..all() }, Order::AsFound, None, "2 0"),
        (Pick { filter_code: codes(&[404]), ..all() }, Order::AsFound, None, "2 1 3"),
        (Pick { match_regex: regex("(?i)sold"), ..all() }, Order::ByNumber, None, "1 2"),
        (only(None), Order::AsFound, None, "0 1 3"),
        (only(Some("timeout")), Order::AsFound, None, "1"),
        (only(Some("cancelled")), Order::ByNumber, Some(9), "3"),
        (Pick { match_code: codes(&[200]), ..only(None) }, Order::AsFound, None, ""),
    ];
    for (at, (pick, order, limit, expected)) in cases.into_iter().enumerate() {
        let bed = Bed::new();
        let options = ExportOptions {
            inputs: vec![bed.file("in.jsonl", LINES)],
            outputs: vec![bed.output("out.txt", Format::Text(Template::parse("{n}").unwrap()))],
            pick,
            order,
            limit,
            ..ExportOptions::default()
        };
        let done = export(options).unwrap();
        let text = bed.text("out.txt");
        let numbers: Vec<&str> = text.lines().collect();
        assert_eq!(numbers.join(" "), expected, "case {at}");
        assert_eq!(done.written, numbers.len() as u64, "case {at}");
    }
}

#[test]
fn several_results_become_one_in_several_forms() {
    let bed = Bed::new();
    let more = "n,url,title,sku\n9,http://z.example/,Z,00123\n";
    let done = export(ExportOptions {
        inputs: vec![bed.file("a.jsonl", LINES), bed.file("b.csv", more)],
        outputs: vec![
            bed.output("out.jsonl", Format::Jsonl),
            bed.output("out.csv", Format::Csv(CsvBom::None)),
        ],
        ..ExportOptions::default()
    });
    assert_eq!(done.unwrap(), Exported { read: 5, written: 5, broken: 0 });
    let last = r#"{"n":9,"url":"http://z.example/","title":"Z","sku":"00123"}"#;
    assert_eq!(bed.text("out.jsonl"), format!("{LINES}{last}\n"));
    let csv = bed.text("out.csv");
    let (header, rows) = csv.split_once('\n').unwrap();
    // The columns of every run, then what these records hold beside.
    assert!(header.starts_with("n,source,line,input,url,") && header.ends_with(",title,sku"));
    assert!(rows.lines().nth(4).unwrap().ends_with(",Z,00123"), "{rows}");
}

#[test]
fn rows_that_are_no_records_are_counted_or_refused() {
    for rows in [BrokenRows::LeaveOut, BrokenRows::Refuse] {
        let bed = Bed::new();
        let (said, told) = std::sync::mpsc::sync_channel(9);
        let options = ExportOptions {
            inputs: vec![bed.file("in.jsonl", "{\"n\":0}\nbroken\n{\"n\":1}\n{\"n\":")],
            // With columns the input is read twice; nothing may be told twice.
            outputs: vec![bed.output("out.csv", Format::Csv(CsvBom::None))],
            rows,
            on_broken: Some(Box::new(move |error| said.send(error.line).unwrap())),
            ..ExportOptions::default()
        };
        let done = export(options);
        let lines: Vec<Option<u64>> = told.iter().collect();
        if rows == BrokenRows::LeaveOut {
            assert_eq!(done.unwrap(), Exported { read: 2, written: 2, broken: 2 });
            assert_eq!(lines, [Some(2), Some(4)]);
            assert_eq!(bed.text("out.csv"), "n\n0\n1\n");
        } else {
            let error = done.unwrap_err();
            assert!(error.to_string().contains("line 2: not a JSON object"), "{error}");
            assert_eq!(lines, []);
        }
    }
}

#[test]
fn an_export_that_cannot_be_meant_changes_nothing() {
    let bed = Bed::new();
    let there = bed.file("there.jsonl", LINES);
    let refused = |input: ResultSpec, output: OutputSpec| {
        let options =
            ExportOptions { inputs: vec![input], outputs: vec![output], ..Default::default() };
        let error = export(options).map(drop).unwrap_err();
        assert!(error.is_usage(), "{error}");
        assert_eq!(bed.text("there.jsonl"), LINES);
        error
    };
    let overwrite = |name: &str, format| OutputSpec {
        existing: Existing::Overwrite,
        ..bed.output(name, format)
    };
    let same = refused(there.clone(), overwrite("there.jsonl", Format::Jsonl));
    assert!(matches!(same, ExportError::Same(_)), "{same}");
    refused(there.clone(), bed.output("there.jsonl", Format::Jsonl));
    refused(there.clone(), bed.output("no/such/dir.jsonl", Format::Jsonl));
    refused(input(&bed.path("missing.jsonl")), bed.output("out.jsonl", Format::Jsonl));
    assert!(!bed.path("out.jsonl").exists());
    let spool = bed.file("x.parquet.spool", LINES);
    let same = refused(spool, overwrite("x.parquet", Format::Parquet));
    assert!(matches!(same, ExportError::Same(_)), "{same}");
    assert_eq!(bed.text("x.parquet.spool"), LINES);
}
