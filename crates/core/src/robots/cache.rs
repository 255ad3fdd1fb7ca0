//! The robots.txt of the hosts met lately.

use std::collections::HashMap;
use std::sync::Arc;

use super::Robots;
use crate::target::HostKey;
use crate::time::{Duration, Time};

/// How long a robots.txt holds (RFC 9309 section 2.4).
const AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// What one half of the cache may take.
const HALF_BYTES_MAX: usize = 8 << 20;
/// What an entry takes besides its robots.txt: key, place and age.
const ENTRY_BYTES: usize = 160;

/// Robots.txt by host, at most 16 MiB of them and each for at most a day. What was not used
/// lately is forgotten first: it is read again when it is needed.
#[derive(Debug, Default)]
pub struct RobotsCache {
    /// When it is full it becomes the old half, and what is used of that moves here.
    young: HashMap<HostKey, Entry>,
    young_bytes: usize,
    old: HashMap<HostKey, Entry>,
}

#[derive(Debug)]
struct Entry {
    robots: Arc<Robots>,
    until: Time,
}

impl RobotsCache {
    /// What is known of a host, unless it is too old.
    pub fn get(&mut self, host: &HostKey, now: Time) -> Option<&Arc<Robots>> {
        if let Some((host, entry)) = self.old.remove_entry(host) {
            self.put(host, entry);
        }
        let entry = self.young.get(host)?;
        (now < entry.until).then_some(&entry.robots)
    }

    /// Keeps what was read.
    pub fn insert(&mut self, host: HostKey, robots: Arc<Robots>, now: Time) {
        self.old.remove(&host);
        self.put(host, Entry { robots, until: now + AGE_MAX });
    }

    fn put(&mut self, host: HostKey, entry: Entry) {
        let bytes = ENTRY_BYTES + entry.robots.memory_bytes();
        if self.young_bytes + bytes > HALF_BYTES_MAX {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        if let Some(before) = self.young.insert(host, entry) {
            self.young_bytes -= ENTRY_BYTES + before.robots.memory_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::robots::Agent;
    use crate::target::Scheme;

    fn host(port: u16) -> HostKey {
        HostKey::new(Scheme::Http, "a.example", port)
    }

    #[test]
    fn it_stays_bounded_and_keeps_what_is_used() {
        let text = format!("user-agent: *\ndisallow: /{}\n", "x".repeat(100 << 10));
        let robots = Arc::new(Robots::parse(text.as_bytes(), &Agent::of("gather")));
        let mut cache = RobotsCache::default();
        cache.insert(host(0), Arc::clone(&robots), Time::ZERO);
        for port in 1..1000 {
            cache.insert(host(port), Arc::clone(&robots), Time::ZERO);
            assert!(cache.get(&host(0), Time::ZERO).is_some(), "after {port}");
            let entries = cache.young.len() + cache.old.len();
            assert!(entries * robots.memory_bytes() <= 2 * HALF_BYTES_MAX, "{entries} entries");
        }
        assert!(cache.get(&host(999), Time::ZERO).is_some());
        assert!(cache.get(&host(1), Time::ZERO).is_none());
    }

    #[test]
    fn it_forgets_after_a_day() {
        let mut cache = RobotsCache::default();
        cache.insert(host(1), Arc::default(), Time::ZERO);
        let last = Time::ZERO + AGE_MAX - Duration::from_nanos(1);
        assert!(cache.get(&host(1), last).is_some());
        assert!(cache.get(&host(1), Time::ZERO + AGE_MAX).is_none());
        cache.insert(host(1), Arc::default(), Time::ZERO + AGE_MAX);
        assert!(cache.get(&host(1), Time::ZERO + AGE_MAX).is_some());
    }
}
