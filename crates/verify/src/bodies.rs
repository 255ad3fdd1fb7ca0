//! Bodies in files: each is there, and its bytes are what its record's hash and its name say.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::entry::hash;
use crate::examine::sha256_of;
use crate::output::{OutputSpec, Row};
use crate::report::{Fault, Problem, Tally};

/// Bodies that are remembered as right, so that one that many records share is read once; 2 MB.
const REMEMBERED: usize = 1 << 18;
const READ_BYTES: usize = 256 << 10;

/// Checks the bodies that records point at.
pub(crate) struct Bodies {
    /// Where they are, if not where the records say.
    dir: Option<PathBuf>,
    /// Hashes of path and content, each in the place that its value gives it.
    right: Vec<u64>,
    buffer: Vec<u8>,
    tally: Tally,
}

impl Bodies {
    pub(crate) fn new(dir: Option<PathBuf>) -> Self {
        Self { dir, right: Vec::new(), buffer: Vec::new(), tally: Tally::default() }
    }

    /// What was found since this was last asked.
    pub(crate) fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// Checks the body of a record, if it points at one.
    pub(crate) fn check(&mut self, output: &OutputSpec, row: &Row<'_>, sha256: Option<&[u8; 32]>) {
        let Some(said) = row.body_path else { return };
        self.tally.examined += 1;
        if let Err(fault) = self.check_at(output, row, said, sha256) {
            let fault = Fault { place: output.place(row.at), n: row.n, ..fault };
            self.tally.fault(fault);
        }
    }

    fn check_at(
        &mut self,
        output: &OutputSpec,
        row: &Row<'_>,
        said: &str,
        sha256: Option<&[u8; 32]>,
    ) -> Result<(), Fault> {
        let path = self.place(output, Path::new(said));
        let wrong = |message: String| Fault::new(Problem::BodyWrong, "", message);
        let shown = path.display();
        let missing = |error: &io::Error| {
            let message = match error.kind() {
                io::ErrorKind::NotFound => format!("the body {shown} is missing"),
                _ => format!("the body {shown} cannot be read: {error}"),
            };
            Fault::new(Problem::BodyMissing, "", message)
        };
        let named = named_hash(&path);
        if let (Some(sha256), Some(named)) = (sha256, named)
            && *sha256 != named
        {
            let fault = wrong(format!("the body {shown} is named for another hash than sha256"));
            return Err(fault.expected(hex(sha256)).found(hex(&named)));
        }
        let Some(expected) = sha256.copied().or(named) else {
            return Err(wrong(format!("nothing says what the hash of the body {shown} should be")));
        };
        let bytes = fs::metadata(&path).map_err(|error| missing(&error))?.len();
        if let Some(length) = row.content_length.filter(|length| *length != bytes)
            && !row.is_truncated
        {
            let fault = wrong(format!("the body {shown} does not have the length of its record"));
            return Err(fault.expected(format!("{length} bytes")).found(format!("{bytes} bytes")));
        }
        if self.is_known_right(&path, &expected) {
            return Ok(());
        }
        let found = self.hash(&path).map_err(|error| missing(&error))?;
        if found != expected {
            let fault = wrong(format!("the body {shown} does not have the SHA-256 it should"));
            return Err(fault.expected(hex(&expected)).found(hex(&found)));
        }
        self.remember(&path, &expected);
        Ok(())
    }

    /// Where the body is: in the directory that was named, where the record says, or beside the
    /// output that says so.
    fn place(&self, output: &OutputSpec, said: &Path) -> PathBuf {
        if let (Some(dir), Some(name)) = (&self.dir, said.file_name()) {
            let shelf = said.parent().and_then(Path::file_name).unwrap_or_default();
            return dir.join(shelf).join(name);
        }
        if said.is_relative() && !said.exists() {
            let path = output.path();
            let beside = path.parent().unwrap_or(Path::new("")).join(said);
            if beside.exists() {
                return beside;
            }
        }
        said.to_owned()
    }

    fn hash(&mut self, path: &Path) -> io::Result<[u8; 32]> {
        let mut file = File::open(path)?;
        self.buffer.resize(READ_BYTES, 0);
        let mut hash = Sha256::new();
        loop {
            match file.read(&mut self.buffer) {
                Ok(0) => return Ok(hash.finalize().into()),
                Ok(got) => hash.update(&self.buffer[..got]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn is_known_right(&self, path: &Path, sha256: &[u8; 32]) -> bool {
        let key = key(path, sha256);
        self.right.get(key as usize % REMEMBERED) == Some(&key)
    }

    fn remember(&mut self, path: &Path, sha256: &[u8; 32]) {
        let key = key(path, sha256);
        if self.right.is_empty() {
            self.right = vec![0; REMEMBERED];
        }
        self.right[key as usize % REMEMBERED] = key;
    }
}

fn key(path: &Path, sha256: &[u8; 32]) -> u64 {
    let mut text = path.as_os_str().as_encoded_bytes().to_vec();
    text.extend_from_slice(sha256);
    hash(&text)
}

/// The hash that a body is named by: `ab/cdef….html`.
fn named_hash(path: &Path) -> Option<[u8; 32]> {
    let rest = path.file_stem()?.to_str()?;
    let first = path.parent()?.file_name()?.to_str()?;
    sha256_of(&format!("{first}{rest}"))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
