//! Content codings, pushed through piece by piece: no more than one buffer is decoded at a time.

use std::ops::Range;

use gather_core::{ErrorKind, Failure};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

#[cfg(feature = "brotli")]
mod brotli;
mod gzip;
#[cfg(feature = "zstd")]
mod zstd;

/// What `Accept-Encoding` offers: the codings that are built in.
pub(crate) const OFFERED: &str = match (cfg!(feature = "brotli"), cfg!(feature = "zstd")) {
    (true, true) => "gzip, br, zstd, deflate",
    (true, false) => "gzip, br, deflate",
    (false, true) => "gzip, zstd, deflate",
    (false, false) => "gzip, deflate",
};

use self::gzip::{Deflate, Gzip};

/// Undoes the codings of one body, piece by piece.
pub struct Decoder {
    /// In the order of decoding: the last applied coding first.
    stages: Vec<Stage>,
    is_fed: bool,
}

struct Stage {
    name: &'static str,
    codec: Box<dyn Codec>,
    decoded: Box<[u8]>,
    /// The part of it that the next stage has not read.
    ready: Range<usize>,
    /// The largest window that it may look back into, and how much it has made, up to that.
    window: Window,
    window_bytes: u64,
}

impl Stage {
    fn of(coding: &str, window: Window) -> Result<Self, NoCodec> {
        let (name, codec) = codec(coding, window)?;
        let decoded = vec![0; STEP_BYTES].into();
        Ok(Self { name, codec, decoded, ready: 0..0, window, window_bytes: 0 })
    }

    fn step(&mut self, input: &[u8]) -> Result<Step, Failure> {
        let step = self.codec.step(input, &mut self.decoded).map_err(|broken| match broken {
            Broken::Garbage => {
                let message = format!("the body is not valid {}", self.name);
                Failure::new(ErrorKind::ProtocolFraming, message)
            }
            #[cfg(any(feature = "brotli", feature = "zstd"))]
            Broken::Window => {
                let message =
                    format!("the {} data of the body asks for too much memory", self.name);
                Failure::new(ErrorKind::LimitEncodings, message)
            }
        })?;
        let made = self.window_bytes + step.written as u64;
        self.window_bytes = made.min(self.window.bytes_max(self.name));
        Ok(step)
    }
}

/// How far a codec may look back: all of what it looks back into is in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Window {
    /// As much as its coding allows, for the one coding of a body.
    Usual,
    /// At most 4 MiB, where there are several.
    Nested,
}

impl Window {
    const NESTED_LOG_MAX: u8 = 22;

    fn bytes_max(self, name: &str) -> u64 {
        let log_max = match name {
            "brotli" => 24,
            // 8 MiB: what RFC 8878 recommends to support, and RFC 9659 allows at most.
            "zstd" => 23,
            _ => 15,
        };
        match self {
            Self::Usual => 1 << log_max,
            Self::Nested => 1 << log_max.min(Self::NESTED_LOG_MAX),
        }
    }
}

/// What one call of a codec did.
struct Step {
    read: usize,
    written: usize,
}

/// Why input cannot be decoded.
enum Broken {
    /// It is not of this coding.
    Garbage,
    /// It looks back further than is allowed.
    #[cfg(any(feature = "brotli", feature = "zstd"))]
    Window,
}

trait Codec {
    /// Decodes some of `input` into `output`. Neither read nor written: it needs more input.
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Broken>;

    /// Whether the input may end here.
    fn is_complete(&self) -> bool;

    /// How far the input says that it looks back, once that is known.
    fn window_bytes_asked(&self) -> Option<u64> {
        None
    }
}

/// Bytes decoded at a time: what a bomb can make of one packet before its cap is looked at.
const STEP_BYTES: usize = 16 << 10;

impl Decoder {
    /// The decoder for a response with these headers; `None` if nothing was encoded.
    ///
    /// # Errors
    /// `limit.encodings` if there are more than `encodings_max` codings or one is not known.
    pub fn of(headers: &HeaderMap, encodings_max: u32) -> Result<Option<Self>, Failure> {
        let refused = |message: String| Failure::new(ErrorKind::LimitEncodings, message);
        let mut codings = Vec::new();
        for value in headers.get_all(CONTENT_ENCODING) {
            let text = value.to_str().map_err(|_| refused("an unreadable encoding".to_owned()))?;
            for coding in text.split(',').map(str::trim).filter(|coding| !coding.is_empty()) {
                // The second is not registered, and means the first.
                if ["identity", "none"].iter().any(|none| coding.eq_ignore_ascii_case(none)) {
                    continue;
                }
                if codings.len() >= encodings_max as usize {
                    return Err(refused(format!("more than {encodings_max} encodings")));
                }
                codings.push(coding);
            }
        }
        let window = if codings.len() > 1 { Window::Nested } else { Window::Usual };
        let stage = |coding: &str| {
            Stage::of(coding, window).map_err(|why| match why {
                NoCodec::Unknown => refused(format!("encoding {coding:?} is not known")),
                NoCodec::NotBuilt(feature) => refused(format!(
                    "encoding {coding:?} is not built in; hint: enable the feature \
                     `{feature}` of the crate gather"
                )),
            })
        };
        let stages: Vec<Stage> =
            codings.into_iter().rev().map(stage).collect::<Result<_, Failure>>()?;
        Ok((!stages.is_empty()).then_some(Self { stages, is_fed: false }))
    }

    /// One for the same codings that has seen nothing yet.
    ///
    /// # Errors
    /// `limit.encodings` if there is no memory for it.
    pub(crate) fn again(&self) -> Result<Self, Failure> {
        let stage = |stage: &Stage| {
            let coding = if stage.name == "brotli" { "br" } else { stage.name };
            Stage::of(coding, stage.window).map_err(|_| {
                let message = format!("encoding {coding:?} cannot be undone twice");
                Failure::new(ErrorKind::LimitEncodings, message)
            })
        };
        let stages = self.stages.iter().map(stage).collect::<Result<_, Failure>>()?;
        Ok(Self { stages, is_fed: false })
    }

    /// What it has to look back into, in memory.
    pub(crate) fn window_bytes(&self) -> u64 {
        self.stages.iter().map(|stage| stage.window_bytes).sum()
    }

    /// What it may come to look back into.
    pub(crate) fn window_bytes_max(&self) -> u64 {
        let of = |stage: &Stage| {
            let most = stage.window.bytes_max(stage.name);
            stage.codec.window_bytes_asked().map_or(most, |asked| asked.min(most))
        };
        self.stages.iter().map(of).sum()
    }

    /// Decodes `input` as far as it goes.
    ///
    /// # Errors
    /// `protocol.framing` if it is garbage, `limit.encodings` if it looks back too far; the error of
    /// `sink`.
    pub fn push(
        &mut self,
        input: &[u8],
        sink: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut rest = input;
        while let Some(piece) = self.next(&mut rest)? {
            sink(piece)?;
        }
        Ok(())
    }

    /// The next piece that can be made of `wire`, of which what was read is taken off; `None` if that
    /// takes more. Until then it is asked again, also when nothing is left.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub(crate) fn next(&mut self, wire: &mut &[u8]) -> Result<Option<&[u8]>, Failure> {
        self.is_fed |= !wire.is_empty();
        if !pull(&mut self.stages, wire)? {
            return Ok(None);
        }
        let last = self.stages.last_mut().expect("a decoder has a stage");
        let ready = std::mem::take(&mut last.ready);
        Ok(Some(&last.decoded[ready]))
    }

    /// To be asked at the end of the body: whether what was pushed is whole. A body of no bytes
    /// at all is.
    ///
    /// # Errors
    /// `protocol.truncated`.
    pub fn end(&self) -> Result<(), Failure> {
        match self.stages.iter().find(|stage| self.is_fed && !stage.codec.is_complete()) {
            None => Ok(()),
            Some(Stage { name, .. }) => {
                let message = format!("the {name} data of the body is cut off");
                Err(Failure::new(ErrorKind::ProtocolTruncated, message))
            }
        }
    }
}

/// Has the last of `stages` make something of what is left of `wire`; false if it needs more of that.
fn pull(stages: &mut [Stage], wire: &mut &[u8]) -> Result<bool, Failure> {
    let (stage, before) = stages.split_last_mut().expect("a decoder has a stage");
    loop {
        let input = before.last().map_or(*wire, |before| &before.decoded[before.ready.clone()]);
        let step = stage.step(input)?;
        let is_starved = step.read == 0 || step.read == input.len();
        match before.last_mut() {
            Some(before) => before.ready.start += step.read,
            None => *wire = &wire[step.read..],
        }
        if step.written > 0 {
            stage.ready = 0..step.written;
            return Ok(true);
        }
        if is_starved && (before.is_empty() || !pull(before, wire)?) {
            return Ok(false);
        }
    }
}

/// Why a coding cannot be undone.
enum NoCodec {
    /// Nobody knows it, or there is no memory for it.
    Unknown,
    /// It needs this feature.
    #[cfg_attr(
        all(feature = "brotli", feature = "zstd"),
        expect(dead_code, reason = "all are built")
    )]
    NotBuilt(&'static str),
}

#[cfg_attr(
    not(any(feature = "brotli", feature = "zstd")),
    expect(unused_variables, reason = "deflate looks back 32 KiB at most")
)]
fn codec(coding: &str, window: Window) -> Result<(&'static str, Box<dyn Codec>), NoCodec> {
    let is = |name: &str| coding.eq_ignore_ascii_case(name);
    if is("gzip") || is("x-gzip") {
        Ok(("gzip", Box::new(Gzip::new())))
    } else if is("deflate") {
        Ok(("deflate", Box::new(Deflate::Unknown(None))))
    } else if is("br") {
        #[cfg(feature = "brotli")]
        return Ok(("brotli", Box::new(brotli::Brotli::new(window))));
        #[cfg(not(feature = "brotli"))]
        Err(NoCodec::NotBuilt("brotli"))
    } else if is("zstd") {
        #[cfg(feature = "zstd")]
        return Ok(("zstd", Box::new(zstd::Zstd::new(window).ok_or(NoCodec::Unknown)?)));
        #[cfg(not(feature = "zstd"))]
        Err(NoCodec::NotBuilt("zstd"))
    } else {
        Err(NoCodec::Unknown)
    }
}

#[cfg(all(test, feature = "brotli", feature = "zstd"))]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use flate2::{GzBuilder, write};

    use super::*;

    const TEXT: &[u8] = b"hello hello hello hello";
    /// `TEXT` by brotli; no encoder is among our dependencies.
    const TEXT_BROTLI: &[u8] =
        b"\x1b\x16\0\xf8\x8d\x94n\xdeDU\x86\x96\x6c\x20\x6f\x21\x4f\x1c\xe0\x38";
    /// 16 MiB of `a`.
    const BOMB_BROTLI: &[u8] =
        b"\xcb\xff\xff\x3f\xf8\x25\xc2\xe2\xb1\x40\x20\xf7\xfe\x2f\xff\xff\xff\xf0\x4b\0\xc4\x61\
          \x11\x80\xee\xfd\x1f";

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn gzip_with_all_header_fields(text: &[u8]) -> Vec<u8> {
        let builder = GzBuilder::new().extra(vec![7; 300]).filename("a.txt").comment("b");
        let mut encoder: write::GzEncoder<_> = builder.write(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn raw_deflate(text: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        ::zstd::encode_all(text, 3).unwrap()
    }

    fn decoder(codings: &[&'static str]) -> Result<Option<Decoder>, Failure> {
        let mut headers = HeaderMap::new();
        for coding in codings {
            headers.append(CONTENT_ENCODING, http::HeaderValue::from_static(coding));
        }
        Decoder::of(&headers, 3)
    }

    /// Decodes `encoded`, pushed in pieces of `piece` bytes, up to `decoded_max`.
    fn decode(
        codings: &[&'static str],
        encoded: &[u8],
        piece: usize,
        decoded_max: usize,
    ) -> Result<Vec<u8>, Failure> {
        let mut decoder = decoder(codings)?.expect("a coding");
        let mut decoded = Vec::new();
        for piece in encoded.chunks(piece) {
            decoder.push(piece, &mut |bytes| {
                decoded.extend_from_slice(bytes);
                if decoded.len() > decoded_max {
                    return Err(Failure::new(ErrorKind::LimitDecoded, "too much"));
                }
                Ok(())
            })?;
        }
        decoder.end()?;
        Ok(decoded)
    }

    fn kind(result: Result<Vec<u8>, Failure>) -> &'static str {
        result.map_or_else(|failure| failure.kind.as_str(), |_| "ok")
    }

    #[test]
    fn each_coding_is_undone_in_pieces_of_any_size_and_no_cut_goes_unseen() {
        let cases: [(&[&str], Vec<u8>); 10] = [
            (&["gzip"], gzip(TEXT)),
            (&["X-GZip"], gzip_with_all_header_fields(TEXT)),
            (&["gzip"], [gzip(&TEXT[..7]), gzip(&TEXT[7..])].concat()),
            (&["deflate"], zlib(TEXT)),
            (&["deflate"], raw_deflate(TEXT)),
            (&["br"], TEXT_BROTLI.to_vec()),
            (&["zstd"], zstd(TEXT)),
            (&["zstd"], [zstd(&TEXT[..7]), zstd(&TEXT[7..])].concat()),
            (&["identity", "br, gzip"], gzip(TEXT_BROTLI)),
            (&["gzip", "zstd", "deflate"], zlib(&zstd(&gzip(TEXT)))),
        ];
        for (codings, encoded) in cases {
            for piece in [1, 2, 3, 7, encoded.len()] {
                let decoded = decode(codings, &encoded, piece, 1000).unwrap();
                assert_eq!(decoded, TEXT, "{codings:?} in pieces of {piece}");
            }
            let first_frame = [gzip(&TEXT[..7]).len(), zstd(&TEXT[..7]).len()];
            for cut in 1..encoded.len() {
                let result = decode(codings, &encoded[..cut], 64, 1000);
                if first_frame.contains(&cut) && result.as_deref() == Ok(&TEXT[..7]) {
                    continue;
                }
                let what = format!("{codings:?} cut at {cut} of {}", encoded.len());
                assert_eq!(kind(result), "protocol.truncated", "{what}");
            }
            assert_eq!(kind(decode(codings, &[], 1, 1000)), "ok", "{codings:?} of nothing");
            assert_eq!(kind(decode(codings, b"<html></html>", 64, 1000)), "protocol.framing");
        }
    }

    #[test]
    fn what_follows_a_whole_stream_is_ignored_unless_it_is_another() {
        let padded = [gzip(TEXT), vec![0; 9]].concat();
        assert_eq!(decode(&["gzip"], &padded, 5, 1000).unwrap(), TEXT);
        let padded = [zlib(TEXT), b"junk".to_vec()].concat();
        assert_eq!(decode(&["deflate"], &padded, 5, 1000).unwrap(), TEXT);
        let padded = [TEXT_BROTLI, b"junk"].concat();
        assert_eq!(decode(&["br"], &padded, 5, 1000).unwrap(), TEXT);
    }

    #[test]
    fn a_header_of_any_length_is_read_once() {
        let named = |length: usize| {
            let mut encoder: write::GzEncoder<_> = GzBuilder::new()
                .filename(vec![b'n'; length])
                .write(Vec::new(), Compression::best());
            encoder.write_all(TEXT).unwrap();
            encoder.finish().unwrap()
        };
        // As many as fit: to look at each byte with all before it would take an hour.
        let many = named(127 << 10).repeat(500);
        let decoded = decode(&["gzip"], &many, 64 << 10, 1 << 20).unwrap();
        assert_eq!(decoded.len(), 500 * TEXT.len());
        assert_eq!(kind(decode(&["gzip"], &named(128 << 10), 999, 1000)), "protocol.framing");
    }

    #[test]
    fn what_looks_back_too_far_is_refused() {
        let zstd_of = |log: u32| {
            let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
            encoder.window_log(log).unwrap();
            encoder.write_all(&[0; 64 << 10]).unwrap();
            encoder.finish().unwrap()
        };
        // An empty brotli stream with the window in its first bits (RFC 7932 section 9.1).
        let brotli_of = |log: u8| match log {
            16 => vec![0b0000_0110],
            17 => vec![0b1000_0001, 0b1],
            log => vec![0b0011_0001 | ((log - 17) << 1)],
        };
        for (log, alone, nested) in [(22, "ok", "ok"), (23, "ok", "limit.encodings")] {
            let body = zstd_of(log);
            assert_eq!(kind(decode(&["zstd"], &body, 64, 1 << 20)), alone, "zstd {log}");
            let both = kind(decode(&["zstd", "gzip"], &gzip(&body), 64, 1 << 20));
            assert_eq!(both, nested, "zstd {log}");
        }
        assert_eq!(kind(decode(&["zstd"], &zstd_of(24), 64, 1 << 20)), "limit.encodings");
        for (log, nested) in [(16, "ok"), (17, "ok"), (22, "ok"), (24, "limit.encodings")] {
            let body = brotli_of(log);
            assert_eq!(kind(decode(&["br"], &body, 64, 100)), "ok", "brotli {log}");
            let both = kind(decode(&["br", "gzip"], &gzip(&body), 64, 100));
            assert_eq!(both, nested, "brotli {log}");
        }
    }

    #[test]
    fn a_wrong_checksum_is_framing() {
        let mut encoded = gzip(TEXT);
        let crc = encoded.len() - 8;
        encoded[crc] ^= 1;
        assert_eq!(kind(decode(&["gzip"], &encoded, 64, 1000)), "protocol.framing");
    }

    #[test]
    fn a_bomb_is_stopped_within_one_step_of_its_cap() {
        let zeros = vec![0; 16 << 20];
        let cases: [(&[&str], Vec<u8>); 5] = [
            (&["gzip"], gzip(&zeros)),
            (&["deflate"], zlib(&zeros)),
            (&["br"], BOMB_BROTLI.to_vec()),
            (&["zstd"], zstd(&zeros)),
            (&["gzip, gzip"], gzip(&gzip(&zeros))),
        ];
        for (codings, bomb) in cases {
            let all = decode(codings, &bomb, bomb.len(), 16 << 20).unwrap();
            assert_eq!(all.len(), 16 << 20, "{codings:?}");
            let mut largest = 0;
            let mut decoder = decoder(codings).unwrap().unwrap();
            let result = decoder.push(&bomb, &mut |bytes| {
                largest += bytes.len();
                match largest > 1 << 20 {
                    true => Err(Failure::new(ErrorKind::LimitDecoded, "too much")),
                    false => Ok(()),
                }
            });
            assert_eq!(result.unwrap_err().kind, ErrorKind::LimitDecoded, "{codings:?}");
            assert!(largest <= (1 << 20) + STEP_BYTES, "{codings:?}: {largest}");
        }
    }

    #[test]
    fn codings_beyond_the_limit_and_unknown_ones_are_refused() {
        let check = |codings: &[&'static str]| match decoder(codings) {
            Ok(Some(_)) => "decoded",
            Ok(None) => "plain",
            Err(failure) => failure.kind.as_str(),
        };
        assert_eq!(check(&[]), "plain");
        assert_eq!(check(&["identity", "", "None"]), "plain");
        assert_eq!(check(&["gzip, gzip, identity, gzip"]), "decoded");
        assert_eq!(check(&["gzip, gzip", "gzip, gzip"]), "limit.encodings");
        assert_eq!(check(&["compress"]), "limit.encodings");
        assert_eq!(check(&["gzip;q=1"]), "limit.encodings");
    }
}

#[cfg(test)]
mod offer_tests {
    use super::*;

    #[test]
    fn a_coding_is_offered_and_undone_or_refused_as_not_built() {
        for coding in ["gzip", "deflate", "br", "zstd"] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_ENCODING, http::HeaderValue::from_static(coding));
            let is_offered = OFFERED.split(", ").any(|offered| offered == coding);
            match Decoder::of(&headers, 3) {
                Ok(decoder) => assert!(is_offered && decoder.is_some(), "{coding}"),
                Err(failure) => {
                    assert!(!is_offered, "{coding}");
                    assert_eq!(failure.kind, ErrorKind::LimitEncodings);
                    assert!(failure.message.contains("hint: enable the feature"), "{failure:?}");
                }
            }
        }
    }
}
