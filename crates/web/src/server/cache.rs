//! Pages that were made within the last second: many viewers cost as much as one.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

/// How long a page is given out again.
const FRESH: Duration = Duration::from_secs(1);
/// Pages that are kept at most.
const PAGES_MAX: usize = 128;

/// What was made, by what was asked.
#[derive(Debug)]
pub(super) struct Cache<T> {
    pages: Mutex<HashMap<String, Entry<T>>>,
}

#[derive(Debug)]
struct Entry<T> {
    since: Instant,
    cell: Arc<OnceCell<T>>,
}

impl<T: Clone> Cache<T> {
    pub(super) fn new() -> Self {
        Self { pages: Mutex::new(HashMap::new()) }
    }

    /// What was asked for, made at most once a second; those who ask meanwhile wait for it.
    /// A failure is not kept.
    pub(super) async fn get<E>(
        &self,
        key: String,
        make: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let cell = self.cell(key);
        cell.get_or_try_init(|| make).await.cloned()
    }

    fn cell(&self, key: String) -> Arc<OnceCell<T>> {
        let now = Instant::now();
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = |entry: &Entry<T>| now.duration_since(entry.since) < FRESH;
        if let Some(entry) = pages.get(&key).filter(|entry| is_fresh(entry)) {
            return Arc::clone(&entry.cell);
        }
        if pages.len() >= PAGES_MAX {
            pages.retain(|_, entry| is_fresh(entry));
        }
        let cell = Arc::new(OnceCell::new());
        // Under a flood of different questions nothing is kept.
        if pages.len() < PAGES_MAX {
            pages.insert(key, Entry { since: now, cell: Arc::clone(&cell) });
        }
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test(start_paused = true)]
    async fn a_page_is_made_once_a_second() {
        let cache = Cache::new();
        let made = AtomicU32::new(0);
        let make = || async { Ok::<_, ()>(made.fetch_add(1, Ordering::Relaxed)) };
        assert_eq!(cache.get("/".into(), make()).await, Ok(0));
        assert_eq!(cache.get("/".into(), make()).await, Ok(0));
        assert_eq!(cache.get("/jobs".into(), make()).await, Ok(1));
        tokio::time::advance(FRESH).await;
        assert_eq!(cache.get("/".into(), make()).await, Ok(2));
        let failed = async { Err(()) };
        tokio::time::advance(FRESH).await;
        assert_eq!(cache.get("/".into(), failed).await, Err(()));
        assert_eq!(cache.get("/".into(), make()).await, Ok(3));
    }

    #[tokio::test(start_paused = true)]
    async fn it_has_a_limit() {
        let cache = Cache::new();
        for at in 0..10 * PAGES_MAX {
            let got = cache.get(format!("/?q={at}"), async { Ok::<_, ()>(at) }).await;
            assert_eq!(got, Ok(at));
        }
        assert_eq!(cache.pages.lock().unwrap().len(), PAGES_MAX);
    }
}
