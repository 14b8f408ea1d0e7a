//! The front end for [rust-hdl](https://docs.rs/rust-hdl): any `LogicBlock` becomes a
//! [`Module`](crate::Module).
//!
//! ```
//! use myelin_hdl::{Design, rust_hdl};
//! use rust_hdl_core::prelude::*;
//!
//! #[derive(LogicBlock, Default)]
//! struct Majority {
//!     a: Signal<In, Bit>,
//!     b: Signal<In, Bit>,
//!     c: Signal<In, Bit>,
//!     y: Signal<Out, Bit>,
//! }
//!
//! impl Logic for Majority {
//!     #[hdl_gen]
//!     fn update(&mut self) {
//!         self.y.next = self.a.val() & self.b.val() | self.c.val() & (self.a.val() | self.b.val());
//!     }
//! }
//!
//! let module = rust_hdl::lower(&Majority::default())?;
//! let design = Design::new(module).expect("lowered names are emitted names");
//! assert_eq!(design.top().name, "majority");
//! # Ok::<(), rust_hdl::LowerError>(())
//! ```
//!
//! **Meaning.** A module computes what rust-hdl's simulator settles to, by Rust's precedence and
//! types. rust-hdl's Verilog is not consulted, as it differs: `bit_cast` of a sum (the sum wraps in
//! its own width first), `a & b == b` (Rust reads `(a & b) == b`, Verilog `a & (b == b)`),
//! `signed_bit_cast` to fewer bits (the low bits, wherever it stands). `signed_bit_cast` of the most
//! negative value, on which rust-hdl's simulator does not return, extends its sign or takes its low
//! bits as for every other value. A bit at an index beyond the top of a value, on which that
//! simulator panics, is 0.
//!
//! **State.** `DFF` and `EdgeDFF` become registers whose reset value is their value at power-up in
//! rust-hdl, which has no reset: hold `rst_ni` low for one cycle to start from there. `RAM`,
//! `SyncROM` and `ROM` become memories in a module of their own; the read register of a memory has
//! no reset.
//!
//! **Clock.** Clock ports vanish: the IR has one implicit clock. Designs whose state runs on
//! several clock inputs of the top are refused; a block with several is fine within a parent that
//! connects them to one. A clock output of the top vanishes too, and the module's comment says so.
//!
//! **Names.** Fields keep their names; `$` and `.` become `_`, and keywords of Verilog and children
//! that have a signal of their own name get a `_` behind. A register is called after its
//! flip-flop's output (`counter.q` is `counter_q`), a child's module after its field. Equal
//! children share one module.
//!
//! **Refused** ([`LowerError`], each naming block and expression): values over 64 bits,
//! bidirectional signals, computed clocks, latches, black boxes and hand-written Verilog, blocks
//! without `#[hdl_gen]`, and what rust-hdl's tree leaves open (a `signed_bit_cast` with no typed
//! neighbour, a sum used as an index that might wrap). `rtl/rust-hdl/README.md` has the whole list,
//! `rtl/rust-hdl/WIDGETS.md` what that means for rust-hdl's own widgets.

mod body;
mod build;
mod clocks;
mod error;
mod expression;
mod follow;
mod graph;
mod kind;
mod leaf;
mod literal;
mod lower;
mod names;
mod operators;
mod show;
mod tree;
mod wire;

pub use error::{ClockUse, LowerError, LowerErrorKind};
pub use lower::{lower, lower_named};
