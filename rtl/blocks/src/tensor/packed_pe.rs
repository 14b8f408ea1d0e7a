//! Processing element of several columns (and, in pairs of arrays, two pixels) with one multiplier.
//!
//! ```text
//!                 weight_k_i    partial_sum..._i
//!                     |               |
//!                +----v---------------v----+
//!  activation  ->| shadows  word  product  |-> activation   after as many cycles
//!  load_i      ->|    v       v   v        |-> load_o       as there are columns
//!  swap_i      ->| weights --> x --> sums  |-> swap_o
//!                +----+---------------+----+
//!                     v               v
//!                 weight_k_o    partial_sum..._o
//! ```
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `activation_<p>` | `bits`, signed | activation of pixel p, recoded; passes right after `columns` cycles |
//! | `load`, `swap` | 1 | as in the plain PE; pass right after `columns` cycles |
//! | `weight_<k>` | `bits`, signed | weight of column k, recoded; passes down after 1 cycle |
//! | `partial_sum` | [`packed_ty`] | [`Sums::Packed`]: the packed sums of the rows above; pass down |
//! | `partial_sum_<p>_<k>` | sum type | [`Sums::Unpacked`]: sum of pixel p in column k; passes down |
//!
//! **Timing.** That of the plain PE ([`super::pe`]), [`LATENCY`] included: product after 1 cycle, sums
//! after 2. All columns get an activation in the same cycle; the plain columns get it one after the
//! other. The array makes up for it below the last row, so activations wait `columns` cycles here.
//!
//! **Numbers.** [`super::packing`] has the argument. For symmetric operands each sum leaving is the
//! sum that entered plus the exact product of its activation and its weight; packed sums likewise,
//! modulo the width of [`packed_ty`], which holds sums over all rows. A product that is spoiled
//! by a value outside the contract spoils no later one.
//!
//! **DSP blocks.** `product_q <= activation x word` is the multiplier with its output register;
//! packed, `partial_sum_q <= partial_sum_i + product_q` is the block's adder and cascade, without any
//! logic outside. Unpacked, sums are added in logic, with the carry of [`fields`] as carry in. Canary
//! bits are sums of ANDs, so that synthesis does not spend a multiplier on them.
//!
//! Two 8x8 multipliers in one block are the module [`multiplier_pair`]: Yosys does not find that use
//! of iCE40's block by itself, so a netlist takes [`MULTIPLIER_PAIR_ICE40`] in its place.

use std::sync::Arc;

use myelin_hdl::{Module, ModuleBuilder, Signal, Ty, concat, module, mux, s, u};

use super::packing::{Packing, Sums};
use super::pe;

/// Cycles from an activation to the sums that contain it: the plain PE's.
pub const LATENCY: usize = pe::LATENCY;

/// [`multiplier_pair`] as one iCE40 SB_MAC16, in Verilog: read it in place of the emitted module.
pub const MULTIPLIER_PAIR_ICE40: &str = include_str!("multiplier_pair_ice40.v");

/// What a PE of this kind is built for.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Where products lie.
    pub packing: Packing,
    /// Type of a column's sum.
    pub sum: Ty,
}

/// Type of a packed sum over all rows: the top field holds it in full.
pub fn packed_ty(packing: &Packing) -> Ty {
    let top = packing.fields().last().map_or(0, |field| field.offset);
    // The fields below may lower the top one by one.
    let limit = i128::from(packing.rows()) * i128::from(packing.product_limit()) + 1;
    let width = Ty::of_range(-limit, limit).expect("32 sums of 16-bit products fit").width();
    s(top + width)
}

/// Builds the PE; see [`declare`].
pub fn packed_pe(shape: &Shape) -> Arc<Module> {
    let packing = &shape.packing;
    let name = match packing.pixels() {
        1 => format!("pe_{}", packing.columns()),
        pixels => format!("pe_{pixels}x{}", packing.columns()),
    };
    module(name, |m| {
        m.doc("Processing element: several columns share one multiplier, exactly.");
        if packing.is_side_by_side() {
            declare_side_by_side(m, shape);
        } else {
            declare(m, shape, |activation, word| activation * word);
        }
    })
}

/// What is inside the PE, for a module that watches it. Operands are recoded.
pub struct Inside {
    /// Where its operands come from.
    pub operands: Operands,
    /// The activations' word.
    pub activation_word: Signal,
    /// The weights' word.
    pub weight_word: Signal,
    /// What enters: the packed sum, or pixel by pixel the sum of each column.
    pub above: Vec<Signal>,
    /// What leaves, in the same order.
    pub sums: Vec<Signal>,
}

/// What is multiplied, and the ports and registers it comes from; one for each pixel or column.
pub struct Operands {
    /// The activations.
    pub activations: Vec<Signal>,
    /// The weight buses.
    pub buses: Vec<Signal>,
    /// Takes the buses into the shadow registers.
    pub load: Signal,
    /// Takes what was loaded last, in this cycle too, into the weights.
    pub swap: Signal,
    /// The shadow registers.
    pub shadows: Vec<Signal>,
    /// The weights that this cycle multiplies by.
    pub weights: Vec<Signal>,
}

/// The whole PE, ports included, in the open module `m`: [`packed_pe`] and its proofs share it, which
/// may put something else in place of the multiplier.
pub fn declare(m: &ModuleBuilder, shape: &Shape, multiply: impl FnOnce(Signal, Signal) -> Signal) -> Inside {
    let packing = &shape.packing;
    let operands = operands(m, packing);
    let activation_word = word("activation_word", &operands.activations, packing.activation_offsets());
    let weight_word = word("weight_word", &operands.weights, packing.weight_offsets());
    let product = m.delay("product_q", multiply(activation_word, weight_word));
    let (above, sums) = match packing.sums() {
        Sums::Packed => {
            let packed = packed_ty(packing);
            let above = m.input("partial_sum_i", packed);
            let sum = m.delay("partial_sum_q", (above + product).truncate(packed.width()));
            m.output("partial_sum_o", sum);
            (vec![above], vec![sum])
        }
        Sums::Unpacked => {
            let canaries = canaries(m, packing, &operands);
            let fields = fields(packing, product, packing.product_width(), &canaries);
            add_to_sums(m, shape, &fields)
        }
    };
    Inside { operands, activation_word, weight_word, above, sums }
}

/// Passes operands on and holds the weights.
fn operands(m: &ModuleBuilder, packing: &Packing) -> Operands {
    let operand = s(packing.bits());
    let mut activations = Vec::new();
    for pixel in 0..packing.pixels() {
        let activation = m.input(&format!("activation_{pixel}_i"), operand);
        let passed = m.delay_by(&format!("activation_{pixel}"), activation, packing.columns());
        m.output(&format!("activation_{pixel}_o"), passed);
        activations.push(activation);
    }
    let [load, swap] = ["load", "swap"].map(|name| {
        let control = m.input(&format!("{name}_i"), u(1));
        m.output(&format!("{name}_o"), m.delay_by(name, control, packing.columns()));
        control
    });
    let (mut buses, mut shadows, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for column in 0..packing.columns() {
        let bus = m.input(&format!("weight_{column}_i"), operand);
        let shadow = m.register(&format!("shadow_{column}_q"), operand);
        shadow.next_when(load, bus);
        let weight = m.register(&format!("weight_{column}_q"), operand);
        weight.next_when(swap, mux(load, bus, shadow.q));
        m.output(&format!("weight_{column}_o"), m.delay(&format!("weight_bus_{column}_q"), bus));
        buses.push(bus);
        shadows.push(shadow.q);
        weights.push(weight.q);
    }
    Operands { activations, buses, load, swap, shadows, weights }
}

/// Operands as the array passes them: each lowered by one where the one below it, itself recoded,
/// is negative. The lowest stays as it is.
pub fn recode(operands: &[Signal]) -> Vec<Signal> {
    let mut recoded: Vec<Signal> = Vec::new();
    for &operand in operands {
        recoded.push(match recoded.last() {
            None => operand,
            // Symmetric operands do not wrap.
            Some(below) => operand.wrapping_sub(sign(*below)),
        });
    }
    recoded
}

/// Recoded operands side by side: the sum of each true one times 2^offset.
fn word(name: &str, recoded: &[Signal], offsets: &[u32]) -> Signal {
    let mut word = recoded[0];
    for (&operand, &offset) in recoded[1..].iter().zip(&offsets[1..]) {
        word = concat(&[operand, word.extend(s(offset))]).cast_signed();
    }
    // One operand alone keeps its own name: it is a port.
    if recoded.len() > 1 { word.named(name) } else { word }
}

fn sign(value: Signal) -> Signal {
    value.bit(value.width() - 1)
}

/// For each field, lowest first, the low bits of its product that the field below overlaps, one
/// cycle later; `None` where none does.
fn canaries(m: &ModuleBuilder, packing: &Packing, operands: &Operands) -> Vec<Option<Signal>> {
    let mut canaries = vec![None];
    for (field, overlap) in packing.fields()[1..].iter().zip(packing.overlaps()) {
        let canary = (overlap > 0).then(|| {
            let a = low_bits(&operands.activations, field.pixel, overlap);
            let b = low_bits(&operands.weights, field.column, overlap);
            let low = low_product(a, b).named(&format!("canary_{}", field.offset));
            m.delay(&format!("canary_{}_q", field.offset), low)
        });
        canaries.push(canary);
    }
    canaries
}

/// The low `width` bits of a true operand, from the recoded ones.
fn low_bits(recoded: &[Signal], index: usize, width: u32) -> Signal {
    let low = recoded[index].slice(0, width);
    match index.checked_sub(1) {
        None => low,
        Some(below) if width == 1 => low ^ sign(recoded[below]),
        Some(below) => low.wrapping_add(sign(recoded[below])),
    }
}

/// The product of two unsigned values of one width modulo 2^width, as sums of ANDs.
fn low_product(a: Signal, b: Signal) -> Signal {
    let width = a.width();
    if width == 1 {
        return a & b;
    }
    let none = Signal::constant(u(width), 0);
    let rows = (0..width).map(|bit| {
        let shifted = a.slice(0, width - bit).shift_left(bit);
        mux(b.bit(bit), shifted, none)
    });
    rows.reduce(|sum, row| sum.wrapping_add(row)).expect("at least one bit")
}

/// A field of a packed value: the field's integer is `value + carry`.
#[derive(Clone, Copy, Debug)]
pub struct FieldValue {
    /// Its bits, signed.
    pub value: Signal,
    /// 1 where the fields below have lowered it by one.
    pub carry: Option<Signal>,
}

/// Takes a packed value apart, lowest field first. `width` is that of a field's integer, `canaries`
/// as many as there are fields.
///
/// # Panics
/// If there are fewer canaries than fields.
pub fn fields(packing: &Packing, packed: Signal, width: u32, canaries: &[Option<Signal>]) -> Vec<FieldValue> {
    let fields = packing.fields();
    let mut found: Vec<FieldValue> = Vec::new();
    // What is left above the fields taken, and whether it was lowered by one.
    let (mut rest, mut carry) = (packed, None);
    for (index, field) in fields.iter().enumerate() {
        let Some(next) = fields.get(index + 1) else {
            found.push(FieldValue { value: rest.truncate(width.min(rest.width())), carry });
            break;
        };
        let gap = next.offset - field.offset;
        let low = gap.min(width);
        match canaries[index + 1] {
            None => {
                // Whole in its own bits.
                let value = rest.truncate(low);
                found.push(FieldValue { value, carry });
                // Lowered where its bits, not yet raised by the carry from below, are negative.
                (rest, carry) = (rest.shift_right(gap), Some(sign(value)));
            }
            Some(canary) => {
                // The bits above the gap are the sum of this one's top and that one's low bits.
                let overlap = canary.width();
                let top = if overlap == 1 {
                    rest.slice(gap, 1) ^ canary
                } else {
                    rest.slice(gap, overlap).wrapping_sub(canary)
                };
                let value = concat(&[top, rest.slice(0, gap)]).cast_signed();
                found.push(FieldValue { value, carry });
                let above = rest.shift_right(gap);
                (rest, carry) = match overlap {
                    1 => (above, Some(sign(value))),
                    _ => ((above - value.shift_right(gap)).truncate(above.width()), None),
                };
            }
        }
    }
    found
}

/// One register per sum: what comes from above plus the field, its carry as carry in. What comes
/// from above, and the registers.
fn add_to_sums(m: &ModuleBuilder, shape: &Shape, values: &[FieldValue]) -> (Vec<Signal>, Vec<Signal>) {
    let packing = &shape.packing;
    let mut sums = Vec::new();
    for (field, value) in packing.fields().iter().zip(values) {
        let name = format!("partial_sum_{}_{}", field.pixel, field.column);
        let above = m.input(&format!("{name}_i"), shape.sum);
        let sum = m.delay(&format!("{name}_q"), add(above, *value).truncate(shape.sum.width()));
        m.output(&format!("{name}_o"), sum);
        sums.push((field.pixel * packing.columns() + field.column, above, sum));
    }
    sums.sort_by_key(|&(index, ..)| index);
    sums.into_iter().map(|(_, above, sum)| (above, sum)).unzip()
}

/// `above + value + carry` as one adder: a bit below both, 1 and the carry, makes the carry in.
fn add(above: Signal, field: FieldValue) -> Signal {
    match field.carry {
        None => above + field.value,
        Some(carry) => {
            let one = Signal::constant(u(1), 1);
            let above = concat(&[above, one]).cast_signed();
            (above + concat(&[field.value, carry]).cast_signed()).shift_right(1)
        }
    }
}

/// The sums in a packed sum, one for each column: [`Sums::Packed`] below the last row.
pub fn unpack_sums(shape: &Shape, packed: Signal) -> Vec<Signal> {
    let packing = &shape.packing;
    let none = vec![None; packing.products()];
    let fields = fields(packing, packed, packed.width(), &none);
    let whole = |field: FieldValue| field.carry.map_or(field.value, |carry| field.value + carry);
    let width = |value: Signal| value.truncate(value.width().min(shape.sum.width()));
    fields.into_iter().map(|field| width(whole(field)).extend(shape.sum)).collect()
}

/// Two INT8 products with a register behind each: `product_k_o <= activation_i x weight_k_i`.
///
/// | port | width | meaning |
/// |---|---|---|
/// | `activation_i` | s8 | shared operand |
/// | `weight_0_i`, `weight_1_i` | s8 | the other operands |
/// | `product_0_o`, `product_1_o` | s16 | products, 1 cycle later |
pub fn multiplier_pair() -> Arc<Module> {
    module("multiplier_pair", |m| {
        m.doc("Two 8x8 multipliers of one DSP block that share an operand.");
        let activation = m.input("activation_i", s(8));
        for column in 0..2 {
            let weight = m.input(&format!("weight_{column}_i"), s(8));
            let product = m.delay(&format!("product_{column}_q"), activation * weight);
            m.output(&format!("product_{column}_o"), product);
        }
    })
}

/// As [`declare`], with [`multiplier_pair`] in place of the word's multiplier. Nothing is recoded.
fn declare_side_by_side(m: &ModuleBuilder, shape: &Shape) {
    let operands = operands(m, &shape.packing);
    let pair = m.instance("multipliers", &multiplier_pair());
    pair.input("activation_i", operands.activations[0]);
    let values: Vec<FieldValue> = (operands.weights.iter().enumerate())
        .map(|(column, &weight)| {
            pair.input(&format!("weight_{column}_i"), weight);
            FieldValue { value: pair.output(&format!("product_{column}_o")), carry: None }
        })
        .collect();
    add_to_sums(m, shape, &values);
}
