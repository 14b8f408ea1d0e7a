//! Answers written by hand: every instruction with its corner cases, on the model and on two cores.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod arithmetic;
mod control;
mod csrs;
mod cycles;
mod memory;
mod program;
mod traps;
