//! A tensor cell in hardware, through its registers and device memory on the soft core's bus.

use myelin_isa::framing::CoreKind;
use myelin_isa::stick::{memory, system};
use myelin_isa::{Architecture, register};

use crate::core::Core;

/// The soft core's bus as firmware uses it: the real one, or a test's.
pub trait Bus {
    /// Reads a word at an aligned address.
    fn read(&mut self, address: u32) -> u32;

    /// Writes a word at an aligned address.
    fn write(&mut self, address: u32, value: u32);

    /// Fills `out` from memory at any address.
    fn read_bytes(&mut self, address: u32, out: &mut [u8]);

    /// Writes to memory at any address.
    fn write_bytes(&mut self, address: u32, data: &[u8]);
}

/// See the [module](self).
#[derive(Debug)]
pub struct RegisterCore<B> {
    bus: B,
    architecture: Architecture,
    specification: u64,
    memory_bytes: u32,
}

impl<B: Bus> RegisterCore<B> {
    /// The cell that the system block says is there; `None` if what it says is none.
    pub fn new(mut bus: B) -> Option<RegisterCore<B>> {
        let mut words = [0; Architecture::WORDS];
        for (index, word) in (0..).zip(&mut words) {
            *word = bus.read(memory::SYSTEM + system::ARCHITECTURE + 4 * index);
        }
        let architecture = Architecture::from_words(words).ok()?;
        let memory_bytes = bus.read(memory::SYSTEM + system::DEVICE_BYTES);
        let [low, high] = [system::SPECIFICATION_LOW, system::SPECIFICATION_HIGH]
            .map(|address| u64::from(bus.read(memory::SYSTEM + address)));
        let specification = high << 32 | low;
        Some(RegisterCore { bus, specification, architecture, memory_bytes })
    }

    fn is_inside(&self, address: u32, length: usize) -> bool {
        u64::from(address) + length as u64 <= u64::from(self.memory_bytes)
    }
}

impl<B: Bus> Core for RegisterCore<B> {
    fn kind(&self) -> CoreKind {
        CoreKind::Cell
    }

    fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    fn specification(&self) -> u64 {
        self.specification
    }

    fn read_register(&mut self, address: u32) -> u32 {
        if address < register::END && address.is_multiple_of(4) { self.bus.read(memory::TENSOR + address) } else { 0 }
    }

    fn write_register(&mut self, address: u32, value: u32) {
        if address < register::END && address.is_multiple_of(4) {
            self.bus.write(memory::TENSOR + address, value);
        }
    }

    fn memory_bytes(&self) -> u32 {
        self.memory_bytes
    }

    fn read_memory(&mut self, address: u32, out: &mut [u8]) -> bool {
        let is_inside = self.is_inside(address, out.len());
        if is_inside {
            self.bus.read_bytes(memory::DEVICE + address, out);
        }
        is_inside
    }

    fn write_memory(&mut self, address: u32, data: &[u8]) -> bool {
        let is_inside = self.is_inside(address, data.len());
        if is_inside {
            self.bus.write_bytes(memory::DEVICE + address, data);
        }
        is_inside
    }

    fn interrupt(&mut self) -> bool {
        let ended = register::STATUS_HALTED | register::STATUS_TRAPPED;
        self.read_register(register::STATUS) & ended != 0
    }

    fn step(&mut self) {}

    fn restart(&mut self) {
        self.bus.write(memory::SYSTEM + system::TENSOR_RESET, system::TENSOR_RESET_KEY);
    }

    /// Device memory keeps its contents here, too: nobody may rely on them.
    fn reset(&mut self) {
        self.restart();
    }
}
