//! Notes what a task changes, and wakes the tasks that read it.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I8X16, I64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value};
use cranelift_frontend::FunctionBuilder;

use super::scalar::flags;
use super::{Source, offset};
use crate::plan::wakes::{TaskSet, Wakes, group_of, masks};

/// Differences seen so far, by the tasks that they wake.
#[derive(Default)]
pub(super) struct Changes {
    groups: Vec<Group>,
}

/// Bits that are set where something changed: some single, some in vectors.
struct Group {
    tasks: TaskSet,
    ty: Type,
    bits: Value,
}

impl Changes {
    /// Adds bits, any of which wakes the tasks.
    pub(super) fn note(&mut self, b: &mut FunctionBuilder<'_>, tasks: &[usize], bits: Value) {
        if tasks.is_empty() {
            return;
        }
        let ty = b.func.dfg.value_type(bits);
        match self.groups.iter_mut().find(|group| group.ty == ty && group.tasks == tasks) {
            Some(group) => group.bits = b.ins().bor(group.bits, bits),
            None => self.groups.push(Group { tasks: tasks.to_vec(), ty, bits }),
        }
    }

    /// Sets the bits of all tasks to wake.
    pub(super) fn wake(self, b: &mut FunctionBuilder<'_>, source: Source<'_>, base: Value) {
        let Some(gates) = &source.program.gates else { return };
        let mut words: Vec<Option<Value>> = vec![None; gates.words()];
        let mut conditions: Vec<(TaskSet, Value)> = Vec::new();
        for Group { tasks, ty, bits } in self.groups {
            let changed =
                if ty.is_vector() { b.ins().vany_true(bits) } else { b.ins().icmp_imm_s(IntCC::NotEqual, bits, 0) };
            match conditions.iter_mut().find(|(other, _)| *other == tasks) {
                Some((_, condition)) => *condition = b.ins().bor(*condition, changed),
                None => conditions.push((tasks, changed)),
            }
        }
        let none = b.ins().iconst(I64, 0);
        for (tasks, condition) in conditions {
            for (word, mask) in masks(&tasks) {
                let mask = b.ins().iconst(I64, mask as i64);
                let woken = b.ins().select(condition, mask, none);
                words[word] = Some(match words[word] {
                    Some(others) => b.ins().bor(others, woken),
                    None => woken,
                });
            }
        }
        for (word, woken) in words.into_iter().enumerate().filter_map(|(word, woken)| Some((word, woken?))) {
            let at = offset(gates.at + word * 8);
            let others = b.ins().load(I64, flags(), base, at);
            let all = b.ins().bor(others, woken);
            b.ins().store(flags(), all, base, at);
        }
    }
}

/// The bits in which two values of one type differ; vectors as bytes.
pub(super) fn difference(b: &mut FunctionBuilder<'_>, before: Value, after: Value) -> Value {
    let bits = b.ins().bxor(before, after);
    let ty = b.func.dfg.value_type(bits);
    if ty.is_vector() && ty != I8X16 {
        return b.ins().bitcast(
            I8X16,
            MemFlagsData::new().with_endianness(cranelift_codegen::ir::Endianness::Little),
            bits,
        );
    }
    match ty {
        _ if ty == I8 || ty == I64 || ty.is_vector() => bits,
        _ => b.ins().uextend(I64, bits),
    }
}

/// What a loop over lanes changes, kept in memory: a vector for each set of tasks.
pub(super) struct LoopChanges {
    groups: Vec<TaskSet>,
    /// What this turn changed.
    turn: Vec<Option<Value>>,
    at: usize,
}

impl LoopChanges {
    /// Begins before the loop.
    pub(super) fn begin(b: &mut FunctionBuilder<'_>, source: Source<'_>, wakes: &Wakes, base: Value) -> LoopChanges {
        let groups = wakes.groups();
        let changes = LoopChanges { turn: vec![None; groups.len()], at: source.state.changed, groups };
        if !changes.groups.is_empty() {
            let zero = b.ins().iconst(I8, 0);
            let none = b.ins().splat(I8X16, zero);
            for group in 0..changes.groups.len() {
                b.ins().store(flags(), none, base, changes.slot(group));
            }
        }
        changes
    }

    fn slot(&self, group: usize) -> i32 {
        offset(self.at + group * 16)
    }

    /// Adds bits of one type, all single or all vectors of bytes, that wake these tasks.
    pub(super) fn note(&mut self, b: &mut FunctionBuilder<'_>, tasks: &[usize], bits: Value) {
        let Some(group) = group_of(&self.groups, tasks) else { return };
        let bits = if b.func.dfg.value_type(bits) == I8 { b.ins().uextend(I64, bits) } else { bits };
        self.turn[group] = Some(match self.turn[group] {
            Some(others) => b.ins().bor(others, bits),
            None => bits,
        });
    }

    /// Ends a turn.
    pub(super) fn end_turn(&mut self, b: &mut FunctionBuilder<'_>, base: Value) {
        for group in 0..self.groups.len() {
            let Some(bits) = self.turn[group] else { continue };
            let ty = b.func.dfg.value_type(bits);
            let others = b.ins().load(ty, flags(), base, self.slot(group));
            let all = b.ins().bor(others, bits);
            b.ins().store(flags(), all, base, self.slot(group));
        }
    }

    /// Wakes the tasks, after the loop.
    pub(super) fn wake(self, b: &mut FunctionBuilder<'_>, source: Source<'_>, base: Value) {
        let mut changes = Changes::default();
        for (group, tasks) in self.groups.iter().enumerate() {
            let bits = b.ins().load(I8X16, flags(), base, self.slot(group));
            changes.note(b, tasks, bits);
        }
        changes.wake(b, source, base);
    }
}
