//! The constructs on which rust-hdl's simulator and its Verilog disagree, and those with more than
//! one reading: lowered as the simulator computes them, for all of seeded inputs.

// The precedence of operators without parentheses is what is tested.
#![allow(clippy::precedence)]

mod common;

use common::{Compared, compare};
use myelin_rust_hdl::{Bench, Word, bench};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

const SEED: u64 = 0xabcd;

fn agrees<B: Block>(make: fn() -> Bench<B>) {
    match compare(&make, SEED, 1000) {
        Ok(Compared { moving, outputs, .. }) => assert_eq!(moving, outputs, "every output moves"),
        Err(failure) => panic!("{failure}"),
    }
}

#[derive(LogicBlock, Default)]
struct Casts {
    a: Signal<In, Bits<8>>,
    b: Signal<In, Bits<8>>,
    s: Signal<In, Signed<8>>,
    wrapped_sum: Signal<Out, Bits<16>>,
    wide_sum: Signal<Out, Bits<16>>,
    masked_equal: Signal<Out, Bit>,
    narrow: Signal<Out, Signed<4>>,
    narrow_inside: Signal<Out, Bit>,
    wide: Signal<Out, Signed<12>>,
    shifted: Signal<Out, Bits<8>>,
    precedence: Signal<Out, Bits<8>>,
    high: Signal<Out, Bits<4>>,
    beyond: Signal<Out, Bits<8>>,
    counted: Signal<Out, Bits<8>>,
}

impl Logic for Casts {
    #[hdl_gen]
    fn update(&mut self) {
        // The sum wraps in eight bits before it is widened; rust-hdl's Verilog keeps the carry.
        self.wrapped_sum.next = bit_cast::<16, 8>(self.a.val() + self.b.val());
        self.wide_sum.next = bit_cast::<16, 8>(self.a.val()) + bit_cast::<16, 8>(self.b.val());
        // Rust: (a & b) == b. Verilog as printed: a & (b == b).
        self.masked_equal.next = self.a.val() & self.b.val() == self.b.val();
        // The low bits; printed, nothing narrows where more follows.
        self.narrow.next = signed_bit_cast::<4, 8>(self.s.val());
        self.narrow_inside.next = signed_bit_cast::<4, 8>(self.s.val()) < self.narrow.val() - 3.into();
        self.wide.next = signed_bit_cast::<12, 8>(self.s.val()) + signed_bit_cast::<12, 8>(self.s.val());
        self.shifted.next = self.a.val() << bit_cast::<4, 8>(self.b.val()) >> 1;
        self.precedence.next = self.a.val() + 3 << 1 ^ self.b.val() & 0x3c | 1;
        self.high.next = self.a.val().get_bits::<4>(4);
        // Bits beyond the top are zeros.
        self.beyond.next = self.a.val().get_bits::<8>(6);
        self.counted.next = self.a.val() + self.b.val().any() + (self.a.val() > self.b.val());
    }
}

#[test]
fn casts_sums_and_precedence_are_those_of_rust() {
    agrees(|| {
        bench!(
            Casts,
            Casts::default(),
            clocks(),
            inputs(a, b),
            outputs(
                wrapped_sum,
                wide_sum,
                masked_equal,
                narrow,
                narrow_inside,
                wide,
                shifted,
                precedence,
                high,
                beyond,
                counted
            )
        )
        // Casting -128 overflows the stack of rust-hdl's simulator.
        .with_input("s", 0..=0x7f, |casts, word| casts.s.next = Signed::from_word(word))
    });
    agrees(|| {
        bench!(
            Casts,
            Casts::default(),
            clocks(),
            inputs(a, b),
            outputs(
                wrapped_sum,
                wide_sum,
                masked_equal,
                narrow,
                narrow_inside,
                wide,
                shifted,
                precedence,
                high,
                beyond,
                counted
            )
        )
        .with_input("s", 0x81..=0xff, |casts, word| casts.s.next = Signed::from_word(word))
    });
}

#[derive(LogicBlock, Default)]
struct SignedArithmetic {
    a: Signal<In, Signed<16>>,
    b: Signal<In, Signed<16>>,
    c: Signal<In, Bits<16>>,
    product: Signal<Out, Signed<32>>,
    unsigned_product: Signal<Out, Bits<32>>,
    sum: Signal<Out, Signed<16>>,
    negated: Signal<Out, Signed<16>>,
    less: Signal<Out, Bit>,
    bit: Signal<Out, Bit>,
    reinterpreted: Signal<Out, Signed<16>>,
    as_bits: Signal<Out, Bits<16>>,
    below: Signal<Out, Bit>,
    field: Signal<Out, Signed<5>>,
}

impl Logic for SignedArithmetic {
    #[hdl_gen]
    fn update(&mut self) {
        self.product.next = self.a.val() * self.b.val();
        self.unsigned_product.next = self.c.val() * unsigned_cast(self.b.val());
        self.sum.next = self.a.val() + self.b.val() - 100.into();
        self.negated.next = -self.a.val();
        self.less.next = self.a.val() < self.b.val();
        self.bit.next = self.a.val().get_bit(15);
        self.reinterpreted.next = signed_cast(self.c.val());
        self.as_bits.next = unsigned_cast(self.a.val()) ^ self.c.val();
        self.below.next = self.a.val() <= (-5).into();
        self.field.next = self.a.val().get_bits::<5>(7);
    }
}

#[test]
fn signed_arithmetic_wraps_and_compares_as_rust_hdl_does() {
    agrees(|| {
        bench!(
            SignedArithmetic,
            SignedArithmetic::default(),
            clocks(),
            inputs(a, b, c),
            outputs(product, unsigned_product, sum, negated, less, bit, reinterpreted, as_bits, below, field)
        )
    });
}

#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
enum Mode {
    Off,
    Low,
    High,
    Boost,
    Test,
}

#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
struct Command {
    level: Bits<6>,
    offset: Bits<5>,
    mode: Mode,
    armed: Bit,
}

#[derive(LogicBlock, Default)]
struct Structures {
    clock: Signal<In, Clock>,
    a: Signal<In, Bits<6>>,
    o: Signal<In, Bits<5>>,
    go: Signal<In, Bit>,
    level: Signal<Out, Bits<6>>,
    offset: Signal<Out, Bits<5>>,
    is_high: Signal<Out, Bit>,
    armed: Signal<Out, Bit>,
    code: Signal<Out, Bits<4>>,
    command: DFF<Command>,
    next: Signal<Local, Command>,
    mode: DFF<Mode>,
}

impl Logic for Structures {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, command, mode);
        self.next.next.level = self.a.val();
        self.next.next.offset = self.o.val();
        self.next.next.mode = self.mode.q.val();
        self.next.next.armed = self.go.val();
        if self.go.val() {
            self.next.next.level = self.a.val() + 1;
        }
        self.command.d.next = self.next.val();
        self.level.next = self.command.q.val().level;
        self.offset.next = self.command.q.val().offset - self.o.val();
        self.is_high.next = self.command.q.val().mode == Mode::High;
        self.armed.next = self.command.q.val().armed;
        self.code.next = 0.into();
        match self.mode.q.val() {
            Mode::Off => {
                if self.go.val() {
                    self.mode.d.next = Mode::Low;
                }
            }
            Mode::Low => self.mode.d.next = Mode::High,
            Mode::High => {
                self.code.next = 7.into();
                self.mode.d.next = Mode::Boost;
            }
            Mode::Boost => {
                self.code.next = 9.into();
                self.mode.d.next = Mode::Test;
            }
            Mode::Test => {
                self.mode.d.next = Mode::Off;
            }
        }
    }
}

#[test]
fn structures_and_enumerations_are_their_bits() {
    agrees(|| {
        bench!(
            Structures,
            Structures::default(),
            clocks(clock),
            inputs(a, o, go),
            outputs(level, offset, is_high, armed, code)
        )
    });
}

#[derive(LogicBlock, Default)]
struct Arrays {
    clock: Signal<In, Clock>,
    x: Signal<In, Bits<4>>,
    index: Signal<In, Bits<2>>,
    value: Signal<In, Bit>,
    picked: Signal<Out, Bit>,
    replaced: Signal<Out, Bits<4>>,
    chained: Signal<Out, Bits<4>>,
    difference: Signal<Out, Bit>,
    taps: [DFF<Bits<4>>; 4],
    parity: [Signal<Local, Bit>; 4],
    odd: Signal<Out, Bit>,
}

impl Logic for Arrays {
    #[hdl_gen]
    fn update(&mut self) {
        for i in 0..4 {
            self.taps[i].clock.next = self.clock.val();
        }
        self.taps[0].d.next = self.x.val();
        for i in 1..4 {
            self.taps[i].d.next = self.taps[i - 1].q.val();
        }
        self.chained.next = self.taps[0].q.val();
        for i in 0..4 {
            self.parity[i].next = self.taps[i].q.val().xor();
            if self.index.val().index() == i {
                self.chained.next = self.taps[3 - i].q.val();
            }
        }
        self.odd.next = self.parity[0].val() ^ self.parity[1].val() ^ (self.parity[2].val() & self.parity[3].val());
        self.picked.next = self.x.val().get_bit(self.index.val().index());
        self.replaced.next = self.x.val().replace_bit(self.index.val().index(), self.value.val());
        self.difference.next = self.x.val().get_bit((self.index.val() - 1).index());
    }
}

#[test]
fn loops_arrays_and_indices_are_unrolled() {
    agrees(|| {
        bench!(
            Arrays,
            Arrays::default(),
            clocks(clock),
            inputs(x, index, value),
            outputs(picked, replaced, chained, difference, odd)
        )
    });
}

#[test]
fn the_most_negative_value_is_cast_like_every_other() {
    // On it rust-hdl's simulator overflows its stack, so there is nothing to compare with.
    let module = myelin_hdl::rust_hdl::lower(&Casts::default()).expect("casts have a meaning");
    let design = myelin_hdl::Design::new(module).expect("names are kept");
    let mut sim = myelin_sim::Simulator::new(&design).expect("it compiles");
    let s = sim.input("s").expect("an input");
    let (wide, narrow) = (sim.output("wide").expect("an output"), sim.output("narrow").expect("an output"));
    sim.poke_signed(s, -128);
    assert_eq!(sim.peek_signed(wide), -256);
    assert_eq!(sim.peek_signed(narrow), 0);
}
