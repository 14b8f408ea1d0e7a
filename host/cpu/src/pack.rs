//! Weights in the order the kernels read them, packed once.

use crate::buffer::Buffer;
use crate::kernel::{Kernels, LANES_MAX, SPREAD_BYTES};

/// Most input channels that groups are joined to, so that few zeros are stored.
const JOINED_CHANNELS_MAX: usize = 64;

/// The shape of a convolution; a dense layer is one of 1x1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Geometry {
    pub(crate) channels_in: usize,
    pub(crate) channels_out: usize,
    pub(crate) kernel: [usize; 2],
    pub(crate) dilation: [usize; 2],
    pub(crate) groups: usize,
    /// Bytes from one row of the padded data to the next.
    pub(crate) row: usize,
}

/// Output channels that are computed together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    /// First input channel they see.
    pub(crate) channel_in: usize,
    /// The first of them.
    pub(crate) channel_out: usize,
    /// How many there are.
    pub(crate) channels: usize,
    /// Vectors they fill.
    pub(crate) vectors: usize,
    /// Byte of the packed weights they start at.
    pub(crate) weights: usize,
    /// Their first bias.
    pub(crate) bias: usize,
}

/// Packed weights: for each block `[quads][vectors * lanes][4]`.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    /// Byte offset of every group of four bytes of a window, from the window's first pixel.
    pub(crate) offsets: Vec<u32>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) weights: Buffer,
    /// With the correction for flipped pixels.
    pub(crate) bias: Vec<i32>,
    /// For each lane the group of four bytes it sees, counted from a pixel's offset, if lanes see
    /// different ones: [`Kernels::get_spread`].
    pub(crate) spread: Option<[u32; LANES_MAX]>,
}

/// Marks a byte of a group that no weight belongs to.
const NONE: u32 = u32::MAX;

/// Packs weights `[o][c / groups][kh][kw]`, none of them -128; `bias` may be empty.
///
/// A row of taps that lie side by side is one run of bytes. Groups narrower than a vector share one: a
/// kernel that can shows every lane the bytes of its own group, others see a block-diagonal matrix.
pub(crate) fn pack(geometry: &Geometry, weights: &[i8], bias: &[i32], kernels: &Kernels) -> Packed {
    let g = geometry;
    let (group_in, group_out) = (g.channels_in / g.groups, g.channels_out / g.groups);
    let spread = kernels.get_spread.and_then(|_| spread_groups(g.groups, group_in, group_out, kernels.lanes));
    let joined = spread.unwrap_or_else(|| joined_groups(g.groups, group_in, group_out, kernels.lanes));
    let (unit_in, unit_out) = (joined * group_in, joined * group_out);
    let runs = runs(g, if spread.is_some() { group_in } else { unit_in });
    let mut offsets: Vec<u32> =
        runs.iter().flat_map(|run| (0..run.quads()).map(|i| (run.offset + 4 * i) as u32)).collect();
    let taps: Vec<Vec<u32>> =
        (0..joined).map(|group| taps(g, &runs, group_in, if spread.is_some() { 0 } else { group })).collect();
    let groups = offsets.len().next_multiple_of(kernels.group_multiple);
    // What fills up has weights of 0, and reads on where the window ends.
    while offsets.len() < groups {
        offsets.push(offsets.last().map_or(0, |last| last + 4));
    }
    let filter = group_in * g.kernel[0] * g.kernel[1];

    let block_max = kernels.lanes * kernels.vectors_max;
    let (mut blocks, mut weight_bytes, mut bias_count) = (Vec::new(), 0, 0);
    for unit in 0..g.groups / joined {
        for first in (0..unit_out).step_by(block_max) {
            let channels = (unit_out - first).min(block_max);
            let vectors = channels.div_ceil(kernels.lanes);
            let (channel_in, channel_out) = (unit * unit_in, unit * unit_out + first);
            blocks.push(Block { channel_in, channel_out, channels, vectors, weights: weight_bytes, bias: bias_count });
            weight_bytes += offsets.len() * vectors * kernels.lanes * 4;
            bias_count += vectors * kernels.lanes;
        }
    }
    let seen = |lane: usize| (lane / group_out * group_in / 4) as u32;
    let spread = spread.map(|_| std::array::from_fn(|lane| if lane < kernels.lanes { seen(lane) } else { 0 }));
    let weights_of = Buffer::zeroed(weight_bytes);
    let mut packed = Packed { offsets, blocks, weights: weights_of, bias: vec![0; bias_count], spread };
    let bytes = packed.weights.bytes_mut();
    for block in &packed.blocks {
        let stride = block.vectors * kernels.lanes * 4;
        for lane in 0..block.channels {
            let channel = block.channel_out + lane;
            let own = &weights[channel * filter..(channel + 1) * filter];
            let taps = &taps[channel % unit_out / group_out];
            let mut sum = 0i32;
            for (q, taps) in taps.chunks_exact(4).enumerate() {
                let to = &mut bytes[block.weights + q * stride + lane * 4..][..4];
                for (to, &tap) in to.iter_mut().zip(taps) {
                    if tap != NONE {
                        let weight = own[tap as usize];
                        *to = weight as u8;
                        sum = sum.wrapping_add(i32::from(weight));
                    }
                }
            }
            let correction = i32::from(kernels.flip).wrapping_mul(sum);
            packed.bias[block.bias + lane] = bias.get(channel).copied().unwrap_or(0).wrapping_sub(correction);
        }
    }
    packed
}

/// Bytes that [`pack`] holds or needs meanwhile beside what it reads, without packing.
pub(crate) fn packed_bytes(geometry: &Geometry, kernels: &Kernels) -> u64 {
    let g = geometry;
    let (group_in, group_out) = (g.channels_in / g.groups, g.channels_out / g.groups);
    let spread = kernels.get_spread.and_then(|_| spread_groups(g.groups, group_in, group_out, kernels.lanes));
    let joined = spread.unwrap_or_else(|| joined_groups(g.groups, group_in, group_out, kernels.lanes));
    let run_in = if spread.is_some() { group_in } else { joined * group_in };
    let [rows, columns] = g.kernel;
    let quads = match run_in == g.channels_in && (g.dilation[1] == 1 || columns == 1) {
        true => rows * (columns * run_in).div_ceil(4),
        false => rows * columns * run_in.div_ceil(4),
    };
    let quads = quads.next_multiple_of(kernels.group_multiple) as u64;
    let (units, unit_out) = (g.groups / joined, joined * group_out);
    let block_max = kernels.lanes * kernels.vectors_max;
    let vectors = unit_out / block_max * kernels.vectors_max + (unit_out % block_max).div_ceil(kernels.lanes);
    let lanes = (units * vectors * kernels.lanes) as u64;
    let blocks = (units * unit_out.div_ceil(block_max) * size_of::<Block>()) as u64;
    // Weights and biases of every lane, offsets, the table of taps, biases as read.
    lanes * (4 * quads + 4) + blocks + 4 * quads + joined as u64 * 16 * quads + 4 * g.channels_out as u64
}

/// How many groups fill a vector, each lane seeing its own group's bytes, if that can be: whole groups
/// of four bytes, and all of them within [`SPREAD_BYTES`].
fn spread_groups(groups: usize, group_in: usize, group_out: usize, lanes: usize) -> Option<usize> {
    let n = lanes / group_out;
    let whole = group_in.is_multiple_of(4) && lanes.is_multiple_of(group_out) && groups.is_multiple_of(n.max(1));
    (whole && n > 1 && (n - 1) * group_in + 4 <= SPREAD_BYTES).then_some(n)
}

/// How many groups are computed together: a divisor of their number.
fn joined_groups(groups: usize, group_in: usize, group_out: usize, lanes: usize) -> usize {
    let fits = |n: &usize| groups.is_multiple_of(*n) && n * group_out <= lanes && n * group_in <= JOINED_CHANNELS_MAX;
    (1..=groups.min(lanes)).rev().find(fits).unwrap_or(1)
}

/// Bytes of a window that lie side by side: `taps` taps from `column` on in kernel row `row`.
struct Run {
    row: usize,
    column: usize,
    offset: usize,
    length: usize,
}

impl Run {
    fn quads(&self) -> usize {
        self.length.div_ceil(4)
    }
}

fn runs(g: &Geometry, unit_in: usize) -> Vec<Run> {
    let [rows, columns] = g.kernel;
    let mut runs = Vec::new();
    for row in 0..rows {
        let start = row * g.dilation[0] * g.row;
        if unit_in == g.channels_in && (g.dilation[1] == 1 || columns == 1) {
            runs.push(Run { row, column: 0, offset: start, length: columns * unit_in });
            continue;
        }
        for column in 0..columns {
            let offset = start + column * g.dilation[1] * g.channels_in;
            runs.push(Run { row, column, offset, length: unit_in });
        }
    }
    runs
}

/// For every byte of a window's groups of four the weight of a filter in joined group `group`.
fn taps(g: &Geometry, runs: &[Run], group_in: usize, group: usize) -> Vec<u32> {
    let mut taps = Vec::new();
    for run in runs {
        for at in 0..run.quads() * 4 {
            // Joined groups never share a run with a second tap.
            let (tap, channel) = if run.length > g.channels_in || group_in == g.channels_in {
                (at / g.channels_in, at % g.channels_in)
            } else {
                (0, at)
            };
            let own = channel.checked_sub(group * group_in).filter(|&c| c < group_in && at < run.length);
            taps.push(own.map_or(NONE, |c| ((c * g.kernel[0] + run.row) * g.kernel[1] + run.column + tap) as u32));
        }
    }
    taps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::Path;

    #[test]
    fn rows_of_taps_are_one_run_and_narrow_groups_are_joined() {
        let kernels = Kernels::of(Path::Scalar);
        let g = Geometry { channels_in: 3, channels_out: 20, kernel: [3, 3], dilation: [1, 1], groups: 1, row: 30 };
        let packed = pack(&g, &[1; 20 * 27], &[], &kernels);
        assert_eq!(packed.offsets, [0, 4, 8, 30, 34, 38, 60, 64, 68]);
        let channels: Vec<usize> = packed.blocks.iter().map(|b| b.channels).collect();
        assert_eq!(channels, [16, 4]);
        assert_eq!(joined_groups(64, 4, 4, 16), 4);
        assert_eq!(joined_groups(32, 1, 1, 16), 16);
        assert_eq!(joined_groups(6, 100, 1, 16), 1);
        assert_eq!(joined_groups(2, 8, 24, 16), 1);
        assert_eq!(spread_groups(64, 4, 4, 16), Some(4));
        assert_eq!(spread_groups(64, 8, 8, 16), Some(2));
        assert_eq!(spread_groups(64, 4, 4, 8), Some(2));
        for (groups, group_in, group_out) in [(64, 16, 16), (6, 4, 4), (64, 2, 4), (64, 16, 8), (64, 4, 5), (2, 4, 40)]
        {
            assert_eq!(spread_groups(groups, group_in, group_out, 16), None, "{groups} {group_in} {group_out}");
        }
    }

    #[test]
    fn what_packing_takes_is_known_beforehand() {
        for path in Path::ALL {
            let kernels = Kernels::of(path);
            for (channels_in, channels_out, groups) in
                [(3, 20, 1), (64, 64, 16), (64, 64, 8), (70, 1, 1), (1, 200, 1), (32, 32, 32), (128, 256, 2), (6, 6, 6)]
            {
                for (kernel, dilation) in [([3, 3], [1, 1]), ([3, 3], [1, 2]), ([1, 1], [1, 1]), ([2, 5], [1, 1])] {
                    let g = Geometry { channels_in, channels_out, kernel, dilation, groups, row: 9 * channels_in };
                    let weights = vec![1; channels_out * channels_in / groups * kernel[0] * kernel[1]];
                    let packed = pack(&g, &weights, &[], &kernels);
                    let held = packed.blocks.iter().map(|b| b.vectors * kernels.lanes).sum::<usize>();
                    let found = (held * (4 * packed.offsets.len() + 4)
                        + packed.blocks.len() * size_of::<Block>()
                        + 4 * packed.offsets.len()) as u64;
                    let bound = packed_bytes(&g, &kernels);
                    assert!((found..4 * found + 64 * 1024).contains(&bound), "{g:?} on {path}: {found}, {bound}");
                }
            }
        }
    }

    #[test]
    fn joined_runs_of_the_whole_picture_hold_every_tap() {
        // Two groups joined to all channels: runs span taps, every weight appears exactly once.
        let kernels = Kernels::of(Path::Scalar);
        let g = Geometry { channels_in: 4, channels_out: 2, kernel: [2, 3], dilation: [1, 1], groups: 2, row: 40 };
        let weights: Vec<i8> = (1..=24).collect();
        let packed = pack(&g, &weights, &[], &kernels);
        assert_eq!(packed.blocks.len(), 1);
        let mut stored: Vec<u8> = packed.weights.bytes().iter().copied().filter(|&b| b != 0).collect();
        stored.sort_unstable();
        assert_eq!(stored, (1..=24).collect::<Vec<u8>>());
    }
}
