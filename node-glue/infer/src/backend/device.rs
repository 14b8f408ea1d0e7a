//! Devices behind links as one engine, with the processor at their side.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use myelin_cpu::Output;
use myelin_driver::{Deadlines, Inference, Link, PreparedModel};
use myelin_graph::Graph;

use super::attached::{Attached, Plan};
use super::health::{DeviceHealth, ProbeIntervals, QuarantineReason};
use super::{Engine, Prepared, contained};
use crate::error::EngineError;

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

/// Runs models on devices where they can, and on the processor where they cannot.
///
/// The processor prepares every model and gives every verdict; devices only give answers, and
/// whatever goes wrong there the input is computed elsewhere:
///
/// | what a device does | what follows |
/// |---|---|
/// | cannot run the model (the compiler refuses it) | the model runs on the others, or on the processor |
/// | has inputs waiting already | the device with the fewest; where all have many, the processor |
/// | fails | it is reset, loaded and tried once more; then another device if there is time, then the processor |
/// | does not answer in time | the processor; it is reset before it is used again |
/// | is late or fails for the third input in a row, or is gone | another device or the processor; quarantine |
/// | a checked answer differs from the processor's | the processor's answer counts; quarantine, and every later answer is checked |
/// | in quarantine | the others; a probe from time to time, and if it is right the device is used again |
/// | its driver panics | the others, until the process is started again |
///
/// Each device has a thread of its own, so that one that never answers keeps nobody: an input waits no longer than
/// [`DeviceConfig::patience`], and leaves the processor the time that it needs before the input's deadline. One
/// device holds one program: a run of another model than the last loads it first, so that of devices equally
/// busy the one takes an input that has its model, or else one that has none yet.
pub struct DeviceEngine {
    devices: Arc<[Attached]>,
    faults: Arc<AtomicU64>,
    patience: Duration,
    processor: Arc<dyn Engine>,
}

impl DeviceEngine {
    /// On the device of `link`, beside `processor`, which must be exact.
    pub fn new(link: Box<dyn Link>, processor: impl Engine + 'static, config: DeviceConfig) -> Self {
        Self::of_all([link], processor, config)
    }

    /// On the devices of all `links`.
    pub fn of_all(
        links: impl IntoIterator<Item = Box<dyn Link>>,
        processor: impl Engine + 'static,
        config: DeviceConfig,
    ) -> Self {
        let (faults, processor): (Arc<AtomicU64>, Arc<dyn Engine>) = (Arc::default(), Arc::new(processor));
        let devices = links.into_iter().map(|link| Attached::start(link, &processor, &config, &faults)).collect();
        Self { devices, faults, patience: config.patience, processor }
    }

    /// How often the devices have failed or answered wrongly; the count is shared and grows while models run.
    pub fn faults(&self) -> Arc<AtomicU64> {
        self.faults.clone()
    }

    /// What is known of each device, now and later, in the order of the links.
    pub fn devices(&self) -> Vec<Arc<DeviceHealth>> {
        self.devices.iter().map(|device| device.health().clone()).collect()
    }

    fn plan(&self, device: &Attached, graph: &Graph) -> Option<PreparedModel> {
        let plan = contained(|| device.plan(graph)).inspect_err(|reason| {
            let device = device.health().name();
            tracing::info!(device, %reason, "the device cannot run this model");
        });
        plan.ok()
    }
}

impl Engine for DeviceEngine {
    fn name(&self) -> String {
        let names: Vec<&str> = self.devices.iter().map(|device| device.health().name()).collect();
        names.join(" ")
    }

    fn prepare(&self, graph: &Arc<Graph>) -> Result<Arc<dyn Prepared>, EngineError> {
        self.prepare_within(graph, u64::MAX)
    }

    fn prepare_within(&self, graph: &Arc<Graph>, bytes_max: u64) -> Result<Arc<dyn Prepared>, EngineError> {
        let processor = self.processor.prepare_within(graph, bytes_max)?;
        let mut plan_bytes = 0;
        let mut plans = Vec::new();
        for device in self.devices.iter() {
            let plan = self.plan(device, graph);
            let programs = plan.iter().flat_map(PreparedModel::programs);
            plan_bytes += programs.map(|program| program.image.len() + 16 * program.instruction_count()).sum::<usize>();
            plans.push(plan.map(|plan| Arc::new(Mutex::new(plan))));
        }
        Ok(Arc::new(DeviceModel {
            devices: self.devices.clone(),
            patience: self.patience,
            graph: graph.clone(),
            processor,
            plan_bytes: plan_bytes as u64,
            plans,
            processor_nanoseconds: AtomicU64::new(0),
        }))
    }
}

struct DeviceModel {
    devices: Arc<[Attached]>,
    patience: Duration,
    graph: Arc<Graph>,
    processor: Arc<dyn Prepared>,
    /// For each device; `None` if it cannot run the model.
    plans: Vec<Option<Plan>>,
    plan_bytes: u64,
    /// The longest that the processor has taken; 0 if it has not run yet.
    processor_nanoseconds: AtomicU64,
}

impl DeviceModel {
    /// A device's answer as bytes, and whose it is; `None` where none has one.
    fn on_device(&self, input: &[u8], deadline: Option<Instant>) -> Option<(Vec<u8>, &Attached)> {
        let values = widened(input, self.graph.input_type_size());
        if values.len() != self.graph.input_shape().elements() {
            // The processor says what the chain says of that.
            return None;
        }
        let until = self.patience_ends(deadline);
        let plans = self.devices.iter().zip(&self.plans);
        let mut usable: Vec<(&Attached, &Plan)> =
            plans.filter_map(|(device, plan)| Some((device, plan.as_ref().filter(|_| device.is_usable())?))).collect();
        usable.sort_by_key(|(device, plan)| device.cost(plan));
        let mut answers = usable.into_iter().map_while(|(device, plan)| {
            let is_time = Instant::now() < until;
            is_time.then(|| Some((self.bytes(&device.run(plan, values.clone(), until)?, device)?, device)))
        });
        answers.find_map(|answer| answer)
    }

    fn bytes(&self, inference: &Inference, device: &Attached) -> Option<Vec<u8>> {
        let heads: Vec<&[i32]> = inference.outputs.iter().map(|output| &output.values[..]).collect();
        match Output::of_heads(&self.graph, &heads) {
            Ok(output) => Some(output.bytes().to_vec()),
            Err(error) => {
                device.health().fault(&error);
                None
            }
        }
    }

    /// When the processor has to begin: it gets twice what it has ever taken, and half of all as long as that is
    /// not known.
    fn patience_ends(&self, deadline: Option<Instant>) -> Instant {
        let now = Instant::now();
        let Some(deadline) = deadline else { return now + self.patience };
        let left = deadline.saturating_duration_since(now);
        let reserve = match self.processor_nanoseconds.load(Ordering::Relaxed) {
            0 => left / 2,
            taken => Duration::from_nanos(taken).saturating_mul(2).max(left / 8),
        };
        now + self.patience.min(left.saturating_sub(reserve))
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
        let Some((answer, device)) = self.on_device(input, deadline) else {
            return self.on_processor(input, deadline);
        };
        if !device.is_check_due() {
            return Ok(answer);
        }
        let verdict = self.on_processor(input, deadline);
        // A processor that could not tell in time says nothing of the device; the answer stays unchecked
        // and is not given.
        let is_told = !matches!(verdict, Err(EngineError::Late));
        if is_told && !matches!(&verdict, Ok(right) if *right == answer) {
            device.health().fault(&"the answer differs from the processor's");
            device.health().set_quarantine(QuarantineReason::Wrong);
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
