//! Operators of object detection: rows of boxes `[id, score, x1, y1, x2, y2]`, all 32-bit.

use super::Context;
use crate::Error;
use crate::buffer::Buffer;
use crate::view::{Memory, View};
use myelin_graph::NonMaxSuppression;

/// Length of a row of [`Nms`].
const ROW: usize = 6;
const NAME: &str = "non_max_suppression";

/// Counts and moves up the rows above a threshold; one step for each result.
#[derive(Debug)]
pub(crate) struct ValidCounts {
    pub(crate) src: View,
    pub(crate) threshold: i32,
    pub(crate) batch: usize,
    pub(crate) row_count: usize,
    pub(crate) row_length: usize,
}

impl ValidCounts {
    pub(crate) fn run(&self, memory: Memory<'_>, counts: &mut Buffer, rows: &mut Buffer) {
        let size = self.row_count * self.row_length;
        for batch in 0..self.batch {
            let src = &memory.buffer(&self.src).words()[batch * size..(batch + 1) * size];
            let kept = &mut rows.words_mut()[batch * size..(batch + 1) * size];
            // Every row is written where the next kept one belongs, without a branch on its score.
            let mut count = 0;
            for row in src.chunks_exact(self.row_length) {
                copy_row(row, &mut kept[count * self.row_length..][..self.row_length]);
                count += usize::from(row[1] > self.threshold);
            }
            kept[count * self.row_length..].fill(-1);
            counts.words_mut()[batch] = count as i32;
        }
    }
}

/// Copies a short row without calling `memcpy`.
fn copy_row(from: &[i32], to: &mut [i32]) {
    let ((from, from_rest), (to, to_rest)) = (from.as_chunks::<4>(), to.as_chunks_mut::<4>());
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    to_rest.iter_mut().zip(from_rest).for_each(|(to, from)| *to = *from);
}

/// Thins out overlapping boxes.
#[derive(Debug)]
pub(crate) struct Nms {
    pub(crate) attributes: NonMaxSuppression,
    pub(crate) src: View,
    pub(crate) counts: View,
    pub(crate) batch: usize,
    pub(crate) row_count: usize,
}

/// Working memory of [`Nms`].
#[derive(Debug, Default, Clone)]
pub(crate) struct NmsScratch {
    order: Vec<u32>,
    removed: Vec<bool>,
}

impl NmsScratch {
    /// Room for `rows` boxes.
    pub(crate) fn reserve(&mut self, rows: usize) {
        self.order.reserve(rows);
        self.removed.reserve(rows);
    }
}

impl Nms {
    /// Runs it, and overwrites rows past `top_k` with -1 in `data`, a copy of the source that later
    /// operators see.
    ///
    /// **Errors.** As golden: a count above the rows; pictures left unwritten.
    pub(crate) fn run(
        &self,
        context: &Context<'_>,
        memory: Memory<'_>,
        scratch: &mut NmsScratch,
        data: &mut Buffer,
        out: &mut Buffer,
    ) -> Result<(), Error> {
        let size = self.row_count * ROW;
        let total = self.batch * size;
        data.words_mut()[..total].copy_from_slice(&memory.buffer(&self.src).words()[..total]);
        out.words_mut()[..total].fill(-1);
        for batch in 0..self.batch {
            let count = memory.get(&self.counts, batch);
            if count > self.row_count as i32 {
                return Err(Error::BoxCount { count, limit: self.row_count });
            }
            if count <= 0 {
                if batch + 1 == self.batch {
                    break;
                }
                let reason = "pictures after one without boxes are left unwritten";
                return Err(Error::Undefined { operator: NAME, reason });
            }
            let from = batch * size;
            let boxes = &mut data.words_mut()[from..from + count as usize * ROW];
            self.suppress(context, scratch, boxes, &mut out.words_mut()[from..from + size]);
        }
        Ok(())
    }

    fn suppress(&self, context: &Context<'_>, scratch: &mut NmsScratch, boxes: &mut [i32], kept: &mut [i32]) {
        let a = &self.attributes;
        let count = boxes.len() / ROW;
        let NmsScratch { order, removed } = scratch;
        order.clear();
        order.extend(0..count as u32);
        // Unique keys, so that an unstable sort, which needs no memory, is stable.
        order.sort_unstable_by_key(|&row| (std::cmp::Reverse(boxes[row as usize * ROW + 1]), row));
        let looked_at = usize::try_from(a.top_k).map_or(count, |top_k| top_k.min(count));
        if a.top_k > 0 {
            for &row in &order[looked_at..] {
                boxes[row as usize * ROW..][..ROW].fill(-1);
            }
        }
        let row = |i: usize| &boxes[order[i] as usize * ROW..][..ROW];
        removed.clear();
        removed.resize(count, false);
        let mut next = 0;
        for i in 0..looked_at {
            if removed[i] {
                continue;
            }
            // The work grows with the square of the boxes.
            if context.is_late() {
                return;
            }
            let best = row(i);
            if best[0] >= 0 {
                kept[next..next + ROW].copy_from_slice(best);
                next += ROW;
            }
            for (j, removed) in removed.iter_mut().enumerate().take(looked_at).skip(i + 1) {
                let other = row(j);
                if other[0] < 0 {
                    break;
                }
                let rivals = a.force_suppress || best[0] == other[0];
                if rivals && overlap_percent(&best[2..], &other[2..]) >= i64::from(a.iou_threshold) {
                    *removed = true;
                }
            }
        }
        if let Ok(most @ 1..) = usize::try_from(a.max_output_size)
            && let Some(beyond) = kept.get_mut(most.saturating_mul(ROW)..)
        {
            beyond.fill(-1);
        }
    }
}

/// Intersection over union of two boxes in percent, as golden states it.
fn overlap_percent(a: &[i32], b: &[i32]) -> i64 {
    // Most boxes are apart: then the answer is 0 whatever their areas.
    let width = a[2].min(b[2]).wrapping_sub(a[0].max(b[0])).max(0);
    let height = a[3].min(b[3]).wrapping_sub(a[1].max(b[1])).max(0);
    if width == 0 || height == 0 {
        return 0;
    }
    let edges = |r: &[i32]| (r[2].wrapping_sub(r[0]), r[3].wrapping_sub(r[1]));
    let area = |(w, h): (i32, i32)| i64::from(w).wrapping_mul(i64::from(h));
    let areas = area(edges(a)).wrapping_add(area(edges(b)));
    if areas <= 0 {
        return 0;
    }
    let overlap = area((width, height));
    let union = areas.wrapping_sub(overlap);
    if union <= 0 {
        return 0;
    }
    if overlap > i64::MAX / 100 { overlap.checked_div(union / 100).unwrap_or(0) } else { overlap * 100 / union }
}
