//! The face of a watch: a status page, a read-only API, a feed, badges and metrics.
//!
//! It reads a history and decides nothing. [`serve`] answers on a listener, [`export`] writes the
//! same pages as files. Pages work without JavaScript, load nothing from elsewhere, and treat every
//! name, URL and body in the history as hostile.

mod api;
mod assets;
mod badge;
mod export;
mod feed;
mod links;
mod load;
mod options;
mod say;
mod server;
mod shown;
mod view;

pub use export::{ExportError, ExportOptions, Exported, export};
pub use options::{
    AccessError, HealthCheck, Metrics, MetricsFormat, Now, Options, Remark, TOKEN_BYTES_MIN, Token,
    check_listen,
};
pub use server::{ServeError, serve};
