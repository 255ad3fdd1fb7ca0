//! A body that may be a bomb: as long as little of it made much, it is kept as it came.
//!
//! A bomb is known only when its cap is passed, and until then all of what it made would have been
//! kept. So what is suspicious is only counted, and decoded a second time if it ends within its cap.
//! Suspicious is what grows as bombs do when all such bodies together have kept enough.

use bytes::{Bytes, BytesMut};
use gather_core::Failure;

use crate::decode::Decoder;
use crate::memory::{Grown, Part};

/// So much may be kept before anything is suspicious.
const KEPT_BYTES_MAX: u64 = 16 << 20;
/// What made as much as that from more than this is no bomb: it grew less than 64 times.
const WIRE_BYTES_MAX: usize = 256 << 10;

/// So much of what came is kept for a decoder to be made anew.
const REWIND_BYTES_MAX: usize = 64 << 10;
/// More than this, of which one byte made so many or more, is what a bomb may be; pages grow five to ten
/// times.
pub(super) const FREE_BYTES: u64 = 32 << 10;
const GROWTH_MIN: u64 = 16;

/// Whether a body that made this of so much grows as bombs do.
pub(super) fn grows_as_bombs_do(decoded_bytes: u64, read_bytes: u64) -> bool {
    decoded_bytes > FREE_BYTES && decoded_bytes / GROWTH_MIN >= read_bytes
}

/// What came of an encoded body, and whether what it makes is only counted.
pub(super) struct Doubt {
    wire: BytesMut,
    is_suspicious: bool,
    /// What is kept of it as long as it grows as bombs do, where that is limited.
    part: Option<Part>,
}

/// What came of a body so far, as long as it is little, so that its decoder can be made anew: some fill
/// all they may look back into before they say a word.
#[derive(Default)]
pub(super) struct Rewind {
    came: Option<BytesMut>,
    /// Decoded bytes that were there before, and come once more.
    known_bytes: u64,
}

impl Rewind {
    /// Of a body whose decoder may look back so far.
    pub(super) fn new(window_bytes_max: u64) -> Self {
        let looks_back = window_bytes_max > FREE_BYTES;
        Self { came: looks_back.then(BytesMut::new), known_bytes: 0 }
    }

    /// Takes a piece as it came.
    pub(super) fn takes(&mut self, piece: &[u8]) {
        match &mut self.came {
            Some(came) if came.len() + piece.len() <= REWIND_BYTES_MAX => {
                came.extend_from_slice(piece);
            }
            _ => self.came = None,
        }
    }

    /// All that came, to be decoded once more, if it is there; so much was decoded of it.
    pub(super) fn start(&mut self, decoded_bytes: u64) -> Option<Bytes> {
        let came = self.came.take()?.freeze();
        self.known_bytes = decoded_bytes;
        Some(came)
    }

    /// How many of the next decoded bytes were there before.
    pub(super) fn passes(&mut self, bytes: usize) -> usize {
        let known = self.known_bytes.min(bytes as u64);
        self.known_bytes -= known;
        usize::try_from(known).unwrap_or(bytes)
    }
}

impl Doubt {
    pub(super) fn new(part: Option<Part>) -> Self {
        Self { wire: BytesMut::new(), is_suspicious: false, part }
    }

    /// Whether what is decoded now is only counted, where so much of it was kept, made of so much.
    pub(super) fn is_suspicious(&mut self, kept_bytes: u64, read_bytes: u64) -> bool {
        if !self.is_suspicious {
            let has_room = |part: &mut Part| part.try_hold(kept_bytes) == Grown::Yes;
            let grows = grows_as_bombs_do(kept_bytes, read_bytes);
            self.is_suspicious =
                kept_bytes > KEPT_BYTES_MAX || (grows && !self.part.as_mut().is_none_or(has_room));
        }
        if self.is_suspicious {
            self.part = None;
        }
        self.is_suspicious
    }

    /// Takes a piece as it came; false if there is too much of it for a bomb.
    pub(super) fn takes(&mut self, piece: &[u8]) -> bool {
        let has_room = self.wire.len() + piece.len() <= WIRE_BYTES_MAX;
        if has_room {
            self.wire.extend_from_slice(piece);
        }
        has_room
    }

    /// Decodes again what was only counted: it is no bomb.
    ///
    /// # Errors
    /// Those of a body that cannot be decoded, which were met the first time.
    pub(super) fn believe(
        self,
        decoder: &Decoder,
        keep: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Failure> {
        if !self.is_suspicious {
            return Ok(());
        }
        decoder.again()?.push(&self.wire, &mut |decoded| {
            keep(decoded);
            Ok(())
        })
    }
}
