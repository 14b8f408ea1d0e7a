//! Where values lie, and converting them when an operator wants them otherwise.

use super::Planner;
use crate::buffer::Buffer;
use crate::run::{Axis, Gather, Step};
use crate::view::{Element, Memory, Source, View, clear_halo};
use myelin_graph::{TensorData, ValueId};

/// Order of a value's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// The chain's order, last axis fastest.
    Plain,
    /// Four axes with the channel fastest.
    Picture,
}

/// A copy of a value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) view: View,
    pub(super) layout: Layout,
    halo: [usize; 2],
}

impl Place {
    pub(super) fn plain(view: View) -> Self {
        Self { view, layout: Layout::Plain, halo: [0, 0] }
    }

    pub(super) fn picture(view: View, halo: [usize; 2]) -> Self {
        Self { view, layout: Layout::Picture, halo }
    }
}

impl Planner<'_> {
    /// The first place of a value, as it was computed.
    pub(super) fn home(&mut self, value: ValueId) -> Place {
        self.materialise(value);
        self.places[value.index()][0]
    }

    /// A value in the chain's order; of any width that holds it if `element` is `None`.
    pub(super) fn plain(&mut self, value: ValueId, element: Option<Element>) -> View {
        self.materialise(value);
        let natural = self.element(value);
        let fits = |view: &View| match element {
            Some(element) => view.element == element,
            // A value cut to bytes for a convolution is of no use to others.
            None => view.element == natural || view.element == Element::I32,
        };
        for place in &self.places[value.index()] {
            let view = place.view;
            let same_order = view.is_dense() && (view.c == 1 || view.h * view.w == 1);
            if fits(&view) && (place.layout == Layout::Plain || same_order) {
                return View::plain(view.source, view.element, view.count());
            }
        }
        let home = self.places[value.index()][0];
        let element = element.unwrap_or(natural);
        let count = home.view.count();
        self.converted(value, &home, |planner, source| match source {
            Some(source) => Place::plain(View::plain(source, element, count)),
            None => Place::plain(planner.new_plain(element, count)),
        })
    }

    /// A value as a picture with at least this halo; of any width if `element` is `None`.
    pub(super) fn picture(&mut self, value: ValueId, element: Option<Element>, halo: [usize; 2]) -> View {
        self.materialise(value);
        let natural = self.element(value);
        for place in &self.places[value.index()] {
            let wide_enough = place.halo[0] >= halo[0] && place.halo[1] >= halo[1];
            let fits = match element {
                Some(element) => place.view.element == element,
                None => place.view.element == natural || place.view.element == Element::I32,
            };
            if place.layout == Layout::Picture && wide_enough && fits {
                return place.view;
            }
        }
        let shape = self.graph.shape(value).nchw().expect("invariant: pictures have four axes");
        let home = self.places[value.index()][0];
        let element = element.unwrap_or(natural);
        let [_, c, h, w] = shape;
        if halo == [0, 0] && home.layout == Layout::Plain && home.view.element == element && (c == 1 || h * w == 1) {
            return View::picture(home.view.source, element, shape, halo);
        }
        self.converted(value, &home, |planner, source| match source {
            Some(source) => Place::picture(View::picture(source, element, shape, halo), halo),
            None => {
                let wanted = planner.halos[value.index()];
                let halo = [wanted[0].max(halo[0]), wanted[1].max(halo[1])];
                let mut view = View::picture(Source::Work(0), element, shape, halo);
                view.source = planner.new_buffer(view.extent() * element.size());
                Place::picture(view, halo)
            }
        })
    }

    /// Copies a value to a new place: by a step, or at once if it is constant.
    fn converted(&mut self, value: ValueId, home: &Place, target: impl Fn(&mut Self, Option<Source>) -> Place) -> View {
        let shape = self.graph.shape(value).nchw();
        let place = match home.view.source {
            Source::Work(_) => {
                let place = target(self, None);
                self.emit(Step::Gathers(vec![conversion(home, &place, shape)]), &[place.view]);
                place
            }
            Source::Constant(_) => {
                let place = target(self, Some(Source::Constant(self.constants.len())));
                if let Some(mut buffer) = self.new_constant(place.view.extent() * place.view.element.size()) {
                    let flip = self.kernels.flip;
                    let memory = Memory { work: &[], slots: &[], constants: &self.constants, flip };
                    conversion(home, &place, shape).run(memory, &mut buffer);
                    clear_halo(&place.view, &mut buffer, flip);
                    self.constants.push(buffer);
                }
                place
            }
        };
        self.places[value.index()].push(place);
        place.view
    }

    /// Stores a parameter, if it is one that no place holds yet.
    fn materialise(&mut self, value: ValueId) {
        if !self.places[value.index()].is_empty() {
            return;
        }
        let tensor = self.graph.param(value).expect("invariant: operators come in topological order");
        let element = self.element(value);
        let count = tensor.elements();
        let view = View::plain(Source::Constant(self.constants.len()), element, count);
        self.places[value.index()].push(Place::plain(view));
        let Some(mut buffer) = self.new_constant(count * element.size()) else { return };
        let flip = self.kernels.flip;
        match (element, tensor.data()) {
            (Element::I8, TensorData::I8(data)) => {
                buffer.bytes_mut().iter_mut().zip(data).for_each(|(to, &v)| *to = v as u8 ^ flip);
            }
            (Element::I8, TensorData::I32(data)) => {
                buffer.bytes_mut().iter_mut().zip(data).for_each(|(to, &v)| *to = v as u8 ^ flip);
            }
            (Element::I32, TensorData::I32(data)) => buffer.words_mut()[..count].copy_from_slice(data),
            (Element::I32, TensorData::I8(data)) => {
                buffer.words_mut().iter_mut().zip(data).for_each(|(to, &v)| *to = i32::from(v));
            }
        }
        self.constants.push(buffer);
    }

    /// A buffer for a constant; none while the plan is only measured, which stands for one then.
    fn new_constant(&mut self, bytes: usize) -> Option<Buffer> {
        if self.hold(bytes as u64) {
            return Some(Buffer::zeroed(bytes));
        }
        self.constants.push(Buffer::default());
        None
    }
}

/// The gather from one place of a value to another.
fn conversion(from: &Place, to: &Place, shape: Option<[usize; 4]>) -> Gather {
    if from.layout == Layout::Plain && to.layout == Layout::Plain {
        let axes = [Axis { count: from.view.count(), src: 1, dst: 1 }];
        return Gather::new(from.view, 0, to.view, 0, &axes);
    }
    let [n, c, h, w] = shape.expect("invariant: pictures have four axes");
    let (a, b) = (strides(from, c, h, w), strides(to, c, h, w));
    let axis = |i: usize, count| Axis { count, src: a[i], dst: b[i] };
    let (image, row, column, channel) = (axis(0, n), axis(1, h), axis(2, w), axis(3, c));
    // The longer of the two inner loops goes inside.
    let axes = if w > c { [image, row, channel, column] } else { [image, row, column, channel] };
    Gather::new(from.view, from.view.base, to.view, to.view.base, &axes)
}

/// Strides of a place from one image, row, column and channel to the next.
fn strides(place: &Place, c: usize, h: usize, w: usize) -> [isize; 4] {
    let strides = match place.layout {
        Layout::Plain => [c * h * w, w, 1, h * w],
        Layout::Picture => [place.view.image, place.view.row, c, 1],
    };
    strides.map(|stride| stride as isize)
}
