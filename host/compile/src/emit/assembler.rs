//! Collects instructions with what they touch, writes descriptors only where they change, and
//! orders drains behind the following convolution.

use super::{check_depth, tokens};
use crate::error::{CompileError, Place};
use crate::network::TableId;
use myelin_isa::{Architecture, Header, Instruction, Unit, WeightTarget, array_descriptor, post_descriptor};

/// Registers that one CONFIG writes.
const GROUP: usize = 3;

/// Addresses `start..end` of a memory that several units use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    space: Space,
    start: usize,
    end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Space {
    Lanes,
    AccumulatorHalves,
    Table,
    /// The scratchpad ports that LOAD and STORE share with the post unit.
    SharedPorts,
}

impl Span {
    pub fn lanes(start: usize, end: usize) -> Span {
        Span { space: Space::Lanes, start, end }
    }

    pub fn half(half: u8) -> Span {
        let start = usize::from(half);
        Span { space: Space::AccumulatorHalves, start, end: start + 1 }
    }

    pub fn table() -> Span {
        Span { space: Space::Table, start: 0, end: 1 }
    }

    /// The scratchpad ports that LOAD and STORE share with the post unit: they take turns, so that
    /// what runs when does not depend on who is refused in which cycle.
    pub fn shared_ports() -> Span {
        Span { space: Space::SharedPorts, start: 0, end: 1 }
    }

    fn overlaps(&self, other: &Span) -> bool {
        self.space == other.space && self.start < other.end && other.start < self.end
    }
}

/// An instruction with what it reads and writes.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub instruction: Instruction,
    pub reads: Vec<Span>,
    pub writes: Vec<Span>,
    /// Takes a stamp when complete.
    stamp: bool,
    /// Stage it belongs to.
    stage: usize,
}

impl Step {
    /// Whether the order of the two matters.
    pub fn conflicts(&self, other: &Step) -> bool {
        let meet = |a: &[Span], b: &[Span]| a.iter().any(|x| b.iter().any(|y| x.overlaps(y)));
        meet(&self.writes, &other.writes) || meet(&self.writes, &other.reads) || meet(&self.reads, &other.writes)
    }
}

/// Descriptor registers wanted before an instruction; `None` where any value does.
pub(crate) type ArrayRegisters = [Option<u32>; array_descriptor::COUNT as usize];
/// See [`ArrayRegisters`].
pub(crate) type PostRegisters = [Option<u32>; post_descriptor::COUNT as usize];

pub(super) struct Assembler {
    steps: Vec<Step>,
    /// Post unit instructions held back until the next CONV is out.
    deferred: Vec<Step>,
    array_registers: ArrayRegisters,
    post_registers: PostRegisters,
    /// What was loaded last.
    table: Option<TableId>,
    next_half: u8,
    stage: usize,
    tiles: Vec<u32>,
    instruction_depth: u32,
    table_entries: u32,
}

impl Assembler {
    /// `table` has been loaded before.
    pub fn new(architecture: &Architecture, table: Option<TableId>) -> Assembler {
        Assembler {
            instruction_depth: architecture.instruction_depth(),
            table_entries: architecture.table_entries(),
            table,
            steps: Vec::new(),
            deferred: Vec::new(),
            array_registers: [None; array_descriptor::COUNT as usize],
            post_registers: [None; post_descriptor::COUNT as usize],
            next_half: 0,
            stage: 0,
            tiles: Vec::new(),
        }
    }

    pub fn begin_stage(&mut self) {
        self.stage = self.tiles.len();
        self.tiles.push(0);
    }

    /// Marks the stage's last post unit instruction for a stamp.
    pub fn end_stage(&mut self) {
        let stage = self.stage;
        let post = |step: &&mut Step| {
            step.stage == stage
                && step.instruction.unit() == Some(Unit::Post)
                && !matches!(step.instruction, Instruction::Config { .. })
        };
        if let Some(step) = self.steps.iter_mut().chain(&mut self.deferred).rev().find(post) {
            step.stamp = true;
        }
    }

    /// Counts a tile of the current stage.
    ///
    /// **Errors.** [`CompileError::Capacity`] as soon as the instructions so far are too many, so
    /// that the work done for a refusal is bounded.
    pub fn count_tile(&mut self, place: &Place) -> Result<(), CompileError> {
        if let Some(tiles) = self.tiles.last_mut() {
            *tiles += 1;
        }
        check_depth(self.steps.len() + self.deferred.len(), self.instruction_depth, place)
    }

    /// The accumulator half of the next CONV.
    pub fn take_half(&mut self) -> u8 {
        let half = self.next_half;
        self.next_half ^= 1;
        half
    }

    /// Adds a load or store.
    pub fn push(&mut self, instruction: Instruction, reads: Vec<Span>, writes: Vec<Span>) {
        let step = self.step(instruction, reads, writes);
        self.steps.push(step);
    }

    /// Loads the table that the next post unit instruction needs, unless it is held. Beats of tables count
    /// from the first table.
    pub fn hold_table(&mut self, table: Option<TableId>) {
        let Some(TableId(index)) = table.filter(|_| table != self.table) else { return };
        self.table = table;
        // What is held back may look up in the table before.
        self.flush();
        let (header, target, beats) = (Header::NONE, WeightTarget::Table, self.table_entries);
        let memory_beat = index as u32 * beats;
        let load = Instruction::LoadWeights { header, target, memory_beat, destination: 0, beats };
        self.push(load, vec![], vec![Span::table()]);
    }

    /// Adds a CONV, with its descriptor, and the drains held back.
    pub fn push_array(
        &mut self,
        registers: &ArrayRegisters,
        instruction: Instruction,
        reads: Vec<Span>,
        writes: Vec<Span>,
    ) {
        for config in configure(Unit::Array, registers, &mut self.array_registers) {
            let step = self.step(config, vec![], vec![]);
            self.steps.push(step);
        }
        let step = self.step(instruction, reads, writes);
        if self.deferred.iter().any(|earlier| earlier.conflicts(&step)) {
            self.flush();
            self.steps.push(step);
        } else {
            self.steps.push(step);
            self.flush();
        }
    }

    /// Adds a post unit instruction, with its descriptor; it comes out at the next flush.
    pub fn push_post(
        &mut self,
        registers: &PostRegisters,
        instruction: Instruction,
        mut reads: Vec<Span>,
        mut writes: Vec<Span>,
    ) {
        writes.push(Span::shared_ports());
        if instruction.post_operands().is_some_and(|operands| operands.look_up) {
            reads.push(Span::table());
        }
        for config in configure(Unit::Post, registers, &mut self.post_registers) {
            let step = self.step(config, vec![], vec![]);
            self.deferred.push(step);
        }
        let step = self.step(instruction, reads, writes);
        self.deferred.push(step);
    }

    /// Lets out what is held back.
    pub fn flush(&mut self) {
        self.steps.append(&mut self.deferred);
    }

    /// The instructions with their tokens and stamps, and the tiles of each stage: CONVs of an array
    /// stage, else post instructions.
    pub fn finish(mut self) -> (Vec<Instruction>, Vec<u32>) {
        self.flush();
        let headed = |(step, tokens): (&Step, tokens::Tokens)| {
            let header = Header { wait: tokens.wait, signal: tokens.signal, stamp: step.stamp, ..Header::NONE };
            step.instruction.with_header(header)
        };
        let instructions = self.steps.iter().zip(tokens::assign(&self.steps)).map(headed).collect();
        (instructions, self.tiles)
    }

    fn step(&self, instruction: Instruction, reads: Vec<Span>, writes: Vec<Span>) -> Step {
        Step { instruction, reads, writes, stamp: false, stage: self.stage }
    }
}

/// The CONFIGs that turn `held` into `wanted`.
pub(crate) fn configure<const N: usize>(
    unit: Unit,
    wanted: &[Option<u32>; N],
    held: &mut [Option<u32>; N],
) -> Vec<Instruction> {
    let mut configs = Vec::new();
    for index in (0..N).step_by(GROUP) {
        let differs = |i: usize| wanted[i].is_some() && wanted[i] != held[i];
        if !(index..index + GROUP).any(differs) {
            continue;
        }
        let values: [u32; GROUP] = core::array::from_fn(|i| {
            let value = wanted[index + i].or(held[index + i]).unwrap_or(0);
            held[index + i] = Some(value);
            value
        });
        configs.push(Instruction::Config { header: Header::default(), unit, index: index as u8, values });
    }
    configs
}
