//! The edge-trimming core's counters: of one key, and of pairs of keys.

use std::sync::Arc;

use myelin_hdl::{Module, ModuleBuilder, Signal, choose, concat, module, mux, u};
use myelin_isa::cuckoo::{Core, Sip, Variant};
use myelin_rtl::cuckoo::counter_store::{self, Inside, Kind};

use crate::proof::{Method, Mutant, Proof};
use crate::watch::{frozen, implies};

/// What one counter has seen, as the account of it has it.
struct Account {
    /// The counter has been cleared since reset: before that it holds anything.
    begun: Signal,
    /// Marks: none, one (or even, or odd), both.
    seen: Signal,
    /// Both, but in the other epoch than this.
    is_left_over: Signal,
    /// Both, in this epoch.
    is_both: Signal,
    /// The code that says so.
    code: Signal,
}

/// One counter is followed, chosen freely: what holds for it holds for each.
fn watched(variant: Variant) -> Arc<Module> {
    let core = Core::new(variant, Sip::TwoFour, 10, 1).expect("invariant: legal parameters");
    module("counter_store_proof", |m| {
        m.doc("Counters of one bank with what watches one of them.");
        let inside = counter_store::declare(m, &core);
        m.assume(
            "no_counter_is_cleared_with_a_request_inside",
            !(inside.walk_valid & (inside.request_valid | inside.valid)),
        );
        let word = frozen(m, "followed_word", m.input("follow_word_i", inside.address.ty()));
        let field = frozen(m, "followed_field", m.input("follow_field_i", inside.field.ty()));
        let width = Core::WORD_BITS >> core.field_bits();
        let code_in = |words: Signal| words.shift_right_by(field.shift_left(width.ilog2())).truncate(width);

        let account = account(m, &inside, &core, inside.address.eq(word) & inside.field.eq(field), word);
        let here = (inside.valid & inside.address.eq(word)).named("followed_word_is_changed");
        let held = inside.words.read_asynchronous(word)[0];
        let begun = account.begun;
        m.assert("the_counter_is_what_was_marked", implies(begun, code_in(held).eq(account.code)));
        m.assert(
            "a_request_sees_every_change_before_it",
            implies(begun & here, code_in(inside.before).eq(account.code)),
        );
        let followed = begun & here & inside.field.eq(field);
        m.assert("it_says_both_of_two_marks_in_this_epoch", implies(followed, inside.is_both.eq(account.is_both)));
        m.assert("it_is_left_over_of_another_epoch", implies(followed, inside.is_left_over.eq(account.is_left_over)));
        let is = |kind: Kind| followed & inside.writes & inside.kind.eq(kind as i64);
        m.cover("one_more_mark_changes_nothing", is(Kind::Mark) & account.is_both);
        m.cover("what_is_left_over_begins_anew", is(Kind::Mark) & account.is_left_over);
        m.cover("what_is_left_over_is_cleared", is(Kind::Clear) & account.is_left_over);
        m.cover("what_is_not_both_dies", is(Kind::Test) & account.seen.any() & !account.is_both);
        m.cover("a_request_waits", followed & !inside.advance);
    })
}

/// Keeps the account of the counter of which `visited` is true.
fn account(m: &ModuleBuilder, inside: &Inside, core: &Core, visited: Signal, word: Signal) -> Account {
    let seen = m.register("account_seen_q", u(2));
    let since = m.register("account_since_q", u(1));
    let cleared = inside.walk_valid & inside.walk_address.eq(word);
    let begun = m.register("account_begun_q", u(1)).reset(0);
    begun.next(begun.q | cleared);
    let all = m.constant(u(2), 3);
    if !core.variant().is_paired() {
        m.assert("the_account_is_none_once_or_both", implies(begun.q, seen.q.ne(2)));
    }
    let is_left_over = (seen.q.eq(3) & since.q.ne(inside.epoch)).named("account_is_left_over");
    let is_both = (seen.q.eq(3) & since.q.eq(inside.epoch)).named("account_is_both");
    let counts = mux(is_left_over, 0, seen.q);
    let marked = if core.variant().is_paired() {
        counts | mux(inside.parity, m.constant(u(2), 2), m.constant(u(2), 1))
    } else {
        mux(counts.any(), all, m.constant(u(2), 1))
    };
    let written = inside.writes & visited;
    let is = |kind: Kind| inside.kind.eq(kind as i64);
    let changed = choose(seen.q)
        .when(is(Kind::Mark), marked)
        .when(is(Kind::Test) & !is_both, 0)
        .when(is(Kind::Clear) & is_left_over, 0)
        .end();
    seen.next(choose(seen.q).when(cleared, 0).when(written, changed).end());
    since.next_when(written & is(Kind::Mark), inside.epoch);
    let width = Core::WORD_BITS >> core.field_bits();
    let zero = m.constant(u(width - 1), 0);
    // Both: the code above the others, and the epoch in which it was marked.
    let both = (concat(&[zero, since.q]) | m.constant(u(width), 1 << (width - 1).min(2))).truncate(width);
    let code = mux(seen.q.eq(3), both, seen.q.extend(u(width)));
    Account { begun: begun.q, seen: seen.q, is_left_over, is_both, code }
}

const ASSUMED: &str = "no word is cleared while a request is inside";
const HOLES: &str = "the size is the least there is, the text the same for each; that what is left over is visited before \
                     the next test is the passes' to keep (simulated, with an assertion in the block)";

pub(super) fn proofs() -> Vec<Proof> {
    vec![
        Proof {
            name: "counter_store",
            subject: "two-bit counters of the edge-trimming core, words of 32",
            build: || watched(Variant::Cuckaroo),
            method: Method::Induction { base: 4, steps: 2 },
            reach_steps: 14,
            proved: "once cleared, each counter says none, once, or both of what was marked there since in this epoch: two \
                     marks make both and more change nothing, across requests back to back, stalls and other counters \
                     of its word; a test clears what is not both, a clear what is left over of the other epoch, and \
                     what is left over counts as none",
            assumed: ASSUMED,
            holes: HOLES,
            mutants: &[
                Mutant {
                    bug: "a third mark begins anew",
                    from: "wire [1:0] mux_41 = or_39 ? 2'd1 : or_36;",
                    to: "wire [1:0] mux_41 = (or_39 | counter[1]) ? 2'd1 : or_36;",
                },
                Mutant {
                    bug: "the change just before is not seen",
                    from: "wire [63:0] before_2 = forwarded_q ? written_q : words_read0_q;",
                    to: "wire [63:0] before_2 = words_read0_q;",
                },
                Mutant {
                    bug: "what is left over counts",
                    from: "wire or_39 = and_33 | not_38;",
                    to: "wire or_39 = not_38;",
                },
                Mutant {
                    bug: "a test keeps what is not both",
                    from: "wire and_48 = eq_46 & not_47;",
                    to: "wire and_48 = 1'd0;",
                },
                Mutant {
                    bug: "the next counter of the word is changed too",
                    from: "wire [63:0] shl_56 = 64'd3 << concat_24;",
                    to: "wire [63:0] shl_56 = 64'd7 << concat_24;",
                },
            ],
        },
        Proof {
            name: "counter_store_paired",
            subject: "counters of pairs of keys that can meet, words of 16",
            build: || watched(Variant::Cuckatoo),
            method: Method::Induction { base: 4, steps: 2 },
            reach_steps: 14,
            proved: "once cleared, each counter says none, even, odd or both of what was marked there since in this epoch, \
                     however often; tests, clears and what is left over as of single keys",
            assumed: ASSUMED,
            holes: HOLES,
            mutants: &[
                Mutant {
                    bug: "two of one parity make both",
                    from: "wire or_46 = or_42 | and_45;",
                    to: "wire or_46 = or_42;",
                },
                Mutant {
                    bug: "a word is taken from the change before whatever its address",
                    from: "wire and_20 = and_18 & eq_19;",
                    to: "wire and_20 = and_18;",
                },
            ],
        },
    ]
}
