//! Ghost registers shared by proofs: what a stream or a queue is watched with.

use myelin_hdl::{ModuleBuilder, Signal, choose, mux, tree_reduce, u};

/// Whether two bundles are equal.
pub(crate) fn equal(a: &[Signal], b: &[Signal]) -> Signal {
    let equal: Vec<Signal> = a.iter().zip(b).map(|(&a, &b)| a.eq(b)).collect();
    tree_reduce(&equal, |a, b| a & b)
}

/// If `condition` then `conclusion`.
pub(crate) fn implies(condition: Signal, conclusion: Signal) -> Signal {
    !condition | conclusion
}

/// Asserts that a word offered stays, unchanged, until it is taken.
pub(crate) fn offered_word_stays(m: &ModuleBuilder, valid: Signal, ready: Signal, payload: &[Signal]) {
    let stalled = m.register("was_stalled_q", u(1)).reset(0);
    stalled.next(valid & !ready);
    let before: Vec<Signal> =
        payload.iter().enumerate().map(|(lane, &value)| m.delay(&format!("offered_{lane}_q"), value)).collect();
    m.assert("valid_stays_until_ready", implies(stalled.q, valid));
    m.assert("payload_stable_while_stalled", implies(stalled.q, equal(payload, &before)));
    m.cover("a_word_is_stalled_and_then_taken", stalled.q & valid & ready);
}

/// Keeps a free input as it was in the first cycle, as an assumption; what it holds.
pub(crate) fn frozen(m: &ModuleBuilder, name: &str, value: Signal) -> Signal {
    let begun = m.register(&format!("{name}_begun_q"), u(1)).reset(0);
    begun.next(1);
    let before = m.delay(&format!("{name}_before_q"), value);
    m.assume(&format!("{name}_is_stable"), implies(begun.q, value.eq(before)));
    value
}

/// A queue as the outside sees it, and a way to look at what it holds.
pub(crate) struct Queue<'a> {
    pub(crate) capacity: i64,
    pub(crate) push_valid: Signal,
    pub(crate) push_ready: Signal,
    pub(crate) pop_valid: Signal,
    pub(crate) pop_ready: Signal,
    pub(crate) push: &'a [Signal],
    pub(crate) pop: &'a [Signal],
    /// The word held behind this many others.
    pub(crate) held: &'a dyn Fn(Signal) -> Vec<Signal>,
}

/// Asserts that no word waits for nothing; `held` is what [`words_leave_in_order`] answers.
pub(crate) fn words_move_whenever_they_can(m: &ModuleBuilder, queue: &Queue, held: Signal) {
    m.assert("offers_a_word_whenever_it_holds_one", queue.pop_valid.eq(held.any()));
    m.assert("takes_a_word_whenever_it_has_room", queue.push_ready.eq(held.lt(queue.capacity)));
}

/// Asserts that words leave in order, once and unchanged.
///
/// One word is followed, chosen by the free input `follow_i` among all that ever enter: what holds
/// for it holds for each.
///
/// What moves is told by valid and ready alone. Returns how many words are held by that account.
pub(crate) fn words_leave_in_order(m: &ModuleBuilder, queue: &Queue) -> Signal {
    let follow = m.input("follow_i", u(1));
    let entered = (queue.push_valid & queue.push_ready).named("word_enters");
    let left = (queue.pop_valid & queue.pop_ready).named("word_leaves");
    let count_ty = u(8);
    let count = m.register("held_count_q", count_ty).reset(0);
    count.next(count.q.wrapping_add(entered).wrapping_sub(left));
    m.assert("holds_at_most_its_capacity", count.q.le(queue.capacity));

    let following = m.register("following_q", u(1)).reset(0);
    let ahead = m.register("ahead_q", count_ty).reset(0);
    let begins = (entered & follow & !following.q).named("follow_begins");
    let leaves = (following.q & left & ahead.q.eq(0)).named("followed_leaves");
    following.next(choose(following.q).when(begins, 1).when(leaves, 0).end());
    ahead.next(
        choose(ahead.q)
            .when(begins, count.q.wrapping_sub(left))
            .when(following.q & left & !leaves, ahead.q.wrapping_sub(1))
            .end(),
    );
    let word: Vec<Signal> = (queue.push.iter().enumerate())
        .map(|(lane, &push)| {
            let word = m.register(&format!("followed_{lane}_q"), push.ty());
            word.next_when(begins, push);
            word.q
        })
        .collect();
    let position = mux(following.q, ahead.q, 0);
    m.assert("a_word_that_entered_is_held_until_it_leaves", implies(following.q, ahead.q.lt(count.q)));
    m.assert("a_word_held_is_unchanged", implies(following.q, equal(&(queue.held)(position), &word)));
    m.assert("words_leave_in_order_and_unchanged", implies(leaves, equal(queue.pop, &word)));
    m.cover("a_word_leaves_from_behind_a_full_queue", leaves & count.q.eq(queue.capacity));
    count.q
}
