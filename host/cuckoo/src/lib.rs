//! Finds the cycles of Cuckoo Cycle graphs on the CPU, in as much memory as it is given.
//!
//! All six variants of the family with 10 to 32 edge bits, SipHash-2-4 and the Cortex chain's 4-8. Two
//! ways of trimming: *mean* stores every edge with both nodes and sorts edges into buckets whose bitmap
//! of nodes fits a near cache; *lean* keeps one bit an edge and hashes again in each round. When memory
//! is short, lean rounds come first, until what survives can be stored. AVX-512, AVX2 or portable code
//! is chosen when the program runs.
//!
//! # Example
//! ```
//! use myelin_cuckoo::{Cancel, Keys, Options, Parameters, Sip, Solver, Variant};
//!
//! let parameters = Parameters::new(Variant::Cuckatoo, Sip::TwoFour, 10, 8)?;
//! let mut solver = Solver::new(parameters, &Options::default())?;
//! let mut header = [0; 80];
//! header[76] = 3;
//! let proofs = solver.solve(&Keys::of_header(&header), &Cancel::new(), &mut |_| {})?;
//! assert_eq!(proofs.len(), 1);
//! assert_eq!(proofs[0].len(), 8);
//! # Ok::<(), myelin_cuckoo::Error>(())
//! ```

mod core_graph;
mod error;
mod finder;
mod hash;
mod lean;
mod marks;
mod memory;
mod parameters;
mod path;
mod plan;
mod recover;
mod rounds;
mod solver;
mod table;
mod verify;
mod work;

pub use error::Error;
pub use finder::find_proofs;
pub use parameters::{Algorithm, Keys, Options, Parameters, Sip, Variant};
pub use path::Path;
pub use solver::{Event, MemoryPlan, Solver};
pub use verify::is_proof;
pub use work::Cancel;
