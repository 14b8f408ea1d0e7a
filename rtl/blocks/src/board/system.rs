//! System block: what the board is, time, watchdog, resets, interrupts, lights, CRC32C.
//!
//! | port | width | meaning | in reset |
//! |---|---|---|---|
//! | `bus_*` | | subordinate end: the registers of [`myelin_isa::stick::system`] | |
//! | `power_on_i` | 1 | this reset is the first after power-up | |
//! | `serial_i`, `flash_i`, `tensor_i` | 1 | interrupts of the blocks | |
//! | `timer_interrupt_o`, `external_interrupt_o` | 1 | to the core | 0 |
//! | `reset_o` | 1 | reset everything: the board answers by pulling `rst_ni` low | 0 |
//! | `reload_o` | 1 | with `reset_o`: load the bitstream again | 0 |
//! | `tensor_reset_o` | 1 | reset the tensor cell, for one cycle | 0 |
//! | `leds_o` | 8 | lights | 0 |
//!
//! **Timing.** The watchdog resets in the cycle in which its period without a kick is over. A CRC takes a byte each cycle; an access to it waits.
//!
//! **Power-up.** The cause of a reset is a register without reset, written whenever one is asked for.

use std::sync::Arc;

use myelin_hdl::{Module, ModuleBuilder, Signal, choose, concat, module, mux, tree_reduce, u};
use myelin_isa::Architecture;
use myelin_isa::stick::{MAP_VERSION, memory, system};

use crate::bus::{Cut, Port};

/// Bits of the address within a block of registers.
pub const ADDRESS_WIDTH: u32 = memory::BLOCK_BYTES.trailing_zeros();
/// CRC32C, reflected.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// Parameters of the block.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// One of [`myelin_isa::stick::board`].
    pub board: u32,
    /// Clocks a second.
    pub clock_hz: u32,
    /// The cell that programs are for.
    pub architecture: Architecture,
    /// Bytes of device memory.
    pub device_bytes: u32,
    /// See [`system::BUILD`].
    pub build: u32,
    /// Which paths of the bus are cut.
    pub cut: Cut,
}

/// Builds the block.
pub fn system(config: &Config) -> Arc<Module> {
    module("system", |m| {
        m.doc("System block: what the board is, time, watchdog, resets, interrupts, lights, CRC32C.");
        let power_on = m.input("power_on_i", u(1));
        let pending = ["tensor_i", "flash_i", "serial_i"].map(|name| m.input(name, u(1)));
        let crc_bytes = m.register("crc_bytes_q", u(3)).reset(0);
        let port = Port::new(m, ADDRESS_WIDTH, config.cut, |decode, request| {
            let word = request.address.slice(2, ADDRESS_WIDTH - 2);
            let at = |register: u32| decode.of(word, register);
            (at(system::CRC) | at(system::CRC_BYTE) | at(system::CRC_WORD)) & crc_bytes.q.any()
        });

        let [time_low, time_high, compare_low, compare_high] = time(m, &port);
        let period = port.register(m, "watchdog_period_q", system::WATCHDOG_PERIOD, 32, 0);
        let cause = resets(m, &port, period, power_on);
        let crc = crc(m, &port, crc_bytes);
        let enable = port.register(m, "enable_q", system::ENABLE, 3, 0);
        let leds = port.register(m, "leds_q", system::LEDS, 8, 0);
        // Bit 0 is the serial port's.
        let pending = concat(&pending);
        let external = m.register("external_q", u(1)).reset(0);
        external.next((pending & enable).any());
        m.output("external_interrupt_o", external.q);
        m.output("leds_o", leds);
        let is_tensor_reset = port.writes(system::TENSOR_RESET) & port.data.eq(i64::from(system::TENSOR_RESET_KEY));
        let tensor_reset = m.register("tensor_reset_q", u(1)).reset(0);
        tensor_reset.next(is_tensor_reset);
        m.output("tensor_reset_o", tensor_reset.q);

        let word = |value: u32| m.constant(u(32), i64::from(value));
        let specification = config.architecture.specification();
        let mut registers = vec![
            (system::ID, word(system::ID_VALUE)),
            (system::MAP_VERSION, word(MAP_VERSION)),
            (system::BOARD, word(config.board)),
            (system::CLOCK_HZ, word(config.clock_hz)),
            (system::SPECIFICATION_LOW, word(specification as u32)),
            (system::SPECIFICATION_HIGH, word((specification >> 32) as u32)),
            (system::DEVICE_BYTES, word(config.device_bytes)),
            (system::BUILD, word(config.build)),
            (system::TIME_LOW, time_low),
            (system::TIME_HIGH, time_high),
            (system::COMPARE_LOW, compare_low),
            (system::COMPARE_HIGH, compare_high),
            (system::WATCHDOG_PERIOD, period),
            (system::RESET_CAUSE, cause),
            (system::PENDING, pending),
            (system::ENABLE, enable),
            (system::LEDS, leds),
            (system::CRC, crc),
        ];
        for (index, value) in (0..).zip(config.architecture.to_words()) {
            registers.push((system::ARCHITECTURE + 4 * index, word(value)));
        }
        port.answer(m, &registers);
    })
}

/// Clocks since reset and the timer interrupt: time and compare, low word first.
fn time(m: &ModuleBuilder, port: &Port<'_>) -> [Signal; 4] {
    let time = m.register("time_q", u(64)).reset(0);
    time.next(time.q.wrapping_add(1));
    let (low, high) = (time.q.slice(0, 32), time.q.slice(32, 32));
    let held = m.register("time_high_q", u(32)).reset(0);
    held.next_when(port.read & port.is(system::TIME_LOW), high);
    let compare_low = port.register(m, "compare_low_q", system::COMPARE_LOW, 32, 0xffff_ffff);
    let compare_high = port.register(m, "compare_high_q", system::COMPARE_HIGH, 32, 0xffff_ffff);
    // In two steps, a cycle apart: the carry of 64 bits would be the longest path of all.
    let low_reached = m.delay("low_reached_q", low.ge(compare_low));
    let high_equal = m.delay("high_equal_q", high.eq(compare_high));
    let high_beyond = m.delay("high_beyond_q", high.gt(compare_high));
    let interrupt = m.register("timer_q", u(1)).reset(0);
    // What was compared before a write of the compare registers does not count.
    let written = port.write;
    let settled = m.register("settled_q", u(1)).reset(0);
    settled.next(!written);
    interrupt.next(settled.q & !written & (high_beyond | high_equal & low_reached));
    m.output("timer_interrupt_o", interrupt.q);
    [low, held.q, compare_low, compare_high]
}

/// Watchdog and resets by the core; the cause of the last reset.
fn resets(m: &ModuleBuilder, port: &Port<'_>, period: Signal, power_on: Signal) -> Signal {
    let kicks = port.writes_at_once(system::WATCHDOG) & port.data.eq(i64::from(system::WATCHDOG_KICK));
    let changes = port.writes_at_once(system::WATCHDOG_PERIOD);
    let left = m.register("watchdog_left_q", u(32)).reset(0);
    left.next(choose(left.q.wrapping_sub(1)).when(changes, port.data).when(kicks | !period.any(), period).end());
    let expires = (period.any() & left.q.eq(1) & !kicks & !changes).named("watchdog_expires");
    let asks = |key: u32| port.writes_at_once(system::REBOOT) & port.data.eq(i64::from(key));
    let (plain, reloads) = (asks(system::REBOOT_RESET), asks(system::REBOOT_BITSTREAM));
    let asked = (expires | plain | reloads).named("reset_asked");

    let reset = m.register("reset_q", u(1)).reset(0);
    reset.next(asked);
    let reload = m.register("reload_q", u(1)).reset(0);
    reload.next(reloads);
    m.output("reset_o", reset.q);
    m.output("reload_o", reload.q);
    // No reset: it outlives the one that it explains.
    let cause = m.register("cause_q", u(2));
    cause.next(
        choose(cause.q)
            .when(power_on, i64::from(system::RESET_POWER))
            .when(expires, i64::from(system::RESET_WATCHDOG))
            .when(asked, i64::from(system::RESET_SOFTWARE))
            .end(),
    );
    m.cover("watchdog_bites", expires);
    cause.q
}

/// The CRC unit; `bytes` are still to be taken in.
fn crc(m: &ModuleBuilder, port: &Port<'_>, bytes: myelin_hdl::Register) -> Signal {
    let state = m.register("crc_q", u(32)).reset(0);
    let data = m.register("crc_data_q", u(32));
    let busy = bytes.q.any();
    let one = port.writes(system::CRC_BYTE);
    let four = port.writes(system::CRC_WORD);
    bytes.next(choose(mux(busy, bytes.q.wrapping_sub(1), 0)).when(one, 1).when(four, 4).end());
    data.next(mux(one | four, port.data, data.q.shift_right(8).extend(u(32))));
    let taken = crc_step(state.q, data.q.slice(0, 8));
    state.next(choose(state.q).when(port.writes(system::CRC), port.data).when(busy, taken).end());
    state.q
}

/// The state after one byte more.
pub fn crc_step(state: Signal, byte: Signal) -> Signal {
    // Bit i of the next state is a sum of bits of `state ^ byte`: found by trying each bit alone.
    let mixed = state.slice(0, 8) ^ byte;
    let inputs = [mixed.bits(), state.slice(8, 24).bits()].concat();
    let images: Vec<u32> = (0..32u32)
        .map(|bit| (0..8).fold(1u32 << bit, |crc, _| if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 }))
        .collect();
    let bits: Vec<Signal> = (0..32)
        .map(|bit| {
            let terms = inputs.iter().zip(&images).filter(|(_, image)| *image >> bit & 1 == 1);
            let terms: Vec<Signal> = terms.map(|(&input, _)| input).collect();
            tree_reduce(&terms, |a, b| a ^ b)
        })
        .collect();
    let highest_first: Vec<Signal> = bits.into_iter().rev().collect();
    concat(&highest_first)
}
