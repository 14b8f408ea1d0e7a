//! What looks at every cycle of a run: a wave file, toggle coverage. Nothing, and a run costs nothing more.

use std::io;

use crate::engine::{Core, Reset};
use crate::error::SimError;
use crate::hierarchy::FlatNode;
use crate::samples::Samples;
use crate::toggles::Toggles;
use crate::wave::Wave;

/// The observers of a simulation and the samples they share.
#[derive(Default)]
pub(crate) struct Observers {
    wave: Option<Wave>,
    toggles: Option<Toggles>,
    /// Of the wave's values, then of the registers whose toggles are covered.
    samples: Samples,
}

impl Observers {
    /// Tells the engine what is to be watched; after every change of observers.
    pub(crate) fn watch(&mut self, core: &mut dyn Core) -> Result<(), SimError> {
        if let Some(wave) = &mut self.wave {
            wave.write(&mut self.samples);
        }
        let mut nodes: Vec<FlatNode> = Vec::new();
        nodes.extend(self.wave.iter().flat_map(|wave| wave.nodes()));
        let waves = nodes.len();
        nodes.extend(self.toggles.iter().flat_map(|toggles| toggles.nodes()));
        let mut samples = Samples::new(core.watch(&nodes)?);
        let elements = samples.layout().elements.clone();
        if let Some(wave) = &mut self.wave {
            for (&now, before) in elements.iter().zip(wave.before(&self.samples)) {
                samples.set_before(now, before);
            }
            wave.place(&elements[..waves]);
        }
        if let Some(toggles) = &mut self.toggles {
            toggles.place(&elements[waves..]);
        }
        self.samples = samples;
        Ok(())
    }

    /// Edges from `cycle` on that nobody looks at; 0 if this cycle is looked at.
    pub(crate) fn idle(&self, cycle: u64) -> u64 {
        match (&self.toggles, &self.wave) {
            (Some(_), _) => 0,
            (None, Some(wave)) => wave.idle(cycle),
            (None, None) => u64::MAX,
        }
    }

    /// Looks at the present cycle.
    pub(crate) fn sample(&mut self, core: &mut dyn Core, cycle: u64, reset: Reset) {
        core.watched(&mut self.samples);
        if let Some(toggles) = &mut self.toggles {
            toggles.sample(&self.samples, reset);
        }
        if let Some(wave) = &mut self.wave {
            wave.sample(&mut self.samples, cycle, reset);
        }
    }

    /// Begins to write a wave.
    pub(crate) fn begin_wave(&mut self, wave: Wave, core: &mut dyn Core) -> Result<(), SimError> {
        self.wave = Some(wave);
        self.watch(core)
    }

    /// Ends the wave file with the present cycle; nothing if there is none.
    pub(crate) fn end_wave(&mut self, core: &mut dyn Core, cycle: u64, reset: Reset) -> Result<(), SimError> {
        let Some(wave) = self.wave.take() else { return Ok(()) };
        core.watched(&mut self.samples);
        let closed: io::Result<()> = wave.close(&mut self.samples, cycle, reset);
        self.watch(core)?;
        Ok(closed?)
    }

    /// Begins to cover toggles, afresh.
    pub(crate) fn begin_toggles(&mut self, toggles: Toggles, core: &mut dyn Core) -> Result<(), SimError> {
        self.toggles = Some(toggles);
        self.watch(core)
    }

    /// The toggles so far, the present state included.
    pub(crate) fn toggles(&mut self, core: &mut dyn Core, reset: Reset) -> Option<&Toggles> {
        if let Some(toggles) = &mut self.toggles {
            core.watched(&mut self.samples);
            toggles.look(&self.samples, reset);
        }
        self.toggles.as_ref()
    }

    /// The state has changed by no edge.
    pub(crate) fn interrupted(&mut self) {
        if let Some(toggles) = &mut self.toggles {
            toggles.interrupted();
        }
    }
}
