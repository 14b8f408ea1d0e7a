//! Serial port: FIFOs and DMA between a link of bytes (UART or FT245) and memory.
//!
//! ```text
//!             +---------------------------+
//!  bus_*    ->| registers                 |
//!  ring_*   <-| ring <- FIFO <- UART or   |<- rx_i   or data, rxf_n
//!  fetch_*  <-| fetch -> FIFO -> FT245    |-> tx_o   or data, wr_n, rd_n
//!             +---------------------------+
//! ```
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `bus_*` | | subordinate end: the registers of [`myelin_isa::stick::serial`] |
//! | `ring_*`, `fetch_*` | | manager ends: writes of received bytes, reads of bytes to send |
//! | the pins of [`super::uart`] or of [`super::ft245`] | | the link |
//! | `interrupt_o` | 1 | what [`serial::INTERRUPT`] asks for |
//!
//! **Timing.** A byte received is in memory when the bus has taken it, 4 cycles after it came at the earliest; the ring counts it in the cycle
//! after. Either direction moves a byte in two cycles of the bus.
//!
//! **Flow control.** None on a UART: with its FIFO full, bytes are lost, and [`serial::STATUS_OVERRUN`] says so. An FT245
//! bridge holds bytes back instead.

use std::sync::Arc;

use myelin_hdl::{InstanceHandle, Module, ModuleBuilder, Signal, choose, concat, module, mux, select, u};
use myelin_isa::stick::{memory, serial};

use super::{ft245, uart};
use crate::bus::{Cut, Port, Request};
use crate::prim::block_fifo;

/// Bits of the ring's counters: they wrap at 2^16.
pub const COUNT_WIDTH: u32 = 16;
/// Bits of the address within a block of registers.
pub const ADDRESS_WIDTH: u32 = memory::BLOCK_BYTES.trailing_zeros();

/// Which link the port has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Link {
    /// A UART.
    Uart,
    /// An FT245 asynchronous FIFO.
    Ft245,
}

/// Parameters of the port.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Which link.
    pub link: Link,
    /// Clocks a second.
    pub clock_hz: u32,
    /// Line rate after reset.
    pub baud: u32,
    /// Bytes that each FIFO holds, a power of two of 16 or more.
    pub fifo_bytes: usize,
    /// Bits of an offset in a region of the address space, for DMA; at least 17.
    pub offset_bits: u32,
}

/// The link in the open module and what it says.
struct Ends {
    child: InstanceHandle,
    framing: Signal,
}

/// Builds the port, on a bus whose paths are cut so.
///
/// # Panics
/// If the FIFO's size is not such a number.
pub fn serial(config: &Config, cut: Cut) -> Arc<Module> {
    assert!(config.fifo_bytes >= 16, "serial FIFO of {} bytes: expected 16 or more", config.fifo_bytes);
    module("serial", |m| {
        m.doc("Serial port: FIFOs and DMA between a link of bytes and memory.");
        let ring_ready = m.input("ring_ready_i", u(1));
        let fetch_ready = m.input("fetch_ready_i", u(1));
        let fetch_data = m.input("fetch_data_i", u(32));
        let port = Port::new(m, ADDRESS_WIDTH, cut, |_, _| m.constant(u(1), 0));
        let fifo = block_fifo::block_fifo(config.fifo_bytes, 8);
        let receive = m.instance("receive_fifo", &fifo);
        let send = m.instance("send_fifo", &fifo);
        let reset = i64::from(uart::divisor(config.clock_hz, config.baud));
        let divisor = port.register(m, "divisor_q", serial::DIVISOR, uart::DIVISOR_WIDTH, reset);
        let link = link(m, config, divisor);
        let lost = connect(m, config.link, &link, &receive, &send);

        let ring = ring(m, (&port, config.offset_bits, cut), &receive, ring_ready);
        let fetch = fetch(m, (&port, config.offset_bits, cut), &send, (fetch_ready, fetch_data));

        let clears = port.writes(serial::STATUS);
        let flag = |name: &str, bit: u32, set: Signal| {
            let flag = m.register(name, u(1)).reset(0);
            let cleared = clears & port.data.bit(bit.trailing_zeros());
            flag.next(set | flag.q & !cleared);
            flag.q
        };
        let overrun = flag("overrun_q", serial::STATUS_OVERRUN, lost);
        let framing = flag("framing_q", serial::STATUS_FRAMING, link.framing);
        let interrupts = port.register(m, "interrupts_q", serial::INTERRUPT, 2, 0);
        let receive_waits = receive.output("pop_valid_o") | ring.waits;
        m.output("interrupt_o", (interrupts & concat(&[!fetch.busy, receive_waits])).any());

        let here = receive.output("pop_valid_o");
        let room = send.output("push_ready_o") & !fetch.busy;
        let quiet = link.child.output("idle_o") & !send.output("pop_valid_o") & !fetch.busy;
        // The FIFO's exit lags its entry: two cycles in which neither shows a byte.
        let quiet = quiet & m.delay("quiet_0_q", quiet) & m.delay("quiet_1_q", quiet);
        let status = concat(&[quiet, framing, overrun, room, here]);
        let kind = m
            .constant(u(32), i64::from(if config.link == Link::Uart { serial::KIND_UART } else { serial::KIND_FT245 }));
        let taken = mux(here, receive.output("pop_o"), 0);
        port.answer(
            m,
            &[
                (serial::DATA, taken),
                (serial::STATUS, status),
                (serial::DIVISOR, divisor),
                (serial::KIND, kind),
                (serial::RX_BASE, ring.base),
                (serial::RX_SIZE, ring.size),
                (serial::RX_HEAD, ring.head),
                (serial::RX_TAIL, ring.tail),
                (serial::TX_ADDRESS, fetch.address),
                (serial::TX_LENGTH, fetch.length),
                (serial::INTERRUPT, interrupts),
            ],
        );
    })
}

/// The link and its pins.
fn link(m: &ModuleBuilder, config: &Config, divisor: Signal) -> Ends {
    match config.link {
        Link::Uart => {
            let child = m.instance("uart", &uart::uart());
            child.input("rx_i", m.input("rx_i", u(1))).input("divisor_i", divisor);
            m.output("tx_o", child.output("tx_o"));
            let framing = child.output("framing_o");
            Ends { child, framing }
        }
        Link::Ft245 => {
            let child = m.instance("ft245", &ft245::ft245(config.clock_hz));
            child
                .input("data_i", m.input("data_i", u(8)))
                .input("rxf_n_i", m.input("rxf_n_i", u(1)))
                .input("txe_n_i", m.input("txe_n_i", u(1)));
            for pin in ["data_o", "data_enable_o", "rd_n_o", "wr_n_o"] {
                m.output(pin, child.output(pin));
            }
            Ends { child, framing: m.constant(u(1), 0) }
        }
    }
}

/// Connects link and FIFOs; whether a byte is lost in this cycle.
fn connect(m: &ModuleBuilder, kind: Link, link: &Ends, receive: &InstanceHandle, send: &InstanceHandle) -> Signal {
    let child = &link.child;
    receive.input("push_valid_i", child.output("receive_valid_o")).input("push_i", child.output("receive_o"));
    child.input("send_valid_i", send.output("pop_valid_o")).input("send_i", send.output("pop_o"));
    send.input("pop_ready_i", child.output("send_ready_o"));
    let lost = (child.output("receive_valid_o") & !receive.output("push_ready_o")).named("lost");
    if kind == Link::Ft245 {
        // A byte under way still finds room: there is one transfer at a time.
        child.input("receive_ready_i", receive.output("push_ready_o") & !child.output("receive_valid_o"));
        m.assert("the_bridge_loses_nothing", !lost);
    }
    lost
}

/// The receive ring's registers.
struct Ring {
    base: Signal,
    size: Signal,
    head: Signal,
    tail: Signal,
    /// The core has not taken everything.
    waits: Signal,
}

/// Bytes from the FIFO into the ring, or to the core where there is none.
fn ring(
    m: &ModuleBuilder,
    (port, offset_bits, cut): (&Port<'_>, u32, Cut),
    fifo: &InstanceHandle,
    ready: Signal,
) -> Ring {
    let count = u(COUNT_WIDTH);
    let base = port.pointer(m, "ring_base", serial::RX_BASE, offset_bits, m.constant(u(1), 0));
    let size = port.register(m, "ring_size_q", serial::RX_SIZE, COUNT_WIDTH, 0);
    let set_up = port.writes(serial::RX_SIZE).named("set_up");
    let head = m.register("head_q", count).reset(0);
    let tail = m.register("tail_q", count).reset(0);
    let exists = size.any().named("ring_exists");
    let full = head.q.wrapping_sub(tail.q).eq(size).named("ring_is_full");
    let valid = match cut {
        Cut::Requests => exists & fifo.output("pop_valid_o") & !full,
        // As it was, and not in the cycle after an answer, in which the head has moved.
        Cut::Both => m.delay_reset("ring_valid_q", exists & fifo.output("pop_valid_o") & !full & !ready),
    };
    let valid = valid.named("ring_valid");
    let stored = (valid & ready).named("stored");
    head.next(choose(head.q).when(set_up, 0).when(stored, head.q.wrapping_add(1)).end());
    tail.next(choose(tail.q).when(set_up, 0).when(port.writes(serial::RX_TAIL), port.data.truncate(COUNT_WIDTH)).end());
    let to_core = port.read & port.is(serial::DATA) & !exists;
    fifo.input("pop_ready_i", stored | to_core);

    // The size is a power of two: one less is the mask of the place in the ring.
    let place = head.q & size.wrapping_sub(1);
    let offset = base.truncate(offset_bits).wrapping_add(place);
    let address = concat(&[base.slice(offset_bits, 32 - offset_bits), offset]).named("ring_address");
    let byte = fifo.output("pop_o");
    Request {
        valid,
        write: m.constant(u(1), 1),
        address,
        data: concat(&[byte, byte, byte, byte]),
        enables: m.constant(u(4), 1).shift_left_by(address.slice(0, 2)),
    }
    .output(m, "ring");
    m.cover("the_ring_fills", exists & full);
    Ring { base, size, head: head.q, tail: tail.q, waits: head.q.ne(tail.q) }
}

/// The sender's registers.
struct Fetch {
    address: Signal,
    length: Signal,
    busy: Signal,
}

/// Bytes from memory, or from the core where nothing is fetched, into the FIFO.
fn fetch(
    m: &ModuleBuilder,
    (port, offset_bits, cut): (&Port<'_>, u32, Cut),
    fifo: &InstanceHandle,
    (ready, word): (Signal, Signal),
) -> Fetch {
    let length = m.register("fetch_length_q", u(COUNT_WIDTH)).reset(0);
    let busy = length.q.any().named("fetching");
    let valid = match cut {
        Cut::Requests => busy & fifo.output("push_ready_o"),
        // As it was, and not in the cycle after an answer, in which less is left.
        Cut::Both => m.delay_reset("fetch_valid_q", busy & fifo.output("push_ready_o") & !ready),
    };
    let valid = valid.named("fetch_valid");
    let fetched = (valid & ready).named("fetched");
    length.next(
        choose(length.q)
            .when(port.writes(serial::TX_LENGTH) & !busy, port.data.truncate(COUNT_WIDTH))
            .when(fetched, length.q.wrapping_sub(1))
            .end(),
    );
    let address = port.pointer(m, "fetch_address", serial::TX_ADDRESS, offset_bits, fetched);
    let bytes: Vec<Signal> = (0..4).map(|byte| word.slice(8 * byte, 8)).collect();
    let byte = select(address.slice(0, 2), &bytes);
    let from_core = port.writes(serial::DATA) & !busy;
    fifo.input("push_valid_i", fetched | from_core);
    fifo.input("push_i", mux(busy, byte, port.data.slice(0, 8)));
    Request { valid, write: m.constant(u(1), 0), address, data: m.constant(u(32), 0), enables: m.constant(u(4), 0) }
        .output(m, "fetch");
    Fetch { address, length: length.q, busy }
}
