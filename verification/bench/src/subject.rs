//! What is measured: a simulator with a design in it that can run on.

use std::time::Duration;

use myelin_hdl::Design;
use myelin_sim::{Engine, Input, OutputSet, Simulator};

use crate::clock;
use crate::error::BenchError;

/// Spreads digests; odd.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// A simulator of one design.
pub trait Subject {
    /// What it is, for the table.
    fn name(&self) -> &str;

    /// Simulates `cycles` more clock cycles and returns the processor time they took, and a digest
    /// of the outputs: equal for all subjects of one design after equal numbers of cycles.
    ///
    /// # Errors
    /// If the simulator fails.
    fn run(&mut self, cycles: u64) -> Result<(Duration, u64), BenchError>;
}

/// What drives a design.
#[derive(Clone, Debug)]
pub enum Drive {
    /// The design drives itself: its ports are clock, reset, and outputs that gather everything.
    Itself {
        /// Edges in reset, enough to fill every register that has no reset.
        reset_cycles: u64,
    },
    /// Recorded levels of all inputs, in the order of the ports; every output counts in every cycle.
    Recorded(Recording),
}

/// What inputs were driven with, cycle by cycle.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Edges in reset before, inputs as in the first cycle.
    pub reset_cycles: u64,
    /// For each cycle the bits of each input.
    pub cycles: Vec<Vec<u64>>,
    /// After the last cycle goes on with this one.
    pub loop_from: usize,
}

/// One cycle's outputs, added to a digest. The C++ around Verilator's models does the same.
pub fn digest(before: u64, outputs: &[u64]) -> u64 {
    let mut sum = 0_u64;
    let mut factor = MIX;
    for &output in outputs {
        sum = sum.wrapping_add(output.wrapping_mul(factor));
        factor = factor.wrapping_add(MIX << 1);
    }
    (before ^ sum).rotate_left(27).wrapping_mul(MIX)
}

/// The same in C++, in variables `digest` and `out`.
pub(crate) fn digest_in_cxx(indent: &str, outputs: usize) -> String {
    let terms = (0..outputs).scan(MIX, |factor, index| {
        let term = format!("out[{index}] * {factor:#x}ull");
        *factor = factor.wrapping_add(MIX << 1);
        Some(term)
    });
    let sum = terms.collect::<Vec<_>>().join(&format!("\n{indent}    + "));
    format!(
        "{indent}digest ^= {sum};\n\
         {indent}digest = (digest << 27 | digest >> 37) * {MIX:#x}ull;\n"
    )
}

/// Our simulator.
pub struct Ours {
    name: &'static str,
    sim: Simulator,
    outputs: OutputSet,
    /// What the outputs were last.
    levels: Vec<u64>,
    replay: Option<Replay>,
}

/// A recording as changes of inputs.
struct Replay {
    changes: Vec<Vec<(Input, u64)>>,
    /// What changes in the first cycle of the loop when it comes again.
    again: Vec<(Input, u64)>,
    loop_from: usize,
    position: usize,
    digest: u64,
}

impl Ours {
    /// Makes a simulator of a design and takes it through reset.
    ///
    /// # Errors
    /// If the simulator does not take the design.
    pub fn new(design: &Design, engine: Engine, drive: &Drive) -> Result<Ours, BenchError> {
        let name = name_of(engine);
        let mut sim = Simulator::builder(design).engine(engine).build()?;
        let ports = design.top().outputs.iter();
        let outputs = ports.map(|port| sim.output(&port.name)).collect::<Result<OutputSet, _>>()?;
        let levels = vec![0; outputs.len()];
        let replay = match drive {
            Drive::Itself { reset_cycles } => {
                sim.reset(*reset_cycles)?;
                None
            }
            Drive::Recorded(recording) => {
                let ports = design.top().inputs.iter();
                let inputs: Vec<Input> = ports.map(|port| sim.input(&port.name)).collect::<Result<_, _>>()?;
                for (&input, &bits) in inputs.iter().zip(&recording.cycles[0]) {
                    sim.poke(input, bits);
                }
                sim.reset(recording.reset_cycles)?;
                Some(Replay::new(&inputs, recording))
            }
        };
        Ok(Ours { name, sim, outputs, levels, replay })
    }

    /// The simulator.
    pub fn simulator(&mut self) -> &mut Simulator {
        &mut self.sim
    }
}

/// What an engine is called in the table.
pub fn name_of(engine: Engine) -> &'static str {
    match engine {
        Engine::Compiled => "Cranelift",
        Engine::AheadOfTime => "ahead of time",
        Engine::Interpreted => "interpreter",
    }
}

impl Replay {
    fn new(inputs: &[Input], recording: &Recording) -> Replay {
        let cycles = &recording.cycles;
        let between = |before: &[u64], after: &[u64]| -> Vec<(Input, u64)> {
            let levels = before.iter().zip(after).zip(inputs);
            levels.filter(|((before, after), _)| before != after).map(|((_, &after), &input)| (input, after)).collect()
        };
        let mut changes = vec![Vec::new()];
        changes.extend(cycles.windows(2).map(|pair| between(&pair[0], &pair[1])));
        let again = between(&cycles[cycles.len() - 1], &cycles[recording.loop_from]);
        Replay { changes, again, loop_from: recording.loop_from, position: 0, digest: 0 }
    }
}

impl Subject for Ours {
    fn name(&self) -> &str {
        self.name
    }

    fn run(&mut self, cycles: u64) -> Result<(Duration, u64), BenchError> {
        let begun = clock::of_thread();
        let Some(replay) = &mut self.replay else {
            self.sim.steps(cycles)?;
            let took = clock::of_thread().saturating_sub(begun);
            self.sim.peek_all(&self.outputs, &mut self.levels);
            return Ok((took, digest(0, &self.levels)));
        };
        for _ in 0..cycles {
            let changes = if replay.position == replay.changes.len() {
                replay.position = replay.loop_from;
                &replay.again
            } else {
                &replay.changes[replay.position]
            };
            changes.iter().for_each(|&(input, bits)| self.sim.poke(input, bits));
            replay.position += 1;
            self.sim.peek_all(&self.outputs, &mut self.levels);
            replay.digest = digest(replay.digest, &self.levels);
            self.sim.step()?;
        }
        Ok((clock::of_thread().saturating_sub(begun), replay.digest))
    }
}
