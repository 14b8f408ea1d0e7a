//! One cell's instructions: what orders them (tokens), and the sequence they are handed out in.
//!
//! Work is pushed in a *logical order*, item by item, as if it were done one after the other. Each
//! unit executes its share in that order; between units only conflicts order, so a LOAD runs ahead as
//! far as the places it writes are free. The sequence for the sequencer is the order of estimated
//! start times: what is handed out late would be late, what is handed out early would block a queue.
//!
//! Every wait is met by an instruction that stands earlier in the sequence (it starts earlier), and
//! between two units the awaited instructions strictly follow each other, so that the k-th token
//! given is the k-th taken. So no queue depth deadlocks.

use super::costs::{Costs, Spent};
use super::spans::{Latest, Span, Tracker, later};
use crate::emit::{ArrayRegisters, PostRegisters, configure};
use myelin_isa::{Header, Instruction, Unit, WeightTarget, array_descriptor, transfer_descriptor};

/// Instructions of one unit that may run ahead of the taker of another's oldest token: with it no
/// token counter (15) overflows.
const AHEAD: usize = 5;
/// A dependency that lies `n` instructions back may be met by one up to `n / COARSE` later: few
/// tokens are then under way where one unit lags.
const COARSE: u32 = 8;

/// Registers of a transfer's descriptor.
type TransferRegisters = [Option<u32>; transfer_descriptor::COUNT as usize];

/// How the rows of a LOAD or STORE lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rows {
    pub rows: usize,
    /// Beats of a row.
    pub beats: usize,
    /// Beats from row to row in memory.
    pub memory_step: usize,
    /// Lanes from row to row in the scratchpad.
    pub lane_step: usize,
}

impl Rows {
    /// `beats` beats after each other.
    pub fn single(beats: usize) -> Rows {
        Rows { rows: 1, beats, memory_step: 0, lane_step: 0 }
    }

    fn registers(&self) -> TransferRegisters {
        let step = |value: usize| (self.rows > 1).then_some(value as u32);
        [Some(self.rows as u32 - 1), step(self.memory_step), step(self.lane_step)]
    }

    fn total(&self) -> u64 {
        (self.rows * self.beats) as u64
    }
}

/// An instruction with its unit's descriptor writes.
struct Step {
    instruction: Instruction,
    header: Header,
    configs: Vec<Instruction>,
    configs_start: u64,
    start: u64,
}

/// What a unit has been given.
#[derive(Default)]
struct UnitState {
    /// Positions of its steps.
    steps: Vec<usize>,
    /// Estimated completion of each.
    gives: Vec<u64>,
    /// For each step, how many instructions of every unit are then known to be complete.
    known: Vec<[u32; 4]>,
    clock: [u32; 4],
    /// Estimated first cycle in which it can take another.
    free: u64,
    /// By giving unit, which of its instructions took a token.
    takers: [Vec<u32>; 4],
}

/// See the module.
pub(super) struct CellStream {
    costs: Costs,
    steps: Vec<Step>,
    units: [UnitState; 4],
    tracker: Tracker,
    array: ArrayRegisters,
    post: PostRegisters,
    load: TransferRegisters,
    store: TransferRegisters,
    half: u8,
    /// Step of the last STORE since the last arrival.
    last_store: Option<usize>,
    last_post: Option<usize>,
    /// The STORE that the next walk over the scratchpad is to wait for.
    settled: Option<u32>,
}

/// What is to be pushed.
struct Push<'a> {
    instruction: Instruction,
    configs: Vec<Instruction>,
    reads: &'a [Span],
    writes: &'a [Span],
    spent: Spent,
    earliest: u64,
}

impl CellStream {
    pub fn new(costs: Costs) -> CellStream {
        CellStream {
            costs,
            steps: Vec::new(),
            units: Default::default(),
            tracker: Tracker::default(),
            array: [None; array_descriptor::COUNT as usize],
            post: [None; _],
            load: [None; _],
            store: [None; _],
            half: 0,
            last_store: None,
            last_post: None,
            settled: None,
        }
    }

    /// Lets the next POOL or ELTW wait for all STOREs so far: it takes the port that they read through,
    /// and who waits at the barrier would wait for all of it.
    pub fn settle_stores(&mut self) {
        self.settled = (self.units[Unit::Store as usize].steps.len() as u32).checked_sub(1);
    }

    /// The accumulator half of the next column tile.
    pub fn take_half(&mut self) -> u8 {
        self.half ^= 1;
        self.half ^ 1
    }

    /// A LOAD that takes `meets` barrier tokens, the last of which comes at `earliest`.
    pub fn load(&mut self, rows: Rows, memory_beat: usize, lane: usize, span: Span, meets: u32, earliest: u64) {
        let mut configs = configure(Unit::Load, &rows.registers(), &mut self.load);
        let meet = Header { meet: true, ..Header::NONE };
        for _ in 1..meets {
            let values = self.load.map(|value| value.unwrap_or(0));
            configs.push(Instruction::Config { header: meet, unit: Unit::Load, index: 0, values });
        }
        let header = Header { meet: meets > 0, ..Header::NONE };
        let (memory_beat, destination) = (memory_beat as u32, lane as u32);
        let instruction = Instruction::Load { header, memory_beat, destination, beats: rows.beats as u32 };
        let spent = self.costs.load(rows.total());
        self.push(Unit::Load, Push { instruction, configs, reads: &[], writes: &[span], spent, earliest });
    }

    /// A LOADW.
    pub fn load_weights(&mut self, target: WeightTarget, memory_beat: usize, word: usize, beats: usize, span: Span) {
        let (header, memory_beat, destination) = (Header::NONE, memory_beat as u32, word as u32);
        let instruction = Instruction::LoadWeights { header, target, memory_beat, destination, beats: beats as u32 };
        let spent = self.costs.load(beats as u64);
        let push = Push { instruction, configs: vec![], reads: &[], writes: &[span], spent, earliest: 0 };
        self.push(Unit::Load, push);
    }

    /// A CONV of `tiles` weight tiles over `pixels`.
    pub fn convolve(
        &mut self,
        registers: &ArrayRegisters,
        instruction: Instruction,
        (tiles, pixels): (usize, usize),
        reads: &[Span],
        half: u8,
    ) {
        let configs = configure(Unit::Array, registers, &mut self.array);
        let spent = self.costs.convolve(tiles as u64, pixels as u64);
        let writes = &[Span::half(half)];
        self.push(Unit::Array, Push { instruction, configs, reads, writes, spent, earliest: 0 });
    }

    /// A DRAIN, ELTW or POOL of so many window elements.
    pub fn post(
        &mut self,
        registers: &PostRegisters,
        instruction: Instruction,
        elements: usize,
        reads: &[Span],
        writes: &[Span],
    ) {
        let configs = configure(Unit::Post, registers, &mut self.post);
        let spent = self.costs.post(elements as u64);
        self.last_post = Some(self.steps.len());
        self.push(Unit::Post, Push { instruction, configs, reads, writes, spent, earliest: 0 });
    }

    /// A STORE.
    pub fn store(&mut self, rows: Rows, memory_beat: usize, lane: usize, span: Span) {
        let configs = configure(Unit::Store, &rows.registers(), &mut self.store);
        let (header, memory_beat, source) = (Header::NONE, memory_beat as u32, lane as u32);
        let instruction = Instruction::Store { header, memory_beat, source, beats: rows.beats as u32 };
        let spent = self.costs.store(rows.total());
        self.last_store = Some(self.steps.len());
        self.push(Unit::Store, Push { instruction, configs, reads: &[span], writes: &[], spent, earliest: 0 });
    }

    /// Takes a stamp with the last post instruction, if there has been one since the last stamp.
    pub fn stamp(&mut self) -> bool {
        let last = self.last_post.take();
        if let Some(step) = last {
            self.steps[step].header.stamp = true;
        }
        last.is_some()
    }

    /// Arrives at the barrier with the last STORE since the last arrival, or with one of a beat that
    /// nobody reads, from `lane` to `memory_beat`. Answers when all of it is visible.
    pub fn arrive(&mut self, memory_beat: usize, lane: usize) -> u64 {
        if self.last_store.is_none() {
            self.store(Rows::single(1), memory_beat, lane, Span::lanes(lane, 1));
        }
        let step = self.last_store.take().expect("invariant: there has just been a store");
        self.steps[step].header.arrive = true;
        let given = self.units[Unit::Store as usize].gives.last().copied().unwrap_or(0);
        given + self.costs.write_latency
    }

    fn push(&mut self, unit: Unit, push: Push) {
        let u = unit as usize;
        let index = self.units[u].steps.len() as u32;
        let position = self.steps.len();
        let mut latest = Latest::default();
        for &span in push.reads {
            self.tracker.read(span, unit, index, &mut latest);
        }
        for &span in push.writes {
            self.tracker.write(span, unit, index, &mut latest);
        }
        for other in 0..4 {
            let takers = &self.units[other].takers[u];
            if let Some(&taker) = takers.len().checked_sub(AHEAD).and_then(|at| takers.get(at)) {
                later(&mut latest, other, taker);
            }
        }
        if let Some(store) =
            self.settled.filter(|_| unit == Unit::Post && !matches!(push.instruction, Instruction::Drain { .. }))
        {
            later(&mut latest, Unit::Store as usize, store);
            self.settled = None;
        }
        let mut header = push.instruction.header();
        let mut start = self.units[u].free.max(push.earliest);
        for other in (0..4).filter(|&other| other != u) {
            let Some(at) = latest[other] else { continue };
            if at < self.units[u].clock[other] {
                continue;
            }
            let behind = self.units[other].steps.len() as u32 - 1 - at;
            let at = at + behind / COARSE;
            let giver = self.units[other].steps[at as usize];
            self.steps[giver].header.signal = self.steps[giver].header.signal.and(unit);
            header.wait = header.wait.and(Unit::ALL[other]);
            start = start.max(self.units[other].gives[at as usize] + 1);
            let known = self.units[other].known[at as usize];
            let state = &mut self.units[u];
            state.clock = core::array::from_fn(|i| state.clock[i].max(known[i]));
            state.takers[other].push(index);
        }
        let state = &mut self.units[u];
        // What waits for a barrier must not stand before what arrives there.
        let configs_start = if header.meet { state.free.max(push.earliest) } else { state.free };
        let start = start.max(configs_start + push.configs.len() as u64);
        state.clock[u] = index + 1;
        let clock = state.clock;
        state.known.push(clock);
        state.steps.push(position);
        state.gives.push(start + push.spent.give);
        state.free = start + push.spent.ready;
        let (instruction, configs) = (push.instruction, push.configs);
        self.steps.push(Step { instruction, header, configs, configs_start, start });
    }

    /// The instructions in the order they are handed out, and which of them are LOADs and STOREs of
    /// maps is plain from them.
    pub fn finish(self) -> Vec<Instruction> {
        let mut order: Vec<(u64, usize, usize, Instruction)> = Vec::new();
        for (position, step) in self.steps.into_iter().enumerate() {
            for (sub, config) in step.configs.into_iter().enumerate() {
                order.push((step.configs_start + sub as u64, position, sub, config));
            }
            order.push((step.start, position, usize::MAX, step.instruction.with_header(step.header)));
        }
        order.sort_by_key(|&(time, position, sub, _)| (time, position, sub));
        order.into_iter().map(|(.., instruction)| instruction).collect()
    }

    /// The estimated cycle in which all is done.
    pub fn end(&self) -> u64 {
        self.units.iter().filter_map(|unit| unit.gives.last()).copied().max().unwrap_or(0)
    }
}
