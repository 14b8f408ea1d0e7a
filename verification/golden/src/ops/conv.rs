//! Two-dimensional convolution.

use super::{ATTRIBUTE_MAX, check_attribute, shape_error};
use crate::{Error, Tensor};

const NAME: &str = "conv2d";

/// How a kernel moves over a picture. Pairs are (height, width).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2d {
    /// Distance between two placements of the kernel, 1 to 4096.
    pub strides: [usize; 2],
    /// Zeros added on **each** side, 0 to 4096.
    pub padding: [usize; 2],
    /// Distance between two taps of the kernel, 1 to 4096.
    pub dilation: [usize; 2],
    /// Groups of channels that do not see each other; divides input and output channels.
    pub groups: usize,
}

impl Default for Conv2d {
    /// Stride 1, no padding, no dilation, one group.
    fn default() -> Conv2d {
        Conv2d { strides: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 }
    }
}

impl Conv2d {
    fn check(&self) -> Result<(), Error> {
        for side in 0..2 {
            check_attribute(NAME, "padding", 0..=ATTRIBUTE_MAX, self.padding[side] as i64)?;
            check_attribute(NAME, "strides", 1..=ATTRIBUTE_MAX, self.strides[side] as i64)?;
            check_attribute(NAME, "dilation", 1..=ATTRIBUTE_MAX, self.dilation[side] as i64)?;
        }
        check_attribute(NAME, "groups", 1..=i64::MAX, self.groups as i64)
    }
}

/// The shape of [`conv2d`]'s result.
pub(crate) fn conv2d_shape(
    x: &[usize],
    weight: &[usize],
    bias: Option<&[usize]>,
    conv: &Conv2d,
) -> Result<Vec<usize>, Error> {
    conv.check()?;
    let &[n, channels_in, h, w] = x else {
        return Err(shape_error(NAME, "data must be NCHW", x));
    };
    let &[channels_out, channels_group, kh, kw] = weight else {
        return Err(shape_error(NAME, "weight must be OIHW", weight));
    };
    if !channels_in.is_multiple_of(conv.groups) || !channels_out.is_multiple_of(conv.groups) {
        return Err(shape_error(NAME, "groups must divide the channels", x));
    }
    if channels_group != channels_in / conv.groups {
        return Err(shape_error(NAME, "weight must see the data's channels of one group", weight));
    }
    if bias.is_some_and(|bias| bias != [channels_out]) {
        let shape = bias.unwrap_or_default().to_vec();
        let rule = "bias must have one value per output channel";
        return Err(Error::OperatorInference { operator: NAME, rule, shape });
    }
    let mut output = vec![n, channels_out];
    for (side, (length, kernel)) in [(h, kh), (w, kw)].into_iter().enumerate() {
        let padded = length + 2 * conv.padding[side];
        let reach = kernel.saturating_sub(1).saturating_mul(conv.dilation[side]) + 1;
        if kernel == 0 || reach > padded {
            return Err(shape_error(NAME, "kernel must fit the padded data", weight));
        }
        output.push((padded - reach) / conv.strides[side] + 1);
    }
    Ok(output)
}

/// Correlates a picture with a kernel: `y[n,o,i,j] = bias[o] + sum x[n,c,..] * weight[o,c,..]`.
///
/// **Shapes and units**: data `[n, c, h, w]`, weight `[o, c/groups, kh, kw]`, bias `[o]`, result
/// `[n, o, oh, ow]` with `oh = (h + 2*padding - ((kh-1)*dilation + 1)) / stride + 1`, `ow` alike;
/// outside the data is zero.
/// **Numbers**: products and sums wrap at 32 bits. With one group the device packs data and weight
/// into bytes first, so both are taken modulo 2^8 as signed bytes; a model's precision check keeps
/// values in range except behind a `where`. With several groups they are used whole.
/// **Source**: cvm-runtime b5a2518, CPU device. Not covered: built with AVX2, the device reads the
/// packed data as unsigned bytes when no element of a picture is negative, which differs from the
/// above only for elements above 127.
pub fn conv2d(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, conv: &Conv2d) -> Result<Tensor, Error> {
    x.check()?;
    weight.check()?;
    bias.map_or(Ok(()), Tensor::check)?;
    let bias_shape = bias.map(|bias| &bias.shape[..]);
    let shape = conv2d_shape(&x.shape, &weight.shape, bias_shape, conv)?;
    let mut y = Tensor::filled(&shape, 0)?;
    let mut next = 0;
    for n in 0..shape[0] {
        for o in 0..shape[1] {
            let start = bias.map_or(0, |bias| bias.data[o]);
            for i in 0..shape[2] {
                for j in 0..shape[3] {
                    y.data[next] = start.wrapping_add(window(x, weight, conv, [n, o, i, j]));
                    next += 1;
                }
            }
        }
    }
    Ok(y)
}

/// The sum of products under the kernel placed for result element `[n, o, i, j]`.
fn window(x: &Tensor, weight: &Tensor, conv: &Conv2d, [n, o, i, j]: [usize; 4]) -> i32 {
    let (channels, h, w) = (x.shape[1], x.shape[2], x.shape[3]);
    let (channels_group, kh, kw) = (weight.shape[1], weight.shape[2], weight.shape[3]);
    let channel_first = o / (weight.shape[0] / conv.groups) * channels_group;
    let mut sum = 0i32;
    for c in 0..channels_group {
        for r in 0..kh {
            for s in 0..kw {
                let row = i * conv.strides[0] + r * conv.dilation[0];
                let column = j * conv.strides[1] + s * conv.dilation[1];
                if row < conv.padding[0] || column < conv.padding[1] {
                    continue;
                }
                let (row, column) = (row - conv.padding[0], column - conv.padding[1]);
                if row >= h || column >= w {
                    continue;
                }
                let at = ((n * channels + channel_first + c) * h + row) * w + column;
                let mut value = x.data[at];
                let mut tap = weight.data[((o * channels_group + c) * kh + r) * kw + s];
                if conv.groups == 1 {
                    value = i32::from(value as i8);
                    tap = i32::from(tap as i8);
                }
                sum = sum.wrapping_add(value.wrapping_mul(tap));
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(shape: &[usize]) -> Tensor {
        let count = shape.iter().product::<usize>() as i32;
        Tensor::new(shape.to_vec(), (1..=count).collect()).unwrap()
    }

    #[test]
    fn sums_a_window_and_adds_bias() {
        let (x, weight) = (ramp(&[1, 1, 3, 3]), Tensor::filled(&[2, 1, 2, 2], 1).unwrap());
        let bias = Tensor::new(vec![2], vec![0, 100]).unwrap();
        let y = conv2d(&x, &weight, Some(&bias), &Conv2d::default()).unwrap();
        assert_eq!(y.shape, [1, 2, 2, 2]);
        assert_eq!(y.data, [12, 16, 24, 28, 112, 116, 124, 128]);
    }

    #[test]
    fn pads_with_zero_and_dilates() {
        let weight = ramp(&[1, 1, 2, 2]);
        let conv = Conv2d { padding: [1, 1], dilation: [2, 2], ..Conv2d::default() };
        let y = conv2d(&ramp(&[1, 1, 2, 2]), &weight, None, &conv).unwrap();
        // Taps two apart on a 2x2 picture inside one ring of zeros: each placement meets one pixel.
        assert_eq!((y.shape, y.data), (vec![1, 1, 2, 2], vec![16, 9, 4, 1]));
    }

    #[test]
    fn groups_do_not_see_each_other() {
        let x = Tensor::new(vec![1, 2, 1, 1], vec![3, 5]).unwrap();
        let weight = Tensor::new(vec![2, 1, 1, 1], vec![10, 100]).unwrap();
        let conv = Conv2d { groups: 2, ..Conv2d::default() };
        assert_eq!(conv2d(&x, &weight, None, &conv).unwrap().data, [30, 500]);
    }

    #[test]
    fn one_group_takes_data_as_bytes_and_several_do_not() {
        let x = Tensor::new(vec![1, 2, 1, 1], vec![300, 300]).unwrap();
        let one = Tensor::new(vec![2, 2, 1, 1], vec![1, 0, 0, 1]).unwrap();
        let two = Tensor::new(vec![2, 1, 1, 1], vec![1, 1]).unwrap();
        let grouped = Conv2d { groups: 2, ..Conv2d::default() };
        assert_eq!(conv2d(&x, &one, None, &Conv2d::default()).unwrap().data, [44, 44]);
        assert_eq!(conv2d(&x, &two, None, &grouped).unwrap().data, [300, 300]);
    }

    #[test]
    fn refuses_shapes_that_do_not_fit() {
        let x = [1, 4, 8, 8];
        let plain = Conv2d::default();
        let logic = |result: Result<Vec<usize>, Error>| {
            assert_eq!(result.unwrap_err().class(), crate::Class::Logic);
        };
        logic(conv2d_shape(&x[1..], &[2, 4, 3, 3], None, &plain));
        logic(conv2d_shape(&x, &[2, 3, 3, 3], None, &plain));
        logic(conv2d_shape(&x, &[2, 4, 9, 3], None, &plain));
        logic(conv2d_shape(&x, &[2, 4, 0, 3], None, &plain));
        logic(conv2d_shape(&x, &[2, 4, 3, 3], None, &Conv2d { groups: 3, ..plain }));
        logic(conv2d_shape(&x, &[2, 4, 3, 3], None, &Conv2d { groups: 0, ..plain }));
        logic(conv2d_shape(&x, &[2, 4, 3, 3], None, &Conv2d { strides: [0, 1], ..plain }));
        logic(conv2d_shape(&x, &[2, 4, 3, 3], None, &Conv2d { padding: [4097, 0], ..plain }));
        let bias = conv2d_shape(&x, &[2, 4, 3, 3], Some(&[3]), &plain);
        assert_eq!(bias.unwrap_err().class(), crate::Class::Runtime);
    }
}
