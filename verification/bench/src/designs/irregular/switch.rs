//! A switch: five inputs with queues, five outputs with a round-robin arbiter each; beside it
//! arbiters of other sizes whose requesters wait until they are served.

use myelin_hdl::{Design, DesignError, Signal, concat, module, mux, tree_reduce, u};
use myelin_rtl::prim::{fifo, skid_buffer};

use super::arbiter::round_robin;
use crate::designs::stimulus::{sinks, sources};

const PORTS: usize = 5;
/// Bits of a word; the low three name its output.
const WORD: u32 = 24;
/// Requests of the arbiters beside the switch.
const OTHERS: [u32; 4] = [3, 7, 16, 29];

/// Builds it.
///
/// # Errors
/// Never: the names are identifiers.
pub fn switch() -> Result<Design, DesignError> {
    Design::new(module("switch_bench", |m| {
        m.doc("Five-port switch with round-robin arbiters, and arbiters of other sizes.");
        let noise = sources(m, "noise", 2 * PORTS + OTHERS.len());
        let word = u(WORD);
        let queue = fifo::fifo(4, 1, word);
        let slice = skid_buffer::skid_buffer(1, word);
        let arbiter = round_robin(PORTS as u32);
        let zero = m.constant(word, 0);
        let mut observed = Vec::new();

        let queues: Vec<_> = (0..PORTS)
            .map(|port| {
                let queue = m.instance(&format!("queue_{port}"), &queue);
                let offered = m.register(&format!("offered_{port}_q"), u(1)).reset(0);
                let held = m.register(&format!("held_{port}_q"), word).reset(0);
                let free = !offered.q | queue.output("push_ready_o");
                offered.next_when(free, noise[port].slice(29, 3).ge(3));
                // Destinations beyond the last go to the one before.
                let destination = noise[port].slice(0, 3);
                let legal = mux(destination.lt(PORTS as i64), destination, destination.slice(1, 2).extend(u(3)));
                held.next_when(free, concat(&[noise[port].slice(8, WORD - 3), legal]));
                queue.input("push_valid_i", offered.q).input("push_0_i", held.q);
                queue
            })
            .collect();
        let heads: Vec<Signal> = queues.iter().map(|queue| queue.output("pop_0_o")).collect();
        let mut served: Vec<Vec<Signal>> = vec![Vec::new(); PORTS];
        for output in 0..PORTS {
            let wanted = queues
                .iter()
                .zip(&heads)
                .rev()
                .map(|(queue, head)| queue.output("pop_valid_o") & head.slice(0, 3).eq(output as i64));
            let request = concat(&wanted.collect::<Vec<_>>());
            let arbiter = m.instance(&format!("arbiter_{output}"), &arbiter);
            let slice = m.instance(&format!("slice_{output}"), &slice);
            let ready = slice.output("push_ready_o");
            let grant = arbiter.input("request_i", request).input("advance_i", ready).output("grant_o");
            let chosen: Vec<Signal> =
                heads.iter().enumerate().map(|(port, &head)| mux(grant.bit(port as u32), head, zero)).collect();
            slice.input("push_valid_i", grant.any()).input("push_0_i", tree_reduce(&chosen, |a, b| a | b));
            let taken = noise[PORTS + output].slice(12, 2).any();
            slice.input("pop_ready_i", taken);
            let left = slice.output("pop_valid_o") & taken;
            observed.push(mux(left, slice.output("pop_0_o"), zero));
            served.iter_mut().enumerate().for_each(|(port, grants)| grants.push(grant.bit(port as u32) & ready));
        }
        for (queue, grants) in queues.iter().zip(&served) {
            queue.input("pop_ready_i", tree_reduce(grants, |a, b| a | b));
        }

        for (index, &count) in OTHERS.iter().enumerate() {
            let waiting = m.register(&format!("waiting_{count}_q"), u(count)).reset(0);
            let arbiter = m.instance(&format!("arbiter_of_{count}"), &round_robin(count));
            let noise = noise[2 * PORTS + index];
            let grant = arbiter.input("request_i", waiting.q).input("advance_i", noise.bit(31)).output("grant_o");
            let used = mux(noise.bit(31), grant, m.constant(u(count), 0));
            let coming = noise.slice(0, count) & noise.rotate_left(11).slice(0, count);
            waiting.next(waiting.q & !used | coming);
            observed.push(used);
        }
        sinks(m, &observed);
    }))
}
