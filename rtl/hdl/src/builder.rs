//! The builder: opens a module, declares its ports, state and children, and closes it.
//!
//! The module under construction lives in thread-local storage so that [`Signal`]s can be plain
//! copyable handles with operators. Misuse (mixed modules, mismatched types, undriven registers)
//! is a bug in the generator and panics with the names involved.

use std::cell::RefCell;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::check::finish;
use crate::ir::{
    Check, CheckKind, Collisions, Memory, MemoryStyle, Module, Node, NodeId, Op, OutputPort, Port, SourceLocation,
};
use crate::memory::MemoryHandle;
use crate::signal::{Operand, Signal};
use crate::ty::Ty;

/// Builds one module: runs `build` with an open [`ModuleBuilder`] and closes it.
///
/// Generators call each other freely: a child is built (or built once and shared) before it is
/// instantiated with [`ModuleBuilder::instance`].
///
/// # Panics
/// If the body is incomplete (an undriven register, memory or instance input, a duplicate name) or has a
/// combinational loop; the message names module and signal.
#[track_caller]
pub fn module(name: impl Into<String>, build: impl FnOnce(&ModuleBuilder)) -> Arc<Module> {
    static NEXT_ID: AtomicU32 = AtomicU32::new(0);
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    OPEN.with_borrow_mut(|open| open.push(Draft::new(id, name.into())));
    // Closes the draft if `build` panics, so that a caught panic leaves no stale module open.
    struct Close;
    impl Drop for Close {
        fn drop(&mut self) {
            if std::thread::panicking() {
                OPEN.with_borrow_mut(|open| open.pop());
            }
        }
    }
    let close = Close;
    build(&ModuleBuilder { id });
    let draft = OPEN.with_borrow_mut(|open| open.pop()).expect("the module opened above is still open");
    drop(close);
    Arc::new(finish(draft))
}

/// The open module. See [`module`].
pub struct ModuleBuilder {
    id: u32,
}

impl ModuleBuilder {
    /// The datasheet's first lines; emitted as a comment above the module.
    pub fn doc(&self, text: &str) {
        self.draft(|draft| draft.doc = text.trim().to_owned());
    }

    /// Declares an input port.
    #[track_caller]
    pub fn input(&self, name: &str, ty: Ty) -> Signal {
        let location = here(Location::caller());
        self.draft(|draft| {
            draft.inputs.push(Port { name: name.to_owned(), ty });
            draft.push(Op::Input(draft.inputs.len() - 1), ty, location)
        })
    }

    /// Declares an output port and what drives it.
    #[track_caller]
    pub fn output(&self, name: &str, driver: impl Into<Operand>) {
        let driver = driver.into().signal();
        let node = driver.id();
        self.draft(|draft| draft.outputs.push(OutputPort { name: name.to_owned(), ty: driver.ty(), node }));
    }

    /// A constant of a stated type.
    ///
    /// # Panics
    /// If the type does not hold the value.
    #[track_caller]
    pub fn constant(&self, ty: Ty, value: i64) -> Signal {
        Signal::constant(ty, value)
    }

    /// Declares a register; its next value is given later by [`Register::next`].
    #[track_caller]
    pub fn register(&self, name: &str, ty: Ty) -> Register {
        let location = here(Location::caller());
        self.draft(|draft| {
            let index = draft.registers.len();
            draft.registers.push(DraftRegister {
                name: name.to_owned(),
                ty,
                next: None,
                enable: None,
                reset: None,
                location,
            });
            Register { q: draft.push(Op::RegisterQ(index), ty, location), index }
        })
    }

    /// A register without reset that follows `value` one cycle later.
    #[track_caller]
    pub fn delay(&self, name: &str, value: impl Into<Operand>) -> Signal {
        let value = value.into().signal();
        let register = self.register(name, value.ty());
        register.next(value);
        register.q
    }

    /// As [`ModuleBuilder::delay`], with a register that is 0 in reset.
    #[track_caller]
    pub fn delay_reset(&self, name: &str, value: impl Into<Operand>) -> Signal {
        let value = value.into().signal();
        let register = self.register(name, value.ty()).reset(0);
        register.next(value);
        register.q
    }

    /// `value` delayed by `cycles` registers without reset, named `<name>_<n>_q`; 0 cycles is the value itself.
    #[track_caller]
    pub fn delay_by(&self, name: &str, value: Signal, cycles: usize) -> Signal {
        // Loops instead of closures here and there: a closure would hide the caller's line.
        let mut value = value;
        for stage in 0..cycles {
            value = self.delay(&format!("{name}_{stage}_q"), value);
        }
        value
    }

    /// Declares a memory of `depth` words (a power of two, at least 2) of `lanes` lanes. It must be
    /// written or given contents. [`MemoryHandle`] says what collisions do and what synthesis makes of it.
    ///
    /// # Panics
    /// If the depth is not such a number, or there are no lanes.
    #[track_caller]
    pub fn memory(&self, name: &str, depth: usize, lanes: usize, lane_ty: Ty) -> MemoryHandle {
        // One word would leave half of the addresses of one bit outside.
        let legal = depth.is_power_of_two() && depth >= 2;
        assert!(legal, "memory {name}: depth {depth} is not a power of two of 2 or more");
        assert!(lanes >= 1, "memory {name}: no lanes");
        let location = here(Location::caller());
        self.draft(|draft| {
            draft.memories.push(Memory {
                name: name.to_owned(),
                depth,
                lanes,
                lane_ty,
                style: MemoryStyle::Auto,
                collisions: Collisions::ReadFirst,
                init: None,
                reads: Vec::new(),
                writes: Vec::new(),
                location,
            });
            MemoryHandle::new(draft.memories.len() - 1)
        })
    }

    /// Places a child. Its inputs are connected by [`InstanceHandle::input`], in any order.
    #[track_caller]
    pub fn instance(&self, name: &str, child: &Arc<Module>) -> InstanceHandle {
        let location = here(Location::caller());
        self.draft(|draft| {
            draft.instances.push(DraftInstance {
                name: name.to_owned(),
                module: child.clone(),
                inputs: vec![None; child.inputs.len()],
                outputs: vec![None; child.outputs.len()],
                location,
            });
            InstanceHandle { index: draft.instances.len() - 1, module: child.clone() }
        })
    }

    /// States that `condition` (one bit) holds at every rising edge out of reset.
    #[track_caller]
    pub fn assert(&self, name: &str, condition: Signal) {
        push_check(CheckKind::Assert, name, condition, Location::caller());
    }

    /// States that the environment keeps `condition` at every rising edge out of reset.
    #[track_caller]
    pub fn assume(&self, name: &str, condition: Signal) {
        push_check(CheckKind::Assume, name, condition, Location::caller());
    }

    /// States that `condition` should happen.
    #[track_caller]
    pub fn cover(&self, name: &str, condition: Signal) {
        push_check(CheckKind::Cover, name, condition, Location::caller());
    }

    fn draft<T>(&self, f: impl FnOnce(&mut Draft) -> T) -> T {
        with_draft(|draft| {
            assert!(draft.id == self.id, "module {} is used while {} is open", self.id, draft.name);
            f(draft)
        })
    }
}

/// A register of the open module: what it holds, and where its next value goes.
#[derive(Clone, Copy)]
pub struct Register {
    /// What it holds.
    pub q: Signal,
    index: usize,
}

impl Register {
    /// Gives it a reset value, taken at a rising edge with `rst_ni` low.
    ///
    /// # Panics
    /// If its type does not hold the value.
    #[track_caller]
    pub fn reset(self, value: i64) -> Register {
        let bits = checked_bits(self.q.ty(), value);
        with_draft(|draft| draft.registers[self.index].reset = Some(bits));
        self
    }

    /// Gives its next value, widened to its type where needed.
    ///
    /// # Panics
    /// If the value does not always fit (truncate or saturate it explicitly), or on a second call.
    #[track_caller]
    pub fn next(self, value: impl Into<Operand>) {
        self.drive(None, value.into());
    }

    /// Gives its next value, taken only where `enable` (one bit) is 1.
    ///
    /// # Panics
    /// As [`Register::next`].
    #[track_caller]
    pub fn next_when(self, enable: Signal, value: impl Into<Operand>) {
        assert_bit("enable", enable);
        self.drive(Some(enable), value.into());
    }

    #[track_caller]
    fn drive(self, enable: Option<Signal>, value: Operand) {
        let next = value.widened(self.q.ty()).id();
        let enable = enable.map(Signal::id);
        with_draft(|draft| {
            let register = &mut draft.registers[self.index];
            assert!(register.next.is_none(), "register {} in {} is driven twice", register.name, draft.name);
            register.next = Some(next);
            register.enable = enable;
        });
    }
}

/// A child of the open module.
#[derive(Clone)]
pub struct InstanceHandle {
    index: usize,
    module: Arc<Module>,
}

impl InstanceHandle {
    /// Connects an input, widening the value to the port's type where needed.
    ///
    /// # Panics
    /// If there is no such input, it is connected already, or the value does not always fit.
    #[track_caller]
    pub fn input(&self, name: &str, value: impl Into<Operand>) -> &InstanceHandle {
        let Some(index) = self.module.input_index(name) else {
            panic!("{} has no input {name}; it has {:?}", self.module.name, self.module.inputs)
        };
        let driver = value.into().widened(self.module.inputs[index].ty).id();
        with_draft(|draft| {
            let slot = &mut draft.instances[self.index].inputs[index];
            assert!(slot.is_none(), "input {name} of {} is connected twice", self.module.name);
            *slot = Some(driver);
        });
        self
    }

    /// The value of an output; usable before the inputs are connected.
    ///
    /// # Panics
    /// If there is no such output.
    #[track_caller]
    pub fn output(&self, name: &str) -> Signal {
        let location = here(Location::caller());
        let Some(index) = self.module.output_index(name) else {
            panic!("{} has no output {name}; it has {:?}", self.module.name, self.module.outputs)
        };
        let ty = self.module.outputs[index].ty;
        with_draft(|draft| {
            if let Some(known) = draft.instances[self.index].outputs[index] {
                return known;
            }
            let signal = draft.push(Op::InstanceOutput { instance: self.index, output: index }, ty, location);
            draft.instances[self.index].outputs[index] = Some(signal);
            signal
        })
    }
}

/// A module under construction.
pub(crate) struct Draft {
    id: u32,
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<OutputPort>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) registers: Vec<DraftRegister>,
    pub(crate) memories: Vec<Memory>,
    pub(crate) instances: Vec<DraftInstance>,
    pub(crate) checks: Vec<Check>,
}

pub(crate) struct DraftRegister {
    pub(crate) name: String,
    pub(crate) ty: Ty,
    pub(crate) next: Option<NodeId>,
    pub(crate) enable: Option<NodeId>,
    pub(crate) reset: Option<u64>,
    pub(crate) location: SourceLocation,
}

pub(crate) struct DraftInstance {
    pub(crate) name: String,
    pub(crate) module: Arc<Module>,
    pub(crate) inputs: Vec<Option<NodeId>>,
    outputs: Vec<Option<Signal>>,
    pub(crate) location: SourceLocation,
}

impl Draft {
    fn new(id: u32, name: String) -> Draft {
        Draft {
            id,
            name,
            doc: String::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            nodes: Vec::new(),
            registers: Vec::new(),
            memories: Vec::new(),
            instances: Vec::new(),
            checks: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, op: Op, ty: Ty, location: SourceLocation) -> Signal {
        let id = NodeId(u32::try_from(self.nodes.len()).expect("a module has fewer than 2^32 values"));
        self.nodes.push(Node { op, ty, name: None, location });
        Signal::new(id, ty, self.id)
    }
}

thread_local! {
    static OPEN: RefCell<Vec<Draft>> = const { RefCell::new(Vec::new()) };
}

#[track_caller]
pub(crate) fn with_draft<T>(f: impl FnOnce(&mut Draft) -> T) -> T {
    OPEN.with_borrow_mut(|open| f(open.last_mut().expect("hardware is built inside module(...)")))
}

/// Appends a value computed from operands of the open module.
#[track_caller]
pub(crate) fn push_node(op: Op, ty: Ty) -> Signal {
    let location = here(Location::caller());
    with_draft(|draft| draft.push(op, ty, location))
}

/// Checks that `signal` belongs to the open module.
#[track_caller]
pub(crate) fn assert_open(module: u32, id: NodeId) {
    with_draft(|draft| {
        assert!(
            draft.id == module,
            "value {} of another module is used in {}: pass it through a port",
            id.0,
            draft.name
        );
    });
}

/// Gives a value its name.
pub(crate) fn name_node(id: NodeId, name: &str) {
    with_draft(|draft| draft.nodes[id.index()].name = Some(name.to_owned()));
}

/// Adds a property of the open module.
#[track_caller]
pub(crate) fn push_check(kind: CheckKind, name: &str, condition: Signal, location: &'static Location<'static>) {
    assert_bit(name, condition);
    let check = Check { kind, name: name.to_owned(), condition: condition.id(), location: here(location) };
    with_draft(|draft| draft.checks.push(check));
}

#[track_caller]
pub(crate) fn assert_bit(what: &str, signal: Signal) {
    assert!(signal.ty() == Ty::BIT, "{what} is {}, expected one unsigned bit", signal.ty());
}

/// The bits of a literal, checked against its type.
#[track_caller]
pub(crate) fn checked_bits(ty: Ty, value: i64) -> u64 {
    let fits = (ty.min()..=ty.max()).contains(&i128::from(value));
    // A 64-bit unsigned constant is written as the i64 with the same bits.
    assert!(fits || ty == crate::u(64), "{value} does not fit {ty}");
    ty.bits_of(value)
}

pub(crate) fn here(location: &'static Location<'static>) -> SourceLocation {
    SourceLocation { file: location.file(), line: location.line() }
}
