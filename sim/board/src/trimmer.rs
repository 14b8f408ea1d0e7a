//! A simulated edge-trimming core with memory, behind a [`Link`].

use std::time::Duration;

use myelin_driver::{Link, LinkError, LinkInfo, TrimmerSelector};
use myelin_hdl::Design;
use myelin_isa::cuckoo::{Core, register};
use myelin_rtl::cuckoo::core;
use myelin_sim::{Input, Output, SimError, Simulator};

use crate::SimulationOptions;
use crate::card::check_failed;

/// Cycles between two looks at the clock on the wall.
const STEPS_PER_LOOK: u64 = 4096;

/// An edge-trimming core simulated cycle by cycle, with a memory that takes an edge each cycle.
///
/// Time passes only while a register is accessed or an interrupt is awaited. Assertions in the design are
/// checked in every cycle; a failing one is a [`LinkError::CheckFailed`].
pub struct SimulatedTrimmer {
    simulator: Simulator,
    ports: Ports,
    core: Core,
    memory: Vec<u8>,
    memory_bytes: u64,
}

struct Ports {
    write_valid: Input,
    write_address: Input,
    write_data: Input,
    read_valid: Input,
    read_address: Input,
    read_data: Output,
    interrupt: Output,
    store_ready: Input,
    store_valid: Output,
    store_beat: Output,
    store_data: Output,
}

impl SimulatedTrimmer {
    /// Builds and compiles the core and resets it.
    ///
    /// # Errors
    /// If the design cannot be compiled on this machine, or an assertion fails in reset.
    pub fn new(core: Core, options: SimulationOptions) -> Result<SimulatedTrimmer, SimError> {
        let design = Design::new(core::core(&core)).expect("the core's names are identifiers");
        let simulator = Simulator::builder(&design).engine(options.engine).power_up(options.power_up).build()?;
        let (input, output) = (|name: &str| simulator.input(name), |name: &str| simulator.output(name));
        let ports = Ports {
            write_valid: input("host_write_valid_i")?,
            write_address: input("host_write_address_i")?,
            write_data: input("host_write_data_i")?,
            read_valid: input("host_read_valid_i")?,
            read_address: input("host_read_address_i")?,
            read_data: output("host_read_data_o")?,
            interrupt: output("interrupt_o")?,
            store_ready: input("store_ready_i")?,
            store_valid: output("store_valid_o")?,
            store_beat: output("store_beat_o")?,
            store_data: output("store_data_o")?,
        };
        // All edges, if only few rounds are asked for.
        let memory_bytes = options.memory_bytes.max(4 << core.edge_bits());
        let mut trimmer = SimulatedTrimmer { simulator, ports, core, memory: Vec::new(), memory_bytes };
        trimmer.simulator.poke(trimmer.ports.store_ready, 1);
        trimmer.simulator.reset(2)?;
        Ok(trimmer)
    }

    /// The simulator, for waves, coverage and inspection.
    pub fn simulator(&mut self) -> &mut Simulator {
        &mut self.simulator
    }

    /// Cycles simulated since power-up.
    pub fn cycle(&self) -> u64 {
        self.simulator.cycle()
    }

    /// One clock cycle of the core and its memory.
    fn step(&mut self, operation: &'static str) -> Result<(), LinkError> {
        let (sim, ports) = (&mut self.simulator, &self.ports);
        if sim.peek(ports.store_valid) == 1 {
            let beat = sim.peek(ports.store_beat);
            if 4 * (beat + 1) > self.memory_bytes {
                let fault = format!("store of beat {beat} (4 bytes), memory has {} bytes", self.memory_bytes);
                return Err(LinkError::DeviceFault { operation, fault });
            }
            let start = 4 * beat as usize;
            if self.memory.len() < start + 4 {
                self.memory.resize(start + 4, 0);
            }
            self.memory[start..start + 4].copy_from_slice(&(sim.peek(ports.store_data) as u32).to_le_bytes());
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

fn check_register(operation: &'static str, address: u32) -> Result<(), LinkError> {
    if address < register::END && address.is_multiple_of(4) {
        return Ok(());
    }
    let available = u64::from(register::END);
    Err(LinkError::Invalid { operation, address: u64::from(address), bytes: 4, available })
}

impl Link for SimulatedTrimmer {
    fn info(&self) -> LinkInfo {
        let (edge_bits, lanes) = (self.core.edge_bits(), self.core.lanes());
        LinkInfo {
            selector: TrimmerSelector::Simulated { edge_bits, lanes }.to_string(),
            description: format!("simulated edge-trimming core, {}", self.core),
            architecture: None,
            memory_bytes: self.memory_bytes,
        }
    }

    fn read32(&mut self, address: u32) -> Result<u32, LinkError> {
        check_register("read register", address)?;
        self.simulator.poke(self.ports.read_valid, 1);
        self.simulator.poke(self.ports.read_address, u64::from(address));
        let stepped = self.step("read register");
        self.simulator.poke(self.ports.read_valid, 0);
        stepped?;
        Ok(self.simulator.peek(self.ports.read_data) as u32)
    }

    fn write32(&mut self, address: u32, value: u32) -> Result<(), LinkError> {
        check_register("write register", address)?;
        self.simulator.poke(self.ports.write_valid, 1);
        self.simulator.poke(self.ports.write_address, u64::from(address));
        self.simulator.poke(self.ports.write_data, u64::from(value));
        let stepped = self.step("write register");
        self.simulator.poke(self.ports.write_valid, 0);
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
        while self.simulator.peek(self.ports.interrupt) == 0 {
            self.step(OPERATION)?;
            if self.simulator.cycle().is_multiple_of(STEPS_PER_LOOK) && begun.elapsed() > deadline {
                return Err(LinkError::Timeout { operation: OPERATION, deadline });
            }
        }
        Ok(())
    }

    fn reset(&mut self) -> Result<(), LinkError> {
        self.memory.clear();
        self.simulator.reset(2).map_err(|failure| check_failed("reset", &failure))
    }

    fn alive(&mut self) -> bool {
        self.read32(register::ID).is_ok_and(|id| id == register::ID_VALUE)
    }
}
