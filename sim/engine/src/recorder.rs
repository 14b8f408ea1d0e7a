//! Waves around a failing check: the recent past, kept as a checkpoint and what was done since, and
//! simulated again with a wave file when a check fails.

use std::path::{Path, PathBuf};

use myelin_hdl::Digest;

use crate::checkpoint::Checkpoint;
use crate::engine::{Core, MemoryRef, RegisterRef, Reset};
use crate::error::{FailureWaves, SimError};
use crate::hierarchy::Hierarchy;
use crate::observe::Observers;
use crate::wave::{Wave, WaveFormat, Waves};

/// Cycles of a window unless stated otherwise.
const CYCLES: u64 = 64;
/// Edges between two checkpoints, at least: taking one costs as much as many edges.
const SEGMENT_CYCLES_MIN: u64 = 1 << 14;
/// Events kept in a segment; then the next one begins.
const EVENTS_MAX: usize = 1 << 20;

/// Asks for waves of the cycles before a failing check. See [`crate::Simulator::keep_failure_waves`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FailureTrace {
    path: PathBuf,
    cycles: u64,
    scopes: Vec<String>,
}

impl FailureTrace {
    /// Everything in the 64 cycles up to the failure, to this file: VCD if it ends in `.vcd`, else FST.
    pub fn to(path: impl AsRef<Path>) -> FailureTrace {
        FailureTrace { path: path.as_ref().to_owned(), cycles: CYCLES, scopes: Vec::new() }
    }

    /// So many cycles, at least one, the failing one included.
    pub fn cycles(mut self, cycles: u64) -> FailureTrace {
        self.cycles = cycles.max(1);
        self
    }

    /// Only the instances at these paths and all below them; none given: everything.
    pub fn scopes(mut self, paths: &[impl AsRef<str>]) -> FailureTrace {
        self.scopes = paths.iter().map(|path| path.as_ref().to_owned()).collect();
        self
    }

    pub(crate) fn scope_paths(&self) -> &[String] {
        &self.scopes
    }
}

/// Something done to a simulation from outside.
pub(crate) enum Event {
    Input(usize, u64),
    Reset(Reset),
    Register(RegisterRef, u64),
    Word(MemoryRef, usize, usize, u64),
}

/// A checkpoint, and what was done after it and in which cycle.
struct Segment {
    start: Checkpoint,
    events: Vec<(u64, Event)>,
}

/// The recent past of a simulation.
pub(crate) struct Recorder {
    trace: FailureTrace,
    /// The instances of the trace's scopes.
    places: Vec<usize>,
    /// At most two, the older first: together they reach back at least as far as the trace.
    segments: Vec<Segment>,
}

/// The simulation at the failing edge.
pub(crate) struct Failing<'a> {
    pub(crate) design: Digest,
    pub(crate) hierarchy: &'a Hierarchy,
    /// Rising edges before the failing one, which has happened.
    pub(crate) cycle: u64,
    pub(crate) reset: Reset,
}

impl Recorder {
    pub(crate) fn new(trace: FailureTrace, places: Vec<usize>) -> Recorder {
        Recorder { trace, places, segments: Vec::new() }
    }

    /// Edges until the next checkpoint; 0 if one is due now.
    pub(crate) fn idle(&self, cycle: u64) -> u64 {
        match self.segments.last() {
            Some(segment) if segment.events.len() < EVENTS_MAX => {
                let length = self.trace.cycles.max(SEGMENT_CYCLES_MIN);
                segment.start.cycle.saturating_add(length).saturating_sub(cycle)
            }
            _ => 0,
        }
    }

    /// Begins a segment.
    pub(crate) fn checkpoint(&mut self, checkpoint: Checkpoint) {
        if self.segments.len() == 2 {
            self.segments.remove(0);
        }
        self.segments.push(Segment { start: checkpoint, events: Vec::new() });
    }

    /// Forgets the past: the state has changed by neither edge nor event.
    pub(crate) fn interrupted(&mut self) {
        self.segments.clear();
    }

    pub(crate) fn log(&mut self, cycle: u64, event: Event) {
        // Before the first edge there is no segment: its checkpoint will show what was done.
        match self.segments.last_mut() {
            Some(segment) if segment.events.len() < EVENTS_MAX => segment.events.push((cycle, event)),
            // More than can be kept between two edges: the past begins anew at the next.
            _ => self.segments.clear(),
        }
    }

    /// Writes the file. The engine holds the same state afterwards, but watches nothing.
    pub(crate) fn write(self, core: &mut dyn Core, failing: Failing<'_>) -> FailureWaves {
        let path = self.trace.path.clone();
        let now = Checkpoint::take(failing.design, 0, false, failing.hierarchy, core);
        let last_cycle = failing.cycle;
        let written = self.replay(core, &failing);
        now.put(failing.hierarchy, core);
        match written {
            Ok(first_cycle) => FailureWaves::Written { path, first_cycle, last_cycle },
            Err(error) => {
                let reason = match &error {
                    SimError::Wave(error) => error.to_string(),
                    error => error.to_string(),
                };
                FailureWaves::NotWritten { path, reason }
            }
        }
    }

    /// Runs the past again, tracing its end; the first cycle shown.
    fn replay(self, core: &mut dyn Core, failing: &Failing<'_>) -> Result<u64, SimError> {
        let wanted = (failing.cycle + 1).saturating_sub(self.trace.cycles);
        let mut segments = self.segments;
        if segments.len() == 2 && segments[1].start.cycle <= wanted {
            segments.remove(0);
        }
        let Some(start) = segments.first().map(|segment| &segment.start) else {
            return Err(SimError::Wave(std::io::Error::other("more was done from outside than is kept")));
        };
        let first = wanted.max(start.cycle);
        let waves = Waves::create(&self.trace.path, WaveFormat::of(&self.trace.path))?;
        let waves = waves.window(first..failing.cycle.saturating_add(2));
        let wave = Wave::open(waves, failing.hierarchy, &self.places)?;

        start.put(failing.hierarchy, core);
        let mut cycle = start.cycle;
        let mut reset = if start.in_reset { Reset::Active } else { Reset::Inactive };
        let mut observers = Observers::default();
        observers.begin_wave(wave, core)?;
        let mut events = segments.iter().flat_map(|segment| &segment.events).peekable();
        while cycle <= failing.cycle {
            while let Some((_, event)) = events.next_if(|&&(when, _)| when <= cycle) {
                match *event {
                    Event::Input(index, bits) => core.set_input(index, bits),
                    Event::Reset(level) => reset = level,
                    Event::Register(register, bits) => core.set_register(register, bits),
                    Event::Word(memory, word, lane, bits) => core.set_memory(memory, word, lane, bits),
                }
            }
            if observers.idle(cycle) == 0 {
                observers.sample(core, cycle, reset);
            }
            // Failures on the way have been reported when they happened.
            core.step(reset);
            cycle += 1;
        }
        observers.end_wave(core, cycle, failing.reset)?;
        Ok(first)
    }
}
