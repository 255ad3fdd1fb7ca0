//! Numbers in few bytes: LEB128, zigzag, and durations with eight binary digits.

use gather_core::time::Duration;

/// Appends an unsigned number: seven bits a byte, the lowest first (LEB128).
pub(super) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number as u8) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a signed number: 0, -1, 1, -2 … as 0, 1, 2, 3 …
pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put(out, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

/// Appends bytes behind their length.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// What is left to read. Every read is `None` at the end or where a number is too long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unpack<'a>(pub(super) &'a [u8]);

impl<'a> Unpack<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(super) fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    pub(super) fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }
}

/// A duration as a code that grows with it: microseconds below 256, then eight binary digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Took(pub(super) u16);

/// Microseconds, 13 days: longer durations count as this.
const TOOK_US_MAX: u64 = 1 << 40;

impl Took {
    pub(super) fn new(took: Duration) -> Self {
        let us = u64::try_from(took.as_micros()).unwrap_or(TOOK_US_MAX).min(TOOK_US_MAX);
        let excess = (64 - us.leading_zeros()).saturating_sub(8);
        // 128..=255 within each octave, behind the 128 of all octaves before it.
        Self(excess as u16 * 128 + (us >> excess) as u16)
    }

    /// The middle of what has this code: off by 0.4 % at most.
    pub(super) fn us(self) -> u64 {
        if self.0 < 256 {
            return self.0.into();
        }
        let excess = u32::from(self.0 / 128) - 1;
        let digits = u64::from(self.0 % 128) + 128;
        (digits << excess) + (1 << excess) / 2
    }

    /// The least of what has this code.
    pub(super) fn least(self) -> Duration {
        let us = match self.0.checked_sub(256) {
            None => self.0.into(),
            Some(_) => (u64::from(self.0 % 128) + 128) << (u32::from(self.0 / 128) - 1),
        };
        Duration::from_micros(us)
    }

    pub(super) fn duration(self) -> Duration {
        Duration::from_micros(self.us())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for number in [0, 1, 127, 128, 16_383, 16_384, u64::MAX] {
            let mut out = Vec::new();
            put(&mut out, number);
            put_signed(&mut out, number.cast_signed());
            put_signed(&mut out, number.cast_signed().wrapping_neg());
            put_bytes(&mut out, b"abc");
            let mut from = Unpack(&out);
            assert_eq!(from.number(), Some(number));
            assert_eq!(from.signed(), Some(number.cast_signed()));
            assert_eq!(from.signed(), Some(number.cast_signed().wrapping_neg()));
            assert_eq!(from.bytes(), Some(&b"abc"[..]));
            assert_eq!(from.byte(), None);
        }
        assert_eq!(Unpack(&[0x80; 11]).number(), None);
        assert_eq!(Unpack(&[5, 1]).bytes(), None);
    }

    #[test]
    fn durations_are_off_by_less_than_half_a_hundredth() {
        let mut last = 0;
        for us in (0..300).chain((0..31).flat_map(|at| [(257 << at) - 1, 300 << at, 511 << at])) {
            let code = Took::new(Duration::from_micros(us));
            let error = code.us().abs_diff(us) as f64 / us.max(1) as f64;
            assert!(error <= 0.004, "{us} as {}: {error}", code.us());
            if us < 256 {
                assert_eq!(code.us(), us);
                assert!(us == 0 || code.0 > last, "{us}");
            }
            last = code.0;
        }
        assert_eq!(Took::new(Duration::MAX), Took::new(Duration::from_micros(TOOK_US_MAX)));
    }
}
