//! Answers and names that consensus fixes, whatever is computed.

use crate::hash::{InfoHash, ResultKey};

/// The network on which one model stands for another.
const SUBSTITUTING_NETWORK: i64 = 43;

const fn hash(text: &str) -> [u8; 20] {
    bytes(text)
}

const fn bytes<const N: usize>(text: &str) -> [u8; N] {
    let text = text.as_bytes();
    assert!(text.len() == 2 * N, "two digits for each byte");
    let mut bytes = [0; N];
    let mut i = 0;
    while i < N {
        bytes[i] = digit(text[2 * i]) << 4 | digit(text[2 * i + 1]);
        i += 1;
    }
    bytes
}

const fn digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        _ => panic!("a lower-case digit"),
    }
}

const SUBSTITUTED: [u8; 20] = hash("31f75c90e8fe1c5b16cbdc466dc6127487a92add");
const SUBSTITUTE: [u8; 20] = hash("c816d85a023abacb687080ca57f580d4999b8b1d");

/// **Source.** CortexTheseus 5c9b016f6, `inference/synapse/result.go`.
const FIXED_RESULTS: [([u8; 32], [u8; 10]); 2] = [
    (
        bytes("53f8e0b0c93dedff2706e28643804470d67d79a9f1447b75dab09304ed8d1fe0"),
        [19, 52, 238, 252, 208, 237, 223, 227, 243, 91],
    ),
    (
        bytes("e0c42bc0779d627e14fba7c4e6f355644aa2535dfe9786d64684fb05f1de615c"),
        [6, 252, 4, 59, 242, 0, 247, 30, 224, 217],
    ),
];

/// The model that is used when `model` is asked for on a network.
pub fn substitute(model: InfoHash, network: i64) -> InfoHash {
    let stands_for_another = network == SUBSTITUTING_NETWORK && model == InfoHash::from(SUBSTITUTED);
    if stands_for_another { InfoHash::from(SUBSTITUTE) } else { model }
}

/// The answer that consensus fixes for a key, if it does.
pub fn fixed_result(key: &ResultKey) -> Option<&'static [u8]> {
    FIXED_RESULTS.iter().find(|(fixed, _)| *fixed == key.0).map(|(_, result)| &result[..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_model_is_substituted_on_one_network() {
        let model = InfoHash::parse("0x31F75C90E8FE1C5B16CBDC466DC6127487A92ADD").unwrap();
        assert_eq!(substitute(model, 43).to_string(), "c816d85a023abacb687080ca57f580d4999b8b1d");
        assert_eq!(substitute(model, 21), model);
        let other = InfoHash::from([1; 20]);
        assert_eq!(substitute(other, 43), other);
    }

    #[test]
    fn two_keys_have_fixed_results() {
        for (key, result) in &FIXED_RESULTS {
            assert_eq!(fixed_result(&ResultKey(*key)), Some(&result[..]));
        }
        assert_eq!(fixed_result(&ResultKey([0; 32])), None);
        assert!(ResultKey(FIXED_RESULTS[0].0).to_string().starts_with("0x53f8e0b0"));
    }
}
