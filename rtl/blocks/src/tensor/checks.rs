//! Which instructions are refused before a unit gets them: what can be seen in their words alone.
//!
//! What only their walk shows (an address that leaves its memory on the way) the units find.

use myelin_hdl::{Signal, tree_reduce};
use myelin_isa::{
    Architecture, Unit, WeightTarget, array_descriptor, encoding, opcode, post_descriptor, transfer_descriptor,
};

use super::descriptor::Offered;
use super::load_unit::lanes_inside;

/// What is wrong with an instruction; at most one is meant to be looked at, the first.
pub struct Refused {
    /// An operand that is not legal: a count of 0, lanes that do not exist, a descriptor that does not exist.
    pub operand: Signal,
    /// An address beyond its memory, or not a multiple of the beat.
    pub address: Signal,
}

fn any(signals: &[Signal]) -> Signal {
    tree_reduce(signals, |a, b| a | b)
}

/// Looks at the words of an instruction.
pub fn refused(architecture: &Architecture, current: &Offered) -> Refused {
    let is = |code: u32| current.is(code);
    let [_, a, b, c] = current.words[..] else { unreachable!("four words") };
    let transfer = is(opcode::LOAD) | is(opcode::LOADW) | is(opcode::STORE);
    let post = is(opcode::DRAIN) | is(opcode::ELTW) | is(opcode::POOL);
    let lane_count = current.field(0, encoding::LANE_COUNT);
    let no_lanes = !lane_count.any() | lane_count.gt(i64::from(architecture.columns()));
    let operand = any(&[
        transfer & !c.any(),
        post & no_lanes,
        is(opcode::CONFIG) & configuration(architecture, current, [a, b, c]),
    ]);

    let beyond = |word: Signal, size: u32| word.ge(i64::from(size));
    let target = current.field(0, encoding::TARGET);
    let to = |wanted: WeightTarget| is(opcode::LOADW) & target.eq(wanted as i64);
    let weight_base = current.field(3, encoding::WEIGHT_BASE);
    let bias_word = current.field(3, encoding::BIAS_WORD);
    let address = any(&[
        (is(opcode::LOAD) | is(opcode::STORE)) & !lanes_inside(architecture, b),
        to(WeightTarget::Weights) & beyond(b, architecture.weight_words()),
        to(WeightTarget::Biases) & beyond(b, architecture.bias_words()),
        to(WeightTarget::Instructions) & beyond(b, architecture.instruction_depth()),
        to(WeightTarget::Table) & beyond(b, architecture.table_entries()),
        is(opcode::CONV) & beyond(weight_base, architecture.weight_words()),
        is(opcode::DRAIN) & beyond(bias_word, architecture.bias_words()),
    ]);
    Refused { operand: operand.named("illegal_operand"), address: address.named("illegal_address") }
}

/// The CONFIG of the post unit whose second word is REQUANTISE.
const REQUANTISE_GROUP: u8 = post_descriptor::REQUANTISE / 3 * 3;
const _: () = assert!(post_descriptor::REQUANTISE % 3 == 1);

/// Whether a CONFIG is of registers that do not exist, sets a count to 0, or clamps that no lane can keep to.
fn configuration(architecture: &Architecture, current: &Offered, [a, b, _]: [Signal; 3]) -> Signal {
    let index = current.field(0, encoding::CONFIG_INDEX);
    let unit = current.field(0, encoding::CONFIG_UNIT);
    let of = |wanted: Unit| unit.eq(wanted as i64);
    let is_group = |count: u8| {
        let groups: Vec<Signal> = (0..count / 3).map(|group| index.eq(i64::from(3 * group))).collect();
        any(&groups)
    };
    let zero = |word: Signal, parts: &[(u32, u32)]| {
        let zeros: Vec<Signal> = parts.iter().map(|&(low, width)| !word.slice(low, width).any()).collect();
        any(&zeros)
    };
    let bits = architecture.precision().bits();
    let clamp = |low: u32| b.slice(low, 8).cast_signed();
    let (low, high) = (clamp(8), clamp(16));
    let wide = |clamp: Signal| clamp.ne(clamp.truncate(bits));
    let bad_clamps = index.eq(i64::from(REQUANTISE_GROUP)) & any(&[low.gt(high), wide(low), wide(high)]);
    let counts = index.eq(0);
    let array_counts = zero(a, &[(0, 16), (16, 16)]) | zero(b, &[(0, 16), (16, 8), (24, 8)]);
    let post_counts = zero(a, &[(0, 8), (8, 8), (16, 16)]) | zero(b, &[(0, 16), (16, 16)]);
    any(&[
        of(Unit::Array) & (!is_group(array_descriptor::COUNT) | counts & array_counts),
        of(Unit::Post) & (!is_group(post_descriptor::COUNT) | counts & post_counts | bad_clamps),
        (of(Unit::Load) | of(Unit::Store)) & !is_group(transfer_descriptor::COUNT),
    ])
}

const _: () = assert!(array_descriptor::PIXELS == 0 && array_descriptor::KERNEL == 1);
const _: () = assert!(post_descriptor::WINDOW == 0 && post_descriptor::PIXELS == 1);
