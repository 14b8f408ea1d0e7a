//! The compiled program: all that a host needs to run a model on a cell.

use crate::requantise::Requantise;
use crate::timing::Prediction;
use core::fmt;
use myelin_isa::{Architecture, Instruction, Precision};
use thiserror::Error;

/// Beats in external memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// First beat.
    pub beat: u32,
    /// How many.
    pub beats: u32,
}

/// Data of the wrong length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{what} has {found} {unit}, expected {expected}")]
pub struct LengthError {
    /// What.
    pub what: &'static str,
    /// Unit of the lengths.
    pub unit: &'static str,
    /// Found.
    pub found: usize,
    /// Expected.
    pub expected: usize,
}

/// Where and how an input lies in external memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Its beats.
    pub region: Region,
    /// Channels, rows and columns.
    pub shape: [usize; 3],
    /// Which of its rows make a row in memory.
    pub stack: RowStack,
    /// Bytes from pixel to pixel.
    pub pitch: usize,
    /// Bytes from row to row.
    pub row: usize,
    /// Largest magnitude; values beyond it are clamped, as the chain does.
    pub limit: i32,
}

/// Rows of a picture side by side, as a shallow first layer reads them: a pixel of row `y` in memory has
/// the channels of the rows `y * stride + k * dilation - padding` of the picture, for every `k` below
/// `kernel`, after each other; zeros for rows outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowStack {
    /// Rows in memory.
    pub rows: usize,
    /// Rows of the picture in each.
    pub kernel: usize,
    /// Rows of the picture from row to row.
    pub stride: usize,
    /// Rows of the picture from one to the next in a row.
    pub dilation: usize,
    /// Rows of zeros above the picture.
    pub padding: usize,
}

impl RowStack {
    /// A picture of `rows` rows as it is.
    pub const fn plain(rows: usize) -> RowStack {
        RowStack { rows, kernel: 1, stride: 1, dilation: 1, padding: 0 }
    }
}

/// Where and how a head lies in external memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Name of the node.
    pub name: String,
    /// Its beats; several heads may share them.
    pub region: Region,
    /// Channels, rows and columns.
    pub shape: [usize; 3],
    /// Bytes from pixel to pixel.
    pub pitch: usize,
    /// Bytes from row to row.
    pub row: usize,
    /// Bytes to the first channel of the first pixel.
    pub offset: usize,
    /// How values are made of bytes.
    pub encoding: OutputEncoding,
}

/// How a head's values are made of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputEncoding {
    /// One signed byte a value.
    Lanes,
    /// 32-bit results in `planes` consecutive maps of `bits` each, low bits first, the last
    /// sign-extended; `requantise` (most often the identity) is left to the host.
    Planes {
        /// Maps.
        planes: u32,
        /// Bits of each.
        bits: u32,
        /// What turns the result into the head's value.
        requantise: Requantise,
    },
}

/// What a layer of the program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LayerKind {
    /// Convolution on the array.
    Convolution,
    /// Dense layer on the array.
    Dense,
    /// Sum of two maps.
    Add,
    /// Maximum pool of a stored map.
    Pool,
    /// Sum over every channel of a stored map.
    Sum,
    /// Every element repeated in rows and columns.
    Enlarge,
    /// Copy or requantisation of a stored map.
    Copy,
    /// Entries of a table for a stored map.
    LookUp,
}

impl fmt::Display for LayerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LayerKind::Convolution => "convolution",
            LayerKind::Dense => "dense",
            LayerKind::Add => "add",
            LayerKind::Pool => "pool",
            LayerKind::Sum => "sum",
            LayerKind::Enlarge => "enlarge",
            LayerKind::Copy => "copy",
            LayerKind::LookUp => "look-up",
        })
    }
}

/// A layer of the program: what happens between two stamps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Name of the graph's node.
    pub name: String,
    /// What it does.
    pub kind: LayerKind,
    /// Multiply-accumulates the model asks for; 0 without the array.
    pub macs: u64,
    /// Channels, rows and columns of its result.
    pub shape: [usize; 3],
    /// CONVs of a layer on the array, else post unit instructions.
    pub tiles: u32,
    /// Which stamp it takes when complete; `None` beyond [`Architecture::STAMP_DEPTH`].
    pub stamp: Option<u32>,
    /// Cycles from the completion of the layer before (or the start) to its own, as predicted.
    pub cycles: u64,
    /// How it is divided among the cells; `None` where all stays on a cell alone.
    pub mapping: Option<Mapping>,
}

/// How a layer is divided among cells, and what that costs all of them together by the compiler's
/// estimates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping {
    /// Bands of rows with a barrier behind each, between which other layers may be done.
    pub portions: u32,
    /// Output channels that share a cell's inputs, of the first band.
    pub group_channels: u32,
    /// Parts of a row that different cells may do, of the first band.
    pub row_parts: u32,
    /// Cycles of the array units.
    pub array_cycles: u64,
    /// Cycles of the post units.
    pub post_cycles: u64,
    /// Beats of maps loaded.
    pub map_beats_loaded: u64,
    /// Beats of weights loaded.
    pub weight_beats_loaded: u64,
    /// Beats of maps stored.
    pub beats_stored: u64,
}

/// The instructions of one cell, all of them, in the order of their addresses.
///
/// A program that fits instruction memory lies there from address 0. A longer one runs through it in
/// two halves ([`myelin_isa::WeightTarget::Instructions`]): instruction `a` is at address
/// `a % instruction_depth` when its turn comes, the host writes the first `instruction_depth` and the
/// program loads the rest from `image`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CellProgram {
    /// From address 0.
    pub instructions: Vec<Instruction>,
}

impl CellProgram {
    /// All instructions, encoded.
    pub fn words(&self) -> Vec<[u32; 4]> {
        self.instructions.iter().map(Instruction::encode).collect()
    }

    /// What the host writes: the first `instruction_depth` of them at most, encoded.
    pub fn resident_words(&self, architecture: &Architecture) -> Vec<[u32; 4]> {
        self.instructions.iter().take(architecture.instruction_depth() as usize).map(Instruction::encode).collect()
    }
}

/// A model compiled for a card of one or several cells.
///
/// To run it: write `image` at beat 0 of external memory, each cell's [`CellProgram::resident_words`] to
/// its instruction memory, and start at `load_entry` once; then for each picture write [`Input::pack`]'s bytes at each
/// input's region, start at `infer_entry`, and read the outputs' regions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The cell it is for.
    pub architecture: Architecture,
    /// [`Architecture::specification`] of the version that compiled it; a device with another is refused.
    pub specification: u64,
    /// What each cell executes, cell 0 first; as many as the architecture has.
    pub cells: Vec<CellProgram>,
    /// Where the program that loads weights, biases and a table starts, in every cell.
    pub load_entry: u32,
    /// Where the program for one picture starts, in every cell.
    pub infer_entry: u32,
    /// Contents of external memory from beat 0: weights, biases, tables, whole beats.
    pub image: Vec<u8>,
    /// Beats of external memory in use.
    pub memory_beats: u32,
    /// What it needs, at least one: the picture, or values that earlier steps of a [`crate::Model`] made.
    pub inputs: Vec<Input>,
    /// The heads, in the graph's order.
    pub outputs: Vec<Output>,
    /// Layers in order of execution.
    pub layers: Vec<Layer>,
    /// What one inference takes, as the timing model says; a rough estimate without counters if `estimated`.
    pub prediction: Prediction,
    /// Whether a run is so long that the compiler did not count its cycles one by one
    /// ([`crate::timing::predict`] can).
    pub estimated: bool,
}

impl Program {
    /// Instructions of all cells.
    pub fn instruction_count(&self) -> usize {
        self.cells.iter().map(|cell| cell.instructions.len()).sum()
    }

    /// Bytes of a beat.
    pub fn beat_bytes(&self) -> usize {
        self.architecture.lanes() as usize
    }

    /// Multiply-accumulates of all layers.
    pub fn macs(&self) -> u64 {
        self.layers.iter().map(|layer| layer.macs).sum()
    }
}

impl Input {
    /// A picture (channel, row, column) as the bytes of the input's region, in beats of so many bytes.
    ///
    /// **Errors.** [`LengthError`] when it is not exactly one picture.
    pub fn pack<T: Copy + Into<i32>>(&self, picture: &[T], beat_bytes: usize) -> Result<Vec<u8>, LengthError> {
        let [channels, height, columns] = self.shape;
        let RowStack { rows, kernel, stride, dilation, padding } = self.stack;
        let expected = channels * height * columns;
        if picture.len() != expected {
            return Err(LengthError { what: "the input", unit: "elements", found: picture.len(), expected });
        }
        let mut bytes = vec![0u8; self.region.beats as usize * beat_bytes];
        for (row, k) in (0..rows).flat_map(|row| (0..kernel).map(move |k| (row, k))) {
            let Some(y) = (row * stride + k * dilation).checked_sub(padding).filter(|&y| y < height) else { continue };
            for channel in 0..channels {
                let values = &picture[(channel * height + y) * columns..][..columns];
                let first = row * self.row + k * channels + channel;
                for (column, &value) in values.iter().enumerate() {
                    let value: i32 = value.into();
                    let byte = value.clamp(-self.limit, self.limit) as i8 as u8;
                    bytes[first + column * self.pitch] = byte;
                }
            }
        }
        Ok(bytes)
    }
}

impl Output {
    /// The head's values (channel, row, column) from the bytes of its region.
    ///
    /// **Errors.** [`LengthError`] when there are fewer bytes than the values take.
    pub fn unpack(&self, bytes: &[u8]) -> Result<Vec<i32>, LengthError> {
        let [channels, rows, columns] = self.shape;
        let pixels = rows * columns;
        let plane_bytes = rows * self.row;
        let planes = match self.encoding {
            OutputEncoding::Lanes => 1,
            OutputEncoding::Planes { planes, .. } => planes as usize,
        };
        let expected = planes * plane_bytes;
        if bytes.len() < expected {
            return Err(LengthError { what: "an output", unit: "bytes", found: bytes.len(), expected });
        }
        let mut values = Vec::with_capacity(channels * pixels);
        for channel in 0..channels {
            for pixel in 0..pixels {
                let at = pixel / columns * self.row + pixel % columns * self.pitch + self.offset + channel;
                values.push(self.value(|plane| bytes[plane * plane_bytes + at]));
            }
        }
        Ok(values)
    }

    fn value(&self, byte: impl Fn(usize) -> u8) -> i32 {
        match self.encoding {
            OutputEncoding::Lanes => i32::from(byte(0) as i8),
            OutputEncoding::Planes { planes, bits, requantise } => {
                let mut value = 0i64;
                for plane in 0..planes {
                    let part = i64::from(byte(plane as usize) as i8);
                    // The last plane brings the sign, the others their low bits.
                    let part = if plane + 1 == planes { part } else { part & ((1 << bits) - 1) };
                    value |= part << (bits * plane);
                }
                requantise.apply(value) as i32
            }
        }
    }
}

/// Bits of the planes of a cell's raw results.
pub(crate) const fn plane_bits(precision: Precision) -> u32 {
    precision.bits()
}
