//! A rust-hdl block under rust-hdl's own simulator, driven cycle by cycle with machine words.
//!
//! This is what `myelin_hdl::rust_hdl::lower` is held against: the kernel of rust-hdl's simulator
//! (`update_all` until nothing changes) without its threads, so that a cycle costs it as little as
//! it can. The front end itself is [`myelin_hdl::rust_hdl`].
//!
//! ```
//! use myelin_rust_hdl::bench;
//! use rust_hdl_core::prelude::*;
//!
//! #[derive(LogicBlock, Default)]
//! struct Xor {
//!     a: Signal<In, Bits<8>>,
//!     b: Signal<In, Bits<8>>,
//!     y: Signal<Out, Bits<8>>,
//! }
//!
//! impl Logic for Xor {
//!     #[hdl_gen]
//!     fn update(&mut self) {
//!         self.y.next = self.a.val() ^ self.b.val();
//!     }
//! }
//!
//! let mut bench = bench!(Xor, Xor::default(), clocks(), inputs(a, b), outputs(y));
//! bench.apply(&[0x0f, 0x3c])?;
//! assert_eq!(bench.observe(), [0x33]);
//! # Ok::<(), myelin_rust_hdl::Unsettled>(())
//! ```

mod bench;
mod word;

pub use bench::{Bench, Input, Output, Unsettled, port_name};
pub use word::Word;
