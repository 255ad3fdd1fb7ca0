//! Results read back, as when a run goes on or is reported: a row is a record or an error, never a panic;
//! and a record that was read is written so that it is read again as the same.
#![no_main]

use std::io::Write;

use gather::store::read::{Bodies, ResultPlace, ResultSpec, open};
use gather::store::{Encoder, Fields};
use libfuzzer_sys::fuzz_target;

fn lines(data: &[u8], extension: &str) -> Vec<Vec<u8>> {
    let path = format!("/dev/shm/gather-fuzz-results-{}.{extension}", std::process::id());
    std::fs::File::create(&path).and_then(|mut file| file.write_all(data)).expect("written");
    let place = ResultPlace::File(path.into());
    let spec = ResultSpec { place, run: None, bodies: Bodies::Leave };
    let Ok(mut results) = open(&spec) else { return Vec::new() };
    let encoder = Encoder::new(&Fields::default());
    let mut all = Vec::new();
    while let Ok(Some(record)) = results.next() {
        let mut line = Vec::new();
        encoder.encode(&record, &mut line);
        line.push(b'\n');
        all.push(line);
    }
    all
}

fuzz_target!(|data: &[u8]| {
    let Some((&first, data)) = data.split_first() else { return };
    let once = lines(data, if first % 2 == 0 { "jsonl" } else { "csv" });
    let twice = lines(&once.concat(), "jsonl");
    assert!(once == twice, "{} and {}", text(&once), text(&twice));
});

fn text(lines: &[Vec<u8>]) -> String {
    String::from_utf8_lossy(&lines.concat()).into_owned()
}
