//! What computes: engines, and the guard that keeps their faults from the node.

mod attached;
mod cpu;
mod device;
mod guard;
mod health;
mod probe;
mod worker;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use myelin_graph::Graph;

use crate::error::EngineError;
pub use cpu::CpuEngine;
pub use device::{DeviceConfig, DeviceEngine};
pub use guard::GuardedEngine;
pub use health::{DeviceHealth, ProbeIntervals, QuarantineReason};

/// Prepares models for running on some device.
pub trait Engine: Send + Sync {
    /// A word for logs, as `cpu:avx2`.
    fn name(&self) -> String;

    /// Makes a model ready to run.
    ///
    /// **Errors.** [`EngineError::Refused`] is a verdict on the model and must be the same on every
    /// engine; whatever concerns only this one, such as lack of memory or an operator it does not
    /// have, is [`EngineError::Fault`].
    fn prepare(&self, graph: &Arc<Graph>) -> Result<Arc<dyn Prepared>, EngineError>;

    /// [`Engine::prepare`], if that takes no more than `bytes_max` of this machine's memory.
    ///
    /// An engine whose memory does not depend on the model need not look.
    ///
    /// **Errors.** As [`Engine::prepare`], and [`EngineError::Memory`].
    fn prepare_within(&self, graph: &Arc<Graph>, bytes_max: u64) -> Result<Arc<dyn Prepared>, EngineError> {
        let _ = bytes_max;
        self.prepare(graph)
    }
}

/// A model ready to run; runs may be concurrent.
pub trait Prepared: Send + Sync {
    /// The answer to one input.
    ///
    /// **Shapes and units.** [`Graph::input_length`] bytes in, [`Graph::output_length`] bytes out,
    /// words little-endian.
    ///
    /// **Errors.** As [`Engine::prepare`].
    fn run(&self, input: &[u8]) -> Result<Vec<u8>, EngineError>;

    /// [`Prepared::run`], given up at `deadline`: no model may keep a thread for ever.
    ///
    /// An engine whose runs are short need not look.
    ///
    /// **Errors.** As [`Prepared::run`], and [`EngineError::Late`].
    fn run_until(&self, input: &[u8], deadline: Instant) -> Result<Vec<u8>, EngineError> {
        let _ = deadline;
        self.run(input)
    }

    /// Bytes of memory it holds beyond the graph, at most.
    fn memory_bytes(&self) -> u64;
}

/// What `work` gives; a panic is a fault.
fn contained<T>(work: impl FnOnce() -> Result<T, EngineError>) -> Result<T, EngineError> {
    // What a panic leaves half done inside an engine is not used again: see its workspaces and sessions.
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(EngineError::Fault { reason: format!("panic: {}", panic_text(panic)) }))
}

/// What a panic said.
pub(crate) fn panic_text(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().map_or("panic", |text| text).to_owned(),
    }
}
