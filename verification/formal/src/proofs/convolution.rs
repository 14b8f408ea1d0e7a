//! The address generator of convolutions: the array unit's walk, at small widths.

use std::sync::Arc;

use myelin_hdl::{Module, Signal, choose, module, s, u};
use myelin_rtl::tensor::walk::{self, LEVELS, Start, Steps, walk};

use crate::proof::{Method, Mutant, Proof};
use crate::watch::{frozen, implies};

/// Rows of the array: lanes read at once.
const ROWS: u32 = 4;
/// Bits of a lane address, of a lane position, and of a row number.
const ADDRESS: u32 = 6;
const X: u32 = ADDRESS + 2;
const Y: u32 = ADDRESS;
/// Bits of a count.
const COUNT: u32 = 2;

/// The walk over a map of any size at any place, with descriptors that describe that map.
///
/// `pitch` is constant in each proof: rows and columns of the map stay free, but a product of two
/// free values (row number and pitch) does not finish.
fn watched(pitch: i64) -> Arc<Module> {
    module("convolution_proof", |m| {
        m.doc("Address generator of convolutions with what watches it.");
        let load = m.input("load_i", u(1));
        let issue = m.input("issue_i", u(1));
        let free = |name: &str, ty| frozen(m, name, m.input(&format!("{name}_i"), ty));
        let counts = LEVELS.map(|level| {
            let count = free(&format!("{level}_count"), u(COUNT));
            m.assume(&format!("{level}_count_is_at_least_1"), count.any());
            count
        });

        // The map: `map_rows` rows of `pitch` lanes from `base` on, all of it inside the scratchpad.
        let base = free("base", u(ADDRESS));
        let map_rows = free("map_rows", u(3));
        let map_lanes = (map_rows * pitch).named("map_lanes");
        m.assume("the_map_is_inside_the_scratchpad", (base + map_lanes).le(1i64 << ADDRESS));

        // The descriptor: a row's address is its number times the pitch from the base on.
        let address_of_rows = |rows: Signal| (rows * pitch).truncate(ADDRESS).cast(u(ADDRESS));
        let (row_step, kernel_row_step) = (free("row_step", s(Y)), free("kernel_row_step", s(Y)));
        let (x_start, y_start) = (free("x_start", s(X)), free("y_start", s(Y)));
        let steps = Steps {
            column: free("column_step", s(X)),
            kernel_column: free("kernel_column_step", s(X)),
            row_address: address_of_rows(row_step),
            kernel_row_address: address_of_rows(kernel_row_step),
            row: row_step,
            kernel_row: kernel_row_step,
        };
        let start = Start { load, row_address: base.wrapping_add(address_of_rows(y_start)), x: x_start, y: y_start };
        // Chunks cover the run: the last one has at least one lane of it.
        let run = free("run", u(5));
        let chunks_before_last = (counts[2] - 1) * i64::from(ROWS);
        m.assume("chunks_cover_the_run", run.gt(chunks_before_last) & run.le(chunks_before_last + i64::from(ROWS)));

        let position = walk(m, ROWS, counts, issue, &start, &steps, run);
        let walking = m.register("walking_q", u(1)).reset(0);
        let done = issue & position.nest.all_last;
        walking.next(choose(walking.q).when(load, 1).when(done, 0).end());
        m.assume("loads_only_between_walks", implies(load, !walking.q));
        m.assume("moves_only_in_a_walk", implies(issue, walking.q));

        super::loop_nest::ahead(m, &position.nest, &counts, walking.q);
        // What ties the registers together, level by level.
        let index = &position.nest.index;
        // Level by level: index k times the step of level k.
        let zero = m.constant(u(1), 0);
        let x_moves = [steps.column, zero, m.constant(u(3), ROWS.into()), steps.kernel_column, zero];
        let y_moves = [zero, steps.row, zero, zero, steps.kernel_row];
        for (level, name) in LEVELS.into_iter().enumerate() {
            let moved = |start: Signal, moves: &[Signal; 5]| {
                (level..LEVELS.len()).fold(start, |at, level| at.wrapping_add(index[level] * moves[level]))
            };
            m.assert(
                &format!("{name}_x_is_start_plus_steps_times_indices"),
                implies(walking.q, position.x[level].eq(moved(x_start, &x_moves))),
            );
            m.assert(
                &format!("{name}_y_is_start_plus_steps_times_indices"),
                implies(walking.q, position.y[level].eq(moved(y_start, &y_moves))),
            );
            m.assert(&format!("{name}_index_is_below_its_count"), index[level].lt(counts[level]));
            let last = (index[level] + 1).eq(counts[level]);
            m.assert(&format!("{name}_last_is_the_last_index"), implies(walking.q, position.nest.last[level].eq(last)));
            let row_address = base.wrapping_add(address_of_rows(position.y[level]));
            m.assert(
                &format!("{name}_row_address_is_that_of_row_y"),
                implies(walking.q, position.row_address[level].eq(row_address)),
            );
        }
        m.assert(
            "between_walks_the_nest_is_at_its_start",
            walking.q | !index.iter().fold(m.constant(u(1), 0), |any, index| any | index.any()),
        );
        let lanes_before = index[2] * i64::from(ROWS);
        m.assert(
            "run_left_is_what_the_chunks_before_leave",
            implies(walking.q, position.run_left.eq(run - lanes_before)),
        );

        // What it is for.
        let (x, y) = (position.x[0], position.y[0]);
        let row_inside = walk::row_inside(y, map_rows);
        let x_limit = m.constant(u(ADDRESS + 1), pitch);
        let ends = walk::lane_ends(x, x_limit, position.run_left).map(|(_, end)| end);
        let (low, high) = walk::lane_window(ROWS, ends, row_inside);
        let address = position.row_address[0].wrapping_add(x.truncate(ADDRESS).cast_unsigned()).named("address");
        for lane in 0..i64::from(ROWS) {
            let counts_now = (low.le(lane) & high.gt(lane)).named(&format!("lane_{lane}_counts"));
            let at = x + lane;
            let in_map = at.ge(0) & at.lt(pitch) & y.ge(0) & y.lt(map_rows);
            let in_run = position.run_left.gt(lane);
            m.assert(
                &format!("lane_{lane}_counts_exactly_inside_map_and_run"),
                implies(walking.q, counts_now.eq(in_map & in_run)),
            );
            // Where the scratchpad reads this lane, wrapping at its end as it does.
            let read = address.wrapping_add(lane);
            m.assert(
                &format!("lane_{lane}_is_read_inside_the_map"),
                implies(walking.q & counts_now, read.ge(base) & read.lt(base + map_lanes)),
            );
            m.assert(
                &format!("lane_{lane}_is_the_element_of_its_row_and_position"),
                implies(walking.q & counts_now, read.eq(base + y * pitch + at)),
            );
        }
        m.cover("all_lanes_count", walking.q & low.eq(0) & high.eq(i64::from(ROWS)));
        m.cover("a_stretch_begins_in_the_padding", walking.q & row_inside & low.gt(0) & high.gt(low));
        m.cover("a_row_is_in_the_padding", walking.q & y.lt(0) & low.eq(0));
        m.cover("a_run_ends_within_a_stretch", walking.q & row_inside & position.run_left.lt(3) & high.gt(0));
        m.cover("a_walk_over_kernel_rows_and_columns_ends", done & index[3].any() & index[4].any());
        m.cover("a_second_chunk_is_read_on_a_second_row", walking.q & index[1].any() & index[2].any());
    })
}

const PROVED: &str = "every lane that counts is read inside the map, and is the element of its row and position; every \
                      lane of the run inside the map counts, and no other (padding, beyond the run)";
const ASSUMED: &str = "the descriptor describes the map: row address = base + row x pitch, row address steps = row steps \
                       x pitch, chunks = run / rows rounded up, the map lies in the scratchpad; counts at least 1; \
                       descriptor stable during a walk";
const HOLES: &str = "small widths (6-bit addresses, counts up to 3, 4 array rows) and these pitches stand for all; the \
                     registers between walk and mask in the array unit are simulated only; that descriptors describe \
                     their maps is the compiler's to show";

const MUTANTS: &[Mutant] = &[
    Mutant {
        bug: "the run goes on into the next tap",
        from: "wire run_restarts = ",
        to: "wire run_restarts = load_i & ",
    },
    Mutant { bug: "rows above the map count", from: "wire row_inside = ", to: "wire row_inside = y_column_q[5] | " },
    Mutant { bug: "the left padding counts", from: "wire [5:0] row_begins = ", to: "wire [5:0] row_begins = 6'd0 & " },
    Mutant { bug: "the right padding counts", from: "wire [5:0] row_ends = ", to: "wire [5:0] row_ends = 6'd4 | " },
    Mutant { bug: "lanes beyond the run count", from: "wire [5:0] run_ends = ", to: "wire [5:0] run_ends = 6'd4 | " },
    Mutant {
        bug: "the next output row begins where the last one ended",
        from: " row_address_column_q <= ",
        to: " if (!walk_row_advance) row_address_column_q <= ",
    },
];

pub(super) fn proofs() -> Vec<Proof> {
    let proof = |name, subject, build| Proof {
        name,
        subject,
        build,
        method: Method::Induction { base: 3, steps: 1 },
        reach_steps: 8,
        proved: PROVED,
        assumed: ASSUMED,
        holes: HOLES,
        mutants: MUTANTS,
    };
    vec![
        proof("convolution_5", "address generator of convolutions, maps of 5 lanes a row", || watched(5)),
        proof("convolution_8", "address generator of convolutions, maps of 8 lanes a row", || watched(8)),
    ]
}
