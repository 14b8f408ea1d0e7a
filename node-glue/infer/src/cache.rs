//! Caches with a budget in bytes.

use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;

/// Which entry goes when there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Eviction {
    /// The one unused for longest.
    #[default]
    Lru,
    /// The one that came first.
    Fifo,
}

/// A map whose entries together weigh no more than a budget; safe to share between threads.
pub struct ByteCache<K, V> {
    entries: Mutex<Entries<K, V>>,
    eviction: Eviction,
    budget: u64,
}

struct Entries<K, V> {
    map: LruCache<K, (V, u64)>,
    bytes: u64,
    evicted: u64,
}

impl<K: Hash + Eq, V: Clone> ByteCache<K, V> {
    /// An empty cache of `budget` bytes.
    pub fn new(budget: u64, eviction: Eviction) -> Self {
        let entries = Mutex::new(Entries { map: LruCache::unbounded(), bytes: 0, evicted: 0 });
        Self { entries, eviction, budget }
    }

    /// The value of a key; with [`Eviction::Lru`] that counts as use.
    pub fn get(&self, key: &K) -> Option<V> {
        let mut entries = self.lock();
        let entry = match self.eviction {
            Eviction::Lru => entries.map.get(key),
            // Looking without touching leaves entries in the order they came.
            Eviction::Fifo => entries.map.peek(key),
        };
        entry.map(|(value, _)| value.clone())
    }

    /// Keeps a value that weighs `bytes`, dropping others until it fits. One that is heavier than the
    /// whole budget is not kept.
    pub fn insert(&self, key: K, value: V, bytes: u64) {
        if bytes > self.budget {
            return;
        }
        let mut entries = self.lock();
        if let Some((_, replaced)) = entries.map.pop(&key) {
            entries.bytes -= replaced;
        }
        while entries.bytes > self.budget - bytes {
            let Some((_, (_, dropped))) = entries.map.pop_lru() else { break };
            entries.bytes -= dropped;
            entries.evicted += 1;
        }
        entries.map.put(key, (value, bytes));
        entries.bytes += bytes;
    }

    /// Number of entries.
    pub fn count(&self) -> usize {
        self.lock().map.len()
    }

    /// What all entries weigh.
    pub fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// How many entries were dropped for lack of room, since the start.
    pub fn evicted(&self) -> u64 {
        self.lock().evicted
    }

    fn lock(&self) -> MutexGuard<'_, Entries<K, V>> {
        // Nothing panics while the lock is held.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(cache: &ByteCache<u8, u8>) -> Vec<u8> {
        (0..10).filter(|key| cache.lock().map.contains(key)).collect()
    }

    #[test]
    fn the_budget_holds_whatever_comes() {
        let cache = ByteCache::new(100, Eviction::Lru);
        for key in 0..10 {
            cache.insert(key, key, 30);
            assert!(cache.bytes() <= 100);
        }
        assert_eq!(kept(&cache), [7, 8, 9]);
        assert_eq!((cache.count(), cache.bytes(), cache.evicted()), (3, 90, 7));
        cache.insert(3, 3, 101);
        assert_eq!(kept(&cache), [7, 8, 9]);
        cache.insert(3, 3, 100);
        assert_eq!(kept(&cache), [3]);
        cache.insert(3, 4, 1);
        assert_eq!((cache.get(&3), cache.bytes()), (Some(4), 1));
    }

    #[test]
    fn use_keeps_an_entry_with_lru_and_not_with_fifo() {
        for (eviction, expected) in [(Eviction::Lru, [0, 2]), (Eviction::Fifo, [1, 2])] {
            let cache = ByteCache::new(2, eviction);
            cache.insert(0, 0, 1);
            cache.insert(1, 1, 1);
            assert_eq!(cache.get(&0), Some(0));
            cache.insert(2, 2, 1);
            assert_eq!(kept(&cache), expected);
        }
    }
}
