//! Shared by the tests: recorded cases, a storage folder, a plain HTTP client, other engines.
#![allow(dead_code, reason = "not every test binary uses every helper")]
#![allow(clippy::unwrap_used, reason = "a broken fixture is a failed test")]

pub mod faulty;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use myelin_graph::{ErrorClass, Graph, export, npy};
use myelin_infer::{Engine, EngineError, InfoHash, Prepared, from_hex};
use serde_json::Value;

/// The model of the example in the facts.
pub const EXAMPLE: &str = "0xA1b2c3D4E5f60718293A4B5C6D7E8f9001122334";

/// A file of the repository.
pub fn repository_path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(relative)
}

/// A case of `verification/vectors/cvm.json`.
pub struct Case {
    pub name: String,
    pub symbol: Vec<u8>,
    pub params: Vec<u8>,
    pub input: Vec<u8>,
    pub input_type_size: u64,
    pub output: Vec<u8>,
    pub output_type_size: u64,
    pub operations: u64,
    pub code: u64,
}

/// All recorded cases.
pub fn cases() -> Vec<Case> {
    let text = fs::read(repository_path("verification/vectors/cvm.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_slice(&text).unwrap();
    let digits = |value: &Value| from_hex(&format!("0x{}", value.as_str().unwrap_or(""))).unwrap();
    let case = |case: &Value| Case {
        name: case["name"].as_str().unwrap().to_owned(),
        symbol: serde_json::to_vec(&case["symbol"]).unwrap(),
        params: digits(&case["params_hex"]),
        input: digits(&case["input_hex"]),
        input_type_size: case["input_type_size"].as_u64().unwrap(),
        output: digits(&case["out_cpu"]),
        output_type_size: case["output_type_size"].as_u64().unwrap(),
        operations: case["gas_ops"].as_u64().unwrap(),
        code: case["rc_cpu"].as_u64().unwrap(),
    };
    cases.iter().map(case).collect()
}

/// The mnist-like case.
pub fn mnist() -> Case {
    cases().into_iter().find(|case| case.operations == 1_105_458).unwrap()
}

/// Bytes with each group of four turned round, if elements have four.
pub fn turned(bytes: &[u8], type_size: u64) -> Vec<u8> {
    match type_size {
        4 => bytes.chunks_exact(4).flat_map(|group| group.iter().rev().copied().collect::<Vec<_>>()).collect(),
        _ => bytes.to_vec(),
    }
}

/// Puts a model into a storage folder.
pub fn put_model(storage: &Path, hash: &str, symbol: &[u8], params: &[u8]) {
    let data = storage.join(InfoHash::parse(hash).unwrap().to_string()).join("data");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("symbol"), symbol).unwrap();
    fs::write(data.join("params"), params).unwrap();
}

/// Puts an input file into a storage folder.
pub fn put_input(storage: &Path, hash: &str, file: &[u8]) {
    let folder = storage.join(InfoHash::parse(hash).unwrap().to_string());
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("data"), file).unwrap();
}

/// An array file of 8-bit elements.
pub fn array(bytes: &[u8]) -> Vec<u8> {
    let values: Vec<i8> = bytes.iter().map(|&byte| byte.cast_signed()).collect();
    npy::write_i8(&[values.len()], &values).unwrap()
}

/// A hash made of a number.
pub fn hash(number: usize) -> String {
    format!("0x{number:040X}")
}

/// A client that keeps its connection.
pub struct Client(TcpStream);

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Client(stream)
    }

    /// Status, head and body of the reply to one request.
    pub fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> (u16, String, String) {
        // The header fields of a running node.
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json; charset=utf-8\r\n\
             Accept: application/json; charset=utf-8\r\nAccept-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.0.write_all(&[head.as_bytes(), body].concat()).unwrap();
        self.reply()
    }

    /// The body of the reply to a request of the protocol.
    pub fn infer(&mut self, body: &str) -> String {
        let (status, head, reply) = self.ask("POST", "/infer", body.as_bytes());
        assert_eq!(status, 200, "{head}\n{reply}");
        reply
    }

    pub fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write_all(bytes)
    }

    pub fn reply(&mut self) -> (u16, String, String) {
        let mut bytes = Vec::new();
        let end = loop {
            let mut piece = [0; 4096];
            let count = self.0.read(&mut piece).unwrap();
            assert!(count > 0, "closed after {}", bytes.escape_ascii());
            bytes.extend_from_slice(&piece[..count]);
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = bytes[end..].to_vec();
        body.resize(length.unwrap(), 0);
        let have = bytes.len() - end;
        self.0.read_exact(&mut body[have..]).unwrap();
        (status, head, String::from_utf8(body).unwrap())
    }

    /// Whether the server closes the connection without another byte within the time.
    pub fn is_closed_within(&mut self, time: Duration) -> bool {
        self.0.set_read_timeout(Some(time)).unwrap();
        match self.0.read(&mut [0]) {
            Ok(count) => count == 0,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

/// The reference model as an engine.
pub struct GoldenEngine;

struct GoldenModel(myelin_golden::Model);

fn refused(error: myelin_golden::Error) -> EngineError {
    let class = match error.class() {
        myelin_golden::Class::Logic => ErrorClass::Logic,
        myelin_golden::Class::Runtime => ErrorClass::Runtime,
    };
    EngineError::Refused { class, reason: error.to_string() }
}

impl Engine for GoldenEngine {
    fn name(&self) -> String {
        "golden".to_owned()
    }

    fn prepare(&self, graph: &Arc<Graph>) -> Result<Arc<dyn Prepared>, EngineError> {
        let (symbol, params) = export::cvm(graph);
        Ok(Arc::new(GoldenModel(myelin_golden::Model::parse(&symbol, &params).map_err(refused)?)))
    }
}

impl Prepared for GoldenModel {
    fn run(&self, input: &[u8]) -> Result<Vec<u8>, EngineError> {
        let input: Vec<i8> = input.iter().map(|&byte| byte.cast_signed()).collect();
        self.0.run(&input).map(|output| output.to_bytes()).map_err(refused)
    }

    fn memory_bytes(&self) -> u64 {
        self.0.storage_size()
    }
}

/// What a [`FakeDevice`] does to whoever uses it.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    Prepare,
    PanicPreparing,
    Run,
    PanicRunning,
    ShortAnswer,
}

/// A device that always fails.
pub struct FakeDevice(pub Fault);

impl Engine for FakeDevice {
    fn name(&self) -> String {
        "fake".to_owned()
    }

    fn prepare(&self, _: &Arc<Graph>) -> Result<Arc<dyn Prepared>, EngineError> {
        match self.0 {
            Fault::Prepare => Err(EngineError::Fault { reason: "unplugged".to_owned() }),
            Fault::PanicPreparing => panic!("on purpose"),
            _ => Ok(Arc::new(FakeDevice(self.0))),
        }
    }
}

impl Prepared for FakeDevice {
    fn run(&self, _: &[u8]) -> Result<Vec<u8>, EngineError> {
        match self.0 {
            Fault::Run => Err(EngineError::Fault { reason: "unplugged".to_owned() }),
            Fault::ShortAnswer => Ok(vec![0]),
            _ => panic!("on purpose"),
        }
    }

    fn memory_bytes(&self) -> u64 {
        0
    }
}

/// The processor, but every run takes this long first.
pub struct SlowEngine(pub Duration);

struct SlowModel(Arc<dyn Prepared>, Duration);

impl Engine for SlowEngine {
    fn name(&self) -> String {
        "slow".to_owned()
    }

    fn prepare(&self, graph: &Arc<Graph>) -> Result<Arc<dyn Prepared>, EngineError> {
        let model = myelin_infer::CpuEngine::portable().prepare(graph)?;
        Ok(Arc::new(SlowModel(model, self.0)))
    }
}

impl Prepared for SlowModel {
    fn run(&self, input: &[u8]) -> Result<Vec<u8>, EngineError> {
        std::thread::sleep(self.1);
        self.0.run(input)
    }

    fn memory_bytes(&self) -> u64 {
        self.0.memory_bytes()
    }
}
