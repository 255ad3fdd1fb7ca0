//! What a request looks like on the wire, and what a record may say of it.

use std::sync::Arc;

use gather_core::{Method, RequestSpec, Target};
use gather_fetch::{ClientOptions, Secret, Sign};
use http::{HeaderMap, HeaderValue};
use url::Url;

use crate::server::{Reply, Server};
use crate::{client, ending, fetch, run, target, with_method};

fn pairs(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The head that is sent for `target`, built from the server's URL.
fn head(options: ClientOptions, target: impl FnOnce(&str) -> Target) -> String {
    run(async {
        let server = Server::start(|_| Reply::ok("")).await;
        let attempt = fetch(&client(options), &target(&server.url)).await;
        assert_eq!(ending(&attempt), "200");
        let port = server.url.rsplit_once(':').unwrap().1.to_owned();
        server.seen()[0].head.replace(&port, "PORT").replace("\r\n", "\n")
    })
}

fn with_headers(url: &str, headers: &[(&str, &str)]) -> Target {
    let spec = RequestSpec { headers: pairs(headers), ..RequestSpec::default() };
    Target { request: Some(Arc::new(spec)), ..target(url) }
}

#[test]
fn the_default_request_is_this() {
    let sent = head(ClientOptions::default(), |url| target(&format!("{url}/a?b=c#d")));
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        sent,
        format!(
            "GET /a?b=c HTTP/1.1\nhost: 127.0.0.1:PORT\nuser-agent: gather/{version}\n\
             accept: */*\naccept-encoding: gzip, br, zstd, deflate\n\n"
        )
    );
}

#[test]
fn headers_of_the_run_override_the_defaults_and_those_of_the_target_both() {
    let options = ClientOptions {
        headers: pairs(&[("Accept", "text/html"), ("X-Run", "1"), ("x-both", "run")]),
        ..ClientOptions::default()
    };
    let sent = head(options, |url| {
        with_headers(
            url,
            &[("X-Both", "target"), ("User-Agent", ""), ("X-Two", "1"), ("X-Two", "2")],
        )
    });
    assert!(sent.contains("\naccept: text/html\n"), "{sent}");
    assert!(sent.contains("\nx-run: 1\n"), "{sent}");
    assert!(sent.contains("\nx-both: target\n") && !sent.contains("run\n"), "{sent}");
    assert!(sent.contains("\nx-two: 1\nx-two: 2\n"), "{sent}");
    assert!(!sent.contains("user-agent"), "{sent}");
}

#[test]
fn credentials_of_the_url_are_sent_and_never_recorded() {
    run(async {
        let server = Server::start(|seen| match seen.path() {
            "/a" => Reply::redirect(302, "location: /b"),
            _ => Reply::ok(""),
        })
        .await;
        let url = server.at("/a").replace("http://", "http://us%65r:se%3Acret@");
        let options = ClientOptions {
            basic_auth: Some(Secret::new("other:other")),
            ..ClientOptions::default()
        };
        let attempt = fetch(&client(options), &target(&url)).await;
        for seen in server.seen() {
            assert_eq!(seen.header("authorization"), ["Basic dXNlcjpzZTpjcmV0"]);
        }
        assert_eq!(server.lines(), ["0.0 GET /a", "0.1 GET /b"]);
        assert!(!format!("{attempt:?}").contains("cret"), "{attempt:?}");
    });
}

#[test]
fn a_body_has_its_length_and_a_post_without_one_says_zero() {
    let sent = head(ClientOptions::default(), |url| with_method(url, "POST"));
    assert!(sent.contains("\ncontent-length: 0\n"), "{sent}");
    let options = ClientOptions {
        method: Method::POST,
        body: Some("a=b".into()),
        ..ClientOptions::default()
    };
    let sent = head(options, target);
    assert!(sent.starts_with("POST / ") && sent.contains("\ncontent-length: 3\n"), "{sent}");
    let sent = head(ClientOptions::default(), target);
    assert!(!sent.contains("content-length"), "{sent}");
}

struct Signature;

impl Sign for Signature {
    fn sign(
        &self,
        method: &Method,
        url: &Url,
        headers: &mut HeaderMap,
        body: &[u8],
    ) -> Result<(), String> {
        if url.path() == "/refused" {
            return Err("no key".to_owned());
        }
        let text = format!("{} {} {}", method.as_str(), url.path(), body.len());
        headers.insert("signature", HeaderValue::try_from(text).unwrap());
        Ok(())
    }
}

#[test]
fn a_signer_sees_the_final_request_and_may_refuse_it() {
    let options = || ClientOptions {
        body: Some("abc".into()),
        signer: Some(Arc::new(Signature)),
        ..ClientOptions::default()
    };
    let sent = head(options(), |url| target(&format!("{url}/x")));
    assert!(sent.contains("\nsignature: GET /x 3\n"), "{sent}");
    run(async {
        let server = Server::start(|_| Reply::ok("")).await;
        let attempt = fetch(&client(options()), &target(&server.at("/refused"))).await;
        assert_eq!(ending(&attempt), "input.invalid");
        assert!(server.lines().is_empty());
    });
}

#[test]
fn a_header_that_cannot_be_sent_fails_its_target_alone() {
    run(async {
        let server = Server::start(|_| Reply::ok("")).await;
        let client = client(ClientOptions::default());
        for (name, value) in [("a b", "x"), ("x", "a\r\nb: c"), ("x", "\u{7f}")] {
            let attempt = fetch(&client, &with_headers(&server.url, &[(name, value)])).await;
            assert_eq!(ending(&attempt), "input.invalid", "{name}: {value:?}");
        }
        assert!(server.lines().is_empty());
    });
}

#[test]
fn secrets_are_not_in_debug() {
    let options = ClientOptions {
        headers: pairs(&[("x-key", "canary")]),
        basic_auth: Some(Secret::new("user:canary")),
        cookies: Some(Secret::new("a=canary")),
        body: Some("canary".into()),
        ..ClientOptions::default()
    };
    assert!(!format!("{options:?}").contains("canary"));
    assert!(!format!("{:?}", Secret::new("canary")).contains("canary"));
}
