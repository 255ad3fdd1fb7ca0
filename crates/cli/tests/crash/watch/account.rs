//! What the history and the receiver of notices say, held against each other and against what is known of
//! the targets.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::process::Command;

use gather::core::Health;
use gather::core::time::Time;
use gather::core::watch::{Check, WatchedNo};
use gather::store::history::{CheckSeen, HistoryPlace, HistoryReader};

use super::receiver::{Message, Receiver};
use super::world::World;
use super::{DOWN_AFTER_MS, EVERY_MS};

/// Slots of a target that are read: more than there can be.
const SLOTS_MAX: u32 = 1_000;
/// Moments are kept in whole milliseconds.
const ROUNDING_MS: u64 = 2;
/// How far the clocks of both sides of a connection may be apart, its time on the way included.
const APART_MS: u64 = 100;
/// From a target's being read until it is armed.
const ARMED_MS: u64 = 1_500;
/// Incidents of a target that was told to change too often.
const HUSHED: &str = "SELECT DISTINCT part.incident FROM watch_incident_target AS part
     JOIN watch_target AS target ON target.id = part.target
     JOIN watch_notice AS notice ON json_extract(notice.event, '$.target') = target.name
     WHERE json_extract(notice.event, '$.kind') = 'flapping'";
/// Problems that are told.
const PROBLEMS_MAX: usize = 30;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Account {
    targets: usize,
    checks: u64,
    slots: u64,
    missed: BTreeMap<String, u64>,
    /// Slots that have neither a check nor a cause.
    unaccounted: u64,
    /// Slots that have both, or more than one.
    doubled: u64,
    /// Checks that say what was not so.
    wrong: u64,
    incidents: u64,
    /// Outages that the history has as confirmed.
    outages: u64,
    /// Of those, and of the ends of incidents: what nobody was told of.
    lost: u64,
    /// What was told under more than one key.
    other_keys: u64,
    /// What was told and is not in the history, and incidents of targets that were always well.
    unexpected: u64,
    /// Incidents' beginnings and ends that wait because their target changes too often.
    hushed: u64,
    /// Messages that came again, under their key.
    repeated: u64,
    messages: usize,
    problems: Vec<String>,
}

/// The rows of a query, their columns as text.
pub(crate) fn rows(folder: &Path, sql: &str) -> Vec<Vec<String>> {
    let output = Command::new("sqlite3")
        .args(["-cmd", ".timeout 5000"])
        .arg(folder.join("watch.db"))
        .arg(sql)
        .output()
        .expect("sqlite3 runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| line.split('|').map(str::to_owned).collect()).collect()
}

fn ms(time: Time) -> u64 {
    time.as_nanos() / 1_000_000
}

fn int(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("'{text}' is no number"))
}

/// A target as the history knows it.
struct Known {
    id: u32,
    /// Its number in the world.
    target: usize,
    since_ms: u64,
}

/// A target's part in an incident.
struct Part {
    incident: i64,
    joined_ms: u64,
    left_ms: u64,
}

impl Account {
    pub(crate) fn of(
        folder: &Path,
        place: &HistoryPlace,
        world: &World,
        receiver: &Receiver,
    ) -> Self {
        let mut account = Self { targets: world.targets(), ..Self::default() };
        let mut reader = HistoryReader::open(place).expect("it is there");
        let accounted = rows(folder, "SELECT accounted_ms FROM watch_about").concat();
        let accounted_ms = int(&accounted[0]);
        let mut parts = parts(folder);
        account.notices(folder, &receiver.messages());
        account.incidents(folder);
        for known in known(folder) {
            let before = Time::from_millis(accounted_ms + 3_600_000);
            let seen = reader.checks(WatchedNo(known.id), before, SLOTS_MAX).expect("it is read");
            assert!(seen.len() < SLOTS_MAX as usize, "more slots than are read");
            account.slots(&known, &seen, accounted_ms);
            let checks = seen.iter().filter_map(|seen| match seen {
                CheckSeen::Check(check) => Some(*check),
                CheckSeen::Missed(_) => None,
            });
            let mut checks: Vec<Check> = checks.collect();
            checks.sort_by_key(|check| check.due + check.lag);
            account.truth(&known, &checks, world);
            account.alerts(&known, &checks, &parts.remove(&known.id).unwrap_or_default(), world);
        }
        account
    }

    fn problem(&mut self, what: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(what);
        }
    }

    /// Each slot has one check, or is missed once.
    fn slots(&mut self, known: &Known, seen: &[CheckSeen], accounted_ms: u64) {
        let mut dues: Vec<u64> = Vec::new();
        for seen in seen {
            match seen {
                CheckSeen::Check(check) if check.is_confirmation => self.checks += 1,
                CheckSeen::Check(check) => {
                    self.checks += 1;
                    dues.push(ms(check.due));
                }
                CheckSeen::Missed(missed) => {
                    let slots = u64::from(missed.slots);
                    *self.missed.entry(missed.cause.as_str().to_owned()).or_default() += slots;
                    dues.extend((0..slots).map(|slot| ms(missed.from) + slot * EVERY_MS));
                    let last = ms(missed.from) + (slots - 1) * EVERY_MS;
                    if last.abs_diff(ms(missed.until)) > ROUNDING_MS {
                        self.problem(format!(
                            "target {}: {missed:?} has other slots",
                            known.target
                        ));
                    }
                }
            }
        }
        dues.sort_unstable();
        self.slots += dues.len() as u64;
        let Some((first, last)) = dues.first().copied().zip(dues.last().copied()) else {
            self.unaccounted += 1;
            return self.problem(format!("target {} has no slot at all", known.target));
        };
        let mut gaps = Vec::new();
        if first > known.since_ms + ARMED_MS + EVERY_MS {
            gaps.push((known.since_ms, first));
        }
        if last + EVERY_MS + ROUNDING_MS < accounted_ms {
            gaps.push((last, accounted_ms));
        }
        for pair in dues.windows(2) {
            let apart = pair[1] - pair[0];
            if apart + ROUNDING_MS < EVERY_MS {
                self.doubled += 1;
                let near = |seen: &&CheckSeen| match seen {
                    CheckSeen::Check(check) => ms(check.due).abs_diff(pair[1]) < EVERY_MS,
                    CheckSeen::Missed(missed) => {
                        ms(missed.from) <= pair[1] && pair[0] <= ms(missed.until)
                    }
                };
                let both: Vec<&CheckSeen> = seen.iter().filter(near).collect();
                self.problem(format!("target {}: a slot twice: {both:?}", known.target));
            } else if apart > EVERY_MS + ROUNDING_MS {
                gaps.push((pair[0], pair[1]));
            }
        }
        for (from, until) in gaps {
            self.unaccounted += (until - from) / EVERY_MS;
            self.problem(format!("target {}: nothing from {from} until {until}", known.target));
        }
    }

    /// Checks say what was so.
    fn truth(&mut self, known: &Known, checks: &[Check], world: &World) {
        for check in checks {
            let began = ms(check.due + check.lag);
            let ended = ms(check.due + check.lag + check.took);
            let failed = world.failed(known.target, began - APART_MS, ended + APART_MS);
            if failed.is_some_and(|failed| failed != (check.health == Health::Down)) {
                self.wrong += 1;
                self.problem(format!(
                    "target {}: {check:?}, and it failed: {failed:?}",
                    known.target
                ));
            }
        }
    }

    /// What checks confirmed is part of one incident, and nothing else is.
    fn alerts(&mut self, known: &Known, checks: &[Check], parts: &[Part], world: &World) {
        if !world.is_ailing(known.target) && !parts.is_empty() {
            self.unexpected += 1;
            self.problem(format!("target {} was always well, and in an incident", known.target));
        }
        for (from, until) in confirmed(checks) {
            self.outages += 1;
            let during =
                |part: &&Part| part.joined_ms <= until && from <= part.left_ms + ROUNDING_MS;
            let incidents: Vec<i64> =
                parts.iter().filter(during).map(|part| part.incident).collect();
            match incidents[..] {
                [] => {
                    self.lost += 1;
                    let text = format!("was down from {from} until {until}, in no incident");
                    self.problem(format!("target {} {text}", known.target));
                }
                [_] => {}
                _ => {
                    self.other_keys += 1;
                    let text = format!("was down once from {from}, in incidents {incidents:?}");
                    self.problem(format!("target {} {text}", known.target));
                }
            }
        }
    }

    /// Every incident's beginning and end has a notice for both channels, under one key: those came, as
    /// [`Self::notices`] sees to. What changes too often is told to do so instead.
    fn incidents(&mut self, folder: &Path) {
        let told = told(folder);
        let hushed = rows(folder, HUSHED).concat();
        for row in rows(folder, "SELECT id, closed_ms IS NOT NULL FROM watch_incident") {
            self.incidents += 1;
            let id = row[0].parse().expect("a number");
            let kinds = if row[1] == "1" { &["down", "up"][..] } else { &["down"] };
            for (kind, channel) in kinds.iter().flat_map(|kind| [(kind, "now"), (kind, "digest")]) {
                let keys = told.get(&(id, (*kind).to_owned(), channel.to_owned()));
                match keys.map_or(0, BTreeSet::len) {
                    0 if hushed.contains(&row[0]) => self.hushed += 1,
                    0 => {
                        self.lost += 1;
                        self.problem(format!(
                            "{channel} was not told that incident {id} is {kind}"
                        ));
                    }
                    1 => {}
                    _ => {
                        self.other_keys += 1;
                        self.problem(format!("{channel}, incident {id}, {kind}: {keys:?}"));
                    }
                }
            }
        }
    }

    /// What is in the outbox came, what came is in the outbox, and it always came in the same message.
    fn notices(&mut self, folder: &Path, messages: &[Message]) {
        self.messages = messages.len();
        let put = rows(folder, "SELECT key FROM watch_notice").concat();
        let put: BTreeSet<&str> = put.iter().map(String::as_str).collect();
        let taken = messages.iter().filter(|message| message.is_taken);
        let taken: BTreeSet<&str> =
            taken.flat_map(|message| &message.events).map(|event| &*event.key).collect();
        // A message names the worst 200 of its events, and counts the others.
        let counted: BTreeMap<&str, usize> = (messages.iter())
            .filter(|message| message.is_taken)
            .map(|message| (&*message.key, message.count - message.events.len()))
            .collect();
        let unnamed: usize = counted.values().sum();
        let lost: Vec<&&str> = put.difference(&taken).collect();
        if lost.len() > unnamed {
            self.lost += (lost.len() - unnamed) as u64;
            self.problem(format!("notices that did not come, {unnamed} of them counted: {lost:?}"));
        }
        for unexpected in taken.difference(&put) {
            self.unexpected += 1;
            self.problem(format!("{unexpected} came, and is not in the outbox"));
        }
        let (mut by_event, mut by_message) = (BTreeMap::new(), BTreeMap::new());
        for message in messages {
            let events: BTreeSet<&str> = message.events.iter().map(|event| &*event.key).collect();
            let count = by_message.entry(&*message.key).or_insert((0_u64, BTreeSet::new()));
            count.0 += 1;
            count.1.insert(events.clone());
            for event in events {
                by_event.entry(event).or_insert_with(BTreeSet::new).insert(&*message.key);
            }
        }
        self.repeated = by_message.values().map(|(count, _)| count - 1).sum();
        for (event, keys) in by_event.iter().filter(|(_, keys)| keys.len() > 1) {
            self.other_keys += 1;
            self.problem(format!("{event} came in messages of several keys: {keys:?}"));
        }
        for (message, (_, events)) in by_message.iter().filter(|(_, (_, of))| of.len() > 1) {
            self.other_keys += 1;
            self.problem(format!("the message {message} was not always the same: {events:?}"));
        }
    }

    /// Tells it, for people and for the long form, and fails if anything is wrong.
    pub(crate) fn conclude(self, kills: u64) {
        let line = serde_json::json!({
            "kills": kills, "targets": self.targets, "checks": self.checks, "slots": self.slots,
            "missed": self.missed, "unaccounted": self.unaccounted, "doubled": self.doubled,
            "wrong": self.wrong, "incidents": self.incidents, "outages": self.outages,
            "lost": self.lost, "hushed": self.hushed, "other_keys": self.other_keys, "unexpected": self.unexpected,
            "messages": self.messages, "repeated": self.repeated,
        });
        println!("crash: {line}");
        assert!(self.problems.is_empty(), "{:#?}", self.problems);
        assert!(self.outages > 0 && self.incidents > 0, "nothing was put to the test: {line}");
    }
}

/// Keys in the outbox by incident, kind and channel: `incident:ID:BEGAN:KIND:CHANNEL`.
fn told(folder: &Path) -> HashMap<(i64, String, String), BTreeSet<String>> {
    let mut told: HashMap<_, BTreeSet<String>> = HashMap::new();
    for key in rows(folder, "SELECT key FROM watch_notice").concat() {
        if let ["incident", id, _, kind, channel] = key.split(':').collect::<Vec<_>>()[..] {
            let id = id.parse().expect("a number");
            let of = (id, kind.to_owned(), channel.to_owned());
            told.entry(of).or_default().insert(key);
        }
    }
    told
}

fn known(folder: &Path) -> Vec<Known> {
    let rows = rows(folder, "SELECT id, url, since_ms FROM watch_target");
    let known = rows.into_iter().map(|row| Known {
        id: row[0].parse().expect("a number"),
        target: World::target(&row[1]),
        since_ms: int(&row[2]),
    });
    known.collect()
}

/// Parts in incidents by target.
fn parts(folder: &Path) -> HashMap<u32, Vec<Part>> {
    let sql =
        "SELECT target, incident, joined_ms, coalesce(left_ms, 9e15) FROM watch_incident_target";
    let mut parts: HashMap<u32, Vec<Part>> = HashMap::new();
    for row in rows(folder, sql) {
        let target = row[0].parse().expect("a number");
        let left: f64 = row[3].parse().expect("a number");
        parts.entry(target).or_default().push(Part {
            incident: row[1].parse().expect("a number"),
            joined_ms: int(&row[2]),
            left_ms: left as u64,
        });
    }
    parts
}

/// When checks, in order, say that a target was down: it failed again after long enough.
fn confirmed(checks: &[Check]) -> Vec<(u64, u64)> {
    let mut outages: Vec<(u64, u64)> = Vec::new();
    let (mut since, mut is_told) = (None, false);
    for check in checks {
        let began = ms(check.due + check.lag);
        let ended = ms(check.due + check.lag + check.took);
        match check.health {
            Health::Down => {
                let first = *since.get_or_insert(began);
                if is_told {
                    outages.last_mut().expect("it was told").1 = ended;
                } else if first < began && ended >= first + DOWN_AFTER_MS + ROUNDING_MS {
                    outages.push((first, ended));
                    is_told = true;
                }
            }
            Health::Unknown => {}
            _ => (since, is_told) = (None, false),
        }
    }
    outages
}
