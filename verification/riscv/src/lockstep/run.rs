//! A run of random instructions, from a seed.

use myelin_rtl::cpu::CpuParameters;
use myelin_sim::{Engine, PowerUp};

use crate::memory::{RefusedPages, SparseMemory};
use crate::stimulus::{Manners, Stimulus};

use super::bench::{Asked, Bench, Purpose, Reply, extensions};
use super::divergence::Divergence;

/// One run: everything follows from these.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Case {
    /// The core.
    pub parameters: CpuParameters,
    /// Of instructions, waits, interrupts and power-up state.
    pub seed: u64,
    /// How many instructions and traps.
    pub retirements: u64,
}

/// What a run was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Clock cycles.
    pub cycles: u64,
    /// Instructions and traps.
    pub retirements: u64,
    /// Exceptions among them.
    pub exceptions: u64,
    /// Interrupts among them.
    pub interrupts: u64,
    /// Loads and stores among them.
    pub accesses: u64,
}

impl Summary {
    /// Both together.
    pub fn plus(self, other: Summary) -> Summary {
        Summary {
            cycles: self.cycles + other.cycles,
            retirements: self.retirements + other.retirements,
            exceptions: self.exceptions + other.exceptions,
            interrupts: self.interrupts + other.interrupts,
            accesses: self.accesses + other.accesses,
        }
    }
}

/// Runs a case.
///
/// # Errors
/// If the core does not do what the model does.
pub fn run(case: &Case) -> Result<Summary, Divergence> {
    let mut bench = prepare(case)?;
    let seed = case.seed;
    // Some buses never wait, some always answer in the next cycle, some hesitate.
    let wait_cycles_max = [0, 1, 1, 3, 7][(seed % 5) as usize];
    let line_changes_per_mille = [0, 5, 20, 100][(seed / 5 % 4) as usize];
    let manners = Manners { wait_cycles_max, line_changes_per_mille };
    let mut stimulus = Stimulus::new(seed, manners, extensions(&case.parameters).multiply);
    let mut registers = [0; 32];
    registers.fill_with(|| stimulus.value());
    let mtvec = stimulus.answered_address(&bench.memory);
    bench.set_registers(registers, mtvec);

    let mut summary = Summary::default();
    let mut waits = stimulus.wait_cycles();
    while bench.retirements() < case.retirements {
        let lines = stimulus.lines(bench.lines());
        let waiting = waits;
        let mut answered = false;
        let retired = bench.cycle(lines, |bench, asked| {
            if asked.waited < waiting {
                return Reply::Wait;
            }
            answered = true;
            let Asked { purpose, address, .. } = asked;
            if bench.core_memory.refuses(address) {
                return Reply::Done;
            }
            let known = bench.core_memory.word(address);
            match purpose {
                Purpose::Fetch if known.is_none_or(|word| stimulus.draws_anew(word)) => {
                    Reply::Replaced(stimulus.instruction(&bench.machine, &bench.memory, address))
                }
                Purpose::Load if known.is_none() => Reply::Replaced(stimulus.value()),
                _ => Reply::Done,
            }
        })?;
        if answered {
            waits = stimulus.wait_cycles();
        }
        if let Some(retired) = retired {
            summary.retirements += 1;
            summary.accesses += u64::from(retired.access.is_some());
            if let Some(trap) = retired.trap {
                let interrupt = trap.cause as u32 >> 31;
                summary.interrupts += u64::from(interrupt);
                summary.exceptions += u64::from(1 - interrupt);
            }
        }
    }
    bench.finish()?;
    summary.cycles = bench.cycles();
    Ok(summary)
}

fn prepare(case: &Case) -> Result<Bench, Divergence> {
    let memory = SparseMemory::with_refused(RefusedPages { one_in: 16, seed: case.seed as u32 });
    Bench::new(&case.parameters, memory, Engine::Compiled, PowerUp::Random { seed: case.seed })
}
