//! One device of several: its queue, how far it is trusted, and what it is loaded with.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use myelin_compile::{Target, compile_model};
use myelin_cpu::Options;
use myelin_driver::{Inference, Link, PreparedModel};
use myelin_graph::Graph;

use super::Engine;
use super::device::DeviceConfig;
use super::health::{DeviceHealth, QuarantineReason};
use super::worker::{Job, Place, Worker};
use crate::error::EngineError;

/// Inputs that wait for a device besides the one on it; others compute what comes beyond.
const WAITING_MAX: usize = 4;

/// A device with a thread of its own.
pub(super) struct Attached {
    jobs: SyncSender<Job>,
    check_every: u64,
    health: Arc<DeviceHealth>,
    target: Option<Target>,
    /// Answers given so far.
    answers: AtomicU64,
    /// Inputs on it and before it.
    pending: AtomicUsize,
    /// Which model was given to it last: the address of its part, 0 for none.
    loaded: AtomicUsize,
}

/// A model's part for a device.
pub(super) type Plan = Arc<Mutex<PreparedModel>>;

impl Attached {
    /// Starts the thread of the device behind `link`; `faults` counts those of all devices.
    pub fn start(
        link: Box<dyn Link>,
        processor: &Arc<dyn Engine>,
        config: &DeviceConfig,
        faults: &Arc<AtomicU64>,
    ) -> Attached {
        let info = link.info();
        let health = Arc::new(DeviceHealth::new(info.selector, config.probes, faults.clone()));
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
        Attached {
            jobs,
            check_every: config.check_every.get().into(),
            health,
            target,
            answers: AtomicU64::new(0),
            pending: AtomicUsize::new(0),
            loaded: AtomicUsize::new(0),
        }
    }

    /// What is known of it.
    pub fn health(&self) -> &Arc<DeviceHealth> {
        &self.health
    }

    /// The model's part for it.
    ///
    /// **Errors.** [`EngineError::Fault`] if it cannot run the model.
    pub fn plan(&self, graph: &Graph) -> Result<PreparedModel, EngineError> {
        let name = self.health.name();
        let fault = |reason: String| EngineError::Fault { reason };
        let target = self.target.as_ref().ok_or_else(|| fault(format!("{name} is no tensor cell")))?;
        let model = compile_model(graph, target).map_err(|error| fault(error.to_string()))?;
        PreparedModel::prepare(graph, model, &Options::default(), name).map_err(|error| fault(error.to_string()))
    }

    /// Whether it may be asked.
    pub fn is_usable(&self) -> bool {
        self.health.quarantine().is_none()
    }

    /// The less the sooner: inputs before it; then whether it has the model, has none, or would lose another.
    pub fn cost(&self, plan: &Plan) -> (usize, u8) {
        let loaded = match self.loaded.load(Ordering::Relaxed) {
            loaded if loaded == identity(plan) => 0,
            0 => 1,
            _ => 2,
        };
        (self.pending.load(Ordering::Relaxed), loaded)
    }

    /// Whether its next answer is to be checked: the first, and then one in every so many.
    pub fn is_check_due(&self) -> bool {
        let answer = self.answers.fetch_add(1, Ordering::Relaxed);
        answer.is_multiple_of(self.check_every) || self.health.has_lied()
    }

    /// Its answer; `None` where it has none by `until`.
    pub fn run(&self, plan: &Plan, input: Vec<i32>, until: Instant) -> Option<Inference> {
        self.pending.fetch_add(1, Ordering::Relaxed);
        let answer = self.ask(plan, input, until);
        self.pending.fetch_sub(1, Ordering::Relaxed);
        answer
    }

    fn ask(&self, plan: &Plan, input: Vec<i32>, until: Instant) -> Option<Inference> {
        let (answer, answered) = sync_channel(1);
        match self.jobs.try_send(Job { model: plan.clone(), input, until, answer }) {
            Ok(()) => self.loaded.store(identity(plan), Ordering::Relaxed),
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

/// The same for the same model only, as long as that lives; after that a guess that costs nothing but time.
fn identity(plan: &Plan) -> usize {
    Arc::as_ptr(plan).addr()
}
