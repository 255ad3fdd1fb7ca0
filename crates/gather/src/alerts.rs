//! Notices: from what a watch saw to messages that arrive.
//!
//! | step | where |
//! |---|---|
//! | a table `[notify.NAME]` becomes a [`Channel`] | `channel.rs`, `channel/parse.rs`; errors in `value.rs` |
//! | `notify` of a job becomes [`Routes`] | `route.rs`, `condition.rs` |
//! | an event becomes notices: now, if it lasts, again, at its end | [`Planner`], pure |
//! | notices wait in the outbox of the history, written with what they tell of | [`gather_store::history`] |
//! | they leave it: due, gathered, capped, under a key | `deliver/`, `pace.rs` |
//! | several become one message | `message.rs` |
//! | a message becomes a request, a mail, a process | `http.rs`, `presets.rs`, `template.rs`, `mail.rs`, `command.rs` |
//! | it is sent once, with a timeout | `send.rs` |
//!
//! What is promised: every notice is delivered at least once, or given up with a record of why;
//! a repetition has the same key (`Idempotency-Key`, `dedup_key`, `Message-ID`); no channel waits
//! for another; what is folded into a digest is counted in it; no secret of a channel is in any
//! output.

mod channel;
mod command;
mod condition;
mod deliver;
mod heartbeat;
mod http;
mod key;
mod mail;
mod message;
mod metrics;
mod pace;
mod planner;
mod presets;
mod route;
mod samples;
mod secrets;
mod send;
mod template;
mod test;
mod value;

pub use channel::Channel;
pub use deliver::{CHANNELS_MAX, DeliverError, Deliverer, DelivererOptions, Health};
pub use metrics::{NotifyCounts, NotifyMetrics};
pub use planner::{Hush, Planner, silenced};
pub use route::Routes;
pub use test::{Tested, send_test};
pub use value::{ConfigError, Step, Text, Value};
