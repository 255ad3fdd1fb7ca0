//! Crawls of a site that knows its pages: exactly those, each once, in any number of loops.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use gather::core::config::RobotsConfig;
use gather::core::crawl::{Canonical, DropParams, Limits, QueryOrder};
use gather::core::{Outcome, Record};
use gather::crawl::{CrawlError, CrawlSpec, CrawlSummary, Nofollow, crawl};
use gather::{Engine, EngineOptions, Url};
use gather_testkit::{Page, Server, Site, crawled};

const PAGES: u64 = 2_000;

fn server(pages: u64) -> Server {
    let robots =
        Page { status: 200, headers: Vec::new(), body: crawled::ROBOTS.as_bytes().to_vec() };
    let site = Site { crawled_pages: pages, log_requests_max: 100_000, ..Site::default() };
    Server::start(site.page("/robots.txt", robots))
}

fn engine(shards: usize) -> Engine {
    let mut options = EngineOptions::with_concurrency(20);
    options.shards = std::num::NonZeroUsize::new(shards);
    options.config.robots = Some(RobotsConfig::of("gather"));
    Engine::start(options).expect("it starts")
}

fn spec(server: &Server) -> CrawlSpec {
    let start = Url::parse(&server.url("/site/p/0")).expect("a URL");
    let mut spec = CrawlSpec::new([start]);
    let drop_params = DropParams::usual([]);
    spec.canonical = Canonical { drop_params, query_order: QueryOrder::Kept };
    spec
}

fn path(record: &Record) -> String {
    Url::parse(&record.url).expect("a URL").path().to_owned()
}

/// Crawls to the end; all records, and that each page has one.
fn run(engine: &Engine, spec: CrawlSpec) -> (Vec<Record>, CrawlSummary) {
    let mut records = Vec::new();
    let told = crawl(engine, spec, |record| {
        records.push(record);
        ControlFlow::Continue(())
    })
    .expect("it ends well");
    assert_eq!(told.records, records.len() as u64);
    assert_eq!(told.found, told.records + told.trapped + told.left, "{told:?}");
    let numbers: BTreeSet<u64> = records.iter().map(|record| record.n).collect();
    assert_eq!(numbers.len(), records.len(), "a page has two records");
    (records, told)
}

#[test]
fn a_crawl_finds_exactly_the_pages_of_a_site() {
    for shards in [1, 3] {
        let server = server(PAGES);
        let (records, told) = run(&engine(shards), spec(&server));
        let is_ok = |record: &&Record| matches!(record.outcome, Outcome::Ok);
        let fetched: BTreeSet<String> = records.iter().filter(is_ok).map(path).collect();
        let repeats_max = gather::core::crawl::TrapLimits::default().segment_repeats_max;
        assert_eq!(fetched, crawled::crawled(PAGES, repeats_max));
        let refused: Vec<&Record> = records.iter().filter(|record| !is_ok(record)).collect();
        let kind = |record: &Record| record.outcome.error().map(|error| error.kind.as_str());
        assert!(refused.iter().all(|record| kind(record) == Some("blocked.robots")));
        let forbidden: BTreeSet<String> = refused.into_iter().map(path).collect();
        assert_eq!(forbidden, crawled::forbidden(PAGES));
        assert_eq!((told.trapped, told.left), (0, 0));
        assert!(told.links_nofollow >= PAGES && told.links_outside >= PAGES);
        let asked: Vec<String> = server.requests().into_iter().map(|r| r.target).collect();
        assert_eq!(asked.iter().filter(|target| *target == "/robots.txt").count(), 1);
        let wrong = |target: &&String| target.contains("private") || target.contains("hidden");
        assert_eq!(asked.iter().find(wrong), None);
        assert!(!asked.iter().any(|target| target.contains('?')), "sessions are dropped");
    }
}

#[test]
fn depth_and_parent_are_told_and_limited() {
    let server = server(500);
    for depth_max in [0, 1, 3] {
        let mut spec = spec(&server);
        spec.limits.depth_max = Some(depth_max);
        let (records, _) = run(&engine(1), spec);
        let tag = |record: &Record, name: &str| {
            let tags = record.tags.as_ref().expect("every page has some");
            let tag = tags.iter().find(|(known, _)| &**known == name);
            tag.map(|(_, value)| value.to_string())
        };
        for record in &records {
            let depth: u32 = tag(record, "depth").and_then(|d| d.parse().ok()).expect("a depth");
            assert!(depth <= depth_max);
            assert_eq!(tag(record, "parent").is_some(), depth > 0, "{record:?}");
        }
        if depth_max == 0 {
            assert_eq!(records.len(), 1);
        }
    }
}

#[test]
fn a_crawl_stops_at_its_limits_and_when_told_to() {
    let server = server(500);
    let mut limited = spec(&server);
    limited.limits = Limits { pages_max: 50, ..Limits::default() };
    let (records, told) = run(&engine(1), limited);
    assert_eq!(records.len(), 50);
    assert!(told.left > 0);
    let mut seen = 0;
    let told = crawl(&engine(1), spec(&server), |_| {
        seen += 1;
        if seen == 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .expect("breaking off is no error");
    assert_eq!((told.records, seen), (10, 10));
    let engine = engine(1);
    let stop = engine.stop();
    let stopped = crawl(&engine, spec(&server), |_| {
        stop.now();
        ControlFlow::Continue(())
    });
    assert!(matches!(stopped, Err(CrawlError::Stopped(_))), "{stopped:?}");
}

#[test]
fn nofollow_may_be_ignored() {
    let server = server(50);
    let mut spec = spec(&server);
    spec.nofollow = Nofollow::Ignored;
    let (records, told) = run(&engine(1), spec);
    assert!(records.iter().any(|record| path(record).starts_with("/site/hidden/")));
    assert_eq!(told.links_nofollow, 0);
}
