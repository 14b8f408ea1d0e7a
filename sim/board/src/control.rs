//! What the cells of a card share, in a simulator of its own: host port, barrier, interrupt.

use myelin_hdl::{Design, Module};
use myelin_isa::Architecture;
use myelin_rtl::tensor::card;
use myelin_sim::{Engine, Input, Output, PowerUp, SimError, Simulator};

use crate::port::{Cell, Drive};

/// Inputs and outputs of a cell that lead to the control.
struct Wires {
    read_data: Input,
    stopped: Input,
    trapped: Input,
    arrive: Input,
    write_valid: Output,
    read_valid: Output,
    cell_barrier: Input,
}

/// [`card::control`], simulated, and its wires to the cells.
pub(crate) struct Control {
    pub(crate) simulator: Simulator,
    write_valid: Drive,
    write_address: Drive,
    read_valid: Drive,
    read_address: Drive,
    read_data: Output,
    interrupt: Output,
    barrier: Output,
    wires: Vec<Wires>,
    /// Stops, traps and arrivals as the control sees them, by cell.
    seen: Vec<[u64; 3]>,
    barrier_now: u64,
}

impl Control {
    pub(crate) fn new(
        architecture: &Architecture,
        (engine, power_up): (Engine, PowerUp),
        device: &Module,
        cells: &[Cell],
    ) -> Result<Control, SimError> {
        let design = Design::new(card::control(architecture)).expect("the control's names are identifiers");
        let simulator = Simulator::builder(&design).engine(engine).power_up(power_up).build()?;
        let drive = |name: &str| Drive::find(&simulator, name, "", device);
        let wires = (cells.iter().enumerate()).map(|(number, cell)| {
            Ok(Wires {
                read_data: simulator.input(&format!("read_data_{number}_i"))?,
                stopped: simulator.input(&format!("stopped_{number}_i"))?,
                trapped: simulator.input(&format!("trapped_{number}_i"))?,
                arrive: simulator.input(&format!("arrive_{number}_i"))?,
                write_valid: simulator.output(&format!("write_valid_{number}_o"))?,
                read_valid: simulator.output(&format!("read_valid_{number}_o"))?,
                cell_barrier: cell.simulator.input("barrier_i")?,
            })
        });
        let wires = wires.collect::<Result<Vec<_>, SimError>>()?;
        Ok(Control {
            write_valid: drive("host_write_valid_i")?,
            write_address: drive("host_write_address_i")?,
            read_valid: drive("host_read_valid_i")?,
            read_address: drive("host_read_address_i")?,
            read_data: simulator.output("host_read_data_o")?,
            interrupt: simulator.output("interrupt_o")?,
            barrier: simulator.output("barrier_o")?,
            seen: vec![[0; 3]; wires.len()],
            wires,
            simulator,
            barrier_now: 0,
        })
    }

    /// A write of the host in the coming cycle, or none.
    pub(crate) fn write(&mut self, cells: &mut [Cell], levels: &mut [u64], write: Option<u32>) {
        self.write_valid.set(&mut self.simulator, levels, u64::from(write.is_some()));
        if let Some(address) = write {
            self.write_address.set(&mut self.simulator, levels, u64::from(address));
        }
        for (cell, wires) in cells.iter_mut().zip(&self.wires) {
            let valid = self.simulator.peek(wires.write_valid);
            cell.ports.write_valid.set(&mut cell.simulator, levels, valid);
        }
    }

    /// A read of the host in the coming cycle, or none.
    pub(crate) fn read(&mut self, cells: &mut [Cell], levels: &mut [u64], read: Option<u32>) {
        self.read_valid.set(&mut self.simulator, levels, u64::from(read.is_some()));
        if let Some(address) = read {
            self.read_address.set(&mut self.simulator, levels, u64::from(address));
        }
        for (cell, wires) in cells.iter_mut().zip(&self.wires) {
            let valid = self.simulator.peek(wires.read_valid);
            cell.ports.read_valid.set(&mut cell.simulator, levels, valid);
        }
    }

    /// What was read in the cycle before.
    pub(crate) fn read_data(&mut self, cells: &mut [Cell]) -> u64 {
        for (cell, wires) in cells.iter_mut().zip(&self.wires) {
            self.simulator.poke(wires.read_data, cell.simulator.peek(cell.ports.read_data));
        }
        self.simulator.peek(self.read_data)
    }

    /// Carries the wires between control and cells: what leaves registers on either side.
    pub(crate) fn connect(&mut self, cells: &mut [Cell]) {
        let barrier = self.simulator.peek(self.barrier);
        for ((cell, wires), seen) in cells.iter_mut().zip(&self.wires).zip(&mut self.seen) {
            if barrier != self.barrier_now {
                cell.simulator.poke(wires.cell_barrier, barrier);
            }
            let ports = [wires.stopped, wires.trapped, wires.arrive];
            for (port, (now, seen)) in ports.into_iter().zip(cell.shared().into_iter().zip(seen)) {
                if now != *seen {
                    *seen = now;
                    self.simulator.poke(port, now);
                }
            }
        }
        self.barrier_now = barrier;
    }

    /// Whether the card interrupts the host.
    pub(crate) fn interrupts(&mut self) -> bool {
        self.simulator.peek(self.interrupt) == 1
    }
}
