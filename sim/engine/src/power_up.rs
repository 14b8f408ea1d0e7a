//! Finds state that reset should have set: two runs that differ in their power-up state only must
//! not differ in what they do.

use myelin_hdl::Design;
use serde::Serialize;

use crate::error::{CheckFailure, SimError};
use crate::random::SplitMix64;
use crate::simulator::{Output, PowerUp, RegisterHandle, Simulator};

/// How missing resets are looked for. Everything follows from the seeds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResetSearch {
    /// Of the two power-up states.
    pub power_up_seeds: [u64; 2],
    /// Of the inputs: all of them random in every cycle, the same for both runs.
    pub stimulus_seed: u64,
    /// Edges in reset.
    pub reset_cycles: u64,
    /// Edges after it.
    pub cycles: u64,
}

impl Default for ResetSearch {
    fn default() -> Self {
        ResetSearch { power_up_seeds: [1, 2], stimulus_seed: 3, reset_cycles: 2, cycles: 1000 }
    }
}

/// A register or output that two runs disagree on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PowerUpDifference {
    /// Path of the instance, then the name.
    pub path: String,
    /// Edges since the reset was released.
    pub cycle: u64,
    /// What each run has.
    pub bits: [u64; 2],
}

/// What depends on the power-up state after reset.
///
/// A register without reset is not wrong as long as nobody looks before it is written: data beside
/// a valid bit, say. An output that differs (other than such data) or a check that fails in one run
/// is.
#[derive(Clone, Debug, Default)]
pub struct MissingResets {
    /// All registers that differ when the reset is released.
    pub registers: Vec<PowerUpDifference>,
    /// The first output that differs.
    pub output: Option<PowerUpDifference>,
    /// The first check that failed in one run and held in the other.
    pub check: Option<CheckFailure>,
}

impl MissingResets {
    /// Whether nothing that can be seen depends on the power-up state.
    pub fn is_clean(&self) -> bool {
        self.output.is_none() && self.check.is_none()
    }
}

/// Runs the design twice, from two random power-up states, with the same random inputs.
///
/// # Errors
/// As [`crate::Builder::build`]. Checks that fail in both runs are the inputs' fault and are passed over.
pub fn find_missing_resets(design: &Design, search: &ResetSearch) -> Result<MissingResets, SimError> {
    let [first, second] = search.power_up_seeds;
    let mut one = Simulator::builder(design).power_up(PowerUp::Random { seed: first }).build()?;
    let mut other = one.fork()?;
    other.power_up(PowerUp::Random { seed: second });
    let mut sims = [one, other];
    let top = design.top();
    let inputs: Vec<_> = top.inputs.iter().map(|port| sims[0].input(&port.name)).collect::<Result<_, _>>()?;
    let outputs: Vec<(String, Output)> = top
        .outputs
        .iter()
        .map(|port| Ok((format!("{}.{}", top.name, port.name), sims[0].output(&port.name)?)))
        .collect::<Result<_, SimError>>()?;
    let registers: Vec<(String, RegisterHandle)> = sims[0].registers();

    let mut random = SplitMix64::new(search.stimulus_seed);
    let mut found = MissingResets::default();
    for sim in &mut sims {
        sim.reset(search.reset_cycles)?;
    }
    for (path, register) in &registers {
        let bits = [0, 1].map(|run: usize| sims[run].peek_register(*register));
        if bits[0] != bits[1] {
            found.registers.push(PowerUpDifference { path: path.clone(), cycle: 0, bits });
        }
    }
    for cycle in 0..search.cycles {
        for &input in &inputs {
            let bits = random.bits() & input.ty().mask();
            sims.iter_mut().for_each(|sim| sim.poke(input, bits));
        }
        for (path, output) in &outputs {
            let [one, other] = &mut sims;
            let bits = [one.peek(*output), other.peek(*output)];
            if bits[0] != bits[1] {
                found.output = Some(PowerUpDifference { path: path.clone(), cycle, bits });
                return Ok(found);
            }
        }
        let [one, other] = &mut sims;
        match (one.step(), other.step()) {
            (Err(failure), Ok(())) | (Ok(()), Err(failure)) => {
                found.check = Some(failure);
                return Ok(found);
            }
            _ => {}
        }
    }
    Ok(found)
}
