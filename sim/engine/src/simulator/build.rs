//! Making a simulator: engine and power-up state.

use std::sync::Arc;

use myelin_hdl::{Design, Digest, Ty};

use super::run::Simulator;
use crate::checkpoint::{Element, visit};
use crate::compiled::{Backend, Compiled};
use crate::engine::{Core, Reset};
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

    pub(super) fn with_hierarchy(
        design: Digest,
        hierarchy: Arc<Hierarchy>,
        engine: Engine,
    ) -> Result<Simulator, SimError> {
        let core: Box<dyn Core> = match engine {
            Engine::Compiled => Box::new(Compiled::new(hierarchy.clone(), Backend::InProcess)?),
            Engine::AheadOfTime => Box::new(Compiled::new(hierarchy.clone(), Backend::AheadOfTime)?),
            Engine::Interpreted => Box::new(Interpreter::new(hierarchy.clone())),
        };
        let (observers, reset) = (Observers::default(), Reset::Inactive);
        Ok(Simulator { design, hierarchy, core, engine, reset, cycle: 0, observers, recorder: None })
    }

    pub(super) fn power_up(&mut self, power_up: PowerUp) {
        let hierarchy = self.hierarchy.clone();
        let core = &mut *self.core;
        let mut random = SplitMix64::new(match power_up {
            PowerUp::Zero => 0,
            PowerUp::Random { seed } => seed,
        });
        let mut bits_or = |ty: Ty, zero: u64| match power_up {
            PowerUp::Zero => zero,
            PowerUp::Random { .. } => random.bits() & ty.mask(),
        };
        visit(&hierarchy, |element| match element {
            Element::Register(at) => {
                let register = &hierarchy.module(at.place).registers[at.register];
                core.set_register(at, bits_or(register.ty, register.reset.unwrap_or(0)));
            }
            Element::ReadData(at, port, lane) => {
                let memory = &hierarchy.module(at.place).memories[at.memory];
                core.set_read_data(at, port, lane, bits_or(memory.lane_ty, 0));
            }
            Element::Word(at, word, lane) => {
                let memory = &hierarchy.module(at.place).memories[at.memory];
                let bits = match &memory.init {
                    Some(init) => init[word * memory.lanes + lane],
                    None => bits_or(memory.lane_ty, 0),
                };
                core.set_memory(at, word, lane, bits);
            }
            Element::Input(_) | Element::Cover(_) => {}
        });
    }
}
