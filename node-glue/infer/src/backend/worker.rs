//! The thread that owns a device: it runs inputs one after another, and probes when the device is quarantined.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use myelin_compile::Target;
use myelin_driver::{Deadlines, DriverError, Inference, Link, PreparedModel, Session};

use super::Engine;
use super::health::{DeviceHealth, QuarantineReason};
use super::panic_text;
use super::probe::Probe;

/// An input for a device.
pub(super) struct Job {
    /// What to run.
    pub model: Arc<Mutex<PreparedModel>>,
    /// Elements of the input.
    pub input: Vec<i32>,
    /// After this nobody waits for the answer.
    pub until: Instant,
    /// Where the answer goes: `None` if the device has none.
    pub answer: SyncSender<Option<Inference>>,
}

/// What the thread works with.
pub(super) struct Worker {
    pub place: Place,
    pub target: Target,
    pub processor: Arc<dyn Engine>,
    pub deadlines: Deadlines,
    pub health: Arc<DeviceHealth>,
    pub probe: Option<Probe>,
    /// How often it is looked whether the device has come into quarantine.
    pub interval: Duration,
}

/// Where the link is.
pub(super) enum Place {
    /// Not used yet.
    Idle(Box<dyn Link>),
    /// In a session with some program.
    Open(Box<Session>),
    /// On its way from one to the other; stays so only if that panicked.
    Lost,
}

impl Worker {
    /// Works until the engine and all of its models are gone.
    pub fn work(mut self, jobs: &Receiver<Job>) {
        loop {
            // Whoever finds an answer wrong or late puts the device into quarantine while this thread waits: it looks again.
            let now = Instant::now();
            let until = self.health.next_probe().unwrap_or(now + self.interval);
            let job = jobs.recv_timeout(until.saturating_duration_since(now));
            // The job outlives the verdict on a panic: whoever waits for it finds the quarantine.
            let done = match &job {
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) if self.health.next_probe().is_none_or(|at| Instant::now() < at) => {
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => catch_unwind(AssertUnwindSafe(|| self.probe())),
                Ok(job) => catch_unwind(AssertUnwindSafe(|| self.run(job))),
            };
            if let Err(panic) = done {
                self.place = Place::Lost;
                self.health.fault(&panic_text(panic));
                self.health.set_quarantine(QuarantineReason::Panicked);
            }
        }
    }

    fn run(&mut self, job: &Job) {
        let answer = if self.health.quarantine().is_none() { self.inference(job) } else { None };
        // Whoever asked may have gone; then the processor has answered.
        let _ = job.answer.try_send(answer);
    }

    /// The device's answer; `None` where it has none in time.
    fn inference(&mut self, job: &Job) -> Option<Inference> {
        // A panic in a run before has been told and left nothing behind that is not loaded again.
        let mut model = job.model.lock().unwrap_or_else(PoisonError::into_inner);
        let session = self.place.session(&model, self.deadlines)?;
        for _ in 0..2 {
            if Instant::now() >= job.until {
                return None;
            }
            let error = match model.run(session, &job.input) {
                Ok(inference) => return Some(inference),
                // The processor's own verdict on operators that are its part.
                Err(DriverError::Cpu { .. }) => return None,
                Err(error) => error,
            };
            self.health.fault(&chain(&error));
            if error.is_gone() {
                self.health.set_quarantine(QuarantineReason::Gone);
                return None;
            }
            // Waiting as long once more would be too long for the caller.
            if error.is_timeout() {
                break;
            }
        }
        self.health.failed(QuarantineReason::Failing);
        None
    }

    fn probe(&mut self) {
        if self.probe.is_none() {
            self.probe = Probe::new(&self.target, &*self.processor, self.health.name());
        }
        let passed = match (&mut self.probe, &mut self.place) {
            (Some(probe), place) => match place.session(probe.model(), self.deadlines) {
                Some(session) => probe.passes(session),
                None => Ok(false),
            },
            (None, _) => Ok(false),
        };
        let passed = passed.unwrap_or_else(|error| {
            tracing::info!(
                device = self.health.name(),
                error = chain(&error),
                "the quarantined device fails its probe"
            );
            false
        });
        self.health.probed(passed);
    }
}

impl Place {
    /// The session; it has its link from now on.
    fn session(&mut self, model: &PreparedModel, deadlines: Deadlines) -> Option<&mut Session> {
        if let Place::Idle(_) = self
            && let Place::Idle(link) = std::mem::replace(self, Place::Lost)
        {
            let mut session = Session::attach(link, model.first_program().clone(), deadlines);
            // A node asks for answers only.
            session.set_reports(false);
            *self = Place::Open(Box::new(session));
        }
        match self {
            Place::Open(session) => Some(session),
            Place::Idle(_) | Place::Lost => None,
        }
    }
}

/// An error with its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
