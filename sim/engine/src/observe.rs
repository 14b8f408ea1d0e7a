//! What looks at every cycle of a run: a wave file, toggle coverage. Nothing, and a run costs nothing more.

use std::io;

use crate::coverage::Toggles;
use crate::engine::{Core, Reset};
use crate::error::SimError;
use crate::hierarchy::FlatNode;
use crate::wave::Wave;

/// The observers of a simulation and the values they share.
#[derive(Default)]
pub(crate) struct Observers {
    wave: Option<Wave>,
    toggles: Option<Toggles>,
    /// The wave's values, then the registers whose toggles are covered.
    values: Vec<u64>,
}

impl Observers {
    /// Tells the engine what is to be watched; after every change of observers.
    pub(crate) fn watch(&mut self, core: &mut dyn Core) -> Result<(), SimError> {
        let mut nodes: Vec<FlatNode> = Vec::new();
        nodes.extend(self.wave.iter().flat_map(|wave| wave.nodes()));
        nodes.extend(self.toggles.iter().flat_map(|toggles| toggles.nodes()));
        self.values = vec![0; nodes.len()];
        core.watch(&nodes)
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
        core.watched(&mut self.values);
        let waves = self.wave.as_ref().map_or(0, |wave| wave.nodes().len());
        if let Some(wave) = &mut self.wave {
            wave.sample(&self.values[..waves], cycle, reset);
        }
        if let Some(toggles) = &mut self.toggles {
            toggles.sample(&self.values[waves..], reset);
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
        core.watched(&mut self.values);
        let length = wave.nodes().len();
        let closed: io::Result<()> = wave.close(&self.values[..length], cycle, reset);
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
        let waves = self.wave.as_ref().map_or(0, |wave| wave.nodes().len());
        if let Some(toggles) = &mut self.toggles {
            core.watched(&mut self.values);
            toggles.look(&self.values[waves..], reset);
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
