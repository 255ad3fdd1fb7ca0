//! Fetch many URLs: fast, polite, every input accounted for.

pub mod source;
