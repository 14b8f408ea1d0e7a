//! The host's end of a UART line, bit by bit, with a clock of its own.

use std::collections::VecDeque;

/// Bits of a byte on the line: start, eight, stop.
const BITS: u32 = 10;

/// The host's UART: 8 data bits, no parity, 1 stop bit.
#[derive(Clone, Debug)]
pub struct Line {
    /// Cycles of a bit.
    bit: f64,
    sending: VecDeque<u8>,
    /// The byte on the line, start and stop bit included, and when it began.
    present: Option<(u32, f64)>,
    /// When a start bit was seen, and what was sampled since.
    started: Option<f64>,
    samples: u32,
    sampled: u32,
    was_high: bool,
    received: Vec<u8>,
}

impl Line {
    /// A line of bits of so many cycles.
    pub fn new(bit: f64) -> Line {
        Line {
            bit,
            sending: VecDeque::new(),
            present: None,
            started: None,
            samples: 0,
            sampled: 0,
            was_high: true,
            received: Vec::new(),
        }
    }

    /// Forgets what is under way.
    pub fn clear(&mut self) {
        *self = Line::new(self.bit);
    }

    /// Bytes that have not left.
    pub fn waiting(&self) -> usize {
        self.sending.len()
    }

    /// Sends bytes, one after the other without gaps.
    pub fn send(&mut self, bytes: &[u8]) {
        self.sending.extend(bytes);
    }

    /// What has come since the last call. A byte with a stop bit of 0 is dropped.
    pub fn take_received(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.received)
    }

    /// One cycle: sees the stick's line, answers the level of its own.
    pub fn step(&mut self, cycle: u64, high: bool) -> bool {
        self.see(cycle as f64, high);
        self.drive(cycle as f64)
    }

    fn drive(&mut self, now: f64) -> bool {
        if let Some((byte, begun)) = self.present {
            let bit = ((now - begun) / self.bit) as u32;
            if bit < BITS {
                return byte >> bit & 1 == 1;
            }
            // The next begins where this one ends.
            let next = self.sending.pop_front();
            self.present = next.map(|next| (framed(next), begun + f64::from(BITS) * self.bit));
        } else {
            self.present = self.sending.pop_front().map(|next| (framed(next), now));
        }
        // A start bit, or an idle line.
        self.present.is_none()
    }

    fn see(&mut self, now: f64, high: bool) {
        if self.started.is_none() {
            if self.was_high && !high {
                (self.started, self.samples, self.sampled) = (Some(now), 0, 0);
            }
            self.was_high = high;
        }
        let Some(begun) = self.started else { return };
        if now < begun + (f64::from(self.samples) + 0.5) * self.bit {
            return;
        }
        self.sampled |= u32::from(high) << self.samples;
        self.samples += 1;
        if self.samples == BITS {
            let stop = self.sampled >> (BITS - 1) & 1 == 1;
            if stop && self.sampled & 1 == 0 {
                self.received.push((self.sampled >> 1) as u8);
            }
            (self.started, self.was_high) = (None, high);
        }
    }
}

fn framed(byte: u8) -> u32 {
    1 << (BITS - 1) | u32::from(byte) << 1
}
