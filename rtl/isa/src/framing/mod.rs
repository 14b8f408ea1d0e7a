//! The channel between a host and a stick: frames, sessions, commands.
//!
//! ```text
//!   host                                                            stick
//!   Request::encode -> Requester -> Frame::encode -> bytes -> Deframer -> Responder -> Request::decode
//!   Reply::decode   <- Requester <- Deframer <- bytes <- Frame::encode <- Responder <- Reply::encode
//! ```
//! **Channel.** Bytes in order; any of them may be lost, changed, repeated or invented. [`Frame`]s are delimited by
//! zeros and carry CRC32C, so what arrives as a frame was sent as one, and loss is all that remains.
//!
//! **Session.** A [`Hello`] with a fresh nonce opens one; the *stick* numbers them (epoch), so that a stale hello cannot
//! bring an old session back. Both ends may restart at any time: a stick answers a frame of another epoch with
//! [`FrameKind::NoSession`], and the host closes its session ([`Closed::Restarted`]).
//!
//! **Requests** are numbered within the session. The stick executes each at most once, in order, and keeps the last
//! answers: a repeated request gets its answer again. The host sends at most a window of requests without an
//! answer, and of those that the stick has not acknowledged at most its credits; without progress it goes
//! back to the oldest (go-back-N). Replies are the acknowledgement; an own frame for that says that something was
//! lost on the way, or that a request takes its time.
//!
//! **Bounds.** No allocation: windows and payloads are parameters of the types. No panic on any bytes.
//! `rtl/isa/tests/channel/` explores all states of small sessions.

mod bytes;
mod checksum;
mod cobs;
mod frame;
mod hello;
mod reply;
mod request;
mod requester;
mod responder;
mod slots;

pub use checksum::{Checksum, SoftwareChecksum};
pub use frame::{
    CHECKSUM_BYTES, Deframer, Frame, FrameKind, HEADER_BYTES, Header, PAYLOAD_MAX, frame_length, wire_length_max,
};
pub use hello::{Hello, HelloReply, Limits, PROTOCOL_VERSION};
pub use reply::{
    BoardInfo, CoreKind, FAULT_ENTRY_BYTES, FaultEntry, JOB_REPLY_OVERHEAD, JobState, OBJECT_ENTRY_BYTES, ObjectEntry,
    Reason, Refusal, Reply, SelfTestReport, TestResult, Verdict, fault,
};
pub use request::{ObjectName, REQUEST_OVERHEAD, Reboot, Request, RequestError, WAIT_MS_MAX};
pub use requester::{Closed, Event, Patience, Requester, SessionState, SubmitError, Ticket};
pub use responder::{Received, Responder};
