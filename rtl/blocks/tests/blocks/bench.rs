//! A block on the bench: ports by name, integers in and out, bundles as vectors.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use myelin_hdl::{Design, Module};
use myelin_isa::{Architecture, Precision};
use myelin_sim::{CheckFailure, Input, Output, PowerUp, Simulator};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A simulated block, powered up with arbitrary bits and then reset for one cycle.
pub struct Bench {
    pub sim: Simulator,
    inputs: HashMap<String, Input>,
    outputs: HashMap<String, Output>,
    levels: HashMap<String, u64>,
}

impl Bench {
    pub fn new(block: &Arc<Module>) -> Bench {
        Bench::powered_up(block, 0x5eed)
    }

    /// What a missing reset leaves behind depends on `seed`.
    pub fn powered_up(block: &Arc<Module>, seed: u64) -> Bench {
        let design = Design::new(block.clone()).unwrap();
        let sim = Simulator::builder(&design).power_up(PowerUp::Random { seed }).build().unwrap();
        let inputs = block.inputs.iter().map(|port| (port.name.clone(), sim.input(&port.name).unwrap())).collect();
        let outputs = block.outputs.iter().map(|port| (port.name.clone(), sim.output(&port.name).unwrap())).collect();
        let mut bench = Bench { sim, inputs, outputs, levels: HashMap::new() };
        bench.reset();
        bench
    }

    pub fn reset(&mut self) {
        self.sim.reset(1).unwrap();
    }

    #[track_caller]
    pub fn set(&mut self, port: &str, value: impl Into<i128>) {
        let input = *self.inputs.get(port).unwrap_or_else(|| panic!("no input {port}"));
        let value: i128 = value.into();
        let ty = input.ty();
        assert!((ty.min()..=ty.max()).contains(&value), "{value} into {port} of {ty}");
        self.sim.poke(input, ty.bits_of(value as i64));
        self.levels.insert(port.to_owned(), ty.bits_of(value as i64));
    }

    /// Whether an input of one bit is high.
    pub fn is_set(&self, port: &str) -> bool {
        self.levels.get(port).is_some_and(|&level| level != 0)
    }

    #[track_caller]
    pub fn get(&mut self, port: &str) -> i64 {
        let output = *self.outputs.get(port).unwrap_or_else(|| panic!("no output {port}"));
        self.sim.peek_signed(output)
    }

    /// Sets `<name>_<k>_i` for each value.
    #[track_caller]
    pub fn set_all<T: Copy + Into<i128>>(&mut self, name: &str, values: &[T]) {
        for (index, &value) in values.iter().enumerate() {
            self.set(&format!("{name}_{index}_i"), value);
        }
    }

    /// `<name>_<k>_o` for k < `count`.
    #[track_caller]
    pub fn get_all(&mut self, name: &str, count: usize) -> Vec<i64> {
        (0..count).map(|index| self.get(&format!("{name}_{index}_o"))).collect()
    }

    /// One edge in which every check holds.
    #[track_caller]
    pub fn step(&mut self) {
        self.sim.step().unwrap();
    }

    /// One edge in which a check fails; which.
    #[track_caller]
    pub fn step_fails(&mut self) -> CheckFailure {
        self.sim.step().expect_err("a check fails in this cycle")
    }

    /// Panics unless every cover point of the block was met.
    #[track_caller]
    pub fn assert_covered(&self) {
        let mut missed = String::new();
        for cover in self.sim.covers().iter().filter(|cover| cover.hits == 0) {
            _ = write!(missed, " {}", cover.path);
        }
        assert!(missed.is_empty(), "never met:{missed}");
    }
}

/// Random numbers of one case: the seed is in every failure message of the caller.
pub fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// A value of `bits` bits, two's complement; often an extreme.
pub fn operand(random: &mut ChaCha8Rng, bits: u32) -> i64 {
    let (low, high) = (-(1i64 << (bits - 1)), (1i64 << (bits - 1)) - 1);
    match random.random_range(0..8) {
        0 => low,
        1 => high,
        2 => 0,
        _ => random.random_range(low..=high),
    }
}

/// A value of the symmetric range of `bits` bits; often an extreme.
pub fn symmetric(random: &mut ChaCha8Rng, bits: u32) -> i64 {
    operand(random, bits).max(1 - (1i64 << (bits - 1)))
}

/// True `percent` times of a hundred.
pub fn chance(random: &mut ChaCha8Rng, percent: u32) -> bool {
    random.random_range(0..100) < percent
}

/// Cells of both precisions, square and odd, some with wide words, with memories small enough to wrap.
pub fn cells() -> Vec<Architecture> {
    let cell = |rows, columns, precision, wider: u32| {
        let cell = Architecture::new(rows, columns, precision).unwrap();
        let cell = cell.with_lanes(wider * cell.lanes()).unwrap();
        let cell = cell.with_activation_lanes(8 * cell.lanes()).unwrap().with_weight_words(16).unwrap();
        cell.with_bias_words(4).unwrap().with_accumulator_depth(8).unwrap().with_instruction_depth(32).unwrap()
    };
    vec![
        cell(4, 4, Precision::Int8, 1),
        cell(9, 5, Precision::Int6, 1),
        cell(8, 8, Precision::Int6, 1),
        cell(12, 10, Precision::Int8, 1),
        cell(4, 4, Precision::Int8, 4),
        cell(8, 6, Precision::Int6, 2),
        cell(12, 10, Precision::Int8, 2),
    ]
}
