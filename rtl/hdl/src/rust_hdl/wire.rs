//! What is known about the wires of a block while its statements are followed.

use super::graph::{Graph, ValueId};
use super::tree::AtomInfo;
use crate::ty::u;

/// Something the block assigns: an output, a local signal, or an input of a child.
pub(super) struct Wire {
    /// As the source names it, `$` between fields.
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) atom: AtomInfo,
}

/// Whose wire it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Output of the block.
    Output,
    /// Local to the block.
    Local,
    /// Input of a child, by position among the child's atoms.
    ChildInput { child: usize, atom: usize },
}

/// A clock, as a block sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum ClockSource {
    /// A clock input of the block.
    Own(String),
    /// A clock output of a child.
    Child { child: usize, output: String },
}

/// What a wire holds at one point of the block.
#[derive(Clone, PartialEq)]
pub(super) enum Held {
    /// Pieces, lowest first, together as wide as the wire.
    Bits(Vec<Piece>),
    /// A clock, once connected.
    Clock(Option<ClockSource>),
}

/// Neighbouring bits of a wire with one history.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Piece {
    pub(super) width: u32,
    pub(super) state: State,
}

/// Whether bits are assigned.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum State {
    /// On no path so far.
    Untouched,
    /// On every path, to this value.
    Set(ValueId),
    /// On some paths.
    Partly,
}

impl Wire {
    /// What it holds before the first statement.
    pub(super) fn untouched(&self) -> Held {
        match self.atom.kind.is_clock() {
            true => Held::Clock(None),
            false => Held::Bits(vec![Piece { width: self.atom.kind.width as u32, state: State::Untouched }]),
        }
    }
}

/// Replaces bits from `low` on by `value`.
pub(super) fn replace(pieces: &mut Vec<Piece>, low: u32, value: ValueId, graph: &mut Graph) {
    let value = unsigned(value, graph);
    let width = graph.width(value);
    split(pieces, low, graph);
    split(pieces, low + width, graph);
    let first = position(pieces, low);
    let last = position(pieces, low + width);
    pieces.splice(first..last, [Piece { width, state: State::Set(value) }]);
}

/// Whether the second of two branches can be taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Otherwise {
    Possible,
    /// Only by codes that are no value of their enumeration, so that it need not assign anything.
    Impossible,
}

/// Joins what two branches leave.
pub(super) fn merge(
    select: ValueId,
    mut on_true: Vec<Piece>,
    mut on_false: Vec<Piece>,
    otherwise: Otherwise,
    graph: &mut Graph,
) -> Vec<Piece> {
    if on_true == on_false {
        return on_true;
    }
    ends(&on_false).into_iter().for_each(|end| split(&mut on_true, end, graph));
    ends(&on_true).into_iter().for_each(|end| split(&mut on_false, end, graph));
    let pairs = on_true.into_iter().zip(on_false);
    let joined = pairs.map(|(a, b)| {
        let state = match (a.state, b.state) {
            (State::Set(a), State::Set(b)) => State::Set(graph.mux(select, a, b)),
            (a, b) if a == b => a,
            (a, _) if otherwise == Otherwise::Impossible => a,
            _ => State::Partly,
        };
        Piece { width: a.width, state }
    });
    joined.collect()
}

/// The value of a wire that is assigned in full, unsigned unless it is one piece.
pub(super) fn assembled(pieces: &[Piece], graph: &mut Graph) -> Option<ValueId> {
    let set = |piece: &Piece| if let State::Set(value) = piece.state { Some(value) } else { None };
    let (first, rest) = pieces.split_first()?;
    rest.iter().try_fold(set(first)?, |low, piece| {
        let high = set(piece)?;
        let (high, low) = (unsigned(high, graph), unsigned(low, graph));
        Some(graph.concat(high, low))
    })
}

fn unsigned(value: ValueId, graph: &mut Graph) -> ValueId {
    let ty = u(graph.width(value));
    graph.cast(value, ty)
}

/// The bit at which each piece ends.
fn ends(pieces: &[Piece]) -> Vec<u32> {
    let ends = pieces.iter().scan(0, |end, piece| {
        *end += piece.width;
        Some(*end)
    });
    ends.collect()
}

/// The number of pieces below bit `at`, which is a border.
fn position(pieces: &[Piece], at: u32) -> usize {
    ends(pieces).into_iter().filter(|&end| end <= at).count()
}

/// Makes bit `at` a border.
fn split(pieces: &mut Vec<Piece>, at: u32, graph: &mut Graph) {
    let mut start = 0;
    for index in 0..pieces.len() {
        let Piece { width, state } = pieces[index];
        if start < at && at < start + width {
            let low = at - start;
            let part = |from, width, graph: &mut Graph| match state {
                State::Set(value) => State::Set(graph.slice(value, from, u(width))),
                other => other,
            };
            let lower = Piece { width: low, state: part(0, low, graph) };
            let upper = Piece { width: width - low, state: part(low, width - low, graph) };
            pieces.splice(index..=index, [lower, upper]);
            return;
        }
        start += width;
    }
}
