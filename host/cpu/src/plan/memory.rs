//! The static memory plan: which buffers share memory, none while both are needed.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

/// When a buffer is needed, in steps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifetime {
    pub(crate) bytes: usize,
    /// The step that writes it.
    pub(crate) from: usize,
    /// The last step that reads it, at least `from`.
    pub(crate) until: usize,
}

/// For each buffer its slot, and for each slot its bytes.
///
/// Buffers come in the order of their first step; each takes the free slot whose size is nearest: one
/// that is too small grows, which costs the difference, as waste would.
pub(crate) fn assign(lifetimes: &[Lifetime]) -> (Vec<usize>, Vec<usize>) {
    let mut slots: Vec<usize> = Vec::new();
    let mut free: BTreeSet<(usize, usize)> = BTreeSet::new();
    // By the step until which they are taken.
    let mut taken: BinaryHeap<Reverse<(usize, usize)>> = BinaryHeap::new();
    let mut of = Vec::with_capacity(lifetimes.len());
    for life in lifetimes {
        while let Some(&Reverse((until, slot))) = taken.peek()
            && until < life.from
        {
            taken.pop();
            free.insert((slots[slot], slot));
        }
        let larger = free.range((life.bytes, 0)..).next().copied();
        let smaller = free.range(..(life.bytes, 0)).next_back().copied();
        let nearest = larger.into_iter().chain(smaller).min_by_key(|slot| slot.0.abs_diff(life.bytes));
        let slot = match nearest {
            Some(nearest) => {
                free.remove(&nearest);
                nearest.1
            }
            None => {
                slots.push(0);
                slots.len() - 1
            }
        };
        slots[slot] = slots[slot].max(life.bytes);
        taken.push(Reverse((life.until, slot)));
        of.push(slot);
    }
    (of, slots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_share_memory_only_when_the_first_is_no_longer_needed() {
        let life = |bytes, from, until| Lifetime { bytes, from, until };
        let lives = [life(10, 0, 1), life(20, 1, 2), life(8, 2, 3), life(30, 3, 4)];
        let (of, slots) = assign(&lives);
        assert_eq!(of, [0, 1, 0, 1]);
        assert_eq!(slots, [10, 30]);
    }
}
