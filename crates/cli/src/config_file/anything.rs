//! Any file at all: a configuration, or refused with its place.

use std::path::Path;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::ConfigFile;

/// Files that are changed at random, kept for `cargo xtask fuzz`.
const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/config");
/// What configurations are made of, to be put anywhere.
const PIECES: &[&str] = &[
    "[",
    "]",
    "[[",
    "{",
    "}",
    "=",
    ".",
    "\"",
    "'''",
    "\n",
    "#",
    "\\u{0}",
    "${env:",
    "${file:/}",
    "[job.",
    "[hosts.",
    "[defaults]",
    "concurrency",
    "1e999",
    "-0x1",
    "2026-11-21T10:00:00Z",
    "true",
    "inf",
    "é",
];

/// One change, or a few.
fn change(text: &mut Vec<u8>, others: &[Vec<u8>], rng: &mut Rng) {
    for _ in 0..rng.usize(1..6) {
        let at = rng.usize(..=text.len());
        let end = (at + rng.usize(..20)).min(text.len());
        match rng.u8(..6) {
            0 => drop(text.drain(at..end)),
            1 => text.splice(at..at, rng.choice(PIECES).expect("some").bytes()).for_each(drop),
            2 => text[at..end].iter_mut().for_each(|byte| *byte ^= 1 << rng.u8(..8)),
            3 => {
                let again = text[at..end].to_vec();
                text.splice(at..at, again).for_each(drop);
            }
            4 => {
                let other = rng.choice(others).expect("some");
                let from = rng.usize(..=other.len());
                text.truncate(at);
                text.extend_from_slice(&other[from..]);
            }
            _ => {
                let many = *rng.choice(b"[{(9").expect("some");
                text.splice(at..at, std::iter::repeat_n(many, rng.usize(..3_000))).for_each(drop);
            }
        }
    }
}

#[test]
fn any_file_is_a_configuration_or_refused_with_its_place() {
    let seconds = std::env::var("GATHER_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let until = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let files = std::fs::read_dir(CORPUS).expect("kept files").filter_map(Result::ok);
    let mut kept: Vec<Vec<u8>> =
        files.map(|file| std::fs::read(file.path()).expect("readable")).collect();
    kept.sort_unstable();
    let first = if until.is_some() { fastrand::u64(..) } else { 0 };
    for n in 0.. {
        if until.map_or(n == 500, |until| Instant::now() >= until) {
            break;
        }
        let seed = first.wrapping_add(n);
        let rng = &mut Rng::with_seed(seed);
        let mut text = rng.choice(&kept).expect("some").clone();
        change(&mut text, &kept, rng);
        let text = String::from_utf8_lossy(&text).into_owned();
        let parse = || match ConfigFile::parse(Path::new("any.toml"), text.clone()) {
            Ok(file) => drop(file.job("prices")),
            Err(error) => assert!(!error.message.is_empty()),
        };
        if std::panic::catch_unwind(parse).is_err() {
            panic!("seed {seed}: {text:?}");
        }
    }
}
