//! One HTTP try: names, connections, TLS, HTTP/1.1 and HTTP/2, bodies; every failure has a kind.

mod cache;
pub mod dial;
mod dns;
mod happy;
pub mod options;
pub mod progress;
pub mod proxy;
pub mod stream;
pub mod tls;
mod tunnel;

pub use dial::{Connected, DialError, DialFailure, DialTimings, Dialer, LocalShortage, Protocol};
pub use options::{
    ClientIdentity, ConnectTo, Family, HttpChoice, NetOptions, OptionsError, ResolveOverride,
    Roots, TlsOptions, Verify,
};
pub use progress::{Phase, Progress};
pub use proxy::{NoProxy, Proxies, Proxy, ProxyHeader, ProxyKind};
pub use stream::Stream;
pub use tls::TlsConfigs;
