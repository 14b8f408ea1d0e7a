//! One cell in its own simulator, and what is under way at its memory port.

use std::collections::VecDeque;

use myelin_compile::memory::{Grant, SharedMemory, Wish};
use myelin_hdl::Module;
use myelin_isa::Architecture;
use myelin_sim::{Input, Output, OutputSet, SimError, Simulator};

/// An input, and its position among the inputs of the whole device if it is one of them.
#[derive(Clone, Copy)]
pub(crate) struct Drive {
    input: Input,
    position: Option<usize>,
}

impl Drive {
    /// Finds the input `name` of a simulated design, which the device calls `<prefix><name>`.
    pub(crate) fn find(simulator: &Simulator, name: &str, prefix: &str, device: &Module) -> Result<Drive, SimError> {
        let position = device.input_index(&format!("{prefix}{name}"));
        Ok(Drive { input: simulator.input(name)?, position })
    }

    /// Drives it, and notes that among what the device's inputs are driven with.
    pub(crate) fn set(self, simulator: &mut Simulator, levels: &mut [u64], bits: u64) {
        if let Some(position) = self.position {
            levels[position] = bits;
        }
        simulator.poke(self.input, bits);
    }
}

/// An access beyond the end of device memory.
pub(crate) struct Beyond {
    /// What was attempted.
    pub(crate) what: &'static str,
    /// Which beat.
    pub(crate) beat: u64,
}

/// External memory: what it holds, and when it answers.
pub(crate) struct Memory {
    /// As far as it has been written; beyond are zeros.
    pub(crate) held: Vec<u8>,
    /// How much there is.
    pub(crate) bytes: u64,
    /// When.
    pub(crate) shared: SharedMemory,
}

impl Memory {
    fn check(&self, what: &'static str, beat: u64, lanes: usize) -> Result<(), Beyond> {
        if (beat + 1) * lanes as u64 <= self.bytes { Ok(()) } else { Err(Beyond { what, beat }) }
    }

    /// Overwrites bytes, which lie inside.
    pub(crate) fn write(&mut self, start: usize, data: &[u8]) {
        if self.held.len() < start + data.len() {
            self.held.resize(start + data.len(), 0);
        }
        self.held[start..start + data.len()].copy_from_slice(data);
    }
}

/// The ports of a cell that a memory and a host port need.
pub(crate) struct Ports {
    pub(crate) write_valid: Drive,
    pub(crate) write_address: Drive,
    pub(crate) write_data: Drive,
    pub(crate) read_valid: Drive,
    pub(crate) read_address: Drive,
    pub(crate) read_data: Output,
    request_ready: Drive,
    response_valid: Drive,
    response: Vec<Drive>,
    store_ready: Drive,
    store_acknowledge: Drive,
    /// [`MEMORY_OUTPUTS`] and [`SHARED_OUTPUTS`].
    outputs: OutputSet,
    store: OutputSet,
}

/// Outputs that are read in every cycle, the memory port's first.
const MEMORY_OUTPUTS: [&str; 5] =
    ["response_ready_o", "request_valid_o", "request_beat_o", "store_valid_o", "store_beat_o"];
/// Of these, what a cell tells the others and the host; the last two only where there are others.
const SHARED_OUTPUTS: [&str; 3] = ["interrupt_o", "trapped_o", "arrive_o"];
const OUTPUTS: usize = MEMORY_OUTPUTS.len() + SHARED_OUTPUTS.len();

/// A cell and its memory port.
pub(crate) struct Cell {
    pub(crate) simulator: Simulator,
    pub(crate) ports: Ports,
    number: usize,
    lanes: usize,
    /// Beat and bytes of the writes that are accepted and not visible yet, oldest first.
    writes: VecDeque<(u64, Vec<u8>)>,
    /// What the valid and ready inputs are driven with.
    response_valid: bool,
    request_ready: bool,
    store_ready: bool,
    acknowledge: bool,
    /// The beat at the port has been read from memory.
    sampled: bool,
    /// The outputs that are read in every cycle, as they are in this one.
    now: [u64; OUTPUTS],
    /// A beat being stored, lane by lane.
    stored: Vec<u64>,
}

impl Cell {
    /// Puts cell `number` into its place in the device; `prefix` begins its ports' names there.
    pub(crate) fn new(
        simulator: Simulator,
        (number, prefix): (usize, &str),
        architecture: &Architecture,
        device: &Module,
    ) -> Result<Cell, SimError> {
        let lanes = architecture.lanes() as usize;
        let input = |name: &str| Drive::find(&simulator, name, prefix, device);
        let output = |name: &str| simulator.output(name);
        let shared = SHARED_OUTPUTS.into_iter().take(if architecture.cells() == 1 { 1 } else { 3 });
        let ports = Ports {
            write_valid: input("host_write_valid_i")?,
            write_address: input("host_write_address_i")?,
            // All cells see the device's own; the other host ports of a card are the control's.
            write_data: Drive::find(&simulator, "host_write_data_i", "", device)?,
            read_valid: input("host_read_valid_i")?,
            read_address: input("host_read_address_i")?,
            read_data: output("host_read_data_o")?,
            request_ready: input("request_ready_i")?,
            response_valid: input("response_valid_i")?,
            response: (0..lanes).map(|lane| input(&format!("response_{lane}_i"))).collect::<Result<_, _>>()?,
            store_ready: input("store_ready_i")?,
            store_acknowledge: input("store_acknowledge_i")?,
            outputs: MEMORY_OUTPUTS.into_iter().chain(shared).map(output).collect::<Result<_, _>>()?,
            store: (0..lanes).map(|lane| output(&format!("store_{lane}_o"))).collect::<Result<_, _>>()?,
        };
        Ok(Cell {
            simulator,
            ports,
            number,
            lanes,
            writes: VecDeque::new(),
            response_valid: false,
            request_ready: false,
            store_ready: false,
            acknowledge: false,
            sampled: false,
            now: [0; OUTPUTS],
            stored: vec![0; lanes],
        })
    }

    /// Forgets what is under way.
    pub(crate) fn clear(&mut self) {
        self.writes.clear();
        self.sampled = false;
    }

    /// Begins a cycle: a write that becomes visible in it is in memory from here on.
    pub(crate) fn commit(&mut self, levels: &mut [u64], memory: &mut Memory) {
        let acknowledged = memory.shared.acknowledged(self.number);
        if acknowledged && let Some((beat, bytes)) = self.writes.pop_front() {
            memory.write(beat as usize * self.lanes, &bytes);
        }
        if acknowledged != self.acknowledge {
            self.acknowledge = acknowledged;
            self.ports.store_acknowledge.set(&mut self.simulator, levels, u64::from(acknowledged));
        }
    }

    /// Shows the cell the beat that is at its port, and answers what the cell asks for.
    pub(crate) fn offer(&mut self, levels: &mut [u64], memory: &Memory) -> Result<Wish, Beyond> {
        let (simulator, ports) = (&mut self.simulator, &self.ports);
        let beat = memory.shared.response(self.number);
        if beat.is_some() != self.response_valid {
            self.response_valid = beat.is_some();
            ports.response_valid.set(simulator, levels, u64::from(self.response_valid));
        }
        if let Some(beat) = beat.filter(|_| !self.sampled) {
            let start = beat as usize * self.lanes;
            for (lane, port) in ports.response.iter().enumerate() {
                // Memory never written reads as zero.
                let byte = memory.held.get(start + lane).copied().unwrap_or(0);
                port.set(simulator, levels, u64::from(byte));
            }
            self.sampled = true;
        }
        simulator.peek_all(&ports.outputs, &mut self.now[..ports.outputs.len()]);
        let [_, request_valid, request_beat, store_valid, ..] = self.now;
        let read = (request_valid == 1).then_some(request_beat);
        if let Some(beat) = read {
            memory.check("load", beat, self.lanes)?;
        }
        Ok(Wish { read: read.map(|beat| beat as u32), write: store_valid == 1 })
    }

    /// Whether it has stopped, trapped, and arrives at the barrier, as [`Cell::offer`] saw it. The last
    /// two only where there are several cells.
    pub(crate) fn shared(&self) -> [u64; 3] {
        let [.., stopped, trapped, arrives] = self.now;
        [stopped, trapped, arrives]
    }

    /// Tells the cell what of its wishes was accepted, and takes what moves in this cycle.
    pub(crate) fn transfer(
        &mut self,
        levels: &mut [u64],
        memory: &mut Memory,
        wish: Wish,
        grant: Grant,
    ) -> Result<(), Beyond> {
        let (simulator, ports) = (&mut self.simulator, &self.ports);
        // Ready unless refused: so a memory without limits never changes it.
        let (request_ready, store_ready) = (grant.read || wish.read.is_none(), grant.write || !wish.write);
        if request_ready != self.request_ready {
            self.request_ready = request_ready;
            ports.request_ready.set(simulator, levels, u64::from(request_ready));
        }
        if store_ready != self.store_ready {
            self.store_ready = store_ready;
            ports.store_ready.set(simulator, levels, u64::from(store_ready));
        }
        let [response_ready, _, _, _, beat, ..] = self.now;
        if self.response_valid && response_ready == 1 {
            memory.shared.take(self.number);
            self.sampled = false;
        }
        if grant.write {
            memory.check("store", beat, self.lanes)?;
            simulator.peek_all(&ports.store, &mut self.stored);
            self.writes.push_back((beat, self.stored.iter().map(|&bits| bits as u8).collect()));
        }
        Ok(())
    }
}
