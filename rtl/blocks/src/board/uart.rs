//! UART: 8 data bits, no parity, 1 stop bit; one stream of bytes each way.
//!
//! ```text
//!           +------+
//!  rx_i   ->| uart |-> receive_*   bytes received
//!  tx_o   <-|      |<- send_*      bytes to send
//!           +------+
//! ```
//!
//! | port | width | meaning | in reset |
//! |---|---|---|---|
//! | `divisor_i` | 24 | clocks of a bit in 1/256, at least [`DIVISOR_MIN`]; may change between bytes | |
//! | `rx_i`, `tx_o` | 1 | the line, high while idle | `tx_o` is 1 |
//! | `receive_valid_o`, `receive_o` | 1, 8 | a byte is here, for one cycle: whoever is not ready loses it | valid is 0 |
//! | `framing_o` | 1 | a stop bit was low, for one cycle; its byte is dropped | 0 |
//! | `send_valid_i`, `send_i`, `send_ready_o` | 1, 8, 1 | bytes to send, a stream | ready is 1 |
//! | `idle_o` | 1 | the line has carried everything | 1 |
//!
//! **Timing.** Bits are `divisor / 256` clocks on average: every bit begins within one clock of its place, counted
//! from the first edge of the start bit. Each bit is sampled in its middle, give or take one clock. A byte is ready [`LATENCY`]
//! cycles after the middle of its stop bit at the input. Bytes are sent without gaps while they are there.
//!
//! **Numbers.** With both clocks exact, the last sample is off by at most 2 clocks and the fraction; 4 clocks a bit
//! leave the receiver half a bit, so two ends may differ by (0.5 - 2 / clocks of a bit) / 9.5 of a bit.
//!
//! **Noise.** A start bit that is over in its middle is no byte. After a framing error the receiver waits for a high line.

use std::sync::Arc;

use myelin_hdl::{Module, ModuleBuilder, Register, Signal, choose, concat, module, mux, u};

/// Bits of a divisor.
pub const DIVISOR_WIDTH: u32 = 24;
/// The least divisor: 4 clocks a bit.
pub const DIVISOR_MIN: i64 = 4 << 8;
/// Cycles from the middle of the stop bit to its byte.
pub const LATENCY: usize = 3;

/// The divisor for a line rate, rounded to the nearest.
pub const fn divisor(clock_hz: u32, baud: u32) -> u32 {
    ((clock_hz as u64 * 256 + baud as u64 / 2) / baud as u64) as u32
}

/// Builds the UART.
pub fn uart() -> Arc<Module> {
    module("uart", |m| {
        m.doc("UART: 8 data bits, no parity, 1 stop bit, with a fractional divisor.");
        let divisor = m.input("divisor_i", u(DIVISOR_WIDTH));
        m.assume("a_bit_has_four_clocks", divisor.ge(DIVISOR_MIN));
        receiver(m, divisor);
        transmitter(m, divisor);
    })
}

/// Time left in a bit, in 1/256 clocks.
struct BitTimer {
    left: Register,
    /// Less than a clock is left: this is the last of the bit.
    ends: Signal,
}

impl BitTimer {
    fn new(m: &ModuleBuilder, name: &str) -> BitTimer {
        let left = m.register(&format!("{name}_left_q"), u(DIVISOR_WIDTH));
        let ends = (!left.q.slice(8, DIVISOR_WIDTH - 8).any()).named(&format!("{name}_bit_ends"));
        BitTimer { left, ends }
    }

    /// Bit follows bit; where `begins` is 1, `time` is left from the next cycle on.
    fn run(self, divisor: Signal, begins: Signal, time: Signal) {
        // One adder: the fraction that is left over counts for the next bit.
        let clocks = divisor.slice(8, DIVISOR_WIDTH - 8).wrapping_sub(1);
        let step =
            concat(&[mux(self.ends, clocks, (1 << (DIVISOR_WIDTH - 8)) - 1), mux(self.ends, divisor.slice(0, 8), 0)]);
        self.left.next(mux(begins, time, self.left.q.wrapping_add(step)));
    }
}

/// `time` less one clock.
fn less_a_clock(time: Signal) -> Signal {
    let clocks = time.slice(8, time.width() - 8).wrapping_sub(1);
    concat(&[clocks, time.slice(0, 8)])
}

fn receiver(m: &ModuleBuilder, divisor: Signal) {
    let line = m.input("rx_i", u(1));
    // Two registers against metastability; idle lines are high.
    let synchronised = m.register("rx_0_q", u(1)).reset(1);
    synchronised.next(line);
    let rx = m.register("rx_1_q", u(1)).reset(1);
    rx.next(synchronised.q);

    // Bits still to come, the start bit included: 10 when it begins.
    let bits = m.register("receive_bits_q", u(4)).reset(0);
    let armed = m.register("armed_q", u(1)).reset(0);
    let idle = (!bits.q.any()).named("receiver_idle");
    let begins = (idle & armed.q & !rx.q).named("receive_begins");
    let half = concat(&[m.constant(u(1), 0), divisor.slice(1, DIVISOR_WIDTH - 1)]);
    let timer = BitTimer::new(m, "receive");
    let sample = (timer.ends & !idle).named("sample");
    timer.run(divisor, begins, less_a_clock(half));
    let is_start = bits.q.eq(10);
    let is_stop = bits.q.eq(1);
    let false_start = (is_start & rx.q).named("false_start");
    bits.next(choose(bits.q).when(begins, 10).when(sample & false_start, 0).when(sample, bits.q.wrapping_sub(1)).end());
    // A low line in idle begins a byte only after it was high.
    armed.next(mux(idle, (armed.q | rx.q) & !begins, sample & is_stop & rx.q));
    let shift = m.register("received_q", u(8));
    shift.next_when(sample, concat(&[rx.q, shift.q.slice(1, 7)]));
    let valid = m.register("receive_valid_q", u(1)).reset(0);
    // The stop bit does not enter the byte.
    valid.next(sample & is_stop & rx.q);
    let framing = m.register("framing_q", u(1)).reset(0);
    framing.next(sample & is_stop & !rx.q);
    let byte = m.register("receive_byte_q", u(8));
    byte.next_when(sample & is_stop, shift.q);
    m.output("receive_valid_o", valid.q);
    m.output("receive_o", byte.q);
    m.output("framing_o", framing.q);
    m.cover("a_start_bit_was_noise", sample & false_start);
    m.cover("a_stop_bit_is_missing", framing.q);
}

fn transmitter(m: &ModuleBuilder, divisor: Signal) {
    let valid = m.input("send_valid_i", u(1));
    let byte = m.input("send_i", u(8));
    // Bits still to go, the one on the line included.
    let bits = m.register("send_bits_q", u(4)).reset(0);
    let idle = (!bits.q.any()).named("transmitter_idle");
    let timer = BitTimer::new(m, "send");
    let shifts = (timer.ends & !idle).named("send_shifts");
    // The last clock of a stop bit takes the next byte: no gap.
    let ready = (idle | shifts & bits.q.eq(1)).named("send_ready");
    let begins = (valid & ready).named("send_begins");
    timer.run(divisor, begins, less_a_clock(divisor));
    bits.next(choose(bits.q).when(begins, 10).when(shifts, bits.q.wrapping_sub(1)).end());
    let one = m.constant(u(1), 1);
    let shift = m.register("send_shift_q", u(9));
    shift.next(
        choose(shift.q)
            .when(begins, concat(&[byte, m.constant(u(1), 0)]))
            .when(shifts, concat(&[one, shift.q.slice(1, 8)]))
            .end(),
    );
    let line = m.register("tx_q", u(1)).reset(1);
    line.next(idle | shift.q.bit(0));
    m.output("tx_o", line.q);
    m.output("send_ready_o", ready);
    m.output("idle_o", idle & !valid & line.q);
}
