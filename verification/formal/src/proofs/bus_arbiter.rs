//! The stick's bus arbiter.

use std::sync::Arc;

use myelin_hdl::{Module, Signal, choose, concat, module, tree_reduce, u};
use myelin_rtl::bus;

use crate::proof::{Method, Mutant, Proof};
use crate::watch::implies;

const MANAGERS: usize = 4;

/// One bit at most.
fn at_most_one(bits: &[Signal]) -> Signal {
    let mut pairs = Vec::new();
    for (index, &one) in bits.iter().enumerate() {
        pairs.extend(bits[index + 1..].iter().map(|&other| !(one & other)));
    }
    tree_reduce(&pairs, |a, b| a & b)
}

fn any(bits: &[Signal]) -> Signal {
    tree_reduce(bits, |a, b| a | b)
}

/// The arbiter, and beside it how often each manager was served while another waited.
fn watched() -> Arc<Module> {
    module("bus_arbiter_proof", |m| {
        m.doc("Bus arbiter with what watches it.");
        let inside = bus::declare_arbiter(m, MANAGERS, bus::Cut::Requests);
        let words = |request: &bus::Request| {
            [concat(&[request.valid, request.write, request.enables]), request.address, request.data]
        };
        // What is on the bus: as it was, while it is not carried out.
        for (part, now) in words(&inside.bus).into_iter().enumerate() {
            let before = m.delay(&format!("bus_{part}_q"), now);
            m.assert(&format!("part_{part}_of_a_request_stays_on_the_bus"), implies(inside.locked, now.eq(before)));
        }
        for (manager, request) in inside.managers.iter().enumerate() {
            let granted = m.register(&format!("waits_on_bus_{manager}_q"), u(1)).reset(0);
            granted.next(inside.grants[manager] & inside.bus.valid & !inside.ready);
            for (part, now) in words(request).into_iter().enumerate() {
                let before = m.delay(&format!("request_{manager}_{part}_q"), now);
                m.assume(
                    &format!("manager_{manager}_holds_part_{part}_on_the_bus"),
                    implies(granted.q, now.eq(before)),
                );
            }
            m.assert(&format!("manager_{manager}_keeps_the_bus"), implies(granted.q, inside.grants[manager]));
            m.assert(
                &format!("manager_{manager}_is_on_the_bus_while_locked"),
                granted.q.eq(inside.locked & inside.owners[manager]),
            );
        }
        let wanted: Vec<Signal> = inside.managers.iter().map(|request| request.valid).collect();
        m.assert("one_manager_at_most_has_the_bus", at_most_one(&inside.grants));
        m.assert("somebody_has_it_whenever_somebody_wants_it", any(&inside.grants).eq(any(&wanted)));
        m.assert("one_manager_has_had_it_last", at_most_one(&inside.owners) & any(&inside.owners));

        for (waiting, &wants) in wanted.iter().enumerate() {
            let waits = wants & !(inside.grants[waiting] & inside.ready);
            for other in (0..MANAGERS).filter(|&other| other != waiting) {
                let name = format!("served_{other}_while_{waiting}_waits_q");
                let served = m.register(&name, u(2)).reset(0);
                let serves = inside.grants[other] & inside.ready & inside.bus.valid;
                served.next(choose(served.q).when(!waits, 0).when(serves, served.q.wrapping_add(1)).end());
                m.assert(&format!("manager_{other}_is_served_once_at_most_while_{waiting}_waits"), served.q.le(1));
                // From the last owner on, the one that waits comes before the one that was served.
                let distance = |from: usize, to: usize| (to + 2 * MANAGERS - from - 1) % MANAGERS;
                let before = (0..MANAGERS).filter(|&last| distance(last, waiting) < distance(last, other));
                let before: Vec<Signal> = before.map(|last| inside.owners[last]).collect();
                let has_it = inside.locked & inside.owners[waiting];
                m.assert(
                    &format!("manager_{other}_has_not_the_bus_again_while_{waiting}_waits"),
                    implies(served.q.any(), !(inside.locked & inside.owners[other])),
                );
                m.assert(
                    &format!("manager_{waiting}_comes_before_{other}_then"),
                    implies(served.q.any(), any(&before) | has_it),
                );
            }
        }
        m.cover("all_want_it_and_wait", tree_reduce(&wanted, |a, b| a & b) & inside.locked);
    })
}

pub(super) fn proofs() -> Vec<Proof> {
    vec![Proof {
        name: "bus_arbiter",
        subject: "bus arbiter of 4 managers",
        build: watched,
        method: Method::Induction { base: 4, steps: 2 },
        reach_steps: 10,
        proved: "one manager at most has the bus, one whenever somebody wants it; a request on the bus stays there unchanged until it \
                 is carried out; while a manager waits, each other one is served once at most: nobody starves",
        assumed: "a manager does not change its request while that is on the bus",
        holes: "other numbers of managers are simulated only; that subordinates answer is theirs to show",
        mutants: &[
            Mutant {
                bug: "forgets that a request is on the bus",
                from: "wire grant_0 = locked_q ?",
                to: "wire grant_0 = 1'b0 ?",
            },
            Mutant { bug: "forgets whose turn it was", from: "owner_1_q <= grant_1;", to: "owner_1_q <= 1'b0;" },
        ],
    }]
}
