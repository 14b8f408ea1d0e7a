//! What is refused, with the block and the expression in the message.

use myelin_hdl::rust_hdl::{LowerError, LowerErrorKind, lower};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

fn refused<B: Block + Default>(kind: LowerErrorKind, message: &str) {
    let error = lower(&B::default()).expect_err("the block has no certain meaning");
    assert_eq!(error.to_string(), message);
    assert_eq!(error.kind(), kind);
    assert!(!error.is_transient());
}

#[derive(LogicBlock, Default)]
struct Gated {
    clock: Signal<In, Clock>,
    gate: Signal<In, Bit>,
    other: Signal<In, Clock>,
    q: Signal<Out, Bit>,
    dff: DFF<Bit>,
}

impl Logic for Gated {
    #[hdl_gen]
    fn update(&mut self) {
        self.dff.clock.next = !self.clock.val();
        self.dff.d.next = !self.dff.q.val();
        self.q.next = self.dff.q.val();
    }
}

#[test]
fn a_computed_clock_is_refused() {
    let message = "lower gated: clock in `!clock` is computed or used as data, expected a plain connection";
    refused::<Gated>(LowerErrorKind::Unsupported, message);
}

#[derive(LogicBlock, Default)]
struct TwoClocks {
    read_clock: Signal<In, Clock>,
    write_clock: Signal<In, Clock>,
    q: Signal<Out, Bit>,
    a: DFF<Bit>,
    b: DFF<Bit>,
}

impl Logic for TwoClocks {
    #[hdl_gen]
    fn update(&mut self) {
        self.a.clock.next = self.read_clock.val();
        self.b.clock.next = self.write_clock.val();
        self.a.d.next = !self.b.q.val();
        self.b.d.next = self.a.q.val();
        self.q.next = self.b.q.val();
    }
}

#[test]
fn several_clocks_are_refused_by_their_names() {
    let message = "lower two_clocks: state runs on 2 clocks (read_clock in two_clocks.a, write_clock in two_clocks.b), expected one";
    refused::<TwoClocks>(LowerErrorKind::Unsupported, message);
}

#[derive(LogicBlock, Default)]
struct Unclocked {
    q: Signal<Out, Bit>,
    a: DFF<Bit>,
}

impl Logic for Unclocked {
    #[hdl_gen]
    fn update(&mut self) {
        self.a.d.next = !self.a.q.val();
        self.q.next = self.a.q.val();
    }
}

#[test]
fn state_without_a_clock_is_refused() {
    let message = "lower unclocked.a: clock clock is not connected to a clock of the top block";
    refused::<Unclocked>(LowerErrorKind::Invalid, message);
}

#[derive(LogicBlock, Default)]
struct Latched {
    a: Signal<In, Bit>,
    y: Signal<Out, Bits<4>>,
}

impl Logic for Latched {
    #[hdl_gen]
    fn update(&mut self) {
        if self.a.val() {
            self.y.next = 3.into();
        }
    }
}

#[test]
fn a_latch_is_refused() {
    let message = "lower latched: y is assigned on some paths only (a latch), expected a default first";
    refused::<Latched>(LowerErrorKind::Unsupported, message);
}

#[derive(LogicBlock, Default)]
struct Early {
    a: Signal<In, Bit>,
    t: Signal<Local, Bit>,
    y: Signal<Out, Bit>,
}

impl Logic for Early {
    #[hdl_gen]
    fn update(&mut self) {
        self.y.next = self.t.val();
        self.t.next = self.a.val();
    }
}

#[test]
fn a_signal_read_before_it_is_assigned_is_refused() {
    refused::<Early>(LowerErrorKind::Invalid, "lower early: t is read before it is assigned");
}

#[derive(LogicBlock, Default)]
struct Inverter {
    a: Signal<In, Bit>,
    y: Signal<Out, Bit>,
}

impl Logic for Inverter {
    #[hdl_gen]
    fn update(&mut self) {
        self.y.next = !self.a.val();
    }
}
#[derive(LogicBlock, Default)]
struct Ring {
    y: Signal<Out, Bit>,
    first: Inverter,
    second: Inverter,
}

impl Logic for Ring {
    #[hdl_gen]
    fn update(&mut self) {
        self.first.a.next = self.second.y.val();
        self.second.a.next = self.first.y.val();
        self.y.next = self.second.y.val();
    }
}

#[test]
fn a_combinational_loop_through_children_is_refused() {
    let error = lower(&Ring::default()).expect_err("a ring of inverters oscillates");
    let LowerError::CombinationalLoop { block, signal } = error else { panic!("{error}") };
    assert_eq!(block, "ring");
    assert!(["first.a", "second.a", "y"].contains(&signal.as_str()), "{signal}");
}

#[derive(LogicBlock, Default)]
struct Open {
    y: Signal<Out, Bit>,
    inverter: Inverter,
}

impl Logic for Open {
    #[hdl_gen]
    fn update(&mut self) {
        self.y.next = self.inverter.y.val();
    }
}

#[test]
fn an_input_that_is_never_assigned_is_refused() {
    refused::<Open>(LowerErrorKind::Invalid, "lower open: input inverter.a is never assigned");
}

#[derive(LogicBlock, Default)]
struct TwoCasts {
    a: Signal<In, Signed<12>>,
    b: Signal<In, Signed<12>>,
    y: Signal<Out, Bit>,
}

impl Logic for TwoCasts {
    #[hdl_gen]
    fn update(&mut self) {
        self.y.next = signed_bit_cast::<8, 12>(self.a.val()) < signed_bit_cast::<8, 12>(self.b.val());
    }
}

#[test]
fn a_cast_whose_width_nothing_tells_is_refused() {
    let message = "lower two_casts: width of `signed_bit_cast(a) < signed_bit_cast(b)` is not known, expected a typed operand beside it";
    refused::<TwoCasts>(LowerErrorKind::Ambiguous, message);
}

#[derive(LogicBlock, Default)]
struct SumIndex {
    x: Signal<In, Bits<16>>,
    i: Signal<In, Bits<2>>,
    y: Signal<Out, Bit>,
}

impl Logic for SumIndex {
    #[hdl_gen]
    fn update(&mut self) {
        self.y.next = self.x.val().get_bit(self.i.val().index() + 1);
    }
}

#[test]
fn a_sum_as_an_index_that_may_wrap_is_refused() {
    let message =
        "lower sum_index: `i + 1` may wrap as bits but not as an index, and rust-hdl's tree does not tell which";
    refused::<SumIndex>(LowerErrorKind::Ambiguous, message);
}

#[derive(LogicBlock, Default)]
struct Wide {
    a: Signal<In, Bits<40>>,
    y: Signal<Out, Bits<8>>,
}

impl Logic for Wide {
    #[hdl_gen]
    fn update(&mut self) {
        self.y.next = bit_cast::<8, 80>(bit_cast::<80, 40>(self.a.val()) << 40 >> 36);
    }
}

#[test]
fn a_value_over_64_bits_is_refused() {
    let message = "lower wide: `bit_cast::<80, _>(a)` has 80 bits, expected 1 to 64";
    refused::<Wide>(LowerErrorKind::Unsupported, message);
}

#[derive(LogicBlock, Default)]
struct Drives {
    a: Signal<In, Bit>,
    y: Signal<Out, Bit>,
}

impl Logic for Drives {
    #[hdl_gen]
    fn update(&mut self) {
        self.a.next = true;
        self.y.next = self.a.val();
    }
}

#[test]
fn an_assignment_to_an_own_input_is_refused() {
    refused::<Drives>(LowerErrorKind::Invalid, "lower drives: assigns to a, which it does not drive");
}

#[derive(LogicBlock, Default)]
struct Verbatim {
    a: Signal<In, Bit>,
    y: Signal<Out, Bit>,
}

impl Logic for Verbatim {
    fn update(&mut self) {
        self.y.next = !self.a.val();
    }
    fn connect(&mut self) {
        self.y.connect();
    }
    fn hdl(&self) -> Verilog {
        Verilog::Custom("\nassign y = ~a;".into())
    }
}

#[derive(LogicBlock, Default)]
struct Around {
    a: Signal<In, Bit>,
    y: Signal<Out, Bit>,
    inside: Verbatim,
}

impl Logic for Around {
    #[hdl_gen]
    fn update(&mut self) {
        self.inside.a.next = self.a.val();
        self.y.next = self.inside.y.val();
    }
}

#[test]
fn hand_written_verilog_is_refused_with_the_path_of_its_block() {
    let message = "lower around.inside: given as Verilog text (`assign y = ~a; ...`), expected a DFF, EdgeDFF, RAM, ROM or SyncROM";
    refused::<Around>(LowerErrorKind::Unsupported, message);
}

#[derive(LogicBlock, Default)]
struct OutOfReach {
    x: Signal<In, Bits<8>>,
    y: Signal<Out, Bit>,
}

impl Logic for OutOfReach {
    #[hdl_gen]
    fn update(&mut self) {
        self.y.next = self.x.val().get_bit(8);
    }
}

#[test]
fn a_constant_index_beyond_the_top_is_refused() {
    let message = "lower out_of_reach: `8` is 8, expected an index into Bits<8>";
    refused::<OutOfReach>(LowerErrorKind::Invalid, message);
}
