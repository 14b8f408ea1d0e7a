//! A stick's firmware: any bytes on the line, any requests in a session, power that fails. It never panics, and afterwards a
//! session opens and is answered.
#![no_main]

use std::collections::VecDeque;

use libfuzzer_sys::fuzz_target;
use myelin_firmware::flash::MemoryFlash;
use myelin_firmware::{Board, Flash, FunctionalCore, Memories, MemorySizes, SoftwareArray, Stick, System, Wire};
use myelin_isa::framing::{
    Checksum, CoreKind, Deframer, Event, Frame, Patience, Reboot, Reply, Request, Requester, SessionState,
    SoftwareChecksum, frame_length, wire_length_max,
};
use myelin_isa::stick::flash_layout;
use myelin_isa::{Architecture, Precision};

const PAYLOAD: usize = 256;
const FRAME: usize = frame_length(PAYLOAD);
const FLASH_BYTES: u32 = flash_layout::OBJECTS + 0x4_0000;
const DEVICE_BYTES: usize = 1 << 14;
/// Rounds in which a stick that is left alone answers.
const ROUNDS_MAX: u32 = 100_000;

#[derive(Default)]
struct Line {
    to_stick: VecDeque<u8>,
    received: Vec<u8>,
    to_host: Vec<u8>,
}

impl Wire for Line {
    fn received(&mut self) -> &[u8] {
        self.received.extend(self.to_stick.drain(..));
        &self.received
    }

    fn consume(&mut self, count: usize) {
        self.received.drain(..count);
    }

    fn can_send(&mut self) -> bool {
        true
    }

    fn send(&mut self, frame: &Frame<'_>) {
        let mut bytes = [0; wire_length_max(PAYLOAD)];
        let length = frame.encode(&mut SoftwareChecksum, &mut bytes).expect("the longest frame fits");
        self.to_host.extend(&bytes[..length]);
    }
}

/// Time passes with each look at it.
#[derive(Default)]
struct Table(u64);

impl Checksum for Table {
    fn update(&mut self, state: u32, bytes: &[u8]) -> u32 {
        SoftwareChecksum.update(state, bytes)
    }
}

impl System for Table {
    fn now_ms(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }

    fn kick(&mut self) {}

    fn reboot(&mut self, _: Reboot) {}

    fn board(&self) -> Board {
        Board {
            board: 0,
            clock_hz: 1,
            gateware: 0,
            map_version: 1,
            family: 0,
            load_address: 0x1000,
            reset_cause: 1,
            image: None,
            last_fault: None,
        }
    }
}

/// From power-up until the power fails or the script is over; answers the flash and what is left of the script.
fn life(flash: MemoryFlash, mut script: &[u8]) -> (MemoryFlash, &[u8]) {
    let cell = Architecture::new(4, 4, Precision::Int8).expect("a cell");
    let sizes = MemorySizes::of(&cell);
    let memories = Memories {
        device: &mut [0; DEVICE_BYTES],
        activations: &mut vec![0; sizes.activations],
        weights: &mut vec![0; sizes.weights],
        biases: &mut vec![0; sizes.biases],
        table: &mut vec![0; sizes.table],
        instructions: &mut vec![[0; 4]; sizes.instructions],
        stamps: &mut vec![0; sizes.stamps],
    };
    let mut accumulators = vec![0; SoftwareArray::accumulators(&cell)];
    let mut tile = vec![0; SoftwareArray::weights(&cell)];
    let array = SoftwareArray::new(&cell, &mut accumulators, &mut tile).expect("as many as it says");
    let core = FunctionalCore::new(cell, cell.specification(), CoreKind::Software, memories, array);
    let core = core.expect("memories as large as it says");
    let mut stick = Stick::<_, _, _, _, 4, PAYLOAD, FRAME, 2, 4>::new(core, flash, Line::default(), Table::default());
    let mut host = Requester::<4, PAYLOAD>::new(Patience { retransmit_ms: 50, tries_max: 0 });
    let mut deframer = Deframer::<FRAME>::new();
    let mut now = 0;
    let mut round = |stick: &mut Stick<_, MemoryFlash, Line, _, 4, PAYLOAD, FRAME, 2, 4>,
                     host: &mut Requester<4, PAYLOAD>| {
        now += 1;
        while let Some(frame) = host.poll(now) {
            let mut bytes = [0; wire_length_max(PAYLOAD)];
            let length = frame.encode(&mut SoftwareChecksum, &mut bytes).expect("the longest frame fits");
            stick.wire_mut().to_stick.extend(&bytes[..length]);
        }
        stick.poll();
        let bytes = std::mem::take(&mut stick.wire_mut().to_host);
        let (mut at, mut is_answered) = (0, false);
        while at < bytes.len() {
            let (taken, frame) = deframer.push(&bytes[at..], &mut SoftwareChecksum);
            at += taken;
            if let Some(frame) = frame
                && let Event::Reply { payload, .. } = host.receive(&frame, now)
            {
                assert!(Reply::decode(payload).is_some(), "an answer that is none");
                is_answered = true;
            }
        }
        is_answered
    };
    host.open(1);
    while let [operation, length, rest @ ..] = script {
        let (bytes, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        script = rest;
        match operation % 8 {
            0 => stick.wire_mut().to_stick.extend(bytes),
            1 => {
                stick.flash_mut().cut_power_at(u64::from(*length));
            }
            2 => host.open(u64::from(*length)),
            3 => {
                for _ in 0..u32::from(*length) {
                    round(&mut stick, &mut host);
                }
            }
            _ => {
                // A request that is read as one or not; the session is given the time to take it.
                for _ in 0..20 {
                    if host.submit(bytes).is_ok() {
                        break;
                    }
                    round(&mut stick, &mut host);
                }
            }
        }
        round(&mut stick, &mut host);
        if stick.flash_mut().is_without_power() {
            return (stick.flash_mut().clone(), script);
        }
    }
    // Left alone, it serves.
    stick.flash_mut().cut_power_at(0);
    stick.wire_mut().to_stick.push_back(0);
    host.open(77);
    let opens = (0..ROUNDS_MAX).any(|_| {
        round(&mut stick, &mut host);
        host.state() == SessionState::Open
    });
    assert!(opens, "no session");
    let mut request = [0; PAYLOAD];
    let length = Request::Board.encode(&mut request).expect("a short request");
    host.submit(&request[..length]).expect("a session without requests");
    assert!((0..ROUNDS_MAX).any(|_| round(&mut stick, &mut host)), "no answer");
    assert!(stick.flash_mut().bytes() == FLASH_BYTES);
    (stick.flash_mut().clone(), &[])
}

fuzz_target!(|script: &[u8]| {
    let mut flash = MemoryFlash::new(FLASH_BYTES, script.len() as u64);
    let mut script = script;
    // Each life takes some of the script.
    loop {
        (flash, script) = life(flash, script);
        flash.power_cycle();
        if script.is_empty() {
            break;
        }
    }
});
