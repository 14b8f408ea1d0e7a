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
    /// Level k is the one that the next step moves on; none is if all are in their last iteration.
    pub would_advance: Vec<Signal>,
    /// Level k or one outside of it moves on this cycle.
    pub moves: Vec<Signal>,
    /// Level k is in its last iteration.
    pub last: Vec<Signal>,
    /// Level k is in its first iteration.
    pub first: Vec<Signal>,
    /// All levels inside level k are in their last iteration.
    pub inner_last: Vec<Signal>,
    /// All levels are in their last iteration.
    pub all_last: Signal,
    /// Iteration of level k, from 0.
    pub index: Vec<Signal>,
    /// Count of level k less 2, modulo its width, a cycle late.
    pub count_less_2: Vec<Signal>,
}

/// Builds the counters. `levels` gives name and count (at least 1; unsigned) of each level, innermost first.
///
/// The counters restart at 0 by themselves after the last iteration of all levels, so a nest that
/// has run to its end is ready for the next. Counts must be stable while it runs, and in the cycle before its
/// first step: whether a level is in its last iteration, and all within it, are registers, so that a step
/// moves what follows the nest through few gates, however many levels there are.
pub fn loop_nest(m: &ModuleBuilder, name: &str, levels: &[(&str, Signal)], step: Signal) -> LoopNest {
    let one = m.constant(u(1), 1);
    let all_last = m.register(&format!("{name}_all_last_q"), u(1)).reset(0);
    let mut nest = LoopNest {
        names: vec![],
        advance: vec![],
        would_advance: vec![],
        moves: vec![],
        last: vec![],
        first: vec![],
        inner_last: vec![],
        all_last: all_last.q,
        index: vec![],
        count_less_2: vec![],
    };
    // Every inner level is in its last iteration: now, and in the next cycle with a step and without. The step comes late.
    let (mut inner_last, mut with_step, mut without) = (one, one, one);
    for (number, &(level, count)) in levels.iter().enumerate() {
        let register = |what: &str, width: u32| m.register(&format!("{name}_{level}_{what}"), u(width));
        let index = register("q", count.width()).reset(0);
        let last = register("last_q", 1).reset(0);
        let first = register("first_q", 1).reset(1);
        if number > 0 {
            let inner_last_q = register("inner_last_q", 1).reset(0);
            inner_last_q.next(mux(step, with_step, without));
            inner_last = inner_last_q.q;
        }
        let carry = (step & inner_last).named(&format!("{name}_{level}_carry"));
        let would_advance = (inner_last & !last.q).named(&format!("{name}_{level}_would_advance"));
        index.next_when(carry, choose(index.q.wrapping_add(1)).when(last.q, 0).end());
        first.next_when(carry, last.q);
        // Where it stays it is as it was, and at the beginning as the count says, which may have changed.
        let single = count.eq(1).named(&format!("{name}_{level}_is_single"));
        let less_2 = m.delay(&format!("{name}_{level}_count_less_2_q"), count.wrapping_sub(2));
        let moved = mux(last.q, single, index.q.eq(less_2));
        let stays = mux(first.q, single, last.q);
        let stepped = mux(inner_last, moved, stays);
        last.next(mux(step, stepped, stays));
        (with_step, without) = (with_step & stepped, without & stays);
        nest.names.push(level.to_owned());
        nest.advance.push((step & would_advance).named(&format!("{name}_{level}_advance")));
        nest.would_advance.push(would_advance);
        nest.moves.push((carry & !all_last.q).named(&format!("{name}_{level}_moves")));
        nest.last.push(last.q);
        nest.first.push(first.q);
        nest.inner_last.push(inner_last);
        nest.index.push(index.q);
        nest.count_less_2.push(less_2);
    }
    all_last.next(mux(step, with_step, without));
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
/// After the last iteration of all levels it stays where it is, until the next `load`, which may last from one walk to the next.
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
    // Which level moves does not wait for the step.
    let moved: Vec<Signal> = (bases.iter().zip(steps).zip(&nest.would_advance))
        .map(|((base, step), &would_advance)| {
            let moved = match *step {
                Step::None => base.q,
                Step::By(step) => base.q.wrapping_add(step),
            };
            mux(would_advance, moved, m.constant(ty, 0))
        })
        .collect();
    for (level, base) in bases.iter().enumerate() {
        let moved = tree_reduce(&moved[level..], |a, b| a | b);
        base.next_when(load | nest.moves[level], mux(load, start, moved));
    }
    bases.iter().map(|base| base.q).collect()
}
