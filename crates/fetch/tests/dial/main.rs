//! Dials over real loopback sockets.

mod connect;
mod names;
mod proxies;
mod secure;
mod support;
