//! Targets that change their host: redirects under the other host's politeness, in any shard.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gather::core::Config;
use gather::core::config::Redirects;
use gather::core::target::{Method, RequestSpec};
use gather::fetch::Secret;
use gather_testkit::{Refusing, Server, Site};

use crate::bed::{Pending, bed, kind};

/// A path that redirects to `url`.
fn to(url: &str) -> String {
    let encoded: String = url.bytes().map(|byte| format!("%{byte:02x}")).collect();
    format!("/redirect-to?url={encoded}")
}

#[test]
fn a_redirect_to_another_host_is_one_try_in_any_shard() {
    for shards in [1, 3] {
        let server = Server::start(Site::default().on_hosts(40));
        let urls = (0..400).map(|n| {
            let (from, over, at) = (n % 40, (n * 7 + 3) % 40, (n * 11 + 5) % 40);
            let last = server.url_on(at, &format!("/ok?n={n}"));
            server.url_on(from, &to(&server.url_on(over, &to(&last))))
        });
        let done = bed(urls).shards(shards).run().all_ok(400);
        for record in &done.records {
            assert_eq!((record.attempts, record.chain.len()), (1, 2), "{record:?}");
            let last = record.final_url.as_ref().expect("it was led on");
            assert!(last.ends_with(&format!("/ok?n={}", record.n)));
        }
        // A probe given up for others on a busy machine is walked again, from the first hop.
        let hits = server.hits();
        assert!((1200..=1200 + 3 * done.summary.given_up).contains(&hits), "{hits}");
    }
}

#[test]
fn redirects_over_hosts_end_as_those_on_one_host_do() {
    for shards in [1, 3] {
        let (server, other) =
            (Server::start(Site::default()), Server::start(Site::default().on_hosts(2)));
        let refusing = Refusing::start();
        let back = server.url("/redirect-loop");
        // kind, tries, redirects
        let cases = [
            (server.url(&to(&other.url(&to(&back)))), ("redirect.loop", 1, 2)),
            (server.url(&to(&other.url("/flaky?fail=1"))), ("ok", 2, 1)),
            (server.url(&to(&other.url_on(1, "/cut?at=0"))), ("protocol.truncated", 3, 1)),
            (server.url(&to(&format!("http://{}/", refusing.addr()))), ("connect.refused", 3, 1)),
            (server.url(&to(&other.url("/redirect/10"))), ("redirect.limit", 1, 10)),
            (server.url("/ok"), ("ok", 1, 0)),
        ];
        let done = bed(cases.iter().map(|(url, _)| url)).shards(shards).run();
        let done = done.accounts_for(cases.len(), Pending::None);
        for (n, (url, expected)) in cases.iter().enumerate() {
            let record = done.record(n as u64);
            let found = (kind(record), record.attempts, record.chain.len());
            assert_eq!(found, *expected, "{url} in {shards} shards: {record:?}");
        }
    }
}

#[test]
fn a_target_led_to_a_dead_host_tells_how_it_came_there() {
    let server = Server::start(Site::default());
    let refusing = Refusing::start();
    let dead = format!("http://{}/", refusing.addr());
    let urls = (0..300).map(|n| server.url(&format!("{}&n={n}", to(&dead))));
    let done = bed(urls).concurrency(4).run().accounts_for(300, Pending::None);
    for record in &done.records {
        assert!(matches!(kind(record), "connect.refused" | "host.parked"), "{record:?}");
        assert_eq!(record.chain.len(), 1, "{record:?}");
        assert_eq!(record.final_url.as_deref(), Some(dead.as_str()));
        assert!(record.attempts >= 1, "its first request was sent: {record:?}");
    }
    assert!(done.count("host.parked") > 0);
}

#[test]
fn redirects_that_are_not_followed_are_a_status() {
    let server = Server::start(Site::default().on_hosts(2));
    let url = server.url(&to(&server.url_on(1, "/ok")));
    let done = bed([url]).config(|config| config.redirects = Redirects::Stop).run();
    let done = done.accounts_for(1, Pending::None);
    assert_eq!((kind(done.record(0)), done.record(0).status_code), ("http.status", 302));
    assert_eq!(server.hits(), 1);
}

#[test]
fn credentials_are_not_sent_on_and_come_back_where_they_belong() {
    for shards in [1, 3] {
        let server = Server::start(Site::default().on_hosts(12));
        let urls = (0..6).map(|n| {
            let back = server.url_on(n, &format!("/echo?back={n}"));
            server.url_on(n, &to(&server.url_on(n + 6, &to(&back))))
        });
        let mut bed = bed(urls).shards(shards);
        bed.options.client.basic_auth = Some(Secret::new("ann:secret"));
        bed.options.client.cookies = Some(Secret::new("id=secret"));
        bed.options.client.headers = vec![("X-Api-Key".into(), "secret".into())];
        let request =
            RequestSpec { headers: vec![("X-Own".into(), "secret".into())], ..<_>::default() };
        bed.options.source.default_request = Some(Arc::new(request));
        bed.run().all_ok(6);
        let requests = server.requests();
        assert_eq!(requests.len(), 18);
        for request in requests {
            for name in ["Authorization", "Cookie", "X-Api-Key", "X-Own"] {
                let is_own = request.host_index < 6;
                assert_eq!(request.header(name).is_some(), is_own, "{name} of {request:?}");
            }
        }
    }
}

#[test]
fn a_post_becomes_a_get_or_stays_one_over_hosts() {
    for (status, method) in [(302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")] {
        let server = Server::start(Site::default().on_hosts(2));
        let url = server.url(&format!("{}&status={status}", to(&server.url_on(1, "/echo"))));
        let mut bed = bed([url]).shards(3);
        let request = RequestSpec {
            method: Some(Method::POST),
            body: Some("a=1".into()),
            ..RequestSpec::default()
        };
        bed.options.source.default_request = Some(Arc::new(request));
        bed.run().all_ok(1);
        let last = server.requests().pop().expect("two requests");
        let body = if method == "POST" { "a=1" } else { "" };
        assert_eq!((last.method.as_str(), last.body.as_slice()), (method, body.as_bytes()));
    }
}

/// The test server waits for the rest of what it takes for a request: TLS times out there.
fn soon(config: &mut Config) {
    config.connect_timeout = Duration::from_millis(300);
    config.retry.retries = 1;
}

#[test]
fn a_bare_host_that_speaks_only_http_is_fetched_over_http() {
    for shards in [1, 3] {
        let server = Server::start(Site::default().on_hosts(2));
        let bare = |addr: SocketAddr, n: usize| format!("{addr}/ok?n={n}");
        let urls = (0..300).map(|n| bare(server.addrs()[n % 2], n));
        let done = bed(urls).config(soon).concurrency(20).shards(shards).run().all_ok(300);
        for record in &done.records {
            let url = record.final_url.as_ref().unwrap_or(&record.url);
            assert!(url.starts_with("http://"), "{record:?}");
            assert_eq!(record.attempts, 1, "{record:?}");
        }
        assert!(done.summary.requests < 600, "the dead https was found out: {:?}", done.summary);
    }
}

#[test]
fn credentials_never_go_where_a_guess_leads() {
    let server = Server::start(Site::default());
    let host = server.addr();
    let secret = || Some(Secret::new("ann:secret"));
    let header = |name: &str| vec![(name.to_owned(), "secret".to_owned())];
    // What is sent along, and whether plain http is tried.
    type Change = Box<dyn Fn(&mut gather::RunOptions)>;
    let cases: [(&str, Change, bool); 6] = [
        ("nothing", Box::new(|_| {}), true),
        ("-u", Box::new(move |options| options.client.basic_auth = secret()), false),
        ("-b", Box::new(move |options| options.client.cookies = secret()), false),
        ("-H", Box::new(move |o| o.client.headers = header("Authorization")), false),
        ("-H, harmless", Box::new(move |o| o.client.headers = header("Accept-Language")), true),
        (
            "a header of its own",
            Box::new(move |options| {
                let request = RequestSpec { headers: header("X-Key"), ..RequestSpec::default() };
                options.source.default_request = Some(Arc::new(request));
            }),
            false,
        ),
    ];
    for (what, change, falls_back) in cases {
        let before = server.hits();
        let mut bed = bed((0..10).map(|n| format!("{host}/ok?n={n}"))).config(soon);
        change(&mut bed.options);
        let done = bed.run().accounts_for(10, Pending::None);
        assert_eq!(done.count("ok"), if falls_back { 10 } else { 0 }, "{what}: {:?}", done.records);
        assert_eq!(server.hits() - before, if falls_back { 10 } else { 0 }, "{what}");
    }
    let done =
        bed([format!("ann:secret@{host}/ok")]).config(soon).run().accounts_for(1, Pending::None);
    assert_ne!(kind(done.record(0)), "ok", "{:?}", done.records);
}

#[test]
fn a_redirect_to_a_dead_host_does_not_undo_the_scheme() {
    let server = Server::start(Site::default());
    let refusing = Refusing::start();
    let bare = format!("{}{}", server.addr(), to(&format!("http://{}/", refusing.addr())));
    let done = bed([bare]).config(soon).run().accounts_for(1, Pending::None);
    assert_eq!(kind(done.record(0)), "connect.refused");
    assert_eq!(server.hits(), 1);
}
