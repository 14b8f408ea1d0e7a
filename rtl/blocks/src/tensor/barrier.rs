//! Barrier between cells: counts who has arrived, and lets all pass when everyone has.
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `arrive_<k>_i` | 1 | cell k arrives |
//! | `clear_i` | 1 | forget all arrivals (a run starts) |
//! | `barrier_o` | 1 | every cell has arrived once more: a barrier token for each |
//!
//! **Timing.** `barrier_o` is high [`LATENCY`] cycles after the last arrival; one barrier a cycle.
//!
//! **Numbers.** A cell may arrive [`ARRIVALS_MAX`] times before the slowest arrives; an arrival beyond is
//! lost. A cell that meets at each barrier before it stores for the next is never that far ahead.

use std::sync::Arc;

use myelin_hdl::{Module, ModuleBuilder, Signal, choose, module, tree_reduce, u};

use crate::prim::bundle;

/// Cycles from the last arrival to the token.
pub const LATENCY: usize = 2;
/// Most arrivals of a cell that others have not met.
pub const ARRIVALS_MAX: i64 = 15;

/// Builds the barrier of so many cells.
pub fn barrier(cells: u32) -> Arc<Module> {
    module(format!("barrier_{cells}"), |m| {
        m.doc("Barrier: a counter of arrivals for each cell; all pass when none is 0.");
        declare(m, cells);
    })
}

/// What is inside, for a module that watches it.
pub struct Inside {
    /// A cell arrives.
    pub arrive: Vec<Signal>,
    /// Forgets all.
    pub clear: Signal,
    /// Arrivals that no barrier has answered, of each cell.
    pub counts: Vec<Signal>,
    /// All pass.
    pub passed: Signal,
}

/// The barrier and all ports in the open module `m`: [`barrier`] and its proof share it.
pub fn declare(m: &ModuleBuilder, cells: u32) -> Inside {
    let arrive = bundle::inputs(m, "arrive", cells as usize, u(1));
    let clear = m.input("clear_i", u(1));
    let counts: Vec<_> = (0..cells).map(|cell| m.register(&format!("arrivals_{cell}_q"), u(4)).reset(0)).collect();
    let there: Vec<Signal> = counts.iter().map(|count| count.q.any()).collect();
    let all = tree_reduce(&there, |a, b| a & b).named("all");
    for (count, &arrives) in counts.iter().zip(&arrive) {
        let counted = arrives & (all | count.q.ne(ARRIVALS_MAX));
        count.next(choose(count.q.wrapping_add(counted).wrapping_sub(all)).when(clear, 0).end());
    }
    let passed = m.register("passed_q", u(1)).reset(0);
    passed.next(all & !clear);
    m.output("barrier_o", passed.q);
    let counts = counts.iter().map(|count| count.q).collect();
    Inside { arrive, clear, counts, passed: passed.q }
}
