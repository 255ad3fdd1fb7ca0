//! A directory, a server, a list, and the program run on them: plain, traced, killed.

use std::cell::OnceCell;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use gather_testkit::{Postgres, PostgresSync, Server, Site};
use tempfile::TempDir;

use crate::check::{Verdict, check};
use crate::sinks::{POSTGRES, Place, SinkCase, schema};

/// Requests in flight at once.
pub(crate) const CONCURRENCY: u64 = 20;
/// Requests that a kill may have repeated: those in flight, and those whose records were not
/// committed.
pub(crate) const REPEATS_MAX: u64 = 2 * CONCURRENCY + 1_000;
/// Nothing takes longer, unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A server and a list of it, for many runs.
pub(crate) struct Bed {
    server: Server,
    inputs: Vec<String>,
    list: String,
    /// Started by the first run that writes to it.
    postgres: OnceCell<Postgres>,
}

/// One run in its own directory, from its beginning to the end of its last part.
pub(crate) struct Job<'a> {
    pub(crate) bed: &'a Bed,
    pub(crate) case: &'a SinkCase,
    dir: Home,
    /// Hits of the server when it began, and how often it was killed.
    hits_before: u64,
    pub(crate) kills: u64,
}

/// The directory of a run.
enum Home {
    /// Removed after it.
    Own(TempDir),
    /// Found.
    There(PathBuf),
}

/// How the list comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    /// As a file.
    File,
    /// Through a pipe.
    Piped,
}

/// How a whole run came out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) verdict: Verdict,
    /// Requests sent more than once, for each kill.
    pub(crate) repeats_per_kill: u64,
}

impl Bed {
    pub(crate) fn new(inputs: usize) -> Self {
        Self::on(Server::start(Site { log_requests_max: 0, ..Site::default() }), inputs)
    }

    pub(crate) fn on(server: Server, inputs: usize) -> Self {
        // Some bodies differ, and the last third of them was there before.
        let different = inputs - inputs / 3;
        let url = |n: usize| server.url(&format!("/ok?n={n}&size={}", 100 + n % 40));
        let inputs: Vec<String> = (0..inputs).map(|n| url(n % different)).collect();
        let list = inputs.iter().map(|input| format!("{input}\n")).collect();
        Self { server, inputs, list, postgres: OnceCell::new() }
    }

    pub(crate) fn job<'a>(&'a self, case: &'a SinkCase) -> Job<'a> {
        self.job_in(case, directory())
    }

    pub(crate) fn job_in<'a>(&'a self, case: &'a SinkCase, dir: TempDir) -> Job<'a> {
        std::fs::write(dir.path().join("urls.txt"), &self.list).expect("written");
        Job { bed: self, case, dir: Home::Own(dir), hits_before: self.server.hits(), kills: 0 }
    }

    /// A run that was begun elsewhere, and goes on in this directory.
    pub(crate) fn job_at<'a>(&'a self, case: &'a SinkCase, dir: PathBuf) -> Job<'a> {
        Job { bed: self, case, dir: Home::There(dir), hits_before: self.server.hits(), kills: 0 }
    }

    pub(crate) fn list(&self) -> &str {
        &self.list
    }

    pub(crate) fn hits(&self) -> u64 {
        self.server.hits()
    }

    /// What is wrong with the output in this directory.
    pub(crate) fn verdict(&self, case: &SinkCase, dir: &Path) -> Verdict {
        let postgres = case.is_postgres().then(|| self.postgres());
        check(&self.inputs, &case.entries(Place { dir, postgres }))
    }

    fn postgres(&self) -> &Postgres {
        let start = || Postgres::start(None, PostgresSync::Off);
        self.postgres.get_or_init(|| start().expect("asked only where there is one"))
    }
}

impl Job<'_> {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    pub(crate) fn dir(&self) -> &Path {
        match &self.dir {
            Home::Own(dir) => dir.path(),
            Home::There(dir) => dir,
        }
    }

    /// The journal, by its default name.
    pub(crate) fn journal(&self) -> PathBuf {
        self.path(&self.case.journal())
    }

    /// The arguments that begin it.
    pub(crate) fn args(&self, more: &[&str]) -> Vec<String> {
        let concurrency = CONCURRENCY.to_string();
        let own = ["fetch", "-i", "urls.txt", "-c", &concurrency];
        let all = own.iter().chain(self.case.flags).chain(more);
        let filled = |arg: &&str| match *arg {
            POSTGRES => format!("{}?schema={}", self.bed.postgres().url(), schema(self.dir())),
            arg => arg.to_owned(),
        };
        all.map(filled).collect()
    }

    /// The program, with these arguments.
    pub(crate) fn command(&self, args: &[String]) -> Command {
        let mut command = Command::new(program());
        command.args(args);
        self.at_home(&mut command);
        command
    }

    /// Has a command run in the directory of the run.
    pub(crate) fn at_home(&self, command: &mut Command) {
        command
            .current_dir(self.dir())
            .env_clear()
            .env("TMPDIR", self.dir())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
    }

    /// Begins it.
    pub(crate) fn spawn(&self, more: &[&str]) -> Child {
        self.command(&self.args(more)).spawn().expect("the program starts")
    }

    /// Begins it, and it waits for its list to be piped in.
    pub(crate) fn spawn_waiting(&self, more: &[&str]) -> Child {
        let mut args = self.args(more);
        args[2] = "-".to_owned();
        self.command(&args).stdin(Stdio::piped()).spawn().expect("the program starts")
    }

    /// Pipes the list in.
    pub(crate) fn feed(&self, child: &mut Child) {
        let mut pipe = child.stdin.take().expect("a pipe");
        // It may be killed before it has read all.
        let _ = pipe.write_all(self.bed.list().as_bytes());
    }

    /// Goes on until all is done, and checks.
    pub(crate) fn end(&self, list: List) -> Ended {
        self.try_end(list).unwrap_or_else(|said| panic!("{said}"))
    }

    /// As [`end`](Self::end); what it says if it does not end well.
    pub(crate) fn try_end(&self, list: List) -> Result<Ended, String> {
        let child = match list {
            List::File => self.spawn(&["--resume"]),
            List::Piped => {
                let mut child = self.spawn_waiting(&["--resume"]);
                self.feed(&mut child);
                child
            }
        };
        self.end_of(child)
    }

    fn end_of(&self, child: Child) -> Result<Ended, String> {
        let output = ended(child);
        if output.status.code() != Some(0) {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{}: going on: {}: {said}", self.case.name, output.status));
        }
        let verdict = self.bed.verdict(self.case, self.dir());
        let sent = self.bed.hits() - self.hits_before;
        let inputs = self.bed.inputs.len();
        let once = if self.case.sends_once() { inputs - inputs / 3 } else { inputs };
        let repeated = sent.saturating_sub(once as u64);
        Ok(Ended { verdict, repeats_per_kill: repeated.div_ceil(self.kills.max(1)) })
    }
}

impl Ended {
    /// Nothing is wrong.
    pub(crate) fn assert_whole(&self, what: &str) {
        assert_eq!(self.verdict, Verdict::default(), "{what}");
        let repeats = self.repeats_per_kill;
        assert!(repeats <= REPEATS_MAX, "{what}: {repeats} requests repeated for a kill");
    }
}

/// A directory in memory, where there is such: a killed process leaves it as it leaves a disk, and
/// nobody waits for the disk.
pub(crate) fn directory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a directory")
}

/// The program that is crashed: as built for the tests, or the one named by the long form.
pub(crate) fn program() -> PathBuf {
    match std::env::var_os("GATHER_CRASH_PROGRAM") {
        Some(path) => path.into(),
        None => env!("CARGO_BIN_EXE_gather").into(),
    }
}

/// Waits for the end, but not for ever.
pub(crate) fn ended(mut child: Child) -> Output {
    let since = Instant::now();
    // What it says fits into the pipes.
    while child.try_wait().expect("it is ours").is_none() {
        if since.elapsed() > PATIENCE {
            child.kill().expect("it was running");
            let said = child.wait_with_output().expect("it is gone").stderr;
            panic!("it hangs: {}", String::from_utf8_lossy(&said));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.wait_with_output().expect("it has ended")
}

/// Waits until something is so, but not for ever.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "never came: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
