//! Between a client and a server: passes everything on, and on demand cuts off the answer to a
//! commit.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// What PostgreSQL says when a commit is done (`CommandComplete`).
const COMMITTED: &[u8] = b"C\0\0\0\x0bCOMMIT\0";

pub(crate) struct Cutter {
    port: u16,
}

impl Cutter {
    /// Listens, and passes each connection on to `server`. When `lose` is set, the next answer to
    /// a commit ends its connection instead, and `lose` is taken back.
    pub(crate) fn start(server: SocketAddr, lose: Arc<AtomicBool>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        // It ends with the test's process; the tests of a process share nothing with it.
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(server).unwrap());
                let (up_from, up_to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let never = Arc::new(AtomicBool::new(false));
                thread::spawn(move || pass(up_from, up_to, &never));
                let lose = Arc::clone(&lose);
                thread::spawn(move || pass(server, client, &lose));
            }
        });
        Self { port }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, lose: &AtomicBool) {
    let mut buffer = [0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let said = &buffer[..count];
        let is_commit = said.windows(COMMITTED.len()).any(|part| part == COMMITTED);
        if is_commit && lose.swap(false, Ordering::SeqCst) {
            break;
        }
        if to.write_all(said).is_err() {
            break;
        }
    }
    // A peer that has gone has nothing to shut down.
    drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
}
