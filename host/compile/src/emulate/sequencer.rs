//! Queues, tokens and clocks of one cell in one run.

use super::error::{EmulateError, Fault};
use super::history::{Clock, Moment};
use myelin_isa::{Architecture, Instruction, Unit, UnitSet, WeightTarget};
use std::collections::VecDeque;

/// Most tokens outstanding from one unit to another, and most barrier tokens.
pub const TOKEN_COUNT_MAX: u32 = 15;

/// An instruction in a unit's queue.
#[derive(Clone, Copy)]
pub(super) struct Queued {
    pub index: u32,
    pub instruction: Instruction,
}

/// A LOADW of instructions that has been handed out: where it writes, wrapping.
#[derive(Clone, Copy)]
struct Loading {
    first: u32,
    count: u32,
}

/// See the module.
pub(super) struct Sequencer {
    queues: [VecDeque<Queued>; 4],
    /// `tokens[from][to]`, each with what its giver had seen.
    tokens: [[VecDeque<Clock>; 4]; 4],
    barrier: VecDeque<Clock>,
    clocks: [Clock; 4],
    /// Handed out and not fenced, oldest first; so many of them are complete.
    loading: VecDeque<Loading>,
    loaded: usize,
    instruction_depth: u32,
    instruction_beats: u32,
}

impl Sequencer {
    pub fn new(architecture: &Architecture) -> Sequencer {
        Sequencer {
            queues: Default::default(),
            tokens: Default::default(),
            barrier: VecDeque::new(),
            clocks: Default::default(),
            loading: VecDeque::new(),
            loaded: 0,
            instruction_depth: architecture.instruction_depth(),
            instruction_beats: architecture.instruction_beats(),
        }
    }

    /// Whether the sequencer is done with an instruction: it is in its unit's queue, or what it waits for has happened.
    pub fn hand_out(&mut self, index: u32, instruction: Instruction) -> bool {
        match instruction {
            Instruction::Sync { .. } => {
                let done = self.queues.iter().all(VecDeque::is_empty);
                if done {
                    self.meet();
                }
                done
            }
            Instruction::Fence => {
                let done = self.loaded > 0;
                if done {
                    self.loaded -= 1;
                    self.loading.pop_front();
                }
                done
            }
            _ => self.push(index, instruction),
        }
    }

    fn push(&mut self, index: u32, instruction: Instruction) -> bool {
        let unit = instruction.unit().expect("invariant: the sequencer executes only SYNC and FENCE");
        let queue = &mut self.queues[unit as usize];
        if queue.len() == Architecture::QUEUE_DEPTH as usize {
            return false;
        }
        queue.push_back(Queued { index, instruction });
        if let Instruction::LoadWeights { target: WeightTarget::Instructions, destination, beats, .. } = instruction {
            self.loading.push_back(Loading { first: destination, count: beats.div_ceil(self.instruction_beats) });
        }
        true
    }

    /// Whether a LOADW that no FENCE has waited for writes the instruction at `address`.
    pub fn is_being_loaded(&self, address: u32) -> bool {
        let mask = self.instruction_depth - 1;
        let within = |loading: &Loading| address.wrapping_sub(loading.first) & mask < loading.count;
        self.loading.iter().any(within)
    }

    /// Whether a unit has an instruction whose tokens are there.
    pub fn ready(&self, unit: Unit) -> bool {
        let head = self.queues[unit as usize].front();
        head.is_some_and(|queued| self.missing(unit, queued) == UnitSet::NONE && !self.lacks_barrier(queued))
    }

    /// The units whose token `queued` still needs.
    fn missing(&self, unit: Unit, queued: &Queued) -> UnitSet {
        let wait = queued.instruction.header().wait;
        let lacks = |&from: &Unit| wait.contains(from) && self.tokens[from as usize][unit as usize].is_empty();
        Unit::ALL.into_iter().filter(lacks).fold(UnitSet::NONE, UnitSet::and)
    }

    fn lacks_barrier(&self, queued: &Queued) -> bool {
        meets(&queued.instruction) && self.barrier.is_empty()
    }

    /// Takes the head of a ready unit's queue with its tokens.
    pub fn begin(&mut self, unit: Unit) -> (Queued, Moment) {
        let queued = self.queues[unit as usize].pop_front().expect("invariant: a ready unit has an instruction");
        let clock = &mut self.clocks[unit as usize];
        let mut merge = |seen: Option<Clock>| {
            let seen = seen.expect("invariant: a ready unit has its tokens");
            *clock = core::array::from_fn(|i| clock[i].max(seen[i]));
        };
        for from in Unit::ALL {
            if queued.instruction.header().wait.contains(from) {
                merge(self.tokens[from as usize][unit as usize].pop_front());
            }
        }
        if meets(&queued.instruction) {
            merge(self.barrier.pop_front());
        }
        clock[unit as usize] += 1;
        (queued, Moment { unit, clock: *clock })
    }

    /// Gives the tokens of an instruction that has been executed.
    pub fn complete(&mut self, instruction: &Instruction, now: &Moment) -> Result<(), Fault> {
        for to in Unit::ALL {
            if instruction.header().signal.contains(to) {
                let tokens = &mut self.tokens[now.unit as usize][to as usize];
                if tokens.len() as u32 == TOKEN_COUNT_MAX {
                    return Err(Fault::TokenOverflow { from: now.unit, to, max: TOKEN_COUNT_MAX });
                }
                tokens.push_back(now.clock);
            }
        }
        if instruction.header().arrive && matches!(instruction, Instruction::Store { .. }) {
            if self.barrier.len() as u32 == TOKEN_COUNT_MAX {
                return Err(Fault::BarrierOverflow { max: TOKEN_COUNT_MAX });
            }
            // A cell alone is all there is to wait for.
            self.barrier.push_back(now.clock);
        }
        self.loaded +=
            usize::from(matches!(instruction, Instruction::LoadWeights { target: WeightTarget::Instructions, .. }));
        Ok(())
    }

    /// All units have seen all: what a SYNC establishes.
    fn meet(&mut self) {
        let all: Clock = core::array::from_fn(|i| self.clocks[i][i]);
        self.clocks = [all; 4];
        // What they loaded is there, fenced or not.
        self.loading.iter_mut().for_each(|loading| loading.count = 0);
    }

    /// The report when no unit is ready although `instruction`, at `index`, is held back.
    pub fn deadlock(&self, priority: [Unit; 4], index: u32, instruction: Instruction) -> EmulateError {
        let head = |unit: Unit| Some((unit, self.queues[unit as usize].front()?));
        let Some((unit, queued)) = priority.into_iter().find_map(head) else {
            let fault = Fault::NeverComes { waits_for: "a LOADW of instructions" };
            return EmulateError { instruction: index, mnemonic: instruction.mnemonic(), fault };
        };
        let fault = match self.missing(unit, queued) {
            UnitSet::NONE => Fault::NeverComes { waits_for: "the barrier" },
            missing => Fault::Deadlock { unit, missing },
        };
        EmulateError { instruction: queued.index, mnemonic: queued.instruction.mnemonic(), fault }
    }
}

/// Whether an instruction takes a barrier token.
fn meets(instruction: &Instruction) -> bool {
    instruction.header().meet && instruction.unit() == Some(Unit::Load)
}
