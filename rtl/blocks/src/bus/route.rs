//! Routes a request to the subordinate that its address is for.

use myelin_hdl::{InstanceHandle, ModuleBuilder, Signal, mux, tree_reduce, u};

use super::{Answer, Request};

/// A subordinate in the open module: a child with the bus end `bus`.
pub struct Target<'a> {
    /// One bit: the address is for it.
    pub selected: Signal,
    /// The child.
    pub child: &'a InstanceHandle,
    /// Name of its bus end.
    pub name: &'a str,
    /// Its address bits.
    pub address_bits: u32,
}

/// Connects the subordinates, of which at most one is selected; what they answer. A request for none of them is answered in the cycle
/// after it with 0.
pub fn route(m: &ModuleBuilder, request: &Request, targets: &[Target<'_>]) -> Answer {
    let lost = m.register("lost_q", u(1)).reset(0);
    let found: Vec<Signal> = targets.iter().map(|target| target.selected).collect();
    let found = tree_reduce(&found, |a, b| a | b).named("address_is_known");
    lost.next(request.valid & !found & !lost.q);
    let (mut readies, mut data) = (vec![lost.q], Vec::new());
    for target in targets {
        let own = Request { valid: request.valid & target.selected, ..*request };
        own.connect(target.child, target.name, target.address_bits);
        let answer = Answer::of(target.child, target.name);
        readies.push(answer.ready & target.selected);
        data.push(mux(target.selected, answer.data, 0));
    }
    Answer { ready: tree_reduce(&readies, |a, b| a | b), data: tree_reduce(&data, |a, b| a | b) }
}
