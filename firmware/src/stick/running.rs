//! Commands about the core: registers, memory, jobs.

use myelin_isa::framing::{JOB_REPLY_OVERHEAD, Reason, Refusal, Reply, Responder};
use myelin_isa::register;

use super::{Outcome, Stick, System, Wire, refuse};
use crate::core::Core;
use crate::flash::Flash;
use crate::jobs::JobPlan;

impl<C, F, L, S, const W: usize, const P: usize, const N: usize, const J: usize, const O: usize>
    Stick<C, F, L, S, W, P, N, J, O>
where
    C: Core,
    F: Flash,
    L: Wire,
    S: System,
{
    pub(super) fn read_registers(&mut self, address: u32, count: u16) -> Result<Outcome, Refusal> {
        let end = check_registers(address, u32::from(count))?;
        // The code, then the words.
        let length = 1 + 4 * usize::from(count);
        if length > P {
            return Err(refuse(Reason::OutOfRange, P as u32));
        }
        let core = &mut self.core;
        let outcome = Self::fill(&mut self.responder, length - 1, |out| {
            for (address, place) in (address..end).step_by(4).zip(out.chunks_exact_mut(4)) {
                place.copy_from_slice(&core.read_register(address).to_le_bytes());
            }
            true
        });
        outcome.ok_or(refuse(Reason::OutOfRange, P as u32))
    }

    pub(super) fn write_registers(&mut self, address: u32, data: &[u8]) -> Result<Outcome, Refusal> {
        self.when_no_jobs()?;
        let (words, rest) = data.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(refuse(Reason::Unaligned, 4));
        }
        let end = check_registers(address, words.len() as u32)?;
        for (address, word) in (address..end).step_by(4).zip(words) {
            self.core.write_register(address, u32::from_le_bytes(*word));
        }
        self.reply(&Reply::Done)
    }

    pub(super) fn read_memory(&mut self, address: u32, length: u16) -> Result<Outcome, Refusal> {
        if usize::from(length) >= P {
            return Err(refuse(Reason::OutOfRange, P as u32 - 1));
        }
        let core = &mut self.core;
        let outcome = Self::fill(&mut self.responder, usize::from(length), |out| core.read_memory(address, out));
        outcome.ok_or(refuse(Reason::OutOfRange, self.core.memory_bytes()))
    }

    /// Answers with data of a length, put where they are sent from. Takes the responder alone: the rest is the filler's.
    pub(super) fn fill(
        responder: &mut Responder<W, P>,
        length: usize,
        fill: impl FnOnce(&mut [u8]) -> bool,
    ) -> Option<Outcome> {
        let buffer = responder.reply_buffer();
        let head = Reply::Data(&[]).encode(buffer)?;
        fill(buffer.get_mut(head..head + length)?).then_some(Outcome::Answered(head + length))
    }

    pub(super) fn submit(&mut self, plan: JobPlan, input: &[u8]) -> Result<Outcome, Refusal> {
        if usize::from(plan.output_length) + JOB_REPLY_OVERHEAD > P {
            return Err(refuse(Reason::OutOfRange, (P - JOB_REPLY_OVERHEAD) as u32));
        }
        // A run that the host has started by hand comes first.
        let is_busy = self.core.read_register(register::STATUS) & register::STATUS_BUSY != 0;
        if is_busy && !self.jobs.are_active() {
            return Err(refuse(Reason::Busy, 0));
        }
        let id = self.jobs.submit(plan, input).ok_or(refuse(Reason::QueueFull, J as u32))?;
        self.reply(&Reply::JobQueued { id })
    }

    pub(super) fn when_no_jobs(&self) -> Result<(), Refusal> {
        if self.jobs.are_active() { Err(refuse(Reason::Busy, 0)) } else { Ok(()) }
    }

    pub(super) fn done_inside(&mut self, is_inside: bool) -> Result<Outcome, Refusal> {
        if is_inside { self.reply(&Reply::Done) } else { Err(refuse(Reason::OutOfRange, self.core.memory_bytes())) }
    }
}

/// One past the last of `count` registers from an address, all of which lie in the map.
fn check_registers(address: u32, count: u32) -> Result<u32, Refusal> {
    if !address.is_multiple_of(4) {
        return Err(refuse(Reason::Unaligned, 4));
    }
    let end = u64::from(address) + 4 * u64::from(count);
    if end > u64::from(register::END) { Err(refuse(Reason::OutOfRange, register::END)) } else { Ok(end as u32) }
}
