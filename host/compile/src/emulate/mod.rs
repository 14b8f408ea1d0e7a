//! A plain functional machine: what each instruction of [`myelin_isa`] does, without cycles.
//!
//! The reference for RTL bring-up. [`Machine::run`] hands instructions to the four units in program
//! order; each unit executes in order, one instruction at a time, when its tokens are there. It is
//! stricter than the hardware: besides the hardware's traps it reports addresses out of range,
//! waits that can never end, more than [`TOKEN_COUNT_MAX`] outstanding tokens, and two units that
//! touch the same location without tokens that order them ([`Fault::Race`]), so a program that runs
//! here does not depend on how long anything takes.
//!
//! **Numbers.** Lanes are signed values of the cell's precision. A byte from memory enters as its
//! low bits, sign-extended; STORE sign-extends a lane to a byte. Accumulators are 32 bits; leaving
//! them is [`Fault::Overflow`].

mod array;
mod error;
mod history;
mod machine;
mod post;
mod sequencer;
mod session;
#[cfg(test)]
mod tests;
mod transfer;

pub use error::{EmulateError, Fault, Memory};
pub use machine::{Machine, RunReport};
pub use sequencer::TOKEN_COUNT_MAX;
pub use session::{Session, SessionError};
