//! A history with everything that a page can show, hostile names among it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use gather_core::ErrorKind;
use gather_core::health::Health;
use gather_core::time::Time;
use gather_core::watch::{Check, Missed, MissedCause, State, WatchedNo};
use gather_store::history::{
    Answer, Batch, Covers, EntryKind, Event, EventKind, Evidence, EvidenceKind, Flapping, History,
    HistoryPlace, Incident, IncidentEntry, JobKind, JobRow, MaintenanceSpan, Notice, Outbox,
    Phases, RunEnd, RunRow, Silence, SilenceMatch, StoredState, TargetRow, Upkeep, ValueRow,
};
use gather_web::{MetricsFormat, Options};

/// Wed 25 Nov 2026 14:03:22 UTC.
pub(crate) const NOW: Time = Time::from_millis(1_795_615_402_000);

const MINUTE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_secs(300);
const DAY: Duration = Duration::from_secs(86_400);
/// Days of checks.
const DAYS: u32 = 33;

/// What would be markup if it were not escaped. The word in it must be nowhere but as text.
pub(crate) const HOSTILE: &str = "<script>canary()</script>";
const HOSTILE_URL: &str =
    "https://evil.example/\"onmouseover=\"canary()\"><img src=x onerror=canary()>";

/// Number, name, URL, group, state, reason, kind, status.
type Row = (&'static str, &'static str, &'static str, State, &'static str, Option<ErrorKind>, u16);

const TARGETS: &[Row] = &[
    (
        "checkout",
        "https://checkout.shop.example/health",
        "Shop",
        State::Down,
        "timeout.connect: no connection within 5 s",
        Some(ErrorKind::TimeoutConnect),
        0,
    ),
    ("storefront", "https://www.shop.example/", "Shop", State::Up, "", None, 200),
    (
        "search",
        "https://search.shop.example/q?term=shoe",
        "Shop",
        State::Degraded,
        "time_total < 2s: took 3.41 s",
        None,
        200,
    ),
    (
        "payments-eu",
        "https://eu.pay.example/v2/ping",
        "Payments",
        State::Down,
        "timeout.connect: no connection within 5 s",
        Some(ErrorKind::TimeoutConnect),
        0,
    ),
    ("payments-us", "https://us.pay.example/v2/ping", "Payments", State::Up, "", None, 200),
    (
        "fraud-scoring",
        "https://fraud.pay.example/score",
        "Payments",
        State::Suspect,
        "http.status: 503",
        Some(ErrorKind::HttpStatus),
        503,
    ),
    (
        HOSTILE,
        HOSTILE_URL,
        "<b>canary</b>",
        State::Degraded,
        "status in 200..=399: 404 <img src=x onerror=canary()>",
        Some(ErrorKind::HttpStatus),
        404,
    ),
    (
        "A partner with a name so long that it has to be broken somewhere: Grosshandelsgesellschaft-fuer-Donaudampfschifffahrtsbedarf",
        "https://partner-with-a-very-long-name.example/api/v1/stock/availability?warehouse=north&sku=0123456789",
        "Partners",
        State::Up,
        "",
        None,
        200,
    ),
    (
        "acme stock",
        "https://acme.example/v1/stock",
        "Partners",
        State::Limited,
        "http.rate_limited: 429, asks for 60 s",
        Some(ErrorKind::HttpRateLimited),
        429,
    ),
    ("globex rates", "https://globex.example/rates.json", "Partners", State::Up, "", None, 200),
    ("mail relay", "https://mail.example/", "Office", State::Up, "", None, 200),
    ("wiki", "https://wiki.example/", "Office", State::Up, "", None, 200),
    (
        "intranet",
        "https://intranet.example/",
        "Office",
        State::Unknown,
        "connect.proxy: the proxy refused",
        Some(ErrorKind::ConnectProxy),
        0,
    ),
    ("new service", "https://new.example/", "Office", State::Up, "", None, 200),
    ("https://nameless.example/", "https://nameless.example/", "", State::Up, "", None, 200),
];
const HOSTILE_NO: u32 = 6;
const WIKI: u32 = 11;
const NEW: u32 = 13;
/// Prices of a fetch job have the numbers behind those.
pub(crate) const FIRST_PRICE: u32 = TARGETS.len() as u32;
const PRICES: u32 = 3;

/// Fills a history at this place; it takes some seconds.
pub(crate) fn fill(place: &HistoryPlace) {
    let begin = NOW - DAY * DAYS;
    let mut history = History::open(place, begin).unwrap();
    history.register(&job("domains", JobKind::Liveness, "every 5m"), &targets(), begin).unwrap();
    let prices = job("prices & <i>canary</i>", JobKind::Fetch, "cron 0 * * * * Europe/Berlin");
    history.register(&prices, &price_targets(), begin).unwrap();
    let mut rng = fastrand::Rng::with_seed(7);
    for day in 0..DAYS {
        let from = begin + DAY * day;
        let until = from + DAY;
        let mut batch = Batch { at: until, accounted_until: until, ..Batch::default() };
        checks(&mut rng, from, until, &mut batch);
        price_checks(from, until, &mut batch);
        if day == 0 {
            batch.states = all_states(begin);
            batch.evidence.clear();
        }
        history.write(&batch).unwrap();
        history.upkeep(until, Duration::from_secs(60)).unwrap();
    }
    history.write(&told()).unwrap();
    history.upkeep(NOW, Duration::from_secs(60)).unwrap();
    let mut outbox = Outbox::open(place).unwrap();
    let silence = Silence {
        id: 0,
        matches: SilenceMatch::Group("Partners".into()),
        from: NOW - MINUTE * 30,
        until: NOW + MINUTE * 90,
        why: "Their window, agreed with <b>canary</b>".into(),
    };
    outbox.silence(&silence).unwrap();
}

/// A site that shows it.
pub(crate) fn options(place: HistoryPlace) -> Options {
    Options {
        title: "Example status".into(),
        now: Arc::new(|| NOW + Duration::from_secs(1)),
        metrics: Arc::new(|format, out| {
            out.write_str("# TYPE gather_targets gauge\ngather_targets{state=\"up\"} 9\n")?;
            match format {
                MetricsFormat::Text => Ok(()),
                MetricsFormat::OpenMetrics => out.write_str("# EOF\n"),
            }
        }),
        ..Options::new(place)
    }
}

fn job(name: &str, kind: JobKind, schedule: &str) -> JobRow {
    let speaks_for = if kind == JobKind::Fetch { MINUTE * 60 } else { STEP };
    JobRow { name: name.into(), kind, schedule: schedule.into(), speaks_for }
}

fn targets() -> Vec<TargetRow> {
    let row = |(key, row): (u64, &Row)| TargetRow {
        key,
        name: row.0.into(),
        url: row.1.into(),
        group: row.2.into(),
        tags: vec![("tier".into(), format!("{}", key % 3).into())],
    };
    (0..).zip(TARGETS).map(row).collect()
}

fn price_targets() -> Vec<TargetRow> {
    let row = |key: u32| TargetRow {
        key: u64::from(key) + 1_000,
        name: format!("sku {key}").into(),
        url: format!("https://api.shop.example/price/{key}").into(),
        group: "Prices".into(),
        tags: Vec::new(),
    };
    (0..PRICES).map(row).collect()
}

fn state(at: Time, row: &Row) -> StoredState {
    let (.., state, reason, kind, status_code) = *row;
    StoredState {
        state,
        since: at,
        reason: (!reason.is_empty()).then(|| reason.into()),
        kind,
        status_code,
        ..StoredState::default()
    }
}

fn all_states(at: Time) -> Vec<(WatchedNo, StoredState)> {
    let up =
        StoredState { state: State::Up, since: at, status_code: 200, ..StoredState::default() };
    (0..FIRST_PRICE + PRICES).map(|number| (WatchedNo(number), up.clone())).collect()
}

/// Whether a target answered at a moment, and how.
fn seen(number: u32, at: Time) -> Health {
    let ago = NOW.since(at);
    let row = &TARGETS[number as usize];
    let bad_for = |span: Duration| ago <= span;
    let (state, hours) = (row.3, |from: u64, until: u64| {
        (Duration::from_secs(3_600 * until)..Duration::from_secs(3_600 * from)).contains(&ago)
    });
    match (number, state) {
        (0 | 3, State::Down) if bad_for(MINUTE * 14) => Health::Down,
        // An outage of two hours nine days ago, and one of half a day before.
        (0 | 3, _) if hours(220, 218) => Health::Down,
        (3, _) if hours(500, 488) => Health::Down,
        (2, State::Degraded) if bad_for(MINUTE * 200) => Health::Degraded,
        (8, State::Limited) if bad_for(MINUTE * 45) => Health::Limited,
        (12, State::Unknown) if bad_for(MINUTE * 60) => Health::Unknown,
        (HOSTILE_NO, _) if bad_for(MINUTE * 600) => Health::Degraded,
        _ => Health::Up,
    }
}

fn checks(rng: &mut fastrand::Rng, from: Time, until: Time, batch: &mut Batch) {
    for number in 0..FIRST_PRICE {
        let mut due = from + Duration::from_secs(u64::from(number) * 7);
        let base = 40.0 + 23.0 * f64::from(number % 5);
        while due < until {
            let ago = NOW.since(due);
            let is_gap = (MINUTE * 60 * 30..MINUTE * 60 * 33).contains(&ago);
            let is_unborn = number == NEW && ago > DAY * 2;
            if !is_gap && !is_unborn {
                let health = seen(number, due);
                let slow = if rng.f64() < 0.06 { 3.5 } else { 1.0 };
                let ms = base * slow * (0.8 + 0.5 * rng.f64());
                let took = match health {
                    Health::Down => 5_000.0,
                    Health::Degraded => 3_400.0,
                    _ => ms,
                };
                batch.checks.push(check(number, due, took, health));
            }
            due = due + STEP;
        }
        let gap = NOW - MINUTE * 60 * 33;
        if from <= gap && gap < until && number != NEW {
            let missed = Missed {
                target: WatchedNo(number),
                from: gap + Duration::from_secs(30),
                until: gap + MINUTE * 178,
                slots: 36,
                cause: MissedCause::NotRunning,
            };
            batch.missed.push(missed);
        }
    }
}

/// A run an hour, in which each target has its record.
fn price_checks(from: Time, until: Time, batch: &mut Batch) {
    for number in FIRST_PRICE..FIRST_PRICE + PRICES {
        let mut due = from + MINUTE * 3;
        while due < until {
            let took = 180.0 + f64::from(number);
            batch
                .checks
                .push(Check { target: WatchedNo(number), ..check(1, due, took, Health::Up) });
            due = due + MINUTE * 60;
        }
    }
}

fn check(number: u32, due: Time, took_ms: f64, health: Health) -> Check {
    let row = &TARGETS[number as usize];
    Check {
        target: WatchedNo(number),
        due,
        lag: Duration::from_millis(2),
        took: Duration::from_secs_f64(took_ms / 1000.0),
        health,
        status_code: match health {
            Health::Up => 200,
            Health::Down | Health::Unknown => 0,
            Health::Degraded | Health::Limited => row.6,
        },
        kind: if health == Health::Up { None } else { row.5 },
        is_confirmation: false,
    }
}

/// How everything is at last, and what was told of it.
fn told() -> Batch {
    let mut batch = Batch { at: NOW, accounted_until: NOW, ..Batch::default() };
    for (number, row) in (0..).zip(TARGETS) {
        let minutes = [12, 0, 195, 11, 0, 1, 590, 0, 40, 0, 0, 0, 55, 0, 0][number as usize];
        if row.3 != State::Up {
            let incident = matches!(number, 0 | 3).then_some(2);
            let flapping = if number == 5 { Flapping::Yes } else { Flapping::No };
            let of = StoredState { incident, flapping, ..state(NOW - MINUTE * minutes, row) };
            batch.states.push((WatchedNo(number), of));
        }
    }
    let up = StoredState { state: State::Up, since: NOW - DAY * 20, ..StoredState::default() };
    batch.states.push((WatchedNo(WIKI), StoredState { maintenance: Upkeep::Open, ..up }));
    batch.maintenance = vec![
        MaintenanceSpan {
            covers: Covers::Target(WatchedNo(WIKI)),
            from: NOW - MINUTE * 20,
            until: NOW + MINUTE * 40,
            why: "New disks <b>canary</b>".into(),
        },
        MaintenanceSpan {
            covers: Covers::Job("domains".into()),
            from: NOW - DAY * 12,
            until: NOW - DAY * 12 + MINUTE * 60,
            why: "The network is rebuilt".into(),
        },
    ];
    batch.incidents = vec![over(), open()];
    batch.evidence = evidence();
    batch.values = values();
    batch.runs = runs();
    batch.notices = notices();
    batch
}

fn entry(at: Time, kind: EntryKind, text: &str) -> IncidentEntry {
    IncidentEntry { at, kind, text: text.into() }
}

fn over() -> Incident {
    let (opened, closed) = (NOW - MINUTE * 60 * 220, NOW - MINUTE * 60 * 218);
    Incident {
        id: 1,
        opened,
        closed: Some(closed),
        worst: State::Down,
        factor: "network 203.0.113.0/24".into(),
        reason: "timeout.connect: no connection within 5 s".into(),
        targets: 2,
        ongoing: 0,
        entries: vec![
            entry(opened, EntryKind::Opened, "checkout failed: no connection within 5 s"),
            entry(opened + MINUTE, EntryKind::Joined, "payments-eu failed too"),
            entry(
                opened + MINUTE,
                EntryKind::Widened,
                "address 203.0.113.7, then network 203.0.113.0/24",
            ),
            entry(closed, EntryKind::Left, "checkout and payments-eu answer again"),
            entry(closed, EntryKind::Closed, "over after 2 h"),
        ],
        joined: vec![(WatchedNo(0), opened), (WatchedNo(3), opened + MINUTE)],
        left: vec![(WatchedNo(0), closed), (WatchedNo(3), closed)],
    }
}

fn open() -> Incident {
    let opened = NOW - MINUTE * 13;
    Incident {
        id: 2,
        opened,
        closed: None,
        worst: State::Down,
        factor: "address 203.0.113.7 <u>canary</u>".into(),
        reason: "timeout.connect: no connection within 5 s".into(),
        targets: 2,
        ongoing: 2,
        entries: vec![
            entry(opened, EntryKind::Opened, "checkout failed: no connection within 5 s"),
            entry(
                opened + MINUTE,
                EntryKind::Joined,
                "payments-eu failed too, at the same address",
            ),
            entry(opened + MINUTE, EntryKind::Noticed, "ops was told by webhook"),
        ],
        joined: vec![(WatchedNo(0), opened), (WatchedNo(3), opened + MINUTE)],
        left: Vec::new(),
    }
}

fn evidence() -> Vec<Evidence> {
    let ms = |ms: u64| Some(Duration::from_millis(ms));
    let address = Some(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)));
    let good = |target: u32, url: &str, body: &str| Evidence {
        target: WatchedNo(target),
        which: EvidenceKind::LastGood,
        at: NOW - MINUTE * 15,
        answer: Answer {
            url: url.into(),
            address,
            status_code: 200,
            http_version: "2".into(),
            phases: Phases {
                namelookup: ms(3),
                connect: ms(21),
                appconnect: ms(48),
                starttransfer: ms(81),
                total: ms(86),
            },
            headers: vec![
                ("content-type".into(), "application/json".into()),
                ("server".into(), "envoy".into()),
                ("x-note".into(), HOSTILE.into()),
            ],
            certificate_until: Some(NOW + DAY * 41),
            ..Answer::default()
        },
        body: body.as_bytes().into(),
    };
    let failure = |target: u32| Evidence {
        target: WatchedNo(target),
        which: EvidenceKind::FirstFailure,
        at: NOW - MINUTE * 13,
        answer: Answer {
            url: TARGETS[target as usize].1.into(),
            address,
            kind: Some(ErrorKind::TimeoutConnect),
            message: Some("no connection within 5 s".into()),
            phases: Phases { namelookup: ms(4), total: ms(5_000), ..Phases::default() },
            ..Answer::default()
        },
        body: Box::default(),
    };
    let mut hostile =
        good(HOSTILE_NO, HOSTILE_URL, "</pre><script>canary()</script>\u{1b}[2J\n\u{202e}txt");
    hostile.which = EvidenceKind::FirstFailure;
    hostile.answer.message = Some("</p><svg onload=canary()>".into());
    vec![
        failure(0),
        good(0, TARGETS[0].1, "{\"status\":\"ok\",\"version\":\"4.18.2\"}"),
        Evidence { at: NOW - MINUTE * 12, ..failure(3) },
        hostile,
    ]
}

fn values() -> Vec<ValueRow> {
    let mut values = Vec::new();
    let prices = [129.0, 129.0, 124.5, 124.5, 119.0, 134.9, 134.9, 99.9];
    for (at, price) in (0..).zip(prices) {
        for sku in 0..PRICES {
            let number = (price - f64::from(sku) * 7.0) * 100.0;
            let number = number.round() / 100.0;
            values.push(ValueRow {
                target: WatchedNo(FIRST_PRICE + sku),
                field: "price".into(),
                value: Some(number.to_string().into()),
                number: Some(number),
                at: NOW - MINUTE * 60 * (8 - at),
            });
        }
    }
    values.push(ValueRow {
        target: WatchedNo(FIRST_PRICE),
        field: "<i>title</i>".into(),
        value: Some(HOSTILE.into()),
        number: None,
        at: NOW - MINUTE * 60,
    });
    values
}

fn runs() -> Vec<RunRow> {
    let run = |ago: u32, end, failed| RunRow {
        job: "prices & <i>canary</i>".into(),
        run: format!("r{ago}").into(),
        due: NOW - MINUTE * 60 * ago,
        started: NOW - MINUTE * 60 * ago + Duration::from_millis(40),
        ended: (end != RunEnd::Running).then(|| NOW - MINUTE * 60 * ago + Duration::from_secs(48)),
        end,
        ok: 3 - failed,
        failed,
        skipped: 0,
        changes: u64::from(ago % 2) * 3,
        message: (end == RunEnd::Failed).then(|| "cannot write prices.db: disk full".into()),
    };
    vec![
        run(4, RunEnd::Finished, 0),
        run(3, RunEnd::Failed, 3),
        run(2, RunEnd::Finished, 1),
        run(1, RunEnd::Finished, 0),
    ]
}

fn notices() -> Vec<Notice> {
    let mut event = Event::new(EventKind::Down, NOW - MINUTE * 12, State::Down);
    event.incident = Some(2);
    vec![Notice {
        id: 0,
        key: "2/ops/down".into(),
        channel: "ops".into(),
        due: NOW - MINUTE * 12,
        tries: 0,
        event,
    }]
}
