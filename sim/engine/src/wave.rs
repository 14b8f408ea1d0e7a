//! Writing waves as VCD.
//!
//! Cycle `n` is shown from time `10 n` to `10 n + 10`: the clock rises at `10 n` (the edge that
//! ends cycle `n - 1`) and falls at `10 n + 5`, and everything shows the value it had settled to
//! when the next edge sampled it.

use std::collections::HashSet;
use std::io::{self, Write};

use myelin_hdl::{NodeId, Op};
use vcd::{IdCode, TimescaleUnit, Value, VarType};

use crate::engine::{Core, Reset};
use crate::hierarchy::{FlatNode, Hierarchy};

/// Time units in a cycle.
const CYCLE_TIME: u64 = 10;

struct Trace {
    id: IdCode,
    width: u32,
    shown: Option<u64>,
}

/// An open wave file.
pub(crate) struct Wave {
    writer: vcd::Writer<Box<dyn Write + Send>>,
    clock: IdCode,
    reset: Trace,
    /// Watched values and their traces, in the same order.
    nodes: Vec<FlatNode>,
    traces: Vec<Trace>,
    values: Vec<u64>,
    error: Option<io::Error>,
}

impl Wave {
    /// Writes the header: `scopes` are the chosen instances, each with everything below it.
    pub(crate) fn open(sink: Box<dyn Write + Send>, hierarchy: &Hierarchy, scopes: &[usize]) -> io::Result<Wave> {
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
        let mut writer = vcd::Writer::new(sink);
        writer.version("myelin-sim")?;
        writer.timescale(1, TimescaleUnit::NS)?;
        writer.add_module(&hierarchy.places[0].name)?;
        let clock = writer.add_wire(1, "clk_i")?;
        let reset = Trace { id: writer.add_wire(1, "rst_ni")?, width: 1, shown: None };
        let mut wave =
            Wave { writer, clock, reset, nodes: Vec::new(), traces: Vec::new(), values: Vec::new(), error: None };
        wave.define(hierarchy, &shown, 0)?;
        wave.writer.upscope()?;
        wave.writer.enddefinitions()?;
        wave.values = vec![0; wave.nodes.len()];
        Ok(wave)
    }

    /// The values to be watched by the engine.
    pub(crate) fn nodes(&self) -> &[FlatNode] {
        &self.nodes
    }

    /// Declares the contents of an open scope. The depth of recursion is that of the design.
    fn define(&mut self, hierarchy: &Hierarchy, shown: &[Content], place: usize) -> io::Result<()> {
        if shown[place] == Content::Signals {
            let mut taken: HashSet<String> = HashSet::from(["clk_i".to_owned(), "rst_ni".to_owned()]);
            for (node, name, kind) in signals(hierarchy, place) {
                let mut unique = name.clone();
                let mut suffix = 1;
                while !taken.insert(unique.clone()) {
                    suffix += 1;
                    unique = format!("{name}_{suffix}");
                }
                let width = hierarchy.module(place).node(node).ty.width();
                let id = self.writer.add_var(kind, width, &unique, None)?;
                self.traces.push(Trace { id, width, shown: None });
                self.nodes.push(FlatNode { place, node });
            }
        }
        for &child in hierarchy.places[place].children.iter().filter(|&&child| shown[child] != Content::Nothing) {
            self.writer.add_module(&hierarchy.places[child].name)?;
            self.define(hierarchy, shown, child)?;
            self.writer.upscope()?;
        }
        Ok(())
    }

    /// Shows cycle `cycle` as it has settled. An I/O error ends the tracing and is kept for [`Wave::close`].
    pub(crate) fn sample(&mut self, core: &mut dyn Core, cycle: u64, reset: Reset) {
        if self.error.is_none() {
            core.watched(&mut self.values);
            self.error = self.write(cycle, reset).err();
        }
    }

    fn write(&mut self, cycle: u64, reset: Reset) -> io::Result<()> {
        self.writer.timestamp(cycle * CYCLE_TIME)?;
        self.writer.change_scalar(self.clock, Value::V1)?;
        self.reset.show(&mut self.writer, u64::from(reset == Reset::Inactive))?;
        for (trace, &value) in self.traces.iter_mut().zip(&self.values) {
            trace.show(&mut self.writer, value)?;
        }
        self.writer.timestamp(cycle * CYCLE_TIME + CYCLE_TIME / 2)?;
        self.writer.change_scalar(self.clock, Value::V0)
    }

    /// Shows the last cycle, ends the file and flushes it.
    pub(crate) fn close(mut self, core: &mut dyn Core, cycle: u64, reset: Reset) -> io::Result<()> {
        self.sample(core, cycle, reset);
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        self.writer.timestamp((cycle + 1) * CYCLE_TIME)?;
        self.writer.flush()
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

impl Trace {
    fn show(&mut self, writer: &mut vcd::Writer<Box<dyn Write + Send>>, value: u64) -> io::Result<()> {
        if self.shown == Some(value) {
            return Ok(());
        }
        self.shown = Some(value);
        if self.width == 1 {
            writer.change_scalar(self.id, value == 1)
        } else {
            writer.change_vector(self.id, (0..self.width).rev().map(|bit| Value::from(value >> bit & 1 == 1)))
        }
    }
}

/// Ports, registers and named values of an instance, each value once.
fn signals(hierarchy: &Hierarchy, place: usize) -> Vec<(NodeId, String, VarType)> {
    let module = hierarchy.module(place);
    let ids = || (0..module.nodes.len()).map(|index| NodeId(index as u32));
    let mut found = Vec::new();
    let mut state = HashSet::new();
    for id in ids() {
        if let Op::Input(index) = module.node(id).op {
            found.push((id, module.inputs[index].name.clone(), VarType::Wire));
            state.insert(id);
        }
    }
    found.extend(module.outputs.iter().map(|port| (port.node, port.name.clone(), VarType::Wire)));
    for id in ids() {
        if let Op::RegisterQ(index) = module.node(id).op {
            found.push((id, module.registers[index].name.clone(), VarType::Reg));
            state.insert(id);
        }
    }
    for id in ids().filter(|id| !state.contains(id)) {
        if let Some(name) = &module.node(id).name {
            found.push((id, name.clone(), VarType::Wire));
        }
    }
    found
}
