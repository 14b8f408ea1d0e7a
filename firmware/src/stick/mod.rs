//! The stick: frames in, commands done, frames out.

mod requests;
mod running;
mod stored;

use ::core::mem::MaybeUninit;

use myelin_isa::framing::{
    Checksum, Deframer, FaultEntry, Frame, Limits, Reason, Reboot, Refusal, Responder, fault, frame_length,
};
use myelin_isa::register;
use myelin_isa::stick::{flash_layout, system};

use crate::core::Core;
use crate::faults::FaultLog;
use crate::flash::Flash;
use crate::image::{self, Slot, Update};
use crate::jobs::{JobEvent, Jobs};
use crate::store::Store;

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

    /// Whether a byte was lost since this was last asked.
    fn has_lost(&mut self) -> bool {
        false
    }
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
    /// That bytes were lost is recorded once in a boot: a line that goes on losing them must not wear out the flash.
    has_lost: bool,
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
        if let Some(running) = board.image
            && image::is_passed_over(&mut flash, &mut system, running)
        {
            let code = running.other() as u16;
            let fallback = FaultEntry { boot: 0, uptime_ms: 0, kind: fault::FALLBACK, code, detail: 0 };
            faults.record(&mut flash, &mut system, fallback);
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
            (&raw mut (*stick).has_lost).write(false);
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
        if self.wire.has_lost() && !::core::mem::replace(&mut self.has_lost, true) {
            self.record(fault::OVERRUN, 1, 0);
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

    pub(super) fn record(&mut self, kind: u16, code: u16, detail: u32) {
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
