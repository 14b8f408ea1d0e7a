//! CRC32C, in software or by whatever unit a device has.

use crc::{CRC_32_ISCSI, Crc, Table};

/// Something that computes CRC32C (Castagnoli: reflected 0x82f63b78, initial and final inversion).
///
/// There are two: [`SoftwareChecksum`] and the unit in the stick's system block.
pub trait Checksum {
    /// The state after more bytes: reflected, without the inversions; all ones before the first.
    fn update(&mut self, state: u32, bytes: &[u8]) -> u32;

    /// CRC32C of the concatenation of parts.
    fn checksum(&mut self, parts: &[&[u8]]) -> u32 {
        !parts.iter().fold(u32::MAX, |state, part| self.update(state, part))
    }
}

/// CRC32C with a table of 1 KiB.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct SoftwareChecksum;

const CRC32C: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISCSI);

impl Checksum for SoftwareChecksum {
    fn update(&mut self, state: u32, bytes: &[u8]) -> u32 {
        // The crate takes initial values unreflected.
        let mut digest = CRC32C.digest_with_initial(state.reverse_bits());
        digest.update(bytes);
        !digest.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_standard_comes_out_whatever_the_parts() {
        assert_eq!(SoftwareChecksum.checksum(&[b"123456789"]), 0xe306_9283);
        assert_eq!(SoftwareChecksum.checksum(&[b"12345", b"", b"6789"]), 0xe306_9283);
    }
}
