//! When every instruction of a program starts and completes, cycle by cycle as the hardware does.
//!
//! The units' durations depend on operands and descriptors only, never on data, so one pass over
//! the program in order is exact, for programs whose waits are met by earlier instructions (all of
//! this compiler's) and whose transfers do not share a scratchpad port with the post unit.
//!
//! **Timing.** Cycles count from the first in which the sequencer runs, as the hardware's counters
//! do. External memory takes a request each cycle and answers [`MEMORY_LATENCY`] later.

use myelin_isa::{Architecture, Instruction, Unit, array_descriptor, post_descriptor, transfer_descriptor};
use thiserror::Error;

/// Cycles from a memory request to its beat.
pub const MEMORY_LATENCY: u64 = 8;

/// From the first running cycle to the first instruction held by the sequencer.
const FETCH: u64 = 1;
/// From handing out an instruction to holding the next.
const NEXT_FETCH: u64 = 2;
/// From handing out to the head of an empty queue.
const QUEUE: u64 = 1;
/// From giving a token to taking it.
const TOKEN: u64 = 1;
/// From a unit's last busy cycle to the sequencer seeing all units idle.
const ALL_IDLE: u64 = 2;
/// From the last window element to the post unit's tokens.
const POST_GIVE: u64 = 8;
/// From the stamp to the tokens.
const STAMP_TO_GIVE: u64 = 1;
/// From the last beat to the load unit's tokens.
const LOAD_GIVE: u64 = 2;
/// From reading a beat to its write being acknowledged.
const STORE_BEAT: u64 = 3 + MEMORY_LATENCY;
/// From the last acknowledgement to the store unit's tokens.
const STORE_GIVE: u64 = 1;
/// From taking a CONFIG of load or store unit to its completion.
const TRANSFER_CONFIG: u64 = 2;
/// Instructions that load or store unit has taken and not completed, at most.
const IN_FLIGHT: usize = 4;
/// From the last pixel's issue to the array unit's tokens, besides one cycle for each row and column.
const ARRAY_GIVE: u64 = 4;

/// What a run of a program takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prediction {
    /// Cycles from start to halt, as the cycle counter says.
    pub cycles: u64,
    /// The stamps taken, in order; the hardware keeps the first [`Architecture::STAMP_DEPTH`].
    pub stamps: Vec<u64>,
    /// Cycles with a pixel entering the array.
    pub array_busy: u64,
    /// Cycles the array unit waited for weights within a CONV.
    pub weight_stalls: u64,
    /// Instructions handed out, SYNC included.
    pub instructions: u64,
}

/// A program that this model does not cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TimingError {
    /// There is no halting SYNC after the entry.
    #[error("there is no halt after instruction {entry}")]
    NoHalt {
        /// Where it started.
        entry: u32,
    },
    /// An instruction waits for a token that no earlier one gives.
    #[error("instruction {instruction} waits for a token of {from:?} that no earlier instruction gives")]
    LateToken {
        /// Its index.
        instruction: u32,
        /// Whose token.
        from: Unit,
    },
}

/// The cycles of a run from `entry` to its halt.
///
/// **Errors.** [`TimingError`].
pub fn predict(
    architecture: &Architecture,
    instructions: &[Instruction],
    entry: u32,
) -> Result<Prediction, TimingError> {
    let mut clockwork = Clockwork::new(architecture);
    let mut held = FETCH;
    for (index, instruction) in (entry..).zip(instructions.iter().skip(entry as usize)) {
        clockwork.prediction.instructions += 1;
        if let Instruction::Sync { halt } = instruction {
            held = held.max(clockwork.last_busy + ALL_IDLE);
            if *halt {
                clockwork.prediction.cycles = held + 1;
                return Ok(clockwork.prediction);
            }
        } else {
            held = clockwork.hand_out(index, instruction, held)?;
        }
        held += NEXT_FETCH;
    }
    Err(TimingError::NoHalt { entry })
}

/// State of the units between instructions.
struct Clockwork {
    rows: u64,
    columns: u64,
    weight_steps: u64,
    array_registers: [u32; array_descriptor::COUNT as usize],
    post_registers: [u32; post_descriptor::COUNT as usize],
    load_registers: [u32; transfer_descriptor::COUNT as usize],
    store_registers: [u32; transfer_descriptor::COUNT as usize],
    /// By unit: cycles in which it took its instructions.
    taken: [Vec<u64>; 4],
    /// By unit: the first cycle in which it can take another.
    free: [u64; 4],
    /// By unit: cycles in which its instructions completed; load and store unit only.
    completed: [Vec<u64>; 4],
    /// `given[from][to]`: cycles of the tokens; `used[from][to]`: how many have been taken.
    given: [[Vec<u64>; 4]; 4],
    used: [[usize; 4]; 4],
    /// Last cycle in which any unit is busy.
    last_busy: u64,
    prediction: Prediction,
}

/// When a unit is done with an instruction, in cycles after taking it.
struct Span {
    ready: u64,
    /// Gives its tokens; load and store unit: completes, if nothing before it is in its way.
    give: u64,
}

impl Clockwork {
    fn new(architecture: &Architecture) -> Clockwork {
        Clockwork {
            rows: u64::from(architecture.rows()),
            columns: u64::from(architecture.columns()),
            weight_steps: u64::from(architecture.weight_steps()),
            array_registers: [0; array_descriptor::COUNT as usize],
            post_registers: [0; post_descriptor::COUNT as usize],
            load_registers: [0; transfer_descriptor::COUNT as usize],
            store_registers: [0; transfer_descriptor::COUNT as usize],
            taken: Default::default(),
            free: [0; 4],
            completed: Default::default(),
            given: Default::default(),
            used: Default::default(),
            last_busy: 0,
            prediction: Prediction::default(),
        }
    }

    /// Hands an instruction that is held from cycle `held` on to its unit; answers the cycle.
    fn hand_out(&mut self, index: u32, instruction: &Instruction, held: u64) -> Result<u64, TimingError> {
        let unit = instruction.unit().expect("invariant: SYNC is not handed out");
        let u = unit as usize;
        // The queue has room from the cycle after the one before it in this place left.
        let leaving = self.taken[u].len().checked_sub(Architecture::QUEUE_DEPTH as usize);
        let room = leaving.map_or(0, |position| self.taken[u][position] + 1);
        let handed = held.max(room);

        let mut take = self.free[u].max(handed + QUEUE);
        for from in Unit::ALL {
            if instruction.header().wait.contains(from) {
                let used = &mut self.used[from as usize][u];
                let given = self.given[from as usize][u].get(*used);
                let given = given.ok_or(TimingError::LateToken { instruction: index, from })?;
                take = take.max(given + TOKEN);
                *used += 1;
            }
        }
        let in_flight = self.completed[u].len().checked_sub(IN_FLIGHT);
        take = take.max(in_flight.map_or(0, |oldest| self.completed[u][oldest] + 1));
        let span = self.execute(instruction);
        self.taken[u].push(take);
        self.free[u] = take + span.ready;
        let mut give = take + span.give;
        if let Unit::Load | Unit::Store = unit {
            // In order: what has no beats completes after what is before it.
            let before = self.completed[u].last().map_or(0, |&last| last + 1);
            let complete = (take + span.give).max(before);
            self.completed[u].push(complete);
            give = complete + if unit == Unit::Load { LOAD_GIVE } else { STORE_GIVE };
        }
        for to in Unit::ALL {
            if instruction.header().signal.contains(to) {
                self.given[u][to as usize].push(give);
            }
        }
        if instruction.header().stamp && unit == Unit::Post {
            self.prediction.stamps.push(give - STAMP_TO_GIVE);
        }
        self.last_busy = self.last_busy.max(give);
        Ok(handed)
    }

    fn execute(&mut self, instruction: &Instruction) -> Span {
        match *instruction {
            Instruction::Config { unit, index, values, .. } => self.configure(unit, index, values),
            Instruction::Load { beats, .. } => self.load(u64::from(beats) * rows(&self.load_registers)),
            Instruction::LoadWeights { beats, .. } => self.load(u64::from(beats)),
            Instruction::Convolve { .. } => self.convolve(),
            Instruction::Drain { .. } | Instruction::Elementwise { .. } | Instruction::Pool { .. } => {
                let end = self.window_elements() + POST_GIVE;
                Span { ready: end, give: end }
            }
            Instruction::Store { beats, .. } => {
                let beats = u64::from(beats) * rows(&self.store_registers);
                Span { ready: beats + 1, give: beats + STORE_BEAT }
            }
            Instruction::Sync { .. } | Instruction::Fence => Span { ready: 0, give: 0 },
        }
    }

    fn configure(&mut self, unit: Unit, index: u8, values: [u32; 3]) -> Span {
        let registers: &mut [u32] = match unit {
            Unit::Load => &mut self.load_registers,
            Unit::Array => &mut self.array_registers,
            Unit::Post => &mut self.post_registers,
            Unit::Store => &mut self.store_registers,
        };
        for (register, value) in registers.iter_mut().skip(usize::from(index)).zip(values) {
            *register = value;
        }
        let give = match unit {
            Unit::Array => self.array_give(),
            Unit::Post => 1,
            Unit::Load | Unit::Store => TRANSFER_CONFIG,
        };
        Span { ready: 1, give }
    }

    fn load(&self, beats: u64) -> Span {
        Span { ready: beats + 1, give: beats + MEMORY_LATENCY }
    }

    fn convolve(&mut self) -> Span {
        let pixels = self.array_registers[usize::from(array_descriptor::PIXELS)];
        let kernel = self.array_registers[usize::from(array_descriptor::KERNEL)];
        let pixels = u64::from(pixels & 0xffff) * u64::from(pixels >> 16);
        let tiles = u64::from(kernel & 0xffff) * u64::from(kernel >> 16 & 0xff) * u64::from(kernel >> 24);
        let tile_cycles = pixels.max(self.weight_steps);
        let last = self.weight_steps + tiles.saturating_sub(1) * tile_cycles + pixels;
        self.prediction.array_busy += tiles * pixels;
        self.prediction.weight_stalls += last - tiles * pixels;
        Span { ready: last + 1, give: last + self.array_give() }
    }

    fn array_give(&self) -> u64 {
        self.rows + self.columns + ARRAY_GIVE
    }

    fn window_elements(&self) -> u64 {
        let window = self.post_registers[usize::from(post_descriptor::WINDOW)];
        let pixels = self.post_registers[usize::from(post_descriptor::PIXELS)];
        [window & 0xff, window >> 8 & 0xff, window >> 16, pixels & 0xffff, pixels >> 16]
            .into_iter()
            .map(u64::from)
            .product()
    }
}

/// Rows of a transfer.
fn rows(registers: &[u32; transfer_descriptor::COUNT as usize]) -> u64 {
    u64::from(registers[usize::from(transfer_descriptor::ROWS)] & 0xffff) + 1
}
