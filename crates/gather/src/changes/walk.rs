//! Runs, sorted by target, walked together.

use std::collections::BTreeMap;
use std::io;

use gather_store::read::{self, ByteSorter, ReadError, ResultSpec, SortedBytes, Standing};
use serde::{Deserialize, Serialize};

use super::entry::{Entry, hash};
use super::series::Telling;
use super::{Change, ChangeKind, ChangesError, ChangesSpec};
use crate::export::OnBroken;

/// Memory for what is put aside, before it goes to the disk: of all runs together, and of changes.
const SORT_BYTES_MAX: usize = 64 << 20;
/// Times that a target of one run is told apart; more are only counted.
const SAME_TARGET_MAX: usize = 4_096;
/// Bits of the key that changes are sorted by, from below: the row in its page, the ordinal, and
/// whether the target was removed; the run stands above them.
const ROW_BITS: u32 = 12;
const ORDINAL_BITS: u32 = 35;
const RUN_SHIFT: u32 = ROW_BITS + ORDINAL_BITS + 1;

/// What was told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Targets that were compared.
    pub targets: u64,
    /// Changes by kind; all kinds are there.
    pub counts: BTreeMap<ChangeKind, u64>,
    /// Values found for the first time: baselines.
    pub first_values: u64,
    /// Rows that are no records.
    pub left_out: u64,
    /// Records that have nothing of the key.
    pub keyless: u64,
    /// Records of a target that its run holds too many times.
    pub beyond: u64,
}

impl Told {
    /// All changes.
    pub fn changes(&self) -> u64 {
        self.counts.values().sum()
    }
}

/// Tells each change, by run and by the target's ordinal; those that were removed come last.
///
/// # Errors
/// When a result cannot be read, the temporary directory cannot take more, or `on_change` fails.
pub fn tell(
    spec: &ChangesSpec,
    mut on_broken: Option<OnBroken>,
    on_change: &mut dyn FnMut(Change) -> io::Result<()>,
) -> Result<Told, ChangesError> {
    let counts = ChangeKind::ALL.iter().map(|kind| (*kind, 0)).collect();
    let mut told = Told { counts, ..Told::default() };
    let bytes_max = SORT_BYTES_MAX / spec.runs.len().max(1);
    let mut streams = Vec::with_capacity(spec.runs.len());
    for run in &spec.runs {
        let mut sorter = ByteSorter::new(bytes_max);
        read_run(&run.spec, run.standing, spec, &mut sorter, &mut told, &mut on_broken)?;
        streams.push(Stream::new(sorter.into_sorted()?)?);
    }
    let telling = Telling { runs: &spec.runs, first: spec.first, has_key: !spec.key.is_empty() };
    let mut changes = ByteSorter::new(SORT_BYTES_MAX);
    while let Some(least) = streams.iter().filter_map(Stream::key).min() {
        for series in targets_of(&mut streams, least, &mut told)? {
            told.targets += 1;
            let found = telling.changes(&series);
            told.first_values += found.first_values;
            for (run, change) in found.changes {
                put_aside(&mut changes, run, &change, spec, &mut told)?;
            }
        }
    }
    let mut changes = changes.into_sorted()?;
    while let Some((_, bytes)) = changes.next_piece()? {
        on_change(serde_json::from_slice(bytes).map_err(io::Error::other)?)?;
    }
    Ok(told)
}

fn put_aside(
    changes: &mut ByteSorter,
    run: usize,
    change: &Change,
    spec: &ChangesSpec,
    told: &mut Told,
) -> io::Result<()> {
    if !spec.only.is_empty() && !spec.only.contains(&change.kind) {
        return Ok(());
    }
    *told.counts.entry(change.kind).or_default() += 1;
    // By run; then those that are there as they stand in the list, then those that are not. What
    // is beyond the bits is told behind the others.
    let is_removed = u64::from(change.kind == ChangeKind::Removed);
    let row = change.row.unwrap_or_default().min((1 << ROW_BITS) - 1);
    let ordinal = change.n.min((1 << ORDINAL_BITS) - 1);
    let place = (is_removed << ORDINAL_BITS | ordinal) << ROW_BITS | row;
    let key = (run as u64) << RUN_SHIFT | place;
    let json = serde_json::to_vec(change).map_err(io::Error::other)?;
    changes.add(key, |bytes| bytes.extend_from_slice(&json))
}

fn read_run(
    result: &ResultSpec,
    standing: Standing,
    spec: &ChangesSpec,
    sorter: &mut ByteSorter,
    told: &mut Told,
    on_broken: &mut Option<OnBroken>,
) -> Result<(), ChangesError> {
    let mut records = read::open(result)?;
    loop {
        let record = match records.next() {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(()),
            Err(error) if error.is_torn() && standing != Standing::Ended => return Ok(()),
            Err(error) if error.is_row() => {
                told.left_out += 1;
                tell_broken(on_broken, &error);
                continue;
            }
            Err(error) => return Err(ChangesError::Input(error)),
        };
        let Some(entry) = Entry::of(&record, &spec.key, &spec.members) else {
            told.keyless += 1;
            continue;
        };
        let json = serde_json::to_vec(&entry).map_err(io::Error::other)?;
        sorter.add(hash(&entry.key), |bytes| bytes.extend_from_slice(&json))?;
    }
}

fn tell_broken(on_broken: &mut Option<OnBroken>, error: &ReadError) {
    if let Some(tell) = on_broken {
        tell(error);
    }
}

/// The entries of one run, with a look at the next.
struct Stream {
    sorted: SortedBytes,
    head: Option<(u64, Entry)>,
}

impl Stream {
    fn new(sorted: SortedBytes) -> io::Result<Self> {
        let mut stream = Self { sorted, head: None };
        stream.advance()?;
        Ok(stream)
    }

    fn key(&self) -> Option<u64> {
        self.head.as_ref().map(|(key, _)| *key)
    }

    fn advance(&mut self) -> io::Result<Option<Entry>> {
        let next = match self.sorted.next_piece()? {
            None => None,
            Some((key, bytes)) => {
                Some((key, serde_json::from_slice(bytes).map_err(io::Error::other)?))
            }
        };
        Ok(std::mem::replace(&mut self.head, next).map(|(_, entry)| entry))
    }
}

/// Takes all entries of one hash from the streams: a series for each target. A target that a run
/// holds several times is several: the first with the first, the second with the second.
fn targets_of(
    streams: &mut [Stream],
    hash: u64,
    told: &mut Told,
) -> io::Result<Vec<Vec<Option<Entry>>>> {
    let runs = streams.len();
    let mut targets: BTreeMap<(String, usize), Vec<Option<Entry>>> = BTreeMap::new();
    for (run, stream) in streams.iter_mut().enumerate() {
        let mut same: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        while stream.key() == Some(hash) {
            let Some(entry) = stream.advance()? else { break };
            let entries = same.entry(entry.key.clone()).or_default();
            match entries.len() {
                SAME_TARGET_MAX => told.beyond += 1,
                _ => entries.push(entry),
            }
        }
        for (key, mut entries) in same {
            // Results hold them as they ended.
            entries.sort_by_key(|entry| entry.n);
            for (time, entry) in entries.into_iter().enumerate() {
                let series = targets.entry((key.clone(), time));
                series.or_insert_with(|| vec![None; runs])[run] = Some(entry);
            }
        }
    }
    Ok(targets.into_values().collect())
}
