//! What the journal of a run says, read with plain SQL: it is a witness, not an authority.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::VerifyError;
use crate::report::Tally;

#[cfg(feature = "sqlite")]
mod db;

/// How the file of such records is named behind the journal.
const FIRSTS: &str = ".firsts";
/// Inputs in one piece of the bitmap.
const PIECE_BITS: u64 = 4_096;
const PIECE_BYTES: usize = 512;

/// What the journal says.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) path: PathBuf,
    pub(crate) run_id: String,
    /// Every input has its record, and the outputs are closed.
    pub(crate) is_finished: bool,
    /// All inputs were read.
    pub(crate) read_to_end: bool,
    /// Inputs read.
    pub(crate) inputs: u64,
    pub(crate) bitmap: Bitmap,
    pub(crate) sinks: Vec<Sink>,
    /// What it says that all records add up to.
    pub(crate) sums: Option<SaidSums>,
    /// Settings that may be shown.
    pub(crate) settings: Vec<(String, String)>,
    /// The files that blocks of inputs begin in, in their order; arguments have no name.
    pub(crate) sources: Vec<String>,
    /// What is wrong with the journal itself.
    pub(crate) own: Tally,
}

/// The committed position of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sink {
    pub(crate) name: String,
    pub(crate) parts: u64,
    pub(crate) bytes: u64,
    pub(crate) records: u64,
}

/// Sums as the journal has them; those that it does not have are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub(crate) struct SaidSums {
    pub(crate) ok: Option<u64>,
    pub(crate) failed: Option<u64>,
    pub(crate) skipped: Option<u64>,
    pub(crate) by_kind: Option<BTreeMap<String, u64>>,
    pub(crate) by_status: Option<BTreeMap<u16, u64>>,
}

/// Which inputs are finished.
#[derive(Debug, Default)]
pub(crate) struct Bitmap {
    /// All before this one are.
    prefix: u64,
    pieces: BTreeMap<u64, Box<[u8; PIECE_BYTES]>>,
}

impl Bitmap {
    pub(crate) fn has(&self, n: u64) -> bool {
        if n < self.prefix {
            return true;
        }
        let (piece, bit) = (n / PIECE_BITS, n % PIECE_BITS);
        let bits = self.pieces.get(&piece);
        bits.is_some_and(|bits| bits[(bit / 8) as usize] & 1 << (bit % 8) != 0)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        let ones = |bits: &[u8; PIECE_BYTES]| -> u64 {
            bits.iter().map(|byte| u64::from(byte.count_ones())).sum()
        };
        self.prefix + self.pieces.values().map(|bits| ones(bits)).sum::<u64>()
    }
}

impl Journal {
    /// The journal that lies beside an output.
    pub(crate) fn beside(output: &Path) -> PathBuf {
        let mut name = output.as_os_str().to_owned();
        name.push(".journal");
        PathBuf::from(name)
    }

    /// Reads a journal and checks its rows.
    #[cfg(feature = "sqlite")]
    pub(crate) fn read(path: &Path) -> Result<Self, VerifyError> {
        db::read(path)
    }

    /// Reads a journal and checks its rows.
    #[cfg(not(feature = "sqlite"))]
    pub(crate) fn read(path: &Path) -> Result<Self, VerifyError> {
        let message = format!("{}: this build reads no journals", path.display());
        Err(VerifyError::usage(message, "build it with the feature sqlite"))
    }

    /// Whether this is no output, but what a crawl found: its pages, which are the inputs, and beside
    /// them what they link to; or the records that repeats are answered with.
    pub(crate) fn is_input(&self, sink: &Sink) -> bool {
        if sink.name.ends_with(FIRSTS) {
            return true;
        }
        let pages = match sink.name.strip_suffix(".links") {
            Some(base) => format!("{base}.pages"),
            None => sink.name.clone(),
        };
        self.sources.contains(&pages)
    }

    /// What a setting was when the run began.
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}
