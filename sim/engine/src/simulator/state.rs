//! The back door: registers and memories by path.

use myelin_hdl::Ty;

use super::run::Simulator;
use crate::engine::{MemoryRef, RegisterRef};
use crate::error::SimError;
use crate::recorder::Event;

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

    #[track_caller]
    fn assert_words(self, word: usize, values: usize) {
        assert!(values.is_multiple_of(self.lanes), "{values} values are not whole words of {self:?}");
        let end = word.checked_add(values / self.lanes);
        assert!(end.is_some_and(|end| end <= self.depth), "{values} values from word {word} on leave {self:?}");
    }
}

impl Simulator {
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
        memory.assert_words(word, values.len());
        self.core.memory_words(memory.at, word, memory.lanes, values);
    }

    /// Overwrites whole words from `word` on, lane 0 first in each.
    ///
    /// # Panics
    /// As [`Simulator::memory_write`], or if `values` is not whole words.
    #[track_caller]
    pub fn memory_write_words(&mut self, memory: MemoryHandle, word: usize, values: &[u64]) {
        memory.assert_words(word, values.len());
        if let Some(wide) = values.iter().find(|&bits| bits & !memory.lane_ty.mask() != 0) {
            panic!("write of {wide:#x} into a lane of type {}", memory.lane_ty);
        }
        if let Some(recorder) = &mut self.recorder {
            for (offset, &bits) in values.iter().enumerate() {
                let (word, lane) = (word + offset / memory.lanes, offset % memory.lanes);
                recorder.log(self.cycle, Event::Word(memory.at, word, lane, bits));
            }
        }
        self.core.set_memory_words(memory.at, word, memory.lanes, values);
    }
}
