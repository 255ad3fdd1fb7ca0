//! Whether a connection was woken since it had nothing to read: what is known need not be asked.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Asks for bytes only where there may be some.
///
/// hyper asks again three times after each response and once before each request, as it must; the
/// runtime would lock and look for each, 250 instructions, though nothing has come since it last said
/// so.
#[derive(Default)]
pub(super) struct Alarmed {
    set: Option<Set>,
}

/// The alarm that waits for bytes, also as what the runtime is given.
struct Set {
    alarm: Arc<Alarm>,
    waker: Waker,
}

/// Wakes a task, and remembers that it did.
struct Alarm {
    task: Waker,
    rang: AtomicBool,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rang.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

impl Set {
    fn new(task: &Waker) -> Self {
        let alarm = Arc::new(Alarm { task: task.clone(), rang: AtomicBool::new(true) });
        Self { waker: Arc::clone(&alarm).into(), alarm }
    }
}

impl Alarmed {
    /// What `read` answers; `Pending` without asking it, if it answered so to the same task and has
    /// woken nobody since.
    pub(super) fn poll(
        &mut self,
        cx: &Context<'_>,
        read: impl FnOnce(&mut Context<'_>) -> Poll<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        let set = match &self.set {
            Some(set) if set.alarm.task.will_wake(cx.waker()) => set,
            _ => self.set.insert(Set::new(cx.waker())),
        };
        if !set.alarm.rang.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        // Before it is asked: what comes from then on rings.
        set.alarm.rang.store(false, Ordering::Release);
        let read = read(&mut Context::from_waker(&set.waker));
        if read.is_ready() {
            set.alarm.rang.store(true, Ordering::Release);
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A task that nothing but its identity is known of.
    struct Task;

    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn a_stream_is_asked_only_where_it_may_have_something() {
        let tasks: [Waker; 2] = [Arc::new(Task).into(), Arc::new(Task).into()];
        let mut alarmed = Alarmed::default();
        let mut registered: Option<Waker> = None;
        let mut poll = |task: usize, answer: Poll<()>, registered: &mut Option<Waker>| {
            let mut was_asked = false;
            let polled = alarmed.poll(&Context::from_waker(&tasks[task]), |cx| {
                was_asked = true;
                *registered = Some(cx.waker().clone());
                answer.map(Ok)
            });
            (polled.is_ready(), was_asked)
        };
        let (nothing, bytes) = (Poll::Pending, Poll::Ready(()));
        assert_eq!(poll(0, nothing, &mut registered), (false, true), "never asked before");
        assert_eq!(poll(0, bytes, &mut registered), (false, false), "nothing has come");
        registered.take().expect("it was given one").wake();
        assert_eq!(poll(0, bytes, &mut registered), (true, true), "something has come");
        assert_eq!(poll(0, bytes, &mut registered), (true, true), "there may be more");
        assert_eq!(poll(0, nothing, &mut registered), (false, true), "there may be more");
        assert_eq!(poll(1, nothing, &mut registered), (false, true), "another task waits");
        assert_eq!(poll(0, nothing, &mut registered), (false, true), "the first one again");
    }

    #[test]
    fn what_comes_while_the_stream_is_asked_is_not_missed() {
        let task: Waker = Arc::new(Task).into();
        let cx = Context::from_waker(&task);
        let mut alarmed = Alarmed::default();
        let polled = alarmed.poll(&cx, |cx| {
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        assert!(polled.is_pending());
        assert!(alarmed.poll(&cx, |_| Poll::Ready(Ok(()))).is_ready());
    }
}
