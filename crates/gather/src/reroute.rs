//! Targets that change their host on the way: redirects, and bare hosts that speak only http.

use gather_core::frontier::{Finishing, Lease, Signal};
use gather_core::target::SchemeFrom;
use gather_core::{Attempt, Duration, End, ErrorKind, HostKey, Scheme, Time};
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
        signal: Signal,
        now: Time,
    ) {
        let End::Hop(url) = attempt.end else {
            unreachable!("a verdict to hop comes from an attempt that ended in a hop");
        };
        let host = HostKey::of(&url).expect("fetch follows redirects to http and https only");
        let timeout = self.timeout_of(lease.payload());
        let past = lease.payload_mut().past.get_or_insert_default();
        let left = past.time_left.unwrap_or(timeout).saturating_sub(attempt.timings.total);
        past.hops += 1;
        past.url = Some(*url);
        past.chain = attempt.chain;
        past.time_left = Some(left);
        self.send_to(lease, &host, signal, now);
    }

    fn timeout_of(&self, pending: &Pending) -> Duration {
        let own = pending.target.request.as_ref().and_then(|request| request.timeout);
        own.unwrap_or(self.run.config.timeout)
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

    /// A target that waited for a dead https host starts over as plain http.
    pub(crate) fn start_over(&self, finishing: Finishing<Pending>, url: Url) {
        let now = self.run.clock.now();
        let leases = finishing.attempts();
        let (mut pending, finishing) = finishing.split();
        self.frontier.borrow_mut().settle(finishing);
        pending.becomes(url);
        pending.past.get_or_insert_default().leases_elsewhere += leases;
        self.pass_on(pending, now);
    }

    /// Admits the target here, or sends it to the shard that owns its host.
    fn pass_on(&self, pending: Pending, now: Time) {
        match shard_of(&pending.host(), self.run.shards()) {
            owner if owner == self.index => self.admit_one(pending, now),
            owner => {
                self.leaving.borrow_mut().push_back((owner, pending));
                self.send_leaving();
            }
        }
    }

    /// Queues the target under another host, in this shard or in the one that owns it.
    fn send_to(&self, lease: Lease<Pending>, host: &HostKey, signal: Signal, now: Time) {
        if shard_of(host, self.run.shards()) == self.index {
            let name = self.name_needed(host);
            self.frontier.borrow_mut().hop(lease, signal, host, name, now);
            return;
        }
        let finishing = self.frontier.borrow_mut().release(lease, signal, now);
        let leases = finishing.attempts();
        let (mut pending, finishing) = finishing.split();
        self.frontier.borrow_mut().settle(finishing);
        pending.past.get_or_insert_default().leases_elsewhere += leases;
        self.pass_on(pending, now);
    }

    /// Sends on what the other shards have room for; the rest waits for the next beat. At most
    /// what was in flight waits here, since each target leaves once its try is over.
    pub(crate) fn send_leaving(&self) {
        let mut leaving = self.leaving.borrow_mut();
        for _ in 0..leaving.len() {
            let Some((owner, pending)) = leaving.pop_front() else { return };
            // A shard that has gone needs nothing more: the run is being stopped.
            let Some(inbox) = self.neighbours[owner].upgrade() else { continue };
            if let Err(error) = inbox.try_send(pending) {
                leaving.push_back((owner, error.into_inner()));
            }
        }
    }
}

impl Pending {
    /// The host to ask next.
    pub(crate) fn host(&self) -> HostKey {
        let redirected = self.past.as_ref().and_then(|past| past.url.as_ref());
        redirected.and_then(HostKey::of).unwrap_or_else(|| self.target.host.clone())
    }

    /// Makes it a target of `url`, scheme known. Returns its new host.
    pub(crate) fn becomes(&mut self, url: Url) -> HostKey {
        let host = HostKey::of(&url).expect("only the scheme was changed, to http");
        self.target.host = host.clone();
        self.target.url = url;
        self.target.scheme_from = SchemeFrom::Input;
        host
    }
}
