//! The sink of an output that is built of a spool, and how the file is built.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use gather_core::Record;

use super::{EXTENSION, Files, beside, check, path_of, remove};
use crate::error::{SinkError, SinkErrorKind};
use crate::jsonl::Encoder;
use crate::output::{Output, sync_name};
use crate::read::{JsonLines, ReadError, Results};
use crate::sink::{Existing, OutputSpec, OutputTarget, Position, Sink};
use crate::survey::Survey;

/// What makes a file of a spool.
pub(crate) trait Build: Send {
    /// Writes the whole file. `survey` has looked at all records of the spool.
    fn build(&self, spool: &Spool<'_>, survey: &Survey, file: &File) -> Result<(), BuildError>;
}

/// Why a file could not be built.
#[derive(Debug)]
pub(crate) enum BuildError {
    Read(ReadError),
    Write(io::Error),
}

impl From<ReadError> for BuildError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

/// A spool to build of.
pub(crate) struct Spool<'a>(&'a Path);

impl Spool<'_> {
    /// Reads it from its beginning.
    pub(crate) fn records(&self) -> Result<JsonLines, ReadError> {
        JsonLines::of_own_spool(self.0)
    }

    /// Where it stands, and what is made of it too.
    #[cfg(feature = "xlsx")]
    pub(crate) fn directory(&self) -> &Path {
        super::directory(self.0)
    }

    /// Its length.
    #[cfg(feature = "xlsx")]
    pub(crate) fn bytes(&self) -> io::Result<u64> {
        self.0.metadata().map(|about| about.len())
    }

    fn survey(&self) -> Result<Survey, ReadError> {
        let mut survey = Survey::default();
        let mut records = self.records()?;
        while let Some(record) = records.next()? {
            survey.add(&record);
        }
        Ok(survey)
    }
}

/// The sink of an output that is built of a spool.
pub(crate) struct Spooled {
    files: Files,
    name: String,
    build: Box<dyn Build>,
    encoder: Encoder,
    spec: OutputSpec,
    /// The spool of the part being written.
    output: Output,
    /// Records of this part in `output`, accepted.
    in_part: u64,
    /// Parts finished.
    parts: u32,
    /// Records in finished parts that `output` does not count.
    before: u64,
    /// Spools of finished parts that the next commit, and the one after it, still need.
    retiring: Vec<PathBuf>,
    retired: Vec<PathBuf>,
}

impl Spooled {
    /// Opens the spool.
    ///
    /// # Errors
    /// As [`open`](crate::open).
    pub(crate) fn open(
        spec: &OutputSpec,
        part_records: u64,
        build: Box<dyn Build>,
    ) -> Result<Self, SinkError> {
        check(spec)?;
        let files = Files::of(spec, part_records)?;
        let (parts, in_part) = match spec.existing {
            Existing::Resume(at) => {
                let finished = files.part_records.map_or(0, |each| each * u64::from(at.parts));
                (at.parts, at.records.saturating_sub(finished))
            }
            Existing::Refuse | Existing::Overwrite => (0, 0),
        };
        let existing = match spec.existing {
            Existing::Resume(at) => Existing::Resume(Position { parts: 0, ..at }),
            other => other,
        };
        let spool = OutputTarget::File(path_of(&files.part(parts)));
        let output = Output::open(&spool, existing, spec.durability)?;
        files.remove_behind(parts)?;
        Ok(Self {
            name: files.path.display().to_string(),
            files,
            build,
            encoder: Encoder::for_spool(&spec.fields),
            spec: spec.clone(),
            output,
            in_part,
            parts,
            before: 0,
            retiring: Vec::new(),
            retired: Vec::new(),
        })
    }

    /// Builds the part of its spool, and begins the next one.
    fn close_part(&mut self) -> Result<(), SinkError> {
        let closed = self.commit_spool()?;
        self.build_part()?;
        let next = OutputTarget::File(path_of(&self.files.part(self.parts + 1)));
        let next = Output::open(&next, Existing::Overwrite, self.spec.durability)?;
        self.retiring.push(path_of(&self.files.part(self.parts)));
        self.output = next;
        self.parts += 1;
        self.before = closed.records;
        self.in_part = 0;
        Ok(())
    }

    fn commit_spool(&mut self) -> Result<Position, SinkError> {
        match self.output.commit() {
            Ok(at) => Ok(self.position(at)),
            Err(error) => Err(self.placed(error)),
        }
    }

    fn position(&self, at: Position) -> Position {
        Position { parts: self.parts, bytes: at.bytes, records: self.before + at.records }
    }

    fn placed(&self, error: SinkError) -> SinkError {
        SinkError { kept: error.kept.map(|at| self.position(at)), ..error }
    }

    fn build_part(&self) -> Result<(), SinkError> {
        let path = self.files.part(self.parts);
        let spool = path_of(&path);
        let built = build(&*self.build, &Spool(&spool), self.in_part, &path);
        built.map_err(|error| {
            let source = match error {
                BuildError::Write(source) => source,
                BuildError::Read(error) => io::Error::other(error.to_string()),
            };
            let kind = SinkErrorKind::Unbuilt;
            SinkError { kind, ..SinkError::io(Some(&path), source, None) }
        })
    }
}

impl Sink for Spooled {
    fn write(&mut self, record: &Record) -> Result<(), SinkError> {
        if self.files.part_records.is_some_and(|most| self.in_part >= most) {
            self.close_part()?;
        }
        let encoder = &self.encoder;
        let accepted = self.output.record(|buffer| {
            encoder.encode(record, buffer);
            buffer.push(b'\n');
        });
        accepted.map_err(|error| self.placed(error))?;
        self.in_part += 1;
        Ok(())
    }

    fn commit(&mut self) -> Result<Position, SinkError> {
        let position = self.commit_spool()?;
        // The journal knows the position of the commit before this one, so no resumed run begins
        // in a part that was finished then.
        for spool in std::mem::replace(&mut self.retired, std::mem::take(&mut self.retiring)) {
            remove(&spool)?;
        }
        Ok(position)
    }

    fn finish(mut self: Box<Self>) -> Result<Position, SinkError> {
        let position = self.commit_spool()?;
        self.build_part()?;
        Ok(position)
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl Files {
    /// Removes what stands behind the part that is being written.
    fn remove_behind(&self, finished: u32) -> Result<(), SinkError> {
        let found = self.existing().map_err(|e| SinkError::io(Some(&self.path), e, None))?;
        let is_spool = |path: &Path| path.extension().is_some_and(|end| end == EXTENSION);
        for (number, path) in found {
            // What is finished is kept, its spool no longer needed.
            let is_finished = number <= finished;
            if number > finished + 1 || is_finished && is_spool(&path) {
                remove(&path)?;
            }
        }
        Ok(())
    }
}

/// Builds the file under another name, syncs and renames it.
fn build(
    build: &dyn Build,
    spool: &Spool<'_>,
    records: u64,
    path: &Path,
) -> Result<(), BuildError> {
    let survey = spool.survey()?;
    if survey.records != records {
        let message = format!(
            "{} holds {} records of {records}: it was changed by somebody else",
            spool.0.display(),
            survey.records
        );
        return Err(BuildError::Write(io::Error::other(message)));
    }
    // The lock on the spool keeps others from this name.
    let temporary = beside(path, "tmp");
    let built = File::create(&temporary).map_err(BuildError::Write).and_then(|file| {
        build.build(spool, &survey, &file)?;
        file.sync_all().map_err(BuildError::Write)
    });
    let renamed = built.and_then(|()| fs::rename(&temporary, path).map_err(BuildError::Write));
    if renamed.is_err() {
        // What is left of it takes space that may be what is missing.
        let _gone = fs::remove_file(&temporary);
        return renamed;
    }
    sync_name(path).map_err(BuildError::Write)
}

#[cfg(test)]
mod tests;
