//! Exact inference of integer graphs on the CPU.
//!
//! [`Network::prepare`] turns a [`myelin_graph::Graph`] into steps for this machine: weights packed
//! for the kernels of one [`Path`], chains of operators fused, every buffer planned. Running it on a
//! [`Workspace`] then allocates nothing. Every path gives the answers of the chain's CPU device to
//! the bit, including where that device departs from its documentation; `myelin-golden` states them.
//!
//! **Design.** Convolutions are direct: pictures lie with the channel last inside a halo of zeros, a
//! table of byte offsets walks a window, a kernel computes a few pixels by one block of channels and
//! requantises, adds and clips before it stores. No floating point, no im2col.
//!
//! ```
//! use myelin_cpu::{Network, Options};
//! use myelin_graph::{Conv2d, GraphBuilder, Postprocess, Tensor};
//!
//! let mut b = GraphBuilder::new();
//! let x = b.input(&[1, 1, 4, 4], 8)?;
//! let w = b.param("w", Tensor::from_i8(&[1, 1, 3, 3], vec![1; 9])?, 8)?;
//! let y = b.conv2d("conv", x, w, None, Conv2d::square(1, 3))?;
//! let y = b.cvm_right_shift("requantise", y, 8, 2)?;
//! let graph = b.finish(vec![y], Postprocess::None)?;
//!
//! let network = Network::prepare(&graph, &Options::default())?;
//! let mut workspace = network.workspace();
//! let output = network.run(&mut workspace, &[4; 16])?;
//! assert_eq!(output.bytes(), [9, 9, 9, 9]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod buffer;
mod error;
mod fragment;
mod kernel;
mod network;
mod output;
mod pack;
mod path;
mod plan;
mod profile;
mod run;
mod stage;
mod view;

pub use error::Error;
pub use fragment::Fragment;
pub use network::{Network, Options, Workspace};
pub use output::{Head, Output};
pub use path::{PATH_VARIABLE, Path};
pub use profile::StepReport;
