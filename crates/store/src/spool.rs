//! Outputs that cannot be cut at a record: records go to an append-only spool beside the file, and
//! the file is built of it at the end, as a whole or not at all.
//!
//! `x.parquet` is built of `x.parquet.spool` under the name `x.parquet.tmp`, and renamed. The spool
//! stays until [`discard`] says that no resumed run will go on after it, so a process may be killed
//! at any moment: what was committed is in the spool, and building is done again.

#[cfg(any(feature = "parquet", feature = "xlsx"))]
mod sink;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{SinkError, SinkErrorKind};
use crate::output;
use crate::sink::{Existing, Format, OutputSpec, OutputTarget};

#[cfg(any(feature = "parquet", feature = "xlsx"))]
pub(crate) use sink::{Build, BuildError, Spool, Spooled};

/// The extension of a spool.
pub(crate) const EXTENSION: &str = "spool";
/// Stands in a file's name for the number of the part.
const PART: &str = "{part}";

/// Where the spool of an output stands.
pub(crate) fn path_of(output: &Path) -> PathBuf {
    beside(output, EXTENSION)
}

fn directory(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

/// The file, or the files that its name with `{part}` stands for.
#[derive(Clone, Debug)]
struct Files {
    path: PathBuf,
    /// Records in a part; all if `None`.
    part_records: Option<u64>,
}

fn remove(path: &Path) -> Result<(), SinkError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(SinkError::io(Some(path), error, None))
        }
        _ => Ok(()),
    }
}

impl Files {
    fn of(spec: &OutputSpec, part_records: u64) -> Result<Self, SinkError> {
        let OutputTarget::File(path) = &spec.target else {
            return Err(SinkError::of_target(SinkErrorKind::NotAFile, &spec.target));
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let part_records = name.contains(PART).then_some(part_records);
        Ok(Self { path: path.clone(), part_records })
    }

    /// The file of the part behind so many finished ones: `x-0001.parquet`.
    fn part(&self, finished: u32) -> PathBuf {
        if self.part_records.is_none() {
            return self.path.clone();
        }
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        self.path.with_file_name(name.replace(PART, &format!("{:04}", u64::from(finished) + 1)))
    }

    /// The files of all parts that exist, finished or being built, with their number from 1.
    fn existing(&self) -> io::Result<Vec<(u32, PathBuf)>> {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some((before, after)) = name.split_once(PART) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for entry in fs::read_dir(directory(&self.path))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let rest = name.strip_prefix(before).unwrap_or_default();
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, rest) = rest.split_at(digits);
            let is_ours = rest.strip_prefix(after).is_some_and(|end| {
                matches!(end, "" | ".tmp") || end.strip_prefix('.') == Some(EXTENSION)
            });
            if let (true, true, Ok(number)) = (is_ours, digits >= 4, number.parse()) {
                found.push((number, path));
            }
        }
        Ok(found)
    }
}

/// Whether outputs of this format are built of a spool.
fn is_spooled(format: &Format) -> bool {
    matches!(format, Format::Parquet | Format::Xlsx)
}

/// Refuses what opening would refuse, changing nothing. Also for outputs without a spool.
pub(crate) fn check(spec: &OutputSpec) -> Result<(), SinkError> {
    if !is_spooled(&spec.format) {
        return output::check(&spec.target, spec.existing);
    }
    // The position of a run that goes on is one in the spool.
    output::check(
        &spec.target,
        match spec.existing {
            Existing::Resume(_) => Existing::Overwrite,
            other => other,
        },
    )?;
    let files = Files::of(spec, 0)?;
    let path = files.part(0);
    if path.metadata().is_ok_and(|about| !about.is_file()) {
        return Err(SinkError::of_target(SinkErrorKind::NotAFile, &spec.target));
    }
    let first = match spec.existing {
        Existing::Resume(at) => files.part(at.parts),
        Existing::Refuse | Existing::Overwrite => path,
    };
    output::check(&OutputTarget::File(path_of(&first)), spec.existing)?;
    let said = |error| SinkError::io(Some(&files.path), error, None);
    match files.existing().map_err(said)?.first() {
        Some((_, found)) if spec.existing == Existing::Refuse => {
            Err(SinkError::found(SinkErrorKind::Exists, found))
        }
        _ => Ok(()),
    }
}

/// Removes what a resumed run would have gone on after: called when the run is complete, and,
/// where there is a journal, when that says so. Outputs without a spool are left alone.
///
/// # Errors
/// When a spool cannot be removed.
pub fn discard(spec: &OutputSpec) -> Result<(), SinkError> {
    if !is_spooled(&spec.format) {
        return Ok(());
    }
    let files = Files::of(spec, 0)?;
    if files.part_records.is_none() {
        return remove(&path_of(&files.path));
    }
    let found = files.existing().map_err(|e| SinkError::io(Some(&files.path), e, None))?;
    let is_spool = |path: &Path| path.extension().is_some_and(|end| end == EXTENSION);
    found.iter().filter(|(_, path)| is_spool(path)).try_for_each(|(_, path)| remove(path))
}
