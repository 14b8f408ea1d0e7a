//! `myelin-formal`: proves the hardware primitives and prints the table.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use myelin_formal::{ToolError, Tools, Verdict, all, prove, prove_mutant, sentences, set_up, text, verilog_of};

/// Proves the hardware primitives with Yosys and an SMT solver.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Install the solver into `target/formal-venv` (needs Python and the network).
    Setup,
    /// List the proofs with their sentences.
    List,
    /// Print the Verilog that a proof is about.
    Show {
        /// Name of the proof.
        name: String,
    },
    /// Run the proofs and print what each shows, under which assumptions, and what it leaves open.
    Prove {
        /// Only those whose name contains this.
        #[arg(default_value = "")]
        only: String,
        /// Also plant each proof's bugs and expect it to fail.
        #[arg(long)]
        mutants: bool,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(3)
        }
    }
}

fn run(action: Action) -> Result<bool, ToolError> {
    match action {
        Action::Setup => println!("solver in {}", set_up()?.display()),
        Action::List => all().iter().for_each(|proof| println!("{}", sentences(proof))),
        Action::Show { name } => {
            let found = all().into_iter().find(|proof| proof.name == name);
            found.iter().for_each(|proof| print!("{}", verilog_of(proof)));
            return Ok(found.is_some());
        }
        Action::Prove { only, mutants } => return prove_all(&only, mutants),
    }
    Ok(true)
}

fn prove_all(only: &str, mutants: bool) -> Result<bool, ToolError> {
    let tools = Tools::find()?;
    let mut good = true;
    for proof in all().iter().filter(|proof| proof.name.contains(only)) {
        let outcome = prove(proof, &tools)?;
        good &= outcome.verdict == Verdict::Proved;
        println!("{}", text(proof, &outcome));
        for mutant in proof.mutants.iter().filter(|_| mutants) {
            let outcome = prove_mutant(proof, mutant, &tools)?;
            good &= matches!(outcome.verdict, Verdict::Refuted(_));
            println!("  planted  {}: {:?} ({:.1} s)", mutant.bug, outcome.verdict, outcome.seconds);
        }
    }
    Ok(good)
}
