//! A bounded memory of payloads that are in the archive, so that the same one is not stored twice.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use super::head::RecordId;

/// Payloads remembered in one half; when it is full, the older half is forgotten.
const HALF_MAX: usize = 16_384;
/// URLs longer than this are not remembered: with it, the memory is at most 20 MB.
const URL_BYTES_MAX: usize = 512;

/// Where a payload is.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) id: RecordId,
    pub(super) url: Box<str>,
    pub(super) date_us: u64,
    pub(super) file: Arc<str>,
    pub(super) offset: u64,
}

/// Payloads by their SHA-256. What was last seen is forgotten last.
#[derive(Default)]
pub(super) struct Payloads {
    young: HashMap<[u8; 32], Stored>,
    old: HashMap<[u8; 32], Stored>,
}

impl Payloads {
    pub(super) fn find(&mut self, digest: &[u8; 32]) -> Option<Stored> {
        if let Some(stored) = self.young.get(digest) {
            return Some(stored.clone());
        }
        let stored = self.old.remove(digest)?;
        self.remember(*digest, stored.clone());
        Some(stored)
    }

    pub(super) fn remember(&mut self, digest: [u8; 32], stored: Stored) {
        if stored.url.len() > URL_BYTES_MAX {
            return;
        }
        if self.young.len() >= HALF_MAX {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(digest, stored);
    }
}

#[cfg(test)]
mod tests {
    use super::super::head::Kind;
    use super::*;

    #[test]
    fn what_was_seen_last_is_kept() {
        let stored = |offset| Stored {
            id: RecordId::new("run", Kind::Response, offset, 0),
            url: "http://a.example/".into(),
            date_us: 0,
            file: "a.warc".into(),
            offset,
        };
        let digest = |n: usize| {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&n.to_le_bytes());
            digest
        };
        let mut payloads = Payloads::default();
        for n in 0..3 * HALF_MAX {
            payloads.remember(digest(n), stored(n as u64));
            // One that is asked for again and again.
            assert_eq!(payloads.find(&digest(0)).unwrap().offset, 0);
        }
        assert!(payloads.find(&digest(1)).is_none());
        assert!(payloads.find(&digest(3 * HALF_MAX - 1)).is_some());
        assert!(payloads.young.len() + payloads.old.len() <= 2 * HALF_MAX);
        let long = Stored { url: "x".repeat(URL_BYTES_MAX + 1).into(), ..stored(7) };
        payloads.remember([9; 32], long);
        assert!(payloads.find(&[9; 32]).is_none());
    }
}
