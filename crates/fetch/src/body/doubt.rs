//! A body that may be a bomb: as long as little of it made much, it is kept as it came.
//!
//! A bomb is known only when its cap is passed, and until then all of what it made would have been
//! kept. So what is suspicious is only counted, and decoded a second time if it ends within its cap.

use bytes::BytesMut;
use gather_core::Failure;

use crate::decode::Decoder;

/// So much may be kept before anything is suspicious.
const KEPT_BYTES_MAX: u64 = 16 << 20;
/// What made as much as that from more than this is no bomb: it grew less than 64 times.
const WIRE_BYTES_MAX: usize = 256 << 10;

/// What came of an encoded body, and whether what it makes is only counted.
#[derive(Default)]
pub(super) struct Doubt {
    wire: BytesMut,
    is_suspicious: bool,
}

impl Doubt {
    /// Whether what is decoded now is only counted, where so much of it was kept.
    pub(super) fn is_suspicious(&mut self, kept_bytes: u64) -> bool {
        self.is_suspicious |= kept_bytes > KEPT_BYTES_MAX;
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
