//! Two engines as one that has no faults of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use myelin_graph::Graph;

use super::{DeviceEngine, DeviceHealth, Engine, Prepared, contained};
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
    devices: Vec<Arc<DeviceHealth>>,
}

impl GuardedEngine {
    /// `second` should be the simplest engine there is.
    pub fn new(first: impl Engine + 'static, second: impl Engine + 'static) -> Self {
        Self { first: Arc::new(first), second: Arc::new(second), faults: Arc::default(), devices: Vec::new() }
    }

    /// Around devices, with which it shares the count of faults.
    pub fn of_devices(first: DeviceEngine, second: impl Engine + 'static) -> Self {
        let (faults, devices) = (first.faults(), first.devices());
        Self { first: Arc::new(first), second: Arc::new(second), faults, devices }
    }

    /// What is known of the devices; none where only processors compute.
    pub fn devices(&self) -> &[Arc<DeviceHealth>] {
        &self.devices
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
        self.prepare_within(graph, u64::MAX)
    }

    fn prepare_within(&self, graph: &Arc<Graph>, bytes_max: u64) -> Result<Arc<dyn Prepared>, EngineError> {
        let second = Standby { engine: self.second.clone(), graph: graph.clone(), bytes_max, ready: OnceLock::new() };
        let first = match contained(|| self.first.prepare_within(graph, bytes_max)) {
            Ok(first) => Some(first),
            Err(verdict @ (EngineError::Refused { .. } | EngineError::Memory { .. })) => return Err(verdict),
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
    bytes_max: u64,
    ready: OnceLock<Arc<dyn Prepared>>,
}

impl Standby {
    fn model(&self) -> Result<&Arc<dyn Prepared>, EngineError> {
        if let Some(model) = self.ready.get() {
            return Ok(model);
        }
        let model = contained(|| self.engine.prepare_within(&self.graph, self.bytes_max))?;
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
    fn checked(
        &self,
        model: &Arc<dyn Prepared>,
        input: &[u8],
        deadline: Option<Instant>,
    ) -> Result<Vec<u8>, EngineError> {
        let output = contained(|| match deadline {
            None => model.run(input),
            Some(deadline) => model.run_until(input, deadline),
        })?;
        if output.len() == self.length {
            return Ok(output);
        }
        let reason = format!("answer has {} bytes, expected {}", output.len(), self.length);
        Err(EngineError::Fault { reason })
    }

    fn answer(&self, input: &[u8], deadline: Option<Instant>) -> Result<Vec<u8>, EngineError> {
        if let Some(first) = &self.first {
            match self.checked(first, input, deadline) {
                Err(EngineError::Fault { reason }) => {
                    self.faults.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(reason, "device fault: the input is computed again on the processor");
                }
                verdict => return verdict,
            }
        }
        self.checked(self.second.model()?, input, deadline)
    }
}

impl Prepared for GuardedModel {
    fn run(&self, input: &[u8]) -> Result<Vec<u8>, EngineError> {
        self.answer(input, None)
    }

    fn run_until(&self, input: &[u8], deadline: Instant) -> Result<Vec<u8>, EngineError> {
        self.answer(input, Some(deadline))
    }

    fn memory_bytes(&self) -> u64 {
        match &self.first {
            Some(first) => first.memory_bytes(),
            None => self.second.ready.get().map_or(0, |model| model.memory_bytes()),
        }
    }
}
