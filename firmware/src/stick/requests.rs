//! Requests: taken in, carried out at once or later, answered.

use myelin_isa::framing::{
    BoardInfo, JobState, Reason, Received, Refusal, Reply, Request, RequestError, SelfTestReport, Verdict, WAIT_MS_MAX,
    fault,
};

use super::{Outcome, Pending, Stick, System, Wire, refuse};
use crate::core::Core;
use crate::flash::Flash;
use crate::image::{self, Image};
use crate::jobs::JobPlan;
use crate::self_test;
use crate::store::Progress;

impl<C, F, L, S, const W: usize, const P: usize, const N: usize, const J: usize, const O: usize>
    Stick<C, F, L, S, W, P, N, J, O>
where
    C: Core,
    F: Flash,
    L: Wire,
    S: System,
{
    /// Takes in bytes up to the end of a frame; whether there may be more.
    pub(super) fn take_frame(&mut self) -> bool {
        let bytes = self.wire.received();
        if bytes.is_empty() {
            return false;
        }
        let (taken, frame) = self.deframer.push(bytes, &mut self.system);
        match frame.map(|frame| self.responder.receive(&frame)) {
            None | Some(Received::Nothing) => self.wire.consume(taken),
            Some(Received::NewSession) => {
                self.wire.consume(taken);
                self.begin_session();
            }
            Some(Received::Execute(request)) => {
                // The frame's buffer is the deframer's, which the command may not keep.
                let mut copy = [0; P];
                let copy = &mut copy[..request.len()];
                copy.copy_from_slice(request);
                self.wire.consume(taken);
                let outcome = match Request::decode(copy) {
                    Ok(request) => self.execute(&request),
                    Err(RequestError::Unknown(code)) => Err(refuse(Reason::UnknownCommand, u32::from(code))),
                    Err(RequestError::Malformed) => Err(refuse(Reason::Malformed, 0)),
                };
                self.answer(outcome);
            }
        }
        true
    }

    fn begin_session(&mut self) {
        self.pending = None;
        // Nobody knows their numbers any more.
        self.jobs.clear();
        if !self.is_confirmed
            && let Some(slot) = self.system.board().image
        {
            image::confirm(&mut self.flash, &mut self.system, slot);
        }
        self.is_confirmed = true;
    }

    pub(super) fn answer(&mut self, outcome: Result<Outcome, Refusal>) {
        let length = match outcome {
            Ok(Outcome::Answered(length)) => length,
            Ok(Outcome::Later(pending)) => {
                self.pending = Some(pending);
                return;
            }
            Err(refusal) => {
                if refusal.reason == Reason::FlashFault {
                    self.record(fault::FLASH, 0, refusal.detail);
                }
                Reply::Refused(refusal).encode(self.responder.reply_buffer()).unwrap_or(0)
            }
        };
        self.responder.complete(length);
    }

    pub(super) fn reply(&mut self, reply: &Reply<'_>) -> Result<Outcome, Refusal> {
        let length = reply.encode(self.responder.reply_buffer());
        length.map(Outcome::Answered).ok_or(refuse(Reason::OutOfRange, P as u32))
    }

    pub(super) fn execute(&mut self, request: &Request<'_>) -> Result<Outcome, Refusal> {
        match *request {
            Request::Echo { data } => self.reply(&Reply::Data(data)),
            Request::Board => {
                let board = self.board_info();
                self.reply(&Reply::Board(board))
            }
            Request::ReadRegisters { address, count } => self.read_registers(address, count),
            Request::WriteRegisters { address, data } => self.write_registers(address, data),
            Request::ReadMemory { address, length } => self.read_memory(address, length),
            Request::WriteMemory { address, data } => {
                self.when_no_jobs()?;
                let is_inside = self.core.write_memory(address, data);
                self.done_inside(is_inside)
            }
            Request::WaitInterrupt { milliseconds } => {
                let deadline = self.deadline(milliseconds);
                Ok(Outcome::Later(Pending::Interrupt { deadline }))
            }
            Request::Reset => {
                self.jobs.clear();
                self.core.reset();
                self.reply(&Reply::Memory { kept: false })
            }
            Request::Restart => {
                self.jobs.clear();
                self.core.restart();
                self.reply(&Reply::Memory { kept: true })
            }
            Request::JobSubmit { entry, input_address, output_address, output_length, limit_ms, input } => {
                let plan = JobPlan { entry, input_address, output_address, output_length, limit_ms };
                self.submit(plan, input)
            }
            Request::JobTake { id, milliseconds } => {
                let deadline = self.deadline(milliseconds);
                Ok(Outcome::Later(Pending::Job { id, deadline }))
            }
            Request::SelfTest => self.self_test(),
            Request::FaultLog { first } => self.list_faults(first),
            Request::Reboot { what } => {
                self.reboot = Some(what);
                self.reply(&Reply::Done)
            }
            _ => self.execute_in_flash(request),
        }
    }

    /// Goes on with the request that is not answered yet.
    pub(super) fn go_on(&mut self) {
        let now = self.system.now_ms();
        let Some(pending) = self.pending.take() else { return };
        let outcome = match pending {
            Pending::Interrupt { deadline } => {
                let interrupt = self.core.interrupt();
                if !interrupt && now < deadline {
                    self.pending = Some(pending);
                    return;
                }
                self.reply(&Reply::Waited { interrupt })
            }
            Pending::Job { id, deadline } => {
                let view = self.jobs.view(id);
                let waits = matches!(view.state, JobState::Queued | JobState::Running);
                if waits && now < deadline {
                    self.pending = Some(pending);
                    return;
                }
                let reply =
                    Reply::Job { state: view.state, status: view.status, cycles: view.cycles, output: view.output };
                let length = reply.encode(self.responder.reply_buffer());
                self.jobs.free(id);
                length.map(Outcome::Answered).ok_or(refuse(Reason::OutOfRange, P as u32))
            }
            Pending::Store => match self.store.step(&mut self.flash, &mut self.system) {
                Progress::Working => Ok(Outcome::Later(pending)),
                Progress::Done(done) => done.and_then(|()| self.reply(&Reply::Done)),
            },
            Pending::Image => match self.update.as_mut().map(|update| update.step(&mut self.flash)) {
                Some(Progress::Working) => Ok(Outcome::Later(pending)),
                Some(Progress::Done(done)) => done.and_then(|()| self.reply(&Reply::Done)),
                None => Err(refuse(Reason::OutOfOrder, 0)),
            },
            Pending::Copy { object, offset, address, left } => self.copy(object, offset, address, left),
        };
        self.answer(outcome);
    }

    pub(super) fn deadline(&mut self, milliseconds: u32) -> u64 {
        self.system.now_ms().saturating_add(u64::from(milliseconds.min(WAIT_MS_MAX)))
    }

    pub(super) fn board_info(&mut self) -> BoardInfo {
        let board = self.system.board();
        let image = board.image.and_then(|slot| Image::header(&mut self.flash, &mut self.system, slot));
        BoardInfo {
            board: board.board,
            architecture: *self.core.architecture(),
            core: self.core.kind(),
            memory_bytes: self.core.memory_bytes(),
            flash_bytes: self.flash.bytes(),
            object_bytes_free: self.store.bytes_free(),
            clock_hz: board.clock_hz,
            gateware: board.gateware,
            firmware: image.map_or(0, |image| image.checksum),
            image_slot: board.image.map_or(255, |slot| slot as u8),
            image_counter: image.map_or(0, |image| image.counter),
            job_queue: J as u8,
            frames_dropped: self.deframer.dropped(),
        }
    }

    pub(super) fn self_test(&mut self) -> Result<Outcome, Refusal> {
        self.when_no_jobs()?;
        let report = SelfTestReport {
            memory: self_test::memory(&mut self.core),
            flash: self_test::flash(&mut self.flash),
            core: self_test::core(&mut self.core),
        };
        let failed = [report.memory, report.flash, report.core].map(|test| test.verdict == Verdict::Failed);
        let code = failed.into_iter().rev().fold(0, |code, failed| code << 1 | u16::from(failed));
        if code != 0 {
            self.record(fault::SELF_TEST, code, 0);
        }
        self.reply(&Reply::SelfTest(report))
    }

    pub(super) fn list_faults(&mut self, first: u16) -> Result<Outcome, Refusal> {
        let total = self.faults.count();
        let buffer = self.responder.reply_buffer();
        let head = Reply::Faults { total, entries: &[] }.encode(buffer).ok_or(refuse(Reason::OutOfRange, 0))?;
        let length = self.faults.list(&mut self.flash, &mut self.system, first, &mut buffer[head..]);
        Ok(Outcome::Answered(head + length))
    }
}
