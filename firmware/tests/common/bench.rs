//! A stick on a table: a host's end of the channel, a port in memory, time that passes by itself.
#![allow(dead_code, reason = "each test uses a part")]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use myelin_firmware::flash::MemoryFlash;
use myelin_firmware::{Board, Core, Stick, System, Wire};
use myelin_isa::framing::{
    Checksum, Deframer, Event, Frame, Patience, Reboot, Reply, Request, Requester, SessionState, SoftwareChecksum,
    frame_length, wire_length_max,
};

pub const PAYLOAD: usize = 512;
pub const FRAME: usize = frame_length(PAYLOAD);
pub type TestStick<C> = Stick<C, MemoryFlash, Port, Table, 4, PAYLOAD, FRAME, 3, 8>;

/// Bytes in both directions, shared with the host.
#[derive(Default)]
pub struct Cable {
    /// The port has lost a byte.
    pub has_lost: bool,
    pub to_stick: VecDeque<u8>,
    pub to_host: VecDeque<u8>,
}

#[derive(Clone)]
pub struct Port(pub Rc<RefCell<Cable>>, Vec<u8>);

impl Port {
    pub fn new() -> Port {
        Port(Rc::default(), Vec::new())
    }
}

impl Wire for Port {
    fn received(&mut self) -> &[u8] {
        let bytes = self.0.borrow_mut().to_stick.drain(..).collect::<Vec<u8>>();
        self.1.extend(bytes);
        &self.1
    }

    fn consume(&mut self, count: usize) {
        self.1.drain(..count);
    }

    fn can_send(&mut self) -> bool {
        true
    }

    fn has_lost(&mut self) -> bool {
        self.0.borrow().has_lost
    }

    fn send(&mut self, frame: &Frame<'_>) {
        let mut bytes = [0; wire_length_max(PAYLOAD)];
        let length = frame.encode(&mut SoftwareChecksum, &mut bytes).unwrap();
        self.0.borrow_mut().to_host.extend(&bytes[..length]);
    }
}

/// Time passes with each look at it.
pub struct Table {
    pub now: u64,
    pub board: Board,
    pub rebooted: Option<Reboot>,
}

impl Table {
    pub fn new() -> Table {
        let board = Board {
            board: 0,
            clock_hz: 1,
            gateware: 2,
            map_version: 1,
            family: 0,
            load_address: 0x1000,
            reset_cause: 0,
            image: None,
            last_fault: None,
        };
        Table { now: 0, board, rebooted: None }
    }
}

impl Checksum for Table {
    fn update(&mut self, state: u32, bytes: &[u8]) -> u32 {
        SoftwareChecksum.update(state, bytes)
    }
}

impl System for Table {
    fn now_ms(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    fn kick(&mut self) {}

    fn reboot(&mut self, what: Reboot) {
        self.rebooted = Some(what);
    }

    fn board(&self) -> Board {
        self.board
    }
}

/// A stick with a host.
pub struct Bench<C> {
    pub stick: TestStick<C>,
    pub cable: Rc<RefCell<Cable>>,
    pub host: Requester<4, PAYLOAD>,
    deframer: Deframer<FRAME>,
    now: u64,
}

impl<C: Core> Bench<C> {
    pub fn new(core: C, flash: MemoryFlash, table: Table) -> Bench<C> {
        let port = Port::new();
        let cable = port.0.clone();
        let stick = Stick::new(core, flash, port, table);
        let patience = Patience { retransmit_ms: 50, tries_max: 0 };
        Bench { stick, cable, host: Requester::new(patience), deframer: Deframer::new(), now: 0 }
    }

    /// Both go on a little; answers the answers.
    pub fn round(&mut self) -> Vec<Vec<u8>> {
        self.now += 1;
        while let Some(frame) = self.host.poll(self.now) {
            let mut bytes = [0; wire_length_max(PAYLOAD)];
            let length = frame.encode(&mut SoftwareChecksum, &mut bytes).unwrap();
            self.cable.borrow_mut().to_stick.extend(&bytes[..length]);
        }
        self.stick.poll();
        let bytes: Vec<u8> = self.cable.borrow_mut().to_host.drain(..).collect();
        let (mut at, mut answers) = (0, Vec::new());
        while at < bytes.len() {
            let (taken, frame) = self.deframer.push(&bytes[at..], &mut SoftwareChecksum);
            at += taken;
            if let Some(frame) = frame
                && let Event::Reply { payload, .. } = self.host.receive(&frame, self.now)
            {
                answers.push(payload.to_vec());
            }
        }
        answers
    }

    pub fn open(&mut self, nonce: u64) {
        self.host.open(nonce);
        for _ in 0..1000 {
            self.round();
            if self.host.state() == SessionState::Open {
                return;
            }
        }
        panic!("no session: {:?}", self.host.state());
    }

    /// Asks and waits for the answer.
    pub fn ask(&mut self, request: &Request<'_>) -> Vec<u8> {
        let mut bytes = [0; PAYLOAD];
        let length = request.encode(&mut bytes).unwrap();
        self.host.submit(&bytes[..length]).unwrap();
        for _ in 0..1_000_000 {
            if let Some(answer) = self.round().pop() {
                return answer;
            }
        }
        panic!("no answer to {request:?}");
    }

    pub fn expect(&mut self, request: &Request<'_>, expected: &Reply<'_>) {
        let answer = self.ask(request);
        assert_eq!(Reply::decode(&answer), Some(*expected), "{request:?}");
    }

    pub fn done(&mut self, request: &Request<'_>) {
        self.expect(request, &Reply::Done);
    }
}
