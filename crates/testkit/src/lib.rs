//! Development only: a hostile loopback server, a DNS server, proxies, certificates, mail.
//!
//! Everything here listens on loopback, on port 0, on a thread of its own, and stops when it is
//! dropped, so a test starts what it needs in one line and asserts on what the server saw:
//!
//! ```
//! use gather_testkit::{Server, Site};
//!
//! let server = Server::start(Site::default());
//! let url = server.url("/status/404");
//! assert!(url.starts_with("http://127.0.0.1:"));
//! assert_eq!(server.stats().hits, 0);
//! ```
//!
//! [`paths`] lists what each path of a [`Site`] does.

mod alertmanager;
mod answer;
mod background;
pub mod crawled;
mod dns;
mod dns_codec;
mod encode;
mod faults;
mod http1;
mod http2;
mod limits;
mod listen;
mod misbehave;
pub mod paths;
mod ports;
mod postgres;
mod prometheus;
mod proxy;
mod raw;
mod request;
mod server;
mod site;
mod smtp;
mod tls;

pub use alertmanager::Alertmanager;
pub use dns::{Dns, DnsAnswer, DnsKind, DnsQuery, DnsTransport};
pub use encode::bomb;
pub use faults::FaultRow;
pub use listen::{Mute, Refusing, Unreachable};
pub use postgres::{Postgres, PostgresSync, PostgresTls};
pub use prometheus::Prometheus;
pub use proxy::{Proxy, ProxyKind, ProxyOptions, ProxyUse, Refusal};
pub use raw::{Raw, Talk, Then};
pub use request::Request;
pub use server::{HostStats, Server, Stats};
pub use site::{Page, RetryAfter, Site};
pub use smtp::{Mail, Smtp, SmtpOptions, SmtpTls};
pub use tls::{Ca, ClientCert, Identity, Tls, Validity};
