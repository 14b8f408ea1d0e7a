//! The stick's own RTL, cycle by cycle, with models of what is on its pins: serial line, flash chip, reset circuit.

mod fifo;
mod flash_chip;
mod line;
mod simulated_line;

use std::io;
use std::time::{Duration, Instant};

use myelin_hdl::{Design, Module};
use myelin_isa::register;
use myelin_rtl::board::serial::Link;
use myelin_rtl::board::stick::{Compute, Config, stick_system};
use myelin_rtl::tensor::cell;
use myelin_sim::{CheckFailure, Engine, Input, Output, OutputSet, PowerUp, SimError, Simulator};

use fifo::{Drive, Fifo};
pub use flash_chip::{BYTES as FLASH_BYTES, FlashChip, FlashTimes};
use line::Line;
pub use simulated_line::SimulatedLine;

use crate::virtual_stick::StickModel;

/// Cycles of a reset.
const RESET_CYCLES: u64 = 4;
/// Cycles that the cell goes on after an access, whatever it says: longer than it takes to begin or to answer.
const SETTLING_CYCLES: u64 = 64;
/// Bytes on the line to the stick at most.
const LINE_BYTES_MAX: usize = 4096;
/// How long [`StickModel::advance`] goes on.
const SLICE: Duration = Duration::from_millis(4);
/// Cycles between two looks at the clock on the wall.
const CYCLES_PER_LOOK: u64 = 2000;

/// How a stick is simulated.
#[derive(Clone, Copy, Debug)]
pub struct StickOptions {
    /// Which engine.
    pub engine: Engine,
    /// What registers hold before the first reset.
    pub power_up: PowerUp,
    /// Line rate of the host, in bits a second.
    pub baud: u32,
    /// How long the flash is busy.
    pub flash: FlashTimes,
    /// Bytes of flash, a power of two up to [`FLASH_BYTES`]: a boot looks at the beginning of each sector.
    pub flash_bytes: usize,
}

impl Default for StickOptions {
    fn default() -> Self {
        StickOptions {
            engine: Engine::default(),
            power_up: PowerUp::default(),
            baud: 3_000_000,
            flash: FlashTimes { program: 2000, erase: 20_000 },
            flash_bytes: FLASH_BYTES,
        }
    }
}

/// The pins and what is needed of the cell.
struct Pins {
    power_on: Input,
    flash_data: Input,
    /// [`OUTPUTS`], then [`Host::outputs`].
    outputs: OutputSet,
    leds: Output,
}

/// Outputs of the system that are looked at in every cycle, besides those of the serial port.
const OUTPUTS: [&str; 4] = ["flash_select_n_o", "flash_clock_o", "flash_data_o", "reset_o"];
/// Outputs of a serial port at most.
const SERIAL_OUTPUTS_MAX: usize = 3;

/// The host's end of the serial port: what it is, the pins that it drives, what they were driven with last.
enum Host {
    Uart { line: Line, rx: Input, driven: bool },
    Fifo { fifo: Fifo, pins: [Input; 3], driven: Drive },
}

impl Host {
    fn new(config: &Config, system: &Simulator, baud: u32) -> Result<Host, SimError> {
        Ok(match config.serial.link {
            Link::Uart => {
                let line = Line::new(f64::from(config.serial.clock_hz) / f64::from(baud));
                Host::Uart { line, rx: system.input("serial_rx_i")?, driven: true }
            }
            Link::Ft245 => {
                let [data, rxf_n, txe_n] =
                    ["data_i", "rxf_n_i", "txe_n_i"].map(|name| system.input(&format!("serial_{name}")));
                Host::Fifo { fifo: Fifo::default(), pins: [data?, rxf_n?, txe_n?], driven: Drive::IDLE }
            }
        })
    }

    fn outputs(&self) -> &'static [&'static str] {
        match self {
            Host::Uart { .. } => &["serial_tx_o"],
            Host::Fifo { .. } => &["serial_rd_n_o", "serial_wr_n_o", "serial_data_o"],
        }
    }

    /// Drives the pins of an idle line, and forgets what is under way.
    fn clear(&mut self, system: &mut Simulator) {
        match self {
            Host::Uart { line, rx, driven } => {
                line.clear();
                system.poke(*rx, 1);
                *driven = true;
            }
            Host::Fifo { fifo, pins: [data, rxf_n, txe_n], driven } => {
                (*fifo, *driven) = (Fifo::default(), Drive::IDLE);
                system.poke(*data, 0);
                system.poke(*rxf_n, 1);
                system.poke(*txe_n, 1);
            }
        }
    }

    /// One cycle, with the system's [`Host::outputs`].
    fn step(&mut self, system: &mut Simulator, cycle: u64, outputs: &[u64]) {
        match self {
            Host::Uart { line, rx, driven } => {
                let level = line.step(cycle, outputs[0] == 1);
                if level != *driven {
                    system.poke(*rx, u64::from(level));
                    *driven = level;
                }
            }
            Host::Fifo { fifo, pins: [data, rxf_n, txe_n], driven } => {
                let drive = fifo.step(outputs[0] == 1, outputs[1] == 1, outputs[2] as u8);
                if drive != *driven {
                    system.poke(*data, u64::from(drive.data));
                    system.poke(*rxf_n, u64::from(drive.rxf_n));
                    system.poke(*txe_n, u64::from(drive.txe_n));
                    *driven = drive;
                }
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        match self {
            Host::Uart { line, .. } => line.send(bytes),
            Host::Fifo { fifo, .. } => fifo.send(bytes),
        }
    }

    fn waiting(&self) -> usize {
        match self {
            Host::Uart { line, .. } => line.waiting(),
            Host::Fifo { fifo, .. } => fifo.waiting(),
        }
    }

    fn take_received(&mut self) -> Vec<u8> {
        match self {
            Host::Uart { line, .. } => line.take_received(),
            Host::Fifo { fifo, .. } => fifo.take_received(),
        }
    }
}

/// The cell beside the system, and the wires between them.
struct CellBeside {
    simulator: Simulator,
    /// Outputs of the cell, and where they go in the system.
    to_system: (OutputSet, Vec<Input>),
    /// Outputs of the system, and where they go in the cell.
    to_cell: (OutputSet, Vec<Input>),
    values: Vec<u64>,
    /// What the inputs were driven with last.
    driven: [Vec<u64>; 2],
    /// Cycle from which on it need not be stepped, unless it runs.
    quiet_from: u64,
    runs: bool,
    /// The system has seen what the cell says since it was stepped last.
    is_seen: bool,
    /// What of the system is looked at in every cycle: a write, a read, a reset of the cell.
    calls: OutputSet,
    /// Places in the system's outputs and the cell's: the address of a write, the interrupt.
    write_address: usize,
    interrupt: usize,
}

/// A stick simulated cycle by cycle: the system, its tensor cell where it has one, and the chips around them.
///
/// Time is the design's own: [`StickModel::advance`] simulates for some milliseconds of the wall clock, whatever that is in
/// cycles. The cell is not stepped while it has nothing to do.
pub struct RtlStick {
    system: Simulator,
    pins: Pins,
    cell: Option<CellBeside>,
    flash: FlashChip,
    host: Host,
    values: [u64; OUTPUTS.len() + SERIAL_OUTPUTS_MAX],
    flash_data: bool,
    cycle: u64,
    power_up: myelin_sim::Checkpoint,
    cell_power_up: Option<myelin_sim::Checkpoint>,
}

impl RtlStick {
    /// Builds and compiles the stick with an erased flash, and resets it.
    ///
    /// # Errors
    /// If the design cannot be compiled on this machine, or an assertion fails in reset.
    pub fn new(config: &Config, options: StickOptions) -> Result<RtlStick, SimError> {
        let design = |module| Design::new(module).expect("invariant: names of our blocks are identifiers");
        let build =
            |design: &Design| Simulator::builder(design).engine(options.engine).power_up(options.power_up).build();
        let module = stick_system(config);
        let system = build(&design(module.clone()))?;
        let cell = match config.compute {
            Compute::Cell { .. } => {
                let cell = cell::cell(&config.architecture);
                let simulator = build(&design(cell.clone()))?;
                Some(CellBeside::new(simulator, &cell, &system, &module)?)
            }
            Compute::MacArray => None,
        };
        let host = Host::new(config, &system, options.baud)?;
        let outputs = OUTPUTS.iter().chain(host.outputs());
        let pins = Pins {
            power_on: system.input("power_on_i")?,
            flash_data: system.input("flash_data_i")?,
            outputs: outputs.map(|name| system.output(name)).collect::<Result<_, _>>()?,
            leds: system.output("leds_o")?,
        };
        let (power_up, cell_power_up) = (system.checkpoint(), cell.as_ref().map(|cell| cell.simulator.checkpoint()));
        let mut stick = RtlStick {
            system,
            pins,
            cell,
            flash: FlashChip::with_bytes(options.flash, options.flash_bytes),
            host,
            values: [0; OUTPUTS.len() + SERIAL_OUTPUTS_MAX],
            flash_data: true,
            cycle: 0,
            power_up,
            cell_power_up,
        };
        stick.power_on()?;
        Ok(stick)
    }

    /// The flash, to be filled as by a programmer.
    pub fn flash(&mut self) -> &mut FlashChip {
        &mut self.flash
    }

    /// The simulator of the system, for waves and inspection.
    pub fn simulator(&mut self) -> &mut Simulator {
        &mut self.system
    }

    /// Cycles simulated since power-up.
    pub fn cycle(&self) -> u64 {
        self.cycle
    }

    /// The lights.
    pub fn leds(&mut self) -> u8 {
        self.system.peek(self.pins.leds) as u8
    }

    /// Sends bytes to the stick, one after the other without gaps.
    pub fn send(&mut self, bytes: &[u8]) {
        self.host.send(bytes);
    }

    /// Bytes that the stick has sent since the last call.
    pub fn take_sent(&mut self) -> Vec<u8> {
        self.host.take_received()
    }

    /// So many cycles.
    ///
    /// # Errors
    /// If an assertion of the design fails.
    pub fn run(&mut self, cycles: u64) -> Result<(), CheckFailure> {
        (0..cycles).try_for_each(|_| self.step())
    }

    fn power_on(&mut self) -> Result<(), CheckFailure> {
        self.host.clear(&mut self.system);
        self.system.poke(self.pins.flash_data, 1);
        self.flash_data = true;
        self.system.poke(self.pins.power_on, 1);
        self.reset()?;
        self.system.poke(self.pins.power_on, 0);
        Ok(())
    }

    fn reset(&mut self) -> Result<(), CheckFailure> {
        if let Some(cell) = &mut self.cell {
            cell.reset()?;
        }
        self.system.reset(RESET_CYCLES)
    }

    /// One cycle of everything.
    fn step(&mut self) -> Result<(), CheckFailure> {
        if let Some(cell) = &mut self.cell {
            cell.step(&mut self.system, self.cycle)?;
        }
        let outputs = OUTPUTS.len() + self.host.outputs().len();
        self.system.peek_all(&self.pins.outputs, &mut self.values[..outputs]);
        let [select_n, clock, data, reset, ..] = self.values;
        self.host.step(&mut self.system, self.cycle, &self.values[OUTPUTS.len()..]);
        let flash_data = self.flash.step(self.cycle, select_n == 1, clock == 1, data == 1);
        if flash_data != self.flash_data {
            self.system.poke(self.pins.flash_data, u64::from(flash_data));
            self.flash_data = flash_data;
        }
        self.system.step()?;
        self.cycle += 1;
        if reset == 1 {
            self.reset()?;
        }
        Ok(())
    }
}

impl CellBeside {
    fn new(simulator: Simulator, cell: &Module, system: &Simulator, module: &Module) -> Result<CellBeside, SimError> {
        // `x_o` of one is `x_i` of the other.
        let pairs = |from: &Module, to: &Module| {
            let names = from.outputs.iter().filter_map(|port| port.name.strip_suffix("_o"));
            let both = names.filter(|name| to.input_index(&format!("{name}_i")).is_some());
            both.map(str::to_owned).collect::<Vec<String>>()
        };
        let (to_system, to_cell) = (pairs(cell, module), pairs(module, cell));
        let wires = |names: &[String], from: &Simulator, to: &Simulator| {
            let outputs =
                names.iter().map(|name| from.output(&format!("{name}_o"))).collect::<Result<OutputSet, _>>()?;
            let inputs = names.iter().map(|name| to.input(&format!("{name}_i"))).collect::<Result<Vec<_>, _>>()?;
            Ok::<_, SimError>((outputs, inputs))
        };
        let place = |names: &[String], wanted: &str| {
            names.iter().position(|name| name == wanted).expect("invariant: the system mirrors the cell's ports")
        };
        Ok(CellBeside {
            to_system: wires(&to_system, &simulator, system)?,
            to_cell: wires(&to_cell, system, &simulator)?,
            values: vec![0; to_system.len().max(to_cell.len())],
            driven: [vec![u64::MAX; to_system.len()], vec![u64::MAX; to_cell.len()]],
            quiet_from: 0,
            runs: false,
            is_seen: false,
            calls: ["host_write_valid_o", "host_read_valid_o", "tensor_reset_o"]
                .map(|name| system.output(name))
                .into_iter()
                .collect::<Result<_, _>>()?,
            write_address: place(&to_cell, "host_write_address"),
            interrupt: place(&to_system, "interrupt"),
            simulator,
        })
    }

    fn reset(&mut self) -> Result<(), CheckFailure> {
        (self.runs, self.quiet_from, self.is_seen) = (false, 0, false);
        self.simulator.reset(RESET_CYCLES)
    }

    /// Connects both and steps the cell, unless it has nothing to do.
    fn step(&mut self, system: &mut Simulator, cycle: u64) -> Result<(), CheckFailure> {
        let mut calls = [0; 3];
        system.peek_all(&self.calls, &mut calls);
        let [writes, reads, resets] = calls.map(|call| call == 1);
        if writes || reads {
            self.quiet_from = cycle + SETTLING_CYCLES;
        }
        let goes_on = self.runs || cycle < self.quiet_from;
        if self.is_seen && !goes_on && !resets {
            return Ok(());
        }
        let CellBeside { simulator, values, driven, .. } = self;
        // No output of the cell depends on its inputs in the same cycle.
        let (outputs, inputs) = &self.to_system;
        let values = &mut values[..];
        let to_system = &mut values[..inputs.len()];
        simulator.peek_all(outputs, to_system);
        drive(system, inputs, to_system, &mut driven[0]);
        if resets {
            return self.reset();
        }
        self.is_seen = !goes_on;
        if !goes_on {
            return Ok(());
        }
        let interrupt = to_system[self.interrupt] == 1;
        let (outputs, inputs) = &self.to_cell;
        let to_cell = &mut values[..inputs.len()];
        system.peek_all(outputs, to_cell);
        self.runs |= writes && to_cell[self.write_address] == u64::from(register::START);
        drive(simulator, inputs, to_cell, &mut driven[1]);
        simulator.step()?;
        if cycle >= self.quiet_from {
            self.runs &= !interrupt;
        }
        Ok(())
    }
}

/// Sets what has changed.
fn drive(simulator: &mut Simulator, inputs: &[Input], values: &[u64], driven: &mut [u64]) {
    for ((&input, &value), driven) in inputs.iter().zip(values).zip(driven) {
        if value != *driven {
            simulator.poke(input, value);
            *driven = value;
        }
    }
}

impl StickModel for RtlStick {
    fn receive(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(LINE_BYTES_MAX.saturating_sub(self.host.waiting()));
        self.host.send(&bytes[..taken]);
        taken
    }

    fn advance(&mut self, _: u64, sent: &mut Vec<u8>) -> io::Result<bool> {
        let begun = Instant::now();
        while !self.flash.has_lost_power() && begun.elapsed() < SLICE {
            self.run(CYCLES_PER_LOOK).map_err(io::Error::other)?;
        }
        sent.append(&mut self.host.take_received());
        // Its time passes with or without the host.
        Ok(self.flash.has_lost_power())
    }

    fn power_cycle(&mut self) {
        self.flash.power_cycle();
        let restored = self.system.restore(&self.power_up);
        if let (Some(cell), Some(checkpoint)) = (&mut self.cell, &self.cell_power_up) {
            cell.simulator.restore(checkpoint).expect("invariant: a checkpoint of the same design");
            cell.driven.iter_mut().for_each(|driven| driven.fill(u64::MAX));
        }
        restored.expect("invariant: a checkpoint of the same design");
        // An assertion in reset has been checked when the stick was made.
        self.power_on().expect("invariant: the design comes out of reset");
    }

    fn fail_power_at(&mut self, count: u32) {
        self.flash.fail_power_at(count);
    }

    fn has_lost_power(&self) -> bool {
        self.flash.has_lost_power()
    }
}
