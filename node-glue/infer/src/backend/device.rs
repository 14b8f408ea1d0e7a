//! A device behind a link as an engine, with the processor at its side.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use myelin_compile::{Target, compile_model};
use myelin_cpu::{Options, Output};
use myelin_driver::{Deadlines, Inference, Link, PreparedModel};
use myelin_graph::Graph;

use super::health::{DeviceHealth, ProbeIntervals, QuarantineReason};
use super::worker::{Job, Place, Worker};
use super::{Engine, Prepared, contained};
use crate::error::EngineError;

/// Inputs that wait for a device besides the one on it; the processor computes what comes beyond.
const WAITING_MAX: usize = 4;

/// How far a device is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceConfig {
    /// One answer in so many is computed again on the processor. Only 1 keeps every wrong bit from
    /// the node; more is for devices that have earned it.
    pub check_every: NonZeroU32,
    /// How long one transfer and one run may take before the device counts as silent.
    pub deadlines: Deadlines,
    /// How long an input waits for the device before the processor computes it.
    pub patience: Duration,
    /// When a quarantined device is asked again.
    pub probes: ProbeIntervals,
}

impl Default for DeviceConfig {
    /// Every answer checked; one second for a transfer, two for a run and for all of an input, as a node's caller
    /// gives up after 5 s; probes from a second to a minute after each other.
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            check_every: NonZeroU32::MIN,
            deadlines: Deadlines { transfer: seconds(1), run: seconds(2) },
            patience: seconds(2),
            probes: ProbeIntervals { first: seconds(1), longest: seconds(60) },
        }
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
/// | has inputs waiting already | the processor |
/// | fails | it is reset, loaded and tried once more; then the processor |
/// | does not answer in time | the processor; it is reset before it is used again |
/// | is late or fails for the third input in a row, or is gone | the processor; quarantine |
/// | a checked answer differs from the processor's | the processor's answer counts; quarantine, and every later answer is checked |
/// | in quarantine | the processor; a probe from time to time, and if it is right the device is used again |
/// | its driver panics | the processor, until the process is started again |
///
/// The device has a thread of its own, so that one that never answers keeps nobody: an input waits no longer than
/// [`DeviceConfig::patience`], and leaves the processor the time that it needs before the input's deadline. One
/// device holds one program: a run of another model than the last loads it first.
pub struct DeviceEngine {
    device: Arc<Shared>,
    target: Option<Target>,
    processor: Arc<dyn Engine>,
}

impl DeviceEngine {
    /// On the device of `link`, beside `processor`, which must be exact.
    pub fn new(link: Box<dyn Link>, processor: impl Engine + 'static, config: DeviceConfig) -> Self {
        let info = link.info();
        let health = Arc::new(DeviceHealth::new(info.selector, config.probes));
        let processor: Arc<dyn Engine> = Arc::new(processor);
        let target = info.architecture.map(Target::of);
        let (jobs, waiting) = sync_channel(WAITING_MAX);
        if let Some(target) = target {
            let worker = Worker {
                place: Place::Idle(link),
                target,
                processor: processor.clone(),
                deadlines: config.deadlines,
                health: health.clone(),
                probe: None,
                interval: config.probes.first,
            };
            // Nobody waits for the thread to end: a device that hangs would keep them.
            std::thread::spawn(move || worker.work(&waiting));
        }
        let device = Shared { jobs, config, health, answers: AtomicU64::new(0) };
        Self { device: Arc::new(device), target, processor }
    }

    /// How often the device has failed or answered wrongly; the count is shared and grows while models run.
    pub fn faults(&self) -> Arc<AtomicU64> {
        self.device.health.faults()
    }

    /// What is known of the device, now and later.
    pub fn health(&self) -> Arc<DeviceHealth> {
        self.device.health.clone()
    }

    /// The model's part for the device.
    fn plan(&self, graph: &Graph) -> Result<PreparedModel, EngineError> {
        let name = self.device.health.name();
        let fault = |reason: String| EngineError::Fault { reason };
        let target = self.target.as_ref().ok_or_else(|| fault(format!("{name} is no tensor cell")))?;
        let model = compile_model(graph, target).map_err(|error| fault(error.to_string()))?;
        PreparedModel::prepare(graph, model, &Options::default(), name).map_err(|error| fault(error.to_string()))
    }
}

impl Engine for DeviceEngine {
    fn name(&self) -> String {
        self.device.health.name().to_owned()
    }

    fn prepare(&self, graph: &Arc<Graph>) -> Result<Arc<dyn Prepared>, EngineError> {
        self.prepare_within(graph, u64::MAX)
    }

    fn prepare_within(&self, graph: &Arc<Graph>, bytes_max: u64) -> Result<Arc<dyn Prepared>, EngineError> {
        let processor = self.processor.prepare_within(graph, bytes_max)?;
        let plan = contained(|| self.plan(graph)).inspect_err(|reason| {
            tracing::info!(device = self.name(), %reason, "the device cannot run this model: it runs on the processor");
        });
        let plan = plan.ok();
        let bytes = |plan: &PreparedModel| -> usize {
            plan.programs().map(|program| program.image.len() + 16 * program.instruction_count()).sum()
        };
        Ok(Arc::new(DeviceModel {
            device: self.device.clone(),
            graph: graph.clone(),
            processor,
            plan_bytes: plan.as_ref().map_or(0, bytes) as u64,
            plan: plan.map(|plan| Arc::new(Mutex::new(plan))),
            processor_nanoseconds: AtomicU64::new(0),
        }))
    }
}

/// The device, as engine and models see it.
struct Shared {
    jobs: SyncSender<Job>,
    config: DeviceConfig,
    health: Arc<DeviceHealth>,
    /// Answers given so far.
    answers: AtomicU64,
}

impl Shared {
    /// Whether the next answer is to be checked: the first, and then one in every so many.
    fn is_check_due(&self) -> bool {
        let answer = self.answers.fetch_add(1, Ordering::Relaxed);
        answer.is_multiple_of(u64::from(self.config.check_every.get())) || self.health.has_lied()
    }

    /// The device's answer; `None` where it has none by `until`.
    fn run(&self, model: &Arc<Mutex<PreparedModel>>, input: Vec<i32>, until: Instant) -> Option<Inference> {
        let (answer, answered) = sync_channel(1);
        match self.jobs.try_send(Job { model: model.clone(), input, until, answer }) {
            Ok(()) => {}
            // Others keep it busy. That is no fault; if it hangs those who wait for it will say so.
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => return None,
        }
        match answered.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(answer) => answer.inspect(|_| self.health.succeeded()),
            Err(RecvTimeoutError::Timeout) => {
                self.health.fault(&"no answer in the time that the input has");
                self.health.failed(QuarantineReason::Slow);
                None
            }
            // It has panicked, and said so.
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }
}

struct DeviceModel {
    device: Arc<Shared>,
    graph: Arc<Graph>,
    processor: Arc<dyn Prepared>,
    /// `None` if the device cannot run it.
    plan: Option<Arc<Mutex<PreparedModel>>>,
    plan_bytes: u64,
    /// The longest that the processor has taken; 0 if it has not run yet.
    processor_nanoseconds: AtomicU64,
}

impl DeviceModel {
    /// The device's answer as bytes; `None` where it has none.
    fn on_device(&self, input: &[u8], deadline: Option<Instant>) -> Option<Vec<u8>> {
        let plan = self.plan.as_ref().filter(|_| self.device.health.quarantine().is_none())?;
        let values = widened(input, self.graph.input_type_size());
        if values.len() != self.graph.input_shape().elements() {
            // The processor says what the chain says of that.
            return None;
        }
        let inference = self.device.run(plan, values, self.patience_ends(deadline))?;
        let heads: Vec<&[i32]> = inference.outputs.iter().map(|output| &output.values[..]).collect();
        match Output::of_heads(&self.graph, &heads) {
            Ok(output) => Some(output.bytes().to_vec()),
            Err(error) => {
                self.device.health.fault(&error);
                None
            }
        }
    }

    /// When the processor has to begin: it gets twice what it has ever taken, and half of all as long as that is
    /// not known.
    fn patience_ends(&self, deadline: Option<Instant>) -> Instant {
        let now = Instant::now();
        let patience = self.device.config.patience;
        let Some(deadline) = deadline else { return now + patience };
        let left = deadline.saturating_duration_since(now);
        let reserve = match self.processor_nanoseconds.load(Ordering::Relaxed) {
            0 => left / 2,
            taken => Duration::from_nanos(taken).saturating_mul(2).max(left / 8),
        };
        now + patience.min(left.saturating_sub(reserve))
    }

    fn on_processor(&self, input: &[u8], deadline: Option<Instant>) -> Result<Vec<u8>, EngineError> {
        let begin = Instant::now();
        let verdict = match deadline {
            None => self.processor.run(input),
            Some(deadline) => self.processor.run_until(input, deadline),
        };
        let taken = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.processor_nanoseconds.fetch_max(taken.max(1), Ordering::Relaxed);
        verdict
    }

    fn answer(&self, input: &[u8], deadline: Option<Instant>) -> Result<Vec<u8>, EngineError> {
        let Some(answer) = self.on_device(input, deadline) else { return self.on_processor(input, deadline) };
        if !self.device.is_check_due() {
            return Ok(answer);
        }
        let verdict = self.on_processor(input, deadline);
        // A processor that could not tell in time says nothing of the device; the answer stays unchecked
        // and is not given.
        let is_told = !matches!(verdict, Err(EngineError::Late));
        if is_told && !matches!(&verdict, Ok(right) if *right == answer) {
            self.device.health.fault(&"the answer differs from the processor's");
            self.device.health.set_quarantine(QuarantineReason::Wrong);
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
        self.processor.memory_bytes() + self.plan_bytes
    }
}

/// Elements of one signed byte, or of four little-endian.
pub(super) fn widened(bytes: &[u8], type_size: u64) -> Vec<i32> {
    if type_size == 1 {
        bytes.iter().map(|&byte| i32::from(byte.cast_signed())).collect()
    } else {
        // A rest of less than a word shows in the count.
        bytes.chunks(4).map_while(|word| word.try_into().ok().map(i32::from_le_bytes)).collect()
    }
}
