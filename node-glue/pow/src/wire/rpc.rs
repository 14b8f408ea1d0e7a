//! What JSON-RPC messages have in common.

use serde_json::{Map, Value};

use crate::work::Work;

/// Longest part of a peer's words that is kept.
const WORDS_MAX: usize = 200;

/// What a peer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Work, pushed or asked for.
    Job(Work),
    /// Something was taken. `id` is `None` if it is no number we could have sent.
    Accepted {
        /// What it answers.
        id: Option<u64>,
        /// Whether the peer says that a share was a block.
        is_block: bool,
    },
    /// Something was refused.
    Refused {
        /// What it answers.
        id: Option<u64>,
        /// Why.
        why: Refusal,
    },
    /// A sound message that is of no interest.
    Other,
}

/// Why something was refused, as far as the peer says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Whether it came too late; `None` if the peer does not say why.
    pub is_stale: Option<bool>,
    /// The peer's words, shortened, without control characters.
    pub words: String,
}

/// Why a message makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// No JSON.
    #[error("no JSON")]
    Json,
    /// No object.
    #[error("no JSON object")]
    Object,
    /// Neither result nor error nor a known method.
    #[error("neither a result nor an error nor a job")]
    Shape,
    /// A job that lacks something or has it in a form that cannot be.
    #[error("a job whose {0} is missing or cannot be")]
    Job(&'static str),
}

/// The object that a line is.
pub(super) fn object(line: &[u8]) -> Result<Map<String, Value>, Malformed> {
    match serde_json::from_slice(line) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Malformed::Object),
        Err(_) => Err(Malformed::Json),
    }
}

/// The id, a number or a number as text.
pub(super) fn id(object: &Map<String, Value>) -> Option<u64> {
    match object.get("id")? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// The error, if there is one that says something.
pub(super) fn refusal(object: &Map<String, Value>, stale_codes: &[i64]) -> Option<Refusal> {
    let (code, words) = match object.get("error")? {
        Value::Null => return None,
        Value::Object(error) => {
            (error.get("code").and_then(Value::as_i64), error.get("message").and_then(Value::as_str).unwrap_or(""))
        }
        // As older stratum dialects have it: [code, message, ..].
        Value::Array(error) => {
            (error.first().and_then(Value::as_i64), error.get(1).and_then(Value::as_str).unwrap_or(""))
        }
        Value::String(words) => (None, words.as_str()),
        _ => (None, ""),
    };
    let lower = words.to_lowercase();
    let says_stale = ["stale", "too late", "job not found", "expired"].iter().any(|word| lower.contains(word));
    let is_stale = says_stale || code.is_some_and(|code| stale_codes.contains(&code));
    Some(Refusal { is_stale: Some(is_stale), words: shortened(words) })
}

/// A peer's words as they can be logged.
pub(super) fn shortened(words: &str) -> String {
    words.chars().filter(|letter| !letter.is_control()).take(WORDS_MAX).collect()
}
