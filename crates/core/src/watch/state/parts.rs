//! A machine as a few numbers, so that a restart goes on where the watch was.

use super::Machine;
use crate::time::Time;
use crate::watch::State;

/// How many numbers a machine is.
pub const PARTS: usize = 5;

/// The numbers of a state are not those of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadParts;

impl std::fmt::Display for BadParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a stored state cannot be read: it is damaged, or of a newer version")
    }
}

impl std::error::Error for BadParts {}

/// One number for each state and one for each flag: four bits are enough for either.
const NIBBLE: u8 = 0x0f;
const FLAPPING: u8 = 0x10;
const BLIND: u8 = 0x20;

impl Machine {
    /// Everything it knows, as numbers to store: three moments in nanoseconds, small counts, and
    /// the last checks as bits.
    pub fn to_parts(&self) -> [u64; PARTS] {
        let flapping = if self.flapping { FLAPPING } else { 0 };
        let blind = if self.blind { BLIND } else { 0 };
        let [blips_low, blips_high] = self.blips.to_le_bytes();
        let small = [
            self.settled.number() | self.last.number() << 4,
            self.mildest.number() | flapping | blind,
            self.row,
            self.failures,
            self.asked,
            0,
            blips_low,
            blips_high,
        ];
        [
            self.since.as_nanos(),
            self.row_since.as_nanos(),
            self.failing_since.as_nanos(),
            u64::from_le_bytes(small),
            u64::from(self.failed) | u64::from(self.changes) << 32,
        ]
    }

    /// The machine that [`to_parts`](Self::to_parts) made these numbers of.
    ///
    /// # Errors
    /// If no machine has these numbers.
    pub fn from_parts(parts: [u64; PARTS]) -> Result<Self, BadParts> {
        let [since, row_since, failing_since, small, bits] = parts;
        let [states, more, row, failures, asked, zero, blips_low, blips_high] = small.to_le_bytes();
        let state = |number| State::from_number(number).ok_or(BadParts);
        let machine = Self {
            since: Time::from_nanos(since),
            row_since: Time::from_nanos(row_since),
            failing_since: Time::from_nanos(failing_since),
            changes: u32::try_from(bits >> 32).map_err(|_| BadParts)?,
            failed: u32::try_from(bits & u64::from(u32::MAX)).map_err(|_| BadParts)?,
            blips: u16::from_le_bytes([blips_low, blips_high]),
            settled: state(states & NIBBLE)?,
            last: state(states >> 4)?,
            mildest: state(more & NIBBLE)?,
            row,
            failures,
            asked,
            flapping: more & FLAPPING != 0,
            blind: more & BLIND != 0,
        };
        let is_sound = machine.settled != State::Suspect
            && !matches!(machine.last, State::Suspect | State::Limited)
            && machine.mildest != State::Suspect
            && failures <= row
            && (failures == 0 || machine.settled != State::Down)
            && machine.changes >> super::flap::PLACES == 0
            && zero == 0
            && more & !(NIBBLE | FLAPPING | BLIND) == 0;
        if is_sound { Ok(machine) } else { Err(BadParts) }
    }
}
