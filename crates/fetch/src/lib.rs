//! One HTTP try: names, connections, TLS, HTTP/1.1 and HTTP/2, bodies; every failure has a kind.

pub mod body;
pub mod client;
mod conn;
mod deadline;
mod decode;
pub mod dial;
mod exchange;
mod failure;
pub mod options;
mod pool;
pub mod progress;
mod redirect;
mod request;

pub use body::{BodyWriter, Keep, KeepBody, KeepHeaders, KeepSha256};
pub use client::{Client, ClientError, ClientOptions, TryState};
pub use pool::PoolStats;
pub use progress::{Phase, Progress};
pub use request::{AcceptEncoding, Secret, Sign};
