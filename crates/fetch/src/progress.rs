//! How far a try has come: a mark that the watchdog reads and that names a timeout.

use std::cell::Cell;
use std::fmt;
use std::net::IpAddr;

/// What a try is waiting for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Nothing was begun: it waits for its turn on a connection.
    #[default]
    Queued,
    /// A name server's answer.
    Dns,
    /// A TCP connection, or a proxy's consent.
    Connect,
    /// The TLS handshake.
    Tls,
    /// The first byte of the response.
    FirstByte,
    /// The rest of the response.
    Body,
}

impl Phase {
    /// For people, as in "waiting for the first byte".
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::FirstByte => "first byte",
            Self::Body => "body",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The phase of one try, and which address it would rather not dial, shared between the try and whoever watches it on the same thread.
#[derive(Debug, Default)]
pub struct Progress {
    phase: Cell<Phase>,
    body_bytes: Cell<u64>,
    avoided: Cell<Option<IpAddr>>,
}

impl Progress {
    /// A try that has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for this address to be dialled last, where the host has others.
    pub fn avoid(&self, address: Option<IpAddr>) {
        self.avoided.set(address);
    }

    /// The address that is dialled last.
    pub fn avoided(&self) -> Option<IpAddr> {
        self.avoided.get()
    }

    /// Marks that the try is in `phase` from now on.
    pub fn enter(&self, phase: Phase) {
        self.phase.set(phase);
    }

    /// What the try is waiting for.
    pub fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Adds to the bytes received of the current body, before decoding.
    pub fn add_body_bytes(&self, bytes: u64) {
        self.body_bytes.set(self.body_bytes.get() + bytes);
    }

    /// Bytes received of the bodies of this try, before decoding.
    pub fn body_bytes(&self) -> u64 {
        self.body_bytes.get()
    }
}
