//! The engines, and one question to all of them.

use std::fmt;

use myelin_hdl::Design;

use crate::tools::Tool;

use super::error::CosimError;
use super::trace::{Response, Trace, compare};
use super::verilator::{CxxOptimisation, Verilated};
use super::{icarus, ours};

/// Who answers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Engine {
    /// Our simulator, node by node.
    Interpreted,
    /// Our simulator, native code made in process.
    Compiled,
    /// Our simulator, native code made by `rustc`.
    AheadOfTime,
    /// The emitted Verilog under Icarus.
    Icarus,
    /// The emitted Verilog under Verilator.
    Verilator,
}

impl Engine {
    /// All of them, the judge first.
    pub const ALL: [Engine; 5] =
        [Engine::Interpreted, Engine::Compiled, Engine::AheadOfTime, Engine::Icarus, Engine::Verilator];

    /// The outside programs it needs.
    pub fn tools(self) -> &'static [Tool] {
        match self {
            // Who can run tests has rustc.
            Engine::Interpreted | Engine::Compiled | Engine::AheadOfTime => &[],
            Engine::Icarus => &[Tool::Icarus],
            Engine::Verilator => &[Tool::Verilator, Tool::Cxx],
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Interpreted => "our interpreter",
            Engine::Compiled => "our compiled simulator",
            Engine::AheadOfTime => "our ahead-of-time simulator",
            Engine::Icarus => "Icarus",
            Engine::Verilator => "Verilator",
        })
    }
}

/// What one engine answers to a stimulus.
///
/// # Errors
/// If the stimulus does not fit the design, the engine or its tools fail, or a check of the design
/// fails in our simulator.
pub fn response(engine: Engine, design: &Design, trace: &Trace) -> Result<Response, CosimError> {
    trace.check(design)?;
    match engine {
        Engine::Interpreted | Engine::Compiled | Engine::AheadOfTime => ours::response(engine, design, trace),
        Engine::Icarus => icarus::response(design, trace),
        Engine::Verilator => Verilated::build(design, CxxOptimisation::Quick)?.response(trace),
    }
}

/// Runs all engines on one stimulus and compares each with the first.
///
/// # Errors
/// [`CosimError::Disagreement`] with the first cycle and output, or else the register, that differ; otherwise as [`response`].
pub fn cosimulate(design: &Design, trace: &Trace, engines: &[Engine]) -> Result<(), CosimError> {
    let Some((&judge, others)) = engines.split_first() else {
        return Ok(());
    };
    let expected = response(judge, design, trace)?;
    for &engine in others {
        compare(design, &expected, &response(engine, design, trace)?)?;
    }
    Ok(())
}
