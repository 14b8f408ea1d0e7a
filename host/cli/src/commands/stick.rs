//! `myelin stick`: a stick that is not there, behind a pseudo terminal.

use std::io::Write;
use std::time::{Duration, Instant};

use myelin_bitstream::Board;
use myelin_board::{FastStick, RtlStick, StickModel, StickOptions as RtlOptions, VirtualStick};
use myelin_compile::compile;
use myelin_driver::{Deadlines, Device, Link, Port, Session, StickLink, StickOptions};
use myelin_isa::Architecture;
use myelin_isa::stick::flash_layout;
use myelin_rtl::board::boards::{stick_ecp5, stick_up5k};
use serde::Serialize;

use super::JSON_SCHEMA_VERSION;
use crate::arguments::StickArguments;
use crate::context::Context;
use crate::device::GoldenDevice;
use crate::digits::{Digits, PIXELS};
use crate::failure::{Failure, Verdict};

/// A simulated board takes its time.
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    selector: String,
    cell: String,
    memory_bytes: Option<u32>,
    faults: String,
}

#[derive(Serialize)]
struct DigitsReport {
    schema_version: u32,
    cell: String,
    /// Seconds since power-up: the first session, the network loaded, each answer.
    session_s: f64,
    loaded_s: f64,
    answers_s: Vec<f64>,
    right: usize,
}

/// Is a stick until its time is up, or until the digits are recognised.
pub fn run(arguments: &StickArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let Modelled { model, architecture, memory_bytes } = modelled(arguments)?;
    let start = Instant::now();
    let failed = |source| Failure::WriteFile { path: arguments.path.clone(), source };
    let stick = VirtualStick::start(model, &arguments.path, arguments.faults).map_err(failed)?;
    let verdict = match arguments.digits {
        Some(count) => recognise(arguments, usize::from(count), start, context)?,
        None => {
            tell(arguments, &architecture, memory_bytes, context)?;
            let is_over = || arguments.duration.is_some_and(|duration| start.elapsed() >= duration);
            while stick.is_alive() && !is_over() {
                std::thread::sleep(Duration::from_millis(20));
            }
            Verdict::Yes
        }
    };
    let (faults, unplugs) = (stick.faults(), stick.unplugs());
    stick.stop().map_err(failed)?;
    context.progress().step(&format!("{faults} faults, {unplugs} times unplugged"));
    Ok(verdict)
}

/// What is put behind the terminal.
struct Modelled {
    model: Box<dyn StickModel>,
    /// The cell that it stands for.
    architecture: Architecture,
    /// Where that is chosen here.
    memory_bytes: Option<u32>,
}

fn modelled(arguments: &StickArguments) -> Result<Modelled, Failure> {
    let Some(board) = arguments.rtl.map(Board::from) else {
        let architecture = arguments.target.architecture;
        if architecture.cells() != 1 {
            return Err(Failure::SeveralCells { target: arguments.target.to_string(), cells: architecture.cells() });
        }
        let memory_bytes = arguments.memory << 10;
        let model = Box::new(FastStick::new(architecture, memory_bytes));
        return Ok(Modelled { model, architecture, memory_bytes: Some(memory_bytes) });
    };
    let architecture = board.target().architecture;
    let config = match board {
        Board::StickUp5k => stick_up5k(architecture, board.firmware()),
        Board::StickEcp5 => stick_ecp5(architecture, board.firmware()),
    };
    let failed = |source| Failure::Simulation { selector: board.name().to_owned(), source: Box::new(source) };
    let mut stick = RtlStick::new(&config, RtlOptions::default()).map_err(failed)?;
    if let Some(slot) = board.slot() {
        stick.flash().contents_mut()[flash_layout::SLOT_A as usize..][..slot.len()].copy_from_slice(&slot);
    }
    Ok(Modelled { model: Box::new(stick), architecture, memory_bytes: None })
}

fn tell(
    arguments: &StickArguments,
    architecture: &Architecture,
    memory_bytes: Option<u32>,
    context: &mut Context,
) -> Result<(), Failure> {
    let selector = format!("tty:{}", arguments.path.display());
    if arguments.json {
        let (cell, faults) = (architecture.to_string(), arguments.faults.to_string());
        context.write_json(&Report { schema_version: JSON_SCHEMA_VERSION, selector, cell, memory_bytes, faults })?;
    } else {
        let memory = memory_bytes.map_or_else(String::new, |bytes| format!(", {} KiB of memory", bytes >> 10));
        writeln!(context, "{:<10} {selector}", "selector")?;
        writeln!(context, "{:<10} {architecture}{memory}", "cell")?;
        writeln!(context, "{:<10} {}", "faults", arguments.faults)?;
    }
    context.flush()?;
    Ok(())
}

/// Recognises digits over the line; the answer is no if one is not the law's.
fn recognise(
    arguments: &StickArguments,
    count: usize,
    start: Instant,
    context: &mut Context,
) -> Result<Verdict, Failure> {
    let options = StickOptions {
        retransmit: Duration::from_secs(2),
        deadline: PATIENCE,
        flash_deadline: PATIENCE,
        keep_images: false,
    };
    let since = |start: Instant| start.elapsed().as_secs_f64();
    let link = StickLink::open(&Port::Path(arguments.path.clone()), options)?;
    let session_s = since(start);
    let architecture = link.board().architecture;
    let digits = Digits::of(architecture.precision());
    let model = digits.model()?;
    let mut law = GoldenDevice::new(&model)?;
    let deadlines = Deadlines { transfer: PATIENCE, run: PATIENCE };
    let failed = |source| Failure::Compile {
        model: format!("digits_{}", architecture.precision()),
        selector: link.info().selector,
        source: Box::new(source),
    };
    let program = compile(&model.graph, &architecture).map_err(failed)?;
    let mut session = Session::attach(link, program, deadlines);
    session.recover()?;
    let loaded_s = since(start);
    let (mut answers_s, mut right) = (Vec::new(), 0);
    let pictures = digits.pictures();
    for picture in pictures.chunks_exact(PIXELS).take(count) {
        let answer = session.run(picture)?;
        answers_s.push(since(start));
        right += usize::from(answer.outputs == law.run(picture)?.outputs);
    }
    let first_s = answers_s.first().copied().unwrap_or(0.0);
    if arguments.json {
        let cell = architecture.to_string();
        let schema_version = JSON_SCHEMA_VERSION;
        context.write_json(&DigitsReport { schema_version, cell, session_s, loaded_s, answers_s, right })?;
    } else {
        writeln!(context, "{:<10} {architecture}", "cell")?;
        writeln!(context, "{:<10} {session_s:.2} s after power-up", "session")?;
        writeln!(context, "{:<10} {loaded_s:.2} s after power-up", "loaded")?;
        writeln!(context, "{:<10} {first_s:.2} s after power-up", "answer")?;
        writeln!(context, "{:<10} {right} of {count} as the law has them", "right")?;
    }
    Ok(if right == count { Verdict::Yes } else { Verdict::No })
}
