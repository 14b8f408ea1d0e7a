//! Why a trap is taken.

/// The cause of a trap, with its code in mcause.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Cause {
    /// The target of a jump or taken branch is not the address of a word.
    InstructionAddressMisaligned = 0,
    /// The instruction could not be fetched.
    InstructionAccessFault = 1,
    /// No instruction of this machine.
    IllegalInstruction = 2,
    /// EBREAK.
    Breakpoint = 3,
    /// A load's address is not a multiple of its size.
    LoadAddressMisaligned = 4,
    /// The memory refused a load.
    LoadAccessFault = 5,
    /// A store's address is not a multiple of its size.
    StoreAddressMisaligned = 6,
    /// The memory refused a store.
    StoreAccessFault = 7,
    /// ECALL in machine mode.
    EnvironmentCall = 11,
    /// The timer's interrupt.
    TimerInterrupt = 0x8000_0007,
    /// The external interrupt.
    ExternalInterrupt = 0x8000_000b,
}

/// The interrupts there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interrupt {
    /// mip.MTIP.
    Timer,
    /// mip.MEIP.
    External,
}

impl Interrupt {
    /// Its cause.
    pub fn cause(self) -> Cause {
        match self {
            Interrupt::Timer => Cause::TimerInterrupt,
            Interrupt::External => Cause::ExternalInterrupt,
        }
    }
}

/// A trap: its cause and what goes to mtval.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trap {
    /// For mcause.
    pub cause: Cause,
    /// For mtval.
    pub value: u32,
}

impl Trap {
    /// A trap that tells no value.
    pub(super) fn new(cause: Cause) -> Trap {
        Trap { cause, value: 0 }
    }

    /// A trap about an address.
    pub(super) fn at(cause: Cause, address: u32) -> Trap {
        Trap { cause, value: address }
    }
}
