//! A model as a node sees it: facts to ask for, and runs.

use std::sync::Arc;
use std::time::Instant;

use myelin_graph::Graph;
use myelin_graph::import::{self, ImportError, Limits};

use crate::backend::{Engine, Prepared};
use crate::error::EngineError;

/// A loaded model. Immutable and shared between threads.
pub struct Model {
    graph: Arc<Graph>,
    prepared: Arc<dyn Prepared>,
    file_bytes: u64,
}

impl Model {
    /// Loads a model from the bytes of its two files.
    ///
    /// **Errors.** [`EngineError::Refused`] in the chain's class for a model the chain refuses.
    pub fn load(symbol: &[u8], params: &[u8], limits: &Limits, engine: &dyn Engine) -> Result<Self, EngineError> {
        Self::load_within(symbol, params, limits, engine, u64::MAX)
    }

    /// [`Model::load`], if preparing it takes no more than `bytes_max` beside the graph.
    ///
    /// **Errors.** As [`Model::load`], and [`EngineError::Memory`].
    pub fn load_within(
        symbol: &[u8],
        params: &[u8],
        limits: &Limits,
        engine: &dyn Engine,
        bytes_max: u64,
    ) -> Result<Self, EngineError> {
        let graph = Arc::new(import::cvm(symbol, params, limits).map_err(refused)?);
        let prepared = engine.prepare_within(&graph, bytes_max)?;
        let file_bytes = symbol.len() as u64 + params.len() as u64;
        Ok(Self { graph, prepared, file_bytes })
    }

    /// The answer to one input.
    ///
    /// **Shapes and units.** [`Graph::input_length`] bytes in, [`Graph::output_length`] bytes out,
    /// words little-endian.
    ///
    /// **Errors.** [`EngineError::Refused`], logic for a wrong length.
    pub fn run(&self, input: &[u8]) -> Result<Vec<u8>, EngineError> {
        self.prepared.run(input)
    }

    /// [`Model::run`], given up at `deadline`.
    ///
    /// **Errors.** As [`Model::run`], and [`EngineError::Late`].
    pub fn run_until(&self, input: &[u8], deadline: Instant) -> Result<Vec<u8>, EngineError> {
        self.prepared.run_until(input, deadline)
    }

    /// The graph: lengths, type sizes, storage size and operation count at the node's interface.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Bytes of memory it holds, estimated from above.
    pub fn memory_bytes(&self) -> u64 {
        self.prepared.memory_bytes() + 2 * self.file_bytes
    }
}

/// The operation count of a symbol, without its params.
///
/// **Errors.** [`EngineError::Refused`] in the gas phase's class.
pub fn operation_count(symbol: &[u8], limits: &Limits) -> Result<u64, EngineError> {
    import::operation_count(symbol, limits).map_err(refused)
}

fn refused(error: ImportError) -> EngineError {
    EngineError::Refused { class: error.class(), reason: error.to_string() }
}
