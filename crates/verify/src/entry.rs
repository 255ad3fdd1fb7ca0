//! What is kept of a record to compare it with its input and with the same record elsewhere.

use xxhash_rust::xxh3::xxh3_64;

/// A record in 40 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) n: u64,
    /// Which record of its output it is, in the output's own count.
    pub(crate) at: u64,
    /// Hash of its `input`; 0 if it has none.
    pub(crate) input: u64,
    /// Hash of its `sha256`; 0 if it has none.
    pub(crate) sha256: u64,
    /// Hash of its `error.kind`; 0 if it has none.
    pub(crate) kind: u32,
    /// 0 if it has none.
    pub(crate) status: u16,
    pub(crate) outcome: Outcome,
}

/// The outcome of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It has no such member.
    Unsaid,
    Ok,
    Failed,
    Skipped,
}

impl Outcome {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "ok" => Some(Self::Ok),
            "failed" => Some(Self::Failed),
            "skipped" => Some(Self::Skipped),
            _ => None,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unsaid => "no outcome",
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// The hash of a text; never 0, which stands for no text.
pub(crate) fn hash(text: &[u8]) -> u64 {
    xxh3_64(text).max(1)
}

impl Entry {
    pub(crate) const BYTES: usize = 40;

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.n.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.at.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.input.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.sha256.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.kind.to_le_bytes());
        bytes[36..38].copy_from_slice(&self.status.to_le_bytes());
        bytes[38] = self.outcome as u8;
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        Self {
            n: long(0),
            at: long(8),
            input: long(16),
            sha256: long(24),
            kind: u32::from_le_bytes(bytes[32..36].try_into().expect("4 bytes")),
            status: u16::from_le_bytes(bytes[36..38].try_into().expect("2 bytes")),
            outcome: match bytes[38] {
                1 => Outcome::Ok,
                2 => Outcome::Failed,
                3 => Outcome::Skipped,
                _ => Outcome::Unsaid,
            },
        }
    }
}
