//! Every product of every packing, for all operands, in the hardware itself.
//!
//! A design counts through all operands but one, and a PE for each value of that one checks its own
//! products against plain multipliers: 16.6 million triples of INT8, 15.8 million quadruples of INT6.

use std::sync::Arc;

use myelin_hdl::{Design, Module, ModuleBuilder, Signal, module, mux, s, u};
use myelin_isa::{Architecture, MultiplierStyle, Precision};
use myelin_rtl::tensor::packed_pe::{LATENCY, Shape, packed_pe, recode, unpack_sums};
use myelin_rtl::tensor::packing::{Packing, Sums};
use myelin_rtl::tensor::pe::partial_sum_ty;
use myelin_sim::Simulator;

use crate::bench::random;
use rand::RngExt;

/// A PE whose sums from above are 0, with assertions that its sums are the products of its operands.
fn checked(shape: &Shape) -> Arc<Module> {
    let packing = &shape.packing;
    let operand = s(packing.bits());
    module("checked_pe", |m| {
        let valid = m.input("valid_i", u(1));
        let inputs = |name: &str, count: usize| -> Vec<Signal> {
            (0..count).map(|index| m.input(&format!("{name}_{index}_i"), operand)).collect()
        };
        let (activations, weights) = (inputs("activation", packing.pixels()), inputs("weight", packing.columns()));
        let pe = m.instance("pe", &packed_pe(shape));
        pe.input("load_i", 1).input("swap_i", 1);
        let recoded =
            |operands: &[Signal]| if packing.is_side_by_side() { operands.to_vec() } else { recode(operands) };
        // A weight is swapped in one cycle after it is loaded.
        let passing: Vec<Signal> = m_delays(m, "activation_in", &activations);
        for (pixel, value) in recoded(&passing).into_iter().enumerate() {
            pe.input(&format!("activation_{pixel}_i"), value);
        }
        for (column, value) in recoded(&weights).into_iter().enumerate() {
            pe.input(&format!("weight_{column}_i"), value);
        }
        let sums = match packing.sums() {
            Sums::Packed => {
                pe.input("partial_sum_i", 0);
                unpack_sums(shape, pe.output("partial_sum_o"))
            }
            Sums::Unpacked => (0..packing.products())
                .map(|sum| {
                    let name = format!("partial_sum_{}_{}", sum / packing.columns(), sum % packing.columns());
                    pe.input(&format!("{name}_i"), 0);
                    pe.output(&format!("{name}_o"))
                })
                .collect(),
        };
        let after = 1 + LATENCY;
        let valid = m.delay_by("valid", valid, after);
        for (index, &sum) in sums.iter().enumerate() {
            let (pixel, column) = (index / packing.columns(), index % packing.columns());
            let expected = m.delay_by(&format!("expected_{index}"), activations[pixel] * weights[column], after);
            m.assert(&format!("sum_{index}_is_its_product"), !valid | sum.eq(expected));
        }
    })
}

fn m_delays(m: &ModuleBuilder, name: &str, values: &[Signal]) -> Vec<Signal> {
    values.iter().enumerate().map(|(index, &value)| m.delay(&format!("{name}_{index}_q"), value)).collect()
}

/// Counters through the symmetric range of all operands but the last weight, which is that of the
/// instance; `done_o` when all have been.
fn exhaustive(shape: &Shape) -> Arc<Module> {
    let packing = &shape.packing;
    let limit = (1i64 << (packing.bits() - 1)) - 1;
    let checked = checked(shape);
    module("exhaustive", |m| {
        let mut carry = m.constant(u(1), 1);
        let mut counters = Vec::new();
        for counter in 0..packing.pixels() + packing.columns() - 1 {
            let register = m.register(&format!("counter_{counter}_q"), s(packing.bits())).reset(-limit);
            let last = register.q.eq(limit);
            let next = mux(last, -limit, register.q.wrapping_add(1));
            register.next_when(carry, next);
            carry = carry & last;
            counters.push(register.q);
        }
        let done = m.register("done_q", u(1)).reset(0);
        done.next(done.q | carry);
        // `valid` is low in reset and high after it.
        let valid = m.register("valid_q", u(1)).reset(0);
        valid.next(1);
        let operands = m_delays(m, "operand", &counters);
        let (activations, weights) = operands.split_at(packing.pixels());
        for value in -limit..=limit {
            let pe = m.instance(&format!("checked_{}", value + limit), &checked);
            pe.input("valid_i", valid.q);
            for (pixel, &activation) in activations.iter().enumerate() {
                pe.input(&format!("activation_{pixel}_i"), activation);
            }
            for (column, &weight) in weights.iter().enumerate() {
                pe.input(&format!("weight_{column}_i"), weight);
            }
            pe.input(&format!("weight_{}_i", weights.len()), value);
        }
        m.output("done_o", done.q);
    })
}

fn shape(packing: Packing, precision: Precision) -> Shape {
    let rows = packing.rows();
    Shape { packing, sum: partial_sum_ty(&Architecture::new(rows, 4, precision).unwrap()) }
}

/// Counts through all operands; an assertion that fails names the product.
fn every_product_is_exact(packing: Packing, precision: Precision) {
    let design = Design::new(exhaustive(&shape(packing.clone(), precision))).unwrap();
    let mut sim = Simulator::new(&design).unwrap();
    sim.reset(2 + LATENCY as u64 + 2).unwrap();
    let range = 2 * u64::from(precision.limit().unsigned_abs()) + 1;
    let cycles = range.pow((packing.pixels() + packing.columns() - 1) as u32);
    let done = sim.output("done_o").unwrap();
    sim.steps(cycles - 1).unwrap();
    assert_eq!(sim.peek(done), 0, "{packing:?}: not all operands have been yet");
    sim.steps(1).unwrap();
    assert_eq!(sim.peek(done), 1, "{packing:?}");
    // The last products on their way.
    sim.steps(LATENCY as u64 + 4).unwrap();
}

fn packings(precision: Precision) -> Vec<Packing> {
    // 16 rows keep sums packed where they can be; 32 unpack INT8 in each PE.
    let styles = MultiplierStyle::ALL.into_iter();
    let mut packings: Vec<Packing> = styles
        .flat_map(|style| [16, 32].into_iter().filter_map(move |rows| Packing::of(style, precision, rows)))
        .collect();
    let arithmetic = |packing: &Packing| (packing.weight_offsets().to_vec(), packing.sums() == Sums::Packed);
    packings.sort_by_key(arithmetic);
    packings.dedup_by_key(|packing| arithmetic(packing));
    packings
}

#[test]
fn every_product_of_every_int8_packing_is_exact() {
    packings(Precision::Int8).into_iter().for_each(|packing| every_product_is_exact(packing, Precision::Int8));
}

#[test]
fn every_product_of_every_int6_packing_is_exact() {
    packings(Precision::Int6).into_iter().for_each(|packing| every_product_is_exact(packing, Precision::Int6));
}

#[test]
fn every_product_of_two_pixels_by_two_columns_is_exact() {
    every_product_is_exact(Packing::quad(16), Precision::Int6);
}

/// The exhaustive design must notice: one bit too few between the products.
#[test]
fn a_packing_beyond_its_bound_is_caught() {
    let design = |rows| {
        let packing = Packing::of(MultiplierStyle::Dsp48e2, Precision::Int8, rows).unwrap();
        let shape = shape(packing, Precision::Int8);
        module("column", |m| {
            // A column of extremes: the most that packed sums must hold.
            let sum = (0..rows).fold(m.constant(s(40), 0), |sum, _| {
                let packed = m.constant(s(40), 127 * 127 + ((127 * 127) << 19));
                sum.wrapping_add(packed)
            });
            for (column, &found) in unpack_sums(&shape, sum).iter().enumerate() {
                m.output(&format!("sum_{column}_o"), found);
            }
        })
    };
    let sums = |rows: u32| {
        let design = Design::new(design(rows)).unwrap();
        let mut sim = Simulator::new(&design).unwrap();
        [0, 1].map(|column| {
            let output = sim.output(&format!("sum_{column}_o")).unwrap();
            sim.peek_signed(output)
        })
    };
    assert_eq!(sums(16), [16 * 16129; 2], "16 rows fit");
    assert_ne!(sums(17), [17 * 16129; 2], "17 rows do not: the bound is tight");
    assert_eq!(Packing::of(MultiplierStyle::Dsp48e2, Precision::Int8, 17).unwrap().sums(), Sums::Unpacked);
}

/// Chains of PEs, one below the other, against sums of plain products, with loads and swaps at random.
#[test]
fn a_value_outside_the_contract_spoils_no_later_sum() {
    let mut random = random(3);
    for precision in [Precision::Int8, Precision::Int6] {
        let bits = precision.bits();
        let lowest = -(1i64 << (bits - 1));
        for packing in packings(precision) {
            let mut bench = crate::bench::Bench::new(&packed_pe(&shape(packing.clone(), precision)));
            let zero = packing.sums() == Sums::Packed;
            let mut run = |activation: i64, weight: i64| {
                bench.set("activation_0_i", activation);
                for column in 0..packing.columns() {
                    // Recoded: a negative one below lowers the others.
                    let lowered = if column > 0 && weight < 0 && !packing.is_side_by_side() { 1 } else { 0 };
                    bench.set(&format!("weight_{column}_i"), (weight - lowered).max(lowest));
                }
                bench.set("load_i", 1);
                bench.set("swap_i", 1);
                (0..4).for_each(|_| bench.step());
                let port = if zero { "partial_sum_o" } else { "partial_sum_0_0_o" };
                bench.get(port)
            };
            let weight = random.random_range(1..=i64::from(precision.limit()));
            let before = run(5, weight);
            run(lowest, lowest);
            assert_eq!(run(5, weight), before, "{packing:?}");
        }
    }
}
