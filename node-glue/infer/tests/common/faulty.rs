//! Simulated cells with faults, engines on them, and networks to ask them about.
#![allow(dead_code, reason = "not every test binary uses every helper")]
#![allow(clippy::unwrap_used, reason = "a broken fixture is a failed test")]

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use myelin_board::{SimulatedCell, SimulationOptions};
use myelin_driver::{Link, LinkError, LinkInfo};
use myelin_graph::import::Limits;
use myelin_infer::{CpuEngine, DeviceConfig, DeviceEngine, Model, ProbeIntervals};
use myelin_isa::{Architecture, Precision, register};

use super::repository_path;

/// What a [`FaultyLink`] does wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A bit of what is read from memory is wrong.
    WrongBit,
    /// The device raises no interrupt in time.
    Hangs,
    /// Runs end with a fault of the device.
    Fails,
    /// Nothing answers.
    Gone,
    /// The driver of the link panics.
    Panics,
    /// Another device answers.
    Exchanged,
    /// It cannot be reset, and runs fail.
    Stuck,
    /// A run does not come back as long as the fault lasts, whatever the deadline.
    Blocks,
}

/// What a test changes and sees while an engine owns the link.
#[derive(Default)]
pub struct Control {
    pub fault: Option<Fault>,
    /// Runs that fail before the fault heals; for ever if `None`.
    pub left: Option<u32>,
    pub starts: u32,
}

/// A simulated cell with faults.
pub struct FaultyLink {
    cell: SimulatedCell,
    control: Arc<Mutex<Control>>,
}

impl FaultyLink {
    fn fault(&self) -> Option<Fault> {
        self.control.lock().unwrap().fault
    }

    fn check(&self, operation: &'static str) -> Result<(), LinkError> {
        match self.fault() {
            Some(Fault::Gone) => Err(LinkError::Gone { operation }),
            _ => Ok(()),
        }
    }
}

impl Link for FaultyLink {
    fn info(&self) -> LinkInfo {
        self.cell.info()
    }

    fn read32(&mut self, address: u32) -> Result<u32, LinkError> {
        self.check("read register")?;
        match self.fault() {
            Some(Fault::Exchanged) if address == register::ID => Ok(7),
            _ => self.cell.read32(address),
        }
    }

    fn write32(&mut self, address: u32, value: u32) -> Result<(), LinkError> {
        self.check("write register")?;
        if address == register::START {
            self.control.lock().unwrap().starts += 1;
        }
        self.cell.write32(address, value)
    }

    fn read_at(&mut self, address: u64, buffer: &mut [u8], deadline: Duration) -> Result<(), LinkError> {
        self.check("read memory")?;
        self.cell.read_at(address, buffer, deadline)?;
        if self.fault() == Some(Fault::WrongBit) {
            buffer[3] ^= 1;
        }
        Ok(())
    }

    fn write_at(&mut self, address: u64, data: &[u8], deadline: Duration) -> Result<(), LinkError> {
        self.check("write memory")?;
        self.cell.write_at(address, data, deadline)
    }

    fn wait_interrupt(&mut self, deadline: Duration) -> Result<(), LinkError> {
        const OPERATION: &str = "wait for interrupt";
        self.check(OPERATION)?;
        while self.fault() == Some(Fault::Blocks) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let fault = self.fault();
        if fault.is_some() {
            let mut control = self.control.lock().unwrap();
            match &mut control.left {
                Some(0) => control.fault = None,
                Some(left) => *left -= 1,
                None => {}
            }
        }
        match fault.filter(|_| self.fault().is_some()) {
            Some(Fault::Hangs) => Err(LinkError::Timeout { operation: OPERATION, deadline }),
            Some(Fault::Fails | Fault::Stuck) => {
                Err(LinkError::DeviceFault { operation: OPERATION, fault: "parity".to_owned() })
            }
            Some(Fault::Panics) => panic!("on purpose"),
            _ => self.cell.wait_interrupt(deadline),
        }
    }

    fn reset(&mut self) -> Result<(), LinkError> {
        self.check("reset")?;
        if self.fault() == Some(Fault::Stuck) && self.control.lock().unwrap().starts > 0 {
            return Err(LinkError::DeviceFault { operation: "reset", fault: "stuck".to_owned() });
        }
        self.cell.reset()
    }
}

/// A device that is patient with a loaded machine, and never probed.
pub fn device(check_every: u32) -> (DeviceEngine, Arc<Mutex<Control>>) {
    let long = Duration::from_secs(600);
    device_with(check_every, long, ProbeIntervals { first: long, longest: long })
}

/// Probed as soon as it is quarantined, and again and again.
pub const PROBED_AT_ONCE: ProbeIntervals =
    ProbeIntervals { first: Duration::from_millis(1), longest: Duration::from_millis(20) };

pub fn device_with(
    check_every: u32,
    patience: Duration,
    probes: ProbeIntervals,
) -> (DeviceEngine, Arc<Mutex<Control>>) {
    let (engine, mut controls) = devices_with(&[Precision::Int8], check_every, patience, probes);
    (engine, controls.remove(0))
}

/// An engine on a cell of each precision, as [`device_with`].
pub fn devices_with(
    precisions: &[Precision],
    check_every: u32,
    patience: Duration,
    probes: ProbeIntervals,
) -> (DeviceEngine, Vec<Arc<Mutex<Control>>>) {
    let (mut links, mut controls) = (Vec::<Box<dyn Link>>::new(), Vec::new());
    for &precision in precisions {
        let architecture = Architecture::new(8, 8, precision).unwrap();
        let cell = SimulatedCell::new(architecture, SimulationOptions::default()).unwrap();
        let control = Arc::<Mutex<Control>>::default();
        links.push(Box::new(FaultyLink { cell, control: control.clone() }));
        controls.push(control);
    }
    let check_every = NonZeroU32::new(check_every).unwrap();
    // A loaded machine must not look like a device that hangs.
    let mut config = DeviceConfig { check_every, patience, probes, ..DeviceConfig::default() };
    config.deadlines.run = Duration::from_secs(600);
    (DeviceEngine::of_all(links, CpuEngine::default(), config), controls)
}

pub fn is_quarantined(engine: &DeviceEngine) -> bool {
    engine.devices()[0].quarantine().is_some()
}

pub fn set_fault(control: &Mutex<Control>, fault: Option<Fault>) {
    control.lock().unwrap().fault = fault;
}

/// Waits until the device is used again.
pub fn await_return(engine: &DeviceEngine) {
    while is_quarantined(engine) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A digits network on an engine, its pictures, and what the official runtime answers to each.
pub struct Digits {
    pub model: Model,
    pub pictures: Vec<Vec<u8>>,
    pub official: Vec<Vec<u8>>,
}

pub fn digits(name: &str, engine: &DeviceEngine) -> Digits {
    let file = |file: &str| std::fs::read(repository_path("models").join(name).join(file)).unwrap();
    let model = Model::load(&file("symbol"), &file("params"), &Limits::default(), engine).unwrap();
    let rows = |bytes: Vec<u8>, row: usize| -> Vec<Vec<u8>> {
        bytes[bytes.len() - 899 * row..].chunks(row).map(<[u8]>::to_vec).collect()
    };
    Digits { model, pictures: rows(file("input.npy"), 64), official: rows(file("official_logits.npy"), 40) }
}

impl Digits {
    pub fn answer(&self, index: usize) -> Vec<u8> {
        self.model.run(&self.pictures[index]).unwrap()
    }

    pub fn is_right(&self, index: usize) -> bool {
        self.answer(index) == self.official[index]
    }
}
