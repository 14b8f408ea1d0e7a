//! External memory, which all cells share, and the barrier that orders what they do to it.
//!
//! Within a cell tokens order accesses, as everywhere. Between cells barriers do: what a cell knows to
//! be complete when it arrives for the k-th time is complete for whoever has taken its k-th barrier token.

use super::error::{Fault, Memory};
use super::history::{BARRIERS, Clock, Moment};
use super::sequencer::TOKEN_COUNT_MAX;
use myelin_isa::Unit;

/// Beats whose accesses are kept together; most of memory is never touched by most programs.
const PAGE_BEATS: usize = 1024;

/// External memory with who touched it, and the barrier.
#[derive(Debug, Clone)]
pub(super) struct External {
    pub bytes: Vec<u8>,
    lanes: usize,
    cells: usize,
    /// By page; empty without race detection.
    pages: Vec<Option<Page>>,
    barrier: Barrier,
}

/// Last accesses to the beats of a page; time 0 is never.
#[derive(Debug, Clone)]
struct Page {
    writers: Vec<Writer>,
    /// `[beat][cell]`: times of the load unit.
    reads: Vec<u32>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Writer {
    cell: u32,
    time: u32,
}

#[derive(Debug, Clone, Default)]
struct Barrier {
    /// By cell: what was complete when the run started.
    starts: Vec<Clock>,
    /// By cell: what it knew at each of its arrivals in this run.
    arrivals: Vec<Vec<Clock>>,
    /// By cell: tokens taken in this run.
    taken: Vec<u32>,
}

impl External {
    pub fn new(beats: u32, lanes: u32, cells: u32, detect_races: bool) -> External {
        let pages = if detect_races { (beats as usize).div_ceil(PAGE_BEATS) } else { 0 };
        let (beats, lanes, cells) = (beats as usize, lanes as usize, cells as usize);
        External { bytes: vec![0; beats * lanes], lanes, cells, pages: vec![None; pages], barrier: Barrier::default() }
    }

    /// Number of beats.
    pub fn beats(&self) -> u32 {
        (self.bytes.len() / self.lanes) as u32
    }

    /// A start of all cells, which know that everything up to `starts` is complete.
    pub fn start(&mut self, starts: Vec<Clock>) {
        self.barrier = Barrier { starts, arrivals: vec![Vec::new(); self.cells], taken: vec![0; self.cells] };
    }

    /// Records that a cell reads existing beats and says where their bytes start.
    pub fn read(&mut self, cell: usize, first: u32, count: u32, now: &Moment) -> Result<usize, Fault> {
        for beat in first as usize..(first + count) as usize {
            let Some(page) = self.pages.get_mut(beat / PAGE_BEATS) else { break };
            let page = page.get_or_insert_with(|| Page::new(self.cells));
            let at = beat % PAGE_BEATS;
            self.barrier.check_writer(page.writers[at], beat, cell, now)?;
            page.reads[at * self.cells + cell] = now.time();
        }
        Ok(first as usize * self.lanes)
    }

    /// Records that a cell writes existing beats and says where their bytes start.
    pub fn write(&mut self, cell: usize, first: u32, count: u32, now: &Moment) -> Result<usize, Fault> {
        for beat in first as usize..(first + count) as usize {
            let Some(page) = self.pages.get_mut(beat / PAGE_BEATS) else { break };
            let page = page.get_or_insert_with(|| Page::new(self.cells));
            let at = beat % PAGE_BEATS;
            self.barrier.check_writer(page.writers[at], beat, cell, now)?;
            for (reader, &time) in page.reads[at * self.cells..][..self.cells].iter().enumerate() {
                self.barrier.check((reader, Unit::Load, time), beat, cell, now)?;
            }
            page.writers[at] = Writer { cell: cell as u32, time: now.time() };
        }
        Ok(first as usize * self.lanes)
    }

    /// Four bytes, little-endian.
    pub fn word(&self, at: usize) -> u32 {
        u32::from_le_bytes(core::array::from_fn(|byte| self.bytes[at + byte]))
    }

    /// Whether a cell could take a barrier token.
    pub fn has_met(&self, cell: usize) -> bool {
        self.barrier.complete() > self.barrier.taken[cell] as usize
    }

    /// Whether a cell has arrived and not taken the token.
    pub fn has_token_left(&self, cell: usize) -> bool {
        self.barrier.arrivals[cell].len() > self.barrier.taken[cell] as usize
    }

    /// Takes a barrier token that is there; answers what the cell itself knew at its arrival.
    pub fn meet(&mut self, cell: usize) -> Clock {
        let taken = &mut self.barrier.taken[cell];
        let mut clock = self.barrier.arrivals[cell][*taken as usize];
        *taken += 1;
        clock[BARRIERS] = *taken;
        clock
    }

    /// A cell arrives.
    pub fn arrive(&mut self, cell: usize, now: &Moment) -> Result<(), Fault> {
        let barrier = &mut self.barrier;
        barrier.arrivals[cell].push(now.clock);
        let (complete, arrived) = (barrier.complete(), barrier.arrivals[cell].len());
        // Ahead of the others, or of what it takes itself: both are counted in hardware.
        let ahead = (arrived - complete).max(complete.saturating_sub(barrier.taken[cell] as usize));
        if ahead > TOKEN_COUNT_MAX as usize {
            return Err(Fault::BarrierOverflow { max: TOKEN_COUNT_MAX });
        }
        Ok(())
    }

    /// The cells that have arrived least often: those a barrier waits for.
    pub fn missing_at_barrier(&self) -> usize {
        let arrivals = &self.barrier.arrivals;
        (0..self.cells).min_by_key(|&cell| arrivals[cell].len()).unwrap_or_default()
    }
}

impl Page {
    fn new(cells: usize) -> Page {
        Page { writers: vec![Writer::default(); PAGE_BEATS], reads: vec![0; PAGE_BEATS * cells] }
    }
}

impl Barrier {
    /// Barriers that all cells have arrived at.
    fn complete(&self) -> usize {
        self.arrivals.iter().map(Vec::len).min().unwrap_or_default()
    }

    fn check_writer(&self, writer: Writer, beat: usize, cell: usize, now: &Moment) -> Result<(), Fault> {
        self.check((writer.cell as usize, Unit::Store, writer.time), beat, cell, now)
    }

    /// That an access of a cell's unit at a time is known by a cell to be complete.
    fn check(
        &self,
        (other_cell, other, time): (usize, Unit, u32),
        beat: usize,
        cell: usize,
        now: &Moment,
    ) -> Result<(), Fault> {
        let address = beat as u64;
        if other_cell == cell {
            if time <= now.clock[other as usize] {
                return Ok(());
            }
            return Err(Fault::Race { unit: now.unit, other, memory: Memory::External, address });
        }
        let passed = now.clock[BARRIERS] as usize;
        let known = match passed.checked_sub(1) {
            None => self.starts[other_cell],
            Some(last) => self.arrivals[other_cell][last],
        };
        if time <= known[other as usize] {
            return Ok(());
        }
        Err(Fault::CellRace { unit: now.unit, other, other_cell: other_cell as u32, beat: address })
    }
}
