//! One column of the drain against 64-bit arithmetic and golden.

use myelin_golden::{Precision, ShiftBits, ops::requantise};
use myelin_isa::Architecture;
use myelin_rtl::tensor::post_lane::{LATENCY, post_lane};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::bench::{Bench, cells, chance, operand, random};

/// One element, and how its window ends if it is the last one.
#[derive(Clone, Copy)]
struct Element {
    value: i64,
    bias: i64,
    data: i64,
    from_accumulator: bool,
    first: bool,
    inside: bool,
    add: bool,
    /// Shift s of a requantisation; 0 is none.
    shift: i64,
    /// Shift of a plane instead.
    raw: Option<i64>,
    low: i64,
    high: i64,
}

impl Element {
    /// Drains a value, alone in its window.
    fn alone(cell: &Architecture, value: i64, shift: i64) -> Element {
        let limit = i64::from(cell.precision().limit());
        Element {
            value,
            bias: 0,
            data: 0,
            from_accumulator: true,
            first: true,
            inside: true,
            add: false,
            shift,
            raw: None,
            low: -limit,
            high: limit,
        }
    }
}

/// `v / 2^s` rounded to nearest, halves toward +infinity, with no shift of the hardware's.
fn divide_rounding(value: i64, shift: i64) -> i64 {
    let divisor = 1i64 << shift;
    (2 * value + divisor).div_euclid(2 * divisor)
}

fn wrap_32(value: i64) -> i64 {
    i64::from(value as i32)
}

/// The result for each element as if it ended its window.
fn model(cell: &Architecture, elements: &[Element]) -> Vec<i64> {
    let bits = cell.precision().bits();
    let mut combined = 0;
    elements
        .iter()
        .map(|element| {
            let one = if element.from_accumulator { wrap_32(element.value + element.bias) } else { element.data };
            let so_far = if element.first { i64::from(i32::MIN) } else { combined };
            combined = match (element.inside, element.add) {
                (false, _) => so_far,
                (true, true) if element.first => one,
                (true, true) => wrap_32(so_far + one),
                (true, false) => so_far.max(one),
            };
            match element.raw {
                Some(offset) => {
                    // The low bits from the offset on, as a signed lane.
                    let plane = combined >> offset;
                    plane << (64 - bits) >> (64 - bits)
                }
                None => divide_rounding(combined, element.shift).clamp(element.low, element.high),
            }
        })
        .collect()
}

/// Sends one element each cycle; the result of each.
fn run(cell: &Architecture, elements: &[Element]) -> Vec<i64> {
    let mut bench = Bench::new(&post_lane(cell));
    let flag = i64::from;
    let mut results = Vec::new();
    for cycle in 0..elements.len() + LATENCY {
        let at = |stage: usize| cycle.checked_sub(stage).and_then(|index| elements.get(index));
        bench.set("valid_i", flag(at(0).is_some()));
        if let Some(element) = at(0) {
            bench.set("value_i", element.value);
            bench.set("bias_i", element.bias);
            bench.set("data_i", element.data);
            bench.set("from_accumulator_i", flag(element.from_accumulator));
        }
        if let Some(element) = at(1) {
            bench.set("first_i", flag(element.first));
            bench.set("inside_i", flag(element.inside));
            bench.set("add_i", flag(element.add));
            let biased = element.value + element.bias;
            let overflows = element.from_accumulator && wrap_32(biased) != biased;
            assert_eq!(bench.get("overflow_o") != 0, overflows, "{} + {}", element.value, element.bias);
        }
        if let Some(element) = at(2) {
            bench.set("amount_i", element.raw.unwrap_or((element.shift - 1).max(0)));
            bench.set("low_i", element.low);
            bench.set("high_i", element.high);
        }
        if let Some(element) = at(3) {
            bench.set("round_i", flag(element.raw.is_none() && element.shift > 0));
            bench.set("raw_i", flag(element.raw.is_some()));
        }
        if at(LATENCY).is_some() {
            results.push(bench.get("result_o"));
        }
        bench.step();
    }
    results
}

/// The corners of 32 bits, and the values around every half of every shift.
fn corner_values() -> Vec<i64> {
    let mut values = vec![i64::from(i32::MIN), i64::from(i32::MAX), i64::from(i32::MIN) + 1, 0, 1, -1];
    for bit in 0..31 {
        for around in -1..=1 {
            values.extend([(1 << bit) + around, -(1 << bit) + around]);
            // Three halves: rounds up, away from the one above.
            values.extend([(3 << bit >> 1) + around, -(3 << bit >> 1) + around]);
        }
    }
    values.retain(|&value| wrap_32(value) == value);
    values
}

#[test]
fn requantises_every_corner_at_every_shift() {
    for cell in cells() {
        let cases: Vec<Element> = (0..=31)
            .flat_map(|shift| corner_values().into_iter().map(move |value| (shift, value)))
            .map(|(shift, value)| Element::alone(&cell, value, shift))
            .collect();
        let (found, expected) = (run(&cell, &cases), model(&cell, &cases));
        for ((case, found), expected) in cases.iter().zip(found).zip(expected) {
            assert_eq!(found, expected, "{cell} value {} shift {}", case.value, case.shift);
        }
    }
}

#[test]
fn requantises_as_golden_does_wherever_golden_clips() {
    for cell in cells() {
        let bits = cell.precision().bits();
        let precision = Precision::new(bits.into()).unwrap();
        let mut random = random(u64::from(bits));
        // Where precision + shift reaches 32 the chain's device does not clip, and the compiler does not go.
        let shifts: Vec<u32> = (1..32 - bits).collect();
        let cases: Vec<Element> = (0..4000)
            .map(|index| Element::alone(&cell, random.random::<i32>().into(), shifts[index % shifts.len()].into()))
            .chain(corner_values().into_iter().map(|value| Element::alone(&cell, value, 8)))
            .collect();
        for (case, found) in cases.iter().zip(run(&cell, &cases)) {
            let shift = ShiftBits::new(case.shift).unwrap();
            let expected = requantise(case.value as i32, shift, precision);
            assert_eq!(found, i64::from(expected), "{cell} value {} shift {}", case.value, case.shift);
        }
    }
}

fn random_element(cell: &Architecture, random: &mut ChaCha8Rng) -> Element {
    let bits = cell.precision().bits();
    let (a, b) = (operand(random, bits), operand(random, bits));
    let extreme = |random: &mut ChaCha8Rng| match random.random_range(0..6) {
        0 => i64::from(i32::MIN),
        1 => i64::from(i32::MAX),
        2 => random.random_range(-1000..1000),
        _ => random.random::<i32>().into(),
    };
    let planes = 32i64.div_euclid(bits.into());
    Element {
        value: extreme(random),
        bias: extreme(random),
        data: operand(random, bits),
        from_accumulator: chance(random, 60),
        first: chance(random, 40),
        inside: chance(random, 75),
        add: chance(random, 30),
        shift: random.random_range(0..32),
        raw: chance(random, 25).then(|| random.random_range(0..=planes) * i64::from(bits) % 32),
        low: a.min(b),
        high: a.max(b),
    }
}

#[test]
fn random_windows_do_as_64_bit_arithmetic_does() {
    for (seed, cell) in (0..).zip(cells()) {
        let mut random = random(seed);
        let mut cases: Vec<Element> = (0..6000).map(|_| random_element(&cell, &mut random)).collect();
        // Nothing is combined before the first window.
        cases[0].first = true;
        let (found, expected) = (run(&cell, &cases), model(&cell, &cases));
        for (index, (found, expected)) in found.into_iter().zip(expected).enumerate() {
            assert_eq!(found, expected, "{cell} seed {seed} element {index}");
        }
    }
}

#[test]
fn a_window_of_padding_alone_is_the_least_value_before_the_clamp() {
    for cell in cells() {
        let empty = Element { inside: false, ..Element::alone(&cell, 5, 3) };
        assert_eq!(run(&cell, &[empty]), [-i64::from(cell.precision().limit())], "{cell}");
    }
}
