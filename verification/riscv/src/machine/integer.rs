//! Arithmetic of RV32I and M, function by function as the ISA's text defines it.

/// The function of an OP or OP-IMM instruction that is not of M.
pub(super) fn arithmetic(funct3: u32, alternative: bool, a: u32, b: u32) -> u32 {
    let amount = b & 31;
    match (funct3, alternative) {
        (0, false) => a.wrapping_add(b),
        (0, true) => a.wrapping_sub(b),
        (1, _) => a << amount,
        (2, _) => u32::from((a as i32) < (b as i32)),
        (3, _) => u32::from(a < b),
        (4, _) => a ^ b,
        (5, false) => a >> amount,
        (5, true) => ((a as i32) >> amount) as u32,
        (6, _) => a | b,
        _ => a & b,
    }
}

/// The function of an instruction of M.
pub(super) fn multiplication(funct3: u32, a: u32, b: u32) -> u32 {
    let (signed_a, signed_b) = (i64::from(a as i32), i64::from(b as i32));
    let (unsigned_a, unsigned_b) = (u64::from(a), u64::from(b));
    match funct3 {
        0 => a.wrapping_mul(b),
        1 => ((signed_a * signed_b) >> 32) as u32,
        2 => ((signed_a * unsigned_b as i64) >> 32) as u32,
        3 => ((unsigned_a * unsigned_b) >> 32) as u32,
        // Division by zero: all ones, and the dividend remains. Overflow: 64 bits have none to begin with.
        4 if b == 0 => u32::MAX,
        4 => (signed_a / signed_b) as u32,
        5 => a.checked_div(b).unwrap_or(u32::MAX),
        6 if b == 0 => a,
        6 => (signed_a % signed_b) as u32,
        _ => a.checked_rem(b).unwrap_or(a),
    }
}

/// Whether a branch is taken; `None` if there is no such condition.
pub(super) fn condition(funct3: u32, a: u32, b: u32) -> Option<bool> {
    Some(match funct3 {
        0 => a == b,
        1 => a != b,
        4 => (a as i32) < (b as i32),
        5 => (a as i32) >= (b as i32),
        6 => a < b,
        7 => a >= b,
        _ => return None,
    })
}
