//! Targets that change their host on the way: redirects, and bare hosts that speak only http.

use gather_core::exchange;
use gather_core::frontier::{Finishing, Lease, Signal};
use gather_core::robots::Access;
use gather_core::target::{SchemeFrom, has_userinfo};
use gather_core::{Attempt, Duration, End, ErrorKind, HostKey, Provenance, Scheme, Time};
use gather_fetch::ClientOptions;
use url::Url;

use crate::pending::Pending;
use crate::shard::Shard;

impl Shard {
    /// A redirect to another host: the target goes on under that host's politeness.
    pub(crate) fn hop(
        &self,
        mut lease: Lease<Box<Pending>>,
        attempt: Box<Attempt>,
        signal: Signal,
        now: Time,
    ) {
        let past = lease.payload().past.as_ref();
        let before = past.map_or(Provenance::default(), |past| past.from);
        let before = before.and(lease.payload().target.from);
        let from = self.client.leads_from(&lease.payload().host(), &attempt, before);
        let End::Hop(url) = attempt.end else {
            unreachable!("a verdict to hop comes from an attempt that ended in a hop");
        };
        let host = HostKey::of(&url).expect("fetch follows redirects to http and https only");
        let timeout = self.timeout_of(lease.payload());
        let past = lease.payload_mut().past.get_or_insert_default();
        let left = past.time_left.unwrap_or(timeout).saturating_sub(attempt.timings.total);
        past.hops += 1;
        past.is_between = true;
        past.url = Some(*url);
        past.chain = attempt.chain;
        for exchange in attempt.exchanges {
            exchange::add_redirect(&mut past.exchanges, exchange);
        }
        past.from = from;
        past.time_left = Some(left);
        self.send_to(lease, &host, signal, now);
    }

    fn timeout_of(&self, pending: &Pending) -> Duration {
        let own = pending.target.request.as_ref().and_then(|request| request.timeout);
        own.unwrap_or(self.run.config.timeout)
    }

    /// The same target over plain http, if its https was a guess and nothing speaks it there.
    /// Credentials never go where a guess leads.
    pub(crate) fn plain_http(&self, pending: &Pending, failed: ErrorKind) -> Option<Url> {
        let target = &pending.target;
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
        // One that redirected has spoken https: what fails now is another host.
        let redirected = pending.past.as_ref().is_some_and(|past| past.url.is_some());
        let has_credentials = self.run.credentials == Credentials::Some
            || has_userinfo(&target.url)
            || target.request.as_ref().is_some_and(|request| are_secret(&request.headers));
        if !guessed || !cannot_connect || redirected || has_credentials {
            return None;
        }
        let mut url = target.url.clone();
        url.set_scheme("http").ok()?;
        Some(url)
    }

    /// Whether this attempt shows that a guessed https was wrong: no TLS came about.
    pub(crate) fn falls_back(&self, lease: &Lease<Box<Pending>>, attempt: &Attempt) -> Option<Url> {
        let connection = attempt.connection.as_ref();
        let spoke_tls = connection.is_some_and(|connection| connection.tls.is_some());
        match &attempt.end {
            End::Failed(failure) if !spoke_tls && attempt.chain.is_empty() => {
                self.plain_http(lease.payload(), failure.kind)
            }
            End::Failed(_) | End::Complete | End::Hop(_) => None,
        }
    }

    /// Sends the target on as plain http.
    pub(crate) fn fall_back(&self, mut lease: Lease<Box<Pending>>, url: Url, now: Time) {
        let host = lease.payload_mut().becomes(url);
        let past = lease.payload_mut().past.get_or_insert_default();
        past.hops += 1;
        past.is_between = true;
        self.send_to(lease, &host, Signal::NoConnection, now);
    }

    /// A target that waited for a dead https host starts over as plain http.
    pub(crate) fn start_over(&self, finishing: Finishing<Box<Pending>>, url: Url) {
        let now = self.run.clock.now();
        let mut pending = self.take_out(finishing);
        pending.becomes(url);
        self.pass_on(pending, now);
    }

    /// Admits the target here, or sends it to the shard that owns its host.
    fn pass_on(&self, pending: Box<Pending>, now: Time) {
        match self.run.owners.owner_of(&pending.host()) {
            owner if owner == self.index => self.admit_one(pending, now),
            owner => {
                self.leaving.borrow_mut().push_back((owner, pending));
                self.send_leaving();
            }
        }
    }

    /// Queues the target under another host, in this shard or in the one that owns it.
    fn send_to(&self, lease: Lease<Box<Pending>>, host: &HostKey, signal: Signal, now: Time) {
        if self.run.owners.owner_of(host) == self.index {
            let is_target = lease.payload().rules.is_none();
            if is_target && self.may_ask(host, lease.payload(), now) == Access::Disallowed {
                let finishing = self.frontier.borrow_mut().release(lease, signal, now);
                return self.end_forbidden(finishing);
            }
            let name = self.name_needed(host);
            self.frontier.borrow_mut().hop(lease, signal, host, name, now);
            return;
        }
        let finishing = self.frontier.borrow_mut().release(lease, signal, now);
        let pending = self.take_out(finishing);
        self.pass_on(pending, now);
    }

    /// Takes a target out of this frontier, with what it counted for it.
    fn take_out(&self, finishing: Finishing<Box<Pending>>) -> Box<Pending> {
        let (leases, admitted_at) = (finishing.attempts(), finishing.admitted_at());
        let (mut pending, finishing) = finishing.split();
        self.frontier.borrow_mut().settle(finishing);
        let past = pending.past.get_or_insert_default();
        past.leases_elsewhere += leases;
        past.admitted_at.get_or_insert(admitted_at);
        pending
    }

    /// Sends on what the other shards have room for; the rest waits for the next beat. While too
    /// much waits here nothing is started, so it is bounded by that and what was in flight.
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

/// Whether the requests of a run carry something that only its server may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credentials {
    Some,
    None,
}

impl Credentials {
    /// Of every request that a client with these options makes.
    pub(crate) fn of(client: &ClientOptions) -> Self {
        let some = client.basic_auth.is_some()
            || client.cookies.is_some()
            || client.signer.is_some()
            || client.net.tls.identity.is_some()
            || are_secret(&client.headers);
        if some { Self::Some } else { Self::None }
    }
}

/// Headers that tell nothing about who asks; any other may be a key.
const HARMLESS: [&str; 8] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "content-type",
    "pragma",
    "range",
    "user-agent",
];

fn are_secret(headers: &[(String, String)]) -> bool {
    let is_harmless = |name: &str| HARMLESS.iter().any(|known| known.eq_ignore_ascii_case(name));
    headers.iter().any(|(name, _)| !is_harmless(name))
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
        // What is stored is the answer of another URL.
        self.target.cache = None;
        self.target.url = url;
        self.target.scheme_from = SchemeFrom::Input;
        host
    }
}
