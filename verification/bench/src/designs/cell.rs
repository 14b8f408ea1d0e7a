//! The whole tensor cell running the digits model, and what its ports see while it does.

use std::path::Path;

use myelin_board::{SimulatedCell, SimulationOptions};
use myelin_compile::compile;
use myelin_driver::{Device, Session};
use myelin_golden::npy;
use myelin_graph::import;
use myelin_hdl::{Design, DesignError};
use myelin_isa::Architecture;
use myelin_rtl::tensor::cell;

use crate::error::BenchError;
use crate::subject::{Drive, Recording};

/// Cycles of reset that a [`SimulatedCell`] begins with.
const RESET_CYCLES: u64 = 2;
/// Values of a picture.
const PIXELS: usize = 64;
/// Pictures recorded; the loop goes over all of them.
const PICTURES: usize = 4;

/// The cell.
///
/// # Errors
/// Never: the names are identifiers.
pub fn design(architecture: &Architecture) -> Result<Design, DesignError> {
    Design::new(cell::cell(architecture))
}

/// Loads the digits model of the cell's precision and recognises some pictures on the simulated card;
/// what every input was driven with, memory included. The loop goes over the pictures.
///
/// # Errors
/// If the model cannot be read or compiled, or the answer is not golden's.
pub fn record(architecture: &Architecture) -> Result<Drive, BenchError> {
    let failed = |reason: String| BenchError::Recording { what: "the digits model", reason };
    let folder = format!("../../models/digits_{}", architecture.precision());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let read = |name: &str| -> Result<Vec<i32>, BenchError> {
        let path = folder.join(name);
        let bytes = std::fs::read(&path).map_err(BenchError::file("read", &path))?;
        Ok(npy::read(&bytes).map_err(|error| failed(error.to_string()))?.data)
    };
    let (pictures, logits) = (read("input.npy")?, read("official_logits.npy")?);
    let graph = import::import_dir(&folder, &import::Limits::default()).map_err(|error| failed(error.to_string()))?;
    let program = compile(&graph, architecture).map_err(|error| failed(error.to_string()))?;
    let mut card = SimulatedCell::new(*architecture, SimulationOptions::default())?;
    card.start_recording();
    let mut session = Session::load(card, program).map_err(|error| failed(error.to_string()))?;
    let mut cycles = session.link_mut().take_recording();
    let loop_from = cycles.len();
    session.link_mut().start_recording();
    for (picture, expected) in pictures.chunks(PIXELS).zip(logits.chunks(10)).take(PICTURES) {
        let answer = session.run(picture).map_err(|error| failed(error.to_string()))?;
        if answer.outputs[0].values != expected {
            return Err(failed(format!("the cell answers {:?}, expected {expected:?}", answer.outputs[0].values)));
        }
    }
    cycles.extend(session.link_mut().take_recording());
    Ok(Drive::Recorded(Recording { reset_cycles: RESET_CYCLES, cycles, loop_from }))
}
