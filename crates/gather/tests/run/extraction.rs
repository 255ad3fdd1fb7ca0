//! Fields and rows found in pages: against what the pages were made from, which no parser has seen.

use std::path::Path;
use std::sync::Arc;

use gather::core::config::{StatusSet, StopRule};
use gather::core::{ErrorKind, FieldValue, Record};
use gather::extract::{Rules, RulesSpec};
use gather::source::{Format, InputFile, InputPath};
use gather::store::{Fields, OutputSpec};
use gather::summary::Ended;
use gather_testkit::{Page, Server, Site};
use serde_json::{Value, json};

use crate::bed::{Bed, Pending, bed, jsonl};

const PAGES: usize = 150;
const ROWS: usize = 20;

fn rules(each: Option<&str>, fields: &[&str], page: &[&str]) -> Arc<Rules> {
    let spec = |rules: &[&str]| {
        let mut spec = RulesSpec::default();
        rules.iter().for_each(|rule| spec.add(rule).expect("it has a name"));
        spec.fields
    };
    let spec = RulesSpec { each: each.map(Into::into), fields: spec(fields), page: spec(page) };
    Arc::new(Rules::compile(&spec).expect("good rules"))
}

fn html(body: String) -> Page {
    let headers = vec![("content-type".to_owned(), "text/html; charset=utf-8".to_owned())];
    Page { status: 200, headers, body: body.into_bytes() }
}

/// What stands in one row of one page.
fn row(page: usize, row: usize) -> (String, u64, String) {
    let cents = (page * 7919 + row * 104_729) % 10_000_000;
    (format!("Lamp & Co <{page}>, №{row}"), page as u64 * 100 + row as u64, {
        format!("{}.{:02}", cents / 100, cents % 100)
    })
}

/// A page with its rows, as shops write them.
fn listing(page: usize) -> Page {
    let mut body = format!("<!doctype html><html lang=de><title>Page {page}</title><ul>");
    for at in 0..ROWS {
        let (name, sku, price) = row(page, at);
        let name = name.replace('&', "&amp;").replace('<', "&lt;");
        let (euros, cents) = price.split_once('.').expect("a decimal");
        let thousands = euros.len().saturating_sub(3);
        let euros = match thousands {
            0 => euros.to_owned(),
            at => format!("{}.{}", &euros[..at], &euros[at..]),
        };
        body += &format!(
            "<li class='card x' data-sku={sku}><h3>\n  {name}</h3><b class=price>{euros},{cents} €</b>"
        );
    }
    html(body)
}

fn shop() -> Site {
    let mut site = Site::default().on_hosts(3);
    site.pages.extend((0..PAGES).map(|page| (format!("/list/{page}"), listing(page))));
    site
}

fn with_rules(mut bed: Bed, rules: &Arc<Rules>) -> Bed {
    bed.options.extract = Some(Arc::clone(rules));
    bed
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("the output is there");
    text.lines().map(|line| serde_json::from_str(line).expect("whole lines of JSON")).collect()
}

fn message(record: &Record) -> &str {
    record.outcome.error().map_or("", |error| &error.message)
}

#[test]
fn rows_and_fields_are_what_the_pages_were_made_from() {
    let rules = rules(
        Some("css:li.card | required"),
        &["name=css:h3 | required", "sku=int:css:@data-sku", "price=price:css:.price | required"],
        &["title=title", "kind=header:content-type"],
    );
    for shards in [1, 3] {
        let (dir, server) = (tempfile::tempdir().expect("a folder"), Server::start(shop()));
        let path = dir.path().join("rows.jsonl");
        let names = rules.names(gather::extract::Of::Row);
        let rows = OutputSpec { fields: Fields::of_rows(names), ..jsonl(&path) };
        let urls = (0..PAGES).map(|page| server.url_on(page % 3, &format!("/list/{page}")));
        let done = with_rules(bed(urls).concurrency(20).shards(shards), &rules)
            .output(rows)
            .run()
            .all_ok(PAGES);
        for record in &done.records {
            let fields = record.fields.as_deref().expect("the page has fields");
            let title = FieldValue::Text(format!("Page {}", record.n).into());
            assert_eq!(fields[0], ("title".into(), title));
            assert_eq!(fields[1].1, FieldValue::Text("text/html; charset=utf-8".into()));
            // They were kept for the rules, and nobody else asked for them.
            assert_eq!((&record.body, &record.headers), (&None, &None));
        }
        let mut found: Vec<_> = lines(&path)
            .into_iter()
            .map(|line| (line["n"].as_u64(), line["row"].as_u64(), line["fields"].clone()))
            .collect();
        found.sort_by_key(|(n, row, _)| (*n, *row));
        let made = (0..PAGES).flat_map(|page| (0..ROWS).map(move |at| (page, at)));
        let made: Vec<_> = made
            .map(|(page, at)| {
                let (name, sku, price) = row(page, at);
                let fields = json!({ "name": name, "sku": sku, "price": price, "currency": "EUR" });
                (Some(page as u64), Some(at as u64 + 1), fields)
            })
            .collect();
        assert!(found == made, "{shards} shards: {} rows of {}", found.len(), made.len());
    }
}

#[test]
fn targets_with_rules_of_their_own_are_searched_for_those_as_well() {
    let (dir, server) = (tempfile::tempdir().expect("a folder"), Server::start(shop()));
    let of_all = rules(None, &["title=title", "price=price:css:.price"], &[]);
    let sku = r#"{"sku": "int:css:li@data-sku", "kind": "header:content-type"}"#;
    let own = [sku, r#"{"title": "css:h3"}"#, r#"{"none": "css:.none | required"}"#];
    for (rules, shards) in [(None, 1), (Some(&of_all), 1), (None, 3)] {
        let list = dir.path().join("list.jsonl");
        let line = |page: usize| {
            let extract =
                own.get(page % 4).map_or(String::new(), |own| format!(", \"extract\": {own}"));
            format!("{{\"url\": \"{}\"{extract}}}\n", server.url(&format!("/list/{page}")))
        };
        std::fs::write(&list, (0..40).map(line).collect::<String>()).expect("written");
        let mut bed = bed(Vec::<String>::new()).shards(shards);
        let path = InputPath::File(list);
        bed.options.source.files.push(InputFile { path, format: Format::Auto });
        bed.options.extract = rules.cloned();
        let done = bed.run().accounts_for(40, Pending::None);
        for record in &done.records {
            let page = usize::try_from(record.n).expect("small");
            let found: Vec<_> = record.fields.iter().flat_map(|fields| fields.iter()).collect();
            let value = |name: &str| {
                let mut named = found.iter().filter(|(known, _)| &**known == name);
                let value = named.next().and_then(|(_, value)| value.as_text());
                assert!(named.next().is_none(), "{name} is there twice");
                value.map(|text| text.into_owned())
            };
            let (name, sku, _) = row(page, 0);
            let title = rules.map(|_| format!("Page {page}"));
            let kind = "text/html; charset=utf-8".to_owned();
            let expected = match page % 4 {
                0 => (title, Some(sku.to_string()), Some(kind)),
                1 => (Some(name), None, None),
                _ => (title, None, None),
            };
            assert_eq!((value("title"), value("sku"), value("kind")), expected, "page {page}");
            assert_eq!(value("price").is_some(), rules.is_some(), "page {page}");
            let is_without = record.outcome.error().map(|error| error.kind);
            let without = (page % 4 == 2).then_some(ErrorKind::ExtractFailed);
            assert_eq!(is_without, without, "page {page}: {}", message(record));
            // They were kept for the rules, and nobody else asked for them.
            assert_eq!((&record.body, &record.headers), (&None, &None));
        }
    }
}

#[test]
fn a_missing_field_or_a_hostile_page_fails_its_own_record_only() {
    let mut site = shop();
    site.pages.insert("/none".into(), html("<h1>no price</h1>".into()));
    site.pages.insert("/deep".into(), html("<div>".repeat(1_000_000)));
    site.pages.insert("/gone".into(), Page { status: 404, ..listing(1) });
    let server = Server::start(site);
    let rules = rules(None, &["price=price:css:.price | required", "title=title"], &[]);
    let paths = ["/list/1", "/none", "/deep", "/gone", "/list/2"];
    let accept = StatusSet::new(vec![200..=200, 404..=404]);
    let done = with_rules(bed(paths.map(|path| server.url(path))), &rules)
        .config(|config| config.accept = accept)
        .run()
        .accounts_for(5, Pending::None);
    let told: Vec<_> = (0..5)
        .map(|n| {
            let record = done.record(n);
            (record.outcome.as_str(), record.status_code, message(record), record.fields.is_some())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("ok", 200, "", true),
            ("failed", 200, "rule 'price' found nothing", true),
            ("failed", 200, "the page nests more than 1024 elements", false),
            // Only what answered well is looked into.
            ("ok", 404, "", false),
            ("ok", 200, "", true),
        ]
    );
    let kinds = done.records.iter().filter_map(|record| record.outcome.error());
    assert!(kinds.clone().all(|error| error.kind == ErrorKind::ExtractFailed && !error.retryable));
    assert_eq!(kinds.count(), 2);
}

#[test]
fn a_body_is_kept_for_whoever_asked_for_it() {
    let (dir, server) = (tempfile::tempdir().expect("a folder"), Server::start(shop()));
    let rules = rules(None, &["title=title"], &[]);
    let path = dir.path().join("all.jsonl");
    let fields = Fields::parse("n,fields,fields.title,body").expect("known");
    let output = OutputSpec { fields, ..jsonl(&path) };
    with_rules(bed([server.url("/list/7")]), &rules).output(output).run().all_ok(1);
    let line = &lines(&path)[0];
    assert_eq!(line["fields"], json!({ "title": "Page 7" }));
    let page = String::from_utf8(listing(7).body).expect("text");
    assert_eq!(line["body"], json!(page));
}

#[test]
fn pages_wait_within_the_memory_for_bodies() {
    let server = Server::start(shop());
    let rules = rules(Some("css:li"), &["name=css:h3"], &[]);
    let urls = (0..1_000).map(|n| server.url_on(n % 3, &format!("/list/{}", n % PAGES)));
    let done = with_rules(bed(urls).concurrency(50), &rules)
        .config(|config| config.caps.memory_bytes_max = 20_000)
        .run()
        .all_ok(1_000);
    assert!(done.summary.bodies_bytes_max <= 100_000, "{}", done.summary.bodies_bytes_max);
}

#[test]
fn a_failed_extraction_counts_as_a_failure() {
    let server = Server::start(shop());
    let rules = rules(None, &["x=css:.none | required"], &[]);
    let urls = (0..20_000).map(|n| server.url_on(n % 3, &format!("/list/{}", n % PAGES)));
    let done = with_rules(bed(urls), &rules)
        .config(|config| config.stop = StopRule::FirstFailure)
        .run()
        .accounts_for(20_000, Pending::None);
    assert_eq!(done.summary.ended, Ended::FailFast);
    assert!(done.count("cancelled") > 0 && done.count("extract.failed") > 0);
}

#[cfg(feature = "sqlite")]
#[test]
fn what_a_cache_spares_is_searched_like_what_is_fetched() {
    let server = Server::start(Site::default());
    let rules = rules(None, &["text=regex:(?s).+ | required"], &[]);
    for (path, again) in [("etag=a", "revalidated"), ("cc=max-age%3D600", "fresh")] {
        let dir = tempfile::tempdir().expect("a folder");
        let once = || {
            let mut bed = with_rules(bed([server.url(&format!("/validated?{path}"))]), &rules);
            bed.options.cache = Some(dir.path().join("cache.db"));
            bed.options.bodies = Some(dir.path().join("bodies"));
            bed.run()
        };
        let (first, second) = (once(), once());
        let record = second.record(0);
        assert_eq!(record.cache.map(|done| done.as_str()), Some(again));
        assert!(record.fields.is_some() && record.fields == first.record(0).fields, "{path}");
        // Without its body an answer is of no use to the rules, and is asked for anew.
        std::fs::remove_dir_all(dir.path().join("bodies")).expect("it was there");
        let third = once();
        assert_eq!(third.record(0).cache, first.record(0).cache, "{path}");
        assert_eq!(third.record(0).fields, first.record(0).fields, "{path}");
    }
}
