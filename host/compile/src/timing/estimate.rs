//! What runs take that are too long to be counted cycle by cycle.

use super::Prediction;
use crate::memory::MemoryModel;
use crate::program::CellProgram;
use myelin_isa::{Architecture, Instruction, Unit, transfer_descriptor};

/// A prediction from the order of emission, `cycles` and `stamps`, in which every cell has load and store to
/// itself: what all cells move together through the memory they share may take longer, and then all else is
/// stretched evenly. Counters of cells are left out.
pub(crate) fn estimate(
    architecture: &Architecture,
    memory: &MemoryModel,
    cells: &[CellProgram],
    entry: u32,
    (cycles, stamps): (u64, Vec<u64>),
) -> Prediction {
    let (mut read, mut written) = (0, 0);
    for cell in cells {
        let (loaded, stored) = beats(&cell.instructions[entry as usize..]);
        read += loaded;
        written += stored;
    }
    let bytes = u128::from((read + written) * u64::from(architecture.lanes()));
    let shared = memory
        .bandwidth
        .map_or(0, |bandwidth| (bytes * u128::from(bandwidth.cycles)).div_ceil(u128::from(bandwidth.bytes)) as u64);
    let total = cycles.max(shared);
    let stretched = |stamp: u64| (u128::from(stamp) * u128::from(total) / u128::from(cycles.max(1))) as u64;
    Prediction {
        cycles: total,
        stamps: stamps.into_iter().map(stretched).collect(),
        beats_read: read,
        beats_written: written,
        ..Prediction::default()
    }
}

/// Beats that a cell's instructions load and store.
fn beats(instructions: &[Instruction]) -> (u64, u64) {
    let (mut loaded, mut stored) = (0, 0);
    let (mut load_rows, mut store_rows) = (1, 1);
    for instruction in instructions {
        match *instruction {
            Instruction::Config { unit, index, values, .. } => {
                let position = usize::from(transfer_descriptor::ROWS).wrapping_sub(usize::from(index));
                let rows = match unit {
                    Unit::Load => &mut load_rows,
                    Unit::Store => &mut store_rows,
                    Unit::Array | Unit::Post => continue,
                };
                if let Some(value) = values.get(position) {
                    *rows = u64::from(value & 0xffff) + 1;
                }
            }
            Instruction::Load { beats, .. } => loaded += u64::from(beats) * load_rows,
            Instruction::LoadWeights { beats, .. } => loaded += u64::from(beats),
            Instruction::Store { beats, .. } => stored += u64::from(beats) * store_rows,
            _ => {}
        }
    }
    (loaded, stored)
}
