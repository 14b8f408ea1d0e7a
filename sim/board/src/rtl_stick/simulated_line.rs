//! A host at the line of a simulated stick, without a terminal between: time passes in the simulation while the host waits, and not
//! otherwise. So what a transfer takes is the same in every run.

use std::time::Instant;

use myelin_driver::{OpenError, Wire, WireError};

use super::RtlStick;
use crate::virtual_stick::StickModel;

/// Cycles between two looks at what has come: less than a byte takes on the line.
const CYCLES_PER_LOOK: u64 = 64;
/// Looks between two at the clock on the wall.
const LOOKS_PER_CLOCK: u32 = 64;

/// The line to a stick in the simulator.
///
/// The host takes no simulated time. Deadlines are those of the clock on the wall: give long ones, and a time to send again that is longer
/// than any answer takes to simulate.
pub struct SimulatedLine {
    stick: RtlStick,
    /// Sent by the stick and not received.
    sent: Vec<u8>,
    /// Why the simulation ended.
    fault: Option<String>,
}

impl SimulatedLine {
    /// The line to a stick.
    pub fn new(stick: RtlStick) -> SimulatedLine {
        SimulatedLine { stick, sent: Vec::new(), fault: None }
    }

    /// The stick.
    pub fn stick(&mut self) -> &mut RtlStick {
        &mut self.stick
    }

    /// Ends the line; the stick is as it was last.
    pub fn into_stick(self) -> RtlStick {
        self.stick
    }

    /// Goes on until something is sent or `deadline` is over.
    fn advance(&mut self, deadline: Instant) -> Result<(), WireError> {
        while self.sent.is_empty() && self.fault.is_none() && Instant::now() < deadline {
            for _ in 0..LOOKS_PER_CLOCK {
                if self.stick.flash().has_lost_power() {
                    return Err(WireError::Gone);
                }
                if let Err(failure) = self.stick.run(CYCLES_PER_LOOK) {
                    self.fault = Some(failure.to_string());
                    break;
                }
                self.sent.append(&mut self.stick.take_sent());
                if !self.sent.is_empty() {
                    break;
                }
            }
        }
        match &self.fault {
            Some(fault) => Err(WireError::System(std::io::Error::other(fault.clone()))),
            None => Ok(()),
        }
    }
}

impl Wire for SimulatedLine {
    fn send(&mut self, bytes: &[u8], _: Instant) -> Result<usize, WireError> {
        self.stick.send(bytes);
        Ok(bytes.len())
    }

    fn receive(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize, WireError> {
        self.advance(deadline)?;
        let count = self.sent.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.sent[..count]);
        self.sent.drain(..count);
        Ok(count)
    }

    /// A stick that has lost power gets it again.
    fn reopen(&mut self) -> Result<(), OpenError> {
        if self.stick.flash().has_lost_power() {
            self.stick.power_cycle();
            self.sent.clear();
        }
        Ok(())
    }
}
