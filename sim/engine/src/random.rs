//! Random designs for differential tests: every operator, nested and repeated instances, registers,
//! memories and checks, from a seed.
//!
//! A design depends on its seed and the version of this file alone.

use std::sync::Arc;

use myelin_hdl::{Design, MemoryStyle, Module, ModuleBuilder, Signal, Ty, choose, concat, module, mux, s, select, u};

/// Steele, Lea and Flood's SplitMix64: bits that depend on the seed alone, on every machine.
#[derive(Clone, Debug)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// A generator at its start.
    pub fn new(seed: u64) -> SplitMix64 {
        SplitMix64(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.bits()) * end as u128) >> 64) as usize
    }

    /// True once in `times`.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// Bits of a value of a type: often an extreme, often small, else anything.
    pub fn value(&mut self, ty: Ty) -> u64 {
        let bits = match self.below(8) {
            0 => 0,
            1 => u64::MAX,
            2 => 1 << (ty.width() - 1),
            3 => (1 << (ty.width() - 1)) - 1,
            4 => self.bits() & 3,
            _ => self.bits(),
        };
        bits & ty.mask()
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// A type: widths around the machine's own are frequent.
    fn ty(&mut self) -> Ty {
        let width = match self.below(4) {
            0 => self.pick(&[1, 1, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64]),
            1 | 2 => 1 + self.below(24) as u32,
            _ => 1 + self.below(64) as u32,
        };
        if self.one_in(2) { s(width) } else { u(width) }
    }
}

/// Values that repeated instances may add in all: the reference engine is slow.
const VALUES_MAX: usize = 8000;

/// The design of a seed.
///
/// # Panics
/// Never, if builder and generator are right.
pub fn design(seed: u64) -> Design {
    let mut random = SplitMix64::new(seed);
    let random = &mut random;
    let leaves: Vec<Arc<Module>> =
        (0..1 + random.below(2)).map(|index| body(random, &format!("leaf_{index}"), &[])).collect();
    let mut parts = leaves.clone();
    if random.one_in(2) {
        parts.push(body(random, "middle", &leaves));
    }
    Design::new(body(random, "top", &parts)).expect("all names are identifiers")
}

/// The values a body has so far.
struct Pool<'a> {
    m: &'a ModuleBuilder,
    signals: Vec<Signal>,
}

fn body(random: &mut SplitMix64, name: &str, parts: &[Arc<Module>]) -> Arc<Module> {
    module(name, |m| {
        let mut pool = Pool { m, signals: Vec::new() };
        for index in 0..1 + random.below(4) {
            pool.signals.push(m.input(&format!("in_{index}_i"), random.ty()));
        }
        pool.signals.push(m.input("enable_i", u(1)));
        let mut registers = Vec::new();
        for index in 0..1 + random.below(5) {
            let ty = random.ty();
            let mut register = m.register(&format!("state_{index}_q"), ty);
            if random.one_in(2) {
                let bits = random.value(ty);
                register = register.reset(ty.value_of(bits) as i64);
            }
            pool.signals.push(register.q);
            registers.push(register);
        }
        pool.operators(random, 8);
        for (index, part) in parts.iter().enumerate() {
            pool.instances(random, part, &format!("part_{index}"));
        }
        if random.one_in(2) {
            for index in 0..1 + random.below(2) {
                pool.memory(random, &format!("memory_{index}"));
            }
        }
        if random.one_in(2) {
            let (value, cycles) = (pool.any(random), random.below(40));
            pool.signals.push(m.delay_by("delayed", value, cycles));
        }
        let operators = 5 + random.below(25);
        pool.operators(random, operators);
        for register in registers {
            let next = pool.of_type(random, register.q.ty());
            if random.one_in(2) {
                register.next_when(pool.bit(random), next);
            } else {
                register.next(next);
            }
        }
        if random.one_in(2) {
            let happens = pool.bit(random);
            m.cover("happens", happens);
        }
        if random.one_in(3) {
            // Holds nearly always, so that simulations get far.
            let (value, ty) = (pool.any(random), random.ty());
            let bits = random.value(ty);
            let same = value.eq(m.constant(ty, ty.value_of(bits) as i64));
            let alarm = same & pool.bit(random) & pool.bit(random);
            m.assert("seldom_fails", !alarm);
        }
        for index in 0..1 + random.below(4) {
            let driver = pool.any(random);
            m.output(&format!("out_{index}_o"), driver);
        }
    })
}

impl Pool<'_> {
    fn any(&self, random: &mut SplitMix64) -> Signal {
        random.pick(&self.signals)
    }

    fn bit(&self, random: &mut SplitMix64) -> Signal {
        self.of_type(random, u(1))
    }

    fn of_type(&self, random: &mut SplitMix64, ty: Ty) -> Signal {
        let fitting: Vec<Signal> = self.signals.iter().copied().filter(|signal| signal.ty() == ty).collect();
        if fitting.is_empty() || random.one_in(3) { adapt(self.any(random), ty) } else { random.pick(&fitting) }
    }

    fn operators(&mut self, random: &mut SplitMix64, count: usize) {
        for _ in 0..count {
            let signal = self.operator(random);
            if random.one_in(5) {
                signal.named(&format!("value_{}", self.signals.len()));
            }
            self.signals.push(signal);
        }
    }

    fn operator(&self, random: &mut SplitMix64) -> Signal {
        let (a, b) = (self.any(random), self.any(random));
        // Sums and products must fit into 64 bits.
        let (short_a, short_b) = (shorter(a, 31), shorter(b, 31));
        match random.below(28) {
            0 => short_a + short_b,
            1 => short_a - short_b,
            2 => short_a * short_b,
            3 => shorter(a, 62) + shorter(b, 62),
            4 => shorter(a, 62) - shorter(b, 62),
            5 => a & adapt(b, a.ty()),
            6 => a | adapt(b, a.ty()),
            7 => a ^ adapt(b, a.ty()),
            8 => !a,
            9 => -shorter(a, 62),
            10 => a.eq(b),
            11 => a.ne(b),
            12 => a.lt(b),
            13 => a.ge(b),
            14 => random.pick(&[a.any(), a.all(), a.parity()]),
            15 => mux(self.bit(random), a, adapt(b, a.ty())),
            16 => choose(a)
                .when(self.bit(random), adapt(b, a.ty()))
                .when(self.bit(random), self.of_type(random, a.ty()))
                .end(),
            17 => a.shift_left_by(unsigned(shorter(b, [2, 6, 7, 64][random.below(4)]))),
            18 => a.shift_right_by(unsigned(shorter(b, [2, 6, 7, 64][random.below(4)]))),
            19 => a.shift_right(random.below(70) as u32),
            20 => shorter(a, 30).shift_left(random.below(30) as u32),
            21 => {
                let low = random.below(a.width() as usize) as u32;
                a.slice(low, 1 + random.below((a.width() - low) as usize) as u32)
            }
            22 => concat(&[short_a, short_b]),
            23 => a.wrapping_add(b),
            24 => a.wrapping_sub(b),
            25 => a.saturate(random.ty()),
            26 => select(unsigned(shorter(b, 3)), &[a, adapt(b, a.ty()), self.of_type(random, a.ty())]),
            _ => {
                let ty = random.ty();
                self.m.constant(ty, ty.value_of(random.value(ty)) as i64)
            }
        }
    }

    fn memory(&mut self, random: &mut SplitMix64, name: &str) {
        let (depth, lanes, ty) = (2 << random.below(6), 1 + random.below(5), random.ty());
        let mut memory = self.m.memory(name, depth, lanes, ty);
        if random.one_in(3) {
            memory = memory.style(MemoryStyle::Block);
        }
        let writes = random.below(3);
        if writes == 0 || random.one_in(3) {
            let contents: Vec<i64> = (0..depth * lanes).map(|_| ty.value_of(random.value(ty)) as i64).collect();
            memory = memory.init(&contents);
        }
        let address_ty = u(depth.trailing_zeros());
        for _ in 0..1 + random.below(2) {
            let address = self.of_type(random, address_ty);
            let read = if random.one_in(3) {
                memory.read_asynchronous(address)
            } else {
                memory.read(address, self.bit(random))
            };
            self.signals.extend(read);
        }
        for _ in 0..writes {
            let address = self.of_type(random, address_ty);
            let enable = self.bit(random);
            let data: Vec<Signal> = (0..lanes).map(|_| self.of_type(random, ty)).collect();
            if random.one_in(2) {
                let lane_enables: Vec<Signal> = (0..lanes).map(|_| self.bit(random)).collect();
                memory.write_lanes(address, enable, &lane_enables, &data);
            } else {
                memory.write(address, enable, &data);
            }
        }
    }

    /// Places a body once, a few times, in a row or in a grid, with inputs from neighbours, from all
    /// over, or from one source.
    fn instances(&mut self, random: &mut SplitMix64, part: &Arc<Module>, name: &str) {
        let (mut rows, mut columns) = match random.below(6) {
            0 => (1, 1),
            1 => (1, 1 + random.below(5)),
            2 => (1, 4 + random.below(30)),
            3 => (2 + random.below(6), 2 + random.below(6)),
            4 => (3 + random.below(14), 16),
            _ => (1 + random.below(3), 8),
        };
        while rows * columns > 1 && rows * columns * values_in(part) > VALUES_MAX {
            (rows, columns) = (rows.div_ceil(2), if rows == 1 { columns.div_ceil(2) } else { columns });
        }
        // Outputs that no input reaches within the cycle may be used before the inputs are connected.
        let state_outputs: Vec<usize> =
            (0..part.outputs.len()).filter(|&output| part.combinational_inputs[output].is_empty()).collect();
        let instances: Vec<_> = (0..rows * columns)
            .map(|index| self.m.instance(&format!("{name}_{}_{}", index / columns, index % columns), part))
            .collect();
        let forward = random.one_in(2);
        let sources: Vec<Source> = part.inputs.iter().map(|_| Source::pick(random, self, &state_outputs)).collect();
        for turn in 0..instances.len() {
            let index = if forward { turn } else { instances.len() - 1 - turn };
            for (port, source) in part.inputs.iter().zip(&sources) {
                let output = |index: usize, output: usize| instances[index].output(&part.outputs[output].name);
                let border = self.of_type(random, port.ty);
                let driver = match *source {
                    Source::All(signal) => signal,
                    Source::Border(signal) if random.one_in(4) => signal,
                    Source::Any | Source::Border(_) => border,
                    Source::Left(from) if index % columns > 0 => output(index - 1, from),
                    Source::Above(from) if index >= columns => output(index - columns, from),
                    Source::Right(from) if index % columns + 1 < columns => output(index + 1, from),
                    Source::Scattered(from) => output(random.below(instances.len()), from),
                    // Combinational, so only from one that is connected already.
                    Source::Before if forward && index > 0 => output(index - 1, random.below(part.outputs.len())),
                    Source::Before if !forward && index + 1 < instances.len() => {
                        output(index + 1, random.below(part.outputs.len()))
                    }
                    _ => border,
                };
                instances[index].input(&port.name, adapt(driver, port.ty));
            }
        }
        for _ in 0..2 + random.below(6) {
            let (instance, output) = (random.below(instances.len()), random.below(part.outputs.len()));
            self.signals.push(instances[instance].output(&part.outputs[output].name));
        }
        if instances.len() > 1 && random.one_in(2) {
            // All of them joined: a reduction over the lanes.
            let output = &part.outputs[random.below(part.outputs.len())].name;
            let joined = instances.iter().map(|instance| instance.output(output)).reduce(|a, b| a ^ b);
            self.signals.extend(joined);
        }
    }
}

/// Where an input of repeated instances comes from.
enum Source {
    All(Signal),
    Border(Signal),
    Any,
    Left(usize),
    Above(usize),
    Right(usize),
    Scattered(usize),
    Before,
}

impl Source {
    fn pick(random: &mut SplitMix64, pool: &Pool<'_>, state_outputs: &[usize]) -> Source {
        let choice = random.below(9);
        if state_outputs.is_empty() {
            return match choice {
                0..4 => Source::All(pool.any(random)),
                4..6 => Source::Border(pool.any(random)),
                6 => Source::Any,
                _ => Source::Before,
            };
        }
        let output = random.pick(state_outputs);
        match choice {
            0 => Source::All(pool.any(random)),
            1 => Source::Border(pool.any(random)),
            2 => Source::Any,
            3 | 4 => Source::Left(output),
            5 | 6 => Source::Above(output),
            7 if random.one_in(2) => Source::Right(output),
            7 => Source::Scattered(output),
            _ => Source::Before,
        }
    }
}

/// Values in a body and all below it.
fn values_in(module: &Module) -> usize {
    module.nodes.len() + module.instances.iter().map(|instance| values_in(&instance.module)).sum::<usize>()
}

/// At most `width` bits of a signal.
fn shorter(signal: Signal, width: u32) -> Signal {
    if signal.width() > width { signal.truncate(width) } else { signal }
}

fn unsigned(signal: Signal) -> Signal {
    signal.cast_unsigned()
}

/// A signal made to be of a type, keeping what bits fit.
fn adapt(signal: Signal, ty: Ty) -> Signal {
    if ty.contains(signal.ty()) {
        signal.extend(ty)
    } else if signal.width() >= ty.width() {
        signal.truncate(ty.width()).cast(ty)
    } else {
        // A sign that the type does not have.
        unsigned(signal).extend(u(ty.width())).cast(ty)
    }
}
