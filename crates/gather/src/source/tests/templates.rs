//! Templates in URLs, headers and bodies, filled from lists, ranges and rows.

use std::sync::Arc;

use bytes::Bytes;
use gather_core::target::RequestSpec;

use super::{File, arguments, plain, read, read_file};
use crate::source::{Item, Progress, SourceSpec, open};

#[test]
fn templates_of_arguments_are_expanded() {
    let cases: &[(&str, &[&str])] = &[
        ("http://a/{8..10}", &["http://a/8", "http://a/9", "http://a/10"]),
        ("http://a/{08..10}", &["http://a/08", "http://a/09", "http://a/10"]),
        ("http://a/{2..1}", &["http://a/2", "http://a/1"]),
        ("http://a/{a..c}", &["http://a/a", "http://a/b", "http://a/c"]),
        ("http://a/{s:X,Y Z&}", &["http://a/X [s=X]", "http://a/Y%20Z%26 [s=Y Z&]"]),
        ("http://a/{page:1..2}", &["http://a/1 [page=1]", "http://a/2 [page=2]"]),
        (
            "http://{h:a,b}/{1..2}",
            &["http://a/1 [h=a]", "http://a/2 [h=a]", "http://b/1 [h=b]", "http://b/2 [h=b]"],
        ),
        ("http://a/{s:1,2}/{s}", &["http://a/1/1 [s=1]", "http://a/2/2 [s=2]"]),
        ("http://a/{s}?{s:1}", &["http://a/1?1 [s=1]"]),
        (
            "{u:http://a/x,b/y}",
            &["http://a/x [u=http://a/x]", "https://b/y input=\"b/y\" guess [u=b/y]"],
        ),
        ("http://a/?q={{x}}", &["http://a/?q={x}"]),
        (
            "http://a/{18446744073709551615..18446744073709551615}",
            &["http://a/18446744073709551615"],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(read(&arguments(&[text])), *expected, "{text}");
    }
    // Lazily: the first of a product that has no end in our lifetime.
    let spec =
        SourceSpec { limit: Some(2), ..arguments(&["http://a/{0..18446744073709551615}/{0..9}"]) };
    assert_eq!(read(&spec), ["http://a/0/0", "http://a/0/1"]);
}

#[test]
fn a_template_that_cannot_be_understood_says_where() {
    let cases = [
        ("http://a/{", 10, "a { without its }; write {{ for the character"),
        ("http://ü/}", 10, "a } without its {; write }} for the character"),
        ("http://a/{}", 10, "a placeholder without a name or a range"),
        ("http://a/{1..x}", 10, "a range is two numbers or letters: {0..49}"),
        ("http://a/{s:}", 10, "a placeholder without values"),
        ("http://a/{s:1,2}{s:3}", 17, "this name already has other values"),
        ("http://a/[0-49]", 10, "a range is written {0..49}; write %5B and %5D for the characters"),
    ];
    for (text, position, message) in cases {
        let expected = format!("error template {text:?}, character {position}: {message}");
        assert_eq!(read(&arguments(&[text])), [expected], "{text}");
    }
    let found = read(&arguments(&["http://a/{symbol}"]));
    assert!(found[0].contains("nothing fills {symbol}: list its values"), "{found:?}");
}

#[test]
fn rows_fill_templates() {
    let table = "symbol,page\nA B,1\nC,\n";
    let spec = arguments(&["http://a/{symbol}/{page}"]);
    let expected = ["http://a/A%20B/1 [symbol=A B] [page=1] @2", "http://a/C/ [symbol=C] @3"];
    let found = read_file(".csv", table, spec.clone());
    assert_eq!(found, expected.map(|line| &line[..line.len() - 3]));
    let lines = "{\"symbol\":\"A B\",\"page\":1}\n{\"symbol\":\"C\"}\n";
    assert_eq!(
        read_file("", lines, spec),
        [
            "http://a/A%20B/1 [symbol=A B] [page=1]",
            "line 2: input.invalid: the row has no value for {page} | {\"symbol\":\"C\"}"
        ]
    );
    // Every template for every row, ranges within; more than fits in one batch.
    let spec = SourceSpec {
        template: Some("http://b/{page}/{1..2}".into()),
        ..arguments(&["http://a/{symbol}"])
    };
    assert_eq!(
        read_file(".csv", "symbol,page\nA,1\nB,2\n", spec),
        [
            "http://b/1/1 [symbol=A] [page=1]",
            "http://b/1/2 [symbol=A] [page=1]",
            "http://a/A [symbol=A] [page=1]",
            "http://b/2/1 [symbol=B] [page=2]",
            "http://b/2/2 [symbol=B] [page=2]",
            "http://a/B [symbol=B] [page=2]",
        ]
    );
    let found = read_file(".csv", "a,b\n1,2\n", arguments(&["http://a/{c}"]));
    assert_eq!(
        found,
        [
            "error template \"http://a/{c}\", character 10: no column \"c\"; there are [\"a\", \"b\"]"
        ]
    );
}

#[test]
fn headers_and_bodies_are_templates_too() {
    let request = |header: &str, body: &'static str| {
        Some(Arc::new(RequestSpec {
            headers: vec![("x-h".into(), header.into())],
            body: Some(Bytes::from_static(body.as_bytes())),
            ..RequestSpec::default()
        }))
    };
    let with = |default_request, url: &str| SourceSpec { default_request, ..arguments(&[url]) };
    let cases: &[(&str, &'static str, &str, &[&str])] = &[
        (
            "v {s}",
            r#"{"a":{"b":"{s}"},"c":[{}]}"#,
            "http://a/{s:X Y}",
            &[r#"http://a/X%20Y - x-h:v X Y body={"a":{"b":"X Y"},"c":[{}]} [s=X Y]"#],
        ),
        (
            "{1..2}",
            "{{s}}",
            "http://a/",
            &["http://a/ - x-h:1 body={s}", "http://a/ - x-h:2 body={s}"],
        ),
        (
            "{other}",
            "{user(id: 1){name}}",
            "http://a/",
            &["http://a/ - x-h:{other} body={user(id: 1){name}}"],
        ),
    ];
    for (header, body, url, expected) in cases {
        assert_eq!(read(&with(request(header, body), url)), *expected, "{header} {body}");
    }
    let table = "url,token\nhttp://a/,T\nhttp://b/,\"x\ny\"\n";
    let spec = SourceSpec { default_request: request("{token}", "b"), ..plain() };
    assert_eq!(
        read_file(".csv", table, spec),
        [
            "http://a/ - x-h:T body=b [token=T]",
            "line 3: input.invalid: the value of header x-h contains a control character | http://b/",
        ]
    );
    // What a row says goes before the run's; the rest of the run's stays.
    let spec = SourceSpec { default_request: request("1", "run"), ..plain() };
    let line = r#"{"url":"http://a/","headers":{"X-H":"2","x-i":"3"}}"#;
    assert_eq!(read_file(".jsonl", line, spec.clone()), ["http://a/ - X-H:2 x-i:3 body=run"]);
}

#[test]
fn targets_share_the_run_s_request_where_nothing_is_filled() {
    let shared = Arc::new(RequestSpec { body: Some("{}".into()), ..RequestSpec::default() });
    for (suffix, text) in [
        (".txt", "http://a/\nhttp://b/\n"),
        (".csv", "url,x\nhttp://a/,1\nhttp://b/,2\n"),
        (".jsonl", "{\"url\":\"http://a/\"}\n{\"url\":\"http://b/\"}\n"),
    ] {
        let file = File::new(suffix, text.as_bytes());
        let default_request = Some(Arc::clone(&shared));
        let spec = SourceSpec { default_request, files: vec![file.input()], ..plain() };
        let mut items = Vec::new();
        let mut source = open(&spec).expect("readable");
        while source.read(&mut items, 8).expect("readable") == Progress::More {}
        let requests = items.iter().map(|item| match item {
            Item::Target(target) => target.request.clone().expect("the run's"),
            Item::Broken(broken) => panic!("{broken:?}"),
        });
        assert_eq!(requests.filter(|request| Arc::ptr_eq(request, &shared)).count(), 2, "{suffix}");
    }
}
