//! Several products from one multiplier: the packed PE against plain products.
//!
//! A symbolic multiplier of real width does not finish, so the argument has two halves. With the
//! multiplier abstracted, at real widths: *if* its result is the sum of the products, each at its
//! place, the PE's sums are exact; and the words are the sums of the operands, each at its place, so
//! the distributive law closes the gap. And with real multipliers at small widths: nothing assumed.
//! All operands at real widths are exhausted in simulation (`rtl/blocks/tests/blocks/packed_pe.rs`).

use std::cell::RefCell;
use std::sync::Arc;

use myelin_hdl::{Module, ModuleBuilder, Signal, Ty, module, mux, s, u};
use myelin_isa::MultiplierStyle::{Dsp48e1, Dsp48e2, Dsp48e2Dense, Mac16, Mult18x18, Mult18x19};
use myelin_isa::Precision::{Int6, Int8};
use myelin_isa::{Architecture, MultiplierStyle, Precision};
use myelin_rtl::tensor::packed_pe::{Inside, LATENCY, Operands, Shape, declare, recode, unpack_sums};
use myelin_rtl::tensor::packing::{Packing, Ports, Sums};
use myelin_rtl::tensor::pe::partial_sum_ty;

use crate::proof::{Method, Mutant, Proof};
use crate::watch::implies;

/// A PE at real widths, its multiplier replaced by free products.
fn at_real_width(packing: Packing, precision: Precision) -> Arc<Module> {
    let cell = Architecture::new(packing.rows(), 4, precision).expect("a legal cell");
    let shape = Shape { packing, sum: partial_sum_ty(&cell) };
    module("packing_proof", |m| {
        m.doc("Packed PE with free products, and what watches it.");
        let products = RefCell::new(Vec::new());
        let pe = declare(m, &shape, |_, _| {
            let (sum, free) = free_products(m, &shape.packing);
            products.replace(free);
            sum
        });
        words(m, &shape.packing, &pe);
        canaries_are_low_bits(m, &shape.packing, &pe, &products.borrow());
        sums(m, &shape, &pe, &products.borrow());
    })
}

/// A whole PE with its multiplier, at a width at which solvers can multiply.
fn at_small_width(packing: Packing) -> Arc<Module> {
    let limit = i128::from(packing.rows()) * i128::from(packing.product_limit());
    let sum = Ty::of_range(-limit, limit).expect("small");
    let shape = Shape { packing, sum };
    module("packing_proof", |m| {
        m.doc("Small packed PE with what watches it.");
        let pe = declare(m, &shape, |activation, word| activation * word);
        words(m, &shape.packing, &pe);
        let activations = true_operands(m, "activation", &pe.operands.activations);
        let weights = true_operands(m, "weight", &pe.operands.weights);
        swapped_in(m, &pe.operands, &weights);
        let products: Vec<Signal> = activations.iter().flat_map(|&a| weights.iter().map(move |&w| a * w)).collect();
        sums(m, &shape, &pe, &products);
    })
}

/// A product for each pixel and column, at most as large as there are, and their packed sum.
fn free_products(m: &ModuleBuilder, packing: &Packing) -> (Signal, Vec<Signal>) {
    let limit = packing.product_limit();
    let products: Vec<Signal> = (0..packing.products())
        .map(|index| {
            let product = m.input(&format!("product_{index}_i"), s(packing.product_width()));
            m.assume(&format!("product_{index}_is_one_of_operands"), product.ge(-limit) & product.le(limit));
            product
        })
        .collect();
    (packed(packing, &products), products)
}

/// Values, pixel by pixel and column by column, each at its place.
fn packed(packing: &Packing, values: &[Signal]) -> Signal {
    let at = |pixel: usize, column: usize| values[pixel * packing.columns() + column];
    let fields = packing.fields().into_iter().map(|field| at(field.pixel, field.column).shift_left(field.offset));
    fields.reduce(|sum, field| sum + field).expect("there are products")
}

/// The operands that recoded ones stand for, assumed to be symmetric.
fn true_operands(m: &ModuleBuilder, name: &str, recoded: &[Signal]) -> Vec<Signal> {
    let mut operands = Vec::new();
    for (index, &value) in recoded.iter().enumerate() {
        let below = index.checked_sub(1).map(|below| recoded[below]);
        let operand = below.map_or(value, |below| value + below.bit(below.width() - 1));
        let limit = (1i64 << (value.width() - 1)) - 1;
        m.assume(&format!("{name}_{index}_is_symmetric"), operand.ge(-limit) & operand.le(limit));
        operands.push(operand.truncate(value.width()));
    }
    operands
}

/// Words are the sums of the true operands, each at its place, and recoding makes the recoded ones of them.
fn words(m: &ModuleBuilder, packing: &Packing, pe: &Inside) {
    for (name, recoded, offsets, word) in [
        ("activation", &pe.operands.activations, packing.activation_offsets(), pe.activation_word),
        ("weight", &pe.operands.weights, packing.weight_offsets(), pe.weight_word),
    ] {
        let operands = true_operands(m, &format!("multiplied_{name}"), recoded);
        let shifted = operands.iter().zip(offsets).map(|(operand, &offset)| operand.shift_left(offset));
        let sum = shifted.reduce(|sum, operand| sum + operand).expect("at least one");
        m.assert(&format!("the_{name}_word_is_the_sum_of_the_operands_at_their_places"), word.eq(sum));
        for (index, (&again, &recoded)) in recode(&operands).iter().zip(recoded).enumerate() {
            m.assert(&format!("{name}_{index}_is_recoded_as_the_array_does"), again.eq(recoded));
        }
        if operands.len() > 1 {
            let negative = word.lt(0) & operands[0].gt(0);
            m.cover(&format!("the_{name}_word_is_negative_with_a_positive_lowest_operand"), negative);
        }
    }
}

/// The free products end as the products of the true operands do, where the PE computes those bits.
fn canaries_are_low_bits(m: &ModuleBuilder, packing: &Packing, pe: &Inside, products: &[Signal]) {
    for (field, overlap) in packing.fields()[1..].iter().zip(packing.overlaps()).filter(|&(_, overlap)| overlap > 0) {
        let low = |recoded: &[Signal], index: usize| {
            let below = index.checked_sub(1).map(|below| recoded[below].bit(recoded[below].width() - 1));
            let operand = below.map_or(recoded[index], |below| recoded[index] + below);
            operand.slice(0, overlap)
        };
        let expected =
            (low(&pe.operands.activations, field.pixel) * low(&pe.operands.weights, field.column)).truncate(overlap);
        let product = products[field.pixel * packing.columns() + field.column].slice(0, overlap);
        let name = format!("the_low_bits_of_the_product_at_{}_are_those_of_its_operands", field.offset);
        m.assume(&name, product.eq(expected));
    }
}

/// The weights are those that were on the buses at the last load before the end of the last swap.
fn swapped_in(m: &ModuleBuilder, operands: &Operands, weights: &[Signal]) {
    let [loaded, swapped] = ["loaded_q", "swapped_q"].map(|name| m.register(name, u(1)).reset(0));
    let now_loaded = loaded.q | operands.load;
    loaded.next(now_loaded);
    swapped.next(mux(operands.swap, now_loaded, swapped.q));
    let buses = true_operands(m, "bus", &operands.buses);
    let (mut ghosts, mut changes) = (Vec::new(), Vec::new());
    for (column, (&bus, &weight)) in buses.iter().zip(weights).enumerate() {
        let shadow = m.register(&format!("loaded_weight_{column}_q"), bus.ty());
        shadow.next_when(operands.load, bus);
        let held = m.register(&format!("swapped_weight_{column}_q"), bus.ty());
        let latest = mux(operands.load, bus, shadow.q);
        held.next_when(operands.swap, latest);
        m.assert(&format!("weight_{column}_is_the_one_last_swapped_in"), implies(swapped.q, weight.eq(held.q)));
        ghosts.push(shadow.q);
        changes.push(latest.ne(held.q));
    }
    for (column, (&again, &shadow)) in recode(&ghosts).iter().zip(&operands.shadows).enumerate() {
        m.assert(&format!("shadow_{column}_is_the_one_last_loaded"), implies(loaded.q, shadow.eq(again)));
    }
    m.cover("a_second_tile_is_swapped_in", swapped.q & operands.swap & changes[0]);
}

/// Each sum that leaves is the sum that entered a cycle before plus the product of two cycles before.
fn sums(m: &ModuleBuilder, shape: &Shape, pe: &Inside, products: &[Signal]) {
    let packing = &shape.packing;
    let mut full = m.constant(u(1), 1);
    for stage in 0..LATENCY {
        full = m.delay_reset(&format!("full_{stage}_q"), full);
    }
    let above = match packing.sums() {
        Sums::Unpacked => pe.above.clone(),
        Sums::Packed => sums_above(m, packing, pe.above[0]),
    };
    let expected: Vec<Signal> = (products.iter().zip(above).enumerate())
        .map(|(index, (&product, above))| {
            let product = m.delay(&format!("expected_product_{index}_q"), product);
            m.delay(&format!("expected_{index}_q"), above + product)
        })
        .collect();
    let found = match packing.sums() {
        Sums::Unpacked => pe.sums.clone(),
        Sums::Packed => {
            let packed = packed(packing, &expected);
            m.assert("the_packed_sum_is_the_sums_at_their_places", implies(full, pe.sums[0].eq(packed)));
            unpack_sums(shape, pe.sums[0])
        }
    };
    for (index, (&found, &expected)) in found.iter().zip(&expected).enumerate() {
        let expected = expected.truncate(shape.sum.width().min(expected.width()));
        m.assert(&format!("sum_{index}_is_that_above_plus_the_product"), implies(full, found.eq(expected)));
    }
    let positive = found[found.len() - 1].gt(0);
    m.cover("a_negative_sum_is_beside_a_positive_one", full & found[0].lt(0) & positive);
}

/// Sums over all rows but one, whose packed sum enters.
fn sums_above(m: &ModuleBuilder, packing: &Packing, entering: Signal) -> Vec<Signal> {
    let limit = i64::from(packing.rows() - 1) * packing.product_limit();
    let ty = Ty::of_range((-limit).into(), limit.into()).expect("sums of a column fit");
    let sums: Vec<Signal> = (0..packing.products())
        .map(|index| {
            let sum = m.input(&format!("above_{index}_i"), ty);
            m.assume(&format!("sum_{index}_above_is_of_one_row_less"), sum.ge(-limit) & sum.le(limit));
            sum
        })
        .collect();
    m.assume("the_packed_sum_above_is_the_sums_at_their_places", entering.eq(packed(packing, &sums)));
    sums
}

const PROVED_REAL: &str = "for all operands: the words are the sums of the operands at their places; with a multiplier \
                           whose result is the sum of the products at their places, every sum that leaves is the one \
                           that entered plus its product, exactly";
const ASSUMED_REAL: &str = "operands are symmetric (+-127, +-31); the multiplier's result is the sum of the products at \
                            their places, each at most the product of extremes, with the low bits of its operands' \
                            product where they overlap; what enters is a sum over one row less";
const HOLES_REAL: &str = "that the multiplier multiplies: exhausted over all operands in simulation \
                          (`every_product_of_every_packing`); columns are proved row by row, by the invariant that \
                          is assumed of what enters and proved of what leaves";
const PROVED_SMALL: &str = "with its multiplier: every sum that leaves is the one that entered plus the product of its \
                            activation with the weight last swapped in, whatever is loaded when";
const ASSUMED_SMALL: &str = "operands are symmetric; packed sums that enter are over one row less";
const HOLES_SMALL: &str = "small operands stand for 6 and 8 bits: the text is the same for each width";

/// Planted where the word of two weights is made.
const fn sign_dropped(from: &'static str, to: &'static str) -> Mutant {
    Mutant { bug: "the lower weight's sign is dropped in the word", from, to }
}

/// Planted where a field's sign is given back to the one above.
const fn sign_kept(from: &'static str, to: &'static str) -> Mutant {
    Mutant { bug: "what a negative product took from the one above is not given back", from, to }
}

/// Planted where the bits that two products share are taken apart.
const fn shared(from: &'static str, to: &'static str) -> Mutant {
    Mutant { bug: "the low bits of the upper product stay in the lower one", from, to }
}

/// Planted in the shadow registers.
const NOT_LOADED: Mutant = Mutant {
    bug: "the upper weight is loaded in every cycle",
    from: "if (load_i) shadow_1_q <= weight_1_i;",
    to: "shadow_1_q <= weight_1_i;",
};

type Entry = (&'static str, &'static str, fn() -> Arc<Module>, &'static [Mutant]);

/// Free products at the widths there are.
const REAL: &[Entry] = &[
    (
        "packing_dsp48e2_int8",
        "27x18, 2 INT8 columns, 16 rows stay packed",
        || styled(Dsp48e2, Int8, 16),
        &[
            sign_dropped("_s19 = {{11{weight_0_q[7]}},", "_s19 = {{11{1'b0}},"),
            Mutant {
                bug: "a negative packed product is not extended to the packed sum",
                from: "product_q_s39 = {{4{product_q[34]}},",
                to: "product_q_s39 = {{4{1'b0}},",
            },
        ],
    ),
    (
        "packing_dsp48e2_int8_rows",
        "27x18, 2 INT8 columns, more than 16 rows",
        || styled(Dsp48e2, Int8, 32),
        &[sign_kept("{product_q[33:19], product_q[14]}", "{product_q[33:19], 1'b0}")],
    ),
    (
        "packing_dsp48e2_int6",
        "27x18, 2 INT6 columns, 32 rows stay packed",
        || styled(Dsp48e2, Int6, 32),
        &[sign_dropped("_s21 = {{15{weight_0_q[5]}},", "_s21 = {{15{1'b0}},")],
    ),
    (
        "packing_dense_int6",
        "27x18, 3 INT6 columns, 1 canary bit",
        || styled(Dsp48e2Dense, Int6, 16),
        &[
            sign_dropped("_s10 = {{4{weight_0_q[5]}},", "_s10 = {{4{1'b0}},"),
            shared("product_q[10] ^ canary_10_q", "product_q[10] ^ 1'b0"),
            sign_kept("{product_q[31:21], product_q[20]}", "{product_q[31:21], 1'b0}"),
        ],
    ),
    (
        "packing_quad_int6",
        "27x18, 2 pixels x 2 INT6 columns, 2 canary bits",
        || at_real_width(Packing::quad(16), Int6),
        &[
            sign_dropped("_s21 = {{15{weight_0_q[5]}},", "_s21 = {{15{1'b0}},"),
            shared("product_q[10] ^ canary_10_q", "product_q[10] ^ 1'b0"),
            Mutant {
                bug: "the canary of the topmost product is that of the one below",
                from: "product_q[31] ^ canary_31_q",
                to: "product_q[31] ^ canary_10_q",
            },
        ],
    ),
    (
        "packing_dsp48e1_int8",
        "25x18, 2 INT8 columns",
        || styled(Dsp48e1, Int8, 16),
        &[
            sign_dropped("_s17 = {{9{weight_0_q[7]}},", "_s17 = {{9{1'b0}},"),
            sign_kept("{product_q[31:17], product_q[14]}", "{product_q[31:17], 1'b0}"),
        ],
    ),
    (
        "packing_dsp48e1_int6",
        "25x18, 2 INT6 columns, 32 rows stay packed",
        || styled(Dsp48e1, Int6, 32),
        &[sign_dropped("_s19 = {{13{weight_0_q[5]}},", "_s19 = {{13{1'b0}},")],
    ),
    (
        "packing_mult18x19_int8",
        "18x19, 2 INT8 columns, 4 canary bits",
        || styled(Mult18x19, Int8, 16),
        &[shared("product_q[14:11] - canary_11_q", "product_q[14:11] - 4'd0")],
    ),
    (
        "packing_mult18x19_int6",
        "18x19, 2 INT6 columns",
        || styled(Mult18x19, Int6, 16),
        &[sign_kept("{product_q[23:13], product_q[10]}", "{product_q[23:13], 1'b0}")],
    ),
    (
        "packing_mult18x18_int8",
        "18x18, 2 INT8 columns, 5 canary bits",
        || styled(Mult18x18, Int8, 16),
        &[
            shared("product_q[14:10] - canary_10_q", "product_q[14:10] - 5'd0"),
            sign_dropped("_s10 = {{2{weight_0_q[7]}},", "_s10 = {{2{1'b0}},"),
        ],
    ),
    (
        "packing_mult18x18_int6",
        "18x18, 2 INT6 columns",
        || styled(Mult18x18, Int6, 16),
        &[sign_kept("{product_q[22:12], product_q[10]}", "{product_q[22:12], 1'b0}")],
    ),
    (
        "packing_mac16_int6",
        "16x16, 2 INT6 columns, 1 canary bit",
        || styled(Mac16, Int6, 16),
        &[shared("product_q[10] ^ canary_10_q", "product_q[10] ^ 1'b0")],
    ),
];

/// With real multipliers, small.
const SMALL: &[Entry] = &[
    (
        "packing_small_packed",
        "2 columns of 3 bits, 8 rows stay packed",
        || small_packing(3, 8, &[0], &[0, 8]),
        &[sign_dropped("_s8 = {{5{weight_0_q[2]}},", "_s8 = {{5{1'b0}},"), NOT_LOADED],
    ),
    (
        "packing_small_canaries",
        "2 columns of 4 bits, 2 canary bits",
        || small_packing(4, 4, &[0], &[0, 5]),
        &[shared("product_q[6:5] - canary_5_q", "product_q[6:5] - 2'd0"), NOT_LOADED],
    ),
    (
        "packing_small_quad",
        "2 pixels x 2 columns of 3 bits, 2 canary bits",
        || small_packing(3, 4, &[0, 4], &[0, 9]),
        &[
            shared("product_q[4] ^ canary_4_q", "product_q[4] ^ 1'b0"),
            Mutant {
                bug: "the canary of the topmost product is that of the one below",
                from: "product_q[13] ^ canary_13_q",
                to: "product_q[13] ^ canary_4_q",
            },
        ],
    ),
];

pub(super) fn proofs() -> Vec<Proof> {
    let proof = |&(name, subject, build, mutants): &Entry, [proved, assumed, holes]: [&'static str; 3]| Proof {
        name,
        subject,
        build,
        method: Method::Induction { base: 5, steps: 3 },
        reach_steps: 6,
        proved,
        assumed,
        holes,
        mutants,
    };
    let real = REAL.iter().map(|entry| proof(entry, [PROVED_REAL, ASSUMED_REAL, HOLES_REAL]));
    real.chain(SMALL.iter().map(|entry| proof(entry, [PROVED_SMALL, ASSUMED_SMALL, HOLES_SMALL]))).collect()
}

fn styled(style: MultiplierStyle, precision: Precision, rows: u32) -> Arc<Module> {
    at_real_width(Packing::of(style, precision, rows).expect("not the plain style"), precision)
}

fn small_packing(bits: u32, rows: u32, activations: &[u32], weights: &[u32]) -> Arc<Module> {
    let ports = Ports { activation: 18, weight: 27 };
    at_small_width(Packing::new(bits, rows, ports, activations, weights).expect("legal offsets"))
}
