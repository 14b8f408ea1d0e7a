//! Infohashes, and the keys under which a node remembers results.

use std::fmt;

use sha3::{Digest, Keccak256};

/// Digits of an infohash.
const DIGITS: usize = 40;

/// The infohash of a model or input: 20 bytes, written as 40 lower-case hexadecimal digits.
///
/// A value of this type is safe as a name of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InfoHash([u8; 20]);

impl InfoHash {
    /// Reads 40 hexadecimal digits of either case, with or without `0x` before them; `None` for
    /// anything else.
    ///
    /// **Source.** CortexTheseus 5c9b016f6, `common.IsHexAddress`. The node takes `0X` too and then
    /// looks for a folder of that name, which no storage has.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0x").unwrap_or(text).as_bytes();
        if digits.len() != DIGITS {
            return None;
        }
        let mut bytes = [0; 20];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(bytes))
    }
}

impl From<[u8; 20]> for InfoHash {
    fn from(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The key of a result: `keccak256(rlp(model + "_" + input))`, both as lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResultKey(pub [u8; 32]);

impl ResultKey {
    /// The key of a model with an input file.
    pub fn of_file(model: &InfoHash, input: &InfoHash) -> Self {
        Self::of_text(&format!("{model}_{input}"))
    }

    /// The key of a model with input bytes, whose name is `keccak256(rlp(bytes))`.
    pub fn of_content(model: &InfoHash, content: &[u8]) -> Self {
        let input = to_hex(&keccak_of_rlp(content));
        Self::of_text(&format!("{model}_{}", input.trim_start_matches("0x")))
    }

    fn of_text(text: &str) -> Self {
        Self(keccak_of_rlp(text.as_bytes()))
    }
}

impl fmt::Display for ResultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

/// `0x` and two lower-case digits for each byte.
pub fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 + 2 * bytes.len());
    text.push_str("0x");
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// The bytes of `0x` and an even number of digits of either case; empty for the empty text.
///
/// **Source.** CortexTheseus 5c9b016f6, `hexutil.Bytes`.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?.as_bytes();
    if digits.len() % 2 != 0 {
        return None;
    }
    digits.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// `keccak256` of the bytes as one RLP string.
fn keccak_of_rlp(bytes: &[u8]) -> [u8; 32] {
    let mut hasher = Keccak256::new();
    match bytes {
        // A small byte stands for itself.
        [byte @ 0..=0x7f] => hasher.update([*byte]),
        _ if bytes.len() <= 55 => {
            hasher.update([0x80 + bytes.len() as u8]);
            hasher.update(bytes);
        }
        _ => {
            let length = bytes.len().to_be_bytes();
            let first = length.iter().position(|&byte| byte != 0).unwrap_or(length.len());
            let length = &length[first..];
            hasher.update([0xb7 + length.len() as u8]);
            hasher.update(length);
            hasher.update(bytes);
        }
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_equal_the_nodes_check_values() {
        let zero = InfoHash::from([0; 20]);
        let of_file = ResultKey::of_file(&zero, &zero).to_string();
        assert_eq!(of_file, "0x3259f684c577870b7c28f393798d9829fa0f31d613d54edd34f2fd23c65b96ed");
        let content = to_hex(&keccak_of_rlp(&[0, 1, 2, 3]));
        assert_eq!(content, "0xa9276d78f1cf541a601ca04b277f1df51ffddfc5d8602aa64ed8b85949aa4382");
        let of_content = ResultKey::of_content(&zero, &[0, 1, 2, 3]).to_string();
        assert_eq!(of_content, "0x83649d631fb8e435e907f0df82c993fa94304d9e780ff13ad7e36ac321d914cf");
    }

    #[test]
    fn keys_of_short_and_long_content_follow_rlp() {
        // Ethereum's well-known keccak256(rlp("")), of the empty string.
        let empty = to_hex(&keccak_of_rlp(&[]));
        assert_eq!(empty, "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");
        let by_hand = |rlp: &[u8]| -> [u8; 32] { Keccak256::digest(rlp).into() };
        assert_eq!(keccak_of_rlp(&[0x7f]), by_hand(&[0x7f]));
        assert_eq!(keccak_of_rlp(&[0x80]), by_hand(&[0x81, 0x80]));
        assert_eq!(keccak_of_rlp(&[1; 56]), by_hand(&[&[0xb8, 56][..], &[1; 56]].concat()));
        assert_eq!(keccak_of_rlp(&[1; 1024]), by_hand(&[&[0xb9, 4, 0][..], &[1; 1024]].concat()));
    }

    #[test]
    fn infohashes_take_either_case_and_nothing_else() {
        let text = "A1b2c3D4E5f60718293A4B5C6D7E8f9001122334";
        let hash = InfoHash::parse(text).unwrap();
        assert_eq!(hash.to_string(), text.to_lowercase());
        assert_eq!(InfoHash::parse(&format!("0x{text}")), Some(hash));
        for wrong in ["", "0x", &text[1..], &format!("0X{text}"), "../../../../../../../../../../etc/passwd"] {
            assert_eq!(InfoHash::parse(wrong), None, "{wrong}");
        }
        assert_eq!(InfoHash::parse(&"é".repeat(20)), None);
        assert_eq!(InfoHash::parse(&format!("{}g", &text[1..])), None);
    }

    #[test]
    fn hexadecimal_text_is_read_as_the_node_reads_it() {
        assert_eq!(from_hex("0x00fF"), Some(vec![0, 255]));
        assert_eq!(from_hex("0X10"), Some(vec![16]));
        assert_eq!(from_hex(""), Some(vec![]));
        assert_eq!(from_hex("0x"), Some(vec![]));
        for wrong in ["00", "0x0", "0xg0", "x00", "0xé"] {
            assert_eq!(from_hex(wrong), None, "{wrong}");
        }
    }
}
