//! A simulated tensor cell with memory, behind a [`Link`].

use std::collections::VecDeque;
use std::io::Write;
use std::time::Duration;

use myelin_driver::{FailedCheck, Link, LinkError, LinkInfo, Selector};
use myelin_hdl::Design;
use myelin_isa::{Architecture, register};
use myelin_rtl::tensor::cell;
use myelin_sim::{CheckFailure, Engine, FailureWaves, Input, Output, OutputSet, PowerUp, SimError, Simulator};

/// Cycles from a read request to its beat. Requests are taken every cycle.
pub const MEMORY_LATENCY_CYCLES: u64 = 8;
/// Cycles after which a run counts as hung.
const CYCLES_MAX: u64 = 1 << 32;
/// The outputs of [`Memory`], in its order.
const MEMORY_PORTS: [&str; 5] =
    ["response_ready_o", "request_valid_o", "request_beat_o", "store_valid_o", "store_beat_o"];
/// Device memory unless stated otherwise.
const MEMORY_BYTES: u64 = 64 << 20;

/// How a cell is simulated.
#[derive(Clone, Copy, Debug)]
pub struct SimulationOptions {
    /// Which engine.
    pub engine: Engine,
    /// What registers and memories hold before reset.
    pub power_up: PowerUp,
    /// Bytes of device memory (allocated as it is written).
    pub memory_bytes: u64,
}

impl Default for SimulationOptions {
    fn default() -> Self {
        SimulationOptions { engine: Engine::default(), power_up: PowerUp::default(), memory_bytes: MEMORY_BYTES }
    }
}

/// A cell simulated cycle by cycle, with a memory that takes a request each cycle and answers
/// [`MEMORY_LATENCY_CYCLES`] later.
///
/// Time passes only while a register is accessed or an interrupt is awaited. Assertions in the
/// design are checked in every cycle; a failing one is a [`LinkError::CheckFailed`], which names the
/// file with the cycles before it if [`Simulator::keep_failure_waves`] asked for one.
pub struct SimulatedCell {
    simulator: Simulator,
    ports: Ports,
    architecture: Architecture,
    memory: Vec<u8>,
    memory_bytes: u64,
    /// Beats on their way: cycle in which they arrive, beat address.
    responses: VecDeque<(u64, u32)>,
    /// What each input is driven with, in the order of the top's ports.
    levels: Vec<u64>,
    recording: Option<Vec<Vec<u64>>>,
    /// A beat being stored, lane by lane.
    stored: Vec<u64>,
}

/// An input and its position among the top's.
#[derive(Clone, Copy)]
struct Drive {
    input: Input,
    position: usize,
}

struct Ports {
    write_valid: Drive,
    write_address: Drive,
    write_data: Drive,
    read_valid: Drive,
    read_address: Drive,
    read_data: Output,
    interrupt: Output,
    request_ready: Drive,
    response_valid: Drive,
    response: Vec<Drive>,
    store_ready: Drive,
    /// What [`Memory`] is made of.
    memory: OutputSet,
    store: OutputSet,
}

/// What the cell asks of its memory in a cycle.
struct Memory {
    response_ready: bool,
    request_valid: bool,
    request_beat: u64,
    store_valid: bool,
    store_beat: u64,
}

impl SimulatedCell {
    /// Builds and compiles the cell and resets it.
    ///
    /// # Errors
    /// If the design cannot be compiled on this machine, or an assertion fails in reset.
    pub fn new(architecture: Architecture, options: SimulationOptions) -> Result<SimulatedCell, SimError> {
        let design = Design::new(cell::cell(&architecture)).expect("the cell's names are identifiers");
        let simulator = Simulator::builder(&design).engine(options.engine).power_up(options.power_up).build()?;
        let lanes = architecture.lanes() as usize;
        let top = design.top().clone();
        let input = |name: &str| -> Result<Drive, SimError> {
            let input = simulator.input(name)?;
            Ok(Drive { input, position: top.input_index(name).expect("the simulator found it") })
        };
        let output = |name: &str| simulator.output(name);
        let ports = Ports {
            write_valid: input("host_write_valid_i")?,
            write_address: input("host_write_address_i")?,
            write_data: input("host_write_data_i")?,
            read_valid: input("host_read_valid_i")?,
            read_address: input("host_read_address_i")?,
            read_data: output("host_read_data_o")?,
            interrupt: output("interrupt_o")?,
            request_ready: input("request_ready_i")?,
            response_valid: input("response_valid_i")?,
            response: (0..lanes).map(|lane| input(&format!("response_{lane}_i"))).collect::<Result<_, _>>()?,
            store_ready: input("store_ready_i")?,
            memory: MEMORY_PORTS.into_iter().map(output).collect::<Result<_, _>>()?,
            store: (0..lanes).map(|lane| output(&format!("store_{lane}_o"))).collect::<Result<_, _>>()?,
        };
        let mut cell = SimulatedCell {
            simulator,
            ports,
            architecture,
            memory: Vec::new(),
            memory_bytes: options.memory_bytes,
            responses: VecDeque::new(),
            levels: vec![0; top.inputs.len()],
            recording: None,
            stored: vec![0; lanes],
        };
        cell.drive(cell.ports.request_ready, 1);
        cell.drive(cell.ports.store_ready, 1);
        cell.simulator.reset(2)?;
        Ok(cell)
    }

    /// The simulator, for waves, coverage and inspection.
    pub fn simulator(&mut self) -> &mut Simulator {
        &mut self.simulator
    }

    /// Cycles simulated since power-up.
    pub fn cycle(&self) -> u64 {
        self.simulator.cycle()
    }

    /// Writes waves of the named scopes (none: everything below `tensor_cell`) from now on.
    ///
    /// # Errors
    /// If a scope does not exist or the writer fails.
    pub fn trace_vcd(&mut self, writer: impl Write + Send + 'static, scopes: &[&str]) -> Result<(), SimError> {
        self.simulator.trace_vcd(writer, scopes)
    }

    /// Records from now on what every input is driven with in every cycle (out of reset), to
    /// repeat the run on another simulator.
    pub fn start_recording(&mut self) {
        self.recording = Some(Vec::new());
    }

    /// Ends the recording: for each cycle the bits of each input of the top, in declaration order.
    pub fn take_recording(&mut self) -> Vec<Vec<u64>> {
        self.recording.take().unwrap_or_default()
    }

    fn drive(&mut self, port: Drive, bits: u64) {
        self.levels[port.position] = bits;
        self.simulator.poke(port.input, bits);
    }

    fn asked(&mut self) -> Memory {
        let mut levels = [0; MEMORY_PORTS.len()];
        self.simulator.peek_all(&self.ports.memory, &mut levels);
        let [response_ready, request_valid, request_beat, store_valid, store_beat] = levels;
        let is_high = |level: u64| level == 1;
        Memory {
            response_ready: is_high(response_ready),
            request_valid: is_high(request_valid),
            request_beat,
            store_valid: is_high(store_valid),
            store_beat,
        }
    }

    /// One clock cycle of the cell and its memory.
    fn step(&mut self, operation: &'static str) -> Result<(), LinkError> {
        let lanes = self.architecture.lanes() as usize;
        let cycle = self.simulator.cycle();
        let arrived = self.responses.front().copied().filter(|&(due, _)| due <= cycle);
        self.drive(self.ports.response_valid, u64::from(arrived.is_some()));
        if let Some((_, beat)) = arrived {
            let start = beat as usize * lanes;
            for lane in 0..lanes {
                // Memory never written reads as zero.
                let byte = self.memory.get(start + lane).copied().unwrap_or(0);
                self.drive(self.ports.response[lane], u64::from(byte));
            }
        }
        let asked = self.asked();
        if arrived.is_some() && asked.response_ready {
            self.responses.pop_front();
        }
        let (sim, ports) = (&mut self.simulator, &self.ports);
        let beyond = |what: &str, beat: u64| {
            let fault = format!("{what} of beat {beat} ({lanes} bytes each), memory has {} bytes", self.memory_bytes);
            LinkError::DeviceFault { operation, fault }
        };
        if asked.request_valid {
            let beat = asked.request_beat;
            if (beat + 1) * lanes as u64 > self.memory_bytes {
                return Err(beyond("load", beat));
            }
            self.responses.push_back((cycle + MEMORY_LATENCY_CYCLES, beat as u32));
        }
        if asked.store_valid {
            let beat = asked.store_beat;
            if (beat + 1) * lanes as u64 > self.memory_bytes {
                return Err(beyond("store", beat));
            }
            let start = beat as usize * lanes;
            if self.memory.len() < start + lanes {
                self.memory.resize(start + lanes, 0);
            }
            sim.peek_all(&ports.store, &mut self.stored);
            for (byte, &bits) in self.memory[start..].iter_mut().zip(&self.stored) {
                *byte = bits as u8;
            }
        }
        if let Some(recording) = &mut self.recording {
            recording.push(self.levels.clone());
        }
        sim.step().map_err(|failure| check_failed(operation, &failure))
    }

    fn check_range(&self, operation: &'static str, address: u64, bytes: usize) -> Result<usize, LinkError> {
        let end = address.checked_add(bytes as u64);
        if end.is_some_and(|end| end <= self.memory_bytes) {
            return Ok(address as usize);
        }
        Err(LinkError::Invalid { operation, address, bytes: bytes as u64, available: self.memory_bytes })
    }
}

fn check_failed(operation: &'static str, failure: &CheckFailure) -> LinkError {
    let waves = match &*failure.waves {
        FailureWaves::Written { path, .. } => Some(path.clone()),
        FailureWaves::NotKept | FailureWaves::NotWritten { .. } => None,
    };
    let check = format!("{}.{}", failure.path, failure.name);
    let failure = Box::new(FailedCheck { check, message: failure.to_string(), cycle: failure.cycle, waves });
    LinkError::CheckFailed { operation, failure }
}

fn check_register(operation: &'static str, address: u32) -> Result<(), LinkError> {
    if address < register::END && address.is_multiple_of(4) {
        return Ok(());
    }
    let available = u64::from(register::END);
    Err(LinkError::Invalid { operation, address: u64::from(address), bytes: 4, available })
}

impl Link for SimulatedCell {
    fn info(&self) -> LinkInfo {
        LinkInfo {
            selector: Selector::SimulatedCell(self.architecture).to_string(),
            description: format!("simulated tensor cell, {}", self.architecture),
            architecture: self.architecture,
            memory_bytes: self.memory_bytes,
        }
    }

    fn read32(&mut self, address: u32) -> Result<u32, LinkError> {
        check_register("read register", address)?;
        self.drive(self.ports.read_valid, 1);
        self.drive(self.ports.read_address, u64::from(address));
        let stepped = self.step("read register");
        self.drive(self.ports.read_valid, 0);
        stepped?;
        Ok(self.simulator.peek(self.ports.read_data) as u32)
    }

    fn write32(&mut self, address: u32, value: u32) -> Result<(), LinkError> {
        check_register("write register", address)?;
        self.drive(self.ports.write_valid, 1);
        self.drive(self.ports.write_address, u64::from(address));
        self.drive(self.ports.write_data, u64::from(value));
        let stepped = self.step("write register");
        self.drive(self.ports.write_valid, 0);
        stepped
    }

    fn read_at(&mut self, address: u64, buffer: &mut [u8], _: Duration) -> Result<(), LinkError> {
        let start = self.check_range("read memory", address, buffer.len())?;
        buffer.fill(0);
        let held = self.memory.get(start..).unwrap_or(&[]);
        let length = held.len().min(buffer.len());
        buffer[..length].copy_from_slice(&held[..length]);
        Ok(())
    }

    fn write_at(&mut self, address: u64, data: &[u8], _: Duration) -> Result<(), LinkError> {
        let start = self.check_range("write memory", address, data.len())?;
        if self.memory.len() < start + data.len() {
            self.memory.resize(start + data.len(), 0);
        }
        self.memory[start..start + data.len()].copy_from_slice(data);
        Ok(())
    }

    /// Simulates until the interrupt; the deadline is of the wall clock, checked every few thousand cycles.
    fn wait_interrupt(&mut self, deadline: Duration) -> Result<(), LinkError> {
        const OPERATION: &str = "wait for interrupt";
        let begun = std::time::Instant::now();
        let last = self.simulator.cycle().saturating_add(CYCLES_MAX);
        while self.simulator.peek(self.ports.interrupt) == 0 {
            self.step(OPERATION)?;
            let cycle = self.simulator.cycle();
            if cycle >= last || cycle.is_multiple_of(4096) && begun.elapsed() > deadline {
                return Err(LinkError::Timeout { operation: OPERATION, deadline });
            }
        }
        Ok(())
    }

    fn reset(&mut self) -> Result<(), LinkError> {
        self.responses.clear();
        self.memory.clear();
        self.simulator.reset(2).map_err(|failure| check_failed("reset", &failure))
    }
}
