//! Where records point at responses of archives, and what stands there.

use std::path::PathBuf;

use crate::entry::{Entry, Outcome, hash};
use crate::error::VerifyError;
use crate::output::{Form, OutputSpec, Response, Row, warc};
use crate::report::{Fault, Problem, Tally};
use crate::sort::{Sorted, Sorter};

/// The files of all archives of a run, in an order that their places are counted by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Archives(Vec<PathBuf>);

impl Archives {
    pub(crate) fn of(outputs: &[OutputSpec]) -> Self {
        let archives = outputs.iter().filter(|output| output.form == Form::Warc);
        Self(archives.flat_map(|output| warc::files(&output.path())).collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many files stand before those of this archive.
    pub(crate) fn before(&self, output: &OutputSpec) -> usize {
        let first = warc::files(&output.path()).into_iter().next();
        self.0.iter().position(|file| Some(file) == first.as_ref()).unwrap_or(0)
    }

    /// The place that a record points at: of the file with the same name.
    fn place(&self, file: &str, offset: u64) -> Option<u64> {
        let name = std::path::Path::new(file).file_name()?;
        let at = self.0.iter().position(|known| known.file_name() == Some(name))?;
        Some(warc::place(at, offset))
    }

    /// The URL of what stands at a place.
    fn url_at(&self, at: u64) -> Option<String> {
        let (file, offset) = warc::file_and_offset(at);
        warc::url_at(self.0.get(file)?, offset)
    }
}

/// A response of an archive in 40 bytes, sorted by its place.
pub(crate) fn entry_of(response: &Response, files_before: usize) -> Entry {
    Entry {
        n: warc::place_behind(response.at, files_before),
        at: 0,
        input: hash(response.url.as_bytes()),
        sha256: response.sha256.map_or(0, |sha256| hash(&sha256)),
        kind: short(response.length),
        status: response.status,
        outcome: Outcome::Unsaid,
    }
}

/// What a record says of the response it points at, sorted by the response's place.
#[derive(Default)]
pub(crate) struct Pointers {
    sorter: Option<Sorter>,
    pub(crate) tally: Tally,
    /// Records that point at an archive that is not verified.
    pub(crate) elsewhere: u64,
}

impl Pointers {
    pub(crate) fn add(
        &mut self,
        archives: &Archives,
        output: &OutputSpec,
        row: &Row<'_>,
        sha256: Option<&[u8; 32]>,
    ) -> Result<(), VerifyError> {
        let Some(offset) = row.warc_offset else { return Ok(()) };
        let Some(file) = row.warc_file else {
            // A list of one's own may name the offset alone; there is one archive then.
            self.elsewhere += 1;
            return Ok(());
        };
        if archives.is_empty() {
            self.elsewhere += 1;
            return Ok(());
        }
        self.tally.examined += 1;
        let Some(at) = archives.place(file, offset) else {
            self.tally.fault_with(|| {
                let message = format!("the record points at {file}, which is none of the archives");
                let fault = Fault::new(Problem::Offset, output.place(row.at), message);
                row.n.into_iter().fold(fault, Fault::of)
            });
            return Ok(());
        };
        let url = row.final_url.or(row.url);
        let entry = Entry {
            n: at,
            at: row.at,
            input: url.map_or(0, |url| hash(url.as_bytes())),
            sha256: sha256.map_or(0, |sha256| hash(sha256)),
            kind: row.warc_length.map_or(0, short),
            status: row.status.and_then(|status| u16::try_from(status).ok()).unwrap_or(0),
            outcome: Outcome::Unsaid,
        };
        self.sorter.get_or_insert_with(Sorter::new).push(entry).map_err(VerifyError::Sort)
    }

    pub(crate) fn finish(self) -> Result<(Option<Sorted>, Tally, u64), VerifyError> {
        let sorted = self.sorter.map(Sorter::finish).transpose().map_err(VerifyError::Sort)?;
        Ok((sorted, self.tally, self.elsewhere))
    }
}

/// Holds what records say against what stands there. Both are in the order of their places.
pub(crate) fn check(
    output: &OutputSpec,
    archives: &Archives,
    mut pointers: Sorted,
    responses: &mut Sorted,
    tally: &mut Tally,
) -> Result<(), VerifyError> {
    let mut response = responses.next().map_err(VerifyError::Sort)?;
    while let Some(pointer) = pointers.next().map_err(VerifyError::Sort)? {
        while response.is_some_and(|response| response.n < pointer.n) {
            response = responses.next().map_err(VerifyError::Sort)?;
        }
        let place = warc::place_in_words(pointer.n);
        let fault =
            |message: String| Fault::new(Problem::Offset, output.place(pointer.at), message);
        let Some(found) = response.filter(|response| response.n == pointer.n) else {
            tally.fault(fault(format!("no response begins at {place} of the archive")));
            continue;
        };
        let differs = [
            ("URL", pointer.input != 0 && pointer.input != found.input),
            ("length", pointer.kind != 0 && pointer.kind != found.kind),
            // A stored answer that a 304 confirms keeps the status it had.
            (
                "status",
                pointer.status != 0 && found.status != 304 && pointer.status != found.status,
            ),
            ("SHA-256", pointer.sha256 != 0 && found.sha256 != 0 && pointer.sha256 != found.sha256),
        ];
        if let Some((what, _)) = differs.iter().find(|(_, differs)| *differs) {
            tally.fault_with(|| {
                let there = archives.url_at(pointer.n).unwrap_or_default();
                let message = format!("the response at {place} of the archive has another {what}");
                fault(message).found(format!("that of {there}"))
            });
        }
    }
    Ok(())
}

/// A length in 32 bits, never 0.
fn short(length: u64) -> u32 {
    (length ^ length >> 32) as u32 | 1 << 31
}
