//! Seeded random graphs of every operator: odd shapes, extremes, values beyond their precision.
//!
//! Shapes are small, as golden is slow; channel counts cross the kernels' vector widths.

use myelin_graph::{
    Conv2d, Dense, Graph, GraphBuilder, MaxPool2d, NonMaxSuppression, Op, Postprocess, Reduce, StridedSlice, Tensor,
    ValueId, precision_limit,
};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// Steps that are tried for a graph.
const STEPS: usize = 14;
/// Values of more elements are not used further.
const ELEMENTS_MAX: usize = 1 << 12;

/// How many nodes of each operator the graphs have.
pub type Coverage = BTreeMap<&'static str, usize>;

/// A random graph and a few inputs for it, the same for the same seed everywhere.
pub fn random_graph(seed: u64, coverage: &mut Coverage) -> Option<(Graph, Vec<Vec<i32>>)> {
    let mut maker = Maker::new(ChaCha8Rng::seed_from_u64(seed));
    for _ in 0..STEPS {
        maker.step();
    }
    let (graph, mut rng) = maker.finish()?;
    for (_, node) in graph.operators() {
        *coverage.entry(node.op.name()).or_default() += 1;
    }
    let inputs = (0..2).map(|_| input(&mut rng, &graph)).collect();
    Some((graph, inputs))
}

fn input(rng: &mut ChaCha8Rng, graph: &Graph) -> Vec<i32> {
    let limit = precision_limit(graph.input_precision());
    let count = graph.input_shape().elements();
    match rng.random_range(0..6) {
        0 => vec![limit; count],
        1 => vec![-limit; count],
        // Beyond the precision: to be limited.
        2 => (0..count).map(|_| *[i32::MIN, i32::MAX, 0].choose(rng).unwrap()).collect(),
        3 => (0..count).map(|_| *[-limit, limit].choose(rng).unwrap()).collect(),
        _ => (0..count).map(|_| rng.random_range(-limit..=limit)).collect(),
    }
}

struct Maker {
    rng: ChaCha8Rng,
    b: GraphBuilder,
    values: Vec<ValueId>,
    count: usize,
}

impl Maker {
    fn new(mut rng: ChaCha8Rng) -> Self {
        let mut b = GraphBuilder::new();
        let channels = *[1, 2, 3, 4, 5, 8, 12, 16, 17, 20].choose(&mut rng).unwrap();
        let (h, w) = (rng.random_range(1..9), rng.random_range(1..9));
        let shape = match rng.random_range(0..10) {
            0 => vec![3, 8],
            1 => vec![2, 5, 6],
            2 => vec![1, 40],
            3 => vec![2, channels, h, w],
            _ => vec![1, channels, h, w],
        };
        let precision = *[8, 8, 8, 8, 6, 4, 1, 20, 32].choose(&mut rng).unwrap();
        let x = b.input(&shape, precision).unwrap();
        Self { rng, b, values: vec![x], count: 0 }
    }

    fn name(&mut self) -> String {
        self.count += 1;
        format!("n{}", self.count)
    }

    /// A value; of four axes and recent ones more often.
    fn value(&mut self) -> ValueId {
        let n = self.values.len();
        let recent = &self.values[n.saturating_sub(4)..];
        let pool = if self.rng.random_range(0..3) > 0 { recent } else { &self.values };
        *pool.choose(&mut self.rng).unwrap()
    }

    fn shape(&self, value: ValueId) -> Vec<usize> {
        self.b.shape(value).unwrap().to_vec()
    }

    fn precision(&self, value: ValueId) -> u8 {
        self.b.precision(value).unwrap()
    }

    fn param(&mut self, shape: &[usize], precision: u8) -> Option<ValueId> {
        let count: usize = shape.iter().product();
        if count > 1 << 14 {
            return None;
        }
        let limit = precision_limit(precision);
        let kind = self.rng.random_range(0..6);
        let rng = &mut self.rng;
        let data: Vec<i32> = (0..count)
            .map(|_| match kind {
                0 => limit,
                1 => -limit,
                2 => *[-limit, limit, 0].choose(rng).unwrap(),
                _ => rng.random_range(-limit..=limit),
            })
            .collect();
        let tensor = if precision <= 8 && self.rng.random() {
            Tensor::from_i8(shape, data.into_iter().map(|v| v as i8).collect())
        } else {
            Tensor::from_i32(shape, data)
        };
        let name = format!("p{}", self.name());
        self.b.param(&name, tensor.ok()?, precision).ok()
    }

    fn axes(&mut self, rank: usize) -> Vec<usize> {
        (0..rank).filter(|_| self.rng.random()).collect()
    }

    fn apply(&mut self, op: Op, inputs: &[ValueId]) -> Option<ValueId> {
        let name = self.name();
        let outputs = self.b.apply(&name, op, inputs).ok()?;
        for &output in &outputs {
            if self.b.shape(output)?.elements() <= ELEMENTS_MAX {
                self.values.push(output);
            }
        }
        outputs.first().copied()
    }

    /// Adds an operator, and often what a quantiser puts behind it.
    fn step(&mut self) {
        let x = self.value();
        let shape = self.shape(x);
        let Some((op, inputs)) = self.operator(x, &shape) else { return };
        let Some(mut y) = self.apply(op, &inputs) else { return };
        if self.rng.random_range(0..3) == 0 {
            y = self.apply(Op::Relu, &[y]).unwrap_or(y);
        }
        if self.precision(y) > 8 && self.rng.random_range(0..5) > 0 {
            let shift_bit = (self.precision(y) - 8 + self.rng.random_range(0..3)).clamp(1, 32);
            y = self.apply(Op::CvmRightShift { precision: 8, shift_bit }, &[y]).unwrap_or(y);
        }
        if self.rng.random_range(0..3) == 0 {
            let other = self.values.iter().copied().filter(|&v| self.shape(v) == self.shape(y)).collect::<Vec<_>>();
            let other = *other.choose(&mut self.rng).unwrap_or(&y);
            let op = [Op::ElemwiseAdd, Op::ElemwiseSub].choose(&mut self.rng).unwrap().clone();
            let pair = if self.rng.random() { [y, other] } else { [other, y] };
            self.apply(op, &pair);
        }
    }

    fn operator(&mut self, x: ValueId, shape: &[usize]) -> Option<(Op, Vec<ValueId>)> {
        let rank = shape.len();
        let axis = self.rng.random_range(0..rank);
        let unary = |op| Some((op, vec![x]));
        match self.rng.random_range(0..36) {
            0..=8 => self.conv2d(x, shape),
            9 | 10 => self.dense(x),
            11 => unary(Op::MaxPool2d(MaxPool2d {
                pool_size: [self.rng.random_range(1..4), self.rng.random_range(1..4)],
                strides: [self.rng.random_range(1..4), self.rng.random_range(1..4)],
                padding: [self.rng.random_range(0..2), self.rng.random_range(0..2)],
                ceil_mode: self.rng.random(),
            })),
            12 => unary(Op::Upsampling { scale: self.rng.random_range(1..4) }),
            13 => {
                let (precision, shift_bit) = (self.rng.random_range(1..33), self.rng.random_range(1..33));
                unary(Op::CvmRightShift { precision, shift_bit })
            }
            14 => match self.rng.random_range(0..8) {
                0 => unary(Op::CvmLeftShift { precision: 8, shift_bit: 1 }),
                _ => unary(Op::CvmClip { precision: self.rng.random_range(1..12) }),
            },
            15 => {
                let (a_min, a_max) = (self.rng.random_range(-100..50), self.rng.random_range(-50..100));
                unary(Op::Clip { a_min, a_max })
            }
            16 => {
                let length = self.rng.random_range(1..20);
                let table = self.param(&[length], 7)?;
                // Now and then a computed table.
                let table = if self.rng.random() { table } else { self.apply(Op::Abs, &[table])? };
                Some((Op::CvmLut { in_dim: length }, vec![x, table]))
            }
            17 => unary([Op::Relu, Op::Abs, Op::Negative, Op::CvmPrecision].choose(&mut self.rng)?.clone()),
            18 => unary(Op::Flatten),
            19..=21 => self.broadcast(x, shape),
            22 | 23 => {
                let axes = if rank == 4 && self.rng.random() { vec![2, 3] } else { self.axes(rank) };
                let (keepdims, exclude) = (self.rng.random(), self.rng.random_range(0..4) == 0);
                let reduce = Reduce { axes, keepdims, exclude };
                unary(if self.rng.random() { Op::Sum(reduce) } else { Op::Max(reduce) })
            }
            24 => {
                let like: Vec<ValueId> = self.values.iter().copied().filter(|&v| self.shape(v) == shape).collect();
                let others = (0..self.rng.random_range(0..3)).map(|_| *like.choose(&mut self.rng).unwrap());
                let inputs = others.chain([x]).collect::<Vec<ValueId>>();
                Some((Op::Concatenate { axis: if rank == 4 && self.rng.random() { 1 } else { axis } }, inputs))
            }
            25 => unary(Op::Repeat { repeats: self.rng.random_range(1..4), axis }),
            26 => {
                let reps = (0..self.rng.random_range(1..=rank + 1)).map(|_| self.rng.random_range(1..3)).collect();
                unary(Op::Tile { reps })
            }
            27 => {
                let total: i64 = shape.iter().product::<usize>() as i64;
                let wide = if total % 6 == 0 { vec![1, -1, 6] } else { vec![total] };
                let shapes = [vec![0, -1], vec![-1], vec![-3, -2], wide.clone(), wide, vec![1, 1, -1, 1], vec![-2]];
                unary(Op::Reshape { shape: shapes.choose(&mut self.rng)?.clone() })
            }
            28 => match self.rng.random::<bool>() {
                true => unary(Op::ExpandDims { axis, num_newaxis: self.rng.random_range(1..3) }),
                false => unary(Op::Squeeze { axes: (0..rank).filter(|&i| shape[i] == 1).collect() }),
            },
            29 => {
                let mut axes: Vec<usize> = (0..rank).collect();
                axes.rotate_left(axis);
                axes.swap(0, self.rng.random_range(0..rank));
                unary(Op::Transpose { axes })
            }
            30 => {
                let rng = &mut self.rng;
                let mut list =
                    |low, high| (0..rng.random_range(0..=rank)).map(|_| rng.random_range(low..high)).collect();
                let (begin, end, stride) = (list(-3i64, 2), list(-2, 9), list(-2, 3));
                unary(Op::StridedSlice(StridedSlice { begin, end, stride }))
            }
            31 => {
                let mut like = shape.to_vec();
                let axes = self.axes(rank);
                axes.iter().for_each(|&axis| like[axis] = like[axis].div_ceil(2));
                Some((Op::SliceLike { axes }, vec![x, self.param(&like, 8)?]))
            }
            32 => {
                let indices = self.param(&[2, 3], 5)?;
                let axis = self.rng.random::<bool>().then_some(axis);
                Some((Op::Take { axis }, vec![x, indices]))
            }
            33 | 34 => self.choose(x, shape),
            _ => self.boxes(x, shape),
        }
    }

    fn conv2d(&mut self, x: ValueId, shape: &[usize]) -> Option<(Op, Vec<ValueId>)> {
        let &[_, c, _, _] = shape else { return None };
        let divisors: Vec<usize> = (1..=c).filter(|d| c % d == 0).collect();
        let groups = if self.rng.random() { 1 } else { *divisors.choose(&mut self.rng)? };
        let per_group = if groups > 1 { self.rng.random_range(1..6) } else { self.rng.random_range(1..40) };
        let small = |rng: &mut ChaCha8Rng, high| [rng.random_range(1..high), rng.random_range(1..high)];
        let mut attributes = Conv2d {
            channels: groups * per_group,
            kernel: small(&mut self.rng, 4),
            strides: small(&mut self.rng, 4),
            padding: [self.rng.random_range(0..4), self.rng.random_range(0..4)],
            dilation: small(&mut self.rng, 3),
            groups,
            use_bias: self.rng.random(),
        };
        if self.rng.random_range(0..30) == 0 {
            attributes.padding[0] = 600;
            attributes.strides[0] = 97;
        }
        let [kh, kw] = attributes.kernel;
        let mut weight = self.param(&[attributes.channels, c / groups, kh, kw], 8)?;
        if self.rng.random_range(0..20) == 0 {
            // Computed weights.
            weight = self.apply(Op::Negative, &[weight])?;
        }
        let mut inputs = vec![x, weight];
        if attributes.use_bias {
            let precision = *[8, 16, 30].choose(&mut self.rng)?;
            inputs.push(self.param(&[attributes.channels], precision)?);
        }
        Some((Op::Conv2d(attributes), inputs))
    }

    fn dense(&mut self, x: ValueId) -> Option<(Op, Vec<ValueId>)> {
        let x = if self.shape(x).len() == 2 { x } else { self.apply(Op::Flatten, &[x])? };
        let length = self.shape(x)[1];
        let units = self.rng.random_range(1..90);
        let use_bias = self.rng.random();
        let mut inputs = vec![x, self.param(&[units, length], 8)?];
        if use_bias {
            inputs.push(self.param(&[units], 16)?);
        }
        Some((Op::Dense(Dense { units, use_bias }), inputs))
    }

    fn broadcast(&mut self, x: ValueId, shape: &[usize]) -> Option<(Op, Vec<ValueId>)> {
        let ops = [
            Op::BroadcastAdd,
            Op::BroadcastSub,
            Op::BroadcastMul,
            Op::BroadcastMax,
            Op::BroadcastDiv,
            Op::BroadcastGreater,
        ];
        let op = ops.choose(&mut self.rng)?.clone();
        let mut other = shape[self.rng.random_range(0..shape.len())..].to_vec();
        for length in &mut other {
            if self.rng.random() {
                *length = 1;
            }
        }
        let mut other = self.param(&other, 8)?;
        if self.rng.random_range(0..4) == 0 {
            let same: Vec<ValueId> = self.values.iter().copied().filter(|&v| self.shape(v) == shape).collect();
            other = *same.choose(&mut self.rng)?;
        }
        let pair = if self.rng.random() { vec![x, other] } else { vec![other, x] };
        Some((op, pair))
    }

    /// Values beyond what their precision says: that of the condition.
    fn choose(&mut self, x: ValueId, shape: &[usize]) -> Option<(Op, Vec<ValueId>)> {
        let (condition, other) = (self.param(shape, 2)?, self.param(shape, 12)?);
        let choices = if self.rng.random() { [x, other] } else { [other, x] };
        Some((Op::Where, vec![condition, choices[0], choices[1]]))
    }

    fn boxes(&mut self, x: ValueId, shape: &[usize]) -> Option<(Op, Vec<ValueId>)> {
        let total: usize = shape.iter().product();
        let batch = *[1, 1, 2].choose(&mut self.rng)?;
        if !total.is_multiple_of(6 * batch) {
            return None;
        }
        let shape = vec![batch as i64, -1, 6];
        let x = self.apply(Op::Reshape { shape }, &[x])?;
        let score_threshold = self.rng.random_range(-100..50);
        let op = Op::GetValidCounts { score_threshold };
        if self.rng.random_range(0..3) == 0 {
            return Some((op, vec![x]));
        }
        let name = self.name();
        let outputs = self.b.apply(&name, op, &[x]).ok()?;
        self.values.push(outputs[1]);
        let counts = if self.rng.random_range(0..3) > 0 { outputs[0] } else { self.param(&[batch], 4)? };
        let suppression = NonMaxSuppression {
            iou_threshold: self.rng.random_range(1..100),
            force_suppress: self.rng.random(),
            top_k: self.rng.random_range(-1..4),
            max_output_size: self.rng.random_range(-1..4),
        };
        Some((Op::NonMaxSuppression(suppression), vec![outputs[1], counts]))
    }

    fn finish(mut self) -> Option<(Graph, ChaCha8Rng)> {
        let words = ["", "", "", "argmax", "detection"];
        let postprocess = Postprocess::from(*words.choose(&mut self.rng)?);
        let mut heads = vec![*self.values.last()?];
        for _ in 0..self.rng.random_range(0..3) {
            heads.push(self.value());
        }
        if self.rng.random() {
            heads.truncate(1);
        }
        Some((self.b.finish(heads, postprocess).ok()?, self.rng))
    }
}
