//! A model's answer, and the bytes the C interface gives for it.

use crate::{Error, Tensor};

/// What becomes of the heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// One head, whole.
    Whole,
    /// Rows of all heads in turn.
    Rows,
    /// The place of each row's greatest value.
    Labels,
}

/// How a model's heads become bytes.
#[derive(Debug)]
pub(super) struct Postprocess {
    layout: Layout,
    pub(super) type_size: usize,
    pub(super) length: usize,
}

impl Postprocess {
    /// For a model's post-processing name, the shapes of its heads and the widest head's bits.
    pub(super) fn new(name: &str, heads: &[&[usize]], bits_max: u32) -> Postprocess {
        let layout = match name {
            "argmax" => Layout::Labels,
            "detection" => Layout::Rows,
            _ if heads.len() > 1 => Layout::Rows,
            _ => Layout::Whole,
        };
        let labelled = matches!(name, "argmax" | "detection");
        let type_size = if labelled || bits_max > 8 { 4 } else { 1 };
        let count = match name {
            "argmax" => heads.iter().map(|head| row_count(head)).sum(),
            "detection" => {
                let rows = heads[0].iter().rev().nth(1).copied().unwrap_or(0);
                rows * heads.iter().map(|head| row_length(head)).sum::<usize>()
            }
            _ => heads.iter().map(|head| head.iter().product::<usize>()).sum(),
        };
        Postprocess { layout, type_size, length: count * type_size }
    }

    /// That the heads can be joined as the layout asks.
    ///
    /// **Errors**: [`Error::HeadRows`].
    pub(super) fn check(&self, heads: &[Tensor]) -> Result<(), Error> {
        let rows = row_count(&heads[0].shape);
        let unequal = heads.iter().any(|head| row_count(&head.shape) != rows);
        if self.layout == Layout::Rows && (heads.len() == 1 || unequal) {
            return Err(Error::HeadRows { heads: heads.len() });
        }
        Ok(())
    }
}

/// A model's answer to one input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    heads: Vec<Tensor>,
    layout: Layout,
    type_size: usize,
    length: usize,
}

impl Output {
    pub(super) fn new(heads: Vec<Tensor>, postprocess: &Postprocess) -> Output {
        let &Postprocess { layout, type_size, length } = postprocess;
        Output { heads, layout, type_size, length }
    }

    /// The values of every head, before post-processing.
    pub fn heads(&self) -> &[Tensor] {
        &self.heads
    }

    /// The bytes `CVMAPIInference` writes, after post-processing.
    ///
    /// **Shapes and units**: [`Model::output_length`](crate::Model::output_length) bytes: one per
    /// value (the low eight bits) or four, little-endian. Places the runtime leaves unwritten are
    /// 0, as in a fresh buffer: with `argmax` it answers for every `last dimension`-th row only.
    /// Rows it would write past the end (`detection` over several batches) are cut off.
    pub fn to_bytes(&self) -> Vec<u8> {
        let values = match self.layout {
            Layout::Whole => self.heads[0].data.clone(),
            Layout::Rows => self.rows(),
            Layout::Labels => self.labels(),
        };
        let mut bytes = Vec::with_capacity(values.len() * self.type_size);
        for value in values {
            bytes.extend_from_slice(&value.to_le_bytes()[..self.type_size]);
        }
        bytes.resize(self.length, 0);
        bytes
    }

    fn rows(&self) -> Vec<i32> {
        let mut values = Vec::new();
        for row in 0..row_count(&self.heads[0].shape) {
            for head in &self.heads {
                let length = row_length(&head.shape);
                values.extend_from_slice(&head.data[row * length..(row + 1) * length]);
            }
        }
        values
    }

    /// The runtime counts elements where it means rows, so it skips most rows of a batch; and it
    /// compares low bytes, the first greatest winning.
    fn labels(&self) -> Vec<i32> {
        let mut labels = Vec::new();
        for head in &self.heads {
            let length = row_length(&head.shape);
            for start in (0..row_count(&head.shape)).step_by(length) {
                let row = &head.data[start..start + length];
                let mut best = 0;
                for (place, &value) in row.iter().enumerate() {
                    if value as i8 > row[best] as i8 {
                        best = place;
                    }
                }
                labels.push(best as i32);
            }
        }
        labels
    }
}

fn row_length(shape: &[usize]) -> usize {
    shape.last().copied().unwrap_or(1)
}

fn row_count(shape: &[usize]) -> usize {
    shape.iter().product::<usize>() / row_length(shape)
}
