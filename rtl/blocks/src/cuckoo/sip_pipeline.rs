//! SipHash of one word, unrolled and pipelined: half a round a stage.
//!
//! ```text
//!            +--------------+
//!  state   ->|              |-> state
//!  word    ->| sip_pipeline |-> word
//!  tag     ->|              |-> tag
//!            +--------------+
//! ```
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `valid_i`, `valid_o` | 1 | something is in the slot (reset: 0) |
//! | `state_<k>_i` | u64 | v0 to v3, the word already XORed into v3 |
//! | `state_<k>_o` | u64 | v0 to v3 after the last round ([`End::State`]) |
//! | `term_<k>_o` | u64 | [`TERMS`] words of which the XOR is the hash ([`End::Hash`]) |
//! | `word_i`, `word_o` | `word_width` | what is hashed, zero-extended |
//! | `tag_i`, `tag_o` | `tag_width` | goes along |
//! | `next_valid_o`, `next_tag_o` | 1, `tag_width` | `valid_o` and `tag_o` of the next cycle ([`End::State`]) |
//!
//! **Timing.** Latency [`Sip::stages`], one word a cycle, no stall: a consumer must have room.
//!
//! **Numbers.** Additions modulo 2^64. The hash is the XOR of the four words of the state, left to the
//! consumer, since chained hashes go on from the state. Where only the hash counts, the last half round
//! needs one addition instead of two: v0 is in two of the four words and cancels. The first XOR of the word is left
//! to whoever gives it, who may have time for it.
//! Judged by `myelin_golden::cuckoo::siphash`.
//!
//! **Cut.** Both additions of a half round are side by side: a stage is a look-up table and one 64-bit carry
//! chain. What is to be XORed is kept as two words, and behind every second half round as three, since the
//! look-up tables in front of a carry chain take an XOR of so many words for nothing: half the XORs that
//! SipHash has need no tables of their own, for two more words of flip-flops in every second stage. They do so
//! for the second operand only. Of a sum's operands Yosys chooses which is the second, by their names; so
//! sums are kept complemented, `!(a + b) = !a - b`, and a difference's second operand is the second.

use std::sync::Arc;

use myelin_hdl::{Module, ModuleBuilder, Signal, module, tree_reduce, u};
use myelin_isa::cuckoo::Sip;

use crate::prim::bundle;

/// What leaves the pipeline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The state, for the next hash of a chain.
    State,
    /// Words of which the XOR is the hash.
    Hash,
}

/// Words of which the XOR is the hash ([`End::Hash`]).
pub const TERMS: usize = 6;

/// Builds the pipeline.
pub fn sip_pipeline(sip: Sip, last_rotation: u32, word_width: u32, tag_width: u32, end: End) -> Arc<Module> {
    let (before, after) = sip.rounds();
    let halves = 2 * (before + after);
    let name = if end == End::State { "sip" } else { "sip_hash" };
    module(format!("{name}_{before}_{after}_{word_width}_{tag_width}"), |m| {
        m.doc(&format!("SipHash-{}, half a round a stage.", sip.name()));
        let valid = m.input("valid_i", u(1));
        let state = bundle::inputs(m, "state", 4, u(64));
        let mut word = m.input("word_i", u(word_width));
        let mut tag = m.input("tag_i", u(tag_width));
        let mut valid_q = valid;
        let mut state = State { n0: !state[0], v1: vec![!state[1]], n2: !state[2], v3: vec![!state[3]] };
        let mut terms = None;
        for half in 0..halves {
            if half == 2 * before {
                state.n0 = state.n0 ^ word.extend(u(64));
                state.n2 = state.n2 ^ m.constant(u(64), 0xff);
            }
            if half + 1 == halves && end == End::Hash {
                terms = Some(state.hash_half(m, half, last_rotation));
            } else if half % 2 == 0 {
                state = state.first_half(m, half);
            } else {
                state = state.second_half(m, half, last_rotation);
            }
            word = m.delay(&format!("word_{half}_q"), word);
            if half + 1 == halves && end == End::State {
                m.output("next_valid_o", valid_q);
                m.output("next_tag_o", tag);
            }
            tag = m.delay(&format!("tag_{half}_q"), tag);
            valid_q = delayed_valid(m, half, valid_q);
        }
        m.output("valid_o", valid_q);
        match terms {
            Some(terms) => bundle::outputs(m, "term", &terms),
            None => bundle::outputs(m, "state", &[!state.n0, !xor(&state.v1), !state.n2, !xor(&state.v3)]),
        }
        m.output("word_o", word);
        m.output("tag_o", tag);
    })
}

/// The state between two stages.
struct State {
    /// v0 and v2, complemented.
    n0: Signal,
    n2: Signal,
    /// Words of which the XOR is v1 and v3; complemented behind a second half.
    v1: Vec<Signal>,
    v3: Vec<Signal>,
}

impl State {
    /// v0 and v2 take what v1 and v3 add. v1 and v3 become one word each, and the new sum is a second.
    fn first_half(&self, m: &ModuleBuilder, half: u32) -> State {
        let (n1, n3) = (xor(&self.v1), xor(&self.v3));
        let n0 = m.delay(&format!("n0_{half}_q"), n1.wrapping_sub(!self.n0));
        let n2 = m.delay(&format!("n2_{half}_q"), n3.wrapping_sub(!self.n2));
        let n1 = m.delay(&format!("n1_{half}_q"), n1);
        let n3 = m.delay(&format!("n3_{half}_q"), n3);
        State { n0: n0.rotate_left(32), v1: vec![n1.rotate_left(13), n0], n2, v3: vec![n3.rotate_left(16), n2] }
    }

    /// The same across; the new sum is a third word.
    fn second_half(&self, m: &ModuleBuilder, half: u32, last_rotation: u32) -> State {
        let (mut v1, n2, mut v3) = self.across(m, half, last_rotation);
        let n0 = m.delay(&format!("n0_{half}_q"), self.n0.wrapping_sub(xor(&self.v3)));
        v1.push(n2);
        v3.push(n0);
        State { n0, v1, n2: n2.rotate_left(32), v3 }
    }

    /// The second half of the last round, where only the XOR of all counts: v0 is in v3 too and cancels.
    fn hash_half(&self, m: &ModuleBuilder, half: u32, last_rotation: u32) -> [Signal; TERMS] {
        let (v1, n2, v3) = self.across(m, half, last_rotation);
        [v1[0], v1[1], n2, n2.rotate_left(32), v3[0], v3[1]]
    }

    /// What is in both: v1 and v3 without the new sum, and v2 before it is turned.
    fn across(&self, m: &ModuleBuilder, half: u32, last_rotation: u32) -> (Vec<Signal>, Signal, Vec<Signal>) {
        let held = |name: &str, terms: &[Signal], rotation: u32| {
            let hold = |(k, &term): (usize, &Signal)| m.delay(&format!("{name}_{k}_{half}_q"), term);
            terms.iter().enumerate().map(hold).map(|term: Signal| term.rotate_left(rotation)).collect()
        };
        let n2 = m.delay(&format!("n2_{half}_q"), self.n2.wrapping_sub(xor(&self.v1)));
        (held("v1", &self.v1, 17), n2, held("v3", &self.v3, last_rotation))
    }
}

fn xor(words: &[Signal]) -> Signal {
    tree_reduce(words, |a, b| a ^ b)
}

fn delayed_valid(m: &ModuleBuilder, half: u32, valid: Signal) -> Signal {
    m.delay_reset(&format!("valid_{half}_q"), valid)
}
