//! A small layer, and the program with which a stick computes it by itself: no host, no flash.

use myelin_isa::stick::{mac, memory, serial};
use myelin_riscv::encode::{self, Register, addi, branch, jal, li, load, store};

/// Where the layer's bytes lie in the boot RAM, behind the program.
const DATA: u32 = 0x400;
/// Bytes that the layer may have.
const DATA_BYTES: usize = 0xc00;

/// A convolution of a map `[row][column][channel]`, four output channels, stride 1, padded by one on each side.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Rows and columns of the map.
    pub size: [usize; 2],
    /// Its channels.
    pub channels: usize,
    /// The map.
    pub map: Vec<i8>,
    /// Weights `[kernel row][kernel column][channel][output channel]` of a 3x3 kernel.
    pub weights: Vec<i8>,
}

impl Layer {
    /// A layer with values from a function of their number.
    pub fn new(size: [usize; 2], channels: usize, value: impl Fn(usize) -> i8) -> Layer {
        let map = (0..size[0] * size[1] * channels).map(&value).collect();
        let weights = (0..9 * channels * 4).map(|index| value(index + 1000)).collect();
        Layer { size, channels, map, weights }
    }

    /// Its sums, `[row][column][output channel]`, in plain loops.
    pub fn sums(&self) -> Vec<i32> {
        let [rows, columns] = self.size.map(|size| size as i64);
        let mut sums = Vec::new();
        for row in 0..rows {
            for column in 0..columns {
                for output in 0..4 {
                    let mut sum = 0;
                    for (tap, (y, x)) in (0..9).map(|tap| (tap, (row + tap / 3 - 1, column + tap % 3 - 1))) {
                        if (0..rows).contains(&y) && (0..columns).contains(&x) {
                            for channel in 0..self.channels {
                                let value = self.map[(y * columns + x) as usize * self.channels + channel];
                                let weight = self.weights[(tap as usize * self.channels + channel) * 4 + output];
                                sum += i32::from(value) * i32::from(weight);
                            }
                        }
                    }
                    sums.push(sum);
                }
            }
        }
        sums
    }

    /// Lanes of a kernel row's weights in memory: whole chunks of four.
    fn run_lanes(&self) -> usize {
        (3 * self.channels).next_multiple_of(4)
    }

    /// Map and weights as the MAC array reads them.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.map.iter().map(|&value| value as u8).collect();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        for weights in self.weights.chunks(12 * self.channels) {
            bytes.extend(weights.iter().map(|&value| value as u8));
            bytes.resize(bytes.len() + 4 * (self.run_lanes() - 3 * self.channels), 0);
        }
        bytes
    }
}

/// Contents of the boot RAM with which a stick computes the layer on its MAC array and sends the sums over its UART, four
/// bytes each, lowest first. `divisor` is the UART's.
///
/// # Panics
/// If the layer has more than 3 KiB or more than 256 pixels.
pub fn program(layer: &Layer, divisor: u32) -> Vec<u8> {
    let data = layer.bytes();
    assert!(data.len() <= DATA_BYTES && layer.size[0] * layer.size[1] <= 256, "the layer is too large");
    let [serial_base, from, to, end, mac_base, value, left, status]: [Register; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
    let (lw, sw, beq, bne) = (2, 2, 0, 1);
    let mut code = Vec::new();
    code.extend(li(serial_base, memory::SERIAL));
    code.extend(li(value, divisor));
    code.push(store(sw, value, serial_base, serial::DIVISOR as i32));
    // Map and weights into the large memory.
    code.extend(li(from, DATA));
    code.extend(li(to, memory::SPRAM));
    code.extend(li(end, DATA + data.len() as u32));
    code.push(load(lw, value, from, 0));
    code.push(store(sw, value, to, 0));
    code.push(addi(from, from, 4));
    code.push(addi(to, to, 4));
    code.push(branch(bne, from, end, -16));

    code.extend(li(mac_base, memory::MAC));
    for kernel_row in 0..3 {
        for (register, word) in run(layer, kernel_row) {
            code.extend(li(value, word));
            code.push(store(sw, value, mac_base, register as i32));
        }
        code.push(load(lw, value, mac_base, mac::STATUS as i32));
        code.push(branch(bne, value, 0, -4));
    }

    let sums = 16 * (layer.size[0] * layer.size[1]) as u32;
    code.extend(li(from, memory::MAC + mac::ACCUMULATORS));
    code.extend(li(end, memory::MAC + mac::ACCUMULATORS + sums));
    let next_sum = code.len();
    code.push(load(lw, value, from, 0));
    code.push(addi(left, 0, 4));
    let next_byte = code.len();
    code.push(load(lw, status, serial_base, serial::STATUS as i32));
    code.push(immediate(ANDI, status, serial::STATUS_TX_READY));
    code.push(branch(beq, status, 0, -8));
    code.push(store(sw, value, serial_base, serial::DATA as i32));
    code.push(immediate(SRLI, value, 8));
    code.push(addi(left, left, -1));
    let back = |to: usize, from: usize| (to as i32 - from as i32) * 4;
    code.push(branch(bne, left, 0, back(next_byte, code.len())));
    code.push(addi(from, from, 4));
    code.push(branch(bne, from, end, back(next_sum, code.len())));
    code.push(jal(0, 0));
    assert!(4 * code.len() <= DATA as usize, "invariant: the program ends before its data");

    let mut contents: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
    contents.resize(DATA as usize, 0);
    contents.extend(data);
    contents
}

/// ANDI's and SRLI's function.
const ANDI: u32 = 7;
const SRLI: u32 = 5;

/// An operation on one register with a constant.
fn immediate(function: u32, register: Register, constant: u32) -> u32 {
    encode::i(0x13, function, register, register, constant as i32)
}

/// Registers of the MAC array for one row of the kernel: its taps and channels are one stretch of lanes.
fn run(layer: &Layer, kernel_row: u32) -> [(u32, u32); 10] {
    let [rows, columns] = layer.size.map(|size| size as u32);
    let channels = layer.channels as u32;
    let pitch = columns * channels;
    let weights = (layer.map.len() as u32).next_multiple_of(4) + kernel_row * 4 * layer.run_lanes() as u32;
    let y = kernel_row as i32 - 1;
    let address = (y * pitch as i32) as u32 & 0x1_ffff;
    let origin = (-(channels as i32)) as u32 & 0xffff | (y as u32) << 16;
    [
        (mac::WEIGHTS, weights),
        (mac::ROW_ADDRESS, address),
        (mac::ROW_STEP, pitch),
        (mac::ORIGIN, origin),
        (mac::STEPS, channels | 1 << 16),
        (mac::LIMITS, pitch | rows << 16),
        (mac::PIXELS, columns | rows << 16),
        (mac::REDUCTION, 3 * channels),
        (mac::ACCUMULATOR, 0),
        (mac::START, if kernel_row == 0 { mac::START_FIRST } else { 0 }),
    ]
}
