//! What a simulated cell says of itself and how it fails.

#![allow(clippy::unwrap_used)]

use myelin_board::{SimulatedCell, SimulationOptions};
use myelin_driver::{Link, Selector};
use myelin_isa::{Architecture, Precision};

#[test]
fn the_selector_a_cell_reports_opens_the_same_cell() {
    for (precision, name) in [(Precision::Int8, "sim:4x5"), (Precision::Int6, "sim:4x5:int6")] {
        let architecture = Architecture::new(4, 5, precision).unwrap();
        let cell = SimulatedCell::new(architecture, SimulationOptions::default()).unwrap();
        let reported = cell.info().selector;
        assert_eq!(reported, name);
        assert_eq!(reported.parse::<Selector>().unwrap(), Selector::SimulatedCell(architecture));
    }
}
