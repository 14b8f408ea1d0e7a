//! A whole design: a top module and every distinct body below it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::check::{Parts, assemble};
use crate::digest::Digest;
use crate::ir::Module;
use crate::verilog::is_reserved;

/// A top module and every distinct body below it, children before parents.
///
/// Bodies are told apart by structure: a generator called twice with the same parameters makes one
/// body. Two different bodies of one name get distinct [`Design::emitted_name`]s.
#[derive(Clone, Debug)]
pub struct Design {
    modules: Vec<Arc<Module>>,
    names: HashMap<Digest, String>,
}

/// Why modules do not make a design.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DesignError {
    /// A name that Verilog and waves could not carry.
    #[error("name {name:?} in module {module}: expected a letter or underscore, then letters, digits and underscores")]
    BadName {
        /// Where.
        module: String,
        /// The name.
        name: String,
    },
    /// A name that means something else in Verilog, or in the C++ that simulators make of it.
    #[error("name {name:?} in module {module} is a keyword of Verilog or C++, or the implicit clock or reset")]
    ReservedName {
        /// Where.
        module: String,
        /// The name.
        name: String,
    },
}

impl Design {
    /// Collects the bodies below `top`.
    ///
    /// # Errors
    /// If a port, register, memory, instance or module has a name that is not an identifier, or
    /// one that emitted Verilog cannot keep.
    pub fn new(top: Arc<Module>) -> Result<Design, DesignError> {
        let mut modules = Vec::new();
        collect(&top, &mut HashSet::new(), &mut modules);
        let mut names = HashMap::new();
        let mut taken = HashSet::new();
        for module in &modules {
            check_names(module)?;
            let mut name = module.name.clone();
            let mut suffix = 1;
            while !taken.insert(name.clone()) {
                suffix += 1;
                name = format!("{}_{suffix}", module.name);
            }
            names.insert(module.digest, name);
        }
        Ok(Design { modules, names })
    }

    /// The top module.
    pub fn top(&self) -> &Arc<Module> {
        self.modules.last().expect("a design has at least its top")
    }

    /// Every distinct body, children before parents, the top last.
    pub fn modules(&self) -> &[Arc<Module>] {
        &self.modules
    }

    /// The name under which a body is emitted: its own, made unique.
    ///
    /// # Panics
    /// If the module is not part of the design.
    pub fn emitted_name(&self, module: &Module) -> &str {
        self.names.get(&module.digest).expect("the module is part of the design")
    }

    /// The design with every body rewritten once by `rule`, children first: `rule` gets it with its new children in
    /// place and keeps names and ports.
    pub(crate) fn rewritten(&self, mut rule: impl FnMut(Module) -> Module) -> Design {
        let mut rewritten: HashMap<Digest, Arc<Module>> = HashMap::new();
        for module in &self.modules {
            let mut parts = Parts::of(module);
            for instance in &mut parts.instances {
                instance.module = rewritten[&instance.module.digest].clone();
            }
            rewritten.insert(module.digest, Arc::new(rule(assemble(parts))));
        }
        Design::new(rewritten[&self.top().digest].clone()).expect("the names are those of a design")
    }

    /// Structural hash of the whole design.
    pub fn digest(&self) -> Digest {
        self.top().digest
    }
}

fn collect(module: &Arc<Module>, seen: &mut HashSet<Digest>, modules: &mut Vec<Arc<Module>>) {
    if !seen.insert(module.digest) {
        return;
    }
    for instance in &module.instances {
        collect(&instance.module, seen, modules);
    }
    modules.push(module.clone());
}

fn check_names(module: &Module) -> Result<(), DesignError> {
    let identifier = |name: &str| {
        let mut chars = name.chars();
        chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
            && chars.all(|char| char.is_ascii_alphanumeric() || char == '_')
    };
    // These are kept as they are, because benches and constraints refer to them.
    let kept = std::iter::once(&module.name)
        .chain(module.inputs.iter().map(|port| &port.name))
        .chain(module.outputs.iter().map(|port| &port.name))
        .chain(module.registers.iter().map(|register| &register.name))
        .chain(module.memories.iter().map(|memory| &memory.name))
        .chain(module.instances.iter().map(|instance| &instance.name));
    let made_unique = (module.checks.iter().map(|check| &check.name))
        .chain(module.nodes.iter().filter_map(|node| node.name.as_ref()));
    for name in kept.clone().chain(made_unique) {
        if !identifier(name) {
            return Err(DesignError::BadName { module: module.name.clone(), name: name.clone() });
        }
    }
    for name in kept {
        if is_reserved(name) || name == "clk_i" || name == "rst_ni" {
            return Err(DesignError::ReservedName { module: module.name.clone(), name: name.clone() });
        }
    }
    Ok(())
}
