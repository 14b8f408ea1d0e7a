//! What can be wrong with a model file, and where.

use crate::error::{ErrorClass, GraphError, GraphFault};
use crate::shape::Shape;
use std::fmt;
use std::path::PathBuf;
use thiserror::Error;

/// A fault in a model and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{place}: {fault}")]
pub struct ImportError {
    /// Where.
    pub place: Place,
    /// What is wrong; boxed to keep results small.
    pub fault: Box<ImportFault>,
}

impl ImportError {
    /// How the chain's runtime reports this fault.
    pub fn class(&self) -> ErrorClass {
        self.fault.class()
    }
}

impl From<GraphError> for ImportError {
    fn from(error: GraphError) -> Self {
        let place = match error.node {
            Some(node) => Place::Node { index: node.index, name: node.name },
            None => Place::Graph,
        };
        ImportFault::Graph(error.fault).at(place)
    }
}

/// Where in a model a fault is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// At a byte of the symbol.
    Symbol {
        /// Offset from 0.
        byte: usize,
        /// The list or object, as `nodes` or `attrs.shape`.
        section: &'static str,
        /// Element of the list.
        index: Option<usize>,
    },
    /// At a node, after reading.
    Node {
        /// Position in the file.
        index: usize,
        /// Name in the file.
        name: String,
    },
    /// In one of the symbol's lists, after reading.
    List {
        /// The list, as `attrs.shape`.
        section: &'static str,
        /// Element of the list, if one is at fault.
        index: Option<usize>,
    },
    /// The model as a whole.
    Graph,
    /// At a byte of the params.
    Params {
        /// Offset from 0.
        byte: u64,
        /// The parameter, once known.
        name: Option<String>,
    },
    /// A file that could not be read.
    File(PathBuf),
}

impl Place {
    pub(super) fn symbol_start() -> Self {
        Self::Symbol { byte: 0, section: "symbol", index: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Symbol { byte, section, index: None } => {
                write!(f, "symbol byte {byte}, in {section}")
            }
            Self::Symbol { byte, section, index: Some(i) } => {
                write!(f, "symbol byte {byte}, in {section}[{i}]")
            }
            Self::Node { index, name } => write!(f, "node {index} {name:?}"),
            Self::List { section, index: None } => write!(f, "symbol {section}"),
            Self::List { section, index: Some(i) } => write!(f, "symbol {section}[{i}]"),
            Self::Graph => f.write_str("model"),
            Self::Params { byte, name: None } => write!(f, "params byte {byte}"),
            Self::Params { byte, name: Some(name) } => {
                write!(f, "params byte {byte}, parameter {name:?}")
            }
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A byte of the symbol, or its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// This byte.
    Byte(u8),
    /// The end of the text.
    End,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Byte(b) if b.is_ascii_graphic() => write!(f, "'{}'", char::from(*b)),
            Self::Byte(b) => write!(f, "byte {b:#04x}"),
            Self::End => f.write_str("the end"),
        }
    }
}

/// What is wrong with a model file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields say what the message prints")]
pub enum ImportFault {
    /// The graph breaks a rule.
    #[error(transparent)]
    Graph(GraphFault),
    /// The text is not the JSON that belongs here.
    #[error("expected {expected}, found {found}")]
    Json { expected: &'static str, found: Found },
    /// A number does not fit its field.
    #[error("number {text} is out of range, expected {min} to {max}")]
    Number { text: String, min: i64, max: i64 },
    /// A list has too few or too many elements where their number is fixed.
    #[error("expected {expected}")]
    Arity { expected: &'static str },
    /// A string is not UTF-8.
    #[error("a string is not UTF-8")]
    NotUtf8,
    /// An object lacks keys.
    #[error("missing key {key:?}")]
    MissingKey { key: &'static str },
    /// An object has a key that is not known.
    #[error("unknown key {key:?}")]
    UnknownKey { key: String },
    /// A word is not one of those allowed.
    #[error("{what} is {found:?}, expected {expected}")]
    Word { what: &'static str, expected: &'static str, found: String },
    /// The format's version is not known.
    #[error("format version is {found:?}, expected cvm_1.0.0 or cvm_1.1.0")]
    Version { found: String },
    /// The operator is not in the registry.
    #[error("unknown operator {name:?}")]
    UnknownOperator { name: String },
    /// The operator has no such attribute.
    #[error("{op} has no attribute {key:?}")]
    UnknownAttribute { op: &'static str, key: String },
    /// The operator has no attributes at all.
    #[error("{op} takes no attributes, found {key:?}")]
    UnexpectedAttribute { op: &'static str, key: String },
    /// The operator needs this attribute.
    #[error("{op} needs attribute {key:?}")]
    MissingAttribute { op: &'static str, key: &'static str },
    /// An attribute's text cannot be read.
    #[error("{op}: attribute {key} is {found:?}, expected {expected}")]
    AttributeText { op: &'static str, key: &'static str, expected: &'static str, found: String },
    /// A list has the wrong length.
    #[error("{found} elements, expected {expected}")]
    Length { expected: usize, found: usize },
    /// A redundant entry contradicts the graph.
    #[error("is {found}, expected {expected}")]
    Contradiction { expected: u64, found: u64 },
    /// A length or id is negative.
    #[error("is {found}, expected at least {min}")]
    Negative { found: i64, min: i64 },
    /// An operand or head refers to what does not exist, or not yet.
    #[error("refers to output {output} of node {node}, which is not defined before this point")]
    Reference { node: u32, output: u32 },
    /// The inferred shape is not the declared one.
    #[error("output {output} has shape {inferred}, declared {declared}")]
    DeclaredShape { output: usize, inferred: Shape, declared: Shape },
    /// More than the limits allow.
    #[error("{what} is {found}, the limit is {max}")]
    TooLarge { what: &'static str, found: u64, max: u64 },
    /// The params are empty.
    #[error("the file is empty")]
    Empty,
    /// The params end before the last parameter's data.
    #[error("{what} needs {needed} bytes, only {available} are left")]
    Truncated { what: &'static str, needed: u64, available: u64 },
    /// The params end within a parameter's data; the chain would compute with what happens to lie in
    /// memory, so no machine can know its answer.
    #[error("data needs {needed} bytes, only {available} are left")]
    TruncatedData { needed: u64, available: u64 },
    /// A field of the params has the wrong value.
    #[error("{field} is {found:#x}, expected {expected:#x}")]
    Field { field: &'static str, expected: u64, found: u64 },
    /// The params hold data for something the symbol does not declare.
    #[error("the symbol has no input or parameter {name:?}")]
    UnknownParam { name: String },
    /// A file could not be read.
    #[error("cannot be read: {0}")]
    Io(std::io::ErrorKind),
    /// A path is not a regular file.
    #[error("is not a regular file")]
    NotAFile,
}

impl ImportFault {
    pub(super) fn at(self, place: Place) -> ImportError {
        ImportError { place, fault: Box::new(self) }
    }

    /// How the chain's runtime reports this fault; for faults only this crate finds, as listed in
    /// [`crate::import`].
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Graph(fault) => fault.class(),
            Self::Arity { .. }
            | Self::MissingKey { .. }
            | Self::Word { .. }
            | Self::UnexpectedAttribute { .. }
            | Self::Length { .. }
            | Self::Contradiction { .. }
            | Self::Negative { .. }
            | Self::Reference { .. }
            | Self::DeclaredShape { .. }
            | Self::Empty
            | Self::Truncated { .. }
            | Self::Field { .. } => ErrorClass::Logic,
            Self::Json { .. }
            | Self::Number { .. }
            | Self::NotUtf8
            | Self::UnknownKey { .. }
            | Self::Version { .. }
            | Self::UnknownOperator { .. }
            | Self::UnknownAttribute { .. }
            | Self::MissingAttribute { .. }
            | Self::AttributeText { .. }
            | Self::TooLarge { .. }
            | Self::TruncatedData { .. }
            | Self::UnknownParam { .. }
            | Self::Io(_)
            | Self::NotAFile => ErrorClass::Runtime,
        }
    }
}
