//! What bytes go over below TLS and HTTP: TCP, or pipes in memory that a program brings.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::DuplexStream;
use tokio::net::TcpStream;

/// How an address is connected to.
#[derive(Clone, Default)]
pub enum Transport {
    /// By TCP.
    #[default]
    Tcp,
    /// By a pipe in memory, whose other end the program serves: in tests of its own, and to measure
    /// what is left when the network costs nothing. Everything else is as over TCP: names are looked
    /// up, addresses must be permitted, proxies asked, TLS agreed on.
    Memory(Arc<Connect>),
}

/// Gives our end of a pipe to an address, or says why there is none.
///
/// Called on the thread of a shard, within its runtime: it may spawn tasks there, and must not block.
pub type Connect = dyn Fn(SocketAddr) -> io::Result<DuplexStream> + Send + Sync;

/// What TLS, or a proxy, is spoken over.
#[derive(Debug)]
pub enum Socket {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a pipe in memory.
    Memory(DuplexStream),
}

impl Transport {
    /// Pipes in memory, made by `connect`; see [`Connect`].
    pub fn memory(
        connect: impl Fn(SocketAddr) -> io::Result<DuplexStream> + Send + Sync + 'static,
    ) -> Self {
        Self::Memory(Arc::new(connect))
    }

    pub(crate) async fn connect(&self, address: SocketAddr) -> io::Result<Socket> {
        match self {
            Self::Tcp => {
                let stream = TcpStream::connect(address).await?;
                // Without it small writes wait for acknowledgements; a socket that refuses works.
                let _ = stream.set_nodelay(true);
                Ok(Socket::Tcp(stream))
            }
            Self::Memory(connect) => connect(address).map(Socket::Memory),
        }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "Tcp",
            Self::Memory(_) => "Memory",
        })
    }
}

/// Reads and writes of an enum whose every variant holds a byte stream.
macro_rules! delegate_io {
    ($name:ident: $($variant:ident),+) => {
        impl tokio::io::AsyncRead for $name {
            fn poll_read(
                self: std::pin::Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
                buffer: &mut tokio::io::ReadBuf<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                match self.get_mut() {
                    $(Self::$variant(it) => std::pin::Pin::new(it).poll_read(context, buffer),)+
                }
            }
        }

        impl tokio::io::AsyncWrite for $name {
            fn poll_write(
                self: std::pin::Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
                bytes: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                match self.get_mut() {
                    $(Self::$variant(it) => std::pin::Pin::new(it).poll_write(context, bytes),)+
                }
            }

            fn poll_flush(
                self: std::pin::Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                match self.get_mut() {
                    $(Self::$variant(it) => std::pin::Pin::new(it).poll_flush(context),)+
                }
            }

            fn poll_shutdown(
                self: std::pin::Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                match self.get_mut() {
                    $(Self::$variant(it) => std::pin::Pin::new(it).poll_shutdown(context),)+
                }
            }

            fn poll_write_vectored(
                self: std::pin::Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
                parts: &[std::io::IoSlice<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                match self.get_mut() {
                    $(Self::$variant(it) => {
                        std::pin::Pin::new(it).poll_write_vectored(context, parts)
                    })+
                }
            }

            fn is_write_vectored(&self) -> bool {
                match self {
                    $(Self::$variant(it) => it.is_write_vectored(),)+
                }
            }
        }
    };
}
pub(crate) use delegate_io;

delegate_io!(Socket: Tcp, Memory);
