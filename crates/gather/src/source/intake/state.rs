//! The intake's decisions, without threads: what is handed out, set aside, and read next.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use gather_core::target::{HostKey, HostMap, Target};

use super::spill::{QueueId, Spill};
use super::{IntakeConfig, Owners};
use crate::source::{Ahead, Broken, Item, Unparsed};

/// Feeds shards by credit.
///
/// The input of each shard is one sequence: its backlog, then what is still to be read. While its
/// window has room, targets are taken from the front of that sequence; one whose host has no
/// credit is held back for that host alone, so those behind it are reached. Every target is
/// therefore handed out once, and those of a host in their order.
pub struct Intake {
    host_targets: usize,
    shard_targets: usize,
    owners: Arc<Owners>,
    shards: Vec<Shard>,
    /// The hosts with targets in their shard. Others cost nothing.
    hosts: HostMap<Host>,
    /// Over all hosts.
    outstanding: usize,
    broken: Vec<Broken>,
    spill: Spill,
    reading: Reading,
}

struct Shard {
    ready: VecDeque<Target>,
    /// Targets handed out and not taken; a host with held targets counts with its whole credit.
    charged: usize,
    /// Beyond the window, as far as hunger asks.
    limit: usize,
    /// Read while the window was full.
    backlog: QueueId,
    /// Hosts with held targets.
    holding_hosts: usize,
}

struct Host {
    shard: usize,
    outstanding: usize,
    /// Never empty.
    held: Option<QueueId>,
}

/// What a host has left of its credit.
enum Credit {
    /// Enough for a target in this shard, which is taken from it.
    Of { shard: usize },
    /// Nothing; its targets are held back in this queue.
    Spent(QueueId),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Open,
    Ended,
}

/// What an intake holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IntakeUsage {
    /// Hosts with targets in their shard.
    pub hosts: usize,
    /// Targets handed out, or about to be, and not taken.
    pub outstanding_targets: usize,
    /// What of the windows is used: those, and what is reserved for hosts that wait for credit.
    pub window_targets: usize,
    /// Bytes of targets set aside in memory.
    pub buffered_bytes: usize,
    /// Bytes of the temporary file.
    pub file_bytes: u64,
}

/// Broken inputs in memory at once.
const BROKEN_MAX: usize = 1024;
/// Targets in one message: more would hold up a shard's loop.
const ADMIT_TARGETS_MAX: usize = 128;
/// Targets moved from a backlog in one step.
const PUMP_TARGETS_MAX: usize = 4096;

impl Intake {
    /// Nothing read, nothing handed out.
    pub fn new(config: &IntakeConfig) -> Self {
        let count = config.owners.shards();
        let shard_targets = config.window_targets.div_ceil(count).max(1);
        let mut spill = Spill::new(config.spill_dir.clone(), config.spill_buffer_bytes);
        let shards = (0..count)
            .map(|_| Shard {
                ready: VecDeque::new(),
                charged: 0,
                limit: shard_targets,
                backlog: spill.open_queue(),
                holding_hosts: 0,
            })
            .collect();
        Self {
            host_targets: config.host_targets.max(1),
            shard_targets,
            owners: Arc::clone(&config.owners),
            shards,
            hosts: HostMap::default(),
            outstanding: 0,
            broken: Vec::new(),
            spill,
            reading: Reading::Open,
        }
    }

    /// Takes in the next item of the source.
    ///
    /// # Errors
    /// The temporary file cannot be written. The intake is then of no more use.
    pub fn offer(&mut self, item: Ahead) -> io::Result<()> {
        match item {
            Ahead::Item(Item::Broken(broken)) => {
                self.broken.push(broken);
                Ok(())
            }
            Ahead::Item(Item::Target(target)) => {
                match self.backlog(self.owners.give_to_owner(&target.host)) {
                    None => self.place(target),
                    Some(backlog) => self.spill.push(backlog, &target),
                }
            }
            Ahead::Unparsed(unparsed) => {
                match self.backlog(self.owners.give_to_owner(&unparsed.host)) {
                    None => self.place_unparsed(&unparsed),
                    Some(backlog) => self.spill.push_unparsed(backlog, &unparsed),
                }
            }
        }
    }

    /// Where a target of this shard has to wait before its turn to be placed, if it has to.
    fn backlog(&self, shard: usize) -> Option<QueueId> {
        let shard = &self.shards[shard];
        let is_next = shard.has_room() && self.spill.is_empty(shard.backlog);
        (!is_next).then_some(shard.backlog)
    }

    /// The source is exhausted.
    pub fn end(&mut self) {
        self.reading = Reading::Ended;
    }

    /// Targets of a host left its queue: it gets as many of those that are held back.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub fn took(&mut self, key: &HostKey, count: u32) -> io::Result<()> {
        let Some(host) = self.hosts.get_mut(key) else {
            debug_assert!(false, "{key} took what it was not given");
            return Ok(());
        };
        debug_assert!(count as usize <= host.outstanding, "{key} took more than it was given");
        let count = (count as usize).min(host.outstanding);
        host.outstanding -= count;
        self.outstanding -= count;
        let shard = &mut self.shards[host.shard];
        let Some(held) = host.held else {
            if host.outstanding == 0 {
                self.hosts.remove(key);
            }
            shard.discharge(count, self.shard_targets);
            return Ok(());
        };
        // In batches: one load for half a host's credit.
        if host.outstanding > self.host_targets / 2 {
            return Ok(());
        }
        let want = self.host_targets - host.outstanding;
        let mut got = 0;
        while got < want && !self.spill.is_empty(held) {
            got += self.spill.pop(held, want - got, &mut shard.ready)?;
        }
        host.outstanding += got;
        self.outstanding += got;
        if self.spill.is_empty(held) {
            self.spill.close_queue(held);
            host.held = None;
            shard.holding_hosts -= 1;
            shard.discharge(self.host_targets - host.outstanding, self.shard_targets);
        }
        Ok(())
    }

    /// A shard has idle permits: it gets some more targets even if its window is full.
    pub fn hungry(&mut self, shard: usize) {
        let quantum = (self.shard_targets / 8).max(256);
        if let Some(shard) = self.shards.get_mut(shard)
            && !shard.has_room()
        {
            shard.limit = shard.charged + quantum;
        }
    }

    /// Whether the next items of the source should be offered now.
    pub fn wants_input(&self) -> bool {
        self.reading == Reading::Open
            && self.broken.len() < BROKEN_MAX
            && self
                .shards
                .iter()
                .any(|shard| shard.has_room() && self.spill.is_empty(shard.backlog))
    }

    /// What can be given to a shard now; empty if nothing.
    ///
    /// # Errors
    /// The temporary file cannot be read or written.
    pub fn drain(&mut self, shard: usize) -> io::Result<Vec<Target>> {
        if self.shards[shard].ready.len() < ADMIT_TARGETS_MAX {
            self.pump(shard)?;
        }
        let ready = &mut self.shards[shard].ready;
        let count = ready.len().min(ADMIT_TARGETS_MAX);
        Ok(ready.drain(..count).collect())
    }

    /// The broken inputs since the last call.
    pub fn drain_broken(&mut self) -> Vec<Broken> {
        std::mem::take(&mut self.broken)
    }

    /// Whether all broken inputs were drained.
    pub fn has_no_broken(&self) -> bool {
        self.broken.is_empty()
    }

    /// Whether `drain` may have something to do for this shard.
    pub fn is_behind(&self, shard: usize) -> bool {
        let shard = &self.shards[shard];
        !shard.ready.is_empty() || (shard.has_room() && !self.spill.is_empty(shard.backlog))
    }

    /// Whether a shard was given everything it will ever get.
    pub fn is_all_handed(&self, shard: usize) -> bool {
        let shard = &self.shards[shard];
        self.reading == Reading::Ended
            && shard.ready.is_empty()
            && shard.holding_hosts == 0
            && self.spill.is_empty(shard.backlog)
    }

    /// What it holds now.
    pub fn usage(&self) -> IntakeUsage {
        IntakeUsage {
            hosts: self.hosts.len(),
            outstanding_targets: self.outstanding,
            window_targets: self.shards.iter().map(|shard| shard.charged).sum(),
            buffered_bytes: self.spill.buffered_bytes(),
            file_bytes: self.spill.file_bytes(),
        }
    }

    /// Moves targets from a shard's backlog into its window, a bounded number of them.
    fn pump(&mut self, number: usize) -> io::Result<()> {
        let mut batch = Vec::new();
        let mut left = PUMP_TARGETS_MAX;
        while left > 0 {
            let shard = &self.shards[number];
            let room = shard.limit.saturating_sub(shard.charged).min(256).min(left);
            let got = self.spill.pop(shard.backlog, room, &mut batch)?;
            if got == 0 {
                break;
            }
            for target in batch.drain(..) {
                self.place(target)?;
            }
            left -= got;
        }
        Ok(())
    }

    /// Readies a target, or holds it back if its host has no credit left.
    fn place(&mut self, target: Target) -> io::Result<()> {
        match self.take_credit(&target.host) {
            Credit::Of { shard } => self.shards[shard].ready(target),
            Credit::Spent(held) => self.spill.push(held, &target)?,
        }
        Ok(())
    }

    fn place_unparsed(&mut self, unparsed: &Unparsed) -> io::Result<()> {
        match self.take_credit(&unparsed.host) {
            Credit::Of { shard } => {
                let target = self.spill.parse(unparsed)?;
                self.shards[shard].ready(target);
            }
            Credit::Spent(held) => self.spill.push_unparsed(held, unparsed)?,
        }
        Ok(())
    }

    fn take_credit(&mut self, key: &HostKey) -> Credit {
        let Some(host) = self.hosts.get_mut(key) else {
            let shard = self.owners.owner_of(key);
            self.hosts.insert(key.clone(), Host { shard, outstanding: 1, held: None });
            self.outstanding += 1;
            return Credit::Of { shard };
        };
        if host.held.is_none() && host.outstanding < self.host_targets {
            host.outstanding += 1;
            self.outstanding += 1;
            return Credit::Of { shard: host.shard };
        }
        let held = *host.held.get_or_insert_with(|| {
            self.shards[host.shard].holding_hosts += 1;
            self.spill.open_queue()
        });
        Credit::Spent(held)
    }
}

impl Shard {
    fn has_room(&self) -> bool {
        self.charged < self.limit
    }

    fn ready(&mut self, target: Target) {
        self.charged += 1;
        self.ready.push_back(target);
    }

    fn discharge(&mut self, count: usize, window_targets: usize) {
        self.charged -= count;
        if self.charged < window_targets {
            self.limit = window_targets;
        }
    }
}
