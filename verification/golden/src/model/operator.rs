//! The operators a symbol may name: what each takes, gives and does.

use crate::ops::{self, ClipRange, Conv2d, MaxPool2d};
use crate::{Error, Precision, ShiftBits, Tensor};

/// One operator with its attributes, read by [`Operator::read`](super::read).
#[derive(Debug)]
pub(super) enum Operator {
    Relu,
    Flatten,
    ElemwiseAdd,
    ElemwiseSub,
    Conv2d { conv: Conv2d, channels: i64, kernel: [i64; 2], has_bias: bool },
    Dense { units: i64, has_bias: bool },
    MaxPool2d(MaxPool2d),
    Concatenate { axis: i64 },
    Clip(ClipRange),
    CvmClip(Precision),
    CvmLeftShift { shift: ShiftBits, precision: Precision },
    CvmRightShift { shift: ShiftBits, precision: Precision },
}

impl Operator {
    /// The name in the symbol.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Operator::Relu => "relu",
            Operator::Flatten => "flatten",
            Operator::ElemwiseAdd => "elemwise_add",
            Operator::ElemwiseSub => "elemwise_sub",
            Operator::Conv2d { .. } => "conv2d",
            Operator::Dense { .. } => "dense",
            Operator::MaxPool2d(_) => "max_pool2d",
            Operator::Concatenate { .. } => "concatenate",
            Operator::Clip(_) => "clip",
            Operator::CvmClip(_) => "cvm_clip",
            Operator::CvmLeftShift { .. } => "cvm_left_shift",
            Operator::CvmRightShift { .. } => "cvm_right_shift",
        }
    }

    /// How many inputs it takes; `None` for any number.
    pub(super) fn input_count(&self) -> Option<usize> {
        match self {
            Operator::Concatenate { .. } => None,
            Operator::Conv2d { has_bias, .. } | Operator::Dense { has_bias, .. } => Some(2 + usize::from(*has_bias)),
            Operator::ElemwiseAdd | Operator::ElemwiseSub => Some(2),
            _ => Some(1),
        }
    }

    /// How many outputs it gives.
    pub(super) fn output_count(&self) -> usize {
        1
    }

    /// Whether an output may lie in an input's storage.
    pub(super) fn may_work_in_place(&self) -> bool {
        match self {
            Operator::Relu
            | Operator::Flatten
            | Operator::ElemwiseAdd
            | Operator::ElemwiseSub
            | Operator::Clip(_)
            | Operator::CvmClip(_)
            | Operator::CvmLeftShift { .. }
            | Operator::CvmRightShift { .. } => true,
            Operator::Conv2d { .. }
            | Operator::Dense { .. }
            | Operator::MaxPool2d(_)
            | Operator::Concatenate { .. } => false,
        }
    }

    /// The shapes of its outputs for inputs of these shapes, as many as [`Self::input_count`] says.
    pub(super) fn infer_shapes(&self, x: &[&[usize]]) -> Result<Vec<Vec<usize>>, Error> {
        let shape = match self {
            Operator::Relu
            | Operator::Clip(_)
            | Operator::CvmClip(_)
            | Operator::CvmLeftShift { .. }
            | Operator::CvmRightShift { .. } => x[0].to_vec(),
            Operator::Flatten => ops::flatten_shape(x[0])?,
            Operator::ElemwiseAdd | Operator::ElemwiseSub => ops::elemwise_shape(self.name(), x[0], x[1])?,
            Operator::Conv2d { conv, channels, kernel, .. } => {
                let shape = ops::conv2d_shape(x[0], x[1], x.get(2).copied(), conv)?;
                let stated = [*channels, kernel[0], kernel[1]];
                let present = [x[1][0] as i64, x[1][2] as i64, x[1][3] as i64];
                if stated != present {
                    let rule = "weight must have the stated channels and kernel size";
                    return Err(ops::shape_error(self.name(), rule, x[1]));
                }
                shape
            }
            Operator::Dense { units, .. } => {
                let shape = ops::dense_shape(x[0], x[1], x.get(2).copied())?;
                if *units != x[1][0] as i64 {
                    let (rule, shape) = ("weight must have the stated units", x[1].to_vec());
                    return Err(Error::OperatorInference { operator: self.name(), rule, shape });
                }
                shape
            }
            Operator::MaxPool2d(pool) => ops::max_pool2d_shape(x[0], pool)?,
            Operator::Concatenate { axis } => ops::concatenate_shape(x, *axis)?,
        };
        Ok(vec![shape])
    }

    /// Applies it to its inputs.
    pub(super) fn run(&self, x: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        let y = match self {
            Operator::Relu => ops::relu(&x[0])?,
            Operator::Flatten => ops::flatten(&x[0])?,
            Operator::ElemwiseAdd => ops::elemwise_add(&x[0], &x[1])?,
            Operator::ElemwiseSub => ops::elemwise_sub(&x[0], &x[1])?,
            Operator::Conv2d { conv, .. } => ops::conv2d(&x[0], &x[1], x.get(2), conv)?,
            Operator::Dense { .. } => ops::dense(&x[0], &x[1], x.get(2))?,
            Operator::MaxPool2d(pool) => ops::max_pool2d(&x[0], pool)?,
            Operator::Concatenate { axis } => {
                let inputs: Vec<&Tensor> = x.iter().collect();
                ops::concatenate(&inputs, *axis)?
            }
            Operator::Clip(range) => ops::clip(&x[0], *range)?,
            Operator::CvmClip(precision) => ops::cvm_clip(&x[0], *precision)?,
            Operator::CvmLeftShift { shift, precision } => ops::cvm_left_shift(&x[0], *shift, *precision)?,
            Operator::CvmRightShift { shift, precision } => ops::cvm_right_shift(&x[0], *shift, *precision)?,
        };
        Ok(vec![y])
    }
}
