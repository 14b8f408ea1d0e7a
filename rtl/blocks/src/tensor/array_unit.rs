//! Array unit: address generator of convolutions, weight loader, and timing of the array.
//!
//! ```text
//!  instruction -->+------------+--> scratchpad address,  <-- data
//!                 | array unit |--> weight address
//!                 |            |--> activations, swap, load (to the array)
//!                 +------------+--> accumulator control
//!                       +--> give, busy, counters
//! ```
//!
//! Executes CONV and its CONFIGs ([`myelin_isa::array_descriptor`] has the walk). No map is
//! rearranged in memory: each cycle reads one stretch of `rows` lanes, wherever it begins, and
//! zeroes the lanes that lie in the padding or beyond the run.
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `instruction_valid_i`, `instruction_<k>_i`, `instruction_ready_o` | 1, 32, 1 | instruction whose tokens are there |
//! | `read_o`, `address_o`, `data_<k>_i` | 1, address, `bits` | scratchpad |
//! | `weight_read_o`, `weight_address_o` | 1, address | weight store |
//! | `activation_<r>_o`, `swap_o`, `load_<k>_o` | | array |
//! | `valid_o`, `first_o`, `half_o`, `index_o` | | control of column 0's accumulator |
//! | `give_o` | 4 | tokens given |
//! | `complete_o` | 1 | [`overflow_latency`] after a CONV's last pixel |
//! | `busy_o` | 1 | an instruction is not complete |
//! | `pixel_o`, `weight_stall_o` | 1 | a pixel is issued; one could be but for its weights |
//! | `fault_o` | 1 | the CONV taken last goes beyond weight store or accumulators; stays until reset |
//! | `operand_fault_o` | 1 | its descriptor has a count of 0; stays until reset |
//!
//! **Timing.** A tile of weights covers `pixels` cycles and is loaded while the tile before
//! streams, in `weight_steps` cycles; with T tiles a CONV taken in cycle 0 issues its first pixel
//! in cycle `1 + weight_steps` and its last in cycle
//! `weight_steps + (T - 1) * max(pixels, weight_steps) + pixels`; the next instruction is taken in the cycle
//! after. Tokens are given [`give_latency`] cycles after the last pixel, when every total can be drained.
//!
//! **Why no stall.** Nothing behind the issue stage can refuse data: scratchpad and weight ports
//! are the unit's own, and tokens own the accumulators. So the pipeline has no enable, and the
//! only waits are before an instruction and before a tile.

use std::sync::Arc;

use myelin_hdl::{Module, Signal, choose, module, mux, s, tree_reduce, u};
use myelin_isa::{Architecture, array_descriptor as descriptor, encoding, opcode};

use super::descriptor::{Offered, registers};
use super::pe::operand_ty;
use super::{accumulator, scratchpad, walk, weight_store};
use crate::prim::bundle;

/// Cycles from issuing a pixel to its entering the array (its frame time).
pub const FRAME_LATENCY: usize = 1 + scratchpad::READ_LATENCY;
const _: () = assert!(scratchpad::READ_LATENCY == weight_store::READ_LATENCY, "weights and pixels arrive together");

/// Cycles from issuing a pixel to its control reaching column 0's accumulator, ahead of its sum.
pub const fn control_latency(rows: u32) -> usize {
    FRAME_LATENCY + super::array::sum_latency(rows) - accumulator::SUM_AFTER
}

/// Cycles from issuing the last pixel to giving the tokens; whoever takes one starts a cycle later.
pub const fn give_latency(rows: u32, columns: u32) -> usize {
    control_latency(rows) + columns as usize - 1 + accumulator::DRAIN_AFTER - 1
}

/// Cycles from issuing a pixel to its overflows having passed the registers of all columns.
pub const fn overflow_latency(rows: u32, columns: u32) -> usize {
    control_latency(rows) + columns as usize - 1 + accumulator::OVERFLOW_AFTER + 1
}

/// Most CONVs between their first cycle and `complete_o`: each takes the unit for two cycles more than weights take to load.
pub const fn in_flight_max(architecture: &Architecture) -> usize {
    let steps = architecture.weight_steps() as usize;
    (overflow_latency(architecture.rows(), architecture.columns()) + steps + 2).div_ceil(steps + 2) + 1
}

/// Builds the unit.
pub fn array_unit(architecture: &Architecture) -> Arc<Module> {
    let (rows, steps) = (architecture.rows(), architecture.weight_steps());
    assert!(steps >= accumulator::REUSE_CYCLES, "a tile outlasts an accumulator's read-modify-write");
    let address_width = scratchpad::address_width(architecture);
    let weight_address_ty = u(weight_store::address_width(architecture));
    let index_width = architecture.accumulator_depth().trailing_zeros();
    let operand = operand_ty(architecture);
    module("array_unit", |m| {
        m.doc("Array unit: walks convolutions over the scratchpad, loads weights ahead, times the array.");
        let instruction_valid = m.input("instruction_valid_i", u(1));
        let offered = Offered::new(bundle::inputs(m, "instruction", 4, u(32)));
        let data = bundle::inputs(m, "data", rows as usize, operand);

        // Control: one instruction at a time is issued; a CONFIG takes one cycle.
        let running = m.register("running_q", u(1)).reset(0);
        let ready = !running.q;
        let taken = (instruction_valid & ready).named("taken");
        let start = (taken & offered.is(opcode::CONV)).named("start");
        let configure = (taken & offered.is(opcode::CONFIG)).named("configure");
        let held = registers(m, descriptor::COUNT, configure, &offered);
        let part = |register: u8, low: u32, width: u32| held[usize::from(register)].slice(low, width);
        // What an instruction says is taken while none runs, whether one comes or not: that comes late.
        let half = m.register("half_q", u(1));
        half.next_when(ready, offered.field(0, encoding::HALF));
        let accumulate = m.register("accumulate_q", u(1));
        accumulate.next_when(ready, offered.field(0, encoding::ACCUMULATE));
        let signal = m.register("signal_q", u(4));
        signal.next_when(ready, offered.signal);

        // Weight loader: fills the shadow registers for the next tile from the cycle of a swap on.
        let loading = m.register("loading_q", u(1)).reset(0);
        let load_step = m.register("load_step_q", u(3)).reset(0);
        let shadow_full = m.register("shadow_full_q", u(1)).reset(0);
        let in_tile = m.register("in_tile_q", u(1)).reset(0);
        // What cannot be walked is not begun.
        let faulty = m.register("fault_q", u(1)).reset(0);
        let operand_faulty = m.register("operand_fault_q", u(1)).reset(0);
        let stopped = m.register("stopped_q", u(1)).reset(0);
        let issue = (running.q & (in_tile.q | shadow_full.q) & !stopped.q).named("issue");
        let swap = (issue & !in_tile.q).named("swap");

        // The walk over the map.
        let x_ty = s(address_width + 2);
        let address_ty = u(address_width);
        let x_step = |register: u8| part(register, 0, x_ty.width()).cast(x_ty);
        let address_step = |register: u8| part(register, 0, address_width);
        let y_step = |low: u32| part(descriptor::Y_STEPS, low, 16).cast_signed();
        let counts = [
            part(descriptor::PIXELS, 0, 16),
            part(descriptor::PIXELS, 16, 16),
            part(descriptor::KERNEL, 0, 16),
            part(descriptor::KERNEL, 16, 8),
            part(descriptor::KERNEL, 24, 8),
        ];
        let illegal = tree_reduce(&counts.map(|count| !count.any()), |a, b| a | b).named("illegal");
        let now_illegal = operand_faulty.q | start & illegal;
        operand_faulty.next(now_illegal);
        let from = walk::Start {
            load: ready,
            row_address: offered.words[1].truncate(address_ty.width()),
            x: offered.words[2].truncate(x_ty.width()).cast(x_ty),
            y: offered.field(3, encoding::Y_START).cast_signed(),
        };
        let moves = walk::Steps {
            column: x_step(descriptor::COLUMN_STEP),
            kernel_column: x_step(descriptor::KERNEL_COLUMN_STEP),
            row_address: address_step(descriptor::ROW_STEP),
            kernel_row_address: address_step(descriptor::KERNEL_ROW_STEP),
            row: y_step(0),
            kernel_row: y_step(16),
        };
        let run = part(descriptor::LIMITS, 16, 16);
        let walk::Walk { nest, row_address, x, y, run_left } = walk::walk(m, rows, counts, issue, &from, &moves, run);
        let (row_address, x, y) = (row_address[0].named("row_address"), x[0].named("x"), y[0].named("y"));
        let tile_last = nest.inner_last[2].named("tile_last");
        let is_last_tile = (nest.last[2] & nest.last[3] & nest.last[4]).named("is_last_tile");
        let is_first_tile = (nest.first[2] & nest.first[3] & nest.first[4]).named("is_first_tile");
        let starts_total = (is_first_tile & !accumulate.q).named("starts_total");
        let done = (issue & nest.all_last).named("done");
        in_tile.next_when(issue, !tile_last);
        running.next(choose(running.q).when(start, 1).when(done, 0).end());

        let load_now = (loading.q | (swap & !is_last_tile)).named("load_now");
        let load_last = (load_now & load_step.q.eq(i64::from(steps) - 1)).named("load_last");
        loading.next(choose(load_now).when(start, 1).when(load_last, 0).end());
        load_step.next_when(load_now, choose(load_step.q.wrapping_add(1)).when(load_last, 0).end());
        shadow_full.next(choose(shadow_full.q).when(load_last, 1).when(swap, 0).end());
        m.assert("weights_are_not_loaded_over_waiting_ones", !(load_now & shadow_full.q & !swap));

        // One bit more than an address: past the end it stays there.
        let weight_past_ty = u(weight_address_ty.width() + 1);
        let weight_address = m.register("weight_address_q", weight_past_ty);
        let weight_start = offered.field(3, encoding::WEIGHT_BASE).truncate(weight_address_ty.width().min(16));
        let weight_past = weight_address.q.bit(weight_address_ty.width()).named("weight_past");
        weight_address.next(
            choose(weight_address.q)
                .when(ready, weight_start)
                .when(load_now & !weight_past, weight_address.q.wrapping_add(1))
                .end(),
        );

        let pixel = m.register("pixel_q", u(index_width)).reset(0);
        pixel.next_when(issue, choose(pixel.q.wrapping_add(1)).when(tile_last, 0).end());
        let pixel_past = (issue & !tile_last & pixel.q.all()).named("pixel_past");
        let now_faulty = faulty.q | load_now & weight_past | pixel_past;
        faulty.next(now_faulty);
        stopped.next(now_faulty | now_illegal);

        // Stage 1: the address. Stages 2 to 4: which lanes are inside the map and the run.
        let read = m.register("read_q", u(1)).reset(0);
        read.next(issue);
        let address = m.delay("address_q", row_address.wrapping_add(x.truncate(address_width).cast_unsigned()));
        let x_limit = part(descriptor::X_LIMIT, 0, address_width + 1);
        let ends = walk::lane_ends(m.delay("x_1_q", x), x_limit, m.delay("run_left_1_q", run_left));
        let ends = ends.map(|(name, end)| m.delay(&format!("{name}_q"), end));
        let row_inside = m.delay_by("row_inside", walk::row_inside(y, part(descriptor::LIMITS, 0, 16)), 2);
        let (low, high) = walk::lane_window(rows, ends, row_inside);
        let low_3 = m.delay("lane_low_q", low);
        let high_3 = m.delay("lane_high_q", high);
        let activations: Vec<Signal> = (0..rows)
            .zip(&data)
            .map(|(lane, &value)| {
                let lane = i64::from(lane);
                let inside = m.delay(&format!("inside_{lane}_q"), low_3.le(lane) & high_3.gt(lane));
                mux(inside, value, m.constant(operand, 0))
            })
            .collect();

        // Control travels with the data.
        let loads: Vec<Signal> = (0..steps)
            .map(|step| {
                let load = load_now & load_step.q.eq(i64::from(step));
                m.delay_by(&format!("load_{step}"), load.named(&format!("load_{step}")), FRAME_LATENCY)
            })
            .collect();
        let to_accumulator = control_latency(rows);
        let valid = (0..to_accumulator).fold(issue, |value, stage| m.delay_reset(&format!("valid_{stage}_q"), value));

        // Completion: the signal set of a finished CONV, or of a CONFIG, walks to the end of the pipeline.
        let finished = (done | configure).named("finished");
        let mut give = mux(done, signal.q, mux(configure, offered.signal, 0)).named("give");
        let mut pending = finished;
        let mut in_flight = vec![running.q];
        for stage in 0..give_latency(rows, architecture.columns()) {
            let give_q = m.register(&format!("give_{stage}_q"), u(4)).reset(0);
            give_q.next(give);
            let pending_q = m.register(&format!("pending_{stage}_q"), u(1)).reset(0);
            pending_q.next(pending);
            (give, pending) = (give_q.q, pending_q.q);
            in_flight.push(pending);
        }

        m.output("instruction_ready_o", ready);
        m.output("read_o", read.q);
        m.output("address_o", address);
        m.output("weight_read_o", m.delay("weight_read_q", load_now));
        m.output(
            "weight_address_o",
            m.delay("weight_address_1_q", weight_address.q.truncate(weight_address_ty.width())),
        );
        bundle::outputs(m, "activation", &activations);
        // A cycle before its pixel.
        m.output("swap_o", m.delay_by("swap", swap, FRAME_LATENCY - 1));
        bundle::outputs(m, "load", &loads);
        m.output("valid_o", valid);
        m.output("first_o", m.delay_by("first", starts_total, to_accumulator));
        m.output("half_o", m.delay_by("half_travelling", half.q, to_accumulator));
        m.output("index_o", m.delay_by("index", pixel.q, to_accumulator));
        m.output("give_o", give);
        let complete = (0..overflow_latency(rows, architecture.columns()))
            .fold(done, |value, stage| m.delay_reset(&format!("complete_{stage}_q"), value));
        m.output("complete_o", complete);
        m.output("busy_o", tree_reduce(&in_flight, |a, b| a | b));
        m.output("fault_o", faulty.q);
        m.output("operand_fault_o", operand_faulty.q);
        m.output("pixel_o", issue);
        m.output("weight_stall_o", running.q & !issue);
    })
}
