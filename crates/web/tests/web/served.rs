//! Requests over a real socket: what each address answers, and who is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gather_store::history::HistoryPlace;
use gather_web::{Options, Token};

use crate::made;
use crate::place::{Answer, Server, history};

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const SVG: &str = "image/svg+xml; charset=utf-8";
const TOKEN: &str = "a-token-that-nobody-guesses";

/// What is markup only if somebody forgot to escape it. Every page is looked at for these.
const MARKUP: &[&str] = &[
    "<script>canary",
    "<img src=x",
    "<b>canary",
    "<i>canary",
    "<u>canary",
    "<svg onload",
    "<i>title",
];

struct Case<'a> {
    path: &'a str,
    status: u16,
    content_type: &'a str,
    with: &'a [&'a str],
}

const fn ok<'a>(path: &'a str, content_type: &'a str, with: &'a [&'a str]) -> Case<'a> {
    Case { path, status: 200, content_type, with }
}

const fn missing(path: &str) -> Case<'_> {
    Case { path, status: 404, content_type: HTML, with: &["There is no such page"] }
}

/// What the API says to a question that it cannot answer.
const fn wrong<'a>(path: &'a str, status: u16, with: &'a [&'a str]) -> Case<'a> {
    Case { path, status, content_type: JSON, with }
}

/// The prices' job, whose name is hostile.
const JOB: &str = "/job?name=prices%20%26%20%3Ci%3Ecanary%3C%2Fi%3E";

/// What each address answers.
const CASES: &[Case<'_>] = &[
    ok(
        "/",
        HTML,
        &[
            "2 of 18 targets are down.",
            "1 suspect, 2 degraded, 1 limited, 1 unknown, 1 in maintenance, 10 up.",
            "1 incident open.",
            "Last checked Wed 25 Nov 2026 14:03:22 UTC",
            "&#60;script&#62;canary",
        ],
    ),
    ok("/?state=down", HTML, &["2 targets, the worst first", "payments-eu"]),
    ok("/?q=PAY", HTML, &["3 targets, the worst first", "value=\"PAY\""]),
    ok("/?q=%3Cscript%3Ecanary()", HTML, &["value=\"&#60;script&#62;canary()\""]),
    ok("/?tag=tier%3D1&job=domains", HTML, &["5 targets, the worst first"]),
    ok("/?q=nothing-is-so", HTML, &["No target is like that."]),
    ok("/?after=up-4&rows=50&state=up", HTML, &["First page"]),
    ok("/?after=nonsense&rows=-", HTML, &[]),
    ok("/groups", HTML, &["7 groups"]),
    ok("/group?name=Payments", HTML, &["1 of 3 targets in Payments is down.", "fraud-scoring"]),
    ok("/group?name=&state=up", HTML, &["without a group is up.", "href=\"group?name=\""]),
    ok("/?state=maintenance", HTML, &["1 target, the worst first", "wiki"]),
    // Nobody is in that list; the filter is left out rather than shown with everybody in it.
    ok("/?state=no-data", HTML, &["18 targets, the worst first", "aria-current=\"true\">all"]),
    ok(
        "/targets/0",
        HTML,
        &[
            "checkout is down, for 12 min.",
            "no connection within 5 s",
            "203.0.113.7",
            "First failure",
            "Last good answer",
            "99.27 %",
        ],
    ),
    ok("/targets/0?chart=7d", HTML, &["Time to answer, the last 7 days"]),
    ok(
        "/targets/6",
        HTML,
        &["&#60;/p&#62;&#60;svg onload=canary()&#62;", "\\u{1b}[2J", "\\u{202e}txt"],
    ),
    ok("/targets/11", HTML, &["wiki is in maintenance", "the last checks say up"]),
    ok("/targets/15", HTML, &["Between 99.9 and 134.9", "5 recorded values"]),
    ok("/targets/3/30d", HTML, &["the last 30 days", "Mon 16 Nov 2026"]),
    ok("/targets/0/24h", HTML, &["the last 24 hours"]),
    ok(
        "/targets/0/2026-11-24",
        HTML,
        &["Tuesday 24 November 2026", "the watch was not running", "Day before", "Day after"],
    ),
    ok(
        "/targets/0/2026-11-25T13Z",
        HTML,
        &["checkout was down for", "timeout.connect", "13:53:22"],
    ),
    ok("/targets/0/2026-11-25T12Z+3h", HTML, &["Wed 25 Nov 2026 12:00 to 15:00 UTC"]),
    ok("/incidents", HTML, &["1 incident is open.", "November 2026", "network 203.0.113.0/24"]),
    ok("/incidents?before=2", HTML, &["Newest"]),
    ok(
        "/incidents/2",
        HTML,
        &[
            "It goes on, for 13 min so far.",
            "ops was told by webhook",
            "First failure of payments-eu",
            "waiting for its turn",
        ],
    ),
    ok("/incidents/1", HTML, &["It is over, and lasted 2 h.", "network 203.0.113.0/24"]),
    ok("/incidents/1?from=1", HTML, &["2 to 2 of 2 targets", "payments-eu", "First targets"]),
    ok("/incidents/2?from=x", HTML, &["checkout"]),
    ok(
        "/jobs",
        HTML,
        &["2 of 18 targets are down.", "2 jobs are watched.", "the watch was not running"],
    ),
    ok(
        JOB,
        HTML,
        &[
            "\u{2212}25.9 %",
            "cannot write prices.db: disk full",
            "cron 0 * * * * Europe/Berlin",
            "All 3 targets of prices",
            "Between 99.9 and 134.9 in 5 values",
        ],
    ),
    ok(
        "/maintenance",
        HTML,
        &[
            "1 silence is in force.",
            "group Partners",
            "wiki",
            "The network is rebuilt",
            "in force",
            "over",
        ],
    ),
    ok("/healthz", "text/plain; charset=utf-8", &["ok"]),
    ok("/metrics", "text/plain; version=0.0.4; charset=utf-8", &["gather_targets{state=\"up\"} 9"]),
    ok(
        "/feed.atom",
        "application/atom+xml; charset=utf-8",
        &[
            "<id>urn:uuid:",
            "http://localhost/incidents/2",
            "<updated>2026-11-25T13:50:22Z</updated>",
        ],
    ),
    ok("/badges/state.svg", SVG, &["Example status: 2 of 18 down"]),
    ok("/badges/group/state.svg?name=Payments", SVG, &["Payments: 1 of 3 down"]),
    ok("/badges/targets/6/state.svg", SVG, &["&#60;script&#62;canary"]),
    ok("/badges/targets/0/uptime-30d.svg", SVG, &["uptime 30d: 99.6"]),
    ok("/badges/targets/0/latency-24h.svg", SVG, &["p95 24h:"]),
    ok(
        "/api/v1/summary",
        JSON,
        &["\"state\":\"down\"", "\"total\":18", "\"checked_at\":\"2026-11-25T14:03:22Z\""],
    ),
    ok("/api/v1/targets?limit=2", JSON, &["\"name\":\"checkout\"", "\"next\":\"down-3\""]),
    ok("/api/v1/targets?limit=2&after=down-3", JSON, &["fraud-scoring"]),
    ok(
        "/api/v1/targets/0",
        JSON,
        &["\"first_failure\"", "\"time_total\":5.0", "\"30d\"", "\"remote_ip\":\"203.0.113.7\""],
    ),
    ok("/api/v1/incidents?limit=1", JSON, &["\"incident\":2", "\"lasted\":781.0", "\"next\":2"]),
    ok(
        "/api/v1/incidents/1",
        JSON,
        &["\"closed_at\":\"2026-11-16T12:03:22Z\"", "\"timeline\"", "\"members\""],
    ),
    ok("/api/v1/incidents/1?limit=1", JSON, &["\"members\":[{", "\"next\":1"]),
    ok("/api/v1/incidents/1?limit=1&from=1", JSON, &["payments-eu", "\"next\":null"]),
    ok("/api/v1/jobs", JSON, &["\"kind\":\"fetch\"", "\"missed\"", "not_running"]),
    ok("/api/v1/changes?limit=1", JSON, &["\"field\":\"price\"", "\"new_number\":85.9"]),
    ok("/api/v1/changes?job=domains", JSON, &["\"changes\":[]", "\"next\":null"]),
    wrong("/api/v1/targets?state=dwon", 400, &["one of down, suspect"]),
    wrong("/api/v1/targets?after=nonsense", 400, &["page before"]),
    wrong("/api/v1/targets?limit=many", 400, &["limit"]),
    wrong("/api/v1/incidents?before=x", 400, &["before"]),
    wrong("/api/v1/targets/five", 404, &["no such thing"]),
    missing("/targets/999"),
    missing("/targets/five"),
    missing("/targets/-1/24h"),
    missing("/incidents/first"),
    ok("/targets/0/9999-12-29T23Z", HTML, &["was not checked"]),
    ok("/targets/0/1970-01-01", HTML, &["was not checked"]),
    missing("/targets/0/yesterday"),
    missing("/targets/0/2026-11-25T13Z+99h"),
    missing("/incidents/99"),
    missing("/group?name=nobody"),
    missing("/job?name=nobody"),
    missing("/badges/targets/0/size.svg"),
    missing("/../../etc/passwd"),
    missing("/style.css"),
    wrong("/api/v1/targets/999", 404, &["{\"error\":{\"message\":"]),
];

/// Each address answers as it should.
pub(crate) fn each_address_answers(place: &HistoryPlace) {
    let server = Server::start(made::options(place.clone()));
    for Case { path, status, content_type, with } in CASES {
        let answer = server.get(path, "");
        assert_eq!(answer.status, *status, "{path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some(*content_type), "{path}");
        let text = answer.text();
        for part in *with {
            assert!(text.contains(part), "{path} is without {part}:\n{text}");
        }
        if *content_type != JSON {
            let found = MARKUP.iter().find(|markup| text.contains(**markup));
            assert_eq!(found, None, "{path}:\n{text}");
        }
        guarded(path, &answer);
    }
}

/// The headers that every answer has.
fn guarded(path: &str, answer: &Answer) {
    let policy = answer.header("content-security-policy").unwrap_or_default();
    for part in
        ["default-src 'none'", "style-src 'self'", "script-src 'self'", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(part), "{path}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{path}: {policy}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
    assert!(answer.header("cache-control").is_some(), "{path}");
}

#[test]
fn pages_have_no_markup_that_the_policy_forbids() {
    let server = Server::start(made::options(history()));
    for path in ["/", "/targets/0", "/targets/6", "/incidents/2", "/jobs", "/login"] {
        let text = server.get(path, "").text();
        for forbidden in [" style=", "<style", " onclick=", "javascript:", "http-equiv=\"Content"] {
            assert!(!text.contains(forbidden), "{path} has {forbidden}");
        }
    }
}

#[test]
fn what_the_operator_should_know_stands_on_top_of_every_page() {
    let remark = Arc::new(|| Some("the file is <b>canary".to_owned()));
    let server = Server::start(Options { remark, ..made::options(history()) });
    for path in ["/", "/targets/0", "/incidents", "/jobs"] {
        let text = server.get(path, "").text();
        assert!(text.contains("the file is &#60;b&#62;canary</p>"), "{path}: {text}");
    }
}

#[test]
fn who_may_not_is_refused() {
    let locked = Options { token: Some(Token::new(TOKEN).unwrap()), ..made::options(history()) };
    let (open, locked) = (Server::start(made::options(history())), Server::start(locked));
    let bearer = format!("authorization: Bearer {TOKEN}\r\n");
    let html = "accept: text/html\r\n";
    for (server, path, headers, status) in [
        (&open, "/", "host: evil.example\r\n", 421),
        (&open, "/metrics", "host: evil.example\r\n", 421),
        (&open, "/healthz", "host: localhost.evil.example\r\n", 421),
        (&open, "/", "host: 127.0.0.1\r\n", 200),
        (&open, "/", "host: localhost\r\nhost: evil.example\r\n", 421),
        (&locked, "/", "", 401),
        (&locked, "/", html, 401),
        (&locked, "/metrics", "", 401),
        (&locked, "/feed.atom", "", 401),
        (&locked, "/badges/state.svg", "", 401),
        (&locked, "/api/v1/targets", html, 401),
        (&locked, "/nothing", "", 401),
        (&locked, "/", "authorization: Bearer a-token-that-nobody-guesset\r\n", 401),
        (&locked, "/", "cookie: gather_session=a-token-that-nobody-guesses\r\n", 401),
        (&locked, "/", &bearer, 200),
        (&locked, "/metrics", &bearer, 200),
        (&locked, "/healthz", "", 200),
        (&locked, "/login", "", 401),
    ] {
        let answer = server.get(path, headers);
        assert_eq!(answer.status, status, "{path} {headers}");
        guarded(path, &answer);
        let has_data = answer.text().contains("checkout");
        assert!(status == 200 || !has_data, "{path} {headers} tells what it should not");
        assert!(!answer.text().contains(TOKEN) && !answer.head.contains(TOKEN), "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"] {
        let asked = format!("{method} / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        assert_eq!(open.ask(&asked).status, 405, "{method}");
    }
    let head = open.ask("HEAD / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn a_form_gives_a_cookie_for_the_token() {
    let locked = Options { token: Some(Token::new(TOKEN).unwrap()), ..made::options(history()) };
    let server = Server::start(locked);
    let post = |headers: &str, form: &str| {
        server.ask(&format!(
            "POST /login HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            form.len()
        ))
    };
    let right = format!("token={TOKEN}&to=targets%2F0");
    let answer = post("", &right);
    assert_eq!((answer.status, answer.header("location")), (303, Some("./targets/0")));
    let cookie = answer.header("set-cookie").unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains(TOKEN) && !cookie.contains("Secure"), "{cookie}");
    let session = cookie.split(';').next().unwrap();
    assert_eq!(server.get("/targets/0", &format!("cookie: {session}\r\n")).status, 200);
    let by_proxy = post("x-forwarded-proto: https\r\n", &right);
    assert!(by_proxy.header("set-cookie").unwrap().ends_with("; Secure"));
    let long = format!("token={}", "x".repeat(5_000));
    for (headers, form, status) in [
        ("", "token=wrong", 401),
        ("", "to=x", 400),
        ("", long.as_str(), 413),
        ("origin: https://evil.example\r\n", right.as_str(), 403),
        ("origin: http://localhost\r\n", right.as_str(), 303),
    ] {
        let answer = post(headers, form);
        assert_eq!(answer.status, status, "{headers}{form:.40}");
        assert_eq!(answer.header("set-cookie").is_some(), status == 303, "{headers}{form:.40}");
    }
    let left = server.get("/logout", &format!("cookie: {session}\r\n"));
    assert!(left.header("set-cookie").unwrap().contains("Max-Age=0"));
}

#[test]
fn requests_have_limits() {
    let server = Server::start(made::options(history()));
    let line = format!("GET /?q={} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(40_000));
    assert!(matches!(server.ask(&line).status, 414 | 431), "a long line");
    let many: String = (0..200).map(|at| format!("x-{at}: y\r\n")).collect();
    assert_eq!(server.get("/", &many).status, 431, "many headers");
    let big = format!("x: {}\r\n", "y".repeat(40_000));
    assert_eq!(server.get("/", &big).status, 431, "a large header");
    assert_eq!(server.ask("nonsense\r\n\r\n").status, 400);
    assert_eq!(server.ask("GET / HTTP/1.1\r\nconnection: close\r\n\r\n").status, 421, "no host");
    // It goes on as if nothing had been.
    assert_eq!(server.get("/", "").status, 200);
}

/// What did not change is not sent again.
pub(crate) fn validators_hold(place: &HistoryPlace) {
    let server = Server::start(made::options(place.clone()));
    for path in ["/", "/targets/0", "/api/v1/summary", "/feed.atom"] {
        let first = server.get(path, "");
        let tag = first.header("etag").unwrap();
        let again = server.get(path, &format!("if-none-match: {tag}\r\n"));
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        let packed = server.get(path, "accept-encoding: gzip\r\n");
        assert_eq!(packed.header("content-encoding"), Some("gzip"), "{path}");
        assert!(packed.body.len() < first.body.len(), "{path}");
    }
    let text = server.get("/", "").text();
    let style = text.split("stylesheet\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    let style = server.get(&format!("/{style}"), "");
    assert_eq!(style.header("content-type"), Some("text/css; charset=utf-8"));
    assert!(style.header("cache-control").unwrap().contains("immutable"));
}

#[test]
fn a_history_that_is_not_there_is_said_kindly() {
    let dir = tempfile::TempDir::new().unwrap();
    let place = HistoryPlace::Sqlite(dir.path().join("secret-place.db"));
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    let health = move || match counted.fetch_add(1, Ordering::Relaxed) {
        0 => Err("the writer stands still".to_owned()),
        _ => Ok(()),
    };
    let server = Server::start(Options { health: Arc::new(health), ..Options::new(place) });
    let page = server.get("/", "");
    assert_eq!((page.status, page.header("retry-after")), (503, Some("5")));
    assert!(page.text().contains("Nothing was watched yet"), "{}", page.text());
    assert!(!page.text().contains("secret-place"));
    assert_eq!(server.get("/api/v1/summary", "").status, 503);
    let sick = server.get("/healthz", "");
    assert_eq!((sick.status, sick.text().as_str()), (503, "the writer stands still\n"));
    assert_eq!(server.get("/healthz", "").status, 200);
}

/// Every address of the cases, and what it answers when all rows are read.
pub(crate) fn bodies(place: &HistoryPlace) -> Vec<(&'static str, String)> {
    let server = Server::start(made::options(place.clone()));
    let whole = |path: &str| {
        let mark = if path.contains('?') { '&' } else { '?' };
        let asked = (0..1_000).map(|at| server.get(&format!("{path}{mark}again={at}"), "").text());
        let mut asked = asked.skip_while(|text| text.contains("being read"));
        asked.next().expect("the last day of all rows is read at last")
    };
    CASES.iter().map(|case| (case.path, whole(case.path))).collect()
}

/// Pages are as they were when somebody looked at them last.
pub(crate) fn pages_are_as_they_were(place: &HistoryPlace) {
    let server = Server::start(made::options(place.clone()));
    let main = |path| {
        let text = server.get(path, "").text();
        let from = text.find("<main").unwrap();
        text[from..text.find("<footer").unwrap()].to_owned()
    };
    insta::assert_snapshot!("incident", main("/incidents/1"));
    insta::assert_snapshot!("maintenance", main("/maintenance"));
    insta::assert_snapshot!("hour", main("/targets/0/2026-11-25T13Z"));
    insta::assert_snapshot!("feed", server.get("/feed.atom", "").text());
}
