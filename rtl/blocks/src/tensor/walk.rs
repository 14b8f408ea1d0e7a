//! The walk of a convolution: which stretch of lanes each cycle reads, and which of them count.
//!
//! Part of the array unit, at any widths, so that it can be proved at small ones
//! (`verification/formal`): every lane that counts lies inside the map and is the element that
//! nested loops would read there; all others enter as zero.
//!
//! The loops are, innermost first: output column, output row, chunk of a run, kernel column, kernel
//! row ([`myelin_isa::array_descriptor`]).

use myelin_hdl::{ModuleBuilder, Signal, choose, mux, u};

use crate::prim::loop_nest::{LoopNest, Step, by, follow_bases, loop_nest};

/// Names of the levels, innermost first.
pub const LEVELS: [&str; 5] = ["column", "row", "chunk", "kernel_column", "kernel_row"];

/// Where a walk begins: taken at `load`, the last time in the cycle before the first move.
pub struct Start {
    /// Take the others: in the cycle before the walk, and any before that.
    pub load: Signal,
    /// Lane address of the first input row.
    pub row_address: Signal,
    /// Lane position in it, signed.
    pub x: Signal,
    /// Its number, signed.
    pub y: Signal,
}

/// How the position moves.
pub struct Steps {
    /// Lanes from output column to output column.
    pub column: Signal,
    /// Lanes from kernel column to kernel column.
    pub kernel_column: Signal,
    /// Lane addresses from output row to output row.
    pub row_address: Signal,
    /// Lane addresses from kernel row to kernel row.
    pub kernel_row_address: Signal,
    /// Input rows from output row to output row.
    pub row: Signal,
    /// Input rows from kernel row to kernel row.
    pub kernel_row: Signal,
}

/// The present position. Each is a base per level, the first of which is the position itself.
pub struct Walk {
    /// The loops.
    pub nest: LoopNest,
    /// Lane address of the input row.
    pub row_address: Vec<Signal>,
    /// Lane position in the row of array row 0.
    pub x: Vec<Signal>,
    /// Number of the input row.
    pub y: Vec<Signal>,
    /// Lanes of the run from array row 0 on.
    pub run_left: Signal,
}

/// Builds the walk of an array of `rows` rows over runs of `run` lanes; it moves where `issue` is 1.
/// Counts are at least 1, and with the steps they are stable while it runs.
pub fn walk(
    m: &ModuleBuilder,
    rows: u32,
    counts: [Signal; 5],
    issue: Signal,
    start: &Start,
    steps: &Steps,
    run: Signal,
) -> Walk {
    let rows = i64::from(rows);
    let levels: Vec<(&str, Signal)> = LEVELS.into_iter().zip(counts).collect();
    let nest = loop_nest(m, "walk", &levels, issue);
    let load = start.load;
    // Row address and position in the row are kept apart for the padding's sake.
    let row_steps = [Step::None, by(steps.row_address), Step::None, Step::None, by(steps.kernel_row_address)];
    let row_address =
        follow_bases(m, "row_address", start.row_address.ty(), (load, start.row_address), &nest, &row_steps);
    let x_steps = [by(steps.column), Step::None, by(rows), by(steps.kernel_column), Step::None];
    let x = follow_bases(m, "x", start.x.ty(), (load, start.x), &nest, &x_steps);
    let y_steps = [Step::None, by(steps.row), Step::None, Step::None, by(steps.kernel_row)];
    let y = follow_bases(m, "y", start.y.ty(), (load, start.y), &nest, &y_steps);
    let run_left = m.register("run_left_q", run.ty());
    let run_restarts = (nest.inner_last[3] | load).named("run_restarts");
    let next_chunk = issue & nest.inner_last[2];
    run_left.next_when(next_chunk | load, mux(run_restarts, run, run_left.q.wrapping_sub(rows)));
    Walk { nest, row_address, x, y, run_left: run_left.q }
}

/// Where the row begins, where it ends and where the run ends, in lanes from position `x` on, with their names.
pub fn lane_ends(x: Signal, x_limit: Signal, run_left: Signal) -> [(&'static str, Signal); 3] {
    [("row_begin", -x), ("row_end", x_limit - x), ("run_end", run_left)]
}

/// The lanes that count, `low` up to but without `high`: inside the row and the run, whose [`lane_ends`] are given.
pub fn lane_window(rows: u32, ends: [Signal; 3], row_inside: Signal) -> (Signal, Signal) {
    let limit = i64::from(rows);
    // At most 32 rows: six bits.
    let clamp = |value: Signal| {
        let low_bits = value.truncate(6.min(value.width())).cast_unsigned();
        let clamped = choose(low_bits).when(value.lt(0), 0).when(value.gt(limit), limit).end();
        clamped.truncate(6.min(clamped.width())).extend(u(6))
    };
    let [row_begins, row_ends, run_ends] = ends.map(clamp);
    let (row_begins, row_ends, run_ends) =
        (row_begins.named("row_begins"), row_ends.named("row_ends"), run_ends.named("run_ends"));
    let high = mux(row_ends.lt(run_ends), row_ends, run_ends);
    (row_begins, mux(row_inside, high, 0).extend(u(6)))
}

/// Whether a row lies in the map.
pub fn row_inside(y: Signal, y_limit: Signal) -> Signal {
    (y.ge(0) & y.lt(y_limit)).named("row_inside")
}
