//! One random operation on values that are there already.

use myelin_hdl::{Signal, Ty, choose, concat, mux, s, select, tree_reduce, u};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::convert::{condition, convert, narrowed, random_ty, random_value};

/// Values to compute with; recent ones are drawn more often, so that paths become deep.
pub(super) struct Pool {
    pub(super) values: Vec<Signal>,
}

impl Pool {
    pub(super) fn draw(&self, random: &mut ChaCha8Rng) -> Signal {
        let count = self.values.len();
        let index = if random.random_bool(0.5) {
            random.random_range(0..count)
        } else {
            count - 1 - random.random_range(0..count.min(8))
        };
        self.values[index]
    }

    /// A value of at most `widest` bits: a wider one loses its top.
    pub(super) fn draw_within(&self, random: &mut ChaCha8Rng, widest: u32) -> Signal {
        let value = self.draw(random);
        if value.width() > widest { value.truncate(widest) } else { value }
    }

    pub(super) fn draw_as(&self, random: &mut ChaCha8Rng, ty: Ty) -> Signal {
        let value = self.draw(random);
        convert(random, value, ty)
    }

    pub(super) fn condition(&self, random: &mut ChaCha8Rng) -> Signal {
        let value = self.draw(random);
        condition(random, value)
    }
}

/// Computes a new value.
pub(super) fn random_operation(random: &mut ChaCha8Rng, pool: &Pool) -> Signal {
    match random.random_range(0..20) {
        0..4 => arithmetic(random, pool),
        4..7 => comparison(random, pool),
        7..9 => bitwise(random, pool),
        9..12 => choice(random, pool),
        12..15 => shift(random, pool),
        15..18 => pieces(random, pool),
        _ => {
            let ty = random_ty(random, 64);
            pool.draw_as(random, ty)
        }
    }
}

fn arithmetic(random: &mut ChaCha8Rng, pool: &Pool) -> Signal {
    match random.random_range(0..8) {
        0 => pool.draw_within(random, 62) + pool.draw_within(random, 62),
        1 => pool.draw_within(random, 62) - pool.draw_within(random, 62),
        2 => pool.draw_within(random, 31) * pool.draw_within(random, 31),
        3 => {
            let a = pool.draw_within(random, 31);
            let ty = random_ty(random, 31);
            let literal = random_value(random, ty);
            match random.random_range(0..3) {
                0 => a + literal,
                1 => a - literal,
                _ => a * literal,
            }
        }
        4 => -pool.draw_within(random, 62),
        5 => pool.draw(random).wrapping_add(pool.draw(random)),
        6 => pool.draw(random).wrapping_sub(pool.draw(random)),
        _ => {
            let items: Vec<Signal> = (0..random.random_range(1..6)).map(|_| pool.draw_within(random, 56)).collect();
            tree_reduce(&items, |a, b| a + b)
        }
    }
}

fn comparison(random: &mut ChaCha8Rng, pool: &Pool) -> Signal {
    let (a, b) = (pool.draw(random), pool.draw(random));
    if random.random_bool(0.4) {
        let ty = if random.random_bool(0.7) { narrowed(a.ty()) } else { narrowed(random_ty(random, 64)) };
        let literal = random_value(random, ty);
        return match random.random_range(0..6) {
            0 => a.eq(literal),
            1 => a.ne(literal),
            2 => a.lt(literal),
            3 => a.le(literal),
            4 => a.gt(literal),
            _ => a.ge(literal),
        };
    }
    match random.random_range(0..6) {
        0 => a.eq(b),
        1 => a.ne(b),
        2 => a.lt(b),
        3 => a.le(b),
        4 => a.gt(b),
        _ => a.ge(b),
    }
}

fn bitwise(random: &mut ChaCha8Rng, pool: &Pool) -> Signal {
    let a = pool.draw(random);
    let b = pool.draw_as(random, a.ty());
    match random.random_range(0..7) {
        0 => a & b,
        1 => a | b,
        2 => a ^ b,
        3 => a.any(),
        4 => a.all(),
        5 => a.parity(),
        _ => !a,
    }
}

fn choice(random: &mut ChaCha8Rng, pool: &Pool) -> Signal {
    // 63 bits: a mux of u64 with a signed value would need 65.
    match random.random_range(0..4) {
        0 => mux(pool.condition(random), pool.draw_within(random, 63), pool.draw_within(random, 63)),
        1 => {
            let value = pool.draw_within(random, 63);
            let literal = random_value(random, s(20));
            let select = pool.condition(random);
            if random.random_bool(0.5) { mux(select, literal, value) } else { mux(select, value, literal) }
        }
        2 => {
            let index = pool.draw_as_index(random);
            let items: Vec<Signal> = (0..random.random_range(1..7)).map(|_| pool.draw_within(random, 63)).collect();
            select(index, &items)
        }
        _ => {
            let mut chosen = choose(random_value(random, s(9)));
            for _ in 0..random.random_range(1..4) {
                chosen = chosen.when(pool.condition(random), pool.draw_within(random, 63));
            }
            chosen.end()
        }
    }
}

impl Pool {
    /// An unsigned value, mostly a small one.
    fn draw_as_index(&self, random: &mut ChaCha8Rng) -> Signal {
        let width = if random.random_bool(0.9) { random.random_range(1..=4) } else { random.random_range(1..=64) };
        self.draw_as(random, u(width))
    }
}

fn shift(random: &mut ChaCha8Rng, pool: &Pool) -> Signal {
    let a = pool.draw(random);
    match random.random_range(0..5) {
        0 => a.shift_right(random.random_range(0..70)),
        1 => {
            let narrow = pool.draw_within(random, 40);
            narrow.shift_left(random.random_range(0..=64 - narrow.width()))
        }
        2 => {
            let amount = pool.draw_as_amount(random, a);
            a.shift_left_by(amount)
        }
        3 => {
            let amount = pool.draw_as_amount(random, a);
            a.shift_right_by(amount)
        }
        _ => a.rotate_left(random.random_range(0..130)),
    }
}

impl Pool {
    /// An unsigned amount, mostly within reach of the value's width.
    fn draw_as_amount(&self, random: &mut ChaCha8Rng, value: Signal) -> Signal {
        let reach = 64 - u64::from(value.width()).leading_zeros();
        match random.random_range(0..6) {
            0 => {
                let ty = u(random.random_range(1..=64));
                self.draw_as(random, ty)
            }
            1 => Signal::constant(u(7), random.random_range(0..70)),
            _ => self.draw_as(random, u(reach)),
        }
    }
}

fn pieces(random: &mut ChaCha8Rng, pool: &Pool) -> Signal {
    let a = pool.draw(random);
    match random.random_range(0..6) {
        0 => {
            let low = random.random_range(0..a.width());
            a.slice(low, random.random_range(1..=a.width() - low))
        }
        1 => a.truncate(random.random_range(1..=a.width())),
        2 => a.cast_signed(),
        3 => a.cast_unsigned(),
        4 => {
            let ty = s(random.random_range(a.width()..=64));
            if ty.contains(a.ty()) { a.extend(ty) } else { a.cast(ty_of_width(ty, a.width())).extend(ty) }
        }
        _ => {
            let mut room = 64;
            let mut parts = Vec::new();
            for _ in 0..random.random_range(1..6) {
                let part = pool.draw_within(random, 24);
                if part.width() <= room {
                    room -= part.width();
                    parts.push(if random.random_bool(0.2) { Signal::constant(part.ty(), 0) } else { part });
                }
            }
            concat(&parts)
        }
    }
}

fn ty_of_width(ty: Ty, width: u32) -> Ty {
    if ty.is_signed() { s(width) } else { u(width) }
}

/// A value of one of the edges, as a constant in its own right.
pub(super) fn random_constant(random: &mut ChaCha8Rng) -> Signal {
    let ty = random_ty(random, 64);
    Signal::constant(ty, random_value(random, ty))
}

/// Names that the source gives values: some unique, many not, some that Verilog cannot keep.
pub(super) fn random_name(random: &mut ChaCha8Rng) -> &'static str {
    const NAMES: [&str; 10] =
        ["sum", "wire", "next_level", "add_7", "in_0_i", "begin", "unused_ok", "state_0_q", "total", "int"];
    NAMES[random.random_range(0..NAMES.len())]
}
