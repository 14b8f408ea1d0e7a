//! A model in the chain's own format: read, checked, measured and run.

mod attributes;
mod gas;
mod graph;
mod operator;
mod output;
mod params;
mod precision;
mod read;
mod symbol;

use std::collections::BTreeMap;

use crate::{Error, Precision, Tensor};
use graph::Graph;
use operator::Operator;
pub use output::Output;
use output::Postprocess;
use symbol::Symbol;

/// The operation count of a symbol, without its params: what the chain charges gas for.
///
/// **Errors**: those of [`Model::parse`] that concern the graph, and [`Error::Limit`].
///
/// **Source**: cvm-runtime b5a2518, `CVMAPIGetGasFromGraphFile`.
pub fn operation_count(symbol: &[u8]) -> Result<u64, Error> {
    gas::operation_count(&Graph::build(Symbol::read(symbol)?)?)
}

/// A model in the chain's own format, checked and ready to run.
#[derive(Debug)]
pub struct Model {
    graph: Graph,
    heads: Vec<usize>,
    /// Entry of the variable `data`.
    data: usize,
    /// The shape inputs are taken in; see [`Model::input_shape`].
    input_shape: Vec<usize>,
    params: Vec<params::Param>,
    storage_bytes: u64,
    postprocess: Postprocess,
}

impl Model {
    /// Reads and checks a model from its symbol (JSON) and params (binary).
    ///
    /// **Errors**: what the official runtime refuses at loading, in its classes
    /// ([`Error::class`]). Of several faults, the one the runtime meets first in most cases, so the
    /// class is certain only for a single fault. Beyond the runtime's own refusals:
    /// [`Error::ParamsTruncated`], and weights that do not have conv2d's stated shape, where the
    /// runtime goes on with memory that is not the model's.
    ///
    /// **Source**: cvm-runtime b5a2518, `CVMAPILoadModel`.
    pub fn parse(symbol: &[u8], params: &[u8]) -> Result<Model, Error> {
        let graph = Graph::build(Symbol::read(symbol)?)?;
        let storage_bytes = graph.storage_bytes()?;
        let heads = graph.check_heads()?;
        let variables: Vec<_> = graph.nodes.iter().filter(|node| node.operator.is_none()).collect();
        let index = variables.iter().position(|node| node.name == "data").ok_or(Error::NoData)?;
        let data = variables[index].entry;
        let input_shape = graph.entries[index].shape.clone();
        let head_shapes: Vec<&[usize]> = heads.iter().map(|&head| &graph.entries[head].shape[..]).collect();
        check_output_bytes(&head_shapes)?;
        let widths = heads.iter().map(|&head| graph.entries[head].precision.bits());
        let bits_max = widths.max().ok_or(Error::NoHeads)?;
        let postprocess = Postprocess::new(&graph.postprocess, &head_shapes, bits_max);
        let params = params::read(&graph, params)?;
        Ok(Model { heads, data, input_shape, params, storage_bytes, postprocess, graph })
    }

    /// The answer to one input given as bytes, the way the C interface takes it.
    ///
    /// **Shapes and units**: [`Model::input_length`] bytes; per element one signed byte, or four
    /// little-endian, by [`Model::input_type_size`].
    /// **Numbers**: as [`Model::run_i32`].
    /// **Errors**: [`Error::InputLength`], and those of [`Model::run_i32`].
    pub fn run(&self, input: &[i8]) -> Result<Output, Error> {
        let expected = self.input_length();
        if input.len() != expected {
            return Err(Error::InputLength { unit: "bytes", expected, found: input.len() });
        }
        let values: Vec<i32> = if self.input_type_size() == 1 {
            input.iter().map(|&byte| i32::from(byte)).collect()
        } else {
            let words = input.chunks_exact(4).map(|c| [c[0], c[1], c[2], c[3]].map(|b| b as u8));
            words.map(i32::from_le_bytes).collect()
        };
        self.run_i32(&values)
    }

    /// The answer to one input given as values.
    ///
    /// **Numbers**: values beyond the input's precision are limited to it, not refused. Entries
    /// that share a storage overwrite each other as they do on the chain. Every run starts from
    /// the params as loaded; on the chain a model that overwrites its own params computes
    /// something else the second time.
    /// **Errors**: [`Error::InputLength`]; [`Error::NotOnCpu`] and [`Error::Undefined`] where the
    /// chain has no answer; [`Error::HeadRows`], [`Error::BoxCount`].
    ///
    /// **Source**: cvm-runtime b5a2518, `CVMAPIInference`, CPU device.
    pub fn run_i32(&self, input: &[i32]) -> Result<Output, Error> {
        let entry = &self.graph.entries[self.data];
        let expected = self.input_shape.iter().product();
        if input.len() != expected {
            return Err(Error::InputLength { unit: "elements", expected, found: input.len() });
        }
        if self.input_shape != entry.shape {
            let (stated, inferred) = (entry.shape.clone(), self.input_shape.clone());
            return Err(Error::StatedShape { operator: "data", stated, inferred });
        }
        let mut memory = Memory { storages: BTreeMap::new() };
        for (param, values) in &self.params {
            memory.write(&self.graph, *param, values);
        }
        let clipped: Vec<i32> = input.iter().map(|&x| entry.precision.clip(x)).collect();
        memory.write(&self.graph, self.data, &clipped);
        for node in &self.graph.nodes {
            let Some(operator) = &node.operator else { continue };
            let inputs = node.inputs.iter().map(|&entry| memory.read(&self.graph, entry));
            let mut inputs: Vec<Tensor> = inputs.collect();
            let outputs = operator.run(&mut inputs)?;
            if let Operator::NonMaxSuppression(_) = operator {
                memory.write(&self.graph, node.inputs[0], &inputs[0].data);
            }
            for (output, tensor) in outputs.into_iter().enumerate() {
                memory.write(&self.graph, node.entry + output, &tensor.data);
            }
        }
        let heads = self.heads.iter().map(|&head| memory.read(&self.graph, head));
        let heads: Vec<Tensor> = heads.collect();
        self.postprocess.check(&heads)?;
        Ok(Output::new(heads, &self.postprocess))
    }

    /// The shape of an input.
    ///
    /// The runtime looks it up by the place of `data` among the **variables** in a list that goes
    /// by entries. The two differ when an operator comes before `data`; such a model takes inputs
    /// of another entry's length, and can only run if that entry's shape is the same.
    pub fn input_shape(&self) -> &[usize] {
        &self.input_shape
    }

    /// The precision inputs are limited to.
    pub fn input_precision(&self) -> Precision {
        self.graph.entries[self.data].precision
    }

    /// Bytes per input element: 1 up to 8 bits of precision, else 4.
    pub fn input_type_size(&self) -> usize {
        if self.input_precision().bits() <= 8 { 1 } else { 4 }
    }

    /// Bytes of an input.
    pub fn input_length(&self) -> usize {
        self.input_shape.iter().product::<usize>() * self.input_type_size()
    }

    /// Bytes per output value: 1 if every head has 8 bits or fewer, else 4; 4 with `argmax` and
    /// `detection`.
    pub fn output_type_size(&self) -> usize {
        self.postprocess.type_size
    }

    /// Bytes of an output.
    pub fn output_length(&self) -> usize {
        self.postprocess.length
    }

    /// Bytes of all storages, what the chain's cache weighs a model by.
    pub fn storage_size(&self) -> u64 {
        self.storage_bytes
    }

    /// The operation count, what the chain charges gas for.
    ///
    /// **Errors**: [`Error::Limit`]: a model can be loaded whose gas cannot be counted.
    pub fn operation_count(&self) -> Result<u64, Error> {
        gas::operation_count(&self.graph)
    }

    /// The format version the symbol states, at most 32 characters.
    pub fn version(&self) -> &str {
        &self.graph.version
    }

    /// The post-processing the symbol states, at most 32 characters.
    pub fn postprocess(&self) -> &str {
        &self.graph.postprocess
    }
}

/// That the heads, of which one entry may be many, do not make up more than memory may hold. The
/// runtime has no limit of its own here; beyond this one its lengths overflow.
fn check_output_bytes(heads: &[&[usize]]) -> Result<(), Error> {
    let found = heads.iter().map(|head| 4 * head.iter().product::<usize>() as u64).sum();
    let limit = graph::STORAGE_BYTES_MAX;
    if found > limit { Err(Error::Limit { total: "output bytes", found, limit }) } else { Ok(()) }
}

/// The storages while a model runs. Entries are views from a storage's start.
struct Memory {
    storages: BTreeMap<u32, Vec<i32>>,
}

impl Memory {
    /// The entry's values. Every entry read has been written: inputs point backwards.
    fn read(&self, graph: &Graph, entry: usize) -> Tensor {
        let entry = &graph.entries[entry];
        let storage = self.storages.get(&entry.storage);
        let storage = storage.expect("invariant: an entry is written before it is read");
        Tensor { shape: entry.shape.clone(), data: storage[..entry.element_count()].to_vec() }
    }

    fn write(&mut self, graph: &Graph, entry: usize, values: &[i32]) {
        let storage = self.storages.entry(graph.entries[entry].storage).or_default();
        if storage.len() < values.len() {
            storage.resize(values.len(), 0);
        }
        storage[..values.len()].copy_from_slice(values);
    }
}
