//! Bank: the counters of a share of the nodes on both sides, and the list of edges that end there.
//!
//! ```text
//!               +------+-> onward: to the bank of the edge's other node
//!  arrive     ->|      |-> kill:   to the edge store
//!  come_back  ->| bank |-> emit:   to the host
//!               +------+
//! ```
//!
//! Edges *arrive*, from a lane or from the bank's own list, at the counter of the node that the pass
//! tests. What stays is sent *onward*, and *comes back* at the counter of its other node, where it is
//! marked for the next round and listed.
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `arrive_valid_i`, `arrive_<k>_i`, `arrive_ready_o` | 1, `edge_bits`, 1 | key here, key there, index: a stream |
//! | `come_back_valid_i`, `come_back_<k>_i` | 1, `edge_bits + 1` | the same; [top bit of the first] it stays |
//! | `onward_*`, `kill_*`, `emit_*` | | streams out: three words of `edge_bits + 1`; index; index |
//! | `walk_*` | | counters become 0 |
//! | `begin_i`, `keep_i` | 1 | a pass begins; its edges come from the list |
//! | `kind_i` | 2 | what the pass does to counters ([`Kind`]; `Pass`: the edges go to the host) |
//! | `side_i`, `partition_i` | 1, `partition_bits` | the node tested: side, and partition counted |
//! | `from_list_i`, `forward_i`, `clears_i` | 1 | edges come from the list; what stays goes onward; what dies too, to clear |
//! | `epoch_tested_i`, `epoch_marked_i` | 1 | epochs of the counters of the side tested and of the other |
//! | `stays_o`, `arrived_o` | 1 | an edge arrived and stays; an edge arrived |
//! | `crowded_o`, `dropped_o`, `busy_o` | 1 | of the list; something is inside |
//!
//! **Timing.** One edge a cycle on each way. What came back is never held up, so that no two banks wait
//! for each other.

use std::sync::Arc;

use myelin_hdl::{InstanceHandle, Module, ModuleBuilder, Register, Signal, concat, module, mux, u};
use myelin_isa::cuckoo::Core;

use super::counter_store::{Kind, counter_store};
use super::list::list;
use crate::prim::bundle;

/// Builds the bank.
pub fn bank(core: &Core) -> Arc<Module> {
    let edge = u(core.edge_bits());
    module("bank", |m| {
        m.doc("Counters of a share of the nodes, and the list of edges that end there.");
        let arrive_valid = m.input("arrive_valid_i", u(1));
        let arrive = bundle::inputs(m, "arrive", 3, edge);
        let come_back_valid = m.input("come_back_valid_i", u(1));
        let come_back = bundle::inputs(m, "come_back", 3, u(edge.width() + 1));
        let pass = Pass::inputs(m);

        // First cycle: an edge from the lanes or from the list.
        let list = m.instance("list", &list(core));
        list.input("begin_i", m.input("begin_i", u(1))).input("keep_i", m.input("keep_i", u(1)));
        let listed = bundle::of(&list, "pop", 3);
        let first: Vec<Signal> = (0..3).map(|k| mux(pass.from_list, listed[k], arrive[k])).collect();
        let first_valid = mux(pass.from_list, list.output("pop_valid_o"), arrive_valid).named("first_valid");
        let place = Place::of(m, core, first[0]);
        let counted = match place.partition {
            Some(partition) => partition.eq(m.input("partition_i", u(core.partition_bits()))),
            None => m.constant(u(1), 1),
        };

        // Second cycle: what its counter says, and where it goes.
        let valid = m.register("valid_q", u(1)).reset(0);
        let second: Vec<Register> = (0..3).map(|k| m.register(&format!("edge_{k}_q"), edge)).collect();
        let counted_q = m.register("counted_q", u(1));
        let stores = stores(m, core);
        let both = match &stores[..] {
            [u_store, v_store] => mux(pass.side, v_store.output("both_o"), u_store.output("both_o")),
            one => one[0].output("both_o"),
        };
        let edges: Vec<Signal> = second.iter().map(|register| register.q).collect();
        let Sent { advance, rotates } = send(m, &pass, valid.q, &edges, both | !counted_q.q);
        valid.next_when(advance, first_valid);
        for (register, value) in second.iter().zip(&first) {
            register.next_when(advance, *value);
        }
        counted_q.next_when(advance, counted);
        m.output("arrive_ready_o", advance & !pass.from_list);
        list.input("pop_ready_i", advance & pass.from_list);

        // What comes back is marked if it stays, and listed.
        let stays = come_back[0].bit(edge.width());
        let back: Vec<Signal> = come_back.iter().map(|word| word.truncate(edge.width())).collect();
        let back_busy = m.register("back_busy_q", u(1)).reset(0);
        back_busy.next(come_back_valid);
        list.input("push_valid_i", (come_back_valid & stays) | rotates);
        let pushed: Vec<Signal> = (0..3).map(|k| mux(rotates, edges[k], back[k])).collect();
        bundle::connect(&list, "push", &pushed);

        let arrival = Request {
            valid: first_valid,
            kind: mux(counted, pass.kind, Kind::Pass as i64),
            place,
            epoch: pass.epoch_tested,
            advance,
        };
        let returns = Request {
            valid: come_back_valid,
            place: Place::of(m, core, back[0]),
            kind: mux(stays, Kind::Mark as i64, Kind::Clear as i64),
            epoch: pass.epoch_marked,
            advance: m.constant(u(1), 1),
        };
        connect_stores(&stores, pass.side, &arrival, &returns);

        m.output("crowded_o", list.output("crowded_o"));
        m.output("dropped_o", list.output("dropped_o"));
        m.output("busy_o", list.output("busy_o") | valid.q | back_busy.q);
        m.assert("nothing_comes_back_while_the_list_turns", !(come_back_valid & rotates));
    })
}

/// What all banks are told of a pass.
struct Pass {
    kind: Signal,
    side: Signal,
    from_list: Signal,
    forward: Signal,
    clears: Signal,
    epoch_tested: Signal,
    epoch_marked: Signal,
}

impl Pass {
    fn inputs(m: &ModuleBuilder) -> Pass {
        let bit = |name: &str| m.input(&format!("{name}_i"), u(1));
        Pass {
            kind: m.input("kind_i", u(2)),
            side: bit("side"),
            from_list: bit("from_list"),
            forward: bit("forward"),
            clears: bit("clears"),
            epoch_tested: bit("epoch_tested"),
            epoch_marked: bit("epoch_marked"),
        }
    }
}

/// Where a key's counter is.
struct Place {
    word: Signal,
    field: Signal,
    parity: Signal,
    partition: Option<Signal>,
}

impl Place {
    /// From low bits to high: parity of a pair, bank, field, word, partition.
    fn of(m: &ModuleBuilder, core: &Core, key: Signal) -> Place {
        let field = bank_low(core) + core.bank_bits();
        let word = field + core.field_bits();
        let partition = word + core.word_bits();
        Place {
            parity: if core.variant().is_paired() { key.bit(0) } else { m.constant(u(1), 0) },
            field: key.slice(field, core.field_bits()),
            word: key.slice(word, core.word_bits()),
            partition: (!core.is_fused()).then(|| key.slice(partition, core.partition_bits())),
        }
    }
}

/// Where in a key its bank's number begins.
pub fn bank_low(core: &Core) -> u32 {
    u32::from(core.variant().is_paired())
}

/// What becomes of the edge in the second cycle.
struct Sent {
    /// It goes, or there is none.
    advance: Signal,
    /// It goes back into the list.
    rotates: Signal,
}

/// Sends the edge where it has to go, and tells of it.
fn send(m: &ModuleBuilder, pass: &Pass, valid: Signal, edge: &[Signal], is_used: Signal) -> Sent {
    let [onward_ready, kill_ready, emit_ready] =
        ["onward", "kill", "emit"].map(|name| m.input(&format!("{name}_ready_i"), u(1)));
    let is = |wanted: Kind| valid & pass.kind.eq(wanted as i64);
    let tested = is(Kind::Test);
    let stays = (tested & is_used).named("stays");
    let dies = (tested & !is_used).named("dies");
    let onward = ((stays & pass.forward) | (dies & pass.clears)).named("onward");
    let kills = (dies & !pass.from_list).named("kills");
    let emits = is(Kind::Pass);
    let onward_free = !onward | onward_ready;
    let kill_free = !kills | kill_ready;
    let advance = (onward_free & kill_free & (!emits | emit_ready)).named("advance");
    m.output("onward_valid_o", onward & kill_free);
    // The other side's key first: it is the one that the next pass tests.
    let flag = |word: Signal, bit: Signal| concat(&[bit, word]);
    let zero = m.constant(u(1), 0);
    bundle::outputs(m, "onward", &[flag(edge[1], stays), flag(edge[0], zero), flag(edge[2], zero)]);
    m.output("kill_valid_o", kills & onward_free);
    m.output("kill_0_o", edge[2]);
    m.output("emit_valid_o", emits);
    m.output("emit_0_o", edge[2]);
    m.output("stays_o", stays & advance);
    m.output("arrived_o", valid & advance);
    Sent { advance, rotates: (pass.from_list & advance & (is(Kind::Mark) | (stays & !pass.forward))).named("rotates") }
}

/// A request to a counter store.
struct Request {
    valid: Signal,
    place: Place,
    kind: Signal,
    epoch: Signal,
    advance: Signal,
}

/// Counters of both sides, or of the one partition that is counted.
fn stores(m: &ModuleBuilder, core: &Core) -> Vec<InstanceHandle> {
    let block = counter_store(core);
    let walk_valid = m.input("walk_valid_i", u(1));
    let walk_address = m.input("walk_address_i", u(core.word_bits()));
    let names: &[&str] = if core.is_fused() { &["counters_u", "counters_v"] } else { &["counters"] };
    let place = |name: &&str| {
        let store = m.instance(name, &block);
        store.input("walk_valid_i", walk_valid).input("walk_address_i", walk_address);
        store
    };
    names.iter().map(place).collect()
}

/// Arrivals go to the counters of the side tested, what comes back to the other's.
fn connect_stores(stores: &[InstanceHandle], side: Signal, arrival: &Request, returns: &Request) {
    for (number, store) in stores.iter().enumerate() {
        let arrives = if number == 0 { !side } else { side };
        let pick = |of: fn(&Request) -> Signal| match stores.len() {
            1 => of(arrival),
            _ => mux(arrives, of(arrival), of(returns)),
        };
        store
            .input("request_valid_i", pick(|request| request.valid))
            .input("request_word_i", pick(|request| request.place.word))
            .input("request_field_i", pick(|request| request.place.field))
            .input("request_parity_i", pick(|request| request.place.parity))
            .input("request_kind_i", pick(|request| request.kind))
            .input("epoch_i", pick(|request| request.epoch))
            .input("advance_i", pick(|request| request.advance));
    }
}
