//! Where notices go: it keeps what came, and sometimes refuses, or takes it without a word.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use fastrand::Rng;
use serde_json::Value;

use super::world::{LOOPBACK, head};

/// One message that came whole.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// Its idempotency key.
    pub(crate) key: String,
    /// Whether it was answered with 200.
    pub(crate) is_taken: bool,
    /// How many events it stands for: it may name fewer.
    pub(crate) count: usize,
    pub(crate) events: Vec<Event>,
}

/// One event of a message.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) key: String,
}

pub(crate) struct Receiver {
    pub(crate) addr: SocketAddr,
    messages: Mutex<Vec<Message>>,
    /// Whether it takes everything from here on.
    is_kind: AtomicBool,
}

impl Receiver {
    pub(crate) fn start(rng: &mut Rng) -> Arc<Self> {
        let listener = TcpListener::bind((LOOPBACK, 0)).expect("loopback");
        let addr = listener.local_addr().expect("bound");
        let receiver =
            Arc::new(Self { addr, messages: Mutex::default(), is_kind: AtomicBool::new(false) });
        let (taking, mut rng) = (Arc::clone(&receiver), rng.fork());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (taking, mood) = (Arc::clone(&taking), rng.u32(0..10));
                std::thread::spawn(move || taking.converse(stream, mood));
            }
        });
        receiver
    }

    pub(crate) fn be_kind(&self) {
        self.is_kind.store(true, Ordering::Relaxed);
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        self.messages.lock().expect("nobody panics").clone()
    }

    fn converse(&self, mut stream: TcpStream, mood: u32) {
        while let Some((key, body)) = request(&mut stream) {
            let mood = if self.is_kind.load(Ordering::Relaxed) { 9 } else { mood };
            let body: Value = serde_json::from_slice(&body).expect("a message is JSON");
            let events = body["events"].as_array().expect("a message has events");
            let events = events.iter().map(event).collect();
            // It is kept before it is answered: who is killed in between sends it again.
            let count = body["count"].as_u64().and_then(|count| usize::try_from(count).ok());
            let count = count.expect("a message counts its events");
            let message = Message { key, is_taken: mood > 1, count, events };
            self.messages.lock().expect("nobody panics").push(message);
            let answer: &[u8] = match mood {
                0 => return,
                1 => b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
                _ => b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            };
            if stream.write_all(answer).is_err() {
                return;
            }
        }
    }
}

/// The key and the body of a request that came whole.
fn request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let head = head(stream)?;
    let field = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    let mut body = vec![0; field("content-length")?.parse().ok()?];
    stream.read_exact(&mut body).ok()?;
    Some((field("idempotency-key").expect("every message has one"), body))
}

fn event(event: &Value) -> Event {
    let text = |name: &str| event[name].as_str().map(str::to_owned);
    Event { key: text("key").expect("every event has one") }
}
