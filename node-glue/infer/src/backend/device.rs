//! A device behind a link as an engine, with the processor at its side.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use myelin_compile::{Program, compile};
use myelin_cpu::Output;
use myelin_driver::{Deadlines, Device, DriverError, Inference, Link, LinkError, Session};
use myelin_graph::Graph;
use myelin_isa::Architecture;

use super::{Engine, Prepared, contained};
use crate::error::EngineError;

/// Failed runs in a row after which a device is used no more.
const FAILURES_MAX: u32 = 3;

/// How far a device is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceConfig {
    /// One answer in so many is computed again on the processor. Only 1 keeps every wrong bit from
    /// the node; more is for devices that have earned it.
    pub check_every: NonZeroU32,
    /// How long transfers and runs may take; a node's caller gives up after 5 s.
    pub deadlines: Deadlines,
}

impl Default for DeviceConfig {
    /// Every answer checked; one second for a transfer, two for a run.
    fn default() -> Self {
        let deadlines = Deadlines { transfer: Duration::from_secs(1), run: Duration::from_secs(2) };
        Self { check_every: NonZeroU32::MIN, deadlines }
    }
}

/// Runs models on a device where it can, and on the processor where it cannot.
///
/// The processor prepares every model and gives every verdict; the device only gives answers, and
/// whatever goes wrong there the input is computed on the processor:
///
/// | what the device does | what follows |
/// |---|---|
/// | cannot run the model (the compiler refuses it) | the model runs on the processor |
/// | fails | it is reset, loaded and tried once more; then the processor |
/// | does not answer in time | the processor; it is reset before it is used again |
/// | fails for the third input in a row, or is gone | quarantine: it is used no more |
/// | a checked answer differs from the processor's | quarantine, and the processor's answer counts |
///
/// One device holds one program: a run of another model than the last loads it first. Runs on the
/// device take turns.
pub struct DeviceEngine {
    shared: Arc<Shared>,
    processor: Arc<dyn Engine>,
    models: AtomicU64,
}

impl DeviceEngine {
    /// On the device of `link`, beside `processor`, which must be exact.
    pub fn new(link: Box<dyn Link>, processor: impl Engine + 'static, config: DeviceConfig) -> Self {
        let info = link.info();
        let shared = Shared {
            name: info.selector,
            architecture: info.architecture,
            config,
            faults: Arc::default(),
            answers: AtomicU64::new(0),
            quarantined: AtomicBool::new(false),
            place: Mutex::new(Place::Idle(link)),
        };
        Self { shared: Arc::new(shared), processor: Arc::new(processor), models: AtomicU64::new(0) }
    }

    /// How often the device has failed or answered wrongly; the count is shared and grows while models run.
    pub fn faults(&self) -> Arc<AtomicU64> {
        self.shared.faults.clone()
    }

    /// Whether the device is used no more.
    pub fn is_quarantined(&self) -> bool {
        self.shared.is_quarantined()
    }
}

impl Engine for DeviceEngine {
    fn name(&self) -> String {
        self.shared.name.clone()
    }

    fn prepare(&self, graph: &Arc<Graph>) -> Result<Arc<dyn Prepared>, EngineError> {
        self.prepare_within(graph, u64::MAX)
    }

    fn prepare_within(&self, graph: &Arc<Graph>, bytes_max: u64) -> Result<Arc<dyn Prepared>, EngineError> {
        let processor = self.processor.prepare_within(graph, bytes_max)?;
        let program = contained(|| {
            let no_cell = || EngineError::Fault { reason: format!("{} is no tensor cell", self.shared.name) };
            let compiled = compile(graph, self.shared.architecture.as_ref().ok_or_else(no_cell)?);
            compiled.map_err(|error| EngineError::Fault { reason: error.to_string() })
        });
        let program = program.inspect_err(|reason| {
            tracing::info!(device = self.shared.name, %reason, "the device cannot run this model: it runs on the processor");
        });
        let id = self.models.fetch_add(1, Ordering::Relaxed);
        let program = program.ok();
        Ok(Arc::new(DeviceModel { shared: self.shared.clone(), graph: graph.clone(), processor, program, id }))
    }
}

/// The device and what is known of it.
struct Shared {
    name: String,
    /// `None` if it is no cell.
    architecture: Option<Architecture>,
    config: DeviceConfig,
    faults: Arc<AtomicU64>,
    /// Answers given so far.
    answers: AtomicU64,
    quarantined: AtomicBool,
    place: Mutex<Place>,
}

/// Where the link is.
enum Place {
    /// Not used yet.
    Idle(Box<dyn Link>),
    /// In a session with the program of a model.
    Loaded { session: Box<Session>, model: u64, failures: u32 },
    /// On its way from one to the other; stays so only if that panicked.
    Lost,
}

impl Shared {
    fn is_quarantined(&self) -> bool {
        self.quarantined.load(Ordering::Relaxed)
    }

    fn quarantine(&self, reason: &str) {
        self.quarantined.store(true, Ordering::Relaxed);
        tracing::error!(device = self.name, reason, "the device is used no more until the process is started again");
    }

    fn fault(&self, reason: &dyn std::fmt::Display) {
        self.faults.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(device = self.name, %reason, "device fault");
    }

    /// Whether the next answer is to be checked: the first, and then one in every so many.
    fn is_check_due(&self) -> bool {
        let answer = self.answers.fetch_add(1, Ordering::Relaxed);
        answer.is_multiple_of(u64::from(self.config.check_every.get()))
    }

    /// The device's answer; `None` where it has none.
    fn run(&self, model: u64, program: &Program, input: &[i32]) -> Option<Inference> {
        // A panic with the lock held leaves a device that nobody can vouch for.
        let Ok(mut place) = self.place.lock() else {
            self.quarantine("an earlier run panicked");
            return None;
        };
        let (session, failures) = place.session(model, program, self.config.deadlines)?;
        for _ in 0..2 {
            let error = match attempt(session, input) {
                Ok(inference) => {
                    *failures = 0;
                    return Some(inference);
                }
                Err(error) => error,
            };
            self.fault(&chain(&error));
            if error.is_gone() {
                self.quarantine("the device is gone");
                return None;
            }
            // Waiting as long once more would be too long for the caller.
            if matches!(error, DriverError::Link { source: LinkError::Timeout { .. }, .. }) {
                break;
            }
        }
        *failures += 1;
        if *failures >= FAILURES_MAX {
            self.quarantine("it has failed too often");
        }
        None
    }
}

impl Place {
    /// The session with a model's program, loaded or to be loaded, and its failures in a row.
    fn session(&mut self, wanted: u64, program: &Program, deadlines: Deadlines) -> Option<(&mut Session, &mut u32)> {
        if let Place::Idle(_) = self
            && let Place::Idle(link) = std::mem::replace(self, Place::Lost)
        {
            let session = Box::new(Session::attach(link, program.clone(), deadlines));
            *self = Place::Loaded { session, model: wanted, failures: 0 };
        }
        let Place::Loaded { session, model, failures } = self else { return None };
        if *model != wanted {
            session.exchange(program.clone());
            *model = wanted;
        }
        Some((session, failures))
    }
}

fn attempt(session: &mut Session, input: &[i32]) -> Result<Inference, DriverError> {
    if !session.is_ready() {
        session.recover()?;
    }
    session.run(input)
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

struct DeviceModel {
    shared: Arc<Shared>,
    graph: Arc<Graph>,
    processor: Arc<dyn Prepared>,
    /// `None` if the device cannot run it.
    program: Option<Program>,
    id: u64,
}

impl DeviceModel {
    /// The device's answer as bytes; `None` where it has none.
    fn on_device(&self, program: &Program, input: &[u8]) -> Option<Vec<u8>> {
        let values = widened(input, self.graph.input_type_size());
        if values.len() != self.graph.input_shape().elements() {
            // The processor says what the chain says of that.
            return None;
        }
        let inference = self.shared.run(self.id, program, &values)?;
        let heads: Vec<&[i32]> = inference.outputs.iter().map(|output| &output.values[..]).collect();
        match Output::of_heads(&self.graph, &heads) {
            Ok(output) => Some(output.bytes().to_vec()),
            Err(error) => {
                self.shared.fault(&error);
                None
            }
        }
    }
}

impl DeviceModel {
    fn on_processor(&self, input: &[u8], deadline: Option<Instant>) -> Result<Vec<u8>, EngineError> {
        match deadline {
            None => self.processor.run(input),
            Some(deadline) => self.processor.run_until(input, deadline),
        }
    }

    /// The deadline is the processor's; a run of the device has the bound of its session.
    fn answer(&self, input: &[u8], deadline: Option<Instant>) -> Result<Vec<u8>, EngineError> {
        let program = self.program.as_ref().filter(|_| !self.shared.is_quarantined());
        let answer = program.and_then(|program| match contained(|| Ok(self.on_device(program, input))) {
            Ok(answer) => answer,
            Err(panic) => {
                self.shared.fault(&panic);
                self.shared.quarantine("its driver panicked");
                None
            }
        });
        let Some(answer) = answer else { return self.on_processor(input, deadline) };
        if !self.shared.is_check_due() {
            return Ok(answer);
        }
        let verdict = self.on_processor(input, deadline);
        // A processor that could not tell in time says nothing of the device; the answer stays unchecked
        // and is not given.
        let is_told = !matches!(verdict, Err(EngineError::Late));
        if is_told && !matches!(&verdict, Ok(right) if *right == answer) {
            self.shared.fault(&"the answer differs from the processor's");
            self.shared.quarantine("it has answered wrongly");
        }
        verdict
    }
}

impl Prepared for DeviceModel {
    fn run(&self, input: &[u8]) -> Result<Vec<u8>, EngineError> {
        self.answer(input, None)
    }

    fn run_until(&self, input: &[u8], deadline: Instant) -> Result<Vec<u8>, EngineError> {
        self.answer(input, Some(deadline))
    }

    fn memory_bytes(&self) -> u64 {
        let program = self.program.as_ref().map_or(0, |program| program.image.len() + 16 * program.instruction_count());
        self.processor.memory_bytes() + program as u64
    }
}

/// Elements of one signed byte, or of four little-endian.
fn widened(input: &[u8], type_size: u64) -> Vec<i32> {
    if type_size == 1 {
        input.iter().map(|&byte| i32::from(byte.cast_signed())).collect()
    } else {
        // A rest of less than a word shows in the count.
        input.chunks(4).map_while(|word| word.try_into().ok().map(i32::from_le_bytes)).collect()
    }
}
