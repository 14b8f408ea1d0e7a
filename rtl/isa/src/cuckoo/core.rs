//! The parameters of a core that hardware, model and driver must agree on.

use core::fmt;

use sha2::{Digest, Sha256};

use super::registers::register;
use crate::specification;

/// Which graph a core trims.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Variant {
    /// Two hashes an edge; an edge stays where another has the same node.
    Cuckoo,
    /// Two hashes an edge; an edge stays where another has the node that differs in the lowest bit.
    Cuckatoo,
    /// Chained hashes; an edge stays where another has the same node. The Cortex chain's.
    Cuckaroo,
    /// Chained hashes, one node bit fewer; an edge stays where one of the other parity has the same node.
    Cuckarood,
}

impl Variant {
    /// All of them.
    pub const ALL: [Variant; 4] = [Variant::Cuckoo, Variant::Cuckatoo, Variant::Cuckaroo, Variant::Cuckarood];

    /// The name in small letters.
    pub const fn name(self) -> &'static str {
        match self {
            Variant::Cuckoo => "cuckoo",
            Variant::Cuckatoo => "cuckatoo",
            Variant::Cuckaroo => "cuckaroo",
            Variant::Cuckarood => "cuckarood",
        }
    }

    /// Whether the hashes of 64 edges are chained.
    pub const fn is_chained(self) -> bool {
        matches!(self, Variant::Cuckaroo | Variant::Cuckarood)
    }

    /// Whether an edge needs one of the other parity, not just another.
    pub const fn is_paired(self) -> bool {
        matches!(self, Variant::Cuckatoo | Variant::Cuckarood)
    }

    /// The last rotation of its hash's round.
    pub const fn last_rotation(self) -> u32 {
        if matches!(self, Variant::Cuckarood) { 25 } else { 21 }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Rounds of the hash before and after the second XOR.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Sip {
    /// SipHash-2-4.
    TwoFour,
    /// SipHash-4-8: the Cortex chain's.
    FourEight,
}

impl Sip {
    /// Rounds before and after the second XOR.
    pub const fn rounds(self) -> (u32, u32) {
        match self {
            Sip::TwoFour => (2, 4),
            Sip::FourEight => (4, 8),
        }
    }

    /// Pipeline stages: two for each round.
    pub const fn stages(self) -> u32 {
        let (before, after) = self.rounds();
        2 * (before + after)
    }

    /// How it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Sip::TwoFour => "2-4",
            Sip::FourEight => "4-8",
        }
    }
}

/// A parameter outside its legal range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CoreError {
    /// Which parameter.
    pub parameter: &'static str,
    /// Its value.
    pub value: u32,
    /// The legal range, both ends included.
    pub range: (u32, u32),
    /// Whether it must be a power of two besides.
    pub power_of_two: bool,
}

impl fmt::Display for CoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CoreError { parameter, value, range: (low, high), power_of_two } = *self;
        let kind = if power_of_two { "a power of two from " } else { "" };
        write!(f, "core parameter {parameter} is {value}, expected {kind}{low} to {high}")
    }
}

impl core::error::Error for CoreError {}

/// A core. Construct with [`Core::new`], adjust with the `with_` methods.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Core {
    variant: Variant,
    sip: Sip,
    edge_bits: u32,
    lanes: u32,
    banks: u32,
    partitions: u32,
    queue_depth: u32,
    list_entries: u32,
}

impl Core {
    /// Rounds whose counts are kept for the host.
    pub const STAMP_DEPTH: u32 = 256;
    /// Edges in a block of chained hashes, and in a word of the edge store.
    pub const BLOCK_SIZE: u32 = 64;
    /// Bits of a word of counters.
    pub const WORD_BITS: u32 = 64;

    /// A core with twice as many banks as lanes, all counters on chip, queues of 8, and lists that take
    /// over when an eighth of the edges is alive or a little less.
    ///
    /// # Errors
    /// If edge bits are not in 10..=32, lanes are no power of two in 1..=256, or there are too many lanes
    /// for so few edges.
    pub fn new(variant: Variant, sip: Sip, edge_bits: u32, lanes: u32) -> Result<Core, CoreError> {
        in_range("edge_bits", edge_bits, 10, 32)?;
        // At least four words of counters in each bank, and of alive bits in each lane.
        power_in_range("lanes", lanes, 1, 256.min(1 << (edge_bits - 8)))?;
        let banks = 2 * lanes;
        let list_entries = ((1u32 << (edge_bits - 2)) / banks).clamp(16, 1 << 24);
        Ok(Core { variant, sip, edge_bits, lanes, banks, partitions: 1, queue_depth: 8, list_entries })
    }

    /// Changes the number of banks: at least as many as lanes, at most four times.
    ///
    /// # Errors
    /// If it is no such power of two.
    pub fn with_banks(mut self, banks: u32) -> Result<Core, CoreError> {
        power_in_range("banks", banks, self.lanes.max(2), (4 * self.lanes).min(1 << (self.edge_bits - 7)))?;
        self.banks = banks;
        Ok(self)
    }

    /// Cuts the nodes of a side into partitions, of which one is counted at a time.
    ///
    /// # Errors
    /// If it is no power of two, or fewer than two words of counters would be left in a bank.
    pub fn with_partitions(mut self, partitions: u32) -> Result<Core, CoreError> {
        power_in_range("partitions", partitions, 1, 1 << (self.edge_bits - 6 - self.banks.ilog2()))?;
        self.partitions = partitions;
        Ok(self)
    }

    /// Changes the depth of the queues of the networks.
    ///
    /// # Errors
    /// If it is no power of two in 2..=64.
    pub fn with_queue_depth(mut self, depth: u32) -> Result<Core, CoreError> {
        power_in_range("queue_depth", depth, 2, 64)?;
        self.queue_depth = depth;
        Ok(self)
    }

    /// Changes how many edges each bank's list holds.
    ///
    /// # Errors
    /// If it is no power of two from 16 on.
    pub fn with_list_entries(mut self, entries: u32) -> Result<Core, CoreError> {
        power_in_range("list_entries", entries, 16, 1 << 24)?;
        self.list_entries = entries;
        Ok(self)
    }

    /// Which graph.
    pub const fn variant(&self) -> Variant {
        self.variant
    }

    /// Which hash.
    pub const fn sip(&self) -> Sip {
        self.sip
    }

    /// Binary logarithm of the number of edges.
    pub const fn edge_bits(&self) -> u32 {
        self.edge_bits
    }

    /// Hash pipelines.
    pub const fn lanes(&self) -> u32 {
        self.lanes
    }

    /// Binary logarithm of [`Core::lanes`].
    pub const fn lane_bits(&self) -> u32 {
        self.lanes.ilog2()
    }

    /// Banks of counters.
    pub const fn banks(&self) -> u32 {
        self.banks
    }

    /// Binary logarithm of [`Core::banks`].
    pub const fn bank_bits(&self) -> u32 {
        self.banks.ilog2()
    }

    /// Partitions of a side's nodes.
    pub const fn partitions(&self) -> u32 {
        self.partitions
    }

    /// Binary logarithm of [`Core::partitions`].
    pub const fn partition_bits(&self) -> u32 {
        self.partitions.ilog2()
    }

    /// Whether a round is one pass: both sides' counters are on chip.
    pub const fn is_fused(&self) -> bool {
        self.partitions == 1
    }

    /// Words of the networks' queues.
    pub const fn queue_depth(&self) -> u32 {
        self.queue_depth
    }

    /// Edges of a bank's list.
    pub const fn list_entries(&self) -> u32 {
        self.list_entries
    }

    /// Edges that a list may hold at the end of the pass that fills it, if the next round is to use it:
    /// while it is read, what stays of other lists comes in.
    pub const fn list_limit(&self) -> u32 {
        self.list_entries / 4 * 3
    }

    /// Bits of a node's number.
    pub const fn node_bits(&self) -> u32 {
        if matches!(self.variant, Variant::Cuckarood) { self.edge_bits - 1 } else { self.edge_bits }
    }

    /// Binary logarithm of the counters in a word: one for a node in two bits, or one for a pair in four.
    pub const fn field_bits(&self) -> u32 {
        if self.variant.is_paired() { 4 } else { 5 }
    }

    /// Binary logarithm of a bank's words of one side's counters.
    pub const fn word_bits(&self) -> u32 {
        // Two bits of counters for each key.
        self.edge_bits - 5 - self.bank_bits() - self.partition_bits()
    }

    /// Binary logarithm of a lane's words of alive bits.
    pub const fn block_bits(&self) -> u32 {
        self.edge_bits - 6 - self.lane_bits()
    }

    /// The register [`register::SHAPE`].
    pub const fn shape(&self) -> u32 {
        self.edge_bits
            | self.lane_bits() << 8
            | self.partition_bits() << 12
            | (self.variant as u32) << 24
            | (self.sip as u32) << 28
    }

    /// The specification hash: as the tensor cell's, over this core's registers and parameters.
    pub fn specification(&self) -> u64 {
        let mut sink = specification::Hasher(Sha256::new());
        let written = specification::write_core(&mut sink, register::ALL, self);
        written.expect("invariant: hashing cannot fail");
        sink.0.finalize().iter().take(8).fold(0, |hash, &byte| hash << 8 | u64::from(byte))
    }
}

impl fmt::Display for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Core { variant, edge_bits, lanes, banks, partitions, .. } = self;
        write!(f, "{variant}, {edge_bits} edge bits, SipHash-{}, {lanes} lanes, {banks} banks", self.sip.name())?;
        if *partitions > 1 { write!(f, ", {partitions} partitions") } else { Ok(()) }
    }
}

const fn in_range(parameter: &'static str, value: u32, low: u32, high: u32) -> Result<(), CoreError> {
    if value >= low && value <= high {
        return Ok(());
    }
    Err(CoreError { parameter, value, range: (low, high), power_of_two: false })
}

const fn power_in_range(parameter: &'static str, value: u32, low: u32, high: u32) -> Result<(), CoreError> {
    if value >= low && value <= high && value.is_power_of_two() {
        return Ok(());
    }
    Err(CoreError { parameter, value, range: (low, high), power_of_two: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_outside_their_range_are_refused_by_name() {
        let refused = |result: Result<Core, CoreError>| result.unwrap_err().parameter;
        let new = |edge_bits, lanes| Core::new(Variant::Cuckaroo, Sip::FourEight, edge_bits, lanes);
        assert_eq!(refused(new(9, 4)), "edge_bits");
        assert_eq!(refused(new(33, 4)), "edge_bits");
        assert_eq!(refused(new(19, 3)), "lanes");
        assert_eq!(refused(new(10, 8)), "lanes");
        let core = new(12, 4).unwrap();
        assert_eq!(refused(core.with_banks(2)), "banks");
        assert_eq!(refused(core.with_partitions(16)), "partitions");
        assert_eq!(refused(core.with_queue_depth(3)), "queue_depth");
        assert_eq!(refused(core.with_list_entries(8)), "list_entries");
    }

    #[test]
    fn counters_take_two_bits_for_each_key() {
        for variant in Variant::ALL {
            for (edge_bits, lanes) in [(10, 1), (12, 4), (19, 16), (32, 256)] {
                let core = Core::new(variant, Sip::TwoFour, edge_bits, lanes).unwrap();
                let bits = u64::from(Core::WORD_BITS) << core.word_bits() << core.bank_bits();
                assert_eq!(bits, 2 << edge_bits, "{core}");
            }
        }
    }

    #[test]
    fn every_parameter_changes_the_hash() {
        let core = Core::new(Variant::Cuckaroo, Sip::TwoFour, 15, 4).unwrap();
        let others = [
            Core::new(Variant::Cuckarood, Sip::TwoFour, 15, 4),
            Core::new(Variant::Cuckaroo, Sip::FourEight, 15, 4),
            Core::new(Variant::Cuckaroo, Sip::TwoFour, 16, 4),
            Core::new(Variant::Cuckaroo, Sip::TwoFour, 15, 2),
            core.with_banks(16),
            core.with_partitions(2),
            core.with_queue_depth(4),
            core.with_list_entries(32),
        ];
        for other in others {
            assert_ne!(other.unwrap().specification(), core.specification());
        }
    }
}
