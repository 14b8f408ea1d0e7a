//! The Cortex chain: its nodes' `getWork` and its pools' dialect of stratum, which is the same pushed.
//!
//! **Source**: the chain's pool miner and node; verification/vectors has a recorded share and block.

use serde_json::{Value, json};

use super::hex;
use super::rpc::{self, Malformed, Message, Refusal};
use crate::work::{Methods, Work};

/// Id of a log-in, as the chain's own miner sends it.
pub const LOGIN_ID: u64 = 72;
/// Id of a share.
pub const SUBMIT_ID: u64 = 73;
/// Id of a question for work.
pub const WORK_ID: u64 = 100;
/// Error code of pools for a job they do not know any more.
const STALE_CODES: [i64; 1] = [21];

fn method(methods: Methods, name: &str) -> String {
    match methods {
        Methods::Ctxc => format!("ctxc_{name}"),
        Methods::Eth => format!("eth_{name}"),
    }
}

/// The line that logs in. With a password the parameters are wallet and password.
pub fn login(methods: Methods, wallet: &str, password: Option<&str>, worker: &str) -> String {
    let params: Vec<&str> = [wallet].into_iter().chain(password).collect();
    let method = method(methods, "submitLogin");
    json!({"id": LOGIN_ID, "jsonrpc": "2.0", "method": method, "params": params, "worker": worker}).to_string()
}

/// The line that asks a pool for work.
pub fn ask_pool(methods: Methods) -> String {
    json!({"id": WORK_ID, "jsonrpc": "2.0", "method": method(methods, "getWork"), "params": [""]}).to_string()
}

/// The body that asks a node for work; unlike pools it takes no parameter.
pub fn ask_node() -> String {
    json!({"id": WORK_ID, "jsonrpc": "2.0", "method": "ctxc_getWork", "params": []}).to_string()
}

/// The line or body that submits a share.
///
/// **Shapes**: nonce as 16 digits, big-endian; every edge as 8 digits, big-endian.
///
/// **Numbers**: edges have at most 32 bits, as golden has found.
pub fn submit(methods: Methods, seal_hash: &[u8; 32], nonce: u64, proof: &[u64], worker: &str) -> String {
    let edges: String = proof.iter().map(|edge| format!("{edge:08x}")).collect();
    let params = [format!("0x{nonce:016x}"), format!("0x{}", hex::text(seal_hash)), format!("0x{edges}")];
    let method = method(methods, "submitWork");
    json!({"id": SUBMIT_ID, "jsonrpc": "2.0", "method": method, "params": params, "worker": worker}).to_string()
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
    match object.get("result") {
        Some(Value::Array(fields)) => job(fields).map(Message::Job),
        Some(Value::Bool(true)) => Ok(Message::Accepted { id, is_block: false }),
        Some(Value::Bool(false)) => {
            let words = "the answer is false".to_owned();
            Ok(Message::Refused { id, why: Refusal { is_stale: None, words } })
        }
        // Some pools call the push by a name and put the work where a question's would be.
        None => match object.get("params") {
            Some(Value::Array(fields)) if object.contains_key("method") && fields.len() >= 3 => {
                job(fields).map(Message::Job)
            }
            _ if object.contains_key("method") => Ok(Message::Other),
            _ => Err(Malformed::Shape),
        },
        Some(_) => Ok(Message::Other),
    }
}

/// `[seal hash, 32 bytes of zeros, target, number?]`
fn job(fields: &[Value]) -> Result<Work, Malformed> {
    let text = |at: usize| fields.get(at).and_then(Value::as_str);
    let seal_hash = text(0).and_then(hex::hash).ok_or(Malformed::Job("hash"))?;
    let target = text(2).and_then(hex::number).filter(|target| *target != [0; 32]).ok_or(Malformed::Job("target"))?;
    // A height that cannot be read is as none: the hash still tells jobs apart.
    let height = text(3).and_then(|text| u64::from_str_radix(text.strip_prefix("0x")?, 16).ok());
    Ok(Work::Cortex { seal_hash, target, height })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "Clippy sees tests only in functions marked so")]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_the_chains_own_miner_sends_them() {
        let is = |line: String, expected: Value| {
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), expected);
        };
        is(
            login(Methods::Ctxc, "0xWALLET", None, "rig"),
            json!({"id":72,"jsonrpc":"2.0","method":"ctxc_submitLogin","params":["0xWALLET"],"worker":"rig"}),
        );
        is(
            login(Methods::Eth, "0xWALLET.rig", Some("x"), "rig"),
            json!({"id":72,"jsonrpc":"2.0","method":"eth_submitLogin","params":["0xWALLET.rig","x"],"worker":"rig"}),
        );
        is(ask_pool(Methods::Ctxc), json!({"id":100,"jsonrpc":"2.0","method":"ctxc_getWork","params":[""]}));
        is(ask_node(), json!({"id":100,"jsonrpc":"2.0","method":"ctxc_getWork","params":[]}));
        let proof: Vec<u64> = (1..=42).collect();
        let line: Value = serde_json::from_str(&submit(Methods::Ctxc, &[0xab; 32], 0x1f, &proof, "rig")).unwrap();
        assert_eq!((&line["id"], &line["method"]), (&json!(73), &json!("ctxc_submitWork")));
        let params = line["params"].as_array().unwrap();
        assert_eq!(params[0], "0x000000000000001f");
        assert_eq!(params[1].as_str().unwrap(), format!("0x{}", "ab".repeat(32)));
        let solution = params[2].as_str().unwrap();
        assert!(solution.len() == 2 + 336 && solution.starts_with("0x0000000100000002"), "{solution}");
    }

    #[test]
    fn recorded_work_is_read() {
        let line = br#"{"id":0,"jsonrpc":"2.0","result":["0x3f62b7a620e9695597115ab1d5a219162136e7af6f187796b1a244793d27175d","0x0000000000000000000000000000000000000000000000000000000000000000","0x1000000000000000000000000000000000000000000000000000000000000000","0x685ddc"]}"#;
        let Message::Job(Work::Cortex { seal_hash, target, height }) = read(line).unwrap() else { panic!("a job") };
        assert_eq!((seal_hash[0], target[0], target[1], height), (0x3f, 0x10, 0, Some(0x685ddc)));
    }

    #[test]
    fn answers_are_told_apart() {
        let accepted = |id| Ok(Message::Accepted { id, is_block: false });
        assert_eq!(read(br#"{"id":73,"result":true}"#), accepted(Some(73)));
        assert_eq!(read(br#"{"id":"73","result":true,"error":null}"#), accepted(Some(73)));
        assert_eq!(read(br#"{"result":true}"#), accepted(None));
        let why = |line: &[u8]| match read(line) {
            Ok(Message::Refused { why, .. }) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(why(br#"{"id":73,"result":false}"#).is_stale, None);
        assert_eq!(why(br#"{"id":73,"result":null,"error":[21,"Job not found",null]}"#).is_stale, Some(true));
        assert_eq!(why(br#"{"id":73,"error":{"code":-1,"message":"Stale share"}}"#).is_stale, Some(true));
        assert_eq!(why(br#"{"id":73,"error":{"code":23,"message":"Low\u0007 difficulty"}}"#).words, "Low difficulty");
        assert_eq!(why(br#"{"id":72,"error":"bad wallet"}"#).is_stale, Some(false));
        assert_eq!(read(br#"{"id":0,"method":"mining.set_extranonce","params":[]}"#), Ok(Message::Other));
    }

    #[test]
    fn nonsense_is_named() {
        let hash = "11".repeat(32);
        let job = |fields: Value| read(json!({"id": 0, "result": fields}).to_string().as_bytes());
        assert_eq!(read(b"\xff\x00"), Err(Malformed::Json));
        assert_eq!(read(&b"[".repeat(100_000)), Err(Malformed::Json));
        assert_eq!(read(b"[]"), Err(Malformed::Object));
        assert_eq!(read(b"{}"), Err(Malformed::Shape));
        assert_eq!(job(json!([])), Err(Malformed::Job("hash")));
        assert_eq!(job(json!([1, 2, 3])), Err(Malformed::Job("hash")));
        assert_eq!(job(json!([hash, "", "0x0"])), Err(Malformed::Job("target")));
        assert_eq!(job(json!([hash, "", "0x"])), Err(Malformed::Job("target")));
        let odd = job(json!([hash, null, "0xff", "twelve"]));
        assert!(matches!(odd, Ok(Message::Job(Work::Cortex { height: None, .. }))), "{odd:?}");
    }
}
