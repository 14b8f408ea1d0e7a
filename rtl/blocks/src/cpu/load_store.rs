//! Bytes and halves on a bus of words, little endian.

use myelin_hdl::{ModuleBuilder, Signal, choose, concat, mux, u};

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

/// How a word that was loaded becomes the value: one bit each.
pub(super) struct Narrowing {
    /// From its upper half.
    upper: Signal,
    /// From the upper byte of the half.
    odd: Signal,
    /// All of it.
    is_word: Signal,
    /// A byte.
    is_byte: Signal,
    /// Its sign comes in.
    signed: Signal,
}

/// Of the low two bits of the address and the instruction's funct3. The word itself unless `narrows`.
pub(super) fn narrowing(offset: Signal, funct3: Signal, narrows: Signal) -> Narrowing {
    let is_word = funct3.bit(1) | !narrows;
    Narrowing {
        upper: offset.bit(1) & narrows & !funct3.bit(1),
        odd: offset.bit(0),
        is_word,
        is_byte: !is_word & !funct3.bit(0),
        signed: !funct3.bit(2),
    }
}

impl Narrowing {
    /// The same in the next cycle.
    pub(super) fn delayed(self, m: &ModuleBuilder) -> Narrowing {
        let later = |name: &str, bit: Signal| m.delay(&format!("loads_{name}_q"), bit);
        Narrowing {
            upper: later("upper", self.upper),
            odd: later("odd", self.odd),
            is_word: later("word", self.is_word),
            is_byte: later("byte", self.is_byte),
            signed: later("signed", self.signed),
        }
    }

    /// Whether the two make the same of a word.
    pub(super) fn agrees(&self, other: &Narrowing) -> Signal {
        let sizes = self.is_word.eq(other.is_word) & self.is_byte.eq(other.is_byte);
        let odd = self.odd.eq(other.odd) | !self.is_byte;
        sizes & odd & self.upper.eq(other.upper) & self.signed.eq(other.signed)
    }

    /// What was loaded: moved to the low end and extended.
    pub(super) fn value_of(&self, word: Signal) -> Signal {
        let half = mux(self.upper, word.slice(16, 16), word.slice(0, 16));
        let byte = mux(self.odd, half.slice(8, 8), half.slice(0, 8));
        let sign = (self.signed & mux(self.is_byte, byte.bit(7), half.bit(15))).named("load_sign");
        let low = mux(self.is_byte, byte, half.slice(0, 8));
        let middle = mux(self.is_byte, spread(sign, 8), half.slice(8, 8));
        let high = mux(self.is_word, word.slice(16, 16), spread(sign, 16));
        concat(&[high, middle, low]).extend(u(32)).named("loaded")
    }
}
