//! What comes into a shard: targets from the intake, from other shards and from callers; and
//! what is said back: which credit is free again, and that permits are idle.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use gather_core::Target;
use gather_core::target::HostMap;
use tokio::sync::mpsc;

use crate::pending::{Credit, Pending};
use crate::source::intake::{FromShard, ShardPort, ToShard};
use crate::source::{Broken, SourceError};

/// Targets of one host, or of all, that left their queues before the intake hears of them at once;
/// fewer are told with the next beat. Each word wakes its thread.
const TOOK_OF_HOST_MAX: u32 = 128;
const TOOK_MAX: u32 = 512;

/// What came in.
pub(crate) enum Fed {
    /// From the list.
    Listed(Vec<Target>),
    /// From a caller or another shard.
    Asked(Box<Pending>),
    Broken(Vec<Broken>),
    /// The source failed; what was read before still comes.
    Failed(SourceError),
    /// Nothing more comes from the intake.
    AllHanded,
}

pub(crate) struct Feed {
    index: usize,
    intake: RefCell<Option<mpsc::Receiver<ToShard>>>,
    to_intake: Option<mpsc::Sender<FromShard>>,
    read_to_end: Arc<AtomicBool>,
    /// From callers and from other shards. Closes when nobody can send any more.
    inbox: RefCell<Option<mpsc::Receiver<Box<Pending>>>>,
    /// Targets that left their queue and were not told of.
    took: RefCell<HostMap<u32>>,
    /// How many there are of all hosts.
    took_in_all: Cell<u32>,
    /// What did not fit into the channel.
    unsaid: RefCell<VecDeque<FromShard>>,
    was_handed: Cell<bool>,
    /// Whether a beat found the source read to its end and the channel empty.
    was_read_to_end: Cell<bool>,
    /// Whether the beat before did.
    seemed_read_to_end: Cell<bool>,
}

impl Feed {
    /// `port` is `None` for a shard that only callers feed.
    pub(crate) fn new(
        index: usize,
        port: Option<ShardPort>,
        inbox: mpsc::Receiver<Box<Pending>>,
    ) -> Self {
        let (intake, to_intake, read_to_end) = match port {
            Some(port) => (Some(port.from_intake), Some(port.to_intake), port.read_to_end),
            None => (None, None, Arc::new(AtomicBool::new(true))),
        };
        let is_only_asked = to_intake.is_none();
        Self {
            index,
            intake: RefCell::new(intake),
            to_intake,
            read_to_end,
            inbox: RefCell::new(Some(inbox)),
            took: RefCell::default(),
            took_in_all: Cell::new(0),
            unsaid: RefCell::default(),
            was_handed: Cell::new(false),
            was_read_to_end: Cell::new(is_only_asked),
            seemed_read_to_end: Cell::new(false),
        }
    }

    /// Whether no host can come that was not seen: everything was handed over, or the source was
    /// read to its end a beat ago and what is held back is of hosts that have their fill.
    pub(crate) fn knows_all_hosts(&self) -> bool {
        self.was_handed.get() || self.was_read_to_end.get()
    }

    /// Whether the source was read to its end, unless a last message is on its way: what is not here
    /// is of hosts that have their fill.
    pub(crate) fn seems_read_to_end(&self) -> bool {
        let is_empty = self.intake.borrow().as_ref().is_none_or(mpsc::Receiver::is_empty);
        is_empty && self.read_to_end.load(Ordering::Acquire)
    }

    /// Whether an intake may still give something.
    pub(crate) fn has_intake(&self) -> bool {
        self.intake.borrow().is_some()
    }

    /// Whether there was an intake that has nothing more to give. Callers may always ask for more.
    pub(crate) fn is_all_handed(&self) -> bool {
        self.was_handed.get()
    }

    /// What comes next. Never resolves once nothing can come any more.
    pub(crate) async fn next(&self) -> Fed {
        poll_fn(|context| match self.poll_intake(context) {
            Poll::Ready(fed) => Poll::Ready(fed),
            Poll::Pending => self.poll_inbox(context),
        })
        .await
    }

    /// What has come by now.
    pub(crate) fn try_next(&self) -> Option<Fed> {
        let mut context = Context::from_waker(Waker::noop());
        match self.poll_intake(&mut context) {
            Poll::Ready(fed) => Some(fed),
            Poll::Pending => None,
        }
    }

    fn poll_intake(&self, context: &mut Context<'_>) -> Poll<Fed> {
        let mut intake = self.intake.borrow_mut();
        let Some(receiver) = intake.as_mut() else { return Poll::Pending };
        let said = std::task::ready!(receiver.poll_recv(context));
        Poll::Ready(match said {
            Some(ToShard::Admit(targets)) => Fed::Listed(targets),
            Some(ToShard::Broken(broken)) => Fed::Broken(broken),
            Some(ToShard::Failed(error)) => Fed::Failed(error),
            Some(ToShard::AllHanded) | None => {
                *intake = None;
                self.was_handed.set(true);
                Fed::AllHanded
            }
        })
    }

    fn poll_inbox(&self, context: &mut Context<'_>) -> Poll<Fed> {
        let mut inbox = self.inbox.borrow_mut();
        let Some(receiver) = inbox.as_mut() else { return Poll::Pending };
        match std::task::ready!(receiver.poll_recv(context)) {
            Some(pending) => Poll::Ready(Fed::Asked(pending)),
            None => {
                *inbox = None;
                Poll::Pending
            }
        }
    }

    /// A target has left its host's queue for the first time: its credit is free again.
    pub(crate) fn took(&self, pending: &mut Pending) {
        if std::mem::replace(&mut pending.credit, Credit::None) == Credit::None {
            return;
        }
        let mut took = self.took.borrow_mut();
        let host = &pending.target.host;
        let of_host = match took.get_mut(host) {
            Some(count) => {
                *count += 1;
                *count
            }
            None => {
                took.insert(host.clone(), 1);
                1
            }
        };
        drop(took);
        let in_all = self.took_in_all.get() + 1;
        self.took_in_all.set(in_all);
        if of_host >= TOOK_OF_HOST_MAX || in_all >= TOOK_MAX {
            self.say_took();
        }
    }

    fn say_took(&self) {
        let took: Vec<_> = self.took.borrow_mut().drain().collect();
        self.took_in_all.set(0);
        if !took.is_empty() {
            self.say(FromShard::Took(took));
        }
    }

    /// Every beat: says what was not said at once.
    pub(crate) fn beat(&self, appetite: Appetite) {
        if self.was_handed.get() || self.to_intake.is_none() {
            return;
        }
        self.say_took();
        self.note_reading();
        if appetite == Appetite::Hungry {
            self.say(FromShard::Hungry { shard: self.index });
        }
    }

    fn note_reading(&self) {
        let seems = self.seems_read_to_end();
        // Once may be between two messages.
        self.was_read_to_end.set(seems && self.seemed_read_to_end.replace(seems));
    }

    /// The intake is to end.
    pub(crate) fn end(&self) {
        if !self.was_handed.get() {
            self.say(FromShard::Stop);
        }
    }

    fn say(&self, said: FromShard) {
        let Some(to_intake) = &self.to_intake else { return };
        let mut unsaid = self.unsaid.borrow_mut();
        // At most one word for each target this shard holds, and one for its hunger.
        unsaid.push_back(said);
        while let Some(first) = unsaid.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(first)) = to_intake.try_send(first) {
                if !matches!(first, FromShard::Hungry { .. }) {
                    unsaid.push_front(first);
                }
                return;
            }
        }
    }
}

/// Whether a shard could do with targets beyond its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appetite {
    /// Permits are idle, and the hosts it has cannot use them.
    Hungry,
    Sated,
}
