//! The link to a device: registers, memory, interrupt.

use std::path::PathBuf;
use std::time::Duration;

use myelin_isa::Architecture;

/// A device at the other end of a link. Blocking; one user at a time; may move between threads.
///
/// Addresses of registers are byte addresses of the register map ([`myelin_isa::register`]);
/// addresses of memory are byte addresses of the device's own memory, in which beat `b` of a cell
/// with `lanes` lanes begins at `b * lanes`.
pub trait Link: Send {
    /// What is there.
    fn info(&self) -> LinkInfo;

    /// Reads one register.
    ///
    /// # Errors
    /// As the device fails; see [`LinkError::is_transient`].
    fn read32(&mut self, address: u32) -> Result<u32, LinkError>;

    /// Reads registers at consecutive word addresses: of a link with a long way, all in one go.
    ///
    /// # Errors
    /// As [`Link::read32`]; what was read before stands in `words`.
    fn read_registers(&mut self, address: u32, words: &mut [u32]) -> Result<(), LinkError> {
        for (word, address) in words.iter_mut().zip((address..).step_by(4)) {
            *word = self.read32(address)?;
        }
        Ok(())
    }

    /// Writes one register.
    ///
    /// # Errors
    /// As the device fails.
    fn write32(&mut self, address: u32, value: u32) -> Result<(), LinkError>;

    /// Fills `buffer` from device memory.
    ///
    /// # Errors
    /// [`LinkError::Timeout`] after `deadline`; [`LinkError::Invalid`] outside the memory.
    fn read_at(&mut self, address: u64, buffer: &mut [u8], deadline: Duration) -> Result<(), LinkError>;

    /// Writes `data` to device memory.
    ///
    /// # Errors
    /// As [`Link::read_at`].
    fn write_at(&mut self, address: u64, data: &[u8], deadline: Duration) -> Result<(), LinkError>;

    /// Waits for the interrupt.
    ///
    /// # Errors
    /// [`LinkError::Timeout`] if it does not come within `deadline`.
    fn wait_interrupt(&mut self, deadline: Duration) -> Result<(), LinkError>;

    /// Brings the device to its power-up state; memory contents are lost.
    ///
    /// # Errors
    /// As the device fails.
    fn reset(&mut self) -> Result<(), LinkError>;

    /// Resets what computes, and memory only where the device cannot do without: what follows a trap.
    ///
    /// # Errors
    /// As the device fails.
    fn restart(&mut self) -> Result<MemoryAfter, LinkError> {
        self.reset()?;
        Ok(MemoryAfter::Lost)
    }

    /// Whether the device still answers.
    fn alive(&mut self) -> bool {
        self.read32(myelin_isa::register::ID).is_ok_and(|id| id == myelin_isa::register::ID_VALUE)
    }
}

/// What a restart left of device memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemoryAfter {
    /// All of it.
    Kept,
    /// Nothing.
    Lost,
}

/// What is at the other end of a link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkInfo {
    /// The selector under which it was opened.
    pub selector: String,
    /// One line for people.
    pub description: String,
    /// Parameters of its cell; `None` if it is none, but an edge-trimming core.
    pub architecture: Option<Architecture>,
    /// Bytes of device memory.
    pub memory_bytes: u64,
}

/// How a link fails.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// No answer in time.
    #[error("{operation}: no answer within {} ms", deadline.as_millis())]
    Timeout {
        /// What was attempted.
        operation: &'static str,
        /// How long it was given.
        deadline: Duration,
    },
    /// An access outside the registers or the memory.
    #[error("{operation} at {address:#x}, {bytes} bytes: the device has {available} bytes there")]
    Invalid {
        /// What was attempted.
        operation: &'static str,
        /// Where.
        address: u64,
        /// How much.
        bytes: u64,
        /// What there is.
        available: u64,
    },
    /// The device reports a fault or breaks its own rules.
    #[error("{operation}: device fault: {fault}")]
    DeviceFault {
        /// What was attempted.
        operation: &'static str,
        /// What it reports.
        fault: String,
    },
    /// An assertion or assumption of a simulated device did not hold.
    #[error("{operation}: a check in the device failed at cycle {}", failure.cycle)]
    CheckFailed {
        /// What was attempted.
        operation: &'static str,
        /// Which check, when, and where its waves are.
        #[source]
        failure: Box<FailedCheck>,
    },
    /// The device is gone.
    #[error("{operation}: the device is gone")]
    Gone {
        /// What was attempted.
        operation: &'static str,
    },
}

/// A check in a simulated device that did not hold. The device has gone on by that cycle.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct FailedCheck {
    /// Path of the check: instances from the top on, then the sentence it states.
    pub check: String,
    /// What the simulator says of it, with the place in the source.
    pub message: String,
    /// Cycles since power-up.
    pub cycle: u64,
    /// The file with the waves of the cycles before it, if they were asked for and could be written.
    pub waves: Option<PathBuf>,
}

impl LinkError {
    /// Whether the same operation may succeed when tried again.
    pub fn is_transient(&self) -> bool {
        matches!(self, LinkError::Timeout { .. })
    }
}
