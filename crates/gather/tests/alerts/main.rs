//! Notices from a real outbox to real receivers: what arrives, in which form, and that nothing is
//! lost on the way.

#![expect(clippy::disallowed_methods, reason = "a test has no loop to stall")]

mod bed;
mod crash;
mod delivery;
mod docs;
mod mail;
mod services;
