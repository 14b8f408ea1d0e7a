//! Skid buffer: a register slice that cuts every path of a stream without costing throughput.
//!
//! ```text
//!              +-------------+
//!  push_valid->| skid | main |->pop_valid
//!  push_ready<-|      |      |<-pop_ready
//!  push_k    ->|  word|  word|->pop_k
//!              +-------------+
//! ```
//!
//! **Parameters.** Words of `lanes` lanes of type `lane`.
//!
//! | port | width | meaning | in reset |
//! |---|---|---|---|
//! | `push_valid_i`, `push_ready_o` | 1 | a word is offered; it is taken | ready is 1 |
//! | `push_<k>_i` | `lane` | its lanes | |
//! | `pop_valid_o`, `pop_ready_i` | 1 | a word is offered; it is taken | valid is 0 |
//! | `pop_<k>_o` | `lane` | its lanes | unspecified |
//!
//! A word moves on a rising edge with valid and ready both high; valid does not depend on ready; a
//! word offered stays until taken.
//!
//! **Timing.** Latency [`LATENCY`], one word per cycle, capacity [`CAPACITY`]. All outputs are
//! registers (ready is one bit's inverse): no combinational path from ready to ready, nor from
//! valid to valid.
//!
//! **Why two words.** With ready registered, the producer learns of a stall one cycle late, and the
//! word of that cycle has to be put somewhere. One word would halve the throughput.
//!
//! **Proved** (`verification/formal`): each word leaves once, in order and unchanged, and a word
//! offered stays.

use std::sync::Arc;

use myelin_hdl::{Module, ModuleBuilder, Register, Signal, Ty, module, mux, u};

use super::bundle;

/// Cycles from a word pushed to the same word offered.
pub const LATENCY: usize = 1;
/// Words held.
pub const CAPACITY: usize = 2;

/// Builds the buffer.
///
/// # Panics
/// If there are no lanes.
pub fn skid_buffer(lanes: usize, lane: Ty) -> Arc<Module> {
    module(format!("skid_buffer_{lanes}x{}", lane.width()), |m| {
        m.doc("Skid buffer: cuts every path of a stream at full throughput.");
        declare(m, lanes, lane);
    })
}

/// What is inside the buffer, for a module that watches it.
pub struct Inside {
    /// The word at the exit is held.
    pub main_full: Signal,
    /// A word is there to enter.
    pub push_valid: Signal,
    /// There is room.
    pub push_ready: Signal,
    /// The word at the entry.
    pub push: Vec<Signal>,
    /// The word at the exit.
    pub main: Vec<Signal>,
    /// The word behind it.
    pub skid: Vec<Signal>,
    /// A word offered is taken.
    pub pop_ready: Signal,
}

/// The whole buffer, ports included, in the open module `m`: [`skid_buffer`] and its proof share it.
///
/// # Panics
/// As [`skid_buffer`].
pub fn declare(m: &ModuleBuilder, lanes: usize, lane: Ty) -> Inside {
    assert!(lanes >= 1, "a skid buffer has at least one lane");
    let push_valid = m.input("push_valid_i", u(1));
    let push = bundle::inputs(m, "push", lanes, lane);
    let pop_ready = m.input("pop_ready_i", u(1));

    let main_full = m.register("main_full_q", u(1)).reset(0);
    let skid_full = m.register("skid_full_q", u(1)).reset(0);
    let push_ready = (!skid_full.q).named("push_ready");
    let pushed = (push_valid & push_ready).named("pushed");
    let popped = (main_full.q & pop_ready).named("popped");
    let main_stays = (main_full.q & !popped).named("main_stays");
    main_full.next(skid_full.q | pushed | main_stays);
    skid_full.next(mux(popped, 0, skid_full.q | pushed & main_full.q));

    let held = |name: &str| -> Vec<Register> {
        (0..lanes).map(|index| m.register(&format!("{name}_{index}_q"), lane)).collect()
    };
    let (main, skid) = (held("main"), held("skid"));
    for ((main, skid), &push) in main.iter().zip(&skid).zip(&push) {
        main.next_when(!main_stays, mux(skid_full.q, skid.q, push));
        skid.next_when(push_ready, push);
    }

    let values = |registers: &[Register]| registers.iter().map(|register| register.q).collect::<Vec<Signal>>();
    let (main, skid) = (values(&main), values(&skid));
    m.output("push_ready_o", push_ready);
    m.output("pop_valid_o", main_full.q);
    bundle::outputs(m, "pop", &main);

    m.assert("skid_is_filled_only_behind_main", !skid_full.q | main_full.q);
    m.cover("both_words_are_held", skid_full.q);
    m.cover("words_pass_at_full_rate", pushed & popped);
    Inside { main_full: main_full.q, push_valid, push_ready, push, main, skid, pop_ready }
}
