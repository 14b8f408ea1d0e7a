//! What is put before the verifiers: proofs, and what is almost or not at all one.

use std::num::NonZeroUsize;

use myelin_cuckoo::{Cancel, Keys, Options, Parameters, Sip, Solver, is_proof};
use myelin_golden::cuckoo::Variant;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Where edges come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The solver found them.
    Proof,
    /// A proof, changed.
    Mutation,
    /// Two smaller cycles.
    TwoCycles,
    /// Edges that trimming leaves.
    Survivors,
    /// Any edges.
    Random,
}

/// Makes candidates for one kind of graph, the same in every run.
pub struct Material {
    parameters: Parameters,
    /// Edges of a proof.
    size: usize,
    solver: Solver,
    /// Solvers of two sizes that make the proof's together.
    halves: Vec<[Solver; 2]>,
    /// The last graph's proof, which is none of the next.
    before: Option<Vec<u64>>,
    random: ChaCha8Rng,
}

impl Material {
    /// Candidates of `size` edges.
    pub fn new(variant: Variant, edge_bits: u32, size: usize) -> Material {
        let variant = myelin_cuckoo::Variant::from_name(variant.name()).expect("invariant: both have all variants");
        let parameters = |size| Parameters::new(variant, Sip::TwoFour, edge_bits, size).expect("invariant: legal");
        let options = Options { threads: NonZeroUsize::MIN, ..Options::default() };
        let solver = |size| Solver::new(parameters(size), &options).expect("invariant: small graphs fit");
        // Small cycles are frequent, large ones are not: only small proofs are put together.
        let halves = (1..=size / 4).filter(|_| size <= 8).map(|half| [solver(2 * half), solver(size - 2 * half)]);
        let seed = u64::from(edge_bits) << 32 | (size as u64) << 8 | variant as u64;
        Material {
            parameters: parameters(size),
            size,
            solver: solver(size),
            halves: halves.collect(),
            before: None,
            random: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// A header of 80 bytes, of which no two are the same.
    pub fn next_header(&mut self, number: u64) -> Vec<u8> {
        let mut header = vec![0; 80];
        self.random.fill_bytes(&mut header[..72]);
        header[72..].copy_from_slice(&number.to_le_bytes());
        header
    }

    /// What the CPU's own check says.
    pub fn cpu_accepts(&self, keys: Keys, proof: &[u64]) -> bool {
        is_proof(&self.parameters, &keys, proof)
    }

    /// Everything that is asked of one graph.
    pub fn candidates(&mut self, keys: Keys) -> Vec<(Kind, Vec<u64>)> {
        let cancel = Cancel::new();
        let mut candidates = Vec::new();
        let proofs = solve(&mut self.solver, &keys);
        if let Some(before) = self.before.take() {
            candidates.push((Kind::Mutation, before));
        }
        self.before = proofs.first().cloned();
        for proof in proofs {
            for mutation in 0..MUTATIONS {
                let changed = self.mutated(&proof, mutation);
                candidates.push((Kind::Mutation, changed));
            }
            candidates.push((Kind::Proof, proof));
        }
        for [first, second] in &mut self.halves {
            for first in solve(first, &keys) {
                for second in solve(second, &keys) {
                    let mut both = [first.as_slice(), &second].concat();
                    both.sort_unstable();
                    candidates.push((Kind::TwoCycles, both));
                }
            }
        }
        let left = self.solver.survivors(&keys, 40, &cancel).expect("invariant: nobody cancels");
        if left.len() >= self.size {
            let some = self.drawn(|random| left[random.random_range(0..left.len())]);
            candidates.push((Kind::Survivors, some));
        }
        let end = self.parameters.edge_count();
        let any = self.drawn(|random| random.random_range(0..end));
        candidates.push((Kind::Random, any));
        candidates
    }

    /// A proof's number of ascending, different edges.
    fn drawn(&mut self, mut draw: impl FnMut(&mut ChaCha8Rng) -> u64) -> Vec<u64> {
        let mut edges = Vec::new();
        while edges.len() < self.size {
            let edge = draw(&mut self.random);
            if let Err(at) = edges.binary_search(&edge) {
                edges.insert(at, edge);
            }
        }
        edges
    }

    fn mutated(&mut self, proof: &[u64], mutation: u32) -> Vec<u64> {
        let mut changed = proof.to_vec();
        let random = &mut self.random;
        let at = random.random_range(0..proof.len());
        let end = self.parameters.edge_count();
        match mutation {
            0 => changed[at] = changed[(at + 1) % proof.len()],
            1 => changed.swap(at, (at + 1) % proof.len()),
            2 => changed[at] += end,
            3 => changed.truncate(at),
            4 => changed.push(end - 1),
            5 => changed.reverse(),
            6 => changed[at] = random.next_u64(),
            7 => *changed.last_mut().expect("invariant: a proof has edges") ^= 1,
            // A bit anywhere, in order and out of order.
            8..12 => changed[at] ^= 1 << random.random_range(0..self.parameters.edge_count().ilog2()),
            // Other edges, in order again.
            _ => {
                for _ in 0..=random.random_range(0..3) {
                    let at = random.random_range(0..proof.len());
                    changed[at] = random.random_range(0..end);
                }
                changed.sort_unstable();
            }
        }
        changed
    }
}

/// Ways of [`Material::mutated`].
const MUTATIONS: u32 = 16;

fn solve(solver: &mut Solver, keys: &Keys) -> Vec<Vec<u64>> {
    solver.solve(keys, &Cancel::new(), &mut |_| {}).expect("invariant: nobody cancels, and graphs are fair")
}
