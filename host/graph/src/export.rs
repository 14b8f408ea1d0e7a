//! Export to the chain's model format.
//!
//! The inverse of [`crate::import`]: importing what was exported gives an equal graph. Results'
//! precisions are written as -1, since the chain infers them.

use crate::graph::{Graph, Node, ValueId};
use crate::import::{ARRAY_MAGIC, DEVICE_TYPE_CPU, LIST_MAGIC};
use crate::op::{Op, Reduce};
use crate::tensor::{Tensor, TensorData};
use std::fmt::{Display, Write};

/// Writes the two files of the chain's format: `symbol` (JSON) and `params`.
///
/// Names may hold any character but control characters other than `\t`, `\r` and `\n`; those too
/// are written as they are, which the chain reads but other JSON readers may not.
pub fn cvm(graph: &Graph) -> (Vec<u8>, Vec<u8>) {
    (symbol(graph).into_bytes(), params(graph))
}

fn symbol(graph: &Graph) -> String {
    let nodes = list(graph.nodes().map(|(_, n)| node(graph, n)));
    let variables = graph.nodes().filter(|(_, n)| n.op.is_variable());
    let arg_nodes = list(variables.map(|(id, _)| id.0));
    let heads = list(graph.heads().iter().map(|&h| entry(graph, h)));
    let starts = graph.nodes().map(|(_, n)| n.first_output.0);
    let row_ptr = list(starts.chain([graph.value_count() as u32]));
    let values = || (0..graph.value_count() as u32).map(|v| graph.value(ValueId(v)));
    let dltype = list(values().map(|_| "\"int32\""));
    let storage = list(values().map(|v| v.storage));
    let shape = list(values().map(|v| list(v.shape.iter())));
    let precision = list(values().map(|v| {
        let variable = graph.node(v.producer).op.is_variable();
        if variable { i32::from(v.precision) } else { -1 }
    }));
    let op_attrs = list(graph.nodes().map(|(_, n)| quoted(&attributes(&n.op))));
    let version = quoted(graph.version().as_str());
    let postprocess = quoted(graph.postprocess().as_str());
    format!(
        "{{\"nodes\": {nodes}, \"arg_nodes\": {arg_nodes}, \"heads\": {heads}, \"attrs\": {{\
         \"dltype\": [\"list_str\", {dltype}], \
         \"storage_id\": [\"list_int\", {storage}], \
         \"shape\": [\"list_shape\", {shape}], \
         \"precision\": [\"list_int\", {precision}], \
         \"op_attrs\": [\"list_str\", {op_attrs}]}}, \
         \"node_row_ptr\": {row_ptr}, \"version\": {version}, \"postprocess\": {postprocess}}}"
    )
}

fn node(graph: &Graph, node: &Node) -> String {
    let name = quoted(&node.name);
    if node.op.is_variable() {
        return format!("{{\"op\": \"null\", \"name\": {name}, \"inputs\": []}}");
    }
    let inputs = list(node.inputs.iter().map(|&v| entry(graph, v)));
    format!(
        "{{\"op\": \"cvm_op\", \"name\": {name}, \"inputs\": {inputs}, \"attrs\": {{\
         \"func_name\": \"{}\", \"num_inputs\": \"{}\", \"num_outputs\": \"{}\", \
         \"flatten_data\": \"0\"}}}}",
        node.op.name(),
        node.inputs.len(),
        node.op.output_count(),
    )
}

fn entry(graph: &Graph, value: ValueId) -> String {
    let producer = graph.value(value).producer;
    format!("[{}, {}, 0]", producer.0, value.0 - graph.node(producer).first_output.0)
}

fn list<T: Display>(items: impl Iterator<Item = T>) -> String {
    let mut out = String::from("[");
    for (i, item) in items.enumerate() {
        let separator = if i > 0 { ", " } else { "" };
        write!(out, "{separator}{item}").expect("invariant: writing to a string succeeds");
    }
    out.push(']');
    out
}

/// A tuple as Python writes it: `()`, `(3,)`, `(1, 2)`.
fn tuple<T: Display>(items: &[T]) -> String {
    let inner = list(items.iter());
    let comma = if items.len() == 1 { "," } else { "" };
    format!("({}{comma})", &inner[1..inner.len() - 1])
}

fn flag(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// A JSON string with the only escapes the chain reads.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '\r' => out.push_str("\\r"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The operator's attributes as the text of a JSON object of strings.
fn attributes(op: &Op) -> String {
    let mut members: Vec<(&str, String)> = Vec::new();
    let mut add = |key, value: &dyn Display| members.push((key, value.to_string()));
    match op {
        Op::Conv2d(a) => {
            add("channels", &a.channels);
            add("kernel_size", &tuple(&a.kernel));
            add("strides", &tuple(&a.strides));
            add("padding", &tuple(&a.padding));
            add("dilation", &tuple(&a.dilation));
            add("groups", &a.groups);
            add("use_bias", &flag(a.use_bias));
        }
        Op::Dense(a) => {
            add("units", &a.units);
            add("use_bias", &flag(a.use_bias));
        }
        Op::MaxPool2d(a) => {
            add("pool_size", &tuple(&a.pool_size));
            add("strides", &tuple(&a.strides));
            add("padding", &tuple(&a.padding));
            add("ceil_mode", &flag(a.ceil_mode));
        }
        Op::Upsampling { scale } => add("scale", scale),
        Op::CvmRightShift { precision, shift_bit } | Op::CvmLeftShift { precision, shift_bit } => {
            add("precision", precision);
            add("is_sign", &"True");
            add("shift_bit", shift_bit);
        }
        Op::CvmClip { precision } => {
            add("precision", precision);
            add("is_sign", &"True");
        }
        Op::Clip { a_min, a_max } => {
            add("a_min", a_min);
            add("a_max", a_max);
        }
        Op::CvmLut { in_dim } => add("in_dim", in_dim),
        Op::Sum(Reduce { axes, keepdims, exclude }) | Op::Max(Reduce { axes, keepdims, exclude }) => {
            add("axis", &tuple(axes));
            add("keepdims", &flag(*keepdims));
            add("exclude", &flag(*exclude));
        }
        Op::Concatenate { axis } => add("axis", axis),
        Op::Repeat { repeats, axis } => {
            add("repeats", repeats);
            add("axis", axis);
        }
        Op::Tile { reps } => add("reps", &tuple(reps)),
        Op::Reshape { shape } => add("shape", &tuple(shape)),
        Op::ExpandDims { axis, num_newaxis } => {
            add("axis", axis);
            add("num_newaxis", num_newaxis);
        }
        Op::Squeeze { axes } => add("axis", &tuple(axes)),
        Op::Transpose { axes } => add("axes", &tuple(axes)),
        Op::StridedSlice(a) => {
            add("begin", &tuple(&a.begin));
            add("end", &tuple(&a.end));
            add("stride", &tuple(&a.stride));
        }
        Op::SliceLike { axes } => add("axis", &tuple(axes)),
        Op::Take { axis: Some(axis) } => add("axis", axis),
        Op::GetValidCounts { score_threshold } => add("score_threshold", score_threshold),
        Op::NonMaxSuppression(a) => {
            add("iou_threshold", &a.iou_threshold);
            add("force_suppress", &flag(a.force_suppress));
            add("top_k", &a.top_k);
            add("id_index", &0);
            add("coord_start", &2);
            add("score_index", &1);
            add("max_output_size", &a.max_output_size);
            add("return_indices", &"False");
            add("invalid_to_bottom", &"True");
        }
        Op::Input
        | Op::Param(_)
        | Op::Relu
        | Op::CvmPrecision
        | Op::Abs
        | Op::Negative
        | Op::ElemwiseAdd
        | Op::ElemwiseSub
        | Op::BroadcastAdd
        | Op::BroadcastSub
        | Op::BroadcastMul
        | Op::BroadcastMax
        | Op::BroadcastDiv
        | Op::BroadcastGreater
        | Op::Flatten
        | Op::Take { axis: None }
        | Op::Where => (),
    }
    let members = list(members.iter().map(|(key, value)| format!("\"{key}\": \"{value}\"")));
    format!("{{{}}}", &members[1..members.len() - 1])
}

fn params(graph: &Graph) -> Vec<u8> {
    let mut out = Vec::new();
    let count = graph.params().count() as u64;
    out.extend(LIST_MAGIC.to_le_bytes());
    out.extend(0u64.to_le_bytes());
    out.extend(count.to_le_bytes());
    for (name, _) in graph.params() {
        out.extend((name.len() as u64).to_le_bytes());
        out.extend(name.as_bytes());
    }
    out.extend(count.to_le_bytes());
    for (_, tensor) in graph.params() {
        array(&mut out, tensor);
    }
    out
}

fn array(out: &mut Vec<u8>, tensor: &Tensor) {
    let bits: u8 = match tensor.data() {
        TensorData::I8(_) => 8,
        TensorData::I32(_) => 32,
    };
    out.extend(ARRAY_MAGIC.to_le_bytes());
    out.extend(0u64.to_le_bytes());
    out.extend(DEVICE_TYPE_CPU.to_le_bytes());
    out.extend(0u32.to_le_bytes());
    out.extend((tensor.shape().len() as u32).to_le_bytes());
    // Type code 0 (signed integer), bits, one lane.
    out.extend([0, bits]);
    out.extend(1u16.to_le_bytes());
    for &dim in tensor.shape().iter() {
        out.extend((dim as u64).to_le_bytes());
    }
    out.extend((tensor.elements() as u64 * u64::from(bits / 8)).to_le_bytes());
    match tensor.data() {
        TensorData::I8(v) => out.extend(v.iter().map(|&x| x as u8)),
        TensorData::I32(v) => out.extend(v.iter().flat_map(|x| x.to_le_bytes())),
    }
}
