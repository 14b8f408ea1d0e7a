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

/// The state of a run: what waits where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sequencer {
    /// Address of the next instruction to hand out.
    pub next: u32,
    queues: [[Option<Queued>; Architecture::QUEUE_DEPTH as usize]; 4],
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
            queues: [[None; Architecture::QUEUE_DEPTH as usize]; 4],
            tokens: [[0; 4]; 4],
            barrier: 0,
            loaded: 0,
        }
    }

    /// Tries to hand out the next instruction.
    pub fn hand_out(&mut self, instruction: Instruction, instruction_depth: u32) -> Step {
        let done = match instruction.unit() {
            Some(unit) => self.push(unit, Queued { index: self.next, instruction }),
            None if instruction == Instruction::Fence => {
                let loaded = self.loaded > 0;
                self.loaded -= u8::from(loaded);
                loaded
            }
            None => self.queues.iter().all(|queue| queue[0].is_none()),
        };
        if !done {
            return Step::Waits;
        }
        self.next = self.next.wrapping_add(1) & (instruction_depth - 1);
        if instruction == (Instruction::Sync { halt: true }) { Step::Halted } else { Step::HandedOut }
    }

    fn push(&mut self, unit: Unit, queued: Queued) -> bool {
        match self.queues[unit as usize].iter_mut().find(|place| place.is_none()) {
            Some(place) => {
                *place = Some(queued);
                true
            }
            None => false,
        }
    }

    /// Takes an instruction whose tokens are there, with them; units in the order of their numbers.
    pub fn begin(&mut self) -> Option<(Unit, Queued)> {
        let (unit, queued) = Unit::ALL.into_iter().find_map(|unit| {
            let queued = self.queues[unit as usize][0]?;
            self.is_ready(unit, &queued).then_some((unit, queued))
        })?;
        let queue = &mut self.queues[unit as usize];
        queue.rotate_left(1);
        queue[queue.len() - 1] = None;
        for from in Unit::ALL {
            if queued.instruction.header().wait.contains(from) {
                self.tokens[from as usize][unit as usize] -= 1;
            }
        }
        self.barrier -= u8::from(meets(unit, &queued));
        Some((unit, queued))
    }

    fn is_ready(&self, unit: Unit, queued: &Queued) -> bool {
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
