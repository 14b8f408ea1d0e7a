//! Bytes and halves on a bus of words, little endian.

use myelin_hdl::{Signal, choose, concat, mux, u};

use super::execute::spread;

/// Whether an address, of which these are the low two bits, does not suit the size of an access; the
/// size is that of the instruction's funct3.
pub(super) fn misaligned(offset: Signal, funct3: Signal) -> Signal {
    let [half, word] = [funct3.bit(0), funct3.bit(1)];
    (half & offset.bit(0)) | (word & offset.any())
}

/// The bytes of the word that are accessed.
pub(super) fn byte_enable(offset: Signal, funct3: Signal) -> Signal {
    let [half, word] = [funct3.bit(0), funct3.bit(1)];
    let lanes: Vec<Signal> = (0..4)
        .rev()
        .map(|lane| {
            let same_half = offset.bit(1).eq(lane >> 1);
            word | (same_half & (half | offset.bit(0).eq(lane & 1)))
        })
        .collect();
    concat(&lanes).named("byte_enable")
}

/// What is stored, at every place where the bytes enabled may be.
pub(super) fn to_bus(value: Signal, funct3: Signal) -> Signal {
    let [half, word] = [funct3.bit(0), funct3.bit(1)];
    let low = value.slice(0, 8);
    let second = mux(half | word, value.slice(8, 8), low);
    let third = mux(word, value.slice(16, 8), low);
    let fourth = choose(low).when(word, value.slice(24, 8)).when(half, value.slice(8, 8)).end();
    concat(&[fourth, third, second, low]).named("store_data")
}

/// What was loaded: moved to the low end and extended. The word itself unless `narrows`.
pub(super) fn from_bus(word: Signal, offset: Signal, funct3: Signal, narrows: Signal) -> Signal {
    let upper = offset.bit(1) & narrows & !funct3.bit(1);
    let half = mux(upper, word.slice(16, 16), word.slice(0, 16));
    let byte = mux(offset.bit(0), half.slice(8, 8), half.slice(0, 8));
    let is_word = (funct3.bit(1) | !narrows).named("loads_word");
    let is_byte = (!is_word & !funct3.bit(0)).named("loads_byte");
    let sign = (!funct3.bit(2) & mux(funct3.bit(0), half.bit(15), byte.bit(7))).named("load_sign");
    let low = mux(is_byte, byte, half.slice(0, 8));
    let middle = mux(is_byte, spread(sign, 8), half.slice(8, 8));
    let high = mux(is_word, word.slice(16, 16), spread(sign, 16));
    concat(&[high, middle, low]).extend(u(32)).named("loaded")
}
