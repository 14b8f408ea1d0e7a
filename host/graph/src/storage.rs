//! The chain's storage pool: its size, and the ways a file's plan can be wrong.

use crate::error::GraphFault;
use crate::graph::{Node, Uses, Value, ValueId};
use std::collections::HashMap;

/// Bytes of the pool: for each entry its largest value, 4 bytes an element.
pub(crate) fn pool_bytes(values: &[Value]) -> u64 {
    let mut entries: HashMap<u32, u64> = HashMap::new();
    for value in values {
        let bytes = entries.entry(value.storage).or_default();
        *bytes = (*bytes).max(value.shape.storage_bytes());
    }
    entries.values().sum()
}

/// Checks that no value is overwritten while it is still needed.
///
/// The chain's runtime does not look: it would compute with the overwritten numbers, and if a
/// parameter is hit every later run would differ from the first. A backend that keeps values apart
/// cannot reproduce that, so such a plan is refused.
///
/// **Errors.** [`GraphFault::StorageHazard`].
pub(crate) fn check_hazards(
    nodes: &[Node],
    values: &[Value],
    heads: &[ValueId],
    uses: &Uses,
) -> Result<(), GraphFault> {
    // For each entry the value it holds and the last node that needs it.
    let mut holder: HashMap<u32, (usize, usize)> = HashMap::new();
    let mut is_head = vec![false; values.len()];
    for head in heads {
        is_head[head.index()] = true;
    }
    let last_use = |v: usize| -> usize {
        let producer = values[v].producer.index();
        if is_head[v] || matches!(nodes[producer].op, crate::Op::Param(_)) {
            return usize::MAX;
        }
        uses.of(ValueId(v as u32)).last().map_or(0, |n| n.index())
    };
    // Variables are written before anything runs, whatever their place in the order.
    let variables = nodes.iter().enumerate().filter(|(_, n)| n.op.is_variable());
    let operators = nodes.iter().enumerate().filter(|(_, n)| !n.op.is_variable());
    for (index, node) in variables.chain(operators) {
        for by in node.outputs().map(ValueId::index) {
            let storage = values[by].storage;
            if let Some(&(value, needed_until)) = holder.get(&storage) {
                let holder_node = values[value].producer.index();
                let written_together =
                    holder_node == index || (node.op.is_variable() && nodes[holder_node].op.is_variable());
                // Overwriting by the last reader is in place; which operators may do that is
                // checked when the node is added.
                if needed_until > index || written_together {
                    return Err(GraphFault::StorageHazard { storage, value, by });
                }
            }
            holder.insert(storage, (by, last_use(by)));
        }
    }
    Ok(())
}
