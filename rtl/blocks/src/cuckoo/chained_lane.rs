//! Lane of chained hashes: blocks of 64 edges, as many in flight as the pipeline has stages, each hash
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
//! **Timing.** A block takes `64 * stages` cycles in its slot; one hash a cycle while there are blocks.
//! Blocks end in the order in which they began, so their buffers are a ring: [`buffers`] of them, more
//! than there are slots, so that a slot need not wait until its last block is read. Edges leave one a
//! cycle, dead ones skipped.
//!
//! **Judged** by `myelin_golden::cuckoo::Graph::endpoints`.

use std::sync::Arc;

use myelin_hdl::{MemoryStyle, Module, Signal, choose, concat, module, mux, u};
use myelin_isa::cuckoo::{Core, Sip, Variant};

use super::lowest_set::lowest_set;
use super::sip_pipeline::{End, sip_pipeline};
use crate::prim::bundle;

/// Blocks that are hashed or read at the same time.
pub const fn buffers(sip: Sip) -> u32 {
    sip.stages().next_power_of_two()
}

/// Builds the lane.
pub fn chained_lane(core: &Core) -> Arc<Module> {
    let edge = u(core.edge_bits());
    let buffer_bits = buffers(core.sip()).ilog2();
    let buffer = u(buffer_bits);
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

        // Buffers: begun, hashed and read so far, modulo twice their number.
        let count = u(buffer_bits + 1);
        let [begun, hashed, read] = ["begun_q", "hashed_q", "read_q"].map(|name| m.register(name, count).reset(0));
        let room = begun.q.wrapping_sub(read.q).ne(1 << buffer_bits).named("room");
        let begun_buffer = begun.q.truncate(buffer_bits);

        // The ring: a slot goes on with its block, or begins one.
        let pipeline = m.instance(
            "pipeline",
            &sip_pipeline(core.sip(), core.variant().last_rotation(), edge.width(), buffer_bits, End::State),
        );
        let state = bundle::of(&pipeline, "state", 4);
        let (out_valid, out_word) = (pipeline.output("valid_o"), pipeline.output("word_o"));
        let out_buffer = pipeline.output("tag_o");
        let last = out_word.slice(0, 6).all().named("last");
        let goes_on = (out_valid & !last).named("goes_on");
        let begins = (!goes_on & block_valid & room).named("begins");
        begun.next_when(begins, begun.q.wrapping_add(1));
        let zero = m.constant(u(6), 0);
        let first_edge =
            if core.lane_bits() == 0 { concat(&[block_number, zero]) } else { concat(&[block_number, lane, zero]) };
        pipeline
            .input("valid_i", goes_on | begins)
            .input("word_i", mux(goes_on, out_word.wrapping_add(1), first_edge))
            .input("tag_i", mux(goes_on, out_buffer, begun_buffer));
        let entering: Vec<Signal> = (0..4).map(|k| mux(goes_on, state[k], keys[k])).collect();
        bundle::connect(&pipeline, "state", &entering);

        // What comes out: both nodes, into the block's buffer.
        let hash = m.delay("hash_q", state[0] ^ state[1] ^ state[2] ^ state[3]);
        let nodes = [hash.slice(0, node_bits), hash.slice(32, node_bits)];
        let hash_valid = m.register("hash_valid_q", u(1)).reset(0);
        hash_valid.next(out_valid);
        let hash_index = m.delay("hash_index_q", out_word.slice(0, 6));
        let hash_buffer = m.delay("hash_buffer_q", out_buffer);
        let is_last = (hash_valid.q & hash_index.all()).named("is_last");
        hashed.next_when(is_last, hashed.q.wrapping_add(1));
        let depth = 1usize << buffer_bits;
        let hashes = m.memory("hashes", depth * 64, 2, u(node_bits)).style(MemoryStyle::Block);
        hashes.write(concat(&[hash_buffer, hash_index]), hash_valid.q, &nodes);
        let lasts = m.memory("lasts", depth, 2, u(node_bits)).style(MemoryStyle::Distributed);
        lasts.write(hash_buffer, is_last, &nodes);
        let alive = m.memory("alive", depth, 1, u(64)).style(MemoryStyle::Distributed);
        alive.write(begun_buffer, begins, &[block_alive]);
        let numbers = m.memory("numbers", depth, 1, u(core.block_bits())).style(MemoryStyle::Distributed);
        numbers.write(begun_buffer, begins, &[block_number]);

        // Reading: the edges alive of the oldest block that is hashed.
        let reading = m.register("reading_q", u(1)).reset(0);
        let left = m.register("left_q", u(64));
        let taken = m.register("taken_q", count).reset(0);
        let offered = m.register("offered_q", u(1)).reset(0);
        let advance = (!offered.q | edge_ready).named("advance");
        let (position, rest) = lowest_set(m, left.q);
        let ends = (reading.q & advance & !rest.any()).named("ends");
        let there_is_one = hashed.q.ne(taken.q);
        let takes = (there_is_one & (!reading.q | ends)).named("takes");
        taken.next_when(takes, taken.q.wrapping_add(1));
        read.next_when(ends, read.q.wrapping_add(1));
        reading.next(choose(reading.q).when(takes, 1).when(ends, 0).end());
        let oldest = alive.read_asynchronous(taken.q.truncate(buffer_bits))[0];
        left.next(choose(left.q).when(takes, oldest).when(reading.q & advance, rest).end());
        offered.next(mux(advance, reading.q, offered.q));
        let reads = reading.q & advance;
        let read_buffer = m.register("read_buffer_q", buffer);
        read_buffer.next_when(takes, taken.q.truncate(buffer_bits));
        let stored = hashes.read(concat(&[read_buffer.q, position]), reads);
        let last_nodes = lasts.read_asynchronous(read_buffer.q);
        let held = |name: &str, value: Signal| {
            let register = m.register(name, value.ty());
            register.next_when(reads, value);
            register.q
        };
        let position_q = held("position_q", position);
        let number_q = held("number_q", numbers.read_asynchronous(read_buffer.q)[0]);
        let combined: Vec<Signal> = (0..2)
            .map(|k| stored[k] ^ mux(position_q.all(), 0, held(&format!("last_{k}_q"), last_nodes[k])))
            .map(|node| key_of(core, node, position_q.bit(0)))
            .collect();

        let index =
            if core.lane_bits() == 0 { concat(&[number_q, position_q]) } else { concat(&[number_q, lane, position_q]) };
        m.output("block_ready_o", !goes_on & room);
        m.output("edge_valid_o", offered.q);
        bundle::outputs(m, "edge", &[mux(side, combined[1], combined[0]), mux(side, combined[0], combined[1]), index]);
        m.output("busy_o", begun.q.ne(read.q) | offered.q);
        m.output("hashes_o", goes_on | begins);
        m.assert("a_block_read_has_an_edge", !reading.q | left.q.any());
    })
}

/// What is counted of a node.
fn key_of(core: &Core, node: Signal, parity: Signal) -> Signal {
    if core.variant() == Variant::Cuckarood { concat(&[node, parity]) } else { node }
}
