//! What executes programs: registers, device memory, interrupt.

use myelin_isa::Architecture;
use myelin_isa::framing::CoreKind;

/// A cell with its memory, as a link sees it. There are two: [`crate::RegisterCore`] and [`crate::FunctionalCore`].
pub trait Core {
    /// What it is.
    fn kind(&self) -> CoreKind;

    /// The cell that programs must be for.
    fn architecture(&self) -> &Architecture;

    /// Its specification hash.
    fn specification(&self) -> u64;

    /// Reads a register ([`myelin_isa::register`]); 0 where there is none.
    fn read_register(&mut self, address: u32) -> u32;

    /// Writes a register.
    fn write_register(&mut self, address: u32, value: u32);

    /// Bytes of device memory.
    fn memory_bytes(&self) -> u32;

    /// Fills `out` from device memory; false beyond it, and then nothing is read.
    fn read_memory(&mut self, address: u32, out: &mut [u8]) -> bool;

    /// Writes to device memory; false beyond it, and then nothing is written.
    fn write_memory(&mut self, address: u32, data: &[u8]) -> bool;

    /// Whether the cell has halted or trapped since it was started last.
    fn interrupt(&mut self) -> bool;

    /// Goes on with a run for a bounded time, if it is for software to do so.
    fn step(&mut self);

    /// Power-up state of the cell; device memory is kept.
    fn restart(&mut self);

    /// [`Core::restart`], and all of device memory is 0.
    fn reset(&mut self);
}
