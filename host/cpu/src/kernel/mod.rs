//! Kernels: dot products of windows of pixels with packed weights, one file for each instruction set.
//!
//! A kernel computes a *tile*: a few pixels by one block of output channels. Every kernel obeys one
//! contract, so that the driver ([`crate::run`]) and the packing ([`crate::pack`]) know only a
//! [`Kernels`] table.
//!
//! **Numbers.** Products of signed bytes summed in 32 bits, wrapping, in any order: exact on every
//! path. Weights are -127 to 127; pixels any byte.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub(crate) mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx_vnni;
#[cfg(target_arch = "x86_64")]
pub(crate) mod depthwise;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;

use crate::path::Path;
use crate::stage::Scale;

/// Most pixels of a tile, on any path.
pub(crate) const PIXELS_MAX: usize = 16;
/// Most output channels of a block, on any path.
pub(crate) const CHANNELS_MAX: usize = 64;

/// Most lanes of a vector, on any path.
pub(crate) const LANES_MAX: usize = 16;
/// Bytes a kernel reads at each offset where its lanes see different groups of four.
pub(crate) const SPREAD_BYTES: usize = 16;

/// What a kernel asks for of [`Tile::ahead`] with every group of four.
pub(crate) const AHEAD_BYTES: usize = 64;

/// The addends of a tile, one row for each pixel.
#[derive(Clone, Copy)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only AVX-512 kernels finish"))]
pub(crate) enum Addend {
    None,
    /// Stored signed bytes.
    I8([*const u8; PIXELS_MAX]),
    /// 32-bit integers.
    I32([*const i32; PIXELS_MAX]),
}

/// What becomes of a tile's sums.
#[derive(Clone, Copy)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only AVX-512 kernels finish"))]
pub(crate) enum Finish {
    /// 32-bit sums go to [`Tile::sums`].
    Sums,
    /// `second(first(sum) + addend)` is stored as signed bytes to [`Tile::outputs`].
    ///
    /// Only for kernels with [`Kernels::finishes`]; the result of `second` fits a byte.
    Bytes { first: Scale, addend: Addend, second: Scale },
}

/// One call of a kernel.
///
/// **Shapes and units.** For each pixel `p` and group `q` of four bytes the kernel reads
/// `pixels[p] + offsets[q] .. + 4` (pixels that do not exist are null; [`SPREAD_BYTES`] where lanes see
/// different groups); weights are `[quads][vectors * lanes][4]` bytes, bias
/// `[vectors * lanes]`. Sums are written `[pixel][vectors * lanes]`.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only AVX-512 kernels finish"))]
pub(crate) struct Tile<'a> {
    pub(crate) pixels: [*const u8; PIXELS_MAX],
    pub(crate) offsets: &'a [u32],
    pub(crate) weights: *const i8,
    /// Weights wanted soon: a kernel may ask for a line of 64 bytes of them with every group of four. Only
    /// a hint; it need not point to anything.
    pub(crate) ahead: *const i8,
    /// Includes the correction for flipped pixels.
    pub(crate) bias: *const i32,
    pub(crate) finish: Finish,
    /// Output channels of the block that exist, at most `vectors * lanes`.
    pub(crate) channels: usize,
    pub(crate) outputs: [*mut u8; PIXELS_MAX],
    pub(crate) sums: *mut i32,
    /// For kernels of [`Kernels::get_spread`]: the group of four bytes each lane sees, of the four that
    /// are read at each offset.
    pub(crate) spread: [u32; LANES_MAX],
}

/// A kernel for a fixed number of pixels and vectors.
///
/// **Safety.** Every address in the tile's contract is valid, the path is available.
pub(crate) type TileFn = unsafe fn(&Tile<'_>);

/// The kernels of a path and the shapes they come in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kernels {
    /// Output channels of a vector.
    pub(crate) lanes: usize,
    /// Most vectors of a block.
    pub(crate) vectors_max: usize,
    /// Exclusive or of stored bytes: 0x80 where pixels are read as unsigned bytes.
    pub(crate) flip: u8,
    /// Whether [`Finish::Bytes`] is understood.
    pub(crate) finishes: bool,
    /// The groups of four bytes of a window are filled up to a multiple of this.
    pub(crate) group_multiple: usize,
    /// Most pixels of a tile for each number of vectors, from one.
    pub(crate) pixels_max: &'static [usize],
    /// Called on a thread before it calls kernels; safe where the path is available.
    pub(crate) begin: Option<unsafe fn()>,
    get: fn(usize, usize) -> TileFn,
    /// Kernels of one vector whose lanes see different groups of four bytes, for narrow groups of
    /// channels; up to the pixels of one vector.
    pub(crate) get_spread: Option<fn(usize) -> TileFn>,
}

impl Kernels {
    /// Those of a path.
    pub(crate) fn of(path: Path) -> Self {
        match path {
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => avx2::KERNELS,
            #[cfg(target_arch = "x86_64")]
            Path::AvxVnni => avx_vnni::KERNELS,
            #[cfg(target_arch = "x86_64")]
            Path::Avx512Vnni => avx512::KERNELS,
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Path::Amx => amx::KERNELS,
            #[cfg(target_arch = "aarch64")]
            Path::Neon => neon::KERNELS,
            #[allow(unreachable_patterns, reason = "on no target have all paths an arm above")]
            _ => scalar::KERNELS,
        }
    }

    /// The kernel for `pixels` (from 1) and `vectors` (from 1), within the table's limits.
    pub(crate) fn tile(&self, pixels: usize, vectors: usize) -> TileFn {
        assert!((1..=self.vectors_max).contains(&vectors) && (1..=self.pixels_max[vectors - 1]).contains(&pixels));
        (self.get)(pixels, vectors)
    }

    /// The kernel for `pixels` (from 1) whose lanes see different groups, where there are such.
    pub(crate) fn spread_tile(&self, pixels: usize) -> TileFn {
        assert!((1..=self.pixels_max[0]).contains(&pixels));
        (self.get_spread.expect("invariant: weights were packed for such kernels"))(pixels)
    }
}

/// The instance of `$tile::<PIXELS, VECTORS>` for numbers known at run time.
macro_rules! tile_table {
    ($tile:ident, $pixels:expr, $vectors:expr, $($v:literal: [$($p:literal)*])*) => {
        match ($vectors, $pixels) {
            $($(($v, $p) => $tile::<$p, $v> as $crate::kernel::TileFn,)*)*
            _ => unreachable!("invariant: the shape was checked against the table"),
        }
    };
}
pub(crate) use tile_table;

#[cfg(test)]
mod tests;
