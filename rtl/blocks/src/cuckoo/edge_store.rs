//! Edge store of one lane: a bit for each of its edges that is alive, and the walk over the words that
//! have any.
//!
//! ```text
//!           +------------+
//!  fill   ->|            |-> block
//!  kill   ->| edge_store |
//!  begin  ->|            |-> busy
//!           +------------+
//! ```
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `fill_valid_i`, `fill_address_i` | 1, `block_bits` | all 64 edges of a block are alive |
//! | `begin_i` | 1 | walk over all blocks from the first |
//! | `block_valid_o`, `block_number_o`, `block_alive_o`, `block_ready_i` | 1, `block_bits`, u64, 1 | blocks with an edge alive, in order: a stream |
//! | `kill_valid_i`, `kill_edge_i`, `kill_ready_o` | 1, `edge_bits`, 1 | edges that die: a stream |
//! | `busy_o` | 1 | a walk or a kill is going on (reset: 0) |
//!
//! **Timing.** A block every second cycle, empty ones included. A kill every cycle in which no block is
//! read. A block is read once a walk, before any of its edges can die in it.
//!
//! **Memory.** One read and one write port, old data on a collision; a kill in the cycle after one in the
//! same block takes the word from a register.

use std::sync::Arc;

use myelin_hdl::{MemoryStyle, Module, choose, module, mux, u};
use myelin_isa::cuckoo::Core;

/// Builds the store.
pub fn edge_store(core: &Core) -> Arc<Module> {
    let block = u(core.block_bits());
    let word = u(Core::WORD_BITS);
    module("edge_store", |m| {
        m.doc("Alive bits of one lane's edges, and the walk over the words that have any.");
        let fill_valid = m.input("fill_valid_i", u(1));
        let fill_address = m.input("fill_address_i", block);
        let begin = m.input("begin_i", u(1));
        let block_ready = m.input("block_ready_i", u(1));
        let kill_valid = m.input("kill_valid_i", u(1));
        let kill_edge = m.input("kill_edge_i", u(core.edge_bits()));

        // The walk: a read, then a look at what was read.
        let next = m.register("next_q", u(block.width() + 1)).reset(1 << block.width());
        let looking = m.register("looking_q", u(1)).reset(0);
        let looking_at = m.register("looking_at_q", block);
        let block_valid = m.register("block_valid_q", u(1)).reset(0);
        let number = m.register("block_number_q", block);
        let alive = m.register("block_alive_q", word);
        let left = !next.q.bit(block.width());
        let reads = (left & !looking.q & (!block_valid.q | block_ready)).named("reads");
        next.next(choose(next.q).when(begin, 0).when(reads, next.q.wrapping_add(1)).end());
        looking.next(reads);
        looking_at.next_when(reads, next.q.truncate(block.width()));

        // Kills: a read, then a write.
        let kill_ready = !reads;
        let kill_block = kill_edge.slice(6 + core.lane_bits(), block.width());
        let kills = (kill_valid & kill_ready).named("kills");
        let writing = m.register("writing_q", u(1)).reset(0);
        writing.next(kills);
        let write_block = m.register("write_block_q", block);
        write_block.next_when(kills, kill_block);
        let write_bit = m.register("write_bit_q", u(6));
        write_bit.next_when(kills, kill_edge.slice(0, 6));

        let words = m.memory("words", 1 << block.width(), 1, word).style(MemoryStyle::Block);
        let address = mux(reads, next.q.truncate(block.width()), kill_block);
        let read = words.read(address, reads | kills)[0];
        let forwarded = m.register("forwarded_q", u(1)).reset(0);
        forwarded.next(kills & writing.q & kill_block.eq(write_block.q));
        let written = m.register("written_q", word);
        let before = mux(forwarded.q, written.q, read).named("before");
        let after = before & !m.constant(word, 1).shift_left_by(write_bit.q);
        written.next_when(writing.q, after);
        words.write(
            mux(fill_valid, fill_address, write_block.q),
            fill_valid | writing.q,
            &[mux(fill_valid, m.constant(word, -1), after)],
        );

        let found = (looking.q & read.any()).named("found");
        block_valid.next(choose(block_valid.q).when(found, 1).when(block_ready, 0).end());
        number.next_when(found, looking_at.q);
        alive.next_when(found, read);

        m.output("block_valid_o", block_valid.q);
        m.output("block_number_o", number.q);
        m.output("block_alive_o", alive.q);
        m.output("kill_ready_o", kill_ready);
        m.output("busy_o", left | looking.q | block_valid.q | writing.q);
        m.assert("a_block_found_has_room", !(found & block_valid.q & !block_ready));
        m.assert("an_edge_dies_once", !writing.q | (before & !after).any());
        m.assert("nothing_is_filled_while_edges_die", !(fill_valid & writing.q));
    })
}
