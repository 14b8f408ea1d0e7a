//! Writes a program as Rust source.
//!
//! Each task is a function, which returns the tasks to wake among the 64 it belongs to. With vectors, everything
//! in a turn of its loop is read and computed before anything is stored. Single values are computed where an
//! action first needs them, as the in-process backend does; what an action is about to change is read before it,
//! and words are written last.

use std::collections::BTreeSet;
use std::fmt::Write;

use myelin_hdl::Ty;
use rustc_hash::{FxHashMap, FxHashSet};

use super::scalar;
use crate::native::Source;
use crate::plan::schedule::{Action, CopyRun, Task, WireRead};
use crate::plan::wakes::{TaskSet, masks};
use crate::plan::{ArrayId, CellId, ValueId, ValueOp, container_bytes};

/// The first lines of source with portable vectors, which the compiler calls unstable.
const VECTOR_HEAD: &str = "\
#![no_std]
#![feature(portable_simd)]
#![allow(warnings)]
use core::simd::prelude::*;
use core::simd::Select;
";

/// The first lines of source that every compiler takes.
const PLAIN_HEAD: &str = "\
#![no_std]
#![allow(warnings)]
";

const PRELUDE: &str = "\
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! { loop {} }
#[inline(always)]
unsafe fn get<T: Copy>(p: *mut u8, at: usize) -> T { unsafe { p.add(at).cast::<T>().read_unaligned() } }
#[inline(always)]
unsafe fn set<T: Copy>(p: *mut u8, at: usize, value: T) { unsafe { p.add(at).cast::<T>().write_unaligned(value) } }
#[inline(always)]
unsafe fn copy<T: Copy + core::ops::BitXor<Output = T> + core::ops::BitOrAssign>(
    p: *mut u8, from: usize, to: usize, count: usize, from_stride: usize, to_stride: usize, changed: &mut T,
) {
    let mut index = 0;
    while index < count {
        let value = unsafe { get::<T>(p, from + index * from_stride) };
        *changed |= value ^ unsafe { get::<T>(p, to + index * to_stride) };
        unsafe { set::<T>(p, to + index * to_stride, value) };
        index += 1;
    }
}
";

/// The source of a program: for vectors of so many lanes, or lane by lane in the stable language.
pub(super) fn program(source: Source<'_>, lanes: Option<usize>) -> String {
    let mut text = if lanes.is_some() { VECTOR_HEAD } else { PLAIN_HEAD }.to_owned();
    text.push_str(PRELUDE);
    for (index, task) in source.program.tasks.iter().enumerate() {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "unsafe extern \"C\" fn task_{index}(p: *mut u8) -> u64 {{ unsafe {{");
        let uniform = FxHashSet::default();
        let (groups, known, cells) = (Vec::new(), FxHashSet::default(), FxHashMap::default());
        Writer { source, task, index, lanes, text: &mut text, uniform, groups, known, cells }.task();
        text.push_str("} }\n");
    }
    edge(source, &mut text);
    text
}

/// The function that runs the tasks.
fn edge(source: Source<'_>, text: &mut String) {
    let tasks = source.program.tasks.len();
    let Some(gates) = &source.program.gates else {
        text.push_str("#[unsafe(no_mangle)]\npub unsafe extern \"C\" fn edge(p: *mut u8) { unsafe {\n");
        for index in 0..tasks {
            let _ = writeln!(text, "    task_{index}(p);");
        }
        text.push_str("} }\n");
        return;
    };
    let _ = writeln!(text, "static TASKS: [unsafe extern \"C\" fn(*mut u8) -> u64; {tasks}] = [");
    for index in 0..tasks {
        let _ = writeln!(text, "    task_{index},");
    }
    let (words, at) = (gates.words(), gates.at);
    let _ = writeln!(
        text,
        "];
#[unsafe(no_mangle)]
pub unsafe extern \"C\" fn edge(p: *mut u8) {{ unsafe {{
    let mut word = 0;
    while word < {words} {{
        let at = {at} + word * 8;
        let (mut waiting, mut left) = (get::<u64>(p, at), u64::MAX);
        loop {{
            let next = (waiting & left).trailing_zeros();
            if next == 64 {{ break; }}
            left = u64::MAX << next << 1;
            waiting = waiting & !(1 << next) | TASKS.get_unchecked(word * 64 + next as usize)(p);
        }}
        set::<u64>(p, at, waiting);
        word += 1;
    }}
}} }}"
    );
}

pub(super) struct Writer<'a, 'b> {
    pub(super) source: Source<'a>,
    pub(super) task: &'a Task,
    /// Its position in the program.
    pub(super) index: usize,
    /// Most lanes of a vector; `None`: there are no vectors.
    pub(super) lanes: Option<usize>,
    pub(super) text: &'b mut String,
    /// Values that are the same in all lanes of a vector task.
    pub(super) uniform: FxHashSet<ValueId>,
    /// What tells of changes to single elements, by the tasks that they wake.
    pub(super) groups: Vec<TaskSet>,
    /// Single values that are defined.
    known: FxHashSet<ValueId>,
    /// Single values that read a cell.
    cells: FxHashMap<CellId, ValueId>,
}

macro_rules! line {
    ($writer:expr, $($arguments:tt)*) => {
        let _ = writeln!($writer.text, $($arguments)*);
    };
}
pub(super) use line;

impl Writer<'_, '_> {
    fn task(mut self) {
        self.begin_changes();
        for (index, fill) in self.task.fills.iter().enumerate() {
            let group = self.task.wakes.fills.get(index).and_then(|woken| self.group(woken));
            for run in &fill.runs {
                self.copy(run, group);
            }
        }
        let strand = self.task.strand;
        let lanes = self.source.strands.lanes(strand);
        if lanes == 1 {
            line!(self, "let i = 0_usize;");
            self.single();
        } else if !self.source.suits_vectors(self.task) {
            let turns =
                if self.task.descending { format!("(0..{lanes}_usize).rev()") } else { format!("0..{lanes}_usize") };
            line!(self, "for i in {turns} {{");
            self.single();
            line!(self, "}}");
        } else if let Some(lanes) = self.lanes {
            self.vector(lanes);
        } else {
            self.lane_by_lane_of_slots();
        }
        self.end_changes();
    }

    /// As [`Writer::vector`] without vectors: one slot after another, but for those that are no lane.
    fn lane_by_lane_of_slots(&mut self) {
        let slots = self.source.state.slots(self.task.strand);
        let order = if self.task.descending { ".rev()" } else { "" };
        let active = self.at(self.source.state.active(self.task.strand), 0);
        line!(self, "for i in ({}..{}_usize){order} {{", slots.first(), slots.end());
        line!(self, "if get::<u8>(p, {active}) == 0 {{ continue; }}");
        self.single();
        line!(self, "}}");
    }

    /// Declares what changes are noted in: one integer of each size for all that wake the same tasks.
    fn begin_changes(&mut self) {
        let wakes = &self.task.wakes;
        for woken in wakes.fills.iter().chain(&wakes.actions).chain(&wakes.again).filter(|woken| !woken.is_empty()) {
            if !self.groups.contains(woken) {
                self.groups.push(woken.clone());
            }
        }
        for group in 0..self.groups.len() {
            line!(
                self,
                "let (mut g{group}_8, mut g{group}_16, mut g{group}_32, mut g{group}_64) = (0_u8, 0_u16, 0_u32, 0_u64);"
            );
        }
    }

    /// Wakes the tasks of each group that changed, and returns those of the own word.
    fn end_changes(&mut self) {
        let Some(gates) = &self.source.program.gates else {
            line!(self, "0");
            return;
        };
        let mut woken: BTreeSet<usize> = BTreeSet::new();
        for (group, tasks) in self.groups.clone().iter().enumerate() {
            line!(
                self,
                "let changed = (g{group}_8 as u64 | g{group}_16 as u64 | g{group}_32 as u64 | g{group}_64) != 0;"
            );
            for (word, mask) in masks(tasks) {
                let others = if woken.insert(word) { String::new() } else { format!("w{word} | ") };
                line!(self, "let w{word} = {others}if changed {{ {mask:#x} }} else {{ 0_u64 }};");
            }
        }
        // The own word is in a register of the caller, who chooses the next task by it.
        let own = self.index / 64;
        for &word in woken.iter().filter(|&&word| word != own) {
            line!(self, "set::<u64>(p, {0}, get::<u64>(p, {0}) | w{word});", gates.at + word * 8);
        }
        if woken.contains(&own) {
            line!(self, "w{own}");
        } else {
            line!(self, "0");
        }
    }

    pub(super) fn group(&self, woken: &[usize]) -> Option<usize> {
        self.groups.iter().position(|group| group == woken)
    }

    /// Notes a change where the integer is not zero.
    fn note(&mut self, group: Option<usize>, bits: u32, text: &str) {
        if let Some(group) = group {
            line!(self, "g{group}_{bits} |= ({text}) as u{bits};");
        }
    }

    fn copy(&mut self, run: &CopyRun, group: Option<usize>) {
        let CopyRun { from, to, element_bytes, count, from_stride, to_stride } = *run;
        let contiguous = count > 1 && from_stride == element_bytes && to_stride == element_bytes;
        let bits = element_bytes * 8;
        if contiguous && group.is_none() {
            line!(self, "core::ptr::copy_nonoverlapping(p.add({from}), p.add({to}), {});", count * element_bytes);
        } else {
            let changed = group.map_or("0".to_owned(), |group| format!("g{group}_{bits}"));
            line!(self, "copy::<u{bits}>(p, {from}, {to}, {count}, {from_stride}, {to_stride}, &mut {changed});");
        }
    }

    pub(super) fn ty(&self, id: ValueId) -> Ty {
        self.source.values.ty(id)
    }

    /// Where an array is read for all lanes at once, or for lane `i`.
    pub(super) fn at(&self, array: ArrayId, delta: isize) -> String {
        let array = self.source.state.array(array);
        let bytes = array.element_bytes();
        let at = array.offset as isize + delta * bytes as isize;
        if self.source.strands.lanes(array.strand) == 1 { format!("{at}") } else { format!("{at} + i * {bytes}") }
    }

    /// The array and distance at which a value is read lane by lane.
    pub(super) fn place(&self, id: ValueId) -> Option<(ArrayId, isize)> {
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
    pub(super) fn single_value(&self, id: ValueId) -> String {
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

    /// All actions of lane `i`, and the values that they need.
    fn single(&mut self) {
        let task = self.task;
        for &id in &task.values {
            if let ValueOp::Cell(cell) = self.source.values.value(id).op
                && !task.loaded.contains_key(&id)
            {
                self.cells.insert(cell, id);
            }
        }
        // Writes see nothing of each other, and nothing sees them: they come last.
        let mut writes = Vec::new();
        for (index, action) in task.actions.iter().enumerate() {
            action.for_each_operand(|value| self.compute(value));
            match action {
                Action::Commit { cell, .. } => self.read_before_change(*cell),
                Action::TakeWord { cells, .. } | Action::Shift { cells, .. } => {
                    cells.iter().for_each(|&cell| self.read_before_change(cell));
                }
                _ => {}
            }
            let (group, again) = (self.group(task.wakes.action(index)), self.group(task.wakes.again(index)));
            if let Action::Commit { enable: Some(enable), .. }
            | Action::TakeWord { enable: Some(enable), .. }
            | Action::WriteWord { enable, .. } = action
            {
                self.note(again, 8, &format!("v{}", enable.0));
            }
            match action {
                Action::WriteWord { .. } => writes.push((action, group)),
                _ => self.single_action(action, group),
            }
        }
        for (write, group) in writes {
            self.single_action(write, group);
        }
    }

    /// Writes the definition of a value, and of all it needs, unless they are there.
    fn compute(&mut self, root: ValueId) {
        // No recursion: a chain of values may be longer than a stack is deep.
        let mut stack = vec![root];
        while let Some(&id) = stack.last() {
            if self.known.contains(&id) {
                stack.pop();
                continue;
            }
            let depth = stack.len();
            if self.place(id).is_none() {
                self.source.values.value(id).op.for_each_operand(|operand| {
                    if !self.known.contains(&operand) {
                        stack.push(operand);
                    }
                });
            }
            if stack.len() == depth {
                let value = self.single_value(id);
                line!(self, "let v{}: i64 = {value};", id.0);
                self.known.insert(id);
                stack.pop();
            }
        }
    }

    /// Reads a cell that is about to change, if something in the task wants its old value.
    fn read_before_change(&mut self, cell: CellId) {
        if let Some(&id) = self.cells.get(&cell) {
            self.compute(id);
        }
    }

    fn single_action(&mut self, action: &Action, group: Option<usize>) {
        match action {
            Action::Store { value, array } => self.set(*array, &format!("v{}", value.0), group),
            Action::Keep(_) => {}
            Action::Shift { from, bytes, by, .. } => {
                self.shift(*from, *bytes, *by, group);
            }
            Action::Commit { cell, next, enable } => {
                let array = self.source.state.cell(*cell).array;
                if let Some(enable) = enable {
                    line!(self, "if v{} != 0 {{", enable.0);
                }
                self.set(array, &format!("v{}", next.0), group);
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
                    self.set(self.source.state.cell(cell).array, &value, group);
                }
                line!(self, "}}");
            }
            Action::WriteWord { memory, address, enable, lane_enables, data } => {
                let memory = *self.source.state.memory(*memory);
                line!(self, "if v{} != 0 {{", enable.0);
                self.note(group, 8, "1");
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
                self.note(group, 8, &format!("v{} ^ 1", condition.0));
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
                self.note(group, 8, &format!("v{}", condition.0));
                // A branch: added unconditionally, LLVM makes code of it that takes twice as long (queues of
                // `verification/bench`, 64 counters: 2.26 against 4.45 million cycles per second).
                line!(self, "if v{} != 0 {{ set::<u8>(p, {at}, get::<u8>(p, {at}).wrapping_add(1)); }}", condition.0);
            }
        }
    }

    /// Moves bytes up, the last first, as the two places overlap.
    fn shift(&mut self, from: usize, bytes: usize, by: usize, group: Option<usize>) {
        let Some(group) = group else {
            line!(self, "core::ptr::copy(p.add({from}), p.add({}), {bytes});", from + by);
            return;
        };
        let sizes = if self.lanes.is_some() { [64, 32, 16].as_slice() } else { &[] };
        for size in sizes {
            line!(self, "let mut moved{size} = Simd::<u8, {size}>::splat(0);");
        }
        let mut left = bytes;
        while left > 0 {
            let size = sizes.iter().copied().chain([8, 4, 2, 1]).find(|&size| size <= left).unwrap_or(1);
            left -= size;
            let (at, to) = (from + left, from + left + by);
            if size > 8 {
                line!(self, "let (next, held) = (get::<Simd<u8, {size}>>(p, {at}), get::<Simd<u8, {size}>>(p, {to}));");
                line!(self, "moved{size} |= next ^ held; set(p, {to}, next);");
            } else {
                let bits = size * 8;
                line!(self, "let next = get::<u{bits}>(p, {at});");
                line!(self, "g{group}_{bits} |= next ^ get::<u{bits}>(p, {to}); set(p, {to}, next);");
            }
        }
        for size in sizes {
            line!(self, "g{group}_8 |= moved{size}.reduce_or();");
        }
    }

    fn set(&mut self, array: ArrayId, value: &str, group: Option<usize>) {
        let ty = self.source.state.array(array).ty;
        let element = scalar::element(ty);
        let at = self.at(array, 0);
        self.note(group, container_bytes(ty) * 8, &format!("get::<{element}>(p, {at}) ^ ({value}) as {element}"));
        line!(self, "set::<{element}>(p, {at}, ({value}) as {element});");
    }
}
