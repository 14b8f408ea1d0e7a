//! Convolutions and dense layers: the driver of the kernels.

use super::Context;
use super::threads::for_each_chunk;
use crate::buffer::Buffer;
use crate::kernel::{AHEAD_BYTES, Addend, CHANNELS_MAX, Finish, PIXELS_MAX, Tile};
use crate::pack::{Block, Packed};
use crate::path::for_each_isa;
use crate::stage::{self, Scale, Stage};
use crate::view::{Element, Memory, View};

/// Bytes of input that one pass over all output channels should see, so that it stays in cache.
const BAND_BYTES: usize = 192 << 10;

/// A prepared convolution or dense layer with what follows it.
#[derive(Debug)]
pub(crate) struct Conv {
    /// 8-bit data inside a halo of at least the padding.
    pub(crate) src: View,
    pub(crate) dst: View,
    pub(crate) strides: [usize; 2],
    pub(crate) padding: [usize; 2],
    pub(crate) packed: Packed,
    pub(crate) stages: Vec<Stage>,
}

/// What a kernel can finish by itself: scale, add, scale.
#[derive(Debug, Clone, Copy)]
struct Fused {
    first: Scale,
    addend: Option<View>,
    second: Scale,
}

impl Conv {
    fn fused(&self) -> Option<Fused> {
        if self.dst.element != Element::I8 {
            return None;
        }
        let id = Scale::IDENTITY;
        let (first, addend, second) = match self.stages[..] {
            [] => (id, None, id),
            [Stage::Scale(first)] => (first, None, id),
            [Stage::Add(view)] => (id, Some(view), id),
            [Stage::Add(view), Stage::Scale(second)] => (id, Some(view), second),
            [Stage::Scale(first), Stage::Add(view)] => (first, Some(view), id),
            [Stage::Scale(first), Stage::Add(view), Stage::Scale(second)] => (first, Some(view), second),
            _ => return None,
        };
        Some(Fused { first, addend, second })
    }

    /// Rows of output that are computed together.
    fn band_rows(&self, threads: usize) -> usize {
        let input_row = self.strides[0] * self.src.row;
        let cached = (BAND_BYTES / input_row.max(1)).max(1);
        let shared = if threads > 1 { self.dst.h.div_ceil(2 * threads) } else { self.dst.h };
        cached.min(shared).max(1)
    }

    /// Computes the layer into `out`.
    pub(crate) fn run(&self, context: &Context<'_>, memory: Memory<'_>, out: &mut Buffer) {
        let fused = self.fused().filter(|_| context.kernels.finishes);
        let size = self.dst.element.size();
        let blocks = &self.packed.blocks;
        let one_pixel = self.dst.h * self.dst.w == 1;
        for n in 0..self.dst.n {
            let start = (self.dst.base + n * self.dst.image) * size;
            let length = ((self.dst.h - 1) * self.dst.row + self.dst.row_length()) * size;
            let image = &mut out.bytes_mut()[start..start + length];
            let band = Band { conv: self, context, memory, fused, n };
            let block_max = context.kernels.lanes * context.kernels.vectors_max;
            if one_pixel && blocks.iter().enumerate().all(|(i, b)| b.channel_out == i * block_max) {
                for_each_chunk(context.pool, image, block_max * size, |index, chunk| {
                    band.compute(0..1, &blocks[index..=index], index * block_max, chunk);
                });
                continue;
            }
            let rows = self.band_rows(context.threads);
            for_each_chunk(context.pool, image, rows * self.dst.row * size, |index, chunk| {
                if context.is_late() {
                    return;
                }
                let first = index * rows;
                band.compute(first..(first + rows).min(self.dst.h), blocks, 0, chunk);
            });
        }
    }
}

/// A pixel of the output.
#[derive(Clone, Copy)]
struct Cursor {
    x: usize,
    y: usize,
}

/// Some rows of one image.
struct Band<'a> {
    conv: &'a Conv,
    context: &'a Context<'a>,
    memory: Memory<'a>,
    fused: Option<Fused>,
    n: usize,
}

impl Band<'_> {
    /// Computes `rows` of the output for `blocks`; `out` starts at the first row's channel `channel`.
    fn compute(&self, rows: std::ops::Range<usize>, blocks: &[Block], channel: usize, out: &mut [u8]) {
        let (conv, kernels) = (self.conv, &self.context.kernels);
        let mut sums = [0i32; PIXELS_MAX * CHANNELS_MAX];
        if let Some(begin) = kernels.begin {
            // SAFETY: the path is available.
            unsafe { begin() };
        }
        let count = rows.len() * conv.dst.w;
        for (index, block) in blocks.iter().enumerate() {
            // While one block's tiles are computed, the next one's weights come nearer, evenly.
            let next = blocks.get(index + 1);
            let block_bytes = block.vectors * kernels.lanes * 4 * conv.packed.offsets.len();
            let tiles = count.div_ceil(kernels.pixels_max[block.vectors - 1]);
            // Tiles as equal as can be.
            let (pixels, longer) = (count / tiles, count % tiles);
            let mut cursor = Cursor { x: 0, y: rows.start };
            for tile in 0..tiles {
                let pixels = pixels + usize::from(tile < longer);
                let begun = tile * conv.packed.offsets.len() * AHEAD_BYTES;
                let ahead = next.filter(|_| begun < block_bytes).map_or(block.weights, |next| next.weights + begun);
                cursor = self.tile(cursor, pixels, rows.start, block, ahead, channel, &mut sums, out);
            }
        }
    }

    /// Computes `pixels` pixels from `cursor` on; answers where the next tile begins. `first_row` is the
    /// row with which `out` starts.
    #[allow(clippy::too_many_arguments, reason = "what the loops around it know")]
    fn tile(
        &self,
        mut cursor: Cursor,
        pixels: usize,
        first_row: usize,
        block: &Block,
        ahead: usize,
        channel: usize,
        sums: &mut [i32; PIXELS_MAX * CHANNELS_MAX],
        out: &mut [u8],
    ) -> Cursor {
        let conv = self.conv;
        let (src, dst) = (&conv.src, &conv.dst);
        let source = self.memory.buffer(src).bytes();
        let origin = src.base + self.n * src.image - conv.padding[0] * src.row - conv.padding[1] * src.c;
        let size = dst.element.size();
        let mut sources = [std::ptr::null(); PIXELS_MAX];
        // Rows of the output, and elements within them.
        let mut places = [(0usize, 0usize); PIXELS_MAX];
        for (source_of, place) in sources[..pixels].iter_mut().zip(&mut places) {
            let Cursor { x, y } = cursor;
            let at = origin + y * conv.strides[0] * src.row + x * conv.strides[1] * src.c + block.channel_in;
            *source_of = source[at..].as_ptr();
            *place = (y, x * dst.c + block.channel_out);
            cursor = if x + 1 == dst.w { Cursor { x: 0, y: y + 1 } } else { Cursor { x: x + 1, y } };
        }
        let at = |(y, within): (usize, usize)| ((y - first_row) * dst.row + within - channel) * size;
        let mut outputs = [std::ptr::null_mut(); PIXELS_MAX];
        let mut finish = Finish::Sums;
        if let Some(fused) = self.fused {
            for (output, &place) in outputs[..pixels].iter_mut().zip(&places) {
                *output = out[at(place)..][..block.channels].as_mut_ptr();
            }
            let addend = self.addend(&fused, &places[..pixels], block.channels);
            finish = Finish::Bytes { first: fused.first, addend, second: fused.second };
        }
        let tile = Tile {
            pixels: sources,
            offsets: &conv.packed.offsets,
            weights: conv.packed.weights.bytes()[block.weights..].as_ptr().cast(),
            ahead: conv.packed.weights.bytes().as_ptr().wrapping_add(ahead).cast(),
            bias: conv.packed.bias[block.bias..].as_ptr(),
            finish,
            channels: block.channels,
            outputs,
            sums: sums.as_mut_ptr(),
            spread: conv.packed.spread.unwrap_or_default(),
        };
        let kernels = &self.context.kernels;
        let kernel = match conv.packed.spread {
            Some(_) => kernels.spread_tile(pixels),
            None => kernels.tile(pixels, block.vectors),
        };
        // SAFETY: the path is available. A window of every pixel lies inside the padded data, whose
        // buffer has slack for the last group of four and for SPREAD_BYTES from there; weights and biases
        // were packed for this block; outputs and addends are slices of the block's channels; `sums`
        // holds the largest tile.
        unsafe { kernel(&tile) };
        if self.fused.is_none() {
            let stride = block.vectors * kernels.lanes;
            for (p, &(y, within)) in places[..pixels].iter().enumerate() {
                let sums = &mut sums[p * stride..][..block.channels];
                let out = &mut out[at((y, within))..][..block.channels * size];
                finish_pixel(
                    self.context.isa,
                    &conv.stages,
                    sums,
                    self.memory,
                    self.n * dst.h + y,
                    within,
                    dst.element,
                    out,
                );
            }
        }
        cursor
    }

    fn addend(&self, fused: &Fused, places: &[(usize, usize)], channels: usize) -> Addend {
        let Some(view) = &fused.addend else { return Addend::None };
        let buffer = self.memory.buffer(view);
        // The operand has the result's shape: the same images and rows.
        let image = view.base + self.n * view.image;
        let start = |(y, within): (usize, usize)| image + y * view.row + within;
        match view.element {
            Element::I8 => {
                let mut rows = [std::ptr::null(); PIXELS_MAX];
                for (row, &place) in rows.iter_mut().zip(places) {
                    *row = buffer.bytes()[start(place)..][..channels].as_ptr();
                }
                Addend::I8(rows)
            }
            Element::I32 => {
                let mut rows = [std::ptr::null(); PIXELS_MAX];
                for (row, &place) in rows.iter_mut().zip(places) {
                    *row = buffer.words()[start(place)..][..channels].as_ptr();
                }
                Addend::I32(rows)
            }
        }
    }
}

for_each_isa! {
    /// Applies stages to sums that lie side by side from element `within` of row `row` on, and stores them.
    pub(super) fn finish_pixel(
        stages: &[Stage],
        values: &mut [i32],
        memory: Memory<'_>,
        row: usize,
        within: usize,
        element: Element,
        out: &mut [u8],
    ) = finish_pixel_inner
}

#[inline(always)]
fn finish_pixel_inner(
    stages: &[Stage],
    values: &mut [i32],
    memory: Memory<'_>,
    row: usize,
    within: usize,
    element: Element,
    out: &mut [u8],
) {
    stage::apply(stages, values, memory, row, within);
    match element {
        Element::I8 => {
            let flip = memory.flip;
            out.iter_mut().zip(values).for_each(|(to, v)| *to = *v as u8 ^ flip);
        }
        // Buffers are native words, so this writes them whatever the byte order.
        Element::I32 => {
            out.chunks_exact_mut(4).zip(values).for_each(|(to, v)| to.copy_from_slice(&v.to_ne_bytes()));
        }
    }
}
