//! NOR flash: pages are programmed, sectors are erased, bits go from 1 to 0 only in between.

#[cfg(feature = "std")]
mod memory;

use myelin_isa::framing::{Reason, Refusal};
use myelin_isa::stick::flash_command;

#[cfg(feature = "std")]
pub use memory::MemoryFlash;

/// Bytes of a sector.
pub const SECTOR_BYTES: u32 = flash_command::SECTOR_BYTES;
/// Bytes of a block: as many sectors as are erased at once in little more time than one.
pub const BLOCK_BYTES: u32 = flash_command::BLOCK_BYTES;
/// Bytes of a page.
pub const PAGE_BYTES: u32 = flash_command::PAGE_BYTES;
/// How often the flash is asked whether it has erased a sector.
const BUSY_POLLS_MAX: u32 = 10_000_000;

/// A flash. There are two: that of a stick, and `MemoryFlash`.
///
/// An erase goes on by itself; whatever is asked meanwhile, but [`Flash::is_busy`], first waits for its end. (A job may have a fault to
/// record, or a new session something to read, while the store erases.)
///
/// Power may be lost in the middle of anything. Of the bits that were to be programmed or erased any are done then, and any read
/// differently from one time to the next, until programmed to 0 or erased.
pub trait Flash {
    /// Its size.
    fn bytes(&self) -> u32;

    /// Reads; beyond the end ones.
    fn read(&mut self, address: u32, out: &mut [u8]);

    /// Programs bytes within one page, and waits until that is done; false if the flash does not finish in time.
    fn program(&mut self, address: u32, data: &[u8]) -> bool;

    /// Begins to erase the sector at an address.
    fn erase(&mut self, address: u32);

    /// Begins to erase the block at an address.
    fn erase_block(&mut self, address: u32);

    /// Whether an erase goes on.
    fn is_busy(&mut self) -> bool;
}

/// What a request that met a faulty flash is answered.
pub(crate) const fn fault(address: u32) -> Refusal {
    Refusal { reason: Reason::FlashFault, detail: address }
}

/// Programs bytes that may lie in several pages.
pub(crate) fn program(flash: &mut impl Flash, mut address: u32, mut data: &[u8]) -> Result<(), Refusal> {
    while !data.is_empty() {
        let room = (PAGE_BYTES - address % PAGE_BYTES) as usize;
        let (now, rest) = data.split_at(room.min(data.len()));
        if !flash.program(address, now) {
            return Err(fault(address));
        }
        address += now.len() as u32;
        data = rest;
    }
    Ok(())
}

/// Begins to erase what comes first of `address..end`, whole sectors: a block if there is one. Answers where the rest begins.
pub(crate) fn begin_erase(flash: &mut impl Flash, address: u32, end: u32) -> u32 {
    if address.is_multiple_of(BLOCK_BYTES) && end - address >= BLOCK_BYTES {
        flash.erase_block(address);
        address + BLOCK_BYTES
    } else {
        flash.erase(address);
        address + SECTOR_BYTES
    }
}

/// Erases a sector and waits.
pub(crate) fn erase_sector(flash: &mut impl Flash, address: u32) {
    flash.erase(address);
    for _ in 0..BUSY_POLLS_MAX {
        if !flash.is_busy() {
            break;
        }
    }
}
