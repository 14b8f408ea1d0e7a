//! Tasks computed one lane after another: everything that exists once, and bodies with memories.

use cranelift_codegen::ir::types::I8;
use cranelift_codegen::ir::{InstBuilder, Value};
use cranelift_frontend::FunctionBuilder;
use rustc_hash::FxHashMap;

use super::changes::{Changes, LoopChanges, difference};
use super::scalar::{as_i64, flags, load, operator, store};
use super::{Loop, Source, copy, offset, scaled};
use crate::plan::layout::MemoryArray;
use crate::plan::schedule::{Action, Task, WireRead};
use crate::plan::{ArrayId, CellId, MemoryId, ValueId, ValueOp};

/// Emits the task's actions for every lane.
pub(super) fn emit(b: &mut FunctionBuilder<'_>, source: Source<'_>, task: &Task, base: Value) {
    let lanes = source.strands.lanes(task.strand);
    let mut cells = FxHashMap::default();
    for &id in &task.values {
        if let ValueOp::Cell(cell) = source.values.value(id).op
            && !task.loaded.contains_key(&id)
        {
            cells.insert(cell, id);
        }
    }
    let mut emitter = Lane {
        source,
        task,
        base,
        index: None,
        lane: None,
        known: FxHashMap::default(),
        cells,
        bases: FxHashMap::default(),
        changes: Changes::default(),
        of_lanes: None,
    };
    if lanes == 1 {
        emitter.actions(b);
        emitter.changes.wake(b, source, base);
        return;
    }
    emitter.of_lanes = Some(LoopChanges::begin(b, source, &task.wakes, base));
    let each = Loop::begin(b, lanes, 1, task.descending);
    emitter.lane = Some(each.index);
    emitter.index = Some(each.index);
    emitter.actions(b);
    if let Some(changes) = &mut emitter.of_lanes {
        changes.end_turn(b, base);
    }
    each.end(b);
    if let Some(changes) = emitter.of_lanes {
        changes.wake(b, source, base);
    }
}

struct Lane<'a> {
    source: Source<'a>,
    task: &'a Task,
    base: Value,
    /// Slot in the arrays, where there are many.
    index: Option<Value>,
    /// Lane, where there are many.
    lane: Option<Value>,
    known: FxHashMap<ValueId, Value>,
    /// The values that read cells.
    cells: FxHashMap<CellId, ValueId>,
    /// `base + index * element`, by element bytes.
    bases: FxHashMap<usize, Value>,
    changes: Changes,
    /// The same where there are many lanes.
    of_lanes: Option<LoopChanges>,
}

impl Lane<'_> {
    fn actions(&mut self, b: &mut FunctionBuilder<'_>) {
        let mut failed = None;
        // Writes see nothing of each other: all their operands come before the first.
        let mut writes = Vec::new();
        let task = self.task;
        for (index, action) in task.actions.iter().enumerate() {
            let (woken, again) = (task.wakes.action(index), task.wakes.again(index));
            match action {
                Action::Store { value, array } => {
                    let value = self.value(b, *value);
                    if !woken.is_empty() {
                        let before = self.element(b, *array);
                        let bits = difference(b, before, value);
                        self.note(b, woken, bits);
                    }
                    self.store(b, *array, value);
                }
                Action::Keep(value) => {
                    self.value(b, *value);
                }
                Action::Shift { cells, from, bytes, by, .. } => {
                    for &cell in cells {
                        self.read_before_change(b, cell);
                    }
                    copy::move_up(b, self.base, *from, *bytes, *by, (&mut self.changes, woken));
                }
                Action::Commit { cell, next, enable } => self.commit(b, *cell, (*next, *enable), (woken, again)),
                Action::TakeWord { memory, cells, address, enable } => {
                    self.take_word(b, *memory, cells, (*address, *enable), (woken, again));
                }
                Action::WriteWord { enable, .. } => {
                    action.for_each_operand(|value| {
                        self.value(b, value);
                    });
                    let enable = self.value(b, *enable);
                    self.note(b, woken, enable);
                    self.note(b, again, enable);
                    writes.push(action);
                }
                Action::Check { array, condition } => {
                    let condition = self.value(b, *condition);
                    let bad = b.ins().bxor_imm_s(condition, 1);
                    self.note(b, woken, bad);
                    let address = self.array_base(b, *array);
                    b.ins().store(flags(), bad, address, offset(self.source.state.array(*array).offset));
                    failed = Some(match failed {
                        Some(others) => b.ins().bor(others, bad),
                        None => bad,
                    });
                }
                Action::Count { array, condition } => {
                    let condition = self.value(b, *condition);
                    self.note(b, woken, condition);
                    let address = self.array_base(b, *array);
                    let at = offset(self.source.state.array(*array).offset);
                    let count = b.ins().load(I8, flags(), address, at);
                    let count = b.ins().iadd(count, condition);
                    b.ins().store(flags(), count, address, at);
                }
            }
        }
        for write in writes {
            self.write_word(b, write);
        }
        if let Some(failed) = failed {
            let at = offset(self.source.state.failed);
            let others = b.ins().load(I8, flags(), self.base, at);
            let failed = b.ins().bor(others, failed);
            b.ins().store(flags(), failed, self.base, at);
        }
    }

    /// Notes bits of which any wakes these tasks.
    fn note(&mut self, b: &mut FunctionBuilder<'_>, tasks: &[usize], bits: Value) {
        match &mut self.of_lanes {
            Some(changes) => changes.note(b, tasks, bits),
            None => self.changes.note(b, tasks, bits),
        }
    }

    /// What an array holds in this lane.
    fn element(&mut self, b: &mut FunctionBuilder<'_>, array: ArrayId) -> Value {
        let address = self.array_base(b, array);
        let array = self.source.state.array(array);
        load(b, array.ty, address, offset(array.offset))
    }

    /// The value in this lane. Recursion is as deep as the longest chain of values; compilation has the stack for it.
    fn value(&mut self, b: &mut FunctionBuilder<'_>, id: ValueId) -> Value {
        if let Some(&known) = self.known.get(&id) {
            return known;
        }
        let definition = self.source.values.value(id);
        let ty = definition.ty;
        let value = if let Some(&array) = self.task.loaded.get(&id) {
            self.element(b, array)
        } else {
            match &definition.op {
                ValueOp::Cell(cell) => {
                    let array = self.source.state.cell(*cell).array;
                    self.element(b, array)
                }
                ValueOp::Wire(wire) => match self.source.program.reads[wire] {
                    WireRead::Element(at) => load(b, ty, self.base, offset(at)),
                    WireRead::Window { array, delta } => {
                        let address = self.array_base(b, array);
                        let array = self.source.state.array(array);
                        let at = array.offset as isize + delta * array.element_bytes() as isize;
                        load(b, ty, address, offset(usize::try_from(at).expect("windows stay in the buffer")))
                    }
                },
                &ValueOp::MemoryRead { memory, lane, address } => {
                    let memory = *self.source.state.memory(memory);
                    let word = self.word_address(b, &memory, address);
                    load(b, ty, word, offset(memory.offset + lane as usize * memory.element_bytes()))
                }
                op => operator(b, op, ty, |b, operand| (self.value(b, operand), self.source.values.ty(operand))),
            }
        };
        self.known.insert(id, value);
        value
    }

    /// What the offset of an array's elements is counted from in this lane.
    fn array_base(&mut self, b: &mut FunctionBuilder<'_>, array: ArrayId) -> Value {
        let array = self.source.state.array(array);
        let Some(index) = self.index.filter(|_| self.source.strands.lanes(array.strand) > 1) else {
            return self.base;
        };
        let bytes = array.element_bytes();
        let base = self.base;
        *self.bases.entry(bytes).or_insert_with(|| {
            let distance = scaled(b, index, bytes);
            b.ins().iadd(base, distance)
        })
    }

    fn store(&mut self, b: &mut FunctionBuilder<'_>, array: ArrayId, value: Value) {
        let address = self.array_base(b, array);
        let array = self.source.state.array(array);
        store(b, array.ty, value, address, offset(array.offset));
    }

    /// Reads a cell that is about to change, if something still to come wants its old value.
    fn read_before_change(&mut self, b: &mut FunctionBuilder<'_>, cell: CellId) {
        if let Some(&id) = self.cells.get(&cell) {
            self.value(b, id);
        }
    }

    fn commit(
        &mut self,
        b: &mut FunctionBuilder<'_>,
        cell: CellId,
        (next, enable): (ValueId, Option<ValueId>),
        (woken, again): (&[usize], &[usize]),
    ) {
        let mut value = self.value(b, next);
        self.read_before_change(b, cell);
        let array = self.source.state.cell(cell).array;
        if enable.is_some() || !woken.is_empty() {
            let held = match self.cells.get(&cell) {
                Some(&id) => self.value(b, id),
                None => self.element(b, array),
            };
            if let Some(enable) = enable {
                let enable = self.value(b, enable);
                value = b.ins().select(enable, value, held);
                self.note(b, again, enable);
            }
            if !woken.is_empty() {
                let bits = difference(b, held, value);
                self.note(b, woken, bits);
            }
        }
        self.store(b, array, value);
    }

    /// Address of a word, less the memory's own offset.
    fn word_address(&mut self, b: &mut FunctionBuilder<'_>, memory: &MemoryArray, address: ValueId) -> Value {
        let ty = self.source.values.ty(address);
        let address = self.value(b, address);
        let word = as_i64(b, address, ty);
        let distance = scaled(b, word, memory.word_bytes());
        let mut at = b.ins().iadd(self.base, distance);
        if let Some(lane) = self.lane {
            let instance = scaled(b, lane, memory.instance_bytes());
            at = b.ins().iadd(at, instance);
        }
        at
    }

    /// Emits `body` where `condition` is 1. Values first computed in it are not known after it.
    fn when(
        &mut self,
        b: &mut FunctionBuilder<'_>,
        condition: Option<Value>,
        body: impl FnOnce(&mut Self, &mut FunctionBuilder<'_>),
    ) {
        let Some(condition) = condition else { return body(self, b) };
        let (then, after) = (b.create_block(), b.create_block());
        b.ins().brif(condition, then, &[], after, &[]);
        b.seal_block(then);
        b.switch_to_block(then);
        body(self, b);
        b.ins().jump(after, &[]);
        b.seal_block(after);
        b.switch_to_block(after);
    }

    fn take_word(
        &mut self,
        b: &mut FunctionBuilder<'_>,
        memory: MemoryId,
        cells: &[CellId],
        (address, enable): (ValueId, Option<ValueId>),
        (woken, again): (&[usize], &[usize]),
    ) {
        for &cell in cells {
            self.read_before_change(b, cell);
        }
        let memory = *self.source.state.memory(memory);
        let enable = enable.map(|enable| self.value(b, enable));
        let word = self.word_address(b, &memory, address);
        // All that the body uses is computed before the branch.
        let arrays: Vec<ArrayId> = cells.iter().map(|&cell| self.source.state.cell(cell).array).collect();
        let address = self.array_base(b, arrays[0]);
        let adjacent = self.lane.is_none();
        // A word taken counts as a change.
        let taken = enable.unwrap_or_else(|| b.ins().iconst(I8, 1));
        if !adjacent || enable.is_some() {
            self.note(b, woken, taken);
        }
        self.note(b, again, taken);
        self.when(b, enable, |this, b| {
            let target = this.source.state.array(arrays[0]).offset;
            if adjacent {
                // Compared only where it is taken always.
                let note = enable.is_none().then_some((&mut this.changes, woken));
                return copy::block(b, (word, memory.offset), (address, target), memory.word_bytes(), note);
            }
            for (lane, &array) in arrays.iter().enumerate() {
                let array = this.source.state.array(array);
                let value = load(b, array.ty, word, offset(memory.offset + lane * memory.element_bytes()));
                store(b, array.ty, value, address, offset(array.offset));
            }
        });
    }

    fn write_word(&mut self, b: &mut FunctionBuilder<'_>, action: &Action) {
        let Action::WriteWord { memory, address, enable, lane_enables, data } = action else {
            unreachable!("only writes are put off")
        };
        let memory = *self.source.state.memory(*memory);
        let enable = self.value(b, *enable);
        let word = self.word_address(b, &memory, *address);
        let data: Vec<Value> = data.iter().map(|&value| self.value(b, value)).collect();
        let enables: Option<Vec<Value>> =
            lane_enables.as_ref().map(|enables| enables.iter().map(|&enable| self.value(b, enable)).collect());
        self.when(b, Some(enable), |_, b| {
            for (lane, &value) in data.iter().enumerate() {
                let at = offset(memory.offset + lane * memory.element_bytes());
                let mut value = value;
                if let Some(enables) = &enables {
                    let held = load(b, memory.lane_ty, word, at);
                    value = b.ins().select(enables[lane], value, held);
                }
                store(b, memory.lane_ty, value, word, at);
            }
        });
    }
}
