//! Lists as CSV, JSON lines and plain: every line is a target or named as broken, none is lost.
#![no_main]

use std::io::Write;

use gather::source::{Format, InputFile, InputPath, Item, Progress, SourceSpec, open};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&first, data)) = data.split_first() else { return };
    let path = std::path::PathBuf::from(format!("/dev/shm/gather-fuzz-csv-{}", std::process::id()));
    std::fs::File::create(&path).and_then(|mut file| file.write_all(data)).expect("written");
    let format = [Format::Auto, Format::List, Format::Csv, Format::Jsonl][usize::from(first % 4)];
    let template = (first & 4 != 0).then(|| "https://a.example/{a}?b={b}".to_owned());
    let files = vec![InputFile { path: InputPath::File(path), format }];
    let spec = SourceSpec { files, template, limit: Some(10_000), ..SourceSpec::default() };
    let Ok(mut source) = open(&spec) else { return };
    let (mut items, mut n) = (Vec::new(), 0);
    while let Ok(progress) = source.read(&mut items, 100) {
        for item in items.drain(..) {
            let number = match &item {
                Item::Target(target) => target.n.0,
                Item::Broken(broken) => broken.n.0,
            };
            assert_eq!(number, n);
            n += 1;
        }
        if progress == Progress::End {
            break;
        }
    }
});
