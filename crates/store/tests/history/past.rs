//! The past of targets, against a list of all that happened, for random histories.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fastrand::Rng;
use gather_core::health::Health;
use gather_core::time::Time;
use gather_core::watch::{Check, Missed, MissedCause, WatchedNo};
use gather_store::history::{
    Batch, Bucket, CheckSeen, Condition, Covers, History, HistoryError, JobRow, MaintenanceSpan,
    Past, Span, SumsOf,
};

use crate::made::{DAY, HOUR, MINUTE, at, batch, check, job, target};
use crate::places::{Place, server};

/// Targets: more than one part of them.
const TARGETS: u32 = 300;
/// How long a check speaks, and the distance between two.
const STEP: u64 = 20 * MINUTE;

/// What happened, as told to the history.
#[derive(Default)]
struct Told {
    /// By target and moment.
    slots: BTreeMap<(u32, u64), Slot>,
    windows: Vec<(Covers, u64, u64)>,
}

#[derive(Clone, Copy)]
enum Slot {
    Check(Check),
    Missed(Missed),
}

fn ms(time: Time) -> u64 {
    time.as_nanos() / 1_000_000
}

impl Told {
    /// What a target was like at a moment.
    fn condition(&self, target: u32, moment: u64) -> Condition {
        let in_window = |(covers, from, until): &(Covers, u64, u64)| {
            let covered = match covers {
                Covers::Everything => true,
                Covers::Job(name) => **name == *"a",
                Covers::Target(number) => number.0 == target,
            };
            covered && (*from..*until).contains(&moment)
        };
        if self.windows.iter().any(in_window) {
            return Condition::Maintenance;
        }
        let Some((key, slot)) = self.slots.range(..=(target, moment)).next_back() else {
            return Condition::NoData;
        };
        match slot {
            Slot::Check(seen) if key.0 == target && moment < key.1 + STEP => match seen.health {
                Health::Up => Condition::Up,
                Health::Degraded => Condition::Degraded,
                Health::Limited => Condition::Limited,
                Health::Unknown => Condition::Unknown,
                Health::Down => Condition::Down,
            },
            _ => Condition::NoData,
        }
    }

    /// What a time of a target comes to, from the moments at which anything can change.
    fn bucket(
        &self,
        target: u32,
        from: u64,
        until: u64,
    ) -> (BTreeMap<&'static str, u64>, [u64; 6]) {
        let of_target = || self.slots.range((target, from.saturating_sub(STEP))..(target, until));
        let windows = self.windows.iter().flat_map(|(_, from, until)| [*from, *until]);
        let edges = of_target().flat_map(|(key, _)| [key.1, key.1 + STEP]).chain(windows);
        let mut edges: Vec<u64> = edges.filter(|edge| (from..until).contains(edge)).collect();
        edges.extend([from, until]);
        edges.sort_unstable();
        let mut times = BTreeMap::new();
        for pair in edges.windows(2).filter(|pair| pair[0] < pair[1]) {
            *times.entry(self.condition(target, pair[0]).as_str()).or_default() +=
                pair[1] - pair[0];
        }
        let mut counts = [0; 6];
        for (_, slot) in of_target().filter(|(key, _)| key.1 >= from) {
            match slot {
                Slot::Check(check) => {
                    let all = Health::ALL;
                    counts[all.iter().position(|health| *health == check.health).unwrap()] += 1;
                }
                Slot::Missed(missed) => counts[5] += u64::from(missed.slots),
            }
        }
        (times, counts)
    }

    /// The exact percentile of answered checks.
    fn percentile(&self, target: u32, from: u64, until: u64, share: f64) -> Option<Duration> {
        let mut took: Vec<Duration> = self
            .slots
            .range((target, from)..(target, until))
            .filter_map(|(_, slot)| match slot {
                Slot::Check(check) if check.health <= Health::Degraded => Some(check.took),
                _ => None,
            })
            .collect();
        took.sort_unstable();
        let rank = (took.len() as f64 * share).ceil() as usize;
        took.get(rank.max(1) - 1).copied()
    }
}

#[test]
fn the_past_is_what_was_told_to_sqlite() {
    for seed in seeds(6) {
        let place = Place::sqlite();
        whatever_happens(&place, seed, 30);
    }
}

#[test]
fn the_past_is_what_was_told_to_postgres() {
    let Some(server) = server() else { return };
    for seed in seeds(1) {
        whatever_happens(&Place::postgres(&server, "past"), seed, 8);
    }
}

/// One seed where it is given, else some that are new each time.
fn seeds(count: usize) -> Vec<u64> {
    match std::env::var("GATHER_HISTORY_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number")],
        Err(_) => std::iter::repeat_with(|| fastrand::u64(..)).take(count).collect(),
    }
}

fn whatever_happens(place: &Place, seed: u64, asked: usize) {
    eprintln!("GATHER_HISTORY_SEED={seed}");
    let mut random = Rng::with_seed(seed);
    let mut told = Told::default();
    let row = JobRow { speaks_for: Duration::from_millis(STEP), ..job("a") };
    let targets: Vec<_> = (0..u64::from(TARGETS)).map(target).collect();
    let open = || {
        let mut history = History::open(&place.place, at(0)).unwrap();
        history.register(&row, &targets, at(0)).unwrap();
        history
    };
    let mut history = open();
    // A few targets are watched; the others are there to be told apart from.
    let watched: BTreeSet<u32> = (0..12).map(|_| random.u32(..TARGETS)).collect();
    let watched: Vec<u32> = watched.into_iter().collect();
    let end = random.u64(30 * HOUR..80 * HOUR);
    let mut now = random.u64(..HOUR);
    let mut late = Vec::new();
    while now < end {
        let mut batch = batch(now + STEP);
        for target in &watched {
            let due = now + u64::from(*target) * 997 % STEP;
            let slot = slot(&mut random, *target, due);
            told.slots.insert((*target, DAY + due), slot);
            let is_late = random.u32(..50) == 0;
            late.push((slot, if is_late { random.u32(..10) } else { 0 }));
        }
        // At most 9 steps late, and the watch ends with nothing in hand.
        let stops = random.u32(..60) == 0;
        let ready = late.extract_if(.., |(_, steps)| {
            *steps = steps.saturating_sub(1);
            *steps == 0 || stops
        });
        give(&mut batch, ready.map(|(slot, _)| slot));
        if random.u32(..30) == 0 {
            batch.maintenance = vec![maintenance(&mut random, &mut told, now, watched[0])];
        }
        history.write(&batch).unwrap();
        history.upkeep(at(now + STEP), Duration::from_millis(random.u64(..20))).unwrap();
        if random.u32(..40) == 0 {
            drop(history);
            history = open();
        }
        // Now and then nothing runs for hours.
        now += if stops { random.u64(..10) * HOUR + STEP } else { STEP };
    }
    // What came late is there when the next hour is.
    now += 2 * HOUR;
    let mut rest = batch(now);
    give(&mut rest, late.into_iter().map(|(slot, _)| slot));
    history.write(&rest).unwrap();
    history.upkeep(at(now), Duration::from_secs(60)).unwrap();
    for _ in 0..asked {
        let target = watched[random.usize(..watched.len())];
        let now = now + random.u64(..HOUR);
        compare(place, &told, target, now, &mut random);
    }
}

fn give(batch: &mut Batch, slots: impl Iterator<Item = Slot>) {
    for slot in slots {
        match slot {
            Slot::Check(check) => batch.checks.push(check),
            Slot::Missed(missed) => batch.missed.push(missed),
        }
    }
}

/// A window that is known before it begins, as from a schedule.
fn maintenance(random: &mut Rng, told: &mut Told, now: u64, target: u32) -> MaintenanceSpan {
    let covers = match random.u32(..3) {
        0 => Covers::Everything,
        1 => Covers::Job("a".into()),
        _ => Covers::Target(WatchedNo(target)),
    };
    let from = now + random.u64(HOUR..3 * HOUR);
    let until = from + random.u64(1..2 * HOUR);
    told.windows.push((covers.clone(), DAY + from, DAY + until));
    MaintenanceSpan { covers, from: at(from), until: at(until), why: "".into() }
}

fn slot(random: &mut Rng, target: u32, due: u64) -> Slot {
    if random.u32(..20) == 0 {
        let (from, until) = (at(due), at(due + random.u64(..STEP)));
        let (target, slots, cause) = (WatchedNo(target), random.u32(1..5), MissedCause::Overload);
        return Slot::Missed(Missed { target, from, until, slots, cause });
    }
    let health = if random.u32(..4) == 0 { Health::ALL[random.usize(..5)] } else { Health::Up };
    let took = Duration::from_micros(1 << random.u32(..22)) * random.u32(100..200) / 100;
    Slot::Check(Check { took, ..check(target, due, health) })
}

fn compare(place: &Place, told: &Told, target: u32, now: u64, random: &mut Rng) {
    let span = Span::ALL[random.usize(..5)];
    let buckets = [1, 7, 24, 48, 90, 400][random.usize(..6)];
    let case = format!("{span:?} in {buckets}, target {target}, at {now}");
    let mut reader = place.reader();
    let past = reader.past(WatchedNo(target), span, buckets, at(now)).unwrap();
    assert!(past.buckets.len() <= buckets as usize, "{case}");
    let step = past.step.as_millis() as u64;
    for (number, bucket) in (0..).zip(&past.buckets) {
        let from = ms(past.from) + number * step;
        let until = (from + step).min(DAY + now);
        same(told, target, (from, until), bucket, &format!("{case}, bucket {number}"));
    }
    let Past { from, total, .. } = &past;
    same(told, target, (ms(*from), DAY + now), total, &format!("{case}, total"));
    let mut hours = 0;
    reader
        .sums(SumsOf::Hours, (past.from, at(now)), |sum| {
            if sum.target == WatchedNo(target) {
                let until = ms(sum.from) + HOUR;
                same(told, target, (ms(sum.from), until), &sum.sum, &format!("{case}, sums"));
                hours += 1;
            }
            Ok::<_, HistoryError>(())
        })
        .unwrap();
    assert!(hours > 0 || now < 3 * HOUR, "{case}");
    let pasts = reader.pasts(&[WatchedNo(7), WatchedNo(target)], span, buckets, at(now)).unwrap();
    assert_eq!(pasts[1], past, "{case}");
    let seen = reader.checks(WatchedNo(target), at(now), 20).unwrap();
    let expected = told.slots.range((target, DAY + now - 24 * HOUR)..(target, DAY + now)).rev();
    let dues = |seen: &CheckSeen| match seen {
        CheckSeen::Check(check) => ms(check.due),
        CheckSeen::Missed(missed) => ms(missed.from),
    };
    let expected: Vec<u64> = expected.take(20).map(|(key, _)| key.1).collect();
    assert_eq!(seen.iter().map(dues).collect::<Vec<_>>(), expected, "{case}");
}

fn same(told: &Told, target: u32, (from, until): (u64, u64), bucket: &Bucket, case: &str) {
    let (times, counts) = told.bucket(target, from, until);
    let found: BTreeMap<_, _> = Condition::ALL
        .iter()
        .map(|condition| (condition.as_str(), bucket.times.of(*condition).as_millis() as u64))
        .filter(|(_, ms)| *ms > 0)
        .collect();
    assert_eq!(found, times, "{case}: {from}..{until}");
    let [up, degraded, limited, unknown, down] = bucket.checks;
    assert_eq!([up, degraded, limited, unknown, down, bucket.missed], counts, "{case}");
    for (share, found) in [(0.5, bucket.p50), (0.95, bucket.p95)] {
        let exact = told.percentile(target, from, until, share);
        let (found, exact) = (found.map(|d| d.as_secs_f64()), exact.map(|d| d.as_secs_f64()));
        let close = match (found, exact) {
            (Some(found), Some(exact)) => (found - exact).abs() <= exact * 0.032 + 5e-6,
            (None, None) => true,
            _ => false,
        };
        assert!(close, "{case}: {share} is {exact:?}, not {found:?}");
    }
}
