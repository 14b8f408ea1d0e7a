//! The embedded device: exact inference on this machine's processor.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use myelin_cpu::{Error, Network, Options, Path, Workspace};
use myelin_graph::{ErrorClass, Graph};

use super::{Engine, Prepared};
use crate::error::EngineError;

/// Most workspaces kept for one model; more concurrent runs allocate and free theirs.
const WORKSPACES_KEPT_MAX: usize = 4;

/// Runs models on the processor.
#[derive(Debug, Clone, Copy, Default)]
pub struct CpuEngine {
    options: Options,
}

impl CpuEngine {
    /// With these options; see [`Options`].
    pub fn new(options: Options) -> Self {
        Self { options }
    }

    /// Portable code without special instructions: the last resort.
    pub fn portable() -> Self {
        Self::new(Options { threads: 1, path: Some(Path::Scalar) })
    }
}

impl Engine for CpuEngine {
    fn name(&self) -> String {
        self.options.path.map_or("cpu".to_owned(), |path| format!("cpu:{path}"))
    }

    fn prepare(&self, graph: &Arc<Graph>) -> Result<Arc<dyn Prepared>, EngineError> {
        let network = Network::prepare(graph, &self.options).map_err(engine_error)?;
        Ok(Arc::new(CpuModel { network, idle: Mutex::new(Vec::new()) }))
    }

    fn prepare_within(&self, graph: &Arc<Graph>, bytes_max: u64) -> Result<Arc<dyn Prepared>, EngineError> {
        let network = Network::prepare_within(graph, &self.options, bytes_max).map_err(engine_error)?;
        Ok(Arc::new(CpuModel { network, idle: Mutex::new(Vec::new()) }))
    }
}

struct CpuModel {
    network: Network,
    idle: Mutex<Vec<Workspace>>,
}

impl CpuModel {
    fn answer(&self, input: &[u8], deadline: Option<Instant>) -> Result<Vec<u8>, EngineError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut workspace = idle.unwrap_or_else(|| self.network.workspace());
        let input: Vec<i8> = input.iter().map(|&byte| byte.cast_signed()).collect();
        let output = match deadline {
            None => self.network.run(&mut workspace, &input),
            Some(deadline) => self.network.run_until(&mut workspace, &input, deadline),
        };
        let answer = output.map(|output| output.bytes().to_vec());
        // A workspace can be used again after an error; after a panic it is not put back.
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < WORKSPACES_KEPT_MAX {
            idle.push(workspace);
        }
        answer.map_err(engine_error)
    }
}

impl Prepared for CpuModel {
    fn run(&self, input: &[u8]) -> Result<Vec<u8>, EngineError> {
        self.answer(input, None)
    }

    fn run_until(&self, input: &[u8], deadline: Instant) -> Result<Vec<u8>, EngineError> {
        self.answer(input, Some(deadline))
    }

    fn memory_bytes(&self) -> u64 {
        let graph = self.network.graph();
        let outputs = 4 * graph.heads().iter().map(|&head| graph.shape(head).elements() as u64).sum::<u64>();
        self.network.held_bytes() + WORKSPACES_KEPT_MAX as u64 * (self.network.workspace_bytes() + outputs)
    }
}

/// Verdicts are the chain's; the rest concerns this machine.
fn engine_error(error: Error) -> EngineError {
    let reason = error.to_string();
    match error {
        Error::InputLength { .. } | Error::BoxCount { .. } | Error::HeadRows { .. } => {
            EngineError::Refused { class: ErrorClass::Logic, reason }
        }
        Error::Memory { needed, allowed } => EngineError::Memory { needed, allowed },
        Error::Deadline => EngineError::Late,
        Error::NotOnCpu { .. } | Error::Undefined { .. } => EngineError::Refused { class: ErrorClass::Runtime, reason },
        _ => EngineError::Fault { reason },
    }
}
