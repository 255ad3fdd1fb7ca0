//! What the history of a watch costs: bytes and processor time for each check, time for each page.
//!
//! `cargo run --release -p gather-store --features history --example checks_on_disk -- [TARGETS]
//! [MINUTES] [FILE]` writes what a watch of so many targets sees in so many minutes, each checked
//! once a minute, one batch a second: 1 in 1,000 is down, and 1 in 10,000 checks fails once.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gather_core::ErrorKind;
use gather_core::health::Health;
use gather_core::time::Time;
use gather_core::watch::{Check, State, WatchedNo};
use gather_store::history::{
    Batch, History, HistoryPlace, HistoryReader, JobKind, JobRow, Span, StoredState, TargetQuery,
    TargetRow,
};

/// 2026-11-21T00:00:00Z, in milliseconds.
const BEGIN_MS: u64 = 1_795_219_200_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let targets: u32 = args.next().map_or(Ok(100_000), |text| text.parse())?;
    let minutes: u64 = args.next().map_or(Ok(10), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let path = args.next().map_or_else(|| folder.path().join("gather.db"), PathBuf::from);
    let place = HistoryPlace::Sqlite(path.clone());
    let mut history = History::open(&place, begin())?;
    register(&mut history, targets)?;
    history.upkeep(begin(), Duration::ZERO)?;
    let before = bytes(&path);
    println!("registered: {} bytes a target", before / u64::from(targets));
    let written = write(&mut history, targets, minutes, &path, before)?;
    drop(history);
    read(&place, targets, minutes)?;
    let again = Instant::now();
    let mut history = History::open(&place, begin())?;
    println!("opened again: {:?}; {} checks", again.elapsed(), written);
    println!("states: {:?}", timed(|| history.states().map(drop))?);
    Ok(())
}

fn begin() -> Time {
    Time::from_millis(BEGIN_MS)
}

fn timed<E>(work: impl FnOnce() -> Result<(), E>) -> Result<Duration, E> {
    let start = Instant::now();
    work().map(|()| start.elapsed())
}

fn register(history: &mut History, targets: u32) -> Result<(), Box<dyn Error>> {
    let job = JobRow {
        name: "domains".into(),
        kind: JobKind::Liveness,
        schedule: "every 1m".into(),
        speaks_for: Duration::from_secs(60),
    };
    let row = |number: u32| TargetRow {
        key: u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        name: format!("host-{number}.example").into(),
        url: format!("https://host-{number}.example/").into(),
        group: format!("group {}", number % 50).into(),
        tags: Vec::new(),
    };
    let mut rows: Vec<_> = (0..targets).map(row).collect();
    for (what, changed) in [("new", 0), ("unchanged", 0), ("ten changed", 10)] {
        for row in rows.iter_mut().take(changed) {
            row.url = "https://moved.example/".into();
        }
        let took = timed(|| history.register(&job, &rows, begin()).map(drop))?;
        println!("register {targets} targets, {what}: {took:?}");
    }
    Ok(())
}

/// Bytes on disk, the log included.
fn bytes(path: &Path) -> u64 {
    let of = |suffix: &str| {
        let name = format!("{}{suffix}", path.display());
        std::fs::metadata(name).map_or(0, |about| about.len())
    };
    of("") + of("-wal")
}

/// Milliseconds of processor time of this process so far.
fn cpu_ms() -> f64 {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    spent.tv_sec as f64 * 1e3 + spent.tv_nsec as f64 / 1e6
}

fn write(
    history: &mut History,
    targets: u32,
    minutes: u64,
    path: &Path,
    before: u64,
) -> Result<u64, Box<dyn Error>> {
    let mut random = fastrand::Rng::with_seed(4711);
    let mut phases: Vec<Vec<u32>> = vec![Vec::new(); 60];
    for number in 0..targets {
        phases[random.usize(..60)].push(number);
    }
    let millis: Vec<u64> = (0..targets).map(|_| random.u64(..1_000)).collect();
    let usual: Vec<f64> = (0..targets).map(|_| 5.0 * (random.f64() * 4.0).exp()).collect();
    let (mut written, mut made, mut slowest) = (0_u64, 0.0, Duration::ZERO);
    let start = cpu_ms();
    for minute in 0..minutes {
        for (second, due) in phases.iter().enumerate() {
            let making = cpu_ms();
            let now = BEGIN_MS + minute * 60_000 + second as u64 * 1_000;
            let mut batch = Batch {
                at: Time::from_millis(now + 1_000),
                accounted_until: Time::from_millis(now),
                ..Batch::default()
            };
            for number in due {
                let is_down = number % 1_000 == 7 || random.u32(..10_000) == 0;
                let took = usual[*number as usize] * (0.8 + 0.6 * random.f64() * random.f64());
                let due = Time::from_millis(now + millis[*number as usize]);
                batch.checks.push(check(*number, due, took, is_down, &mut random));
                if minute == 0 {
                    batch.states.push((WatchedNo(*number), state(is_down, due)));
                }
            }
            written += batch.checks.len() as u64;
            made += cpu_ms() - making;
            let took = timed(|| {
                history.write(&batch)?;
                history.upkeep(batch.at, Duration::from_millis(100))
            })?;
            slowest = slowest.max(took);
        }
        if minute < 10 || (minute + 1) % 10 == 0 {
            let (more, all) = (bytes(path) - before.min(bytes(path)), bytes(path));
            println!(
                "minute {}: {:.2} bytes a check ({all} in all), {:.2} us of processor a check, \
                 slowest second {slowest:?}",
                minute + 1,
                more as f64 / written as f64,
                (cpu_ms() - start - made) * 1_000.0 / written as f64,
            );
        }
    }
    Ok(written)
}

fn check(number: u32, due: Time, took: f64, is_down: bool, random: &mut fastrand::Rng) -> Check {
    Check {
        target: WatchedNo(number),
        due,
        lag: Duration::from_millis((random.f64() * random.f64() * 12.0) as u64),
        took: Duration::from_micros((took * 1_000.0) as u64),
        health: if is_down { Health::Down } else { Health::Up },
        status_code: if is_down { 0 } else { 200 },
        kind: is_down.then_some(ErrorKind::TimeoutConnect),
        is_confirmation: false,
    }
}

fn state(is_down: bool, since: Time) -> StoredState {
    let at = since.as_nanos();
    StoredState {
        state: if is_down { State::Down } else { State::Up },
        since,
        machine: Box::new([at, at, 0, 0x0101_0000, 1 << 33]),
        reason: is_down.then(|| "timeout.connect: no answer within 5 s".into()),
        kind: is_down.then_some(ErrorKind::TimeoutConnect),
        ..StoredState::default()
    }
}

fn read(place: &HistoryPlace, targets: u32, minutes: u64) -> Result<(), Box<dyn Error>> {
    let mut reader = HistoryReader::open(place)?;
    let now = Time::from_millis(BEGIN_MS + minutes * 60_000);
    let page = TargetQuery { limit: 50, ..TargetQuery::default() };
    for round in ["first", "again"] {
        println!("{round}: overview {:?}", timed(|| reader.overview(now).map(drop))?);
        println!("{round}: first page {:?}", timed(|| reader.targets(&page).map(drop))?);
        let late = TargetQuery { offset: targets / 2, ..page.clone() };
        println!("{round}: a page in the middle {:?}", timed(|| reader.targets(&late).map(drop))?);
        let found = TargetQuery { search: "99-99".into(), ..page.clone() };
        println!(
            "{round}: search, nothing found {:?}",
            timed(|| reader.targets(&found).map(drop))?
        );
        let shown: Vec<_> = reader.targets(&page)?.targets.iter().map(|row| row.target).collect();
        for span in Span::ALL {
            let one = timed(|| {
                reader
                    .past(
                        WatchedNo(targets / 2),
                        span,
                        if span == Span::Day { 24 } else { 90 },
                        now,
                    )
                    .map(drop)
            })?;
            let page = timed(|| {
                reader.pasts(&shown, span, if span == Span::Day { 24 } else { 90 }, now).map(drop)
            })?;
            println!("{round}: past {} of one {one:?}, of a page {page:?}", span.as_str());
        }
    }
    Ok(())
}
