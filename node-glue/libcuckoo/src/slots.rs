//! One solver for each thread number of the caller.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use myelin_cuckoo::{Cancel, Error, Event, Keys, Solver};
use myelin_golden::cuckoo as golden;

use crate::PROOF_SIZE;
use crate::config::{Settings, complain};

static SLOTS: RwLock<Vec<Arc<Slot>>> = RwLock::new(Vec::new());

/// A thread number's solver, and what it has found last.
struct Slot {
    settings: Settings,
    cancel: Cancel,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Made by the first call, so that memory is taken only where it is used.
    solver: Option<Solver>,
    found: Vec<[u32; PROOF_SIZE]>,
}

/// Makes so many; those before end.
pub fn set(count: u32, settings: &Settings) {
    let slot = |_| Arc::new(Slot { settings: settings.clone(), cancel: Cancel::new(), state: Mutex::default() });
    replace((0..count).map(slot).collect());
}

/// Ends all.
pub fn clear() {
    replace(Vec::new());
}

fn replace(slots: Vec<Arc<Slot>>) {
    let before = std::mem::replace(&mut *SLOTS.write().unwrap_or_else(PoisonError::into_inner), slots);
    for slot in before {
        slot.cancel.cancel();
    }
}

fn slot(thread: u32) -> Option<Arc<Slot>> {
    SLOTS.read().unwrap_or_else(PoisonError::into_inner).get(thread as usize).cloned()
}

/// Solves a header's graph; how many edges could be on a cycle.
pub fn solve(thread: u32, header: &[u8]) -> Option<u64> {
    let slot = slot(thread)?;
    let mut state = slot.state.lock().unwrap_or_else(PoisonError::into_inner);
    state.found.clear();
    match slot.solve(&mut state, header) {
        Ok(edges) => Some(edges),
        Err(Error::Cancelled) => None,
        Err(error) => {
            complain(&error.to_string());
            None
        }
    }
}

/// What the last call of [`solve`] has found.
pub fn found(thread: u32) -> Vec<[u32; PROOF_SIZE]> {
    slot(thread).map_or(Vec::new(), |slot| slot.state.lock().unwrap_or_else(PoisonError::into_inner).found.clone())
}

impl Slot {
    fn solve(&self, state: &mut State, header: &[u8]) -> Result<u64, Error> {
        // Taken out, so that a panic inside leaves none in an unknown state behind.
        let mut solver = match state.solver.take() {
            Some(solver) => solver,
            None => Solver::new(self.settings.parameters(), &self.settings.options)?,
        };
        let mut core = 0;
        let proofs = solver.solve(&Keys::of_header(header), &self.cancel, &mut |event| {
            if let Event::Core { edges } = event {
                core = edges;
            }
        });
        state.solver = Some(solver);
        for proof in proofs? {
            if !self.is_valid(header, &proof) {
                return Err(Error::Miscomputed);
            }
            let words: Vec<u32> = proof.iter().filter_map(|&edge| u32::try_from(edge).ok()).collect();
            state.found.push(words.try_into().expect("invariant: a valid proof has 42 edges of at most 32 bits"));
        }
        Ok(core)
    }

    fn is_valid(&self, header: &[u8], proof: &[u64]) -> bool {
        let edge_bits = golden::EdgeBits::new(self.settings.edge_bits);
        let edge_bits = edge_bits.expect("invariant: golden's range is wider than the solver's");
        let keys = golden::Keys::of_header(header);
        let graph = golden::Graph::new(golden::Variant::Cuckaroo, golden::Sip::FourEight, edge_bits, keys);
        golden::verify(&graph, golden::ProofSize::MAIN, proof).is_valid()
    }
}
