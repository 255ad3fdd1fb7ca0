//! The sockets that lookups use: tokio's, counting those that this machine could not give.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hickory_resolver::net::runtime::{RuntimeProvider, TokioRuntimeProvider};

use crate::happy::shortage_of;

type Tokio = TokioRuntimeProvider;
type Opening<T> = Pin<Box<dyn Send + Future<Output = io::Result<T>>>>;

/// Opens sockets for the resolver, which itself keeps no trace of why it got none.
#[derive(Clone, Default)]
pub(super) struct Sockets {
    inner: Tokio,
    refused: Arc<AtomicU64>,
}

impl Sockets {
    /// How often this machine had no socket to give.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn counted<T: 'static>(&self, opening: Opening<T>) -> Opening<T> {
        let refused = Arc::clone(&self.refused);
        Box::pin(async move {
            opening.await.inspect_err(|error| {
                if shortage_of(error).is_some() {
                    refused.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
    }
}

impl RuntimeProvider for Sockets {
    type Handle = <Tokio as RuntimeProvider>::Handle;
    type Timer = <Tokio as RuntimeProvider>::Timer;
    type Udp = <Tokio as RuntimeProvider>::Udp;
    type Tcp = <Tokio as RuntimeProvider>::Tcp;

    fn create_handle(&self) -> Self::Handle {
        self.inner.create_handle()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        local: Option<SocketAddr>,
        timeout: Option<Duration>,
    ) -> Opening<Self::Tcp> {
        self.counted(self.inner.connect_tcp(server, local, timeout))
    }

    fn bind_udp(&self, local: SocketAddr, server: SocketAddr) -> Opening<Self::Udp> {
        self.counted(self.inner.bind_udp(local, server))
    }
}
