//! What each path promises, seen through a plain socket.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use gather_testkit::{Page, RetryAfter, Server, Site};

/// How a connection was found after the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Closed,
    Reset,
    /// Nothing more came for a while.
    Open,
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.addr()).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    stream
}

fn send(stream: &mut TcpStream, request: &str) {
    stream.write_all(request.as_bytes()).unwrap();
}

fn read_on(stream: &mut TcpStream) -> (String, End) {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 65_536]);
    let end = loop {
        match stream.read(&mut buffer) {
            Ok(0) => break End::Closed,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break End::Reset,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break End::Open,
            Err(error) => panic!("unexpected: {error}"),
        }
        if bytes.len() > 4 << 20 {
            break End::Open;
        }
    };
    (String::from_utf8_lossy(&bytes).into_owned(), end)
}

/// Asks for `path` on a new connection and reads for as long as something comes.
fn get(server: &Server, path: &str) -> (String, End) {
    let mut stream = connect(server);
    send(&mut stream, &format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n"));
    read_on(&mut stream)
}

/// `want` is a status line, then things the response contains; the end is as given.
fn check(server: &Server, path: &str, want: &[&str], want_end: End) {
    let (got, end) = get(server, path);
    let start = &got[..got.len().min(300)];
    assert!(got.starts_with(want[0]), "{path}: {start:?}");
    for part in want {
        assert!(got.contains(part), "{path}: no {part:?} in {start:?}");
    }
    assert_eq!(end, want_end, "{path}");
}

/// Checks all cases at once, because each one waits to see whether more comes.
fn check_all(server: &Server, cases: &[(&str, &[&str], End)]) {
    std::thread::scope(|scope| {
        for (path, want, end) in cases {
            scope.spawn(|| check(server, path, want, *end));
        }
    });
}

#[test]
fn well_behaved_paths() {
    let server = Server::start(Site::default().page("/", Page::html("<h1>hello</h1>")));
    let ok = "HTTP/1.1 200 OK\r\n";
    let cases: &[(&str, &[&str], End)] = &[
        ("/", &[ok, "text/html", "\r\n\r\n<h1>hello</h1>"], End::Open),
        ("/ok", &[ok, "Content-Length: 2\r\n\r\nab"], End::Open),
        ("/ok?size=1024", &[ok, "Content-Length: 1024\r\n"], End::Open),
        ("/ok?size=4&chunked", &[ok, "chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"], End::Open),
        ("/ok?until_close", &[ok, "Connection: close\r\n\r\nab"], End::Closed),
        ("/ok?delay=20ms", &[ok], End::Open),
        ("/delay/20ms", &[ok], End::Open),
        ("/status/404", &["HTTP/1.1 404 Not Found\r\n"], End::Open),
        ("/status/204", &["HTTP/1.1 204 No Content\r\n\r\n"], End::Open),
        ("/status/799", &["HTTP/1.1 799 Unknown\r\n"], End::Open),
        ("/nowhere", &["HTTP/1.1 404 "], End::Open),
        ("/redirect/2", &["HTTP/1.1 302 ", "Location: /redirect/1\r\n"], End::Open),
        ("/redirect/0", &[ok, "arrived"], End::Open),
        ("/redirect-loop", &["HTTP/1.1 302 ", "Location: /redirect-loop\r\n"], End::Open),
        (
            "/redirect-to?url=http%3A%2F%2Fb%2F&status=307",
            &["HTTP/1.1 307 ", "Location: http://b/\r\n"],
            End::Open,
        ),
        ("/429", &["HTTP/1.1 429 ", "Retry-After: 1\r\n"], End::Open),
        ("/503?retry_after=7", &["HTTP/1.1 503 ", "Retry-After: 7\r\n"], End::Open),
        ("/json/price/AAPL", &[ok, "\"symbol\":\"AAPL\"", "\"currency\":\"EUR\""], End::Open),
        ("/set-cookie?name=a&value=b", &[ok, "Set-Cookie: a=b; Path=/\r\n"], End::Open),
        ("/etag", &[ok, "ETag: \"v1\"\r\n"], End::Open),
        ("/close", &[ok, "Connection: close\r\n"], End::Closed),
        ("/idle-close?ms=10", &[ok, "Content-Length: 2\r\n\r\nab"], End::Closed),
        ("/early-hints", &["HTTP/1.1 103 ", ok], End::Open),
        ("/encoding/gzip,br", &[ok, "Content-Encoding: gzip, br\r\n"], End::Open),
        ("/encoding/deflate-raw", &[ok, "Content-Encoding: deflate\r\n"], End::Open),
        ("/encoding/gzip?garbage&size=3", &[ok, "Content-Encoding: gzip\r\n", "abc"], End::Open),
        ("/bomb/gzip?mb=8", &[ok, "Content-Encoding: gzip\r\n", "Content-Length: "], End::Open),
        ("/big-header?kb=2", &[ok, "X-Big: xxxx"], End::Open),
        ("/many-headers?n=300", &[ok, "X-0: y\r\n", "X-299: y\r\n"], End::Open),
    ];
    check_all(&server, cases);
}

#[test]
fn hostile_paths() {
    let server = Server::start(Site::default());
    let ok = "HTTP/1.1 200 OK\r\n";
    let cases: &[(&str, &[&str], End)] = &[
        ("/silent", &[""], End::Open),
        ("/headers-then-silent", &[ok, "Content-Length: 1000\r\n\r\n"], End::Open),
        ("/drip?bps=1000&size=30", &[ok, "\r\n\r\nabc"], End::Open),
        ("/infinite", &[ok, "chunked"], End::Open),
        ("/bad-length", &[ok, "Content-Length: banana\r\n"], End::Closed),
        ("/two-lengths", &[ok, "Length: 5\r\n", "Length: 7\r\n"], End::Closed),
        ("/te-and-length", &[ok, "Length: 3\r\n", "chunked\r\n"], End::Closed),
        ("/chunk-garbage", &[ok, "\r\n\r\nZZ\r\n"], End::Closed),
        ("/not-http", &["SSH-2.0"], End::Closed),
        ("/bad-status", &["HTTP/1.1 OK\r\n"], End::Closed),
        ("/surplus?n=3", &[ok, "\r\n\r\nokxxx"], End::Open),
    ];
    check_all(&server, cases);
    assert_eq!(get(&server, "/silent").0, "");
    for (at, want) in [(0, 0), (10, 10), (100, 100), (9999, 1065)] {
        let (got, end) = get(&server, &format!("/cut?at={at}&size=1024"));
        assert_eq!((got.len(), end), (want, End::Closed), "cut at {at}");
        let (got, end) = get(&server, &format!("/reset?at={at}&size=1024"));
        assert_eq!((got.len(), end), (want, End::Reset), "reset at {at}");
    }
}

#[test]
fn a_connection_is_kept_and_counted() {
    let server = Server::start(Site::default());
    let mut stream = connect(&server);
    let one = "GET /ok HTTP/1.1\r\nHost: t\r\n\r\n";
    send(&mut stream, &format!("{one}{one}{one}"));
    let (got, end) = read_on(&mut stream);
    assert_eq!(got.matches("HTTP/1.1 200 OK").count(), 3, "pipelined requests are all answered");
    assert_eq!(end, End::Open);
    let stats = server.stats();
    assert_eq!((stats.hits, stats.connections, stats.connections_open), (3, 1, 1));
    assert_eq!((stats.in_flight, stats.in_flight_max, stats.status(200)), (0, 1, 3));
    send(&mut stream, "GET /ok HTTP/1.0\r\n\r\n");
    assert_eq!(read_on(&mut stream).1, End::Closed, "HTTP/1.0 closes");
}

#[test]
fn a_request_is_read_whole() {
    let server = Server::start(Site::default());
    let cases = [
        ("POST /echo HTTP/1.1\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello", "hello"),
        (
            "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
            "hello",
        ),
        ("PUT /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n", ""),
    ];
    for (request, body) in cases {
        let mut stream = connect(&server);
        send(&mut stream, request);
        let (got, _) = read_on(&mut stream);
        assert!(got.contains(&format!("\"body\":\"{body}\"")), "{got}");
    }
    let log = server.requests();
    assert_eq!(log.len(), 3);
    assert_eq!((log[0].method.as_str(), log[0].path()), ("POST", "/echo"));
    assert_eq!((log[0].header("x-a"), log[0].body.as_slice()), (Some("b"), &b"hello"[..]));
    assert!(log[0].connection < log[1].connection);

    let mut stream = connect(&server);
    send(&mut stream, "HEAD /ok?size=9 HTTP/1.1\r\n\r\n");
    let (got, _) = read_on(&mut stream);
    assert!(got.ends_with("Content-Length: 9\r\n\r\n"), "no body to HEAD: {got:?}");
    send(&mut stream, "GET /etag HTTP/1.1\r\nIf-None-Match: \"v1\"\r\n\r\n");
    assert!(read_on(&mut stream).0.starts_with("HTTP/1.1 304 "));
    send(&mut stream, "nonsense\r\n\r\n");
    assert!(read_on(&mut stream).0.starts_with("HTTP/1.1 400 "));
}

#[test]
fn limits_refuse_what_is_too_much() {
    let site = Site { rate_per_s: 0.001, burst: 3, window_requests_max: 2, ..Site::default() };
    let window = Duration::from_secs(3600);
    let server = Server::start(Site { window, ..site.clone() });
    let statuses = |server: &Server, path: &str, times: usize| -> Vec<String> {
        let status = |_| {
            let mut stream = connect(server);
            send(&mut stream, &format!("GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n"));
            read_on(&mut stream).0.split(' ').nth(1).unwrap_or("none").to_owned()
        };
        (0..times).map(status).collect()
    };
    assert_eq!(statuses(&server, "/limited", 5), ["200", "200", "200", "429", "429"]);
    assert_eq!(statuses(&server, "/window", 3), ["200", "200", "429"]);
    assert_eq!(statuses(&server, "/flaky?fail=2&a", 3), ["503", "503", "200"]);
    assert_eq!(statuses(&server, "/flaky?fail=1&status=500", 2), ["500", "200"]);
    assert_eq!(statuses(&server, "/flaky?fail=1&how=reset", 2), ["none", "200"]);
    assert_eq!(server.stats().status(429), 3);

    let dates = RetryAfter::Date(Duration::from_secs(60));
    let server = Server::start(Site { retry_after: dates, ..site.clone() });
    check(&server, "/429", &["HTTP/1.1 429 ", "Retry-After: ", " GMT\r\n"], End::Open);
    let server =
        Server::start(Site { retry_after: RetryAfter::Raw("soon".into()), ..site.clone() });
    check(&server, "/429", &["HTTP/1.1 429 ", "Retry-After: soon\r\n"], End::Open);
    let server = Server::start(Site { retry_after: RetryAfter::Absent, ..site });
    assert!(!get(&server, "/429").0.contains("Retry-After"));
}

#[test]
fn hosts_are_told_apart() {
    let server = Server::start(Site { burst: 1, rate_per_s: 0.001, ..Site::default().on_hosts(3) });
    assert_eq!(server.addrs().len(), 3);
    for (host_index, addr) in server.addrs().iter().enumerate() {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        send(&mut stream, "GET /limited HTTP/1.1\r\n\r\n");
        assert!(read_on(&mut stream).0.starts_with("HTTP/1.1 200 "), "each has its own burst");
        assert_eq!(server.requests()[host_index].host_index, host_index);
        let stats = server.host_stats()[host_index];
        assert_eq!((stats.hits, stats.in_flight_max), (1, 1));
    }
}

#[test]
fn a_client_that_leaves_is_no_longer_in_flight() {
    let server = Server::start(Site::default());
    for path in ["/silent", "/delay/1000s", "/headers-then-silent"] {
        let mut stream = connect(&server);
        send(&mut stream, &format!("GET {path} HTTP/1.1\r\n\r\n"));
        while server.stats().in_flight == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        drop(stream);
        while server.stats().in_flight > 0 || server.stats().connections_open > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn a_dropped_server_is_gone() {
    let server = Server::start(Site::default());
    let addr = server.addr();
    let mut stream = connect(&server);
    send(&mut stream, "GET /silent HTTP/1.1\r\n\r\n");
    drop(server);
    assert_ne!(read_on(&mut stream).1, End::Open);
    assert!(TcpStream::connect(addr).is_err());
}
