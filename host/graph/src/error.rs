//! What can be wrong with a graph, whoever builds it.

use crate::shape::Shape;
use thiserror::Error;

/// How the chain's runtime reports a fault; the number is its C return code.
///
/// The difference matters before execution: in the gas phase a logic error is an ordinary failed
/// transaction, a runtime error bubbles up and stalls the node. **Source.** CortexTheseus
/// 5c9b016f6, `inference/synapse/errors.go`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// Return code 1: the model is wrong on every machine.
    Logic = 1,
    /// Return code 2: the model cannot be read or run here.
    Runtime = 2,
}

/// A node, for error messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodePlace {
    /// Position in topological order.
    pub index: usize,
    /// Name, as in the file.
    pub name: String,
}

/// A fault and the node it was found at.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}{fault}", place(node))]
pub struct GraphError {
    /// The node; `None` for a fault of the whole graph.
    pub node: Option<NodePlace>,
    /// What is wrong.
    pub fault: GraphFault,
}

fn place(node: &Option<NodePlace>) -> String {
    node.as_ref().map_or(String::new(), |n| format!("node {} {:?}: ", n.index, n.name))
}

impl GraphError {
    /// The chain's class of this fault.
    pub fn class(&self) -> ErrorClass {
        self.fault.class()
    }
}

impl From<GraphFault> for GraphError {
    fn from(fault: GraphFault) -> Self {
        Self { node: None, fault }
    }
}

/// What is wrong with a graph.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields say what the message prints")]
pub enum GraphFault {
    /// An operator has the wrong number of operands.
    #[error("{op} takes {expected} operands, found {found}")]
    InputCount { op: &'static str, expected: usize, found: usize },
    /// An operand names a value that does not exist (yet).
    #[error("operand {operand} refers to value {value}, but only {count} exist here")]
    UnknownValue { operand: usize, value: usize, count: usize },
    /// An operand has the wrong number of axes.
    #[error("{op} needs a {expected}-axis {operand}, found shape {found}")]
    Rank { op: &'static str, operand: &'static str, expected: usize, found: Shape },
    /// Shapes do not fit together.
    #[error("{op}: {what} has shape {found}, expected {expected}")]
    ShapeConflict { op: &'static str, what: &'static str, expected: Shape, found: Shape },
    /// A bias or dense weight has the wrong shape; the chain calls this one a runtime error.
    #[error("{op}: {what} has shape {found}, expected {expected}")]
    OperandShape { op: &'static str, what: &'static str, expected: Shape, found: Shape },
    /// An attribute is out of range.
    #[error("{op}: attribute {attribute} is {found}, expected {min} to {max}")]
    Attribute { op: &'static str, attribute: &'static str, found: i64, min: i64, max: i64 },
    /// Attributes contradict the operands or each other.
    #[error("{op}: {rule}, found {found}")]
    Rule { op: &'static str, rule: &'static str, found: String },
    /// An operand is too wide for the operator.
    #[error("{op} needs a {operand} of at most {max} bits, found {found}")]
    InputPrecision { op: &'static str, operand: &'static str, max: u8, found: u8 },
    /// The result could exceed 32 bits.
    #[error("{op}: the result needs {found} bits, at most 32 are possible")]
    OutputPrecision { op: &'static str, found: u32 },
    /// A left shift could exceed 32 bits; the chain calls this one a runtime error.
    #[error("cvm_left_shift of {precision} bits by {shift_bit} exceeds 32 bits")]
    LeftShift { precision: u8, shift_bit: u8 },
    /// A declared precision is out of range.
    #[error("precision is {found}, expected 1 to 32 bits")]
    Precision { found: i64 },
    /// A shape exceeds the chain's limits.
    #[error("shape starting {shape} has {what} {found}, expected 1 to {max}")]
    ShapeLimit { shape: Shape, what: &'static str, found: u64, max: u64 },
    /// A tensor's data does not fill its shape.
    #[error("a tensor of shape {shape} was given {found} elements")]
    ElementCount { shape: Shape, found: usize },
    /// A parameter's tensor is not of the declared shape.
    #[error("parameter data has shape {found}, expected {expected}")]
    ParamShape { expected: Shape, found: Shape },
    /// A parameter has an element beyond its precision.
    #[error("parameter element {index} is {found}, beyond the {precision}-bit range of +-{limit}")]
    ParamRange { index: usize, found: i32, precision: u8, limit: i32 },
    /// A parameter was declared but has no data.
    #[error("parameter {name:?} has no data")]
    MissingParam { name: String },
    /// Two inputs or parameters have one name.
    #[error("name {name:?} is used by two inputs or parameters")]
    DuplicateName { name: String },
    /// There is no input named `data`.
    #[error("there is no input named \"data\"")]
    NoInput,
    /// The input's place makes the chain look up another value's shape for it.
    #[error("the chain takes shape {found} of value {value} for the input's, which is {expected}")]
    InputPlace { value: usize, expected: Shape, found: Shape },
    /// The heads together are too large.
    #[error("the heads have {found} bytes, at most {max} are allowed")]
    OutputSize { found: u64, max: u64 },
    /// There is no output.
    #[error("the graph has no heads")]
    NoHeads,
    /// A `where` with a one-axis condition, whose result the chain's runtime leaves undefined.
    #[error("where with a condition per row leaves most of the output undefined on the chain")]
    RowCondition,
    /// An operator that cannot run in place shares storage with an operand.
    #[error("{op} shares storage {storage} with its operand {operand}, which it cannot overwrite")]
    SharedStorage { op: &'static str, storage: u32, operand: usize },
    /// Storage is overwritten while the value in it is still needed.
    #[error("value {value} in storage {storage} is overwritten by value {by} while still needed")]
    StorageHazard { storage: u32, value: usize, by: usize },
    /// The values together need too much memory.
    #[error("the storage pool needs {found} bytes, at most {max} are allowed")]
    StorageSize { found: u64, max: u64 },
    /// The operation count exceeds the chain's limits.
    #[error("{what} is {found}, at most {max} is allowed")]
    OperationCount { what: &'static str, found: u64, max: u64 },
    /// More nodes than the limit.
    #[error("more than {max} nodes")]
    TooManyNodes { max: usize },
}

impl GraphFault {
    /// The chain's class of this fault; for faults only this crate finds, the safer one.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::OperandShape { .. }
            | Self::LeftShift { .. }
            | Self::MissingParam { .. }
            | Self::DuplicateName { .. }
            | Self::NoInput
            | Self::RowCondition
            | Self::StorageHazard { .. }
            | Self::TooManyNodes { .. } => ErrorClass::Runtime,
            _ => ErrorClass::Logic,
        }
    }
}
