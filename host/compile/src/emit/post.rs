//! Post unit stages (sums, pools, copies) and the post descriptor.

use super::assembler::{Assembler, PostRegisters};
use super::{Layout, limited};
use crate::error::{CompileError, Place};
use crate::fuse::result_shape;
use crate::network::{Combine, Finish, Sink, Slice, Source, Stage, Window};
use crate::requantise::Requantise;
use myelin_isa::{Architecture, Header, Instruction, PostOperands, post_descriptor as at};

/// Longest count of the descriptor's 16-bit fields.
const COUNT_MAX: usize = 0xffff;

/// The post unit's walk; pairs are `[rows, columns]`.
pub(crate) struct PostWalk {
    pub window: [usize; 2],
    pub outer: usize,
    pub output: [usize; 2],
    pub limits: [usize; 2],
    pub start: [i64; 2],
    pub strides: [usize; 2],
    pub window_column_step: usize,
    pub window_row_step: usize,
    pub column_step: usize,
    pub row_step: usize,
    pub outer_step: usize,
    pub destination_column_step: usize,
    pub destination_row_step: usize,
    pub destination_outer_step: usize,
    pub finish: Finish,
}

impl PostWalk {
    /// One result of one element, all inside a source map of 1 x 1.
    pub fn of(finish: Finish) -> PostWalk {
        PostWalk {
            window: [1; 2],
            outer: 1,
            output: [1; 2],
            limits: [1; 2],
            start: [0; 2],
            strides: [0; 2],
            window_column_step: 0,
            window_row_step: 0,
            column_step: 0,
            row_step: 0,
            outer_step: 0,
            destination_column_step: 0,
            destination_row_step: 0,
            destination_outer_step: 0,
            finish,
        }
    }

    /// The same over windows of a source whose columns and rows are so many lanes apart. The first
    /// window begins at `start` of the source, which is `limits` large; elements outside are left out.
    pub fn over(self, window: &Window, start: [i64; 2], limits: [usize; 2], [column, row]: [usize; 2]) -> PostWalk {
        PostWalk {
            window: window.size,
            strides: window.strides,
            start,
            limits,
            window_column_step: column,
            window_row_step: row,
            column_step: window.strides[1] * column,
            row_step: window.strides[0] * row,
            ..self
        }
    }

    /// Elements of all windows.
    pub fn elements(&self) -> usize {
        self.window[0] * self.window[1] * self.output[0] * self.output[1] * self.outer
    }

    /// The descriptor; registers that the walk never uses are left open.
    pub fn registers(&self, architecture: &Architecture, place: &Place) -> Result<PostRegisters, CompileError> {
        let pair = |low: u32, high: u32| Some(low | high << 16);
        let signed = |value: i64| value as u16 as u32;
        let step = |taken: bool, lanes: usize| taken.then_some(lanes as u32);
        let count = |what, found| limited(place, what, found, COUNT_MAX as u64);
        let [rows, columns] = self.output;
        let window_rows = limited(place, "window rows", self.window[0], 0xff)?;
        let window_columns = limited(place, "window columns", self.window[1], 0xff)?;
        for value in self.start.map(|start| start.unsigned_abs() as usize) {
            limited(place, "rows or columns of a pooled map", value, 0x7fff)?;
        }
        let mut registers: PostRegisters = [None; at::COUNT as usize];
        let mut set = |index: u8, value: Option<u32>| registers[usize::from(index)] = value;
        set(at::WINDOW, pair(window_columns | window_rows << 8, count("outer count", self.outer)?));
        set(at::PIXELS, pair(count("output columns", columns)?, count("output rows", rows)?));
        set(at::LIMITS, pair(count("source rows", self.limits[0])?, count("source columns", self.limits[1])?));
        set(at::START, pair(signed(self.start[0]), signed(self.start[1])));
        set(at::STRIDES, pair(count("row stride", self.strides[0])?, count("column stride", self.strides[1])?));
        set(at::WINDOW_COLUMN_STEP, step(self.window[1] > 1, self.window_column_step));
        set(at::WINDOW_ROW_STEP, step(self.window[0] > 1, self.window_row_step));
        set(at::COLUMN_STEP, step(columns > 1, self.column_step));
        set(at::ROW_STEP, step(rows > 1, self.row_step));
        set(at::OUTER_STEP, step(self.outer > 1, self.outer_step));
        set(at::DESTINATION_COLUMN_STEP, step(columns > 1, self.destination_column_step));
        set(at::DESTINATION_ROW_STEP, step(rows > 1, self.destination_row_step));
        set(at::DESTINATION_OUTER_STEP, step(self.outer > 1, self.destination_outer_step));
        if let Finish::Requantise(requantise) | Finish::LookUp { requantise, .. } = self.finish {
            set(at::REQUANTISE, Some(requantise_register(requantise, architecture)));
        }
        Ok(registers)
    }
}

/// Shift and clamps; results are known to lie in the lanes, so a wider clamp may be narrowed.
fn requantise_register(requantise: Requantise, architecture: &Architecture) -> u32 {
    let limit = i64::from(architecture.precision().limit());
    let byte = |clamp: i64| u32::from(clamp.clamp(-limit, limit) as i8 as u8);
    u32::from(requantise.shift) | byte(requantise.low) << 8 | byte(requantise.high) << 16
}

/// One instruction of a post stage.
struct Piece {
    /// Lanes from the operands' and the result's first lane.
    source: usize,
    destination: usize,
    lane_count: usize,
    walk: PostWalk,
}

pub(super) fn emit(stage: &Stage, layout: &Layout, assembler: &mut Assembler) -> Result<(), CompileError> {
    for sink in &stage.sinks {
        for piece in pieces(stage, sink, layout) {
            let registers = piece.walk.registers(layout.architecture, &stage.place)?;
            let first = match stage.source {
                Source::Add { a, b } => layout.address(a).min(layout.address(b)),
                Source::Enlarge { input, .. } => layout.address(input),
                Source::Pool { input, window, .. } => {
                    // Negative where the first window hangs over the edge: those elements are left out.
                    let row = input.shape.width * input.pitch;
                    let above = window.padding[0] * row + window.padding[1] * input.pitch;
                    layout.address(input).wrapping_sub(above as u32)
                }
                Source::Matrix(_) => unreachable!("array stages are emitted elsewhere"),
            };
            let operands = PostOperands {
                half: 0,
                raw: sink.finish.is_raw(),
                look_up: sink.finish.table().is_some(),
                lane_count: piece.lane_count as u8,
                source: first.wrapping_add(piece.source as u32),
                destination: layout.address(sink.destination) + piece.destination as u32,
                bias_word: 0,
            };
            let header = Header::default();
            let instruction = match stage.source {
                Source::Add { .. } | Source::Pool { combine: Combine::Sum, .. } => {
                    Instruction::Elementwise { header, operands }
                }
                _ => Instruction::Pool { header, operands },
            };
            let reads = stage.source.reads().map(|slice| layout.map(slice)).collect();
            assembler.count_tile(&stage.place)?;
            assembler.hold_table(sink.finish.table());
            assembler.push_post(&registers, instruction, reads, vec![layout.map(sink.destination)]);
            assembler.flush();
        }
    }
    Ok(())
}

/// The walks that cover a sink's lanes.
fn pieces(stage: &Stage, sink: &Sink, layout: &Layout) -> Vec<Piece> {
    let (input, window) = match stage.source {
        Source::Add { a, .. } => (a, Window::unit(a.shape)),
        Source::Pool { input, window, .. } => (input, window),
        Source::Enlarge { input, .. } => (input, Window::unit(input.shape)),
        Source::Matrix(_) => unreachable!("array stages are emitted elsewhere"),
    };
    let mut base = PostWalk::of(sink.finish);
    if let Source::Add { a, b } = stage.source {
        base.window = [1, 2];
        base.limits = [1, 2];
        base.window_column_step = layout.address(a).abs_diff(layout.address(b)) as usize;
    }
    if let Finish::Raw { planes } = sink.finish {
        base.outer = planes as usize;
        base.destination_outer_step = sink.destination.shape.lanes();
    }
    let lanes = layout.architecture.columns() as usize;
    let lanes_of = |base: &PostWalk| chunked_pieces(base, sink.destination, lanes);
    if let Source::Enlarge { input, scale } = stage.source {
        return enlarged_pieces(&base, input, sink.destination, scale, lanes_of);
    }
    let elements = window.size == [1; 2] && window.strides == [1; 2];
    if elements && input.is_tight() && sink.destination.is_tight() {
        return flat_pieces(&base, input.shape.lanes(), lanes);
    }
    let shape = result_shape(&stage.source);
    let steps = [input.pitch, input.shape.width * input.pitch];
    if elements {
        [base.column_step, base.row_step] = steps;
    } else {
        let limits = [input.shape.height, input.shape.width];
        base = base.over(&window, [window.start(0, 0), window.start(1, 0)], limits, steps);
    }
    base.output = [shape.height, shape.width];
    base.destination_column_step = sink.destination.pitch;
    base.destination_row_step = shape.width * sink.destination.pitch;
    lanes_of(&base)
}

/// A copy of the map to every position within the squares of `scale` x `scale` results.
fn enlarged_pieces(
    base: &PostWalk,
    input: Slice,
    destination: Slice,
    scale: usize,
    lanes_of: impl Fn(&PostWalk) -> Vec<Piece>,
) -> Vec<Piece> {
    let row = destination.shape.width * destination.pitch;
    let walk = PostWalk {
        output: [input.shape.height, input.shape.width],
        column_step: input.pitch,
        row_step: input.shape.width * input.pitch,
        destination_column_step: scale * destination.pitch,
        destination_row_step: scale * row,
        ..*base
    };
    let positions = (0..scale).flat_map(|y| (0..scale).map(move |x| (y, x)));
    let moved = |(y, x): (usize, usize)| {
        let by = y * row + x * destination.pitch;
        lanes_of(&walk).into_iter().map(move |piece| Piece { destination: piece.destination + by, ..piece })
    };
    positions.flat_map(moved).collect()
}

/// Element by element over maps without gaps: one long row of lanes.
fn flat_pieces(base: &PostWalk, total: usize, lanes: usize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut start = 0;
    while start < total {
        let results = (total - start) / lanes;
        let (columns, rows, lane_count) = match results {
            0 => (1, 1, total - start),
            1..=COUNT_MAX => (results, 1, lanes),
            _ => (COUNT_MAX, (results / COUNT_MAX).min(COUNT_MAX), lanes),
        };
        let walk = PostWalk {
            output: [rows, columns],
            column_step: lanes,
            row_step: columns * lanes,
            destination_column_step: lanes,
            destination_row_step: columns * lanes,
            ..*base
        };
        pieces.push(Piece { source: start, destination: start, lane_count, walk });
        start += rows * columns * lane_count;
    }
    pieces
}

/// Pixel by pixel, `lanes` channels at a time; the outer loop goes over chunks unless planes do.
fn chunked_pieces(base: &PostWalk, destination: Slice, lanes: usize) -> Vec<Piece> {
    let channels = destination.shape.channels;
    let mut pieces = Vec::new();
    let mut first = 0;
    while first < channels {
        let lane_count = lanes.min(channels - first);
        let together = if base.outer > 1 { 1 } else { ((channels - first) / lanes).clamp(1, COUNT_MAX) };
        let mut walk = PostWalk { ..*base };
        if base.outer == 1 {
            walk.outer = together;
            walk.outer_step = lanes;
            walk.destination_outer_step = lanes;
        }
        pieces.push(Piece { source: first, destination: first, lane_count, walk });
        first += together * lane_count;
    }
    pieces
}
