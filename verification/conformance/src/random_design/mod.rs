//! Seeded random designs and stimuli for differential testing.
//!
//! A design uses every construct that the builder can make: all operators on all widths and both
//! signs, literals at the edges of their types, registers with and without reset and enable,
//! memories of every port form, children shared by several instances, instance outputs used before
//! all inputs are connected, properties, and names that clash with keywords and each other.
//!
//! Equal seed and configuration give equal designs. Every property of a random design holds always.
//!
//! ```
//! use myelin_conformance::random_design::{RandomConfig, random_design, random_trace};
//!
//! let design = random_design(7, &RandomConfig::default());
//! assert_eq!(design.digest(), random_design(7, &RandomConfig::default()).digest());
//! assert_eq!(random_trace(&design, 7, 50).cycles.len(), 50);
//! ```

mod batch;
mod body;
mod convert;
mod stimulus;
mod values;

pub use batch::batch;
pub use body::{RandomConfig, random_design, random_module};
pub use stimulus::random_trace;
