//! Debugging: waves, coverage, checkpoints, names.

use std::io::{Seek, Write};

use myelin_hdl::CheckKind;
use serde::Serialize;

use super::run::Simulator;
use crate::checkpoint::Checkpoint;
use crate::coverage::Coverage;
use crate::engine::{CheckRef, Reset};
use crate::error::SimError;
use crate::observe::Observers;
use crate::recorder::{FailureTrace, Recorder};
use crate::toggles::Toggles;
use crate::wave::{Wave, Waves};

/// How often a cover point was met.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Cover {
    /// Path of the instance, then the sentence.
    pub path: String,
    /// Edges at which it held.
    pub hits: u64,
}

impl Simulator {
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
    /// a wave file of the cycles before it; its [`CheckFailure`](crate::CheckFailure) names the file. One failure is
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
    /// Both run the same native code, so a fork costs a copy of the state. To try many futures one
    /// after another, [`Simulator::checkpoint`] and [`Simulator::restore`] do as well.
    ///
    /// # Errors
    /// [`SimError::Codegen`] if no native code can be made for the outputs, which is done here if none
    /// was read before.
    pub fn fork(&mut self) -> Result<Simulator, SimError> {
        let core = self.core.fork()?;
        let (design, hierarchy) = (self.design, self.hierarchy.clone());
        let (observers, reset, cycle) = (Observers::default(), self.reset, self.cycle);
        Ok(Simulator { design, hierarchy, core, reset, cycle, observers, recorder: None })
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
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // A trace left open is ended; its errors are for those who end it themselves.
        let _ = self.stop_trace();
    }
}
