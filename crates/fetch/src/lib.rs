//! One HTTP try: names, connections, TLS, HTTP/1.1 and HTTP/2, bodies; every failure has a kind.

pub mod body;
mod cache;
mod capture;
pub mod client;
mod conn;
mod deadline;
mod decode;
pub mod dial;
mod dns;
mod exchange;
mod failure;
mod framing;
mod happy;
mod host_headers;
mod lines;
mod memory;
pub mod options;
mod pool;
pub mod progress;
pub mod proxy;
mod redirect;
mod request;
pub mod stream;
pub mod tls;
pub mod transport;
mod tunnel;
mod wall;

/// The crate whose `HeaderMap` a [`Sign`] changes.
pub use http;

pub use body::{BodyWriter, Keep, KeepBody, KeepExchanges, KeepHeaders, KeepSha256};
pub use client::{Client, ClientError, ClientOptions, Hops, PlainGet, TryState};
pub use decode::Decoder;
pub use dial::{Connected, DialError, DialFailure, DialTimings, Dialer, LocalShortage, Protocol};
pub use host_headers::HostHeaders;
pub use memory::MemoryBudget;
pub use options::{
    ClientIdentity, ConnectTo, Family, HttpChoice, NetOptions, OptionsError, ResolveOverride,
    Roots, TlsOptions, Verify,
};
pub use pool::PoolStats;
pub use progress::{Phase, Progress};
pub use proxy::{NoProxy, Proxies, Proxy, ProxyHeader, ProxyKind};
pub use redirect::resolve as resolve_redirect;
pub use request::{AcceptEncoding, RedactQuery, Secret, Sign};
pub use stream::Stream;
pub use tls::TlsConfigs;
pub use transport::{Connect, Socket, Transport};
