//! The symbol with its meaning: operators, shapes and precisions, checked in the runtime's order.

use std::collections::{BTreeMap, BTreeSet};

use super::operator::Operator;
use super::symbol::{Node as RawNode, NodeKind, Reference, Symbol};
use crate::{Class, Error, Precision, checked_element_count};

/// Most bytes all storages of a model may take together.
pub(super) const STORAGE_BYTES_MAX: u64 = 1 << 32;

/// A checked graph: every reference points backwards, every shape and precision is the right one.
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) entries: Vec<Entry>,
    /// The entries that are the model's outputs; `None` points nowhere, see [`Graph::check_heads`].
    pub(super) heads: Vec<Option<usize>>,
    pub(super) version: String,
    pub(super) postprocess: String,
}

/// A variable or an operator; its outputs are consecutive entries.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    /// `None` for a variable.
    pub(super) operator: Option<Operator>,
    /// Entries read.
    pub(super) inputs: Vec<usize>,
    /// First entry written.
    pub(super) entry: usize,
}

/// One output of one node.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) shape: Vec<usize>,
    pub(super) precision: Precision,
    pub(super) storage: u32,
}

impl Entry {
    pub(super) fn element_count(&self) -> usize {
        self.shape.iter().product()
    }
}

impl Node {
    pub(super) fn output_count(&self) -> usize {
        self.operator.as_ref().map_or(1, Operator::output_count)
    }
}

impl Graph {
    /// Checks a symbol.
    pub(super) fn build(symbol: Symbol) -> Result<Graph, Error> {
        check_names(&symbol)?;
        let lists = &symbol.attrs;
        check_length("op_attrs", lists.op_attrs.len(), symbol.nodes.len())?;
        let mut nodes = Vec::with_capacity(symbol.nodes.len());
        let mut entry_count = 0;
        // The runtime reads the texts of all attributes before it checks the value of any.
        let mut value_error = None;
        for (raw, attributes) in symbol.nodes.iter().zip(&lists.op_attrs) {
            let operator = match raw.kind {
                NodeKind::Variable => None,
                NodeKind::Operator => match read_operator(raw, attributes) {
                    Ok(operator) => Some(operator),
                    Err(error) if error.class() == Class::Logic => {
                        value_error.get_or_insert(error);
                        continue;
                    }
                    Err(error) => return Err(error),
                },
            };
            let (name, inputs) = (raw.name.clone(), Vec::new());
            nodes.push(Node { name, operator, inputs, entry: entry_count });
            entry_count += nodes[nodes.len() - 1].output_count();
        }
        if let Some(error) = value_error {
            return Err(error);
        }
        for (nid, raw) in symbol.nodes.iter().enumerate() {
            let limit = nodes.len();
            let inputs = raw.inputs.iter().map(|&reference| {
                let index = reference.node as usize;
                let missing = Error::Reference { list: "inputs", index, limit };
                resolve(&nodes, reference, entry_count).ok_or(missing)
            });
            nodes[nid].inputs = inputs.collect::<Result<_, _>>()?;
        }
        let storages = check_storages(&nodes, &lists.storage_id, entry_count)?;
        let shapes = check_shapes(&lists.shape, entry_count)?;
        let precisions = check_precisions(&lists.precision, entry_count)?;
        check_length("device_index", lists.device_index.len(), 0)?;
        check_version(&symbol, &nodes, entry_count)?;
        for node in &nodes {
            for &input in &node.inputs {
                if input >= node.entry {
                    let (list, limit) = ("inputs", node.entry);
                    return Err(Error::Reference { list, index: input, limit });
                }
            }
        }
        infer_shapes(&nodes, &shapes)?;
        let precisions = infer_precisions(&nodes, &shapes, &precisions)?;
        let entries = shapes.into_iter().zip(precisions).zip(storages);
        let entries = entries.map(|((shape, precision), storage)| Entry { shape, precision, storage });
        let heads = symbol.heads.iter().map(|&head| resolve(&nodes, head, entry_count)).collect();
        // The runtime keeps 32 characters of either.
        let version = symbol.version.chars().take(32).collect();
        let postprocess = symbol.postprocess.chars().take(32).collect();
        Ok(Graph { entries: entries.collect(), heads, version, postprocess, nodes })
    }

    /// The heads as entries; there must be one at least.
    pub(super) fn check_heads(&self) -> Result<Vec<usize>, Error> {
        if self.heads.is_empty() {
            return Err(Error::NoHeads);
        }
        let limit = self.heads.len();
        let heads = self.heads.iter().enumerate();
        heads.map(|(index, head)| head.ok_or(Error::Reference { list: "heads", index, limit })).collect()
    }

    /// Bytes of all storages: each as large as the largest entry it holds.
    pub(super) fn storage_bytes(&self) -> Result<u64, Error> {
        let mut sizes = BTreeMap::new();
        for entry in &self.entries {
            let size = sizes.entry(entry.storage).or_insert(0);
            *size = entry.element_count().max(*size);
        }
        // At most 2^30 elements per entry, one entry per few bytes of symbol: no overflow.
        let found = sizes.values().map(|&count| 4 * count as u64).sum();
        if found > STORAGE_BYTES_MAX {
            return Err(Error::Limit { total: "storage bytes", found, limit: STORAGE_BYTES_MAX });
        }
        Ok(found)
    }
}

/// The flat index of an output entry. As in the runtime, an index past a node's outputs reaches the
/// next node's.
fn resolve(nodes: &[Node], reference: Reference, entry_count: usize) -> Option<usize> {
    let entry = nodes.get(reference.node as usize)?.entry + reference.index as usize;
    (entry < entry_count).then_some(entry)
}

fn check_names(symbol: &Symbol) -> Result<(), Error> {
    let mut names = BTreeSet::new();
    for node in symbol.nodes.iter().filter(|node| node.kind == NodeKind::Variable) {
        if !names.insert(&node.name) {
            return Err(Error::DuplicateName { name: node.name.clone() });
        }
    }
    Ok(())
}

fn read_operator(raw: &RawNode, attributes: &str) -> Result<Operator, Error> {
    let name = match raw.func_name.rsplit_once('_') {
        Some((name, suffix)) if suffix.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => &raw.func_name,
    };
    let operator = Operator::read(name, attributes)?;
    let found = raw.inputs.len();
    let expected = operator.input_count().unwrap_or(found);
    if found != expected {
        return Err(Error::InputCount { operator: operator.name(), expected, found });
    }
    Ok(operator)
}

fn check_length(list: &'static str, found: usize, expected: usize) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(Error::ListLength { list, expected, found }) }
}

fn check_storages(nodes: &[Node], stated: &[i32], entry_count: usize) -> Result<Vec<u32>, Error> {
    check_length("storage_id", stated.len(), entry_count)?;
    let mut ids = Vec::with_capacity(entry_count);
    for &id in stated {
        let id = u32::try_from(id).map_err(|_| Error::StorageId { id: i64::from(id) })?;
        ids.push(id);
    }
    for node in nodes {
        let Some(operator) = node.operator.as_ref().filter(|op| !op.may_work_in_place()) else {
            continue;
        };
        for output in node.entry..node.entry + node.output_count() {
            for &input in &node.inputs {
                if ids[input] == ids[output] {
                    let (operator, id) = (operator.name(), ids[output]);
                    return Err(Error::StorageShared { operator, id });
                }
            }
        }
    }
    Ok(ids)
}

fn check_shapes(stated: &[Vec<i64>], entry_count: usize) -> Result<Vec<Vec<usize>>, Error> {
    check_length("shape", stated.len(), entry_count)?;
    let mut shapes = Vec::with_capacity(entry_count);
    for stated in stated {
        let shape: Result<Vec<usize>, _> = stated.iter().map(|&d| usize::try_from(d)).collect();
        let rule = "a dimension must be 1 to 2^24";
        let shape = shape.map_err(|_| Error::Shape { rule, shape: stated.clone() })?;
        checked_element_count(&shape)?;
        shapes.push(shape);
    }
    Ok(shapes)
}

/// `None` where the symbol says -1: to be inferred.
fn check_precisions(stated: &[i32], entry_count: usize) -> Result<Vec<Option<Precision>>, Error> {
    check_length("precision", stated.len(), entry_count)?;
    let read = |&bits: &i32| match bits {
        -1 => Ok(None),
        bits => Precision::new(i64::from(bits)).map(Some),
    };
    stated.iter().map(read).collect()
}

/// Version 1.0.0 repeats what follows from the nodes, and the repetition must be right.
fn check_version(symbol: &Symbol, nodes: &[Node], entry_count: usize) -> Result<(), Error> {
    match symbol.version.as_str() {
        "cvm_1.1.0" => return Ok(()),
        "cvm_1.0.0" => {}
        _ => return Err(Error::Version { version: symbol.version.clone() }),
    }
    let dltype = &symbol.attrs.dltype;
    check_length("dltype", dltype.len(), entry_count)?;
    if let Some(index) = dltype.iter().position(|name| name != "int32") {
        return Err(Error::Redundant { list: "dltype", index });
    }
    let mut row_ptr: Vec<usize> = nodes.iter().map(|node| node.entry).collect();
    row_ptr.push(entry_count);
    let variables = nodes.iter().enumerate().filter(|(_, node)| node.operator.is_none());
    let variables: Vec<usize> = variables.map(|(nid, _)| nid).collect();
    let repeated = [("node_row_ptr", &symbol.node_row_ptr, row_ptr), ("arg_nodes", &symbol.arg_nodes, variables)];
    for (list, stated, right) in repeated {
        check_length(list, stated.len(), right.len())?;
        for (index, (&stated, &right)) in stated.iter().zip(&right).enumerate() {
            if stated as usize != right {
                return Err(Error::Redundant { list, index });
            }
        }
    }
    Ok(())
}

fn infer_shapes(nodes: &[Node], shapes: &[Vec<usize>]) -> Result<(), Error> {
    for node in nodes {
        let Some(operator) = &node.operator else { continue };
        let inputs: Vec<&[usize]> = node.inputs.iter().map(|&entry| &shapes[entry][..]).collect();
        for (output, inferred) in operator.infer_shapes(&inputs)?.into_iter().enumerate() {
            let stated = &shapes[node.entry + output];
            if *stated != inferred {
                let (operator, stated) = (operator.name(), stated.clone());
                return Err(Error::StatedShape { operator, stated, inferred });
            }
        }
    }
    Ok(())
}

/// The precision of every entry: stated for variables, inferred (whatever is stated) for operators.
fn infer_precisions(
    nodes: &[Node],
    shapes: &[Vec<usize>],
    stated: &[Option<Precision>],
) -> Result<Vec<Precision>, Error> {
    let mut precisions = Vec::with_capacity(stated.len());
    for node in nodes {
        match &node.operator {
            None => precisions.push(stated[node.entry].ok_or(Error::Precision { bits: -1 })?),
            Some(operator) => {
                let inputs: Vec<Precision> = node.inputs.iter().map(|&entry| precisions[entry]).collect();
                let input_shapes: Vec<&[usize]> = node.inputs.iter().map(|&entry| &shapes[entry][..]).collect();
                let output_shape = &shapes[node.entry];
                let inferred = super::precision::infer(operator, &inputs, &input_shapes, output_shape)?;
                precisions.extend(inferred);
            }
        }
    }
    Ok(precisions)
}
