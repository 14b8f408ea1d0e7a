//! A network's answer, and the bytes the chain's C interface gives for it.

use crate::Error;
use myelin_graph::{Graph, Postprocess, Shape};

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

/// One output of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Axis lengths.
    pub shape: Shape,
    /// The values, row-major in the chain's order.
    pub values: Vec<i32>,
}

impl Head {
    fn row_length(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    fn row_count(&self) -> usize {
        self.values.len() / self.row_length()
    }
}

/// A network's answer to one input.
///
/// It lives in the workspace and is overwritten by the next run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    heads: Vec<Head>,
    bytes: Vec<u8>,
    layout: Layout,
    type_size: usize,
}

impl Output {
    pub(crate) fn new(graph: &Graph) -> Self {
        let head = |&head| {
            let shape = graph.shape(head).clone();
            Head { values: vec![0; shape.elements()], shape }
        };
        let layout = match graph.postprocess() {
            Postprocess::Argmax => Layout::Labels,
            Postprocess::Detection => Layout::Rows,
            _ if graph.heads().len() > 1 => Layout::Rows,
            _ => Layout::Whole,
        };
        Self {
            heads: graph.heads().iter().map(head).collect(),
            bytes: vec![0; graph.output_length() as usize],
            layout,
            type_size: graph.output_type_size() as usize,
        }
    }

    /// The answer that heads computed elsewhere make, in the graph's order.
    ///
    /// **Errors.** [`Error::HeadLengths`]; [`Error::HeadRows`] where the chain has no answer either.
    pub fn of_heads(graph: &Graph, heads: &[&[i32]]) -> Result<Self, Error> {
        let mut output = Self::new(graph);
        let expected: Vec<usize> = output.heads.iter().map(|head| head.values.len()).collect();
        let found: Vec<usize> = heads.iter().map(|values| values.len()).collect();
        if expected != found {
            return Err(Error::HeadLengths { expected, found });
        }
        for (head, values) in output.heads.iter_mut().zip(heads) {
            head.values.copy_from_slice(values);
        }
        output.join()?;
        Ok(output)
    }

    /// The values of every head, before post-processing.
    pub fn heads(&self) -> &[Head] {
        &self.heads
    }

    /// The bytes `CVMAPIInference` writes, after post-processing.
    ///
    /// **Shapes and units.** [`Graph::output_length`] bytes: one per value (the low eight bits) or
    /// four, little-endian. Places the chain's runtime leaves unwritten are 0, as in a fresh buffer.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn heads_mut(&mut self) -> &mut [Head] {
        &mut self.heads
    }

    /// Writes the bytes from the heads.
    ///
    /// **Errors.** [`Error::HeadRows`].
    pub(crate) fn join(&mut self) -> Result<(), Error> {
        let rows = self.heads[0].row_count();
        let unequal = self.heads.iter().any(|head| head.row_count() != rows);
        if self.layout == Layout::Rows && (self.heads.len() == 1 || unequal) {
            return Err(Error::HeadRows { heads: self.heads.len() });
        }
        let mut writer = Writer { bytes: &mut self.bytes, size: self.type_size, at: 0 };
        match self.layout {
            Layout::Whole => self.heads[0].values.iter().for_each(|&value| writer.put(value)),
            Layout::Rows => {
                for row in 0..rows {
                    for head in &self.heads {
                        let length = head.row_length();
                        head.values[row * length..(row + 1) * length].iter().for_each(|&value| writer.put(value));
                    }
                }
            }
            Layout::Labels => {
                for head in &self.heads {
                    let length = head.row_length();
                    // The chain's runtime counts elements where it means rows.
                    for row in (0..head.row_count()).step_by(length) {
                        writer.put(label(&head.values[row..row + length]));
                    }
                }
            }
        }
        let written = writer.at;
        self.bytes[written..].fill(0);
        Ok(())
    }
}

/// Place of the greatest value; the chain's runtime compares low bytes, the first greatest winning.
fn label(row: &[i32]) -> i32 {
    let mut best = 0;
    for (place, &value) in row.iter().enumerate() {
        if value as i8 > row[best] as i8 {
            best = place;
        }
    }
    best as i32
}

/// Writes values until the buffer is full; what the runtime would write past its end is cut off.
struct Writer<'a> {
    bytes: &'a mut [u8],
    size: usize,
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, value: i32) {
        if let Some(to) = self.bytes.get_mut(self.at..self.at + self.size) {
            to.copy_from_slice(&value.to_le_bytes()[..self.size]);
            self.at += self.size;
        }
    }
}
