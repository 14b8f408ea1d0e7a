//! Row 6: what waves cost, and that no waves cost nothing.

use myelin_hdl::Design;
use myelin_sim::{Engine, Simulator, WaveFormat, Waves};

use crate::clock;
use crate::designs::systolic;
use crate::error::BenchError;
use crate::measure::Effort;
use crate::report::{Cell, Section, Side, Target};

/// A traced run over an untraced one.
const WANTED: f64 = 20.0;
/// Files written one after another, each in the memory of the one before; the best counts. Where a
/// hypervisor takes back what is free, as here, the first touch of a page takes 20 times the write.
const FILES: u32 = 8;
/// Cycles in a file for each that [`Effort`] wants compared: 50,000 in a full run.
const CYCLES_PER_COMPARED: u64 = 100;
/// A run after a trace over one without: equal but for the noise of the measurement.
const WANTED_IDLE: f64 = 1.05;

/// How a run is observed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Observed {
    Never,
    NoLonger,
    Registers,
    Everything,
}

impl Observed {
    fn writes(self) -> bool {
        matches!(self, Observed::Registers | Observed::Everything)
    }
}

/// Simulates the systolic array of `size` x `size` with and without an FST of all its registers, and
/// of everything in it.
///
/// # Errors
/// If the simulator or the wave writer fails.
pub fn run(size: usize, effort: Effort) -> Result<(Section, Vec<Target>), BenchError> {
    let title = format!("Waves of systolic {size}x{size}: FST");
    let mut section = Section::new(title, &["run", "cycles/CPU s", "ns a cycle", "x untraced", "bytes a cycle"]);
    section.notes.push("processor time of the whole process, all threads, until the file is complete".to_owned());
    let design = systolic::design(size, size)?;
    let kinds = [Observed::Never, Observed::NoLonger, Observed::Registers, Observed::Everything];
    let mut best = [(f64::MAX, 0.0); 4];
    for _ in 0..effort.rounds.max(3) {
        for (kind, best) in kinds.into_iter().zip(&mut best) {
            let found = one(&design, kind, effort)?;
            if found.0 < best.0 {
                *best = found;
            }
        }
    }
    let names =
        ["without a trace", "after a trace has ended", "every register", "every port, register and named value"];
    for (name, (nanoseconds, bytes)) in names.into_iter().zip(best) {
        let bytes = if bytes > 0.0 { Cell::Number(bytes, 1) } else { Cell::Empty };
        section.lines.push(vec![
            name.into(),
            Cell::Count(1e9 / nanoseconds),
            Cell::Number(nanoseconds, 1),
            Cell::Number(nanoseconds / best[0].0, 2),
            bytes,
        ]);
    }
    let what = |of: &str| format!("systolic {size}x{size}, {of} over untraced");
    let targets = vec![
        Target::new(what("FST of every register"), Side::Below, WANTED, best[2].0 / best[0].0, "x"),
        Target::new(what("tracing nothing"), Side::Below, WANTED_IDLE, best[1].0 / best[0].0, "x"),
    ];
    Ok((section, targets))
}

/// Nanoseconds of processor time and bytes of waves a cycle.
fn one(design: &Design, observed: Observed, effort: Effort) -> Result<(f64, f64), BenchError> {
    let mut sim = Simulator::builder(design).engine(Engine::Compiled).build()?;
    sim.reset(200)?;
    sim.steps(1000)?;
    let folder = tempfile::tempdir().map_err(BenchError::file("make folder in", std::env::temp_dir()))?;
    let path = folder.path().join("waves.fst");
    let open = || Waves::create(&path, WaveFormat::Fst).map_err(BenchError::file("write", &path));
    if observed == Observed::NoLonger {
        sim.trace(open()?)?;
        sim.steps(10)?;
        sim.stop_trace()?;
    }
    if !observed.writes() {
        let (mut cycles, mut batch) = (0, 500);
        let begun = clock::of_process();
        while clock::of_process().saturating_sub(begun) < effort.turn {
            sim.steps(batch)?;
            cycles += batch;
            batch = (batch * 2).min(100_000);
        }
        let took = clock::of_process().saturating_sub(begun);
        return Ok((took.as_secs_f64() * 1e9 / cycles as f64, 0.0));
    }
    // All files of one size: a larger one would be in new memory again.
    let cycles = CYCLES_PER_COMPARED * effort.compared_cycles;
    let mut best = (f64::MAX, 0.0);
    for _ in 0..FILES {
        let begun = clock::of_process();
        let waves = open()?;
        sim.trace(if observed == Observed::Registers { waves.registers_only() } else { waves })?;
        sim.steps(cycles)?;
        sim.stop_trace()?;
        let took = clock::of_process().saturating_sub(begun);
        let written = std::fs::metadata(&path).map_err(BenchError::file("measure", &path))?.len();
        std::fs::remove_file(&path).map_err(BenchError::file("remove", &path))?;
        let found = (took.as_secs_f64() * 1e9 / cycles as f64, written as f64 / cycles as f64);
        if found.0 < best.0 {
            best = found;
        }
    }
    Ok(best)
}
