//! Solving a graph from keys to proofs.

use std::sync::atomic::AtomicU64;

use crate::core_graph::{find_cycles, trim_to_core};
use crate::error::Error;
use crate::hash::Hasher;
use crate::lean::Lean;
use crate::memory::{Pool, Region};
use crate::parameters::{Keys, Options, Parameters};
use crate::path::Path;
use crate::plan::Plan;
use crate::recover::recover;
use crate::rounds::{Mean, Source};
use crate::verify::is_proof;
use crate::work::Cancel;

/// How a solver would use its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryPlan {
    /// Bytes taken at most.
    pub bytes: u64,
    /// Whether rounds begin with lean trimming, because not all edges can be stored.
    pub begins_lean: bool,
    /// Parts in which the first round is done, because not all edges can be stored at once.
    pub parts: usize,
}

/// What is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A round of trimming is done.
    Round {
        /// Which, from 0.
        round: u32,
        /// Edges alive after it.
        alive: u64,
    },
    /// Trimming has come to its end.
    Core {
        /// Edges that could be on a cycle of any size.
        edges: u64,
    },
    /// Cycles of the wanted size are known to be there; their edges' indices are being looked up.
    Cycles {
        /// How many, where edges that join the same nodes count as one.
        count: usize,
    },
}

/// Searches graphs of one kind, one after the other, in memory taken once.
///
/// What is found depends on parameters and keys only: not on threads, memory, algorithm or path.
pub struct Solver {
    parameters: Parameters,
    path: Path,
    threads: usize,
    plan: Plan,
    /// The pool of records, and before it the lean bitmap of nodes.
    pool: Region,
    marks: Region,
    /// The lean bitmap of edges.
    alive: Region,
}

impl std::fmt::Debug for Solver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Solver { parameters, path, threads, plan, .. } = self;
        write!(f, "Solver({parameters:?}, {path}, {threads} threads, {plan:?})")
    }
}

impl MemoryPlan {
    fn of(plan: &Plan) -> MemoryPlan {
        let Plan { layout, lean_until, bytes, .. } = plan;
        MemoryPlan { bytes: *bytes, begins_lean: lean_until.is_some(), parts: layout.parts }
    }
}

/// When to end trimming.
#[derive(Clone, Copy)]
enum Until {
    /// Few enough edges for the last step.
    Few(u64),
    /// So many rounds.
    Rounds(u32),
}

impl Until {
    fn is_reached(self, rounds: u32, alive: u64) -> bool {
        match self {
            // Rounds end even where cycles keep more edges alive than expected.
            Until::Few(few) => alive <= few || (rounds >= ROUNDS_MAX && alive < u64::MAX),
            Until::Rounds(count) => rounds >= count,
        }
    }
}

/// Rounds after which the last step takes over, however many edges are alive.
const ROUNDS_MAX: u32 = 400;

/// Words set between two looks at the switch: 8 MiB.
const FILL_WORDS: usize = 1 << 20;

/// The edges that rounds have left.
enum Left {
    Records(Vec<u64>),
    /// They are in the lean bitmap.
    Bitmap,
}

impl Solver {
    /// Plans within the memory given, then takes it.
    ///
    /// **Errors**: [`Error::Memory`] before anything is allocated; [`Error::Allocation`];
    /// [`Error::PathUnavailable`]; [`Error::Threads`].
    pub fn new(parameters: Parameters, options: &Options) -> Result<Solver, Error> {
        let path = options.path.unwrap_or_else(Path::fastest);
        if !path.is_available() {
            return Err(Error::PathUnavailable { path });
        }
        let threads = options.threads.get();
        if threads > 1024 {
            return Err(Error::Threads { found: threads });
        }
        let plan = Plan::new(&parameters, options)?;
        let alive_words = if plan.lean_until.is_some() { parameters.edge_count() / 64 } else { 0 };
        let pool = Region::new(8 * plan.layout.pool_words.max(plan.lean_mark_words))?;
        let marks = Region::new(8 * plan.layout.mark_words)?;
        let alive = Region::new(8 * alive_words)?;
        Ok(Solver { parameters, path, threads, plan, pool, marks, alive })
    }

    /// How the memory given would be used; allocates nothing.
    ///
    /// **Errors**: [`Error::Memory`].
    pub fn plan(parameters: &Parameters, options: &Options) -> Result<MemoryPlan, Error> {
        Ok(MemoryPlan::of(&Plan::new(parameters, options)?))
    }

    /// How the memory given is used.
    pub fn memory(&self) -> MemoryPlan {
        MemoryPlan::of(&self.plan)
    }

    /// The instructions used.
    pub fn path(&self) -> Path {
        self.path
    }

    /// Every cycle of the wanted size: its edges ascending; cycles in ascending order. Each has been
    /// checked by [`is_proof`].
    ///
    /// **Errors**: [`Error::Cancelled`]; [`Error::Crowded`] and [`Error::Miscomputed`], which no graph of
    /// a hashed header and no sound machine have been seen to cause. After any error the solver can be
    /// used again.
    pub fn solve(
        &mut self,
        keys: &Keys,
        cancel: &Cancel,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<Vec<Vec<u64>>, Error> {
        let (parameters, threads) = (self.parameters, self.threads);
        let hasher = Hasher::new(self.path, &parameters, keys);
        let left = self.run(&hasher, Until::Few(self.plan.few), cancel, on_event)?;
        let records = match left {
            Left::Records(records) => records,
            Left::Bitmap => unreachable!("invariant: lean rounds end with records when few are wanted"),
        };
        let mut core = trim_to_core(&parameters, &records, cancel)?;
        // Results do not depend on the order in which threads came.
        core.sort_unstable();
        on_event(Event::Core { edges: core.len() as u64 });
        let cycles = find_cycles(&parameters, &core, cancel)?;
        if cycles.is_empty() {
            return Ok(Vec::new());
        }
        on_event(Event::Cycles { count: cycles.len() });
        let mut on_cycles: Vec<u64> = cycles.iter().flatten().map(|&at| core[at as usize]).collect();
        on_cycles.sort_unstable();
        on_cycles.dedup();
        // Several edges can have one record: cycles are found again among all of those.
        let recovered = recover(&parameters, &hasher, threads, &on_cycles, cancel)?;
        let records: Vec<u64> = recovered.iter().map(|edge| edge.record).collect();
        let cycles = find_cycles(&parameters, &records, cancel)?;
        let proof = |cycle: Vec<u32>| cycle.into_iter().map(|at| recovered[at as usize].edge).collect();
        let mut proofs: Vec<Vec<u64>> = cycles.into_iter().map(proof).collect();
        proofs.sort();
        if proofs.iter().all(|proof| is_proof(&parameters, keys, proof)) { Ok(proofs) } else { Err(Error::Miscomputed) }
    }

    /// Does exactly so many rounds; answers how many edges are alive. Events tell of every round.
    ///
    /// **Errors**: as [`Solver::solve`].
    pub fn trim(
        &mut self,
        keys: &Keys,
        rounds: u32,
        cancel: &Cancel,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<u64, Error> {
        let mut alive = self.parameters.edge_count();
        let hasher = Hasher::new(self.path, &self.parameters, keys);
        self.run(&hasher, Until::Rounds(rounds), cancel, &mut |event| {
            if let Event::Round { alive: after, .. } = event {
                alive = after;
            }
            on_event(event);
        })?;
        Ok(alive)
    }

    /// The edges alive after exactly so many rounds, at least one, ascending. Takes 32 bytes for each
    /// besides the planned memory.
    ///
    /// **Errors**: as [`Solver::solve`].
    pub fn survivors(&mut self, keys: &Keys, rounds: u32, cancel: &Cancel) -> Result<Vec<u64>, Error> {
        let hasher = Hasher::new(self.path, &self.parameters, keys);
        match self.run(&hasher, Until::Rounds(rounds.max(1)), cancel, &mut |_| {})? {
            Left::Records(records) => {
                let recovered = recover(&self.parameters, &hasher, self.threads, &records, cancel)?;
                Ok(recovered.into_iter().map(|edge| edge.edge).collect())
            }
            Left::Bitmap => Ok((0..self.parameters.edge_count()).filter(|&edge| self.is_alive(edge)).collect()),
        }
    }

    fn is_alive(&self, edge: u64) -> bool {
        // SAFETY: lean rounds have written the whole bitmap, and nobody writes it now.
        let alive = unsafe { self.alive.atomics((self.parameters.edge_count() / 64) as usize) };
        alive[(edge / 64) as usize].load(std::sync::atomic::Ordering::Relaxed) >> (edge % 64) & 1 == 1
    }

    fn run(
        &mut self,
        hasher: &Hasher,
        until: Until,
        cancel: &Cancel,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<Left, Error> {
        let mut round = 0;
        if let Some(lean_until) = self.plan.lean_until {
            let word_count = (self.parameters.edge_count() / 64) as usize;
            for first in (0..word_count).step_by(FILL_WORDS) {
                cancel.check()?;
                self.alive.fill(first..word_count.min(first + FILL_WORDS), u64::MAX);
            }
            let lean = Lean {
                parameters: &self.parameters,
                threads: self.threads,
                hasher,
                // SAFETY: filled just now; lean rounds write it only through this.
                alive: unsafe { self.alive.atomics(word_count) },
                marks: &self.pool,
                mark_words: self.plan.lean_mark_words as usize,
                cancel,
            };
            loop {
                if until.is_reached(round, u64::MAX) {
                    return Ok(Left::Bitmap);
                }
                let alive = lean.round(round)?;
                on_event(Event::Round { round, alive });
                round += 1;
                if alive <= lean_until {
                    break;
                }
                if round == ROUNDS_MAX {
                    return Err(Error::Crowded);
                }
            }
        }
        let pool = Pool::new(&mut self.pool, self.plan.layout.block_size);
        let mean = Mean {
            parameters: &self.parameters,
            path: self.path,
            threads: self.threads,
            layout: &self.plan.layout,
            pool: &pool,
            marks: &self.marks,
            cancel,
        };
        let alive: &[AtomicU64];
        let source = match self.plan.lean_until {
            None => Source::All,
            Some(_) => {
                // SAFETY: filled above, and only read from here on.
                alive = unsafe { self.alive.atomics((self.parameters.edge_count() / 64) as usize) };
                Source::Alive(alive)
            }
        };
        if until.is_reached(round, u64::MAX) {
            return Ok(Left::Bitmap);
        }
        let mut edges = mean.begin(hasher, &source, round)?;
        loop {
            on_event(Event::Round { round, alive: edges.alive });
            round += 1;
            if until.is_reached(round, edges.alive) {
                return Ok(Left::Records(edges.records(&pool)));
            }
            edges = mean.round(edges, round)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::marks::Rule;
    use crate::parameters::{Algorithm, Sip, Variant};
    use crate::plan::Layout;

    /// A solver with small buckets, in parts, so that small graphs go where otherwise only large do.
    fn bucketed(parameters: Parameters, threads: usize, parts: usize, slice_mark_bits: u32) -> Solver {
        let options = Options { threads: threads.try_into().unwrap(), ..Options::default() };
        let mut solver = Solver::new(parameters, &options).unwrap();
        solver.plan.layout = Layout::new(&parameters, threads, parts, parameters.edge_count(), slice_mark_bits);
        solver.pool = Region::new(8 * solver.plan.layout.pool_words).unwrap();
        solver.marks = Region::new(8 * solver.plan.layout.mark_words).unwrap();
        solver
    }

    fn lean(parameters: Parameters) -> Solver {
        Solver::new(parameters, &Options { algorithm: Algorithm::Lean, ..Options::default() }).unwrap()
    }

    #[test]
    fn neither_buckets_nor_parts_change_what_survives() {
        for variant in Variant::ALL {
            let parameters = Parameters::new(variant, Sip::TwoFour, 13, 8).unwrap();
            let keys = Keys([5, 6, 7, 8]);
            for rounds in [1, 2, 10] {
                let expected = lean(parameters).survivors(&keys, rounds, &Cancel::new()).unwrap();
                for (threads, parts, slice_mark_bits) in [(1, 1, 8), (2, 1, 9), (1, 2, 10), (3, 4, 20), (1, 8, 7)] {
                    if parts > 1 && !variant.is_bipartite() {
                        continue;
                    }
                    let mut solver = bucketed(parameters, threads, parts, slice_mark_bits);
                    assert!(solver.plan.layout.bucket_count >= 4 && Rule::of(variant).bits_log2() < 2);
                    let found = solver.survivors(&keys, rounds, &Cancel::new()).unwrap();
                    assert_eq!(found, expected, "{variant:?}, {rounds} rounds, {parts} parts, {slice_mark_bits}");
                }
            }
        }
    }

    #[test]
    fn a_search_ends_with_the_first_look_after_it_is_cancelled() {
        for (algorithm, variant) in [
            (Algorithm::Mean, Variant::Cuckatoo),
            (Algorithm::Mean, Variant::Cuckarooz),
            (Algorithm::Lean, Variant::Cuckaroo),
        ] {
            for threads in [1u64, 3] {
                // A graph with a proof, so that every step is done.
                let parameters = Parameters::new(variant, Sip::TwoFour, 14, 4).unwrap();
                let threads_of = NonZeroUsize::new(threads as usize).unwrap();
                let options = Options { algorithm, threads: threads_of, ..Options::default() };
                let mut solver = Solver::new(parameters, &options).unwrap();
                let mut keys = Keys([0, 1, 2, 3]);
                let (proofs, looks) = loop {
                    let counted = Cancel::after(u64::MAX);
                    let proofs = solver.solve(&keys, &counted, &mut |_| {}).unwrap();
                    if !proofs.is_empty() {
                        break (proofs, counted.looks());
                    }
                    keys.0[0] += 1;
                };
                assert!(looks > 50, "{looks} looks");
                for after in [1, 2, looks / 9, looks / 4, looks / 2, looks * 3 / 4, looks - 9] {
                    let cancel = Cancel::after(after);
                    let ended = solver.solve(&keys, &cancel, &mut |_| {});
                    assert_eq!(ended, Err(Error::Cancelled), "{variant:?}, look {after} of {looks}");
                    // Every thread looks once more at most.
                    assert!(cancel.looks() < after + threads, "{variant:?}: {} looks, {after}", cancel.looks());
                    assert_eq!(solver.solve(&keys, &Cancel::new(), &mut |_| {}).unwrap(), proofs);
                }
            }
        }
    }

    #[test]
    fn little_is_done_between_two_looks() {
        for (variant, edge_bits, threads) in every(&Variant::ALL, &[10, 19, 24, 29, 30, 32], &[1usize, 2, 8, 64]) {
            let parameters = Parameters::new(variant, Sip::TwoFour, edge_bits, 42).unwrap();
            for limit in [2u64 << 30, 8 << 30, 1 << 40] {
                let options =
                    Options { threads: threads.try_into().unwrap(), memory_limit: limit, ..Options::default() };
                if let Ok(plan) = Plan::new(&parameters, &options) {
                    // A block is read, or a bitmap of 128 KiB cleared, in some tens of microseconds.
                    assert!(plan.layout.block_size <= 32768 && plan.layout.slice_words <= 1 << 14, "{plan:?}");
                }
            }
        }
        // The last step has nothing but records; rounds of a graph have made few of them.
        let parameters = Parameters::new(Variant::Cuckaroo, Sip::TwoFour, 30, 42).unwrap();
        let mut record = 1u64;
        let records: Vec<u64> = std::iter::repeat_with(|| {
            record = record.wrapping_mul(0xD134_2543_DE82_EF95).wrapping_add(1);
            record & 0x3FFF_FFFF_3FFF_FFFF
        })
        .take(1 << 18)
        .collect();
        let counted = Cancel::after(u64::MAX);
        trim_to_core(&parameters, &records, &counted).unwrap();
        assert!(counted.looks() > 32, "{} looks", counted.looks());
    }

    fn every(
        variants: &[Variant],
        edge_bits: &[u32],
        threads: &[usize],
    ) -> impl Iterator<Item = (Variant, u32, usize)> {
        let pairs = variants.iter().flat_map(|&variant| edge_bits.iter().map(move |&bits| (variant, bits)));
        pairs.flat_map(move |(variant, bits)| threads.iter().map(move |&threads| (variant, bits, threads)))
    }

    #[test]
    fn too_small_a_pool_is_an_error_and_not_a_wrong_answer() {
        let parameters = Parameters::new(Variant::Cuckaroo, Sip::TwoFour, 14, 8).unwrap();
        let mut solver = bucketed(parameters, 1, 1, 10);
        let words = solver.plan.layout.pool_words / 2;
        solver.pool = Region::new(8 * words).unwrap();
        let keys = Keys([5, 6, 7, 8]);
        assert_eq!(solver.trim(&keys, 3, &Cancel::new(), &mut |_| {}), Err(Error::Crowded));
        assert_eq!(solver.trim(&keys, 3, &Cancel::new(), &mut |_| {}), Err(Error::Crowded));
    }
}
