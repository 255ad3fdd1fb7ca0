//! Reads a source ahead of the shards, without letting one host starve those behind it.
//!
//! A thread hands out targets by credit: each host has at most `host_targets` of them in its
//! shard, each shard about `window_targets / shards`. What a host must wait with is set aside, in
//! memory first and then on disk, and reading goes on to the hosts behind it.

use std::path::PathBuf;
use std::sync::Arc;

use gather_core::target::{HostKey, Target};

use super::{Broken, SourceError};

mod codec;
mod driver;
#[cfg(test)]
mod driver_tests;
mod owners;
mod spill;
mod state;
#[cfg(test)]
mod state_tests;

pub use driver::{LookUp, ShardPort, start};
pub use owners::Owners;
pub use state::{Intake, IntakeUsage};

/// How far ahead is read, and where to put what must wait.
#[derive(Clone, Debug)]
pub struct IntakeConfig {
    /// The shards fed, and who of them gets what.
    pub owners: Arc<Owners>,
    /// Targets in all shards at once that wait for their host: `max(8192, 4 x concurrency)`.
    pub window_targets: usize,
    /// Targets of one host in its shard at once: `max(64, 2 x what it may have in flight)`.
    pub host_targets: usize,
    /// Where the temporary file is made. It has no name, and is safe to lose.
    pub spill_dir: PathBuf,
    /// Bytes of waiting targets kept in memory before they go to disk.
    pub spill_buffer_bytes: usize,
}

impl IntakeConfig {
    /// For a run of these shards, `concurrency` and host concurrency.
    pub fn new(owners: Arc<Owners>, concurrency: usize, host_concurrency: usize) -> Self {
        Self {
            owners,
            window_targets: concurrency.saturating_mul(4).max(8192),
            host_targets: host_concurrency.saturating_mul(2).max(64),
            spill_dir: std::env::temp_dir(),
            spill_buffer_bytes: 1 << 19,
        }
    }
}

/// From the intake to a shard.
#[derive(Debug)]
pub enum ToShard {
    /// Targets whose hosts belong to this shard, in the order of each host.
    Admit(Vec<Target>),
    /// Inputs that are no targets; all go to shard 0.
    Broken(Vec<Broken>),
    /// The source was read to its end and nothing of this shard is held back any more.
    AllHanded,
    /// The source cannot be read on; only shard 0 is told. What was read before still comes, and
    /// then `AllHanded`; but if it is [`SourceError::Spill`], nothing more comes.
    Failed(SourceError),
}

/// From a shard to the intake.
#[derive(Clone, Debug)]
pub enum FromShard {
    /// So many targets of these hosts left their waiting queues for good: their credit is free again.
    Took(Vec<(HostKey, u32)>),
    /// Permits are idle: read on for this shard even if its window is full.
    Hungry {
        /// The shard that asks.
        shard: usize,
    },
    /// Stop reading and end the threads.
    Stop,
}
