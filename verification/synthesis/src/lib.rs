//! What synthesis makes of the blocks.
//!
//! - [`resources`] counts what Yosys needs for a PE, an array, a cell and the drain on five families,
//!   and holds the multipliers per product against what each packing promises.
//! - [`check_netlist`] simulates the netlist of a block beside its source under Icarus: Yosys has
//!   been seen to miscompile systolic chains silently, so no figure stands without it.
//!
//! Synthesis estimates only: nothing here is placed, routed or timed.

mod family;
mod netlist;
mod place;
mod resources;
mod stick;
mod stick_program;
mod subject;
mod yosys;

pub use family::{Family, Kind};
pub use netlist::{Comparison, check_netlist};
pub use place::{Placed, merged, place, placed_table};
pub use resources::{Promise, Resources, from_json, json, resources, table};
pub use stick::{StickAnswer, smallest_stick, stick_netlist, stick_simulated};
pub use stick_program::{Layer, accesses, program};
pub use subject::{Subject, lanes, netlist_subjects, resource_subjects};
pub use yosys::{SynthesisError, Yosys};
