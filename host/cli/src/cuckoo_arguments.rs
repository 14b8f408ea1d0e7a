//! Arguments of the proof-of-work commands, and what they mean.

use std::num::NonZeroUsize;

use clap::{Args, Subcommand, ValueEnum};
use myelin_cuckoo::{Keys, Options, Parameters, Sip, Variant};
use myelin_driver::TrimmerSelector;
use myelin_golden::cuckoo as golden;
use myelin_isa::cuckoo as isa;

use crate::failure::Failure;

/// What `myelin cuckoo` does.
#[derive(Subcommand, Debug)]
pub enum CuckooCommand {
    /// Judge a proof by the golden model.
    ///
    /// Exit code 0 if it is valid; 1 if it is not, with the first thing wrong in the reference's words.
    #[command(after_help = "Examples:
  myelin cuckoo verify --variant cuckatoo --edge-bits 10 --proof-size 8 \\
    --header 6d79656c696e --nonce 14 --proof 352,370,384,460,679,713,836,965")]
    Verify(VerifyArguments),
    /// Trim a graph and print how many edges are alive after every round.
    #[command(after_help = "Examples:
  myelin cuckoo trim --variant cuckaroo --edge-bits 16 --keys 1,2,3,4 --rounds 8
  myelin cuckoo trim --variant cuckatoo --edge-bits 15 --keys 0xa,0xb,0xc,0xd \\
    --rounds 20 --algorithm lean --json
  myelin cuckoo trim --variant cuckaroo --sip 4-8 --edge-bits 12 \\
    --keys 1,2,3,4 --rounds 8 --device sim:cuckoo-12:2")]
    Trim(TrimArguments),
}

/// Which graph.
#[derive(Args, Debug)]
pub struct GraphArguments {
    /// Which of the family.
    #[arg(long, value_enum, value_name = "NAME")]
    pub variant: VariantName,
    /// The hash: 2-4 is Grin's and the family's, 4-8 the Cortex chain's.
    #[arg(long, value_enum, value_name = "ROUNDS", default_value = "2-4")]
    pub sip: SipName,
    /// Four words that make the graph, decimal or with 0x.
    #[arg(long, value_name = "K0,K1,K2,K3", value_parser = keys, required_unless_present = "header")]
    pub keys: Option<Keys>,
    /// Header in hexadecimal; its blake2b is the keys.
    #[arg(long, value_name = "HEX", value_parser = bytes, conflicts_with = "keys")]
    pub header: Option<Bytes>,
    /// Nonce that is put behind the header in eight bytes, decimal or with 0x.
    #[arg(long, value_name = "N", value_parser = word, requires = "header", conflicts_with = "keys")]
    pub nonce: Option<u64>,
    /// Order of the nonce's bytes [default: little for a header of 32 bytes, as the Cortex chain, else
    /// big, as Grin].
    #[arg(long, value_enum, value_name = "ORDER", requires = "nonce")]
    pub nonce_order: Option<NonceOrder>,
}

/// Arguments of `myelin cuckoo verify`.
#[derive(Args, Debug)]
pub struct VerifyArguments {
    /// Which graph.
    #[command(flatten)]
    pub graph: GraphArguments,
    /// Binary logarithm of the number of edges, 4 to 40.
    #[arg(long, value_name = "N", value_parser = golden_edge_bits)]
    pub edge_bits: golden::EdgeBits,
    /// Edges of a proof, even, 2 to 256.
    #[arg(long, value_name = "N", default_value = "42", value_parser = golden_proof_size)]
    pub proof_size: golden::ProofSize,
    /// The proof: indices of edges, decimal or with 0x.
    #[arg(long, value_name = "E0,E1,...", value_parser = edges)]
    pub proof: Edges,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// With what to solve.
#[derive(Args, Debug)]
pub struct SolverArguments {
    /// Where to trim: cpu, or sim:cuckoo-<edge bits>[:<lanes>], a core simulated cycle by cycle.
    #[arg(long, value_name = "SELECTOR", default_value = "cpu")]
    pub device: TrimmerSelector,
    /// With what of the processor.
    #[command(flatten)]
    pub cpu: CpuSolverArguments,
}

/// What the device cpu may take, and how it trims.
#[derive(Args, Debug)]
pub struct CpuSolverArguments {
    /// Threads of the device cpu, 1 to 1024 [default: as many as the machine runs at once].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Memory of the device cpu, in bytes or with K, M, G or T behind (powers of 1024).
    #[arg(long, value_name = "SIZE", default_value = "8G", value_parser = memory)]
    pub memory: u64,
    /// How the device cpu trims.
    #[arg(long, value_enum, value_name = "NAME", default_value_t = AlgorithmName::Auto)]
    pub algorithm: AlgorithmName,
}

/// Arguments of `myelin cuckoo trim`.
#[derive(Args, Debug)]
pub struct TrimArguments {
    /// Which graph.
    #[command(flatten)]
    pub graph: GraphArguments,
    /// Binary logarithm of the number of edges, 10 to 32.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(10..=32))]
    pub edge_bits: u32,
    /// How many rounds.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rounds: u32,
    /// With what.
    #[command(flatten)]
    pub solver: SolverArguments,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `myelin solve`.
#[derive(Args, Debug)]
pub struct SolveArguments {
    /// Which graph.
    #[command(flatten)]
    pub graph: GraphArguments,
    /// Binary logarithm of the number of edges, 10 to 32.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(10..=32))]
    pub edge_bits: u32,
    /// Edges of a proof, even, 2 to 256.
    #[arg(long, value_name = "N", default_value = "42", value_parser = golden_proof_size)]
    pub proof_size: golden::ProofSize,
    /// With what.
    #[command(flatten)]
    pub solver: SolverArguments,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// A variant's name.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum VariantName {
    /// Two hashes an edge, equal nodes meet.
    Cuckoo,
    /// Two hashes an edge, nodes that differ in the lowest bit meet: Grin's.
    Cuckatoo,
    /// Chained hashes, equal nodes meet: the Cortex chain's.
    Cuckaroo,
    /// Chained hashes, even edges meet odd ones.
    Cuckarood,
    /// Chained hashes, directed.
    Cuckaroom,
    /// Chained hashes, one kind of node.
    Cuckarooz,
}

/// Rounds of the hash.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum SipName {
    /// SipHash-2-4.
    #[value(name = "2-4")]
    TwoFour,
    /// SipHash-4-8.
    #[value(name = "4-8")]
    FourEight,
}

/// Which byte of a nonce comes first.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum NonceOrder {
    /// The lowest.
    Little,
    /// The highest.
    Big,
}

/// How to trim.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum AlgorithmName {
    /// The fastest that the memory allows.
    Auto,
    /// Edges stored and sorted: fast.
    Mean,
    /// One bit an edge: small.
    Lean,
}

/// Bytes given in hexadecimal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bytes(pub Vec<u8>);

/// Indices of edges.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edges(pub Vec<u64>);

impl GraphArguments {
    /// The words that make the graph.
    pub fn keys(&self) -> Keys {
        match (&self.keys, &self.header) {
            (Some(keys), _) => *keys,
            (None, header) => Keys::of_header(&self.header_bytes(header.as_ref().map_or(&[], |bytes| &bytes.0))),
        }
    }

    fn header_bytes(&self, header: &[u8]) -> Vec<u8> {
        let mut bytes = header.to_vec();
        if let Some(nonce) = self.nonce {
            let by_length = if header.len() == 32 { NonceOrder::Little } else { NonceOrder::Big };
            bytes.extend(match self.nonce_order.unwrap_or(by_length) {
                NonceOrder::Little => nonce.to_le_bytes(),
                NonceOrder::Big => nonce.to_be_bytes(),
            });
        }
        bytes
    }

    /// What the solver is told; the sizes were checked by the command line.
    pub fn parameters(&self, edge_bits: u32, proof_size: usize) -> Result<Parameters, myelin_cuckoo::Error> {
        let variant = Variant::from_name(self.variant_name()).expect("invariant: the names are the same");
        let sip = match self.sip {
            SipName::TwoFour => Sip::TwoFour,
            SipName::FourEight => Sip::FourEight,
        };
        Parameters::new(variant, sip, edge_bits, proof_size)
    }

    /// The same graph for golden.
    pub fn golden(&self, edge_bits: golden::EdgeBits) -> golden::Graph {
        let variant = golden::Variant::from_name(self.variant_name()).expect("invariant: the names are the same");
        let sip = match self.sip {
            SipName::TwoFour => golden::Sip::TwoFour,
            SipName::FourEight => golden::Sip::FourEight,
        };
        golden::Graph::new(variant, sip, edge_bits, golden::Keys(self.keys().0))
    }

    /// The core that trims this graph; `None` for the processor.
    ///
    /// **Errors**: usage, if the core is of another size or there is none for the variant.
    pub fn core(&self, device: TrimmerSelector, edge_bits: u32) -> Result<Option<isa::Core>, Failure> {
        let usage = |reason: String| Failure::OtherGraph { selector: device.to_string(), reason };
        let TrimmerSelector::Simulated { edge_bits: found, lanes } = device else { return Ok(None) };
        if found != edge_bits {
            return Err(usage(format!("its graphs have {found} edge bits, this one {edge_bits}")));
        }
        let name = self.variant_name();
        let variant = isa::Variant::ALL.into_iter().find(|variant| variant.name() == name);
        let variant = variant.ok_or_else(|| usage(format!("no core trims {name}")))?;
        let sip = match self.sip {
            SipName::TwoFour => isa::Sip::TwoFour,
            SipName::FourEight => isa::Sip::FourEight,
        };
        isa::Core::new(variant, sip, edge_bits, lanes).map(Some).map_err(|error| usage(error.to_string()))
    }

    /// The variant's name.
    pub fn variant_name(&self) -> &'static str {
        match self.variant {
            VariantName::Cuckoo => "cuckoo",
            VariantName::Cuckatoo => "cuckatoo",
            VariantName::Cuckaroo => "cuckaroo",
            VariantName::Cuckarood => "cuckarood",
            VariantName::Cuckaroom => "cuckaroom",
            VariantName::Cuckarooz => "cuckarooz",
        }
    }

    /// The hash's name.
    pub fn sip_name(&self) -> &'static str {
        match self.sip {
            SipName::TwoFour => "2-4",
            SipName::FourEight => "4-8",
        }
    }

    /// The keys as 16 hexadecimal digits each.
    pub fn keys_text(&self) -> [String; 4] {
        self.keys().0.map(|word| format!("{word:016x}"))
    }
}

impl CpuSolverArguments {
    /// What the solver is told.
    pub fn options(&self) -> Options {
        let threads = match self.threads {
            Some(threads) => NonZeroUsize::new(usize::from(threads)),
            None => std::thread::available_parallelism().ok(),
        };
        Options {
            threads: threads.unwrap_or(NonZeroUsize::MIN).min(NonZeroUsize::new(1024).unwrap_or(NonZeroUsize::MIN)),
            memory_limit: self.memory,
            algorithm: match self.algorithm {
                AlgorithmName::Auto => myelin_cuckoo::Algorithm::Auto,
                AlgorithmName::Mean => myelin_cuckoo::Algorithm::Mean,
                AlgorithmName::Lean => myelin_cuckoo::Algorithm::Lean,
            },
            path: None,
        }
    }
}

fn word(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("expected a number of at most 64 bits, decimal or with 0x, found {text:?}"))
}

fn words(text: &str) -> Result<Vec<u64>, String> {
    text.split(',').map(|text| word(text.trim())).collect()
}

fn keys(text: &str) -> Result<Keys, String> {
    let words: [u64; 4] =
        words(text)?.try_into().map_err(|words: Vec<u64>| format!("expected four words, found {}", words.len()))?;
    Ok(Keys(words))
}

fn edges(text: &str) -> Result<Edges, String> {
    Ok(Edges(words(text)?))
}

fn bytes(text: &str) -> Result<Bytes, String> {
    let text = text.strip_prefix("0x").unwrap_or(text);
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return Err("expected two hexadecimal digits for each byte".to_owned());
    }
    let byte = |at: usize| {
        let digits = &text[at..at + 2];
        // The parser takes a sign as well.
        let parsed = if digits.starts_with('+') { None } else { u8::from_str_radix(digits, 16).ok() };
        parsed.ok_or_else(|| format!("expected hexadecimal digits at {at}"))
    };
    let bytes: Result<Vec<u8>, String> = (0..text.len()).step_by(2).map(byte).collect();
    Ok(Bytes(bytes?))
}

/// Bytes, with K, M, G or T behind for powers of 1024.
fn memory(text: &str) -> Result<u64, String> {
    let units = ["K", "M", "G", "T"];
    let unit = units.iter().position(|unit| text.to_ascii_uppercase().ends_with(unit));
    let (digits, shift) = match unit {
        Some(unit) => (&text[..text.len() - 1], 10 * (unit as u32 + 1)),
        None => (text, 0),
    };
    let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
    bytes.ok_or_else(|| format!("expected a number of bytes as in 512M or 4G, found {text:?}"))
}

fn golden_edge_bits(text: &str) -> Result<golden::EdgeBits, String> {
    let bits = text.parse().map_err(|_| "expected a number".to_owned())?;
    golden::EdgeBits::new(bits).map_err(|error| error.to_string())
}

fn golden_proof_size(text: &str) -> Result<golden::ProofSize, String> {
    let edges = text.parse().map_err(|_| "expected a number".to_owned())?;
    golden::ProofSize::new(edges).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_counted_in_powers_of_1024() {
        assert_eq!(memory("4G"), Ok(4 << 30));
        assert_eq!(memory("512m"), Ok(512 << 20));
        assert_eq!(memory("1000"), Ok(1000));
        for wrong in ["", "G", "-1", "4GB", "99999999999T", "1.5G"] {
            assert!(memory(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn words_are_decimal_or_hexadecimal() {
        assert_eq!(words("1,0x10, 3"), Ok(vec![1, 16, 3]));
        assert_eq!(keys("1,2,3,4"), Ok(Keys([1, 2, 3, 4])));
        for wrong in ["1,2,3", "1,2,3,4,5", "", "1,,3,4", "a,2,3,4", "0x10000000000000000,2,3,4"] {
            assert!(keys(wrong).is_err(), "{wrong}");
        }
        assert_eq!(bytes("0x00ff"), Ok(Bytes(vec![0, 255])));
        for wrong in ["0", "0g", "é", "+1"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
