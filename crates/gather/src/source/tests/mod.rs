//! Sources, from text to items: each case is what was given and what came of it.

mod templates;

use std::io::Write as _;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use gather_core::config::Caps;
use gather_core::target::{RequestSpec, SchemeFrom};

use crate::source::{
    Format, InputFile, InputPath, Item, OnlyFailed, Progress, SchemeChoice, SourceSpec, open,
};

/// Reads everything of `spec` in batches of three; an item is a line of text.
fn read(spec: &SourceSpec) -> Vec<String> {
    let mut source = match open(spec) {
        Ok(source) => source,
        Err(error) => return vec![format!("error {error}")],
    };
    let mut items = Vec::new();
    loop {
        let before = items.len();
        match source.read(&mut items, 3) {
            Ok(Progress::More) => assert!((1..=3).contains(&(items.len() - before))),
            Ok(Progress::End) => break,
            Err(error) => return vec![format!("error {error}")],
        }
    }
    for (n, item) in items.iter().enumerate() {
        let found = match item {
            Item::Target(target) => target.n.0,
            Item::Broken(broken) => broken.n.0,
        };
        assert_eq!(found, n as u64, "numbered in reading order");
    }
    items.iter().map(show).collect()
}

fn show(item: &Item) -> String {
    let target = match item {
        Item::Broken(broken) => {
            let (line, kind) = (broken.place.line, broken.kind.as_str());
            return format!("line {line}: {kind}: {} | {}", broken.message, broken.input);
        }
        Item::Target(target) => target,
    };
    assert_eq!(Some(&target.host), gather_core::HostKey::of(&target.url).as_ref());
    let mut text = target.url.to_string();
    if let Some(input) = &target.input {
        text.push_str(&format!(" input={input:?}"));
    }
    if target.scheme_from == SchemeFrom::Guess {
        text.push_str(" guess");
    }
    if let Some(request) = &target.request {
        let method = request.method.as_ref().map_or("-", |method| method.as_str());
        text.push_str(&format!(" {method}"));
        for (name, value) in &request.headers {
            text.push_str(&format!(" {name}:{value}"));
        }
        if let Some(body) = &request.body {
            text.push_str(&format!(" body={}", String::from_utf8_lossy(body)));
        }
        if let Some(timeout) = request.timeout {
            text.push_str(&format!(" timeout={timeout:?}"));
        }
        if let Some(rules) = &request.extract {
            text.push_str(&format!(" extract={rules}"));
        }
    }
    for (name, value) in target.tags.iter().flat_map(|tags| tags.iter()) {
        text.push_str(&format!(" [{name}={value}]"));
    }
    if let Some(place) = &target.place {
        text.push_str(&format!(" @{}", place.line));
    }
    text
}

struct File(tempfile::NamedTempFile);

impl File {
    fn new(suffix: &str, bytes: &[u8]) -> Self {
        let mut file = tempfile::Builder::new().suffix(suffix).tempfile().expect("a file");
        file.write_all(bytes).expect("written");
        Self(file)
    }

    fn input(&self) -> InputFile {
        InputFile { path: InputPath::File(self.0.path().to_owned()), format: Format::Auto }
    }
}

/// What comes of a file of this suffix and content; its name is left out of messages.
fn read_file(suffix: &str, bytes: impl AsRef<[u8]>, spec: SourceSpec) -> Vec<String> {
    let file = File::new(suffix, bytes.as_ref());
    let name = file.0.path().display().to_string();
    let spec = SourceSpec { files: vec![file.input()], ..spec };
    read(&spec).iter().map(|line| line.replace(&name, "FILE")).collect()
}

fn arguments(texts: &[&str]) -> SourceSpec {
    SourceSpec {
        arguments: texts.iter().map(|text| (*text).to_owned()).collect(),
        ..SourceSpec::default()
    }
}

fn plain() -> SourceSpec {
    SourceSpec::default()
}

#[test]
fn a_list_has_a_url_on_each_line() {
    let text = b"\xef\xbb\xbfhttp://a.example/\r\n\n# not me\n  http://b.example/x?y#z  \n\
        HTTP://C.example:80\nhttp://d.example/{1..3}\nhttp://e.ex\tample/\n\xff\xfe\n\
        http://f.example/\0\nhttp://\nhttps:///g.example\nhttp://h.example:99999/\nnot a url\n\
        mailto:i@j.example\nftp://k.example/\nhttp://[::1]:8080/\nhttp://0x7f.1/";
    insta::assert_snapshot!(read_file(".txt", text, plain()).join("\n").replace('\0', "␀"));
}

#[test]
fn urls_without_a_scheme_are_guessed_or_told() {
    let cases = [
        ("example.com", "https://example.com/ input=\"example.com\" guess"),
        ("example.com:8080/x", "https://example.com:8080/x input=\"example.com:8080/x\" guess"),
        ("localhost:3000", "https://localhost:3000/ input=\"localhost:3000\" guess"),
        ("127.0.0.1:80/x", "https://127.0.0.1:80/x input=\"127.0.0.1:80/x\" guess"),
        ("[::1]:80", "https://[::1]:80/ input=\"[::1]:80\" guess"),
        ("//cdn.example/a", "https://cdn.example/a input=\"//cdn.example/a\" guess"),
        ("u:p@example.com/", "https://u:p@example.com/ input=\"u:p@example.com/\""),
        (
            "example.com?u=http://x",
            "https://example.com/?u=http://x input=\"example.com?u=http://x\" guess",
        ),
        ("bücher.example", "https://xn--bcher-kva.example/ input=\"bücher.example\" guess"),
        ("http:example.com", "http://example.com/ input=\"http:example.com\""),
    ];
    for (text, expected) in cases {
        assert_eq!(read(&arguments(&[text])), [expected], "{text}");
    }
    for (scheme, expected) in [(SchemeChoice::Http, "http"), (SchemeChoice::Https, "https")] {
        let spec = SourceSpec { scheme, ..arguments(&["a.example/"]) };
        assert_eq!(read(&spec), [format!("{expected}://a.example/ input=\"a.example/\"")]);
    }
}

#[test]
fn what_is_no_url_says_why() {
    let cases = [
        (
            "mailto:x@y.example",
            "blocked.scheme: scheme \"mailto\" is not fetched, only http and https",
        ),
        ("ftp://x.example/", "blocked.scheme: scheme \"ftp\" is not fetched, only http and https"),
        (
            "javascript:alert(1)",
            "blocked.scheme: scheme \"javascript\" is not fetched, only http and https",
        ),
        (
            "data:text/plain,x",
            "blocked.scheme: scheme \"data\" is not fetched, only http and https",
        ),
        ("ws://x.example/", "blocked.scheme: scheme \"ws\" is not fetched, only http and https"),
        ("example.com:abc", "input.invalid: the port is not a number from 0 to 65535"),
        ("/etc/nothing", "input.invalid: no host in the URL"),
        ("./x", "input.invalid: no host in the URL"),
        ("//", "input.invalid: no host in the URL"),
        ("?q", "input.invalid: no host in the URL"),
        ("https:///x", "input.invalid: no host in the URL"),
        ("https://", "input.invalid: no host in the URL"),
        ("http://a b/", "input.invalid: not a URL: it contains a space"),
    ];
    for (text, expected) in cases {
        assert_eq!(read(&arguments(&[text])), [format!("line 1: {expected} | {text}")], "{text}");
    }
}

#[test]
fn long_lines_and_urls_are_broken_and_reading_goes_on() {
    let caps = Caps { url_bytes_max: 40, line_bytes_max: 300, ..Caps::default() };
    let url = format!("http://a.example/{}", "x".repeat(30));
    let line = format!("http://a.example/{}ü{}", "x".repeat(182), "y".repeat(200));
    let text = format!("http://a.example/\n{url}\n{line}\nhttp://b.example/");
    let expected = [
        "http://a.example/".to_owned(),
        format!("line 2: input.too_long: the URL is longer than 40 bytes | {url}"),
        format!("line 3: input.too_long: the line is longer than 300 bytes | {}", &line[..199]),
        "http://b.example/".to_owned(),
    ];
    assert_eq!(read_file("", text, SourceSpec { caps, ..plain() }), expected);
}

#[test]
fn gzip_is_known_by_its_bytes_and_may_have_members() {
    let gzip = |text: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).expect("in memory");
        encoder.finish().expect("in memory")
    };
    let members = [gzip("http://a.exam"), gzip("ple/\nhttp://b.example/\n")].concat();
    let expected = ["http://a.example/", "http://b.example/"];
    for suffix in [".txt.gz", ".gz", ""] {
        assert_eq!(read_file(suffix, &members, plain()), expected, "{suffix}");
    }
    assert_eq!(
        read_file(".csv.gz", gzip("url,sku\nhttp://a.example/,7\n"), plain()),
        ["http://a.example/ [sku=7]"]
    );
    assert_eq!(read_file(".gz", "http://a.example/\n", plain()), ["http://a.example/"]);
    let cut = &members[..members.len() - 12];
    let found = read_file(".gz", cut, plain());
    assert!(found[0].starts_with("error reading FILE failed after line"), "{found:?}");
}

#[test]
fn a_table_has_a_url_column_and_tags() {
    let field = |name: &str| SourceSpec { url_field: Some(name.into()), ..plain() };
    let cases: &[(&str, &str, SourceSpec, &[&str])] = &[
        ("by name", "sku,URL\n7,http://a.example/\n", plain(), &["http://a.example/ [sku=7]"]),
        ("by content", "sku,page\n7,http://a.example/\n", plain(), &["http://a.example/ [sku=7]"]),
        (
            "as told",
            "url,other\nhttp://a.example/,b.example\n",
            field("other"),
            &["https://b.example/ input=\"b.example\" guess [url=http://a.example/]"],
        ),
        ("tab", "sku\turl\n7,5\thttp://a.example/\n", plain(), &["http://a.example/ [sku=7,5]"]),
        (
            "semicolon",
            "sku;url\n7,5;http://a.example/\n",
            plain(),
            &["http://a.example/ [sku=7,5]"],
        ),
        (
            "quotes, blank lines, short and long rows",
            "url,a,b\n\nhttp://a.example/,\"x \"\"y\"\"\nz\",\r\nhttp://b.example/\nhttp://c.example/,1,2,3",
            plain(),
            &[
                "http://a.example/ [a=x \"y\"\nz]",
                "http://b.example/",
                "http://c.example/ [a=1] [b=2]",
            ],
        ),
        (
            "broken rows",
            "a,url\n1,http://\n\n2\n3,http://c.example/\n",
            plain(),
            &[
                "line 2: input.invalid: no host in the URL | http://",
                "line 4: input.invalid: the row has no URL column | 2",
                "http://c.example/ [a=3]",
            ],
        ),
        ("empty", "", plain(), &[]),
        ("only a header", "url\n", plain(), &[]),
        (
            "no URL",
            "a,b\n1,2\n",
            plain(),
            &[
                "error FILE: which column holds the URL? Name it with --url-field; there are [\"a\", \"b\"]",
            ],
        ),
        (
            "no such column",
            "a,b\n1,2\n",
            field("c"),
            &["error FILE: no column \"c\"; there are [\"a\", \"b\"]"],
        ),
        (
            "no header",
            "http://a.example/,1\n",
            plain(),
            &[
                "error FILE: the first line is no header: it holds http://a.example/; add one, or call it a list",
            ],
        ),
    ];
    for (name, text, spec, expected) in cases {
        assert_eq!(read_file(".csv", text, spec.clone()), *expected, "{name}");
    }
}

#[test]
fn a_record_of_a_table_that_does_not_end_is_cut() {
    let caps = Caps { line_bytes_max: 100, ..Caps::default() };
    let long = "x".repeat(120);
    let lines = "open\n".repeat(30);
    let text = format!(
        "url,a\nhttp://a.example/,{long}\nhttp://b.example/,1\nhttp://c.example/,\"{lines}\nhttp://d.example/,2\n"
    );
    let found = read_file(".csv", text, SourceSpec { caps, ..plain() });
    assert!(found[0].starts_with("line 2: input.too_long: "), "{found:?}");
    assert_eq!(found[1], "http://b.example/ [a=1]");
    assert!(found[2].starts_with("line 4: input.too_long: "), "{found:?}");
    assert_eq!(found.last().map(String::as_str), Some("http://d.example/ [a=2]"));
}

#[test]
fn json_lines_say_what_to_ask_for() {
    let cases = [
        (
            r#"{"url":"http://a.example/","sku":"7","price":1.50,"sold":true,"x":null,"y":[1]}"#,
            "http://a.example/ [sku=7] [price=1.50] [sold=true]",
        ),
        (r#"{"name":"acme","link":"http://a.example/"}"#, "http://a.example/ [name=acme]"),
        (
            r#"{"url":"http://a.example/","method":"PUT","headers":{"x-a":"1","x-b":["2","3"]},"body":"hi","timeout":"500ms"}"#,
            "http://a.example/ PUT x-a:1 x-b:2 x-b:3 body=hi timeout=500ms",
        ),
        (
            r#"{"url":"http://a.example/","body":{"b":1,"a":[2]},"timeout":2.5}"#,
            r#"http://a.example/ POST content-type:application/json body={"b":1,"a":[2]} timeout=2.5s"#,
        ),
        (r#"{"url":"http://a.example/","tags":{"sku":"7"}}"#, "http://a.example/ [sku=7]"),
        #[cfg(feature = "extract")]
        (
            r#"{"url":"http://a.example/","extract":{"price":"css:.p"}}"#,
            r#"http://a.example/ - extract={"price":"css:.p"}"#,
        ),
        #[cfg(feature = "extract")]
        (
            r#"{"url":"http://a.example/","extract":["css:.p"]}"#,
            "line 1: input.invalid: extract: invalid type: sequence, expected rules by name at line 1 column 0 | ",
        ),
        (r#"{"sku":7}"#, r#"line 1: input.invalid: the object has no member "url" | "#),
        (
            r#"{"url":"http://a.example/","method":"G T"}"#,
            r#"line 1: input.invalid: "G T" is no method | "#,
        ),
        (
            r#"{"url":"http://a.example/","headers":{"a b":"1"}}"#,
            r#"line 1: input.invalid: "a b" is no header name | "#,
        ),
        (
            r#"{"url":"http://a.example/","headers":{"a":"1\r\nb: 2"}}"#,
            "line 1: input.invalid: the value of header a contains a control character | ",
        ),
        (
            r#"{"url":"http://a.example/","timeout":"soon"}"#,
            r#"line 1: input.invalid: timeout "soon" is no time | "#,
        ),
        (
            r#"{"url":"http://a.example/","timeout":0}"#,
            "line 1: input.invalid: timeout 0 is no time | ",
        ),
        (r#"{"url":5}"#, "https://0.0.0.5/ input=\"5\" guess"),
        (
            "[1]",
            "line 1: input.invalid: not a JSON object: invalid type: sequence, expected an object at line 1 column 0 | [1]",
        ),
    ];
    for (line, expected) in cases {
        let found = read_file(".jsonl", line, plain());
        assert_eq!(found.len(), 1, "{line}");
        assert!(found[0].starts_with(expected), "{line}: {found:?}");
    }
    // By its first byte, where the name says nothing.
    assert_eq!(
        read_file("", "\n{\"url\":\"http://a.example/\"}\n", plain()),
        ["http://a.example/"]
    );
}

const RESULTS: &str = r#"
{"n":0,"input":"http://a.example/","url":"http://a.example/","outcome":"ok","status_code":200}
{"n":1,"input":"b.example","url":"https://b.example/","outcome":"failed","error":{"kind":"timeout.connect"},"tags":{"sku":"7"}}
{"n":2,"input":"http://c.example/","url":"http://c.example/","outcome":"failed","method":"PUT","body":"answer","error":{"kind":"http.status"}}
{"n":3,"input":"http://d.example/","url":"http://d.example/","outcome":"skipped","error":{"kind":"cancelled"}}
{"n":4,"input":"nonsense nonsense","outcome":"skipped","error":{"kind":"input.invalid"}}
"#;

#[test]
fn results_are_inputs_and_failed_ones_can_be_picked() {
    let b = "https://b.example/ input=\"b.example\" guess [sku=7]";
    let (c, d) = ("http://c.example/ PUT", "http://d.example/");
    let only = |kind: Option<&str>| SourceSpec {
        only: Some(OnlyFailed { kind: kind.map(Into::into) }),
        ..plain()
    };
    assert_eq!(read_file(".jsonl", RESULTS, only(None)), [b, c, d]);
    assert_eq!(read_file(".jsonl", RESULTS, only(Some("timeout"))), [b]);
    assert_eq!(read_file(".jsonl", RESULTS, only(Some("timeout.connect"))), [b]);
    assert_eq!(read_file(".jsonl", RESULTS, only(Some("cancelled"))), [d]);
    assert_eq!(read_file(".jsonl", RESULTS, only(Some("dns"))), [] as [&str; 0]);
    assert_eq!(read_file(".jsonl", RESULTS, plain()).len(), 5);
    let table = "n,input,url,outcome,error.kind,tags.sku\n\
        0,http://a.example/,http://a.example/,ok,,\n\
        1,b.example,https://b.example/,failed,timeout.connect,7\n";
    assert_eq!(read_file(".csv", table, only(None)), [b]);
    let found = read_file(".txt", "http://a.example/", only(None));
    assert_eq!(found, ["error FILE: --only needs a results file, and this is a list"]);
}

#[test]
fn a_long_comment_is_no_input() {
    let caps = Caps { line_bytes_max: 20, ..Caps::default() };
    let text = format!("# {}\nhttp://a/\n", "x".repeat(50));
    assert_eq!(read_file("", text, SourceSpec { caps, ..plain() }), ["http://a/"]);
}

#[test]
fn a_scheme_is_not_guessed_where_secrets_are_sent() {
    let default_request = Some(Arc::new(RequestSpec {
        headers: vec![("Authorization".into(), "x".into())],
        ..RequestSpec::default()
    }));
    let spec = SourceSpec { default_request, ..arguments(&["a.example"]) };
    assert_eq!(read(&spec), ["https://a.example/ input=\"a.example\" - Authorization:x"]);
}

#[test]
fn parts_follow_each_other_and_the_limit_counts_all() {
    let first = File::new(".txt", b"http://b/\nhttp://\n");
    let second = File::new(".csv", b"url\nhttp://c/\n");
    let spec =
        SourceSpec { files: vec![first.input(), second.input()], ..arguments(&["http://a/"]) };
    let all = [
        "http://a/ @1",
        "http://b/ @1",
        "line 2: input.invalid: no host in the URL | http://",
        "http://c/ @2",
    ];
    assert_eq!(read(&spec), all);
    for limit in 0..=4 {
        let spec = SourceSpec { limit: Some(limit), ..spec.clone() };
        assert_eq!(read(&spec), all[..usize::try_from(limit).expect("small")]);
    }
}

#[test]
fn what_cannot_be_read_says_what_to_do() {
    let none = open(&plain()).err().expect("nothing to read");
    assert_eq!(none.to_string(), "nothing to fetch");
    let file = File::new(".txt", b"http://a/\n");
    let path = file.0.path().display().to_string();
    let error = open(&arguments(&[&path])).err().expect("a file");
    assert_eq!(error.to_string(), format!("{path} is a file, not a URL"));
    assert_eq!(error.hint(), Some(format!("use -i {path}")));
    assert!(error.is_usage());
    let named = |path: &str| SourceSpec {
        files: vec![InputFile { path: InputPath::File(path.into()), format: Format::Auto }],
        ..plain()
    };
    for path in ["/nowhere/list.txt", "/"] {
        let error = open(&named(path)).err().expect("not readable");
        assert!(error.to_string().starts_with(&format!("cannot read {path}: ")), "{error}");
        assert!(error.is_usage() && error.hint().is_some(), "{error}");
    }
    let found = read_file(".txt", b"\xff\xfeh\0t\0", plain());
    assert_eq!(found, ["error FILE: it is UTF-16: save it as UTF-8"]);
}
