//! Crawls of a site that knows its pages: exactly those, each once, in any number of loops.

#![expect(clippy::disallowed_methods, reason = "a test has no loop to stall")]

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Arc, Mutex, PoisonError};

use gather::core::config::{HostConcurrency, RobotsConfig};
use gather::core::crawl::{Canonical, DropParams, Limits, QueryOrder, TrapLimits};
use gather::core::{Outcome, Record};
use gather::crawl::{CrawlSpec, Duplicates, Nofollow, OfRobots, Sitemaps};
use gather::source::SourceSpec;
use gather::{Run, RunOptions, Summary, Url};
use gather_testkit::crawled::{self, Bounds, Fate};
use gather_testkit::{Page, Server, Site};

const ALIKE_MAX: u32 = 500;

fn site(pages: u64) -> Server {
    Server::start(Site { crawled_pages: pages, log_requests_max: 100_000, ..Site::default() })
}

fn bounds(depth_max: Option<u32>) -> Bounds {
    let repeats_max = TrapLimits::default().segment_repeats_max;
    Bounds { repeats_max, alike_max: ALIKE_MAX.into(), depth_max }
}

fn spec() -> CrawlSpec {
    let drop_params = DropParams::usual([]);
    CrawlSpec {
        canonical: Canonical { drop_params, query_order: QueryOrder::Kept },
        traps: TrapLimits { pattern_pages_max: ALIKE_MAX, ..TrapLimits::default() },
        ..CrawlSpec::default()
    }
}

fn options(starts: &[String], spec: CrawlSpec) -> RunOptions {
    let source = SourceSpec { arguments: starts.to_vec(), ..SourceSpec::default() };
    let mut options = RunOptions { source, crawl: Some(spec), ..RunOptions::default() };
    options.config.robots = Some(RobotsConfig::of("gather"));
    options.config.concurrency = NonZeroU32::new(20).expect("not zero");
    options.config.host_concurrency = HostConcurrency::Share;
    options
}

/// Runs it to its end: all records, and that each page has one.
fn run_with(mut options: RunOptions, meanwhile: impl FnOnce(&Run)) -> (Vec<Record>, Summary) {
    let records = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&records);
    options.on_record = Some(Box::new(move |record| {
        kept.lock().unwrap_or_else(PoisonError::into_inner).push(record.clone());
    }));
    let run = Run::start(options).expect("it starts");
    meanwhile(&run);
    let summary = run.wait().expect("it ends well");
    let mut records = std::mem::take(&mut *records.lock().unwrap_or_else(PoisonError::into_inner));
    records.sort_by_key(|record| record.n);
    (records, summary)
}

fn run(options: RunOptions) -> (Vec<Record>, Summary) {
    let (records, summary) = run_with(options, |_| {});
    assert_eq!(summary.inputs, records.len() as u64);
    assert!(records.iter().enumerate().all(|(n, record)| record.n == n as u64));
    (records, summary)
}

fn path(record: &Record) -> String {
    Url::parse(&record.url).expect("a URL").path().to_owned()
}

fn tag(record: &Record, name: &str) -> Option<String> {
    let tags = record.tags.as_ref().expect("every page has some");
    tags.iter().find(|(known, _)| &**known == name).map(|(_, value)| value.to_string())
}

/// What became of each page.
fn fates(records: &[Record]) -> BTreeMap<String, Fate> {
    let fate = |record: &Record| match record.outcome.error().map(|error| error.kind.as_str()) {
        None => Fate::Fetched,
        Some("blocked.robots") => Fate::Forbidden,
        Some("redirect.loop") => Fate::Lost,
        Some(other) => panic!("{other}: {record:?}"),
    };
    records.iter().map(|record| (path(record), fate(record))).collect()
}

#[test]
fn a_crawl_finds_exactly_the_pages_of_a_site() {
    for (pages, shards, depth_max) in [
        (2_000, 1, None),
        (2_000, 3, None),
        (2_000, 3, Some(0)),
        (2_000, 1, Some(3)),
        (2_000, 3, Some(6)),
        (2_000, 1, Some(1_000)),
        (1, 1, None),
    ] {
        let what = format!("{pages} pages, {shards} shards, depth {depth_max:?}");
        let server = site(pages);
        let mut spec = spec();
        spec.limits.depth_max = depth_max;
        let mut options = options(&[server.url("/site/aa/0")], spec);
        options.shards = NonZeroUsize::new(shards);
        let (records, summary) = run(options);
        assert_eq!(fates(&records), crawled::expected(pages, bounds(depth_max)), "{what}");
        let crawl = summary.crawl.expect("it is one");
        if depth_max.is_none() && pages > 1 {
            assert_eq!((crawl.trapped, crawl.left_out, crawl.sitemaps), (1, 0, 3), "{what}");
            assert!(crawl.links_nofollow >= pages && crawl.links_outside >= pages, "{crawl:?}");
        }
        for record in &records {
            let depth: u32 = tag(record, "depth").and_then(|d| d.parse().ok()).expect("a depth");
            assert!(depth_max.is_none_or(|most| depth <= most), "{what}: {record:?}");
            let is_sitemap = tag(record, "sitemap").is_some();
            assert!(tag(record, "parent").is_some() || depth == 0, "{record:?}");
            assert_eq!(is_sitemap, path(record).contains("/sitemap/"), "{record:?}");
            let is_duplicate = tag(record, "canonical").is_some();
            assert_eq!(is_duplicate, path(record).contains("/duplicate/"), "{record:?}");
        }
        let asked: Vec<String> = server.requests().into_iter().map(|r| r.target).collect();
        assert_eq!(asked.iter().filter(|target| *target == "/robots.txt").count(), 1, "{what}");
        let wrong = |target: &&String| target.contains("private") || target.contains("hidden");
        assert_eq!(asked.iter().find(wrong), None, "{what}");
        assert!(!asked.iter().any(|target| target.contains('?')), "sessions are dropped");
    }
}

/// A site of these pages, crawled from `/`: the paths that were asked for.
fn asked(pages: &[(&str, &str)], change: impl FnOnce(&mut CrawlSpec, &str)) -> Vec<String> {
    let mut site = Site::default();
    for (path, body) in pages {
        site = site.page(path, Page::html(body));
    }
    let server = Server::start(site);
    let mut spec = CrawlSpec::default();
    change(&mut spec, &server.url("/"));
    let (records, _) = run(options(&[server.url("/")], spec));
    let mut paths: Vec<String> = records.iter().map(path).collect();
    paths.sort();
    paths
}

#[test]
fn what_is_followed() {
    type Change = fn(&mut CrawlSpec, &str);
    /// Pages and what they say, what is different, what is asked for.
    type Case<'a> = (&'a [(&'a str, &'a str)], Change, &'a [&'a str]);
    let named: Change = |spec, home| {
        let url = Url::parse(home).and_then(|url| url.join("/map")).expect("a URL");
        spec.sitemaps = Sitemaps { named: vec![url], of_robots: OfRobots::Left };
    };
    let cases: &[Case<'_>] = &[
        (&[("/", "<a href=/x>")], |_, _| (), &["/", "/x"]),
        (&[("/", "<a href=/x rel=nofollow>")], |_, _| (), &["/"]),
        (
            &[("/", "<a href=/x rel=nofollow>")],
            |spec, _| spec.nofollow = Nofollow::Ignored,
            &["/", "/x"],
        ),
        (
            &[("/", "<a href=/y>"), ("/y", "<link rel=canonical href=/z><a href=/x>")],
            |_, _| (),
            &["/", "/y", "/z"],
        ),
        (
            &[("/", "<a href=/y>"), ("/y", "<link rel=canonical href=/z><a href=/x>")],
            |spec, _| spec.duplicates = Duplicates::Ignored,
            &["/", "/x", "/y"],
        ),
        // Of another site, of itself.
        (&[("/", "<link rel=canonical href=//b.example/><a href=/x>")], |_, _| (), &["/", "/x"]),
        (&[("/", "<link rel=canonical href=/#a><a href=/x>")], |_, _| (), &["/", "/x"]),
        // The target of a redirect that names what redirected there.
        (
            &[
                ("/", "<a href='/redirect-to?url=%2Fend'>"),
                ("/end", "<link rel=canonical href='/redirect-to?url=%2Fend'><a href=/x>"),
            ],
            |_, _| (),
            &["/", "/redirect-to", "/x"],
        ),
        // A list is no deeper than its first page.
        (
            &[
                ("/", "<link rel=next href=/2>"),
                ("/2", "<a rel=next href=/3>"),
                ("/3", "<a href=/x>"),
            ],
            |spec, _| spec.limits.depth_max = Some(0),
            &["/", "/2", "/3"],
        ),
        (
            &[("/", "<a href=/a><a href=/b>")],
            |spec, _| spec.exclude = vec![gather::core::crawl::Glob::new("*/b")],
            &["/", "/a"],
        ),
        (
            &[("/", "<a href=/x>"), ("/map", "<urlset><url><loc>/y</loc></url></urlset>")],
            named,
            &["/", "/map", "/x", "/y"],
        ),
    ];
    for (pages, change, expected) in cases {
        assert_eq!(asked(pages, change), *expected, "{pages:?}");
    }
}

#[test]
fn a_crawl_stops_at_its_limits_and_when_told_to() {
    let server = site(500);
    let start = [server.url("/site/aa/0")];
    let mut limited = spec();
    limited.limits = Limits { pages_max: 50, ..Limits::default() };
    let (records, summary) = run(options(&start, limited));
    assert_eq!(records.len(), 50);
    assert!(summary.crawl.expect("one").left_out > 0);
    let mut limited = spec();
    limited.limits = Limits { bytes_max: 20_000, ..Limits::default() };
    let (records, summary) = run(options(&start, limited));
    let bytes: u64 = records.iter().map(|record| record.body_bytes).sum();
    assert!((20_000..100_000).contains(&bytes), "{bytes}");
    assert!(summary.crawl.expect("one").left_out > 0);
    // Nobody waits for a list that is told to end.
    let (records, summary) = run_with(options(&start, spec()), |run| {
        while server.hits() < 300 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        run.stop().now();
    });
    assert!(summary.pending > 0 && summary.inputs == records.len() as u64 + summary.pending);
}

#[test]
fn what_is_no_url_has_a_record_as_well() {
    let server = site(1);
    let starts =
        [server.url("/site/aa/0"), "ftp://a.example/".to_owned(), server.url("/site/aa/0")];
    let (records, summary) = run(options(&starts, spec()));
    assert_eq!(summary.skipped, 1);
    let broken = records.iter().find(|record| matches!(record.outcome, Outcome::Skipped(_)));
    let broken = broken.expect("one");
    assert_eq!((broken.n, broken.input()), (1, "ftp://a.example/"));
}
