//! The soft core's multiplier and divider against plain arithmetic.

use myelin_rtl::cpu::Multiply;
use myelin_rtl::cpu::multiply::multiply;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::bench::{Bench, chance, random};

/// What the ISA's section "M" says, in 64 bits.
fn expected(function: u32, a: u32, b: u32) -> u32 {
    let (signed_a, signed_b) = (i64::from(a as i32), i64::from(b as i32));
    let (unsigned_a, unsigned_b) = (i64::from(a), i64::from(b));
    let result = match function {
        0 => signed_a.wrapping_mul(signed_b),
        1 => (signed_a * signed_b) >> 32,
        2 => (signed_a * unsigned_b) >> 32,
        3 => ((u64::from(a) * u64::from(b)) >> 32) as i64,
        4 if b == 0 => -1,
        4 => signed_a / signed_b,
        5 if b == 0 => -1,
        5 => unsigned_a / unsigned_b,
        6 if b == 0 => signed_a,
        6 => signed_a % signed_b,
        7 if b == 0 => unsigned_a,
        _ => unsigned_a % unsigned_b,
    };
    result as u32
}

fn operand(random: &mut ChaCha8Rng) -> u32 {
    const CORNERS: [u32; 10] = [0, 1, 2, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, !1, !0];
    match random.random_range(0..4) {
        0 => CORNERS[random.random_range(0..CORNERS.len())],
        // Short operands: quotients and remainders of all lengths.
        1 => random.random::<u32>() >> random.random_range(0..32),
        _ => random.random(),
    }
}

/// Starts, and counts the cycles until it is done; the result.
#[track_caller]
fn run(bench: &mut Bench, function: u32, a: u32, b: u32) -> (u32, u32) {
    bench.set("start_i", 1);
    bench.set("function_i", function);
    bench.set("first_i", a);
    bench.set("second_i", b);
    bench.step();
    bench.set("start_i", 0);
    for cycle in 1..50 {
        let (done, result) = (bench.get("done_o") != 0, bench.get("result_o") as u32);
        bench.step();
        if done {
            return (result, cycle);
        }
    }
    panic!("function {function} of {a:#x} and {b:#x} does not end");
}

#[test]
fn computes_all_functions_in_the_cycles_stated() {
    for (style, product_cycles) in [(Multiply::Serial, 34), (Multiply::Dsp, 7)] {
        let mut random = random(11);
        let mut bench = Bench::new(&multiply(style));
        for case in 0..4000 {
            let (function, a, b) = (case % 8, operand(&mut random), operand(&mut random));
            let (result, cycles) = run(&mut bench, function, a, b);
            let what = format!("{style:?}, case {case}, function {function} of {a:#x} and {b:#x}");
            assert_eq!(result, expected(function, a, b), "{what}");
            assert_eq!(cycles, if function < 4 { product_cycles } else { 34 }, "{what}");
            if chance(&mut random, 20) {
                bench.step();
            }
        }
        bench.assert_covered();
    }
}

#[test]
fn a_reset_ends_what_is_under_way() {
    for style in [Multiply::Serial, Multiply::Dsp] {
        let mut bench = Bench::new(&multiply(style));
        for cycles in 0..36 {
            bench.set("start_i", 1);
            bench.set("function_i", 4);
            bench.set("first_i", 1000);
            bench.set("second_i", 7);
            bench.step();
            bench.set("start_i", 0);
            (0..cycles).for_each(|_| bench.step());
            bench.reset();
            assert_eq!(bench.get("done_o"), 0);
            assert_eq!(run(&mut bench, 6, 1000, 7).0, 6);
        }
    }
}
