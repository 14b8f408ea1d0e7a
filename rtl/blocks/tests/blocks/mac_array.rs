//! The MAC array against its definition in plain loops.

use myelin_isa::stick::mac;
use myelin_rtl::board::mac_array::{LATENCY, WEIGHT_CYCLES, mac_array};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::bench::{Bench, chance, random, symmetric};

const BYTES: usize = 1 << 17;

/// A run's parameters.
#[derive(Clone, Debug)]
struct Run {
    first: bool,
    weights: u32,
    row_address: u32,
    row_step: u32,
    origin: [i16; 2],
    steps: [i16; 2],
    limits: [u16; 2],
    columns: u32,
    rows: u32,
    lanes: u32,
    accumulator: u32,
}

impl Run {
    fn random(random: &mut ChaCha8Rng) -> Run {
        let columns = random.random_range(1..=20u32);
        let rows = random.random_range(1..=256 / columns).min(12);
        let mut near = |low: i16, high: i16| random.random_range(low..=high);
        let (origin, steps) = ([near(-6, 6), near(-3, 3)], [near(-2, 9), near(-1, 2)]);
        Run {
            first: chance(random, 60),
            weights: random.random_range(0..BYTES as u32),
            row_address: random.random_range(0..BYTES as u32),
            row_step: random.random_range(0..BYTES as u32),
            origin,
            steps,
            limits: [random.random_range(1..120), random.random_range(1..12)],
            columns,
            rows,
            lanes: random.random_range(1..=20),
            accumulator: random.random_range(0..256),
        }
    }

    fn chunks(&self) -> u32 {
        self.lanes.div_ceil(4)
    }

    fn pixels(&self) -> u32 {
        self.columns * self.rows
    }

    /// What it does, as the register map has it.
    fn golden(&self, memory: &[u8], accumulators: &mut [[i32; 4]]) {
        let byte = |address: i64| i32::from(memory[address.rem_euclid(BYTES as i64) as usize] as i8);
        for chunk in 0..i64::from(self.chunks()) {
            for row in 0..i64::from(self.rows) {
                for column in 0..i64::from(self.columns) {
                    let x = i64::from(self.origin[0]) + 4 * chunk + column * i64::from(self.steps[0]);
                    let y = i64::from(self.origin[1]) + row * i64::from(self.steps[1]);
                    let base = i64::from(self.row_address) + row * i64::from(self.row_step);
                    let index = (i64::from(self.accumulator) + row * i64::from(self.columns) + column) as usize % 256;
                    for c in 0..4 {
                        let sum: i32 = (0..4)
                            .filter(|i| (0..i64::from(self.limits[0])).contains(&(x + i)))
                            .filter(|_| (0..i64::from(self.limits[1])).contains(&y))
                            .filter(|i| 4 * chunk + i < i64::from(self.lanes))
                            .map(|i| byte(base + x + i) * byte(i64::from(self.weights) + 16 * chunk + 4 * i + c))
                            .sum();
                        let value = &mut accumulators[index][c as usize];
                        *value = if self.first && chunk == 0 { sum } else { value.wrapping_add(sum) };
                    }
                }
            }
        }
    }
}

struct Array {
    bench: Bench,
    cycles: u64,
}

impl Array {
    fn new() -> Array {
        let mut bench = Bench::new(&mac_array());
        bench.set("bus_valid_i", 0);
        bench.set("memory_valid_i", 0);
        Array { bench, cycles: 0 }
    }

    fn access(&mut self, end: &str, address: u32, write: Option<(u32, u32)>) -> u32 {
        let (data, enables) = write.unwrap_or((0, 0));
        self.bench.set(&format!("{end}_valid_i"), 1);
        self.bench.set(&format!("{end}_write_i"), i64::from(write.is_some()));
        self.bench.set(&format!("{end}_address_i"), address);
        self.bench.set(&format!("{end}_data_i"), data);
        self.bench.set(&format!("{end}_enables_i"), enables);
        while self.bench.get(&format!("{end}_ready_o")) == 0 {
            self.step();
        }
        let word = self.bench.get(&format!("{end}_data_o")) as u32;
        self.step();
        self.bench.set(&format!("{end}_valid_i"), 0);
        word
    }

    fn step(&mut self) {
        self.bench.step();
        self.cycles += 1;
    }

    fn write(&mut self, register: u32, value: u32) {
        self.access("bus", register, Some((value, 15)));
    }

    fn read(&mut self, register: u32) -> u32 {
        self.access("bus", register, None)
    }

    /// Sets up and starts; cycles from the start to idle.
    fn run(&mut self, run: &Run) -> u64 {
        let pair = |[low, high]: [i16; 2]| u32::from(low as u16) | u32::from(high as u16) << 16;
        self.write(mac::WEIGHTS, run.weights);
        self.write(mac::ROW_ADDRESS, run.row_address);
        self.write(mac::ROW_STEP, run.row_step);
        self.write(mac::ORIGIN, pair(run.origin));
        self.write(mac::STEPS, pair(run.steps));
        self.write(mac::LIMITS, u32::from(run.limits[0]) | u32::from(run.limits[1]) << 16);
        self.write(mac::PIXELS, run.columns | run.rows << 16);
        self.write(mac::REDUCTION, run.lanes);
        self.write(mac::ACCUMULATOR, run.accumulator);
        self.write(mac::START, u32::from(run.first));
        let begun = self.cycles;
        while self.bench.get("idle_o") == 0 {
            self.step();
        }
        self.cycles - begun
    }
}

#[test]
fn runs_compute_what_the_map_says_at_sixteen_products_a_cycle() {
    let (mut array, mut random) = (Array::new(), random(11));
    // Legal operands: no -128.
    let memory: Vec<u8> = (0..BYTES).map(|_| symmetric(&mut random, 8) as u8).collect();
    for (word, bytes) in (0..).zip(memory.chunks(4)) {
        array.access("memory", 4 * word, Some((u32::from_le_bytes(bytes.try_into().unwrap()), 15)));
    }
    let mut accumulators = vec![[0i32; 4]; 256];
    let clear = Run { first: true, lanes: 1, limits: [0, 0], columns: 256, rows: 1, ..Run::random(&mut random) };
    array.run(&clear);
    for number in 0..60 {
        let run = Run::random(&mut random);
        let cycles = array.run(&run);
        run.golden(&memory, &mut accumulators);
        let expected = run.chunks() * (WEIGHT_CYCLES + run.pixels());
        assert!(cycles <= u64::from(expected) + LATENCY as u64, "{run:?}: {cycles} cycles, not {expected}");
        for (index, expected) in accumulators.iter().enumerate().filter(|_| number % 7 == 0 || chance(&mut random, 10))
        {
            for (column, &value) in expected.iter().enumerate() {
                let at = mac::ACCUMULATORS + 16 * index as u32 + 4 * column as u32;
                assert_eq!(array.read(at) as i32, value, "run {number}: {run:?} accumulator {index} column {column}");
            }
        }
    }
    assert_eq!(array.read(mac::STATUS), 0);
    assert_eq!(array.read(mac::ID), mac::ID_VALUE);
}

#[test]
fn a_sum_beyond_32_bits_is_said() {
    let mut array = Array::new();
    for word in 0..8 {
        array.access("memory", 4 * word, Some((0x7f7f_7f7f, 15)));
    }
    let run = Run {
        first: true,
        weights: 0,
        row_address: 0,
        row_step: 0,
        origin: [0, 0],
        steps: [0, 0],
        limits: [0x7fff, 1],
        columns: 1,
        rows: 1,
        lanes: 4,
        accumulator: 0,
    };
    array.run(&run);
    assert_eq!(array.read(mac::STATUS), 0);
    assert_eq!(array.read(mac::ACCUMULATORS), 4 * 127 * 127);
    let state = array.bench.sim.memory("mac_array.accumulators_0_0").unwrap();
    array.bench.sim.memory_write(state, 0, 0, 0x7fff_ff00);
    array.run(&Run { first: false, ..run });
    assert_eq!(array.read(mac::STATUS), mac::STATUS_OVERFLOW);
    array.write(mac::STATUS, mac::STATUS_OVERFLOW);
    assert_eq!(array.read(mac::STATUS), 0);
}

#[test]
fn the_memory_holds_bytes_and_waits_for_a_run() {
    let (mut array, mut random) = (Array::new(), random(12));
    let mut memory = [0u8; 64];
    for word in 0..16 {
        array.access("memory", 0x1ffc0 + 4 * word, Some((0, 15)));
    }
    for _ in 0..500 {
        let offset = random.random_range(0..64u32);
        let at = offset as usize & !3;
        if chance(&mut random, 50) {
            let (data, enables) = (random.random::<u32>(), random.random_range(1..16u32));
            array.access("memory", 0x1ffc0 + offset, Some((data, enables)));
            for byte in (0..4).filter(|byte| enables >> byte & 1 == 1) {
                memory[at + byte] = data.to_le_bytes()[byte];
            }
        } else {
            let word = array.access("memory", 0x1ffc0 + offset, None);
            assert_eq!(word.to_le_bytes(), memory[at..at + 4]);
        }
    }
}
