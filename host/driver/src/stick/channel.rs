//! Requests to a stick and their answers, over a wire on which anything may be lost.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use myelin_isa::framing::{
    Closed, Deframer, Event, Limits, PAYLOAD_MAX, Patience, Refusal, Reply, Request, Requester, SoftwareChecksum,
    SubmitError, frame_length, wire_length_max,
};

use super::serial::OpenError;
use super::wire::{Wire, WireError};

/// Most requests under way.
const WINDOW: usize = 8;
/// While bytes wait to be sent, the line is looked at so often.
const SEND_INTERVAL: Duration = Duration::from_micros(500);

/// The host's end of the channel: opens sessions, sends requests again until they are answered, keeps their order.
pub(super) struct Channel<W: Wire> {
    wire: W,
    requester: Box<Requester<WINDOW, PAYLOAD_MAX>>,
    deframer: Box<Deframer<{ frame_length(PAYLOAD_MAX) }>>,
    /// Bytes that wait to be sent.
    unsent: VecDeque<u8>,
    /// Received, and not yet looked at.
    received: Vec<u8>,
    /// What milliseconds are counted from.
    start: Instant,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChannelError {
    /// The stick did not answer in time.
    #[error("no answer in time")]
    Timeout,
    /// It was unplugged.
    #[error("the stick is unplugged")]
    Gone,
    /// It cannot be opened again.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It was restarted, or somebody else has taken it: what it was doing is lost.
    #[error("the stick was restarted, or another program has taken it")]
    Restarted,
    /// It speaks another version of the protocol.
    #[error("the stick speaks version {found} of the protocol, expected {}", myelin_isa::framing::PROTOCOL_VERSION)]
    Version {
        /// Its version.
        found: u16,
    },
    /// It does not do what was asked.
    #[error("the stick refuses: {}", refusal_text(.0))]
    Refused(Refusal),
    /// An answer that does not fit the request.
    #[error("the stick's answer makes no sense")]
    BadReply,
    /// A request is longer than the stick takes.
    #[error("a request is longer than the stick takes, {payload_max} bytes")]
    TooLong {
        /// Most bytes.
        payload_max: usize,
    },
    /// The system.
    #[error(transparent)]
    System(std::io::Error),
}

impl From<WireError> for ChannelError {
    fn from(error: WireError) -> ChannelError {
        match error {
            WireError::Gone => ChannelError::Gone,
            WireError::System(error) => ChannelError::System(error),
        }
    }
}

/// What a refusal says to people.
pub(super) fn refusal_text(refusal: &Refusal) -> String {
    format!("{:?} ({:#x})", refusal.reason, refusal.detail)
}

impl<W: Wire> Channel<W> {
    /// Without a session yet. `retransmit`: time without progress after which requests are sent again.
    pub fn new(wire: W, retransmit: Duration) -> Channel<W> {
        let retransmit_ms = u32::try_from(retransmit.as_millis()).unwrap_or(u32::MAX).max(1);
        // The deadline of each operation says when to give up.
        let patience = Patience { retransmit_ms, tries_max: 0 };
        Channel {
            wire,
            requester: Box::new(Requester::new(patience)),
            deframer: Box::new(Deframer::new()),
            unsent: VecDeque::new(),
            received: Vec::new(),
            start: Instant::now(),
        }
    }

    /// The way to the stick.
    pub fn wire_mut(&mut self) -> &mut W {
        &mut self.wire
    }

    /// Most bytes of a request's or an answer's payload.
    pub fn payload_max(&self) -> usize {
        self.requester.payload_max()
    }

    /// Opens a session, whatever was before; answers what the stick says of itself.
    pub fn open(&mut self, deadline: Instant) -> Result<Limits, ChannelError> {
        // A nonce that no other session of the stick has had: of the system's generator, like every `RandomState`.
        let nonce = RandomState::new().hash_one(self.start);
        self.requester.open(nonce);
        self.unsent.clear();
        loop {
            match self.pump(deadline, &mut |_| Ok(()))? {
                Some(Happened::Opened(limits)) => return Ok(limits),
                Some(Happened::Closed(why)) => return Err(closed(why)),
                Some(Happened::Answered) | None => {}
            }
        }
    }

    /// Opens the wire and a session again, after [`ChannelError::Gone`].
    pub fn reopen(&mut self, deadline: Instant) -> Result<Limits, ChannelError> {
        self.wire.reopen()?;
        self.received.clear();
        *self.deframer = Deframer::new();
        self.open(deadline)
    }

    /// One request's answer, as `take` makes it of the reply; `None` from there is no sensible answer.
    ///
    /// # Errors
    /// [`ChannelError`]; without an answer the request may or may not have been carried out.
    pub fn ask<T>(
        &mut self,
        request: &Request<'_>,
        deadline: Instant,
        take: impl FnOnce(&Reply<'_>) -> Option<T>,
    ) -> Result<T, ChannelError> {
        let (mut take, mut answer) = (Some(take), None);
        self.ask_all(std::iter::once(*request), deadline, |_, reply| {
            answer = take.take().and_then(|take| take(reply));
            answer.is_some()
        })?;
        answer.ok_or(ChannelError::BadReply)
    }

    /// Many requests, as many at a time as the stick takes; `take` is given the answers in order and says whether
    /// they make sense.
    ///
    /// # Errors
    /// As [`Channel::ask`], for the first that has none; what follows may or may not have been carried out.
    pub fn ask_all<'r>(
        &mut self,
        requests: impl IntoIterator<Item = Request<'r>>,
        deadline: Instant,
        mut take: impl FnMut(usize, &Reply<'_>) -> bool,
    ) -> Result<(), ChannelError> {
        if self.requester.outstanding() > 0 {
            // Answers to what was given up would be taken for those to come.
            self.open(deadline)?;
        }
        let mut requests = requests.into_iter().peekable();
        let (mut submitted, mut answered) = (0, 0);
        let mut payload = vec![0; PAYLOAD_MAX];
        while answered < submitted || requests.peek().is_some() {
            while let Some(request) = requests.peek() {
                let too_long = ChannelError::TooLong { payload_max: self.payload_max() };
                let length = request.encode(&mut payload).ok_or(too_long)?;
                match self.requester.submit(&payload[..length]) {
                    Ok(_) => (submitted, _) = (submitted + 1, requests.next()),
                    Err(SubmitError::WindowFull) => break,
                    Err(SubmitError::NotOpen) => return Err(ChannelError::Restarted),
                    Err(SubmitError::TooLong { payload_max }) => return Err(ChannelError::TooLong { payload_max }),
                }
            }
            let happened = self.pump(deadline, &mut |payload| {
                let reply = Reply::decode(payload).ok_or(ChannelError::BadReply)?;
                if let Reply::Refused(refusal) = reply {
                    return Err(ChannelError::Refused(refusal));
                }
                answered += 1;
                if take(answered - 1, &reply) { Ok(()) } else { Err(ChannelError::BadReply) }
            })?;
            if let Some(Happened::Closed(why)) = happened {
                return Err(closed(why));
            }
        }
        Ok(())
    }

    /// Sends what is due and takes in what comes, until something has happened or `deadline` is over.
    fn pump(
        &mut self,
        deadline: Instant,
        answer: &mut impl FnMut(&[u8]) -> Result<(), ChannelError>,
    ) -> Result<Option<Happened>, ChannelError> {
        loop {
            if let Some(happened) = self.take_in(answer)? {
                return Ok(Some(happened));
            }
            self.send()?;
            let now = Instant::now();
            if now >= deadline {
                return Err(ChannelError::Timeout);
            }
            let timer = self.requester.deadline().map(|at| self.start + Duration::from_millis(at));
            let until = timer.map_or(deadline, |timer| timer.min(deadline));
            let until = if self.unsent.is_empty() { until } else { until.min(now + SEND_INTERVAL) };
            let mut buffer = [0; 4096];
            let count = self.wire.receive(&mut buffer, until)?;
            self.received.extend_from_slice(&buffer[..count]);
        }
    }

    /// Puts frames that are due behind what waits, and sends what goes at once.
    fn send(&mut self) -> Result<(), ChannelError> {
        // Not more than a frame ahead of the line: what is sent again is decided late.
        while self.unsent.len() < PAYLOAD_MAX {
            let now = self.milliseconds();
            let Some(frame) = self.requester.poll(now) else { break };
            let mut bytes = vec![0; wire_length_max(frame.payload.len())];
            let length = frame.encode(&mut SoftwareChecksum, &mut bytes);
            let length = length.expect("invariant: the buffer has the length of the longest encoding");
            self.unsent.extend(&bytes[..length]);
        }
        while !self.unsent.is_empty() {
            let count = self.wire.send(self.unsent.as_slices().0, Instant::now())?;
            if count == 0 {
                break;
            }
            self.unsent.drain(..count);
        }
        Ok(())
    }

    /// Looks at received bytes until something has happened.
    fn take_in(
        &mut self,
        answer: &mut impl FnMut(&[u8]) -> Result<(), ChannelError>,
    ) -> Result<Option<Happened>, ChannelError> {
        let now = self.milliseconds();
        let (mut at, mut happened) = (0, Ok(None));
        while at < self.received.len() && matches!(happened, Ok(None)) {
            let (taken, frame) = self.deframer.push(&self.received[at..], &mut SoftwareChecksum);
            at += taken;
            let Some(frame) = frame else { continue };
            happened = match self.requester.receive(&frame, now) {
                Event::Nothing => Ok(None),
                Event::Opened(limits) => Ok(Some(Happened::Opened(limits))),
                Event::Closed(why) => Ok(Some(Happened::Closed(why))),
                Event::Reply { payload, .. } => answer(payload).map(|()| Some(Happened::Answered)),
            };
        }
        self.received.drain(..at);
        happened
    }

    fn milliseconds(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

enum Happened {
    Opened(Limits),
    Answered,
    Closed(Closed),
}

fn closed(why: Closed) -> ChannelError {
    match why {
        Closed::New | Closed::Restarted => ChannelError::Restarted,
        Closed::Silent => ChannelError::Timeout,
        Closed::Version(found) => ChannelError::Version { found },
    }
}
