//! robots.txt in a run: asked for before a host's targets, which are judged by it.
//!
//! The request is a hidden target: it goes through the frontier, its host's politeness and its
//! redirects like any other, and ends in what is known of the host instead of a record. A redirect
//! may take it to another shard; what came of it is sent back to the shard that owns the host.

use std::sync::Arc;

use gather_core::classify;
use gather_core::config::RobotsConfig;
use gather_core::frontier::{Finishing, Lease, Spends};
use gather_core::robots::{self, Access, Reading, Robots};
use gather_core::{Attempt, End, ErrorKind, Failure, HostKey, Target, TargetNo, Time};
use gather_fetch::PlainGet;
use url::Url;

use crate::pending::Pending;
use crate::shard::Shard;

/// How a robots.txt is asked for: one byte more than is read shows that there is more.
pub(crate) const ROBOTS_GET: PlainGet = PlainGet {
    body_bytes_max: robots::BYTES_MAX as u64 + 1,
    redirects_max: RobotsConfig::REDIRECTS_MAX,
};

/// What makes a target the request for a robots.txt.
pub(crate) struct Rules {
    /// Whose it is; a redirect may have led it elsewhere.
    host: HostKey,
    /// Tries that failed.
    failed: u32,
    /// What came of it, on its way to the shard that owns `host`.
    read: Option<Result<Arc<Robots>, Failure>>,
}

impl Pending {
    /// The request for the robots.txt of a host.
    fn rules_of(host: &HostKey) -> Box<Self> {
        let url = Url::parse(&format!("{host}/robots.txt")).expect("a host key begins a URL");
        let target = Target::new(TargetNo(u64::MAX), url).expect("of http or https");
        let rules = Rules { host: host.clone(), failed: 0, read: None };
        Box::new(Self { rules: Some(Box::new(rules)), ..Self::bare(target) })
    }

    /// The URL that is asked for next.
    fn next_url(&self) -> &Url {
        let redirected = self.past.as_ref().and_then(|past| past.url.as_ref());
        redirected.unwrap_or(&self.target.url)
    }
}

impl Shard {
    /// Asks for the robots.txt of hosts whose targets wait for it.
    pub(crate) fn ask_for_rules(&self) {
        loop {
            let Some(host) = self.frontier.borrow_mut().next_unruled() else { return };
            let now = self.run.clock.now();
            let known = self.robots.borrow_mut().get(&host, now).cloned();
            match known {
                Some(robots) => self.obey(&host, &robots, now),
                None => self.admit_one(Pending::rules_of(&host), now),
            }
        }
    }

    /// Takes in the request for a robots.txt, or what another shard says came of one.
    pub(crate) fn admit_rules(&self, mut pending: Box<Pending>, now: Time) {
        let rules = pending.rules.as_mut().expect("checked by the caller");
        match rules.read.take() {
            Some(read) => self.take_rules(&rules.host, read, now),
            None => {
                let host = pending.host();
                let name = self.name_needed(&host);
                self.frontier.borrow_mut().admit_rules(&host, pending, name, now);
            }
        }
    }

    /// Whether a target may be asked for where it stands; always where robots.txt is not obeyed,
    /// and as far as is known where that is still to be read.
    pub(crate) fn may_ask(&self, host: &HostKey, pending: &Pending, now: Time) -> Access {
        if self.run.config.robots.is_none() {
            return Access::Allowed;
        }
        let mut cache = self.robots.borrow_mut();
        match cache.get(host, now) {
            Some(robots) => robots.access(pending.next_url()),
            None => {
                self.frontier.borrow_mut().rules_forgotten(host, now);
                Access::Allowed
            }
        }
    }

    /// What a try to get a robots.txt came to.
    pub(crate) fn conclude_rules(
        &self,
        mut lease: Lease<Box<Pending>>,
        attempt: Box<Attempt>,
        now: Time,
    ) {
        let signal = classify::signal(&attempt);
        let config = &self.run.config;
        let agent = &config.robots.as_ref().expect("only asked for if obeyed").agent;
        let rules = lease.payload().rules.as_ref().expect("checked by the caller");
        let (host, failed) = (rules.host.clone(), rules.failed);
        let rng = &mut *self.rng.borrow_mut();
        let read = robots::read(&attempt, failed, agent, &config.retry, now, rng);
        let read = match read {
            Reading::Hop => return self.hop(lease, attempt, signal, now),
            Reading::Again { at, spends } => {
                if let End::Failed(failure) = &attempt.end {
                    lease.remember(failure.clone());
                    self.start_guesses_over(&host, failure.kind, now);
                }
                let pending = lease.payload_mut();
                if let Some(rules) = &mut pending.rules {
                    rules.failed += u32::from(spends == Spends::Retry);
                }
                let past = pending.past.get_or_insert_default();
                (past.is_between, past.time_left) = (false, None);
                return self.frontier.borrow_mut().retry(lease, signal, at, spends, now);
            }
            Reading::Known(robots) => Ok(Arc::new(robots)),
            Reading::Unreachable(failure) => Err(failure),
        };
        let finishing = self.frontier.borrow_mut().release(lease, signal, now);
        self.end_rules(finishing, read, now);
    }

    /// The request for a robots.txt is over: what came of it goes to whoever owns the host.
    fn end_rules(
        &self,
        finishing: Finishing<Box<Pending>>,
        read: Result<Arc<Robots>, Failure>,
        now: Time,
    ) {
        let mut pending = self.frontier.borrow_mut().settle(finishing);
        let Some(rules) = &mut pending.rules else { return };
        match self.run.owners.owner_of(&rules.host) {
            owner if owner == self.index => self.take_rules(&rules.host, read, now),
            owner => {
                rules.read = Some(read);
                self.leaving.borrow_mut().push_back((owner, pending));
                self.send_leaving();
            }
        }
    }

    /// The request for a robots.txt ended without a try: its host is dead, or has no name.
    pub(crate) fn rules_refused(&self, finishing: Finishing<Box<Pending>>, failure: &Failure) {
        let failure = robots::unreachable(&failure.message);
        self.end_rules(finishing, Err(failure), self.run.clock.now());
    }

    fn take_rules(&self, host: &HostKey, read: Result<Arc<Robots>, Failure>, now: Time) {
        match read {
            Ok(robots) => {
                self.run.tell_sitemaps(host, &robots);
                self.robots.borrow_mut().insert(host.clone(), Arc::clone(&robots), now);
                self.obey(host, &robots, now);
            }
            Err(failure) => self.frontier.borrow_mut().rules_failed(host, failure, now),
        }
        self.bell.notify_one();
    }

    /// Lets the targets of a host go that may, and ends the others.
    fn obey(&self, host: &HostKey, robots: &Robots, now: Time) {
        let forbidden = match robots.forbids_nothing() {
            true => Vec::new(),
            false => self.frontier.borrow_mut().take_waiting_of(
                host,
                |pending| robots.access(pending.next_url()) == Access::Disallowed,
                now,
            ),
        };
        self.frontier.borrow_mut().rules_known(host, robots.crawl_delay(), now);
        forbidden.into_iter().for_each(|finishing| self.end_forbidden(finishing));
    }

    /// Ends a target that its site asks not to be asked for.
    pub(crate) fn end_forbidden(&self, finishing: Finishing<Box<Pending>>) {
        let failure = Failure::new(ErrorKind::BlockedRobots, "robots.txt forbids it");
        self.end_untried(finishing, failure);
    }

    /// A host whose https was a guess speaks none: what waits for its robots.txt goes on as http.
    fn start_guesses_over(&self, host: &HostKey, failed: ErrorKind, now: Time) {
        let guesses = self.frontier.borrow_mut().take_waiting_of(
            host,
            |pending| self.plain_http(pending, failed).is_some(),
            now,
        );
        for mut finishing in guesses {
            self.feed.took(finishing.payload_mut());
            if let Some(plain) = self.plain_http(finishing.payload(), failed) {
                self.start_over(finishing, plain);
            }
        }
    }
}
