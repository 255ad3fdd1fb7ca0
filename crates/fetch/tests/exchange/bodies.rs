//! Bodies: framing, and every way to be cut off.

use gather_fetch::{ClientOptions, Keep, KeepBody};

use crate::server::{Reply, Server, Then};
use crate::{client, ending, fetch, run, target};

fn keep_all() -> ClientOptions {
    let keep = Keep { body: KeepBody::All, ..Keep::default() };
    ClientOptions { keep, ..ClientOptions::default() }
}

#[test]
fn a_response_cut_at_any_byte_is_never_complete() {
    let responses = [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx: y\r\n\r\nhello"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    ];
    for response in responses {
        for (then, cut) in [(Then::Close, "protocol.truncated"), (Then::Reset, "connect.reset")] {
            run(async {
                let server = Server::start(move |seen| {
                    let bytes = seen.path()[1..].parse().unwrap();
                    Reply::new(&response[..bytes], then)
                })
                .await;
                let client = client(keep_all());
                for bytes in 0..=response.len() {
                    let url = server.at(&format!("/{bytes}"));
                    let attempt = fetch(&client, &target(&url)).await;
                    let what = format!("{then:?} after {bytes} bytes");
                    if bytes == response.len() {
                        assert_eq!(ending(&attempt), "200", "{what}");
                        assert_eq!(attempt.body.bytes.as_deref(), Some(&b"hello"[..]));
                    } else {
                        assert_eq!(ending(&attempt), cut, "{what}");
                    }
                }
            });
        }
    }
}
