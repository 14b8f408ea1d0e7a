//! The operators a symbol may name: what each takes, gives and does.

use crate::ops;
use crate::{Error, Precision, ShiftBits, Tensor};

/// One operator with its attributes; [`Operator::read`] makes it from the symbol's text.
#[derive(Debug)]
pub(super) enum Operator {
    Abs,
    BroadcastAdd,
    BroadcastDiv,
    BroadcastGreater,
    BroadcastMax,
    BroadcastMul,
    BroadcastSub,
    Clip(ops::ClipRange),
    Concatenate { axis: i64 },
    Conv2d { conv: ops::Conv2d, channels: i64, kernel: [i64; 2], has_bias: bool },
    CvmClip(Precision),
    CvmLeftShift { shift: ShiftBits, precision: Precision },
    CvmLut { table_size: i64 },
    CvmPrecision,
    CvmRightShift { shift: ShiftBits, precision: Precision },
    Dense { units: i64, has_bias: bool },
    ElemwiseAdd,
    ElemwiseSub,
    ExpandDims(ops::ExpandDims),
    Flatten,
    GetValidCounts { score_threshold: i32 },
    Max(ops::Reduce),
    MaxPool2d(ops::MaxPool2d),
    Negative,
    NonMaxSuppression(ops::NonMaxSuppression),
    Relu,
    Repeat(ops::Repeat),
    Reshape { target: Vec<i64> },
    SliceLike { axes: Vec<i64> },
    Squeeze { axes: Vec<i64> },
    StridedSlice(ops::StridedSlice),
    Sum(ops::Reduce),
    Take { axis: Option<i64> },
    Tile { reps: Vec<i64> },
    Transpose { axes: Vec<i64> },
    Upsampling { scale: i64 },
    Where,
}

use Operator::*;

impl Operator {
    /// The name in the symbol.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Abs => "abs",
            BroadcastAdd => "broadcast_add",
            BroadcastDiv => "broadcast_div",
            BroadcastGreater => "broadcast_greater",
            BroadcastMax => "broadcast_max",
            BroadcastMul => "broadcast_mul",
            BroadcastSub => "broadcast_sub",
            Clip(_) => "clip",
            Concatenate { .. } => "concatenate",
            Conv2d { .. } => "conv2d",
            CvmClip(_) => "cvm_clip",
            CvmLeftShift { .. } => "cvm_left_shift",
            CvmLut { .. } => "cvm_lut",
            CvmPrecision => "cvm_precision",
            CvmRightShift { .. } => "cvm_right_shift",
            Dense { .. } => "dense",
            ElemwiseAdd => "elemwise_add",
            ElemwiseSub => "elemwise_sub",
            ExpandDims(_) => "expand_dims",
            Flatten => "flatten",
            GetValidCounts { .. } => "get_valid_counts",
            Max(_) => "max",
            MaxPool2d(_) => "max_pool2d",
            Negative => "negative",
            NonMaxSuppression(_) => "non_max_suppression",
            Relu => "relu",
            Repeat(_) => "repeat",
            Reshape { .. } => "reshape",
            SliceLike { .. } => "slice_like",
            Squeeze { .. } => "squeeze",
            StridedSlice(_) => "strided_slice",
            Sum(_) => "sum",
            Take { .. } => "take",
            Tile { .. } => "tile",
            Transpose { .. } => "transpose",
            Upsampling { .. } => "upsampling",
            Where => "where",
        }
    }

    /// How many inputs it takes; `None` for any number.
    pub(super) fn input_count(&self) -> Option<usize> {
        match self {
            Concatenate { .. } => None,
            Conv2d { has_bias, .. } | Dense { has_bias, .. } => Some(2 + usize::from(*has_bias)),
            BroadcastAdd
            | BroadcastDiv
            | BroadcastGreater
            | BroadcastMax
            | BroadcastMul
            | BroadcastSub
            | CvmLut { .. }
            | ElemwiseAdd
            | ElemwiseSub
            | NonMaxSuppression(_)
            | SliceLike { .. }
            | Take { .. } => Some(2),
            Where => Some(3),
            _ => Some(1),
        }
    }

    /// How many outputs it gives.
    pub(super) fn output_count(&self) -> usize {
        if matches!(self, GetValidCounts { .. }) { 2 } else { 1 }
    }

    /// Whether an output may lie in an input's storage. The runtime's list misspells `negative`.
    pub(super) fn may_work_in_place(&self) -> bool {
        matches!(
            self,
            Abs | Clip(_)
                | CvmClip(_)
                | CvmLeftShift { .. }
                | CvmPrecision
                | CvmRightShift { .. }
                | ElemwiseAdd
                | ElemwiseSub
                | ExpandDims(_)
                | Flatten
                | Relu
                | Reshape { .. }
                | Squeeze { .. }
        )
    }

    /// The shapes of its outputs for inputs of these shapes, as many as [`Self::input_count`] says.
    pub(super) fn infer_shapes(&self, x: &[&[usize]]) -> Result<Vec<Vec<usize>>, Error> {
        let shape = match self {
            Abs
            | Clip(_)
            | CvmClip(_)
            | CvmLeftShift { .. }
            | CvmPrecision
            | CvmRightShift { .. }
            | Negative
            | Relu => x[0].to_vec(),
            BroadcastAdd | BroadcastDiv | BroadcastGreater | BroadcastMax | BroadcastMul | BroadcastSub => {
                ops::broadcast_shape(self.name(), x[0], x[1])?
            }
            Concatenate { axis } => ops::concatenate_shape(x, *axis)?,
            Conv2d { conv, channels, kernel, .. } => {
                let shape = ops::conv2d_shape(x[0], x[1], x.get(2).copied(), conv)?;
                let stated = [*channels, kernel[0], kernel[1]];
                if stated != [x[1][0] as i64, x[1][2] as i64, x[1][3] as i64] {
                    let rule = "weight must have the stated channels and kernel size";
                    return Err(ops::shape_error(self.name(), rule, x[1]));
                }
                shape
            }
            CvmLut { table_size } => {
                if x[1].iter().product::<usize>() as i64 != *table_size {
                    let rule = "table must have in_dim entries";
                    return Err(ops::shape_error(self.name(), rule, x[1]));
                }
                x[0].to_vec()
            }
            Dense { units, .. } => {
                let shape = ops::dense_shape(x[0], x[1], x.get(2).copied())?;
                if *units != x[1][0] as i64 {
                    let (rule, shape) = ("weight must have the stated units", x[1].to_vec());
                    return Err(Error::OperatorInference { operator: self.name(), rule, shape });
                }
                shape
            }
            ElemwiseAdd | ElemwiseSub => ops::elemwise_shape(self.name(), x[0], x[1])?,
            ExpandDims(expand) => ops::expand_dims_shape(x[0], expand)?,
            Flatten => ops::flatten_shape(x[0])?,
            GetValidCounts { .. } => return Ok(ops::get_valid_counts_shape(x[0])?.to_vec()),
            Max(reduce) | Sum(reduce) => ops::reduce_shape(self.name(), x[0], reduce)?,
            MaxPool2d(pool) => ops::max_pool2d_shape(x[0], pool)?,
            NonMaxSuppression(_) => ops::non_max_suppression_shape(x[0], x[1])?,
            Repeat(repeat) => ops::repeat_shape(x[0], repeat)?,
            Reshape { target } => ops::reshape_shape(x[0], target)?,
            SliceLike { axes } => ops::slice_like_shape(x[0], x[1], axes)?,
            Squeeze { axes } => ops::squeeze_shape(x[0], axes)?,
            StridedSlice(slice) => ops::strided_slice_shape(x[0], slice)?,
            Take { axis } => ops::take_shape(x[0], x[1], *axis)?,
            Tile { reps } => ops::tile_shape(x[0], reps)?,
            Transpose { axes } => ops::transpose_shape(x[0], axes)?,
            Upsampling { scale } => ops::upsampling_shape(x[0], *scale)?,
            Where => ops::where_shape(x[0], x[1], x[2])?,
        };
        Ok(vec![shape])
    }

    /// Applies it to its inputs, which [`NonMaxSuppression`] may overwrite.
    pub(super) fn run(&self, x: &mut [Tensor]) -> Result<Vec<Tensor>, Error> {
        let y = match self {
            Abs => ops::abs(&x[0])?,
            BroadcastAdd => ops::broadcast_add(&x[0], &x[1])?,
            BroadcastDiv => ops::broadcast_div(&x[0], &x[1])?,
            BroadcastGreater => ops::broadcast_greater(&x[0], &x[1])?,
            BroadcastMax => ops::broadcast_max(&x[0], &x[1])?,
            BroadcastMul => ops::broadcast_mul(&x[0], &x[1])?,
            BroadcastSub => ops::broadcast_sub(&x[0], &x[1])?,
            Clip(range) => ops::clip(&x[0], *range)?,
            Concatenate { axis } => {
                let inputs: Vec<&Tensor> = x.iter().collect();
                ops::concatenate(&inputs, *axis)?
            }
            Conv2d { conv, .. } => ops::conv2d(&x[0], &x[1], x.get(2), conv)?,
            CvmClip(precision) => ops::cvm_clip(&x[0], *precision)?,
            CvmLeftShift { shift, precision } => ops::cvm_left_shift(&x[0], *shift, *precision)?,
            CvmLut { .. } => ops::cvm_lut(&x[0], &x[1])?,
            CvmPrecision => ops::cvm_precision(&x[0])?,
            CvmRightShift { shift, precision } => ops::cvm_right_shift(&x[0], *shift, *precision)?,
            Dense { .. } => ops::dense(&x[0], &x[1], x.get(2))?,
            ElemwiseAdd => ops::elemwise_add(&x[0], &x[1])?,
            ElemwiseSub => ops::elemwise_sub(&x[0], &x[1])?,
            ExpandDims(expand) => ops::expand_dims(&x[0], expand)?,
            Flatten => ops::flatten(&x[0])?,
            GetValidCounts { score_threshold } => {
                return Ok(ops::get_valid_counts(&x[0], *score_threshold)?.into());
            }
            Max(reduce) => ops::max(&x[0], reduce)?,
            MaxPool2d(pool) => ops::max_pool2d(&x[0], pool)?,
            Negative => ops::negative(&x[0])?,
            NonMaxSuppression(nms) => {
                let counts = x[1].clone();
                ops::non_max_suppression(&mut x[0], &counts, nms)?
            }
            Relu => ops::relu(&x[0])?,
            Repeat(repeat) => ops::repeat(&x[0], repeat)?,
            Reshape { target } => ops::reshape(&x[0], target)?,
            SliceLike { axes } => ops::slice_like(&x[0], &x[1], axes)?,
            Squeeze { axes } => ops::squeeze(&x[0], axes)?,
            StridedSlice(slice) => ops::strided_slice(&x[0], slice)?,
            Sum(reduce) => ops::sum(&x[0], reduce)?,
            Take { axis } => ops::take(&x[0], &x[1], *axis)?,
            Tile { reps } => ops::tile(&x[0], reps)?,
            Transpose { axes } => ops::transpose(&x[0], axes)?,
            Upsampling { scale } => ops::upsampling(&x[0], *scale)?,
            Where => ops::where_(&x[0], &x[1], &x[2])?,
        };
        Ok(vec![y])
    }
}
