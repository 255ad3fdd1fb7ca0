//! Inputs of every form, as their records must show them.

use super::*;
use crate::entry::{Entry, Outcome};

/// The inputs of a file of this name and content: where each stands, and as it is shown.
fn read(name: &str, content: &[u8], spec: InputSpec) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, content).unwrap();
    let mut inputs = Inputs::new(InputSpec { files: vec![path], ..spec });
    let mut found = Vec::new();
    while let Some(input) = inputs.next().unwrap() {
        let place = input.where_it_stands();
        let line = place.rsplit(' ').next().unwrap().to_owned();
        found.push(format!("{} {line} {}", input.n, input.shown(&Hidden::default())));
    }
    found.join("\n")
}

#[test]
fn every_form_is_read() {
    let only = |kind: Option<&str>| InputSpec {
        only: Some(OnlyFailed { kind: kind.map(str::to_owned) }),
        ..InputSpec::default()
    };
    let field = |name: &str| InputSpec { url_field: Some(name.to_owned()), ..InputSpec::default() };
    let plain = InputSpec::default;
    let results = b"n,input,outcome,error.kind\n0,a,ok,\n1,b,failed,dns.temporary\n\
                    2,c,skipped,cancelled\n3,d,skipped,input.invalid\n";
    let cases: &[(&str, &[u8], InputSpec, &[&str])] = &[
        ("l.txt", b"\xef\xbb\xbfa\n#c\n\n b \r\nd", plain(), &["0 1 a", "1 4 b", "2 5 d"]),
        ("l", b"", plain(), &[]),
        ("l", b"a\nb\nc\n", InputSpec { limit: Some(2), ..plain() }, &["0 1 a", "1 2 b"]),
        ("t.csv", b"\xef\xbb\xbfurl,x\na,1\n\nb,2", plain(), &["0 2 a", "1 4 b"]),
        ("t.tsv", b"x\tLink\n1\ta,b\n", plain(), &["0 2 a,b"]),
        ("t.csv", b"x;y\n1;http://a/\n", plain(), &["0 2 http://a/"]),
        ("t.csv", b"x,y\n1,\"a\nb\"\n2,c\n", field("y"), &["0 2 a\nb", "1 4 c"]),
        ("t", b"x,y\n1,a\n", field("y"), &["0 2 a"]),
        ("r.csv", results, plain(), &["0 2 a", "1 3 b", "2 4 c", "3 5 d"]),
        ("r.csv", results, only(None), &["0 3 b", "1 4 c"]),
        ("r.csv", results, only(Some("dns")), &["0 3 b"]),
        ("r.csv", results, only(Some("input.invalid")), &["0 5 d"]),
        (
            "o.jsonl",
            b"{\"href\":\"a\",\"url\":\" b\"}\n\n{\"x\":1}\nno\n",
            plain(),
            &["0 1 b", "1 3 ", "2 4 "],
        ),
        ("o", b" {\"y\":7}\n", field("y"), &["0 1 7"]),
    ];
    for (name, content, spec, expected) in cases {
        let shown = String::from_utf8_lossy(content);
        assert_eq!(read(name, content, spec.clone()), expected.join("\n"), "{name}: {shown}");
    }
}

#[test]
fn a_record_may_show_what_the_run_may_write_and_nothing_else() {
    let long = "x".repeat(300);
    let cases: &[(&str, &[u8], &[&str], &[&str])] = &[
        // Text, line, what an ok record may show, what a skipped one may show beside it.
        ("http://a/", b" http://a/ ", &["http://a/"], &[" http://a/ "]),
        ("http://me:pw@a/x@y", b"http://me:pw@a/x@y", &["http://***@a/x@y", "http://a/x@y"], &[]),
        ("a?key=s&k%65y=t#key=u", b"", &["a?key=***&k%65y=***#key=u"], &[]),
        ("=1+1", b"=1+1", &["=1+1", "'=1+1"], &[]),
        (&long, long.as_bytes(), &[&long], &[&long[..200]]),
        ("\u{fffd}b", b"\xffb", &["\u{fffd}b"], &[]),
    ];
    let hidden = Hidden(vec!["KEY".to_owned()]);
    let check = |input: &Expected, shown: &str, outcome| {
        let input_hash = input_hash(shown);
        let (n, at, sha256, kind, status) = (0, 0, 0, 0, 0);
        input.is_shown_by(
            &Entry { n, at, input: input_hash, sha256, kind, status, outcome },
            &hidden,
        )
    };
    for (text, raw, always, if_skipped) in cases {
        let mut input = Expected::default();
        input.set(text, raw);
        for shown in *always {
            assert!(check(&input, shown, Outcome::Ok), "{text} as {shown}");
        }
        for shown in *if_skipped {
            assert!(check(&input, shown, Outcome::Skipped), "{text} as {shown}");
            assert!(!check(&input, shown, Outcome::Ok), "{text} as {shown}");
        }
        assert!(!check(&input, "http://other/", Outcome::Skipped), "{text}");
        if text.contains("pw@") {
            assert!(!check(&input, text, Outcome::Ok), "a record must not show credentials");
        }
    }
}
