//! Running: ports by handle, edges, checks.

use std::sync::Arc;

use myelin_hdl::{Digest, Ty};

use crate::engine::{CheckRef, Core, Reset};
use crate::error::{CheckFailure, FailureWaves, SimError};
use crate::hierarchy::Hierarchy;
use crate::observe::Observers;
use crate::recorder::{Event, Failing, Recorder};

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

/// Outputs of the top module that are read together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutputSet {
    indices: Vec<usize>,
}

impl OutputSet {
    /// Outputs in the set.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }
}

impl FromIterator<Output> for OutputSet {
    fn from_iter<T: IntoIterator<Item = Output>>(outputs: T) -> OutputSet {
        OutputSet { indices: outputs.into_iter().map(|output| output.index).collect() }
    }
}

/// A running simulation of one design.
///
/// Handles belong to the design: they may be used with any simulator of the same design, and with
/// another design they mean something else or panic.
pub struct Simulator {
    pub(super) design: Digest,
    pub(super) hierarchy: Arc<Hierarchy>,
    pub(super) core: Box<dyn Core>,
    pub(super) reset: Reset,
    pub(super) cycle: u64,
    pub(super) observers: Observers,
    pub(super) recorder: Option<Recorder>,
}

impl Simulator {
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

    pub(super) fn log(&mut self, event: Event) {
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

    /// The bits of several outputs, in the order of the set, as [`Simulator::peek`] gives them. Takes a
    /// fraction of the time of one peek for each.
    ///
    /// # Panics
    /// If `values` has not as many places as the set has outputs, or as [`Simulator::peek`].
    #[track_caller]
    pub fn peek_all(&mut self, outputs: &OutputSet, values: &mut [u64]) {
        assert!(values.len() == outputs.len(), "{} outputs into {} places", outputs.len(), values.len());
        if let Err(error) = self.core.outputs(&outputs.indices, values) {
            panic!("settle the outputs: {error}");
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
}
