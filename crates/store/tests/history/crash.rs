//! A watch that is killed at any moment: what was committed is there, whole, and nothing else.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fastrand::Rng;
use gather_core::health::Health;
use gather_core::watch::{State, WatchedNo};
use gather_store::history::{
    EntryKind, History, HistoryErrorKind, HistoryPlace, HistoryReader, Incident, IncidentEntry,
    IncidentsOf, Outbox, PAGE_ROWS_MAX, Span,
};

use crate::made::{at, batch, check, job, notice, state, target};

/// Where this process is to write, if it is the one to be killed.
const CHILD: &str = "GATHER_HISTORY_CHILD";
const TARGETS: u32 = 100;
/// From one batch to the next.
const STEP: u64 = 20_000;

#[test]
fn what_was_committed_survives_a_kill() {
    if let Some(path) = std::env::var_os(CHILD) {
        write_until_killed(&PathBuf::from(path));
    }
    let seed = std::env::var("GATHER_HISTORY_SEED")
        .map_or_else(|_| fastrand::u64(..), |seed| seed.parse().expect("a number"));
    eprintln!("GATHER_HISTORY_SEED={seed}");
    let mut random = Rng::with_seed(seed);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gather.db");
    let mut committed = 0;
    for round in 0..12 {
        let (mut child, mut said) = begin(&path);
        let wanted = committed + random.u64(1..120);
        let mut last = committed;
        while last < wanted {
            last = next(&mut said);
            if round == 0 && last == 1 {
                is_refused(&path, child.id());
            }
        }
        // Anywhere in what it does next.
        (0..random.u32(..200_000)).for_each(|_| std::hint::spin_loop());
        child.kill().unwrap();
        child.wait().unwrap();
        // It may have said more before it was killed, and committed one more than it said.
        let said = said.lines().map_while(Result::ok).filter_map(|line| number(&line)).last();
        let least = said.unwrap_or(last);
        committed = look(&path, round);
        assert!((least..=least + 1).contains(&committed), "round {round}: {least}, {committed}");
    }
}

fn begin(path: &Path) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::what_was_committed_survives_a_kill", "--nocapture"])
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap());
    (child, said)
}

/// The number of the next batch that it says it has committed.
fn next(said: &mut impl BufRead) -> u64 {
    loop {
        let mut line = String::new();
        assert!(said.read_line(&mut line).unwrap() > 0, "it ended by itself");
        if let Some(number) = number(&line) {
            return number;
        }
    }
}

fn number(line: &str) -> Option<u64> {
    line.trim().strip_prefix("committed ")?.parse().ok()
}

fn write_until_killed(path: &Path) -> ! {
    let place = HistoryPlace::Sqlite(path.to_owned());
    let mut history = History::open(&place, at(0)).unwrap();
    let targets: Vec<_> = (0..u64::from(TARGETS)).map(target).collect();
    history.register(&job("a"), &targets, at(0)).unwrap();
    let begun = history.accounted_until().unwrap();
    let begun = begun.map_or(0, |until| until.since(at(0)).as_millis() as u64 / STEP);
    for n in begun + 1.. {
        let now = n * STEP;
        let mut batch = batch(now);
        let due = now - STEP;
        batch.checks = (0..TARGETS).map(|target| check(target, due, Health::Up)).collect();
        let changed = WatchedNo((n % u64::from(TARGETS)) as u32);
        let down = state(State::Down, now);
        batch.states = vec![(
            changed,
            gather_store::history::StoredState {
                machine: Box::new([n]),
                incident: Some(n as i64),
                ..down
            },
        )];
        batch.incidents = vec![Incident {
            id: n as i64,
            opened: at(due),
            closed: None,
            worst: State::Down,
            factor: "".into(),
            reason: "no answer".into(),
            targets: 1,
            ongoing: 1,
            entries: vec![IncidentEntry { at: at(now), kind: EntryKind::Opened, text: "".into() }],
            joined: vec![(changed, at(due))],
            left: vec![],
        }];
        batch.notices = vec![notice(&format!("down-{n}"), now)];
        history.write(&batch).unwrap();
        println!("committed {n}");
        std::io::stdout().flush().unwrap();
        history.upkeep(at(now), Duration::from_millis(5)).unwrap();
    }
    unreachable!("it is killed")
}

/// Another watch is refused, and told who has it.
fn is_refused(path: &Path, pid: u32) {
    let error = History::open(&HistoryPlace::Sqlite(path.to_owned()), at(0)).unwrap_err();
    let holder = Some(format!("process {pid}").into());
    assert_eq!(error.kind, HistoryErrorKind::Busy { holder });
    let said = error.to_string();
    assert!(said.contains(&format!("in use by another watch (process {pid})")), "{said}");
}

/// Whether all that is there agrees; how many batches it is.
fn look(path: &Path, round: u32) -> u64 {
    let place = HistoryPlace::Sqlite(path.to_owned());
    let mut history = History::open(&place, at(0)).unwrap();
    let until = history.accounted_until().unwrap().expect("something was committed");
    let batches = until.since(at(0)).as_millis() as u64 / STEP;
    let case = format!("round {round}, {batches} batches");
    assert_eq!(history.last_incident().unwrap(), batches as i64, "{case}");
    assert_eq!(history.open_incidents().unwrap().len() as u64, batches, "{case}");
    for (number, state) in history.states().unwrap() {
        let n = state.machine[0];
        assert_eq!(n % u64::from(TARGETS), u64::from(number.0), "{case}");
        assert!(n <= batches && n + u64::from(TARGETS) > batches, "{case}: {n}");
        assert_eq!(state.incident, Some(n as i64), "{case}");
    }
    let last = history.last_slots(at((batches - 1) * STEP)).unwrap();
    assert_eq!(last.len() as u32, TARGETS, "{case}");
    assert!(last.iter().all(|(_, due)| *due == at((batches - 1) * STEP)), "{case}");
    let mut outbox = Outbox::open(&place).unwrap();
    assert_eq!(outbox.waiting().unwrap(), batches, "{case}");
    let due = outbox.due(until, u32::MAX).unwrap();
    let keys = due.iter().zip(1..).all(|(notice, n)| *notice.key == format!("down-{n}"));
    assert!(keys, "{case}");
    let mut reader = HistoryReader::open(&place).unwrap();
    for target in [0, TARGETS / 2, TARGETS - 1] {
        let past = reader.past(WatchedNo(target), Span::Week, 7, until).unwrap();
        assert_eq!(past.total.checks, [batches, 0, 0, 0, 0], "{case}, target {target}");
    }
    let newest = reader.incidents(IncidentsOf::Everything, None, PAGE_ROWS_MAX).unwrap();
    assert_eq!(newest.incidents[0].id, batches as i64, "{case}");
    let counted = reader.overview(until).unwrap();
    assert_eq!(counted.counts.of(State::Down), batches.min(TARGETS.into()), "{case}");
    assert_eq!(counted.incidents_open, batches, "{case}");
    batches
}
