//! Random runs of the intake against what it promises: once, in order, within credit, to the end.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use fastrand::Rng;
use gather_core::ErrorKind;
use gather_core::target::{HostKey, Place, Target, TargetNo};
use url::Url;

use super::{Intake, IntakeConfig, IntakeUsage, Owners};
use crate::source::{Ahead, Broken, Item};

fn target(n: u64, host: &str) -> Target {
    let url = Url::parse(&format!("http://{host}.example/{n}")).expect("valid");
    Target::new(TargetNo(n), url).expect("http")
}

fn broken(n: u64) -> Broken {
    Broken {
        n: TargetNo(n),
        place: Place { source: None, line: n + 1 },
        input: "".into(),
        kind: ErrorKind::InputInvalid,
        message: "".into(),
    }
}

/// The shards' side: what they were given, what waits in them.
struct Shards {
    owners: Arc<Owners>,
    waiting: Vec<VecDeque<Target>>,
    outstanding: HashMap<HostKey, usize>,
    last: HashMap<HostKey, u64>,
    delivered: usize,
    /// The most that was given out at once, and set aside in memory.
    peak: IntakeUsage,
}

impl Shards {
    fn new(owners: Arc<Owners>) -> Self {
        Self {
            waiting: (0..owners.shards()).map(|_| VecDeque::new()).collect(),
            outstanding: HashMap::new(),
            last: HashMap::new(),
            delivered: 0,
            peak: IntakeUsage::default(),
            owners,
        }
    }

    fn admit(&mut self, intake: &mut Intake, shard: usize, credit: usize, context: &str) {
        let was_all_handed = intake.is_all_handed(shard);
        let targets = intake.drain(shard).expect("the disk works");
        assert!(targets.is_empty() || !was_all_handed, "{context}: more after all was handed");
        for target in targets {
            assert_eq!(self.owners.owner_of(&target.host), shard, "{context}");
            let outstanding = self.outstanding.entry(target.host.clone()).or_default();
            *outstanding += 1;
            assert!(*outstanding <= credit, "{context}: {} has {outstanding}", target.host);
            if let Some(last) = self.last.insert(target.host.clone(), target.n.0) {
                assert!(last < target.n.0, "{context}: {} after {last}", target.n.0);
            }
            self.delivered += 1;
            self.waiting[shard].push_back(target);
        }
    }

    /// Some target of a shard leaves its queue, not always the first.
    fn take(&mut self, intake: &mut Intake, shard: usize, rng: &mut Rng) {
        let waiting = &mut self.waiting[shard];
        if waiting.is_empty() {
            return;
        }
        let target = waiting.swap_remove_back(rng.usize(..waiting.len())).expect("within");
        *self.outstanding.get_mut(&target.host).expect("was given out") -= 1;
        let was_all_handed = intake.is_all_handed(shard);
        intake.took(&target.host, 1).expect("the disk works");
        let is_all_handed = intake.is_all_handed(shard);
        assert!(is_all_handed || !was_all_handed, "{}: more after all was handed", target.host);
    }

    fn note(&mut self, intake: &Intake) {
        let now = intake.usage();
        self.peak.hosts = self.peak.hosts.max(now.hosts);
        self.peak.outstanding_targets = self.peak.outstanding_targets.max(now.outstanding_targets);
        self.peak.window_targets = self.peak.window_targets.max(now.window_targets);
        self.peak.buffered_bytes = self.peak.buffered_bytes.max(now.buffered_bytes);
        self.peak.file_bytes = self.peak.file_bytes.max(now.file_bytes);
    }
}

#[test]
fn every_item_arrives_once_in_order_and_within_credit() {
    let first = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in first.map_or(0..2000, |seed: u64| seed..seed + 1) {
        run_random(seed);
    }
}

fn run_random(seed: u64) {
    let context = format!("SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let config = IntakeConfig {
        owners: Arc::new(Owners::new(rng.usize(1..4))),
        window_targets: rng.usize(1..60),
        host_targets: rng.usize(1..9),
        spill_dir: std::env::temp_dir(),
        spill_buffer_bytes: [0, 200, 1 << 20][rng.usize(..3)],
    };
    let count = rng.u64(..200);
    let hosts = rng.usize(1..40);
    // Without hunger, credit that is lost stops the run.
    let hungers = rng.bool();
    let mut run_of = 0;
    let mut host = String::new();
    let mut intake = Intake::new(&config);
    let mut shards = Shards::new(Arc::clone(&config.owners));
    let mut read = 0;
    let mut broken_read = 0;
    let mut broken_seen = 0;
    // Bounded by what each step can do; beyond it, the intake is stuck.
    for step in 0.. {
        assert!(step < 200_000, "{context}: stuck with {:?}", intake.usage());
        let shard = rng.usize(..config.owners.shards());
        match rng.u8(..9) {
            0..=3 if intake.wants_input() && read < count => {
                if run_of == 0 {
                    run_of = rng.usize(1..30);
                    host = format!("h{}", rng.usize(..hosts));
                }
                run_of -= 1;
                let item = if rng.u8(..20) == 0 {
                    broken_read += 1;
                    Item::Broken(broken(read))
                } else {
                    Item::Target(target(read, &host))
                };
                intake.offer(Ahead::Item(item)).expect("the disk works");
                read += 1;
            }
            0..=3 if read == count => intake.end(),
            4 => shards.admit(&mut intake, shard, config.host_targets, &context),
            5 | 6 => shards.take(&mut intake, shard, &mut rng),
            7 if hungers => intake.hungry(shard),
            _ => broken_seen += intake.drain_broken().len() as u64,
        }
        shards.note(&intake);
        let all_handed = (0..config.owners.shards()).all(|shard| intake.is_all_handed(shard));
        if all_handed && shards.waiting.iter().all(VecDeque::is_empty) && intake.has_no_broken() {
            break;
        }
    }
    assert_eq!(shards.delivered as u64 + broken_seen, count, "{context}");
    assert_eq!(broken_seen, broken_read, "{context}");
    let left = intake.usage();
    assert_eq!(
        left,
        IntakeUsage { file_bytes: left.file_bytes, ..IntakeUsage::default() },
        "{context}"
    );
    let window = config.window_targets.div_ceil(config.owners.shards()) * config.owners.shards();
    assert!(hungers || shards.peak.window_targets <= window, "{context}: {:?}", shards.peak);
}

/// Runs a whole list through one shard that takes at its leisure, and tells the most it held.
fn run_list(count: u64, host_of: impl Fn(u64) -> u64) -> IntakeUsage {
    let config = IntakeConfig::new(Arc::new(Owners::new(1)), 50, 4);
    let mut intake = Intake::new(&config);
    let mut shards = Shards::new(Arc::clone(&config.owners));
    let mut rng = Rng::with_seed(1);
    let mut read = 0;
    while !(intake.is_all_handed(0) && shards.waiting[0].is_empty()) {
        // A thousand lines a round: reading is faster than fetching.
        for _ in 0..1000 {
            if intake.wants_input() && read < count {
                let host = format!("h{}", host_of(read));
                intake
                    .offer(Ahead::Item(Item::Target(target(read, &host))))
                    .expect("the disk works");
                read += 1;
            }
        }
        if read == count {
            intake.end();
        }
        shards.admit(&mut intake, 0, config.host_targets, "list");
        for _ in 0..500 {
            shards.take(&mut intake, 0, &mut rng);
        }
        shards.note(&intake);
    }
    assert_eq!(shards.delivered as u64, count);
    shards.peak
}

const MANY: u64 = 1_000_000;
const WINDOW_TARGETS: usize = 8192;
const BUFFER_BYTES: usize = (1 << 19) + 200;

#[test]
fn a_million_lines_of_one_host_wait_on_disk() {
    let held = run_list(MANY, |_| 0);
    assert!(held.outstanding_targets <= 64 && held.hosts == 1, "{held:?}");
    assert!(held.buffered_bytes <= BUFFER_BYTES && held.file_bytes > 0, "{held:?}");
}

#[test]
fn long_lists_of_many_hosts_fit_the_window_in_any_order() {
    for held in [run_list(MANY / 4, |n| n % 1000), run_list(MANY / 4, |n| n / 1000)] {
        assert!(held.outstanding_targets <= WINDOW_TARGETS, "{held:?}");
        assert!(held.buffered_bytes <= BUFFER_BYTES && held.hosts <= 1000, "{held:?}");
    }
}

#[test]
fn a_long_list_of_as_many_hosts_needs_no_disk() {
    let held = run_list(MANY / 4, |n| n);
    assert!(held.hosts <= WINDOW_TARGETS, "{held:?}");
    assert_eq!((held.buffered_bytes, held.file_bytes), (0, 0));
}

#[test]
fn a_hungry_shard_is_fed_beyond_its_window_and_hunger_ends() {
    let config =
        IntakeConfig { window_targets: 10, ..IntakeConfig::new(Arc::new(Owners::new(1)), 1, 1) };
    let mut intake = Intake::new(&config);
    let mut n = 0;
    let mut fill = |intake: &mut Intake| {
        while intake.wants_input() {
            intake
                .offer(Ahead::Item(Item::Target(target(n, &format!("h{n}")))))
                .expect("the disk works");
            n += 1;
        }
        n
    };
    assert_eq!(fill(&mut intake), 10);
    intake.hungry(0);
    assert_eq!(fill(&mut intake), 266, "the window and one helping");
    // In messages of a size that does not hold up its loop.
    let drain = || Some(intake.drain(0).expect("the disk works")).filter(|part| !part.is_empty());
    let given: Vec<_> = std::iter::from_fn(drain).flatten().collect();
    assert_eq!(given.len(), 266);
    for target in &given[..257] {
        intake.took(&target.host, 1).expect("the disk works");
    }
    assert_eq!(fill(&mut intake), 267, "the window again");
}
