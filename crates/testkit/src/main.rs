//! The test site as a process of its own, so that a bench does not count its CPU as the client's.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use gather_testkit::{Postgres, PostgresSync, RetryAfter, Server, Site};

/// Serves the test site until its stdin ends.
#[derive(Debug, Parser)]
#[command(name = "testkit")]
enum Args {
    /// Prints `{"addrs":[…]}`, serves until stdin ends, then prints what it counted.
    Serve(Serve),
    /// Starts a PostgreSQL, prints its URL, and stops it when stdin ends.
    Postgres,
}

#[derive(Debug, clap::Args)]
struct Serve {
    /// An address to listen on, one for each host; port 0 picks a free one.
    #[arg(long = "addr")]
    addrs: Vec<SocketAddr>,
    /// Instead of addresses: this many hosts on 127.0.0.1, 127.0.0.2 and so on.
    #[arg(long, conflicts_with = "addrs")]
    hosts: Option<usize>,
    /// Requests a second that `/limited` bears.
    #[arg(long, default_value_t = 50.0)]
    rate: f64,
    /// Requests that `/limited` bears at once.
    #[arg(long, default_value_t = 5)]
    burst: u32,
    /// Retry-After of a refusal: `none`, seconds, `date:SECONDS`, or any other text as it is.
    #[arg(long, default_value = "1")]
    retry_after: String,
    /// A wait before every answer, in milliseconds.
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// Pages of the site to be crawled.
    #[arg(long, default_value_t = 0)]
    crawled: u64,
}

fn main() -> io::Result<()> {
    let args = match Args::parse() {
        Args::Serve(args) => args,
        Args::Postgres => return postgres(),
    };
    let server = Server::start(site(args));
    println!("{}", serde_json::json!({ "addrs": server.addrs() }));
    io::stdin().read_to_end(&mut Vec::new())?;
    println!("{}", stats(&server));
    Ok(())
}

fn postgres() -> io::Result<()> {
    let server = Postgres::start(None, PostgresSync::On);
    let server = server.ok_or_else(|| io::Error::other("PostgreSQL is not installed"))?;
    println!("{}", server.url());
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

fn site(args: Serve) -> Site {
    let site = match args.hosts {
        Some(count) => Site::default().on_hosts(count),
        None if args.addrs.is_empty() => Site::default(),
        None => Site { hosts: args.addrs, ..Site::default() },
    };
    Site {
        rate_per_s: args.rate,
        burst: args.burst,
        retry_after: retry_after(&args.retry_after),
        delay: Duration::from_millis(args.delay_ms),
        log_requests_max: 0,
        crawled_pages: args.crawled,
        ..site
    }
}

fn retry_after(text: &str) -> RetryAfter {
    let seconds = |text: &str| text.parse::<u64>().ok();
    match (text, seconds(text), text.strip_prefix("date:").and_then(seconds)) {
        ("none", ..) => RetryAfter::Absent,
        (_, Some(seconds), _) => RetryAfter::Seconds(seconds),
        (_, _, Some(ahead)) => RetryAfter::Date(Duration::from_secs(ahead)),
        _ => RetryAfter::Raw(text.to_owned()),
    }
}

fn stats(server: &Server) -> serde_json::Value {
    let stats = server.stats();
    let hosts: Vec<_> = server
        .host_stats()
        .iter()
        .map(|host| {
            serde_json::json!({
                "hits": host.hits,
                "in_flight_max": host.in_flight_max,
                "first_at": unix_s(host.first_at),
                "last_at": unix_s(host.last_at),
                "first_done_at": unix_s(host.first_done_at),
                "last_done_at": unix_s(host.last_done_at),
            })
        })
        .collect();
    serde_json::json!({
        "hits": stats.hits,
        "statuses": stats.statuses,
        "in_flight_max": stats.in_flight_max,
        "connections": stats.connections,
        "connections_open_max": stats.connections_open_max,
        "hosts": hosts,
    })
}

fn unix_s(time: Option<SystemTime>) -> Option<f64> {
    time?.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs_f64())
}
