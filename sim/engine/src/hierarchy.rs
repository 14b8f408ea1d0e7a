//! The tree of instances of a design, flattened into a list, and names in it.

use std::sync::Arc;

use myelin_hdl::{Design, Module, NodeId, Op};

use crate::error::SimError;

/// One instance: its body and its place in the tree.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) module: Arc<Module>,
    /// Name within the parent; the module's own for the top.
    pub(crate) name: String,
    /// The parent and this instance's position in its body; `None` for the top.
    pub(crate) parent: Option<(usize, usize)>,
    /// Children in declaration order.
    pub(crate) children: Vec<usize>,
}

/// All instances, parents before children, the top first.
#[derive(Debug)]
pub(crate) struct Hierarchy {
    pub(crate) places: Vec<Place>,
}

/// A value of one instance.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct FlatNode {
    pub(crate) place: usize,
    pub(crate) node: NodeId,
}

impl Hierarchy {
    pub(crate) fn new(design: &Design) -> Hierarchy {
        let top = design.top();
        let place = |module: &Arc<Module>, name: &str, parent| Place {
            module: module.clone(),
            name: name.to_owned(),
            parent,
            children: Vec::with_capacity(module.instances.len()),
        };
        let mut places = vec![place(top, &top.name, None)];
        let mut next = 0;
        while next < places.len() {
            let module = places[next].module.clone();
            for (index, instance) in module.instances.iter().enumerate() {
                let child = places.len();
                places.push(place(&instance.module, &instance.name, Some((next, index))));
                places[next].children.push(child);
            }
            next += 1;
        }
        Hierarchy { places }
    }

    pub(crate) fn top(&self) -> &Arc<Module> {
        &self.places[0].module
    }

    pub(crate) fn module(&self, place: usize) -> &Arc<Module> {
        &self.places[place].module
    }

    /// Follows wires through ports to the value that drives `flat`: never an `InstanceOutput`, and
    /// an `Input` only of the top.
    pub(crate) fn driver(&self, mut flat: FlatNode) -> FlatNode {
        loop {
            let place = &self.places[flat.place];
            match place.module.node(flat.node).op {
                Op::Input(index) => match place.parent {
                    Some((parent, position)) => {
                        let node = self.places[parent].module.instances[position].inputs[index];
                        flat = FlatNode { place: parent, node };
                    }
                    None => return flat,
                },
                Op::InstanceOutput { instance, output } => {
                    let child = place.children[instance];
                    flat = FlatNode { place: child, node: self.places[child].module.outputs[output].node };
                }
                _ => return flat,
            }
        }
    }

    /// Path of an instance, the top module's name first.
    pub(crate) fn path(&self, place: usize) -> String {
        let mut names = vec![self.places[place].name.as_str()];
        let mut at = place;
        while let Some((parent, _)) = self.places[at].parent {
            names.push(&self.places[parent].name);
            at = parent;
        }
        names.reverse();
        names.join(".")
    }

    /// The instance at `path`.
    pub(crate) fn find(&self, path: &str) -> Result<usize, SimError> {
        let mut parts = path.split('.');
        let root = parts.next().unwrap_or_default();
        if root != self.places[0].name {
            let top = std::iter::once(self.places[0].name.as_str());
            return Err(SimError::not_found("instance", path, "the design", top));
        }
        let mut at = 0;
        for part in parts {
            let children = &self.places[at].children;
            let Some(&child) = children.iter().find(|&&child| self.places[child].name == part) else {
                let names = children.iter().map(|&child| self.places[child].name.as_str());
                return Err(SimError::not_found("instance", path, &self.path(at), names));
            };
            at = child;
        }
        Ok(at)
    }

    /// Splits `path` into an instance and the name of something in it.
    pub(crate) fn find_in<'a>(&self, kind: &'static str, path: &'a str) -> Result<(usize, &'a str), SimError> {
        match path.rsplit_once('.') {
            Some((scope, name)) => Ok((self.find(scope)?, name)),
            None => {
                let top = std::iter::once(self.places[0].name.as_str());
                Err(SimError::not_found(kind, path, "the design", top))
            }
        }
    }
}
