//! A message to a channel that says that it works, on demand.

use std::fmt;

use gather_core::watch::State;
use gather_fetch::{ClientError, NetOptions};
use gather_store::history::{Event, EventKind};
use tokio::task::LocalSet;

use super::channel::Channel;
use super::message::{Facts, Message};
use super::send::{self, Sender, Sent};

/// What came of a test of a channel. No secret is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// The channel's name.
    pub channel: Box<str>,
    /// What it is.
    pub kind: &'static str,
    /// Where it goes, as it may be shown.
    pub place: Box<str>,
    /// What was sent, in a line.
    pub what: Box<str>,
    /// What was answered, or why it did not work.
    pub answer: Result<Box<str>, Box<str>>,
}

impl fmt::Display for Tested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { channel, kind, place, what, answer } = self;
        match answer {
            Ok(answer) => write!(f, "{channel}: sent \"{what}\" by {kind} to {place}: {answer}"),
            Err(error) => write!(f, "{channel}: {kind} to {place} does not work: {error}"),
        }
    }
}

/// Sends a test message by a channel, once, and waits for the answer: as long as its timeout.
///
/// # Errors
/// Options about the network that cannot be used. A channel that does not work is an answer.
pub fn send_test(channel: &Channel, net: NetOptions) -> Result<Tested, ClientError> {
    let now = send::now();
    let mut event = Event::new(EventKind::Test, now, State::Up);
    event.job = "gather notify test".into();
    event.reason = "somebody asked whether this channel works".into();
    let key = format!("test:{}:{}", channel.name(), now.as_nanos() / 1_000_000);
    let message = Message::of(&key, vec![Facts::of(&key, &event)]);
    let sender = Sender::new(net)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let sent = match runtime {
        Ok(runtime) => LocalSet::new().block_on(&runtime, sender.send(channel, &message)),
        Err(error) => {
            let error = format!("cannot start: {error}");
            Sent::Failed { error, retry_after: None, again: send::Again::Yes }
        }
    };
    let answer = match sent {
        Sent::Accepted(answer) => Ok(format!("accepted, {answer}").into()),
        Sent::Failed { error, .. } => Err(error.into()),
    };
    Ok(Tested {
        channel: channel.name().into(),
        kind: channel.kind(),
        place: channel.place().into(),
        what: message.title.into(),
        answer,
    })
}
