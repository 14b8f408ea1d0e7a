//! Dependency tokens: a counter for each ordered pair of units, and one for barriers passed.
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `wait_<u>_i` | 4 | units from which the instruction at the head of unit u's queue takes a token |
//! | `ready_<u>_o` | 1 | all those tokens are there |
//! | `take_<u>_i` | 1 | the instruction starts: take them |
//! | `give_<u>_i` | 4 | an instruction of unit u is complete: units that get a token |
//! | `meet_i` | 1 | the instruction at the head of the load unit's queue takes a barrier token besides |
//! | `barrier_i` | 1 | every cell has arrived: a barrier token |
//! | `clear_i` | 1 | forget all tokens |
//! | `meeting_o` | 1 | that instruction waits for a barrier token |
//! | `overflow_o` | 1 | a token is lost: more than [`TOKENS_MAX`] are outstanding |
//!
//! **Timing.** A token given in cycle 0 can be taken from cycle 1 on.
//!
//! **Numbers.** Up to [`TOKENS_MAX`] tokens may be outstanding for a pair, and of barriers; the compiler
//! keeps below.

use std::sync::Arc;

use myelin_hdl::{Module, ModuleBuilder, Signal, module, mux, tree_reduce, u};
use myelin_isa::Unit;

use crate::prim::bundle;

/// Most tokens outstanding for one pair of units, or of barriers.
pub const TOKENS_MAX: i64 = 15;

/// Builds the counters.
pub fn tokens() -> Arc<Module> {
    module("tokens", |m| {
        m.doc("Dependency tokens between the units: one counter for each ordered pair.");
        declare(m);
    })
}

/// The counters and all ports in the open module `m`: [`tokens`] and its proof share it.
pub fn declare(m: &ModuleBuilder) -> Inside {
    let units = Unit::ALL.len();
    let wait = bundle::inputs(m, "wait", units, u(4));
    let take = bundle::inputs(m, "take", units, u(1));
    let give = bundle::inputs(m, "give", units, u(4));
    let meet = m.input("meet_i", u(1));
    let barrier = m.input("barrier_i", u(1));
    let clear = m.input("clear_i", u(1));
    let (mut lost, mut promises) = (Vec::new(), Vec::new());
    let mut counts: Vec<Vec<Signal>> = vec![Vec::new(); units];
    let mut ready: Vec<Vec<Signal>> = vec![Vec::new(); units];
    for (from, &give) in give.iter().enumerate() {
        for to in 0..units {
            let count = m.register(&format!("count_{from}_{to}_q"), u(4)).reset(0);
            let given = give.bit(to as u32);
            let wanted = wait[to].bit(from as u32);
            let taken = take[to] & wanted;
            let left = mux(clear, 0, count.q.wrapping_add(given).wrapping_sub(taken));
            count.next(left);
            // Whether there is one is known a cycle ahead: who waits for it is the longest path of the cell.
            let some = m.register(&format!("some_{from}_{to}_q"), u(1)).reset(0);
            let many = count.q.gt(1);
            some.next(!clear & (given | many | some.q & !taken));
            promises.push((format!("some_{from}_{to}_is_a_count_above_0"), some.q.eq(count.q.any())));
            ready[to].push(!wanted | some.q);
            promises.push((format!("token_{from}_{to}_is_there_when_taken"), !taken | count.q.any()));
            lost.push(given & !taken & count.q.eq(TOKENS_MAX));
            counts[from].push(count.q);
        }
    }
    let load = Unit::Load as usize;
    let passed = m.register("barriers_passed_q", u(4)).reset(0);
    let meeting = (meet & !passed.q.any()).named("meeting");
    let met = take[load] & meet;
    let left = mux(clear, 0, passed.q.wrapping_add(barrier).wrapping_sub(met)).named("barriers_left");
    passed.next(left);
    ready[load].push(!meeting);
    m.assert("barrier_is_passed_when_taken", !met | passed.q.any());
    lost.push(barrier & !met & passed.q.eq(TOKENS_MAX));
    let ready: Vec<Signal> = (ready.iter().enumerate())
        .map(|(unit, all)| tree_reduce(all, |a, b| a & b).named(&format!("ready_{unit}")))
        .collect();
    bundle::outputs(m, "ready", &ready);
    m.output("meeting_o", meeting);
    let overflow = tree_reduce(&lost, |a, b| a | b);
    m.output("overflow_o", overflow);
    // A lost token ends the run: from then on counts mean nothing, until they are forgotten.
    let spoilt = m.register("spoilt_q", u(1)).reset(0);
    spoilt.next(!clear & (spoilt.q | overflow));
    for (name, promise) in promises {
        m.assert(&name, spoilt.q | promise);
    }
    Inside { wait, take, give, meet, barrier, clear, ready, counts, passed: passed.q, spoilt: spoilt.q }
}

/// What is inside, for a module that watches it.
pub struct Inside {
    /// Units from which each unit's instruction awaits a token.
    pub wait: Vec<Signal>,
    /// Each unit's instruction starts.
    pub take: Vec<Signal>,
    /// Units to which each unit gives a token.
    pub give: Vec<Signal>,
    /// The load unit's instruction takes a barrier token besides.
    pub meet: Signal,
    /// A barrier token is given.
    pub barrier: Signal,
    /// All tokens are forgotten.
    pub clear: Signal,
    /// All tokens each unit awaits are there.
    pub ready: Vec<Signal>,
    /// Tokens from unit (first index) to unit (second index).
    pub counts: Vec<Vec<Signal>>,
    /// Barrier tokens.
    pub passed: Signal,
    /// A token was lost since they were forgotten: counts mean nothing.
    pub spoilt: Signal,
}
