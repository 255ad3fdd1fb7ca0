//! Command lines that contradict themselves, and what the others become.

use std::ffi::OsString;

use clap::CommandFactory;
use gather::core::config::HostConcurrency;
use gather::store::{CsvBom, Existing, Format, OutputTarget, Template};

use super::*;
use crate::args::Cli;
use crate::settings::Typed;

/// The settings that these flags of `fetch` make.
fn settings(flags: &str) -> RunSettings {
    try_settings(flags).unwrap_or_else(|error| panic!("{flags}: {error}"))
}

fn try_settings(flags: &str) -> Result<RunSettings, CliError> {
    let mut argv: Vec<OsString> = vec!["gather".into(), "fetch".into()];
    argv.extend(flags.split_whitespace().map(OsString::from));
    let matches = Cli::command().try_get_matches_from(&argv).expect("flags that exist");
    let typed = Typed { argv: &argv, command: &["fetch"], job: None };
    Settings::load(typed, &matches).and_then(|settings| RunSettings::try_new(&settings))
}

#[test]
fn the_defaults_of_the_flags_are_those_of_the_engine() {
    let ours = Config { seed: 0, ..settings("https://a.example").config };
    assert_eq!(format!("{ours:#?}"), format!("{:#?}", Config::default()));
}

#[test]
fn host_concurrency_is_shared_only_where_a_concurrency_was_given() {
    let fixed = HostConcurrency::Fixed(NonZeroU32::new(7).expect("not zero"));
    for (flags, expected) in [
        ("a.example", HostConcurrency::Base),
        ("a.example -c 50", HostConcurrency::Share),
        ("a.example -c 50 --host-concurrency 7", fixed),
        ("a.example --host-concurrency 7", fixed),
        ("a.example --host-concurrency auto", HostConcurrency::Base),
    ] {
        assert_eq!(settings(flags).config.host_concurrency, expected, "{flags}");
    }
    let share = settings("a.example -c 50").config;
    assert_eq!(
        [host_cap(&share, 1).get(), host_cap(&share, 5).get(), host_cap(&share, 100).get()],
        [50, 10, 4]
    );
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_to_do() {
    let refused: Vec<String> = [
        "",
        "-",
        "Cargo.toml",
        "https://a.example/[0-49]",
        "https://a.example/{symbol}",
        "--only failed a.example",
        "-i - -i -",
        "-i rows.csv https://a.example/{x} https://b.example/{y}",
        "a.example --fail-fast --max-failures 3",
        "a.example --fail-fast --allow-failures 3",
        "a.example -4 -6",
        "a.example --http1.1 --http2",
        "a.example -q -v",
        "a.example -I -d x",
        "a.example -I -X GET",
        "a.example -k --cacert Cargo.toml",
        "a.example --key k.pem",
        "a.example --cert /nonexistent.pem",
        "a.example --backoff 10s --backoff-max 5s",
        "a.example -H nocolon",
        "a.example -H sp@ce:x",
        "a.example -H @/nonexistent",
        "a.example -X G(T",
        "a.example -d @/nonexistent",
        "a.example -x gopher://h",
        "a.example --resolve a.example:80",
        "a.example --connect-to a.example",
        "a.example -o out",
        "a.example -o out.parquet",
        "a.example -o out.warc.gz",
        "a.example -o postgres://db/x",
        "a.example -o a.jsonl -o a.jsonl",
        "a.example -o a.jsonl --mc 200",
        "a.example -o a.jsonl --csv-bom",
        "a.example -o a.jsonl --template {url}",
        "a.example --template {nonsense}",
        "a.example --fields nonsense",
        "a.example --fields +body --template {url}",
    ]
    .into_iter()
    .map(|flags| match try_settings(flags) {
        Err(error) => format!("$ gather {flags}\n{error}\n"),
        Ok(_) => format!("$ gather {flags}\nACCEPTED\n"),
    })
    .collect();
    insta::assert_snapshot!(refused.join("\n"));
}

#[test]
fn what_is_sent() {
    let post = settings("a.example -d x=1");
    assert_eq!(post.client.method.as_str(), "POST");
    assert_eq!(
        post.client.headers,
        [("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())]
    );
    assert_eq!(settings("a.example -I").client.method.as_str(), "HEAD");
    assert_eq!(settings("a.example -X PUT -d x").client.method.as_str(), "PUT");
    let request = settings("a.example -H A:1 -H A:2").client;
    let expected = [("A", "1"), ("A", "2")].map(|(n, v)| (n.to_owned(), v.to_owned()));
    assert_eq!(request.headers, expected);
}

#[test]
fn columns_of_a_file_are_kept_apart_from_what_is_the_same_for_all() {
    let run =
        settings("-i rows.csv https://a.example/{sku} -H X-Sku:{sku} -H A:1 -d {\"s\":\"{sku}\"}");
    assert_eq!(run.source.template.as_deref(), Some("https://a.example/{sku}"));
    let filled = run.source.default_request.expect("a header with a column");
    assert_eq!(filled.headers, [("X-Sku".to_owned(), "{sku}".to_owned())]);
    assert_eq!(filled.body.as_deref(), Some(&b"{\"s\":\"{sku}\"}"[..]));
    assert_eq!(run.client.headers[0], ("A".to_owned(), "1".to_owned()));
    assert_eq!(run.client.body, None);
    assert_eq!(run.client.method.as_str(), "POST");
}

#[test]
fn where_records_go() {
    let outputs = settings("a.example -o a.jsonl -o b.CSV -o - --csv-bom --overwrite").outputs;
    let formats: Vec<&Format> = outputs.iter().map(|output| &output.format).collect();
    // Standard output of a test is no terminal.
    assert_eq!(formats, [&Format::Jsonl, &Format::Csv(CsvBom::Utf8), &Format::Jsonl]);
    assert!(outputs.iter().all(|output| output.existing == Existing::Overwrite));
    let dated = settings("a.example -o r-{date}.jsonl").outputs.remove(0).target;
    let OutputTarget::File(path) = dated else { panic!("a file") };
    let name = path.display().to_string();
    assert!(name.starts_with("r-20") && name.len() == "r-2026-11-21.jsonl".len(), "{name}");
    let text = settings("a.example --template {url}").outputs.remove(0).format;
    assert_eq!(text, Format::Text(Template::parse("{url}").expect("valid")));
}

#[test]
fn what_is_kept_of_a_response() {
    for (flags, expected) in [
        ("a.example", "No No No"),
        ("a.example --fields +body", "All No No"),
        ("a.example --fields +headers", "No All No"),
        ("a.example --fields url,headers.etag", "No All No"),
        ("a.example --fields +sha256", "No No Yes"),
        ("a.example --match-regex x", "All No No"),
        ("a.example --template {title}{sha256}", "All No Yes"),
    ] {
        let keep = settings(flags).client.keep;
        let kept = format!("{:?} {:?} {:?}", keep.body, keep.headers, keep.sha256);
        assert_eq!(kept, expected, "{flags}");
    }
}
