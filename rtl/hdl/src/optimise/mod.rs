//! Optimisation of the IR that never changes a bit.
//!
//! [`optimise`] rewrites every distinct body of a design once, children first; ports stay, one body
//! stays one body, and every output has in every cycle the value it had. Each [`Pass`] is one file
//! and can be run alone.

mod common;
mod dead;
mod fold;
mod narrow;
mod rebuild;
mod simplify;

use crate::design::Design;
use crate::ir::Module;

/// What must still be there afterwards, besides ports, checks and covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    /// Every register, memory, instance and named value, so that waves and back doors find them.
    Names,
    /// Nothing else: for the fastest simulation and the smallest netlist. Paths to registers that
    /// nothing reads are gone.
    Ports,
}

/// One rewriting of a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pass {
    /// Values whose bits are all known become constants.
    Fold,
    /// Operations that are another value under a second name become that value: a mux of equal
    /// arms, an extension of an extension, a piece of a piece.
    Simplify,
    /// Equal operations on equal operands become one.
    Common,
    /// Sums, products, muxes and bitwise operations lose the upper bits that nobody reads.
    Narrow,
    /// Values, registers, memory ports and instances that reach no output and no check go.
    Dead,
}

impl Pass {
    /// All, in the order in which [`optimise`] runs them.
    pub const ALL: [Pass; 5] = [Pass::Fold, Pass::Simplify, Pass::Common, Pass::Narrow, Pass::Dead];

    fn run(self, module: &Module, keep: Keep) -> Module {
        match self {
            Pass::Fold => fold::fold(module, keep),
            Pass::Simplify => simplify::simplify(module, keep),
            Pass::Common => common::common(module, keep),
            Pass::Narrow => narrow::narrow(module, keep),
            Pass::Dead => dead::dead(module, keep),
        }
    }
}

/// Rounds of all passes over one body: each can open the way for another. Most bodies settle in two.
const ROUNDS_MAX: usize = 4;

/// Runs all passes over every body until none changes anything (at most four rounds).
///
/// # Panics
/// Never on a design that [`Design::new`] accepted.
pub fn optimise(design: &Design, keep: Keep) -> Design {
    design.rewritten(|module| {
        let mut module = module;
        for _ in 0..ROUNDS_MAX {
            let before = module.digest;
            module = Pass::ALL.iter().fold(module, |module, pass| pass.run(&module, keep));
            if module.digest == before {
                break;
            }
        }
        module
    })
}

/// Runs one pass over every body.
///
/// # Panics
/// Never on a design that [`Design::new`] accepted.
pub fn apply(design: &Design, pass: Pass, keep: Keep) -> Design {
    design.rewritten(|module| pass.run(&module, keep))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ir::{Op, UnaryOp};
    use crate::{ModuleBuilder, concat, module, mux, u};

    /// A design of one body, optimised; the body.
    fn optimised(keep: Keep, build: impl FnOnce(&ModuleBuilder)) -> Arc<Module> {
        let design = Design::new(module("body", build)).expect("names are identifiers");
        optimise(&design, keep).top().clone()
    }

    fn driver(module: &Module) -> &Op {
        &module.node(module.outputs[0].node).op
    }

    #[test]
    fn what_is_known_becomes_a_constant() {
        let body = optimised(Keep::Ports, |m| {
            let a = m.input("a_i", u(8));
            m.output("y_o", mux(a.extend(u(9)).gt(300), 1, 2));
        });
        assert_eq!(driver(&body), &Op::Const(2));
    }

    #[test]
    fn equal_sums_are_computed_once() {
        let body = optimised(Keep::Ports, |m| {
            let (a, b) = (m.input("a_i", u(8)), m.input("b_i", u(8)));
            m.output("x_o", a + b);
            m.output("y_o", b + a);
        });
        assert_eq!(body.outputs[0].node, body.outputs[1].node);
    }

    #[test]
    fn a_sum_is_as_wide_as_it_is_read() {
        let body = optimised(Keep::Ports, |m| {
            let (a, b) = (m.input("a_i", u(32)), m.input("b_i", u(32)));
            m.output("y_o", (a + b).slice(0, 4));
        });
        let widest = body.nodes.iter().filter(|node| matches!(node.op, Op::Binary(..))).map(|node| node.ty.width());
        assert_eq!(widest.max(), Some(4));
    }

    #[test]
    fn a_piece_of_a_join_is_the_piece() {
        let body = optimised(Keep::Ports, |m| {
            let (a, b) = (m.input("a_i", u(8)), m.input("b_i", u(8)));
            m.output("y_o", concat(&[a, b]).slice(8, 8));
        });
        assert_eq!(driver(&body), &Op::Input(0));
    }

    #[test]
    fn unread_state_goes_unless_names_are_kept() {
        let build = |m: &ModuleBuilder| {
            let a = m.input("a_i", u(8));
            let unread = m.delay("unread_q", a);
            let _ = (!unread).named("inverted");
            m.output("y_o", m.delay("read_q", a));
        };
        let swept = optimised(Keep::Ports, build);
        assert_eq!(swept.registers.iter().map(|register| register.name.as_str()).collect::<Vec<_>>(), ["read_q"]);
        let kept = optimised(Keep::Names, build);
        assert_eq!(kept.registers.len(), 2);
        let inverted = kept.nodes.iter().find(|node| node.name.as_deref() == Some("inverted")).expect("kept");
        assert!(matches!(inverted.op, Op::Unary(UnaryOp::Not, _)));
    }

    #[test]
    fn a_checked_child_stays_though_nothing_reads_it() {
        let checked = module("checked", |m| {
            let a = m.input("a_i", u(8));
            m.assert("a_is_small", a.lt(200));
        });
        let plain = module("plain", |m| m.output("y_o", m.input("a_i", u(8))));
        let body = optimised(Keep::Ports, |m| {
            let a = m.input("a_i", u(8));
            m.instance("checked", &checked).input("a_i", a);
            m.instance("plain", &plain).input("a_i", a);
            m.output("y_o", a);
        });
        assert_eq!(body.instances.iter().map(|child| child.name.as_str()).collect::<Vec<_>>(), ["checked"]);
    }

    #[test]
    fn one_body_stays_one_body() {
        let child = module("child", |m| m.output("y_o", m.input("a_i", u(8)) + 0));
        let design = Design::new(module("parent", |m| {
            let a = m.input("a_i", u(8));
            let first = m.instance("first", &child).input("a_i", a).output("y_o");
            m.output("y_o", m.instance("second", &child).input("a_i", first.truncate(8)).output("y_o"));
        }))
        .expect("names are identifiers");
        let after = optimise(&design, Keep::Ports);
        assert_eq!(after.modules().len(), 2);
        assert_eq!(after.top().instances[0].module, after.top().instances[1].module);
    }
}
