//! Eight channels of queues, no two of one shape, with random producers and consumers.

use myelin_hdl::{Design, DesignError, Signal, Ty, module, u};
use myelin_rtl::prim::{bundle, fifo, skid_buffer};

use crate::designs::stimulus::{sinks, sources};

/// Depths of two queues in a row, lanes, bits of a lane.
const CHANNELS: [(usize, usize, usize, u32); 8] = [
    (2, 16, 1, 32),
    (4, 8, 1, 9),
    (8, 4, 2, 16),
    (16, 2, 1, 21),
    (32, 8, 3, 8),
    (64, 4, 1, 27),
    (8, 32, 4, 5),
    (4, 128, 2, 12),
];

/// Builds it.
///
/// # Errors
/// Never: the names are identifiers.
pub fn queues() -> Result<Design, DesignError> {
    Design::new(module("queues", |m| {
        m.doc("Streams through skid buffers and queues of many shapes.");
        let producers = sources(m, "producer", CHANNELS.len());
        let consumers = sources(m, "consumer", CHANNELS.len());
        let mut observed = Vec::new();
        for (index, &(first, second, lanes, width)) in CHANNELS.iter().enumerate() {
            let lane: Ty = u(width);
            let stages = [
                skid_buffer::skid_buffer(lanes, lane),
                fifo::fifo(first, lanes, lane),
                fifo::fifo(second, lanes, lane),
                skid_buffer::skid_buffer(lanes, lane),
            ];
            // A stream keeps its word until it is taken: valid and payload are registers.
            let (word, ready) = (producers[index], consumers[index]);
            let offered = m.register(&format!("offered_{index}_q"), u(1)).reset(0);
            let payload: Vec<_> = (0..lanes)
                .map(|lane_index| m.register(&format!("payload_{index}_{lane_index}_q"), lane).reset(0))
                .collect();
            let (mut valid, mut values) = (offered.q, payload.iter().map(|lane| lane.q).collect::<Vec<Signal>>());
            let mut before = None;
            for (stage, body) in stages.iter().enumerate() {
                let instance = m.instance(&format!("stage_{index}_{stage}"), body);
                instance.input("push_valid_i", valid);
                bundle::connect(&instance, "push", &values);
                valid = instance.output("pop_valid_o");
                values = bundle::of(&instance, "pop", lanes);
                let push_ready = instance.output("push_ready_o");
                match before.replace(instance) {
                    None => {
                        let free = !offered.q | push_ready;
                        offered.next_when(free, word.slice(28, 2).any());
                        for (lane_index, register) in payload.iter().enumerate() {
                            let low = (lane_index as u32 * width) % (33 - width);
                            register.next_when(free, word.slice(low, width));
                        }
                    }
                    Some(before) => _ = before.input("pop_ready_i", push_ready),
                }
            }
            let ready = ready.slice(20 + index as u32 % 4, 3).ne(0);
            before.iter().for_each(|last| _ = last.input("pop_ready_i", ready));
            // What leaves counts only when it is taken: a word that waits is unspecified in reset.
            let taken = valid & ready;
            let zero = m.constant(lane, 0);
            observed.push(taken);
            observed.extend(values.iter().map(|&value| myelin_hdl::mux(taken, value, zero)));
        }
        sinks(m, &observed);
    }))
}
