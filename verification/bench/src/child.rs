//! Measurements in a process of their own, whose memory and compilation nobody has touched before.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use myelin_programs::{failed, run};
use myelin_sim::{Engine, Simulator};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::designs::systolic;
use crate::error::BenchError;

/// What such a process found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Measured {
    /// Processor time of the build, compilers included.
    pub cpu_nanoseconds: u64,
    /// Time on the clock.
    pub clock_nanoseconds: u64,
    /// By how much the most memory held grew over what was held with the design alone.
    pub memory_bytes: u64,
    /// Memory held with the design alone.
    pub before_bytes: u64,
    /// Distinct modules of the design.
    pub bodies: usize,
}

/// The program that such a process runs: `myelin-bench`.
#[derive(Clone, Debug)]
pub struct Child {
    /// Where it is.
    pub program: PathBuf,
}

impl Child {
    /// Builds the systolic array of `size` x `size` in a fresh process, nothing cached.
    ///
    /// # Errors
    /// If the process cannot be started or fails.
    pub fn start(&self, size: usize, engine: Engine) -> Result<Measured, BenchError> {
        let cache = tempfile::tempdir().map_err(BenchError::file("make folder in", std::env::temp_dir()))?;
        let mut command = Command::new(&self.program);
        command.args(["build-once", &size.to_string()]).env("MYELIN_CACHE_DIR", cache.path());
        if engine == Engine::AheadOfTime {
            command.arg("--ahead-of-time");
        }
        let said = run(&mut command)?;
        // Behind the measurement comes whatever it warned of.
        let measured = serde_json::Deserializer::from_str(&said).into_iter().next();
        measured.and_then(Result::ok).ok_or_else(|| failed(&command, &said).into())
    }
}

/// What the process does: builds, measures, prints [`Measured`] as JSON.
///
/// # Errors
/// If the simulator does not take the design.
pub fn build_once(size: usize, engine: Engine) -> Result<(), BenchError> {
    let design = systolic::design(size, size)?;
    let bodies = design.modules().len();
    let cpu = || clock::of_process() + clock::of_children();
    let (before_bytes, begun, clock) = (clock::memory(), cpu(), Instant::now());
    let mut sim = Simulator::builder(&design).engine(engine).build()?;
    sim.step()?;
    let (cpu, clock) = (cpu().saturating_sub(begun), clock.elapsed());
    let measured = Measured {
        cpu_nanoseconds: cpu.as_nanos() as u64,
        clock_nanoseconds: clock.as_nanos() as u64,
        memory_bytes: clock::peak_memory().saturating_sub(before_bytes),
        before_bytes,
        bodies,
    };
    let text = serde_json::to_string(&measured).expect("numbers have a JSON form");
    writeln!(std::io::stdout(), "{text}").map_err(BenchError::file("write", "standard output"))
}
