//! Nested counters and the addresses that follow them.
//!
//! A nest of loops, level 0 innermost, steps once per enabled cycle. Addresses need no multiplier:
//! each keeps one base per level, and when a level advances its base moves by that level's step and
//! all bases inside restart from it.

use myelin_hdl::{ModuleBuilder, Operand, Signal, Ty, choose, mux, tree_reduce, u};

/// The control of a nest.
pub struct LoopNest {
    /// Name of level k.
    pub names: Vec<String>,
    /// Level k moves on this cycle (at most one level does).
    pub advance: Vec<Signal>,
    /// Level k is in its last iteration.
    pub last: Vec<Signal>,
    /// Level k is in its first iteration.
    pub first: Vec<Signal>,
    /// All levels are in their last iteration.
    pub all_last: Signal,
    /// Iteration of level k, from 0.
    pub index: Vec<Signal>,
}

/// Builds the counters. `levels` gives name and count (at least 1; unsigned) of each level, innermost first.
///
/// The counters restart at 0 by themselves after the last iteration of all levels, so a nest that
/// has run to its end is ready for the next. Counts must be stable while it runs, and in the cycle before its
/// first step: whether a level is in its last iteration is a register.
pub fn loop_nest(m: &ModuleBuilder, name: &str, levels: &[(&str, Signal)], step: Signal) -> LoopNest {
    let mut nest =
        LoopNest { names: vec![], advance: vec![], last: vec![], first: vec![], all_last: step, index: vec![] };
    // `step` and every inner level in its last iteration.
    let mut carry = step;
    let mut last_so_far: Vec<Signal> = Vec::new();
    for &(level, count) in levels {
        let index = m.register(&format!("{name}_{level}_q"), u(count.width())).reset(0);
        let last_q = m.register(&format!("{name}_{level}_last_q"), u(1)).reset(0);
        let last = last_q.q;
        let advance = (carry & !last).named(&format!("{name}_{level}_advance"));
        index.next_when(carry, choose(index.q.wrapping_add(1)).when(last, 0).end());
        // `carry` comes late: both answers wait for it.
        let moved = mux(last, count.eq(1), (index.q + 2).eq(count));
        last_q.next(mux(carry, moved, (index.q + 1).eq(count)));
        carry = carry & last;
        last_so_far.push(last);
        nest.names.push(level.to_owned());
        nest.advance.push(advance);
        nest.last.push(last);
        nest.first.push(index.q.eq(0));
        nest.index.push(index.q);
    }
    nest.all_last = tree_reduce(&last_so_far, |a, b| a & b).named(&format!("{name}_all_last"));
    nest
}

/// How an address moves when a level advances.
#[derive(Clone, Copy)]
pub enum Step {
    /// Not at all.
    None,
    /// By a constant or a signal.
    By(Operand),
}

/// Shorthand for [`Step::By`].
pub fn by(step: impl Into<Operand>) -> Step {
    Step::By(step.into())
}

/// An address that follows a nest: `start` at `load`, then moved by each level's step, modulo 2^width.
///
/// After the last iteration of all levels it stays where it is, until the next `load`.
pub fn follow(
    m: &ModuleBuilder,
    name: &str,
    ty: Ty,
    from: (Signal, Signal),
    nest: &LoopNest,
    steps: &[Step],
) -> Signal {
    follow_bases(m, name, ty, from, nest, steps)[0].named(name)
}

/// [`follow`] with the base of every level, innermost first: the first one is the address, base k is
/// the address at which the levels inside level k began. Given as `(load, start)`.
pub fn follow_bases(
    m: &ModuleBuilder,
    name: &str,
    ty: Ty,
    (load, start): (Signal, Signal),
    nest: &LoopNest,
    steps: &[Step],
) -> Vec<Signal> {
    assert_eq!(steps.len(), nest.advance.len(), "{name}: one step for each level");
    let bases: Vec<_> = nest.names.iter().map(|level| m.register(&format!("{name}_{level}_q"), ty)).collect();
    let moved: Vec<Signal> = (bases.iter().zip(steps))
        .map(|(base, step)| match *step {
            Step::None => base.q,
            Step::By(step) => base.q.wrapping_add(step),
        })
        .collect();
    for (level, base) in bases.iter().enumerate() {
        let mut next = choose(base.q).when(load, start);
        for (&advance, &moved) in nest.advance.iter().zip(&moved).skip(level) {
            next = next.when(advance, moved);
        }
        base.next(next.end());
    }
    bases.iter().map(|base| base.q).collect()
}
