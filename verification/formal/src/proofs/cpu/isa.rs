//! RV32I, Zicsr and machine mode as the ISA's text reads, in one cycle and without state.

use myelin_hdl::{ModuleBuilder, Signal, choose, concat, mux, s, select, tree_reduce, u};

/// An instruction and what it works on.
pub(super) struct Instance {
    /// The instruction.
    pub word: Signal,
    /// Its address.
    pub pc: Signal,
    /// What rs1 and rs2 hold.
    pub operands: [Signal; 2],
    /// The word of memory that a load reads.
    pub read: Signal,
    /// mcycle and minstret exist.
    pub counters: bool,
}

/// What it does.
pub(super) struct Isa {
    /// It is an instruction of this machine.
    pub legal: Signal,
    /// ECALL.
    pub ecall: Signal,
    /// EBREAK.
    pub ebreak: Signal,
    /// MRET.
    pub mret: Signal,
    /// WFI.
    pub wfi: Signal,
    /// A legal access to a CSR.
    pub csr: Signal,
    /// The CSR is written.
    pub csr_writes: Signal,
    /// A legal load.
    pub load: Signal,
    /// A legal store.
    pub store: Signal,
    /// A shift.
    pub shift: Signal,
    /// A result of arithmetic, logic or a shift, LUI, AUIPC, or a link.
    pub computes: Signal,
    /// JAL or JALR.
    pub links: Signal,
    /// A branch.
    pub branch: Signal,
    /// A branch that is taken.
    pub taken: Signal,
    /// A load or store whose address does not suit its size.
    pub misaligned_access: Signal,
    /// A jump, or branch that is taken, to an address that is not that of a word.
    pub misaligned_jump: Signal,
    /// Where it jumps.
    pub target: Signal,
    /// Address of the next instruction, unless MRET.
    pub next_pc: Signal,
    /// The register written, 0 for none.
    pub rd: Signal,
    /// With what, but for CSR instructions.
    pub value: Signal,
    /// Byte address of a load or store.
    pub address: Signal,
    /// Which bytes of the word.
    pub mask: Signal,
    /// The word stored, 0 in the other bytes.
    pub stored: Signal,
}

fn signed(bits: &[Signal]) -> Signal {
    concat(bits).cast_signed().extend(s(32)).cast_unsigned()
}

fn wide(bit: Signal) -> Signal {
    bit.extend(u(32))
}

fn any(of: &[Signal]) -> Signal {
    tree_reduce(of, |a, b| a | b)
}

/// The legal numbers of CSRs, and those of them that can only be read.
fn csr_is_legal(number: Signal, writes: Signal, counters: bool) -> Signal {
    let mut both = vec![0x300, 0x301, 0x304, 0x305, 0x340, 0x341, 0x342, 0x343, 0x344];
    if counters {
        both.extend([0xb00, 0xb02, 0xb80, 0xb82]);
    }
    let is_one = |of: &[i64]| any(&of.iter().map(|&one| number.eq(one)).collect::<Vec<_>>());
    is_one(&both) | (is_one(&[0xf11, 0xf12, 0xf13, 0xf14, 0xf15]) & !writes)
}

/// The function of OP and OP-IMM.
fn arithmetic(funct3: Signal, alternative: Signal, a: Signal, b: Signal) -> Signal {
    let amount = b.slice(0, 5);
    let sum = mux(alternative, a.wrapping_sub(b), a.wrapping_add(b));
    let right = mux(alternative, a.cast_signed().shift_right_by(amount).cast_unsigned(), a.shift_right_by(amount));
    let less = a.cast_signed().lt(b.cast_signed());
    select(funct3, &[sum, a.shift_left_by(amount), wide(less), wide(a.lt(b)), a ^ b, right, a | b, a & b])
}

/// What the instruction does.
pub(super) fn isa(m: &ModuleBuilder, of: &Instance) -> Isa {
    let (i, pc, [a, b]) = (of.word, of.pc, of.operands);
    let (opcode, funct3, funct7, rd) = (i.slice(0, 7), i.slice(12, 3), i.slice(25, 7), i.slice(7, 5));
    let is = |code: i64| opcode.eq(code);
    let one_of = |functions: &[i64]| any(&functions.iter().map(|&one| funct3.eq(one)).collect::<Vec<_>>());
    let zero = m.constant(u(1), 0);
    let immediate_i = signed(&[i.slice(20, 12)]);
    let immediate_s = signed(&[funct7, rd]);
    let immediate_b = signed(&[i.bit(31), i.bit(7), i.slice(25, 6), i.slice(8, 4), zero]);
    let immediate_u = concat(&[i.slice(12, 20), m.constant(u(12), 0)]);
    let immediate_j = signed(&[i.bit(31), i.slice(12, 8), i.bit(20), i.slice(21, 10), zero]);

    let [lui, auipc, jal] = [is(0x37), is(0x17), is(0x6f)];
    let jalr = is(0x67) & funct3.eq(0);
    let branch = is(0x63) & one_of(&[0, 1, 4, 5, 6, 7]);
    let load = is(0x03) & one_of(&[0, 1, 2, 4, 5]);
    let store = is(0x23) & one_of(&[0, 1, 2]);
    let shifts_right = funct3.eq(5) & (funct7.eq(0) | funct7.eq(0x20));
    let op_immediate = is(0x13) & (one_of(&[0, 2, 3, 4, 6, 7]) | (funct3.eq(1) & funct7.eq(0)) | shifts_right);
    let op = is(0x33) & (funct7.eq(0) | (funct7.eq(0x20) & one_of(&[0, 5])));
    let fence = is(0x0f) & one_of(&[0, 1]);
    let [ecall, ebreak, mret, wfi] = [0x73, 0x10_0073, 0x3020_0073, 0x1050_0073].map(|word: i64| i.eq(word));
    let csr_writes = one_of(&[1, 5]) | i.slice(15, 5).ne(0);
    let csr = is(0x73) & one_of(&[1, 2, 3, 5, 6, 7]) & csr_is_legal(i.slice(20, 12), csr_writes, of.counters);
    let legal =
        any(&[lui, auipc, jal, jalr, branch, load, store, op_immediate, op, fence, ecall, ebreak, mret, wfi, csr]);

    let holds = select(funct3.slice(1, 2), &[a.eq(b), a.eq(b), a.cast_signed().lt(b.cast_signed()), a.lt(b)]);
    let taken = branch & (holds ^ funct3.bit(0));
    let even = m.constant(u(32), 0xffff_fffe);
    let target = choose(pc.wrapping_add(immediate_b))
        .when(jal, pc.wrapping_add(immediate_j))
        .when(jalr, a.wrapping_add(immediate_i) & even)
        .end();
    let jumps = jal | jalr | taken;
    let following = pc.wrapping_add(4);

    let address = a.wrapping_add(mux(store, immediate_s, immediate_i));
    let place = concat(&[address.slice(0, 2), m.constant(u(3), 0)]);
    let size = funct3.slice(0, 2);
    let misaligned = (size.eq(1) & address.bit(0)) | (size.eq(2) & address.slice(0, 2).any());
    let bytes = select(size, &[m.constant(u(4), 0b0001), m.constant(u(4), 0b0011), m.constant(u(4), 0b1111)]);
    let kept = select(size, &[b.slice(0, 8).extend(u(32)), b.slice(0, 16).extend(u(32)), b]);
    let moved = of.read.shift_right_by(place);
    let [byte, half] = [moved.slice(0, 8), moved.slice(0, 16)];
    let loaded = choose(moved)
        .when(funct3.eq(0), signed(&[byte]))
        .when(funct3.eq(1), signed(&[half]))
        .when(funct3.eq(4), byte.extend(u(32)))
        .when(funct3.eq(5), half.extend(u(32)))
        .end();

    let second = mux(is(0x33), b, immediate_i);
    let alternative = i.bit(30) & (is(0x33) | funct3.eq(5));
    let value = choose(arithmetic(funct3, alternative, a, second))
        .when(lui, immediate_u)
        .when(auipc, pc.wrapping_add(immediate_u))
        .when(jal | jalr, following)
        .when(load, loaded)
        .end();
    let writes = any(&[lui, auipc, jal, jalr, load, op, op_immediate, csr]);
    Isa {
        legal,
        ecall,
        ebreak,
        mret,
        wfi,
        csr,
        csr_writes,
        load,
        store,
        shift: (op | op_immediate) & one_of(&[1, 5]),
        computes: any(&[op, op_immediate, lui, auipc, jal, jalr]),
        links: jal | jalr,
        branch,
        taken,
        misaligned_access: (load | store) & misaligned,
        misaligned_jump: jumps & target.bit(1),
        target,
        next_pc: mux(jumps, target, following),
        rd: mux(writes, rd, 0),
        value,
        address,
        mask: bytes.shift_left_by(address.slice(0, 2)),
        stored: kept.shift_left_by(place),
    }
}
