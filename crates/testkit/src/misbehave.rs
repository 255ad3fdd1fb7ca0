//! The paths on which no well-behaved server would answer this way.

use bytes::Bytes;

use crate::answer::{After, Delivery, Reply, filler, framing};
use crate::request::Request;

/// The reply of a hostile path, if `name` is one.
pub(crate) fn answer(name: &str, request: &Request) -> Option<Reply> {
    let at = usize::try_from(request.number("at", 0)).unwrap_or(usize::MAX);
    let body =
        |default| Reply::new(200, filler(request.number("size", default))).frame(framing(request));
    Some(match name {
        "silent" => body(0).deliver(Delivery::Silent),
        "headers-then-silent" => body(1000).deliver(Delivery::HeadOnly),
        "drip" => body(100).deliver(Delivery::Drip(request.number("bps", 10).max(1))),
        "cut" => body(1024).deliver(Delivery::Cut(at)),
        "reset" => body(1024).deliver(Delivery::Reset(at)),
        "infinite" => body(16 << 10).deliver(Delivery::Endless),
        "big-header" => {
            let length = usize::try_from(request.number("kb", 64)).unwrap_or(usize::MAX);
            body(2).header("X-Big", "x".repeat(length.min(1 << 20) << 10))
        }
        "many-headers" => {
            let count = request.number("n", 100).min(1_000_000);
            (0..count).fold(body(2), |reply, i| reply.header(&format!("X-{i}"), "y"))
        }
        "goaway" => body(2).deliver(Delivery::GoAway),
        "reset-stream" => {
            let code = u32::try_from(request.number("code", 2)).unwrap_or(2);
            body(2).deliver(Delivery::ResetStream(code))
        }
        _ => return raw(name, request),
    })
}

/// Replies whose very bytes are wrong.
fn raw(name: &str, request: &Request) -> Option<Reply> {
    let ok = "HTTP/1.1 200 OK\r\n";
    let (text, after) = match name {
        "bad-length" => (format!("{ok}Content-Length: banana\r\n\r\nhello"), After::Close),
        "two-lengths" => {
            (format!("{ok}Content-Length: 5\r\nContent-Length: 7\r\n\r\nhello"), After::Close)
        }
        "te-and-length" => {
            let head = format!("{ok}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n");
            (head + "5\r\nhello\r\n0\r\n\r\n", After::Close)
        }
        "chunk-garbage" => {
            (format!("{ok}Transfer-Encoding: chunked\r\n\r\nZZ\r\nhello\r\n"), After::Close)
        }
        "not-http" => ("SSH-2.0-OpenSSH_9.2p1\r\n".to_owned(), After::Close),
        "bad-status" => ("HTTP/1.1 OK\r\n\r\n".to_owned(), After::Close),
        "surplus" => {
            let surplus = "x".repeat(usize::try_from(request.number("n", 10)).unwrap_or(10));
            (format!("{ok}Content-Length: 2\r\n\r\nok{surplus}"), After::Keep)
        }
        _ => return None,
    };
    Some(Reply::new(200, Bytes::new()).deliver(Delivery::Raw(text.into())).then(after))
}
