//! Targets that change their host on the way: redirects, and bare hosts that speak only http.

use gather_core::frontier::{Lease, Signal};
use gather_core::target::SchemeFrom;
use gather_core::{Attempt, End, ErrorKind, HostKey, Scheme, Time};
use url::Url;

use crate::pending::Pending;
use crate::shard::Shard;
use crate::source::intake::shard_of;

impl Shard {
    /// A redirect to another host: the target goes on under that host's politeness.
    pub(crate) fn hop(
        &self,
        mut lease: Lease<Pending>,
        attempt: Attempt,
        url: Url,
        signal: Signal,
        now: Time,
    ) {
        let Some(host) = HostKey::of(&url) else {
            unreachable!("fetch follows redirects to http and https only");
        };
        let past = lease.payload_mut().past.get_or_insert_default();
        past.hops += 1;
        past.state.follow(url, attempt);
        self.send_to(lease, &host, signal, now);
    }

    /// The same target over plain http, if its https was a guess and nothing speaks it there.
    /// Credentials never go where a guess leads.
    pub(crate) fn plain_http(pending: &Pending, failed: ErrorKind) -> Option<Url> {
        let target = &pending.target;
        let has_credentials = target.url.password().is_some()
            || !target.url.username().is_empty()
            || target.request.as_ref().is_some_and(|request| !request.headers.is_empty());
        let cannot_connect = matches!(
            failed,
            ErrorKind::ConnectRefused
                | ErrorKind::ConnectReset
                | ErrorKind::ConnectUnreachable
                | ErrorKind::TimeoutConnect
                | ErrorKind::TimeoutTls
                | ErrorKind::TlsHandshake
                | ErrorKind::HostParked
        );
        let guessed =
            target.scheme_from == SchemeFrom::Guess && target.host.scheme() == Scheme::Https;
        if !guessed || !cannot_connect || has_credentials {
            return None;
        }
        let mut url = target.url.clone();
        url.set_scheme("http").ok()?;
        Some(url)
    }

    /// Whether this attempt shows that a guessed https was wrong.
    pub(crate) fn falls_back(lease: &Lease<Pending>, attempt: &Attempt) -> Option<Url> {
        match &attempt.end {
            End::Failed(failure) => Self::plain_http(lease.payload(), failure.kind),
            End::Complete | End::Hop(_) => None,
        }
    }

    /// Sends the target on as plain http.
    pub(crate) fn fall_back(&self, mut lease: Lease<Pending>, url: Url, now: Time) {
        let host = lease.payload_mut().becomes(url);
        lease.payload_mut().past.get_or_insert_default().hops += 1;
        self.send_to(lease, &host, Signal::NoConnection, now);
    }

    /// Queues the target under another host, in this shard or in the one that owns it.
    fn send_to(&self, lease: Lease<Pending>, host: &HostKey, signal: Signal, now: Time) {
        let owner = shard_of(host, self.run.shards());
        if owner == self.index {
            let name = self.name_needed(host);
            self.frontier.borrow_mut().hop(lease, signal, host, name, now);
            return;
        }
        let finishing = self.frontier.borrow_mut().release(lease, signal, now);
        let attempts = finishing.attempts();
        let (mut pending, finishing) = finishing.split();
        self.frontier.borrow_mut().settle(finishing);
        pending.past.get_or_insert_default().tries_elsewhere += attempts;
        self.leaving.borrow_mut().push_back((owner, pending));
        self.send_leaving();
    }

    /// Sends on what the other shards have room for; the rest waits for the next beat. At most
    /// what was in flight waits here, since each target leaves once its try is over.
    pub(crate) fn send_leaving(&self) {
        let mut leaving = self.leaving.borrow_mut();
        for _ in 0..leaving.len() {
            let Some((owner, pending)) = leaving.pop_front() else { return };
            if let Err(error) = self.neighbours[owner].try_send(pending) {
                leaving.push_back((owner, error.into_inner()));
            }
        }
    }

    /// Whether hops for other shards wait for room.
    pub(crate) fn has_leaving(&self) -> bool {
        !self.leaving.borrow().is_empty()
    }
}

impl Pending {
    /// Makes it a target of `url`, scheme known. Returns its new host.
    pub(crate) fn becomes(&mut self, url: Url) -> HostKey {
        let host = HostKey::of(&url).expect("only the scheme was changed, to http");
        self.target.host = host.clone();
        self.target.url = url;
        self.target.scheme_from = SchemeFrom::Input;
        host
    }
}
