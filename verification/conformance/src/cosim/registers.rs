//! The registers of a design, instance by instance.

use myelin_hdl::{Design, Module};

/// A register of one instance.
pub(super) struct RegisterPath {
    /// Instance names from the top module's on, then the register's own.
    pub(super) path: String,
    pub(super) reset: Option<u64>,
}

/// Every register of every instance, parents first.
pub(super) fn registers(design: &Design) -> Vec<RegisterPath> {
    let mut found = Vec::new();
    collect(design.top(), &design.top().name, &mut found);
    found
}

fn collect(module: &Module, path: &str, found: &mut Vec<RegisterPath>) {
    for register in &module.registers {
        let path = format!("{path}.{}", register.name);
        found.push(RegisterPath { path, reset: register.reset });
    }
    for instance in &module.instances {
        collect(&instance.module, &format!("{path}.{}", instance.name), found);
    }
}
