//! One module: header, ports, values, children.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use crate::design::Design;
use crate::ir::{Module, Op, SourceLocation};
use crate::ty::Ty;

use super::emit::{Options, SimulationChecks, SourceComments};
use super::live::{Place, Plan};
use super::names::Names;
use super::signals::{Part, SignalId, Signals};
use super::text::{Shape, comment, range, source};
use super::values::Value;

/// The text of one module in the making.
pub(super) struct Body<'a> {
    pub(super) design: &'a Design,
    pub(super) module: &'a Module,
    pub(super) options: Options,
    pub(super) plan: Plan,
    pub(super) names: Names,
    pub(super) signals: Signals,
    /// Text so far.
    pub(super) out: String,
    /// For each check, its label.
    pub(super) labels: Vec<String>,
    pub(super) registers: Vec<SignalId>,
    /// For each memory and read port, the word it answers.
    pub(super) reads: Vec<Vec<SignalId>>,
    pub(super) clock: Option<SignalId>,
    pub(super) reset: Option<SignalId>,
    pub(super) inputs: Vec<SignalId>,
    /// For each instance and output, the wire connected.
    pub(super) instance_outputs: Vec<Vec<SignalId>>,
    pub(super) node_names: Vec<Option<String>>,
    pub(super) values: Vec<Option<Value>>,
    pub(super) extensions: HashMap<(Part, Shape), SignalId>,
    /// Asynchronous read ports (memory, port) written so far.
    pub(super) answered: HashSet<(usize, usize)>,
}

impl<'a> Body<'a> {
    pub(super) fn new(design: &'a Design, module: &'a Module, options: Options) -> Body<'a> {
        let simulated = options.simulation_checks == SimulationChecks::Emit;
        let checked = module.checks.iter().filter(|check| simulated && super::checks::is_simulated(check));
        let plan = Plan::of(module, checked.map(|check| check.condition));
        let mut names = Names::of(module);
        let mut signals = Signals::default();
        let mut single = |name: &str| signals.declare(name.to_owned(), Ty::BIT.into());
        let clock = module.has_clock.then(|| single("clk_i"));
        let reset = module.has_reset.then(|| single("rst_ni"));
        let inputs = module.inputs.iter().map(|port| signals.declare(port.name.clone(), port.ty.into())).collect();
        let registers = module.registers.iter().map(|reg| signals.declare(reg.name.clone(), reg.ty.into())).collect();
        let read_names = names.memory_reads(module);
        let mut reads = Vec::new();
        for (memory, names) in module.memories.iter().zip(read_names) {
            let word = Shape { width: memory.lanes as u32 * memory.lane_ty.width(), signed: false };
            let shape = if memory.lanes == 1 { memory.lane_ty.into() } else { word };
            reads.push(names.into_iter().map(|name| signals.declare(name, shape)).collect());
        }
        let labels = module.checks.iter().map(|check| names.unique(&check.name)).collect();
        let mut body = Body {
            design,
            module,
            options,
            plan,
            names,
            signals,
            out: String::new(),
            labels,
            registers,
            reads,
            clock,
            reset,
            inputs,
            instance_outputs: Vec::new(),
            node_names: Vec::new(),
            values: vec![None; module.nodes.len()],
            extensions: HashMap::new(),
            answered: HashSet::new(),
        };
        body.node_names = (0..module.nodes.len()).map(|index| body.given_name(index)).collect();
        body
    }

    /// The whole text.
    pub(super) fn text(mut self) -> String {
        self.header();
        self.declare_state();
        self.declare_instance_outputs();
        self.section(|body| body.values_of(Place::Body));
        for index in 0..self.module.instances.len() {
            self.section(|body| body.instance(index));
        }
        self.section(Body::clocked_registers);
        for index in 0..self.module.memories.len() {
            self.section(|body| body.clocked_memory(index));
        }
        self.section(Body::outputs);
        self.section(Body::simulation_checks);
        self.section(Body::unread_by_body);
        self.section(Body::formal_checks);
        self.out.push_str("endmodule\n`default_nettype wire\n");
        self.out
    }

    /// Runs `write` and ends what it wrote, if anything, with an empty line.
    pub(super) fn section(&mut self, write: impl FnOnce(&mut Self)) {
        let before = self.out.len();
        write(self);
        if self.out.len() > before {
            self.out.push('\n');
        }
    }

    /// Adds one line of code with its place in the source.
    pub(super) fn line(&mut self, code: &str, location: SourceLocation) {
        match self.options.source_comments {
            SourceComments::Emit => _ = writeln!(self.out, "  {code}  // {}", source(location)),
            SourceComments::Omit => _ = writeln!(self.out, "  {code}"),
        }
    }

    fn header(&mut self) {
        let name = self.design.emitted_name(self.module);
        _ = writeln!(self.out, "// {name}: generated by Myelin, not written by hand.");
        if !self.module.doc.is_empty() {
            self.out.push_str("//\n");
            self.out.push_str(&comment(&self.module.doc));
        }
        let inputs = self.module.inputs.iter().map(|port| ("input  wire ", port.name.as_str(), port.ty));
        let outputs = self.module.outputs.iter().map(|port| ("output wire ", port.name.as_str(), port.ty));
        let clock = self.clock.map(|_| ("input  wire ", "clk_i", Ty::BIT));
        let reset = self.reset.map(|_| ("input  wire ", "rst_ni", Ty::BIT));
        let ports: Vec<_> = clock.into_iter().chain(reset).chain(inputs).chain(outputs).collect();
        let types: Vec<String> = ports.iter().map(|port| Shape::from(port.2).declaration()).collect();
        let longest = types.iter().map(String::len).max().unwrap_or(0);
        let lines: Vec<String> = ports
            .iter()
            .zip(&types)
            .map(|((direction, name, _), ty)| format!("  {direction}{ty:longest$}{name}"))
            .collect();
        _ = write!(self.out, "`default_nettype none\nmodule {name} (\n{}\n);\n\n", lines.join(",\n"));
    }

    /// The name a node got in the source, made unique, where the text needs it.
    fn given_name(&mut self, index: usize) -> Option<String> {
        let node = &self.module.nodes[index];
        let name = node.name.as_deref()?;
        let declared = match node.op {
            Op::Input(input) => Some(&self.module.inputs[input].name),
            Op::RegisterQ(register) => Some(&self.module.registers[register].name),
            _ => None,
        };
        let needed = self.plan.places[index] != Place::Nowhere && declared.is_none_or(|declared| declared != name);
        needed.then(|| self.names.unique(name))
    }

    /// Declares a wire for every output of every child.
    fn declare_instance_outputs(&mut self) {
        let module = self.module;
        let mut nodes = HashMap::new();
        for (index, node) in module.nodes.iter().enumerate() {
            if let Op::InstanceOutput { instance, output } = node.op
                && self.plan.places[index] != Place::Nowhere
            {
                nodes.entry((instance, output)).or_insert(index);
            }
        }
        self.section(|body| {
            for (instance_index, instance) in module.instances.iter().enumerate() {
                let mut wires = Vec::new();
                for (output, port) in instance.module.outputs.iter().enumerate() {
                    let node = nodes.get(&(instance_index, output));
                    let name = match node.map(|&node| body.node_names[node].clone()) {
                        Some(Some(name)) => name,
                        Some(None) => body.names.unique(&format!("{}_{}", instance.name, port.name)),
                        None => body.names.unique(&format!("unused_{}_{}", instance.name, port.name)),
                    };
                    let wire = body.signals.declare(name, port.ty.into());
                    let declaration =
                        format!("wire {}{};", Shape::from(port.ty).declaration(), body.signals.name(wire));
                    if node.is_none() {
                        body.signals.read_all(wire);
                    }
                    body.line(&declaration, instance.location);
                    wires.push(wire);
                }
                body.instance_outputs.push(wires);
            }
        });
    }

    fn instance(&mut self, index: usize) {
        let instance = &self.module.instances[index];
        let child = &*instance.module;
        self.line(&format!("{} {} (", self.design.emitted_name(child), instance.name), instance.location);
        let mut ports = Vec::new();
        if child.has_clock {
            ports.push(("clk_i", self.clock_text()));
        }
        if child.has_reset {
            ports.push(("rst_ni", self.reset_text()));
        }
        for (port, &driver) in child.inputs.iter().zip(&instance.inputs) {
            ports.push((&port.name, self.same(driver)));
        }
        for (port, &wire) in child.outputs.iter().zip(&self.instance_outputs[index]) {
            ports.push((&port.name, self.signals.name(wire).to_owned()));
        }
        let lines: Vec<String> = ports.iter().map(|(port, value)| format!("    .{port}({value})")).collect();
        _ = write!(self.out, "{}\n  );\n", lines.join(",\n"));
    }

    fn outputs(&mut self) {
        for output in &self.module.outputs {
            let text = self.same(output.node);
            _ = writeln!(self.out, "  assign {} = {text};", output.name);
        }
    }

    pub(super) fn clock_text(&mut self) -> String {
        self.implicit(self.clock)
    }

    pub(super) fn reset_text(&mut self) -> String {
        self.implicit(self.reset)
    }

    fn implicit(&mut self, signal: Option<SignalId>) -> String {
        let signal = signal.expect("a module with clocked or reset parts has clock and reset");
        self.signals.read_all(signal);
        self.signals.name(signal).to_owned()
    }

    /// Gathers what nothing in the body reads; for it, checks read nothing.
    fn unread_by_body(&mut self) {
        let memories = self.module.memories.iter().filter(|memory| memory.reads.is_empty());
        let words = memories.map(|memory| format!("{}[0]", memory.name)).collect();
        self.unread("unused_ok", words);
    }

    /// Gathers signals that nothing has read so far, and `others`, so that a linter still finds
    /// what is unread by mistake elsewhere.
    pub(super) fn unread(&mut self, wanted: &str, others: Vec<String>) {
        let parts = [self.signals.take_unread(), others].concat();
        if parts.is_empty() {
            return;
        }
        let mut lines = vec![String::new()];
        for part in parts {
            let last = lines.last_mut().expect("never empty");
            if last.len() + part.len() > 100 {
                lines.push(format!("{part}, "));
            } else {
                _ = write!(last, "{part}, ");
            }
        }
        let name = self.names.unique(wanted);
        let list = lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n    ");
        _ = write!(self.out, "  // Read by nothing in this module.\n  wire {name} = &{{1'b0, {list} 1'b0}};\n");
    }
}

/// The type of a memory's word for a declaration.
pub(super) fn word_range(lanes: usize, lane: Ty) -> String {
    if lanes == 1 { Shape::from(lane).declaration() } else { range(lanes as u32 * lane.width()) }
}
