//! Notices from the outbox to their channels, on threads of its own: at least once, under stable
//! keys, and no channel waits for another.
//!
//! One thread holds the outbox and decides; another sends, with a task for each channel. Between
//! them each channel has at most one message. What a message stands for is written down before it
//! is sent, so that a program that is killed in between sends the same one again, under the same
//! key.

mod channels;
mod senders;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use gather_fetch::{ClientError, NetOptions};
use gather_store::history::{HistoryError, HistoryPlace, Outbox};

use self::channels::Channels;
use self::senders::{Done, Senders};
use super::channel::Channel;
use super::metrics::NotifyMetrics;
use crate::calendar::Calendar;

/// Channels of one watch.
pub const CHANNELS_MAX: usize = 256;
/// How long nobody looks into the outbox when nobody says that there is something new.
const LOOK: Duration = Duration::from_secs(1);
/// How long answers are waited for at the end.
const GRACE: Duration = Duration::from_secs(3);
/// How long a database that fails is left alone.
const DATABASE_PAUSE: Duration = Duration::from_secs(2);

/// Whether the watch is well, for heartbeats; the error says why not.
pub type Health = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What a deliverer needs to know before it starts.
pub struct DelivererOptions {
    /// The history whose outbox is emptied. It exists.
    pub place: HistoryPlace,
    /// Where notices go; at most [`CHANNELS_MAX`].
    pub channels: Vec<Channel>,
    /// How connections are made: proxies, certificates, addresses.
    pub net: NetOptions,
    /// Whether the watch is well.
    pub health: Health,
}

impl std::fmt::Debug for DelivererOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DelivererOptions")
            .field("place", &self.place.to_string())
            .field("channels", &self.channels)
            .finish_non_exhaustive()
    }
}

/// Why notices cannot be delivered.
#[derive(Debug)]
#[non_exhaustive]
pub enum DeliverError {
    /// The outbox cannot be opened.
    History(HistoryError),
    /// An option about the network cannot be used.
    Network(ClientError),
    /// A thread cannot be started.
    Thread(std::io::Error),
    /// There are more channels than [`CHANNELS_MAX`].
    TooManyChannels,
}

impl std::fmt::Display for DeliverError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::History(error) => error.fmt(f),
            Self::Network(error) => error.fmt(f),
            Self::Thread(error) => write!(f, "cannot start a thread: {error}"),
            Self::TooManyChannels => write!(f, "there are more than {CHANNELS_MAX} channels"),
        }
    }
}

impl std::error::Error for DeliverError {}

/// Delivers notices until it is dropped.
pub struct Deliverer {
    inbox: SyncSender<Told>,
    nudged: Arc<AtomicBool>,
    metrics: Arc<NotifyMetrics>,
    thread: Option<JoinHandle<()>>,
}

/// What the deciding thread is told.
pub(super) enum Told {
    /// There is something new in the outbox.
    Nudge,
    /// A try has ended.
    Done(Done),
    Channels(Vec<Channel>),
    Stop,
}

impl Deliverer {
    /// Opens the outbox and starts the threads.
    ///
    /// # Errors
    /// When one of them is impossible.
    pub fn start(options: DelivererOptions) -> Result<Self, DeliverError> {
        if options.channels.len() > CHANNELS_MAX {
            return Err(DeliverError::TooManyChannels);
        }
        let outbox = Outbox::open(&options.place).map_err(DeliverError::History)?;
        // Each channel has at most one try under way, and a nudge stands for all before it.
        let (inbox, told) = sync_channel(CHANNELS_MAX + 64);
        let metrics = Arc::new(NotifyMetrics::default());
        metrics.begin(&options.channels);
        let senders = Senders::start(options.net, inbox.clone(), options.health, &metrics)?;
        senders.beat(&options.channels);
        let nudged = Arc::new(AtomicBool::new(false));
        let mut desk = Desk {
            outbox,
            channels: Channels::new(options.channels, Arc::clone(&metrics)),
            senders,
            nudged: Arc::clone(&nudged),
            clock: Calendar::read(),
        };
        let thread = std::thread::Builder::new().name("gather-notices".to_owned());
        let thread = thread.spawn(move || desk.run(&told)).map_err(DeliverError::Thread)?;
        Ok(Self { inbox, nudged, metrics, thread: Some(thread) })
    }

    /// There is something new in the outbox. Without it, that is noticed within a second.
    pub fn nudge(&self) {
        if !self.nudged.swap(true, Ordering::AcqRel) {
            // A full inbox is one that is being read.
            let _ = self.inbox.try_send(Told::Nudge);
        }
    }

    /// Other channels, after the configuration changed. What is being sent is sent to the end;
    /// notices for channels that are gone are given up.
    ///
    /// # Errors
    /// [`DeliverError::TooManyChannels`]; those of before stay.
    pub fn set_channels(&self, channels: Vec<Channel>) -> Result<(), DeliverError> {
        if channels.len() > CHANNELS_MAX {
            return Err(DeliverError::TooManyChannels);
        }
        self.metrics.begin(&channels);
        // It ends only with us.
        let _ = self.inbox.send(Told::Channels(channels));
        Ok(())
    }

    /// Counts of messages since the start.
    pub fn metrics(&self) -> Arc<NotifyMetrics> {
        Arc::clone(&self.metrics)
    }
}

impl std::fmt::Debug for Deliverer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deliverer").finish_non_exhaustive()
    }
}

impl Drop for Deliverer {
    /// Stops it and waits for its end: at most three seconds for answers that are on their way.
    /// A try that is cut off is made again when the next deliverer starts.
    fn drop(&mut self) {
        match self.inbox.try_send(Told::Stop) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(stop)) => drop(self.inbox.send(stop)),
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// The thread that holds the outbox.
struct Desk {
    outbox: Outbox,
    channels: Channels,
    senders: Senders,
    nudged: Arc<AtomicBool>,
    /// Of a system clock that is set back no notice knows.
    clock: Calendar,
}

impl Desk {
    fn run(&mut self, told: &Receiver<Told>) {
        let mut wait = Duration::ZERO;
        loop {
            match told.recv_timeout(wait) {
                Ok(Told::Stop) => return self.close(told),
                Err(RecvTimeoutError::Disconnected) => return,
                Ok(Told::Nudge) => self.nudged.store(false, Ordering::Release),
                Ok(Told::Done(done)) => self.channels.ended(done, self.clock.now()),
                Ok(Told::Channels(channels)) => {
                    self.senders.beat(&channels);
                    self.channels.set(channels);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            wait = match self.channels.serve(&mut self.outbox, &self.senders, self.clock.now()) {
                Ok(next) => next.map_or(LOOK, |next| next.since(self.clock.now())).min(LOOK),
                Err(error) => {
                    tracing::warn!(%error, "notices wait: the outbox cannot be used");
                    DATABASE_PAUSE
                }
            };
        }
    }

    /// Takes the answers that come within [`GRACE`], and begins nothing new.
    fn close(&mut self, told: &Receiver<Told>) {
        let until = self.clock.now() + GRACE;
        while self.channels.is_sending() && self.clock.now() < until {
            match told.recv_timeout(until.since(self.clock.now())) {
                Ok(Told::Done(done)) => self.channels.ended(done, self.clock.now()),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        if let Err(error) = self.channels.write(&mut self.outbox, self.clock.now()) {
            tracing::warn!(%error, "what was delivered last is delivered again later");
        }
    }
}
