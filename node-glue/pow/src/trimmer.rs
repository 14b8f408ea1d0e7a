//! An edge-trimming core as a solver: it trims, the processor finds the cycles among what is left.

use std::time::{Duration, Instant};

use myelin_cuckoo::{Cancel, Keys, Parameters, find_proofs};
use myelin_driver::{DriverError, Link, LinkError, LinkInfo, TrimmerSession};
use myelin_isa::cuckoo::Core;

use crate::error::SolveError;
use crate::solver::{GraphSolver, device_failed};

/// Rounds after which what survives goes to the host: more leave but a few edges less.
const ROUNDS: u16 = 96;
/// How long the interrupt is awaited before it is looked whether the graph is wanted still.
const LOOK: Duration = Duration::from_millis(20);

/// A core behind a link.
pub struct TrimmerSolver<L: Link> {
    session: TrimmerSession<Interruptible<L>>,
    parameters: Parameters,
    /// The device must be reset before it can be used again.
    is_lost: bool,
}

impl<L: Link> TrimmerSolver<L> {
    /// Checks that the device is this core.
    ///
    /// **Errors**: [`SolveError::Device`] with the driver's error.
    pub fn new(link: L, core: Core, parameters: Parameters) -> Result<TrimmerSolver<L>, SolveError> {
        let selector = link.info().selector;
        let link = Interruptible { link, cancel: Cancel::new() };
        let session = TrimmerSession::open(link, core).map_err(|error| device_failed(&selector, error))?;
        Ok(TrimmerSolver { session, parameters, is_lost: false })
    }

    fn run(
        &mut self,
        keys: &Keys,
        cancel: &Cancel,
        on_round: &mut dyn FnMut(u32, Option<u64>),
    ) -> Result<Vec<Vec<u64>>, SolveError> {
        let selector = self.session.selector().to_owned();
        if self.is_lost {
            self.session.recover().map_err(|error| device_failed(&selector, error))?;
            self.is_lost = false;
        }
        self.session.link_mut().cancel = cancel.clone();
        let trimmed = match self.session.trim(keys.0, ROUNDS) {
            Ok(trimmed) => trimmed,
            // More edges are left than its lists hold, which a fair graph does once in ages.
            Err(error @ DriverError::Crowded { .. }) => {
                tracing::warn!(%error, "graph left out");
                return Ok(Vec::new());
            }
            Err(error) => {
                self.is_lost = true;
                return Err(if cancel.is_cancelled() {
                    SolveError::Cancelled
                } else {
                    device_failed(&selector, error)
                });
            }
        };
        for (round, &alive) in (0..).zip(&trimmed.alive) {
            on_round(round, Some(u64::from(alive)));
        }
        find_proofs(&self.parameters, keys, &trimmed.survivors, cancel).map_err(|error| match error {
            myelin_cuckoo::Error::Cancelled => SolveError::Cancelled,
            error => device_failed(&selector, error),
        })
    }
}

impl<L: Link> GraphSolver for TrimmerSolver<L> {
    fn solve(
        &mut self,
        keys: &Keys,
        cancel: &Cancel,
        on_round: &mut dyn FnMut(u32, Option<u64>),
    ) -> Result<Vec<Vec<u64>>, SolveError> {
        self.run(keys, cancel, on_round)
    }
}

/// A link whose waits end when they are of no more use.
struct Interruptible<L> {
    link: L,
    cancel: Cancel,
}

impl<L: Link> Link for Interruptible<L> {
    fn info(&self) -> LinkInfo {
        self.link.info()
    }

    fn read32(&mut self, address: u32) -> Result<u32, LinkError> {
        self.link.read32(address)
    }

    fn write32(&mut self, address: u32, value: u32) -> Result<(), LinkError> {
        self.link.write32(address, value)
    }

    fn read_at(&mut self, address: u64, buffer: &mut [u8], deadline: Duration) -> Result<(), LinkError> {
        self.link.read_at(address, buffer, deadline)
    }

    fn write_at(&mut self, address: u64, data: &[u8], deadline: Duration) -> Result<(), LinkError> {
        self.link.write_at(address, data, deadline)
    }

    fn wait_interrupt(&mut self, deadline: Duration) -> Result<(), LinkError> {
        let begun = Instant::now();
        loop {
            match self.link.wait_interrupt(LOOK.min(deadline)) {
                Err(LinkError::Timeout { .. }) if begun.elapsed() < deadline && !self.cancel.is_cancelled() => {}
                done => return done,
            }
        }
    }

    fn reset(&mut self) -> Result<(), LinkError> {
        self.link.reset()
    }

    fn alive(&mut self) -> bool {
        self.link.alive()
    }
}
