//! How many records a second each format takes: `cargo run --release --example records_per_second`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gather_core::attempt::{Timings, TlsInfo};
use gather_core::{Outcome, Record};
use gather_store::{
    CsvBom, Durability, Existing, Fields, Format, OutputSpec, OutputTarget, RunInfo, SinkError,
    Template, open,
};

const RECORDS: u64 = 2_000_000;

fn main() -> Result<(), SinkError> {
    let formats = [
        ("jsonl", Format::Jsonl),
        ("csv", Format::Csv(CsvBom::None)),
        ("text", Format::Text(Template::Standard)),
    ];
    for (name, format) in formats {
        let spec = OutputSpec {
            target: OutputTarget::File(PathBuf::from("/dev/null")),
            format,
            fields: Fields::default(),
            existing: Existing::Overwrite,
            durability: Durability::System,
        };
        let mut sink = open(&spec, &RunInfo::new(0, 0))?;
        let mut record = typical();
        let start = Instant::now();
        for n in 0..RECORDS {
            record.n = n;
            sink.write(&record)?;
        }
        let bytes = sink.finish()?.bytes;
        let ns = start.elapsed().as_nanos() / u128::from(RECORDS);
        println!("{name}: {ns} ns and {} bytes a record", bytes / RECORDS);
    }
    Ok(())
}

fn typical() -> Record {
    Record {
        url: "https://www.shop.example/catalogue/page-17.html".into(),
        status_code: 200,
        remote_ip: Some([203, 0, 113, 217].into()),
        content_type: Some("text/html; charset=utf-8".into()),
        content_length: 18_234,
        body_bytes: 5120,
        attempts: 1,
        time_queue: Duration::from_micros(2100),
        timings: Timings {
            started_unix_us: 1_795_255_200_123_456,
            namelookup: Duration::from_micros(412),
            connect: Duration::from_micros(11_035),
            appconnect: Duration::from_micros(34_122),
            starttransfer: Duration::from_micros(120_417),
            total: Duration::from_micros(151_003),
        },
        tls: Some(Arc::new(TlsInfo {
            version: "1.3",
            not_after_unix_s: Some(1_800_000_000),
            san: Vec::new(),
        })),
        ..Record::new(0, Outcome::Ok)
    }
}
