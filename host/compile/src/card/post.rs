//! Jobs of the post unit alone: sums, pools, copies, joins.

use super::cell::{Cell, Loaded, Staged};
use super::job::{Job, Sized};
use super::spans::Span;
use super::stage::{View, Work};
use crate::emit::PostWalk;
use crate::error::CompileError;
use crate::network::{Combine, Finish};
use crate::requantise::Requantise;
use myelin_isa::{Header, Instruction, PostOperands};

/// Most channel chunks of one instruction.
const OUTER_MAX: usize = 0xffff;

/// Where channels of a map lie in the scratchpad.
#[derive(Debug, Clone, Copy)]
struct Held {
    lane: usize,
    pitch: usize,
    row_lanes: usize,
    span: Span,
}

impl Held {
    /// The channels from `channel` of the map's pixels on, in a loaded rectangle.
    fn of(loaded: &Loaded, channel: usize) -> Held {
        let lane = loaded.lane + channel - loaded.rect.lanes.start;
        Held { lane, pitch: loaded.pitch(), row_lanes: loaded.row_lanes, span: loaded.span() }
    }

    /// The same from a job's first column on: of the network's input whole rows are loaded.
    fn from(self, job: &Job, loaded: &Loaded) -> Held {
        Held { lane: self.lane + (job.columns.start - loaded.rect.columns.start) * self.pitch, ..self }
    }
}

/// One walk of the post unit over some channels of a job.
struct Walked {
    combine: Combine,
    /// Source steps, windows and results; the destination's steps.
    walk: PostWalk,
    /// Lanes of the first element of channel 0; may lie outside.
    source: i64,
    destination: usize,
    channels: usize,
}

impl Cell<'_> {
    pub(super) fn post_job(&mut self, sized: &Sized, job: &Job) -> Result<(), CompileError> {
        let loaded = self.inputs_together(sized.inputs(job));
        let (operands, outputs) = self.stage_results(sized, job, sized.operands());
        let channels = sized.prepared.channels(&job.blocks);
        let held = |view: View, loaded: &Loaded| Held::of(loaded, view.offset + channels.start);
        match &sized.stage.work {
            Work::Add { a, b } => {
                let (mut a, mut b) =
                    (held(*a, &loaded[0]).from(job, &loaded[0]), held(*b, &loaded[1]).from(job, &loaded[1]));
                if let [first, second] = operands[..] {
                    a = self.reordered(a, first, sized, job)?;
                    b = self.reordered(b, second, sized, job)?;
                }
                self.sum(a, b, sized, job, &outputs)?;
            }
            Work::Window { input, window, combine } => {
                let source = held(*input, &loaded[0]);
                for (output, staged) in sized.stage.outputs.iter().zip(&outputs) {
                    let rect = &loaded[0].rect;
                    let y = window.start(0, job.rows.start) - rect.rows.start as i64;
                    let x = window.start(1, job.columns.start) - rect.columns.start as i64;
                    let (limits, steps) = ([rect.rows.len(), rect.columns.len()], [source.pitch, source.row_lanes]);
                    let walk = self.results(output.finish, staged, job).over(window, [y, x], limits, steps);
                    let first = source.lane as i64 + y * source.row_lanes as i64 + x * source.pitch as i64;
                    let walked = self.walked(*combine, walk, (first, staged.lane), channels.len());
                    self.walk(&walked, sized, &[source.span], staged)?;
                }
            }
            Work::Enlarge { input, scale } => {
                let first = loaded[0].rect.columns.start;
                self.enlarge((held(*input, &loaded[0]), first), *scale, sized, job, &outputs)?;
            }
            Work::Join { parts } => {
                for ((view, part, first), loaded) in sized.joined(parts, &channels).into_iter().zip(&loaded) {
                    let source = Held::of(loaded, view.offset + part.start).from(job, loaded);
                    for (output, staged) in sized.stage.outputs.iter().zip(&outputs) {
                        let walk = self.copying(&source, output.finish, staged, job);
                        let destination = staged.lane + first - channels.start;
                        let lanes = (source.lane as i64, destination);
                        let walked = self.walked(Combine::Maximum, walk, lanes, part.len());
                        self.walk(&walked, sized, &[source.span], staged)?;
                    }
                }
            }
            Work::Matrix { .. } => unreachable!("jobs of the array are done elsewhere"),
        }
        self.store_results(sized, job, &outputs);
        Ok(())
    }

    /// The sum of two maps in the same order, for every output.
    pub(super) fn add(
        &mut self,
        (a, b): (usize, usize),
        order: &Staged,
        sized: &Sized,
        job: &Job,
        outputs: &[Staged],
    ) -> Result<(), CompileError> {
        let lanes = order.area * order.lanes;
        let held = |lane: usize| Held {
            lane,
            pitch: order.lanes,
            row_lanes: order.columns * order.lanes,
            span: Span::lanes(lane, lanes),
        };
        self.sum(held(a), held(b), sized, job, outputs)
    }

    fn sum(&mut self, a: Held, b: Held, sized: &Sized, job: &Job, outputs: &[Staged]) -> Result<(), CompileError> {
        let channels = sized.prepared.channels(&job.blocks).len();
        for (output, staged) in sized.stage.outputs.iter().zip(outputs) {
            let walk = PostWalk {
                window: [1, 2],
                limits: [1, 2],
                window_column_step: a.lane.abs_diff(b.lane),
                ..self.copying(&a, output.finish, staged, job)
            };
            let lanes = (a.lane.min(b.lane) as i64, staged.lane);
            let walked = self.walked(Combine::Sum, walk, lanes, channels);
            self.walk(&walked, sized, &[a.span, b.span], staged)?;
        }
        Ok(())
    }

    /// A copy of an operand in the order of the results.
    fn reordered(&mut self, from: Held, to: Staged, sized: &Sized, job: &Job) -> Result<Held, CompileError> {
        let channels = sized.prepared.channels(&job.blocks).len();
        let walk = self.copying(&from, Finish::Requantise(Requantise::IDENTITY), &to, job);
        let walked = self.walked(Combine::Maximum, walk, (from.lane as i64, to.lane), channels);
        self.walk(&walked, sized, &[from.span], &to)?;
        Ok(Held { lane: to.lane, pitch: to.lanes, row_lanes: to.columns * to.lanes, span: to.span() })
    }

    /// Every element to its square of results, from column `first` of the map on: a copy for each position in the squares.
    fn enlarge(
        &mut self,
        (source, first): (Held, usize),
        scale: usize,
        sized: &Sized,
        job: &Job,
        outputs: &[Staged],
    ) -> Result<(), CompileError> {
        let channels = sized.prepared.channels(&job.blocks).len();
        // Results of one position within the squares: the first, and how many.
        let at = |range: &core::ops::Range<usize>, position: usize| {
            let first = (range.start + scale - 1 - position) / scale * scale + position;
            (first, (range.end + scale - 1).saturating_sub(first) / scale)
        };
        for (output, staged) in sized.stage.outputs.iter().zip(outputs) {
            for (y, x) in (0..scale).flat_map(|y| (0..scale).map(move |x| (y, x))) {
                let ((row, rows), (column, columns)) = (at(&job.rows, y), at(&job.columns, x));
                if rows == 0 || columns == 0 {
                    continue;
                }
                let base = self.results(output.finish, staged, job);
                let walk = PostWalk {
                    output: [rows, columns],
                    column_step: source.pitch,
                    row_step: source.row_lanes,
                    destination_column_step: scale * base.destination_column_step,
                    destination_row_step: scale * base.destination_row_step,
                    ..base
                };
                let (down, right) = (row / scale - job.rows.start / scale, column / scale - first);
                let from = source.lane + down * source.row_lanes + right * source.pitch;
                let to =
                    staged.lane + ((row - job.rows.start) * staged.columns + column - job.columns.start) * staged.lanes;
                let walked = self.walked(Combine::Maximum, walk, (from as i64, to), channels);
                self.walk(&walked, sized, &[source.span], staged)?;
            }
        }
        Ok(())
    }

    /// A walk over a job's results, whose destination is `staged`.
    fn results(&self, finish: Finish, staged: &Staged, job: &Job) -> PostWalk {
        let mut walk = PostWalk {
            output: [job.rows.len(), job.columns.len()],
            destination_column_step: staged.lanes,
            destination_row_step: staged.columns * staged.lanes,
            ..PostWalk::of(finish)
        };
        if let Finish::Raw { planes } = finish {
            walk.outer = planes as usize;
            walk.destination_outer_step = staged.area * staged.lanes;
        }
        walk
    }

    /// [`Cell::results`] of a map, element by element.
    fn copying(&self, source: &Held, finish: Finish, staged: &Staged, job: &Job) -> PostWalk {
        PostWalk { column_step: source.pitch, row_step: source.row_lanes, ..self.results(finish, staged, job) }
    }

    fn walked(&self, combine: Combine, walk: PostWalk, (source, to): (i64, usize), channels: usize) -> Walked {
        Walked { combine, walk, source, destination: to, channels }
    }

    /// The instructions of a walk: as many channels at a time as there are columns, the outer loop
    /// over such chunks unless planes need it.
    fn walk(&mut self, walked: &Walked, sized: &Sized, reads: &[Span], staged: &Staged) -> Result<(), CompileError> {
        let columns = sized.architecture.columns() as usize;
        let (raw, look_up) = (walked.walk.finish.is_raw(), walked.walk.finish.table().is_some());
        let mut reads = reads.to_vec();
        reads.extend(self.table(walked.walk.finish));
        let mut first = 0;
        while first < walked.channels {
            let lane_count = columns.min(walked.channels - first);
            let chunks = if raw { 1 } else { ((walked.channels - first) / columns).clamp(1, OUTER_MAX) };
            let mut walk = PostWalk { ..walked.walk };
            if !raw {
                walk.outer = chunks;
                walk.outer_step = columns;
                walk.destination_outer_step = columns;
            }
            let operands = PostOperands {
                half: 0,
                raw,
                look_up,
                lane_count: lane_count as u8,
                source: (walked.source + first as i64) as u32,
                destination: (walked.destination + first) as u32,
                bias_word: 0,
            };
            let header = Header::NONE;
            let instruction = match walked.combine {
                Combine::Sum => Instruction::Elementwise { header, operands },
                Combine::Maximum => Instruction::Pool { header, operands },
            };
            let registers = walk.registers(sized.architecture, &sized.stage.place)?;
            self.stream.post(&registers, instruction, walk.elements(), &reads, &[staged.span()]);
            first += chunks * lane_count;
        }
        Ok(())
    }
}
