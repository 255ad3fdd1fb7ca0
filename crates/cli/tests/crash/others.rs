//! Other programs that read results: a Python that is asked again and again, and sqlite3.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::Value;

/// A Python that waits for questions; see `read.py`.
struct Python {
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// Started by the first question; it ends when this process does.
static PYTHON: OnceLock<Option<Mutex<Python>>> = OnceLock::new();

fn python() -> Option<&'static Mutex<Python>> {
    let start = || {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let default = root.join("../../target/test-python/bin/python");
        let python = std::env::var_os("GATHER_TEST_PYTHON").map_or(default, PathBuf::from);
        let mut child = Command::new(python)
            .arg(root.join("tests/crash/read.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let ask = child.stdin.take().expect("a pipe");
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut python = Python { ask, answers };
        // It imports what it needs before it answers anything.
        python.ask("parquet", Path::new("/nowhere")).map(|_| Mutex::new(python))
    };
    PYTHON.get_or_init(start).as_ref()
}

impl Python {
    fn ask(&mut self, what: &str, path: &Path) -> Option<Value> {
        writeln!(self.ask, "{what}\t{}", path.display()).ok()?;
        self.ask.flush().ok()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).ok()?;
        serde_json::from_str(&answer).ok()
    }
}

/// Whether there is a Python that can be asked.
pub(crate) fn has_python() -> bool {
    python().is_some()
}

/// What Python reads in a file.
pub(crate) fn read(what: &str, path: &Path) -> Vec<Value> {
    let python = python().expect("asked only where there is one");
    let mut python = python.lock().unwrap_or_else(PoisonError::into_inner);
    let answer = python.ask(what, path).expect("Python answers");
    match &answer["found"] {
        Value::Array(found) => found.clone(),
        _ => panic!("{}: {}", path.display(), answer["error"]),
    }
}

/// Whether there is a sqlite3.
pub(crate) fn has_sqlite3() -> bool {
    Command::new("sqlite3").arg("--version").output().is_ok()
}

/// The lines that sqlite3 answers with, columns parted by `|`.
pub(crate) fn sqlite3(path: &Path, sql: &str) -> Vec<String> {
    let output = Command::new("sqlite3").arg(path).arg(sql).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}: {said}", path.display());
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(str::to_owned).collect()
}
