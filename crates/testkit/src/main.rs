//! The test site as a process of its own, so that a bench does not count its CPU as the client's.

fn main() {}
