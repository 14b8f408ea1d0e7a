//! Graph to tiles, static memory plan, program and packed weights.
//!
//! ```text
//! Graph --lower--> stages --fuse--> stages --plan, tile, pack, emit--> Program
//! ```
//! [`compile`] proves on the way that no accumulator can overflow and refuses, naming the layer,
//! what does not fit or has no means on a cell. [`emulate`] runs programs without a clock,
//! [`timing`] tells their cycles without running them. [`compile_model`] does not refuse what the processor can
//! do in its stead: a [`Model`] is programs with operators for the processor between them.
//!
//! ```
//! use myelin_compile::{compile, emulate::Session};
//! use myelin_graph::{Conv2d, GraphBuilder, Postprocess, Tensor};
//! use myelin_isa::{Architecture, Precision};
//!
//! let mut b = GraphBuilder::new();
//! let x = b.input(&[1, 1, 2, 2], 8)?;
//! let w = b.param("w", Tensor::from_i8(&[1, 1, 2, 2], vec![1, 2, 3, 4])?, 8)?;
//! let y = b.conv2d("conv", x, w, None, Conv2d::square(1, 2))?;
//! let y = b.cvm_right_shift("requant", y, 8, 2)?;
//! let graph = b.finish(vec![y], Postprocess::None)?;
//!
//! let cell = Architecture::new(4, 4, Precision::Int8)?;
//! let program = compile(&graph, &cell)?;
//! let heads = Session::new(&program)?.infer(&[10i8, 20, 30, 40])?;
//! // 10 + 40 + 90 + 160 = 300, and 300 / 4 = 75.
//! assert_eq!(heads, [[75]]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod card;
mod compile;
mod disassemble;
mod emit;
pub mod emulate;
mod error;
mod fuse;
mod lower;
pub mod memory;
mod model;
mod network;
mod pack;
mod part;
mod plan;
mod program;
mod reduction;
mod requantise;
mod target;
mod tile;
pub mod timing;

pub use compile::{compile, compile_for, compile_resident, compile_streamed, required_precision};
pub use error::{CompileError, Place, Refusal};
pub use model::{DeviceStep, HostOperator, HostReason, HostStep, Model, Step, compile_model};
pub use program::{
    CellProgram, Input, Layer, LayerKind, LengthError, Mapping, Output, OutputEncoding, Program, Region, RowStack,
};
pub use requantise::{INT32, Interval, Requantise};
pub use target::{Target, TargetError};
