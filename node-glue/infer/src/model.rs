//! A model as a node sees it: facts to ask for, and runs.

use std::sync::Arc;

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
        let graph = Arc::new(import::cvm(symbol, params, limits).map_err(refused)?);
        let prepared = engine.prepare(&graph)?;
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
