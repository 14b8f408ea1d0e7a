//! Queues, tokens and clocks of one cell in one run.

use super::error::Fault;
use super::history::{BARRIERS, Clock, Moment};
use super::machine::CellReport;
use myelin_isa::{Architecture, Instruction, Unit, UnitSet, WeightTarget};
use std::collections::VecDeque;

/// Most tokens outstanding from one unit to another, and most barrier tokens.
pub const TOKEN_COUNT_MAX: u32 = 15;

/// An instruction in a unit's queue.
#[derive(Debug, Clone, Copy)]
pub(super) struct Queued {
    pub index: u32,
    pub instruction: Instruction,
}

/// A LOADW of instructions that has been handed out: where it writes, wrapping.
#[derive(Debug, Clone, Copy)]
struct Loading {
    first: u32,
    count: u32,
}

/// Why a cell does not go on.
#[derive(Clone, Copy)]
pub(super) enum Blocked {
    /// The sequencer is at a FENCE.
    Fence,
    /// A unit waits for tokens of its own cell.
    Tokens { queued: Queued, unit: Unit, missing: UnitSet },
    /// The load unit waits at the barrier.
    Barrier { queued: Queued },
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Sequencer {
    /// Address of the next instruction to hand out.
    next: u32,
    halted: bool,
    queues: [VecDeque<Queued>; 4],
    /// `tokens[from][to]`, each with what its giver had seen.
    tokens: [[VecDeque<Clock>; 4]; 4],
    clocks: [Clock; 4],
    /// Handed out and not fenced, oldest first; so many of them are complete.
    loading: VecDeque<Loading>,
    loaded: usize,
    instruction_depth: u32,
    instruction_beats: u32,
    /// What was done in this run.
    pub report: CellReport,
}

impl Sequencer {
    pub fn new(architecture: &Architecture) -> Sequencer {
        Sequencer {
            next: 0,
            halted: true,
            queues: Default::default(),
            tokens: Default::default(),
            clocks: Default::default(),
            loading: VecDeque::new(),
            loaded: 0,
            instruction_depth: architecture.instruction_depth(),
            instruction_beats: architecture.instruction_beats(),
            report: CellReport::default(),
        }
    }

    /// Begins a run; answers what is complete: all that was before.
    pub fn start(&mut self, entry: u32) -> Clock {
        *self = Sequencer {
            next: entry & (self.instruction_depth - 1),
            halted: false,
            queues: Default::default(),
            tokens: Default::default(),
            clocks: self.clocks,
            loading: VecDeque::new(),
            loaded: 0,
            report: CellReport::default(),
            ..*self
        };
        self.meet();
        for clock in &mut self.clocks {
            clock[BARRIERS] = 0;
        }
        self.clocks[0]
    }

    pub fn next(&self) -> u32 {
        self.next
    }

    /// Address of the instruction handed out last.
    pub fn last(&self) -> u32 {
        self.next.wrapping_sub(1) & (self.instruction_depth - 1)
    }

    pub fn has_halted(&self) -> bool {
        self.halted
    }

    /// Whether the sequencer is done with the next instruction: it is in its unit's queue, or what it
    /// waits for has happened.
    pub fn hand_out(&mut self, instruction: Instruction) -> bool {
        let done = match instruction {
            Instruction::Sync { halt } => {
                let idle = self.queues.iter().all(VecDeque::is_empty);
                if idle {
                    self.meet();
                    self.halted = halt;
                }
                idle
            }
            Instruction::Fence => {
                let loaded = self.loaded > 0;
                if loaded {
                    self.loaded -= 1;
                    self.loading.pop_front();
                }
                loaded
            }
            _ => self.push(instruction),
        };
        if done {
            self.next = self.next.wrapping_add(1) & (self.instruction_depth - 1);
            // The others count when their unit executes them.
            self.report.instructions += u32::from(instruction.unit().is_none());
        }
        done
    }

    fn push(&mut self, instruction: Instruction) -> bool {
        let unit = instruction.unit().expect("invariant: the sequencer executes only SYNC and FENCE");
        let queue = &mut self.queues[unit as usize];
        if queue.len() == Architecture::QUEUE_DEPTH as usize {
            return false;
        }
        queue.push_back(Queued { index: self.next, instruction });
        if let Instruction::LoadWeights { target: WeightTarget::Instructions, destination, beats, .. } = instruction {
            self.loading.push_back(Loading { first: destination, count: beats.div_ceil(self.instruction_beats) });
        }
        true
    }

    /// That somebody has waited for everything that was signalled.
    pub fn check_tokens(&self) -> Result<(), Fault> {
        for (from, to) in Unit::ALL.into_iter().flat_map(|from| Unit::ALL.map(|to| (from, to))) {
            if !self.tokens[from as usize][to as usize].is_empty() {
                return Err(Fault::TokenLeft { from, to });
            }
        }
        if self.loaded > 0 { Err(Fault::OtherTokenLeft { of: "a LOADW of instructions" }) } else { Ok(()) }
    }

    /// Whether a LOADW that no FENCE has waited for writes the instruction at `address`.
    pub fn is_being_loaded(&self, address: u32) -> bool {
        let mask = self.instruction_depth - 1;
        let within = |loading: &Loading| address.wrapping_sub(loading.first) & mask < loading.count;
        self.loading.iter().any(within)
    }

    /// Whether a unit has an instruction whose tokens are there; `has_met`: a barrier token is.
    pub fn ready(&self, unit: Unit, has_met: bool) -> bool {
        let head = self.queues[unit as usize].front();
        let met = |queued: &Queued| has_met || !meets(&queued.instruction);
        head.is_some_and(|queued| self.missing(unit, queued) == UnitSet::NONE && met(queued))
    }

    /// The units whose token `queued` still needs.
    fn missing(&self, unit: Unit, queued: &Queued) -> UnitSet {
        let wait = queued.instruction.header().wait;
        let lacks = |&from: &Unit| wait.contains(from) && self.tokens[from as usize][unit as usize].is_empty();
        Unit::ALL.into_iter().filter(lacks).fold(UnitSet::NONE, UnitSet::and)
    }

    /// Takes the head of a ready unit's queue with its tokens; `barrier` takes that of the barrier.
    pub fn begin(&mut self, unit: Unit, barrier: impl FnOnce() -> Clock) -> (Queued, Moment) {
        let queued = self.queues[unit as usize].pop_front().expect("invariant: a ready unit has an instruction");
        let header = queued.instruction.header();
        let mut clock = self.clocks[unit as usize];
        let merge = |clock: Clock, seen: Clock| core::array::from_fn(|i| clock[i].max(seen[i]));
        for from in Unit::ALL {
            if header.wait.contains(from) {
                let seen = self.tokens[from as usize][unit as usize].pop_front();
                clock = merge(clock, seen.expect("invariant: a ready unit has its tokens"));
            }
        }
        if meets(&queued.instruction) {
            clock = merge(clock, barrier());
        }
        clock[unit as usize] += 1;
        self.clocks[unit as usize] = clock;
        (queued, Moment { unit, clock })
    }

    /// Gives the tokens of an instruction that has been executed; answers whether it arrives at the barrier.
    pub fn complete(&mut self, queued: &Queued, now: &Moment) -> Result<bool, Fault> {
        let (header, instruction) = (queued.instruction.header(), &queued.instruction);
        self.report.instructions += 1;
        if header.stamp && now.unit == Unit::Post {
            self.report.stamps.push(queued.index);
        }
        for to in Unit::ALL {
            if header.signal.contains(to) {
                let tokens = &mut self.tokens[now.unit as usize][to as usize];
                if tokens.len() as u32 == TOKEN_COUNT_MAX {
                    return Err(Fault::TokenOverflow { from: now.unit, to, max: TOKEN_COUNT_MAX });
                }
                tokens.push_back(now.clock);
            }
        }
        let loads_instructions =
            matches!(instruction, Instruction::LoadWeights { target: WeightTarget::Instructions, .. });
        self.loaded += usize::from(loads_instructions);
        Ok(header.arrive && matches!(instruction, Instruction::Store { .. }))
    }

    /// All units have seen all: what a SYNC establishes.
    fn meet(&mut self) {
        let all: Clock = core::array::from_fn(|i| self.clocks.iter().map(|clock| clock[i]).max().unwrap_or_default());
        self.clocks = [all; 4];
        // What they loaded is there, fenced or not.
        self.loading.iter_mut().for_each(|loading| loading.count = 0);
    }

    /// What a cell that does not go on waits for.
    pub fn blocked(&self, priority: [Unit; 4], has_met: bool) -> Blocked {
        let head = |unit: Unit| self.queues[unit as usize].front();
        // The others wait for what is behind the barrier.
        if let Some(&queued) = head(Unit::Load).filter(|queued| meets(&queued.instruction) && !has_met) {
            return Blocked::Barrier { queued };
        }
        let waits = |unit: Unit| {
            let queued = *head(unit)?;
            let missing = self.missing(unit, &queued);
            (missing != UnitSet::NONE).then_some(Blocked::Tokens { queued, unit, missing })
        };
        priority.into_iter().find_map(waits).unwrap_or(Blocked::Fence)
    }
}

/// Whether an instruction takes a barrier token.
fn meets(instruction: &Instruction) -> bool {
    instruction.header().meet && instruction.unit() == Some(Unit::Load)
}
