//! What each channel is doing, and what it is to do next.

use std::collections::HashMap;
use std::sync::Arc;

use gather_core::Time;
use gather_core::time::Duration;
use gather_store::history::{Delivery, HistoryError, Notice, Outbox};

use super::senders::{Done, Senders, Taken};
use crate::alerts::channel::Channel;
use crate::alerts::key::hashed;
use crate::alerts::message::{Facts, Message};
use crate::alerts::metrics::NotifyMetrics;
use crate::alerts::pace::Pace;
use crate::alerts::send::{Again, Sent};

/// Notices for a channel that is gone, given up at once.
const ORPHANS_MAX: u32 = 1_000;

pub(super) struct Channels {
    seats: HashMap<Box<str>, Seat>,
    metrics: Arc<NotifyMetrics>,
    random: fastrand::Rng,
}

/// One channel.
struct Seat {
    channel: Arc<Channel>,
    pace: Pace,
    doing: Doing,
}

/// Where the channel's message is.
enum Doing {
    Nothing,
    Sending(Batch),
    /// It ended, and that is not written down yet: until it is, nothing else is sent.
    Writing(Vec<i64>, Delivery),
}

/// The notices that one message stands for.
struct Batch {
    ids: Vec<i64>,
    tries: u32,
}

impl Channels {
    pub(super) fn new(channels: Vec<Channel>, metrics: Arc<NotifyMetrics>) -> Self {
        let mut all = Self { seats: HashMap::new(), metrics, random: fastrand::Rng::new() };
        all.set(channels);
        all
    }

    /// Other channels. Those of the same name go on with what they do.
    pub(super) fn set(&mut self, channels: Vec<Channel>) {
        let mut before = std::mem::take(&mut self.seats);
        for channel in channels.into_iter().filter(Channel::takes_notices) {
            let name: Box<str> = channel.name().into();
            let (pacing, channel) = (channel.pacing, Arc::new(channel));
            let seat = match before.remove(&name) {
                Some(mut seat) => {
                    seat.pace.set(pacing);
                    Seat { channel, ..seat }
                }
                None => Seat { channel, pace: Pace::new(pacing), doing: Doing::Nothing },
            };
            self.seats.insert(name, seat);
        }
    }

    /// A try has ended.
    pub(super) fn ended(&mut self, done: Done, now: Time) {
        let Some(seat) = self.seats.get_mut(&done.channel) else { return };
        let Doing::Sending(batch) = std::mem::replace(&mut seat.doing, Doing::Nothing) else {
            return;
        };
        let events = batch.ids.len() as u64;
        let delivery = match done.sent {
            Sent::Accepted(_) => {
                seat.pace.sent(now);
                self.metrics.count(&done.channel, |counts| {
                    counts.delivered += 1;
                    counts.events += events;
                });
                Delivery::Delivered
            }
            Sent::Failed { error, retry_after, again } => {
                let jitter = self.random.f64();
                let at = seat.pace.failed(now, batch.tries, retry_after, jitter);
                let is_late = seat.pace.is_over(batch.tries, seat.channel.retry_for);
                let is_over = again == Again::No || is_late;
                self.metrics.count(&done.channel, |counts| match is_over {
                    true => counts.given_up += 1,
                    false => counts.failed += 1,
                });
                let channel = &*done.channel;
                if is_over {
                    tracing::error!(channel, events, error, "notices are given up");
                    Delivery::GivenUp { error: error.into() }
                } else {
                    tracing::warn!(channel, events, error, "a message is tried again later");
                    Delivery::Again { at, error: error.into() }
                }
            }
        };
        seat.doing = Doing::Writing(batch.ids, delivery);
    }

    /// Whether any channel waits for an answer.
    pub(super) fn is_sending(&self) -> bool {
        self.seats.values().any(|seat| matches!(seat.doing, Doing::Sending(_)))
    }

    /// Writes down what ended.
    pub(super) fn write(&mut self, outbox: &mut Outbox, now: Time) -> Result<(), HistoryError> {
        for seat in self.seats.values_mut() {
            if let Doing::Writing(ids, delivery) = &seat.doing {
                outbox.settle_all(ids, delivery, now)?;
                seat.doing = Doing::Nothing;
            }
        }
        Ok(())
    }

    /// Writes down what ended, and sends what is due. Answers when there may be more to do.
    pub(super) fn serve(
        &mut self,
        outbox: &mut Outbox,
        senders: &Senders,
        now: Time,
    ) -> Result<Option<Time>, HistoryError> {
        self.write(outbox, now)?;
        let mut next: Option<Time> = None;
        for (name, due) in outbox.waiting_by_channel()? {
            let Some(seat) = self.seats.get_mut(&name) else {
                give_up_orphans(outbox, &name, now)?;
                continue;
            };
            if !matches!(seat.doing, Doing::Nothing) {
                continue;
            }
            let at = due.max(seat.pace.ready());
            if at > now {
                next = Some(next.map_or(at, |next| next.min(at)));
                continue;
            }
            seat.send_next(outbox, senders, now)?;
        }
        Ok(next)
    }
}

impl Seat {
    fn send_next(
        &mut self,
        outbox: &mut Outbox,
        senders: &Senders,
        now: Time,
    ) -> Result<(), HistoryError> {
        let most = u32::try_from(self.channel.pacing.events_max).unwrap_or(u32::MAX);
        let due = outbox.due_for(self.channel.name(), now, most)?;
        let Some((batch, key, notices)) = choose(due) else { return Ok(()) };
        if batch.tries == 0 {
            // From here on it is this message and no other, also for who comes after a crash.
            let error = "no answer yet".into();
            outbox.settle_all(&batch.ids, &Delivery::Again { at: now, error }, now)?;
        }
        let facts = notices.iter().map(|notice| Facts::of(&notice.key, &notice.event));
        let message = Message::of(&key, facts.collect());
        let batch = Batch { tries: batch.tries.max(1), ..batch };
        self.doing = match senders.send(&self.channel, message) {
            Taken::Yes => Doing::Sending(batch),
            // The thread has ended: what was to be sent is sent by the next one.
            Taken::No => {
                tracing::error!(channel = self.channel.name(), "a message cannot be sent now");
                Doing::Nothing
            }
        };
        Ok(())
    }
}

/// The notices of the next message: those of a message that was begun, else all that are new.
fn choose(due: Vec<Notice>) -> Option<(Batch, String, Vec<Notice>)> {
    let (begun, new): (Vec<Notice>, Vec<Notice>) =
        due.into_iter().partition(|notice| notice.tries > 0);
    let notices = if begun.is_empty() { new } else { begun };
    let tries = notices.iter().map(|notice| notice.tries).max()?;
    let ids = notices.iter().map(|notice| notice.id).collect();
    let key = match &notices[..] {
        [only] => only.key.to_string(),
        many => digest_key(many),
    };
    Some((Batch { ids, tries }, key, notices))
}

/// The key of a message by the keys it stands for.
fn digest_key(notices: &[Notice]) -> String {
    let mut keys: Vec<&str> = notices.iter().map(|notice| &*notice.key).collect();
    keys.sort_unstable();
    format!("digest:{}", hashed(keys))
}

fn give_up_orphans(outbox: &mut Outbox, name: &str, now: Time) -> Result<(), HistoryError> {
    let far = now + Duration::from_secs(366 * 86_400);
    let orphans = outbox.due_for(name, far, ORPHANS_MAX)?;
    let ids: Vec<i64> = orphans.iter().map(|notice| notice.id).collect();
    tracing::warn!(channel = name, notices = ids.len(), "notices for a channel that is gone");
    let error = "there is no channel of this name any more".into();
    outbox.settle_all(&ids, &Delivery::GivenUp { error }, now)
}
