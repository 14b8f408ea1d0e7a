//! The core's ports, by name once and then by place.

use myelin_sim::{Input, Output, OutputSet, SimError, Simulator};

/// What the core asks of the bus.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Request {
    pub(super) write: bool,
    pub(super) address: u32,
    pub(super) mask: u8,
    pub(super) data: u32,
}

/// What the core says about an instruction that ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shown {
    pub(super) trap: bool,
    pub(super) cause: u32,
    pub(super) instruction: u32,
    pub(super) pc: u32,
    pub(super) next_pc: u32,
    pub(super) rd: usize,
    pub(super) rd_value: u32,
    pub(super) address: u32,
    pub(super) read_mask: u8,
    pub(super) write_mask: u8,
    pub(super) read_data: u32,
    pub(super) write_data: u32,
}

const REQUEST: [&str; 5] = ["bus_valid_o", "bus_write_o", "bus_address_o", "bus_byte_enable_o", "bus_write_data_o"];
const RETIREMENT: [&str; 13] = [
    "retire_valid_o",
    "retire_trap_o",
    "retire_cause_o",
    "retire_instruction_o",
    "retire_pc_o",
    "retire_next_pc_o",
    "retire_rd_o",
    "retire_rd_value_o",
    "retire_memory_address_o",
    "retire_read_mask_o",
    "retire_write_mask_o",
    "retire_read_data_o",
    "retire_write_data_o",
];

/// The ports of a core that is the top of a simulation.
pub(super) struct Ports {
    pub(super) ready: Input,
    pub(super) error: Input,
    pub(super) read_data: Input,
    pub(super) timer: Input,
    pub(super) external: Input,
    request: OutputSet,
    retirement: OutputSet,
}

fn set(sim: &Simulator, names: &[&str]) -> Result<OutputSet, SimError> {
    names.iter().map(|name| sim.output(name)).collect::<Result<Vec<Output>, _>>().map(OutputSet::from_iter)
}

impl Ports {
    pub(super) fn of(sim: &Simulator) -> Result<Ports, SimError> {
        Ok(Ports {
            ready: sim.input("bus_ready_i")?,
            error: sim.input("bus_error_i")?,
            read_data: sim.input("bus_read_data_i")?,
            timer: sim.input("timer_interrupt_i")?,
            external: sim.input("external_interrupt_i")?,
            request: set(sim, &REQUEST)?,
            retirement: set(sim, &RETIREMENT)?,
        })
    }

    pub(super) fn request(&self, sim: &mut Simulator) -> Option<Request> {
        let mut seen = [0; REQUEST.len()];
        sim.peek_all(&self.request, &mut seen);
        let [valid, write, address, mask, data] = seen;
        let write = write != 0;
        (valid != 0).then_some(Request {
            write,
            address: address as u32,
            mask: mask as u8,
            data: if write { data as u32 } else { 0 },
        })
    }

    pub(super) fn retirement(&self, sim: &mut Simulator) -> Option<Shown> {
        let mut seen = [0; RETIREMENT.len()];
        sim.peek_all(&self.retirement, &mut seen);
        let words = seen.map(|value| value as u32);
        (seen[0] != 0).then_some(Shown {
            trap: seen[1] != 0,
            // The bit above the code is that of interrupts.
            cause: (words[2] >> 4) << 31 | words[2] & 15,
            instruction: words[3],
            pc: words[4],
            next_pc: words[5],
            rd: seen[6] as usize,
            rd_value: words[7],
            address: words[8],
            read_mask: seen[9] as u8,
            write_mask: seen[10] as u8,
            read_data: words[11],
            write_data: words[12],
        })
    }
}
