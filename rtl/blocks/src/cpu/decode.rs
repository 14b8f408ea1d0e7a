//! What an instruction asks for. Every encoding that is not one of ours is illegal.

use myelin_hdl::{ModuleBuilder, Signal, choose, concat, mux, u};

use super::parameters::{CpuParameters, Multiply};

/// An instruction taken apart. Valid whether or not it is legal, so that legality may be late.
pub(super) struct Decoded {
    /// LB, LH, LW, LBU, LHU.
    pub load: Signal,
    /// SB, SH, SW.
    pub store: Signal,
    /// BEQ, BNE, BLT, BGE, BLTU, BGEU.
    pub branch: Signal,
    /// JAL.
    pub jal: Signal,
    /// JALR.
    pub jalr: Signal,
    /// LUI.
    pub lui: Signal,
    /// AUIPC.
    pub auipc: Signal,
    /// FENCE, FENCE.I: nothing to do.
    pub fence: Signal,
    /// Register and register.
    pub op: Signal,
    /// The same but those of M, and register and immediate.
    pub alu: Signal,
    /// SLL, SRL, SRA and their immediate forms.
    pub shift: Signal,
    /// The instructions of M.
    pub multiply: Signal,
    /// ECALL.
    pub ecall: Signal,
    /// EBREAK.
    pub ebreak: Signal,
    /// MRET.
    pub mret: Signal,
    /// WFI.
    pub wfi: Signal,
    /// CSRRW, CSRRS, CSRRC and their immediate forms, if the CSR allows.
    pub csr: Signal,
    /// Bits `[14:12]`.
    pub funct3: Signal,
    /// Bit 30, which tells SUB from ADD and SRA from SRL.
    pub alternative: Signal,
    /// Destination.
    pub rd: Signal,
    /// First source.
    pub rs1: Signal,
    /// Second source.
    pub rs2: Signal,
    /// The immediate, 32 bits.
    pub immediate: Signal,
    /// Not an instruction of this core.
    pub illegal: Signal,
}

/// Takes `instruction` apart; `csr_legal` says that its CSR exists and may be accessed so.
pub(super) fn decode(m: &ModuleBuilder, parameters: &CpuParameters, instruction: Signal, csr_legal: Signal) -> Decoded {
    let opcode = instruction.slice(2, 5);
    let is = |name: &str, code: i64| opcode.eq(code).named(name);
    let load = is("is_load", 0b00000);
    let fence = is("is_fence", 0b00011);
    let op_immediate = is("is_op_immediate", 0b00100);
    let auipc = is("is_auipc", 0b00101);
    let store = is("is_store", 0b01000);
    let op = is("is_op", 0b01100);
    let lui = is("is_lui", 0b01101);
    let branch = is("is_branch", 0b11000);
    let jalr = is("is_jalr", 0b11001);
    let jal = is("is_jal", 0b11011);
    let system = is("is_system", 0b11100);

    let funct3 = instruction.slice(12, 3);
    let funct7 = instruction.slice(25, 7);
    let multiplies = parameters.multiply() != Multiply::None;
    let multiply = if multiplies { op & funct7.bit(0) } else { m.constant(u(1), 0) }.named("is_multiply");
    let alu = ((op & !multiply) | op_immediate).named("is_alu");
    let shift = (alu & funct3.slice(0, 2).eq(0b01)).named("is_shift");

    let privileged =
        (system & funct3.eq(0) & instruction.slice(7, 5).eq(0) & instruction.slice(15, 5).eq(0)).named("is_privileged");
    let function = instruction.slice(20, 12);
    let ecall = (privileged & function.eq(0x000)).named("is_ecall");
    let ebreak = (privileged & function.eq(0x001)).named("is_ebreak");
    let mret = (privileged & function.eq(0x302)).named("is_mret");
    let wfi = (privileged & function.eq(0x105)).named("is_wfi");
    let csr = (system & funct3.slice(0, 2).any() & csr_legal).named("is_csr");

    let plain = funct7.eq(0);
    let alternate = funct7.eq(0b010_0000) & (funct3.eq(0b000) | funct3.eq(0b101));
    let immediate_shift = plain | (alternate & funct3.bit(2));
    let of_multiply = if multiplies { funct7.eq(1) } else { m.constant(u(1), 0) };
    let legal = (load & !(funct3.bit(1) & (funct3.bit(0) | funct3.bit(2))))
        | (fence & !funct3.slice(1, 2).any())
        | (op_immediate & (funct3.slice(0, 2).ne(0b01) | immediate_shift))
        | auipc
        | (store & !funct3.bit(2) & !funct3.slice(0, 2).all())
        | (op & (plain | alternate | of_multiply))
        | lui
        | (branch & (funct3.bit(2) | !funct3.bit(1)))
        | (jalr & funct3.eq(0))
        | jal
        | ecall
        | ebreak
        | mret
        | wfi
        | csr;
    let illegal = !(legal & instruction.slice(0, 2).all()).named("is_legal");

    Decoded {
        load,
        store,
        branch,
        jal,
        jalr,
        lui,
        auipc,
        fence,
        op,
        alu,
        shift,
        multiply,
        ecall,
        ebreak,
        mret,
        wfi,
        csr,
        funct3,
        alternative: instruction.bit(30),
        rd: instruction.slice(7, 5),
        rs1: instruction.slice(15, 5),
        rs2: instruction.slice(20, 5),
        immediate: immediate(m, instruction, &Formats { upper: lui | auipc, jal, branch, store, system }),
        illegal: illegal.named("is_illegal"),
    }
}

/// Which format the immediate has; I if none of these.
struct Formats {
    upper: Signal,
    jal: Signal,
    branch: Signal,
    store: Signal,
    system: Signal,
}

/// The immediate of any format; for CSR instructions bits `[19:15]`.
fn immediate(m: &ModuleBuilder, instruction: Signal, of: &Formats) -> Signal {
    let sign = (instruction.bit(31) & !of.system).named("immediate_sign");
    let copies = |count: u32| if count == 1 { sign } else { concat(&vec![sign; count as usize]) };
    let zero = |count: u32| m.constant(u(count), 0);
    let high = mux(of.upper, instruction.slice(20, 11), copies(11));
    let middle = mux(of.upper | of.jal, instruction.slice(12, 8), copies(8));
    let eleven =
        choose(sign).when(of.upper, 0).when(of.jal, instruction.bit(20)).when(of.branch, instruction.bit(7)).end();
    let ten_to_five = mux(of.upper | of.system, zero(6), instruction.slice(25, 6));
    let four_to_one = choose(instruction.slice(21, 4))
        .when(of.upper, 0)
        .when(of.system, instruction.slice(16, 4))
        .when(of.store | of.branch, instruction.slice(8, 4))
        .end();
    let lowest = choose(instruction.bit(20))
        .when(of.upper | of.jal | of.branch, 0)
        .when(of.system, instruction.bit(15))
        .when(of.store, instruction.bit(7))
        .end();
    concat(&[sign, high, middle, eleven, ten_to_five, four_to_one, lowest]).named("immediate")
}
