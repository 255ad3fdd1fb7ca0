//! Fetch many URLs: fast, polite, every input accounted for.

pub mod live;
pub mod source;
pub mod summary;

pub use gather_core as core;
pub use gather_fetch as fetch;
pub use gather_store as store;
