//! Which shard owns which host.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use gather_core::target::HostKey;

use crate::source::parse::stable_hash;

/// Hosts are owned by parts, so that what is known of them is as small for a million of them.
const PARTS: usize = 4096;
const NOBODY: usize = usize::MAX;

/// The shard of each host, found by whoever meets the host first and the same ever after.
///
/// A hash makes each host one of 4,096 parts. A part goes to the shard that was given least when
/// the first of its hosts is met: a hash alone would give one of two shards 107 of 200 hosts as
/// often as not, and a host with most of the list half of the others besides.
#[derive(Debug)]
pub struct Owners {
    parts: Box<[AtomicUsize]>,
    /// What each shard was given: targets, and one for each part.
    given: Box<[AtomicU64]>,
}

impl Owners {
    /// For so many shards, at least 1, none of which owns anything.
    pub fn new(shards: usize) -> Self {
        let parts = if shards > 1 { PARTS } else { 0 };
        Self {
            parts: (0..parts).map(|_| AtomicUsize::new(NOBODY)).collect(),
            given: (0..shards.max(1)).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.given.len()
    }

    /// The shard that owns a host, from 0.
    pub fn owner_of(&self, host: &HostKey) -> usize {
        if self.parts.is_empty() {
            return 0;
        }
        // The remainder of a mixed 64-bit hash; a cast could only lose bits on a 32-bit machine.
        let part = (stable_hash(host.as_str().as_bytes()) % self.parts.len() as u64) as usize;
        let owner = self.parts[part].load(Ordering::Relaxed);
        if owner == NOBODY { self.find_owner(part) } else { owner }
    }

    /// The shard that owns the host of one more target, which is counted as given to it.
    pub fn give_to_owner(&self, host: &HostKey) -> usize {
        let owner = self.owner_of(host);
        if !self.parts.is_empty() {
            self.given[owner].fetch_add(1, Ordering::Relaxed);
        }
        owner
    }

    #[cold]
    fn find_owner(&self, part: usize) -> usize {
        let given = self.given.iter().map(|given| given.load(Ordering::Relaxed));
        let least = given.enumerate().min_by_key(|(_, given)| *given).map_or(0, |(shard, _)| shard);
        match self.parts[part].compare_exchange(NOBODY, least, Ordering::Relaxed, Ordering::Relaxed)
        {
            Ok(_) => {
                self.given[least].fetch_add(1, Ordering::Relaxed);
                least
            }
            Err(owner) => owner,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(n: usize) -> HostKey {
        let url = url::Url::parse(&format!("http://h{n}.example/")).expect("valid");
        gather_core::Target::new(gather_core::TargetNo(0), url).expect("http").host
    }

    /// What each shard is given of a list: hosts, and targets of each.
    fn given(shards: usize, list: impl IntoIterator<Item = (usize, usize)>) -> Vec<u64> {
        let owners = Owners::new(shards);
        let mut given = vec![0; shards];
        for (number, targets) in list {
            let host = host(number);
            for _ in 0..targets {
                let owner = owners.give_to_owner(&host);
                given[owner] += 1;
                assert_eq!(owners.owner_of(&host), owner, "{host} keeps its shard");
            }
        }
        given
    }

    #[test]
    fn every_shard_is_given_as_much_of_any_list() {
        let in_turn = |hosts: usize, rounds: usize| {
            (0..rounds).flat_map(move |_| (0..hosts).map(|host| (host, 1)))
        };
        let check = |name: &str, given: Vec<u64>, over_the_mean: f64| {
            let mean = given.iter().sum::<u64>() as f64 / given.len() as f64;
            let most = *given.iter().max().expect("a shard") as f64;
            assert!(most <= mean * over_the_mean, "{name}: {given:?}");
        };
        check("200 hosts in turn, 2", given(2, in_turn(200, 50)), 1.03);
        check("200 hosts in turn, 3", given(3, in_turn(200, 50)), 1.05);
        check("200 hosts, sorted", given(2, (0..200).map(|host| (host, 50))), 1.03);
        let uneven = (0..200).map(|host| (host, if host == 0 { 2_000 } else { 10 }));
        check("one host has half of it", given(2, uneven), 1.05);
        check("each its own host", given(2, (0..100_000).map(|host| (host, 1))), 1.05);
        check("each its own host, 7", given(7, (0..100_000).map(|host| (host, 1))), 1.1);
        assert_eq!(given(1, in_turn(3, 3)), [9]);
    }

    #[test]
    fn all_who_meet_a_host_at_once_find_the_same_shard() {
        let owners = Owners::new(3);
        let found: Vec<Vec<usize>> = std::thread::scope(|scope| {
            let meet = || (0..2_000).map(|n| owners.give_to_owner(&host(n))).collect();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(meet)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert!(found.iter().all(|met| *met == found[0]));
    }
}
