//! What an instruction asks for. Every encoding that is not one of ours is illegal.

use myelin_hdl::{ModuleBuilder, Register, Signal, choose, concat, mux, tree_reduce, u};

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
    /// Register and register but those of M, register and immediate.
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

/// The opcode of an instruction as one bit for each.
#[derive(Clone, Copy)]
pub(super) struct Classes<T = Signal> {
    pub load: T,
    pub fence: T,
    pub op_immediate: T,
    pub auipc: T,
    pub store: T,
    pub op: T,
    pub lui: T,
    pub branch: T,
    pub jalr: T,
    pub jal: T,
    pub system: T,
}

/// Names and opcodes, in the order of [`Classes`].
const OPCODES: [(&str, i64); 11] = [
    ("is_load_q", 0b00000),
    ("is_fence_q", 0b00011),
    ("is_op_immediate_q", 0b00100),
    ("is_auipc_q", 0b00101),
    ("is_store_q", 0b01000),
    ("is_op_q", 0b01100),
    ("is_lui_q", 0b01101),
    ("is_branch_q", 0b11000),
    ("is_jalr_q", 0b11001),
    ("is_jal_q", 0b11011),
    ("is_system_q", 0b11100),
];

impl<T: Copy> Classes<T> {
    fn map<U>(self, mut f: impl FnMut(T) -> U) -> Classes<U> {
        Classes {
            load: f(self.load),
            fence: f(self.fence),
            op_immediate: f(self.op_immediate),
            auipc: f(self.auipc),
            store: f(self.store),
            op: f(self.op),
            lui: f(self.lui),
            branch: f(self.branch),
            jalr: f(self.jalr),
            jal: f(self.jal),
            system: f(self.system),
        }
    }
}

const CLASSES: Classes<usize> = Classes {
    load: 0,
    fence: 1,
    op_immediate: 2,
    auipc: 3,
    store: 4,
    op: 5,
    lui: 6,
    branch: 7,
    jalr: 8,
    jal: 9,
    system: 10,
};

impl Classes {
    /// The class of `instruction`. Its lowest two bits are not looked at.
    pub(super) fn of(instruction: Signal) -> Classes {
        CLASSES.map(|index| instruction.slice(2, 5).eq(OPCODES[index].1))
    }
}

impl Classes<Register> {
    /// Registers that hold the class of the present instruction.
    pub(super) fn registers(m: &ModuleBuilder) -> Classes<Register> {
        CLASSES.map(|index| m.register(OPCODES[index].0, u(1)))
    }

    fn all(self) -> [Register; 11] {
        [
            self.load,
            self.fence,
            self.op_immediate,
            self.auipc,
            self.store,
            self.op,
            self.lui,
            self.branch,
            self.jalr,
            self.jal,
            self.system,
        ]
    }

    /// Takes the class of the instruction that comes.
    pub(super) fn drive(self, fetched: Signal, coming: Signal) {
        for (register, (_, opcode)) in self.all().into_iter().zip(OPCODES) {
            register.next_when(fetched, coming.slice(2, 5).eq(opcode));
        }
    }

    /// Whether they hold the class of `instruction`.
    pub(super) fn are_those_of(self, instruction: Signal) -> Signal {
        let same = |(register, (_, opcode)): (Register, (&str, i64))| register.q.eq(instruction.slice(2, 5).eq(opcode));
        let same: Vec<Signal> = self.all().into_iter().zip(OPCODES).map(same).collect();
        tree_reduce(&same, |a, b| a & b)
    }
}

/// Takes `instruction` of `class` apart; `csr_legal` says that its CSR exists and may be accessed so.
pub(super) fn decode(
    m: &ModuleBuilder,
    parameters: &CpuParameters,
    instruction: Signal,
    class: &Classes<Register>,
    csr_legal: Signal,
) -> Decoded {
    let Classes { load, fence, op_immediate, auipc, store, op, lui, branch, jalr, jal, system } =
        class.map(|register| register.q);
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
