//! A workbench: an empty directory, and the binary run in it with a clean environment.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// An empty directory to run the binary in.
pub(crate) struct Bench {
    directory: TempDir,
    variables: Vec<(String, String)>,
}

/// How a run of the binary ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code; 128 and more for a signal.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory"), variables: Vec::new() }
    }

    /// Sets an environment variable for all runs.
    pub(crate) fn with_env(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Puts a file there.
    pub(crate) fn with_file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.path(name), text).expect("written");
        self
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What is in a file there.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The command, ready to run; its input is empty, its outputs are caught.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let built = env!("CARGO_BIN_EXE_gather");
        // As built for the tests, or the one that `cargo xtask show` names.
        let program = std::env::var_os("GATHER_SHOW_PROGRAM").unwrap_or_else(|| built.into());
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(self.directory.path())
            .env_clear()
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it with these arguments to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let output = self.command(args).output().expect("the binary starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// The words of a command line; single quotes keep spaces together.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.split('\'').enumerate() {
        match at % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

impl Bench {
    /// Waits until so many whole records are in the file.
    pub(crate) fn until_records(&self, name: &str, count: usize) {
        let text = || std::fs::read_to_string(self.path(name)).unwrap_or_default();
        until("enough records", || text().lines().count() >= count);
    }

    /// [`run`](Self::run), from a line as it would be typed.
    pub(crate) fn line(&self, line: &str) -> Ran {
        let words = words(line);
        self.run(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// Waits until something is so in another process, but not for ever.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < Duration::from_secs(60), "never came: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
