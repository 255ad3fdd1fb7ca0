//! How fast records are verified, and in how much memory:
//! `cargo run --release -p gather-verify --example verified_per_second -- 1000000`.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use gather_verify::{InputSpec, OutputSpec, Request, verify};

fn main() -> Result<(), Box<dyn Error>> {
    let records = std::env::args().nth(1).map_or(Ok(1_000_000), |records| records.parse())?;
    let dir = tempfile::tempdir()?;
    let (list, output) = (dir.path().join("urls.txt"), dir.path().join("r.jsonl"));
    write(&list, &output, records)?;
    let spec = OutputSpec::named(&output.to_string_lossy()).ok_or("a name that says its form")?;
    let inputs = InputSpec { files: vec![list], ..InputSpec::default() };
    let request = Request { outputs: vec![spec], inputs: Some(inputs), ..Request::default() };
    let before = peak_kib();
    let start = Instant::now();
    let report = verify(&request)?;
    let took = start.elapsed();
    let bytes = fs::metadata(&output)?.len();
    println!(
        "{records} records, {} MB: {:.2} s, {:.2} µs a record, {} MB/s; peak memory {} MB (before: {}); \
         {} faults",
        bytes >> 20,
        took.as_secs_f64(),
        took.as_secs_f64() * 1e6 / records as f64,
        (bytes as f64 / took.as_secs_f64()) as u64 >> 20,
        peak_kib() >> 10,
        before >> 10,
        report.faults(),
    );
    Ok(())
}

/// A list, and the records of its run, in an order that is nearly that of the list.
fn write(list: &Path, output: &Path, records: u64) -> std::io::Result<()> {
    let url = |n: u64| format!("https://www.shop-{}.example/catalogue/page-{n}.html", n % 997);
    let mut inputs = BufWriter::new(File::create(list)?);
    let mut outputs = BufWriter::new(File::create(output)?);
    for n in 0..records {
        writeln!(inputs, "{}", url(n))?;
        // Those of a thousand come in any order: 7919 shares no factor with it.
        let block = n / 1_000 * 1_000;
        let n = if block + 1_000 <= records { block + n * 7_919 % 1_000 } else { n };
        let url = url(n);
        writeln!(
            outputs,
            "{{\"n\":{n},\"input\":\"{url}\",\"url\":\"{url}\",\"outcome\":\"ok\",\
             \"status_code\":200,\"http_version\":\"1.1\",\"remote_ip\":\"203.0.113.217\",\
             \"content_type\":\"text/html; charset=utf-8\",\"content_length\":18234,\
             \"body_bytes\":5120,\"attempts\":1,\"started_at\":\"2026-11-21T10:00:00.123Z\",\
             \"time_queue\":0.0021,\"time_namelookup\":0.000412,\"time_connect\":0.011035,\
             \"time_appconnect\":0.034122,\"time_starttransfer\":0.120417,\"time_total\":0.151003}}"
        )?;
    }
    inputs.flush()?;
    outputs.flush()
}

/// The most memory this process had at once, in KiB; 0 where the system does not tell.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
