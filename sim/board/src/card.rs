//! A simulated tensor cell, or a card of them, with memory, behind a [`Link`].

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use myelin_compile::Target;
use myelin_compile::memory::{Grant, MemoryModel, SharedMemory, Wish};
use myelin_driver::{FailedCheck, Link, LinkError, LinkInfo, MemoryAfter, Selector};
use myelin_hdl::{Design, Module, Poison, poison_collisions};
use myelin_isa::{Architecture, register};
use myelin_rtl::tensor::{card, cell};
use myelin_sim::{CheckFailure, Engine, FailureWaves, PowerUp, SimError, Simulator};

use crate::control::Control;
use crate::port::{Beyond, Cell, Memory};

/// Cycles after which a run counts as hung.
const CYCLES_MAX: u64 = 1 << 32;
/// Device memory unless stated otherwise.
const MEMORY_BYTES: u64 = 8 << 30;

/// How cells are simulated.
#[derive(Clone, Copy, Debug)]
pub struct SimulationOptions {
    /// Which engine.
    pub engine: Engine,
    /// What registers and memories hold before reset.
    pub power_up: PowerUp,
    /// Bytes of device memory (allocated as it is written).
    pub memory_bytes: u64,
    /// How fast it is.
    pub memory: MemoryModel,
    /// What the cells read where they promise not to use it ([`poison_collisions`]); `None`: the old word.
    pub poison: Option<Poison>,
}

impl Default for SimulationOptions {
    fn default() -> Self {
        SimulationOptions {
            engine: Engine::default(),
            power_up: PowerUp::default(),
            memory_bytes: MEMORY_BYTES,
            memory: MemoryModel::IDEAL,
            poison: None,
        }
    }
}

/// Cells simulated cycle by cycle, with a memory that they share.
///
/// One cell is [`cell::cell`]. Several are [`card::card`], taken apart: each cell and the control that
/// they share runs in a simulator of its own, which is exact because no output of a cell depends on
/// its inputs in the same cycle, and faster than all in one.
///
/// Time passes only while a register is accessed or an interrupt is awaited. Assertions in the
/// design are checked in every cycle; a failing one is a [`LinkError::CheckFailed`], which names the
/// file with the cycles before it if [`Simulator::keep_failure_waves`] asked for one.
pub struct SimulatedCell {
    cells: Vec<Cell>,
    control: Option<Control>,
    selector: Selector,
    architecture: Architecture,
    memory: Memory,
    wishes: Vec<Wish>,
    grants: Vec<Grant>,
    /// What each input of the device is driven with, in the order of the top's ports.
    levels: Vec<u64>,
    recording: Option<Vec<Vec<u64>>>,
}

impl SimulatedCell {
    /// Builds and compiles the cells and resets them.
    ///
    /// # Errors
    /// If the design cannot be compiled on this machine, or an assertion fails in reset.
    pub fn new(architecture: Architecture, options: SimulationOptions) -> Result<SimulatedCell, SimError> {
        let Selector::Simulated(target) = Selector::simulated(architecture) else {
            unreachable!("invariant: a simulated device")
        };
        SimulatedCell::of_target(Target { memory: options.memory, ..target }, options)
    }

    /// [`SimulatedCell::new`] of a target's cells, with its memory instead of that of the options.
    ///
    /// # Errors
    /// As [`SimulatedCell::new`].
    pub fn of_target(target: Target, options: SimulationOptions) -> Result<SimulatedCell, SimError> {
        let architecture = target.architecture;
        let device: Arc<Module> = card::top(&architecture);
        let design = Design::new(cell::cell(&architecture)).expect("the cell's names are identifiers");
        let design = match options.poison {
            Some(poison) => poison_collisions(&design, poison),
            None => design,
        };
        let count = architecture.cells() as usize;
        let first = Simulator::builder(&design).engine(options.engine).power_up(options.power_up).build()?;
        // Cells are equal: compiled once, and forked from the first.
        let mut simulators = vec![first];
        for _ in 1..count {
            let fork = simulators[0].fork()?;
            simulators.push(fork);
        }
        let mut cells = Vec::with_capacity(count);
        for (number, simulator) in simulators.into_iter().enumerate() {
            let prefix = if count == 1 { String::new() } else { format!("cell_{number}_") };
            cells.push(Cell::new(simulator, (number, &prefix), &architecture, &device)?);
        }
        let control = if count == 1 {
            None
        } else {
            Some(Control::new(&architecture, (options.engine, options.power_up), &device, &cells)?)
        };
        let shared = SharedMemory::new(target.memory, architecture.cells(), architecture.lanes());
        let mut card = SimulatedCell {
            cells,
            control,
            selector: Selector::Simulated(target),
            architecture,
            memory: Memory { held: Vec::new(), bytes: options.memory_bytes, shared },
            wishes: vec![Wish::default(); count],
            grants: vec![Grant::default(); count],
            levels: vec![0; device.inputs.len()],
            recording: None,
        };
        card.reset_logic()?;
        Ok(card)
    }

    /// The simulator of the first cell, for waves, coverage and inspection.
    pub fn simulator(&mut self) -> &mut Simulator {
        &mut self.cells[0].simulator
    }

    /// The simulators of all cells.
    pub fn simulators(&mut self) -> impl Iterator<Item = &mut Simulator> {
        self.cells.iter_mut().map(|cell| &mut cell.simulator)
    }

    /// Cycles simulated since power-up.
    pub fn cycle(&self) -> u64 {
        self.cells[0].simulator.cycle()
    }

    /// Beats that have gone to and from memory.
    pub fn beats_moved(&self) -> u64 {
        self.memory.shared.beats_moved()
    }

    /// Writes waves of the named scopes of the first cell (none: everything below `tensor_cell`) from now on.
    ///
    /// # Errors
    /// If a scope does not exist or the writer fails.
    pub fn trace_vcd(&mut self, writer: impl Write + Send + 'static, scopes: &[&str]) -> Result<(), SimError> {
        self.simulator().trace_vcd(writer, scopes)
    }

    /// Records from now on what every input is driven with in every cycle (out of reset), to
    /// repeat the run on another simulator.
    pub fn start_recording(&mut self) {
        self.recording = Some(Vec::new());
    }

    /// Ends the recording: for each cycle the bits of each input of the top ([`card::top`]), in
    /// declaration order.
    pub fn take_recording(&mut self) -> Vec<Vec<u64>> {
        self.recording.take().unwrap_or_default()
    }

    /// One clock cycle of the cells and their memory.
    fn step(&mut self, operation: &'static str) -> Result<(), LinkError> {
        let SimulatedCell { cells, memory, wishes, grants, levels, .. } = self;
        let (bytes, lanes) = (memory.bytes, self.architecture.lanes());
        let beyond = |Beyond { what, beat }: Beyond| {
            let fault = format!("{what} of beat {beat} ({lanes} bytes each), memory has {bytes} bytes");
            LinkError::DeviceFault { operation, fault }
        };
        for cell in &mut *cells {
            cell.commit(levels, memory);
        }
        for (cell, wish) in cells.iter_mut().zip(&mut *wishes) {
            *wish = cell.offer(levels, memory).map_err(beyond)?;
        }
        memory.shared.arbitrate(wishes, grants);
        for (cell, (&wish, &grant)) in cells.iter_mut().zip(wishes.iter().zip(&*grants)) {
            cell.transfer(levels, memory, wish, grant).map_err(beyond)?;
        }
        memory.shared.advance(1);
        if let Some(control) = &mut self.control {
            control.connect(cells);
        }
        if let Some(recording) = &mut self.recording {
            recording.push(levels.clone());
        }
        // All step, so that they stay in the same cycle, whichever fails.
        let mut stepped = Ok(());
        for cell in cells {
            stepped = stepped.and(cell.simulator.step());
        }
        if let Some(control) = &mut self.control {
            stepped = stepped.and(control.simulator.step());
        }
        stepped.map_err(|failure| check_failed(operation, &failure))
    }

    fn reset_logic(&mut self) -> Result<(), CheckFailure> {
        self.memory.shared.restart();
        for cell in &mut self.cells {
            cell.clear();
            cell.simulator.reset(2)?;
        }
        if let Some(control) = &mut self.control {
            control.simulator.reset(2)?;
        }
        Ok(())
    }

    fn check_range(&self, operation: &'static str, address: u64, bytes: usize) -> Result<usize, LinkError> {
        let (end, available) = (address.checked_add(bytes as u64), self.memory.bytes);
        if end.is_some_and(|end| end <= available) {
            return Ok(address as usize);
        }
        Err(LinkError::Invalid { operation, address, bytes: bytes as u64, available })
    }

    fn check_register(&self, operation: &'static str, address: u32) -> Result<(), LinkError> {
        let cells = self.architecture.cells();
        let available = u64::from(register::END) * u64::from(if cells == 1 { 1 } else { cells + 1 });
        if u64::from(address) < available && address.is_multiple_of(4) {
            return Ok(());
        }
        Err(LinkError::Invalid { operation, address: u64::from(address), bytes: 4, available })
    }

    /// Whether nothing is under way between cells and memory.
    fn is_quiet(&self) -> bool {
        (0..self.cells.len()).all(|cell| self.memory.shared.next_event(cell).is_none())
    }

    /// Drives the host port with a write in the coming cycle, or with none.
    fn drive_write(&mut self, write: Option<(u32, u32)>) {
        let SimulatedCell { cells, levels, .. } = self;
        match &mut self.control {
            Some(control) => control.write(cells, levels, write.map(|(address, _)| address)),
            None => {
                let cell = &mut cells[0];
                cell.ports.write_valid.set(&mut cell.simulator, levels, u64::from(write.is_some()));
            }
        }
        if let Some((address, value)) = write {
            for cell in cells {
                let register = u64::from(address % register::END);
                cell.ports.write_address.set(&mut cell.simulator, levels, register);
                cell.ports.write_data.set(&mut cell.simulator, levels, u64::from(value));
            }
        }
    }

    /// Drives the host port with a read in the coming cycle, or with none.
    fn drive_read(&mut self, read: Option<u32>) {
        let SimulatedCell { cells, levels, .. } = self;
        match &mut self.control {
            Some(control) => control.read(cells, levels, read),
            None => {
                let cell = &mut cells[0];
                cell.ports.read_valid.set(&mut cell.simulator, levels, u64::from(read.is_some()));
            }
        }
        if let Some(address) = read {
            for cell in cells {
                let register = u64::from(address % register::END);
                cell.ports.read_address.set(&mut cell.simulator, levels, register);
            }
        }
    }

    /// Whether the host was interrupted in the cycle before.
    fn interrupts(&mut self) -> bool {
        match &mut self.control {
            Some(control) => control.interrupts(),
            None => {
                let [stopped, ..] = self.cells[0].shared();
                stopped == 1
            }
        }
    }
}

pub(crate) fn check_failed(operation: &'static str, failure: &CheckFailure) -> LinkError {
    let waves = match &*failure.waves {
        FailureWaves::Written { path, .. } => Some(path.clone()),
        FailureWaves::NotKept | FailureWaves::NotWritten { .. } => None,
    };
    let check = format!("{}.{}", failure.path, failure.name);
    let failure = Box::new(FailedCheck { check, message: failure.to_string(), cycle: failure.cycle, waves });
    LinkError::CheckFailed { operation, failure }
}

impl Link for SimulatedCell {
    fn info(&self) -> LinkInfo {
        LinkInfo {
            selector: self.selector.to_string(),
            description: format!("simulated tensor cell, {}", self.architecture),
            architecture: Some(self.architecture),
            memory_bytes: self.memory.bytes,
        }
    }

    fn read32(&mut self, address: u32) -> Result<u32, LinkError> {
        self.check_register("read register", address)?;
        self.drive_read(Some(address));
        let stepped = self.step("read register");
        self.drive_read(None);
        stepped?;
        let value = match &mut self.control {
            Some(control) => control.read_data(&mut self.cells),
            None => {
                let cell = &mut self.cells[0];
                cell.simulator.peek(cell.ports.read_data)
            }
        };
        Ok(value as u32)
    }

    fn write32(&mut self, address: u32, value: u32) -> Result<(), LinkError> {
        self.check_register("write register", address)?;
        if address % register::END == register::START && self.is_quiet() {
            // So that a run takes the same cycles whenever it starts.
            self.memory.shared.restart();
        }
        self.drive_write(Some((address, value)));
        let stepped = self.step("write register");
        self.drive_write(None);
        stepped
    }

    fn read_at(&mut self, address: u64, buffer: &mut [u8], _: Duration) -> Result<(), LinkError> {
        let start = self.check_range("read memory", address, buffer.len())?;
        buffer.fill(0);
        let held = self.memory.held.get(start..).unwrap_or(&[]);
        let length = held.len().min(buffer.len());
        buffer[..length].copy_from_slice(&held[..length]);
        Ok(())
    }

    fn write_at(&mut self, address: u64, data: &[u8], _: Duration) -> Result<(), LinkError> {
        let start = self.check_range("write memory", address, data.len())?;
        self.memory.write(start, data);
        Ok(())
    }

    /// Simulates until the interrupt; the deadline is of the wall clock, checked every few thousand cycles.
    fn wait_interrupt(&mut self, deadline: Duration) -> Result<(), LinkError> {
        const OPERATION: &str = "wait for interrupt";
        let begun = std::time::Instant::now();
        let last = self.cycle().saturating_add(CYCLES_MAX);
        loop {
            self.step(OPERATION)?;
            if self.interrupts() {
                return Ok(());
            }
            let cycle = self.cycle();
            if cycle >= last || cycle.is_multiple_of(4096) && begun.elapsed() > deadline {
                return Err(LinkError::Timeout { operation: OPERATION, deadline });
            }
        }
    }

    fn restart(&mut self) -> Result<MemoryAfter, LinkError> {
        self.reset_logic().map_err(|failure| check_failed("restart", &failure))?;
        Ok(MemoryAfter::Kept)
    }

    fn reset(&mut self) -> Result<(), LinkError> {
        self.memory.held.clear();
        self.reset_logic().map_err(|failure| check_failed("reset", &failure))
    }
}
