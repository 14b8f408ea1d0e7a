//! The integer graph: what the compiler, the CPU backend and the command line share.
//!
//! A [`Graph`] is a topologically ordered list of operators on integer tensors, every value with a
//! shape (NCHW, OIHW) and a precision in bits. It comes from the chain's model format
//! ([`import::cvm`], [`import::import_dir`]) or from a [`GraphBuilder`], goes back to the chain's
//! format with [`export::cvm`], and both ways in pass through the same shape and precision
//! inference, so there is one statement of every rule.
//!
//! **Numbers.** Values are integers of `precision` bits, symmetric: `|v| <= 2^(precision-1) - 1`.
//! Arithmetic is 32-bit and wraps. Parameters are stored as 8-bit or 32-bit integers.
//!
//! **Source.** cvm-runtime b5a2518, observed; see [`import`] for where this crate is stricter.
//!
//! ```
//! use myelin_graph::{Conv2d, GraphBuilder, Postprocess, Tensor, export, import};
//!
//! let mut b = GraphBuilder::new();
//! let x = b.input(&[1, 1, 4, 4], 8)?;
//! let w = b.param("w", Tensor::from_i8(&[2, 1, 3, 3], vec![1; 18])?, 8)?;
//! let y = b.conv2d("conv0", x, w, None, Conv2d::square(2, 3).with_padding(1))?;
//! let y = b.cvm_right_shift("requant0", y, 8, 4)?;
//! let graph = b.finish(vec![y], Postprocess::None)?;
//! assert_eq!(*graph.shape(y), [1, 2, 4, 4]);
//!
//! let (symbol, params) = export::cvm(&graph);
//! assert_eq!(import::cvm(&symbol, &params, &import::Limits::default())?, graph);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod builder;
mod cost;
mod error;
pub mod export;
mod graph;
pub mod import;
mod infer;
pub mod npy;
mod op;
mod range;
mod shape;
mod storage;
mod tensor;

pub use builder::{GraphBuilder, KeepDims};
pub use error::{ErrorClass, GraphError, GraphFault, NodePlace};
pub use graph::{FormatVersion, Graph, Node, NodeId, Postprocess, TensorId, Value, ValueId};
pub use op::{Conv2d, Dense, MaxPool2d, NonMaxSuppression, Op, Reduce, SliceAxis, StridedSlice};
pub use range::{Range, ranges};
pub use shape::{DIMENSION_MAX, ELEMENTS_MAX, RANK_MAX, Shape};
pub use tensor::{PRECISION_MAX, Tensor, TensorData, precision_limit};
