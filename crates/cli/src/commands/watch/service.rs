//! What the service manager is told: ready, alive, reloading, stopping (sd_notify(3)).

use std::cell::Cell;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// The service manager, where there is one.
pub(super) struct Service {
    /// How often it wants a sign of life.
    every: Option<Duration>,
    beat_at: Cell<Instant>,
}

impl Service {
    /// Says that the watch goes on.
    pub(super) fn ready() -> Self {
        tell(&[NotifyState::Ready]);
        // Half of the time after which it takes the watch for dead.
        let every = sd_notify::watchdog_enabled().map(|patience| patience / 2);
        Self { every, beat_at: Cell::new(Instant::now()) }
    }

    /// Gives a sign of life, if the scheduler turns.
    pub(super) fn beat(&self, turns: &impl Fn() -> Result<(), String>) {
        let Some(every) = self.every else { return };
        if self.beat_at.get().elapsed() >= every && turns().is_ok() {
            self.beat_at.set(Instant::now());
            tell(&[NotifyState::Watchdog]);
        }
    }

    /// Says that the configuration is read again.
    pub(super) fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(_) => tell(&[NotifyState::Reloading]),
        }
    }

    /// Says that it was, whatever came of it.
    pub(super) fn reloaded(&self) {
        tell(&[NotifyState::Ready]);
    }

    /// Says that no further check begins.
    pub(super) fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }
}

/// A manager that does not listen is none.
fn tell(state: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(state);
}
