//! Bytes on the wire of a stick, at both ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use myelin_isa::framing::{
    Deframer, Limits, Patience, Received, Reply, Request, Requester, Responder, SoftwareChecksum, frame_length,
};

const PAYLOAD: usize = 64;

fuzz_target!(|bytes: &[u8]| {
    // As payloads: what is read is written alike.
    let mut again = [0; 8192];
    if let Ok(request) = Request::decode(bytes)
        && let Some(length) = request.encode(&mut again)
    {
        assert_eq!(&again[..length], bytes);
    }
    if let Some(reply) = Reply::decode(bytes)
        && let Some(length) = reply.encode(&mut again)
    {
        assert_eq!(&again[..length], bytes);
    }
    // As a stream, to both ends.
    let limits = Limits { window: 0, payload_max: 0, specification: 0, map_version: 0, boots: 0, reset_cause: 0 };
    let mut stick = Responder::<4, PAYLOAD>::new(limits, 1);
    let mut host = Requester::<4, PAYLOAD>::new(Patience::default());
    host.open(1);
    let mut deframer = Deframer::<{ frame_length(PAYLOAD) }>::new();
    let mut at = 0;
    while at < bytes.len() {
        let (taken, frame) = deframer.push(&bytes[at..], &mut SoftwareChecksum);
        assert!(taken > 0);
        at += taken;
        if let Some(frame) = frame {
            if let Received::Execute(request) = stick.receive(&frame) {
                assert!(request.len() <= PAYLOAD);
                stick.complete(request.len());
            }
            host.receive(&frame, 0);
            while stick.poll(4).is_some() {}
            while host.poll(0).is_some() {}
        }
    }
});
