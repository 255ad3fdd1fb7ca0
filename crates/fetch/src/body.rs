//! What becomes of a body: counted, decoded, kept as far as asked, never beyond its caps.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use gather_core::attempt::BodySummary;
use gather_core::config::Caps;
use gather_core::exchange::Coding;
use gather_core::{ErrorKind, Failure};
use sha2::{Digest as _, Sha256};

use crate::decode::Decoder;
use crate::memory::{Grown, MemoryBudget, Part, Share};

mod doubt;

use doubt::{Doubt, Rewind};

/// What is kept of a response beyond its summary.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keep {
    /// Its decoded body.
    pub body: KeepBody,
    /// Its headers.
    pub headers: KeepHeaders,
    /// The SHA-256 of its decoded body.
    pub sha256: KeepSha256,
    /// The requests and responses as they pass over the wire.
    pub exchanges: KeepExchanges,
}

/// How much of a decoded body is kept in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepBody {
    /// Nothing: it is streamed.
    #[default]
    No,
    /// At most so many bytes.
    UpTo(u64),
    /// All of it, within the caps.
    All,
}

/// Whether the headers of a response are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepHeaders {
    /// No.
    #[default]
    No,
    /// All of them.
    All,
}

/// Whether the SHA-256 of a body is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepSha256 {
    /// No.
    #[default]
    No,
    /// Of the whole decoded body.
    Yes,
}

/// Whether requests and responses are kept as they pass over the wire, for an archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepExchanges {
    /// No.
    #[default]
    No,
    /// Those of the last try, with its redirects.
    Yes,
}

impl Keep {
    /// Whether bodies, or beginnings of them, stay in memory.
    pub fn holds_bodies(&self) -> bool {
        self.body != KeepBody::No || self.exchanges == KeepExchanges::Yes
    }
}

/// Takes a decoded body as it comes, of the last response only.
pub trait BodyWriter {
    /// The next bytes. An error of the writer's own is its to keep, and to ask for at the end.
    fn write(&mut self, chunk: &[u8]);
}

/// Receives one body.
pub(crate) struct BodyReader<'a> {
    wire_bytes_max: u64,
    decoder: Option<Decoder>,
    /// What came and waits to be decoded until there is memory for that.
    pending: Bytes,
    /// Of what came, what the decoder has read.
    read_bytes: u64,
    /// What came so far, where it is to be decoded once more from its beginning.
    rewind: Rewind,
    wire_bytes: u64,
    chunk_bytes_max: u64,
    content: Content<'a>,
}

/// A body as received, where it was kept.
#[derive(Default)]
pub(crate) struct WireBody {
    pub(crate) bytes: Bytes,
    pub(crate) coding: Coding,
}

/// The decoded side.
struct Content<'a> {
    decoded_bytes: u64,
    decoded_bytes_max: u64,
    keep: KeepBody,
    kept: Kept,
    /// Of an encoded body that is to be kept, as long as it may be a bomb.
    doubt: Option<Doubt>,
    wire: Wire,
    /// What its decoder may look back into.
    window_bytes_max: u64,
    /// The memory for that, where the body grows as bombs do.
    bomb_window: Option<Part>,
    /// The memory for what is kept and looked back into, where it is limited.
    share: Option<Share>,
    truncated: bool,
    sha256: Option<Sha256>,
    writer: Option<&'a mut dyn BodyWriter>,
}

#[derive(Default)]
enum Kept {
    #[default]
    Nothing,
    /// A body of one piece is not copied.
    One(Bytes),
    Many(BytesMut),
}

/// The body before its content coding is undone.
enum Wire {
    /// Nobody asks for it.
    Unkept,
    /// It is what `kept` is.
    AsKept,
    Kept(Kept),
}

impl Wire {
    fn of(keep: Keep, decoder: Option<&Decoder>) -> Self {
        match (keep.exchanges, keep.body, decoder) {
            (KeepExchanges::No, ..) => Self::Unkept,
            (KeepExchanges::Yes, KeepBody::All, None) => Self::AsKept,
            (KeepExchanges::Yes, ..) => Self::Kept(Kept::Nothing),
        }
    }

    fn len(&self) -> u64 {
        match self {
            Self::Unkept | Self::AsKept => 0,
            Self::Kept(kept) => kept.len(),
        }
    }
}

impl<'a> BodyReader<'a> {
    pub(crate) fn new(
        caps: &Caps,
        keep: Keep,
        decoder: Option<Decoder>,
        share: Option<Share>,
        writer: Option<&'a mut dyn BodyWriter>,
    ) -> Self {
        let share = share.filter(|_| keep.holds_bodies());
        let rewind = Rewind::new(decoder.as_ref().map_or(0, Decoder::window_bytes_max));
        let is_doubtful = keep.body == KeepBody::All && decoder.is_some();
        let doubt = || Doubt::new(share.as_ref().map(Share::of_bombs));
        let content = Content {
            decoded_bytes: 0,
            decoded_bytes_max: caps.decoded_bytes_max,
            keep: keep.body,
            kept: Kept::Nothing,
            doubt: is_doubtful.then(doubt),
            wire: Wire::of(keep, decoder.as_ref()),
            window_bytes_max: WINDOW_BYTES_FREE,
            bomb_window: None,
            share,
            truncated: false,
            sha256: (keep.sha256 == KeepSha256::Yes).then(Sha256::new),
            writer,
        };
        Self {
            wire_bytes_max: caps.body_bytes_max,
            decoder,
            pending: Bytes::new(),
            read_bytes: 0,
            rewind,
            wire_bytes: 0,
            chunk_bytes_max: 0,
            content,
        }
    }

    /// Refuses a body whose announced length is beyond the cap, before it is read.
    pub(crate) fn announced(&self, wire_bytes: Option<u64>) -> Result<(), Failure> {
        match wire_bytes {
            Some(bytes) if bytes > self.wire_bytes_max => Err(self.too_large()),
            _ => Ok(()),
        }
    }

    /// Asks for the memory that the next pieces need; `announced` is the length of the whole.
    pub(crate) fn make_room(&mut self, announced: Option<u64>) -> Option<NoRoom<'_>> {
        let windows = self.content.windows();
        let share = self.content.share.as_mut()?;
        let all = announced.filter(|_| self.decoder.is_none());
        let wanted = all.unwrap_or(self.content.kept.len() + ROOM_BYTES.max(self.chunk_bytes_max));
        let decoded = match self.content.keep {
            KeepBody::UpTo(bytes_max) => wanted.min(bytes_max),
            KeepBody::All => wanted,
            KeepBody::No => 0,
        };
        let bytes = match &self.content.wire {
            Wire::Unkept | Wire::AsKept => decoded,
            Wire::Kept(kept) => {
                let more = kept.len() + ROOM_BYTES.max(self.chunk_bytes_max);
                decoded + announced.unwrap_or(more)
            }
        };
        let bytes = bytes + windows;
        match share.try_grow(bytes) {
            Grown::Yes => None,
            Grown::No => Some(NoRoom::OfAll { share, bytes }),
        }
    }

    /// Takes the next piece as received. Where there is no room in `memory` for what its decoder looks
    /// back into, it is to be waited for, and [`go_on`](Self::go_on) called.
    pub(crate) fn push(
        &mut self,
        chunk: Bytes,
        memory: Option<&Arc<MemoryBudget>>,
    ) -> Result<Option<NoRoom<'_>>, Failure> {
        self.wire_bytes += chunk.len() as u64;
        self.chunk_bytes_max = self.chunk_bytes_max.max(chunk.len() as u64);
        if self.wire_bytes > self.wire_bytes_max {
            return Err(self.too_large());
        }
        if let Wire::Kept(wire) = &mut self.content.wire {
            wire.append_owned(&chunk);
        }
        match &mut self.decoder {
            None => self.content.push_owned(chunk).map(|()| None),
            Some(decoder) => {
                let content = &mut self.content;
                if content.doubt.as_mut().is_some_and(|doubt| !doubt.takes(&chunk)) {
                    content.believe(decoder)?;
                }
                self.rewind.takes(&chunk);
                self.pending = chunk;
                self.go_on(memory)
            }
        }
    }

    /// Decodes what came, as far as there is memory for it.
    pub(crate) fn go_on(
        &mut self,
        memory: Option<&Arc<MemoryBudget>>,
    ) -> Result<Option<NoRoom<'_>>, Failure> {
        let chunk = std::mem::take(&mut self.pending);
        let mut rest = &chunk[..];
        let read_before = self.read_bytes;
        let mut lacking = None;
        while let Some(decoder) = &mut self.decoder
            && let Some(decoded) = decoder.next(&mut rest)?
        {
            self.read_bytes = read_before + (chunk.len() - rest.len()) as u64;
            let known = self.rewind.passes(decoded.len());
            self.content.push(&decoded[known..], self.read_bytes)?;
            lacking = self.content.look_back(decoder, self.read_bytes, memory);
            if lacking.is_some() {
                self.pending = chunk.slice_ref(rest);
                break;
            }
        }
        if lacking.is_none() {
            // A codec also takes in what it makes nothing of yet.
            self.read_bytes = read_before + (chunk.len() - rest.len()) as u64;
        }
        if let (Some(Lacking::OfBombs(_)), Some(decoder)) = (&lacking, &mut self.decoder)
            && let Some(came) = self.rewind.start(self.content.decoded_bytes)
        {
            // What it looks back into is freed while it waits.
            *decoder = decoder.again()?;
            (self.pending, self.read_bytes) = (came, 0);
        }
        Ok(match lacking {
            None => None,
            Some(Lacking::OfAll(bytes)) => {
                self.content.share.as_mut().map(|share| NoRoom::OfAll { share, bytes })
            }
            Some(Lacking::OfBombs(bytes)) => {
                self.content.bomb_window.as_mut().map(|part| NoRoom::OfBombs { part, bytes })
            }
        })
    }

    /// Checks that the codings are whole, too.
    pub(crate) fn end(&mut self) -> Result<(), Failure> {
        let Some(decoder) = &self.decoder else { return Ok(()) };
        decoder.end()?;
        self.content.believe(decoder)
    }

    /// What came; also of a body that broke off, whose hash nobody needs.
    pub(crate) fn summary(self) -> (BodySummary, WireBody) {
        let Content { decoded_bytes, keep, kept, wire, share, truncated, sha256, .. } =
            self.content;
        let held = kept.len() + wire.len();
        let bytes = (keep != KeepBody::No).then(|| kept.into_bytes());
        let wire = WireBody {
            bytes: match wire {
                Wire::Unkept => Bytes::new(),
                Wire::AsKept => bytes.clone().unwrap_or_default(),
                Wire::Kept(kept) => kept.into_bytes(),
            },
            coding: if self.decoder.is_some() { Coding::Encoded } else { Coding::None },
        };
        let summary = BodySummary {
            wire_bytes: self.wire_bytes,
            decoded_bytes,
            hold: share.filter(|_| held > 0).map(|share| share.keep(held)),
            bytes,
            sha256: sha256.map(|hash| hash.finalize().into()),
            truncated,
        };
        (summary, wire)
    }

    fn too_large(&self) -> Failure {
        let message = format!("the body is larger than {} bytes", self.wire_bytes_max);
        Failure::new(ErrorKind::LimitBody, message)
    }
}

impl Content<'_> {
    fn push_owned(&mut self, chunk: Bytes) -> Result<(), Failure> {
        let room = self.admit(&chunk)?;
        if room == chunk.len() && room > 0 && matches!(self.kept, Kept::Nothing) {
            self.kept = Kept::One(chunk);
        } else {
            self.kept.append(&chunk[..room]);
        }
        self.hold();
        Ok(())
    }

    /// The next decoded bytes, where so much of what came was read in all.
    fn push(&mut self, chunk: &[u8], read_bytes: u64) -> Result<(), Failure> {
        let room = self.admit(chunk)?;
        let kept = self.kept.len() + room as u64;
        if self.doubt.as_mut().is_some_and(|doubt| doubt.is_suspicious(kept, read_bytes)) {
            self.kept = Kept::Nothing;
        } else {
            self.kept.append(&chunk[..room]);
        }
        self.hold();
        Ok(())
    }

    /// It is no bomb: all of it is kept, what was only counted as well.
    fn believe(&mut self, decoder: &Decoder) -> Result<(), Failure> {
        let kept = &mut self.kept;
        match self.doubt.take() {
            None => Ok(()),
            Some(doubt) => doubt.believe(decoder, &mut |decoded| kept.append(decoded)),
        }?;
        self.hold();
        Ok(())
    }

    /// Takes the memory for what its decoder looks back into, where that is much; what it lacks for that.
    fn look_back(
        &mut self,
        decoder: &Decoder,
        read_bytes: u64,
        memory: Option<&Arc<MemoryBudget>>,
    ) -> Option<Lacking> {
        let window = decoder.window_bytes();
        let grows = doubt::grows_as_bombs_do(self.decoded_bytes, read_bytes);
        if !grows {
            // Others may have the room.
            self.bomb_window = None;
        }
        if decoder.window_bytes_max() > doubt::FREE_BYTES
            && self.bomb_window.is_none()
            && grows
            && let Some(memory) = memory
        {
            let bytes = decoder.window_bytes_max();
            let part = self.bomb_window.insert(Part::of_window(memory));
            if part.try_hold(bytes) == Grown::No {
                return Some(Lacking::OfBombs(bytes));
            }
        }
        let is_further = window > self.window_bytes_max;
        is_further.then(|| self.look_back_further(memory))?.map(Lacking::OfAll)
    }

    /// Takes the memory for a longer look back; what it lacks for that, in all, if there is not enough.
    fn look_back_further(&mut self, memory: Option<&Arc<MemoryBudget>>) -> Option<u64> {
        self.window_bytes_max += WINDOW_BYTES_STEP;
        if self.share.is_none() {
            self.share = memory.map(Share::new);
        }
        let bytes = self.kept.len() + self.wire.len() + self.window_bytes_max;
        let share = self.share.as_mut()?;
        (share.try_grow(bytes) == Grown::No).then_some(bytes)
    }

    /// What its decoder looks back into, where that is to be counted.
    fn windows(&self) -> u64 {
        if self.window_bytes_max > WINDOW_BYTES_FREE { self.window_bytes_max } else { 0 }
    }

    /// What came is held, even if it was more than there was room for.
    fn hold(&mut self) {
        let held = self.kept.len() + self.wire.len() + self.windows();
        if let Some(share) = &mut self.share {
            share.grow_anyway(held);
        }
    }

    /// Counts, hashes and writes `chunk`; answers how much of it is to be kept.
    fn admit(&mut self, chunk: &[u8]) -> Result<usize, Failure> {
        let before = self.decoded_bytes;
        self.decoded_bytes += chunk.len() as u64;
        if self.decoded_bytes > self.decoded_bytes_max {
            let message =
                format!("the decoded body is larger than {} bytes", self.decoded_bytes_max);
            return Err(Failure::new(ErrorKind::LimitDecoded, message));
        }
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(chunk);
        }
        if let Some(writer) = &mut self.writer {
            writer.write(chunk);
        }
        match self.keep {
            KeepBody::No => Ok(0),
            KeepBody::All => Ok(chunk.len()),
            KeepBody::UpTo(bytes_max) => {
                let room = bytes_max.saturating_sub(before).min(chunk.len() as u64) as usize;
                self.truncated |= room < chunk.len();
                Ok(room)
            }
        }
    }
}

/// How much memory a decoder lacks, in all.
enum Lacking {
    OfAll(u64),
    OfBombs(u64),
}

/// A body that has to wait for memory.
pub(crate) enum NoRoom<'r> {
    /// For that of all bodies.
    OfAll { share: &'r mut Share, bytes: u64 },
    /// For that of bodies that grow as bombs do.
    OfBombs { part: &'r mut Part, bytes: u64 },
}

impl NoRoom<'_> {
    /// Whether it waits for no fault of its own.
    pub(crate) fn is_patient(&self) -> bool {
        matches!(self, Self::OfAll { .. })
    }

    /// Resolves when there is room for what comes next.
    pub(crate) async fn wait(self) {
        match self {
            Self::OfAll { share, bytes } => share.grow(bytes).await,
            Self::OfBombs { part, bytes } => part.hold(bytes).await,
        }
    }
}

/// What a decoder may look back into without asking: most look back less.
const WINDOW_BYTES_FREE: u64 = 256 << 10;
/// For how much more it then asks at a time.
const WINDOW_BYTES_STEP: u64 = 1 << 20;
/// Asked for at a time, where the length of a body is not known.
const ROOM_BYTES: u64 = 64 << 10;

impl Kept {
    fn len(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::One(one) => one.len() as u64,
            Self::Many(many) => many.len() as u64,
        }
    }

    /// Appends without a copy, if it is the first piece.
    fn append_owned(&mut self, chunk: &Bytes) {
        match self {
            Self::Nothing if !chunk.is_empty() => *self = Self::One(chunk.clone()),
            _ => self.append(chunk),
        }
    }

    fn append(&mut self, chunk: &[u8]) {
        if chunk.is_empty() {
            return;
        }
        if let Self::Many(many) = self {
            many.extend_from_slice(chunk);
            return;
        }
        let mut many = BytesMut::new();
        if let Self::One(one) = self {
            many.extend_from_slice(one);
        }
        many.extend_from_slice(chunk);
        *self = Self::Many(many);
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Nothing => Bytes::new(),
            Self::One(one) => one,
            Self::Many(many) => many.freeze(),
        }
    }
}

#[cfg(all(test, feature = "zstd"))]
mod tests {
    use http::HeaderMap;
    use http::header::{CONTENT_ENCODING, HeaderValue};

    use super::*;

    /// Whether a body is taken for a bomb somewhere on its way, if it comes in pieces of this length.
    fn is_doubted(body: &[u8], piece: usize) -> bool {
        let coded = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static("zstd"))]);
        let decoder = Decoder::of(&coded, 3).expect("a known coding");
        let memory = Arc::new(MemoryBudget::new(64 << 20));
        let keep = Keep { body: KeepBody::All, ..Keep::default() };
        let mut reader = BodyReader::new(&Caps::default(), keep, decoder, None, None);
        body.chunks(piece).any(|piece| {
            let lacks = reader.push(Bytes::copy_from_slice(piece), Some(&memory));
            assert!(lacks.expect("it is whole").is_none(), "nobody else is there");
            reader.content.bomb_window.is_some()
        })
    }

    #[test]
    fn what_a_codec_holds_back_does_not_make_a_body_a_bomb() {
        // A block of zstd is decoded once all of it is there.
        let mut state = 7_u64;
        let mut word = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            format!("{{\"sku\":{},\"name\":\"a lamp for the table\"}}\n", state >> 44)
        };
        let text: String = (0..20_000).map(|_| word()).collect();
        let honest = zstd::encode_all(text.as_bytes(), 3).expect("encoded");
        let growth = text.len() / honest.len();
        assert!((3..12).contains(&growth), "it grows {growth} times");
        let bomb = zstd::encode_all(&vec![b'0'; 4 << 20][..], 3).expect("encoded");
        for piece in [1, 64, 1448, 1 << 20] {
            assert!(!is_doubted(&honest, piece), "in pieces of {piece}");
            assert!(is_doubted(&bomb, piece), "in pieces of {piece}");
        }
    }
}
