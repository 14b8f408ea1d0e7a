//! The widgets that rust-hdl describes by Verilog text: recognised by that text and their ports.

use rust_hdl_core::ast::Verilog;

use super::error::LowerError;
use super::literal;
use super::tree::{Direction, Scope};

/// Largest memory, in bits of its address.
const ADDRESS_BITS_MAX: u32 = 28;

/// A block without logic of its own.
#[derive(Clone)]
pub(super) enum Leaf {
    /// `DFF` and `EdgeDFF`.
    Register {
        /// Name of the clock input.
        clock: &'static str,
        /// Bits at power-up.
        initial: u64,
    },
    /// `RAM`, `SyncROM` and `ROM`.
    Memory(MemoryLeaf),
}

/// A memory: one read port, at most one write port.
#[derive(Clone)]
pub(super) struct MemoryLeaf {
    pub(super) shape: MemoryShape,
    /// Stated words: address and bits.
    pub(super) words: Vec<(u64, u64)>,
    pub(super) address_bits: u32,
}

/// The ports of a memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum MemoryShape {
    /// `RAM`: synchronous read, write.
    Ram,
    /// `SyncROM`: synchronous read.
    SyncRom,
    /// `ROM`: read in the same cycle.
    Rom,
}

impl MemoryShape {
    pub(super) fn address(self) -> &'static str {
        if self == MemoryShape::Ram { "read_address" } else { "address" }
    }

    pub(super) fn data(self) -> &'static str {
        if self == MemoryShape::Ram { "read_data" } else { "data" }
    }
}

impl Leaf {
    /// The clock inputs that drive state.
    pub(super) fn clocks(&self) -> &'static [&'static str] {
        match self {
            Leaf::Register { clock: "clk", .. } => &["clk"],
            Leaf::Register { .. } => &["clock"],
            Leaf::Memory(memory) => match memory.shape {
                MemoryShape::Ram => &["read_clock", "write_clock"],
                MemoryShape::SyncRom => &["clock"],
                MemoryShape::Rom => &[],
            },
        }
    }
}

/// Recognises a block given as text; `None` for blocks with logic.
pub(super) fn recognise(scope: &Scope) -> Result<Option<Leaf>, LowerError> {
    let code = match &scope.hdl {
        Verilog::Combinatorial(_) => return Ok(None),
        Verilog::Empty => return Err(LowerError::NoLogic { block: scope.path.clone() }),
        Verilog::Custom(code) => code,
        Verilog::Blackbox(other) => return Err(opaque(scope, &other.code)),
        Verilog::Wrapper(other) => return Err(opaque(scope, &other.code)),
    };
    let words: Vec<&str> = code.split_whitespace().collect();
    let text = words.join(" ");
    let leaf = register(scope, &text).or_else(|| memory(scope, &text).map(Leaf::Memory));
    match leaf {
        Some(Leaf::Memory(MemoryLeaf { address_bits, .. })) if address_bits > ADDRESS_BITS_MAX => {
            Err(LowerError::MemoryDepth { block: scope.path.clone(), address_bits })
        }
        Some(leaf) => Ok(Some(leaf)),
        None => Err(opaque(scope, code)),
    }
}

fn opaque(scope: &Scope, code: &str) -> LowerError {
    let code = code.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned();
    LowerError::Opaque { block: scope.path.clone(), code }
}

/// Whether the block has exactly these signals.
fn has_ports(scope: &Scope, inputs: &[&str], output: &str) -> bool {
    let is = |name: &str, direction| scope.atom(name).is_some_and(|atom| atom.direction == direction);
    scope.children.is_empty()
        && scope.atoms.len() == inputs.len() + 1
        && inputs.iter().all(|name| is(name, Direction::In))
        && is(output, Direction::Out)
}

fn register(scope: &Scope, text: &str) -> Option<Leaf> {
    let (initial, rest) = text.strip_prefix("initial begin q = ")?.split_once("; end ")?;
    let clock = match rest {
        "always @(posedge clock) begin q <= d; end" => "clock",
        "always @(posedge clk) q <= d;" => "clk",
        _ => return None,
    };
    let ty = scope.atom("q")?.kind.ty();
    let initial = literal::verilog(initial)? as u64 & ty.mask();
    let same = scope.atom("d")?.kind == scope.atom("q")?.kind && scope.atom(clock)?.kind.is_clock();
    (same && has_ports(scope, &["d", clock], "q")).then_some(Leaf::Register { clock, initial })
}

fn memory(scope: &Scope, text: &str) -> Option<MemoryLeaf> {
    let leaf = |shape: MemoryShape, words| {
        let address_bits = scope.atom(shape.address())?.kind.ty().width();
        Some(MemoryLeaf { shape, words, address_bits })
    };
    if let Some(rest) = text.strip_prefix("always @* case (address) ") {
        let (cases, _) = rest.strip_suffix(" endcase")?.rsplit_once("default: data = ")?;
        let words = stated(cases, |entry| entry.split_once(": data = "))?;
        return has_ports(scope, &["address"], "data").then(|| leaf(MemoryShape::Rom, words))?;
    }
    let rest = text.strip_prefix("reg[")?.split_once("0]; ")?.1;
    if let Some(rest) = rest.strip_suffix("always @(posedge clock) begin data <= mem[address]; end") {
        let words = initial_words(rest)?;
        return has_ports(scope, &["address", "clock"], "data").then(|| leaf(MemoryShape::SyncRom, words))?;
    }
    let rest = rest.strip_suffix(
        "always @(posedge read_clock) begin read_data <= mem[read_address]; end \
         always @(posedge write_clock) begin if (write_enable) begin mem[write_address] <= write_data; end end",
    )?;
    let words = initial_words(rest)?;
    let inputs = ["read_address", "read_clock", "write_address", "write_clock", "write_data", "write_enable"];
    has_ports(scope, &inputs, "read_data").then(|| leaf(MemoryShape::Ram, words))?
}

/// `initial begin mem[a] = d; ... end`, or nothing.
fn initial_words(text: &str) -> Option<Vec<(u64, u64)>> {
    let text = text.trim();
    if text.is_empty() {
        return Some(Vec::new());
    }
    let body = text.strip_prefix("initial begin ")?.strip_suffix("end")?;
    stated(body, |entry| entry.strip_prefix("mem[")?.split_once("] = "))
}

fn stated<'a>(text: &'a str, split: impl Fn(&'a str) -> Option<(&'a str, &'a str)>) -> Option<Vec<(u64, u64)>> {
    let entries = text.split(';').map(str::trim).filter(|entry| !entry.is_empty());
    entries
        .map(|entry| {
            let (address, data) = split(entry)?;
            Some((literal::verilog(address)? as u64, literal::verilog(data)? as u64))
        })
        .collect()
}
