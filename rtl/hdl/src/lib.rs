//! The word-level hardware IR, the builder in which hardware is written, and the Verilog emitter.
//!
//! Hardware is written as ordinary Rust: a *generator* is a function that opens a [`module`],
//! combines [`Signal`]s with operators, and returns the finished [`Module`]. Generics, loops and
//! functions are the parameters; instances stay instances.
//!
//! ```
//! use myelin_hdl::{Design, module, u};
//!
//! // An 8-bit counter that counts while `enable_i` is high.
//! let counter = module("counter", |m| {
//!     let enable = m.input("enable_i", u(1));
//!     let count = m.register("count_q", u(8)).reset(0);
//!     count.next_when(enable, count.q.wrapping_add(1));
//!     m.output("count_o", count.q);
//! });
//! let design = Design::new(counter).expect("complete and free of loops");
//! assert_eq!(design.top().outputs[0].name, "count_o");
//! ```
//!
//! **Numbers.** Every value has a width of 1 to 64 bits and a sign ([`Ty`]); arithmetic grows and
//! never wraps silently; truncation, saturation and reinterpretation are explicit calls. Wider
//! buses are bundles (`Vec<Signal>`) and memories have lanes, so every value is one machine word
//! in the simulator.
//!
//! **Time.** One clock (`clk_i`) and one synchronous active-low reset (`rst_ni`) per design, both
//! implicit.

mod builder;
mod check;
mod collisions;
mod design;
mod digest;
mod ir;
mod known_bits;
mod memory;
pub mod optimise;
mod origins;
#[cfg(feature = "rust-hdl")]
pub mod rust_hdl;
mod signal;
mod ty;
pub mod verilog;

pub use builder::{InstanceHandle, ModuleBuilder, Register, module};
pub use collisions::{Poison, poison_collisions};
pub use design::{Design, DesignError};
pub use digest::Digest;
pub use ir::{
    BinaryOp, Check, CheckKind, Collisions, Instance, Memory, MemoryStyle, Module, Node, NodeId, Op, OutputPort, Port,
    ReadKind, ReadPort, RegisterDef, SourceLocation, UnaryOp, WritePort,
};
pub use memory::{MemoryHandle, SinglePort};
pub use signal::{Choice, Operand, Signal, choose, concat, mux, select, tree_reduce};
pub use ty::{MAX_WIDTH, Ty, s, u};
