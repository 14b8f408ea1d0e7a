//! The soft core: RV32I with machine mode, multiplication and division on request. Start reading at [`core`].

pub mod core;
mod csr;
mod decode;
mod execute;
mod inside;
mod load_store;
pub mod multiply;
mod parameters;
mod register_file;
mod retire;
mod shift;
mod states;

pub use self::core::{cpu, declare};
pub use inside::{Inputs, Inside, Request, Words};
pub use parameters::{CpuParameterError, CpuParameters, Decision, Multiply, RegisterFile, Shift};
pub use register_file::Watched;
pub use retire::Retirement;
pub use states::States;
