//! Making a simulator: engine and power-up state.

use std::sync::Arc;

use myelin_hdl::{Design, Digest, ReadKind, Ty};

use super::run::Simulator;
use crate::compiled::{Backend, Compiled};
use crate::engine::{Core, MemoryRef, RegisterRef, Reset};
use crate::error::SimError;
use crate::hierarchy::Hierarchy;
use crate::interpret::Interpreter;
use crate::observe::Observers;
use crate::random::SplitMix64;

/// What computes the cycles.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Engine {
    /// Native code made in process.
    #[default]
    Compiled,
    /// Native code made by the installed `rustc` for this very machine: takes seconds to make, is
    /// kept for the next time, and runs fastest.
    AheadOfTime,
    /// Node by node; slow, for judging the others.
    Interpreted,
}

/// What state holds before the first edge.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PowerUp {
    /// Registers hold their reset value, or 0 without one; memories hold their stated contents, or 0.
    #[default]
    Zero,
    /// Registers and memories without stated contents hold arbitrary bits that depend on the seed
    /// alone, as hardware does: what relies on a missing reset shows.
    Random {
        /// Chooses the bits.
        seed: u64,
    },
}

/// Collects what a simulator is made with. See [`Simulator::builder`].
pub struct Builder<'a> {
    design: &'a Design,
    engine: Engine,
    power_up: PowerUp,
}

impl Builder<'_> {
    /// Chooses the engine.
    pub fn engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// Chooses what state holds before the first edge.
    pub fn power_up(mut self, power_up: PowerUp) -> Self {
        self.power_up = power_up;
        self
    }

    /// Makes the simulator.
    ///
    /// # Errors
    /// [`SimError::Codegen`] if no native code can be made on this machine.
    pub fn build(self) -> Result<Simulator, SimError> {
        let hierarchy = Arc::new(Hierarchy::new(self.design));
        let mut simulator = Simulator::with_hierarchy(self.design.digest(), hierarchy, self.engine)?;
        simulator.power_up(self.power_up);
        Ok(simulator)
    }
}

impl Simulator {
    /// A compiled simulator with everything 0 at power-up (see [`PowerUp::Zero`]), reset inactive.
    ///
    /// # Errors
    /// As [`Builder::build`].
    pub fn new(design: &Design) -> Result<Simulator, SimError> {
        Simulator::builder(design).build()
    }

    /// Begins the choice of engine and power-up state.
    pub fn builder(design: &Design) -> Builder<'_> {
        Builder { design, engine: Engine::default(), power_up: PowerUp::default() }
    }

    fn with_hierarchy(design: Digest, hierarchy: Arc<Hierarchy>, engine: Engine) -> Result<Simulator, SimError> {
        let core: Box<dyn Core> = match engine {
            Engine::Compiled => Box::new(Compiled::new(hierarchy.clone(), Backend::InProcess)?),
            Engine::AheadOfTime => Box::new(Compiled::new(hierarchy.clone(), Backend::AheadOfTime)?),
            Engine::Interpreted => Box::new(Interpreter::new(hierarchy.clone())),
        };
        let (observers, reset) = (Observers::default(), Reset::Inactive);
        Ok(Simulator { design, hierarchy, core, reset, cycle: 0, observers, recorder: None })
    }

    /// Sets all state but inputs and counts, in the order of [`crate::checkpoint::visit`]. What
    /// [`PowerUp::Zero`] leaves 0 must be 0, as in a simulator that has just been made.
    pub(crate) fn power_up(&mut self, power_up: PowerUp) {
        let core = &mut *self.core;
        let mut random = match power_up {
            PowerUp::Zero => None,
            PowerUp::Random { seed } => Some(SplitMix64::new(seed)),
        };
        let mut bits_or = |ty: Ty, zero: u64| match &mut random {
            None => zero,
            Some(random) => random.bits() & ty.mask(),
        };
        for (place, at) in self.hierarchy.places.iter().enumerate() {
            for (register, definition) in at.module.registers.iter().enumerate() {
                let bits = bits_or(definition.ty, definition.reset.unwrap_or(0));
                core.set_register(RegisterRef { place, register }, bits);
            }
            for (index, memory) in at.module.memories.iter().enumerate() {
                let at = MemoryRef { place, memory: index };
                for (port, read) in memory.reads.iter().enumerate() {
                    let lanes = if read.kind == ReadKind::Synchronous { memory.lanes } else { 0 };
                    (0..lanes).for_each(|lane| core.set_read_data(at, port, lane, bits_or(memory.lane_ty, 0)));
                }
                match (&memory.init, power_up) {
                    (Some(init), _) => core.set_memory_words(at, 0, memory.lanes, init),
                    (None, PowerUp::Zero) => {}
                    (None, PowerUp::Random { .. }) => {
                        let words: Vec<u64> =
                            (0..memory.depth * memory.lanes).map(|_| bits_or(memory.lane_ty, 0)).collect();
                        core.set_memory_words(at, 0, memory.lanes, &words);
                    }
                }
            }
        }
    }
}
