//! The weight-stationary INT8 array of `sim/engine/benches/array.rs`, with sources and sinks.
//!
//! `verilog/systolic_hierarchical.v`, `systolic_flat.v` and `systolic_in_place.v` are the same, written
//! by hand.

use std::sync::Arc;

use myelin_hdl::{Design, DesignError, Module, Signal, module, mux, s, u};

use super::stimulus::{sinks, sources};
use crate::subject::Drive;
use crate::verilator::{Ports, Text};

/// Bits of a sum: 32 products of two bytes.
const SUM_BITS: u32 = 21;

/// One processing element: activation and control pass right, weights and sums down.
fn element() -> Arc<Module> {
    module("pe", |m| {
        let activation = m.input("activation_i", s(8));
        let partial_sum = m.input("partial_sum_i", s(SUM_BITS));
        let weight = m.input("weight_i", s(8));
        let load = m.input("load_i", u(1));
        let swap = m.input("swap_i", u(1));
        let shadow = m.register("shadow_q", s(8));
        shadow.next(mux(load, weight, shadow.q));
        let active = m.register("weight_q", s(8));
        active.next(mux(swap, shadow.q, active.q));
        let product = m.delay("product_q", activation * active.q);
        let sum = m.register("partial_sum_q", s(SUM_BITS));
        sum.next(partial_sum.wrapping_add(product));
        m.output("activation_o", m.delay("activation_q", activation));
        m.output("load_o", m.delay("load_q", load));
        m.output("swap_o", m.delay("swap_q", swap));
        m.output("weight_o", shadow.q);
        m.output("partial_sum_o", sum.q);
    })
}

/// The array of `rows` x `columns`, which drives itself: see [`drive`].
///
/// # Errors
/// Never: the names are identifiers.
pub fn design(rows: usize, columns: usize) -> Result<Design, DesignError> {
    let element = element();
    Design::new(module("systolic", |m| {
        m.doc("Systolic array with a source for every row and column and a sink for every column.");
        let low = |states: Vec<Signal>| -> Vec<Signal> {
            states.into_iter().map(|state| state.slice(0, 8).cast_signed()).collect()
        };
        let activations = low(sources(m, "activation", rows));
        let mut weights = low(sources(m, "weight", columns));
        // In reset, phase 0: every element takes what comes, so all are filled with known values.
        let phase = m.register("phase_q", u(3)).reset(0);
        phase.next(phase.q.wrapping_add(1));
        let (mut load, mut swap) = (phase.q.lt(2), phase.q.eq(0) | phase.q.eq(4));
        let mut sums = vec![m.constant(s(SUM_BITS), 0); columns];
        for (row, &left) in activations.iter().enumerate() {
            let (mut activation, mut load_right, mut swap_right) = (left, load, swap);
            for column in 0..columns {
                let pe = m.instance(&format!("pe_{row}_{column}"), &element);
                pe.input("activation_i", activation).input("partial_sum_i", sums[column]);
                pe.input("weight_i", weights[column]).input("load_i", load_right).input("swap_i", swap_right);
                activation = pe.output("activation_o");
                load_right = pe.output("load_o");
                swap_right = pe.output("swap_o");
                weights[column] = pe.output("weight_o");
                sums[column] = pe.output("partial_sum_o");
            }
            load = m.delay(&format!("load_{row}_q"), load);
            swap = m.delay(&format!("swap_{row}_q"), swap);
        }
        sinks(m, &sums);
    }))
}

/// How it is driven.
pub fn drive(rows: usize, columns: usize) -> Drive {
    Drive::Itself { reset_cycles: 4 * (rows + columns) as u64 }
}

/// The same by hand, one module for each element.
pub fn by_hand_hierarchical(rows: usize, columns: usize) -> Text {
    by_hand(include_str!("../../verilog/systolic_hierarchical.v"), rows, columns)
}

/// The same by hand, one module with arrays and loops.
pub fn by_hand_flat(rows: usize, columns: usize) -> Text {
    by_hand(include_str!("../../verilog/systolic_flat.v"), rows, columns)
}

/// The same by hand, one module with arrays and loops that overwrite them in place: a style for
/// simulation alone, and the fastest that was found.
pub fn by_hand_in_place(rows: usize, columns: usize) -> Text {
    by_hand(include_str!("../../verilog/systolic_in_place.v"), rows, columns)
}

fn by_hand(verilog: &str, rows: usize, columns: usize) -> Text {
    Text {
        verilog: verilog.to_owned(),
        top: "systolic".to_owned(),
        parameters: vec![("ROWS", rows), ("COLUMNS", columns)],
        ports: Ports::Packed { name: "signature_o", count: columns },
    }
}
