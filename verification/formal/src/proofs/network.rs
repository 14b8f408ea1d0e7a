//! The edge-trimming core's networks: what goes where in a switch, small networks whole, and the stream of
//! survivors.

use std::sync::Arc;

use myelin_hdl::{Module, ModuleBuilder, Signal, concat, module, mux, tree_reduce, u};
use myelin_rtl::cuckoo::core::beats;
use myelin_rtl::cuckoo::network::{Network, Ways, network, ways};

use crate::proof::{Method, Mutant, Proof};
use crate::watch::{equal, implies, offered_word_stays};

/// A switch between two queues, which keep what they offer, and two outputs.
fn watched_switch() -> Arc<Module> {
    module("switch_proof", |m| {
        m.doc("Ways out of a switch with what watches them.");
        let bit = |name: String| m.input(&name, u(1));
        let valid: Vec<Signal> = (0..2).map(|i| bit(format!("push_{i}_valid_i"))).collect();
        let ready: Vec<Signal> = (0..2).map(|o| bit(format!("pop_{o}_ready_i"))).collect();
        // Which queue it is of, then anything; the output is bit 1 of the first.
        let words: Vec<Vec<Signal>> = (0..2)
            .map(|i| {
                let named = m.input(&format!("push_{i}_0_i"), u(2));
                let rest = m.input(&format!("push_{i}_1_i"), u(1));
                vec![named, concat(&[m.constant(u(1), i), rest])]
            })
            .collect();
        let found = ways(m, &valid, &words, &ready, 1);
        for i in 0..2 {
            kept(m, i, valid[i], found.pops[i], &words[i]);
        }
        let from = |o: usize, i: usize| found.offered[o] & found.offers[o][1].bit(1).eq(i as i64);
        for (i, word) in words.iter().enumerate() {
            let own = |o: usize| valid[i] & word[0].bit(1).eq(o as i64);
            let goes = (from(0, i) & ready[0]) | (from(1, i) & ready[1]);
            m.assert(&format!("word_{i}_goes_when_an_output_takes_it"), found.pops[i].eq(goes));
            m.assert(&format!("word_{i}_is_offered_once"), !(from(0, i) & from(1, i)));
            for o in 0..2 {
                m.assert(&format!("output_{o}_offers_word_{i}_if_it_is_its_own"), implies(from(o, i), own(o)));
                m.assert(
                    &format!("output_{o}_offers_word_{i}_unchanged"),
                    implies(from(o, i), equal(&found.offers[o], word)),
                );
            }
        }
        for o in 0..2 {
            turns(m, &found, &ready, &valid, &words, o);
        }
        m.cover("both_outputs_take_a_word", found.pops[0] & found.pops[1] & !found.conflict);
        m.cover("two_words_want_the_same_way", found.conflict & ready[0] & ready[1]);
    })
}

/// A queue keeps what it offers until it is taken.
fn kept(m: &ModuleBuilder, i: usize, valid: Signal, popped: Signal, word: &[Signal]) {
    let held = m.register(&format!("held_{i}_q"), u(1)).reset(0);
    held.next(valid & !popped);
    let before: Vec<Signal> =
        word.iter().enumerate().map(|(k, &word)| m.delay(&format!("held_{i}_{k}_q"), word)).collect();
    m.assume(&format!("queue_{i}_keeps_its_word"), implies(held.q, valid & equal(word, &before)));
}

/// An output never idles with a word for it, keeps its offer, and lets two take turns.
fn turns(m: &ModuleBuilder, found: &Ways, ready: &[Signal], valid: &[Signal], words: &[Vec<Signal>], o: usize) {
    let wants: Vec<Signal> = (0..2).map(|i| valid[i] & words[i][0].bit(1).eq(o as i64)).collect();
    m.assert(&format!("output_{o}_offers_whenever_a_word_is_for_it"), found.offered[o].eq(wants[0] | wants[1]));
    let stalled = m.register(&format!("stalled_{o}_q"), u(1)).reset(0);
    stalled.next(found.offered[o] & !ready[o]);
    let before: Vec<Signal> =
        found.offers[o].iter().enumerate().map(|(k, &word)| m.delay(&format!("offered_{o}_{k}_q"), word)).collect();
    let stays = found.offered[o] & equal(&found.offers[o], &before);
    m.assert(&format!("output_{o}_keeps_its_offer"), implies(stalled.q, stays));
    for i in 0..2 {
        // Lost against the other, and not gone since.
        let lost = m.register(&format!("lost_{o}_{i}_q"), u(1)).reset(0);
        let loses = wants[i] & wants[1 - i] & ready[o] & found.pops[1 - i];
        let goes = wants[i] & found.pops[i];
        lost.next(mux(goes, 0, lost.q | loses));
        m.assert(&format!("word_{i}_that_lost_at_{o}_wants_it_still"), implies(lost.q, wants[i]));
        m.assert(&format!("it_is_the_turn_of_word_{i}_that_lost_at_{o}"), implies(lost.q, found.turns[o].eq(i as i64)));
        m.assert(&format!("word_{i}_goes_next_if_it_lost_at_{o}"), implies(lost.q & ready[o], found.pops[i]));
    }
}

/// The whole of a network, with one message followed, chosen freely among all that enter.
struct Watch<'a> {
    m: &'a ModuleBuilder,
    pushes: Vec<(Signal, Vec<Signal>)>,
    pops: Vec<(Signal, Signal, Vec<Signal>)>,
    busy: Signal,
}

/// Places a network with ports of its own. Its messages are `lanes` of `width` bits.
fn place(m: &ModuleBuilder, config: Network) -> Watch<'_> {
    let block = m.instance("network", &network(config));
    let width = u(config.lane_width);
    let mut pushes = Vec::new();
    for i in 0..config.inputs {
        let valid = m.input(&format!("push_{i}_valid_i"), u(1));
        let words: Vec<Signal> = (0..config.lanes).map(|k| m.input(&format!("push_{i}_{k}_i"), width)).collect();
        block.input(&format!("push_{i}_valid_i"), valid);
        for (k, &word) in words.iter().enumerate() {
            block.input(&format!("push_{i}_{k}_i"), word);
        }
        pushes.push((valid & block.output(&format!("push_{i}_ready_o")), words));
    }
    let pops = (0..config.outputs)
        .map(|o| {
            let ready = m.input(&format!("pop_{o}_ready_i"), u(1));
            block.input(&format!("pop_{o}_ready_i"), ready);
            let words = (0..config.lanes).map(|k| block.output(&format!("pop_{o}_{k}_o"))).collect();
            (block.output(&format!("pop_{o}_valid_o")), ready, words)
        })
        .collect();
    Watch { m, pushes, pops, busy: block.output("busy_o") }
}

impl Watch<'_> {
    /// Messages inside are those that entered less those that left, and `busy_o` says whether there are any.
    fn counts(&self) -> Signal {
        let sum = |bits: Vec<Signal>| tree_reduce(&bits, |a, b| a + b).extend(u(8));
        let count = self.m.register("inside_q", u(8)).reset(0);
        let entered = sum(self.pushes.iter().map(|&(enters, _)| enters).collect());
        let left = sum(self.pops.iter().map(|(valid, ready, _)| *valid & *ready).collect());
        count.next(count.q.wrapping_add(entered).wrapping_sub(left));
        self.m.assert("busy_says_whether_a_message_is_inside", self.busy.eq(count.q.any()));
        count.q
    }

    /// One message with the mark `mark` in its last word, of all that enter: it comes out once, unchanged,
    /// where `own` says, and is inside until then. What holds for it holds for each, since nothing looks at a mark.
    fn follow(&self, name: &str, mark: Signal, inside: Signal, own: &dyn Fn(usize, &[Signal]) -> Signal) -> Followed {
        let m = self.m;
        let any = |signals: &[Signal]| tree_reduce(signals, |a, b| a | b);
        let marked = |words: &[Signal]| words[words.len() - 1].slice(0, mark.width()).eq(mark);
        let enters: Vec<Signal> = self.pushes.iter().map(|(enters, words)| *enters & marked(words)).collect();
        let entered = m.register(&format!("{name}_entered_q"), u(1)).reset(0);
        let entering = any(&enters);
        entered.next(entered.q | entering);
        m.assume(&format!("{name}_enters_once"), implies(entered.q, !entering));
        for (i, &here) in enters.iter().enumerate() {
            let elsewhere: Vec<Signal> = (0..i).map(|other| enters[other]).collect();
            if i > 0 {
                m.assume(&format!("{name}_enters_at_{i}_alone"), !(here & any(&elsewhere)));
            }
        }
        let lanes = self.pushes[0].1.len();
        let word: Vec<Signal> = (0..lanes)
            .map(|k| {
                let words: Vec<Signal> =
                    self.pushes.iter().zip(&enters).map(|((_, words), &here)| mux(here, words[k], 0)).collect();
                let held = m.register(&format!("{name}_{k}_q"), words[0].ty());
                held.next_when(entering, tree_reduce(&words, |a, b| a | b));
                held.q
            })
            .collect();
        let left = m.register(&format!("{name}_left_q"), u(1)).reset(0);
        let mut leaves = Vec::new();
        for (o, (valid, ready, words)) in self.pops.iter().enumerate() {
            let offered = *valid & marked(words);
            m.assert(&format!("{name}_is_offered_at_{o}_only_while_inside"), implies(offered, entered.q & !left.q));
            m.assert(
                &format!("{name}_is_unchanged_at_{o}_and_its_own"),
                implies(offered, equal(words, &word) & own(o, words)),
            );
            leaves.push(offered & *ready);
        }
        left.next(left.q | any(&leaves));
        m.assert(&format!("{name}_is_not_lost"), implies(entered.q & !inside.any(), left.q));
        m.cover(&format!("{name}_leaves"), any(&leaves));
        Followed { entered: entered.q, left: left.q, enters, leaves: any(&leaves) }
    }
}

/// What became of the message followed.
struct Followed {
    entered: Signal,
    left: Signal,
    enters: Vec<Signal>,
    leaves: Signal,
}

fn watched_network(inputs: usize, outputs: usize) -> Arc<Module> {
    module("network_proof", |m| {
        m.doc("Network with what watches it.");
        let watch = place(m, Network { inputs, outputs, low: 0, lanes: 2, lane_width: 2, depth: 2 });
        let inside = watch.counts();
        let own = |o: usize, words: &[Signal]| words[0].truncate(outputs.ilog2().max(1)).eq(o as i64);
        let mark = m.constant(u(2), 3);
        let followed = watch.follow("followed", mark, inside, &own);
        m.cover("many_are_inside", inside.ge(inputs as i64 + 1) & followed.entered & !followed.left);
        m.cover("all_have_left_again", followed.left & !inside.any());
    })
}

/// Banks of the stream of survivors that is proved.
const BANKS: usize = 2;

fn watched_survivors() -> Arc<Module> {
    module("survivors_proof", |m| {
        m.doc("Stream of survivors with what watches it.");
        let watch = place(m, Network { inputs: BANKS, outputs: 1, low: 1, lanes: 1, lane_width: 3, depth: 2 });
        let (valid, ready, words) = watch.pops[0].clone();
        let beat = beats(m, m.constant(u(1), 0), valid & ready);
        offered_word_stays(m, valid, ready, &[words[0], beat]);
        let inside = watch.counts();
        let anywhere = |_: usize, _: &[Signal]| m.constant(u(1), 1);
        let first = watch.follow("first", m.constant(u(3), 6), inside, &anywhere);
        let second = watch.follow("second", m.constant(u(3), 7), inside, &anywhere);
        // Both of one bank, one after the other.
        let bank = m.register("bank_of_first_q", u(BANKS as u32)).reset(0);
        let of_first: Vec<Signal> = (0..BANKS).rev().map(|i| first.enters[i]).collect();
        bank.next(bank.q | concat(&of_first));
        let enters: Vec<Signal> = (0..BANKS).rev().map(|i| second.enters[i]).collect();
        let same = (concat(&enters) & bank.q).any();
        let follows = m.register("second_follows_q", u(1)).reset(0);
        follows.next(follows.q | same);
        m.assert("survivors_of_one_bank_leave_in_order", implies(follows.q & second.leaves, first.left));
        let taken = m.register("taken_q", u(32)).reset(0);
        taken.next(taken.q.wrapping_add(valid & ready));
        m.assert("a_beat_is_the_number_of_those_taken_before", beat.eq(taken.q));
        m.cover("two_of_one_bank_leave", follows.q & first.left & second.leaves);
    })
}

const WHOLE: &str = "from reset, for every sequence of messages and stalls: each message that is accepted comes out exactly \
                     once, unchanged, at the output that it names; none is lost, none invented; the network is busy \
                     exactly while one is inside";
const WHOLE_HOLES: &str = "longer runs, other sizes, depths and widths are simulated only";
const ONE: &str = "the message followed differs from all others by its mark (which the network does not look at)";

pub(super) fn proofs() -> Vec<Proof> {
    let whole = |name, subject, build, steps, mutants| Proof {
        name,
        subject,
        build,
        method: Method::Bounded { steps },
        reach_steps: steps,
        proved: WHOLE,
        assumed: ONE,
        holes: WHOLE_HOLES,
        mutants,
    };
    vec![
        Proof {
            name: "switch",
            subject: "switch of the edge-trimming core's networks, two by two",
            build: watched_switch,
            method: Method::Induction { base: 4, steps: 2 },
            reach_steps: 8,
            proved: "each word goes exactly once, unchanged, to the output that it names, and when that takes it; an output \
                     with a word for it offers one; what is offered stays until taken; of two that want the same way, \
                     the one that lost goes next",
            assumed: "queues keep what they offer (proved of `fifo`)",
            holes: "one lane of two bits beside the address stands for all: words are only chosen between",
            mutants: &[
                Mutant {
                    bug: "an offer gives way to a word that comes later",
                    from: "wire mux_30 = and_26 ? second_0 : mux_29;",
                    to: "wire mux_30 = mux_29;",
                },
                Mutant {
                    bug: "the first word always goes first",
                    from: "wire mux_29 = and_27 ? not_28 : turn_0_q;",
                    to: "wire mux_29 = turn_0_q;",
                },
                Mutant {
                    bug: "an output waits for the second word",
                    from: "wire second_1 = and_49 ? turn_1_q : and_48;",
                    to: "wire second_1 = turn_1_q;",
                },
            ],
        },
        whole(
            "network_2x2",
            "network of 2 inputs and 2 outputs",
            || watched_network(2, 2),
            8,
            &[Mutant {
                bug: "a full queue takes one more",
                from: "wire push_ready = level != 2'd2;",
                to: "wire push_ready = 1'd1;",
            }],
        ),
        whole(
            "network_2x4",
            "network of 2 inputs and 4 outputs",
            || watched_network(2, 4),
            7,
            &[Mutant {
                bug: "a queue drops a word",
                from: "wire popped = pop_valid & pop_ready_i;",
                to: "wire popped = pop_valid;",
            }],
        ),
        Proof {
            name: "survivors",
            subject: "stream of survivors of 2 banks",
            build: watched_survivors,
            method: Method::Bounded { steps: 8 },
            reach_steps: 8,
            proved: "from reset, for every sequence of survivors and of back-pressure: each comes out exactly once, \
                     unchanged; those of one bank in their order; what is offered stays, with its beat, until taken; \
                     beats count what was taken before",
            assumed: "the two survivors followed differ from all others (nothing looks at them)",
            holes: "longer runs and other numbers of banks are simulated only; that the host's port keeps to the stream is \
                    simulated",
            mutants: &[
                Mutant {
                    bug: "an offer gives way to a word that comes later",
                    from: "else turn_0_q <= mux_21;",
                    to: "else turn_0_q <= mux_20;",
                },
                Mutant {
                    bug: "a full queue takes one more",
                    from: "wire push_ready = level != 2'd2;",
                    to: "wire push_ready = 1'd1;",
                },
            ],
        },
    ]
}
