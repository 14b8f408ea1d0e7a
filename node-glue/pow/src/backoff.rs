//! How long to wait before trying again.

use std::time::Duration;

use rand::{Rng, RngExt};

/// Random waits whose bound doubles with every failure, up to a cap: so miners that lost one pool do not
/// all come back in the same moment, and a pool that is down is not hammered.
#[derive(Debug, Clone)]
pub struct Backoff {
    base: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    /// No failure yet; the first wait is at most `base`, none is longer than `max`.
    pub fn new(base: Duration, max: Duration) -> Backoff {
        Backoff { base: base.min(max), max, failures: 0 }
    }

    /// It worked: the next wait is short again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// It failed: how long to wait, from half of the bound to the bound.
    pub fn next(&mut self, rng: &mut impl Rng) -> Duration {
        let bound = self.base.saturating_mul(1 << self.failures.min(30)).min(self.max);
        self.failures = self.failures.saturating_add(1);
        bound.mul_f64(rng.random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn waits_grow_to_the_cap_and_differ() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        for failure in 0..100 {
            let bound = Duration::from_secs(1 << failure.min(6)).min(Duration::from_secs(60));
            let wait = backoff.next(&mut rng);
            assert!(wait >= bound / 2 && wait <= bound, "failure {failure}: {wait:?}");
        }
        backoff.reset();
        let (first, second) = (backoff.next(&mut rng), Backoff::new(backoff.base, backoff.max).next(&mut rng));
        assert!(first <= Duration::from_secs(1) && first != second);
    }
}
