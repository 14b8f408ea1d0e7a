//! Weights and biases as the cell's memories want them.

use crate::error::{CompileError, Place};
use crate::network::Matrix;
use crate::reduction::{Pass, Walk};
use myelin_isa::Architecture;
use std::collections::BTreeMap;

/// Resident weights and biases in beats, in the order of their words.
pub(crate) struct Packed {
    architecture: Architecture,
    /// Beats of the weight words so far.
    pub weights: Vec<u8>,
    /// Bias words so far, as many values as a weight row has lanes each.
    biases: Vec<Vec<i32>>,
    /// Equal bias words are kept once.
    known_biases: BTreeMap<Vec<i32>, u16>,
}

impl Packed {
    pub fn new(architecture: Architecture) -> Packed {
        Packed { architecture, weights: Vec::new(), biases: Vec::new(), known_biases: BTreeMap::new() }
    }

    /// Weight words so far.
    pub fn weight_words(&self) -> u32 {
        (self.weights.len() / self.word_bytes()) as u32
    }

    /// Beats of the bias words so far.
    pub fn bias_beats(&self) -> Vec<u8> {
        self.biases.iter().flatten().flat_map(|bias| bias.to_le_bytes()).collect()
    }

    /// Appends the weights of one walk for output channels `first..first + count`; answers the
    /// first word.
    ///
    /// **Errors.** [`CompileError::Capacity`].
    pub fn push_weights(
        &mut self,
        matrix: &Matrix,
        (pass, walk): (Pass, Walk),
        first: usize,
        count: usize,
        place: &Place,
    ) -> Result<u16, CompileError> {
        let base = self.weight_words();
        let steps = self.architecture.weight_steps() as usize;
        let needed = u64::from(base) + (walk.tiles() * steps) as u64;
        let available = u64::from(self.architecture.weight_words());
        if needed > available {
            let (place, memory, unit) = (place.clone(), "the weight scratchpad", "words");
            return Err(CompileError::Capacity { place, memory, unit, needed, available });
        }
        for tile in 0..walk.tiles() {
            push_tile(&self.architecture, matrix, (pass, walk), (first, count), tile, &mut self.weights);
        }
        Ok(u16::try_from(base).expect("invariant: the weight scratchpad has at most 65536 words"))
    }

    /// The word with these biases, from output channel `first` on.
    ///
    /// **Errors.** [`CompileError::Capacity`].
    pub fn push_biases(&mut self, biases: &[i32], place: &Place) -> Result<u16, CompileError> {
        let mut word = biases.to_vec();
        word.resize(self.architecture.weight_row_lanes() as usize, 0);
        if let Some(&index) = self.known_biases.get(&word) {
            return Ok(index);
        }
        let (needed, available) = (self.biases.len() as u64 + 1, u64::from(self.architecture.bias_words()));
        if needed > available {
            let (place, memory, unit) = (place.clone(), "the bias memory", "words");
            return Err(CompileError::Capacity { place, memory, unit, needed, available });
        }
        let index = u16::try_from(self.biases.len()).expect("invariant: there are at most 65536 bias words");
        self.known_biases.insert(word.clone(), index);
        self.biases.push(word);
        Ok(index)
    }

    fn word_bytes(&self) -> usize {
        (self.architecture.weight_word_beats() * self.architecture.lanes()) as usize
    }
}

/// A table's beats: an entry each, the same for every column.
pub(crate) fn table_beats(architecture: &Architecture, table: &[i8]) -> Vec<u8> {
    let (lanes, columns) = (architecture.lanes() as usize, architecture.columns() as usize);
    let beat = |&entry: &i8| (0..lanes).map(move |lane| if lane < columns { entry as u8 } else { 0 });
    table.iter().flat_map(beat).collect()
}

/// Appends the words of weight tile `tile` of a walk for `count` output channels from `first` on.
pub(crate) fn push_tile(
    architecture: &Architecture,
    matrix: &Matrix,
    (pass, walk): (Pass, Walk),
    (first, count): (usize, usize),
    tile: usize,
    bytes: &mut Vec<u8>,
) {
    let (steps, ports) = (architecture.weight_steps() as usize, architecture.weight_ports() as usize);
    let (rows, row_lanes) = (architecture.rows() as usize, architecture.weight_row_lanes() as usize);
    let word_bytes = (architecture.weight_word_beats() * architecture.lanes()) as usize;
    let start = bytes.len();
    // The last beat of a word may have room for more banks than there are.
    bytes.resize(start + steps * word_bytes, 0);
    for row in 0..rows {
        let (bank, step) = (row / steps, row % steps);
        debug_assert!(bank < ports, "weight ports cover the rows");
        if let Some(tap) = walk.tap(matrix, pass, tile, row, rows) {
            let at = start + step * word_bytes + bank * row_lanes;
            for (column, byte) in bytes[at..at + count].iter_mut().enumerate() {
                *byte = weight(matrix, first + column, tap.channel, tap.kernel_row, tap.kernel_column) as u8;
            }
        }
    }
}

/// The weight between two channels of the layer; zero across groups.
fn weight(matrix: &Matrix, output: usize, input: usize, kernel_row: usize, kernel_column: usize) -> i8 {
    let inputs = matrix.group_inputs();
    if output / matrix.group_outputs() != input / inputs {
        return 0;
    }
    let [rows, columns] = matrix.kernel;
    matrix.weights[((output * inputs + input % inputs) * rows + kernel_row) * columns + kernel_column]
}
