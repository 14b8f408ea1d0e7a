//! Maximum pooling, and enlarging by repetition.

use super::{ATTRIBUTE_MAX, check_attribute, shape_error};
use crate::{Error, Tensor};

const NAME: &str = "max_pool2d";

/// What happens to a last window that hangs over the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolRounding {
    /// It is dropped (`ceil_mode` false).
    Floor,
    /// It counts, with what it covers (`ceil_mode` true).
    Ceil,
}

/// How a window moves over a picture. Pairs are (height, width).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPool2d {
    /// Size of the window, at most the padded picture.
    pub pool_size: [usize; 2],
    /// Distance between two windows, 1 to 4096.
    pub strides: [usize; 2],
    /// Places added on **each** side, 0 to 4096 and less than the window; they hold no value.
    pub padding: [usize; 2],
    /// What happens to a last, incomplete window.
    pub rounding: PoolRounding,
}

/// The shape of [`max_pool2d`]'s result: `[n, c, oh, ow]`.
pub(crate) fn max_pool2d_shape(x: &[usize], pool: &MaxPool2d) -> Result<Vec<usize>, Error> {
    let &[n, c, h, w] = x else {
        return Err(shape_error(NAME, "data must be NCHW", x));
    };
    let mut output = vec![n, c];
    for (side, length) in [h, w].into_iter().enumerate() {
        let (window, stride, pad) = (pool.pool_size[side], pool.strides[side], pool.padding[side]);
        check_attribute(NAME, "padding", 0..=ATTRIBUTE_MAX, pad as i64)?;
        check_attribute(NAME, "strides", 1..=ATTRIBUTE_MAX, stride as i64)?;
        let padded = length + 2 * pad;
        check_attribute(NAME, "pool_size", pad as i64 + 1..=padded as i64, window as i64)?;
        match pool.rounding {
            PoolRounding::Floor => output.push((padded - window) / stride + 1),
            PoolRounding::Ceil => {
                let count = (padded - window).div_ceil(stride) + 1;
                if (count - 1) * stride >= length + pad {
                    return Err(shape_error(NAME, "last window must start inside the data", x));
                }
                output.push(count);
            }
        }
    }
    Ok(output)
}

/// The greatest value under each window.
///
/// **Shapes and units**: data `[n, c, h, w]`, result `[n, c, oh, ow]` with
/// `oh = (h + 2*padding - pool_size) / stride + 1`, rounded as asked; `ow` alike.
/// **Numbers**: places outside the data never win; a window with no place inside gives `i32::MIN`.
pub fn max_pool2d(x: &Tensor, pool: &MaxPool2d) -> Result<Tensor, Error> {
    x.check()?;
    let shape = max_pool2d_shape(&x.shape, pool)?;
    let mut y = Tensor::filled(&shape, i32::MIN)?;
    let (h, w) = (x.shape[2], x.shape[3]);
    let mut next = 0;
    for plane in 0..shape[0] * shape[1] {
        for i in 0..shape[2] {
            for j in 0..shape[3] {
                for r in 0..pool.pool_size[0] {
                    for s in 0..pool.pool_size[1] {
                        let row = (i * pool.strides[0] + r).checked_sub(pool.padding[0]);
                        let column = (j * pool.strides[1] + s).checked_sub(pool.padding[1]);
                        if let (Some(row), Some(column)) = (row, column)
                            && row < h
                            && column < w
                        {
                            let value = x.data[(plane * h + row) * w + column];
                            y.data[next] = y.data[next].max(value);
                        }
                    }
                }
                next += 1;
            }
        }
    }
    Ok(y)
}

/// The shape of [`upsampling`]'s result: `[n, c, h*scale, w*scale]`.
pub(crate) fn upsampling_shape(x: &[usize], scale: i64) -> Result<Vec<usize>, Error> {
    const NAME: &str = "upsampling";
    check_attribute(NAME, "scale", 1..=ATTRIBUTE_MAX, scale)?;
    match x {
        &[n, c, h, w] => Ok(vec![n, c, h * scale as usize, w * scale as usize]),
        _ => Err(shape_error(NAME, "data must be NCHW", x)),
    }
}

/// Every pixel made a square of `scale` times `scale` (1 to 4096): `[n, c, h, w]` becomes
/// `[n, c, h*scale, w*scale]`.
pub fn upsampling(x: &Tensor, scale: i64) -> Result<Tensor, Error> {
    x.check()?;
    let mut y = Tensor::filled(&upsampling_shape(&x.shape, scale)?, 0)?;
    let (h, w) = (y.shape[2], y.shape[3]);
    let (scale, w_data) = (scale as usize, x.shape[3]);
    for at in 0..y.data.len() {
        let (plane, row, column) = (at / (h * w), at / w % h, at % w);
        let from = (plane * x.shape[2] + row / scale) * w_data + column / scale;
        y.data[at] = x.data[from];
    }
    Ok(y)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(pool_size: usize, strides: usize, padding: usize, rounding: PoolRounding) -> MaxPool2d {
        MaxPool2d { pool_size: [pool_size; 2], strides: [strides; 2], padding: [padding; 2], rounding }
    }

    #[test]
    fn padding_never_wins() {
        let x = Tensor::filled(&[1, 1, 2, 2], -9).unwrap();
        let y = max_pool2d(&x, &pool(2, 1, 1, PoolRounding::Floor)).unwrap();
        assert_eq!((y.shape, y.data), (vec![1, 1, 3, 3], vec![-9; 9]));
    }

    #[test]
    fn ceil_keeps_the_incomplete_window() {
        let x = Tensor::new(vec![1, 1, 3, 3], (1..=9).collect()).unwrap();
        let floor = max_pool2d(&x, &pool(2, 2, 0, PoolRounding::Floor)).unwrap();
        let ceil = max_pool2d(&x, &pool(2, 2, 0, PoolRounding::Ceil)).unwrap();
        assert_eq!((floor.data, ceil.data), (vec![5], vec![5, 6, 8, 9]));
    }

    #[test]
    fn refuses_windows_that_do_not_fit() {
        let x = [1, 1, 4, 4];
        for wrong in [
            pool(0, 1, 0, PoolRounding::Floor),
            pool(5, 1, 0, PoolRounding::Floor),
            pool(2, 0, 0, PoolRounding::Floor),
            pool(2, 1, 2, PoolRounding::Floor),
            pool(1, 4097, 0, PoolRounding::Floor),
            // The third window would start at 5, outside data and padding on the left.
            pool(2, 3, 1, PoolRounding::Ceil),
        ] {
            let result = max_pool2d_shape(&x, &wrong);
            assert!(result.is_err(), "{wrong:?} gave {result:?}");
        }
        assert!(max_pool2d_shape(&x[1..], &pool(2, 1, 0, PoolRounding::Floor)).is_err());
        assert_eq!(max_pool2d_shape(&x, &pool(4, 1, 0, PoolRounding::Floor)).unwrap(), [1, 1, 1, 1]);
    }

    #[test]
    fn enlarges_every_pixel_to_a_square() {
        let x = Tensor::new(vec![1, 2, 1, 2], vec![1, 2, 3, 4]).unwrap();
        let y = upsampling(&x, 2).unwrap();
        assert_eq!((y.shape, y.data), (vec![1, 2, 2, 4], vec![1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4]));
        assert!(upsampling(&x, 0).is_err() && upsampling(&x, 4097).is_err());
    }
}
