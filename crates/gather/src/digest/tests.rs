//! What a report says of records that were made up, in any order.

use std::time::Duration;

use gather_core::{ErrorKind, Failure, RecordError, Timings};

use super::*;

/// Records of three hosts over two seconds; the fourth failed, the fifth is no URL.
fn records() -> Vec<Record> {
    let ms = Duration::from_millis;
    let mut records: Vec<Record> = (0..5)
        .map(|n| {
            let mut record = Record::new(n, Outcome::Ok);
            record.url = format!("https://host{}.example/p?n={n}&x=<b>", n % 3);
            record.status_code = 200;
            record.attempts = 1;
            record.body_bytes = 1000;
            record.timings = Timings {
                started_unix_us: 1_800_000_000_000_000 + n * 250_000,
                namelookup: ms(1),
                connect: ms(5),
                appconnect: ms(20),
                starttransfer: ms(100 + n * 200),
                total: ms(110 + n * 200),
            };
            let price = FieldValue::Decimal(format!("{n}.50").into());
            record.fields = Some(Box::new(vec![("price".into(), price)]));
            record
        })
        .collect();
    let failed = |kind, message: &str| RecordError::new(Failure::new(kind, message), false);
    let message = "status 500 <script>alert(1)</script> | `x`";
    records[3].outcome = Outcome::Failed(failed(ErrorKind::HttpStatus, message));
    (records[3].status_code, records[3].fields) = (500, None);
    records[4] = Record::new(4, Outcome::Skipped(failed(ErrorKind::InputInvalid, "no URL")));
    records[4].input = Some("javascript:alert(1)".into());
    records
}

fn page(order: impl Fn(&mut Vec<Record>)) -> Page {
    let table = TableSpec::parse(Some("host"), "count(),min(price),p95(time_total)").unwrap();
    let mut digest = Digest::new(DigestSpec {
        title: "Prices & <more>".to_owned(),
        table: Some(table),
        sort: None,
        targets: vec![TargetChoice::Number(2)],
    });
    let mut all = records();
    order(&mut all);
    all.iter().for_each(|record| digest.add(record));
    digest.page(1_800_000_100_000_000)
}

#[test]
fn the_order_of_records_changes_nothing() {
    let seed = fastrand::u64(..);
    let mut rng = fastrand::Rng::with_seed(seed);
    let told = |page: &Page| serde_json::to_value(page).unwrap();
    let in_order = told(&page(|_| {}));
    for _ in 0..20 {
        let order = rng.u64(..);
        let shuffled = page(|all| fastrand::Rng::with_seed(order).shuffle(all));
        assert_eq!(told(&shuffled), in_order, "seed {seed}");
    }
}

#[test]
fn a_report_says_what_the_records_say() {
    let page = page(|_| {});
    assert_eq!(page.outcomes, Outcomes { ok: 3, failed: 1, skipped: 1 });
    assert_eq!(page.started_at, "2027-01-15T08:00:00.000Z");
    // The first began at 0, the fourth at 0.75 s and took 0.71 s.
    assert!((page.wall - 1.46).abs() < 1e-9, "{}", page.wall);
    let slowest: Vec<u64> = page.slowest.iter().map(|fall| fall.n).collect();
    assert_eq!(slowest, [3, 2, 1, 0]);
    let phases: Vec<&str> = page.slowest[0].phases.iter().map(|phase| phase.name).collect();
    assert_eq!(phases, ["name", "connect", "tls", "wait", "body"]);
    let hosts: Vec<(&str, u64)> =
        page.hosts.iter().map(|host| (host.host.as_str(), host.targets)).collect();
    assert_eq!(hosts, [("host0.example", 2), ("host2.example", 1), ("host1.example", 1)]);
    assert_eq!(page.rows.len(), 3);
    insta::assert_snapshot!(markdown(&page));
}

#[test]
fn nothing_from_outside_is_markup() {
    let page = page(|_| {});
    let html = html(&page);
    // Its own script, and no other.
    assert_eq!(html.matches("<script").count(), 1);
    assert!(html.contains("Prices &#38; &#60;more&#62;"), "the title is escaped");
    assert!(!html.contains("href=\"javascript:"), "only http and https are linked");
    for outside in ["src=", "url(", "@import", "<link"] {
        assert!(!html.contains(outside), "{outside} would load something");
    }
}

#[test]
fn of_nothing_there_is_a_report_too() {
    let page = Digest::new(DigestSpec::default()).page(0);
    assert!(html(&page).contains("Nothing was tried."));
    assert!(markdown(&page).contains("0 targets"));
}
