//! Arguments of `myelin plan`.

use clap::{Args, Subcommand, ValueEnum};

use crate::cuckoo_arguments::SipName;

/// What is planned.
#[derive(Subcommand, Debug)]
pub enum PlanCommand {
    /// Plan the edge-trimming core on a board.
    ///
    /// Cycles are estimated from a model that equals the simulated core in every count; clocks and lanes
    /// of the boards are assumptions, printed with the plan. Exit code 1 if no design fits the board.
    #[command(after_help = "Examples:
  myelin plan cuckoo --board u55c --edge-bits 30
  myelin plan cuckoo --board ecp5 --edge-bits 18 --variant cuckatoo \\
    --sip 2-4 --json")]
    Cuckoo(PlanCuckooArguments),
}

/// Arguments of `myelin plan cuckoo`.
#[derive(Args, Debug)]
pub struct PlanCuckooArguments {
    /// The board.
    #[arg(long, value_enum, value_name = "NAME")]
    pub board: BoardName,
    /// Binary logarithm of the number of edges, 10 to 32.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(10..=32))]
    pub edge_bits: u32,
    /// Which of the family.
    #[arg(long, value_enum, value_name = "NAME", default_value = "cuckaroo")]
    pub variant: CoreVariantName,
    /// The hash: 2-4 is Grin's and the family's, 4-8 the Cortex chain's.
    #[arg(long, value_enum, value_name = "ROUNDS", default_value = "4-8")]
    pub sip: SipName,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// A board.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum BoardName {
    /// Alveo U50.
    U50,
    /// Alveo U55C.
    U55c,
    /// Virtex UltraScale+ VU9P.
    Vu9p,
    /// ECP5-85F.
    Ecp5,
    /// iCE40UP5K.
    Up5k,
}

/// A variant that a core trims.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum CoreVariantName {
    /// Two hashes an edge, equal nodes meet.
    Cuckoo,
    /// Two hashes an edge, nodes that differ in the lowest bit meet: Grin's.
    Cuckatoo,
    /// Chained hashes, equal nodes meet: the Cortex chain's.
    Cuckaroo,
    /// Chained hashes, even edges meet odd ones.
    Cuckarood,
}
