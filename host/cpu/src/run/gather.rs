//! Moving elements: transposes, slices, repeats, layout and width conversions.

use super::transpose;
use crate::buffer::Buffer;
use crate::view::{Element, Memory, View};

/// Turns below which a loop is too short to be the inner one.
const SHORT: usize = 8;

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
    /// A gather of `axes`, simplified: loops of one turn go, loops that continue each other join, and
    /// the inner loops are those along which one side is contiguous. Every element of the result is
    /// written once, so the order of the loops is free.
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
        order(&mut simple);
        Self { src, src_start, dst, dst_start, axes: simple }
    }

    /// Bytes read and written.
    pub(crate) fn moved_bytes(&self) -> u64 {
        let elements: usize = self.axes.iter().map(|axis| axis.count).product();
        (elements * (self.src.element.size() + self.dst.element.size())) as u64
    }

    pub(crate) fn run(&self, memory: Memory<'_>, out: &mut Buffer) {
        let src = memory.buffer(&self.src);
        let flip = memory.flip;
        match (self.src.element, self.dst.element) {
            (Element::I8, Element::I8) => match self.transposed() {
                Some((rows, columns)) => self.each(2, |from, to| {
                    transpose::bytes(rows, columns, &src.bytes()[from..], &mut out.bytes_mut()[to..]);
                }),
                None => self.copy_bytes(src.bytes(), out.bytes_mut()),
            },
            (Element::I32, Element::I32) => self.copy(src.words(), out.words_mut(), |v| v),
            (Element::I8, Element::I32) => {
                self.copy(src.bytes(), out.words_mut(), |b| i32::from((b ^ flip) as i8));
            }
            (Element::I32, Element::I8) => self.copy(src.words(), out.bytes_mut(), |v| v as u8 ^ flip),
        }
    }

    /// The two inner loops, if they are a transposition of some size.
    fn transposed(&self) -> Option<(&Axis, &Axis)> {
        match self.axes.as_slice() {
            [.., rows, columns] if is_transposition(rows, columns) => Some((rows, columns)),
            _ => None,
        }
    }

    /// [`Gather::copy`] of bytes; where it is by twos, a word at a time, which becomes vectors.
    fn copy_bytes(&self, src: &[u8], dst: &mut [u8]) {
        match self.axes.as_slice() {
            [.., elements, times] if times.count == 2 && is_repetition(elements, times) => self.each(2, |from, to| {
                let (pairs, _) = dst[to..to + 2 * elements.count].as_chunks_mut::<2>();
                let bytes = &src[from..from + elements.count];
                pairs.iter_mut().zip(bytes).for_each(|(to, &b)| *to = (u16::from(b) * 0x0101).to_ne_bytes());
            }),
            [.., inner @ Axis { src: 2, dst: 1, .. }] => self.each(1, |from, to| {
                // The last element may have nothing behind it.
                let (last, dst) = dst[to..to + inner.count].split_last_mut().expect("invariant: a loop has a turn");
                let (pairs, _) = src[from..].as_chunks::<2>();
                *last = src[from + 2 * dst.len()];
                dst.iter_mut().zip(pairs).for_each(|(to, &pair)| *to = u16::from_le_bytes(pair) as u8);
            }),
            _ => self.copy(src, dst, |b| b),
        }
    }

    fn copy<S: Copy, D: Copy>(&self, src: &[S], dst: &mut [D], f: impl Fn(S) -> D + Copy) {
        if let Some((rows, columns)) = self.transposed() {
            return self.each(2, |from, to| transpose::blocks(rows, columns, &src[from..], &mut dst[to..], f));
        }
        if let [.., elements, times] = self.axes.as_slice()
            && is_repetition(elements, times)
        {
            return self.each(2, |from, to| {
                let src = &src[from..from + elements.count];
                let dst = &mut dst[to..to + elements.count * times.count];
                match times.count {
                    2 => repeat::<2, _, _>(src, dst, f),
                    3 => repeat::<3, _, _>(src, dst, f),
                    4 => repeat::<4, _, _>(src, dst, f),
                    times => dst.chunks_exact_mut(times).zip(src).for_each(|(to, &s)| to.fill(f(s))),
                }
            });
        }
        let inner = self.axes.last().expect("invariant: a gather has a loop");
        self.each(1, |from, to| copy_run(inner, src, from, dst, to, f));
    }

    /// Calls `turn` with the places where the `inner` inner loops begin, for each turn of the others.
    fn each(&self, inner: usize, mut turn: impl FnMut(usize, usize)) {
        let outer = &self.axes[..self.axes.len() - inner];
        let turns: usize = outer.iter().map(|axis| axis.count).product();
        // Up to twelve loops (tile of six axes); places are advanced like an odometer.
        let mut place = [0usize; 16];
        let (mut from, mut to) = (self.src_start as isize, self.dst_start as isize);
        for _ in 0..turns {
            turn(from as usize, to as usize);
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

/// Whether the result is contiguous along the inner loop and the source along the other.
fn is_transposition(rows: &Axis, columns: &Axis) -> bool {
    let forward = rows.dst > 0 && columns.src > 0;
    forward && (rows.src, columns.dst) == (1, 1) && rows.count.min(columns.count) >= SHORT
}

/// Whether every element of a run is written several times, one behind the other.
fn is_repetition(elements: &Axis, times: &Axis) -> bool {
    (elements.src, times.src, times.dst) == (1, 0, 1) && elements.dst == times.count as isize
}

/// Writes every element `N` times.
fn repeat<const N: usize, S: Copy, D: Copy>(src: &[S], dst: &mut [D], f: impl Fn(S) -> D) {
    let (runs, _) = dst.as_chunks_mut::<N>();
    runs.iter_mut().zip(src).for_each(|(run, &s)| *run = [f(s); N]);
}

/// Puts loops inside along which source or result is contiguous, and no short one where a longer
/// can be.
fn order(axes: &mut Vec<Axis>) {
    let written = axes.iter().rposition(|axis| axis.dst == 1);
    let read = axes.iter().rposition(|axis| axis.src == 1);
    if let (Some(written), Some(read)) = (written, read)
        && read != written
        && is_transposition(&axes[read], &axes[written])
    {
        let pair = [axes[read], axes[written]];
        axes.remove(written.max(read));
        axes.remove(written.min(read));
        axes.extend(pair);
        return;
    }
    if let [.., outer, inner] = axes.as_mut_slice()
        && !is_repetition(outer, inner)
        && inner.count < SHORT
        && outer.count > inner.count
    {
        std::mem::swap(outer, inner);
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

    #[test]
    fn contiguous_and_long_loops_are_inside() {
        let view = View::plain(Source::Work(0), Element::I8, 1 << 20);
        let of = |axes: &[(usize, isize, isize)]| -> Vec<Axis> {
            axes.iter().map(|&(count, src, dst)| Axis { count, src, dst }).collect()
        };
        let inside = |axes: &[(usize, isize, isize)]| Gather::new(view, 0, view, 0, &of(axes)).axes;
        // Channels to the end: rows of columns against channels.
        assert_eq!(inside(&[(20, 100, 1), (10, 10, 300), (9, 1, 20)]), of(&[(10, 10, 300), (9, 1, 20), (20, 100, 1)]));
        // Each element twice stays; each row of two pixels three times does not.
        let twice = [(5, 60, 120), (40, 1, 2), (2, 0, 1)];
        assert_eq!(inside(&twice), of(&twice));
        assert_eq!(inside(&[(40, 7, 2), (2, 3, 1)]), of(&[(2, 3, 1), (40, 7, 2)]));
    }
}
