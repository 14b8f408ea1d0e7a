//! Seeded random designs and stimuli for differential testing.
//!
//! A design uses every construct that the builder can make: all operators on all widths and both
//! signs, literals at the edges of their types, registers with and without reset and enable, chains
//! of registers, memories of every port form, children shared by several instances and parents,
//! instance outputs used before all inputs are connected, properties, and names that clash with
//! keywords and each other.
//!
//! What stresses a simulator that packs instances into vectors: **arrays** of one child in rows and
//! grids, of sizes below, at and above whole vectors, arrays within arrays, lanes with memories. An
//! input of the lanes is one broadcast value, a constant or any value for each, a value delayed by
//! one register more from lane to lane, the registered output of the neighbour at the left, right,
//! above or below (or round the edge), or of any lane, or a path through all lanes within the cycle.
//! Outputs are taken of some lanes and reduced over all. Most children are enabled by one input.
//!
//! Equal seed and configuration give equal designs. Every property of a random design holds always,
//! unless [`Properties::MayFail`] is asked for.
//!
//! ```
//! use myelin_conformance::random_design::{RandomConfig, random_design, random_trace};
//!
//! let design = random_design(7, &RandomConfig::default());
//! assert_eq!(design.digest(), random_design(7, &RandomConfig::default()).digest());
//! assert_eq!(random_trace(&design, 7, 50).cycles.len(), 50);
//! ```

mod array;
mod batch;
mod body;
mod children;
mod config;
mod convert;
mod memories;
mod stimulus;
mod values;

pub use batch::batch;
pub use body::{random_design, random_module};
pub use config::{Properties, RandomConfig};
pub use convert::random_bits;
pub use stimulus::random_trace;
