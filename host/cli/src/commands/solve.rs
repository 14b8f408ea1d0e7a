//! `myelin solve`: the proofs of one graph.

use std::io::Write;
use std::time::Instant;

use myelin_cuckoo::{Cancel, Event, Parameters, Solver, find_proofs};
use myelin_golden::cuckoo::{EdgeBits, verify};
use serde::Serialize;

use super::JSON_SCHEMA_VERSION;
use super::cuckoo::Difficulty;
use crate::context::Context;
use crate::cuckoo_arguments::SolveArguments;
use crate::failure::{Failure, Verdict};
use crate::terminal::grouped;
use crate::trimmer::{self, Counters};

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    variant: &'static str,
    sip: &'static str,
    edge_bits: u32,
    proof_size: usize,
    /// Hexadecimal: JSON's numbers lose bits elsewhere.
    keys: [String; 4],
    device: String,
    /// With what, on this machine's processor.
    processor: Option<ProcessorReport>,
    /// What a simulated core counted.
    counters: Option<Counters>,
    seconds: f64,
    /// Edges alive after round 0, 1, ...
    alive: Vec<u64>,
    proofs: Vec<Proof>,
}

#[derive(Serialize)]
struct ProcessorReport {
    path: &'static str,
    threads: usize,
    memory_bytes: u64,
}

#[derive(Serialize)]
struct Proof {
    edges: Vec<u64>,
    difficulty: Difficulty,
}

/// What a device found.
struct Found {
    proofs: Vec<Vec<u64>>,
    alive: Vec<u64>,
    processor: Option<ProcessorReport>,
    counters: Option<Counters>,
}

/// Solves one graph; what is found is judged by golden before it is printed.
pub fn run(arguments: &SolveArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let parameters = arguments.graph.parameters(arguments.edge_bits, arguments.proof_size.get())?;
    let device = arguments.solver.device;
    let begun = Instant::now();
    let Found { proofs: found, alive, processor, counters } = match arguments.graph.core(device, arguments.edge_bits)? {
        None => solve_on_processor(arguments, parameters, context)?,
        Some(core) => {
            let keys = arguments.graph.keys();
            let trimmed = trimmer::trim(device, core, keys.0, trimmer::ROUNDS, context.progress())?;
            context.progress().step(&format!("cycles among {} edges", grouped(trimmed.survivors.len() as u64)));
            Found {
                proofs: find_proofs(&parameters, &keys, &trimmed.survivors, &Cancel::new())?,
                alive: trimmed.alive.into_iter().map(u64::from).collect(),
                processor: None,
                counters: Some(Counters::new(&core, trimmed.counters)),
            }
        }
    };
    let seconds = begun.elapsed().as_secs_f64();
    context.progress().clear();

    let edge_bits =
        EdgeBits::new(arguments.edge_bits).expect("invariant: golden's graphs are larger than the solver's");
    let graph = arguments.graph.golden(edge_bits);
    if found.iter().any(|proof| !verify(&graph, arguments.proof_size, proof).is_valid()) {
        return Err(myelin_cuckoo::Error::Miscomputed.into());
    }
    let verdict = if found.is_empty() { Verdict::No } else { Verdict::Yes };
    if arguments.json {
        let proof = |edges: Vec<u64>| Proof { difficulty: Difficulty::of(edge_bits, &edges), edges };
        context.write_json(&Report {
            schema_version: JSON_SCHEMA_VERSION,
            variant: arguments.graph.variant_name(),
            sip: arguments.graph.sip_name(),
            edge_bits: arguments.edge_bits,
            proof_size: arguments.proof_size.get(),
            keys: arguments.graph.keys_text(),
            device: device.to_string(),
            processor,
            counters,
            seconds,
            alive,
            proofs: found.into_iter().map(proof).collect(),
        })?;
        return Ok(verdict);
    }
    // Data is the proofs, one a line as --proof takes them; the rest is for people.
    for proof in &found {
        let edges: Vec<String> = proof.iter().map(u64::to_string).collect();
        writeln!(context, "{}", edges.join(","))?;
    }
    let count = found.len();
    let counted = counters.map_or(String::new(), |counters| format!(" ({})", counters.describe()));
    let size = arguments.proof_size.get();
    context.progress().step(&format!("proofs of {size} edges: {count}, in {seconds:.3} s{counted}"));
    Ok(verdict)
}

/// The same on this machine's processor.
fn solve_on_processor(
    arguments: &SolveArguments,
    parameters: Parameters,
    context: &mut Context,
) -> Result<Found, Failure> {
    let options = arguments.solver.cpu.options();
    let mut solver = Solver::new(parameters, &options)?;
    let memory_bytes = solver.memory().bytes;
    let megabytes = memory_bytes.div_ceil(1 << 20);
    let (path, threads) = (solver.path(), options.threads);
    context
        .progress()
        .step(&format!("hash 2^{} edges ({path}, {threads} threads, {megabytes} MiB)", arguments.edge_bits));
    let mut alive = Vec::new();
    let proofs = solver.solve(&arguments.graph.keys(), &Cancel::new(), &mut |event| {
        let progress = context.progress();
        match event {
            Event::Round { round, alive: count } => {
                alive.push(count);
                progress.step(&format!("round {round}: {} edges alive", grouped(count)));
            }
            Event::Core { edges } => progress.step(&format!("core: {} edges", grouped(edges))),
            Event::Cycles { count } => progress.step(&format!("cycles: {count}; look up their edges")),
            _ => {}
        }
    })?;
    let processor = ProcessorReport { path: path.name(), threads: threads.get(), memory_bytes };
    Ok(Found { proofs, alive, processor: Some(processor), counters: None })
}
