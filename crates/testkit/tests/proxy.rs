//! Proxies and addresses that do not answer, seen through plain sockets.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use gather_testkit::{
    Mute, Proxy, ProxyKind, ProxyOptions, Refusal, Refusing, Server, Site, Unreachable,
};

const REQUEST: &[u8] = b"GET /close HTTP/1.1\r\nHost: shop.test\r\n\r\n";

fn login() -> Option<(String, String)> {
    Some(("ann".to_owned(), "secret".to_owned()))
}

fn options(server: &Server) -> ProxyOptions {
    let names = HashMap::from([("shop.test".to_owned(), server.addr())]);
    ProxyOptions { names, ..ProxyOptions::default() }
}

/// Sends the parts, waiting for `answers[i]` bytes after each, and returns all that came.
fn talk(proxy: &Proxy, parts: &[(&[u8], usize)]) -> String {
    let mut stream = TcpStream::connect(proxy.addr()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut all = Vec::new();
    for (part, answer_bytes) in parts {
        stream.write_all(part).unwrap();
        let mut answer = vec![0; *answer_bytes];
        stream.read_exact(&mut answer).unwrap();
        all.extend(answer);
    }
    stream.read_to_end(&mut all).unwrap();
    String::from_utf8_lossy(&all).into_owned()
}

#[test]
fn http_tunnels_and_forwards() {
    let server = Server::start(Site::default());
    let proxy = Proxy::http(options(&server));
    let got = talk(
        &proxy,
        &[(b"CONNECT shop.test:443 HTTP/1.1\r\nHost: shop.test:443\r\n\r\n", 39), (REQUEST, 0)],
    );
    assert!(got.contains("200 Connection established\r\n\r\nHTTP/1.1 200 OK"), "{got}");
    let forward = b"GET http://shop.test/ok?size=3 HTTP/1.1\r\nHost: shop.test\r\n\r\n";
    let got = talk(&proxy, &[(forward, 0)]);
    assert!(got.starts_with("HTTP/1.1 200 OK") && got.ends_with("abc"), "{got}");
    assert_eq!(server.requests()[1].target, "/ok?size=3");
    let uses: Vec<_> = proxy.uses().into_iter().map(|used| (used.kind, used.target)).collect();
    let want = [
        (ProxyKind::Connect, "shop.test:443".to_owned()),
        (ProxyKind::Forward, "http://shop.test/ok?size=3".to_owned()),
    ];
    assert_eq!(uses, want);

    let proxy = Proxy::http(ProxyOptions { refuses: Some(Refusal), ..options(&server) });
    let got = talk(&proxy, &[(b"CONNECT shop.test:443 HTTP/1.1\r\n\r\n", 0)]);
    assert!(got.starts_with("HTTP/1.1 502 "), "{got}");
}

#[test]
fn http_wants_its_login() {
    let server = Server::start(Site::default());
    let proxy = Proxy::http(ProxyOptions { login: login(), ..options(&server) });
    for (header, want) in [
        ("", "HTTP/1.1 407 "),
        ("Proxy-Authorization: Basic d3Jvbmc=\r\n", "HTTP/1.1 407 "),
        ("Proxy-Authorization: Basic YW5uOnNlY3JldA==\r\n", "HTTP/1.1 200 "),
    ] {
        let request = format!("GET http://shop.test/ok HTTP/1.1\r\n{header}\r\n");
        let got = talk(&proxy, &[(request.as_bytes(), 0)]);
        assert!(got.starts_with(want), "{header}: {got}");
    }
    assert_eq!(proxy.uses().len(), 1);
    assert_eq!(server.requests()[0].header("Proxy-Authorization"), None, "it goes no further");
}

#[test]
fn socks_by_name_and_by_address() {
    let server = Server::start(Site::default());
    let proxy = Proxy::socks5(options(&server));
    let port = server.addr().port().to_be_bytes();
    let by_name = [b"\x05\x01\x00\x03\x09shop.test".as_slice(), &port].concat();
    let by_addr = [b"\x05\x01\x00\x01\x7f\x00\x00\x01".as_slice(), &port].concat();
    for request in [&by_name, &by_addr] {
        let got = talk(&proxy, &[(b"\x05\x01\x00", 2), (request, 10), (REQUEST, 0)]);
        assert!(got.contains("HTTP/1.1 200 OK"), "{got}");
    }
    let kinds: Vec<_> = proxy.uses().iter().map(|used| used.kind).collect();
    assert_eq!(kinds, [ProxyKind::SocksName, ProxyKind::SocksAddr]);

    let proxy = Proxy::socks5(ProxyOptions { login: login(), ..options(&server) });
    let wrong: &[(&[u8], usize)] = &[(b"\x05\x01\x02", 2), (b"\x01\x03ann\x03bad", 2)];
    assert!(talk(&proxy, wrong).ends_with("\u{1}\u{1}"));
    let right: &[(&[u8], usize)] =
        &[(b"\x05\x01\x02", 2), (b"\x01\x03ann\x06secret", 2), (&by_name, 10), (REQUEST, 0)];
    assert!(talk(&proxy, right).contains("HTTP/1.1 200 OK"));
    assert_eq!(proxy.uses()[0].user.as_deref(), Some("ann"));
}

#[test]
fn addresses_that_do_not_answer() {
    let refusing = Refusing::start();
    let error = TcpStream::connect(refusing.addr()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);

    let unreachable = Unreachable::start();
    let wait = Duration::from_millis(300);
    let error = TcpStream::connect_timeout(&unreachable.addr(), wait).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);

    let mute = Mute::start();
    let mut stream = TcpStream::connect(mute.addr()).unwrap();
    stream.write_all(REQUEST).unwrap();
    stream.set_read_timeout(Some(wait)).unwrap();
    let error = stream.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock, "it neither answers nor closes");
    assert_eq!(mute.connections(), 1);
}
