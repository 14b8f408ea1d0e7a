//! A plain functional machine: what each instruction of [`myelin_isa`] does, without cycles.
//!
//! The reference for RTL bring-up. [`Machine::run`] hands each cell's instructions to its four units in
//! program order; each unit executes in order, one instruction at a time, when its tokens are there.
//! It is stricter than the hardware: besides the hardware's traps it reports addresses out of range,
//! waits that can never end, more than [`TOKEN_COUNT_MAX`] outstanding tokens, instructions that are
//! fetched while they may still be loaded, and accesses to the same location that no chain of tokens
//! ([`Fault::Race`]) and, between cells, barriers ([`Fault::CellRace`]) orders. So a program that runs here
//! does not depend on how long anything takes.
//!
//! **Numbers.** Lanes are signed values of the cell's precision. A byte from memory enters as its
//! low bits, sign-extended; STORE sign-extends a lane to a byte. Accumulators are 32 bits; leaving
//! them is [`Fault::Overflow`].

mod array;
mod cell;
#[cfg(test)]
mod cells_tests;
mod error;
mod external;
mod history;
mod machine;
mod post;
mod sequencer;
mod session;
#[cfg(test)]
mod tests;
mod transfer;

pub use cell::Cell;
pub use error::{EmulateError, Fault, Memory};
pub use machine::{CellOrder, CellReport, Machine, Priority, RaceDetection, RunReport};
pub use sequencer::TOKEN_COUNT_MAX;
pub use session::{Session, SessionError};
