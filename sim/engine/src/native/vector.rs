//! Tasks computed sixteen lanes at a time with 128-bit vectors.
//!
//! A value whose container has `c` bytes is `c` *parts*: vectors of `16 / c` lanes. A part is
//! computed when something asks for it, so that what is stored is stored at once and few vectors
//! are alive together.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I8X16, I64};
use cranelift_codegen::ir::{InstBuilder, Value};
use cranelift_frontend::FunctionBuilder;
use myelin_hdl::{BinaryOp, Ty};
use rustc_hash::FxHashMap;

use super::changes::{LoopChanges, difference};
use super::pack::{
    element_type, join, join_signed, shift_left, shift_right, splat_constant, truncate, vector_type, widen, wrap,
};
use super::reads::{Read, loads, place};
use super::scalar::{as_i64, condition, flags, from_i64, load, machine_type, operator};
use super::{Loop, Source, offset, scaled};
use crate::plan::schedule::{Action, Task, WireRead};
use crate::plan::values::may_wrap;
use crate::plan::{ArrayId, ValueId, ValueOp, container_bytes};

/// Lanes computed in one turn of the loop.
const LANES: u32 = 16;

/// Emits the task's actions for all lanes.
pub(super) fn emit(b: &mut FunctionBuilder<'_>, source: Source<'_>, task: &Task, base: Value) {
    let mut emitter = Vector {
        source,
        task,
        base,
        index: base,
        uniform: FxHashMap::default(),
        splats: FxHashMap::default(),
        parts: FxHashMap::default(),
        masks: FxHashMap::default(),
        bases: FxHashMap::default(),
        loads: loads(source, task),
        changes: None,
        woken: &[],
    };
    emitter.prepare(b);
    let checked = task.actions.iter().any(|action| matches!(action, Action::Check { .. }));
    let slots = source.state.slots(task.strand);
    if checked {
        // Whether any lane failed is kept in memory: it is one vector for the whole task.
        let zero = b.ins().iconst(I8, 0);
        let none = b.ins().splat(I8X16, zero);
        b.ins().store(flags(), none, base, offset(source.state.scratch));
    }
    emitter.changes = Some(LoopChanges::begin(b, source, &task.wakes, base));
    let each = Loop::begin(b, slots.end() - slots.first(), LANES as usize, task.descending);
    emitter.index = each.index;
    emitter.actions(b);
    if let Some(changes) = &mut emitter.changes {
        changes.end_turn(b, base);
    }
    each.end(b);
    if let Some(changes) = emitter.changes {
        changes.wake(b, source, base);
    }
    if checked {
        let failed = b.ins().load(I8X16, flags(), base, offset(source.state.scratch));
        let failed = b.ins().vany_true(failed);
        let at = offset(source.state.failed);
        let others = b.ins().load(I8, flags(), base, at);
        let failed = b.ins().bor(others, failed);
        b.ins().store(flags(), failed, base, at);
    }
}

struct Vector<'a> {
    source: Source<'a>,
    task: &'a Task,
    base: Value,
    /// Slots from the first lane's to the first of this turn.
    index: Value,
    /// Values that are the same in all lanes, as single values.
    uniform: FxHashMap<ValueId, Value>,
    /// Uniform values in all lanes of a vector, by element bytes; the flag marks a mask.
    splats: FxHashMap<(ValueId, u32, bool), Value>,
    /// Parts of values, by element bytes: fewer than the container's hold the low bits, more extend.
    parts: FxHashMap<(ValueId, u32, u32), Value>,
    /// Parts of one-bit values as masks of all ones or all zeros.
    masks: FxHashMap<(ValueId, u32, u32), Value>,
    /// `base + index * bytes`, by bytes.
    bases: FxHashMap<u32, Value>,
    loads: FxHashMap<ArrayId, Vec<Read>>,
    changes: Option<LoopChanges>,
    /// The tasks that the present action's changes wake.
    woken: &'a [usize],
}

/// Bytes of the container in which two values are compared, if there is one.
fn compare_bytes(a: Ty, b: Ty) -> Option<u32> {
    a.common(b).map(container_bytes)
}

impl Vector<'_> {
    fn ty(&self, id: ValueId) -> Ty {
        self.source.values.ty(id)
    }

    fn bytes(&self, id: ValueId) -> u32 {
        container_bytes(self.ty(id))
    }

    /// Computes what is the same in all lanes before the loop.
    fn prepare(&mut self, b: &mut FunctionBuilder<'_>) {
        for &id in &self.task.values {
            let definition = self.source.values.value(id);
            if self.task.loaded.contains_key(&id) {
                continue;
            }
            let value = match &definition.op {
                ValueOp::Cell(_) | ValueOp::MemoryRead { .. } => continue,
                ValueOp::Wire(wire) => match self.source.program.reads[wire] {
                    WireRead::Element(at) => load(b, definition.ty, self.base, offset(at)),
                    WireRead::Window { .. } => continue,
                },
                op => {
                    let mut same = true;
                    op.for_each_operand(|operand| same &= self.uniform.contains_key(&operand));
                    if !same {
                        continue;
                    }
                    operator(b, op, definition.ty, |_, operand| {
                        (self.uniform[&operand], self.source.values.ty(operand))
                    })
                }
            };
            self.uniform.insert(id, value);
        }
        for &id in &self.task.values {
            if self.uniform.contains_key(&id) {
                continue;
            }
            self.for_each_use(id, |this, operand, bytes, is_mask| {
                if this.uniform.contains_key(&operand) {
                    this.splat(b, operand, bytes, is_mask);
                }
            });
        }
    }

    /// Calls `f` with the operands of a value, and the element bytes in which it uses them, or that it uses a mask.
    fn for_each_use(&mut self, id: ValueId, mut f: impl FnMut(&mut Self, ValueId, u32, bool)) {
        let bytes = self.bytes(id);
        match self.source.values.value(id).op.clone() {
            ValueOp::Mux { select, on_true, on_false } => {
                f(self, select, bytes, true);
                f(self, on_true, bytes, false);
                f(self, on_false, bytes, false);
            }
            ValueOp::Binary(BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le, x, y) => {
                if let Some(bytes) = compare_bytes(self.ty(x), self.ty(y)) {
                    f(self, x, bytes, false);
                    f(self, y, bytes, false);
                }
            }
            ValueOp::Binary(BinaryOp::Shl | BinaryOp::Shr, ..) => {}
            ValueOp::Binary(BinaryOp::Mul, x, y) => {
                f(self, x, bytes.max(2), false);
                f(self, y, bytes.max(2), false);
            }
            ValueOp::Binary(_, x, y) | ValueOp::Concat { high: x, low: y } => {
                f(self, x, bytes, false);
                f(self, y, bytes, false);
            }
            _ => {}
        }
    }

    fn splat(&mut self, b: &mut FunctionBuilder<'_>, id: ValueId, bytes: u32, is_mask: bool) -> Value {
        if let Some(&known) = self.splats.get(&(id, bytes, is_mask)) {
            return known;
        }
        let wide = as_i64(b, self.uniform[&id], self.ty(id));
        let wide = if is_mask { b.ins().ineg(wide) } else { wide };
        let element = if bytes == 8 { wide } else { b.ins().ireduce(element_type(bytes), wide) };
        let splat = b.ins().splat(vector_type(bytes), element);
        self.splats.insert((id, bytes, is_mask), splat);
        splat
    }

    fn actions(&mut self, b: &mut FunctionBuilder<'_>) {
        for (index, action) in self.task.actions.iter().enumerate() {
            self.woken = self.task.wakes.action(index);
            match action {
                Action::Store { value, array } => self.store_all(b, *value, *array),
                Action::Keep(_) => {}
                Action::Commit { cell, next, enable } => {
                    let array = self.source.state.cell(*cell).array;
                    for part in self.part_order(self.source.state.array(array).ty) {
                        self.commit(b, array, *next, *enable, part);
                    }
                }
                Action::Check { array, condition } => {
                    let active = self.source.state.active(self.task.strand);
                    let active = self.load(b, active, 0, 0);
                    let holds = self.part(b, *condition, 1, 0);
                    let bad = b.ins().band_not(active, holds);
                    self.note(b, bad);
                    self.store(b, *array, 0, bad);
                    let at = offset(self.source.state.scratch);
                    let others = b.ins().load(I8X16, flags(), self.base, at);
                    let all = b.ins().bor(others, bad);
                    b.ins().store(flags(), all, self.base, at);
                }
                Action::Count { array, condition } => {
                    let holds = self.part(b, *condition, 1, 0);
                    if !self.woken.is_empty() {
                        let active = self.source.state.active(self.task.strand);
                        let active = self.load(b, active, 0, 0);
                        let met = b.ins().band(active, holds);
                        self.note(b, met);
                    }
                    let count = self.load(b, *array, 0, 0);
                    let count = b.ins().iadd(count, holds);
                    self.store(b, *array, 0, count);
                }
                Action::TakeWord { .. } | Action::WriteWord { .. } | Action::Shift { .. } => {
                    unreachable!("such tasks do not suit")
                }
            }
        }
    }

    /// Parts in the direction in which the lanes are gone through.
    fn part_order(&self, ty: Ty) -> Vec<u32> {
        let parts = 0..container_bytes(ty);
        if self.task.descending { parts.rev().collect() } else { parts.collect() }
    }

    fn store_all(&mut self, b: &mut FunctionBuilder<'_>, value: ValueId, array: ArrayId) {
        for part in self.part_order(self.ty(value)) {
            let vector = self.part(b, value, self.bytes(value), part);
            if !self.woken.is_empty() {
                let before = self.load(b, array, 0, part);
                let bits = difference(b, before, vector);
                self.note(b, bits);
            }
            self.store(b, array, part, vector);
        }
    }

    /// Adds bits that tell of a change.
    fn note(&mut self, b: &mut FunctionBuilder<'_>, bits: Value) {
        if let Some(changes) = &mut self.changes {
            changes.note(b, self.woken, bits);
        }
    }

    fn commit(
        &mut self,
        b: &mut FunctionBuilder<'_>,
        array: ArrayId,
        next: ValueId,
        enable: Option<ValueId>,
        part: u32,
    ) {
        let bytes = container_bytes(self.source.state.array(array).ty);
        let mut vector = self.part(b, next, bytes, part);
        if enable.is_some() || !self.woken.is_empty() {
            let held = match self.loads.get(&array).and_then(|reads| reads.iter().find(|read| read.delta == 0)) {
                Some(&Read { value, .. }) => self.part(b, value, bytes, part),
                None => self.load(b, array, 0, part),
            };
            if let Some(enable) = enable {
                let mask = self.mask(b, enable, bytes, part);
                vector = b.ins().bitselect(mask, vector, held);
            }
            if !self.woken.is_empty() {
                let bits = difference(b, held, vector);
                self.note(b, bits);
            }
        }
        self.read_before_change(b, array, part);
        self.store(b, array, part, vector);
    }

    /// Loads everything of this turn that the store of a part would overwrite.
    fn read_before_change(&mut self, b: &mut FunctionBuilder<'_>, array: ArrayId, part: u32) {
        let bytes = container_bytes(self.source.state.array(array).ty);
        let lanes = (LANES / bytes) as isize;
        for Read { value, delta } in self.loads.get(&array).cloned().unwrap_or_default() {
            for other in 0..bytes {
                let distance = (other as isize - part as isize) * lanes + delta;
                if distance.abs() < lanes {
                    self.part(b, value, bytes, other);
                }
            }
        }
    }

    /// What the offset of arrays of such elements is counted from in this turn.
    fn array_base(&mut self, b: &mut FunctionBuilder<'_>, bytes: u32) -> Value {
        let (base, index) = (self.base, self.index);
        *self.bases.entry(bytes).or_insert_with(|| {
            let distance = scaled(b, index, bytes as usize);
            b.ins().iadd(base, distance)
        })
    }

    fn access(&self, array: ArrayId, delta: isize, part: u32) -> i32 {
        let array = self.source.state.array(array);
        let bytes = array.element_bytes() as isize;
        let first = self.source.state.slots(self.task.strand).first() as isize;
        let at = array.offset as isize + (first + delta) * bytes + part as isize * 16;
        offset(usize::try_from(at).expect("windows stay in the buffer"))
    }

    fn load(&mut self, b: &mut FunctionBuilder<'_>, array: ArrayId, delta: isize, part: u32) -> Value {
        let bytes = container_bytes(self.source.state.array(array).ty);
        let address = self.array_base(b, bytes);
        let at = self.access(array, delta, part);
        b.ins().load(vector_type(bytes), flags(), address, at)
    }

    fn store(&mut self, b: &mut FunctionBuilder<'_>, array: ArrayId, part: u32, vector: Value) {
        let bytes = container_bytes(self.source.state.array(array).ty);
        let address = self.array_base(b, bytes);
        let at = self.access(array, 0, part);
        b.ins().store(flags(), vector, address, at);
    }

    /// A part of a value with elements of `bytes`: extended, or the low bits only.
    fn part(&mut self, b: &mut FunctionBuilder<'_>, id: ValueId, bytes: u32, part: u32) -> Value {
        if self.uniform.contains_key(&id) {
            return self.splat(b, id, bytes, false);
        }
        if let Some(&known) = self.parts.get(&(id, bytes, part)) {
            return known;
        }
        let own = self.bytes(id);
        let vector = if bytes == own {
            self.compute(b, id, part)
        } else if bytes > own {
            let narrow = self.part(b, id, bytes / 2, part / 2);
            widen(b, narrow, self.ty(id).is_signed(), part % 2)
        } else {
            let low = self.part(b, id, bytes * 2, part * 2);
            let high = self.part(b, id, bytes * 2, part * 2 + 1);
            truncate(b, low, high, bytes)
        };
        self.parts.insert((id, bytes, part), vector);
        vector
    }

    /// A part of a one-bit value as a mask of elements of `bytes`.
    fn mask(&mut self, b: &mut FunctionBuilder<'_>, id: ValueId, bytes: u32, part: u32) -> Value {
        if self.uniform.contains_key(&id) {
            return self.splat(b, id, bytes, true);
        }
        if let Some(&known) = self.masks.get(&(id, bytes, part)) {
            return known;
        }
        let mask = if bytes == 1 {
            let bits = self.part(b, id, 1, part);
            match self.masks.get(&(id, 1, part)) {
                // Comparing made the mask first.
                Some(&known) => known,
                None => b.ins().ineg(bits),
            }
        } else {
            // A comparison in elements of this size is a mask already.
            self.part(b, id, 1, part / bytes);
            match self.masks.get(&(id, bytes, part)) {
                Some(&known) => known,
                None => {
                    let narrow = self.mask(b, id, bytes / 2, part / 2);
                    widen(b, narrow, true, part % 2)
                }
            }
        };
        self.masks.insert((id, bytes, part), mask);
        mask
    }

    fn compute(&mut self, b: &mut FunctionBuilder<'_>, id: ValueId, part: u32) -> Value {
        if let Some((array, delta)) = place(self.source, self.task, id) {
            return self.load(b, array, delta, part);
        }
        let values = self.source.values;
        let definition = values.value(id);
        let (ty, bytes) = (definition.ty, container_bytes(definition.ty));
        match definition.op {
            ValueOp::Wrap(a) => {
                let vector = self.part(b, a, bytes, part);
                if ty.contains(values.ty(a)) { vector } else { wrap(b, vector, bytes, ty) }
            }
            ValueOp::ShiftRight(a, amount) => {
                let from = values.ty(a);
                let wide = container_bytes(from);
                let ratio = wide / bytes;
                let mut shifted = Vec::new();
                for piece in part * ratio..(part + 1) * ratio {
                    let vector = self.part(b, a, wide, piece);
                    let amount = i64::from(amount);
                    shifted.push(if from.is_signed() {
                        shift_right(b, vector, true, amount)
                    } else {
                        shift_right(b, vector, false, amount)
                    });
                }
                join(b, shifted, wide, bytes)
            }
            ValueOp::Concat { high, low } => {
                let above = self.part(b, high, bytes, part);
                let above = shift_left(b, above, i64::from(values.ty(low).width()));
                let below = self.part(b, low, bytes, part);
                b.ins().bor(above, below)
            }
            ValueOp::Not(a) => {
                let vector = self.part(b, a, bytes, part);
                if ty.is_signed() {
                    b.ins().bnot(vector)
                } else {
                    let ones = splat_constant(b, bytes, ty.mask());
                    b.ins().bxor(vector, ones)
                }
            }
            ValueOp::ReduceOr(a) => {
                let zero = |b: &mut FunctionBuilder<'_>, bytes| splat_constant(b, bytes, 0);
                self.compare(b, id, part, self.bytes(a), IntCC::NotEqual, a, &zero)
            }
            ValueOp::ReduceAnd(a) => {
                let from = values.ty(a);
                let ones =
                    |b: &mut FunctionBuilder<'_>, bytes| splat_constant(b, bytes, from.value_of(from.mask()) as u64);
                self.compare(b, id, part, self.bytes(a), IntCC::Equal, a, &ones)
            }
            ValueOp::Binary(op @ (BinaryOp::And | BinaryOp::Or | BinaryOp::Xor), x, y) => {
                let (x, y) = (self.part(b, x, bytes, part), self.part(b, y, bytes, part));
                match op {
                    BinaryOp::And => b.ins().band(x, y),
                    BinaryOp::Or => b.ins().bor(x, y),
                    _ => b.ins().bxor(x, y),
                }
            }
            ValueOp::Binary(op @ (BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul), x, y) => {
                let may_wrap = may_wrap(op, values.ty(x), values.ty(y), ty);
                let exact = if op == BinaryOp::Mul && bytes == 1 {
                    // There is no multiplication of bytes.
                    let mut product = |piece| {
                        let (x, y) = (self.part(b, x, 2, piece), self.part(b, y, 2, piece));
                        b.ins().imul(x, y)
                    };
                    let (low, high) = (product(part * 2), product(part * 2 + 1));
                    truncate(b, low, high, 1)
                } else {
                    let (x, y) = (self.part(b, x, bytes, part), self.part(b, y, bytes, part));
                    match op {
                        BinaryOp::Add => b.ins().iadd(x, y),
                        BinaryOp::Sub => b.ins().isub(x, y),
                        _ => b.ins().imul(x, y),
                    }
                };
                if may_wrap { wrap(b, exact, bytes, ty) } else { exact }
            }
            ValueOp::Binary(op @ (BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le), x, y) => {
                let (x_ty, y_ty) = (values.ty(x), values.ty(y));
                let Some(wide) = compare_bytes(x_ty, y_ty) else {
                    return self.lane_by_lane(b, id, part);
                };
                // Where the sign bit of the container is free the signed comparison, which is cheaper, does.
                let signed = x_ty.is_signed() || y_ty.is_signed() || x_ty.width().max(y_ty.width()) < wide * 8;
                self.compare_values(b, id, part, wide, condition(op, signed), x, y)
            }
            ValueOp::Mux { select, on_true, on_false } => {
                let mask = self.mask(b, select, bytes, part);
                let (x, y) = (self.part(b, on_true, bytes, part), self.part(b, on_false, bytes, part));
                b.ins().bitselect(mask, x, y)
            }
            ValueOp::Binary(BinaryOp::Shl | BinaryOp::Shr, ..) | ValueOp::ReduceXor(_) => {
                self.lane_by_lane(b, id, part)
            }
            ValueOp::Const(_) | ValueOp::Cell(_) | ValueOp::Wire(_) | ValueOp::MemoryRead { .. } => {
                unreachable!("constants are uniform, the others are read")
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the operands of one comparison")]
    fn compare_values(
        &mut self,
        b: &mut FunctionBuilder<'_>,
        id: ValueId,
        part: u32,
        wide: u32,
        condition: IntCC,
        x: ValueId,
        y: ValueId,
    ) -> Value {
        let mut masks = Vec::new();
        for piece in part * wide..(part + 1) * wide {
            let (x, y) = (self.part(b, x, wide, piece), self.part(b, y, wide, piece));
            let mask = b.ins().icmp(condition, x, y);
            self.masks.insert((id, wide, piece), mask);
            masks.push(mask);
        }
        self.bits_of_masks(b, id, part, masks, wide)
    }

    #[allow(clippy::too_many_arguments, reason = "the operands of one comparison")]
    fn compare(
        &mut self,
        b: &mut FunctionBuilder<'_>,
        id: ValueId,
        part: u32,
        wide: u32,
        condition: IntCC,
        x: ValueId,
        y: &dyn Fn(&mut FunctionBuilder<'_>, u32) -> Value,
    ) -> Value {
        let mut masks = Vec::new();
        for piece in part * wide..(part + 1) * wide {
            let x = self.part(b, x, wide, piece);
            let y = y(b, wide);
            let mask = b.ins().icmp(condition, x, y);
            self.masks.insert((id, wide, piece), mask);
            masks.push(mask);
        }
        self.bits_of_masks(b, id, part, masks, wide)
    }

    /// Sixteen bits, 0 or 1, of the masks that a comparison made.
    fn bits_of_masks(
        &mut self,
        b: &mut FunctionBuilder<'_>,
        id: ValueId,
        part: u32,
        masks: Vec<Value>,
        wide: u32,
    ) -> Value {
        let mask = join_signed(b, masks, wide, 1);
        self.masks.insert((id, 1, part), mask);
        let one = splat_constant(b, 1, 1);
        b.ins().band(mask, one)
    }

    /// What vectors cannot do is done element by element.
    fn lane_by_lane(&mut self, b: &mut FunctionBuilder<'_>, id: ValueId, part: u32) -> Value {
        let values = self.source.values;
        let definition = values.value(id);
        let bytes = container_bytes(definition.ty);
        let mut result = splat_constant(b, bytes, 0);
        for index in 0..LANES / bytes {
            let lane = part * (LANES / bytes) + index;
            let value = operator(b, &definition.op, definition.ty, |b, operand| {
                let ty = values.ty(operand);
                if let Some(&value) = self.uniform.get(&operand) {
                    return (value, ty);
                }
                let own = container_bytes(ty);
                let vector = self.part(b, operand, own, lane * own / LANES);
                let element = b.ins().extractlane(vector, (lane % (LANES / own)) as u8);
                let wide = match (own, ty.is_signed()) {
                    (8, _) => element,
                    (_, true) => b.ins().sextend(I64, element),
                    (_, false) => b.ins().uextend(I64, element),
                };
                (from_i64(b, wide, ty), ty)
            });
            let element = match bytes {
                1 if machine_type(definition.ty) == I8 => value,
                8 => value,
                _ => b.ins().ireduce(element_type(bytes), value),
            };
            result = b.ins().insertlane(result, element, index as u8);
        }
        result
    }
}
