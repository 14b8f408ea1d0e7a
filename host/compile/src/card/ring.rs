//! Places in a memory that are handed out one after the other, around and around.

/// Addresses that are given out in turn, with what was put there as long as nothing overwrote it.
#[derive(Debug)]
pub(super) struct Ring<T> {
    start: usize,
    end: usize,
    next: usize,
    align: usize,
    held: Vec<(usize, usize, T)>,
}

impl<T> Ring<T> {
    /// Addresses `start..end`, given out at multiples of `align`, of which `start` is one.
    pub fn new(start: usize, end: usize, align: usize) -> Ring<T> {
        Ring { start, end, next: start, align, held: Vec::new() }
    }

    pub fn size(&self) -> usize {
        self.end - self.start
    }

    /// The place of something held.
    pub fn find(&self, is: impl Fn(&T) -> bool) -> Option<(usize, &T)> {
        self.held.iter().rev().find(|(.., value)| is(value)).map(|(start, _, value)| (*start, value))
    }

    /// A place for `size` addresses that from now on holds `value`. **Panics** when the ring is smaller.
    pub fn place(&mut self, size: usize, value: T) -> usize {
        assert!(size <= self.size(), "work is cut so that it fits its ring");
        if self.next + size > self.end {
            self.next = self.start;
        }
        let (start, end) = (self.next, self.next + size);
        self.next = end.next_multiple_of(self.align);
        self.held.retain(|&(other, other_end, _)| other_end <= start || end <= other);
        self.held.push((start, end, value));
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_overwritten_is_no_longer_held() {
        let mut ring = Ring::new(4, 16, 4);
        assert_eq!((ring.place(5, 'a'), ring.place(2, 'b')), (4, 12));
        assert_eq!(ring.find(|&value| value == 'a').map(|(at, _)| at), Some(4));
        assert_eq!(ring.place(4, 'c'), 4);
        assert!(ring.find(|&value| value == 'a').is_none());
        assert_eq!(ring.find(|&value| value == 'b').map(|(at, _)| at), Some(12));
    }
}
