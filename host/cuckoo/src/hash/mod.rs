//! From edge indices to records: both nodes of an edge in one word.
//!
//! A record has u in bits `[31:0]` and v in `[63:32]`. Cuckarood's nodes carry the parity of their edge
//! in the lowest bit, so that nodes meet where they differ in that bit, as Cuckatoo's do. Cuckarooz with
//! 32 edge bits has 33-bit nodes: bit 32 belongs to both, as in its definition.

mod kernels;
mod lanes;

use crate::parameters::{Keys, Parameters, Sip, Variant};
use crate::path::Path;
use kernels::{BLOCK, Finish};

/// Calls a kernel of the path's module.
macro_rules! by_path {
    ($path:expr, $kernel:ident($($argument:expr),*)) => {
        match $path {
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => avx2::$kernel($($argument),*),
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => avx512::$kernel($($argument),*),
            _ => portable::$kernel($($argument),*),
        }
    };
}
/// Records made at a time; no graph has fewer edges.
pub(crate) const BATCH: usize = 1024;

/// Hashes the edges of one graph.
#[derive(Clone)]
pub(crate) struct Hasher {
    path: Path,
    parameters: Parameters,
    keys: [u64; 4],
    /// Blocks hashed together; 1 where edges are hashed one by one.
    lanes: usize,
}

impl Hasher {
    pub(crate) fn new(path: Path, parameters: &Parameters, keys: &Keys) -> Hasher {
        let lanes = match path {
            _ if parameters.variant.has_two_hashes() => 1,
            Path::Portable => portable::LANES,
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => avx2::LANES,
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => avx512::LANES,
            #[cfg(not(target_arch = "x86_64"))]
            _ => portable::LANES,
        };
        Hasher { path, parameters: *parameters, keys: keys.0, lanes }
    }

    /// Where in a batch each record's edge is: the edge's index less the batch's first.
    pub(crate) fn offsets(&self) -> Box<[u16; BATCH]> {
        let mut offsets = Box::new([0; BATCH]);
        let size = BLOCK * self.lanes;
        for (position, offset) in offsets.iter_mut().enumerate() {
            let (group, within) = (position / size, position % size);
            *offset = match self.parameters.variant.has_two_hashes() {
                true => position as u16,
                false => (group * size + within % self.lanes * BLOCK + within / self.lanes) as u16,
            };
        }
        offsets
    }

    /// The records of [`BATCH`] edges from `first`, a multiple of that, in the order of
    /// [`Hasher::offsets`].
    pub(crate) fn batch(&self, first: u64, out: &mut [u64; BATCH]) {
        let mask = self.node_mask();
        // SAFETY: the path's instructions were detected, and the batch is a multiple of every size.
        unsafe {
            if self.parameters.variant.has_two_hashes() {
                by_path!(self.path, pairs(&self.keys, self.parameters.sip, first, mask, out));
                return;
            }
            let (finish, mask) = match self.parameters.variant {
                Variant::Cuckarood => (Finish::LastWithParity, mask >> 1),
                Variant::Cuckaroom | Variant::Cuckarooz => (Finish::Suffix, mask),
                _ => (Finish::Last, mask),
            };
            let mask = mask | mask << 32;
            by_path!(self.path, chained(&self.keys, self.parameters.sip, first, finish, mask, out));
        }
    }

    /// Replaces words by their masked hashes, where edges have two; a multiple of 16 words.
    pub(crate) fn words(&self, words: &mut [u64]) {
        assert!(self.parameters.variant.has_two_hashes() && words.len().is_multiple_of(16));
        // SAFETY: the path's instructions were detected; the length was checked.
        unsafe { by_path!(self.path, words(&self.keys, self.parameters.sip, self.node_mask(), words)) }
    }

    fn node_mask(&self) -> u64 {
        (1 << self.parameters.node_bits()) - 1
    }
}

/// Defines a path's module: the kernels with its vectors and instructions.
macro_rules! path_module {
    ($module:ident, $vector:ty, $groups:literal $(, $features:literal)?) => {
        mod $module {
            use super::lanes::Lanes;
            use super::{BATCH, BLOCK, Finish, Sip, kernels};

            pub(super) const LANES: usize = $groups * <$vector as Lanes>::COUNT;

            /// **Safety**: the instructions were detected; the length is a multiple of 16.
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn words(keys: &[u64; 4], sip: Sip, mask: u64, words: &mut [u64]) {
                // SAFETY: the caller's contract.
                unsafe {
                    match sip {
                        Sip::TwoFour => kernels::words::<$vector, 2, 4>(keys, mask, words),
                        Sip::FourEight => kernels::words::<$vector, 4, 8>(keys, mask, words),
                    }
                }
            }

            /// **Safety**: the instructions were detected.
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn pairs(keys: &[u64; 4], sip: Sip, first: u64, mask: u64, out: &mut [u64; BATCH]) {
                let out = out.as_mut_ptr();
                // SAFETY: the caller's contract.
                unsafe {
                    match sip {
                        Sip::TwoFour => kernels::pairs::<$vector, 2, 4>(keys, first, mask, BATCH, out),
                        Sip::FourEight => kernels::pairs::<$vector, 4, 8>(keys, first, mask, BATCH, out),
                    }
                }
            }

            /// **Safety**: the instructions were detected.
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn chained(
                keys: &[u64; 4],
                sip: Sip,
                first: u64,
                finish: Finish,
                mask: u64,
                out: &mut [u64; BATCH],
            ) {
                use kernels::chained;
                let size = BLOCK * LANES;
                for at in (0..BATCH).step_by(size) {
                    let (first, out) = (first + at as u64, out[at..at + size].as_mut_ptr());
                    // SAFETY: the caller's contract; the slice has room.
                    unsafe {
                        match (sip, finish) {
                            (Sip::TwoFour, Finish::LastWithParity) => {
                                chained::<$vector, $groups, 2, 4, 25, 39>(keys, first, finish, mask, out);
                            }
                            (Sip::FourEight, Finish::LastWithParity) => {
                                chained::<$vector, $groups, 4, 8, 25, 39>(keys, first, finish, mask, out);
                            }
                            (Sip::TwoFour, _) => {
                                chained::<$vector, $groups, 2, 4, 21, 43>(keys, first, finish, mask, out);
                            }
                            (Sip::FourEight, _) => {
                                chained::<$vector, $groups, 4, 8, 21, 43>(keys, first, finish, mask, out);
                            }
                        }
                    }
                }
            }
        }
    };
}

path_module!(portable, u64, 2);
#[cfg(target_arch = "x86_64")]
path_module!(avx2, std::arch::x86_64::__m256i, 2, "avx2,bmi1,bmi2");
#[cfg(target_arch = "x86_64")]
path_module!(avx512, std::arch::x86_64::__m512i, 2, "avx512f,avx512vl,bmi1,bmi2");
