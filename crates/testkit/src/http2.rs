//! HTTP/2 on one connection: the same paths, and the frames that only HTTP/2 has.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::server::TlsStream;

use crate::answer::{Delivery, Reply};
use crate::http1::Wire;
use crate::request::Request;
use crate::server::{Peer, Shared};

const PREFACE_BYTES: usize = 24;
const FRAME_HEADERS: u8 = 1;
const FRAME_SETTINGS: u8 = 4;
const FRAME_GOAWAY: u8 = 7;

/// Answers streams until the connection ends.
pub(crate) async fn serve<S: Wire>(io: TlsStream<S>, peer: Peer, shared: Arc<Shared>) {
    let Ok(mut connection) = h2::server::handshake(io).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        if request.uri().path() == "/goaway" {
            let (_, _in_flight) = shared.admit(read_head(&request, &peer));
            connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
            continue;
        }
        tokio::spawn(answer(request, respond, peer.clone(), Arc::clone(&shared)));
    }
}

/// Lets a client ask once and then says, by hand, that nothing was looked at: GOAWAY with the last
/// stream 0 (RFC 9113, section 6.8), which h2 cannot be told to send.
pub(crate) async fn turn_away<S: Wire>(mut io: TlsStream<S>) -> io::Result<()> {
    io.read_exact(&mut [0; PREFACE_BYTES]).await?;
    io.write_all(&[0, 0, 0, FRAME_SETTINGS, 0, 0, 0, 0, 0]).await?;
    loop {
        let mut head = [0; 9];
        io.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        tokio::io::copy(&mut (&mut io).take(length.into()), &mut tokio::io::sink()).await?;
        if head[3] == FRAME_HEADERS {
            break;
        }
    }
    io.write_all(&[0, 0, 8, FRAME_GOAWAY, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).await?;
    io.shutdown().await
}

/// One stream, start to end. Errors mean that the client has left or reset it.
async fn answer(
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    peer: Peer,
    shared: Arc<Shared>,
) {
    let mut seen = read_head(&request, &peer);
    if read_body(request.into_body(), &mut seen).await.is_err() {
        return;
    }
    let bodiless = seen.method == "HEAD";
    let (reply, in_flight) = shared.admit(seen);
    tokio::select! {
        () = in_flight.turn(&reply) => {}
        _ = poll_fn(|context| respond.poll_reset(context)) => return,
    }
    // The client may leave at any moment.
    drop(deliver(respond, reply, bodiless).await);
}

async fn deliver(
    mut respond: SendResponse<Bytes>,
    reply: Reply,
    bodiless: bool,
) -> Result<(), h2::Error> {
    match reply.delivery {
        Delivery::Silent => {
            poll_fn(|context| respond.poll_reset(context)).await?;
            return Ok(());
        }
        Delivery::ResetStream(code) => {
            respond.send_reset(code.into());
            return Ok(());
        }
        _ => {}
    }
    let bodiless = bodiless || matches!(reply.status, 204 | 304);
    let mut stream = respond.send_response(head(&reply), bodiless)?;
    if bodiless {
        return Ok(());
    }
    match reply.delivery {
        Delivery::HeadOnly => {
            poll_fn(|context| stream.poll_reset(context)).await?;
        }
        Delivery::Cut(at) | Delivery::Reset(at) => {
            send(&mut stream, reply.body.slice(..at.min(reply.body.len()))).await?;
            stream.send_reset(Reason::INTERNAL_ERROR);
        }
        Delivery::Drip(bytes_per_s) => {
            let pause = Duration::from_secs_f64(1.0 / bytes_per_s as f64);
            for at in 0..reply.body.len() {
                tokio::time::sleep(pause).await;
                send(&mut stream, reply.body.slice(at..=at)).await?;
            }
            stream.send_data(Bytes::new(), true)?;
        }
        Delivery::Endless => loop {
            send(&mut stream, reply.body.clone()).await?;
        },
        _ => {
            send(&mut stream, reply.body).await?;
            stream.send_data(Bytes::new(), true)?;
        }
    }
    Ok(())
}

/// Sends `bytes` as the client's window allows.
async fn send(stream: &mut SendStream<Bytes>, mut bytes: Bytes) -> Result<(), h2::Error> {
    while bytes.has_remaining() {
        stream.reserve_capacity(bytes.len());
        let Some(granted) = poll_fn(|context| stream.poll_capacity(context)).await else {
            return Err(Reason::CANCEL.into());
        };
        let piece = bytes.split_to(granted?.min(bytes.len()));
        stream.send_data(piece, false)?;
    }
    Ok(())
}

fn head(reply: &Reply) -> http::Response<()> {
    let mut head = http::Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        head = head.header(name, value);
    }
    head.body(()).expect("the paths make valid headers")
}

fn read_head(request: &http::Request<RecvStream>, peer: &Peer) -> Request {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let authority =
        request.uri().authority().map(|host| (":authority".to_owned(), host.to_string()));
    let headers = request.headers().iter().map(|(name, value)| (name.to_string(), text(value)));
    Request {
        method: request.method().to_string(),
        target: target.to_owned(),
        version: "2",
        headers: authority.into_iter().chain(headers).collect(),
        ..peer.request()
    }
}

async fn read_body(mut body: RecvStream, seen: &mut Request) -> Result<(), h2::Error> {
    while let Some(data) = body.data().await {
        let data = data?;
        seen.body_bytes += data.len() as u64;
        seen.keep(&data);
        body.flow_control().release_capacity(data.len())?;
    }
    Ok(())
}
