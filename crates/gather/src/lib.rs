//! Fetch many URLs: fast, polite, every input accounted for.
//!
//! ```no_run
//! use gather::{Engine, EngineOptions};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let engine = Engine::start(EngineOptions::with_concurrency(50))?;
//!     let urls = std::io::stdin().lines().map_while(Result::ok);
//!     for record in engine.fetch_all(urls) {
//!         let record = record?;
//!         let body = record.body.as_deref().unwrap_or_default();
//!         println!("{} {} {} bytes", record.status_code, record.input(), body.len());
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Two ways in
//!
//! - [`Engine`] lives as long as the program: it is given targets one by one or as streams, from
//!   async code or without it, and hands records back. See [`engine`].
//! - [`Run`] fetches a list once, from files to files: it reads ahead through a temporary file, so
//!   that memory stays flat however long the list is and no host in it starves the others; it
//!   writes JSON lines, CSV or text, and ends with a [`Summary`]. See [`run`].
//!
//! Both keep the same promises:
//!
//! - Each input has exactly one [`Record`](crate::core::Record), with an
//!   [`Outcome`](crate::core::Outcome) that says `ok`, or why not, in one of a closed set of
//!   [kinds](crate::core::ErrorKind).
//! - The concurrency is exact, over all hosts and for each. A request that waits for a retry, a
//!   rate or a host that asked for a pause holds none of it.
//! - A host that answers 429, or 503 with `Retry-After`, is left alone for as long as it says, by
//!   everything the engine holds for it; then asked at a pace that it bears.
//! - Hosts that do not answer take a small share of the requests while others have work.
//!
//! # What decides
//!
//! | what | where |
//! |---|---|
//! | concurrency, rates, timeouts, retries, caps, redirects, what counts as ok | [`core::Config`] |
//! | proxies, TLS, DNS, headers, credentials, what is kept of a response | [`fetch::ClientOptions`] |
//! | signing each request | [`fetch::Sign`], in [`fetch::ClientOptions::signer`] |
//! | TCP, or pipes in memory that the program serves | [`fetch::Transport`], in [`fetch::NetOptions::transport`] |
//! | method, headers, body and timeout of one target | [`core::RequestSpec`], in [`core::Target`] |
//!
//! # What it leaves alone
//!
//! It handles no signals, installs no global subscriber and prints nothing. It raises the
//! descriptor limit of the process only if told to by [`Descriptors::Raise`], and otherwise fits
//! the concurrency to it. Its event loops run on threads of their own, so it needs no runtime of
//! the caller's and disturbs none.
//!
//! # Features
//!
//! What is heavy and not needed by everybody is behind a feature. What a feature lacks is refused
//! by name, never ignored.
//!
//! | feature | by default | with it | without it |
//! |---|---|---|---|
//! | `http2` | yes | HTTP/2 by ALPN or prior knowledge | only HTTP/1.1 is offered; [`HttpChoice::Http2`](fetch::HttpChoice) is refused |
//! | `extract` | no | rules for fields and rows of pages: [`RunOptions::extract`], and the module `extract` | there is no such option |
//! | `brotli` | no | the coding `br` is offered and undone | not offered; a body that has it all the same fails as `limit.encodings` |
//! | `zstd` | no | the same for `zstd` | the same |
//! | `system-roots` | no | [`Roots::System`](fetch::Roots), the operating system's certificates | refused; Mozilla's roots are built in |
//! | `sqlite` | no | resuming a killed run (the journal), the cache, and SQLite files as output | refused |
//! | `crawl` | no | `gather::crawl`: a run that follows links | it is not there |
//! | `postgres` | no | PostgreSQL as output | refused |
//! | `parquet` | no | Parquet files as output | refused |
//! | `xlsx` | no | Excel files as output | refused |
//! | `alerts` | no | `gather::alerts`: notices of a watch by webhook, mail, command | it is not there |
//!
//! TLS, gzip, deflate, proxies and CSV are always there: leaving them out would save little, or
//! most of the web.

#[cfg(feature = "alerts")]
pub mod alerts;
pub mod changes;
pub mod check;
#[cfg(feature = "crawl")]
pub mod crawl;
pub mod digest;
pub mod engine;
pub mod export;
#[cfg(feature = "extract")]
pub mod extract_stored;
pub mod journal;
pub mod live;
pub mod platform;
pub mod run;
pub mod source;
pub mod stop;
pub mod stored;
pub mod summary;

mod account;
mod asker;
mod cache;
#[cfg(feature = "alerts")]
mod calendar;
mod clock;
mod comparison;
#[cfg(feature = "extract")]
mod extract_pool;
#[cfg(feature = "extract")]
mod extracted;
mod feed;
mod finish;
mod fit;
mod lend;
mod method;
mod obey;
mod outbox;
mod pending;
mod permits;
mod rate;
mod redact;
mod repeats;
mod report;
mod reroute;
mod seat;
mod settle;
mod shard;
mod shared;
#[cfg(any(feature = "extract", feature = "crawl"))]
mod stage;
mod stall;
mod stopping;
mod tally;
mod tell;
mod walk;
#[cfg(feature = "watch")]
pub mod watch;
mod writer;

pub use gather_core as core;
pub use gather_core::human;
#[cfg(any(feature = "crawl", feature = "extract"))]
pub use gather_extract as extract;
pub use gather_fetch as fetch;
pub use gather_store as store;

pub use bytes::Bytes;
pub use url::Url;

pub use engine::{Engine, EngineOptions};
pub use journal::JournalOptions;
pub use platform::Descriptors;
pub use repeats::EqualRequests;
pub use run::{OnNote, Output, Run, RunError, RunOptions};
pub use stop::Stop;
pub use summary::Summary;
pub use writer::{Judge, OnRecord, View};
