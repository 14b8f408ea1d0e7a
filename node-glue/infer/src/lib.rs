//! What a full node asks of an inference backend.
//!
//! [`Node`] answers a node's three questions (a model's answer to a file, to bytes, and its price)
//! from a storage folder by the rules of consensus: byte orders, error classes, fixed results, the
//! substituted model. [`Model`] is one loaded model, as the shared library hands it out. Both run on
//! an [`Engine`]: the processor ([`CpuEngine`]), or a device with the processor at its side
//! ([`DeviceEngine`]); a [`GuardedEngine`] keeps an engine's faults from the node.
//! The `service` module (feature `service`) puts a [`Node`] behind HTTP.
//!
//! **Source.** CortexTheseus 5c9b016f6 and cvm-runtime b5a2518.
//!
//! ```no_run
//! use myelin_infer::{CpuEngine, FileRef, GuardedEngine, Node, NodeConfig};
//!
//! let engine = GuardedEngine::new(CpuEngine::default(), CpuEngine::portable());
//! let node = Node::new(&NodeConfig::new("/root/.cortex/storage"), engine);
//! let model = FileRef { hash: "0xA1b2c3D4E5f60718293A4B5C6D7E8f9001122334", size: 12950 };
//! let operations = node.operation_count(model, 21)?;
//! # Ok::<(), myelin_infer::InferError>(())
//! ```

mod backend;
mod cache;
mod error;
mod hash;
mod input;
mod model;
mod node;
pub mod npy;
mod overrides;
#[cfg(feature = "service")]
pub mod service;
mod storage;
pub mod verify;

pub use backend::{
    CpuEngine, DeviceConfig, DeviceEngine, DeviceHealth, Engine, GuardedEngine, Prepared, ProbeIntervals,
    QuarantineReason,
};
pub use cache::{ByteCache, Eviction};
pub use error::{Doing, EngineError, ErrorClass, InferError, LOGIC_TEXT, RUNTIME_TEXT, class_text};
pub use hash::{InfoHash, ResultKey, from_hex, to_hex};
pub use model::{Model, operation_count};
pub use node::{FileRef, Node, NodeConfig, NodeCounters};
pub use storage::{FILE_BYTES_MAX, Storage, Stored};
