//! Both ends over a stream of bytes that a channel damages.

use myelin_isa::framing::{
    Closed, Deframer, Event, Frame, Limits, PAYLOAD_MAX, PROTOCOL_VERSION, Patience, Received, Requester, Responder,
    SessionState, SoftwareChecksum, SubmitError, frame_length, wire_length_max,
};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const PAYLOAD: usize = 300;
const FRAME: usize = frame_length(PAYLOAD);

/// A sender's bytes after a channel.
struct Wire {
    bytes: Vec<u8>,
    /// In 1024 of frames.
    faults: u32,
}

impl Wire {
    fn send(&mut self, frame: &Frame<'_>, random: &mut ChaCha8Rng) {
        let mut bytes = [0; wire_length_max(PAYLOAD)];
        let length = frame.encode(&mut SoftwareChecksum, &mut bytes).unwrap();
        let mut bytes = bytes[..length].to_vec();
        if random.random_range(0..1024) < self.faults {
            match random.random_range(0..6) {
                0 => bytes.clear(),
                1 => bytes.truncate(random.random_range(0..length)),
                2 => drop(bytes.drain(..random.random_range(0..length))),
                3 => bytes.extend(bytes.clone()),
                4 => {
                    let at = random.random_range(0..length);
                    bytes[at] ^= 1 << random.random_range(0..8);
                }
                _ => {
                    let mut garbage = vec![0; random.random_range(0..2 * length)];
                    random.fill_bytes(&mut garbage);
                    bytes.splice(random.random_range(0..length).., garbage);
                }
            }
        }
        self.bytes.extend(bytes);
    }
}

/// Everything between a host and a stick that answers each request with its bytes reversed.
struct Bench {
    host: Requester<8, PAYLOAD>,
    stick: Responder<8, PAYLOAD>,
    to_stick: Wire,
    to_host: Wire,
    at_stick: Deframer<FRAME>,
    at_host: Deframer<FRAME>,
    executed: Vec<Vec<u8>>,
    now: u64,
}

impl Bench {
    fn new(faults: u32) -> Bench {
        let wire = || Wire { bytes: Vec::new(), faults };
        Bench {
            host: Requester::new(Patience::default()),
            stick: Responder::new(limits(), 9),
            to_stick: wire(),
            to_host: wire(),
            at_stick: Deframer::new(),
            at_host: Deframer::new(),
            executed: Vec::new(),
            now: 0,
        }
    }

    /// Everything under way arrives; answers the answers.
    fn round(&mut self, random: &mut ChaCha8Rng) -> Vec<Vec<u8>> {
        self.now += 10;
        while let Some(frame) = self.host.poll(self.now) {
            self.to_stick.send(&frame, random);
        }
        let bytes = std::mem::take(&mut self.to_stick.bytes);
        let mut at = 0;
        while at < bytes.len() {
            let piece = &bytes[at..bytes.len().min(at + random.random_range(1..100))];
            let (taken, frame) = self.at_stick.push(piece, &mut SoftwareChecksum);
            at += taken;
            let Some(frame) = frame else { continue };
            if let Received::Execute(request) = self.stick.receive(&frame) {
                self.executed.push(request.to_vec());
                let answer: Vec<u8> = request.iter().rev().copied().collect();
                self.stick.reply_buffer()[..answer.len()].copy_from_slice(&answer);
                self.stick.complete(answer.len());
            }
        }
        while let Some(frame) = self.stick.poll(8) {
            self.to_host.send(&frame, random);
        }
        let bytes = std::mem::take(&mut self.to_host.bytes);
        let (mut at, mut answers) = (0, Vec::new());
        while at < bytes.len() {
            let (taken, frame) = self.at_host.push(&bytes[at..], &mut SoftwareChecksum);
            at += taken;
            let Some(frame) = frame else { continue };
            match self.host.receive(&frame, self.now) {
                Event::Reply { payload, .. } => answers.push(payload.to_vec()),
                Event::Closed(why) => panic!("closed: {why:?}"),
                Event::Nothing | Event::Opened(_) => {}
            }
        }
        answers
    }
}

fn limits() -> Limits {
    Limits { window: 0, payload_max: 0, specification: 1, map_version: 1, boots: 1, reset_cause: 0 }
}

/// Asks `count` requests with so many faults; answers the rounds it took.
fn ask(count: u32, faults: u32, seed: u64) -> u32 {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut bench = Bench::new(faults);
    // Before anything, and in the middle of what looks like a frame.
    bench.to_stick.bytes = (0..777).map(|_| random.random()).collect();
    bench.to_host.bytes = (0..777).map(|_| random.random()).collect();
    bench.host.open(seed);
    let (mut asked, mut answered, mut rounds): (Vec<Vec<u8>>, usize, u32) = (Vec::new(), 0, 0);
    while answered < count as usize {
        rounds += 1;
        assert!(rounds < 100_000, "seed {seed}: no progress");
        while bench.host.state() == SessionState::Open && (asked.len() as u32) < count {
            let mut request = vec![0; random.random_range(0..=PAYLOAD)];
            random.fill_bytes(&mut request);
            match bench.host.submit(&request) {
                Ok(_) => asked.push(request),
                Err(SubmitError::WindowFull) => break,
                Err(other) => panic!("{other:?}"),
            }
        }
        for answer in bench.round(&mut random) {
            let expected: Vec<u8> = asked[answered].iter().rev().copied().collect();
            assert_eq!(answer, expected, "seed {seed}, request {answered}");
            answered += 1;
        }
    }
    assert_eq!(bench.executed, asked, "seed {seed}: each once, in order");
    rounds
}

#[test]
fn without_faults_a_window_of_requests_takes_a_round() {
    // The hello, what garbage swallowed of it, and eight requests a round.
    assert!(ask(800, 0, 1) <= 100 + 12);
}

#[test]
fn every_request_is_executed_once_and_answered_over_a_channel_that_damages_anything() {
    for seed in 0..60 {
        for faults in [10, 100, 400] {
            ask(200, faults, seed);
        }
    }
}

#[test]
fn sequences_wrap_without_anybody_noticing() {
    let rounds = ask(70_000, 2, 5);
    assert!(rounds > 70_000 / 8);
}

#[test]
fn a_stick_that_never_answers_closes_the_session_in_bounded_time() {
    let patience = Patience { retransmit_ms: 50, tries_max: 4 };
    let mut host = Requester::<8, PAYLOAD>::new(patience);
    host.open(1);
    let (mut now, mut hellos) = (0, 0);
    while host.state() == SessionState::Opening {
        while host.poll(now).is_some() {
            hellos += 1;
        }
        now = host.deadline().unwrap_or(now);
        assert!(now <= 5 * 50);
    }
    assert_eq!(host.state(), SessionState::Closed(Closed::Silent));
    assert_eq!((now, hellos), (5 * 50, 5));
    assert_eq!(host.submit(&[1]), Err(SubmitError::NotOpen));
}

#[test]
fn a_request_that_takes_long_keeps_the_session_alive() {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let mut bench = Bench::new(0);
    bench.host.open(1);
    bench.round(&mut random);
    bench.host.submit(&[1]).unwrap();
    bench.host.submit(&[2]).unwrap();
    // For a minute nothing is answered, but frames are received.
    let mut executing = None;
    for _ in 0..6000 {
        bench.now += 10;
        while let Some(frame) = bench.host.poll(bench.now) {
            if let Received::Execute(request) = bench.stick.receive(&frame) {
                assert_eq!(executing.replace(request.to_vec()), None);
            }
        }
        while let Some(frame) = bench.stick.poll(8) {
            assert_eq!(bench.host.receive(&frame, bench.now), Event::Nothing);
        }
    }
    assert_eq!(executing, Some(vec![1]));
    bench.stick.reply_buffer()[0] = 9;
    bench.stick.complete(1);
    let mut answers = Vec::new();
    for _ in 0..20 {
        answers.extend(bench.round(&mut random));
    }
    assert_eq!(answers, [vec![9], vec![2]]);
}

#[test]
fn a_stick_of_another_version_is_told_apart() {
    let mut stick = Responder::<8, PAYLOAD>::new(limits(), 1);
    let mut host = Requester::<8, PAYLOAD>::new(Patience::default());
    host.open(5);
    let mut hello = host.poll(0).unwrap().payload.to_vec();
    let header = host.clone().poll(200).unwrap().header;
    hello[0] ^= 0xff;
    assert_eq!(stick.receive(&Frame { header, payload: &hello }), Received::NewSession);
    assert!(!stick.is_open());
    let reply = stick.poll(8).unwrap();
    assert_eq!(host.receive(&reply, 0), Event::Closed(Closed::Version(PROTOCOL_VERSION)));
}

#[test]
fn requests_longer_than_the_stick_takes_are_refused_before_they_are_sent() {
    let mut stick = Responder::<4, 16>::new(limits(), 1);
    let mut host = Requester::<8, PAYLOAD_MAX>::new(Patience::default());
    host.open(5);
    stick.receive(&host.poll(0).unwrap());
    assert!(matches!(host.receive(&stick.poll(4).unwrap(), 0), Event::Opened(_)));
    assert_eq!((host.window(), host.payload_max()), (4, 16));
    assert_eq!(host.submit(&[0; 17]), Err(SubmitError::TooLong { payload_max: 16 }));
    assert_eq!((0..5).map(|_| host.submit(&[0; 16]).is_ok()).filter(|&ok| ok).count(), 4);
}
