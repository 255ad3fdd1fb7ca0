//! The thread that sends: a task for each message, and one for each heartbeat.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;

use gather_fetch::NetOptions;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle as Task, LocalSet, spawn_local};
use tokio::time::MissedTickBehavior;

use super::{CHANNELS_MAX, DeliverError, Health, Told};
use crate::alerts::channel::{Channel, Way};
use crate::alerts::message::Message;
use crate::alerts::metrics::NotifyMetrics;
use crate::alerts::send::{Again, Sender, Sent};

/// The way to the sending thread. Dropping it cuts off what is being sent.
pub(super) struct Senders {
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

/// What came of one try of a channel.
pub(in crate::alerts) struct Done {
    pub(super) channel: Box<str>,
    pub(super) sent: Sent,
}

enum Order {
    Send(Arc<Channel>, Box<Message>),
    Beat(Vec<Channel>),
}

impl Senders {
    pub(super) fn start(
        net: NetOptions,
        done: SyncSender<Told>,
        health: Health,
        metrics: &Arc<NotifyMetrics>,
    ) -> Result<Self, DeliverError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(DeliverError::Thread)?;
        let (orders, ordered) = mpsc::channel(CHANNELS_MAX + 16);
        let (ready, is_ready) = oneshot::channel();
        let metrics = Arc::clone(metrics);
        let body = move || {
            // A client stays on the thread that made it.
            let sender = match Sender::new(net) {
                Ok(sender) => sender,
                Err(error) => return drop(ready.send(Err(error))),
            };
            drop(ready.send(Ok(())));
            let work = Work { sender, done, health, metrics };
            LocalSet::new().block_on(&runtime, Rc::new(work).run(ordered));
        };
        let thread = std::thread::Builder::new().name("gather-senders".to_owned());
        let thread = thread.spawn(body).map_err(DeliverError::Thread)?;
        let senders = Self { orders: Some(orders), thread: Some(thread) };
        match is_ready.blocking_recv() {
            Ok(Ok(())) => Ok(senders),
            Ok(Err(error)) => Err(DeliverError::Network(error)),
            Err(_) => Err(DeliverError::Thread(std::io::Error::other("the sending thread ended"))),
        }
    }

    /// Sends a message; whether it is on its way. What comes of it is [`Told::Done`].
    pub(super) fn send(&self, channel: &Arc<Channel>, message: Message) -> Taken {
        self.order(Order::Send(Arc::clone(channel), Box::new(message)))
    }

    /// From now on these are told that the watch is well.
    pub(super) fn beat(&self, channels: &[Channel]) {
        let beats = channels.iter().filter(|channel| !channel.takes_notices()).cloned().collect();
        self.order(Order::Beat(beats));
    }

    fn order(&self, order: Order) -> Taken {
        // There is room for one order of each channel.
        match self.orders.as_ref().map(|orders| orders.try_send(order)) {
            Some(Ok(())) => Taken::Yes,
            _ => Taken::No,
        }
    }
}

/// Whether an order was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Yes,
    No,
}

impl Drop for Senders {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

struct Work {
    sender: Sender,
    done: SyncSender<Told>,
    health: Health,
    metrics: Arc<NotifyMetrics>,
}

impl Work {
    async fn run(self: Rc<Self>, mut ordered: mpsc::Receiver<Order>) {
        let mut beats: Vec<Task<()>> = Vec::new();
        while let Some(order) = ordered.recv().await {
            match order {
                Order::Send(channel, message) => {
                    drop(spawn_local(Rc::clone(&self).send(channel, message)));
                }
                Order::Beat(channels) => {
                    beats.drain(..).for_each(|beat| beat.abort());
                    let beat = |channel| spawn_local(Rc::clone(&self).beat(channel));
                    beats.extend(channels.into_iter().map(beat));
                }
            }
        }
    }

    async fn send(self: Rc<Self>, channel: Arc<Channel>, message: Box<Message>) {
        let own = (Rc::clone(&self), Arc::clone(&channel));
        let sent = spawn_local(async move { own.0.sender.send(&own.1, &message).await }).await;
        // A fault of ours in one message must not end its channel.
        let sent = sent.unwrap_or_else(|error| Sent::Failed {
            error: format!("a fault of this program: {error}"),
            retry_after: None,
            again: Again::Yes,
        });
        // There is room for one of each channel; and if nobody listens, it is the end.
        let _ = self.done.try_send(Told::Done(Done { channel: channel.name().into(), sent }));
    }

    async fn beat(self: Rc<Self>, channel: Channel) {
        let Way::Heartbeat(heartbeat) = &channel.way else { return };
        let mut slots = tokio::time::interval(heartbeat.every);
        slots.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            slots.tick().await;
            let health = (self.health)();
            match self.sender.beat(&channel, heartbeat, &health).await {
                Sent::Accepted(_) => self.metrics.count(channel.name(), |c| c.delivered += 1),
                Sent::Failed { error, .. } => {
                    let name = channel.name();
                    self.metrics.count(name, |counts| counts.failed += 1);
                    tracing::warn!(channel = name, error, "the heartbeat was not heard");
                }
            }
        }
    }
}
