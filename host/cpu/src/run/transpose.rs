//! Transpositions in blocks, so that lines of memory are used whole.

use super::Axis;

/// Side of a block; its lines stay in the first-level cache on both sides.
const BLOCK: usize = 32;

/// Copies `rows` by `columns` elements: the source is contiguous along rows, the result along columns.
pub(super) fn blocks<S: Copy, D: Copy>(rows: &Axis, columns: &Axis, src: &[S], dst: &mut [D], f: impl Fn(S) -> D) {
    let (from, to) = (columns.src as usize, rows.dst as usize);
    for row in (0..rows.count).step_by(BLOCK) {
        let row_end = rows.count.min(row + BLOCK);
        for column in (0..columns.count).step_by(BLOCK) {
            let column_end = columns.count.min(column + BLOCK);
            for r in row..row_end {
                let out = &mut dst[r * to + column..r * to + column_end];
                let column_src = src[column * from + r..].iter().step_by(from);
                out.iter_mut().zip(column_src).for_each(|(d, &s)| *d = f(s));
            }
        }
    }
}

/// [`blocks`] of bytes: 16 by 16 in registers where the target has them.
#[cfg(target_arch = "x86_64")]
pub(super) fn bytes(rows: &Axis, columns: &Axis, src: &[u8], dst: &mut [u8]) {
    let (from, to) = (columns.src as usize, rows.dst as usize);
    if rows.count < SIDE || columns.count < SIDE {
        return blocks(rows, columns, src, dst, |b| b);
    }
    // Along the result's lines first: as many of them are written as a tile has rows.
    for row in (0..rows.count).step_by(SIDE) {
        // The last tile overlaps the one before: what both write is the same.
        let row = row.min(rows.count - SIDE);
        for column in (0..columns.count).step_by(SIDE) {
            let column = column.min(columns.count - SIDE);
            let src = &src[column * from + row..][..(SIDE - 1) * from + SIDE];
            let dst = &mut dst[row * to + column..][..(SIDE - 1) * to + SIDE];
            tile(src, from, dst, to);
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn bytes(rows: &Axis, columns: &Axis, src: &[u8], dst: &mut [u8]) {
    blocks(rows, columns, src, dst, |b| b);
}

/// Side of a tile in registers.
#[cfg(target_arch = "x86_64")]
const SIDE: usize = 16;

/// Transposes 16 by 16 bytes; lines lie `from` and `to` bytes apart.
#[cfg(target_arch = "x86_64")]
fn tile(src: &[u8], from: usize, dst: &mut [u8], to: usize) {
    use std::arch::x86_64::*;
    assert!(src.len() >= (SIDE - 1) * from + SIDE && dst.len() >= (SIDE - 1) * to + SIDE);
    // SAFETY: SSE2 is part of the target; the lines lie inside the slices, as just checked.
    unsafe {
        let mut lines = [_mm_setzero_si128(); SIDE];
        for (i, line) in lines.iter_mut().enumerate() {
            *line = _mm_loadu_si128(src.as_ptr().add(i * from).cast());
        }
        // Four times interleaving the upper half of the lines with the lower.
        for _ in 0..4 {
            let mut next = lines;
            for i in 0..SIDE / 2 {
                next[2 * i] = _mm_unpacklo_epi8(lines[i], lines[i + SIDE / 2]);
                next[2 * i + 1] = _mm_unpackhi_epi8(lines[i], lines[i + SIDE / 2]);
            }
            lines = next;
        }
        for (i, line) in lines.iter().enumerate() {
            _mm_storeu_si128(dst.as_mut_ptr().add(i * to).cast(), *line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_arrives_whatever_the_size() {
        for (height, width) in [(8, 8), (16, 16), (17, 33), (70, 40), (9, 100), (48, 15)] {
            let (from, to) = (height + 3, width + 5);
            let src: Vec<u8> = (0..width * from).map(|i| (i * 31 % 251) as u8).collect();
            let rows = Axis { count: height, src: 1, dst: to as isize };
            let columns = Axis { count: width, src: from as isize, dst: 1 };
            let mut expected = vec![255u8; height * to];
            for r in 0..height {
                for c in 0..width {
                    expected[r * to + c] = src[c * from + r];
                }
            }
            let mut found = vec![255u8; height * to];
            bytes(&rows, &columns, &src, &mut found);
            assert_eq!(found, expected, "{height} x {width}");
            let mut words = vec![255i32; height * to];
            blocks(&rows, &columns, &src, &mut words, i32::from);
            assert!(words.iter().zip(&expected).all(|(&w, &b)| w == i32::from(b)), "{height} x {width}");
        }
    }
}
