//! The machine: what it holds, and one step of it.

use crate::memory::Memory;

use super::csrs::Csrs;
use super::trap::{Interrupt, Trap};

/// What is there besides RV32I and machine mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Extensions {
    /// The instructions of M.
    pub multiply: bool,
    /// mcycle and minstret.
    pub counters: bool,
}

/// The levels of the interrupt inputs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lines {
    /// mip.MTIP.
    pub timer: bool,
    /// mip.MEIP.
    pub external: bool,
}

/// A load or store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// It stores.
    pub writes: bool,
    /// Byte address.
    pub address: u32,
    /// Bytes of the word that were accessed, bit 0 the lowest.
    pub mask: u8,
    /// The word: read, or with the bytes written at their places and 0 elsewhere.
    pub word: u32,
}

/// What one step did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Retired {
    /// Address of the instruction.
    pub pc: u32,
    /// Address of the next.
    pub next_pc: u32,
    /// The instruction; `None` if it was not fetched.
    pub instruction: Option<u32>,
    /// The register written, never 0, and with what.
    pub register: Option<(usize, u32)>,
    /// A load or store.
    pub access: Option<Access>,
    /// The trap taken in its place.
    pub trap: Option<Trap>,
}

/// A hart in machine mode.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Machine {
    /// Registers; the first is always 0.
    pub registers: [u32; 32],
    /// Address of the next instruction.
    pub pc: u32,
    /// Control and status registers.
    pub csrs: Csrs,
    pub(super) has: Extensions,
}

/// What an instruction does beside going on to the next.
#[derive(Default)]
pub(super) struct Effect {
    pub(super) register: Option<(usize, u32)>,
    pub(super) access: Option<Access>,
    pub(super) next_pc: Option<u32>,
    /// It wrote minstret, which then does not count it.
    pub(super) wrote_instret: bool,
}

impl Machine {
    /// A machine at its first instruction; registers and CSRs are 0.
    pub fn new(reset_vector: u32, has: Extensions) -> Machine {
        Machine { registers: [0; 32], pc: reset_vector, csrs: Csrs::default(), has }
    }

    /// The interrupt to be taken before the next instruction: the external one first.
    pub fn interrupt(&self, lines: Lines) -> Option<Interrupt> {
        if !self.csrs.interrupts_enabled {
            return None;
        }
        match (lines.external && self.csrs.external_enabled, lines.timer && self.csrs.timer_enabled) {
            (true, _) => Some(Interrupt::External),
            (false, true) => Some(Interrupt::Timer),
            (false, false) => None,
        }
    }

    /// Takes the interrupt that is due, or else executes an instruction.
    pub fn step(&mut self, memory: &mut impl Memory, lines: Lines) -> Retired {
        match self.interrupt(lines) {
            Some(interrupt) => self.take(interrupt),
            None => self.execute(memory, lines),
        }
    }

    /// Takes an interrupt in the place of the next instruction.
    pub fn take(&mut self, interrupt: Interrupt) -> Retired {
        self.enter(Trap::new(interrupt.cause()), None)
    }

    /// Executes one instruction, or takes the trap that it causes.
    pub fn execute(&mut self, memory: &mut impl Memory, lines: Lines) -> Retired {
        let pc = self.pc;
        let Ok(instruction) = memory.read(pc) else {
            return self.enter(Trap::at(super::Cause::InstructionAccessFault, pc), None);
        };
        match self.perform(instruction, memory, lines) {
            Err(trap) => self.enter(trap, Some(instruction)),
            Ok(effect) => {
                if let Some((index, value)) = effect.register {
                    self.registers[index] = value;
                }
                self.registers[0] = 0;
                if !effect.wrote_instret {
                    self.csrs.minstret = self.csrs.minstret.wrapping_add(1);
                }
                self.pc = effect.next_pc.unwrap_or(pc.wrapping_add(4));
                let register = effect.register.filter(|&(index, _)| index != 0);
                let instruction = Some(instruction);
                Retired { pc, next_pc: self.pc, instruction, register, access: effect.access, trap: None }
            }
        }
    }

    fn enter(&mut self, trap: Trap, instruction: Option<u32>) -> Retired {
        let pc = self.pc;
        let csrs = &mut self.csrs;
        csrs.mepc = pc;
        csrs.mcause = trap.cause as u32;
        csrs.mtval = trap.value;
        csrs.previously_enabled = csrs.interrupts_enabled;
        csrs.interrupts_enabled = false;
        self.pc = csrs.mtvec;
        Retired { pc, next_pc: self.pc, instruction, register: None, access: None, trap: Some(trap) }
    }
}
