//! Post unit: executes DRAIN, POOL and ELTW.
//!
//! ```text
//!  instruction -->+-----------+--> accumulator index   --> values (to the lanes)
//!                 | post unit |--> scratchpad address  --> data (to the lanes)
//!                 |  + lanes  |--> scratchpad write
//!                 +-----------+--> give, stamp, busy
//! ```
//!
//! One walk ([`myelin_isa::post_descriptor`]) serves all three: DRAIN reads accumulators, adds the
//! bias and takes the maximum over its window (1x1 where there is no pooling); POOL reads the
//! scratchpad; ELTW is a window of two elements that are added. Each lane may be looked up in its column's
//! table ([`look_up_table`]) before it is written.
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `instruction_valid_i`, `instruction_<k>_i`, `instruction_ready_o` | 1, 32, 1 | instruction whose tokens are there |
//! | `drain_read_o`, `drain_half_o`, `drain_index_o`, `value_<c>_i` | 1, 1, index, s32 | accumulators, 2 cycles |
//! | `read_o`, `address_o`, `data_<c>_i` | 1, address, `bits` | shared scratchpad port, 3 cycles; never refused |
//! | `bias_read_o`, `bias_address_o`, `bias_<c>_i` | 1, address, s32 | bias memory |
//! | `write_valid_o`, `write_address_o`, `write_count_o`, `write_<c>_o` | 1, address, lanes, `bits` | scratchpad; never refused |
//! | `table_valid_i`, `table_entry_i`, `table_<c>_i` | 1, `bits`, `bits` | write an entry of every column's table |
//! | `give_o`, `stamp_o`, `busy_o`, `overflow_o` | 4, 1, 1, 1 | tokens given; take a stamp; not complete; a biased total left 32 bits |
//! | `fault_o` | 1 | the DRAIN taken last reads beyond the accumulators; stays until reset |
//! | `operand_fault_o` | 1 | the descriptor of the instruction taken last has a count of 0; stays until reset |
//!
//! **Timing.** An instruction of n window elements in all, taken in cycle 0, reads in cycles
//! 2 to n + 1 and gives its tokens in cycle n + [`GIVE_LATENCY`], when its last write can be read;
//! the next instruction can be taken in that cycle. A CONFIG takes one cycle and gives in the next.

use std::sync::Arc;

use myelin_hdl::{Module, Signal, choose, module, mux, s, tree_reduce, u};
use myelin_isa::{Architecture, encoding, opcode, post_descriptor as descriptor};

use super::descriptor::{Offered, registers};
use super::pe::operand_ty;
use super::{accumulator, bias_store, look_up_table, post_lane, scratchpad};
use crate::prim::bundle;
use crate::prim::loop_nest::{Step, by, follow, loop_nest};

/// Cycles from a walk step to its element entering the lanes: address register, then scratchpad.
const ELEMENT_LATENCY: usize = 1 + scratchpad::READ_LATENCY;
/// Cycles from a walk step to its write.
const WRITE_DELAY: usize = ELEMENT_LATENCY + post_lane::LATENCY;
/// Cycles from the last walk step to the tokens: whoever takes one reads two cycles later at the
/// earliest, when the last write is visible.
pub const GIVE_LATENCY: usize = WRITE_DELAY + 1;
const _: () = assert!(look_up_table::LATENCY == 1, "the table takes the place of the lane's last register");
const _: () = assert!(
    ELEMENT_LATENCY == 1 + accumulator::DRAIN_LATENCY + 1,
    "totals pass a register more, and come with their element"
);
const _: () = assert!(GIVE_LATENCY + 2 >= WRITE_DELAY + scratchpad::WRITE_LATENCY, "written before it is read");

/// Builds the unit, lanes included.
pub fn post_unit(architecture: &Architecture) -> Arc<Module> {
    let columns = architecture.columns() as usize;
    let (lane, table) = (post_lane::post_lane(architecture), look_up_table::look_up_table(architecture));
    let operand = operand_ty(architecture);
    let bits = architecture.precision().bits();
    let address_ty = u(scratchpad::address_width(architecture));
    let index_width = architecture.accumulator_depth().trailing_zeros();
    let bias_ty = u(bias_store::address_width(architecture));
    let count_ty = u(architecture.lanes().trailing_zeros() + 1);
    module("post_unit", |m| {
        m.doc("Post unit: drains accumulators, pools and adds maps, requantises, writes the scratchpad.");
        let instruction_valid = m.input("instruction_valid_i", u(1));
        let offered = Offered::new(bundle::inputs(m, "instruction", 4, u(32)));
        let values = bundle::inputs(m, "value", columns, s(32));
        let data = bundle::inputs(m, "data", columns, operand);
        let biases = bundle::inputs(m, "bias", columns, s(32));
        let table_valid = m.input("table_valid_i", u(1));
        let table_entry = m.input("table_entry_i", u(operand.width()));
        let entries = bundle::inputs(m, "table", columns, operand);

        // Control: idle, walking, then flushing until the last write is in the scratchpad.
        let walking = m.register("walking_q", u(1)).reset(0);
        let flushing = m.register("flushing_q", u(1)).reset(0);
        let idle = m.register("idle_q", u(1)).reset(1);
        let ready = idle.q.named("ready");
        m.assert("idle_is_neither_walking_nor_flushing", idle.q.eq(!walking.q & !flushing.q));
        let taken = (instruction_valid & ready).named("taken");
        let configure = (taken & offered.is(opcode::CONFIG)).named("configure");
        let start = (taken & !offered.is(opcode::CONFIG)).named("start");
        let held = registers(m, descriptor::COUNT, configure, &offered);
        let part = |register: u8, low: u32, width: u32| held[usize::from(register)].slice(low, width);
        let keep = |name: &str, value: Signal| {
            // While nothing runs, whether an instruction comes or not: that comes late.
            let register = m.register(name, value.ty());
            register.next_when(ready, value);
            register.q
        };
        let signal = keep("signal_q", offered.signal);
        let stamp = keep("stamp_q", offered.field(0, encoding::STAMP));
        let half = keep("half_q", offered.field(0, encoding::HALF));
        let raw = keep("raw_q", offered.field(0, encoding::RAW));
        let look_up = keep("look_up_q", offered.field(0, encoding::LOOK_UP));
        let (_, count_width) = encoding::LANE_COUNT;
        let lane_count = offered.field(0, encoding::LANE_COUNT).truncate(count_width.min(count_ty.width()));
        let lane_count = keep("lane_count_q", lane_count.extend(count_ty));
        let draining = keep("draining_q", offered.is(opcode::DRAIN));
        let adding = keep("adding_q", offered.is(opcode::ELTW));

        let levels = [
            ("window_column", part(descriptor::WINDOW, 0, 8)),
            ("window_row", part(descriptor::WINDOW, 8, 8)),
            ("column", part(descriptor::PIXELS, 0, 16)),
            ("row", part(descriptor::PIXELS, 16, 16)),
            ("outer", part(descriptor::WINDOW, 16, 16)),
        ];
        let illegal = tree_reduce(&levels.map(|(_, count)| !count.any()), |a, b| a | b).named("illegal");
        let operand_faulty = m.register("operand_fault_q", u(1)).reset(0);
        operand_faulty.next(operand_faulty.q | start & illegal);
        let nest = loop_nest(m, "walk", &levels, walking.q);
        let done = (walking.q & nest.all_last).named("done");
        let mut flushed = done;
        for stage in 0..WRITE_DELAY {
            flushed = m.delay_reset(&format!("flush_{stage}_q"), flushed);
        }
        walking.next(choose(walking.q).when(start, 1).when(done, 0).end());
        flushing.next(choose(flushing.q).when(done, 1).when(flushed, 0).end());
        idle.next(choose(idle.q).when(start, 0).when(flushed, 1).end());

        let step = |register: u8| by(part(register, 0, address_ty.width()));
        let source_start = offered.words[1].truncate(address_ty.width());
        let source = follow(
            m,
            "source",
            address_ty,
            (ready, source_start),
            &nest,
            &[
                step(descriptor::WINDOW_COLUMN_STEP),
                step(descriptor::WINDOW_ROW_STEP),
                step(descriptor::COLUMN_STEP),
                step(descriptor::ROW_STEP),
                step(descriptor::OUTER_STEP),
            ],
        );
        let destination_start = offered.words[2].truncate(address_ty.width());
        let destination = follow(
            m,
            "destination",
            address_ty,
            (ready, destination_start),
            &nest,
            &[
                Step::None,
                Step::None,
                step(descriptor::DESTINATION_COLUMN_STEP),
                step(descriptor::DESTINATION_ROW_STEP),
                step(descriptor::DESTINATION_OUTER_STEP),
            ],
        );
        let half_word = |register: u8, low: u32| part(register, low, 16).cast_signed();
        let y_steps = [Step::None, by(1), Step::None, by(half_word(descriptor::STRIDES, 0)), Step::None];
        let y = follow(m, "y", s(16), (ready, half_word(descriptor::START, 0)), &nest, &y_steps);
        let x_steps = [by(1), Step::None, by(half_word(descriptor::STRIDES, 16)), Step::None, Step::None];
        let x = follow(m, "x", s(16), (ready, half_word(descriptor::START, 16)), &nest, &x_steps);
        let inside =
            (y.ge(0) & y.lt(part(descriptor::LIMITS, 0, 16)) & x.ge(0) & x.lt(part(descriptor::LIMITS, 16, 16)))
                .named("inside");
        let beyond = source.ge(i64::from(architecture.accumulator_depth())).named("beyond");
        let faulty = m.register("fault_q", u(1)).reset(0);
        faulty.next(faulty.q | walking.q & draining & inside & beyond);
        let first = (nest.first[0] & nest.first[1]).named("window_first");
        let last = nest.inner_last[2].named("window_last");

        // Shift amount: s - 1 to requantise, the plane's offset when raw.
        let shift = part(descriptor::REQUANTISE, 0, 5);
        let has_shift = shift.any();
        // A power of two is a shift to every tool.
        let plane_offset = match bits.is_power_of_two() {
            true => (nest.index[4] * i64::from(bits)).truncate(5),
            false => times(nest.index[4].truncate(5), bits).truncate(5),
        };
        let amount = mux(raw, plane_offset, mux(has_shift, shift.wrapping_sub(1), 0)).named("amount");
        let round = (!raw & has_shift).named("round");

        // Addresses leave one cycle after the walk step.
        let source_q = m.delay("source_address_q", source);
        let valid = |name: &str, value: Signal, cycles: usize| {
            (0..cycles).fold(value, |value, stage| m.delay_reset(&format!("{name}_{stage}_q"), value))
        };
        m.output("drain_read_o", valid("drain_read", walking.q & draining, 1));
        m.output("drain_half_o", half);
        m.output("drain_index_o", source_q.slice(0, index_width));
        m.output("read_o", valid("read", walking.q & !draining, 1));
        m.output("address_o", source_q);
        m.output("bias_read_o", start);
        m.output("bias_address_o", offered.field(3, encoding::BIAS_WORD).truncate(bias_ty.width()));

        // Controls reach the lanes with their element.
        let element_valid = valid("element_valid", walking.q, ELEMENT_LATENCY);
        let first = m.delay_by("first", first, ELEMENT_LATENCY + 1);
        let inside = m.delay_by("inside", inside, ELEMENT_LATENCY + 1);
        let amount = m.delay_by("amount", amount, ELEMENT_LATENCY + 2);
        let clamp = |low: u32| part(descriptor::REQUANTISE, low, 8).cast_signed().truncate(operand.width());
        let mut results = Vec::new();
        let mut overflows = Vec::new();
        for column in 0..columns {
            let lane = m.instance(&format!("lane_{column}"), &lane);
            lane.input("value_i", m.delay(&format!("value_{column}_q"), values[column]))
                .input("bias_i", m.delay(&format!("bias_{column}_q"), biases[column]))
                .input("data_i", data[column])
                .input("from_accumulator_i", draining)
                .input("valid_i", element_valid)
                .input("first_i", first)
                .input("inside_i", inside)
                .input("add_i", adding)
                .input("amount_i", amount)
                .input("round_i", round)
                .input("raw_i", raw)
                .input("low_i", clamp(8))
                .input("high_i", clamp(16));
            let table = m.instance(&format!("table_{column}"), &table);
            table
                .input("index_i", lane.output("next_o"))
                .input("look_up_i", look_up)
                .input("write_valid_i", table_valid)
                .input("write_entry_i", table_entry)
                .input("write_i", entries[column]);
            results.push(table.output("result_o"));
            overflows.push(lane.output("overflow_o"));
        }

        let overflow = m.register("overflow_q", u(1)).reset(0);
        overflow.next(tree_reduce(&overflows, |a, b| a | b));
        let give = m.register("give_q", u(4)).reset(0);
        give.next(choose(0).when(flushed, signal).when(configure, offered.signal).end());
        let give_pending = m.register("give_pending_q", u(1)).reset(0);
        give_pending.next(flushed | configure);

        m.output("instruction_ready_o", ready);
        m.output("fault_o", faulty.q);
        m.output("operand_fault_o", operand_faulty.q);
        m.output("write_valid_o", valid("write_valid", walking.q & last, WRITE_DELAY));
        m.output("write_address_o", m.delay_by("destination_travelling", destination, WRITE_DELAY));
        m.output("write_count_o", lane_count);
        bundle::outputs(m, "write", &results);
        m.output("give_o", give.q);
        m.output("stamp_o", flushed & stamp);
        m.output("busy_o", !ready | give_pending.q);
        m.output("overflow_o", overflow.q);
    })
}

/// A product with a constant of few ones, as a sum: a product that looks like one would take a multiplier.
fn times(value: Signal, constant: u32) -> Signal {
    let places: Vec<Signal> = (0..u32::BITS - constant.leading_zeros())
        .filter(|place| constant >> place & 1 == 1)
        .map(|place| value.shift_left(place))
        .collect();
    tree_reduce(&places, |a, b| a + b)
}
