//! The operators of the chain's registry, with typed attributes.
//!
//! In a finished [`crate::Graph`] every axis is resolved: non-negative and in range. What an operator
//! computes is stated in the golden model; here are its attributes, arity and name.

use crate::graph::TensorId;

/// An operator with its attributes.
///
/// **Source.** The registry of cvm-runtime b5a2518; there is no operator beyond these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// The graph's input, named `data`; the caller's values are clamped to the precision.
    Input,
    /// A constant, see [`crate::Graph::tensor`].
    Param(TensorId),
    /// 2-D convolution. Operands: data, weight, bias if `use_bias`.
    Conv2d(Conv2d),
    /// `Y = X W^T + b`. Operands: data, weight, bias if `use_bias`.
    Dense(Dense),
    /// `max(x, 0)`.
    Relu,
    /// 2-D maximum over windows.
    MaxPool2d(MaxPool2d),
    /// Nearest-neighbour enlargement of both spatial axes.
    Upsampling {
        /// Factor, 1 to 4096.
        scale: usize,
    },
    /// Requantise: round half up after a right shift, then clip to the precision.
    CvmRightShift {
        /// Bits of the result.
        precision: u8,
        /// Shift, 1 to 32 bits.
        shift_bit: u8,
    },
    /// Left shift, then clip. The chain's CPU device cannot run it, see [`Op::runs_on_chain`].
    CvmLeftShift {
        /// Bits of the result.
        precision: u8,
        /// Shift, 1 to 32 bits.
        shift_bit: u8,
    },
    /// Clip to the symmetric range of a precision.
    CvmClip {
        /// Bits of the result.
        precision: u8,
    },
    /// Clip to a range.
    Clip {
        /// Least result.
        a_min: i32,
        /// Greatest result, above `a_min`.
        a_max: i32,
    },
    /// Bit length of the magnitude, at least 1.
    CvmPrecision,
    /// Table lookup with a clamped index. Operands: data, table.
    CvmLut {
        /// Entries of the table.
        in_dim: usize,
    },
    /// Magnitude.
    Abs,
    /// Negation.
    Negative,
    /// Sum of two tensors of one shape.
    ElemwiseAdd,
    /// Difference of two tensors of one shape.
    ElemwiseSub,
    /// Broadcasting sum.
    BroadcastAdd,
    /// Broadcasting difference.
    BroadcastSub,
    /// Broadcasting product.
    BroadcastMul,
    /// Broadcasting maximum.
    BroadcastMax,
    /// Broadcasting quotient, truncated; 0 for a divisor of 0.
    BroadcastDiv,
    /// Broadcasting comparison: 1 where the first is greater, else 0.
    BroadcastGreater,
    /// Sum over axes.
    Sum(Reduce),
    /// Maximum over axes.
    Max(Reduce),
    /// Join along an axis; one operand or more.
    Concatenate {
        /// The joined axis.
        axis: usize,
    },
    /// Repeat each element along an axis.
    Repeat {
        /// Copies of each element, at least 1.
        repeats: usize,
        /// The lengthened axis.
        axis: usize,
    },
    /// Repeat the whole tensor.
    Tile {
        /// Copies along each trailing axis.
        reps: Vec<usize>,
    },
    /// Join all axes but the first: the result has two.
    Flatten,
    /// New shape, same elements in the same order.
    Reshape {
        /// Target with MXNet's codes (0 keep, -1 infer, -2 rest, -3 merge two, -4 split), as in
        /// the file; the chain reads them with slips of its own, so look at the result's shape.
        shape: Vec<i64>,
    },
    /// Insert axes of length 1.
    ExpandDims {
        /// Position of the first new axis, at most the operand's rank.
        axis: usize,
        /// New axes, at least 1.
        num_newaxis: usize,
    },
    /// Remove axes of length 1.
    Squeeze {
        /// The removed axes, ascending; all have length 1, and only if there is none such may
        /// this be empty.
        axes: Vec<usize>,
    },
    /// Permute axes.
    Transpose {
        /// For each axis of the result, the operand's axis.
        axes: Vec<usize>,
    },
    /// A strided box.
    StridedSlice(StridedSlice),
    /// Cut to the lengths of the second operand's axes. Operands: data, like.
    SliceLike {
        /// The cut axes, ascending, at least one.
        axes: Vec<usize>,
    },
    /// Gather with clamped indices. Operands: data, indices.
    Take {
        /// The indexed axis; `None` indexes the flattened data.
        axis: Option<usize>,
    },
    /// Choose by condition. Operands: condition, x, y, all of one shape.
    Where,
    /// Move boxes with a score above the threshold up. Outputs: counts, boxes.
    GetValidCounts {
        /// Boxes with `row[1]` above this are kept.
        score_threshold: i32,
    },
    /// Non-maximum suppression. Operands: boxes `(n, k, 6)`, counts `(n)`. The chain's device also
    /// writes to the boxes (see the golden model), which nodes that read them later see.
    NonMaxSuppression(NonMaxSuppression),
}

/// Attributes of a 2-D convolution; pairs are `[height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2d {
    /// Output channels, a multiple of `groups`.
    pub channels: usize,
    /// Kernel size.
    pub kernel: [usize; 2],
    /// Step between windows.
    pub strides: [usize; 2],
    /// Zeros added on both sides of each axis.
    pub padding: [usize; 2],
    /// Step between the kernel's taps.
    pub dilation: [usize; 2],
    /// Independent groups of channels.
    pub groups: usize,
    /// Whether there is a third operand, one bias for each output channel.
    pub use_bias: bool,
}

impl Conv2d {
    /// A `size` by `size` kernel, stride 1, no padding, one group, no bias.
    pub fn square(channels: usize, size: usize) -> Self {
        Self {
            channels,
            kernel: [size; 2],
            strides: [1; 2],
            padding: [0; 2],
            dilation: [1; 2],
            groups: 1,
            use_bias: false,
        }
    }

    /// The same with `padding` zeros on every side.
    pub fn with_padding(self, padding: usize) -> Self {
        Self { padding: [padding; 2], ..self }
    }

    /// The same with a step of `stride` along both axes.
    pub fn with_stride(self, stride: usize) -> Self {
        Self { strides: [stride; 2], ..self }
    }

    /// The same in `groups` groups.
    pub fn with_groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }
}

/// Attributes of a dense layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dense {
    /// Output features.
    pub units: usize,
    /// Whether there is a third operand, one bias for each unit.
    pub use_bias: bool,
}

/// Attributes of a 2-D maximum pool; pairs are `[height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPool2d {
    /// Window size.
    pub pool_size: [usize; 2],
    /// Step between windows.
    pub strides: [usize; 2],
    /// Ignored cells on both sides of each axis, below `pool_size`.
    pub padding: [usize; 2],
    /// Whether a last, partial window counts.
    pub ceil_mode: bool,
}

impl MaxPool2d {
    /// A `size` by `size` window moved by `stride`, no padding.
    pub fn square(size: usize, stride: usize) -> Self {
        Self { pool_size: [size; 2], strides: [stride; 2], padding: [0; 2], ceil_mode: false }
    }
}

/// Attributes of a reduction.
///
/// The empty list is kept as such: it means every axis, and the chain's device treats that case
/// apart (a maximum over every axis starts from 0).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reduce {
    /// Named axes, ascending; empty means all, whatever `exclude` says.
    pub axes: Vec<usize>,
    /// Keep reduced axes with length 1.
    pub keepdims: bool,
    /// Reduce the axes that are not named.
    pub exclude: bool,
}

impl Reduce {
    /// The axes this reduces in an operand of `rank` axes, ascending; empty means a plain copy.
    pub fn reduced(&self, rank: usize) -> Vec<usize> {
        let named = |i: &usize| self.axes.is_empty() || self.axes.contains(i) != self.exclude;
        (0..rank).filter(named).collect()
    }
}

/// Attributes of a strided slice, as in the file: short lists leave the last axes whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StridedSlice {
    /// First index of each axis; negative counts from the end.
    pub begin: Vec<i64>,
    /// Index after the last, of each axis; negative counts from the end.
    pub end: Vec<i64>,
    /// Step of each axis, not 0; negative walks down.
    pub stride: Vec<i64>,
}

/// One axis of a resolved [`StridedSlice`]: result index `i` reads operand index `begin + i * step`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliceAxis {
    /// Operand index of result index 0.
    pub begin: usize,
    /// Operand distance between neighbours in the result.
    pub step: i64,
    /// Length of the result's axis.
    pub count: usize,
}

impl StridedSlice {
    /// Resolves the slice of an operand of `shape`; `None` if an axis would be empty or a step is 0.
    pub fn resolve(&self, shape: &[usize]) -> Option<Vec<SliceAxis>> {
        let axis = |(i, &dim): (usize, &usize)| {
            let dim = dim as i64;
            let step = self.stride.get(i).copied().unwrap_or(1);
            let (low, high) = if step < 0 { (-1, dim - 1) } else { (0, dim) };
            let place = |list: &[i64], default| {
                let index = list.get(i).copied().unwrap_or(default);
                let index = if index < 0 { index.saturating_add(dim) } else { index };
                index.clamp(low, high)
            };
            let (begin, end) = (place(&self.begin, 0), place(&self.end, dim));
            let span = if step < 0 { begin - end } else { end - begin };
            if step == 0 || span <= 0 {
                return None;
            }
            let count = (span as u64).div_ceil(step.unsigned_abs());
            Some(SliceAxis { begin: begin as usize, step, count: count as usize })
        };
        shape.iter().enumerate().map(axis).collect()
    }
}

/// Attributes of non-maximum suppression; rows are `[id, score, x1, y1, x2, y2]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonMaxSuppression {
    /// Overlap in percent from which a box is suppressed, at least 1.
    pub iou_threshold: i32,
    /// Suppress across different ids.
    pub force_suppress: bool,
    /// Boxes considered; negative is no limit.
    pub top_k: i32,
    /// Boxes kept; negative is no limit.
    pub max_output_size: i32,
}

impl Op {
    /// The name in the chain's registry (`null` for inputs and parameters).
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input | Self::Param(_) => "null",
            Self::Conv2d(_) => "conv2d",
            Self::Dense(_) => "dense",
            Self::Relu => "relu",
            Self::MaxPool2d(_) => "max_pool2d",
            Self::Upsampling { .. } => "upsampling",
            Self::CvmRightShift { .. } => "cvm_right_shift",
            Self::CvmLeftShift { .. } => "cvm_left_shift",
            Self::CvmClip { .. } => "cvm_clip",
            Self::Clip { .. } => "clip",
            Self::CvmPrecision => "cvm_precision",
            Self::CvmLut { .. } => "cvm_lut",
            Self::Abs => "abs",
            Self::Negative => "negative",
            Self::ElemwiseAdd => "elemwise_add",
            Self::ElemwiseSub => "elemwise_sub",
            Self::BroadcastAdd => "broadcast_add",
            Self::BroadcastSub => "broadcast_sub",
            Self::BroadcastMul => "broadcast_mul",
            Self::BroadcastMax => "broadcast_max",
            Self::BroadcastDiv => "broadcast_div",
            Self::BroadcastGreater => "broadcast_greater",
            Self::Sum(_) => "sum",
            Self::Max(_) => "max",
            Self::Concatenate { .. } => "concatenate",
            Self::Repeat { .. } => "repeat",
            Self::Tile { .. } => "tile",
            Self::Flatten => "flatten",
            Self::Reshape { .. } => "reshape",
            Self::ExpandDims { .. } => "expand_dims",
            Self::Squeeze { .. } => "squeeze",
            Self::Transpose { .. } => "transpose",
            Self::StridedSlice(_) => "strided_slice",
            Self::SliceLike { .. } => "slice_like",
            Self::Take { .. } => "take",
            Self::Where => "where",
            Self::GetValidCounts { .. } => "get_valid_counts",
            Self::NonMaxSuppression(_) => "non_max_suppression",
        }
    }

    /// Number of operands; `None` for [`Op::Concatenate`], which takes one or more.
    pub fn operand_count(&self) -> Option<usize> {
        Some(match self {
            Self::Input | Self::Param(_) => 0,
            Self::Conv2d(Conv2d { use_bias, .. }) | Self::Dense(Dense { use_bias, .. }) => 2 + usize::from(*use_bias),
            Self::Concatenate { .. } => return None,
            Self::Where => 3,
            Self::ElemwiseAdd
            | Self::ElemwiseSub
            | Self::BroadcastAdd
            | Self::BroadcastSub
            | Self::BroadcastMul
            | Self::BroadcastMax
            | Self::BroadcastDiv
            | Self::BroadcastGreater
            | Self::CvmLut { .. }
            | Self::SliceLike { .. }
            | Self::Take { .. }
            | Self::NonMaxSuppression(_) => 2,
            _ => 1,
        })
    }

    /// Number of results.
    pub fn output_count(&self) -> usize {
        1 + usize::from(matches!(self, Self::GetValidCounts { .. }))
    }

    /// Whether this is the input or a parameter rather than a computation.
    pub fn is_variable(&self) -> bool {
        matches!(self, Self::Input | Self::Param(_))
    }

    /// Whether the chain's CPU device can run it: `cvm_left_shift` loads but always fails there, so
    /// a model that has one must be answered with a runtime error.
    pub fn runs_on_chain(&self) -> bool {
        !matches!(self, Self::CvmLeftShift { .. })
    }

    /// Whether the chain lets a result share storage with an operand.
    ///
    /// `negative` would qualify, but the chain's list misspells it.
    pub fn runs_in_place(&self) -> bool {
        matches!(
            self,
            Self::Flatten
                | Self::Relu
                | Self::ExpandDims { .. }
                | Self::Reshape { .. }
                | Self::Squeeze { .. }
                | Self::Abs
                | Self::CvmPrecision
                | Self::ElemwiseAdd
                | Self::ElemwiseSub
                | Self::Clip { .. }
                | Self::CvmClip { .. }
                | Self::CvmRightShift { .. }
                | Self::CvmLeftShift { .. }
        )
    }
}
