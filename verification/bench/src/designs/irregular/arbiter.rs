//! Round-robin arbiter.
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `request_i` | `count` | who wants |
//! | `advance_i` | 1 | the grant is used: its holder comes last from the next cycle on |
//! | `grant_o` | `count` | one-hot, or 0 where nobody wants; combinational |

use std::sync::Arc;

use myelin_hdl::{Module, Signal, module, mux, u};

/// Builds the arbiter for `count` requests.
pub fn round_robin(count: u32) -> Arc<Module> {
    module(format!("round_robin_{count}"), |m| {
        let request = m.input("request_i", u(count));
        let advance = m.input("advance_i", u(1));
        let zero = m.constant(u(count), 0);
        // Those above the last holder.
        let above = m.register("above_q", u(count)).reset(0);
        let lowest = |requests: Signal| requests & zero.wrapping_sub(requests);
        let preferred = request & above.q;
        let grant = mux(preferred.any(), lowest(preferred), lowest(request)).named("grant");
        let up_to = grant | grant.wrapping_sub(1);
        above.next_when(advance & grant.any(), !up_to);
        m.output("grant_o", grant);
        m.assert("grants_at_most_one", (grant & grant.wrapping_sub(1)).eq(0));
        m.assert("grants_only_who_wants", (grant & !request).eq(0));
    })
}
