//! The model does what another simulator does: `rvsim`, instruction by instruction from random states.
//!
//! Left out is what `rvsim` does not have or takes differently: CSRs and privileged instructions,
//! atomics (it has them, we have not), FENCE with reserved fields, what remains after a trap, and JALR to
//! an odd address (it traps where the ISA clears the bit).

#![allow(clippy::unwrap_used)]

use myelin_riscv::machine::{Cause, Extensions, Lines, Machine};
use myelin_riscv::memory::{BusFault, Memory, SparseMemory};
use myelin_riscv::stimulus::{Manners, Stimulus};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rvsim::{CpuError, CpuState, Interp, MemoryAccess, SimpleClock};

/// 64 KiB that repeat through the address space, but for its last quarter, which refuses.
#[derive(Clone, PartialEq)]
// `rvsim` reads through pointers to words.
#[repr(align(8))]
struct Repeated([u8; 1 << 16]);

const REFUSED: u32 = 0xc000_0000;

impl rvsim::Memory for Repeated {
    fn access<T: Copy>(&mut self, address: u32, access: MemoryAccess<T>) -> bool {
        let aligned = (address as usize).is_multiple_of(size_of::<T>());
        aligned && address < REFUSED && rvsim::Memory::access(&mut self.0[..], address & 0xffff, access)
    }
}

impl Memory for Repeated {
    fn read(&mut self, address: u32) -> Result<u32, BusFault> {
        let at = (address & 0xffff) as usize;
        if address >= REFUSED { Err(BusFault) } else { Ok(u32::from_le_bytes(self.0[at..at + 4].try_into().unwrap())) }
    }

    fn write(&mut self, address: u32, mask: u8, word: u32) -> Result<(), BusFault> {
        if address >= REFUSED {
            return Err(BusFault);
        }
        for lane in (0..4).filter(|lane| mask >> lane & 1 == 1) {
            self.0[(address & 0xffff) as usize + lane] = word.to_le_bytes()[lane];
        }
        Ok(())
    }
}

fn cause_of(error: CpuError, instruction: u32, aligned: bool) -> Cause {
    let stores = instruction & 0x7f == 0x23;
    match error {
        CpuError::MisalignedFetch => Cause::InstructionAddressMisaligned,
        CpuError::IllegalFetch => Cause::InstructionAccessFault,
        CpuError::IllegalInstruction => Cause::IllegalInstruction,
        // It leaves alignment to the memory.
        CpuError::IllegalAccess | CpuError::MisalignedAccess => match (stores, aligned) {
            (false, false) => Cause::LoadAddressMisaligned,
            (false, true) => Cause::LoadAccessFault,
            (true, false) => Cause::StoreAddressMisaligned,
            (true, true) => Cause::StoreAccessFault,
        },
        CpuError::Ecall => Cause::EnvironmentCall,
        CpuError::Ebreak => Cause::Breakpoint,
        CpuError::QuotaExceeded => unreachable!("there is no quota"),
    }
}

/// Whether a load's or store's address suits its size.
fn is_aligned(instruction: u32, registers: &[u32; 32]) -> bool {
    let low = if instruction & 0x20 == 0 { instruction >> 20 } else { instruction >> 7 };
    let address = registers[(instruction >> 15 & 31) as usize].wrapping_add(low);
    address.trailing_zeros() >= (instruction >> 12 & 3)
}

/// Whether the two are to agree on it.
fn is_compared(instruction: u32, registers: &[u32; 32]) -> bool {
    let base = registers[(instruction >> 15 & 31) as usize];
    let odd_target = instruction & 0x7f == 0x67 && (base ^ instruction >> 20) & 1 == 1;
    let atomic = instruction & 0x7f == 0x2f;
    let system = instruction & 0x7f == 0x73 && instruction & !0x0010_0000 != 0x73;
    let odd_fence = instruction & 0x7f == 0x0f && instruction & 0xf00f_ff80 != 0 && instruction != 0x100f;
    !(atomic || system || odd_fence || odd_target)
}

#[test]
fn an_instruction_from_any_state_does_what_rvsim_does() {
    let manners = Manners { wait_cycles_max: 0, line_changes_per_mille: 0 };
    let mut stimulus = Stimulus::new(1, manners, true);
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let mut memory = Box::new(Repeated([0; 1 << 16]));
    random.fill(&mut memory.0[..]);
    let (mut compared, mut trapped) = (0, 0);
    for round in 0..300_000 {
        let mut machine = Machine::new(0, Extensions { multiply: true, counters: false });
        machine.registers.fill_with(|| stimulus.value());
        machine.registers[0] = 0;
        machine.pc = random.random_range(0..0xc400_0000) & !3;
        let instruction = stimulus.instruction(&machine, &SparseMemory::default(), machine.pc);
        if !is_compared(instruction, &machine.registers) {
            continue;
        }
        let mut state = CpuState::new(machine.pc);
        state.x = machine.registers;
        _ = memory.write(machine.pc, 0xf, instruction);
        let mut other_memory = memory.clone();
        let aligned = is_aligned(instruction, &machine.registers);
        let retired = machine.execute(&mut *memory, Lines::default());
        let other = Interp::new(&mut state, &mut *other_memory, &mut SimpleClock::new()).step();
        let expected = other.err().map(|(error, _)| cause_of(error, instruction, aligned));
        let what = format!("round {round}, {instruction:#010x} at {:#x}", retired.pc);
        assert_eq!(retired.trap.map(|trap| trap.cause), expected, "{what}");
        if expected.is_none() {
            assert_eq!((machine.registers, machine.pc), (state.x, state.pc), "{what}");
        }
        assert!(memory == other_memory, "{what}: memory");
        compared += 1;
        trapped += u32::from(expected.is_some());
    }
    assert!(compared > 200_000 && trapped > 5_000, "{compared} compared, {trapped} of them traps");
}
