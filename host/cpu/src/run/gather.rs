//! Moving elements: transposes, slices, repeats, layout and width conversions.

use crate::buffer::Buffer;
use crate::view::{Element, Memory, View};

/// One loop of a gather; strides in elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Axis {
    pub(crate) count: usize,
    pub(crate) src: isize,
    pub(crate) dst: isize,
}

/// Nested loops that copy one element each, outermost first.
#[derive(Debug)]
pub(crate) struct Gather {
    pub(crate) src: View,
    pub(crate) src_start: usize,
    pub(crate) dst: View,
    pub(crate) dst_start: usize,
    axes: Vec<Axis>,
}

impl Gather {
    /// A gather of `axes`, simplified: loops of one turn go, loops that continue each other join.
    pub(crate) fn new(src: View, src_start: usize, dst: View, dst_start: usize, axes: &[Axis]) -> Self {
        let mut simple: Vec<Axis> = Vec::new();
        for &axis in axes.iter().filter(|axis| axis.count != 1) {
            match simple.last_mut() {
                Some(last)
                    if last.src == axis.src * axis.count as isize && last.dst == axis.dst * axis.count as isize =>
                {
                    *last = Axis { count: last.count * axis.count, ..axis };
                }
                _ => simple.push(axis),
            }
        }
        if simple.is_empty() {
            simple.push(Axis { count: 1, src: 0, dst: 0 });
        }
        Self { src, src_start, dst, dst_start, axes: simple }
    }

    pub(crate) fn run(&self, memory: Memory<'_>, out: &mut Buffer) {
        let src = memory.buffer(&self.src);
        let flip = memory.flip;
        match (self.src.element, self.dst.element) {
            (Element::I8, Element::I8) => self.copy(src.bytes(), out.bytes_mut(), |b| b),
            (Element::I32, Element::I32) => self.copy(src.words(), out.words_mut(), |v| v),
            (Element::I8, Element::I32) => {
                self.copy(src.bytes(), out.words_mut(), |b| i32::from((b ^ flip) as i8));
            }
            (Element::I32, Element::I8) => self.copy(src.words(), out.bytes_mut(), |v| v as u8 ^ flip),
        }
    }

    fn copy<S: Copy, D: Copy>(&self, src: &[S], dst: &mut [D], f: impl Fn(S) -> D + Copy) {
        let (inner, outer) = self.axes.split_last().expect("invariant: a gather has a loop");
        let turns: usize = outer.iter().map(|axis| axis.count).product();
        // Up to twelve loops (tile of six axes); places are advanced like an odometer.
        let mut place = [0usize; 16];
        let (mut from, mut to) = (self.src_start as isize, self.dst_start as isize);
        for _ in 0..turns {
            copy_run(inner, src, from as usize, dst, to as usize, f);
            for (axis, place) in outer.iter().zip(&mut place).rev() {
                *place += 1;
                from += axis.src;
                to += axis.dst;
                if *place < axis.count {
                    break;
                }
                *place = 0;
                from -= axis.src * axis.count as isize;
                to -= axis.dst * axis.count as isize;
            }
        }
    }
}

fn copy_run<S: Copy, D: Copy>(axis: &Axis, src: &[S], from: usize, dst: &mut [D], to: usize, f: impl Fn(S) -> D) {
    let count = axis.count;
    match (axis.src, axis.dst) {
        (1, 1) => {
            let (src, dst) = (&src[from..from + count], &mut dst[to..to + count]);
            dst.iter_mut().zip(src).for_each(|(d, &s)| *d = f(s));
        }
        (0, 1) => dst[to..to + count].fill(f(src[from])),
        (step, 1) if step > 0 => {
            let src = src[from..].iter().step_by(step as usize);
            dst[to..to + count].iter_mut().zip(src).for_each(|(d, &s)| *d = f(s));
        }
        (1, step) if step > 0 => {
            let dst = dst[to..].iter_mut().step_by(step as usize);
            dst.zip(&src[from..from + count]).for_each(|(d, &s)| *d = f(s));
        }
        _ => {
            for i in 0..count as isize {
                let (from, to) = (from as isize + i * axis.src, to as isize + i * axis.dst);
                dst[to as usize] = f(src[from as usize]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Source;

    #[test]
    fn loops_that_continue_each_other_are_one() {
        let view = View::plain(Source::Work(0), Element::I8, 24);
        let axes = [(2, 12, 12), (1, 7, 7), (3, 4, 4), (4, 1, 1)].map(|(count, src, dst)| Axis { count, src, dst });
        assert_eq!(Gather::new(view, 0, view, 0, &axes).axes, [Axis { count: 24, src: 1, dst: 1 }]);
        let turned = [(3, 1, 4), (4, 3, 1)].map(|(count, src, dst)| Axis { count, src, dst });
        assert_eq!(Gather::new(view, 0, view, 0, &turned).axes, turned);
    }
}
