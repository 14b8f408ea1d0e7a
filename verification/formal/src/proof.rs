//! What a proof consists of.

use std::sync::Arc;

use myelin_hdl::{CheckKind, Module};

/// One design whose assertions hold whatever its inputs do within its assumptions.
pub struct Proof {
    /// Short name, for the command line.
    pub name: &'static str,
    /// The block and its parameters.
    pub subject: &'static str,
    /// Builds the design: the block's logic and what watches it.
    pub build: fn() -> Arc<Module>,
    /// How it is proved.
    pub method: Method,
    /// Cycles within which every cover point must be reachable and every planted bug must show.
    pub reach_steps: u32,
    /// What the assertions say together.
    pub proved: &'static str,
    /// What the environment keeps, besides starting in reset.
    pub assumed: &'static str,
    /// What is not proved.
    pub holes: &'static str,
    /// Planted bugs, each of which must make it fail.
    pub mutants: &'static [Mutant],
}

/// How a proof is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// No counterexample in the first `base` cycles from reset, and none in which `steps` good
    /// cycles, from any state, lead to a bad one: holds for ever.
    Induction {
        /// Cycles from reset.
        base: u32,
        /// Good cycles.
        steps: u32,
    },
    /// No counterexample in the first `steps` cycles from reset, unknown contents of registers
    /// without reset included.
    Bounded {
        /// Cycles.
        steps: u32,
    },
}

/// A bug planted in the emitted Verilog.
pub struct Mutant {
    /// The bug, as a sentence.
    pub bug: &'static str,
    /// Text that occurs exactly once.
    pub from: &'static str,
    /// What stands there instead.
    pub to: &'static str,
}

impl Proof {
    /// The sentences of one kind.
    pub fn checks(&self, kind: CheckKind) -> Vec<String> {
        let top = (self.build)();
        top.checks.iter().filter(|check| check.kind == kind).map(|check| check.name.clone()).collect()
    }
}

impl Method {
    /// In words.
    pub fn describe(self) -> String {
        match self {
            Method::Induction { base, steps } => format!("induction over {steps}, base {base} cycles"),
            Method::Bounded { steps } => format!("bounded, {steps} cycles"),
        }
    }
}
