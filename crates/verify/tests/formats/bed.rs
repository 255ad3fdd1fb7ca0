//! A directory with a small run, its list, and what verification says of its outputs.

use std::path::PathBuf;

use gather_verify::{InputSpec, OutputSpec, Report, Request, verify};
use tempfile::TempDir;

/// Inputs of the run: an answer, a refusal, a page behind a redirect, no URL, the first one again.
pub(crate) const INPUTS: [&str; 5] = [
    "http://a.example/",
    "http://b.example/x",
    "http://c.example/y",
    "not a url",
    "http://a.example/",
];

/// What became of them: outcome, status, kind, body.
pub(crate) const ENDS: [(&str, u16, &str, &str); 5] = [
    ("ok", 200, "", "hello"),
    ("failed", 404, "http.status", "none"),
    ("ok", 200, "", "world"),
    ("skipped", 0, "input.invalid", ""),
    ("ok", 200, "", "hello"),
];

/// The run's directory, with the list `urls.txt`.
pub(crate) struct Bed {
    pub(crate) dir: TempDir,
}

impl Bed {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("urls.txt"), INPUTS.join("\n")).expect("written");
        Self { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The records of these inputs as JSON lines.
    pub(crate) fn write_jsonl(&self, name: &str, numbers: impl IntoIterator<Item = usize>) {
        let lines: String = numbers.into_iter().map(json_line).collect();
        std::fs::write(self.path(name), lines).expect("written");
    }

    /// What is said of these outputs, held against the list.
    pub(crate) fn verify(&self, outputs: &[&str]) -> Report {
        let output = |name: &&str| OutputSpec::named(&self.path(name).to_string_lossy());
        let outputs: Option<Vec<_>> = outputs.iter().map(output).collect();
        let inputs = InputSpec { files: vec![self.path("urls.txt")], ..InputSpec::default() };
        let outputs = outputs.expect("names that say their form");
        verify(&Request { outputs, inputs: Some(inputs), ..Request::default() })
            .expect("it can be verified")
    }
}

/// The record of an input as a JSON line.
pub(crate) fn json_line(n: usize) -> String {
    let (outcome, status, kind, body) = ENDS[n];
    let mut record = serde_json::json!({ "n": n, "input": INPUTS[n], "outcome": outcome });
    record["attempts"] = u64::from(status > 0).into();
    if status > 0 {
        record["url"] = INPUTS[n].into();
        record["status_code"] = status.into();
        record["content_length"] = body.len().into();
        record["sha256"] = sha256(body.as_bytes()).into();
    }
    if !kind.is_empty() {
        record["error"] = serde_json::json!({ "kind": kind, "message": "it is so" });
    }
    format!("{record}\n")
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All faults of a report, one a line.
pub(crate) fn faults(report: &Report) -> String {
    let named = report.checks.iter().flat_map(|check| &check.first);
    named.map(|fault| format!("{fault}\n")).collect()
}

/// Asserts that nothing is wrong, or that exactly these faults are named, by a part of each.
pub(crate) fn assert_faults(what: &str, report: &Report, expected: &[&str]) {
    let found = faults(report);
    for part in expected {
        assert!(found.contains(part), "{what}: no {part:?} in\n{found}");
    }
    assert_eq!(report.faults(), expected.len() as u64, "{what}:\n{found}");
}
