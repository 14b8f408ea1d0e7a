//! Writing waves, as VCD or FST.
//!
//! Cycle `n` is shown from time `10 n` to `10 n + 10`: the clock rises at `10 n` (the edge that
//! ends cycle `n - 1`) and falls at `10 n + 5`, and everything shows the value it had settled to
//! when the next edge sampled it.

mod format;
mod request;

use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::Range;

use myelin_hdl::{NodeId, Op};

use self::format::{Format, Scope, Variable};
pub use self::request::{WaveFormat, Waves};
use crate::engine::Reset;
use crate::hierarchy::{FlatNode, Hierarchy};

/// Time units in a cycle.
const CYCLE_TIME: u64 = 10;
/// Positions of the clock and the reset among the variables; the watched values follow.
const CLOCK: usize = 0;
const RESET: usize = 1;
const VALUES: usize = 2;
/// Instances numbered alike that are worth a level of their own.
const ARRAY_MIN: usize = 4;

/// An open wave file.
pub(crate) struct Wave {
    format: Box<dyn Format>,
    window: Range<u64>,
    /// Watched values, in the order of their variables.
    nodes: Vec<FlatNode>,
    /// What was shown last; empty before the first cycle.
    shown: Vec<u64>,
    reset_shown: Option<Reset>,
    error: Option<io::Error>,
}

impl Wave {
    /// Writes the header: `scopes` are the chosen instances, each with everything below it.
    pub(crate) fn open(waves: Waves, hierarchy: &Hierarchy, scopes: &[usize]) -> io::Result<Wave> {
        let contents = contents(hierarchy, scopes);
        let window = waves.window.clone();
        let mut format = waves.format()?;
        format.scope(&hierarchy.places[0].name, Scope::Instance)?;
        format.variable("clk_i", 1, Variable::Input)?;
        format.variable("rst_ni", 1, Variable::Input)?;
        let mut wave = Wave { format, window, nodes: Vec::new(), shown: Vec::new(), reset_shown: None, error: None };
        wave.define(hierarchy, &contents, 0)?;
        wave.format.up()?;
        wave.format.begin()?;
        Ok(wave)
    }

    /// The values to be watched by the engine.
    pub(crate) fn nodes(&self) -> &[FlatNode] {
        &self.nodes
    }

    /// Edges from `cycle` on that this trace need not see.
    pub(crate) fn idle(&self, cycle: u64) -> u64 {
        if self.error.is_some() || cycle >= self.window.end {
            u64::MAX
        } else {
            self.window.start.saturating_sub(cycle)
        }
    }

    /// Declares the contents of an open scope. The depth of recursion is that of the design.
    fn define(&mut self, hierarchy: &Hierarchy, contents: &[Content], place: usize) -> io::Result<()> {
        if contents[place] == Content::Signals {
            let mut taken: HashSet<String> = HashSet::from(["clk_i".to_owned(), "rst_ni".to_owned()]);
            for (node, name, kind) in signals(hierarchy, place) {
                let mut unique = name.clone();
                let mut suffix = 1;
                while !taken.insert(unique.clone()) {
                    suffix += 1;
                    unique = format!("{name}_{suffix}");
                }
                self.format.variable(&unique, hierarchy.module(place).node(node).ty.width(), kind)?;
                self.nodes.push(FlatNode { place, node });
            }
        }
        for (array, children) in arrays(hierarchy, contents, place) {
            if let Some(name) = array {
                self.format.scope(name, Scope::Array)?;
            }
            for child in children {
                self.format.scope(&hierarchy.places[child].name, Scope::Instance)?;
                self.define(hierarchy, contents, child)?;
                self.format.up()?;
            }
            if array.is_some() {
                self.format.up()?;
            }
        }
        Ok(())
    }

    /// Shows cycle `cycle` as it has settled, if it is in the window. An I/O error ends the tracing
    /// and is kept for [`Wave::close`].
    pub(crate) fn sample(&mut self, values: &[u64], cycle: u64, reset: Reset) {
        if self.idle(cycle) == 0 {
            self.error = self.write(values, cycle, reset).err();
        }
    }

    fn write(&mut self, values: &[u64], cycle: u64, reset: Reset) -> io::Result<()> {
        self.format.time(cycle * CYCLE_TIME)?;
        self.format.change(CLOCK, 1)?;
        if self.reset_shown.replace(reset) != Some(reset) {
            self.format.change(RESET, u64::from(reset == Reset::Inactive))?;
        }
        if self.shown.is_empty() {
            for (index, &value) in values.iter().enumerate() {
                self.format.change(VALUES + index, value)?;
            }
            self.shown = values.to_vec();
        } else {
            for (index, (shown, &value)) in self.shown.iter_mut().zip(values).enumerate() {
                if *shown != value {
                    *shown = value;
                    self.format.change(VALUES + index, value)?;
                }
            }
        }
        self.format.time(cycle * CYCLE_TIME + CYCLE_TIME / 2)?;
        self.format.change(CLOCK, 0)
    }

    /// Shows the last cycle, ends the file and flushes it.
    pub(crate) fn close(mut self, values: &[u64], cycle: u64, reset: Reset) -> io::Result<()> {
        self.sample(values, cycle, reset);
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        if self.reset_shown.is_none() {
            // The window was not reached: a cycle of unknown values, as readers want to have times.
            self.format.time(0)?;
            return self.format.end(CYCLE_TIME);
        }
        self.format.end(cycle.saturating_add(1).min(self.window.end).saturating_mul(CYCLE_TIME))
    }
}

/// How much of an instance is shown.
#[derive(Clone, Copy, PartialEq)]
enum Content {
    Nothing,
    /// Only as the way to what is below.
    Scopes,
    Signals,
}

fn contents(hierarchy: &Hierarchy, scopes: &[usize]) -> Vec<Content> {
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

/// The shown children of an instance, those of an array together where the first of them stands.
fn arrays<'a>(hierarchy: &'a Hierarchy, contents: &[Content], place: usize) -> Vec<(Option<&'a str>, Vec<usize>)> {
    let shown =
        || hierarchy.places[place].children.iter().copied().filter(|&child| contents[child] != Content::Nothing);
    let names: HashSet<&str> = shown().map(|child| hierarchy.places[child].name.as_str()).collect();
    let mut families: HashMap<&str, Vec<usize>> = HashMap::new();
    for child in shown() {
        families.entry(stem(&hierarchy.places[child].name)).or_default().push(child);
    }
    let mut groups = Vec::new();
    for child in shown() {
        let name = hierarchy.places[child].name.as_str();
        let stem = stem(name);
        let family = &families[stem];
        // An instance that has the common name itself keeps it.
        if family.len() < ARRAY_MIN || names.contains(stem) {
            groups.push((None, vec![child]));
        } else if family[0] == child {
            groups.push((Some(stem), family.clone()));
        }
    }
    groups
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
fn signals(hierarchy: &Hierarchy, place: usize) -> Vec<(NodeId, String, Variable)> {
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
