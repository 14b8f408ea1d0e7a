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
//! **Timing.** Latency [`LATENCY`], an edge a cycle, whatever the blocks are like: dead edges take no time.
//!
//! **Cut.** The lowest bit of 64 in one cycle would be the longest path of a lane. So a block goes first by
//! groups of eight with an edge alive, then by edges; each group has an edge, so that the second stage never
//! waits for the first.

use std::sync::Arc;

use myelin_hdl::{Module, ModuleBuilder, Signal, choose, concat, module, mux, tree_reduce, u};

/// Cycles from a block taken to its first edge offered.
pub const LATENCY: usize = 3;

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

        // The stages: a block, a group of it, an edge of that.
        let block = valid("block_valid_q");
        let groups = m.register("groups_q", group);
        let alive = m.register("alive_q", u(64));
        let part = valid("group_valid_q");
        let bits = m.register("bits_q", group);
        let edge = valid("edge_valid_q");

        // A stage moves on when the one behind it is free.
        let first_group = lowest(groups.q);
        let other_groups = groups.q & !first_group;
        let first_bit = lowest(bits.q);
        let other_bits = bits.q & !first_bit;
        let edge_moves = (part.q & (!edge.q | edge_ready)).named("edge_moves");
        let group_ends = (edge_moves & !other_bits.any()).named("group_ends");
        let group_moves = (block.q & (!part.q | group_ends)).named("group_moves");
        let block_ends = (group_moves & !other_groups.any()).named("block_ends");
        let block_ready = (!block.q | block_ends).named("block_ready");
        let takes = (block_valid & block_ready).named("takes");

        block.next(choose(block.q).when(takes, 1).when(block_ends, 0).end());
        alive.next_when(takes, block_alive);
        let lanes: Vec<Signal> = (0..64 / GROUP).map(|g| block_alive.slice(g * GROUP, GROUP).any()).rev().collect();
        groups.next(choose(groups.q).when(takes, concat(&lanes)).when(group_moves, other_groups).end());
        let block_tag_q = m.register("block_tag_q", tag);
        block_tag_q.next_when(takes, block_tag);

        part.next(choose(part.q).when(group_moves, 1).when(group_ends, 0).end());
        let chosen: Vec<Signal> =
            (0..GROUP).map(|g| mux(first_group.bit(g), alive.q.slice(g * GROUP, GROUP), 0)).collect();
        let chosen = tree_reduce(&chosen, |a, b| a | b);
        bits.next(choose(bits.q).when(group_moves, chosen).when(edge_moves, other_bits).end());
        let held = |name: &str, when: Signal, value: Signal| {
            let register = m.register(name, value.ty());
            register.next_when(when, value);
            register.q
        };
        let group_number = held("group_number_q", group_moves, encoded(m, first_group));
        let group_last = held("group_last_q", group_moves, !other_groups.any());
        let group_tag = held("group_tag_q", group_moves, block_tag_q.q);

        edge.next(choose(edge.q).when(edge_moves, 1).when(edge_ready, 0).end());
        m.output("block_ready_o", block_ready);
        m.output("edge_valid_o", edge.q);
        m.output("edge_tag_o", held("edge_tag_q", edge_moves, group_tag));
        let position = concat(&[group_number, encoded(m, first_bit)]);
        m.output("edge_position_o", held("edge_position_q", edge_moves, position));
        m.output("edge_last_o", held("edge_last_q", edge_moves, group_last & !other_bits.any()));
        m.output("busy_o", block.q | part.q | edge.q);
        m.assert("a_block_has_an_edge", !block.q | groups.q.any());
        m.assert("a_group_has_an_edge", !part.q | bits.q.any());
    })
}

/// The lowest bit set, alone.
fn lowest(word: Signal) -> Signal {
    let is_lowest = |k: u32| if k == 0 { word.bit(0) } else { word.bit(k) & !word.slice(0, k).any() };
    concat(&(0..word.width()).rev().map(is_lowest).collect::<Vec<Signal>>())
}

/// The position of the one bit set of eight.
fn encoded(m: &ModuleBuilder, one: Signal) -> Signal {
    let bits: Vec<Signal> = [0xf0, 0xcc, 0xaa].iter().map(|&mask| (one & m.constant(one.ty(), mask)).any()).collect();
    concat(&bits)
}
