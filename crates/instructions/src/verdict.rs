//! What a try means, decided.

use std::hint::black_box;

use gather::core::attempt::{BodySummary, Head, Sent};
use gather::core::classify::{Budget, Context};
use gather::core::{Attempt, Config, End, ErrorKind, Failure, Method, Time, Timings, classify};

use super::Step;

pub(super) const STEPS: &[Step] = &[
    Step { name: "classify-ok", count: 100_000, run: |count| judge(count, &ok()) },
    Step { name: "classify-failed", count: 100_000, run: |count| judge(count, &failed()) },
];

fn judge(count: u64, attempt: &Attempt) {
    let (config, method) = (Config::default(), Method::default());
    let mut rng = fastrand::Rng::with_seed(1);
    for n in 0..count {
        let now = Time::from_nanos(n * 1_000);
        let context = Context {
            config: &config,
            method: &method,
            retries_spent: 0,
            budget: Budget::Left,
            now,
        };
        black_box(classify(black_box(attempt), &context, &mut rng));
    }
}

fn ok() -> Attempt {
    let content_type = Some("text/html; charset=utf-8".into());
    Attempt {
        head: Some(Head { status: 200, content_type, ..Head::default() }),
        body: BodySummary { wire_bytes: 1024, decoded_bytes: 1024, ..BodySummary::default() },
        ..attempt(End::Complete, Sent::Maybe)
    }
}

fn failed() -> Attempt {
    let refused = Failure::new(ErrorKind::ConnectRefused, "connection refused by 203.0.113.7:443");
    attempt(End::Failed(refused), Sent::No)
}

fn attempt(end: End, sent: Sent) -> Attempt {
    Attempt {
        url: None,
        end,
        head: None,
        body: BodySummary::default(),
        timings: Timings::default(),
        chain: Vec::new(),
        connection: None,
        sent,
        exchanges: Vec::new(),
    }
}
