//! Queues and tokens: which instruction goes next.

use myelin_isa::{Architecture, Instruction, Unit};

use super::trap::Trap;

/// Most tokens outstanding from one unit to another, and most barrier tokens.
const TOKENS_MAX: u8 = 15;

/// An instruction in a unit's queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queued {
    pub index: u32,
    pub instruction: Instruction,
}

const DEPTH: usize = Architecture::QUEUE_DEPTH as usize;

/// A unit's queue, in a ring: instructions are not moved, which is what takes a small core's time.
#[derive(Clone, Copy, Debug)]
struct Queue {
    places: [Option<Queued>; DEPTH],
    /// The oldest one's place.
    first: usize,
}

impl Queue {
    fn front(&self) -> Option<&Queued> {
        self.places[self.first].as_ref()
    }

    /// Puts an instruction behind the others; false if there is no place.
    fn push(&mut self, index: u32, instruction: &Instruction) -> bool {
        // From the oldest on, round and round.
        let (behind, before) = (self.first..DEPTH, 0..self.first);
        let Some(at) = behind.chain(before).find(|&at| self.places[at].is_none()) else { return false };
        self.places[at] = Some(Queued { index, instruction: *instruction });
        true
    }

    fn pop(&mut self) -> Option<Queued> {
        let front = self.places[self.first].take();
        self.first = if self.first + 1 == DEPTH { 0 } else { self.first + 1 };
        front
    }
}

/// The state of a run: what waits where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sequencer {
    /// Address of the next instruction to hand out.
    pub next: u32,
    queues: [Queue; 4],
    /// `[from][to]`.
    tokens: [[u8; 4]; 4],
    barrier: u8,
    /// LOADWs of instructions that are complete and not fenced.
    loaded: u8,
}

/// What a step of the sequencer came to.
pub(super) enum Step {
    /// The instruction is in a queue, or what it waited for has happened.
    HandedOut,
    /// The program is over.
    Halted,
    /// It cannot go on before a unit does.
    Waits,
}

impl Sequencer {
    pub const fn new(entry: u32) -> Sequencer {
        Sequencer {
            next: entry,
            queues: [Queue { places: [None; DEPTH], first: 0 }; 4],
            tokens: [[0; 4]; 4],
            barrier: 0,
            loaded: 0,
        }
    }

    /// Tries to hand out the next instruction.
    pub fn hand_out(&mut self, instruction: &Instruction, instruction_depth: u32) -> Step {
        let done = match instruction.unit() {
            Some(unit) => self.queues[unit as usize].push(self.next, instruction),
            None if *instruction == Instruction::Fence => {
                let loaded = self.loaded > 0;
                self.loaded -= u8::from(loaded);
                loaded
            }
            None => self.queues.iter().all(|queue| queue.front().is_none()),
        };
        if !done {
            return Step::Waits;
        }
        self.next = self.next.wrapping_add(1) & (instruction_depth - 1);
        if matches!(instruction, Instruction::Sync { halt: true }) { Step::Halted } else { Step::HandedOut }
    }

    /// Takes an instruction whose tokens are there, with them; units in the order of their numbers.
    pub fn begin(&mut self) -> Option<(Unit, Queued)> {
        let unit = Unit::ALL.into_iter().find(|&unit| self.is_ready(unit))?;
        let queued = self.queues[unit as usize].pop()?;
        let wait = queued.instruction.header().wait;
        for from in Unit::ALL {
            self.tokens[from as usize][unit as usize] -= u8::from(wait.contains(from));
        }
        self.barrier -= u8::from(meets(unit, &queued));
        Some((unit, queued))
    }

    fn is_ready(&self, unit: Unit) -> bool {
        let Some(queued) = self.queues[unit as usize].front() else { return false };
        let wait = queued.instruction.header().wait;
        let has = |&from: &Unit| !wait.contains(from) || self.tokens[from as usize][unit as usize] > 0;
        Unit::ALL.iter().all(has) && (!meets(unit, queued) || self.barrier > 0)
    }

    /// Gives what a complete instruction gives.
    pub fn complete(&mut self, unit: Unit, instruction: &Instruction) -> Result<(), Trap> {
        let header = instruction.header();
        for to in Unit::ALL {
            if header.signal.contains(to) {
                give(&mut self.tokens[unit as usize][to as usize])?;
            }
        }
        // One cell alone meets itself.
        if header.arrive && matches!(instruction, Instruction::Store { .. }) {
            give(&mut self.barrier)?;
        }
        if is_load_of_instructions(instruction) {
            self.loaded = self.loaded.saturating_add(1);
        }
        Ok(())
    }
}

fn give(tokens: &mut u8) -> Result<(), Trap> {
    if *tokens == TOKENS_MAX {
        return Err(Trap::Tokens);
    }
    *tokens += 1;
    Ok(())
}

/// Whether an instruction takes a barrier token.
fn meets(unit: Unit, queued: &Queued) -> bool {
    unit == Unit::Load && queued.instruction.header().meet
}

fn is_load_of_instructions(instruction: &Instruction) -> bool {
    use myelin_isa::WeightTarget::Instructions;
    matches!(instruction, Instruction::LoadWeights { target: Instructions, .. })
}
