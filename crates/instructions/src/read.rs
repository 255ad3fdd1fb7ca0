//! Lines of a list that become targets.

use std::hint::black_box;
use std::io::Write as _;

use gather::source::{Format, InputFile, InputPath, Progress, SourceSpec, open};

use super::Step;

pub(super) const STEPS: &[Step] = &[
    Step { name: "url-of-a-known-host", count: LINES, run: |count| read(count, 100) },
    Step { name: "url-of-a-new-host", count: LINES, run: |count| read(count, LINES) },
];

/// Lines of the list, and the most that are read.
const LINES: u64 = 10_000;

fn read(count: u64, hosts: u64) {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut list = std::io::BufWriter::new(&file);
    for n in 0..LINES {
        let host = n % hosts;
        writeln!(list, "https://shop-{host}.example/catalogue/page-{n}.html?sort=price")
            .expect("the disk has room");
    }
    list.flush().expect("the disk has room");
    let path = InputPath::File(file.path().to_owned());
    let files = vec![InputFile { path, format: Format::List }];
    let spec = SourceSpec { files, limit: Some(count), ..SourceSpec::default() };
    let mut source = open(&spec).expect("it was written");
    let mut items = Vec::new();
    let mut read = 0;
    while source.read(&mut items, 256).expect("it is a list") == Progress::More {
        read += items.len() as u64;
        black_box(&items);
        items.clear();
    }
    read += items.len() as u64;
    assert_eq!(read, count);
}
