//! Running a prepared network: one file for each kind of step.

mod binary;
mod conv;
mod detect;
mod gather;
mod map;
mod pool;
mod reduce;
mod step;
mod threads;
mod wide;

pub(crate) use binary::{Binary, BinaryAxis, Function, Take, Where};
pub(crate) use conv::Conv;
pub(crate) use detect::{Nms, NmsScratch, ValidCounts};
pub(crate) use gather::{Axis, Gather};
pub(crate) use map::Map;
pub(crate) use pool::MaxPool;
pub(crate) use reduce::{Fold, Loop, Reduce, Spatial};
pub(crate) use step::{Planned, Step, work_buffer};
pub(crate) use wide::{WideConv, WideDense};

use crate::kernel::Kernels;
use crate::path::Isa;
use rayon::ThreadPool;

/// What every step needs to know of the machine.
pub(crate) struct Context<'a> {
    pub(crate) kernels: Kernels,
    pub(crate) isa: Isa,
    pub(crate) threads: usize,
    /// `None` for a single thread.
    pub(crate) pool: Option<&'a ThreadPool>,
}
