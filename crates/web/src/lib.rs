//! The face of a watch: a status page, a read-only API, a feed, badges and metrics.
#![warn(missing_docs)]

mod assets;
mod links;
mod load;
mod say;
mod shown;
mod view;
