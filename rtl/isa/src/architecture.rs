//! The parameters of a cell that hardware, compiler and driver must agree on.

use core::fmt;

use crate::MultiplierStyle;

/// Width of activations and weights. Values are symmetric: +-(2^(bits-1) - 1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Precision {
    /// 6 bits, +-31.
    Int6,
    /// 8 bits, +-127.
    Int8,
}

impl Precision {
    /// Bits of one activation or weight.
    pub const fn bits(self) -> u32 {
        match self {
            Precision::Int6 => 6,
            Precision::Int8 => 8,
        }
    }

    /// The largest magnitude.
    pub const fn limit(self) -> i32 {
        (1 << (self.bits() - 1)) - 1
    }

    /// The bits of a lane as a number: the entry of the table for it. Only the low bits of `lane` count.
    pub const fn entry(self, lane: i8) -> u32 {
        lane as u8 as u32 & (u32::MAX >> (32 - self.bits()))
    }

    /// Lanes that one 32-bit value takes when it is drained raw, low bits first: `ceil(32 / bits)`.
    pub const fn planes(self) -> u32 {
        32u32.div_ceil(self.bits())
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "int{}", self.bits())
    }
}

/// Cells, all alike: array and memories of one, and how many. Construct with [`Architecture::new`], adjust with the `with_` methods.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Architecture {
    rows: u32,
    columns: u32,
    precision: Precision,
    cells: u32,
    lanes: u32,
    activation_lanes: u32,
    weight_words: u32,
    bias_words: u32,
    accumulator_depth: u32,
    instruction_depth: u32,
    multiplier: MultiplierStyle,
}

/// A parameter outside its legal range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArchitectureError {
    /// Which parameter.
    pub parameter: &'static str,
    /// Its value.
    pub value: u32,
    /// The legal range, both ends included.
    pub range: (u32, u32),
    /// Whether it must be a power of two besides.
    pub power_of_two: bool,
}

impl fmt::Display for ArchitectureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = self.range;
        write!(f, "cell parameter {} is {}, expected ", self.parameter, self.value)?;
        write!(f, "{}{low} to {high}", if self.power_of_two { "a power of two from " } else { "" })
    }
}

impl core::error::Error for ArchitectureError {}

impl Architecture {
    /// Fewest rows or columns.
    pub const SIDE_MIN: u32 = 4;
    /// Most rows or columns.
    pub const SIDE_MAX: u32 = 32;
    /// Instructions that wait in front of each unit.
    pub const QUEUE_DEPTH: u32 = 4;
    /// Most cells.
    pub const CELLS_MAX: u32 = 64;
    /// Cycle stamps kept for the host.
    pub const STAMP_DEPTH: u32 = 256;

    /// A cell of `rows` x `columns` PEs with memories that hold the digits models: 32 Ki lanes of
    /// activations, 128 Ki weights or more, 256 accumulators a column and half, 256 bias words,
    /// 1024 instructions.
    ///
    /// # Errors
    /// If a side is not in 4..=32.
    pub fn new(rows: u32, columns: u32, precision: Precision) -> Result<Architecture, ArchitectureError> {
        for (parameter, value) in [("rows", rows), ("columns", columns)] {
            in_range(parameter, value, Self::SIDE_MIN, Self::SIDE_MAX)?;
        }
        let mut architecture = Architecture {
            rows,
            columns,
            precision,
            cells: 1,
            lanes: rows.max(columns).next_power_of_two(),
            activation_lanes: 32 << 10,
            weight_words: 0,
            bias_words: 256,
            accumulator_depth: 256,
            instruction_depth: 1024,
            multiplier: MultiplierStyle::Plain,
        };
        let lanes_per_word = architecture.weight_ports() * columns;
        architecture.weight_words = ((128 << 10) / lanes_per_word).next_power_of_two();
        Ok(architecture)
    }

    /// So many cells, each with a program, a scratchpad and a memory port of its own; they share
    /// external memory and meet at barriers ([`crate::Header::arrive`]).
    ///
    /// # Errors
    /// If not a power of two from 1 to 64.
    pub fn with_cells(mut self, cells: u32) -> Result<Architecture, ArchitectureError> {
        power_of_two("cells", cells, 1, Self::CELLS_MAX)?;
        self.cells = cells;
        Ok(self)
    }

    /// Wider scratchpad words and memory beats, for more bandwidth: `lanes` lanes. Set it before the scratchpad's size.
    ///
    /// # Errors
    /// If not a power of two from the larger side (rounded up to one) to four times that.
    pub fn with_lanes(mut self, lanes: u32) -> Result<Architecture, ArchitectureError> {
        power_of_two("lanes", lanes, self.side(), 4 * self.side())?;
        self.lanes = lanes;
        Ok(self)
    }

    /// Another activation scratchpad: `lanes` activations.
    ///
    /// # Errors
    /// If not a power of two from 4 x [`Architecture::lanes`] to 2^24.
    pub fn with_activation_lanes(mut self, lanes: u32) -> Result<Architecture, ArchitectureError> {
        power_of_two("activation_lanes", lanes, 4 * self.lanes(), 1 << 24)?;
        self.activation_lanes = lanes;
        Ok(self)
    }

    /// Another weight scratchpad: `words` words of [`Architecture::weight_ports`] x `columns` weights.
    ///
    /// # Errors
    /// If not a power of two from 16 to 65536.
    pub fn with_weight_words(mut self, words: u32) -> Result<Architecture, ArchitectureError> {
        power_of_two("weight_words", words, 16, 1 << 16)?;
        self.weight_words = words;
        Ok(self)
    }

    /// Another bias memory: `words` words of `columns` 32-bit biases.
    ///
    /// # Errors
    /// If not a power of two from 2 to 65536.
    pub fn with_bias_words(mut self, words: u32) -> Result<Architecture, ArchitectureError> {
        power_of_two("bias_words", words, 2, 1 << 16)?;
        self.bias_words = words;
        Ok(self)
    }

    /// Other accumulators: `depth` pixels in each of the two halves.
    ///
    /// # Errors
    /// If not a power of two from 4 to 4096.
    pub fn with_accumulator_depth(mut self, depth: u32) -> Result<Architecture, ArchitectureError> {
        power_of_two("accumulator_depth", depth, 4, 1 << 12)?;
        self.accumulator_depth = depth;
        Ok(self)
    }

    /// Another instruction memory: `depth` instructions of 128 bits.
    ///
    /// # Errors
    /// If not a power of two from 16 to 4096 (the window of the register map).
    pub fn with_instruction_depth(mut self, depth: u32) -> Result<Architecture, ArchitectureError> {
        power_of_two("instruction_depth", depth, 16, 4096)?;
        self.instruction_depth = depth;
        Ok(self)
    }

    /// PEs for another multiplier, of which several products share one; cycles and answers stay the same.
    pub fn with_multiplier(mut self, multiplier: MultiplierStyle) -> Architecture {
        self.multiplier = multiplier;
        self
    }

    /// Rows of PEs: the reduction runs down them.
    pub const fn rows(&self) -> u32 {
        self.rows
    }

    /// Columns of PEs: one output channel each.
    pub const fn columns(&self) -> u32 {
        self.columns
    }

    /// Multiply-accumulates per cycle, of all cells.
    pub const fn macs(&self) -> u32 {
        self.rows * self.columns * self.cells
    }

    /// Width of activations and weights.
    pub const fn precision(&self) -> Precision {
        self.precision
    }

    /// Cells.
    pub const fn cells(&self) -> u32 {
        self.cells
    }

    /// Lanes of a scratchpad word and of a beat on the memory port, unless set otherwise
    /// ([`Architecture::with_lanes`]) the larger side rounded up to a power of two.
    pub const fn lanes(&self) -> u32 {
        self.lanes
    }

    /// The larger side of the array, rounded up to a power of two.
    const fn side(&self) -> u32 {
        let side = if self.rows > self.columns { self.rows } else { self.columns };
        side.next_power_of_two()
    }

    /// Weight rows (banks) that a beat carries, 1, 2 or 4: `lanes` over the larger side.
    pub const fn weight_banks_per_beat(&self) -> u32 {
        self.lanes / self.side()
    }

    /// Lanes of a beat that one weight row takes; `columns` of them are used.
    pub const fn weight_row_lanes(&self) -> u32 {
        self.side()
    }

    /// Beats of one word of the weight scratchpad: its banks, [`Architecture::weight_banks_per_beat`] at a time.
    pub const fn weight_word_beats(&self) -> u32 {
        self.weight_ports().div_ceil(self.weight_banks_per_beat())
    }

    /// Beats of one word of the bias memory, 4, 2 or 1: 32-bit values for the larger side.
    pub const fn bias_word_beats(&self) -> u32 {
        4 / self.weight_banks_per_beat()
    }

    /// Beats that an encoded instruction takes in external memory: 16 bytes, at least a whole beat.
    pub const fn instruction_beats(&self) -> u32 {
        16u32.div_ceil(self.lanes)
    }

    /// Weight rows loaded per cycle: a quarter of the rows, so that a tile loads in about four cycles.
    pub const fn weight_ports(&self) -> u32 {
        if self.rows < 8 { 1 } else { self.rows / 4 }
    }

    /// Cycles to load one tile of weights: `ceil(rows / weight_ports)`, 4 to 5 (up to 7 below 8 rows).
    /// It also bounds how soon an accumulator is used again, so it is never below 4.
    pub const fn weight_steps(&self) -> u32 {
        self.rows.div_ceil(self.weight_ports())
    }

    /// Activations held.
    pub const fn activation_lanes(&self) -> u32 {
        self.activation_lanes
    }

    /// Words of [`Architecture::weight_ports`] x `columns` weights held.
    pub const fn weight_words(&self) -> u32 {
        self.weight_words
    }

    /// Words of `columns` 32-bit biases held.
    pub const fn bias_words(&self) -> u32 {
        self.bias_words
    }

    /// Entries of a column's table, one for each value of a lane's bits: 256 or 64.
    pub const fn table_entries(&self) -> u32 {
        1 << self.precision.bits()
    }

    /// Pixels in each of the two accumulator halves.
    pub const fn accumulator_depth(&self) -> u32 {
        self.accumulator_depth
    }

    /// Instructions held.
    pub const fn instruction_depth(&self) -> u32 {
        self.instruction_depth
    }

    /// The multiplier that the PEs are written for.
    pub const fn multiplier(&self) -> MultiplierStyle {
        self.multiplier
    }

    /// Words of [`Architecture::to_words`].
    pub const WORDS: usize = 8;

    /// All parameters, for a device to say what it is: rows `[7:0]`, columns `[15:8]`, bits of precision `[23:16]`, cells
    /// `[31:24]`; lanes;
    /// activation lanes; weight words; bias words; accumulators of a half `[15:0]`, instructions `[31:16]`; multiplier
    /// `[7:0]` (index in [`MultiplierStyle::ALL`]); 0.
    pub const fn to_words(&self) -> [u32; Self::WORDS] {
        [
            self.rows | self.columns << 8 | self.precision.bits() << 16 | self.cells << 24,
            self.lanes,
            self.activation_lanes,
            self.weight_words,
            self.bias_words,
            self.accumulator_depth | self.instruction_depth << 16,
            self.multiplier as u32,
            0,
        ]
    }

    /// What [`Architecture::to_words`] made words of.
    ///
    /// # Errors
    /// If they stand for no cell.
    pub fn from_words(words: [u32; Self::WORDS]) -> Result<Architecture, ArchitectureError> {
        let byte = |low: u32| words[0] >> low & 0xff;
        let precision = match byte(16) {
            6 => Precision::Int6,
            8 => Precision::Int8,
            value => {
                return Err(ArchitectureError { parameter: "precision", value, range: (6, 8), power_of_two: false });
            }
        };
        in_range("multiplier", words[6], 0, MultiplierStyle::ALL.len() as u32 - 1)?;
        in_range("reserved", words[7], 0, 0)?;
        let cell = Architecture::new(byte(0), byte(8), precision)?
            .with_cells(byte(24))?
            .with_lanes(words[1])?
            .with_activation_lanes(words[2])?
            .with_weight_words(words[3])?
            .with_bias_words(words[4])?
            .with_accumulator_depth(words[5] & 0xffff)?
            .with_instruction_depth(words[5] >> 16)?;
        Ok(cell.with_multiplier(MultiplierStyle::ALL[words[6] as usize]))
    }

    /// Hash of everything that hardware, programs and drivers must agree on: encodings, register map
    /// and the parameters of this cell. The design says it in two registers.
    pub fn specification(&self) -> u64 {
        crate::specification::hash(self)
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.cells > 1 {
            write!(f, "{} cells of ", self.cells)?;
        }
        write!(f, "{}x{} {}", self.rows, self.columns, self.precision)?;
        match self.multiplier {
            MultiplierStyle::Plain => Ok(()),
            packed => write!(f, " {packed}"),
        }
    }
}

fn in_range(parameter: &'static str, value: u32, low: u32, high: u32) -> Result<(), ArchitectureError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(ArchitectureError { parameter, value, range: (low, high), power_of_two: false })
}

fn power_of_two(parameter: &'static str, value: u32, low: u32, high: u32) -> Result<(), ArchitectureError> {
    if value.is_power_of_two() && (low..=high).contains(&value) {
        return Ok(());
    }
    Err(ArchitectureError { parameter, value, range: (low, high), power_of_two: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_loads_a_tile_in_at_least_four_cycles_and_covers_its_rows() {
        for rows in 4..=32 {
            let cell = Architecture::new(rows, 4, Precision::Int8).unwrap();
            assert!(cell.weight_steps() >= 4, "{cell}");
            assert!(cell.weight_steps() * cell.weight_ports() >= rows, "{cell}");
            assert!(cell.lanes() >= rows && cell.lanes().is_power_of_two());
        }
    }

    #[test]
    fn words_stand_for_one_cell_or_none() {
        let cell = Architecture::new(16, 12, Precision::Int6).unwrap().with_instruction_depth(512).unwrap();
        let cells =
            [cell, cell.with_lanes(64).unwrap().with_cells(64).unwrap().with_multiplier(MultiplierStyle::Mac16)];
        for cell in cells {
            let words = cell.to_words();
            assert_eq!(Architecture::from_words(words), Ok(cell));
            // A changed bit is another cell or none, never the same.
            for bit in 0..32 * words.len() {
                let mut other = words;
                other[bit / 32] ^= 1 << (bit % 32);
                assert_ne!(Architecture::from_words(other), Ok(cell), "bit {bit}");
            }
        }
    }

    #[test]
    fn every_lane_has_an_entry_of_its_own() {
        let entries = |precision: Precision| [0, 1, 5, -1, -5].map(|lane| precision.entry(lane));
        assert_eq!(entries(Precision::Int8), [0, 1, 5, 255, 251]);
        assert_eq!(entries(Precision::Int6), [0, 1, 5, 63, 59]);
    }

    #[test]
    fn an_illegal_parameter_is_named_with_its_range() {
        let error = Architecture::new(3, 8, Precision::Int8).unwrap_err();
        assert_eq!((error.parameter, error.value, error.range), ("rows", 3, (4, 32)));
        let cell = Architecture::new(8, 8, Precision::Int6).unwrap();
        assert_eq!(cell.with_accumulator_depth(100).unwrap_err().parameter, "accumulator_depth");
    }
}
