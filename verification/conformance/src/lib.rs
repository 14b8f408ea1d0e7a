//! One set of vectors, many engines: everything is held against golden here.
//!
//! - [`cosim`] drives a design's emitted Verilog, unchanged, under Icarus and Verilator, and the
//!   project's own simulator, with one stimulus, and compares every output in every cycle.
//! - [`lint`] shows a design's Verilog to Verilator, Icarus and Yosys and collects every complaint.
//! - [`random_card`] makes seeded random programs for cards, with every instruction and several cells.
//! - [`random_design`] makes seeded random designs that use every construct of the IR.
//! - [`random_layer`] makes seeded random layers and networks that a tensor cell can run.
//! - [`tools`] finds the outside programs, and says so where one is missing.

pub mod cosim;
pub mod lint;
pub mod random_card;
pub mod random_design;
pub mod random_layer;
pub mod tools;
