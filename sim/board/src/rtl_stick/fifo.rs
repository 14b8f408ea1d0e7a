//! The host's end of an FT245 FIFO: a USB bridge (FT2232H) at its strobes, with a host that always has room.

use std::collections::VecDeque;

/// Clocks for which the bridge takes its flag back after a strobe: it then is not to be believed.
const RECOVERY: u8 = 2;

/// The bridge.
#[derive(Clone, Debug, Default)]
pub struct Fifo {
    sending: VecDeque<u8>,
    received: Vec<u8>,
    reading: bool,
    writing: bool,
    /// Clocks until RXF# and TXE# are believed again.
    recovering: [u8; 2],
}

/// What the bridge drives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Drive {
    /// The wires; what it reads from a stick that does not read is of no meaning.
    pub data: u8,
    /// RXF#, low: a byte is there.
    pub rxf_n: bool,
    /// TXE#, low: there is room.
    pub txe_n: bool,
}

impl Drive {
    /// Nothing is there, nothing can be taken: a bridge in reset.
    pub const IDLE: Drive = Drive { data: 0, rxf_n: true, txe_n: true };
}

impl Fifo {
    /// Bytes that have not left.
    pub fn waiting(&self) -> usize {
        self.sending.len()
    }

    /// Has bytes ready for the stick.
    pub fn send(&mut self, bytes: &[u8]) {
        self.sending.extend(bytes);
    }

    /// What has come since the last call.
    pub fn take_received(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.received)
    }

    /// One cycle: sees the stick's strobes and its side of the wires, answers its own.
    pub fn step(&mut self, rd_n: bool, wr_n: bool, data: u8) -> Drive {
        self.recovering = self.recovering.map(|left| left.saturating_sub(1));
        if self.reading && rd_n {
            // The end of the strobe takes the byte.
            self.sending.pop_front();
            self.recovering[0] = RECOVERY;
        }
        if !self.writing && !wr_n {
            self.received.push(data);
            self.recovering[1] = RECOVERY;
        }
        (self.reading, self.writing) = (!rd_n, !wr_n);
        Drive {
            data: self.sending.front().copied().unwrap_or(0),
            rxf_n: self.recovering[0] > 0 || self.sending.is_empty(),
            txe_n: self.recovering[1] > 0,
        }
    }
}
