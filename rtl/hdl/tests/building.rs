//! What the builder makes, and what it refuses.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use myelin_hdl::{
    Design, DesignError, MemoryStyle, Module, ModuleBuilder, Op, Signal, Ty, choose, concat, module, mux, s, select,
    tree_reduce, u,
};

/// The type of what `build` makes of inputs of types `a` and `b`.
fn ty_of(a: Ty, b: Ty, build: impl FnOnce(Signal, Signal) -> Signal) -> Ty {
    module("typed", |m| {
        let result = build(m.input("a_i", a), m.input("b_i", b));
        m.output("y_o", result);
    })
    .outputs[0]
        .ty
}

/// What the builder says when it refuses a body.
fn refusal(build: impl FnOnce(&ModuleBuilder)) -> String {
    let caught = catch_unwind(AssertUnwindSafe(|| module("refused", build)));
    let payload = caught.expect_err("the body is refused");
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|&text| text.to_owned())).expect("a panic with a message")
}

#[track_caller]
fn refuses(expected: &str, build: impl FnOnce(&ModuleBuilder)) {
    let message = refusal(build);
    assert!(message.contains(expected), "said {message:?}, expected {expected:?} in it");
}

#[test]
fn arithmetic_grows_to_hold_every_result_and_no_more() {
    for (a, b, sum, difference, product) in [
        (u(8), u(8), u(9), s(9), u(16)),
        (s(8), s(8), s(9), s(9), s(16)),
        (u(8), s(8), s(10), s(10), s(16)),
        (u(1), u(1), u(2), s(2), u(1)),
        (s(1), s(1), s(2), s(2), u(1)),
        (s(4), u(1), s(5), s(5), s(4)),
        (u(63), u(63), u(64), s(64), u(64)),
    ] {
        assert_eq!(ty_of(a, b, |a, b| a + b), sum, "{a} + {b}");
        assert_eq!(ty_of(a, b, |a, b| a - b), difference, "{a} - {b}");
        if a.width() + b.width() <= 64 {
            assert_eq!(ty_of(a, b, |a, b| a * b), product, "{a} * {b}");
        }
    }
    assert_eq!(ty_of(u(8), u(1), |a, _| -a), s(9));
    assert_eq!(ty_of(s(8), u(1), |a, _| -a), s(9));
    assert_eq!(ty_of(u(8), u(1), |a, _| a + 1), u(9));
    assert_eq!(ty_of(u(8), u(1), |a, _| a - 1), s(9));
    // A literal counts with the whole range of its narrowest type, here -4 to 3.
    assert_eq!(ty_of(u(8), u(1), |a, _| a * -3), s(11));
}

#[test]
fn wrapping_arithmetic_keeps_the_type() {
    assert_eq!(ty_of(u(8), s(64), |a, b| a.wrapping_add(b)), u(8));
    assert_eq!(ty_of(s(8), u(3), |a, b| a.wrapping_sub(b)), s(8));
}

#[test]
fn choices_take_the_narrowest_common_type() {
    assert_eq!(ty_of(u(8), s(8), |a, b| mux(a.bit(0), a, b)), s(9));
    assert_eq!(ty_of(u(8), s(8), |a, _| mux(a.bit(0), a, -1)), s(9));
    assert_eq!(ty_of(u(3), u(5), |a, b| select(a, &[a, b, a])), u(5));
    assert_eq!(ty_of(s(3), u(1), |a, b| choose(0).when(b, a).end()), s(3));
}

#[test]
fn shifts_by_constants_change_the_width_and_keep_the_value_exact() {
    assert_eq!(ty_of(s(8), u(1), |a, _| a.shift_right(3)), s(5));
    assert_eq!(ty_of(s(8), u(1), |a, _| a.shift_right(7)), s(1));
    assert_eq!(ty_of(s(8), u(1), |a, _| a.shift_right(8)), s(1));
    assert_eq!(ty_of(u(8), u(1), |a, _| a.shift_right(99)), u(1));
    assert_eq!(ty_of(s(8), u(1), |a, _| a.shift_left(3)), s(11));
    assert_eq!(ty_of(u(8), u(1), |a, _| a.shift_left(56)), u(64));
    assert_eq!(ty_of(u(8), u(64), |a, b| a.shift_right_by(b)), u(8));
}

#[test]
fn pieces_are_unsigned_and_truncation_keeps_the_sign_flag() {
    assert_eq!(ty_of(s(8), u(1), |a, _| a.slice(2, 3)), u(3));
    assert_eq!(ty_of(s(8), u(1), |a, _| a.truncate(3)), s(3));
    assert_eq!(ty_of(s(8), s(3), |a, b| concat(&[a, b])), u(11));
    assert_eq!(ty_of(s(8), u(1), |a, _| a.rotate_left(3)), s(8));
}

#[test]
fn a_tree_has_logarithmic_depth() {
    let built = module("tree", |m| {
        let items: Vec<Signal> = (0..9).map(|index| m.input(&format!("a_{index}_i"), u(4))).collect();
        m.output("sum_o", tree_reduce(&items, |a, b| a + b));
    });
    // Four levels grow by one bit each; a chain would have grown the same, but its depth is eight.
    let mut depth = vec![0; built.nodes.len()];
    for &id in &built.order {
        let mut below = None;
        built.node(id).op.for_each_operand(|operand| below = below.max(Some(depth[operand.index()])));
        depth[id.index()] = below.map_or(0, |below| below + 1);
    }
    assert_eq!(depth[built.outputs[0].node.index()], 4);
}

#[test]
fn widening_and_casting_that_change_nothing_make_no_node() {
    let built = module("nothing", |m| {
        let a = m.input("a_i", s(8));
        m.output("y_o", a.extend(s(8)).cast_signed().truncate(8).shift_left(0).shift_right(0).rotate_left(8));
    });
    assert_eq!(built.nodes.len(), 1);
}

#[test]
fn fit_checks_what_the_type_does_not_promise() {
    let built = module("fitted", |m| {
        let a = m.input("a_i", s(8));
        m.output("wide_o", a.fit(s(9), "never_checked"));
        m.output("narrow_o", a.fit(u(3), "fits_three_bits"));
        m.output("wider_but_unsigned_o", a.fit(u(12), "is_not_negative"));
    });
    let names: Vec<&str> = built.checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(names, ["fits_three_bits", "is_not_negative"]);
    let types: Vec<Ty> = built.outputs.iter().map(|output| output.ty).collect();
    assert_eq!(types, [s(9), u(3), u(12)]);
    assert!(built.has_clock && built.has_reset, "checks are clocked and wait for the end of reset");
}

#[test]
fn saturation_gives_exactly_the_type_asked_for() {
    for from in [u(1), s(1), u(8), s(8), u(64), s(64)] {
        for to in [u(1), s(1), u(5), s(5), u(9), s(9), u(63), s(63), u(64), s(64)] {
            assert_eq!(ty_of(from, u(1), |a, _| a.saturate(to)), to, "{from} to {to}");
        }
    }
}

#[test]
fn values_that_do_not_fit_are_refused() {
    refuses("u8 does not always fit u7", |m| _ = m.input("a_i", u(8)).extend(u(7)));
    refuses("s8 does not always fit u9", |m| _ = m.input("a_i", s(8)).extend(u(9)));
    refuses("256 does not fit u8", |m| _ = m.constant(u(8), 256));
    refuses("-1 does not fit u8", |m| m.register("r_q", u(8)).next(-1));
    refuses("-129 does not fit s8", |m| _ = m.register("r_q", s(8)).reset(-129));
    refuses("u9 does not always fit u8", |m| {
        let count = m.register("count_q", u(8));
        count.next(count.q + 1);
    });
    refuses("needs more than 64 bits", |m| _ = m.input("a_i", u(64)) + 1);
    refuses("needs more than 64 bits", |m| _ = m.input("a_i", s(33)) * m.input("b_i", s(33)));
    refuses("more than 64", |m| _ = m.input("a_i", u(60)).shift_left(5));
    refuses("widths differ", |m| _ = m.input("a_i", u(8)).cast(s(9)));
    refuses("truncating u8 to 9 bits", |m| _ = m.input("a_i", u(8)).truncate(9));
    refuses("bits [8:1] of u8", |m| _ = m.input("a_i", u(8)).slice(1, 8));
    refuses("types differ", |m| _ = m.input("a_i", u(8)) & m.input("b_i", s(8)));
}

#[test]
fn conditions_are_one_unsigned_bit_and_amounts_are_unsigned() {
    refuses("one unsigned bit", |m| _ = mux(m.input("a_i", u(2)), 1, 0));
    refuses("one unsigned bit", |m| _ = mux(m.input("a_i", s(1)), 1, 0));
    refuses("enable is u2", |m| m.register("r_q", u(1)).next_when(m.input("a_i", u(2)), 1));
    refuses("sentence is s1", |m| m.assert("sentence", m.input("a_i", s(1))));
    refuses("amount is unsigned", |m| _ = m.input("a_i", u(8)).shift_left_by(m.input("b_i", s(3))));
    refuses("index is unsigned", |m| {
        let a = m.input("a_i", s(2));
        _ = select(a, &[a]);
    });
}

#[test]
fn unfinished_bodies_are_refused() {
    refuses("register r_q in refused has no next value", |m| _ = m.register("r_q", u(1)));
    refuses("driven twice", |m| {
        let register = m.register("r_q", u(1));
        register.next(0);
        register.next(1);
    });
    refuses("two things named a_i", |m| {
        m.input("a_i", u(1));
        m.input("a_i", u(2));
    });
    refuses("neither written nor given contents", |m| {
        let address = m.input("address_i", u(2));
        m.memory("words", 4, 1, u(8)).read_asynchronous(address);
    });
    let child = module("child", |m| m.output("y_o", m.input("a_i", u(4)) + 1));
    refuses("input a_i of child_0 (child) in refused is not connected", |m| {
        m.instance("child_0", &child);
    });
    refuses("child has no input b_i", |m| {
        m.instance("child_0", &child).input("b_i", 1);
    });
    refuses("child has no output z_o", |m| {
        m.instance("child_0", &child).output("z_o");
    });
    refuses("connected twice", |m| {
        m.instance("child_0", &child).input("a_i", 1).input("a_i", 2);
    });
    refuses("16 does not fit u4", |m| {
        m.instance("child_0", &child).input("a_i", 16);
    });
}

#[test]
fn memories_have_a_power_of_two_of_words_so_that_no_address_is_outside() {
    for depth in [0, 1, 3, 12] {
        refuses("is not a power of two of 2 or more", |m| _ = m.memory("words", depth, 1, u(8)));
    }
    refuses("no lanes", |m| _ = m.memory("words", 4, 0, u(8)));
    refuses("wrong number of values", |m| _ = m.memory("words", 4, 2, u(8)).init(&[0; 4]));
    refuses("300 does not fit u8", |m| _ = m.memory("words", 2, 1, u(8)).init(&[0, 300]));
    refuses("u3 does not always fit u2", |m| {
        let address = m.input("address_i", u(3));
        m.memory("words", 4, 1, u(8)).read_asynchronous(address);
    });
    refuses("wrong number of data lanes", |m| {
        let (address, enable) = (m.input("address_i", u(2)), m.input("enable_i", u(1)));
        m.memory("words", 4, 2, u(8)).write(address, enable, &[address]);
    });
}

#[test]
fn large_blocks_are_given_no_contents() {
    refuses("has contents, which large blocks cannot be given", |m| {
        let words = m.memory("words", 4, 1, u(8)).style(MemoryStyle::Ultra).init(&[1, 2, 3, 4]);
        m.output("y_o", words.read(m.input("address_i", u(2)), m.constant(u(1), 1))[0]);
    });
}

#[test]
fn a_value_of_another_module_is_refused() {
    let mut kept = None;
    module("first", |m| kept = Some(m.input("a_i", u(8))));
    let kept = kept.expect("set above");
    refuses("of another module is used in refused: pass it through a port", |_| _ = kept + 1);
}

#[test]
fn nothing_is_built_outside_a_module_and_a_refused_body_leaves_none_open() {
    let outside = || catch_unwind(|| Signal::constant(u(1), 0)).is_err();
    assert!(outside());
    refusal(|m| _ = m.constant(u(1), 2));
    assert!(outside());
}

#[test]
fn combinational_loops_are_found_through_children() {
    let pass = module("pass", |m| m.output("y_o", !m.input("a_i", u(1))));
    refuses("combinational loop in refused", |m| {
        let instance = m.instance("pass_0", &pass);
        instance.input("a_i", instance.output("y_o"));
    });
    refuses("combinational loop in refused", |m| {
        let (first, second) = (m.instance("pass_0", &pass), m.instance("pass_1", &pass));
        first.input("a_i", second.output("y_o"));
        second.input("a_i", first.output("y_o"));
    });
    refuses("combinational loop in refused", |m| {
        let words = m.memory("words", 2, 1, u(1)).init(&[1, 0]);
        let instance = m.instance("pass_0", &pass);
        instance.input("a_i", words.read_asynchronous(instance.output("y_o"))[0]);
    });
}

#[test]
fn a_register_or_a_synchronous_read_breaks_a_loop() {
    let held = module("held", |m| m.output("y_o", m.delay("a_q", m.input("a_i", u(1)))));
    let ring = module("ring", |m| {
        let instance = m.instance("held_0", &held);
        instance.input("a_i", !instance.output("y_o"));
        // Each word names the next address.
        let next = m.register("next_q", u(1)).reset(0);
        let words = m.memory("words", 2, 1, u(1)).init(&[1, 0]);
        next.next(words.read(next.q, m.constant(u(1), 1))[0]);
        m.output("y_o", instance.output("y_o") ^ next.q);
    });
    assert_eq!(ring.order.len(), ring.nodes.len());
}

#[test]
fn two_ways_through_a_child_that_never_meet_are_no_loop() {
    let crossed = module("crossed", |m| {
        let (a, b) = (m.input("a_i", u(1)), m.input("b_i", u(1)));
        m.output("x_o", !a);
        m.output("y_o", !b);
    });
    assert_eq!(crossed.combinational_inputs, [[0], [1]]);
    let built = module("snake", |m| {
        let instance = m.instance("crossed_0", &crossed);
        m.output("y_o", instance.output("y_o"));
        instance.input("b_i", instance.output("x_o"));
        instance.input("a_i", m.input("a_i", u(1)));
    });
    assert_eq!(built.combinational_inputs, [[0]]);
    // Operands come first in the order, through the child.
    let place = |wanted: &dyn Fn(&Op) -> bool| {
        built.order.iter().position(|&id| wanted(&built.node(id).op)).expect("the node is there")
    };
    let (x, y) = (
        place(&|op| matches!(op, Op::InstanceOutput { output: 0, .. })),
        place(&|op| matches!(op, Op::InstanceOutput { output: 1, .. })),
    );
    assert!(x < y && place(&|op| matches!(op, Op::Input(0))) < x);
}

#[test]
fn a_deep_chain_does_not_exhaust_the_stack() {
    let built = module("chain", |m| {
        let mut value = m.input("a_i", u(8));
        for _ in 0..200_000 {
            value = value.wrapping_add(1);
        }
        m.output("y_o", value);
    });
    assert_eq!(built.order.len(), built.nodes.len());
    let files = myelin_hdl::verilog::emit(&Design::new(built).expect("good names"));
    assert!(files[0].text.lines().count() > 200_000);
}

fn counter(step: i64) -> Arc<Module> {
    module("counter", |m| {
        let count = m.register("count_q", u(8)).reset(0);
        count.next(count.q.wrapping_add(step));
        m.output("count_o", count.q);
    })
}

#[test]
fn one_body_built_twice_is_one_module_and_another_is_not() {
    assert_eq!(counter(1).digest, counter(1).digest);
    assert_ne!(counter(1).digest, counter(2).digest);
    let top = module("top", |m| {
        for (index, step) in [1, 2, 1].into_iter().enumerate() {
            let instance = m.instance(&format!("counter_{index}"), &counter(step));
            m.output(&format!("count_{index}_o"), instance.output("count_o"));
        }
    });
    let design = Design::new(top).expect("good names");
    let names: Vec<&str> = design.modules().iter().map(|module| design.emitted_name(module)).collect();
    assert_eq!(names, ["counter", "counter_2", "top"]);
}

#[test]
fn the_digest_sees_names_types_and_constants_but_not_lines() {
    let build = |name: &str, ty: Ty, reset: i64| {
        module("digested", |m| {
            let register = m.register(name, ty).reset(reset);
            register.next(m.input("a_i", ty));
            m.output("y_o", register.q);
        })
        .digest
    };
    let reference = build("a_q", u(8), 0);
    assert_eq!(reference, build("a_q", u(8), 0));
    for other in [build("b_q", u(8), 0), build("a_q", s(8), 0), build("a_q", u(9), 0), build("a_q", u(8), 1)] {
        assert_ne!(reference, other);
    }
}

#[test]
fn names_that_verilog_cannot_keep_are_errors() {
    let design = |name: &str| Design::new(module("named", |m| _ = m.input(name, u(1)))).map(|_| ());
    let module = "named".to_owned();
    for name in ["", "1a", "a-b", "a b", "ä", "a.b"] {
        assert_eq!(design(name), Err(DesignError::BadName { module: module.clone(), name: name.to_owned() }));
    }
    for name in ["wire", "always", "template", "clk_i", "rst_ni"] {
        assert_eq!(design(name), Err(DesignError::ReservedName { module: module.clone(), name: name.to_owned() }));
    }
    for name in ["_a", "a_i", "Wire", "a__b"] {
        assert_eq!(design(name), Ok(()));
    }
}

#[test]
fn clock_and_reset_are_there_only_where_something_uses_them() {
    let flags = |build: &dyn Fn(&ModuleBuilder)| {
        let built = module("flags", build);
        (built.has_clock, built.has_reset)
    };
    assert_eq!(flags(&|m| m.output("y_o", m.input("a_i", u(1)))), (false, false));
    assert_eq!(flags(&|m| _ = m.delay("a_q", m.input("a_i", u(1)))), (true, false));
    assert_eq!(flags(&|m| m.register("a_q", u(1)).reset(0).next(1)), (true, true));
    assert_eq!(flags(&|m| m.cover("reached", m.input("a_i", u(1)))), (true, true));
    assert_eq!(flags(&|m| _ = m.instance("counter_0", &counter(1))), (true, true));
}
