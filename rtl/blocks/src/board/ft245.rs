//! FT245 asynchronous FIFO: bytes to and from a USB bridge (FT2232H, FT245R) over eight wires and four strobes.
//!
//! ```text
//!                +-------+
//!  rxf_n, data ->|       |-> receive_*  bytes from the host
//!  rd_n        <-| ft245 |
//!  txe_n       ->|       |<- send_*     bytes to the host
//!  wr_n, data  <-|       |
//!                +-------+
//! ```
//!
//! | port | width | meaning | in reset |
//! |---|---|---|---|
//! | `data_i`, `data_o`, `data_enable_o` | 8, 8, 1 | the wires; driven while enabled | enable is 0 |
//! | `rxf_n_i`, `rd_n_o` | 1 | low: a byte is there; low: put it on the wires | `rd_n_o` is 1 |
//! | `txe_n_i`, `wr_n_o` | 1 | low: there is room; its falling edge takes the byte from the wires | `wr_n_o` is 1 |
//! | `receive_valid_o`, `receive_o`, `receive_ready_i` | 1, 8, 1 | a byte from the host; taken only where ready | valid is 0 |
//! | `send_valid_i`, `send_i`, `send_ready_o` | 1, 8, 1 | a byte for the host, a stream | ready is 0 |
//! | `idle_o` | 1 | no byte is on its way to the host | 1 |
//!
//! **Timing.** All times of the FT2232H's datasheet are kept with room to spare ([`STROBE_NS`], [`PAUSE_NS`]): a byte takes a strobe, a
//! pause and [`OVERHEAD`] clocks, at 80 MHz 13 clocks, 6.1 MB/s. Directions take turns where both want.
//!
//! **Source.** FT2232H datasheet, asynchronous FIFO mode: RD# and WR# low at least 30 ns, data valid 14 ns after RD#
//! falls, RXF# and TXE# not to be believed for 49 ns after a strobe ends, data set up 5 ns before WR# falls.

use std::sync::Arc;

use myelin_hdl::{Module, choose, module, mux, u};

/// How long a strobe is low, at least.
pub const STROBE_NS: u32 = 45;
/// How long RXF# and TXE# are not looked at after a strobe, besides the clocks that synchronise them.
pub const PAUSE_NS: u32 = 60;
/// Clocks of a byte beyond strobe and pause.
pub const OVERHEAD: u32 = 4;

/// Clocks that last so long at least, at such a clock.
pub const fn clocks(nanoseconds: u32, clock_hz: u32) -> u32 {
    (nanoseconds as u64 * clock_hz as u64).div_ceil(1_000_000_000) as u32
}

/// Builds the port for a clock.
pub fn ft245(clock_hz: u32) -> Arc<Module> {
    let (strobe, pause) = (clocks(STROBE_NS, clock_hz), clocks(PAUSE_NS, clock_hz));
    let width = u(32 - (strobe.max(pause) + 2).leading_zeros());
    module("ft245", |m| {
        m.doc("FT245 asynchronous FIFO: bytes to and from a USB bridge.");
        let data = m.input("data_i", u(8));
        let strobes = [m.input("rxf_n_i", u(1)), m.input("txe_n_i", u(1))];
        let receive_ready = m.input("receive_ready_i", u(1));
        let send_valid = m.input("send_valid_i", u(1));
        let send = m.input("send_i", u(8));
        let [there, room] = ["rxf", "txe"].map(|name| {
            let strobe = strobes[usize::from(name == "txe")];
            let first = m.register(&format!("{name}_n_0_q"), u(1)).reset(1);
            first.next(strobe);
            let second = m.register(&format!("{name}_n_1_q"), u(1)).reset(1);
            second.next(first.q);
            (!second.q).named(name)
        });

        // A transfer: `left` clocks of strobe, then of pause.
        let reading = m.register("rd_q", u(1)).reset(0);
        let writing = m.register("wr_q", u(1)).reset(0);
        let setting_up = m.register("setting_up_q", u(1)).reset(0);
        let left = m.register("left_q", width).reset(i64::from(pause));
        let was_read = m.register("was_read_q", u(1)).reset(0);
        let free = (!reading.q & !writing.q & !setting_up.q & !left.q.any()).named("free");
        let (may_read, may_write) = (there & receive_ready, room & send_valid);
        let reads = (free & may_read & !(may_write & was_read.q)).named("reads");
        let writes = (free & may_write & !reads).named("writes");
        let strobe_ends = ((reading.q | writing.q) & left.q.eq(1)).named("strobe_ends");
        was_read.next_when(reads | writes, reads);
        reading.next(choose(reading.q).when(reads, 1).when(strobe_ends, 0).end());
        setting_up.next(writes);
        writing.next(choose(writing.q).when(setting_up.q, 1).when(strobe_ends, 0).end());
        left.next(
            choose(mux(left.q.any(), left.q.wrapping_sub(1), 0))
                .when(reads | setting_up.q, i64::from(strobe))
                .when(strobe_ends, i64::from(pause))
                .end(),
        );
        let byte = m.register("send_q", u(8));
        byte.next_when(writes, send);
        let received = m.register("received_q", u(8));
        let taken = (strobe_ends & reading.q).named("taken");
        received.next_when(taken, data);
        let valid = m.register("receive_valid_q", u(1)).reset(0);
        valid.next(taken);
        // The wires are held for a clock beyond the strobe.
        let holding = m.register("holding_q", u(1)).reset(0);
        holding.next(writing.q);

        m.output("data_o", byte.q);
        m.output("data_enable_o", setting_up.q | writing.q | holding.q);
        m.output("rd_n_o", !reading.q);
        m.output("wr_n_o", !writing.q);
        m.output("receive_valid_o", valid.q);
        m.output("receive_o", received.q);
        m.output("send_ready_o", writes);
        m.output("idle_o", !writing.q & !setting_up.q & !send_valid);
        m.assert("the_wires_have_one_driver", !(reading.q & (setting_up.q | writing.q | holding.q)));
        m.cover("both_directions_want", free & may_read & may_write);
    })
}
