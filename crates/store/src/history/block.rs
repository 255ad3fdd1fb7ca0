//! Slots of targets in columns, compressed: what a check costs on disk is decided here.
//!
//! # Format 1
//!
//! Numbers are LEB128, signed ones zigzag. A block begins with how many frames it has, and of each
//! the first target that may be in it (the distance to that of the frame before) and its length in
//! bytes; then come the frames, so that one target costs the reading of one frame. Each is a zstd
//! frame, and in it columns stand one behind the other, each behind its length in bytes:
//!
//! 1. the byte 1 (the format), the number of slots, the origin (signed, milliseconds since 1970);
//! 2. the outcomes that occur: how many, and of each a byte (0 up, 1 degraded, 2 limited,
//!    3 unknown, 4 down, or 16 + cause: a missed span), a byte (1: a confirmation), the status
//!    code, and the error kind behind its length;
//! 3. columns of one number for each slot, sorted by target and moment:
//!    `target` (the distance to the one before), `due` (signed: of a target's first slot the
//!    distance to the origin, of its second that to the first, and then by how much the distance
//!    to the one before differs from the previous distance), `outcome` (which of 2.), `lag`
//!    (milliseconds);
//! 4. `took`: the high bytes of all codes, then the low bytes. A code below 256 is microseconds;
//!    else it means `(128 + code % 128) << (code / 128 - 1)` microseconds, 0.4 % more or less;
//! 5. `span`: for missed spans only, the slots and how long after `due` it ends (milliseconds).

use std::cell::RefCell;

use gather_core::time::Duration;
use gather_core::watch::{Check, Missed, MissedCause, WatchedNo};
use gather_core::{ErrorKind, health::Health};

use super::pack::{Took, Unpack, put, put_bytes, put_signed};
use super::words::{ms, time};

const FORMAT: u8 = 1;
/// A block that claims to hold more is damaged.
const BLOCK_BYTES_MAX: usize = 256 << 20;
/// What the byte of a missed span begins with.
const MISSED: u8 = 16;

/// What came of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum What {
    /// A check.
    Check { health: Health, status_code: u16, kind: Option<ErrorKind>, is_confirmation: bool },
    /// No check.
    Missed(MissedCause),
}

/// A check, or a span without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) target: u32,
    /// When it was due, in milliseconds since 1970; the first of a span.
    pub(super) due: i64,
    pub(super) what: What,
    /// Milliseconds.
    pub(super) lag: u32,
    pub(super) took: Took,
    /// Slots of a missed span; 0 for a check.
    pub(super) slots: u32,
    /// From `due` to the end of a missed span, in milliseconds.
    pub(super) span: u64,
}

impl Slot {
    pub(super) fn of_check(check: &Check) -> Self {
        Self {
            target: check.target.0,
            due: ms(check.due),
            what: What::Check {
                health: check.health,
                status_code: check.status_code,
                kind: check.kind,
                is_confirmation: check.is_confirmation,
            },
            lag: u32::try_from(check.lag.as_millis()).unwrap_or(u32::MAX),
            took: Took::new(check.took),
            slots: 0,
            span: 0,
        }
    }

    pub(super) fn of_missed(missed: &Missed) -> Self {
        let span = missed.until.since(missed.from).as_millis();
        Self {
            target: missed.target.0,
            due: ms(missed.from),
            what: What::Missed(missed.cause),
            lag: 0,
            took: Took::default(),
            slots: missed.slots.max(1),
            span: u64::try_from(span).unwrap_or(u64::MAX),
        }
    }

    /// Until when it accounts for: the moment after its last slot.
    pub(super) fn until(&self) -> i64 {
        self.due.saturating_add_unsigned(self.span)
    }

    pub(super) fn as_check(&self) -> Option<Check> {
        let What::Check { health, status_code, kind, is_confirmation } = self.what else {
            return None;
        };
        Some(Check {
            target: WatchedNo(self.target),
            due: time(self.due),
            lag: Duration::from_millis(self.lag.into()),
            took: self.took.duration(),
            health,
            status_code,
            kind,
            is_confirmation,
        })
    }

    pub(super) fn as_missed(&self) -> Option<Missed> {
        let What::Missed(cause) = self.what else { return None };
        let (from, until) = (time(self.due), time(self.until()));
        Some(Missed { target: WatchedNo(self.target), from, until, slots: self.slots, cause })
    }
}

/// Sorts slots by target and moment: as blocks have them.
pub(super) fn sort(slots: &mut [Slot]) {
    slots.sort_unstable_by_key(|slot| (slot.target, slot.due));
}

/// The columns of a block before they are compressed.
#[derive(Default)]
struct Columns {
    head: Vec<u8>,
    outcomes: Vec<What>,
    target: Vec<u8>,
    due: Vec<u8>,
    outcome: Vec<u8>,
    lag: Vec<u8>,
    took: [Vec<u8>; 2],
    span: Vec<u8>,
    all: Vec<u8>,
}

thread_local! {
    static SCRATCH: RefCell<Columns> = RefCell::default();
}

/// How hard is tried to make it small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// For what is rewritten soon.
    Quick,
    /// For what stays.
    Thorough,
}

/// Encodes slots that are sorted, so many targets in a frame.
pub(super) fn encode(slots: &[Slot], effort: Effort, frame_targets: u32) -> Vec<u8> {
    SCRATCH.with_borrow_mut(|columns| {
        let (mut head, mut frames, mut before) = (Vec::new(), Vec::new(), 0);
        let by_frame = slots.chunk_by(|a, b| a.target / frame_targets == b.target / frame_targets);
        let mut count = 0;
        for slots in by_frame {
            columns.fill(slots);
            let frame = compress(&columns.all, effort);
            let first = slots[0].target / frame_targets * frame_targets;
            put(&mut head, u64::from(first - before));
            put(&mut head, frame.len() as u64);
            frames.extend_from_slice(&frame);
            (before, count) = (first, count + 1);
        }
        let mut block = Vec::with_capacity(head.len() + frames.len() + 2);
        put(&mut block, count);
        block.extend_from_slice(&head);
        block.extend_from_slice(&frames);
        block
    })
}

/// A zstd frame of these bytes.
pub(super) fn compress(bytes: &[u8], effort: Effort) -> Vec<u8> {
    let level = match effort {
        Effort::Quick => 1,
        Effort::Thorough => 3,
    };
    zstd::bulk::compress(bytes, level).expect("memory is what it needs, and nothing else")
}

/// What is in a zstd frame of ours.
pub(super) fn decompress(frame: &[u8]) -> Option<Vec<u8>> {
    let length =
        zstd::bulk::Decompressor::upper_bound(frame).filter(|at| *at <= BLOCK_BYTES_MAX)?;
    zstd::bulk::decompress(frame, length).ok()
}

impl Columns {
    fn fill(&mut self, slots: &[Slot]) {
        let Self { head, outcomes, target, due, outcome, lag, took: [high, low], span, all } = self;
        for column in [&mut *head, target, due, outcome, lag, high, low, span, all] {
            column.clear();
        }
        outcomes.clear();
        let origin = slots.iter().map(|slot| slot.due).min().unwrap_or(0);
        let (mut number, mut before, mut step) = (0, origin, None);
        let mut last = usize::MAX;
        for slot in slots {
            put(target, u64::from(slot.target - number));
            if slot.target != number {
                (number, before, step) = (slot.target, origin, None);
            }
            let distance = slot.due - before;
            put_signed(due, distance - step.unwrap_or(0));
            // The first distance is that to the origin, which foretells nothing.
            step = Some(if step.is_none() { 0 } else { distance });
            before = slot.due;
            if outcomes.get(last) != Some(&slot.what) {
                last = outcomes.iter().position(|known| *known == slot.what).unwrap_or_else(|| {
                    outcomes.push(slot.what);
                    outcomes.len() - 1
                });
            }
            put(outcome, last as u64);
            put(lag, slot.lag.into());
            let [high_byte, low_byte] = slot.took.0.to_be_bytes();
            high.push(high_byte);
            low.push(low_byte);
            if let What::Missed(_) = slot.what {
                put(span, slot.slots.into());
                put(span, slot.span);
            }
        }
        head.push(FORMAT);
        put(head, slots.len() as u64);
        put_signed(head, origin);
        put(head, outcomes.len() as u64);
        outcomes.iter().for_each(|what| put_outcome(head, what));
        all.extend_from_slice(head);
        for column in [target, due, outcome, lag, high, low, span] {
            put_bytes(all, column);
        }
    }
}

fn put_outcome(out: &mut Vec<u8>, what: &What) {
    match *what {
        What::Check { health, status_code, kind, is_confirmation } => {
            out.push(health_number(health));
            out.push(is_confirmation.into());
            put(out, status_code.into());
            put_bytes(out, kind.map_or("", ErrorKind::as_str).as_bytes());
        }
        What::Missed(cause) => {
            let number = CAUSES.iter().position(|known| *known == cause).unwrap_or(0);
            out.extend_from_slice(&[MISSED + number as u8, 0, 0, 0]);
        }
    }
}

/// In the order of their numbers, which must stay.
const HEALTHS: [Health; 5] =
    [Health::Up, Health::Degraded, Health::Limited, Health::Unknown, Health::Down];
/// In the order of their numbers, which must stay.
const CAUSES: [MissedCause; 6] = [
    MissedCause::NotRunning,
    MissedCause::Overlap,
    MissedCause::HostClosed,
    MissedCause::Overload,
    MissedCause::Stopped,
    MissedCause::Network,
];

/// The number of a health in blocks and in rollups.
pub(super) fn health_number(health: Health) -> u8 {
    match health {
        Health::Up => 0,
        Health::Degraded => 1,
        Health::Limited => 2,
        Health::Unknown => 3,
        Health::Down => 4,
    }
}

/// The health of this number.
pub(super) fn health_of(number: u8) -> Option<Health> {
    HEALTHS.get(usize::from(number)).copied()
}

fn read_outcome(from: &mut Unpack<'_>) -> Option<What> {
    let (what, flags, status) = (from.byte()?, from.byte()?, from.number()?);
    let kind = std::str::from_utf8(from.bytes()?).ok()?;
    if let Some(cause) = what.checked_sub(MISSED) {
        return CAUSES.get(usize::from(cause)).map(|cause| What::Missed(*cause));
    }
    Some(What::Check {
        health: health_of(what)?,
        status_code: u16::try_from(status).ok()?,
        kind: ErrorKind::from_name(kind),
        is_confirmation: flags & 1 != 0,
    })
}

/// Which targets of a block are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted<'a> {
    All,
    /// These, in order.
    Of(&'a [u32]),
}

/// Decodes a block; `None` if it is damaged.
pub(super) fn decode(block: &[u8], wanted: Wanted<'_>, into: &mut Vec<Slot>) -> Option<()> {
    let mut from = Unpack(block);
    let count = from.length()?.min(block.len());
    let (mut frames, mut first) = (Vec::with_capacity(count), 0_u32);
    for _ in 0..count {
        first = first.checked_add(from.small()?)?;
        frames.push((first, from.length()?));
    }
    let mut rest = from.0;
    for (at, (first, length)) in frames.iter().enumerate() {
        let (frame, others) = rest.split_at_checked(*length)?;
        rest = others;
        let next = frames.get(at + 1).map_or(u32::MAX, |(first, _)| *first);
        let is_wanted = match wanted {
            Wanted::All => true,
            Wanted::Of(wanted) => {
                let from = wanted.partition_point(|target| target < first);
                wanted.get(from).is_some_and(|target| *target < next || at + 1 == frames.len())
            }
        };
        if is_wanted {
            decode_frame(frame, wanted, into)?;
        }
    }
    Some(())
}

fn decode_frame(frame: &[u8], wanted: Wanted<'_>, into: &mut Vec<Slot>) -> Option<()> {
    let bytes = decompress(frame)?;
    let mut from = Unpack(&bytes);
    if from.byte()? != FORMAT {
        return None;
    }
    let (count, origin) = (from.length()?, from.signed()?);
    let outcomes = from.length()?.min(from.0.len());
    let outcomes = (0..outcomes).map(|_| read_outcome(&mut from)).collect::<Option<Vec<_>>>()?;
    let mut column = || from.bytes().map(Unpack);
    let (mut target, mut due, mut outcome) = (column()?, column()?, column()?);
    let (mut lag, high, low, mut span) = (column()?, column()?, column()?, column()?);
    let (mut number, mut before, mut step) = (0_u32, origin, None);
    for at in 0..count {
        let next = number.checked_add(target.small()?)?;
        if next != number {
            (number, before, step) = (next, origin, None);
        }
        let distance = due.signed()?.checked_add(step.unwrap_or(0))?;
        step = Some(if step.is_none() { 0 } else { distance });
        before = before.checked_add(distance)?;
        let (what, lag) = (*outcomes.get(outcome.length()?)?, lag.small()?);
        let took = Took(u16::from_be_bytes([*high.0.get(at)?, *low.0.get(at)?]));
        let (mut slots, mut length) = (0, 0);
        if let What::Missed(_) = what {
            (slots, length) = (span.small()?, span.number()?);
        }
        if let Wanted::Of(wanted) = wanted {
            if wanted.last().is_none_or(|last| number > *last) {
                break;
            }
            if wanted.binary_search(&number).is_err() {
                continue;
            }
        }
        into.push(Slot { target: number, due: before, what, lag, took, slots, span: length });
    }
    Some(())
}

#[cfg(test)]
mod tests;
