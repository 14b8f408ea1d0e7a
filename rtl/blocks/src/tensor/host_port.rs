//! Host port: registers, performance counters and stamps ([`myelin_isa::register`] is the map).
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `write_valid_i`, `write_address_i`, `write_data_i` | 1, 17, 32 | write a register (byte address) |
//! | `read_valid_i`, `read_address_i`, `read_data_o` | 1, 17, 32 | read one; data in the next cycle, held |
//! | `start_o`, `entry_o` | 1, pc | to the sequencer, in the cycle after START is written |
//! | `program_*_o` | | instruction memory writes |
//! | `limit_reached_o` | 1 | the cycle counter is at the limit |
//! | `memory_beats_o` | 32 | beats of external memory that may be used; 0: all |
//! | `running_i` .. `pc_i` | | the sequencer's state |
//! | `count_<k>_i` | 1 | counter k counts this cycle |
//! | `stamp_i` | 1 | append the cycle counter to the stamps |
//! | `interrupt_o`, `trapped_o` | 1 | halted or trapped, trapped since the last start |

use std::sync::Arc;

use myelin_hdl::{MemoryStyle, Module, Signal, choose, concat, module, mux, select, tree_reduce, u};
use myelin_isa::{Architecture, register};

use super::sequencer::pc_width;
use crate::prim::bundle;

/// Bits of a byte address.
pub const ADDRESS_WIDTH: u32 = register::END.trailing_zeros();
const _: () = assert!(register::END.is_power_of_two());

/// Builds the port.
pub fn host_port(architecture: &Architecture) -> Arc<Module> {
    let pc_ty = u(pc_width(architecture));
    let stamp_width = Architecture::STAMP_DEPTH.trailing_zeros();
    module("host_port", |m| {
        m.doc("Host port: registers, performance counters and cycle stamps.");
        let write_valid = m.input("write_valid_i", u(1));
        let write_address = m.input("write_address_i", u(ADDRESS_WIDTH));
        let write_data = m.input("write_data_i", u(32));
        let read_valid = m.input("read_valid_i", u(1));
        let read_address = m.input("read_address_i", u(ADDRESS_WIDTH));
        let runs = m.input("running_i", u(1));
        let ends = ["halted_i", "trapped_i"].map(|name| m.input(name, u(1)));
        let cause = m.input("cause_i", u(4));
        let pc = m.input("pc_i", pc_ty);
        let count = bundle::inputs(m, "count", register::COUNTER_COUNT as usize, u(1));
        let stamp = m.input("stamp_i", u(1));

        // From registers: it reaches every counter. Whoever looks meanwhile sees the run that begins.
        let starts = m.register("start_q", u(1)).reset(0);
        let start = starts.q;
        let running = (runs | start).named("running");
        let [halted, trapped] = ends.map(|end| end & !start);
        starts.next(write_valid & write_address.eq(i64::from(register::START)) & !running);
        let in_program = write_address.ge(i64::from(register::INSTRUCTIONS));

        let limit = |name: &str, address: u32| {
            let register = m.register(name, u(32)).reset(0);
            register.next_when(write_valid & write_address.eq(i64::from(address)) & !running, write_data);
            register.q
        };
        let cycle_limit = limit("cycle_limit_q", register::CYCLE_LIMIT);
        let memory_beats = limit("memory_beats_q", register::MEMORY_BEATS);

        let counters: Vec<_> = (count.iter().enumerate())
            .map(|(index, &counts)| {
                let counter = m.register(&format!("counter_{index}_q"), u(32)).reset(0);
                counter.next(choose(counter.q).when(start, 0).when(counts, counter.q.wrapping_add(1)).end());
                counter.q
            })
            .collect();
        let stamp_count = m.register("stamp_count_q", u(stamp_width + 1)).reset(0);
        let room = !stamp_count.q.bit(stamp_width);
        let stamped = (stamp & room).named("stamped");
        stamp_count.next(choose(stamp_count.q).when(start, 0).when(stamped, stamp_count.q.wrapping_add(1)).end());
        let stamps = m.memory("stamps", Architecture::STAMP_DEPTH as usize, 1, u(32)).style(MemoryStyle::Block);
        let cycles = counters[register::COUNTER_CYCLES as usize];
        stamps.write(stamp_count.q.slice(0, stamp_width), stamped, &[cycles]);
        let stamp_read = stamps.read(read_address.slice(2, stamp_width), read_valid)[0];

        let shape = i64::from(architecture.rows())
            | i64::from(architecture.columns()) << 8
            | i64::from(architecture.precision().bits()) << 16
            | i64::from(architecture.lanes().trailing_zeros()) << 24
            | i64::from(architecture.cells().trailing_zeros()) << 28;
        let specification = architecture.specification();
        let zero = |width: u32| m.constant(u(width), 0);
        let pc_field = if pc_ty.width() < 16 { concat(&[zero(16 - pc_ty.width()), pc]) } else { pc };
        let status = concat(&[pc_field, zero(8), cause, zero(1), trapped, halted, running]);
        let counter_index = read_address.slice(2, 4);
        let counter = select(counter_index, &counters);
        let is = |address: u32| read_address.eq(i64::from(address));
        let counters_end = register::COUNTERS + 4 * register::COUNTER_COUNT;
        let in_counters = read_address.ge(i64::from(register::COUNTERS)) & read_address.lt(i64::from(counters_end));
        // At most one is read.
        let registers = [
            (register::ID, m.constant(u(32), i64::from(register::ID_VALUE))),
            (register::SHAPE, m.constant(u(32), shape)),
            (register::SPECIFICATION_LOW, m.constant(u(32), i64::from(specification as u32))),
            (register::SPECIFICATION_HIGH, m.constant(u(32), (specification >> 32) as i64)),
            (register::STATUS, status),
            (register::CYCLE_LIMIT, cycle_limit),
            (register::MEMORY_BEATS, memory_beats),
            (register::STAMP_COUNT, stamp_count.q.extend(u(32))),
        ];
        let mut values: Vec<Signal> = registers.map(|(address, value)| mux(is(address), value, 0)).to_vec();
        values.push(mux(in_counters, counter, 0));
        let value = tree_reduce(&values, |a, b| a | b);
        let value_q = m.register("value_q", u(32));
        value_q.next_when(read_valid, value);
        let stamps_end = register::STAMPS + 4 * Architecture::STAMP_DEPTH;
        let in_stamps = m.register("in_stamps_q", u(1));
        in_stamps.next_when(
            read_valid,
            read_address.ge(i64::from(register::STAMPS)) & read_address.lt(i64::from(stamps_end)),
        );

        m.output("read_data_o", mux(in_stamps.q, stamp_read, value_q.q));
        m.output("start_o", start);
        m.output("entry_o", m.delay("entry_q", write_data.truncate(pc_ty.width())));
        m.output("limit_reached_o", cycle_limit.any() & cycles.eq(cycle_limit));
        m.output("memory_beats_o", memory_beats);
        m.output("program_valid_o", write_valid & in_program & !running);
        m.output("program_address_o", write_address.slice(4, pc_ty.width()));
        m.output("program_word_o", write_address.slice(2, 2));
        m.output("program_data_o", write_data);
        m.output("interrupt_o", !running & (halted | trapped));
        m.output("trapped_o", trapped);
    })
}
