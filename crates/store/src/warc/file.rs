//! The bytes of an archive: appended record by record, cut back to whole groups of them.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

use crate::error::SinkError;
use crate::output;
use crate::sink::{Durability, Existing, Position, WarcCompression};

/// Bytes gathered before the system is called.
const BUFFER_BYTES: usize = 64 << 10;
/// Room for the compressor's next bytes.
const STEP_BYTES: usize = 16 << 10;

/// How hard a block is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// It is text, as far as we know.
    Usual,
    /// It is compressed already: little can be won.
    Least,
}

/// One file of an archive, open at its end.
pub(super) struct ArchiveFile {
    file: File,
    path: PathBuf,
    durability: Durability,
    packers: Option<Packers>,
    /// What was not yet handed to the system.
    buffer: Vec<u8>,
    /// Bytes in the file.
    handed: u64,
    /// The end of the last whole group, and how many there are.
    whole: Position,
    /// The same, as far as it was handed over.
    whole_handed: Position,
    /// A write or a sync failed: nothing more is taken.
    lost: bool,
}

/// Compressors are kept: a new one for each record would cost more than most records.
struct Packers {
    usual: Compress,
    least: Compress,
}

impl ArchiveFile {
    /// Opens the file as `existing` says; `Resume` cuts it back.
    pub(super) fn open(
        path: &Path,
        existing: Existing,
        durability: Durability,
        compression: WarcCompression,
    ) -> Result<Self, SinkError> {
        output::check_directory(path)?;
        let said = |source| SinkError::io(Some(path), source, None);
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(said)?;
        output::check_file(path, &file, existing)?;
        if !file.metadata().map_err(said)?.is_file() {
            return Err(said(io::Error::other("an archive must be a regular file")));
        }
        let whole = match existing {
            Existing::Resume(position) => position,
            Existing::Refuse | Existing::Overwrite => Position::default(),
        };
        if file.metadata().map_err(said)?.len() < whole.bytes {
            return Err(said(io::Error::other("it is shorter than what was committed to it")));
        }
        file.set_len(whole.bytes).map_err(said)?;
        let mut file = file;
        file.seek(SeekFrom::Start(whole.bytes)).map_err(said)?;
        if durability == Durability::Disk {
            sync_directory_of(path).map_err(said)?;
        }
        let packers = (compression == WarcCompression::Gzip).then(|| Packers {
            usual: Compress::new(Compression::new(USUAL_LEVEL), false),
            least: Compress::new(Compression::fast(), false),
        });
        Ok(Self {
            file,
            path: path.to_owned(),
            durability,
            packers,
            buffer: Vec::with_capacity(BUFFER_BYTES + STEP_BYTES),
            handed: whole.bytes,
            whole,
            whole_handed: whole,
            lost: false,
        })
    }

    /// Where the next record begins.
    pub(super) fn at(&self) -> u64 {
        self.handed + self.buffer.len() as u64
    }

    /// Everything up to the last whole group.
    pub(super) fn whole(&self) -> Position {
        self.whole
    }

    /// Appends one record of these parts. The parts are not copied but for what is buffered.
    pub(super) fn record(&mut self, parts: &[&[u8]], effort: Effort) -> Result<(), SinkError> {
        self.refuse_if_lost()?;
        let written = match self.packers.take() {
            None => parts.iter().try_for_each(|part| self.append(part)),
            Some(mut packers) => {
                let packer = match effort {
                    Effort::Usual => &mut packers.usual,
                    Effort::Least => &mut packers.least,
                };
                let written = self.member(parts, packer);
                self.packers = Some(packers);
                written
            }
        };
        written.map_err(|source| self.fail(source))
    }

    /// The records since the last group are one: the archive may end here.
    pub(super) fn end_group(&mut self, counted: u64) {
        self.whole.bytes = self.at();
        self.whole.records += counted;
    }

    /// Hands over what is buffered.
    pub(super) fn flush(&mut self) -> Result<(), SinkError> {
        self.refuse_if_lost()?;
        self.hand_over().map_err(|source| self.fail(source))
    }

    /// Hands over everything, as durably as asked.
    pub(super) fn commit(&mut self) -> Result<Position, SinkError> {
        self.flush()?;
        if self.durability == Durability::Disk {
            self.file.sync_data().map_err(|source| self.fail(source))?;
        }
        Ok(self.whole)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.hand_over()?;
        }
        if bytes.len() >= BUFFER_BYTES {
            self.file.write_all(bytes)?;
            self.handed += bytes.len() as u64;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        Ok(())
    }

    /// One gzip member (RFC 1952).
    fn member(&mut self, parts: &[&[u8]], packer: &mut Compress) -> io::Result<()> {
        // No flags, no time, no operating system: equal records are equal bytes.
        self.append(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])?;
        let mut crc = Crc::new();
        packer.reset();
        for part in parts {
            crc.update(part);
            self.pack(part, packer, FlushCompress::None)?;
        }
        self.pack(&[], packer, FlushCompress::Finish)?;
        self.append(&crc.sum().to_le_bytes())?;
        self.append(&crc.amount().to_le_bytes())
    }

    fn pack(
        &mut self,
        input: &[u8],
        packer: &mut Compress,
        flush: FlushCompress,
    ) -> io::Result<()> {
        let before = packer.total_in();
        loop {
            self.buffer.reserve(STEP_BYTES);
            let done = usize::try_from(packer.total_in() - before).expect("a part of a slice");
            let status = packer
                .compress_vec(&input[done..], &mut self.buffer, flush)
                .map_err(io::Error::other)?;
            if self.buffer.len() >= BUFFER_BYTES {
                self.hand_over()?;
            }
            let is_read = packer.total_in() - before == input.len() as u64;
            match (flush, status) {
                (FlushCompress::Finish, Status::StreamEnd) => return Ok(()),
                (FlushCompress::None, _) if is_read => return Ok(()),
                _ => {}
            }
        }
    }

    fn hand_over(&mut self) -> io::Result<()> {
        self.file.write_all(&self.buffer)?;
        self.handed += self.buffer.len() as u64;
        self.buffer.clear();
        if self.whole.bytes <= self.handed {
            self.whole_handed = self.whole;
        }
        Ok(())
    }

    fn refuse_if_lost(&self) -> Result<(), SinkError> {
        match self.lost {
            false => Ok(()),
            true => Err(self.error(io::Error::other("an earlier write or sync failed"))),
        }
    }

    /// Ends the file after the last whole group that it holds. Nothing more is taken: what the
    /// system did not take cannot be told from what it did.
    fn fail(&mut self, source: io::Error) -> SinkError {
        self.lost = true;
        // Where it cannot be cut, a reader finds the torn record, and a resumed run cuts it.
        let _ = self.file.set_len(self.whole_handed.bytes);
        self.error(source)
    }

    fn error(&self, source: io::Error) -> SinkError {
        SinkError::io(Some(&self.path), source, Some(self.whole_handed))
    }
}

/// 4 of 9: half the time of the usual 6 for a few percent of size.
const USUAL_LEVEL: u32 = 4;

/// Makes the name of a new file as durable as what will be in it.
fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    match File::open(directory.unwrap_or(Path::new("."))) {
        Ok(directory) => directory.sync_all(),
        // Some systems open no directories.
        Err(_) => Ok(()),
    }
}
