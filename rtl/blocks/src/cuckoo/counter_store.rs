//! Counters of one bank: reads, changes and writes back one a cycle.
//!
//! ```text
//!              +---------------+
//!  request   ->| counter_store |-> both
//!  walk      ->|               |
//!              +---------------+
//! ```
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `walk_valid_i`, `walk_address_i` | 1, `word_bits` | a word of counters becomes 0 |
//! | `request_valid_i`, `request_word_i`, `request_field_i` | 1, `word_bits`, `field_bits` | a counter |
//! | `request_kind_i`, `request_parity_i` | 2, 1 | what is done to it ([`Kind`]), and for which of a pair |
//! | `epoch_i` | 1 | which of two codes says *both* in this pass |
//! | `advance_i` | 1 | requests move on; what waits in the second cycle is written |
//! | `both_o` | 1 | the counter of the request in the second cycle, before it is changed, says *both* |
//!
//! **Numbers.** A counter says of a node *none* (0), *once* (1) or *both* (2 or 3): used twice or more.
//! Paired variants count pairs of keys that can meet: *none* (0), *even* (1), *odd* (2), *both* (4 or 5).
//! Of the codes for *both*, which alternate from marking to marking, the other one is left over from the
//! last round but one. So no pass clears the store: a test turns what is not *both* into *none*, since its
//! edge dies; and before the next test every counter left over is visited by each edge that stayed there,
//! which marks it anew if it stays on, and else clears it.
//!
//! **Timing.** A request is read in its first cycle and written at the end of its second.
//!
//! **Proved** (`verification/formal`): each counter says what was marked, whatever else is done when.

use std::sync::Arc;

use myelin_hdl::{MemoryHandle, MemoryStyle, Module, ModuleBuilder, Signal, choose, module, mux, u};
use myelin_isa::cuckoo::Core;

/// What is done to a counter.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Nothing.
    Pass = 0,
    /// One more edge ends here.
    Mark = 1,
    /// Does the edge stay? What is not *both* becomes *none*.
    Test = 2,
    /// What is left over becomes *none*.
    Clear = 3,
}

impl Kind {
    /// The kind as a request's field.
    pub fn signal(self, m: &ModuleBuilder) -> Signal {
        m.constant(u(2), self as i64)
    }
}

/// Builds the store.
pub fn counter_store(core: &Core) -> Arc<Module> {
    module("counter_store", |m| {
        m.doc("Counters of one bank: read, changed and written back, one a cycle.");
        let inside = declare(m, core);
        let testing = inside.writes & inside.kind.eq(Kind::Test as i64);
        m.assert("no_test_meets_what_is_left_over", !(testing & inside.is_left_over));
        m.assert("nothing_is_cleared_while_counting", !(inside.walk_valid & inside.writes));
    })
}

/// What is inside the store, for a module that watches it.
pub struct Inside {
    /// A word of counters becomes 0.
    pub walk_valid: Signal,
    /// Which.
    pub walk_address: Signal,
    /// A request is there.
    pub request_valid: Signal,
    /// Requests move on.
    pub advance: Signal,
    /// A request is in the second cycle.
    pub valid: Signal,
    /// It is written.
    pub writes: Signal,
    /// Its word.
    pub address: Signal,
    /// Its counter of the word.
    pub field: Signal,
    /// What is done to it.
    pub kind: Signal,
    /// For which of a pair.
    pub parity: Signal,
    /// Which code says *both*.
    pub epoch: Signal,
    /// Its word of counters, before the change.
    pub before: Signal,
    /// Its counter says *both*.
    pub is_both: Signal,
    /// Its counter said *both* in another pass.
    pub is_left_over: Signal,
    /// All words of counters.
    pub words: MemoryHandle,
}

/// The whole store, ports included, in the open module `m`: [`counter_store`] and its proof share it.
pub fn declare(m: &ModuleBuilder, core: &Core) -> Inside {
    let (word_bits, field_bits) = (core.word_bits(), core.field_bits());
    let field_width = Core::WORD_BITS >> field_bits;
    let word = u(Core::WORD_BITS);
    let walk_valid = m.input("walk_valid_i", u(1));
    let walk_address = m.input("walk_address_i", u(word_bits));
    let request_valid = m.input("request_valid_i", u(1));
    let request_word = m.input("request_word_i", u(word_bits));
    let request_field = m.input("request_field_i", u(field_bits));
    let request_kind = m.input("request_kind_i", u(2));
    let request_parity = m.input("request_parity_i", u(1));
    let epoch = m.input("epoch_i", u(1));
    let advance = m.input("advance_i", u(1));

    // First cycle: read.
    let takes = (request_valid & advance).named("takes");
    let words = m.memory("words", 1 << word_bits, 1, word).style(MemoryStyle::Block);
    let read = words.read(request_word, takes)[0];
    let valid = m.register("valid_q", u(1)).reset(0);
    valid.next_when(advance, request_valid);
    let held = |name: &str, value: Signal| {
        let register = m.register(name, value.ty());
        register.next_when(takes, value);
        register.q
    };
    let address = held("address_q", request_word);
    let field = held("field_q", request_field);
    let kind = held("kind_q", request_kind);
    let parity = held("parity_q", request_parity);

    // Second cycle: change and write.
    let writes = (valid.q & advance).named("writes");
    let forwarded = m.register("forwarded_q", u(1)).reset(0);
    forwarded.next_when(advance, writes & request_valid & request_word.eq(address));
    let written = m.register("written_q", word);
    let before = mux(forwarded.q, written.q, read).named("before");
    let shift = field.shift_left(field_width.ilog2());
    let counter = before.shift_right_by(shift).truncate(field_width).named("counter");
    let codes = if core.variant().is_paired() { paired(m, counter, parity, epoch) } else { twice(m, counter, epoch) };
    let is = |wanted: Kind| kind.eq(wanted as i64);
    let none = m.constant(u(field_width), 0);
    let changed = choose(counter)
        .when(is(Kind::Mark), codes.marked)
        .when(is(Kind::Test) & !codes.is_both, none)
        .when(is(Kind::Clear) & codes.is_left_over, none)
        .end();
    let mask = m.constant(word, (1 << field_width) - 1).shift_left_by(shift);
    let after = (before & !mask) | changed.extend(word).shift_left_by(shift);
    written.next_when(writes, after);
    words.write(mux(walk_valid, walk_address, address), walk_valid | writes, &[mux(walk_valid, 0, after)]);

    m.output("both_o", codes.is_both);
    let Codes { is_both, is_left_over, .. } = codes;
    Inside {
        walk_valid,
        walk_address,
        request_valid,
        advance,
        valid: valid.q,
        writes,
        address,
        field,
        kind,
        parity,
        epoch,
        before,
        is_both,
        is_left_over,
        words,
    }
}

/// What a counter says, and what it says after one more edge.
struct Codes {
    is_both: Signal,
    is_left_over: Signal,
    marked: Signal,
}

fn twice(m: &ModuleBuilder, counter: Signal, epoch: Signal) -> Codes {
    let high = counter.bit(1);
    let is_both = high & counter.bit(0).eq(epoch);
    let is_left_over = high & counter.bit(0).ne(epoch);
    let both = m.constant(u(2), 2) | epoch.extend(u(2));
    let starts = is_left_over | !counter.any();
    Codes { is_both, is_left_over, marked: mux(starts, m.constant(u(2), 1), both) }
}

fn paired(m: &ModuleBuilder, counter: Signal, parity: Signal, epoch: Signal) -> Codes {
    let high = counter.bit(2);
    let is_both = high & counter.bit(0).eq(epoch);
    let is_left_over = high & counter.bit(0).ne(epoch);
    let both = m.constant(u(4), 4) | epoch.extend(u(4));
    let own = mux(parity, m.constant(u(4), 2), m.constant(u(4), 1));
    let starts = is_left_over | !counter.any() | (!high & counter.eq(own));
    Codes { is_both, is_left_over, marked: mux(starts, own, both) }
}
