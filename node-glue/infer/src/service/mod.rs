//! The service: a [`crate::Node`] behind HTTP.
//!
//! ```text
//! POST /infer     the node's protocol; see `protocol`
//! GET  /healthz   200 "ok", or 503 when stopping or out of capacity
//! GET  /metrics   Prometheus
//! GET  /models    JSON list of what the storage has
//! ```
//! A connection is read by `listen`, a request by `routes`; work is done by a fixed number of
//! threads in `workers`, behind a queue of fixed length. Whoever finds the queue full is told so at
//! once, whoever waits longer than the deadline is told that; in the protocol both are runtime errors,
//! which a node retries. The work goes on and its answer is remembered for the retry.

mod listen;
mod logs;
mod metrics;
mod protocol;
mod routes;
mod workers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::backend::DeviceHealth;

pub use listen::{ServeError, Server, serve_until_signal};
pub use logs::{LogFormat, LogLevel, start_logs};
pub use protocol::{BadRequest, Request};

/// Limits of the service; every queue and wait has one.
#[derive(Debug, Clone)]
pub struct ServiceConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Threads that load and run models.
    pub workers: usize,
    /// Requests that may wait for a worker.
    pub queue: usize,
    /// Connections served at a time; further ones wait in the system's queue.
    pub connections: usize,
    /// Longest request body in bytes.
    pub body_bytes: usize,
    /// Longest time for a client to send its request: head, and again body.
    pub read_deadline: Duration,
    /// Longest time for a request to wait for its answer; clients give up after 15 s.
    pub answer_deadline: Duration,
    /// Longest time for requests under way when stopping.
    pub drain_deadline: Duration,
    /// Failures of the device that were kept from the node; see [`crate::GuardedEngine::faults`].
    pub faults: Arc<AtomicU64>,
    /// What is known of the devices; empty where only processors compute.
    pub devices: Vec<Arc<DeviceHealth>>,
}

impl ServiceConfig {
    /// The defaults: a worker for each processor, 256 waiting, 256 connections, 8 MiB, 5 s to read,
    /// 12 s to answer.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            workers: std::thread::available_parallelism().map_or(1, |count| count.get()),
            queue: 256,
            connections: 256,
            body_bytes: 8 << 20,
            read_deadline: Duration::from_secs(5),
            answer_deadline: Duration::from_secs(12),
            drain_deadline: Duration::from_secs(12),
            faults: Arc::default(),
            devices: Vec::new(),
        }
    }
}
