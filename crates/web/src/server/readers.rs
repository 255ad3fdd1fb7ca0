//! Readers of the history: they block, so they have threads of their own, and only a few.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gather_store::history::{HistoryError, HistoryPlace, HistoryReader};
use tokio::sync::Semaphore;

/// Readers at once: more would only fight for the processors with the checks.
const READERS_MAX: usize = 2;
/// How long who asks waits for a reader and its answer.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Open readers that nobody uses just now.
pub(super) struct Readers {
    place: HistoryPlace,
    idle: Arc<Mutex<Vec<HistoryReader>>>,
    permits: Arc<Semaphore>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The history said no.
    History(Box<HistoryError>),
    /// It took too long, or its thread broke.
    Late,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::History(error) => error.fmt(f),
            Self::Late => f.write_str("the history did not answer in time"),
        }
    }
}

impl Readers {
    pub(super) fn new(place: HistoryPlace) -> Self {
        let permits = Arc::new(Semaphore::new(READERS_MAX));
        Self { place, idle: Arc::new(Mutex::new(Vec::new())), permits }
    }

    /// Asks on a thread that may block. A reader that failed is not used again.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut HistoryReader) -> Result<T, HistoryError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let (idle, place) = (Arc::clone(&self.idle), self.place.clone());
        let permits = Arc::clone(&self.permits);
        let answer = async move {
            let permit = permits.acquire_owned().await.map_err(|_| ReadError::Late)?;
            let done = tokio::task::spawn_blocking(move || {
                // It stays taken until the thread is done, also if nobody waits any more.
                let _permit = permit;
                let waiting = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let mut reader = match waiting {
                    Some(reader) => reader,
                    None => HistoryReader::open(&place)?,
                };
                let answer = work(&mut reader)?;
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
                Ok(answer)
            });
            match done.await {
                Ok(answer) => answer.map_err(|error| ReadError::History(Box::new(error))),
                Err(_) => Err(ReadError::Late),
            }
        };
        tokio::time::timeout(TIMEOUT, answer).await.unwrap_or(Err(ReadError::Late))
    }
}
