//! How many records a second each format takes: `cargo run --release --example records_per_second`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gather_core::attempt::{Timings, TlsInfo};
use gather_core::{Exchange, Outcome, Record};
use gather_store::{
    CsvBom, Durability, Existing, Fields, Format, OutputSpec, OutputTarget, RunInfo, SinkError,
    Template, WarcCompression, open,
};

const RECORDS: u64 = 2_000_000;

fn main() -> Result<(), SinkError> {
    let formats = [
        ("jsonl", Format::Jsonl),
        ("csv", Format::Csv(CsvBom::None)),
        ("text", Format::Text(Template::Standard)),
        ("warc", Format::Warc(WarcCompression::None)),
        ("warc.gz", Format::Warc(WarcCompression::Gzip)),
    ];
    let dir = tempfile::tempdir().expect("a directory");
    for (name, format) in formats {
        let spec = OutputSpec {
            target: OutputTarget::File(match &format {
                Format::Warc(_) => dir.path().join(name),
                _ => PathBuf::from("/dev/null"),
            }),
            format,
            fields: Fields::default(),
            existing: Existing::Overwrite,
            durability: Durability::System,
        };
        let mut sink = open(&spec, &RunInfo::new(0, 0))?;
        let mut record = typical();
        // An archive is as large as its bodies.
        let count = if sink.keeps_bodies() { RECORDS / 50 } else { RECORDS };
        if sink.keeps_bodies() {
            record.exchanges = vec![exchange()];
        }
        let start = Instant::now();
        for n in 0..count {
            record.n = n;
            if let Some(exchange) = record.exchanges.first_mut() {
                exchange.body = page(n);
            }
            sink.write(&record)?;
        }
        let bytes = sink.finish()?.bytes;
        let ns = start.elapsed().as_nanos() / u128::from(count);
        println!("{name}: {ns} ns and {} bytes a record", bytes / count);
    }
    Ok(())
}

/// 18 KB of markup that is no other record's.
fn page(n: u64) -> bytes::Bytes {
    let lines = (0..190).map(|line| {
        let price = (n + 1).wrapping_mul(2_654_435_761 + line) % 100_000;
        format!("<tr><td class=\"name\">Article {line} of {n}</td><td class=\"price\">{price} EUR</td></tr>\n")
    });
    lines.collect::<String>().into()
}

fn exchange() -> Exchange {
    Exchange {
        url: "https://www.shop.example/catalogue/page-17.html".into(),
        sent_unix_us: 1_795_255_200_123_456,
        remote_ip: [203, 0, 113, 217].into(),
        version: gather_core::attempt::HttpVersion::Http11,
        tls: Some("1.3"),
        request_head: "GET /catalogue/page-17.html HTTP/1.1\r\nhost: www.shop.example\r\n\r\n"
            .into(),
        request_body: bytes::Bytes::new(),
        response_head: "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n".into(),
        body: bytes::Bytes::new(),
        coding: gather_core::exchange::Coding::None,
        cut: None,
    }
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
