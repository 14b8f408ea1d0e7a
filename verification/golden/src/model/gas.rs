//! The operation count a model's gas is charged by.

use super::graph::{Graph, Node};
use super::operator::Operator;
use crate::Error;

/// Most operations per output element of one operator.
const BASE_MAX: u64 = 1 << 30;
/// Most operations of a model, and most memory cost.
const TOTAL_MAX: u64 = 1 << 40;
/// Cost of one element of a variable or of an operator's output.
const ELEMENT_COST: u64 = 5;

/// Operations of all operators plus the memory cost of all entries.
///
/// **Errors**: [`Error::Limit`] above 2^30 per element, or above 2^40 of either sum.
pub(super) fn operation_count(graph: &Graph) -> Result<u64, Error> {
    let (mut operations, mut memory) = (0u64, 0u64);
    for node in &graph.nodes {
        if let Some(operator) = &node.operator {
            let base = operations_per_element(graph, node, operator);
            check("operations per element", base, BASE_MAX)?;
            // At most 2^30 * 2^30 on top of 2^40: no overflow. The count of get_valid_counts is by
            // its first output, the counts: the runtime's special case misspells the name.
            operations += base * element_count(graph, node.entry);
            check("operations", operations, TOTAL_MAX)?;
        }
        for output in 0..node.output_count() {
            memory += ELEMENT_COST * element_count(graph, node.entry + output);
        }
        check("memory cost", memory, TOTAL_MAX)?;
    }
    Ok(operations + memory)
}

fn operations_per_element(graph: &Graph, node: &Node, operator: &Operator) -> u64 {
    let shape = |input: usize| &graph.entries[node.inputs[input]].shape;
    let elements = |shape: &[usize]| shape.iter().product::<usize>() as u64;
    match operator {
        // Three per product, one for the bias.
        Operator::Dense { .. } => 3 * shape(1)[1] as u64 + bias(node),
        Operator::Conv2d { .. } => 3 * elements(&shape(1)[1..]) + bias(node),
        Operator::MaxPool2d(pool) => elements(&pool.pool_size),
        Operator::NonMaxSuppression(_) => 20 * shape(0)[0] as u64,
        Operator::Sum(_) => elements(shape(0)) / element_count(graph, node.entry),
        _ => 1,
    }
}

fn bias(node: &Node) -> u64 {
    u64::from(node.inputs.len() == 3)
}

fn element_count(graph: &Graph, entry: usize) -> u64 {
    graph.entries[entry].element_count() as u64
}

fn check(total: &'static str, found: u64, limit: u64) -> Result<(), Error> {
    if found > limit { Err(Error::Limit { total, found, limit }) } else { Ok(()) }
}
