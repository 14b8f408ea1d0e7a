//! UART, FT245 and the serial port around them, against models of what is at the other end of the wires.

use std::collections::VecDeque;

use myelin_isa::stick::serial as register;
use myelin_rtl::board::serial::{Config, Link, serial};
use myelin_rtl::board::{ft245, uart};
use myelin_rtl::bus::Cut;
use rand::RngExt;

use crate::bench::{Bench, chance, random};

/// The far end of a UART, with a clock of its own: bits of `clocks` cycles.
struct FarEnd {
    clocks: f64,
    /// Bits to send, and when the first began.
    sending: VecDeque<bool>,
    begun: f64,
    /// When a start bit was seen.
    started: Option<f64>,
    samples: Vec<bool>,
    was_high: bool,
    received: Vec<u8>,
    broken: usize,
}

impl FarEnd {
    fn new(clocks: f64) -> FarEnd {
        let (sending, samples, received) = (VecDeque::new(), Vec::new(), Vec::new());
        FarEnd { clocks, sending, begun: 0.0, started: None, samples, was_high: true, received, broken: 0 }
    }

    fn send(&mut self, byte: u8, stop: bool) {
        self.sending.push_back(false);
        self.sending.extend((0..8).map(|bit| byte >> bit & 1 == 1));
        self.sending.push_back(stop);
    }

    /// The line in this cycle.
    fn line(&mut self, now: f64) -> bool {
        if self.sending.is_empty() {
            self.begun = now;
            return true;
        }
        if now >= self.begun + self.clocks {
            self.begun += self.clocks;
            self.sending.pop_front();
        }
        self.sending.front().copied().unwrap_or(true)
    }

    /// Sees the other line.
    fn see(&mut self, now: f64, high: bool) {
        if self.started.is_none() && self.was_high && !high {
            self.started = Some(now);
            self.samples.clear();
        }
        self.was_high = high;
        let Some(begun) = self.started else { return };
        if now >= begun + (self.samples.len() as f64 + 0.5) * self.clocks {
            self.samples.push(high);
        }
        if self.samples.len() == 10 {
            self.started = None;
            if self.samples[0] || !self.samples[9] {
                self.broken += 1;
            } else {
                self.received.push((1..9).fold(0, |byte, bit| byte | u8::from(self.samples[bit]) << (bit - 1)));
            }
        }
    }
}

#[test]
fn divisors_are_the_nearest_256ths() {
    assert_eq!(uart::divisor(24_000_000, 3_000_000), 8 << 8);
    assert_eq!(uart::divisor(80_000_000, 3_000_000), 6827);
    assert_eq!(uart::divisor(80_000_000, 115_200), 177_778);
}

#[test]
fn a_uart_carries_bytes_both_ways_at_every_rate_and_with_clocks_that_differ() {
    // Cycles of a bit, and how much longer the far end's bits are.
    for (seed, (clocks, error)) in
        (0..).zip([(8.0, 0.0), (80.0 / 3.0, 0.0), (26.7, 0.02), (13.3, -0.015), (208.3, 0.03)])
    {
        let mut random = random(seed);
        let mut bench = Bench::new(&uart::uart());
        bench.set("divisor_i", (clocks * 256.0_f64).round() as i64);
        let mut far = FarEnd::new(clocks * (1.0 + error));
        let there: Vec<u8> = (0..60).map(|_| random.random()).collect();
        let back: Vec<u8> = (0..60).map(|_| random.random()).collect();
        there.iter().for_each(|&byte| far.send(byte, true));
        let (mut received, mut queue) = (Vec::new(), VecDeque::from(back.clone()));
        let cycles = (60.0 * 10.5 * clocks * 1.05) as u64 + 200;
        for cycle in 0..cycles {
            let line = far.line(cycle as f64);
            bench.set("rx_i", i64::from(line));
            bench.set("send_valid_i", i64::from(!queue.is_empty()));
            bench.set("send_i", queue.front().copied().unwrap_or(0));
            far.see(cycle as f64, bench.get("tx_o") == 1);
            if bench.get("receive_valid_o") == 1 {
                received.push(bench.get("receive_o") as u8);
            }
            assert_eq!(bench.get("framing_o"), 0, "{clocks} {error}");
            if bench.get("send_ready_o") == 1 {
                queue.pop_front();
            }
            bench.step();
        }
        assert_eq!(received, there, "{clocks} clocks a bit, error {error}");
        assert_eq!((far.received, far.broken), (back, 0), "{clocks} clocks a bit, error {error}");
        assert_eq!(bench.get("idle_o"), 1);
    }
}

#[test]
fn a_uart_sends_without_gaps() {
    let mut bench = Bench::new(&uart::uart());
    bench.set("divisor_i", 8 << 8);
    bench.set("send_valid_i", 1);
    bench.set("send_i", 0x55);
    let mut taken = 0;
    for _ in 0..8000 {
        taken += bench.get("send_ready_o");
        bench.step();
    }
    assert!(taken >= 100, "{taken} bytes in 100 times 80 cycles");
}

#[test]
fn noise_and_missing_stop_bits_are_no_bytes() {
    let mut bench = Bench::new(&uart::uart());
    bench.set("divisor_i", 16 << 8);
    bench.set("send_valid_i", 0);
    bench.set("send_i", 0);
    let mut far = FarEnd::new(16.0);
    let (mut bytes, mut framing) = (Vec::new(), 0);
    for cycle in 0..2000u64 {
        let mut line = far.line(cycle as f64);
        match cycle {
            // Three cycles of noise.
            100..103 => line = false,
            200 => far.send(0xa5, false),
            // A break, then a byte.
            600..900 => line = false,
            1000 => far.send(0x5a, true),
            _ => {}
        }
        bench.set("rx_i", i64::from(line));
        if bench.get("receive_valid_o") == 1 {
            bytes.push(bench.get("receive_o"));
        }
        framing += bench.get("framing_o");
        bench.step();
    }
    assert_eq!(bytes, [0x5a]);
    assert_eq!(framing, 2, "the byte without stop bit, and the break once");
    bench.assert_covered();
}

/// An FT2232H's FIFO side at a clock: checks the strobes' times and serves or takes bytes.
struct Bridge {
    nanoseconds: f64,
    to_device: VecDeque<u8>,
    from_device: Vec<u8>,
    read_low: f64,
    write_low: f64,
    /// Until when the flags are not shown after a strobe.
    quiet_until: f64,
    room: bool,
}

impl Bridge {
    /// Flags and data for the cycle that begins now: rxf_n, txe_n, data.
    fn offer(&self, now: f64) -> (bool, bool, u8) {
        let quiet = now < self.quiet_until;
        let data = if self.read_low >= 14.0 { self.to_device.front().copied().unwrap_or(0) } else { 0x99 };
        (quiet || self.to_device.is_empty(), quiet || !self.room, data)
    }

    fn see(&mut self, now: f64, (rd_n, wr_n, data, enabled): (bool, bool, u8, bool)) {
        assert!(rd_n || !enabled, "two drivers on the wires");
        if !rd_n {
            self.read_low += self.nanoseconds;
        } else if self.read_low > 0.0 {
            assert!(self.read_low >= 30.0, "RD# low for {} ns", self.read_low);
            assert!(self.to_device.pop_front().is_some(), "RD# without a byte");
            (self.read_low, self.quiet_until) = (0.0, now + 49.0);
        }
        if !wr_n {
            if self.write_low == 0.0 {
                assert!(enabled && self.room, "WR# without data or room");
                self.from_device.push(data);
            }
            self.write_low += self.nanoseconds;
        } else if self.write_low > 0.0 {
            assert!(self.write_low >= 30.0, "WR# low for {} ns", self.write_low);
            (self.write_low, self.quiet_until) = (0.0, now + 49.0);
        }
    }
}

#[test]
fn an_ft245_port_keeps_the_bridges_times_and_loses_nothing() {
    for (seed, clock_hz) in (0..).zip([24_000_000u32, 80_000_000, 100_000_000]) {
        let mut random = random(seed);
        let mut bench = Bench::new(&ft245::ft245(clock_hz));
        let there: Vec<u8> = (0..200).map(|_| random.random()).collect();
        let back: Vec<u8> = (0..200).map(|_| random.random()).collect();
        let nanoseconds = 1e9 / f64::from(clock_hz);
        let mut bridge = Bridge {
            nanoseconds,
            to_device: there.clone().into(),
            from_device: Vec::new(),
            read_low: 0.0,
            write_low: 0.0,
            quiet_until: 0.0,
            room: true,
        };
        let (mut queue, mut received, mut cycle) = (VecDeque::from(back.clone()), Vec::new(), 0u32);
        while received.len() < there.len() || bridge.from_device.len() < back.len() {
            assert!(cycle < 20_000, "{clock_hz}: {} {}", received.len(), bridge.from_device.len());
            let now = f64::from(cycle) * nanoseconds;
            if bridge.write_low == 0.0 && cycle % 64 == 0 {
                bridge.room = chance(&mut random, 80) || cycle > 10_000;
            }
            let (rxf_n, txe_n, data) = bridge.offer(now);
            bench.set("rxf_n_i", i64::from(rxf_n));
            bench.set("txe_n_i", i64::from(txe_n));
            bench.set("data_i", data);
            bench.set("receive_ready_i", 1);
            bench.set("send_valid_i", i64::from(!queue.is_empty()));
            bench.set("send_i", queue.front().copied().unwrap_or(0));
            let outputs = [bench.get("rd_n_o"), bench.get("wr_n_o"), bench.get("data_o"), bench.get("data_enable_o")];
            if outputs[1] == 0 {
                bridge.room = true;
            }
            bridge.see(now, (outputs[0] == 1, outputs[1] == 1, outputs[2] as u8, outputs[3] == 1));
            if bench.get("receive_valid_o") == 1 {
                received.push(bench.get("receive_o") as u8);
            }
            if bench.get("send_ready_o") == 1 {
                queue.pop_front();
            }
            bench.step();
            cycle += 1;
        }
        assert_eq!((received, bridge.from_device), (there, back), "{clock_hz}");
    }
}

/// A serial port with memory on its managers and a bus for its registers.
struct Port {
    bench: Bench,
    memory: Vec<u8>,
    far: FarEnd,
    cycle: u64,
}

impl Port {
    fn new() -> Port {
        let config =
            Config { link: Link::Uart, clock_hz: 24_000_000, baud: 3_000_000, fifo_bytes: 16, offset_bits: 17 };
        let (bench, far) = (Bench::new(&serial(&config, Cut::Requests)), FarEnd::new(8.0));
        Port { bench, memory: vec![0; 4096], far, cycle: 0 }
    }

    /// One cycle; `slow`: the memory does not answer.
    fn step(&mut self, slow: bool) {
        let now = self.cycle as f64;
        let line = self.far.line(now);
        self.bench.set("rx_i", i64::from(line));
        self.far.see(now, self.bench.get("tx_o") == 1);
        let ring = self.bench.get("ring_valid_o") == 1 && !slow;
        let fetch = self.bench.get("fetch_valid_o") == 1 && !slow && !ring;
        self.bench.set("ring_ready_i", i64::from(ring));
        self.bench.set("fetch_ready_i", i64::from(fetch));
        let word = |address: i64| (address as usize & !3) % 4096;
        if ring {
            let (at, data) = (word(self.bench.get("ring_address_o")), self.bench.get("ring_data_o") as u32);
            let enables = self.bench.get("ring_enables_o");
            for byte in (0..4).filter(|byte| enables >> byte & 1 == 1) {
                self.memory[at + byte] = data.to_le_bytes()[byte];
            }
        }
        let at = word(self.bench.get("fetch_address_o"));
        let word = u32::from_le_bytes(self.memory[at..at + 4].try_into().unwrap());
        self.bench.set("fetch_data_i", word);
        self.bench.step();
        self.cycle += 1;
    }

    fn access(&mut self, address: u32, write: Option<u32>) -> u32 {
        self.bench.set("bus_valid_i", 1);
        self.bench.set("bus_write_i", i64::from(write.is_some()));
        self.bench.set("bus_address_i", address);
        self.bench.set("bus_data_i", write.unwrap_or(0));
        self.bench.set("bus_enables_i", 15);
        while self.bench.get("bus_ready_o") == 0 {
            self.step(false);
        }
        let data = self.bench.get("bus_data_o") as u32;
        self.step(false);
        self.bench.set("bus_valid_i", 0);
        data
    }
}

#[test]
fn the_ring_fills_memory_wraps_and_stops_while_it_is_full() {
    let (mut port, mut random) = (Port::new(), random(3));
    port.access(register::RX_BASE, Some(0x100));
    port.access(register::RX_SIZE, Some(64));
    let bytes: Vec<u8> = (0..300).map(|_| random.random()).collect();
    let (mut sent, mut taken) = (0, Vec::new());
    while taken.len() < bytes.len() {
        assert!(port.cycle < 200_000);
        // Never more on the way than ring and FIFO hold.
        while sent < bytes.len() && sent < taken.len() + 70 {
            port.far.send(bytes[sent], true);
            sent += 1;
        }
        for _ in 0..random.random_range(1..3000) {
            port.step(chance(&mut random, 30));
        }
        let head = port.access(register::RX_HEAD, None);
        let held = head.wrapping_sub(taken.len() as u32) & 0xffff;
        assert!(held <= 64, "{held}");
        let take = random.random_range(0..=held);
        for _ in 0..take {
            taken.push(port.memory[0x100 + taken.len() % 64]);
        }
        port.access(register::RX_TAIL, Some(taken.len() as u32 & 0xffff));
    }
    assert_eq!(taken, bytes);
    assert_eq!(port.access(register::STATUS, None) & register::STATUS_OVERRUN, 0);
}

#[test]
fn without_ring_bytes_go_through_data_and_an_overrun_is_said() {
    let mut port = Port::new();
    assert_eq!(port.access(register::DATA, None), 0);
    for byte in 0..40u8 {
        port.far.send(byte, true);
    }
    (0..40 * 90).for_each(|_| port.step(false));
    let status = port.access(register::STATUS, None);
    let expected = register::STATUS_RX_READY | register::STATUS_OVERRUN;
    assert_eq!(status & (expected | register::STATUS_FRAMING), expected);
    port.access(register::STATUS, Some(register::STATUS_OVERRUN));
    for byte in 0..17 {
        assert_eq!(port.access(register::DATA, None), byte, "what came first is kept");
    }
    assert_eq!(port.access(register::STATUS, None) & expected, 0);
}

#[test]
fn fetched_bytes_leave_in_order_and_idle_means_that_all_have_left() {
    let (mut port, mut random) = (Port::new(), random(4));
    for byte in &mut port.memory {
        *byte = random.random();
    }
    let mut expected = Vec::new();
    for (from, length) in [(0x203u32, 61u32), (0x400, 128), (0x7ff, 1)] {
        port.access(register::TX_ADDRESS, Some(from));
        port.access(register::TX_LENGTH, Some(length));
        expected.extend_from_slice(&port.memory[from as usize..(from + length) as usize]);
        let begun = port.cycle;
        while port.access(register::STATUS, None) & register::STATUS_TX_IDLE == 0 {
            assert!(port.cycle < begun + 20_000);
        }
        // Bytes follow each other: 80 cycles each.
        assert!(port.cycle < begun + 80 * u64::from(length) + 60, "{} cycles", port.cycle - begun);
        (0..10).for_each(|_| port.step(false));
        assert_eq!((&port.far.received, port.far.broken), (&expected, 0));
    }
    port.access(register::DATA, Some(0x42));
    (0..200).for_each(|_| port.step(false));
    assert_eq!(port.far.received.last(), Some(&0x42));
}

#[test]
fn interrupts_are_levels_that_follow_ring_and_sender() {
    let mut port = Port::new();
    port.access(register::INTERRUPT, Some(register::INTERRUPT_RX));
    assert_eq!(port.bench.get("interrupt_o"), 0);
    port.access(register::RX_SIZE, Some(64));
    port.far.send(7, true);
    (0..120).for_each(|_| port.step(false));
    assert_eq!(port.bench.get("interrupt_o"), 1);
    port.access(register::RX_TAIL, Some(1));
    assert_eq!(port.bench.get("interrupt_o"), 0);
    port.access(register::INTERRUPT, Some(register::INTERRUPT_TX));
    assert_eq!(port.bench.get("interrupt_o"), 1);
}
