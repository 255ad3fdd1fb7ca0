//! What holds for both databases: each scenario is written once and asks the same questions.

use gather_core::{ErrorKind, FieldValue};
use gather_store::{Existing, Position, SinkErrorKind};

use crate::records::{Database, decimal, failed, page, run, text, with_fields, with_tags};

/// All of them, one behind the other, each with runs of its own.
pub(crate) fn all(database: &dyn Database) {
    runs_are_added_and_views_answer(database);
    a_database_of_an_earlier_version_learns_new_columns(database);
    values_are_told_beside_those_before_them(database);
    a_run_goes_on_after_a_crash(database);
    jobs_have_typed_tables(database);
    rows_have_a_table_of_their_own(database);
    names_of_jobs_do_not_clash(database);
    two_runs_extend_a_table_together(database);
    members_choose_columns(database);
    bodies_are_stored_once(database);
    any_text_is_kept(database);
}

/// Asks, and says which question was answered otherwise. `{run}` is the run of this number.
fn check(database: &dyn Database, run: u64, cases: &[(&str, &str)]) {
    let id = format!("(SELECT id FROM run WHERE name LIKE '%-{run:06x}')");
    for (sql, expected) in cases {
        assert_eq!(database.ask(&sql.replace("{run}", &id)), *expected, "{sql}");
    }
}

fn runs_are_added_and_views_answer(database: &dyn Database) {
    let first: Vec<_> = (0..20)
        .map(|n| page(n, &format!("http://a.example/{n}"), 10 * (n + 1)))
        .chain([
            failed(20, "http://b.example/x", ErrorKind::TimeoutFirstByte),
            failed(21, "http://b.example/y", ErrorKind::TimeoutFirstByte),
            failed(22, "http://c.example:81/", ErrorKind::ConnectRefused),
        ])
        .collect();
    let position = database.write(&run(1, None), &first);
    assert_eq!(position, Position { parts: 0, bytes: 0, records: 23 });
    // One page is gone, one host came back, one page is as it was, one URL is new.
    let mut gone = page(3, "http://a.example/3", 5);
    gone.status_code = 404;
    let second = [
        gone,
        page(4, "http://a.example/4", 7),
        page(9, "http://b.example/x", 8),
        page(5, "http://new.example/", 1),
    ];
    database.write(&run(2, None), &second);
    check(
        database,
        1,
        &[
            ("SELECT records, ok, failed, skipped FROM run ORDER BY id", "23|20|3|0\n4|4|0|0"),
            ("SELECT count(*) FROM run WHERE finished_at IS NULL OR job IS NOT NULL", "0"),
            ("SELECT name FROM run ORDER BY id DESC LIMIT 1", "2026-11-21T10:02:00-000002"),
            ("SELECT count(*) FROM run WHERE CAST(settings AS text) LIKE '%concurrency%50%'", "2"),
            (
                "SELECT n, url, host, method, final_url, status_code, attempts, content_length, \
                 body_bytes, time_total FROM record WHERE run = {run} AND n = 4",
                "4|http://a.example/4|a.example|GET|http://a.example/4|200|1|1004|500|0.05",
            ),
            (
                "SELECT outcome, error_kind, error_message, host, status_code FROM record \
                 WHERE run = {run} AND n = 22",
                "failed|connect.refused|it is gone|c.example:81|",
            ),
            ("SELECT count(*) FROM latest", "24"),
            ("SELECT n, status_code FROM latest WHERE url = 'http://a.example/3'", "3|404"),
            (
                "SELECT error_kind, records, hosts, example_url FROM failure \
                 WHERE run = {run} ORDER BY records",
                "connect.refused|1|1|http://c.example:81/\n\
                 timeout.first_byte|2|1|http://b.example/x",
            ),
            (
                "SELECT records, ok, failed, time_p50, time_p95, time_max, slowest_url FROM host \
                 WHERE run = {run} AND host = 'a.example'",
                "20|20|0|0.1|0.19|0.2|http://a.example/19",
            ),
            (
                "SELECT records, ok, failed, time_p50 FROM host \
                 WHERE run = {run} AND host = 'b.example'",
                "2|0|2|",
            ),
            (
                "SELECT url, outcome, before_outcome, status_code, before_status_code \
                 FROM changed ORDER BY url",
                "http://a.example/3|ok|ok|404|200\nhttp://b.example/x|ok|failed|200|",
            ),
        ],
    );
}

/// An earlier version is one that lacked a column.
fn a_database_of_an_earlier_version_learns_new_columns(database: &dyn Database) {
    database.ask("DROP VIEW latest");
    database.ask("DROP VIEW field_history");
    database.ask("ALTER TABLE record DROP COLUMN preview");
    database.ask("CREATE VIEW latest AS SELECT record.* FROM record");
    let mut record = page(0, "http://learns.example/", 1);
    record.body = Some("seen".into());
    database.write_members("+preview", &run(60, None), &[record]);
    let of_view = "SELECT preview FROM latest WHERE url = 'http://learns.example/'";
    let of_table = "SELECT preview FROM record WHERE run = {run}";
    let history = "SELECT count(*) FROM field_history WHERE run = {run}";
    check(database, 60, &[(of_view, "seen"), (of_table, "seen"), (history, "0")]);
}

fn values_are_told_beside_those_before_them(database: &dyn Database) {
    let prices = [Some("12.00"), Some("9.50"), None, Some("9.50")];
    for (at, price) in (70..).zip(prices) {
        let price = price.map_or(FieldValue::Null, decimal);
        let record = with_fields(page(0, "http://told.example/", 1), &[("price", price)]);
        database.write(&run(at, None), &[record]);
    }
    let history = "SELECT name, value, CAST(number * 100 AS int), before_value, \
                   CAST(before_number * 100 AS int) FROM field_history \
                   WHERE url = 'http://told.example/' ORDER BY run";
    // A page that did not match has no value, and the one before it stays the one before.
    let told = "price|12.00|1200||\nprice|9.50|950|12.00|1200\nprice|9.50|950|9.50|950";
    check(database, 70, &[(history, told)]);
}

fn a_run_goes_on_after_a_crash(database: &dyn Database) {
    let about = run(3, None);
    let target = |n: u64| page(n, &format!("http://crash.example/{n}"), 1);
    let first = |n: u64| {
        let fields = [("price", decimal("1.00")), ("stock", FieldValue::Int(1))];
        with_fields(target(n), &fields)
    };
    let mut sink = database.open(Existing::Refuse, &about).unwrap();
    (0..3).for_each(|n| sink.write(&first(n)).unwrap());
    let committed = sink.commit().unwrap();
    assert_eq!(committed.records, 3);
    // Two more reach the database, of which the journal never hears, and one does not.
    (3..5).for_each(|n| sink.write(&first(n)).unwrap());
    sink.commit().unwrap();
    sink.write(&first(5)).unwrap();
    drop(sink);
    check(
        database,
        3,
        &[("SELECT count(*) FROM run WHERE id = {run} AND finished_at IS NULL", "1")],
    );
    // Fetched again there is another price, and no stock.
    let again = |n: u64| with_fields(target(n), &[("price", decimal("2.50"))]);
    let mut sink = database.open(Existing::Resume(committed), &about).unwrap();
    sink.write(&again(3)).unwrap();
    // What was there already is not counted twice: a second crash would find too few.
    let committed = sink.commit().unwrap();
    assert_eq!(committed.records, 4);
    drop(sink);
    let mut sink = database.open(Existing::Resume(committed), &about).unwrap();
    (4..8).for_each(|n| sink.write(&again(n)).unwrap());
    assert_eq!(sink.finish().unwrap().records, 8);
    check(
        database,
        3,
        &[
            ("SELECT count(*), count(DISTINCT n), max(n) FROM record WHERE run = {run}", "8|8|7"),
            ("SELECT records, ok FROM run WHERE id = {run} AND finished_at IS NOT NULL", "8|8"),
            (
                "SELECT name, count(*), CAST(sum(number) * 100 AS int) FROM field \
                 WHERE run = {run} GROUP BY name ORDER BY name",
                "price|8|1550\nstock|3|300",
            ),
            ("SELECT count(price), count(stock) FROM result WHERE run = {run}", "8|3"),
        ],
    );
    // A run of which nothing was committed may be begun by a resume; one that lost rows may not.
    let nothing = Existing::Resume(Position::default());
    assert_eq!(database.open(nothing, &run(4, None)).unwrap().finish().unwrap().records, 0);
    let lost = Existing::Resume(Position { records: 9, ..Position::default() });
    for about in [&about, &run(99, None)] {
        let error = database.open(lost, about).err().unwrap();
        assert_eq!(error.kind, SinkErrorKind::RunMissing, "{error}");
    }
}

fn jobs_have_typed_tables(database: &dyn Database) {
    let item = |n: u64, fields: &[(&str, FieldValue)]| {
        let page = page(n, &format!("http://shop.example/{n}"), 1);
        with_tags(with_fields(page, fields), &[("sku", "A17"), ("url", "tag")])
    };
    let first = [
        item(0, &[("price", decimal("1299.00")), ("in stock", FieldValue::Bool(true))]),
        item(1, &[("price", text("on request")), ("in stock", FieldValue::Null)]),
        item(2, &[("price", FieldValue::Int(5)), ("colours", FieldValue::List(vec![text("red")]))]),
        page(3, "http://shop.example/3", 1),
        with_tags(failed(4, "http://shop.example/4", ErrorKind::Cancelled), &[("sku", "B2")]),
    ];
    database.write(&run(10, Some("Shop Prices")), &first);
    check(
        database,
        10,
        &[
            ("SELECT table_name FROM job WHERE name = 'Shop Prices'", "shop_prices"),
            (
                "SELECT n, CAST(price * 100 AS int), price_text, sku, url_tag FROM shop_prices \
                 WHERE run = {run} ORDER BY n",
                "0|129900||A17|tag\n1||on request|A17|tag\n2|500||A17|tag\n4|||B2|",
            ),
            (
                "SELECT n FROM shop_prices WHERE price BETWEEN 4 AND 1300 ORDER BY price DESC",
                "0\n2",
            ),
            ("SELECT count(*) FROM shop_prices WHERE in_stock", "1"),
            ("SELECT colours FROM shop_prices WHERE n = 2", "[\"red\"]"),
            (
                "SELECT origin, type, name FROM job_column WHERE table_name = 'shop_prices' \
                 AND column_name LIKE 'price%' ORDER BY column_name",
                "field|number|price\nfield|text|price",
            ),
        ],
    );
    // A later run finds its columns and adds one, in the middle of a group begun without it.
    let mut sink = database.open(Existing::Refuse, &run(11, Some("Shop Prices"))).unwrap();
    sink.write(&item(0, &[("price", FieldValue::Int(7))])).unwrap();
    sink.write(&item(1, &[("rating", FieldValue::Int(4)), ("price", FieldValue::Int(3))])).unwrap();
    sink.commit().unwrap();
    sink.write(&item(2, &[("vat", decimal("0.19"))])).unwrap();
    sink.finish().unwrap();
    let rows = "SELECT n, price, rating, vat FROM shop_prices WHERE run = {run} ORDER BY n";
    check(database, 11, &[(rows, "0|7||\n1|3|4|\n2|||0.19")]);
}

fn names_of_jobs_do_not_clash(database: &dyn Database) {
    database.ask("CREATE TABLE mine (x int)");
    let record = with_tags(page(0, "http://a.example/", 1), &[("sku", "A17")]);
    for (number, job, expected) in [(12, "record", "record_job"), (13, "mine", "mine_job")] {
        database.write(&run(number, Some(job)), std::slice::from_ref(&record));
        let table = format!("SELECT table_name FROM job WHERE name = '{job}'");
        assert_eq!(database.ask(&table), expected);
        assert_eq!(database.ask(&format!("SELECT sku FROM {expected}")), "A17");
    }
}

/// Each meets a column of its own first, and one of both.
fn two_runs_extend_a_table_together(database: &dyn Database) {
    let item =
        |n, fields: &[(&str, FieldValue)]| with_fields(page(n, "http://a.example/", 1), fields);
    let open = |number| database.open(Existing::Refuse, &run(number, Some("two"))).unwrap();
    let (mut left, mut right) = (open(14), open(15));
    left.write(&item(0, &[("a", FieldValue::Int(1)), ("shared", text("l"))])).unwrap();
    right.write(&item(0, &[("shared", text("r")), ("b", FieldValue::Int(2))])).unwrap();
    left.commit().unwrap();
    right.commit().unwrap();
    left.write(&item(1, &[("b", FieldValue::Int(3))])).unwrap();
    left.finish().unwrap();
    right.finish().unwrap();
    let all = "SELECT n, a, b, shared FROM two ORDER BY run, n";
    assert_eq!(database.ask(all), "0|1||l\n1||3|\n0||2|r");
}

fn members_choose_columns(database: &dyn Database) {
    let mut record = with_tags(page(0, "http://few.example/", 1), &[("a", "1"), ("b", "2")]);
    record.headers = Some(Box::new(vec![("ETag".into(), "x".into()), ("Age".into(), "1".into())]));
    record.body = Some("<title>\u{e9}</title>".into());
    let members = "url,title,tags.b,headers.etag,num_redirects";
    database.write_members(members, &run(20, None), &[record]);
    check(
        database,
        20,
        &[(
            "SELECT url, host, title, replace(CAST(tags AS text), ' ', ''), \
             replace(CAST(headers AS text), ' ', ''), num_redirects, outcome, status_code, input, \
             sha256 FROM record WHERE run = {run}",
            "http://few.example/|few.example|\u{e9}|{\"b\":\"2\"}|{\"etag\":\"x\"}|0|ok|||",
        )],
    );
}

fn bodies_are_stored_once(database: &dyn Database) {
    let with_body = |n: u64, body: &'static [u8]| {
        let mut record = page(n, "http://body.example/", 1);
        record.body = Some(body.into());
        record
    };
    let bare = page(3, "http://body.example/", 1);
    let records = [with_body(0, b"ab"), with_body(1, b"\xff\0"), with_body(2, b"ab"), bare];
    database.write_members("+body", &run(30, None), &records);
    check(
        database,
        30,
        &[
            (
                "SELECT n, body.bytes, body.content_type, length(body.body) FROM record \
                 LEFT JOIN body ON body.sha256 = record.sha256 WHERE run = {run} ORDER BY n",
                "0|2|text/html|2\n1|2|text/html|2\n2|2|text/html|2\n3|||",
            ),
            ("SELECT count(*) FROM body", "2"),
            (
                "SELECT sha256 FROM record WHERE run = {run} AND n = 0",
                "fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603",
            ),
        ],
    );
}

/// Whatever pages and lists hold: nothing ends a run.
fn any_text_is_kept(database: &dyn Database) {
    let long = format!("http://long.example/{}", "x".repeat(8000));
    let mut odd = with_tags(page(0, &long, 1), &[("a\0b", "x\0y"), ("quote\"'", "\\u0000")]);
    odd.body = Some(r#"{"nul":"\u0000\\u0000"}"#.into());
    odd.content_type = Some("a\0b".into());
    let fields =
        [("n\0", text("\0")), ("", decimal("not a number")), ("big", decimal(&"9".repeat(40)))];
    let mut empty = page(0, "", 0);
    empty.n = u64::MAX;
    let job = Some("\u{1f600}");
    database.write_members("+json,+body", &run(40, job), &[with_fields(odd, &fields), empty]);
    check(
        database,
        40,
        &[
            (
                "SELECT length(url), host, replace(CAST(json AS text), '\\', '') FROM record \
                 WHERE run = {run} AND n = 0",
                "8020|long.example|{\"nul\":\"u0000u0000\"}",
            ),
            ("SELECT n FROM record WHERE run = {run} AND n > 0", "9223372036854775807"),
            ("SELECT name FROM field WHERE run = {run} AND number IS NOT NULL", "big"),
            ("SELECT value FROM field WHERE run = {run} AND name = ''", "not a number"),
            ("SELECT value FROM field WHERE run = {run} AND name = 'big'", &"9".repeat(40)),
            ("SELECT table_name FROM job WHERE name = '\u{1f600}'", "result_job"),
            ("SELECT quote FROM result_job WHERE run = {run}", "\\u0000"),
        ],
    );
}

fn rows_have_a_table_of_their_own(database: &dyn Database) {
    let row = |name: &str, price: FieldValue| {
        vec![
            ("name".into(), text(name)),
            ("row".into(), FieldValue::Int(7)),
            ("price".into(), price),
        ]
    };
    let listing = |n: u64, count: usize| {
        let mut page = page(n, &format!("http://shop.example/{n}"), 1);
        page.rows = (0..count).map(|at| row(&format!("{n}/{at}"), decimal("1.50"))).collect();
        page
    };
    let about = run(70, Some("Shop"));
    let mut sink = database.open(Existing::Refuse, &about).unwrap();
    for n in 0..4 {
        sink.write(&listing(n, 3)).unwrap();
    }
    let committed = sink.commit().unwrap();
    drop(sink);
    // Written again after a crash, a page has fewer rows, and one has a price of another kind.
    let mut sink = database.open(Existing::Resume(committed), &about).unwrap();
    let mut again = listing(4, 2);
    again.rows[1] = row("odd", text("on request"));
    for page in [listing(3, 1), again, listing(5, 0)] {
        sink.write(&page).unwrap();
    }
    sink.finish().unwrap();
    check(
        database,
        70,
        &[
            ("SELECT table_name FROM job WHERE name = 'Shop (rows)'", "shop_row"),
            (
                "SELECT n, count(*), max(row) FROM shop_row WHERE run = {run} GROUP BY n ORDER BY n",
                "0|3|3\n1|3|3\n2|3|3\n3|1|1\n4|2|2",
            ),
            (
                "SELECT url, name, row_number, CAST(price * 100 AS int), price_text FROM shop_row \
                 WHERE run = {run} AND n = 4 ORDER BY row",
                "http://shop.example/4|4/0|7|150|\nhttp://shop.example/4|odd|7||on request",
            ),
            ("SELECT count(*) FROM shop_row WHERE fetched_at IS NULL", "0"),
        ],
    );
    let mut page = listing(0, 1);
    page.final_url = Some("http://www.shop.example/".into());
    database.write(&run(71, None), &[page]);
    let url = "SELECT url, name FROM result_row WHERE run = {run}";
    check(database, 71, &[(url, "http://www.shop.example/|0/0")]);
}
