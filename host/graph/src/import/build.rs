//! From the symbol's lists to a graph, through the builder.

use super::Limits;
use super::error::{ImportError, ImportFault, Place};
use super::operators;
use super::symbol::{Entry, RawNode, RawSymbol, shortened};
use crate::builder::GraphBuilder;
use crate::error::{ErrorClass, GraphFault};
use crate::graph::{FormatVersion, Graph, Postprocess, ValueId};
use crate::shape::Shape;
use std::collections::HashSet;

/// A graph whose parameters have no data yet.
#[derive(Debug)]
pub(super) struct Skeleton {
    pub(super) builder: GraphBuilder,
    heads: Result<Vec<ValueId>, ImportError>,
    postprocess: Postprocess,
}

impl Skeleton {
    /// Checks what the chain checks before it reads the parameters.
    pub(super) fn check(&self) -> Result<(), ImportError> {
        let heads = self.heads.as_ref().map_err(Clone::clone)?;
        Ok(self.builder.check_whole(heads).map(drop)?)
    }

    pub(super) fn finish(self) -> Result<Graph, ImportError> {
        Ok(self.builder.finish(self.heads?, self.postprocess)?)
    }
}

/// Builds everything but the parameters' data, in the chain's order of checks.
pub(super) fn skeleton(s: &RawSymbol, limits: &Limits) -> Result<Skeleton, ImportError> {
    check_names(s)?;
    check_texts(s)?;
    let mut outputs = OutputTable::new();
    for (index, node) in s.nodes.iter().enumerate() {
        outputs.add(output_count(s, index, node)?);
    }
    check_lists(s, &outputs, limits)?;
    let version = check_version(s, &outputs)?;
    let mut builder = GraphBuilder::new();
    builder.set_version(version);
    for (index, node) in s.nodes.iter().enumerate() {
        add(&mut builder, s, &outputs, index, node)?;
    }
    // A fault in the heads is not one of the gas phase, so it waits.
    let heads = s.heads.iter().enumerate().map(|(i, &head)| {
        let place = || Place::List { section: "heads", index: Some(i) };
        outputs.value(head, outputs.total()).map_err(|fault| fault.at(place()))
    });
    let heads = heads.collect();
    Ok(Skeleton { builder, heads, postprocess: Postprocess::from(s.text(s.postprocess)) })
}

fn place(s: &RawSymbol, index: usize, node: &RawNode) -> Place {
    Place::Node { index, name: s.text(node.name).to_owned() }
}

fn list(section: &'static str, index: Option<usize>) -> Place {
    Place::List { section, index }
}

/// No two variables may have one name, whether or not `arg_nodes` lists them.
fn check_names(s: &RawSymbol) -> Result<(), ImportError> {
    let mut names = HashSet::new();
    for (index, node) in s.nodes.iter().enumerate().filter(|(_, n)| n.is_null) {
        let name = s.text(node.name);
        if !names.insert(name) {
            let fault = GraphFault::DuplicateName { name: shortened(name) };
            return Err(ImportFault::Graph(fault).at(place(s, index, node)));
        }
    }
    Ok(())
}

/// Parses all operators' attributes for their form alone: a text that cannot be read is reported
/// before any shape that does not fit.
fn check_texts(s: &RawSymbol) -> Result<(), ImportError> {
    let (expected, found) = (s.nodes.len(), s.op_attrs.len());
    if expected != found {
        return Err(ImportFault::Length { expected, found }.at(list("attrs.op_attrs", None)));
    }
    for (index, (node, &text)) in s.nodes.iter().zip(&s.op_attrs).enumerate() {
        if node.is_null {
            continue;
        }
        if let Err(fault) = operators::parse(s.text(node.func_name), s.text(text))
            && fault.class() == ErrorClass::Runtime
        {
            return Err(fault.at(place(s, index, node)));
        }
    }
    Ok(())
}

fn output_count(s: &RawSymbol, index: usize, node: &RawNode) -> Result<u32, ImportError> {
    if node.is_null {
        return Ok(1);
    }
    let text = s.text(s.op_attrs[index]);
    let raw = operators::parse(s.text(node.func_name), text);
    let raw = raw.map_err(|fault| fault.at(place(s, index, node)))?;
    let found = node.inputs.of(&s.inputs).len();
    let expected = raw.operand_count().unwrap_or(found.max(1));
    if found != expected {
        let op = raw.name();
        return Err(ImportFault::Graph(GraphFault::InputCount { op, expected, found }).at(place(s, index, node)));
    }
    Ok(raw.output_count())
}

/// The first value of each node, and one past the last.
struct OutputTable(Vec<u32>);

impl OutputTable {
    fn new() -> Self {
        Self(vec![0])
    }

    fn add(&mut self, count: u32) {
        self.0.push(self.total() + count);
    }

    fn total(&self) -> u32 {
        *self.0.last().expect("invariant: the table starts with a 0")
    }

    /// The value an entry refers to, if it is one of the first `end`. As on the chain, an output
    /// past a node's last is the following node's.
    fn value(&self, entry: Entry, end: u32) -> Result<ValueId, ImportFault> {
        let Entry { node, output } = entry;
        let value = self.0.get(node as usize).and_then(|first| first.checked_add(output));
        value.filter(|&v| v < end).map(ValueId).ok_or(ImportFault::Reference { node, output })
    }
}

/// Lengths and ranges of the lists with one element for each value.
fn check_lists(s: &RawSymbol, outputs: &OutputTable, limits: &Limits) -> Result<(), ImportError> {
    let expected = outputs.total() as usize;
    for (section, found) in [
        ("attrs.storage_id", s.storage_id.len()),
        ("attrs.shape", s.shapes.len()),
        ("attrs.precision", s.precision.len()),
    ] {
        if found != expected {
            return Err(ImportFault::Length { expected, found }.at(list(section, None)));
        }
    }
    for (i, &id) in s.storage_id.iter().enumerate() {
        let fault = match u32::try_from(id) {
            Ok(id) if id <= limits.storage_id => continue,
            Ok(id) => {
                let (found, max) = (u64::from(id), u64::from(limits.storage_id));
                ImportFault::TooLarge { what: "storage id", found, max }
            }
            Err(_) => ImportFault::Negative { found: i64::from(id), min: 0 },
        };
        return Err(fault.at(list("attrs.storage_id", Some(i))));
    }
    for (i, range) in s.shapes.iter().enumerate() {
        let checked = declared_shape(range.of(&s.dims));
        checked.map_err(|fault| fault.at(list("attrs.shape", Some(i))))?;
    }
    for (i, &bits) in s.precision.iter().enumerate() {
        if bits != -1 && !(1..=32).contains(&bits) {
            let fault = ImportFault::Graph(GraphFault::Precision { found: i64::from(bits) });
            return Err(fault.at(list("attrs.precision", Some(i))));
        }
    }
    if s.device_index_count != 0 {
        let fault = ImportFault::Length { expected: 0, found: s.device_index_count };
        return Err(fault.at(list("attrs.device_index", None)));
    }
    // Looked up by the chain before it knows the version, so it must make sense in both.
    for (i, &node) in s.arg_nodes.iter().enumerate() {
        if node as usize >= s.nodes.len() {
            let fault = ImportFault::Reference { node, output: 0 };
            return Err(fault.at(list("arg_nodes", Some(i))));
        }
    }
    Ok(())
}

fn declared_shape(dims: &[i64]) -> Result<Shape, ImportFault> {
    let natural = |&dim: &i64| usize::try_from(dim).map_err(|_| ImportFault::Negative { found: dim, min: 1 });
    // One axis too many is enough to be refused for it.
    let dims = &dims[..dims.len().min(crate::shape::RANK_MAX + 1)];
    let dims = dims.iter().map(natural).collect::<Result<Vec<_>, _>>()?;
    Shape::checked(&dims).map_err(ImportFault::Graph)
}

/// Version 1.0.0 repeats what can be computed, and must be right.
fn check_version(s: &RawSymbol, outputs: &OutputTable) -> Result<FormatVersion, ImportError> {
    match s.version.map_or("cvm_1.0.0", |span| s.text(span)) {
        "cvm_1.0.0" => (),
        "cvm_1.1.0" => return Ok(FormatVersion::V1_1),
        other => {
            let fault = ImportFault::Version { found: shortened(other) };
            return Err(fault.at(list("version", None)));
        }
    }
    let (expected, found) = (outputs.total() as usize, s.dltype.len());
    if expected != found {
        return Err(ImportFault::Length { expected, found }.at(list("attrs.dltype", None)));
    }
    for (i, &span) in s.dltype.iter().enumerate() {
        let found = s.text(span);
        if found != "int32" {
            let found = shortened(found);
            let fault = ImportFault::Word { what: "element type", expected: "int32", found };
            return Err(fault.at(list("attrs.dltype", Some(i))));
        }
    }
    check_same("node_row_ptr", outputs.0.iter().copied(), &s.node_row_ptr)?;
    let variables = s.nodes.iter().enumerate().filter(|(_, n)| n.is_null);
    check_same("arg_nodes", variables.map(|(i, _)| i as u32), &s.arg_nodes)?;
    Ok(FormatVersion::V1_0)
}

fn check_same(
    section: &'static str,
    computed: impl Iterator<Item = u32> + Clone,
    declared: &[u32],
) -> Result<(), ImportError> {
    let (expected, found) = (computed.clone().count(), declared.len());
    if expected != found {
        return Err(ImportFault::Length { expected, found }.at(list(section, None)));
    }
    for (i, (expected, &found)) in computed.zip(declared).enumerate() {
        if expected != found {
            let (expected, found) = (u64::from(expected), u64::from(found));
            let fault = ImportFault::Contradiction { expected, found };
            return Err(fault.at(list(section, Some(i))));
        }
    }
    Ok(())
}

fn add(
    builder: &mut GraphBuilder,
    s: &RawSymbol,
    outputs: &OutputTable,
    index: usize,
    node: &RawNode,
) -> Result<(), ImportError> {
    let name = s.text(node.name);
    let at = |fault: ImportFault| fault.at(place(s, index, node));
    let end = outputs.0[index];
    let first = end as usize;
    let declared = |output: usize| declared_shape(s.shapes[first + output].of(&s.dims));
    let inputs = node.inputs.of(&s.inputs).iter().map(|&entry| outputs.value(entry, end));
    let inputs = inputs.collect::<Result<Vec<_>, _>>().map_err(at)?;
    if node.is_null {
        let shape = declared(0).map_err(at)?;
        let precision = i64::from(s.precision[first]);
        builder.declare_variable(name, &shape, precision, s.storage_id[first] as u32)?;
        return Ok(());
    }
    let raw = operators::parse(s.text(node.func_name), s.text(s.op_attrs[index])).map_err(at)?;
    let shapes: Vec<&Shape> = inputs.iter().map(|&v| &builder.value(v).shape).collect();
    let op = raw.resolve(&shapes).map_err(|fault| at(ImportFault::Graph(fault)))?;
    let storages: Vec<u32> = (first..first + op.output_count()).map(|v| s.storage_id[v] as u32).collect();
    let results = builder.apply_stored(name, op, &inputs, &storages)?;
    for (output, result) in results.into_iter().enumerate() {
        let inferred = &builder.value(result).shape;
        let declared = declared(output).map_err(at)?;
        if *inferred != declared {
            let inferred = inferred.clone();
            return Err(at(ImportFault::DeclaredShape { output, inferred, declared }));
        }
    }
    Ok(())
}
