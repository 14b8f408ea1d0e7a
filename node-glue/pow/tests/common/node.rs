//! A Cortex node's JSON-RPC over HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use myelin_pow::Endpoint;
use serde_json::{Value, json};

use super::{CortexJob, EDGE_BITS};

/// Heights won, in order, and everything else that a test asks for.
#[derive(Default)]
struct Shared {
    job: Mutex<Option<CortexJob>>,
    won: Mutex<Vec<u64>>,
    refused: AtomicU64,
    asked: AtomicU64,
    stopped: AtomicBool,
    /// Answers with these bytes instead.
    instead: Option<&'static [u8]>,
}

/// A node that makes the next block as soon as one is won.
pub struct FakeNode {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl FakeNode {
    pub fn start() -> FakeNode {
        FakeNode::answering(None)
    }

    /// A node that answers everything with the same bytes, and then closes.
    pub fn answering(instead: Option<&'static [u8]>) -> FakeNode {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let job = Mutex::new(Some(CortexJob::new(1, 1)));
        let shared = Arc::new(Shared { instead, job, ..Shared::default() });
        let node = FakeNode { address, shared: shared.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let _ = shared.serve(stream);
            }
        });
        node
    }

    pub fn endpoint(&self) -> Endpoint {
        format!("http://{}", self.address).parse().unwrap()
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn won(&self) -> Vec<u64> {
        self.shared.won.lock().unwrap().clone()
    }

    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }

    pub fn asked(&self) -> u64 {
        self.shared.asked.load(Ordering::Relaxed)
    }
}

impl Drop for FakeNode {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? <= 2 {
                break;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        self.asked.fetch_add(1, Ordering::Relaxed);
        if let Some(bytes) = self.instead {
            return stream.write_all(bytes);
        }
        let answer = self.answer(&serde_json::from_slice(&body).unwrap()).to_string();
        let length = answer.len();
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{answer}")
    }

    fn answer(&self, request: &Value) -> Value {
        let mut job = self.job.lock().unwrap();
        let now = job.clone().unwrap();
        let result = match request["method"].as_str() {
            // A node takes no parameter; a pool's empty one is refused.
            Some("ctxc_getWork") if request["params"] == json!([]) => now.fields(),
            Some("ctxc_submitWork") => {
                let params = &request["params"];
                let is_good = now.accepts(params, EDGE_BITS);
                if is_good {
                    self.won.lock().unwrap().push(now.height);
                    *job = Some(CortexJob::new(now.height + 1, now.height + 1));
                } else {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                }
                json!(is_good)
            }
            _ => return json!({"id": request["id"], "error": {"code": -32602, "message": "too many arguments"}}),
        };
        json!({"id": request["id"], "jsonrpc": "2.0", "result": result})
    }
}
