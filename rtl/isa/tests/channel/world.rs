//! Both ends and the channel between them, as a state with successors.

use std::collections::VecDeque;

use myelin_isa::framing::{
    Event, Frame, FrameKind, Header, Hello, Limits, Patience, Received, Requester, Responder, SessionState,
};

/// Bytes of a payload: session and number.
pub const PAYLOAD: usize = 2;

/// What may happen, besides what both ends do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Requests in each session.
    pub requests: u8,
    /// Frames in each direction of the channel.
    pub channel: usize,
    /// Sessions that the host opens: all but one because it, or the stick, was restarted.
    pub sessions: u8,
    /// Restarts of the stick.
    pub stick_restarts: u8,
    /// What the channel does to frames.
    pub channel_faults: ChannelFaults,
    /// When frames are sent.
    pub sending: Sending,
}

/// When requests are made, and when an end sends what it has to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sending {
    /// As soon as window and channel have room, as the users of both do.
    Eager,
    /// At any time: many more states.
    Lazy,
}

/// What a channel does to frames. Damage that the checksum finds is a loss.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChannelFaults {
    /// It loses and repeats frames, and lets acknowledgements be overtaken.
    Tolerated,
    /// It changes a payload besides: what the checksum is for. Only to see that the explorer notices.
    Undetected,
}

/// A frame on its way.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Packet {
    header: Header,
    payload: Vec<u8>,
}

impl Packet {
    fn of(frame: Frame<'_>) -> Packet {
        Packet { header: frame.header, payload: frame.payload.to_vec() }
    }

    fn frame(&self) -> Frame<'_> {
        Frame { header: self.header, payload: &self.payload }
    }
}

/// What can happen in a state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    Submit,
    HostSends,
    HostTimesOut,
    HostOpens,
    StickSends,
    StickCompletes,
    StickRestarts,
    /// The channel's first frame arrives and, with `again`, stays; the stick answers at once or `later`.
    ToStick {
        again: bool,
        later: bool,
    },
    ToHost {
        again: bool,
    },
    LoseToStick,
    LoseToHost,
    /// The second frame overtakes the first, one of them being an acknowledgement.
    Overtake,
    Change,
}

/// Both ends, the channel, and what an observer remembers.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct World<const W: usize, const M: u32> {
    host: Requester<W, PAYLOAD, M>,
    stick: Responder<W, PAYLOAD, M>,
    to_stick: VecDeque<Packet>,
    to_host: VecDeque<Packet>,
    /// The host's present session, which is its nonce, and what it has asked and been answered in it.
    session: u8,
    submitted: u8,
    answered: u8,
    /// The session that the stick's epoch was opened for, and what was executed in the epoch.
    stick_session: u8,
    executed: u8,
    /// The request that is being executed.
    executing: Option<Vec<u8>>,
    stick_restarts: u8,
}

/// A rule that was broken.
pub type Violation = String;

impl<const W: usize, const M: u32> World<W, M> {
    pub fn new() -> World<W, M> {
        let patience = Patience { retransmit_ms: 1, tries_max: 0 };
        let mut world = World {
            host: Requester::new(patience),
            stick: Responder::new(limits(), 1),
            to_stick: VecDeque::new(),
            to_host: VecDeque::new(),
            session: 0,
            submitted: 0,
            answered: 0,
            stick_session: 0,
            executed: 0,
            executing: None,
            stick_restarts: 0,
        };
        world.open();
        world
    }

    /// Every request of the present session has its answer.
    pub fn is_done(&self, bounds: &Bounds) -> bool {
        self.answered == bounds.requests
    }

    /// The host would have to open another session, and the bounds allow none.
    pub fn is_spent(&self, bounds: &Bounds) -> bool {
        matches!(self.host.state(), SessionState::Closed(_)) && self.session == bounds.sessions
    }

    pub fn actions(&self, bounds: &Bounds) -> Vec<Action> {
        let mut all = Vec::new();
        let mut add = |action, when: bool| {
            if when {
                all.push(action);
            }
        };
        let open = self.host.state() == SessionState::Open && self.host.outstanding() < self.host.window();
        let lazy = bounds.sending == Sending::Lazy;
        add(Action::Submit, lazy && open && self.submitted < bounds.requests);
        add(Action::HostSends, lazy && self.to_stick.len() < bounds.channel && self.host.clone().poll(0).is_some());
        add(Action::HostTimesOut, self.host.deadline().is_some());
        add(Action::HostOpens, self.session < bounds.sessions);
        add(
            Action::StickSends,
            lazy && self.to_host.len() < bounds.channel && self.stick.clone().poll(W as u8).is_some(),
        );
        add(Action::StickCompletes, self.executing.is_some());
        add(Action::StickRestarts, self.stick_restarts < bounds.stick_restarts);
        for again in [false, true] {
            for later in [false, true] {
                add(Action::ToStick { again, later }, !self.to_stick.is_empty());
            }
            add(Action::ToHost { again }, !self.to_host.is_empty());
        }
        add(Action::LoseToStick, !self.to_stick.is_empty());
        add(Action::LoseToHost, !self.to_host.is_empty());
        let is_acknowledge = |packet: &Packet| packet.header.kind == FrameKind::Acknowledge;
        add(Action::Overtake, self.to_host.len() > 1 && self.to_host.iter().take(2).any(is_acknowledge));
        let undetected = bounds.channel_faults == ChannelFaults::Undetected;
        add(Action::Change, undetected && self.to_stick.front().is_some_and(|p| p.header.kind == FrameKind::Request));
        all
    }

    pub fn act(&mut self, action: Action, bounds: &Bounds) -> Result<(), Violation> {
        self.happen(action)?;
        if bounds.sending == Sending::Eager {
            self.submit_all(bounds)?;
            self.send(bounds.channel);
        }
        Ok(())
    }

    /// The host makes all requests that it can.
    fn submit_all(&mut self, bounds: &Bounds) -> Result<(), Violation> {
        while self.host.state() == SessionState::Open
            && self.host.outstanding() < self.host.window()
            && self.submitted < bounds.requests
        {
            self.happen(Action::Submit)?;
        }
        Ok(())
    }

    /// Both ends send what they have and the channel has room for.
    pub fn send(&mut self, channel: usize) {
        while self.to_stick.len() < channel
            && let Some(packet) = self.host.poll(0).map(Packet::of)
        {
            self.to_stick.push_back(packet);
        }
        while self.to_host.len() < channel
            && let Some(packet) = self.stick.poll(W as u8).map(Packet::of)
        {
            self.to_host.push_back(packet);
        }
    }

    fn happen(&mut self, action: Action) -> Result<(), Violation> {
        match action {
            Action::Submit => {
                let ticket = self.host.submit(&[self.session, self.submitted]).map_err(|e| format!("{e:?}"))?;
                check(ticket.0, self.submitted as u16 % M as u16, "ticket of a request")?;
                self.submitted += 1;
            }
            Action::HostSends => self.to_stick.extend(self.host.poll(0).map(Packet::of)),
            Action::HostTimesOut => self.host.time_out(),
            Action::HostOpens => self.open(),
            Action::StickSends => self.to_host.extend(self.stick.poll(W as u8).map(Packet::of)),
            Action::StickCompletes => self.complete(),
            Action::StickRestarts => {
                self.stick_restarts += 1;
                // Other epochs than before: the boot counter is in it.
                self.stick = Responder::new(limits(), 1 + 100 * u16::from(self.stick_restarts));
                self.executing = None;
            }
            Action::ToStick { again, later } => {
                let packet = take(&mut self.to_stick, again);
                self.arrives_at_stick(&packet, later)?;
            }
            Action::ToHost { again } => {
                let packet = take(&mut self.to_host, again);
                self.arrives_at_host(&packet)?;
            }
            Action::LoseToStick => drop(self.to_stick.pop_front()),
            Action::LoseToHost => drop(self.to_host.pop_front()),
            Action::Overtake => self.to_host.swap(0, 1),
            Action::Change => self.to_stick[0].payload[1] ^= 1,
        }
        Ok(())
    }

    fn open(&mut self) {
        self.session += 1;
        (self.submitted, self.answered) = (0, 0);
        self.host.open(u64::from(self.session));
    }

    fn complete(&mut self) {
        if let Some(request) = self.executing.take() {
            self.stick.reply_buffer().copy_from_slice(&[request[0] | 0x80, request[1]]);
            self.stick.complete(PAYLOAD);
        }
    }

    fn arrives_at_stick(&mut self, packet: &Packet, later: bool) -> Result<(), Violation> {
        match self.stick.receive(&packet.frame()) {
            Received::Nothing => {}
            Received::NewSession => {
                self.stick_session = Hello::decode(&packet.payload).unwrap().nonce as u8;
                (self.executed, self.executing) = (0, None);
            }
            Received::Execute(request) => {
                check(request, &[self.stick_session, self.executed][..], "request that is executed next")?;
                check(&self.executing, &None, "request that is executed already")?;
                self.executed += 1;
                self.executing = Some(request.to_vec());
                if !later {
                    self.complete();
                }
            }
        }
        Ok(())
    }

    fn arrives_at_host(&mut self, packet: &Packet) -> Result<(), Violation> {
        match self.host.receive(&packet.frame(), 0) {
            Event::Nothing | Event::Opened(_) | Event::Closed(_) => {}
            Event::Reply { ticket, payload } => {
                check(payload, &[self.session | 0x80, self.answered][..], "answer that comes next")?;
                check(ticket.0, self.answered as u16 % M as u16, "ticket of an answer")?;
                check(self.answered < self.submitted, true, "request that is answered was made")?;
                self.answered += 1;
            }
        }
        Ok(())
    }

    /// Lets everything arrive in order from here on, with time-outs only when nothing else happens, and a new session
    /// whenever the host has none; answers after how many rounds all requests have their answers.
    pub fn settle(&mut self, bounds: &Bounds) -> Result<u32, Violation> {
        for round in 0..100 {
            if self.is_done(bounds) {
                return Ok(round);
            }
            if matches!(self.host.state(), SessionState::Closed(_)) {
                self.open();
            }
            self.submit_all(bounds)?;
            let mut quiet = true;
            while let Some(packet) = self.to_stick.pop_front() {
                self.arrives_at_stick(&packet, false)?;
                quiet = false;
            }
            self.complete();
            while let Some(packet) = self.to_host.pop_front() {
                self.arrives_at_host(&packet)?;
                quiet = false;
            }
            self.send(usize::MAX);
            if quiet && self.to_stick.is_empty() && self.to_host.is_empty() {
                self.host.time_out();
            }
        }
        Err(format!("no progress: {self:?}"))
    }
}

fn take(channel: &mut VecDeque<Packet>, again: bool) -> Packet {
    if again { channel[0].clone() } else { channel.pop_front().unwrap() }
}

fn check<T: PartialEq + std::fmt::Debug>(found: T, expected: T, what: &str) -> Result<(), Violation> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?}, expected {expected:?}")) }
}

fn limits() -> Limits {
    Limits { window: 0, payload_max: 0, specification: 0, map_version: 0, boots: 0, reset_cause: 0 }
}
