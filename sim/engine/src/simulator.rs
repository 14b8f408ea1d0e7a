//! The front: names and handles, poke and peek, edges, checks, waves.

use std::io::{Seek, Write};
use std::sync::Arc;

use myelin_hdl::{CheckKind, Design, Digest, Ty};
use serde::Serialize;

use crate::checkpoint::{Checkpoint, Element, visit};
use crate::compiled::{Backend, Compiled};
use crate::coverage::{Coverage, Toggles};
use crate::engine::{CheckRef, Core, MemoryRef, RegisterRef, Reset};
use crate::error::{CheckFailure, FailureWaves, SimError};
use crate::hierarchy::Hierarchy;
use crate::interpret::Interpreter;
use crate::observe::Observers;
use crate::random::SplitMix64;
use crate::recorder::{Event, Failing, FailureTrace, Recorder};
use crate::wave::{Wave, Waves};

/// What computes the cycles.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Engine {
    /// Native code made in process.
    #[default]
    Compiled,
    /// Native code made by the installed `rustc` for this very machine: takes seconds to make, is
    /// kept for the next time, and runs fastest.
    AheadOfTime,
    /// Node by node; slow, for judging the others.
    Interpreted,
}

/// What state holds before the first edge.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PowerUp {
    /// Registers hold their reset value, or 0 without one; memories hold their stated contents, or 0.
    #[default]
    Zero,
    /// Registers and memories without stated contents hold arbitrary bits that depend on the seed
    /// alone, as hardware does: what relies on a missing reset shows.
    Random {
        /// Chooses the bits.
        seed: u64,
    },
}

/// Collects what a simulator is made with. See [`Simulator::builder`].
pub struct Builder<'a> {
    design: &'a Design,
    engine: Engine,
    power_up: PowerUp,
}

impl Builder<'_> {
    /// Chooses the engine.
    pub fn engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// Chooses what state holds before the first edge.
    pub fn power_up(mut self, power_up: PowerUp) -> Self {
        self.power_up = power_up;
        self
    }

    /// Makes the simulator.
    ///
    /// # Errors
    /// [`SimError::Codegen`] if no native code can be made on this machine.
    pub fn build(self) -> Result<Simulator, SimError> {
        let hierarchy = Arc::new(Hierarchy::new(self.design));
        let mut simulator = Simulator::with_hierarchy(self.design.digest(), hierarchy, self.engine)?;
        simulator.power_up(self.power_up);
        Ok(simulator)
    }
}

/// An input of the top module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Input {
    index: usize,
    ty: Ty,
}

impl Input {
    /// Width and sign.
    pub fn ty(self) -> Ty {
        self.ty
    }
}

/// An output of the top module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Output {
    index: usize,
    ty: Ty,
}

impl Output {
    /// Width and sign.
    pub fn ty(self) -> Ty {
        self.ty
    }
}

/// A register of any instance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RegisterHandle {
    at: RegisterRef,
    ty: Ty,
}

impl RegisterHandle {
    /// Width and sign.
    pub fn ty(self) -> Ty {
        self.ty
    }
}

/// A memory of any instance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryHandle {
    at: MemoryRef,
    depth: usize,
    lanes: usize,
    lane_ty: Ty,
}

impl MemoryHandle {
    /// Words.
    pub fn depth(self) -> usize {
        self.depth
    }

    /// Lanes in a word.
    pub fn lanes(self) -> usize {
        self.lanes
    }

    /// Width and sign of a lane.
    pub fn lane_ty(self) -> Ty {
        self.lane_ty
    }
}

/// How often a cover point was met.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Cover {
    /// Path of the instance, then the sentence.
    pub path: String,
    /// Edges at which it held.
    pub hits: u64,
}

/// A running simulation of one design.
///
/// Handles belong to the design: they may be used with any simulator of the same design, and with
/// another design they mean something else or panic.
pub struct Simulator {
    design: Digest,
    hierarchy: Arc<Hierarchy>,
    core: Box<dyn Core>,
    engine: Engine,
    reset: Reset,
    cycle: u64,
    observers: Observers,
    recorder: Option<Recorder>,
}

impl Simulator {
    /// A compiled simulator with everything 0 at power-up (see [`PowerUp::Zero`]), reset inactive.
    ///
    /// # Errors
    /// As [`Builder::build`].
    pub fn new(design: &Design) -> Result<Simulator, SimError> {
        Simulator::builder(design).build()
    }

    /// Begins the choice of engine and power-up state.
    pub fn builder(design: &Design) -> Builder<'_> {
        Builder { design, engine: Engine::default(), power_up: PowerUp::default() }
    }

    fn with_hierarchy(design: Digest, hierarchy: Arc<Hierarchy>, engine: Engine) -> Result<Simulator, SimError> {
        let core: Box<dyn Core> = match engine {
            Engine::Compiled => Box::new(Compiled::new(hierarchy.clone(), Backend::InProcess)?),
            Engine::AheadOfTime => Box::new(Compiled::new(hierarchy.clone(), Backend::AheadOfTime)?),
            Engine::Interpreted => Box::new(Interpreter::new(hierarchy.clone())),
        };
        let (observers, reset) = (Observers::default(), Reset::Inactive);
        Ok(Simulator { design, hierarchy, core, engine, reset, cycle: 0, observers, recorder: None })
    }

    /// The input of the top module called `name`.
    ///
    /// # Errors
    /// [`SimError::NotFound`] with the names there are.
    pub fn input(&self, name: &str) -> Result<Input, SimError> {
        let top = self.hierarchy.top();
        match top.input_index(name) {
            Some(index) => Ok(Input { index, ty: top.inputs[index].ty }),
            None => {
                let names = top.inputs.iter().map(|port| port.name.as_str());
                Err(SimError::not_found("input", name, &top.name, names))
            }
        }
    }

    /// The output of the top module called `name`.
    ///
    /// # Errors
    /// [`SimError::NotFound`] with the names there are.
    pub fn output(&self, name: &str) -> Result<Output, SimError> {
        let top = self.hierarchy.top();
        match top.output_index(name) {
            Some(index) => Ok(Output { index, ty: top.outputs[index].ty }),
            None => {
                let names = top.outputs.iter().map(|port| port.name.as_str());
                Err(SimError::not_found("output", name, &top.name, names))
            }
        }
    }

    /// Sets an input to a bit pattern; it stays until set again.
    ///
    /// # Panics
    /// If a bit at or above the input's width is set.
    #[track_caller]
    pub fn poke(&mut self, input: Input, bits: u64) {
        assert!(bits & !input.ty.mask() == 0, "poke of {bits:#x} into an input of type {}", input.ty);
        self.set_input(input.index, bits);
    }

    /// Sets an input to an integer.
    ///
    /// # Panics
    /// If the input's type does not hold it.
    #[track_caller]
    pub fn poke_signed(&mut self, input: Input, value: i64) {
        let fits = (input.ty.min()..=input.ty.max()).contains(&i128::from(value));
        assert!(fits, "poke of {value} into an input of type {}", input.ty);
        self.set_input(input.index, input.ty.bits_of(value));
    }

    fn set_input(&mut self, index: usize, bits: u64) {
        if let Some(recorder) = &mut self.recorder
            && self.core.input(index) != bits
        {
            recorder.log(self.cycle, Event::Input(index, bits));
        }
        self.core.set_input(index, bits);
    }

    fn log(&mut self, event: Event) {
        if let Some(recorder) = &mut self.recorder {
            recorder.log(self.cycle, event);
        }
    }

    /// The bits of an output as it settles with the present inputs and state; zero above its width.
    ///
    /// # Panics
    /// If native code for the outputs cannot be made (the process is out of memory).
    pub fn peek(&mut self, output: Output) -> u64 {
        match self.core.output(output.index) {
            Ok(bits) => bits,
            Err(error) => panic!("settle the outputs: {error}"),
        }
    }

    /// The integer an output stands for by its own sign; a 64-bit unsigned one wraps.
    pub fn peek_signed(&mut self, output: Output) -> i64 {
        output.ty.value_of(self.peek(output)) as i64
    }

    /// One rising edge.
    ///
    /// # Errors
    /// The first assertion or assumption, in the order of the hierarchy, that did not hold at this
    /// edge. The edge has happened nevertheless, and the simulation can go on.
    pub fn step(&mut self) -> Result<(), CheckFailure> {
        self.steps(1)
    }

    /// `count` rising edges, with the inputs held.
    ///
    /// # Errors
    /// As [`Simulator::step`]; no edge follows the failing one.
    pub fn steps(&mut self, count: u64) -> Result<(), CheckFailure> {
        let mut left = count;
        while left > 0 {
            let mut batch = left.min(self.observers.idle(self.cycle));
            if batch == 0 {
                self.observers.sample(&mut *self.core, self.cycle, self.reset);
                batch = 1;
            }
            if let Some(idle) = self.recorder.as_ref().map(|recorder| recorder.idle(self.cycle)) {
                let checkpoint = (idle == 0).then(|| self.checkpoint());
                if let (Some(recorder), Some(checkpoint)) = (&mut self.recorder, checkpoint) {
                    recorder.checkpoint(checkpoint);
                    batch = batch.min(recorder.idle(self.cycle));
                } else {
                    batch = batch.min(idle);
                }
            }
            let (done, failed) = self.core.steps(batch, self.reset);
            self.cycle += done;
            left -= done;
            if let Some(failed) = failed {
                return Err(self.failure(failed));
            }
        }
        Ok(())
    }

    fn failure(&mut self, failed: CheckRef) -> CheckFailure {
        let waves = self.failure_waves();
        let check = &self.hierarchy.module(failed.place).checks[failed.check];
        CheckFailure {
            kind: check.kind,
            name: check.name.clone(),
            path: self.hierarchy.path(failed.place),
            cycle: self.cycle - 1,
            location: check.location,
            waves: Box::new(waves),
        }
    }

    /// Writes the waves of the first failure.
    fn failure_waves(&mut self) -> FailureWaves {
        let Some(recorder) = self.recorder.take() else { return FailureWaves::NotKept };
        let hierarchy = self.hierarchy.clone();
        let failing = Failing { design: self.design, hierarchy: &hierarchy, cycle: self.cycle - 1, reset: self.reset };
        let waves = recorder.write(&mut *self.core, failing);
        match self.observers.watch(&mut *self.core) {
            Ok(()) => waves,
            Err(error) => panic!("watch what was watched before: {error}"),
        }
    }

    /// Holds the reset active (`rst_ni` low) or releases it. No edge happens.
    pub fn set_reset(&mut self, active: bool) {
        self.reset = if active { Reset::Active } else { Reset::Inactive };
        self.log(Event::Reset(self.reset));
    }

    /// Activates the reset for `cycles` edges and releases it.
    ///
    /// # Errors
    /// None by itself: checks are off in reset. The type is that of [`Simulator::step`].
    pub fn reset(&mut self, cycles: u64) -> Result<(), CheckFailure> {
        self.set_reset(true);
        let result = self.steps(cycles);
        self.set_reset(false);
        result
    }

    /// Rising edges so far.
    pub fn cycle(&self) -> u64 {
        self.cycle
    }

    /// The register at `path`: instance names from the top module's on, then its own.
    ///
    /// # Errors
    /// [`SimError::NotFound`] with the names there are where the path ends.
    pub fn register(&self, path: &str) -> Result<RegisterHandle, SimError> {
        let (place, name) = self.hierarchy.find_in("register", path)?;
        let registers = &self.hierarchy.module(place).registers;
        match registers.iter().position(|register| register.name == name) {
            Some(register) => Ok(RegisterHandle { at: RegisterRef { place, register }, ty: registers[register].ty }),
            None => {
                let names = registers.iter().map(|register| register.name.as_str());
                Err(SimError::not_found("register", name, &self.hierarchy.path(place), names))
            }
        }
    }

    /// Every register with its path, in the order of the hierarchy.
    pub fn registers(&self) -> Vec<(String, RegisterHandle)> {
        let mut found = Vec::new();
        for (place, at) in self.hierarchy.places.iter().enumerate() {
            let path = self.hierarchy.path(place);
            for (register, definition) in at.module.registers.iter().enumerate() {
                let handle = RegisterHandle { at: RegisterRef { place, register }, ty: definition.ty };
                found.push((format!("{path}.{}", definition.name), handle));
            }
        }
        found
    }

    /// The bits a register holds.
    pub fn peek_register(&self, register: RegisterHandle) -> u64 {
        self.core.register(register.at)
    }

    /// The integer a register holds; a 64-bit unsigned one wraps.
    pub fn peek_register_signed(&self, register: RegisterHandle) -> i64 {
        register.ty.value_of(self.peek_register(register)) as i64
    }

    /// Overwrites what a register holds.
    ///
    /// # Panics
    /// If a bit at or above its width is set.
    #[track_caller]
    pub fn poke_register(&mut self, register: RegisterHandle, bits: u64) {
        assert!(bits & !register.ty.mask() == 0, "poke of {bits:#x} into a register of type {}", register.ty);
        self.log(Event::Register(register.at, bits));
        self.core.set_register(register.at, bits);
    }

    /// The memory at `path`: instance names from the top module's on, then its own.
    ///
    /// # Errors
    /// [`SimError::NotFound`] with the names there are where the path ends.
    pub fn memory(&self, path: &str) -> Result<MemoryHandle, SimError> {
        let (place, name) = self.hierarchy.find_in("memory", path)?;
        let memories = &self.hierarchy.module(place).memories;
        match memories.iter().position(|memory| memory.name == name) {
            Some(index) => {
                let memory = &memories[index];
                let at = MemoryRef { place, memory: index };
                Ok(MemoryHandle { at, depth: memory.depth, lanes: memory.lanes, lane_ty: memory.lane_ty })
            }
            None => {
                let names = memories.iter().map(|memory| memory.name.as_str());
                Err(SimError::not_found("memory", name, &self.hierarchy.path(place), names))
            }
        }
    }

    /// The bits of one lane of one word.
    ///
    /// # Panics
    /// If word or lane is outside.
    #[track_caller]
    pub fn memory_read(&self, memory: MemoryHandle, word: usize, lane: usize) -> u64 {
        assert!(word < memory.depth && lane < memory.lanes, "no word {word} lane {lane} in {memory:?}");
        self.core.memory(memory.at, word, lane)
    }

    /// Overwrites one lane of one word.
    ///
    /// # Panics
    /// If word or lane is outside, or a bit at or above the lane's width is set.
    #[track_caller]
    pub fn memory_write(&mut self, memory: MemoryHandle, word: usize, lane: usize, bits: u64) {
        assert!(word < memory.depth && lane < memory.lanes, "no word {word} lane {lane} in {memory:?}");
        assert!(bits & !memory.lane_ty.mask() == 0, "write of {bits:#x} into a lane of type {}", memory.lane_ty);
        self.log(Event::Word(memory.at, word, lane, bits));
        self.core.set_memory(memory.at, word, lane, bits);
    }

    /// The bits of whole words from `word` on, lane 0 first in each.
    ///
    /// # Panics
    /// If the words are outside, or `values` is not whole words.
    #[track_caller]
    pub fn memory_read_words(&self, memory: MemoryHandle, word: usize, values: &mut [u64]) {
        assert!(values.len().is_multiple_of(memory.lanes), "{} values are not whole words of {memory:?}", values.len());
        for (offset, lanes) in values.chunks_mut(memory.lanes).enumerate() {
            for (lane, value) in lanes.iter_mut().enumerate() {
                *value = self.memory_read(memory, word + offset, lane);
            }
        }
    }

    /// Overwrites whole words from `word` on, lane 0 first in each.
    ///
    /// # Panics
    /// As [`Simulator::memory_write`], or if `values` is not whole words.
    #[track_caller]
    pub fn memory_write_words(&mut self, memory: MemoryHandle, word: usize, values: &[u64]) {
        assert!(values.len().is_multiple_of(memory.lanes), "{} values are not whole words of {memory:?}", values.len());
        for (offset, lanes) in values.chunks(memory.lanes).enumerate() {
            for (lane, &value) in lanes.iter().enumerate() {
                self.memory_write(memory, word + offset, lane, value);
            }
        }
    }

    /// All cover points with their counts so far, in the order of the hierarchy.
    pub fn covers(&self) -> Vec<Cover> {
        let mut covers = Vec::new();
        for (place, at) in self.hierarchy.places.iter().enumerate() {
            for (index, check) in
                at.module.checks.iter().enumerate().filter(|(_, check)| check.kind == CheckKind::Cover)
            {
                covers.push(Cover {
                    path: format!("{}.{}", self.hierarchy.path(place), check.name),
                    hits: self.core.cover_hits(CheckRef { place, check: index }),
                });
            }
        }
        covers
    }

    /// Paths of all instances, the top first, parents before children.
    pub fn hierarchy(&self) -> impl Iterator<Item = String> + '_ {
        (0..self.hierarchy.places.len()).map(|place| self.hierarchy.path(place))
    }

    /// Begins a trace of ports, registers and named values under their hierarchical names. A trace
    /// under way is ended first; one whose window is over or not yet there costs nothing.
    ///
    /// # Errors
    /// [`SimError::NotFound`] for a scope that is no instance, [`SimError::Wave`] if the header
    /// cannot be written. Later write errors are kept and returned by [`Simulator::stop_trace`].
    pub fn trace(&mut self, waves: Waves) -> Result<(), SimError> {
        self.stop_trace()?;
        let places = self.places(&waves.scopes)?;
        let wave = Wave::open(waves, &self.hierarchy, &places)?;
        self.observers.begin_wave(wave, &mut *self.core)
    }

    /// [`Simulator::trace`] to a VCD of the instances at the paths `scopes` and all below them (none
    /// given: of everything).
    ///
    /// # Errors
    /// As [`Simulator::trace`].
    pub fn trace_vcd(&mut self, sink: impl Write + Send + 'static, scopes: &[&str]) -> Result<(), SimError> {
        self.trace(Waves::vcd(sink).scopes(scopes))
    }

    /// [`Simulator::trace`] to an FST of the instances at the paths `scopes` and all below them (none
    /// given: of everything).
    ///
    /// # Errors
    /// As [`Simulator::trace`].
    pub fn trace_fst(&mut self, sink: impl Write + Seek + Send + 'static, scopes: &[&str]) -> Result<(), SimError> {
        self.trace(Waves::fst(sink).scopes(scopes))
    }

    /// Ends the trace with the present cycle and flushes it; nothing if there is none.
    ///
    /// # Errors
    /// [`SimError::Wave`] with the first error that writing met.
    pub fn stop_trace(&mut self) -> Result<(), SimError> {
        self.observers.end_wave(&mut *self.core, self.cycle, self.reset)
    }

    /// Keeps the recent past from now on, so that the next failing assertion or assumption comes with
    /// a wave file of the cycles before it; its [`CheckFailure`] names the file. One failure is
    /// written; ask again for the next.
    ///
    /// The past is a checkpoint every 16,384 cycles (or as many as the trace has) and what was poked
    /// since: it costs little while nothing fails, and is simulated again when something does.
    ///
    /// # Errors
    /// [`SimError::NotFound`] for a scope that is no instance.
    pub fn keep_failure_waves(&mut self, trace: FailureTrace) -> Result<(), SimError> {
        let places = self.places(trace.scope_paths())?;
        self.recorder = Some(Recorder::new(trace, places));
        Ok(())
    }

    /// The instances at `paths`; the top for none.
    fn places(&self, paths: &[impl AsRef<str>]) -> Result<Vec<usize>, SimError> {
        if paths.is_empty() {
            return Ok(vec![0]);
        }
        paths.iter().map(|path| self.hierarchy.find(path.as_ref())).collect()
    }

    /// Counts from now on which register bits rise and fall, in the instances at the paths `scopes`
    /// and all below them (none given: everywhere). Edges in reset do not count. Begins afresh if
    /// toggles are counted already.
    ///
    /// # Errors
    /// [`SimError::NotFound`] for a scope that is no instance.
    pub fn cover_toggles(&mut self, scopes: &[&str]) -> Result<(), SimError> {
        let places = self.places(scopes)?;
        self.observers.begin_toggles(Toggles::new(&self.hierarchy, &places), &mut *self.core)
    }

    /// What has been met so far: all cover points, and toggles since [`Simulator::cover_toggles`].
    pub fn coverage(&mut self) -> Coverage {
        let covers = self.covers();
        match self.observers.toggles(&mut *self.core, self.reset) {
            Some(toggles) => Coverage { cycles: toggles.cycles(), covers, registers: toggles.report() },
            None => Coverage { cycles: 0, covers, registers: Vec::new() },
        }
    }

    /// A second simulation that goes on from the present state by itself, on the same engine; traces
    /// and coverage stay behind.
    ///
    /// It costs as much as making a simulator: native code belongs to the memory it was made for. To
    /// try many futures one after another, [`Simulator::checkpoint`] and [`Simulator::restore`] are
    /// cheaper.
    ///
    /// # Errors
    /// As [`Builder::build`].
    pub fn fork(&self) -> Result<Simulator, SimError> {
        let mut fork = Simulator::with_hierarchy(self.design, self.hierarchy.clone(), self.engine)?;
        fork.restore(&self.checkpoint())?;
        Ok(fork)
    }

    /// The whole state, to be restored here or in another simulator of the same design.
    pub fn checkpoint(&self) -> Checkpoint {
        let in_reset = self.reset == Reset::Active;
        Checkpoint::take(self.design, self.cycle, in_reset, &self.hierarchy, &*self.core)
    }

    /// Goes back (or on) to a saved state. A trace under way is ended first: time in it only goes on.
    ///
    /// # Errors
    /// [`SimError::OtherDesign`], and nothing has changed; [`SimError::Wave`] as [`Simulator::stop_trace`].
    pub fn restore(&mut self, checkpoint: &Checkpoint) -> Result<(), SimError> {
        if checkpoint.design != self.design {
            let (expected, found) = (self.design.to_string(), checkpoint.design.to_string());
            return Err(SimError::OtherDesign { expected, found });
        }
        self.stop_trace()?;
        checkpoint.put(&self.hierarchy, &mut *self.core);
        self.cycle = checkpoint.cycle;
        self.set_reset(checkpoint.in_reset);
        self.observers.interrupted();
        if let Some(recorder) = &mut self.recorder {
            recorder.interrupted();
        }
        Ok(())
    }

    fn power_up(&mut self, power_up: PowerUp) {
        let hierarchy = self.hierarchy.clone();
        let core = &mut *self.core;
        let mut random = SplitMix64::new(match power_up {
            PowerUp::Zero => 0,
            PowerUp::Random { seed } => seed,
        });
        let mut bits_or = |ty: Ty, zero: u64| match power_up {
            PowerUp::Zero => zero,
            PowerUp::Random { .. } => random.bits() & ty.mask(),
        };
        visit(&hierarchy, |element| match element {
            Element::Register(at) => {
                let register = &hierarchy.module(at.place).registers[at.register];
                core.set_register(at, bits_or(register.ty, register.reset.unwrap_or(0)));
            }
            Element::ReadData(at, port, lane) => {
                let memory = &hierarchy.module(at.place).memories[at.memory];
                core.set_read_data(at, port, lane, bits_or(memory.lane_ty, 0));
            }
            Element::Word(at, word, lane) => {
                let memory = &hierarchy.module(at.place).memories[at.memory];
                let bits = match &memory.init {
                    Some(init) => init[word * memory.lanes + lane],
                    None => bits_or(memory.lane_ty, 0),
                };
                core.set_memory(at, word, lane, bits);
            }
            Element::Input(_) | Element::Cover(_) => {}
        });
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // A trace left open is ended; its errors are for those who end it themselves.
        let _ = self.stop_trace();
    }
}
