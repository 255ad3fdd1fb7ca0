//! A thread with a runtime of its own, for servers that must work from any test.

use std::future::Future;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

/// A runtime that is not running yet, so that sockets can be bound before the thread starts.
pub(crate) struct Prepared(Runtime);

/// A running thread; dropping it cancels every task on it and waits for its end.
#[derive(Debug)]
pub(crate) struct Background {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Prepared {
    /// A current-thread runtime.
    pub(crate) fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build();
        Self(runtime.expect("a runtime can be built while descriptors are left"))
    }

    /// Runs `bind` where sockets can be registered with this runtime.
    pub(crate) fn within<T>(&self, bind: impl FnOnce() -> T) -> T {
        let _guard = self.0.enter();
        bind()
    }

    /// Runs `main` until it ends or the returned value is dropped.
    pub(crate) fn run<F>(self, name: &str, main: F) -> Background
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, stopped) = oneshot::channel();
        let body = move || {
            self.0.block_on(async {
                tokio::select! {
                    () = main => {}
                    _ = stopped => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(body);
        let thread = thread.expect("a thread can be started");
        Background { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in the server has printed itself; a second one here would abort the test.
            drop(thread.join());
        }
    }
}
