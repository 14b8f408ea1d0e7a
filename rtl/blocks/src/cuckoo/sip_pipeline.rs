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
//! | `state_<k>_i` | u64 | v0 to v3 before the word |
//! | `state_<k>_o` | u64 | v0 to v3 after the last round ([`End::State`]) |
//! | `term_<k>_o` | u64 | four words of which the XOR is the hash ([`End::Hash`]) |
//! | `word_i`, `word_o` | `word_width` | what is hashed, zero-extended |
//! | `tag_i`, `tag_o` | `tag_width` | goes along |
//!
//! **Timing.** Latency [`Sip::stages`], one word a cycle, no stall: a consumer must have room.
//!
//! **Numbers.** Additions modulo 2^64. The hash is the XOR of the four words of the state, left to the
//! consumer, since chained hashes go on from the state. Where only the hash counts, the last half round
//! needs one addition instead of two and no XOR: v0 is in two of the four words and cancels.
//! Judged by `myelin_golden::cuckoo::siphash`.
//!
//! **Cut.** Both additions of a half round are side by side: one 64-bit carry chain and an XOR a stage.

use std::sync::Arc;

use myelin_hdl::{Module, ModuleBuilder, Signal, module, u};
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

/// Builds the pipeline.
pub fn sip_pipeline(sip: Sip, last_rotation: u32, word_width: u32, tag_width: u32, end: End) -> Arc<Module> {
    let (before, after) = sip.rounds();
    let last = 2 * (before + after) - 1;
    let name = if end == End::State { "sip" } else { "sip_hash" };
    module(format!("{name}_{before}_{after}_{word_width}_{tag_width}"), |m| {
        m.doc(&format!("SipHash-{}, half a round a stage.", sip.name()));
        let valid = m.input("valid_i", u(1));
        let mut state = bundle::inputs(m, "state", 4, u(64));
        let mut word = m.input("word_i", u(word_width));
        let mut tag = m.input("tag_i", u(tag_width));
        let mut valid_q = valid;
        state[3] = state[3] ^ word.extend(u(64));
        for half in 0..2 * (before + after) {
            if half == 2 * before {
                state[0] = state[0] ^ word.extend(u(64));
                state[2] = state[2] ^ m.constant(u(64), 0xff);
            }
            let next = match end {
                End::Hash if half == last => hash_half(&state, last_rotation),
                _ if half % 2 == 0 => first_half(&state),
                _ => second_half(&state, last_rotation),
            };
            state = next.iter().enumerate().map(|(k, &next)| m.delay(&format!("v{k}_{half}_q"), next)).collect();
            word = m.delay(&format!("word_{half}_q"), word);
            tag = m.delay(&format!("tag_{half}_q"), tag);
            valid_q = delayed_valid(m, half, valid_q);
        }
        m.output("valid_o", valid_q);
        match (end, &state[..]) {
            (End::Hash, &[v1, v2, v3]) => bundle::outputs(m, "term", &[v1, v2, v2.rotate_left(32), v3]),
            _ => bundle::outputs(m, "state", &state),
        }
        m.output("word_o", word);
        m.output("tag_o", tag);
    })
}

/// v0 and v2 take what v1 and v3 add.
fn first_half(v: &[Signal]) -> Vec<Signal> {
    let (v0, v2) = (v[0].wrapping_add(v[1]), v[2].wrapping_add(v[3]));
    vec![v0.rotate_left(32), v[1].rotate_left(13) ^ v0, v2, v[3].rotate_left(16) ^ v2]
}

/// The same across.
fn second_half(v: &[Signal], last_rotation: u32) -> Vec<Signal> {
    let (v2, v0) = (v[2].wrapping_add(v[1]), v[0].wrapping_add(v[3]));
    vec![v0, v[1].rotate_left(17) ^ v2, v2.rotate_left(32), v[3].rotate_left(last_rotation) ^ v0]
}

/// The second half of the last round without v0, and v1 and v3 without what cancels in the hash:
/// (v1 ^ v2) ^ rotated v2 ^ (v3 ^ v0) ^ v0.
fn hash_half(v: &[Signal], last_rotation: u32) -> Vec<Signal> {
    vec![v[1].rotate_left(17), v[2].wrapping_add(v[1]), v[3].rotate_left(last_rotation)]
}

fn delayed_valid(m: &ModuleBuilder, half: u32, valid: Signal) -> Signal {
    let register = m.register(&format!("valid_{half}_q"), u(1)).reset(0);
    register.next(valid);
    register.q
}
