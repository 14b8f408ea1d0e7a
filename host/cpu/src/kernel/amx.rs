//! AMX kernels: 16 pixels by up to 64 output channels in tile registers, signed by signed bytes.
//!
//! One tile of pixels (16 rows of 64 bytes) meets up to four tiles of weights, each result tile is 16
//! pixels by 16 channels. Packed weights of 16 groups of four *are* a tile of weights; biases enter as
//! a result tile loaded with stride 0. Windows whose pixels and bytes are evenly spaced load from the
//! picture itself, others are gathered first.
//!
//! **Executed under an emulator only**: no machine of the project has AMX yet. The ordinary tests run this
//! path in Bochs (`verification/portability/amx`), as on any machine with AMX; on every x86-64 the
//! instructions are held against their documented encodings byte for byte ([`encoding`]), and everything
//! around them is tested with a software model of the tile registers ([`software`]).
//!
//! **Source.** Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18;
//! Linux `Documentation/arch/x86/xstate.rst`.

use super::{Kernels, Tile, TileFn};
use std::arch::asm;
use std::arch::x86_64::{__cpuid_count, __get_cpuid_max, _xgetbv};
use std::sync::OnceLock;

/// Rows of a tile register, and channels of a result tile.
const ROWS: usize = 16;
/// Bytes of a row of a tile register.
const ROW_BYTES: usize = 64;
/// Groups of four bytes that one multiplication takes.
const GROUPS: usize = ROW_BYTES / 4;
const VECTORS_MAX: usize = 4;

pub(super) const KERNELS: Kernels = Kernels {
    lanes: ROWS,
    vectors_max: VECTORS_MAX,
    flip: 0,
    finishes: false,
    group_multiple: GROUPS,
    pixels_max: &[ROWS; VECTORS_MAX],
    begin: Some(configure),
    get,
    get_spread: None,
};

fn get(_pixels: usize, vectors: usize) -> TileFn {
    by_vectors::<Hardware>(vectors)
}

fn by_vectors<T: TileRegisters>(vectors: usize) -> TileFn {
    match vectors {
        1 => tile::<T, 1>,
        2 => tile::<T, 2>,
        3 => tile::<T, 3>,
        _ => tile::<T, 4>,
    }
}

/// Whether the processor has AMX for bytes and the kernel lets this process use it.
pub(crate) fn is_permitted() -> bool {
    static PERMITTED: OnceLock<bool> = OnceLock::new();
    *PERMITTED.get_or_init(|| has_instructions() && request_permission())
}

fn has_instructions() -> bool {
    /// CPUID leaf 7, EDX: tile registers, and dot products of bytes in them.
    const AMX_TILE_AND_INT8: u32 = 1 << 24 | 1 << 25;
    /// CPUID leaf 1, ECX: the operating system has enabled extended states.
    const OSXSAVE: u32 = 1 << 27;
    /// Extended states of the tile configuration and the tile data.
    const TILE_STATES: u64 = 1 << 17 | 1 << 18;
    if __get_cpuid_max(0).0 < 7 || __cpuid_count(1, 0).ecx & OSXSAVE == 0 {
        return false;
    }
    // SAFETY: OSXSAVE says that the instruction exists.
    let states = unsafe { enabled_states() };
    __cpuid_count(7, 0).edx & AMX_TILE_AND_INT8 == AMX_TILE_AND_INT8 && states & TILE_STATES == TILE_STATES
}

#[target_feature(enable = "xsave")]
fn enabled_states() -> u64 {
    // SAFETY: register 0 always exists.
    unsafe { _xgetbv(0) }
}

/// `arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)`.
fn request_permission() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
    const XFEATURE_XTILEDATA: u64 = 18;
    let result: i64;
    // SAFETY: the system call takes numbers only and changes no memory of ours.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => result,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result == 0
}

/// The memory operand of `ldtilecfg`: palette 1, all registers 16 rows of 64 bytes.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

const CONFIGURATION: Configuration = {
    let (mut row_bytes, mut rows) = ([0; 16], [0; 16]);
    let mut register = 0;
    while register < 8 {
        row_bytes[register] = ROW_BYTES as u16;
        rows[register] = ROWS as u8;
        register += 1;
    }
    Configuration { palette: 1, start_row: 0, reserved: [0; 14], row_bytes, rows }
};

/// The text of `tileloadd tmmR, [base + index * 1]`: the kernels and the test of its encoding share it.
macro_rules! tile_load {
    ($r:literal, $base:literal, $index:literal) => {
        concat!("tileloadd tmm", $r, ", [", $base, " + ", $index, "*1]")
    };
}

/// The text of `tilestored [base + index * 1], tmmR`.
macro_rules! tile_store {
    ($r:literal, $base:literal, $index:literal) => {
        concat!("tilestored [", $base, " + ", $index, "*1], tmm", $r)
    };
}

/// The text of `tdpbssd tmmR, tmm4, tmm5`: [`PIXELS`] by [`WEIGHTS`].
macro_rules! tile_multiply {
    ($r:literal) => {
        concat!("tdpbssd tmm", $r, ", tmm4, tmm5")
    };
}

/// The text of `ldtilecfg [base]`.
macro_rules! tile_configure {
    ($base:literal) => {
        concat!("ldtilecfg [", $base, "]")
    };
}

/// Configures this thread's tile registers. Done again for every band of rows: other libraries in the
/// process may release them.
///
/// **Safety.** AMX is permitted.
unsafe fn configure() {
    static MEMORY: Configuration = CONFIGURATION;
    // SAFETY: a valid configuration of 64 bytes.
    unsafe { asm!(tile_configure!("{}"), in(reg) &MEMORY, options(nostack, readonly)) };
}

/// Registers 0 to 3 hold results, 4 pixels, 5 weights.
const PIXELS: u8 = 4;
const WEIGHTS: u8 = 5;

/// The tile registers, or a model of them.
trait TileRegisters {
    fn new() -> Self;

    /// Loads register `R`, each row `stride` bytes behind the one before.
    ///
    /// **Safety.** Sixteen rows of 64 bytes are readable.
    unsafe fn load<const R: u8>(&mut self, from: *const u8, stride: usize);

    /// Adds the products of [`PIXELS`] and [`WEIGHTS`] to register `R`.
    ///
    /// **Safety.** The registers are configured.
    unsafe fn multiply<const R: u8>(&mut self);

    /// Stores register `R`.
    ///
    /// **Safety.** Sixteen rows of 64 bytes are writable.
    unsafe fn store<const R: u8>(&mut self, to: *mut u8, stride: usize);
}

/// The processor's registers. The compiler never uses them, so they keep their contents between
/// these functions.
struct Hardware;

impl TileRegisters for Hardware {
    #[inline(always)]
    fn new() -> Self {
        Self
    }

    #[inline(always)]
    unsafe fn load<const R: u8>(&mut self, from: *const u8, stride: usize) {
        // SAFETY: the caller's.
        unsafe {
            match R {
                0 => asm!(tile_load!(0, "{}", "{}"), in(reg) from, in(reg) stride, options(nostack, readonly)),
                1 => asm!(tile_load!(1, "{}", "{}"), in(reg) from, in(reg) stride, options(nostack, readonly)),
                2 => asm!(tile_load!(2, "{}", "{}"), in(reg) from, in(reg) stride, options(nostack, readonly)),
                3 => asm!(tile_load!(3, "{}", "{}"), in(reg) from, in(reg) stride, options(nostack, readonly)),
                PIXELS => asm!(tile_load!(4, "{}", "{}"), in(reg) from, in(reg) stride, options(nostack, readonly)),
                _ => asm!(tile_load!(5, "{}", "{}"), in(reg) from, in(reg) stride, options(nostack, readonly)),
            }
        }
    }

    #[inline(always)]
    unsafe fn multiply<const R: u8>(&mut self) {
        // SAFETY: the caller's.
        unsafe {
            match R {
                0 => asm!(tile_multiply!(0), options(nostack, nomem)),
                1 => asm!(tile_multiply!(1), options(nostack, nomem)),
                2 => asm!(tile_multiply!(2), options(nostack, nomem)),
                _ => asm!(tile_multiply!(3), options(nostack, nomem)),
            }
        }
    }

    #[inline(always)]
    unsafe fn store<const R: u8>(&mut self, to: *mut u8, stride: usize) {
        // SAFETY: the caller's.
        unsafe {
            match R {
                0 => asm!(tile_store!(0, "{}", "{}"), in(reg) to, in(reg) stride, options(nostack)),
                1 => asm!(tile_store!(1, "{}", "{}"), in(reg) to, in(reg) stride, options(nostack)),
                2 => asm!(tile_store!(2, "{}", "{}"), in(reg) to, in(reg) stride, options(nostack)),
                _ => asm!(tile_store!(3, "{}", "{}"), in(reg) to, in(reg) stride, options(nostack)),
            }
        }
    }
}

/// A register's number as a generic argument, for the vectors a kernel has.
macro_rules! for_vectors {
    ($vectors:expr, $v:ident => $body:block) => {{
        for_vectors!(@ $vectors, $v, $body, 0 1 2 3)
    }};
    (@ $vectors:expr, $v:ident, $body:block, $($n:literal)*) => {
        {
            $(if $n < $vectors {
                const $v: u8 = $n;
                $body
            })*
        }
    };
}

/// **Safety.** See [`TileFn`]; the registers are configured.
unsafe fn tile<T: TileRegisters, const VECTORS: usize>(t: &Tile<'_>) {
    let mut registers = T::new();
    let mut gathered = [[0u8; ROW_BYTES]; ROWS];
    let stride = even_stride(&t.pixels);
    // SAFETY: the tile's contract: a bias for every channel; stride 0 repeats it for every pixel.
    for_vectors!(VECTORS, V => {
        unsafe { registers.load::<V>(t.bias.add(V as usize * ROWS).cast(), 0) };
    });
    for (chunk, offsets) in t.offsets.chunks_exact(GROUPS).enumerate() {
        let side_by_side = offsets.windows(2).all(|pair| pair[1] == pair[0] + 4);
        match stride.filter(|_| side_by_side) {
            // SAFETY: the tile's contract: the bytes of every pixel.
            Some(stride) => unsafe { registers.load::<PIXELS>(t.pixels[0].add(offsets[0] as usize), stride) },
            None => {
                gather(&t.pixels, offsets, side_by_side, &mut gathered);
                // SAFETY: sixteen rows.
                unsafe { registers.load::<PIXELS>(gathered.as_ptr().cast(), ROW_BYTES) };
            }
        }
        // Stays within the block: its groups are a multiple of what a tile holds.
        let weights = t.weights.wrapping_add(chunk * GROUPS * VECTORS * ROW_BYTES).cast::<u8>();
        // SAFETY: the tile's contract: weights for every group of four.
        for_vectors!(VECTORS, V => {
            unsafe {
                registers.load::<WEIGHTS>(weights.add(V as usize * ROW_BYTES), VECTORS * ROW_BYTES);
                registers.multiply::<V>();
            }
        });
    }
    // SAFETY: the tile's contract: room for the sums of the most pixels a kernel of this path has.
    for_vectors!(VECTORS, V => {
        unsafe { registers.store::<V>(t.sums.add(V as usize * ROWS).cast(), VECTORS * ROW_BYTES) };
    });
}

/// The distance between pixels, if there are sixteen at one distance.
fn even_stride(pixels: &[*const u8; ROWS]) -> Option<usize> {
    if pixels.contains(&std::ptr::null()) {
        return None;
    }
    let stride = (pixels[1] as usize).wrapping_sub(pixels[0] as usize);
    let even = pixels.windows(2).all(|pair| (pair[1] as usize).wrapping_sub(pair[0] as usize) == stride);
    even.then_some(stride)
}

/// Copies the groups of every pixel there is to rows of a tile. Rows without a pixel keep what they
/// had: their results are not read.
fn gather(pixels: &[*const u8; ROWS], offsets: &[u32], side_by_side: bool, rows: &mut [[u8; ROW_BYTES]; ROWS]) {
    for (pixel, row) in pixels.iter().zip(rows).filter(|(pixel, _)| !pixel.is_null()) {
        if side_by_side {
            // SAFETY: the tile's contract: four bytes at every offset, which follow each other.
            *row = unsafe { pixel.add(offsets[0] as usize).cast::<[u8; ROW_BYTES]>().read_unaligned() };
            continue;
        }
        for (to, &offset) in row.chunks_exact_mut(4).zip(offsets) {
            // SAFETY: the tile's contract: four bytes at every offset.
            let group = unsafe { pixel.add(offset as usize).cast::<[u8; 4]>().read_unaligned() };
            to.copy_from_slice(&group);
        }
    }
}

#[cfg(test)]
mod encoding;
#[cfg(test)]
mod software;
#[cfg(test)]
pub(crate) use software::KERNELS as SOFTWARE_KERNELS;
