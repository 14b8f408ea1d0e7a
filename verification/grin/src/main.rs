//! Grin's own verifier, `grin_core`, beside ours: on proofs of random graphs, on mutations of them, and on edges
//! that are no proof at all. Prints how many of which verdict were compared; ends with exit code 1 at the first
//! disagreement.
//!
//! Compared are golden's verdict, word by word, and the CPU solver's `is_proof`; of proofs of Cuckatoo, the
//! variant of Grin's chain, also the difficulty.
//!
//! **Holes**: a walk over Cuckarood's edges that comes back to no start never ends in `grin_core`, so what golden
//! calls a branch is not asked there. Of Cuckaroom with several edges from one node `grin_core` follows the last
//! and golden, as the author, the first: the words of what walks find may differ there, yes and no may not.

mod material;

use std::collections::BTreeMap;
use std::process::ExitCode;

use grin_core::global::{ChainTypes, set_local_chain_type};
use grin_core::pow::{
    Error, PoWContext, Proof, ProofOfWork, new_cuckaroo_ctx, new_cuckarood_ctx, new_cuckaroom_ctx, new_cuckarooz_ctx,
    new_cuckatoo_ctx,
};
use myelin_golden::cuckoo::{EdgeBits, Graph, Keys, ProofSize, Sip, Variant, Verdict, grin, verify};

use material::{Kind, Material};

/// What is asked of every variant: the chain's rules, edges of a proof, edge bits, how many graphs.
const CAMPAIGNS: [(ChainTypes, usize, u32, u64); 3] = [
    (ChainTypes::AutomatedTesting, 8, 10, 3000),
    (ChainTypes::UserTesting, 42, 12, 4000),
    (ChainTypes::UserTesting, 42, 15, 300),
];

/// The variants that `grin_core` has.
const VARIANTS: [Variant; 5] =
    [Variant::Cuckatoo, Variant::Cuckaroo, Variant::Cuckarood, Variant::Cuckaroom, Variant::Cuckarooz];

/// Golden's verdict where `grin_core` might never end.
const NOT_ASKED: &str = "branch, not asked";

fn judge(variant: Variant, edge_bits: u32, size: usize) -> Result<Box<dyn PoWContext>, Error> {
    let edge_bits = edge_bits as u8;
    match variant {
        Variant::Cuckoo => unreachable!("invariant: not among VARIANTS"),
        Variant::Cuckatoo => new_cuckatoo_ctx(edge_bits, size, 1),
        Variant::Cuckaroo => new_cuckaroo_ctx(edge_bits, size),
        Variant::Cuckarood => new_cuckarood_ctx(edge_bits, size),
        Variant::Cuckaroom => new_cuckaroom_ctx(edge_bits, size),
        Variant::Cuckarooz => new_cuckarooz_ctx(edge_bits, size),
    }
}

/// What `grin_core` says, in the words of golden's verdicts.
fn words(verdict: Result<(), Error>) -> String {
    match verdict {
        Ok(()) => Verdict::Valid.message().to_owned(),
        Err(Error::Verification(words)) => words,
        Err(other) => other.to_string(),
    }
}

/// Whether both say the same, as far as they can.
fn agree(variant: Variant, golden: Verdict, grin: &str) -> bool {
    let walked = [Verdict::Branch, Verdict::DeadEnd, Verdict::ShortCycle];
    let may_differ = variant == Variant::Cuckaroom && walked.contains(&golden);
    golden.message() == grin || (may_differ && walked.iter().any(|verdict| verdict.message() == grin))
}

/// One kind of graph: counts what was compared, by verdict.
fn compare(
    variant: Variant,
    (chain, size, edge_bits, graphs): (ChainTypes, usize, u32, u64),
    counts: &mut BTreeMap<(&'static str, &'static str), u64>,
) -> Result<(), String> {
    set_local_chain_type(chain);
    let proof_size = ProofSize::new(size).map_err(|error| error.to_string())?;
    let bits = EdgeBits::new(edge_bits).map_err(|error| error.to_string())?;
    let mut material = Material::new(variant, edge_bits, size);
    for number in 0..graphs {
        let header = material.next_header(number);
        let keys = Keys::of_header(&header);
        let graph = Graph::new(variant, Sip::TwoFour, bits, keys);
        let mut judge = judge(variant, edge_bits, size).map_err(|error| error.to_string())?;
        judge.set_header_nonce(header.clone(), None, false).map_err(|error| error.to_string())?;
        for (kind, proof) in material.candidates(myelin_cuckoo::Keys(keys.0)) {
            let golden = verify(&graph, proof_size, &proof);
            if kind == Kind::Proof && !golden.is_valid() {
                return Err(format!("{variant:?}, header {header:x?}: solved, but golden calls {proof:?} {golden}"));
            }
            let case = || format!("{variant:?}, {edge_bits} edge bits, header {header:x?}, {kind:?} {proof:?}");
            if material.cpu_accepts(myelin_cuckoo::Keys(keys.0), &proof) != golden.is_valid() {
                return Err(format!("{}: golden says {golden}, the CPU's check does not", case()));
            }
            if variant == Variant::Cuckarood && golden == Verdict::Branch {
                *counts.entry((variant.name(), NOT_ASKED)).or_default() += 1;
                continue;
            }
            let asked = Proof { edge_bits: edge_bits as u8, nonces: proof.clone() };
            let grin = words(judge.verify(&asked));
            if !agree(variant, golden, &grin) {
                return Err(format!("{}: golden says {golden}, grin_core {grin}", case()));
            }
            if variant == Variant::Cuckatoo && golden.is_valid() {
                let work = ProofOfWork { proof: asked, ..ProofOfWork::default() };
                let (ours, theirs) = (grin::difficulty(bits, &proof, 1), work.to_unscaled_difficulty().to_num());
                if ours != theirs {
                    return Err(format!("{}: difficulty {ours}, grin_core {theirs}", case()));
                }
            }
            *counts.entry((variant.name(), golden.name())).or_default() += 1;
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let mut counts = BTreeMap::new();
    for variant in VARIANTS {
        for campaign in CAMPAIGNS {
            if let Err(disagreement) = compare(variant, campaign, &mut counts) {
                eprintln!("{disagreement}");
                return ExitCode::FAILURE;
            }
        }
    }
    for ((variant, verdict), count) in &counts {
        println!("{variant:<10} {verdict:<18} {count:>8}");
    }
    let is_thin = |variant: &Variant| counts.get(&(variant.name(), Verdict::Valid.name())).is_none_or(|&n| n < 100);
    if let Some(variant) = VARIANTS.iter().find(|variant| is_thin(variant)) {
        eprintln!("fewer than 100 proofs of {}", variant.name());
        return ExitCode::FAILURE;
    }
    let asked = counts.iter().filter(|((_, verdict), _)| *verdict != NOT_ASKED);
    println!("all agree: {} verdicts", asked.map(|(_, count)| count).sum::<u64>());
    ExitCode::SUCCESS
}
