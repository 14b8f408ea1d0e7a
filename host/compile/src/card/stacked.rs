//! The first layer of few channels: kernel rows side by side in the input's pixels.
//!
//! Pictures have one to four channels, so that a kernel row of 3 x 3 or 7 x 7 taps leaves much of its
//! last weight tile empty. When the host lays the rows of the picture that a result row sees side by
//! side ([`RowStack`]), a kernel is one run: 27 lanes in two tiles of 16 instead of 9 in each of three.
//! The input grows by kernel rows over stride, which the link to the host has to carry.

use crate::memory::MemoryModel;
use crate::network::{MapShape, Matrix, Network, Slice, Source};
use crate::program::RowStack;
use myelin_isa::Architecture;

/// The link to the host brings one part in so many of what memory brings: about true of PCIe 3 x16
/// beside HBM (12 of 200 GB/s) and of USB 2 beside DDR3 (30 MB/s of 1.2 GB/s, and less).
const LINK_SHARE: u64 = 16;

/// The same network on stacked rows, if an array stage of undivided channels is all that reads the first input.
pub(super) fn stacked(lowered: &Network) -> Option<(Network, RowStack)> {
    let input = lowered.inputs[0];
    let is_input = |slice: Slice| slice.buffer == input.buffer;
    let mut readers = (0..lowered.stages.len()).filter(|&at| lowered.stages[at].source.reads().any(is_input));
    let (reader, None) = (readers.next()?, readers.next()) else { return None };
    let Source::Matrix(matrix) = &lowered.stages[reader].source else { return None };
    let whole = matrix.input.offset == 0 && matrix.input.shape == input.shape;
    if !whole || matrix.groups != 1 || matrix.kernel[0] == 1 || lowered.heads.iter().any(|head| is_input(head.slice)) {
        return None;
    }
    let stack = RowStack {
        rows: matrix.output.height,
        kernel: matrix.kernel[0],
        stride: matrix.strides[0],
        dilation: matrix.dilation[0],
        padding: matrix.padding[0],
    };
    let channels = input.shape.channels * stack.kernel;
    let shape = MapShape { channels, height: stack.rows, width: input.shape.width };
    let slice = Slice { shape, pitch: channels, ..input };
    let matrix = Matrix {
        input: slice,
        kernel: [1, matrix.kernel[1]],
        strides: [1, matrix.strides[1]],
        padding: [0, matrix.padding[1]],
        dilation: [1, matrix.dilation[1]],
        weights: kernel_row_major(matrix),
        ..matrix.clone()
    };
    let mut network = lowered.clone();
    network.buffers[input.buffer.0].shape = shape;
    network.inputs[0] = slice;
    network.stages[reader].source = Source::Matrix(matrix);
    Some((network, stack))
}

/// `[output channel][kernel row][channel][kernel column]`.
fn kernel_row_major(matrix: &Matrix) -> Vec<i8> {
    let [rows, columns] = matrix.kernel;
    let channels = matrix.group_inputs();
    let mut weights = Vec::with_capacity(matrix.weights.len());
    for kernel in matrix.weights.chunks_exact(channels * rows * columns) {
        for row in 0..rows {
            for channel in 0..channels {
                weights.extend_from_slice(&kernel[(channel * rows + row) * columns..][..columns]);
            }
        }
    }
    weights
}

/// Cycles in which the link to the host carries so many bytes.
pub(super) fn link_cycles(bytes: usize, architecture: &Architecture, memory: &MemoryModel) -> u64 {
    let ports = u64::from(architecture.cells() * architecture.lanes());
    let (each, cycles) = memory.bandwidth.map_or((ports, 1), |rate| (rate.bytes.into(), rate.cycles.into()));
    (bytes as u64 * cycles * LINK_SHARE).div_ceil(each)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_follow_rows_then_channels() {
        let shape = MapShape { channels: 2, height: 4, width: 4 };
        let matrix = Matrix {
            input: Slice { buffer: crate::network::BufferId(0), offset: 0, shape, pitch: 2 },
            output: MapShape { channels: 1, height: 3, width: 3 },
            kernel: [2, 2],
            strides: [1; 2],
            padding: [0; 2],
            dilation: [1; 2],
            groups: 1,
            weights: vec![1, 2, 3, 4, 5, 6, 7, 8],
            biases: vec![0],
        };
        assert_eq!(kernel_row_major(&matrix), [1, 2, 5, 6, 3, 4, 7, 8]);
    }
}
