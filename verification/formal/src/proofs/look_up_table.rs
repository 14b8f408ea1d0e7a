//! The look-up table behind a drain lane.

use std::sync::Arc;

use myelin_hdl::{Module, module, u};
use myelin_isa::{Architecture, Precision};
use myelin_rtl::tensor::look_up_table;

use crate::proof::{Method, Mutant, Proof};
use crate::watch::{frozen, implies};

/// The table with every input free, and one entry, any, watched.
fn watched(precision: Precision) -> Arc<Module> {
    let cell = Architecture::new(4, 4, precision).expect("4 x 4 is a legal cell");
    module("look_up_table_proof", |m| {
        m.doc("Look-up table with what watches it.");
        let table = look_up_table::declare(m, &cell);
        let bits = precision.bits();
        let entry = frozen(m, "followed_entry", m.input("follow_i", u(bits)));
        let written = m.register("followed_written_q", u(1)).reset(0);
        let value = m.register("followed_value_q", table.write.ty());
        let now = (table.write_valid & table.write_entry.eq(entry)).named("followed_is_written");
        written.next(written.q | now);
        value.next_when(now, table.write);
        let held = table.entries.read_asynchronous(entry)[0];
        m.assert("an_entry_holds_what_was_written_to_it_last", implies(written.q, held.eq(value.q)));

        let begun = m.register("begun_q", u(1)).reset(0);
        begun.next(1);
        let asks = table.look_up & table.index.cast_unsigned().eq(entry) & written.q;
        let asked = m.delay("asked_q", asks);
        let expected = m.delay("expected_q", value.q);
        let found = (begun.q & asked & table.look_up).named("followed_is_found");
        m.assert("a_lane_looked_up_becomes_the_entry_of_its_bits", implies(found, table.result.eq(expected)));
        let lane = m.delay("lane_before_q", table.index);
        let passes = begun.q & !table.look_up;
        m.assert("a_lane_not_looked_up_stays_as_it_is", implies(passes, table.result.eq(lane)));
        m.cover("the_entry_of_a_negative_lane_is_found", found & entry.bit(bits - 1) & table.result.ne(lane));
        m.cover("an_entry_written_as_it_is_looked_up_counts_from_the_next_on", found & value.q.ne(expected));
    })
}

const MUTANTS: &[Mutant] = &[
    Mutant { bug: "looks up what is not to be looked up", from: "= look_up_i ? entries", to: "= 1'd1 ? entries" },
    Mutant {
        bug: "looks up the lane before",
        from: "<= entries[$unsigned(index_i)];",
        to: "<= entries[$unsigned(lane_q)];",
    },
    Mutant { bug: "writes always", from: "if (write_valid_i) entries[", to: "if (1'd1) entries[" },
    Mutant { bug: "writes another entry", from: "entries[write_entry_i] <=", to: "entries[~write_entry_i] <=" },
];

pub(super) fn proofs() -> Vec<Proof> {
    let proof = |name, subject, build, mutants| Proof {
        name,
        subject,
        build,
        method: Method::Induction { base: 3, steps: 2 },
        reach_steps: 6,
        proved: "for all lanes and any order of writes, also in the cycle of a look-up: a lane that is looked up becomes, \
                 a cycle later, what was written last, before that cycle, to the entry that its bits say, and there is an \
                 entry for every lane; a lane that is not looked up stays as it is",
        assumed: "none; what is said of a look-up needs its input high in both cycles, as the post unit keeps it",
        holes: "what the entries must be for the chain's operator is the compiler's, held against golden",
        mutants,
    };
    vec![
        proof("look_up_table_int8", "look-up table, INT8", || watched(Precision::Int8), MUTANTS),
        proof("look_up_table_int6", "look-up table, INT6", || watched(Precision::Int6), MUTANTS),
    ]
}
