//! Seeded random layers and networks that a tensor cell can run, with pictures.
//!
//! A *layer* is one convolution or dense layer with whatever may follow it before the next
//! (shifts 1 to 24, relu, clips, a pool, a look-up table): random shape, stride, padding, dilation and groups, and
//! values at the extremes of the precision as often as not. A *network* joins several operators
//! with branches, sums, concatenations and several heads. Everything is legal for the
//! architecture: values that must lie in lanes do, and sizes fit its memories.
//!
//! Equal seeds give equal cases.
//!
//! ```
//! use myelin_conformance::random_layer::{layer, random_architecture};
//!
//! let cell = random_architecture(3);
//! assert_eq!(layer(3, &cell).graph, layer(3, &cell).graph);
//! ```

use myelin_graph::{Conv2d, Graph, GraphBuilder, GraphError, MaxPool2d, Op, Postprocess, Reduce, Tensor, ValueId};
use myelin_isa::{Architecture, Precision};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Pictures of a case.
const PICTURES: usize = 2;
/// Largest shift; the issue's range.
const SHIFT_MAX: u8 = 24;
/// Most multiply-accumulates of one layer, to bound the time a simulated cell takes.
const MACS_MAX: usize = 150_000;
/// Most entries of a look-up table: more than any cell has.
const TABLE_MAX: usize = 300;
/// Most weights of one layer, so that a network's fit the smallest weight scratchpad.
const WEIGHTS_MAX: usize = 10_000;

/// A graph, the cell it is for, and pictures (channel, row, column) within its input's precision.
#[derive(Debug, Clone)]
pub struct Case {
    /// What replays it.
    pub seed: u64,
    /// The cell.
    pub architecture: Architecture,
    /// The graph.
    pub graph: Graph,
    /// Inputs.
    pub pictures: Vec<Vec<i32>>,
}

/// A cell of any shape, either precision, with small accumulators as often as not.
pub fn random_architecture(seed: u64) -> Architecture {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let side = |rng: &mut ChaCha8Rng| {
        let most = if rng.random_bool(0.7) { 16 } else { Architecture::SIDE_MAX };
        rng.random_range(Architecture::SIDE_MIN..=most)
    };
    let (rows, columns) = (side(&mut rng), side(&mut rng));
    let precision = if rng.random_bool(0.5) { Precision::Int8 } else { Precision::Int6 };
    let depth = 1 << rng.random_range(3..=8);
    let legal = "random parameters are drawn from their legal ranges";
    let cell = Architecture::new(rows, columns, precision).expect(legal);
    cell.with_accumulator_depth(depth).expect(legal).with_instruction_depth(4096).expect(legal)
}

/// Cells whose memories hold little at a time, one to eight of them, with beats as wide as they may be.
pub fn random_card(seed: u64) -> Architecture {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0xca4d);
    let side = |rng: &mut ChaCha8Rng| rng.random_range(Architecture::SIDE_MIN..=12);
    let (rows, columns) = (side(&mut rng), side(&mut rng));
    let precision = if rng.random_bool(0.5) { Precision::Int8 } else { Precision::Int6 };
    let legal = "random parameters are drawn from their legal ranges";
    let cell = Architecture::new(rows, columns, precision).expect(legal);
    let lanes = cell.lanes() << rng.random_range(0..=2);
    cell.with_cells(1 << rng.random_range(0..=3))
        .and_then(|card| card.with_lanes(lanes))
        .and_then(|card| card.with_activation_lanes(1 << rng.random_range(13..=16)))
        .and_then(|card| card.with_weight_words(1 << rng.random_range(4..=9)))
        .and_then(|card| card.with_bias_words(1 << rng.random_range(4..=6)))
        .and_then(|card| card.with_accumulator_depth(1 << rng.random_range(3..=8)))
        .and_then(|card| card.with_instruction_depth(1 << rng.random_range(4..=10)))
        .expect(legal)
}

/// One convolution or dense layer and what follows it.
pub fn layer(seed: u64, architecture: &Architecture) -> Case {
    let mut maker = Maker::new(seed, architecture);
    let graph = maker.layer_graph().expect("random layers obey the graph's rules");
    maker.case(seed, architecture, graph)
}

/// Several operators with branches.
pub fn network(seed: u64, architecture: &Architecture) -> Case {
    let mut maker = Maker::new(!seed, architecture);
    let graph = maker.network_graph().expect("random networks obey the graph's rules");
    maker.case(seed, architecture, graph)
}

/// A value with four axes whose elements lie in lanes.
#[derive(Debug, Clone, Copy)]
struct Map {
    value: ValueId,
    channels: usize,
    height: usize,
    width: usize,
}

struct Maker {
    rng: ChaCha8Rng,
    builder: GraphBuilder,
    bits: u8,
    limit: i32,
    names: usize,
}

impl Maker {
    fn new(seed: u64, architecture: &Architecture) -> Maker {
        Maker {
            rng: ChaCha8Rng::seed_from_u64(seed),
            builder: GraphBuilder::new(),
            bits: architecture.precision().bits() as u8,
            limit: architecture.precision().limit(),
            names: 0,
        }
    }

    fn case(mut self, seed: u64, architecture: &Architecture, graph: Graph) -> Case {
        let elements = graph.input_shape().elements();
        let pictures = (0..PICTURES).map(|_| self.values(elements)).collect();
        Case { seed, architecture: *architecture, graph, pictures }
    }

    fn layer_graph(&mut self) -> Result<Graph, GraphError> {
        let builder = &mut self.builder;
        if self.rng.random_bool(0.2) {
            let inputs = self.rng.random_range(1..=200);
            let data = builder.input(&[1, inputs], self.bits)?;
            let raw = self.dense(data, inputs)?;
            let head = if self.rng.random_bool(0.5) { raw } else { self.requantised(raw)? };
            return self.finish(vec![head]);
        }
        let data = self.input_map()?;
        let (raw, mut map) = self.convolution(data)?;
        if self.rng.random_bool(0.15) {
            return self.finish(vec![raw]);
        }
        // A pool may stand before, within or after what requantises.
        if self.rng.random_bool(0.25) {
            map = self.pool(Map { value: raw, ..map })?;
            map.value = self.requantised(map.value)?;
        } else {
            map.value = self.requantised(raw)?;
            if self.rng.random_bool(0.3) {
                map = self.pool(map)?;
            }
        }
        let mut heads = vec![map.value];
        if self.rng.random_bool(0.1) {
            heads.push(raw);
        }
        self.finish(heads)
    }

    fn network_graph(&mut self) -> Result<Graph, GraphError> {
        let data = self.input_map()?;
        let mut maps = vec![data];
        let mut heads = Vec::new();
        for _ in 0..self.rng.random_range(2..=7) {
            let from = maps[self.rng.random_range(0..maps.len())];
            // Most often on from the latest, so that networks get deep.
            let from = if self.rng.random_bool(0.6) { maps[maps.len() - 1] } else { from };
            let map = match self.rng.random_range(0..12) {
                0..=3 => {
                    let (raw, map) = self.convolution(from)?;
                    if self.rng.random_bool(0.1) {
                        heads.push(raw);
                    }
                    Map { value: self.requantised(raw)?, ..map }
                }
                4 => self.pool(from)?,
                5..=6 => self.sum(from, &maps)?,
                7..=8 if from.channels <= 40 => self.joined(from, &maps)?,
                9 if from.height * from.width <= 50 => self.enlarged(from)?,
                10 if self.rng.random_bool(0.4) => self.reduced(from)?,
                _ => Map { value: self.requantised(from.value)?, ..from },
            };
            maps.push(map);
        }
        let last = maps[maps.len() - 1];
        if self.rng.random_bool(0.4) {
            let flat = self.name("flatten");
            let flat = self.builder.flatten(&flat, last.value)?;
            heads.push(self.dense(flat, last.channels * last.height * last.width)?);
        } else {
            heads.push(last.value);
        }
        if self.rng.random_bool(0.2) {
            heads.push(maps[self.rng.random_range(0..maps.len())].value);
        }
        self.finish(heads)
    }

    /// Several heads are flattened: the chain's runtime wants equal numbers of rows of them.
    fn finish(&mut self, mut heads: Vec<ValueId>) -> Result<Graph, GraphError> {
        if heads.len() > 1 {
            for head in &mut heads {
                let name = self.name("head");
                *head = self.builder.flatten(&name, *head)?;
            }
        }
        std::mem::take(&mut self.builder).finish(heads, Postprocess::None)
    }

    fn input_map(&mut self) -> Result<Map, GraphError> {
        let channels = self.rng.random_range(1..=24);
        let (height, width) = (self.rng.random_range(1..=10), self.rng.random_range(1..=10));
        let value = self.builder.input(&[1, channels, height, width], self.bits)?;
        Ok(Map { value, channels, height, width })
    }

    /// A convolution's raw value, and the shape it has.
    fn convolution(&mut self, x: Map) -> Result<(ValueId, Map), GraphError> {
        let axis = |rng: &mut ChaCha8Rng, length: usize| {
            let kernel = [1usize, 1, 2, 3, 3, 5][rng.random_range(0..6)];
            let dilation = if rng.random_bool(0.25) { rng.random_range(2..=3) } else { 1usize };
            let reach = (kernel - 1) * dilation + 1;
            // Enough padding that the kernel fits, and sometimes more than its reach.
            let least = reach.saturating_sub(length).div_ceil(2);
            let padding = least + if rng.random_bool(0.5) { rng.random_range(0..=kernel) } else { 0 };
            let stride = [1, 1, 2, 3][rng.random_range(0..4)];
            (kernel, dilation, padding, stride, (length + 2 * padding - reach) / stride + 1)
        };
        let (kh, dh, ph, sh, height) = axis(&mut self.rng, x.height);
        let (kw, dw, pw, sw, width) = axis(&mut self.rng, x.width);
        let divisors: Vec<usize> = (1..=x.channels).filter(|g| x.channels.is_multiple_of(*g)).collect();
        let groups = match self.rng.random_range(0..4) {
            0 => divisors[self.rng.random_range(0..divisors.len())],
            _ => 1,
        };
        let group_inputs = x.channels / groups;
        let per_output = group_inputs * kh * kw * height * width;
        let outputs_max = (MACS_MAX / per_output).min(WEIGHTS_MAX / (group_inputs * kh * kw)).min(40) / groups;
        let outputs = groups * self.rng.random_range(1..=outputs_max.max(1));
        let attributes = Conv2d {
            channels: outputs,
            kernel: [kh, kw],
            strides: [sh, sw],
            padding: [ph, pw],
            dilation: [dh, dw],
            groups,
            use_bias: false,
        };
        let weight = self.weights(&[outputs, group_inputs, kh, kw])?;
        let bias = self.bias(outputs)?;
        let name = self.name("conv");
        let value = self.builder.conv2d(&name, x.value, weight, bias, attributes)?;
        Ok((value, Map { value, channels: outputs, height, width }))
    }

    fn dense(&mut self, x: ValueId, inputs: usize) -> Result<ValueId, GraphError> {
        let units = self.rng.random_range(1..=(WEIGHTS_MAX / inputs).clamp(1, 50));
        let weight = self.weights(&[units, inputs])?;
        let bias = self.bias(units)?;
        let name = self.name("dense");
        self.builder.dense(&name, x, weight, bias)
    }

    fn sum(&mut self, x: Map, maps: &[Map]) -> Result<Map, GraphError> {
        let same = |m: &&Map| (m.channels, m.height, m.width) == (x.channels, x.height, x.width);
        let others: Vec<&Map> = maps.iter().filter(same).collect();
        let other = others[self.rng.random_range(0..others.len())];
        let name = self.name("add");
        let value = self.builder.elemwise_add(&name, x.value, other.value)?;
        Ok(Map { value: self.requantised(value)?, ..x })
    }

    /// A concatenation with a fresh branch, so that there is something of the right size.
    fn joined(&mut self, x: Map, maps: &[Map]) -> Result<Map, GraphError> {
        let same = |m: &&Map| (m.height, m.width) == (x.height, x.width) && m.channels <= 40;
        let others: Vec<Map> = maps.iter().filter(same).copied().collect();
        let mut parts = vec![x, others[self.rng.random_range(0..others.len())]];
        let attributes = Conv2d::square(self.rng.random_range(1..=9), 1);
        let weight = self.weights(&[attributes.channels, x.channels, 1, 1])?;
        let name = self.name("branch");
        let raw = self.builder.conv2d(&name, x.value, weight, None, attributes)?;
        parts.push(Map { value: self.requantised(raw)?, channels: attributes.channels, ..x });
        let first = self.rng.random_range(0..parts.len());
        parts.rotate_left(first);
        let inputs: Vec<ValueId> = parts.iter().map(|m| m.value).collect();
        let name = self.name("concat");
        let value = self.builder.concatenate(&name, &inputs, 1)?;
        Ok(Map { value, channels: parts.iter().map(|m| m.channels).sum(), ..x })
    }

    fn enlarged(&mut self, x: Map) -> Result<Map, GraphError> {
        let scale = self.rng.random_range(1..=3);
        let name = self.name("enlarge");
        let value = self.builder.op(&name, Op::Upsampling { scale }, &[x.value])?;
        let map = Map { value, height: x.height * scale, width: x.width * scale, ..x };
        if self.rng.random_bool(0.3) { Ok(Map { value: self.requantised(value)?, ..map }) } else { Ok(map) }
    }

    /// A sum or maximum over every channel; the axes stay.
    fn reduced(&mut self, x: Map) -> Result<Map, GraphError> {
        let axes = Reduce { axes: vec![2, 3], keepdims: true, exclude: false };
        let op = if self.rng.random_bool(0.7) { Op::Sum(axes) } else { Op::Max(axes) };
        let name = self.name("reduce");
        let value = self.builder.op(&name, op, &[x.value])?;
        Ok(Map { value: self.requantised(value)?, height: 1, width: 1, ..x })
    }

    fn pool(&mut self, x: Map) -> Result<Map, GraphError> {
        let axis = |rng: &mut ChaCha8Rng, length: usize| {
            let size = rng.random_range(1..=length.min(3));
            let padding = if rng.random_bool(0.3) { rng.random_range(0..size) } else { 0 };
            (size, padding, rng.random_range(1..=3usize))
        };
        let (height_size, height_padding, height_stride) = axis(&mut self.rng, x.height);
        let (width_size, width_padding, width_stride) = axis(&mut self.rng, x.width);
        let mut attributes = MaxPool2d {
            pool_size: [height_size, width_size],
            strides: [height_stride, width_stride],
            padding: [height_padding, width_padding],
            ceil_mode: self.rng.random_bool(0.3),
        };
        let name = self.name("pool");
        let op = Op::MaxPool2d(attributes);
        let value = match self.builder.op(&name, op, &[x.value]) {
            Ok(value) => value,
            // A last window that would start beyond the data.
            Err(_) => {
                attributes.ceil_mode = false;
                self.builder.max_pool2d(&name, x.value, attributes)?
            }
        };
        let shape = self.builder.shape(value).and_then(|shape| shape.nchw());
        let [_, channels, height, width] = shape.expect("a pool has four axes");
        Ok(Map { value, channels, height, width })
    }

    /// Brings any value into lanes, by a random one of the ways a layer may do it.
    fn requantised(&mut self, x: ValueId) -> Result<ValueId, GraphError> {
        let mut value = x;
        let relu = |maker: &mut Maker, value: ValueId| {
            let name = maker.name("relu");
            maker.builder.relu(&name, value)
        };
        if self.rng.random_bool(0.25) {
            value = relu(self, value)?;
        }
        if self.rng.random_bool(0.2) {
            // It keeps some value of the lanes: a value that leaves them can never be stored again.
            let a_min = self.rng.random_range(-100_000..self.limit);
            let a_max = a_min.max(-self.limit) + self.rng.random_range(1..50_000);
            let name = self.name("clip");
            value = self.builder.op(&name, Op::Clip { a_min, a_max }, &[value])?;
        }
        let precision = if self.rng.random_bool(0.8) { self.bits } else { self.rng.random_range(2..=self.bits) };
        if self.rng.random_bool(0.85) {
            let shift = self.rng.random_range(1..=SHIFT_MAX);
            // Most shifts make everything zero; favour those that leave something.
            let shift = if self.rng.random_bool(0.6) { shift.div_ceil(3) } else { shift };
            let name = self.name("requant");
            value = self.builder.cvm_right_shift(&name, value, precision, shift)?;
        }
        // The clip that the chain's device leaves out when precision and shift reach 32.
        let name = self.name("bound");
        value = self.builder.cvm_clip(&name, value, precision)?;
        if self.rng.random_bool(0.3) {
            value = relu(self, value)?;
        }
        if self.rng.random_bool(0.2) { self.looked_up(value) } else { Ok(value) }
    }

    /// The entries of a table for a value in lanes: entries in lanes, or wider ones with what brings them there.
    fn looked_up(&mut self, x: ValueId) -> Result<ValueId, GraphError> {
        let count = if self.rng.random_bool(0.5) { self.limit as usize + 1 } else { TABLE_MAX };
        let count = self.rng.random_range(1..=count);
        let shift = if self.rng.random_bool(0.3) { self.rng.random_range(1..=SHIFT_MAX - self.bits) } else { 0 };
        let limit = (1 << (self.bits + shift - 1)) - 1;
        let entries = (0..count).map(|_| self.rng.random_range(-limit..=limit)).collect();
        let name = self.name("table");
        let table = self.builder.param(&name, Tensor::from_i32(&[count], entries)?, self.bits + shift)?;
        let name = self.name("lut");
        let value = self.builder.op(&name, Op::CvmLut { in_dim: count }, &[x, table])?;
        if shift == 0 {
            return Ok(value);
        }
        let (name, bits) = (self.name("narrow"), self.bits);
        self.builder.cvm_right_shift(&name, value, bits, shift)
    }

    fn weights(&mut self, shape: &[usize]) -> Result<ValueId, GraphError> {
        let values = self.values(shape.iter().product()).into_iter().map(|v| v as i8).collect();
        let name = self.name("weight");
        let bits = self.bits;
        self.builder.param(&name, Tensor::from_i8(shape, values)?, bits)
    }

    fn bias(&mut self, channels: usize) -> Result<Option<ValueId>, GraphError> {
        if self.rng.random_bool(0.3) {
            return Ok(None);
        }
        let precision: u8 = self.rng.random_range(4..=24);
        let limit = (1 << (precision - 1)) - 1;
        let values = (0..channels).map(|_| self.rng.random_range(-limit..=limit)).collect();
        let name = self.name("bias");
        self.builder.param(&name, Tensor::from_i32(&[channels], values)?, precision).map(Some)
    }

    /// Values of the cell's precision: all alike, only extremes, few, or any.
    fn values(&mut self, count: usize) -> Vec<i32> {
        let limit = self.limit;
        let kind = self.rng.random_range(0..8);
        let constant = if self.rng.random_bool(0.5) { limit } else { -limit };
        let value = |rng: &mut ChaCha8Rng| match kind {
            0 => constant,
            1..=2 => {
                if rng.random_bool(0.5) {
                    limit
                } else {
                    -limit
                }
            }
            3 => {
                if rng.random_bool(0.1) {
                    rng.random_range(-limit..=limit)
                } else {
                    0
                }
            }
            _ => rng.random_range(-limit..=limit),
        };
        (0..count).map(|_| value(&mut self.rng)).collect()
    }

    fn name(&mut self, kind: &str) -> String {
        self.names += 1;
        format!("{kind}{}", self.names)
    }
}
