//! The codings `gzip` (RFC 1952) and `deflate` (RFC 1950, RFC 1951).

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::{Broken, Codec, Step};

/// RFC 1952: any number of members; what follows the last and is none is ignored.
pub(super) struct Gzip {
    inflate: Decompress,
    crc: Crc,
    at: At,
}

enum At {
    Header(Header),
    Data,
    /// In CRC and length.
    Trailer(Vec<u8>),
    /// Behind a whole member.
    Between,
    Padding,
}

impl Gzip {
    pub(super) fn new() -> Self {
        let at = At::Header(Header::default());
        Self { inflate: Decompress::new(false), crc: Crc::new(), at }
    }

    fn trailer_matches(&self, trailer: &[u8]) -> bool {
        let expected = [self.crc.sum().to_le_bytes(), self.crc.amount().to_le_bytes()].concat();
        trailer == expected
    }
}

impl Codec for Gzip {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Broken> {
        let mut read = 0;
        loop {
            let rest = &input[read..];
            match &mut self.at {
                At::Data => {
                    let (step, ended) = inflate(&mut self.inflate, rest, output)?;
                    self.crc.update(&output[..step.written]);
                    read += step.read;
                    if ended {
                        self.at = At::Trailer(Vec::new());
                    }
                    if step.written > 0 || !ended {
                        return Ok(Step { read, written: step.written });
                    }
                }
                At::Padding => return Ok(Step { read: input.len(), written: 0 }),
                _ if rest.is_empty() => return Ok(Step { read, written: 0 }),
                At::Header(header) => {
                    read += 1;
                    if header.take(rest[0])? == Part::Whole {
                        self.inflate.reset(false);
                        self.crc.reset();
                        self.at = At::Data;
                    }
                }
                At::Trailer(trailer) => {
                    trailer.push(rest[0]);
                    read += 1;
                    if trailer.len() == 8 {
                        let trailer = std::mem::take(trailer);
                        if !self.trailer_matches(&trailer) {
                            return Err(Broken::Garbage);
                        }
                        self.at = At::Between;
                    }
                }
                At::Between => {
                    self.at = match rest[0] {
                        0x1f => At::Header(Header::default()),
                        _ => At::Padding,
                    };
                }
            }
        }
    }

    fn is_complete(&self) -> bool {
        matches!(self.at, At::Between | At::Padding)
    }
}

/// The longest header that is read: file name, comment and extra field together.
const HEADER_BYTES_MAX: u32 = 128 << 10;
const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
const FIXED_BYTES: u32 = 10;

/// Bits that say what a header has.
const HEADER_CRC: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;

/// The header of a member, read byte by byte: none is looked at twice, however long it is.
#[derive(Default)]
struct Header {
    read: u32,
    /// What is still to come.
    flags: u8,
    part: Part,
}

/// Where in a header the next byte stands.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Fixed,
    /// The size of the extra field, and its first byte if it came.
    ExtraSize(Option<u8>),
    /// So many bytes of it are left.
    Extra(u16),
    /// Up to a NUL.
    Text,
    /// So many bytes of its check sum are left.
    Crc(u8),
    Whole,
}

impl Header {
    /// Takes the next byte, and says where the one after it stands.
    fn take(&mut self, byte: u8) -> Result<Part, Broken> {
        let at = self.read;
        self.read += 1;
        let is_magic = MAGIC.get(at as usize).is_none_or(|magic| *magic == byte);
        if !is_magic || self.read > HEADER_BYTES_MAX {
            return Err(Broken::Garbage);
        }
        if at == 3 {
            self.flags = byte;
        }
        self.part = match self.part {
            Part::Fixed if self.read < FIXED_BYTES => Part::Fixed,
            Part::ExtraSize(None) => Part::ExtraSize(Some(byte)),
            Part::ExtraSize(Some(low)) => match u16::from_le_bytes([low, byte]) {
                0 => self.next_part(),
                left => Part::Extra(left),
            },
            Part::Extra(left) if left > 1 => Part::Extra(left - 1),
            Part::Text if byte != 0 => Part::Text,
            Part::Crc(left) if left > 1 => Part::Crc(left - 1),
            Part::Fixed | Part::Extra(_) | Part::Text | Part::Crc(_) => self.next_part(),
            Part::Whole => Part::Whole,
        };
        Ok(self.part)
    }

    fn next_part(&mut self) -> Part {
        for (flag, part) in [
            (EXTRA, Part::ExtraSize(None)),
            (NAME, Part::Text),
            (COMMENT, Part::Text),
            (HEADER_CRC, Part::Crc(2)),
        ] {
            if self.flags & flag != 0 {
                self.flags &= !flag;
                return part;
            }
        }
        Part::Whole
    }
}

/// `deflate` is zlib (RFC 1950) by the letter; some servers send it bare (RFC 1951).
pub(super) enum Deflate {
    /// The first byte, if it came.
    Unknown(Option<u8>),
    Known {
        inflate: Decompress,
        ended: bool,
    },
}

impl Codec for Deflate {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Broken> {
        match self {
            Self::Known { ended: true, .. } => Ok(Step { read: input.len(), written: 0 }),
            Self::Known { inflate: state, ended } => {
                let (step, now_ended) = inflate(state, input, output)?;
                *ended = now_ended;
                Ok(step)
            }
            Self::Unknown(first) => {
                let (head, read) = match (*first, input) {
                    (_, []) => return Ok(Step { read: 0, written: 0 }),
                    (None, [byte]) => {
                        *first = Some(*byte);
                        return Ok(Step { read: 1, written: 0 });
                    }
                    (None, [first, second, ..]) => ([*first, *second], 2),
                    (Some(first), [second, ..]) => ([first, *second], 1),
                };
                let is_zlib = head[0] & 0x0f == 8 && u16::from_be_bytes(head).is_multiple_of(31);
                let mut state = Decompress::new(is_zlib);
                let (step, ended) = inflate(&mut state, &head, output)?;
                *self = Self::Known { inflate: state, ended };
                Ok(Step { read, written: step.written })
            }
        }
    }

    fn is_complete(&self) -> bool {
        matches!(self, Self::Known { ended: true, .. })
    }
}

fn inflate(
    state: &mut Decompress,
    input: &[u8],
    output: &mut [u8],
) -> Result<(Step, bool), Broken> {
    let (read_before, written_before) = (state.total_in(), state.total_out());
    let status =
        state.decompress(input, output, FlushDecompress::None).map_err(|_| Broken::Garbage)?;
    let step = Step {
        read: (state.total_in() - read_before) as usize,
        written: (state.total_out() - written_before) as usize,
    };
    Ok((step, status == Status::StreamEnd))
}
