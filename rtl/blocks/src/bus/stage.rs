//! A register stage on the bus: cuts the paths from managers to subordinates, and back.
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `manager_*` | | subordinate end, towards the arbiter; `manager_ready_o`, `manager_data_o` |
//! | `bus_*` | | manager end, towards the subordinates |
//!
//! **Timing.** A request reaches the subordinates one cycle later, from registers. The answer goes back in its own cycle
//! ([`Cut::Requests`]) or one cycle later, from registers too ([`Cut::Both`]). With [`Cut::Both`] valid comes one more cycle later than the
//! rest of the request, which says meanwhile whom it is for. The next request is taken in the cycle after the answer.

use std::sync::Arc;

use myelin_hdl::{Module, choose, module, u};

use super::{Answer, Request};

/// Which paths are cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// From manager to subordinate.
    Requests,
    /// That, and back; and from there to whom the request is for.
    Both,
}

/// Builds the stage.
pub fn stage(cut: Cut) -> Arc<Module> {
    module("bus_stage", |m| {
        m.doc("A register stage on the bus.");
        let from = Request::input(m, "manager", 32);
        let ready = m.input("bus_ready_i", u(1));
        let data = m.input("bus_data_i", u(32));
        let held = m.register("held_q", u(1)).reset(0);
        let answered = m.register("answered_q", u(1)).reset(0);
        let takes = (from.valid & !held.q & !answered.q).named("takes");
        held.next(choose(held.q).when(takes, 1).when(ready, 0).end());
        // What is held while it is of no use may change.
        let keep = |name: &str, value: myelin_hdl::Signal| {
            let register = m.register(name, value.ty());
            register.next_when(!held.q, value);
            register.q
        };
        let valid = match cut {
            Cut::Requests => held.q,
            Cut::Both => {
                let settled = m.register("settled_q", u(1)).reset(0);
                settled.next(held.q & !(settled.q & ready));
                settled.q
            }
        };
        let request = Request {
            valid,
            write: keep("write_q", from.write),
            address: keep("address_q", from.address),
            data: keep("data_q", from.data),
            enables: keep("enables_q", from.enables),
        };
        request.output(m, "bus");
        let done = held.q & ready;
        let answer = match cut {
            Cut::Requests => {
                answered.next(m.constant(u(1), 0));
                Answer { ready: done, data }
            }
            Cut::Both => {
                answered.next(done);
                Answer { ready: answered.q, data: m.delay("answer_q", data) }
            }
        };
        answer.output(m, "manager");
        m.assert("ready_only_for_a_request", valid | !ready);
    })
}
