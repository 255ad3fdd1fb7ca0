//! Which row of the fault matrix a test shows: `cargo xtask test` makes `docs/faults.md` of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde_json::json;

/// A row of the fault matrix, as this very test shows it. It counts only when the test has passed
/// and called [`shown`](FaultRow::shown).
#[derive(Debug)]
pub struct FaultRow {
    row: u32,
    test: String,
    dir: PathBuf,
    kinds: Mutex<BTreeSet<(String, bool)>>,
    says: Mutex<Vec<String>>,
}

/// The row of this number, shown by the test that this stands in.
#[macro_export]
macro_rules! fault_row {
    ($row:expr) => {{
        fn here() {}
        $crate::FaultRow::new(
            $row,
            ::std::any::type_name_of_val(&here),
            env!("CARGO_TARGET_TMPDIR"),
        )
    }};
}

impl FaultRow {
    /// The row, by the path of something in the test and a directory of the build: as by
    /// [`fault_row!`](crate::fault_row).
    pub fn new(row: u32, place: &str, tmp: &str) -> Self {
        let test = place.trim_end_matches("::here").replace("::{{closure}}", "");
        let dir = PathBuf::from(tmp).join("../faults");
        Self { row, test, dir, kinds: Mutex::default(), says: Mutex::default() }
    }

    /// The fault came out as this kind of error, retryable or not.
    pub fn kind(&self, kind: &str, retryable: bool) {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.insert((kind.to_owned(), retryable));
    }

    /// The fault is no target's: what comes of it instead, in a few words.
    pub fn comes(&self, what: &str) {
        self.says.lock().unwrap_or_else(PoisonError::into_inner).push(what.to_owned());
    }

    /// The test has passed.
    ///
    /// # Panics
    /// If it says nothing of its fault, or cannot be written down.
    pub fn shown(self) {
        let kinds = self.kinds.into_inner().unwrap_or_else(PoisonError::into_inner);
        let says = self.says.into_inner().unwrap_or_else(PoisonError::into_inner);
        assert!(!kinds.is_empty() || !says.is_empty(), "row {}: nothing was seen", self.row);
        let line = json!({ "row": self.row, "test": self.test, "kinds": kinds, "says": says });
        write(&self.dir, self.row, &self.test, &line.to_string());
    }

    /// The test cannot be made here, for this reason.
    ///
    /// # Panics
    /// If it cannot be written down.
    pub fn untested(self, reason: &str) {
        let line = json!({ "row": self.row, "test": self.test, "untested": reason });
        write(&self.dir, self.row, &self.test, &line.to_string());
    }
}

fn write(dir: &PathBuf, row: u32, test: &str, line: &str) {
    fs::create_dir_all(dir).expect("a directory of the build");
    let name = format!("{row:02}-{}.json", test.replace("::", "-"));
    fs::write(dir.join(name), line).expect("written");
}
