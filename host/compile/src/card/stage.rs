//! The network as the card runs it: stages on maps in external memory.
//!
//! What differs from stages on a scratchpad: pixels start on beats, a sum may follow its last
//! operand's drain, and channels that do not start on a beat are joined by a stage of its own.

use crate::error::{CompileError, Place};
use crate::fuse::split_pools;
use crate::network::{self, BufferId, Combine, Finish, MapShape, Matrix, Slice, Source, Window};
use crate::requantise::Requantise;
use core::ops::Range;
use myelin_isa::Architecture;
use std::collections::BTreeMap;

/// Position of a map in [`Network::maps`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MapId(pub usize);

/// A map in external memory, `[plane][row][column][channel]`; rows start on beats.
#[derive(Debug, Clone)]
pub(super) struct Map {
    pub shape: MapShape,
    /// Lanes from pixel to pixel: whole beats, but for the network's input.
    pub pixel: usize,
    /// Lanes from row to row.
    pub row: usize,
    pub planes: usize,
}

impl Map {
    /// Lanes of one plane.
    pub fn plane(&self) -> usize {
        self.shape.height * self.row
    }

    pub fn lanes(&self) -> usize {
        self.planes * self.plane()
    }
}

/// Some channels of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct View {
    pub map: MapId,
    /// First channel.
    pub offset: usize,
    pub channels: usize,
}

/// The other operand of a sum that follows a drain at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Residual {
    pub view: View,
    /// What makes the drained operand of the array's results.
    pub drained: Requantise,
}

/// What a stage computes.
#[derive(Debug, Clone)]
pub(super) enum Work {
    /// The array, maxima over windows in the drain, or a sum behind it.
    Matrix {
        matrix: Box<Matrix>,
        input: View,
        window: Option<Window>,
        residual: Option<Residual>,
    },
    Add {
        a: View,
        b: View,
    },
    Window {
        input: View,
        window: Window,
        combine: Combine,
    },
    Enlarge {
        input: View,
        scale: usize,
    },
    /// Channels of several maps after each other.
    Join {
        parts: Vec<View>,
    },
}

/// What becomes of a stage's results.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    pub finish: Finish,
    pub view: View,
}

/// See [`network::Stage`].
#[derive(Debug, Clone)]
pub(super) struct Stage {
    pub place: Place,
    pub work: Work,
    pub outputs: Vec<Output>,
    /// What it makes, behind windows.
    pub result: MapShape,
}

/// A head: where it lies, and what the host does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub view: View,
    pub raw: Option<(u32, Requantise)>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Network {
    pub maps: Vec<Map>,
    pub stages: Vec<Stage>,
    /// See [`network::Network::tables`].
    pub tables: Vec<Vec<i8>>,
    pub inputs: Vec<MapId>,
    pub heads: Vec<Head>,
}

impl Stage {
    /// The views it reads and, of each, the rows that result rows `rows` need.
    pub fn reads(&self, rows: &Range<usize>, maps: &[Map]) -> Vec<(View, Range<usize>)> {
        let all = |view: &View| maps[view.map.0].shape.height;
        match &self.work {
            Work::Matrix { matrix, input, window, residual } => {
                let computed = covered_by(*window, 0, rows, matrix.output.height);
                let field = field(matrix, 0, &computed, all(input));
                let other = residual.map(|residual| (residual.view, rows.clone()));
                core::iter::once((*input, field)).chain(other).collect()
            }
            Work::Add { a, b } => vec![(*a, rows.clone()), (*b, rows.clone())],
            Work::Window { input, window, .. } => vec![(*input, covered(window, 0, rows, all(input)))],
            Work::Enlarge { input, scale } => vec![(*input, rows.start / scale..rows.end.div_ceil(*scale))],
            Work::Join { parts } => parts.iter().map(|&part| (part, rows.clone())).collect(),
        }
    }

    /// Multiply-accumulates.
    pub fn macs(&self) -> u64 {
        match &self.work {
            Work::Matrix { matrix, .. } => matrix.macs(),
            _ => 0,
        }
    }
}

/// The elements along an axis (0: rows, 1: columns) under the windows of `results`, within `length`; at least one.
pub(super) fn covered(window: &Window, axis: usize, results: &Range<usize>, length: usize) -> Range<usize> {
    let (stride, size, padding) = (window.strides[axis], window.size[axis], window.padding[axis]);
    let start = (results.start * stride).saturating_sub(padding).min(length - 1);
    let end = ((results.end - 1) * stride + size).saturating_sub(padding).min(length);
    start..end.max(start + 1)
}

/// [`covered`] where there may be no windows.
pub(super) fn covered_by(window: Option<Window>, axis: usize, results: &Range<usize>, length: usize) -> Range<usize> {
    window.map_or(results.clone(), |window| covered(&window, axis, results, length))
}

/// The input elements along an axis that outputs `outputs` of a convolution see; at least one.
pub(super) fn field(matrix: &Matrix, axis: usize, outputs: &Range<usize>, length: usize) -> Range<usize> {
    let reach = (matrix.kernel[axis] - 1) * matrix.dilation[axis] + 1;
    let (stride, padding) = (matrix.strides[axis], matrix.padding[axis]);
    let start = (outputs.start * stride).saturating_sub(padding).min(length - 1);
    let end = ((outputs.end - 1) * stride + reach).saturating_sub(padding).min(length);
    start..end.max(start + 1)
}

/// The lanes of a pixel that are loaded for some of its channels: whole beats, or all of the input's.
pub(super) fn loaded_lanes(map: &Map, channels: Range<usize>, lanes: usize) -> Range<usize> {
    if !map.pixel.is_multiple_of(lanes) {
        return 0..map.pixel;
    }
    channels.start / lanes * lanes..channels.end.next_multiple_of(lanes)
}

/// The network of the card for a lowered one; the maxima of stages that are `drained`, by position,
/// are taken in the drain.
///
/// **Errors.** [`crate::error::Refusal::WidePool`].
pub(super) fn stages(
    lowered: network::Network,
    architecture: &Architecture,
    drained: &[bool],
) -> Result<Network, CompileError> {
    let split = split_pools(lowered, architecture, |index, _| drained[index])?;
    let mut network = Mapping::new(&split, architecture).network(split);
    while let Some((sum, operand)) = fusible(&network, architecture.lanes() as usize) {
        fuse_sum(&mut network, sum, operand);
    }
    Ok(network)
}

/// Buffers to maps.
struct Mapping {
    lanes: usize,
    maps: Vec<Map>,
    stages: Vec<Stage>,
    /// By buffer; `None` for one whose parts are maps of their own.
    whole: Vec<Option<MapId>>,
    /// Parts and joined stretches of the other buffers, by buffer, first channel and channels.
    parts: BTreeMap<(usize, usize, usize), MapId>,
}

impl Mapping {
    fn new(network: &network::Network, architecture: &Architecture) -> Mapping {
        let lanes = architecture.lanes() as usize;
        let mut mapping =
            Mapping { lanes, maps: Vec::new(), stages: Vec::new(), whole: Vec::new(), parts: BTreeMap::new() };
        let written = |buffer: usize| {
            let sinks = network.stages.iter().flat_map(|stage| &stage.sinks);
            sinks.map(|sink| sink.destination).filter(move |slice| slice.buffer == BufferId(buffer))
        };
        for (index, buffer) in network.buffers.iter().enumerate() {
            let on_beats = |slice: Slice| {
                let end = slice.offset + slice.shape.channels;
                slice.offset.is_multiple_of(lanes) && (end.is_multiple_of(lanes) || end == buffer.shape.channels)
            };
            let map = if network.inputs[0].buffer == BufferId(index) {
                Some(mapping.packed(buffer.shape))
            } else if written(index).all(on_beats) {
                Some(mapping.map(buffer.shape, buffer.planes as usize))
            } else {
                for slice in written(index) {
                    let key = (index, slice.offset, slice.shape.channels);
                    let map = mapping.map(slice.shape, 1);
                    mapping.parts.insert(key, map);
                }
                None
            };
            mapping.whole.push(map);
        }
        mapping
    }

    fn map(&mut self, shape: MapShape, planes: usize) -> MapId {
        let pixel = shape.channels.next_multiple_of(self.lanes);
        self.maps.push(Map { shape, pixel, row: shape.width * pixel, planes });
        MapId(self.maps.len() - 1)
    }

    /// The first input: no lanes between pixels, which are often shallow.
    fn packed(&mut self, shape: MapShape) -> MapId {
        let row = (shape.width * shape.channels).next_multiple_of(self.lanes);
        self.maps.push(Map { shape, pixel: shape.channels, row, planes: 1 });
        MapId(self.maps.len() - 1)
    }

    fn network(mut self, network: network::Network) -> Network {
        for stage in network.stages {
            let place = &stage.place;
            let work = match stage.source {
                Source::Matrix(mut matrix) => {
                    let window = stage.sinks.first().and_then(|sink| sink.window);
                    let input = self.read(matrix.input, place);
                    // Groups may be loaded apart, so no run covers more than a tap's channels.
                    let together = matrix.groups == 1;
                    matrix.input.pitch = if together { self.lanes_of(input).len() } else { input.channels + 1 };
                    Work::Matrix { matrix: Box::new(matrix), input, window, residual: None }
                }
                Source::Add { a, b } => Work::Add { a: self.read(a, place), b: self.read(b, place) },
                Source::Pool { input, window, combine } => {
                    Work::Window { input: self.read(input, place), window, combine }
                }
                Source::Enlarge { input, scale } => Work::Enlarge { input: self.read(input, place), scale },
            };
            let outputs = stage.sinks.iter().map(|sink| {
                let view = self.known(sink.destination).expect("invariant: sinks write whole maps or parts");
                Output { finish: sink.finish, view }
            });
            let outputs: Vec<Output> = outputs.collect();
            let destination = stage.sinks.first().expect("invariant: a stage has a sink").destination;
            self.stages.push(Stage { place: stage.place, work, outputs, result: destination.shape });
        }
        let place = |slice: Slice| network.buffers[slice.buffer.0].place.clone();
        let mut heads = Vec::new();
        for head in &network.heads {
            heads.push(Head { view: self.read(head.slice, &place(head.slice)), raw: head.raw });
        }
        let whole = |input: &Slice| self.whole[input.buffer.0].expect("invariant: an input is one map");
        let inputs = network.inputs.iter().map(whole).collect();
        Network { maps: self.maps, stages: self.stages, tables: network.tables, inputs, heads }
    }

    /// The lanes of a pixel that are loaded for a view.
    fn lanes_of(&self, view: View) -> Range<usize> {
        loaded_lanes(&self.maps[view.map.0], view.offset..view.offset + view.channels, self.lanes)
    }

    /// Where a slice lies, if all of it has a map.
    fn known(&self, slice: Slice) -> Option<View> {
        let channels = slice.shape.channels;
        match self.whole[slice.buffer.0] {
            Some(map) => Some(View { map, offset: slice.offset, channels }),
            None => {
                let part = self.parts.get(&(slice.buffer.0, slice.offset, channels));
                part.map(|&map| View { map, offset: 0, channels })
            }
        }
    }

    /// Where a slice lies, joining its parts if need be: all of them have been written.
    fn read(&mut self, slice: Slice, place: &Place) -> View {
        if let Some(view) = self.known(slice) {
            return view;
        }
        let (buffer, channels) = (slice.buffer.0, slice.shape.channels);
        let end = slice.offset + channels;
        let within = |&(&(_, offset, part), _): &(&(usize, usize, usize), &MapId)| {
            offset >= slice.offset && offset + part <= end
        };
        let mut parts: Vec<View> = Vec::new();
        let mut next = slice.offset;
        // Joined stretches lie among the parts: of those that begin together the shortest is taken.
        for (&(_, offset, part), &map) in self.parts.range((buffer, 0, 0)..(buffer + 1, 0, 0)).filter(within) {
            if offset == next {
                parts.push(View { map, offset: 0, channels: part });
                next += part;
            }
        }
        debug_assert_eq!(next, end, "the parts of a slice make it up");
        let map = self.map(slice.shape, 1);
        self.parts.insert((buffer, slice.offset, channels), map);
        let view = View { map, offset: 0, channels };
        let outputs = vec![Output { finish: Finish::Requantise(Requantise::IDENTITY), view }];
        let place = Place { layer: place.layer.clone(), operator: "concatenate" };
        self.stages.push(Stage { place, work: Work::Join { parts }, outputs, result: slice.shape });
        view
    }
}

/// A sum one of whose operands only it reads, just computed by an array stage: both stages.
fn fusible(network: &Network, lanes: usize) -> Option<(usize, usize)> {
    for (sum, stage) in network.stages.iter().enumerate() {
        let Work::Add { a, b } = &stage.work else { continue };
        let packed = |view: &View| !network.maps[view.map.0].pixel.is_multiple_of(lanes);
        if a.map == b.map || packed(a) || packed(b) {
            continue;
        }
        let operand = [a, b].into_iter().filter_map(|view| only_for_sum(network, *view)).max();
        if let Some(operand) = operand {
            return Some((sum, operand));
        }
    }
    None
}

/// The array stage that makes nothing but `view`, which is a whole map with one reader.
fn only_for_sum(network: &Network, view: View) -> Option<usize> {
    let rows = |stage: &Stage| 0..stage.result.height;
    let reads =
        |stage: &Stage| stage.reads(&rows(stage), &network.maps).into_iter().filter(|(v, _)| v.map == view.map).count();
    let readers: usize = network.stages.iter().map(reads).sum();
    if readers != 1 || network.heads.iter().any(|head| head.view.map == view.map) {
        return None;
    }
    let writes = |stage: &Stage| stage.outputs.iter().any(|output| output.view.map == view.map);
    let mut writers = (0..network.stages.len()).filter(|&at| writes(&network.stages[at]));
    let (writer, None) = (writers.next()?, writers.next()) else { return None };
    let stage = &network.stages[writer];
    let plain = matches!(stage.work, Work::Matrix { window: None, residual: None, .. });
    let lanes = matches!(stage.outputs[..], [Output { finish: Finish::Requantise(_), .. }]);
    (plain && lanes && view.channels == network.maps[view.map.0].shape.channels).then_some(writer)
}

/// Moves the array stage behind everything else the sum needs, and the sum into it.
fn fuse_sum(network: &mut Network, sum: usize, operand: usize) {
    let stage = &mut network.stages[sum];
    let (Work::Add { a, b }, outputs) = (stage.work.clone(), core::mem::take(&mut stage.outputs)) else { return };
    let mut stage = network.stages.remove(operand);
    let drained = stage.outputs[0];
    let view = if a.map == drained.view.map { b } else { a };
    if let (Work::Matrix { residual, .. }, Finish::Requantise(requantise)) = (&mut stage.work, drained.finish) {
        *residual = Some(Residual { view, drained: requantise });
    }
    stage.outputs = outputs;
    // The operand stood before the sum.
    network.stages[sum - 1] = stage;
}
