//! The in-process backend: makes machine code of a program's tasks with Cranelift.

mod changes;
mod copy;
mod lanes;
mod pack;
mod reads;
mod scalar;
mod vector;

use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{AbiParam, InstBuilder, Value};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{CodegenError, Context};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Module as _, ModuleError, default_libcall_names};

use crate::plan::lattice::LANES_MIN;
use crate::plan::layout::State;
use crate::plan::schedule::{Action, Program, Task};
use crate::plan::strands::Strands;
use crate::plan::values::Values;
use crate::plan::{ValueId, ValueOp};

/// What a task's code is made from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) strands: &'a Strands,
    pub(crate) state: &'a State,
    pub(crate) values: &'a Values,
    pub(crate) program: &'a Program,
}

impl Source<'_> {
    /// Whether a task can and should be computed with vectors.
    pub(crate) fn suits_vectors(&self, task: &Task) -> bool {
        let with_memory = |action: &Action| {
            matches!(action, Action::TakeWord { .. } | Action::WriteWord { .. } | Action::Shift { .. })
        };
        let reads_memory = |&id: &ValueId| matches!(self.values.value(id).op, ValueOp::MemoryRead { .. });
        self.strands.lanes(task.strand) >= LANES_MIN
            && !task.actions.iter().any(with_memory)
            && !task.values.iter().any(reads_memory)
    }
}

/// Machine code of one program. Keeps its memory as long as it lives.
pub(crate) struct Code {
    tasks: Vec<extern "C" fn(*mut u8)>,
    /// Byte offset of the bits of tasks that must run, if not all must.
    gates: Option<usize>,
    /// Holds the pages.
    module: Option<JITModule>,
}

// SAFETY: the code is position-independent data owned by the module, and touches only the buffer it is given.
unsafe impl Send for Code {}
// SAFETY: as above; running it needs no access to the module.
unsafe impl Sync for Code {}

impl Drop for Code {
    fn drop(&mut self) {
        if let Some(module) = self.module.take() {
            // SAFETY: the function pointers are private and go with this struct; none is running, as running borrows it.
            unsafe { module.free_memory() };
        }
    }
}

impl Code {
    /// Runs, in order, the tasks that must run.
    ///
    /// # Safety
    /// `state` points to a buffer of the layout the code was made for, of at least its length.
    pub(crate) unsafe fn run(&self, state: *mut u8) {
        let Some(gates) = self.gates else {
            self.tasks.iter().for_each(|task| task(state));
            return;
        };
        for (word, tasks) in self.tasks.chunks(64).enumerate() {
            // SAFETY: the layout has these words.
            let bits = unsafe { state.add(gates + word * 8).cast::<u64>() };
            let mut left = u64::MAX;
            loop {
                // SAFETY: as above. Tasks change them, so they are read again after each.
                let waiting = unsafe { bits.read() };
                let next = (waiting & left).trailing_zeros();
                if next == 64 {
                    break;
                }
                // SAFETY: as above.
                unsafe { bits.write(waiting & !(1 << next)) };
                left = u64::MAX << next << 1;
                tasks[next as usize](state);
            }
        }
    }
}

/// Compiles a program.
pub(crate) fn compile(source: Source<'_>) -> Result<Code, String> {
    if i32::try_from(source.state.bytes()).is_err() {
        return Err(format!("{} bytes of state, more than 2^31", source.state.bytes()));
    }
    let isa = isa()?;
    let mut module = JITModule::new(JITBuilder::with_isa(isa, default_libcall_names()));
    let mut context = module.make_context();
    let mut functions = FunctionBuilderContext::new();
    let ids: Result<Vec<FuncId>, String> = source
        .program
        .tasks
        .iter()
        .map(|task| define(source, task, &mut module, &mut context, &mut functions))
        .collect();
    let ids = ids?;
    module.finalize_definitions().map_err(|error| error.to_string())?;
    let tasks = ids.into_iter().map(|id| {
        let code = module.get_finalized_function(id);
        // SAFETY: the function was defined with exactly this signature.
        unsafe { std::mem::transmute::<*const u8, extern "C" fn(*mut u8)>(code) }
    });
    let gates = source.program.gates.as_ref().map(|gates| gates.at);
    Ok(Code { tasks: tasks.collect(), gates, module: Some(module) })
}

fn describe(error: &ModuleError) -> String {
    match error {
        ModuleError::Compilation(CodegenError::Verifier(errors)) => errors.to_string(),
        other => other.to_string(),
    }
}

fn isa() -> Result<OwnedTargetIsa, String> {
    let mut flags = settings::builder();
    let options = [
        // The plan has folded and shared already.
        ("opt_level", "none"),
        ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
        ("enable_probestack", "false"),
        ("is_pic", "false"),
        ("use_colocated_libcalls", "false"),
    ];
    for (name, value) in options {
        flags.set(name, value).map_err(|error| error.to_string())?;
    }
    let builder = cranelift_native::builder().map_err(str::to_owned)?;
    builder.finish(settings::Flags::new(flags)).map_err(|error| error.to_string())
}

fn define(
    source: Source<'_>,
    task: &Task,
    module: &mut JITModule,
    context: &mut Context,
    functions: &mut FunctionBuilderContext,
) -> Result<FuncId, String> {
    context.func.signature.params.push(AbiParam::new(I64));
    context.func.signature.call_conv = module.isa().default_call_conv();
    let mut builder = FunctionBuilder::new(&mut context.func, functions);
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    builder.seal_block(entry);
    let base = builder.block_params(entry)[0];
    let mut changes = changes::Changes::default();
    for (index, fill) in task.fills.iter().enumerate() {
        let woken = task.wakes.fills.get(index).cloned().unwrap_or_default();
        for run in &fill.runs {
            copy::emit(&mut builder, base, run, (&mut changes, &woken));
        }
    }
    changes.wake(&mut builder, source, base);
    if source.suits_vectors(task) {
        vector::emit(&mut builder, source, task, base);
    } else {
        lanes::emit(&mut builder, source, task, base);
    }
    builder.ins().return_(&[]);
    builder.finalize(module.target_config());
    let id = module.declare_anonymous_function(&context.func.signature).map_err(|error| error.to_string())?;
    let result = module.define_function(id, context).map_err(|error| describe(&error));
    module.clear_context(context);
    result.map(|()| id)
}

/// An address within the state buffer as the constant part of an access.
fn offset(bytes: usize) -> i32 {
    i32::try_from(bytes).expect("the buffer is smaller than 2^31 bytes, as was checked before")
}

/// `value * factor`, by a shift where that does.
fn scaled(b: &mut FunctionBuilder<'_>, value: Value, factor: usize) -> Value {
    match factor {
        1 => value,
        _ if factor.is_power_of_two() => b.ins().ishl_imm_u(value, i64::from(factor.trailing_zeros())),
        _ => b.ins().imul_imm_s(value, factor as i64),
    }
}

/// A loop `for index in (0..end).step_by(step)`, or from the last to the first, around what is emitted
/// between [`Loop::begin`] and [`Loop::end`].
struct Loop {
    header: cranelift_codegen::ir::Block,
    exit: cranelift_codegen::ir::Block,
    index: Value,
    end: i64,
    step: i64,
    descending: bool,
}

impl Loop {
    fn begin(b: &mut FunctionBuilder<'_>, end: usize, step: usize, descending: bool) -> Loop {
        let (end, step) = (end as i64, step as i64);
        let last = (end - 1) / step * step;
        let first = b.ins().iconst(I64, if descending { last } else { 0 });
        let header = b.create_block();
        let exit = b.create_block();
        let index = b.append_block_param(header, I64);
        b.ins().jump(header, &[first.into()]);
        b.switch_to_block(header);
        Loop { header, exit, index, end, step, descending }
    }

    fn end(self, b: &mut FunctionBuilder<'_>) {
        use cranelift_codegen::ir::condcodes::IntCC;
        let (next, again) = if self.descending {
            let next = b.ins().iadd_imm_s(self.index, -self.step);
            (next, b.ins().icmp_imm_s(IntCC::SignedGreaterThanOrEqual, next, 0))
        } else {
            let next = b.ins().iadd_imm_s(self.index, self.step);
            (next, b.ins().icmp_imm_s(IntCC::SignedLessThan, next, self.end))
        };
        b.ins().brif(again, self.header, &[next.into()], self.exit, &[]);
        b.seal_block(self.header);
        b.seal_block(self.exit);
        b.switch_to_block(self.exit);
    }
}
