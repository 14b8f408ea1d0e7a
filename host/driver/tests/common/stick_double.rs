//! A stick without firmware: the channel's other end on emulated cells, behind a wire that loses what it is told to.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use myelin_driver::{Link, OpenError, Wire, WireError};
use myelin_isa::Architecture;
use myelin_isa::framing::{
    BoardInfo, CoreKind, Deframer, Limits, ObjectName, PAYLOAD_MAX, Reason, Received, Refusal, Reply, Request,
    Responder, SoftwareChecksum, frame_length, wire_length_max,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::common::EmulatedCells;

/// Payload of requests and replies; small, so that little data takes many of them.
const PAYLOAD: usize = 256;
const MEMORY_BYTES: usize = 1 << 20;
/// Bytes that the flash holds.
const FLASH_BYTES: usize = 64 << 10;

/// What a test changes and sees while a link owns the wire.
#[derive(Default)]
pub struct Control {
    /// Of a thousand pieces of a stream so many are dropped, changed, or come twice.
    pub faults_per_thousand: u32,
    /// Nothing is there.
    pub is_unplugged: bool,
    /// The stick takes nothing in and says nothing.
    pub is_silent: bool,
    /// It starts anew before the next byte.
    pub restarts: bool,
    /// Requests that were executed.
    pub requests: Vec<&'static str>,
    /// Bytes that came in.
    pub bytes_in: usize,
}

/// The wire, the stick at its end, and its flash.
pub struct StickDouble {
    control: Arc<Mutex<Control>>,
    rng: ChaCha8Rng,
    architecture: Architecture,
    cells: EmulatedCells,
    responder: Responder<8, PAYLOAD>,
    deframer: Deframer<{ frame_length(PAYLOAD_MAX) }>,
    outgoing: VecDeque<u8>,
    boots: u32,
    objects: HashMap<ObjectName, Vec<u8>>,
    begun: Option<(ObjectName, usize, Vec<u8>)>,
}

impl StickDouble {
    pub fn new(architecture: Architecture, seed: u64) -> (StickDouble, Arc<Mutex<Control>>) {
        let control = Arc::<Mutex<Control>>::default();
        let stick = StickDouble {
            control: control.clone(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            architecture,
            cells: EmulatedCells::new(architecture, MEMORY_BYTES),
            responder: responder(architecture, 1),
            deframer: Deframer::new(),
            outgoing: VecDeque::new(),
            boots: 1,
            objects: HashMap::new(),
            begun: None,
        };
        (stick, control)
    }

    fn boot(&mut self) {
        self.boots += 1;
        self.cells = EmulatedCells::new(self.architecture, MEMORY_BYTES);
        self.responder = responder(self.architecture, self.boots);
        self.deframer = Deframer::new();
        self.outgoing.clear();
        self.begun = None;
    }

    /// What of `bytes` arrives.
    fn disturbed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let rate = self.control.lock().unwrap().faults_per_thousand;
        let mut arrived = Vec::new();
        for piece in bytes.chunks(40) {
            let mut piece = piece.to_vec();
            if self.rng.random_range(0..1000) < rate {
                match self.rng.random_range(0..4) {
                    0 => piece.clear(),
                    1 => piece.truncate(self.rng.random_range(0..piece.len())),
                    2 => arrived.extend_from_slice(&piece),
                    _ => {
                        let at = self.rng.random_range(0..piece.len());
                        piece[at] ^= 1 << self.rng.random_range(0..8);
                    }
                }
            }
            arrived.extend_from_slice(&piece);
        }
        arrived
    }

    fn take_in(&mut self, bytes: &[u8]) {
        let mut at = 0;
        while at < bytes.len() {
            let (taken, frame) = self.deframer.push(&bytes[at..], &mut SoftwareChecksum);
            at += taken;
            let Some(frame) = frame else { continue };
            if let Received::Execute(request) = self.responder.receive(&frame) {
                let request = request.to_vec();
                self.execute(&request);
            }
            self.give_out();
        }
    }

    fn give_out(&mut self) {
        let mut bytes = vec![0; wire_length_max(PAYLOAD)];
        while let Some(frame) = self.responder.poll(8) {
            let length = frame.encode(&mut SoftwareChecksum, &mut bytes).unwrap();
            let sent = bytes[..length].to_vec();
            self.outgoing.extend(sent);
        }
        if self.control.lock().unwrap().faults_per_thousand > 0 {
            let sent: Vec<u8> = self.outgoing.drain(..).collect();
            self.outgoing = self.disturbed(&sent).into();
        }
    }

    fn execute(&mut self, bytes: &[u8]) {
        let request = Request::decode(bytes).unwrap();
        let mut data = Vec::new();
        let (name, reply) = self.answer(&request, &mut data);
        self.control.lock().unwrap().requests.push(name);
        let length = reply.encode(self.responder.reply_buffer()).unwrap();
        self.responder.complete(length);
    }

    fn answer<'d>(&mut self, request: &Request<'_>, data: &'d mut Vec<u8>) -> (&'static str, Reply<'d>) {
        let refused = |reason| Reply::Refused(Refusal { reason, detail: 0 });
        let long = Duration::from_secs(1);
        match *request {
            Request::Board => ("board", Reply::Board(self.board())),
            Request::ReadRegisters { address, count } => {
                for index in 0..u32::from(count) {
                    data.extend(self.cells.read32(address + 4 * index).unwrap().to_le_bytes());
                }
                ("read registers", Reply::Data(data))
            }
            Request::WriteRegisters { address, data } => {
                for (index, word) in (0..).zip(data.chunks_exact(4)) {
                    let value = u32::from_le_bytes(word.try_into().unwrap());
                    self.cells.write32(address + 4 * index, value).unwrap();
                }
                ("write registers", Reply::Done)
            }
            Request::ReadMemory { address, length } => {
                data.resize(usize::from(length), 0);
                self.cells.read_at(u64::from(address), data, long).unwrap();
                ("read memory", Reply::Data(data))
            }
            Request::WriteMemory { address, data } => {
                self.cells.write_at(u64::from(address), data, long).unwrap();
                ("write memory", Reply::Done)
            }
            Request::WaitInterrupt { .. } => ("wait", Reply::Waited { interrupt: true }),
            Request::Reset => {
                self.cells.reset().unwrap();
                ("reset", Reply::Memory { kept: false })
            }
            Request::Restart => ("restart", Reply::Memory { kept: true }),
            Request::ObjectFind { name } => match self.objects.get(&name) {
                Some(object) => ("find", Reply::Object { length: object.len() as u32 }),
                None => ("find", refused(Reason::NotFound)),
            },
            Request::ObjectBegin { name, length } => {
                let used: usize = self.objects.values().map(Vec::len).sum();
                if used + length as usize > FLASH_BYTES {
                    return ("begin", refused(Reason::NoSpace));
                }
                self.begun = Some((name, length as usize, Vec::new()));
                ("begin", Reply::Done)
            }
            Request::ObjectData { offset, data } => match &mut self.begun {
                Some((.., written)) if written.len() == offset as usize => {
                    written.extend_from_slice(data);
                    ("data", Reply::Done)
                }
                _ => ("data", refused(Reason::OutOfOrder)),
            },
            Request::ObjectCommit => match self.begun.take() {
                Some((name, length, written)) if length == written.len() => {
                    self.objects.insert(name, written);
                    ("commit", Reply::Done)
                }
                _ => ("commit", refused(Reason::Mismatch)),
            },
            Request::ObjectDelete { name } => {
                self.objects.remove(&name);
                ("delete", Reply::Done)
            }
            Request::ObjectList { .. } => {
                for (name, object) in &self.objects {
                    data.extend_from_slice(name);
                    data.extend((object.len() as u32).to_le_bytes());
                }
                ("list", Reply::Objects { total: self.objects.len() as u16, entries: data })
            }
            Request::ObjectCopy { name, offset, address, length } => {
                let object = &self.objects[&name][offset as usize..][..length as usize];
                self.cells.write_at(u64::from(address), object, long).unwrap();
                ("copy", Reply::Done)
            }
            _ => ("other", refused(Reason::Unsupported)),
        }
    }

    fn board(&self) -> BoardInfo {
        BoardInfo {
            board: 0,
            architecture: self.architecture,
            core: CoreKind::Software,
            memory_bytes: MEMORY_BYTES as u32,
            flash_bytes: FLASH_BYTES as u32,
            object_bytes_free: 0,
            clock_hz: 1,
            gateware: 0,
            firmware: 0,
            image_slot: 255,
            image_counter: 0,
            job_queue: 0,
            frames_dropped: 0,
        }
    }
}

fn responder(architecture: Architecture, boots: u32) -> Responder<8, PAYLOAD> {
    let specification = architecture.specification();
    let limits = Limits { window: 0, payload_max: 0, specification, map_version: 0, boots, reset_cause: 0 };
    Responder::new(limits, boots as u16 * 100)
}

impl Wire for StickDouble {
    fn send(&mut self, bytes: &[u8], _: Instant) -> Result<usize, WireError> {
        let (is_unplugged, is_silent, restarts) = {
            let mut control = self.control.lock().unwrap();
            control.bytes_in += bytes.len();
            (control.is_unplugged, control.is_silent, std::mem::take(&mut control.restarts))
        };
        if is_unplugged {
            return Err(WireError::Gone);
        }
        if restarts {
            self.boot();
        }
        if !is_silent {
            let arrived = self.disturbed(bytes);
            self.take_in(&arrived);
        }
        Ok(bytes.len())
    }

    fn receive(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize, WireError> {
        if self.control.lock().unwrap().is_unplugged {
            return Err(WireError::Gone);
        }
        let count = self.outgoing.len().min(buffer.len());
        if count == 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            std::thread::sleep(left.min(Duration::from_millis(1)));
        }
        for (place, byte) in buffer.iter_mut().zip(self.outgoing.drain(..count)) {
            *place = byte;
        }
        Ok(count)
    }

    fn reopen(&mut self) -> Result<(), OpenError> {
        if self.control.lock().unwrap().is_unplugged {
            return Err(OpenError::NotFound { path: "double".into() });
        }
        // Whoever is plugged in again has lost its current in between.
        self.boot();
        Ok(())
    }
}
