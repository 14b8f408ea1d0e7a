//! The systolic array: `rows` x `columns` PEs, with the skew on its edges.
//!
//! ```text
//!                 weight_b_c    (block b of rows, column c)
//!                      |
//!                +-----v-----+
//!  activation_r->|  pe   pe  |   skewed by r cycles inside
//!  swap        ->|  pe   pe  |   skewed by r cycles inside
//!  load_k      ->|  pe   pe  |   skewed by r cycles inside
//!                +-----+-----+
//!                      v
//!                partial_sum_c
//! ```
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `activation_<r>_i` | `bits` | reduction element r of one pixel, all rows in one cycle |
//! | `swap_i` | 1 | the next pixel is the first with the weights loaded last |
//! | `load_<k>_i` | 1 | step k of loading: in each block the block's row k takes its weight |
//! | `weight_<b>_<c>_i` | `bits` | weights of block b, `b * weight_steps` cycles after their `load` |
//! | `partial_sum_<c>_o` | `partial_sum_ty` | sum over all rows |
//!
//! **Timing.** *Frame time* of a signal is the cycle in which it enters here. A pixel entering at
//! frame time f leaves column c in cycle `f + sum_latency(rows) + c`. A weight that is to sit in
//! row r enters block `b = r / weight_steps` at `f + b * weight_steps` for `load` at f (the weight
//! store delays the blocks by delaying their addresses, which is cheaper than delaying weights).
//! In frame time the array has no skew: loading steps of the next tile may run from the cycle behind
//! a `swap` on, and must be complete in the cycle of the next `swap`.
//!
//! **Multipliers.** For a style other than the plain one ([`Architecture::multiplier`]) several products
//! share a multiplier ([`super::packed_array`]); nothing outside can tell, as long as operands are symmetric.

use std::sync::Arc;

use myelin_hdl::{InstanceHandle, Module, Signal, module, u};
use myelin_isa::Architecture;

use super::packing::Packing;
use super::{packed_array, pe};
use crate::prim::bundle;

/// Cycles from a pixel entering to column 0's sum leaving.
pub const fn sum_latency(rows: u32) -> usize {
    rows as usize - 1 + pe::LATENCY
}

/// Builds the array.
pub fn array(architecture: &Architecture) -> Arc<Module> {
    match Packing::of(architecture.multiplier(), architecture.precision(), architecture.rows()) {
        None => plain_array(architecture),
        Some(packing) => packed_array::packed_array(architecture, &packing),
    }
}

/// One multiplier to a PE.
fn plain_array(architecture: &Architecture) -> Arc<Module> {
    let (rows, columns) = (architecture.rows() as usize, architecture.columns() as usize);
    let (blocks, steps) = (architecture.weight_ports() as usize, architecture.weight_steps() as usize);
    let pe = pe::pe(architecture);
    let operand = pe::operand_ty(architecture);
    module(format!("array_{rows}x{columns}"), |m| {
        m.doc("Weight-stationary systolic array; activations move right, weights and sums move down.");
        let activations = bundle::inputs(m, "activation", rows, operand);
        let swap = m.input("swap_i", u(1));
        let loads = bundle::inputs(m, "load", steps, u(1));
        let weights: Vec<Vec<Signal>> =
            (0..blocks).map(|block| bundle::inputs(m, &format!("weight_{block}"), columns, operand)).collect();

        let pes: Vec<Vec<InstanceHandle>> = (0..rows)
            .map(|row| (0..columns).map(|column| m.instance(&format!("pe_{row}_{column}"), &pe)).collect())
            .collect();

        // Control runs down the left edge, one register per row.
        let mut swap_row = swap;
        let mut load_rows = loads;
        let no_sum = m.constant(pe::partial_sum_ty(architecture), 0);
        for row in 0..rows {
            let (block, step) = (row / steps, row % steps);
            let activation = m.delay_by(&format!("skew_activation_{row}"), activations[row], row);
            for column in 0..columns {
                let pe = &pes[row][column];
                match column.checked_sub(1).map(|left| &pes[row][left]) {
                    None => {
                        pe.input("activation_i", activation).input("swap_i", swap_row).input("load_i", load_rows[step])
                    }
                    Some(left) => pe
                        .input("activation_i", left.output("activation_o"))
                        .input("swap_i", left.output("swap_o"))
                        .input("load_i", left.output("load_o")),
                };
                match row.checked_sub(1).map(|above| &pes[above][column]) {
                    None => pe.input("partial_sum_i", no_sum),
                    Some(above) => pe.input("partial_sum_i", above.output("partial_sum_o")),
                };
                if step == 0 {
                    let name = format!("skew_weight_{block}_{column}");
                    pe.input("weight_i", m.delay_by(&name, weights[block][column], column));
                } else {
                    pe.input("weight_i", pes[row - 1][column].output("weight_o"));
                }
            }
            if row + 1 < rows {
                swap_row = m.delay(&format!("swap_{row}_q"), swap_row);
                load_rows = (load_rows.iter().enumerate())
                    .map(|(step, &load)| m.delay(&format!("load_{step}_{row}_q"), load))
                    .collect();
            }
        }
        let sums: Vec<Signal> = pes[rows - 1].iter().map(|pe| pe.output("partial_sum_o")).collect();
        bundle::outputs(m, "partial_sum", &sums);
    })
}
