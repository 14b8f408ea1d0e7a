//! Lane of chained hashes: blocks of 64 edges, as many in flight as the ring has slots, each hash
//! going on from the one before; every one but the last is combined with the last.
//!
//! ```text
//!             +--------------+
//!  key_<k>  ->|              |
//!  block    ->| chained_lane |-> edge
//!             +--------------+
//! ```
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `key_<k>_i` | u64 | the graph's keys, constant while busy |
//! | `lane_i` | `lane_bits`, at least 1 | this lane's number, constant |
//! | `side_i` | 1 | 0: the node tested in this pass is u, 1: v; constant while busy |
//! | `block_valid_i`, `block_number_i`, `block_alive_i`, `block_ready_o` | 1, `block_bits`, u64, 1 | blocks to hash: a stream |
//! | `edge_valid_o`, `edge_<k>_o`, `edge_ready_i` | 1, `edge_bits`, 1 | edges alive: key tested, key of the other side, index: a stream |
//! | `busy_o` | 1 | a block is inside |
//! | `hashes_o` | 1 | a hash begins |
//!
//! A *key* is what is counted: the node, or for Cuckarood the node with the edge's parity below it.
//!
//! **Timing.** A block takes `64 * slots` cycles in its slot, of [`slots`]; one hash a cycle while there are blocks.
//! Blocks end in the order in which they began, so their buffers are a ring: [`buffers`] of them, more
//! than there are slots, so that a slot need not wait until its last block is read. Edges leave one a
//! cycle, dead ones skipped.
//!
//! **Cut.** Whether a slot goes on or a block may begin is decided a cycle ahead, from what is one stage before the
//! pipeline's end; what is left behind the last stage is one choice between two words. Not cut: nodes leave the block
//! RAM through an XOR and a choice to the ports.
//!
//! **Judged** by `myelin_golden::cuckoo::Graph::endpoints`.

use std::sync::Arc;

use myelin_hdl::{MemoryStyle, Module, Signal, concat, module, mux, u};
use myelin_isa::cuckoo::{Core, Sip, Variant};

use super::edge_scan::edge_scan;
use super::sip_pipeline::{End, sip_pipeline};
use crate::prim::bundle;
use crate::prim::level::Level;

/// Slots of the ring: the pipeline's stages, and one for the choice of what enters.
pub const fn slots(sip: Sip) -> u32 {
    sip.stages() + 1
}

/// Blocks that are hashed or read at the same time.
pub const fn buffers(sip: Sip) -> u32 {
    slots(sip).next_power_of_two()
}

/// Builds the lane.
pub fn chained_lane(core: &Core) -> Arc<Module> {
    let edge = u(core.edge_bits());
    let buffer_bits = buffers(core.sip()).ilog2();

    let node_bits = core.node_bits();
    module("chained_lane", |m| {
        m.doc("Chained hashes of blocks of 64 edges, many blocks in flight.");
        let keys = bundle::inputs(m, "key", 4, u(64));
        let lane = m.input("lane_i", u(core.lane_bits().max(1)));
        let side = m.input("side_i", u(1));
        let block_valid = m.input("block_valid_i", u(1));
        let block_number = m.input("block_number_i", u(core.block_bits()));
        let block_alive = m.input("block_alive_i", u(64));
        let edge_ready = m.input("edge_ready_i", u(1));

        let count = u(buffer_bits + 1);
        // Buffers: the next to begin, and how many are begun and not yet read.
        let begun = m.register("begun_q", u(buffer_bits)).reset(0);
        let inside = m.register("inside_q", count).reset(0);
        let read_ends = m.register("read_ends_q", u(1)).reset(0);

        // The ring: a slot goes on with its block, or begins one. What goes on, and whether a block may begin, is
        // known a cycle before and kept in registers, since hundreds of look-up tables wait for it.
        let pipeline = m.instance(
            "pipeline",
            &sip_pipeline(core.sip(), core.variant().last_rotation(), edge.width(), buffer_bits + 1, End::State),
        );
        let state = bundle::of(&pipeline, "state", 4);
        let (out_valid, out_word) = (pipeline.output("valid_o"), pipeline.output("word_o"));
        let out_buffer = pipeline.output("tag_o").slice(1, buffer_bits);
        let will_go_on = (pipeline.output("next_valid_o") & !pipeline.output("next_tag_o").bit(0)).named("will_go_on");
        let goes_on = m.register("goes_on_q", u(1)).reset(0);
        goes_on.next(will_go_on);
        let goes_on = goes_on.q;
        let block_ready = m.register("block_ready_q", u(1)).reset(0);
        let begins = (block_ready.q & block_valid).named("begins");
        begun.next_when(begins, begun.q.wrapping_add(1));
        let stays = inside.q.wrapping_add(begins).wrapping_sub(read_ends.q).named("stays");
        inside.next(stays);
        block_ready.next(!will_go_on & stays.ne(1 << buffer_bits));
        let zero = m.constant(u(6), 0);
        let first_edge =
            if core.lane_bits() == 0 { concat(&[block_number, zero]) } else { concat(&[block_number, lane, zero]) };
        // What goes on is not its block's last: no carry goes beyond its six bits.
        let out_index = out_word.slice(0, 6);
        let next_edge = concat(&[out_word.slice(6, edge.width() - 6), out_index.wrapping_add(1)]);
        let next_is_last = goes_on & out_index.eq(62);
        let entering_valid = m.register("entering_valid_q", u(1)).reset(0);
        entering_valid.next(goes_on | begins);
        let tag = concat(&[mux(goes_on, out_buffer, begun.q), next_is_last]);
        let entering_word = m.delay("entering_word_q", mux(goes_on, next_edge, first_edge));
        pipeline
            .input("valid_i", entering_valid.q)
            .input("word_i", entering_word)
            .input("tag_i", m.delay("entering_tag_q", tag));
        let entering: Vec<Signal> =
            (0..4).map(|k| m.delay(&format!("entering_{k}_q"), mux(goes_on, state[k], keys[k]))).collect();
        let v3 = entering[3] ^ entering_word.extend(u(64));
        bundle::connect(&pipeline, "state", &[entering[0], entering[1], entering[2], v3]);

        // What comes out: both nodes, into the block's buffer.
        let hash = m.delay("hash_q", state[0] ^ state[1] ^ state[2] ^ state[3]);
        let nodes = [hash.slice(0, node_bits), hash.slice(32, node_bits)];
        let hash_valid = m.register("hash_valid_q", u(1)).reset(0);
        hash_valid.next(out_valid);
        let hash_index = m.delay("hash_index_q", out_word.slice(0, 6));
        let hash_buffer = m.delay("hash_buffer_q", out_buffer);
        let is_last = (hash_valid.q & hash_index.all()).named("is_last");
        let depth = 1usize << buffer_bits;
        let hashes = m.memory("hashes", depth * 64, 2, u(node_bits)).style(MemoryStyle::Block);
        hashes.write(concat(&[hash_buffer, hash_index]), hash_valid.q, &nodes);
        let lasts = m.memory("lasts", depth, 2, u(node_bits)).style(MemoryStyle::Distributed);
        lasts.write(hash_buffer, is_last, &nodes);
        let alive = m.memory("alive", depth, 1, u(64)).style(MemoryStyle::Distributed);
        alive.write(begun.q, begins, &[block_alive]);
        let numbers = m.memory("numbers", depth, 1, u(core.block_bits())).style(MemoryStyle::Distributed);
        numbers.write(begun.q, begins, &[block_number]);

        // Reading: the edges alive of the oldest block that is hashed.
        let hashed = Level::new(m, "hashed", 1 << buffer_bits, 0);
        let taken = m.register("taken_q", u(buffer_bits)).reset(0);
        let offered = m.register("offered_q", u(1)).reset(0);
        let advance = (!offered.q | edge_ready).named("advance");
        let scan = m.instance("scan", &edge_scan(buffer_bits));
        scan.input("block_valid_i", hashed.any())
            .input("block_tag_i", taken.q)
            .input("block_alive_i", alive.read_asynchronous(taken.q)[0])
            .input("edge_ready_i", advance);
        let takes = (hashed.any() & scan.output("block_ready_o")).named("takes");
        taken.next_when(takes, taken.q.wrapping_add(1));
        hashed.step(is_last, takes);
        let (read_buffer, position) = (scan.output("edge_tag_o"), scan.output("edge_position_o"));
        let reads = (scan.output("edge_valid_o") & advance).named("reads");
        read_ends.next(reads & scan.output("edge_last_o"));
        offered.next(mux(advance, scan.output("edge_valid_o"), offered.q));
        let stored = hashes.read(concat(&[read_buffer, position]), reads);
        let last_nodes = lasts.read_asynchronous(read_buffer);
        let held = |name: &str, value: Signal| {
            let register = m.register(name, value.ty());
            register.next_when(reads, value);
            register.q
        };
        let position_q = held("position_q", position);
        let number_q = held("number_q", numbers.read_asynchronous(read_buffer)[0]);
        let combined: Vec<Signal> = (0..2)
            .map(|k| stored[k] ^ mux(position_q.all(), 0, held(&format!("last_{k}_q"), last_nodes[k])))
            .map(|node| key_of(core, node, position_q.bit(0)))
            .collect();

        let index =
            if core.lane_bits() == 0 { concat(&[number_q, position_q]) } else { concat(&[number_q, lane, position_q]) };
        m.output("block_ready_o", block_ready.q);
        m.output("edge_valid_o", offered.q);
        bundle::outputs(m, "edge", &[mux(side, combined[1], combined[0]), mux(side, combined[0], combined[1]), index]);
        m.output("busy_o", inside.q.any() | offered.q);
        m.output("hashes_o", goes_on | begins);
    })
}

/// What is counted of a node.
fn key_of(core: &Core, node: Signal, parity: Signal) -> Signal {
    if core.variant() == Variant::Cuckarood { concat(&[node, parity]) } else { node }
}
