//! The edge-trimming core: lanes that hash, banks that count, and the networks between them.
//!
//! ```text
//!            +-------+    +---------+    +-------+    +--------+
//!            | lanes |--->| arrival |--->|       |--->| onward |--+
//!            |       |    +---------+    | banks |    +--------+  |
//!            | edge  |    +---------+    |       |<---------------+
//!            | stores|<---|  kills  |<---|       |    +----------+
//!            +-------+    +---------+    |       |--->| emission |--> memory port
//!                                        +-------+    +----------+
//!  host port <-> registers, sequencer
//! ```
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `host_write_valid_i`, `host_write_address_i`, `host_write_data_i` | 1, 12, 32 | write a register |
//! | `host_read_valid_i`, `host_read_address_i`, `host_read_data_o` | 1, 12, 32 | read one; data in the next cycle |
//! | `interrupt_o` | 1 | halted or trapped |
//! | `store_valid_o`, `store_beat_o`, `store_data_o`, `store_ready_i` | 1, 32, 32, 1 | survivors to memory, a beat of four bytes each, in no order: a stream |
//!
//! **Parameters** are [`Core`]'s. The registers are in [`myelin_isa::cuckoo::register`].
//!
//! **What a round is.** Every edge alive goes to the bank of its node on the side tested. If the node's
//! counter says that it is used as it must be, the edge goes onward to the bank of its other node, and
//! marks it for the next round: so one pass is one round, with both sides' counters on chip. Alive edges
//! are bits in the lanes' stores, and every block that has one is hashed anew; once all fit the banks'
//! lists, they go from list to list with both nodes, and nothing is hashed any more.
//!
//! **Judged** by `myelin_golden::cuckoo::Trimmer`: the counts after every round and the survivors.

use std::sync::Arc;

use myelin_hdl::{InstanceHandle, Module, ModuleBuilder, Signal, choose, module, tree_reduce, u};
use myelin_isa::cuckoo::Core;

use super::bank::{bank, bank_low};
use super::chained_lane::chained_lane;
use super::edge_store::edge_store;
use super::host_port::{self, COUNT_WIDTH};
use super::network::{Network, network};
use super::plain_lane::plain_lane;
use super::sequencer::sequencer;
use crate::prim::bundle;

/// Name of the top module.
pub const NAME: &str = "cuckoo_core";

/// Builds the core.
pub fn core(core: &Core) -> Arc<Module> {
    module(NAME, |m| {
        m.doc(&format!("Myelin edge-trimming core: {core}."));
        let host = m.instance("host_port", &host_port::host_port(core));
        host.input("write_valid_i", m.input("host_write_valid_i", u(1)))
            .input("write_address_i", m.input("host_write_address_i", u(host_port::ADDRESS_WIDTH)))
            .input("write_data_i", m.input("host_write_data_i", u(32)))
            .input("read_valid_i", m.input("host_read_valid_i", u(1)))
            .input("read_address_i", m.input("host_read_address_i", u(host_port::ADDRESS_WIDTH)));
        let sequencer = m.instance("sequencer", &sequencer(core));
        sequencer.input("start_i", host.output("start_o")).input("rounds_i", host.output("rounds_o"));
        for state in ["running", "halted", "trapped", "cause", "round"] {
            host.input(&format!("{state}_i"), sequencer.output(&format!("{state}_o")));
        }
        let networks = Networks::new(m, core);
        let lanes = lanes(m, core, &host, &sequencer, &networks);
        let banks = banks(m, core, &sequencer, &networks);
        let emission = &networks.emission;
        let store_ready = m.input("store_ready_i", u(1));
        let stores = emission.output("pop_0_valid_o");
        emission.input("pop_0_ready_i", store_ready);
        let beat = beats(m, host.output("start_o"), stores & store_ready);

        let any = |signals: &[Signal]| tree_reduce(signals, |a, b| a | b);
        let of = |children: &[InstanceHandle], name: &str| children.iter().map(|child| child.output(name)).collect();
        let bank_any = |name: &str| any(&Vec::<Signal>::from_iter(of(&banks, name)));
        let busy = [lanes.busy, bank_any("busy_o"), networks.busy()];
        let quiet = m.register("quiet_q", u(1)).reset(0);
        quiet.next(!any(&busy));
        sequencer
            .input("quiet_i", quiet.q)
            .input("crowded_i", bank_any("crowded_o"))
            .input("dropped_i", bank_any("dropped_o"));

        // What is counted, a register later so that the sums have a cycle of their own.
        let sum = |name: &str, signals: Vec<Signal>| {
            let register = m.register(name, u(COUNT_WIDTH)).reset(0);
            register.next(tree_reduce(&signals, |a, b| a + b));
            register.q
        };
        let running = sequencer.output("running_o");
        let counts = [
            running.extend(u(COUNT_WIDTH)),
            sum("hashes_q", lanes.hashes),
            sum("stalls_q", lanes.stalls),
            sum("conflicts_q", networks.all().map(|network| network.output("conflicts_o")).to_vec()),
            sum("edges_q", of(&banks, "arrived_o")),
            (running & sequencer.output("from_list_o")).extend(u(COUNT_WIDTH)),
        ];
        bundle::connect(&host, "count", &counts);
        let counted = sequencer.output("counts_o");
        let stays: Vec<Signal> =
            Vec::from_iter(of(&banks, "stays_o")).into_iter().map(|bit: Signal| bit & counted).collect();
        host.input("stays_i", sum("stays_q", stays)).input("round_end_i", sequencer.output("round_end_o"));

        m.output("host_read_data_o", host.output("read_data_o"));
        m.output("interrupt_o", host.output("interrupt_o"));
        m.output("store_valid_o", stores);
        m.output("store_beat_o", beat);
        m.output("store_data_o", emission.output("pop_0_0_o"));
    })
}

/// The beat of the next survivor: how many have been taken since the start. The core and the proof of the
/// survivors' stream share it.
pub fn beats(m: &ModuleBuilder, start: Signal, taken: Signal) -> Signal {
    let stored = m.register("stored_q", u(32)).reset(0);
    stored.next(choose(stored.q).when(start, 0).when(taken, stored.q.wrapping_add(1)).end());
    stored.q
}

/// The four networks.
struct Networks {
    arrival: InstanceHandle,
    onward: InstanceHandle,
    kills: InstanceHandle,
    emission: InstanceHandle,
}

impl Networks {
    fn new(m: &ModuleBuilder, core: &Core) -> Networks {
        let (lanes, banks) = (core.lanes() as usize, core.banks() as usize);
        let (depth, width) = (core.queue_depth() as usize, core.edge_bits());
        let low = bank_low(core);
        let place = |name: &str, config| m.instance(name, &network(config));
        let single = Network { inputs: banks, outputs: lanes, low: 6, lanes: 1, lane_width: width, depth };
        Networks {
            arrival: place(
                "arrival",
                Network { inputs: lanes, outputs: banks, low, lanes: 3, lane_width: width, depth },
            ),
            onward: place(
                "onward",
                Network { inputs: banks, outputs: banks, low, lanes: 3, lane_width: width + 1, depth },
            ),
            kills: place("kills", single),
            emission: place("emission", Network { outputs: 1, ..single }),
        }
    }

    fn all(&self) -> [&InstanceHandle; 4] {
        [&self.arrival, &self.onward, &self.kills, &self.emission]
    }

    fn busy(&self) -> Signal {
        tree_reduce(&self.all().map(|network| network.output("busy_o")), |a, b| a | b)
    }
}

/// What the lanes tell.
struct Lanes {
    busy: Signal,
    hashes: Vec<Signal>,
    stalls: Vec<Signal>,
}

fn lanes(
    m: &ModuleBuilder,
    core: &Core,
    host: &InstanceHandle,
    sequencer: &InstanceHandle,
    networks: &Networks,
) -> Lanes {
    let chained = core.variant().is_chained();
    let lane_block = if chained { chained_lane(core) } else { plain_lane(core) };
    let store_block = edge_store(core);
    let begin = sequencer.output("begin_o") & !sequencer.output("from_list_o");
    let fill_address = sequencer.output("walk_address_o").truncate(core.block_bits());
    let (mut busy, mut hashes, mut stalls) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..core.lanes() as usize {
        let store = m.instance(&format!("edge_store_{number}"), &store_block);
        store
            .input("fill_valid_i", sequencer.output("fill_o"))
            .input("fill_address_i", fill_address)
            .input("begin_i", begin)
            .input("kill_valid_i", networks.kills.output(&format!("pop_{number}_valid_o")))
            .input("kill_edge_i", networks.kills.output(&format!("pop_{number}_0_o")));
        networks.kills.input(&format!("pop_{number}_ready_i"), store.output("kill_ready_o"));
        let lane = m.instance(&format!("lane_{number}"), &lane_block);
        bundle::connect(&lane, "key", &bundle::of(host, "key", 4));
        lane.input("lane_i", number as i64)
            .input("side_i", sequencer.output("side_o"))
            .input("block_valid_i", store.output("block_valid_o"))
            .input("block_number_i", store.output("block_number_o"))
            .input("block_alive_i", store.output("block_alive_o"));
        if !chained {
            lane.input("both_i", sequencer.output("both_o"));
        }
        store.input("block_ready_i", lane.output("block_ready_o"));
        let (valid, ready) = (lane.output("edge_valid_o"), networks.arrival.output(&format!("push_{number}_ready_o")));
        networks.arrival.input(&format!("push_{number}_valid_i"), valid);
        bundle::connect(&networks.arrival, &format!("push_{number}"), &bundle::of(&lane, "edge", 3));
        lane.input("edge_ready_i", ready);
        busy.push(store.output("busy_o") | lane.output("busy_o"));
        hashes.push(lane.output("hashes_o"));
        stalls.push(valid & !ready);
    }
    Lanes { busy: tree_reduce(&busy, |a, b| a | b), hashes, stalls }
}

fn banks(m: &ModuleBuilder, core: &Core, sequencer: &InstanceHandle, networks: &Networks) -> Vec<InstanceHandle> {
    let block = bank(core);
    let one = m.constant(u(1), 1);
    let walk_address = sequencer.output("walk_address_o").truncate(core.word_bits());
    let place = |number: u32| {
        let bank = m.instance(&format!("bank_{number}"), &block);
        for name in
            ["walk_valid", "begin", "kind", "side", "from_list", "forward", "clears", "epoch_tested", "epoch_marked"]
        {
            bank.input(&format!("{name}_i"), sequencer.output(&format!("{name}_o")));
        }
        bank.input("walk_address_i", walk_address).input("keep_i", sequencer.output("from_list_o"));
        if !core.is_fused() {
            bank.input("partition_i", sequencer.output("partition_o").truncate(core.partition_bits()));
        }
        let from = |network: &InstanceHandle, name: &str, words: usize| {
            bank.input(&format!("{name}_valid_i"), network.output(&format!("pop_{number}_valid_o")));
            bundle::connect(&bank, name, &bundle::of(network, &format!("pop_{number}"), words));
        };
        from(&networks.arrival, "arrive", 3);
        networks.arrival.input(&format!("pop_{number}_ready_i"), bank.output("arrive_ready_o"));
        from(&networks.onward, "come_back", 3);
        networks.onward.input(&format!("pop_{number}_ready_i"), one);
        for (network, name, words) in
            [(&networks.onward, "onward", 3), (&networks.kills, "kill", 1), (&networks.emission, "emit", 1)]
        {
            network.input(&format!("push_{number}_valid_i"), bank.output(&format!("{name}_valid_o")));
            bundle::connect(network, &format!("push_{number}"), &bundle::of(&bank, name, words));
            bank.input(&format!("{name}_ready_i"), network.output(&format!("push_{number}_ready_o")));
        }
        bank
    };
    (0..core.banks()).map(place).collect()
}
