//! Compressed bodies, honest ones and bombs.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::sync::{LazyLock, Mutex, PoisonError};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

/// The largest bomb, in MiB of plain bytes.
const BOMB_MB_MAX: u64 = 4096;

/// Bombs are dear to build and always the same.
static BOMBS: LazyLock<Mutex<HashMap<(String, u64), Bytes>>> = LazyLock::new(Mutex::default);

/// Applies the codings in `names` (comma-separated) in this order; `None` if one is unknown.
pub(crate) fn chain(names: &str, plain: &Bytes) -> Option<Bytes> {
    names.split(',').try_fold(plain.clone(), |bytes, name| encode(name.trim(), &mut &bytes[..]))
}

/// `mb` MiB of zeros in the coding `name`, or in several of them one after the other; `None` if one
/// is unknown.
///
/// # Panics
/// Never: writing to memory does not fail.
pub fn bomb(name: &str, mb: u64) -> Option<Bytes> {
    let mb = mb.min(BOMB_MB_MAX);
    let key = (name.to_owned(), mb);
    let bombs = || BOMBS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(built) = bombs().get(&key) {
        return Some(built.clone());
    }
    let (first, others) = name.split_once(',').unwrap_or((name, ""));
    let mut built = encode(first, &mut io::repeat(0).take(mb << 20))?;
    if !others.is_empty() {
        built = chain(others, &built)?;
    }
    bombs().insert(key, built.clone());
    Some(built)
}

fn encode(name: &str, plain: &mut dyn Read) -> Option<Bytes> {
    let encoded = match name {
        "gzip" => fill(GzEncoder::new(Vec::new(), Compression::default()), plain)
            .and_then(GzEncoder::finish),
        "deflate" => fill(ZlibEncoder::new(Vec::new(), Compression::default()), plain)
            .and_then(ZlibEncoder::finish),
        "deflate-raw" => fill(DeflateEncoder::new(Vec::new(), Compression::default()), plain)
            .and_then(DeflateEncoder::finish),
        "br" => fill(brotli::CompressorWriter::new(Vec::new(), 4096, 1, 22), plain)
            .map(brotli::CompressorWriter::into_inner),
        "zstd" => zstd::Encoder::new(Vec::new(), 1)
            .and_then(|encoder| fill(encoder, plain))
            .and_then(zstd::Encoder::finish),
        _ => return None,
    };
    Some(Bytes::from(encoded.expect("writing to memory does not fail")))
}

fn fill<W: Write>(mut encoder: W, plain: &mut dyn Read) -> io::Result<W> {
    io::copy(plain, &mut encoder)?;
    Ok(encoder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_can_be_decoded() {
        let plain = Bytes::from_static(b"the same again");
        let decode = |name: &str, bytes: &[u8]| {
            let mut out = Vec::new();
            match name {
                "gzip" => flate2::read::GzDecoder::new(bytes).read_to_end(&mut out),
                "deflate" => flate2::read::ZlibDecoder::new(bytes).read_to_end(&mut out),
                "deflate-raw" => flate2::read::DeflateDecoder::new(bytes).read_to_end(&mut out),
                "br" => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut out),
                _ => zstd::Decoder::new(bytes).unwrap().read_to_end(&mut out),
            }
            .unwrap();
            out
        };
        for name in ["gzip", "deflate", "deflate-raw", "br", "zstd"] {
            let encoded = chain(name, &plain).unwrap();
            assert_eq!(decode(name, &encoded), plain, "{name}");
            let small = bomb(name, 1).unwrap();
            assert!(small.len() < 10_000, "{name}: {} bytes", small.len());
            assert_eq!(decode(name, &small), vec![0; 1 << 20], "{name}");
        }
        let twice = chain("gzip,br", &plain).unwrap();
        assert_eq!(decode("gzip", &decode("br", &twice)), plain);
        assert_eq!(chain("rot13", &plain), None);
    }
}
