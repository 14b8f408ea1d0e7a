//! Sequencer: the passes of a graph, one after the other.
//!
//! Where both sides' counters are on chip: clear, mark u, then for each round one pass that tests a side
//! and marks the other. With partitions, for each round and partition: clear, mark, test. At the end one
//! pass sends what is alive to the host.
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `start_i`, `rounds_i` | 1, u16 | begin a graph; ignored while running |
//! | `quiet_i` | 1 | nothing is inside lanes, networks and banks |
//! | `crowded_i`, `dropped_i` | 1 | of any bank's list |
//! | `walk_valid_o`, `walk_address_o`, `fill_o` | 1, .., 1 | counters become 0; with `fill_o` edges become alive |
//! | `begin_o` | 1 | a pass begins; what follows is constant until the next |
//! | `from_list_o`, `kind_o`, `side_o`, `partition_o`, `forward_o`, `clears_o`, `both_o`, `epoch_tested_o`, `epoch_marked_o` | | the pass, as [`super::bank`] and the lanes take it |
//! | `counts_o` | 1 | edges that stay in this pass are alive after the round |
//! | `round_end_o` | 1 | a round is over |
//! | `running_o`, `halted_o`, `trapped_o`, `cause_o`, `round_o` | 1, 1, 1, 4, u16 | state; rounds done |
//!
//! **Timing.** A walk takes a cycle a word; a pass [`PASS_OVERHEAD`] cycles besides its work.

use std::sync::Arc;

use myelin_hdl::{Module, choose, module, mux, u};
use myelin_isa::cuckoo::{Core, register};

use super::counter_store::Kind;

/// Cycles in which a pass that has nothing to do is recognised as such: from its begin to the next's.
pub const PASS_OVERHEAD: u32 = 5;

/// Bits of a walk's address: the longer of counters and alive bits.
pub fn walk_width(core: &Core) -> u32 {
    core.word_bits().max(core.block_bits())
}

/// Builds the sequencer.
pub fn sequencer(core: &Core) -> Arc<Module> {
    let fused = core.is_fused();
    let walk = u(walk_width(core));
    let partition_ty = u(core.partition_bits().max(1));
    module("sequencer", |m| {
        m.doc("The passes of a graph, one after the other.");
        let start = m.input("start_i", u(1));
        let rounds_wanted = m.input("rounds_i", u(16));
        let quiet = m.input("quiet_i", u(1));
        let crowded = m.input("crowded_i", u(1));
        let dropped = m.input("dropped_i", u(1));
        let flag = |name: &str| m.register(name, u(1)).reset(0);

        let [walking, filling, settling, passing] = ["walking_q", "filling_q", "settling_q", "passing_q"].map(flag);
        let [halted, trapped, emitting, marking, from_list] =
            ["halted_q", "trapped_q", "emitting_q", "marking_q", "from_list_q"].map(flag);
        let rounds = m.register("rounds_q", u(16));
        let round = m.register("round_q", u(16)).reset(0);
        let partition = m.register("partition_q", partition_ty).reset(0);
        let address = m.register("address_q", walk);
        let settle = m.register("settle_q", u(2));

        let running = (walking.q | settling.q | passing.q).named("running");
        let starts = (start & !running).named("starts");

        // A walk, three cycles in which a pass begins, the pass until all is quiet.
        let walk_ends = (walking.q & address.q.all()).named("walk_ends");
        let pass_ends = (passing.q & quiet).named("pass_ends");
        let last_partition = match core.partition_bits() {
            0 => m.constant(u(1), 1),
            bits => partition.q.eq((1 << bits) - 1),
        };
        let tested = (pass_ends & !marking.q & !emitting.q).named("tested");
        let round_ends = (tested & last_partition).named("round_ends");
        let next_round = round.q.wrapping_add(1);
        let all_done = (round_ends & next_round.eq(rounds.q)).named("all_done");
        let traps = (round_ends & from_list.q & dropped).named("traps");
        let ends = ((pass_ends & emitting.q) | traps).named("ends");
        // Partitions share one store, which is cleared for each.
        let walks = starts | if fused { m.constant(u(1), 0) } else { tested & !all_done & !traps };
        let begins_pass = walk_ends | (pass_ends & !ends & !walks);
        walking.next(choose(walking.q).when(walks, 1).when(walk_ends, 0).end());
        filling.next(choose(filling.q).when(starts, 1).when(walk_ends, 0).end());
        address.next(choose(address.q).when(walks, 0).when(walking.q, address.q.wrapping_add(1)).end());
        let settled = (settling.q & settle.q.eq(3)).named("settled");
        settling.next(choose(settling.q).when(begins_pass, 1).when(settled, 0).end());
        settle.next(mux(settling.q, settle.q.wrapping_add(1), 0));
        passing.next(choose(passing.q).when(settled, 1).when(pass_ends, 0).end());

        // What the pass is.
        rounds.next_when(starts, rounds_wanted);
        round.next(choose(round.q).when(starts, 0).when(round_ends, next_round).end());
        marking.next(
            choose(marking.q)
                .when(starts, 1)
                .when(pass_ends & marking.q, 0)
                .when(tested & !all_done, if fused { 0 } else { 1 })
                .end(),
        );
        emitting.next(choose(emitting.q).when(starts, 0).when(all_done, 1).end());
        let next_partition = mux(last_partition, 0, partition.q.wrapping_add(1));
        partition.next(choose(partition.q).when(starts, 0).when(tested, next_partition).end());
        from_list.next(choose(from_list.q).when(starts, 0).when(round_ends, from_list.q | !crowded).end());
        halted.next(choose(halted.q).when(starts, 0).when(ends & !traps, 1).end());
        trapped.next(choose(trapped.q).when(starts, 0).when(traps, 1).end());

        let testing = (!marking.q & !emitting.q).named("testing");
        let kind = choose(m.constant(u(2), Kind::Test as i64))
            .when(emitting.q, Kind::Pass as i64)
            .when(marking.q, Kind::Mark as i64)
            .end();
        let forward = (testing & last_partition).named("forward");
        let clears = if fused { testing & round.q.any() } else { m.constant(u(1), 0) };
        // Each side's counters are marked every second round; codes alternate.
        let zero = m.constant(u(1), 0);
        let (epoch_tested, epoch_marked) = if fused { (round.q.bit(1), next_round.bit(1)) } else { (zero, zero) };
        m.output("walk_valid_o", walking.q);
        m.output("walk_address_o", address.q);
        m.output("fill_o", walking.q & filling.q);
        m.output("begin_o", settling.q & settle.q.eq(0));
        m.output("from_list_o", from_list.q);
        m.output("kind_o", kind);
        m.output("side_o", round.q.bit(0) & !emitting.q);
        m.output("partition_o", partition.q);
        m.output("forward_o", forward);
        m.output("clears_o", clears);
        m.output("both_o", forward);
        m.output("epoch_tested_o", epoch_tested);
        m.output("epoch_marked_o", epoch_marked);
        m.output("counts_o", forward);
        m.output("round_end_o", round_ends);
        m.output("running_o", running);
        m.output("halted_o", halted.q);
        m.output("trapped_o", trapped.q);
        m.output("cause_o", mux(trapped.q, i64::from(register::TRAP_CROWDED), m.constant(u(4), 0)));
        m.output("round_o", round.q);
    })
}
