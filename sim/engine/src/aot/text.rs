//! Writes a program as Rust source.
//!
//! Each task is a function. In each turn of its loop everything is read and computed before
//! anything is stored, so that the order of the actions does not matter.

use std::fmt::Write;

use myelin_hdl::{BinaryOp, Ty};
use rustc_hash::FxHashSet;

use super::scalar;
use crate::native::Source;
use crate::plan::lattice::LANES_MIN;
use crate::plan::schedule::{Action, CopyRun, Task, WireRead};
use crate::plan::{ArrayId, ValueId, ValueOp, container_bytes};

const PRELUDE: &str = "\
#![no_std]
#![feature(portable_simd)]
#![allow(warnings)]
use core::simd::prelude::*;
use core::simd::Select;
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! { loop {} }
#[inline(always)]
unsafe fn get<T: Copy>(p: *mut u8, at: usize) -> T { unsafe { p.add(at).cast::<T>().read_unaligned() } }
#[inline(always)]
unsafe fn set<T: Copy>(p: *mut u8, at: usize, value: T) { unsafe { p.add(at).cast::<T>().write_unaligned(value) } }
#[inline(always)]
unsafe fn copy<T: Copy>(p: *mut u8, from: usize, to: usize, count: usize, from_stride: usize, to_stride: usize) {
    let mut index = 0;
    while index < count {
        unsafe { set::<T>(p, to + index * to_stride, get::<T>(p, from + index * from_stride)) };
        index += 1;
    }
}
";

/// The source of a program for vectors of `lanes` lanes.
pub(super) fn program(source: Source<'_>, lanes: usize) -> String {
    let mut text = PRELUDE.to_owned();
    for bytes in [1, 2, 4, 8] {
        let bits = bytes * 8;
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "type I{bits} = Simd<i{bits}, {lanes}>;");
    }
    for (index, task) in source.program.tasks.iter().enumerate() {
        let _ = writeln!(text, "unsafe fn task_{index}(p: *mut u8) {{ unsafe {{");
        Writer { source, task, lanes, text: &mut text, uniform: FxHashSet::default() }.task();
        text.push_str("} }\n");
    }
    text.push_str("#[unsafe(no_mangle)]\npub unsafe extern \"C\" fn edge(p: *mut u8) { unsafe {\n");
    for index in 0..source.program.tasks.len() {
        let _ = writeln!(text, "    task_{index}(p);");
    }
    text.push_str("} }\n");
    text
}

struct Writer<'a, 'b> {
    source: Source<'a>,
    task: &'a Task,
    lanes: usize,
    text: &'b mut String,
    /// Values that are the same in all lanes of a vector task.
    uniform: FxHashSet<ValueId>,
}

macro_rules! line {
    ($writer:expr, $($arguments:tt)*) => {
        let _ = writeln!($writer.text, $($arguments)*);
    };
}

impl Writer<'_, '_> {
    fn task(mut self) {
        for run in &self.task.fills {
            self.copy(run);
        }
        let strand = self.task.strand;
        let lanes = self.source.strands.lanes(strand);
        let has_memory = self.source.strands.strand(strand).limbs.iter().any(|limb| !limb.module.memories.is_empty());
        if lanes == 1 {
            line!(self, "let i = 0_usize;");
            self.single();
        } else if lanes < LANES_MIN || has_memory {
            let turns =
                if self.task.descending { format!("(0..{lanes}_usize).rev()") } else { format!("0..{lanes}_usize") };
            line!(self, "for i in {turns} {{");
            self.single();
            line!(self, "}}");
        } else {
            self.vector();
        }
    }

    fn copy(&mut self, run: &CopyRun) {
        let CopyRun { from, to, element_bytes, count, from_stride, to_stride } = *run;
        let contiguous = count > 1 && from_stride == element_bytes && to_stride == element_bytes;
        if contiguous {
            line!(self, "core::ptr::copy_nonoverlapping(p.add({from}), p.add({to}), {});", count * element_bytes);
        } else {
            line!(self, "copy::<u{}>(p, {from}, {to}, {count}, {from_stride}, {to_stride});", element_bytes * 8);
        }
    }

    fn ty(&self, id: ValueId) -> Ty {
        self.source.values.ty(id)
    }

    /// Where an array is read for all lanes at once, or for lane `i`.
    fn at(&self, array: ArrayId, delta: isize) -> String {
        let array = self.source.state.array(array);
        let bytes = array.element_bytes();
        let at = array.offset as isize + delta * bytes as isize;
        if self.source.strands.lanes(array.strand) == 1 { format!("{at}") } else { format!("{at} + i * {bytes}") }
    }

    /// The array and distance at which a value is read lane by lane.
    fn place(&self, id: ValueId) -> Option<(ArrayId, isize)> {
        if let Some(&array) = self.task.loaded.get(&id) {
            return Some((array, 0));
        }
        match self.source.values.value(id).op {
            ValueOp::Cell(cell) => Some((self.source.state.cell(cell).array, 0)),
            ValueOp::Wire(wire) => match self.source.program.reads[&wire] {
                WireRead::Window { array, delta } => Some((array, delta)),
                WireRead::Element(_) => None,
            },
            _ => None,
        }
    }

    /// A value as a single `i64`.
    fn single_value(&self, id: ValueId) -> String {
        let definition = self.source.values.value(id);
        let element = scalar::element(definition.ty);
        if let Some((array, delta)) = self.place(id) {
            return format!("get::<{element}>(p, {}) as i64", self.at(array, delta));
        }
        match definition.op {
            ValueOp::Wire(wire) => match self.source.program.reads[&wire] {
                WireRead::Element(at) => format!("get::<{element}>(p, {at}) as i64"),
                WireRead::Window { .. } => unreachable!("a window has a place"),
            },
            ValueOp::MemoryRead { memory, lane, address } => {
                let memory = self.source.state.memory(memory);
                let at = memory.offset + lane as usize * memory.element_bytes();
                let (word, instance) = (memory.word_bytes(), memory.instance_bytes());
                format!("get::<{element}>(p, {at} + v{} as usize * {word} + i * {instance}) as i64", address.0)
            }
            ref op => scalar::operator(op, definition.ty, |id| self.ty(id), |id| format!("v{}", id.0)),
        }
    }

    /// All values and actions of lane `i`.
    fn single(&mut self) {
        for &id in &self.task.values {
            let value = self.single_value(id);
            line!(self, "let v{}: i64 = {value};", id.0);
        }
        for action in &self.task.actions {
            self.single_action(action);
        }
    }

    fn single_action(&mut self, action: &Action) {
        match action {
            Action::Store { value, array } => self.set(*array, &format!("v{}", value.0)),
            Action::Keep(_) => {}
            Action::Shift { from, bytes, by, .. } => {
                line!(self, "core::ptr::copy(p.add({from}), p.add({}), {bytes});", from + by);
            }
            Action::Commit { cell, next, enable } => {
                let array = self.source.state.cell(*cell).array;
                if let Some(enable) = enable {
                    line!(self, "if v{} != 0 {{", enable.0);
                }
                self.set(array, &format!("v{}", next.0));
                if enable.is_some() {
                    line!(self, "}}");
                }
            }
            Action::TakeWord { memory, cells, address, enable } => {
                let memory = *self.source.state.memory(*memory);
                let condition = enable.map_or("true".to_owned(), |enable| format!("v{} != 0", enable.0));
                line!(self, "if {condition} {{");
                line!(
                    self,
                    "let word = {} + v{} as usize * {} + i * {};",
                    memory.offset,
                    address.0,
                    memory.word_bytes(),
                    memory.instance_bytes()
                );
                let element = scalar::element(memory.lane_ty);
                for (lane, &cell) in cells.iter().enumerate() {
                    let value = format!("get::<{element}>(p, word + {})", lane * memory.element_bytes());
                    self.set(self.source.state.cell(cell).array, &value);
                }
                line!(self, "}}");
            }
            Action::WriteWord { memory, address, enable, lane_enables, data } => {
                let memory = *self.source.state.memory(*memory);
                line!(self, "if v{} != 0 {{", enable.0);
                line!(
                    self,
                    "let word = {} + v{} as usize * {} + i * {};",
                    memory.offset,
                    address.0,
                    memory.word_bytes(),
                    memory.instance_bytes()
                );
                let element = scalar::element(memory.lane_ty);
                for (lane, value) in data.iter().enumerate() {
                    let store = format!(
                        "set::<{element}>(p, word + {}, v{} as {element});",
                        lane * memory.element_bytes(),
                        value.0
                    );
                    match lane_enables {
                        Some(enables) => {
                            line!(self, "if v{} != 0 {{ {store} }}", enables[lane].0);
                        }
                        None => {
                            line!(self, "{store}");
                        }
                    }
                }
                line!(self, "}}");
            }
            Action::Check { array, condition } => {
                let at = self.at(*array, 0);
                line!(self, "set::<u8>(p, {at}, (v{} ^ 1) as u8);", condition.0);
                line!(
                    self,
                    "set::<u8>(p, {0}, get::<u8>(p, {0}) | (v{1} ^ 1) as u8);",
                    self.source.state.failed,
                    condition.0
                );
            }
            Action::Count { array, condition } => {
                let at = self.at(*array, 0);
                line!(self, "set::<u8>(p, {at}, get::<u8>(p, {at}).wrapping_add(v{} as u8));", condition.0);
            }
        }
    }

    fn set(&mut self, array: ArrayId, value: &str) {
        let element = scalar::element(self.source.state.array(array).ty);
        let at = self.at(array, 0);
        line!(self, "set::<{element}>(p, {at}, ({value}) as {element});");
    }

    /// All values and actions of all lanes.
    fn vector(&mut self) {
        for &id in &self.task.values {
            if self.is_uniform(id) {
                let value = self.single_value(id);
                line!(self, "let v{}: i64 = {value};", id.0);
                self.uniform.insert(id);
            }
        }
        let slots = self.source.state.slots(self.task.strand);
        let turns = (slots.end() - slots.first()).div_ceil(self.lanes);
        let order = if self.task.descending { ".rev()" } else { "" };
        let checked = self.task.actions.iter().any(|action| matches!(action, Action::Check { .. }));
        if checked {
            line!(self, "let mut failed = I8::splat(0);");
        }
        line!(self, "for turn in (0..{turns}_usize){order} {{");
        line!(self, "let i = {} + turn * {};", slots.first(), self.lanes);
        for &id in &self.task.values {
            if !self.uniform.contains(&id) {
                self.vector_value(id);
            }
        }
        for action in &self.task.actions {
            self.vector_action(action);
        }
        line!(self, "}}");
        if checked {
            line!(self, "if failed.reduce_or() != 0 {{ set::<u8>(p, {}, 1); }}", self.source.state.failed);
        }
    }

    fn is_uniform(&self, id: ValueId) -> bool {
        if self.place(id).is_some() {
            return false;
        }
        let mut same = true;
        self.source.values.value(id).op.for_each_operand(|operand| same &= self.uniform.contains(&operand));
        same
    }

    fn vector_action(&mut self, action: &Action) {
        match action {
            Action::Store { value, array } => {
                let value = self.vector_in(*value, container_bytes(self.ty(*value)));
                let at = self.at(*array, 0);
                line!(self, "set(p, {at}, {value});");
            }
            Action::Keep(_) => {}
            Action::Commit { cell, next, enable } => {
                let array = self.source.state.cell(*cell).array;
                let bytes = container_bytes(self.source.state.array(array).ty);
                let mut value = self.vector_in(*next, bytes);
                let at = self.at(array, 0);
                if let Some(enable) = enable {
                    let mask = self.mask_in(*enable, bytes);
                    value = format!("{mask}.select({value}, get::<I{}>(p, {at}))", bytes * 8);
                }
                line!(self, "set(p, {at}, {value});");
            }
            Action::Check { array, condition } => {
                let active = self.at(self.source.state.active(self.task.strand), 0);
                let holds = self.vector_in(*condition, 1);
                let at = self.at(*array, 0);
                line!(self, "let bad = get::<I8>(p, {active}) & !{holds};");
                line!(self, "failed |= bad; set(p, {at}, bad);");
            }
            Action::Count { array, condition } => {
                let holds = self.vector_in(*condition, 1);
                let at = self.at(*array, 0);
                line!(self, "set(p, {at}, get::<I8>(p, {at}) + {holds});");
            }
            Action::TakeWord { .. } | Action::WriteWord { .. } | Action::Shift { .. } => {
                unreachable!("strands with memories are not vectors")
            }
        }
    }

    /// A value as a vector of integers of `bytes`: extended, or its low bits.
    fn vector_in(&self, id: ValueId, bytes: u32) -> String {
        let bits = bytes * 8;
        if self.uniform.contains(&id) {
            return format!("I{bits}::splat(v{} as i{bits})", id.0);
        }
        let (ty, own) = (self.ty(id), container_bytes(self.ty(id)));
        if own == bytes {
            format!("v{}", id.0)
        } else if own < bytes && !ty.is_signed() {
            format!("v{}.cast::<u{}>().cast::<i{bits}>()", id.0, own * 8)
        } else {
            format!("v{}.cast::<i{bits}>()", id.0)
        }
    }

    /// A one-bit value as a mask for integers of `bytes`.
    fn mask_in(&self, id: ValueId, bytes: u32) -> String {
        format!("{}.simd_ne(I{1}::splat(0))", self.vector_in(id, bytes), bytes * 8)
    }

    fn vector_value(&mut self, id: ValueId) {
        let values = self.source.values;
        let definition = values.value(id);
        let (ty, bytes) = (definition.ty, container_bytes(definition.ty));
        let bits = bytes * 8;
        let text = match self.place(id) {
            Some((array, delta)) => format!("get::<I{bits}>(p, {})", self.at(array, delta)),
            None => self.vector_operator(&definition.op, ty),
        };
        line!(self, "let v{}: I{bits} = {text};", id.0);
    }

    fn vector_operator(&self, op: &ValueOp, ty: Ty) -> String {
        let bytes = container_bytes(ty);
        let bits = bytes * 8;
        let wrap = |text: String| match (bits - ty.width(), ty.is_signed()) {
            (0, _) => text,
            (unused, true) => format!("(({text}) << I{bits}::splat({unused})) >> I{bits}::splat({unused})"),
            (_, false) => format!("({text}) & I{bits}::splat({:#x})", ty.mask()),
        };
        let in_own = |id: ValueId| self.vector_in(id, bytes);
        match *op {
            ValueOp::Wrap(a) if ty.contains(self.ty(a)) => in_own(a),
            ValueOp::Wrap(a) => wrap(in_own(a)),
            ValueOp::ShiftRight(a, amount) => {
                let from = self.ty(a);
                let wide = container_bytes(from) * 8;
                let sign = if from.is_signed() { 'i' } else { 'u' };
                format!("(v{}.cast::<{sign}{wide}>() >> Simd::splat({amount})).cast::<i{bits}>()", a.0)
            }
            ValueOp::Concat { high, low } => {
                format!("({} << I{bits}::splat({})) | {}", in_own(high), self.ty(low).width(), in_own(low))
            }
            ValueOp::Not(a) if ty.is_signed() => format!("!{}", in_own(a)),
            ValueOp::Not(a) => format!("{} ^ I{bits}::splat({:#x}_u64 as i{bits})", in_own(a), ty.mask()),
            ValueOp::ReduceOr(a) => {
                self.compared(self.ty(a), &self.vector_in(a, container_bytes(self.ty(a))), "simd_ne", "0")
            }
            ValueOp::ReduceAnd(a) => {
                let from = self.ty(a);
                let own = container_bytes(from);
                let ones = format!("({} as i{})", scalar::literal(from, from.mask()), own * 8);
                self.compared(from, &self.vector_in(a, own), "simd_eq", &ones)
            }
            ValueOp::Mux { select, on_true, on_false } => {
                format!("{}.select({}, {})", self.mask_in(select, bytes), in_own(on_true), in_own(on_false))
            }
            ValueOp::Binary(op, x, y) => match op {
                BinaryOp::And => format!("{} & {}", in_own(x), in_own(y)),
                BinaryOp::Or => format!("{} | {}", in_own(x), in_own(y)),
                BinaryOp::Xor => format!("{} ^ {}", in_own(x), in_own(y)),
                BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul => {
                    let sign = match op {
                        BinaryOp::Add => '+',
                        BinaryOp::Sub => '-',
                        _ => '*',
                    };
                    let exact = format!("{} {sign} {}", in_own(x), in_own(y));
                    if crate::plan::values::may_wrap(op, self.ty(x), self.ty(y), ty) { wrap(exact) } else { exact }
                }
                BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le => self.comparison(op, x, y),
                BinaryOp::Shl | BinaryOp::Shr => self.lane_by_lane(&ValueOp::Binary(op, x, y), ty),
            },
            ref op => self.lane_by_lane(op, ty),
        }
    }

    /// 1 where a vector of the type's container compares so with a literal.
    fn compared(&self, ty: Ty, vector: &str, method: &str, literal: &str) -> String {
        let bits = container_bytes(ty) * 8;
        format!("({vector}.{method}(I{bits}::splat({literal})).to_simd().cast::<i8>()) & I8::splat(1)")
    }

    fn comparison(&self, op: BinaryOp, x: ValueId, y: ValueId) -> String {
        let (x_ty, y_ty) = (self.ty(x), self.ty(y));
        let Some(common) = x_ty.common(y_ty) else {
            return self.lane_by_lane(&ValueOp::Binary(op, x, y), Ty::BIT);
        };
        let bytes = container_bytes(common);
        let method = match op {
            BinaryOp::Eq => "simd_eq",
            BinaryOp::Ne => "simd_ne",
            BinaryOp::Lt => "simd_lt",
            _ => "simd_le",
        };
        let operand = |id: ValueId| {
            let vector = self.vector_in(id, bytes);
            if common.is_signed() { vector } else { format!("{vector}.cast::<u{}>()", bytes * 8) }
        };
        format!("({}.{method}({}).to_simd().cast::<i8>()) & I8::splat(1)", operand(x), operand(y))
    }

    /// What vectors have no operator for, element by element.
    fn lane_by_lane(&self, op: &ValueOp, ty: Ty) -> String {
        let mut text = "Simd::from_array(core::array::from_fn(|lane| { ".to_owned();
        let mut named = FxHashSet::default();
        op.for_each_operand(|operand| {
            if !self.uniform.contains(&operand) && named.insert(operand) {
                let element = scalar::element(self.ty(operand));
                let _ = write!(text, "let v{0} = v{0}.as_array()[lane] as {element} as i64; ", operand.0);
            }
        });
        let result = scalar::operator(op, ty, |id| self.ty(id), |id| format!("v{}", id.0));
        let _ = write!(text, "({result}) as i{} }}))", container_bytes(ty) * 8);
        text
    }
}
