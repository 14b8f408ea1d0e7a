//! A stick with a functional core and a flash in memory, commanded over the channel.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use common::Owned;
use common::bench::{Bench, PAYLOAD, Table};
use myelin_compile::{Program, compile};
use myelin_firmware::flash::MemoryFlash;
use myelin_firmware::image::{self, Image, Slot};
use myelin_firmware::self_test;
use myelin_firmware::{Core, Flash};
use myelin_graph::{import, npy};
use myelin_isa::framing::{
    Checksum, CoreKind, FaultEntry, JobState, ObjectEntry, Reason, Reboot, Refusal, Reply, Request, SessionState,
    SoftwareChecksum, Verdict, fault,
};
use myelin_isa::{Architecture, Precision, register};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

mod common;

const FLASH_BYTES: u32 = 4 << 20;
/// More than the digits need.
const BEATS: u32 = 1 << 14;

fn cell() -> Architecture {
    Architecture::new(8, 8, Precision::Int8).unwrap()
}

fn flash() -> MemoryFlash {
    MemoryFlash::new(FLASH_BYTES, 1)
}

fn refused(reason: Reason, detail: u32) -> Reply<'static> {
    Reply::Refused(Refusal { reason, detail })
}

/// The digits: program, pictures as device memory, outputs as device memory.
struct Digits {
    program: Program,
    pictures: Vec<Vec<u8>>,
    logits: Vec<Vec<i32>>,
}

fn digits() -> Digits {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../models/digits_int8");
    let graph = import::import_dir(&dir, &import::Limits::default()).unwrap();
    let program = compile(&graph, &cell()).unwrap();
    let array = |file: &str| -> Vec<i32> {
        npy::read(dir.join(file), 1 << 24).unwrap().to_i64().iter().map(|&value| value as i32).collect()
    };
    let beat = program.beat_bytes();
    let pictures = array("input.npy");
    let pack = |picture: &[i32]| program.inputs[0].pack(picture, beat).unwrap();
    let pictures = pictures.chunks_exact(64).take(20).map(pack).collect();
    let logits = array("official_logits.npy").chunks_exact(10).take(20).map(<[i32]>::to_vec).collect();
    Digits { program, pictures, logits }
}

impl Digits {
    fn input_address(&self) -> u32 {
        self.program.inputs[0].region.beat * self.program.beat_bytes() as u32
    }

    fn output(&self) -> (u32, u16) {
        let (region, beat) = (&self.program.outputs[0].region, self.program.beat_bytes() as u32);
        (region.beat * beat, (region.beats * beat) as u16)
    }

    fn start<C: Core>(&self, bench: &mut Bench<C>, entry: u32) {
        bench.done(&Request::WriteRegisters { address: register::START, data: &entry.to_le_bytes() });
        bench.expect(&Request::WaitInterrupt { milliseconds: 10_000 }, &Reply::Waited { interrupt: true });
        let status = bench.ask(&Request::ReadRegisters { address: register::STATUS, count: 1 });
        let Some(Reply::Data(status)) = Reply::decode(&status) else { panic!("{status:?}") };
        assert_eq!(status[0], register::STATUS_HALTED as u8);
    }

    /// Instructions and weights; the image by plain writes.
    fn load<C: Core>(&self, bench: &mut Bench<C>) {
        for (index, piece) in self.program.image.chunks(PAYLOAD - 5).enumerate() {
            let address = (index * (PAYLOAD - 5)) as u32;
            bench.done(&Request::WriteMemory { address, data: piece });
        }
        self.load_instructions(bench);
    }

    fn load_instructions<C: Core>(&self, bench: &mut Bench<C>) {
        let words = self.program.cells[0].resident_words(&cell());
        let bytes: Vec<u8> = words.iter().flatten().flat_map(|word| word.to_le_bytes()).collect();
        for (index, data) in bytes.chunks(496).enumerate() {
            let address = register::INSTRUCTIONS + 496 * index as u32;
            bench.done(&Request::WriteRegisters { address, data });
        }
        self.start(bench, self.program.load_entry);
    }

    fn infer<C: Core>(&self, bench: &mut Bench<C>, picture: usize) {
        bench.done(&Request::WriteMemory { address: self.input_address(), data: &self.pictures[picture] });
        self.start(bench, self.program.infer_entry);
        let (address, length) = self.output();
        let answer = bench.ask(&Request::ReadMemory { address, length });
        let Some(Reply::Data(bytes)) = Reply::decode(&answer) else { panic!("{answer:?}") };
        assert_eq!(self.program.outputs[0].unpack(bytes).unwrap(), self.logits[picture], "picture {picture}");
    }
}

#[test]
fn digits_are_inferred_by_plain_commands() {
    let (digits, mut owned) = (digits(), Owned::new(&cell(), BEATS));
    let mut bench = Bench::new(owned.core(cell()), flash(), Table::new());
    bench.open(1);
    digits.load(&mut bench);
    (0..20).for_each(|picture| digits.infer(&mut bench, picture));
}

#[test]
fn digits_are_inferred_by_jobs_that_queue_from_a_model_in_flash() {
    let (digits, mut owned) = (digits(), Owned::new(&cell(), BEATS));
    let mut bench = Bench::new(owned.core(cell()), flash(), Table::new());
    bench.open(1);
    let name = Sha256::digest(&digits.program.image).into();
    bench.expect(&Request::ObjectFind { name }, &refused(Reason::NotFound, 0));
    let length = digits.program.image.len() as u32;
    bench.done(&Request::ObjectBegin { name, length });
    for (index, data) in digits.program.image.chunks(500).enumerate() {
        bench.done(&Request::ObjectData { offset: 500 * index as u32, data });
    }
    bench.done(&Request::ObjectCommit);
    bench.expect(&Request::ObjectFind { name }, &Reply::Object { length });
    let entries = ObjectEntry { name, length }.to_bytes();
    bench.expect(&Request::ObjectList { first: 0 }, &Reply::Objects { total: 1, entries: &entries });
    let copy = |offset, length| Request::ObjectCopy { name, offset, address: 0, length };
    bench.expect(&copy(1, length), &refused(Reason::OutOfRange, length));
    bench.done(&copy(0, length));
    digits.load_instructions(&mut bench);
    let (output_address, output_length) = digits.output();
    let submit = |picture: usize| Request::JobSubmit {
        entry: digits.program.infer_entry,
        input_address: digits.input_address(),
        output_address,
        output_length,
        limit_ms: 0,
        input: &digits.pictures[picture],
    };
    for round in 0..6 {
        let ids = [0, 1, 2].map(|index| {
            let answer = bench.ask(&submit(3 * round + index));
            let Some(Reply::JobQueued { id }) = Reply::decode(&answer) else { panic!("{answer:?}") };
            id
        });
        bench.expect(&submit(0), &refused(Reason::QueueFull, 3));
        for (index, id) in ids.into_iter().enumerate() {
            let answer = bench.ask(&Request::JobTake { id, milliseconds: 10_000 });
            let Some(Reply::Job { state: JobState::Done, output, .. }) = Reply::decode(&answer) else {
                panic!("{answer:?}")
            };
            assert_eq!(digits.program.outputs[0].unpack(output).unwrap(), digits.logits[3 * round + index]);
            let none = Reply::Job { state: JobState::Unknown, status: 0, cycles: 0, output: &[] };
            bench.expect(&Request::JobTake { id, milliseconds: 0 }, &none);
        }
    }
    bench.done(&Request::ObjectDelete { name });
    bench.expect(&Request::ObjectFind { name }, &refused(Reason::NotFound, 0));
}

#[test]
fn a_job_that_traps_or_takes_too_long_fails_and_is_logged() {
    let mut owned = Owned::new(&cell(), BEATS);
    let mut bench = Bench::new(owned.core(cell()), flash(), Table::new());
    bench.open(1);
    let submit = |limit_ms| Request::JobSubmit {
        entry: 0,
        input_address: 0,
        output_address: 0,
        output_length: 8,
        limit_ms,
        input: &[1],
    };
    // Empty instruction memory.
    bench.expect(&submit(0), &Reply::JobQueued { id: 1 });
    let status = register::STATUS_TRAPPED | register::TRAP_OPCODE << 4;
    let failed = Reply::Job { state: JobState::Failed, status, cycles: 0, output: &[] };
    bench.expect(&Request::JobTake { id: 1, milliseconds: 100 }, &failed);
    // Round and round.
    let wait = myelin_isa::Instruction::Sync { halt: false }.encode();
    let words: Vec<u8> = [wait; 16].as_flattened().iter().flat_map(|word| word.to_le_bytes()).collect();
    for window in (register::INSTRUCTIONS..register::INSTRUCTIONS + 16 * 1024).step_by(256) {
        bench.done(&Request::WriteRegisters { address: window, data: &words });
    }
    bench.expect(&submit(50), &Reply::JobQueued { id: 2 });
    bench.expect(&Request::WriteMemory { address: 0, data: &[1] }, &refused(Reason::Busy, 0));
    let answer = bench.ask(&Request::JobTake { id: 2, milliseconds: 10_000 });
    assert!(matches!(Reply::decode(&answer), Some(Reply::Job { state: JobState::Failed, .. })));
    let answer = bench.ask(&Request::FaultLog { first: 0 });
    let Some(Reply::Faults { total: 2, entries }) = Reply::decode(&answer) else { panic!("{answer:?}") };
    let kinds: Vec<(u16, u16)> = FaultEntry::all(entries).map(|fault| (fault.kind, fault.code)).collect();
    assert_eq!(kinds, [(fault::JOB_LIMIT, 2), (fault::PROGRAM, register::TRAP_OPCODE as u16)]);
    // The cell can be used again.
    bench.done(&Request::WriteMemory { address: 0, data: &[1] });
}

#[test]
fn the_board_says_what_it_is_and_limits_are_kept() {
    let mut owned = Owned::new(&cell(), BEATS);
    let mut bench = Bench::new(owned.core(cell()), flash(), Table::new());
    bench.open(1);
    let answer = bench.ask(&Request::Board);
    let Some(Reply::Board(board)) = Reply::decode(&answer) else { panic!("{answer:?}") };
    assert_eq!((board.architecture, board.core), (cell(), CoreKind::Software));
    assert_eq!((board.memory_bytes, board.flash_bytes), (BEATS * 8, FLASH_BYTES));
    assert!(board.object_bytes_free > 1 << 20);
    let end = BEATS * 8;
    bench.expect(&Request::Echo { data: b"\0abc\0" }, &Reply::Data(b"\0abc\0"));
    bench.expect(&Request::ReadMemory { address: end, length: 1 }, &refused(Reason::OutOfRange, end));
    bench.expect(&Request::ReadMemory { address: 0, length: 512 }, &refused(Reason::OutOfRange, 511));
    assert_eq!(bench.ask(&Request::ReadMemory { address: end - 511, length: 511 }).len(), 512);
    bench.expect(&Request::WriteMemory { address: end - 1, data: &[0; 2] }, &refused(Reason::OutOfRange, end));
    bench.expect(&Request::WriteRegisters { address: 2, data: &[0; 4] }, &refused(Reason::Unaligned, 4));
    bench.expect(&Request::WriteRegisters { address: 0, data: &[0; 3] }, &refused(Reason::Unaligned, 4));
    let beyond = refused(Reason::OutOfRange, register::END);
    bench.expect(&Request::ReadRegisters { address: register::END - 4, count: 2 }, &beyond);
    bench.expect(&Request::ReadRegisters { address: 0, count: 128 }, &refused(Reason::OutOfRange, 512));
    bench.expect(&Request::WaitInterrupt { milliseconds: 5 }, &Reply::Waited { interrupt: false });
    bench.expect(&Request::Restart, &Reply::Memory { kept: true });
    bench.expect(&Request::Reset, &Reply::Memory { kept: false });
    // Not of this version.
    bench.host.submit(&[0x7f, 1]).unwrap();
    let answer = (0..100).find_map(|_| bench.round().pop()).unwrap();
    assert_eq!(Reply::decode(&answer), Some(refused(Reason::UnknownCommand, 0x7f)));
    bench.done(&Request::Reboot { what: Reboot::Bitstream });
    bench.round();
    assert_eq!(bench.stick.system_mut().rebooted, Some(Reboot::Bitstream));
}

#[test]
fn the_self_test_passes_on_cells_of_all_shapes_and_finds_what_is_wrong() {
    for (seed, (rows, columns)) in [(4, 4), (5, 31), (32, 4), (16, 16), (7, 9), (32, 32)].into_iter().enumerate() {
        for precision in [Precision::Int8, Precision::Int6] {
            let cell = Architecture::new(rows, columns, precision).unwrap();
            let cells = [cell, cell.with_lanes(4 * cell.lanes()).unwrap()];
            for cell in cells {
                let mut owned = Owned::new(&cell, 256);
                let mut bench = Bench::new(owned.core(cell), flash(), Table::new());
                bench.open(seed as u64);
                let answer = bench.ask(&Request::SelfTest);
                let Some(Reply::SelfTest(report)) = Reply::decode(&answer) else { panic!("{answer:?}") };
                let verdicts = [report.memory, report.flash, report.core].map(|test| test.verdict);
                assert_eq!(verdicts, [Verdict::Passed; 3], "{cell}: {report:?}");
            }
        }
    }
    // A core whose memory has a bit that stays.
    struct Stuck<C>(C);
    impl<C: Core> Core for Stuck<C> {
        fn kind(&self) -> CoreKind {
            self.0.kind()
        }
        fn architecture(&self) -> &Architecture {
            self.0.architecture()
        }
        fn specification(&self) -> u64 {
            self.0.specification()
        }
        fn read_register(&mut self, address: u32) -> u32 {
            self.0.read_register(address)
        }
        fn write_register(&mut self, address: u32, value: u32) {
            self.0.write_register(address, value);
        }
        fn memory_bytes(&self) -> u32 {
            self.0.memory_bytes()
        }
        fn read_memory(&mut self, address: u32, out: &mut [u8]) -> bool {
            let done = self.0.read_memory(address, out);
            let end = address + out.len() as u32;
            if (address..end).contains(&17) {
                out[(17 - address) as usize] |= 4;
            }
            done
        }
        fn write_memory(&mut self, address: u32, data: &[u8]) -> bool {
            self.0.write_memory(address, data)
        }
        fn interrupt(&mut self) -> bool {
            self.0.interrupt()
        }
        fn step(&mut self) {
            self.0.step();
        }
        fn restart(&mut self) {
            self.0.restart();
        }
        fn reset(&mut self) {
            self.0.reset();
        }
    }
    let mut owned = Owned::new(&cell(), 256);
    let result = self_test::memory(&mut Stuck(owned.core(cell())));
    assert_eq!((result.verdict, result.detail), (Verdict::Failed, 16));
    let mut owned = Owned::new(&cell(), 8);
    assert_eq!(self_test::core(&mut owned.core(cell())).verdict, Verdict::Skipped);
}

#[test]
fn an_image_is_updated_over_the_channel_and_confirmed_by_the_next_session() {
    let mut image = vec![0; 2000];
    ChaCha8Rng::seed_from_u64(1).fill_bytes(&mut image);
    let checksum = SoftwareChecksum.checksum(&[&image]);
    let mut owned = Owned::new(&cell(), 256);
    let mut bench = Bench::new(owned.core(cell()), flash(), Table::new());
    bench.open(1);
    bench.expect(&Request::ImageBegin { length: 1 << 16, checksum }, &refused(Reason::NoSpace, (1 << 16) - 32));
    bench.expect(&Request::ImageCommit, &refused(Reason::OutOfOrder, 0));
    for wrong in [1, 0] {
        bench.done(&Request::ImageBegin { length: 2000, checksum: checksum ^ wrong });
        for (index, data) in image.chunks(500).enumerate() {
            bench.done(&Request::ImageData { offset: 500 * index as u32, data });
        }
        let expected = if wrong == 1 { refused(Reason::Mismatch, 0) } else { Reply::Done };
        bench.expect(&Request::ImageCommit, &expected);
    }
    // The boot code's part.
    let mut flash = bench.stick.flash_mut().clone();
    let found = image::choose(&mut flash, &mut SoftwareChecksum, 1, 0).0.unwrap();
    assert_eq!((found.slot, found.counter, found.length), (Slot::A, 1, 2000));
    image::note_attempt(&mut flash, Slot::A);
    assert_eq!(image::failed_attempts(&mut flash, Slot::A), 1);
    let mut owned = Owned::new(&cell(), 256);
    let mut table = Table::new();
    table.board.image = Some(Slot::A);
    table.board.reset_cause = 1;
    let mut bench = Bench::new(owned.core(cell()), flash, table);
    bench.open(2);
    assert_eq!(image::failed_attempts(bench.stick.flash_mut(), Slot::A), 0);
    let answer = bench.ask(&Request::Board);
    let Some(Reply::Board(board)) = Reply::decode(&answer) else { panic!("{answer:?}") };
    assert_eq!((board.firmware, board.image_slot, board.image_counter), (checksum, 0, 1));
    let answer = bench.ask(&Request::FaultLog { first: 0 });
    let Some(Reply::Faults { entries, .. }) = Reply::decode(&answer) else { panic!("{answer:?}") };
    assert_eq!(FaultEntry::all(entries).next().map(|fault| (fault.kind, fault.boot)), Some((fault::WATCHDOG, 2)));
}

#[test]
fn a_newer_image_that_was_passed_over_and_lost_bytes_are_logged() {
    let mut flash = flash();
    for (slot, counter) in [(Slot::A, 7), (Slot::B, 8)] {
        let image = Image { slot, counter, length: 4, checksum: 0, load_address: 0x1000, map_version: 1, family: 0 };
        flash.contents_mut()[slot.address() as usize..][..32].copy_from_slice(&image.to_bytes(&mut SoftwareChecksum));
    }
    for (running, expected) in [(Slot::A, vec![(fault::FALLBACK, 1)]), (Slot::B, vec![])] {
        let mut owned = Owned::new(&cell(), 256);
        let mut table = Table::new();
        table.board.image = Some(running);
        let mut bench = Bench::new(owned.core(cell()), flash.clone(), table);
        bench.open(1);
        let faults = |bench: &mut Bench<_>| {
            let answer = bench.ask(&Request::FaultLog { first: 0 });
            let Some(Reply::Faults { entries, .. }) = Reply::decode(&answer) else { panic!("{answer:?}") };
            FaultEntry::all(entries).map(|fault| (fault.kind, fault.code)).collect::<Vec<_>>()
        };
        assert_eq!(faults(&mut bench), expected);
        bench.cable.borrow_mut().has_lost = true;
        for _ in 0..100 {
            bench.round();
        }
        assert_eq!(faults(&mut bench), [vec![(fault::OVERRUN, 1)], expected].concat(), "once in a boot");
    }
}

#[test]
fn no_bytes_and_no_requests_stop_a_stick() {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut owned = Owned::new(&cell(), 256);
    let mut bench = Bench::new(owned.core(cell()), flash(), Table::new());
    bench.open(1);
    for round in 0..3000 {
        let mut request = vec![0; random.random_range(0..60)];
        random.fill_bytes(&mut request);
        if let Some(code) = request.first_mut() {
            // Most often a command that there is; Reboot only asks for one.
            *code =
                [0x01, 0x02, 0x10, 0x11, 0x12, 0x13, 0x15, 0x16, 0x20, 0x22, 0x23, 0x25, 0x26, 0x30, 0x41, 0x51, *code]
                    [random.random_range(0..17)];
        }
        // Small addresses hit something.
        request.iter_mut().skip(2).for_each(|byte| *byte &= if round % 2 == 0 { 0x01 } else { 0xff });
        if round % 5 == 0 {
            let mut garbage = vec![0; random.random_range(0..300)];
            random.fill_bytes(&mut garbage);
            bench.cable.borrow_mut().to_stick.extend(garbage);
        }
        bench.host.submit(&request).unwrap();
        let answer =
            (0..100_000).find_map(|_| bench.round().pop()).unwrap_or_else(|| panic!("round {round}: {request:?}"));
        assert!(Reply::decode(&answer).is_some(), "round {round}");
        assert_eq!(bench.host.state(), SessionState::Open);
    }
    assert!(bench.stick.flash_mut().bytes() > 0);
}
