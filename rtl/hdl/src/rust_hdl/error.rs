//! Why a rust-hdl block is not lowered.

/// Why a rust-hdl block is not lowered.
///
/// Blocks are named by the path of Rust fields from the top (`top.fifo.ram`), signals and
/// expressions as the source writes them, as far as rust-hdl's syntax tree still knows. Nothing
/// is transient: the same block is refused for the same reason every time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LowerError {
    /// State runs on several clocks; the IR has one implicit clock.
    #[error("lower {block}: state runs on {} clocks ({}), expected one", uses.len(), shown(uses))]
    SeveralClocks {
        /// The top block.
        block: String,
        /// Each clock that drives state, and one block that it drives.
        uses: Vec<ClockUse>,
    },
    /// A clock is computed (gated, inverted, chosen) or used as data.
    #[error("lower {block}: clock in `{expression}` is computed or used as data, expected a plain connection")]
    DerivedClock {
        /// Where.
        block: String,
        /// The expression.
        expression: String,
    },
    /// State whose clock is connected to nothing.
    #[error("lower {block}: clock {clock} is not connected to a clock of the top block")]
    Unclocked {
        /// The state.
        block: String,
        /// Its clock input.
        clock: String,
    },
    /// A value wider than the IR carries.
    #[error("lower {block}: `{expression}` has {width} bits, expected 1 to 64")]
    Width {
        /// Where.
        block: String,
        /// Signal or expression.
        expression: String,
        /// Its width in bits.
        width: usize,
    },
    /// A memory with more words than can be simulated.
    #[error("lower {block}: memory with {address_bits} address bits, expected at most 28")]
    MemoryDepth {
        /// The memory.
        block: String,
        /// Bits of its address.
        address_bits: u32,
    },
    /// A bidirectional signal; the IR has no tristates.
    #[error("lower {block}: signal {signal} is bidirectional, expected In, Out or Local")]
    Bidirectional {
        /// Where.
        block: String,
        /// The signal.
        signal: String,
    },
    /// A block given as Verilog text that is none of the known leaves.
    #[error("lower {block}: given as Verilog text (`{code} ...`), expected a DFF, EdgeDFF, RAM, ROM or SyncROM")]
    Opaque {
        /// The block.
        block: String,
        /// First line of the text.
        code: String,
    },
    /// A block without a description of its logic (`update` lacks `#[hdl_gen]`).
    #[error("lower {block}: no description of its logic, expected `#[hdl_gen]` on `update`")]
    NoLogic {
        /// The block.
        block: String,
    },
    /// A name that is no signal, constant, enumeration value or loop variable.
    #[error("lower {block}: `{name}` is not a signal, enumeration value or loop variable of the block")]
    UnknownName {
        /// Where.
        block: String,
        /// The name.
        name: String,
    },
    /// A pattern that is no enumeration value, literal or wildcard.
    #[error("lower {block}: pattern `{pattern}` of `match {matched}` is not an enumeration value or literal of it")]
    UnknownPattern {
        /// Where.
        block: String,
        /// The pattern.
        pattern: String,
        /// The matched expression.
        matched: String,
    },
    /// A literal that rust-hdl's syntax tree does not give readably.
    #[error("lower {block}: literal {literal} cannot be read")]
    UnreadableLiteral {
        /// Where.
        block: String,
        /// Its text.
        literal: String,
    },
    /// An assignment to something the block does not drive.
    #[error("lower {block}: assigns to {signal}, which it does not drive")]
    NotDriven {
        /// Where.
        block: String,
        /// The signal.
        signal: String,
    },
    /// An input of a child that is never assigned.
    #[error("lower {block}: input {signal} is never assigned")]
    Unconnected {
        /// Where.
        block: String,
        /// The child's input.
        signal: String,
    },
    /// A signal assigned on some paths only: rust-hdl's simulator would hold the old value.
    #[error("lower {block}: {signal} is assigned on some paths only (a latch), expected a default first")]
    Latch {
        /// Where.
        block: String,
        /// The signal.
        signal: String,
    },
    /// A signal read above its first assignment; rust-hdl's own check refuses it too.
    #[error("lower {block}: {signal} is read before it is assigned")]
    ReadBeforeAssigned {
        /// Where.
        block: String,
        /// The signal.
        signal: String,
    },
    /// A value that depends on itself without a register.
    #[error("lower {block}: combinational loop through {signal}")]
    CombinationalLoop {
        /// Where.
        block: String,
        /// A signal on the loop.
        signal: String,
    },
    /// The width of `signed_bit_cast` or a literal follows from nothing that rust-hdl's tree keeps.
    #[error("lower {block}: width of `{expression}` is not known, expected a typed operand beside it")]
    AmbiguousWidth {
        /// Where.
        block: String,
        /// The expression.
        expression: String,
    },
    /// A sum that means something else as an index than as bits (`.index()` is not in the tree).
    #[error(
        "lower {block}: `{expression}` may wrap as bits but not as an index, and rust-hdl's tree does not tell which"
    )]
    AmbiguousIndex {
        /// Where.
        block: String,
        /// The expression.
        expression: String,
    },
    /// Operands or sides whose types do not go together.
    #[error("lower {block}: `{expression}` is {found}, expected {expected}")]
    TypeMismatch {
        /// Where.
        block: String,
        /// The expression.
        expression: String,
        /// What is needed.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A form of expression or statement that rust-hdl's simulator has no fixed meaning for.
    #[error("lower {block}: `{expression}` is not a form that can be lowered")]
    UnsupportedForm {
        /// Where.
        block: String,
        /// The expression or statement.
        expression: String,
    },
}

/// A clock that drives state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockUse {
    /// The clock input of the top block.
    pub clock: String,
    /// One block whose state it drives.
    pub block: String,
}

/// What can be done about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LowerErrorKind {
    /// The IR has no such hardware.
    Unsupported,
    /// rust-hdl's syntax tree does not keep what would decide the meaning: write it differently.
    Ambiguous,
    /// The block is incomplete or inconsistent in rust-hdl too.
    Invalid,
}

impl LowerError {
    /// What can be done about it.
    pub fn kind(&self) -> LowerErrorKind {
        match self {
            LowerError::SeveralClocks { .. }
            | LowerError::DerivedClock { .. }
            | LowerError::Width { .. }
            | LowerError::MemoryDepth { .. }
            | LowerError::Bidirectional { .. }
            | LowerError::Opaque { .. }
            | LowerError::Latch { .. }
            | LowerError::UnsupportedForm { .. } => LowerErrorKind::Unsupported,
            LowerError::AmbiguousWidth { .. }
            | LowerError::AmbiguousIndex { .. }
            | LowerError::UnreadableLiteral { .. } => LowerErrorKind::Ambiguous,
            LowerError::Unclocked { .. }
            | LowerError::NoLogic { .. }
            | LowerError::UnknownName { .. }
            | LowerError::UnknownPattern { .. }
            | LowerError::NotDriven { .. }
            | LowerError::Unconnected { .. }
            | LowerError::ReadBeforeAssigned { .. }
            | LowerError::CombinationalLoop { .. }
            | LowerError::TypeMismatch { .. } => LowerErrorKind::Invalid,
        }
    }

    /// Never: a block is refused for what it is.
    pub fn is_transient(&self) -> bool {
        false
    }
}

fn shown(uses: &[ClockUse]) -> String {
    let uses: Vec<String> = uses.iter().map(|item| format!("{} in {}", item.clock, item.block)).collect();
    uses.join(", ")
}
