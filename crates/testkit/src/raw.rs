//! A server whose every byte is written by the test.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Nobody is listened to for longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// A request's head that is read at most.
const HEAD_BYTES_MAX: usize = 1 << 20;

/// A running server; dropping it stops it.
#[derive(Debug)]
pub struct Raw {
    addr: SocketAddr,
    connections: Arc<AtomicU64>,
    stopping: Arc<AtomicBool>,
}

/// What a server does after it has written its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Closes with a FIN.
    Close,
    /// Neither writes nor closes, until the client closes.
    Hold,
}

/// A connection of a client, in a thread of its own.
#[derive(Debug)]
pub struct Talk {
    stream: TcpStream,
    /// Which connection of the server it is, from 1.
    pub nth: u64,
}

impl Raw {
    /// Gives every connection to `talk`; what that returns from is closed.
    ///
    /// # Panics
    /// If there is no free port.
    pub fn start(talk: impl Fn(&mut Talk) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let addr = listener.local_addr().expect("a bound address");
        let (connections, stopping) = <(Arc<AtomicU64>, Arc<AtomicBool>)>::default();
        let (counted, stops, talk) =
            (Arc::clone(&connections), Arc::clone(&stopping), Arc::new(talk));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stops.load(Ordering::SeqCst) {
                    return;
                }
                let nth = counted.fetch_add(1, Ordering::SeqCst) + 1;
                let talk = Arc::clone(&talk);
                std::thread::spawn(move || {
                    // A socket that is open takes options.
                    drop(stream.set_read_timeout(Some(PATIENCE)));
                    drop(stream.set_write_timeout(Some(PATIENCE)));
                    drop(stream.set_nodelay(true));
                    talk(&mut Talk { stream, nth });
                });
            }
        });
        Self { addr, connections, stopping }
    }

    /// Reads the head of one request on each connection and answers it with these bytes.
    pub fn answers(bytes: impl Into<Vec<u8>>, then: Then) -> Self {
        let bytes = bytes.into();
        Self::start(move |talk| {
            if talk.read_head().is_some() && talk.send(&bytes) && then == Then::Hold {
                talk.hold();
            }
        })
    }

    /// The URL of a path of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Connections accepted.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.addr));
    }
}

impl Talk {
    /// The head of the next request; `None` if there is none.
    pub fn read_head(&mut self) -> Option<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = self.read(1)?;
            head.extend_from_slice(&byte);
            if head.len() > HEAD_BYTES_MAX {
                return None;
            }
        }
        String::from_utf8(head).ok()
    }

    /// So many bytes; `None` if they do not come.
    pub fn read(&mut self, bytes: usize) -> Option<Vec<u8>> {
        let mut read = vec![0; bytes];
        self.stream.read_exact(&mut read).ok()?;
        Some(read)
    }

    /// Whether the client took it.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends the same again and again, at most so many bytes, until the client has enough, and reads
    /// what it answers; closes, and says how much went out.
    pub fn flood(&mut self, piece: &[u8], bytes_max: u64) -> u64 {
        let reading = self.stream.try_clone().map(|mut answers| {
            std::thread::spawn(move || std::io::copy(&mut answers, &mut std::io::sink()))
        });
        let mut sent = 0;
        while sent < bytes_max && self.send(piece) {
            sent += piece.len() as u64;
        }
        // Ends the reading as well.
        drop(self.stream.shutdown(Shutdown::Both));
        drop(reading.map(JoinHandle::join));
        sent
    }

    /// Waits until the client closes, and throws away what it sends.
    pub fn hold(&mut self) {
        let mut buffer = [0; 4096];
        while self.stream.read(&mut buffer).is_ok_and(|read| read > 0) {}
    }
}
