//! Dials over real loopback sockets.

#![expect(clippy::disallowed_methods, reason = "a test may block its own loop")]

mod connect;
mod names;
mod proxies;
mod secure;
mod support;
