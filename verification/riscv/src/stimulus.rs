//! What a core under test meets: instructions drawn as it fetches them, waits on the bus, interrupts.
//!
//! Everything follows from one seed. Instructions are drawn with the registers in sight, so that most
//! accesses are aligned and answered, and most of the rest are wrong in one way only.

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::encode;
use crate::machine::{Lines, Machine};
use crate::memory::SparseMemory;

/// How the bus and the interrupt lines behave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Manners {
    /// The most cycles that a request waits.
    pub wait_cycles_max: u32,
    /// Of a thousand cycles, those in which an interrupt line changes.
    pub line_changes_per_mille: u32,
}

/// The source of everything random in one run.
pub struct Stimulus {
    random: ChaCha8Rng,
    manners: Manners,
    multiplies: bool,
}

/// CSRs that are drawn, those that do much more than once.
const CSRS: [u32; 28] = [
    0x300, 0x300, 0x300, 0x304, 0x304, 0x304, 0x305, 0x340, 0x340, 0x341, 0x341, 0x342, 0x342, 0x343, 0x343, 0x344,
    0x344, 0x301, 0xf11, 0xf12, 0xf13, 0xf14, 0xf15, 0xb00, 0xb02, 0xb80, 0xb82, 0xc00,
];

/// Values that find mistakes.
const CORNERS: [u32; 12] =
    [0, 1, 2, 0x7f, 0x80, 0xffff, 0x8000, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_fffe, 0xffff_ffff];

impl Stimulus {
    /// What follows from `seed`; with instructions of M where the core has them, and now and then elsewhere.
    pub fn new(seed: u64, manners: Manners, multiplies: bool) -> Stimulus {
        Stimulus { random: ChaCha8Rng::seed_from_u64(seed), manners, multiplies }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    /// A register's first value.
    pub fn value(&mut self) -> u32 {
        match self.random.random_range(0..4) {
            0 => *CORNERS.choose(&mut self.random).unwrap_or(&0),
            1 => self.random.random::<u32>() & !3,
            _ => self.random.random(),
        }
    }

    /// A word address that `memory` answers, if one is found in a few tries.
    pub fn answered_address(&mut self, memory: &SparseMemory) -> u32 {
        let mut address = 0;
        for _ in 0..32 {
            address = self.random.random::<u32>() & !3;
            if !memory.refuses(address) {
                break;
            }
        }
        address
    }

    /// Cycles that the next request waits.
    pub fn wait_cycles(&mut self) -> u32 {
        let most = self.manners.wait_cycles_max;
        if self.chance(60) { most.min(1) } else { self.random.random_range(0..=most) }
    }

    /// The interrupt lines in the next cycle.
    pub fn lines(&mut self, lines: Lines) -> Lines {
        let mut changes = |level: bool| {
            let change = self.random.random_range(0..1000) < self.manners.line_changes_per_mille;
            level != change
        };
        Lines { timer: changes(lines.timer), external: changes(lines.external) }
    }

    /// Whether `word`, which is fetched again, is drawn anew. A WFI always: it might wait for ever now.
    pub fn draws_anew(&mut self, word: u32) -> bool {
        word == encode::WFI || self.chance(70)
    }

    /// The instruction at `pc`.
    pub fn instruction(&mut self, machine: &Machine, memory: &SparseMemory, pc: u32) -> u32 {
        let instruction = match self.random.random_range(0..100) {
            0..=33 => self.arithmetic(),
            34..=39 => self.upper(),
            40..=51 => self.access(machine, memory, Direction::Load),
            52..=61 => self.access(machine, memory, Direction::Store),
            62..=73 => self.branch(),
            74..=76 => encode::jal(self.register(), self.offset(20)),
            77..=80 => self.indirect(machine, memory, pc),
            81..=89 => self.csr(),
            90..=92 => encode::MRET,
            93 => encode::ECALL,
            94 => encode::EBREAK,
            95 => self.wait_or_fence(machine),
            _ => self.random.random(),
        };
        // One bit wrong: what hides next to a legal instruction.
        if self.chance(3) { instruction ^ 1 << self.random.random_range(0..32) } else { instruction }
    }

    fn register(&mut self) -> u32 {
        let few = self.chance(50);
        self.random.random_range(0..if few { 6 } else { 32 })
    }

    fn arithmetic(&mut self) -> u32 {
        let [rd, rs1, rs2] = [self.register(), self.register(), self.register()];
        let funct3 = self.random.random_range(0..8);
        let alternative = u32::from(matches!(funct3, 0 | 5) && self.chance(50)) << 5;
        let of_multiply = if self.multiplies { 30 } else { 3 };
        if self.chance(of_multiply) {
            encode::op(funct3, 1, rd, rs1, rs2)
        } else if self.chance(50) {
            encode::op(funct3, alternative, rd, rs1, rs2)
        } else if matches!(funct3, 1 | 5) {
            let high = if funct3 == 5 { alternative } else { 0 };
            encode::i(0x13, funct3, rd, rs1, (high << 5 | rs2) as i32)
        } else {
            encode::i(0x13, funct3, rd, rs1, self.random.random_range(-2048..2048))
        }
    }

    fn upper(&mut self) -> u32 {
        let (rd, value) = (self.register(), self.value());
        if self.chance(50) { encode::lui(rd, value) } else { encode::auipc(rd, value) }
    }

    /// A signed offset of `bits` bits, seldom not a multiple of 4.
    fn offset(&mut self, bits: u32) -> i32 {
        let far = self.chance(30);
        let limit = if far { 1 << (bits - 1) } else { 64 };
        let offset = self.random.random_range(-limit..limit);
        if self.chance(94) { offset & !3 } else { offset & !1 }
    }

    fn access(&mut self, machine: &Machine, memory: &SparseMemory, direction: Direction) -> u32 {
        let (funct3, legal) = match direction {
            Direction::Load => ([0, 1, 2, 2, 4, 5], self.chance(98)),
            Direction::Store => ([0, 0, 1, 1, 2, 2], self.chance(98)),
        };
        let funct3 =
            if legal { *funct3.choose(&mut self.random).unwrap_or(&2) } else { self.random.random_range(0..8) };
        let register = self.register();
        let must = self.chance(92);
        let mut instruction = 0;
        for _ in 0..24 {
            let base = self.register();
            let offset = self.random.random_range(-2048..2048);
            instruction = match direction {
                Direction::Load => encode::load(funct3, register, base, offset),
                Direction::Store => encode::store(funct3, register, base, offset),
            };
            let address = machine.registers[base as usize].wrapping_add_signed(offset);
            if !must || (address % (1 << (funct3 & 3)) == 0 && !memory.refuses(address)) {
                break;
            }
        }
        instruction
    }

    fn branch(&mut self) -> u32 {
        let funct3 = if self.chance(97) { [0, 1, 4, 5, 6, 7][self.random.random_range(0..6)] } else { 2 };
        let rs1 = self.register();
        let rs2 = if self.chance(15) { rs1 } else { self.register() };
        encode::branch(funct3, rs1, rs2, self.offset(13))
    }

    fn indirect(&mut self, machine: &Machine, memory: &SparseMemory, pc: u32) -> u32 {
        let rd = self.register();
        let must = self.chance(92);
        for _ in 0..24 {
            let base = self.register();
            let offset = self.random.random_range(-2048..2048);
            let target = machine.registers[base as usize].wrapping_add_signed(offset) & !1;
            if !must || (target % 4 == 0 && !memory.refuses(target)) {
                return encode::jalr(rd, base, offset);
            }
        }
        // No register leads anywhere: one is made to.
        encode::auipc(rd, pc & 0xff00_0000)
    }

    fn csr(&mut self) -> u32 {
        if self.chance(25) {
            // Interrupts are disabled by every trap: let them be enabled often.
            return encode::csr(6, 0, 0x300, 8);
        }
        let number = if self.chance(95) {
            *CSRS.choose(&mut self.random).unwrap_or(&0x300)
        } else {
            self.random.random_range(0..4096)
        };
        let funct3 = [1, 2, 3, 5, 6, 7][self.random.random_range(0..6)];
        let (rd, source) = (self.register(), self.register());
        // A new mtvec seldom leads anywhere good.
        let reads_only = number == 0x305 && self.chance(80);
        if reads_only { encode::csr(2, rd, number, 0) } else { encode::csr(funct3, rd, number, source) }
    }

    fn wait_or_fence(&mut self, machine: &Machine) -> u32 {
        let wakes = machine.csrs.timer_enabled || machine.csrs.external_enabled;
        let changes = self.manners.line_changes_per_mille > 0;
        if wakes && changes && self.chance(60) {
            encode::WFI
        } else {
            encode::i(0x0f, self.random.random_range(0..2), 0, 0, 0xff)
        }
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Load,
    Store,
}
