//! What a proof of the core sees of it, and its ports as signals.

use myelin_hdl::Signal;

use super::retire::Retirement;
use super::states::States;

/// What is inside the core, for a proof that watches it.
pub struct Inside {
    /// The instruction at its end.
    pub retirement: Retirement,
    /// The states.
    pub states: States,
    /// Byte address of the next instruction to be requested.
    pub fetch_pc: Signal,
    /// The instruction could not be fetched.
    pub fault: Signal,
    /// A trap is being entered.
    pub trapping: Signal,
    /// The registers read.
    pub operands: [Signal; 2],
    /// What a CSR instruction reads, in the two states in which it works on it.
    pub csr: Signal,
    /// The data register.
    pub data: Signal,
    /// Which byte of the word is accessed.
    pub offset: Signal,
    /// In the state branch: it is taken.
    pub takes: Signal,
    /// Places by which the data register is still to be shifted.
    pub shift_left: Signal,
    /// Whether the multiplier works, and the steps it has left, if there is one and [`Watched::Yes`](super::register_file::Watched::Yes).
    pub multiplier: Option<[Signal; 2]>,
    /// mstatus.MIE, mstatus.MPIE, mie.MTIE, mie.MEIE.
    pub enables: [Signal; 4],
    /// What is asked of the bus.
    pub request: Request,
    /// The interrupts to be taken before the instruction: timer, external.
    pub interrupts: [Signal; 2],
    /// The inputs.
    pub inputs: Inputs,
    /// What the register file holds, if [`Watched::Yes`](super::register_file::Watched::Yes).
    pub watched: Option<Words>,
}

/// Words of the register file.
pub struct Words {
    /// Two addresses, which are inputs, and the words there.
    pub chosen: [(Signal, Signal); 2],
    /// The word of register 0.
    pub zero: Signal,
}

/// What is asked of the bus.
pub struct Request {
    /// Something is.
    pub valid: Signal,
    /// A store.
    pub write: Signal,
    /// Of which word.
    pub address: Signal,
    /// Of which bytes.
    pub byte_enable: Signal,
    /// What is stored.
    pub write_data: Signal,
}

/// The inputs.
pub struct Inputs {
    /// The request is done.
    pub ready: Signal,
    /// It has failed.
    pub error: Signal,
    /// The word read.
    pub read_data: Signal,
    /// mip.MTIP.
    pub timer: Signal,
    /// mip.MEIP.
    pub external: Signal,
}
