//! Records put aside, and answers made of them: what a run needs to fetch equal requests once.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use gather_core::Record;

use crate::fields::{Field, Fields};
use crate::jsonl::Encoder;
use crate::pile::Pile;
use crate::read::spooled;
use crate::sorted::{ByteSorter, SortedBytes};

/// Records in memory before they are sorted on disk; once for repeats, once for places.
const SORTED_BYTES_MAX: usize = 4 << 20;
/// Before each record in the file: its number, and how many bytes it takes.
const HEAD_BYTES: usize = 2 * size_of::<u64>();

/// Records as they were written, to be found again by their number.
#[derive(Debug)]
pub struct Aside {
    pile: Pile,
    encoder: Encoder,
    records: u64,
    line: Vec<u8>,
}

/// Records that wait for the answer of another, by the number of that.
pub struct Repeats {
    encoder: Encoder,
    sorter: ByteSorter,
    count: u64,
}

/// Repeats and the places of what they wait for, side by side.
pub struct Answers {
    repeats: SortedBytes,
    places: SortedBytes,
    /// The record that was read last, for all that wait for it.
    first: Option<Record>,
}

impl Aside {
    /// Keeps what outputs with these members need, in a file that may have records already.
    pub fn new<'f>(pile: Pile, outputs: impl Iterator<Item = &'f Fields>) -> Self {
        let encoder = Encoder::for_spool(&Fields::of_all(outputs));
        Self { pile, encoder, records: 0, line: Vec::new() }
    }

    /// Adds a record.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, record: &Record) -> io::Result<()> {
        self.line.clear();
        self.encoder.encode(record, &mut self.line);
        self.pile.append(&record.n.to_le_bytes())?;
        self.pile.append(&(self.line.len() as u64).to_le_bytes())?;
        self.pile.append(&self.line)?;
        self.records += 1;
        Ok(())
    }

    /// Hands over what waits to the system; what to sync, and its length.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn flush(&mut self) -> io::Result<(Arc<File>, u64)> {
        self.pile.flush()
    }

    /// The answers to these repeats. Every record that one of them waits for has been added.
    ///
    /// # Errors
    /// When the file cannot be read, or a temporary one cannot be made.
    pub fn answers(&mut self, repeats: Repeats) -> io::Result<Answers> {
        let mut sorter = ByteSorter::new(SORTED_BYTES_MAX);
        let mut file = BufReader::new(self.pile.whole()?);
        let mut at = 0_u64;
        let mut head = [0; HEAD_BYTES];
        while at < self.pile.bytes() {
            file.read_exact(&mut head)?;
            let (n, length) = head.split_at(HEAD_BYTES / 2);
            let (n, length) = (number(n), number(length));
            let place = [at + HEAD_BYTES as u64, length];
            sorter.add(n, |out| place.iter().for_each(|part| out.extend(part.to_le_bytes())))?;
            at += HEAD_BYTES as u64 + length;
            file.seek_relative(i64::try_from(length).map_err(|_| damaged())?)?;
        }
        let (repeats, places) = (repeats.sorter.into_sorted()?, sorter.into_sorted()?);
        Ok(Answers { repeats, places, first: None })
    }

    fn read(&mut self, at: u64, length: u64) -> io::Result<Record> {
        self.line.resize(usize::try_from(length).map_err(|_| damaged())?, 0);
        self.pile.read_exact(at, &mut self.line)?;
        spooled(&self.line).map_err(|_| damaged())
    }
}

impl Repeats {
    /// None so far.
    pub fn new() -> Self {
        let encoder = Encoder::for_spool(&Fields::default());
        Self { encoder, sorter: ByteSorter::new(SORTED_BYTES_MAX), count: 0 }
    }

    /// Adds what is known of a target beforehand, which waits for the record of `first`.
    ///
    /// # Errors
    /// When a temporary file cannot be written.
    pub fn add(&mut self, first: u64, waiting: &Record) -> io::Result<()> {
        self.count += 1;
        self.sorter.add(first, |out| self.encoder.encode(waiting, out))
    }
}

impl Default for Repeats {
    fn default() -> Self {
        Self::new()
    }
}

impl Answers {
    /// The next one, and its bytes as it is kept; `None` if all were given.
    ///
    /// # Errors
    /// When it cannot be read, or the record that it waits for is not there.
    pub fn next(&mut self, aside: &mut Aside) -> io::Result<Option<Record>> {
        let Some((wanted, line)) = self.repeats.next_piece()? else { return Ok(None) };
        let waiting = spooled(line).map_err(|_| damaged())?;
        if self.first.as_ref().is_none_or(|first| first.n != wanted) {
            self.first = Some(find(&mut self.places, wanted, aside)?);
        }
        Ok(self.first.as_ref().map(|first| answer(first, waiting)))
    }
}

/// The record of this number. Those before it are passed over.
fn find(places: &mut SortedBytes, wanted: u64, aside: &mut Aside) -> io::Result<Record> {
    while let Some((n, place)) = places.next_piece()? {
        if n == wanted {
            let (at, length) = place.split_at(HEAD_BYTES / 2);
            let (at, length) = (number(at), number(length));
            return aside.read(at, length);
        }
    }
    Err(damaged())
}

/// What says of `waiting` what `first` says of itself.
fn answer(first: &Record, waiting: Record) -> Record {
    const OWN: [Field; 6] =
        [Field::N, Field::Input, Field::Url, Field::Source, Field::Line, Field::Tags];
    let mut record = first.clone();
    (record.n, record.input, record.url) = (waiting.n, waiting.input, waiting.url);
    (record.place, record.tags) = (waiting.place, waiting.tags);
    record.same_as = Some(first.n);
    if let (Some(held), Some(own)) = (&mut record.held, &waiting.held) {
        let bits = OWN.iter().fold(0, |bits, field| bits | field.bit());
        held.members = (held.members & !bits) | (own.members & bits) | Field::SameAs.bit();
    }
    record
}

/// Removes the file of records put aside, if it is there.
///
/// # Errors
/// When it cannot be removed.
pub fn remove_aside(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("half a head"))
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is not as it was written")
}

#[cfg(test)]
mod tests {
    use gather_core::target::Place;
    use gather_core::{ErrorKind, Failure, Outcome, RecordError};

    use super::*;
    use crate::samples::https_page;

    fn text(record: &Record, fields: &Fields) -> String {
        let mut line = Vec::new();
        Encoder::new(fields).encode(record, &mut line);
        String::from_utf8(line).expect("JSON is text")
    }

    /// A waiting target with a place and a tag of its own.
    fn waiting(n: u64, url: &str) -> Record {
        let place = Place { source: Some("b.txt".into()), line: n };
        let tags = vec![("sku".into(), n.to_string().into())];
        Record {
            url: url.into(),
            place: Some(place.into()),
            tags: Some(tags.into()),
            ..Record::new(n, Outcome::Ok)
        }
    }

    #[test]
    fn each_waiting_target_says_what_its_first_says_and_who_it_is_itself() {
        let fields = Fields::parse("+body,+headers,+title,+tls.san").expect("they are known");
        let fields = fields.beside(crate::Beside::Repeats);
        let body = "<title>T</title>\u{e4}".as_bytes();
        let page = Record { n: 7, body: Some(body.into()), ..https_page() };
        let failure = Failure::new(ErrorKind::TimeoutConnect, "no answer");
        let dead = Record {
            url: "https://b.example/".into(),
            ..Record::new(3, Outcome::Failed(RecordError::new(failure, true)))
        };
        let mut aside = Aside::new(Pile::nameless().expect("made"), [&fields].into_iter());
        let mut repeats = Repeats::new();
        // In any order, and for one that none waits for.
        for record in [&page, &Record::new(5, Outcome::Ok), &dead] {
            aside.add(record).expect("written");
        }
        for (first, n, url) in [(7, 9, &page.url), (3, 8, &dead.url), (7, 12, &page.url)] {
            repeats.add(first, &waiting(n, url)).expect("written");
        }
        let mut answers = aside.answers(repeats).expect("read");
        for (first, n) in [(&dead, 8), (&page, 9), (&page, 12)] {
            let answer = answers.next(&mut aside).expect("read").expect("there");
            let own = waiting(n, &first.url);
            let expected = Record {
                n,
                place: own.place,
                tags: own.tags,
                input: None,
                same_as: Some(first.n),
                ..first.clone()
            };
            assert_eq!(text(&answer, &fields), text(&expected, &fields));
        }
        assert!(answers.next(&mut aside).expect("read").is_none());
    }

    #[test]
    fn a_first_that_is_not_there_is_an_error_and_no_answer() {
        let mut aside = Aside::new(Pile::nameless().expect("made"), std::iter::empty());
        aside.add(&Record::new(1, Outcome::Ok)).expect("written");
        let mut repeats = Repeats::new();
        repeats.add(2, &waiting(3, "https://a.example/")).expect("written");
        let error = aside.answers(repeats).expect("read").next(&mut aside).expect_err("none");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
