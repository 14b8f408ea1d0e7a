//! `myelin solve`: the proofs of one graph.

use std::io::Write;
use std::time::Instant;

use myelin_cuckoo::{Cancel, Event, Solver};
use myelin_golden::cuckoo::{EdgeBits, verify};
use serde::Serialize;

use super::JSON_SCHEMA_VERSION;
use super::cuckoo::Difficulty;
use crate::context::Context;
use crate::cuckoo_arguments::SolveArguments;
use crate::failure::{Failure, Verdict};
use crate::terminal::grouped;

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    variant: &'static str,
    sip: &'static str,
    edge_bits: u32,
    proof_size: usize,
    /// Hexadecimal: JSON's numbers lose bits elsewhere.
    keys: [String; 4],
    device: &'static str,
    path: &'static str,
    threads: usize,
    memory_bytes: u64,
    seconds: f64,
    /// Edges alive after round 0, 1, ...
    alive: Vec<u64>,
    proofs: Vec<Proof>,
}

#[derive(Serialize)]
struct Proof {
    edges: Vec<u64>,
    difficulty: Difficulty,
}

/// Solves one graph; what is found is judged by golden before it is printed.
pub fn run(arguments: &SolveArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let parameters = arguments.graph.parameters(arguments.edge_bits, arguments.proof_size.get())?;
    let options = arguments.solver.options();
    let mut solver = Solver::new(parameters, &options)?;
    let megabytes = solver.memory().bytes.div_ceil(1 << 20);
    let (path, threads) = (solver.path(), options.threads);
    context
        .progress()
        .step(&format!("hash 2^{} edges ({path}, {threads} threads, {megabytes} MiB)", arguments.edge_bits));
    let begun = Instant::now();
    let mut alive = Vec::new();
    let found = solver.solve(&arguments.graph.keys(), &Cancel::new(), &mut |event| {
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
            device: "cpu",
            path: path.name(),
            threads: threads.get(),
            memory_bytes: solver.memory().bytes,
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
    context.progress().step(&format!("proofs of {} edges: {count}, in {seconds:.3} s", arguments.proof_size.get()));
    Ok(verdict)
}
