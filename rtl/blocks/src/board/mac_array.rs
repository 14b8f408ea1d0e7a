//! MAC array of the smallest boards: a 4x4 array with accumulators, and the large memory that feeds it.
//!
//! ```text
//!              +-----------------------------------------------+
//!  bus_*     ->| parameters -> walk --> address  mask          |
//!              |                          v       |            |
//!  memory_*  ->| 4 banks of 16 bits -> 4 lanes -> x -> + -> accumulators |
//!              |                     \-> weights -^            |
//!              +-----------------------------------------------+
//! ```
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `bus_*` | | subordinate end: the registers of [`myelin_isa::stick::mac`], which has what a run does |
//! | `memory_*` | | subordinate end: the memory, 2^17 bytes |
//! | `idle_o` | 1 | no run goes on |
//!
//! **Timing.** A chunk takes [`WEIGHT_CYCLES`] cycles and one for each pixel: 16 multiply-accumulates a cycle. A pixel is in its
//! accumulator [`LATENCY`] cycles after its lanes are read. While lanes or weights are read the memory's bus end waits.
//!
//! **Any alignment in one cycle.** Four lanes from any byte on lie in three 16-bit words that follow each other, and so in
//! three of the four banks: each bank has its own row.
//!
//! **One port each.** Pixels alternate between two banks of accumulators. A pixel's bank is read in one cycle and written in the next,
//! in which the next pixel reads the other one: so no accumulator memory is read and written in one
//! cycle, and none needs logic for it. Chunks follow each other at a distance longer than the pipeline.
//!
//! **Multipliers.** Each [`multiplier_pair`] is one SB_MAC16 with its registers: lane i times columns 2k and 2k + 1.

use std::sync::Arc;

use myelin_hdl::{
    MemoryStyle, Module, ModuleBuilder, Signal, SinglePort, choose, concat, module, mux, s, select, tree_reduce, u,
};
use myelin_isa::stick::mac;

use crate::bus::{Answer, Cut, Port, Request};
use crate::prim::lanes;
use crate::tensor::packed_pe::multiplier_pair;

/// Bits of an address in the memory.
pub const MEMORY_WIDTH: u32 = 17;
/// Bits of the address within the block of registers.
pub const ADDRESS_WIDTH: u32 = 13;
/// Lanes, and columns.
pub const SIDE: usize = 4;
/// Cycles in which a chunk's weights are read.
pub const WEIGHT_CYCLES: u32 = 4;
/// Cycles from reading a pixel's lanes to its sums in their accumulators.
pub const LATENCY: usize = 5;
const COUNT_WIDTH: u32 = mac::ACCUMULATOR_COUNT.trailing_zeros();

/// Builds the array.
pub fn mac_array() -> Arc<Module> {
    module("mac_array", |m| {
        m.doc("MAC array: 4x4 multiply-accumulates a cycle, fed from the memory inside.");
        let port = Port::new(m, ADDRESS_WIDTH, Cut::Requests, |_, _| m.constant(u(1), 0));
        let walk = walk(m, &port);
        let bytes = memory(m, &walk);

        // Where the pixel of each age is that has been read: age 0 in the cycle of the read.
        let (mut pixel, mut index, mut sets) = (vec![walk.pixel], vec![walk.accumulator], vec![walk.sets]);
        for age in 1..LATENCY {
            let valid = m.register(&format!("pixel_{age}_q"), u(1)).reset(0);
            valid.next(pixel[age - 1]);
            pixel.push(valid.q);
            index.push(m.delay(&format!("index_{age}_q"), index[age - 1]));
            sets.push(m.delay(&format!("sets_{age}_q"), sets[age - 1]));
        }
        // What was read arrives a cycle later; weights and lanes take it in at the end of that.
        let is_weights = m.register("is_weights_q", u(1)).reset(0);
        is_weights.next(walk.is_weights);
        let row = m.delay("row_read_q", walk.weight_row);
        let (mut weights, mut lanes) = (Vec::new(), Vec::new());
        for (lane, &counts) in walk.counts.iter().enumerate() {
            let here = is_weights.q & row.eq(lane as i64);
            let mut of_lane = Vec::new();
            for (column, &byte) in bytes.iter().enumerate() {
                let weight = m.register(&format!("weight_{lane}_{column}_q"), s(8));
                weight.next_when(here, byte.cast_signed());
                of_lane.push(weight.q);
            }
            weights.push(of_lane);
            let counts = m.delay(&format!("counts_{lane}_q"), counts);
            lanes.push(m.delay(&format!("lane_{lane}_q"), mux(counts, bytes[lane], 0).cast_signed()));
        }
        let sums = products(m, &lanes, &weights);
        let last = LATENCY - 1;
        let store = Store {
            reads: pixel[last - 1],
            read_index: index[last - 1],
            adds: pixel[last],
            index: index[last],
            sets: sets[last],
        };
        let (values, overflows) = accumulators(m, &port, &sums, &store);

        let busy = (walk.running | tree_reduce(&pixel, |a, b| a | b)).named("busy");
        m.output("idle_o", !busy);
        let overflow = m.register("overflow_q", u(1)).reset(0);
        let clears = port.writes(mac::STATUS) & port.data.bit(mac::STATUS_OVERFLOW.trailing_zeros());
        overflow.next(overflows | overflow.q & !clears);
        let value = choose(m.constant(u(32), 0))
            .when(port.is(mac::ID), i64::from(mac::ID_VALUE))
            .when(port.is(mac::STATUS), concat(&[overflow.q, busy]))
            .end();
        let from_accumulators = m.delay("from_accumulators_q", port.address().bit(ADDRESS_WIDTH - 1));
        let column = m.delay("column_read_q", port.address().slice(2, 2));
        port.answer_late(m, value, from_accumulators, select(column, &values).cast_unsigned());
    })
}

/// What the walk does in a cycle.
struct Walk {
    running: Signal,
    /// Weights or lanes are read, here.
    reads: Signal,
    address: Signal,
    /// The weights of this lane are read.
    is_weights: Signal,
    weight_row: Signal,
    /// A pixel is read, for this accumulator, which is set or added to.
    pixel: Signal,
    accumulator: Signal,
    sets: Signal,
    /// Which of its lanes count.
    counts: Vec<Signal>,
}

/// Counters and addresses of a run.
fn walk(m: &ModuleBuilder, port: &Port<'_>) -> Walk {
    let parameter = |name: &str, register: u32, low: u32, width: u32| {
        let held = m.register(&format!("{name}_q"), u(width));
        held.next_when(port.writes(register), port.data.slice(low, width));
        held.q
    };
    let signed = |name: &str, register: u32, low: u32| parameter(name, register, low, 16).cast_signed();
    let running = m.register("running_q", u(1)).reset(0);
    let starts = (port.writes(mac::START) & !running.q).named("starts");
    let first = m.register("first_q", u(1));

    // Weights of a chunk, then its pixels.
    let in_weights = m.register("in_weights_q", u(1)).reset(0);
    let weight_row = m.register("weight_row_q", u(2)).reset(0);
    let begins = (in_weights.q & weight_row.q.all()).named("pixels_begin");
    let pixel = (running.q & !in_weights.q).named("pixel");
    let count = |name: &str, low: u32, load: Signal, step: Signal| {
        let from = parameter(name, mac::PIXELS, low, COUNT_WIDTH + 1);
        let left = m.register(&format!("{name}_left_q"), from.ty());
        let last = left.q.eq(1).named(&format!("{name}_last"));
        // Restarts by itself.
        left.next(choose(left.q).when(load | step & last, from).when(step, left.q.wrapping_sub(1)).end());
        last
    };
    let column_last = count("columns", 0, begins, pixel);
    let row_ends = (pixel & column_last).named("row_ends");
    let row_last = count("rows", 16, begins, row_ends);
    let chunk_ends = (row_ends & row_last).named("chunk_ends");
    let lanes = (port.writes(mac::REDUCTION), port.data.slice(0, 16));
    let lanes_left = moving(m, "lanes_left", lanes, (chunk_ends, m.constant(s(3), -4)));
    let chunk_last = (lanes_left.lt(5)).named("chunk_last");
    let ends = (chunk_ends & chunk_last).named("ends");
    running.next(choose(running.q).when(starts, 1).when(ends, 0).end());
    in_weights.next(choose(in_weights.q).when(starts, 1).when(begins, 0).when(chunk_ends, !chunk_last).end());
    weight_row.next(weight_row.q.wrapping_add(in_weights.q));
    first.next(choose(first.q).when(starts, port.data.bit(0)).when(chunk_ends, 0).end());

    let wide = s(MEMORY_WIDTH);
    let four = m.constant(u(3), 4);
    // What a run uses up is not kept twice.
    let weights = (port.writes(mac::WEIGHTS), port.data.slice(0, MEMORY_WIDTH));
    let weights = moving(m, "weights_at", weights, (in_weights.q, four));
    let start_x = (port.writes(mac::ORIGIN), port.data.slice(0, 16).cast_signed().extend(wide));
    let start_y = signed("start_y", mac::ORIGIN, 16).extend(wide);
    let (step_x, step_y) = (signed("step_x", mac::STEPS, 0), signed("step_y", mac::STEPS, 16));
    let chunk_x = moving(m, "chunk_x", start_x, (chunk_ends, four));
    let x = moving(m, "x", (begins | row_ends, chunk_x), (pixel, step_x));
    let y = moving(m, "y", (begins, start_y), (row_ends, step_y));
    let row_address = parameter("row_address", mac::ROW_ADDRESS, 0, MEMORY_WIDTH);
    let row_step = parameter("row_step", mac::ROW_STEP, 0, MEMORY_WIDTH);
    let row = moving(m, "row", (begins, row_address), (row_ends, row_step));
    let accumulator = parameter("accumulator_first", mac::ACCUMULATOR, 0, COUNT_WIDTH);
    let accumulator = moving(m, "accumulator", (begins, accumulator), (pixel, m.constant(u(1), 1)));

    let x_left = (parameter("limit_x", mac::LIMITS, 0, 15) - x).named("x_left");
    let limit_y = parameter("limit_y", mac::LIMITS, 16, 15);
    let y_inside = (!y.bit(MEMORY_WIDTH - 1) & y.cast_unsigned().lt(limit_y)).named("y_inside");
    let counts = (0..SIDE as u32)
        .map(|lane| {
            let inside = !below(x, lane) & exceeds(x_left, lane) & exceeds(lanes_left, lane) & y_inside;
            inside.named(&format!("counts_{lane}"))
        })
        .collect();
    let along = row.wrapping_add(x);
    Walk {
        running: running.q,
        reads: running.q,
        address: mux(in_weights.q, weights, along).named("address"),
        is_weights: in_weights.q,
        weight_row: weight_row.q,
        pixel,
        accumulator,
        sets: first.q,
        counts,
    }
}

/// A register that moves by a step where it is told, and restarts where something wider does: (when, by or at what).
fn moving(m: &ModuleBuilder, name: &str, load: (Signal, Signal), step: (Signal, Signal)) -> Signal {
    let at = m.register(&format!("{name}_q"), load.1.ty());
    at.next(choose(at.q).when(load.0, load.1).when(step.0, at.q.wrapping_add(step.1)).end());
    at.q
}

/// Whether a value is more than `lane`, 0 to 3.
fn exceeds(value: Signal, lane: u32) -> Signal {
    let top = value.width() - 1;
    let (negative, high) = if value.ty().is_signed() {
        (value.bit(top), value.slice(2, top - 2))
    } else {
        (Signal::constant(u(1), 0), value.slice(2, value.width() - 2))
    };
    !negative & (high.any() | value.slice(0, 2).gt(i64::from(lane)))
}

/// Whether a signed `value + lane` is negative, `lane` 0 to 3.
fn below(value: Signal, lane: u32) -> Signal {
    let top = value.width() - 1;
    let near = value.slice(2, top - 1).all();
    let reached = near & value.slice(0, 2).extend(u(3)).ge(i64::from(4 - lane));
    value.bit(top) & !reached
}

/// The memory and its bus end; the four bytes from the last address read on.
fn memory(m: &ModuleBuilder, walk: &Walk) -> Vec<Signal> {
    let request = Request::input(m, "memory", MEMORY_WIDTH);
    let answered = m.register("memory_answered_q", u(1)).reset(0);
    let access = (request.valid & !answered.q & !walk.reads).named("memory_access");
    answered.next(access);
    let aligned = concat(&[request.address.slice(2, MEMORY_WIDTH - 2), m.constant(u(2), 0)]);
    let address = mux(walk.reads, walk.address, aligned).named("memory_address");
    let (row, bank_first) = (address.slice(3, MEMORY_WIDTH - 3), address.slice(1, 2));
    let row_above = row.wrapping_add(1);
    let mut window = Vec::new();
    for bank in 0..4u32 {
        let half = 16 * (bank & 1);
        let data = [request.data.slice(half, 8), request.data.slice(half + 8, 8)];
        let here = aligned.bit(2).eq(i64::from(bank >> 1));
        let enables = [0, 1].map(|byte| request.enables.bit(2 * (bank & 1) + byte) & here);
        let words = m.memory(&format!("bank_{bank}"), 1 << (MEMORY_WIDTH - 3), 2, u(8)).style(MemoryStyle::Ultra);
        window.extend(words.single_port(SinglePort {
            address: mux(bank_first.gt(i64::from(bank)), row_above, row),
            enable: walk.reads | access,
            write: request.write & !walk.reads,
            lane_enables: Some(&enables),
            data: &data,
        }));
    }
    let offset = m.delay("offset_q", address.slice(0, 3));
    let bytes = lanes::take_from(&window, offset, SIDE);
    Answer { ready: answered.q, data: concat(&[bytes[3], bytes[2], bytes[1], bytes[0]]) }.output(m, "memory");
    bytes
}

/// Products a cycle after the operands, their sum over the lanes for each column another cycle later.
fn products(m: &ModuleBuilder, lanes: &[Signal], weights: &[Vec<Signal>]) -> Vec<Signal> {
    let pair = multiplier_pair();
    let mut products = vec![Vec::new(); SIDE];
    for (lane, &activation) in lanes.iter().enumerate() {
        for (number, columns) in weights[lane].chunks(2).enumerate() {
            let multipliers = m.instance(&format!("multipliers_{lane}_{number}"), &pair);
            multipliers.input("activation_i", activation);
            for (column, &weight) in columns.iter().enumerate() {
                multipliers.input(&format!("weight_{column}_i"), weight);
                products[2 * number + column].push(multipliers.output(&format!("product_{column}_o")));
            }
        }
    }
    let mut sums = Vec::new();
    for (column, products) in products.iter().enumerate() {
        sums.push(m.delay(&format!("sum_{column}_q"), tree_reduce(products, |a, b| a + b)));
    }
    sums
}

/// What happens at the accumulators in a cycle.
struct Store {
    /// A pixel is read, which is added to in the next cycle.
    reads: Signal,
    read_index: Signal,
    /// A pixel that was read is added to or set.
    adds: Signal,
    index: Signal,
    sets: Signal,
}

/// The accumulators; what was read of each column, and whether a sum leaves 32 bits.
fn accumulators(m: &ModuleBuilder, port: &Port<'_>, sums: &[Signal], store: &Store) -> (Vec<Signal>, Signal) {
    let asked = port.address().slice(4, COUNT_WIDTH);
    let asks = port.read & port.address().bit(ADDRESS_WIDTH - 1) & !store.reads & !store.adds;
    let read_index = mux(store.reads, store.read_index, asked);
    let bank_read = m.delay("bank_read_q", read_index.bit(0));
    let (mut values, mut overflows) = (Vec::new(), Vec::new());
    for (column, &sum) in sums.iter().enumerate() {
        // Each bank is read or written in a cycle, never both.
        let banks = [0, 1].map(|bank| {
            let writes = store.adds & store.index.bit(0).eq(bank);
            let reads = (store.reads | asks) & read_index.bit(0).eq(bank);
            let address = mux(writes, store.index, read_index).slice(1, COUNT_WIDTH - 1);
            let depth = mac::ACCUMULATOR_COUNT as usize / 2;
            let memory = m.memory(&format!("accumulators_{column}_{bank}"), depth, 1, s(32)).style(MemoryStyle::Block);
            (memory, address, writes, memory.read(address, reads & !writes)[0])
        });
        let value = mux(bank_read, banks[1].3, banks[0].3);
        let total = (mux(store.sets, 0, value) + sum).named(&format!("total_{column}"));
        for (memory, address, writes, _) in banks {
            memory.write(address, writes, &[total.truncate(32)]);
        }
        values.push(value);
        overflows.push(store.adds & total.bit(32).ne(total.bit(31)));
    }
    m.assert("a_bank_is_read_or_written", !(store.reads & store.adds & store.read_index.bit(0).eq(store.index.bit(0))));
    (values, tree_reduce(&overflows, |a, b| a | b))
}
