//! Texts that rust-hdl's tree keeps: literals, patterns and indices of arrays.

use rust_hdl_core::ast::VerilogLiteral;

/// The value of a literal; its fields are private, its hexadecimal form (`8'hff`) is not.
pub(super) fn value_of(literal: &VerilogLiteral) -> Option<i128> {
    verilog(&format!("{literal:x}"))
}

/// Whether the literal is a `bool` of the source: the only literal of one bit.
pub(super) fn is_bool(literal: &VerilogLiteral) -> bool {
    format!("{literal:x}").starts_with("1'h")
}

/// A sized Verilog literal as rust-hdl writes it: `12'h5a`, `5'b101`.
pub(super) fn verilog(text: &str) -> Option<i128> {
    let (_, digits) = text.trim().split_once('\'')?;
    let (radix, digits) = match digits.split_at_checked(1)? {
        ("h", digits) => (16, digits),
        ("b", digits) => (2, digits),
        _ => return None,
    };
    i128::from_str_radix(digits, radix).ok()
}

/// A Rust integer or `bool` literal, as a pattern writes it.
pub(super) fn rust(text: &str) -> Option<i128> {
    let text = text.replace([' ', '_'], "");
    match text.as_str() {
        "true" => return Some(1),
        "false" => return Some(0),
        _ => {}
    }
    let (sign, text) = text.strip_prefix('-').map_or((1, text.as_str()), |rest| (-1, rest));
    let suffixes = ["u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize"];
    let text = suffixes.iter().find_map(|suffix| text.strip_suffix(suffix)).unwrap_or(text);
    let (radix, digits) = match text.split_at_checked(2) {
        Some(("0x", digits)) => (16, digits),
        Some(("0b", digits)) => (2, digits),
        Some(("0o", digits)) => (8, digits),
        _ => (10, text),
    };
    i128::from_str_radix(digits, radix).ok().map(|value| sign * value)
}

/// A loop variable and its value in this round.
pub(super) type LoopVariable = (String, i128);

/// Replaces every `[expression]` in a name by `$value`, as the children of arrays are called.
pub(super) fn resolve_indices(name: &str, loops: &[LoopVariable]) -> Option<String> {
    let mut resolved = String::new();
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('[') {
        let (index, after) = after.split_once(']')?;
        resolved.push_str(before);
        resolved.push('$');
        resolved.push_str(&Sum { rest: index, loops }.whole()?.to_string());
        rest = after;
    }
    resolved.push_str(rest);
    Some(resolved)
}

/// Reader of an integer expression over loop variables.
struct Sum<'a> {
    rest: &'a str,
    loops: &'a [LoopVariable],
}

impl Sum<'_> {
    fn whole(mut self) -> Option<i128> {
        let value = self.sum(0)?;
        self.rest.is_empty().then_some(value)
    }

    fn take(&mut self, symbols: &[char]) -> Option<char> {
        let symbol = self.rest.chars().next().filter(|symbol| symbols.contains(symbol))?;
        self.rest = &self.rest[symbol.len_utf8()..];
        Some(symbol)
    }

    // `depth` bounds the recursion through parentheses.
    fn sum(&mut self, depth: usize) -> Option<i128> {
        let mut value = self.product(depth)?;
        while let Some(symbol) = self.take(&['+', '-']) {
            let next = self.product(depth)?;
            value = if symbol == '+' { value.checked_add(next)? } else { value.checked_sub(next)? };
        }
        Some(value)
    }

    fn product(&mut self, depth: usize) -> Option<i128> {
        let mut value = self.atom(depth)?;
        while let Some(symbol) = self.take(&['*', '/', '%']) {
            let next = self.atom(depth)?;
            value = match symbol {
                '*' => value.checked_mul(next)?,
                '/' => value.checked_div(next)?,
                _ => value.checked_rem(next)?,
            };
        }
        Some(value)
    }

    fn atom(&mut self, depth: usize) -> Option<i128> {
        if depth < 64 && self.take(&['(']).is_some() {
            let value = self.sum(depth + 1)?;
            return self.take(&[')']).map(|_| value);
        }
        let end = self.rest.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.loops.iter().rev().find(|(name, _)| name == word).map(|&(_, value)| value).or_else(|| rust(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_read_as_rust_and_as_verilog() {
        assert_eq!(verilog("12'h5a"), Some(90));
        assert_eq!(verilog("5'b101"), Some(5));
        assert_eq!(verilog("q"), None);
        for (text, value) in [("17", 17), ("0x1F_u32", 31), ("0b1_01u8", 5), ("true", 1), ("- 3", -3)] {
            assert_eq!(rust(text), Some(value), "{text}");
        }
        assert_eq!(rust("State$Idle"), None);
    }

    #[test]
    fn indices_of_arrays_are_computed_from_loop_variables() {
        let loops = vec![("i".to_owned(), 5)];
        assert_eq!(resolve_indices("line[((i+1)*2)]$q", &loops).as_deref(), Some("line$12$q"));
        assert_eq!(resolve_indices("a[i-1]$b[0]", &loops).as_deref(), Some("a$4$b$0"));
        assert_eq!(resolve_indices("a[j]", &loops), None);
        assert_eq!(resolve_indices("a[i", &loops), None);
    }
}
