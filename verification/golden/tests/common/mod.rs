//! Shared by the tests: where the data lies, hexadecimal, replayable randomness, and a writer of
//! small models.
#![allow(dead_code, clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// A file of the repository.
pub fn repository_path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(relative)
}

/// The bytes of a file of the repository.
pub fn read(relative: &str) -> Vec<u8> {
    let path = repository_path(relative);
    std::fs::read(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()))
}

/// The bytes a string of hexadecimal digits stands for.
pub fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

/// Steele, Lea and Flood's generator; the same seed gives the same sequence everywhere.
pub struct SplitMix64(pub u64);

impl SplitMix64 {
    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// Writes a symbol, one node after the other, every entry in a storage of its own.
pub struct SymbolWriter {
    nodes: Vec<Value>,
    op_attrs: Vec<Value>,
    shapes: Vec<Value>,
    precisions: Vec<i64>,
}

/// A node, or one of its outputs.
#[derive(Clone, Copy)]
pub struct Output(pub usize, pub usize);

impl SymbolWriter {
    /// A symbol with the input `data`.
    pub fn new(shape: &[usize], precision: i64) -> (SymbolWriter, Output) {
        let (nodes, op_attrs) = (Vec::new(), Vec::new());
        let mut writer = SymbolWriter { nodes, op_attrs, shapes: Vec::new(), precisions: Vec::new() };
        let data = writer.variable("data", shape, precision);
        (writer, data)
    }

    /// Adds a variable.
    pub fn variable(&mut self, name: &str, shape: &[usize], precision: i64) -> Output {
        self.nodes.push(json!({"op": "null", "name": name, "inputs": []}));
        self.op_attrs.push("{}".into());
        self.shapes.push(json!(shape));
        self.precisions.push(precision);
        Output(self.nodes.len() - 1, 0)
    }

    /// Adds an operator with the given output shapes.
    pub fn operator(&mut self, name: &str, inputs: &[Output], attributes: Value, shapes: &[&[usize]]) -> Output {
        let inputs: Vec<[usize; 3]> = inputs.iter().map(|input| [input.0, input.1, 0]).collect();
        self.nodes.push(json!({
            "op": "cvm_op",
            "name": format!("{name}{}", self.nodes.len()),
            "inputs": inputs,
            "attrs": {"func_name": name, "num_inputs": "1", "num_outputs": "1", "flatten_data": "0"},
        }));
        self.op_attrs.push(attributes.to_string().into());
        for shape in shapes {
            self.shapes.push(json!(shape));
            self.precisions.push(-1);
        }
        Output(self.nodes.len() - 1, 0)
    }

    /// The symbol with these heads.
    pub fn finish(self, heads: &[Output]) -> Value {
        let heads: Vec<[usize; 3]> = heads.iter().map(|head| [head.0, head.1, 0]).collect();
        let storages: Vec<usize> = (0..self.shapes.len()).collect();
        json!({
            "nodes": self.nodes,
            "heads": heads,
            "attrs": {
                "storage_id": ["list_int", storages],
                "shape": ["list_shape", self.shapes],
                "precision": ["list_int", self.precisions],
                "op_attrs": ["list_str", self.op_attrs],
            },
            "version": "cvm_1.1.0",
            "postprocess": "",
        })
    }
}

/// The params file of these arrays, 32 bits wide.
pub fn params(arrays: &[(&str, &[usize], &[i32])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let long = |bytes: &mut Vec<u8>, value: u64| bytes.extend(value.to_le_bytes());
    long(&mut bytes, 0xF7E5_8D4F_0504_9CB7);
    long(&mut bytes, 0);
    long(&mut bytes, arrays.len() as u64);
    for (name, _, _) in arrays {
        long(&mut bytes, name.len() as u64);
        bytes.extend(name.as_bytes());
    }
    long(&mut bytes, arrays.len() as u64);
    for (_, shape, data) in arrays {
        long(&mut bytes, 0xDD5E_40F0_96B4_A13F);
        long(&mut bytes, 0);
        bytes.extend(1u32.to_le_bytes());
        bytes.extend(0u32.to_le_bytes());
        bytes.extend((shape.len() as u32).to_le_bytes());
        bytes.extend([0, 32, 1, 0]);
        for &length in *shape {
            long(&mut bytes, length as u64);
        }
        long(&mut bytes, 4 * data.len() as u64);
        for value in *data {
            bytes.extend(value.to_le_bytes());
        }
    }
    bytes
}
