//! The binary `gather`.
fn main() {}
