//! Lane of plain hashes: both nodes of an edge are hashes by themselves, begun one after the other.
//!
//! The ports are those of [`super::chained_lane`], and besides:
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `both_i` | 1 | the pass needs the other node too; constant while busy |
//!
//! **Timing.** One hash a cycle: an edge a cycle, or every second cycle where both nodes are needed. The
//! pipeline cannot stall, so an edge begins only when there is room for it behind the pipeline.
//!
//! **Cut.** What begins is registered before the pipeline, with its word XORed into v3 already, and the edge offered
//! is registered behind the queue's memory.
//!
//! **Judged** by `myelin_golden::cuckoo::Graph::endpoints`.

use std::sync::Arc;

use myelin_hdl::{Module, Signal, choose, concat, module, mux, tree_reduce, u};
use myelin_isa::cuckoo::{Core, Sip};

use super::edge_scan::edge_scan;
use super::sip_pipeline::{End, TERMS, sip_pipeline};
use crate::prim::bundle;
use crate::prim::reserved_fifo::reserved_fifo;

/// Edges begun and not yet taken, at most: enough to fill the pipeline.
pub const fn capacity(sip: Sip) -> u32 {
    2 * sip.stages().next_power_of_two()
}

/// Builds the lane.
pub fn plain_lane(core: &Core) -> Arc<Module> {
    let edge = u(core.edge_bits());
    let capacity = capacity(core.sip());
    module("plain_lane", |m| {
        m.doc("Hashes of both nodes of edges, one a cycle.");
        let keys = bundle::inputs(m, "key", 4, u(64));
        let lane = m.input("lane_i", u(core.lane_bits().max(1)));
        let side = m.input("side_i", u(1));
        let both = m.input("both_i", u(1));
        let block_valid = m.input("block_valid_i", u(1));
        let block_number = m.input("block_number_i", u(core.block_bits()));
        let block_alive = m.input("block_alive_i", u(64));
        let edge_ready = m.input("edge_ready_i", u(1));

        let queue = m.instance("queue", &reserved_fifo(capacity as usize, 3, edge));
        let room = queue.output("room_o");

        // Edges alive of a block, one after the other; the tested side's hash, then the other's.
        let scan = m.instance("scan", &edge_scan(core.block_bits()));
        scan.input("block_valid_i", block_valid).input("block_tag_i", block_number).input("block_alive_i", block_alive);
        let (number, position) = (scan.output("edge_tag_o"), scan.output("edge_position_o"));
        let other = m.register("other_q", u(1)).reset(0);
        // An edge is through with its only hash or the other side's.
        let through = (other.q | (room & !both)).named("through");
        scan.input("edge_ready_i", through);
        let begins = (scan.output("edge_valid_o") & (other.q | room)).named("begins");
        let edge_ends = (scan.output("edge_valid_o") & through).named("edge_ends");
        other.next(choose(other.q).when(edge_ends, 0).when(begins, 1).end());
        let index = if core.lane_bits() == 0 { concat(&[number, position]) } else { concat(&[number, lane, position]) };

        let word_width = edge.width() + 1;
        let pipeline =
            m.instance("pipeline", &sip_pipeline(core.sip(), core.variant().last_rotation(), word_width, 2, End::Hash));
        let entering_valid = m.register("entering_valid_q", u(1)).reset(0);
        entering_valid.next(begins);
        let word = concat(&[index, side ^ other.q]);
        pipeline
            .input("valid_i", entering_valid.q)
            .input("word_i", m.delay("entering_word_q", word))
            .input("tag_i", m.delay("entering_tag_q", concat(&[other.q, edge_ends])));
        let v3 = m.delay("entering_3_q", keys[3].slice(0, word_width) ^ word);
        let v3 = concat(&[keys[3].slice(word_width, 64 - word_width), v3]);
        bundle::connect(&pipeline, "state", &[keys[0], keys[1], keys[2], v3]);

        let terms = bundle::of(&pipeline, "term", TERMS);
        let node = m.delay("node_q", tree_reduce(&terms, |a, b| a ^ b).slice(0, edge.width()));
        let out_edge = m.delay("out_edge_q", pipeline.output("word_o").slice(1, edge.width()));
        let tag = m.delay("out_tag_q", pipeline.output("tag_o"));
        let out_valid = m.register("out_valid_q", u(1)).reset(0);
        out_valid.next(pipeline.output("valid_o"));
        let first = m.register("first_q", edge);
        first.next_when(out_valid.q, node);

        queue
            .input("reserve_i", begins & !other.q)
            .input("push_valid_i", out_valid.q & tag.bit(0))
            .input("pop_ready_i", edge_ready);
        let tested = mux(tag.bit(1), first.q, node);
        bundle::connect(&queue, "push", &[tested, node, out_edge]);

        m.output("block_ready_o", scan.output("block_ready_o"));
        m.output("edge_valid_o", queue.output("pop_valid_o"));
        let out: Vec<Signal> = bundle::of(&queue, "pop", 3);
        bundle::outputs(m, "edge", &out);
        m.output("busy_o", scan.output("busy_o") | queue.output("busy_o"));
        m.output("hashes_o", begins);
    })
}
