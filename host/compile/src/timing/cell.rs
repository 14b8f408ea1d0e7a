//! One cell: sequencer, queues, tokens, and the units that take from them.

use super::prediction::{Counters, Interval};
use super::transfer::{Load, Store, Transfer};
use super::walks::{Array, Post};
use super::{Recording, TimingError};
use crate::memory::{Grant, Wish};
use myelin_isa::{Architecture, Instruction, Unit, UnitSet, WeightTarget};
use std::collections::VecDeque;

/// From the first running cycle to the first instruction held by the sequencer.
const FETCH: u64 = 2;
/// From handing out an instruction to holding the next.
const NEXT_FETCH: u64 = 2;
/// From handing out to the head of an empty queue.
const QUEUE: u64 = 2;
/// From giving a token to taking it.
const TOKEN: u64 = 1;
/// From a unit's last busy cycle to the sequencer seeing all units idle.
const ALL_IDLE: u64 = 2;
/// From the stamp to the tokens.
const STAMP_TO_GIVE: u64 = 1;

/// An instruction in a unit's queue.
#[derive(Debug, Clone, Copy)]
struct Queued {
    position: u32,
    /// First cycle in which it can be at the head.
    visible: u64,
}

/// What the memory does for a cell in a cycle.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Served {
    pub grant: Grant,
    pub acknowledged: bool,
    /// A beat is at the port.
    pub response: bool,
}

/// What a cell does to the others in a cycle.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Effects {
    /// It takes the beat at its port.
    pub takes_response: bool,
    /// It arrives at the barrier in this (later) cycle.
    pub arrives: Option<u64>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Cell<'p> {
    index: u32,
    entry: u32,
    instructions: &'p [Instruction],
    /// Position of what the sequencer fetches or holds, and the cycle from which it holds it.
    next: usize,
    held: u64,
    halted: bool,
    queues: [VecDeque<Queued>; 4],
    /// `tokens[from][to]`: when each can be taken; likewise those of the barrier and for FENCE.
    tokens: [[VecDeque<u64>; 4]; 4],
    barrier: VecDeque<u64>,
    loaded: VecDeque<u64>,
    load: Load,
    array: Array,
    post: Post,
    store: Store,
    /// Last cycle in which a unit is busy with what is complete or sure to be.
    last_busy: u64,
    recording: Recording,
    pub counters: Counters,
    pub stamps: Vec<u64>,
    pub intervals: Vec<Interval>,
}

impl<'p> Cell<'p> {
    pub fn new(
        architecture: &Architecture,
        instructions: &'p [Instruction],
        index: u32,
        entry: u32,
        recording: Recording,
    ) -> Cell<'p> {
        Cell {
            index,
            entry,
            instructions,
            next: entry as usize,
            held: FETCH,
            halted: false,
            queues: Default::default(),
            tokens: Default::default(),
            barrier: VecDeque::new(),
            loaded: VecDeque::new(),
            load: Load::default(),
            array: Array::new(architecture),
            post: Post::new(),
            store: Store::default(),
            last_busy: 0,
            recording,
            counters: Counters::default(),
            stamps: Vec::new(),
            intervals: Vec::new(),
        }
    }

    pub fn has_halted(&self) -> bool {
        self.halted
    }

    /// Position of what the sequencer holds.
    pub fn position(&self) -> u32 {
        self.next as u32
    }

    /// What the cell asks the memory for in a cycle.
    pub fn wish(&self, cycle: u64) -> Wish {
        // Which beat makes no difference to when it comes.
        Wish { read: self.load.requests().then_some(0), write: self.store.offers(cycle) }
    }

    /// A barrier token that can be taken from `cycle` on.
    pub fn give_barrier(&mut self, cycle: u64) {
        self.barrier.push_back(cycle);
    }

    /// One cycle.
    pub fn step(&mut self, cycle: u64, served: Served) -> Result<Effects, TimingError> {
        let mut effects = Effects::default();
        // All decide by what was so at the begin of the cycle: the sequencer before the queues lose
        // their heads, the units before their state moves on.
        self.hand_out(cycle)?;
        let ready = [
            self.load.transfers.ready(),
            self.array.free <= cycle,
            self.post.free <= cycle,
            self.store.transfers.ready(),
        ];
        let (writes, reads) = (self.post.writes(cycle), self.post.reads(cycle));
        effects.takes_response = served.response && self.load.response_ready(writes);
        if let Some((transfer, give)) = self.load.step(cycle, served.grant.read, effects.takes_response) {
            self.complete(Unit::Load, transfer, give);
        }
        if let Some((transfer, give)) = self.store.step(cycle, served.grant.write, served.acknowledged, reads) {
            self.complete(Unit::Store, transfer, give);
            effects.arrives = transfer.arrives.then_some(give);
        }
        for unit in Unit::ALL {
            if ready[unit as usize] && self.tokens_ready(unit).is_some_and(|first| first <= cycle) {
                self.take(unit, cycle);
            }
        }
        Ok(effects)
    }

    /// The next cycle after `cycle` in which the cell does something, as far as that depends on itself.
    pub fn wake(&self, cycle: u64) -> u64 {
        let mut wake = self.sequencer_wake(cycle).min(self.load.wake(cycle)).min(self.store.wake(cycle));
        for unit in Unit::ALL {
            let free = match unit {
                Unit::Load if self.load.transfers.ready() => 0,
                Unit::Store if self.store.transfers.ready() => 0,
                Unit::Array => self.array.free,
                Unit::Post => self.post.free,
                Unit::Load | Unit::Store => continue,
            };
            if let Some(first) = self.tokens_ready(unit) {
                wake = wake.min(first.max(free).max(cycle + 1));
            }
        }
        wake
    }

    fn sequencer_wake(&self, cycle: u64) -> u64 {
        if self.halted {
            return u64::MAX;
        }
        if self.held > cycle {
            return self.held;
        }
        let ready = match self.instructions.get(self.next) {
            Some(Instruction::Fence) => self.loaded.front().copied(),
            Some(Instruction::Sync { .. }) => self.all_idle(),
            // Running off the end is found in the next cycle.
            None => Some(0),
            Some(instruction) => {
                let unit = instruction.unit().expect("invariant: the sequencer executes only SYNC and FENCE");
                (self.queues[unit as usize].len() < Architecture::QUEUE_DEPTH as usize).then_some(0)
            }
        };
        ready.map_or(u64::MAX, |ready| ready.max(cycle + 1))
    }

    /// When the sequencer sees all units idle, if nothing is handed out before.
    fn all_idle(&self) -> Option<u64> {
        let idle =
            self.queues.iter().all(VecDeque::is_empty) && self.load.transfers.idle() && self.store.transfers.idle();
        idle.then_some(self.last_busy + ALL_IDLE)
    }

    /// The sequencer's cycle.
    fn hand_out(&mut self, cycle: u64) -> Result<(), TimingError> {
        if self.halted || self.held > cycle {
            return Ok(());
        }
        let no_halt = TimingError::NoHalt { cell: self.index, entry: self.entry };
        let instruction = self.instructions.get(self.next).ok_or(no_halt)?;
        let done = match instruction {
            Instruction::Fence => self.loaded.pop_front_if(|first| *first <= cycle).is_some(),
            Instruction::Sync { .. } => self.all_idle().is_some_and(|first| first <= cycle),
            _ => {
                let unit = instruction.unit().expect("invariant: the sequencer executes only SYNC and FENCE");
                let queue = &mut self.queues[unit as usize];
                let room = queue.len() < Architecture::QUEUE_DEPTH as usize;
                if room {
                    queue.push_back(Queued { position: self.next as u32, visible: cycle + QUEUE });
                }
                room
            }
        };
        if done {
            self.counters.instructions += 1;
            self.next += 1;
            self.held = cycle + NEXT_FETCH;
            if *instruction == (Instruction::Sync { halt: true }) {
                self.halted = true;
                self.counters.cycles = cycle + 1;
            }
        }
        Ok(())
    }

    /// When the head of a unit's queue has its tokens; `None` without one, or while a token is missing.
    fn tokens_ready(&self, unit: Unit) -> Option<u64> {
        let queued = self.queues[unit as usize].front()?;
        let header = self.instructions[queued.position as usize].header();
        let mut ready = queued.visible;
        if header.wait != UnitSet::NONE {
            for from in Unit::ALL {
                if header.wait.contains(from) {
                    ready = ready.max(*self.tokens[from as usize][unit as usize].front()?);
                }
            }
        }
        if header.meet && unit == Unit::Load {
            ready = ready.max(*self.barrier.front()?);
        }
        Some(ready)
    }

    /// A unit takes the head of its queue, whose tokens are there.
    fn take(&mut self, unit: Unit, cycle: u64) {
        let queued = self.queues[unit as usize].pop_front().expect("invariant: there is one with its tokens");
        let instruction = self.instructions[queued.position as usize];
        let header = instruction.header();
        for from in Unit::ALL {
            if header.wait.contains(from) {
                self.tokens[from as usize][unit as usize].pop_front();
            }
        }
        if header.meet && unit == Unit::Load {
            self.barrier.pop_front();
        }
        match unit {
            Unit::Load | Unit::Store => self.take_transfer(unit, queued.position, cycle),
            Unit::Array => {
                self.counters.stall_data += cycle - queued.visible.max(self.array.free);
                let (free, give) = self.array_times(&instruction, cycle);
                self.array.free = free;
                self.give(unit, header.signal, give);
                self.record(unit, queued.position, cycle + 1, free);
            }
            Unit::Post => {
                self.counters.post_stall += cycle - queued.visible.max(self.post.free);
                let give = self.post_give(&instruction, cycle);
                self.counters.post_busy += give - cycle;
                if header.stamp {
                    self.stamps.push(give - STAMP_TO_GIVE);
                }
                self.give(unit, header.signal, give);
                self.record(unit, queued.position, cycle + 1, give + 1);
            }
        }
    }

    /// When the array unit, which takes an instruction in `cycle`, is free, and gives its tokens.
    fn array_times(&mut self, instruction: &Instruction, cycle: u64) -> (u64, u64) {
        if let Instruction::Config { index, values, .. } = *instruction {
            configure(&mut self.array.registers, index, values);
            return (cycle + 1, cycle + self.array.config_give());
        }
        let convolution = self.array.convolution();
        self.counters.array_busy += convolution.pixels;
        self.counters.stall_weights += convolution.last - convolution.pixels;
        (cycle + convolution.last + 1, cycle + convolution.give)
    }

    /// When the post unit, which takes an instruction in `cycle`, gives its tokens.
    fn post_give(&mut self, instruction: &Instruction, cycle: u64) -> u64 {
        if let Instruction::Config { index, values, .. } = *instruction {
            configure(&mut self.post.registers, index, values);
            self.post.free = cycle + 1;
            return cycle + 1;
        }
        self.post.walk(cycle, !matches!(instruction, Instruction::Drain { .. }))
    }

    fn take_transfer(&mut self, unit: Unit, position: u32, cycle: u64) {
        let instruction = self.instructions[position as usize];
        let transfers = if unit == Unit::Load { &mut self.load.transfers } else { &mut self.store.transfers };
        let header = instruction.header();
        let mut transfer = Transfer {
            instruction: position,
            taken: cycle,
            beats: 0,
            to_scratchpad: false,
            loads_instructions: false,
            arrives: false,
            signal: header.signal,
        };
        match instruction {
            Instruction::Config { index, values, .. } => configure(&mut transfers.registers, index, values),
            Instruction::Load { beats, .. } => {
                transfer.beats = u64::from(beats) * transfers.rows();
                transfer.to_scratchpad = true;
            }
            Instruction::LoadWeights { target, beats, .. } => {
                transfer.beats = u64::from(beats);
                transfer.loads_instructions = target == WeightTarget::Instructions;
            }
            Instruction::Store { beats, .. } => {
                transfer.beats = u64::from(beats) * transfers.rows();
                transfer.arrives = header.arrive;
            }
            _ => {}
        }
        transfers.take(transfer);
    }

    /// A transfer is complete: tokens in cycle `give`.
    fn complete(&mut self, unit: Unit, transfer: Transfer, give: u64) {
        let transfers = if unit == Unit::Load { &mut self.load.transfers } else { &mut self.store.transfers };
        // Several are in flight: the unit is busy from the first to the last.
        let busy = give - transfer.taken.max(transfers.last_give);
        transfers.last_give = give;
        if unit == Unit::Load {
            self.counters.load_busy += busy;
        } else {
            self.counters.store_busy += busy;
        }
        if transfer.loads_instructions {
            self.loaded.push_back(give + TOKEN);
        }
        self.give(unit, transfer.signal, give);
        self.record(unit, transfer.instruction, transfer.taken + 1, give + 1);
    }

    fn give(&mut self, unit: Unit, signal: UnitSet, cycle: u64) {
        for to in Unit::ALL {
            if signal.contains(to) {
                self.tokens[unit as usize][to as usize].push_back(cycle + TOKEN);
            }
        }
        self.last_busy = self.last_busy.max(cycle);
    }

    fn record(&mut self, unit: Unit, instruction: u32, start: u64, end: u64) {
        if self.recording == Recording::Intervals {
            self.intervals.push(Interval { cell: self.index, unit, instruction, start, end });
        }
    }
}

/// A CONFIG; values beyond the last register are dropped.
fn configure(registers: &mut [u32], index: u8, values: [u32; 3]) {
    for (register, value) in registers.iter_mut().skip(usize::from(index)).zip(values) {
        *register = value;
    }
}
