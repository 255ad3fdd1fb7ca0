//! Cases of `classify`: one line in, one line out.

use url::Url;

use super::*;
use crate::attempt::{BodySummary, Head, RetryAfter, Timings};
use crate::config::RetryOn;

struct Case {
    config: Config,
    method: Method,
    retries_spent: u32,
    budget: Budget,
    sent: Sent,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            config: Config::default(),
            method: Method::GET,
            retries_spent: 0,
            budget: Budget::Left,
            sent: Sent::Maybe,
        }
    }
}

impl Case {
    fn judge(&self, head: Option<Head>, end: End) -> Verdict {
        let attempt = Attempt {
            url: None,
            end,
            head,
            body: BodySummary::default(),
            timings: Timings::default(),
            chain: Vec::new(),
            connection: None,
            sent: self.sent,
            exchanges: Vec::new(),
        };
        let context = Context {
            config: &self.config,
            method: &self.method,
            retries_spent: self.retries_spent,
            budget: self.budget,
            now: Time::from_millis(10_000),
        };
        classify(&attempt, &context, &mut Rng::with_seed(7))
    }

    #[track_caller]
    fn status(&self, status: u16, retry_after_s: Option<u64>, expected: &str) {
        let delay = retry_after_s.map(|s| RetryAfter { delay: Duration::from_secs(s) });
        let head = Head { status, retry_after: delay, ..Head::default() };
        assert_eq!(told(&self.judge(Some(head), End::Complete)), expected, "status {status}");
    }

    #[track_caller]
    fn failure(&self, kind: ErrorKind, expected: &str) {
        let verdict = self.judge(None, End::Failed(Failure::new(kind, "why")));
        assert_eq!(told(&verdict), expected, "{}", kind.as_str());
    }
}

fn told(verdict: &Verdict) -> String {
    let signal = match verdict.signal {
        Signal::RateLimited { retry_after: Some(_) } => "limited with date".to_owned(),
        Signal::RateLimited { retry_after: None } => "limited".to_owned(),
        Signal::Unavailable { retry_after: Some(_) } => "unavailable with date".to_owned(),
        Signal::Unavailable { retry_after: None } => "unavailable".to_owned(),
        signal => format!("{signal:?}").to_lowercase(),
    };
    let step = match &verdict.step {
        Step::Retry { at, spends } => {
            let pause_s = at.since(Time::from_millis(10_000)).as_secs_f64();
            format!("retry after {} s, spends {spends:?}", pause_s.round())
        }
        Step::Hop => "hop".to_owned(),
        Step::Final(Outcome::Ok) => "ok".to_owned(),
        Step::Final(outcome) => {
            let error = outcome.error().expect("not ok");
            let later = if error.retryable { "later" } else { "never" };
            format!("{} {} ({later}): {}", outcome.as_str(), error.kind.as_str(), error.message)
        }
    };
    format!("{signal}: {step}")
}

#[test]
fn statuses() {
    let case = Case::default();
    case.status(200, None, "answered: ok");
    case.status(304, None, "answered: ok");
    case.status(
        404,
        None,
        "answered: failed http.status (never): status 404 is not in 200..=299,304",
    );
    case.status(
        301,
        None,
        "answered: failed http.status (never): status 301 is not in 200..=299,304",
    );
    case.status(408, None, "answered: retry after 1 s, spends Retry");
    case.status(500, None, "answered: retry after 1 s, spends Retry");
    case.status(503, None, "unavailable: retry after 1 s, spends Retry");
    case.status(503, Some(3), "unavailable with date: retry after 1 s, spends Retry");
    case.status(429, None, "limited: retry after 0 s, spends Nothing");
    case.status(429, Some(300), "limited with date: retry after 0 s, spends Nothing");
    case.status(
        429,
        Some(301),
        "limited with date: failed http.rate_limited (later): status 429, and asks to wait 301 s",
    );
    case.status(
        503,
        Some(301),
        "unavailable with date: failed http.status (later): status 503 is not in 200..=299,304",
    );
}

#[test]
fn retries_and_the_budget_end() {
    let spent = Case { retries_spent: 2, ..Case::default() };
    let error = "failed http.status (later): status 500 is not in 200..=299,304";
    spent.status(500, None, &format!("answered: {error}"));
    spent.status(429, None, "limited: retry after 0 s, spends Nothing");
    Case { retries_spent: 1, ..Case::default() }.status(
        500,
        None,
        "answered: retry after 2 s, spends Retry",
    );
    Case { budget: Budget::Spent, ..Case::default() }.status(
        500,
        None,
        &format!("answered: {error}"),
    );
}

#[test]
fn a_post_is_repeated_only_unsent_or_refused() {
    let mut case = Case { method: Method::POST, ..Case::default() };
    let reset = "broken: failed connect.reset (later): why";
    case.failure(ErrorKind::ConnectReset, reset);
    case.status(
        500,
        None,
        "answered: failed http.status (later): status 500 is not in 200..=299,304",
    );
    case.status(503, None, "unavailable: retry after 1 s, spends Retry");
    case.status(429, None, "limited: retry after 0 s, spends Nothing");
    case.config.retry.unsafe_methods = UnsafeMethods::Repeat;
    case.failure(ErrorKind::ConnectReset, "broken: retry after 1 s, spends Retry");
    let unsent = Case { method: Method::POST, sent: Sent::No, ..Case::default() };
    unsent.failure(ErrorKind::ConnectRefused, "noconnection: retry after 1 s, spends Retry");
}

#[test]
fn failures() {
    let case = Case::default();
    case.failure(ErrorKind::TimeoutFirstByte, "noanswer: retry after 1 s, spends Retry");
    case.failure(ErrorKind::TimeoutBody, "broken: retry after 1 s, spends Retry");
    case.failure(ErrorKind::TimeoutDns, "nothing: retry after 1 s, spends Retry");
    case.failure(ErrorKind::DnsNotFound, "nothing: failed dns.not_found (never): why");
    case.failure(ErrorKind::TlsExpired, "noconnection: failed tls.expired (never): why");
    case.failure(ErrorKind::LimitBody, "answered: failed limit.body (never): why");
    case.failure(ErrorKind::BlockedAddress, "nothing: skipped blocked.address (never): why");
    case.failure(ErrorKind::HostParked, "nothing: skipped host.parked (later): why");
    case.failure(ErrorKind::ProtocolTruncated, "broken: retry after 1 s, spends Retry");
}

#[test]
fn what_is_retried_by_default_may_succeed_later() {
    for kind in RetryOn::default().kinds {
        assert!(Kind::of(kind).later == Later::Perhaps, "{}", kind.as_str());
    }
}

#[test]
fn a_refusal_with_a_cut_body_is_a_refusal_and_a_hop_goes_on() {
    let case = Case::default();
    let head = Head { status: 429, ..Head::default() };
    let cut = End::Failed(Failure::new(ErrorKind::ProtocolTruncated, "cut"));
    let verdict = case.judge(Some(head), cut);
    assert_eq!(told(&verdict), "limited: retry after 0 s, spends Nothing");
    let hop = Url::parse("http://b.example/").expect("valid");
    assert_eq!(told(&case.judge(None, End::Hop(Box::new(hop)))), "answered: hop");
}
