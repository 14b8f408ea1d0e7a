//! Shapes of reductions and broadcasts.

use super::{Dims, ascending_axes, conflict};
use crate::error::GraphFault;
use crate::op::Reduce;
use crate::shape::Shape;

pub(super) fn reduce(op: &'static str, a: &Reduce, x: &Shape) -> Result<Dims, GraphFault> {
    ascending_axes(op, &a.axes, x.len())?;
    let reduced = a.reduced(x.len());
    if a.keepdims {
        let kept = |(i, &dim)| if reduced.contains(&i) { 1 } else { dim };
        return Ok(x.iter().enumerate().map(kept).collect());
    }
    if reduced.len() == x.len() {
        return Ok(vec![1]);
    }
    let kept = x.iter().enumerate().filter(|(i, _)| !reduced.contains(i));
    Ok(kept.map(|(_, &dim)| dim).collect())
}

pub(super) fn broadcast(op: &'static str, a: &Shape, b: &Shape) -> Result<Dims, GraphFault> {
    let rank = a.len().max(b.len());
    let aligned = |s: &Shape, i: usize| (i + s.len()).checked_sub(rank).map_or(1, |axis| s[axis]);
    let mut dims = Vec::with_capacity(rank);
    for i in 0..rank {
        let (l, r) = (aligned(a, i), aligned(b, i));
        if l != r && l != 1 && r != 1 {
            return Err(conflict(op, "second operand", a.clone(), b));
        }
        dims.push(l.max(r));
    }
    Ok(dims)
}
