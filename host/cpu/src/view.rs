//! Where a value lies in memory.

use crate::buffer::Buffer;

/// Which buffer a view looks into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A buffer of the workspace.
    Work(usize),
    /// A buffer of the network, made when it was prepared.
    Constant(usize),
}

/// How elements are stored.
///
/// **Numbers.** `I8` elements are stored with `flip` of the path applied (exclusive or): with 0x80
/// the kernels read `q + 128` as unsigned bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Element {
    I8,
    I32,
}

impl Element {
    /// Bytes of an element.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::I8 => 1,
            Self::I32 => 4,
        }
    }
}

/// A value in memory: `n` images of `h` rows of `w` pixels of `c` channels, pixels side by side.
///
/// **Shapes and units.** Strides and `base` in elements. Rows may lie inside a halo of zeros. Values
/// that are not pictures are one row of one pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) source: Source,
    pub(crate) element: Element,
    pub(crate) n: usize,
    pub(crate) h: usize,
    pub(crate) w: usize,
    pub(crate) c: usize,
    /// The first element.
    pub(crate) base: usize,
    /// From one image to the next.
    pub(crate) image: usize,
    /// From one row to the next.
    pub(crate) row: usize,
}

impl View {
    /// A row of `count` elements.
    pub(crate) fn plain(source: Source, element: Element, count: usize) -> Self {
        Self { source, element, n: 1, h: 1, w: 1, c: count, base: 0, image: count, row: count }
    }

    /// A picture `[n, c, h, w]` with the channel last, inside `halo` rows and columns of zeros.
    pub(crate) fn picture(source: Source, element: Element, shape: [usize; 4], halo: [usize; 2]) -> Self {
        let [n, c, h, w] = shape;
        let row = (w + 2 * halo[1]) * c;
        let image = (h + 2 * halo[0]) * row;
        Self { source, element, n, h, w, c, base: halo[0] * row + halo[1] * c, image, row }
    }

    /// Elements of the buffer it needs, halo included.
    pub(crate) fn extent(&self) -> usize {
        self.n * self.image
    }

    /// Elements without the halo.
    pub(crate) fn count(&self) -> usize {
        self.n * self.h * self.w * self.c
    }

    /// Whether there is no halo, so that the elements are one run.
    pub(crate) fn is_dense(&self) -> bool {
        self.extent() == self.count()
    }

    /// Rows of all images.
    pub(crate) fn row_count(&self) -> usize {
        self.n * self.h
    }

    /// Elements of a row.
    pub(crate) fn row_length(&self) -> usize {
        self.w * self.c
    }

    /// Where row `index` of all images starts.
    pub(crate) fn row_start(&self, index: usize) -> usize {
        self.base + index / self.h * self.image + index % self.h * self.row
    }
}

/// The buffers a step reads.
#[derive(Clone, Copy)]
pub(crate) struct Memory<'a> {
    pub(crate) work: &'a [Buffer],
    /// For each buffer of the plan the workspace's buffer it shares with others at other times.
    pub(crate) slots: &'a [usize],
    pub(crate) constants: &'a [Buffer],
    /// The byte that stored 8-bit elements are xored with.
    pub(crate) flip: u8,
}

impl<'a> Memory<'a> {
    /// The buffer a view looks into.
    pub(crate) fn buffer(&self, view: &View) -> &'a Buffer {
        match view.source {
            Source::Work(index) => &self.work[self.slots[index]],
            Source::Constant(index) => &self.constants[index],
        }
    }

    /// Element `at` of a view's buffer, widened.
    pub(crate) fn get(&self, view: &View, at: usize) -> i32 {
        match view.element {
            Element::I8 => i32::from((self.buffer(view).bytes()[at] ^ self.flip) as i8),
            Element::I32 => self.buffer(view).words()[at],
        }
    }
}

/// Sets the halo of a view to zeros; the rows themselves stay.
pub(crate) fn clear_halo(view: &View, buffer: &mut Buffer, flip: u8) {
    if view.is_dense() {
        return;
    }
    let mut from = 0;
    for row in 0..view.row_count() {
        let start = view.row_start(row);
        fill_zero(view.element, buffer, from..start, flip);
        from = start + view.row_length();
    }
    fill_zero(view.element, buffer, from..view.extent(), flip);
}

fn fill_zero(element: Element, buffer: &mut Buffer, range: std::ops::Range<usize>, flip: u8) {
    match element {
        Element::I8 => buffer.bytes_mut()[range].fill(flip),
        Element::I32 => buffer.words_mut()[range].fill(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halo_surrounds_every_row_and_is_cleared_alone() {
        let view = View::picture(Source::Work(0), Element::I8, [2, 3, 2, 2], [1, 2]);
        let mut buffer = Buffer::zeroed(view.extent());
        buffer.bytes_mut().fill(7);
        clear_halo(&view, &mut buffer, 0x80);
        let bytes = &buffer.bytes()[..view.extent()];
        assert_eq!(bytes.iter().filter(|&&b| b == 7).count(), view.count());
        assert_eq!(bytes.iter().filter(|&&b| b == 0x80).count(), view.extent() - view.count());
        for row in 0..view.row_count() {
            let start = view.row_start(row);
            assert!(bytes[start..start + view.row_length()].iter().all(|&b| b == 7));
        }
    }
}
