//! Grin's stratum.
//!
//! **Source**: lines of a grin 5.5.2 node, in verification/vectors/cuckoo.json.

use serde_json::{Map, Value, json};

use super::hex;
use super::rpc::{self, Malformed, Message, Refusal};
use crate::work::Work;

/// Most bytes of a header before its nonce; the chain's has 238.
const PRE_POW_BYTES_MAX: usize = 1024;
/// Error code of a share that came too late.
const STALE_CODES: [i64; 1] = [-32503];

fn request(id: u64, method: &str, params: Value) -> String {
    // The node takes ids as text as well as numbers; its own miner sends text.
    json!({"id": id.to_string(), "jsonrpc": "2.0", "method": method, "params": params}).to_string()
}

/// The line that logs in; all three fields are needed.
pub fn login(id: u64, login: &str, password: &str, agent: &str) -> String {
    request(id, "login", json!({"login": login, "pass": password, "agent": agent}))
}

/// The line that asks for work.
pub fn ask(id: u64) -> String {
    request(id, "getjobtemplate", Value::Null)
}

/// The line that shows that we are there.
pub fn keepalive(id: u64) -> String {
    request(id, "keepalive", Value::Null)
}

/// A share's line.
pub fn submit(id: u64, height: u64, job_id: u64, nonce: u64, edge_bits: u32, proof: &[u64]) -> String {
    let params = json!({"height": height, "job_id": job_id, "nonce": nonce, "edge_bits": edge_bits, "pow": proof});
    request(id, "submit", params)
}

/// What a pool or node says.
///
/// **Errors**: [`Malformed`].
pub fn read(line: &[u8]) -> Result<Message, Malformed> {
    let object = rpc::object(line)?;
    let id = rpc::id(&object);
    if let Some(why) = rpc::refusal(&object, &STALE_CODES) {
        return Ok(Message::Refused { id, why });
    }
    match (object.get("method").and_then(Value::as_str), object.get("result"), object.get("params")) {
        (Some("job"), None, Some(Value::Object(fields))) => job(fields).map(Message::Job),
        (Some("job"), None, _) => Err(Malformed::Job("fields")),
        (Some("getjobtemplate"), Some(Value::Object(fields)), _) => job(fields).map(Message::Job),
        (_, Some(Value::String(words)), _) => {
            let is_block = words.starts_with("blockfound");
            if is_block || words.eq_ignore_ascii_case("ok") {
                Ok(Message::Accepted { id, is_block })
            } else {
                let words = rpc::shortened(words);
                Ok(Message::Refused { id, why: Refusal { is_stale: None, words } })
            }
        }
        (_, Some(Value::Bool(true)), _) => Ok(Message::Accepted { id, is_block: false }),
        (Some(_), ..) | (_, Some(Value::Object(_)), _) => Ok(Message::Other),
        _ => Err(Malformed::Shape),
    }
}

fn job(fields: &Map<String, Value>) -> Result<Work, Malformed> {
    let number = |name: &'static str| fields.get(name).and_then(Value::as_u64).ok_or(Malformed::Job(name));
    let pre_pow = fields.get("pre_pow").and_then(Value::as_str).and_then(hex::bytes);
    let pre_pow = pre_pow.filter(|bytes| !bytes.is_empty() && bytes.len() <= PRE_POW_BYTES_MAX);
    Ok(Work::Grin {
        pre_pow: pre_pow.ok_or(Malformed::Job("pre_pow"))?,
        difficulty: number("difficulty")?,
        height: number("height")?,
        job_id: number("job_id")?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "Clippy sees tests only in functions marked so")]
mod tests {
    use super::*;

    /// The recorded lines: who said it (C or S), and what.
    fn recorded() -> Vec<(char, String)> {
        let text = include_str!("../../../../verification/vectors/cuckoo.json");
        let vectors: Value = serde_json::from_str(text).unwrap();
        let lines = vectors["stratum"]["user_first_lines"].as_array().unwrap();
        let line = |line: &Value| {
            let line = line.as_str().unwrap();
            (line.chars().next().unwrap(), line[3..].to_owned())
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn every_recorded_line_of_a_node_is_understood() {
        let (mut jobs, mut accepted, mut stale, mut refused) = (0, 0, 0, 0);
        for (_, line) in recorded().iter().filter(|(who, _)| *who == 'S') {
            match read(line.as_bytes()).unwrap_or_else(|error| panic!("{error}: {line}")) {
                Message::Job(Work::Grin { pre_pow, difficulty, .. }) => {
                    jobs += 1;
                    assert_eq!((pre_pow.len(), difficulty), (238, 1));
                }
                Message::Job(_) => panic!("another chain's job"),
                Message::Accepted { id, .. } => {
                    accepted += 1;
                    assert!(id.is_some());
                }
                Message::Refused { why, .. } if why.is_stale == Some(true) => stale += 1,
                Message::Refused { .. } => refused += 1,
                Message::Other => {}
            }
        }
        assert!(jobs >= 3 && accepted >= 2 && stale >= 4 && refused >= 3, "{jobs} {accepted} {stale} {refused}");
    }

    #[test]
    fn our_lines_have_the_recorded_form() {
        for (_, line) in recorded().iter().filter(|(who, _)| *who == 'C') {
            let Ok(theirs) = serde_json::from_str::<Value>(line) else { continue };
            let params = &theirs["params"];
            let number = |name: &str| params[name].as_u64();
            let ours = match theirs["method"].as_str() {
                Some("login") if params["agent"].is_string() => login(1, "l", "p", "h3"),
                Some("getjobtemplate") => ask(1),
                Some("keepalive") => keepalive(1),
                Some("submit") if params["nonce"].is_u64() => {
                    let proof: Vec<u64> =
                        params["pow"].as_array().unwrap().iter().map(|edge| edge.as_u64().unwrap()).collect();
                    let [height, job_id, nonce, edge_bits] =
                        ["height", "job_id", "nonce", "edge_bits"].map(|name| number(name).unwrap());
                    submit(1, height, job_id, nonce, edge_bits as u32, &proof)
                }
                _ => continue,
            };
            let mut ours: Value = serde_json::from_str(&ours).unwrap();
            ours["id"] = theirs["id"].clone();
            assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn nonsense_is_named() {
        let job =
            |fields: Value| read(json!({"id": "Stratum", "method": "job", "params": fields}).to_string().as_bytes());
        assert_eq!(job(json!({"pre_pow": "00", "difficulty": 1, "height": 2})), Err(Malformed::Job("job_id")));
        assert_eq!(job(json!({"pre_pow": "0", "difficulty": 1})), Err(Malformed::Job("pre_pow")));
        assert_eq!(job(json!({"pre_pow": "00".repeat(2000)})), Err(Malformed::Job("pre_pow")));
        assert_eq!(job(json!({"pre_pow": "00", "difficulty": -1})), Err(Malformed::Job("difficulty")));
        assert_eq!(job(json!([])), Err(Malformed::Job("fields")));
        assert_eq!(read(br#"{"id":1}"#), Err(Malformed::Shape));
        let block = read(br#"{"id":"7","method":"submit","result":"blockfound - 0a0b","error":null}"#);
        assert_eq!(block, Ok(Message::Accepted { id: Some(7), is_block: true }));
    }
}
