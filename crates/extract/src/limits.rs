//! What extraction may cost: caps with units, a budget of steps, and why a page was given up.

use std::cell::Cell;
use std::fmt;

/// The most a page may cost. A page beyond one of them is given up: its record fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body, and of its text after decoding.
    pub page_bytes_max: usize,
    /// Elements nested in one another; browsers stop at 512. At most 4,096: matching `:has()` takes
    /// stack for each.
    pub depth_max: u16,
    /// Elements, texts and comments of a page.
    pub nodes_max: u32,
    /// Attributes of one element.
    pub attributes_max: usize,
    /// Matches of one rule, and rows of a page.
    pub matches_max: usize,
    /// Bytes of all values of a page.
    pub output_bytes_max: usize,
    /// Steps: one for each node that is built, visited or compared. 10 to 50 ns each.
    pub steps_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            page_bytes_max: 16 << 20,
            depth_max: 1024,
            nodes_max: 2_000_000,
            attributes_max: 1024,
            matches_max: 100_000,
            output_bytes_max: 16 << 20,
            steps_max: 200_000_000,
        }
    }
}

/// Why a page was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stopped {
    /// [`Limits::page_bytes_max`]
    PageBytes(usize),
    /// [`Limits::depth_max`]
    Depth(u16),
    /// [`Limits::nodes_max`]
    Nodes(u32),
    /// [`Limits::attributes_max`]
    Attributes(usize),
    /// [`Limits::matches_max`]
    Matches(usize),
    /// [`Limits::output_bytes_max`]
    OutputBytes(usize),
    /// [`Limits::steps_max`]
    Steps(u64),
    /// The caller's time ran out.
    Time,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PageBytes(max) => write!(f, "the page has more than {max} bytes"),
            Self::Depth(max) => write!(f, "the page nests more than {max} elements"),
            Self::Nodes(max) => write!(f, "the page has more than {max} nodes"),
            Self::Attributes(max) => write!(f, "an element has more than {max} attributes"),
            Self::Matches(max) => write!(f, "a rule matches more than {max} times"),
            Self::OutputBytes(max) => write!(f, "the values have more than {max} bytes"),
            Self::Steps(max) => write!(f, "the page takes more than {max} steps"),
            Self::Time => f.write_str("the page takes longer than it may"),
        }
    }
}

impl std::error::Error for Stopped {}

/// Steps between two looks at the caller's clock, some milliseconds.
const STEPS_A_LOOK: u64 = 1 << 16;

/// The work left for a page, counted in steps. Once spent it stays spent.
///
/// This crate has no clock: whoever has a deadline passes the question.
pub struct Work<'a> {
    steps_max: u64,
    /// Steps until the next look.
    left: Cell<u64>,
    /// Steps after that.
    beyond: Cell<u64>,
    stopped: Cell<Option<Stopped>>,
    is_over: &'a dyn Fn() -> bool,
}

impl<'a> Work<'a> {
    /// At most `steps_max` steps, and none once `is_over`, which is asked every few milliseconds.
    pub fn new(steps_max: u64, is_over: &'a dyn Fn() -> bool) -> Self {
        let left = steps_max.min(STEPS_A_LOOK);
        Self {
            steps_max,
            left: Cell::new(left),
            beyond: Cell::new(steps_max - left),
            stopped: Cell::new(None),
            is_over,
        }
    }

    /// Does `steps` of work, if there is as much left.
    ///
    /// # Errors
    /// The cause, once the work is spent.
    #[inline]
    pub(crate) fn spend(&self, steps: u64) -> Result<(), Stopped> {
        match self.left.get().checked_sub(steps) {
            Some(left) if left > 0 => {
                self.left.set(left);
                Ok(())
            }
            _ => self.look(steps),
        }
    }

    #[cold]
    fn look(&self, steps: u64) -> Result<(), Stopped> {
        if self.stopped.get().is_none() && (self.is_over)() {
            self.stopped.set(Some(Stopped::Time));
        }
        let all = self.left.get().saturating_add(self.beyond.get());
        match all.checked_sub(steps) {
            Some(all) if self.stopped.get().is_none() => {
                self.left.set(all.min(STEPS_A_LOOK));
                self.beyond.set(all - self.left.get());
                Ok(())
            }
            _ => {
                let cause = self.stopped.get().unwrap_or(Stopped::Steps(self.steps_max));
                self.stop(cause);
                Err(cause)
            }
        }
    }

    /// Ends the work; the first cause stays.
    pub(crate) fn stop(&self, cause: Stopped) {
        self.left.set(0);
        self.beyond.set(0);
        self.stopped.set(self.stopped.get().or(Some(cause)));
    }

    /// Whether it is spent, and why.
    pub(crate) fn stopped(&self) -> Option<Stopped> {
        self.stopped.get()
    }

    /// As [`Self::stopped`], as an error.
    pub(crate) fn check(&self) -> Result<(), Stopped> {
        self.stopped.get().map_or(Ok(()), Err)
    }
}

impl fmt::Debug for Work<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work")
            .field("left", &(self.left.get() + self.beyond.get()))
            .field("stopped", &self.stopped.get())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_ends_by_steps_or_by_time_and_stays_ended() {
        let never = || false;
        let work = Work::new(200_000, &never);
        let done = (0..).take_while(|_| work.spend(7).is_ok()).count();
        assert_eq!(done, 200_000 / 7);
        assert_eq!(work.spend(1), Err(Stopped::Steps(200_000)));
        assert_eq!(work.stopped(), Some(Stopped::Steps(200_000)));

        let looks = Cell::new(0);
        let third = || looks.replace(looks.get() + 1) == 2;
        let work = Work::new(u64::MAX, &third);
        let done = (0..).take_while(|_| work.spend(1).is_ok()).count() as u64;
        assert!((2 * STEPS_A_LOOK..=3 * STEPS_A_LOOK).contains(&done), "{done}");
        assert_eq!(work.check(), Err(Stopped::Time));
    }
}
