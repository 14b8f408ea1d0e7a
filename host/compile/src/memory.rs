//! External memory as the cells of a card share it: bandwidth, latencies and who is served when.
//!
//! The one statement of it: virtual boards run it beside the simulated cells, the timing model
//! ([`crate::timing`]) beside its own, so that both count the same cycles. It moves no data: it says
//! in which cycle a read or write is accepted, which beat arrives, and when a write is visible.
//!
//! ```text
//!  cell 0 read, write ->+---------+  accepted: while there is credit, a beat each, ports in turn
//!  cell 1 read, write ->| arbiter |--> reads:  arrive after `read_latency`, in order, wait at the port
//!  ...                ->+---------+--> writes: visible and acknowledged after `write_latency`
//! ```
//!
//! **Timing.** In each cycle, in this order: whatever has arrived is at
//! the ports ([`SharedMemory::response`], [`SharedMemory::acknowledged`]); [`SharedMemory::arbitrate`]
//! accepts wishes; [`SharedMemory::take`] removes a response that its cell was ready for;
//! [`SharedMemory::advance`] ends the cycle. A read
//! accepted in cycle 0 is at the port from cycle `read_latency` on; a beat is read from memory in the
//! first cycle in which it is at the port. A write accepted in cycle 0 is in memory for reads that
//! arrive in cycle `write_latency` or later, and is acknowledged in that cycle.
//!
//! **Bandwidth.** Credit grows by `bandwidth` each cycle up to four beats for each cell, and each beat
//! accepted costs its bytes. The ports stand in a ring (write of cell 0, read of cell 0, write of cell
//! 1, ...); each cycle serves them from where the cycle before had to stop. So no port waits for
//! more than one beat of each other port, whatever they ask for.

use core::fmt;
use core::str::FromStr;
use std::collections::VecDeque;
use thiserror::Error;

/// Beats of credit for each cell that may be saved up.
const CREDIT_BEATS: u64 = 4;

/// A memory's speed, in cycles of the cells' clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MemoryModel {
    /// What all cells together may move, both directions counted; `None`: whatever they ask for.
    pub bandwidth: Option<Bandwidth>,
    /// Cycles from accepting a read to its beat; at least 1.
    pub read_latency: u32,
    /// Cycles from accepting a write to its being visible; at least 1.
    pub write_latency: u32,
}

/// Bytes per cycle as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bandwidth {
    /// So many bytes ...
    pub bytes: u32,
    /// ... in so many cycles; at least 1, and so are the bytes.
    pub cycles: u32,
}

impl MemoryModel {
    /// No limit, eight cycles: the memory of a cell alone in simulation.
    pub const IDEAL: MemoryModel = MemoryModel { bandwidth: None, read_latency: 8, write_latency: 8 };
    /// High-bandwidth memory, 200 GB/s at 300 MHz.
    pub const HBM: MemoryModel = MemoryModel::limited(2000, 3, 120, 60);
    /// Two channels of DDR4 behind a controller, 27 GB/s at 250 MHz.
    pub const DDR4: MemoryModel = MemoryModel::limited(108, 1, 80, 40);
    /// A 16-bit DDR3 chip, 1.2 GB/s at 80 MHz.
    pub const DDR3: MemoryModel = MemoryModel::limited(15, 1, 40, 20);
    /// Quad serial flash, 6 MB/s at 24 MHz.
    pub const SPI: MemoryModel = MemoryModel::limited(1, 4, 60, 60);
    /// All named ones.
    pub const PRESETS: [(&str, MemoryModel); 5] = [
        ("ideal", MemoryModel::IDEAL),
        ("hbm", MemoryModel::HBM),
        ("ddr4", MemoryModel::DDR4),
        ("ddr3", MemoryModel::DDR3),
        ("spi", MemoryModel::SPI),
    ];

    const fn limited(bytes: u32, cycles: u32, read_latency: u32, write_latency: u32) -> MemoryModel {
        MemoryModel { bandwidth: Some(Bandwidth { bytes, cycles }), read_latency, write_latency }
    }
}

impl fmt::Display for MemoryModel {
    /// The name of a preset, else `BYTES[/CYCLES]:READ:WRITE`; [`MemoryModel::from_str`] reads both.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, _)) = Self::PRESETS.iter().find(|(_, model)| model == self) {
            return f.write_str(name);
        }
        match self.bandwidth {
            None => f.write_str("unlimited")?,
            Some(Bandwidth { bytes, cycles: 1 }) => write!(f, "{bytes}")?,
            Some(Bandwidth { bytes, cycles }) => write!(f, "{bytes}/{cycles}")?,
        }
        write!(f, ":{}:{}", self.read_latency, self.write_latency)
    }
}

/// Text that is no memory.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "memory {found:?} is none of ideal, hbm, ddr4, ddr3, spi, nor BYTES_PER_CYCLE:READ_LATENCY:WRITE_LATENCY \
     (as 108:80:40, 2000/3:120:60 or unlimited:8:8; all at least 1)"
)]
pub struct ParseMemoryError {
    /// The text.
    pub found: String,
}

impl FromStr for MemoryModel {
    type Err = ParseMemoryError;

    fn from_str(text: &str) -> Result<MemoryModel, ParseMemoryError> {
        if let Some((_, model)) = Self::PRESETS.iter().find(|(name, _)| *name == text) {
            return Ok(*model);
        }
        let positive = |text: &str| text.parse::<u32>().ok().filter(|&value| value > 0);
        let parse = || {
            let mut parts = text.split(':');
            let (bandwidth, read, write) = (parts.next()?, parts.next()?, parts.next()?);
            let bandwidth = match bandwidth.split_once('/') {
                _ if bandwidth == "unlimited" => None,
                Some((bytes, cycles)) => Some(Bandwidth { bytes: positive(bytes)?, cycles: positive(cycles)? }),
                None => Some(Bandwidth { bytes: positive(bandwidth)?, cycles: 1 }),
            };
            let model = MemoryModel { bandwidth, read_latency: positive(read)?, write_latency: positive(write)? };
            parts.next().is_none().then_some(model)
        };
        parse().ok_or_else(|| ParseMemoryError { found: text.to_owned() })
    }
}

/// What a cell offers its memory port in a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wish {
    /// A read of this beat.
    pub read: Option<u32>,
    /// A write; its beat and data are the caller's business.
    pub write: bool,
}

/// What of a [`Wish`] was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Grant {
    /// The read.
    pub read: bool,
    /// The write.
    pub write: bool,
}

/// The arbiter and what is under way; see the module.
#[derive(Debug, Clone)]
pub struct SharedMemory {
    model: MemoryModel,
    /// In bytes times the bandwidth's cycles.
    credit: u64,
    credit_max: u64,
    beat_cost: u64,
    cycle: u64,
    /// Port of the ring to be served first: `2 * cell`, one more for its read.
    first: usize,
    cells: Vec<Port>,
    beats_moved: u64,
}

/// One cell's traffic.
#[derive(Debug, Clone, Default)]
struct Port {
    /// Cycle of arrival and beat, oldest first.
    reads: VecDeque<(u64, u32)>,
    /// Cycle in which each becomes visible.
    writes: VecDeque<u64>,
}

impl SharedMemory {
    /// A memory at rest, for so many cells with beats of `beat_bytes`; cycle 0 is about to begin.
    pub fn new(model: MemoryModel, cells: u32, beat_bytes: u32) -> SharedMemory {
        let cycles = model.bandwidth.map_or(0, |bandwidth| u64::from(bandwidth.cycles));
        let beat_cost = u64::from(beat_bytes) * cycles;
        let credit_max = beat_cost * u64::from(cells) * CREDIT_BEATS;
        let cells = vec![Port::default(); cells as usize];
        let credit = credit_max;
        SharedMemory { model, credit, credit_max, beat_cost, cycle: 0, first: 0, cells, beats_moved: 0 }
    }

    /// As new, but for the count of beats: a start of the cells, which are all at rest. With it a run
    /// takes the same cycles whenever it starts.
    pub fn restart(&mut self) {
        self.credit = self.credit_max;
        self.first = 0;
        self.cycle = 0;
        for port in &mut self.cells {
            port.reads.clear();
            port.writes.clear();
        }
    }

    /// The model it was made with.
    pub fn model(&self) -> MemoryModel {
        self.model
    }

    /// The present cycle, from [`SharedMemory::new`] or [`SharedMemory::restart`] on.
    pub fn cycle(&self) -> u64 {
        self.cycle
    }

    /// Beats accepted so far, reads and writes.
    pub fn beats_moved(&self) -> u64 {
        self.beats_moved
    }

    /// The beat that is at a cell's port.
    pub fn response(&self, cell: usize) -> Option<u32> {
        self.cells[cell].reads.front().filter(|&&(due, _)| due <= self.cycle).map(|&(_, beat)| beat)
    }

    /// Whether the oldest write of a cell becomes visible, and is acknowledged, in this cycle.
    pub fn acknowledged(&self, cell: usize) -> bool {
        self.cells[cell].writes.front() == Some(&self.cycle)
    }

    /// The next cycle, the present one included, in which something is or comes to a cell's port;
    /// `None` with nothing under way.
    pub fn next_event(&self, cell: usize) -> Option<u64> {
        let port = &self.cells[cell];
        let read = port.reads.front().map(|&(due, _)| due);
        let write = port.writes.front().copied();
        [read, write].into_iter().flatten().min().map(|due| due.max(self.cycle))
    }

    /// Accepts what there is credit for; `wishes` and `grants` are by cell. Once each cycle.
    ///
    /// **Panics** when there are not as many as cells.
    pub fn arbitrate(&mut self, wishes: &[Wish], grants: &mut [Grant]) {
        let ports = 2 * self.cells.len();
        assert!(2 * wishes.len() == ports && 2 * grants.len() == ports, "one for each cell");
        grants.fill(Grant::default());
        for step in 0..ports {
            let port = if self.first + step < ports { self.first + step } else { self.first + step - ports };
            let (cell, is_read) = (port / 2, port % 2 == 1);
            let wish = wishes[cell];
            if !(if is_read { wish.read.is_some() } else { wish.write }) {
                continue;
            }
            if self.credit < self.beat_cost {
                self.first = port;
                return;
            }
            self.credit -= self.beat_cost;
            self.beats_moved += 1;
            if is_read {
                let due = self.cycle + u64::from(self.model.read_latency);
                let beat = wish.read.expect("invariant: it asks for one");
                self.cells[cell].reads.push_back((due, beat));
                grants[cell].read = true;
            } else {
                self.cells[cell].writes.push_back(self.cycle + u64::from(self.model.write_latency));
                grants[cell].write = true;
            }
        }
    }

    /// Removes the beat at a cell's port: the cell was ready for it in this cycle.
    pub fn take(&mut self, cell: usize) -> Option<u32> {
        let beat = self.response(cell)?;
        self.cells[cell].reads.pop_front();
        Some(beat)
    }

    /// Ends the present cycle and begins the one `cycles` later; more than one only where in those
    /// between nothing is asked for, taken or acknowledged.
    pub fn advance(&mut self, cycles: u64) {
        for port in &mut self.cells {
            if port.writes.front() == Some(&self.cycle) {
                port.writes.pop_front();
            }
        }
        self.cycle += cycles;
        if let Some(bandwidth) = self.model.bandwidth {
            let earned = u64::from(bandwidth.bytes).saturating_mul(cycles);
            self.credit = self.credit.saturating_add(earned).min(self.credit_max);
        }
    }
}

#[cfg(test)]
mod tests;
