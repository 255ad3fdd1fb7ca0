//! The sockets that lookups use: tokio's, counting those that this machine could not give.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hickory_resolver::net::runtime::{RuntimeProvider, Time, TokioRuntimeProvider, TokioTime};
use hickory_resolver::proto::op::DEFAULT_RETRY_FLOOR;

use super::sources::SERVER_WAIT_MAX;
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

/// Tokio's timers, by which no question is put again on a second socket beside the first: so many
/// questions take so many sockets, however slow who answers them. It is put again when its time is over.
pub(super) struct Patient;

impl Time for Patient {
    fn delay_for<'a>(duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        // Shorter ones are pauses between servers.
        let is_of_question = duration >= DEFAULT_RETRY_FLOOR;
        TokioTime::delay_for(if is_of_question { duration.max(SERVER_WAIT_MAX) } else { duration })
    }

    fn timeout<'a, F: 'a + 'static + Future + Send>(
        duration: Duration,
        future: F,
    ) -> Pin<Box<dyn Future<Output = io::Result<F::Output>> + Send + 'a>> {
        TokioTime::timeout(duration, future)
    }
}

impl RuntimeProvider for Sockets {
    type Handle = <Tokio as RuntimeProvider>::Handle;
    type Timer = Patient;
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
