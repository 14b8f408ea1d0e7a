//! NOR flash: pages are programmed, sectors are erased, bits go from 1 to 0 only in between.

use myelin_isa::framing::{Reason, Refusal};
use myelin_isa::stick::flash_command;

/// Bytes of a sector.
pub const SECTOR_BYTES: u32 = flash_command::SECTOR_BYTES;
/// Bytes of a page.
pub const PAGE_BYTES: u32 = flash_command::PAGE_BYTES;

/// A flash. Power may be lost in the middle of anything: then a page holds any of the bits that were to be programmed, and a
/// sector anything between its contents and ones.
pub trait Flash {
    /// Its size.
    fn bytes(&self) -> u32;

    /// Reads; beyond the end ones.
    fn read(&mut self, address: u32, out: &mut [u8]);

    /// Programs bytes within one page, and waits until that is done; false if the flash does not finish in time.
    fn program(&mut self, address: u32, data: &[u8]) -> bool;

    /// Begins to erase the sector at an address.
    fn erase(&mut self, address: u32);

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
