//! The node's requests and the replies it takes.
//!
//! Requests are read as Go's `encoding/json` reads them: names of members in either case, the last of
//! several counts, unknown ones are ignored, sizes must be whole numbers.
//!
//! **Source.** CortexTheseus 5c9b016f6, `inference/types.go`, `cmd/cvm`.

use serde_json::{Map, Value};

use crate::error::{ErrorClass, class_text};
use crate::hash::{from_hex, to_hex};

/// What a node asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Type 1: a model's answer to an input file.
    InferFile {
        /// Infohash of the model.
        model: String,
        /// Infohash of the input.
        input: String,
        /// No file of the model is longer.
        model_size: u64,
        /// The input is no longer.
        input_size: u64,
        /// Which network asks.
        network: i64,
    },
    /// Type 2: a model's answer to bytes.
    InferContent {
        /// Infohash of the model.
        model: String,
        /// The bytes.
        input: Vec<u8>,
        /// No file of the model is longer.
        model_size: u64,
        /// Which network asks.
        network: i64,
    },
    /// Type 3: a model's operation count.
    Price {
        /// Infohash of the model.
        model: String,
        /// No file of the model is longer.
        model_size: u64,
        /// Which network asks.
        network: i64,
    },
}

/// Why a request cannot be answered at all, in the stock server's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// Not JSON, no type, or one that is not served; type 4 is not.
    #[error("unknown request property type")]
    UnknownType,
    /// A member is missing or of another type.
    #[error("data parse error")]
    Data,
    /// Another method than POST.
    #[error("request method not POST")]
    Method,
    /// The body could not be read in time, or is too long.
    #[error("request body read error")]
    Body,
}

impl Request {
    /// Reads a request.
    ///
    /// **Errors.** [`BadRequest::UnknownType`], [`BadRequest::Data`].
    pub fn read(body: &[u8]) -> Result<Self, BadRequest> {
        let Ok(Value::Object(members)) = serde_json::from_slice(body) else {
            return Err(BadRequest::UnknownType);
        };
        let request = Members(members);
        let kind = request.whole("type").and_then(|kind| kind.ok_or(BadRequest::UnknownType));
        match kind {
            Ok(1) => Ok(Self::InferFile {
                model: request.text("model")?,
                input: request.text("input")?,
                model_size: request.whole("modelSize")?.unwrap_or(0),
                input_size: request.whole("inputSize")?.unwrap_or(0),
                network: request.network()?,
            }),
            Ok(2) => Ok(Self::InferContent {
                model: request.text("model")?,
                input: from_hex(&request.text("input")?).ok_or(BadRequest::Data)?,
                model_size: request.whole("modelSize")?.unwrap_or(0),
                network: request.network()?,
            }),
            Ok(3) => Ok(Self::Price {
                model: request.text("model")?,
                model_size: request.whole("modelSize")?.unwrap_or(0),
                network: request.network()?,
            }),
            _ => Err(BadRequest::UnknownType),
        }
    }

    /// A word for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::InferFile { .. } => "infer_file",
            Self::InferContent { .. } => "infer_content",
            Self::Price { .. } => "price",
        }
    }
}

struct Members(Map<String, Value>);

impl Members {
    fn get(&self, name: &str) -> Option<&Value> {
        let exact = self.0.get(name);
        let found = exact.or_else(|| self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v));
        found.filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Result<String, BadRequest> {
        self.get(name).and_then(Value::as_str).map(str::to_owned).ok_or(BadRequest::Data)
    }

    fn whole(&self, name: &str) -> Result<Option<u64>, BadRequest> {
        self.get(name).map(|value| value.as_u64().ok_or(BadRequest::Data)).transpose()
    }

    /// The network, after checking the version, which changes nothing.
    fn network(&self) -> Result<i64, BadRequest> {
        let signed = |name| self.get(name).map(|value| value.as_i64().ok_or(BadRequest::Data)).transpose();
        signed("cvm_version")?;
        Ok(signed("cvm_networkid")?.unwrap_or(0))
    }
}

/// The reply with an answer.
pub fn answer(data: &[u8]) -> String {
    format!(r#"{{"data":"{}","info":"ok"}}"#, to_hex(data))
}

/// The reply with a class of error; any text but these two is a runtime error to a node.
pub fn failure(class: ErrorClass) -> String {
    refusal(class_text(class))
}

/// The reply to what is no request. The stock server's reply has the text as digits only; a member more,
/// which nodes ignore, shows it to people.
pub fn bad_request(reason: BadRequest) -> String {
    let text = reason.to_string();
    format!(r#"{{"data":"{}","info":"error","message":"{text}"}}"#, to_hex(text.as_bytes()))
}

fn refusal(text: &str) -> String {
    format!(r#"{{"data":"{}","info":"error"}}"#, to_hex(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nodes_requests_are_read() {
        let body = br#"{"type":1,"model":"0xA1","input":"0xB2","modelSize":5,"inputSize":6,"cvm_version":1,"cvm_networkid":21}"#;
        let (model, input) = ("0xA1".to_owned(), "0xB2".to_owned());
        let expected = Request::InferFile { model, input, model_size: 5, input_size: 6, network: 21 };
        assert_eq!(Request::read(body), Ok(expected));
        let body = br#"{"type":2,"model":"0xA1","input":"0x00ff","modelSize":5,"cvm_version":1,"cvm_networkid":43}"#;
        let expected =
            Request::InferContent { model: "0xA1".to_owned(), input: vec![0, 255], model_size: 5, network: 43 };
        assert_eq!(Request::read(body), Ok(expected));
        let body = br#"{"type":3,"model":"0xA1","modelSize":5,"cvm_networkid":21}"#;
        assert_eq!(Request::read(body), Ok(Request::Price { model: "0xA1".to_owned(), model_size: 5, network: 21 }));
    }

    #[test]
    fn names_take_either_case_and_missing_sizes_are_zero() {
        let body = br#"{"Type":3,"MODEL":"x","other":[{}]}"#;
        assert_eq!(Request::read(body), Ok(Request::Price { model: "x".to_owned(), model_size: 0, network: 0 }));
        let body = br#"{"type":9,"type":3,"model":"x","modelSize":null}"#;
        assert!(matches!(Request::read(body), Ok(Request::Price { .. })));
    }

    #[test]
    fn garbage_is_of_no_known_type() {
        let dead = br#"{"type":4,"infohash":"0x00","rawSize":1,"cvm_networkid":21}"#;
        let bodies = [&b""[..], b"{", b"[]", b"null", b"3", b"{}", b"{\"type\":\"1\"}", b"{\"type\":1.0}", dead];
        for body in bodies {
            assert_eq!(Request::read(body), Err(BadRequest::UnknownType), "{}", String::from_utf8_lossy(body));
        }
        assert_eq!(Request::read(&b"[".repeat(1 << 20)), Err(BadRequest::UnknownType));
        assert_eq!(Request::read(b"{\"type\":3}{}"), Err(BadRequest::UnknownType));
    }

    #[test]
    fn members_of_wrong_types_are_refused() {
        let bodies = [
            r#"{"type":1,"model":"x"}"#,
            r#"{"type":1,"model":7,"input":"x"}"#,
            r#"{"type":2,"model":"x","input":"0x0"}"#,
            r#"{"type":2,"model":"x","input":"zz"}"#,
            r#"{"type":3,"model":"x","modelSize":-1}"#,
            r#"{"type":3,"model":"x","modelSize":1e3}"#,
            r#"{"type":3,"model":"x","modelSize":18446744073709551616}"#,
            r#"{"type":3,"model":"x","cvm_networkid":"21"}"#,
            r#"{"type":3,"model":"x","cvm_version":{}}"#,
        ];
        for body in bodies {
            assert_eq!(Request::read(body.as_bytes()), Err(BadRequest::Data), "{body}");
        }
    }

    #[test]
    fn replies_are_spelt_as_the_facts_have_them() {
        assert_eq!(answer(&1105458u64.to_be_bytes()), r#"{"data":"0x000000000010de32","info":"ok"}"#);
        let logic = r#"{"data":"0x63766d206b65726e656c206c6f676963206572726f72","info":"error"}"#;
        assert_eq!(failure(ErrorClass::Logic), logic);
        let runtime = r#"{"data":"0x63766d206b65726e656c2072756e74696d65206572726f72","info":"error"}"#;
        assert_eq!(failure(ErrorClass::Runtime), runtime);
    }
}
