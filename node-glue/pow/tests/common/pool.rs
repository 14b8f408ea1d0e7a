//! A pool of either dialect over TCP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use myelin_golden::cuckoo::{EdgeBits, Graph, Keys, ProofSize, Sip, Variant, grin, verify};
use myelin_pow::Endpoint;
use serde_json::{Value, json};

use super::{CortexJob, EDGE_BITS};

/// How a pool behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As the Cortex chain's pools.
    Cortex,
    /// As a Grin node: every share is a block, and a new job follows.
    Grin,
    /// Takes the connection and closes it.
    Closes,
    /// Gives a job and closes.
    GivesAndCloses,
    /// Takes the connection, reads nothing, says nothing.
    Silent,
    /// Gives a job and then says nothing, though it reads.
    GivesAndFallsSilent,
    /// Sends bytes without sense.
    Garbage,
    /// Sends a line without end.
    EndlessLine,
    /// Sends sound lines without end.
    Flood,
    /// Gives jobs that cannot be.
    ImpossibleJobs,
    /// Refuses every account.
    RefusesLogin,
    /// Gives work and calls every share wrong.
    RejectsAll,
    /// Gives work and answers with ids that nobody asked with.
    WrongIds,
}

/// What a pool asks for.
#[derive(Clone, Debug)]
pub struct GrinJob {
    pub pre_pow: Vec<u8>,
    pub difficulty: u64,
    pub height: u64,
    pub job_id: u64,
}

struct Shared {
    manner: Manner,
    edge_bits: u32,
    cortex: Mutex<CortexJob>,
    /// The job that `cortex` has taken the place of, until a share of `cortex` comes.
    cortex_before: Mutex<Option<CortexJob>>,
    grin: Mutex<GrinJob>,
    clients: Mutex<Vec<TcpStream>>,
    requests: Mutex<Vec<Value>>,
    connections: AtomicU64,
    accepted: AtomicU64,
    stale: AtomicU64,
    refused: AtomicU64,
    stopped: AtomicBool,
}

/// A pool on a port of its own.
pub struct FakePool {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl FakePool {
    pub fn start(manner: Manner) -> FakePool {
        FakePool::with_edge_bits(manner, EDGE_BITS)
    }

    pub fn with_edge_bits(manner: Manner, edge_bits: u32) -> FakePool {
        FakePool::on(manner, edge_bits, "127.0.0.1:0".parse().unwrap())
    }

    /// On a given address, which may have been used before.
    pub fn on(manner: Manner, edge_bits: u32, address: SocketAddr) -> FakePool {
        let recorded = super::vectors("cuckoo.json");
        let block = recorded["proofs"].as_array().unwrap().iter().find(|case| !case["pre_pow"].is_null()).unwrap();
        let pre_pow = super::unhex(block["pre_pow"].as_str().unwrap());
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            manner,
            edge_bits,
            cortex: Mutex::new(CortexJob::new(1, 6_839_772)),
            cortex_before: Mutex::default(),
            grin: Mutex::new(GrinJob { pre_pow, difficulty: 1, height: 1, job_id: 0 }),
            clients: Mutex::default(),
            requests: Mutex::default(),
            connections: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            stale: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        });
        let pool = FakePool { address, shared: shared.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.stopped.load(Ordering::Relaxed) {
                    return;
                }
                shared.connections.fetch_add(1, Ordering::Relaxed);
                let shared = shared.clone();
                // Whatever ends a connection ends its thread.
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        pool
    }

    pub fn endpoint(&self) -> Endpoint {
        format!("stratum+tcp://{}", self.address).parse().unwrap()
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Pushes a job to all; who is refused for it has been told of it before.
    pub fn push(&self, job: CortexJob) {
        let mut now = self.shared.cortex.lock().unwrap();
        *self.shared.cortex_before.lock().unwrap() = Some(std::mem::replace(&mut *now, job.clone()));
        let line = format!("{}\n", json!({"id": 0, "jsonrpc": "2.0", "result": job.fields()}));
        for client in &mut *self.shared.clients.lock().unwrap() {
            let _ = client.write_all(line.as_bytes());
        }
    }

    /// The job of now with another difficulty; nobody is told.
    pub fn set_difficulty(&self, difficulty: u64) {
        self.shared.cortex.lock().unwrap().difficulty = difficulty;
        self.shared.grin.lock().unwrap().difficulty = difficulty;
    }

    /// Ends all connections; new ones are taken.
    pub fn hang_up(&self) {
        for client in self.shared.clients.lock().unwrap().drain(..) {
            let _ = client.shutdown(std::net::Shutdown::Both);
        }
    }

    /// What clients have sent.
    pub fn requests(&self) -> Vec<Value> {
        self.shared.requests.lock().unwrap().clone()
    }

    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    pub fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// Shares of the job before that came before the first share of a pushed one: they may have been on their way.
    pub fn stale(&self) -> u64 {
        self.shared.stale.load(Ordering::Relaxed)
    }

    /// Shares of nothing that the pool asks for.
    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }
}

impl Drop for FakePool {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        self.hang_up();
        // Wakes the listener, which then goes.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) {
        let _ = stream.set_write_timeout(Some(Duration::from_secs(2)));
        self.clients.lock().unwrap().push(stream.try_clone().unwrap());
        match self.manner {
            Manner::Closes => {}
            Manner::Silent => std::thread::sleep(Duration::from_secs(5)),
            Manner::Garbage => {
                for round in 0u32.. {
                    let bytes: Vec<u8> = (0..200u32).map(|at| (at * at + round) as u8).collect();
                    if stream.write_all(&bytes).is_err() {
                        break;
                    }
                }
            }
            Manner::EndlessLine => while stream.write_all(&[b'x'; 4096]).is_ok() {},
            Manner::Flood => while stream.write_all(b"{\"id\":0,\"method\":\"hello\",\"params\":[]}\n").is_ok() {},
            Manner::ImpossibleJobs => {
                for _ in 0..1000 {
                    let line = b"{\"id\":0,\"result\":[\"0x12\",\"\",\"0x0\",\"0x\"]}\n";
                    if stream.write_all(line).is_err() {
                        break;
                    }
                }
            }
            _ => self.converse(stream.try_clone().unwrap()),
        }
        let _ = stream.shutdown(std::net::Shutdown::Both);
    }

    fn converse(&self, mut stream: TcpStream) {
        let reader = BufReader::new(stream.try_clone().unwrap());
        for line in reader.lines() {
            let Ok(line) = line else { return };
            let request: Value = serde_json::from_str(&line).unwrap();
            self.requests.lock().unwrap().push(request.clone());
            let answers = if self.manner == Manner::Grin { self.grin(&request) } else { self.cortex(&request) };
            for answer in answers {
                if stream.write_all(format!("{answer}\n").as_bytes()).is_err() {
                    return;
                }
            }
            let gave_work = request["method"].as_str().is_some_and(|method| method.ends_with("getWork"));
            match self.manner {
                Manner::GivesAndCloses if gave_work => return,
                Manner::GivesAndFallsSilent if gave_work => {
                    let _ = stream.read_to_end(&mut Vec::new());
                    return;
                }
                _ => {}
            }
        }
    }

    fn cortex(&self, request: &Value) -> Vec<Value> {
        let job = self.cortex.lock().unwrap();
        let id = if self.manner == Manner::WrongIds { json!("none of yours") } else { request["id"].clone() };
        let answer = match request["method"].as_str() {
            Some("ctxc_submitLogin") if self.manner == Manner::RefusesLogin => {
                json!({"id": id, "result": false, "error": {"code": -1, "message": "no such wallet"}})
            }
            // Even a pool of wrong ids is logged in to; else it would give no work.
            Some("ctxc_submitLogin") => json!({"id": request["id"], "jsonrpc": "2.0", "result": true}),
            Some("ctxc_getWork") => {
                assert_eq!(request["params"], json!([""]));
                json!({"id": id, "jsonrpc": "2.0", "result": job.fields()})
            }
            Some("ctxc_submitWork") => {
                let is_good = self.manner != Manner::RejectsAll && job.accepts(&request["params"], self.edge_bits);
                let mut before = self.cortex_before.lock().unwrap();
                let counter = if is_good {
                    *before = None;
                    &self.accepted
                } else if before.as_ref().is_some_and(|job| job.accepts(&request["params"], self.edge_bits)) {
                    &self.stale
                } else {
                    &self.refused
                };
                counter.fetch_add(1, Ordering::Relaxed);
                json!({"id": id, "result": is_good})
            }
            other => panic!("no method of the dialect: {other:?}"),
        };
        vec![answer]
    }

    fn grin(&self, request: &Value) -> Vec<Value> {
        let method = request["method"].as_str().unwrap();
        let answer = |result: Value, error: Value| json!({"id": request["id"], "jsonrpc": "2.0", "method": method, "result": result, "error": error});
        let mut job = self.grin.lock().unwrap();
        match method {
            "login" => {
                assert!(["login", "pass", "agent"].iter().all(|field| request["params"][field].is_string()));
                vec![answer(json!("ok"), Value::Null)]
            }
            "keepalive" => vec![answer(json!("ok"), Value::Null)],
            "getjobtemplate" => vec![answer(job.fields(), Value::Null)],
            "submit" => match job.refusal(&request["params"], self.edge_bits) {
                None => {
                    self.accepted.fetch_add(1, Ordering::Relaxed);
                    job.height += 1;
                    // The block before, as a header names it.
                    let height = job.height.to_be_bytes();
                    job.pre_pow[18..26].copy_from_slice(&height);
                    let push = json!({"id": "Stratum", "jsonrpc": "2.0", "method": "job", "params": job.fields()});
                    // As the real node: the push comes before the answer.
                    vec![push, answer(json!("blockfound - 0a0b0c"), Value::Null)]
                }
                Some((code, message)) => {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    vec![answer(Value::Null, json!({"code": code, "message": message}))]
                }
            },
            other => panic!("no method of the dialect: {other}"),
        }
    }
}

impl GrinJob {
    fn fields(&self) -> Value {
        let GrinJob { pre_pow, difficulty, height, job_id } = self;
        json!({"difficulty": difficulty, "height": height, "job_id": job_id, "pre_pow": super::hex(pre_pow)})
    }

    /// Why a submission is refused; by golden alone.
    fn refusal(&self, params: &Value, edge_bits: u32) -> Option<(i64, &'static str)> {
        let number = |name: &str| params[name].as_u64().unwrap();
        if number("height") != self.height || number("job_id") != self.job_id {
            return Some((-32503, "Solution submitted too late"));
        }
        let edge_bits = EdgeBits::new(edge_bits).unwrap();
        assert_eq!(number("edge_bits"), u64::from(edge_bits.get()));
        let proof: Vec<u64> = params["pow"].as_array().unwrap().iter().map(|edge| edge.as_u64().unwrap()).collect();
        let keys = Keys::of_header(&grin::header(&self.pre_pow, number("nonce")));
        let graph = Graph::new(Variant::Cuckatoo, Sip::TwoFour, edge_bits, keys);
        if !verify(&graph, ProofSize::MAIN, &proof).is_valid() {
            return Some((-32502, "Failed to validate solution"));
        }
        let is_low = grin::difficulty(edge_bits, &proof, 1) < self.difficulty;
        is_low.then_some((-32501, "Share rejected due to low difficulty"))
    }
}
