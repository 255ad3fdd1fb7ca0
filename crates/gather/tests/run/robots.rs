//! robots.txt: read once before a host's targets, obeyed, and never counted among them.

use std::time::Duration;

use gather::core::config::RobotsConfig;
use gather::core::{ErrorKind, Outcome};
use gather::fetch::options::Verify;
use gather_testkit::{Ca, ClientCert, Page, Refusing, Request, Server, Site, Tls, Validity};

use crate::bed::{Bed, Done, Pending, bed, kind};

fn text(body: &str) -> Page {
    Page { status: 200, headers: Vec::new(), body: body.as_bytes().to_vec() }
}

fn status(status: u16) -> Page {
    Page { status, headers: Vec::new(), body: b"user-agent: *\ndisallow: /\n".to_vec() }
}

fn redirect(to: &str) -> Page {
    let headers = vec![("Location".to_owned(), to.to_owned())];
    Page { status: 302, headers, body: Vec::new() }
}

/// A site with this robots.txt, on so many hosts.
fn site(robots: Page, hosts: usize) -> Server {
    Server::start(Site::default().page("/robots.txt", robots).on_hosts(hosts))
}

trait Obedient {
    fn obedient(self) -> Self;
}

impl Obedient for Bed {
    fn obedient(self) -> Self {
        self.config(|config| config.robots = Some(RobotsConfig::of("gather/0.1")))
    }
}

/// What was asked for, in the order in which it came.
fn asked(server: &Server) -> Vec<String> {
    server.requests().into_iter().map(|request: Request| request.target).collect()
}

/// How every target ended, in the order of the list.
fn ends(done: &Done) -> Vec<&'static str> {
    let mut records: Vec<_> = done.records.iter().collect();
    records.sort_by_key(|record| record.n);
    records.into_iter().map(kind).collect()
}

#[test]
fn it_is_read_once_before_the_targets_of_a_host() {
    for shards in [1, 3] {
        let server = site(text("user-agent: *\ndisallow: /status/\n"), 5);
        let urls = (0..200).map(|n| {
            let path = if n % 4 == 0 { "/status/200" } else { "/ok" };
            server.url_on(n % 5, &format!("{path}?n={n}"))
        });
        let done = bed(urls).obedient().shards(shards).run();
        let done = done.accounts_for(200, Pending::None);
        assert_eq!((done.count("ok"), done.count("blocked.robots")), (150, 50));
        for record in &done.records {
            let forbidden = record.n % 4 == 0;
            assert_eq!(matches!(record.outcome, Outcome::Skipped(_)), forbidden, "{record:?}");
            assert_eq!(record.attempts, u32::from(!forbidden));
        }
        for host in 0..5 {
            let requests = server.requests();
            let mut its = requests.iter().filter(|request| request.host_index == host);
            let first = its.next().expect("it was asked");
            assert_eq!((first.method.as_str(), first.target.as_str()), ("GET", "/robots.txt"));
            assert!(its.all(|request| request.target.starts_with("/ok")), "{requests:?}");
        }
        assert_eq!(done.summary.requests, 155);
    }
}

#[test]
fn targets_that_come_after_it_was_read_are_judged_as_well() {
    for shards in [1, 3] {
        let server = site(text("user-agent: *\ndisallow: /status/\n"), 1);
        // More than a shard is given ahead.
        let paths = (0..3_000).map(|n| if n % 3 == 0 { "/status/200" } else { "/ok" });
        let urls = paths.enumerate().map(|(n, path)| server.url(&format!("{path}?n={n}")));
        let done = bed(urls).obedient().shards(shards).run();
        let done = done.accounts_for(3_000, Pending::None);
        assert_eq!((done.count("ok"), done.count("blocked.robots")), (2_000, 1_000));
        assert_eq!(server.hits(), 2_001);
    }
}

#[test]
fn nobody_asks_for_it_unless_told_to() {
    let server = site(text("user-agent: *\ndisallow: /\n"), 1);
    bed([server.url("/ok")]).run().all_ok(1);
    assert_eq!(asked(&server), ["/ok"]);
}

#[test]
fn what_came_of_asking_for_it() {
    let forbids = "user-agent: gather\ndisallow: /\n";
    // robots.txt, how often it is asked for, what becomes of the target
    let cases = [
        (text(forbids), 1, "blocked.robots"),
        (text("user-agent: other\ndisallow: /\n"), 1, "ok"),
        (text(""), 1, "ok"),
        (status(204), 1, "ok"),
        (status(404), 1, "ok"),
        (status(403), 1, "ok"),
        (status(500), 4, "blocked.robots_unreachable"),
        (redirect("/rules"), 1, "blocked.robots"),
        (redirect("/redirect/9"), 1, "ok"),
        (redirect("/redirect/99"), 1, "ok"),
        (redirect("/redirect-loop"), 1, "ok"),
        (redirect("ftp://a.example/"), 1, "ok"),
        (text(&format!("{forbids}{}", "#".repeat(3 << 20))), 1, "blocked.robots"),
    ];
    for (page, times, expected) in cases {
        let what = String::from_utf8_lossy(&page.body[..page.body.len().min(40)]).into_owned();
        let what = format!("{} {:?} {what}", page.status, page.headers);
        let site = Site::default().page("/rules", text(forbids)).page("/robots.txt", page);
        let server = Server::start(site);
        let done = bed([server.url("/ok")]).obedient().run().accounts_for(1, Pending::None);
        assert_eq!(ends(&done), [expected], "{what}");
        let asked = asked(&server);
        assert_eq!(asked.iter().filter(|path| *path == "/robots.txt").count(), times, "{what}");
    }
}

#[test]
fn a_run_that_posts_or_takes_no_redirects_still_gets_it() {
    let site = Site::default().page("/robots.txt", redirect("/rules"));
    let site = site.page("/rules", text("user-agent: *\ndisallow: /x\n"));
    let server = Server::start(site);
    let mut bed = bed([server.url("/ok"), server.url("/x")]).obedient();
    bed.options.client.method = gather::core::Method::POST;
    bed.options.client.body = Some(gather::Bytes::from_static(b"secret"));
    let done = bed
        .config(|config| config.redirects = gather::core::config::Redirects::Stop)
        .run()
        .accounts_for(2, Pending::None);
    assert_eq!(ends(&done), ["ok", "blocked.robots"]);
    let seen: Vec<_> = server
        .requests()
        .into_iter()
        .map(|request| (request.method, request.target, request.body_bytes))
        .collect();
    let get = |path: &str| ("GET".to_owned(), path.to_owned(), 0);
    let post = ("POST".to_owned(), "/ok".to_owned(), 6);
    assert_eq!(seen, [get("/robots.txt"), get("/rules"), post]);
}

#[test]
fn redirects_are_judged_where_they_lead() {
    for shards in [1, 3] {
        let rules = text("user-agent: *\ndisallow: /status/\ndisallow: /redirect/3\n");
        let (server, other) = (site(rules.clone(), 1), site(rules, 2));
        // The target of a redirect, what becomes of it, redirects, requests
        let cases = [
            (server.url("/redirect-to?url=%2Fok"), ("ok", 1, 1)),
            (server.url("/redirect-to?url=%2Fstatus%2F200"), ("blocked.robots", 1, 1)),
            (server.url("/redirect/5"), ("blocked.robots", 2, 1)),
            (server.url("/redirect/2"), ("ok", 2, 1)),
            (server.url(&to(&other.url("/ok"))), ("ok", 1, 1)),
            (server.url(&to(&other.url_on(1, "/status/200"))), ("blocked.robots", 1, 1)),
        ];
        let done = bed(cases.iter().map(|(url, _)| url)).obedient().shards(shards).run();
        let done = done.accounts_for(cases.len(), Pending::None);
        for (n, (url, expected)) in cases.iter().enumerate() {
            let record = done.record(n as u64);
            let found = (kind(record), record.chain.len(), record.attempts);
            assert_eq!(found, *expected, "{url} in {shards} shards: {record:?}");
        }
        let requests = [server.requests(), other.requests()].concat();
        let forbidden = |request: &Request| request.target.starts_with("/status/");
        assert!(!requests.iter().any(forbidden), "{requests:?}");
    }
}

/// A path that redirects to `url`.
fn to(url: &str) -> String {
    let encoded: String = url.bytes().map(|byte| format!("%{byte:02x}")).collect();
    format!("/redirect-to?url={encoded}")
}

#[test]
fn it_may_be_redirected_to_hosts_of_any_shard() {
    for shards in [1, 3] {
        let central = site(text("user-agent: *\ndisallow: /\n"), 1);
        let rules = Site::default().page("/robots.txt", text("user-agent: *\ndisallow: /x\n"));
        let rules = Server::start(rules);
        let many = site(redirect(&rules.url("/robots.txt")), 20);
        let urls = (0..20).flat_map(|host| [many.url_on(host, "/ok"), many.url_on(host, "/x")]);
        let done = bed(urls.chain([central.url("/ok"), rules.url("/ok")]))
            .obedient()
            .shards(shards)
            .run()
            .accounts_for(42, Pending::None);
        assert_eq!((done.count("ok"), done.count("blocked.robots")), (21, 21));
        assert_eq!(central.hits(), 1);
    }
}

#[test]
fn robots_txt_that_cannot_be_had_end_the_targets() {
    for shards in [1, 3] {
        let (refusing, server) = (Refusing::start(), site(text(""), 1));
        let dead = format!("http://{}/robots.txt", refusing.addr());
        let led_astray = site(redirect(&dead), 1);
        let urls = (0..4).map(|n| format!("http://{}/{n}", refusing.addr()));
        let urls = urls.chain((0..4).map(|n| led_astray.url(&format!("/ok?n={n}"))));
        let done = bed(urls.chain([server.url("/ok")])).obedient().shards(shards).run();
        let done = done.accounts_for(9, Pending::None);
        assert_eq!(done.count("ok"), 1);
        let unreachable = ErrorKind::BlockedRobotsUnreachable.as_str();
        assert_eq!(done.count(unreachable) + done.count("host.parked"), 8, "{:?}", ends(&done));
        assert!(led_astray.requests().iter().all(|request| request.target == "/robots.txt"));
        assert!(done.records.iter().all(|record| record.attempts <= 1));
    }
}

#[test]
fn it_is_followed_from_https_to_http() {
    let rules = Site::default().page("/rules", text("user-agent: *\ndisallow: /x\n"));
    let rules = Server::start(rules);
    let identity = Ca::new().issue(&["127.0.0.1"], Validity::For(Duration::from_secs(3600)));
    let tls = Tls::new(&identity, &["http/1.1"], ClientCert::NotAsked);
    let led = Site::default().page("/robots.txt", redirect(&rules.url("/rules")));
    let led = Server::start(Site { tls: Some(tls), ..led });
    let mut bed = bed([led.url("/ok"), led.url("/x"), led.url(&to(&rules.url("/ok")))]).obedient();
    bed.options.client.net.tls.verify = Verify::Nothing;
    let authorization = ("Authorization".to_owned(), "secret".to_owned());
    bed.options.client.headers.push(authorization);
    let done = bed.run().accounts_for(3, Pending::None);
    // What a target is led to is another matter.
    assert_eq!(ends(&done), ["ok", "blocked.robots", "redirect.downgrade"]);
    let told = rules.requests().into_iter().flat_map(|request| request.headers);
    assert!(told.into_iter().all(|(name, _)| !name.eq_ignore_ascii_case("authorization")));
}

#[test]
fn it_is_read_where_it_is_led_to_although_that_host_has_none_to_be_had() {
    for shards in [1, 3] {
        let refusing = Refusing::start();
        let dead = format!("http://{}/robots.txt", refusing.addr());
        let forbids = text("user-agent: *\ndisallow: /x\n");
        // One that fails, and one that is led to where nobody is, each with the rules of another.
        for own in [status(500), redirect(&dead)] {
            let keeper = Site::default().page("/robots.txt", own).page("/rules", forbids.clone());
            let keeper = Server::start(keeper);
            let led = site(redirect(&keeper.url("/rules")), 5);
            let urls = (0..5).flat_map(|host| [led.url_on(host, "/ok"), led.url_on(host, "/x")]);
            let its_own = [keeper.url("/ok"), keeper.url("/ok?2")];
            let done = bed(its_own.into_iter().chain(urls)).obedient().shards(shards).run();
            let done = done.accounts_for(12, Pending::None);
            let counts =
                ["ok", "blocked.robots", "blocked.robots_unreachable"].map(|kind| done.count(kind));
            assert_eq!(counts, [5, 5, 2], "{:?}", ends(&done));
        }
    }
}

#[test]
fn a_crawl_delay_spaces_the_targets() {
    let server = site(text("user-agent: *\ncrawl-delay: 0.05\n"), 1);
    let urls = (0..8).map(|n| server.url(&format!("/ok?n={n}")));
    bed(urls).obedient().run().all_ok(8);
    let at: Vec<Duration> =
        server.requests().into_iter().skip(1).map(|request| request.at).collect();
    let apart = at.last().copied().unwrap_or_default() - at[0];
    // A late timer is made up for by at most 5 ms.
    assert!(apart >= Duration::from_millis(7 * 50 - 10), "{apart:?}");
}

#[test]
fn a_refusal_of_it_is_borne_like_any_other() {
    let mut page = status(429);
    page.headers.push(("Retry-After".to_owned(), "400".to_owned()));
    let server = site(page, 1);
    let done = bed([server.url("/ok"), server.url("/ok?2")]).obedient().run();
    let done = done.accounts_for(2, Pending::None);
    assert_eq!(ends(&done), ["http.rate_limited"; 2]);
    assert_eq!(server.hits(), 1);
}

#[test]
fn a_run_that_stops_leaves_no_trace_of_it() {
    let site = Site { delay: Duration::from_secs(20), ..Site::default() };
    let server = Server::start(site.page("/robots.txt", text("")));
    let done = bed([server.url("/ok")])
        .obedient()
        .run_with(|run| {
            crate::bed::until("robots.txt is asked for", || server.hits() > 0);
            run.stop().now();
        })
        .expect("it ends well")
        .accounts_for(1, Pending::Some);
    assert_eq!((done.records.len(), done.summary.pending), (0, 1));
}
