//! Host port: registers, keys, performance counters and counts of edges alive
//! ([`myelin_isa::cuckoo::register`] is the map).
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `write_valid_i`, `write_address_i`, `write_data_i` | 1, 12, 32 | write a register (byte address) |
//! | `read_valid_i`, `read_address_i`, `read_data_o` | 1, 12, 32 | read one; data in the next cycle, held |
//! | `start_o`, `rounds_o`, `key_<k>_o` | 1, u16, u64 | to sequencer and lanes |
//! | `running_i` .. `round_i` | | the sequencer's state |
//! | `count_<k>_i` | u16 | what counter k counts this cycle |
//! | `stays_i`, `round_end_i` | u16, 1 | edges counted alive this cycle; the round is over |
//! | `interrupt_o` | 1 | halted or trapped since the last start |

use std::sync::Arc;

use myelin_hdl::{MemoryStyle, Module, Signal, choose, concat, module, mux, select, u};
use myelin_isa::cuckoo::{Core, register};

use crate::prim::bundle;

/// Bits of a byte address.
pub const ADDRESS_WIDTH: u32 = register::END.trailing_zeros();
const _: () = assert!(register::END.is_power_of_two());

/// Bits of what is counted in one cycle.
pub const COUNT_WIDTH: u32 = 16;

/// Builds the port.
pub fn host_port(core: &Core) -> Arc<Module> {
    let stamp_width = Core::STAMP_DEPTH.trailing_zeros();
    module("cuckoo_host_port", |m| {
        m.doc("Host port: registers, keys, performance counters and counts of edges alive.");
        let write_valid = m.input("write_valid_i", u(1));
        let write_address = m.input("write_address_i", u(ADDRESS_WIDTH));
        let write_data = m.input("write_data_i", u(32));
        let read_valid = m.input("read_valid_i", u(1));
        let read_address = m.input("read_address_i", u(ADDRESS_WIDTH));
        let [running, halted, trapped] = ["running_i", "halted_i", "trapped_i"].map(|name| m.input(name, u(1)));
        let cause = m.input("cause_i", u(4));
        let round = m.input("round_i", u(16));
        let count = bundle::inputs(m, "count", register::COUNTER_COUNT as usize, u(COUNT_WIDTH));
        let stays = m.input("stays_i", u(COUNT_WIDTH));
        let round_end = m.input("round_end_i", u(1));

        let writes = (write_valid & !running).named("writes");
        let start = (writes & write_address.eq(i64::from(register::START))).named("start");
        let key_words: Vec<Signal> = (0..8u32)
            .map(|word| {
                let key = m.register(&format!("key_{}_{}_q", word / 2, word % 2), u(32)).reset(0);
                key.next_when(writes & write_address.eq(i64::from(register::KEYS + 4 * word)), write_data);
                key.q
            })
            .collect();

        let counters: Vec<Signal> = (count.iter().enumerate())
            .map(|(index, &counts)| {
                let counter = m.register(&format!("counter_{index}_q"), u(32)).reset(0);
                counter.next(choose(counter.q.wrapping_add(counts)).when(start, 0).end());
                counter.q
            })
            .collect();
        // Edges that stay are counted as they go by; the round's last have come by when it ends.
        let alive = m.register("alive_q", u(32)).reset(0);
        alive.next(choose(alive.q.wrapping_add(stays)).when(start | round_end, 0).end());
        let survivors = m.register("survivors_q", u(32)).reset(0);
        survivors.next_when(round_end, alive.q);
        let stamp_count = m.register("stamp_count_q", u(stamp_width + 1)).reset(0);
        let stamped = (round_end & !stamp_count.q.bit(stamp_width)).named("stamped");
        stamp_count.next(choose(stamp_count.q).when(start, 0).when(stamped, stamp_count.q.wrapping_add(1)).end());
        let stamps = m.memory("stamps", Core::STAMP_DEPTH as usize, 2, u(32)).style(MemoryStyle::Block);
        let cycles = counters[register::COUNTER_CYCLES as usize];
        stamps.write(stamp_count.q.slice(0, stamp_width), stamped, &[alive.q, cycles]);
        let stamp = stamps.read(read_address.slice(2, stamp_width), read_valid);

        let specification = core.specification();
        let zero = |width: u32| m.constant(u(width), 0);
        let status = concat(&[round, zero(8), cause, zero(1), trapped, halted, running]);
        let is = |address: u32| read_address.eq(i64::from(address));
        let within =
            |first: u32, count: u32| read_address.ge(i64::from(first)) & read_address.lt(i64::from(first + 4 * count));
        let value = choose(m.constant(u(32), 0))
            .when(is(register::ID), i64::from(register::ID_VALUE))
            .when(is(register::SHAPE), i64::from(core.shape()))
            .when(is(register::SPECIFICATION_LOW), i64::from(specification as u32))
            .when(is(register::SPECIFICATION_HIGH), (specification >> 32) as i64)
            .when(is(register::STATUS), status)
            .when(is(register::SURVIVORS), survivors.q)
            .when(is(register::STAMP_COUNT), stamp_count.q)
            .when(within(register::COUNTERS, register::COUNTER_COUNT), select(read_address.slice(2, 4), &counters))
            .end();
        let value_q = m.register("value_q", u(32));
        value_q.next_when(read_valid, value);
        let held = |name: &str, first: u32| {
            let register = m.register(name, u(1));
            register.next_when(read_valid, within(first, Core::STAMP_DEPTH));
            register.q
        };
        let (in_alive, in_cycles) = (held("in_alive_q", register::STAMPS), held("in_cycles_q", register::STAMP_CYCLES));

        m.output("read_data_o", choose(value_q.q).when(in_alive, stamp[0]).when(in_cycles, stamp[1]).end());
        m.output("start_o", start);
        m.output("rounds_o", write_data.truncate(16));
        for (k, words) in key_words.chunks(2).enumerate() {
            m.output(&format!("key_{k}_o"), concat(&[words[1], words[0]]));
        }
        m.output("interrupt_o", mux(running, 0, halted | trapped));
    })
}
