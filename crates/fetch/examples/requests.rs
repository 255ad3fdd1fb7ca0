//! Sends many requests to one URL and says what each cost: `requests URL COUNT IN_FLIGHT`.
#![expect(
    clippy::disallowed_methods,
    reason = "a program for the terminal, whose loop has ended when it reads and prints"
)]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gather_core::{End, Target, TargetNo};
use gather_fetch::{Client, ClientOptions, TlsConfigs, TryState};
use url::Url;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url, count, in_flight] = args.as_slice() else {
        eprintln!("usage: requests URL COUNT IN_FLIGHT");
        std::process::exit(3);
    };
    let url = Url::parse(url).expect("a URL");
    let count: u64 = count.parse().expect("a count");
    let in_flight: u64 = in_flight.parse().expect("a count");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime.expect("a runtime"), send(url, count, in_flight));
}

async fn send(url: Url, count: u64, in_flight: u64) {
    let options = ClientOptions::default();
    let tls = TlsConfigs::new(&options.net.tls, options.net.http).expect("the defaults");
    let client = Rc::new(Client::new(options, Arc::new(tls)).expect("the defaults"));
    let next = Rc::new(Cell::new(0));
    let endings: Rc<RefCell<BTreeMap<String, u64>>> = Rc::default();
    let start = Instant::now();
    let ticked = Rc::clone(&client);
    let ticks = tokio::task::spawn_local(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(10)).await;
            ticked.tick(Instant::now());
        }
    });
    let workers: Vec<_> = (0..in_flight)
        .map(|_| {
            let (client, next) = (Rc::clone(&client), Rc::clone(&next));
            let (endings, url) = (Rc::clone(&endings), url.clone());
            tokio::task::spawn_local(async move {
                while next.get() < count {
                    let n = next.replace(next.get() + 1);
                    let target = Target::new(TargetNo(n), url.clone()).expect("an http URL");
                    let ending = fetch(&client, &target).await;
                    *endings.borrow_mut().entry(ending).or_default() += 1;
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.expect("no panic");
    }
    ticks.abort();
    let (user, system) = cpu_seconds();
    let each = |seconds: f64| seconds * 1e6 / count as f64;
    println!(
        "{:.2} s, per request: user {:.2} us, system {:.2} us, both {:.2} us; {:?}; {:?}",
        start.elapsed().as_secs_f64(),
        each(user),
        each(system),
        each(user + system),
        endings.borrow(),
        client.stats(),
    );
}

async fn fetch(client: &Client, target: &Target) -> String {
    match client.fetch(target, &TryState::default(), None).await {
        Err(shortage) => format!("{shortage:?}"),
        Ok(attempt) => match attempt.end {
            End::Complete => attempt.head.expect("a complete response has one").status.to_string(),
            End::Hop(_) => "hop".to_owned(),
            End::Failed(failure) => failure.kind.as_str().to_owned(),
        },
    }
}

/// User and system time of this process so far (`/proc/self/stat`, in ticks of 10 ms).
fn cpu_seconds() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let seconds =
        |field: usize| fields.get(field).and_then(|f| f.parse().ok()).unwrap_or(0.0) / 100.0;
    (seconds(11), seconds(12))
}
