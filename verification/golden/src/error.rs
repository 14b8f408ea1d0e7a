//! What can go wrong, and in which of the chain's two classes.

/// The chain's two kinds of failure; consensus treats them differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// `ERROR_LOGIC`, code 1: the model or input is wrong. An ordinary failed transaction.
    Logic,
    /// `ERROR_RUNTIME`, code 2: the runtime could not say.
    Runtime,
}

impl Class {
    /// The C ABI's return code: 1 or 2.
    pub fn code(self) -> i32 {
        match self {
            Class::Logic => 1,
            Class::Runtime => 2,
        }
    }
}

/// Why a model cannot be read or run, or an operator cannot be applied.
///
/// None is transient: the same bytes give the same error on every machine.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The symbol, or an operator's attributes, are not JSON.
    #[error("read {place}: not valid JSON")]
    Json {
        /// What was read.
        place: &'static str,
        /// What the JSON reader says.
        #[source]
        source: serde_json::Error,
    },
    /// A JSON value is of another type than the format has there.
    #[error("read {place}: expected {expected}")]
    JsonType {
        /// Where in the symbol.
        place: &'static str,
        /// What the format has there.
        expected: &'static str,
    },
    /// A key the format does not have.
    #[error("read {place}: unknown key `{key}`")]
    UnknownKey {
        /// Which object of the symbol.
        place: &'static str,
        /// The key found.
        key: String,
    },
    /// A key the format requires is absent.
    #[error("read {place}: key `{key}` is missing")]
    MissingKey {
        /// Which object of the symbol.
        place: &'static str,
        /// The key required.
        key: &'static str,
    },
    /// An array of the symbol has the wrong number of items, or the wrong type tag.
    #[error("read {place}: expected {expected}")]
    Layout {
        /// Where in the symbol.
        place: &'static str,
        /// What the format has there.
        expected: &'static str,
    },
    /// The symbol's version is neither `cvm_1.0.0` nor `cvm_1.1.0`.
    #[error("read symbol: version `{version}` is not supported")]
    Version {
        /// The version found.
        version: String,
    },
    /// Two variables share a name.
    #[error("read symbol: variable name `{name}` occurs twice")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// An operator the runtime does not have.
    #[error("read symbol: unknown operator `{name}`")]
    UnknownOperator {
        /// The name, without its numeric suffix.
        name: String,
    },
    /// An attribute is missing, unknown, or its text cannot be read.
    #[error("read attribute `{attribute}` of {operator}: {expected}, found `{found}`")]
    AttributeText {
        /// The operator.
        operator: &'static str,
        /// The attribute.
        attribute: String,
        /// What the operator takes.
        expected: &'static str,
        /// The text found; empty when the attribute is missing.
        found: String,
    },
    /// An attribute's value breaks the operator's rule.
    #[error("check attribute `{attribute}` of {operator}: {rule}, found {found}")]
    AttributeValue {
        /// The operator.
        operator: &'static str,
        /// The attribute.
        attribute: &'static str,
        /// The rule broken.
        rule: &'static str,
        /// The value found.
        found: i64,
    },
    /// An attribute names something the operator does not do.
    #[error("check attribute `{attribute}` of {operator}: expected one of {allowed:?}, found `{found}`")]
    AttributeChoice {
        /// The operator.
        operator: &'static str,
        /// The attribute.
        attribute: &'static str,
        /// What it does.
        allowed: &'static [&'static str],
        /// The text found.
        found: String,
    },
    /// An operator without attributes was given some.
    #[error("check {operator}: takes no attributes, found {count}")]
    AttributesForbidden {
        /// The operator.
        operator: &'static str,
        /// How many were given.
        count: usize,
    },
    /// A tensor's shape is illegal by itself: rank, a dimension, the number of elements, or a data
    /// length that does not agree.
    #[error("check shape {shape:?}: {rule}")]
    Shape {
        /// The rule broken.
        rule: &'static str,
        /// The shape found.
        shape: Vec<i64>,
    },
    /// An operator's input shape breaks the operator's rule.
    #[error("check {operator}: {rule}, found {shape:?}")]
    OperatorShape {
        /// The operator.
        operator: &'static str,
        /// The rule broken.
        rule: &'static str,
        /// The shape found.
        shape: Vec<usize>,
    },
    /// The runtime's own shape assignment failed; the same fault as [`Error::OperatorShape`] in the
    /// other class.
    #[error("infer {operator}: {rule}, found {shape:?}")]
    OperatorInference {
        /// The operator.
        operator: &'static str,
        /// The rule broken.
        rule: &'static str,
        /// The shape found.
        shape: Vec<usize>,
    },
    /// The shape the symbol states for an output is not the one its operator gives.
    #[error("check {operator}: symbol states {stated:?}, the operator gives {inferred:?}")]
    StatedShape {
        /// The operator.
        operator: &'static str,
        /// The symbol's shape.
        stated: Vec<usize>,
        /// The operator's shape.
        inferred: Vec<usize>,
    },
    /// An operator has the wrong number of inputs.
    #[error("check {operator}: expected {expected} inputs, found {found}")]
    InputCount {
        /// The operator.
        operator: &'static str,
        /// How many it takes.
        expected: usize,
        /// How many it was given.
        found: usize,
    },
    /// A precision outside 1 to 32 bits, stated or inferred.
    #[error("check precision: expected 1 to 32 bits, found {bits}")]
    Precision {
        /// The bits found.
        bits: i64,
    },
    /// An operator's input is wider than it takes.
    #[error("check {operator}: input {index} must be at most {limit} bits, found {bits}")]
    InputPrecision {
        /// The operator.
        operator: &'static str,
        /// Which input, from 0.
        index: usize,
        /// The widest it takes.
        limit: u32,
        /// The width found.
        bits: u32,
    },
    /// `cvm_left_shift` of an input whose precision plus shift exceeds 32 bits.
    #[error("infer cvm_left_shift: {precision} bits shifted by {shift} exceed 32")]
    LeftShiftWidth {
        /// The input's precision in bits.
        precision: u32,
        /// The shift in bits.
        shift: u32,
    },
    /// A shift outside 1 to 32 bits.
    #[error("check shift: expected 1 to 32 bits, found {bits}")]
    Shift {
        /// The bits found.
        bits: i64,
    },
    /// A list of the symbol does not have one item per node or entry.
    #[error("check symbol: {list} has {found} items, expected {expected}")]
    ListLength {
        /// Which list.
        list: &'static str,
        /// One per node or entry.
        expected: usize,
        /// The length found.
        found: usize,
    },
    /// An index of the symbol points nowhere, or forwards.
    #[error("check symbol: {list} refers to {index}, limit {limit}")]
    Reference {
        /// What holds the reference.
        list: &'static str,
        /// The index found.
        index: usize,
        /// The first index that is too large.
        limit: usize,
    },
    /// A value the `cvm_1.0.0` format repeats is not the one that follows from the nodes.
    #[error("check symbol: {list} disagrees with the nodes at {index}")]
    Redundant {
        /// Which list.
        list: &'static str,
        /// Where.
        index: usize,
    },
    /// A storage id below zero.
    #[error("check symbol: storage id {id} is negative")]
    StorageId {
        /// The id found.
        id: i64,
    },
    /// An operator that may not work in place has an input and an output in the same storage.
    #[error("check {operator}: input and output share storage {id}")]
    StorageShared {
        /// The operator.
        operator: &'static str,
        /// The storage id.
        id: u32,
    },
    /// A total of the model is above its limit.
    #[error("check model: {total} {found} exceeds {limit}")]
    Limit {
        /// Which total, with its unit.
        total: &'static str,
        /// The value found.
        found: u64,
        /// The largest allowed.
        limit: u64,
    },
    /// The symbol has no outputs.
    #[error("check symbol: no heads")]
    NoHeads,
    /// The symbol has no variable named `data`.
    #[error("check symbol: no variable named `data`")]
    NoData,
    /// The params file does not have the format's layout.
    #[error("read params: {part} at byte {offset}")]
    Params {
        /// What was wrong.
        part: &'static str,
        /// Where, in bytes from the start.
        offset: usize,
    },
    /// The params file stops inside an array. The official runtime accepts this for the last array
    /// and computes with memory it never wrote.
    #[error("read params: `{name}` has {found} of {expected} bytes")]
    ParamsTruncated {
        /// The parameter.
        name: String,
        /// The bytes its shape needs.
        expected: usize,
        /// The bytes left in the file.
        found: usize,
    },
    /// A parameter no variable has the name of.
    #[error("read params: `{name}` is not a variable of the symbol")]
    ParamUnknown {
        /// The name.
        name: String,
    },
    /// A variable without a parameter.
    #[error("read params: variable `{name}` is missing")]
    ParamMissing {
        /// The name.
        name: String,
    },
    /// A parameter's shape is not its variable's.
    #[error("read params: `{name}` has shape {found:?}, expected {expected:?}")]
    ParamShape {
        /// The name.
        name: String,
        /// The symbol's shape.
        expected: Vec<usize>,
        /// The file's shape.
        found: Vec<i64>,
    },
    /// A parameter's value does not fit its precision.
    #[error("read params: `{name}` at {index}: {value} exceeds {bits} bits")]
    ParamRange {
        /// The name.
        name: String,
        /// Which element, from 0.
        index: usize,
        /// The value.
        value: i32,
        /// The variable's precision in bits.
        bits: u32,
    },
    /// An input has the wrong length.
    #[error("run model: input has {found} {unit}, expected {expected}")]
    InputLength {
        /// Bytes or elements.
        unit: &'static str,
        /// The model's length.
        expected: usize,
        /// The length found.
        found: usize,
    },
    /// A count of valid boxes is above the number of boxes.
    #[error("run non_max_suppression: {count} boxes counted, {limit} present")]
    BoxCount {
        /// The count found.
        count: i32,
        /// The boxes present.
        limit: usize,
    },
    /// `detection` with one head, or several heads of unequal row counts.
    #[error("write output: {heads} heads cannot be joined row by row")]
    HeadRows {
        /// How many heads.
        heads: usize,
    },
    /// The official CPU device fails on this operator whatever its input.
    #[error("run {operator}: the official CPU device always fails here")]
    NotOnCpu {
        /// The operator.
        operator: &'static str,
    },
    /// The official CPU device reads or leaves memory it never wrote: no answer is lawful.
    #[error("run {operator}: undefined on the official CPU device: {reason}")]
    Undefined {
        /// The operator.
        operator: &'static str,
        /// What it does.
        reason: &'static str,
    },
    /// A `.npy` file that is not one of the few kinds read here.
    #[error("read npy: {part}")]
    Npy {
        /// What was wrong.
        part: &'static str,
    },
}

impl Error {
    /// The chain's class of this error.
    ///
    /// **Source**: cvm-runtime b5a2518: `VERIFY` is logic; `CHECK`, `LOG(FATAL)`, `ParamError` and
    /// any other exception are runtime.
    pub fn class(&self) -> Class {
        use Error::*;
        match self {
            Json { .. } | JsonType { .. } | UnknownKey { .. } | Version { .. } => Class::Runtime,
            DuplicateName { .. } | UnknownOperator { .. } | AttributeText { .. } => Class::Runtime,
            OperatorInference { .. } | LeftShiftWidth { .. } | NoData => Class::Runtime,
            ParamUnknown { .. } | ParamMissing { .. } | ParamsTruncated { .. } => Class::Runtime,
            NotOnCpu { .. } | Undefined { .. } => Class::Runtime,
            MissingKey { .. } | Layout { .. } | AttributeValue { .. } => Class::Logic,
            AttributeChoice { .. } | AttributesForbidden { .. } | Shape { .. } | OperatorShape { .. } => Class::Logic,
            StatedShape { .. } | InputCount { .. } | Precision { .. } => Class::Logic,
            InputPrecision { .. } | Shift { .. } | ListLength { .. } => Class::Logic,
            Reference { .. } | Redundant { .. } | StorageId { .. } => Class::Logic,
            StorageShared { .. } | Limit { .. } | NoHeads | Params { .. } => Class::Logic,
            ParamShape { .. } | ParamRange { .. } | InputLength { .. } => Class::Logic,
            BoxCount { .. } | HeadRows { .. } | Npy { .. } => Class::Logic,
        }
    }
}
