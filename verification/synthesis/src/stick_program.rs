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
    let [from, to, end, mac_base, value]: [Register; 5] = [2, 3, 4, 5, 6];
    let mut code = Vec::new();
    begin(&mut code, divisor);
    // Map and weights into the large memory.
    code.extend(li(from, DATA));
    code.extend(li(to, memory::SPRAM));
    code.extend(li(end, DATA + data.len() as u32));
    code.push(load(LW, value, from, 0));
    code.push(store(SW, value, to, 0));
    code.push(addi(from, from, 4));
    code.push(addi(to, to, 4));
    code.push(branch(BNE, from, end, -16));

    code.extend(li(mac_base, memory::MAC));
    for kernel_row in 0..3 {
        for (register, word) in run(layer, kernel_row) {
            code.extend(li(value, word));
            code.push(store(SW, value, mac_base, register as i32));
        }
        code.push(load(LW, value, mac_base, mac::STATUS as i32));
        code.push(branch(BNE, value, 0, -4));
    }

    let sums = 16 * (layer.size[0] * layer.size[1]) as u32;
    code.extend(li(from, memory::MAC + mac::ACCUMULATORS));
    code.extend(li(end, memory::MAC + mac::ACCUMULATORS + sums));
    let next_sum = code.len();
    code.push(load(LW, value, from, 0));
    send(&mut code, value);
    code.push(addi(from, from, 4));
    let back = (next_sum as i32 - code.len() as i32) * 4;
    code.push(branch(BNE, from, end, back));
    code.push(jal(0, 0));
    assert!(4 * code.len() <= DATA as usize, "invariant: the program ends before its data");

    let mut contents: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
    contents.resize(DATA as usize, 0);
    contents.extend(data);
    contents
}

/// Contents of the boot RAM with which a stick writes words and then reads others and sends them.
pub fn accesses(writes: &[(u32, u32)], reads: &[u32], divisor: u32) -> Vec<u8> {
    let [address, value]: [Register; 2] = [2, 6];
    let mut code = Vec::new();
    begin(&mut code, divisor);
    for &(at, word) in writes {
        code.extend(li(address, at));
        code.extend(li(value, word));
        code.push(store(SW, value, address, 0));
    }
    for &at in reads {
        code.extend(li(address, at));
        code.push(load(LW, value, address, 0));
        send(&mut code, value);
    }
    code.push(jal(0, 0));
    code.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Where the serial port's base is kept.
const SERIAL_BASE: Register = 1;

/// Sets the line rate.
fn begin(code: &mut Vec<u32>, divisor: u32) {
    let value: Register = 6;
    code.extend(li(SERIAL_BASE, memory::SERIAL));
    code.extend(li(value, divisor));
    code.push(store(SW, value, SERIAL_BASE, serial::DIVISOR as i32));
}

/// Sends the four bytes of a register, which is 0 then.
fn send(code: &mut Vec<u32>, value: Register) {
    let [left, status]: [Register; 2] = [7, 8];
    code.push(addi(left, 0, 4));
    let next_byte = code.len();
    code.push(load(LW, status, SERIAL_BASE, serial::STATUS as i32));
    code.push(immediate(ANDI, status, serial::STATUS_TX_READY));
    code.push(branch(BEQ, status, 0, -8));
    code.push(store(SW, value, SERIAL_BASE, serial::DATA as i32));
    code.push(immediate(SRLI, value, 8));
    code.push(addi(left, left, -1));
    let back = (next_byte as i32 - code.len() as i32) * 4;
    code.push(branch(BNE, left, 0, back));
}

/// Functions of instructions.
const LW: u32 = 2;
const SW: u32 = 2;
const BEQ: u32 = 0;
const BNE: u32 = 1;
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
