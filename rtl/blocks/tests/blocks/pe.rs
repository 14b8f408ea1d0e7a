//! The processing element against its datasheet.

use myelin_rtl::tensor::pe;
use rand::RngExt;

use crate::bench::{Bench, cells, chance, operand, random};

/// What enters in one cycle.
struct Cycle {
    activation: i64,
    load: bool,
    swap: bool,
    weight: i64,
    partial_sum: i64,
}

#[test]
fn multiplies_by_the_weight_that_was_last_swapped_in() {
    for (seed, cell) in (0..).zip(cells()) {
        let mut random = random(seed);
        let bits = cell.precision().bits();
        // What rows above can have summed: one product less than the type holds.
        let above = i64::from(cell.rows() - 1) << (2 * (bits - 1));
        let cycles: Vec<Cycle> = (0..2000)
            .map(|cycle| Cycle {
                activation: operand(&mut random, bits),
                load: cycle == 0 || chance(&mut random, 30),
                swap: cycle == 0 || chance(&mut random, 20),
                weight: operand(&mut random, bits),
                partial_sum: random.random_range(-above..=above),
            })
            .collect();
        let mut bench = Bench::new(&pe::pe(&cell));
        let (mut shadow, mut weight) = (0, 0);
        let mut products = Vec::new();
        for (number, cycle) in cycles.iter().enumerate() {
            let context = format!("{cell} cycle {number}");
            bench.set("activation_i", cycle.activation);
            bench.set("load_i", i64::from(cycle.load));
            bench.set("swap_i", i64::from(cycle.swap));
            bench.set("weight_i", cycle.weight);
            bench.set("partial_sum_i", cycle.partial_sum);
            if let Some(before) = number.checked_sub(1).map(|before| &cycles[before]) {
                assert_eq!(bench.get("activation_o"), before.activation, "{context}");
                assert_eq!(bench.get("weight_o"), before.weight, "{context}");
                assert_eq!(bench.get("load_o"), i64::from(before.load), "{context}");
                assert_eq!(bench.get("swap_o"), i64::from(before.swap), "{context}");
            }
            // The sum of the cycle before and the product of the one before that; from cycle 1 on
            // there is a weight.
            if let Some(entered) = number.checked_sub(pe::LATENCY).filter(|&entered| entered >= 1) {
                let expected = cycles[entered + 1].partial_sum + products[entered];
                assert_eq!(bench.get("partial_sum_o"), expected, "{context}");
            }
            bench.step();
            products.push(cycle.activation * weight);
            // A weight loaded in the cycle of a swap is swapped in.
            if cycle.load {
                shadow = cycle.weight;
            }
            if cycle.swap {
                weight = shadow;
            }
        }
    }
}

#[test]
fn a_column_of_extremes_does_not_overflow() {
    for cell in cells() {
        let bits = cell.precision().bits();
        let lowest = -(1i64 << (bits - 1));
        let above = i64::from(cell.rows() - 1) * lowest * lowest;
        let mut bench = Bench::new(&pe::pe(&cell));
        bench.set("weight_i", lowest);
        bench.set("load_i", 1);
        bench.set("swap_i", 1);
        bench.step();
        bench.set("activation_i", lowest);
        bench.set("partial_sum_i", above);
        bench.step();
        bench.step();
        assert_eq!(bench.get("partial_sum_o"), i64::from(cell.rows()) * lowest * lowest, "{cell}");
    }
}
