//! A compiled program on the emulator, the way a host runs it on a cell.

use super::error::EmulateError;
use super::machine::{Machine, Priority, RaceDetection, RunReport};
use crate::program::{LengthError, Program};
use thiserror::Error;

/// A machine with a program's weights loaded.
#[derive(Debug, Clone)]
pub struct Session<'p> {
    program: &'p Program,
    machine: Machine,
    priority: Priority,
}

/// Why a picture has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SessionError {
    /// The picture, or an output's region, has another length than the program says.
    #[error(transparent)]
    Length(#[from] LengthError),
    /// The program cannot be executed.
    #[error(transparent)]
    Emulate(#[from] EmulateError),
}

impl<'p> Session<'p> {
    /// Writes the program and its image, and runs the load entry.
    ///
    /// # Errors
    /// [`EmulateError`]: the program is not one of this compiler's.
    pub fn new(program: &'p Program) -> Result<Session<'p>, EmulateError> {
        Session::with_options(program, Priority::DEFAULT, RaceDetection::On)
    }

    /// [`Session::new`] with another order of execution, or without race detection.
    ///
    /// # Errors
    /// As [`Session::new`].
    pub fn with_options(
        program: &'p Program,
        priority: Priority,
        races: RaceDetection,
    ) -> Result<Session<'p>, EmulateError> {
        let mut machine = Machine::with_race_detection(program.architecture, program.memory_beats, races);
        for (cell, code) in (0..).zip(&program.cells) {
            machine.set_cell_instructions(cell, &code.resident_words(&program.architecture))?;
        }
        machine.memory_mut()[..program.image.len()].copy_from_slice(&program.image);
        machine.run_with_priority(program.load_entry, priority)?;
        Ok(Session { program, machine, priority })
    }

    /// Runs one picture (channel, row, column); answers the heads' values.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn infer<T: Copy + Into<i32>>(&mut self, picture: &[T]) -> Result<Vec<Vec<i32>>, SessionError> {
        Ok(self.infer_reported(picture)?.0)
    }

    /// [`Session::infer`] with what the run did.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn infer_reported<T: Copy + Into<i32>>(
        &mut self,
        picture: &[T],
    ) -> Result<(Vec<Vec<i32>>, RunReport), SessionError> {
        self.infer_given(&[picture])
    }

    /// [`Session::infer_reported`] for a program of several inputs, each as values (channel, row, column).
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn infer_given<T: Copy + Into<i32>>(
        &mut self,
        inputs: &[&[T]],
    ) -> Result<(Vec<Vec<i32>>, RunReport), SessionError> {
        let beat = self.program.beat_bytes();
        let (found, expected) = (inputs.len(), self.program.inputs.len());
        if found != expected {
            return Err(LengthError { what: "the list of inputs", unit: "inputs", found, expected }.into());
        }
        for (input, values) in self.program.inputs.iter().zip(inputs) {
            let bytes = input.pack(values, beat)?;
            let at = input.region.beat as usize * beat;
            self.machine.memory_mut()[at..at + bytes.len()].copy_from_slice(&bytes);
        }
        let report = self.machine.run_with_priority(self.program.infer_entry, self.priority)?;
        let mut heads = Vec::with_capacity(self.program.outputs.len());
        for output in &self.program.outputs {
            let at = output.region.beat as usize * beat;
            let bytes = &self.machine.memory()[at..at + output.region.beats as usize * beat];
            heads.push(output.unpack(bytes)?);
        }
        Ok((heads, report))
    }

    /// The machine, for a closer look.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }
}
