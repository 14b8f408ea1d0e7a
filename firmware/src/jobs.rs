//! The queue of jobs: runs that follow each other without the host.

use myelin_isa::framing::JobState;
use myelin_isa::register;

use crate::core::Core;

/// What a job does.
#[derive(Clone, Copy, Debug, Default)]
pub struct JobPlan {
    /// What is written to START.
    pub entry: u32,
    /// Where the input goes in device memory.
    pub input_address: u32,
    /// Where the output is.
    pub output_address: u32,
    /// Its bytes.
    pub output_length: u16,
    /// Milliseconds after which it has failed; 0: never.
    pub limit_ms: u32,
}

/// A place in the queue.
#[derive(Debug)]
struct Job<const P: usize> {
    plan: JobPlan,
    id: u16,
    state: JobState,
    /// Input before the run, output after it.
    data: [u8; P],
    length: usize,
    started_ms: u64,
    status: u32,
    cycles: u32,
}

/// How a job is, and its output.
#[derive(Clone, Copy, Debug)]
pub struct JobView<'a> {
    /// What has become of it.
    pub state: JobState,
    /// STATUS as of its end.
    pub status: u32,
    /// Its cycles.
    pub cycles: u32,
    /// Its output.
    pub output: &'a [u8],
}

/// What happened in the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JobEvent {
    /// A program trapped; with STATUS.
    Trapped(u32),
    /// A job took too long; with its number.
    OverLimit(u16),
}

/// Up to `J` jobs with up to `P` bytes of input or output.
#[derive(Debug)]
pub struct Jobs<const J: usize, const P: usize> {
    places: [Job<P>; J],
    next_id: u16,
}

impl<const J: usize, const P: usize> Default for Jobs<J, P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const J: usize, const P: usize> Jobs<J, P> {
    /// No jobs.
    pub const fn new() -> Self {
        Jobs { places: [const { Self::none() }; J], next_id: 1 }
    }

    const fn none() -> Job<P> {
        Job {
            plan: JobPlan { entry: 0, input_address: 0, output_address: 0, output_length: 0, limit_ms: 0 },
            id: 0,
            state: JobState::Unknown,
            data: [0; P],
            length: 0,
            started_ms: 0,
            status: 0,
            cycles: 0,
        }
    }

    /// Drops all.
    pub fn clear(&mut self) {
        self.places.iter_mut().for_each(|job| job.state = JobState::Unknown);
    }

    /// Whether one runs or waits.
    pub fn are_active(&self) -> bool {
        self.places.iter().any(|job| matches!(job.state, JobState::Queued | JobState::Running))
    }

    /// Queues one; its number, or `None` if all places are taken.
    pub fn submit(&mut self, plan: JobPlan, input: &[u8]) -> Option<u16> {
        let job = self.places.iter_mut().find(|job| job.state == JobState::Unknown)?;
        job.data.get_mut(..input.len())?.copy_from_slice(input);
        let id = self.next_id;
        self.next_id = id.checked_add(1).unwrap_or(1);
        (job.plan, job.id, job.length, job.state) = (plan, id, input.len(), JobState::Queued);
        (job.status, job.cycles) = (0, 0);
        Some(id)
    }

    /// How a job is.
    pub fn view(&self, id: u16) -> JobView<'_> {
        match self.places.iter().find(|job| job.id == id && job.state != JobState::Unknown) {
            Some(job) => {
                let output = if job.state == JobState::Done { &job.data[..job.length] } else { &[][..] };
                JobView { state: job.state, status: job.status, cycles: job.cycles, output }
            }
            None => JobView { state: JobState::Unknown, status: 0, cycles: 0, output: &[] },
        }
    }

    /// Frees the place of a job that has ended.
    pub fn free(&mut self, id: u16) {
        let ended = |job: &&mut Job<P>| job.id == id && matches!(job.state, JobState::Done | JobState::Failed);
        if let Some(job) = self.places.iter_mut().find(ended) {
            job.state = JobState::Unknown;
        }
    }

    /// Starts the next, or ends the one that runs.
    pub fn step(&mut self, core: &mut impl Core, now_ms: u64) -> Option<JobEvent> {
        if let Some(job) = self.places.iter_mut().find(|job| job.state == JobState::Running) {
            return job.watch(core, now_ms);
        }
        // The oldest: numbers wrap, but not within the places there are.
        let next_id = self.next_id;
        let queued = self.places.iter_mut().filter(|job| job.state == JobState::Queued);
        if let Some(job) = queued.max_by_key(|job| next_id.wrapping_sub(job.id)) {
            job.start(core, now_ms);
        }
        None
    }
}

impl<const P: usize> Job<P> {
    fn start(&mut self, core: &mut impl Core, now_ms: u64) {
        if !core.write_memory(self.plan.input_address, &self.data[..self.length]) {
            self.state = JobState::Failed;
            return;
        }
        core.write_register(register::START, self.plan.entry);
        (self.state, self.started_ms) = (JobState::Running, now_ms);
    }

    fn watch(&mut self, core: &mut impl Core, now_ms: u64) -> Option<JobEvent> {
        let is_over = self.plan.limit_ms > 0 && now_ms - self.started_ms >= u64::from(self.plan.limit_ms);
        if !core.interrupt() && !is_over {
            return None;
        }
        self.status = core.read_register(register::STATUS);
        self.cycles = core.read_register(register::COUNTERS + 4 * register::COUNTER_CYCLES);
        self.state = JobState::Failed;
        if !core.interrupt() {
            core.restart();
            return Some(JobEvent::OverLimit(self.id));
        }
        if self.status & register::STATUS_TRAPPED != 0 {
            core.restart();
            return Some(JobEvent::Trapped(self.status));
        }
        let output = &mut self.data[..usize::from(self.plan.output_length).min(P)];
        if core.read_memory(self.plan.output_address, output) {
            (self.state, self.length) = (JobState::Done, output.len());
        }
        None
    }
}
