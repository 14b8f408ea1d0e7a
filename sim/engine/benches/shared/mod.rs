//! The array that the benchmarks run, and the clock they use.

use std::sync::Arc;
use std::time::Duration;

use myelin_hdl::{Design, Module, ModuleBuilder, Signal, concat, module, mux, s, u};

/// One processing element: activation and control pass right, weights and sums down.
fn element() -> Arc<Module> {
    module("pe", |m| {
        let activation = m.input("activation_i", s(8));
        let partial_sum = m.input("partial_sum_i", s(21));
        let weight = m.input("weight_i", s(8));
        let load = m.input("load_i", u(1));
        let swap = m.input("swap_i", u(1));
        let shadow = m.register("shadow_q", s(8));
        shadow.next(mux(load, weight, shadow.q));
        let active = m.register("weight_q", s(8));
        active.next(mux(swap, shadow.q, active.q));
        let product = m.delay("product_q", activation * active.q);
        let sum = m.register("partial_sum_q", s(21));
        sum.next(partial_sum.wrapping_add(product));
        m.output("activation_o", m.delay("activation_q", activation));
        m.output("load_o", m.delay("load_q", load));
        m.output("swap_o", m.delay("swap_q", swap));
        m.output("weight_o", shadow.q);
        m.output("partial_sum_o", sum.q);
    })
}

/// What enters an array at its left and upper borders.
struct Borders {
    activations: Vec<Signal>,
    loads: Vec<Signal>,
    swaps: Vec<Signal>,
    weights: Vec<Signal>,
}

fn elements(m: &ModuleBuilder, rows: usize, columns: usize, borders: Borders) {
    let element = element();
    let Borders { mut activations, mut loads, mut swaps, mut weights } = borders;
    let mut sums = vec![m.constant(s(21), 0); columns];
    for row in 0..rows {
        for column in 0..columns {
            let pe = m.instance(&format!("pe_{row}_{column}"), &element);
            pe.input("activation_i", activations[row]).input("partial_sum_i", sums[column]);
            pe.input("weight_i", weights[column]).input("load_i", loads[row]).input("swap_i", swaps[row]);
            activations[row] = pe.output("activation_o");
            loads[row] = pe.output("load_o");
            swaps[row] = pe.output("swap_o");
            weights[column] = pe.output("weight_o");
            sums[column] = pe.output("partial_sum_o");
        }
    }
    for (column, &sum) in sums.iter().enumerate() {
        m.output(&format!("sum_{column}_o"), sum);
    }
}

/// The array with its borders as ports.
pub fn array(rows: usize, columns: usize) -> Design {
    let top = module("array", |m| {
        let ports = |name: &str, count: usize, ty| -> Vec<Signal> {
            (0..count).map(|index| m.input(&format!("{name}_{index}_i"), ty)).collect()
        };
        let activations = ports("activation", rows, s(8));
        let (loads, swaps) = (ports("load", rows, u(1)), ports("swap", rows, u(1)));
        let weights = ports("weight", columns, s(8));
        elements(m, rows, columns, Borders { activations, loads, swaps, weights });
    });
    Design::new(top).unwrap()
}

/// The array with its borders driven from inside: new activations in every cycle, new weights
/// rippling in every 256 cycles. So a run needs nobody who pokes.
pub fn driven_array(rows: usize, columns: usize) -> Design {
    let top = module("array", |m| {
        let words: Vec<Signal> = (0..rows.max(columns).div_ceil(8)).map(|index| random_word(m, index)).collect();
        let byte = |index: usize| words[index / 8].slice(index as u32 % 8 * 8, 8).cast_signed();
        let beat = m.register("beat_q", u(8)).reset(0);
        beat.next(beat.q.wrapping_add(1));
        let (load, swap) = (beat.q.lt(2), beat.q.eq(3));
        elements(
            m,
            rows,
            columns,
            Borders {
                activations: (0..rows).map(byte).collect(),
                loads: vec![load; rows],
                swaps: vec![swap; rows],
                weights: (0..columns).map(byte).collect(),
            },
        );
    });
    Design::new(top).unwrap()
}

/// 64 random bits in every cycle (Marsaglia, Xorshift RNGs, 2003: shifts 13, 7, 17).
fn random_word(m: &ModuleBuilder, index: usize) -> Signal {
    let word = m.register(&format!("random_{index}_q"), u(64)).reset(0x1e37_79b9_7f4a_7c15 ^ index as i64);
    let left = |x: Signal, amount: u32| concat(&[x.slice(0, 64 - amount), m.constant(u(amount), 0)]);
    let x = word.q;
    let x = x ^ left(x, 13);
    let x = x ^ x.shift_right(7).extend(u(64));
    word.next(x ^ left(x, 17));
    word.q
}

/// Processor time of this thread, in user and system: the machine may be shared.
pub fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}
