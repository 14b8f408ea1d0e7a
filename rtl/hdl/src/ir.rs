//! The intermediate representation: modules of nodes, registers, memories and instances.
//!
//! Everything downstream (simulators, Verilog emitter, formal) reads these types; only the
//! builder makes them. A [`Module`] is immutable once built and shared by all its instances.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::digest::Digest;
use crate::ty::Ty;

/// A value inside one module: an index into [`Module::nodes`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The position in [`Module::nodes`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One body: what a Verilog module is. Instances share it through an [`Arc`].
#[derive(Debug)]
pub struct Module {
    /// Name of the block; file and emitted name agree.
    pub name: String,
    /// The datasheet's first lines, emitted as a comment.
    pub doc: String,
    /// Inputs, in declaration order (clock and reset are implicit).
    pub inputs: Vec<Port>,
    /// Outputs, in declaration order, and the node that drives each.
    pub outputs: Vec<OutputPort>,
    /// All values. Operands may have higher indices than their users where an instance's output
    /// is used before its inputs are connected: walk in [`Module::order`].
    pub nodes: Vec<Node>,
    /// Registers, in declaration order.
    pub registers: Vec<RegisterDef>,
    /// Memories, in declaration order.
    pub memories: Vec<Memory>,
    /// Children, in declaration order.
    pub instances: Vec<Instance>,
    /// Assertions, assumptions and covers, sampled at every rising clock edge out of reset.
    pub checks: Vec<Check>,
    /// Every node once, operands (through the combinational paths of instances too) first.
    pub order: Vec<NodeId>,
    /// For each output, the sorted indices of the inputs that reach it without a register.
    pub combinational_inputs: Vec<Vec<usize>>,
    /// Whether anything inside is clocked.
    pub has_clock: bool,
    /// Whether anything inside is reset or checked.
    pub has_reset: bool,
    /// Structural hash of the body and all below it (names included, source locations not).
    pub digest: Digest,
}

impl PartialEq for Module {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Module {}

impl Hash for Module {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

impl Module {
    /// The node with this identity.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// The position of the input called `name`.
    pub fn input_index(&self, name: &str) -> Option<usize> {
        self.inputs.iter().position(|port| port.name == name)
    }

    /// The position of the output called `name`.
    pub fn output_index(&self, name: &str) -> Option<usize> {
        self.outputs.iter().position(|port| port.name == name)
    }
}

/// An input port.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Port {
    /// Name as emitted, `_i` last.
    pub name: String,
    /// Width and sign.
    pub ty: Ty,
}

/// An output port and its driver.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct OutputPort {
    /// Name as emitted, `_o` last.
    pub name: String,
    /// Width and sign (the driver's).
    pub ty: Ty,
    /// The value driven.
    pub node: NodeId,
}

/// Where in the Rust source a thing was built.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SourceLocation {
    /// Path as the compiler saw it.
    pub file: &'static str,
    /// Line, from 1.
    pub line: u32,
}

// Moving code must not change what it builds: the digest does not see locations.
impl Hash for SourceLocation {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// One value and how it is computed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Node {
    /// How it is computed.
    pub op: Op,
    /// Width and sign of the value.
    pub ty: Ty,
    /// The name the source gave it, if any; not necessarily unique.
    pub name: Option<String>,
    /// Where it was built.
    pub location: SourceLocation,
}

/// How a value is computed. "Value" means the integer that the operand's bits and sign stand for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Input port by position in [`Module::inputs`].
    Input(usize),
    /// A constant bit pattern (zero above the width).
    Const(u64),
    /// What register `i` of [`Module::registers`] holds.
    RegisterQ(usize),
    /// Lane `lane` of read port `port` of memory `memory`.
    MemoryRead {
        /// Position in [`Module::memories`].
        memory: usize,
        /// Position in [`Memory::reads`].
        port: usize,
        /// Lane within the word.
        lane: usize,
    },
    /// Output `output` of instance `instance`.
    InstanceOutput {
        /// Position in [`Module::instances`].
        instance: usize,
        /// Position in the child's [`Module::outputs`].
        output: usize,
    },
    /// One operand.
    Unary(UnaryOp, NodeId),
    /// Two operands.
    Binary(BinaryOp, NodeId, NodeId),
    /// `select ? on_true : on_false`; all three arms' types are: `select` one bit, the others the node's own type.
    Mux {
        /// One bit.
        select: NodeId,
        /// Value where `select` is 1.
        on_true: NodeId,
        /// Value where `select` is 0.
        on_false: NodeId,
    },
    /// Bits `[low + width - 1 : low]` of the source, read with the node's own sign.
    Slice {
        /// Source of the bits.
        source: NodeId,
        /// Lowest bit taken.
        low: u32,
    },
    /// `high` above `low`; width is the sum, unsigned.
    Concat {
        /// Upper bits.
        high: NodeId,
        /// Lower bits.
        low: NodeId,
    },
}

impl Op {
    /// Replaces each operand inside the module by what `f` makes of it.
    pub(crate) fn map_operands(&mut self, f: impl Fn(NodeId) -> NodeId) {
        match self {
            Op::Input(_) | Op::Const(_) | Op::RegisterQ(_) | Op::MemoryRead { .. } | Op::InstanceOutput { .. } => {}
            Op::Unary(_, a) | Op::Slice { source: a, .. } => *a = f(*a),
            Op::Binary(_, a, b) | Op::Concat { high: a, low: b } => (*a, *b) = (f(*a), f(*b)),
            Op::Mux { select, on_true, on_false } => {
                (*select, *on_true, *on_false) = (f(*select), f(*on_true), f(*on_false));
            }
        }
    }

    /// Calls `f` for each operand inside the module (not through registers or memories' clocked ports).
    pub fn for_each_operand(&self, mut f: impl FnMut(NodeId)) {
        match *self {
            Op::Input(_) | Op::Const(_) | Op::RegisterQ(_) | Op::MemoryRead { .. } | Op::InstanceOutput { .. } => {}
            Op::Unary(_, a) | Op::Slice { source: a, .. } => f(a),
            Op::Binary(_, a, b) | Op::Concat { high: a, low: b } => {
                f(a);
                f(b);
            }
            Op::Mux { select, on_true, on_false } => {
                f(select);
                f(on_true);
                f(on_false);
            }
        }
    }
}

/// Operators with one operand.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UnaryOp {
    /// Every bit inverted; the node has the operand's width.
    Not,
    /// The operand's value, sign- or zero-extended by the *operand's* sign to the node's width
    /// (never narrower), and read with the node's sign.
    Extend,
    /// 1 if any bit is set; one bit.
    ReduceOr,
    /// 1 if all bits are set; one bit.
    ReduceAnd,
    /// 1 if an odd number of bits is set; one bit.
    ReduceXor,
}

/// Operators with two operands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BinaryOp {
    /// Sum of the values, modulo 2^width of the node. The builder makes the node wide enough
    /// that nothing is lost, except where the source says `wrapping_`.
    Add,
    /// Difference of the values, modulo 2^width of the node.
    Sub,
    /// Product of the values, modulo 2^width of the node.
    Mul,
    /// Bitwise and; operands and node have one width.
    And,
    /// Bitwise or; operands and node have one width.
    Or,
    /// Bitwise exclusive or; operands and node have one width.
    Xor,
    /// The values are equal (whatever their widths and signs); one bit.
    Eq,
    /// The values differ; one bit.
    Ne,
    /// The first value is less than the second; one bit.
    Lt,
    /// The first value is at most the second; one bit.
    Le,
    /// First operand shifted left by the second's (unsigned) value, modulo 2^width; the node has
    /// the first operand's type. Amounts of width or more give 0.
    Shl,
    /// First operand shifted right by the second's (unsigned) value, filling with the sign where
    /// the first operand is signed; the node has the first operand's type. Amounts of width or
    /// more give 0, or -1 for a negative value.
    Shr,
}

/// A register: takes `next` at the rising edge where `enable` is 1 (or absent).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct RegisterDef {
    /// Name, `_q` last.
    pub name: String,
    /// Width and sign.
    pub ty: Ty,
    /// The next value; same type.
    pub next: NodeId,
    /// Hold where 0. Reset comes first.
    pub enable: Option<NodeId>,
    /// Bit pattern taken at a rising edge with `rst_ni` low. `None`: unknown until first written.
    pub reset: Option<u64>,
    /// Where it was built.
    pub location: SourceLocation,
}

/// A memory of `depth` words of `lanes` lanes.
///
/// All reads see the contents before this edge's writes (read-first); writes at one edge happen
/// in port order, so the later port wins.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Memory {
    /// Name.
    pub name: String,
    /// Words; a power of two and at least 2, so that no address is outside.
    pub depth: usize,
    /// Lanes in a word.
    pub lanes: usize,
    /// Type of one lane.
    pub lane_ty: Ty,
    /// What synthesis should make of it.
    pub style: MemoryStyle,
    /// What nobody looks at, so that synthesis may leave it open.
    pub collisions: Collisions,
    /// Contents at power-up, lane-major within words; `None`: unknown.
    pub init: Option<Vec<u64>>,
    /// Read ports.
    pub reads: Vec<ReadPort>,
    /// Write ports.
    pub writes: Vec<WritePort>,
    /// Where it was built.
    pub location: SourceLocation,
}

impl Memory {
    /// Bits of an address: log2 of the depth.
    pub fn address_width(&self) -> u32 {
        self.depth.trailing_zeros()
    }
}

/// What a design makes of a read that meets a write of the same word at the same edge. Simulation and other tools read
/// first in either case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Collisions {
    /// The old word is read, whatever that takes.
    #[default]
    ReadFirst,
    /// Lanes read and written at one edge are never used: synthesis may leave them open.
    Unused,
}

/// What synthesis should make of a memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum MemoryStyle {
    /// The tool chooses.
    #[default]
    Auto,
    /// Block RAM.
    Block,
    /// Look-up tables.
    Distributed,
    /// The device's large blocks (UltraRAM, SPRAM), which have no contents at power-up.
    Ultra,
}

/// How a read port answers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ReadKind {
    /// One cycle after the address; holds while not enabled.
    Synchronous,
    /// In the same cycle.
    Asynchronous,
}

/// One read port.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ReadPort {
    /// Timing.
    pub kind: ReadKind,
    /// Word address, exactly [`Memory::address_width`] bits, unsigned.
    pub address: NodeId,
    /// Synchronous ports: take a new word where 1 (or absent). Absent on asynchronous ports.
    pub enable: Option<NodeId>,
}

/// One write port.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct WritePort {
    /// Word address, exactly [`Memory::address_width`] bits, unsigned.
    pub address: NodeId,
    /// Write where 1.
    pub enable: NodeId,
    /// One bit per lane; absent: all lanes.
    pub lane_enables: Option<Vec<NodeId>>,
    /// One value per lane, of the lane's type.
    pub data: Vec<NodeId>,
}

/// A child.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Instance {
    /// Name within the parent.
    pub name: String,
    /// The body, shared with all its other instances.
    pub module: Arc<Module>,
    /// Driver of each of the child's inputs, in the child's order, of exactly the port's type.
    pub inputs: Vec<NodeId>,
    /// Where it was built.
    pub location: SourceLocation,
}

/// What a check says of its condition.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CheckKind {
    /// Must always hold.
    Assert,
    /// The environment keeps it; assumed at the top of a proof, asserted in simulation.
    Assume,
    /// Should happen at least once.
    Cover,
}

/// A property of one cycle, sampled at each rising edge with `rst_ni` high.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Check {
    /// What it says.
    pub kind: CheckKind,
    /// A sentence: `payload_stable_while_stalled`.
    pub name: String,
    /// One bit.
    pub condition: NodeId,
    /// Where it was written.
    pub location: SourceLocation,
}
