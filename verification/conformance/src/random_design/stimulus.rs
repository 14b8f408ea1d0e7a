//! Random stimuli.

use myelin_hdl::Design;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::cosim::{Cycle, Reset, Trace};

use super::convert::random_bits;

/// A stimulus of `cycles` cycles: mostly two cycles of reset first, rarely one later; inputs hold
/// for a while or change at once, and take the extremes of their types often.
pub fn random_trace(design: &Design, seed: u64, cycles: usize) -> Trace {
    // Other bits than the design's of the same seed.
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x7472_6163_6500_0000);
    let ports = &design.top().inputs;
    let first = if random.random_bool(0.8) { 2 } else { 0 };
    let mut inputs: Vec<u64> = vec![0; ports.len()];
    let mut trace = Trace::default();
    for cycle in 0..cycles {
        for (value, port) in inputs.iter_mut().zip(ports) {
            if random.random_bool(0.7) {
                *value = random_bits(&mut random, port.ty);
            }
        }
        let active = cycle < first || random.random_bool(0.02);
        let reset = if active { Reset::Active } else { Reset::Inactive };
        trace.cycles.push(Cycle { reset, inputs: inputs.clone() });
    }
    trace
}
