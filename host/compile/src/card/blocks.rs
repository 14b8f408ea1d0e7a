//! Programs longer than instruction memory: blocks, of which each loads what follows it.
//!
//! A block is at most half the memory. Spread over it stand LOADWs of the next, in small pieces that delay
//! little else, and it ends with a FENCE for each, so the next is there when its turn comes. The last
//! loads the first again, for the next start; it lies
//! elsewhere. Before it all stands a halt, the program that loads resident weights: there are none.

use myelin_isa::{Architecture, Header, Instruction, WeightTarget};

/// Instruction memory for each piece of a LOADW, and the most pieces.
const DEPTH_PER_PIECE: usize = 64;
const PIECES_MAX: usize = 4;

/// What blocks have besides their share of the program.
#[derive(Clone, Copy)]
struct Besides {
    /// LOADWs of the next block.
    pieces: usize,
}

impl Besides {
    fn new(depth: usize) -> Besides {
        Besides { pieces: (depth / DEPTH_PER_PIECE).clamp(1, PIECES_MAX) }
    }

    /// Halt, LOADWs, FENCEs.
    fn first(self) -> usize {
        2 * self.pieces + 1
    }

    /// LOADWs, FENCEs.
    fn middle(self) -> usize {
        2 * self.pieces
    }

    /// LOADWs, FENCEs, halt.
    fn last(self) -> usize {
        2 * self.pieces + 1
    }
}

/// The lengths of the blocks of a program, from its first instruction on; one for a program that
/// fits as a whole, which has only two halts besides its body.
pub(super) fn block_lengths(body: usize, architecture: &Architecture) -> Vec<usize> {
    let depth = architecture.instruction_depth() as usize;
    if body + 2 <= depth {
        return vec![body + 2];
    }
    let (most, besides) = (depth / 2, Besides::new(depth));
    // Long blocks and a long first one are best; then more than the body, if a first one of some length or
    // a last one beside the first takes that.
    let sized = |filled: usize, least: &dyn Fn(usize) -> usize| {
        (most / 2..=most).rev().find_map(|length| {
            let least = least(length).max(besides.first() + 1);
            (least..=length).rev().find_map(|first| division(filled, first, length, depth))
        })
    };
    let mut some = (body..body + depth / 8).map(|filled| sized(filled, &|_| depth / 32));
    let mut any = (body..).map(|filled| sized(filled, &|_| 0));
    let long = sized(body, &|length| length / 2);
    let lengths = long.or_else(|| some.find_map(|lengths| lengths)).or_else(|| any.find_map(|lengths| lengths));
    lengths.expect("invariant: every second block may be the last")
}

/// Blocks of `length` behind one of `first`, if the last then lies beside the first.
fn division(body: usize, first: usize, length: usize, depth: usize) -> Option<Vec<usize>> {
    let besides = Besides::new(depth);
    let mut rest = body.checked_sub(first - besides.first())?;
    let mut start = first;
    let mut lengths = vec![first];
    while rest + besides.last() > length {
        rest = rest.checked_sub(length - besides.middle())?;
        start += length;
        lengths.push(length);
    }
    let last = rest + besides.last();
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
    let pieces = Besides::new(architecture.instruction_depth() as usize).pieces;
    let mut rest = body.into_iter();
    let mut start = 0;
    for (number, &length) in lengths.iter().enumerate() {
        let next = lengths.get(number + 1);
        let end = start + length - usize::from(next.is_none());
        let (next, next_length) = next.map_or((0, lengths[0]), |&next| (start + length, next));
        let others = end - program.len() - 2 * pieces;
        for piece in 0..=pieces {
            let share = |whole: usize, parts: usize| piece * whole / parts..(piece + 1) * whole / parts;
            let mut body = || rest.next().unwrap_or(Instruction::Sync { halt: false });
            program.extend(share(others, pieces + 1).map(|_| body()));
            if piece < pieces {
                let loaded = share(next_length, pieces);
                program.push(load(next + loaded.start, loaded.len()));
            }
        }
        program.extend(core::iter::repeat_n(Instruction::Fence, pieces));
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
        for depth in [16, 64, 256] {
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
                assert!(first >= depth / 32, "{body} {lengths:?}");
                assert!(
                    program.len() <= body + Besides::new(depth).middle() * lengths.len() + 2 + depth / 4,
                    "{body} {lengths:?}"
                );
            }
        }
    }
}
