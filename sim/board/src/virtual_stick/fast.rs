//! The stick in its fast form: the firmware's library on this machine, its cell in software.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use myelin_firmware::flash::MemoryFlash;
use myelin_firmware::image::{self, Slot};
use myelin_firmware::{Board, Flash, FunctionalCore, Memories, MemorySizes, SoftwareArray, Stick, System, Wire};
use myelin_isa::Architecture;
use myelin_isa::framing::{
    Checksum, CoreKind, Frame, PAYLOAD_MAX, Reboot, SoftwareChecksum, frame_length, wire_length_max,
};
use myelin_isa::stick::{MAP_VERSION, board, system};

use super::StickModel;

/// Requests and answers that the stick keeps.
const WINDOW: usize = 8;
/// Objects that its store keeps track of.
const OBJECTS: usize = 64;
/// Jobs that it queues.
const JOBS: usize = 4;
/// Bytes on the line to the stick.
const LINE_BYTES_MAX: usize = 1 << 16;
/// Images that it takes: as the ECP5's.
const FAMILY: u32 = 0;
/// How long the stick rests when it has nothing to do, unless bytes come.
const REST: Duration = Duration::from_millis(1);
/// How long a host's bytes are waited upon.
const ANSWER_MAX: Duration = Duration::from_millis(4);
/// Bytes of flash: as on the boards.
pub const FLASH_BYTES: u32 = 1 << 24;

/// A stick of an architecture with so much memory; its flash outlives its power.
pub struct FastStick {
    architecture: Architecture,
    memory_bytes: u32,
    line: Arc<Line>,
    flash: Arc<Mutex<MemoryFlash>>,
    thread: Option<JoinHandle<()>>,
}

/// What the stick's thread and the line's share.
#[derive(Default)]
struct Line {
    state: Mutex<LineState>,
    changed: Condvar,
}

#[derive(Default)]
struct LineState {
    to_stick: VecDeque<u8>,
    to_host: Vec<u8>,
    /// The stick has taken everything in and had nothing to do since.
    is_idle: bool,
    power_off: bool,
}

impl Line {
    fn state(&self) -> MutexGuard<'_, LineState> {
        // Bytes are moved whole: a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FastStick {
    /// Powers a stick up, its flash erased.
    pub fn new(architecture: Architecture, memory_bytes: u32) -> FastStick {
        let flash = Arc::new(Mutex::new(MemoryFlash::new(FLASH_BYTES, 1)));
        let mut stick = FastStick { architecture, memory_bytes, line: Arc::default(), flash, thread: None };
        stick.power_up();
        stick
    }

    fn power_up(&mut self) {
        self.line = Arc::default();
        let (line, flash) = (self.line.clone(), self.flash.clone());
        let (architecture, memory_bytes) = (self.architecture, self.memory_bytes);
        self.thread = Some(std::thread::spawn(move || {
            let mut cause = system::RESET_POWER;
            while run(architecture, memory_bytes, cause, &line, &flash) {
                cause = system::RESET_SOFTWARE;
            }
        }));
    }

    fn power_down(&mut self) {
        self.line.state().power_off = true;
        self.line.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of the firmware is a stick that says nothing more: tests of the host see that.
            let _ = thread.join();
        }
    }

    fn flash(&self) -> MutexGuard<'_, MemoryFlash> {
        self.flash.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FastStick {
    fn drop(&mut self) {
        self.power_down();
    }
}

impl StickModel for FastStick {
    fn receive(&mut self, bytes: &[u8]) -> usize {
        let mut state = self.line.state();
        let taken = bytes.len().min(LINE_BYTES_MAX - state.to_stick.len().min(LINE_BYTES_MAX));
        if taken > 0 {
            state.to_stick.extend(&bytes[..taken]);
            state.is_idle = false;
            self.line.changed.notify_all();
        }
        taken
    }

    fn advance(&mut self, _: u64, sent: &mut Vec<u8>) -> io::Result<bool> {
        if self.thread.as_ref().is_some_and(JoinHandle::is_finished) {
            return Err(io::Error::other("the firmware has panicked"));
        }
        let until = Instant::now() + ANSWER_MAX;
        let mut state = self.line.state();
        while state.to_host.is_empty() && !state.is_idle {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.line.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        sent.append(&mut state.to_host);
        Ok(true)
    }

    fn power_cycle(&mut self) {
        self.power_down();
        self.flash().power_cycle();
        self.power_up();
    }

    fn fail_power_at(&mut self, count: u32) {
        self.flash().cut_power_at(u64::from(count.max(1)));
    }

    fn has_lost_power(&self) -> bool {
        self.flash().is_without_power()
    }
}

/// From one boot to the next; whether there is one.
fn run(
    architecture: Architecture,
    memory_bytes: u32,
    cause: u32,
    line: &Arc<Line>,
    flash: &Arc<Mutex<MemoryFlash>>,
) -> bool {
    let sizes = MemorySizes::of(&architecture);
    let mut device = vec![0; memory_bytes as usize];
    let (mut activations, mut weights) = (vec![0; sizes.activations], vec![0; sizes.weights]);
    let (mut biases, mut table) = (vec![0; sizes.biases], vec![0; sizes.table]);
    let mut instructions = vec![[0; 4]; sizes.instructions];
    let mut stamps = vec![0; sizes.stamps];
    let memories = Memories {
        device: &mut device,
        activations: &mut activations,
        weights: &mut weights,
        biases: &mut biases,
        table: &mut table,
        instructions: &mut instructions,
        stamps: &mut stamps,
    };
    let specification = architecture.specification();
    let mut accumulators = vec![0; SoftwareArray::accumulators(&architecture)];
    let mut tile = vec![0; SoftwareArray::weights(&architecture)];
    let array = SoftwareArray::new(&architecture, &mut accumulators, &mut tile);
    let core = array
        .and_then(|array| FunctionalCore::new(architecture, specification, CoreKind::Software, memories, array))
        .expect("invariant: one cell, whose memories have the sizes that it says");
    let wire = LineEnd { line: line.clone(), received: Vec::new(), has_moved: false };
    let image = choose_image(&mut SharedFlash(flash.clone()));
    let host = Host { start: Instant::now(), cause, image, reboot: None };
    let mut stick = Stick::<_, _, _, _, WINDOW, PAYLOAD_MAX, { frame_length(PAYLOAD_MAX) }, JOBS, OBJECTS>::new(
        core,
        SharedFlash(flash.clone()),
        wire,
        host,
    );
    loop {
        stick.poll();
        if stick.system_mut().reboot.take().is_some() {
            return true;
        }
        let has_moved = std::mem::take(&mut stick.wire_mut().has_moved);
        let is_working = stick.is_working();
        let mut state = line.state();
        if state.power_off {
            return false;
        }
        if has_moved || !state.to_stick.is_empty() {
            continue;
        }
        if !is_working && !state.is_idle {
            state.is_idle = true;
            line.changed.notify_all();
        }
        if !is_working {
            drop(line.changed.wait_timeout(state, REST));
        }
    }
}

/// What boot code does, but for entering the image: there is no core to run it, the library is the firmware of every image.
fn choose_image(flash: &mut SharedFlash) -> Option<Slot> {
    let (image, _) = image::choose(flash, &mut SoftwareChecksum, MAP_VERSION, FAMILY);
    let image = image?;
    image::note_attempt(flash, image.slot);
    Some(image.slot)
}

/// The stick's end of the line.
struct LineEnd {
    line: Arc<Line>,
    received: Vec<u8>,
    has_moved: bool,
}

impl Wire for LineEnd {
    fn received(&mut self) -> &[u8] {
        if self.received.is_empty() {
            self.received.extend(self.line.state().to_stick.drain(..));
        }
        self.has_moved |= !self.received.is_empty();
        &self.received
    }

    fn consume(&mut self, count: usize) {
        self.received.drain(..count.min(self.received.len()));
    }

    fn can_send(&mut self) -> bool {
        self.line.state().to_host.len() < LINE_BYTES_MAX
    }

    fn send(&mut self, frame: &Frame<'_>) {
        let mut bytes = vec![0; wire_length_max(frame.payload.len())];
        let length = frame.encode(&mut SoftwareChecksum, &mut bytes);
        let length = length.expect("invariant: the buffer has the length of the longest encoding");
        self.line.state().to_host.extend_from_slice(&bytes[..length]);
        self.line.changed.notify_all();
        self.has_moved = true;
    }
}

/// This machine as what is around the stick's core.
struct Host {
    start: Instant,
    cause: u32,
    image: Option<Slot>,
    reboot: Option<Reboot>,
}

impl Checksum for Host {
    fn update(&mut self, state: u32, bytes: &[u8]) -> u32 {
        SoftwareChecksum.update(state, bytes)
    }
}

impl System for Host {
    fn now_ms(&mut self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn kick(&mut self) {}

    fn reboot(&mut self, what: Reboot) {
        self.reboot = Some(what);
    }

    fn board(&self) -> Board {
        Board {
            board: board::SIMULATED,
            clock_hz: 1,
            gateware: 0,
            map_version: MAP_VERSION,
            family: FAMILY,
            load_address: 0,
            reset_cause: self.cause,
            image: self.image,
            last_fault: None,
        }
    }
}

/// The flash, which the stick loses with its power and finds again.
struct SharedFlash(Arc<Mutex<MemoryFlash>>);

impl SharedFlash {
    fn flash(&self) -> MutexGuard<'_, MemoryFlash> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flash for SharedFlash {
    fn bytes(&self) -> u32 {
        FLASH_BYTES
    }

    fn read(&mut self, address: u32, out: &mut [u8]) {
        self.flash().read(address, out);
    }

    fn program(&mut self, address: u32, data: &[u8]) -> bool {
        self.flash().program(address, data)
    }

    fn erase(&mut self, address: u32) {
        self.flash().erase(address);
    }

    fn erase_block(&mut self, address: u32) {
        self.flash().erase_block(address);
    }

    fn is_busy(&mut self) -> bool {
        self.flash().is_busy()
    }
}
