//! Addresses of the buffers in the activation scratchpad, fixed before running.

use crate::error::CompileError;
use crate::network::{BufferId, Network};
use myelin_isa::Architecture;

/// When a buffer is in use: the stages from its first writer to its last reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Life {
    /// 0 is the load of the inputs, stage `i` is `i + 1`.
    first: usize,
    last: usize,
}

/// The lane address of each buffer, a multiple of the word.
///
/// First fit in order of first use; two buffers share lanes only when one is dead before the other
/// is born. A stage's results never overlap its operands.
///
/// **Errors.** [`CompileError::Capacity`] naming the layer whose buffer no longer fits.
pub(crate) fn addresses(network: &Network, architecture: &Architecture) -> Result<Vec<u32>, CompileError> {
    let word = architecture.lanes() as usize;
    let lives = lives(network);
    let mut order: Vec<usize> = (0..lives.len()).filter(|&i| lives[i].is_some()).collect();
    order.sort_by_key(|&i| lives[i].map(|life| life.first));
    let mut addresses = vec![0u32; lives.len()];
    // Start, end, last use; by address.
    let mut placed: Vec<(usize, usize, usize)> = Vec::new();
    for index in order {
        let Some(life) = lives[index] else { continue };
        placed.retain(|&(_, _, last)| last >= life.first);
        let size = network.buffers[index].lanes().next_multiple_of(word);
        let mut start = 0;
        for &(other_start, other_end, _) in &placed {
            if start + size <= other_start {
                break;
            }
            start = other_end;
        }
        let available = architecture.activation_lanes();
        if start + size > available as usize {
            return Err(CompileError::Capacity {
                place: network.buffers[index].place.clone(),
                memory: "the activation scratchpad",
                unit: "lanes",
                needed: (start + size) as u64,
                available: u64::from(available),
            });
        }
        addresses[index] = start as u32;
        let at = placed.partition_point(|&(other, _, _)| other < start);
        placed.insert(at, (start, start + size, life.last));
    }
    Ok(addresses)
}

/// By buffer; `None` for one that nobody uses.
fn lives(network: &Network) -> Vec<Option<Life>> {
    let mut lives: Vec<Option<Life>> = vec![None; network.buffers.len()];
    let mut touch = |BufferId(index): BufferId, time: usize| {
        let life = lives[index].get_or_insert(Life { first: time, last: time });
        life.last = life.last.max(time);
    };
    network.inputs.iter().for_each(|input| touch(input.buffer, 0));
    for (i, stage) in network.stages.iter().enumerate() {
        stage.source.reads().for_each(|slice| touch(slice.buffer, i + 1));
        stage.sinks.iter().for_each(|sink| touch(sink.destination.buffer, i + 1));
    }
    for head in &network.heads {
        touch(head.slice.buffer, network.stages.len() + 1);
    }
    lives
}
