//! Several exact products from one multiplier: where they lie in its result, and why they fit.
//!
//! ```text
//!   activations  a1 . . a0     weights  w2 . . . w1 . . . w0       each at its offset
//!                    \                      /
//!                     +--------  x  -------+
//!                                |
//!   result   a1 w1 . . . a0 w1 . . . a1 w0 . . . a0 w0             each at the sum of its two
//! ```
//!
//! | multiplier | [`MultiplierStyle`] | INT8 | INT6 |
//! |---|---|---|---|
//! | any | `Plain` | 1 | 1 |
//! | 27x18 (DSP48E2) | `Dsp48e2` | 2: weights at 0, 19; 16 rows stay packed | 2: 0, 21; 1091 rows |
//! | 27x18 (DSP48E2) | `Dsp48e2Dense` | as `Dsp48e2` | 3: 0, 10, 21; 1 canary bit |
//! | 25x18 (DSP48E1) | `Dsp48e1` | 2: 0, 17; 4 rows | 2: 0, 19; 272 rows |
//! | 18x19 (Arria 10) | `Mult18x19` | 2: 0, 11; 4 canary bits | 2: 0, 13; 4 rows |
//! | 18x18 (ECP5, Cyclone V) | `Mult18x18` | 2: 0, 10; 5 canary bits | 2: 0, 12; 2 rows |
//! | 16x16 (iCE40) | `Mac16` | 2, as two 8x8 multipliers | 2: 0, 10; 1 canary bit |
//! | 27x18, two pixels | [`Packing::quad`] | - | 4: activations 0, 10, weights 0, 21; 2 canary bits |
//!
//! **Numbers.** Operands are symmetric, `|x| <= L = 2^(bits-1) - 1`; the one value below, -2^(bits-1),
//! is outside the contract and spoils the sums it enters. A product is at most `L^2` and takes
//! `2 bits - 1` bits.
//!
//! - *A word* is the sum of `x_k 2^offset_k`. As bits it is the operands side by side once each is
//!   **recoded**, lowered by one where the one below it is negative; `bits` bits hold that, since
//!   `-L - 1` is the lowest value there is. So weights are recoded once on their way in, and no PE
//!   has an adder for it. The word fits the multiplier's port because `bits + offset` bits do.
//! - *Unpacking* goes from the lowest field up: its low bits are its value, and what is above has
//!   been lowered by one if it is negative, so one is added back.
//! - *Staying packed*: a field holds a sum of n products while `n L^2 < 2^(gap-1)`, where the gap is
//!   the distance to the next field: [`Packing::capacity`]. Packed sums are added as they are, by the
//!   multiplier's own adder, and unpacked once below the last row.
//! - *Canary bits*: where the gap is narrower than a product, the top bits of the lower product
//!   overlap the low bits of the upper one. Those low bits are computed aside (for one bit: an AND)
//!   and subtracted from the overlap. Exact, not approximate: modulo 2^(2 bits - 1) nothing else is there.
//!
//! Why no 2x2 inside one cell: its two activations need one weight, which two pixels of one tile
//! have. But a tile may have an odd number of pixels; its last one alone would keep a multiplier of
//! four columns busy for two cycles, and tiles may follow one another without a gap. So 2x2 serves
//! two arrays side by side that hold the same weights (a group of cells that splits the pixels). No cell is built
//! so, and no `pack=` selects it: cells have weight stores and walks of their own, and two that share an array would
//! have to stall for each other. It is a PE and an array ([`super::packed_array::twin_array`]), proved and synthesised.
//!
//! **Source.** Xilinx WP486 (INT8 at 18 bits); the tighter bounds follow from the symmetric range.
//! Exhausted over all operands in `verification/formal`, the rest of the argument proved there.

use myelin_isa::{MultiplierStyle, Precision};

/// Widths of a multiplier's two signed ports, in bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ports {
    /// That of the activations.
    pub activation: u32,
    /// That of the weights.
    pub weight: u32,
}

impl Ports {
    /// 27x18.
    pub const DSP48E2: Ports = Ports { activation: 18, weight: 27 };
    /// 25x18.
    pub const DSP48E1: Ports = Ports { activation: 18, weight: 25 };
}

/// How a multiplier's result becomes products.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sums {
    /// Sums of whole results run down the column and are unpacked below the last row.
    Packed,
    /// Each PE unpacks its products and adds them to a sum of each column.
    Unpacked,
}

/// Where operands and products lie in words. Legal by construction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packing {
    bits: u32,
    rows: u32,
    ports: Ports,
    activation_offsets: Vec<u32>,
    weight_offsets: Vec<u32>,
    /// Instead of one word: a multiplier of its own for each product.
    side_by_side: bool,
}

/// An illegal packing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PackingError {
    /// Offsets do not begin with 0 or do not ascend by at least `bits`.
    #[error("offsets of {operand} are {offsets:?}, expected 0 and then steps of at least {bits}")]
    Offsets {
        /// Activations or weights.
        operand: &'static str,
        /// The offsets.
        offsets: Vec<u32>,
        /// Bits of an operand.
        bits: u32,
    },
    /// A word is wider than the multiplier's port.
    #[error("word of {operand} is {width} bits, expected at most {port}")]
    Port {
        /// Activations or weights.
        operand: &'static str,
        /// Bits of the word.
        width: u32,
        /// Bits of the port.
        port: u32,
    },
    /// Two products are so close that the canary bits would be as many as an operand has, or those
    /// of three products would meet.
    #[error("products at bits {low} and {high} share {overlap} bits, expected at most {allowed}")]
    Overlap {
        /// Offset of the lower product.
        low: u32,
        /// Offset of the upper product.
        high: u32,
        /// Bits they share.
        overlap: u32,
        /// How many they may.
        allowed: u32,
    },
}

impl Packing {
    /// How a style packs products for an array of `rows` rows; `None` where it does not.
    pub fn of(style: MultiplierStyle, precision: Precision, rows: u32) -> Option<Packing> {
        let (ports, int8, int6): (Ports, &[u32], &[u32]) = match style {
            MultiplierStyle::Plain => return None,
            MultiplierStyle::Dsp48e2 => (Ports::DSP48E2, &[0, 19], &[0, 21]),
            MultiplierStyle::Dsp48e2Dense => (Ports::DSP48E2, &[0, 19], &[0, 10, 21]),
            MultiplierStyle::Dsp48e1 => (Ports::DSP48E1, &[0, 17], &[0, 19]),
            MultiplierStyle::Mult18x19 => (Ports { activation: 18, weight: 19 }, &[0, 11], &[0, 13]),
            MultiplierStyle::Mult18x18 => (Ports { activation: 18, weight: 18 }, &[0, 10], &[0, 12]),
            MultiplierStyle::Mac16 if precision == Precision::Int8 => return Some(Packing::two_8x8(rows)),
            MultiplierStyle::Mac16 => (Ports { activation: 16, weight: 16 }, &[], &[0, 10]),
        };
        let weights = if precision == Precision::Int8 { int8 } else { int6 };
        let packing = Packing::new(precision.bits(), rows, ports, &[0], weights);
        Some(packing.expect("invariant: the table's offsets are legal, as a test shows"))
    }

    /// Operands of `bits` bits at these offsets, sums over `rows` rows.
    ///
    /// # Errors
    /// [`PackingError`] where a word does not fit its port, operands overlap, or products overlap
    /// in as many bits as an operand has.
    pub fn new(
        bits: u32,
        rows: u32,
        ports: Ports,
        activation_offsets: &[u32],
        weight_offsets: &[u32],
    ) -> Result<Packing, PackingError> {
        let operands =
            [("activations", activation_offsets, ports.activation), ("weights", weight_offsets, ports.weight)];
        for (operand, offsets, port) in operands {
            let ascends = offsets.windows(2).all(|pair| pair[0] + bits <= pair[1]);
            if offsets.first() != Some(&0) || !ascends {
                return Err(PackingError::Offsets { operand, offsets: offsets.to_vec(), bits });
            }
            let width = bits + offsets[offsets.len() - 1];
            if width > port {
                return Err(PackingError::Port { operand, width, port });
            }
        }
        let packing = Packing {
            bits,
            rows,
            ports,
            activation_offsets: activation_offsets.to_vec(),
            weight_offsets: weight_offsets.to_vec(),
            side_by_side: false,
        };
        // Neighbours may share fewer bits than an operand has; others none.
        let fields = packing.fields();
        for (distance, allowed) in [(1, bits - 1), (2, 0)] {
            for pair in fields.windows(distance + 1) {
                let (low, high) = (pair[0].offset, pair[distance].offset);
                let overlap = packing.product_width().saturating_sub(high - low);
                if overlap > allowed {
                    return Err(PackingError::Overlap { low, high, overlap, allowed });
                }
            }
        }
        Ok(packing)
    }

    /// Four INT6 products on 27x18: two pixels by two columns.
    pub fn quad(rows: u32) -> Packing {
        Packing::new(Precision::Int6.bits(), rows, Ports::DSP48E2, &[0, 10], &[0, 21])
            .expect("invariant: the offsets are legal, as a test shows")
    }

    /// Two INT8 products in a block that is two multipliers.
    fn two_8x8(rows: u32) -> Packing {
        let ports = Ports { activation: 8, weight: 16 };
        let (bits, side_by_side) = (Precision::Int8.bits(), true);
        Packing { bits, rows, ports, activation_offsets: vec![0], weight_offsets: vec![0, 8], side_by_side }
    }

    /// The same with the first `columns` columns alone, for the last columns of an array.
    pub(super) fn narrowed(&self, columns: usize) -> Packing {
        let weight_offsets = self.weight_offsets[..columns].to_vec();
        Packing { weight_offsets, side_by_side: self.side_by_side && columns == 2, ..self.clone() }
    }

    /// Bits of an operand.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// Rows of the array.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// The multiplier's ports.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// Pixels whose activations share a multiplier.
    pub fn pixels(&self) -> usize {
        self.activation_offsets.len()
    }

    /// Columns whose weights share a multiplier.
    pub fn columns(&self) -> usize {
        self.weight_offsets.len()
    }

    /// Multiply-accumulates per multiplier and cycle.
    pub fn products(&self) -> usize {
        self.pixels() * self.columns()
    }

    /// Whether each product has a multiplier of its own, of half a block.
    pub fn is_side_by_side(&self) -> bool {
        self.side_by_side
    }

    /// Where the activations lie in their word.
    pub fn activation_offsets(&self) -> &[u32] {
        &self.activation_offsets
    }

    /// Where the weights lie in their word.
    pub fn weight_offsets(&self) -> &[u32] {
        &self.weight_offsets
    }

    /// Bits of a product of two operands, its sign included.
    pub fn product_width(&self) -> u32 {
        2 * self.bits - 1
    }

    /// The largest magnitude of a product.
    pub fn product_limit(&self) -> i64 {
        let limit = (1i64 << (self.bits - 1)) - 1;
        limit * limit
    }

    /// The products in the result, lowest first.
    pub fn fields(&self) -> Vec<Field> {
        let mut fields: Vec<Field> = Vec::new();
        for (pixel, activation) in self.activation_offsets.iter().enumerate() {
            for (column, weight) in self.weight_offsets.iter().enumerate() {
                fields.push(Field { pixel, column, offset: activation + weight });
            }
        }
        fields.sort_by_key(|field| field.offset);
        fields
    }

    /// For each two neighbouring products, lowest first: how many bits they share.
    pub fn overlaps(&self) -> Vec<u32> {
        let fields = self.fields();
        fields.windows(2).map(|pair| self.product_width().saturating_sub(pair[1].offset - pair[0].offset)).collect()
    }

    /// How many products a field holds the sum of; `None` if there is one field alone, 0 if not even one.
    pub fn capacity(&self) -> Option<i64> {
        let fields = self.fields();
        let gap = fields.windows(2).map(|pair| pair[1].offset - pair[0].offset).min()?;
        Some(((1i64 << (gap - 1)) - 1) / self.product_limit())
    }

    /// Whether sums over all rows stay packed.
    pub fn sums(&self) -> Sums {
        let fits = self.capacity().is_none_or(|capacity| capacity >= i64::from(self.rows));
        if fits && !self.side_by_side { Sums::Packed } else { Sums::Unpacked }
    }
}

/// A product in the multiplier's result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    /// Whose activation.
    pub pixel: usize,
    /// Whose weight.
    pub column: usize,
    /// Its lowest bit.
    pub offset: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_offsets_are_legal_for_every_style_and_their_capacities_are_those_stated() {
        use MultiplierStyle::*;
        let capacity =
            |style: MultiplierStyle, precision| Packing::of(style, precision, 16).unwrap().capacity().unwrap();
        for (style, int8, int6) in
            [(Dsp48e2, 16, 1091), (Dsp48e1, 4, 272), (Mult18x19, 0, 4), (Mult18x18, 0, 2), (Dsp48e2Dense, 16, 0)]
        {
            assert_eq!(capacity(style, Precision::Int8), int8, "{style}");
            assert_eq!(capacity(style, Precision::Int6), int6, "{style}");
        }
        assert_eq!(capacity(Mac16, Precision::Int6), 0);
        assert!(Packing::of(Plain, Precision::Int8, 16).is_none());
        assert!(Packing::of(Mac16, Precision::Int8, 16).unwrap().is_side_by_side());
    }

    #[test]
    fn overlaps_are_the_canary_bits_of_the_table() {
        use MultiplierStyle::*;
        let overlaps = |style: MultiplierStyle, precision| Packing::of(style, precision, 16).unwrap().overlaps();
        assert_eq!(overlaps(Dsp48e2Dense, Precision::Int6), [1, 0]);
        assert_eq!(overlaps(Mult18x19, Precision::Int8), [4]);
        assert_eq!(overlaps(Mult18x18, Precision::Int8), [5]);
        assert_eq!(overlaps(Mac16, Precision::Int6), [1]);
        assert_eq!(Packing::quad(16).overlaps(), [1, 0, 1]);
        assert_eq!(Packing::quad(16).products(), 4);
    }

    #[test]
    fn sums_stay_packed_exactly_as_long_as_the_rows_fit() {
        let sums = |style: MultiplierStyle, precision, rows| Packing::of(style, precision, rows).unwrap().sums();
        assert_eq!(sums(MultiplierStyle::Dsp48e2, Precision::Int8, 16), Sums::Packed);
        assert_eq!(sums(MultiplierStyle::Dsp48e2, Precision::Int8, 17), Sums::Unpacked);
        assert_eq!(sums(MultiplierStyle::Dsp48e2, Precision::Int6, 32), Sums::Packed);
        assert_eq!(sums(MultiplierStyle::Mult18x19, Precision::Int6, 5), Sums::Unpacked);
    }

    #[test]
    fn a_packing_that_does_not_fit_is_refused_with_what_was_expected() {
        let wide = Packing::new(8, 16, Ports::DSP48E2, &[0], &[0, 20]).unwrap_err();
        assert_eq!(wide, PackingError::Port { operand: "weights", width: 28, port: 27 });
        let close = Packing::new(8, 16, Ports::DSP48E2, &[0], &[0, 7]).unwrap_err();
        assert_eq!(close, PackingError::Offsets { operand: "weights", offsets: vec![0, 7], bits: 8 });
        let crossing = Packing::new(6, 16, Ports::DSP48E2, &[0, 10], &[0, 12]).unwrap_err();
        assert_eq!(crossing, PackingError::Overlap { low: 10, high: 12, overlap: 9, allowed: 5 });
    }
}
