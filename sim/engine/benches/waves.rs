//! What waves cost: processor time per cycle of a traced run over that of an untraced one.
//!
//! `cargo bench -p myelin-sim --bench waves` prints a table. Times are processor time of user and
//! system, the best of several turns that alternate with the untraced run; they hold the beginning
//! and the end of the trace and writing it to a file in the folder for temporary files. Every file
//! is read back with an independent reader and compared with what the simulator holds.
//!
//! In the array all activations, products and sums change in every cycle to random values. It is
//! driven from inside (the untraced run is as fast as can be), or by an input poked for each row.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use myelin_hdl::Design;
use myelin_sim::random::SplitMix64;
use myelin_sim::{Engine, Input, Simulator, WaveFormat, Waves};

use self::shared::{array, driven_array, processor_time};

#[allow(dead_code, reason = "each benchmark uses its part")]
mod shared;

const SIZE: usize = 16;
const TURNS: usize = 7;
/// Registers that are compared, in instances from one corner to the other.
const REGISTERS: [&str; 7] = ["activation_q", "load_q", "swap_q", "shadow_q", "weight_q", "product_q", "partial_sum_q"];

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Request {
    Nothing,
    /// A trace that was begun and ended before.
    Ended,
    /// A window that is far ahead.
    Ahead,
    Registers(WaveFormat),
    Everything(WaveFormat),
    /// 1000 cycles in the middle.
    Window,
}

impl Request {
    fn name(self) -> &'static str {
        match self {
            Request::Nothing => "never asked",
            Request::Ended => "trace ended before",
            Request::Ahead => "window not reached",
            Request::Registers(WaveFormat::Fst) => "FST, every register",
            Request::Registers(WaveFormat::Vcd) => "VCD, every register",
            Request::Everything(WaveFormat::Fst) => "FST, every value",
            Request::Everything(WaveFormat::Vcd) => "VCD, every value",
            Request::Window => "FST, every register, 1000 cycles",
        }
    }

    /// Cycles of a turn.
    fn cycles(self) -> u64 {
        match self {
            Request::Nothing | Request::Ended | Request::Ahead | Request::Window => 1_000_000,
            Request::Registers(WaveFormat::Fst) | Request::Everything(WaveFormat::Fst) => 50_000,
            Request::Registers(WaveFormat::Vcd) | Request::Everything(WaveFormat::Vcd) => 5_000,
        }
    }

    fn begin(self, sim: &mut Simulator, path: &Path) {
        let waves = |format| Waves::create(path, format).unwrap();
        let fst = || waves(WaveFormat::Fst).registers_only();
        let middle = sim.cycle() + self.cycles() / 2;
        match self {
            Request::Nothing => {}
            Request::Ended => {
                sim.trace(fst()).unwrap();
                sim.stop_trace().unwrap();
            }
            Request::Ahead => sim.trace(fst().window(u64::MAX - 1..u64::MAX)).unwrap(),
            Request::Registers(format) => sim.trace(waves(format).registers_only()).unwrap(),
            Request::Everything(format) => sim.trace(waves(format)).unwrap(),
            Request::Window => sim.trace(fst().window(middle..middle + 1000)).unwrap(),
        }
    }

    /// Cycles of the file that are compared with a second run, counted from the beginning of the turn.
    fn shown(self) -> Option<u64> {
        match self {
            Request::Nothing | Request::Ended | Request::Ahead => None,
            Request::Window => Some(self.cycles() / 2),
            Request::Registers(_) | Request::Everything(_) => Some(self.cycles() - 1000),
        }
    }
}

/// Who drives the borders.
enum Driver {
    Inside,
    Pokes { inputs: Vec<Input>, random: SplitMix64 },
}

impl Driver {
    fn new(sim: &Simulator) -> Driver {
        let inputs: Vec<Input> = (0..SIZE).filter_map(|row| sim.input(&format!("activation_{row}_i")).ok()).collect();
        if inputs.is_empty() { Driver::Inside } else { Driver::Pokes { inputs, random: SplitMix64::new(1) } }
    }

    fn steps(&mut self, sim: &mut Simulator, cycles: u64) {
        match self {
            Driver::Inside => sim.steps(cycles).unwrap(),
            Driver::Pokes { inputs, random } => {
                for _ in 0..cycles {
                    for inputs in inputs.chunks(8) {
                        let bits = random.bits().to_le_bytes();
                        inputs.iter().zip(bits).for_each(|(&input, bits)| sim.poke(input, u64::from(bits)));
                    }
                    sim.step().unwrap();
                }
            }
        }
    }
}

/// A simulator whose pipelines are filled, weights loaded.
fn warm(design: &Design) -> (Simulator, Driver) {
    let mut sim = Simulator::builder(design).engine(Engine::Compiled).build().unwrap();
    let mut driver = Driver::new(&sim);
    sim.reset(1).unwrap();
    for level in [1, 0] {
        for port in ["load", "swap"].iter().flat_map(|name| (0..SIZE).map(move |row| format!("{name}_{row}_i"))) {
            if let Ok(input) = sim.input(&port) {
                sim.poke(input, level);
            }
        }
        for column in 0..SIZE {
            if let Ok(input) = sim.input(&format!("weight_{column}_i")) {
                sim.poke(input, 17 + 11 * column as u64);
            }
        }
        driver.steps(&mut sim, 100);
    }
    driver.steps(&mut sim, 1000);
    (sim, driver)
}

/// Processor time of a turn.
fn turn(design: &Design, request: Request, path: &Path) -> Duration {
    let (mut sim, mut driver) = warm(design);
    if path.exists() {
        // Not to measure how long it takes to forget the last turn's file.
        std::fs::remove_file(path).unwrap();
    }
    let start = processor_time();
    request.begin(&mut sim, path);
    driver.steps(&mut sim, request.cycles());
    sim.stop_trace().unwrap();
    processor_time().checked_sub(start).unwrap()
}

/// Compares 500 cycles of a file with what the registers hold in a second run.
fn compare(design: &Design, request: Request, path: &Path) {
    let Some(skipped) = request.shown() else { return };
    let mut waves = wellen::simple::read(path).unwrap();
    let (mut sim, mut driver) = warm(design);
    driver.steps(&mut sim, skipped);
    let first = sim.cycle();
    let names = (0..SIZE).step_by(5).flat_map(|place| REGISTERS.map(|name| (place, name)));
    let mut shown: Vec<(String, BTreeMap<u64, String>)> = Vec::new();
    for (place, name) in names {
        let instance = format!("pe_{place}_{place}");
        let var = waves.hierarchy().lookup_var(&["array", "pe", &format!("pe_{place}"), &instance], name).unwrap();
        let signal = waves.hierarchy()[var].signal_ref();
        waves.load_signals(&[signal]);
        let times = waves.time_table();
        let changes = waves.get_signal(signal).unwrap().iter_changes();
        let changes = changes.map(|(index, value)| (times[index as usize], value.to_bit_string().unwrap())).collect();
        shown.push((format!("array.{instance}.{name}"), changes));
    }
    let registers: Vec<_> = shown.iter().map(|(path, _)| sim.register(path).unwrap()).collect();
    for cycle in first..first + 500 {
        for ((path, changes), &register) in shown.iter().zip(&registers) {
            let (_, bits) = changes.range(..=10 * cycle).next_back().unwrap();
            let held = u64::from_str_radix(bits, 2).unwrap();
            assert_eq!(held, sim.peek_register(register), "{path} in cycle {cycle}, {}", request.name());
        }
        driver.steps(&mut sim, 1);
    }
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let (fst, vcd) = (WaveFormat::Fst, WaveFormat::Vcd);
    let mut requests = vec![Request::Nothing, Request::Ended, Request::Ahead, Request::Window];
    requests.extend([Request::Registers(fst), Request::Everything(fst)]);
    requests.extend([Request::Registers(vcd), Request::Everything(vcd)]);
    // One request alone, for a profiler.
    if let Ok(chosen) = std::env::var("MYELIN_WAVES") {
        requests.retain(|request| request.name() == chosen || *request == Request::Nothing);
    }
    let inside_only = std::env::var("MYELIN_WAVES_INSIDE").is_ok();
    println!("{SIZE}x{SIZE}, {:<33} {:>10} {:>8} {:>12}", "driven", "ns/cycle", "ratio", "bytes/cycle");
    for (driven, design) in [("from inside", driven_array(SIZE, SIZE)), ("by pokes", array(SIZE, SIZE))] {
        if inside_only && driven != "from inside" {
            continue;
        }
        let mut best = vec![f64::INFINITY; requests.len()];
        let mut bytes = vec![0; requests.len()];
        for turn_index in 0..TURNS {
            for (index, &request) in requests.iter().enumerate() {
                let path = folder.path().join("waves");
                let time = turn(&design, request, &path);
                best[index] = best[index].min(time.as_nanos() as f64 / request.cycles() as f64);
                if turn_index == 0 && request.shown().is_some() {
                    bytes[index] = std::fs::metadata(&path).unwrap().len() / request.cycles();
                    compare(&design, request, &path);
                }
            }
        }
        for (index, request) in requests.iter().enumerate() {
            let label = format!("{driven}: {}", request.name());
            println!("{label:<40} {:>10.1} {:>8.2} {:>12}", best[index], best[index] / best[0], bytes[index]);
        }
    }
}
