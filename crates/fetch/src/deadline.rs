//! One coarse clock for all tries of a shard: deadlines and slow bodies cost no timer each.
//!
//! A try registers once and is woken by [`Deadlines::tick`] when its time is over. The tick looks
//! at every slot only when the earliest of them is due, so a tick in between costs one comparison.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use gather_core::config::MinSpeed;

/// Why a try was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// The time of the whole try is over.
    Deadline,
    /// The same, and the body had fallen silent.
    Silent,
    /// The body came more slowly than asked for.
    Slow,
    /// Not a byte of the body came within the window of `min_speed`.
    Stalled,
}

/// All deadlines of a shard.
#[derive(Debug)]
pub(crate) struct Deadlines {
    now: Cell<Instant>,
    /// No slot is due before this.
    next_due: Cell<Option<Instant>>,
    slots: RefCell<Slots>,
    min_speed: Option<MinSpeed>,
}

#[derive(Debug, Default)]
struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot {
    live: bool,
    deadline: Instant,
    /// How long a body must have been silent for the deadline to be called its silence.
    silence: Duration,
    fired: Option<Expiry>,
    /// Since when we are the ones who do not read on.
    paused_at: Option<Instant>,
    waker: Option<Waker>,
    body: Option<BodyWatch>,
}

#[derive(Debug)]
struct BodyWatch {
    last_byte: Instant,
    window_end: Option<Instant>,
    window_bytes: u64,
}

impl Slot {
    fn is_running(&self) -> bool {
        self.live && self.fired.is_none() && self.paused_at.is_none()
    }

    fn due(&self) -> Instant {
        let window_end = self.body.as_ref().and_then(|body| body.window_end);
        window_end.map_or(self.deadline, |end| end.min(self.deadline))
    }

    /// Decides what is due at `now`: begins the next window, or fires.
    fn check(&mut self, now: Instant, min_speed: Option<MinSpeed>) {
        if now >= self.deadline {
            let silent = self
                .body
                .as_ref()
                .is_some_and(|body| now.saturating_duration_since(body.last_byte) >= self.silence);
            self.fire(if silent { Expiry::Silent } else { Expiry::Deadline });
            return;
        }
        let (Some(body), Some(min_speed)) = (self.body.as_mut(), min_speed) else { return };
        if body.window_end.is_some_and(|end| now >= end) {
            let bytes = std::mem::take(&mut body.window_bytes);
            body.window_end = Some(now + min_speed.window);
            if bytes < min_speed.bytes {
                self.fire(if bytes == 0 { Expiry::Stalled } else { Expiry::Slow });
            }
        }
    }

    fn fire(&mut self, expiry: Expiry) {
        self.fired = Some(expiry);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Deadlines {
    pub(crate) fn new(now: Instant, min_speed: Option<MinSpeed>) -> Self {
        Self {
            now: Cell::new(now),
            next_due: Cell::new(None),
            slots: RefCell::default(),
            min_speed,
        }
    }

    /// The time of the last tick (or registration): coarse, and free to read.
    pub(crate) fn now(&self) -> Instant {
        self.now.get()
    }

    /// Wakes every try whose time is over at `now`.
    pub(crate) fn tick(&self, now: Instant) {
        self.now.set(now);
        if self.next_due.get().is_none_or(|due| now < due) {
            return;
        }
        let mut next_due: Option<Instant> = None;
        let mut slots = self.slots.borrow_mut();
        for slot in slots.slots.iter_mut().filter(|slot| slot.is_running()) {
            if now >= slot.due() {
                slot.check(now, self.min_speed);
            }
            if slot.fired.is_none() {
                let due = slot.due();
                next_due = Some(next_due.map_or(due, |next| next.min(due)));
            }
        }
        self.next_due.set(next_due);
    }

    /// Registers a try that begins at `now` and may take `time`. Dropping the watch unregisters.
    pub(crate) fn watch(self: &Rc<Self>, now: Instant, time: Duration) -> Watch {
        self.now.set(now.max(self.now.get()));
        let deadline = now + time.min(FOREVER);
        let short = (time / 2).min(Duration::from_millis(1500));
        let slot = Slot {
            live: true,
            deadline,
            silence: (time / 4).max(short),
            fired: None,
            paused_at: None,
            waker: None,
            body: None,
        };
        self.lower_next_due(deadline);
        let mut slots = self.slots.borrow_mut();
        let index = match slots.free.pop() {
            Some(index) => {
                slots.slots[index as usize] = slot;
                index
            }
            None => {
                slots.slots.push(slot);
                u32::try_from(slots.slots.len() - 1).expect("fewer than 2^32 tries in flight")
            }
        };
        Watch { deadlines: Rc::clone(self), index }
    }

    fn lower_next_due(&self, due: Instant) {
        if self.next_due.get().is_none_or(|next| due < next) {
            self.next_due.set(Some(due));
        }
    }
}

/// Beyond this a deadline is none, and `Instant` cannot overflow.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// A registered try.
#[derive(Debug)]
pub(crate) struct Watch {
    deadlines: Rc<Deadlines>,
    index: u32,
}

impl Watch {
    /// Runs `future` until it is done or the try's time is over. It comes pinned, because moving
    /// the future of a whole try costs more than the rest of this.
    pub(crate) async fn within<F: Future>(
        &self,
        mut future: Pin<&mut F>,
    ) -> Result<F::Output, Expiry> {
        std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => self.poll_expired(cx).map(Err),
        })
        .await
    }

    /// A response's body begins: its speed is watched from now on.
    pub(crate) fn body_begins(&self) {
        let now = self.deadlines.now();
        let window_end = self.deadlines.min_speed.map(|min_speed| now + min_speed.window);
        self.with(|slot| {
            slot.body = Some(BodyWatch { last_byte: now, window_end, window_bytes: 0 });
        });
        if let Some(window_end) = window_end {
            self.deadlines.lower_next_due(window_end);
        }
    }

    /// Bytes of the body came.
    pub(crate) fn body_came(&self, bytes: u64) {
        let now = self.deadlines.now();
        self.with(|slot| {
            if let Some(body) = &mut slot.body {
                body.last_byte = now;
                body.window_bytes += bytes;
            }
        });
    }

    /// The body is over: only the deadline counts, until another begins.
    pub(crate) fn body_ends(&self) {
        self.with(|slot| slot.body = None);
    }

    /// We do not read on, for want of memory: no time passes for the try until `resume`.
    pub(crate) fn pause(&self) {
        let now = self.deadlines.now();
        self.with(|slot| slot.paused_at = Some(now));
    }

    /// The try goes on; what the pause took is not its own.
    pub(crate) fn resume(&self) {
        let now = self.deadlines.now();
        let due = self.with(|slot| {
            let paused_at = slot.paused_at.take()?;
            let pause = now.saturating_duration_since(paused_at);
            slot.deadline += pause;
            if let Some(body) = &mut slot.body {
                body.last_byte += pause;
                body.window_end = body.window_end.map(|end| end + pause);
            }
            Some(slot.due())
        });
        if let Some(due) = due {
            self.deadlines.lower_next_due(due);
        }
    }

    fn poll_expired(&self, cx: &mut Context<'_>) -> Poll<Expiry> {
        self.with(|slot| match slot.fired {
            Some(expiry) => Poll::Ready(expiry),
            None => {
                match &mut slot.waker {
                    Some(waker) => waker.clone_from(cx.waker()),
                    none => *none = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Slot) -> T) -> T {
        act(&mut self.deadlines.slots.borrow_mut().slots[self.index as usize])
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut slots = self.deadlines.slots.borrow_mut();
        let slot = &mut slots.slots[self.index as usize];
        slot.live = false;
        slot.waker = None;
        slot.body = None;
        slots.free.push(self.index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A try of `time_ms`, its body (begun at 0) fed by `fed` = (at ms, bytes); ticks each ms.
    /// Answers when and how it expired within 10 s.
    fn check(
        time_ms: u32,
        min_speed: Option<(u64, u32)>,
        body: Option<&[(u32, u64)]>,
    ) -> Option<(u32, Expiry)> {
        let start = Instant::now();
        let min_speed =
            min_speed.map(|(bytes, window_ms)| MinSpeed { bytes, window: MS * window_ms });
        let deadlines = Rc::new(Deadlines::new(start, min_speed));
        let watch = deadlines.watch(start, MS * time_ms);
        if body.is_some() {
            watch.body_begins();
        }
        for ms in 0..10_000 {
            deadlines.tick(start + MS * ms);
            if let Some(expiry) = watch.with(|slot| slot.fired) {
                return Some((ms, expiry));
            }
            for (_, bytes) in body.unwrap_or_default().iter().filter(|(at, _)| *at == ms) {
                watch.body_came(*bytes);
            }
        }
        None
    }

    #[test]
    fn a_try_expires_once_and_is_named_by_what_its_body_did() {
        assert_eq!(check(300, None, None), Some((300, Expiry::Deadline)));
        assert_eq!(check(300, None, Some(&[])), Some((300, Expiry::Silent)));
        assert_eq!(check(300, None, Some(&[(10, 1)])), Some((300, Expiry::Silent)));
        assert_eq!(check(300, None, Some(&[(10, 1), (200, 1)])), Some((300, Expiry::Deadline)));
        assert_eq!(check(8000, None, Some(&[(5000, 1)])), Some((8000, Expiry::Silent)));
        assert_eq!(check(8000, None, Some(&[(6500, 1)])), Some((8000, Expiry::Deadline)));
        assert_eq!(check(20_000, None, None), None);
    }

    #[test]
    fn a_body_below_the_minimum_speed_is_given_up_at_the_end_of_its_window() {
        let speed = Some((100, 1000));
        assert_eq!(check(9000, speed, Some(&[])), Some((1000, Expiry::Stalled)));
        assert_eq!(check(9000, speed, Some(&[(10, 99)])), Some((1000, Expiry::Slow)));
        assert_eq!(check(9000, speed, Some(&[(10, 100)])), Some((2000, Expiry::Stalled)));
        assert_eq!(check(9000, speed, Some(&[(10, 500), (1500, 7)])), Some((2000, Expiry::Slow)));
        assert_eq!(check(500, speed, Some(&[(490, 1)])), Some((500, Expiry::Deadline)));
        assert_eq!(check(9000, speed, None), Some((9000, Expiry::Deadline)));
    }

    #[test]
    fn no_time_passes_in_a_pause() {
        let start = Instant::now();
        let speed = MinSpeed { bytes: 1, window: MS * 50 };
        let deadlines = Rc::new(Deadlines::new(start, Some(speed)));
        let watch = deadlines.watch(start, MS * 100);
        watch.body_begins();
        deadlines.tick(start + MS * 40);
        watch.pause();
        deadlines.tick(start + MS * 5000);
        watch.resume();
        let fired = |ms: u32| {
            deadlines.tick(start + MS * ms);
            watch.with(|slot| slot.fired)
        };
        assert_eq!((fired(5000), fired(5009)), (None, None));
        assert_eq!(fired(5010), Some(Expiry::Stalled), "10 ms of its window were left");
    }

    #[test]
    fn a_dropped_watch_leaves_its_slot_to_the_next() {
        let start = Instant::now();
        let deadlines = Rc::new(Deadlines::new(start, None));
        let first = deadlines.watch(start, MS);
        drop(first);
        let second = deadlines.watch(start, MS * 5);
        assert_eq!(second.index, 0);
        deadlines.tick(start + MS * 2);
        assert_eq!(second.with(|slot| slot.fired), None);
        deadlines.tick(start + MS * 5);
        assert_eq!(second.with(|slot| slot.fired), Some(Expiry::Deadline));
    }
}
