//! Which nonces a device tries.

use rand::{Rng, RngExt};

/// One device's part of the 64-bit nonces: a contiguous range of its own, walked from a random place,
/// round and round. No two devices meet, and each nonce of the range comes once in a turn.
#[derive(Debug, Clone)]
pub struct Nonces {
    first: u64,
    /// How many, less one.
    last_offset: u64,
    offset: u64,
}

impl Nonces {
    /// The part of device `index` of `count`; ranges differ by one nonce at most and cover all.
    ///
    /// **Panics** if `index` is not below `count`.
    pub fn of_device(index: usize, count: usize, rng: &mut impl Rng) -> Nonces {
        assert!(index < count, "invariant: a device's index is below their count");
        let bound = |index: usize| ((index as u128) << 64) / count as u128;
        let (first, end) = (bound(index), bound(index + 1));
        let last_offset = (end - first - 1) as u64;
        Nonces { first: first as u64, last_offset, offset: rng.random_range(0..=last_offset) }
    }
}

impl Iterator for Nonces {
    type Item = u64;

    /// Never ends.
    fn next(&mut self) -> Option<u64> {
        let nonce = self.first + self.offset;
        self.offset = if self.offset == self.last_offset { 0 } else { self.offset + 1 };
        Some(nonce)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "Clippy sees tests only in functions marked so")]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn parts_cover_all_nonces_and_do_not_meet() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for count in [1, 2, 3, 7, 64, 1000] {
            let parts: Vec<Nonces> = (0..count).map(|index| Nonces::of_device(index, count, &mut rng)).collect();
            assert_eq!(parts[0].first, 0);
            for pair in parts.windows(2) {
                assert_eq!(pair[0].first + pair[0].last_offset + 1, pair[1].first);
            }
            let last = parts.last().unwrap();
            assert_eq!(last.first + last.last_offset, u64::MAX);
        }
    }

    #[test]
    fn a_walk_stays_in_its_range_past_the_end() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let mut nonces = Nonces::of_device(1, 2, &mut rng);
        nonces.offset = nonces.last_offset;
        assert_eq!(nonces.next(), Some(u64::MAX));
        assert_eq!(nonces.next(), Some(1 << 63));
        assert_eq!(nonces.next(), Some((1 << 63) + 1));
    }
}
