//! A bounded map that forgets what was not used lately.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// Two maps: when the young one is full it becomes the old one, and what is used of the old one
/// moves to the young one. Holds at most twice `half_max` entries; every operation is O(1).
pub(crate) struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half_max: usize,
}

impl<K: Hash + Eq, V> Generations<K, V> {
    pub(crate) fn new(half_max: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), half_max }
    }

    pub(crate) fn get<Q>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if !self.old.is_empty()
            && let Some((key, value)) = self.old.remove_entry(key)
        {
            self.insert(key, value);
        }
        self.young.get(key)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.half_max && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_bounded_and_keeps_what_is_used() {
        let mut cache = Generations::new(10);
        cache.insert("kept", 0);
        let names: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
        for name in &names {
            cache.insert(name, 1);
            assert_eq!(cache.get("kept"), Some(&0), "after {name}");
            assert!(cache.young.len() + cache.old.len() <= 20);
        }
        assert_eq!(cache.get("999"), Some(&1));
        assert_eq!(cache.get("0"), None);
        cache.insert("kept", 2);
        assert_eq!(cache.get("kept"), Some(&2));
    }
}
