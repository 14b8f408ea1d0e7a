//! The systolic array with several columns to a multiplier, and two arrays that share theirs.
//!
//! ```text
//!                 weight_b_c    (block b of rows, column c)
//!                      | skewed by the group's first column, recoded
//!                +-----v-----+
//!  activation_r->| pe_n pe_n |   a group of n columns to each PE
//!  swap        ->| pe_n pe_n |   activations wait n cycles in each
//!  load_k      ->| pe_n pe_n |
//!                +-----+-----+
//!                      | unpacked; column k of a group waits k cycles
//!                      v
//!                partial_sum_c
//! ```
//!
//! [`packed_array`] has ports, timing and sums of the plain array ([`super::array`]), in every cycle
//! and to the last bit, as long as the weights and activations that meet are symmetric.
//!
//! **Timing.** In the plain array column c works c cycles after column 0. Here the columns of a
//! group work together, when its first one would; the others' sums wait below the last row. So no
//! constant changes: a pixel entering at f leaves column c in cycle `f + sum_latency(rows) + c`.
//! Where rows do not divide by the group, the last group is narrower.
//!
//! [`twin_array`] is two plain INT6 arrays side by side that hold the same weights and take a pixel
//! each per cycle, with four products to each 27x18 multiplier ([`Packing::quad`]):
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `activation_<p>_<r>_i` | 6 | reduction element r of pixel p, p < 2 |
//! | `swap_i`, `load_<k>_i`, `weight_<b>_<c>_i` | | as in the plain array, for both |
//! | `partial_sum_<p>_<c>_o` | `partial_sum_ty` | sum of pixel p, `f + sum_latency(rows) + c` |
//!
//! **Not verified** here: what a tool other than Yosys makes of it.

use std::sync::Arc;

use myelin_hdl::{InstanceHandle, Module, ModuleBuilder, Signal, module, u};
use myelin_isa::{Architecture, Precision};

use super::packed_pe::{Shape, packed_pe, packed_ty, recode, unpack_sums};
use super::packing::{Packing, Sums};
use super::pe::{operand_ty, partial_sum_ty};
use crate::prim::bundle;

/// The array of `architecture`, its products packed so.
pub fn packed_array(architecture: &Architecture, packing: &Packing) -> Arc<Module> {
    let (rows, columns) = (architecture.rows(), architecture.columns());
    module(format!("array_{rows}x{columns}"), |m| {
        m.doc("Weight-stationary systolic array; several columns share a multiplier.");
        let activations = vec![bundle::inputs(m, "activation", rows as usize, operand_ty(architecture))];
        let sums = declare(m, architecture, packing, activations);
        bundle::outputs(m, "partial_sum", &sums[0]);
    })
}

/// Why there is no twin array for an architecture.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("twin array of precision {precision}, expected int6: four INT8 products do not fit one multiplier")]
pub struct TwinError {
    /// That of the architecture.
    pub precision: Precision,
}

/// Two arrays of `architecture` with the same weights, four INT6 products to a multiplier.
///
/// # Errors
/// [`TwinError`] for INT8.
pub fn twin_array(architecture: &Architecture) -> Result<Arc<Module>, TwinError> {
    if architecture.precision() != Precision::Int6 {
        return Err(TwinError { precision: architecture.precision() });
    }
    let (rows, columns) = (architecture.rows(), architecture.columns());
    let packing = Packing::quad(rows);
    Ok(module(format!("twin_array_{rows}x{columns}"), |m| {
        m.doc("Two weight-stationary systolic arrays with the same weights; they share multipliers.");
        let pixel = |pixel| bundle::inputs(m, &format!("activation_{pixel}"), rows as usize, operand_ty(architecture));
        let activations = (0..packing.pixels()).map(pixel).collect();
        let sums = declare(m, architecture, &packing, activations);
        for (pixel, sums) in sums.iter().enumerate() {
            bundle::outputs(m, &format!("partial_sum_{pixel}"), sums);
        }
    }))
}

/// Everything between `activations[pixel][row]` and the sums `[pixel][column]`; declares the other inputs.
fn declare(
    m: &ModuleBuilder,
    architecture: &Architecture,
    packing: &Packing,
    activations: Vec<Vec<Signal>>,
) -> Vec<Vec<Signal>> {
    let (rows, columns) = (architecture.rows() as usize, architecture.columns() as usize);
    let (blocks, steps) = (architecture.weight_ports() as usize, architecture.weight_steps() as usize);
    let swap = m.input("swap_i", u(1));
    let loads = bundle::inputs(m, "load", steps, u(1));
    let weights: Vec<Vec<Signal>> = (0..blocks)
        .map(|block| bundle::inputs(m, &format!("weight_{block}"), columns, operand_ty(architecture)))
        .collect();
    let groups = groups(architecture, packing);
    let pes: Vec<Vec<InstanceHandle>> = (0..rows)
        .map(|row| groups.iter().map(|group| m.instance(&format!("pe_{row}_{}", group.first), &group.pe)).collect())
        .collect();

    // Control runs down the left edge, one register per row.
    let (mut swap_row, mut load_rows) = (swap, loads);
    for row in 0..rows {
        let step = row % steps;
        feed_row(m, &pes[row], packing, row, &activations, swap_row, load_rows[step]);
        for (index, group) in groups.iter().enumerate() {
            let above = row.checked_sub(1).map(|above| &pes[above][index]);
            connect_sums(m, group, &pes[row][index], above);
            let bus = match above {
                Some(above) if step != 0 => bundle::of(above, "weight", group.columns()),
                _ => enter_weights(m, group, row / steps, &weights[row / steps]),
            };
            bundle::connect(&pes[row][index], "weight", &bus);
        }
        if row + 1 < rows {
            swap_row = m.delay(&format!("swap_{row}_q"), swap_row);
            for (step, load) in load_rows.iter_mut().enumerate() {
                *load = m.delay(&format!("load_{step}_{row}_q"), *load);
            }
        }
    }
    let mut sums = vec![Vec::new(); packing.pixels()];
    for (group, pe) in groups.iter().zip(&pes[rows - 1]) {
        for (pixel, of_pixel) in group_sums(group, pe).chunks(group.columns()).enumerate() {
            for (k, &sum) in of_pixel.iter().enumerate() {
                let name = format!("skew_sum_{pixel}_{}", group.first + k);
                sums[pixel].push(m.delay_by(&name, sum, k));
            }
        }
    }
    sums
}

/// Columns that share multipliers.
struct Group {
    /// The first of them.
    first: usize,
    shape: Shape,
    pe: Arc<Module>,
}

impl Group {
    fn columns(&self) -> usize {
        self.shape.packing.columns()
    }
}

fn groups(architecture: &Architecture, packing: &Packing) -> Vec<Group> {
    let (columns, sum) = (architecture.columns() as usize, partial_sum_ty(architecture));
    let built = |columns: usize| {
        let shape = Shape { packing: packing.narrowed(columns), sum };
        let pe = packed_pe(&shape);
        (shape, pe)
    };
    let whole = built(packing.columns());
    let firsts = (0..columns).step_by(packing.columns());
    firsts
        .map(|first| {
            let (shape, pe) = match columns - first {
                rest if rest < packing.columns() => built(rest),
                _ => whole.clone(),
            };
            Group { first, shape, pe }
        })
        .collect()
}

/// Connects what runs through a row from left to right.
fn feed_row(
    m: &ModuleBuilder,
    pes: &[InstanceHandle],
    packing: &Packing,
    row: usize,
    activations: &[Vec<Signal>],
    swap: Signal,
    load: Signal,
) {
    let entering: Vec<Signal> = (activations.iter().enumerate())
        .map(|(pixel, rows)| m.delay_by(&format!("skew_activation_{pixel}_{row}"), rows[row], row))
        .collect();
    let mut activations = if packing.is_side_by_side() { entering } else { recode(&entering) };
    let (mut swap, mut load) = (swap, load);
    for pe in pes {
        bundle::connect(pe, "activation", &activations);
        pe.input("swap_i", swap).input("load_i", load);
        activations = bundle::of(pe, "activation", activations.len());
        (swap, load) = (pe.output("swap_o"), pe.output("load_o"));
    }
}

/// Weights of a block at a group: skewed as its first column is, then recoded.
fn enter_weights(m: &ModuleBuilder, group: &Group, block: usize, weights: &[Signal]) -> Vec<Signal> {
    let skewed: Vec<Signal> = (0..group.columns())
        .map(|k| {
            let column = group.first + k;
            m.delay_by(&format!("skew_weight_{block}_{column}"), weights[column], group.first)
        })
        .collect();
    if group.shape.packing.is_side_by_side() { skewed } else { recode(&skewed) }
}

/// Names of a PE's sums without direction.
fn sum_names(group: &Group) -> Vec<String> {
    let packing = &group.shape.packing;
    match packing.sums() {
        Sums::Packed => vec!["partial_sum".to_owned()],
        Sums::Unpacked => (0..packing.products())
            .map(|sum| format!("partial_sum_{}_{}", sum / packing.columns(), sum % packing.columns()))
            .collect(),
    }
}

/// Connects a PE's sums to those above, or to zero.
fn connect_sums(m: &ModuleBuilder, group: &Group, pe: &InstanceHandle, above: Option<&InstanceHandle>) {
    let ty = match group.shape.packing.sums() {
        Sums::Packed => packed_ty(&group.shape.packing),
        Sums::Unpacked => group.shape.sum,
    };
    for name in sum_names(group) {
        let sum = above.map_or_else(|| m.constant(ty, 0), |above| above.output(&format!("{name}_o")));
        pe.input(&format!("{name}_i"), sum);
    }
}

/// The sums below the last row: of each column, pixel by pixel.
fn group_sums(group: &Group, pe: &InstanceHandle) -> Vec<Signal> {
    let sums: Vec<Signal> = sum_names(group).iter().map(|name| pe.output(&format!("{name}_o"))).collect();
    match group.shape.packing.sums() {
        // One pixel: fields are in the order of the columns.
        Sums::Packed => unpack_sums(&group.shape, sums[0]),
        Sums::Unpacked => sums,
    }
}
