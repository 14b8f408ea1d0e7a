//! Count that changes by one at most, and whether it is above 0: both in registers.
//!
//! What waits for the second waits for one flip-flop, not for the sum and a look at all its bits.

use myelin_hdl::{ModuleBuilder, Register, Signal, mux, u};

/// The count.
pub struct Level {
    count: Register,
    any: Register,
}

impl Level {
    /// A count of 0 to `max` that is `reset` in reset.
    ///
    /// # Panics
    /// If `reset` is above `max`.
    pub fn new(m: &ModuleBuilder, name: &str, max: u32, reset: u32) -> Level {
        assert!(reset <= max, "{name} is at most {max}, not {reset} in reset");
        Level {
            count: m.register(&format!("{name}_q"), u(max.ilog2() + 1)).reset(i64::from(reset)),
            any: m.register(&format!("{name}_any_q"), u(1)).reset(i64::from(reset != 0)),
        }
    }

    /// How many.
    pub fn count(&self) -> Signal {
        self.count.q
    }

    /// Whether it is above 0.
    pub fn any(&self) -> Signal {
        self.any.q
    }

    /// One more, one less, or both; not less than 0 and not more than the greatest.
    pub fn step(self, up: Signal, down: Signal) {
        let count = self.count.q;
        let changed = mux(up, count.wrapping_add(1), count.wrapping_sub(1));
        let any = up | count.slice(1, count.width() - 1).any() | (self.any.q & !down);
        self.any.next(any);
        self.count.next(mux(up ^ down, changed, count));
    }
}
