//! What to solve, and with what.

use std::num::NonZeroUsize;

use blake2::{Blake2b, Digest, digest::consts::U32};

use crate::error::Error;
use crate::path::Path;

/// The four words that make a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Keys(pub [u64; 4]);

impl Keys {
    /// The keys of a header: its unkeyed 32-byte blake2b as four little-endian words.
    pub fn of_header(header: &[u8]) -> Keys {
        let digest: [u8; 32] = Blake2b::<U32>::digest(header).into();
        let word = |at: usize| (0..8).fold(0, |word, byte| word | u64::from(digest[8 * at + byte]) << (8 * byte));
        Keys([word(0), word(1), word(2), word(3)])
    }
}

/// Which graph of the family; defined in `myelin_golden::cuckoo::Variant`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variant {
    /// Two hashes an edge; edges meet in equal nodes.
    Cuckoo,
    /// Two hashes an edge; edges meet in nodes that differ in the lowest bit.
    Cuckatoo,
    /// Chained hashes; edges meet in equal nodes.
    Cuckaroo,
    /// Chained hashes; edges of different parity meet in equal nodes.
    Cuckarood,
    /// Chained hashes; directed edges among one kind of node.
    Cuckaroom,
    /// Chained hashes; one kind of node, twice as many.
    Cuckarooz,
}

impl Variant {
    /// All.
    pub const ALL: [Variant; 6] = [
        Variant::Cuckoo,
        Variant::Cuckatoo,
        Variant::Cuckaroo,
        Variant::Cuckarood,
        Variant::Cuckaroom,
        Variant::Cuckarooz,
    ];

    /// The name in small letters.
    pub fn name(self) -> &'static str {
        match self {
            Variant::Cuckoo => "cuckoo",
            Variant::Cuckatoo => "cuckatoo",
            Variant::Cuckaroo => "cuckaroo",
            Variant::Cuckarood => "cuckarood",
            Variant::Cuckaroom => "cuckaroom",
            Variant::Cuckarooz => "cuckarooz",
        }
    }

    /// The variant of this name.
    pub fn from_name(name: &str) -> Option<Variant> {
        Variant::ALL.into_iter().find(|variant| variant.name() == name)
    }

    /// Whether an edge's two nodes come from two hashes, not from one of a chain.
    pub(crate) fn has_two_hashes(self) -> bool {
        matches!(self, Variant::Cuckoo | Variant::Cuckatoo)
    }

    /// Whether u and v number different nodes.
    pub(crate) fn is_bipartite(self) -> bool {
        !matches!(self, Variant::Cuckaroom | Variant::Cuckarooz)
    }
}

/// Rounds of the hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sip {
    /// SipHash-2-4: the family and Grin.
    TwoFour,
    /// SipHash-4-8: the Cortex chain.
    FourEight,
}

/// A kind of graph and the cycles wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Parameters {
    pub(crate) variant: Variant,
    pub(crate) sip: Sip,
    pub(crate) edge_bits: u32,
    pub(crate) proof_size: usize,
}

impl Parameters {
    /// Graphs of `2^edge_bits` edges, 10 to 32, cycles of `proof_size` edges, even and at most 256.
    ///
    /// **Errors**: [`Error::EdgeBits`], [`Error::ProofSize`].
    pub fn new(variant: Variant, sip: Sip, edge_bits: u32, proof_size: usize) -> Result<Parameters, Error> {
        if !(10..=32).contains(&edge_bits) {
            return Err(Error::EdgeBits { found: edge_bits });
        }
        if !(2..=256).contains(&proof_size) || !proof_size.is_multiple_of(2) {
            return Err(Error::ProofSize { found: proof_size });
        }
        Ok(Parameters { variant, sip, edge_bits, proof_size })
    }

    /// The Cortex chain's.
    pub const CORTEX: Parameters =
        Parameters { variant: Variant::Cuckaroo, sip: Sip::FourEight, edge_bits: 30, proof_size: 42 };

    /// How many edges there are.
    pub fn edge_count(&self) -> u64 {
        1 << self.edge_bits
    }

    /// Bits of a node as a record has it: Cuckarood's nodes carry their edge's parity below.
    pub(crate) fn node_bits(&self) -> u32 {
        if self.variant == Variant::Cuckarooz { self.edge_bits + 1 } else { self.edge_bits }
    }
}

/// How edges are trimmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Mean if the memory allows it, else lean until what survives fits.
    Auto,
    /// Edges are stored with both nodes and sorted into buckets: fast; about 8 bytes an edge, 16 for
    /// Cuckaroom and Cuckarooz, or 5.6 when the first round is done in parts.
    Mean,
    /// One bit an edge and one or two a node, hashed again in every round: slow, small.
    Lean,
}

impl Algorithm {
    /// The name in small letters.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Auto => "automatic",
            Algorithm::Mean => "mean",
            Algorithm::Lean => "lean",
        }
    }
}

/// With what to solve. No choice changes what is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Threads, 1 to 1024.
    pub threads: NonZeroUsize,
    /// Bytes that may be allocated.
    pub memory_limit: u64,
    /// How edges are trimmed.
    pub algorithm: Algorithm,
    /// The instructions used; the fastest if `None`.
    pub path: Option<Path>,
}

impl Default for Options {
    /// One thread, 8 GiB, the fastest that fits.
    fn default() -> Options {
        Options { threads: NonZeroUsize::MIN, memory_limit: 8 << 30, algorithm: Algorithm::Auto, path: None }
    }
}
