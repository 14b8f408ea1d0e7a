//! `myelin cuckoo`: proofs judged, graphs trimmed.

use std::io::Write;

use myelin_cuckoo::{Cancel, Event, Solver};
use myelin_golden::cuckoo::{Verdict as ProofVerdict, cortex, grin, verify};
use myelin_isa::cuckoo::Core;
use serde::Serialize;

use super::JSON_SCHEMA_VERSION;
use crate::context::Context;
use crate::cuckoo_arguments::{CuckooCommand, TrimArguments, VerifyArguments};
use crate::failure::{Failure, Verdict};
use crate::terminal::{Align, Mark, Table, grouped};
use crate::trimmer::{self, Counters};

#[derive(Serialize)]
struct VerifyReport {
    schema_version: u32,
    variant: &'static str,
    sip: &'static str,
    edge_bits: u32,
    proof_size: usize,
    /// Hexadecimal: JSON's numbers lose bits elsewhere.
    keys: [String; 4],
    valid: bool,
    verdict: &'static str,
    message: &'static str,
    /// What the proof is worth; null if it is none.
    difficulty: Option<Difficulty>,
}

/// The two chains' measures of a proof.
#[derive(Serialize)]
pub struct Difficulty {
    /// Before it is multiplied with the graph's weight.
    pub grin_unscaled: u64,
    /// By keccak256.
    pub cortex: u64,
}

impl Difficulty {
    /// Of a proof.
    pub fn of(edge_bits: myelin_golden::cuckoo::EdgeBits, proof: &[u64]) -> Difficulty {
        Difficulty { grin_unscaled: grin::difficulty(edge_bits, proof, 1), cortex: cortex::difficulty(proof) }
    }
}

#[derive(Serialize)]
struct TrimReport {
    schema_version: u32,
    variant: &'static str,
    sip: &'static str,
    edge_bits: u32,
    keys: [String; 4],
    device: String,
    /// Instructions used, on a processor.
    path: Option<&'static str>,
    /// Of a simulated core.
    counters: Option<Counters>,
    /// After round 0, 1, ...
    alive: Vec<u64>,
}

/// Does what was asked.
pub fn run(command: &CuckooCommand, context: &mut Context) -> Result<Verdict, Failure> {
    match command {
        CuckooCommand::Verify(arguments) => run_verify(arguments, context),
        CuckooCommand::Trim(arguments) => run_trim(arguments, context),
    }
}

fn run_verify(arguments: &VerifyArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let graph = arguments.graph.golden(arguments.edge_bits);
    let proof = &arguments.proof.0;
    let verdict = verify(&graph, arguments.proof_size, proof);
    let difficulty = verdict.is_valid().then(|| Difficulty::of(arguments.edge_bits, proof));
    if arguments.json {
        context.write_json(&VerifyReport {
            schema_version: JSON_SCHEMA_VERSION,
            variant: arguments.graph.variant_name(),
            sip: arguments.graph.sip_name(),
            edge_bits: arguments.edge_bits.get(),
            proof_size: arguments.proof_size.get(),
            keys: arguments.graph.keys_text(),
            valid: verdict.is_valid(),
            verdict: verdict.name(),
            message: verdict.message(),
            difficulty,
        })?;
    } else {
        let mark = if verdict.is_valid() { Mark::Good } else { Mark::Bad };
        let line = match verdict {
            ProofVerdict::Valid => verdict.name().to_owned(),
            _ => format!("invalid, {}: {verdict}", verdict.name()),
        };
        let line = context.colour().paint(mark, &line);
        writeln!(context, "{line}")?;
        if let Some(Difficulty { grin_unscaled, cortex }) = difficulty {
            writeln!(context, "{:<26} {grin_unscaled}", "difficulty, Grin unscaled")?;
            writeln!(context, "{:<26} {cortex}", "difficulty, Cortex")?;
        }
    }
    Ok(if verdict.is_valid() { Verdict::Yes } else { Verdict::No })
}

fn run_trim(arguments: &TrimArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let device = arguments.solver.device;
    let (alive, path, counters) = match arguments.graph.core(device, arguments.edge_bits)? {
        None => {
            let (alive, path) = trim_on_processor(arguments, context)?;
            (alive, Some(path), None)
        }
        Some(core) => {
            let (found, most) = (arguments.rounds, Core::STAMP_DEPTH);
            let rounds = u16::try_from(found).ok().filter(|&rounds| u32::from(rounds) <= most).ok_or_else(|| {
                let reason = format!("it keeps the counts of {most} rounds, {found} are wanted");
                Failure::OtherGraph { selector: device.to_string(), reason }
            })?;
            let trimmed = trimmer::trim(device, core, arguments.graph.keys().0, rounds, context.progress())?;
            let counters = Counters::new(&core, trimmed.counters);
            (trimmed.alive.into_iter().map(u64::from).collect(), None, Some(counters))
        }
    };
    context.progress().clear();
    if arguments.json {
        context.write_json(&TrimReport {
            schema_version: JSON_SCHEMA_VERSION,
            variant: arguments.graph.variant_name(),
            sip: arguments.graph.sip_name(),
            edge_bits: arguments.edge_bits,
            keys: arguments.graph.keys_text(),
            device: device.to_string(),
            path,
            counters,
            alive,
        })?;
        return Ok(Verdict::Yes);
    }
    let mut table = Table::new(&[("round", Align::Right), ("edges alive", Align::Right), ("of all, %", Align::Right)]);
    for (round, &count) in alive.iter().enumerate() {
        let share = count as f64 / (arguments.edge_bits as f64).exp2() * 100.0;
        table.row([round.to_string(), grouped(count), format!("{share:.4}")]);
    }
    table.write(context)?;
    if let Some(counters) = counters {
        context.progress().step(&counters.describe());
    }
    Ok(Verdict::Yes)
}

/// The counts, and which instructions were used.
fn trim_on_processor(arguments: &TrimArguments, context: &mut Context) -> Result<(Vec<u64>, &'static str), Failure> {
    // Trimming knows no proof size; any legal one will do.
    let parameters = arguments.graph.parameters(arguments.edge_bits, 42)?;
    let mut solver = Solver::new(parameters, &arguments.solver.cpu.options())?;
    let mut alive = Vec::new();
    context.progress().count("rounds", u64::from(arguments.rounds));
    solver.trim(&arguments.graph.keys(), arguments.rounds, &Cancel::new(), &mut |event| {
        if let Event::Round { alive: count, .. } = event {
            alive.push(count);
            context.progress().advance();
        }
    })?;
    Ok((alive, solver.path().name()))
}
