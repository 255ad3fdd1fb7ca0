//! What shards tell the journal beside records: clocks of hosts, and requests that may not be
//! repeated.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gather_core::HostKey;
use gather_core::frontier::HostClock;
use tokio::sync::oneshot;

/// Hosts whose clocks wait to be written; what others owe is told at their next change.
const HOSTS_MAX: usize = 65_536;

/// Written by shards, taken by the writer with its next commit.
#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<Noted>);

/// What was told since the last look.
#[derive(Debug, Default)]
pub(super) struct Noted {
    pub(super) hosts: HashMap<HostKey, HostClock>,
    /// Inputs whose request is about to be sent, and who waits to hear that it is written down.
    /// As many as there are requests in flight.
    pub(super) begun: Vec<(u64, oneshot::Sender<()>)>,
    /// Inputs of those whose request may be repeated after all.
    pub(super) over: Vec<u64>,
}

impl Notes {
    /// Clocks of hosts have changed.
    pub(crate) fn clocks(&self, changed: Vec<HostClock>) {
        let hosts = &mut self.noted().hosts;
        for clock in changed {
            if hosts.len() < HOSTS_MAX || hosts.contains_key(&clock.host) {
                hosts.insert(clock.host.clone(), clock);
            }
        }
    }

    /// A request that may not be repeated is about to be sent: it may be once this resolves well.
    pub(crate) fn begin(&self, n: u64) -> oneshot::Receiver<()> {
        let (written, heard) = oneshot::channel();
        self.noted().begun.push((n, written));
        heard
    }

    /// It was not sent, or refused, and may be repeated.
    pub(crate) fn over(&self, n: u64) {
        self.noted().over.push(n);
    }

    /// Whether there is anything to write.
    pub(super) fn is_empty(&self) -> bool {
        let noted = self.noted();
        noted.hosts.is_empty() && noted.begun.is_empty() && noted.over.is_empty()
    }

    pub(super) fn take(&self) -> Noted {
        std::mem::take(&mut *self.noted())
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
