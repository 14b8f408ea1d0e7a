//! Running a prepared network: one file for each kind of step.

mod binary;
mod conv;
mod depthwise;
mod detect;
mod gather;
mod map;
mod pool;
mod reduce;
mod step;
mod table;
mod threads;
mod transpose;
mod wide;

pub(crate) use binary::{Binary, BinaryAxis, Function, Take, Where};
pub(crate) use conv::Conv;
pub(crate) use depthwise::{Depthwise, Taps};
pub(crate) use detect::{Nms, NmsScratch, ValidCounts};
pub(crate) use gather::{Axis, Gather};
pub(crate) use map::Map;
pub(crate) use pool::MaxPool;
pub(crate) use reduce::{Fold, Loop, Reduce, Spatial};
pub(crate) use step::{Planned, Step, work_buffer};
pub(crate) use table::ByteTable;
pub(crate) use wide::{WideConv, WideDense};

use crate::kernel::Kernels;
use crate::path::Isa;
use rayon::ThreadPool;
use std::time::Instant;

/// What every step needs to know of the machine.
pub(crate) struct Context<'a> {
    pub(crate) kernels: Kernels,
    pub(crate) isa: Isa,
    pub(crate) threads: usize,
    /// `None` for a single thread.
    pub(crate) pool: Option<&'a ThreadPool>,
    /// When the run is to be given up.
    pub(crate) deadline: Option<Instant>,
}

impl Context<'_> {
    /// Whether the run is to be given up. A step that finds it so may leave its result unfinished: the
    /// deadline stays passed, and the run ends after the step.
    pub(crate) fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}
