//! Shared by the tests: cells without time behind a link.
#![allow(clippy::unwrap_used, reason = "a broken fixture is a failed test")]

use std::time::Duration;

use myelin_compile::emulate::Machine;
use myelin_driver::{Link, LinkError, LinkInfo};
use myelin_isa::{Architecture, register};

/// Cells behind a link that run programs in the emulator, which checks for races.
pub struct EmulatedCells {
    machine: Machine,
    memory_bytes: usize,
    instructions: Vec<Vec<[u32; 4]>>,
    stamps: u32,
    /// Times that it was reset.
    pub resets: u32,
}

impl EmulatedCells {
    pub fn new(architecture: Architecture, memory_bytes: usize) -> EmulatedCells {
        let machine = machine(architecture, memory_bytes);
        let instructions = vec![Vec::new(); architecture.cells() as usize];
        EmulatedCells { machine, memory_bytes, instructions, stamps: 0, resets: 0 }
    }

    fn start(&mut self, entry: u32) {
        for (cell, words) in (0..).zip(&self.instructions) {
            self.machine.set_cell_instructions(cell, words).unwrap();
        }
        self.stamps = self.machine.run(entry).unwrap().cells[0].stamps.len() as u32;
    }
}

impl Link for EmulatedCells {
    fn info(&self) -> LinkInfo {
        LinkInfo {
            selector: "emulated".to_owned(),
            description: "cells without time".to_owned(),
            architecture: Some(*self.machine.architecture()),
            memory_bytes: self.memory_bytes as u64,
        }
    }

    fn read32(&mut self, address: u32) -> Result<u32, LinkError> {
        let cell = self.machine.architecture();
        let logarithms = cell.lanes().trailing_zeros() | cell.cells().trailing_zeros() << 4;
        Ok(match address % register::END {
            register::ID => register::ID_VALUE,
            register::SHAPE => cell.rows() | cell.columns() << 8 | cell.precision().bits() << 16 | logarithms << 24,
            register::SPECIFICATION_LOW => cell.specification() as u32,
            register::SPECIFICATION_HIGH => (cell.specification() >> 32) as u32,
            register::STATUS => register::STATUS_HALTED,
            register::STAMP_COUNT => self.stamps,
            _ => 1,
        })
    }

    fn write32(&mut self, address: u32, value: u32) -> Result<(), LinkError> {
        let (cell, offset) = ((address / register::END) as usize, address % register::END);
        if offset == register::START {
            self.start(value);
        }
        if offset >= register::INSTRUCTIONS {
            let index = (offset - register::INSTRUCTIONS) as usize / 16;
            let words = &mut self.instructions[cell];
            words.resize(words.len().max(index + 1), [0; 4]);
            words[index][offset as usize / 4 % 4] = value;
        }
        Ok(())
    }

    fn read_at(&mut self, address: u64, buffer: &mut [u8], _: Duration) -> Result<(), LinkError> {
        buffer.copy_from_slice(&self.machine.memory()[address as usize..][..buffer.len()]);
        Ok(())
    }

    fn write_at(&mut self, address: u64, data: &[u8], _: Duration) -> Result<(), LinkError> {
        self.machine.memory_mut()[address as usize..][..data.len()].copy_from_slice(data);
        Ok(())
    }

    fn wait_interrupt(&mut self, _: Duration) -> Result<(), LinkError> {
        Ok(())
    }

    fn reset(&mut self) -> Result<(), LinkError> {
        self.resets += 1;
        // Registers of the units are lost, too.
        self.machine = machine(*self.machine.architecture(), self.memory_bytes);
        self.instructions.iter_mut().for_each(Vec::clear);
        Ok(())
    }
}

fn machine(architecture: Architecture, memory_bytes: usize) -> Machine {
    Machine::new(architecture, memory_bytes as u32 / architecture.lanes())
}
