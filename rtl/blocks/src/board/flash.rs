//! SPI flash: exchanges bytes for the core, and receives streams into memory.
//!
//! ```text
//!  bus_*     ->+-------+-> select_n_o, clock_o, data_o
//!  memory_*  <-| flash |<- data_i
//!              +-------+
//! ```
//!
//! | port | width | meaning | in reset |
//! |---|---|---|---|
//! | `bus_*` | | subordinate end: the registers of [`myelin_isa::stick::flash`] | |
//! | `memory_*` | | manager end: writes of streamed bytes | valid is 0 |
//! | `select_n_o`, `clock_o`, `data_o`, `data_i` | 1 | the chip's pins, mode 0 | 1, 0, 0 |
//! | `interrupt_o` | 1 | not busy, and that interrupts | 0 |
//!
//! **Timing.** A bit is two halves of `CONTROL[15:8] + 1` clocks. The chip sees data while its clock is low before a rising edge; what
//! it answers is sampled where its clock falls again, so it has a whole bit for that. A byte of a stream takes 8 bits and
//! three clocks, and waits with the chip's clock low while its predecessor is not in memory.
//! DATA and CONTROL wait on the bus while a byte is exchanged, and while a stream goes on only writes to them do.

use std::sync::Arc;

use myelin_hdl::{Module, choose, concat, module, mux, u};
use myelin_isa::stick::{flash, memory};

use crate::bus::{Cut, Port, Request};

/// Bits of the length of a stream.
pub const LENGTH_WIDTH: u32 = 24;
/// Bits of the address within a block of registers.
pub const ADDRESS_WIDTH: u32 = memory::BLOCK_BYTES.trailing_zeros();

/// Builds the controller; streams go to offsets of so many bits in a region of the address space. It is on a bus whose paths are cut so.
pub fn flash(offset_bits: u32, cut: Cut) -> Arc<Module> {
    module("spi_flash", |m| {
        m.doc("SPI flash: exchanges bytes for the core, and receives streams into memory.");
        let data = m.input("data_i", u(1));
        let memory_ready = m.input("memory_ready_i", u(1));

        let exchanging = m.register("exchanging_q", u(1)).reset(0);
        let length = m.register("length_q", u(LENGTH_WIDTH)).reset(0);
        // That the length is not 0: it would be asked late.
        let streaming = m.register("streaming_q", u(1)).reset(0);
        let busy = (exchanging.q | streaming.q).named("busy");
        let port = Port::new(m, ADDRESS_WIDTH, cut, |decode, request| {
            let word = request.address.slice(2, ADDRESS_WIDTH - 2);
            let at = |register: u32| decode.of(word, register);
            (at(flash::DATA) | at(flash::CONTROL)) & mux(request.write, busy, exchanging.q)
        });
        let selected = m.register("selected_q", u(1)).reset(0);
        selected.next_when(port.writes(flash::CONTROL), port.data.bit(0));
        let half = m.register("half_q", u(8)).reset(0);
        half.next_when(port.writes(flash::CONTROL), port.data.slice(8, 8));
        let interrupts = port.register(m, "interrupts_q", flash::INTERRUPT, 1, 0);

        // A byte: 16 halves of a bit, the chip's clock low in the first.
        let received = m.register("received_q", u(1)).reset(0);
        let starts_stream = port.writes(flash::DMA_LENGTH) & !busy;
        let stream_byte = (streaming.q & !exchanging.q & !received.q).named("stream_byte");
        let exchange = port.writes(flash::DATA).named("exchange");
        let starts = (exchange | stream_byte).named("starts");
        let halves = m.register("halves_q", u(4));
        let left = m.register("left_q", u(8));
        let half_ends = (exchanging.q & !left.q.any()).named("half_ends");
        let ends = (half_ends & halves.q.all()).named("ends");
        exchanging.next(choose(exchanging.q).when(starts, 1).when(ends, 0).end());
        halves.next(choose(halves.q).when(starts, 0).when(half_ends, halves.q.wrapping_add(1)).end());
        // Nothing changes while nothing is exchanged.
        left.next(mux(exchanging.q & !half_ends, left.q.wrapping_sub(1), half.q));
        // The pins' registers follow in the same clock: low, high, low ...
        let clock = m.register("clock_q", u(1)).reset(0);
        clock.next(exchanging.q & (half_ends ^ clock.q));
        let falls = (half_ends & halves.q.bit(0)).named("falls");
        let shift = m.register("shift_q", u(8));
        shift.next(
            choose(shift.q)
                .when(exchange, port.data.slice(0, 8))
                .when(stream_byte, 0)
                .when(falls, concat(&[shift.q.slice(0, 7), data]))
                .end(),
        );

        // Bytes of a stream go to memory one by one.
        received.next(choose(received.q).when(ends & streaming.q, 1).when(memory_ready, 0).end());
        let stored = (received.q & memory_ready).named("stored");
        let wanted = port.data.truncate(LENGTH_WIDTH);
        length.next(choose(length.q).when(starts_stream, wanted).when(stored, length.q.wrapping_sub(1)).end());
        // A byte takes longer than it takes to know that it is the last.
        let is_last = m.delay("is_last_q", length.q.eq(1));
        streaming.next(choose(streaming.q).when(starts_stream, wanted.any()).when(stored & is_last, 0).end());
        let address = port.pointer(m, "address", flash::DMA_ADDRESS, offset_bits, stored);
        let lane = address.slice(0, 2);
        let enables = m.constant(u(4), 1).shift_left_by(lane);
        let byte = shift.q;
        Request {
            valid: received.q,
            write: m.constant(u(1), 1),
            address,
            data: concat(&[byte, byte, byte, byte]),
            enables,
        }
        .output(m, "memory");

        m.output("select_n_o", !selected.q);
        m.output("clock_o", clock.q);
        m.output("data_o", shift.q.bit(7));
        m.output("interrupt_o", interrupts & !busy);
        let control = concat(&[half.q, m.constant(u(7), 0), selected.q]);
        port.answer(
            m,
            &[
                (flash::CONTROL, control),
                (flash::DATA, shift.q),
                (flash::STATUS, busy),
                (flash::DMA_ADDRESS, address),
                (flash::DMA_LENGTH, length.q),
                (flash::INTERRUPT, interrupts),
            ],
        );
        m.assert("no_byte_is_overwritten", !(ends & received.q));
        m.assert("it_streams_while_bytes_are_to_come", streaming.q.eq(length.q.any()));
    })
}
