//! What the images do.

use std::path::PathBuf;
use std::process::Command;

use myelin_compile::compile;
use myelin_firmware::Core;
use myelin_firmware::flash::MemoryFlash;
use myelin_firmware::image::{self, Image, Slot};
use myelin_graph::{import, npy};
use myelin_isa::framing::{
    Checksum, CoreKind, Deframer, Event, Limits, Patience, Reboot, Reply, Request, Requester, SessionState,
    SoftwareChecksum, Verdict, frame_length, wire_length_max,
};
use myelin_isa::stick::{MAP_VERSION, mac, memory};
use myelin_isa::{Architecture, Precision, register};

use crate::board::{CLOCK_HZ, Machine, Soc};
use crate::common::Owned;
use crate::common::mac::MacModel;

const FLASH_BYTES: u32 = 4 << 20;
const PAYLOAD: usize = 2048;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../bitstreams/firmware")
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}; run firmware/build"))
}

/// A host at a machine's serial port.
struct Host<C> {
    machine: Machine<C>,
    host: Requester<8, PAYLOAD>,
    deframer: Deframer<{ frame_length(PAYLOAD) }>,
    limits: Option<Limits>,
}

impl<C: Core> Host<C> {
    fn new(soc: Soc<C>) -> Host<C> {
        let host = Requester::new(Patience { retransmit_ms: 500, tries_max: 0 });
        Host { machine: Machine::new(soc), host, deframer: Deframer::new(), limits: None }
    }

    fn round(&mut self) -> Option<Vec<u8>> {
        let now = self.machine.soc.clocks * 1000 / u64::from(CLOCK_HZ);
        while let Some(frame) = self.host.poll(now) {
            let mut bytes = [0; wire_length_max(PAYLOAD)];
            let length = frame.encode(&mut SoftwareChecksum, &mut bytes).unwrap();
            self.machine.soc.to_stick.extend(&bytes[..length]);
        }
        self.machine.run(2000);
        let bytes = std::mem::take(&mut self.machine.soc.to_host);
        let (mut at, mut answer) = (0, None);
        while at < bytes.len() {
            let (taken, frame) = self.deframer.push(&bytes[at..], &mut SoftwareChecksum);
            at += taken;
            let Some(frame) = frame else { continue };
            match self.host.receive(&frame, now) {
                Event::Reply { payload, .. } => answer = Some(payload.to_vec()),
                Event::Opened(limits) => self.limits = Some(limits),
                Event::Nothing | Event::Closed(_) => {}
            }
        }
        answer
    }

    fn open(&mut self, nonce: u64) -> Limits {
        self.host.open(nonce);
        for _ in 0..20_000 {
            self.round();
            if self.host.state() == SessionState::Open {
                return self.limits.unwrap();
            }
        }
        panic!("no session at {:#x}; {}", self.machine.pc(), self.machine.soc.state());
    }

    fn ask(&mut self, request: &Request<'_>) -> Vec<u8> {
        let mut bytes = [0; PAYLOAD];
        let length = request.encode(&mut bytes).unwrap();
        self.host.submit(&bytes[..length]).unwrap();
        (0..500_000).find_map(|_| self.round()).unwrap_or_else(|| panic!("no answer to {request:?}"))
    }

    fn done(&mut self, request: &Request<'_>) {
        let answer = self.ask(request);
        assert_eq!(Reply::decode(&answer), Some(Reply::Done), "{request:?}");
    }

    fn run_program(&mut self, entry: u32) {
        self.done(&Request::WriteRegisters { address: register::START, data: &entry.to_le_bytes() });
        let answer = self.ask(&Request::WaitInterrupt { milliseconds: 10_000 });
        assert_eq!(Reply::decode(&answer), Some(Reply::Waited { interrupt: true }));
        let status = self.ask(&Request::ReadRegisters { address: register::STATUS, count: 1 });
        assert_eq!(status[1], register::STATUS_HALTED as u8);
    }

    /// The digits, a few pictures, against the official runtime.
    fn infers_digits(&mut self, cell: Architecture) {
        let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../models/digits_int8");
        let graph = import::import_dir(&dir, &import::Limits::default()).unwrap();
        let program = compile(&graph, &cell).unwrap();
        let array = |file: &str| -> Vec<i32> {
            npy::read(dir.join(file), 1 << 24).unwrap().to_i64().iter().map(|&value| value as i32).collect()
        };
        let (pictures, logits) = (array("input.npy"), array("official_logits.npy"));
        let data_max = self.host.payload_max() - 5;
        for (index, data) in program.image.chunks(data_max).enumerate() {
            self.done(&Request::WriteMemory { address: (index * data_max) as u32, data });
        }
        let words = program.cells[0].resident_words(&cell);
        let bytes: Vec<u8> = words.iter().flatten().flat_map(|word| word.to_le_bytes()).collect();
        for (index, data) in bytes.chunks(496).enumerate() {
            self.done(&Request::WriteRegisters { address: register::INSTRUCTIONS + 496 * index as u32, data });
        }
        self.run_program(program.load_entry);
        let beat = program.beat_bytes();
        for (picture, logits) in pictures.chunks_exact(64).zip(logits.chunks_exact(10)).take(3) {
            let address = program.inputs[0].region.beat * beat as u32;
            self.done(&Request::WriteMemory { address, data: &program.inputs[0].pack(picture, beat).unwrap() });
            self.run_program(program.infer_entry);
            let region = &program.outputs[0].region;
            let (address, length) = (region.beat * beat as u32, (region.beats as usize * beat) as u16);
            let answer = self.ask(&Request::ReadMemory { address, length });
            let Some(Reply::Data(bytes)) = Reply::decode(&answer) else { panic!("{answer:?}") };
            assert_eq!(program.outputs[0].unpack(bytes).unwrap(), logits);
        }
    }
}

/// That an image's stack stayed where nothing else is.
fn check_stack(name: &str, low: u32, ram_end: u32) {
    let sizes = String::from_utf8(file("SIZES.txt")).unwrap();
    let line = sizes.lines().find(|line| line.starts_with(name)).unwrap();
    let stack: u32 = line.split_whitespace().nth(4).unwrap().parse().unwrap();
    println!("{name}: {} of {stack} bytes of stack used", ram_end - low);
    assert!(ram_end - low <= stack, "{name}: {} bytes of stack used, there are {stack}", ram_end - low);
}

fn soc_of<'m>(cell: Architecture, owned: &'m mut Owned, flash: MemoryFlash) -> Soc<impl Core + use<'m>> {
    Soc::new(cell, owned.core(cell), flash)
}

fn ecp5<C: Core>(mut soc: Soc<C>) -> Soc<C> {
    let (boot, firmware) = (file("boot-ecp5.bin"), file("stick-ecp5.bin"));
    soc.ram[..boot.len()].copy_from_slice(&boot);
    soc.ram[memory::BOOT_BYTES as usize..][..firmware.len()].copy_from_slice(&firmware);
    soc
}

/// Writes an image as the commands would.
fn install(flash: &mut MemoryFlash, slot: Slot, counter: u32, bytes: &[u8], (family, load_address): (u32, u32)) {
    let checksum = SoftwareChecksum.checksum(&[bytes]);
    let length = bytes.len() as u32;
    let image = Image { slot, counter, length, checksum, load_address, map_version: MAP_VERSION, family };
    let at = slot.address() as usize;
    flash.contents_mut()[at..at + 32].copy_from_slice(&image.to_bytes(&mut SoftwareChecksum));
    flash.contents_mut()[at + 32..at + 32 + bytes.len()].copy_from_slice(bytes);
}

#[test]
fn the_ecp5_image_boots_says_hello_and_commands_a_cell() {
    let cell = Architecture::new(16, 16, Precision::Int8).unwrap();
    let mut owned = Owned::new(&cell, 1 << 14);
    let mut host = Host::new(ecp5(soc_of(cell, &mut owned, MemoryFlash::new(FLASH_BYTES, 1))));
    // Garbage first, as a port that was open before leaves it.
    host.machine.soc.to_stick.extend([1, 2, 0xff, 7]);
    let limits = host.open(7);
    assert_eq!((limits.specification, limits.map_version, limits.boots), (cell.specification(), MAP_VERSION, 1));
    assert_eq!((host.host.window(), host.host.payload_max()), (4, 1024));
    assert_eq!(host.machine.soc.divisor, 80 * 256 / 3);
    let answer = host.ask(&Request::Board);
    let Some(Reply::Board(board)) = Reply::decode(&answer) else { panic!("{answer:?}") };
    assert_eq!((board.architecture, board.core, board.image_slot), (cell, CoreKind::Cell, 255));
    assert_eq!((board.memory_bytes, board.flash_bytes, board.gateware), (1 << 18, FLASH_BYTES, 0xb01d));
    host.infers_digits(cell);
    let answer = host.ask(&Request::SelfTest);
    let Some(Reply::SelfTest(report)) = Reply::decode(&answer) else { panic!("{answer:?}") };
    let verdicts = [report.memory, report.flash, report.core].map(|test| test.verdict);
    assert_eq!(verdicts, [Verdict::Passed; 3], "{report:?}");
    assert!(host.machine.soc.watchdog_kicks > 100);
    check_stack("stick-ecp5", host.machine.stack_low, memory::RAM_BYTES_ECP5);
    // A reset, and all but the flash is new.
    host.done(&Request::Reboot { what: Reboot::Firmware });
    let limits = host.open(8);
    assert_eq!((limits.boots, limits.reset_cause), (2, 2));
}

#[test]
fn the_ecp5_boot_code_takes_the_newest_image_and_falls_back() {
    let cell = Architecture::new(16, 16, Precision::Int8).unwrap();
    let mut flash = MemoryFlash::new(FLASH_BYTES, 1);
    let firmware = file("stick-ecp5.bin");
    let target = (0, memory::BOOT_BYTES);
    install(&mut flash, Slot::A, 1, &firmware, target);
    // A newer one that does nothing: `j .`.
    install(&mut flash, Slot::B, 2, &[0x6f, 0, 0, 0], target);
    let mut owned = Owned::new(&cell, 64);
    let mut host = Host::new(ecp5(soc_of(cell, &mut owned, flash)));
    for attempt in 1..=image::ATTEMPTS_MAX {
        host.machine.run(2_000_000);
        assert_eq!(image::failed_attempts(&mut host.machine.soc.flash, Slot::B), attempt);
        // The watchdog bites.
        (host.machine.soc.reset, host.machine.soc.reset_cause) = (true, 1);
        host.machine.run(1);
    }
    host.open(1);
    let answer = host.ask(&Request::Board);
    let Some(Reply::Board(board)) = Reply::decode(&answer) else { panic!("{answer:?}") };
    assert_eq!((board.image_slot, board.image_counter), (0, 1));
    assert_eq!(board.firmware, SoftwareChecksum.checksum(&[&firmware]));
    assert_eq!(image::failed_attempts(&mut host.machine.soc.flash, Slot::A), 0, "a session confirms");
    check_stack("boot-ecp5", host.machine.boot_stack_low, memory::BOOT_BYTES);
}

/// The UP5K's device memory and MAC array, where a cell would be. The architecture is that of a soft core's programs.
struct MacBoard {
    cell: Architecture,
    mac: MacModel,
    runs: u64,
}

impl MacBoard {
    fn device(&mut self, address: u32, length: usize) -> Option<&mut [u8]> {
        let start = (memory::RAM_BYTES_UP5K + address) as usize;
        self.mac.spram.get_mut(start..start + length)
    }
}

impl Core for MacBoard {
    fn kind(&self) -> CoreKind {
        CoreKind::Array
    }
    fn architecture(&self) -> &Architecture {
        &self.cell
    }
    fn specification(&self) -> u64 {
        self.cell.specification()
    }
    fn read_register(&mut self, address: u32) -> u32 {
        self.mac.read_register(address)
    }
    fn write_register(&mut self, address: u32, value: u32) {
        self.runs += u64::from(address == mac::START);
        self.mac.write_register(address, value);
    }
    fn memory_bytes(&self) -> u32 {
        memory::DEVICE_BYTES_UP5K
    }
    fn read_memory(&mut self, address: u32, out: &mut [u8]) -> bool {
        self.device(address, out.len()).map(|bytes| out.copy_from_slice(bytes)).is_some()
    }
    fn write_memory(&mut self, address: u32, data: &[u8]) -> bool {
        self.device(address, data.len()).map(|bytes| bytes.copy_from_slice(data)).is_some()
    }
    fn interrupt(&mut self) -> bool {
        false
    }
    fn step(&mut self) {}
    fn restart(&mut self) {}
    fn reset(&mut self) {}
}

#[test]
fn the_up5k_image_infers_on_the_mac_array() {
    // As on the board: everything fits the SPRAM.
    let cell = Architecture::new(4, 4, Precision::Int8).unwrap();
    let cell = cell.with_activation_lanes(4096).unwrap().with_weight_words(512).unwrap().with_bias_words(64).unwrap();
    let cell = cell.with_accumulator_depth(64).unwrap().with_instruction_depth(64).unwrap();
    let mut flash = MemoryFlash::new(FLASH_BYTES, 1);
    install(&mut flash, Slot::A, 1, &file("stick-up5k.bin"), (1, memory::SPRAM));
    let mut soc = Soc::new(cell, MacBoard { cell, mac: MacModel::new(), runs: 0 }, flash);
    let boot = file("boot-up5k.bin");
    soc.ram[..boot.len()].copy_from_slice(&boot);
    let mut host = Host::new(soc);
    host.open(1);
    let answer = host.ask(&Request::Board);
    let Some(Reply::Board(board)) = Reply::decode(&answer) else { panic!("{answer:?}") };
    assert_eq!((board.core, board.image_slot), (CoreKind::Array, 0));
    host.infers_digits(cell);
    assert!(host.machine.soc.core.runs > 0);
    check_stack("boot-up5k", host.machine.boot_stack_low, memory::BOOT_BYTES);
    check_stack("stick-up5k", host.machine.stack_low, memory::SPRAM + memory::RAM_BYTES_UP5K);
}

#[test]
fn the_images_are_what_their_sums_say_and_fit() {
    use sha2::{Digest, Sha256};
    let sums = String::from_utf8(file("SHA256SUMS")).unwrap();
    assert_eq!(sums.lines().count(), 4);
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ./").unwrap();
        let bytes = file(name);
        let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, sum, "{name}");
        let limit = if name.starts_with("boot") { memory::BOOT_BYTES } else { image::IMAGE_MAX };
        assert!(bytes.len() as u32 <= limit, "{name}");
    }
}

#[test]
fn the_images_are_what_the_sources_build() {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("build");
    let has_tool = std::path::Path::new("/usr/bin/rustc").exists() && has_source();
    if !has_tool {
        let required = std::env::var("MYELIN_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
        assert!(!required, "MYELIN_REQUIRE_TOOLS=1, but rustc-web and rust-web-src are missing");
        eprintln!("SKIPPED: rebuilding the images needs rustc-web and rust-web-src");
        return;
    }
    let tools = Command::new("/usr/bin/rustc").arg("--version").output().unwrap().stdout;
    let expected = file("RUSTC.txt");
    if tools != expected {
        // Another compiler makes other bytes.
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        eprintln!("SKIPPED: the images are of {}, here is {}", text(&expected), text(&tools));
        return;
    }
    let out = std::env::temp_dir().join(format!("myelin-images-{}", std::process::id()));
    // Cargo's own variables of this build are not that one's.
    let mut command = Command::new(script);
    command.arg(&out);
    for (name, _) in std::env::vars().filter(|(name, _)| {
        name.starts_with("CARGO_") && name != "CARGO_HOME" || name == "RUSTC" || name == "RUSTFLAGS"
    }) {
        command.env_remove(name);
    }
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    let built = std::fs::read_to_string(out.join("SHA256SUMS")).unwrap();
    std::fs::remove_dir_all(&out).unwrap();
    assert_eq!(built, String::from_utf8(file("SHA256SUMS")).unwrap(), "run firmware/build and commit what it makes");
}

fn has_source() -> bool {
    let output = Command::new("/usr/bin/rustc").args(["--print", "sysroot"]).output();
    output.is_ok_and(|output| {
        let sysroot = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        PathBuf::from(sysroot).join("lib/rustlib/src/rust/library").exists()
    })
}
