//! INT and TERM: the first asks the run to drain, the second ends the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::signal::unix::{SignalKind, signal};

use crate::error::CliError;

/// 128 and the number of the signal, as shells have it.
const EXIT_INT: u8 = 130;
const EXIT_TERM: u8 = 143;

/// What came in so far. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals(Arc<AtomicU8>);

impl Signals {
    /// Calls `first` at the first INT or TERM, and ends the program at the second.
    ///
    /// # Errors
    /// When no thread can be started or no signal be caught.
    pub(crate) fn watch(
        first: impl FnOnce(&'static str) + Send + 'static,
    ) -> Result<Self, CliError> {
        let signals = Self::default();
        let seen = signals.clone();
        let fault =
            |error: std::io::Error| CliError::fault(format!("cannot catch signals: {error}"));
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(fault)?;
        let (mut int, mut term) = {
            let _entered = runtime.enter();
            let int = signal(SignalKind::interrupt()).map_err(fault)?;
            (int, signal(SignalKind::terminate()).map_err(fault)?)
        };
        let wait = async move {
            let mut first = Some(first);
            loop {
                let (name, code) = tokio::select! {
                    _ = int.recv() => ("SIGINT", EXIT_INT),
                    _ = term.recv() => ("SIGTERM", EXIT_TERM),
                };
                match first.take() {
                    Some(first) => {
                        seen.0.store(code, Ordering::Release);
                        first(name);
                    }
                    // Outputs end with a whole record at every moment: nothing is left to mend.
                    None => std::process::exit(code.into()),
                }
            }
        };
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || runtime.block_on(wait))
            .map_err(fault)?;
        Ok(signals)
    }

    /// The exit code of the signal that came first, if one came.
    pub(crate) fn exit_code(&self) -> Option<u8> {
        Some(self.0.load(Ordering::Acquire)).filter(|code| *code != 0)
    }
}
