//! Bytes as hexadecimal text.

use std::fmt::Write;

/// The bytes of an even number of digits, without prefix.
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

/// The 32 bytes of exactly 64 digits, with or without `0x`.
pub fn hash(text: &str) -> Option<[u8; 32]> {
    bytes(text.strip_prefix("0x").unwrap_or(text))?.try_into().ok()
}

/// A number of 1 to 64 digits after `0x`, as 32 bytes big-endian.
pub fn number(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    if digits.is_empty() || digits.len() > 64 {
        return None;
    }
    hash(&format!("{digits:0>64}"))
}

/// The digits of bytes, without prefix.
pub fn text(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hexadecimal_digits_are_taken() {
        assert_eq!(bytes("00fF"), Some(vec![0, 255]));
        assert_eq!(text(&[0, 255]), "00ff");
        for wrong in ["0", "0g", "+1", "é", "0x"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
        assert_eq!(number("0x1").map(|number| number[31]), Some(1));
        assert!(number("0x").is_none() && number(&"1".repeat(65)).is_none() && hash("0x00").is_none());
    }
}
