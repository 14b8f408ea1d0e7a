//! Every operator against its definition on integers, on every engine.
//!
//! The expectation is plain `i128` arithmetic, independent of all engines: small types are
//! exhausted, 64-bit ones are tried at their edges.

use std::sync::Arc;

use myelin_conformance::cosim::{Engine, Response, Trace, compare, response};
use myelin_conformance::lint::lint;
use myelin_conformance::random_design::batch;
use myelin_conformance::tools::{Tool, are_present, available};
use myelin_hdl::{Design, Module, Signal, Ty, choose, concat, module, mux, s, select, u};

type Build = Box<dyn Fn(Signal, Signal) -> Signal>;
type Meaning = Box<dyn Fn(i128, i128) -> i128>;

/// An output: its name, how it is built, and the integer it stands for (modulo its width).
struct Operator {
    name: String,
    build: Build,
    meaning: Meaning,
}

fn operator(
    name: impl Into<String>,
    build: impl Fn(Signal, Signal) -> Signal + 'static,
    meaning: impl Fn(i128, i128) -> i128 + 'static,
) -> Operator {
    Operator { name: name.into(), build: Box::new(build), meaning: Box::new(meaning) }
}

/// Bits of the integer `a`, of type `ty`.
fn bits(ty: Ty, a: i128) -> i128 {
    a & i128::from(ty.mask())
}

/// The integer that the low bits of `a` stand for in `ty`.
fn read(ty: Ty, a: i128) -> i128 {
    ty.value_of(bits(ty, a) as u64)
}

fn of_sign(like: Ty, width: u32) -> Ty {
    if like.is_signed() { s(width) } else { u(width) }
}

/// All operators on operands of these types, where the result has at most 64 bits.
fn operators(a_ty: Ty, b_ty: Ty) -> Vec<Operator> {
    let mut all = comparisons(a_ty, b_ty);
    all.extend(bitwise(a_ty, b_ty));
    all.extend(shifts(a_ty, b_ty));
    all.extend(conversions(a_ty));
    all.push(operator("wrapping_add", |a, b| a.wrapping_add(b), |a, b| a + b));
    all.push(operator("wrapping_sub", |a, b| a.wrapping_sub(b), |a, b| a - b));
    if a_ty.width().max(b_ty.width()) <= 62 {
        all.push(operator("add", |a, b| a + b, |a, b| a + b));
        all.push(operator("sub", |a, b| a - b, |a, b| a - b));
        all.push(operator("neg", |a, _| -a, |a, _| -a));
        all.push(operator("add_literal", |a, _| a + 5, |a, _| a + 5));
        all.push(operator("sub_literal", |a, _| a - -3, |a, _| a + 3));
        all.push(operator("literal_arms", |a, b| mux(a.bit(0), -9, b), |a, b| if a & 1 == 1 { -9 } else { b }));
        all.push(operator("mux", |a, b| mux(a.bit(0), a, b), |a, b| if a & 1 == 1 { a } else { b }));
        all.push(operator(
            "choose",
            |a, b| choose(7).when(a.lt(b), a).when(a.eq(b), -1).end(),
            |a, b| {
                if a < b {
                    a
                } else if a == b {
                    -1
                } else {
                    7
                }
            },
        ));
    }
    if a_ty.width() + b_ty.width() <= 63 {
        all.push(operator("mul", |a, b| a * b, |a, b| a * b));
    }
    if a_ty.width() <= 60 {
        all.push(operator("mul_literal", |a, _| a * -3, |a, _| a * -3));
    }
    all
}

fn comparisons(a_ty: Ty, b_ty: Ty) -> Vec<Operator> {
    let mut all = vec![
        operator("eq", |a, b| a.eq(b), |a, b| (a == b).into()),
        operator("ne", |a, b| a.ne(b), |a, b| (a != b).into()),
        operator("lt", |a, b| a.lt(b), |a, b| (a < b).into()),
        operator("le", |a, b| a.le(b), |a, b| (a <= b).into()),
        operator("gt", |a, b| a.gt(b), |a, b| (a > b).into()),
        operator("ge", |a, b| a.ge(b), |a, b| (a >= b).into()),
        operator("lt_cast", |a, b| a.lt(b.cast_signed()), move |a, b| (a < read(s(b_ty.width()), b)).into()),
        operator(
            "lt_slice",
            |a, b| a.bit(0).lt(b.truncate(1)),
            move |a, b| (bits(u(1), a) < read(of_sign(b_ty, 1), b)).into(),
        ),
    ];
    let literals = [0, 1, -1, 2, 7, -8, a_ty.max(), a_ty.min(), a_ty.max() + 1, a_ty.min() - 1];
    for (index, literal) in literals.into_iter().enumerate() {
        let Ok(value) = i64::try_from(literal) else { continue };
        all.push(operator(format!("lt_{index}"), move |a, _| a.lt(value), move |a, _| (a < literal).into()));
        all.push(operator(format!("le_{index}"), move |a, _| a.le(value), move |a, _| (a <= literal).into()));
        all.push(operator(format!("ge_{index}"), move |a, _| a.ge(value), move |a, _| (a >= literal).into()));
        all.push(operator(format!("eq_{index}"), move |a, _| a.eq(value), move |a, _| (a == literal).into()));
    }
    all
}

fn bitwise(a_ty: Ty, b_ty: Ty) -> Vec<Operator> {
    let full = i128::from(a_ty.mask());
    let mut all = vec![
        operator("not", |a, _| !a, |a, _| !a),
        operator("any", |a, _| a.any(), |a, _| (a != 0).into()),
        operator("all", |a, _| a.all(), move |a, _| (bits(a_ty, a) == full).into()),
        operator("parity", |a, _| a.parity(), move |a, _| (bits(a_ty, a).count_ones() & 1).into()),
    ];
    if a_ty.width() == b_ty.width() {
        all.push(operator("and", move |a, b| a & b.cast(a_ty), |a, b| a & b));
        all.push(operator("or", move |a, b| a | b.cast(a_ty), |a, b| a | b));
        all.push(operator("xor", move |a, b| a ^ b.cast(a_ty), |a, b| a ^ b));
    }
    if a_ty.width() + b_ty.width() <= 61 {
        all.push(operator(
            "concat",
            |a, b| concat(&[a, b, Signal::constant(u(3), 5)]),
            move |a, b| (bits(a_ty, a) << b_ty.width() | bits(b_ty, b)) << 3 | 5,
        ));
    }
    all
}

fn shifts(a_ty: Ty, b_ty: Ty) -> Vec<Operator> {
    let width = a_ty.width();
    let mut all = Vec::new();
    for amount in [0, 1, width - 1, width, width + 1, 64, 99] {
        all.push(operator(format!("shift_right_{amount}"), move |a, _| a.shift_right(amount), move |a, _| a >> amount));
        let rotated = move |a: i128, _| {
            let (amount, a) = (amount % width, bits(a_ty, a));
            a << amount | a >> (width - amount)
        };
        all.push(operator(format!("rotate_left_{amount}"), move |a, _| a.rotate_left(amount), rotated));
        if width + amount <= 64 {
            all.push(operator(
                format!("shift_left_{amount}"),
                move |a, _| a.shift_left(amount),
                move |a, _| a << amount,
            ));
        }
    }
    // A shift by as much as the width or more takes every bit away.
    let capped = move |b: i128| bits(b_ty, b).min(64) as u32;
    let left = move |a: i128, b| if capped(b) >= width { 0 } else { a << capped(b) };
    all.push(operator("shift_left_by", |a, b| a.shift_left_by(b.cast_unsigned()), left));
    all.push(operator("shift_right_by", |a, b| a.shift_right_by(b.cast_unsigned()), move |a, b| a >> capped(b)));
    let cast = |a: Signal, b: Signal| a.cast_signed().shift_right_by(b.cast_unsigned());
    all.push(operator("cast_shift_right_by", cast, move |a, b| read(s(width), a) >> capped(b)));
    for amount in [0, 1, i64::from(width) - 1, i64::from(width), 100] {
        let fixed = move |a: Signal, _| a.shift_right_by(Signal::constant(u(7), amount));
        all.push(operator(format!("shift_right_by_{amount}"), fixed, move |a, _| a >> amount));
        let fixed = move |a: Signal, _| a.shift_left_by(Signal::constant(u(7), amount));
        let lost = amount >= i64::from(width);
        all.push(operator(format!("shift_left_by_{amount}"), fixed, move |a, _| if lost { 0 } else { a << amount }));
    }
    all
}

fn conversions(a_ty: Ty) -> Vec<Operator> {
    let width = a_ty.width();
    let mut all = vec![
        operator("cast_signed", |a, _| a.cast_signed(), move |a, _| read(s(width), a)),
        operator("cast_unsigned", |a, _| a.cast_unsigned(), move |a, _| bits(a_ty, a)),
        operator("extend", |a, _| if a.ty().is_signed() { a.extend(s(64)) } else { a.extend(u(64)) }, |a, _| a),
        operator("top", |a, _| a.bit(a.width() - 1), move |a, _| bits(a_ty, a) >> (width - 1)),
        operator(
            "truncate",
            |a, _| a.truncate(a.width().div_ceil(2)),
            move |a, _| read(of_sign(a_ty, width.div_ceil(2)), a),
        ),
        // The last item stands for every index beyond.
        operator(
            "select",
            |a, b| select(a.cast_unsigned(), &[b.bit(0), 0.into_bit(), 1.into_bit(), b.bit(0)]),
            move |a, b| match bits(a_ty, a) {
                1 => 0,
                2 => 1,
                _ => b & 1,
            },
        ),
        operator(
            "select_3",
            |a, b| select(a.cast_unsigned(), &[b.bit(0), 0.into_bit(), 1.into_bit()]),
            move |a, b| match bits(a_ty, a) {
                0 => b & 1,
                1 => 0,
                _ => 1,
            },
        ),
    ];
    for ty in [u(1), s(1), u(2), s(2), u(3), s(5), u(31), s(32), u(63), s(63), u(64), s(64)] {
        all.push(operator(
            format!("saturate_{ty}"),
            move |a, _| a.saturate(ty),
            move |a, _| a.clamp(ty.min(), ty.max()),
        ));
    }
    all
}

trait IntoBit {
    fn into_bit(self) -> Signal;
}

impl IntoBit for i64 {
    fn into_bit(self) -> Signal {
        Signal::constant(u(1), self)
    }
}

fn top(a_ty: Ty, b_ty: Ty) -> Arc<Module> {
    module(format!("on_{a_ty}_{b_ty}"), |m| {
        let (a, b) = (m.input("a_i", a_ty), m.input("b_i", b_ty));
        for (index, operator) in operators(a_ty, b_ty).iter().enumerate() {
            m.output(&format!("{}_{index}_o", operator.name), (operator.build)(a, b));
        }
    })
}

/// The integers tried of a type: all of a small one, the edges and some others of a large one.
fn values(ty: Ty) -> Vec<i128> {
    if ty.width() <= 4 {
        return (ty.min()..=ty.max()).collect();
    }
    let mut values = vec![ty.min(), ty.min() + 1, -1, 0, 1, 2, 31, 32, 63, 64, ty.max() / 3, ty.max() - 1, ty.max()];
    values.retain(|value| (ty.min()..=ty.max()).contains(value));
    values
}

/// Shows the Verilog to every tool, applies every pair of values, and compares every engine with the meanings.
fn check(pairs: &[(Ty, Ty)]) {
    let tops: Vec<Arc<Module>> = pairs.iter().map(|&(a, b)| top(a, b)).collect();
    let design = batch("operators", &tops);
    for tool in [Tool::Verilator, Tool::Icarus, Tool::Yosys] {
        if available(&format!("lint of operators by {tool}"), &[tool]) {
            lint(&design, tool).expect("no complaints");
        }
    }
    let applied: Vec<Vec<(i128, i128)>> = pairs
        .iter()
        .map(|&(a, b)| values(a).iter().flat_map(|&x| values(b).into_iter().map(move |y| (x, y))).collect())
        .collect();
    let longest = applied.iter().map(Vec::len).max().unwrap_or(0);
    let mut trace = Trace::default();
    let mut expected = Vec::new();
    for cycle in 0..longest {
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        for ((&(a_ty, b_ty), values), top) in pairs.iter().zip(&applied).zip(&tops) {
            let (a, b) = values[cycle % values.len()];
            inputs.extend([bits(a_ty, a) as u64, bits(b_ty, b) as u64]);
            for (operator, port) in operators(a_ty, b_ty).iter().zip(&top.outputs) {
                outputs.push(Some(bits(port.ty, (operator.meaning)(a, b)) as u64));
            }
        }
        trace.push(inputs);
        expected.push(outputs);
    }
    let definition = Response::new("the definition", expected);
    for engine in Engine::ALL.into_iter().filter(|engine| are_present(engine.tools())) {
        let found = response(engine, &design, &trace).expect("the engine answers");
        if let Err(difference) = compare(&design, &definition, &found) {
            panic!("{difference}");
        }
    }
}

fn say_what_is_skipped() {
    available("operators under Icarus", &[Tool::Icarus]);
    available("operators under Verilator", &[Tool::Verilator, Tool::Cxx]);
}

#[test]
fn operators_on_small_types_mean_what_they_say_for_all_values() {
    say_what_is_skipped();
    let types = [u(1), s(1), u(3), s(3)];
    let mut pairs: Vec<(Ty, Ty)> = types.iter().flat_map(|&a| types.iter().map(move |&b| (a, b))).collect();
    pairs.extend([(u(4), s(2)), (s(4), u(2)), (u(2), s(4)), (s(4), s(4))]);
    check(&pairs);
}

#[test]
fn operators_on_wide_types_mean_what_they_say_at_the_edges() {
    say_what_is_skipped();
    let pairs = [
        (u(64), s(64)),
        (s(64), u(64)),
        (s(64), s(64)),
        (u(64), u(7)),
        (s(64), u(7)),
        (u(32), s(32)),
        (s(32), s(16)),
        (s(33), u(31)),
        (u(63), s(63)),
        (s(8), u(64)),
        (u(31), u(32)),
    ];
    check(&pairs);
}

/// Tools fold what they find to be constant by looking through ports, by code of their own.
#[test]
fn operators_on_constants_that_come_through_a_port_mean_the_same() {
    say_what_is_skipped();
    let mut expected = Vec::new();
    let tied = module("tied", |m| {
        for (a_ty, b_ty) in [(s(2), s(2)), (u(2), s(1)), (s(1), u(64))] {
            let child = top(a_ty, b_ty);
            for (place, (a, b)) in
                values(a_ty).iter().flat_map(|&a| values(b_ty).into_iter().map(move |b| (a, b))).enumerate()
            {
                let instance = m.instance(&format!("{}_at_{place}", child.name), &child);
                instance.input("a_i", Signal::constant(a_ty, a as i64)).input("b_i", Signal::constant(b_ty, b as i64));
                for (operator, port) in operators(a_ty, b_ty).iter().zip(&child.outputs) {
                    m.output(&format!("{}_{place}_{}", child.name, port.name), instance.output(&port.name));
                    expected.push(Some(bits(port.ty, (operator.meaning)(a, b)) as u64));
                }
            }
        }
    });
    let design = Design::new(tied).expect("good names");
    let mut trace = Trace::default();
    trace.push(Vec::new());
    let definition = Response::new("the definition", vec![expected]);
    for engine in Engine::ALL.into_iter().filter(|engine| are_present(engine.tools())) {
        let found = response(engine, &design, &trace).expect("the engine answers");
        if let Err(difference) = compare(&design, &definition, &found) {
            panic!("{difference}");
        }
    }
}
