use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// Values under one byte budget; the least recently used go first.
///
/// A value larger than the whole budget is still kept until the next one comes, so that work on one item can go on.
pub struct ByteCache<K, V> {
    budget_bytes: usize,
    used_bytes: usize,
    clock: u64,
    entries: HashMap<K, Entry<V>>,
    by_use: BTreeMap<u64, K>,
}

struct Entry<V> {
    value: V,
    size_bytes: usize,
    last_use: u64,
}

impl<K: Hash + Eq + Clone, V: Clone> ByteCache<K, V> {
    pub fn new(budget_bytes: usize) -> Self {
        Self { budget_bytes, used_bytes: 0, clock: 0, entries: HashMap::new(), by_use: BTreeMap::new() }
    }

    /// The value, marked as used.
    pub fn get(&mut self, key: &K) -> Option<V> {
        self.clock += 1;
        let entry = self.entries.get_mut(key)?;
        self.by_use.remove(&entry.last_use);
        entry.last_use = self.clock;
        self.by_use.insert(self.clock, key.clone());
        Some(entry.value.clone())
    }

    pub fn insert(&mut self, key: K, value: V, size_bytes: usize) {
        self.remove(&key);
        self.clock += 1;
        self.used_bytes += size_bytes;
        self.by_use.insert(self.clock, key.clone());
        self.entries.insert(key, Entry { value, size_bytes, last_use: self.clock });
        while self.used_bytes > self.budget_bytes && self.entries.len() > 1 {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            if let Some(entry) = self.entries.remove(&oldest) {
                self.used_bytes -= entry.size_bytes;
            }
        }
    }

    pub fn remove(&mut self, key: &K) {
        if let Some(entry) = self.entries.remove(key) {
            self.by_use.remove(&entry.last_use);
            self.used_bytes -= entry.size_bytes;
        }
    }

    /// Drops every entry whose key does not satisfy `keep`.
    pub fn retain(&mut self, mut keep: impl FnMut(&K) -> bool) {
        let gone: Vec<K> = self.entries.keys().filter(|key| !keep(key)).cloned().collect();
        gone.iter().for_each(|key| self.remove(key));
    }

    pub fn used_bytes(&self) -> usize {
        self.used_bytes
    }

    pub fn budget_bytes(&self) -> usize {
        self.budget_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut cache = ByteCache::new(10);
        cache.insert('a', 1, 4);
        cache.insert('b', 2, 4);
        assert_eq!(cache.get(&'a'), Some(1));
        cache.insert('c', 3, 4);
        assert_eq!(cache.get(&'b'), None);
        assert_eq!((cache.get(&'a'), cache.get(&'c')), (Some(1), Some(3)));
        assert_eq!(cache.used_bytes(), 8);
    }

    #[test]
    fn replacing_counts_once_and_a_giant_is_kept_alone() {
        let mut cache = ByteCache::new(10);
        cache.insert('a', 1, 6);
        cache.insert('a', 2, 7);
        assert_eq!(cache.used_bytes(), 7);
        cache.insert('g', 3, 100);
        assert_eq!((cache.get(&'a'), cache.get(&'g')), (None, Some(3)));
        cache.retain(|_| false);
        assert_eq!(cache.used_bytes(), 0);
    }
}
