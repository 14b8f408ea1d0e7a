//! One instruction: fields, and what each opcode does with them.

use crate::memory::Memory;

use super::hart::{Access, Effect, Lines, Machine};
use super::integer::{arithmetic, condition, multiplication};
use super::trap::{Cause, Trap};

/// The fields of an instruction, whatever its format.
struct Fields {
    word: u32,
    rd: usize,
    rs1: usize,
    rs2: usize,
    funct3: u32,
    funct7: u32,
}

impl Fields {
    fn of(word: u32) -> Fields {
        let register = |low: u32| (word >> low & 31) as usize;
        let (rd, rs1, rs2) = (register(7), register(15), register(20));
        Fields { word, rd, rs1, rs2, funct3: word >> 12 & 7, funct7: word >> 25 }
    }

    fn signed(&self) -> i32 {
        self.word as i32
    }

    fn i(&self) -> u32 {
        (self.signed() >> 20) as u32
    }

    fn s(&self) -> u32 {
        (self.signed() >> 25 << 5) as u32 | self.word >> 7 & 0x1f
    }

    fn b(&self) -> u32 {
        let word = self.word;
        (self.signed() >> 31 << 12) as u32 | (word >> 7 & 1) << 11 | (word >> 25 & 0x3f) << 5 | (word >> 8 & 0xf) << 1
    }

    fn u(&self) -> u32 {
        self.word & 0xffff_f000
    }

    fn j(&self) -> u32 {
        let word = self.word;
        let high = (self.signed() >> 31 << 20) as u32;
        high | word & 0x000f_f000 | (word >> 20 & 1) << 11 | (word >> 21 & 0x3ff) << 1
    }
}

const ILLEGAL: Trap = Trap { cause: Cause::IllegalInstruction, value: 0 };

impl Machine {
    /// What the instruction does, if it does not trap. Memory is changed here, registers by the caller.
    pub(super) fn perform(&mut self, word: u32, memory: &mut impl Memory, lines: Lines) -> Result<Effect, Trap> {
        let f = Fields::of(word);
        let (a, b, pc) = (self.registers[f.rs1], self.registers[f.rs2], self.pc);
        let writes = |value: u32| Effect { register: Some((f.rd, value)), ..Effect::default() };
        match word & 0x7f {
            0x37 => Ok(writes(f.u())),
            0x17 => Ok(writes(pc.wrapping_add(f.u()))),
            0x6f => jump(pc.wrapping_add(f.j()), writes(pc.wrapping_add(4))),
            0x67 if f.funct3 == 0 => jump(a.wrapping_add(f.i()) & !1, writes(pc.wrapping_add(4))),
            0x63 => match condition(f.funct3, a, b).ok_or(ILLEGAL)? {
                true => jump(pc.wrapping_add(f.b()), Effect::default()),
                false => Ok(Effect::default()),
            },
            0x03 => load(&f, a.wrapping_add(f.i()), memory),
            0x23 => store(&f, a.wrapping_add(f.s()), b, memory),
            0x13 => match (f.funct3, f.funct7) {
                (1, 0) | (5, 0x00 | 0x20) => Ok(writes(arithmetic(f.funct3, f.funct7 != 0, a, f.rs2 as u32))),
                (1 | 5, _) => Err(ILLEGAL),
                _ => Ok(writes(arithmetic(f.funct3, false, a, f.i()))),
            },
            0x33 => match (f.funct3, f.funct7) {
                (_, 0) => Ok(writes(arithmetic(f.funct3, false, a, b))),
                (0 | 5, 0x20) => Ok(writes(arithmetic(f.funct3, true, a, b))),
                (_, 1) if self.has.multiply => Ok(writes(multiplication(f.funct3, a, b))),
                _ => Err(ILLEGAL),
            },
            // FENCE and FENCE.I: memory is in order as it is.
            0x0f if f.funct3 <= 1 => Ok(Effect::default()),
            0x73 => self.system(&f, lines),
            _ => Err(ILLEGAL),
        }
    }

    fn system(&mut self, f: &Fields, lines: Lines) -> Result<Effect, Trap> {
        match f.word {
            0x0000_0073 => return Err(Trap::new(Cause::EnvironmentCall)),
            0x0010_0073 => return Err(Trap::new(Cause::Breakpoint)),
            0x3020_0073 => {
                self.csrs.interrupts_enabled = self.csrs.previously_enabled;
                self.csrs.previously_enabled = true;
                return Ok(Effect { next_pc: Some(self.csrs.mepc), ..Effect::default() });
            }
            // WFI may go on at once.
            0x1050_0073 => return Ok(Effect::default()),
            _ => {}
        }
        let number = f.word >> 20;
        // Funct3 bit 2: the operand is the field itself.
        let operand = if f.funct3 & 4 != 0 { f.rs1 as u32 } else { self.registers[f.rs1] };
        let read_only = number >> 10 == 3;
        let writes = f.funct3 & 3 == 1 || f.rs1 != 0;
        if f.funct3 & 3 == 0 || (writes && read_only) {
            return Err(ILLEGAL);
        }
        let old = self.csrs.read(number, self.has, lines).ok_or(ILLEGAL)?;
        if writes {
            let new = match f.funct3 & 3 {
                1 => operand,
                2 => old | operand,
                _ => old & !operand,
            };
            self.csrs.write(number, new);
        }
        let wrote_instret = writes && matches!(number, 0xb02 | 0xb82);
        Ok(Effect { register: Some((f.rd, old)), wrote_instret, ..Effect::default() })
    }
}

fn jump(target: u32, effect: Effect) -> Result<Effect, Trap> {
    if target.is_multiple_of(4) {
        Ok(Effect { next_pc: Some(target), ..effect })
    } else {
        Err(Trap::at(Cause::InstructionAddressMisaligned, target))
    }
}

fn load(f: &Fields, address: u32, memory: &mut impl Memory) -> Result<Effect, Trap> {
    let size = match f.funct3 {
        0 | 4 => 1,
        1 | 5 => 2,
        2 => 4,
        _ => return Err(ILLEGAL),
    };
    if !address.is_multiple_of(size) {
        return Err(Trap::at(Cause::LoadAddressMisaligned, address));
    }
    let word = memory.read(address & !3).map_err(|_| Trap::at(Cause::LoadAccessFault, address))?;
    let moved = word >> (8 * (address & 3));
    let value = match f.funct3 {
        0 => moved as u8 as i8 as u32,
        1 => moved as u16 as i16 as u32,
        2 => moved,
        4 => u32::from(moved as u8),
        _ => u32::from(moved as u16),
    };
    let access = Access { writes: false, address, mask: mask(address, size), word };
    Ok(Effect { register: Some((f.rd, value)), access: Some(access), ..Effect::default() })
}

fn store(f: &Fields, address: u32, value: u32, memory: &mut impl Memory) -> Result<Effect, Trap> {
    let size = match f.funct3 {
        0 => 1,
        1 => 2,
        2 => 4,
        _ => return Err(ILLEGAL),
    };
    if !address.is_multiple_of(size) {
        return Err(Trap::at(Cause::StoreAddressMisaligned, address));
    }
    let kept = if size == 4 { value } else { value & ((1 << (8 * size)) - 1) };
    let (mask, word) = (mask(address, size), kept << (8 * (address & 3)));
    memory.write(address & !3, mask, word).map_err(|_| Trap::at(Cause::StoreAccessFault, address))?;
    Ok(Effect { access: Some(Access { writes: true, address, mask, word }), ..Effect::default() })
}

/// The bytes of a word that an access of `size` bytes touches.
fn mask(address: u32, size: u32) -> u8 {
    (((1u32 << size) - 1) << (address & 3)) as u8
}
