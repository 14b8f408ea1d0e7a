//! Scan: the edges alive of blocks, one after the other.
//!
//! ```text
//!            +-----------+
//!  block   ->| edge_scan |-> edge
//!            +-----------+
//! ```
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `block_valid_i`, `block_tag_i`, `block_alive_i`, `block_ready_o` | 1, `tag_width`, u64, 1 | blocks with an edge alive: a stream |
//! | `edge_valid_o`, `edge_tag_o`, `edge_position_o`, `edge_last_o`, `edge_ready_i` | 1, `tag_width`, 6, 1, 1 | edges in the order of their positions, and whether one is its block's last: a stream |
//! | `busy_o` | 1 | an edge is inside (reset: 0) |
//!
//! **Timing.** Latency [`LATENCY`], a block every second cycle at most, as [`super::edge_store`] gives them; an edge a
//! cycle where blocks have two or more: dead edges take no time. Whether a block is taken does not depend on the edge.
//!
//! **Cut.** The lowest bit of 64 in one cycle would be the longest path of a lane. So a block, which waits in a
//! register of its own until there is time to see which groups of eight have an edge alive, goes by those groups, then
//! by edges; each group has an edge, so that the stage behind never waits. The lowest group, and whether a group's
//! edge is not its last, are found a cycle before they are asked for.

use std::sync::Arc;

use myelin_hdl::{Module, ModuleBuilder, Signal, choose, concat, module, mux, tree_reduce, u};

/// Cycles from a block taken to its first edge offered.
pub const LATENCY: usize = 4;

/// Bits of a group.
const GROUP: u32 = 8;

/// Builds the scan.
pub fn edge_scan(tag_width: u32) -> Arc<Module> {
    let (group, tag) = (u(GROUP), u(tag_width));
    module(format!("edge_scan_{tag_width}"), |m| {
        m.doc("Edges alive of blocks, one after the other.");
        let block_valid = m.input("block_valid_i", u(1));
        let block_tag = m.input("block_tag_i", tag);
        let block_alive = m.input("block_alive_i", u(64));
        let edge_ready = m.input("edge_ready_i", u(1));
        let valid = |name: &str| m.register(name, u(1)).reset(0);

        let held = |name: &str, when: Signal, value: Signal| {
            let register = m.register(name, value.ty());
            register.next_when(when, value);
            register.q
        };

        // The stages: a block that waits, one that goes by groups, a group of it, an edge of that.
        let waiting = valid("waiting_valid_q");
        let block = valid("block_valid_q");
        let groups = m.register("groups_q", group);
        let first_group = m.register("first_group_q", group);
        let part = valid("group_valid_q");
        let bits = m.register("bits_q", group);
        let bits_more = m.register("bits_more_q", u(1));
        let edge = valid("edge_valid_q");

        // A stage moves on when the one behind it is free.
        let other_groups = groups.q & !first_group.q;
        let groups_more = more_than_one(groups.q);
        let first_bit = lowest(bits.q);
        let other_bits = bits.q & !first_bit;
        let edge_free = (!edge.q | edge_ready).named("edge_free");
        let edge_moves = (part.q & edge_free).named("edge_moves");
        let part_free = (!part.q | (!bits_more.q & edge_free)).named("part_free");
        let group_moves = (block.q & part_free).named("group_moves");
        let block_moves = (waiting.q & (!block.q | (!groups_more & part_free))).named("block_moves");
        let takes = (block_valid & !waiting.q).named("takes");

        // The groups of a word, from the lowest on, each as one bit.
        let by_group = |word: Signal, bit: fn(Signal) -> Signal| {
            concat(&(0..64 / GROUP).rev().map(|g| bit(word.slice(g * GROUP, GROUP))).collect::<Vec<Signal>>())
        };
        waiting.next(choose(waiting.q).when(takes, 1).when(block_moves, 0).end());
        let waiting_alive = held("waiting_alive_q", takes, block_alive);
        let waiting_groups = held("waiting_groups_q", takes, by_group(block_alive, Signal::any));
        let waiting_tag = held("waiting_tag_q", takes, block_tag);

        block.next(choose(block.q).when(block_moves, 1).when(group_moves & !groups_more, 0).end());
        let alive = held("alive_q", block_moves, waiting_alive);
        let more = held("more_q", block_moves, by_group(waiting_alive, more_than_one));
        let block_tag_q = held("block_tag_q", block_moves, waiting_tag);
        groups.next(choose(groups.q).when(block_moves, waiting_groups).when(group_moves, other_groups).end());
        let lowest_next = choose(first_group.q).when(block_moves, lowest(waiting_groups));
        first_group.next(lowest_next.when(group_moves, lowest(other_groups)).end());

        part.next(choose(part.q).when(group_moves, 1).when(part_free, 0).end());
        let first_group = first_group.q;
        let chosen: Vec<Signal> =
            (0..GROUP).map(|g| mux(first_group.bit(g), alive.slice(g * GROUP, GROUP), 0)).collect();
        let chosen = tree_reduce(&chosen, |a, b| a | b);
        bits.next(choose(bits.q).when(group_moves, chosen).when(edge_moves, other_bits).end());
        let chosen_more = (first_group & more).any();
        bits_more
            .next(choose(bits_more.q).when(group_moves, chosen_more).when(edge_moves, more_than_one(other_bits)).end());
        let group_number = held("group_number_q", group_moves, encoded(m, first_group));
        let group_last = held("group_last_q", group_moves, !groups_more);
        let group_tag = held("group_tag_q", group_moves, block_tag_q);

        edge.next(choose(edge.q).when(edge_moves, 1).when(edge_ready, 0).end());
        m.output("block_ready_o", !waiting.q);
        m.output("edge_valid_o", edge.q);
        m.output("edge_tag_o", held("edge_tag_q", edge_moves, group_tag));
        let position = concat(&[group_number, encoded(m, first_bit)]);
        m.output("edge_position_o", held("edge_position_q", edge_moves, position));
        m.output("edge_last_o", held("edge_last_q", edge_moves, group_last & !bits_more.q));
        m.output("busy_o", waiting.q | block.q | part.q | edge.q);
        m.assert("a_block_has_an_edge", !block.q | groups.q.any());
        m.assert("the_first_group_is_the_lowest", !block.q | first_group.eq(lowest(groups.q)));
        m.assert("more_bits_are_more_than_one", !part.q | bits_more.q.eq(more_than_one(bits.q)));
        m.assert("a_group_has_an_edge", !part.q | bits.q.any());
    })
}

/// The lowest bit set, alone.
fn lowest(word: Signal) -> Signal {
    let is_lowest = |k: u32| if k == 0 { word.bit(0) } else { word.bit(k) & !word.slice(0, k).any() };
    concat(&(0..word.width()).rev().map(is_lowest).collect::<Vec<Signal>>())
}

/// Whether more than one bit is set.
fn more_than_one(word: Signal) -> Signal {
    if word.width() == 2 {
        return word.all();
    }
    let half = word.width() / 2;
    let (low, high) = (word.slice(0, half), word.slice(half, word.width() - half));
    more_than_one(low) | more_than_one(high) | (low.any() & high.any())
}

/// The position of the one bit set of eight.
fn encoded(m: &ModuleBuilder, one: Signal) -> Signal {
    let bits: Vec<Signal> = [0xf0, 0xcc, 0xaa].iter().map(|&mask| (one & m.constant(one.ty(), mask)).any()).collect();
    concat(&bits)
}
