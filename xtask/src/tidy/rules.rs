//! Rules about the text of single files.

use std::collections::BTreeMap;

use super::Finding;
use super::source::Source;

/// What must not be in code: the words, where they may be all the same, and what to do.
const FORBIDDEN: &[(&str, Where, &str)] = &[
    ("todo!", Where::Nowhere, "finish it, or open an issue and leave it out"),
    ("unimplemented!", Where::Nowhere, "finish it, or open an issue and leave it out"),
    (".unwrap()", Where::Tests, "return the error, or `expect` with the invariant that holds"),
    ("#[ignore", Where::Nowhere, "mend the test or delete it; none is skipped"),
    ("println!", Where::TestsAndPrograms, "a library returns what it has to say"),
    ("unbounded_channel", Where::Nowhere, "give the channel a limit"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    Nowhere,
    Tests,
    TestsAndPrograms,
}

/// Checks one source file.
pub(super) fn check(source: &Source<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !source.text.starts_with("//! ") {
        let message = "open the file with one sentence, `//! …`, that says what it is for";
        findings.push(Finding::new(source.path, 1, message));
    }
    for (at, line) in source.code.iter().enumerate() {
        for (words, permitted, remedy) in FORBIDDEN {
            let is_permitted = match permitted {
                Where::Nowhere => false,
                Where::Tests => source.is_test[at],
                Where::TestsAndPrograms => source.is_test[at] || is_program(source.path),
            };
            if line.contains(words) && !is_permitted {
                let message = format!("`{words}` is not for this house: {remedy}");
                findings.push(Finding::new(source.path, at + 1, message));
            }
        }
    }
    findings
}

/// Whether a file belongs to a program or to the tools, which talk to people.
fn is_program(path: &str) -> bool {
    [
        "crates/cli/",
        "crates/instructions/src/main.rs",
        "crates/sim/src/main.rs",
        "crates/testkit/src/main.rs",
        "xtask/",
    ]
    .iter()
    .any(|own| path.starts_with(own))
        || path.ends_with("build.rs")
}

/// Finds paths that exist on this machine only.
pub(super) fn machine_paths(files: &BTreeMap<String, String>, paths: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, text) in files {
        for (at, line) in text.lines().enumerate() {
            if let Some(path) = paths.iter().find(|path| line.contains(path.as_str())) {
                let message = format!("`{path}` is a path of this machine: write it relatively");
                findings.push(Finding::new(file, at + 1, message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines with findings.
    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Source::new(path, text)).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn each_rule_finds_its_own() {
        let none: [usize; 0] = [];
        let test = "//! A.\n#[cfg(test)]\nmod tests {\n    fn f() { a.unwrap() }\n}\n";
        let cases = [
            ("an opening sentence is missing", "src/a.rs", "fn f() {}\n", vec![1]),
            ("fine", "src/a.rs", "//! A.\nfn f() {}\n", none.to_vec()),
            ("todo", "src/a.rs", "//! A.\nfn f() { todo!() }\n", vec![2]),
            ("todo in words", "src/a.rs", "//! A todo!\n// todo!\nfn f() { \"todo!\" }\n", vec![]),
            ("unwrap", "src/a.rs", "//! A.\nfn f() { a.unwrap() }\n", vec![2]),
            ("unwrap in a test", "src/a.rs", test, vec![]),
            ("unwrap in tests/", "c/tests/a.rs", "//! A.\nfn f() { a.unwrap() }\n", vec![]),
            ("unwrap_or", "src/a.rs", "//! A.\nfn f() { a.unwrap_or(1) }\n", vec![]),
            ("ignored", "c/tests/a.rs", "//! A.\n#[ignore = \"slow\"]\nfn f() {}\n", vec![2]),
            (
                "a library prints",
                "crates/gather/src/a.rs",
                "//! A.\nfn f() { eprintln!() }\n",
                vec![2],
            ),
            ("a program prints", "crates/cli/src/a.rs", "//! A.\nfn f() { println!() }\n", vec![]),
            ("no limit", "src/a.rs", "//! A.\nuse a::unbounded_channel;\n", vec![2]),
        ];
        for (case, path, text, want) in cases {
            assert_eq!(lines(path, text), want, "{case}");
        }
    }

    #[test]
    fn machine_paths_are_found() {
        let files = BTreeMap::from([("a.md".to_owned(), "see\n/home/ann/x here\n".to_owned())]);
        let found = machine_paths(&files, &["/home/ann/".to_owned()]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].path.as_str(), found[0].line), ("a.md", 2));
    }
}
