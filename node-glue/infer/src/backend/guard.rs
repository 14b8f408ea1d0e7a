//! Two engines as one that has no faults of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use myelin_graph::Graph;

use super::{Engine, Prepared, contained};
use crate::error::EngineError;

/// Runs on a first engine, and where that one faults or panics, on a second.
///
/// A fault that reached the node would make it seal another state than its peers, so it never does:
/// the same input is computed again elsewhere. Verdicts are passed on as they are, since every engine
/// gives the same.
pub struct GuardedEngine {
    first: Arc<dyn Engine>,
    second: Arc<dyn Engine>,
    faults: Arc<AtomicU64>,
}

impl GuardedEngine {
    /// `second` should be the simplest engine there is.
    pub fn new(first: impl Engine + 'static, second: impl Engine + 'static) -> Self {
        Self::counting(first, second, Arc::default())
    }

    /// [`GuardedEngine::new`] with a count of failures that others add to, as [`super::DeviceEngine::faults`].
    pub fn counting(first: impl Engine + 'static, second: impl Engine + 'static, faults: Arc<AtomicU64>) -> Self {
        Self { first: Arc::new(first), second: Arc::new(second), faults }
    }

    /// How often the first engine has failed; the count is shared and grows while models run.
    pub fn faults(&self) -> Arc<AtomicU64> {
        self.faults.clone()
    }
}

impl Engine for GuardedEngine {
    fn name(&self) -> String {
        self.first.name()
    }

    fn prepare(&self, graph: &Arc<Graph>) -> Result<Arc<dyn Prepared>, EngineError> {
        let second = Standby { engine: self.second.clone(), graph: graph.clone(), ready: OnceLock::new() };
        let first = match contained(|| self.first.prepare(graph)) {
            Ok(first) => Some(first),
            Err(EngineError::Refused { class, reason }) => return Err(EngineError::Refused { class, reason }),
            Err(fault) => {
                self.faults.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(engine = self.first.name(), %fault, "device cannot prepare a model");
                second.model()?;
                None
            }
        };
        let length = graph.output_length() as usize;
        Ok(Arc::new(GuardedModel { first, second, length, faults: self.faults.clone() }))
    }
}

/// The second engine's model, prepared when first needed.
struct Standby {
    engine: Arc<dyn Engine>,
    graph: Arc<Graph>,
    ready: OnceLock<Arc<dyn Prepared>>,
}

impl Standby {
    fn model(&self) -> Result<&Arc<dyn Prepared>, EngineError> {
        if let Some(model) = self.ready.get() {
            return Ok(model);
        }
        let model = contained(|| self.engine.prepare(&self.graph))?;
        Ok(self.ready.get_or_init(|| model))
    }
}

struct GuardedModel {
    first: Option<Arc<dyn Prepared>>,
    second: Standby,
    length: usize,
    faults: Arc<AtomicU64>,
}

impl GuardedModel {
    /// An answer of another length than the model's is a fault.
    fn checked(&self, model: &Arc<dyn Prepared>, input: &[u8]) -> Result<Vec<u8>, EngineError> {
        let output = contained(|| model.run(input))?;
        if output.len() == self.length {
            return Ok(output);
        }
        let reason = format!("answer has {} bytes, expected {}", output.len(), self.length);
        Err(EngineError::Fault { reason })
    }
}

impl Prepared for GuardedModel {
    fn run(&self, input: &[u8]) -> Result<Vec<u8>, EngineError> {
        if let Some(first) = &self.first {
            match self.checked(first, input) {
                Err(EngineError::Fault { reason }) => {
                    self.faults.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(reason, "device fault: the input is computed again on the processor");
                }
                verdict => return verdict,
            }
        }
        self.checked(self.second.model()?, input)
    }

    fn memory_bytes(&self) -> u64 {
        match &self.first {
            Some(first) => first.memory_bytes(),
            None => self.second.ready.get().map_or(0, |model| model.memory_bytes()),
        }
    }
}
