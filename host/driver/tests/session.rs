//! Sessions over a fake link: a cell that emulates programs without a clock, and fails on request.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use myelin_compile::emulate::Machine;
use myelin_compile::{Program, compile};
use myelin_driver::{Device, DriverError, Link, LinkError, LinkInfo, Session, TrapCause};
use myelin_graph::{Conv2d, Graph, GraphBuilder, Postprocess, Tensor, export};
use myelin_isa::{Architecture, Precision, register};

/// Bytes of the fake's memory.
const MEMORY_BYTES: usize = 1 << 20;
/// What the fake counts for a whole run.
const CYCLES: u32 = 1000;

/// What the fake does wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    /// No interrupt comes.
    Hang,
    /// It traps with this cause.
    Trap(u32),
    /// It raises the interrupt without having halted.
    StillBusy,
    /// It is unplugged.
    Gone,
    /// One stamp too few.
    LosesStamp,
}

/// What a test sees and changes while a session owns the link.
#[derive(Default)]
struct Control {
    fault: Option<Fault>,
    id: Option<u32>,
    shape: Option<u32>,
    specification: Option<u64>,
    memory_bytes: Option<u64>,
    memories: Option<Architecture>,
    writes: u32,
    resets: u32,
}

/// A cell behind a link, without time: it runs programs in the emulator.
struct FakeCell {
    machine: Machine,
    instructions: Vec<[u32; 4]>,
    status: u32,
    stamps: u32,
    control: Arc<Mutex<Control>>,
}

impl FakeCell {
    fn new(architecture: Architecture) -> (FakeCell, Arc<Mutex<Control>>) {
        let control = Arc::new(Mutex::new(Control::default()));
        let beats = MEMORY_BYTES as u32 / architecture.lanes();
        let machine = Machine::new(architecture, beats);
        (FakeCell { machine, instructions: Vec::new(), status: 0, stamps: 0, control: control.clone() }, control)
    }

    fn fault(&self) -> Option<Fault> {
        self.control.lock().unwrap().fault
    }

    fn start(&mut self, entry: u32) {
        self.machine.set_instructions(&self.instructions).unwrap();
        let report = self.machine.run(entry).unwrap();
        self.stamps = report.cells[0].stamps.len() as u32;
        self.status = match self.fault() {
            Some(Fault::Trap(cause)) => register::STATUS_TRAPPED | cause << 4 | 7 << 16,
            Some(Fault::StillBusy) => register::STATUS_BUSY,
            _ => register::STATUS_HALTED,
        };
        if self.fault() == Some(Fault::LosesStamp) {
            self.stamps -= 1;
        }
    }
}

impl Link for FakeCell {
    fn info(&self) -> LinkInfo {
        let control = self.control.lock().unwrap();
        LinkInfo {
            selector: "fake:0".to_owned(),
            description: "cell without time".to_owned(),
            architecture: Some(control.memories.unwrap_or(*self.machine.architecture())),
            memory_bytes: control.memory_bytes.unwrap_or(MEMORY_BYTES as u64),
        }
    }

    fn read32(&mut self, address: u32) -> Result<u32, LinkError> {
        if self.fault() == Some(Fault::Gone) {
            return Err(LinkError::Gone { operation: "read register" });
        }
        let control = self.control.lock().unwrap();
        let cell = self.machine.architecture();
        let shape =
            cell.rows() | cell.columns() << 8 | cell.precision().bits() << 16 | cell.lanes().trailing_zeros() << 24;
        Ok(match address {
            register::ID => control.id.unwrap_or(register::ID_VALUE),
            register::SHAPE => control.shape.unwrap_or(shape),
            register::SPECIFICATION_LOW => control.specification.unwrap_or(cell.specification()) as u32,
            register::SPECIFICATION_HIGH => (control.specification.unwrap_or(cell.specification()) >> 32) as u32,
            register::STATUS => self.status,
            register::STAMP_COUNT => self.stamps,
            // Stamp n is taken in cycle 10 (n + 1).
            register::STAMPS.. => 10 * ((address - register::STAMPS) / 4 + 1),
            register::COUNTERS => CYCLES,
            _ => address,
        })
    }

    fn write32(&mut self, address: u32, value: u32) -> Result<(), LinkError> {
        self.control.lock().unwrap().writes += 1;
        if address == register::START {
            self.start(value);
        }
        if address >= register::INSTRUCTIONS {
            let index = (address - register::INSTRUCTIONS) as usize / 16;
            if self.instructions.len() <= index {
                self.instructions.resize(index + 1, [0; 4]);
            }
            self.instructions[index][address as usize / 4 % 4] = value;
        }
        Ok(())
    }

    fn read_at(&mut self, address: u64, buffer: &mut [u8], _: Duration) -> Result<(), LinkError> {
        buffer.copy_from_slice(&self.machine.memory()[address as usize..][..buffer.len()]);
        Ok(())
    }

    fn write_at(&mut self, address: u64, data: &[u8], _: Duration) -> Result<(), LinkError> {
        self.control.lock().unwrap().writes += 1;
        self.machine.memory_mut()[address as usize..][..data.len()].copy_from_slice(data);
        Ok(())
    }

    fn wait_interrupt(&mut self, deadline: Duration) -> Result<(), LinkError> {
        match self.fault() {
            Some(Fault::Hang) => Err(LinkError::Timeout { operation: "wait for interrupt", deadline }),
            _ => Ok(()),
        }
    }

    fn reset(&mut self) -> Result<(), LinkError> {
        let mut control = self.control.lock().unwrap();
        control.resets += 1;
        self.machine.memory_mut().fill(0);
        self.instructions.clear();
        self.status = 0;
        Ok(())
    }
}

fn architecture() -> Architecture {
    Architecture::new(8, 8, Precision::Int8).unwrap()
}

/// A convolution of 2 to 6 channels on 5x5 pixels, requantised; weights of both signs.
fn graph() -> Graph {
    let mut b = GraphBuilder::new();
    let x = b.input(&[1, 2, 5, 5], 8).unwrap();
    let weights = (0..6 * 2 * 9).map(|i| (i * 37 % 255 - 127) as i8).collect();
    let w = b.param("w", Tensor::from_i8(&[6, 2, 3, 3], weights).unwrap(), 8).unwrap();
    let y = b.conv2d("conv", x, w, None, Conv2d::square(6, 3).with_padding(1)).unwrap();
    let y = b.cvm_right_shift("requant", y, 8, 9).unwrap();
    b.finish(vec![y], Postprocess::None).unwrap()
}

fn program() -> Program {
    compile(&graph(), &architecture()).unwrap()
}

fn input() -> Vec<i32> {
    (0..50).map(|i| i * 29 % 255 - 127).collect()
}

fn golden(input: &[i32]) -> Vec<i32> {
    let (symbol, params) = export::cvm(&graph());
    let model = myelin_golden::Model::parse(&symbol, &params).unwrap();
    model.run_i32(input).unwrap().heads()[0].data.clone()
}

fn session() -> (Session<FakeCell>, Arc<Mutex<Control>>) {
    let (link, control) = FakeCell::new(architecture());
    (Session::load(link, program()).unwrap(), control)
}

/// Loads on a link that a test has changed; answers the error and whether anything was written.
fn refusal(change: impl FnOnce(&mut Control)) -> (DriverError, u32) {
    let (link, control) = FakeCell::new(architecture());
    change(&mut control.lock().unwrap());
    let error = Session::load(link, program()).err().expect("the device is refused");
    let writes = control.lock().unwrap().writes;
    (error, writes)
}

#[test]
fn answers_as_golden_does_input_after_input() {
    let (mut session, _) = session();
    for scale in [1, -1, 0] {
        let input: Vec<i32> = input().iter().map(|value| value * scale).collect();
        let inference = session.run(&input).unwrap();
        assert_eq!(inference.outputs.len(), 1);
        assert_eq!(inference.outputs[0].name, "requant");
        assert_eq!(inference.outputs[0].values, golden(&input));
    }
}

#[test]
fn values_beyond_the_precision_are_limited_as_on_the_chain() {
    let (mut session, _) = session();
    let wild: Vec<i32> = input().iter().map(|&value| value.saturating_mul(1 << 24)).collect();
    assert_eq!(session.run(&wild).unwrap().outputs[0].values, golden(&wild));
}

#[test]
fn a_boxed_link_serves_as_well() {
    let (link, _) = FakeCell::new(architecture());
    let link: Box<dyn Link> = Box::new(link);
    let mut session: Session = Session::load(link, program()).unwrap();
    assert_eq!(session.run(&input()).unwrap().outputs[0].values, golden(&input()));
    assert_eq!(session.selector(), "fake:0");
}

#[test]
fn the_report_has_counters_stamps_and_utilisation() {
    let (mut session, _) = session();
    let report = session.run(&input()).unwrap().report.unwrap();
    assert_eq!(report.cycles(), CYCLES);
    assert_eq!(report.counters.store_busy, register::COUNTERS + 4 * register::COUNTER_STORE_BUSY);
    assert_eq!(report.stamps, [10]);
    assert_eq!(report.layers.len(), 1);
    let macs = 6 * 2 * 9 * 25;
    assert_eq!((report.layers[0].name.as_str(), report.layers[0].macs), ("conv", macs));
    assert_eq!(report.layers[0].cycles, Some(10));
    let program = program();
    assert_eq!(report.predicted_cycles, program.prediction.cycles);
    assert_eq!(report.layers[0].predicted_cycles, program.layers[0].cycles);
    assert_eq!(report.utilisation(), macs as f64 / f64::from(CYCLES * 64));
}

#[test]
fn another_device_is_refused_before_anything_is_written() {
    let (error, writes) = refusal(|control| control.id = Some(0xdead_beef));
    assert!(matches!(error, DriverError::NotACell { found: 0xdead_beef, .. }), "{error}");
    assert_eq!(writes, 0);

    let (error, writes) = refusal(|control| control.shape = Some(0x0408_1010));
    assert!(matches!(error, DriverError::OtherShape { .. }));
    let message = error.to_string();
    assert!(message.contains("16x16 int8 with 16 lanes") && message.contains("8x8 int8 with 8 lanes"), "{message}");
    assert_eq!(writes, 0);

    let (error, _) = refusal(|control| control.shape = Some(u32::MAX));
    assert!(matches!(error, DriverError::BadShape { found: u32::MAX, .. }), "{error}");

    let (error, _) = refusal(|control| control.memories = Some(architecture().with_bias_words(64).unwrap()));
    let message = error.to_string();
    assert!(message.contains("64 bias words") && message.contains("256 bias words"), "{message}");

    let (error, writes) = refusal(|control| control.specification = Some(0x0123_4567_89ab_cdef));
    let message = error.to_string();
    let expected = format!("{:016x}", architecture().specification());
    assert!(message.contains("0123456789abcdef") && message.contains(&expected), "{message}");
    assert_eq!(writes, 0);

    let (error, _) = refusal(|control| control.memory_bytes = Some(16));
    assert!(matches!(error, DriverError::MemoryTooSmall { available: 16, .. }), "{error}");
}

#[test]
fn a_program_that_contradicts_itself_is_refused() {
    let spoilt: [fn(&mut Program); 5] = [
        |program| program.infer_entry = 1 << 20,
        |program| program.cells[0].instructions.clear(),
        |program| program.image.resize(1 << 19, 0),
        |program| program.inputs[0].region.beat = u32::MAX,
        |program| program.outputs[0].region.beats = 1 << 16,
    ];
    for spoil in spoilt {
        let (link, _) = FakeCell::new(architecture());
        let mut program = program();
        spoil(&mut program);
        let error = Session::load(link, program).err().unwrap();
        assert!(matches!(error, DriverError::BadProgram { .. }), "{error}");
        assert!(!error.is_transient());
    }
}

#[test]
fn an_input_of_the_wrong_length_is_refused_and_does_no_harm() {
    let (mut session, _) = session();
    let error = session.run(&[0; 49]).unwrap_err();
    assert!(matches!(error, DriverError::InputLength { found: 49, expected: 50, .. }), "{error}");
    assert!(error.is_input());
    assert_eq!(session.run(&input()).unwrap().outputs[0].values, golden(&input()));
}

#[test]
fn traps_are_explained() {
    for (code, cause) in [
        (register::TRAP_OPCODE, TrapCause::Opcode),
        (register::TRAP_OVERFLOW, TrapCause::Overflow),
        (register::TRAP_ADDRESS, TrapCause::Address),
        (register::TRAP_CYCLES, TrapCause::Cycles),
        (9, TrapCause::Unknown(9)),
    ] {
        let (mut session, control) = session();
        control.lock().unwrap().fault = Some(Fault::Trap(code));
        let error = session.run(&input()).unwrap_err();
        let DriverError::Trap { cause: found, program_counter: 7, .. } = error else { panic!("{error}") };
        assert_eq!(found, cause);
        assert!(!error.is_transient());
    }
}

#[test]
fn after_a_failure_the_session_refuses_until_it_has_recovered() {
    for (fault, transient) in [
        (Fault::Hang, true),
        (Fault::Trap(register::TRAP_OVERFLOW), false),
        (Fault::StillBusy, false),
        (Fault::Gone, false),
        (Fault::LosesStamp, false),
    ] {
        let (mut session, control) = session();
        control.lock().unwrap().fault = Some(fault);
        let error = session.run(&input()).unwrap_err();
        assert_eq!(error.is_transient(), transient, "{fault:?}: {error}");
        control.lock().unwrap().fault = None;
        assert!(matches!(session.run(&input()), Err(DriverError::Poisoned { .. })), "{fault:?}");
        session.recover().unwrap();
        assert_eq!(control.lock().unwrap().resets, 2, "one when it was loaded, one now");
        assert_eq!(session.run(&input()).unwrap().outputs[0].values, golden(&input()), "{fault:?}");
    }
}

#[test]
fn a_recovery_that_fails_leaves_the_session_poisoned() {
    let (mut session, control) = session();
    control.lock().unwrap().fault = Some(Fault::Gone);
    assert!(session.recover().is_err());
    control.lock().unwrap().fault = None;
    assert!(matches!(session.run(&input()), Err(DriverError::Poisoned { .. })));
}
