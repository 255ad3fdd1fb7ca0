//! Fits a run to its machine: how much concurrency the descriptors allow, and how many shards.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use gather_core::Config;
use gather_core::config::HostConcurrency;
use gather_fetch::{
    ClientOptions, Hops, Keep, KeepBody, KeepExchanges, KeepHeaders, KeepSha256, MemoryBudget,
};
use gather_store::{Format, OutputSpec};

use crate::platform::{self, Descriptors};

/// Descriptors kept free for outputs, event loops and what the process has besides.
const RESERVE: u64 = 32;
/// The part of the descriptors that name servers may take, and its limits.
const DNS_SHARE: u64 = 8;
const DNS_MIN: u64 = 2;
/// Connections that lie idle at most, however many descriptors there are.
const IDLE_MAX: u64 = 16_384;
/// Below this concurrency, or with fewer processors, one loop does it all.
const SHARDED_CONCURRENCY: u32 = 64;
const SHARDED_PROCESSORS: usize = 3;
/// More loops than this were never measured to help.
const SHARDS_MAX: usize = 16;
/// Targets of one host in its shard at once, at least.
const HOST_TARGETS_MIN: u32 = 256;

/// What the machine allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fit {
    pub(crate) shards: usize,
    pub(crate) allowed: u32,
    asked: u32,
    idle_max: u32,
    lookups_max: u16,
    limit: u64,
}

impl Fit {
    pub(crate) fn new(
        config: &Config,
        descriptors: Descriptors,
        shards: Option<NonZeroUsize>,
    ) -> Self {
        let limit = platform::descriptor_limit(descriptors);
        let taken = platform::descriptors_open() + RESERVE;
        Self::of(
            config.concurrency.get(),
            limit,
            taken,
            shards,
            thread::available_parallelism().ok(),
        )
    }

    fn of(
        asked: u32,
        limit: u64,
        taken: u64,
        shards: Option<NonZeroUsize>,
        processors: Option<NonZeroUsize>,
    ) -> Self {
        let free = limit.saturating_sub(taken).max(4);
        let dns = (free / DNS_SHARE)
            .clamp(DNS_MIN, 2 * u64::from(gather_fetch::options::DNS_CONCURRENCY));
        let allowed = u64::from(asked).min((free - dns).max(1));
        let idle = (free - dns).saturating_sub(allowed).min(IDLE_MAX);
        let processors = processors.map_or(1, NonZeroUsize::get);
        let automatic = match asked < SHARDED_CONCURRENCY || processors < SHARDED_PROCESSORS {
            true => 1,
            false => (processors - 1).min(SHARDS_MAX),
        };
        let allowed = u32::try_from(allowed).unwrap_or(u32::MAX);
        let shards = shards.map_or(automatic, NonZeroUsize::get).min(allowed as usize);
        let per_shard = |count: u64| count / shards as u64;
        Self {
            shards,
            allowed,
            asked,
            // A connection that is returned takes the place of a request in flight.
            idle_max: u32::try_from(per_shard(idle).max(1)).unwrap_or(u32::MAX),
            lookups_max: u16::try_from(per_shard(dns / 2).max(1)).unwrap_or(u16::MAX),
            limit,
        }
    }

    /// What the operator should know of it.
    pub(crate) fn note(&self) -> Option<String> {
        (self.allowed < self.asked).then(|| {
            format!(
                "concurrency lowered from {} to {}: the process may have {} files open; raise \
                 `ulimit -n` for more",
                self.asked, self.allowed, self.limit
            )
        })
    }
}

/// Writes what the machine and the run decide into the client's options.
pub(crate) fn apply(config: &Config, fit: &Fit, client: &mut ClientOptions) {
    client.timeout = config.timeout;
    client.min_speed = config.min_speed;
    client.caps = config.caps;
    client.redirects = config.redirects;
    if config.robots.is_some() {
        // Where a redirect leads is judged, too.
        client.hops = Hops::Everywhere;
    }
    client.memory = Some(Arc::new(MemoryBudget::new(config.caps.memory_bytes_max)));
    client.net.connect_timeout = config.connect_timeout;
    client.idle_max = client.idle_max.max(fit.allowed).min(fit.idle_max);
    client.net.dns_concurrency = client.net.dns_concurrency.min(fit.lookups_max);
}

/// What is kept of each response: what the caller asked for, and what an output needs.
pub(crate) fn keep<'a>(
    keep: &mut Keep,
    outputs: impl Iterator<Item = &'a OutputSpec>,
    bodies: StoreBodies,
) {
    let mut needs = [bodies == StoreBodies::Yes, false, false];
    for output in outputs {
        if let Format::Warc(_) = output.format {
            keep.exchanges = KeepExchanges::Yes;
            continue;
        }
        let members = output.members();
        let its = [members.needs_body(), members.needs_headers(), members.needs_sha256()];
        needs.iter_mut().zip(its).for_each(|(need, its)| *need |= its);
    }
    let [body, headers, sha256] = needs;
    if body {
        keep.body = KeepBody::All;
    }
    if headers {
        keep.headers = KeepHeaders::All;
    }
    // The body store hashes what it stores.
    if keep.exchanges == KeepExchanges::Yes || (sha256 && bodies == StoreBodies::No) {
        keep.sha256 = KeepSha256::Yes;
    }
}

/// What the cache needs to know of each response.
pub(crate) fn keep_for_cache(keep: &mut Keep) {
    (keep.headers, keep.sha256) = (KeepHeaders::All, KeepSha256::Yes);
}

/// Whether bodies go to a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreBodies {
    Yes,
    No,
}

/// How many targets of one host a shard is given ahead.
pub(crate) fn host_targets(config: &Config, allowed: u32) -> usize {
    let at_once = match config.host_concurrency {
        HostConcurrency::Base => gather_core::config::HOST_CONCURRENCY_BASE,
        HostConcurrency::Share => allowed,
        HostConcurrency::Fixed(most) => most.get().min(allowed),
    };
    at_once.saturating_mul(2).max(HOST_TARGETS_MIN) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concurrency_fits_the_descriptors() {
        let check = |asked, limit, allowed, idle| {
            let fit = Fit::of(asked, limit, 40, None, NonZeroUsize::new(2));
            assert_eq!((fit.allowed, fit.idle_max), (allowed, idle), "{asked} of {limit}");
            assert_eq!(fit.note().is_some(), allowed < asked);
            assert!(u64::from(fit.allowed) <= limit);
        };
        check(50, 20_000, 50, 16_384);
        check(10_000, 20_000, 10_000, 9_704);
        check(10_000, 1_024, 861, 1);
        check(50, 64, 21, 1);
        check(50, 8, 2, 1);
    }

    #[test]
    fn shards_come_with_processors_and_concurrency() {
        let check = |asked, processors, shards| {
            let fit = Fit::of(asked, 20_000, 40, None, NonZeroUsize::new(processors));
            assert_eq!(fit.shards, shards, "{asked} on {processors}");
        };
        check(1_000, 2, 1);
        check(50, 8, 1);
        check(1_000, 8, 7);
        check(1_000, 64, 16);
    }
}
