//! Which instructions of a cell touch the same places: the order they must keep.

use myelin_isa::Unit;
use std::collections::BTreeMap;

/// A memory of the cell that several units use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    /// Activation scratchpad, in lanes.
    Lanes,
    /// Weight scratchpad, in words.
    Weights,
    /// Bias memory, in words.
    Biases,
    /// Accumulator halves.
    Halves,
    /// The table.
    Table,
}

/// Addresses `start..end` of one memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub space: Space,
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub fn lanes(start: usize, count: usize) -> Span {
        Span { space: Space::Lanes, start, end: start + count }
    }

    pub fn weights(start: usize, count: usize) -> Span {
        Span { space: Space::Weights, start, end: start + count }
    }

    pub fn biases(start: usize, count: usize) -> Span {
        Span { space: Space::Biases, start, end: start + count }
    }

    pub fn table() -> Span {
        Span { space: Space::Table, start: 0, end: 1 }
    }

    pub fn half(half: u8) -> Span {
        Span { space: Space::Halves, start: usize::from(half), end: usize::from(half) + 1 }
    }
}

/// By unit, the latest of its instructions (counted from 0) that something depends on.
pub(super) type Latest = [Option<u32>; 4];

/// Adds a dependency.
pub(super) fn later(latest: &mut Latest, unit: usize, index: u32) {
    latest[unit] = latest[unit].max(Some(index));
}

/// The last accesses to a stretch of addresses.
#[derive(Debug, Clone, Copy, Default)]
struct Access {
    end: usize,
    writer: Option<(usize, u32)>,
    readers: Latest,
}

/// The last accesses to every address, as stretches with equal ones.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    spaces: [BTreeMap<usize, Access>; 5],
}

impl Tracker {
    /// Records that instruction `index` of `unit` reads a span; adds what it depends on.
    pub fn read(&mut self, span: Span, unit: Unit, index: u32, latest: &mut Latest) {
        let map = &mut self.spaces[span.space as usize];
        cover(map, span);
        for access in map.range_mut(span.start..span.end).map(|(_, access)| access) {
            if let Some((writer, at)) = access.writer {
                later(latest, writer, at);
            }
            later(&mut access.readers, unit as usize, index);
        }
    }

    /// Records that instruction `index` of `unit` writes a span; adds what it depends on.
    pub fn write(&mut self, span: Span, unit: Unit, index: u32, latest: &mut Latest) {
        let map = &mut self.spaces[span.space as usize];
        cover(map, span);
        let within: Vec<usize> = map.range(span.start..span.end).map(|(&start, _)| start).collect();
        for start in within {
            let Some(access) = map.remove(&start) else { continue };
            if let Some((writer, at)) = access.writer {
                later(latest, writer, at);
            }
            for (reader, at) in access.readers.into_iter().enumerate() {
                if let Some(at) = at {
                    later(latest, reader, at);
                }
            }
        }
        let writer = Some((unit as usize, index));
        map.insert(span.start, Access { end: span.end, writer, readers: Latest::default() });
    }
}

/// Makes stretches that lie exactly in and cover the span.
fn cover(map: &mut BTreeMap<usize, Access>, span: Span) {
    for cut in [span.start, span.end] {
        let before = map.range_mut(..cut).next_back();
        if let Some((_, access)) = before
            && access.end > cut
        {
            let behind = *access;
            access.end = cut;
            map.insert(cut, behind);
        }
    }
    let mut at = span.start;
    let mut gaps = Vec::new();
    for (&start, access) in map.range(span.start..span.end) {
        if start > at {
            gaps.push((at, start));
        }
        at = access.end;
    }
    if at < span.end {
        gaps.push((at, span.end));
    }
    for (start, end) in gaps {
        map.insert(start, Access { end, ..Access::default() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_depends_on_the_last_write_and_a_write_on_all_since() {
        let mut tracker = Tracker::default();
        let mut none = Latest::default();
        tracker.write(Span::lanes(0, 10), Unit::Load, 0, &mut none);
        tracker.write(Span::lanes(4, 2), Unit::Post, 3, &mut none);
        assert_eq!(none, [Some(0), None, None, None]);
        let mut read = Latest::default();
        tracker.read(Span::lanes(5, 9), Unit::Array, 7, &mut read);
        assert_eq!(read, [Some(0), None, Some(3), None]);
        let mut write = Latest::default();
        tracker.write(Span::lanes(13, 1), Unit::Load, 1, &mut write);
        assert_eq!(write, [None, Some(7), None, None]);
        let mut other = Latest::default();
        tracker.write(Span::lanes(0, 4), Unit::Store, 1, &mut other);
        assert_eq!(other, [Some(0), None, None, None]);
        let mut elsewhere = Latest::default();
        tracker.read(Span::weights(0, 4), Unit::Array, 8, &mut elsewhere);
        assert_eq!(elsewhere, Latest::default());
    }
}
