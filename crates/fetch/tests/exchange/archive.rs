//! What an archive is given: the server's own bytes, and none of our secrets.

use std::sync::Arc;

use gather_core::exchange::{Coding, Cut, Exchange};
use gather_core::{Method, RequestSpec, Target};
use gather_fetch::{ClientOptions, Keep, KeepBody, KeepExchanges, RedactQuery, Secret, Sign};
use http::HeaderMap;
use url::Url;

use crate::server::{Reply, Server, Then};
use crate::{client, fetch, run, target};

fn options(body: KeepBody) -> ClientOptions {
    let keep = Keep { body, exchanges: KeepExchanges::Yes, ..Keep::default() };
    ClientOptions { keep, ..ClientOptions::default() }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// `HEAD|body|cut`, without carriage returns.
fn told(exchange: &Exchange) -> String {
    let head = text(&exchange.response_head).replace('\r', "");
    let body = String::from_utf8_lossy(&exchange.body);
    let cut = exchange.cut.map_or("", Cut::as_str);
    format!("{head}|{body}|{cut}")
}

#[test]
fn a_response_is_kept_as_it_came() {
    let cases = [
        (
            "HTTP/1.1 200 Fine So Far\r\nX-Two: b\r\nx-ONE: a\r\nX-Two:  c\r\nContent-Length: 4\r\n\r\nbody",
            "HTTP/1.1 200 Fine So Far\nX-Two: b\nx-ONE: a\nX-Two:  c\nContent-Length: 4\n\n|body|",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\nX-Archive-Orig-Transfer-Encoding: chunked\n\n|abcde|",
        ),
        (
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\nContent-Length: 0\n\n||",
        ),
        ("HTTP/1.1 204 No Content\r\nA: b\r\n\r\n", "HTTP/1.1 204 No Content\nA: b\n\n||"),
        ("HTTP/1.0 200 OK\r\n\r\nuntil the end", "HTTP/1.0 200 OK\n\n|until the end|"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
            "HTTP/1.1 200 OK\nContent-Length: 9\n\n|abc|disconnect",
        ),
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
            "HTTP/1.1 404 Not Found\nContent-Length: 2\n\n|no|",
        ),
    ];
    for keep in [KeepBody::No, KeepBody::UpTo(1), KeepBody::All] {
        for (sent, expected) in cases {
            let attempt = run(async move {
                let server = Server::start(move |_| Reply::new(sent, Then::Close)).await;
                fetch(&client(options(keep)), &target(&format!("{}/p?q", server.url))).await
            });
            let [exchange] = &attempt.exchanges[..] else { panic!("{:?}", attempt.exchanges) };
            assert_eq!(told(exchange), expected, "{keep:?}");
            assert_eq!(exchange.coding, Coding::None);
        }
    }
}

#[test]
fn nothing_is_kept_of_a_try_without_an_answer_or_when_nobody_asks() {
    let cases = [
        ("", options(KeepBody::No)),
        ("HTTP/1.1 200 OK\r\nContent-Len", options(KeepBody::No)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ClientOptions::default()),
    ];
    for (sent, options) in cases {
        let attempt = run(async move {
            let server = Server::start(move |_| Reply::new(sent, Then::Close)).await;
            fetch(&client(options), &target(&server.url)).await
        });
        assert!(attempt.exchanges.is_empty(), "{sent:?}: {:?}", attempt.exchanges);
    }
}

#[test]
fn a_content_coding_stays_on() {
    let zipped = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x4c\x4a\x06\x00\xc2\x41\x24\x35\x03\x00\x00\x00";
    let attempt = run(async move {
        let server = Server::start(move |_| {
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
                zipped.len()
            );
            Reply::new([head.as_bytes(), zipped].concat(), Then::KeepOpen)
        })
        .await;
        fetch(&client(options(KeepBody::All)), &target(&server.url)).await
    });
    assert_eq!(attempt.body.bytes.as_deref(), Some(&b"abc"[..]), "{:?}", attempt.end);
    assert_eq!(attempt.exchanges[0].body, &zipped[..]);
    assert_eq!(attempt.exchanges[0].coding, Coding::Encoded);
}

#[test]
fn the_redirects_of_a_host_are_kept_with_their_bodies() {
    let attempt = run(async {
        let server = Server::start(|seen| match seen.path() {
            "/1" => Reply::new(
                "HTTP/1.1 302 x\r\nContent-Length: 5\r\nLocation: /2\r\n\r\nthere",
                Then::KeepOpen,
            ),
            "/2" => Reply::new(
                "HTTP/1.1 301 x\r\nContent-Length: 99999\r\nLocation: /3\r\n\r\nlong",
                Then::KeepOpen,
            ),
            _ => Reply::ok("end"),
        })
        .await;
        fetch(&client(options(KeepBody::No)), &target(&format!("{}/1", server.url))).await
    });
    let all: Vec<String> = attempt
        .exchanges
        .iter()
        .map(|one| {
            let path = one.url.rsplit('/').next().unwrap();
            format!("{path} {} {}", text(&one.body), one.cut.map_or("whole", Cut::as_str))
        })
        .collect();
    assert_eq!(all, ["1 there whole", "2  length", "3 end whole"]);
}

struct Signs;

impl Sign for Signs {
    fn sign(&self, _: &Method, _: &Url, headers: &mut HeaderMap, _: &[u8]) -> Result<(), String> {
        headers.insert("x-signature", http::HeaderValue::from_static("canary-sign"));
        Ok(())
    }
}

#[test]
fn a_request_is_kept_without_its_secrets() {
    let (exchange, seen) = run(async {
        let server = Server::start(|_| Reply::ok("x")).await;
        let options = ClientOptions {
            headers: vec![
                ("X-Api-Key".into(), "canary-key".into()),
                ("Accept".into(), "text/html".into()),
            ],
            basic_auth: Some(Secret::new("me:canary-password")),
            cookies: Some(Secret::new("id=canary-cookie")),
            signer: Some(Arc::new(Signs)),
            redact_query: RedactQuery::new(["token"]),
            ..options(KeepBody::No)
        };
        let spec = RequestSpec {
            method: Method::from_name("POST"),
            headers: vec![("X-Own".into(), "canary-own".into())],
            body: Some("a=b".into()),
            ..RequestSpec::default()
        };
        let url = server.url.replace("http://", "http://u:canary-userinfo@");
        let target = Target {
            request: Some(Arc::new(spec)),
            ..target(&format!("{url}/p?a=1&Token=canary-query&b#canary-fragment"))
        };
        let attempt = fetch(&client(options), &target).await;
        (attempt.exchanges[0].clone(), server.seen()[0].head.clone())
    });
    let host = exchange.url.split('/').nth(2).unwrap();
    let expected = format!(
        "POST /p?a=1&Token=***&b HTTP/1.1\r\nhost: {host}\r\nuser-agent: gather/{}\r\n\
         accept: text/html\r\naccept-encoding: gzip, br, zstd, deflate\r\nauthorization: ***\r\n\
         cookie: ***\r\nx-api-key: ***\r\nx-own: ***\r\nx-signature: ***\r\n\
         content-length: 3\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(text(&exchange.request_head), expected);
    assert_eq!(exchange.request_body, "a=b");
    assert!(!exchange.url.contains("canary-userinfo"), "{}", exchange.url);
    // The same lines as were sent, in the same order.
    let names = |head: &str| -> Vec<String> {
        head.lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .map(|(n, _)| n.into())
            .collect()
    };
    assert_eq!(names(&seen), names(&expected));
    assert_eq!(seen.matches("canary").count(), 5, "{seen}");
}
