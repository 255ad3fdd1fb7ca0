//! Ports for servers that cannot say which one they took.

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// A port of 127.0.0.1 that nobody else is given for the next minute, but that a server may listen on.
///
/// A port that is merely free at this moment is the next one's for an outgoing connection.
///
/// # Panics
/// Without loopback.
pub(crate) fn reserved() -> u16 {
    hold(0)
}

/// Keeps this port for a minute for whoever asks for it by its number; any port for 0.
///
/// A connection that its server closed waits there (TIME_WAIT, RFC 9293 section 3.6.1). The kernel gives
/// such a port to nobody who asks for any; `SO_REUSEADDR`, which servers set, takes it.
///
/// # Panics
/// If somebody listens there.
pub(crate) fn hold(port: u16) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a port of loopback");
    let addr = listener.local_addr().expect("it is bound");
    let mut client = TcpStream::connect(addr).expect("somebody listens");
    let name = client.local_addr().expect("it is connected");
    // Somebody else may have waited for a server to come back.
    while listener.accept().expect("somebody connected").1 != name {}
    // The client closes second.
    assert_eq!(client.read(&mut [0]).expect("the end"), 0);
    addr.port()
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use tokio::net::TcpSocket;

    use super::*;

    #[test]
    fn a_reserved_port_is_free_for_a_server_alone() {
        let port = reserved();
        for _ in 0..2 {
            let outgoing = TcpSocket::new_v4().expect("a socket");
            let taken = outgoing.bind((Ipv4Addr::LOCALHOST, port).into());
            assert_eq!(taken.map_err(|error| error.kind()), Err(ErrorKind::AddrInUse));
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("as servers listen");
        }
        assert_eq!(hold(port), port, "also when it was used");
    }
}
