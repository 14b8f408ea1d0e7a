//! What a graph is: variant, size, keys, and the endpoints of every edge.

use super::siphash::{BLOCK_SIZE, Keys, Rotation, Sip, siphash, siphash_block};

/// A number that names no graph or no proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// See [`EdgeBits`].
    #[error("check edge bits: expected 4 to 40, found {found}")]
    EdgeBits {
        /// The number found.
        found: u32,
    },
    /// See [`ProofSize`].
    #[error("check proof size: expected an even number from 2 to 256, found {found}")]
    ProofSize {
        /// The number found.
        found: usize,
    },
}

/// The binary logarithm of the number of edges, 4 to 40.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeBits(u32);

impl EdgeBits {
    /// **Errors**: [`RangeError::EdgeBits`].
    pub fn new(bits: u32) -> Result<EdgeBits, RangeError> {
        if (4..=40).contains(&bits) { Ok(EdgeBits(bits)) } else { Err(RangeError::EdgeBits { found: bits }) }
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }

    /// How many edges there are.
    pub fn edge_count(self) -> u64 {
        1 << self.0
    }
}

/// Edges of a proof: even, 2 to 256; 42 on every main chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProofSize(usize);

impl ProofSize {
    /// The proof size of the main chains.
    pub const MAIN: ProofSize = ProofSize(42);

    /// **Errors**: [`RangeError::ProofSize`].
    pub fn new(edges: usize) -> Result<ProofSize, RangeError> {
        let legal = (2..=256).contains(&edges) && edges.is_multiple_of(2);
        if legal { Ok(ProofSize(edges)) } else { Err(RangeError::ProofSize { found: edges }) }
    }

    /// The number.
    pub fn get(self) -> usize {
        self.0
    }
}

/// Which graph of the family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variant {
    /// Two hashes an edge; bipartite; edges meet in equal nodes.
    Cuckoo,
    /// Two hashes an edge; bipartite; edges meet in nodes that differ in the lowest bit only.
    Cuckatoo,
    /// One chained hash an edge; bipartite; edges meet in equal nodes. With [`Sip::FourEight`] and 30
    /// edge bits this is the Cortex chain's.
    Cuckaroo,
    /// Chained; one node bit fewer; edges meet in equal nodes if one index is even and one odd.
    Cuckarood,
    /// Chained with a running XOR; directed, one kind of node: an edge meets those that begin where it
    /// ends.
    Cuckaroom,
    /// Chained with a running XOR; one kind of node, one node bit more.
    Cuckarooz,
}

impl Variant {
    /// All, in the order in which they came to be.
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

    /// The rotation of its hash.
    pub fn rotation(self) -> Rotation {
        if self == Variant::Cuckarood { Rotation::By25 } else { Rotation::By21 }
    }

    /// Bits of a node's number.
    pub fn node_bits(self, edge_bits: EdgeBits) -> u32 {
        match self {
            Variant::Cuckarood => edge_bits.get() - 1,
            Variant::Cuckarooz => edge_bits.get() + 1,
            _ => edge_bits.get(),
        }
    }

    /// Whether u and v number different nodes.
    pub fn is_bipartite(self) -> bool {
        !matches!(self, Variant::Cuckaroom | Variant::Cuckarooz)
    }
}

/// One of an edge's two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The first; in Cuckaroom where the edge comes from.
    U,
    /// The second; in Cuckaroom where it goes to.
    V,
}

impl Side {
    /// The other.
    pub fn other(self) -> Side {
        match self {
            Side::U => Side::V,
            Side::V => Side::U,
        }
    }
}

/// The nodes that an edge joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Endpoints {
    /// The first.
    pub u: u64,
    /// The second.
    pub v: u64,
}

impl Endpoints {
    /// The end on this side.
    pub fn at(self, side: Side) -> u64 {
        match side {
            Side::U => self.u,
            Side::V => self.v,
        }
    }
}

/// A graph: what its edges are follows from these four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Graph {
    variant: Variant,
    sip: Sip,
    edge_bits: EdgeBits,
    keys: Keys,
}

impl Graph {
    /// The graph of these parameters.
    pub fn new(variant: Variant, sip: Sip, edge_bits: EdgeBits, keys: Keys) -> Graph {
        Graph { variant, sip, edge_bits, keys }
    }

    /// Which of the family.
    pub fn variant(&self) -> Variant {
        self.variant
    }

    /// How large.
    pub fn edge_bits(&self) -> EdgeBits {
        self.edge_bits
    }

    /// The nodes of one edge. Computes a whole block for the chained variants; see
    /// [`Graph::all_endpoints`] for many.
    pub fn endpoints(&self, edge: u64) -> Endpoints {
        match self.variant {
            Variant::Cuckoo | Variant::Cuckatoo => self.endpoints_of_two_hashes(edge),
            _ => self.endpoints_of_block(edge)[(edge % BLOCK_SIZE as u64) as usize],
        }
    }

    /// The nodes of every edge in order of their index: `2^edge_bits` values of 16 bytes.
    pub fn all_endpoints(&self) -> Vec<Endpoints> {
        let edges = 0..self.edge_bits.edge_count();
        match self.variant {
            Variant::Cuckoo | Variant::Cuckatoo => edges.map(|edge| self.endpoints_of_two_hashes(edge)).collect(),
            _ => {
                let blocks = edges.clone().step_by(BLOCK_SIZE);
                // Fewer than 64 edges are the beginning of one block.
                blocks.flat_map(|edge| self.endpoints_of_block(edge)).take(edges.end as usize).collect()
            }
        }
    }

    fn node_mask(&self) -> u64 {
        (1 << self.variant.node_bits(self.edge_bits)) - 1
    }

    fn endpoints_of_two_hashes(&self, edge: u64) -> Endpoints {
        let node = |word| siphash(self.keys, word, self.sip, self.variant.rotation()) & self.node_mask();
        Endpoints { u: node(2 * edge), v: node(2 * edge + 1) }
    }

    fn endpoints_of_block(&self, edge: u64) -> [Endpoints; BLOCK_SIZE] {
        let mut block = siphash_block(self.keys, edge, self.sip, self.variant.rotation());
        let last = block[BLOCK_SIZE - 1];
        match self.variant {
            // Every hash but the last is combined with all that follow it.
            Variant::Cuckaroom | Variant::Cuckarooz => {
                for index in (0..BLOCK_SIZE - 1).rev() {
                    block[index] ^= block[index + 1];
                }
            }
            // Every hash but the last is combined with the last.
            _ => {
                for hash in &mut block[..BLOCK_SIZE - 1] {
                    *hash ^= last;
                }
            }
        }
        block.map(|hash| Endpoints { u: hash & self.node_mask(), v: hash >> 32 & self.node_mask() })
    }
}
