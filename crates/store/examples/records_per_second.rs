//! How many records a second each output takes, through the code a run writes with:
//! `cargo run --release --example records_per_second --features sqlite,postgres -- sqlite 1000000`.
//!
//! The outputs are `jsonl`, `csv`, `text` and whatever features were built; with `-tags` behind its
//! name a record has five tags, which databases also write to a table of the job. PostgreSQL is
//! started for it. Prints one JSON object a line.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gather_core::attempt::{Timings, TlsInfo};
use gather_core::{Outcome, Record};
use gather_store::{
    CsvBom, DatabaseUrl, Durability, Existing, Fields, Format, OutputSpec, OutputTarget, RunInfo,
    Template, open,
};
use gather_testkit::{Postgres, PostgresSync};

/// As the writer of a run does.
const COMMIT_RECORDS: u64 = 1_000;
/// Hosts in the list.
const HOSTS: u64 = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let pairs = args.chunks_exact(2).map(|pair| (pair[0].as_str(), pair[1].parse()));
    for (name, records) in pairs {
        measure(name, records?)?;
    }
    Ok(())
}

fn measure(name: &str, records: u64) -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let (output, tagged) = match name.strip_suffix("-tags") {
        Some(output) => (output, true),
        None => (name, false),
    };
    let server = match output {
        "postgres" => Postgres::start(None, PostgresSync::On),
        _ => None,
    };
    let Some((target, format)) = output_of(output, folder.path(), server.as_ref()) else {
        return Err(format!("{name} cannot be measured here").into());
    };
    let spec = OutputSpec {
        target,
        format,
        fields: Fields::default(),
        existing: Existing::Overwrite,
        durability: Durability::System,
    };
    let mut sink = open(&spec, &RunInfo::new(1, 1))?;
    let mut record = typical(tagged);
    let start = Instant::now();
    for n in 0..records {
        number(&mut record, n, records)?;
        sink.write(&record)?;
        if n % COMMIT_RECORDS == COMMIT_RECORDS - 1 {
            sink.commit()?;
        }
    }
    let position = sink.finish()?;
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(position.records, records, "{name}");
    let bytes: u64 = std::fs::read_dir(folder.path())?
        .filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len()))
        .sum();
    println!(
        "{{\"sink\":\"{name}\",\"records\":{records},\"seconds\":{seconds:.6},\"bytes\":{bytes}}}"
    );
    Ok(())
}

fn output_of(
    name: &str,
    folder: &Path,
    server: Option<&Postgres>,
) -> Option<(OutputTarget, Format)> {
    let format = match name {
        "jsonl" => Format::Jsonl,
        "csv" => Format::Csv(CsvBom::None),
        "text" => Format::Text(Template::Standard),
        "sqlite" => Format::Sqlite,
        "parquet" => Format::Parquet,
        "xlsx" => Format::Xlsx,
        "postgres" => {
            let url = DatabaseUrl::new(server?.url());
            return Some((OutputTarget::Postgres(url), Format::Postgres));
        }
        _ => return None,
    };
    Some((OutputTarget::File(folder.join(format!("out.{name}"))), format))
}

/// The record of another target: in the order of a list that was shuffled, as an index sees it.
fn number(record: &mut Record, n: u64, records: u64) -> std::fmt::Result {
    record.n = n;
    let page = n.wrapping_mul(2_654_435_761) % records;
    record.url.clear();
    write!(record.url, "https://shop-{}.example/catalogue/page-{page}.html", n % HOSTS)
}

fn typical(tagged: bool) -> Record {
    let tags = ["sku", "name", "category", "country", "priority"];
    let tags = tags.map(|name| (name.into(), format!("the {name} of it").into()));
    Record {
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
            issuer: None,
        })),
        tags: tagged.then(|| Box::new(tags.into())),
        ..Record::new(0, Outcome::Ok)
    }
}
