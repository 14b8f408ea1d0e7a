//! Nested counters and the addresses that follow them.

use std::sync::Arc;

use myelin_hdl::{Module, ModuleBuilder, Signal, module, tree_reduce, u};
use myelin_rtl::prim::loop_nest::{LoopNest, by, follow_bases, loop_nest};

use crate::proof::{Method, Mutant, Proof};
use crate::watch::{frozen, implies};

const LEVELS: [&str; 3] = ["inner", "middle", "outer"];
const COUNT_WIDTH: u32 = 2;
const ADDRESS_WIDTH: u32 = 5;

/// That what the nest knows ahead is so while it is walked.
pub(super) fn ahead(m: &ModuleBuilder, nest: &LoopNest, counts: &[Signal], walking: Signal) {
    let mut all = m.constant(u(1), 1);
    for (level, name) in nest.names.iter().enumerate() {
        let inner_last = implies(walking, nest.inner_last[level].eq(all));
        m.assert(&format!("all_inside_{name}_are_last_as_known"), inner_last);
        let less_2 = nest.count_less_2[level].eq(counts[level].wrapping_sub(2));
        m.assert(&format!("{name}_count_less_2_is_known"), implies(walking, less_2));
        let first = nest.first[level].eq(nest.index[level].eq(0));
        m.assert(&format!("{name}_first_is_index_0"), first);
        all = all & nest.last[level];
    }
    m.assert("all_are_last_as_known", implies(walking, nest.all_last.eq(all)));
}

/// A nest of three levels and an address, with free counts, steps and start that keep still.
fn watched() -> Arc<Module> {
    module("loop_nest_proof", |m| {
        m.doc("Nested counters and an address, with what watches them.");
        let load = m.input("load_i", u(1));
        let go = m.input("step_i", u(1));
        let start = frozen(m, "start", m.input("start_i", u(ADDRESS_WIDTH)));
        let counts = LEVELS.map(|level| {
            let count = m.input(&format!("{level}_count_i"), u(COUNT_WIDTH));
            m.assume(&format!("{level}_count_is_at_least_1"), count.any());
            frozen(m, &format!("{level}_count"), count)
        });
        let steps = LEVELS
            .map(|level| frozen(m, &format!("{level}_step"), m.input(&format!("{level}_step_i"), u(ADDRESS_WIDTH))));

        let levels: Vec<(&str, Signal)> = LEVELS.into_iter().zip(counts).collect();
        let nest = loop_nest(m, "walk", &levels, go);
        let bases = follow_bases(m, "address", u(ADDRESS_WIDTH), (load, start), &nest, &steps.map(by));

        // From a load to the end of the walk.
        let walking = m.register("walking_q", u(1)).reset(0);
        let done = (go & nest.all_last).named("done");
        walking.next(myelin_hdl::choose(walking.q).when(load, 1).when(done, 0).end());
        m.assume("loads_only_between_walks", implies(load, !walking.q));
        m.assume("steps_only_in_a_walk", implies(go, walking.q));

        // Iterations since the load, and what nested loops would have done by then.
        let taken = m.register("taken_q", u(8)).reset(0);
        taken.next(myelin_hdl::choose(taken.q).when(load, 0).when(go, taken.q.wrapping_add(1)).end());
        let [inner, middle, outer] = [0, 1, 2].map(|level| nest.index[level]);
        let position = (inner + counts[0] * (middle + counts[1] * outer)).named("position");
        let total = (counts[0] * counts[1] * counts[2]).named("total");
        for (level, name) in LEVELS.into_iter().enumerate() {
            m.assert(&format!("{name}_index_is_below_its_count"), nest.index[level].lt(counts[level]));
            let last = (nest.index[level] + 1).eq(counts[level]);
            m.assert(&format!("{name}_last_is_the_last_index"), implies(walking.q, nest.last[level].eq(last)));
        }
        ahead(m, &nest, &counts, walking.q);
        let moving: Vec<Signal> = nest.advance.clone();
        let moves = tree_reduce(&moving, |a, b| a | b);
        m.assert("a_step_that_is_not_the_last_moves_one_level", implies(go & !nest.all_last, moves));
        m.assert("every_iteration_comes_in_the_order_of_nested_loops", implies(walking.q, taken.q.eq(position)));
        m.assert("the_walk_ends_after_all_iterations", implies(done, (taken.q + 1).eq(total)));
        m.assert("between_walks_the_nest_is_at_its_start", implies(!walking.q, position.eq(0)));
        // Base k has moved by the levels from k on.
        for (level, name) in LEVELS.into_iter().enumerate() {
            let moved = (level..LEVELS.len())
                .fold(start, |address, level| address.wrapping_add(nest.index[level] * steps[level]));
            m.assert(
                &format!("{name}_base_is_start_plus_steps_times_indices"),
                implies(walking.q, bases[level].eq(moved)),
            );
        }
        m.cover("a_walk_of_several_levels_ends", done & total.eq(12) & counts[1].eq(2) & counts[0].eq(2));
        m.cover("a_second_walk_begins", load & taken.q.any());
    })
}

pub(super) fn proofs() -> Vec<Proof> {
    vec![Proof {
        name: "loop_nest",
        subject: "nest of 3 counters of 2 bits with an address of 5 bits",
        build: watched,
        method: Method::Induction { base: 3, steps: 1 },
        reach_steps: 16,
        proved: "a walk visits every combination of indices once, in the order of nested loops, and ends after the \
                 product of the counts; the address is always start + sum of index x step, modulo its width; the nest \
                 is at its start again when a walk ends",
        assumed: "counts at least 1; counts, steps and start stable; a load only between walks, steps only in one",
        holes: "three levels and these widths stand for all (the text is the same for each level)",
        mutants: &[
            Mutant {
                bug: "the middle level restarts its base from the start of the walk",
                from: "address_middle_q <= ",
                to: "address_middle_q <= walk_middle_advance ? start_i : ",
            },
            Mutant {
                bug: "the outer level moves at every end of the inner one",
                from: "wire walk_outer_would_advance = ",
                to: "wire walk_outer_would_advance = walk_inner_last_q | ",
            },
        ],
    }]
}
