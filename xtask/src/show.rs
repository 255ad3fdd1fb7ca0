//! The show: the demo's market scraped into SQLite in one run that is killed on the way, and every
//! row held against what the generator says without HTML.

mod crawl;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::repo;

/// The most memory that the run may take, in any of its parts.
const MEMORY_MB_MAX: u64 = 256;
/// Between two looks at the run.
const LOOK: Duration = Duration::from_millis(20);
/// A run that gets no further is given up.
const STANDSTILL_MAX: Duration = Duration::from_secs(60);
/// Each row as the generator writes it.
const ROWS: &str = "SELECT json_object('page', n + 1, 'row', row, 'sku', sku, 'name', name, \
                    'price', printf('%.2f', price), 'currency', currency, \
                    'was', CASE WHEN was IS NOT NULL THEN printf('%.2f', was) END, \
                    'rating', CASE WHEN rating IS NOT NULL THEN printf('%.1f', rating) END, \
                    'stock', stock, 'path', substr(link, instr(link, '/offer/'))) \
                    FROM result_row ORDER BY n, row";

/// Scrapes the demo's market into SQLite, killed on the way, and checks every row.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    /// Something else than the market.
    #[command(subcommand)]
    other: Option<Other>,
    /// Listing pages.
    #[arg(long, default_value_t = 300_000)]
    pages: u64,
    /// How often the run is killed on the way.
    #[arg(long, default_value_t = 3)]
    kills: u64,
    /// Where the database is written, and left; a temporary directory otherwise.
    #[arg(long)]
    directory: Option<PathBuf>,
    /// The program to show instead of a release build of this repository.
    #[arg(long)]
    program: Option<PathBuf>,
}

/// What else there is to show.
#[derive(Debug, clap::Subcommand)]
enum Other {
    /// Crawls a large generated site, undisturbed and killed on the way: exactly its pages.
    Crawl(crawl::Args),
}

/// Runs it; the exit code says whether all is complete and right.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if let Some(Other::Crawl(args)) = &args.other {
        return crawl::run(args);
    }
    let program = match &args.program {
        Some(program) => program.canonicalize()?,
        None => build()?,
    };
    let temporary = tempfile::tempdir()?;
    let directory = args.directory.as_deref().unwrap_or(temporary.path());
    fs::create_dir_all(directory)?;
    let (site, market) = serve(&program)?;
    let show = Show { program, database: directory.join("shop.db"), market, pages: args.pages };
    let since = Instant::now();
    let mut memory_kb = 0;
    for kill in 1..=args.kills {
        let at = args.pages * kill / (args.kills + 1);
        memory_kb = memory_kb.max(show.part(Some(at))?);
        println!("killed after {at} pages, {:.1} s", since.elapsed().as_secs_f64());
    }
    memory_kb = memory_kb.max(show.part(None)?);
    let seconds = since.elapsed().as_secs_f64();
    drop(site);
    let (rows, wrong) = show.compare()?;
    let verified = Command::new(&show.program).arg("verify").arg(&show.database).output()?;
    let pages = args.pages;
    println!(
        "{pages} pages, {rows} rows in {seconds:.1} s ({:.0} pages/s), {} kills, at most {} MB\n\
         {wrong} rows differ from what the generator says; gather verify: {}",
        pages as f64 / seconds,
        args.kills,
        memory_kb / 1024,
        String::from_utf8_lossy(&verified.stdout).lines().last().unwrap_or("nothing"),
    );
    let is_right = wrong == 0 && verified.status.success() && memory_kb / 1024 < MEMORY_MB_MAX;
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn build() -> Result<PathBuf> {
    let status = repo::cargo().args(["build", "--release", "-p", "gather-cli"]).status()?;
    ensure!(status.success(), "the program could not be built");
    Ok(repo::target_dir()?.join("release").join("gather"))
}

/// A process that is ended when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// Starts the demo's site: where its market is.
fn serve(program: &Path) -> Result<(Running, String)> {
    let mut command = Command::new(program);
    command.args(["demo", "--serve", "-q"]).stdout(Stdio::piped());
    let mut site = Running(command.spawn().context("the demo does not start")?);
    let listed = site.0.stdout.take().context("its output is caught")?;
    for line in BufReader::new(listed).lines() {
        if let Some(market) = line?.strip_suffix("/list/1") {
            return Ok((site, market.to_owned()));
        }
    }
    bail!("the demo has no market");
}

struct Show {
    program: PathBuf,
    database: PathBuf,
    market: String,
    pages: u64,
}

impl Show {
    /// Runs, or goes on, until so many records are there and then kills it; to the end if `None`.
    /// Its peak memory in KB.
    fn part(&self, kill_at: Option<u64>) -> Result<u64> {
        let mut command = Command::new(&self.program);
        command
            .arg(format!("{}/list/{{1..{}}}", self.market, self.pages))
            .args(["-c", "100", "-q", "--resume", "--rules"])
            .arg(repo::root().join("examples/shop/rules.toml"))
            .arg("-o")
            .arg(&self.database)
            .current_dir(self.database.parent().context("a file in a directory")?);
        let mut run = Running(command.spawn()?);
        let (mut memory_kb, mut records, mut since) = (0, 0, Instant::now());
        loop {
            memory_kb = memory_kb.max(peak_kb(run.0.id()).unwrap_or(0));
            if let Some(status) = run.0.try_wait()? {
                ensure!(status.success(), "the run ended with {status}");
                ensure!(kill_at.is_none(), "the run ended before it was killed");
                return Ok(memory_kb);
            }
            // The database is asked now and then only: it is read while it is written.
            if kill_at.is_some() || since.elapsed() > STANDSTILL_MAX {
                let now = self.records();
                if now > records {
                    (records, since) = (now, Instant::now());
                }
                ensure!(since.elapsed() < STANDSTILL_MAX, "the run stands still");
                if kill_at.is_some_and(|at| records >= at) {
                    return Ok(memory_kb);
                }
                thread::sleep(LOOK * 5);
            }
            thread::sleep(LOOK);
        }
    }

    /// Records that are committed.
    fn records(&self) -> u64 {
        let asked = Command::new("sqlite3")
            .args(["-readonly", "-cmd", ".timeout 5000"])
            .arg(&self.database)
            .arg("SELECT max(records) FROM run")
            .output();
        let said = asked.map(|asked| String::from_utf8_lossy(&asked.stdout).into_owned());
        said.ok().and_then(|said| said.trim().parse().ok()).unwrap_or(0)
    }

    /// Holds each row of the database against the generator's: how many there are, how many differ.
    fn compare(&self) -> Result<(u64, u64)> {
        let found = Command::new("sqlite3")
            .arg(&self.database)
            .arg(ROWS)
            .stdout(Stdio::piped())
            .spawn()
            .context("sqlite3 is needed")?;
        let made = Command::new(&self.program)
            .args(["demo", "--market", &self.pages.to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        let (mut found, mut made) = (Running(found), Running(made));
        let mut found = lines(&mut found)?;
        let mut made = lines(&mut made)?;
        let (mut rows, mut wrong) = (0, 0);
        loop {
            let (is, wanted) = (found.next().transpose()?, made.next().transpose()?);
            if is.is_none() && wanted.is_none() {
                return Ok((rows, wrong));
            }
            rows += u64::from(is.is_some());
            if is != wanted {
                if wrong < 3 {
                    eprintln!("{is:?} should be {wanted:?}");
                }
                wrong += 1;
            }
        }
    }
}

fn lines(of: &mut Running) -> Result<std::io::Lines<BufReader<impl Read + use<>>>> {
    Ok(BufReader::new(of.0.stdout.take().context("its output is caught")?).lines())
}

/// The most memory that a process has had so far, where the system tells.
fn peak_kb(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
