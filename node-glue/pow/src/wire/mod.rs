//! What goes over the wire: lines of JSON, read with suspicion.
//!
//! Reading is pure and total: any bytes give a [`Message`] or a [`Malformed`]. The three dialects differ in
//! names and in what a job looks like; what they say is the same.

pub mod cortex;
pub mod grin;
pub mod hex;
mod line;
mod rpc;

pub use line::{LINE_BYTES_MAX, LineReader};
pub use rpc::{Malformed, Message, Refusal};
