//! INT and TERM: the first asks the run to drain, the second ends the program. HUP: read the
//! configuration again.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gather::Stop;
use tokio::signal::unix::{SignalKind, signal};

use crate::error::CliError;
use crate::talk::Talk;

/// 128 and the number of the signal, as shells have it.
const EXIT_INT: u8 = 130;
const EXIT_TERM: u8 = 143;

/// What came in so far, and what it stops. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The exit code of the first signal; 0 before it.
    code: AtomicU8,
    stop: Mutex<Option<Stop>>,
}

impl Signals {
    /// Watches for signals until the program ends.
    ///
    /// # Errors
    /// When no thread can be started or no signal be caught.
    pub(crate) fn watch(talk: Talk) -> Result<Self, CliError> {
        let signals = Self::default();
        let seen = signals.clone();
        let mut ear = Ear::new()?;
        let wait = move || {
            loop {
                let (name, code) = ear.hear();
                if seen.exit_code().is_some() {
                    // Outputs end with a whole record at every moment: nothing is left to mend.
                    std::process::exit(code.into());
                }
                seen.0.code.store(code, Ordering::Release);
                talk.warn(&format!(
                    "{name}: no new requests; those in flight may end (again: exit at once)"
                ));
                if let Some(stop) = &*seen.stop() {
                    stop.drain();
                }
            }
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(wait).map_err(fault)?;
        Ok(signals)
    }

    /// Watches for HUP until the program ends.
    ///
    /// # Errors
    /// When no thread can be started or the signal not be caught.
    pub(crate) fn on_hangup(mut then: impl FnMut() + Send + 'static) -> Result<(), CliError> {
        let runtime = runtime()?;
        let mut hangup = {
            let _entered = runtime.enter();
            signal(SignalKind::hangup()).map_err(fault)?
        };
        let wait = move || {
            while runtime.block_on(hangup.recv()).is_some() {
                then();
            }
        };
        std::thread::Builder::new().name("hangup".to_owned()).spawn(wait).map_err(fault)?;
        Ok(())
    }

    /// Waits for the first signal.
    ///
    /// # Errors
    /// When no signal can be caught.
    pub(crate) fn wait() -> Result<(), CliError> {
        Ear::new()?.hear();
        Ok(())
    }

    /// Names what the first signal stops: at once if it came already.
    pub(crate) fn attach(&self, stop: Stop) {
        let mut attached = self.stop();
        if self.exit_code().is_some() {
            stop.drain();
        }
        *attached = Some(stop);
    }

    /// The exit code of the signal that came first, if one came.
    pub(crate) fn exit_code(&self) -> Option<u8> {
        Some(self.0.code.load(Ordering::Acquire)).filter(|code| *code != 0)
    }

    fn stop(&self) -> MutexGuard<'_, Option<Stop>> {
        self.0.stop.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hears INT and TERM, from when it is made.
struct Ear {
    runtime: tokio::runtime::Runtime,
    int: tokio::signal::unix::Signal,
    term: tokio::signal::unix::Signal,
}

impl Ear {
    fn new() -> Result<Self, CliError> {
        let runtime = runtime()?;
        let (int, term) = {
            let _entered = runtime.enter();
            let int = signal(SignalKind::interrupt()).map_err(fault)?;
            (int, signal(SignalKind::terminate()).map_err(fault)?)
        };
        Ok(Self { runtime, int, term })
    }

    /// Blocks until one comes: its name, and the exit code that stands for it.
    fn hear(&mut self) -> (&'static str, u8) {
        let Self { runtime, int, term } = self;
        runtime.block_on(async {
            tokio::select! {
                _ = int.recv() => ("SIGINT", EXIT_INT),
                _ = term.recv() => ("SIGTERM", EXIT_TERM),
            }
        })
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(fault)
}

fn fault(error: std::io::Error) -> CliError {
    CliError::fault(format!("cannot catch signals: {error}"))
}
