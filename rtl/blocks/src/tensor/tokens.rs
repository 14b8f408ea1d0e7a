//! Dependency tokens: a counter for each ordered pair of units.
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `wait_<u>_i` | 4 | units from which the instruction at the head of unit u's queue takes a token |
//! | `ready_<u>_o` | 1 | all those tokens are there |
//! | `take_<u>_i` | 1 | the instruction starts: take them |
//! | `give_<u>_i` | 4 | an instruction of unit u is complete: units that get a token |
//!
//! **Timing.** A token given in cycle 0 can be taken from cycle 1 on.
//!
//! **Numbers.** Up to [`TOKENS_MAX`] tokens may be outstanding for a pair; the compiler keeps below.

use std::sync::Arc;

use myelin_hdl::{Module, ModuleBuilder, Signal, module, tree_reduce, u};
use myelin_isa::Unit;

use crate::prim::bundle;

/// Most tokens outstanding for one pair of units.
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
    let mut counts: Vec<Vec<Signal>> = vec![Vec::new(); units];
    let mut ready: Vec<Vec<Signal>> = vec![Vec::new(); units];
    for (from, &give) in give.iter().enumerate() {
        for to in 0..units {
            let count = m.register(&format!("count_{from}_{to}_q"), u(4)).reset(0);
            let given = give.bit(to as u32);
            let wanted = wait[to].bit(from as u32);
            let taken = take[to] & wanted;
            count.next(count.q.wrapping_add(given).wrapping_sub(taken));
            ready[to].push(!wanted | count.q.any());
            m.assert(&format!("token_{from}_{to}_is_there_when_taken"), !taken | count.q.any());
            m.assert(&format!("token_{from}_{to}_is_not_lost"), !given | taken | count.q.ne(TOKENS_MAX));
            counts[from].push(count.q);
        }
    }
    let ready: Vec<Signal> = (ready.iter().enumerate())
        .map(|(unit, all)| tree_reduce(all, |a, b| a & b).named(&format!("ready_{unit}")))
        .collect();
    bundle::outputs(m, "ready", &ready);
    Inside { wait, take, give, ready, counts }
}

/// What is inside, for a module that watches it.
pub struct Inside {
    /// Units from which each unit's instruction awaits a token.
    pub wait: Vec<Signal>,
    /// Each unit's instruction starts.
    pub take: Vec<Signal>,
    /// Units to which each unit gives a token.
    pub give: Vec<Signal>,
    /// All tokens each unit awaits are there.
    pub ready: Vec<Signal>,
    /// Tokens from unit (first index) to unit (second index).
    pub counts: Vec<Vec<Signal>>,
}
