//! Which target is due next: slots by their schedule, confirmations beside them, never two checks of
//! one target at once.
//!
//! Every slot that comes due ends as one check or in one [`Missed`]: it is handed out by
//! [`Agenda::start`] and comes back by [`Agenda::finish`], or it is counted as missed because its
//! predecessor was still under way, or because nobody could start it before the next one.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::schedule::Schedule;
use super::words::{Missed, MissedCause, WatchedNo};
use crate::time::{Duration, Time};

/// A check to be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The target.
    pub target: WatchedNo,
    /// The slot, or when the confirmation was to be.
    pub due: Time,
    /// Whether it is a confirmation, and no slot's.
    pub is_confirmation: bool,
}

/// What is to follow a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing before the next slot.
    AtSlot,
    /// A confirmation.
    Confirm {
        /// When.
        at: Time,
    },
}

#[derive(Debug)]
struct Entry {
    timing: Schedule,
    /// The slot that comes next; [`Time::NEVER`] if none does.
    slot: Time,
    /// The confirmation that is asked for.
    confirm: Option<Time>,
    /// The check under way, or the one that waits to be begun again.
    open: Option<Start>,
    /// The number of what the queue has of it; what has another number is of before.
    turn: u64,
}

impl Entry {
    /// Counts the slots up to and including `until` as missed, and goes on to the one after them.
    fn miss(&mut self, target: WatchedNo, until: Time, cause: MissedCause, into: &mut Vec<Missed>) {
        let before = self.slot - Duration::from_nanos(1);
        if let Some(missed) = slots(&self.timing, target, before, until, cause) {
            into.push(missed);
            self.slot = self.timing.next(until).unwrap_or(Time::NEVER);
        }
    }

    /// The slot to be begun now, if one is due: the last that is. Those before it are missed.
    fn take_slot(
        &mut self,
        target: WatchedNo,
        now: Time,
        missed: &mut Vec<Missed>,
    ) -> Option<Start> {
        let before = self.slot - Duration::from_nanos(1);
        let last = self.timing.last(before, now)?;
        if last > self.slot {
            let until = last - Duration::from_nanos(1);
            self.miss(target, until, MissedCause::Overload, missed);
        }
        self.slot = self.timing.next(last).unwrap_or(Time::NEVER);
        // The slot's check says what a confirmation would.
        self.confirm = None;
        Some(Start { target, due: last, is_confirmation: false })
    }
}

/// Every target that is watched, by when it is due.
#[derive(Debug, Default)]
pub struct Agenda {
    entries: Vec<Option<Entry>>,
    /// When to look at which target, and in which of its turns that is worth a look.
    queue: BinaryHeap<Reverse<(Time, u32, u64)>>,
    /// Slots handed out and not finished: the oldest bounds what is accounted for.
    open: BTreeSet<(Time, u32)>,
    missed: Vec<Missed>,
    turns: u64,
    len: usize,
}

impl Agenda {
    /// Targets in it.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Checks under way, those that wait to be begun again included.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Adds a target whose first slot is the first one after `after`. One that is there already
    /// gets this timing, and what is under way stays so.
    pub fn add(&mut self, target: WatchedNo, timing: Schedule, after: Time) {
        let index = target.0 as usize;
        if self.entries.len() <= index {
            self.entries.resize_with(index + 1, || None);
        }
        let slot = timing.next(after).unwrap_or(Time::NEVER);
        let mut before = self.entries[index].take();
        self.len += usize::from(before.is_none());
        // Slots of its old timing that nobody has begun by now are not begun any more.
        if let Some(before) = &mut before {
            before.miss(target, after, MissedCause::Overload, &mut self.missed);
        }
        // What waits to be begun again keeps its place in the queue.
        let (confirm, open, turn) =
            before.map_or((None, None, 0), |before| (before.confirm, before.open, before.turn));
        self.entries[index] = Some(Entry { timing, slot, confirm, open, turn });
        self.arm(index);
    }

    /// Takes a target out; what is under way of it is forgotten. The others are not touched.
    pub fn remove(&mut self, target: WatchedNo) {
        let entry = self.entries.get_mut(target.0 as usize).and_then(Option::take);
        if let Some(entry) = entry {
            self.len -= 1;
            if let Some(open) = entry.open {
                self.open.remove(&(open.due, target.0));
            }
        }
    }

    /// The moment to ask again; `None` if nothing will ever be due.
    pub fn next_at(&mut self) -> Option<Time> {
        while let Some(Reverse((at, index, turn))) = self.queue.peek().copied() {
            if self.is_current(index, turn) {
                return Some(at);
            }
            self.queue.pop();
        }
        None
    }

    /// A check that is due, if one is. It is under way from here on, until [`Self::finish`],
    /// [`Self::put_back`] or [`Self::give_up`].
    pub fn start(&mut self, now: Time) -> Option<Start> {
        loop {
            let at = self.next_at()?;
            if at > now {
                return None;
            }
            let Reverse((_, index, _)) = self.queue.pop()?;
            let target = WatchedNo(index);
            let Some(entry) = self.entries[index as usize].as_mut() else { continue };
            let waited = entry.open.take();
            if let Some(waited) = waited {
                self.open.remove(&(waited.due, index));
            }
            let slot = entry.take_slot(target, now, &mut self.missed);
            if let (Some(waited), Some(_)) = (waited, slot)
                && !waited.is_confirmation
            {
                self.missed.push(missed_one(waited, MissedCause::Overload));
            }
            let start = slot.or(waited).or_else(|| {
                let due = entry.confirm.take_if(|confirm| *confirm <= now)?;
                Some(Start { target, due, is_confirmation: true })
            });
            let Some(start) = start else {
                self.arm(index as usize);
                continue;
            };
            entry.open = Some(start);
            self.open.insert((start.due, index));
            return Some(start);
        }
    }

    /// A check has ended. The slots that came due meanwhile are missed. `None` if the target was
    /// taken out, or has no check under way.
    pub fn finish(&mut self, target: WatchedNo, now: Time, next: Next) -> Option<Start> {
        let entry = self.entries.get_mut(target.0 as usize)?.as_mut()?;
        let open = entry.open.take()?;
        self.open.remove(&(open.due, target.0));
        entry.miss(target, now, MissedCause::Overlap, &mut self.missed);
        entry.confirm = match next {
            Next::AtSlot => None,
            Next::Confirm { at } => Some(at),
        };
        self.arm(target.0 as usize);
        Some(open)
    }

    /// A check could not be begun; it is handed out again at `at`, unless a later slot has come due
    /// by then.
    pub fn put_back(&mut self, target: WatchedNo, at: Time) {
        let Some(entry) = self.entries.get_mut(target.0 as usize).and_then(Option::as_mut) else {
            return;
        };
        if entry.open.is_some() {
            self.turns += 1;
            entry.turn = self.turns;
            self.queue.push(Reverse((at, target.0, self.turns)));
        }
    }

    /// A check ends without a result: its slot is missed, for this cause.
    pub fn give_up(&mut self, target: WatchedNo, now: Time, cause: MissedCause) {
        if let Some(open) = self.finish(target, now, Next::AtSlot)
            && !open.is_confirmation
        {
            self.missed.push(missed_one(open, cause));
        }
    }

    /// The slots that were missed since this was asked last.
    pub fn take_missed(&mut self) -> Vec<Missed> {
        std::mem::take(&mut self.missed)
    }

    /// Every slot due before it has ended, one way or another.
    pub fn accounted_until(&mut self, now: Time) -> Time {
        let open = self.open.first().map_or(now, |(due, _)| *due);
        self.next_at().unwrap_or(now).min(open).min(now)
    }

    /// The check of a target that is under way or waits to be begun.
    pub fn under_way(&self, target: WatchedNo) -> Option<Start> {
        self.entries.get(target.0 as usize)?.as_ref()?.open
    }

    fn arm(&mut self, index: usize) {
        let Some(entry) = self.entries[index].as_mut() else { return };
        if entry.open.is_some() {
            // Its end arms it again.
            return;
        }
        self.turns += 1;
        entry.turn = self.turns;
        let at = entry.confirm.map_or(entry.slot, |confirm| confirm.min(entry.slot));
        if at < Time::NEVER {
            let index = u32::try_from(index).expect("numbers of targets fit");
            self.queue.push(Reverse((at, index, entry.turn)));
        }
    }

    fn is_current(&self, index: u32, turn: u64) -> bool {
        self.entries[index as usize].as_ref().is_some_and(|entry| entry.turn == turn)
    }
}

/// The slots after `after`, up to and including `until`, as missed; `None` if there are none.
pub fn slots(
    timing: &Schedule,
    target: WatchedNo,
    after: Time,
    until: Time,
    cause: MissedCause,
) -> Option<Missed> {
    let from = timing.next(after).filter(|first| *first <= until)?;
    let last = timing.last(after, until).unwrap_or(from);
    Some(Missed { target, from, until: last, slots: timing.count(after, until), cause })
}

fn missed_one(start: Start, cause: MissedCause) -> Missed {
    Missed { target: start.target, from: start.due, until: start.due, slots: 1, cause }
}

#[cfg(test)]
mod tests {
    use super::super::schedule::Every;
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: f64) -> Time {
        Time::ZERO + Duration::from_secs_f64(seconds)
    }

    /// One target, each ten seconds at 3, 13, 23, ...
    fn agenda() -> Agenda {
        let mut agenda = Agenda::default();
        agenda.add(WatchedNo(0), timing(), at(0.0));
        agenda
    }

    fn timing() -> Schedule {
        Schedule::Every(Every::with_phase(10 * SECOND, 3 * SECOND))
    }

    /// What happens to the target of [`agenda`], and what comes of it.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// Something is to be begun at this second: a slot, or a confirmation.
        Slot(f64, f64),
        Confirmation(f64, f64),
        Nothing(f64),
        Finish(f64),
        Confirm(f64, f64),
        PutBack(f64),
        /// It is added again, with the same timing, at this second.
        Add(f64),
        GiveUp(f64, MissedCause),
        /// First and last slot that are missed, how many, why.
        Missed(f64, f64, u32, MissedCause),
        Accounted(f64, f64),
    }

    fn check(steps: &[Step]) {
        let mut agenda = agenda();
        let no = WatchedNo(0);
        let mut missed: std::collections::VecDeque<Missed> = std::collections::VecDeque::new();
        for step in steps {
            let begun =
                |start: Option<Start>| start.map(|start| (start.due, start.is_confirmation));
            match *step {
                Step::Slot(now, due) => {
                    assert_eq!(begun(agenda.start(at(now))), Some((at(due), false)), "{step:?}");
                }
                Step::Confirmation(now, due) => {
                    assert_eq!(begun(agenda.start(at(now))), Some((at(due), true)), "{step:?}");
                }
                Step::Nothing(now) => assert_eq!(agenda.start(at(now)), None, "{step:?}"),
                Step::Finish(now) => {
                    agenda.finish(no, at(now), Next::AtSlot).expect("under way");
                }
                Step::Confirm(now, when) => {
                    agenda.finish(no, at(now), Next::Confirm { at: at(when) }).expect("under way");
                }
                Step::PutBack(when) => agenda.put_back(no, at(when)),
                Step::Add(now) => agenda.add(no, timing(), at(now)),
                Step::GiveUp(now, cause) => agenda.give_up(no, at(now), cause),
                Step::Missed(from, until, slots, cause) => {
                    missed.extend(agenda.take_missed());
                    let expected =
                        Missed { target: no, from: at(from), until: at(until), slots, cause };
                    assert_eq!(missed.pop_front(), Some(expected), "{step:?}");
                }
                Step::Accounted(now, until) => {
                    assert_eq!(agenda.accounted_until(at(now)), at(until), "{step:?}");
                }
            }
        }
        missed.extend(agenda.take_missed());
        assert!(missed.is_empty(), "{missed:?} after {steps:?}");
    }

    #[test]
    fn what_waits_is_begun_once_there_is_room() {
        use MissedCause::Overload;
        use Step::{Add, Finish, Missed, Nothing, PutBack, Slot};
        // A full engine.
        check(&[Slot(3.0, 3.0), PutBack(3.5), Nothing(3.4), Slot(3.5, 3.0), Finish(4.0)]);
        // Added again meanwhile, it is begun all the same.
        check(&[Slot(3.0, 3.0), PutBack(3.5), Add(3.2), Slot(3.5, 3.0), Finish(4.0)]);
        check(&[Slot(3.0, 3.0), Add(3.2), Finish(4.0), Slot(13.0, 13.0)]);
        check(&[Add(13.5), Missed(3.0, 13.0, 2, Overload), Slot(23.0, 23.0)]);
        check(&[
            Slot(3.0, 3.0),
            PutBack(3.5),
            Slot(24.0, 23.0),
            Missed(13.0, 13.0, 1, Overload),
            Missed(3.0, 3.0, 1, Overload),
            Finish(25.0),
        ]);
    }

    #[test]
    fn a_slot_is_begun_once_or_missed() {
        use MissedCause::{Overlap, Overload, Stopped};
        use Step::{Accounted, Confirm, Confirmation, Finish, GiveUp, Missed, Nothing, Slot};
        check(&[Nothing(2.9), Slot(3.0, 3.0), Nothing(3.0), Finish(4.0), Nothing(12.0)]);
        check(&[Slot(3.0, 3.0), Finish(4.0), Slot(13.2, 13.0), Finish(13.5), Slot(23.0, 23.0)]);
        // Still under way when the next comes.
        check(&[
            Slot(3.0, 3.0),
            Nothing(14.0),
            Finish(14.0),
            Missed(13.0, 13.0, 1, Overlap),
            Slot(23.0, 23.0),
        ]);
        check(&[Slot(3.0, 3.0), Finish(55.0), Missed(13.0, 53.0, 5, Overlap), Slot(63.0, 63.0)]);
        // Nobody asked in time: the last one is begun.
        check(&[Slot(35.0, 33.0), Missed(3.0, 23.0, 3, Overload), Finish(36.0)]);
        // A confirmation, then the slot as before.
        check(&[
            Slot(3.0, 3.0),
            Confirm(4.0, 5.0),
            Nothing(4.9),
            Confirmation(5.0, 5.0),
            Finish(6.0),
            Slot(13.0, 13.0),
        ]);
        // The slot comes before the confirmation, and does its work.
        check(&[
            Slot(3.0, 3.0),
            Confirm(12.0, 14.0),
            Slot(13.0, 13.0),
            Finish(13.5),
            Nothing(15.0),
        ]);
        check(&[
            Slot(3.0, 3.0),
            Confirm(12.0, 12.5),
            Slot(13.1, 13.0),
            Finish(13.5),
            Nothing(15.0),
        ]);
        check(&[
            Slot(3.0, 3.0),
            GiveUp(4.0, Stopped),
            Missed(3.0, 3.0, 1, Stopped),
            Slot(13.0, 13.0),
        ]);
        check(&[
            Accounted(1.0, 1.0),
            Accounted(3.0, 3.0),
            Accounted(5.0, 3.0),
            Slot(5.0, 3.0),
            Accounted(6.0, 3.0),
            Finish(6.0),
            Accounted(6.0, 6.0),
        ]);
    }

    #[test]
    fn what_is_taken_out_or_added_leaves_the_others_alone() {
        let mut agenda = agenda();
        let other = Schedule::Every(Every::with_phase(10 * SECOND, 4 * SECOND));
        agenda.add(WatchedNo(5), other.clone(), at(0.0));
        assert_eq!(agenda.len(), 2);
        let first = agenda.start(at(3.0)).expect("due");
        agenda.remove(first.target);
        assert_eq!(agenda.finish(first.target, at(3.5), Next::AtSlot), None);
        assert_eq!((agenda.len(), agenda.open()), (1, 0));
        agenda.add(first.target, other, at(4.5));
        assert_eq!(agenda.start(at(4.5)).map(|start| start.target), Some(WatchedNo(5)));
        assert_eq!(agenda.start(at(4.5)), None);
        assert_eq!(agenda.next_at(), Some(at(14.0)));
    }

    #[test]
    fn every_slot_has_one_end() {
        for seed in 0..300 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut agenda = Agenda::default();
            let timings: Vec<Schedule> = (0..20)
                .map(|_| Every::new(Duration::from_secs(random.u64(1..60)), random.u64(..)))
                .map(Schedule::Every)
                .collect();
            for (index, timing) in (0..).zip(&timings) {
                agenda.add(WatchedNo(index), timing.clone(), at(0.0));
            }
            let (mut now, mut ended, mut under_way) = (0.0, [0_u64; 20], Vec::new());
            while now < 600.0 {
                now += random.f64() * 3.0;
                while let Some(start) = agenda.start(at(now)) {
                    under_way.push(start);
                }
                while !under_way.is_empty() && random.u8(..3) > 0 {
                    let start = under_way.swap_remove(random.usize(..under_way.len()));
                    let index = start.target.0 as usize;
                    match random.u8(..8) {
                        0 => {
                            agenda.put_back(start.target, at(now + random.f64()));
                            continue;
                        }
                        1 => agenda.give_up(start.target, at(now), MissedCause::HostClosed),
                        2 => {
                            let next = Next::Confirm { at: at(now + random.f64()) };
                            agenda.finish(start.target, at(now), next).expect("under way");
                            ended[index] += u64::from(!start.is_confirmation);
                        }
                        _ => {
                            agenda.finish(start.target, at(now), Next::AtSlot).expect("under way");
                            ended[index] += u64::from(!start.is_confirmation);
                        }
                    }
                }
                for missed in agenda.take_missed() {
                    ended[missed.target.0 as usize] += u64::from(missed.slots);
                }
                let accounted = agenda.accounted_until(at(now));
                for (index, timing) in timings.iter().enumerate() {
                    let due = timing.count(at(0.0), accounted - Duration::from_nanos(1));
                    let come = timing.count(at(0.0), at(now));
                    let (due, come) = (u64::from(due), u64::from(come));
                    assert!(
                        (due..=come).contains(&ended[index]),
                        "seed {seed}, target {index} at {now}"
                    );
                }
            }
        }
    }
}
