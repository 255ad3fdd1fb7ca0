//! The least of many by a key, in bounded memory.

use std::collections::BinaryHeap;

/// Keeps the items with the least keys, at most `max` of them.
#[derive(Clone, Debug)]
pub(super) struct Least<K, T> {
    max: usize,
    /// The greatest key is on top: the next to go.
    heap: BinaryHeap<Entry<K, T>>,
}

/// Ordered by its key alone.
#[derive(Clone, Debug)]
struct Entry<K, T> {
    key: K,
    item: T,
}

impl<K: Ord, T> Least<K, T> {
    pub(super) fn new(max: usize) -> Self {
        Self { max, heap: BinaryHeap::new() }
    }

    /// Whether an item with this key would be kept.
    pub(super) fn takes(&self, key: &K) -> bool {
        self.heap.len() < self.max || self.heap.peek().is_some_and(|most| *key < most.key)
    }

    /// Keeps it, if it is among the least.
    pub(super) fn add(&mut self, key: K, item: T) {
        if !self.takes(&key) {
            return;
        }
        if self.heap.len() == self.max {
            self.heap.pop();
        }
        self.heap.push(Entry { key, item });
    }

    /// The kept ones, the least first.
    pub(super) fn in_order(&self) -> Vec<&T> {
        let mut entries: Vec<&Entry<K, T>> = self.heap.iter().collect();
        entries.sort_by(|a, b| a.key.cmp(&b.key));
        entries.into_iter().map(|entry| &entry.item).collect()
    }
}

impl<K: Ord, T> PartialEq for Entry<K, T> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<K: Ord, T> Eq for Entry<K, T> {}

impl<K: Ord, T> PartialOrd for Entry<K, T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Ord, T> Ord for Entry<K, T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_are_kept_whatever_the_order() {
        let seed = fastrand::u64(..);
        let mut rng = fastrand::Rng::with_seed(seed);
        for _ in 0..50 {
            let max = rng.usize(1..20);
            let mut all: Vec<u32> = (0..rng.u32(0..60)).collect();
            rng.shuffle(&mut all);
            let mut least = Least::new(max);
            all.iter().for_each(|number| least.add(*number, number * 2));
            all.sort_unstable();
            let expected: Vec<u32> = all.iter().take(max).map(|number| number * 2).collect();
            let kept: Vec<u32> = least.in_order().into_iter().copied().collect();
            assert_eq!(kept, expected, "seed {seed}");
        }
    }
}
