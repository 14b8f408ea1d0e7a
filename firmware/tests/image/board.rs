//! A stick without gateware: RAM, and registers that behave as `myelin_isa::stick` says. What takes time there is done at once here.

use std::collections::VecDeque;

use myelin_firmware::flash::MemoryFlash;
use myelin_firmware::{Core, Flash};
use myelin_isa::framing::{Checksum, SoftwareChecksum};
use myelin_isa::stick::{MAP_VERSION, flash, flash_command, memory, serial, system};
use myelin_isa::{Architecture, register};
use rvsim::{Clock, CpuError, CpuState, Interp, MemoryAccess, Op};

pub const CLOCK_HZ: u32 = 80_000_000;

/// What the flash was told since it was selected.
#[derive(Default)]
struct Spi {
    selected: bool,
    sent: Vec<u8>,
    received: u8,
    /// How often the flash will say that it is busy.
    dma_address: u32,
}

/// Peripherals and memories; device memory and cell are a core's.
pub struct Soc<C> {
    pub ram: Vec<u8>,
    pub core: C,
    pub flash: MemoryFlash,
    spi: Spi,
    pub to_stick: VecDeque<u8>,
    pub to_host: Vec<u8>,
    ring: [u32; 4],
    tx_address: u32,
    pub divisor: u32,
    crc: u32,
    pub watchdog_kicks: u64,
    pub leds: u32,
    pub reset_cause: u32,
    pub reset: bool,
    architecture: Architecture,
    /// Instructions executed, which stand for clocks, and rests.
    pub clocks: u64,
    /// When the timer's interrupt comes.
    compare: u64,
}

/// The trap vector, and which interrupts are enabled.
const MTVEC: u32 = 0x305;
const MIE: u32 = 0x304;
const WFI: u32 = 0x1050_0073;

const BASE: usize = 0;
const SIZE: usize = 1;
const HEAD: usize = 2;
const TAIL: usize = 3;

impl<C: Core> Soc<C> {
    pub fn new(architecture: Architecture, core: C, flash: MemoryFlash) -> Soc<C> {
        Soc {
            ram: vec![0; 0x2_0000],
            core,
            flash,
            spi: Spi::default(),
            to_stick: VecDeque::new(),
            to_host: Vec::new(),
            ring: [0; 4],
            tx_address: 0,
            divisor: 0,
            crc: 0,
            watchdog_kicks: 0,
            leds: 0,
            reset_cause: system::RESET_POWER,
            reset: false,
            architecture,
            clocks: 0,
            compare: u64::MAX,
        }
    }

    /// What tells most when nothing comes.
    pub fn state(&self) -> String {
        let (lights, kicks, ring) = (self.leds, self.watchdog_kicks, self.ring);
        let waiting = self.to_stick.len();
        format!(
            "lights {lights:#x}, {kicks} kicks, ring {ring:x?}, {waiting} bytes wait, {} operations of the flash",
            self.flash.operations()
        )
    }

    fn byte(&mut self, address: u32) -> u8 {
        let mut byte = [0];
        match address {
            memory::DEVICE.. => drop(self.core.read_memory(address - memory::DEVICE, &mut byte)),
            _ => byte[0] = self.ram.get(address as usize).copied().unwrap_or(0),
        }
        byte[0]
    }

    fn set_byte(&mut self, address: u32, byte: u8) {
        match address {
            memory::DEVICE.. => assert!(self.core.write_memory(address - memory::DEVICE, &[byte]), "{address:#x}"),
            _ => self.ram[address as usize] = byte,
        }
    }

    /// The receive DMA.
    fn fill_ring(&mut self) {
        // Counters of 16 bits.
        while self.ring[SIZE] > 0 && (self.ring[HEAD].wrapping_sub(self.ring[TAIL]) & 0xffff) < self.ring[SIZE] {
            let Some(byte) = self.to_stick.pop_front() else { break };
            self.set_byte(self.ring[BASE] + self.ring[HEAD] % self.ring[SIZE], byte);
            self.ring[HEAD] = (self.ring[HEAD] + 1) & 0xffff;
        }
    }

    fn read_register(&mut self, address: u32) -> u32 {
        match (address & !(memory::BLOCK_BYTES - 1), address & (memory::BLOCK_BYTES - 1)) {
            (memory::SERIAL, serial::RX_HEAD) => {
                self.fill_ring();
                self.ring[HEAD]
            }
            (memory::SERIAL, serial::STATUS) => serial::STATUS_TX_READY | serial::STATUS_TX_IDLE,
            (memory::FLASH, flash::DATA) => u32::from(self.spi.received),
            (memory::SYSTEM, register) => self.read_system(register),
            _ if (memory::TENSOR..memory::TENSOR + register::END).contains(&address) => {
                // A cell in hardware goes on by itself.
                self.core.step();
                self.core.read_register(address - memory::TENSOR)
            }
            _ => 0,
        }
    }

    fn read_system(&mut self, register: u32) -> u32 {
        const ARCHITECTURE_END: u32 = system::ARCHITECTURE + 4 * Architecture::WORDS as u32;
        match register {
            system::ID => system::ID_VALUE,
            system::MAP_VERSION => MAP_VERSION,
            system::BOARD => 1,
            system::CLOCK_HZ => CLOCK_HZ,
            system::SPECIFICATION_LOW => self.architecture.specification() as u32,
            system::SPECIFICATION_HIGH => (self.architecture.specification() >> 32) as u32,
            system::DEVICE_BYTES => self.core.memory_bytes(),
            system::BUILD => 0xb01d,
            system::TIME_LOW => self.clocks as u32,
            system::TIME_HIGH => (self.clocks >> 32) as u32,
            system::RESET_CAUSE => self.reset_cause,
            system::CRC => self.crc,
            system::ARCHITECTURE..ARCHITECTURE_END => {
                self.architecture.to_words()[((register - system::ARCHITECTURE) / 4) as usize]
            }
            _ => 0,
        }
    }

    fn write_register(&mut self, address: u32, value: u32) {
        match (address & !(memory::BLOCK_BYTES - 1), address & (memory::BLOCK_BYTES - 1)) {
            (memory::SERIAL, register) => self.write_serial(register, value),
            (memory::FLASH, register) => self.write_flash(register, value),
            (memory::SYSTEM, register) => self.write_system(register, value),
            _ if (memory::TENSOR..memory::TENSOR + register::END).contains(&address) => {
                self.core.write_register(address - memory::TENSOR, value);
            }
            _ => {}
        }
    }

    fn write_serial(&mut self, register: u32, value: u32) {
        match register {
            serial::DIVISOR => self.divisor = value,
            serial::RX_BASE => self.ring[BASE] = value,
            serial::RX_SIZE => {
                assert!(value.is_power_of_two() && (64..=32768).contains(&value));
                self.ring = [self.ring[BASE], value, 0, 0];
            }
            serial::RX_TAIL => self.ring[TAIL] = value,
            serial::TX_ADDRESS => self.tx_address = value,
            serial::TX_LENGTH => {
                let bytes: Vec<u8> = (0..value).map(|offset| self.byte(self.tx_address + offset)).collect();
                self.to_host.extend(bytes);
            }
            _ => {}
        }
    }

    fn write_flash(&mut self, register: u32, value: u32) {
        match register {
            flash::CONTROL => {
                let selected = value & flash::CONTROL_SELECT != 0;
                if self.spi.selected && !selected {
                    self.end_command();
                }
                self.spi.selected = selected;
            }
            flash::DATA => {
                assert!(self.spi.selected);
                self.spi.sent.push(value as u8);
                self.spi.received = self.answer(self.spi.sent.len() - 1);
            }
            flash::DMA_ADDRESS => self.spi.dma_address = value,
            flash::DMA_LENGTH => {
                for offset in 0..value {
                    self.spi.sent.push(0);
                    let byte = self.answer(self.spi.sent.len() - 1);
                    self.set_byte(self.spi.dma_address + offset, byte);
                }
            }
            _ => {}
        }
    }

    fn flash_address(&self) -> u32 {
        self.spi.sent[1..4].iter().fold(0, |address, &byte| address << 8 | u32::from(byte))
    }

    /// What the flash says while it is sent the byte at a place of a command.
    fn answer(&mut self, place: usize) -> u8 {
        match (u32::from(self.spi.sent[0]), place) {
            (flash_command::READ, 4..) => {
                let mut byte = [0];
                self.flash.read(self.flash_address() + place as u32 - 4, &mut byte);
                byte[0]
            }
            (flash_command::STATUS, 1) => u8::from(self.flash.is_busy()),
            (flash_command::IDENTIFY, 1..4) => [0x9d, 0x60, self.flash.bytes().trailing_zeros() as u8][place - 1],
            _ => 0xff,
        }
    }

    fn end_command(&mut self) {
        let sent = std::mem::take(&mut self.spi.sent);
        self.spi.sent.clone_from(&sent);
        match sent.first().map(|&command| u32::from(command)) {
            Some(flash_command::PROGRAM) => drop(self.flash.program(self.flash_address(), &sent[4..])),
            Some(flash_command::ERASE_4K) => self.flash.erase(self.flash_address()),
            Some(flash_command::ERASE_64K) => self.flash.erase_block(self.flash_address()),
            _ => {}
        }
        self.spi.sent.clear();
    }

    /// Time passes until the timer's interrupt.
    fn rest(&mut self) {
        let left = self.compare.saturating_sub(self.clocks);
        assert!(left <= u64::from(CLOCK_HZ / 1000), "a rest of {left} clocks, more than a millisecond");
        self.clocks += left;
    }

    fn word(&mut self, address: u32) -> u32 {
        (0..4).rev().fold(0, |word, offset| word << 8 | u32::from(self.byte(address + offset)))
    }

    fn write_system(&mut self, register: u32, value: u32) {
        match register {
            system::WATCHDOG if value == system::WATCHDOG_KICK => self.watchdog_kicks += 1,
            system::LEDS => self.leds = value,
            system::COMPARE_LOW => self.compare = self.compare >> 32 << 32 | u64::from(value),
            system::COMPARE_HIGH => self.compare = self.compare & 0xffff_ffff | u64::from(value) << 32,
            system::REBOOT if value == system::REBOOT_RESET || value == system::REBOOT_BITSTREAM => {
                (self.reset, self.reset_cause) = (true, system::RESET_SOFTWARE);
            }
            system::CRC => self.crc = value,
            system::CRC_BYTE => self.crc = SoftwareChecksum.update(self.crc, &[value as u8]),
            system::CRC_WORD => self.crc = SoftwareChecksum.update(self.crc, &value.to_le_bytes()),
            _ => {}
        }
    }
}

#[repr(align(8))]
struct Aligned([u8; 8]);

impl<C: Core> rvsim::Memory for Soc<C> {
    fn access<T: Copy>(&mut self, address: u32, access: MemoryAccess<T>) -> bool {
        if address < self.ram.len() as u32 {
            return rvsim::Memory::access(&mut self.ram[..], address, access);
        }
        let size = size_of::<T>() as u32;
        let in_registers = address < memory::DEVICE;
        if in_registers && (size != 4 || !address.is_multiple_of(4)) {
            return false;
        }
        // The simulator reads words through pointers.
        let mut aligned = Aligned([0; 8]);
        let bytes = &mut aligned.0;
        match &access {
            MemoryAccess::Store(_) => {
                let done = rvsim::Memory::access(&mut bytes[..], 0, access);
                if in_registers {
                    self.write_register(address, u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
                    return done;
                }
                done && self.core.write_memory(address - memory::DEVICE, &bytes[..size as usize])
            }
            _ => {
                if in_registers {
                    bytes[..4].copy_from_slice(&self.read_register(address).to_le_bytes());
                } else if !self.core.read_memory(address - memory::DEVICE, &mut bytes[..size as usize]) {
                    return false;
                }
                rvsim::Memory::access(&mut bytes[..], 0, access)
            }
        }
    }
}

/// A clock that nobody reads.
struct NoClock;

impl Clock for NoClock {
    fn read_cycle(&self) -> u64 {
        0
    }
    fn read_time(&self) -> u64 {
        0
    }
    fn read_instret(&self) -> u64 {
        0
    }
    fn progress(&mut self, _: &Op) {}
    fn check_quota(&self) -> bool {
        true
    }
}

/// A board that runs.
pub struct Machine<C> {
    pub soc: Soc<C>,
    cpu: CpuState,
    /// The lowest stack pointer in RAM above boot memory.
    pub stack_low: u32,
    /// The lowest in boot memory.
    pub boot_stack_low: u32,
}

impl<C: Core> Machine<C> {
    pub fn new(soc: Soc<C>) -> Machine<C> {
        Machine { soc, cpu: CpuState::new(memory::RESET), stack_low: u32::MAX, boot_stack_low: u32::MAX }
    }

    /// Where it is.
    pub fn pc(&self) -> u32 {
        self.cpu.pc
    }

    /// Executes so many instructions.
    pub fn run(&mut self, instructions: u64) {
        for _ in 0..instructions {
            self.soc.clocks += 1;
            let pc = self.cpu.pc;
            let step = Interp::new(&mut self.cpu, &mut self.soc, &mut NoClock).step();
            match step {
                Ok(_) => {}
                // The simulator has no machine mode: the image sets the trap vector, and rests until the timer. A write to the cycle
                // counter is how a panic is compiled.
                Err((
                    CpuError::IllegalInstruction,
                    Some(Op::Csrrw { csr: MTVEC, .. } | Op::Csrrs { csr: MIE, .. }),
                )) => self.cpu.pc = pc + 4,
                Err((CpuError::IllegalInstruction, None)) if self.soc.word(pc) == WFI => {
                    self.soc.rest();
                    self.cpu.pc = pc + 4;
                }
                Err((error, op)) => panic!("{error:?} at {pc:#x}: {op:?}"),
            }
            if self.cpu.x[2] > memory::BOOT_BYTES {
                self.stack_low = self.stack_low.min(self.cpu.x[2]);
            } else if self.cpu.x[2] > 0 {
                self.boot_stack_low = self.boot_stack_low.min(self.cpu.x[2]);
            }
            if std::mem::take(&mut self.soc.reset) {
                self.cpu = CpuState::new(memory::RESET);
            }
        }
    }
}
