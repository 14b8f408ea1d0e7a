//! The host's end of a session.

use super::frame::{Frame, FrameKind, Header};
use super::hello::{Hello, HelloReply, Limits, PROTOCOL_VERSION};
use super::slots::{Slots, advance, check_parameters, distance};

/// How patient a requester is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Patience {
    /// Milliseconds without progress after which everything without an answer is sent again.
    pub retransmit_ms: u32,
    /// So many times in a row, then the session is closed; 0: for ever.
    pub tries_max: u8,
}

impl Default for Patience {
    /// A tenth of a second, twenty times.
    fn default() -> Patience {
        Patience { retransmit_ms: 100, tries_max: 20 }
    }
}

/// A request that was given to a [`Requester`]: its sequence. Answers come in the order of requests.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ticket(pub u16);

/// What a received frame means to the host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event<'a> {
    /// Nothing.
    Nothing,
    /// The session is open.
    Opened(Limits),
    /// The answer to the oldest request.
    Reply {
        /// Which request.
        ticket: Ticket,
        /// The answer's payload.
        payload: &'a [u8],
    },
    /// The session is closed: see [`Requester::state`]. Whether requests without an answer were executed is not known.
    Closed(Closed),
}

/// Why a session is closed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Closed {
    /// It was not opened yet.
    New,
    /// No answer, however often asked.
    Silent,
    /// The stick was restarted, or somebody else has opened a session.
    Restarted,
    /// The stick speaks another version: this one.
    Version(u16),
}

/// Where a session is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SessionState {
    /// No session.
    Closed(Closed),
    /// A hello was or will be sent.
    Opening,
    /// Requests can be made.
    Open,
}

/// Why a request is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SubmitError {
    /// The session is not open.
    NotOpen,
    /// As many as the window allows have no answer yet.
    WindowFull,
    /// The payload is longer than the stick takes.
    TooLong {
        /// Most bytes it takes.
        payload_max: usize,
    },
}

/// The host's end: numbers requests, sends them until they are answered, gives out answers in order.
///
/// No I/O and no clock: times are milliseconds from any start. Go-back-N over a channel that may lose, repeat
/// and damage frames and keeps their order. `W`: most requests without an answer; `P`: most bytes of a payload;
/// `M`: modulus of sequences, smaller only in tests.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Requester<const W: usize, const P: usize, const M: u32 = 65536> {
    patience: Patience,
    state: SessionState,
    hello: [u8; Hello::BYTES],
    nonce: u64,
    is_hello_due: bool,
    epoch: u16,
    window: u32,
    payload_max: usize,
    slots: Slots<W, P>,
    /// The oldest request without an answer.
    base: u16,
    /// The next one to be given out.
    next: u16,
    /// The next one to be sent.
    sent: u16,
    /// The stick has all before it. Between `base` and `next`.
    acknowledged: u16,
    credits: u32,
    /// Whether an answer out of order has already led back to `base`.
    is_rewound: bool,
    deadline: Option<u64>,
    tries: u8,
}

impl<const W: usize, const P: usize, const M: u32> Requester<W, P, M> {
    /// Without a session.
    pub const fn new(patience: Patience) -> Self {
        const { check_parameters(W, P, M) };
        Requester {
            patience,
            state: SessionState::Closed(Closed::New),
            hello: [0; Hello::BYTES],
            nonce: 0,
            is_hello_due: false,
            epoch: 0,
            window: 0,
            payload_max: 0,
            slots: Slots::new(),
            base: 0,
            next: 0,
            sent: 0,
            acknowledged: 0,
            credits: 0,
            is_rewound: false,
            deadline: None,
            tries: 0,
        }
    }

    /// Opens a new session and forgets the old one with its requests. `nonce`: see [`Hello::nonce`].
    pub fn open(&mut self, nonce: u64) {
        self.state = SessionState::Opening;
        self.hello = Hello { version: PROTOCOL_VERSION, nonce }.to_bytes();
        self.nonce = nonce;
        self.is_hello_due = true;
        self.epoch = 0;
        (self.base, self.next, self.sent, self.acknowledged) = (0, 0, 0, 0);
        self.slots = Slots::new();
        self.credits = 0;
        self.is_rewound = false;
        self.deadline = None;
        self.tries = 0;
    }

    /// Where the session is.
    pub fn state(&self) -> SessionState {
        self.state
    }

    /// Requests without an answer.
    pub fn outstanding(&self) -> usize {
        distance::<M>(self.base, self.next) as usize
    }

    /// Most requests without an answer, in the session that is open.
    pub fn window(&self) -> usize {
        self.window as usize
    }

    /// Most bytes of a request, in the session that is open.
    pub fn payload_max(&self) -> usize {
        self.payload_max
    }

    /// Takes a request. It is copied.
    ///
    /// # Errors
    /// [`SubmitError`]; nothing has changed.
    pub fn submit(&mut self, payload: &[u8]) -> Result<Ticket, SubmitError> {
        if self.state != SessionState::Open {
            return Err(SubmitError::NotOpen);
        }
        if self.outstanding() >= self.window as usize {
            return Err(SubmitError::WindowFull);
        }
        let payload_max = self.payload_max;
        let sequence = self.next;
        match self.slots.buffer(sequence).get_mut(..payload.len()) {
            Some(place) if payload.len() <= payload_max => place.copy_from_slice(payload),
            _ => return Err(SubmitError::TooLong { payload_max }),
        }
        self.slots.set_length(sequence, payload.len());
        self.next = advance::<M>(sequence, 1);
        Ok(Ticket(sequence))
    }

    /// The next frame to be sent; call it until it answers `None`, after everything else that is called here and at
    /// [`Requester::deadline`]. It may close the session ([`Closed::Silent`]).
    pub fn poll(&mut self, now_ms: u64) -> Option<Frame<'_>> {
        if self.deadline.is_some_and(|deadline| now_ms >= deadline) {
            self.time_out();
        }
        let frame_at = |kind, sequence, acknowledge, epoch| Header { kind, credits: 0, sequence, acknowledge, epoch };
        match self.state {
            SessionState::Opening if self.is_hello_due => {
                self.is_hello_due = false;
                self.start_timer(now_ms);
                Some(Frame { header: frame_at(FrameKind::Hello, 0, 0, 0), payload: &self.hello })
            }
            SessionState::Open if self.may_send() => {
                let sequence = self.sent;
                self.sent = advance::<M>(sequence, 1);
                if self.deadline.is_none() {
                    self.start_timer(now_ms);
                }
                let header = frame_at(FrameKind::Request, sequence, self.base, self.epoch);
                Some(Frame { header, payload: self.slots.get(sequence) })
            }
            _ => None,
        }
    }

    /// When [`Requester::poll`] has something to do although nothing was received; `None`: never.
    pub fn deadline(&self) -> Option<u64> {
        self.deadline
    }

    /// Does what is done when the deadline has passed: everything without an answer will be sent again.
    pub fn time_out(&mut self) {
        self.deadline = None;
        let waits = match self.state {
            SessionState::Closed(_) => false,
            SessionState::Opening => true,
            SessionState::Open => self.base != self.next,
        };
        if !waits {
            return;
        }
        if self.patience.tries_max > 0 {
            self.tries += 1;
            if self.tries > self.patience.tries_max {
                self.close(Closed::Silent);
                return;
            }
        }
        self.is_hello_due = self.state == SessionState::Opening;
        self.sent = self.base;
        self.is_rewound = false;
    }

    /// Takes in a frame. Frames of other sessions, and what a stick does not send, mean nothing.
    pub fn receive<'a>(&mut self, frame: &Frame<'a>, now_ms: u64) -> Event<'a> {
        let header = &frame.header;
        match (header.kind, self.state) {
            (FrameKind::HelloReply, SessionState::Opening) => self.receive_hello(frame),
            (FrameKind::NoSession, SessionState::Open) if header.epoch == self.epoch => self.close(Closed::Restarted),
            (FrameKind::Reply, SessionState::Open) if header.epoch == self.epoch => self.receive_reply(frame, now_ms),
            (FrameKind::Acknowledge, SessionState::Open) if header.epoch == self.epoch => {
                self.receive_acknowledge(header, now_ms);
                Event::Nothing
            }
            _ => Event::Nothing,
        }
    }

    fn receive_hello<'a>(&mut self, frame: &Frame<'a>) -> Event<'a> {
        let Some(reply) = HelloReply::decode(frame.payload).filter(|reply| reply.nonce == self.nonce) else {
            return Event::Nothing;
        };
        if reply.version != PROTOCOL_VERSION || frame.header.epoch == 0 {
            return self.close(Closed::Version(reply.version));
        }
        self.state = SessionState::Open;
        self.epoch = frame.header.epoch;
        self.window = u32::from(reply.limits.window).clamp(1, W as u32);
        self.payload_max = usize::from(reply.limits.payload_max).min(P);
        self.credits = u32::from(frame.header.credits);
        self.deadline = None;
        self.tries = 0;
        Event::Opened(reply.limits)
    }

    fn receive_reply<'a>(&mut self, frame: &Frame<'a>, now_ms: u64) -> Event<'a> {
        let header = &frame.header;
        let ahead = distance::<M>(self.base, header.sequence);
        if ahead >= self.outstanding() as u32 {
            // Of a request that has had its answer, or of none.
            return Event::Nothing;
        }
        self.take_acknowledge(header);
        if ahead > 0 {
            // Answers between were lost: ask again, once.
            if !self.is_rewound {
                self.is_rewound = true;
                self.sent = self.base;
            }
            return Event::Nothing;
        }
        self.base = advance::<M>(self.base, 1);
        // What is sent again may have been ahead of what was answered.
        if ahead_of::<M>(self.base, self.sent, self.next) {
            self.sent = self.base;
        }
        if ahead_of::<M>(self.base, self.acknowledged, self.next) {
            self.acknowledged = self.base;
        }
        self.is_rewound = false;
        self.tries = 0;
        self.deadline = None;
        if self.base != self.sent {
            self.start_timer(now_ms);
        }
        Event::Reply { ticket: Ticket(header.sequence), payload: frame.payload }
    }

    /// The stick lives, but a request did not arrive or cannot be taken now: what it has not is sent again as soon as it has room.
    fn receive_acknowledge(&mut self, header: &Header, now_ms: u64) {
        if !self.take_acknowledge(header) {
            return;
        }
        self.tries = 0;
        let (acknowledged, sent) = (self.offset(self.acknowledged), self.offset(self.sent));
        if acknowledged < sent {
            self.sent = self.acknowledged;
        }
        if self.base != self.next {
            self.start_timer(now_ms);
        }
    }

    /// Notes how far the stick is and what room it has; false if it says what cannot be, or is out of date.
    fn take_acknowledge(&mut self, header: &Header) -> bool {
        let found = self.offset(header.acknowledge);
        if found > self.outstanding() as u32 || found < self.offset(self.acknowledged) {
            return false;
        }
        self.acknowledged = header.acknowledge;
        self.credits = u32::from(header.credits);
        true
    }

    fn may_send(&self) -> bool {
        let (sent, acknowledged) = (self.offset(self.sent), self.offset(self.acknowledged));
        // What the stick has already needs no room, only its answer again; and without anything under way
        // one frame is always allowed, or stale credits would stop everything.
        self.sent != self.next && (sent == 0 || sent < acknowledged || sent - acknowledged < self.credits)
    }

    fn offset(&self, sequence: u16) -> u32 {
        distance::<M>(self.base, sequence)
    }

    fn start_timer(&mut self, now_ms: u64) {
        self.deadline = Some(now_ms.saturating_add(u64::from(self.patience.retransmit_ms)));
    }

    fn close(&mut self, why: Closed) -> Event<'static> {
        self.state = SessionState::Closed(why);
        self.deadline = None;
        self.is_hello_due = false;
        Event::Closed(why)
    }
}

/// Whether `base` has gone past `sequence`, which was between it and `next`.
fn ahead_of<const M: u32>(base: u16, sequence: u16, next: u16) -> bool {
    distance::<M>(base, sequence) > distance::<M>(base, next)
}
