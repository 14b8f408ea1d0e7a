//! What of a design a wave file shows, and under which names.

use std::collections::{HashMap, HashSet};

use myelin_hdl::{NodeId, Op};

use super::format::Variable;
use crate::hierarchy::Hierarchy;

/// Instances numbered alike that are worth a level of their own.
const ARRAY_MIN: usize = 4;

/// How much of an instance is shown.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Content {
    Nothing,
    /// Only as the way to what is below.
    Scopes,
    Signals,
}

pub(super) fn contents(hierarchy: &Hierarchy, scopes: &[usize]) -> Vec<Content> {
    let mut shown = vec![Content::Nothing; hierarchy.places.len()];
    for place in 0..hierarchy.places.len() {
        let parent = hierarchy.places[place].parent.map(|(parent, _)| parent);
        if scopes.contains(&place) || parent.is_some_and(|parent| shown[parent] == Content::Signals) {
            shown[place] = Content::Signals;
            let mut at = parent;
            while let Some(above) = at.filter(|&above| shown[above] == Content::Nothing) {
                shown[above] = Content::Scopes;
                at = hierarchy.places[above].parent.map(|(parent, _)| parent);
            }
        }
    }
    shown
}

/// What stands below an instance in the file.
pub(super) enum Level {
    Instance(usize),
    /// Instances that are numbered alike, under what their names have in common.
    Array(String, Vec<Level>),
}

/// The shown children of an instance, those of an array together where the first of them stands.
pub(super) fn levels(hierarchy: &Hierarchy, contents: &[Content], place: usize) -> Vec<Level> {
    let shown =
        || hierarchy.places[place].children.iter().copied().filter(|&child| contents[child] != Content::Nothing);
    let names: HashSet<&str> = shown().map(|child| hierarchy.places[child].name.as_str()).collect();
    let mut families: HashMap<&str, Vec<usize>> = HashMap::new();
    for child in shown() {
        families.entry(stem(&hierarchy.places[child].name)).or_default().push(child);
    }
    let mut levels = Vec::new();
    for child in shown() {
        let stem = stem(&hierarchy.places[child].name);
        let family = &families[stem];
        // An instance that has the common name itself keeps it.
        if family.len() < ARRAY_MIN || names.contains(stem) {
            levels.push(Level::Instance(child));
        } else if family[0] == child {
            levels.push(Level::Array(stem.to_owned(), rows(hierarchy, stem, family)));
        }
    }
    levels
}

/// The instances of an array; those of a grid by rows, under the first of their numbers.
fn rows(hierarchy: &Hierarchy, stem: &str, family: &[usize]) -> Vec<Level> {
    let row = |child: usize| hierarchy.places[child].name[stem.len() + 1..].split_once('_').map(|(row, _)| row);
    let mut rows: Vec<(&str, Vec<Level>)> = Vec::new();
    for &child in family {
        let Some(number) = row(child) else {
            return family.iter().copied().map(Level::Instance).collect();
        };
        match rows.iter_mut().find(|(known, _)| *known == number) {
            Some((_, members)) => members.push(Level::Instance(child)),
            None => rows.push((number, vec![Level::Instance(child)])),
        }
    }
    if rows.len() == 1 || rows.iter().any(|(_, members)| members.len() < ARRAY_MIN) {
        return family.iter().copied().map(Level::Instance).collect();
    }
    rows.into_iter().map(|(number, members)| Level::Array(format!("{stem}_{number}"), members)).collect()
}

/// What is left of a name without the numbers at its end: `pe` of `pe_3_12`.
pub(crate) fn stem(name: &str) -> &str {
    let mut rest = name;
    while let Some((before, number)) = rest.rsplit_once('_') {
        if before.is_empty() || number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            break;
        }
        rest = before;
    }
    rest
}

/// Ports, registers and named values of an instance, each value once.
pub(super) fn signals(hierarchy: &Hierarchy, place: usize) -> Vec<(NodeId, String, Variable)> {
    let module = hierarchy.module(place);
    let ids = || (0..module.nodes.len()).map(|index| NodeId(index as u32));
    let mut found = Vec::new();
    let mut state = HashSet::new();
    for id in ids() {
        if let Op::Input(index) = module.node(id).op {
            found.push((id, module.inputs[index].name.clone(), Variable::Input));
            state.insert(id);
        }
    }
    found.extend(module.outputs.iter().map(|port| (port.node, port.name.clone(), Variable::Output)));
    for id in ids() {
        if let Op::RegisterQ(index) = module.node(id).op {
            found.push((id, module.registers[index].name.clone(), Variable::Register));
            state.insert(id);
        }
    }
    for id in ids().filter(|id| !state.contains(id)) {
        if let Some(name) = &module.node(id).name {
            found.push((id, name.clone(), Variable::Wire));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::stem;

    #[test]
    fn numbers_at_the_end_of_a_name_number_it() {
        let names = ["pe_3_12", "pe", "stage_0", "int8_lane_4", "_7", "fifo_16x4", "x_"];
        assert_eq!(names.map(stem), ["pe", "pe", "stage", "int8_lane", "_7", "fifo_16x4", "x_"]);
    }
}
