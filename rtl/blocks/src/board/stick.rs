//! The stick's system: soft core, bus, memories and peripherals. The tensor cell, where there is one, is beside it.
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `power_on_i` | 1 | this reset is the first after power-up |
//! | `reset_o`, `reload_o` | 1 | see [`super::system`]: the board resets system and cell |
//! | `serial_*` | | pins of the link ([`super::serial`]) |
//! | `flash_*` | | pins of the flash ([`super::flash`]) |
//! | `leds_o` | 8 | lights |
//! | `tensor_reset_o`, `host_*`, `interrupt_i`, `request_*`, `response_*`, `store_*` | | the cell's ports ([`crate::tensor::cell`]), mirrored; only with a cell |
//!
//! **Why the cell is beside it.** It has a reset of its own, and a simulator need not step it while it does nothing. No output of the cell
//! depends on its inputs in the same cycle, and what it is given depends on its outputs in few gates.

use std::sync::Arc;

use myelin_hdl::{InstanceHandle, Module, ModuleBuilder, Signal, concat, module, u};
use myelin_isa::Architecture;
use myelin_isa::stick::memory;

use super::{device_memory, flash, mac_array, serial, system, tensor_port};
use crate::bus::{Cut, Request, Target, arbiter, ram, route, stage};
use crate::cpu::{CpuParameters, cpu};
use crate::prim::bundle;
use crate::prim::skid_buffer::skid_buffer;

/// Name of the module.
pub const NAME: &str = "stick_system";

/// What computes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compute {
    /// A tensor cell beside the system, and so many bytes of block RAM as device memory.
    Cell {
        /// Bytes of device memory, a power of two.
        device_bytes: u32,
    },
    /// The MAC array, which has firmware RAM and device memory inside.
    MacArray,
}

/// Parameters of a stick.
#[derive(Clone, Debug)]
pub struct Config {
    /// One of [`myelin_isa::stick::board`].
    pub board: u32,
    /// The core.
    pub core: CpuParameters,
    /// Which paths of the bus are cut by registers.
    pub cut: Cut,
    /// The link.
    pub serial: serial::Config,
    /// What computes.
    pub compute: Compute,
    /// The cell, or that which the firmware stands for.
    pub architecture: Architecture,
    /// Bytes of RAM at address 0, a power of two.
    pub ram_bytes: u32,
    /// What is in it at power-up: boot code, and on boards with enough RAM the firmware.
    pub ram_contents: Vec<u8>,
    /// See [`myelin_isa::stick::system::BUILD`].
    pub build: u32,
}

impl Config {
    /// Bytes of device memory.
    pub fn device_bytes(&self) -> u32 {
        match self.compute {
            Compute::Cell { device_bytes } => device_bytes,
            Compute::MacArray => memory::DEVICE_BYTES_UP5K,
        }
    }
}

/// Builds the system.
///
/// # Panics
/// If a size is not what its block can be built with.
pub fn stick_system(config: &Config) -> Arc<Module> {
    module(NAME, |m| {
        m.doc(&format!("Myelin stick: RV32 core, peripherals and memory; programs for {}.", config.architecture));
        let core = m.instance("core", &cpu(&config.core));
        let arbiter = m.instance("arbiter", &arbiter(4, config.cut));
        let serial = m.instance("serial", &serial::serial(&config.serial, config.cut));
        let flash = m.instance("flash", &flash::flash(config.serial.offset_bits, config.cut));
        let system = m.instance(
            "system",
            &system::system(&system::Config {
                board: config.board,
                clock_hz: config.serial.clock_hz,
                architecture: config.architecture,
                device_bytes: config.device_bytes(),
                build: config.build,
                cut: config.cut,
            }),
        );
        let ram = m.instance("ram", &ram("ram", config.ram_bytes, &config.ram_contents, config.cut));

        let stage = m.instance("stage", &stage(config.cut));
        Request::of(&arbiter, "bus").connect(&stage, "manager", 32);
        arbiter.input("bus_ready_i", stage.output("manager_ready_o"));
        let bus = Request::of(&stage, "bus");
        let region = bus.address.slice(28, 4);
        let block = bus.address.slice(12, 2);
        let peripheral = region.eq(i64::from(memory::SERIAL >> 28));
        let at = |base: u32| peripheral & block.eq(i64::from(base >> 12 & 3));
        let is_device = region.eq(i64::from(memory::DEVICE >> 28));
        let is_tensor = region.eq(i64::from(memory::TENSOR >> 28));
        let in_ram = region.eq(i64::from(memory::RAM >> 28)) & !bus.address.bit(16);
        let target = |selected, child, name, address_bits| Target { selected, child, name, address_bits };
        let mut targets = vec![
            target(in_ram, &ram, "bus", config.ram_bytes.trailing_zeros()),
            target(at(memory::SERIAL), &serial, "bus", serial::ADDRESS_WIDTH),
            target(at(memory::FLASH), &flash, "bus", flash::ADDRESS_WIDTH),
            target(at(memory::SYSTEM), &system, "bus", system::ADDRESS_WIDTH),
        ];
        let compute = compute(m, config);
        let bus = match config.compute {
            Compute::Cell { device_bytes } => {
                let [tensor, device] = &compute[..] else { unreachable!("a port and a memory") };
                targets.push(target(is_tensor, tensor, "bus", crate::tensor::host_port::ADDRESS_WIDTH));
                targets.push(target(is_device, device, "bus", device_bytes.trailing_zeros()));
                bus
            }
            Compute::MacArray => {
                let array = &compute[0];
                targets.push(target(is_tensor, array, "bus", mac_array::ADDRESS_WIDTH));
                // RAM for firmware first, device memory behind it, in one memory.
                let in_memory = is_device | region.eq(0) & bus.address.bit(16);
                targets.push(target(in_memory, array, "memory", mac_array::MEMORY_WIDTH));
                let address = concat(&[bus.address.slice(17, 15), is_device, bus.address.slice(0, 16)]);
                // What is decoded has been decoded: only the large memory looks at this bit.
                Request { address, ..bus }
            }
        };
        if config.cut == Cut::Both {
            // The address is there a cycle before the request is valid.
            for (number, target) in targets.iter_mut().enumerate() {
                target.selected = m.delay(&format!("selected_{number}_q"), target.selected);
            }
        }
        let answer = route(m, &bus, &targets);
        stage.input("bus_ready_i", answer.ready).input("bus_data_i", answer.data);
        managers(m, [&core, &serial, &flash], &arbiter, stage.output("manager_data_o"));

        let tensor_interrupt = match config.compute {
            Compute::Cell { .. } => m.input("interrupt_i", u(1)),
            Compute::MacArray => compute[0].output("idle_o"),
        };
        system
            .input("power_on_i", m.input("power_on_i", u(1)))
            .input("serial_i", serial.output("interrupt_o"))
            .input("flash_i", flash.output("interrupt_o"))
            .input("tensor_i", tensor_interrupt);
        core.input("timer_interrupt_i", system.output("timer_interrupt_o"))
            .input("external_interrupt_i", system.output("external_interrupt_o"));
        m.output("reset_o", system.output("reset_o"));
        m.output("reload_o", system.output("reload_o"));
        m.output("leds_o", system.output("leds_o"));
        if config.compute != Compute::MacArray {
            m.output("tensor_reset_o", system.output("tensor_reset_o"));
        }
        pins(m, config, &serial, &flash);
    })
}

/// The managers of the bus and what they are answered: core, ring, fetch, stream.
fn managers(m: &ModuleBuilder, [core, serial, flash]: [&InstanceHandle; 3], arbiter: &InstanceHandle, data: Signal) {
    let from_core = Request {
        valid: core.output("bus_valid_o"),
        write: core.output("bus_write_o"),
        address: core.output("bus_address_o"),
        data: core.output("bus_write_data_o"),
        enables: core.output("bus_byte_enable_o"),
    };
    let requests = [from_core, Request::of(serial, "ring"), Request::of(serial, "fetch"), Request::of(flash, "memory")];
    for (number, request) in requests.iter().enumerate() {
        request.connect(arbiter, &format!("manager_{number}"), 32);
    }
    let ready = |number: usize| arbiter.output(&format!("manager_{number}_ready_o"));
    core.input("bus_ready_i", ready(0)).input("bus_error_i", m.constant(u(1), 0)).input("bus_read_data_i", data);
    serial.input("ring_ready_i", ready(1)).input("fetch_ready_i", ready(2)).input("fetch_data_i", data);
    flash.input("memory_ready_i", ready(3));
}

/// The MAC array, or the ends of the cell's two ports.
fn compute(m: &ModuleBuilder, config: &Config) -> Vec<InstanceHandle> {
    let Compute::Cell { device_bytes } = config.compute else {
        return vec![m.instance("mac_array", &mac_array::mac_array())];
    };
    let tensor = m.instance("tensor_port", &tensor_port::tensor_port());
    tensor.input("host_read_data_i", m.input("host_read_data_i", u(32)));
    for name in ["write_valid", "write_address", "write_data", "read_valid", "read_address"] {
        let name = format!("host_{name}_o");
        m.output(&name, tensor.output(&name));
    }
    let lanes = config.architecture.lanes();
    let device = m.instance("device_memory", &device_memory::device_memory(device_bytes, lanes));
    memory_port(m, lanes as usize, &device);
    vec![tensor, device]
}

/// The cell's memory port, a register slice each way from the memory: both are spread over the part.
fn memory_port(m: &ModuleBuilder, lanes: usize, device: &InstanceHandle) {
    let slice = |name: &str, words: usize, width: u32| m.instance(name, &skid_buffer(words, u(width)));
    let requests = slice("requests", 1, 32);
    requests.input("push_valid_i", m.input("request_valid_i", u(1)));
    requests.input("push_0_i", m.input("request_beat_i", u(32)));
    m.output("request_ready_o", requests.output("push_ready_o"));
    requests.input("pop_ready_i", device.output("request_ready_o"));
    device.input("request_valid_i", requests.output("pop_valid_o"));
    device.input("request_beat_i", requests.output("pop_0_o"));

    let responses = slice("responses", lanes, 8);
    responses.input("push_valid_i", device.output("response_valid_o"));
    bundle::connect(&responses, "push", &bundle::of(device, "response", lanes));
    device.input("response_ready_i", responses.output("push_ready_o"));
    responses.input("pop_ready_i", m.input("response_ready_i", u(1)));
    m.output("response_valid_o", responses.output("pop_valid_o"));
    bundle::outputs(m, "response", &bundle::of(&responses, "pop", lanes));

    // Address and bytes of a beat side by side, in words of 32 bits.
    let stores = slice("stores", 1 + lanes / 4, 32);
    stores.input("push_valid_i", m.input("store_valid_i", u(1)));
    let beat = m.input("store_beat_i", u(32));
    let bytes = bundle::inputs(m, "store", lanes, u(8));
    let words = bytes.chunks(4).map(|bytes| concat(&[bytes[3], bytes[2], bytes[1], bytes[0]]));
    let words: Vec<Signal> = std::iter::once(beat).chain(words).collect();
    bundle::connect(&stores, "push", &words);
    m.output("store_ready_o", stores.output("push_ready_o"));
    stores.input("pop_ready_i", device.output("store_ready_o"));
    device.input("store_valid_i", stores.output("pop_valid_o"));
    let words = bundle::of(&stores, "pop", 1 + lanes / 4);
    device.input("store_beat_i", words[0]);
    let bytes: Vec<Signal> = words[1..].iter().flat_map(|word| [0, 8, 16, 24].map(|low| word.slice(low, 8))).collect();
    bundle::connect(device, "store", &bytes);
    m.output("store_acknowledge_o", device.output("store_acknowledge_o"));
}

/// The pins of link and flash.
fn pins(m: &ModuleBuilder, config: &Config, serial: &InstanceHandle, flash: &InstanceHandle) {
    let (inputs, outputs): (&[(&str, u32)], &[&str]) = match config.serial.link {
        serial::Link::Uart => (&[("rx_i", 1)], &["tx_o"]),
        serial::Link::Ft245 => {
            (&[("data_i", 8), ("rxf_n_i", 1), ("txe_n_i", 1)], &["data_o", "data_enable_o", "rd_n_o", "wr_n_o"])
        }
    };
    for &(name, width) in inputs {
        serial.input(name, m.input(&format!("serial_{name}"), u(width)));
    }
    for name in outputs {
        m.output(&format!("serial_{name}"), serial.output(name));
    }
    let answer: Signal = m.input("flash_data_i", u(1));
    flash.input("data_i", answer);
    for name in ["select_n_o", "clock_o", "data_o"] {
        m.output(&format!("flash_{name}"), flash.output(name));
    }
}
