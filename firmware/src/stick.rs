//! The stick: frames in, commands done, frames out.

use ::core::mem::MaybeUninit;

use myelin_isa::framing::{
    BoardInfo, Checksum, Deframer, FaultEntry, Frame, JOB_REPLY_OVERHEAD, JobState, Limits, OBJECT_ENTRY_BYTES, Reason,
    Reboot, Received, Refusal, Reply, Request, RequestError, Responder, SelfTestReport, Verdict, WAIT_MS_MAX, fault,
    frame_length,
};
use myelin_isa::register;
use myelin_isa::stick::{flash_layout, system};

use crate::core::Core;
use crate::faults::FaultLog;
use crate::flash::Flash;
use crate::image::{self, Image, Slot, Update};
use crate::jobs::{JobEvent, JobPlan, Jobs};
use crate::self_test;
use crate::store::{Progress, Store};

/// Bytes copied from an object to device memory in one step.
const COPY_BYTES: usize = 256;
/// Frames taken in before others are sent.
const FRAMES_PER_POLL: u32 = 8;

/// The serial port.
pub trait Wire {
    /// What has come and was not consumed; may be a part.
    fn received(&mut self) -> &[u8];

    /// So many of the bytes received are done with.
    fn consume(&mut self, count: usize);

    /// Whether a frame can be sent now.
    fn can_send(&mut self) -> bool;

    /// Sends a frame.
    fn send(&mut self, frame: &Frame<'_>);
}

/// Everything else around the core: time, watchdog, resets, and what the board is.
pub trait System: Checksum {
    /// Milliseconds since the reset.
    fn now_ms(&mut self) -> u64;

    /// Tells the watchdog that all is well.
    fn kick(&mut self);

    /// Restarts; whatever is to be sent was sent.
    fn reboot(&mut self, what: Reboot);

    /// What the board is.
    fn board(&self) -> Board;
}

/// What a board is, and how it came up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Board {
    /// Which ([`myelin_isa::stick::board`]).
    pub board: u32,
    /// Clocks a second.
    pub clock_hz: u32,
    /// Of the gateware ([`system::BUILD`]).
    pub gateware: u32,
    /// Of the gateware ([`system::MAP_VERSION`]).
    pub map_version: u32,
    /// Which RAM images are for: 0 ECP5, 1 UP5K.
    pub family: u32,
    /// Where images go.
    pub load_address: u32,
    /// [`system::RESET_CAUSE`].
    pub reset_cause: u32,
    /// The image that runs, if it came from the flash.
    pub image: Option<Slot>,
    /// What was left in memory of a fault before the reset.
    pub last_fault: Option<FaultEntry>,
}

/// A request that is not answered at once.
#[derive(Debug)]
enum Pending {
    Interrupt {
        deadline: u64,
    },
    Job {
        id: u16,
        deadline: u64,
    },
    /// The store erases or reads back.
    Store,
    /// The other slot is erased.
    Image,
    Copy {
        object: usize,
        offset: u32,
        address: u32,
        left: u32,
    },
}

/// How a request was dealt with.
enum Outcome {
    /// The answer is in the buffer, of so many bytes.
    Answered(usize),
    Later(Pending),
}

/// A stick. `W`: window; `P`: payload; `N`: [`frame_length`] of `P`; `J`: jobs; `O`: objects.
///
/// [`Stick::poll`] does a bounded piece of work; whoever has the stick calls it for ever.
#[derive(Debug)]
pub struct Stick<C, F, L, S, const W: usize, const P: usize, const N: usize, const J: usize, const O: usize> {
    core: C,
    flash: F,
    wire: L,
    system: S,
    deframer: Deframer<N>,
    responder: Responder<W, P>,
    store: Store<O>,
    faults: FaultLog,
    jobs: Jobs<J, P>,
    update: Option<Update>,
    pending: Option<Pending>,
    reboot: Option<Reboot>,
    is_confirmed: bool,
}

impl<C, F, L, S, const W: usize, const P: usize, const N: usize, const J: usize, const O: usize>
    Stick<C, F, L, S, W, P, N, J, O>
where
    C: Core,
    F: Flash,
    L: Wire,
    S: System,
{
    /// Brings a stick up: reads the flash, records the boot and why the last one ended.
    pub fn new(core: C, flash: F, wire: L, system: S) -> Self {
        let mut place = MaybeUninit::uninit();
        Self::new_in(&mut place, core, flash, wire, system);
        // SAFETY: `new_in` has written it.
        unsafe { place.assume_init() }
    }

    /// [`Stick::new`] where it is to stay: its buffers never lie on the stack all at once.
    pub fn new_in(place: &mut MaybeUninit<Self>, core: C, mut flash: F, wire: L, mut system: S) -> &mut Self {
        const { assert!(N == frame_length(P), "the frame buffer fits the payload") };
        let board = system.board();
        let mut faults = FaultLog::open(&mut flash, &mut system);
        if let Some(fault) = board.last_fault {
            faults.record(&mut flash, &mut system, fault);
        }
        if board.reset_cause == system::RESET_WATCHDOG {
            let watchdog = FaultEntry { boot: 0, uptime_ms: 0, kind: fault::WATCHDOG, code: 0, detail: 0 };
            faults.record(&mut flash, &mut system, watchdog);
        }
        let limits = Limits {
            window: W as u8,
            payload_max: P as u16,
            specification: core.specification(),
            map_version: board.map_version,
            boots: faults.boots(),
            reset_cause: board.reset_cause as u8,
        };
        // Sessions of neighbouring boots are far apart.
        let first_epoch = (faults.boots() as u16).wrapping_mul(257);
        let stick = place.as_mut_ptr();
        // SAFETY: the pointer is to memory for a whole stick, and every field is written, once.
        unsafe {
            put(&raw mut (*stick).store, || Store::mount(&mut flash, &mut system, flash_layout::OBJECTS));
            put(&raw mut (*stick).responder, || Responder::new(limits, first_epoch));
            put(&raw mut (*stick).deframer, Deframer::new);
            put(&raw mut (*stick).jobs, Jobs::new);
            (&raw mut (*stick).core).write(core);
            (&raw mut (*stick).flash).write(flash);
            (&raw mut (*stick).wire).write(wire);
            (&raw mut (*stick).system).write(system);
            (&raw mut (*stick).faults).write(faults);
            (&raw mut (*stick).update).write(None);
            (&raw mut (*stick).pending).write(None);
            (&raw mut (*stick).reboot).write(None);
            (&raw mut (*stick).is_confirmed).write(false);
            place.assume_init_mut()
        }
    }

    /// Does a bounded piece of work.
    pub fn poll(&mut self) {
        self.system.kick();
        for _ in 0..FRAMES_PER_POLL {
            if !self.take_frame() {
                break;
            }
        }
        self.go_on();
        let now = self.system.now_ms();
        match self.jobs.step(&mut self.core, now) {
            Some(JobEvent::Trapped(status)) => {
                self.record(fault::PROGRAM, (status >> 4 & 0xf) as u16, status);
            }
            Some(JobEvent::OverLimit(id)) => self.record(fault::JOB_LIMIT, id, 0),
            None => {}
        }
        self.core.step();
        while self.wire.can_send() {
            let Some(frame) = self.responder.poll(W as u8) else { break };
            self.wire.send(&frame);
        }
        if let Some(what) = self.reboot
            && self.wire.can_send()
            && !self.responder.is_executing()
        {
            self.reboot = None;
            self.system.reboot(what);
        }
    }

    /// Whether there is something to go on with although nothing comes from the host.
    pub fn is_working(&mut self) -> bool {
        let is_running = self.core.read_register(register::STATUS) & register::STATUS_BUSY != 0;
        is_running || self.pending.is_some()
    }

    /// The core, for whoever built it.
    pub fn core_mut(&mut self) -> &mut C {
        &mut self.core
    }

    /// The flash, likewise.
    pub fn flash_mut(&mut self) -> &mut F {
        &mut self.flash
    }

    /// The serial port, likewise.
    pub fn wire_mut(&mut self) -> &mut L {
        &mut self.wire
    }

    /// Time and the like, likewise.
    pub fn system_mut(&mut self) -> &mut S {
        &mut self.system
    }

    /// Takes in bytes up to the end of a frame; whether there may be more.
    fn take_frame(&mut self) -> bool {
        let bytes = self.wire.received();
        if bytes.is_empty() {
            return false;
        }
        let (taken, frame) = self.deframer.push(bytes, &mut self.system);
        let mut copy = [0; P];
        let mut executed = None;
        if let Some(frame) = frame {
            match self.responder.receive(&frame) {
                Received::Nothing => {}
                Received::NewSession => {
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
                Received::Execute(request) => {
                    // The frame's buffer is the deframer's, which the command may not keep.
                    copy[..request.len()].copy_from_slice(request);
                    executed = Some(request.len());
                }
            }
        }
        self.wire.consume(taken);
        if let Some(length) = executed {
            let outcome = match Request::decode(&copy[..length]) {
                Ok(request) => self.execute(&request),
                Err(RequestError::Unknown(code)) => Err(refuse(Reason::UnknownCommand, u32::from(code))),
                Err(RequestError::Malformed) => Err(refuse(Reason::Malformed, 0)),
            };
            self.answer(outcome);
        }
        true
    }

    fn answer(&mut self, outcome: Result<Outcome, Refusal>) {
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

    fn reply(&mut self, reply: &Reply<'_>) -> Result<Outcome, Refusal> {
        let length = reply.encode(self.responder.reply_buffer());
        length.map(Outcome::Answered).ok_or(refuse(Reason::OutOfRange, P as u32))
    }

    fn execute(&mut self, request: &Request<'_>) -> Result<Outcome, Refusal> {
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

    /// Commands about objects and images.
    fn execute_in_flash(&mut self, request: &Request<'_>) -> Result<Outcome, Refusal> {
        match *request {
            Request::ObjectFind { ref name } => {
                let (_, length) = self.store.find(&mut self.flash, name).ok_or(refuse(Reason::NotFound, 0))?;
                self.reply(&Reply::Object { length })
            }
            Request::ObjectBegin { name, length } => {
                self.update = None;
                self.store.begin(name, length)?;
                Ok(Outcome::Later(Pending::Store))
            }
            Request::ObjectData { offset, data } => {
                self.store.write(&mut self.flash, &mut self.system, offset, data)?;
                self.reply(&Reply::Done)
            }
            Request::ObjectCommit => {
                self.store.commit()?;
                Ok(Outcome::Later(Pending::Store))
            }
            Request::ObjectDelete { ref name } => {
                let (object, _) = self.store.find(&mut self.flash, name).ok_or(refuse(Reason::NotFound, 0))?;
                self.store.delete(&mut self.flash, object)?;
                self.reply(&Reply::Done)
            }
            Request::ObjectList { first } => self.list_objects(first),
            Request::ObjectCopy { ref name, offset, address, length } => {
                self.when_no_jobs()?;
                let (object, there) = self.store.find(&mut self.flash, name).ok_or(refuse(Reason::NotFound, 0))?;
                let is_inside = |offset: u32, size: u32| u64::from(offset) + u64::from(length) <= u64::from(size);
                if !is_inside(offset, there) {
                    return Err(refuse(Reason::OutOfRange, there));
                }
                if !is_inside(address, self.core.memory_bytes()) {
                    return Err(refuse(Reason::OutOfRange, self.core.memory_bytes()));
                }
                Ok(Outcome::Later(Pending::Copy { object, offset, address, left: length }))
            }
            Request::ImageBegin { length, checksum } => {
                self.store.abandon();
                self.update = Some(self.begin_image(length, checksum)?);
                Ok(Outcome::Later(Pending::Image))
            }
            Request::ImageData { offset, data } => {
                let update = self.update.as_mut().ok_or(refuse(Reason::OutOfOrder, 0))?;
                update.write(&mut self.flash, offset, data)?;
                self.reply(&Reply::Done)
            }
            Request::ImageCommit => {
                let update = self.update.take().ok_or(refuse(Reason::OutOfOrder, 0))?;
                update.commit(&mut self.flash, &mut self.system)?;
                self.reply(&Reply::Done)
            }
            _ => Err(refuse(Reason::UnknownCommand, u32::from(request.code()))),
        }
    }

    /// Goes on with the request that is not answered yet.
    fn go_on(&mut self) {
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

    fn copy(&mut self, object: usize, offset: u32, address: u32, left: u32) -> Result<Outcome, Refusal> {
        let mut buffer = [0; COPY_BYTES];
        let buffer = &mut buffer[..COPY_BYTES.min(left as usize)];
        let is_read = self.store.read(&mut self.flash, object, offset, buffer);
        if !is_read || !self.core.write_memory(address, buffer) {
            return Err(refuse(Reason::OutOfRange, 0));
        }
        let count = buffer.len() as u32;
        if count == left {
            return self.reply(&Reply::Done);
        }
        Ok(Outcome::Later(Pending::Copy {
            object,
            offset: offset + count,
            address: address + count,
            left: left - count,
        }))
    }

    fn read_registers(&mut self, address: u32, count: u16) -> Result<Outcome, Refusal> {
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

    fn write_registers(&mut self, address: u32, data: &[u8]) -> Result<Outcome, Refusal> {
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

    fn read_memory(&mut self, address: u32, length: u16) -> Result<Outcome, Refusal> {
        if usize::from(length) >= P {
            return Err(refuse(Reason::OutOfRange, P as u32 - 1));
        }
        let core = &mut self.core;
        let outcome = Self::fill(&mut self.responder, usize::from(length), |out| core.read_memory(address, out));
        outcome.ok_or(refuse(Reason::OutOfRange, self.core.memory_bytes()))
    }

    /// Answers with data of a length, put where they are sent from. Takes the responder alone: the rest is the filler's.
    fn fill(responder: &mut Responder<W, P>, length: usize, fill: impl FnOnce(&mut [u8]) -> bool) -> Option<Outcome> {
        let buffer = responder.reply_buffer();
        let head = Reply::Data(&[]).encode(buffer)?;
        fill(buffer.get_mut(head..head + length)?).then_some(Outcome::Answered(head + length))
    }

    fn submit(&mut self, plan: JobPlan, input: &[u8]) -> Result<Outcome, Refusal> {
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

    fn self_test(&mut self) -> Result<Outcome, Refusal> {
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

    fn list_faults(&mut self, first: u16) -> Result<Outcome, Refusal> {
        let total = self.faults.count();
        let buffer = self.responder.reply_buffer();
        let head = Reply::Faults { total, entries: &[] }.encode(buffer).ok_or(refuse(Reason::OutOfRange, 0))?;
        let length = self.faults.list(&mut self.flash, &mut self.system, first, &mut buffer[head..]);
        Ok(Outcome::Answered(head + length))
    }

    fn list_objects(&mut self, first: u16) -> Result<Outcome, Refusal> {
        let total = self.store.len() as u16;
        let buffer = self.responder.reply_buffer();
        let mut at = Reply::Objects { total, entries: &[] }.encode(buffer).ok_or(refuse(Reason::OutOfRange, 0))?;
        for index in usize::from(first)..self.store.len() {
            let Some(place) = buffer.get_mut(at..at + OBJECT_ENTRY_BYTES) else { break };
            let Some(entry) = self.store.get(&mut self.flash, index) else { break };
            place.copy_from_slice(&entry.to_bytes());
            at += OBJECT_ENTRY_BYTES;
        }
        Ok(Outcome::Answered(at))
    }

    fn begin_image(&mut self, length: u32, checksum: u32) -> Result<Update, Refusal> {
        let board = self.system.board();
        let slot = board.image.map_or(Slot::A, Slot::other);
        let other = Image::header(&mut self.flash, &mut self.system, slot.other());
        Update::begin(Image {
            slot,
            counter: other.map_or(1, |image| image.counter.wrapping_add(1)),
            length,
            checksum,
            load_address: board.load_address,
            map_version: board.map_version,
            family: board.family,
        })
    }

    fn board_info(&mut self) -> BoardInfo {
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

    fn when_no_jobs(&self) -> Result<(), Refusal> {
        if self.jobs.are_active() { Err(refuse(Reason::Busy, 0)) } else { Ok(()) }
    }

    fn done_inside(&mut self, is_inside: bool) -> Result<Outcome, Refusal> {
        if is_inside { self.reply(&Reply::Done) } else { Err(refuse(Reason::OutOfRange, self.core.memory_bytes())) }
    }

    fn deadline(&mut self, milliseconds: u32) -> u64 {
        self.system.now_ms().saturating_add(u64::from(milliseconds.min(WAIT_MS_MAX)))
    }

    fn record(&mut self, kind: u16, code: u16, detail: u32) {
        let uptime_ms = self.system.now_ms() as u32;
        let fault = FaultEntry { boot: 0, uptime_ms, kind, code, detail };
        self.faults.record(&mut self.flash, &mut self.system, fault);
    }
}

/// Writes a value that is made in a stack frame of its own, which ends with it.
///
/// # Safety
/// As `ptr::write`.
#[inline(never)]
unsafe fn put<T>(place: *mut T, make: impl FnOnce() -> T) {
    // SAFETY: the caller's.
    unsafe { place.write(make()) }
}

const fn refuse(reason: Reason, detail: u32) -> Refusal {
    Refusal { reason, detail }
}

/// One past the last of `count` registers from an address, all of which lie in the map.
fn check_registers(address: u32, count: u32) -> Result<u32, Refusal> {
    if !address.is_multiple_of(4) {
        return Err(refuse(Reason::Unaligned, 4));
    }
    let end = u64::from(address) + 4 * u64::from(count);
    if end > u64::from(register::END) { Err(refuse(Reason::OutOfRange, register::END)) } else { Ok(end as u32) }
}
