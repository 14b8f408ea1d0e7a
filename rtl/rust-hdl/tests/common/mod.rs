//! One seeded stimulus to a block under rust-hdl and to its lowered module under other engines.

use std::fmt;

use myelin_conformance::cosim::{CosimError, Engine, Trace, response};
use myelin_conformance::tools::are_present;
use myelin_hdl::rust_hdl::{LowerError, lower};
use myelin_hdl::{Design, DesignError};
use myelin_rust_hdl::Bench;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rust_hdl_core::prelude::Block;

/// What was compared.
pub struct Compared {
    /// Cycles, all stimuli together.
    pub cycles: usize,
    /// Outputs whose value changed at least once under rust-hdl.
    pub moving: usize,
    /// All outputs.
    pub outputs: usize,
    /// Who agreed with rust-hdl.
    pub engines: Vec<Engine>,
}

/// Why a block was not found equal.
pub enum Failure {
    /// It is not lowered.
    Refused(LowerError),
    /// Something else went wrong.
    Other(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Refused(error) => write!(f, "{error}"),
            Failure::Other(what) => f.write_str(what),
        }
    }
}

impl From<LowerError> for Failure {
    fn from(error: LowerError) -> Failure {
        Failure::Refused(error)
    }
}

impl From<DesignError> for Failure {
    fn from(error: DesignError) -> Failure {
        Failure::Other(error.to_string())
    }
}

impl From<CosimError> for Failure {
    fn from(error: CosimError) -> Failure {
        Failure::Other(format!("{error} {error:?}"))
    }
}

/// The engines that are there: our two, and the emitted Verilog under Icarus.
pub fn engines() -> Vec<Engine> {
    let all = [Engine::Interpreted, Engine::Compiled, Engine::Icarus];
    all.into_iter().filter(|engine| are_present(engine.tools())).collect()
}

/// Holds the lowered block against rust-hdl on `stimuli` of `cycles` each, seeded by `seed`.
///
/// An input keeps its value for a random time whose mean is another in each stimulus: state
/// machines need both haste and patience to get around.
pub fn compare<B: Block>(make: &dyn Fn() -> Bench<B>, seed: u64, cycles: usize) -> Result<Compared, Failure> {
    let design = Design::new(lower(make().block())?)?;
    let top = design.top();
    let names: Vec<String> = make().inputs().iter().map(|input| input.name.clone()).collect();
    let order: Vec<usize> = (top.inputs.iter())
        .map(|port| {
            let position = names.iter().position(|name| is_port(name, &port.name));
            position.ok_or_else(|| Failure::Other(format!("the bench has no input {}", port.name)))
        })
        .collect::<Result<_, _>>()?;
    // Registers that do not start from zero are brought to their start by one cycle of reset.
    let in_reset = usize::from(has_nonzero_reset(&design));
    let mut compared = Compared { cycles: 0, moving: 0, outputs: top.outputs.len(), engines: engines() };
    let mut moving = vec![false; top.outputs.len()];
    for (index, hold) in [1, 4, 40].into_iter().enumerate() {
        let mut random = ChaCha8Rng::seed_from_u64(seed.wrapping_add(index as u64));
        let mut trace = Trace::in_reset(&design, in_reset);
        let mut bench = make();
        let mut words: Vec<u64> = bench.inputs().iter().map(|input| *input.words.start()).collect();
        let mut expected: Vec<Vec<u64>> = Vec::new();
        let positions: Vec<usize> = (top.outputs.iter())
            .map(|port| {
                let position = bench.outputs().iter().position(|output| is_port(&output.name, &port.name));
                position.ok_or_else(|| Failure::Other(format!("the bench has no output {}", port.name)))
            })
            .collect::<Result<_, _>>()?;
        for _ in 0..cycles {
            for (port, &at) in top.inputs.iter().zip(&order) {
                if random.random_range(0..hold) == 0 {
                    let legal = &bench.inputs()[at].words;
                    words[at] = random.random_range(*legal.start()..=port.ty.mask().min(*legal.end()));
                }
            }
            trace.push(order.iter().map(|&at| words[at]).collect());
            bench.apply(&words).map_err(|error| Failure::Other(error.to_string()))?;
            let found = bench.observe();
            expected.push(positions.iter().map(|&at| found[at]).collect());
            bench.step().map_err(|error| Failure::Other(error.to_string()))?;
        }
        for pair in expected.windows(2) {
            moving.iter_mut().enumerate().for_each(|(at, moving)| *moving |= pair[0][at] != pair[1][at]);
        }
        for &engine in &compared.engines {
            let found = response(engine, &design, &trace)?;
            for (cycle, (wanted, got)) in expected.iter().zip(&found.outputs[in_reset..]).enumerate() {
                for ((port, &wanted), &got) in top.outputs.iter().zip(wanted).zip(got) {
                    if got != Some(wanted) {
                        return Err(Failure::Other(format!(
                            "{engine} disagrees with rust-hdl in cycle {cycle} of stimulus {index} on {}: expected {wanted:#x}, found {got:x?}; seed {seed}",
                            port.name
                        )));
                    }
                }
            }
        }
        compared.cycles += cycles;
    }
    compared.moving = moving.into_iter().filter(|&moving| moving).count();
    Ok(compared)
}

fn has_nonzero_reset(design: &Design) -> bool {
    let registers = design.modules().iter().flat_map(|module| &module.registers);
    registers.into_iter().any(|register| register.reset.is_some_and(|reset| reset != 0))
}

/// Whether a signal of rust-hdl is a port of the module; Verilog's keywords get a `_` behind.
fn is_port(signal: &str, port: &str) -> bool {
    port.strip_prefix(signal).is_some_and(|rest| rest.is_empty() || rest == "_")
}
