//! Fetch many URLs: fast, polite, every input accounted for.

pub mod engine;
pub mod live;
pub mod platform;
pub mod run;
pub mod source;
pub mod stop;
pub mod summary;

mod account;
mod asker;
mod clock;
mod feed;
mod finish;
mod fit;
mod lend;
mod outbox;
mod pending;
mod permits;
mod rate;
mod redact;
mod report;
mod reroute;
mod seat;
mod settle;
mod shard;
mod shared;
mod stall;
mod stopping;
mod tally;
mod tell;
mod walk;
mod writer;

pub use gather_core as core;
pub use gather_fetch as fetch;
pub use gather_store as store;

pub use bytes::Bytes;
pub use url::Url;

pub use engine::{Engine, EngineOptions};
pub use platform::Descriptors;
pub use run::{Output, Run, RunError, RunOptions};
pub use stop::Stop;
pub use summary::Summary;
pub use writer::{OnRecord, View};
