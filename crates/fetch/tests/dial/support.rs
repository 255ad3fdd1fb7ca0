//! What the dial tests share: a runtime, a dial told as one line, and small servers.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use gather_core::{HostKey, Scheme};
use gather_fetch::{Connected, DialError, Dialer, NetOptions, Progress, TlsConfigs};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

/// Runs a test as a shard runs: one thread, one loop.
pub(crate) fn shard<T>(test: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    LocalSet::new().block_on(&runtime, test)
}

/// A dialer of these options.
pub(crate) fn dialer(options: &NetOptions) -> Dialer {
    let tls = TlsConfigs::new(&options.tls, options.http).expect("TLS options");
    Dialer::new(options, Arc::new(tls)).expect("options")
}

/// The key of `scheme://host:port`.
pub(crate) fn key(url: &str) -> HostKey {
    let (scheme, rest) = url.split_once("://").expect("a scheme");
    let (host, port) = rest.rsplit_once(':').expect("a port");
    let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
    HostKey::new(scheme, host, port.parse().expect("a port"))
}

/// Dials, and tells how it ended: "connected to IP", "kind: message", or the shortage.
pub(crate) async fn told(dialer: &Dialer, url: &str) -> String {
    tell(dialer.dial(&key(url), &Progress::new()).await)
}

/// How a dial ended, in one line.
pub(crate) fn tell(result: Result<Connected, DialError>) -> String {
    match result {
        Ok(connected) => format!("connected to {}", connected.remote_ip),
        Err(DialError::Failed(failed)) => {
            format!("{}: {}", failed.failure.kind.as_str(), failed.failure.message)
        }
        Err(DialError::Local(shortage)) => format!("{shortage:?}"),
    }
}

/// A listener on this address whose connections are each given to `serve`.
pub(crate) async fn serve<F, G>(address: &str, serve: F) -> SocketAddr
where
    F: Fn(TcpStream) -> G + 'static,
    G: Future<Output = ()> + 'static,
{
    let listener = TcpListener::bind(address).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::task::spawn_local(serve(stream));
        }
    });
    address
}

/// A server that accepts and says nothing.
pub(crate) async fn silent() -> SocketAddr {
    serve("127.0.0.1:0", |stream| async move {
        let _held = stream;
        std::future::pending().await
    })
    .await
}

/// An address where nothing listens.
pub(crate) async fn refusing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("bound")
}
