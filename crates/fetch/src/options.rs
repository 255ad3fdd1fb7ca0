//! Stand-in until the real dialler is merged: what the operator chose about the network.

use std::time::Duration;

/// What the operator chose about the network.
#[derive(Clone, Debug)]
pub struct NetOptions {
    /// Until a connection stands, TLS included.
    pub connect_timeout: Duration,
    /// The protocol to speak.
    pub http: HttpChoice,
}

impl Default for NetOptions {
    fn default() -> Self {
        Self { connect_timeout: Duration::from_secs(5), http: HttpChoice::Auto }
    }
}

/// The protocol to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpChoice {
    /// By ALPN; HTTP/1.1 on plain http.
    Auto,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2, with prior knowledge on plain http.
    Http2,
}

/// An option that cannot be used.
#[derive(Debug)]
pub struct OptionsError(pub String);

impl std::fmt::Display for OptionsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OptionsError {}
