//! Operators of object detection: rows of boxes `[id, score, x1, y1, x2, y2]`.

use super::shape_error;
use crate::{Error, Tensor};

/// Length of a row of [`non_max_suppression`].
const ROW: usize = 6;

/// The shapes of [`get_valid_counts`]' results: counts `[n]` and rows `[n, rows, k]`.
pub(crate) fn get_valid_counts_shape(x: &[usize]) -> Result<[Vec<usize>; 2], Error> {
    match x {
        &[n, _, 2..=31] => Ok([vec![n], x.to_vec()]),
        _ => Err(shape_error("get_valid_counts", "data must be [n, rows, 2 to 31]", x)),
    }
}

/// How many rows of each picture score above `score_threshold`, and those rows moved to the top,
/// the rest filled with -1.
///
/// **Shapes and units**: data `[n, rows, k]` with the score second in a row.
pub fn get_valid_counts(x: &Tensor, score_threshold: i32) -> Result<[Tensor; 2], Error> {
    x.check()?;
    let [counts, rows] = get_valid_counts_shape(&x.shape)?;
    let (mut counts, mut kept) = (Tensor::filled(&counts, 0)?, Tensor::filled(&rows, -1)?);
    let (row_count, k) = (x.shape[1], x.shape[2]);
    for (batch, count) in counts.data.iter_mut().enumerate() {
        let first = batch * row_count * k;
        let mut next = first;
        for row in x.data[first..first + row_count * k].chunks_exact(k) {
            if row[1] > score_threshold {
                kept.data[next..next + k].copy_from_slice(row);
                next += k;
                *count += 1;
            }
        }
    }
    Ok([counts, kept])
}

/// Whose boxes suppress whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suppression {
    /// Boxes of the same id only (`force_suppress` false).
    SameId,
    /// All boxes (`force_suppress` true).
    Every,
}

/// How far boxes are thinned out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonMaxSuppression {
    /// Overlap at which a box goes, in percent of the union; above 0.
    pub iou_threshold: i32,
    /// How many boxes of the highest scores are looked at; negative for all.
    pub top_k: i32,
    /// How many boxes are kept at most; 0 or less for all.
    pub max_output_size: i32,
    /// Whose boxes suppress whose.
    pub suppression: Suppression,
}

/// The shape of [`non_max_suppression`]'s result: that of the data.
pub(crate) fn non_max_suppression_shape(x: &[usize], valid_count: &[usize]) -> Result<Vec<usize>, Error> {
    const NAME: &str = "non_max_suppression";
    match (x, valid_count) {
        (&[n, _, ROW], &[counts]) if n == counts => Ok(x.to_vec()),
        (&[_, _, ROW], _) => Err(shape_error(NAME, "there must be one count per picture", valid_count)),
        _ => Err(shape_error(NAME, "data must be [n, rows, 6]", x)),
    }
}

/// Of boxes that overlap, those with the highest score; the rest filled with -1.
///
/// **Shapes and units**: data `[n, rows, 6]`, `valid_count` `[n]`: the first so many rows of each
/// picture count. Rows of negative id are never kept.
/// **Numbers**: rows go by falling score, equal ones in their order. What the official CPU device
/// adds to that: rows past `top_k` are overwritten with -1 **in the data**, which later operators
/// see; looking for boxes to suppress stops at the first row of negative id; a row of negative id
/// suppresses others under [`Suppression::Every`].
/// **Errors**: [`Error::BoxCount`] when a count exceeds the rows; [`Error::Undefined`] when a
/// picture other than the last counts no boxes: the device then leaves all further pictures
/// unwritten.
pub fn non_max_suppression(x: &mut Tensor, valid_count: &Tensor, nms: &NonMaxSuppression) -> Result<Tensor, Error> {
    const NAME: &str = "non_max_suppression";
    x.check()?;
    valid_count.check()?;
    super::check_attribute(NAME, "iou_threshold", 1..=i64::MAX, i64::from(nms.iou_threshold))?;
    let shape = non_max_suppression_shape(&x.shape, &valid_count.shape)?;
    let mut y = Tensor::filled(&shape, -1)?;
    let limit = shape[1];
    let pictures = x.data.chunks_exact_mut(limit * ROW).zip(y.data.chunks_exact_mut(limit * ROW));
    for (batch, (boxes, kept)) in pictures.enumerate() {
        let count = valid_count.data[batch];
        if count > limit as i32 {
            return Err(Error::BoxCount { count, limit });
        }
        if count <= 0 {
            if batch + 1 == shape[0] {
                break;
            }
            let reason = "pictures after one without boxes are left unwritten";
            return Err(Error::Undefined { operator: NAME, reason });
        }
        suppress(&mut boxes[..count as usize * ROW], kept, nms);
    }
    Ok(y)
}

/// One picture: `boxes` are those counted, `kept` starts as -1 throughout.
fn suppress(boxes: &mut [i32], kept: &mut [i32], nms: &NonMaxSuppression) {
    let count = boxes.len() / ROW;
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|&row| std::cmp::Reverse(boxes[row * ROW + 1]));
    let looked_at = usize::try_from(nms.top_k).map_or(count, |top_k| top_k.min(count));
    if nms.top_k > 0 {
        for &row in &order[looked_at..] {
            boxes[row * ROW..][..ROW].fill(-1);
        }
    }
    let rows: Vec<&[i32]> = order.iter().map(|&row| &boxes[row * ROW..][..ROW]).collect();
    let mut removed = vec![false; count];
    let mut next = 0;
    for i in 0..looked_at {
        if removed[i] {
            continue;
        }
        if rows[i][0] >= 0 {
            kept[next..next + ROW].copy_from_slice(rows[i]);
            next += ROW;
        }
        for j in i + 1..looked_at {
            if rows[j][0] < 0 {
                break;
            }
            let rivals = nms.suppression == Suppression::Every || rows[i][0] == rows[j][0];
            if rivals && overlap_percent(&rows[i][2..], &rows[j][2..]) >= i64::from(nms.iou_threshold) {
                removed[j] = true;
            }
        }
    }
    if let Ok(most @ 1..) = usize::try_from(nms.max_output_size) {
        // Kept rows have ids of 0 or more and stand at the top.
        if let Some(beyond) = kept.get_mut(most * ROW..) {
            beyond.fill(-1);
        }
    }
}

/// Intersection over union of two boxes `[x1, y1, x2, y2]` in percent, rounded toward zero.
///
/// **Numbers**: edges are 32-bit differences, areas 64-bit products; both wrap, as the device's do
/// on the machines the chain runs on. 0 when the areas' sum or the union is not positive.
fn overlap_percent(a: &[i32], b: &[i32]) -> i64 {
    let edges = |r: &[i32]| (r[2].wrapping_sub(r[0]), r[3].wrapping_sub(r[1]));
    let area = |(w, h): (i32, i32)| i64::from(w).wrapping_mul(i64::from(h));
    let areas = area(edges(a)).wrapping_add(area(edges(b)));
    if areas <= 0 {
        return 0;
    }
    let width = a[2].min(b[2]).wrapping_sub(a[0].max(b[0])).max(0);
    let height = a[3].min(b[3]).wrapping_sub(a[1].max(b[1])).max(0);
    let overlap = area((width, height));
    let union = areas.wrapping_sub(overlap);
    if union <= 0 {
        return 0;
    }
    if overlap > i64::MAX / 100 {
        // A union below 100 with such an overlap would divide by zero on the device.
        overlap.checked_div(union / 100).unwrap_or(0)
    } else {
        overlap * 100 / union
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NMS: NonMaxSuppression =
        NonMaxSuppression { iou_threshold: 50, top_k: -1, max_output_size: -1, suppression: Suppression::SameId };

    fn boxes(rows: &[[i32; 6]]) -> Tensor {
        Tensor::new(vec![1, rows.len(), 6], rows.concat()).unwrap()
    }

    /// The scores of the rows kept.
    fn kept(x: &mut Tensor, nms: &NonMaxSuppression) -> Vec<i32> {
        let count = Tensor::new(vec![1], vec![x.shape[1] as i32]).unwrap();
        let y = non_max_suppression(x, &count, nms).unwrap();
        y.data.chunks_exact(6).filter(|row| row[0] >= 0).map(|row| row[1]).collect()
    }

    #[test]
    fn counts_and_moves_rows_above_the_threshold() {
        let x = Tensor::new(vec![2, 2, 2], vec![0, 5, 1, 6, 2, 7, 3, 1]).unwrap();
        let [counts, rows] = get_valid_counts(&x, 5).unwrap();
        assert_eq!((counts.shape, counts.data), (vec![2], vec![1, 1]));
        assert_eq!(rows.data, [1, 6, -1, -1, 2, 7, -1, -1]);
        assert!(get_valid_counts_shape(&[1, 2, 1]).is_err());
        assert!(get_valid_counts_shape(&[1, 2, 32]).is_err());
    }

    #[test]
    fn keeps_the_best_of_overlapping_boxes() {
        let rows = [[0, 10, 0, 0, 9, 9], [0, 20, 0, 0, 10, 10], [1, 5, 0, 0, 10, 10], [-1, 99, 0, 0, 1, 1]];
        assert_eq!(kept(&mut boxes(&rows), &NMS), [20, 5]);
        let every = NonMaxSuppression { suppression: Suppression::Every, ..NMS };
        // The row of negative id overlaps by one percent only.
        assert_eq!(kept(&mut boxes(&rows), &every), [20]);
        let most = NonMaxSuppression { max_output_size: 1, ..NMS };
        assert_eq!(kept(&mut boxes(&rows), &most), [20]);
        let unlimited = NonMaxSuppression { max_output_size: 0, ..NMS };
        assert_eq!(kept(&mut boxes(&rows), &unlimited), [20, 5]);
    }

    #[test]
    fn suppression_stops_at_a_row_of_negative_id() {
        let rows = [[0, 30, 0, 0, 10, 10], [-1, 20, 50, 50, 60, 60], [0, 10, 0, 0, 10, 10]];
        assert_eq!(kept(&mut boxes(&rows), &NMS), [30, 10]);
    }

    #[test]
    fn top_k_overwrites_the_data() {
        let rows = [[0, 1, 0, 0, 1, 1], [0, 3, 5, 5, 6, 6], [0, 2, 8, 8, 9, 9]];
        let mut x = boxes(&rows);
        assert_eq!(kept(&mut x, &NonMaxSuppression { top_k: 2, ..NMS }), [3, 2]);
        assert_eq!(x.data[..6], [-1; 6]);
        let mut x = boxes(&rows);
        assert!(kept(&mut x, &NonMaxSuppression { top_k: 0, ..NMS }).is_empty());
        assert_eq!(x, boxes(&rows));
    }

    #[test]
    fn counts_decide_what_is_defined() {
        let mut x = Tensor::filled(&[2, 1, 6], 0).unwrap();
        let mut run = |counts: [i32; 2]| {
            let counts = Tensor::new(vec![2], counts.to_vec()).unwrap();
            non_max_suppression(&mut x, &counts, &NMS)
        };
        assert!(run([1, 0]).is_ok());
        assert!(matches!(run([0, 1]), Err(Error::Undefined { .. })));
        assert!(matches!(run([1, 2]), Err(Error::BoxCount { count: 2, limit: 1 })));
    }

    #[test]
    fn overlap_is_in_percent_and_never_traps() {
        assert_eq!(overlap_percent(&[0, 0, 10, 10], &[0, 0, 10, 5]), 50);
        assert_eq!(overlap_percent(&[0, 0, 1, 1], &[5, 5, 6, 6]), 0);
        assert_eq!(overlap_percent(&[0, 0, 0, 0], &[0, 0, 0, 0]), 0);
        let huge = [0, 0, i32::MAX, i32::MAX];
        assert_eq!(overlap_percent(&huge, &huge), 100);
        let (low, high) = (i32::MIN, i32::MAX);
        for a in [[low, low, high, high], [high, high, low, low], [low, 0, high, 1]] {
            for b in [[low, low, high, high], [high, high, low, low], huge] {
                overlap_percent(&a, &b);
            }
        }
    }
}
