//! Control and status registers.

use super::hart::{Extensions, Lines};

/// What the machine-mode registers hold. Fields that software cannot change are not here.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Csrs {
    /// mstatus.MIE: interrupts are enabled.
    pub interrupts_enabled: bool,
    /// mstatus.MPIE: they were when the trap was taken.
    pub previously_enabled: bool,
    /// mie.MTIE.
    pub timer_enabled: bool,
    /// mie.MEIE.
    pub external_enabled: bool,
    /// mtvec: a word address, direct mode.
    pub mtvec: u32,
    /// mscratch.
    pub mscratch: u32,
    /// mepc: a word address.
    pub mepc: u32,
    /// mcause: interrupt bit and four bits of code.
    pub mcause: u32,
    /// mtval.
    pub mtval: u32,
    /// mcycle.
    pub mcycle: u64,
    /// minstret.
    pub minstret: u64,
}

const MTIP: u32 = 1 << 7;
const MEIP: u32 = 1 << 11;
const MIE: u32 = 1 << 3;
const MPIE: u32 = 1 << 7;
/// mstatus.MPP: machine mode is all there is.
const MPP: u32 = 3 << 11;

fn bit(set: bool, mask: u32) -> u32 {
    if set { mask } else { 0 }
}

impl Csrs {
    /// What `number` reads; `None` if there is no such register.
    pub(super) fn read(&self, number: u32, has: Extensions, lines: Lines) -> Option<u32> {
        Some(match number {
            0x300 => bit(self.interrupts_enabled, MIE) | bit(self.previously_enabled, MPIE) | MPP,
            0x301 => 0x4000_0000 | 1 << 8 | bit(has.multiply, 1 << 12),
            0x304 => bit(self.timer_enabled, MTIP) | bit(self.external_enabled, MEIP),
            0x305 => self.mtvec,
            0x340 => self.mscratch,
            0x341 => self.mepc,
            0x342 => self.mcause,
            0x343 => self.mtval,
            0x344 => bit(lines.timer, MTIP) | bit(lines.external, MEIP),
            0xb00 if has.counters => self.mcycle as u32,
            0xb02 if has.counters => self.minstret as u32,
            0xb80 if has.counters => (self.mcycle >> 32) as u32,
            0xb82 if has.counters => (self.minstret >> 32) as u32,
            // mvendorid, marchid, mimpid, mhartid, mconfigptr.
            0xf11..=0xf15 => 0,
            _ => return None,
        })
    }

    /// Writes `value` to the register `number`, which exists and is not read-only.
    pub(super) fn write(&mut self, number: u32, value: u32) {
        let low = |whole: u64| whole & !0xffff_ffff | u64::from(value);
        let high = |whole: u64| whole & 0xffff_ffff | u64::from(value) << 32;
        match number {
            0x300 => {
                self.interrupts_enabled = value & MIE != 0;
                self.previously_enabled = value & MPIE != 0;
            }
            0x304 => {
                self.timer_enabled = value & MTIP != 0;
                self.external_enabled = value & MEIP != 0;
            }
            0x305 => self.mtvec = value & !3,
            0x340 => self.mscratch = value,
            0x341 => self.mepc = value & !3,
            0x342 => self.mcause = value & 0x8000_000f,
            0x343 => self.mtval = value,
            0xb00 => self.mcycle = low(self.mcycle),
            0xb02 => self.minstret = low(self.minstret),
            0xb80 => self.mcycle = high(self.mcycle),
            0xb82 => self.minstret = high(self.minstret),
            // misa and mip: writes are ignored.
            _ => {}
        }
    }
}
