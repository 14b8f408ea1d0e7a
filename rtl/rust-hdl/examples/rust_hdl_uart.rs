//! A UART written in rust-hdl, from source to waves and Verilog, and how much faster it runs.
//!
//! `cargo run --release -p myelin-rust-hdl --example rust_hdl_uart [folder]`
//!
//! The design sends bytes through a FIFO, a transmitter, the line, a receiver and another FIFO. It
//! is lowered once; its Verilog and the waves of one message go to the folder (by default
//! `target/rust_hdl_uart`); then rust-hdl's simulator and ours run the same stimulus, every output
//! of every cycle is compared, and the speeds are printed.

// A design's signals are documented by its drawing and names; the test includes this file as a module.
#![allow(missing_docs)]

use std::error::Error;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use myelin_hdl::{Design, rust_hdl, verilog};
use myelin_rust_hdl::{Bench, Word, bench};
use myelin_sim::{Input, Output, Simulator};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
enum Phase {
    Idle,
    Start,
    Data,
    Stop,
}

/// Sends a byte when `start` is high and `busy` is not: start bit, eight bits lowest first, stop bit.
#[derive(LogicBlock)]
pub struct UartTransmitter {
    pub clock: Signal<In, Clock>,
    pub data: Signal<In, Bits<8>>,
    pub start: Signal<In, Bit>,
    pub busy: Signal<Out, Bit>,
    pub line: Signal<Out, Bit>,
    phase: DFF<Phase>,
    shift: DFF<Bits<8>>,
    index: DFF<Bits<3>>,
    ticks: DFF<Bits<8>>,
    bit_done: Signal<Local, Bit>,
    last_tick: Constant<Bits<8>>,
}

impl UartTransmitter {
    pub fn new(clocks_per_bit: u64) -> Self {
        Self {
            clock: Default::default(),
            data: Default::default(),
            start: Default::default(),
            busy: Default::default(),
            line: Default::default(),
            phase: Default::default(),
            shift: Default::default(),
            index: Default::default(),
            ticks: Default::default(),
            bit_done: Default::default(),
            last_tick: Constant::new((clocks_per_bit - 1).into()),
        }
    }
}

impl Logic for UartTransmitter {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, phase, shift, index, ticks);
        self.bit_done.next = self.ticks.q.val() == self.last_tick.val();
        self.ticks.d.next = self.ticks.q.val() + 1;
        if self.bit_done.val() {
            self.ticks.d.next = 0.into();
        }
        self.busy.next = true;
        self.line.next = true;
        match self.phase.q.val() {
            Phase::Idle => {
                self.busy.next = false;
                self.ticks.d.next = 0.into();
                if self.start.val() {
                    self.shift.d.next = self.data.val();
                    self.index.d.next = 0.into();
                    self.phase.d.next = Phase::Start;
                }
            }
            Phase::Start => {
                self.line.next = false;
                if self.bit_done.val() {
                    self.phase.d.next = Phase::Data;
                }
            }
            Phase::Data => {
                self.line.next = self.shift.q.val().get_bit(0);
                if self.bit_done.val() {
                    self.shift.d.next = self.shift.q.val() >> 1;
                    self.index.d.next = self.index.q.val() + 1;
                    if self.index.q.val() == 7 {
                        self.phase.d.next = Phase::Stop;
                    }
                }
            }
            Phase::Stop => {
                if self.bit_done.val() {
                    self.phase.d.next = Phase::Idle;
                }
            }
        }
    }
}

/// Samples the middle of each bit; `valid` is high for one cycle with each byte.
#[derive(LogicBlock)]
pub struct UartReceiver {
    pub clock: Signal<In, Clock>,
    pub line: Signal<In, Bit>,
    pub data: Signal<Out, Bits<8>>,
    pub valid: Signal<Out, Bit>,
    synchronizer: BitSynchronizer,
    phase: DFF<Phase>,
    shift: DFF<Bits<8>>,
    index: DFF<Bits<3>>,
    ticks: DFF<Bits<8>>,
    level: Signal<Local, Bit>,
    last_tick: Constant<Bits<8>>,
    middle: Constant<Bits<8>>,
}

impl UartReceiver {
    pub fn new(clocks_per_bit: u64) -> Self {
        Self {
            clock: Default::default(),
            line: Default::default(),
            data: Default::default(),
            valid: Default::default(),
            synchronizer: Default::default(),
            phase: Default::default(),
            shift: Default::default(),
            index: Default::default(),
            ticks: Default::default(),
            level: Default::default(),
            last_tick: Constant::new((clocks_per_bit - 1).into()),
            middle: Constant::new((clocks_per_bit / 2).into()),
        }
    }
}

impl Logic for UartReceiver {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, phase, shift, index, ticks);
        clock!(self, clock, synchronizer);
        // Inverted on the way, because flip-flops start from zero and an idle line is one.
        self.synchronizer.sig_in.next = !self.line.val();
        self.level.next = !self.synchronizer.sig_out.val();
        self.data.next = self.shift.q.val();
        self.valid.next = false;
        self.ticks.d.next = self.ticks.q.val() + 1;
        match self.phase.q.val() {
            Phase::Idle => {
                self.ticks.d.next = 0.into();
                if !self.level.val() {
                    self.phase.d.next = Phase::Start;
                }
            }
            Phase::Start => {
                if self.ticks.q.val() == self.middle.val() {
                    self.ticks.d.next = 0.into();
                    self.index.d.next = 0.into();
                    self.phase.d.next = Phase::Data;
                    if self.level.val() {
                        self.phase.d.next = Phase::Idle;
                    }
                }
            }
            Phase::Data => {
                if self.ticks.q.val() == self.last_tick.val() {
                    self.ticks.d.next = 0.into();
                    self.shift.d.next = (self.shift.q.val() >> 1) | (bit_cast::<8, 1>(self.level.val().into()) << 7);
                    self.index.d.next = self.index.q.val() + 1;
                    if self.index.q.val() == 7 {
                        self.phase.d.next = Phase::Stop;
                    }
                }
            }
            Phase::Stop => {
                if self.ticks.q.val() == self.last_tick.val() {
                    self.valid.next = self.level.val();
                    self.phase.d.next = Phase::Idle;
                }
            }
        }
    }
}

/// Both ends on one line, with a FIFO each.
#[derive(LogicBlock)]
pub struct UartLoop {
    pub clock: Signal<In, Clock>,
    pub write: Signal<In, Bit>,
    pub data_in: Signal<In, Bits<8>>,
    pub full: Signal<Out, Bit>,
    pub line: Signal<Out, Bit>,
    pub read: Signal<In, Bit>,
    pub data_out: Signal<Out, Bits<8>>,
    pub empty: Signal<Out, Bit>,
    outgoing: SynchronousFIFO<Bits<8>, 4, 5, 1>,
    transmitter: UartTransmitter,
    receiver: UartReceiver,
    incoming: SynchronousFIFO<Bits<8>, 4, 5, 1>,
    sends: Signal<Local, Bit>,
}

impl UartLoop {
    pub fn new(clocks_per_bit: u64) -> Self {
        Self {
            clock: Default::default(),
            write: Default::default(),
            data_in: Default::default(),
            full: Default::default(),
            line: Default::default(),
            read: Default::default(),
            data_out: Default::default(),
            empty: Default::default(),
            outgoing: Default::default(),
            transmitter: UartTransmitter::new(clocks_per_bit),
            receiver: UartReceiver::new(clocks_per_bit),
            incoming: Default::default(),
            sends: Default::default(),
        }
    }
}

impl Logic for UartLoop {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, outgoing, transmitter, receiver, incoming);
        self.outgoing.write.next = self.write.val();
        self.outgoing.data_in.next = self.data_in.val();
        self.full.next = self.outgoing.full.val();
        self.sends.next = !self.outgoing.empty.val() & !self.transmitter.busy.val();
        self.outgoing.read.next = self.sends.val();
        self.transmitter.start.next = self.sends.val();
        self.transmitter.data.next = self.outgoing.data_out.val();
        self.line.next = self.transmitter.line.val();
        self.receiver.line.next = self.transmitter.line.val();
        self.incoming.write.next = self.receiver.valid.val();
        self.incoming.data_in.next = self.receiver.data.val();
        self.incoming.read.next = self.read.val();
        self.data_out.next = self.incoming.data_out.val();
        self.empty.next = self.incoming.empty.val();
    }
}

const CLOCKS_PER_BIT: u64 = 12;
const MESSAGE: &str = "Myelin carries rust-hdl";

/// The design under rust-hdl's simulator.
pub fn uart() -> Bench<UartLoop> {
    bench!(
        UartLoop,
        UartLoop::new(CLOCKS_PER_BIT),
        clocks(clock),
        inputs(write, data_in, read),
        outputs(full, line, data_out, empty)
    )
}

/// The design under our simulator.
struct Ours {
    sim: Simulator,
    inputs: Vec<Input>,
    outputs: Vec<Output>,
}

impl Ours {
    fn new(design: &Design) -> Result<Ours, Box<dyn Error>> {
        let sim = Simulator::new(design)?;
        let inputs = vec![sim.input("write")?, sim.input("data_in")?, sim.input("read")?];
        let outputs = vec![sim.output("full")?, sim.output("line")?, sim.output("data_out")?, sim.output("empty")?];
        Ok(Ours { sim, inputs, outputs })
    }

    /// One cycle: what the outputs show before its edge.
    fn cycle(&mut self, words: &[u64; 3]) -> Result<[u64; 4], Box<dyn Error>> {
        self.inputs.iter().zip(words).for_each(|(&input, &word)| self.sim.poke(input, word));
        let mut found = [0; 4];
        self.outputs.iter().zip(&mut found).for_each(|(&output, found)| *found = self.sim.peek(output));
        self.sim.step()?;
        Ok(found)
    }
}

/// Inputs of cycle `cycle`: a byte every hundred cycles, and the receiving FIFO always read.
fn stimulus(cycle: usize) -> [u64; 3] {
    let byte = MESSAGE.as_bytes()[cycle / 100 % MESSAGE.len()];
    [u64::from(cycle % 100 == 3), u64::from(byte), 1]
}

/// The outputs of `cycles` under rust-hdl's `Simulation`, as its users run it: a clock and a
/// testbench, each a thread.
fn threaded(cycles: usize) -> Result<Vec<[u64; 4]>, Box<dyn Error>> {
    let observed = Arc::new(Mutex::new(Vec::with_capacity(cycles)));
    let observe = observed.clone();
    let mut simulation = Simulation::new();
    simulation.add_clock(5, |uart: &mut Box<UartLoop>| uart.clock.next = !uart.clock.val());
    simulation.add_testbench(move |mut sim: Sim<UartLoop>| {
        let mut uart = sim.init()?;
        for cycle in 0..cycles {
            uart = sim.watch(|uart| !uart.clock.val().clk, uart)?;
            let [write, data_in, read] = stimulus(cycle);
            uart.write.next = write == 1;
            uart.data_in.next = data_in.into();
            uart.read.next = read == 1;
            uart = sim.wait(1, uart)?;
            let outputs = [uart.full.val().to_word(), uart.line.val().to_word(), uart.data_out.val().to_word()];
            let [full, line, data_out] = outputs;
            let empty = uart.empty.val().to_word();
            observe.lock().expect("no thread panics while it observes").push([full, line, data_out, empty]);
            uart = sim.watch(|uart| uart.clock.val().clk, uart)?;
        }
        sim.done(uart)
    });
    let uart = Box::new(UartLoop::new(CLOCKS_PER_BIT));
    simulation.run(uart, u64::MAX).map_err(|error| format!("rust-hdl's simulation: {error:?}"))?;
    let observed = observed.lock().expect("no thread panics while it observes");
    Ok(observed.clone())
}

/// What the run showed.
pub struct Report {
    /// The message as it came out at the other end.
    pub received: String,
    /// Cycles compared, all outputs equal.
    pub cycles: usize,
    /// Speed of rust-hdl's `Simulation`.
    pub threaded_cycles_per_second: f64,
    /// Speed of the kernel of rust-hdl's simulator without its threads.
    pub rust_hdl_cycles_per_second: f64,
    /// Speed of ours on the same stimulus.
    pub our_cycles_per_second: f64,
    /// From the rust-hdl block to a simulator ready for its first cycle.
    pub build: Duration,
    /// Files written.
    pub files: Vec<PathBuf>,
}

/// Runs everything; `cycles` of rust-hdl's simulator set the length of the comparison.
pub fn run(folder: &Path, cycles: usize) -> Result<Report, Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let mut bench = uart();

    let start = Instant::now();
    let design = Design::new(rust_hdl::lower(bench.block())?)?;
    let mut ours = Ours::new(&design)?;
    let build = start.elapsed();

    let emitted = verilog::emit(&design);
    verilog::write_files(folder, &emitted)?;
    let mut files: Vec<PathBuf> = emitted.iter().map(|file| folder.join(&file.name)).collect();
    files.push(folder.join("uart_loop.vcd"));
    let received = waves(&design, &folder.join("uart_loop.vcd"))?;

    let mut expected = Vec::with_capacity(cycles);
    let start = Instant::now();
    for cycle in 0..cycles {
        bench.apply(&stimulus(cycle))?;
        expected.push(bench.observe());
        bench.step()?;
    }
    let rust_hdl_seconds = start.elapsed().as_secs_f64();

    let some_cycles = cycles.div_ceil(4);
    let start = Instant::now();
    let observed = threaded(some_cycles)?;
    let threaded_seconds = start.elapsed().as_secs_f64();
    if observed.len() != some_cycles || observed.iter().zip(&expected).any(|(found, wanted)| found[..] != wanted[..]) {
        return Err("rust-hdl's simulation and its kernel show different outputs".into());
    }

    for (cycle, expected) in expected.iter().enumerate() {
        let found = ours.cycle(&stimulus(cycle))?;
        if found[..] != expected[..] {
            return Err(format!("cycle {cycle}: rust-hdl shows {expected:x?}, our simulator {found:x?}").into());
        }
    }
    // The same again, often enough to be timed, without the comparison.
    let rounds = 50;
    let mut again = Ours::new(&design)?;
    let start = Instant::now();
    for cycle in 0..rounds * cycles {
        black_box(again.cycle(&stimulus(cycle % cycles))?);
    }
    let our_seconds = start.elapsed().as_secs_f64();
    Ok(Report {
        received,
        cycles,
        threaded_cycles_per_second: some_cycles as f64 / threaded_seconds,
        rust_hdl_cycles_per_second: cycles as f64 / rust_hdl_seconds,
        our_cycles_per_second: (rounds * cycles) as f64 / our_seconds,
        build,
        files,
    })
}

/// Records the waves of one message and returns it as it arrived.
fn waves(design: &Design, path: &Path) -> Result<String, Box<dyn Error>> {
    let mut ours = Ours::new(design)?;
    ours.sim.trace_vcd(BufWriter::new(File::create(path)?), &[])?;
    let mut received = Vec::new();
    // A byte takes ten bits on the line, and more than the cycles between two writes.
    let cycles = (MESSAGE.len() + 1) * 11 * CLOCKS_PER_BIT as usize;
    for cycle in 0..cycles {
        let mut words = stimulus(cycle);
        words[0] &= u64::from(cycle < 100 * MESSAGE.len());
        let [_, _, data, empty] = ours.cycle(&words)?;
        if empty == 0 {
            received.push(data as u8);
        }
    }
    ours.sim.stop_trace()?;
    Ok(String::from_utf8_lossy(&received).into_owned())
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("target/rust_hdl_uart"), PathBuf::from);
    let report = run(&folder, 20_000)?;
    let mut out = io::stdout().lock();
    writeln!(out, "received              {:?}", report.received)?;
    writeln!(out, "written               {}", folder.display())?;
    report.files.iter().try_for_each(|file| writeln!(out, "                      {}", file.display()))?;
    writeln!(out, "built in              {:.1} ms (lower, check, compile)", report.build.as_secs_f64() * 1e3)?;
    writeln!(out, "equal in every output {} cycles", report.cycles)?;
    let ours = report.our_cycles_per_second;
    writeln!(out, "our simulator         {ours:.0} cycles/s")?;
    let others = [
        ("rust-hdl's Simulation", report.threaded_cycles_per_second),
        ("the same, no threads", report.rust_hdl_cycles_per_second),
    ];
    for (name, speed) in others {
        writeln!(out, "{name:<21} {speed:.0} cycles/s; ours is {:.1} times as fast", ours / speed)?;
    }
    Ok(())
}
