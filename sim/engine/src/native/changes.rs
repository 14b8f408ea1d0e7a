//! Notes what a task changes, and wakes the tasks that read it.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I8X16, I64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value};
use cranelift_frontend::FunctionBuilder;

use super::scalar::flags;
use super::{Source, offset};
use crate::plan::wakes::{TaskSet, masks};

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
    pub(super) fn note(&mut self, b: &mut FunctionBuilder<'_>, tasks: &TaskSet, bits: Value) {
        if tasks.is_empty() {
            return;
        }
        let ty = b.func.dfg.value_type(bits);
        match self.groups.iter_mut().find(|group| group.ty == ty && group.tasks == *tasks) {
            Some(group) => group.bits = b.ins().bor(group.bits, bits),
            None => self.groups.push(Group { tasks: tasks.clone(), ty, bits }),
        }
    }

    /// The bits, each as 64, whomever they wake; none of vectors.
    pub(super) fn take(&mut self, b: &mut FunctionBuilder<'_>) -> Vec<Value> {
        let groups = std::mem::take(&mut self.groups);
        groups
            .into_iter()
            .map(|Group { ty, bits, .. }| if ty == I64 { bits } else { b.ins().uextend(I64, bits) })
            .collect()
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

/// Tasks that any of these wake.
pub(super) fn union<'a>(sets: impl IntoIterator<Item = &'a TaskSet>) -> TaskSet {
    let all: std::collections::BTreeSet<usize> = sets.into_iter().flatten().copied().collect();
    all.into_iter().collect()
}
