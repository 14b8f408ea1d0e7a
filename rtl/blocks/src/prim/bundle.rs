//! Bundles: many ports of one type under one name, `<name>_<index>_i` and `<name>_<index>_o`.

use myelin_hdl::{InstanceHandle, ModuleBuilder, Signal, Ty};

/// Declares `count` inputs.
#[track_caller]
pub fn inputs(m: &ModuleBuilder, name: &str, count: usize, ty: Ty) -> Vec<Signal> {
    (0..count).map(|index| m.input(&format!("{name}_{index}_i"), ty)).collect()
}

/// Declares one output for each value.
#[track_caller]
pub fn outputs(m: &ModuleBuilder, name: &str, values: &[Signal]) {
    for (index, &value) in values.iter().enumerate() {
        m.output(&format!("{name}_{index}_o"), value);
    }
}

/// Connects a child's input bundle.
#[track_caller]
pub fn connect(child: &InstanceHandle, name: &str, values: &[Signal]) {
    for (index, &value) in values.iter().enumerate() {
        child.input(&format!("{name}_{index}_i"), value);
    }
}

/// A child's output bundle.
#[track_caller]
pub fn of(child: &InstanceHandle, name: &str, count: usize) -> Vec<Signal> {
    (0..count).map(|index| child.output(&format!("{name}_{index}_o"))).collect()
}
