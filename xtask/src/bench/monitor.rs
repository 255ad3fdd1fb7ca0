//! `gather watch` under load: domains that do not answer, 100,000 targets a minute, kills.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::nginx::Nginx;
use super::report::Sample;
use super::{Bench, Case};
use crate::repo;

pub(super) const CASES: &[Case] = &[
    Case { name: "domains", rounds: 3, run: domains },
    Case { name: "blackbox", rounds: 3, run: blackbox },
    Case { name: "large", rounds: 1, run: large },
];

/// Hosts of the server; targets are spread over them.
const HOSTS: usize = 200;
/// Linux counts the time of processes in these.
const TICKS_A_SECOND: f64 = 100.0;

/// A watch that is measured; dropping it ends it.
struct Watch {
    child: Child,
    folder: PathBuf,
    page: SocketAddr,
    started: Instant,
}

impl Watch {
    fn start(program: &Path, folder: &Path, job: &str, targets: &[String]) -> Result<Self> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("targets.txt"), targets.join("\n") + "\n")?;
        let page = free_address()?;
        let file = format!(
            "[store]\npath = \"watch.db\"\n[web]\nlisten = \"{page}\"\n\
             [job.domains]\nkind = \"liveness\"\ninput = \"targets.txt\"\n{job}\n"
        );
        fs::write(folder.join("gather.toml"), file)?;
        Self::again(program, folder, page)
    }

    /// Starts it on what is there.
    fn again(program: &Path, folder: &Path, page: SocketAddr) -> Result<Self> {
        let started = Instant::now();
        let child = Command::new(fs::canonicalize(program)?)
            .arg("watch")
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("watch.log"))?)
            .spawn()?;
        Ok(Self { child, folder: folder.to_owned(), page, started })
    }

    /// A path of the status page, and how long it took.
    fn get(&self, path: &str) -> Result<(String, Duration)> {
        let began = Instant::now();
        let mut stream = TcpStream::connect(self.page)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.page);
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let took = began.elapsed();
        let text = String::from_utf8_lossy(&answer).into_owned();
        let (_, body) = text.split_once("\r\n\r\n").context("no answer of the status page")?;
        Ok((body.to_owned(), took))
    }

    /// Series of the metrics whose name, with its labels, begins so, added up.
    fn metric(&self, name: &str) -> Result<f64> {
        let (text, _) = self.get("/metrics")?;
        let lines = text.lines().filter(|line| line.starts_with(name));
        Ok(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
    }

    /// Waits until `holds`, and says how long that took since the start.
    fn wait_until(&self, seconds: u64, holds: impl Fn(&Self) -> Result<bool>) -> Result<Duration> {
        while self.started.elapsed() < Duration::from_secs(seconds) {
            if holds(self).unwrap_or(false) {
                return Ok(self.started.elapsed());
            }
            sleep(Duration::from_millis(20));
        }
        let log = fs::read_to_string(self.folder.join("watch.log")).unwrap_or_default();
        bail!("it did not come to that in {seconds} s: {log}")
    }

    /// Processor seconds so far, and megabytes of memory.
    fn cost(&self) -> Result<(f64, f64)> {
        cost(self.child.id())
    }

    /// Bytes of the history, log and free pages counted.
    fn disk(&self) -> u64 {
        let length =
            |name: &str| fs::metadata(self.folder.join(name)).map_or(0, |about| about.len());
        length("watch.db") + length("watch.db-wal")
    }

    /// Ends it, which leaves no log beside its history, and starts another one on that.
    fn start_again(self, program: &Path) -> Result<Self> {
        let folder = self.folder.clone();
        self.stop()?;
        Self::again(program, &folder, free_page(&folder)?)
    }

    /// Asks it to end, and waits for it.
    fn stop(mut self) -> Result<()> {
        repo::output(Command::new("kill").args(["-TERM", &self.child.id().to_string()]))?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // One that has ended is gone already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Processor seconds of a process so far, and megabytes of memory at its peak.
fn cost(pid: u32) -> Result<(f64, f64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").context("no such process")?;
    let field = |n: usize| fields.split(' ').nth(n).and_then(|text| text.parse::<f64>().ok());
    let ticks = field(11).zip(field(12)).context("no times in stat")?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    Ok(((ticks.0 + ticks.1) / TICKS_A_SECOND, kib.unwrap_or_default() / 1024.0))
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Addresses that accept and never answer.
struct Silent(Vec<TcpListener>);

impl Silent {
    fn start(count: usize) -> Result<Self> {
        let listen =
            |n: usize| TcpListener::bind((format!("127.1.{}.{}", n / 250, n % 250 + 1), 0));
        Ok(Self((0..count).map(listen).collect::<std::io::Result<_>>()?))
    }

    fn urls(&self) -> Result<Vec<String>> {
        let url = |listener: &TcpListener| Ok(format!("http://{}/", listener.local_addr()?));
        self.0.iter().map(url).collect()
    }
}

/// 1,000 domains of which 50 do not answer: one pass, and how soon the 50 are known to be down.
fn domains(bench: &mut Bench) -> Result<Vec<Sample>> {
    const ALL: usize = 1_000;
    const DEAD: usize = 50;
    let nginx = Nginx::start(ALL - DEAD)?;
    let silent = Silent::start(DEAD)?;
    let mut targets: Vec<String> = (0..ALL - DEAD).map(|host| nginx.url(host, "/ok")).collect();
    targets.extend(silent.urls()?);
    bench.rng.shuffle(&mut targets);
    let folder = bench.folder.path().join(format!("domains-{}", bench.round));
    fs::create_dir_all(&folder)?;
    let list = folder.join("all.txt");
    fs::write(&list, targets.join("\n") + "\n")?;
    let began = Instant::now();
    let checked = Command::new(bench.client.program())
        .args(["check", "-i"])
        .arg(&list)
        .args(["--timeout", "5", "-q", "-o"])
        .arg(folder.join("health.jsonl"))
        .stdout(Stdio::null())
        .status()?;
    let pass = began.elapsed();
    if checked.code() != Some(2) {
        bail!("gather check ended with {checked}");
    }
    let job = "every = \"10s\"\ntimeout = \"5s\"";
    let watch = Watch::start(bench.client.program(), &folder, job, &targets)?;
    // Each has its first slot within the interval.
    watch.wait_until(60, |watch| {
        Ok(watch.metric("gather_targets{state=\"down\"}")? >= DEAD as f64)
    })?;
    sleep(Duration::from_secs(12));
    let down = watch.metric("gather_targets{state=\"down\"}")?;
    let wrong = down - DEAD as f64;
    let confirmed = bound_of(&watch, "gather_down_confirmed_seconds", 1.0)?;
    watch.stop()?;
    Ok(vec![
        Sample::new("one pass over 1,000", "s", pass.as_secs_f64()).ideal(5.0).each_at_most(6.0),
        Sample::new("down confirmed after the first failure began, at most", "s", confirmed)
            .each_at_most(15.0),
        Sample::new("others marked down", "targets", wrong).exactly(0.0),
    ])
}

/// Processor time for each check, each on a connection of its own, beside blackbox_exporter.
fn blackbox(bench: &mut Bench) -> Result<Vec<Sample>> {
    const TARGETS: usize = 2_000;
    let seconds = if bench.args.quick { 5 } else { 30 };
    let nginx = Nginx::start(HOSTS)?;
    let targets: Vec<String> = (0..TARGETS).map(|n| nginx.url(n, &format!("/1k/{n}"))).collect();
    let folder = bench.folder.path().join(format!("blackbox-{}", bench.round));
    let job = "every = \"2s\"\ntimeout = \"1s\"";
    let watch = Watch::start(bench.client.program(), &folder, job, &targets)?;
    watch.wait_until(30, |watch| Ok(watch.metric("gather_checks_total")? >= TARGETS as f64))?;
    let before = (watch.cost()?.0, watch.metric("gather_checks_total")?);
    sleep(Duration::from_secs(seconds));
    let after = (watch.cost()?.0, watch.metric("gather_checks_total")?);
    watch.stop()?;
    let ours = (after.0 - before.0) / (after.1 - before.1) * 1_000.0;
    let theirs = blackbox_ms(&folder, &targets[..500])?;
    Ok(vec![
        Sample::new("CPU a check, history and page included", "ms", ours).at_most(0.1),
        Sample::new("CPU a probe of blackbox_exporter", "ms", theirs),
        Sample::new("ours / theirs", "x", ours / theirs),
    ])
}

/// Processor milliseconds of blackbox_exporter a probe.
fn blackbox_ms(folder: &Path, targets: &[String]) -> Result<f64> {
    let program =
        repo::find_program("prometheus-blackbox-exporter").context("it is not installed")?;
    let config = folder.join("blackbox.yml");
    fs::write(
        &config,
        "modules:\n  http_2xx:\n    prober: http\n    timeout: 1s\n    http:\n      preferred_ip_protocol: ip4\n",
    )?;
    let address = free_address()?;
    let child = Command::new(program)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--web.listen-address={address}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let exporter =
        Watch { child, folder: folder.to_owned(), page: address, started: Instant::now() };
    exporter.wait_until(10, |exporter| Ok(exporter.get("/-/healthy").is_ok()))?;
    let before = exporter.cost()?.0;
    for target in targets {
        let (text, _) = exporter.get(&format!("/probe?module=http_2xx&target={target}"))?;
        if !text.contains("probe_success 1") {
            bail!("blackbox_exporter did not reach {target}: {text}");
        }
    }
    Ok((exporter.cost()?.0 - before) / targets.len() as f64 * 1_000.0)
}

/// Slots without a check that the watch itself is to blame for.
fn missed_by_own_fault(watch: &Watch) -> Result<f64> {
    ["overload", "overlap", "stopped", "not_running"]
        .iter()
        .map(|cause| watch.metric(&format!("gather_checks_missed_total{{cause=\"{cause}\"")))
        .sum()
}

/// 100,000 targets each minute, for five minutes.
fn large(bench: &mut Bench) -> Result<Vec<Sample>> {
    let (count, minutes) = if bench.args.quick { (10_000, 1) } else { (100_000, 5) };
    let nginx = Nginx::start(HOSTS)?;
    let target = |n: usize| nginx.url(n, &format!("/1k/{n}"));
    let mut targets: Vec<String> = (0..count).map(target).collect();
    let folder = bench.folder.path().join(format!("large-{}", bench.round));
    let program = bench.client.program().to_owned();
    let first = Watch::start(&program, &folder, "every = \"1m\"\ntimeout = \"5s\"", &targets)?;
    let all = count as f64;
    let is_armed = |watch: &Watch| Ok(watch.metric("gather_targets{")? >= all);
    let armed = first.wait_until(60, is_armed)?;
    // What writing down so many targets left in the log would hide what checks take.
    let watch = first.start_again(&program)?;
    let disk = watch.disk();
    watch.wait_until(60, is_armed)?;
    sleep(Duration::from_secs(2));
    let (checks, missed) = (watch.metric("gather_checks_total")?, missed_by_own_fault(&watch)?);
    let (began, cpu) = (Instant::now(), watch.cost()?.0);
    let (mut view_bytes, mut view_s) = (0.0_f64, Vec::new());
    while began.elapsed() < Duration::from_secs(minutes * 60) {
        sleep(Duration::from_secs(5));
        let (page, took) = watch.get("/")?;
        view_bytes = view_bytes.max(page.len() as f64);
        view_s.push(took.as_secs_f64());
    }
    let seconds = began.elapsed().as_secs_f64();
    let made = watch.metric("gather_checks_total")? - checks;
    let cpu = (watch.cost()?.0 - cpu) / made * 1_000.0;
    let bytes = watch.disk().saturating_sub(disk) as f64 / made;
    let own_fault = missed_by_own_fault(&watch)? - missed;
    let lag = bound_of(&watch, "gather_schedule_lag_seconds", 0.99)?;
    let reload = reload(&watch, &folder, &mut targets, &nginx)?;
    let memory = watch.cost()?.1;
    // Everything is known already: how soon is it armed again?
    let again = watch.start_again(&program)?;
    let armed_again = again.wait_until(60, is_armed)?;
    again.stop()?;
    view_s.sort_by(f64::total_cmp);
    Ok(vec![
        Sample::new("checks a second", "1/s", made / seconds).ideal(all / 60.0),
        Sample::new("missed for our own sake", "slots", own_fault).exactly(0.0),
        Sample::new("schedule lag, p99 at most", "s", lag).each_at_most(0.2),
        Sample::new("peak memory", "MB", memory).each_at_most(400.0),
        Sample::new("CPU a check", "ms", cpu).at_most(0.1),
        Sample::new("bytes a check on disk", "B", bytes).each_at_most(16.0),
        Sample::new("armed after a first start, page asked", "s", armed.as_secs_f64()),
        Sample::new("armed after a start", "s", armed_again.as_secs_f64()).each_at_most(1.0),
        Sample::new("reload that changes ten", "s", reload).each_at_most(0.2),
        Sample::new("first view", "kB", view_bytes / 1_000.0).each_at_most(100.0),
        Sample::new("first view, p50 as seen beside the load", "s", view_s[view_s.len() / 2])
            .at_most(0.05),
    ])
}

/// The upper bound of the bucket of a histogram that this share of it is within.
fn bound_of(watch: &Watch, name: &str, share: f64) -> Result<f64> {
    let (text, _) = watch.get("/metrics")?;
    let prefix = format!("{name}_bucket{{le=\"");
    let buckets: Vec<(f64, f64)> = text
        .lines()
        .filter_map(|line| line.strip_prefix(&prefix))
        .filter_map(|line| {
            let (bound, rest) = line.split_once('"')?;
            let bound = bound.replace("+Inf", "inf").parse().ok()?;
            Some((bound, rest.rsplit(' ').next()?.parse().ok()?))
        })
        .collect();
    let all = buckets.last().map_or(0.0, |(_, count)| *count);
    let found = buckets.iter().find(|(_, count)| all > 0.0 && *count >= all * share);
    found.map(|(bound, _)| *bound).with_context(|| format!("{name} has nothing"))
}

/// Replaces ten targets of the list, and says how long the watch took to take that over.
fn reload(watch: &Watch, folder: &Path, targets: &mut [String], nginx: &Nginx) -> Result<f64> {
    for (n, target) in targets.iter_mut().take(10).enumerate() {
        *target = nginx.url(n, &format!("/1k/new-{n}"));
    }
    fs::write(folder.join("targets.txt"), targets.join("\n") + "\n")?;
    let before = watch.metric("gather_list_reads_total")?;
    repo::output(Command::new("kill").args(["-HUP", &watch.child.id().to_string()]))?;
    watch.wait_until(600, |watch| Ok(watch.metric("gather_list_reads_total")? > before))?;
    watch.metric("gather_list_read_seconds ")
}

/// The address of the page that the configuration names.
fn free_page(folder: &Path) -> Result<SocketAddr> {
    let file = fs::read_to_string(folder.join("gather.toml"))?;
    let listen = file.lines().find_map(|line| line.strip_prefix("listen = \""));
    Ok(listen.context("no address")?.trim_end_matches('"').parse()?)
}
