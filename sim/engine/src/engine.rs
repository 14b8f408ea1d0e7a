//! What an engine offers to the simulator's front: state by place, settling, and the edge.

use crate::error::SimError;
use crate::hierarchy::FlatNode;
use crate::samples::{Layout, Samples};

/// Level of the reset while an edge happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reset {
    /// `rst_ni` is low.
    Active,
    /// `rst_ni` is high.
    Inactive,
}

/// A check by instance and position in [`myelin_hdl::Module::checks`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct CheckRef {
    pub(crate) place: usize,
    pub(crate) check: usize,
}

/// A register by instance and position in [`myelin_hdl::Module::registers`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RegisterRef {
    pub(crate) place: usize,
    pub(crate) register: usize,
}

/// A memory by instance and position in [`myelin_hdl::Module::memories`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct MemoryRef {
    pub(crate) place: usize,
    pub(crate) memory: usize,
}

/// A running design. All bit patterns are zero above their width; all references are valid.
pub(crate) trait Core: Send {
    /// The same design in the same state, watching nothing; what was compiled is shared.
    ///
    /// # Errors
    /// If this engine has to be prepared for outputs, which it is once for all forks, and cannot.
    fn fork(&mut self) -> Result<Box<dyn Core>, SimError>;
    /// Sets a top input.
    fn set_input(&mut self, index: usize, bits: u64);
    /// A top input as last set.
    fn input(&self, index: usize) -> u64;
    /// A top output, settled.
    ///
    /// # Errors
    /// If this engine has to be prepared for outputs and cannot.
    fn output(&mut self, index: usize) -> Result<u64, SimError>;
    /// Top outputs, settled: those of `indices` into `values`, in that order and of that number.
    ///
    /// # Errors
    /// As [`Core::output`].
    fn outputs(&mut self, indices: &[usize], values: &mut [u64]) -> Result<(), SimError> {
        for (&index, value) in indices.iter().zip(values) {
            *value = self.output(index)?;
        }
        Ok(())
    }
    /// Prepares values to be copied by [`Core::watched`], replacing those watched before; where each
    /// will be.
    fn watch(&mut self, nodes: &[FlatNode]) -> Result<Layout, SimError>;
    /// Settles the watched values and puts them into samples of the layout that [`Core::watch`] gave.
    fn watched(&mut self, samples: &mut Samples);
    /// One rising edge; the first failed assertion or assumption, in the order of [`CheckRef`].
    fn step(&mut self, reset: Reset) -> Option<CheckRef>;
    /// Up to `count` edges, until one fails; how many happened, the failing one included.
    fn steps(&mut self, count: u64, reset: Reset) -> (u64, Option<CheckRef>) {
        for done in 1..=count {
            if let Some(failed) = self.step(reset) {
                return (done, Some(failed));
            }
        }
        (count, None)
    }
    /// How often a cover was met.
    fn cover_hits(&self, check: CheckRef) -> u64;
    /// Overwrites how often a cover was met.
    fn set_cover_hits(&mut self, check: CheckRef, hits: u64);
    /// What a register holds.
    fn register(&self, register: RegisterRef) -> u64;
    /// Overwrites what a register holds.
    fn set_register(&mut self, register: RegisterRef, bits: u64);
    /// What a synchronous read port shows.
    fn read_data(&self, memory: MemoryRef, port: usize, lane: usize) -> u64;
    /// Overwrites what a synchronous read port shows.
    fn set_read_data(&mut self, memory: MemoryRef, port: usize, lane: usize, bits: u64);
    /// One lane of one word.
    fn memory(&self, memory: MemoryRef, word: usize, lane: usize) -> u64;
    /// Overwrites one lane of one word.
    fn set_memory(&mut self, memory: MemoryRef, word: usize, lane: usize, bits: u64);
    /// Whole words from `word` on, lane 0 first in each.
    fn memory_words(&self, memory: MemoryRef, word: usize, lanes: usize, values: &mut [u64]) {
        for (offset, value) in values.iter_mut().enumerate() {
            *value = self.memory(memory, word + offset / lanes, offset % lanes);
        }
    }
    /// Overwrites whole words from `word` on.
    fn set_memory_words(&mut self, memory: MemoryRef, word: usize, lanes: usize, values: &[u64]) {
        for (offset, &bits) in values.iter().enumerate() {
            self.set_memory(memory, word + offset / lanes, offset % lanes, bits);
        }
    }
}
