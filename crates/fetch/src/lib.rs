//! One HTTP try: names, connections, TLS, HTTP/1.1 and HTTP/2, bodies; every failure has a kind.

pub mod progress;

pub use progress::{Phase, Progress};
