//! Instructions from their fields: for tests and random programs.

/// A register, 0 to 31.
pub type Register = u32;

/// Register format.
pub fn r(opcode: u32, funct3: u32, funct7: u32, rd: Register, rs1: Register, rs2: Register) -> u32 {
    funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode
}

/// Immediate format; the low 12 bits of the immediate count.
pub fn i(opcode: u32, funct3: u32, rd: Register, rs1: Register, immediate: i32) -> u32 {
    (immediate as u32) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode
}

/// Store format; the low 12 bits of the immediate count.
pub fn s(opcode: u32, funct3: u32, rs1: Register, rs2: Register, immediate: i32) -> u32 {
    let immediate = immediate as u32;
    (immediate >> 5 & 0x7f) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | (immediate & 0x1f) << 7 | opcode
}

/// Branch format; bits `[12:1]` of the offset count.
pub fn b(opcode: u32, funct3: u32, rs1: Register, rs2: Register, offset: i32) -> u32 {
    let offset = offset as u32;
    let high = (offset >> 12 & 1) << 31 | (offset >> 5 & 0x3f) << 25;
    let low = (offset >> 1 & 0xf) << 8 | (offset >> 11 & 1) << 7;
    high | rs2 << 20 | rs1 << 15 | funct3 << 12 | low | opcode
}

/// Upper-immediate format; the low 12 bits of the value are dropped.
pub fn u(opcode: u32, rd: Register, value: u32) -> u32 {
    value & 0xffff_f000 | rd << 7 | opcode
}

/// Jump format; bits `[20:1]` of the offset count.
pub fn j(opcode: u32, rd: Register, offset: i32) -> u32 {
    let offset = offset as u32;
    let high = (offset >> 20 & 1) << 31 | (offset >> 1 & 0x3ff) << 21;
    high | (offset >> 11 & 1) << 20 | offset & 0x000f_f000 | rd << 7 | opcode
}

/// LUI.
pub fn lui(rd: Register, value: u32) -> u32 {
    u(0x37, rd, value)
}

/// AUIPC.
pub fn auipc(rd: Register, value: u32) -> u32 {
    u(0x17, rd, value)
}

/// JAL.
pub fn jal(rd: Register, offset: i32) -> u32 {
    j(0x6f, rd, offset)
}

/// JALR.
pub fn jalr(rd: Register, rs1: Register, offset: i32) -> u32 {
    i(0x67, 0, rd, rs1, offset)
}

/// ADDI.
pub fn addi(rd: Register, rs1: Register, immediate: i32) -> u32 {
    i(0x13, 0, rd, rs1, immediate)
}

/// A register-and-register instruction of RV32I by funct3, or of M with funct7 1.
pub fn op(funct3: u32, funct7: u32, rd: Register, rs1: Register, rs2: Register) -> u32 {
    r(0x33, funct3, funct7, rd, rs1, rs2)
}

/// A load by funct3.
pub fn load(funct3: u32, rd: Register, rs1: Register, offset: i32) -> u32 {
    i(0x03, funct3, rd, rs1, offset)
}

/// A store by funct3.
pub fn store(funct3: u32, rs2: Register, rs1: Register, offset: i32) -> u32 {
    s(0x23, funct3, rs1, rs2, offset)
}

/// A branch by funct3.
pub fn branch(funct3: u32, rs1: Register, rs2: Register, offset: i32) -> u32 {
    b(0x63, funct3, rs1, rs2, offset)
}

/// A CSR instruction by funct3; `source` is a register or the immediate.
pub fn csr(funct3: u32, rd: Register, number: u32, source: u32) -> u32 {
    number << 20 | source << 15 | funct3 << 12 | rd << 7 | 0x73
}

/// ECALL.
pub const ECALL: u32 = 0x0000_0073;
/// EBREAK.
pub const EBREAK: u32 = 0x0010_0073;
/// MRET.
pub const MRET: u32 = 0x3020_0073;
/// WFI.
pub const WFI: u32 = 0x1050_0073;

/// Two instructions that load any constant.
pub fn li(rd: Register, value: u32) -> [u32; 2] {
    let low = (value as i32) << 20 >> 20;
    [lui(rd, value.wrapping_sub(low as u32)), addi(rd, rd, low)]
}
