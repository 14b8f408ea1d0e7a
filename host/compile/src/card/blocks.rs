//! Programs longer than instruction memory: blocks, of which each loads what follows it.
//!
//! A block is at most half the memory. It begins with a LOADW of the next and ends with FENCE, so the
//! next is there when its turn comes. The last loads the first again, for the next start; it lies
//! elsewhere. Before it all stands a halt, the program that loads resident weights: there are none.

use myelin_isa::{Architecture, Header, Instruction, WeightTarget};

/// What the first block has besides its share: halt, LOADW, FENCE.
const FIRST: usize = 3;
/// What others have: LOADW, FENCE.
const MIDDLE: usize = 2;
/// What the last has: LOADW, FENCE, halt.
const LAST: usize = 3;

/// The lengths of the blocks of a program, from its first instruction on; one for a program that
/// fits as a whole, which has only two halts besides its body.
pub(super) fn block_lengths(body: usize, architecture: &Architecture) -> Vec<usize> {
    let depth = architecture.instruction_depth() as usize;
    if body + 2 <= depth {
        return vec![body + 2];
    }
    let most = depth / 2;
    // Long blocks and a long first one are best; more than the body if nothing else puts the last
    // block beside the first.
    for filled in body.. {
        let long = (most / 2..=most).rev().map(|length| (length, length / 2));
        let any = (most / 2..=most).rev().map(|length| (length, FIRST + 1));
        let lengths = long.chain(any).find_map(|(length, least)| {
            (least.max(FIRST + 1)..=length).rev().find_map(|first| division(filled, first, length, depth))
        });
        if let Some(lengths) = lengths {
            return lengths;
        }
    }
    unreachable!("every second block may be the last")
}

/// Blocks of `length` behind one of `first`, if the last then lies beside the first.
fn division(body: usize, first: usize, length: usize, depth: usize) -> Option<Vec<usize>> {
    let mut rest = body.checked_sub(first - FIRST)?;
    let mut start = first;
    let mut lengths = vec![first];
    while rest + LAST > length {
        rest = rest.checked_sub(length - MIDDLE)?;
        start += length;
        lengths.push(length);
    }
    let last = rest + LAST;
    lengths.push(last);
    (start % depth >= first && start % depth + last <= depth).then_some(lengths)
}

/// The program for `body` in blocks of these lengths; `image_beat` says where in external memory the
/// instruction at a position lies.
pub(super) fn blocks(
    body: Vec<Instruction>,
    lengths: &[usize],
    architecture: &Architecture,
    image_beat: impl Fn(usize) -> usize,
) -> Vec<Instruction> {
    let halt = Instruction::Sync { halt: true };
    let mut program = vec![halt];
    if let [_] = lengths {
        program.extend(body);
        program.push(halt);
        return program;
    }
    let load = |start: usize, length: usize| Instruction::LoadWeights {
        header: Header::NONE,
        target: WeightTarget::Instructions,
        memory_beat: image_beat(start) as u32,
        destination: start as u32 & (architecture.instruction_depth() - 1),
        beats: length as u32 * architecture.instruction_beats(),
    };
    let mut rest = body.into_iter();
    let mut start = 0;
    for (number, &length) in lengths.iter().enumerate() {
        let next = lengths.get(number + 1);
        let end = start + length - usize::from(next.is_none());
        program.push(next.map_or(load(0, lengths[0]), |&next| load(start + length, next)));
        while program.len() + 1 < end {
            program.push(rest.next().unwrap_or(Instruction::Sync { halt: false }));
        }
        program.push(Instruction::Fence);
        start += length;
    }
    program.push(halt);
    debug_assert!(rest.next().is_none(), "all instructions are in blocks");
    program
}

#[cfg(test)]
mod tests {
    use super::*;
    use myelin_isa::Precision;

    #[test]
    fn neighbours_fit_together_and_the_last_block_lies_beside_the_first() {
        let card = Architecture::new(4, 4, Precision::Int8).unwrap();
        for depth in [16, 64] {
            let card = card.with_instruction_depth(depth as u32).unwrap();
            for body in 0..6 * depth {
                let lengths = block_lengths(body, &card);
                let nothing = vec![Instruction::Sync { halt: false }; body];
                let program = blocks(nothing, &lengths, &card, |position| position);
                assert_eq!(program.len(), lengths.iter().sum::<usize>(), "{body}");
                let [first, .., last] = lengths[..] else { continue };
                assert!(lengths.windows(2).all(|pair| pair[0] + pair[1] <= depth));
                let start = (program.len() - last) % depth;
                assert!(start >= first && start + last <= depth, "{body} {lengths:?}");
                assert!(first >= depth / 8, "{body} {lengths:?}");
                assert!(program.len() <= body + MIDDLE * lengths.len() + 2 + depth / 4, "{body} {lengths:?}");
            }
        }
    }
}
