//! Tasks of many lanes as Rust source with portable vectors.

use std::fmt::Write;

use myelin_hdl::{BinaryOp, Ty};
use rustc_hash::FxHashSet;

use super::scalar;
use super::text::{Writer, line};
use crate::plan::schedule::Action;
use crate::plan::{ValueId, ValueOp, container_bytes};

impl Writer<'_, '_> {
    /// All values and actions of all lanes.
    pub(super) fn vector(&mut self, lanes_max: usize) {
        let slots = self.source.state.slots(self.task.strand);
        let used = slots.end() - slots.first();
        let lanes = lanes_max.min(used.next_power_of_two());
        for bits in [8, 16, 32, 64] {
            line!(self, "type I{bits} = Simd<i{bits}, {lanes}>;");
        }
        for &id in &self.task.values {
            if self.is_uniform(id) {
                let value = self.single_value(id);
                line!(self, "let v{}: i64 = {value};", id.0);
                self.uniform.insert(id);
            }
        }
        let turns = used.div_ceil(lanes);
        let order = if self.task.descending { ".rev()" } else { "" };
        let checked = self.task.actions.iter().any(|action| matches!(action, Action::Check { .. }));
        if checked {
            line!(self, "let mut failed = I8::splat(0);");
        }
        for group in 0..self.groups.len() {
            for bits in [8, 16, 32, 64] {
                line!(self, "let mut changed{group}_{bits} = I{bits}::splat(0);");
            }
        }
        line!(self, "for turn in (0..{turns}_usize){order} {{");
        line!(self, "let i = {} + turn * {};", slots.first(), lanes);
        for &id in &self.task.values {
            if !self.uniform.contains(&id) {
                self.vector_value(id);
            }
        }
        for (index, action) in self.task.actions.iter().enumerate() {
            self.vector_action(action, self.group(self.task.wakes.action(index)));
        }
        line!(self, "}}");
        for group in 0..self.groups.len() {
            for bits in [8, 16, 32, 64] {
                line!(self, "g{group}_{bits} |= changed{group}_{bits}.reduce_or() as u{bits};");
            }
        }
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

    fn vector_action(&mut self, action: &Action, group: Option<usize>) {
        match action {
            Action::Store { value, array } => {
                let value = self.vector_in(*value, container_bytes(self.ty(*value)));
                let at = self.at(*array, 0);
                let bits = container_bytes(self.source.state.array(*array).ty) * 8;
                self.set_vector(&at, bits, &value, group);
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
                self.set_vector(&at, bytes * 8, &value, group);
            }
            Action::Check { array, condition } => {
                let active = self.at(self.source.state.active(self.task.strand), 0);
                let holds = self.vector_in(*condition, 1);
                let at = self.at(*array, 0);
                line!(self, "let bad = get::<I8>(p, {active}) & !{holds};");
                line!(self, "failed |= bad; set(p, {at}, bad);");
                if let Some(group) = group {
                    line!(self, "changed{group}_8 |= bad;");
                }
            }
            Action::Count { array, condition } => {
                let holds = self.vector_in(*condition, 1);
                let at = self.at(*array, 0);
                if let Some(group) = group {
                    let active = self.at(self.source.state.active(self.task.strand), 0);
                    line!(self, "changed{group}_8 |= get::<I8>(p, {active}) & {holds};");
                }
                line!(self, "set(p, {at}, get::<I8>(p, {at}) + {holds});");
            }
            Action::TakeWord { .. } | Action::WriteWord { .. } | Action::Shift { .. } => {
                unreachable!("strands with memories are not vectors")
            }
        }
    }

    fn set_vector(&mut self, at: &str, bits: u32, value: &str, group: Option<usize>) {
        if let Some(group) = group {
            line!(
                self,
                "let next = {value}; changed{group}_{bits} |= next ^ get::<I{bits}>(p, {at}); set(p, {at}, next);"
            );
        } else {
            line!(self, "set(p, {at}, {value});");
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
