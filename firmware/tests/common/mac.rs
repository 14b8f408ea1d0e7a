//! The UP5K's MAC array as its register map describes it, in plain loops.

use myelin_firmware::functional::{HardwareArray, Run, Stream, SumOverflow};
use myelin_firmware::{Bus, MacArray};
use myelin_isa::stick::{mac, memory};

/// Bytes of the SPRAM.
pub const SPRAM_BYTES: usize = 1 << 17;

/// Registers, accumulators, and what it reads.
pub struct MacModel {
    pub spram: Vec<u8>,
    registers: [u32; 12],
    accumulators: Vec<[i32; 4]>,
    overflow: bool,
}

impl MacModel {
    pub fn new() -> MacModel {
        // What is there at power-up nobody knows.
        let accumulators = vec![[0x5a5a_5a5a; 4]; mac::ACCUMULATOR_COUNT as usize];
        MacModel { spram: vec![0; SPRAM_BYTES], registers: [0; 12], accumulators, overflow: false }
    }

    pub fn read_register(&self, register: u32) -> u32 {
        match register {
            mac::ID => mac::ID_VALUE,
            mac::STATUS => u32::from(self.overflow) << 1,
            mac::ACCUMULATORS.. => {
                let at = (register - mac::ACCUMULATORS) as usize / 4;
                self.accumulators[at / 4][at % 4].cast_unsigned()
            }
            _ => 0,
        }
    }

    pub fn write_register(&mut self, register: u32, value: u32) {
        match register {
            mac::STATUS => self.overflow &= value & mac::STATUS_OVERFLOW == 0,
            mac::START => self.run(value & mac::START_FIRST != 0),
            _ => self.registers[register as usize / 4] = value,
        }
    }

    /// The map's loops.
    fn run(&mut self, first: bool) {
        let register = |register: u32| i64::from(self.registers[register as usize / 4]);
        let low = |at: u32| i64::from(register(at) as u16);
        let high = |at: u32| register(at) >> 16;
        let signed = |value: i64| i64::from(value as u16 as i16);
        let byte = |address: i64| i64::from(self.spram[address.rem_euclid(SPRAM_BYTES as i64) as usize] as i8);
        let lanes = low(mac::REDUCTION);
        for chunk in 0..(lanes + 3) / 4 {
            for row in 0..high(mac::PIXELS) {
                for column in 0..low(mac::PIXELS) {
                    let x = signed(low(mac::ORIGIN)) + 4 * chunk + column * signed(low(mac::STEPS));
                    let y = signed(high(mac::ORIGIN)) + row * signed(high(mac::STEPS));
                    let base = register(mac::ROW_ADDRESS) + row * i64::from(register(mac::ROW_STEP) as i32);
                    let index = register(mac::ACCUMULATOR) + row * low(mac::PIXELS) + column;
                    let index = index as usize % self.accumulators.len();
                    for c in 0..4 {
                        let counts = |i: &i64| {
                            (0..low(mac::LIMITS)).contains(&(x + i))
                                && (0..high(mac::LIMITS)).contains(&y)
                                && 4 * chunk + i < lanes
                        };
                        let weight = |i: i64| byte(register(mac::WEIGHTS) + 16 * chunk + 4 * i + c);
                        let sum: i64 = (0..4).filter(counts).map(|i| byte(base + x + i) * weight(i)).sum();
                        let value = &mut self.accumulators[index][c as usize];
                        let total = if first && chunk == 0 { sum } else { i64::from(*value) + sum };
                        *value = total as i32;
                        self.overflow |= i64::from(*value) != total;
                    }
                }
            }
        }
    }
}

impl Bus for MacModel {
    fn read(&mut self, address: u32) -> u32 {
        self.read_register(address - memory::MAC)
    }

    fn write(&mut self, address: u32, value: u32) {
        self.write_register(address - memory::MAC, value);
    }

    fn read_bytes(&mut self, _: u32, _: &mut [u8]) {
        unreachable!("the array has registers alone");
    }

    fn write_bytes(&mut self, _: u32, _: &[u8]) {
        unreachable!("the array has registers alone");
    }
}

/// Where the scratchpads lie in the model's memory.
pub const ACTIVATIONS: u32 = memory::DEVICE + 0x100;
pub const WEIGHTS: u32 = memory::DEVICE + 0x9000;

/// The driver on the model, whose memory gets the scratchpads before each run: on a stick they lie there.
pub struct Modelled<'m> {
    pub array: HardwareArray<'m, MacModel>,
    /// Tiles that software had to do.
    pub streams: u64,
}

impl MacArray for Modelled<'_> {
    fn set_weights(&mut self, row: usize, weights: &[i8]) {
        self.array.set_weights(row, weights);
    }

    fn stream(&mut self, stream: &Stream, activations: &[i8]) -> Result<(), SumOverflow> {
        self.streams += 1;
        self.array.stream(stream, activations)
    }

    fn run(&mut self, run: &Run, activations: &[i8], weights: &[i8]) -> Option<Result<(), SumOverflow>> {
        for (at, lanes) in [(ACTIVATIONS, activations), (WEIGHTS, weights)] {
            let at = (at - memory::DEVICE + memory::RAM_BYTES_UP5K) as usize;
            let place = &mut self.array.bus_mut().spram[at..at + lanes.len()];
            place.iter_mut().zip(lanes).for_each(|(byte, &lane)| *byte = lane as u8);
        }
        self.array.run(run, activations, weights)
    }

    fn read(&mut self, index: u32, totals: &mut [i32]) {
        self.array.read(index, totals);
    }
}
