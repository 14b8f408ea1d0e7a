//! Row 4: from the design in memory to the first cycle.

use myelin_sim::Engine;

use super::contest::{ENGINES, Entry};
use crate::child::{Child, Measured};
use crate::clock;
use crate::designs::systolic;
use crate::error::BenchError;
use crate::measure::Effort;
use crate::report::{Cell, Section, Side, Target};
use crate::subject::name_of;
use crate::verilator::{Model, Style, Text, Verilator};

/// Seconds of processor time with Cranelift at 32x32.
const WANTED_SECONDS: f64 = 0.3;
/// The same as a part of Verilator's and the C++ compiler's.
const WANTED_PART: f64 = 1.0 / 20.0;
/// The size that the targets are about.
const TARGET_SIZE: usize = 32;

/// Builds the systolic array of each size with everything that can, from nothing.
///
/// # Errors
/// If a build fails.
pub fn run(
    sizes: &[usize],
    child: &Child,
    verilator: &Verilator,
    effort: Effort,
) -> Result<(Section, Vec<Target>), BenchError> {
    let head = ["design", "simulator", "CPU s", "on the clock, s", "x Cranelift's CPU s"];
    let mut section = Section::new("From the design in memory to the first cycle", &head);
    section.notes.push(
        "ours: the best of fresh processes; Verilator: emitting, translating, one run of the C++ compiler".to_owned(),
    );
    let mut targets = Vec::new();
    for &size in sizes {
        let mut found: Vec<(String, Measured)> = Vec::new();
        for engine in ENGINES {
            // Ahead of time takes seconds, and nothing is wanted of it.
            let times = if engine == Engine::Compiled { effort.rounds } else { 1 };
            let mut runs = Vec::new();
            for _ in 0..times {
                runs.push(child.start(size, engine)?);
            }
            let best = runs.into_iter().min_by_key(|run| run.cpu_nanoseconds).unwrap_or_default();
            found.push((name_of(engine).to_owned(), best));
        }
        found.extend(of_verilator(size, verilator)?);
        let seconds: Vec<f64> = found.iter().map(|(_, measured)| measured.cpu_nanoseconds as f64 / 1e9).collect();
        for (index, ((name, measured), &cpu)) in found.iter().zip(&seconds).enumerate() {
            let design = if index == 0 { format!("systolic {size}x{size}") } else { String::new() };
            let clock = measured.clock_nanoseconds as f64 / 1e9;
            section.lines.push(vec![
                design.into(),
                name.as_str().into(),
                Cell::Number(cpu, 3),
                Cell::Number(clock, 3),
                Cell::Number(cpu / seconds[0], 1),
            ]);
        }
        if size == TARGET_SIZE {
            let verilator = seconds[ENGINES.len()..].iter().copied().fold(f64::MAX, f64::min);
            let what = format!("systolic {size}x{size}, Cranelift to the first cycle");
            targets.push(Target::new(what.clone(), Side::Below, WANTED_SECONDS, seconds[0], "CPU s"));
            let what = format!("{what}, part of Verilator's quickest");
            targets.push(Target::new(what, Side::Below, WANTED_PART, seconds[0] / verilator, "x"));
        }
    }
    Ok((section, targets))
}

fn of_verilator(size: usize, verilator: &Verilator) -> Result<Vec<(String, Measured)>, BenchError> {
    let design = systolic::design(size, size)?;
    let begun = clock::of_process();
    let emitted = Text::emitted(&design);
    let emitting = clock::of_process().saturating_sub(begun);
    let in_place = systolic::by_hand_in_place(size, size);
    let entries = [
        (Entry { name: "emitted", text: &emitted, style: Style::HIERARCHICAL }, emitting),
        (Entry { name: "by hand, loops in place", text: &in_place, style: Style::HIERARCHICAL }, Default::default()),
    ];
    let drive = systolic::drive(size, size);
    let mut found = Vec::new();
    for (entry, emitting) in entries {
        eprintln!("building systolic {size}x{size}: Verilator, {}", entry.name);
        let folder = tempfile::tempdir().map_err(BenchError::file("make folder in", std::env::temp_dir()))?;
        let name = format!("Verilator, {}, {}", entry.name, entry.style.name);
        let model = Model { name, text: entry.text, style: entry.style, drive: &drive, inputs: Vec::new() };
        let begun = std::time::Instant::now();
        let cpu = model.build(verilator, folder.path())? + emitting;
        let clock = begun.elapsed() + emitting;
        let measured = Measured {
            cpu_nanoseconds: cpu.as_nanos() as u64,
            clock_nanoseconds: clock.as_nanos() as u64,
            ..Measured::default()
        };
        found.push((model.name, measured));
    }
    Ok(found)
}
