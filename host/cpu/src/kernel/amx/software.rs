//! A model of the tile registers, for machines without them.

use super::{KERNELS as HARDWARE_KERNELS, Kernels, PIXELS, ROWS, TileFn, TileRegisters, WEIGHTS, by_vectors};

/// The AMX kernels on modelled registers.
pub(crate) const KERNELS: Kernels = Kernels { begin: None, get, ..HARDWARE_KERNELS };

fn get(_pixels: usize, vectors: usize) -> TileFn {
    by_vectors::<Software>(vectors)
}

type Register = [[u8; 64]; ROWS];

struct Software {
    registers: [Register; 8],
}

impl TileRegisters for Software {
    fn new() -> Self {
        // What is not loaded is noticed.
        Self { registers: [[[0x55; 64]; ROWS]; 8] }
    }

    unsafe fn load<const R: u8>(&mut self, from: *const u8, stride: usize) {
        for (i, row) in self.registers[R as usize].iter_mut().enumerate() {
            // SAFETY: the caller's: sixteen rows of 64 bytes.
            *row = unsafe { from.add(i * stride).cast::<[u8; 64]>().read_unaligned() };
        }
    }

    /// `tdpbssd`, as the manual's pseudocode states it.
    unsafe fn multiply<const R: u8>(&mut self) {
        let (a, b) = (self.registers[PIXELS as usize], self.registers[WEIGHTS as usize]);
        let c = &mut self.registers[R as usize];
        for m in 0..ROWS {
            for k in 0..16 {
                for n in 0..16 {
                    let word = &mut c[m][4 * n..4 * n + 4];
                    let mut sum = i32::from_ne_bytes([word[0], word[1], word[2], word[3]]);
                    for i in 0..4 {
                        let product = i32::from(a[m][4 * k + i] as i8) * i32::from(b[k][4 * n + i] as i8);
                        sum = sum.wrapping_add(product);
                    }
                    word.copy_from_slice(&sum.to_ne_bytes());
                }
            }
        }
    }

    unsafe fn store<const R: u8>(&mut self, to: *mut u8, stride: usize) {
        for (i, row) in self.registers[R as usize].iter().enumerate() {
            // SAFETY: the caller's: sixteen rows of 64 bytes.
            unsafe { to.add(i * stride).cast::<[u8; 64]>().write_unaligned(*row) };
        }
    }
}
