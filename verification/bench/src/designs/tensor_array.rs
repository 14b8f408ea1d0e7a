//! The cell's own array (`rtl/blocks/src/tensor/array.rs`), with sources and sinks.

use myelin_hdl::{Design, DesignError, Signal, module, u};
use myelin_isa::Architecture;
use myelin_rtl::prim::bundle;
use myelin_rtl::tensor::array;

use super::stimulus::{sinks, sources};
use crate::subject::Drive;

/// The array, which drives itself: see [`drive`].
///
/// # Errors
/// Never: the names are identifiers.
pub fn design(architecture: &Architecture) -> Result<Design, DesignError> {
    let (rows, columns) = (architecture.rows() as usize, architecture.columns() as usize);
    let (blocks, steps) = (architecture.weight_ports() as usize, architecture.weight_steps() as usize);
    let bits = architecture.precision().bits();
    let array = array::array(architecture);
    Design::new(module("tensor_array", |m| {
        m.doc("The tensor cell's array with a source for every row and column and a sink for every column.");
        let low = |states: &[Signal]| -> Vec<Signal> {
            states.iter().map(|state| state.slice(0, bits).cast_signed()).collect()
        };
        let array = m.instance("array", &array);
        bundle::connect(&array, "activation", &low(&sources(m, "activation", rows)));
        let weights = low(&sources(m, "weight", blocks * columns));
        for (block, weights) in weights.chunks(columns).enumerate() {
            bundle::connect(&array, &format!("weight_{block}"), weights);
        }
        // In reset, phase 0: every element takes what comes, so all are filled with known values.
        let phase = m.register("phase_q", u(3)).reset(0);
        phase.next(phase.q.wrapping_add(1));
        let begin = phase.q.eq(0);
        array.input("swap_i", begin);
        let loads: Vec<Signal> = (0..steps).map(|step| begin | phase.q.eq((step % 8) as i64)).collect();
        bundle::connect(&array, "load", &loads);
        sinks(m, &bundle::of(&array, "partial_sum", columns));
    }))
}

/// How it is driven.
pub fn drive(architecture: &Architecture) -> Drive {
    Drive::Itself { reset_cycles: 4 * u64::from(architecture.rows() + architecture.columns()) }
}
