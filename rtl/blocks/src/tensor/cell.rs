//! The cell: array, memories, four units, sequencer and host port.
//!
//! ```text
//!  host port <-> | cell | <-> memory port
//! ```
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `host_write_valid_i`, `host_write_address_i`, `host_write_data_i` | 1, 17, 32 | write a register |
//! | `host_read_valid_i`, `host_read_address_i`, `host_read_data_o` | 1, 17, 32 | read one; data in the next cycle |
//! | `interrupt_o` | 1 | halted or trapped |
//! | `request_valid_o`, `request_beat_o`, `request_ready_i` | 1, 32, 1 | memory read requests, a stream |
//! | `response_valid_i`, `response_<k>_i`, `response_ready_o` | 1, u8, 1 | beats in the order of the requests, a stream |
//! | `store_valid_o`, `store_beat_o`, `store_<k>_o`, `store_ready_i` | 1, 32, u8, 1 | memory writes, a stream |
//! | `store_acknowledge_i` | 1 | a beat written has become visible to all cells, in the order of the writes |
//! | `arrive_o`, `barrier_i`, `trapped_o` | 1 | arrivals at the barrier; all cells have arrived; trapped. Only where there are several cells: one meets itself |
//!
//! No output depends on an input in the same cycle. A beat is `lanes` bytes. The registers are in [`myelin_isa::register`], the instructions in
//! [`myelin_isa::Instruction`]; each unit's file has its timing.

use std::sync::Arc;

use myelin_hdl::{Module, Signal, choose, concat, module, mux, tree_reduce, u};
use myelin_isa::{Architecture, Unit, encoding, opcode, register};

use super::descriptor::field;
use super::pe::operand_ty;
use super::{
    accumulator, array, array_unit, barrier, bias_store, host_port, instruction_queue, load_unit, post_unit,
    scratchpad, sequencer, store_unit, tokens, weight_store,
};
use crate::prim::{bundle, fifo};

/// Name of the top module.
pub const NAME: &str = "tensor_cell";

/// Builds the cell.
pub fn cell(architecture: &Architecture) -> Arc<Module> {
    let (rows, columns) = (architecture.rows() as usize, architecture.columns() as usize);
    let lanes = architecture.lanes() as usize;
    let operand = operand_ty(architecture);
    module(NAME, |m| {
        m.doc(&format!("Myelin tensor cell, {architecture}."));
        let host_write_valid = m.input("host_write_valid_i", u(1));
        let host_write_address = m.input("host_write_address_i", u(host_port::ADDRESS_WIDTH));
        let host_write_data = m.input("host_write_data_i", u(32));
        let host_read_valid = m.input("host_read_valid_i", u(1));
        let host_read_address = m.input("host_read_address_i", u(host_port::ADDRESS_WIDTH));
        let request_ready = m.input("request_ready_i", u(1));
        let response_valid = m.input("response_valid_i", u(1));
        let response = bundle::inputs(m, "response", lanes, u(8));
        let store_ready = m.input("store_ready_i", u(1));
        let store_acknowledge = m.input("store_acknowledge_i", u(1));

        let host = m.instance("host_port", &host_port::host_port(architecture));
        let sequencer = m.instance("sequencer", &sequencer::sequencer(architecture));
        let tokens = m.instance("tokens", &tokens::tokens());
        let load = m.instance("load_unit", &load_unit::load_unit(architecture));
        let array_unit = m.instance("array_unit", &array_unit::array_unit(architecture));
        let post = m.instance("post_unit", &post_unit::post_unit(architecture));
        let store = m.instance("store_unit", &store_unit::store_unit(architecture));
        let scratchpad = m.instance("scratchpad", &scratchpad::scratchpad(architecture));
        let weights = m.instance("weight_store", &weight_store::weight_store(architecture));
        let biases = m.instance("bias_store", &bias_store::bias_store(architecture));
        let array = m.instance("array", &array::array(architecture));
        let units = [&load, &array_unit, &post, &store];

        // Queues: an instruction is offered to its unit when its tokens are there.
        let queue = instruction_queue::instruction_queue(architecture);
        let instruction = bundle::of(&sequencer, "instruction", 4);
        let trapped = sequencer.output("trapped_o");
        let mut blocked = Vec::new();
        let mut waiting_heads = Vec::new();
        let mut taken_last = Vec::new();
        // The numbers of the CONVs whose sums are under way: what overflows last is of the first of them.
        let in_flight = array_unit::in_flight_max(architecture).next_power_of_two();
        let convolving = fifo::fifo(in_flight, 1, u(sequencer::pc_width(architecture)));
        let convolving = m.instance("convolving", &convolving);
        let mut idle = Vec::new();
        let mut token_stalls = Vec::new();
        for (number, unit) in units.into_iter().enumerate() {
            let queue = m.instance(&format!("queue_{number}"), &queue);
            queue.input("push_valid_i", sequencer.output(&format!("push_valid_{number}_o")));
            bundle::connect(&queue, "push", &instruction);
            sequencer.input(&format!("push_ready_{number}_i"), queue.output("push_ready_o"));
            let head = bundle::of(&queue, "pop", 4);
            queue.input("push_index_i", sequencer.output("pc_o"));
            let waiting = queue.output("pop_valid_o");
            tokens.input(&format!("wait_{number}_i"), field(head[0], encoding::WAIT));
            if number == Unit::Load as usize {
                tokens.input("meet_i", field(head[0], encoding::MEET));
            }
            let tokens_ready = tokens.output(&format!("ready_{number}_o"));
            let allowed = (tokens_ready & !trapped).named(&format!("allowed_{number}"));
            let offered = (waiting & allowed).named(&format!("offered_{number}"));
            let taken = (offered & unit.output("instruction_ready_o")).named(&format!("taken_{number}"));
            unit.input("instruction_valid_i", offered);
            bundle::connect(unit, "instruction", &head);
            queue.input("pop_ready_i", allowed & unit.output("instruction_ready_o"));
            let index = queue.output("pop_index_o");
            let last = m.register(&format!("taken_last_{number}_q"), index.ty()).reset(0);
            last.next_when(taken, index);
            taken_last.push(last.q);
            if number == Unit::Load as usize {
                unit.input("index_i", index);
            }
            if number == Unit::Array as usize {
                let begins = taken & field(head[0], encoding::OPCODE).eq(i64::from(opcode::CONV));
                convolving.input("push_valid_i", begins).input("push_0_i", index);
                convolving.input("pop_ready_i", unit.output("complete_o"));
                m.assert("a_convolution_under_way_has_a_number", !begins | convolving.output("push_ready_o"));
            }
            let holds = queue.output("holds_o");
            blocked.push(!unit.output("busy_o") & (!holds | waiting & !tokens_ready));
            waiting_heads.push(waiting);
            tokens.input(&format!("take_{number}_i"), taken);
            tokens.input(&format!("give_{number}_i"), unit.output("give_o"));
            idle.push(!holds & !unit.output("busy_o"));
            token_stalls.push(waiting & !tokens_ready & unit.output("instruction_ready_o"));
        }
        // Registered: a queue that was pushed this cycle shows next cycle.
        let all_idle = m.register("all_idle_q", u(1)).reset(0);
        all_idle.next(tree_reduce(&idle, |a, b| a & b));
        sequencer.input("all_idle_i", all_idle.q & !m.delay("issued_q", sequencer.output("issued_o")));

        // Host.
        host.input("write_valid_i", host_write_valid)
            .input("write_address_i", host_write_address)
            .input("write_data_i", host_write_data)
            .input("read_valid_i", host_read_valid)
            .input("read_address_i", host_read_address);
        for state in ["running", "halted", "trapped", "cause", "pc"] {
            host.input(&format!("{state}_i"), sequencer.output(&format!("{state}_o")));
        }
        sequencer
            .input("start_i", host.output("start_o"))
            .input("entry_i", host.output("entry_o"))
            .input("write_valid_i", host.output("program_valid_o"))
            .input("write_address_i", host.output("program_address_o"))
            .input("write_word_i", host.output("program_word_o"))
            .input("write_data_i", host.output("program_data_o"));
        let counts = [
            sequencer.output("running_o"),
            array_unit.output("pixel_o"),
            array_unit.output("weight_stall_o"),
            token_stalls[Unit::Array as usize],
            post.output("busy_o"),
            token_stalls[Unit::Post as usize],
            load.output("busy_o"),
            store.output("busy_o"),
            sequencer.output("issued_o"),
        ];
        tokens.input("clear_i", host.output("start_o"));
        bundle::connect(&host, "count", &counts);
        host.input("stamp_i", post.output("stamp_o"));

        // Load unit: memory in; weights and lanes keep the low bits of each byte.
        load.input("request_ready_i", request_ready).input("response_valid_i", response_valid);
        let post_writes = post.output("write_valid_o");
        load.input("write_blocked_i", post_writes);
        let loaded: Vec<Signal> = response.iter().map(|byte| byte.truncate(operand.width()).cast(operand)).collect();
        let part = load.output("part_o");
        weights
            .input("write_valid_i", load.output("weight_valid_o"))
            .input("write_address_i", load.output("weight_address_o"))
            .input("write_part_i", part);
        let row_lanes = architecture.weight_row_lanes() as usize;
        for (bank, row) in loaded.chunks(row_lanes).enumerate() {
            bundle::connect(&weights, &format!("write_{bank}"), &row[..columns]);
        }
        biases
            .input("write_valid_i", load.output("bias_valid_o"))
            .input("write_address_i", load.output("bias_address_o"))
            .input("write_part_i", part);
        bundle::connect(&biases, "write", &response);
        post.input("table_valid_i", load.output("table_valid_o")).input("table_entry_i", load.output("table_entry_o"));
        bundle::connect(&post, "table", &loaded[..columns]);
        sequencer
            .input("load_valid_i", load.output("program_valid_o"))
            .input("load_address_i", load.output("program_address_o"))
            .input("load_part_i", part.truncate(2))
            .input("loaded_i", load.output("loaded_o"));
        let words: Vec<Signal> =
            (response.chunks(4)).map(|bytes| concat(&[bytes[3], bytes[2], bytes[1], bytes[0]])).collect();
        bundle::connect(&sequencer, "load", &words[..words.len().min(4)]);

        // Scratchpad write port: the post unit first, then the load unit.
        let results = bundle::of(&post, "write", columns);
        let write: Vec<Signal> = (0..lanes)
            .map(|lane| match results.get(lane) {
                Some(&result) => mux(post_writes, result, loaded[lane]),
                None => loaded[lane],
            })
            .collect();
        scratchpad
            .input("write_valid_i", post_writes | load.output("write_valid_o"))
            .input("write_address_i", mux(post_writes, post.output("write_address_o"), load.output("write_address_o")))
            .input("write_count_i", mux(post_writes, post.output("write_count_o"), lanes as i64));
        bundle::connect(&scratchpad, "write", &write);

        // Scratchpad read ports: one is the array unit's; the other is the post unit's, then the store unit's.
        scratchpad
            .input("array_read_i", array_unit.output("read_o"))
            .input("array_address_i", array_unit.output("address_o"));
        bundle::connect(&array_unit, "data", &bundle::of(&scratchpad, "array", rows));
        let post_reads = post.output("read_o");
        store.input("read_blocked_i", post_reads).input("write_ready_i", store_ready);
        store.input("acknowledge_i", store_acknowledge);
        // With one cell the barrier is inside, where it takes as long as among many.
        if architecture.cells() == 1 {
            let barrier = m.instance("barrier", &barrier::barrier(1));
            barrier.input("arrive_0_i", store.output("arrive_o")).input("clear_i", host.output("start_o"));
            tokens.input("barrier_i", barrier.output("barrier_o"));
        } else {
            m.output("arrive_o", store.output("arrive_o"));
            m.output("trapped_o", host.output("trapped_o"));
            tokens.input("barrier_i", m.input("barrier_i", u(1)));
        }
        scratchpad
            .input("port_read_i", post_reads | store.output("read_o"))
            .input("port_address_i", mux(post_reads, post.output("address_o"), store.output("address_o")));
        let port = bundle::of(&scratchpad, "port", lanes);
        bundle::connect(&post, "data", &port[..columns]);
        bundle::connect(&store, "data", &port);

        // Array.
        weights
            .input("read_i", array_unit.output("weight_read_o"))
            .input("address_i", array_unit.output("weight_address_o"));
        for block in 0..architecture.weight_ports() {
            let name = format!("weight_{block}");
            bundle::connect(&array, &name, &bundle::of(&weights, &name, columns));
        }
        bundle::connect(&array, "activation", &bundle::of(&array_unit, "activation", rows));
        array.input("swap_i", array_unit.output("swap_o"));
        let steps = architecture.weight_steps() as usize;
        bundle::connect(&array, "load", &bundle::of(&array_unit, "load", steps));

        // Accumulators: control moves from column to column as the sums do.
        let accumulator = accumulator::accumulator(architecture);
        let mut control =
            ["valid", "first", "half", "index"].map(|name| (name, array_unit.output(&format!("{name}_o"))));
        // An overflow moves on with the sums, and is seen when its CONV's last one is the oldest under way.
        let mut overflow = m.constant(u(1), 0);
        let mut conflicts = vec![];
        for (column, sum) in bundle::of(&array, "partial_sum", columns).into_iter().enumerate() {
            let totals = m.instance(&format!("accumulator_{column}"), &accumulator);
            for (name, value) in &mut control {
                totals.input(&format!("{name}_i"), *value);
                *value = totals.output(&format!("{name}_o"));
            }
            totals
                .input("partial_sum_i", sum)
                .input("drain_read_i", post.output("drain_read_o"))
                .input("drain_half_i", post.output("drain_half_o"))
                .input("drain_index_i", post.output("drain_index_o"));
            post.input(&format!("value_{column}_i"), totals.output("value_o"));
            let overflow_q = m.register(&format!("overflow_{column}_q"), u(1)).reset(0);
            overflow_q.next(overflow | totals.output("overflow_o"));
            overflow = overflow_q.q;
            conflicts.push(totals.output("conflict_o"));
        }

        // Faults. A deadlock: nothing moves, and what is waited for does not come from another cell.
        let meeting = tokens.output("meeting_o") & waiting_heads[Unit::Load as usize];
        let some_wait = tree_reduce(&waiting_heads, |a, b| a | b) | sequencer.output("fencing_o");
        let all_blocked = tree_reduce(&blocked, |a, b| a & b);
        // Each as it was in the cycle before: from here it is far.
        let deadlock = [sequencer.output("stuck_o"), all_blocked, some_wait, !meeting]
            .into_iter()
            .zip(["stuck_q", "all_blocked_q", "some_wait_q", "not_meeting_q"])
            .map(|(value, name)| m.delay_reset(name, value))
            .collect::<Vec<_>>();
        let deadlock = tree_reduce(&deadlock, |a, b| a & b);
        let pc = sequencer.output("pc_o");
        let [array_last, post_last, store_last] =
            [Unit::Array, Unit::Post, Unit::Store].map(|unit| taken_last[unit as usize]);
        let faults = [
            (overflow, register::TRAP_OVERFLOW, convolving.output("pop_0_o")),
            (post.output("overflow_o"), register::TRAP_OVERFLOW, post_last),
            (tree_reduce(&conflicts, |a, b| a | b), register::TRAP_CONFLICT, post_last),
            (array_unit.output("operand_fault_o"), register::TRAP_OPERAND, array_last),
            (post.output("operand_fault_o"), register::TRAP_OPERAND, post_last),
            (load.output("fault_o"), register::TRAP_ADDRESS, load.output("fault_index_o")),
            (store.output("fault_o"), register::TRAP_ADDRESS, store_last),
            (array_unit.output("fault_o"), register::TRAP_ADDRESS, array_last),
            (post.output("fault_o"), register::TRAP_ADDRESS, post_last),
            (tokens.output("overflow_o"), register::TRAP_TOKENS, pc),
            (deadlock, register::TRAP_DEADLOCK, pc),
            (host.output("limit_reached_o"), register::TRAP_CYCLES, pc),
        ];
        // They come from all over the cell: registers before they are chosen from.
        let (mut cause, mut index) = (choose(m.constant(u(4), 0)), choose(m.delay("pc_q", pc)));
        let mut conditions = Vec::new();
        for (fault, (condition, number, at)) in faults.into_iter().enumerate() {
            let condition_q = m.register(&format!("condition_{fault}_q"), u(1)).reset(0);
            condition_q.next(condition);
            conditions.push(condition_q.q);
            cause = cause.when(condition_q.q, i64::from(number));
            index = index.when(condition_q.q, m.delay(&format!("condition_{fault}_index_q"), at));
        }
        let fault = m.register("fault_q", u(1)).reset(0);
        fault.next(tree_reduce(&conditions, |a, b| a | b) & sequencer.output("running_o"));
        sequencer
            .input("fault_i", fault.q)
            .input("fault_cause_i", m.delay("fault_cause_q", cause.end()))
            .input("fault_index_i", m.delay("fault_index_q", index.end()));
        let memory_beats = host.output("memory_beats_o");
        load.input("memory_beats_i", memory_beats);
        store.input("memory_beats_i", memory_beats);
        biases.input("read_i", post.output("bias_read_o")).input("address_i", post.output("bias_address_o"));
        bundle::connect(&post, "bias", &bundle::of(&biases, "bias", columns));

        m.output("host_read_data_o", host.output("read_data_o"));
        m.output("interrupt_o", host.output("interrupt_o"));
        m.output("request_valid_o", load.output("request_valid_o"));
        m.output("request_beat_o", load.output("request_beat_o"));
        m.output("response_ready_o", load.output("response_ready_o"));
        m.output("store_valid_o", store.output("write_valid_o"));
        m.output("store_beat_o", store.output("write_beat_o"));
        bundle::outputs(m, "store", &bundle::of(&store, "write", lanes));
    })
}
