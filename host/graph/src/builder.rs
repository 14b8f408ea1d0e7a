//! Building graphs: the only way a [`Graph`] comes to be, for the importer too.

use crate::cost;
use crate::error::{GraphError, GraphFault, NodePlace};
use crate::graph::{FormatVersion, Graph, Node, NodeId, Postprocess, TensorId, Uses, Value, ValueId};
use crate::infer::{self, Operand};
use crate::op::{Conv2d, Dense, MaxPool2d, Op, Reduce};
use crate::shape::Shape;
use crate::storage;
use crate::tensor::{PRECISION_MAX, Tensor};
use std::collections::HashMap;
use std::sync::Arc;

/// Name of the one input the chain's runtime fills.
pub(crate) const INPUT_NAME: &str = "data";
/// Most bytes of the chain's storage pool.
pub(crate) const STORAGE_BYTES_MAX: u64 = 1 << 32;
/// Most nodes of a graph, so that ids fit 32 bits with room to spare.
pub(crate) const NODES_MAX: usize = 1 << 24;

/// Adds nodes one by one, inferring and checking each as it is added, and finishes the graph.
///
/// Every method that adds a node returns its result(s). An error leaves the builder as it was.
///
/// **Errors.** [`GraphError`] with the node's position and name: a broken rule of the operator, a
/// limit of the chain exceeded, or an operand that is not from this builder.
///
/// ```
/// use myelin_graph::{GraphBuilder, Postprocess};
///
/// let mut b = GraphBuilder::new();
/// let x = b.input(&[1, 64], 8)?;
/// let y = b.relu("relu0", x)?;
/// let graph = b.finish(vec![y], Postprocess::Argmax)?;
/// assert_eq!(graph.output_length(), 4);
/// # Ok::<(), myelin_graph::GraphError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct GraphBuilder {
    nodes: Vec<Node>,
    values: Vec<Value>,
    tensors: Vec<Option<Arc<Tensor>>>,
    /// Inputs and parameters by name.
    variables: HashMap<String, ValueId>,
    version: FormatVersion,
}

impl GraphBuilder {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the input, named `data`, of `precision` 1 to 32 bits.
    pub fn input(&mut self, shape: &[usize], precision: u8) -> Result<ValueId, GraphError> {
        let storage = self.next_storage();
        self.variable(INPUT_NAME, Op::Input, shape, i64::from(precision), storage)
    }

    /// Adds a constant of `precision` 1 to 32 bits, which every element must fit.
    pub fn param(&mut self, name: &str, tensor: impl Into<Arc<Tensor>>, precision: u8) -> Result<ValueId, GraphError> {
        let tensor = tensor.into();
        let storage = self.next_storage();
        if name == INPUT_NAME {
            return Err(self.fail(name, GraphFault::DuplicateName { name: name.to_owned() }));
        }
        check_precision(i64::from(precision)).map_err(|f| self.fail(name, f))?;
        check_range(&tensor, precision).map_err(|f| self.fail(name, f))?;
        let id = TensorId(self.tensors.len() as u32);
        let shape = tensor.shape().clone();
        let value = self.variable(name, Op::Param(id), &shape, i64::from(precision), storage)?;
        self.tensors.push(Some(tensor));
        Ok(value)
    }

    /// Adds any operator; returns its results in order.
    ///
    /// **Panics** on [`Op::Input`] and [`Op::Param`], which have methods of their own.
    pub fn apply(&mut self, name: &str, op: Op, inputs: &[ValueId]) -> Result<Vec<ValueId>, GraphError> {
        let storage = self.next_storage();
        let storages: Vec<u32> = (storage..storage + op.output_count() as u32).collect();
        self.apply_stored(name, op, inputs, &storages)
    }

    /// Adds any operator with one result.
    ///
    /// **Panics** on [`Op::Input`], [`Op::Param`] and [`Op::GetValidCounts`].
    pub fn op(&mut self, name: &str, op: Op, inputs: &[ValueId]) -> Result<ValueId, GraphError> {
        assert_eq!(op.output_count(), 1, "{} has several results", op.name());
        Ok(self.apply(name, op, inputs)?[0])
    }

    /// Adds a convolution; `use_bias` follows from `bias`.
    pub fn conv2d(
        &mut self,
        name: &str,
        x: ValueId,
        weight: ValueId,
        bias: Option<ValueId>,
        attributes: Conv2d,
    ) -> Result<ValueId, GraphError> {
        let op = Op::Conv2d(Conv2d { use_bias: bias.is_some(), ..attributes });
        let inputs: Vec<ValueId> = [x, weight].into_iter().chain(bias).collect();
        self.op(name, op, &inputs)
    }

    /// Adds a dense layer of as many units as the weight has rows.
    pub fn dense(
        &mut self,
        name: &str,
        x: ValueId,
        weight: ValueId,
        bias: Option<ValueId>,
    ) -> Result<ValueId, GraphError> {
        let units = self.values.get(weight.index()).map_or(0, |v| v.shape[0]);
        let op = Op::Dense(Dense { units, use_bias: bias.is_some() });
        let inputs: Vec<ValueId> = [x, weight].into_iter().chain(bias).collect();
        self.op(name, op, &inputs)
    }

    /// Adds a rectifier.
    pub fn relu(&mut self, name: &str, x: ValueId) -> Result<ValueId, GraphError> {
        self.op(name, Op::Relu, &[x])
    }

    /// Adds a maximum pool.
    pub fn max_pool2d(&mut self, name: &str, x: ValueId, attributes: MaxPool2d) -> Result<ValueId, GraphError> {
        self.op(name, Op::MaxPool2d(attributes), &[x])
    }

    /// Adds a requantisation to `precision` bits by a rounding right shift.
    pub fn cvm_right_shift(
        &mut self,
        name: &str,
        x: ValueId,
        precision: u8,
        shift_bit: u8,
    ) -> Result<ValueId, GraphError> {
        self.op(name, Op::CvmRightShift { precision, shift_bit }, &[x])
    }

    /// Adds a clip to the symmetric range of `precision` bits.
    pub fn cvm_clip(&mut self, name: &str, x: ValueId, precision: u8) -> Result<ValueId, GraphError> {
        self.op(name, Op::CvmClip { precision }, &[x])
    }

    /// Adds a flattening to two axes.
    pub fn flatten(&mut self, name: &str, x: ValueId) -> Result<ValueId, GraphError> {
        self.op(name, Op::Flatten, &[x])
    }

    /// Adds a sum of two values of one shape.
    pub fn elemwise_add(&mut self, name: &str, a: ValueId, b: ValueId) -> Result<ValueId, GraphError> {
        self.op(name, Op::ElemwiseAdd, &[a, b])
    }

    /// Adds a broadcasting product.
    pub fn broadcast_mul(&mut self, name: &str, a: ValueId, b: ValueId) -> Result<ValueId, GraphError> {
        self.op(name, Op::BroadcastMul, &[a, b])
    }

    /// Adds a sum over `axes`, ascending; none means all.
    pub fn sum(&mut self, name: &str, x: ValueId, axes: &[usize], keepdims: KeepDims) -> Result<ValueId, GraphError> {
        let keepdims = keepdims == KeepDims::Yes;
        let op = Op::Sum(Reduce { axes: axes.to_vec(), keepdims, exclude: false });
        self.op(name, op, &[x])
    }

    /// Adds a join along `axis`.
    pub fn concatenate(&mut self, name: &str, inputs: &[ValueId], axis: usize) -> Result<ValueId, GraphError> {
        self.op(name, Op::Concatenate { axis }, inputs)
    }

    /// Shape of a value added so far.
    pub fn shape(&self, value: ValueId) -> Option<&Shape> {
        self.values.get(value.index()).map(|v| &v.shape)
    }

    /// Precision of a value added so far, in bits.
    pub fn precision(&self, value: ValueId) -> Option<u8> {
        self.values.get(value.index()).map(|v| v.precision)
    }

    /// Checks the graph as a whole and finishes it.
    ///
    /// **Errors.** No head, a head from another builder, no input or one the chain would mistake for
    /// another value, a storage pool or heads beyond 4 GiB, an operation count beyond 2^40, or a
    /// storage plan that overwrites a value still needed.
    pub fn finish(self, heads: Vec<ValueId>, postprocess: Postprocess) -> Result<Graph, GraphError> {
        let (input, uses) = self.check_whole(&heads)?;
        let tensors = self.bound_tensors()?;
        let (nodes, values, version) = (self.nodes, self.values, self.version);
        Ok(Graph { nodes, values, tensors, input, heads, postprocess, version, uses })
    }

    /// Checks everything about the graph but its parameters' data; finds the input and who reads what.
    pub(crate) fn check_whole(&self, heads: &[ValueId]) -> Result<(ValueId, Uses), GraphError> {
        let count = self.values.len();
        let found = storage::pool_bytes(&self.values);
        if found > STORAGE_BYTES_MAX {
            return Err(GraphFault::StorageSize { found, max: STORAGE_BYTES_MAX }.into());
        }
        if heads.is_empty() {
            return Err(GraphFault::NoHeads.into());
        }
        for (operand, head) in heads.iter().enumerate() {
            if head.index() >= count {
                let value = head.index();
                return Err(GraphFault::UnknownValue { operand, value, count }.into());
            }
        }
        let input = self.checked_input()?;
        self.check_output_size(heads)?;
        self.operation_count()?;
        let uses = Uses::new(&self.nodes, count);
        storage::check_hazards(&self.nodes, &self.values, heads, &uses)?;
        Ok((input, uses))
    }

    /// The chain's operation count of the nodes added so far.
    pub(crate) fn operation_count(&self) -> Result<u64, GraphError> {
        cost::operation_count(&self.nodes, &self.values)
    }

    pub(crate) fn set_version(&mut self, version: FormatVersion) {
        self.version = version;
    }

    /// The input or parameter of this name.
    pub(crate) fn variable_named(&self, name: &str) -> Option<ValueId> {
        self.variables.get(name).copied()
    }

    /// Shape and precision of a value. **Panics** if there is none.
    pub(crate) fn value(&self, value: ValueId) -> &Value {
        &self.values[value.index()]
    }

    /// Adds a parameter whose data [`GraphBuilder::bind`] brings later.
    pub(crate) fn declare_variable(
        &mut self,
        name: &str,
        shape: &[usize],
        precision: i64,
        storage: u32,
    ) -> Result<ValueId, GraphError> {
        if name == INPUT_NAME {
            return self.variable(name, Op::Input, shape, precision, storage);
        }
        let id = TensorId(self.tensors.len() as u32);
        let value = self.variable(name, Op::Param(id), shape, precision, storage)?;
        self.tensors.push(None);
        Ok(value)
    }

    /// Gives a declared variable its data; data for the input is checked for shape and dropped, as
    /// every run overwrites it.
    pub(crate) fn bind(&mut self, value: ValueId, tensor: Tensor) -> Result<(), GraphError> {
        let declared = &self.values[value.index()];
        let node = &self.nodes[declared.producer.index()];
        let checked = if *tensor.shape() != declared.shape {
            let (expected, found) = (declared.shape.clone(), tensor.shape().clone());
            Err(GraphFault::ParamShape { expected, found })
        } else if matches!(node.op, Op::Input) {
            return Ok(());
        } else {
            check_range(&tensor, declared.precision)
        };
        checked.map_err(|fault| {
            let place = NodePlace { index: declared.producer.index(), name: node.name.clone() };
            GraphError { node: Some(place), fault }
        })?;
        if let Op::Param(id) = node.op {
            self.tensors[id.index()] = Some(Arc::new(tensor));
        }
        Ok(())
    }

    /// Adds an operator whose results are kept in these pool entries.
    pub(crate) fn apply_stored(
        &mut self,
        name: &str,
        op: Op,
        inputs: &[ValueId],
        storages: &[u32],
    ) -> Result<Vec<ValueId>, GraphError> {
        assert!(!op.is_variable(), "inputs and parameters are added by their own methods");
        let results = self.infer(&op, inputs, storages).map_err(|f| self.fail(name, f))?;
        let producer = NodeId(self.nodes.len() as u32);
        let first_output = ValueId(self.values.len() as u32);
        let node = Node { name: name.to_owned(), op, inputs: inputs.to_vec(), first_output };
        let outputs = node.outputs().collect();
        self.nodes.push(node);
        for ((shape, precision), &storage) in results.into_iter().zip(storages) {
            self.values.push(Value { producer, shape, precision, storage });
        }
        Ok(outputs)
    }

    fn infer(&self, op: &Op, inputs: &[ValueId], storages: &[u32]) -> Result<Vec<(Shape, u8)>, GraphFault> {
        self.check_room()?;
        let count = self.values.len();
        let mut operands = Vec::with_capacity(inputs.len());
        for (operand, input) in inputs.iter().enumerate() {
            let index = input.index();
            let value = self.values.get(index);
            let value = value.ok_or(GraphFault::UnknownValue { operand, value: index, count })?;
            if !op.runs_in_place() && storages.contains(&value.storage) {
                let (op, storage) = (op.name(), value.storage);
                return Err(GraphFault::SharedStorage { op, storage, operand });
            }
            operands.push(Operand { shape: &value.shape, precision: value.precision });
        }
        infer::infer(op, &operands)
    }

    fn variable(
        &mut self,
        name: &str,
        op: Op,
        shape: &[usize],
        precision: i64,
        storage: u32,
    ) -> Result<ValueId, GraphError> {
        let checked = || {
            self.check_room()?;
            if self.variables.contains_key(name) {
                return Err(GraphFault::DuplicateName { name: name.to_owned() });
            }
            Ok((Shape::checked(shape)?, check_precision(precision)?))
        };
        let (shape, precision) = checked().map_err(|f| self.fail(name, f))?;
        let producer = NodeId(self.nodes.len() as u32);
        let first_output = ValueId(self.values.len() as u32);
        self.variables.insert(name.to_owned(), first_output);
        self.nodes.push(Node { name: name.to_owned(), op, inputs: Vec::new(), first_output });
        self.values.push(Value { producer, shape, precision, storage });
        Ok(first_output)
    }

    /// The chain looks up the input's shape by its place among inputs and parameters, in a list of
    /// all values.
    fn checked_input(&self) -> Result<ValueId, GraphFault> {
        let input = *self.variables.get(INPUT_NAME).ok_or(GraphFault::NoInput)?;
        let before = &self.nodes[..self.values[input.index()].producer.index()];
        let value = before.iter().filter(|n| n.op.is_variable()).count();
        let (expected, found) = (&self.values[input.index()].shape, &self.values[value].shape);
        if expected != found {
            let (expected, found) = (expected.clone(), found.clone());
            return Err(GraphFault::InputPlace { value, expected, found });
        }
        Ok(input)
    }

    /// One value may be many heads, so the pool's limit does not limit them.
    fn check_output_size(&self, heads: &[ValueId]) -> Result<(), GraphFault> {
        let bytes = heads.iter().map(|h| self.values[h.index()].shape.storage_bytes());
        let (found, max) = (bytes.sum(), STORAGE_BYTES_MAX);
        if found > max { Err(GraphFault::OutputSize { found, max }) } else { Ok(()) }
    }

    fn bound_tensors(&self) -> Result<Vec<Arc<Tensor>>, GraphError> {
        let mut tensors = Vec::with_capacity(self.tensors.len());
        for (index, node) in self.nodes.iter().enumerate() {
            let Op::Param(id) = node.op else { continue };
            let name = node.name.clone();
            let tensor = self.tensors[id.index()].clone().ok_or_else(|| GraphError {
                node: Some(NodePlace { index, name: name.clone() }),
                fault: GraphFault::MissingParam { name },
            })?;
            tensors.push(tensor);
        }
        Ok(tensors)
    }

    fn check_room(&self) -> Result<(), GraphFault> {
        if self.nodes.len() < NODES_MAX { Ok(()) } else { Err(GraphFault::TooManyNodes { max: NODES_MAX }) }
    }

    /// Each value gets a pool entry of its own: nothing here reuses storage.
    fn next_storage(&self) -> u32 {
        self.values.len() as u32
    }

    fn fail(&self, name: &str, fault: GraphFault) -> GraphError {
        let node = NodePlace { index: self.nodes.len(), name: name.to_owned() };
        GraphError { node: Some(node), fault }
    }
}

/// Whether a reduction keeps the reduced axes, with length 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepDims {
    /// They stay.
    Yes,
    /// They go.
    No,
}

fn check_precision(found: i64) -> Result<u8, GraphFault> {
    match u8::try_from(found) {
        Ok(precision) if (1..=PRECISION_MAX).contains(&precision) => Ok(precision),
        _ => Err(GraphFault::Precision { found }),
    }
}

fn check_range(tensor: &Tensor, precision: u8) -> Result<(), GraphFault> {
    let limit = crate::tensor::precision_limit(precision);
    match tensor.first_out_of_range(precision) {
        None => Ok(()),
        Some((index, found)) => Err(GraphFault::ParamRange { index, found, precision, limit }),
    }
}
