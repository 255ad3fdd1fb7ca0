//! What a run does in a second with so many shards, where the network costs nothing:
//! `cargo run --release -p gather --example shards -- 2 targets=200000 concurrency=100`.
//!
//! The server is a task for each connection, on the shard's own thread, at the other end of a pipe in
//! memory; everything else is a run as it always is, from a list in a file to full records in a file.
//! With `hold_ms=5` the server holds its replies for so long, and the most requests that it ever had
//! in flight are the concurrency. `list=FILE` fetches those URLs, over sockets. Prints one JSON object.
#![expect(clippy::disallowed_methods, reason = "a program for the terminal, that has no loop")]

use std::fs::File;
use std::io::{self, Write as _};
use std::net::Ipv4Addr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use gather::core::config::HostConcurrency;
use gather::fetch::Transport;
use gather::source::{Format, InputFile, InputPath};
use gather::store::{self, Existing, Fields, OutputSpec, OutputTarget};
use gather::{Run, RunOptions};
use rustix::time::{ClockId, clock_gettime};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

const HOSTS: usize = 200;
/// More than a request or the head of an answer has.
const PIPE_BYTES: usize = 4096;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(asked) = Asked::read(std::env::args().skip(1)) else {
        eprintln!(
            "usage: shards SHARDS [targets=N | list=FILE] [concurrency=N] [body_bytes=N] [hold_ms=N]; a \
             run in memory unless there is a list"
        );
        std::process::exit(3);
    };
    let folder = tempfile::tempdir()?;
    let server = Arc::new(Server::new(&asked));
    let options = options(&asked, &folder, &server)?;
    let cpu_before_s = cpu_s();
    let summary = Run::start(options)?.wait()?;
    let (wall_s, cpu_s) = (summary.wall, cpu_s() - cpu_before_s);
    println!(
        "{{\"shards\":{},\"targets\":{},\"ok\":{},\"wall_s\":{wall_s:.3},\"cpu_s\":{cpu_s:.3},\
         \"requests_per_s\":{:.0},\"in_flight_max\":{},\"permits_max\":{}}}",
        asked.shards,
        summary.inputs,
        summary.ok,
        summary.ok as f64 / wall_s,
        server.in_flight_max.load(Ordering::Relaxed),
        summary.concurrency.peak,
    );
    Ok(())
}

/// What is to be measured.
struct Asked {
    shards: NonZeroUsize,
    targets: usize,
    /// URLs to be fetched over sockets.
    list: Option<PathBuf>,
    concurrency: NonZeroU32,
    body_bytes: usize,
    hold: Duration,
}

impl Asked {
    fn read(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut asked = Self {
            shards: arguments.next()?.parse().ok()?,
            targets: 200_000,
            list: None,
            concurrency: NonZeroU32::new(100)?,
            body_bytes: 1024,
            hold: Duration::ZERO,
        };
        for argument in arguments {
            match argument.split_once('=')? {
                ("targets", number) => asked.targets = number.parse().ok()?,
                ("list", path) => asked.list = Some(path.into()),
                ("concurrency", number) => asked.concurrency = number.parse().ok()?,
                ("body_bytes", number) => asked.body_bytes = number.parse().ok()?,
                ("hold_ms", number) => asked.hold = Duration::from_millis(number.parse().ok()?),
                _ => return None,
            }
        }
        Some(asked)
    }
}

/// A run of a list over all hosts, into a file.
fn options(asked: &Asked, folder: &TempDir, server: &Arc<Server>) -> io::Result<RunOptions> {
    let mut options = RunOptions { shards: Some(asked.shards), ..RunOptions::default() };
    options.config.concurrency = asked.concurrency;
    options.config.host_concurrency = HostConcurrency::Share;
    let list = match &asked.list {
        Some(list) => list.clone(),
        None => {
            options.client.net.transport = in_memory(server);
            write_list(folder.path().join("urls.txt"), asked.targets)?
        }
    };
    let output = OutputSpec {
        target: OutputTarget::File(folder.path().join("out.jsonl")),
        format: store::Format::Jsonl,
        fields: Fields::default(),
        existing: Existing::Overwrite,
        durability: store::Durability::System,
    };
    options.source.files = vec![InputFile { path: InputPath::File(list), format: Format::List }];
    options.outputs = vec![output.into()];
    Ok(options)
}

fn write_list(path: PathBuf, targets: usize) -> io::Result<PathBuf> {
    let mut list = io::BufWriter::new(File::create(&path)?);
    for n in 0..targets {
        let host = Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) + (n % HOSTS) as u32);
        writeln!(list, "http://{host}/page/{n}")?;
    }
    list.flush()?;
    Ok(path)
}

/// Every connection is served by a task beside the shard's own.
fn in_memory(server: &Arc<Server>) -> Transport {
    let server = Arc::clone(server);
    Transport::memory(move |_| {
        let (near, far) = tokio::io::duplex(PIPE_BYTES + server.answer.len());
        tokio::spawn(Arc::clone(&server).serve(far));
        Ok(near)
    })
}

/// What all connections share.
struct Server {
    answer: Vec<u8>,
    hold: Duration,
    in_flight: AtomicU32,
    in_flight_max: AtomicU32,
}

impl Server {
    fn new(Asked { body_bytes, hold, .. }: &Asked) -> Self {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {body_bytes}\r\n\r\n"
        );
        let answer = [head.into_bytes(), vec![b'x'; *body_bytes]].concat();
        Self { answer, hold: *hold, in_flight: AtomicU32::new(0), in_flight_max: AtomicU32::new(0) }
    }

    /// Answers every request of a connection, until the client leaves.
    async fn serve(self: Arc<Self>, mut pipe: DuplexStream) {
        let mut head = Vec::with_capacity(PIPE_BYTES);
        while pipe.read_buf(&mut head).await.is_ok_and(|bytes| bytes > 0) {
            if !head.ends_with(b"\r\n\r\n") {
                continue;
            }
            head.clear();
            let in_flight = self.in_flight.fetch_add(1, Ordering::AcqRel) + 1;
            self.in_flight_max.fetch_max(in_flight, Ordering::AcqRel);
            if !self.hold.is_zero() {
                tokio::time::sleep(self.hold).await;
            }
            // Before the client can know: its next request may be on its way with the last byte.
            self.in_flight.fetch_sub(1, Ordering::AcqRel);
            if pipe.write_all(&self.answer).await.is_err() {
                return;
            }
        }
    }
}

/// What the processors have done for this process, in seconds.
fn cpu_s() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}
