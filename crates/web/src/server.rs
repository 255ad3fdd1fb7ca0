//! The server: connections with limits, one router, one guard in front of it.

mod answer;
mod asked;
mod badges;
mod cache;
mod guard;
mod login;
mod metrics;
mod pages;
mod readers;
mod routes;

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use self::guard::LocalAddress;
pub(crate) use self::pages::frame;
use self::routes::Site;
use crate::options::{AccessError, Options, check_listen};

/// Connections at once; more wait in the system's queue.
const CONNECTIONS_MAX: usize = 256;
/// Bytes of a request's line and headers.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Headers of a request.
const HEADERS_MAX: usize = 64;
/// Until the whole head of a request is there, also of the next on the same connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may be used; then the browser makes another.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(300);
/// For an answer that is under way when the connection's time is over, or the server stops.
const GRACE: Duration = Duration::from_secs(5);

/// Why a server could not start, or had to end.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
    /// It may not listen there.
    Access(AccessError),
    /// The listener failed.
    Listen(io::Error),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Access(error) => error.fmt(f),
            Self::Listen(error) => write!(f, "cannot listen for the status page: {error}"),
        }
    }
}

impl std::error::Error for ServeError {}

/// Answers on this listener until `stop` is ready; what is under way may end within five seconds.
///
/// # Errors
/// When the listener is open to others and there is no token, or when it fails.
pub async fn serve(
    listener: TcpListener,
    options: Options,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let listen = listener.local_addr().map_err(ServeError::Listen)?;
    check_listen(listen, options.token.as_ref()).map_err(ServeError::Access)?;
    let site = Site::new(options);
    tokio::spawn(pages::read_ahead(Arc::clone(&site)));
    let router = routes::router(site);
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let (stopping, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let permit = tokio::select! {
            () = &mut stop => break,
            permit = Arc::clone(&permits).acquire_owned() => permit.expect("it is never closed"),
        };
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // No descriptors, or a connection that is gone again: nothing to do but wait a little.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (router, stopped) = (router.clone(), stopped.clone());
        connections.spawn(async move {
            converse(stream, router, stopped).await;
            drop(permit);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(stopping);
    let all = async { while connections.join_next().await.is_some() {} };
    let _in_time = tokio::time::timeout(GRACE + Duration::from_secs(1), all).await;
    Ok(())
}

/// One connection, from its first request to its end.
async fn converse(stream: TcpStream, router: axum::Router, mut stopped: watch::Receiver<()>) {
    let Ok(local) = stream.local_addr() else { return };
    let _without = stream.set_nodelay(true);
    let routed = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(LocalAddress(local.ip()));
        routed.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let over = async {
        tokio::select! {
            () = tokio::time::sleep(CONNECTION_TIMEOUT) => (),
            _ = stopped.changed() => (),
        }
    };
    tokio::select! {
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection to the status page broke");
            }
            return;
        }
        () = over => connection.as_mut().graceful_shutdown(),
    }
    let _in_time = tokio::time::timeout(GRACE, connection).await;
}
