//! The Cuckoo Cycle family: from header to accepted proof, as the chains' own verifiers do it.
//!
//! A header is hashed to four [`Keys`]; the keys make a [`Graph`] of `2^edge_bits` edges whose
//! endpoints are pseudo-random; a proof is the indices of edges that form one cycle. [`Trimmer`]
//! removes edges that cannot lie on a cycle, [`find_cycles`] finds those of the wanted length among
//! what is left, [`verify`] judges a proof. [`grin`] and [`cortex`] have what differs between the two
//! chains: headers and difficulty.
//!
//! A [`Verdict`] is a value and the same on every machine. Errors are only for numbers that name no
//! graph at all.
//!
//! # Example
//! ```
//! use myelin_golden::cuckoo::{EdgeBits, Graph, Keys, ProofSize, Sip, Trimmer, Variant, find_cycles, verify};
//!
//! // A graph of 1024 edges with cycles of eight edges, the size of Grin's automated tests.
//! let mut header = [0u8; 80];
//! header[76] = 3;
//! let graph = Graph::new(Variant::Cuckatoo, Sip::TwoFour, EdgeBits::new(10)?, Keys::of_header(&header));
//! let mut trimmer = Trimmer::new(&graph);
//! while trimmer.round() > 0 && trimmer.round_count() < 40 {}
//! let size = ProofSize::new(8)?;
//! let cycles = find_cycles(&graph, &trimmer.survivors(), size);
//! assert!(verify(&graph, size, &cycles[0]).is_valid());
//! # Ok::<(), myelin_golden::cuckoo::RangeError>(())
//! ```

pub mod cortex;
mod cycles;
mod graph;
pub mod grin;
mod siphash;
mod trim;
mod verify;

pub use cycles::{find_cycles, two_core};
pub use graph::{EdgeBits, Endpoints, Graph, ProofSize, RangeError, Side, Variant};
pub use siphash::{BLOCK_SIZE, Keys, Rotation, Sip, State, siphash, siphash_block};
pub use trim::Trimmer;
pub use verify::{Verdict, verify};
