//! Processing element of the weight-stationary array.
//!
//! ```text
//!                weight_i   partial_sum_i
//!                   |            |
//!                +--v------------v--+
//!  activation_i->| shadow   product |->activation_o
//!  load_i      ->|   v         v    |->load_o
//!  swap_i      ->| weight --> sum   |->swap_o
//!                +--+------------+--+
//!                   v            v
//!                weight_o   partial_sum_o
//! ```
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `activation` | `bits`, signed | one activation; passes right after 1 cycle |
//! | `load` | 1 | take `weight_i` into the shadow register; passes right after 1 cycle |
//! | `swap` | 1 | the weight loaded last becomes the weight, from the next activation on; passes right |
//! | `weight` | `bits`, signed | weight bus; passes down after 1 cycle |
//! | `partial_sum` | [`partial_sum_ty`] | sum over the rows above; passes down |
//!
//! **Timing.** An activation offered in cycle 0 is multiplied in cycle 0 and added in cycle 1 to
//! the `partial_sum_i` of cycle 1; the sum leaves in cycle 2. So the row below, which gets its
//! activation one cycle later, finds the sum in time: the array is skewed by one cycle per row and
//! per column. The product register is there so that multiplier and adder fit one DSP block; the weight
//! comes from a register, so that nothing is chosen before the multiplier.
//!
//! **Numbers.** The product is exact in `2 * bits` bits; the sum cannot overflow, because
//! [`partial_sum_ty`] holds `rows` products of the most negative values.
//!
//! **Loading.** `load` in the cycle of a `swap` still belongs to the tile that begins; from the next
//! cycle on, to the one after. So a tile's weights may arrive while the previous tile streams.

use std::sync::Arc;

use myelin_hdl::{Module, Ty, module, mux, s, u};
use myelin_isa::Architecture;

/// Cycles from an activation to the sum that contains it.
pub const LATENCY: usize = 2;

/// Type of activations and weights.
pub fn operand_ty(architecture: &Architecture) -> Ty {
    s(architecture.precision().bits())
}

/// Type of partial sums: holds `rows` products of any two operands.
pub fn partial_sum_ty(architecture: &Architecture) -> Ty {
    let extreme = operand_ty(architecture).min();
    let largest = i128::from(architecture.rows()) * extreme * extreme;
    Ty::of_range(-largest, largest).expect("32 rows of 16-bit products fit 64 bits")
}

/// Builds the PE.
pub fn pe(architecture: &Architecture) -> Arc<Module> {
    let (operand, partial_sum) = (operand_ty(architecture), partial_sum_ty(architecture));
    module("pe", |m| {
        m.doc("Processing element: multiplies the passing activation by its resident weight, adds to the passing sum.");
        let activation = m.input("activation_i", operand);
        let load = m.input("load_i", u(1));
        let swap = m.input("swap_i", u(1));
        let weight_bus = m.input("weight_i", operand);
        let sum_above = m.input("partial_sum_i", partial_sum);

        let shadow = m.register("shadow_q", operand);
        shadow.next_when(load, weight_bus);
        let weight = m.register("weight_q", operand);
        weight.next_when(swap, mux(load, weight_bus, shadow.q));

        let product = m.delay("product_q", activation * weight.q);
        // Exact: row r sums at most r products, and the type holds `rows` of them.
        let sum = (sum_above + product).truncate(partial_sum.width()).named("sum");

        m.output("activation_o", m.delay("activation_q", activation));
        m.output("load_o", m.delay("load_q", load));
        m.output("swap_o", m.delay("swap_q", swap));
        m.output("weight_o", m.delay("weight_bus_q", weight_bus));
        m.output("partial_sum_o", m.delay("partial_sum_q", sum));
    })
}
