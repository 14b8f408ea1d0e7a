//! Chains from bytes to bytes as one lookup.

use crate::path::Isa;
use crate::stage::{self, Stage};
use crate::view::Memory;

/// The stored result for each stored byte.
#[derive(Debug)]
pub(crate) struct ByteTable {
    entries: [u8; 256],
    /// Whether a lookup one by one is faster than the chain.
    pays: bool,
}

impl ByteTable {
    /// The table of a function of stored bytes.
    pub(crate) fn of(entry: impl Fn(u8) -> u8) -> Self {
        Self { entries: std::array::from_fn(|stored| entry(stored as u8)), pays: true }
    }

    /// The table of a chain; `None` if it has operands in memory.
    pub(crate) fn new(stages: &[Stage], flip: u8) -> Option<Self> {
        if stages.iter().any(|stage| stage.operand().is_some()) {
            return None;
        }
        let mut values: Vec<i32> = (0..=255u8).map(|stored| i32::from((stored ^ flip) as i8)).collect();
        let memory = Memory { work: &[], slots: &[], constants: &[], flip };
        stage::apply(stages, &mut values, memory, 0, 0);
        let mut entries = [0; 256];
        entries.iter_mut().zip(values).for_each(|(entry, v)| *entry = v as u8 ^ flip);
        let pays = stages.iter().any(|stage| matches!(stage, Stage::Bits | Stage::Table(_)));
        Some(Self { entries, pays })
    }

    /// Looks bytes up; false, and nothing done, where the chain itself is faster.
    pub(crate) fn translate(&self, isa: Isa, src: &[u8], dst: &mut [u8]) -> bool {
        #[cfg(target_arch = "x86_64")]
        if isa == Isa::Avx512 && is_x86_feature_detected!("avx512vbmi") {
            assert_eq!(src.len(), dst.len());
            // SAFETY: the instructions were just detected.
            unsafe { self.permute(src, dst) };
            return true;
        }
        let _ = isa;
        if self.pays {
            dst.iter_mut().zip(src).for_each(|(to, &byte)| *to = self.entries[usize::from(byte)]);
        }
        self.pays
    }

    /// 64 lookups at a time. Both slices have one length.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn permute(&self, src: &[u8], dst: &mut [u8]) {
        use std::arch::x86_64::*;
        // SAFETY: four quarters of the table.
        let quarter = |i: usize| unsafe { _mm512_loadu_si512(self.entries.as_ptr().add(64 * i).cast()) };
        let table = [quarter(0), quarter(1), quarter(2), quarter(3)];
        for (src, dst) in src.chunks(64).zip(dst.chunks_mut(64)) {
            let mask = u64::MAX >> (64 - src.len());
            // SAFETY: masked to the bytes there are, as many on both sides.
            unsafe {
                let bytes = _mm512_maskz_loadu_epi8(mask, src.as_ptr().cast());
                let low = _mm512_permutex2var_epi8(table[0], bytes, table[1]);
                let high = _mm512_permutex2var_epi8(table[2], bytes, table[3]);
                let found = _mm512_mask_blend_epi8(_mm512_movepi8_mask(bytes), low, high);
                _mm512_mask_storeu_epi8(dst.as_mut_ptr().cast(), mask, found);
            }
        }
    }
}
