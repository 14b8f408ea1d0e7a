//! Every command and every answer as bytes.

use myelin_isa::framing::{
    BoardInfo, CoreKind, FAULT_ENTRY_BYTES, FaultEntry, Hello, HelloReply, JOB_REPLY_OVERHEAD, JobState, Limits,
    OBJECT_ENTRY_BYTES, ObjectEntry, PROTOCOL_VERSION, REQUEST_OVERHEAD, Reason, Reboot, Refusal, Reply, Request,
    RequestError, SelfTestReport, TestResult, Verdict,
};
use myelin_isa::{Architecture, Precision};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const NAME: [u8; 32] = *b"an object's name is its SHA-256.";

fn requests() -> Vec<Request<'static>> {
    let data: &[u8] = &[1, 0, 255, 0];
    vec![
        Request::Echo { data },
        Request::Board,
        Request::ReadRegisters { address: 0x40, count: 9 },
        Request::WriteRegisters { address: 0x1_0000, data },
        Request::ReadMemory { address: 0xffff_fff0, length: 4095 },
        Request::WriteMemory { address: 7, data },
        Request::WaitInterrupt { milliseconds: 10_000 },
        Request::Reset,
        Request::Restart,
        Request::ObjectFind { name: NAME },
        Request::ObjectBegin { name: NAME, length: 1 << 20 },
        Request::ObjectData { offset: 4096, data },
        Request::ObjectCommit,
        Request::ObjectDelete { name: NAME },
        Request::ObjectList { first: 3 },
        Request::ObjectCopy { name: NAME, offset: 1, address: 2, length: 3 },
        Request::JobSubmit {
            entry: 5,
            input_address: 6,
            output_address: 7,
            output_length: 8,
            limit_ms: 9,
            input: data,
        },
        Request::JobTake { id: 10, milliseconds: 11 },
        Request::SelfTest,
        Request::FaultLog { first: 12 },
        Request::ImageBegin { length: 13, checksum: 14 },
        Request::ImageData { offset: 15, data },
        Request::ImageCommit,
        Request::Reboot { what: Reboot::Bitstream },
    ]
}

fn replies() -> Vec<Reply<'static>> {
    let data: &[u8] = &[0, 9, 0];
    let test = |verdict, detail| TestResult { verdict, detail };
    let board = BoardInfo {
        board: 2,
        architecture: Architecture::new(16, 16, Precision::Int6).unwrap(),
        core: CoreKind::Array,
        memory_bytes: 1 << 25,
        flash_bytes: 1 << 24,
        object_bytes_free: 3,
        clock_hz: 80_000_000,
        gateware: 4,
        firmware: 5,
        image_slot: 255,
        image_counter: 6,
        job_queue: 7,
        frames_dropped: 8,
    };
    vec![
        Reply::Done,
        Reply::Data(data),
        Reply::Board(board),
        Reply::Waited { interrupt: true },
        Reply::Memory { kept: false },
        Reply::Object { length: 99 },
        Reply::Objects { total: 1, entries: &[7; OBJECT_ENTRY_BYTES] },
        Reply::JobQueued { id: 77 },
        Reply::Job { state: JobState::Failed, status: 6, cycles: 1234, output: data },
        Reply::SelfTest(SelfTestReport {
            memory: test(Verdict::Passed, 0),
            flash: test(Verdict::Failed, 0x00ef_4018),
            core: test(Verdict::Skipped, 1),
        }),
        Reply::Faults { total: 1, entries: &[8; FAULT_ENTRY_BYTES] },
        Reply::Refused(Refusal { reason: Reason::Unsupported, detail: 1 << 31 }),
    ]
}

#[test]
fn every_request_survives_encoding_and_is_told_from_all_others() {
    let mut codes = std::collections::BTreeSet::new();
    for request in requests() {
        let mut bytes = [0xaa; 64];
        let length = request.encode(&mut bytes).unwrap();
        assert_eq!(Request::decode(&bytes[..length]), Ok(request));
        assert_eq!(bytes[0], request.code());
        assert!(codes.insert(request.code()), "{request:?}");
        // It needs all its room, and no field may be missing.
        assert_eq!(request.encode(&mut bytes[..length - 1]), None, "{request:?}");
        assert_eq!(Request::decode(&[]), Err(RequestError::Malformed));
    }
    assert_eq!(Request::decode(&[0x7e, 1, 2]), Err(RequestError::Unknown(0x7e)));
    assert_eq!(Request::decode(&[0x02, 1]), Err(RequestError::Malformed), "bytes left over");
    assert_eq!(Request::decode(&[0x53, 2]), Err(RequestError::Malformed), "no such reboot");
}

#[test]
fn every_reply_survives_encoding() {
    for reply in replies() {
        let mut bytes = [0xaa; 128];
        let length = reply.encode(&mut bytes).unwrap();
        assert_eq!(Reply::decode(&bytes[..length]), Some(reply));
        assert_eq!(reply.encode(&mut bytes[..length - 1]), None, "{reply:?}");
    }
    for reason in 1..=13 {
        let bytes = [0xff, reason, 1, 2, 3, 4];
        let Some(Reply::Refused(refusal)) = Reply::decode(&bytes) else { panic!("reason {reason}") };
        assert_eq!((refusal.reason as u8, refusal.detail), (reason, 0x0403_0201));
    }
    assert_eq!(Reply::decode(&[0xff, 0, 0, 0, 0, 0]), None);
    assert_eq!(Reply::decode(&[0x83, 2]), None, "a flag is 0 or 1");
}

#[test]
fn entries_of_lists_survive_encoding() {
    let objects = [ObjectEntry { name: NAME, length: 5 }, ObjectEntry { name: [0; 32], length: u32::MAX }];
    let mut bytes: Vec<u8> = objects.iter().flat_map(ObjectEntry::to_bytes).collect();
    bytes.push(1);
    assert_eq!(ObjectEntry::all(&bytes).collect::<Vec<_>>(), objects);
    let fault = FaultEntry { boot: 1, uptime_ms: 2, kind: 3, code: 4, detail: 5 };
    assert_eq!(FaultEntry::all(&fault.to_bytes()).collect::<Vec<_>>(), [fault]);
}

#[test]
fn what_data_costs_besides_itself_is_what_the_constants_say() {
    let mut bytes = [0; 64];
    let submit =
        Request::JobSubmit { entry: 0, input_address: 0, output_address: 0, output_length: 0, limit_ms: 0, input: &[] };
    let longest = [submit, Request::WriteMemory { address: 0, data: &[] }, Request::Echo { data: &[] }];
    assert_eq!(longest.map(|request| request.encode(&mut bytes).unwrap()).into_iter().max(), Some(REQUEST_OVERHEAD));
    let job = Reply::Job { state: JobState::Done, status: 0, cycles: 0, output: &[] };
    assert_eq!(job.encode(&mut bytes), Some(JOB_REPLY_OVERHEAD));
}

#[test]
fn hellos_survive_encoding_and_may_grow() {
    let hello = Hello { version: PROTOCOL_VERSION, nonce: 0x0123_4567_89ab_cdef };
    let limits =
        Limits { window: 8, payload_max: 4096, specification: 1 << 63, map_version: 3, boots: 9, reset_cause: 2 };
    let reply = HelloReply { version: 7, nonce: 8, limits };
    let (mut bytes, mut reply_bytes) = (hello.to_bytes().to_vec(), reply.to_bytes().to_vec());
    for _ in 0..3 {
        assert_eq!(Hello::decode(&bytes), Some(hello));
        assert_eq!(HelloReply::decode(&reply_bytes), Some(reply));
        bytes.push(1);
        reply_bytes.push(1);
    }
    assert_eq!(Hello::decode(&hello.to_bytes()[1..]), None);
    assert_eq!(HelloReply::decode(&reply.to_bytes()[1..]), None);
}

#[test]
fn garbage_is_refused_or_means_what_it_says() {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let valid: Vec<Vec<u8>> = requests()
        .iter()
        .map(|request| (request.encode(&mut [0; 64]), request))
        .map(|(length, request)| {
            let mut bytes = vec![0; length.unwrap()];
            request.encode(&mut bytes);
            bytes
        })
        .chain(replies().iter().map(|reply| {
            let mut bytes = [0; 128];
            let length = reply.encode(&mut bytes).unwrap();
            bytes[..length].to_vec()
        }))
        .collect();
    for _ in 0..200_000 {
        let mut bytes = valid[random.random_range(0..valid.len())].clone();
        for _ in 0..random.random_range(0..4) {
            let at = random.random_range(0..bytes.len());
            bytes[at] = random.random();
        }
        bytes.truncate(random.random_range(0..=bytes.len() + 3));
        let mut again = [0; 128];
        if let Ok(request) = Request::decode(&bytes) {
            let length = request.encode(&mut again).unwrap();
            assert_eq!(again[..length], bytes, "{request:?}");
        }
        if let Some(reply) = Reply::decode(&bytes) {
            let length = reply.encode(&mut again).unwrap();
            assert_eq!(again[..length], bytes, "{reply:?}");
        }
    }
}
