//! Which clock of the top block drives which state.

use std::collections::HashMap;

use super::body::{Body, Logic};
use super::error::{ClockUse, LowerError};
use super::wire::{ClockSource, Role};

/// A block's clock inputs, each with the clock of the top block that it is connected to.
pub(super) type ClockMap = HashMap<String, String>;

/// Bound on forwarding a clock through blocks, against connections in circles.
const FORWARDS_MAX: usize = 256;

/// The clocks of a child, given those of its parent.
pub(super) fn of_child(parent: &Logic, child: usize, clocks: &ClockMap) -> ClockMap {
    clocks_below(parent, child, clocks, FORWARDS_MAX)
}

fn clocks_below(parent: &Logic, child: usize, clocks: &ClockMap, bound: usize) -> ClockMap {
    let mut map = ClockMap::new();
    for (wire, source) in parent.followed.wires.iter().zip(&parent.followed.clocks) {
        if let (Role::ChildInput { child: of, .. }, Some(source)) = (wire.role, source)
            && of == child
            && let Some(root) = root(parent, source, clocks, bound)
        {
            map.insert(wire.atom.name.clone(), root);
        }
    }
    map
}

/// The clock of the top block behind a clock that `logic` sees.
pub(super) fn root(logic: &Logic, source: &ClockSource, clocks: &ClockMap, bound: usize) -> Option<String> {
    let bound = bound.checked_sub(1)?;
    match source {
        ClockSource::Own(name) => clocks.get(name).cloned(),
        ClockSource::Child { child, output } => {
            // Only blocks with logic forward clocks.
            let Body::Logic(inside) = &logic.children[*child] else { return None };
            let mut wires = inside.followed.wires.iter().zip(&inside.followed.clocks);
            let found = wires.find(|(wire, _)| wire.role == Role::Output && wire.atom.name == *output);
            let forwarded = found?.1.as_ref()?;
            root(inside, forwarded, &clocks_below(logic, *child, clocks, bound), bound)
        }
    }
}

/// Checks that all state runs on one clock.
pub(super) fn check_one(block: &str, top: &Body, clocks: &ClockMap) -> Result<(), LowerError> {
    let mut uses = Vec::new();
    collect(top, clocks, &mut uses)?;
    if uses.len() > 1 {
        return Err(LowerError::SeveralClocks { block: block.to_owned(), uses });
    }
    Ok(())
}

fn collect(body: &Body, clocks: &ClockMap, uses: &mut Vec<ClockUse>) -> Result<(), LowerError> {
    match body {
        Body::Logic(logic) => {
            let mut children = logic.children.iter().enumerate();
            children.try_for_each(|(index, child)| collect(child, &of_child(logic, index, clocks), uses))
        }
        Body::Leaf(scope, leaf) => leaf.clocks().iter().try_for_each(|&clock| {
            let Some(root) = clocks.get(clock) else {
                return Err(LowerError::Unclocked { block: scope.path.clone(), clock: clock.to_owned() });
            };
            if uses.iter().all(|known| known.clock != *root) {
                uses.push(ClockUse { clock: root.clone(), block: scope.path.clone() });
            }
            Ok(())
        }),
    }
}
