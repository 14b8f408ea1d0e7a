//! The stick's end of a session.

use super::frame::{Frame, FrameKind, Header};
use super::hello::{Hello, HelloReply, Limits, PROTOCOL_VERSION};
use super::slots::{Slots, advance, check_parameters, distance};

/// What a received frame means to the stick.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received<'a> {
    /// Nothing to be done.
    Nothing,
    /// A new session: whatever is still being done for the old one is not answered any more.
    NewSession,
    /// A request to be executed now, once: put the answer into [`Responder::reply_buffer`] and say
    /// [`Responder::complete`], at once or later. Until then no other request is given out.
    Execute(&'a [u8]),
}

/// The stick's end: gives out each request once, keeps answers for those that are asked again.
///
/// No I/O and no clock. `W`, `P`, `M`: see [`super::Requester`]; the answers to the last `W` requests are kept,
/// for the host asks for nothing older once it has sent `W` more.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Responder<const W: usize, const P: usize, const M: u32 = 65536> {
    limits: Limits,
    /// 0: no session.
    epoch: u16,
    next_epoch: u16,
    nonce: u64,
    version: u16,
    /// The next request to be executed.
    expected: u16,
    /// How many answers are kept, of the requests before `expected`.
    kept: u32,
    /// Whether the last of them is not there yet.
    is_executing: bool,
    replies: Slots<W, P>,
    /// Answers to be sent, a bit for each slot.
    due: u32,
    hello: [u8; HelloReply::BYTES],
    is_hello_due: bool,
    is_acknowledge_due: bool,
    /// Whether it was said that `expected` is expected.
    has_acknowledged: bool,
    no_session: Option<u16>,
}

impl<const W: usize, const P: usize, const M: u32> Responder<W, P, M> {
    /// Without a session. `window` and `payload_max` of the limits are set here. `first_epoch` should differ from boot to boot:
    /// then what is still under way from before a restart is recognised.
    pub const fn new(limits: Limits, first_epoch: u16) -> Self {
        const { check_parameters(W, P, M) };
        let limits = Limits { window: W as u8, payload_max: P as u16, ..limits };
        Responder {
            limits,
            epoch: 0,
            next_epoch: first_epoch,
            nonce: 0,
            version: 0,
            expected: 0,
            kept: 0,
            is_executing: false,
            replies: Slots::new(),
            due: 0,
            hello: [0; HelloReply::BYTES],
            is_hello_due: false,
            is_acknowledge_due: false,
            has_acknowledged: false,
            no_session: None,
        }
    }

    /// What hosts are told.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether there is a session.
    pub fn is_open(&self) -> bool {
        self.epoch != 0
    }

    /// Whether a request was given out and not completed.
    pub fn is_executing(&self) -> bool {
        self.is_executing
    }

    /// Takes in a frame.
    pub fn receive<'a>(&mut self, frame: &Frame<'a>) -> Received<'a> {
        match frame.header.kind {
            FrameKind::Hello => self.receive_hello(frame),
            FrameKind::Request if self.epoch == 0 || frame.header.epoch != self.epoch => {
                self.no_session = Some(frame.header.epoch);
                Received::Nothing
            }
            FrameKind::Request => self.receive_request(frame),
            _ => Received::Nothing,
        }
    }

    fn receive_hello(&mut self, frame: &Frame<'_>) -> Received<'static> {
        let Some(Hello { version, nonce }) = Hello::decode(frame.payload) else {
            return Received::Nothing;
        };
        self.is_hello_due = true;
        self.hello = HelloReply { version: PROTOCOL_VERSION, nonce, limits: self.limits }.to_bytes();
        // A hello repeated before anything was done in its session does not open another.
        let is_repeated = self.epoch != 0 && self.nonce == nonce && self.expected == 0 && self.kept == 0;
        if is_repeated && self.version == version {
            return Received::Nothing;
        }
        (self.nonce, self.version) = (nonce, version);
        self.epoch = if version == PROTOCOL_VERSION { self.take_epoch() } else { 0 };
        (self.expected, self.kept, self.due) = (0, 0, 0);
        self.is_executing = false;
        self.is_acknowledge_due = false;
        self.has_acknowledged = false;
        self.no_session = None;
        Received::NewSession
    }

    fn take_epoch(&mut self) -> u16 {
        let epoch = self.next_epoch.max(1);
        self.next_epoch = epoch.wrapping_add(1);
        epoch
    }

    fn receive_request<'a>(&mut self, frame: &Frame<'a>) -> Received<'a> {
        let sequence = frame.header.sequence;
        if u32::from(sequence) >= M {
            return Received::Nothing;
        }
        let behind = distance::<M>(sequence, self.expected);
        if sequence == self.expected && !self.is_executing && frame.payload.len() <= P {
            self.expected = advance::<M>(self.expected, 1);
            self.kept = (self.kept + 1).min(W as u32);
            self.is_executing = true;
            self.has_acknowledged = false;
            self.due &= !Self::bit(sequence);
            return Received::Execute(frame.payload);
        }
        if behind == 1 && self.is_executing {
            self.is_acknowledge_due = true;
        } else if (1..=self.kept).contains(&behind) {
            self.due |= Self::bit(sequence);
        } else if !self.has_acknowledged {
            // Lost before it, or no time for it now: say so once.
            self.is_acknowledge_due = true;
        }
        Received::Nothing
    }

    /// Where the answer to the request that is being executed goes.
    pub fn reply_buffer(&mut self) -> &mut [u8; P] {
        self.replies.buffer(advance::<M>(self.expected, M - 1))
    }

    /// The answer is in the buffer and has so many bytes. Without a request that is being executed nothing happens.
    pub fn complete(&mut self, length: usize) {
        if self.is_executing {
            let sequence = advance::<M>(self.expected, M - 1);
            self.replies.set_length(sequence, length);
            self.due |= Self::bit(sequence);
            self.is_executing = false;
            self.has_acknowledged = false;
        }
    }

    /// The next frame to be sent; call it until it answers `None`. `credits`: frames that there is room for.
    pub fn poll(&mut self, credits: u8) -> Option<Frame<'_>> {
        let credits = if self.is_executing { 0 } else { credits.min(W as u8) };
        let mut header =
            Header { kind: FrameKind::Reply, credits, sequence: 0, acknowledge: self.expected, epoch: self.epoch };
        if core::mem::take(&mut self.is_hello_due) {
            header.kind = FrameKind::HelloReply;
            return Some(Frame { header, payload: &self.hello });
        }
        if let Some(epoch) = self.no_session.take() {
            (header.kind, header.epoch) = (FrameKind::NoSession, epoch);
            return Some(Frame { header, payload: &[] });
        }
        for behind in (1..=self.kept).rev() {
            let sequence = advance::<M>(self.expected, M - behind);
            if self.due & Self::bit(sequence) != 0 {
                self.due &= !Self::bit(sequence);
                header.sequence = sequence;
                return Some(Frame { header, payload: self.replies.get(sequence) });
            }
        }
        if core::mem::take(&mut self.is_acknowledge_due) {
            self.has_acknowledged = true;
            header.kind = FrameKind::Acknowledge;
            return Some(Frame { header, payload: &[] });
        }
        None
    }

    fn bit(sequence: u16) -> u32 {
        1 << Slots::<W, P>::index(sequence)
    }
}
