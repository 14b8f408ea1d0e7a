//! `myelin-riscv`: random instructions on the soft core, judged by the model.

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use myelin_riscv::lockstep::{Case, Summary, run};
use myelin_rtl::cpu::{CpuParameterError, CpuParameters, Multiply, RegisterFile, Shift};

/// Runs random programs on the soft core and compares every retirement with the model.
#[derive(Parser)]
#[command(after_help = "Examples:\n  \
    cargo run --release -p myelin-riscv -- --programs 2000\n  \
    cargo run -p myelin-riscv -- --core fast --seed 17 --programs 1")]
struct Arguments {
    /// Which core; all of them by default.
    #[arg(long)]
    core: Option<Core>,
    /// The first seed; the n-th program has this plus n.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Programs for each core.
    #[arg(long, default_value_t = 100)]
    programs: u64,
    /// Instructions and traps in each.
    #[arg(long, default_value_t = 1000)]
    retirements: u64,
}

/// The cores that are tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Core {
    /// As on the iCE40UP5K.
    Small,
    /// The same with serial products and counters.
    SmallMultiply,
    /// As on the ECP5.
    Fast,
    /// Between: a barrel shifter, nothing else.
    Barrel,
}

impl Core {
    fn parameters(self) -> Result<CpuParameters, CpuParameterError> {
        Ok(match self {
            Core::Small => CpuParameters::small(0)?,
            Core::SmallMultiply => CpuParameters::small(0x1_0000)?.with_multiply(Multiply::Serial).with_counters(),
            Core::Fast => CpuParameters::fast(0)?,
            Core::Barrel => {
                CpuParameters::small(0)?.with_shift(Shift::Barrel).with_registers(RegisterFile::Distributed)
            }
        })
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let cores = arguments.core.map_or(Core::value_variants().to_vec(), |core| vec![core]);
    for core in cores {
        let parameters = match core.parameters() {
            Ok(parameters) => parameters,
            Err(error) => {
                eprintln!("error: {error}");
                return ExitCode::from(2);
            }
        };
        let mut total = Summary::default();
        for seed in (arguments.seed..).take(usize::try_from(arguments.programs).unwrap_or(usize::MAX)) {
            match run(&Case { parameters, seed, retirements: arguments.retirements }) {
                Ok(summary) => total = total.plus(summary),
                Err(divergence) => {
                    let name = core.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned());
                    eprintln!("{core:?}, seed {seed}: {divergence}");
                    eprintln!(
                        "replay: cargo run -p myelin-riscv -- --core {name} --seed {seed} --programs 1 --retirements {}",
                        arguments.retirements
                    );
                    return ExitCode::from(1);
                }
            }
        }
        let Summary { cycles, retirements, exceptions, interrupts, accesses } = total;
        println!(
            "{core:?}: {} programs, {retirements} retirements in {cycles} cycles: {accesses} loads and stores, \
             {exceptions} exceptions, {interrupts} interrupts",
            arguments.programs
        );
    }
    ExitCode::SUCCESS
}
