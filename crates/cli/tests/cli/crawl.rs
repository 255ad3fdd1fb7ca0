//! Crawls from the outside: exactly the pages of a site that knows them, also killed and gone on with.

use std::collections::BTreeMap;
use std::process::Child;
use std::time::{Duration, Instant};

use gather_testkit::crawled::{self, Bounds, Fate};
use gather_testkit::{Page, Server, Site};
use serde_json::Value;

use crate::bench::{Bench, until};

const PAGES: u64 = 1_500;
/// As `--max-alike` and `--max-repeats` have it.
const BOUNDS: Bounds = Bounds { repeats_max: 3, alike_max: 500, depth_max: None };

fn site(pages: u64) -> Server {
    Server::start(Site { crawled_pages: pages, log_requests_max: 0, ..Site::default() })
}

fn line(server: &Server, more: &str) -> String {
    let start = server.url("/site/aa/0");
    format!("crawl {start} --strip-sessions --max-alike 500 -c 20 -q -o r.jsonl {more}")
}

/// What became of each page; that each has one record, and is where the list of pages has it.
fn fates(bench: &Bench) -> BTreeMap<String, Fate> {
    let (results, pages) = (bench.read("r.jsonl"), bench.read("r.jsonl.pages"));
    let parsed =
        |line: &str| serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    let pages: Vec<Value> = pages.lines().map(parsed).collect();
    let mut fates = BTreeMap::new();
    for record in results.lines().map(parsed) {
        let n = usize::try_from(record["n"].as_u64().expect("a number")).expect("small");
        assert_eq!(record["url"], pages[n]["url"], "{record}");
        assert_eq!(record["tags"]["parent"], pages[n]["parent"], "{record}");
        let fate = match record["error"]["kind"].as_str() {
            None => Fate::Fetched,
            Some("blocked.robots") => Fate::Forbidden,
            Some("redirect.loop") => Fate::Lost,
            Some(_) => panic!("{record}"),
        };
        let url = record["url"].as_str().expect("a URL");
        let (_, path) = url.split_once("/site/").expect("of the site");
        let twice = fates.insert(format!("/site/{path}"), fate);
        assert_eq!(twice, None, "{record}");
    }
    assert_eq!(fates.len(), pages.len());
    fates
}

fn kill(mut child: Child) {
    child.kill().expect("it was running or is over");
    child.wait().expect("it is gone");
}

/// Waits until the server was asked so often more, or the program is at its end.
fn until_asked(server: &Server, child: &mut Child, more: u64) {
    let enough = server.hits() + more;
    let is_over = |child: &mut Child| child.try_wait().expect("it is ours").is_some();
    until("enough requests", || server.hits() >= enough || is_over(child));
}

#[test]
fn a_crawl_finds_exactly_the_pages_of_a_site_and_verifies() {
    let (server, bench) = (site(PAGES), Bench::new());
    let done = bench.line(&line(&server, "--summary s.json"));
    assert_eq!(done.code, 2, "{}", done.stderr);
    let expected = crawled::expected(PAGES, BOUNDS);
    assert_eq!(fates(&bench), expected);
    let summary: Value = serde_json::from_str(&bench.read("s.json")).expect("JSON");
    assert_eq!(summary["inputs"], expected.len());
    assert_eq!(
        (&summary["crawl"]["trapped"], &summary["crawl"]["sitemaps"]),
        (&1.into(), &3.into())
    );
    let again = bench.line(&line(&server, "--resume"));
    assert_eq!((again.code, server.hits()), (0, server.hits()), "{}", again.stderr);
    for verify in ["verify r.jsonl", "verify r.jsonl -i r.jsonl.pages"] {
        let verified = bench.line(verify);
        assert_eq!(verified.code, 0, "{}", verified.stdout);
        assert!(verified.stdout.contains("each of its input"), "{}", verified.stdout);
        assert!(!verified.stdout.contains("note:"), "{}", verified.stdout);
    }
    let all = bench.read("r.jsonl.pages");
    std::fs::write(bench.path("r.jsonl.pages"), &all[..all.len() / 2]).expect("written");
    assert_eq!(bench.line("verify r.jsonl -i r.jsonl.pages").code, 1);
}

/// A crawl of a large site, from its beginning to the end of its last part.
struct Show {
    pages: u64,
    depth_max: Option<u32>,
    kills: u64,
}

/// What it came to.
struct Shown {
    expected: BTreeMap<String, Fate>,
    /// What was asked for beyond the pages and what leads to them.
    repeated: u64,
    seconds: f64,
    /// Of the last part.
    memory: u64,
}

impl Show {
    fn run(&self, rng: &mut fastrand::Rng, what: &str) -> Shown {
        let Self { pages, depth_max, kills } = *self;
        let bounds = Bounds { depth_max, alike_max: (pages / 10).max(500), ..BOUNDS };
        let expected = crawled::expected(pages, bounds);
        let (server, bench) = (site(pages), Bench::new());
        let depth = depth_max.map(|depth| format!("--depth {depth}")).unwrap_or_default();
        let alike = bounds.alike_max;
        let more = format!("{depth} --max-alike {alike} --resume --summary s.json");
        let text = line(&server, &more).replacen("--max-alike 500 ", "", 1);
        let args: Vec<&str> = text.split_whitespace().collect();
        let (since, mut killed) = (Instant::now(), 0);
        loop {
            let mut child = bench.command(&args).spawn().expect("it starts");
            if killed == kills {
                let code = child.wait().expect("it ends").code();
                assert!(matches!(code, Some(0 | 2)), "{what}: {code:?}");
                break;
            }
            let part = expected.len() as u64 / kills;
            until_asked(&server, &mut child, rng.u64(part / 10..part));
            kill(child);
            killed += 1;
        }
        let seconds = since.elapsed().as_secs_f64();
        assert_eq!(fates(&bench), expected, "{what}");
        let verified = bench.line("verify r.jsonl");
        assert_eq!(verified.code, 0, "{what}: {}", verified.stdout);
        let summary: Value = serde_json::from_str(&bench.read("s.json")).expect("JSON");
        assert_eq!(summary["inputs"], expected.len(), "{what}");
        // robots.txt is asked for by each part, and a redirect leads to one request more.
        let redirects = expected.keys().filter(|path| path.contains("/redirect/")).count();
        let asked = expected.iter().filter(|(_, fate)| **fate != Fate::Forbidden).count();
        let once = asked + redirects;
        let repeated = server.hits().saturating_sub(once as u64 + kills + 1);
        assert!(repeated <= kills * (2 * 20 + 1_000), "{what}: {repeated} repeated");
        let memory = summary["peak_memory_bytes"].as_u64().unwrap_or_default();
        Shown { expected, repeated, seconds, memory }
    }
}

/// Small, unless `cargo xtask show crawl` asks for more; it reads the lines that begin `crawl: `.
#[test]
fn a_crawl_killed_at_random_moments_ends_with_the_same_pages() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed = number("GATHER_CRASH_SEED").unwrap_or_else(|| fastrand::u64(..));
    let pages = number("GATHER_SHOW_PAGES").unwrap_or(PAGES);
    let most = number("GATHER_SHOW_KILLS").unwrap_or(3);
    let mut rng = fastrand::Rng::with_seed(seed);
    let is_large = pages > PAGES;
    let depths = if is_large { [None, Some(9)] } else { [None, Some(5)] };
    for (depth_max, kills) in [(depths[0], 0), (depths[0], most), (depths[1], most)] {
        let what = format!("depth {depth_max:?}, {kills} kills, GATHER_CRASH_SEED={seed}");
        let shown = Show { pages, depth_max, kills }.run(&mut rng, &what);
        let count = |wanted| shown.expected.values().filter(|fate| **fate == wanted).count();
        let told = serde_json::json!({
            "depth": depth_max,
            "kills": kills,
            "seed": seed,
            "pages": shown.expected.len(),
            "fetched": count(Fate::Fetched),
            "forbidden": count(Fate::Forbidden),
            "lost": count(Fate::Lost),
            "repeated": shown.repeated,
            "seconds": shown.seconds,
            "memory_bytes": shown.memory,
        });
        println!("crawl: {told}");
    }
}

#[test]
fn a_crawl_goes_on_with_what_it_began_with() {
    let delay = Duration::from_millis(10);
    let site = Site { crawled_pages: PAGES, delay, ..Site::default() };
    let (server, bench) = (Server::start(site), Bench::new());
    let begun = line(&server, "--depth 4 --deadline 500ms");
    assert_eq!(bench.line(&begun).code, 4);
    let changed = bench.line(&line(&server, "--depth 5 --resume"));
    assert_eq!(changed.code, 3);
    assert!(changed.stderr.contains(r#"depth was "4" and is "5""#), "{}", changed.stderr);
    let pages = bench.read("r.jsonl.pages");
    std::fs::write(bench.path("r.jsonl.pages"), pages.replacen("/site/", "/tise/", 1))
        .expect("written");
    let changed = bench.line(&line(&server, "--depth 4 --resume"));
    assert_eq!(changed.code, 3, "{}", changed.stderr);
    assert!(
        changed.stderr.contains("are not what this run has read there before"),
        "{}",
        changed.stderr
    );
    std::fs::write(bench.path("r.jsonl.pages"), &pages[..pages.len() / 2]).expect("written");
    let changed = bench.line(&line(&server, "--depth 4 --resume"));
    assert_eq!(changed.code, 3, "{}", changed.stderr);
    assert!(changed.stderr.contains("begin again with --overwrite"), "{}", changed.stderr);
    assert_eq!(bench.line(&line(&server, "--depth 4 --overwrite")).code, 2);
    assert_eq!(fates(&bench), crawled::expected(PAGES, Bounds { depth_max: Some(4), ..BOUNDS }));
}

#[test]
fn what_a_crawl_cannot_have_is_refused() {
    let bench = Bench::new();
    for (more, said) in [
        ("-I", "--head: a crawl reads pages"),
        ("-d x", "--data: a crawl follows links"),
        ("--cache c.db", "--cache: a crawl reads each page anew"),
        ("--scope any -u ann:pw", "--user would be sent to every host"),
        ("--scope domain -H Cookie:a=b", "--header would be sent to every host"),
        ("--robots --ignore-robots", "contradict each other"),
        ("--sitemap ftp://a.example/", "is no URL of http or https"),
        ("--print-job x", "a job is a fetch"),
    ] {
        let refused = bench.line(&format!("crawl http://127.0.0.1:9/ {more}"));
        assert_eq!(refused.code, 3, "{more}: {}", refused.stderr);
        assert!(refused.stderr.contains(said), "{more}: {}", refused.stderr);
        assert!(!refused.stderr.contains("pw"), "{}", refused.stderr);
    }
}

#[test]
fn starts_come_from_templates_and_standard_input_and_outputs_are_those_of_fetch() {
    let mut site = Site::default().page("/a", Page::html("<a href=/b>")).page("/b", Page::html(""));
    for n in 1..=3 {
        site = site.page(&format!("/list/{n}"), Page::html(&format!("<a href=/item/{n}>")));
    }
    let (server, bench) = (Server::start(site), Bench::new());
    let list = server.url("/list/{1..3}");
    let done = bench.line(&format!("crawl {list} -q -o r.csv -o r.db -o r.jsonl -O pages"));
    assert_eq!(done.code, 2, "{}", done.stderr);
    assert_eq!(bench.read("r.csv").lines().count(), 1 + 6);
    assert!(bench.read("r.jsonl").contains("body_path"));
    assert_eq!(bench.line("verify r.csv r.db r.jsonl").code, 0);
    let mut child = bench
        .command(&["crawl", "-i", "-", "-q", "-o", "s.jsonl"])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut pipe, server.url("/a\nnot a URL\n").as_bytes()).expect("read");
    drop(pipe);
    assert_eq!(child.wait().expect("it ends").code(), Some(2));
    let results = bench.read("s.jsonl");
    assert_eq!(results.lines().count(), 3);
    assert!(results.contains("input.invalid"), "{results}");
    let verified = bench.line("verify s.jsonl");
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    // Without a journal there is nothing beside the output.
    assert_eq!(
        bench.line(&format!("crawl {} --no-journal -q -o n.jsonl", server.url("/a"))).code,
        0
    );
    assert!(!bench.path("n.jsonl.pages").exists());
}

#[test]
fn a_start_may_redirect_within_its_domain() {
    for (host, expected) in [("www.shop.example", 3), ("shop.example.org", 1)] {
        let page = |to: String| {
            let headers = vec![("Location".to_owned(), to)];
            Page { status: 302, headers, body: Vec::new() }
        };
        let home = Page::html("<a href=/x><a href=//other.example/>");
        let relay = Server::start(Site::default().page("/home", home).page("/x", Page::html("")));
        let port = relay.addr().port();
        let start = page(format!("http://{host}:{port}/home"));
        let server = Server::start(Site::default().page("/", start));
        let (own, bench) = (server.addr().port(), Bench::new());
        let names =
            format!("--resolve shop.example:{own}:127.0.0.1 --resolve {host}:{port}:127.0.0.1");
        let text = format!("crawl http://shop.example:{own}/ {names} -q -o r.jsonl");
        let done = bench.line(&text);
        let results = bench.read("r.jsonl");
        // The start, where it leads, and what that links to.
        assert!(done.code == 0 || done.code == 2, "{}", done.stderr);
        assert_eq!(results.lines().count(), expected, "{results}");
        assert_eq!(bench.line("verify r.jsonl").code, 0);
    }
}

#[test]
fn fields_are_found_in_pages_and_links_followed_where_one_is_missing() {
    let page =
        |title: &str, link: &str| Page::html(&format!("<h1>{title}</h1><a href={link}>on</a>"));
    let site = Site::default()
        .page("/a", page("A", "/b"))
        .page("/b", Page::html("<a href=/c>on</a>"))
        .page("/c", page("C", "/a"));
    let (server, bench) = (Server::start(site), Bench::new());
    let rule = "--extract 'title=css:h1 | required'";
    let done = bench.line(&format!("crawl {} {rule} -q -o r.jsonl", server.url("/a")));
    assert_eq!(done.code, 2, "{}", done.stderr);
    let results = bench.read("r.jsonl");
    assert_eq!(results.lines().count(), 3, "{results}");
    assert!(results.contains(r#""title":"A""#) && results.contains(r#""title":"C""#), "{results}");
    assert!(results.contains("extract.failed"), "{results}");
}
