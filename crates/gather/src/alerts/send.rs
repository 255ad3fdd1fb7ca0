//! One try to deliver one message, over whatever its channel is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gather_core::config::{Caps, Redirects};
use gather_core::{End, RequestSpec, Target, TargetNo, Time};
use gather_fetch::{
    Client, ClientError, ClientOptions, Keep, KeepBody, NetOptions, TlsConfigs, TryState,
};

use super::channel::{Channel, Way};
use super::heartbeat::Heartbeat;
use super::http::{HttpRequest, retry_after_in};
use super::mail::Trust;
use super::message::Message;
use crate::clock;

/// Bytes of an answer that are read: enough for why it is a refusal.
const ANSWER_BYTES_MAX: u64 = 16 << 10;
/// How exact the timeout is.
const TICK: Duration = Duration::from_millis(25);

/// Sends messages. On one thread, within a `LocalSet`.
pub(super) struct Sender {
    client: Client,
    trust: Trust,
}

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It was accepted, with this answer.
    Accepted(String),
    /// It was not; without a secret.
    Failed { error: String, retry_after: Option<Duration>, again: Again },
}

/// Whether it can be accepted later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    Yes,
    /// The service refused the message itself.
    No,
}

impl Sent {
    fn failed(error: String) -> Self {
        Self::Failed { error, retry_after: None, again: Again::Yes }
    }
}

impl Sender {
    /// # Errors
    /// Options about the network that cannot be used.
    pub(super) fn new(net: NetOptions) -> Result<Self, ClientError> {
        let trust = Trust::read(&net.tls);
        let configs = TlsConfigs::new(&net.tls, net.http).map_err(ClientError::Net)?;
        let options = ClientOptions {
            net,
            redirects: Redirects::Stop,
            keep: Keep { body: KeepBody::UpTo(ANSWER_BYTES_MAX), ..Keep::default() },
            caps: Caps { body_bytes_max: 1 << 20, decoded_bytes_max: 1 << 20, ..Caps::default() },
            // Seldom used, and a connection that died meanwhile would cost a try.
            idle_max: 0,
            ..ClientOptions::default()
        };
        Ok(Self { client: Client::new(options, Arc::new(configs))?, trust })
    }

    /// One try, at most as long as the channel's timeout for each request of it.
    pub(super) async fn send(&self, channel: &Channel, message: &Message) -> Sent {
        let sent = match &channel.way {
            Way::Http(http) => match http.requests(message, now()) {
                Ok(requests) => self.request_all(requests, channel.timeout).await,
                Err(error) => Sent::Failed { error, retry_after: None, again: Again::No },
            },
            Way::Mail(mail) => match mail.send(message, &self.trust, channel.timeout).await {
                Ok(answer) => Sent::Accepted(answer),
                Err(error) => {
                    let again = if error.is_final { Again::No } else { Again::Yes };
                    Sent::Failed { error: error.message, retry_after: None, again }
                }
            },
            Way::Command(command) => match command.run(message, channel.timeout).await {
                Ok(answer) => Sent::Accepted(answer),
                Err(error) => Sent::failed(error),
            },
            Way::Heartbeat(heartbeat) => return self.beat(channel, heartbeat, &Ok(())).await,
        };
        scrubbed(sent, channel)
    }

    /// One sign of life, or of its lack.
    pub(super) async fn beat(
        &self,
        channel: &Channel,
        heartbeat: &Heartbeat,
        health: &Result<(), String>,
    ) -> Sent {
        let Some(request) = heartbeat.request(health) else {
            return Sent::Accepted("nothing is sent while the watch is not well".to_owned());
        };
        scrubbed(self.request(request, channel.timeout).await, channel)
    }

    async fn request_all(&self, requests: Vec<HttpRequest>, timeout: Duration) -> Sent {
        let mut last = Sent::Accepted(String::new());
        for request in requests {
            last = self.request(request, timeout).await;
            if matches!(last, Sent::Failed { .. }) {
                return last;
            }
        }
        last
    }

    async fn request(&self, request: HttpRequest, timeout: Duration) -> Sent {
        let spec = RequestSpec {
            method: Some(request.method),
            headers: request.headers,
            body: Some(request.body).filter(|body| !body.is_empty()).map(Into::into),
            timeout: Some(timeout),
            avoid: None,
            extract: None,
        };
        let Some(mut target) = Target::new(TargetNo(0), request.url) else {
            return Sent::failed("its URL is neither http nor https".to_owned());
        };
        target.request = Some(Arc::new(spec));
        let state = TryState::default();
        let fetch = self.client.fetch(&target, &state, None);
        tokio::pin!(fetch);
        let mut ticks = tokio::time::interval(TICK);
        let attempt = loop {
            tokio::select! {
                biased;
                attempt = &mut fetch => break attempt,
                _ = ticks.tick() => self.client.tick(Instant::now()),
            }
        };
        let attempt = match attempt {
            Ok(attempt) => attempt,
            Err(shortage) => return Sent::failed(format!("this machine ran out of {shortage:?}")),
        };
        let status = attempt.head.as_ref().map_or(0, |head| head.status);
        match attempt.end {
            End::Complete if (200..300).contains(&status) => Sent::Accepted(format!("{status}")),
            End::Complete | End::Hop(_) => {
                let body = attempt.body.bytes.unwrap_or_default();
                let asked = attempt.head.and_then(|head| head.retry_after).map(|after| after.delay);
                refused(status, &body, asked)
            }
            End::Failed(failure) => {
                Sent::failed(format!("{}: {}", failure.kind.as_str(), failure.message))
            }
        }
    }
}

/// What an answer other than 2xx means.
fn refused(status: u16, body: &[u8], asked: Option<Duration>) -> Sent {
    if (300..400).contains(&status) {
        let hint = "redirects are not followed: write the URL that it leads to";
        return Sent::failed(format!("answered {status}; {hint}"));
    }
    let text = String::from_utf8_lossy(body);
    let colon = if text.trim().is_empty() { "" } else { ": " };
    // These say that this very message will never do; a missing page or a wrong token may be
    // put right within the day.
    let is_final = matches!(status, 400 | 410 | 413 | 415 | 422);
    Sent::Failed {
        error: format!("answered {status}{colon}{}", text.trim()),
        retry_after: asked.or_else(|| retry_after_in(body)),
        again: if is_final { Again::No } else { Again::Yes },
    }
}

fn scrubbed(sent: Sent, channel: &Channel) -> Sent {
    match sent {
        Sent::Accepted(answer) => Sent::Accepted(channel.secrets.scrub(&answer)),
        Sent::Failed { error, retry_after, again } => {
            Sent::Failed { error: channel.secrets.scrub(&error), retry_after, again }
        }
    }
}

/// The wall clock.
pub(super) fn now() -> Time {
    Time::from_nanos(clock::unix_us().saturating_mul(1_000))
}
