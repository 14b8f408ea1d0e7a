//! The small words of the text: sized literals, ranges, comments.

use crate::ir::SourceLocation;
use crate::ty::Ty;

/// Width and sign of an expression. Unlike [`Ty`] it may be wider than a value: comparing u64 with
/// s64 takes 65 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Shape {
    pub(super) width: u32,
    pub(super) signed: bool,
}

impl From<Ty> for Shape {
    fn from(ty: Ty) -> Shape {
        Shape { width: ty.width(), signed: ty.is_signed() }
    }
}

impl Shape {
    /// The narrowest shape that holds every integer from `low` to `high`.
    pub(super) fn of_range(low: i128, high: i128) -> Shape {
        let bits_of = |value: i128| 128 - (if value < 0 { !value } else { value }).leading_zeros();
        let magnitude = bits_of(low).max(bits_of(high));
        if low < 0 {
            Shape { width: magnitude + 1, signed: true }
        } else {
            Shape { width: magnitude.max(1), signed: false }
        }
    }

    /// What stands before a name in a declaration: `signed [7:0] `.
    pub(super) fn declaration(self) -> String {
        let signed = if self.signed { "signed " } else { "" };
        format!("{signed}{}", range(self.width))
    }

    /// `value` modulo 2^width, sized and, where the shape is signed, signed.
    pub(super) fn literal(self, value: i128) -> String {
        let Shape { width, signed } = self;
        let bits = value as u128 & (u128::MAX >> (128 - width));
        let negative = signed && bits >> (width - 1) == 1;
        let magnitude = if negative { (1 << width) - bits } else { bits };
        let most_negative = negative && magnitude == bits;
        match (signed, negative) {
            (false, _) if width == 1 => format!("1'b{bits}"),
            (false, _) if bits < DECIMAL_LIMIT => format!("{width}'d{bits}"),
            (false, _) => format!("{width}'h{bits:x}"),
            (true, false) if bits < DECIMAL_LIMIT => format!("{width}'sd{bits}"),
            (true, true) if magnitude < DECIMAL_LIMIT && !most_negative => format!("-{width}'sd{magnitude}"),
            (true, _) => format!("{width}'sh{bits:x}"),
        }
    }
}

/// Larger literals are easier to read, and to compare with other tools' output, in hexadecimal.
const DECIMAL_LIMIT: u128 = 1 << 20;

/// `[width - 1:0] `, or nothing for a single bit.
pub(super) fn range(width: u32) -> String {
    if width == 1 { String::new() } else { format!("[{}:0] ", width - 1) }
}

/// A word of any width as a hexadecimal literal, from fields of `field_width` bits, lowest first.
pub(super) fn wide_literal(fields: &[u64], field_width: u32) -> String {
    let width = fields.len() * field_width as usize;
    let mut digits = vec![0u8; width.div_ceil(4)];
    for (index, &field) in fields.iter().enumerate() {
        for bit in (0..field_width as usize).filter(|bit| field >> bit & 1 == 1) {
            let position = index * field_width as usize + bit;
            digits[position / 4] |= 1 << (position % 4);
        }
    }
    let digits: String = digits.iter().rev().map(|&digit| char::from_digit(digit.into(), 16).unwrap_or('0')).collect();
    format!("{width}'h{digits}")
}

/// `file.rs:42`; files with a customary name come with their folder.
pub(super) fn source(location: SourceLocation) -> String {
    let mut parts = location.file.rsplit(['/', '\\']);
    let file = parts.next().unwrap_or_default();
    let folder = parts.next().filter(|_| matches!(file, "mod.rs" | "lib.rs" | "main.rs"));
    let prefix = folder.map(|folder| format!("{folder}/")).unwrap_or_default();
    format!("{prefix}{file}:{}", location.line)
}

/// `text` as lines of comment.
pub(super) fn comment(text: &str) -> String {
    text.lines()
        .map(|line| {
            let line = line.trim_end();
            // Tools take a comment that begins with one of these words for a directive.
            let directive = ["verilator", "synopsys", "synthesis", "cadence", "pragma", "ambit"];
            let first = line.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
            match (line.is_empty(), directive.iter().any(|word| first.starts_with(word))) {
                (true, _) => "//\n".to_owned(),
                (false, false) => format!("// {line}\n"),
                (false, true) => format!("// - {}\n", line.trim_start()),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_sized_and_signed() {
        let shape = |width, signed| Shape { width, signed };
        for (width, signed, value, text) in [
            (1, false, 1, "1'b1"),
            (8, false, 200, "8'd200"),
            (8, true, -3, "-8'sd3"),
            (8, true, -128, "8'sh80"),
            (8, true, 127, "8'sd127"),
            (1, true, -1, "1'sh1"),
            (64, false, i128::from(u64::MAX), "64'hffffffffffffffff"),
            (65, true, -1, "-65'sd1"),
            (4, false, -1, "4'd15"),
        ] {
            assert_eq!(shape(width, signed).literal(value), text);
        }
    }

    #[test]
    fn wide_words_are_written_whatever_the_field_width() {
        assert_eq!(wide_literal(&[0x5, 0x3, 0x7], 3), "9'h1dd");
        assert_eq!(wide_literal(&[u64::MAX, 1], 64), "128'h0000000000000001ffffffffffffffff");
    }

    #[test]
    fn a_comment_is_never_a_directive() {
        assert_eq!(comment("One.\n\n  verilator lint_off"), "// One.\n//\n// - verilator lint_off\n");
    }

    #[test]
    fn customary_file_names_come_with_their_folder() {
        let at = |file| source(SourceLocation { file, line: 7 });
        assert_eq!(at("rtl/blocks/src/tensor/pe.rs"), "pe.rs:7");
        assert_eq!(at("rtl/blocks/src/tensor/mod.rs"), "tensor/mod.rs:7");
    }
}
