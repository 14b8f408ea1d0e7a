//! Arbiter: several managers take turns on one bus.
//!
//! ```text
//!                +---------+
//!  manager_0_* ->|         |
//!  manager_1_* ->| arbiter |-> bus_*
//!  manager_k_* ->|         |
//!                +---------+
//! ```
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `manager_<k>_valid_i`, `_write_i`, `_address_i`, `_data_i`, `_enables_i` | 1, 1, 32, 32, 4 | requests |
//! | `manager_<k>_ready_o` | 1 | the request of manager k is carried out in this cycle; the bus' data is for it |
//! | `bus_*_o`, `bus_ready_i` | | the request that has the bus |
//!
//! **Timing.** No cycle is lost: a request is on the bus in the cycle in which it is made, if the bus is free. What is on
//! the bus stays until it is carried out. Managers take turns: who waits sees each other manager at most
//! once before its own turn.
//!
//! **Proved** (`verification/formal`): at most one manager is answered in a cycle, the request on the bus does not change
//! until it is carried out, and nobody waits for more than one request of each other manager and the one under way.

use std::sync::Arc;

use myelin_hdl::{Module, ModuleBuilder, Signal, module, mux, tree_reduce, u};

use super::{Cut, Request};

/// Builds the arbiter for so many managers, 2 or more, on a bus whose paths are cut so. Where they are cut both ways the bus never
/// answers in the cycle in which a request comes to it, and who is answered is known without asking who has come.
pub fn arbiter(managers: usize, cut: Cut) -> Arc<Module> {
    module(format!("bus_arbiter_{managers}"), |m| {
        m.doc("Arbiter: managers take turns; what is on the bus stays until it is carried out.");
        declare(m, managers, cut);
    })
}

/// What is inside, for a module that watches it.
pub struct Inside {
    /// The managers' requests.
    pub managers: Vec<Request>,
    /// Who has the bus in this cycle, a bit each.
    pub grants: Vec<Signal>,
    /// Who has had it last, a bit each.
    pub owners: Vec<Signal>,
    /// Something was on the bus in the last cycle and was not carried out.
    pub locked: Signal,
    /// The request on the bus.
    pub bus: Request,
    /// It is carried out.
    pub ready: Signal,
}

/// The arbiter and all ports in the open module `m`: [`arbiter`] and its proof share it.
pub fn declare(m: &ModuleBuilder, managers: usize, cut: Cut) -> Inside {
    assert!(managers >= 2, "{managers} managers: expected 2 or more");
    let requests: Vec<Request> =
        (0..managers).map(|manager| Request::input(m, &format!("manager_{manager}"), 32)).collect();
    let ready = m.input("bus_ready_i", u(1));

    let locked = m.register("locked_q", u(1)).reset(0);
    let owners: Vec<_> = (0..managers)
        .map(|manager| m.register(&format!("owner_{manager}_q"), u(1)).reset(i64::from(manager == 0)))
        .collect();
    // The turn goes to the first who wants it behind the one who had it last, itself at the end.
    let turn = |manager: usize| {
        let ways = (1..=managers).map(|distance| {
            let last = (manager + managers - distance) % managers;
            // Nobody between them wants it.
            (1..distance).fold(owners[last].q, |way, step| way & !requests[(last + step) % managers].valid)
        });
        let ways: Vec<Signal> = ways.collect();
        requests[manager].valid & tree_reduce(&ways, |a, b| a | b)
    };
    let grants: Vec<Signal> = (0..managers)
        .map(|manager| mux(locked.q, owners[manager].q, turn(manager)).named(&format!("grant_{manager}")))
        .collect();
    let of = |part: fn(&Request) -> Signal| {
        let parts: Vec<Signal> =
            requests.iter().zip(&grants).map(|(request, &grant)| mux(grant, part(request), 0)).collect();
        tree_reduce(&parts, |a, b| a | b)
    };
    let bus = Request {
        valid: of(|request| request.valid),
        write: of(|request| request.write),
        address: of(|request| request.address),
        data: of(|request| request.data),
        enables: of(|request| request.enables),
    };
    locked.next(bus.valid & !ready);
    for (owner, &grant) in owners.iter().zip(&grants) {
        owner.next_when(bus.valid, grant);
    }
    for (manager, (&grant, owner)) in grants.iter().zip(&owners).enumerate() {
        let answered = match cut {
            Cut::Requests => grant,
            Cut::Both => owner.q,
        };
        m.output(&format!("manager_{manager}_ready_o"), answered & ready);
    }
    if cut == Cut::Both {
        m.assert("the_bus_answers_what_was_on_it_before", !ready | locked.q);
    }
    bus.output(m, "bus");
    let owners: Vec<Signal> = owners.iter().map(|owner| owner.q).collect();
    m.cover("all_want_the_bus", tree_reduce(&requests.iter().map(|r| r.valid).collect::<Vec<_>>(), |a, b| a & b));
    Inside { managers: requests, grants, owners, locked: locked.q, bus, ready }
}
