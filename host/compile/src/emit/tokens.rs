//! Dependency tokens: as few as order every pair of conflicting instructions.

use super::assembler::Step;
use myelin_isa::{Unit, UnitSet};

/// For each unit, how many of its instructions are known to be complete.
type Clock = [u32; 4];

/// Tokens of one instruction.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tokens {
    pub wait: UnitSet,
    pub signal: UnitSet,
}

/// The tokens for a sequence of instructions.
///
/// An instruction waits for the last conflicting one of another unit, unless what it has waited for
/// already implies that one. Between two units the awaited instructions strictly follow each other,
/// so the k-th token given is the k-th taken; and since waits look back only, a program in this
/// order cannot deadlock and leaves no token over.
///
/// Few are ever outstanding: CONVs run at most two tiles ahead of their DRAINs because they wait for
/// the accumulator half, and the post unit runs ahead of the array only by what stands between two
/// DRAINs; loads come first and stores last, each ordered by one token.
pub(super) fn assign(steps: &[Step]) -> Vec<Tokens> {
    let mut tokens = vec![Tokens::default(); steps.len()];
    // Per unit: positions of its instructions; per instruction what was known when it completed.
    let mut history: [Vec<usize>; 4] = Default::default();
    let mut known: Vec<Clock> = Vec::with_capacity(steps.len());
    let mut clocks: [Clock; 4] = Default::default();
    for (position, step) in steps.iter().enumerate() {
        let unit = step.instruction.unit().expect("invariant: units execute all steps");
        for other in Unit::ALL.into_iter().filter(|&other| other != unit) {
            let earlier = &history[other as usize];
            // What is known to be complete need not be searched.
            let complete = clocks[unit as usize][other as usize] as usize;
            let conflict = earlier[complete..].iter().rev().find(|&&at| steps[at].conflicts(step));
            let Some(&at) = conflict else { continue };
            tokens[at].signal = tokens[at].signal.and(unit);
            tokens[position].wait = tokens[position].wait.and(other);
            let clock = &mut clocks[unit as usize];
            *clock = core::array::from_fn(|i| clock[i].max(known[at][i]));
        }
        clocks[unit as usize][unit as usize] += 1;
        history[unit as usize].push(position);
        known.push(clocks[unit as usize]);
    }
    tokens
}
