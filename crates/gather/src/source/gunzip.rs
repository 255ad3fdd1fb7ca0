//! Undoes gzip where a stream is gzip, whatever its name.

use std::io::{self, BufReader, Chain, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

type Stream = Box<dyn Read + Send>;
type Whole = Chain<Cursor<Vec<u8>>, Stream>;

/// RFC 1952 section 2.3.1.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A stream, unzipped if it begins like gzip. Several members are read as one (RFC 1952, 2.2).
pub(super) enum Gunzip {
    /// Not looked at yet: opening must not wait for a pipe.
    Unknown(Option<Stream>),
    Plain(Whole),
    Gzip(Box<MultiGzDecoder<BufReader<Whole>>>),
}

impl Gunzip {
    pub(super) fn new(stream: Stream) -> Self {
        Self::Unknown(Some(stream))
    }

    fn look(mut stream: Stream) -> io::Result<Self> {
        let mut head = Vec::with_capacity(MAGIC.len());
        stream.by_ref().take(MAGIC.len() as u64).read_to_end(&mut head)?;
        let is_gzip = head == MAGIC;
        let whole = Cursor::new(head).chain(stream);
        Ok(if is_gzip {
            Self::Gzip(Box::new(MultiGzDecoder::new(BufReader::with_capacity(64 << 10, whole))))
        } else {
            Self::Plain(whole)
        })
    }
}

impl Read for Gunzip {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Self::Unknown(stream) = self {
            match stream.take() {
                Some(stream) => *self = Self::look(stream)?,
                // The look failed before, and said so.
                None => return Ok(0),
            }
        }
        match self {
            Self::Unknown(_) => Ok(0),
            Self::Plain(stream) => stream.read(into),
            Self::Gzip(stream) => stream.read(into),
        }
    }
}
