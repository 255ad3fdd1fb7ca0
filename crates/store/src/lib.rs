//! Where records go: sinks with write and commit.
